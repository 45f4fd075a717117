"""An ear for what Python does behind one's back: commands, sockets, unpickling, files that are written or secret."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

HEARD: list[tuple[str, str]] = []
SECRET = "secret-of-the-user"
LOUD = (
    "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.startfile", "subprocess.Popen", "pty.spawn",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "pickle.find_class", "marshal.load", "marshal.loads",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.chmod", "shutil.rmtree",
    "ctypes.dlopen", "webbrowser.open", "urllib.Request",
)  # fmt: skip
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_listening: list[bool] = []


def _hear(event: str, args: tuple[Any, ...]) -> None:
    if not _listening:
        return
    if event == "open":
        path, mode, flags = str(args[0]), args[1] or "", args[2] or 0
        writing = any(letter in mode for letter in "wax+") or bool(flags & _WRITING)
        # Python keeps the byte code of what is imported on the way.
        if SECRET in path or (writing and "__pycache__" not in path):
            HEARD.append((event, path))
    elif event in LOUD and not (event in ("marshal.loads", "os.rename", "os.mkdir") and _of_imports(args)):
        HEARD.append((event, str(args)[:200]))


def _of_imports(args: tuple[Any, ...]) -> bool:
    """Whether an event belongs to an import: byte code is unmarshalled, and put in its place."""
    return not args or not isinstance(args[0], str) or "__pycache__" in args[0]


@contextlib.contextmanager
def listening() -> Iterator[list[tuple[str, str]]]:
    """Listen while the block runs, and give what was heard."""
    if not getattr(sys, "_hierbayes_ear", False):
        sys.addaudithook(_hear)  # it stays for as long as the process lives
        sys._hierbayes_ear = True  # type: ignore[attr-defined]
    HEARD.clear()
    _listening.append(True)
    try:
        yield HEARD
    finally:
        _listening.pop()
