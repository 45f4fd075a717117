"""Classical point estimates: REML and ML, from the kernel that the posterior uses.

Both optimise the entries of the relative factors ``Lam = L / sigma``, sigma profiled out. In log sds the gradient
vanishes as an sd goes to 0, and a singular fit would never be seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.conditional import conditional_modes
from hierbayes.engines.collapsed.kernel import layer_table, log_likelihood
from hierbayes.engines.collapsed.pack import build_tape
from hierbayes.engines.collapsed.statistics import accumulate
from hierbayes.engines.theta import layout
from hierbayes.errors import DataError, ModelError
from hierbayes.priors import LKJ, Fixed, Flat

_SMALL = 1e-7
"""Stands for a diagonal entry of 0 where a derivative is wanted."""


@dataclass(frozen=True)
class Estimates:
    """A classical fit, in the internal coordinates of the problem.

    Attributes
    ----------
    beta : array, shape (p,)
    beta_covariance : array, shape (p, p)
        Given the estimated sds, correlations and sigma.
    sds : tuple of array
        Standard deviations (not variances) of each block.
    corrs : tuple of array
        Correlation matrices; NaN beside an sd of 0.
    sigma : float
        Residual standard deviation.
    loglik : float
        Log likelihood; the restricted one for REML. The criterion is -2 times it.
    singular : bool
        Whether an sd is 0 or a correlation matrix has no inverse.
    modes : tuple of array, shape (levels, k)
        Conditional modes of b.
    mode_covariances : tuple of array, shape (levels, k, k)
        Conditional covariances of b, given beta and the other estimates.
    parameters : int
        Number of estimated parameters: coefficients, sds, correlations and sigma.
    reml : bool
    evaluations : int
    """

    beta: Floats
    beta_covariance: Floats
    sds: tuple[Floats, ...]
    corrs: tuple[Floats, ...]
    sigma: float
    loglik: float
    singular: bool
    modes: tuple[Floats, ...]
    mode_covariances: tuple[Floats, ...]
    parameters: int
    reml: bool
    evaluations: int


def fit_reml(problem: Problem) -> Estimates:
    """Return the restricted maximum likelihood fit; priors play no part.

    Parameters
    ----------
    problem : Problem
        Gaussian. Correlations fixed at 0 stay so.

    Raises
    ------
    ModelError
        If an sd, sigma or a correlation other than 0 is fixed, or the coefficients are not determined.
    """
    return _fit(problem, at.REML)


def fit_ml(problem: Problem) -> Estimates:
    """Return the maximum likelihood fit; see `fit_reml`."""
    return _fit(problem, at.ML)


def surface(problem: Problem, reml: bool) -> Callable[[Sequence[Floats], Sequence[Floats], float], float]:
    """Return minus the log likelihood as a function of the sds and correlations of each block, and sigma."""
    plain = _plain(problem)
    profile = _Profile(plain, at.REML if reml else at.ML)
    places = profile.words[profile.words[at.AT_PLACES] :][: 2 * len(plain.blocks)].reshape(-1, 2)

    def value(sds: Sequence[Floats], corrs: Sequence[Floats], sigma: float) -> float:
        lam = np.zeros(int(profile.words[at.MOMENTS]))
        for (layer, column), sd, corr in zip(places, sds, corrs, strict=True):
            k, wide, start = len(sd), int(profile.layers[layer, at.K]), int(profile.layers[layer, at.LAM])
            own = lam[start : start + wide * wide].reshape(wide, wide)
            own[column : column + k, column : column + k] = sd[:, None] * np.linalg.cholesky(corr) / sigma
        return -profile.evaluate(lam, sigma)[0]

    return value


@dataclass(frozen=True)
class _Entry:
    """An entry of L that is optimised: its place in the flat factors, and the size of its column of Z."""

    place: int
    diagonal: bool
    scale: float


class _Profile:
    """The profiled log likelihood as a function of the entries of Lam, each times the size of its column."""

    def __init__(self, problem: Problem, criterion: int) -> None:
        self.criterion = criterion
        self.free = problem.n - (problem.p if criterion == at.REML else 0)
        self.words = build_tape(problem, accumulate(problem), layout(problem))
        self.floats = self.words.view(np.float64)
        self.layers: Ints = layer_table(self.words)
        self.entries = _entries(problem, self.words, self.layers)
        self.scales = np.array([e.scale for e in self.entries])
        self.places = np.array([e.place for e in self.entries], dtype=np.int64)
        self.diagonal = np.array([e.diagonal for e in self.entries], dtype=bool)
        self.evaluations = 0

    def lam(self, x: Floats) -> Floats:
        """Return all of Lam, flat."""
        lam = np.zeros(int(self.words[at.MOMENTS]))
        lam[self.places] = x / self.scales
        return lam

    def evaluate(self, lam: Floats, sigma: float, slopes_too: bool = False) -> tuple[float, Floats, float]:
        """Return the log likelihood, M of all layers if wanted, and the penalised residual sum of squares."""
        self.evaluations += 1
        moments, slopes = np.zeros(len(lam) if slopes_too else 0), np.zeros(2)
        value = log_likelihood(self.words, self.floats, lam, sigma, self.criterion, moments, slopes)
        return value, moments, float(slopes[1])

    def best_sigma(self, lam: Floats) -> float:
        """Return the sigma that goes with Lam."""
        squares = self.evaluate(lam, 1.0)[2]
        if not squares > 0:
            raise DataError("the residual sum of squares is 0: the model fits the data exactly", "use fewer terms")
        return math.sqrt(squares / self.free)

    def __call__(self, x: Floats) -> tuple[float, Floats]:
        """Return minus the profiled log likelihood and its gradient in x."""
        x = np.where(self.diagonal & (np.abs(x) < _SMALL), _SMALL, x)
        lam = self.lam(x)
        sigma = self.best_sigma(lam)
        value, moments, _ = self.evaluate(lam, sigma, slopes_too=True)
        gradient = np.zeros(len(lam))
        for row in self.layers:
            k, start = int(row[at.K]), int(row[at.LAM])
            own = slice(start, start + k * k)
            gradient[own] = np.linalg.solve(lam[own].reshape(k, k).T, moments[own].reshape(k, k)).ravel()
        return -value, -gradient[self.places] / self.scales

    def value(self, x: Floats) -> float:
        """Return minus the profiled log likelihood, with exact zeros where x has them."""
        lam = self.lam(x)
        return -self.evaluate(lam, self.best_sigma(lam))[0]


def _entries(problem: Problem, words: Ints, layers: Ints) -> list[_Entry]:
    places = words[words[at.AT_PLACES] :][: 2 * len(problem.blocks)].reshape(-1, 2)
    entries = []
    for (layer, column), block in zip(places, problem.blocks, strict=True):
        wide, start = int(layers[layer, at.K]), int(layers[layer, at.LAM])
        full = isinstance(block.corr_prior, LKJ)
        for i in range(block.Z.shape[1]):
            size = math.sqrt(float(np.mean(block.Z[:, i] ** 2))) or 1.0
            for j in range(i + 1):
                if i == j or full:
                    entries.append(_Entry(start + (int(column) + i) * wide + int(column) + j, i == j, size))
    return entries


def _fit(problem: Problem, criterion: int) -> Estimates:
    problem = _plain(problem)
    profile = _Profile(problem, criterion)
    x = _optimise(profile)
    lam = profile.lam(x)
    sigma = profile.best_sigma(lam)
    value, _, _ = profile.evaluate(lam, sigma)
    beta, covariance, modes, spreads = _effects(problem, profile, lam, sigma)
    sds, corrs = [], []
    places = profile.words[profile.words[at.AT_PLACES] :][: 2 * len(problem.blocks)].reshape(-1, 2)
    singular = bool(np.any(x[profile.diagonal] == 0))
    for (layer, column), block in zip(places, problem.blocks, strict=True):
        k, wide, start = block.Z.shape[1], int(profile.layers[layer, at.K]), int(profile.layers[layer, at.LAM])
        part = slice(int(column), int(column) + k)
        L = sigma * lam[start : start + wide * wide].reshape(wide, wide)[part, part]
        sd = np.sqrt(np.sum(L * L, axis=1))
        with np.errstate(invalid="ignore", divide="ignore"):
            corr = L @ L.T / np.outer(sd, sd)
        np.fill_diagonal(corr, 1.0)
        sds.append(sd)
        corrs.append(corr)
    return Estimates(
        beta=beta,
        beta_covariance=covariance,
        sds=tuple(sds),
        corrs=tuple(corrs),
        sigma=sigma,
        loglik=value,
        singular=singular,
        modes=tuple(modes),
        mode_covariances=tuple(spreads),
        parameters=problem.p + len(x) + 1,
        reml=criterion == at.REML,
        evaluations=profile.evaluations,
    )


def _plain(problem: Problem) -> Problem:
    """Return the problem with flat priors of the coefficients, after a check of what is fixed."""
    scalars = [prior for block in problem.blocks for prior in block.sd_priors] + [problem.sigma_prior]
    if any(isinstance(prior, Fixed) for prior in scalars):
        raise ModelError("REML and ML estimate every sd and sigma, but one is fixed", "leave out the Fixed prior")
    for block in problem.blocks:
        if isinstance(block.corr_prior, Fixed) and np.any(_off_diagonal(block.corr_prior)):
            raise ModelError("REML and ML know free correlations, or none", "leave out the Fixed prior")
    if problem.p >= problem.n or (problem.p and np.linalg.matrix_rank(_scaled(problem.X)) < problem.p):
        raise ModelError("the coefficients are not determined by the data", "drop columns that others imply")
    blocks = tuple(replace(block, sd_priors=(Flat(),) * block.Z.shape[1]) for block in problem.blocks)
    return replace(problem, beta_priors=(Flat(),) * problem.p, blocks=blocks, sigma_prior=Flat())


def _scaled(X: Floats) -> Floats:
    norms = np.linalg.norm(X, axis=0)
    return X / np.where(norms > 0, norms, 1.0)


def _off_diagonal(prior: Fixed) -> Floats:
    if isinstance(prior.value, float):
        return np.array([prior.value])
    matrix = np.array(prior.value)
    return np.asarray(matrix[~np.eye(len(matrix), dtype=bool)])


def _optimise(profile: _Profile) -> Floats:
    """Return the best entries; diagonal ones that want to be 0 are exactly 0."""
    if not profile.entries:
        return np.zeros(0)
    x = _descend(profile, np.where(profile.diagonal, 1.0, 0.0))
    for _ in range(3):
        x, moved = _leave_zero(profile, x)
        if not moved:
            break
        x = _descend(profile, x)
    x = _newton(profile, _other_side(profile, x))
    return _snap(profile, x)


def _descend(profile: _Profile, start: Floats) -> Floats:
    from scipy.optimize import minimize

    bounds = [(0.0, None) if d else (None, None) for d in profile.diagonal]
    options = {"maxiter": 500, "maxfun": 2000, "ftol": 1e-15, "gtol": 1e-7}
    found = minimize(profile, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return np.asarray(found.x)


def _leave_zero(profile: _Profile, x: Floats) -> tuple[Floats, bool]:
    """Step off a diagonal entry of 0 where that pays: by symmetry the gradient there is 0 even off the optimum."""
    best = profile.value(x)
    for i in np.flatnonzero(profile.diagonal & (x < 1e-4)):
        for size in (0.01, 0.1, 1.0):
            trial = x.copy()
            trial[i] = size
            if profile.value(trial) < best - 1e-9:
                return trial, True
    return x, False


def _other_side(profile: _Profile, x: Floats) -> Floats:
    """Look for a better optimum with the correlations of a term turned round, and from a start of the size of x.

    Where a diagonal entry is 0 a correlation is 1 or -1. Both can be optima, and which of them a descent meets depends
    on where it starts, and so on the scale of the weights.
    """
    best = profile.value(x)
    for i in np.flatnonzero(profile.diagonal & (x < 1e-2)):
        before = _row_before(profile, int(i))
        size = float(np.max(np.abs(x[before]), initial=0.0))
        if size == 0:
            continue
        turned = x.copy()
        turned[before] *= -1
        turned[i] = 0.3 * size
        for start in (turned, np.where(profile.diagonal, np.max(np.abs(x)), 0.0)):
            found = _descend(profile, start)
            value = profile.value(found)
            if value < best - 1e-9 * max(1.0, abs(best)):
                x, best = found, value
    return x


def _row_before(profile: _Profile, i: int) -> list[int]:
    """Return the entries left of a diagonal one in its row of Lam."""
    before = []
    k = i - 1
    while k >= 0 and not profile.diagonal[k] and profile.places[i] - profile.places[k] == i - k:
        before.append(k)
        k -= 1
    return before


def _newton(profile: _Profile, x: Floats) -> Floats:
    """Return x after Newton steps in the entries away from their bound, with differences of gradients."""
    free = np.flatnonzero(~profile.diagonal | (x > 1e-3))
    if len(free) == 0 or profile.evaluations > 400:
        return x
    value, gradient = profile(x)
    for _ in range(3):
        hessian = np.empty((len(free), len(free)))
        for row, i in enumerate(free):
            h = 1e-4 * max(abs(x[i]), 0.1)
            up, down = x.copy(), x.copy()
            up[i] += h
            down[i] -= h
            hessian[row] = (profile(up)[1][free] - profile(down)[1][free]) / (2 * h)
        values = np.linalg.eigvalsh(0.5 * (hessian + hessian.T))
        if values[0] <= 1e-10 * values[-1]:
            return x
        step = np.linalg.solve(0.5 * (hessian + hessian.T), gradient[free])
        trial = x.copy()
        trial[free] -= step
        new_value, new_gradient = profile(trial)
        inside = np.all(trial[profile.diagonal] >= 0)
        if not (inside and new_value <= value + 1e-11 * abs(value)):
            return x
        x, value, gradient = trial, new_value, new_gradient
        if np.max(np.abs(step)) < 1e-7:
            break
    return x


def _snap(profile: _Profile, x: Floats) -> Floats:
    """Set small diagonal entries to 0 where the criterion is none the worse."""
    best = profile.value(x)
    for i in np.flatnonzero(profile.diagonal & (x < 1e-2)):
        trial = x.copy()
        trial[i] = 0.0
        value = profile.value(trial)
        if value <= best + 1e-9 * max(1.0, abs(best)):
            x, best = trial, min(best, value)
    return x


def _effects(
    problem: Problem, profile: _Profile, lam: Floats, sigma: float
) -> tuple[Floats, Floats, list[Floats], list[Floats]]:
    if not problem.blocks:
        return _least_squares(problem, sigma)
    words = profile.words
    if not words[at.SPARSE]:
        words = build_tape(problem, accumulate(problem, sparse=True), layout(problem))
        lam = _moved(lam, problem, profile.words, words)
    return conditional_modes(problem, words, lam, sigma)


def _moved(lam: Floats, problem: Problem, old: Ints, new: Ints) -> Floats:
    """Return Lam for a tape whose layers stand in another order."""
    moved = np.zeros(len(lam))
    tables = [(layer_table(words), words[words[at.AT_PLACES] :][: 2 * len(problem.blocks)]) for words in (old, new)]
    for block in range(len(problem.blocks)):
        starts = [int(layers[places[2 * block], at.LAM]) for layers, places in tables]
        k = int(tables[0][0][tables[0][1][2 * block], at.K])
        moved[starts[1] : starts[1] + k * k] = lam[starts[0] : starts[0] + k * k]
    return moved


def _least_squares(problem: Problem, sigma: float) -> tuple[Floats, Floats, list[Floats], list[Floats]]:
    root = np.sqrt(problem.weights)
    norms = np.linalg.norm(problem.X * root[:, None], axis=0)
    basis, upper = np.linalg.qr(problem.X * root[:, None] / norms)
    inverse = np.linalg.inv(upper * norms) if problem.p else np.zeros((0, 0))
    beta = inverse @ (basis.T @ (root * (problem.y - problem.offset)))
    return beta, sigma**2 * inverse @ inverse.T, [], []
