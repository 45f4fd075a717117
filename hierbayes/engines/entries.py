"""The compiled functions that Python and the sampler call by address.

This is Python's side; the bodies are in `callables`. No kernel is imported here, for a process that finds the object
code on disk needs none.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.native import load

_ENTRIES = {
    "hierbayes_density": "ipppp",
    "hierbayes_value": "ippp",
    "hierbayes_expand": "iippp",
    "hierbayes_project": "iiiiiiippppppppppp",
    "hierbayes_draw": "iiippppp",
    "hierbayes_unpack": "iiiiippppppp",
}


@cache
def functions() -> dict[str, Any]:
    """Return the C functions, loaded on first use."""
    return load("hierbayes.engines.callables", _ENTRIES)


def address(name: str) -> int:
    """Return the address of an entry."""
    return int(ctypes.cast(functions()[name], ctypes.c_void_p).value or 0)


def log_density(words: Ints, x: Floats, grad: Floats | None = None) -> float:
    """Return a tape's log density at x and fill its gradient; see `kernel.log_density`."""
    found = np.empty(1)
    if grad is None:
        functions()["hierbayes_value"](len(x), _at(x), _at(found), _at(words))
    else:
        functions()["hierbayes_density"](len(x), _at(x), _at(grad), _at(found), _at(words))
    return float(found[0])


def expanded(words: Ints, x: Floats) -> Floats:
    """Return theta at a point of the tape's chart."""
    theta = np.empty(len(x))
    functions()["hierbayes_expand"](len(x), len(x), _at(x), _at(theta), _at(words))
    return theta


def project_levels(
    order: Ints, starts: Ints, z: Floats, tail: Floats, edge_columns: Ints, edge_values: Floats, border: int,
    r: Floats, c: Floats, gram: Floats, basis: Floats, left: Floats,
) -> None:  # fmt: skip
    """Factor every level of the first layer; see `project.project_levels`."""
    arrays = (order, starts, z, tail, edge_columns, edge_values, r, c, gram, basis, left)
    functions()["hierbayes_project"](
        len(z), z.shape[1], len(starts) - 1, tail.shape[1], edge_columns.shape[1], border, len(basis),
        *(_at(array) for array in arrays),
    )  # fmt: skip


def draw_many(words: Ints, theta: Floats, normals: Floats, beta: Floats, b: Floats) -> None:
    """Fill rows of `beta` and `b` from rows of `theta` and of standard normal numbers; see `draw.draw_many`."""
    functions()["hierbayes_draw"](
        len(theta), theta.shape[1], b.shape[1], _at(words), _at(theta), _at(normals), _at(beta), _at(b)
    )


def unpack_many(
    scalar_ints: Ints, scalar_floats: Floats, block_ints: Ints, etas: Floats, theta: Floats, values: Floats,
    factors: Floats,
) -> None:  # fmt: skip
    """Fill rows of sds and correlation factors from rows of theta; see `theta.unpack_rows`."""
    arrays = (scalar_ints, scalar_floats, block_ints, etas, theta, values, factors)
    functions()["hierbayes_unpack"](
        len(theta), theta.shape[1], len(scalar_ints), len(block_ints), factors.shape[1], *(_at(a) for a in arrays)
    )


def _at(array: Floats | Ints) -> int:
    """Return where an array lies; compiled code reads on from there without a look at strides."""
    if not array.flags.c_contiguous:
        raise ValueError("an array that goes to compiled code must be contiguous")
    return int(array.ctypes.data)
