"""How many threads: of this process, and of BLAS while chains run side by side."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from functools import cache
from typing import Any


@contextlib.contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread, so that chains side by side do not fight over the cores."""
    with _thread_pools().limit(limits=1, user_api="blas"):
        yield


@cache
def _thread_pools() -> Any:
    """Return the thread pools of this process, searched for once: that takes 10 ms."""
    import scipy.linalg  # noqa: F401 (it brings a BLAS of its own)
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def threads_for(tasks: int, asked: int | None = None) -> int:
    """Return how many threads to take: never more than tasks, or than cores that this process may use.

    Parameters
    ----------
    tasks : int
    asked : int, optional
        The user's ``cores``.

    Examples
    --------
    >>> threads_for(1, 10**6), threads_for(10**6, 1)
    (1, 1)
    """
    usable = usable_cores()
    return max(1, min(tasks, usable if asked is None else min(asked, usable)))


def usable_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
