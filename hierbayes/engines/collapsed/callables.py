"""The bodies of the collapsed engine's entries; `native` compiles them, `entries.Density` says what they are given."""

# mypy: allow-untyped-calls, allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import carray

from hierbayes.engines.bodies import bodies_of, floats_at, ints_at, tape_at
from hierbayes.engines.collapsed import kernel
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.draw import draw_many
from hierbayes.engines.collapsed.project import FirstLayer, project_levels
from hierbayes.engines.theta import Tables, unpack_rows

density, value, expand = bodies_of(kernel.log_density, kernel.chart_point)


def project(call):
    """Factor every level: see `project.project_levels`."""
    words = carray(call, (18,), np.int64)
    rows, k, levels, tails = words[0], words[1], words[2], words[3]
    edges, border, kept = words[4], words[5], words[6]
    m = border + tails
    layer = FirstLayer(
        ints_at(words[7], (rows,)),
        ints_at(words[8], (levels + 1,)),
        floats_at(words[9], (rows, k)),
        floats_at(words[10], (rows, tails)),
        ints_at(words[11], (rows, edges)),
        floats_at(words[12], (rows, edges)),
    )
    project_levels(
        layer,
        border,
        floats_at(words[13], (k * (k + 1) // 2, levels)),
        floats_at(words[14], (k * m, levels)),
        floats_at(words[15], (m, m)),
        floats_at(words[16], (kept, k)),
        floats_at(words[17], (kept, tails)),
    )
    return 0


def draw(call):
    """Fill rows of beta and b."""
    words = carray(call, (8,), np.int64)
    draws, dim, effects = words[0], words[1], words[2]
    ints, floats = tape_at(words[3])
    p = ints[at.P]
    draw_many(
        ints,
        floats,
        floats_at(words[4], (draws, dim)),
        floats_at(words[5], (draws, p + effects)),
        floats_at(words[6], (draws, p)),
        floats_at(words[7], (draws, effects)),
    )
    return 0


def unpack(call):
    """Fill rows of sds and correlation factors."""
    words = carray(call, (12,), np.int64)
    draws, dim, scalars, blocks, flat = words[0], words[1], words[2], words[3], words[4]
    tables = Tables(
        ints_at(words[5], (scalars, 3)),
        floats_at(words[6], (scalars, 5)),
        ints_at(words[7], (blocks, 4)),
        floats_at(words[8], (blocks,)),
    )
    unpack_rows(
        tables,
        floats_at(words[9], (draws, dim)),
        floats_at(words[10], (draws, scalars)),
        floats_at(words[11], (draws, flat)),
    )
    return 0
