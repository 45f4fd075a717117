"""Formulas, hypotheses, specifications, tables and files of fits that try to run code or to reach other files.

After each attempt one looks for what it would have left behind: a canary, and whatever an audit hook of Python heard.
"""

from __future__ import annotations

import ast
import os
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from hostile import quoted
from test_cli import fake, run  # noqa: F401
from trust.hearing import SECRET, listening

import hierbayes as hb
from hierbayes.catalogue import read_spec
from hierbayes.cli import main
from hierbayes.errors import DataError, FormulaError, HierBayesError, ModelError

PACKAGE = Path(hb.__file__).parent
pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")
RNG = np.random.default_rng(2)
DATA = pd.DataFrame({"y": RNG.normal(size=24), "x": RNG.normal(size=24), "g": np.resize(list("abcd"), 24)})


@pytest.fixture(scope="module")
def fit():
    made = fake_fit("y ~ x + (x | g)", DATA, draws=10)
    made.hypothesis("x > 0")  # libraries are loaded now: what they open is not what is listened for
    return made


@pytest.fixture
def quiet(tmp_path, monkeypatch):
    """A folder to stand in. After the test it holds what it held before, and nothing was heard."""
    (tmp_path / f"{SECRET}.csv").write_text("y,x\n1,2\n3,5\n9,1\n")
    place = tmp_path / "here"
    place.mkdir()
    DATA.to_csv(place / "table.csv", index=False)
    monkeypatch.chdir(place)
    before = contents(tmp_path)
    with listening() as heard:
        yield place
    assert heard == []
    assert contents(tmp_path) == before


def contents(folder):
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


CODE = "__import__('os').system('touch HIT')"
HOSTILE_FORMULAS = (
    f"y ~ {CODE}", f"y ~ I({CODE})", f"y ~ x + (1 | {CODE})", f"y ~ `{CODE}`", f"{CODE} ~ x", f"y ~ offset({CODE})",
    f"y ~ C(g, {CODE})", f"y ~ poly(x, {CODE})", f"y ~ log({CODE})", f"y ~ f'{{{CODE}}}'", f"y ~ @{CODE}", "y ~ @x",
    "y ~ open('HIT', 'w')", "y ~ I(open('HIT', 'w'))", "y ~ exec('open(\"HIT\", \"w\")')", "y ~ eval('1')",
    "y ~ (lambda: open('HIT', 'w'))()", "y ~ I(lambda: x)", "y ~ [open('HIT', 'w') for _ in (1,)]",
    "y ~ {open('HIT', 'w')}", "y ~ x if open('HIT', 'w') else x", "y ~ I((x := 1))", "y ~ x.__class__",
    "y ~ log(x).to_csv('HIT')", "y ~ x.to_csv('HIT')",
    "y ~ np.save('HIT', x)", "y ~ pd.read_pickle('HIT')", "y ~ os.system('touch HIT')", "y ~ Q('x')",
    "y ~ hb.load('HIT')",
    "y ~ globals()", "y ~ bs(x, knots=open('HIT', 'w'))", "y ~ scale(x, open('HIT', 'w'))", "y ~ x; import os",
    "y ~ x\nimport os\nos.system('touch HIT')", "y ~ $(touch HIT)", "y ~ `touch HIT`", "y ~ x | read('HIT')",
    "y ~ sys.modules['os']", "y ~ type(x)", "y ~ getattr(x, 'values')", "y ~ I(x @ x)", "y ~ x ** open('HIT', 'w')",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE_FORMULAS)
def test_a_formula_runs_nothing(quiet, text):
    with pytest.raises(FormulaError):
        hb.Model(text, DATA)


NAMES = (
    CODE,
    "open('HIT', 'w')",
    "@x",
    "{open('HIT', 'w')}",
    "$(touch HIT)",
    "../../HIT",
    "/HIT",
    "x.__class__",
    "%s%n",
)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_runs_nothing(quiet, name):
    data = DATA.rename(columns={"x": name, "g": f"{name} g"}).assign(f=np.repeat(["a", name], 12))
    text = f"y ~ {quoted(name)} + I({quoted(name)}^2) + I(f == {as_text(name)}) + (1 | {quoted(name + ' g')})"
    model = hb.Model(text, data)
    for shown in (model.equation("latex"), model.equation("words"), model.graph_text(), model.priors.to_string()):
        assert shown
    np.testing.assert_array_equal(model.design.X[:, 3], data["f"] == name)
    assert hb.Model(model.spec.formula.canonical, data).design.coefficients == model.design.coefficients


def as_text(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


QUESTIONS = (
    f"{CODE} > 0", "open('HIT', 'w') = 0", "x.__class__ > 0", "exec(1) > 0", "(lambda: x) > 0", "x > f'{x}'",
    "@x > 0", f"`{CODE}` > 0", "x[open('HIT', 'w')] > 0", "x > 0; import os", "x := 1", "np.log(x) > 0",
)  # fmt: skip


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_hypothesis_runs_nothing(quiet, fit, text):
    with pytest.raises((FormulaError, ModelError)):
        fit.hypothesis(text)


@pytest.mark.parametrize(
    "text", [f"./{SECRET}", f"../{SECRET}.csv", f"../{SECRET}", "/etc/passwd", "..", "sleepstudy/../x", "\0"]
)
def test_a_name_of_bundled_data_reaches_no_file(quiet, text):
    with pytest.raises(DataError, match="no data set called"):
        hb.load_data(text)


def spec_of(place, **keys):
    keys = {"formula": "y ~ x", "data": "table.csv", **keys}
    (place / "spec.toml").write_text("".join(f"{key} = {value!r}\n" for key, value in keys.items()))
    try:
        return place / "spec.toml"
    finally:
        assert (place / "spec.toml").exists()


ADDRESSES = (
    "http://127.0.0.1:9/x.csv", "https://127.0.0.1:9/x.csv", "file:///etc/passwd", "s3://bucket/x.csv", "ftp://h/x",
    "\\\\host\\share\\x.csv", "/dev/zero", "/proc/self/mem.csv", "|touch HIT.csv", "$(touch HIT).csv",
)  # fmt: skip


@pytest.fixture
def spec(tmp_path):
    """Write a specification to a folder of its own."""
    folder = tmp_path / "spec"
    folder.mkdir()
    DATA.to_csv(folder / "table.csv", index=False)
    return lambda **keys: spec_of(folder, **keys)


@pytest.mark.parametrize("address", ADDRESSES)
def test_data_of_a_specification_are_a_file_and_no_command_or_address(spec, address):
    path = spec(data=address)
    with listening() as heard, pytest.raises((DataError, ModelError)):
        read_spec(path).table()
    assert heard == []


@pytest.mark.parametrize("text", HOSTILE_FORMULAS[:12])
def test_a_formula_of_a_specification_runs_nothing(spec, text, capsys):
    path = spec(formula=text)
    before = contents(path.parent)
    with listening() as heard, pytest.raises(SystemExit) as left:
        main(["show", str(path)])
    assert left.value.code == 2
    assert "Traceback" not in capsys.readouterr().err
    assert heard == []
    assert contents(path.parent) == before


@pytest.mark.parametrize("name", ["../../HIT", "/HIT", "$(touch HIT)", "HIT\0", "a/b"])
def test_the_name_of_a_model_is_no_path(fake, run, spec, tmp_path, name):  # noqa: F811
    path = spec(name=name, formula="Yield ~ 1", title=name)
    code, _, _ = run("fit", str(path), "--out", str(tmp_path / "out"))
    assert code in (0, 2)
    written = {str(place.relative_to(tmp_path)).split("/")[0] for place in tmp_path.rglob("*")}
    assert written <= {"out", "spec"}
    assert not [each for each in tmp_path.rglob("*") if "HIT" in each.name]


class Bomb:
    """Unpickled it leaves a file behind."""

    def __reduce__(self):
        return os.mkdir, ("HIT",)


@pytest.mark.parametrize("name", ["x.csv", "x.pkl", "x.csv.gz", "x.parquet", "x.h5", "x.npy", "x.zip"])
def test_a_table_is_never_unpickled(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    path = spec_of(tmp_path, data=name)
    stated = read_spec(path)
    with listening() as heard, pytest.raises(HierBayesError):
        hb.Model(stated.formula, stated.table())
    assert heard == []
    assert sorted(os.listdir()) == sorted(["spec.toml", name])


def test_a_fit_is_never_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("fit.nc").write_bytes(pickle.dumps(Bomb()))
    with listening() as heard, pytest.raises(DataError, match="not netCDF"):
        hb.load("fit.nc")
    assert heard == []
    assert os.listdir() == ["fit.nc"]
    pickle.loads(Path("fit.nc").read_bytes())  # the bomb was live
    assert sorted(os.listdir()) == ["HIT", "fit.nc"]


def test_names_in_a_fit_are_no_paths(tmp_path, monkeypatch):
    place = tmp_path / "a" / "b"
    place.mkdir(parents=True)
    monkeypatch.chdir(place)
    data = DATA.rename(columns={"x": "../../HIT", "g": "/HIT"}).assign(y=DATA["y"])
    data["/HIT"] = np.resize(["../x", "/y", "..", "."], 24)
    made = fake_fit("y ~ `../../HIT` + (1 | `/HIT`)", data, draws=5)
    again = hb.load(made.save("fit.nc"))
    pd.testing.assert_frame_equal(again.ranef(), made.ranef())
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b", "fit.nc"]


BANNED_MODULES = {
    "pickle",
    "cPickle",
    "dill",
    "cloudpickle",
    "joblib",
    "marshal",
    "shelve",
    "yaml",
    "subprocess",
    "pty",
}
BANNED_CALLS = {"eval", "exec", "compile", "__import__"}
BANNED_METHODS = {
    "system",
    "popen",
    "read_pickle",
    "to_pickle",
    "query",
    "eval",
    "literal_eval",
    "urlopen",
    "unsafe_load",
}


def dangers(code):
    """The places of a source that unpickle, run text or start a program."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            found += [name for name in names if name.split(".")[0] in BANNED_MODULES]
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            plain = isinstance(node.func, ast.Name)
            regex = isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") == "re"
            if (name in BANNED_CALLS if plain else name in BANNED_METHODS) and not regex:
                found.append(name)
            named = [k for k in node.keywords if k.arg in ("allow_pickle", "shell")]
            found += [str(k.arg) for k in named if not (isinstance(k.value, ast.Constant) and k.value.value is False)]
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_package_unpickles_nothing_and_runs_no_text(path):
    assert dangers(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "code",
    [
        "import pickle", "from joblib import load", "eval(x)", "exec(x)", "os.system(x)", "frame.query(x)",
        "pd.read_pickle(x)", "np.load(x, allow_pickle=True)", "run(x, shell=True)", "import subprocess as s",
        "__import__(x)",
    ],
)  # fmt: skip
def test_the_static_check_can_fail(code):
    assert len(dangers(code)) == 1


@pytest.mark.parametrize(
    "act",
    [
        lambda: os.system("true"),
        lambda: Path("HIT").write_text("x"),
        lambda: os.mkdir("HIT"),
        lambda: pickle.loads(pickle.dumps(Bomb())),
        lambda: Path(f"{SECRET}.csv").read_text(),
    ],
)
def test_the_ear_hears(tmp_path, monkeypatch, act):
    monkeypatch.chdir(tmp_path)
    Path(f"{SECRET}.csv").write_text("x")
    with listening() as heard:
        act()
    assert heard


def test_there_are_forty_attempts_and_more():
    assert len(HOSTILE_FORMULAS) >= 40
