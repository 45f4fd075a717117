"""Faults of compiled code: what the numba kernels may get wrong."""

from __future__ import annotations

from .planted_fault import Fault

DENSITY = "tests/engines/test_collapsed_density.py"
DESIGNS = "tests/engines/test_random_designs.py"
RECOVER = "tests/engines/test_collapsed_recover.py"
THETA = "tests/engines/test_theta.py"

KERNELS = (
    Fault(
        "effects without their mean", "engines/collapsed/draw.py",
        "a level's effects are drawn around 0, not around their conditional mean",
        "        v[i] += sigma * normals[i]\n",
        "        v[i] = sigma * normals[i]\n",
        (f"{RECOVER}::test_a_draw_is_mean_plus_a_root_of_the_covariance",),
        compiled=True,
    ),
    Fault(
        "sd for variance", "engines/collapsed/border.py",
        "the prior of the coefficients is weighed by sigma, not by its square",
        "a[q + i, q + j] += sigma * sigma * prior[i, j]",
        "a[q + i, q + j] += sigma * prior[i, j]",
        (f"{DENSITY}::test_log_likelihood_is_that_of_a_dense_normal",),
        compiled=True,
    ),
    Fault(
        "lost correlation", "engines/collapsed/kernel.py",
        "the factor of the effects' covariance keeps its diagonal alone",
        "column + j] = sds[first + i] * factors[flat + i * k + j] / sigma",
        "column + j] = sds[first + i] / sigma if i == j else 0.0",
        (f"{DENSITY}::test_log_density_is_likelihood_prior_and_jacobian",),
        compiled=True,
    ),
    Fault(
        "halved prior", "engines/scalars.py",
        "half the log density of a half-t prior",
        "return const - (a + 1) / 2 * math.log1p(t)",
        "return const - (a + 1) / 4 * math.log1p(t)",
        (f"{THETA}::test_prior_densities_are_those_of_scipy",),
        compiled=True,
    ),
    Fault(
        "wrong Jacobian", "engines/theta.py",
        "the density of an sd's coordinate lacks the derivative of the sd",
        "total += density + log_slope",
        "total += density",
        (f"{THETA}::test_prior_density_of_theta_has_every_jacobian",),
        compiled=True,
    ),
    Fault(
        "omitted likelihood term", "engines/collapsed/kernel.py",
        "the log determinant of the coefficients is left out",
        "        half_log_det += log_diagonal(factor, q, q + p)\n",
        "        half_log_det += log_diagonal(factor, q, q)\n",
        (f"{DENSITY}::test_log_likelihood_is_that_of_a_dense_normal",),
        compiled=True,
    ),
    Fault(
        "off-by-one group", "engines/collapsed/project.py",
        "the last level is never factored",
        "for level in range(starts.shape[0] - 1):",
        "for level in range(starts.shape[0] - 2):",
        (f"{DENSITY}::test_log_likelihood_is_that_of_a_dense_normal",),
        compiled=True,
    ),
    Fault(
        "columns lost in short levels", "engines/collapsed/project.py",
        "a level drops its columns past the number of its rows, even where earlier ones were dropped already",
        "if rank == rows or left <= 1e-28 * size",
        "if j >= rows or left <= 1e-28 * size",
        (f"{DESIGNS}::test_engines_agree_with_the_dense_normal_and_the_plain_sum[0]",),
        compiled=True,
        added="test_engines_agree_with_the_dense_normal_and_the_plain_sum[0]",
    ),
    Fault(
        "wrong derivative", "engines/joint/likelihoods.py",
        "the negative binomial's slope in log(alpha) lacks the part that goes through the mean",
        "slopes[1] -= alpha * dot(b, spare) + total_of(g)",
        "slopes[1] -= alpha * dot(b, spare)",
        ("tests/engines/test_joint_density.py::test_gradient_is_that_of_differences[negative_binomial-intercept-plain]",),
        compiled=True,
    ),
)  # fmt: skip
