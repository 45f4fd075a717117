"""Descents that the search for REML and ML is compared with: plain ones, in the entries of triangular factors."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize


def lower_entries(criterion):
    """Return the places of the entries of triangular factors among all, and which are diagonal."""
    places = [
        (piece.first + i * piece.k + j, i == j)
        for piece in criterion.pieces for i in range(piece.k) for j in range(i + 1)
    ]  # fmt: skip
    return np.array([place for place, _ in places], dtype=int), np.array([own for _, own in places], dtype=bool)


def triangular_descent(criterion, start=None):
    """Return minus the log likelihood where L-BFGS-B ends, diagonal entries bounded by 0, in the columns as they are.

    By default it starts from 1 along the diagonal, as a single descent would.
    """
    places, diagonal = lower_entries(criterion)
    scales = np.ones(len(places))
    for number, place in enumerate(places):
        piece = next(own for own in criterion.pieces if own.first <= place < own.first + own.k**2)
        Z = criterion.problem.blocks[piece.block].Z
        scales[number] = np.sqrt(np.mean(Z[:, piece.column + (place - piece.first) // piece.k] ** 2))

    def function(z):
        x = np.zeros(criterion.size)
        x[places] = z / scales
        value, gradient = criterion(x)
        return (value, gradient[places] / scales) if np.isfinite(value) else (1e10, np.zeros(len(z)))

    z = np.where(diagonal, 1.0, 0.0) if start is None else start
    bounds = [(0.0, None) if own else (None, None) for own in diagonal]
    options = {"maxiter": 500, "maxfun": 2000, "ftol": 1e-15, "gtol": 1e-7}
    found = minimize(function, z, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    x = np.zeros(criterion.size)
    x[places] = found.x / scales
    return criterion.value(x)


def random_descent(criterion, rng):
    """Return minus the log likelihood where BFGS ends that starts from random square roots."""
    roots = [np.exp(rng.normal(-0.5, 1.0)) * rng.normal(size=piece.k**2) for piece in criterion.pieces]
    found = minimize(criterion, np.concatenate(roots), jac=True, method="BFGS", options={"gtol": 1e-5, "maxiter": 400})
    return float(found.fun)
