"""Worlds: the effects and the response that a truth, or a draw from the priors, gives rise to."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import block_diag

from hierbayes.design.design import Design
from hierbayes.design.parameters import family_names
from hierbayes.design.table import Floats
from hierbayes.engines.assemble import Labels, assemble, labels_of
from hierbayes.engines.base import Problem
from hierbayes.engines.naming import as_given
from hierbayes.errors import ModelError
from hierbayes.posterior import places_of
from hierbayes.posterior.roots import lower_root
from hierbayes.studies.plans import Plan
from hierbayes.studies.truths import Address, Truth, addresses, read_truth

EFFECTS, RESIDUALS, PRIORS = 0x6566, 0x7265, 0x7072
"""Keep the random numbers of group-level effects, of residuals and of draws from the priors apart."""


@dataclass(frozen=True)
class World:
    """One truth with its effects and its response.

    Attributes
    ----------
    values : mapping of str to array
        Under the names of `Fit.posterior`: beta, the family's parameters, and sd_g, corr_g, b_g of each factor.
    y : array, shape (n,)
        The response, on the scale of the formula.
    """

    values: Mapping[str, Floats]
    y: Floats

    def at(self, address: Address) -> float:
        """Return one parameter."""
        return float(self.values[address.variable][address.place])


@dataclass(frozen=True)
class FixedSource:
    """Worlds of one truth: each has effects and residuals of its own."""

    design: Design
    truth: Truth

    def draw(self, seed: int) -> World:
        """Return the world of a seed."""
        effects = draw_effects(self.design, self.truth, seed)
        y = draw_response(self.design, self.truth.beta, effects, self.truth.parameters, seed)
        return World(_named(self.design, self.truth, effects), y)


@dataclass(frozen=True)
class PriorSource:
    """Worlds of which each has a truth of its own, drawn from the priors."""

    design: Design
    problem: Problem
    labels: Labels

    def draw(self, seed: int) -> World:
        """Return the world of a seed."""
        from hierbayes.comparison.prior_draws import draw_parameters

        drawn = draw_parameters(self.problem, 1, np.random.default_rng([seed, PRIORS]))
        given = {name: array[0, 0] for name, array in as_given(self.problem, self.labels, drawn, 1).items()}
        beta = given.get("beta", np.zeros(0))
        own = {"sigma": 1.0, **{name: float(given[name]) for name in family_names(self.design)}}
        effects = [given[f"b_{factor}"][:, part] for factor, part in places_of(self.labels)]
        y = draw_response(self.design, beta, effects, own, seed)
        return World({"beta": beta, **given}, y)


def make_source(plan: Plan, truth: Any) -> FixedSource | PriorSource:
    """Return where worlds come from: a truth by name, or ``"prior"``.

    Raises
    ------
    ModelError
        If the truth does not fit the model, or priors cannot be drawn from.
    """
    if not isinstance(truth, str):
        return FixedSource(plan.design, read_truth(truth, plan.design))
    if truth != "prior":
        raise ModelError(f'truth={truth!r} is not understood: write "prior", or a mapping of parameters to numbers')
    from hierbayes.comparison.prior_draws import drawable

    problem, labels = assemble(plan.design, plan.priors)
    if not drawable(problem):
        raise ModelError("one cannot draw from a Custom prior here", "use priors that hierbayes knows by name")
    return PriorSource(plan.design, problem, labels)


def plain(design: Design, world: World) -> dict[str, Any]:
    """Return a truth as mappings of names to numbers, which survive copies of a frame and JSON.

    Pairs of terms that the model leaves uncorrelated are left out.
    """
    found: dict[str, Any] = {"beta": dict(zip(design.coefficients, world.values["beta"].tolist(), strict=True))}
    for factor in design.factors:
        terms = design.factor_terms(factor)
        sd, b = world.values[f"sd_{factor}"].tolist(), world.values[f"b_{factor}"]
        found[f"sd_{factor}"] = dict(zip(terms, sd, strict=True))
        if f"corr_{factor}" in world.values:
            corr = world.values[f"corr_{factor}"].tolist()
            found[f"corr_{factor}"] = {
                term: {other: value for other, value in zip(terms, row, strict=True) if value == value}
                for term, row in zip(terms, corr, strict=True)
            }
        levels = design.blocks(factor)[0].levels
        found[f"b_{factor}"] = {
            term: dict(zip(levels, column.tolist(), strict=True)) for term, column in zip(terms, b.T, strict=True)
        }
    return {**found, **{name: float(world.values[name]) for name in family_names(design)}}


def named_truth(design: Design, world: World) -> dict[str, float]:
    """Return every parameter but the effects, by the key of its prior."""
    return {address.name: world.at(address) for address in addresses(design)}


def _named(design: Design, truth: Truth, effects: Sequence[Floats]) -> dict[str, Floats]:
    """Return a truth and its effects under the names of a posterior."""
    found: dict[str, Floats] = {"beta": truth.beta}
    found |= {name: np.asarray(truth.parameters[name]) for name in family_names(design)}
    for factor, members in labels_of(design).grouped.items():
        found[f"sd_{factor}"] = np.concatenate([truth.sds[i] for i in members])
        found[f"b_{factor}"] = np.concatenate([effects[i] for i in members], axis=1)
        if any(design.groups[i].correlated for i in members):
            corrs = [truth.corrs[i] for i in members]
            inside = block_diag(*(np.ones_like(corr) for corr in corrs))
            found[f"corr_{factor}"] = np.where(inside == 1, block_diag(*corrs), np.nan)
    return found


def draw_effects(design: Design, truth: Truth, seed: int) -> tuple[Floats, ...]:
    """Return a draw of the effects of each block, ``b_j ~ N(0, L L')``, shape (levels, terms).

    Every block has random numbers of its own, so that other terms, or another sigma, leave them as they are.
    """
    found, seen = [], dict.fromkeys(design.factors, 0)
    for block, sd, corr in zip(design.groups, truth.sds, truth.corrs, strict=True):
        stream = [seed, EFFECTS, zlib.crc32(block.factor.encode()), seen[block.factor]]
        seen[block.factor] += 1
        v = np.random.default_rng(stream).standard_normal((block.n_levels, len(block.terms)))
        found.append(v @ (sd[:, None] * lower_root(corr)).T)
    return tuple(found)


def draw_response(
    design: Design, beta: Floats, effects: Sequence[Floats], parameters: Mapping[str, float], seed: int
) -> Floats:
    """Return a draw of the response at ``offset + X beta + sum_t Z_t b_t``; gaussian: plus ``N(0, sigma^2 / w_i)``."""
    y = design.offset + np.einsum("ik,k->i", design.X, beta)
    for block, b in zip(design.groups, effects, strict=True):
        y += np.einsum("ik,ik->i", block.Z, b[block.codes])
    rng = np.random.default_rng([seed, RESIDUALS])
    return np.asarray(design.family.draw(y, parameters, rng, design.weights, design.trials))
