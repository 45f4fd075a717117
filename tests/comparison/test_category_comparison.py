"""Categorical fits scored: densities by loops, effects integrated out by quadrature, fits side by side."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from category_fits import FORMULAS, NAMES, covariance, made_up, nothing, predictors, shares, shrunk, table
from scipy.integrate import dblquad
from scipy.special import log_softmax, logsumexp

import hierbayes as hb
from hierbayes.comparison.integrals import Responses, log_integrals
from hierbayes.comparison.sampled_refits import SampledRefits
from hierbayes.errors import DataError, HierBayesWarning, ModelError
from hierbayes.families import family as by_name

RNG = np.random.default_rng(0)


def densities(fit) -> np.ndarray:
    """The log probability of each row's category, (chain, draw, row), by loops."""
    logs = np.log(shares(predictors(fit)))
    return np.stack([logs[:, :, i, int(y) - 1] for i, y in enumerate(fit.design.y)], axis=-1)


@pytest.mark.parametrize("structure", list(FORMULAS))
def test_log_likelihood(structure):
    fit = made_up(structure)
    found = fit.log_likelihood()["kind"]
    assert found.dims[:2] == ("chain", "draw")
    np.testing.assert_allclose(found, densities(fit), rtol=1e-9)
    assert np.abs(found.to_numpy() - densities(fit)[..., ::-1]).max() > 0.1
    np.testing.assert_allclose(fit.log_likelihood(thin=3)["kind"], densities(fit)[:, ::3], rtol=1e-9)


def test_weights_multiply_the_log_likelihood():
    data = table().assign(w=np.linspace(0.5, 2, 60).round(2))
    fit = shrunk("kind ~ x + (1 | g)", data, weights="w")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HierBayesWarning)
        found = fit.log_likelihood()["kind"].to_numpy()
    np.testing.assert_allclose(found, densities(fit) * data["w"].to_numpy(), rtol=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_loo_is_arviz_of_these_densities():
    import arviz_stats
    import xarray as xr

    fit = made_up("crossed", draws=100)
    found = fit.loo(progress=False)
    own = xr.Dataset({"kind": (("chain", "draw", "row"), densities(fit))})
    post = xr.Dataset({"beta": fit.posterior["beta"]})
    tree = xr.DataTree.from_dict({"/posterior": post, "/log_likelihood": own})
    from hierbayes.comparison.leave_one_out import relative_efficiency

    efficiency = relative_efficiency(np.moveaxis(densities(fit), -1, 0))
    wanted = arviz_stats.loo(tree, reff=efficiency, pointwise=True)
    assert found.elpd == pytest.approx(float(wanted.elpd), abs=1e-8)
    np.testing.assert_allclose(found.elpd_i, wanted.elpd_i, atol=1e-8)
    assert abs(found.elpd - densities(fit).mean(axis=(0, 1)).sum()) > 1


# effects integrated out


def problem(K: int, n: int, q: int):
    """Rows of a level, their predictors and columns."""
    rng = np.random.default_rng(K + q)
    y = rng.integers(1, K + 1, n).astype(float)
    rows = Responses(by_name("categorical(logit)", K), y, np.linspace(0.5, 2, n))
    return rows, rng.normal(size=n * (K - 1)), rng.normal(size=(n * (K - 1), q)) * 0.8


def height(rows, eta) -> np.ndarray:
    """The log likelihood at predictors (..., n (K - 1)), from the definition."""
    K = rows.family.categories
    whole = eta.reshape(*eta.shape[:-1], -1, K - 1)
    whole = np.concatenate([np.zeros((*whole.shape[:-1], 1)), whole], axis=-1)
    logs = log_softmax(whole, axis=-1)
    return sum(rows.weights[i] * logs[..., i, int(y) - 1] for i, y in enumerate(rows.y))


@pytest.mark.parametrize("n", [1, 5])
def test_two_effects_against_adaptive_quadrature(n):
    rows, eta, A = problem(3, n, 2)

    def integrand(v, u):
        return np.exp(height(rows, eta + A @ [u, v]) - 0.5 * (u * u + v * v)) / (2 * np.pi)

    wanted = np.log(dblquad(integrand, -8, 8, -8, 8, epsabs=1e-12)[0])
    found = log_integrals(rows, eta[None], A[None], {}, RNG)[0]
    assert found == pytest.approx(wanted, abs=1e-6)
    assert abs(log_integrals(rows, eta[None], 1.1 * A[None], {}, RNG)[0] - wanted) > 1e-4


def fine_sum(rows, eta, A, step=0.35, reach=6.0) -> float:
    """The integral as a sum over a fine grid of all dimensions: it converges at once for a smooth integrand."""
    axis = np.arange(-reach, reach + step / 2, step)
    points = np.array(list(itertools.product(axis, repeat=A.shape[1])))
    logs = height(rows, eta + points @ A.T) - 0.5 * np.sum(points**2, axis=1)
    return float(logsumexp(logs) + A.shape[1] * (np.log(step) - 0.5 * np.log(2 * np.pi)))


@pytest.mark.parametrize(("K", "q"), [(3, 2), (3, 3), (4, 3), (5, 3)])
def test_grids_of_two_and_three_effects(K, q):
    rows, eta, A = problem(K, 4, q)
    found = log_integrals(rows, np.tile(eta, (2, 1)), np.stack([A, 1.5 * A]), {}, RNG)
    wanted = [fine_sum(rows, eta, A), fine_sum(rows, eta, 1.5 * A)]
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    assert np.abs(found - wanted[::-1]).min() > 1e-3


def test_many_effects_are_unbiased():
    rows, eta, A = problem(3, 3, 3)
    wide = np.concatenate([A, np.zeros((6, 3))], axis=1)  # six effects, three of which do nothing
    found = log_integrals(rows, np.tile(eta, (300, 1)), np.tile(wide, (300, 1, 1)), {}, np.random.default_rng(3))
    ratios = np.exp(found - fine_sum(rows, eta, A))
    error = ratios.std() / np.sqrt(300)
    assert abs(ratios.mean() - 1) < 4 * error < 0.03


def by_grid(fit, rows, draw: int) -> float:
    """The log probability of some rows of one level of g, its effects integrated out, all else of one draw."""
    data, others = table(), predictors(fit, effects=nothing)
    eta = others.reshape(-1, *others.shape[2:])[draw]
    own = list(data.iloc[rows].itertuples())
    roots = [np.linalg.cholesky(covariance(fit, row).reshape(-1, 2, 2)[draw]) for row in own]
    axis = np.arange(-6, 6.2, 0.3)
    points = np.array(list(itertools.product(axis, repeat=2)))
    logs = -0.5 * np.sum(points**2, axis=1) + 2 * np.log(0.3) - np.log(2 * np.pi)
    for i, root in zip(rows, roots, strict=True):
        logs = logs + np.log(shares(eta[i] + points @ root.T))[:, int(fit.design.y[i]) - 1]
    return float(logsumexp(logs))


@pytest.mark.filterwarnings("ignore")
def test_marginal_leave_one_out_by_hand():
    from hierbayes.comparison.left_out_effects import integrated_densities
    from hierbayes.plots.fit_like import draws_of

    fit = shrunk("kind ~ x + (1 | g)", table(), draws=10)
    found = integrated_densities(fit.design, draws_of(fit))
    level = np.flatnonzero(table()["g"] == "b")
    for draw in (0, 13):
        whole = by_grid(fit, level, draw)
        for i in level[:4]:
            wanted = whole - by_grid(fit, level[level != i], draw)
            assert found[draw, i] == pytest.approx(wanted, abs=2e-5)
            assert abs(found[draw, i] - densities(fit).reshape(20, -1)[draw, i]) > 1e-4  # given the effects
    few = shrunk("kind ~ x + (1 | g)", table(n=20), draws=60)
    loo = few.loo(kind="marginal", progress=False)
    assert loo.conditional_on == "marginal"
    assert abs(loo.elpd - few.loo(progress=False).elpd) > 0.01
    with pytest.raises(ModelError, match="a level has 4; at most 3 are taken for the categorical family"):
        made_up("correlated").loo(kind="marginal")


def test_the_density_of_a_level_left_out():
    """What a refit without a level averages: its rows, with effects from the population."""
    fit = shrunk("kind ~ x + (1 | g)", table(), draws=10)
    refits = SampledRefits(fit.design, fit.model.problem, fit.model.labels, fit.posterior)
    out = (table()["g"] == "d").to_numpy()
    found = refits._densities(fit.posterior, out, RNG)
    wanted = [by_grid(fit, np.flatnonzero(out), draw) for draw in range(20)]
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    given = densities(fit)[..., out].sum(axis=-1).ravel()
    assert np.abs(found - given).max() > 0.1
    # of a row whose level has others, the effects are known
    out = np.arange(60) == 7
    np.testing.assert_allclose(refits._densities(fit.posterior, out, RNG), densities(fit)[..., 7].ravel(), rtol=1e-9)


def test_rows_that_stay_are_whole_observations():
    from hierbayes.comparison.refits import kept

    fit = made_up("correlated")
    rows = (table()["g"] != "d").to_numpy()
    found = kept(fit.model.problem, rows)
    again = shrunk(f"kind {FORMULAS['correlated']}", table()[rows]).design
    np.testing.assert_array_equal(found.y, again.y)
    np.testing.assert_array_equal(found.X, fit.model.problem.X[np.repeat(rows, 2)])
    assert found.blocks[0].n_levels == 5
    assert len(found.blocks[0].codes) == 2 * rows.sum()


# prior and likelihood raised to powers


@pytest.mark.filterwarnings("ignore")
def test_power_scaling_reads_prior_and_likelihood():
    import arviz_stats
    import xarray as xr

    fit = made_up("apart", draws=100)
    prior = sum(values.sum([dim for dim in values.dims if dim not in ("chain", "draw")])
                for values in fit.log_prior().values())  # fmt: skip
    given = {"foot:x": fit.posterior["beta"].sel(coef="foot:x", drop=True)}
    tree = xr.DataTree.from_dict(
        {
            "/posterior": xr.Dataset(given),
            "/log_prior": xr.Dataset({"p": prior}),
            "/log_likelihood": xr.Dataset({"l": (("chain", "draw"), densities(fit).sum(axis=-1))}),
        }
    )
    wanted = arviz_stats.psense_summary(tree, round_to=6)
    found = fit.psense()
    for column in ("prior", "likelihood"):
        assert found.loc["foot:x", column] == pytest.approx(float(wanted[column].iloc[0]), abs=2e-6)


# side by side


def named(order, data=None):
    data = table() if data is None else data
    return shrunk("kind ~ x + (1 | g)", data.assign(kind=data["kind"].cat.reorder_categories(order)), draws=60)


@pytest.mark.filterwarnings("ignore:.*Pareto:hierbayes.HierBayesWarning")
@pytest.mark.filterwarnings("ignore:leaving out:hierbayes.HierBayesWarning")
def test_fits_of_one_response_are_compared_whatever_their_family():
    fit = named(list(NAMES[:3]))
    other = named(["foot", "bus", "car"])
    data = table().assign(kind=lambda d: d["kind"].cat.as_ordered())
    ordered = shrunk("kind ~ x + (1 | g)", data, draws=60, family="ordinal")
    found = hb.compare({"first": fit, "second": other, "ordered": ordered}, progress=False)
    for name, own in (("first", fit), ("second", other), ("ordered", ordered)):
        assert found.loc[name, "elpd"] == pytest.approx(own.loo(progress=False).elpd)
    data = table()
    data.loc[3, "kind"] = "foot" if data.loc[3, "kind"] == "car" else "car"
    with pytest.raises(DataError, match="1 of 60 responses differ, the first in row 3"):
        hb.compare({"a": fit, "b": named(list(NAMES[:3]), data)})


def test_numbers_of_categories_are_the_numbers_of_the_column():
    data = table().assign(kind=lambda d: d["kind"].cat.codes * 10 + 5)
    fit = shrunk("kind ~ x + (1 | g)", data, draws=60)
    counts = shrunk("kind ~ x + (1 | g)", data, draws=60, family="poisson")
    from hierbayes.comparison.checks import difference, refuse_other_data

    assert difference(fit.design, counts.design) is None
    with pytest.warns(HierBayesWarning, match="depends on the unit of the response"):
        refuse_other_data({"a": fit, "b": shrunk("kind ~ x + (1 | g)", data, draws=60, family="gaussian")})
    other = shrunk("kind ~ x", pd.concat([data, data]), draws=60)
    with pytest.raises(DataError, match="one has 60 rows and the other 120"):
        refuse_other_data({"a": fit, "b": other})


def test_evidence_is_refused():
    with pytest.raises(ModelError, match=r"does not integrate out(.|\n)*fit\.loo\(\)"):
        made_up().log_marginal_likelihood()
