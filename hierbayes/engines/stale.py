"""Compiled functions on disk that no longer match their sources.

Numba recompiles a function when its own file has changed, not when a function that it calls in another file has: the
old code of the latter lives on inside the former. Here a change in any of the files drops what was compiled from all.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

_ROOM = Path(__file__).parent


def drop_stale(room: Path = _ROOM) -> bool:
    """Delete the compiled functions below a folder where a source has changed since they were made.

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
        now = digest(room)
        if mark.exists() and mark.read_text() == now:
            return False
        for compiled in [*room.rglob("*.nbi"), *room.rglob("*.nbc"), *room.rglob("native-*.o")]:
            compiled.unlink(missing_ok=True)
        mark.parent.mkdir(exist_ok=True)
        mark.write_text(now)
        return True
    return False


def digest(room: Path) -> str:
    """Return a digest of names, sizes and times of all sources."""
    found = [(str(path.relative_to(room)), path.stat()) for path in sorted(room.rglob("*.py"))]
    listed = repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in found])
    return hashlib.sha256(listed.encode()).hexdigest()
