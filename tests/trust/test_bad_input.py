"""Bad input, one case a test: a typed error with its place and advice, one warning, or a stated right result."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from fits import fake_fit
from trust import bad_data, bad_models
from trust.bad_predictions import NEW, PREDICTIONS
from trust.outcomes import Case, Refused, Right, Warned, build, judge

from hierbayes.errors import DataError, HierBayesError, warn

TESTS = Path(__file__).parents[1]
CASES = [*bad_data.cases(), *bad_models.cases()]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_model_of_bad_input(case: Case) -> None:
    judge(case.outcome, lambda: build(case))


def test_the_catalogue_is_large_and_names_each_case_once() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 80


def raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("outcome", "action"),
    [
        (Refused(DataError, ("row 3",)), lambda: None),
        (Refused(DataError, ("row 3",)), lambda: raising(DataError("row 4", "advice"))),
        (Refused(DataError, ("row 3",)), lambda: raising(DataError("row 3"))),
        (Refused(DataError, ("row 3",)), lambda: raising(HierBayesError("row 3", "advice"))),
        (Right(lambda _: True), lambda: raising(DataError("row 3", "advice"))),
        (Right(lambda _: True), lambda: warn("a word")),
        (Right(lambda _: False), lambda: None),
        (Warned(("row",)), lambda: None),
        (Warned(("row",)), lambda: warn("a word")),
        (Warned(("row",)), lambda: (warn("row 3"), warn("row 4"))),
    ],
)
def test_the_judge_can_fail(outcome, action) -> None:
    with pytest.raises(AssertionError):
        judge(outcome, action)


def test_a_raw_error_is_not_taken_for_one_of_ours() -> None:
    with pytest.raises(KeyError):
        judge(Refused(DataError, ()), lambda: raising(KeyError("x")))


@pytest.fixture(scope="module")
def fit():
    """A fit with made-up draws: what is asked of it is read and checked as that of any other."""
    return fake_fit("y ~ x + f + (x | g)", bad_data.BASE, draws=30)


@pytest.mark.parametrize("name", PREDICTIONS)
def test_a_prediction_from_bad_input(fit, name: str) -> None:
    new, options, outcome = PREDICTIONS[name]
    plain = fit.predict(NEW)
    judge(outcome, lambda: (fit.predict(new, **options), plain))


OPTIONS = "test_an_option_out_of_range_is_named_before_anything_is_compiled"
# What other tests prove, by their file, name and, where there are several, a word of the parameter.
ELSEWHERE = {
    "draws=0": ("sampling/test_sampling.py", OPTIONS, '("draws", 0)'),
    "chains=0": ("sampling/test_sampling.py", OPTIONS, '("chains", 0)'),
    "tune=0": ("sampling/test_sampling.py", OPTIONS, '("tune", 0)'),
    "a negative seed": (
        "sampling/test_sampling.py", OPTIONS, '("seed", -1)'
    ),
    "an unknown option": ("sampling/test_sampling.py", "test_unknown_option_is_named", "sampels"),
    "Ctrl-C while sampling": (
        "sampling/test_sampling.py",
        "test_interruption_keeps_the_draws_so_far_and_harms_no_later_fit",
        "interrupted_soon",
    ),
    "Ctrl-C before the first draw": (
        "sampling/test_sampling.py", "test_interruption_before_the_first_draw_is_an_error", "",
    ),
    "Ctrl-C while writing": ("storage/test_file.py", "test_an_interruption_leaves_nothing", "KeyboardInterrupt"),
    "an output folder that cannot be written": (
        "test_cli.py", "test_a_directory_that_cannot_be_written_is_found_before_the_model_is_built", "cannot write"
    ),
    "a place for a fit that cannot be written": (
        "storage/test_file.py", "test_places_that_cannot_be_written_are_named", ""
    ),
    "a place for a page that cannot be written": ("report/test_page.py", "test_an_unwritable_place_is_named", ""),
    "a truncated fit": ("storage/test_file.py", "test_a_truncated_file_is_refused", ""),
    "a flipped bit in a fit": ("storage/test_file.py", "test_a_flipped_draw_is_seen", ""),
    "a fit of a later version": ("storage/test_file.py", "test_a_later_version_is_refused", ""),
    "a file that is no fit": ("storage/test_file.py", "test_what_is_no_fit_is_refused", "is empty"),
    "a cache that is another file": ("storage/test_keeping.py", "test_a_file_of_another_kind_is_never_overwritten", ""),
    "a compiled file that is spoiled": (
        "engines/test_native.py", "test_a_spoiled_file_is_not_loaded_and_is_written_anew", ""
    ),
    "a CSV file that is none": ("datasets/test_datasets.py", "test_a_table_that_cannot_be_read_is_named", ""),
    "a specification that is none": ("test_catalogue.py", "test_a_bad_specification_is_told_what_is_wrong", "nested"),
    "flat priors without a posterior": (
        "priors/test_priors.py", "test_flat_priors_are_refused_where_the_posterior_would_be_improper", "two groups"
    ),
    "the caller's table": ("design/test_columns.py", "test_the_frame_is_never_changed_nor_tied_to_the_design", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", ELSEWHERE)
def test_what_is_proven_elsewhere_is_there(case: str) -> None:
    place, name, word = ELSEWHERE[case]
    text = (TESTS / place).read_text(encoding="utf-8")
    defined = {node.name for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)}
    assert name in defined
    assert word in text
