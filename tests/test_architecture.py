"""The page on how the package is built: every place that it names is there, and its recipes hold."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from test_imports import PACKAGE, ROOMS

import hierbayes as hb
from hierbayes import plots, priors
from hierbayes.families import FAMILIES, ROOM
from hierbayes.plots.model_plots import ModelPlots
from hierbayes.priors import text
from hierbayes.priors.prior import scipy_law

ROOT = PACKAGE.parent
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
DRAWING = re.search(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)[1]
PROSE = PAGE.replace(DRAWING, "")
SPANS = sorted(set(re.findall(r"`([^`\n]+)`", PROSE)))
PATH = re.compile(r"[\w<>-]+(/[\w<>.-]+)*(/|\.(py|md|toml))")
NAME = re.compile(r"\w+(\.\w+)+")
ANY = {"families/<name>.py": "families/poisson.py", "plots/<name>_plot.py": "plots/fan_plot.py"}
ANY["tests/plots/test_<name>_plot.py"] = "tests/plots/test_fan_plot.py"


def places(spans: list[str]) -> list[str]:
    return [ANY.get(span, span) for span in spans if PATH.fullmatch(span)]


def names(spans: list[str]) -> list[str]:
    rooms = {path.stem for path in PACKAGE.iterdir()}
    # test_docs.py looks after what a model and a fit offer
    rooms -= {"model"}
    return [span for span in spans if NAME.fullmatch(span) and not PATH.fullmatch(span) and span.split(".")[0] in rooms]


def new_places() -> list[str]:
    """Files and rooms that the page says are still to be made."""
    listed = re.findall(r"New: (.*?)\. To change:", PROSE, flags=re.DOTALL)
    files = [span for words in listed for span in re.findall(r"`([^`]+\.py)`", words)]
    return [*re.findall(r"`([^`]+/)` \(new\)", PROSE), *files]


def exists(place: str) -> bool:
    return (PACKAGE / place).exists() or (ROOT / place).exists()


def resolves(name: str) -> bool:
    """Whether a name is a module of the package, or what a module or a class in it holds."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        module = ".".join(["hierbayes", *parts[:length]])
        try:
            holder: Any = importlib.import_module(module)
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if part in getattr(holder, "__dataclass_fields__", {}):
                return part == parts[-1]
            if not hasattr(holder, part):
                return False
            holder = getattr(holder, part)
        return True
    return False


def test_the_page_names_enough_to_be_checked():
    assert len(places(SPANS)) > 40
    assert len(names(SPANS)) > 30
    assert len(new_places()) >= 6


@pytest.mark.parametrize("place", sorted(set(places(SPANS)) - set(new_places())))
def test_every_place_is_there(place: str):
    assert exists(place)


@pytest.mark.parametrize("place", new_places())
def test_what_is_called_new_is_not_there(place: str):
    assert not exists(place)


@pytest.mark.parametrize("name", names(SPANS))
def test_every_name_is_there(name: str):
    assert resolves(name)


def test_a_name_or_place_that_is_lost_would_be_seen():
    assert not exists("families/laplace.py")
    assert not resolves("families.Families")
    assert not resolves("engines.base.Problem.sigma_prior")
    assert not resolves("classical.reml")


def test_the_drawing_and_the_text_beside_it_name_every_room():
    folders = {f"{path.name}/" for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    beside = set(re.findall(r"`(\w+/)`", PAGE.split("## From a formula to a page")[0]))
    assert folders - set(re.findall(r"\w+/", DRAWING)) - beside == set()
    assert {f"{room}/" for room in ROOMS} >= folders


def test_the_drawing_fits_a_narrow_screen():
    assert max(map(len, DRAWING.splitlines())) <= 36
    assert len(DRAWING.splitlines()) <= 30


def test_other_pages_lead_here():
    for page in ("docs/index.md", "docs/how-it-works.md", "CONTRIBUTING.md"):
        assert "architecture.md" in (ROOT / page).read_text(encoding="utf-8")


def test_recipe_of_a_family_is_that_of_all_families():
    assert {kind.__module__.removeprefix("hierbayes.families.") for kind in FAMILIES.values()} == set(ROOM)
    recipe = PAGE.split("### A family")[1].split("###")[0]
    for member in ("links", "slots", "log_density", "draw_rows", "variance_of", "pymc_law", "mean", "average"):
        assert f"`{member}`" in recipe
        assert hasattr(hb.Model("Yield ~ 1 | Batch", hb.load_data("dyestuff")).spec.family, member)


def test_recipe_of_a_figure_is_that_of_all_figures():
    for name in plots.__all__:
        parameters = inspect.signature(getattr(plots, name)).parameters
        assert next(iter(parameters.values())).kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
        assert "figsize" in parameters
    assert {"fan", "components", "effects"} <= set(dir(ModelPlots))


@dataclass(frozen=True)
class Weibull(priors.PositivePrior):
    """A prior that hierbayes does not have, as the recipe writes it."""

    scale = "beta"
    alpha: float = 1.0
    beta: float = 1.0

    def law(self, k: int = 1) -> Any:
        return scipy_law("weibull_min", self.alpha, scale=self.beta)

    def draw(self, draws: int, rng: np.random.Generator) -> np.ndarray:
        return self.beta * rng.weibull(self.alpha, draws)


def test_recipe_of_a_prior_text_and_draws(monkeypatch: pytest.MonkeyPatch):
    prior = Weibull(2, 40)
    monkeypatch.setattr(text, "KNOWN", MappingProxyType({**text.KNOWN, "Weibull": Weibull}))
    assert text.read_prior("Weibull(2, 40)", "here") == text.read_prior(text.write_prior(prior), "here") == prior
    drawn = prior.draw(20_000, np.random.default_rng(1))
    assert abs(drawn.mean() - prior.law().mean()) < 4 * prior.law().std() / np.sqrt(20_000)
    assert prior.scaled(3).law().mean() == pytest.approx(3 * prior.law().mean())


@pytest.mark.slow
def test_recipe_of_a_prior_in_a_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """PyMC samples it; the collapsed engine under another prior, its draws weighted by the ratio, agrees."""
    monkeypatch.setattr(text, "KNOWN", MappingProxyType({**text.KNOWN, "Weibull": Weibull}))
    formula, data = "Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff")
    options = {"draws": 1500, "chains": 2, "progress": False}
    prior, wide = Weibull(2, 40), hb.HalfNormal(60)
    fit = hb.fit(formula, data, priors={"sd_Batch": prior}, seed=1, **options)
    other = hb.fit(formula, data, priors={"sd_Batch": wide}, seed=2, **options)
    assert (fit.engine, other.engine) == ("pymc", "collapsed")
    sd = other.posterior["sd_Batch"].to_numpy().ravel()
    weights = prior.law().pdf(sd) / wide.law().pdf(sd)
    row = fit.varcorr().query("kind == 'sd'").iloc[0]
    # both means have about a thousand effective draws
    assert abs(row["mean"] - np.average(sd, weights=weights)) < 4 * row["sd"] * np.sqrt(2 / 1000)
    fit.save(tmp_path / "fit.hb")
    assert hb.load(tmp_path / "fit.hb").spec.priors["sd_Batch"] == prior
