"""Posteriors by quadrature, without a sampler and without the package's densities.

Hyperparameters lie on a grid, evenly spaced in the logarithm of an sd and in atanh of a correlation, where the
trapezoid rule converges faster than any power for a smooth density that vanishes at both ends. Given them, coefficients
and effects are normal and are integrated by hand. Every function returns ``{name: {statistic: value}}``; the statistics
are ``mean`` and ``sd``, for positive numbers ``mean``, ``log mean`` and ``log sd``: the sd of an sd may hardly exist
with few groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

EDGE = 1e-6
"""Largest density at the rim of the grid, relative to the mode's."""


@dataclass(frozen=True)
class Axis:
    """Values of a hyperparameter, evenly spaced in its logarithm or in atanh, with log |d value / d coordinate|."""

    name: str
    values: np.ndarray
    log_measure: np.ndarray
    positive: bool = True


def log_axis(name, low, high, points):
    values = np.exp(np.linspace(np.log(low), np.log(high), points))
    return Axis(name, values, np.log(values))


def corr_axis(name, points, reach=3.5):
    values = np.tanh(np.linspace(-reach, reach, points))
    return Axis(name, values, np.log1p(-(values**2)), positive=False)


def mesh(axes):
    """Return the values of each axis, shaped to broadcast against the others."""
    return np.meshgrid(*(axis.values for axis in axes), indexing="ij", sparse=True)


def weights_of(axes, log_density):
    """Return normalised weights of a density of the hyperparameters on the grid; its rim must carry none."""
    measures = np.meshgrid(*(axis.log_measure for axis in axes), indexing="ij", sparse=True)
    log_density = log_density + sum(measures)
    weight = np.exp(log_density - log_density.max())
    for i, axis in enumerate(axes):
        rim = weight.take([0, -1], axis=i).max()
        assert rim < EDGE, f"the grid cuts the posterior of {axis.name}: {rim:.1e}"
    return weight / weight.sum()


def of_axes(axes, weight):
    """Return the statistics of every hyperparameter from its marginal."""
    found = {}
    for i, axis in enumerate(axes):
        own = weight.sum(axis=tuple(j for j in range(len(axes)) if j != i))
        found[axis.name] = of_positive(own, axis.values) if axis.positive else of_number(own, axis.values)
    return found


def of_positive(weight, values):
    log_mean = float(np.sum(weight * np.log(values)))
    log_sd = float(np.sqrt(np.sum(weight * (np.log(values) - log_mean) ** 2)))
    return {"mean": float(np.sum(weight * values)), "log mean": log_mean, "log sd": log_sd}


def of_number(weight, mean, variance=0.0):
    """Return mean and sd of a mixture of numbers with these means and variances."""
    centre = float(np.sum(weight * mean))
    return {"mean": centre, "sd": float(np.sqrt(np.sum(weight * (variance + (mean - centre) ** 2))))}


def of_draws(draws, positive):
    """Return statistic: (value, Monte Carlo error) of draws (chain, draw)."""
    from arviz_stats.base import array_stats

    def error(values, kind):
        return float(array_stats.mcse(values, method=kind, chain_axis=0, draw_axis=1))

    found = {"mean": (draws.mean(), error(draws, "mean"))}
    if not positive:
        return {**found, "sd": (draws.std(ddof=1), error(draws, "sd"))}
    logs = np.log(draws)
    return {**found, "log mean": (logs.mean(), error(logs, "mean")), "log sd": (logs.std(ddof=1), error(logs, "sd"))}


def balanced(y, codes, intercept, log_priors, axes):
    """Return the posterior of ``y = mu + sum_t b_t + e`` for a balanced layout, nested or crossed.

    The matrices 11', Z_t Z_t' and I of a balanced layout commute, so one rotation makes the likelihood a product of
    univariate normals, a few of them different: ``u_k'y ~ N(0, s² d_k0 + sum_t sd_t² d_kt + sigma²)``.

    Parameters
    ----------
    y : array, shape (n,)
    codes : list of array of int, shape (n,)
        The level of each row, for each factor.
    intercept : tuple (m, s)
        Mean and sd of the normal prior of mu.
    log_priors : list of callable
        Log densities of each sd and of sigma.
    axes : list of Axis
        Of each sd and of sigma.
    """
    n, (m, s) = len(y), intercept
    layers = [np.ones((n, n)), *((own[:, None] == own[None]).astype(float) for own in codes)]
    eigen, squares, counts = _common_eigenvalues(layers, y - m)
    grid = mesh(axes)
    log_density = sum(log_prior(x) for log_prior, x in zip(log_priors, grid, strict=True))
    for row, square, count in zip(eigen, squares, counts, strict=True):
        variance = s**2 * row[0] + sum(d * sd**2 for d, sd in zip(row[1:], grid, strict=False)) + grid[-1] ** 2
        log_density = log_density - 0.5 * (count * np.log(variance) + square / variance)
    weight = weights_of(axes, log_density)
    of_mean = eigen[np.argmax(eigen[:, 0])]
    noise = sum(d * sd**2 for d, sd in zip(of_mean[1:], grid, strict=False)) + grid[-1] ** 2
    precision = 1 / s**2 + n / noise
    centre = (m / s**2 + n * y.mean() / noise) / precision
    return {"Intercept": of_number(weight, centre, 1 / precision), **of_axes(axes, weight)}


def _common_eigenvalues(layers, y):
    """Return the different rows of eigenvalues, with the sum of squares of y and the dimension in each eigenspace."""
    mixed = sum(c * layer for c, layer in zip((0.37, 0.71, 1.13), layers, strict=False))
    _, U = np.linalg.eigh(mixed)
    rotated = [U.T @ layer @ U for layer in layers]
    for turned in rotated:
        assert np.abs(turned - np.diag(np.diag(turned))).max() < 1e-8 * len(y), "the layout is not balanced"
    values = np.round(np.column_stack([np.diag(turned) for turned in rotated]), 6)
    rows, place = np.unique(values, axis=0, return_inverse=True)
    return rows, np.bincount(place.ravel(), (U.T @ y) ** 2), np.bincount(place.ravel())


def known_errors(y, errors, intercept, log_prior, axis):
    """Return the posterior of ``y_j ~ N(mu + b_j, errors_j²)``, ``b_j ~ N(0, sd²)``.

    With those of the first b_j and of the first ``mu + b_j``, and the sd's own mean and sd as of any number.
    """
    sd, (m, s) = axis.values, intercept
    variance = sd[:, None] ** 2 + errors**2
    precision = 1 / s**2 + np.sum(1 / variance, axis=1)
    centre = (m / s**2 + np.sum(y / variance, axis=1)) / precision
    squares = (m / s) ** 2 + np.sum(y**2 / variance, axis=1) - precision * centre**2
    log_density = log_prior(sd) - 0.5 * (np.log(variance).sum(axis=1) + np.log(precision) + squares)
    weight = weights_of([axis], log_density)
    pull = sd**2 / variance[:, 0]
    effect = of_number(weight, pull * (y[0] - centre), (1 - pull) * sd**2 + pull**2 / precision)
    total = of_number(weight, centre + pull * (y[0] - centre), (1 - pull) * sd**2 + (1 - pull) ** 2 / precision)
    found = {"Intercept": of_number(weight, centre, 1 / precision), "b": effect, "mu + b": total}
    return {**found, "sd as a number": of_number(weight, sd), **of_axes([axis], weight)}


@dataclass(frozen=True)
class Lines:
    """One straight line a subject, all at the same x: what is left of the data is a pair of numbers a subject.

    Attributes
    ----------
    pairs : array, shape (subjects, 2)
        Coordinates of y in the plane of (1, x).
    left : float
        Sum of squares outside of that plane, over `free` dimensions.
    RX, RZ : array, shape (2, 2)
        Take coefficients and effects to those coordinates.
    """

    pairs: np.ndarray
    left: float
    free: int
    RX: np.ndarray
    RZ: np.ndarray


def lines(y, x, X, Z):
    """Return the pairs of a table (subjects, times) of y; X and Z, shape (times, 2), hold the columns with priors."""
    Q, _ = np.linalg.qr(np.column_stack([np.ones_like(x), x]))
    pairs = y @ Q
    left = float(np.sum(y**2) - np.sum(pairs**2))
    return Lines(pairs, left, y.shape[0] * (len(x) - 2), Q.T @ X, Q.T @ Z)


def two_lines(data, beta, log_priors, axes):
    """Return the posterior of a line for each subject around a population line, for the columns that have priors.

    Parameters
    ----------
    data : Lines
    beta : tuple (m, s) of arrays, shape (2,)
        Means and sds of the normal priors of the coefficients.
    log_priors : list of callable
        Of both sds, of the correlation if there is an axis for it, of sigma.
    axes : list of Axis

    Returns
    -------
    weight : array
        On the grid.
    grid : list of array
    centre : tuple of array
        Conditional means of the two coefficients.
    spread : tuple of array
        Their conditional variances and covariance: (first, covariance, second).
    """
    grid = mesh(axes)
    sd0, sd1, sigma = grid[0], grid[1], grid[-1]
    corr = grid[2] if len(grid) == 4 else 0.0
    J, mean = len(data.pairs), data.pairs.mean(axis=0)
    scatter = (data.pairs - mean).T @ (data.pairs - mean)
    C = _plus(_turned(data.RZ, (sd0**2, corr * sd0 * sd1, sd1**2)), (sigma**2, 0.0, sigma**2))
    log_density = sum(log_prior(x) for log_prior, x in zip(log_priors, grid, strict=True))
    log_density = log_density - data.free * np.log(sigma) - data.left / (2 * sigma**2)
    inverse, det = _inverse(C)
    log_density = log_density - 0.5 * (J - 1) * np.log(det) - 0.5 * _trace(inverse, scatter)
    m, s = beta
    whole = _plus(C, _turned(data.RX, (J * s[0] ** 2, 0.0, J * s[1] ** 2)))
    gap = np.sqrt(J) * (mean - data.RX @ m)
    outer, det = _inverse(whole)
    log_density = log_density - 0.5 * np.log(det) - 0.5 * _trace(outer, np.outer(gap, gap))
    weight = weights_of(axes, log_density)
    precision = _plus(_turned(data.RX.T, tuple(J * part for part in inverse)), (1 / s[0] ** 2, 0.0, 1 / s[1] ** 2))
    spread, _ = _inverse(precision)
    right = _times(inverse, J * mean)
    pulled = (
        m[0] / s[0] ** 2 + data.RX[0, 0] * right[0] + data.RX[1, 0] * right[1],
        m[1] / s[1] ** 2 + data.RX[0, 1] * right[0] + data.RX[1, 1] * right[1],
    )
    return weight, grid, _times(spread, pulled), spread


# Symmetric 2 x 2 matrices as (first, off, second), each entry an array on the grid.


def _plus(one, other):
    return tuple(a + b for a, b in zip(one, other, strict=True))


def _turned(R, D):
    """Return R D R'."""
    (a, b), (c, d) = R
    x, y, z = D
    return (
        a * a * x + 2 * a * b * y + b * b * z,
        a * c * x + (a * d + b * c) * y + b * d * z,
        c * c * x + 2 * c * d * y + d * d * z,
    )


def _inverse(D):
    x, y, z = D
    det = x * z - y * y
    return (z / det, -y / det, x / det), det


def _trace(D, S):
    return D[0] * S[0, 0] + 2 * D[1] * S[0, 1] + D[2] * S[1, 1]


def _times(D, v):
    return D[0] * v[0] + D[1] * v[1], D[1] * v[0] + D[2] * v[1]
