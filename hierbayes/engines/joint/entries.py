"""The joint engine's compiled functions that Python and the sampler call by address."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed.pointer import Walk
from hierbayes.engines.joint import tape as at
from hierbayes.engines.native import load

_ENTRIES = {
    "hierbayes_joint_density": "ipppp",
    "hierbayes_joint_value": "ippp",
    "hierbayes_joint_expand": "iippp",
    "hierbayes_joint_laplace": "iiiiippppppp",
    "hierbayes_joint_working": "iiiiippppppp",
}


@cache
def functions() -> dict[str, Any]:
    """Return the C functions, loaded on first use."""
    return load("hierbayes.engines.joint.callables", _ENTRIES)


def size_of(words: Ints) -> int:
    """Return how many numbers the sampler walks in: theta, the effects and the coefficients."""
    return int(words[at.DIM] + words[at.EFFECTS] + words[at.P])


def walk_of(words: Ints) -> Walk:
    """Return what the sampler needs to walk on a tape."""
    size = size_of(words)
    return Walk(size, size, _address("density"), _address("expand"), log_density, expanded)


def _address(name: str) -> int:
    return int(ctypes.cast(functions()[f"hierbayes_joint_{name}"], ctypes.c_void_p).value or 0)


def log_density(words: Ints, x: Floats, grad: Floats | None = None) -> float:
    """Return a tape's log density at x and fill its gradient; see `kernel.log_density`."""
    found = np.empty(1)
    x = np.ascontiguousarray(x, dtype=np.float64)
    if grad is None:
        functions()["hierbayes_joint_value"](len(x), x.ctypes.data, found.ctypes.data, words.ctypes.data)
    else:
        functions()["hierbayes_joint_density"](
            len(x), x.ctypes.data, grad.ctypes.data, found.ctypes.data, words.ctypes.data
        )
    return float(found[0])


def expanded(words: Ints, x: Floats) -> Floats:
    """Return theta, the effects b and beta, in the order of w, at a point of the tape's chart."""
    out, x = np.empty(len(x)), np.ascontiguousarray(x, dtype=np.float64)
    functions()["hierbayes_joint_expand"](len(x), len(x), x.ctypes.data, out.ctypes.data, words.ctypes.data)
    return out


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
    arrays = (words, theta, into.w, into.levels, into.coupling, into.border, value)
    functions()["hierbayes_joint_laplace"](
        len(theta), len(into.w), into.levels.size, into.coupling.size, len(into.border),
        *(array.ctypes.data for array in arrays),
    )  # fmt: skip
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
    arrays = (words, theta, mode.w, found.levels, found.coupling, found.border, found.target)
    functions()["hierbayes_joint_working"](
        len(theta), len(mode.w), found.levels.size, found.coupling.size, len(found.border),
        *(array.ctypes.data for array in arrays),
    )  # fmt: skip
    return found
