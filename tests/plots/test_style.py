"""Level names, limits and how a figure reaches a notebook."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hierbayes.plots.style import core_limits, new_figure, shown, shown_all


def test_a_dollar_sign_is_drawn_as_itself() -> None:
    from matplotlib.cbook import is_math_text

    for name in ["$x$", "cost $5", "$", "$$a$$", r"a\$b$c$"]:
        assert not is_math_text(shown(name)), name


def test_names_cut_alike_are_cut_in_the_middle() -> None:
    assert shown_all(["laboratory 1", "laboratory 2"], 8) == ["labo…y 1", "labo…y 2"]
    assert shown_all(["laboratory 1", "office"], 8) == ["laborat…", "office"]


@pytest.mark.parametrize(
    ("name", "drawn"), [("", "(empty)"), ("  ", "(empty)"), ("a\tb\nc", "a b c"), ("a\x00b", "a b")]
)
def test_blank_and_control_characters(name, drawn) -> None:
    assert shown(name) == drawn


def test_limits_hold_the_core_and_what_is_near_it() -> None:
    low, high = core_limits([-50.0, 0.5, 2.0], [0.0, 1.0], margin=1e-9)
    assert (low, high) == pytest.approx((0.0, 2.0), abs=1e-6)
    low, high = core_limits([7.0], [7.0])
    assert low < 7 < high


def test_a_notebook_shows_the_figure_once_and_pyplot_never() -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    figure = new_figure(None, 2, 1)
    data, _ = formatters.DisplayFormatter().format(figure)
    assert data["image/png"].startswith(b"\x89PNG")
    pyplot = pytest.importorskip("matplotlib.pyplot")
    assert figure not in [pyplot.figure(number) for number in pyplot.get_fignums()]


def test_figures_import_matplotlib_only_when_drawn() -> None:
    code = (
        "import sys, hierbayes.plots.trellis_plot, hierbayes.plots.shrinkage_plot, hierbayes.plots.caterpillar_plot\n"
        "raise SystemExit(int('matplotlib' in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
