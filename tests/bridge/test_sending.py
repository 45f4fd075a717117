"""Fits, models and classical fits to other processes and back, and copies of them."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
import pickletools
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import category_fits
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from fits import fake_fit

import hierbayes as hb
from hierbayes.errors import DataError, ModelError

FORMULA = "Reaction ~ Days + (Days | Subject)"
ROUTES = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "old pickle": lambda value: pickle.loads(pickle.dumps(value, protocol=2)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def sleep():
    return hb.load_data("sleepstudy")


def same_fit(one, other, timed=True):
    """Every table of two fits is the same, to the last bit."""
    assert type(one) is type(other)
    for ask in (
        lambda fit: fit.fixef(), lambda fit: fit.varcorr(), lambda fit: fit.ranef(), lambda fit: fit.coef(),
        lambda fit: fit.model.priors, lambda fit: fit.summary().tables()[0][1], lambda fit: fit.fitted(),
        lambda fit: fit.tidy(), lambda fit: fit.design.table(),
    ):  # fmt: skip
        pd.testing.assert_frame_equal(ask(one), ask(other), check_exact=True)
    assert one.posterior.identical(other.posterior)
    told = [pd.Series(each.diagnostics).drop([] if timed else ["seconds"]) for each in (one, other)]
    pd.testing.assert_series_equal(*told, check_exact=True)
    assert not timed or str(one) == str(other)


@pytest.fixture(scope="module")
def fit():
    return fake_fit(FORMULA, sleep())


@pytest.mark.parametrize("route", ROUTES)
def test_a_fit_comes_back_with_every_table(fit, route):
    again = ROUTES[route](fit)
    assert again is not fit
    same_fit(again, fit)
    asked = pd.DataFrame({"Days": [3.0, 10.0], "Subject": ["308", "new"]})
    found, wanted = (each.predict(asked, groups="new", seed=1) for each in (again, fit))
    pd.testing.assert_frame_equal(found, wanted, check_exact=True)


FAMILIES = {
    "poisson": ("n ~ x + (1 | g)", {}),
    "binomial": ("p(k, size) ~ x + (x | g)", {}),
    "ordinal": ("grade ~ x + (1 | g)", {}),
    "negative_binomial": ("n ~ x + (1 | g) + (1 | h)", {}),
    "gaussian": ("y | se(s) ~ x + (1 | g/h)", {}),
}


def rows():
    rng = np.random.default_rng(3)
    n = 60
    size = rng.integers(5, 9, n)
    return pd.DataFrame({
        "g": rng.choice(list("abcde"), n), "h": rng.choice(list("uvw"), n), "x": rng.normal(size=n), "size": size,
        "k": rng.binomial(size, 0.4), "n": rng.poisson(3, n), "grade": rng.integers(1, 4, n), "y": rng.normal(size=n),
        "s": rng.uniform(0.5, 1, n), "w": rng.uniform(0.5, 2, n), "unused": 1,
    })  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_fits_of_other_families_come_back(family):
    formula, options = FAMILIES[family]
    made = fake_fit(formula, rows(), family=family, **options)
    same_fit(pickle.loads(pickle.dumps(made)), made)


@pytest.mark.parametrize("route", ROUTES)
def test_one_category_comes_back(route):
    whole = category_fits.made_up()
    one = whole.category(whole.design.categories[1])
    again = ROUTES[route](one)
    assert type(again) is type(one)
    pd.testing.assert_frame_equal(again.fixef(), one.fixef(), check_exact=True)
    pd.testing.assert_frame_equal(again.ranef(), one.ranef(), check_exact=True)
    pd.testing.assert_frame_equal(again.fitted(), one.fitted(), check_exact=True)
    assert str(again) == str(one)
    assert pickle.loads(pickle.dumps(whole)).posterior.identical(whole.posterior)


def test_a_loaded_fit_comes_back_with_data_and_without(fit, tmp_path):
    for data in (True, False):
        loaded = hb.load(fit.save(tmp_path / f"{data}.nc", data=data))
        again = pickle.loads(pickle.dumps(loaded))
        pd.testing.assert_frame_equal(again.ranef(), fit.ranef(), check_exact=True)
        twice = hb.load(again.save(tmp_path / "again.nc"))
        pd.testing.assert_frame_equal(twice.ranef(), fit.ranef(), check_exact=True)
        if data:
            same_fit(again, fit)
        else:
            with pytest.raises(ModelError, match="needs the data"):
                again.fitted()


def test_a_deep_copy_is_a_copy(fit):
    again = copy.deepcopy(fit)
    again.tree["posterior"]["beta"][:] = 0.0
    assert float(abs(fit.tree["posterior"]["beta"]).max()) > 0
    assert copy.copy(fit).tree is fit.tree
    assert copy.deepcopy({"fits": [fit, fit]})["fits"][1].fixef().equals(fit.fixef())


@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
@pytest.mark.parametrize("route", ROUTES)
def test_a_model_comes_back_and_samples_the_same(route):
    data = sleep()
    data.loc[3, "Days"] = np.nan
    with pytest.warns(hb.HierBayesWarning, match="missing"):
        model = hb.Model(FORMULA, data, priors={"sigma": hb.HalfNormal(50)})
    again = ROUTES[route](model)
    assert again is not model
    assert repr(again) == repr(model)
    pd.testing.assert_frame_equal(again.priors, model.priors)
    assert again.spec == model.spec
    for name in ("y", "X", "offset", "weights", "rows"):
        np.testing.assert_array_equal(getattr(again.design, name), getattr(model.design, name))
    at = {"sd": [20.0, 5.0], "corr": 0.2, "sigma": 30.0}
    assert again.log_density(**at) == model.log_density(**at)
    draws = [each.prior_draws(draws=20, seed=1) for each in (model, again)]
    assert draws[0].identical(draws[1])
    assert again.update(". ~ . - Days").spec == model.update(". ~ . - Days").spec


@pytest.mark.parametrize("family", FAMILIES)
def test_models_of_other_families_come_back(family):
    model = hb.Model(FAMILIES[family][0], rows(), family=family, weights="w" if family == "poisson" else None)
    again = pickle.loads(pickle.dumps(model))
    pd.testing.assert_frame_equal(again.priors, model.priors)
    np.testing.assert_array_equal(again.problem.X, model.problem.X)
    np.testing.assert_array_equal(again.problem.weights, model.problem.weights)


def test_a_model_that_came_back_lacks_columns_that_it_does_not_read():
    model = hb.Model("y ~ x + (1 | g)", rows())
    assert model.update(". ~ . + w").spec.formula.canonical == "y ~ 1 + x + w + (1 | g)"
    with pytest.raises(DataError, match="only the columns that its model reads, not 'w'"):
        pickle.loads(pickle.dumps(model)).update(". ~ . + w")
    assert copy.deepcopy(model).update(". ~ . + w").spec.formula.canonical == "y ~ 1 + x + w + (1 | g)"


def test_a_custom_prior_does_not_travel():
    model = hb.Model("y ~ x + (1 | g)", rows(), priors={"x": hb.Custom(lambda name, **_: None)})
    with pytest.raises(ModelError, match=r"Custom prior cannot be sent.*\n.*make the model where it is sampled"):
        pickle.dumps(model)
    assert copy.deepcopy(model).resolved_priors == model.resolved_priors
    assert pickle.loads(pickle.dumps(model.reml())).fixef().equals(model.reml().fixef())


@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_an_attached_fit_travels_with_the_variables_of_the_user(fit):
    posterior = fit.posterior.copy()
    posterior["own"] = posterior["sigma"] * 2
    made = fit.model.attach(posterior, same_likelihood=True)
    again = pickle.loads(pickle.dumps(made))
    assert again.engine == "attached"
    np.testing.assert_array_equal(again.tree["posterior"]["own"], made.tree["posterior"]["own"])
    same_fit(again, made)


@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_what_no_file_can_hold_is_refused_in_words(fit):
    tree = fit.tree.copy()
    tree["notes"] = xr.DataTree(xr.Dataset({"own": ("row", np.array([{"an": "object"}, None], dtype=object))}))
    made = fit.model.attach(tree)
    with pytest.raises(DataError, match="'own' of the tree holds values that are neither numbers nor texts"):
        pickle.dumps(made)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["reml", "ml"])
def test_a_classical_fit_comes_back(route, method):
    found = getattr(hb.Model(FORMULA, sleep()), method)()
    again = ROUTES[route](found)
    for name in ("fixef", "varcorr", "ranef", "coef", "tidy"):
        pd.testing.assert_frame_equal(getattr(again, name)(), getattr(found, name)(), check_exact=True)
    assert str(again) == str(found)
    assert (again.criterion, again.aic, again.bic, again.singular) == (
        found.criterion, found.aic, found.bic, found.singular
    )  # fmt: skip


def test_the_bytes_are_those_of_a_file_and_ask_for_nothing_but_the_loader(fit):
    """What is called when a fit comes back is one function of hierbayes, and it is given bytes alone."""
    for value, loader in ((fit, "fit_of_bytes"), (fit.model, "model_of_bytes")):
        code = pickle.dumps(value, protocol=4)
        operations = list(pickletools.genops(code))
        texts = [argument for operation, argument, _ in operations if "UNICODE" in operation.name]
        assert texts == ["hierbayes.model.loaded", loader]
        assert sum(operation.name == "STACK_GLOBAL" for operation, *_ in operations) == 1
        held = [argument for operation, argument, _ in operations if isinstance(argument, bytes)]
        assert [own[:8] for own in held] == [b"\x89HDF\r\n\x1a\n"]


@pytest.mark.parametrize("content", [b"", b"text", b"\x89HDF\r\n\x1a\n broken"])
def test_bytes_of_another_kind_are_refused(content):
    from hierbayes.model.loaded import fit_of_bytes, model_of_bytes

    for loader in (fit_of_bytes, model_of_bytes):
        with pytest.raises(DataError, match="damaged"):
            loader(content)


def test_changed_bytes_are_noticed(fit):
    from hierbayes.model.loaded import fit_of_bytes

    _, (content,) = fit.__reduce__()
    draws = fit.posterior["sigma"].to_numpy()[0, :4].tobytes()
    place = content.index(draws)
    with pytest.raises(DataError):
        fit_of_bytes(content[:place] + draws[::-1] + content[place + len(draws) :])


def sampled(seed):
    model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    return model.fit(draws=50, tune=50, chains=2, seed=seed, progress=False)


def fitted(model):
    return model.reml()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_workers_take_models_and_return_fits():
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        same_fit(pool.submit(sampled, 1).result(), sampled(1), timed=False)
        model = hb.Model(FORMULA, sleep())
        assert str(pool.submit(fitted, model).result()) == str(model.reml())
    with context.Pool(1) as pool:
        (found,) = pool.map(sampled, [1])
    same_fit(found, sampled(1), timed=False)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_a_pickle_is_read_by_a_process_that_knows_nothing(tmp_path):
    made = sampled(1)
    (tmp_path / "fit").write_bytes(pickle.dumps(made))
    code = f"import pickle; print(pickle.load(open({str(tmp_path / 'fit')!r}, 'rb')).fixef().to_csv())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == made.fixef().to_csv().strip()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_a_fit_by_pymc_and_by_the_joint_engine_comes_back():
    herds = hb.Model("p(incidence, size) ~ 1 + (1 | herd)", hb.load_data("cbpp"), family="binomial")
    for engine in ("joint", "pymc"):
        made = herds.fit(draws=20, tune=50, chains=2, seed=1, progress=False, engine=engine)
        again = pickle.loads(pickle.dumps(made))
        same_fit(again, made)
        assert again.extend(5).diagnostics["draws"] == 25
