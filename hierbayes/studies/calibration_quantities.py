"""What is ranked in a calibration: its value in the world that made the data, and in each draw of the posterior.

The two sides share no code. The value in the world is plain numpy; the draws go the way that a user's own numbers go,
through names, row densities and predictions, so that an error there shows in the ranks as one of the sampler would.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hierbayes.comparison.row_densities import row_densities
from hierbayes.design.design import Design
from hierbayes.design.new_rows import RowGroup, Rows
from hierbayes.design.table import Floats
from hierbayes.engines.assemble import Labels
from hierbayes.engines.base import Problem, Trace
from hierbayes.posterior import FactorDraws, Posterior, posterior_of
from hierbayes.predict.level_effects import LevelEffects
from hierbayes.predict.pieces import Piece
from hierbayes.predict.row_draws import RowDraws, link_itself
from hierbayes.sampling.tree import named_tree, with_true_names
from hierbayes.studies.truths import Address, addresses
from hierbayes.studies.worlds import PriorSource, World

KINDS = ("parameter", "effect", "loglik", "new level")

_NEW = 0x6E65


@dataclass(frozen=True)
class Quantity:
    """A number that the data sets have in common.

    Attributes
    ----------
    name : str
        The key of a prior, ``b_g[level, term]``, ``log likelihood`` or ``new level``.
    kind : str
        Of `KINDS`.
    address : Address or None
        Where it stands in the posterior; None where it is computed.
    """

    name: str
    kind: str
    address: Address | None = None


def quantities_of(source: PriorSource, seeds: Sequence[int]) -> tuple[Quantity, ...]:
    """Return what is ranked: all that differs between the worlds of some seeds, which leaves out what is fixed."""
    design = source.design
    every = [Quantity(each.name, "parameter", each) for each in addresses(design)]
    for factor in design.factors:
        every += [Quantity(each.name, "effect", each) for each in _smallest_level(design, factor)]
    every.append(Quantity("log likelihood", "loglik"))
    if design.factors:
        every.append(Quantity("new level", "new level"))
    worlds = [source.draw(seed) for seed in seeds]
    values = np.array([of_world(every, design, world, seed) for world, seed in zip(worlds, seeds, strict=True)])
    moving = np.isfinite(values).all(axis=0) & (np.ptp(values, axis=0) > 0)
    return tuple(each for each, moves in zip(every, moving, strict=True) if moves)


def _smallest_level(design: Design, factor: str) -> list[Address]:
    """Return the effects of the level with the fewest rows."""
    block = design.blocks(factor)[0]
    level = int(np.argmin(np.bincount(block.codes, minlength=block.n_levels)))
    return [
        Address(f"b_{factor}[{block.levels[level]}, {term}]", f"b_{factor}", (level, k))
        for k, term in enumerate(design.factor_terms(factor))
    ]


def of_world(quantities: Sequence[Quantity], design: Design, world: World, seed: int) -> Floats:
    """Return the value of each quantity in a world, by numpy alone."""
    found = {"loglik": _log_likelihood(design, world), "new level": _new_level(design, world, seed)}
    return np.array([found[each.kind] if each.address is None else world.at(each.address) for each in quantities])


def _log_likelihood(design: Design, world: World) -> float:
    predictor = design.offset + design.X @ world.values["beta"]
    for factor in design.factors:
        effects = world.values[f"b_{factor}"]
        Z = np.hstack([block.Z for block in design.blocks(factor)])
        predictor = predictor + np.sum(Z * effects[design.blocks(factor)[0].codes], axis=1)
    own = {name: float(world.values[name]) for name in design.family.parameters}
    return float(np.sum(design.family.log_likelihood(world.y, predictor, own, design.weights, design.trials)))


def _new_level(design: Design, world: World, seed: int) -> float:
    """Return the mean of a row with average columns whose levels are all new, their effects drawn."""
    rng = np.random.default_rng([seed, _NEW])
    found = float(design.offset.mean() + design.X.mean(axis=0) @ world.values["beta"])
    for factor in design.factors:
        sd = world.values[f"sd_{factor}"]
        corr = np.nan_to_num(world.values.get(f"corr_{factor}", np.eye(len(sd))))
        columns = np.concatenate([block.Z.mean(axis=0) for block in design.blocks(factor)])
        found += float(columns @ rng.multivariate_normal(np.zeros(len(sd)), np.outer(sd, sd) * corr, method="eigh"))
    return found


def of_draws(
    quantities: Sequence[Quantity], design: Design, labels: Labels, trace: Trace, problem: Problem, seed: int
) -> Floats:
    """Return every draw of each quantity, shape (draws, quantities), chain after chain.

    `design` holds the response that was fitted.
    """
    posterior = with_true_names(named_tree(trace, labels, problem)["posterior"].to_dataset())
    drawn = posterior_of(posterior, labels)
    found = np.empty((drawn.size, len(quantities)))
    for i, each in enumerate(quantities):
        if each.address is not None:
            found[:, i] = each.address.of(trace.draws).ravel()
        elif each.kind == "loglik":
            found[:, i] = sum(values.sum(axis=1) for _, values in row_densities(design, drawn))
        else:
            found[:, i] = _predicted(design, drawn, seed)
    return found


def _predicted(design: Design, drawn: Posterior, seed: int) -> Floats:
    """Return draws of the linear predictor at a row of average columns and new levels, as `Fit.predict` draws them."""
    row = _average_row(design)
    effects = {factor: _new_effects(factor, own, seed) for factor, own in drawn.factors.items()}
    rows = RowDraws(drawn, row, effects, link_itself)
    return np.asarray(rows.of(Piece(0, 1), np.empty((1, drawn.size)))[0])


def _new_effects(factor: str, drawn: FactorDraws, seed: int) -> LevelEffects:
    found = LevelEffects(drawn, 0, lambda code: ("level", factor, "new"), seed)
    found.prepare(np.zeros(1, dtype=np.int64))
    return found


def _average_row(design: Design) -> Rows:
    groups = tuple(RowGroup(b.factor, b.Z.mean(axis=0)[None], np.zeros(1, dtype=np.int64)) for b in design.groups)
    offset = np.array([design.offset.mean()])
    return Rows(1, design.X.mean(axis=0)[None], offset, np.ones(1), groups, None)
