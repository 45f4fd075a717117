"""Fits handed over to Bambi: its interpret functions give what the fit itself predicts, to rounding."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.errors import ModelError

bambi = pytest.importorskip("bambi")

ROUNDING = 1e-9


@pytest.fixture(scope="session")
def sleep_fit():
    formula = "Reaction ~ Days + (Days | Subject)"
    return hb.fit(formula, hb.load_data("sleepstudy"), seed=1, progress=False)


@pytest.fixture(scope="session")
def cake_fit():
    formula = "angle ~ recipe * temp + (1 | replicate/recipe)"
    return hb.fit(formula, hb.load_data("cake"), seed=1, progress=False)


@pytest.fixture(scope="session")
def sleep_handed(sleep_fit):
    return sleep_fit.to_bambi()


@pytest.fixture(scope="session")
def cake_handed(cake_fit):
    return cake_fit.to_bambi()


def oats():
    nitro = hb.load_data("oats")["N"].astype(str).str[:3].astype(float)
    return hb.load_data("oats").assign(nitro=nitro, much=nitro > 0.3)


def draws_of(fit, rows, groups="known"):
    """Draws of the mean, (chain, draw, row), by the fit's own prediction."""
    return fit.predict(rows, groups=groups, draws=True).values


def by_hand(fit, X, Z):
    """The same for one grouping factor, multiplied out of the posterior: no design, no prediction."""
    mean = np.einsum("cdk,nk->cdn", fit.posterior["beta"].values, X)
    for factor, (columns, levels) in Z.items():
        b = fit.posterior[f"b_{factor}"].sel({factor: levels}).values
        mean += np.einsum("cdnk,nk->cdn", b, columns)
    return mean


def as_summary(draws, prob=0.89):
    """Bambi's columns: mean and equal-tailed interval over all draws."""
    flat = draws.reshape(-1, draws.shape[-1])
    low = round((1 - prob) / 2, 4)
    return np.column_stack([flat.mean(axis=0), *np.quantile(flat, (low, 1 - low), axis=0)])


def estimates(found):
    return found.summary.filter(regex="estimate$|lower|upper").to_numpy(dtype=float)


def test_predictions_of_sleepstudy_agree(sleep_fit, sleep_handed):
    model, draws = sleep_handed
    asked = {"Days": [0, 2.5, 20], "Subject": ["308", "309", "372"]}
    found = bambi.interpret.predictions(model, draws, conditional=asked, use_hdi=False, prob=0.89)
    rows = found.summary[["Days", "Subject"]]
    assert len(rows) == 9
    np.testing.assert_allclose(estimates(found), as_summary(draws_of(sleep_fit, rows)), rtol=ROUNDING)
    X = np.column_stack([np.ones(9), rows["Days"]])
    hand = by_hand(sleep_fit, X, {"Subject": (X, list(rows["Subject"]))})
    np.testing.assert_allclose(estimates(found), as_summary(hand), rtol=ROUNDING)


def test_predictions_for_the_rows_of_the_fit_agree(sleep_fit, sleep_handed):
    model, draws = sleep_handed
    found = bambi.interpret.predictions(model, draws, use_hdi=False, prob=0.89)
    table = sleep_fit.predict(ci_prob=0.89)
    np.testing.assert_allclose(estimates(found)[:, 0], table["mean"], rtol=ROUNDING)
    np.testing.assert_allclose(estimates(found)[:, 1:], table[["lower", "upper"]], rtol=ROUNDING)


def test_predictions_without_groups_agree(sleep_fit, sleep_handed):
    model, draws = sleep_handed
    rows = pd.DataFrame({"Days": [0.0, 4.0], "Subject": ["308", "308"]})
    found = model.predict(draws, data=rows, include_group_specific=False, inplace=False)["posterior"]["mu"]
    np.testing.assert_allclose(found.values, draws_of(sleep_fit, rows, "population"), rtol=ROUNDING)


def test_comparisons_of_sleepstudy_agree(sleep_fit, sleep_handed):
    model, draws = sleep_handed
    subjects = ["308", "370"]
    found = bambi.interpret.comparisons(
        model, draws, contrast={"Days": [1, 9]}, conditional={"Subject": subjects}, use_hdi=False, prob=0.89
    )
    ends = [draws_of(sleep_fit, pd.DataFrame({"Days": [day] * 2, "Subject": subjects})) for day in (1.0, 9.0)]
    np.testing.assert_allclose(estimates(found), as_summary(ends[1] - ends[0]), rtol=ROUNDING)


def test_slopes_of_sleepstudy_agree(sleep_fit, sleep_handed):
    model, draws = sleep_handed
    subjects = ["308", "370"]
    found = bambi.interpret.slopes(
        model, draws, wrt={"Days": 3}, conditional={"Subject": subjects}, use_hdi=False, prob=0.89
    )
    posterior = sleep_fit.posterior
    own = posterior["b_Subject"].sel(Subject=subjects, Subject_term="Days") + posterior["beta"].sel(coef="Days")
    # Bambi divides a difference by 1e-4, which leaves about eight digits
    np.testing.assert_allclose(estimates(found), as_summary(own.values), rtol=1e-6, atol=1e-6)


def test_a_categorical_with_an_interaction_agrees(cake_fit, cake_handed):
    model, draws = cake_handed
    asked = {"temp": [180, 200.5], "recipe": ["A", "B", "C"], "replicate": ["1", "10"]}
    found = bambi.interpret.predictions(model, draws, conditional=asked, use_hdi=False, prob=0.89)
    rows = found.summary[["temp", "recipe", "replicate"]]
    np.testing.assert_allclose(estimates(found), as_summary(draws_of(cake_fit, rows)), rtol=ROUNDING)
    B, C = (rows["recipe"] == "B").to_numpy(float), (rows["recipe"] == "C").to_numpy(float)
    temp, one = rows["temp"].to_numpy(float), np.ones(len(rows))
    columns = {"Intercept": one, "recipe[B]": B, "recipe[C]": C, "temp": temp}
    columns |= {"recipe[B]:temp": B * temp, "recipe[C]:temp": C * temp}
    X = np.column_stack([columns[name] for name in cake_fit.design.coefficients])
    cells = [f"{r}:{k}" for r, k in zip(rows["replicate"], rows["recipe"], strict=True)]
    hand = by_hand(
        cake_fit, X, {"replicate": (one[:, None], list(rows["replicate"])), "replicate:recipe": (one[:, None], cells)}
    )
    np.testing.assert_allclose(estimates(found), as_summary(hand), rtol=ROUNDING)


def test_contrasts_of_a_categorical_agree(cake_fit, cake_handed):
    model, draws = cake_handed
    found = bambi.interpret.comparisons(
        model, draws, contrast={"recipe": ["A", "C"]}, conditional={"temp": [175, 225]}, use_hdi=False, prob=0.89
    )
    at = found.summary[["temp", "replicate"]]
    ends = [draws_of(cake_fit, at.assign(recipe=recipe)) for recipe in ("A", "C")]
    np.testing.assert_allclose(estimates(found), as_summary(ends[1] - ends[0]), rtol=1e-8, atol=1e-9)


def test_slopes_of_a_numeric_by_a_categorical_agree(cake_fit, cake_handed):
    model, draws = cake_handed
    found = bambi.interpret.slopes(
        model, draws, wrt={"temp": 200}, conditional={"recipe": ["A", "B", "C"]}, use_hdi=False, prob=0.89
    )
    beta = cake_fit.posterior["beta"]
    slope = beta.sel(coef="temp").values
    own = np.stack([slope, *(slope + beta.sel(coef=f"recipe[{r}]:temp").values for r in "BC")], axis=-1)
    np.testing.assert_allclose(estimates(found), as_summary(own), rtol=1e-6, atol=1e-6)


def test_a_slip_in_the_levels_would_be_seen(sleep_fit, sleep_handed):
    model, draws = sleep_handed
    wrong = draws.copy()
    posterior = draws["posterior"].to_dataset()
    wrong["posterior"] = posterior.assign({"1|Subject": posterior["1|Subject"].roll(Subject__factor_dim=1)})
    asked = {"Days": [0.0], "Subject": ["308", "309"]}
    found = bambi.interpret.predictions(model, wrong, conditional=asked, use_hdi=False, prob=0.89)
    gap = estimates(found) - as_summary(draws_of(sleep_fit, found.summary[["Days", "Subject"]]))
    assert np.abs(gap).min() > 1


def test_plots_are_drawn(sleep_handed):
    model, draws = sleep_handed
    interpret = bambi.interpret
    with pytest.warns(bambi.warnings.PlottingFutureWarning):
        drawn = [
            interpret.plot_predictions(model, draws, conditional={"Days": [0, 9], "Subject": ["308", "309"]}),
            interpret.plot_comparisons(model, draws, contrast={"Days": [0, 9]}, conditional="Subject"),
            interpret.plot_slopes(model, draws, wrt="Days", conditional="Subject"),
        ]
    for plot in drawn:
        figure = plot.plot()._figure
        assert figure.axes[0].has_data()
        plt.close(figure)


def test_variables_bear_bambis_names_and_dims(sleep_handed, cake_handed):
    posterior = sleep_handed[1]["posterior"]
    assert posterior["1|Subject"].dims == ("chain", "draw", "Subject__factor_dim")
    assert posterior["Days|Subject_sigma"].dims == ("chain", "draw")
    assert posterior.attrs["modeling_interface"] == "bambi"
    cake = cake_handed[1]["posterior"]
    assert cake["recipe:temp"].dims == ("chain", "draw", "recipe:temp_dim")
    assert list(cake["recipe_dim"].values) == ["B", "C"]
    assert cake["1|replicate:recipe"].sizes["replicate:recipe__factor_dim"] == 45


def test_columns_that_are_the_same_keep_their_draws_bit_for_bit(sleep_fit, sleep_handed):
    posterior = sleep_handed[1]["posterior"]
    for k, name in enumerate(("Intercept", "Days")):
        assert np.array_equal(posterior[name].values, sleep_fit.posterior["beta"].values[..., k])
    assert np.array_equal(posterior["1|Subject"].values, sleep_fit.posterior["b_Subject"].values[..., 0])
    np.testing.assert_allclose(posterior["Days|Subject_sigma"].values, sleep_fit.posterior["sd_Subject"].values[..., 1])


def test_the_rows_in_use_are_handed_over():
    data = hb.load_data("sleepstudy")
    data.loc[7, "Days"] = np.nan
    with pytest.warns(hb.HierBayesWarning, match="1 of 180 rows"):
        fit = fake_fit("Reaction ~ Days + (1 | Subject)", data)
    model, draws = fit.to_bambi()
    assert len(model.data) == draws["observed_data"].sizes["__obs__"] == 179
    np.testing.assert_array_equal(draws["observed_data"]["Reaction"], fit.design.y)


CODED = {
    "sum contrasts": ("Y ~ V * nitro + (1 | B)", {"contrasts": {"V": "sum"}}),
    "another reference": ("Y ~ V + (1 | B)", {"contrasts": {"V": {"treatment": "Victory"}}}),
    "helmert in the formula": ("Y ~ C(V, helmert) + (1 | B)", {}),
    "levels in another order": ('Y ~ C(N, levels=["0.6cwt", "0.4cwt", "0.2cwt", "0.0cwt"]) + (1 | B)', {}),
    "no intercept": ("Y ~ 0 + V + nitro + (0 + V | B)", {}),
    "no population part": ("Y ~ 0 + (1 | B)", {}),
    "scale": ("Y ~ scale(nitro) + (scale(nitro) | B)", {}),
    "functions": ("Y ~ log1p(nitro) + sqrt(nitro) + I(nitro^2) + (1 | B)", {}),
    "poly": ("Y ~ poly(nitro, 2) + (1 | B)", {}),
    "spline": ("Y ~ bs(nitro, knots=[0.25], degree=1) + (1 | B)", {}),
    "two offsets": ("Y ~ nitro + offset(nitro) + offset(log1p(nitro)) + (1 | B)", {}),
    "response": ("log(Y) ~ nitro + (1 | B)", {}),
    "categorical effects": ("Y ~ nitro + (V | B)", {}),
    "split categorical effects": ("Y ~ nitro + (V || B)", {}),
    "the same column twice": ("Y ~ nitro + (1 | B) + (nitro | B)", {}),
    "two factors": ("Y ~ nitro + (nitro | B) + (1 | V:B)", {}),
    "truth values": ("Y ~ 0 + much + (much | B)", {}),
    "truth values reckoned with": ("Y ~ much + I(much * nitro) + (1 | B)", {}),
    "comparison": ('Y ~ I(V == "Victory") + (1 | B)', {}),
}


@pytest.mark.parametrize("name", CODED)
def test_other_codings_are_converted(name):
    formula, options = CODED[name]
    fit = fake_fit(formula, oats(), **options)
    model, draws = fit.to_bambi()
    columns = [column for column in ("nitro", "much", "V", "N", "B") if column in fit.spec.formula.columns]
    rows = model.data[columns].iloc[::7]
    if "nitro" in rows:
        rows = rows.assign(nitro=rows["nitro"] * 0.9 + 0.05)
    found = model.predict(draws, data=rows, inplace=False)["posterior"]["mu"]
    np.testing.assert_allclose(found.values, draws_of(fit, rows), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", ["split categorical effects", "the same column twice", "scale"])
def test_sds_of_combined_columns_are_those_of_their_sums(name):
    formula, options = CODED[name]
    fit = fake_fit(formula, oats(), **options)
    model, draws = fit.to_bambi()
    term = next(t for t in model.parameters["mu"].group_specific_terms.values() if t.kind == "intercept")
    sd, corr = fit.posterior["sd_B"].values, np.nan_to_num(fit.posterior["corr_B"].values)
    # what one unit of the intercept column in every block adds up to
    A = np.linalg.pinv(bambi_columns(model)) @ np.column_stack([block.Z for block in fit.design.blocks("B")])
    covariance = sd[..., :, None] * corr * sd[..., None, :]
    variance = np.einsum("i,cdij,j->cd", A[0], covariance, A[0])
    np.testing.assert_allclose(draws["posterior"][f"{term.name}_sigma"], np.sqrt(variance), rtol=1e-8)


def bambi_columns(model):
    terms = model.parameters["mu"].group_specific_terms.values()
    return np.column_stack([np.reshape(term.predictor, (len(term.group_index), -1)) for term in terms])


def test_a_combination_of_levels_that_no_row_has_is_drawn_from_the_population():
    data = oats()
    data = data[~((data["B"] == "I") & (data["V"] == "Victory"))]
    fit = fake_fit("Y ~ nitro + (nitro | B:V)", data, chains=4, draws=2000)
    posterior = fit.to_bambi()[1]["posterior"]
    assert fit.posterior.sizes["B:V"] == 17
    assert posterior.sizes["B:V__factor_dim"] == 18
    drawn = [posterior[f"{term}|B:V"].sel({"B:V__factor_dim": "I:Victory"}).values.ravel() for term in ("1", "nitro")]
    sds = [posterior[f"{term}|B:V_sigma"].values.ravel() for term in ("1", "nitro")]
    scores = [d / s for d, s in zip(drawn, sds, strict=True)]
    assert np.allclose([score.std() for score in scores], 1, atol=0.05)
    corr = fit.posterior["corr_B:V"].values[..., 0, 1].ravel()
    assert np.mean(scores[0] * scores[1] - corr) == pytest.approx(0, abs=0.05)
    again = fit.to_bambi()[1]["posterior"]["1|B:V"]
    assert np.array_equal(again.values, posterior["1|B:V"].values)


def test_levels_beside_a_missing_combination_keep_their_effects():
    """Bambi has 18 levels where hierbayes has 17: from the missing one on, a level stands in another place."""
    data = oats()
    data = data[~((data["B"] == "II") & (data["V"] == "Victory"))]
    fit = fake_fit("Y ~ nitro + (nitro | B:V)", data, draws=5)
    posterior, own = fit.to_bambi()[1]["posterior"], fit.posterior["b_B:V"]
    levels = [str(level) for level in own["B:V"].values]
    assert len(levels) == 17
    handed = [str(level) for level in posterior["B:V__factor_dim"].values]
    assert handed.index("VI:Victory") > levels.index("VI:Victory")
    for term, name in (("1", "Intercept"), ("nitro", "nitro")):
        found = posterior[f"{term}|B:V"].sel({"B:V__factor_dim": levels}).transpose("chain", "draw", ...)
        np.testing.assert_array_equal(found, own.sel({"B:V_term": name}))


def test_priors_go_there_and_back():
    priors = {
        "Days": hb.Normal(10, 5),
        "sd_Subject[Intercept]": hb.Exponential(0.1),
        "sd_Subject[Days]": hb.Gamma(2, 0.5),
        "sigma": hb.HalfCauchy(20),
    }
    fit = fake_fit("Reaction ~ Days + (Days || Subject)", hb.load_data("sleepstudy"), priors=priors)
    back = hb.from_bambi(fit.to_bambi()[0])
    assert back.resolved_priors.beta == fit.model.resolved_priors.beta
    assert back.resolved_priors.prior_of("sigma") == fit.model.resolved_priors.prior_of("sigma")
    assert [block.sd for block in back.resolved_priors.blocks] == [b.sd for b in fit.model.resolved_priors.blocks]


def test_flat_and_fixed_priors_go_there_and_back():
    priors = {"beta": hb.Flat(), "sd_B": hb.Flat(), "sigma": hb.Fixed(3.0)}
    fit = fake_fit("Y ~ V + (V | B)", oats(), priors=priors)
    model, _ = fit.to_bambi()
    assert model.parameters["sigma"].prior == 3.0
    back = hb.from_bambi(model)
    assert back.resolved_priors.beta == (hb.Flat(),) * 3
    assert back.resolved_priors.prior_of("sigma") == hb.Fixed(3.0)
    assert back.resolved_priors.blocks[0].sd == (hb.Flat(),) * 3


def test_a_grouping_column_of_numbers_keeps_its_levels():
    data = hb.load_data("sleepstudy")
    data["Subject"] = data["Subject"].astype(str).astype(int)
    fit = fake_fit("Reaction ~ Days + (1 | Subject)", data)
    model, draws = fit.to_bambi()
    rows = pd.DataFrame({"Days": [1.0, 2.0], "Subject": ["372", "308"]})
    found = model.predict(draws, data=rows, inplace=False)["posterior"]["mu"]
    np.testing.assert_allclose(found.values, draws_of(fit, rows.assign(Subject=[372, 308])), rtol=ROUNDING)


def test_names_with_blanks_are_handed_over():
    data = oats().rename(columns={"nitro": "nitrogen (cwt)", "B": "the block"})
    fit = fake_fit("Y ~ `nitrogen (cwt)` + log1p(`nitrogen (cwt)`) + (1 | `the block`)", data)
    model, draws = fit.to_bambi()
    rows = model.data.iloc[::9]
    found = model.predict(draws, data=rows, inplace=False)["posterior"]["mu"]
    np.testing.assert_allclose(found.values, draws_of(fit, rows), rtol=ROUNDING)


def test_a_name_that_bambi_cannot_take_is_refused():
    data = oats().rename(columns={"nitro": "a|b"})
    with pytest.raises(ModelError, match=r"column called 'a\|b'"):
        fake_fit("Y ~ `a|b` + (1 | B)", data).to_bambi()


def test_names_with_slashes_are_refused():
    data = oats().rename(columns={"B": "the/block"})
    with pytest.raises(ModelError, match=r"'1\|the/block', for its slash"):
        fake_fit("Y ~ nitro + (1 | `the/block`)", data).to_bambi()
    with pytest.raises(ModelError, match=r"'I\(nitro / 2\)', for its slash"):
        fake_fit("Y ~ I(nitro / 2) + (1 | B)", oats()).to_bambi()


def test_columns_that_bambi_cannot_make_are_named():
    # formulae codes an interaction beside an intercept by contrasts of both, which leaves out the cells' means
    fit = fake_fit("Y ~ nitro + (1 + V:N | B)", oats())
    with pytest.raises(ModelError, match="group-level terms of 'B' otherwise"):
        fit.to_bambi()


def test_a_fit_from_a_file_is_handed_over(sleep_fit, tmp_path):
    path = sleep_fit.save(tmp_path / "fit.nc")
    again = hb.load(path).to_bambi()[1]["posterior"]
    for name, values in sleep_fit.to_bambi()[1]["posterior"].data_vars.items():
        assert np.array_equal(again[name].values, values.values)
    with pytest.raises(ModelError, match="needs the data of the fit"):
        hb.load(sleep_fit.save(tmp_path / "bare.nc", data=False)).to_bambi()


def test_weights_are_not_handed_over_in_silence():
    fit = fake_fit("Y ~ nitro + (1 | B)", oats().assign(w=2.0), weights="w")
    with pytest.warns(hb.HierBayesWarning, match="weights 'w' are not handed over"):
        model, draws = fit.to_bambi()
    found = model.predict(draws, inplace=False)["posterior"]["mu"]
    np.testing.assert_allclose(found.values, draws_of(fit, None), rtol=ROUNDING)
