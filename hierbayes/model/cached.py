"""A fit that is sampled once and read from its file afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hierbayes.errors import HierBayesError, ModelError, warn
from hierbayes.sampling.run import Draws
from hierbayes.sampling.sampler import Settings
from hierbayes.storage.file import check_target, read_texts
from hierbayes.storage.record import Record, has_function, read_record, texts_of, write_record

_OF_SETTINGS = ("draws", "tune", "chains", "seed", "target_accept")


def cached(path: str | Path, seed: int | None, wanted: Record, sample: Callable[[], Draws]) -> Draws:
    """Return the draws of a file if they are those of the model wanted, else sample and write them there.

    Parameters
    ----------
    path : str or Path
    seed : int or None
        As the user gave it.
    wanted : Record
        The model; its draws hold no tree, only how they are to be sampled.
    sample : callable

    Raises
    ------
    ModelError
        If there is no seed, or a prior is a function, of which one cannot tell whether it has changed.
    DataError
        If there is a file that hierbayes did not write, or that is broken or of a later version (it stays as it is), or
        no file can be at `path`.

    Warns
    -----
    HierBayesWarning
        If the fit was sampled and cannot be written.
    """
    _check(seed, wanted)
    check_target(path)
    if os.path.lexists(path) and _identity(read_texts(path)) == _identity(json.loads(json.dumps(texts_of(wanted)))):
        found = read_record(path).draws
        if found.tree["posterior"].sizes["draw"] == _asked(wanted.draws).draws:
            return found
    draws = sample()
    if draws.tree["posterior"].sizes["draw"] == _asked(wanted.draws).draws:  # else it was interrupted
        _keep(Record(wanted.spec, wanted.priors, wanted.design, draws), path)
    return draws


def _keep(record: Record, path: str | Path) -> None:
    """Write a fit; what has been sampled is not lost to a full disk."""
    try:
        write_record(record, path, data=True)
    except HierBayesError as error:
        warn(
            f"{error.what}. The fit is returned all the same, and not kept: the same call would sample again. "
            "Make room, or save it elsewhere with fit.save(path)."
        )


def _asked(draws: Draws) -> Settings:
    assert draws.settings is not None
    return draws.settings


def _check(seed: int | None, wanted: Record) -> None:
    if seed is None:
        raise ModelError(
            "cache= reuses a fit whose formula, data, priors, options and seed are the same, so it needs a seed",
            "give one: seed=1",
        )
    if has_function(wanted.priors):
        raise ModelError(
            "cache= cannot tell whether the function of a Custom prior has changed",
            "save the fit yourself: fit.save(path), hb.load(path)",
        )


def _identity(texts: dict[str, Any]) -> dict[str, Any]:
    """Return what makes a fit what it is; how a formula is spaced, and how fast it is sampled, do not matter."""
    spec, run = texts["spec"], texts["run"]
    settings = run["settings"] or {}
    return {
        "spec": {key: value for key, value in spec.items() if key not in ("formula", "missing", "rank")},
        "priors": texts["priors"],
        "data": texts["fingerprint"],
        "settings": {key: settings.get(key) for key in _OF_SETTINGS},
        "engine": run["asked"],
    }
