"""The chart that moves with theta: what the tape keeps of the working model, what it costs, and when it is chosen."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.charting import CENTRED_FROM, TAIL, append, relative_information, theta_factor
from hierbayes.engines.joint.entries import DENSITY, size_of, working
from hierbayes.engines.joint.nodes import coefficients
from hierbayes.engines.joint.surface import Peak
from hierbayes.engines.theta import ThetaLayout

_POINTS = 400
_SHORTFALLS = ((7.0, 50.0), (10.0, 300.0))
_ACCEPTANCE = (0.9, 0.97, 0.99)
"""What is aimed at where the shortfall, in units of the log density, is below and above these; see `acceptance`."""

Lists = tuple[Ints, Ints]

_SHARE = 0.2
"""Share of a term's levels in two minds from which the chart moves; see `moves`."""

_TRIFLE = 1e3
"""Multiplications of an elimination, a microsecond or two, below which the chart always moves."""

_A_LEVEL = 50.0
"""What a level costs beside its multiplications, in their unit."""

_DEAREST = 5e6
"""Multiplications of an elimination, a few milliseconds, from which the chart never moves."""


def moves(words: Ints, layout: ThetaLayout, peak: Peak) -> bool:
    """Say whether the chart moves with theta: where none that is fixed suits all the sds that the chains will meet.

    A fixed chart writes the effects of a level as b, which suits it where the data tell more of them than the prior,
    or as v, which suits it where they tell less. A level is in two minds if they tell less in some direction with the
    sds two posterior sds below their mode and more in some direction with the sds two above. The chart moves where that
    is so for a fifth of a term's levels, unless the elimination that it takes at every step would cost too much. In the
    smallest models, where that costs next to nothing, the chart always moves.
    """
    cost = elimination_cost(words, len(peak.at.border))
    if not _TRIFLE <= cost < _DEAREST:
        return cost < _TRIFLE
    terms = _terms(words)
    low, high = (relative_information(layout, terms, peak, tails) for tails in (-TAIL, TAIL))
    split = [
        float(np.mean((below[:, 0] < CENTRED_FROM) & (above[:, -1] > CENTRED_FROM)))
        for below, above in zip(low, high, strict=True)
    ]
    return max(split, default=0.0) >= _SHARE


def acceptance(charted: Ints) -> float:
    """Return the share of proposals that the step size aims at in the moving chart: more where the density has cliffs.

    A few large counts beside zeros put them up, for instance: steps have to be short there. They show in two ways, in
    the density of z over the standard normal's that it would be if the working model were the model, and in that of
    the effects given theta, with theta drawn twice as far out, for the posterior of sds has longer tails than a normal.
    """
    levels = zip((_shortfall(charted, 1.0), _shortfall(charted, 2.0)), _SHORTFALLS, strict=True)
    return max(_ACCEPTANCE[int(np.searchsorted(bounds, found))] for found, bounds in levels)


def _shortfall(charted: Ints, reach: float) -> float:
    """Return how far the worst fiftieth of log density ratios lies below where it would if they were normal.

    Were they, it would lie 2.42 of their sds below the median on average. With a reach of 1 the ratio is that of the
    density of z to a standard normal's; beyond, theta is drawn so many times as far out and the ratio is taken given
    it.
    """
    points = np.random.default_rng(0).normal(size=(_POINTS, size_of(charted)))
    dim, ratios = int(charted[at.DIM]), np.empty(_POINTS)
    for i, z in enumerate(points):
        if reach == 1:
            ratios[i] = DENSITY.log_density(charted, z) + 0.5 * z @ z
            continue
        z[:dim] *= reach
        middle = np.concatenate([z[:dim], np.zeros(len(z) - dim)])
        ratios[i] = DENSITY.log_density(charted, z) - DENSITY.log_density(charted, middle) + 0.5 * z[dim:] @ z[dim:]
    if not np.all(np.isfinite(ratios)):
        return np.inf
    below = np.median(ratios) - np.sort(ratios)
    sd = 1.4826 * np.median(np.abs(below))
    return float(np.mean(below[: _POINTS // 50]) - 2.42 * sd)


def elimination_cost(words: Ints, border: int) -> float:
    """Return a rough count of the multiplications of an elimination and its reverse, calls and loops included."""
    terms = _terms(words)
    levels, k = (int(terms[0, at.LEVELS]), int(terms[0, at.K])) if len(terms) else (0, 0)
    widths = np.diff(words[words[at.AT_POINTERS] :][: levels + 1]).astype(float)
    starts, _ = fill_in(words, terms, border)
    rows = np.diff(starts).astype(float)
    return float(_A_LEVEL * levels + 1.5 * k * np.sum(widths**2) + 1.5 * np.sum(rows**2) + border**2)


def with_moving_chart(words: Ints, peak: Peak) -> Ints:
    """Return a tape whose density is that of z in the chart that moves with theta, see `moving`."""
    model, terms = working(words, peak.theta, peak.at), _terms(words)
    order = order_of(terms, len(peak.at.border))
    starts, lists = fill_in(words, terms, len(peak.at.border))
    return append(
        words,
        {
            at.AT_MODE: peak.theta,
            at.AT_CURVES: theta_factor(peak.hessian),
            at.AT_LEVELS: model.levels,
            at.AT_COUPLING: _reversed_cells(words, terms, model.coupling, order),
            at.AT_BORDER: model.border[np.ix_(order, order)],
            at.AT_TARGET: model.target,
            at.AT_LIST_STARTS: starts,
            at.AT_LISTS: lists,
            at.AT_FOLLOWING: coefficients(words, peak, model),
        },
        at.MOVING_CHART,
    )


def _terms(words: Ints) -> Ints:
    return words[words[at.AT_TERMS] :][: int(words[at.TERMS]) * at.TERM_WORDS].reshape(-1, at.TERM_WORDS)


def order_of(terms: Ints, border: int) -> Ints:
    """Return the border's columns in the order of elimination: that of w, the columns of each level reversed."""
    order, place = np.arange(border), 0
    for term in terms[1:]:
        levels, k = int(term[at.LEVELS]), int(term[at.K])
        own = order[place : place + levels * k].reshape(levels, k)
        own[:] = own[:, ::-1].copy()
        place += levels * k
    return order


def fill_in(words: Ints, terms: Ints, border: int) -> Lists:
    """Return, for each place of the border, the later ones that its row of R holds: the pattern with its fill-in.

    Every level of the largest term ties the places that it meets. The places tied to one that is eliminated are tied to
    each other from then on; it is enough to hand them on to the first of them.
    """
    tied: list[set[int]] = [set() for _ in range(border)]
    columns = words[words[at.AT_COLUMNS] :][: int(words[at.CELLS])]
    levels = int(terms[0, at.LEVELS]) if len(terms) else 0
    pointers = words[words[at.AT_POINTERS] :][: levels + 1]
    cliques = {columns[first:stop].tobytes() for first, stop in pairwise(pointers)}
    for clique in cliques or {np.arange(border).tobytes()}:
        places = np.frombuffer(clique, dtype=np.int64).tolist()
        if places:
            tied[places[0]].update(places[1:])
    lists = []
    for own in tied:
        lists.append(sorted(own))
        if own:
            tied[lists[-1][0]].update(lists[-1][1:])
    starts = np.cumsum([0, *(len(each) for each in lists)])
    return starts.astype(np.int64), np.array([place for each in lists for place in each], dtype=np.int64)


def _reversed_cells(words: Ints, terms: Ints, coupling: Floats, order: Ints) -> Floats:
    """Return the cells with the columns of each level of the border reversed; a level's columns stand side by side."""
    if not len(terms) or np.array_equal(order, np.arange(len(order))):
        return coupling
    levels, k = int(terms[0, at.LEVELS]), int(terms[0, at.K])
    pointers = words[words[at.AT_POINTERS] :][: levels + 1]
    columns = words[words[at.AT_COLUMNS] :][: int(words[at.CELLS])]
    moved = coupling.copy()
    shift = order[columns] - columns
    for j in range(levels):
        first, stop = int(pointers[j]), int(pointers[j + 1])
        cell = coupling[first * k : stop * k].reshape(k, -1)
        moved[first * k : stop * k] = cell[:, np.arange(stop - first) + shift[first:stop]].ravel()
    return moved
