"""From arranged rows and the layout of theta to a tape."""

from __future__ import annotations

import math

import numpy as np

from hierbayes.engines.base import Floats, Ints, Problem
from hierbayes.engines.collapsed.lapack import addresses
from hierbayes.engines.collapsed.pack import join
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.arrange import Rows
from hierbayes.engines.joint.cells import Cells
from hierbayes.engines.theta import ThetaLayout
from hierbayes.priors import Flat, Normal

Words = Ints


def build_tape(problem: Problem, rows: Rows, cells: Cells, layout: ThetaLayout) -> Words:
    """Return the tape of a problem, without a chart and with v in all of w."""
    terms = term_table(problem, rows)
    levels = int(terms[:, at.LEVELS].sum())
    means, precisions, const = _coefficients(problem)
    consts = rows.consts + np.array([const, 0.0, 0.0])
    step = at.CHUNK // rows.predictors * rows.predictors
    sections: dict[int, Ints | Floats] = {
        at.AT_SCALAR_INTS: layout.scalar_ints,
        at.AT_SCALAR_FLOATS: layout.scalar_floats,
        at.AT_BLOCK_INTS: layout.block_ints,
        at.AT_ETAS: layout.etas,
        at.AT_FACTORS: layout.factors,
        at.AT_TERMS: terms,
        at.AT_OFFSET: rows.offset,
        at.AT_A: rows.a,
        at.AT_B: rows.b,
        at.AT_X: chunked(rows.X, step),
        at.AT_Z: np.concatenate([np.zeros(0), *(chunked(z, step) for z in rows.Z if not _ones(z))]),
        at.AT_CODES: np.concatenate([np.zeros(0, dtype=np.int64), *rows.codes[1:]]),
        at.AT_STARTS: _starts(rows, int(terms[0, at.LEVELS]) if len(terms) else 0),
        at.AT_CENTRED: np.zeros(levels, dtype=np.int64),
        at.AT_PRIOR: np.concatenate([means, precisions]),
        at.AT_CONSTS: consts,
        at.AT_COUNTS: rows.counts,
        at.AT_POINTERS: cells.pointers,
        at.AT_COLUMNS: cells.columns,
        at.AT_POSITIONS: cells.positions,
        at.AT_LAPACK: addresses(),
    }
    header = np.zeros(at.HEADER, dtype=np.int64)
    header[at.N], header[at.P] = rows.n, problem.p
    header[at.DIM], header[at.TERMS] = layout.dim, len(terms)
    header[at.EFFECTS] = int(np.sum(terms[:, at.LEVELS] * terms[:, at.K]))
    header[at.SCALARS], header[at.FLAT] = len(layout.scalar_ints), len(layout.factors)
    header[at.KIND], header[at.COUNTS] = rows.kind, rows.counts.shape[1]
    header[at.CELLS] = len(cells.columns)
    header[at.PREDICTORS], header[at.STEP] = rows.predictors, step
    return join(header, sections)


def term_table(problem: Problem, rows: Rows) -> Ints:
    """Return the table of terms, see `tape`."""
    table, start, z, level, flat = [], 0, 0, 0, 0
    for block, own in zip(rows.order, rows.Z, strict=True):
        levels, k = problem.blocks[block].n_levels, own.shape[1]
        ones = _ones(own)
        table.append([levels, k, start, block, int(ones), z, level, flat])
        start, level, flat = start + levels * k, level + levels, flat + k * k
        z += 0 if ones else own.size
    return np.array(table, dtype=np.int64).reshape(-1, at.TERM_WORDS)


def chunked(matrix: Floats, step: int) -> Floats:
    """Return a matrix chunk by chunk, of `step` rows, in each chunk column by column."""
    pieces = [matrix[first : first + step].T.ravel() for first in range(0, len(matrix), step)]
    return np.concatenate([np.zeros(0), *pieces])


def _ones(z: Floats) -> bool:
    return z.shape[1] == 1 and bool(np.all(z == 1.0))


def _starts(rows: Rows, levels: int) -> Ints:
    if not levels:
        return np.array([0], dtype=np.int64)
    return np.concatenate([[0], np.cumsum(np.bincount(rows.codes[0], minlength=levels))]).astype(np.int64)


def _coefficients(problem: Problem) -> tuple[Floats, Floats, float]:
    """Return means, precisions and the constant of the coefficients' prior density; a flat prior has precision 0."""
    means, precisions, const = np.zeros(problem.p), np.zeros(problem.p), 0.0
    for i, prior in enumerate(problem.beta_priors):
        if isinstance(prior, Normal):
            means[i], precisions[i] = prior.mu, prior.sigma**-2
            const -= 0.5 * math.log(2 * math.pi) + math.log(prior.sigma)
        else:
            assert isinstance(prior, Flat)
    return means, precisions, const
