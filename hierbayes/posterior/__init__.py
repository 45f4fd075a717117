"""The draws of a fit as plain arrays, by part, with what every question asks of them: predictors, covariances."""

from hierbayes.posterior.posterior import FactorDraws, Posterior, places_of, posterior_of

__all__ = ["FactorDraws", "Posterior", "places_of", "posterior_of"]
