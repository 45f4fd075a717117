"""Likelihood families and their links as frozen values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from hierbayes.errors import ModelError
from hierbayes.families.ordinal import gap_names, gaps_of
from hierbayes.families.ordinal import mean as ordinal_mean
from hierbayes.formula import suggest

Values = Literal["real", "positive", "count", "binary", "binomial", "unit", "ordered", "unordered"]
"""What a response may be: any number; above 0; 0, 1, 2, ...; one of two; successes of trials; between 0 and 1; one of
three or more categories, as its number 1, 2, ..., K: in their order, or without one."""


@dataclass(frozen=True)
class Family:
    """A likelihood family with its link.

    Attributes
    ----------
    name : str
        As in `FAMILIES`.
    link : str
        The function that takes the location of the response to the linear predictor. The location is the mean, but for
        ``lognormal`` and ``shifted_lognormal`` it is the mean of the logarithm (less the shift), for ``ordinal`` the
        probability of a category above the first, and for ``categorical`` that of a category among it and the first.
    categories : int
        Number of categories of an ``ordinal`` or ``categorical`` response, set when a design reads it; 0 before, and
        for other families.

    Examples
    --------
    >>> float(Family("poisson", "log").mean(0.0))
    1.0
    >>> Family("negative_binomial", "log").parameters
    ('alpha',)
    >>> Family("ordinal", "logit", 5).parameters
    ('gap_2', 'gap_3', 'gap_4')
    """

    name: str
    link: str
    categories: int = 0

    @property
    def parameters(self) -> tuple[str, ...]:
        """The positive parameters beside the location, each one number for all rows; ``sigma`` is always the first."""
        return gap_names(self.categories) if self.ordered else FAMILIES[self.name].parameters

    @property
    def ordered(self) -> bool:
        """Whether responses are ordered categories, which stand as their scores."""
        return self.values == "ordered"

    @property
    def unordered(self) -> bool:
        """Whether responses are categories without an order: a row then has a linear predictor for each but the first.

        See `hierbayes.families.categorical`.
        """
        return self.values == "unordered"

    @property
    def predictors(self) -> int:
        """Number of linear predictors of a row: 1, but K - 1 for ``categorical`` with K categories."""
        return max(self.categories - 1, 1) if self.unordered else 1

    @property
    def values(self) -> Values:
        """What the response may be."""
        return FAMILIES[self.name].values

    @property
    def whole(self) -> bool:
        """Whether responses are whole numbers: counts, successes, one of two, or numbers of categories."""
        return self.values in ("count", "binary", "binomial", "ordered", "unordered")

    @property
    def has_sigma(self) -> bool:
        """Whether there is a residual sd."""
        return "sigma" in self.parameters

    def inverse(self, predictor: Any) -> Any:
        """Return the location at a linear predictor, elementwise."""
        return _INVERSE_LINKS[self.link](predictor)

    def linked(self, location: Any) -> Any:
        """Return the linear predictor at a location, elementwise: the inverse of `inverse`.

        Examples
        --------
        >>> float(Family("bernoulli", "logit").linked(0.5)), float(Family("poisson", "log").linked(1.0))
        (0.0, 0.0)
        """
        return _LINKS[self.link](location)

    def mean(self, predictor: Any, parameters: Mapping[str, Any] | None = None) -> Any:
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
        if self.unordered:
            raise ModelError(NO_MEAN, "fit.category_probabilities() gives the probability of each")
        if self.ordered:
            return ordinal_mean(self.link, predictor, gaps_of(parameters or {}, self.categories))
        location = self.inverse(predictor)
        if self.name not in _LOG_SCALED:
            return location
        own = parameters or {}
        mean = np.exp(location + 0.5 * np.asarray(own["sigma"]) ** 2)
        return mean + own["shift"] if self.name == "shifted_lognormal" else mean

    @property
    def linear(self) -> bool:
        """Whether the mean is the linear predictor itself, so that effects of mean 0 average out of it."""
        return self.link == "identity" and self.name not in _LOG_SCALED

    def to_json(self) -> dict[str, Any]:
        """Return the family as a mapping; the number of categories only where there are any."""
        return {key: value for key, value in asdict(self).items() if value != 0}

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Family:
        """Return the family that `to_json` wrote.

        Raises
        ------
        ModelError
            If there is no such family, or it does not take the link or the number of categories.
        """
        found = family(Family(str(given["name"]), str(given["link"]), int(given.get("categories", 0))))
        if (found.ordered or found.unordered) != (found.categories >= 3) or found.categories < 0:
            raise ModelError(f"the family {found.name!r} does not have {found.categories} categories")
        return found

    def __str__(self) -> str:
        return self.name if self.link == FAMILIES[self.name].links[0] else f"{self.name}({self.link})"


@dataclass(frozen=True)
class Kind:
    """What families of one name have in common.

    Attributes
    ----------
    links : tuple of str
        The links that it takes, the usual one first.
    parameters : tuple of str
        The positive parameters beside the location.
    values : str
        What the response may be.
    """

    links: tuple[str, ...]
    parameters: tuple[str, ...]
    values: Values


NO_MEAN = "categories without an order have no mean"
"""What is wrong with asking for the mean of a categorical response."""

_SHARES = ("logit", "probit", "cloglog")

FAMILIES: Mapping[str, Kind] = {
    "gaussian": Kind(("identity",), ("sigma",), "real"),
    "student_t": Kind(("identity",), ("sigma", "nu"), "real"),
    "bernoulli": Kind(_SHARES, (), "binary"),
    "binomial": Kind(_SHARES, (), "binomial"),
    "poisson": Kind(("log",), (), "count"),
    "negative_binomial": Kind(("log",), ("alpha",), "count"),
    "gamma": Kind(("log",), ("alpha",), "positive"),
    "lognormal": Kind(("identity",), ("sigma",), "positive"),
    "shifted_lognormal": Kind(("identity",), ("sigma", "shift"), "positive"),
    "exgaussian": Kind(("identity",), ("sigma", "nu"), "real"),
    "beta": Kind(_SHARES, ("kappa",), "unit"),
    "ordinal": Kind(("logit", "probit"), (), "ordered"),
    "categorical": Kind(("logit",), (), "unordered"),
}
"""Every family by its name. ``alpha`` is the shape of the gamma and of the negative binomial (variance ``mu + mu**2 /
alpha``), ``kappa`` the precision of the beta (variance ``mu (1 - mu) / (1 + kappa)``), ``nu`` the degrees of freedom of
the Student and the mean of the exponential part of the ex-Gaussian, whose location is the mean of the whole. The
parameters of ``ordinal`` are its gaps, K - 2 for K categories, see `hierbayes.families.ordinal`."""

_ALIASES = {
    "normal": "gaussian",
    "t": "student_t",
    "student": "student_t",
    "studentt": "student_t",
    "negbinomial": "negative_binomial",
    "negativebinomial": "negative_binomial",
    "nbinom": "negative_binomial",
    "nbinom2": "negative_binomial",
    "nb": "negative_binomial",
    "nb2": "negative_binomial",
    "t_family": "student_t",
    "beta_family": "beta",
    "beta_regression": "beta",
    "betar": "beta",
    "shiftedlognormal": "shifted_lognormal",
    "exgaussian": "exgaussian",
    "ex_gaussian": "exgaussian",
    "log_normal": "lognormal",
    "cumulative": "ordinal",
    "multinomial": "categorical",
    "nominal": "categorical",
}


_OTHERS: dict[str, str] = {
    **dict.fromkeys(
        ("nbinom1", "nb1", "quasipoisson", "genpois", "compois", "com_poisson"),
        'near is "negative_binomial" (nbinom2), whose variance is mu + mu**2 / alpha; nbinom1 has mu (1 + alpha). '
        'With "poisson" an effect of each row, (1 | row), is another way to overdispersion',
    ),
    **dict.fromkeys(
        ("quasibinomial", "betabinomial", "beta_binomial", "betabinomial2"),
        'near is "binomial" with an effect of each row, (1 | row), which takes up the overdispersion',
    ),
    **dict.fromkeys(("inverse_gaussian", "wald", "weibull", "exponential", "frechet"), 'near are "gamma", "lognormal"'),
    **dict.fromkeys(("skew_normal", "laplace", "asymmetriclaplace", "asym_laplace"), 'near is "student_t"'),
    **dict.fromkeys(("sratio", "cratio", "acat", "stopping_ratio"), 'near is "ordinal", the cumulative model'),
    **dict.fromkeys(("tweedie", "ziplnm"), 'near is "gamma" where nothing is 0'),
    **dict.fromkeys(("dirichlet", "dirichlet_multinomial", "multivariate_normal"), "a response is one column here"),
    **dict.fromkeys(("vonmises", "von_mises"), "directions have no family here"),
    **dict.fromkeys(("cox", "coxph"), 'in discrete time: "bernoulli(cloglog)" of events, one row a person and period'),
}
"""Families of R and Bambi that are not there, with what is near."""

_OF_LINK = {
    "logit": "bernoulli",
    "logistic": "bernoulli",
    "probit": "bernoulli(probit)",
    "cloglog": "bernoulli(cloglog)",
}
_ZEROS = ("zero_inflated", "hurdle", "truncated", "zi")


def _not_there(name: str) -> ModelError:
    """Return the error for a family that is not available, with what is near."""
    hint = f"available: {', '.join(FAMILIES)}"
    nearest = suggest(name, [*FAMILIES, *_ALIASES])
    if nearest:
        hint = f"did you mean {_ALIASES.get(nearest, nearest)!r}? {hint}"
    if name in _OF_LINK:
        hint = f'that is a link: write family="{_OF_LINK[name]}" for outcomes 0 and 1, or "{_trials(name)}" for trials'
    elif name.startswith(_ZEROS):
        hint = 'zero-inflated, hurdle and truncated families are not there; near is "negative_binomial" for counts'
    return ModelError(f"family {name!r} is not available", _OTHERS.get(name, hint))


def _trials(link: str) -> str:
    return _OF_LINK[link].replace("bernoulli", "binomial")


def _logistic(predictor: Any) -> Any:
    from scipy.special import expit

    return expit(predictor)


def _normal(predictor: Any) -> Any:
    from scipy.special import ndtr

    return ndtr(predictor)


def _logit(location: Any) -> Any:
    from scipy.special import logit

    return logit(location)


def _probit(location: Any) -> Any:
    from scipy.special import ndtri

    return ndtri(location)


_LINKS: Mapping[str, Callable[[Any], Any]] = {
    "identity": lambda location: location,
    "log": np.log,
    "logit": _logit,
    "probit": _probit,
    "cloglog": lambda location: np.log(-np.log1p(-location)),
}

_INVERSE_LINKS: Mapping[str, Callable[[Any], Any]] = {
    "identity": lambda predictor: predictor,
    "log": np.exp,
    "logit": _logistic,
    "probit": _normal,
    # beyond 700 exp overflows, and the share has long been 1
    "cloglog": lambda predictor: -np.expm1(-np.exp(np.minimum(predictor, 700.0))),
}

_LOG_SCALED = ("lognormal", "shifted_lognormal")


def on_location(y: Any, family: Family) -> Any:
    """Return a response on the scale of the family's location: its logarithm for the log-normal families.

    Examples
    --------
    >>> float(on_location(np.exp(2.0), Family("lognormal", "identity")))
    2.0
    """
    return np.log(y) if family.name in _LOG_SCALED else y


GAUSSIAN = Family("gaussian", "identity")


def family(name: str | Family) -> Family:
    """Return the family of that name, with the usual link unless another stands in brackets.

    Examples
    --------
    >>> family("bernoulli").link, family("bernoulli(probit)").link
    ('logit', 'probit')

    Raises
    ------
    ModelError
        If there is no such family, or it does not take the link.
    """
    if isinstance(name, Family):
        return replace(_checked(name.name, name.link), categories=name.categories)
    found = re.fullmatch(r"\s*([\w. -]+?)\s*(?:\(\s*(?:link\s*=\s*)?[\"']?(\w+)[\"']?\s*\))?\s*", str(name))
    key = found.group(1).lower().replace(" ", "_").replace("-", "_").replace(".", "_") if found else str(name)
    return _checked(_ALIASES.get(key, key), found.group(2) if found else None)


def _checked(name: str, link: str | None) -> Family:
    kind = FAMILIES.get(name)
    if kind is None:
        raise _not_there(name)
    if link is not None and link not in kind.links:
        raise ModelError(f"the family {name!r} does not take the link {link!r}", f"it takes: {', '.join(kind.links)}")
    return Family(name, link or kind.links[0])
