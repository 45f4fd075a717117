"""Draws that were sampled by hand: what is told of them, and what is refused where their likelihood is another."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import xarray as xr
from fits import fake_fit

import hierbayes as hb
from hierbayes.model.likelihood_check import judge
from hierbayes.sampling.tree import with_true_names

SLEEP = "Reaction ~ Days + (Days | Subject)"


def silent(call, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*args, **options)


def with_gamma(fit, shape=(), **coords):
    rng = np.random.default_rng(1)
    dims = ("chain", "draw", *coords)
    return fit.posterior.assign(gamma=(dims, rng.normal(2, 1, (2, 40, *shape)))).assign_coords(coords)


@pytest.fixture(scope="module")
def by_hand():
    return fake_fit(SLEEP, hb.load_data("sleepstudy"))


@pytest.fixture(scope="module")
def doubtful(by_hand):
    with pytest.warns(hb.HierBayesWarning, match=r"'gamma'.*same_likelihood=True"):
        return by_hand.model.attach(with_gamma(by_hand))


def refused(fit, tmp_path):
    new = {"Days": 1, "Subject": "308"}
    return {
        "predict": lambda: fit.predict(new),
        "link": lambda: fit.predict(new, kind="link", groups="population", draws=True),
        "fitted": fit.fitted,
        "residuals": fit.residuals,
        "simulate": fit.simulate,
        "posterior_predictive": fit.posterior_predictive,
        "loo": fit.loo,
        "leave_one_out_exact": lambda: fit.leave_one_out_exact([0]),
        "leave_one_group_out": fit.leave_one_group_out,
        "log_marginal_likelihood": fit.log_marginal_likelihood,
        "log_likelihood": fit.log_likelihood,
        "psense": fit.psense,
        "icc": fit.icc,
        "r2": fit.r2,
        "anova": fit.anova,
        "effective_n": fit.effective_n,
        "variance_of_mean": fit.variance_of_mean,
        "pooling": fit.pooling,
        "means": lambda: fit.means("Days"),
        "contrasts": lambda: fit.contrasts("Days"),
        "slopes": lambda: fit.slopes("Days"),
        "explore": fit.explore,
        "to_bambi": fit.to_bambi,
        "plot.fan": fit.plot.fan,
        "plot.effects": fit.plot.effects,
        "plot.components": fit.plot.components,
        "plot.pooling": fit.plot.pooling,
        "plot.ppc": fit.plot.ppc,
        "plot.loo_khat": fit.plot.loo_khat,
        "compare": lambda: hb.compare({"a": fit, "b": fit}),
    }


@pytest.mark.parametrize("name", list(refused(fake_fit(SLEEP, hb.load_data("sleepstudy"), draws=4), None)))
def test_what_depends_on_the_likelihood_is_refused(doubtful, tmp_path, name):
    with pytest.raises(hb.ModelError, match="attach"):
        refused(doubtful, tmp_path)[name]()


def test_nothing_public_of_a_fit_is_forgotten(doubtful, tmp_path):
    """A method that is added must be put among those that need the likelihood, or among those that do not."""
    alone = {
        "category", "coef", "complaints", "design", "diagnostics", "engine", "extend", "fixef", "hypothesis",
        "joint_tests",
        "log_prior", "model", "plot", "pooling_tables", "posterior", "prior_posterior", "ranef", "report", "rope",
        "save", "spec", "summary", "thresholds", "tidy", "tree", "update", "varcorr",
        "category_probabilities",
    }  # fmt: skip
    public = {name for name in dir(doubtful) if not name.startswith("_")}
    assert public - set(refused(doubtful, tmp_path)) <= alone


def test_what_speaks_of_parameters_alone_is_told(doubtful, by_hand, tmp_path):
    for name in ("fixef", "varcorr", "ranef", "coef"):
        assert getattr(doubtful, name)().equals(getattr(by_hand, name)())
    assert (
        doubtful.hypothesis("Days > 0").table["prob"].tolist() == by_hand.hypothesis("Days > 0").table["prob"].tolist()
    )
    doubtful.plot.caterpillar()
    doubtful.plot.shrinkage()
    page = doubtful.report(tmp_path / "report.html").read_text()
    assert "may not be the model" in page
    assert "Coefficients and variance components" in page


def test_the_advice_gives_all_that_was_refused(doubtful, by_hand):
    sure = doubtful.model.attach(doubtful.tree, same_likelihood=True)
    assert sure.predict().equals(by_hand.predict())
    assert sure.icc().equals(by_hand.icc())
    sure.plot.components()


def test_a_file_keeps_the_doubt_and_the_variables(doubtful, tmp_path):
    again = hb.load(doubtful.save(tmp_path / "fit.nc"))
    with pytest.raises(hb.ModelError, match="'gamma'"):
        again.icc()
    assert again.tidy().equals(doubtful.tidy())
    sure = again.model.attach(again.tree, same_likelihood=True)
    assert sure.predict().equals(hb.load(sure.save(tmp_path / "sure.nc")).predict())


def test_own_variables_have_rows_and_hypotheses(doubtful, by_hand):
    table = doubtful.tidy()
    (own,) = table[table["effect"] == "own"].to_dict("records")
    draws = doubtful.posterior["gamma"].to_numpy()
    assert own["term"] == "gamma"
    assert own["estimate"] == pytest.approx(draws.mean())
    assert own["conf_low"] == pytest.approx(np.quantile(draws, 0.025))
    assert doubtful.hypothesis("gamma > 2").table["prob"][0] == pytest.approx(np.mean(draws > 2))
    assert "attached" in doubtful.hypothesis("gamma = 2").table["note"][0]
    assert doubtful.hypothesis("gamma * Days > sigma").table["prob"].between(0, 1).all()
    assert not (by_hand.tidy()["effect"] == "own").any()
    assert (doubtful.tidy("own")["effect"] == "own").all()


def test_arrays_of_ones_own_are_named_by_their_labels(by_hand):
    fit = silent(by_hand.model.attach, with_gamma(by_hand, (2,), dose=["low", "high"]))
    assert fit.tidy("own")["term"].tolist() == ["gamma[low]", "gamma[high]"]
    found = fit.hypothesis("gamma[low] > gamma[high]").table["prob"][0]
    low, high = fit.posterior["gamma"].to_numpy().transpose(2, 0, 1)
    assert found == pytest.approx(np.mean(low > high))
    bare = silent(by_hand.model.attach, with_gamma(by_hand, (3,), k=[0, 1, 2]).drop_vars("k"))
    assert bare.tidy("own")["term"].tolist() == ["gamma[0]", "gamma[1]", "gamma[2]"]
    long = silent(by_hand.model.attach, with_gamma(by_hand, (1001,), k=range(1001)))
    assert len(long.tidy("own")) == 0


def test_a_variable_called_as_a_coefficient_is_told_apart(by_hand):
    fit = silent(by_hand.model.attach, with_gamma(by_hand).rename(gamma="Days"))
    with pytest.raises(hb.FormulaError, match=r"a variable of your own\n(.*\n)*write beta\[Days\]"):
        fit.hypothesis("Days > 0")
    assert fit.hypothesis("beta[Days] > 0").table["prob"][0] == by_hand.hypothesis("Days > 0").table["prob"][0]


def test_draws_of_the_models_variables_alone_are_taken(by_hand):
    made = by_hand.model.attach(by_hand.tree)
    assert made.predict().equals(by_hand.predict())
    assert made.tidy().equals(by_hand.tidy())


@pytest.fixture
def model():
    return hb.Model(SLEEP, hb.load_data("sleepstudy"))


def doubt_of(model, posterior):
    return judge(model, xr.DataTree.from_dict({"/posterior": posterior}), with_true_names(posterior)).doubt


def test_extensions_of_the_likelihood_are_recognised(by_hand, model):
    import pymc as pm

    posterior, before = by_hand.posterior, set(model.pymc.named_vars)
    assert doubt_of(model, posterior) == ""
    with model.pymc as extended:
        gamma = pm.Normal("gamma", 0, 1)
        pm.Potential("hyper", pm.logp(pm.Normal.dist(gamma, 1), extended["beta"][1]))
        pm.Potential("wide", -(extended["sigma"] ** 2) / 1e6 + extended["sd_Subject"].sum() * np.arange(3).sum())
    own = with_gamma(by_hand)
    assert doubt_of(model, own) == ""
    with model.pymc as extended:
        heavy = pm.StudentT.dist(nu=4, mu=extended["eta"] + gamma, sigma=extended["sigma"])
        pm.Potential("more", pm.logp(heavy, 300.0).sum())
    assert "'more'" in doubt_of(model, own)
    assert "'more'" in doubt_of(model, posterior)
    assert set(model.pymc.named_vars) - before == {"gamma", "hyper", "wide", "more"}


@pytest.mark.parametrize("kind", ["observed", "array", "data", "set"])
def test_every_way_of_other_data_is_recognised(by_hand, model, kind):
    import pymc as pm

    with model.pymc as extended:
        if kind == "observed":
            pm.Normal("again", extended["eta"], extended["sigma"], observed=np.zeros(180))
        elif kind == "array":
            pm.Potential("again", pm.logp(pm.Normal.dist(extended["beta"][0], 1), np.zeros(180)).sum())
        elif kind == "data":
            pm.Potential("again", (extended["beta"][0] * pm.Data("mine", np.zeros(3))).sum())
        else:
            pm.set_data({"y_data": np.zeros(180)})
    assert ("y_data" if kind == "set" else "'again'") in doubt_of(model, by_hand.posterior)


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        (SLEEP, "gaussian"),
        ("Reaction ~ Days + offset(Days) + (1 | Subject) + (0 + Days | Subject)", "gamma"),
        ("Reaction ~ 0 + (1 | Subject)", "gaussian"),
    ],
)
def test_the_linear_predictor_has_a_name_and_is_no_draw(formula, family):
    import pytensor

    fit = fake_fit(formula, hb.load_data("sleepstudy"), family=family, draws=3, chains=1)
    built, design, rng = fit.model.pymc, fit.design, np.random.default_rng(1)
    assert "eta" not in {own.name for own in built.unobserved_RVs}
    names = [name for name in ("beta", "b_Subject") if name in built.named_vars]
    free, wanted = list(built.free_RVs), [built["eta"], *(built[name] for name in names)]
    reckon = pytensor.function(free, wanted, mode="FAST_COMPILE", on_unused_input="ignore")
    values = [np.abs(rng.normal(size=tuple(built.eval_rv_shapes()[rv.name]))) for rv in free]
    cholesky = np.array([[1.0, 0.0], [0.6, 0.8]])
    values = [cholesky if rv.name.startswith("chol") else own for rv, own in zip(free, values, strict=True)]
    eta, *found = reckon(*values)
    found = dict(zip(names, found, strict=True))
    mean = design.offset + (design.X @ found["beta"] if "beta" in found else 0)
    Z = np.hstack([block.Z for block in design.groups])
    mean = mean + np.sum(Z * found["b_Subject"][design.groups[0].codes], axis=1)
    np.testing.assert_allclose(eta, mean, rtol=1e-9)


def test_a_response_or_factor_called_eta_keeps_its_name():
    data = hb.load_data("sleepstudy").rename(columns={"Reaction": "eta"})
    built = hb.Model("eta ~ Days + (1 | Subject)", data).pymc
    assert built.observed_RVs[0].name == "eta"
    assert "linear_eta" in built.named_vars
    other = hb.Model("Reaction ~ 1 + (1 | eta)", hb.load_data("sleepstudy").rename(columns={"Subject": "eta"})).pymc
    assert "linear_eta" in other.named_vars


def test_an_update_says_what_it_drops(model, doubtful):
    import pymc as pm

    with model.pymc as extended:
        pm.Potential("mine", -extended["sigma"])
    with pytest.warns(hb.HierBayesWarning, match="extended by: 'mine'"):
        model.update(". ~ . - Days")
    with pytest.warns(hb.HierBayesWarning, match=r"attached.*without 'gamma'"):
        doubtful.update(draws=20, chains=1, tune=20, seed=1, progress=False)
    cake = hb.load_data("cake")
    coded = hb.Model("angle ~ recipe + temp + (1 | recipe:replicate)", cake, contrasts={"recipe": "sum"})
    with pytest.warns(hb.HierBayesWarning, match="contrasts of 'recipe' are dropped"):
        assert not coded.update(". ~ . - recipe").spec.contrasts
    flat = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), priors="flat")
    with pytest.warns(hb.HierBayesWarning, match="'flat' of the old model is dropped"):
        flat.update(priors={"sigma": hb.HalfNormal(50)})


def test_an_update_that_drops_nothing_is_silent(model):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.update(". ~ . - Days")
        model.update(priors={"sigma": hb.HalfNormal(50)})


@pytest.fixture(scope="module")
def sampled():
    import pymc as pm

    model = hb.Model(SLEEP, hb.load_data("sleepstudy"))
    options = {"draws": 30, "tune": 50, "chains": 1, "cores": 1, "random_seed": 1, "progressbar": False}
    with model.pymc:
        return model, silent(pm.sample, compute_convergence_checks=False, **options)


def judged(model, tree):
    return judge(model, tree, with_true_names(tree["posterior"].to_dataset()))


@pytest.mark.slow
def test_the_density_that_the_sampler_noted_proves_the_model(sampled):
    model, tree = sampled
    assert judged(model, tree).doubt == ""
    assert judged(hb.Model(SLEEP, hb.load_data("sleepstudy")), tree).doubt == ""
    derived = tree.copy()
    derived["posterior"] = tree["posterior"].to_dataset().assign(tau=tree["posterior"]["sigma"] ** 2)
    found = judged(model, derived)
    assert found.doubt == ""
    assert found.own == ("tau",)
    fit = silent(model.attach, derived)
    assert fit.hypothesis("tau > 0").table["prob"][0] == 1
    assert fit.predict().shape == (180, 5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["another density", "another data set", "another sampler's names"])
def test_another_density_is_found_out_in_a_fresh_session(sampled, kind):
    _, tree = sampled
    data = hb.load_data("sleepstudy")
    changed = tree.copy()
    if kind == "another density":
        stats = tree["sample_stats"].to_dataset()
        name = "logp" if "logp" in stats else "lp"
        changed["sample_stats"] = stats.assign({name: stats[name] - 0.01})
    elif kind == "another data set":
        data = data.assign(Reaction=data["Reaction"] + 0.5)
    else:
        changed["posterior"] = (
            tree["posterior"]
            .to_dataset()
            .drop_vars("v_Subject", errors="ignore")
            .drop_vars("b_Subject_sampled", errors="ignore")
        )
    assert "another model" in judged(hb.Model(SLEEP, data), changed).doubt
