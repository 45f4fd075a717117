"""The planted faults fit the sources of today, and a kill is told from a survivor, and from what is neither."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "hierbayes"
sys.path.insert(0, str(ROOT / "docs"))
try:
    from _trust import planted as planting
    from _trust.planted import Case, Seen, cases_of, digest_of, look
    from _trust.planted_faults import FAULTS
finally:
    sys.path.pop(0)

ROOMS = {
    *("formula", "design", "engines", "estimates", "summaries", "predict", "comparison", "plots", "report"),
    *("storage", "bridge", "model", "studies"),
}
CHEAP = "split term read as whole"


def of(name):
    return next(fault for fault in FAULTS if fault.name == name)


def source(fault):
    return (PACKAGE / fault.file).read_text(encoding="utf-8")


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_fits_the_sources_of_today(fault):
    planted_text = fault.planted(source(fault))
    assert ast.dump(ast.parse(planted_text)) != ast.dump(ast.parse(source(fault)))
    assert fault.compiled == is_compiled(fault)
    for test in fault.tests:
        place, _, name = test.partition("::")
        defined = ast.walk(ast.parse((ROOT / place).read_text(encoding="utf-8")))
        assert name.split("[")[0] in {node.name for node in defined if isinstance(node, ast.FunctionDef)}
    assert not fault.added or any(test.endswith(f"::{fault.added}") for test in fault.tests)


def is_compiled(fault):
    """Whether the change lies in a function that numba compiles."""
    text = source(fault)
    line = text[: text.index(fault.before)].count("\n") + 1
    around = [
        node for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= node.end_lineno
    ]  # fmt: skip
    return any("njit" in ast.unparse(decorator) for node in around for decorator in node.decorator_list)


def test_there_are_twenty_and_more_in_every_room_and_in_compiled_code():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 20
    assert sum(fault.compiled for fault in FAULTS) >= 6
    assert {fault.file.split("/")[0] for fault in FAULTS} >= ROOMS


def test_a_fault_that_no_longer_fits_is_refused():
    fault = of(CHEAP)
    for change in ({"before": "text that is nowhere"}, {"before": "Bar"}):
        with pytest.raises(ValueError, match=r"no longer fits formula/expand\.py: its text is there ([02-9]|\d\d)"):
            replace(fault, **change).planted(source(fault))


def test_the_control_takes_the_tests_of_all_faults():
    control, *others = cases_of(FAULTS)
    assert control.fault is None
    assert [case.fault for case in others] == list(FAULTS)
    assert set(control.tests) == {test for fault in FAULTS for test in fault.tests}


def test_a_change_of_fault_or_tests_is_another_digest():
    case = Case(of(CHEAP), of(CHEAP).tests)
    others = [Case(None, case.tests), Case(case.fault, ()), Case(replace(case.fault, after="parts = ()"), case.tests)]
    assert len({digest_of(ROOT, each) for each in (case, *others)}) == 4
    assert digest_of(ROOT, case) == digest_of(ROOT, replace(case))


def test_a_finished_fault_is_not_run_again_and_a_survivor_is_named(tmp_path, monkeypatch):
    looked = []

    def look_up(case, base):
        looked.append(case.name)
        return (
            Seen("survived", 7) if case.name == FAULTS[1].name or case.fault is None else Seen("killed", 1, "a::b", "|")
        )

    monkeypatch.setattr(planting, "look", look_up)
    for name in ("_warm", "copied"):
        monkeypatch.setattr(planting, name, lambda *_: None)
    first = planting.planted(2, tmp_path, 2)
    assert sorted(looked) == sorted(["control, no fault", FAULTS[0].name, FAULTS[1].name])
    assert first["as it should be"].tolist() == ["yes", "yes", "**no**: survived"]
    assert first["with"].tolist() == ["", r"`\|`", ""]
    assert planting.planted(2, tmp_path, 2).equals(first)
    assert len(looked) == 3
    monkeypatch.setattr(planting, "digest_of", lambda *_: "other sources")
    planting.planted(2, tmp_path, 2)
    assert len(looked) == 6


@pytest.mark.slow
def test_a_fault_is_killed_and_a_copy_without_it_passes():
    fault = of(CHEAP)
    found = look(Case(fault, fault.tests), ROOT)
    assert found.verdict == "killed"
    assert found.first == "formula/test_formulas.py::test_a_formula_means_what_the_table_says"
    assert "assert" in found.message
    assert look(Case(None, fault.tests), ROOT).verdict == "survived"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "verdict", "said"),
    [
        ({"after": "parts = (left.part,) if not bar.split else split(left.part)"}, "survived", ""),
        (
            {"before": "MOST_TERMS = 1_000\n", "after": "import nothing_of_this_name\n\nMOST_TERMS = 1_000\n"},
            "broken", "nothing_of_this_name",
        ),
    ],
)  # fmt: skip
def test_what_is_no_fault_survives_and_what_cannot_be_imported_is_no_kill(change, verdict, said):
    fault = replace(of(CHEAP), **change)
    found = look(Case(fault, fault.tests), ROOT)
    assert found.verdict == verdict
    assert said in found.message
