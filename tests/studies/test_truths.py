"""Truths as people write them."""

from __future__ import annotations

import numpy as np
import pytest

import hierbayes as hb
from hierbayes.estimates.side_by_side import parameters
from hierbayes.studies.categories import asked_categories
from hierbayes.studies.plans import make_plan
from hierbayes.studies.truths import addresses, read_truth

SLOPES = {"Intercept": 250, "Days": 10, "sd_Subject": [25, 6], "corr_Subject": 0.2, "sigma": 24}


def design_of(formula, sizes, **options):
    predictors, asked = options.pop("predictors", None), asked_categories("gaussian", {})
    return make_plan(formula, sizes, data=None, predictors=predictors, seed=1, asked=asked, **options).design


@pytest.fixture(scope="module")
def slopes():
    return design_of("Reaction ~ Days + (Days | Subject)", {"Subject": 4}, predictors={"Days": range(3)})


@pytest.fixture(scope="module")
def mixed():
    return design_of("y ~ x + (x || g) + (1 | h)", {"g": 3, "h": 2}, predictors={"x": range(3)})


@pytest.mark.parametrize(
    "given",
    [
        {"beta": {"Intercept": 250, "Days": 10}, "sd_Subject": {"Days": 6, "Intercept": 25}, "corr_Subject": 0.2},
        {"beta": [250, 10], "sd_Subject": np.array([25, 6]), "corr_Subject": [[1, 0.2], [0.2, 1]]},
        {
            "Intercept": 250,
            "Days": 10,
            "sd_Subject[Intercept]": 25,
            "sd_Subject[Days]": 6,
            "corr_Subject[Intercept, Days]": 0.2,
        },
        {
            "beta": {"Days": 10},
            "Intercept": 250,
            "sd_Subject": {"Days": 6},
            "sd_Subject[Intercept]": 25,
            "corr_Subject": 0.2,
        },
    ],
)
def test_ways_to_write_one_truth(slopes, given):
    found, wanted = read_truth({**given, "sigma": 24}, slopes), read_truth(SLOPES, slopes)
    assert np.array_equal(found.beta, wanted.beta)
    assert np.array_equal(found.sds[0], wanted.sds[0])
    assert np.array_equal(found.corrs[0], wanted.corrs[0])
    assert found.beta.tolist() == [250, 10]
    assert found.sds[0].tolist() == [25, 6]
    assert found.corrs[0].tolist() == [[1, 0.2], [0.2, 1]]


def test_blocks_of_one_factor_share_a_key(mixed):
    found = read_truth({"beta": [1, 2], "sd_g": {"x": 0.5, "Intercept": 3}, "sd_h": 1, "sigma": 1}, mixed)
    assert [sd.tolist() for sd in found.sds] == [[3], [0.5], [1]]


def test_every_missing_parameter_is_named(slopes):
    with pytest.raises(hb.ModelError) as error:
        read_truth({"Intercept": 1, "sd_Subject": {"Intercept": 1}}, slopes)
    for name in ("Days", "sd_Subject[Days]", "corr_Subject[Intercept, Days]", "sigma"):
        assert name in error.value.what
    assert "Intercept," not in error.value.what.replace("[Intercept,", "")
    assert '"sigma": 1' in error.value.hint


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"Dys": 1}, "did you mean 'Days'"),
        ({"beta": {"Dayz": 1}}, "did you mean 'Days'"),
        ({"sd_Subject": {"Intercept": 1, "Dayz": 1}}, "no term 'Dayz'"),
        ({"sd_Subject": 3}, "needs 2"),
        ({"sd_Subject": [1, 2, 3]}, "needs 2"),
        ({"sd_Subject": [1, -2]}, "not negative"),
        ({"sigma": -1}, "not negative"),
        ({"sigma": np.nan}, "finite"),
        ({"sigma": "1"}, "finite number"),
        ({"sigma": True}, "finite number"),
        ({"sigma": [1]}, "finite number"),
        ({"beta": {"Days": 10}}, "'Days' twice"),
        ({"sd_Subject[Days]": 1}, "'sd_Subject.Days.' twice"),
        ({"corr_Subject": 1.5}, "no correlation matrix"),
        ({"corr_Subject": [[1, 0.2], [0.3, 1]]}, "no correlation matrix"),
        ({"corr_Subject": np.eye(3)}, "shape"),
    ],
)
def test_what_is_wrong_with_a_truth_is_named(slopes, change, said):
    with pytest.raises(hb.ModelError, match=said):
        read_truth({**SLOPES, **change}, slopes)


def test_a_truth_is_a_mapping(slopes):
    with pytest.raises(hb.ModelError, match="maps parameters"):
        read_truth([1, 2], slopes)


def test_a_coefficient_called_sigma_stands_in_beta():
    design = design_of("y ~ sigma", 5, predictors={"sigma": range(5)})
    with pytest.raises(hb.ModelError, match=r"beta\[sigma\]"):
        read_truth({"Intercept": 1, "sigma": 2}, design)
    found = read_truth({"beta": {"Intercept": 1, "sigma": 2}, "sigma": 3}, design)
    assert (found.beta.tolist(), found.parameters["sigma"]) == ([1, 2], 3)


def test_parameters_have_the_names_and_order_of_the_classical_tables(slopes, mixed):
    for design in (slopes, mixed):
        assert [own.name for own in addresses(design)] == parameters(design)["parameter"].tolist()
