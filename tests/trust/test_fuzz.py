"""Random and mutated formulas, specifications and tables: an answer or an error of hierbayes, and in time.

HIERBAYES_FUZZ is the number of formulas, 1,500 by default; of specifications and of tables there are a tenth.
"""

from __future__ import annotations

import contextlib
import os
import random
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from trust import bad_data, bad_models
from trust.mutations import TooSlowError, column, in_time, made_formula, mutated, mutated_table, table_for

import hierbayes as hb
from hierbayes.catalogue import _folder, catalogue, read_spec
from hierbayes.design.build import build
from hierbayes.design.new_rows import rows_of
from hierbayes.design.scaling import resolve
from hierbayes.engines.assemble import assemble
from hierbayes.errors import FormulaError, HierBayesError, HierBayesWarning
from hierbayes.formula import parse
from hierbayes.spec import make_spec

MANY = int(os.environ.get("HIERBAYES_FUZZ", "1500"))
PLAIN = {"deadline": None, "derandomize": True, "database": None, "suppress_health_check": list(HealthCheck)}
CASES = [*bad_data.cases(), *bad_models.cases()]
FORMULAS = tuple(
    dict.fromkeys(
        [case.formula for case in CASES if isinstance(case.formula, str) and len(case.formula) < 200 and case.formula]
        + [spec.formula for spec in catalogue().values()]
        + [
            'log(y) ~ x * f - 1 + poly(x, 2, raw=TRUE) + C(f, Treatment("a"), levels=c("a", "b")) + (0 + x || g/h)',
            "y ~ (f + h + x)^2 / z - f:h + offset(log(n)) + bs(x, knots=[0, 0.5]) + I((x - 1)^2 > -z) + (x | g:h)",
            "y ~ scale(x) + center(z) + round(x, 1) + I(f == 'a') + (scale(x) | g) + (1 | k)",
        ]
    )
)
SPECS = (
    *(path.read_text(encoding="utf-8") for path in sorted(_folder().glob("*.toml"))),
    'formula = "Yield ~ 1 + (1 | Batch)"\ndata = "dyestuff"\nweights = "Yield"\nfamily = "gaussian"\n'
    '[priors]\nIntercept = "Normal(0, sigma=5)"\nsd_Batch = { dist = "HalfNormal", sigma = 50 }\n'
    'sigma = "hb.Fixed(0.5)"\n'
    '[contrasts]\nBatch = "sum"\n[sampling]\ndraws = 500\ntune = "auto"\nseed = 0\ntarget_accept = 0.9\n',
)
REACHED = {"read": 0, "refused": 0, "built": 0}


def built(spec: Any, data: Any) -> Any:
    """Build the model up to the arrays of the engine; an error of hierbayes is an answer too, and gives None."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            design = build(spec, data)
            problem, _ = assemble(design, resolve(spec, design))
        except HierBayesError:
            return None
    assert [one for one in caught if not issubclass(one.category, HierBayesWarning)] == []
    assert np.isfinite(problem.X).all()
    assert np.isfinite(problem.y).all()
    assert all(np.isfinite(block.Z).all() for block in problem.blocks)
    return design


def predicted(schema: Any, data: Any, response: bool) -> None:
    """Read the table as new data of a fit; an error of hierbayes is an answer too."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.suppress(HierBayesError):
            assert np.isfinite(rows_of(schema, data, response=response).X).all()
    assert [str(one) for one in caught if not issubclass(one.category, HierBayesWarning)] == []


@settings(max_examples=MANY, **PLAIN)
@given(st.integers(0, 2**64))
def test_a_formula_is_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    text = made_formula(chance) if chance.random() < 0.5 else chance.choice(FORMULAS)
    if chance.random() < 0.7:
        text = mutated(text, FORMULAS, chance)
    note(repr(text))
    with in_time():
        try:
            formula = parse(text)
        except FormulaError as error:
            place = 0 if error.text is None else error.start
            REACHED["refused"] += 1
            assert 0 <= place <= len(text)
            return
        REACHED["read"] += 1
        again = parse(formula.canonical)
        assert replace(again, text="") == replace(formula, text="")
        family = "gaussian" if formula.trials is None else "binomial"
        found = built(make_spec(formula, family_name=family), table_for(formula.columns, chance))
        REACHED["built"] += found is not None


def test_formulas_of_every_kind_were_met() -> None:
    """Else the mutations are too coarse, or the grammar is: hardly anything would reach the data."""
    total = REACHED["read"] + REACHED["refused"]
    if not total:
        pytest.skip("runs after the formulas, in their process")
    assert REACHED["refused"] > 0.2 * total
    assert REACHED["read"] > 0.3 * total
    assert REACHED["built"] > 0.1 * total


@settings(max_examples=max(MANY // 10, 1), **PLAIN)
@given(st.integers(0, 2**64))
def test_a_specification_is_read_or_refused(tmp_path_factory: Any, seed: int) -> None:
    chance = random.Random(seed)
    text = mutated(chance.choice(SPECS), SPECS, chance)
    note(repr(text))
    path = folder(tmp_path_factory) / "spec.toml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with in_time():
        try:
            stated = read_spec(path)
            options = stated.options()
            spec = make_spec(stated.formula, family_name=options.pop("family"), **options)
            built(spec, stated.table())
        except HierBayesError:
            pass
    assert [each.name for each in path.parent.iterdir()] == ["spec.toml"]


FOLDERS: list[Path] = []


def folder(factory: Any) -> Path:
    """One folder for all examples."""
    if not FOLDERS:
        FOLDERS.append(factory.mktemp("specs"))
    return FOLDERS[0]


TABLE_FORMULAS = (
    "y ~ x", "y ~ x * f + (x | g)", "y ~ 0 + f + (1 | g/h)", "y ~ poly(x, 2) + scale(z) + (z || g)",
    "log(y) ~ C(n) + t",
    "y ~ I(x * n) + I(f == 'a') + offset(z) + (0 + t | g)", "y ~ bs(x, 4) + n:f + (1 | n)",
)  # fmt: skip
COLUMNS = ("y", "x", "z", "n", "f", "h", "t", "g")


@settings(max_examples=max(MANY // 10, 1), **PLAIN)
@given(st.integers(0, 2**64))
def test_a_table_is_read_or_refused_and_stays_as_it_is(seed: int) -> None:
    chance = random.Random(seed)
    plain = pd.DataFrame({name: column(name, 30, random.Random(i)) for i, name in enumerate(COLUMNS)})
    spec = make_spec(chance.choice(TABLE_FORMULAS), weights=chance.choice([None, None, "n"]))
    data = mutated_table(plain, chance)
    note(repr((spec.formula.text, spec.weights, cells(data))))
    before = data.copy(deep=True)
    with in_time():
        built(spec, data)
        found = built(spec, plain)
        assert found is not None
        predicted(found.schema, data, chance.random() < 0.5)
    assert cells(data) == cells(before)


def cells(table: pd.DataFrame) -> list[str]:
    """Every name, type and value as text: pandas itself cannot compare a signalling NaN."""
    values = [repr(value) for i in range(table.shape[1]) for value in table.iloc[:, i].tolist()]
    return [repr(table.columns.tolist()), repr(table.dtypes.tolist()), *values]


def test_what_takes_too_long_is_stopped() -> None:
    started = time.monotonic()
    with pytest.raises(TooSlowError), in_time(0.05):
        time.sleep(5)
    assert time.monotonic() - started < 2
    time.sleep(0.1)  # no alarm is left behind


def test_an_error_of_another_kind_is_not_an_answer(monkeypatch: Any) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("from below")

    monkeypatch.setattr("trust.test_fuzz.resolve" if __name__ == "trust.test_fuzz" else f"{__name__}.resolve", broken)
    data = pd.DataFrame({"y": [1.0, 2, 4], "x": [3.0, 1, 1]})
    with pytest.raises(KeyError):
        built(make_spec("y ~ 1"), data)
    assert hb.__name__
