"""PSIS-LOO against ArviZ's own, and against exact refits."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from fits import fake_fit
from oracles.structures import table
from scipy import stats

import hierbayes as hb


def quiet_loo(fit, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return fit.loo(*args, **options)


@pytest.fixture(scope="module")
def dyestuff():
    return hb.fit("Yield ~ 1 | Batch", hb.load_data("dyestuff"), seed=1, progress=False)


@pytest.fixture(scope="module")
def sleep():
    data = hb.load_data("sleepstudy")
    return hb.fit("Reaction ~ Days + (Days | Subject)", data, seed=1, progress=False)


def check_close(found, wanted):
    """Check that rows differ no more than where the efficiency of the draws sets another length of the tail.

    With twelve seeds that was 0.003 at most, and 0.034 in the three rows or so whose weights are bad.
    """
    good = found.pareto_k.to_numpy() < found.good_k
    assert good.mean() > 0.95
    for rows, room in ((good, 0.01), (~good, 0.1)):
        np.testing.assert_allclose(found.elpd_i.to_numpy()[rows], wanted.elpd_i.to_numpy()[rows], rtol=0, atol=room)


def test_conditional_is_that_of_arviz(sleep):
    import arviz_stats

    found = quiet_loo(sleep)
    sleep.log_likelihood()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        wanted = arviz_stats.loo(sleep.tree, pointwise=True)
    check_close(found, wanted)
    assert found.elpd == pytest.approx(wanted.elpd, abs=0.1)
    assert found.se == pytest.approx(wanted.se, rel=1e-3)
    assert found.p == pytest.approx(wanted.p, abs=0.05)
    assert isinstance(found, type(wanted))
    assert np.corrcoef(found.pareto_k, wanted.pareto_k)[0, 1] > 0.99


def test_blocks_of_rows_change_little(sleep, monkeypatch):
    from hierbayes.comparison import row_densities

    whole = quiet_loo(sleep)
    monkeypatch.setattr(row_densities, "CHUNK", 40_000)
    blocks = quiet_loo(sleep)
    check_close(blocks, whole)


def check_exact(fit, exact, kind, worst=0.05, total=0.15):
    """Say whether importance sampling agrees with exact refits, row by row and in all, beyond Monte Carlo error."""
    gaps = np.abs(quiet_loo(fit, kind).elpd_i.to_numpy() - exact.table["elpd"].to_numpy())
    room = worst + 4 * exact.table["error"].to_numpy()
    return bool(np.all(gaps < room)) and abs(quiet_loo(fit, kind).elpd - exact.elpd) < total + 4 * exact.error


@pytest.fixture(scope="module")
def exact_dyestuff(dyestuff):
    return dyestuff.leave_one_out_exact(draws=500, chains=2, progress=False)


def test_marginal_agrees_with_exact_refits_on_dyestuff(dyestuff, exact_dyestuff):
    assert len(exact_dyestuff.table) == 30
    gaps = np.abs(quiet_loo(dyestuff, "marginal").elpd_i.to_numpy() - exact_dyestuff.table["elpd"].to_numpy())
    print(f"dyestuff: largest gap {gaps.max():.4f}, elpd {exact_dyestuff.elpd:.3f}, error {exact_dyestuff.error:.3f}")
    assert check_exact(dyestuff, exact_dyestuff, "marginal")


def test_the_check_tells_densities_with_the_row_in(dyestuff, exact_dyestuff):
    """The same densities without importance weights, the rows being among the data, do not pass."""
    found = quiet_loo(dyestuff, "marginal")
    within = found.elpd_i + found.p_loo_i
    gaps = np.abs(within.to_numpy() - exact_dyestuff.table["elpd"].to_numpy())
    assert np.any(gaps > 0.05 + 4 * exact_dyestuff.table["error"].to_numpy())
    assert abs(float(within.sum()) - exact_dyestuff.elpd) > 0.15 + 4 * exact_dyestuff.error


@pytest.mark.slow
def test_marginal_agrees_with_exact_refits_on_penicillin():
    data = hb.load_data("penicillin")
    fit = hb.fit("diameter ~ 1 + (1 | plate) + (1 | sample)", data, seed=1, progress=False)
    exact = fit.leave_one_out_exact(draws=250, chains=2, progress=False)
    gaps = np.abs(quiet_loo(fit, "marginal").elpd_i.to_numpy() - exact.table["elpd"].to_numpy())
    print(f"penicillin: largest gap {gaps.max():.4f}, elpd {exact.elpd:.3f}, error {exact.error:.3f}")
    assert len(exact.table) == 144
    assert check_exact(fit, exact, "marginal")
    found = quiet_loo(fit, "marginal")
    assert abs(float((found.elpd_i + found.p_loo_i).sum()) - exact.elpd) > 0.15 + 4 * exact.error


def test_marginal_weights_are_more_even(sleep):
    conditional, marginal = quiet_loo(sleep), quiet_loo(sleep, "marginal")
    assert len(marginal.bad_rows) < len(conditional.bad_rows)
    assert np.mean(marginal.pareto_k) < np.mean(conditional.pareto_k)
    assert marginal.p < conditional.p


def test_bad_rows_are_warned_of_and_refitted(sleep):
    with pytest.warns(hb.HierBayesWarning, match=r"leaving out row \d+ .* refit=True") as caught:
        found = sleep.loo()
    assert "other rows" in str(caught[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error", hb.HierBayesWarning)
        again = sleep.loo(refit=True, progress=False)
    assert again.refitted == found.bad_rows
    assert again.bad_rows == ()
    exact = sleep.leave_one_out_exact(found.bad_rows, progress=False).table["elpd"]
    for row, value in exact.items():
        assert float(again.elpd_i[row]) == pytest.approx(value, abs=1e-9)
    others = np.setdiff1d(np.arange(180), again.refitted)
    np.testing.assert_array_equal(again.elpd_i[others], found.elpd_i[others])
    assert again.elpd == pytest.approx(float(again.elpd_i.sum()))
    assert float(again.p_loo_i.sum()) - float(found.p_loo_i.sum()) == pytest.approx(found.elpd - again.elpd)


def test_what_cannot_be_is_refused(dyestuff):
    with pytest.raises(hb.ModelError, match="'marginal'"):
        dyestuff.loo("both")
    with pytest.raises(hb.ModelError, match="too few"):
        fake_fit("y ~ x + (1 | g)", table(), draws=5).loo()
    with pytest.raises(hb.DataError, match="no row 30"):
        dyestuff.leave_one_out_exact([30])
    with pytest.raises(hb.DataError, match="no row True"):
        dyestuff.leave_one_out_exact([True])


def test_printing_names_the_kind(dyestuff):
    assert "marginal density" in repr(quiet_loo(dyestuff, "marginal"))


def test_a_model_without_groups():
    data = hb.load_data("dyestuff")
    fit = hb.fit("Yield ~ 1", data, draws=500, chains=2, seed=1, progress=False)
    marginal, conditional = quiet_loo(fit, "marginal"), quiet_loo(fit)
    assert marginal.elpd == pytest.approx(conditional.elpd, abs=0.1)


def test_known_sds_give_the_closed_form():
    """With sds and sigma fixed every marginal weight is the same, and the density of a row is a dense normal's."""
    data = table()
    data["w"], data["o"] = np.linspace(0.5, 2, len(data)), np.linspace(-1, 1, len(data))
    priors = {"Intercept": hb.Normal(1, 2), "x": hb.Normal(0, 3), "sd_g": hb.Fixed(0.7), "sigma": hb.Fixed(1.3)}
    options = {"weights": "w", "priors": priors, "draws": 100, "chains": 2, "seed": 1, "progress": False}
    fit = hb.fit("y ~ x + offset(o) + (1 | g)", data, **options)
    x, code = data["x"].to_numpy(), fit.design.groups[0].codes
    X = np.column_stack([np.ones(len(data)), x - x.mean()])
    V = 0.49 * (code[:, None] == code) + np.diag(1.69 / data["w"]) + X @ np.diag([4.0, 9.0]) @ X.T
    P, gap = np.linalg.inv(V), data["y"].to_numpy() - 1 - data["o"].to_numpy()
    wanted = stats.norm.logpdf(P @ gap / np.diag(P), scale=1 / np.sqrt(np.diag(P)))
    found = fit.loo(kind="marginal")
    np.testing.assert_allclose(found.elpd_i, wanted, rtol=1e-9)
    assert found.bad_rows == ()
    groups = fit.leave_one_group_out(draws=50, chains=2, progress=False).table
    out, rest = code == 0, code != 0
    weights = np.linalg.solve(V[np.ix_(rest, rest)], V[np.ix_(rest, out)])
    left = stats.multivariate_normal(weights.T @ gap[rest], V[np.ix_(out, out)] - V[np.ix_(out, rest)] @ weights)
    assert groups["elpd"].iloc[0] == pytest.approx(left.logpdf(gap[out]), rel=1e-9)
    assert groups["error"].tolist() == [0] * len(groups)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rows": []}, hb.DataError, "no row is named"),
        ({"rows": [3, 3]}, hb.DataError, "row 3 is named twice"),
        ({"rows": "3"}, hb.DataError, "list of numbers"),
        ({"rows": 2.5}, hb.DataError, "list of numbers"),
        ({"rows": 30}, hb.DataError, "no row 30"),
        ({"rows": [0], "seed": -1}, hb.ModelError, "seed"),
    ],
)
def test_rows_that_cannot_be_left_out(dyestuff, options, error, message):
    with pytest.raises(error, match=message):
        dyestuff.leave_one_out_exact(**options)


@pytest.mark.parametrize("options", [{"seed": -1}, {"refit": "yes"}, {"thin": 0}])
def test_options_are_checked_before_they_are_needed(dyestuff, options):
    with pytest.raises(hb.ModelError, match=next(iter(options))):
        dyestuff.loo("marginal", **options)


def test_numpys_numbers_are_numbers(dyestuff):
    assert quiet_loo(dyestuff, thin=np.int64(2)).elpd == quiet_loo(dyestuff, thin=2).elpd
