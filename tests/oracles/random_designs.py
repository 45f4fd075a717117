"""Random designs with all that is ugly: empty cells, zero and equal columns, levels with fewer rows than columns.

Every structure that was written by hand has at least as many rows a level as columns, and tells nothing of a level
that has not. Here sizes come from a Dirichlet, categories keep away from some levels, and columns repeat themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from hierbayes.engines.base import Block, Problem
from hierbayes.priors import LKJ, POSITIVE, Fixed, Flat, Normal, Parameter

MOST = 1e5
"""Largest ratio, where six digits are left: at 1e8 none are, in any engine that solves normal equations in doubles."""


@dataclass(frozen=True)
class Design:
    """A problem and a point at which it is looked at.

    Attributes
    ----------
    number : int
        Its seed.
    problem : Problem
    roots : tuple of array, shape (k, k)
        L of every block: sd times the Cholesky factor of the correlations.
    sigma : float
    ratio : float
        The largest effect beside the residuals, at least 1, times how far flat columns lean on each other; or how far a
        prior outweighs the rows. Its square is the condition of the normal equations, and as many digits are lost.
    """

    number: int
    problem: Problem
    roots: tuple[np.ndarray, ...]
    sigma: float
    ratio: float


def random_design(seed, tame=False):
    """Return the design of a seed; a tame one has no sds far apart and no columns far from 0."""
    rng = np.random.default_rng(seed)
    extreme = rng.random() < 0.4 and not tame
    n = int(np.exp(rng.uniform(np.log(3), np.log(26))))
    factors = _factors(rng, n)
    blocks = tuple(_block(rng, n, *factors[own], extreme) for own in _chosen(rng, len(factors)))
    X, priors = _coefficients(rng, n, blocks, extreme)
    weights = np.ones(n)
    if rng.random() < 0.4:
        weights = 10.0 ** rng.uniform(-4, 4, n) if extreme and rng.random() < 0.3 else rng.uniform(0.2, 4, n)
    offset = rng.normal(size=n) * (100.0 if rng.random() < 0.3 else 1.0) if rng.random() < 0.4 else np.zeros(n)
    y = rng.normal(size=n) * 2 + 1 + offset
    problem = Problem(
        y=y, X=X, offset=offset, weights=weights, beta_priors=priors, beta_back=np.eye(X.shape[1]), blocks=blocks,
        parameters=(Parameter("sigma", POSITIVE, Flat()),),
    )  # fmt: skip
    roots, sigma = tuple(_root(rng, block, extreme) for block in blocks), _size(rng, extreme)
    lean = leaning(problem)
    ratio = lean * largest_ratio(problem, roots, sigma)
    if ratio > MOST:
        sigma *= ratio / max(lean, 10.0 ** rng.uniform(0, np.log10(MOST)))
        ratio = lean * largest_ratio(problem, roots, sigma)
    tight = tightness(problem, sigma)
    if tight > MOST:
        priors = (own if isinstance(own, Flat) else Normal(own.mu, own.sigma * tight / MOST) for own in priors)
        problem, tight = replace(problem, beta_priors=tuple(priors)), MOST
    return Design(seed, problem, roots, sigma, max(ratio, tight))


def tightness(problem, sigma):
    """Return how far a prior of a coefficient outweighs what the rows tell of it beside all others, in sds."""
    if problem.p == 0 or np.linalg.matrix_rank(problem.X) < problem.p:
        return 1.0
    scaled = problem.X * np.sqrt(problem.weights)[:, None]
    norms = np.linalg.norm(scaled, axis=0)
    known = np.linalg.norm(np.linalg.pinv(scaled / norms), axis=1) / norms
    sds = [np.inf if isinstance(prior, Flat) else prior.sigma for prior in problem.beta_priors]
    return float(max(1.0, np.max(sigma * known / np.array(sds))))


def leaning(problem):
    """Return how far flat columns lean on each other, where the columns depend and so are not made orthogonal."""
    flat = [isinstance(prior, Flat) for prior in problem.beta_priors]
    scaled = problem.X * np.sqrt(problem.weights)[:, None]
    scaled = scaled / np.maximum(np.linalg.norm(scaled, axis=0), 1e-300)
    if not any(flat) or np.linalg.matrix_rank(scaled, 1e-9) == problem.p:
        return 1.0
    return float(1 / np.linalg.svd(scaled[:, flat], compute_uv=False).min())


def largest_ratio(problem, roots, sigma):
    """Return the largest size of an effect, beside the residuals: of its columns over the rows, times its sd."""
    root = np.sqrt(problem.weights)[:, None]
    sizes = [np.linalg.norm(root * (block.Z @ L)) for block, L in zip(problem.blocks, roots, strict=True)]
    sizes += [
        np.linalg.norm(root[:, 0] * column) * prior.sigma
        for column, prior in zip(problem.X.T, problem.beta_priors, strict=True)
        if isinstance(prior, Normal)
    ]
    return float(max([1.0, *sizes]) / sigma) if max([0.0, *sizes]) > sigma else 1.0


def _size(rng, extreme):
    return float(10.0 ** rng.uniform(-8, 7)) if extreme else float(np.exp(rng.normal(scale=0.8)))


def _factors(rng, n):
    """Return one to three factors as codes and numbers of levels: crossed, or nested in those before."""
    found = []
    for _ in range(int(rng.integers(1, 4))):
        kind = rng.integers(9)
        if found and kind < 2:
            coarse = found[int(rng.integers(len(found)))][0]
            _, codes = np.unique(coarse * 7 + rng.integers(0, 3, n), return_inverse=True)
        elif kind == 2:
            # of one row each, in any order
            codes = rng.permutation(n)
        elif kind == 3:
            codes = np.zeros(n, int)
        else:
            levels = int(rng.integers(1, max(2, n)))
            codes = rng.choice(levels, n, p=rng.dirichlet(np.full(levels, rng.choice([0.2, 1.0, 5.0]))))
        levels = int(codes.max()) + 1
        if rng.random() < 0.7:
            _, codes = np.unique(codes, return_inverse=True)
            levels = int(codes.max()) + 1
        if rng.random() < 0.15:
            levels += int(rng.integers(1, 3))
        found.append((codes.astype(np.int64).reshape(n), levels))
    return found


def _chosen(rng, factors):
    """Return the factor of each of one to four terms; several may have the same."""
    terms = int(rng.integers(factors, 5)) if factors < 4 else factors
    return [*range(factors), *(int(rng.integers(factors)) for _ in range(terms - factors))]


def _block(rng, n, codes, levels, extreme):
    Z = _left_side(rng, n, codes, levels, extreme)
    k = Z.shape[1]
    corr = None if k == 1 else Fixed(0.0) if rng.random() < 0.25 else LKJ(1.0)
    return Block(np.ascontiguousarray(Z), codes, levels, (Flat(),) * k, corr, np.eye(k))


def _left_side(rng, n, codes, levels, extreme):
    """Return the columns left of a bar: an intercept, categories, numbers or all of them, and what goes wrong."""
    kind = rng.integers(6)
    parts = []
    if kind == 0:
        return np.ones((n, 1))
    if kind in (1, 2):
        parts.append(_categories(rng, n, codes, levels, cells=kind == 1))
    elif kind == 3:
        parts += [np.ones((n, 1)), *(_number(rng, n, codes, extreme) for _ in range(int(rng.integers(1, 4))))]
    elif kind == 4:
        parts += [_number(rng, n, codes, extreme) for _ in range(int(rng.integers(1, 4)))]
    else:
        parts += [_categories(rng, n, codes, levels, cells=rng.random() < 0.5), _number(rng, n, codes, extreme)]
    Z = np.hstack(parts)
    if rng.random() < 0.15:
        at = int(rng.integers(Z.shape[1] + 1))
        Z = np.insert(Z, at, rng.choice([0.0, 1.0]) * Z[:, int(rng.integers(Z.shape[1]))], axis=1)
    return Z[:, : int(rng.choice([3, 4, 5]))]


def _categories(rng, n, codes, levels, cells):
    """Return cell means, or an intercept with treatment or sum contrasts, of a factor some of whose cells are empty."""
    size = int(rng.integers(2, 5))
    shares = rng.dirichlet(np.full(size, 0.4), size=levels)
    own = np.array([rng.choice(size, p=shares[code]) for code in codes])
    dummies = np.eye(size)[own]
    if cells:
        return dummies
    coded = dummies[:, 1:] - dummies[:, :1] if rng.random() < 0.3 else dummies[:, 1:]
    return np.column_stack([np.ones(n), coded])


def _number(rng, n, codes, extreme):
    """Return a numeric column, often one that is the same throughout some or all levels."""
    kind = rng.integers(6)
    if kind == 0:
        column = rng.normal(size=n)
    elif kind == 1:
        column = rng.integers(-1, 3, n).astype(float)
    elif kind == 2:
        column = rng.normal(size=int(codes.max()) + 1)[codes]
    elif kind == 3:
        column = np.where(rng.random(int(codes.max()) + 1)[codes] < 0.5, 0.0, rng.normal(size=n))
    elif kind == 4:
        column = 2000.0 + rng.integers(0, 30, n) if extreme else rng.integers(0, 12, n).astype(float)
    else:
        column = np.round(rng.normal(size=n), 1) * (10.0 ** rng.uniform(-5, 5) if extreme else 3.0)
    return column[:, None]


def _coefficients(rng, n, blocks, extreme):
    """Return the population columns and their priors; flat ones only as far as their columns are independent."""
    parts = [np.ones((n, 1))] if rng.random() < 0.85 else [np.zeros((n, 0))]
    if blocks and rng.random() < 0.5:
        parts.append(blocks[0].Z)
    for _ in range(int(rng.integers(0, 3))):
        parts.append(_number(rng, n, np.zeros(n, int), extreme))
    X = np.hstack(parts)[:, :6]
    everywhere, kept, priors = rng.random() < 0.4 or X.shape[1] > n, np.zeros((n, 0)), []
    for column in X.T:
        scale = np.linalg.norm(column) or 1.0
        candidate = np.column_stack([kept, column / scale])
        free = candidate.shape[1] < n and np.linalg.svd(candidate, compute_uv=False).min() > 1e-3
        if free and not everywhere:
            kept = candidate
            priors.append(Flat())
        else:
            unit = max(1.0, scale / np.sqrt(n))
            priors.append(Normal(float(rng.normal()) / unit, float(rng.uniform(0.5, 5)) / unit))
    if rng.random() < 0.3:
        # as many coefficients as are independent, so that REML and ML are defined
        flat = [isinstance(prior, Flat) for prior in priors]
        X, priors = X[:, flat], [Flat()] * sum(flat)
    return np.ascontiguousarray(X), tuple(priors)


def _root(rng, block, extreme):
    k = block.Z.shape[1]
    sds = np.array([_size(rng, extreme and rng.random() < 0.7) for _ in range(k)])
    if isinstance(block.corr_prior, LKJ):
        root = rng.normal(size=(k, k + int(rng.choice([0, 1, 4]))))
        factor = np.linalg.cholesky(root @ root.T + 1e-6 * np.eye(k))
        return sds[:, None] * (factor / np.linalg.norm(factor, axis=1)[:, None])
    return np.diag(sds)
