"""Categories without an order from the column to the arrays: what is read, how it is stacked, which priors it has."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from oracles.categories import STRUCTURES, predictors, table
from oracles.given import covariance_parts

import hierbayes as hb
from hierbayes.design.design import Design
from hierbayes.design.new_rows import rows_of
from hierbayes.design.schema import Schema
from hierbayes.design.stacked import one_each, owners, single_design, single_schema, term_places
from hierbayes.engines.assemble import assemble
from hierbayes.engines.naming import as_given
from hierbayes.errors import DataError, FormulaError, HierBayesWarning, ModelError
from hierbayes.families import family as by_name
from hierbayes.priors import LKJ, Fixed, Flat, HalfStudentT, Normal


def frame(y) -> pd.DataFrame:
    return pd.DataFrame({"y": y, "x": np.linspace(-1, 1, len(y)), "g": [f"g{i % 3}" for i in range(len(y))]})


def design_of(y, formula="y ~ x", **options) -> Design:
    return hb.Model(formula, frame(y), family="categorical", **options).design


# what is read


@pytest.mark.parametrize(
    ("y", "categories"),
    [
        (list("cabcab"), ("a", "b", "c")),
        (pd.Series(list("cabcab"), dtype="string"), ("a", "b", "c")),
        (pd.Categorical(list("cabcab"), list("cab")), ("c", "a", "b")),
        (pd.Categorical(list("cabcab"), list("cab"), ordered=True), ("c", "a", "b")),
        (pd.Categorical([10, 9, 8] * 2, [9, 8, 10]), ("9", "8", "10")),
        ([3, 1, 10, 3, 1, 10], ("1", "3", "10")),
        ([-1.0, 0.0, 2.0, 0.0, -1.0, 2.0], ("-1", "0", "2")),
        (np.array([2, 1, 0] * 2, dtype=np.uint8), ("0", "1", "2")),
        (["é", "zwölf", "日本", "é", "zwölf", "日本"], ("zwölf", "é", "日本")),
        (["Intercept", "x", "", "x", "Intercept", ""], ("", "Intercept", "x")),
    ],
)
def test_categories_are_numbered_from_the_reference(y, categories):
    design = design_of(y)
    labels = [str(int(value)) if isinstance(value, float) else str(value) for value in list(y)]
    assert design.categories == categories
    assert design.y.tolist() == [categories.index(label) + 1 for label in labels]
    assert design.family == by_name("categorical(logit)", 3)
    assert design.coefficients == tuple(f"{name}:{label}" for name in categories[1:] for label in ("Intercept", "x"))
    assert design.modelled is None
    assert (design.n, design.predictors, design.X.shape) == (6, 2, (12, 4))
    assert f"{', '.join(categories[1:])}, each against {categories[0]}" in repr(design)


def test_other_frames_and_computed_responses():
    data = pl.DataFrame(frame(list("cabcab")).to_dict("list"))
    assert hb.Model("y ~ x", data, family="categorical").design.categories == ("a", "b", "c")
    kept = pl.Series(list("cabcab"), dtype=pl.Enum(["b", "c", "a"]))
    assert hb.Model("y ~ x", data.with_columns(y=kept), family="categorical").design.categories == ("b", "c", "a")
    computed = hb.Model("I(5 - y) ~ x", frame([1, 2, 3, 1, 2, 3]), family="categorical").design
    assert computed.categories == ("2", "3", "4")
    assert computed.y.tolist() == [3, 2, 1, 3, 2, 1]


@pytest.mark.parametrize(
    ("y", "what", "hint"),
    [
        (list("ababab"), "has 2 categories ('a' and 'b'); the categorical family takes three or more", "bernoulli"),
        ([0, 1] * 3, "has 2 categories ('0' and '1')", "bernoulli"),
        ([True, False] * 3, "has 2 categories ('False' and 'True')", "bernoulli"),
        (pd.Series([True, False] * 3, dtype="boolean"), "has 2 categories", "bernoulli"),
        (list("aaaaaa"), "has one category ('a')", "look at the column"),
        (pd.Categorical(list("aabbaa"), list("abc")), "has 2 categories ('a' and 'b')", "bernoulli"),
        (list(range(51)) * 2, "has 51 categories, each with a linear predictor of its own; at most 50", "pd.cut"),
        ([1, 2, 2.5, 3, 1, 2], "is 2.5 in row 2 (counting from 0); the categorical family takes texts", "pd.cut"),
    ],
)
def test_responses_that_are_refused(y, what, hint):
    with pytest.raises(DataError) as caught:
        design_of(y)
    assert what in str(caught.value)
    assert hint in str(caught.value)


def test_fifty_categories_are_taken():
    assert design_of(list(range(50)) * 3).predictors == 49


def test_unused_levels_are_left_out():
    """A category that no row has would have a log odds of minus infinity: it is no category of the model."""
    y = pd.Categorical(list("caecae"), list("ecdab"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert design_of(y).categories == ("e", "c", "a")
    data = frame(list("abcabcd"))
    data.loc[6, "x"] = np.nan
    with pytest.warns(HierBayesWarning, match="1 of 7"):
        design = hb.Model("y ~ x", data, family="categorical").design
    assert design.categories == ("a", "b", "c")
    assert design.rows.tolist() == [0, 1, 2, 3, 4, 5]
    data = frame([*"abcabc", None])
    with pytest.warns(HierBayesWarning, match="1 of 7"):
        assert hb.Model("y ~ x", data, family="categorical").design.categories == ("a", "b", "c")
    with pytest.raises(DataError, match="missing"):
        hb.Model("y ~ x", data, family="categorical", missing="raise")


def test_data_are_never_changed():
    data = frame(pd.Categorical(list("cabcab"), list("cab")))
    kept = data.copy(deep=True)
    hb.Model("y ~ x + (x | g)", data, family="categorical").prior_predictive(draws=2, seed=1)
    pd.testing.assert_frame_equal(data, kept)


def test_new_rows_are_read_as_those_of_the_fit():
    design = design_of(pd.Categorical(list("cabcab"), list("cab")), "y ~ x + (x | g)")
    found = rows_of(design.schema, frame(list("bc")), response=True)
    assert found.y.tolist() == [3, 1]
    assert found.X.shape == (4, 4)
    for data in (frame(["a", "d"]), frame(pd.Categorical(["a", "d"])), frame([1, 2])):
        with pytest.raises(
            DataError, match=r"the category '\w' in row \d \(counting from 0\), which the fit has not"
        ) as own:
            rows_of(design.schema, data, response=True)
        assert "c, a, b" in str(own.value)
    numbers = design_of([3, 1, 7, 3, 1, 7])
    assert rows_of(numbers.schema, frame([7, 3]), response=True).y.tolist() == [3, 2]
    with pytest.raises(DataError, match="the category '5' in row 1"):
        rows_of(numbers.schema, frame([7, 5]), response=True)
    with pytest.raises(DataError, match="the model reads it as a number"):
        rows_of(numbers.schema, frame(["7", "3"]), response=True)
    # other columns need no response
    assert rows_of(numbers.schema, {"x": 0.5}).X.tolist() == [[1, 0.5, 0, 0], [0, 0, 1, 0.5]]


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_rows_of_the_fit_come_back(name):
    design = STRUCTURES[name].model().design
    found = rows_of(Schema.from_json(design.schema.to_json()), table(), response=True)
    np.testing.assert_array_equal(found.X, design.X)
    np.testing.assert_array_equal(found.y, design.y)
    np.testing.assert_array_equal(found.weights, design.weights)
    assert len(found.groups) == len(design.groups)
    for own, block in zip(found.groups, design.groups, strict=True):
        np.testing.assert_array_equal(own.Z, block.Z)
        np.testing.assert_array_equal(own.codes, block.codes)
    few = rows_of(design.schema, table().iloc[[7, 3]])
    places = [row * design.predictors + c for row in (7, 3) for c in range(design.predictors)]
    np.testing.assert_array_equal(few.X, design.X[places])


def test_offsets_are_refused_with_their_place():
    for text in ("x", "log(x + 3)"):
        formula = f"y ~ 1 + offset({text}) + (1 | g)"
        with pytest.raises(FormulaError) as caught:
            hb.Model(formula, frame(list("abcabc")), family="categorical")
        assert "against the reference alike" in str(caught.value)
        *_, shown, marks, _ = str(caught.value).splitlines()
        assert shown.strip() == formula
        assert "".join(c for c, mark in zip(shown, marks.ljust(len(shown)), strict=True) if mark != " ") == text


@pytest.mark.parametrize("left", ["y | trials(g)", "cbind(x, x)", "y | se(x)"])
def test_a_categorical_response_has_no_trials_and_no_errors(left):
    with pytest.raises((ModelError, DataError, FormulaError)):
        hb.Model(f"{left} ~ 1", frame(list("abcabc")), family="categorical")


def test_labels_that_would_clash_are_refused():
    """b, of x:z, and b:x, of z: one label for two columns."""
    data = frame(["a", "b", "b:x"] * 8).assign(z=np.arange(24.0) % 7)
    for formula in ("y ~ x * z", "y ~ 1 + (x * z | g)"):
        with pytest.raises(DataError, match=r"two columns would both be called 'b:x:z'") as caught:
            hb.Model(formula, data, family="categorical")
        assert "rename a category of the response" in str(caught.value)
    assert hb.Model("y ~ z", data, family="categorical").design.coefficients[2:] == ("b:x:Intercept", "b:x:z")


def test_a_key_of_two_meanings_is_refused():
    """The interaction a:x of all categories, and x of the category a."""
    data = frame(["0", "a", "z"] * 8).assign(a=np.arange(24.0) % 7)
    options = {"data": data, "family": "categorical"}
    found = hb.Model("y ~ a * x", **options, priors={"z:x": Normal(0, 9), "a:a:x": Normal(0, 8)})
    assert dict(zip(found.design.coefficients, found.resolved_priors.beta, strict=True))["a:a:x"] == Normal(0, 8)
    with pytest.raises(ModelError, match="the key 'a:x' has two meanings among the categories"):
        hb.Model("y ~ a * x", **options, priors={"a:x": Normal(0, 1)})


# stacking


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_arrays_are_those_of_loops(name):
    """X beta + sum Z b is the predictor of each row and category that loops over labels give."""
    structure = STRUCTURES[name]
    design = structure.model().design
    rng = np.random.default_rng(3)
    for _ in range(2):
        beta = rng.normal(size=len(design.coefficients))
        b = {
            factor: rng.normal(size=(own[0].n_levels, sum(len(block.terms) for block in own)))
            for factor in design.factors
            if (own := design.blocks(factor))
        }
        eta = design.X @ beta
        start = dict.fromkeys(design.factors, 0)
        for block in design.groups:
            part = slice(start[block.factor], start[block.factor] + len(block.terms))
            eta = eta + np.sum(block.Z * b[block.factor][block.codes, part], axis=1)
            start[block.factor] = part.stop
        expected = predictors(structure, design, beta, b)
        np.testing.assert_allclose(eta.reshape(expected.shape), expected, rtol=1e-12, atol=1e-12)
        whole = np.concatenate([b[block.factor][:, places].ravel() for block, places in blocks_of(design)] or [[]])
        np.testing.assert_allclose(design.X @ beta + design.Z @ whole, expected.ravel(), rtol=1e-12, atol=1e-12)


def blocks_of(design):
    """Return each block with the places of its terms among those of its factor."""
    start = dict.fromkeys(design.factors, 0)
    for block in design.groups:
        first = start[block.factor]
        start[block.factor] = first + len(block.terms)
        yield block, np.arange(first, start[block.factor])


@pytest.mark.parametrize("name", STRUCTURES)
def test_one_category_is_a_bernoulli_response(name):
    """single_design gives what the formula makes of the same data with that category against the reference."""
    structure = STRUCTURES[name]
    design = structure.model().design
    left, right = structure.formula.split(" ~ ")
    for c, category in enumerate(structure.categories[1:], start=1):
        answers = table()[left].astype(str)
        kept = np.flatnonzero(answers.isin([structure.categories[0], category]))
        found = single_design(design, c, kept)
        one = table().iloc[kept].assign(said=pd.Categorical(answers.iloc[kept], [structure.categories[0], category]))
        options = {key: own for key, own in structure.options.items() if key != "priors"}
        wanted = hb.Model(f"said ~ {right}", one, family="bernoulli", **options).design
        assert found.coefficients == wanted.coefficients
        assert found.terms == wanted.terms
        np.testing.assert_array_equal(found.X, wanted.X)
        np.testing.assert_array_equal(found.y, wanted.y)
        np.testing.assert_array_equal(found.weights, wanted.weights)
        np.testing.assert_array_equal(found.offset, wanted.offset)
        assert found.modelled == wanted.modelled == category
        assert [(g.factor, g.terms, g.split, g.intercept) for g in found.groups] == [
            (g.factor, g.terms, g.split, g.intercept) for g in wanted.groups
        ]
        for own, other in zip(found.groups, wanted.groups, strict=True):
            np.testing.assert_array_equal(own.Z, other.Z)
            assert [own.levels[code] for code in own.codes] == [other.levels[code] for code in other.codes]
        assert [column.name for column in found.columns] == [column.name for column in design.columns]
        assert all(len(column_values(column)) == len(kept) for column in found.columns)
        assert single_schema(design.schema, c) == found.schema
        everyone = single_design(design, c)
        assert everyone.n == design.n
        assert everyone.y.sum() == found.y.sum() == (answers == category).sum()


def column_values(column):
    return column.codes if hasattr(column, "codes") else column.values


@pytest.mark.parametrize("name", STRUCTURES)
def test_the_places_of_terms(name):
    structure = STRUCTURES[name]
    design = structure.model().design
    S = len(structure.categories) - 1
    seen = []
    for factor in design.factors:
        terms = [term for block in design.blocks(factor) for term in block.terms]
        for c, category in enumerate(structure.categories[1:], start=1):
            own = [terms[i] for i in term_places(design.schema, factor, c)]
            alone = [t for g in single_schema(design.schema, c).groups if g.factor == factor for t in g.terms]
            assert own == [f"{category}:{term}" for term in alone]
            seen += own
    assert sorted(seen) == sorted(term for block in design.groups for term in block.terms)
    counts: dict[str, int] = {}
    for block in design.groups:
        number = counts.get(block.factor, 0) % S if block.split else 0
        counts[block.factor] = counts.get(block.factor, 0) + int(block.split)
        for term, place in zip(block.terms, owners(block, number, S), strict=True):
            assert term.startswith(f"{structure.categories[1 + place]}:")
    assert one_each(design) == tuple(label.split(":", 1)[1] for label in design.coefficients)


def test_double_bars_leave_no_correlation():
    joined, apart = (STRUCTURES[name].model() for name in ("slopes", "uncorrelated"))
    assert [block.terms for block in joined.design.groups] == [
        ("perhaps:Intercept", "perhaps:x", "yes:Intercept", "yes:x")
    ]
    assert [block.terms for block in apart.design.groups] == [
        ("perhaps:Intercept",), ("yes:Intercept",), ("perhaps:x",), ("yes:x",)
    ]  # fmt: skip
    assert "corr_g" in joined.priors.index
    assert "corr_g" not in apart.priors.index
    # a categorical predictor split off keeps the correlations among its own columns, for each category apart
    levels = STRUCTURES["factor uncorrelated"].model().design.groups
    assert [block.terms for block in levels] == [tuple(f"{c}:f[{f}]" for f in "pqr") for c in ("perhaps", "yes")]


@pytest.mark.parametrize("name", STRUCTURES)
def test_internal_coordinates_have_the_same_predictors(name):
    """Coefficients and effects at the centres, taken back, give the predictors that they give inside."""
    structure = STRUCTURES[name]
    model = structure.model()
    problem, labels = assemble(model.design, model.resolved_priors)
    rng = np.random.default_rng(4)
    beta = rng.normal(size=problem.p)
    effects = [rng.normal(size=(block.n_levels, block.Z.shape[1])) for block in problem.blocks]
    inside = problem.X @ beta
    for block, own in zip(problem.blocks, effects, strict=True):
        inside = inside + np.sum(block.Z * own[block.codes], axis=1)
    b = {
        factor: np.hstack([effects[i] @ problem.blocks[i].back.T for i in members])
        for factor, members in labels.grouped.items()
    }
    given = predictors(structure, model.design, problem.beta_back @ beta, b)
    np.testing.assert_allclose(inside, given.ravel(), rtol=1e-11, atol=1e-11)


def test_what_is_centred():
    model = STRUCTURES["slopes"].model()
    problem, labels = assemble(model.design, model.resolved_priors)
    middle = table()["x"].mean()
    np.testing.assert_allclose(model.resolved_priors.centre, [0, middle, 0, middle])
    back = np.eye(4)
    back[0, 1] = back[2, 3] = -middle
    np.testing.assert_allclose(model.resolved_priors.blocks[0].basis, back)
    np.testing.assert_allclose(problem.beta_back, back)
    np.testing.assert_allclose(problem.blocks[0].back, back)
    # zeros stay where a column belongs to the other category
    assert np.all(problem.X[0::2, 2:] == 0)
    assert np.all(problem.X[1::2, :2] == 0)
    # draws for the columns as given: Sigma = A Sigma_c A'
    from hierbayes.comparison.prior_draws import draw_parameters

    drawn = draw_parameters(problem, 5, np.random.default_rng(1))
    found = as_given(problem, labels, drawn, 1)
    for i in range(5):
        sd, corr = covariance_parts(back, drawn.sds[0][i], drawn.corrs[0][i])
        np.testing.assert_allclose(found["sd_g"][0, i], sd, rtol=1e-12)
        np.testing.assert_allclose(found["corr_g"][0, i], corr, rtol=1e-10, atol=1e-13)
    # a prior of the user's own is read as written
    for key in ("sd_g", "sd_g[x]", "sd_g[yes:Intercept]", "corr_g"):
        own = STRUCTURES["slopes"].model(priors={key: LKJ(3) if key == "corr_g" else hb.HalfNormal(1)})
        assert not own.resolved_priors.blocks[0].moved
    assert not STRUCTURES["uncorrelated"].model(priors=None).resolved_priors.blocks[2].moved
    assert not STRUCTURES["no intercept"].model().resolved_priors.centre.any()


# priors


def shown(model: hb.Model) -> dict[str, tuple[str, str]]:
    return {str(name): (str(row["prior"]), row["source"]) for name, row in model.priors.iterrows()}


def test_default_priors():
    data = table()
    model = hb.Model("y3 ~ x + z + (x | g) + (1 | h)", data, family="categorical")
    counts = data["y3"].value_counts()
    x, z = data["x"], data["z"]
    left = (x - np.polyval(np.polyfit(z, x, 1), z)).std()
    found = dict(zip(model.design.coefficients, model.resolved_priors.beta, strict=True))
    for category in ("perhaps", "yes"):
        intercept = found[f"{category}:Intercept"]
        assert intercept.mu == pytest.approx(np.log(counts[category] / counts["no"]), rel=1e-12)
        assert intercept.sigma == 2.5
        assert found[f"{category}:x"] == found["perhaps:x"]
        assert found[f"{category}:x"].mu == 0
        assert found[f"{category}:x"].sigma == pytest.approx(2.5 / left, rel=1e-9)
    assert found["perhaps:Intercept"].mu != found["yes:Intercept"].mu
    slopes, plain = model.resolved_priors.blocks
    assert {type(own) for own in slopes.sd} == {HalfStudentT}
    assert [own.sigma for own in slopes.sd] == pytest.approx([2.5, 2.5 / x.std()] * 2)
    assert (slopes.corr, plain.corr) == (LKJ(1), LKJ(2))
    assert {source for _, source in shown(model).values()} == {"default"}
    assert "sigma" not in model.priors.index
    assert model.priors.loc["yes:Intercept", "note"] == "at the mean of the predictors"
    assert model.priors.loc["yes:x", "note"] == ""
    assert set(model.priors.loc[["sd_g[yes:x]", "corr_g"], "note"]) == {"at the mean of its predictors"}


def test_default_priors_do_not_depend_on_the_order_of_rows_or_levels():
    data = table()
    one = shown(hb.Model("y4 ~ x + (x | g)", data, family="categorical"))
    other = shown(hb.Model("y4 ~ x + (x | g)", data.iloc[::-1], family="categorical"))
    assert one.keys() == other.keys()
    moved = data.assign(y4=data["y4"].cat.reorder_categories(["tea", "cola", "water", "beer"]))
    assert shown(hb.Model("y4 ~ x + (x | g)", moved, family="categorical")) == one


def test_without_an_intercept_the_cells_lie_around_the_log_odds():
    model = hb.Model("y3 ~ 0 + f", table(), family="categorical")
    counts = table()["y3"].value_counts()
    for label, prior in zip(model.design.coefficients, model.resolved_priors.beta, strict=True):
        assert prior.mu == pytest.approx(np.log(counts[label.split(":")[0]] / counts["no"]))


EVERY_KEY = [
    ({"beta": Normal(0, 7)}, ["perhaps:Intercept", "perhaps:x", "yes:Intercept", "yes:x"]),
    ({"Intercept": Normal(0, 7)}, ["perhaps:Intercept", "yes:Intercept"]),
    ({"x": Normal(0, 7)}, ["perhaps:x", "yes:x"]),
    ({"yes:x": Normal(0, 7)}, ["yes:x"]),
    ({"sd_g": hb.HalfNormal(7)}, [f"sd_g[{c}:{t}]" for c in ("perhaps", "yes") for t in ("Intercept", "x")]),
    ({"sd_g[x]": hb.HalfNormal(7)}, ["sd_g[perhaps:x]", "sd_g[yes:x]"]),
    ({"sd_g[yes:Intercept]": hb.HalfNormal(7)}, ["sd_g[yes:Intercept]"]),
    ({"corr_g": LKJ(7)}, ["corr_g"]),
    ({"sd_h": hb.HalfNormal(7)}, ["sd_h[perhaps:Intercept]", "sd_h[yes:Intercept]"]),
]


@pytest.mark.parametrize(("priors", "reached"), EVERY_KEY, ids=[next(iter(priors)) for priors, _ in EVERY_KEY])
@pytest.mark.parametrize("names", [{}, {"perhaps": "a:b", "yes": "c/d e"}, {"perhaps": "p:Intercept", "yes": "x:x"}])
def test_every_key_reaches_what_it_names(priors, reached, names):
    def renamed(key):
        for old, new in names.items():
            key = key.replace(f"{old}:", f"{new}:")
        return key

    data = table().assign(y3=pd.Categorical(table()["y3"], ["no", "perhaps", "yes"]).rename_categories(names))
    priors = {renamed(key): prior for key, prior in priors.items()}
    found = shown(hb.Model("y3 ~ x + (x | g) + (1 | h)", data, family="categorical", priors=priors))
    (prior,) = priors.values()
    assert [name for name, own in found.items() if own == (str(prior), "user")] == [renamed(key) for key in reached]
    assert {own[1] for name, own in found.items() if name not in map(renamed, reached)} == {"default"}


def test_the_narrower_key_wins():
    model = hb.Model(
        "y3 ~ x + (x | g)",
        table(),
        family="categorical",
        priors={"beta": Normal(0, 1), "x": Normal(0, 2), "yes:x": Normal(0, 3), "sd_g": hb.HalfNormal(1),
                "sd_g[x]": hb.HalfNormal(2), "sd_g[yes:x]": hb.HalfNormal(3)},
    )  # fmt: skip
    assert [prior.sigma for prior in model.resolved_priors.beta] == [1, 2, 1, 3]
    assert [prior.sigma for prior in model.resolved_priors.blocks[0].sd] == [1, 2, 1, 3]


def test_double_bars_take_every_key():
    priors = {"sd_g[x]": hb.HalfNormal(2), "sd_g[yes:Intercept]": hb.HalfNormal(3), "sd_g": hb.HalfNormal(4)}
    model = hb.Model("y3 ~ x + (x || g)", table(), family="categorical", priors=priors)
    assert {name: own[0] for name, own in shown(model).items() if name.startswith("sd_")} == {
        "sd_g[perhaps:Intercept]": "HalfNormal(4)",
        "sd_g[yes:Intercept]": "HalfNormal(3)",
        "sd_g[perhaps:x]": "HalfNormal(2)",
        "sd_g[yes:x]": "HalfNormal(2)",
    }
    with pytest.raises(ModelError, match="there is no parameter 'corr_g'"):
        hb.Model("y3 ~ x + (x || g)", table(), family="categorical", priors={"corr_g": LKJ(2)})


@pytest.mark.parametrize(
    ("priors", "what"),
    [
        ("flat", "flat priors are not taken with the categorical family"),
        ({"beta": Flat()}, "a flat prior is not taken with the categorical family"),
        ({"yes:x": Flat()}, "a flat prior is not taken"),
        ({"sd_g": Flat()}, "a flat prior is not taken"),
        ({"sd_g[yes:x]": Flat()}, "a flat prior is not taken"),
        ({"yes:X": Normal(0, 1)}, "did you mean 'yes:x'"),
        ({"no:x": Normal(0, 1)}, "there is no parameter 'no:x'"),
        ({"sd_g[no:x]": hb.HalfNormal(1)}, "there is no parameter 'sd_g[no:x]'"),
        ({"sigma": hb.HalfNormal(1)}, "there is no parameter 'sigma'"),
        ({"perhaps:Intercept": hb.HalfNormal(1)}, "does not fit 'perhaps:Intercept'"),
        ({"sd_g[x]": Normal(0, 1)}, "does not fit 'sd_g[perhaps:x]'"),
        ({"corr_g": Fixed(((1.0, 0.5), (0.5, 1.0)))}, "no 4 x 4 correlation matrix"),
        ({"corr_g": Fixed(-0.5)}, "no 4 x 4 correlation matrix"),
        ({"sd_g": Fixed(-1.0)}, "it can be fixed at a number from 0 up"),
        ({"x": Normal(0, 1e200)}, "cannot be squared"),
    ],
)
def test_priors_that_are_refused(priors, what):
    with pytest.raises(ModelError) as caught:
        hb.Model("y3 ~ x + (x | g)", table(), family="categorical", priors=priors)
    assert what in str(caught.value)


def test_fixed_sds_and_correlations():
    model = STRUCTURES["fixed"].model()
    slopes, plain = model.resolved_priors.blocks
    assert [prior for prior in slopes.sd if isinstance(prior, Fixed)] == [Fixed(1.5), Fixed(0.4), Fixed(0.4)]
    assert isinstance(slopes.sd[2], HalfStudentT)
    np.testing.assert_array_equal(slopes.corr.value, 0.2 + 0.8 * np.eye(4))
    assert plain.sd == (Fixed(0.7), Fixed(0.7))
    drawn = model.prior_draws(draws=20, seed=1)
    np.testing.assert_array_equal(drawn["sd_g"].sel(g_term="yes:x"), 0.4)
    np.testing.assert_allclose(drawn["corr_g"].sel(g_term="yes:x", g_term2="perhaps:x"), 0.2)


def test_columns_that_cannot_be_told_apart_are_refused():
    data = table().assign(v=2 * table()["x"])
    with pytest.raises(ModelError, match="column 'v' of the population part: it is a linear combination"):
        hb.Model("y3 ~ x + v", data, family="categorical", rank="raise")
    with pytest.raises(ModelError, match="column 'v' of the term of 'g': it is a linear combination"):
        hb.Model("y3 ~ x + (x + v | g)", data, family="categorical", rank="raise")
