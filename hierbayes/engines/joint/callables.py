"""The bodies of the joint engine's entries; `native` compiles them, `entries.Density` says what they are given."""

# mypy: allow-untyped-calls, allow-untyped-defs
from __future__ import annotations

import numpy as np
from numba import carray

from hierbayes.engines.bodies import bodies_of, floats_at, tape_at
from hierbayes.engines.joint import kernel
from hierbayes.engines.joint import laplace as approximation
from hierbayes.engines.joint import working as model

density, value, expand = bodies_of(kernel.log_density, kernel.expand)


def laplace(call):
    """Fill the mode of (v, beta) at theta, the Hessian there and the log marginal density."""
    words = carray(call, (12,), np.int64)
    dim, size, own, cells, width = words[0], words[1], words[2], words[3], words[4]
    ints, floats = tape_at(words[5])
    floats_at(words[11], (1,))[0] = approximation.laplace(
        ints,
        floats,
        floats_at(words[6], (dim,)),
        floats_at(words[7], (size,)),
        floats_at(words[8], (own,)),
        floats_at(words[9], (cells,)),
        floats_at(words[10], (width, width)),
    )
    return 0


def working(call):
    """Fill the information of the rows and the target of the moving chart at theta and w."""
    words = carray(call, (12,), np.int64)
    dim, size, own, cells, width = words[0], words[1], words[2], words[3], words[4]
    ints, floats = tape_at(words[5])
    model.working(
        ints,
        floats,
        floats_at(words[6], (dim,)),
        floats_at(words[7], (size,)),
        floats_at(words[8], (own,)),
        floats_at(words[9], (cells,)),
        floats_at(words[10], (width, width)),
        floats_at(words[11], (size,)),
    )
    return 0
