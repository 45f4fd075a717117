"""A tape's density in the hands of NUTS: by C function pointer, or through nutpie's public door.

The sampler is given the address of a compiled function and the address of the tape; no Python runs while it samples.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.collapsed import tape as at


@dataclass(frozen=True)
class Walk:
    """What the sampler needs to know of a tape.

    Attributes
    ----------
    dim, expanded_dim : int
        Numbers in which the sampler walks, and those kept of each draw.
    density, expand : int
        Addresses of the compiled functions.
    log_density : callable
        The same from Python: tape, point and gradient to fill, to a number.
    expanded : callable
        Tape and point to what is kept.
    """

    dim: int
    expanded_dim: int
    density: int
    expand: int
    log_density: Callable[[Ints, Floats, Floats], float]
    expanded: Callable[[Ints, Floats], Floats]


def _collapsed(words: Ints) -> Walk:
    from hierbayes.engines import entries

    dim = int(words[at.DIM])
    addresses = entries.address("hierbayes_density"), entries.address("hierbayes_expand")
    return Walk(dim, dim, *addresses, entries.log_density, entries.expanded)


def nutpie_model(words: Ints, by_pointer: bool = True, jitter: float = 1.0, walk: Walk | None = None) -> Any:
    """Return a tape as a model that nutpie samples; its one variable is ``theta``, what `Walk` keeps of a draw.

    Parameters
    ----------
    words : array of int
        A tape, with its chart: each chain starts at a normal number times `jitter` in z.
    by_pointer : bool
        False takes nutpie's public ``from_pyfunc``, which gives the same draws, slower.
    jitter : float
    walk : Walk, optional
        Of another engine than the collapsed one.
    """
    own = walk or _collapsed(words)

    def start(chain_seed: int) -> Floats:
        return jitter * np.random.default_rng(chain_seed).standard_normal(own.dim)

    return (_pointer_model if by_pointer else _python_model)(words, own, start)


def _pointer_model(words: Ints, walk: Walk, start: Callable[[int], Floats]) -> Any:
    from nutpie import _lib
    from nutpie.sample import CompiledModel

    dim, kept = walk.dim, walk.expanded_dim

    class PointerModel(CompiledModel):  # type: ignore[misc]
        """A compiled model that owns the tape as long as the sampler runs."""

        @property
        def n_dim(self) -> int:
            return dim

        @property
        def shapes(self) -> dict[str, tuple[int, ...]]:
            return {"theta": (kept,)}

        @property
        def coords(self) -> dict[str, Any]:
            return {}

        def _make_sampler(self, settings: Any, init_mean: Any, cores: int, *rest: Any) -> Any:
            tape = words.ctypes.data
            sizes = {"place": kept}
            variables = _lib.PyVariable.new_variables(["theta"], ["float64"], [(kept,)], sizes, {"theta": ("place",)})
            model = _lib.PyMcModel(
                _lib.LogpFunc(walk.density, tape, self),
                _lib.ExpandFunc(dim, kept, walk.expand, tape, self),
                variables, dim, sizes, {"place": np.arange(kept)}, start, None,
            )  # fmt: skip
            return _lib.PySampler.from_pymc(settings, cores, model, *rest)

    return PointerModel(dims={})


def _python_model(words: Ints, walk: Walk, start: Callable[[int], Floats]) -> Any:
    from nutpie.compiled_pyfunc import from_pyfunc

    def make_density() -> Callable[[Floats], tuple[float, Floats]]:
        def density(x: Floats) -> tuple[float, Floats]:
            grad = np.empty(walk.dim)
            value = walk.log_density(words, np.ascontiguousarray(x), grad)
            if not (np.isfinite(value) and np.all(np.isfinite(grad))):
                error = ValueError("the density is not finite")
                error.is_recoverable = True  # type: ignore[attr-defined]
                raise error
            return value, grad

        return density

    def make_expand(*_: Any) -> Callable[[Floats], dict[str, Floats]]:
        def expand(x: Floats) -> dict[str, Floats]:
            return {"theta": walk.expanded(words, np.ascontiguousarray(x))}

        return expand

    return from_pyfunc(
        walk.dim, make_density, make_expand, [np.dtype("float64")], [(walk.expanded_dim,)], ["theta"],
        coords={"place": np.arange(walk.expanded_dim)}, dims={"theta": ("place",)}, make_initial_point_fn=start,
    )  # fmt: skip
