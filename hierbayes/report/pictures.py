"""The figures of a report, as PNG images; a figure that the model has not is left out, with the reason."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np

from hierbayes.design.design import Design
from hierbayes.errors import DataError, ModelError
from hierbayes.families import GAUSSIAN
from hierbayes.report.blocks import Block, Picture, Words

MOST_LEVELS = {"pooling": 30, "shrinkage": 100, "caterpillar": 100}
DPI = 160
SCREEN = 96
"""Pixels of a page to the inch."""

_CAPTIONS = {
    "pooling": "{factor}: the data of each level, and three fits. Complete pooling is one fit for all levels, no "
    "pooling one for each by itself, partial pooling the model's.",
    "shrinkage": "{factor}: from each level's own estimate (no pooling) to the model's (partial pooling). Levels with "
    "little data of their own, and those far out, move most.",
    "caterpillar": "{factor}: how far each level lies from the population; posterior mean and 95% interval.",
}


def pictures(plot: Any, design: Design, predictors: bool) -> tuple[Block, ...]:
    """Return the population's curve, the figures of every grouping factor, and that of the variance components.

    Parameters
    ----------
    plot : FitPlots
    design : Design
    predictors : bool
        Whether the population part has any.
    """
    drawn: list[Block] = []
    if predictors:
        what = "probability of each category" if not design.family.has_mean else "mean"
        said = f"The population's {what}, other predictors held at their mean or averaged, with 95% band"
        said += "." if not design.family.has_mean else ", over the data."
        drawn.append(_picture(plot.effects, said))
    for factor in design.factors:
        names = design.blocks(factor)[0].levels
        for kind, caption in _CAPTIONS.items():
            levels = spread(names, MOST_LEVELS[kind])
            said = caption.format(factor=factor) + _of_how_many(levels, names)
            drawn.append(_picture(_drawing(plot, kind, factor, levels), said))
    if not design.factors:
        drawn.append(Words("The model has no grouping factor, so there are no figures of levels.", aside=True))
        return tuple(drawn)
    residual = "" if not design.family.has_mean else " and of the residual"
    said = f"Standard deviations of the group-level effects{residual}: posterior and prior"
    said += ", REML marked." if design.family == GAUSSIAN else "."
    drawn.append(_picture(plot.components, said))
    return tuple(dict.fromkeys(drawn))


def spread(levels: tuple[str, ...], most: int) -> list[str] | None:
    """Return `most` levels spread evenly, in their order; None, which stands for all, if there are no more."""
    if len(levels) <= most:
        return None
    return [levels[i] for i in np.linspace(0, len(levels) - 1, most).round().astype(int)]


def _of_how_many(levels: list[str] | None, names: tuple[str, ...]) -> str:
    return "" if levels is None else f" {len(levels)} of the {len(names):,} levels are shown."


def _drawing(plot: Any, kind: str, factor: str, levels: list[str] | None) -> Callable[[], Any]:
    return lambda: getattr(plot, kind)(factor=factor, levels=levels)


def _picture(draw: Callable[[], Any], caption: str) -> Block:
    try:
        figure = draw()
    except (ModelError, DataError) as error:
        return Words(f"A figure is left out: {error.what}.", aside=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, bbox_inches="tight")
    return Picture(buffer.getvalue(), caption, DPI / SCREEN)
