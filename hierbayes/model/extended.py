"""More draws of the same chains."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hierbayes.errors import ModelError
from hierbayes.sampling.run import Draws, Runner
from hierbayes.sampling.sampler import Settings, settings
from hierbayes.sampling.tree import named_tree

if TYPE_CHECKING:
    import xarray as xr

_MARK = 0x6D6F7265
"""Keeps the random numbers of further draws apart from those of all other purposes."""
_GROWING = ("posterior", "sample_stats", "unconstrained_posterior")


def extended(runner: Runner, old: Draws, draws: int, seed: int | None) -> Draws:
    """Return the old draws followed by `draws` more of each chain.

    Raises
    ------
    ModelError
        If hierbayes did not sample the old draws, or an option is out of range.
    """
    if old.settings is None:
        raise ModelError(
            f"draws of the engine {old.engine!r} cannot be continued by hierbayes",
            "sample more by hand and attach all of them: model.attach(tree)",
        )
    started = time.perf_counter()
    posterior = old.tree["posterior"]
    chosen = _chosen(old, old.settings, int(posterior.sizes["chain"]), int(posterior.sizes["draw"]), draws, seed)
    trace = runner.resume(old.engine, chosen, _last(old.tree))
    new = named_tree(trace, runner.labels, runner.problem)
    seconds = old.seconds + time.perf_counter() - started
    return replace(old, tree=_joined(old.tree, new), seconds=seconds, gradients=old.gradients + trace.gradients)


def _chosen(old: Draws, asked: Settings, chains: int, done: int, draws: int, seed: int | None) -> Settings:
    """Return the settings of the new draws, their seed one that no other stretch of the chains has had."""
    checked = settings(draws=draws, chains=chains, seed=old.seed if seed is None else seed)
    (fresh,) = np.random.SeedSequence([old.seed, checked.seed, done, _MARK]).generate_state(1, np.uint64)
    return replace(asked, draws=checked.draws, chains=chains, seed=int(fresh >> np.uint64(2)))


def _last(tree: xr.DataTree) -> np.typing.NDArray[np.float64] | None:
    if "unconstrained_posterior" not in tree.children:
        return None
    return np.ascontiguousarray(tree["unconstrained_posterior"]["theta"].to_numpy()[:, -1])


def _joined(old: xr.DataTree, new: xr.DataTree) -> xr.DataTree:
    """Return the groups that grow with the draws, one after the other; others that go by draws would not fit."""
    import xarray as xr

    groups = {"/observed_data": old["observed_data"].to_dataset()} if "observed_data" in old.children else {}
    for name in _GROWING:
        if name in old.children and name in new.children:
            first, more = old[name].to_dataset(), new[name].to_dataset()
            common = [key for key in first.data_vars if key in more.data_vars]
            total = first.sizes["draw"] + more.sizes["draw"]
            more = more.assign_coords(draw=np.arange(first.sizes["draw"], total))
            whole = xr.concat([first[common], more[common]], dim="draw", data_vars="minimal", join="exact")
            groups[f"/{name}"] = whole.transpose("chain", "draw", ...)
    return xr.DataTree.from_dict(groups)
