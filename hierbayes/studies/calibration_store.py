"""Finished data sets of a calibration on disk, so that a long run can go on where it stopped."""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from hierbayes.comparison.prior_draws import every_prior
from hierbayes.engines.base import Problem
from hierbayes.errors import DataError
from hierbayes.storage.fingerprint import data_fingerprint
from hierbayes.storage.specs import prior_to_json
from hierbayes.studies.calibration_sets import RankedSet, Task

FORMAT = 1
_HEADER, _NUMBERS = "header", "set"


def header_of(task: Task, formula: str, engine: str, seed: int) -> dict[str, Any]:
    """Return what two runs must share to be parts of one calibration; the number of data sets is not among it."""
    design = task.design
    return {
        "format": FORMAT,
        "hierbayes": _version(),
        "formula": formula,
        "data": data_fingerprint(design.columns, design.rows, design.rows_given),
        "priors": _priors(task.source.problem),
        "fitted priors": _priors(task.problem),
        "engine": engine,
        "seed": seed,
        "draws": task.chosen.draws,
        "quantities": [each.name for each in task.quantities],
    }


def _version() -> str:
    try:
        return version("hierbayes")
    except PackageNotFoundError:
        return "unknown"


def _priors(problem: Problem) -> list[Any]:
    return [prior_to_json(prior) for prior in every_prior(problem)]


class Store:
    """A file of finished data sets: numbers in numpy's own format, never pickle.

    Parameters
    ----------
    path : str or Path
    header : mapping
        What the run in the file must share with this one.
    """

    def __init__(self, path: str | Path, header: Mapping[str, Any]) -> None:
        self.path, self.header = Path(path), dict(header)

    def read(self) -> dict[int, RankedSet]:
        """Return the data sets that are there, by their numbers; none if there is no file.

        Raises
        ------
        DataError
            If the file is of another calibration, or none of a calibration.
        """
        if not self.path.exists():
            self._check_folder()
            return {}
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            header = json.loads(str(arrays[_HEADER]))
            self._check_header(header)
            return {int(number): _take(arrays, i) for i, number in enumerate(arrays[_NUMBERS])}
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{str(self.path)!r} is not a file of a calibration, or it is broken: {error}",
                "give resume= another path",
            ) from error

    def write(self, done: Mapping[int, RankedSet]) -> None:
        """Write all data sets; the old file stays until the new one is whole.

        Raises
        ------
        DataError
            If the file cannot be written.
        """
        numbers = sorted(done)
        arrays: dict[str, Any] = {_HEADER: np.array(json.dumps(self.header)), _NUMBERS: np.array(numbers, dtype=int)}
        for each in fields(RankedSet):
            values = [getattr(done[number], each.name) for number in numbers]
            arrays[each.name] = np.array(values, dtype=np.str_ if each.name == "failed" else None)
        partial = self.path.with_name(f"{self.path.name}.part{os.getpid()}")
        try:
            with partial.open("wb") as file:
                np.savez(file, **arrays)
            partial.replace(self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
            raise DataError(f"{str(self.path)!r} cannot be written: {error.strerror}") from error

    def _check_folder(self) -> None:
        if not self.path.parent.is_dir():
            raise DataError(f"there is no folder {str(self.path.parent)!r} for resume={str(self.path)!r}", "make it")

    def _check_header(self, header: Any) -> None:
        own = json.loads(json.dumps(self.header))
        if not isinstance(header, dict):
            raise DataError(f"{str(self.path)!r} is not a file of a calibration", "give resume= another path")
        other = next((key for key in own if header.get(key) != own[key]), None)
        if other is not None:
            raise DataError(
                f"{str(self.path)!r} holds another calibration: its {other} is not that of this one",
                "give resume= another path, or delete the file",
            )


def _take(arrays: Mapping[str, Any], i: int) -> RankedSet:
    values: dict[str, Any] = {}
    for each in fields(RankedSet):
        value = arrays[each.name][i]
        values[each.name] = value if np.ndim(value) else value.item()
    return RankedSet(**values)
