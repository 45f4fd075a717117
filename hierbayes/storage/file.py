"""A file of texts and arrays: written whole or not at all, checked before it is believed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import DataError
from hierbayes.storage.fingerprint import contents_fingerprint
from hierbayes.storage.names import encode_texts
from hierbayes.storage.trees import decoded, floats_as_they_are

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "hierbayes fit"
VERSION = 1
"""Of the file format; a file of a later one is refused."""

TEXTS = ("spec", "priors", "schema", "design", "run", "packages", "fingerprint")
"""Attributes of the root that hold JSON."""

MODEL_DATA = "model_data"
_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_CHECKED = ("/posterior", "/unconstrained_posterior", f"/{MODEL_DATA}")
_MOST_PACKED = 1100
"""No array grows by more than this when it is unpacked: deflate packs at most 1032 to 1."""


@dataclass(frozen=True)
class Contents:
    """What a file holds.

    Attributes
    ----------
    texts : mapping of str to JSON value
        By the names of `TEXTS`.
    groups : mapping of str to Dataset
        By path, ``/posterior`` and so on, names and texts as they were.
    """

    texts: Mapping[str, Any]
    groups: Mapping[str, xr.Dataset]


def write_file(
    path: str | Path, texts: Mapping[str, Any], groups: dict[str, xr.Dataset], shown: Mapping[str, str]
) -> Path:
    """Write a file beside its place and move it there when it is whole.

    Parameters
    ----------
    path : str or Path
    texts : mapping of str to JSON value
        By the names of `TEXTS`.
    groups : dict of str to Dataset
        By path, as netCDF holds them.
    shown : mapping of str to str
        Attributes for people, which are never read back.

    Raises
    ------
    DataError
        If it cannot be written; nothing is left behind, and a file that was there is as it was.
    """
    target = check_target(path)
    part = target.with_name(f".hierbayes-{secrets.token_hex(6)}.part")
    try:
        # In memory first: the HDF5 library takes the process down with it where the disk is full.
        _put(part, file_bytes(texts, groups, shown))
        os.replace(part, target)
    except Exception as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise DataError(f"the fit cannot be written to {str(path)!r}: {reason}", "choose another path") from error
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
    return Path(path)


def check_target(path: str | Path) -> Path:
    """Return the place that a file is written to.

    Raises
    ------
    DataError
        If no file can be there: it is no path, a directory, a device, or in a folder that is not there.
    """
    check_path(path)
    refused = f"the fit cannot be written to {str(path)!r}: "
    try:
        target = Path(os.path.realpath(path))
        if target.is_dir():
            raise DataError(f"{refused}it is a directory", "add a file name, fit.nc")
        if os.path.exists(target) and not os.path.isfile(target):
            # a device or a pipe would be replaced by a file
            raise DataError(f"{refused}it is no ordinary file", "choose another path")
        if not target.parent.is_dir():
            raise DataError(f"{refused}there is no folder {str(target.parent)!r}", "make it, or choose another path")
    except (OSError, ValueError) as error:  # a path that holds a NUL is a ValueError
        if isinstance(error, DataError):
            raise
        raise DataError(f"{refused}{getattr(error, 'strerror', None) or error}", "choose another path") from error
    return target


def file_bytes(texts: Mapping[str, Any], groups: dict[str, xr.Dataset], shown: Mapping[str, str]) -> memoryview:
    """Return what a file holds, byte by byte; see `write_file`."""
    import xarray as xr

    written = {name: json.dumps(texts[name]) for name in TEXTS}
    checked = {name: groups[name] for name in _CHECKED if name in groups}
    contents = {"groups": list(checked), "digest": contents_fingerprint(written, checked)}
    plain = {name: encode_texts([text])[0][0] for name, text in shown.items()}
    tree = xr.DataTree.from_dict(groups)
    tree.attrs = {
        **tree.attrs, **plain, "format": FORMAT, "format_version": VERSION, **written, "contents": json.dumps(contents)
    }  # fmt: skip
    return memoryview(tree.to_netcdf(engine="h5netcdf", encoding=floats_as_they_are(groups)))


def _put(part: Path, content: memoryview) -> None:
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def read_texts(path: str | Path) -> dict[str, Any]:
    """Return the texts of a file and nothing else.

    Raises
    ------
    DataError
        If there is no file, or it is not one that hierbayes wrote, or is damaged, or is of a later version.
    """
    _check_place(path)
    try:
        import h5py  # type: ignore[import-untyped]

        with h5py.File(path, "r") as file:
            texts, _ = _header(file, str(path))
    except DataError:
        raise
    except Exception as error:
        raise damaged(path, error) from error
    return texts


def read_file(path: str | Path) -> Contents:
    """Return what a file holds. Nothing in it is ever run.

    Raises
    ------
    DataError
        If there is no file, or it is not one that hierbayes wrote, or is damaged, or is of a later version.
    """
    _check_place(path)
    try:
        return _read(lambda: str(path), os.path.getsize(path), str(path))
    except DataError:
        raise
    except Exception as error:
        raise damaged(path, error) from error


def read_bytes(content: bytes) -> Contents:
    """Return what `file_bytes` gave; nothing in it is ever run.

    Raises
    ------
    DataError
        If it is damaged, or of a later version.
    """
    name = "of bytes"
    try:
        return _read(lambda: io.BytesIO(content), len(content), name)
    except DataError:
        raise
    except Exception as error:
        raise damaged(name, error) from error


def _read(source: Callable[[], Any], size: int, path: str) -> Contents:
    """Return what `source`, a path or an open file each time it is asked, holds; `path` is its name in errors."""
    import h5py
    import xarray as xr

    with h5py.File(source(), "r") as file:
        texts, contents = _header(file, path)
        written = {name: str(file.attrs[name]) for name in TEXTS}
        _check_nodes(file, _MOST_PACKED * max(size, 4096), set())
    with xr.open_datatree(source(), engine="h5netcdf") as tree:
        tree.load()
    nodes = {node.path: node for node in tree.subtree}
    checked = {name: nodes[name].to_dataset(inherit=False) for name in contents["groups"]}
    if contents_fingerprint(written, checked) != contents["digest"]:
        raise DataError(f"the file {path!r} is damaged: its contents are not those that were written", _REMEDY)
    tree.attrs = {name: value for name, value in tree.attrs.items() if name not in (*TEXTS, *_HEADER)}
    return Contents(texts, decoded(tree))


_HEADER = ("format", "format_version", "contents", "formula", "engine", "seed")
_REMEDY = "fit again, or take a copy of the file"


def check_path(path: Any) -> None:
    """Refuse what is no path.

    Raises
    ------
    DataError
        If it is neither text nor a path.
    """
    if not isinstance(path, str | os.PathLike):
        raise DataError(f"the place of a file is a path, not {path!r}", 'write "fit.nc", for instance')


def _check_place(path: str | Path) -> None:
    check_path(path)
    place = Path(path)
    if place.is_dir():
        raise DataError(f"{str(path)!r} is a directory, not the file of a fit")
    try:
        with place.open("rb") as file:
            start = file.read(len(_SIGNATURE))
    except FileNotFoundError as error:
        raise DataError(f"there is no file {str(path)!r}") from error
    except (OSError, ValueError) as error:
        raise DataError(f"the file {str(path)!r} cannot be read: {error}") from error
    if start != _SIGNATURE:
        what = "is empty" if not start else "is not netCDF"
        raise DataError(f"the file {str(path)!r} {what}; fit.save writes what can be loaded")


def _header(file: Any, path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    attributes = file.attrs
    if attributes.get("format") != FORMAT:
        raise DataError(f"the file {path!r} holds no fit that hierbayes saved", "fit.save writes what can be loaded")
    (version,) = map(int, np.ravel(attributes["format_version"]))
    if version > VERSION:
        raise DataError(
            f"the file {path!r} is of format {version}, which this hierbayes does not know; it reads up to {VERSION}",
            "update hierbayes",
        )
    return {name: _json(attributes[name]) for name in TEXTS}, _json(attributes["contents"])


def _json(text: Any) -> Any:
    if not isinstance(text, str):
        raise TypeError("an attribute is not text")
    return json.loads(text)


def _check_nodes(group: Any, most: int, seen: set[Any]) -> None:
    """Refuse what leads out of the file, and arrays that are larger than the file can hold."""
    import h5py

    seen.add(group.id)
    for name in group:
        node = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
        if node is None or (isinstance(node, h5py.Dataset) and (node.is_virtual or node.external)):
            raise ValueError(f"{name!r} leads to another place")
        if isinstance(node, h5py.Dataset) and node.nbytes > most:
            raise ValueError(f"{name!r} is larger than the file")
        if isinstance(node, h5py.Group) and node.id not in seen:
            _check_nodes(node, most, seen)


def damaged(path: str | Path, error: Exception) -> DataError:
    """Return the error for a file that is ours, or was, and cannot be read."""
    return DataError(f"the file {str(path)!r} is damaged or incomplete: {error}", _REMEDY)
