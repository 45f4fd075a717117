"""Estimates of beta and b given all variances, from dense matrices; and the limit where a factor is not pooled."""

from __future__ import annotations

import numpy as np


def covariance_of(table, factor, terms):
    """The covariance of one factor's effects, from a table of sds and correlations."""
    own = table[table["group"] == factor]
    sds = own[own["kind"] == "sd"].set_index("term")["mean"][list(terms)].to_numpy()
    corr = np.eye(len(terms))
    for _, row in own[own["kind"] == "corr"].iterrows():
        i, j = terms.index(row["term"]), terms.index(row["term2"])
        corr[i, j] = corr[j, i] = row["mean"]
    return sds[:, None] * corr * sds


def pieces(design):
    """Columns and codes of each factor."""
    return {f: (np.hstack([b.Z for b in design.blocks(f)]), design.blocks(f)[0].codes) for f in design.factors}


def variance(design, covariances, sigma):
    """The covariance of y given beta, for a covariance matrix of each factor's effects."""
    V = np.diag(sigma**2 / design.weights)
    for factor, (Z, codes) in pieces(design).items():
        V += np.where(codes[:, None] == codes[None], Z @ covariances[factor] @ Z.T, 0.0)
    return V


def estimates(design, covariances, sigma, factor):
    """Beta by generalised least squares, and the conditional means of one factor's effects."""
    inverse = np.linalg.inv(variance(design, covariances, sigma))
    y, X = design.y - design.offset, design.X
    beta = np.linalg.solve(X.T @ inverse @ X, X.T @ inverse @ y)
    rest = inverse @ (y - X @ beta)
    Z, codes = pieces(design)[factor]
    sums = np.zeros((codes.max() + 1, Z.shape[1]))
    np.add.at(sums, codes, Z * rest[:, None])
    return beta, sums @ covariances[factor]


def not_pooled(design, covariances, sigma, factor):
    """Fit of each row with the factor's levels as columns, other factors random: the limit of an infinite sd."""
    held = covariances | {factor: np.zeros_like(covariances[factor])}
    Z, codes = pieces(design)[factor]
    own = np.hstack([np.where(codes[:, None] == j, Z, 0.0) for j in range(codes.max() + 1)])
    columns = np.hstack([design.X, own])
    root = np.linalg.cholesky(variance(design, held, sigma))
    white = np.linalg.solve(root, np.column_stack([columns, design.y - design.offset]))
    return columns @ np.linalg.lstsq(white[:, :-1], white[:, -1], rcond=1e-10)[0]
