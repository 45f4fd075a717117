"""Which families there are, and how one is asked for by name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hierbayes.errors import ModelError
from hierbayes.families.base import Family
from hierbayes.formula import suggest

FAMILIES: dict[str, type[Family]] = {}
"""Every family by its name. ``alpha`` is the shape of the gamma and of the negative binomial (variance ``mu + mu**2 /
alpha``), ``kappa`` the precision of the beta (variance ``mu (1 - mu) / (1 + kappa)``), ``nu`` the degrees of freedom of
the Student and the mean of the exponential part of the ex-Gaussian, whose location is the mean of the whole. The
parameters of ``ordinal`` are its gaps, K - 2 for K categories, see `hierbayes.families.ordinal`."""


_NEEDED = (
    (("log_density", "log_likelihood"), "the density of a response"),
    (("draw_rows", "draw"), "how a response is drawn"),
    (("variance_of", "variance"), "the variance of a response"),
    (("pymc_law", "pymc_log_density", "observe"), "the density of a response in PyMC"),
)
"""What a class has to define: one method of each set."""


def register[Kind: type[Family]](kind: Kind) -> Kind:
    """Make a family known by its name; a decorator.

    Parameters
    ----------
    kind : subclass of Family

    Raises
    ------
    ModelError
        If the class leaves out what every family has to say, or the name is that of another family.

    Examples
    --------
    >>> from hierbayes.families.poisson import Poisson
    >>> register(Poisson) is FAMILIES["poisson"]
    True
    """
    for attribute in ("name", "links"):
        if not getattr(kind, attribute, None):
            raise ModelError(
                f"the family {kind.__name__} has no {attribute}", f"give its class the attribute {attribute}"
            )
    needed = (*_NEEDED, (("compiled",), "what the compiled density reads")) if kind.kernels else _NEEDED
    for methods, what in needed:
        if all(getattr(kind, method) is getattr(Family, method) for method in methods):
            raise ModelError(
                f"the family {kind.name!r} does not say {what}",
                f"give its class the method {' or '.join(f'{method}()' for method in methods)}",
            )
    if FAMILIES.setdefault(kind.name, kind) is not kind:
        raise ModelError(f"there is a family {kind.name!r} already", "give the new one another name")
    return kind


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


def family(name: str | Family, categories: int = 0) -> Family:
    """Return the family of that name, with the usual link unless another stands in brackets.

    Parameters
    ----------
    name : str or Family
    categories : int
        Number of categories of an ordinal or categorical response, where it is known.

    Examples
    --------
    >>> family("bernoulli").link, family("bernoulli(probit)").link
    ('logit', 'probit')
    >>> family("ordinal", 5).parameters
    ('gap_2', 'gap_3', 'gap_4')

    Raises
    ------
    ModelError
        If there is no such family, or it does not take the link.
    """
    if isinstance(name, Family):
        return _checked(name.name, name.link, categories or name.categories)
    found = re.fullmatch(r"\s*([\w. -]+?)\s*(?:\(\s*(?:link\s*=\s*)?[\"']?(\w+)[\"']?\s*\))?\s*", str(name))
    key = found.group(1).lower().replace(" ", "_").replace("-", "_").replace(".", "_") if found else str(name)
    return _checked(_aliases().get(key, key), found.group(2) if found else None, categories)


def family_from_json(stored: Mapping[str, Any]) -> Family:
    """Return the family that `Family.to_json` wrote.

    Raises
    ------
    ModelError
        If there is no such family, or it does not take the link or the number of categories.
    """
    made = _checked(str(stored["name"]), str(stored["link"]), int(stored.get("categories", 0)))
    if (made.ordered or made.unordered) != (made.categories >= 3) or made.categories < 0:
        raise ModelError(f"the family {made.name!r} does not have {made.categories} categories")
    return made


def with_categories(chosen: Family, count: int) -> Family:
    """Return a family that knows how many categories its response has; one without categories is as it was."""
    return replace(chosen, categories=count) if chosen.ordered or chosen.unordered else chosen


def _checked(name: str, link: str | None, categories: int) -> Family:
    kind = FAMILIES.get(name)
    if kind is None:
        raise _not_there(name)
    if link is not None and link not in kind.links:
        raise ModelError(f"the family {name!r} does not take the link {link!r}", f"it takes: {', '.join(kind.links)}")
    return kind(link or kind.links[0], categories)


def _aliases() -> dict[str, str]:
    return {alias: kind.name for kind in FAMILIES.values() for alias in kind.aliases}


def _not_there(name: str) -> ModelError:
    """Return the error for a family that is not available, with what is near."""
    hint = f"available: {', '.join(FAMILIES)}"
    nearest = suggest(name, [*FAMILIES, *_aliases()])
    if nearest:
        hint = f"did you mean {_aliases().get(nearest, nearest)!r}? {hint}"
    if name in _OF_LINK:
        trials = _OF_LINK[name].replace("bernoulli", "binomial")
        hint = f'that is a link: write family="{_OF_LINK[name]}" for outcomes 0 and 1, or "{trials}" for trials'
    elif name.startswith(_ZEROS):
        hint = 'zero-inflated, hurdle and truncated families are not there; near is "negative_binomial" for counts'
    return ModelError(f"family {name!r} is not available", _OTHERS.get(name, hint))
