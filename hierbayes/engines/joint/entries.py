"""The joint engine's compiled functions that Python and the sampler call by address."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.entries import Density
from hierbayes.engines.joint import tape as at


def size_of(words: Ints) -> int:
    """Return how many numbers the sampler walks in: theta, the effects and the coefficients."""
    return int(words[at.DIM] + words[at.EFFECTS] + words[at.P])


DENSITY = Density("hierbayes.engines.joint.callables", size_of, ("laplace", "working"))


@dataclass(frozen=True)
class Hessian:
    """Laplace's approximation at one theta; arrays that `laplace` fills.

    Attributes
    ----------
    w : array, shape (effects + p,)
        The mode of (v, beta), and where the search starts.
    levels : array, shape (levels, k, k)
        Inverses of the largest term's blocks.
    coupling : array
        ``H_11^-1 C``, cell by cell.
    border : array, shape (border, border)
        R in its upper triangle, ``S = R' R``.
    """

    w: Floats
    levels: Floats
    coupling: Floats
    border: Floats


def laplace(words: Ints, theta: Floats, into: Hessian) -> float:
    """Return the log marginal density of theta by Laplace's approximation and fill `into`; NaN where it fails."""
    value, theta = np.empty(1), np.ascontiguousarray(theta, dtype=np.float64)
    DENSITY.call("laplace", words, theta, into.w, into.levels.reshape(-1), into.coupling, into.border, value)
    return float(value[0])


@dataclass(frozen=True)
class Working:
    """The working Gaussian model at a mode, in units of b.

    Attributes
    ----------
    levels : array, shape (levels, k, k)
        Information on the effects of each level of the largest term.
    coupling : array
        What couples them to the border, cell by cell.
    border : array, shape (border, border)
        Information on the border.
    target : array, shape (effects + p,)
        The information times the mode, plus the slope of the log likelihood there.
    """

    levels: Floats
    coupling: Floats
    border: Floats
    target: Floats


def working(words: Ints, theta: Floats, mode: Hessian) -> Working:
    """Return the working model at theta and the mode of (v, beta) there."""
    found = Working(*(np.empty_like(array) for array in (mode.levels, mode.coupling, mode.border, mode.w)))
    theta = np.ascontiguousarray(theta, dtype=np.float64)
    parts = found.levels.reshape(-1), found.coupling, found.border
    DENSITY.call("working", words, theta, mode.w, *parts, found.target)
    return found
