"""The faults that are planted, in every room of the package."""

from __future__ import annotations

from .planted_fault import Fault
from .planted_kernels import KERNELS

PYTHON = (
    Fault(
        "split term read as whole", "formula/expand.py",
        "(x || g) gives one correlated term",
        "parts = split(left.part) if bar.split else (left.part,)",
        "parts = (left.part,)",
        ("tests/formula/test_formulas.py::test_a_formula_means_what_the_table_says",),
    ),
    Fault(
        "swapped levels", "design/groups.py",
        "levels are named in the order of appearance, their codes are sorted",
        "used, codes = np.unique(cells, return_inverse=True)",
        "first, codes = np.unique(cells, return_index=True, return_inverse=True)[1:]\n    used = cells[np.sort(first)]",
        ("tests/design/test_schema.py::test_rows_do_not_depend_on_their_neighbours",),
    ),
    Fault(
        "stale schema", "design/new_rows.py",
        "new data are coded by their own levels, not by those of the fit",
        "levels = fitted.levels if coded else own.levels",
        "levels = own.levels",
        ("tests/design/test_schema.py::test_levels_and_contrasts_are_those_of_the_fit",),
    ),
    Fault(
        "reversed contrast", "design/contrasts.py",
        "polynomial contrasts fall where they should rise",
        "position = np.arange(size) - (size - 1) / 2",
        "position = (size - 1) / 2 - np.arange(size)",
        ("tests/design/test_formula_table.py::test_contrasts_are_those_of_r",),
    ),
    Fault(
        "reversed response", "design/response.py",
        "the bernoulli family models the first level",
        "levels = levels or column.levels\n",
        "levels = levels or column.levels[::-1]\n",
        ("tests/design/test_response.py::test_a_response_is_read",),
    ),
    Fault(
        "intercept left at the centre", "engines/naming.py",
        "coefficients are reported for predictors at their means",
        'found["beta"] = drawn.beta @ problem.beta_back.T',
        'found["beta"] = drawn.beta',
        ("tests/trust/test_quadrature.py::test_draws_agree_with_quadrature[sleepstudy]",),
    ),
    Fault(
        "REML without its degrees of freedom", "engines/collapsed/likelihood.py",
        "sigma is estimated with n, not with n - p",
        "self.free = problem.n - (problem.p if criterion == at.REML else 0)",
        "self.free = problem.n",
        ("tests/engines/test_collapsed_likelihood.py::test_reml_and_ml_are_those_of_lme4[dyestuff]",),
    ),
    Fault(
        "random numbers by cores", "engines/collapsed/recover.py",
        "the number of cores sets the streams of random numbers",
        "step = max(1, _CHUNK_NUMBERS // max(1, total + problem.p))",
        "step = max(1, _CHUNK_NUMBERS // max(1, total + problem.p) // cores)",
        ("tests/engines/test_collapsed_recover.py::test_the_same_bits_whatever_the_number_of_cores",),
    ),
    Fault(
        "degrees of freedom of one level", "estimates/levels.py",
        "no pooling counts the coefficients of one level, not of all",
        "int((~parts.too_small).sum()) * own.shape[1]",
        "own.shape[1]",
        ("tests/test_estimates.py::test_sleepstudy_unpooled_is_lmlist",),
    ),
    Fault(
        "interval too wide", "summaries/numbers.py",
        "the tails of an interval are halved twice",
        "tail = (1 - check_prob(ci_prob)) / 2",
        "tail = (1 - check_prob(ci_prob)) / 4",
        ("tests/summaries/test_tables.py::test_fixef_columns_and_numbers",),
    ),
    Fault(
        "share of the wrong total", "summaries/variance_shares.py",
        "intraclass correlations leave the residual out of the total",
        "np.where(bound, stacked, 0.0).sum(axis=-1, keepdims=True)",
        "np.where(bound, stacked, 0.0)[..., :-1].sum(axis=-1, keepdims=True)",
        ("tests/summaries/test_variance_shares.py::test_shares_are_those_of_the_covariance_matrix",),
    ),
    Fault(
        "shrinkage by another level's n", "summaries/shrinkage_factors.py",
        "the pooling factors of levels of different sizes change places",
        "return {name: values[place] for name, values in found.items()}",
        "return {name: values[np.sort(place)] for name, values in found.items()}",
        ("tests/summaries/test_shrinkage_factors.py::test_factor_of_a_level_is_its_formula",),
    ),
    Fault(
        "offset forgotten", "predict/row_draws.py",
        "predictions leave the offset out",
        "drawn[:] = self.rows.offset[piece.rows, None]",
        "drawn[:] = 0.0",
        ("tests/test_predict.py::test_an_offset_is_added_and_weights_do_not_touch_the_mean",),
    ),
    Fault(
        "new level without its sd", "predict/posterior_draws.py",
        "a new level's effects have the correlations of the population, and sd 1",
        "return root * sd.T[:, None, :]",
        "return root",
        ("tests/test_predict_properties.py::test_new_levels_have_the_full_covariance_of_each_draw",),
    ),
    Fault(
        "mean at the average level", "averages.py",
        "a marginal mean is the link's inverse at the average level, not the integral",
        "return _summed(family.inverse, family.link, predictor, np.sqrt(variance))\n\n\ndef spread",
        "return family.inverse(np.asarray(predictor) + 0.0 * np.asarray(variance))\n\n\ndef spread",
        ("tests/test_family_predictions.py::test_average_integrates_the_groups_out",),
    ),
    Fault(
        "weights dropped from the log density", "comparison/row_densities.py",
        "leave-one-out takes every row's residual variance for sigma squared",
        'found *= np.sqrt(design.weights[rows]) / own["sigma"]',
        'found *= 1.0 / own["sigma"]',
        ("tests/comparison/test_densities.py::test_log_likelihood_is_that_of_scipy",),
    ),
    Fault(
        "leave-one-out upside down", "comparison/leave_one_out.py",
        "the importance weights are those of the densities, not of their inverses",
        "array_stats.loo(row, r_eff=efficiency) if",
        "array_stats.loo(-row, r_eff=efficiency) if",
        ("tests/comparison/test_leave_one_out.py::test_conditional_is_that_of_arviz",),
    ),
    Fault(
        "arrows the wrong way", "plots/arrow_rows.py",
        "arrows of shrinkage point away from the partial-pooling estimate",
        "(partial - no)[kept]",
        "(no - partial)[kept]",
        ("tests/plots/test_shrinkage_plot.py::test_rows_are_ordered_and_show_both_means",),
    ),
    Fault(
        "slider by variances", "report/explorer_path.py",
        "the explorer multiplies a factor's sds by the square of what its slider says",
        "root * (m if i in members else 1.0)",
        "root * (m**2 if i in members else 1.0)",
        ("tests/report/test_explorer.py::test_every_position_is_what_dense_matrices_give",),
    ),
    Fault(
        "level order lost in a file", "storage/trees.py",
        "labels come back from a file sorted, their numbers do not",
        "if _CHANGED in variable.attrs else list(values.flat)",
        "if _CHANGED in variable.attrs else sorted(values.flat)",
        ("tests/test_keeping.py::test_every_kind_of_model_comes_back",),
    ),
    Fault(
        "levels swapped for Bambi", "bridge/outgoing.py",
        "effects are handed over in the order of hierbayes under the labels of Bambi",
        "effects = drawn[:, :, np.maximum(places, 0)]",
        "effects = drawn[:, :, np.arange(len(places)) % drawn.shape[2]]",
        ("tests/bridge/test_outgoing.py::test_levels_beside_a_missing_combination_keep_their_effects",),
        added="test_levels_beside_a_missing_combination_keep_their_effects",
    ),
    Fault(
        "random numbers used twice", "model/extended.py",
        "more draws of a chain begin with the seed of the first",
        "seed=int(fresh >> np.uint64(2))",
        "seed=checked.seed",
        ("tests/test_keeping.py::test_no_stretch_of_a_chain_has_the_seed_of_another",),
        added="test_no_stretch_of_a_chain_has_the_seed_of_another",
    ),
    Fault(
        "weights inverted", "studies/worlds.py",
        "a simulated row of large weight has a large residual variance",
        "rng.standard_normal(design.n) / np.sqrt(design.weights)",
        "rng.standard_normal(design.n) * np.sqrt(design.weights)",
        ("tests/studies/test_simulated.py::test_draws_have_the_implied_mean_and_covariance",),
    ),
)  # fmt: skip

FAULTS = (*KERNELS, *PYTHON)
