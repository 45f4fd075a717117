"""What the engines say of random designs, beside the dense normal and, for other families, the plain sum.

Every check gives gaps in units of what rounding allows. For the collapsed engine that is eps times the square of the
design's ratio (of the largest effect to the residuals), for it solves normal equations, times the size of what is
compared: the density by its own parts, an effect by its sd, given the data, and its mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from oracles.dense_normal import DenseNormal

from hierbayes.engines.collapsed.conditional import CRITERIA, Conditional
from hierbayes.engines.collapsed.statistics import accumulate
from hierbayes.engines.theta import Theta, pack, unpack
from hierbayes.priors import Normal

EPS = float(np.finfo(float).eps)
ROOM = 2000.0
"""Rounding errors that a result may be off: thirty rows and as many effects leave some hundreds at most."""
EXACT = 25
"""One design in so many is held against eighty decimal digits at once."""


@dataclass(frozen=True)
class Gap:
    """One comparison: what is compared, and how far apart the two are in units of what rounding allows."""

    what: str
    size: float

    @property
    def wrong(self):
        """Whether it is more, or no number at all."""
        return not self.size <= 1.0


def gap(what, found, wanted, scale, ratio):
    """Return the largest gap of two arrays, `scale` the size of what each number is made of."""
    found, wanted = np.asarray(found, dtype=float), np.asarray(wanted, dtype=float)
    if found.size == 0:
        return Gap(what, 0.0)
    # a dense normal that has lost all its digits may give a size of 0; it is taken again in more of them
    with np.errstate(divide="ignore", invalid="ignore"):
        return Gap(what, float(np.max(np.abs(found - wanted) / scale)) / (ROOM * EPS * ratio**2))


def collapsed_gaps(design, effects=True):
    """Return the gaps of the collapsed engine: density, gradient, and, if wanted, draws and conditional modes.

    Where the dense normal itself has lost digits, what is too far from it is held against eighty decimal digits.
    """
    found = _gaps(design, effects, exact=design.number % EXACT == 3)
    return _gaps(design, effects, exact=True) if any(own.wrong for own in found) else found


def _gaps(design, effects, exact):
    problem, found = design.problem, []
    classical = problem.p < problem.n and not any(isinstance(prior, Normal) for prior in problem.beta_priors)
    ways = {path: Conditional(problem, path == "sparse") for path in ("dense", "sparse")}
    far = _shift(problem)
    for criterion in CRITERIA if classical else ("bayes",):
        wanted = DenseNormal(problem, design.roots, design.sigma, criterion, exact)
        for path, given in ways.items():
            found += _density_gaps(f"{criterion}, {path}", design, wanted, given, far)
        if effects and criterion == "bayes":
            for path, given in ways.items():
                found += _draw_gaps(path, design, given, exact)
        if effects and criterion == "reml":
            for given_beta in (True, False):
                found += _mode_gaps(design, wanted, ways["sparse"], given_beta)
    return found


def factors_of(given, roots, sigma):
    """Return Lam of a point and, layer by layer, its place, its width and its blocks."""
    layers = {}
    for number, place in enumerate(given.places):
        layers.setdefault((place.start, place.wide), []).append(number)
    return given.flat([root / sigma for root in roots]), [(*layer, members) for layer, members in layers.items()]


def _density_gaps(name, design, wanted, given, far):
    ratio, n = design.ratio, design.problem.n + far
    lam, layers = factors_of(given, design.roots, design.sigma)
    moments, slopes = np.zeros(len(lam)), np.zeros(2)
    value = given.log_likelihood(lam, design.sigma, wanted.criterion, moments, slopes)
    scale = n + abs(wanted.log_likelihood) + wanted.squares + abs(wanted.log_det)
    found = [
        gap(f"log likelihood, {name}", value, wanted.log_likelihood, scale, ratio),
        gap(f"slope in log sigma, {name}", slopes[0], wanted.by_log_sigma, n + wanted.squares, ratio),
    ]
    for start, k, members in layers:
        own = moments[start : start + k * k].reshape(k, k)
        # the upper triangle is multiplied by zeros
        lower = np.tril_indices(k)
        moment = wanted.moment(members)
        found.append(gap(f"moments, {name}", own[lower], moment[lower], n + wanted.squares, ratio))
    return found


def _shift(problem):
    """Return the square of how far the coefficients' priors lie from where the engine has its origin, in their sds.

    Where sigma is larger than what the data tell, the density holds such numbers, and their differences.
    """
    gaps = [
        (prior.mu - shift) / prior.sigma if isinstance(prior, Normal) else 0.0
        for prior, shift in zip(problem.beta_priors, accumulate(problem).shift, strict=True)
    ]
    return float(np.sum(np.square(gaps)))


def _draw_gaps(path, design, given, exact):
    """The map from normal numbers to (b, beta) is affine: the mean, and a root of the covariance."""
    problem = design.problem
    sds = tuple(np.linalg.norm(root, axis=1) for root in design.roots)
    factors = tuple(root / sd[:, None] for root, sd in zip(design.roots, sds, strict=True))
    theta = pack(given.layout, Theta(sds, factors, design.sigma))
    point = unpack(given.layout, theta)
    roots = [sd[:, None] * factor for sd, factor in zip(point.sds, point.factors, strict=True)]
    total = sum(block.n_levels * block.Z.shape[1] for block in problem.blocks)
    size = total + problem.p
    normals = np.vstack([np.zeros(size), np.eye(size)])
    beta, b = given.draws(np.tile(theta, (size + 1, 1)), normals)
    drawn = np.hstack([b, beta])
    mean, covariance = DenseNormal(problem, roots, point.sigma, "bayes", exact).conditional()
    root = drawn[1:] - drawn[0]
    return _normal_gaps(f"draws, {path}", drawn[0], root.T @ root, mean, covariance, roots, design)


def _normal_gaps(name, mean, covariance, wanted_mean, wanted_covariance, roots, design):
    blocks = design.problem.blocks
    prior = [np.tile(np.linalg.norm(root, axis=1), block.n_levels) for block, root in zip(blocks, roots, strict=True)]
    size = np.sqrt(np.maximum(np.diag(wanted_covariance), 0.0))
    spread = np.concatenate([*prior, size[sum(map(len, prior)) :]])
    scale, far = spread + np.abs(wanted_mean), _far(design)
    return [
        gap(f"mean of {name}", mean, wanted_mean, scale * far, design.ratio),
        # differences of draws, which are rounded where the mean is
        gap(f"covariance of {name}", covariance, wanted_covariance, np.outer(spread, spread) * far, design.ratio),
    ]


def _far(design):
    """Return how far the response is from 0, in units of the residuals."""
    return 1.0 + float(np.max(np.abs(design.problem.y - design.problem.offset))) / design.sigma


def _mode_gaps(design, wanted, given, given_beta):
    problem = design.problem
    lam, _ = factors_of(given, design.roots, design.sigma)
    law = given.law(lam, design.sigma, given_beta)
    beta, spread, modes, covariances = law.beta, law.covariance, law.modes, law.spreads
    mean, covariance = wanted.conditional(given_beta)
    q = len(mean) - problem.p
    scale = np.sqrt(np.diag(covariance)[q:])
    found = [
        gap("mean of beta, REML", beta, mean[q:], (scale + np.abs(mean[q:])) * _far(design), design.ratio),
        gap("covariance of beta, REML", spread, covariance[q:, q:], np.outer(scale, scale), design.ratio),
    ]
    start = 0
    for block, root, mode, own in zip(problem.blocks, design.roots, modes, covariances, strict=True):
        k = block.Z.shape[1]
        sd = np.linalg.norm(root, axis=1)
        stop = start + block.n_levels * k
        wanted_own = covariance[start:stop, start:stop].reshape(block.n_levels, k, block.n_levels, k)
        wanted_own = np.array([wanted_own[j, :, j] for j in range(block.n_levels)])
        wanted_mode = mean[start:stop].reshape(-1, k)
        scale = (sd + np.abs(wanted_mode)) * _far(design)
        found.append(gap("conditional modes, REML", mode, wanted_mode, scale, design.ratio))
        found.append(gap("conditional covariances, REML", own, wanted_own, np.outer(sd, sd), design.ratio))
        start = stop
    return found
