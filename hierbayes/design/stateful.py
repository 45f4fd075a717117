"""Functions of a formula that learn from the data: their parameters, frozen at fit time and replayed on new data.

`center`, `scale`, `standardize`, `poly`, `bs` and `ave` depend on the column as a whole. What they learn at fit time (a
mean, an sd, recurrence coefficients, knots, the means of groups) is kept under the call as it is shown, so that a row
of new data gets the numbers that it would have had among the data of the fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from formulae import transforms

from hierbayes.errors import DataError, warn

State = Mapping[str, Any]
"""What one call has learnt: numbers, lists of numbers and mappings of them, as JSON holds them."""


class _SampleScale(transforms.Scale):  # type: ignore[misc]
    """`scale(x)` with the sample sd (ddof 1), as R's; formulae's divides by n."""

    params_set: bool

    def __call__(self, x: Any) -> Any:
        if not self.params_set:
            self.mean, self.std, self.params_set = np.mean(x), np.std(np.asarray(x), ddof=1), True
        return (x - self.mean) / self.std


class _GroupMean:
    """`ave(x, g)`: the mean of x within each level of g, or within each combination of the levels of several columns.

    The means are those of the rows of the fit. A level that has none is refused.
    """

    means: dict[str, float]
    params_set = False

    def __call__(self, x: Any, *groups: Any) -> Any:
        values = np.broadcast_to(np.asarray(x, dtype=np.float64), (len(groups[0]),))
        keys = np.asarray([_JOINT.join(key) for key in zip(*groups, strict=True)], dtype=object)
        levels, codes = np.unique(keys.astype(str), return_inverse=True)
        if not self.params_set:
            counts = np.bincount(codes)
            # the mean of what is left after the first mean takes away the rounding of large numbers
            first = np.bincount(codes, values) / counts
            means = first + np.bincount(codes, values - first[codes]) / counts
            self.means, self.params_set = dict(zip(levels.tolist(), means.tolist(), strict=True)), True
        unseen = [level for level in levels.tolist() if level not in self.means]
        if unseen:
            row = int(np.argmax(codes == levels.tolist().index(unseen[0])))
            raise DataError(
                f"ave() has no mean for the level {unseen[0].replace(_JOINT, ':')!r}, in row {row} (counting from 0): "
                "its means are those of the rows of the fit, which have no such level",
                "for new levels put the mean into the data of the fit as a column, and into the new data too: "
                'data["m"] = data.groupby("g")["x"].transform("mean")',
            )
        return np.asarray([self.means[level] for level in levels.tolist()])[codes]


_JOINT = "\x1f"
"""Stands between the levels of several columns."""

_TRANSFORMS: Mapping[str, tuple[Callable[[], Any], tuple[str, ...]]] = {
    "center": (transforms.Center, ("mean",)),
    "scale": (_SampleScale, ("mean", "std")),
    "standardize": (_SampleScale, ("mean", "std")),
    "poly": (transforms.Polynomial, ("alpha", "norms2")),
    "ave": (_GroupMean, ("means",)),
    "bs": (transforms.BSpline, ("_knots", "_degree", "_intercept")),
}
STATEFUL = tuple(_TRANSFORMS)


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


def stateful(name: str, shown: str, states: States) -> Callable[..., Any]:
    """Return the function that formulae is to call for one call: it replays what is known, or learns it.

    Parameters
    ----------
    name : str
        One of `STATEFUL`.
    shown : str
        The call as it is shown, its key in `states`.
    states : States
    """
    make, attributes = _TRANSFORMS[name]

    def call(x: Any, *args: Any, **kwargs: Any) -> Any:
        transform, state = make(), states.known.get(shown)
        if state is None:
            if not states.learning:
                raise DataError(f"the schema of the fit does not hold the parameters of {shown!r}")
            found = transform(x, *args, **kwargs)
            states.known[shown] = {key.lstrip("_"): _plain(getattr(transform, key)) for key in attributes}
            return found
        for key in attributes:
            setattr(transform, key, _restored(key, state[key.lstrip("_")]))
        transform.params_set = name != "poly"  # poly takes degree and raw from the call, and the rest as it stands
        if name == "bs" and not states.learning:
            _warn_outside(shown, np.asarray(x), state["knots"])
        return transform(x, *args, **kwargs)

    return call


def _plain(value: Any) -> Any:
    """Return a parameter as JSON holds it; floats come back from JSON bit for bit."""
    if isinstance(value, dict):
        return {str(key): float(value[key]) for key in sorted(value)}
    if isinstance(value, np.ndarray):
        return [float(entry) for entry in value]
    return value if isinstance(value, bool | int) else float(value)


def _restored(key: str, value: Any) -> Any:
    if key == "means":
        return dict(value)
    if isinstance(value, Mapping):
        return {int(k): v for k, v in value.items()}
    return np.asarray(value, dtype=np.float64) if key == "_knots" else value


def _warn_outside(shown: str, x: Any, knots: list[float]) -> None:
    outside = int(np.sum((x < knots[0]) | (x > knots[-1])))
    if outside:
        warn(
            f"{outside} of {len(x)} values of {shown!r} lie outside [{knots[0]:g}, {knots[-1]:g}], where the spline "
            "was fitted; it is extrapolated there"
        )
