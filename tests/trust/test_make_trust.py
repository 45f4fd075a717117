"""The script behind the page on trust: it runs, fills every marker, goes on where it stopped, and says what failed."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from hierbayes.design.scaling import prior_table

DOCS = Path(__file__).resolve().parents[2] / "docs"
MARKERS = [
    *("made", "verdict", "calibration", "quantities", "failures", "coverage", "quadrature", "schools"),
    *("designs", "reproducibility", "planted", "counts"),
]


@pytest.fixture(scope="module")
def script():
    before = list(sys.path)
    spec = importlib.util.spec_from_file_location("make_trust", DOCS / "make_trust.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = before


def test_the_page_has_every_marker_once():
    text = (DOCS / "trust.md").read_text(encoding="utf-8")
    assert re.findall(r"<!-- (\w+) -->", text) == [name for marker in MARKERS for name in (marker, "end")]


def test_every_structure_has_proper_priors_and_an_engine_that_takes_it(script):
    from _trust.structures import STRUCTURES

    engines = []
    for structure in STRUCTURES.values():
        model = structure.model()
        assert not prior_table(model.resolved_priors, model.design)["prior"].str.contains("Flat|Custom").any()
        engines.append(model.runner.choose(structure.engine)[0])
    assert engines.count("collapsed") >= 12
    assert engines.count("pymc") >= 3


def test_every_kernel_of_the_joint_engine_is_calibrated(script):
    from _trust.structures import STRUCTURES

    from hierbayes.families import FAMILIES

    compiled = {(name, link) for name, kind in FAMILIES.items() for link in kind.kernels}
    models = [own.model() for own in STRUCTURES.values() if own.engine == "joint"]
    assert {(own.problem.family, own.problem.link) for own in models} == compiled


@pytest.mark.slow
def test_the_quick_part_runs_and_goes_on(script, tmp_path):
    page, folder = tmp_path / "trust.md", tmp_path / "kept"
    script.main(["--quick", "--page", str(page), "--folder", str(folder)])
    text = page.read_text(encoding="utf-8")
    assert [name for name in MARKERS if f"<!-- {name} -->\n<!-- end -->" in text] == []
    assert "What did not pass: nothing." in text
    assert "3 structures" in text
    kept = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert len(kept) == 5
    script.main(["--quick", "--page", str(page), "--folder", str(folder)])
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == kept


@pytest.mark.slow
def test_the_example_of_the_page_runs():
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / "trust.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    space: dict[str, object] = {}
    exec(compile(block, "trust.md", "exec"), space)
    assert space["found"].passed


def test_what_did_not_pass_is_named(script):
    from _trust.checks import Calibrated

    own = pd.DataFrame(
        {"structure": ["one", "two"], "quantities": [3, 4], "sets": 1000, "failed": [0, 2], "least p": [0.2, 1e-6],
         "passed": ["yes", "**no**"]}
    )  # fmt: skip
    exact = pd.DataFrame({"model": ["dyestuff"], "passed": ["**no**"]})
    bits = pd.DataFrame({"compared": ["2 cores"], "same bits": ["yes"]})
    said = script.verdict(Calibrated(own, own, own), exact, bits)
    assert "What did not pass: two, dyestuff." in said
    assert "Planted faults" not in said
    assert (
        "2000 data sets, 2 that could not be sampled. The least of 14 p values is 1e-06; times their number, 1.4e-05"
        in said
    )


def test_what_the_planted_faults_came_to_is_said(script):
    from _trust.checks import Calibrated

    own = pd.DataFrame({"structure": ["one"], "quantities": 3, "sets": 9, "failed": 0, "least p": 0.2, "passed": "yes"})
    exact = pd.DataFrame({"model": ["dyestuff"], "passed": ["yes"]})
    bits = pd.DataFrame({"compared": ["2 cores"], "same bits": ["yes"]})
    eight = pd.DataFrame({"quantity": ["`mu`", "`tau`"], "passed": ["yes", "**no**"]})
    faults = pd.DataFrame(
        {
            "fault": ["control, no fault", "one", "two", "three"],
            "as it should be": ["yes", "yes", "**no**: survived", "yes"],
            "added for it": ["", "", "", "`test_three`"],
        }
    )
    said = script.verdict(Calibrated(own, own, own), exact, bits, eight, faults)
    assert "Planted faults: the tests see 2 of 3, 1 of them by a test that was written" in said
    assert "What did not pass: eight schools: `tau`, two." in said


@pytest.mark.slow
def test_the_draws_of_the_eight_schools_are_those_of_quadrature(script):
    from _trust.schools import schools

    found = schools()
    assert found["quantity"].tolist() == ["`mu`", "`tau`", "`theta[1]`"]
    assert found["published"].tolist() == ["4.3968 (3.3177)", "3.5977 (3.2200)", "6.2119 (5.5931)"]
    assert (found["published"] == found["quadrature"]).all()
    assert (found["passed"] == "yes").all()


def test_designs_that_differ_are_named_and_finished_parts_are_not_compared_again(script, tmp_path, monkeypatch):
    from _trust import designs
    from _trust.checks import Calibrated
    from oracles import many_designs

    asked = []

    def examined(number, first, every):
        asked.append((number, first))
        return many_designs.Found(number, 10 * number, ("design 7: draws off by 9",) if first == 0 else (), 0.25)

    monkeypatch.setattr(many_designs, "examine", examined)
    beside = designs.random_designs(designs.PART + 100, tmp_path)
    assert designs.random_designs(designs.PART + 100, tmp_path).equals(beside)
    assert asked == [(designs.PART, 0), (100, designs.PART)]
    assert beside[["designs", "comparisons", "wrong", "passed"]].iloc[0].tolist() == [2600, 26000, 1, "**no**"]
    fine = {"structure": ["one"], "quantities": [3], "sets": 9, "failed": 0, "least p": 0.2, "passed": "yes"}
    own, exact = pd.DataFrame(fine), pd.DataFrame({"model": ["one"], "passed": ["yes"]})
    bits = pd.DataFrame({"compared": ["one"], "same bits": ["yes"]})
    said = script.verdict(Calibrated(own, own, own), exact, bits, beside=beside)
    assert "- Random designs: 26,000 comparisons on 2,600 designs; 1 differ." in said
    assert "What did not pass: random designs." in said


def test_cases_are_counted_from_the_lists_of_the_tests(script):
    from _trust.counts import counts

    found = counts()
    assert found["number"].sum() > 1000
    assert (found["number"] > 0).all()
    assert all((DOCS.parent / place.strip("`")).exists() for place in found["file"])


def test_random_input_that_breaks_something_is_named(script, monkeypatch):
    from _trust import fuzz
    from _trust.checks import Calibrated

    fine = {"structure": ["one"], "quantities": [3], "sets": 9, "failed": 0, "least p": 0.2, "passed": "yes"}
    own, exact = pd.DataFrame(fine), pd.DataFrame({"model": ["one"], "passed": ["yes"]})
    bits = pd.DataFrame({"compared": ["one"], "same bits": ["yes"]})
    for code, lost in ((0, "nothing"), (1, "random input")):
        ran = subprocess.CompletedProcess([], code, stdout="..F\n1 failed in 2 s\n")
        monkeypatch.setattr(fuzz.subprocess, "run", lambda *given, ran=ran, **options: ran)
        said = script.verdict(Calibrated(own, own, own), exact, bits, random=fuzz.fuzz(500))
        assert f"What did not pass: {lost}." in said
        assert "500 formulas, 50 specifications" in said
        assert ("1 failed in 2 s" in said) == bool(code)
