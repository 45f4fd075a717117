"""Functions of a formula that learn from the data: their parameters, frozen at fit time and replayed on new data.

`center`, `scale`, `standardize`, `poly`, `bs` and `ave` depend on the column as a whole. What they learn at fit time (a
mean, an sd, recurrence coefficients, knots, the means of groups) is kept under the call as it is shown, so that a row
of new data gets the numbers that it would have had among the data of the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.interpolate import BSpline

from hierbayes.errors import DataError, warn

State = Mapping[str, Any]
"""What one call has learnt: numbers, lists of numbers and mappings of them, as JSON holds them."""


def _center(x: Any, state: dict[str, Any]) -> Any:
    if not state:
        state["mean"] = _mean(x)
    return x - state["mean"]


def _scale(x: Any, state: dict[str, Any]) -> Any:
    """Return `scale(x)` with the sample sd (ddof 1), as R's."""
    if not state:
        state |= {"mean": _mean(x), "std": float(np.std(x, ddof=1))}
    return (x - state["mean"]) / state["std"]


def _mean(x: Any) -> float:
    """Return a mean; a value that is not known makes its own row unknown, and no other."""
    return float(np.nansum(x) / np.sum(~np.isnan(x)))


def _poly(x: Any, state: dict[str, Any], degree: int = 1, raw: bool = False) -> Any:
    """Return x, x^2, ..., or orthonormal polynomials by their recurrence, after Wardrop's formulaic."""
    learning = not state
    alpha, norms = state.setdefault("alpha", {}), state.setdefault("norms2", {})
    if raw:
        return np.column_stack([np.power(x, k) for k in range(1, degree + 1)])
    found = np.ones((len(x), degree + 1))
    for i in range(degree + 1):
        if i >= 1:
            found[:, i] = (x - alpha[str(i - 1)]) * found[:, i - 1]
        if i >= 2:
            found[:, i] -= norms[str(i - 1)] / norms[str(i - 2)] * found[:, i - 2]
        if learning:
            squares = found[:, i] ** 2
            norms[str(i)] = float(np.sum(squares))
            if i < degree:
                alpha[str(i)] = float(np.sum(x * squares) / np.sum(squares))
    return (found / np.sqrt([norms[str(i)] for i in range(degree + 1)]))[:, 1:]


def _bs(x: Any, state: dict[str, Any], degree: int = 3, intercept: bool = False, **given: Any) -> Any:
    """Return the basis of B-splines, outside the knots too; without an intercept the first of them is left out."""
    if not state:
        # a value that is not finite makes its own row so, and no other
        state |= {"knots": _knots(x[np.isfinite(x)], degree, intercept, **given)}
        state |= {"degree": degree, "intercept": intercept}
    knots = np.asarray(state["knots"], dtype=np.float64)
    basis = BSpline(knots, np.eye(len(knots) - state["degree"] - 1), state["degree"])(x)
    return basis if state["intercept"] else basis[:, 1:]


def _knots(
    x: Any,
    degree: int,
    intercept: bool,
    df: int | None = None,
    knots: Sequence[float] | None = None,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
) -> list[float]:
    """Return the knots of a spline: the ends, degree + 1 times each, and those given or equally spaced quantiles."""
    if df is None and knots is None:
        raise ValueError("Must specify either 'df' or 'knots'")
    if df is not None:
        count = df - degree - (1 if intercept else 0)
        if count < 0:
            least = f"it must be >= {df - count}"
            raise ValueError(f"df={df} is too small for degree={degree} and intercept={intercept}; {least}")
        if knots is not None and len(knots) != count:
            raise ValueError(f"df={df} with degree={degree} implies {count} knots; but {len(knots)} were provided")
    inner = np.asarray(np.percentile(x, 100 * np.linspace(0, 1, count + 2)[1:-1]) if knots is None else knots)
    lower = np.min(x) if lower_bound is None else lower_bound
    upper = np.max(x) if upper_bound is None else upper_bound
    if lower > upper:
        raise ValueError(f"'lower_bound' > 'upper_bound' ({lower} > {upper})")
    if np.any(inner < lower):
        raise ValueError(f"Some knot values {inner[inner < lower]} fall below lower bound {lower}")
    if np.any(inner > upper):
        raise ValueError(f"Some knot values {inner[inner > upper]} fall above upper bound {upper}")
    return sorted(map(float, (*[lower, upper] * (degree + 1), *inner)))


def _ave(x: Any, state: dict[str, Any], *groups: Any) -> Any:
    """Return the mean of x within each level of a group, or within each combination of the levels of several columns.

    The means are those of the rows of the fit. A level that has none is refused.
    """
    values = np.broadcast_to(np.asarray(x, dtype=np.float64), (len(groups[0]),))
    keys = np.asarray([_JOINT.join(key) for key in zip(*groups, strict=True)], dtype=object)
    levels, codes = np.unique(keys.astype(str), return_inverse=True)
    if not state:
        counts = np.bincount(codes)
        # the mean of what is left after the first mean takes away the rounding of large numbers
        first = np.bincount(codes, values) / counts
        means = first + np.bincount(codes, values - first[codes]) / counts
        state["means"] = dict(zip(levels.tolist(), means.tolist(), strict=True))
    means = state["means"]
    unseen = [level for level in levels.tolist() if level not in means]
    if unseen:
        row = int(np.argmax(codes == levels.tolist().index(unseen[0])))
        raise DataError(
            f"ave() has no mean for the level {unseen[0].replace(_JOINT, ':')!r}, in row {row} (counting from 0): "
            "its means are those of the rows of the fit, which have no such level",
            "for new levels put the mean into the data of the fit as a column, and into the new data too: "
            'data["m"] = data.groupby("g")["x"].transform("mean")',
        )
    return np.asarray([means[level] for level in levels.tolist()])[codes]


_JOINT = "\x1f"
"""Stands between the levels of several columns."""

STATEFUL: Mapping[str, Callable[..., Any]] = {
    "center": _center,
    "scale": _scale,
    "standardize": _scale,
    "poly": _poly,
    "ave": _ave,
    "bs": _bs,
}
"""Each takes the column and its state, which it fills if it is empty."""


@dataclass
class States:
    """What the calls of one model have learnt, by the call as it is shown.

    Attributes
    ----------
    known : dict
        Grows while `learning`.
    learning : bool
        True at fit time. For new data nothing may be learnt: a call that is not known is refused.
    """

    known: dict[str, State] = field(default_factory=dict)
    learning: bool = True

    @staticmethod
    def frozen(known: Mapping[str, State]) -> States:
        """Return states that replay what is known and learn nothing."""
        return States(dict(known), learning=False)

    def freeze(self) -> Mapping[str, State]:
        """Return what has been learnt, for the schema."""
        return MappingProxyType(dict(self.known))


def stateful(name: str, shown: str, states: States, x: Any, *groups: Any, **constants: Any) -> Any:
    """Return the values of one call, whose key in `states` is `shown`: by what is known of it, or else it learns.

    The texts of `groups` are those of the columns within whose levels ``ave()`` takes means.
    """
    if shown not in states.known and not states.learning:
        raise DataError(f"the schema of the fit does not hold the parameters of {shown!r}")
    state = dict(states.known.get(shown, {}))
    if name == "bs" and not states.learning:
        _warn_outside(shown, np.asarray(x), state["knots"])
    found = STATEFUL[name](x, state, *groups, **constants)
    states.known.setdefault(shown, state)
    return found


def _warn_outside(shown: str, x: Any, knots: list[float]) -> None:
    outside = int(np.sum((x < knots[0]) | (x > knots[-1])))
    if outside:
        warn(
            f"{outside} of {len(x)} values of {shown!r} lie outside [{knots[0]:g}, {knots[-1]:g}], where the spline "
            "was fitted; it is extrapolated there"
        )
