"""The variance of a mean of dependent observations, from their correlations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hierbayes.errors import ModelError

Floats = NDArray[np.float64]
_ROUNDING = 1e-10


@dataclass(frozen=True)
class MeanVariance:
    """What the correlations of n observations do to the variance of their mean.

    Attributes
    ----------
    n : int
        Number of observations.
    variance, sd : float
        Variance and standard deviation of the mean.
    independent : float
        Variance of the same mean if the observations were independent.
    ratio : float
        ``variance / independent``: the design effect. Above 1 the observations tell less than n independent ones would.
    effective_n : float
        The number of independent observations whose plain mean would have this variance; inf where it is 0.
    """

    n: int
    variance: float
    sd: float
    independent: float
    ratio: float
    effective_n: float

    def _lines(self) -> list[str]:
        times = f"{self.ratio:.4g} times"
        return [
            f"Mean of {self.n} observation{'' if self.n == 1 else 's'}",
            f"variance {self.variance:.4g} (sd {self.sd:.4g})",
            f"if independent {self.independent:.4g} (sd {np.sqrt(self.independent):.4g}); the ratio is {times}",
            f"worth {self.effective_n:.4g} independent observations",
        ]

    def __repr__(self) -> str:
        return "\n  ".join(self._lines())

    def _repr_html_(self) -> str:
        title, *lines = map(escape, self._lines())
        return f"<div><p><strong>{title}</strong><br>{'<br>'.join(lines)}</p></div>"


def variance_of_mean(
    n: int | None = None,
    rho: float | None = None,
    sd: float | Sequence[float] | Floats = 1.0,
    *,
    corr: Any = None,
    cov: Any = None,
    groups: Sequence[Any] | None = None,
    weights: Sequence[float] | Floats | None = None,
) -> MeanVariance:
    """Return the variance of a mean of dependent observations.

    ``Var(sum w_i y_i) = sum_ij w_i w_j cov_ij``. For n observations of equal sd and equal correlation rho it is
    ``sd**2 / n (1 + (n - 1) rho)``: positive correlation makes a mean less certain, negative correlation more.

    Say how the observations depend on each other in one of three ways: by one correlation `rho`, by a matrix `corr`,
    or by a matrix `cov`.

    Parameters
    ----------
    n : int, optional
        Number of observations; may be left out where a matrix, `sd`, `groups` or `weights` tell it.
    rho : float, optional
        Correlation of every pair, from ``-1 / (n - 1)`` to 1; with `groups`, of every pair within a group.
    sd : float or array, shape (n,)
        Standard deviation (not variance) of the observations. Not with `cov`.
    corr : array, shape (n, n), optional
        Correlation matrix.
    cov : array, shape (n, n), optional
        Covariance matrix: variances and covariances.
    groups : sequence, length n, optional
        The group of each observation; between groups the correlation is 0. Only with `rho`.
    weights : sequence, length n, optional
        Weights of a weighted mean, not negative; divided by their sum.

    Returns
    -------
    MeanVariance
        With variance, sd, independent, ratio and effective_n, the mean variance of an observation over the variance of
        the mean.

    Raises
    ------
    ModelError
        If no such observations can exist (the correlations contradict each other), or the arguments do.

    Examples
    --------
    >>> import hierbayes as hb
    >>> hb.variance_of_mean(10, rho=0.5)
    Mean of 10 observations
      variance 0.55 (sd 0.7416)
      if independent 0.1 (sd 0.3162); the ratio is 5.5 times
      worth 1.818 independent observations
    >>> round(hb.variance_of_mean(corr=[[1, -0.6], [-0.6, 1]]).effective_n, 9)  # negative: more than two tell
    5.0
    >>> round(hb.variance_of_mean(rho=0.5, groups="aaabbb").effective_n, 9)
    3.0
    """
    given = [name for name, value in (("rho", rho), ("corr", corr), ("cov", cov)) if value is not None]
    if len(given) != 1:
        said = f"{' and '.join(given)} were given" if given else "none was given"
        raise ModelError(f"say how the observations depend: one of rho, corr and cov; {said}")
    labels = None if groups is None else list(groups)
    if labels is not None and rho is None:
        raise ModelError(f"groups go with rho; {given[0]} holds every correlation already")
    matrix = None if rho is not None else _matrix(given[0], corr if corr is not None else cov)
    size = _size(n, matrix, labels, sd, weights)
    shares = _shares(weights, size)
    if cov is not None:
        if not np.array_equal(np.asarray(sd), 1.0):
            raise ModelError("cov holds the variances already, but sd was given too", "leave sd out, or give corr")
        assert matrix is not None
        sds, variance = np.sqrt(np.diagonal(matrix)), float(shares @ matrix @ shares)
    else:
        sds = _sds(sd, size)
        own = shares * sds
        variance = float(own @ matrix @ own) if matrix is not None else _exchangeable(own, rho, labels)
    return _summary(size, max(variance, 0.0), sds, shares)


def _summary(n: int, variance: float, sds: Floats, shares: Floats) -> MeanVariance:
    independent = float(np.sum((shares * sds) ** 2))
    if variance < _ROUNDING * independent:
        variance = 0.0
    return MeanVariance(
        n=n,
        variance=variance,
        sd=float(np.sqrt(variance)),
        independent=independent,
        ratio=variance / independent,
        effective_n=float(np.mean(sds**2)) / variance if variance > 0 else float("inf"),
    )


def _exchangeable(own: Floats, rho: Any, labels: list[Any] | None) -> float:
    """Return the variance under one correlation within groups: sums over groups, so no n by n matrix is made."""
    number = _number("rho", rho)
    codes = np.zeros(len(own), dtype=np.int64) if labels is None else _codes(labels)
    largest = int(np.bincount(codes).max())
    least = -1 / (largest - 1) if largest > 1 else -1.0
    if not least - 1e-12 <= number <= 1:
        where = f"{largest} observations" + (" of one group" if labels is not None else "")
        reason = "cannot all be so opposed: the variance of their mean would be negative" if number < 0 else "cannot be"
        raise ModelError(
            f"rho={number:g}: {where} {reason}", f"rho lies from -1 / (n - 1) = {least:.6g} to 1 for this n"
        )
    sums = np.bincount(codes, weights=own)
    return float((1 - number) * np.sum(own**2) + number * np.sum(sums**2))


def _codes(labels: list[Any]) -> NDArray[np.int64]:
    place: dict[Any, int] = {}
    try:
        return np.array([place.setdefault(label, len(place)) for label in labels], dtype=np.int64)
    except TypeError as error:
        raise ModelError("groups must hold one label for each observation") from error


def _matrix(name: str, given: Any) -> Floats:
    """Return a correlation or covariance matrix after checks."""
    try:
        matrix = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} must be a square matrix of numbers") from error
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.size == 0:
        raise ModelError(f"{name} has the shape {matrix.shape}; it must be a square matrix")
    if not np.all(np.isfinite(matrix)):
        raise ModelError(f"{name} holds numbers that are not finite")
    variances = np.diagonal(matrix)
    if np.any(variances <= 0):
        i = int(np.flatnonzero(variances <= 0)[0])
        raise ModelError(f"{name} holds the variance {variances[i]:g} at position {i}; variances must be positive")
    if name == "corr" and not np.allclose(variances, 1, rtol=0, atol=1e-8):
        i = int(np.argmax(np.abs(variances - 1)))
        raise ModelError(
            f"corr has {variances[i]:g} on its diagonal at position {i}, not 1", "give a covariance matrix as cov"
        )
    root = np.sqrt(variances)
    scaled = matrix / root[:, None] / root
    if not np.allclose(scaled, scaled.T, rtol=0, atol=1e-8):
        a, b = divmod(int(np.argmax(np.abs(scaled - scaled.T))), len(scaled))
        raise ModelError(f"{name} is not symmetric: [{a}, {b}] is {matrix[a, b]:g}, [{b}, {a}] is {matrix[b, a]:g}")
    least = float(np.linalg.eigvalsh(0.5 * (scaled + scaled.T))[0])
    if least < -_ROUNDING * len(matrix):
        raise ModelError(
            f"{name} contradicts itself: some weighted sum of the observations would have a negative variance "
            f"(smallest eigenvalue of the correlations {least:.4g})",
            "no observations can be correlated so; make the correlations nearer to 0",
        )
    return matrix


def _size(n: Any, matrix: Floats | None, labels: list[Any] | None, sd: Any, weights: Any) -> int:
    """Return the number of observations, from whatever tells it."""
    told = {
        "n": n,
        "the matrix": None if matrix is None else len(matrix),
        "groups": None if labels is None else len(labels),
        "sd": len(sd) if np.ndim(sd) == 1 else None,
        "weights": None if weights is None else int(np.size(weights)),
    }
    known = {name: value for name, value in told.items() if value is not None}
    if not known:
        raise ModelError("the number of observations is missing", "give n")
    if n is not None and (isinstance(n, bool) or not isinstance(n, int | np.integer)):
        raise ModelError(f"n={n!r} must be a whole number, at least 1")
    if len(set(known.values())) > 1:
        raise ModelError(
            "the number of observations differs: " + ", ".join(f"{name} {value}" for name, value in known.items())
        )
    size = int(next(iter(known.values())))
    if size < 1:
        raise ModelError("a mean needs at least one observation")
    return size


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise ModelError(f"{name}={value!r} must be a number")
    return number


def _sds(sd: Any, n: int) -> Floats:
    sds = _vector("sd", np.full(n, sd) if np.ndim(sd) == 0 else sd, n)
    if np.any(sds <= 0):
        raise ModelError("sd must be positive")
    return sds


def _shares(weights: Any, n: int) -> Floats:
    if weights is None:
        return np.full(n, 1 / n)
    shares = _vector("weights", weights, n)
    if np.any(shares < 0) or shares.sum() <= 0:
        raise ModelError("weights must not be negative, nor all 0")
    return shares / shares.sum()


def _vector(name: str, given: Any, n: int) -> Floats:
    try:
        vector = np.asarray(given, dtype=float)
    except (TypeError, ValueError) as error:
        raise ModelError(f"{name} must be numbers") from error
    if vector.shape != (n,) or not np.all(np.isfinite(vector)):
        raise ModelError(f"{name} must be a finite number, or {n} of them")
    return vector
