"""Reads a `bambi.Prior` where a prior is expected.

Bambi is never imported: its priors are told by the names of their class and module.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from hierbayes import priors
from hierbayes.errors import ModelError
from hierbayes.priors import Prior
from hierbayes.priors.text import nearest

GROUP_EXAMPLE = 'bambi.Prior("Normal", mu=0, sigma=bambi.Prior("HalfNormal", sigma=3))'


def is_bambi_prior(value: object) -> bool:
    """Whether a value is a `bambi.Prior`."""
    return any(kind.__name__ == "Prior" and kind.__module__.split(".")[0] == "bambi" for kind in type(value).__mro__)


def read_bambi_prior(prior: Any, where: str, place: int | None = None) -> Prior:
    """Return the prior that a `bambi.Prior` states.

    Parameters
    ----------
    prior : bambi.Prior
        Its parameters are those of the PyMC distribution of that name.
    where : str
        The parameter that it belongs to, for errors.
    place : int, optional
        Which entry to take of parameters that are arrays, as those of a categorical term are.

    Raises
    ------
    ModelError
        If hierbayes has no such prior, or a parameter is not a number.

    Examples
    --------
    >>> import bambi
    >>> print(read_bambi_prior(bambi.Prior("HalfStudentT", nu=4, sigma=56.2), "sigma"))
    HalfStudentT(4, 56.2)
    >>> print(read_bambi_prior(bambi.Prior("Gamma", mu=6, sigma=3), "sigma"))
    Gamma(4, 0.6667)
    """
    reader = None if prior.dist is not None else _READERS.get(prior.name)
    if reader is None:
        raise ModelError(
            f"{where}: hierbayes has no prior {prior.name!r}",
            f"{nearest(prior.name, _READERS)}Write it in PyMC: {_custom(prior)}. "
            f"Those that need no PyMC: {', '.join(_READERS)}.",
        )
    numbers = {key: _number(value, f"{where}: {key} of {prior}", place) for key, value in prior.args.items()}
    try:
        return reader(**numbers)
    except TypeError as error:
        takes = ", ".join(inspect.signature(reader).parameters) or "no parameters"
        raise ModelError(f"{where}: {prior} cannot be read", f"{prior.name} takes {takes}.") from error
    except ModelError as error:
        raise ModelError(f"{where}: {error.what}", error.hint) from error


def read_coefficient_prior(prior: Any, where: str, place: int | None = None) -> Prior:
    """Return the prior of a coefficient; otherwise as `read_bambi_prior`."""
    if prior.name == "HalfFlat":
        raise ModelError(f"{where}: {prior} allows no negative coefficient", 'Write bambi.Prior("Flat").')
    return read_bambi_prior(prior, where, place)


def read_group_prior(prior: Any, where: str, place: int | None = None) -> Prior:
    """Return the prior of the sd from Bambi's prior of group-level effects, ``Normal(0, sigma=<a prior>)``.

    Parameters
    ----------
    prior : bambi.Prior
    where : str
        Bambi's name of the term, such as ``Days|Subject``, for errors.
    place : int, optional
        Which entry to take of parameters that are arrays.

    Raises
    ------
    ModelError
        If the effects are not normal around 0 with a prior on their sd.
    """
    inner = prior.args.get("sigma")
    if (
        prior.dist is not None
        or prior.name != "Normal"
        or not is_bambi_prior(inner)
        or set(prior.args) - {"mu", "sigma"}
    ):
        raise ModelError(
            f"{where}: {prior} is not a prior of group-level effects that hierbayes has: they are normal around 0",
            f"Write {GROUP_EXAMPLE}.",
        )
    mean = prior.args.get("mu", 0.0)
    if is_bambi_prior(mean) or _number(mean, where, place) != 0:
        raise ModelError(
            f"{where}: group-level effects are normal around 0, and their mean is {mean}",
            "Write mu=0; the mean is the population-level coefficient.",
        )
    return read_bambi_prior(inner, where, place)


def without_bambi(given: Mapping[Any, Any], factors: Sequence[str]) -> dict[Any, Any]:
    """Return a mapping of priors in which each `bambi.Prior` has become a prior of hierbayes.

    Parameters
    ----------
    given : mapping
        Priors of either kind. The keys of Bambi's priors may be Bambi's: ``common``, ``group_specific``,
        ``1|Subject``, ``Days|Subject``.
    factors : sequence of str
        The grouping factors of the model.

    Returns
    -------
    dict
        Keys of hierbayes: ``beta``, ``sd_Subject``, ``sd_Subject[Intercept]``, ``sd_Subject[Days]``; the values of
        other priors, and their keys, as they are.

    Raises
    ------
    ModelError
        If a prior of Bambi is not understood, or two keys mean the same parameter.
    """
    found: dict[Any, Any] = {}
    for key, value in given.items():
        read = _read(str(key), value, factors) if is_bambi_prior(value) else {key: value}
        twice = [name for name in read if name in found]
        if twice:
            raise ModelError(f"the prior of {twice[0]!r} is given twice, once as {key!r}", "leave one of them out")
        found.update(read)
    return found


def sd_key(name: str, factors: Sequence[str]) -> str | None:
    """Return the key of the sd of Bambi's group-level term, None if it is the name of no such term.

    Examples
    --------
    >>> sd_key("1|Subject", ["Subject"]), sd_key("Days | Subject", ["Subject"]), sd_key("Days", ["Subject"])
    ('sd_Subject[Intercept]', 'sd_Subject[Days]', None)
    """
    left, bar, right = (part.strip() for part in name.partition("|"))
    if not bar or right not in factors:
        return None
    return f"sd_{right}[{'Intercept' if left == '1' else left}]"


def _read(key: str, prior: Any, factors: Sequence[str]) -> dict[str, Prior]:
    if key == "common":
        return {"beta": read_coefficient_prior(prior, key)}
    if key == "group_specific":
        if not factors:
            raise ModelError("a prior is given for 'group_specific', but the formula has no group-level term")
        return {f"sd_{factor}": read_group_prior(prior, key) for factor in dict.fromkeys(factors)}
    group = sd_key(key, factors)
    if group is not None:
        return {group: read_group_prior(prior, key)}
    nested = [name for name, value in prior.args.items() if is_bambi_prior(value)]
    if nested:
        raise ModelError(
            f"{key}: {prior} has a prior on its {nested[0]}",
            f'Such a prior belongs to a group-level term: {{"1|g": {GROUP_EXAMPLE}}}.',
        )
    positive = key == "sigma" or key.startswith(("sd_", "corr_"))
    return {key: (read_bambi_prior if positive else read_coefficient_prior)(prior, key)}


def _number(value: Any, where: str, place: int | None) -> float:
    """Return a parameter as a number: one of its entries where it is an array and `place` is given."""
    if is_bambi_prior(value):
        raise ModelError(f"{where} has a prior of its own", "give it a number")
    if isinstance(value, bool | str | bytes) or value is None or callable(value):
        raise ModelError(f"{where} is not a number")
    try:
        entries = [float(entry) for entry in value] if getattr(value, "ndim", 0) or _is_list(value) else [float(value)]
    except (TypeError, ValueError) as error:
        raise ModelError(f"{where} is not a number") from error
    if len(entries) == 1:
        return entries[0]
    if place is None:
        raise ModelError(f"{where} has {len(entries)} numbers", "give each coefficient a prior of its own, by its name")
    if place >= len(entries):
        raise ModelError(f"{where} has {len(entries)} numbers, and the term has more columns")
    return entries[place]


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _custom(prior: Any) -> str:
    args = "".join(f"{key}={value}, " for key, value in prior.args.items())
    return f"hb.Custom(lambda name, **kwargs: pm.{prior.name}(name, {args}**kwargs))"


def _spread(sigma: float | None, precision: float | None) -> float:
    """Return the sd from the one that is given of sd and precision, 1 if neither is, as PyMC does."""
    if sigma is not None and precision is not None:
        raise TypeError("both sigma and a precision")
    if precision is None:
        return 1.0 if sigma is None else sigma
    return 1 / math.sqrt(precision) if precision > 0 else math.nan


def _normal(mu: float = 0.0, sigma: float | None = None, tau: float | None = None) -> Prior:
    return priors.Normal(mu, _spread(sigma, tau))


def _half_normal(sigma: float | None = None, tau: float | None = None) -> Prior:
    return priors.HalfNormal(_spread(sigma, tau))


def _half_student_t(nu: float, sigma: float | None = None, lam: float | None = None) -> Prior:
    return priors.HalfStudentT(nu, _spread(sigma, lam))


def _log_normal(mu: float = 0.0, sigma: float | None = None, tau: float | None = None) -> Prior:
    return priors.LogNormal(mu, _spread(sigma, tau))


def _half_cauchy(beta: float) -> Prior:
    return priors.HalfCauchy(beta)


def _exponential(lam: float | None = None, scale: float | None = None) -> Prior:
    if lam is not None and scale is not None:
        raise TypeError("both lam and scale")
    if scale is not None:
        return priors.Exponential(1 / scale if scale > 0 else math.nan)
    return priors.Exponential(1.0 if lam is None else lam)


def _gamma(
    alpha: float | None = None, beta: float | None = None, mu: float | None = None, sigma: float | None = None
) -> Prior:
    if alpha is not None and beta is not None and mu is None and sigma is None:
        return priors.Gamma(alpha, beta)
    if mu is None or sigma is None or alpha is not None or beta is not None or not sigma > 0:
        raise TypeError("neither alpha and beta nor mu and sigma")
    return priors.Gamma((mu / sigma) ** 2, mu / sigma**2)


def _inverse_gamma(
    alpha: float | None = None, beta: float | None = None, mu: float | None = None, sigma: float | None = None
) -> Prior:
    if alpha is not None and mu is None and sigma is None:
        return priors.InverseGamma(alpha, 1.0 if beta is None else beta)
    if mu is None or sigma is None or alpha is not None or beta is not None or not sigma > 0:
        raise TypeError("neither alpha and beta nor mu and sigma")
    squared = (mu / sigma) ** 2
    return priors.InverseGamma(2 + squared, mu * (1 + squared))


def _lkj(eta: float, n: float | None = None) -> Prior:
    return priors.LKJ(eta)


_READERS: Mapping[str, Callable[..., Prior]] = MappingProxyType(
    {
        "Normal": _normal,
        "Flat": priors.Flat,
        "HalfFlat": priors.Flat,
        "HalfNormal": _half_normal,
        "HalfStudentT": _half_student_t,
        "HalfCauchy": _half_cauchy,
        "Exponential": _exponential,
        "Gamma": _gamma,
        "InverseGamma": _inverse_gamma,
        "LogNormal": _log_normal,
        "Lognormal": _log_normal,
        "Uniform": priors.Uniform,
        "LKJ": _lkj,
        "LKJCorr": _lkj,
    }
)
