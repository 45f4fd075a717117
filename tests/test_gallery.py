"""The gallery shows every figure of a fit, on three fits or more, each by the call that stands above it."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from pathlib import Path

import pytest

from hierbayes.plots.accessor import FitPlots
from hierbayes.plots.arviz_access import ArvizPlots

DOCS = Path(__file__).resolve().parent.parent / "docs"
TEXT = (DOCS / "gallery.md").read_text(encoding="utf-8")


def blocks(name):
    return re.findall(rf"^```\{{{name}\}}\n(.*?)^```", TEXT, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def gallery():
    pytest.importorskip("sphinx")
    spec = importlib.util.spec_from_file_location("docs_gallery", DOCS / "_ext" / "gallery.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.modules.pop("docs_gallery", None)


def shown(lines):
    """The fit and the figure of each call."""
    return [re.match(r"(\w+)\.plot\.(\w+)\(", line).groups() for line in lines if ".plot." in line]


def test_every_figure_is_shown_on_three_fits(gallery):
    found = shown(gallery.calls(line for block in blocks("gallery") for line in block.splitlines()))
    fits = Counter(figure for _, figure in set(found))
    own = {name for name in dir(FitPlots) if not name.startswith("_")} - set(dir(ArvizPlots))
    assert len(own) >= 9
    assert {name for name in own if fits[name] < 3} == set()
    assert set(fits) <= {name for name in dir(FitPlots) if not name.startswith("_")}


def test_a_missing_figure_would_be_seen():
    assert shown(["a.plot.fan('B')", "b.plot()"]) == [("a", "fan")]


@pytest.mark.slow
def test_every_call_draws(gallery, tmp_path):
    fits = gallery.Fits()
    fits.code = "\n".join(blocks("gallery-fits"))
    calls = gallery.calls(line for block in blocks("gallery") for line in block.splitlines())
    assert len(calls) > 30
    for number, call in enumerate(calls):
        path = tmp_path / f"{number}.png"
        fits.draw(call, path)
        assert path.stat().st_size > 5000, call
