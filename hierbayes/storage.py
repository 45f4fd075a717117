"""A fit on disk: the draws as netCDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hierbayes.errors import DataError

if TYPE_CHECKING:
    import xarray as xr


def write_draws(tree: xr.DataTree, path: str | Path, attributes: dict[str, Any]) -> Path:
    """Write a DataTree as netCDF, as ArviZ reads it.

    Raises
    ------
    DataError
        If the file cannot be written.
    """
    target = Path(path)
    labelled = tree.copy()
    labelled.attrs.update(attributes)
    try:
        labelled.to_netcdf(target, engine="h5netcdf")
    except (OSError, ValueError) as error:
        raise DataError(f"the fit cannot be written to {str(target)!r}: {error}", "choose another path") from error
    return target
