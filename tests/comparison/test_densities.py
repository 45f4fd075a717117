"""Log likelihood by row and log prior by parameter, against scipy at the draws of made-up fits."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from fits import fake_fit
from oracles.joint import Point, log_corr_prior, log_joint, log_prior
from oracles.structures import LAPLACE, STRUCTURES, table
from scipy import stats

import hierbayes as hb
from hierbayes.comparison.row_densities import row_densities
from hierbayes.plots.fit_like import draws_of
from hierbayes.posterior.internal import internal


@cache
def fit_of(name):
    formula, options, _ = STRUCTURES[name]
    return fake_fit(formula, table(), draws=7, **options)


def by_hand(fit, chain, draw):
    """The log density of every row, term by term, from the posterior for the columns as given."""
    design, at = fit.design, fit.posterior.isel(chain=chain, draw=draw)
    mean = design.offset.copy()
    if design.coefficients:
        mean = mean + design.X @ at["beta"].to_numpy()
    done = {}
    for block in design.groups:
        start = done.setdefault(block.factor, 0)
        b = at[f"b_{block.factor}"].to_numpy()[:, start : start + len(block.terms)]
        done[block.factor] += len(block.terms)
        mean = mean + np.array([block.Z[i] @ b[code] for i, code in enumerate(block.codes)])
    return stats.norm.logpdf(design.y, mean, float(at["sigma"]) / np.sqrt(design.weights))


@pytest.mark.parametrize("name", STRUCTURES)
def test_log_likelihood_is_that_of_scipy(name):
    fit = fit_of(name)
    found = fit.log_likelihood()[fit.design.response]
    assert found.dims == ("chain", "draw", "row")
    for chain, draw in ((0, 0), (1, 6)):
        np.testing.assert_allclose(found[chain, draw], by_hand(fit, chain, draw), rtol=1e-9)
    assert not np.allclose(found[0, 0], by_hand(fit, 1, 6))


@pytest.mark.parametrize("name", STRUCTURES)
def test_log_prior_is_what_the_joint_density_holds_besides_rows_and_effects(name):
    fit = fit_of(name)
    problem, labels = fit.model.problem, fit.model.labels
    total = sum(
        own.sum(dim=[dim for dim in own.dims if dim not in ("chain", "draw")]) for own in fit.log_prior().values()
    )
    draws = internal(problem, labels, fit.posterior)
    for place in (0, 9):
        sds, corrs = tuple(sd[place] for sd in draws.sds), tuple(corr[place] for corr in draws.corrs)
        wanted = sum(log_prior(prior, x) for prior, x in zip(problem.beta_priors, draws.beta[place], strict=True))
        wanted += log_prior(problem.prior_of("sigma"), draws.sigma[place])
        for block, sd, corr in zip(problem.blocks, sds, corrs, strict=True):
            wanted += sum(log_prior(prior, x) for prior, x in zip(block.sd_priors, sd, strict=True))
            wanted += log_corr_prior(block.corr_prior, corr)
        assert total.to_numpy().ravel()[place] == pytest.approx(wanted, rel=1e-7, abs=1e-7)


@pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")
def test_internal_coordinates_are_those_of_the_engine():
    """Sampled theta and the posterior for the columns as given lead to the same internal sds and correlations."""
    from hierbayes.engines.theta import layout, unpack_draws

    fit = hb.fit("y ~ x + (x | g) + (1 | h)", table(), draws=20, tune=50, chains=2, seed=1, progress=False)
    theta = fit.tree["unconstrained_posterior"]["theta"].to_numpy().reshape(40, -1)
    sds, corrs, sigma, _ = unpack_draws(layout(fit.model.problem), theta)
    found = internal(fit.model.problem, fit.model.labels, fit.posterior)
    assert np.any(fit.model.problem.blocks[0].back != np.eye(2))
    for own, wanted in zip((*found.sds, *found.corrs, found.sigma), (*sds, *corrs, sigma), strict=True):
        np.testing.assert_allclose(own, wanted, rtol=1e-6)


def test_prior_of_the_intercept_speaks_of_the_mean_of_the_predictors():
    fit = fake_fit("y ~ x + (x | g)", table())
    found = fit.log_prior()["beta"].sel(coef="Intercept").to_numpy()
    prior = fit.model.resolved_priors.beta[0]
    beta = fit.posterior["beta"].to_numpy()
    at_mean = beta[..., 0] + beta[..., 1] * table()["x"].mean()
    np.testing.assert_allclose(found, stats.norm(prior.mu, prior.sigma).logpdf(at_mean), rtol=1e-9)
    assert not np.allclose(found, stats.norm(prior.mu, prior.sigma).logpdf(beta[..., 0]))


def test_groups_stand_in_the_tree_and_arviz_reads_them():
    import arviz_stats

    fit = fake_fit("y ~ x + (x | g)", table(), chains=4, draws=100)
    fit.log_likelihood()
    fit.log_likelihood(thin=2)
    assert fit.tree["log_likelihood"]["y"].sizes == {"chain": 4, "draw": 50, "row": 60}
    fit.log_likelihood()
    fit.log_prior()
    found = arviz_stats.psense_summary(fit.tree, var_names=["beta", "sigma"])
    assert list(found.index) == ["beta[Intercept]", "beta[x]", "sigma"]


def test_blocks_of_rows_change_nothing():
    fit = fit_of("four terms")
    whole = fit.log_likelihood()["y"].to_numpy().reshape(14, 60)
    seen = 0
    for rows, values in row_densities(fit.design, draws_of(fit), step=7):
        np.testing.assert_array_equal(values, whole[:, rows])
        seen += values.shape[1]
    assert seen == 60


def test_too_large_an_array_is_refused_with_a_way_out():
    fit = fake_fit("y ~ x + (x | g)", table(), draws=100)
    with pytest.raises(hb.ModelError, match="60 rows at 200 draws") as raised:
        fit.log_likelihood(max_gb=1e-5)
    assert "thin=10" in str(raised.value)
    assert fit.log_likelihood(thin=10, max_gb=1e-5).sizes["draw"] == 10


@pytest.mark.parametrize("thin", [0, -1, 1.5, True])
def test_thin_is_checked(thin):
    with pytest.raises(hb.ModelError, match="thin="):
        fit_of("intercepts").log_likelihood(thin=thin)


@pytest.mark.parametrize("size", ["a", 0, True, None])
def test_a_size_is_checked(size):
    with pytest.raises(hb.ModelError, match="max_gb"):
        fake_fit("y ~ x + (1 | g)", table(), draws=10).log_likelihood(max_gb=size)


def test_a_custom_prior_is_named():
    fit = fake_fit("y ~ x + (1 | g)", table(), priors={"x": LAPLACE})
    with pytest.raises(hb.ModelError, match="Custom"):
        fit.log_prior()


@pytest.mark.parametrize("name", ["draw", "chain", "row", "a/b", "50%"])
def test_hostile_response_names(name):
    data = table().rename(columns={"y": name})
    fit = fake_fit(f"`{name}` ~ x + (1 | g)", data)
    assert len(fit.log_likelihood().data_vars) == 1
    assert "log_likelihood" in fit.tree.children


def test_joint_density_of_the_oracle_holds_all_three_parts():
    """Rows, priors and effects together are the oracle's joint density: none is counted twice or left out."""
    fit = fit_of("crossed")
    problem, draws = fit.model.problem, internal(fit.model.problem, fit.model.labels, fit.posterior)
    at = fit.posterior.isel(chain=0, draw=0)
    b = tuple(at[f"b_{factor}"].to_numpy() for factor in ("g", "h"))
    point = Point(draws.beta[0], draws.sigma[0], tuple(s[0] for s in draws.sds), tuple(c[0] for c in draws.corrs), b)
    effects = sum(stats.norm(0, sd[0]).logpdf(own).sum() for sd, own in zip(point.sd, b, strict=True))
    priors = sum(float(own.isel(chain=0, draw=0).sum()) for own in fit.log_prior().values())
    rows = float(fit.log_likelihood()["y"][0, 0].sum())
    assert rows + priors + effects == pytest.approx(log_joint(problem, point), rel=1e-9)
