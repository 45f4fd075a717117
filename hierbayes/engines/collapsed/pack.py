"""From statistics and the layout of theta to a tape."""

from __future__ import annotations

import math

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.lapack import addresses
from hierbayes.engines.collapsed.statistics import Statistics
from hierbayes.engines.collapsed.structure import Layer
from hierbayes.engines.theta import ThetaLayout
from hierbayes.errors import ModelError
from hierbayes.priors import Flat, Normal

Words = Ints


def build_tape(problem: Problem, statistics: Statistics, layout: ThetaLayout) -> Words:
    """Return the tape of a problem: one array of 8-byte words, see `tape`.

    Raises
    ------
    ModelError
        If a coefficient has a prior other than normal or flat.
    """
    layers, places, moments = _layers(statistics)
    prior, log_precision, flats = _coefficients(problem, statistics)
    sections: dict[int, Ints | Floats] = {
        at.AT_SCALAR_INTS: layout.scalar_ints,
        at.AT_SCALAR_FLOATS: layout.scalar_floats,
        at.AT_BLOCK_INTS: layout.block_ints,
        at.AT_ETAS: layout.etas,
        at.AT_FACTORS: layout.factors,
        at.AT_PLACES: places,
        at.AT_LAYERS: layers,
        at.AT_CONSTS: _constants(statistics, log_precision, flats),
        at.AT_PRIOR: prior,
        at.AT_BASE: statistics.base,
        at.AT_R: statistics.r,
        at.AT_TAIL: statistics.tail,
        at.AT_CHART: np.concatenate([np.zeros(layout.dim), np.eye(layout.dim).ravel()]),
        at.AT_LAPACK: addresses(),
        at.AT_BACK: np.concatenate([statistics.shift, _inverse(statistics.rotation).ravel()]),
    }
    header = np.zeros(at.HEADER, dtype=np.int64)
    header[at.SPARSE] = statistics.rows is not None
    header[at.ROWS] = statistics.n
    header[at.P] = statistics.p
    header[at.BORDER] = statistics.structure.border
    header[at.DIM] = layout.dim
    header[at.BLOCKS] = len(problem.blocks)
    header[at.LAYERS] = len(layers)
    header[at.MOMENTS] = moments
    if statistics.rows is not None:
        sections |= statistics.rows.sections()
        sections[at.AT_LEVELS] = statistics.thin.levels
        sections[at.AT_THIN] = statistics.thin.starts
        sections[at.AT_THIN_COLUMNS] = statistics.thin.columns
        header[at.THIN] = len(statistics.thin.starts) - 1
        header[at.NODE_COUNT] = len(statistics.rows.nodes)
        header[at.CELL_COUNT] = len(statistics.rows.cells)
        header[at.STORE] = len(statistics.rows.store)
    return join(header, sections)


def with_chart(words: Words, mode: Floats, factor: Floats) -> Words:
    """Return a copy of the tape whose density is that of z, ``theta = mode + factor @ z``."""
    copy = words.copy()
    copy[at.CHART_ON] = 1
    start = int(copy[at.AT_CHART])
    chart = np.concatenate([mode, factor.ravel()])
    copy.view(np.float64)[start : start + len(chart)] = chart
    return copy


def join(header: Ints, sections: dict[int, Ints | Floats]) -> Words:
    """Return header and sections in one array, the place of each section and the whole length in the header."""
    pieces: list[Ints] = [header]
    place = at.HEADER
    for key, section in sections.items():
        words = np.ascontiguousarray(section).ravel().view(np.int64)
        header[key] = place
        # Sections start on cache lines.
        padded = np.zeros(-(-len(words) // 8) * 8, dtype=np.int64)
        padded[: len(words)] = words
        pieces.append(padded)
        place += len(padded)
    header[at.TOTAL] = place
    return np.concatenate(pieces)


def _layers(statistics: Statistics) -> tuple[Ints, Ints, int]:
    """Return the table of layers, the place of each block in them and the length of all L, flat."""
    structure = statistics.structure
    table: list[list[int]] = []
    places: dict[int, tuple[int, int]] = {}
    lam, start, nodes = 0, 0, 0
    all_layers: list[tuple[Layer, int]] = [
        *((layer, at.FIRST if i == 0 else at.CHAIN) for i, layer in enumerate(structure.chain)),
        *((layer, at.EDGE) for layer in structure.edge),
    ]
    for layer, role in all_layers:
        table.append([layer.levels, layer.k, lam, role, start, nodes])
        for block, column in layer.members:
            places[block] = (len(table) - 1, column)
        lam += layer.k**2
        nodes += layer.levels if role != at.EDGE else 0
        start += layer.size if role == at.EDGE else 0
    ordered = np.array([places[i] for i in range(len(places))], dtype=np.int64).reshape(-1, 2)
    return np.array(table, dtype=np.int64).reshape(-1, at.LAYER_WORDS), ordered, lam


def _coefficients(problem: Problem, statistics: Statistics) -> tuple[Floats, float, int]:
    """Return ``[P, P m; m'P, m'P m]`` in the tape's units, the log determinant of P and the number of flat priors."""
    p = statistics.p
    precision, mean, flats, log_precision = np.zeros(p), statistics.shift.copy(), 0, 0.0
    for k, prior in enumerate(problem.beta_priors):
        match prior:
            case Normal(mu, sigma):
                precision[k] = 1 / sigma**2
                mean[k] = mu
                log_precision -= 2 * math.log(sigma)
            case Flat():
                flats += 1
            case _:
                raise ModelError(
                    f"the collapsed engine has no prior {prior} for a coefficient",
                    'use Normal or Flat, or sample with engine="pymc"',
                )
    if flats and np.allclose(statistics.rotation, np.diag(np.diag(statistics.rotation))) and p > problem.n:
        raise ModelError("more coefficients with flat priors than rows", "give the coefficients normal priors")
    root = np.sqrt(precision)[:, None] * _inverse(statistics.rotation)
    target = np.sqrt(precision) * (mean - statistics.shift)
    stacked = np.column_stack([root, target])
    return stacked.T @ stacked, log_precision, flats


def _inverse(rotation: Floats) -> Floats:
    return np.asarray(np.linalg.inv(rotation)) if len(rotation) else rotation


def _constants(statistics: Statistics, log_precision: float, flats: int) -> Floats:
    """Return the constants of the log density under the priors, of REML and of ML."""
    log_two_pi = math.log(2 * math.pi)
    plain = -0.5 * statistics.n * log_two_pi + 0.5 * statistics.log_weights
    turned = float(np.sum(np.log(np.abs(np.diag(statistics.rotation)))))
    return np.array(
        [
            plain + 0.5 * log_precision + 0.5 * flats * log_two_pi - turned,
            plain + 0.5 * statistics.p * log_two_pi - turned,
            plain,
        ]
    )
