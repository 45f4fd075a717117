"""The image tests are switched on, complete, and fail for a changed figure."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.testing.compare import compare_images
from matplotlib.testing.exceptions import ImageComparisonFailure
from plots.images import BASELINE, DRAWN_WITH, SAVED, TOLERANCE, same_text
from plots.pictures import deviations, names

from hierbayes.plots import style
from hierbayes.plots.caterpillar_plot import caterpillar

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
FIGURES = sorted(path.stem for path in (ROOT / "hierbayes" / "plots").glob("*_plot.py"))


def guards(path: Path) -> list[str]:
    """The tests of a file that bear the decorator."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return [f.name for f in functions if any(isinstance(d, ast.Name) and d.id == "image" for d in f.decorator_list)]


def all_guards() -> list[str]:
    return [name for path in sorted(HERE.glob("test_*.py")) for name in guards(path)]


def difference(figure, baseline: str, folder: Path) -> str | None:
    """What pytest-mpl says of a figure: None where it passes."""
    figure.savefig(folder / "drawn.png", **SAVED)
    try:
        return compare_images(str(BASELINE / baseline), str(folder / "drawn.png"), tol=TOLERANCE)
    except ImageComparisonFailure as sizes:
        return str(sizes)


def test_pictures_are_compared_in_every_run(request) -> None:
    assert request.config.getoption("--mpl")


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_has_a_guard(figure) -> None:
    assert guards(HERE / f"test_{figure}.py")


def test_baselines_and_guards_match_and_are_small() -> None:
    found = all_guards()
    assert all(name.startswith("test_image_") for name in found)
    assert len(set(found)) == len(found)
    drawn = sorted(path.stem for path in BASELINE.glob("*.png"))
    pattern = re.compile("|".join(sorted(found, key=len, reverse=True)))
    assert [name for name in drawn if not pattern.match(name)] == []
    assert [name for name in found if not any(stem.startswith(name) for stem in drawn)] == []
    assert max(path.stat().st_size for path in BASELINE.glob("*.png")) < 80_000


def test_the_locked_matplotlib_drew_the_baselines() -> None:
    locked = re.search(r"^matplotlib==(\d+\.\d+)", (ROOT / "requirements.lock").read_text(), flags=re.MULTILINE)
    assert locked is not None
    assert locked[1] == DRAWN_WITH


@same_text
@pytest.mark.parametrize("change", ["none", "moved dot", "colour", "name", "interval", "lost level", "order"])
def test_a_changed_figure_fails(change, tmp_path, monkeypatch) -> None:
    table = deviations(names(18), 2)
    words = {"ci_prob": 0.95}
    if change == "moved dot":
        table.loc[0, "mean"] += 0.5
    if change == "colour":
        monkeypatch.setattr(style, "PARTIAL", replace(style.PARTIAL, colour="#56B4E9"))
    if change == "interval":
        words["ci_prob"] = 0.9
    if change == "lost level":
        table = table[table["level"] != table["level"].iloc[0]]
    if change == "order":
        words["order_by"] = "x"
    figure = caterpillar(table, factor="g", **words)
    if change == "name":
        figure.axes[1].set_xlabel("time")
    found = difference(figure, "test_image_caterpillar.png", tmp_path)
    print(change, (found or "").split("Difference")[0])
    assert (found is None) == (change == "none")


@same_text
def test_pytest_fails_for_a_changed_figure(tmp_path) -> None:
    (tmp_path / "baseline").mkdir()
    shutil.copy(BASELINE / "test_image_caterpillar.png", tmp_path / "baseline" / "test_image_same.png")
    shutil.copy(BASELINE / "test_image_caterpillar.png", tmp_path / "baseline" / "test_image_moved.png")
    (tmp_path / "test_two.py").write_text(TWO, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--mpl", "-p", "no:cacheprovider", "-o", f"pythonpath={HERE.parent}",
         "--import-mode=importlib", str(tmp_path)],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "RMS Value" in done.stdout


TWO = """
from plots.images import image
from plots.pictures import deviations, names
from hierbayes.plots.caterpillar_plot import caterpillar

@image
def test_image_same():
    return caterpillar(deviations(names(18), 2), factor="g", ci_prob=0.95)

@image
def test_image_moved():
    table = deviations(names(18), 2)
    table.loc[0, "mean"] += 0.5
    return caterpillar(table, factor="g", ci_prob=0.95)
"""
