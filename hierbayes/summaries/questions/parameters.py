"""The parameters of a fit by the names under which they are reported, and their draws."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from hierbayes.design.design import Design
from hierbayes.engines.assemble import labels_of
from hierbayes.errors import ModelError
from hierbayes.formula.names import suggest
from hierbayes.posterior import posterior_of
from hierbayes.summaries.own_variables import Entry, entries, entry_draws
from hierbayes.tables.numbers import Floats

if TYPE_CHECKING:
    import xarray as xr

Kind = Literal["coefficient", "sd", "corr", "sigma", "family", "effect", "total", "own"]

MOST_SUGGESTED = 5000
"""Group-level effects among which the nearest name is looked for."""


@dataclass(frozen=True)
class Parameter:
    """One number of a posterior.

    Attributes
    ----------
    name : str
        As it is reported: ``Days``, ``sd_Subject[Intercept]``, ``b_Subject[308, Days]``.
    kind : str
        coefficient (population level), sd, corr, sigma, family (another parameter of the family), effect (deviation of
        a level) or total (coefficient plus deviation).
    factor : str
        The grouping factor; empty for coefficients, sigma and parameters of the family. The variable, for one of the
        user's own.
    index : tuple of int
        The place among the coefficients or terms, or among the parameters of the family without sigma; level and term
        for an effect; the place among the terms and that among the coefficients, -1 where there is none, for a total;
        the place in a variable of the user's own.
    """

    name: str
    kind: Kind
    factor: str = ""
    index: tuple[int, ...] = ()


class Parameters:
    """Finds parameters by name, and their draws.

    Parameters
    ----------
    posterior : xarray.Dataset
        As `Fit.posterior`.
    design : Design
    own : sequence of str
        Variables of the user's own in the posterior.
    """

    def __init__(self, posterior: xr.Dataset, design: Design, own: Sequence[str] = ()) -> None:
        self.posterior, self.design, self.own = posterior, design, own
        self.flat = posterior_of(posterior, labels_of(design))
        self._drawn: dict[Parameter, Floats] = {}

    @property
    def shape(self) -> tuple[int, int]:
        """Chains and draws."""
        return self.flat.shape

    def find(self, name: str) -> Parameter | None:
        """Return the parameter of a name, None if there is none; blanks around brackets and commas do not count.

        Raises
        ------
        ModelError
            If the name stands for two.
        """
        for named, wanted in ((self._named, name.strip()), (self._squeezed, squeeze(name))):
            found = named.get(wanted, [])
            if len(found) > 1:
                raise ModelError(
                    f"{wanted} is the name of {' and of '.join(_described(each) for each in found)}",
                    f"write beta[{wanted}] for the coefficient, or rename the column",
                )
            if found:
                return found[0]
        return self._effect(name)

    def nearest(self, name: str) -> str | None:
        """Return the known name that is nearest to one that is not known."""
        names = list(self._named)
        for factor in self.design.factors:
            if name.startswith((f"b_{factor}", f"coef_{factor}")):
                names = []
                for effect in self._effects(factor, "b_" if name.startswith("b_") else "coef_"):
                    names.append(effect)
                    if len(names) == MOST_SUGGESTED:
                        break
        return suggest(name, names)

    def described(self) -> str:
        """Return what there is, for an error."""
        shown = [name for name, found in self._named.items() if found[0].name == name]
        effects = [next(self._effects(factor, "b_")) for factor in self.design.factors]
        more = ["..."] if len(shown) > 12 else []
        return ", ".join([*shown[:12], *more, *effects])

    def draws(self, parameter: Parameter) -> Floats:
        """Return the draws of a parameter, (chain, draw)."""
        if parameter not in self._drawn:
            self._drawn[parameter] = self.flat.by_chain(self._draws(parameter))
        return self._drawn[parameter]

    def _draws(self, parameter: Parameter) -> Floats:
        factor, index = parameter.factor, parameter.index
        match parameter.kind:
            case "coefficient":
                return self.flat.beta[:, index[0]]
            case "sigma" | "family":
                return self.flat.parameters[parameter.name]
            case "sd":
                return self.flat.factors[factor].sd[:, index[0]]
            case "corr":
                return self.flat.factors[factor].corr[:, index[0], index[1]]
            case "effect":
                return self.flat.factors[factor].b[:, index[0], index[1]]
            case "own":
                return entry_draws(self.posterior, Entry(parameter.name, factor, index)).ravel()
        level, term, coefficient = index
        total = np.zeros(self.flat.size)
        if term >= 0:
            total = total + self.flat.factors[factor].b[:, level, term]
        if coefficient >= 0:
            total = total + self.flat.beta[:, coefficient]
        return total

    @cached_property
    def _named(self) -> Mapping[str, list[Parameter]]:
        """Everything but group-level effects, by name."""
        named: dict[str, list[Parameter]] = {}
        for i, label in enumerate(self.design.coefficients):
            own = Parameter(label, "coefficient", index=(i,))
            named.setdefault(label, []).append(own)
            named.setdefault(f"beta[{label}]", []).append(own)
        for factor in self.design.factors:
            for name, parameter in self._components(factor):
                named.setdefault(name, []).append(parameter)
        for own in self._of_family():
            named.setdefault(own.name, []).append(own)
        for name, variable, place in entries(self.posterior, self.own):
            named.setdefault(name, []).append(Parameter(name, "own", variable, place))
        return named

    def _of_family(self) -> Iterator[Parameter]:
        if "sigma" in self.design.family.parameters:
            yield Parameter("sigma", "sigma")
        others = [name for name in self.design.family.parameters if name != "sigma"]
        yield from (Parameter(name, "family", index=(i,)) for i, name in enumerate(others))

    def _components(self, factor: str) -> Iterator[tuple[str, Parameter]]:
        """Yield sds and correlations of a factor; alone, they need no term."""
        terms = self._terms(factor)
        for j, term in enumerate(terms):
            own = Parameter(f"sd_{factor}[{term}]", "sd", factor, (j,))
            yield own.name, own
            if len(terms) == 1:
                yield f"sd_{factor}", own
        pairs = [pair for block in self._blocks(factor) for pair in combinations(block, 2)]
        for i, j in pairs:
            own = Parameter(f"corr_{factor}[{terms[i]}, {terms[j]}]", "corr", factor, (i, j))
            yield own.name, own
            yield f"corr_{factor}[{terms[j]}, {terms[i]}]", own
            if len(pairs) == 1:
                yield f"corr_{factor}", own

    @cached_property
    def _squeezed(self) -> Mapping[str, list[Parameter]]:
        squeezed: dict[str, list[Parameter]] = {}
        for name, found in self._named.items():
            own = squeezed.setdefault(squeeze(name), [])
            own += [parameter for parameter in found if parameter not in own]
        return squeezed

    def _terms(self, factor: str) -> list[str]:
        return [term for block in self.design.blocks(factor) for term in block.terms]

    def _blocks(self, factor: str) -> Iterator[range]:
        """Yield the places of each block's terms among those of its factor."""
        start = 0
        for block in self.design.blocks(factor):
            yield range(start, start + len(block.terms))
            start += len(block.terms)

    def _effect(self, name: str) -> Parameter | None:
        """Return a level's deviation, ``b_g[level, term]``, or total, ``coef_g[level, term]``."""
        for prefix in ("b_", "coef_"):
            for factor in self.design.factors:
                start = f"{prefix}{factor}["
                if name.startswith(start) and name.endswith("]"):
                    found = self._within(prefix, factor, name[len(start) : -1])
                    if found is not None:
                        return found
        return None

    def _within(self, prefix: str, factor: str, inner: str) -> Parameter | None:
        terms, coefficients = self._terms(factor), self.design.coefficients
        levels = self._levels[factor]
        for term in terms if prefix == "b_" else dict.fromkeys((*coefficients, *terms)):
            label = _level(inner, term, levels)
            if label is None:
                continue
            level, place = levels[label], terms.index(term) if term in terms else -1
            name = f"{prefix}{factor}[{label}, {term}]"
            if prefix == "b_":
                return Parameter(name, "effect", factor, (level, place))
            own = coefficients.index(term) if term in coefficients else -1
            return Parameter(name, "total", factor, (level, place, own))
        return None

    @cached_property
    def _levels(self) -> dict[str, dict[str, int]]:
        return {f: {level: i for i, level in enumerate(self.design.blocks(f)[0].levels)} for f in self.design.factors}

    def _effects(self, factor: str, prefix: str) -> Iterator[str]:
        for level in self.design.blocks(factor)[0].levels:
            for term in self._terms(factor):
                yield f"{prefix}{factor}[{level}, {term}]"


def _level(inner: str, term: str, levels: Mapping[str, int]) -> str | None:
    """Return the level in ``level, term``; blanks that are not its own do not count."""
    for pattern in (rf"(.*), {re.escape(term)}", rf"\s*(.*?)\s*,\s*{re.escape(term)}\s*"):
        match = re.fullmatch(pattern, inner, flags=re.DOTALL)
        if match is not None and match.group(1) in levels:
            return match.group(1)
    return None


def squeeze(name: str) -> str:
    """Return a name without the blanks that do not matter.

    Examples
    --------
    >>> squeeze(" corr_g[ Intercept,  x ]"), squeeze("a : b")
    ('corr_g[Intercept,x]', 'a:b')
    """
    return re.sub(r"\s*([\[\](),:^*/+-])\s*", r"\1", name.strip())


def _described(parameter: Parameter) -> str:
    words = {"coefficient": "a coefficient", "sigma": "the residual sd", "sd": "an sd", "corr": "a correlation"}
    words |= {"family": "a parameter of the family", "own": "a variable of your own"}
    return words.get(parameter.kind, "a group-level effect")
