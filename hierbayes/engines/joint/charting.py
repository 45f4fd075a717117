"""The chart around the mode: where w holds b and where v, and the factors that whiten it."""

from __future__ import annotations

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.surface import Peak
from hierbayes.engines.theta import ThetaLayout, unpack
from hierbayes.priors import Fixed

CENTRED_FROM = 1.0
"""Information of the data on a level's effects, in units of their prior's, from which w holds b there."""

TAIL = 2.0
"""Posterior sds from the mode at which the sds that decide it are taken: a chain gets there too."""

_FLOOR = 0.1
"""Least curvature of theta that the chart believes; see `collapsed.mode`."""


def with_chart(words: Ints, problem: Problem, layout: ThetaLayout, peak: Peak) -> Ints:
    """Return a tape whose density is that of z, see `chart`."""
    terms = words[words[at.AT_TERMS] :][: int(words[at.TERMS]) * at.TERM_WORDS].reshape(-1, at.TERM_WORDS)
    effects, p = int(words[at.EFFECTS]), int(words[at.P])
    factors = _lowers(layout, terms, peak.theta)
    flags = _centred(problem, layout, terms, peak)
    mode = _mixed(terms, flags, factors, peak.at.w)
    curves = np.empty((len(peak.theta), effects + p))
    for i, step in enumerate(peak.steps):
        ends = []
        for side, w in zip((1, -1), peak.modes[i], strict=True):
            moved = peak.theta.copy()
            moved[i] += side * step
            ends.append(_mixed(terms, flags, _lowers(layout, terms, moved), w))
        curves[i] = (ends[0] - ends[1]) / (2 * step)
    levels, coupling, border = _whitening(words, terms, flags, factors, peak)
    return append(
        words,
        {
            at.AT_CENTRED: np.concatenate([np.zeros(0, dtype=np.int64), *flags]),
            at.AT_MODE: np.concatenate([peak.theta, mode]),
            at.AT_CURVES: np.concatenate([theta_factor(peak.hessian).ravel(), curves.ravel()]),
            at.AT_LEVELS: levels,
            at.AT_COUPLING: coupling,
            at.AT_BORDER: border,
        },
        at.FIXED_CHART,
    )


def append(words: Ints, sections: dict[int, Ints | Floats], chart: int) -> Ints:
    """Return a copy of the tape with a chart of that kind: further sections at its end."""
    pieces, place = [words.copy()], len(words)
    for key, section in sections.items():
        own = np.ascontiguousarray(section).ravel().view(np.int64)
        pieces[0][key] = place
        pieces.append(own)
        place += len(own)
    pieces[0][at.CHART_ON], pieces[0][at.TOTAL] = chart, place
    return np.concatenate(pieces)


def theta_factor(hessian: Floats) -> Floats:
    """Return the lower triangular C, ``C C' = H^-1``, eigenvalues of H floored."""
    values, vectors = np.linalg.eigh(hessian)
    inverse = (vectors / np.maximum(values, _FLOOR)) @ vectors.T
    return np.asarray(np.linalg.cholesky(0.5 * (inverse + inverse.T)))


def _lowers(layout: ThetaLayout, terms: Ints, theta: Floats) -> list[Floats]:
    """Return L of each term."""
    value = unpack(layout, theta)
    return [value.sds[block][:, None] * value.factors[block] for block in terms[:, at.BLOCK]]


def _centred(problem: Problem, layout: ThetaLayout, terms: Ints, peak: Peak) -> list[Ints]:
    """Return for every level of each term whether w holds b: where the data tell more than the prior in all directions.

    That is asked with small sds, such as the chains will meet, for there b would follow every move of them. A term with
    a fixed sd keeps v, so that an sd of 0 stays possible.
    """
    flags = []
    for term, informed in zip(terms, relative_information(layout, terms, peak, -TAIL), strict=True):
        fixed = any(isinstance(prior, Fixed) for prior in problem.blocks[term[at.BLOCK]].sd_priors)
        least = informed[:, 0] if not fixed else np.zeros(len(informed))
        flags.append((least >= CENTRED_FROM).astype(np.int64))
    return flags


def relative_information(layout: ThetaLayout, terms: Ints, peak: Peak, tails: float) -> list[Floats]:
    """Return the information of the data on the effects of each level, in units of their prior's, term by term.

    Parameters
    ----------
    layout, terms, peak
        Of one tape.
    tails : float
        All sds are taken at their mode plus this many posterior sds.

    Returns
    -------
    list of array, shape (levels, k)
        The eigenvalues of ``L' G L``, rising, with G the information at the mode; that of a border term is what the
        largest term leaves of it.
    """
    found = []
    factors, moved = _lowers(layout, terms, peak.theta), _lowers(layout, terms, _moved_sds(layout, peak, tails))
    precision = np.triu(peak.at.border)
    precision = precision.T @ precision
    first = int(terms[0, at.LEVELS] * terms[0, at.K]) if len(terms) else 0
    for t, term in enumerate(terms):
        levels, k = int(term[at.LEVELS]), int(term[at.K])
        if np.any(np.diag(factors[t]) == 0):  # an sd fixed at 0 tells nothing
            found.append(np.zeros((levels, k)))
            continue
        if t == 0:
            own = np.linalg.inv(peak.at.levels)
        else:
            index = int(term[at.START]) - first + np.arange(levels * k).reshape(levels, k)
            own = precision[index[:, :, None], index[:, None, :]]
        turn = np.linalg.solve(factors[t], moved[t])
        found.append(np.linalg.eigvalsh(turn.T @ (own - np.eye(k)) @ turn))
    return found


def _moved_sds(layout: ThetaLayout, peak: Peak, tails: float) -> Floats:
    """Return theta with every sd of group-level effects so many posterior sds above its mode."""
    moved = peak.theta.copy()
    spread = np.linalg.norm(theta_factor(peak.hessian), axis=1)
    for place in layout.scalar_ints[: layout.sigma, 2]:
        if place >= 0:
            moved[place] += tails * spread[place]
    return moved


def _mixed(terms: Ints, flags: list[Ints], factors: list[Floats], w: Floats) -> Floats:
    """Return (v, beta) with b in place of v where flagged."""
    mixed = w.copy()
    for term, flag, factor in zip(terms, flags, factors, strict=True):
        start, levels, k = int(term[at.START]), int(term[at.LEVELS]), int(term[at.K])
        part = w[start : start + levels * k].reshape(levels, k)
        mixed[start : start + levels * k] = np.where(flag[:, None] == 1, part @ factor.T, part).ravel()
    return mixed


def _whitening(
    words: Ints, terms: Ints, flags: list[Ints], factors: list[Floats], peak: Peak
) -> tuple[Floats, Floats, Floats]:
    """Return the factors of the levels, the coupling and the factor of the border, for the mixed w."""
    from scipy.linalg import cholesky, solve_triangular

    first = int(terms[0, at.LEVELS] * terms[0, at.K]) if len(terms) else 0
    border = len(peak.at.border)
    turned = np.eye(border)
    for term, flag, factor in list(zip(terms, flags, factors, strict=True))[1:]:
        k = int(term[at.K])
        for j in np.flatnonzero(flag):
            place = int(term[at.START]) - first + j * k
            turned[place : place + k, place : place + k] = factor
    root = solve_triangular(np.triu(peak.at.border), turned.T, trans="T") if border else turned
    whole = cholesky(root.T @ root, lower=True) if border else turned
    if not len(terms):
        return np.zeros(0), np.zeros(0), whole
    own = np.where(flags[0][:, None, None] == 1, factors[0], np.eye(int(terms[0, at.K])))
    levels = np.linalg.cholesky(own @ peak.at.levels @ own.transpose(0, 2, 1))
    return levels, _coupling(words, terms, flags, factors, own, peak.at.coupling), whole


def _coupling(
    words: Ints, terms: Ints, flags: list[Ints], factors: list[Floats], own: Floats, coupling: Floats
) -> Floats:
    """Return ``-T_j E_j T_b^-1`` cell by cell."""
    levels, k = int(terms[0, at.LEVELS]), int(terms[0, at.K])
    pointers = words[words[at.AT_POINTERS] :][: levels + 1]
    columns = words[words[at.AT_COLUMNS] :][: int(words[at.CELLS])]
    found = np.empty_like(coupling)
    for j in range(levels):
        cells = slice(int(pointers[j]) * k, int(pointers[j + 1]) * k)
        found[cells] = (-own[j] @ coupling[cells].reshape(k, -1)).ravel()
    _uncentre(terms, flags, factors, pointers, columns, found)
    return found


def _uncentre(
    terms: Ints, flags: list[Ints], factors: list[Floats], pointers: Ints, columns: Ints, coupling: Floats
) -> None:
    """Multiply cells by ``L^-1`` from the right where their border columns hold b, in place."""
    first, k = int(terms[0, at.LEVELS] * terms[0, at.K]), int(terms[0, at.K])
    widths = np.diff(pointers)
    level = np.repeat(np.arange(len(widths)), widths)
    rank = np.arange(len(columns)) - pointers[level]
    for term, flag, factor in list(zip(terms, flags, factors, strict=True))[1:]:
        wide, start = int(term[at.K]), int(term[at.START]) - first
        inside = (columns >= start) & (columns < start + int(term[at.LEVELS]) * wide)
        heads = np.flatnonzero(inside & ((columns - start) % wide == 0))
        heads = heads[flag[(columns[heads] - start) // wide] == 1]
        if not heads.size:
            continue  # the L of a term that keeps v may have no inverse: an sd fixed at 0
        for c in range(k):
            base = pointers[level[heads]] * k + c * widths[level[heads]] + rank[heads]
            index = base[:, None] + np.arange(wide)
            coupling[index] = coupling[index] @ np.linalg.inv(factor)
