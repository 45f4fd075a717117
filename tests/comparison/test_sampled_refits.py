"""Rows and groups left out of families that do not integrate out, against brute force: other fits, averages by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from scipy import stats
from scipy.special import expit, logsumexp

import hierbayes as hb
from hierbayes.comparison.left_out_effects import integrated_factor
from hierbayes.families import family

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")]

CBPP = "cbind(incidence, size - incidence) ~ period + (1 | herd)"
NESTED = "y ~ x + (1 | a/b)"


@pytest.fixture(scope="module")
def cbpp():
    return hb.fit(CBPP, hb.load_data("cbpp"), family="binomial", seed=1, progress=False)


@pytest.fixture(scope="module")
def herds(cbpp):
    return cbpp.leave_one_group_out(progress=False).table


@pytest.fixture(scope="module")
def exact(cbpp):
    return cbpp.leave_one_out_exact(draws=400, chains=2, progress=False)


@pytest.fixture(scope="module")
def nested():
    """Poisson counts of five plots with three pots of two rows each."""
    sizes = {"a": 5, "b": 3, "rows": 2}
    truth = {"Intercept": 0.8, "x": 0.4, "sd_a": 0.7, "sd_a:b": 0.5}
    data = hb.simulate(NESTED, sizes, truth, seed=3, family="poisson", predictors={"x": hb.Normal(0, 1)})
    return data, hb.fit(NESTED, data, family="poisson", seed=1, progress=False)


def without(fit, data, keep):
    """Fit the rest with the priors of all, and return its draws, chains one after the other."""
    model = hb.Model(fit.spec.formula.text, data[keep], family=fit.spec.family.name)
    rest = model.with_resolved(fit.model.resolved_priors).fit(draws=2500, seed=5, progress=False)
    return rest.posterior.stack(s=("chain", "draw"))


def averaged(log_terms):
    """Return the log of a mean, and the error of it; the draws are nearly independent."""
    terms = np.exp(log_terms - log_terms.max())
    return logsumexp(log_terms) - np.log(len(terms)), terms.std() / terms.mean() / np.sqrt(len(terms) / 4)


def herd_by_hand(fit, herd, spread=1.0):
    """Average the binomial probability of a herd's rows over draws of the others, each with 50 new herds."""
    data, rng = hb.load_data("cbpp"), np.random.default_rng(2)
    own = data["herd"] == herd
    draws = without(fit, data, ~own)
    eta = fit.design.X[own] @ draws["beta"].to_numpy()
    b = spread * draws["sd_herd"].to_numpy() * rng.standard_normal((50, eta.shape[1]))
    y, n = (data.loc[own, name].to_numpy()[:, None, None] for name in ("incidence", "size"))
    log_terms = stats.binom(n, expit(eta[:, None] + b)).logpmf(y).sum(axis=0)
    return averaged(logsumexp(log_terms, axis=0) - np.log(50))


@pytest.mark.parametrize("herd", ["8", "11"])
def test_a_herd_left_out_is_scored_as_a_new_one(cbpp, herds, herd):
    wanted, error = herd_by_hand(cbpp, herd)
    found = herds.loc[herd]
    assert found["rows"] == (1 if herd == "8" else 4)
    assert abs(found["elpd"] - wanted) < 4 * np.hypot(error, found["error"])
    assert error < 0.1


def test_the_check_tells_herds_that_differ_less(cbpp, herds):
    wanted, error = herd_by_hand(cbpp, "11", spread=0.3)
    found = herds.loc["11"]
    assert abs(found["elpd"] - wanted) > 4 * np.hypot(error, found["error"])


@pytest.mark.parametrize("row", [0, 50])
def test_a_row_left_out_keeps_its_herd(cbpp, exact, row):
    data = hb.load_data("cbpp")
    draws = without(cbpp, data, np.arange(56) != row)
    b = draws["b_herd"].sel(herd=data["herd"][row]).to_numpy()[0]
    law = stats.binom(data["size"][row], expit(cbpp.design.X[row] @ draws["beta"].to_numpy() + b))
    wanted, error = averaged(law.logpmf(data["incidence"][row]))
    found = exact.table.loc[row]
    assert abs(found["elpd"] - wanted) < 4 * np.hypot(error, found["error"])


def test_marginal_weights_agree_with_exact_refits(cbpp, exact):
    """And do so better than conditional ones, which fail for some rows of small herds."""
    marginal, conditional = cbpp.loo(kind="marginal"), cbpp.loo()
    table = exact.table
    gaps = {own.conditional_on: own.elpd_i.to_numpy() - table["elpd"].to_numpy() for own in (marginal, conditional)}
    room = 0.05 + 4 * table["error"].to_numpy()
    assert np.all(np.abs(gaps["marginal"]) < room)
    assert not np.all(np.abs(gaps["conditional"]) < room)
    assert abs(marginal.elpd - exact.elpd) < 0.3 + 4 * exact.error
    # densities with the row among the data do not pass
    assert abs(marginal.elpd + marginal.p - exact.elpd) > 0.3 + 4 * exact.error
    assert len(marginal.bad_rows) < len(conditional.bad_rows)


def test_bad_rows_are_refitted(cbpp, exact):
    found = cbpp.loo()
    again = cbpp.loo(refit=True, progress=False)
    assert again.refitted == found.bad_rows != ()
    for row in again.refitted:
        error = exact.table["error"][row]
        assert abs(float(again.elpd_i[row]) - exact.table["elpd"][row]) < 0.05 + 6 * error


def test_a_nested_group_takes_its_parts_along(nested):
    """Plot 2 with its three pots: four effects at once, by random points."""
    data, fit = nested
    found = fit.leave_one_group_out("a", draws=1000, progress=False).table.loc["2"]
    own = (data["a"] == "2").to_numpy()
    draws, rng = without(fit, data, ~own), np.random.default_rng(4)
    eta = (fit.design.X[own] @ draws["beta"].to_numpy())[:, None]
    pots = pd.factorize(data.loc[own, "b"])[0]
    times = (200, eta.shape[2])
    plot = draws["sd_a"].to_numpy() * rng.standard_normal(times)
    pot = draws["sd_a:b"].to_numpy() * rng.standard_normal((3, *times))
    y = data.loc[own, "y"].to_numpy()[:, None, None]
    log_terms = stats.poisson(np.exp(eta + plot + pot[pots])).logpmf(y).sum(axis=0)
    wanted, error = averaged(logsumexp(log_terms, axis=0) - np.log(200))
    assert abs(found["elpd"] - wanted) < 4 * np.hypot(error, found["error"])
    assert found["error"] < 0.2
    alone = stats.poisson(np.exp(eta + 0 * plot)).logpmf(y).sum(axis=0)[0]
    assert abs(averaged(alone)[0] - found["elpd"]) > 4 * found["error"]


def test_the_factor_that_is_integrated_out(cbpp, nested):
    assert integrated_factor(cbpp.design) == "herd"
    assert integrated_factor(nested[1].design) == "a:b"
    plain = hb.Model("incidence ~ period", hb.load_data("cbpp"), family="poisson").design
    assert integrated_factor(plain) is None
    wide = hb.Model("y ~ x + (x + I(x^2) + I(x^3) | a)", nested[0], family="poisson").design
    with pytest.raises(hb.ModelError, match="a level has 4; at most 3"):
        integrated_factor(wide)


def test_without_groups_both_kinds_are_one():
    fit = hb.fit("incidence ~ period", hb.load_data("cbpp"), family="poisson", draws=300, seed=1, progress=False)
    marginal, conditional = fit.loo(kind="marginal"), fit.loo()
    np.testing.assert_allclose(marginal.elpd_i, conditional.elpd_i, rtol=1e-9)


def test_seeds_fix_everything(cbpp):
    one, two, other = (
        cbpp.leave_one_out_exact([3], draws=100, chains=2, seed=seed, progress=False).elpd for seed in (5, 5, 6)
    )
    assert one == two != other


def test_flat_priors_that_the_rest_leaves_improper():
    """Only one herd has cases in the second half: without it the flat coefficient of the half runs off."""
    data = pd.DataFrame({"y": [1, 0, 2, 0, 1, 0, 0, 1, 0, 3], "late": [0, 1] * 5, "g": list("aabbccddee")})
    data.loc[data["late"] == 1, "y"] = [0, 0, 0, 0, 3]
    data["y"] = data["y"].where(data["late"] == 1, [1, 1, 2, 2, 1, 1, 3, 3, 2, 2])
    fit = hb.fit(
        "y ~ late + (1 | g)", data, family="poisson", priors={"beta": hb.Flat()}, draws=100, seed=1, progress=False
    )
    with pytest.raises(hb.ModelError, match="without g 'e' the flat priors leave an improper posterior"):
        fit.leave_one_group_out(draws=50, chains=1, progress=False)


def test_too_many_effects_at_once_are_refused(cbpp, monkeypatch):
    from hierbayes.comparison import sampled_refits

    monkeypatch.setattr(sampled_refits, "LARGEST", 0)
    with pytest.raises(hb.ModelError, match="1 effects would have no row left"):
        cbpp.leave_one_group_out(draws=50, chains=1, progress=False)


def test_models_of_pymc_are_compiled_anew_and_that_is_said(monkeypatch):
    """Compiling is left out here: the refit gives the draws of the whole, so that the score is that with the row in."""
    from hierbayes.comparison.sampled_refits import SampledRefits

    rng = np.random.default_rng(1)
    data = pd.DataFrame({"u": rng.beta(2, 3, 24), "g": list("abcdef") * 4})
    fit = fake_fit("u ~ 1 + (1 | g)", data, family=family("beta"), draws=200)
    asked = []
    monkeypatch.setattr(SampledRefits, "_sampled", lambda self, rows, chosen: asked.append(rows) or self.posterior)
    with pytest.warns(hb.HierBayesWarning, match=r"1 refits are sampled with PyMC.*beta family"):
        found = fit.leave_one_out_exact([3], draws=200, progress=False)
    assert [np.flatnonzero(~rows).tolist() for rows in asked] == [[3]]
    values = fit.log_likelihood()["u"].sel(row=3).to_numpy()
    assert logsumexp(values) - np.log(values.size) > found.elpd > -logsumexp(-values) + np.log(values.size)
