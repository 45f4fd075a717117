"""Parameters and their supports."""

from __future__ import annotations

import numpy as np
import pytest

import hierbayes as hb
from hierbayes.priors import POSITIVE, Parameter
from hierbayes.priors.parameter import CORRELATION, REAL, UNIT, Support

ABOVE, BELOW = Support("above", 2.0), Support("below", high=-1.0)


@pytest.mark.parametrize("support", [REAL, POSITIVE, UNIT, CORRELATION, ABOVE, BELOW], ids=lambda own: own.name)
def test_a_support_has_one_increasing_coordinate(support):
    coordinates = np.linspace(-8, 8, 33)
    values = support.constrained(coordinates)
    assert np.all(np.diff(values) > 0)
    assert support.low < values.min() < values.max() < support.high
    np.testing.assert_allclose(support.unconstrained(values), coordinates, rtol=1e-9, atol=1e-12)


def test_a_parameter_is_held_by_a_prior_or_by_the_model():
    free = Parameter("sigma", POSITIVE, hb.HalfNormal(1))
    assert free.held is None
    assert free.under(hb.Fixed(2)).held == 2.0
    schools = hb.Model("effect | se(error) ~ 1 + (1 | school)", hb.load_data("eight_schools"))
    (sigma,) = schools.problem.parameters
    assert (sigma.name, sigma.held, sigma.fixed) == ("sigma", 1.0, True)


def test_kernels_take_a_sigma_first_whatever_the_family():
    sleep = hb.load_data("sleepstudy").assign(count=lambda own: own["Reaction"].round().astype(int))
    counts = hb.Model("count ~ Days + (1 | Subject)", sleep, family="negative_binomial").problem
    assert [own.name for own in counts.parameters] == ["alpha"]
    assert [own.name for own in counts.kernel_parameters] == ["sigma", "alpha"]
    assert counts.kernel_parameters[0].held == 1.0
    assert counts.named(1.0, (3.0,)) == {"alpha": 3.0}
    student = hb.Model("Reaction ~ Days + (1 | Subject)", sleep, family="student_t").problem
    assert student.kernel_parameters == student.parameters
    assert student.named(2.0, (4.0,)) == {"sigma": 2.0, "nu": 4.0}
