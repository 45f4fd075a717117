"""One response at its linear predictor: its density, draws and moments, and what it tells of the predictor."""

from __future__ import annotations

from typing import Any

import numpy as np

from hierbayes.families.slots import Parameters
from hierbayes.families.traits import Traits


class Likelihood(Traits):
    """The part of a family that says how a response is distributed."""

    def on_location(self, y: Any) -> Any:
        """Return a response on the scale of the location: its logarithm for the log-normal families.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> float(family("lognormal").on_location(np.exp(2.0)))
        2.0
        """
        return y

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the log density or log probability of responses of weight 1."""
        raise self.without("log_density", "the density of a response")

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        """Draw one response at every linear predictor, as floats; `eta` has the shape of the result."""
        raise self.without("draw_rows", "how a response is drawn")

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the variance of a response of weight 1."""
        raise self.without("variance_of", "the variance of a response")

    def log_likelihood(
        self, y: Any, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None
    ) -> Any:
        r"""Return the log density or log probability of responses, every constant included.

        Parameters
        ----------
        y : array
            Responses: 0 and 1 for ``bernoulli``, successes for ``binomial``, numbers of categories from 1 for
            ``ordinal`` and ``categorical``. A value that the family does not allow is not told from others, but for
            one at or below the shift of a log-normal: its log density is -inf.
        predictor : array
            Linear predictor, on the scale of the link. For ``categorical`` its last axis goes by rows, the K - 1
            predictors of each end to end, and so K - 1 times as long as that of the result.
        parameters : mapping of str to array
            The family's parameters by their names; sds and shapes, not variances.
        weights : array
            For the gaussian the residual variance is ``sigma**2 / weight``; for all others the log density is
            multiplied by the weight.
        trials : array, optional
            Number of trials; for ``binomial`` only, which needs it.

        Returns
        -------
        array
            Of the shape to which all of them broadcast (see `predictor` for ``categorical``). Finite at predictors of
            any size that a sampler can meet: an exponent above 500, where the log density is below -1e217, counts as
            500.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> round(float(family("poisson").log_likelihood(2, 0.0, {})), 4)
        -1.6931
        >>> round(float(family("gaussian").log_likelihood(1.0, 0.0, {"sigma": 2.0}, weights=4.0)), 4)
        -1.4189
        """
        value, eta = np.asarray(y, dtype=float), np.asarray(predictor, dtype=float)
        return np.multiply(weights, self.log_density(value, eta, parameters, trials))

    def draw(
        self, predictor: Any, parameters: Parameters, rng: np.random.Generator, weights: Any = 1.0, trials: Any = None
    ) -> Any:
        """Draw one response at every linear predictor.

        Parameters
        ----------
        predictor, parameters, trials
            As for `log_likelihood`.
        rng : numpy.random.Generator
        weights : array
            For the gaussian the residual variance is ``sigma**2 / weight``. For others a weight says how many rows
            like this there are, and does not change what one of them is like.

        Returns
        -------
        array of float
            Responses, of the shape to which predictor and parameters broadcast.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> family("binomial").draw(np.zeros(3), {}, np.random.default_rng(1), trials=10).shape
        (3,)
        """
        eta = np.asarray(predictor, dtype=float)
        shape = np.broadcast_shapes(eta.shape, *(np.shape(parameters[name]) for name in self.parameters))
        return self.draw_rows(np.broadcast_to(eta, shape), parameters, rng, trials)

    def variance(self, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        """Return the variance (not the sd) of the response at a linear predictor, elementwise.

        Parameters
        ----------
        predictor, parameters, trials
            As for `log_likelihood`.
        weights : array
            As for `draw`: ``sigma**2 / weight`` for the gaussian, without effect for others.

        Returns
        -------
        array
            In squared units of the response; of the count of successes for ``binomial``. Infinite for a ``student_t``
            with two degrees of freedom or fewer.

        Raises
        ------
        ModelError
            For ``categorical``, whose response has no variance.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> float(family("negative_binomial").variance(0.0, {"alpha": 2.0}))
        1.5
        """
        return self.variance_of(np.asarray(predictor, dtype=float), parameters, trials)

    def mean(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        """Return the mean of the response at a linear predictor, elementwise.

        For ``binomial`` it is that of one trial, for ``ordinal`` the expected score: categories are scored 1 to K.

        Parameters
        ----------
        predictor : array
        parameters : mapping of str to array, optional
            Needed by the log-normal families, whose mean depends on ``sigma`` and ``shift``, and by ``ordinal``.

        Raises
        ------
        ModelError
            For ``categorical``, whose response has no mean.
        """
        return self.inverse(predictor)

    def mean_slope(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        """Return the derivative of `mean` in the linear predictor, elementwise.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> float(family("bernoulli").mean_slope(0.0)), float(family("gaussian").mean_slope(3.0))
        (0.25, 1.0)
        """
        return self.function.slope(np.asarray(predictor, dtype=float))

    # about the linear predictor

    def score_of(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the derivative of `log_density` in the linear predictor; by central differences."""
        step = 1e-4 * np.asarray(parameters.get("sigma", 1.0))
        up, down = (self.log_density(y, eta + sign * step, parameters, trials) for sign in (1, -1))
        return (up - down) / (2 * step)

    def information_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the information of one response about the linear predictor.

        Where a family does not know better it is that of quasi-likelihood, ``slope of the mean**2 / variance``: the
        Fisher information of an exponential family, and less for others.
        """
        return self.mean_slope(eta, parameters) ** 2 / self.variance_of(eta, parameters, trials)

    def score(self, y: Any, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        """Return the derivative of `log_likelihood` in the linear predictor, elementwise.

        For ``categorical`` it is that in each of a row's predictors, which lie as there.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> float(family("poisson").score(3.0, 0.0, {}))
        2.0
        """
        eta, value = np.asarray(predictor, dtype=float), np.asarray(y, dtype=float)
        return weights * self.score_of(value, eta, parameters, trials)

    def information(self, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        """Return the Fisher information of one response about its linear predictor, elementwise.

        For the ex-Gaussian, whose information has no closed form, it is ``1 / (sigma**2 + nu**2)``, a little less. Not
        for ``categorical``, where it is a matrix: see `informed`.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> float(family("binomial").information(0.0, {}, trials=8))
        2.0
        """
        return weights * self.information_of(np.asarray(predictor, dtype=float), parameters, trials)

    def informed(
        self, predictor: Any, columns: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None
    ) -> Any:
        """Return the Fisher information of the responses about their predictors, times columns.

        It is diagonal, but for ``categorical``: there that of a row about its K - 1 predictors is ``diag(p) - p p'``,
        with p the probabilities of the categories.

        Parameters
        ----------
        predictor, parameters, weights, trials
            As for `information`; the last axis of `predictor` goes by predictors.
        columns : array, shape (..., predictors, q)

        Examples
        --------
        >>> from hierbayes.families import family
        >>> three = family("categorical", 3)
        >>> three.informed(np.log([2.0, 5.0]), np.eye(2), {}).round(6).tolist()
        [[0.1875, -0.15625], [-0.15625, 0.234375]]
        """
        known = self.information(predictor, parameters, weights, trials)
        return columns * np.broadcast_to(known, np.shape(columns)[:-1])[..., None]
