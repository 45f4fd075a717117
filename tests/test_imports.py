"""The house: imports run one way, nothing heavy loads at the start, no module shadows a public name."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "hierbayes"

# Each room imports from itself and from the rooms before it.
ROOMS = (
    *("errors", "datasets", "priors", "catalogue", "expressions", "formula", "families"),
    *("residuals", "spec", "design", "sources", "engines", "sampling", "tables", "estimates", "posterior"),
    *("summaries", "predict", "comparison", "plots", "report"),
    *("storage", "bridge", "model", "warm", "studies", "__init__", "cli", "__main__"),
)
HEAVY = (
    "pymc",
    "pytensor",
    "arviz",
    "arviz_base",
    "arviz_plots",
    "arviz_stats",
    "numba",
    "pandas",
    "matplotlib",
    "bambi",
)


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """The room of a module named from the package on: ``formula.parser`` is in ``formula``."""
    return module.split(".")[0] or "__init__"


def imported_modules(tree: ast.AST, module: str, is_package: bool) -> Iterator[tuple[int, str]]:
    """Every module of hierbayes that the code names in an import, wherever it stands, named from the package on."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = absolute(node, module, is_package)
            names = [f"{base}.{alias.name}" for alias in node.names] if base == "hierbayes" else [base]
        elif isinstance(node, ast.Call) and called(node) in {"import_module", "__import__"} and node.args:
            argument = node.args[0]
            names = [argument.value] if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else []
        else:
            continue
        yield from ((node.lineno, inside(name)) for name in names if name.split(".")[0] == "hierbayes")


def absolute(node: ast.ImportFrom, module: str, is_package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = ["hierbayes", *module.split(".")]
    keep = len(parts) - node.level + (1 if is_package else 0)
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])


def called(node: ast.Call) -> str:
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def inside(name: str) -> str:
    """Drop ``hierbayes.``; a public name taken from the package itself counts as the package."""
    rest = name.removeprefix("hierbayes").removeprefix(".")
    return rest if room_of(rest) in ROOMS else ""


def is_upward(importer: str, imported: str) -> bool:
    return ROOMS.index(imported) > ROOMS.index(importer)


def upward_imports(text: str, path: Path) -> list[str]:
    module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    is_package = path.name == "__init__.py"
    module = module.removesuffix(".__init__") if module != "__init__" else ""
    importer = room_of(module)
    return [
        f"{path.name}:{line} in {importer} imports {name or 'hierbayes'}"
        for line, name in imported_modules(ast.parse(text), module, is_package)
        if is_upward(importer, room_of(name))
    ]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_file_lies_in_a_room(path: Path):
    assert room_of(path.relative_to(PACKAGE).parts[0].removesuffix(".py")) in ROOMS


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_one_way(path: Path):
    assert upward_imports(path.read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("errors.py", "from hierbayes.priors import Normal"),
        ("formula/parser.py", "def f():\n    from hierbayes.design import build"),
        ("formula/parser.py", "from ..spec import ModelSpec"),
        ("formula/__init__.py", "from .. import model"),
        ("plots/shrinkage.py", "import hierbayes.model"),
        (
            "plots/shrinkage.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hierbayes.model import Fit",
        ),
        ("summaries/tables.py", "import hierbayes as hb"),
        ("summaries/tables.py", "from hierbayes import Model"),
        ("sampling/run.py", "import importlib\nimportlib.import_module('hierbayes.storage')"),
    ],
)
def test_an_upward_import_is_seen(where: str, text: str):
    assert len(upward_imports(text, PACKAGE / where)) == 1


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("model.py", "def f():\n    from hierbayes.plots.shrinkage import draw"),
        ("formula/parser.py", "from .scanner import scan"),
        ("formula/__init__.py", "from .parser import parse"),
        ("design/build.py", "from hierbayes.design.terms import names\nimport numpy"),
        ("cli.py", "import hierbayes as hb"),
    ],
)
def test_a_downward_import_is_allowed(where: str, text: str):
    assert upward_imports(text, PACKAGE / where) == []


def test_no_module_bears_a_public_name():
    import hierbayes

    public = set(hierbayes.__all__)
    assert {"Model", "fit", "pooling", "load_data", "Normal"} <= public
    modules = {path.parent.name if path.name == "__init__.py" else path.stem for path in sources()} - {"hierbayes"}
    # A submodule shadows an attribute of the package only where it lies at the top.
    top = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert top & public == set()
    assert modules & {name for name in public if name.islower()} == set()


def loaded(*arguments: str) -> set[str]:
    """The top-level packages that a fresh Python loads."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        cwd=PACKAGE.parent,
    )
    return {name.split(".")[0] for name in re.findall(r"^import time:.*\|\s*(\S+)$", done.stderr, flags=re.MULTILINE)}


def test_import_loads_nothing_heavy():
    packages = loaded("-c", "import hierbayes")
    assert "hierbayes" in packages
    assert packages & set(HEAVY) == set()


def test_help_loads_nothing_heavy():
    packages = loaded("-c", "import sys; sys.argv = ['hierbayes', '--help']; from hierbayes.cli import main; main()")
    assert {"hierbayes", "typer"} <= packages
    assert packages & set(HEAVY) == set()


def test_a_heavy_import_would_be_seen():
    assert "pandas" in loaded("-c", "import pandas")
