"""One planted fault, and how it is put into a copy of the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Fault:
    """A mistake that someone might make: an exact replacement in one source.

    Attributes
    ----------
    name : str
    file : str
        From the package on.
    about : str
        What the change does, in one line.
    before, after : str
        The text that is there, exactly once, and the one that takes its place.
    tests : tuple of str
        Tests that ought to see it, as pytest takes them.
    compiled : bool
        Whether the change lies in compiled code, so that the kernels have to be compiled anew.
    added : str
        The test that was written because none saw the fault.
    """

    name: str
    file: str
    about: str
    before: str
    after: str
    tests: tuple[str, ...]
    compiled: bool = False
    added: str = ""

    def planted(self, text: str) -> str:
        """Return the source with the fault in it.

        Raises
        ------
        ValueError
            If the text to replace is not there exactly once: the fault must then be written anew.
        """
        found = text.count(self.before)
        if found != 1:
            raise ValueError(f"fault {self.name!r} no longer fits {self.file}: its text is there {found} times")
        return text.replace(self.before, self.after)

    def plant(self, package: Path) -> None:
        """Put the fault into a copy of the package."""
        path = package / self.file
        path.write_text(self.planted(path.read_text(encoding="utf-8")), encoding="utf-8")
