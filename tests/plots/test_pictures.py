"""The measure of legibility finds what it should."""

from __future__ import annotations

from plots.pictures import faults

from hierbayes.plots.style import new_figure


def test_overlapping_and_clipped_texts_are_found() -> None:
    figure = new_figure(None, 3, 2)
    figure.text(0.5, 0.5, "one")
    figure.text(0.52, 0.5, "two")
    figure.text(0.98, 0.1, "far out")
    assert faults(figure) == [("one", "two"), ("far out", "edge")]
