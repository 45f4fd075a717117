"""The command line: what it says, what it writes, and how it fails."""

import os
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import ClassVar

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

from hierbayes.catalogue import models
from hierbayes.cli import main
from hierbayes.datasets.sources import sources
from hierbayes.errors import FormulaError, HierBayesWarning, ModelError

ROOT = Path(__file__).parents[1]


class FakePlot:
    def __init__(self, fit):
        self.fit = fit

    def _figure(self):
        figure = matplotlib.figure.Figure()
        figure.subplots().plot([0, 1])
        return figure

    def shrinkage(self):
        if self.fit.model.formula.startswith("Yield"):
            raise ModelError("shrinkage needs two terms")
        return self._figure()

    pooling = caterpillar = _figure


class FakeFit:
    def __init__(self, model, options):
        self.model, self.options = model, options
        self.plot = FakePlot(self)

    def summary(self):
        return f"SUMMARY {self.model.formula} {sorted(self.options.items())}"

    def ranef(self):
        return pd.DataFrame({"mean": [1.0] if "|" in self.model.formula else []})

    def save(self, path):
        Path(path).write_bytes(b"draws")

    def report(self, path):
        Path(path).write_text("<html></html>")


class FakeModel:
    calls: ClassVar[list] = []

    def __init__(self, formula, data, **options):
        self.formula, self.data, self.options = formula, data, options
        FakeModel.calls.append(self)
        if "Dasy" in formula:
            raise FormulaError("there is no column 'Dasy'", formula, 11, 15, "Did you mean 'Days'?")
        self.priors = pd.DataFrame({"parameter": ["N[0.2cwt]", "[bold]x[/bold]"], "scale": [1.25, 59.5]})

    def fit(self, **options):
        if options.get("seed") == 666:
            import warnings

            warnings.warn("3 divergences", HierBayesWarning, stacklevel=1)
        if options.get("seed") == 130:
            raise KeyboardInterrupt
        return FakeFit(self, options)

    def equation(self, kind="latex"):
        return f"the equation in {kind}"

    def graph_text(self):
        return "the graph"


@pytest.fixture
def fake(monkeypatch):
    FakeModel.calls = []
    module = types.ModuleType("hierbayes.model")
    module.Model = FakeModel
    monkeypatch.setitem(sys.modules, "hierbayes.model", module)
    return FakeModel.calls


@pytest.fixture
def run(capsys, monkeypatch):
    import warnings

    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)

    def run_(*arguments):
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        said = capsys.readouterr()
        return left.value.code, said.out, said.err

    return run_


def refused(answer, *words):
    """The command failed as it should: code 2, nothing on the output, one paragraph of error."""
    code, out, err = answer
    assert code == 2
    assert out == ""
    assert "Traceback" not in err
    assert "\n\n" not in err.rstrip()
    for word in words:
        assert word in err


def test_fit_by_name_prints_the_summary_and_writes_nothing(fake, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("fit", "sleepstudy", "--seed", "1", "--draws", "500", "--chains", "2", "--engine", "pymc")
    assert (code, err) == (0, "")
    options = [("chains", 2), ("draws", 500), ("engine", "pymc"), ("seed", 1)]
    assert out == f"SUMMARY Reaction ~ Days + (Days | Subject) {options}\n"
    assert fake[0].data.shape == (180, 3)
    assert fake[0].options["family"] == "gaussian"
    assert list(tmp_path.iterdir()) == []


def test_fit_writes_every_file_and_says_where(fake, run, tmp_path):
    out_dir = tmp_path / "deep" / "er"
    code, out, _ = run("fit", str(ROOT / "models" / "sleepstudy.toml"), "--out", str(out_dir))
    assert code == 0
    names = ["shrinkage.png", "pooling.png", "caterpillar.png", "fit.nc", "report.html"]
    assert sorted(path.name for path in out_dir.iterdir()) == sorted(names)
    assert (out_dir / "pooling.png").read_bytes().startswith(b"\x89PNG")
    assert [line.split()[-1] for line in out.splitlines()[2:]] == [str(out_dir / name) for name in names]


def test_a_figure_that_makes_no_sense_is_left_out(fake, run, tmp_path):
    code, out, err = run("fit", "dyestuff", "--out", str(tmp_path))
    assert code == 0
    assert "no shrinkage figure: shrinkage needs two terms" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "caterpillar.png",
        "fit.nc",
        "pooling.png",
        "report.html",
    ]
    assert "shrinkage.png" not in out


def test_a_model_without_groups_has_no_figures(fake, run, tmp_path):
    (tmp_path / "table.csv").write_text("y,x\n1,2\n2,3\n")
    code, _, _ = run("fit", "--formula", "y ~ x", "--data", str(tmp_path / "table.csv"), "--out", str(tmp_path / "out"))
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["fit.nc", "report.html"]
    assert fake[0].data.to_dict("list") == {"y": [1, 2], "x": [2, 3]}


def test_options_of_the_specification_give_way_to_those_of_the_command_line(fake, run, tmp_path):
    spec = tmp_path / "mine.toml"
    spec.write_text(
        'formula = "Yield ~ 1 + (1 | Batch)"\ndata = "dyestuff"\npriors = "flat"\n[sampling]\nseed = 3\ndraws = 7\n'
    )
    _, out, _ = run("fit", str(spec), "--draws", "9")
    assert "[('draws', 9), ('seed', 3)]" in out
    assert fake[0].options["priors"] == "flat"


def test_show_prints_equation_priors_and_graph(fake, run):
    code, out, _ = run("show", "oats")
    assert code == 0
    for words in (
        "Oats: a split-plot trial",
        "the equation in words",
        "the graph",
        "N[0.2cwt]",
        "[bold]x[/bold]",
        "59.50",
    ):
        assert words in out


def test_models_and_data_are_listed(run):
    code, out, _ = run("models")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == list(models())
    code, out, _ = run("data")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == list(sources())
    code, out, _ = run("data", "SleepStudy")
    assert code == 0
    assert "Belenky" in out
    assert "average reaction time" in out
    assert "180 rows" in out


def test_version_and_help(run):
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("hierbayes ")
    code, out, _ = run("--help")
    assert code == 0
    assert all(command in out for command in ("fit", "show", "models", "data"))


def test_mistakes_in_the_model_are_one_paragraph(fake, run, tmp_path):
    refused(run("fit", "sleepstdy"), "Did you mean 'sleepstudy'?")
    refused(run("fit"), "Give a specification, or both --formula and --data.")
    refused(run("fit", "--formula", "y ~ x"), "both --formula and --data")
    refused(run("fit", "oats", "--formula", "y ~ x"), "Give either")
    refused(run("fit", "oats", "--family", "poisson"), "Give either")
    refused(run("data", "oat"), "Did you mean 'oats'?")
    refused(run("show", str(tmp_path)), "it is a directory")
    refused(run("show", str(tmp_path / "none.toml")), "there is no such file")
    spec = tmp_path / "mine.toml"
    spec.write_text('formula = "Reaction ~ Dasy"\ndata = "sleepstudy"\n')
    refused(run("fit", str(spec)), "no column 'Dasy'", "           ^^^^", "Did you mean 'Days'?")
    spec.write_text('formula = "Reaction ~ Dasy"\ndata = "sleepstudy"\n[priors]\nDays = "open(\'x\')"\n')
    refused(run("fit", str(spec)), "is not a prior", "prior of 'Days'")


def test_mistakes_in_the_table_are_one_paragraph(fake, run, tmp_path):
    (tmp_path / "bytes.csv").write_bytes(b"y,\xff\n")
    for name, words in {"none.csv": "no such file", "": "it is a directory", "bytes.csv": "not text in UTF-8"}.items():
        refused(run("fit", "--formula", "y ~ 1", "--data", str(tmp_path / name)), words)
    assert fake == []


def test_options_that_make_no_sense_end_with_code_2(fake, run):
    for words in (["--draws", "0"], ["--draws", "many"], ["--seed", "-1"], ["--nonsense"]):
        code, out, err = run("fit", "oats", *words)
        assert (code, out) == (2, "")
        assert words[0] in err
        assert "Traceback" not in err
    code, _, _ = run("nonsense")
    assert code == 2


def test_a_directory_that_cannot_be_written_is_found_before_the_model_is_built(fake, run, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "report.html").mkdir()
    for out in (tmp_path / "file", tmp_path / "file" / "sub", tmp_path / ("x" * 300), tmp_path):
        refused(run("fit", "dyestuff", "--out", str(out)), "cannot write", "Give another --out")
    assert fake == []


def test_a_warning_is_one_line_without_code(fake, run):
    code, _, err = run("fit", "oats", "--seed", "666")
    assert (code, err) == (0, "hierbayes: warning: 3 divergences\n")


def test_an_interruption_is_no_error_of_the_program(fake, run):
    code, _, err = run("fit", "oats", "--seed", "130")
    assert (code, err) == (130, "")


def test_a_full_disk_is_one_paragraph(fake, run, tmp_path, monkeypatch):
    def full(self, path):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(FakeFit, "save", full)
    code, _, err = run("fit", "oats", "--out", str(tmp_path))
    assert code == 2
    assert err == f"hierbayes: No space left on device '{tmp_path / 'fit.nc'}'\n"


@pytest.mark.parametrize("arguments", [["--help"], ["models"], ["data"]])
def test_light_commands_load_no_heavy_library(arguments):
    code = f"""
import sys
from hierbayes.cli import main
try:
    main({arguments!r})
except SystemExit as left:
    assert left.code == 0, left.code
heavy = {{"numpy", "pandas", "pymc", "arviz", "numba", "matplotlib", "scipy", "formulae"}}
sys.exit(", ".join(sorted(heavy & set(sys.modules))) or 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_answers_at_once():
    def seconds(code):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=False)
        return time.perf_counter() - start

    ours = "from hierbayes.cli import main; main(['--help'])"
    extra = min(seconds(ours) for _ in range(5)) - np.min([seconds("pass") for _ in range(5)])
    assert extra < 0.5


@pytest.fixture
def categories(tmp_path):
    """The path of a specification whose response has categories without an order, and its data."""
    from hierbayes.datasets.loader import load_data

    said = load_data("verbagg")
    data = said[said["id"].isin(said["id"].cat.categories[:5])][["resp", "situ", "item"]]
    data.to_csv(tmp_path / "said.csv", index=False)
    spec = tmp_path / "said.toml"
    spec.write_text(
        'formula = "resp ~ situ + (1 | item)"\ndata = "said.csv"\nfamily = "categorical"\n'
        '[priors]\n"yes:situ[self]" = "Normal(0, 1)"\n"sd_item[Intercept]" = "HalfNormal(2)"\n'
    )
    return spec, data


def test_a_categorical_model_is_shown(run, categories):
    code, out, err = run("show", str(categories[0]))
    assert (code, err) == (0, "")
    assert "resp is one of 3 categories without an order: no, perhaps, yes." in out
    rows = {line.split()[0]: line for line in out.splitlines() if " user" in line}
    assert set(rows) == {"yes:situ[self]", "sd_item[perhaps:Intercept]", "sd_item[yes:Intercept]"}
    assert "HalfNormal(2)" in rows["sd_item[yes:Intercept]"]


def test_a_categorical_fit_is_written_without_the_figures_of_one_predictor(run, categories, tmp_path, monkeypatch):
    from fits import fake_fit

    from hierbayes.model import Model

    spec, data = categories
    monkeypatch.setattr(Model, "fit", lambda own, **_: fake_fit(own.spec.formula.text, data, family="categorical"))
    code, out, err = run("fit", str(spec), "--out", str(tmp_path / "out"))
    assert code == 0
    assert "perhaps:situ[self]" in out
    assert "no shrinkage figure: fit.plot.shrinkage() asks about one linear predictor" in err
    names = ["caterpillar.png", "fit.nc", "report.html"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names


@pytest.mark.slow
def test_a_catalogue_model_is_fitted_from_anywhere(tmp_path):
    code = "from hierbayes.cli import main; main(['fit', 'dyestuff', '--out', 'out', '--seed', '1', '--draws', '300'])"
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "Intercept" in done.stdout
    written = {file.name for file in (tmp_path / "out").iterdir()}
    assert {"caterpillar.png", "fit.nc", "report.html"} <= written
    assert "Yield ~ 1 + (1 | Batch)" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
