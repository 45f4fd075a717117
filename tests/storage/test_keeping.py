"""A fit lives on: saved and loaded, updated, extended, attached, cached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import fake_fit
from hostile import LEVELS, NAMES, TRIPLES, answers, formula, frame
from oracles.agreement import largest, limit, z_scores

import hierbayes as hb
from hierbayes.catalogue import catalogue
from hierbayes.engines.naming import posterior_dims
from hierbayes.sampling.run import Runner

SLEEP = "Reaction ~ Days + (Days | Subject)"
FEW = {"draws": 60, "chains": 2, "seed": 1, "progress": False}
pytestmark = pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")


@pytest.fixture(scope="module")
def sleep():
    return hb.load_data("sleepstudy")


@pytest.fixture(scope="module")
def fit(sleep):
    return hb.fit(SLEEP, sleep, **FEW)


@pytest.fixture(scope="module")
def saved(fit, tmp_path_factory):
    return fit.save(tmp_path_factory.mktemp("saved") / "fit.nc")


@pytest.fixture(scope="module")
def bare(fit, tmp_path_factory):
    return hb.load(fit.save(tmp_path_factory.mktemp("bare") / "fit.nc", data=False))


def same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)


# saved and loaded


@pytest.mark.slow
def test_hostile_names_survive_a_file_and_a_fresh_process(tmp_path):
    assert len(NAMES) >= 30
    assert len(set(LEVELS)) == len(LEVELS)
    wanted = []
    for i, names in enumerate(TRIPLES):
        made = fake_fit(formula(names), frame(names), chains=2, draws=5, seed=i)
        made.save(tmp_path / f"{i}.nc", data=i % 2 == 0)
        wanted.append(answers(made, names))
    script = Path(__file__).parents[1] / "helpers" / "hostile.py"
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)],
        capture_output=True, text=True, check=False, env=environment, cwd=script.parent.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == wanted
    assert len(set(wanted)) == len(wanted)


def test_a_change_in_a_draw_would_be_seen():
    names = TRIPLES[0]
    made = fake_fit(formula(names), frame(names), chains=2, draws=5)
    before = answers(made, names)
    assert answers(fake_fit(formula(names), frame(names), chains=2, draws=5), names) == before
    made.tree["posterior"]["beta"].values[0, 0, 0] += 1e-12
    assert answers(type(made)(made.model, made._draws), names) != before


def test_a_loaded_fit_is_the_fit(fit, saved, sleep):
    again = hb.load(saved)
    assert again.spec == fit.spec
    assert again.posterior.identical(fit.posterior)
    assert list(again.tree.children) == list(fit.tree.children)
    for name in fit.tree.children:
        assert again.tree[name].to_dataset().identical(fit.tree[name].to_dataset()), name
    assert again.diagnostics == fit.diagnostics
    assert again._draws.settings == fit._draws.settings
    np.testing.assert_array_equal(again.design.X, fit.design.X)
    for own, old in zip(again.design.groups, fit.design.groups, strict=True):
        np.testing.assert_array_equal(own.Z, old.Z)
        np.testing.assert_array_equal(own.codes, old.codes)
    assert str(again) == str(fit)
    for table in ("fixef", "varcorr", "ranef", "coef"):
        same(getattr(again, table)(), getattr(fit, table)())
    same(again.predict(), fit.predict())
    same(again.residuals(), fit.residuals())
    same(again.predict(sleep.assign(Subject="x"), groups="new", kind="response", seed=2),
         fit.predict(sleep.assign(Subject="x"), groups="new", kind="response", seed=2))  # fmt: skip
    same(again.model.priors, fit.model.priors)


def test_a_fit_without_data_predicts_and_gives_its_tables(fit, bare, sleep):
    for table in ("fixef", "varcorr", "ranef", "coef"):
        same(getattr(bare, table)(), getattr(fit, table)())
    new = sleep.iloc[::13]
    same(bare.predict(new), fit.predict(new))
    same(bare.model.priors, fit.model.priors)
    assert str(bare) == str(fit)


def test_a_fit_without_data_holds_none(fit, tmp_path):
    path = fit.save(tmp_path / "fit.nc", data=False)
    with xr.open_datatree(path, engine="h5netcdf") as tree:
        assert set(tree.children) == {"posterior", "sample_stats", "unconstrained_posterior"}
    assert np.float64(fit.design.y[17]).tobytes() not in path.read_bytes()
    assert np.float64(fit.design.y[17]).tobytes() in fit.save(tmp_path / "with.nc").read_bytes()


@pytest.mark.parametrize(
    "ask",
    [
        lambda fit: fit.design.X,
        lambda fit: fit.design.blocks("Subject")[0].Z,
        lambda fit: fit.predict(),
        lambda fit: fit.residuals(),
        lambda fit: fit.plot.pooling(),
        lambda fit: fit.update(draws=10),
        lambda fit: fit.extend(10),
        lambda fit: fit.model.reml(),
        lambda fit: fit.model.pymc,
    ],
)
def test_what_needs_the_data_says_so(bare, ask):
    with pytest.raises(hb.ModelError, match="file does not hold"):
        ask(bare)


def test_a_fit_without_data_is_saved_again(bare, fit, tmp_path):
    again = hb.load(bare.save(tmp_path / "fit.nc"))
    same(again.fixef(), fit.fixef())
    assert again.model._fingerprint == bare.model._fingerprint
    with pytest.raises(AttributeError):
        _ = again.design.no_such_thing


def test_a_fit_without_data_takes_new_data(bare, fit, sleep):
    assert bare.update(data=sleep).posterior.identical(fit.posterior)


@pytest.mark.parametrize(
    ("text", "data", "options"),
    [
        ("Y ~ V * N + (1 | B/V)", "oats", {"contrasts": {"V": "sum"}}),
        ("log(Reaction) ~ poly(Days, 2) + offset(Days / 100) + (scale(Days) || Subject)", "sleepstudy", {}),
        ("I(Reaction / 2) ~ C(Days) + (1 | Subject)", "sleepstudy", {"priors": {"sigma": hb.Fixed(0.1 + 0.2)}}),
        ("diameter ~ 1 + (1 | plate) + (1 | sample)", "penicillin", {"priors": "flat"}),
        ("Reaction ~ Days", "sleepstudy", {}),
    ],
)
def test_every_kind_of_model_comes_back(text, data, options, tmp_path):
    made = fake_fit(text, hb.load_data(data), draws=6, **options)
    again = hb.load(made.save(tmp_path / "fit.nc"))
    assert again.spec == made.spec
    assert again.posterior.identical(made.posterior)
    assert again.model.resolved_priors.prior_of("sigma") == made.model.resolved_priors.prior_of("sigma")
    assert again.model.resolved_priors.beta == made.model.resolved_priors.beta
    np.testing.assert_array_equal(again.design.y, made.design.y)
    np.testing.assert_array_equal(again.model.problem.X, made.model.problem.X)
    assert str(again) == str(made)
    same(again.predict(hb.load_data(data)), made.predict(hb.load_data(data)))


def test_long_identifiers_weights_missing_rows_and_booleans_come_back(tmp_path):
    rng = np.random.default_rng(0)
    data = pd.DataFrame(
        {
            "id": np.repeat(np.asarray([2**60, 2**60 + 1, 2**60 + 2, 2**63 + 9], dtype=np.uint64), 6),
            "w": rng.uniform(1, 2, 24),
            "on": rng.random(24) > 0.5,
            "y": np.where(np.arange(24) == 3, np.nan, rng.normal(size=24)),
        }
    )
    made = fake_fit("y ~ on + (1 | id)", data, draws=5, weights="w")
    again = hb.load(made.save(tmp_path / "fit.nc"))
    assert again.design.groups[0].levels == made.design.groups[0].levels
    np.testing.assert_array_equal(again.design.weights, made.design.weights)
    np.testing.assert_array_equal(again.design.rows, made.design.rows)
    assert again.design.column("id").exact.dtype == made.design.column("id").exact.dtype
    assert again.design.rows_given == 24
    assert str(again) == str(made)
    same(again.predict(data.iloc[5:8]), made.predict(data.iloc[5:8]))


def test_a_custom_prior_is_kept_as_text(tmp_path, sleep):
    def steep(name, **kwargs):
        import pymc as pm

        return pm.HalfNormal(name, 7, **kwargs)

    made = fake_fit(SLEEP, sleep, draws=5, priors={"sigma": hb.Custom(steep)})
    again = hb.load(hb.load(made.save(tmp_path / "fit.nc")).save(tmp_path / "again.nc"))
    same(again.predict(sleep.iloc[:3]), made.predict(sleep.iloc[:3]))
    assert again.model.priors.loc["sigma", "prior"] == "Custom(steep)"
    with pytest.raises(hb.ModelError, match=r"pm\.HalfNormal\(name, 7") as caught:
        _ = again.model.pymc
    assert "kept" in str(caught.value) or "keeps" in str(caught.value)
    assert again.model.update(priors={"sigma": hb.HalfNormal(7)}).priors.loc["sigma", "prior"] == "HalfNormal(7)"


def test_groups_that_the_user_added_are_kept(fit, tmp_path):
    tree = fit.tree.copy()
    texts = np.asarray(["x", "y\0"], dtype=object)
    tree["my draws"] = xr.DataTree(xr.Dataset({"a b": ("n m", texts)}, attrs={"of": "mine", "odd": {1: 2}}))
    made = type(fit)(fit.model, type(fit._draws)(tree, "collapsed", "", 1.0, 1, 1))
    back = hb.load(made.save(tmp_path / "fit.nc")).tree["my draws"].to_dataset()
    assert list(back["a b"].to_numpy()) == ["x", "y\0"]
    assert back.attrs == {"of": "mine", "odd": "{1: 2}"}


def test_arviz_reads_the_file(fit, saved):
    import arviz as az

    tree = az.from_netcdf(saved)
    assert float(az.rhat(tree)["beta"].sel(coef="Days")) == pytest.approx(fit.fixef().loc["Days", "r_hat"])
    assert list(tree["posterior"]["Subject"].to_numpy()) == list(fit.design.blocks("Subject")[0].levels)
    packages = json.loads(tree.attrs["packages"])
    assert {"hierbayes", "numpy", "nutpie", "python"} <= set(packages)


def test_a_slash_in_a_name_is_no_path(sleep, tmp_path):
    data = sleep.rename(columns={"Subject": "site/plot"})
    made = hb.fit("I(Reaction / 2) ~ Days + (1 | `site/plot`)", data, **FEW)
    assert {"sd_site/plot", "b_site/plot"} <= set(made.posterior.data_vars)
    assert hb.load(made.save(tmp_path / "fit.nc")).posterior.identical(made.posterior)
    assert made.extend(5).posterior.sizes["draw"] == 65
    with pytest.raises(hb.ModelError, match="rename the column"):
        made.update(engine="pymc")


# updated


def test_update_changes_what_is_named(fit, sleep):
    same(fit.update().fixef(), fit.fixef())
    shorter = fit.update(". ~ . - Days", draws=30)
    assert shorter.spec.formula.text == "Reaction ~ 1 + (1 + Days | Subject)"
    assert shorter.diagnostics["draws"] == 30
    assert shorter.diagnostics["chains"] == 2
    assert shorter.diagnostics["seed"] == 1
    half = sleep[sleep["Days"] < 5]
    assert fit.update(data=half).posterior.identical(hb.fit(SLEEP, half, **FEW).posterior)
    wanted = hb.fit(SLEEP, sleep, priors={"sigma": hb.HalfNormal(3)}, **FEW)
    assert fit.update(priors={"sigma": hb.HalfNormal(3)}).posterior.identical(wanted.posterior)


def test_update_reaches_columns_that_the_old_model_did_not_read(sleep):
    data = sleep.assign(x=np.arange(len(sleep)) % 7 * 1.0)
    model = hb.Model(SLEEP, data)
    data["x"] = np.nan
    assert list(model.update("~ . + x").design.coefficients) == ["Intercept", "Days", "x"]
    loose = {name: data[name].to_numpy().copy() for name in ("Reaction", "Days", "Subject")}
    model = hb.Model(SLEEP, loose)
    model.update("~ . + I(Days^2)")
    loose["Days"] = loose["Days"] + 1
    with pytest.raises(hb.DataError, match="changed since"):
        model.update("~ . + I(Days^2)")


def test_update_of_a_loaded_fit_uses_the_columns_of_its_file(fit, saved, sleep):
    again = hb.load(saved)
    wanted = fit.update(". ~ . + I(Days^2)")
    assert again.update(". ~ . + I(Days^2)").posterior.identical(wanted.posterior)
    with pytest.raises(hb.DataError, match="'Weight'"):
        again.update(". ~ . + Weight")
    assert again.update(data=sleep).posterior.identical(fit.posterior)


def test_priors_are_laid_over_the_old_ones(sleep):
    model = hb.Model(SLEEP, sleep, priors={"sigma": hb.HalfNormal(3), "Days": hb.Normal(0, 1)})
    other = model.update(priors={"sigma": None, "sd_Subject": hb.HalfNormal(9)})
    assert set(other.spec.priors) == {"Days", "sd_Subject"}
    with pytest.warns(hb.HierBayesWarning, match="'Days'"):
        assert set(model.update("~ . - Days").spec.priors) == {"sigma"}
    with pytest.raises(hb.ModelError, match="no parameter 'Dys'"):
        model.update(priors={"Dys": hb.Normal()})
    assert model.update(priors="flat").spec.priors == "flat"


@pytest.mark.parametrize("text", [". ~ . * x", ". ~ x + (. | g)", ". ~ x - .", ". ~ .:x", ". ~ I(.)"])
def test_a_dot_that_is_no_summand_is_refused(fit, text):
    with pytest.raises(hb.FormulaError, match="only be added"):
        fit.model.update(text)


def test_an_unknown_option_is_named(fit):
    with pytest.raises(hb.ModelError, match="'wieghts'"):
        fit.update(wieghts="x")


# extended


def test_extending_continues_the_chains(fit):
    longer = fit.extend(40)
    assert longer.posterior.sizes["draw"] == 100
    assert longer.posterior.isel(draw=slice(60)).identical(fit.posterior)
    assert list(longer.posterior["draw"].to_numpy()) == list(range(100))
    assert longer.tree["sample_stats"].sizes["draw"] == 100
    assert longer.design is fit.design
    assert longer.diagnostics["gradients"] > fit.diagnostics["gradients"]
    assert longer.diagnostics["seconds"] > fit.diagnostics["seconds"]
    assert longer.posterior.identical(fit.extend(40).posterior)
    assert not longer.posterior.identical(fit.extend(40, seed=2).posterior)


def test_random_numbers_are_never_repeated(fit):
    twice = fit.extend(60).extend(60, seed=fit.diagnostics["seed"])
    values = twice.posterior["beta"].to_numpy().reshape(-1, 2)
    assert len(np.unique(values[:, 0])) == len(values)


def test_no_stretch_of_a_chain_has_the_seed_of_another(fit, monkeypatch):
    """One seed for two stretches would give both the same random numbers, though not the same draws."""
    seeds, resume = [fit.diagnostics["seed"]], Runner.resume

    def heard(self, engine, chosen, last):
        seeds.append(chosen.seed)
        return resume(self, engine, chosen, last)

    monkeypatch.setattr(Runner, "resume", heard)
    fit.extend(10).extend(10, seed=fit.diagnostics["seed"]).extend(10)
    assert len(set(seeds)) == len(seeds) == 4


def test_a_loaded_fit_is_extended_to_the_same_draws(fit, saved):
    assert hb.load(saved).extend(25).posterior.identical(fit.extend(25).posterior)


def test_an_extended_fit_still_samples_the_posterior():
    data = hb.load_data("dyestuff")
    start = hb.fit("Yield ~ 1 | Batch", data, draws=500, chains=4, seed=3, progress=False)
    longer = start.extend(1500)
    whole = hb.fit("Yield ~ 1 | Batch", data, draws=4000, chains=4, seed=9, progress=False)
    assert longer.diagnostics["max_rhat"] < 1.01
    new = longer.posterior.isel(draw=slice(500, None))
    for name in ("beta", "sigma", "sd_Batch"):
        own, other = new[name].to_numpy().ravel(), whole.posterior[name].to_numpy().ravel()
        error = np.std(own) / np.sqrt(2000)
        assert abs(np.mean(own) - np.mean(other)) < 5 * error, name
        assert np.std(own) == pytest.approx(np.std(other), rel=0.1), name


def test_a_fit_of_the_joint_engine_is_extended_by_a_run_of_its_own():
    """The chains start afresh with a warm-up of their own: no draw is used twice, and all are of one posterior."""
    spec = catalogue()["cbpp"]
    model = hb.Model(spec.formula, spec.table(), **spec.options())
    start = model.fit(draws=500, chains=4, seed=3, progress=False)
    longer = start.extend(1500)
    assert (start.engine, longer.engine) == ("joint", "joint")
    assert longer.posterior.isel(draw=slice(500)).identical(start.posterior)
    assert longer.posterior.identical(start.extend(1500).posterior)
    assert longer.diagnostics["max_rhat"] < 1.01
    assert longer.diagnostics["gradients"] > 2 * start.diagnostics["gradients"]
    halves = np.split(start.extend(500, seed=3).posterior["beta"].to_numpy()[..., 0], 2, axis=1)
    assert not np.isin(halves[1], halves[0]).any()
    whole, new = model.fit(draws=3000, seed=9, progress=False).posterior, longer.posterior.isel(draw=slice(500, None))
    worst, count = largest(z_scores(new, whole))
    assert worst < limit(count)
    assert largest(z_scores(new.assign(sd_herd=1.1 * new["sd_herd"]), whole))[0] > limit(count)


def test_a_model_without_free_numbers_is_extended(sleep):
    fixed = {"sigma": hb.Fixed(25.0), "sd_Subject": hb.Fixed(20.0)}
    made = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, priors=fixed, **FEW)
    longer = made.extend(60, seed=made.diagnostics["seed"])
    halves = np.split(longer.posterior["beta"].to_numpy(), 2, axis=1)
    assert not np.isin(halves[1], halves[0]).any()


@pytest.mark.parametrize("draws", [0, -1, 1.5, True])
def test_a_senseless_number_of_draws_is_refused(fit, draws):
    with pytest.raises(hb.ModelError, match="draws"):
        fit.extend(draws)


# attached


@pytest.fixture(scope="module")
def by_hand(sleep):
    return fake_fit(SLEEP, sleep, draws=30)


def test_attached_draws_make_a_fit(by_hand, tmp_path):
    made = by_hand.model.attach(by_hand.tree)
    assert made.engine == "attached"
    assert made.posterior.identical(by_hand.posterior)
    same(made.fixef(), by_hand.fixef())
    same(made.predict(), by_hand.predict())
    again = hb.load(made.save(tmp_path / "fit.nc"))
    assert again.engine == "attached"
    same(again.ranef(), by_hand.ranef())
    with pytest.raises(hb.ModelError, match="attach"):
        made.extend(10)


def test_attached_draws_may_stand_in_any_order_and_hold_more(by_hand):
    rng = np.random.default_rng(0)
    mixed = by_hand.posterior.isel(
        Subject=rng.permutation(18), Subject_term=[1, 0], Subject_term2=[1, 0], coef=[1, 0]
    ).transpose(..., "draw", "chain")
    mixed["tau"] = mixed["sigma"] ** 2
    mixed["mine"] = mixed["b_Subject"].isel(Subject_term=0, drop=True)
    made = by_hand.model.attach(mixed.assign_coords(draw=np.arange(30) + 500), same_likelihood=True)
    own = made.posterior.drop_vars(["tau", "mine"])
    assert own.identical(by_hand.posterior)
    np.testing.assert_array_equal(made.posterior["tau"].transpose("chain", "draw"), by_hand.posterior["sigma"] ** 2)
    wanted = by_hand.posterior["b_Subject"].sel(Subject_term="Days", drop=True)
    np.testing.assert_array_equal(made.posterior["mine"].transpose("chain", "draw", "Subject"), wanted)
    same(made.predict(), by_hand.predict())


def test_what_is_wrong_with_attached_draws_is_said(by_hand):
    posterior, attach = by_hand.posterior, by_hand.model.attach
    with pytest.raises(hb.DataError, match="'sd_Subject'"):
        attach(posterior.drop_vars("sd_Subject"))
    with pytest.raises(hb.DataError, match=r"lack '372'.*'nobody'"):
        attach(posterior.assign_coords(Subject=[*posterior["Subject"].to_numpy()[:-1], "nobody"]))
    with pytest.raises(hb.DataError, match="17 entries"):
        attach(posterior.isel(Subject=slice(17)))
    with pytest.raises(hb.DataError, match="dims"):
        attach(posterior.rename({"coef": "other"}))
    with pytest.raises(hb.DataError, match="not all finite"):
        attach(posterior.assign(sigma=posterior["sigma"] * np.nan))
    with pytest.raises(hb.DataError, match="no group 'posterior'"):
        attach(xr.DataTree())
    with pytest.raises(hb.DataError, match="not as dict"):
        attach({"beta": 1})


@pytest.mark.slow
def test_draws_of_pymc_itself_are_attached(tmp_path):
    import pymc as pm

    model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    with model.pymc:
        pm.Potential("mine", -(model.pymc["sigma"] ** 2) / 1e6)
        tree = pm.sample(
            draws=150, tune=200, chains=2, cores=1, random_seed=1, progressbar=False, compute_convergence_checks=False
        )
    made = model.attach(tree)
    assert set(posterior_dims(model.labels)) <= set(made.posterior.data_vars)
    assert made.fixef().loc["Intercept", "mean"] == pytest.approx(1527, abs=25)
    assert made.diagnostics["gradients"] > 300
    assert made.diagnostics["divergences"] >= 0
    again = hb.load(made.save(tmp_path / "fit.nc"))
    same(again.fixef(), made.fixef())
    same(again.predict(), made.predict())


# cached


@pytest.fixture
def counted(monkeypatch):
    from hierbayes.model import kept_model

    calls, sample = [], kept_model.draw
    monkeypatch.setattr(kept_model, "draw", lambda *given: (calls.append(1), sample(*given))[1])
    return calls


def test_a_cached_fit_is_sampled_once(sleep, tmp_path, counted):
    options = {**FEW, "cache": tmp_path / "fit.nc"}
    first = hb.fit(SLEEP, sleep, **options)
    spaced = hb.fit(" Reaction~1+Days + (1 + Days|Subject)", sleep.assign(unused=1), **{**options, "cores": 1})
    assert len(counted) == 1
    assert spaced.posterior.identical(first.posterior)
    same(hb.load(options["cache"]).fixef(), first.fixef())


@pytest.mark.parametrize(
    "change",
    [
        {"formula": "Reaction ~ Days + (Days || Subject)"},
        {"data": lambda data: data.assign(Reaction=np.nextafter(data["Reaction"], np.inf))},
        {"data": lambda data: data.iloc[::-1]},
        {"data": lambda data: data.assign(Subject=data["Subject"].astype(str) + "x")},
        {"priors": {"sigma": hb.HalfNormal(50)}},
        {"seed": 2},
        {"draws": 61},
        {"tune": 300},
        {"target_accept": 0.91},
        {"engine": "collapsed"},
    ],
    ids=("formula", "last digit", "order", "levels", "prior", "seed", "draws", "tune", "target_accept", "engine"),
)
def test_a_change_is_sampled_anew(sleep, tmp_path, counted, change):
    path = tmp_path / "fit.nc"
    hb.fit(SLEEP, sleep, **FEW, cache=path)
    change = dict(change)
    other = change.pop("data", lambda data: data)(sleep)
    text = change.pop("formula", SLEEP)
    new = hb.fit(text, other, **{**FEW, **change}, cache=path)
    assert len(counted) == 2
    assert new.posterior.identical(hb.fit(text, other, **{**FEW, **change}).posterior)
    hb.fit(text, other, **{**FEW, **change}, cache=path)
    assert len(counted) == 3  # the one without a cache


def test_an_extended_fit_is_not_taken_for_the_one_asked_for(sleep, tmp_path, counted):
    path = tmp_path / "fit.nc"
    hb.fit(SLEEP, sleep, **FEW, cache=path).extend(10).save(path)
    assert hb.fit(SLEEP, sleep, **FEW, cache=path).posterior.sizes["draw"] == FEW["draws"]
    assert len(counted) == 2


@pytest.mark.parametrize("path", [3, None, b"fit.nc", ["fit.nc"]])
def test_what_is_no_path_is_refused(fit, sleep, path):
    with pytest.raises(hb.DataError, match="is a path, not"):
        fit.save(path)
    with pytest.raises(hb.DataError, match="is a path, not"):
        hb.load(path)
    if path is not None:
        with pytest.raises(hb.DataError, match="is a path, not"):
            hb.fit(SLEEP, sleep, **FEW, cache=path)


def test_a_cache_needs_a_seed_and_priors_that_can_be_compared(sleep, tmp_path):
    path = tmp_path / "fit.nc"
    with pytest.raises(hb.ModelError, match="needs a seed"):
        hb.fit(SLEEP, sleep, draws=10, cache=path)
    with pytest.raises(hb.ModelError, match="Custom"):
        hb.fit(SLEEP, sleep, priors={"sigma": hb.Custom(print)}, **FEW, cache=path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [b"", b"my thesis", b"\x89HDF\r\n\x1a\n broken"])
def test_a_file_of_another_kind_is_never_overwritten(sleep, tmp_path, other):
    path = tmp_path / "fit.nc"
    path.write_bytes(other)
    with pytest.raises(hb.DataError):
        hb.fit(SLEEP, sleep, **FEW, cache=path)
    assert path.read_bytes() == other
    xr.Dataset({"x": 1}).to_netcdf(tmp_path / "theirs.nc", engine="h5netcdf")
    with pytest.raises(hb.DataError, match="no fit that hierbayes saved"):
        hb.fit(SLEEP, sleep, **FEW, cache=tmp_path / "theirs.nc")
    with pytest.raises(hb.DataError, match="directory"):
        hb.fit(SLEEP, sleep, **FEW, cache=tmp_path)
