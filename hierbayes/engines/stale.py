"""Compiled functions on disk: where they may be kept, and those that no longer match their sources.

Numba recompiles a function when its own file has changed, not when a function that it calls in another file has: the
old code of the latter lives on inside the former. Here a change in any file of kernels drops what was compiled from
all.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from hierbayes.errors import SamplingError

_ROOM = Path(__file__).parent

OWN_FOLDERS: list[str] = []
"""Folders of this process alone that `find_cache` has made."""


def drop_stale(room: Path = _ROOM) -> bool:
    """Delete the compiled functions below a folder where a source of kernels has changed since they were made.

    Parameters
    ----------
    room : Path
        A folder of sources; what is compiled from them lies in ``__pycache__``. Where it cannot be written to nothing
        is done.

    Returns
    -------
    bool
        Whether the sources were other than at the last call.

    Examples
    --------
    >>> drop_stale() and drop_stale()
    False
    """
    mark = room / "__pycache__" / "kernels.stamp"
    with contextlib.suppress(OSError):
        now = kernel_digest(room)
        if mark.exists() and mark.read_text() == now:
            return False
        for compiled in [*room.rglob("*.nbi"), *room.rglob("*.nbc"), *room.rglob("native-*.o")]:
            compiled.unlink(missing_ok=True)
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(now)
        return True
    return False


def find_cache() -> str | None:
    """Give numba a folder where it finds none that it may write to, for then it refuses to define a function at all.

    That is so where both the package and the home of the user are read-only. The folder is of this process alone and
    goes with it: what lies in a folder that others can write to must not be run.

    Returns
    -------
    str or None
        The folder; None where numba has one of its own.

    Raises
    ------
    SamplingError
        If not even a temporary folder can be made.

    Examples
    --------
    >>> find_cache() is None
    True
    """
    from numba.core import config
    from numba.core.caching import FunctionCache

    try:
        FunctionCache(drop_stale)
    except RuntimeError:
        try:
            folder = tempfile.mkdtemp(prefix="hierbayes-")
        except OSError as error:
            raise SamplingError(
                f"there is no folder for compiled functions, not even a temporary one: {error}",
                "set the environment variable NUMBA_CACHE_DIR to a folder that can be written to",
            ) from error
        config.CACHE_DIR = folder
        OWN_FOLDERS.append(folder)
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        return folder
    return None


def digest(room: Path) -> str:
    """Return a digest of names and contents of all sources."""
    return _digest(room, sorted(room.rglob("*.py")))


def kernel_digest(room: Path) -> str:
    """Return a digest of what compiled functions are made of: the sources that `kernel_sources` names."""
    return _digest(room, kernel_sources(room))


def kernel_sources(room: Path) -> list[Path]:
    """Return the sources that numba compiles, and the modules of the room that they import, for their constants.

    What only prepares, calls or describes kernels may change without a new compilation.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in room.rglob("*.py")}
    named = {path: [".".join(path.relative_to(room).with_suffix("").parts)] for path in texts}
    compiled = {path for path, text in texts.items() if "numba" in text}
    imported = {name for path in compiled for name in _imports(texts[path], room.name)}
    return sorted(compiled | {path for path, names in named.items() if imported.intersection(names)})


def _imports(text: str, room: str) -> Iterator[str]:
    """Yield the names, below the room, of what a source imports from it: modules, and what may be one."""
    for module, names in re.findall(rf"^from \S*\b{room}\.?([\w.]*) import (\([^)]*\)|.*)$", text, re.MULTILINE):
        yield module
        for name in re.findall(r"(\w+)(?: as \w+)?", names):
            yield f"{module}.{name}".lstrip(".")


def _digest(room: Path, paths: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in paths:
        code = path.read_bytes()
        found.update(f"{path.relative_to(room)} {len(code)}\n".encode() + code)
    return found.hexdigest()
