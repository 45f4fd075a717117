"""What a case of bad input must come to, and the judge of it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

import hierbayes as hb
from hierbayes.errors import HierBayesError, HierBayesWarning


@dataclass(frozen=True)
class Refused:
    """An error of hierbayes of this kind, with advice, whose text holds every word."""

    kind: type[HierBayesError]
    words: tuple[str, ...]


@dataclass(frozen=True)
class Warned:
    """One warning of hierbayes that holds every word; then a result of which `check` is true."""

    words: tuple[str, ...]
    check: Callable[[Any], bool] = lambda _: True


@dataclass(frozen=True)
class Right:
    """No word at all, and a result of which `check` is true."""

    check: Callable[[Any], bool]


Outcome = Refused | Warned | Right


@dataclass(frozen=True)
class Case:
    """A model that is asked for with bad or odd input."""

    name: str
    formula: Any
    data: Any
    outcome: Outcome
    options: Mapping[str, Any] = field(default_factory=dict)


def judge(outcome: Outcome, action: Callable[[], Any]) -> None:
    """Do the action and hold it against the outcome."""
    found, error = None, None
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found = action()
        except HierBayesError as raised:
            error = raised
    said = [str(one.message) for one in caught]
    assert all(issubclass(one.category, HierBayesWarning) for one in caught), said
    if isinstance(outcome, Warned):
        assert len(said) == 1, said
        missing = [word for word in outcome.words if word not in said[0]]
        assert missing == [], said
    else:
        assert said == []
    if isinstance(outcome, Refused):
        assert error is not None, "nothing was refused"
        refused(outcome, error)
    else:
        assert error is None, f"refused: {error}"
        assert outcome.check(found)


def refused(outcome: Refused, error: HierBayesError) -> None:
    """Hold an error against the outcome: its kind, its words, and that it says what to do."""
    assert type(error) is outcome.kind, repr(error)
    assert [word for word in outcome.words if word not in str(error)] == [], str(error)
    advised = error.hint or re.search(r"\b(write|must be)\b", error.what)
    assert advised, f"no advice: {error}"


def build(case: Case) -> hb.Model:
    """Make the model of a case up to the arrays of the engine, and see that the data are as they were."""
    before = case.data.copy(deep=True) if isinstance(case.data, pd.DataFrame) else None
    try:
        model = hb.Model(case.formula, case.data, **case.options)
        problem = model.problem
    finally:
        if before is not None:
            pd.testing.assert_frame_equal(case.data, before, check_exact=True)
    assert all(np.isfinite(array).all() for array in (problem.y, problem.X, *(block.Z for block in problem.blocks)))
    return model
