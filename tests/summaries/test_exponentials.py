"""`tidy(exponentiate=True)` against numpy on the same draws."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from family_fits import EVERY, made_up
from fits import fake_fit

import hierbayes as hb
from hierbayes.families import Family
from hierbayes.families import family as by_name

RATIOS = [own for own in EVERY if own.link in ("log", "logit", "cloglog") or own.name == "lognormal"]
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]


@pytest.mark.parametrize("family", RATIOS, ids=str)
def test_coefficients_are_exponentiated_draw_by_draw(family: Family) -> None:
    fit = made_up(family)
    table = fit.tidy("fixed", exponentiate=True, ci_prob=0.8)
    draws = np.exp(fit.posterior["beta"].to_numpy().reshape(-1, len(fit.design.coefficients)))
    assert table["term"].tolist() == list(fit.design.coefficients)
    expected = np.column_stack([np.median(draws, 0), draws.std(0, ddof=1), *np.quantile(draws, [0.1, 0.9], axis=0)])
    np.testing.assert_allclose(table[NUMBERS], expected, rtol=1e-9)
    means = fit.tidy("fixed", exponentiate=True, estimate="mean")
    np.testing.assert_allclose(means["estimate"], draws.mean(0), rtol=1e-9)
    # not what the sd of the coefficient would say: broom's is the estimate times it
    assert not np.allclose(table["std_error"], table["estimate"] * np.log(draws).std(0, ddof=1), rtol=1e-3)


def test_other_effects_stay_as_they_are() -> None:
    fit = made_up(by_name("bernoulli(logit)"))
    effects = ("fixed", "ran_pars", "ran_vals", "ran_coefs")
    plain, ratios = fit.tidy(effects), fit.tidy(effects, exponentiate=True)
    fixed = plain["effect"] == "fixed"
    pd.testing.assert_frame_equal(plain[~fixed], ratios[~fixed])
    np.testing.assert_allclose(ratios.loc[fixed, "estimate"], np.exp(fit.fixef()["median"]), rtol=0.02)


@pytest.mark.parametrize("family", [own for own in EVERY if own not in RATIOS], ids=str)
def test_a_link_whose_exponentials_are_no_ratios_is_refused(family: Family) -> None:
    with pytest.raises(hb.ModelError, match="exponentiate=True is for the links log, logit and cloglog, and that of"):
        made_up(family).tidy(exponentiate=True)


def test_a_response_in_logarithms_is_answered_with_a_family_that_has_ratios() -> None:
    """With log(y) an exponential is a ratio of medians; the advice leads to the same coefficients, of a family."""
    data = hb.load_data("sleepstudy")
    with pytest.raises(hb.ModelError, match='fit the response itself with family="lognormal"'):
        fake_fit("log(Reaction) ~ Days + (1 | Subject)", data).tidy(exponentiate=True)
    followed = fake_fit("Reaction ~ Days + (1 | Subject)", data, family="lognormal")
    assert (followed.tidy(exponentiate=True)["estimate"] > 0).all()
    with pytest.raises(hb.ModelError) as other:
        made_up(by_name("student_t(identity)")).tidy(exponentiate=True)
    assert "lognormal" not in str(other.value)


def test_what_else_is_refused() -> None:
    fit = made_up(by_name("poisson(log)"))
    with pytest.raises(hb.ModelError, match='add "fixed" to effects'):
        fit.tidy("ran_pars", exponentiate=True)
    with pytest.raises(hb.ModelError, match="exponentiate='yes' must be True or False"):
        fit.tidy(exponentiate="yes")


def test_one_category_and_a_model_without_coefficients() -> None:
    rng = np.random.default_rng(3)
    data = pd.DataFrame(
        {"mode": rng.choice(["bus", "car", "train"], 60), "x": rng.normal(size=60), "g": list("uvw") * 20}
    )
    whole = fake_fit("mode ~ x", data, family="categorical")
    both = whole.tidy("fixed", exponentiate=True).set_index("term")["estimate"]
    one = whole.category("car").tidy("fixed", exponentiate=True).set_index("term")["estimate"]
    assert one["x"] == both["car:x"]
    bare = fake_fit("won ~ 0 + (1 | g)", data.assign(won=rng.integers(0, 2, 60)), family="bernoulli")
    assert len(bare.tidy("fixed", exponentiate=True)) == 0
