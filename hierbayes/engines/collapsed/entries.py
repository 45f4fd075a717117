"""The collapsed engine's compiled functions that Python and the sampler call by address."""

from __future__ import annotations

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.entries import Density


def _size(words: Ints) -> int:
    return int(words[at.DIM])


DENSITY = Density("hierbayes.engines.collapsed.callables", _size, ("project", "draw", "unpack"))


def project_levels(layer: tuple[Floats | Ints, ...], border: int, *into: Floats) -> None:
    """Factor every level of the first layer, `project.FirstLayer`; see `project.project_levels`."""
    DENSITY.call("project", *layer, border, *into)


def draw_many(words: Ints, theta: Floats, normals: Floats, beta: Floats, b: Floats) -> None:
    """Fill rows of `beta` and `b` from rows of `theta` and of standard normal numbers; see `draw.draw_many`."""
    DENSITY.call("draw", words, theta, normals, beta, b)


def unpack_many(tables: tuple[Floats | Ints, ...], theta: Floats, values: Floats, factors: Floats) -> None:
    """Fill rows of sds and correlation factors from rows of theta, by `theta.Tables`; see `theta.unpack_rows`."""
    DENSITY.call("unpack", *tables, theta, values, factors)
