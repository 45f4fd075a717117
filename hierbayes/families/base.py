"""What every family is: a frozen value that knows all about a response at its linear predictor.

A family is a subclass of `Family` in a file of its own. Arrays in, arrays out, elementwise with numpy's broadcasting:
the same methods serve one row, all rows at one draw, and all draws of a row. The parametrisations are PyMC's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.families.likelihood import Likelihood
from hierbayes.families.slots import Compiled, Law, Parameters
from hierbayes.families.words import Words


@dataclass(frozen=True)
class Family(Likelihood, Words):
    """A likelihood family with its link.

    A new family is a subclass with `name`, `links`, `slots` and `values`, and at least `log_density`, `draw_rows`,
    `variance_of` and, for PyMC, `pymc_law` or `pymc_log_density`; what it does not say otherwise follows from these.
    `hierbayes.families.register` makes it known.

    Attributes
    ----------
    link : str
        The function that takes the location of the response to the linear predictor. The location is the mean, but for
        ``lognormal`` and ``shifted_lognormal`` it is the mean of the logarithm (less the shift), for ``ordinal`` the
        probability of a category above the first, and for ``categorical`` that of a category among it and the first.
    categories : int
        Number of categories of an ``ordinal`` or ``categorical`` response, set when a design reads it; 0 before, and
        for other families.

    Examples
    --------
    >>> from hierbayes.families import family
    >>> float(family("poisson").mean(0.0))
    1.0
    >>> family("negative_binomial").parameters
    ('alpha',)
    """

    # averages over group-level effects

    def average(self, predictor: Any, variance: Any, parameters: Parameters | None = None) -> Any:
        r"""Return ``E[mean(eta)]`` for ``eta ~ N(predictor, variance)``, elementwise; of one trial for ``binomial``.

        See `hierbayes.families.links.Link.average`.

        Parameters
        ----------
        predictor, variance : array
            Mean and variance (not sd) of the linear predictor.
        parameters : mapping of str to array, optional
            As for `mean`.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> round(float(family("poisson").average(0.0, 1.0)), 6)  # exp(1/2)
        1.648721
        >>> round(float(family("bernoulli").average(1.0, 4.0)), 6)  # below expit(1) = 0.731059
        0.647726
        """
        return self.function.average(predictor, variance)

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        r"""Return the variance of a response whose linear predictor is ``N(predictor, variance)``, elementwise.

        By the law of total variance ``E[Var(y | eta)] + Var(mean(eta))``; for ``binomial`` of the share of successes.
        Where a family does not know better it is a Gauss-Hermite sum of 61 points, good while an sd moves the mean by
        no more than a factor of 50.

        Parameters
        ----------
        predictor, variance, parameters
            As for `average`; the gaussian's weight is 1.
        trials : array, optional
            For ``binomial``.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> float(family("gaussian").spread(0.0, 4.0, {"sigma": 1.0}))
        5.0
        """
        nodes, weights = np.polynomial.hermite_e.hermegauss(61)
        weights = weights / weights.sum()
        mean, square, within = 0.0, 0.0, 0.0
        for node, weight in zip(nodes, weights, strict=True):
            eta = np.asarray(predictor) + node * np.sqrt(variance)
            value = self.mean(eta, parameters)
            mean, square = mean + weight * value, square + weight * value**2
            within = within + weight * self.variance(eta, parameters or {}, trials=trials)
        return within + square - mean**2

    def latent_variance(
        self, parameters: Parameters, draws: int, inverse_weight: float, overall_mean: Callable[[], Any]
    ) -> Any:
        """Return the residual variance of a row on the scale of the link, on average over the rows, by draw.

        Parameters
        ----------
        parameters : mapping of str to array, shape (draws,)
        draws : int
        inverse_weight : float
            The mean over the rows of one over the weight, for the gaussian.
        overall_mean : callable
            Gives the mean of the response over the rows and over the levels that there might be, by draw.
        """
        if self.linear:
            return np.asarray(self.variance(np.zeros(draws), parameters))
        eta = np.asarray(self.linked(overall_mean()))
        return np.asarray(self.variance(eta, parameters) / self.mean_slope(eta, parameters) ** 2)

    # starting values and bounds

    def working_response(self, y: Any, trials: Any) -> Any:
        """Return the response on the scale of the linear predictor, for judging how it varies.

        For a link other than the identity it is the link of the response, of which 0 and 1, or a count of 0, are moved
        inwards: half a success and half a failure are added to the trials of a row, and half an event to a count. For
        the log-normal families it is the logarithm, for ordered categories the link of their mean rank; for unordered
        ones, at the predictor of each category, that of this category where it or the reference is there, and 0
        elsewhere.
        """
        return np.asarray(self.linked(self.on_location(y)))

    def start(self, y: Any, parameters: Parameters, trials: Any) -> Any:
        """Return a linear predictor near each response, away from the edges."""
        return self.working_response(y, trials)

    def typical_size(self, y: Any, offset: Any) -> float:
        """Return the sd of the response on the scale of the predictor; 1 behind a link other than the identity."""
        size = float(np.std(self.on_location(y) - offset)) if self.link == "identity" else 1.0
        return size if size > 0 and np.isfinite(size) else 1.0

    def overall_predictor(self, y: Any, offset: Any, trials: Any) -> float | None:
        """Return the link of the mean response less the offset, by which default priors are placed.

        None where the linear predictor has the units of the response (or of its logarithm).
        """
        return float(self.linked(np.mean(y))) - float(np.mean(offset)) if self.link != "identity" else None

    def range(self, trials: Any) -> tuple[Any, Any]:
        """Return the least and the greatest response where the likelihood has no maximum if all lie there, or None."""
        return None, None

    def far(self, parameters: Parameters) -> tuple[float, float]:
        """Return the linear predictors beyond which an estimate is infinite for all that data tell."""
        return self.function.far if self.range(1.0) != (None, None) else (-np.inf, np.inf)

    # the joint engine and PyMC

    @property
    def kernel(self) -> str | None:
        """The compiled likelihood of the joint engine; None where there is none."""
        return self.kernels.get(self.link)

    def first_guess(self, a: Any, b: Any) -> Any:
        """Return linear predictors near rows of the compiled density, from which the search for the mode starts."""
        return a

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        """Return what the compiled density reads of the responses."""
        raise self.without("compiled", "what the compiled density reads")

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law | None:
        """Return the distribution of a response in PyMC; None where PyMC has none that is exact in the tails."""
        return None

    def pymc_log_density(self, value: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the log density of a response, weights left out, as a tensor."""
        import pymc as pm

        law = self.pymc_law(eta, parameters, trials)
        if law is None:
            raise self.without("pymc_law() or pymc_log_density", "the density of a response in PyMC")
        return pm.logp(law.kind.dist(**law.arguments), value)

    def observe(
        self, name: str, eta: Any, parameters: Parameters, y: Any, weights: Any = None, trials: Any = None
    ) -> None:
        """Add the observed response to the PyMC model of the context.

        A row with a weight has its log likelihood multiplied by it; but for the gaussian, whose sd is divided by the
        root of the weight. What PyMC has no distribution for is a `pymc.CustomDist` with the same log density as
        `log_likelihood`, and draws from `draw`.

        Parameters
        ----------
        name : str
            Of the variable.
        eta : tensor, shape (n,)
            Linear predictor; for ``categorical`` those of each row end to end.
        parameters : mapping of str to tensor
            The family's parameters.
        y, weights, trials : tensor, shape (n,)
            `weights` is None where they are 1, `trials` where the family has none.
        """
        from hierbayes.families.observing import observe

        observe(self, name, eta, parameters, y, weights, trials)

    # categories

    def category_average(
        self, category: int, predictor: Any, variance: Any, parameters: Parameters | None = None
    ) -> Any:
        """Return the probability of one category, averaged over ``eta ~ N(predictor, variance)``."""
        raise self.without("category_average", "the probability of a category")

    def to_json(self) -> dict[str, Any]:
        """Return the family as a mapping; the number of categories only where there are any."""
        named: dict[str, Any] = {"name": self.name, "link": self.link}
        return named | ({"categories": self.categories} if self.categories else {})

    def __str__(self) -> str:
        return self.name if self.link == self.links[0] else f"{self.name}({self.link})"
