"""One category of a categorical fit: the same numbers as in the fit of all, and what is asked of all is refused."""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pandas as pd
import pytest
from category_fits import FORMULAS, NAMES, made_up, predictors, shares, shrunk, table
from scipy import stats
from scipy.special import expit

import hierbayes as hb
from hierbayes.errors import HierBayesError, ModelError

GROUPED = [name for name in FORMULAS if name != "plain"]


@pytest.mark.parametrize("structure", list(FORMULAS))
@pytest.mark.parametrize("category", ["car", "foot"])
def test_given_one_of_two_it_is_the_category_with_this_probability(structure, category):
    whole = made_up(structure)
    own = whole.category(category)
    k = NAMES.index(category)
    kept = whole.design.y[np.isin(whole.design.y, [1, k + 1])]
    np.testing.assert_array_equal(own.design.y, kept == k + 1)
    probability = shares(predictors(whole))
    given = probability[..., k] / (probability[..., 0] + probability[..., k])
    rows = np.flatnonzero(np.isin(whole.design.y, [1, k + 1]))
    found = own.predict(draws=True)
    np.testing.assert_allclose(found, given[:, :, rows], rtol=1e-9)
    np.testing.assert_allclose(own.predict(table(), draws=True), given, rtol=1e-9)
    np.testing.assert_allclose(found, expit(predictors(whole)[:, :, rows, k - 1]), rtol=1e-9)
    np.testing.assert_array_equal(own.fitted()["mean"], own.predict()["mean"])
    np.testing.assert_allclose(own.residuals()["mean"], own.design.y - found.mean(("chain", "draw")), atol=1e-12)


def bare(frame: pd.DataFrame, category: str) -> pd.DataFrame:
    """The rows of one category, with its name taken off the terms."""
    prefix = f"{category}:"
    own = frame.copy()
    if "term" not in own:
        own = own[own.index.str.startswith(prefix)]
        own.index = own.index.str.removeprefix(prefix)
        return own
    own = own[own["term"].str.startswith(prefix)]
    if "term2" in own:
        second = own["term2"].fillna("")
        own = own[(second == "") | second.str.startswith(prefix)]
        own["term2"] = own["term2"].str.removeprefix(prefix)
    own["term"] = own["term"].str.removeprefix(prefix)
    return own.reset_index(drop=True)


@pytest.mark.parametrize("structure", list(FORMULAS))
@pytest.mark.parametrize("category", ["car", "foot"])
def test_tables_are_slices_of_those_of_the_whole(structure, category):
    whole = made_up(structure)
    own = whole.category(category)
    pd.testing.assert_frame_equal(own.fixef(), bare(whole.fixef(), category), check_names=False)
    other = bare(whole.fixef(), "foot" if category == "car" else "car")
    assert np.abs(own.fixef()["mean"] - other["mean"]).max() > 0.01
    for asked in ("ranef", "coef", "varcorr") if whole.design.groups else ():
        found = getattr(own, asked)()
        pd.testing.assert_frame_equal(
            found, bare(getattr(whole, asked)(), category), check_like=True, check_dtype=False
        )


@pytest.mark.parametrize("structure", GROUPED)
def test_the_draws_are_slices(structure):
    whole = made_up(structure)
    own = whole.category("foot")
    for factor in whole.design.factors:
        terms = own.posterior[f"{factor}_term"].to_numpy().tolist()
        there = [f"foot:{term}" for term in terms]
        chosen = whole.posterior.sel({f"{factor}_term": there})
        np.testing.assert_array_equal(own.posterior[f"b_{factor}"], chosen[f"b_{factor}"])
        np.testing.assert_array_equal(own.posterior[f"sd_{factor}"], chosen[f"sd_{factor}"])
        if f"corr_{factor}" in own.posterior:
            np.testing.assert_array_equal(
                own.posterior[f"corr_{factor}"], chosen[f"corr_{factor}"].sel({f"{factor}_term2": there})
            )


def test_icc_means_and_slopes_by_hand():
    whole = made_up("crossed")
    own = whole.category("foot")
    post = whole.posterior
    # the mean square of the effects over the rows, by their definition z' Sigma z
    x, rows = table()["x"].to_numpy(), np.isin(whole.design.y, [1, 3])
    sd, corr = (post[f"{name}_h"].sel(h_term=["foot:Intercept", "foot:x"]) for name in ("sd", "corr"))
    corr = corr.sel(h_term2=["foot:Intercept", "foot:x"]).to_numpy()[..., 0, 1]
    a, b = sd.to_numpy()[..., 0], sd.to_numpy()[..., 1]
    of_h = a**2 + 2 * a * b * corr * x[rows].mean() + b**2 * (x[rows] ** 2).mean()
    of_g = post["sd_g"].sel(g_term="foot:Intercept").to_numpy() ** 2
    found = own.icc().set_index("group")
    total = of_g + of_h + np.pi**2 / 3
    assert found.loc["h", "mean"] == pytest.approx((of_h / total).mean(), rel=1e-9)
    assert found.loc["g", "mean"] == pytest.approx((of_g / total).mean(), rel=1e-9)
    slope = own.slopes("x", scale="link")["mean"].iloc[0]
    assert slope == pytest.approx(float(post["beta"].sel(coef="foot:x").mean()), rel=1e-9)
    means = own.means("f", at={"x": 0.4}, scale="link").set_index("f")["mean"]
    beta = post["beta"].mean(("chain", "draw"))
    low = beta.sel(coef="foot:Intercept") + 0.4 * beta.sel(coef="foot:x") + beta.sel(coef="foot:f[low]")
    assert means["low"] == pytest.approx(float(low), rel=1e-9)
    assert own.contrasts("f", scale="link")["mean"].abs().iloc[0] == pytest.approx(
        abs(float(beta.sel(coef="foot:f[low]"))), rel=1e-9
    )


def test_the_summary_says_of_what_it_is_and_counts_its_rows():
    data = table()
    data.loc[[2, 5], "x"] = np.nan
    whole = shrunk(f"kind {FORMULAS['correlated']}", data)
    own = whole.category("car")
    used = data.dropna()
    rows = int(used["kind"].isin(["bus", "car"]).sum())
    assert rows < len(used) == whole.design.n
    for text in (str(own), own.summary()._repr_html_()):
        assert "of kind = car against bus" in text
        assert f"Number of rows: {rows} (2 dropped)" in text
    assert "of kind against bus" in str(whole)
    assert f"Number of rows: {len(used)} (2 dropped)" in str(whole)
    said = shrunk("f ~ x + (1 | g)", data, family="bernoulli")
    assert "of f = low\n" in str(said)  # a bernoulli fit of its own names no reference


def test_categories_that_are_numbers():
    data = table().assign(kind=lambda d: d["kind"].cat.codes * 5)
    whole = shrunk("kind ~ x + (1 | g)", data)
    assert whole.design.categories == ("0", "5", "10")
    assert "of kind = 10 against 0" in str(whole.category(10))
    np.testing.assert_array_equal(whole.category(5).posterior["beta"], whole.category("5").posterior["beta"])


ODD = ("a:b", "it's $5_x", "x/y [1]")


@pytest.mark.parametrize("structure", ["correlated", "apart", "nested"])
def test_names_with_odd_characters(structure, tmp_path):
    data = table()
    data["kind"] = data["kind"].cat.rename_categories(dict(zip(NAMES, ODD, strict=False)))
    whole = shrunk(f"kind {FORMULAS[structure]}", data)
    plain = made_up(structure)
    for name, other in zip(ODD[1:], NAMES[1:3], strict=True):
        own, like = whole.category(name), plain.category(other)
        pd.testing.assert_frame_equal(own.fixef(), like.fixef())
        pd.testing.assert_frame_equal(own.ranef(), like.ranef())
        assert f"= {name} against a:b" in str(own)
        asked = whole.hypothesis(f"`{name}:x` > 0")
        assert asked.table["mean"].iloc[0] == pytest.approx(float(whole.fixef().loc[f"{name}:x", "mean"]))
    assert set(np.unique(whole.simulate(seed=1))) <= set(ODD)
    again = hb.load(whole.save(tmp_path / "odd.nc"))
    pd.testing.assert_frame_equal(again.category_probabilities(), whole.category_probabilities())
    whole.plot.effects("x")
    whole.report(tmp_path / "odd.html")


def test_what_is_no_category():
    whole = made_up()
    with pytest.raises(ModelError, match=r"'bus' is the reference among the categories of 'kind'(.|\n)*car, foot"):
        whole.category("bus")
    with pytest.raises(ModelError, match=r"there is no 'tram' among the categories"):
        whole.category("tram")
    with pytest.raises(ModelError, match=r"for the categorical family, and this model's is bernoulli"):
        shrunk("b ~ x + (1 | g)", table().assign(b=lambda d: d["f"]), family="bernoulli").category("low")


# priors


def test_the_prior_of_a_part_of_the_correlations():
    whole = made_up()  # (x | g): a matrix of 4 terms, of which a category has 2
    own = whole.category("foot")
    assert str(own.model.priors.loc["corr_g", "prior"]) == "LKJ(2)"
    assert str(whole.model.priors.loc["corr_g", "prior"]) == "LKJ(1)"
    law, of_all = (fit.model.resolved_priors.blocks[0].corr.law(k) for fit, k in ((own, 2), (whole, 4)))
    assert law.pdf(0.3) == pytest.approx(of_all.pdf(0.3))
    # against draws of the whole, and LKJ(1) of two terms alone is another
    model = hb.Model("kind ~ x + (x | g)", table(), family="categorical", priors={"corr_g": hb.LKJ(1)})
    drawn = model.prior_draws(draws=4000, seed=1)["corr_g"]
    drawn = drawn.sel(g_term="foot:Intercept", g_term2="foot:x").to_numpy().ravel()
    assert stats.kstest(drawn, lambda r: np.array([law.cdf(value) for value in r])).pvalue > 0.01
    alone = stats.uniform(-1, 2)
    assert stats.kstest(drawn, alone.cdf).pvalue < 1e-4
    fixed = np.array([[1, 0.1, 0.2, 0.3], [0.1, 1, 0.4, 0.5], [0.2, 0.4, 1, 0.6], [0.3, 0.5, 0.6, 1]])
    part = shrunk("kind ~ x + (x | g)", table(), priors={"corr_g": hb.Fixed(fixed)}).category("foot")
    assert part.model.resolved_priors.blocks[0].corr == hb.Fixed([[1, 0.6], [0.6, 1]])


def test_a_function_as_prior_of_all_correlations_is_no_prior_of_some():
    def mine(name, **kwargs):
        raise AssertionError("never called")

    own = shrunk("kind ~ x + (x | g)", table(), priors={"corr_g": hb.Custom(mine)}).category("foot")
    assert own.ranef()["mean"].notna().all()
    with pytest.raises(ModelError, match="those of one category"):
        own.model.resolved_priors.blocks[0].corr.make("corr_g")


@pytest.mark.parametrize(
    ("hypothesis", "closed"),
    [
        ("sd_g[car:Intercept] = 0.5", False),
        ("sd_g[foot:Intercept] = 0.5", False),  # centred too, though not the first of its block
        ("sd_g[foot:x] = 0.5", True),
        ("corr_g[car:x, foot:x] = 0", True),
        ("corr_g[car:x, foot:Intercept] = 0", False),
    ],
)
def test_only_priors_of_what_is_not_centred_have_a_closed_form(hypothesis, closed):
    fit = shrunk("kind ~ x + (x | g)", table(), draws=400)
    found = fit.hypothesis(hypothesis).table
    assert np.isfinite(found["evidence_ratio"].iloc[0]) == closed
    if not closed:
        assert "at zero has no closed form" in found["note"].iloc[0]


def test_points_are_judged_as_in_the_whole():
    whole = made_up("apart", draws=400)
    own = whole.category("foot")
    for asked, of_whole in (
        ("x = 0", "foot:x = 0"),
        ("x > 0", "foot:x > 0"),
        ("sd_g[x] = 0.5", "sd_g[foot:x] = 0.5"),
        ("b_g[a, x] > 0.1", "b_g[a, foot:x] > 0.1"),
        ("coef_g[a, x] > 0", "coef_g[a, foot:x] > 0"),
    ):
        found, wanted = own.hypothesis(asked).table, whole.hypothesis(of_whole).table
        for column in ("mean", "prob"):
            np.testing.assert_allclose(found[column], wanted[column], rtol=1e-9)
        # the prior odds of effects and totals come from draws of the prior
        drawn = asked.startswith(("b_", "coef_"))
        np.testing.assert_allclose(found["evidence_ratio"], wanted["evidence_ratio"], rtol=0.03 if drawn else 1e-9)
    region = whole.rope({"foot:x": (-0.2, 0.2)})
    assert own.rope({"x": (-0.2, 0.2)})["in_rope"].iloc[0] == region["in_rope"].iloc[0]
    draws = whole.posterior["beta"].sel(coef="foot:x").to_numpy()
    assert region["in_rope"].iloc[0] == pytest.approx(np.mean(np.abs(draws) <= 0.2))


def test_tidy_frames_have_a_row_for_each_category():
    whole = made_up("apart")
    found = whole.tidy(["fixed", "ran_pars", "ran_vals", "ran_coefs"])
    assert found["term"].str.startswith("foot:").sum() == found["term"].str.startswith("car:").sum() > 0
    fixed = found[found["effect"] == "fixed"].set_index("term")
    np.testing.assert_array_equal(fixed["estimate"], whole.fixef()["mean"])
    own = whole.category("foot").tidy("fixed").set_index("term")
    assert own.loc["x", "estimate"] == pytest.approx(fixed.loc["foot:x", "estimate"], rel=1e-12)


# everything there is


ARGUMENTS = {
    "arviz": ("trace",),
    "hypothesis": (lambda fit: f"`{fit.fixef().index[0]}` > 0",),
    "rope": (lambda fit: {str(fit.fixef().index[0]): (-0.1, 0.1)},),
    "means": ("f",),
    "contrasts": ("f",),
    "slopes": ("x",),
    "category": ("foot",),
    "attach": ({},),
    "sensitivity": ({},),
}
NOT_SHORT = {"extend", "update", "leave_one_out_exact", "leave_one_group_out", "fit", "pymc"}  # they sample or compile
INSIDE = {"of_parts", "record", "with_resolved", "runner"}


def methods(kind) -> list[str]:
    return [name for name in dir(kind) if not name.startswith("_") and name not in NOT_SHORT | INSIDE]


def owners() -> list[tuple[str, str]]:
    from hierbayes.model import Fit, Model
    from hierbayes.model.category_fit import CategoryFit
    from hierbayes.plots.accessor import FitPlots
    from hierbayes.plots.category_plots import CategoryPlots

    kinds = {"fit": Fit, "category": CategoryFit, "plot": FitPlots, "category plot": CategoryPlots, "model": Model}
    return [(owner, name) for owner, kind in kinds.items() for name in methods(kind)]


REFUSED = {
    "fit": {"anova", "contrasts", "effective_n", "explore", "fitted", "icc", "joint_tests", "means", "pooling",
            "pooling_tables", "predict", "r2", "residuals", "slopes", "to_bambi", "variance_of_mean",
            "log_marginal_likelihood"},
    "category": {"category_probabilities", "effective_n", "variance_of_mean"},
    "plot": {"fan", "group_size", "pooling", "population", "shrinkage", "tadpoles"},
    "category plot": {"loo_khat", "psense"},
    "model": {"attach", "log_density", "ml", "reml"},
}  # fmt: skip


@pytest.fixture(scope="module")
def asked_of():
    whole = shrunk(f"kind {FORMULAS['crossed']}", table(), draws=60)
    own = whole.category("foot")
    return {"fit": whole, "category": own, "plot": whole.plot, "category plot": own.plot, "model": whole.model}


@pytest.mark.parametrize(("owner", "name"), owners())
@pytest.mark.filterwarnings("ignore")
def test_every_public_name_answers_or_says_where_to_ask(asked_of, owner, name, tmp_path):
    target = asked_of[owner]
    fit = asked_of["category" if owner.startswith("category") else "fit"]
    given = [arg(fit) if callable(arg) else arg for arg in ARGUMENTS.get(name, ())]
    given = [tmp_path / "file"] if name in ("save", "report") else given

    def ask():
        found = getattr(target, name)
        return found(*given) if inspect.ismethod(found) else found

    if name in REFUSED[owner]:
        with pytest.raises(HierBayesError) as caught:
            ask()
        assert caught.value.hint or name in ("log_density",)
        return
    assert ask() is not None
    import matplotlib.pyplot as plt

    plt.close("all")


def whole_only() -> list[str]:
    from hierbayes.model import Fit
    from hierbayes.model.category_fit import CategoryFit

    return [name for name in dir(Fit) if not name.startswith("_") and not hasattr(CategoryFit, name)]


@pytest.mark.parametrize("name", whole_only())
def test_what_is_asked_of_all_categories(name):
    own = made_up().category("foot")
    nowhere = name in ("category", "explore", "to_bambi")
    said = "not made for categories" if nowhere else rf"all categories together(.|\n)*ask fit\.{name}"
    with pytest.raises(ModelError, match=said):
        getattr(own, name)
    with pytest.raises(AttributeError, match="nonsense"):
        own.nonsense  # noqa: B018


def test_what_scores_is_only_there_of_the_whole():
    assert {"loo", "save", "report", "psense", "log_likelihood", "extend", "update"} <= set(whole_only())
    own = made_up().category("foot")
    for name in ("psense_dist", "loo_pit", "psense_quantities"):
        with pytest.raises(ModelError, match=r"ask fit\.plot\.arviz"):
            own.plot.arviz(name)
    with pytest.raises(ModelError, match=r"ask fit\.loo"):
        hb.compare({"a": made_up(), "b": own})


@pytest.mark.parametrize("family", ["categorical", "multinomial", "Categorical(logit)"])
def test_pooling_is_refused_before_it_samples(family, monkeypatch):
    from hierbayes.model.model import Model

    def never(*args, **options):
        raise AssertionError("it has sampled")

    monkeypatch.setattr(Model, "fit", never)
    with pytest.raises(ModelError, match=r"one linear predictor(.|\n)*fit\.category\(\.\.\.\)"):
        hb.pooling("kind ~ x + (1 | g)", table(), family=family)
    with pytest.raises(AssertionError, match="it has sampled"):
        hb.pooling("x ~ 1 + (1 | g)", table())


def test_sensitivity_knows_the_keys_of_categories():
    from hierbayes.studies.prior_sensitivity import scaled

    model = made_up().model
    found = scaled(model, "foot:x", 2.0)
    places = [i for i, (a, b) in enumerate(zip(found.beta, model.resolved_priors.beta, strict=True)) if a != b]
    assert [model.design.coefficients[i] for i in places] == ["foot:x"]
    assert scaled(model, "corr_g", 0.5).blocks[0].corr == hb.LKJ(2.0)
    one = scaled(model, "sd_g[foot:x]", 2.0).blocks[0].sd
    assert [a == b for a, b in zip(one, model.resolved_priors.blocks[0].sd, strict=True)] == [True, True, True, False]
    with pytest.raises(ModelError, match="there is no prior 'foot:z'"):
        hb.sensitivity(made_up(), {"foot:z": [2]})
    with pytest.raises(ModelError, match="takes a Model or a Fit, not CategoryFit"):
        hb.sensitivity(made_up().category("foot"), {"x": [2]})


def test_no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        own = made_up("apart").category("foot")
        own.summary()
        own.icc()
        own.pooling()
        own.anova()
