"""A fit that lives on: saved, updated, extended, exported."""

from __future__ import annotations

from pathlib import Path

from hierbayes.model.base import FitBase


class Keeping(FitBase):
    """The part of a `Fit` that has to do with keeping."""

    def save(self, path: str | Path) -> Path:
        """Write the draws as netCDF, which ArviZ and xarray read.

        Raises
        ------
        DataError
            If the file cannot be written.
        """
        from hierbayes.storage import write_draws

        attributes = {"formula": self.spec.formula.text, "engine": self.engine, "seed": str(self._draws.seed)}
        return write_draws(self.tree, path, attributes)
