"""Curves of levels and ribbons of a new level against predictions, simulation and dense sums, row by row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from family_fits import OTHERS, made_up
from family_fits import table as FAMILY_TABLE
from fits import fake_fit
from scipy.optimize import brentq
from scipy.stats import norm
from summaries_data import schools

import hierbayes as hb
from hierbayes.families import family as by_name
from hierbayes.plots.fit_like import draws_of
from hierbayes.posterior import posterior_of
from hierbayes.summaries.curve_rows import OBSERVATION, along, contains, curve_parts
from hierbayes.summaries.fans import fan_tables, mixture_quantile

LINK = by_name("poisson(log)")


FORMULA = "y ~ hours * sex + I(hours**2) + iq + offset(iq) + (hours + iq | school) + (1 + sex | district)"


@pytest.fixture(scope="module")
def crossed():
    return fake_fit(FORMULA, schools(), chains=1, draws=7)


def tables(fit, family=None, **options):
    design = fit.design
    if family is not None:
        design = replace(design, schema=replace(design.schema, family=family))
    return fan_tables(design, draws_of(fit), **options)


def moved(fit, data, name, value, level, factor):
    """The mean of the rows of a level with one predictor moved, by draw, from predictions."""
    own = data[data[factor] == level].assign(**{name: value})
    return fit.predict(own, draws=True).to_numpy().reshape(-1, len(own)).mean(axis=1)


@pytest.mark.parametrize("factor", ["school", "district"])
@pytest.mark.parametrize("x", ["hours", "sex", "iq"])
def test_lines_are_averages_of_predictions_over_the_rows_of_the_level(crossed, factor, x) -> None:
    data, found = schools(), tables(crossed, factor=factor, x=x, lines=7)
    for level in ("a", "d") if factor == "school" else ("west",):
        own = found.lines[found.lines["level"] == level].pivot(index="draw", columns="x", values="y")
        for place in own.columns[[0, -1]]:
            value = place if found.x_names is None else found.x_names[int(place)]
            np.testing.assert_allclose(own[place], moved(crossed, data, x, value, level, factor), rtol=1e-9)


def test_lines_come_from_evenly_spread_draws(crossed) -> None:
    few, all_ = tables(crossed, x="hours", lines=3).lines, tables(crossed, x="hours", lines=7).lines
    assert sorted(set(few["draw"])) == [0, 3, 6]
    assert sorted(set(all_["draw"])) == list(range(7))
    merged = few.merge(all_, on=["level", "draw", "x"])
    np.testing.assert_allclose(merged["y_x"], merged["y_y"])


def test_levels_select_and_keep_their_order(crossed) -> None:
    some, whole = tables(crossed, x="hours", levels=["d", "a"]), tables(crossed, x="hours")
    assert list(dict.fromkeys(some.lines["level"])) == ["d", "a"]
    merged = some.lines.merge(whole.lines, on=["level", "draw", "x"])
    assert len(merged) == len(some.lines)
    np.testing.assert_allclose(merged["y_x"], merged["y_y"])
    assert set(some.points["level"]) == {"a", "d"}
    pd.testing.assert_frame_equal(some.ribbon, whole.ribbon)


def ribbon_oracle(fit, data, factor, x, value, prob, response, correlated=True):
    """The quantile of the mixture by root finding; design rows from `rows_of` one by one, covariances from scratch."""
    from hierbayes.design.new_rows import rows_of

    design, post = fit.design, fit.posterior.stack(s=("chain", "draw"))
    rows = rows_of(design.schema, data.assign(**{x: value}))
    Z = {f: np.hstack([g.Z for g in rows.groups if g.factor == f]) for f in design.factors}
    means, sds = [], []
    for s in range(post.sizes["s"]):
        mean = np.mean(rows.X @ post["beta"].to_numpy()[:, s] + rows.offset)
        variance = 0.0
        for name in design.factors:
            b, sd = post[f"b_{name}"].to_numpy()[..., s], post[f"sd_{name}"].to_numpy()[:, s]
            corr = np.nan_to_num(post[f"corr_{name}"].to_numpy()[..., s]) if correlated else np.eye(len(sd))
            codes = design.blocks(name)[0].codes
            if name == factor or response:
                z = Z[name].mean(axis=0)
                variance += z @ (np.outer(sd, sd) * corr) @ z
            else:
                mean += np.mean(np.sum(Z[name] * b[codes], axis=1))
        means.append(mean)
        sds.append(np.sqrt(variance + response * post["sigma"].to_numpy()[s] ** 2))
    means, sds = np.array(means), np.array(sds)
    return brentq(lambda q: norm.cdf(q, means, sds).mean() - prob, -1e4, 1e4, xtol=1e-10)


@pytest.mark.parametrize("factor", ["school", "district"])
def test_ribbons_are_quantiles_of_the_mixture_over_the_draws(crossed, factor) -> None:
    data, ribbon = schools(), tables(crossed, factor=factor, x="hours", ci_prob=0.9).ribbon
    first, last = ribbon.iloc[0], ribbon.iloc[-1]
    for row in (first, last):
        asked = (crossed, data, factor, "hours", row["x"])
        np.testing.assert_allclose(row["level_lower"], ribbon_oracle(*asked, 0.05, False), rtol=1e-7)
        np.testing.assert_allclose(row["level_upper"], ribbon_oracle(*asked, 0.95, False), rtol=1e-7)
        np.testing.assert_allclose(row["lower"], ribbon_oracle(*asked, 0.05, True), rtol=1e-7)
        np.testing.assert_allclose(row["upper"], ribbon_oracle(*asked, 0.95, True), rtol=1e-7)
        np.testing.assert_allclose(row["median"], ribbon_oracle(*asked, 0.5, False), rtol=1e-7)
    # without the correlations it would be another ribbon
    wrong = ribbon_oracle(crossed, data, factor, "hours", last["x"], 0.95, False, correlated=False)
    assert abs(wrong - last["level_upper"]) > 1e-3


def test_ribbon_of_a_response_is_that_of_predictions_for_groups_unseen() -> None:
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=1000)
    ribbon = tables(fit).ribbon
    at = {"Days": ribbon["x"].tolist(), "Subject": [f"new {i}" for i in range(len(ribbon))]}
    found = fit.predict(at, groups="new", kind="response", seed=1)
    population = fit.predict({"Days": ribbon["x"].tolist()}, groups="population")
    # of 2,000 draws: the error of a 2.5% quantile is some 5% of an sd
    for end in ("lower", "upper"):
        assert ((ribbon[end] - found[end]).abs() / found["sd"]).max() < 0.2
        assert ((ribbon[end] - population[end]).abs() / found["sd"]).min() > 0.4


def test_a_new_level_of_a_nested_factor_lies_in_a_new_level_of_its_parent() -> None:
    fit = fake_fit("strength ~ 1 + (1 | batch/cask)", hb.load_data("pastes"))
    assert contains(fit.design, "batch:cask") == ("batch",)
    assert contains(fit.design, "batch") == ()
    draws = fit.posterior.stack(s=("chain", "draw"))
    mean, both = draws["beta"].to_numpy()[0], draws["sd_batch"].to_numpy()[0] ** 2
    both = both + draws["sd_batch:cask"].to_numpy()[0] ** 2
    own = tables(fit, factor="batch:cask").ribbon
    expected = brentq(lambda q: norm.cdf(q, mean, np.sqrt(both)).mean() - 0.975, -100, 100)
    np.testing.assert_allclose(own["level_upper"], expected, rtol=1e-7)


def test_crossed_factors_contain_nothing() -> None:
    fit = fake_fit("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin"))
    assert contains(fit.design, "plate") == contains(fit.design, "sample") == ()


def test_without_a_varying_predictor_the_axis_is_the_place_of_the_row() -> None:
    fit = fake_fit("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin"))
    found = tables(fit, lines=80)
    assert (found.x_label, found.x_names) == (OBSERVATION, None)
    assert sorted(set(found.points["x"])) == [1, 2, 3, 4, 5, 6]
    by_level = fit.predict(draws=True).to_numpy().reshape(80, -1)
    plate = fit.design.blocks("plate")[0]
    own = found.lines[(found.lines["level"] == "c") & (found.lines["x"] == 1)]
    np.testing.assert_allclose(own["y"], by_level[:, plate.codes == plate.levels.index("c")].mean(axis=1))


@pytest.mark.parametrize(
    ("formula", "data", "factor", "name"),
    [
        ("Reaction ~ Days + (Days | Subject)", "sleepstudy", "Subject", "Days"),
        ("Y ~ V * N + (1 | B/V)", "oats", "B:V", "N"),
        ("Y ~ V * N + (1 | B/V)", "oats", "B", "V"),
        ("angle ~ recipe * temp + (1 | recipe:replicate)", "cake", "recipe:replicate", "temp"),
        ("Yield ~ 1 + (1 | Batch)", "dyestuff", "Batch", OBSERVATION),
    ],
)
def test_the_axis_is_what_varies_within_levels(formula, data, factor, name) -> None:
    assert along(hb.Model(formula, hb.load_data(data)).design, factor).name == name


def test_equal_rows_are_made_once() -> None:
    design = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy")).design
    axis = along(design, "Subject")
    (part,) = curve_parts(design, axis, design.blocks("Subject")[0].codes, ("Subject",))
    assert len(part.level) == 18
    np.testing.assert_allclose(part.share, 1)


def test_other_families_are_drawn_through_their_link(crossed) -> None:
    linear, curved = tables(crossed, x="sex"), tables(crossed, LINK, x="sex")
    np.testing.assert_allclose(curved.lines["y"], np.exp(linear.lines["y"]))
    for name in ("median", "level_lower", "level_upper"):
        np.testing.assert_allclose(curved.ribbon[name], np.exp(linear.ribbon[name]))


def calm(posterior):
    """Return a made-up posterior with small effects, so that no share of trials is 0 or 1 throughout."""
    return posterior.assign({name: 0.3 * posterior[name] for name in ("beta", "sd_g", "sd_h")})


def responses_of_new_levels(fit, row, rng, spread=1.0):
    """Draw responses of the average row with x moved, every factor at a new level, from scratch; shares of trials."""
    from hierbayes.design.new_rows import rows_of

    data, design, times = FAMILY_TABLE(), fit.design, 1000
    rows = rows_of(design.schema, data.assign(x=row["x"]))
    post = calm(fit.posterior).stack(s=("chain", "draw"))
    eta = np.mean(rows.X @ post["beta"].to_numpy() + rows.offset[:, None], axis=0)
    variance = np.zeros(len(eta))
    for name in design.factors:
        z = np.hstack([g.Z for g in rows.groups if g.factor == name]).mean(axis=0)
        sd = post[f"sd_{name}"].to_numpy()
        corr = post[f"corr_{name}"].to_numpy() if f"corr_{name}" in post else np.ones((1, 1, len(eta)))
        variance += np.einsum("i,is,ijs,js,j->s", z, sd, corr, sd, z)
    at = eta[:, None] + spread * np.sqrt(variance)[:, None] * rng.standard_normal((len(eta), times))
    own = {name: post[name].to_numpy()[:, None] for name in fit.spec.family.parameters}
    trials = rng.choice(data["n"].to_numpy(), at.shape) if fit.spec.family.name == "binomial" else None
    y = fit.spec.family.draw(at, own, rng, trials=trials)
    return y.ravel() if trials is None else (y / trials).ravel()


def holds(y, lower, upper, prob):
    """Say whether both limits are the quantiles of responses, which may be counts, to a hundredth."""
    error, tail = 0.01, (1 - prob) / 2
    low = np.mean(y < lower - 1e-9) < tail + error and np.mean(y <= lower + 1e-9) > tail - error
    return low and np.mean(y > upper + 1e-9) < tail + error and np.mean(y >= upper - 1e-9) > tail - error


@pytest.mark.parametrize("family", [own for own in OTHERS if own.name != "bernoulli"], ids=str)
def test_ribbons_of_responses_of_other_families(family) -> None:
    fit = made_up(family)
    # where there are few trials or categories, the outermost of them are the limits of wide ribbons whatever the spread
    prob = {"binomial": 0.5, "binomial(probit)": 0.5, "binomial(cloglog)": 0.5, "ordinal": 0.8}.get(str(family), 0.9)
    ribbon = fan_tables(
        fit.design, posterior_of(calm(fit.posterior), fit.model.labels), factor="g", x="x", ci_prob=prob
    ).ribbon
    for place in (0, len(ribbon) - 1):
        row, rng = ribbon.iloc[place], np.random.default_rng(place)
        assert holds(responses_of_new_levels(fit, row, rng), row["lower"], row["upper"], prob)
        # with effects of three times the size the limits would be others
        assert not holds(responses_of_new_levels(fit, row, rng, spread=3.0), row["lower"], row["upper"], prob)


def test_a_response_of_zero_or_one_has_no_ribbon() -> None:
    ribbon = tables(made_up(by_name("bernoulli(logit)")), factor="g", x="x").ribbon
    assert ribbon[["lower", "upper"]].isna().all(axis=None)
    assert ribbon["level_upper"].gt(ribbon["level_lower"]).all()


@pytest.mark.parametrize("prob", [0.001, 0.3, 0.5, 0.975])
def test_mixture_quantiles(prob) -> None:
    rng = np.random.default_rng(3)
    mean, sd = rng.normal(0, 50, (7, 4)), rng.uniform(0, 3, (7, 4))
    sd[0] = 0
    found = mixture_quantile(mean, sd, prob)
    for g in range(4):
        below = norm.cdf(found[g] - 1e-9, mean[1:, g], sd[1:, g]).sum() + (mean[0, g] <= found[g] - 1e-9)
        above = norm.cdf(found[g] + 1e-9, mean[1:, g], sd[1:, g]).sum() + (mean[0, g] <= found[g] + 1e-9)
        assert below / 7 <= prob + 1e-6
        assert above / 7 >= prob - 1e-6
    same = np.repeat(mean[:1], 3, axis=0)
    np.testing.assert_allclose(
        mixture_quantile(same, np.full((3, 4), 2.0), prob), norm.ppf(prob, same[0], 2), atol=1e-6
    )


def test_errors_say_what_is_there(crossed) -> None:
    with pytest.raises(hb.DataError, match="'school' has no level 'z'"):
        tables(crossed, levels=["z"])
    with pytest.raises(hb.ModelError, match=r"no predictor 'hour'.*\n?.*did you mean 'hours'"):
        tables(crossed, x="hour")
    with pytest.raises(hb.ModelError, match="lines=0"):
        tables(crossed, lines=0)
    with pytest.raises(hb.ModelError, match="no grouping factor 'g'"):
        tables(crossed, factor="g")
    with pytest.raises(hb.ModelError, match="nothing to pool"):
        tables(fake_fit("y ~ hours", schools()))
