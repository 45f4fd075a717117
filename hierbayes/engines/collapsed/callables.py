"""The bodies of the collapsed engine's entries, which numba compiles for `native` and `entries` calls."""

from __future__ import annotations

from hierbayes.engines.bodies import argument, bodies_of, matrix, tape_at, vector, whole_matrix, whole_vector
from hierbayes.engines.collapsed import kernel
from hierbayes.engines.collapsed.draw import draw_many
from hierbayes.engines.collapsed.project import FirstLayer, project_levels
from hierbayes.engines.theta import Tables, unpack_rows

density, value, expand = bodies_of(kernel.log_density, kernel.chart_point)


def project(call: int) -> int:
    """Factor every level: see `project.project_levels`."""
    layer = FirstLayer(
        whole_vector(call, 0), whole_vector(call, 1), matrix(call, 2), matrix(call, 3), whole_matrix(call, 4),
        matrix(call, 5),
    )  # fmt: skip
    border = argument(call, 6)[0]
    project_levels(layer, border, matrix(call, 7), matrix(call, 8), matrix(call, 9), matrix(call, 10), matrix(call, 11))
    return 0


def draw(call: int) -> int:
    """Fill rows of beta and b: see `draw.draw_many`."""
    ints, floats = tape_at(argument(call, 0)[0])
    draw_many(ints, floats, matrix(call, 1), matrix(call, 2), matrix(call, 3), matrix(call, 4))
    return 0


def unpack(call: int) -> int:
    """Fill rows of sds and correlation factors: see `theta.unpack_rows`."""
    tables = Tables(whole_matrix(call, 0), matrix(call, 1), whole_matrix(call, 2), vector(call, 3))
    unpack_rows(tables, matrix(call, 4), matrix(call, 5), matrix(call, 6))
    return 0
