"""Regions of practical equivalence: how much of the posterior is practically zero.

Source: Kruschke (2018), Rejecting or accepting parameter values in Bayesian estimation, Advances in Methods and
Practices in Psychological Science 1, 270-280.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.stacked import one_each
from hierbayes.errors import ModelError
from hierbayes.summaries.questions.expressions import evaluate
from hierbayes.summaries.questions.parameters import Parameter, Parameters
from hierbayes.summaries.questions.reading import read
from hierbayes.tables.numbers import Floats, check_prob

COLUMNS = ("quantity", "low", "high", "lower", "upper", "below", "in_rope", "above", "in_rope_ci", "decision")


def check_region(name: str, given: Any) -> tuple[float, float]:
    """Return a region as two numbers.

    Raises
    ------
    ModelError
        If it is not a pair of numbers in order.
    """
    hint = "write two numbers in order, such as (-1, 1)"
    if isinstance(given, str | Mapping) or not isinstance(given, Sequence | np.ndarray) or len(given) != 2:
        raise ModelError(f"the region of {name} is {given!r}", hint)
    try:
        low, high = float(given[0]), float(given[1])
    except (TypeError, ValueError) as error:
        raise ModelError(f"the region of {name} is {given!r}", hint) from error
    if math.isnan(low) or math.isnan(high) or not low < high:
        raise ModelError(f"the region of {name} is {given!r}", hint)
    return low, high


def region_table(parameters: Parameters, regions: Any, ci_prob: float) -> pd.DataFrame:
    """Return one row for each quantity with its region; see `Fit.rope`."""
    ci_prob = check_prob(ci_prob)
    rows = []
    for quantity, region, draws in _quantities(parameters, regions):
        low, high = check_region(quantity, region)
        rows.append((quantity, low, high, *_shares(draws, low, high, ci_prob)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _quantities(parameters: Parameters, regions: Any) -> Iterator[tuple[str, Any, Floats]]:
    """Yield each quantity with its region and its draws; one region alone is for all coefficients."""
    if not isinstance(regions, Mapping):
        check_region("all coefficients", regions)
        for name in _slopes(parameters):
            index = (parameters.design.coefficients.index(name),)
            yield name, regions, parameters.draws(Parameter(name, "coefficient", index=index))
        return
    if not regions or not all(isinstance(text, str) for text in regions):
        raise ModelError("rope takes a mapping of quantities to regions", 'write {"Days": (-1, 1)}')
    for text, region in regions.items():
        check_region(text, region)
        node = read(text, parameters, compared=False).sides[0]
        yield " ".join(text.split()), region, evaluate(node, parameters, text)


def _slopes(parameters: Parameters) -> list[str]:
    design = parameters.design
    names = [name for name, alike in zip(design.coefficients, one_each(design), strict=True) if alike != "Intercept"]
    if not names:
        raise ModelError("the model has no coefficient beside the intercept", 'name one: {"Intercept": (-1, 1)}')
    return names


def _shares(
    draws: Floats, low: float, high: float, ci_prob: float
) -> tuple[float, float, float, float, float, float, str]:
    """Return limits, shares below, in and above the region, the share within the interval, and the decision."""
    flat = draws.reshape(-1)
    tail = (1 - ci_prob) / 2
    lower, upper = (float(limit) for limit in np.quantile(flat, [tail, 1 - tail]))
    within = flat[(flat >= lower) & (flat <= upper)]
    inside = float(np.mean((flat >= low) & (flat <= high)))
    share = float(np.mean((within >= low) & (within <= high))) if within.size else inside
    decision = "undecided"
    if low <= lower and upper <= high:
        decision = "equivalent"
    elif upper < low or high < lower:
        decision = "different"
    return lower, upper, float(np.mean(flat < low)), inside, float(np.mean(flat > high)), share, decision
