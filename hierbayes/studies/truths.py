"""The truth of a simulation: parameters as the user names them, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.parameters import family_names
from hierbayes.design.table import Floats
from hierbayes.errors import ModelError
from hierbayes.formula.names import suggest


@dataclass(frozen=True)
class Address:
    """Where a parameter stands among the variables of a posterior.

    Attributes
    ----------
    name : str
        The key of its prior: ``Days``, ``sd_Subject[Days]``, ``corr_Subject[Intercept, Days]``, ``sigma``.
    variable : str
        ``beta``, ``sd_Subject``, ``corr_Subject``, ``sigma``.
    place : tuple of int
        Its place in the variable, chain and draw left out.
    """

    name: str
    variable: str
    place: tuple[int, ...]

    def of(self, draws: Mapping[str, Floats]) -> Floats:
        """Return its draws (chain, draw) out of those of all variables."""
        place: tuple[Any, ...] = (slice(None), slice(None), *self.place)
        return np.asarray(draws[self.variable][place])


@dataclass(frozen=True)
class Truth:
    """Parameters with numbers, for the columns as given.

    Attributes
    ----------
    beta : array, shape (p,)
    sds : tuple of array, shape (k,)
        Standard deviations (not variances), one array a block.
    corrs : tuple of array, shape (k, k)
    parameters : mapping of str to float
        Those of the family that a draw of a response needs; sigma is 1 where the model estimates none.
    """

    beta: Floats
    sds: tuple[Floats, ...]
    corrs: tuple[Floats, ...]
    parameters: Mapping[str, float]


def addresses(design: Design) -> tuple[Address, ...]:
    """Return every parameter of a model but the effects, in the order of `side_by_side.parameters`."""
    found = [Address(name, "beta", (k,)) for k, name in enumerate(design.coefficients)]
    for factor in design.factors:
        terms = design.factor_terms(factor)
        found += [Address(f"sd_{factor}[{term}]", f"sd_{factor}", (j,)) for j, term in enumerate(terms)]
        for i, j in design.correlated_pairs(factor):
            found.append(Address(f"corr_{factor}[{terms[i]}, {terms[j]}]", f"corr_{factor}", (i, j)))
    return (*found, *(Address(name, name, ()) for name in family_names(design)))


@dataclass
class _Reader:
    """Takes what a truth says, and notes what it does not say."""

    given: dict[str, Any]
    missing: list[str] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def take(self, key: str) -> Any:
        self.taken.add(key)
        return self.given.get(key)

    def number(self, key: str, value: Any = None) -> float:
        value = self.take(key) if value is None else value
        if value is None:
            self.missing.append(key)
            return 0.0
        return _real(key, value)


def read_truth(given: Any, design: Design) -> Truth:
    """Read a truth by hierbayes' own names.

    Raises
    ------
    ModelError
        If a parameter is missing, unknown, no number or out of range; all that are missing are named at once.
    """
    if not isinstance(given, Mapping):
        raise ModelError(f"truth is {given!r}: it maps parameters to numbers", _template(design))
    reader = _Reader({str(key): value for key, value in given.items()})
    _check_names(reader.given, design)
    beta = _beta(reader, design)
    sds, corrs = _blocks(reader, design)
    own = {"sigma": 1.0, **{name: reader.number(name) for name in family_names(design)}}
    _not_negative("sigma", own["sigma"])
    if reader.missing:
        raise ModelError(f"the truth does not say {', '.join(dict.fromkeys(reader.missing))}", _template(design))
    twice = sorted(set(reader.given) - reader.taken)
    if twice:
        raise ModelError(f"the truth says {twice[0]!r} twice", "write each parameter once")
    return Truth(beta, sds, corrs, {name: v if name == "sigma" else _positive(name, v) for name, v in own.items()})


def _template(design: Design) -> str:
    """Return a truth to fill in."""
    parts = ["{" + ", ".join(f'"{name}": 0' for name in design.coefficients) + "}"] if design.coefficients else []
    text = [f'"beta": {part}' for part in parts]
    for factor in design.factors:
        blocks = design.blocks(factor)
        own = ", ".join(f'"{term}": 1' for block in blocks for term in block.terms)
        text.append(f'"sd_{factor}": {{{own}}}')
        if any(block.correlated for block in blocks):
            text.append(f'"corr_{factor}": 0')
    text += [f'"{name}": 1' for name in family_names(design)]
    return f"write {{{', '.join(text)}}} with numbers of your own"


def _check_names(given: Mapping[str, Any], design: Design) -> None:
    known = ["beta", *(address.name for address in addresses(design))]
    for factor in design.factors:
        known += [f"sd_{factor}"]
        known += [f"corr_{factor}"] if any(block.correlated for block in design.blocks(factor)) else []
    for key in given:
        if key not in known:
            nearest = suggest(key, known)
            guess = f"did you mean {nearest!r}? " if nearest else ""
            raise ModelError(f"the truth names {key!r}, which the model does not have", f"{guess}{_template(design)}")


def _beta(reader: _Reader, design: Design) -> Floats:
    names, given = design.coefficients, reader.take("beta")
    own = _named("beta", given, names)
    unknown = next((name for name in own if name not in names), None)
    if unknown is not None:
        nearest = suggest(unknown, names)
        guess = f"did you mean {nearest!r}? " if nearest else ""
        raise ModelError(f"the model has no coefficient {unknown!r}", f"{guess}it has: {', '.join(names)}")
    others = {"beta", *(address.name for address in addresses(design) if address.variable != "beta")}
    keys = [f"beta[{name}]" if name in others else name for name in names]
    return np.array([reader.number(key, own.get(name)) for key, name in zip(keys, names, strict=True)])


def _named(key: str, given: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return a mapping, list or single number as a mapping of names to numbers."""
    if given is None:
        return {}
    if isinstance(given, Mapping) or hasattr(given, "items"):
        return {str(name): value for name, value in given.items()}
    values = list(given) if np.ndim(given) == 1 else [given]
    if len(values) != len(names) or np.ndim(given) > 1:
        raise ModelError(
            f"the truth gives {len(values)} number{'s' if len(values) > 1 else ''} for {key!r}, which needs "
            f"{len(names)}: {', '.join(names)}",
            "name them in a mapping",
        )
    return dict(zip(names, values, strict=True))


def _blocks(reader: _Reader, design: Design) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    sds, corrs = {}, {}
    for factor in design.factors:
        blocks = design.blocks(factor)
        terms = design.factor_terms(factor)
        own = _named(f"sd_{factor}", reader.take(f"sd_{factor}"), terms)
        unknown = next((term for term in own if term not in terms), None)
        if unknown is not None:
            raise ModelError(f"{factor!r} has no term {unknown!r}", f"it has: {', '.join(terms)}")
        whole = reader.take(f"corr_{factor}") if any(block.correlated for block in blocks) else None
        start = 0
        for block in blocks:
            keys = [f"sd_{factor}[{term}]" for term in block.terms]
            values = [reader.number(key, own.get(term)) for key, term in zip(keys, block.terms, strict=True)]
            sds[id(block)] = np.array([_not_negative(key, v) for key, v in zip(keys, values, strict=True)])
            corrs[id(block)] = _correlations(reader, block, whole, start, len(terms))
            start += len(block.terms)
    order = [id(block) for block in design.groups]
    return tuple(sds[i] for i in order), tuple(corrs[i] for i in order)


def _correlations(reader: _Reader, block: GroupBlock, whole: Any, start: int, total: int) -> Floats:
    """Return the correlations of a block from one number, a matrix of all terms of its factor, or pairs by name."""
    k, key = len(block.terms), f"corr_{block.factor}"
    corr = np.eye(k)
    if k == 1:
        return corr
    if whole is not None and np.ndim(whole) == 2:
        matrix = np.asarray(whole, dtype=np.float64)
        if matrix.shape != (total, total):
            raise ModelError(f"the truth's {key} has shape {matrix.shape}; {total} terms need ({total}, {total})")
        corr = matrix[start : start + k, start : start + k].copy()
    else:
        for j, other in enumerate(block.terms):
            for i, term in enumerate(block.terms[:j]):
                corr[i, j] = corr[j, i] = reader.number(f"{key}[{term}, {other}]", whole)
    if reader.missing:
        return np.eye(k)
    good = np.allclose(corr, corr.T) and np.allclose(np.diag(corr), 1) and np.linalg.eigvalsh(corr)[0] > -1e-10
    if not (np.isfinite(corr).all() and good):
        raise ModelError(
            f"the truth's {key} is {corr.tolist()}, which is no correlation matrix",
            "it needs ones on the diagonal, symmetry, and no negative eigenvalue",
        )
    return corr


def _real(key: str, value: Any) -> float:
    number = np.nan if isinstance(value, bool | str | bytes) or np.ndim(value) else value
    try:
        found = float(number)
    except (TypeError, ValueError) as error:
        raise ModelError(f"the truth's {key} is {value!r}, which is no number") from error
    if not np.isfinite(found):
        raise ModelError(f"the truth's {key} is {value!r}; it must be one finite number")
    return found


def _positive(key: str, value: float) -> float:
    if value <= 0:
        raise ModelError(f"the truth's {key} is {value:g}: it is a number above 0")
    return value


def _not_negative(key: str, value: float) -> float:
    if value < 0:
        raise ModelError(f"the truth's {key} is {value:g}: a standard deviation is not negative")
    return value
