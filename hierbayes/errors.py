"""The errors that hierbayes raises.

Each says what is wrong, where it is and what to do about it.
"""

from __future__ import annotations

import sys
import warnings


class HierBayesError(Exception):
    """Base of every error that hierbayes raises on purpose.

    Parameters
    ----------
    what : str
        What is wrong, with the place: the column, level, row or position.
    hint : str, optional
        What to do about it.
    """

    def __init__(self, what: str, hint: str | None = None) -> None:
        self.what = what
        self.hint = hint
        super().__init__(what if hint is None else f"{what}\n{hint}")


class FormulaError(HierBayesError):
    """A formula that cannot be read. Marks the place in the text with a caret.

    Parameters
    ----------
    what : str
        What is wrong.
    text : str, optional
        The formula as it was typed.
    start, stop : int, optional
        The place in `text`, as a half-open range of characters.
    hint : str, optional
        What to write instead.
    """

    def __init__(
        self,
        what: str,
        text: str | None = None,
        start: int = 0,
        stop: int | None = None,
        hint: str | None = None,
    ) -> None:
        self.text = text
        self.start = start
        self.stop = start + 1 if stop is None else max(stop, start + 1)
        marked = what if text is None else f"{what}\n{mark(text, self.start, self.stop)}"
        super().__init__(marked, hint)


class DataError(HierBayesError, ValueError):
    """Data that the model cannot take: names the column, level or row."""


class ModelError(HierBayesError, ValueError):
    """A model, prior or option that does not make sense or is not available."""


class SamplingError(HierBayesError, RuntimeError):
    """The sampler could not start or gave nothing back."""


class HierBayesWarning(UserWarning):
    """A warning that hierbayes gives on purpose: missing rows, poor convergence and such."""


def warn(message: str) -> None:
    """Warn once, pointing at the line outside hierbayes that led here."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] == "hierbayes":
        frame = frame.f_back
        depth += 1
    warnings.warn(message, HierBayesWarning, stacklevel=depth + 1)


def mark(text: str, start: int, stop: int) -> str:
    """Return the line of `text` that holds `start`, with carets below the place."""
    line_start = text.rfind("\n", 0, start) + 1
    line_stop = text.find("\n", start)
    line = text[line_start : line_stop if line_stop >= 0 else len(text)]
    shown = line.replace("\t", " ")
    width = max(1, min(stop, line_start + len(line)) - start)
    return f"    {shown}\n    {' ' * (start - line_start)}{'^' * width}"
