"""The look that all figures share: colours, fonts, grid, legends and the writing of level names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import DataError, ModelError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Look:
    """How one estimate is drawn in every figure: colour, line style, marker and name in the legend."""

    colour: str
    line: Any
    marker: str
    label: str


# Colours of Okabe and Ito: they differ for colour-blind readers, and the line styles differ in print.
COMPLETE = Look("#009E73", (0, (5, 2)), "D", "complete pooling")
NO = Look("#D55E00", (0, (1, 1)), "o", "no pooling")
PARTIAL = Look("#0072B2", "solid", "o", "partial pooling")
POPULATION = Look("#0072B2", "solid", "s", "population mean")

INK = "#333333"
GREY = "#8a8a8a"
PALE = "#e6e6e6"
WIDTH = 9.0  # inches: fills a notebook cell without scrolling
SMALLEST = 5.5  # points: below this a label is left out, not shrunk
LONGEST = 24  # characters of a level's name that are shown


def new_axes(ax: Axes | None, figsize: tuple[float, float] | None, width: float, height: float) -> tuple[Figure, Axes]:
    """Return the axes to draw on and their figure: the given axes, or the only ones of a new figure."""
    if ax is None:
        figure = new_figure(figsize, width, height)
        return figure, figure.subplots()
    if figsize is not None:
        raise ModelError("ax and figsize are both given.", "Set the size where you make the axes.")
    owner = ax.get_figure(root=True)
    if owner is None:
        raise ModelError("The axes belong to no figure.", "Make them with figure.subplots().")
    return owner, ax


def new_figure(figsize: tuple[float, float] | None, width: float, height: float) -> Figure:
    """Return an empty figure of `figsize`, else of `width` by `height`, in inches."""
    from hierbayes.plots.picture import Picture

    return Picture(*(figsize or (width, height)))


def tidy(ax: Axes, size: float = 9) -> None:
    """Give the axes a light grid behind the data, two spines and small tick labels."""
    ax.set_axisbelow(True)
    ax.grid(True, color=PALE, linewidth=0.6)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(GREY)
    ax.tick_params(colors=INK, labelsize=size, length=2.5, width=0.6)


def literal(text: str) -> str:
    r"""Return the text so that matplotlib prints it as it is, dollar signs included.

    >>> print(literal("$x$"))
    \$x\$
    """
    return text.replace("$", r"\$")


def shown(level: str, width: int = LONGEST) -> str:
    """Return a level's name as it is drawn: on one line, cut to `width` characters, never blank.

    >>> shown(""), shown("a rather long name", 10)
    ('(empty)', 'a rather …')
    """
    return literal(_cut(_one_line(level), width))


def shown_all(levels: Iterable[str], width: int = LONGEST) -> list[str]:
    """Return all names as they are drawn. Names that would look the same are cut in the middle instead of the end.

    >>> shown_all(["laboratory 1", "laboratory 2"], 8)
    ['labo…y 1', 'labo…y 2']
    """
    names = [_one_line(level) for level in levels]
    cut = [_cut(name, width) for name in names]
    if len(set(cut)) < len(set(names)):
        cut = [_cut_middle(name, width) for name in names]
    return [literal(name) for name in cut]


def _one_line(level: str) -> str:
    # Control characters have no glyph: matplotlib would draw a box and warn.
    name = re.sub(r"[\s\x00-\x1f\x7f]+", " ", str(level))
    return name if name.strip() else "(empty)"


def _cut(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 1] + "…"


def _cut_middle(name: str, width: int) -> str:
    tail = (width - 1) // 2
    return name if len(name) <= width else name[: width - 1 - tail] + "…" + name[-tail:]


def choose(available: Sequence[str], levels: Sequence[str] | None, factor: str) -> list[str]:
    """Return the levels to draw: all, or those asked for, in the order asked for.

    Raises
    ------
    DataError
        If a level asked for does not exist, or none is left to draw.
    """
    wanted = list(available) if levels is None else [str(level) for level in dict.fromkeys(levels)]
    known = set(available)
    missing = [level for level in wanted if level not in known]
    if missing:
        first = ", ".join(repr(level) for level in available[:8])
        raise DataError(
            f"{factor} has no level {missing[0]!r}.",
            f"Its levels are {first}{', ...' if len(available) > 8 else ''}.",
        )
    if not wanted:
        raise DataError(f"No level of {factor} to draw.", "Ask for at least one level.")
    return wanted


def of_factor(table: Any, factor: str) -> Any:
    """Return the rows of the factor, levels and terms as strings; a table without a `group` column is taken whole.

    Raises
    ------
    DataError
        If the table has no row of the factor.
    """
    rows = table[table["group"].astype(str) == factor] if "group" in table else table
    if not len(rows):
        groups = ", ".join(dict.fromkeys(table["group"].astype(str))) if "group" in table else "none"
        raise DataError(f"The table has no rows of the grouping factor {factor!r}.", f"It holds: {groups}.")
    return rows.assign(level=rows["level"].astype(str), term=rows["term"].astype(str))


def terms_of(rows: Any, terms: Sequence[str] | None, factor: str) -> list[str]:
    """Return the terms to draw: all in the table's order, or those asked for.

    Raises
    ------
    ModelError
        If a term asked for is not one of the factor's.
    """
    known = list(dict.fromkeys(rows["term"]))
    missing = [term for term in terms or [] if term not in known]
    if missing:
        raise ModelError(f"{factor} has no term {missing[0]!r}.", f"Its terms are {', '.join(known)}.")
    return known if not terms else list(terms)


def legend_above(ax: Axes, handles: Sequence[Any], title: str, columns: int | None = None) -> None:
    """Put the legend above the axes, where no data are."""
    ax.legend(
        handles=list(handles),
        title=title,
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=columns or len(handles),
        **legend_look(),
    )


def legend_look() -> dict[str, Any]:
    """Return the options that all legends share."""
    return {"frameon": False, "fontsize": 9, "title_fontsize": 9, "alignment": "left", "borderaxespad": 0.4,
            "handlelength": 2.2, "columnspacing": 1.4, "labelcolor": INK}  # fmt: skip


def dot(look: Look, size: float, *, filled: bool = True, edge: str | None = None, label: str | None = None) -> Any:
    """Return a legend entry that shows a marker alone."""
    from matplotlib.lines import Line2D

    return Line2D(
        [], [], linestyle="none", marker=look.marker, markersize=size, label=label or look.label,
        markerfacecolor=look.colour if filled else "white", markeredgecolor=edge or look.colour,
    )  # fmt: skip


def line(look: Look, width: float = 1.6, *, colour: str | None = None, label: str | None = None) -> Any:
    """Return a legend entry that shows a line."""
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour or look.colour, linestyle=look.line, linewidth=width, label=label or look.label)


def level_ticks(ax: Axes, names: Sequence[str], height: float) -> None:
    """Name the rows 0, 1, ... on the y axis of `height` inches: names shrink, then thin out."""
    pitch = height * 72 / max(len(names), 1)
    size = float(np.clip(0.8 * pitch, SMALLEST, 9))
    step = max(1, int(np.ceil(SMALLEST / 0.8 / pitch)))
    ax.set_yticks(range(0, len(names), step), list(names)[::step])
    ax.tick_params(axis="y", labelsize=size)
    ax.set_ylim(-0.8, len(names) - 0.2)


def rows_height(n: int, most: float = 13.0) -> float:
    """Return the height in inches of n rows of names: roomy for few levels, at most `most`."""
    return float(np.clip(0.23 * n, 1.2, most))


def core_limits(wide: Any, core: Any, margin: float = 0.06, reach: float = 1.5) -> tuple[float, float]:
    """Return axis limits that hold all of `core`, and those of `wide` within `reach` times its range on either side.

    A few wild values thus leave the frame instead of squeezing the rest.
    """
    low, high = _range(core)
    others = np.ravel(np.asarray(wide, dtype=float))
    far = reach * (high - low) or np.inf
    near = others[np.isfinite(others) & (others >= low - far) & (others <= high + far)]
    low, high = min([low, *near]), max([high, *near])
    pad = margin * (high - low) or 0.05 * abs(high) or 0.5
    return float(low - pad), float(high + pad)


def _range(values: Any) -> tuple[float, float]:
    finite = np.ravel(np.asarray(values, dtype=float))
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return 0.0, 0.0
    return float(finite.min()), float(finite.max())


def note_below(ax: Axes, text: str) -> None:
    """Write a small remark below the right end of the x axis label's row."""
    ax.annotate(
        text, (1.0, 0.0), (0, -30), xycoords="axes fraction", textcoords="offset points",
        ha="right", va="top", fontsize=7.5, color=GREY,
    )  # fmt: skip


def interval_label(ci_prob: float | None) -> str:
    """Return the interval's name in a legend.

    >>> interval_label(0.95), interval_label(None)
    ('95% interval', 'interval')
    """
    return "interval" if ci_prob is None else f"{100 * ci_prob:g}% interval"
