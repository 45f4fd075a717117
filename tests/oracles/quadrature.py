"""The posterior of a one-way layout by quadrature, without a sampler.

The model is ``y_ij ~ N(mu + b_j, sigma²)``, ``b_j ~ N(0, sd²)``, ``mu ~ N(m, s²)``.
Given (sd, sigma) the group means are normal, ``ybar_j ~ N(mu, sd² + sigma² / n_j)``, and mu is integrated
analytically. What is left is summed over a grid in (log sd, log sigma) by the trapezoid rule, which for a smooth
density that vanishes at both ends converges faster than any power.
"""

from __future__ import annotations

import numpy as np


def one_way_posterior(y, codes, intercept, log_prior_sd, log_prior_sigma, points=300):
    """Return posterior mean and sd of intercept, sd and sigma.

    Parameters
    ----------
    y, codes : arrays, shape (n,)
    intercept : tuple (m, s)
        Mean and sd of the normal prior of the intercept.
    log_prior_sd, log_prior_sigma : callable
        Log densities with respect to the sd and to sigma, vectorised.
    points : int
        Grid points in each direction.
    """
    counts = np.bincount(codes)
    means = np.bincount(codes, y) / counts
    within = float(np.sum((y - means[codes]) ** 2))
    sd = np.exp(np.linspace(np.log(1e-3), np.log(3e4), points))[:, None]
    sigma = np.exp(np.linspace(np.log(5.0), np.log(1e3), points))[None, :]

    log_density = log_prior_sd(sd) + log_prior_sigma(sigma) + np.log(sd) + np.log(sigma)
    log_density = log_density - (len(y) - len(counts)) * np.log(sigma) - within / (2 * sigma**2)
    centre, spread = intercept
    precision, weighted, squares = 1 / spread**2, centre / spread**2, (centre / spread) ** 2
    for mean, count in zip(means, counts, strict=True):
        variance = sd**2 + sigma**2 / count
        log_density = log_density - 0.5 * np.log(variance)
        precision = precision + 1 / variance
        weighted = weighted + mean / variance
        squares = squares + mean**2 / variance
    log_density = log_density - 0.5 * np.log(precision) - 0.5 * (squares - weighted**2 / precision)

    weight = np.exp(log_density - log_density.max())
    edge = max(weight[0].max(), weight[-1].max(), weight[:, 0].max(), weight[:, -1].max())
    assert edge < 1e-5, "the grid cuts the posterior"
    weight /= weight.sum()
    found = {}
    for name, first, second in (
        ("Intercept", weighted / precision, (weighted / precision) ** 2 + 1 / precision),
        ("sd", sd, sd**2),
        ("sigma", sigma, sigma**2),
    ):
        mean = float(np.sum(weight * first))
        found[name] = (mean, float(np.sqrt(np.sum(weight * second) - mean**2)))
    return found
