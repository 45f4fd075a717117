"""Pooling factors: how far the levels of each term, and the rows, are drawn together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.levels import FactorColumns, factor_columns
from hierbayes.design.table import Floats, Ints
from hierbayes.posterior import Posterior
from hierbayes.sampling.sampler import counting
from hierbayes.summaries.covariances import chunks, products_by, spaced
from hierbayes.summaries.variation import row_spread
from hierbayes.tables.exporting import indent
from hierbayes.tables.numbers import estimates
from hierbayes.tables.own_words import own_word

TERMS = ["group", "term", "size", "factor"]
LEVELS = ["group", "level", "term", "rows", "factor", "lower", "upper", "variance_left"]


@dataclass(frozen=True)
class PoolingFactors:
    """How much is pooled: 0 is no pooling, 1 complete pooling.

    Attributes
    ----------
    terms : DataFrame
        One row for each batch of effects, and one for the rows of the data (group Residual). Columns group, term, size
        (number of levels, or rows) and factor, Gelman and Pardoe's ``1 - Var_j(E[b_j]) / E[Var_j(b_j)]``.
    levels : DataFrame
        One row for each level and term. Columns group, level, term, rows (of the data in the level); factor, the
        posterior mean of the diagonal of ``(I + Sigma A_j)^-1``, with its interval lower, upper; variance_left, the
        posterior variance of the level's effect over the posterior mean of ``sd**2``.
    ci_prob : float
        Probability of the equal-tailed intervals.
    """

    terms: pd.DataFrame
    levels: pd.DataFrame
    ci_prob: float

    def __repr__(self) -> str:
        parts = ["Pooling factors (0 none, 1 complete)", "", "By term:", indent(_text(self.terms))]
        if len(self.levels):
            parts += ["", f"By level (with {100 * self.ci_prob:g}% interval):", indent(_text(self.levels))]
        return "\n".join(parts)

    def _repr_html_(self) -> str:
        shown = [("By term", self.terms), (f"By level (with {100 * self.ci_prob:g}% interval)", self.levels)]
        tables = (f"<p>{name}</p>{table.to_html(index=False, float_format=_number)}" for name, table in shown)
        return f"<div><p><strong>Pooling factors</strong> (0 none, 1 complete)</p>{''.join(tables)}</div>"


def _number(value: float) -> str:
    return f"{value:.3f}"


def _text(table: pd.DataFrame) -> str:
    return str(table.to_string(index=False, float_format=_number, max_rows=60))


def pooling_factors(design: Design, posterior: Posterior, ci_prob: float) -> PoolingFactors:
    """Return the pooling factors of every term and of every level; see `hierbayes.Fit.pooling`."""
    factors = factor_columns(design)
    rows = [row for own in factors for row in _by_term(own, posterior)]
    if design.family.conjugate:
        spread = row_spread(design, posterior)
        data = 1 - np.var(spread.mean_error, ddof=1) / np.mean(spread.scaled_error)
        rows = [*rows, (own_word("Residual", design.factors), "", design.n, float(data))]
    terms = pd.DataFrame(rows, columns=TERMS)
    known = row_information(design, posterior)
    levels = [_by_level(own, known, posterior, ci_prob) for own in factors]
    return PoolingFactors(
        terms, pd.concat(levels, ignore_index=True) if levels else pd.DataFrame(columns=LEVELS), ci_prob
    )


def _by_term(own: FactorColumns, posterior: Posterior) -> list[tuple[str, str, int, float]]:
    b = posterior.factors[own.name].b
    between = b.mean(axis=0).var(axis=0, ddof=1)
    within = np.zeros(len(own.terms))
    for part in chunks(len(b), own.n_levels * len(own.terms)):
        within += b[part].var(axis=1, ddof=1).sum(axis=0)
    with np.errstate(invalid="ignore"):
        found = 1 - between / (within / len(b))
    return [(own.name, term, own.n_levels, float(value)) for term, value in zip(own.terms, found, strict=True)]


def _by_level(own: FactorColumns, known: RowInformation, posterior: Posterior, ci_prob: float) -> pd.DataFrame:
    k, J = len(own.terms), own.n_levels
    found = conditional_factors(own, known, posterior, ci_prob)
    b = posterior.factors[own.name].b
    left = np.empty((J, k))
    for part in chunks(J, len(b) * k):
        left[part] = b[:, part].var(axis=0, ddof=1) if len(b) > 1 else np.nan
    with np.errstate(invalid="ignore", divide="ignore"):
        left /= np.mean(posterior.factors[own.name].sd ** 2, axis=0)
    return pd.DataFrame(
        {
            "group": own.name,
            "level": np.repeat(np.asarray(own.levels, dtype=object), k),
            "term": np.tile(np.asarray(own.terms, dtype=object), J),
            "rows": np.repeat(np.bincount(own.codes, minlength=J), k),
            "factor": found["mean"].reshape(-1),
            "lower": found["lower"].reshape(-1),
            "upper": found["upper"].reshape(-1),
            "variance_left": left.reshape(-1),
        }
    )


_MOST = 1_000_000
"""Matrices that are inverted; with more, evenly spaced draws stand for all, but never fewer than `_LEAST`."""
_LEAST = 250


@dataclass(frozen=True)
class RowInformation:
    """What each row tells of its linear predictor: ``weights / variance``.

    Attributes
    ----------
    weights : array, shape (n,)
    variance : array, shape (draws,)
        ``sigma**2`` for the gaussian; 1 for others, whose weights are Fisher information.
    """

    weights: Floats
    variance: Floats


def row_information(design: Design, posterior: Posterior) -> RowInformation:
    """Return the information in each row; for others than the gaussian at the posterior means of all parameters."""
    if design.family.conjugate:
        return RowInformation(design.weights, posterior.parameters["sigma"] ** 2)
    eta = posterior.mean.linear_predictor(design, design.groups)[0]
    known = design.family.information(eta, posterior.typical_parameters, design.weights, design.trials)
    return RowInformation(np.asarray(known), np.ones(posterior.size))


def conditional_factors(
    own: FactorColumns, known: RowInformation, posterior: Posterior, ci_prob: float = 0.95
) -> dict[str, Floats]:
    """Return the estimates of the diagonal of ``(I + Sigma A_j)^-1``, each of shape (levels, k).

    ``A_j = Z_j' W_j Z_j / sigma**2`` is the information in the level's own rows. The diagonal says how far a level is
    drawn to the population: 0 is no pooling, 1 is complete pooling. With a random intercept alone it is
    ``sigma**2 / (sigma**2 + n_j sd**2)``.
    """
    patterns, place = alike(products_by(own.codes, own.Z, own.n_levels, known.weights))
    variance = known.variance
    chosen = spaced(len(variance), max(_MOST // len(patterns), _LEAST))
    Sigma = posterior.covariance(own.name)[chosen] / variance[chosen, None, None]
    k = Sigma.shape[-1]
    found = {name: np.empty((len(patterns), k)) for name in ("mean", "sd", "median", "lower", "upper")}
    parts = list(chunks(len(patterns), len(chosen) * k * k))
    with counting("pooling factors", len(parts), None) as advance:
        for part in parts:
            inverse = np.linalg.inv(np.eye(k) + Sigma[:, None] @ patterns[part])
            diagonal = np.diagonal(inverse, axis1=-2, axis2=-1)
            for name, values in estimates(diagonal[None], ci_prob).items():
                found[name][part] = values
            advance()
    return {name: values[place] for name, values in found.items()}


def alike(matrices: Floats) -> tuple[Floats, Ints]:
    """Return the different ones of a stack of matrices, and which of them each is: levels of one design share work."""
    flat = np.ascontiguousarray(matrices.reshape(len(matrices), -1))
    unique, place = np.unique(flat, axis=0, return_inverse=True)
    return unique.reshape(-1, *matrices.shape[1:]), place.reshape(-1)
