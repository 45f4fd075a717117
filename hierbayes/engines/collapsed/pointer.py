"""A tape's density in the hands of NUTS: by C function pointer, or through nutpie's public door.

The sampler is given the address of a compiled function and the address of the tape; no Python runs while it samples.
"""

# mypy: allow-untyped-calls, allow-untyped-decorators
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import carray, cfunc, types

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed import tape as at
from hierbayes.engines.collapsed.kernel import chart_point, log_density

_DOUBLES = types.CPointer(types.float64)
_DENSITY = types.int64(types.uint64, _DOUBLES, _DOUBLES, _DOUBLES, types.voidptr)
_EXPAND = types.int64(types.uint64, types.uint64, _DOUBLES, _DOUBLES, types.voidptr)


@cache
def functions() -> tuple[Any, Any]:
    """Return the two C functions, read from the disk cache after their first compilation."""
    return cfunc(_DENSITY, cache=True)(_density), cfunc(_EXPAND, cache=True)(_expand)


def nutpie_model(words: Ints, by_pointer: bool = True, jitter: float = 1.0) -> Any:
    """Return a tape as a model that nutpie samples; its one variable is ``theta``.

    Parameters
    ----------
    words : array of int
        A tape, with its chart: each chain starts at a normal number times `jitter` in z.
    by_pointer : bool
        False takes nutpie's public ``from_pyfunc``, which gives the same draws, slower.
    jitter : float
    """
    dim = int(words[at.DIM])

    def start(chain_seed: int) -> Floats:
        return jitter * np.random.default_rng(chain_seed).standard_normal(dim)

    return (_pointer_model if by_pointer else _python_model)(words, dim, start)


def _density(dim, x_pointer, grad_pointer, value_pointer, user_data):  # type: ignore[no-untyped-def]
    head = carray(user_data, (at.HEADER,), np.int64)
    total = head[at.TOTAL]
    ints = carray(user_data, (total,), np.int64)
    floats = carray(user_data, (total,), np.float64)
    grad = carray(grad_pointer, (dim,))
    value = log_density(ints, floats, carray(x_pointer, (dim,)), grad)
    carray(value_pointer, (1,))[0] = value
    if not np.isfinite(value):
        return 4
    for i in range(dim):
        if not np.isfinite(grad[i]):
            return 3
    return 0


def _expand(dim, expanded, x_pointer, out_pointer, user_data):  # type: ignore[no-untyped-def]
    head = carray(user_data, (at.HEADER,), np.int64)
    ints = carray(user_data, (head[at.TOTAL],), np.int64)
    floats = carray(user_data, (head[at.TOTAL],), np.float64)
    chart_point(ints, floats, carray(x_pointer, (dim,)), carray(out_pointer, (dim,)))
    return 0


def _pointer_model(words: Ints, dim: int, start: Callable[[int], Floats]) -> Any:
    from nutpie import _lib
    from nutpie.sample import CompiledModel

    density, expand = functions()

    class PointerModel(CompiledModel):  # type: ignore[misc]
        """A compiled model that owns the tape as long as the sampler runs."""

        @property
        def n_dim(self) -> int:
            return dim

        @property
        def shapes(self) -> dict[str, tuple[int, ...]]:
            return {"theta": (dim,)}

        @property
        def coords(self) -> dict[str, Any]:
            return {}

        def _make_sampler(self, settings: Any, init_mean: Any, cores: int, *rest: Any) -> Any:
            address = words.ctypes.data
            sizes = {"place": dim}
            variables = _lib.PyVariable.new_variables(["theta"], ["float64"], [(dim,)], sizes, {"theta": ("place",)})
            model = _lib.PyMcModel(
                _lib.LogpFunc(density.address, address, self),
                _lib.ExpandFunc(dim, dim, expand.address, address, self),
                variables, dim, sizes, {"place": np.arange(dim)}, start, None,
            )  # fmt: skip
            return _lib.PySampler.from_pymc(settings, cores, model, *rest)

    return PointerModel(dims={})


def _python_model(words: Ints, dim: int, start: Callable[[int], Floats]) -> Any:
    from nutpie.compiled_pyfunc import from_pyfunc

    floats = words.view(np.float64)

    def make_density() -> Callable[[Floats], tuple[float, Floats]]:
        def density(x: Floats) -> tuple[float, Floats]:
            grad = np.empty(dim)
            value = log_density(words, floats, np.ascontiguousarray(x), grad)
            if not (np.isfinite(value) and np.all(np.isfinite(grad))):
                error = ValueError("the density is not finite")
                error.is_recoverable = True  # type: ignore[attr-defined]
                raise error
            return value, grad

        return density

    def make_expand(*_: Any) -> Callable[[Floats], dict[str, Floats]]:
        def expand(x: Floats) -> dict[str, Floats]:
            theta = np.empty(dim)
            chart_point(words, floats, np.ascontiguousarray(x), theta)
            return {"theta": theta}

        return expand

    return from_pyfunc(
        dim, make_density, make_expand, [np.dtype("float64")], [(dim,)], ["theta"],
        coords={"place": np.arange(dim)}, dims={"theta": ("place",)}, make_initial_point_fn=start,
    )  # fmt: skip
