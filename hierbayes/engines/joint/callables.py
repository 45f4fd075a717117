"""The bodies of the joint engine's entries, which numba compiles for `native` and `entries` calls."""

from __future__ import annotations

from hierbayes.engines.bodies import argument, bodies_of, matrix, tape_at, vector
from hierbayes.engines.joint import kernel
from hierbayes.engines.joint import laplace as approximation
from hierbayes.engines.joint import working as model

density, value, expand = bodies_of(kernel.log_density, kernel.expand)


def laplace(call: int) -> int:
    """Fill the mode of (v, beta) at theta, the Hessian there and the log marginal density."""
    ints, floats = tape_at(argument(call, 0)[0])
    vector(call, 6)[0] = approximation.laplace(
        ints, floats, vector(call, 1), vector(call, 2), vector(call, 3), vector(call, 4), matrix(call, 5)
    )
    return 0


def working(call: int) -> int:
    """Fill the information of the rows and the target of the moving chart at theta and w."""
    ints, floats = tape_at(argument(call, 0)[0])
    model.working(
        ints, floats, vector(call, 1), vector(call, 2), vector(call, 3), vector(call, 4), matrix(call, 5),
        vector(call, 6),
    )  # fmt: skip
    return 0
