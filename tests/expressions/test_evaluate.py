"""Expressions: NumPy and PyTensor agree, what is read is mathematics, and nothing outside the allow-list is called."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hierbayes.design.arithmetic import call_columns
from hierbayes.design.stateful import States
from hierbayes.design.table import Numeric
from hierbayes.errors import FormulaError, ModelError
from hierbayes.expressions.evaluate import array_value, linear_sum, tensor_value
from hierbayes.expressions.functions import FUNCTIONS
from hierbayes.expressions.syntax import Call, Name, Text
from hierbayes.formula import parse, show

RNG = np.random.default_rng(1)
ARRAYS = {"x": RNG.normal(size=7), "k": np.array([0.5, 1, 2, 3, 1, 2, 0.1]), "z": np.round(RNG.normal(size=7) * 3)}
ROWS = [name for name, function in FUNCTIONS.items() if function.form is not None]


def read(text):
    return parse(f"y ~ I({text})").population.terms[0].atoms[0]


def tensors(expression):
    import pytensor

    inputs = {name: pytensor.tensor.dvector(name) for name in ARRAYS}
    value = tensor_value(expression, inputs)
    compute = pytensor.function(list(inputs.values()), value, on_unused_input="ignore", mode="FAST_COMPILE")
    return compute(*ARRAYS.values())


def both(text):
    expression = read(text)
    arrays = array_value(expression, ARRAYS)
    np.testing.assert_allclose(tensors(expression), arrays, rtol=1e-12, atol=1e-14, err_msg=text)
    return arrays


def test_every_function_of_rows_agrees():
    for name in ROWS:
        if name == "I":
            continue
        least, _ = FUNCTIONS[name].expressions
        both(f"{name}({', '.join(['k', 'x', 'z'][:least])})")
    both("round(x, 2)")
    both("round(x, digits=1)")
    both("pmax(x, k, z, 0)")


binary = st.sampled_from(["+", "-", "*", "/", "^", "<", "<=", ">", ">=", "==", "!="])
trees = st.recursive(
    st.sampled_from(["x", "k", "z", "2", "0.5", "pi"]),
    lambda inner: st.one_of(
        st.tuples(inner, binary, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(st.sampled_from(["-", "+"]), inner).map("".join),
        inner.map(lambda t: f"(!{t})"),
        st.tuples(st.sampled_from(["abs", "floor", "tanh", "exp"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(inner, inner, inner).map(lambda t: f"ifelse({', '.join(t)})"),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=trees)
def test_random_expressions_agree(text):
    with np.errstate(all="ignore"):
        both(f"x * 0 + {text}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x^-k", lambda x, k, z: x ** (-k)),
        ("x - (-z)", lambda x, k, z: x + z),
        ("x - -z", lambda x, k, z: x + z),
        ("-x^2", lambda x, k, z: -(x**2)),
        ("2^k^2", lambda x, k, z: 2 ** (k**2)),
        ("x - z - k", lambda x, k, z: (x - z) - k),
        ("x / k / 2", lambda x, k, z: (x / k) / 2),
        ("x / (k / 2)", lambda x, k, z: x / (k / 2)),
        ("ifelse(x > 0, 2, 3)^-1", lambda x, k, z: np.where(x > 0, 1 / 2, 1 / 3)),
        ("(x > 0) + (z > 0)", lambda x, k, z: (x > 0) * 1.0 + (z > 0)),
        ("-(x > 0)", lambda x, k, z: -1.0 * (x > 0)),
        ("(x > 0) - (z > 0)", lambda x, k, z: (x > 0) * 1.0 - (z > 0)),
        ("x * 0 + (-8)^(1/3)", lambda x, k, z: np.full(7, np.nan)),
        ("x / x * 1 / 0", lambda x, k, z: np.full(7, np.inf)),
    ],
)
def test_what_is_read_is_mathematics(text, expected):
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(both(text), expected(**ARRAYS), rtol=1e-13)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        ("y ~ eval(x)", "eval", "not an allowed function"),
        ("y ~ I(getattr(x, 1))", "getattr", "not an allowed function"),
        ("y ~ I(np.log(x))", "np.log", "not an allowed function"),
        ("y ~ I(x ^ (k + __import__(z)))", "__import__", "not an allowed function"),
    ],
)
def test_nothing_else_is_called(text, place, what):
    with pytest.raises(FormulaError, match=what) as caught:
        parse(text)
    caret = str(caught.value).splitlines()[2]
    start = caret.index("^") - 4
    assert text[start : start + len(caret.strip())] == place


def test_a_tree_of_other_hands_calls_nothing_else():
    for name in ("eval", "__import__", "system"):
        with pytest.raises(KeyError):
            array_value(Call(name, (Name("x"),)), ARRAYS)
    for name in ("poly", "scale", "C"):
        with pytest.raises(ModelError, match="cannot be computed row by row"):
            array_value(Call(name, (Name("x"),)), ARRAYS)
    with pytest.raises(ModelError, match="is no number"):
        tensor_value(Text("a"), {})


def test_weighted_sums():
    weights, constant = linear_sum(read("x").args[0]), linear_sum(read("2*(x - z)/4 + abs(-3) - x").args[0])
    assert weights == ({Name("x"): 1.0}, 0.0)
    assert constant == ({Name("x"): -0.5, Name("z"): -0.5}, 3.0)
    for text in ("x*z", "x^2", "1/x", "!x", "x > 0", "x/0", "log(x)", "round(x)"):
        assert linear_sum(read(text).args[0]) is None, text


LEARNT = ["center(x)", "poly(x, 3)", "poly(k, degree=2, raw=True)", "bs(x, df=5)", "bs(x, 4, None, 2, True)"]
LEARNT += ["bs(x, knots=[-0.5, 0.25], lower_bound=-4, upper_bound=4)", "bs(x, df=3, degree=0)", "poly(x^2, 2)"]


@pytest.mark.parametrize("text", LEARNT)
def test_functions_that_learn_as_formulae_has_them(text):
    transforms = pytest.importorskip("formulae.transforms")
    call = parse(f"y ~ {text}").population.terms[0].atoms[0]
    x = RNG.normal(size=40)
    columns = {"x": Numeric("x", x), "k": Numeric("k", np.abs(x))}
    states = States()
    found = call_columns(call, columns, 40, states)
    namespace = {"x": x, "k": np.abs(x), "None": None, "True": True}
    namespace |= {name: transforms.TRANSFORMS[name]() for name in ("center", "poly", "bs")}
    expected = np.asarray(eval(text.replace("^", "**"), {"__builtins__": {}}, namespace)).reshape(40, -1)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)
    # what was learnt passes through a file, and gives rows by themselves the same numbers
    known = json.loads(json.dumps(dict(states.known)))
    first = {name: Numeric(name, column.values[:3]) for name, column in columns.items()}
    np.testing.assert_array_equal(call_columns(call, first, 3, States.frozen(known)), found[:3])


def test_states_of_files_of_before_are_read():
    known = {
        "bs(x, df=3, degree=2)": {"knots": [0.0, 0.0, 0.0, 1.0, 3.0, 3.0, 3.0], "degree": 2, "intercept": False},
        "poly(x, 2)": {"alpha": {"0": 1.5, "1": 1.5}, "norms2": {"0": 4.0, "1": 5.0, "2": 4.0}},
        "scale(x)": {"mean": 1.5, "std": 2.0},
    }
    columns = {"x": Numeric("x", np.array([0.0, 1.0, 3.0]))}
    expected = {
        "bs(x, df=3, degree=2)": [[0, 0, 0], [2 / 3, 1 / 3, 0], [0, 0, 1]],
        "poly(x, 2)": np.array([[-1.5, 1], [-0.5, -1], [1.5, 1]]) / np.sqrt([5, 4]),
        "scale(x)": [[-0.75], [-0.25], [0.75]],
    }
    for text, wanted in expected.items():
        call = parse(f"y ~ {text}").population.terms[0].atoms[0]
        assert show(call) == text
        np.testing.assert_allclose(call_columns(call, columns, 3, States.frozen(known)), wanted, atol=1e-15)


def test_means_within_levels_may_be_nested():
    call = parse("y ~ ave(x - ave(x, g), h)").population.terms[0].atoms[0]
    columns = {"x": Numeric("x", np.array([1.0, 3, 5, 8])), "g": Numeric("g", np.array([1.0, 1, 2, 2]))}
    columns["h"] = Numeric("h", np.array([1.0, 2, 1, 1]))
    rest = np.array([-1.0, 1, -1.5, 1.5])
    expected = [rest[[0, 2, 3]].mean(), rest[1], rest[[0, 2, 3]].mean(), rest[[0, 2, 3]].mean()]
    np.testing.assert_allclose(call_columns(call, columns, 4, States())[:, 0], expected, rtol=1e-14)
