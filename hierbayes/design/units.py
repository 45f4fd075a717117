"""The scale of each column, and with it the default priors of the coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.even import scale_of
from hierbayes.design.groups import GroupBlock
from hierbayes.design.table import Floats
from hierbayes.errors import ModelError
from hierbayes.priors import Normal, Prior

WEAK = 2.5

EVEN = 1e-13
"""A column whose spread is less than this share of its size holds little but what rounding left of it."""


@dataclass(frozen=True)
class Units:
    """Where the response lies and how much it varies, on the scale of the linear predictor.

    Attributes
    ----------
    mean, sd, rms : float
        Mean, standard deviation and root mean square, less the offset.
    """

    mean: float
    sd: float
    rms: float


def response_units(design: Design) -> Units:
    """Return the units of the response, by which the default priors are scaled.

    Where the linear predictor is the mean of the response, or of its logarithm (the log-normal families), they are
    those of the response less its offset. For the other links the sd is 1, and the mean is the link of the mean
    response, for ``ordinal`` of the share of rows above the first category; where all responses agree that would be
    infinite, and half an observation is moved.

    Raises
    ------
    ModelError
        If the response less its offset is the same in every row.
    """
    mean = design.family.overall_predictor(design.y, design.offset, design.trials)
    if mean is not None:
        return Units(mean, 1.0, float(np.sqrt(mean**2 + 1)))
    given = design.family.on_location(design.y)
    y = given - design.offset
    sd = float(np.std(y, ddof=1))
    _check_spread(sd, max(float(np.abs(given).max()), float(np.abs(design.offset).max())), design)
    return Units(float(np.mean(y)), sd, float(np.sqrt(np.mean(y**2))))


def _check_spread(sd: float, size: float, design: Design) -> None:
    """Refuse a response that varies by no more than rounding beside its size."""
    what = "the response less its offset" if design.offset.any() else "the response"
    if not sd > 0:
        raise ModelError(f"{what} is the same in every row", "look at the offset: it must not be the response itself")
    if sd <= EVEN * size:
        raise ModelError(
            f"{what} varies by less than rounding can tell beside its size, {size:g}",
            "subtract a constant from it in the data, before it is rounded to 16 digits",
        )


def default_beta(design: Design, units: Units) -> tuple[Prior, ...]:
    """Return the default priors of the population-level coefficients.

    With an intercept (at the mean of the columns): Normal(mean y, 2.5 sd y) for the intercept and
    Normal(0, 2.5 sd y / s_k) for slope k, where s_k is the sd of the part of column k that the other columns do not
    explain. Without one: the same around mean y where the columns span the constant; else rms y and rms x. For mean,
    sd and rms of y see `response_units`. With as many columns as rows, or more, the others explain all of a column,
    and s_k is its whole sd, or rms.
    """
    mean, sd = units.mean, units.sd
    if not design.coefficients:
        return ()
    if len(design.coefficients) >= design.n:
        return _beta_of_many(design, units)
    if design.intercept:
        scale = unexplained(design.X[:, 1:], design.coefficients[1:], centred=True) / np.sqrt(design.n - 1)
        return (Normal(mean, WEAK * sd), *(Normal(0.0, WEAK * sd / s) for s in scale))
    left = unexplained(design.X, design.coefficients)
    weights = _spans_constant(design.X)
    if weights is None:
        return tuple(Normal(0.0, WEAK * units.rms / s) for s in left / np.sqrt(design.n))
    sd_parts = left / np.sqrt(design.n - 1)
    return tuple(Normal(mean * c, WEAK * sd / s) for c, s in zip(weights, sd_parts, strict=True))


def _beta_of_many(design: Design, units: Units) -> tuple[Prior, ...]:
    first, n = int(design.intercept), design.n
    X = design.X[:, first:]
    length = lengths(X - X.mean(axis=0) if first else X)
    for name, size, given in zip(design.coefficients[first:], length, lengths(X), strict=True):
        if not max(1e-150, given * EVEN) < size < 1e150:
            raise ModelError(f"the population column {name!r} varies too little or too much", "change its unit")
    spread = units.sd if first else units.rms
    slopes = tuple(Normal(0.0, WEAK * spread / s) for s in length / np.sqrt(n - first))
    return (Normal(units.mean, WEAK * units.sd), *slopes) if first else slopes


def unexplained(X: Floats, names: tuple[str, ...], centred: bool = False, role: str = "population") -> Floats:
    """Return the root sum of squares of each column's part that the others (and a constant) do not explain."""
    if X.shape[1] > X.shape[0] - int(centred):
        raise ModelError(
            f"{X.shape[1]} {role} columns cannot be told apart with {X.shape[0]} rows",
            "use fewer predictors or more data",
        )
    if X.shape[1] == 0:
        return np.zeros(0)
    whole, given = X, lengths(X)
    if centred:
        with np.errstate(all="ignore"):
            X = X - X.mean(axis=0)
    length = lengths(X)
    for name, size, least, column in zip(names, length, given * EVEN, whole.T, strict=True):
        if size <= least:
            raise _too_even(f"the {role} column {name!r}", column)
        if not 1e-150 < size < 1e150:
            raise ModelError(f"the {role} column {name!r} is of a size that cannot be squared", "change its unit")
    _, triangle = np.linalg.qr(X / length)
    share = np.abs(np.diag(triangle))
    if share.min() < 1e-7:
        name = names[int(np.argmin(share))]
        raise ModelError(
            f"the {role} column {name!r} is a linear combination of the columns before it",
            f"columns: {', '.join(names)}; leave one of the terms out",
        )
    inverse = np.linalg.solve(triangle, np.eye(len(names)))
    return np.asarray(length / np.sqrt(np.sum(inverse**2, axis=1)))


def _too_even(what: str, column: Floats) -> ModelError:
    if np.ptp(column) <= 1e-15 * np.abs(column).max():
        return ModelError(f"{what} is the same in every row", "leave it out of the formula")
    return ModelError(
        f"{what} varies by less than rounding can tell beside its size, {column[0]:g}",
        "subtract a constant from it in the data, before it is rounded to 16 digits",
    )


def lengths(X: Floats) -> Floats:
    """Return the root sum of squares of each column, whatever its size."""
    largest = np.abs(X).max(axis=0)
    with np.errstate(all="ignore"):
        inner = np.sqrt(np.sum((X / np.where(largest > 0, largest, 1.0)) ** 2, axis=0))
    return np.asarray(largest * inner)


def _spans_constant(X: Floats) -> Floats | None:
    """Return the weights whose combination of the columns is 1 in every row, None if there are none."""
    length = lengths(X)
    ones = np.ones(len(X))
    weights, *_ = np.linalg.lstsq(X / length, ones, rcond=None)
    return np.asarray(weights / length) if np.max(np.abs(X / length @ weights - ones)) < 1e-9 else None


def column_scales(block: GroupBlock) -> list[float]:
    """Return s_z of each column: 1 for an intercept and for 0/1 columns, else its sd, or rms without an intercept."""
    first = int(block.intercept)
    role = f"{block.factor!r} group-level"
    unexplained(block.Z[:, first:], block.terms[first:], block.intercept, role)
    return [1.0] * first + [scale_of(column, block.intercept) for column in block.Z[:, first:].T]
