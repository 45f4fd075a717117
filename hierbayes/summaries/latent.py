"""The variance that a response adds to its linear predictor, on the scale of the link, for families with any link.

Nakagawa, Johnson and Schielzeth (2017), J. R. Soc. Interface 14, 20170213, call it the observation-level variance.
"""

from __future__ import annotations

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.levels import factor_columns
from hierbayes.design.table import Floats
from hierbayes.families import Family
from hierbayes.posterior import Posterior
from hierbayes.summaries.covariances import chunks


def latent_variance(design: Design, posterior: Posterior, family: Family) -> Floats:
    """Return the residual variance of a row on the scale of the link, on average over the rows, by draw.

    ============================  ========================================================================
    family                        variance
    ============================  ========================================================================
    gaussian                      ``sigma**2 / weight``
    student_t                     ``sigma**2 nu / (nu - 2)``, infinite for nu of 2 or less
    exgaussian                    ``sigma**2 + nu**2``
    log-normals                   ``sigma**2``, of the logarithm
    bernoulli, binomial           pi^2/3 (logit), 1 (probit), pi^2/6 (cloglog): that of one trial
    ordinal                       pi^2/3 (logit), 1 (probit): that of the latent variable
    poisson                       ``trigamma(m)``
    negative_binomial             ``trigamma(1 / (1/m + 1/alpha))``
    gamma                         ``trigamma(alpha)``
    beta                          delta method: ``m (1 - m) / (1 + kappa)`` over the squared slope of the mean
    ============================  ========================================================================

    where m is the mean of the response over the rows and over the levels that there might be.
    """
    return np.asarray(
        family.latent_variance(
            posterior.parameters,
            posterior.size,
            float(np.mean(1 / design.weights)),
            lambda: overall_mean(design, posterior, family),
        )
    )


def overall_mean(design: Design, posterior: Posterior, family: Family) -> Floats:
    """Return the mean of the response over the rows, group-level effects integrated out, by draw."""
    found = np.empty(posterior.size)
    for part in chunks(len(found), design.n):
        with np.errstate(over="ignore"):  # draws of a wide prior
            found[part] = family.average(*marginal_rows(design, posterior, part), posterior.at(part)).mean(axis=1)
    return found


def marginal_rows(design: Design, posterior: Posterior, part: slice) -> tuple[Floats, Floats]:
    """Return mean and variance of the rows' linear predictors over the levels that there might be, (draws, rows)."""
    predictor = posterior.linear_predictor(design, draws=part)
    spread = np.zeros_like(predictor)
    for own in factor_columns(design):
        Sigma = posterior.covariance(own.name)[part]
        for i, row in enumerate(own.Z.T):
            for j in range(i + 1):
                spread += (1 if i == j else 2) * Sigma[:, i, j, None] * (row * own.Z[:, j])
    return predictor, np.maximum(spread, 0.0)
