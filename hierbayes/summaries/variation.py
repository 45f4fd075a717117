"""What varies from row to row, by draw: population-level part, group-level part, residual."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.levels import factor_columns
from hierbayes.design.table import Floats
from hierbayes.posterior import Posterior
from hierbayes.sampling.sampler import counting
from hierbayes.summaries.covariances import chunks, inner


def group_variances(design: Design, posterior: Posterior) -> dict[str, Floats]:
    """Return the variance that each factor gives to a row, on average over the rows: mean of ``z' Sigma z``, by draw.

    With a random intercept alone it is ``sd**2``. For random slopes: Johnson (2014), Methods in Ecology and Evolution
    5, 944-946.
    """
    return {
        own.name: inner(own.Z.T @ own.Z / design.n, posterior.covariance(own.name)) for own in factor_columns(design)
    }


def residual_variance(design: Design, posterior: Posterior) -> Floats:
    """Return the residual variance of a gaussian row, ``sigma**2 / weight``, on average over the rows, by draw."""
    return np.asarray(posterior.parameters["sigma"] ** 2 * np.mean(1 / design.weights))


def population_variance(design: Design, posterior: Posterior) -> Floats:
    """Return the variance over the rows (ddof 1) of ``X beta + offset``, by draw."""
    columns = np.column_stack([design.X, design.offset])
    columns = columns - columns.mean(axis=0)
    beta = posterior.beta
    whole = np.column_stack([beta, np.ones(len(beta))])
    form = columns.T @ columns / (design.n - 1)
    return np.asarray(np.maximum(np.sum((whole @ form) * whole, axis=1), 0.0))


@dataclass(frozen=True)
class RowSpread:
    """The spread over the rows of what the model says of each row, its group-level effects included.

    Attributes
    ----------
    fitted : array, shape (draws,)
        Variance over the rows (ddof 1) of ``mu = X beta + Z b + offset``.
    error : array, shape (draws,)
        Variance over the rows (ddof 1) of ``y - mu``.
    scaled_error : array, shape (draws,)
        The same of ``sqrt(weight) (y - mu)``, whose variance is ``sigma**2`` in every row.
    mean_error : array, shape (n,)
        Posterior mean of ``sqrt(weight) (y - mu)`` of each row.
    """

    fitted: Floats
    error: Floats
    scaled_error: Floats
    mean_error: Floats


def row_spread(design: Design, posterior: Posterior) -> RowSpread:
    """Read all rows, a few draws at a time; no array of all draws by all rows is made."""
    total, root = posterior.size, np.sqrt(design.weights)
    fitted, error, scaled = np.empty(total), np.empty(total), np.empty(total)
    summed = np.zeros(design.n)
    weighted = bool(np.any(design.weights != 1))
    parts = list(chunks(total, design.n))
    with counting("reading the rows, draw by draw", len(parts), None) as advance:
        for part in parts:
            mu = posterior.linear_predictor(design, design.groups, part)
            fitted[part] = mu.var(axis=1, ddof=1)
            left = np.subtract(design.y, mu, out=mu)
            error[part] = left.var(axis=1, ddof=1)
            if weighted:
                left *= root
            scaled[part] = left.var(axis=1, ddof=1) if weighted else error[part]
            summed += left.sum(axis=0)
            advance()
    return RowSpread(fitted, error, scaled, summed / total)
