"""What the machine can hold: what is larger is refused in words, before the system stops the process."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from hierbayes.errors import HierBayesError, ModelError

ADDRESSABLE = 2**47
"""Bytes that no process can have on today's machines: the limit where a system does not tell its own."""

_UNASKED = 2**28
"""Bytes for which no system is asked."""

_OF_WINDOWS = ("ram", "ram_free", "commit", "commit_free", "own", "own_free", "own_more")
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def require_memory(numbers: int, what: str, hint: str, error: type[HierBayesError] = ModelError) -> None:
    """Refuse what is more than the machine has.

    Parameters
    ----------
    numbers : int
        How many numbers of 8 bytes have to be held at the least.
    what : str
        What takes them.
    hint : str
        What to do about it.
    error : type
        Of `hierbayes.errors`.

    Raises
    ------
    ModelError
        Says how much memory it would take, and how much is free.

    Examples
    --------
    >>> require_memory(1000, "1000 draws", "ask for fewer")
    >>> require_memory(10**18, "so many draws", "ask for fewer")  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
      ...
    ModelError: so many draws would take at least 6.9 EB of memory; 16.0 GB are free
    """
    asked = 8 * int(numbers)
    if asked <= _UNASKED:
        return
    there = free_memory()
    if asked > there:
        raise error(f"{what} would take at least {size_text(asked)} of memory; {size_text(there)} are free", hint)


def free_memory() -> int:
    """Return the bytes that this process could still get: memory and swap, less where it is held to less.

    Examples
    --------
    >>> free_memory() > 2**20
    True
    """
    there = _windows_memory() if sys.platform == "win32" else _linux_memory() or _unix_memory()
    return min([there or ADDRESSABLE, *_limits()])


def size_text(size: int) -> str:
    """Return a number of bytes as people read it.

    Examples
    --------
    >>> size_text(3 * 2**30), size_text(2**50)
    ('3.0 GB', '1.0 PB')
    """
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if value < 1024:
            return f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} EB" if value < 1e6 else "more than a million EB"


def _linux_memory() -> int | None:
    """Return what Linux can give without taking it from anyone: what only caches files counts as free."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines() if ":" in line)
        return 1024 * (int(lines["MemAvailable"].split()[0]) + int(lines["SwapFree"].split()[0]))
    except (OSError, ValueError, KeyError, IndexError):
        return None


def _unix_memory() -> int | None:
    """Return four times the memory of another Unix: a Mac makes swap as it needs it, and that is more than it bears."""
    try:
        own = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not every system tells
        return None
    return 4 * own if own > 0 else None


def _limits() -> list[int]:
    """Return what containers are held to."""
    found = []
    for place in _LIMITS:
        with contextlib.suppress(OSError, ValueError):
            found.append(int(Path(place).read_text()))
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
        import resource

        own = resource.getrlimit(resource.RLIMIT_AS)[0]
        found += [] if own == resource.RLIM_INFINITY else [own]
    return [limit for limit in found if limit > 0]


def _windows_memory() -> int | None:
    """Return what Windows can still commit: memory and page file."""
    import ctypes

    class Status(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            *((name, ctypes.c_ulonglong) for name in _OF_WINDOWS),
        ]

    status = Status()
    status.length = ctypes.sizeof(Status)
    try:
        known = ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    except (AttributeError, OSError):
        return None
    return int(status.commit_free) if known else None
