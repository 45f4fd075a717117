"""What there is to know of a family before any response: its link, its parameters and the kind of its responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from hierbayes.errors import ModelError
from hierbayes.families.links import LINKS, Link
from hierbayes.families.slots import Parameters, Slot

Values = Literal["real", "positive", "count", "binary", "binomial", "unit", "ordered", "unordered"]
"""What a response may be: any number; above 0; 0, 1, 2, ...; one of two; successes of trials; between 0 and 1; one of
three or more categories, as its number 1, 2, ..., K: in their order, or without one."""


@dataclass(frozen=True)
class Traits:
    """The link of a family, and what its subclasses say of themselves in a word."""

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

    def without(self, method: str, what: str) -> ModelError:
        """Return the error for what the class of a family does not say."""
        return ModelError(f"the family {self.name!r} does not say {what}", f"give its class the method {method}()")

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
