"""The documentation promises only what is there: names, links, formulas, examples."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import hierbayes as hb

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
TEXTS = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
EXAMPLES = [
    "quickstart.md",
    "priors.md",
    "comparison.md",
    "data.md",
    "keeping.md",
    "coming-from-lme4.md",
    "coming-from-bambi.md",
    "coming-from-brms.md",
    "report.md",
    "predict.md",
    "questions.md",
    "simulation.md",
    "trust.md",
]
# What stands for a value of each kind in the texts.
OWNERS = {"hb": hb, "fit": hb.Fit, "model": hb.Model, "poolings": hb.PoolingComparison}
OF_INSTANCES = {"fit": {"model"}, "poolings": {"fit", "factor"}}
# R's own, and the targets of links.
FOREIGN = re.compile(r"```r\n.*?```|`model\.matrix\(m\)`|\]\([^)]*\)", flags=re.DOTALL)


def names(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def unknown_names(text: str) -> list[str]:
    used = re.findall(r"(?<![\w.\"/'])(hb|fit|model|poolings)\.([A-Za-z_]\w*)(?!\.?\w*\")", FOREIGN.sub("", text))
    return [
        f"{owner}.{name}"
        for owner, name in used
        if not hasattr(OWNERS[owner], name) and name not in OF_INSTANCES.get(owner, set())
    ]


@pytest.mark.parametrize("path", TEXTS, ids=names)
def test_every_name_exists(path: Path):
    assert unknown_names(path.read_text(encoding="utf-8")) == []


def test_a_name_that_does_not_exist_is_seen():
    assert unknown_names("call `fit.fixef()` and `fit.anovas()`, or `hb.Gauss`") == ["fit.anovas", "hb.Gauss"]


@pytest.mark.parametrize("path", TEXTS, ids=names)
def test_every_link_leads_somewhere(path: Path):
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in target]
    # The picture is drawn by hand, the notebook's page is made by the build.
    made = {(DOCS / "notebooks" / path.name).with_suffix(".md") for path in (ROOT / "notebooks").glob("*.ipynb")}
    lost = [target for target in targets if target and not (path.parent / target).exists()]
    assert [target for target in lost if (path.parent / target).resolve() not in made] == []


def test_the_api_page_has_every_public_name():
    page = (DOCS / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"auto(?:function|class|exception):: ([A-Z_a-z0-9]+)$", page, flags=re.MULTILINE)
    assert sorted(listed) == sorted(hb.__all__)


def contents(page: str) -> list[str]:
    """The pages that a page's own table of contents lists."""
    text = (DOCS / f"{page}.md").read_text(encoding="utf-8")
    block = re.search(r"```\{toctree\}\n(.*?)```", text, flags=re.DOTALL)
    return [] if block is None else [line for line in block[1].splitlines() if line and not line.startswith(":")]


def test_every_page_is_in_one_section():
    sections = contents("index")
    assert len(sections) <= 6  # as many as the header has room for
    listed = [page for section in sections for page in contents(section)]
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index", *sections}
    assert sorted(listed) == sorted([*pages, "notebooks/*"])


def test_a_section_says_what_its_pages_are():
    for section in set(contents("index")) - {"course"}:
        linked = re.findall(
            r"^- \[.*?\]\((.*?)\.md\)", (DOCS / f"{section}.md").read_text(encoding="utf-8"), re.MULTILINE
        )
        assert linked == contents(section)


@pytest.mark.parametrize("path", TEXTS, ids=names)
def test_every_formula_converts(path: Path):
    pytest.importorskip("latex2mathml")
    spec = importlib.util.spec_from_file_location("docs_mathml", DOCS / "_ext" / "mathml.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = re.sub(r"```.*?```|`[^`]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for found in re.findall(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", text, flags=re.DOTALL):
        assert module.to_mathml("".join(found), "block").startswith("<math")


def test_what_cannot_be_converted_is_refused():
    pytest.importorskip("latex2mathml")
    spec = importlib.util.spec_from_file_location("docs_mathml", DOCS / "_ext" / "mathml.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(ValueError, match="as they are"):
        module.to_mathml(r"\unheardof{x}", "inline")


@pytest.mark.slow
@pytest.mark.parametrize("page", EXAMPLES)
def test_examples_run(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    blocks = python_blocks((DOCS / page).read_text(encoding="utf-8"))
    assert blocks
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page, "exec"), space)


def table_calls(text: str) -> list[str]:
    """The calls of hierbayes in the second column of the first table that follows "Call by call"."""
    table = re.findall(r"^\|.*\|$", text.split("## Call by call")[1].split("\n## ")[0], flags=re.MULTILINE)
    cells = [re.split(r"(?<!\\)\|", row)[2].replace("\\|", "|") for row in table[2:]]
    return [call for cell in cells for call in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.slow
def test_every_call_of_the_brms_table_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = (DOCS / "coming-from-brms.md").read_text(encoding="utf-8")
    calls = table_calls(text)
    assert len(calls) > 40
    monkeypatch.chdir(tmp_path)
    space: dict[str, object] = {}
    for block in python_blocks(text):
        exec(compile(block, "coming-from-brms.md", "exec"), space)
    for call in calls:
        assert eval(call, space) is not None, call
