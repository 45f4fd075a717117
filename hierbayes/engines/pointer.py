"""A tape's density in the hands of NUTS: by C function pointer, or through nutpie's public door.

The sampler is given the address of a compiled function and the address of the tape; no Python runs while it samples.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.entries import Density


def nutpie_model(words: Ints, density: Density, by_pointer: bool = True, jitter: float = 1.0) -> Any:
    """Return a tape as a model that nutpie samples; its one variable is ``theta``, what `density.expanded` gives.

    Parameters
    ----------
    words : array of int
        A tape, with its chart: each chain starts at a normal number times `jitter` in z.
    density : Density
        Of such tapes.
    by_pointer : bool
        False takes nutpie's public ``from_pyfunc``, which gives the same draws, slower.
    jitter : float
    """
    size = density.size(words)

    def start(chain_seed: int) -> Floats:
        return jitter * np.random.default_rng(chain_seed).standard_normal(size)

    return (_pointer_model if by_pointer else _python_model)(words, density, start)


def _pointer_model(words: Ints, density: Density, start: Callable[[int], Floats]) -> Any:
    from nutpie import _lib
    from nutpie.sample import CompiledModel

    dim = density.size(words)
    addresses = density.address("density"), density.address("expand")

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
            tape = words.ctypes.data
            sizes = {"place": dim}
            variables = _lib.PyVariable.new_variables(["theta"], ["float64"], [(dim,)], sizes, {"theta": ("place",)})
            model = _lib.PyMcModel(
                _lib.LogpFunc(addresses[0], tape, self),
                _lib.ExpandFunc(dim, dim, addresses[1], tape, self),
                variables, dim, sizes, {"place": np.arange(dim)}, start, None,
            )  # fmt: skip
            return _lib.PySampler.from_pymc(settings, cores, model, *rest)

    return PointerModel(dims={})


def _python_model(words: Ints, density: Density, start: Callable[[int], Floats]) -> Any:
    from nutpie.compiled_pyfunc import from_pyfunc

    dim = density.size(words)

    def make_density() -> Callable[[Floats], tuple[float, Floats]]:
        def value(x: Floats) -> tuple[float, Floats]:
            grad = np.empty(dim)
            found = density.log_density(words, x, grad)
            if not (np.isfinite(found) and np.all(np.isfinite(grad))):
                error = ValueError("the density is not finite")
                error.is_recoverable = True  # type: ignore[attr-defined]
                raise error
            return found, grad

        return value

    def make_expand(*_: Any) -> Callable[[Floats], dict[str, Floats]]:
        def expand(x: Floats) -> dict[str, Floats]:
            return {"theta": density.expanded(words, x)}

        return expand

    return from_pyfunc(
        dim, make_density, make_expand, [np.dtype("float64")], [(dim,)], ["theta"],
        coords={"place": np.arange(dim)}, dims={"theta": ("place",)}, make_initial_point_fn=start,
    )  # fmt: skip
