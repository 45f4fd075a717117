"""The scales of an answer: link, response, and ratios, which are exponentials of differences of logarithms."""

from __future__ import annotations

from typing import Literal

import numpy as np

from hierbayes.errors import ModelError
from hierbayes.families import Family
from hierbayes.tables.numbers import Floats, share_positive

Scale = Literal["link", "response", "odds", "ratio"]
SCALES = ("link", "response", "odds", "ratio")
MULTIPLIED = ("odds", "ratio")
"""Scales on which nothing is 1, not 0."""

_POSITIVE = ("positive", "count", "binary", "binomial", "unit")
"""Values of a response whose mean is above 0, with a zero of its own."""


def log_means(family: Family) -> bool:
    """Whether the linear predictor is the logarithm of the mean, but for a constant: a link log, or log-normal."""
    return family.mean_link == "log"


def check_scale(scale: str, family: Family, what: str) -> None:
    """Refuse a scale that is not known, or that a question does not have under this family.

    Parameters
    ----------
    scale : str
    family : Family
    what : str
        "means", "contrasts" or "slopes" (contrasts of slopes too).

    Raises
    ------
    ModelError
        Says which scale there is instead.
    """
    if not isinstance(scale, str) or scale not in SCALES:
        known = f"{', '.join(repr(each) for each in SCALES[:-1])} or {SCALES[-1]!r}"
        raise ModelError(f"scale={scale!r} is not understood", f"write {known}")
    if scale == "odds" and not family.odds:
        raise ModelError(
            f'scale="odds" is for the link logit, and that of {family.name} is {_link(family)}: the exponential of its '
            "linear predictor is no odds",
            _instead_of_odds(family),
        )
    if scale != "ratio":
        return
    if what == "means":
        raise ModelError(
            'scale="ratio" compares two means, and fit.means() gives each by itself',
            'write fit.contrasts(..., scale="ratio"), or scale="response" for the means',
        )
    if family.values not in _POSITIVE:
        score = "scores have no zero of their own" if family.has_thresholds else "the mean may be 0 or negative"
        raise ModelError(
            f'scale="ratio" is for responses whose mean is above 0, and with {family.name} {score}: a ratio says '
            "nothing",
            'scale="odds" gives odds ratios' if family.odds else 'write scale="link" for differences',
        )
    if what == "slopes" and not log_means(family):
        raise ModelError(
            f"with {family} the ratio of means for one unit of a predictor depends on where it starts",
            'write fit.contrasts("x", at={"x": [a, b]}, scale="ratio") for the ratio between two values'
            + (', or scale="odds" for the odds ratio' if family.odds else ""),
        )


def _link(family: Family) -> str:
    return "log, for its location" if log_means(family) and family.link != "log" else family.link


def _instead_of_odds(family: Family) -> str:
    if family.values in _POSITIVE:
        return 'scale="ratio" gives ratios of means' + (" (risks)" if family.values in ("binary", "binomial") else "")
    return 'write scale="link" for differences'


def multiplied(scale: str) -> bool:
    """Whether answers on this scale are ratios or odds."""
    return scale in MULTIPLIED


def back(draws: Floats, scale: str) -> Floats:
    """Return draws on the scale that is asked for: exponentials of logarithms, or what they are."""
    with np.errstate(over="ignore"):  # what is beyond the largest double is infinite
        return np.exp(draws) if multiplied(scale) else draws


def share_above(draws: Floats, scale: str) -> dict[str, Floats]:
    """Return the posterior probability that a difference is above 0, or a ratio above 1, under the name of its column.

    Parameters
    ----------
    draws : array, shape (chain, draw, ...)
        Differences; of logarithms where ratios are asked for.
    scale : str
    """
    return {"prob_above_1" if multiplied(scale) else "prob_positive": share_positive(draws)}
