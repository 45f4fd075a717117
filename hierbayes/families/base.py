"""What every family is: a frozen value that knows all about a response at its linear predictor.

A family is a subclass of `Family` in a file of its own. Arrays in, arrays out, elementwise with numpy's broadcasting:
the same methods serve one row, all rows at one draw, and all draws of a row. The parametrisations are PyMC's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from hierbayes.families.links import LINKS, Link
from hierbayes.priors import Flat, HalfStudentT, Prior

if TYPE_CHECKING:
    from pymc.distributions.distribution import Distribution

Values = Literal["real", "positive", "count", "binary", "binomial", "unit", "ordered", "unordered"]
"""What a response may be: any number; above 0; 0, 1, 2, ...; one of two; successes of trials; between 0 and 1; one of
three or more categories, as its number 1, 2, ..., K: in their order, or without one."""

Parameters = Mapping[str, Any]


@dataclass(frozen=True)
class Slot:
    """A positive parameter of a family beside the location, one number for all rows.

    Attributes
    ----------
    name : str
    symbol : str
        In LaTeX.
    default : callable
        Gives the default prior, from the sd of the response and the smallest response.
    limit : str or None
        The likelihood to which that of the family tends as the parameter grows, where a flat prior would make the
        posterior improper.
    below_responses : bool
        Whether it lies below every response.
    """

    name: str
    symbol: str
    default: Callable[[float, float], Prior]
    limit: str | None = None
    below_responses: bool = False

    def default_prior(self, sd: float, least: float, flat: bool) -> Prior:
        """Return the default prior; a flat one where that is asked for and leaves a proper posterior."""
        return Flat() if flat and self.limit is None and not self.below_responses else self.default(sd, least)


SIGMA = Slot("sigma", r"\sigma", lambda sd, least: HalfStudentT(3, sd))
"""The residual sd."""


@dataclass(frozen=True)
class Law:
    """A distribution of PyMC with its arguments."""

    kind: type[Distribution]
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Compiled:
    """What the compiled density of the joint engine reads of the responses.

    Attributes
    ----------
    code : str
        The compiled likelihood, a key of `hierbayes.engines.joint.tape.CODES`.
    a, b : array, shape (n,) or (n, predictors)
        Two numbers a row: see `hierbayes.engines.joint.likelihoods`.
    adds : str
        Which rows of one predictor may be one row: "all", their numbers added up; "equal", those that agree in `a`,
        with `b` added up; "none".
    constant : float
        What of the log likelihood depends on no parameter.
    coefficient : float
        That of ``-log sigma``, or of ``alpha`` for the gamma.
    counts : array, shape (2, distinct)
        Distinct responses and the sums of their weights, where the density needs them.
    """

    code: str
    a: Any
    b: Any
    adds: str = "all"
    constant: float = 0.0
    coefficient: float = 0.0
    counts: Any = field(default_factory=lambda: np.zeros((2, 0)))


@dataclass(frozen=True)
class Family:
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

    link: str
    categories: int = 0

    name: ClassVar[str]
    links: ClassVar[tuple[str, ...]]
    """The links that it takes, the usual one first."""
    slots: ClassVar[tuple[Slot, ...]] = ()
    values: ClassVar[Values] = "real"
    aliases: ClassVar[tuple[str, ...]] = ()
    """Names that other programs give to it, in lower case, with underscores."""
    bambi: ClassVar[str | None] = None
    """Bambi's name, where the family is the same there."""
    latex: ClassVar[str]
    """The distribution of a response, a line of LaTeX."""
    words: ClassVar[str]
    """The same in words, with places in braces for the response ``y``, ``link``, ``trials`` and the parameters."""
    latent_words: ClassVar[str]
    """What stands for the residual variance on the scale of the link."""
    kernels: ClassVar[Mapping[str, str]] = {}
    """The compiled likelihoods of the joint engine, keys of its table of codes, by link."""

    has_mean: ClassVar[bool] = True
    """Whether a response has a mean: categories without an order have the probability of each in its place."""
    has_thresholds: ClassVar[bool] = False
    """Whether thresholds cut a latent variable into the response."""
    ordered: ClassVar[bool] = False
    """Whether responses are ordered categories, which stand as their scores."""
    unordered: ClassVar[bool] = False
    """Whether responses are categories without an order: a row then has a linear predictor for each but the first."""
    linear: ClassVar[bool] = False
    """Whether the mean is the linear predictor itself, so that effects of mean 0 average out of it."""
    conjugate: ClassVar[bool] = False
    """Whether normal effects integrate out in closed form: then there are REML, least squares and exact shares."""
    interval: ClassVar[bool] = True
    """Whether an interval of responses says more than their mean: not of 0 and 1."""
    steps_overshoot: ClassVar[bool] = False
    """Whether a step of Fisher scoring may lead far beyond the mode, as it does from where the mean is nearly 0."""
    counts_trials: ClassVar[bool] = False
    """Whether a response is a number of successes of trials."""
    divides_variance: ClassVar[bool] = False
    """Whether a weight divides the variance of a row; for other families it multiplies the log likelihood."""
    whole: ClassVar[bool] = False
    """Whether responses are whole numbers: counts, successes, one of two, or numbers of categories."""

    # what there is

    @property
    def parameters(self) -> tuple[str, ...]:
        """The positive parameters beside the location, each one number for all rows; ``sigma`` is always the first."""
        return tuple(slot.name for slot in self.all_slots)

    @property
    def all_slots(self) -> tuple[Slot, ...]:
        """The parameters beside the location, as slots."""
        return self.slots

    @property
    def has_sigma(self) -> bool:
        """Whether there is a residual sd."""
        return "sigma" in self.parameters

    @property
    def predictors(self) -> int:
        """Number of linear predictors of a row: 1, but K - 1 for ``categorical`` with K categories."""
        return 1

    @property
    def function(self) -> Link:
        """The link as a function."""
        return LINKS[self.link]

    def inverse(self, predictor: Any) -> Any:
        """Return the location at a linear predictor, elementwise."""
        return self.function.inverse(predictor)

    def linked(self, location: Any) -> Any:
        """Return the linear predictor at a location, elementwise: the inverse of `inverse`.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> float(family("bernoulli").linked(0.5)), float(family("poisson").linked(1.0))
        (0.0, 0.0)
        """
        return self.function.forward(location)

    def on_location(self, y: Any) -> Any:
        """Return a response on the scale of the location: its logarithm for the log-normal families.

        Examples
        --------
        >>> from hierbayes.families import family
        >>> float(family("lognormal").on_location(np.exp(2.0)))
        2.0
        """
        return y

    # one response

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the log density or log probability of responses of weight 1."""
        raise NotImplementedError(f"the family {self.name!r} has no log density")

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        """Draw one response at every linear predictor, as floats; `eta` has the shape of the result."""
        raise NotImplementedError(f"the family {self.name!r} has no draws")

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the variance of a response of weight 1."""
        raise NotImplementedError(f"the family {self.name!r} has no variance")

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

    @property
    def mean_link(self) -> str:
        """The link by which the mean of a response, up to a factor, is that of the linear predictor."""
        return self.link

    @property
    def odds(self) -> bool:
        """Whether the exponential of the linear predictor is the odds of a share."""
        return self.link == "logit"

    @property
    def exponentials(self) -> bool:
        """Whether the exponential of a coefficient is a ratio: of means, odds or hazards."""
        return self.mean_link in ("log", "logit", "cloglog")

    def log_mean_shift(self, sigma: float) -> float:
        """Return what the logarithm of the mean has beside the linear predictor, under `mean_link`."""
        return 0.0

    def thresholds(self, parameters: Parameters) -> list[float] | None:
        """Return the thresholds between ordered categories, the first of them 0; None for other responses."""
        return None

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

    def log_rate(self, total: float, offset: Any) -> float:
        """Return the log of a total over all exposures: with ``offset(log(exposure))`` the rate of the whole."""
        largest = float(np.max(offset))
        return float(np.log(total)) - (largest + float(np.log(np.sum(np.exp(offset - largest)))))

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
        raise NotImplementedError(f"the family {self.name!r} is not compiled")

    def pymc_law(self, eta: Any, parameters: Parameters, trials: Any) -> Law | None:
        """Return the distribution of a response in PyMC; None where PyMC has none that is exact in the tails."""
        return None

    def pymc_log_density(self, value: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the log density of a response, weights left out, as a tensor."""
        import pymc as pm

        law = self.pymc_law(eta, parameters, trials)
        if law is None:
            raise NotImplementedError(f"the family {self.name!r} has no density in PyMC")
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

    # words

    @property
    def latent_note(self) -> str:
        """What stands for the residual variance on the scale of the link, in words."""
        return self.latent_words

    def latex_line(self, spread: str) -> str:
        """Return the distribution of a response as a line of LaTeX.

        Parameters
        ----------
        spread : str
            The sd of a gaussian row.
        """
        return self.latex

    def predictor_latex(self, category: int = 0) -> str:
        """Return what the linear predictor is, in LaTeX: the location, or its link; with a category, that of its."""
        return r"\mu_i" if self.link == "identity" else rf"\operatorname{{{self.link}}}(\mu_i)"

    @property
    def predictor_words(self) -> str:
        """What has the coefficients, in words."""
        return "mean" if self.link == "identity" else "linear predictor"

    def sentences(self, filling: Mapping[str, str], categories: Sequence[str]) -> list[str]:
        """Return the distribution of a response in sentences.

        Parameters
        ----------
        filling : mapping of str to str
            What stands in the braces of `words`: the response ``y``, the level ``one`` that is modelled, ``link``,
            ``trials``, and the prior of each parameter.
        categories : sequence of str
            Of the response, in order.
        """
        return [self.words.format(**filling)]

    def unit(self, response: str, location: str, reference: str) -> str:
        """Return the unit of the linear predictor: the response's, or that of a function of it.

        Parameters
        ----------
        response : str
            As it is written.
        location : str
            "share" where the response counts successes of trials, else "mean".
        reference : str
            The reference of a categorical response.
        """
        return response if self.link == "identity" else f"{self.link}({location} of {response})"

    # categories

    def probabilities(self, predictor: Any, parameters: Parameters) -> Iterator[Any]:
        """Yield the probability of each category, in order; only for responses that are categories."""
        raise NotImplementedError(f"responses of the family {self.name!r} are no categories")

    def category_average(
        self, category: int, predictor: Any, variance: Any, parameters: Parameters | None = None
    ) -> Any:
        """Return the probability of one category, averaged over ``eta ~ N(predictor, variance)``."""
        raise NotImplementedError(f"responses of the family {self.name!r} are no categories of one predictor")

    def to_json(self) -> dict[str, Any]:
        """Return the family as a mapping; the number of categories only where there are any."""
        named: dict[str, Any] = {"name": self.name, "link": self.link}
        return named | ({"categories": self.categories} if self.categories else {})

    def __str__(self) -> str:
        return self.name if self.link == self.links[0] else f"{self.name}({self.link})"
