"""Categories without an order in simulations and studies: their law, their names, what fits them, what is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from scipy import stats
from scipy.optimize import minimize

import hierbayes as hb
from hierbayes.comparison.checks import difference, refuse_other_data
from hierbayes.engines.base import Trace
from hierbayes.errors import DataError, HierBayesWarning, ModelError
from hierbayes.families import categorical
from hierbayes.families import family as by_name
from hierbayes.sampling.sampler import settings
from hierbayes.studies.calibration import make_task, run_sets, seeds_of
from hierbayes.studies.calibration_quantities import of_draws, of_world
from hierbayes.studies.calibration_result import Calibration
from hierbayes.studies.prior_sensitivity import _first, scaled

FORMULA = "y ~ x + (1 | g)"
TRUTH = {
    "bus:Intercept": -1,
    "bus:x": 0.5,
    "train:Intercept": 0.5,
    "train:x": -1,
    "sd_g": {"bus:Intercept": 1, "train:Intercept": 0.5},
    "corr_g": 0.3,
}
NORMAL = {"x": hb.Normal(0, 1)}
PRIORS = {"beta": hb.Normal(0, 1.5), "sd_g": hb.HalfNormal(1)}


def simulated(truth: Any = TRUTH, sizes: Any = None, formula: str = FORMULA, **options: Any) -> pd.DataFrame:
    options = {"seed": 1, "family": "categorical", "predictors": NORMAL} | options
    return hb.simulate(formula, sizes or {"g": 6, "rows": 20}, truth, **options)


def without(*names: str) -> dict[str, Any]:
    return {key: value for key, value in TRUTH.items() if key not in names}


# their law


def shares(data: pd.DataFrame, names: list[str]) -> np.ndarray:
    """The probability of each category of each row, by hand from the truth that came with the data."""
    truth, eta = data.attrs["truth"], []
    for name in names:
        own = truth["beta"][f"{name}:Intercept"] + truth["beta"][f"{name}:x"] * data["x"]
        effects = truth["b_g"][f"{name}:Intercept"]
        eta.append(np.exp(own + data["g"].astype(str).map(effects).astype(float)))
    whole = np.column_stack([np.ones(len(data)), *eta])
    return whole / whole.sum(axis=1, keepdims=True)


def p_values(data: pd.DataFrame, names: list[str]) -> list[float]:
    """Whether each category comes as often as it should, in rows with small and with large x."""
    probability, codes = shares(data, names), data["y"].cat.codes.to_numpy()
    found = []
    for k in range(len(names) + 1):
        for part in (data["x"] < 0, data["x"] >= 0):
            own = probability[part, k]
            z = ((codes[part] == k) - own).sum() / np.sqrt((own * (1 - own)).sum())
            found.append(2 * stats.norm.sf(abs(z)))
    return found


def test_categories_come_with_the_probabilities_of_the_model():
    data = simulated(sizes={"g": 40, "rows": 100})
    assert data["y"].cat.categories.tolist() == ["reference", "bus", "train"]
    assert min(p_values(data, ["bus", "train"])) > 1e-4
    # the control: the categories taken for one another
    assert min(p_values(data, ["train", "bus"])) < 1e-12


def test_effects_of_the_categories_are_correlated_as_they_should_be():
    data = simulated(sizes={"g": 2000, "rows": 1})
    effects = pd.DataFrame(data.attrs["truth"]["b_g"])
    assert effects.columns.tolist() == ["bus:Intercept", "train:Intercept"]
    np.testing.assert_allclose(effects.std(), [1, 0.5], rtol=0.06)
    assert effects.corr().iloc[0, 1] == pytest.approx(0.3, abs=0.07)


def test_a_fit_of_simulated_data_gives_the_parameters_back():
    truth = without("sd_g", "corr_g")
    data = simulated(truth, 4000, "y ~ x")
    design = hb.Model("y ~ x", data, family="categorical").design
    assert design.coefficients == tuple(truth)

    def fall(beta):
        return -categorical.log_probability(design.y, categorical.apart(design.X @ beta, 3)).sum()

    best = minimize(fall, np.zeros(4))
    errors = (best.x - np.array(list(truth.values()))) / np.sqrt(np.diag(best.hess_inv))
    assert np.abs(errors).max() < 4
    swapped = np.array(list(truth.values()))[[2, 3, 0, 1]]
    assert np.abs((best.x - swapped) / np.sqrt(np.diag(best.hess_inv))).max() > 10


# their names


@pytest.mark.parametrize(
    ("truth", "family", "names"),
    [
        (TRUTH | {"reference": "car"}, "categorical", ["car", "bus", "train"]),
        ({"beta": {"2:x": 1, "3:x": 1, "2:Intercept": 0, "3:Intercept": 0}}, "categorical", ["1", "2", "3"]),
        ({"beta": {"3:x": 1, "2:x": 1, "2:Intercept": 0, "3:Intercept": 0}}, "categorical", ["reference", "3", "2"]),
        ({"beta": [0, 1, 0, 1]}, by_name("categorical(logit)", 3), ["1", "2", "3"]),
        ({"beta": pd.Series({"b:x": 1, "c:x": 1, "b:Intercept": 0, "c:Intercept": 0})}, "nominal", None),
    ],
)
def test_the_truth_names_the_categories(truth, family, names):
    given = {"sd_g": [0.5, 0.5], "corr_g": 0.0} | truth
    data = simulated(given, family=family)
    assert data["y"].cat.categories.tolist() == (names or ["reference", "b", "c"])
    design = hb.Model(FORMULA, data, family="categorical").design
    assert design.categories == tuple(data["y"].cat.categories)
    assert set(data.attrs["truth"]["beta"]) == set(design.coefficients)


def test_simulated_categories_are_those_of_the_data():
    rng = np.random.default_rng(1)
    base = pd.DataFrame({"x": rng.normal(size=90), "g": np.repeat(list("abc"), 30)})
    codes = np.resize([0, 1, 2], 90)

    def like(y, truth, **more):
        data = base.assign(y=y)
        found = hb.simulate(FORMULA, data=data, truth=truth | more, family="categorical", seed=1)
        assert hb.Model(FORMULA, found, family="categorical").design.coefficients == tuple(truth)[:4]
        return found["y"], data["y"]

    def truth(*names):
        beta = {f"{name}:{term}": 0.3 for name in names for term in ("Intercept", "x")}
        return beta | {"sd_g": [0.5, 0.5], "corr_g": 0.0}

    texts, _ = like(np.array(["bus", "car", "train"])[codes], truth("car", "train"))
    assert texts.cat.categories.tolist() == ["bus", "car", "train"]
    numbers, _ = like(np.array([7, 3, 5])[codes], truth("5", "7"), reference="3")
    assert numbers.dtype.kind == "i"
    assert set(numbers) == {3, 5, 7}
    # an unused category, and numbers for names: the column keeps its kind
    kept, before = like(pd.Categorical(np.array([9, 5, 7])[codes], [9, 1, 5, 7]), truth("5", "7"), reference="9")
    assert kept.dtype == before.dtype
    assert set(kept) == {9, 5, 7}
    with pytest.raises(ModelError, match="takes 'car' for the reference, and in the data it is 'bus'"):
        like(np.array(["bus", "car", "train"])[codes], truth("train", "bus"), reference="car")


def test_the_truth_may_come_from_the_priors():
    family = by_name("categorical(logit)", 3)
    data = simulated("prior", family=family, priors=PRIORS)
    assert list(data.attrs["truth"]["beta"]) == ["2:Intercept", "2:x", "3:Intercept", "3:x"]
    with pytest.raises(ModelError, match=r"priors of 2:Intercept, .*sd_g\[3:Intercept\] are scaled to a response"):
        simulated("prior", family=family)


@pytest.mark.parametrize(
    ("truth", "options", "what"),
    [
        (TRUTH | {"reference": "bus"}, {}, "coefficients of 'bus', the reference"),
        (TRUTH | {"reference": 3}, {}, "it is the name of a category"),
        (TRUTH, {"family": by_name("categorical(logit)", 4)}, "4 categories, and the truth has coefficients of 2"),
        ({"Intercept": 0, "x": 1, "sd_g": 1}, {}, "nothing says how many"),
        ({"b:Intercept": 0, "b:x": 1, "sd_g": 1}, {}, "the truth names 2: reference, b"),
        ("prior", {"priors": PRIORS}, "nothing says how many"),
        (without("train:x"), {}, "does not say train:x"),
        (TRUTH | {"train:z": 1}, {}, "names 'train:z'"),
    ],
)
def test_what_a_truth_lacks_is_named(truth, options, what):
    with pytest.raises(ModelError, match=what):
        simulated(truth, **options)


def test_too_few_rows():
    with pytest.raises(DataError, match="2 rows cannot hold 3 categories"):
        simulated(sizes={"g": 2, "rows": 1})
    with pytest.warns(HierBayesWarning, match="no simulated row has 'bus' for 'y'"):
        simulated(TRUTH | {"bus:Intercept": -50})
    with pytest.warns(HierBayesWarning, match="no simulated row has 'reference' .* has another reference"):
        simulated(TRUTH | {"bus:Intercept": 50, "train:Intercept": 50})


# studies


@pytest.fixture(scope="module")
def model() -> hb.Model:
    data = simulated({key.replace("bus", "b").replace("train", "c"): value for key, value in TRUTH.items()} | {
        "sd_g": [0.7, 0.7]
    }, {"g": 8, "rows": 15})  # fmt: skip
    return hb.Model(FORMULA, data, family="categorical", priors=PRIORS)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda m: hb.experiment(FORMULA, 9, TRUTH, family="categorical"), "an experiment compares poolings of one"),
        (lambda m: hb.pooling(FORMULA, None, family="multinomial"), "hb.pooling compares poolings of one"),
        (lambda m: hb.classical(m), r"by maximum likelihood: fit\.category\('b'\)\.pooling_tables\(\)$"),
        (lambda m: m.reml(), r"fit\.category\('b'\)\.pooling_tables\(\) complete and no"),
        (lambda m: m.ml(), r"ML is for the gaussian family"),
        (lambda m: made_up(m).to_bambi(), "categorical fits are not handed over to Bambi"),
    ],
)
def test_what_asks_for_one_predictor_is_refused_before_it_samples(model, call, what):
    with pytest.raises(ModelError, match=what):
        call(model)


def made_up(model: hb.Model) -> hb.Fit:
    return fake_fit(FORMULA, simulated(), family="categorical")


def test_bambi_models_of_the_family_are_refused():
    bambi = pytest.importorskip("bambi")
    given = bambi.Model("y ~ x", simulated()[["y", "x"]], family="categorical")
    with pytest.raises(ModelError, match="Bambi models of the family 'categorical' are not read"):
        hb.from_bambi(given)


def test_an_updated_model_has_the_categories_of_its_data(model):
    data = simulated()
    own = hb.Model(FORMULA, data, family="categorical", priors={"bus:x": hb.Normal(0, 3), "x": hb.Normal(0, 2)})
    more = simulated(TRUTH | {"tram:Intercept": 0, "tram:x": 0, "sd_g": [1, 1, 1]})
    longer = own.update(data=more)
    assert longer.design.categories == ("reference", "bus", "train", "tram")
    assert longer.spec.family.categories == 4
    assert longer.priors.loc[["bus:x", "tram:x"], "prior"].tolist() == ["Normal(0, 3)", "Normal(0, 2)"]
    renamed = data.assign(y=data["y"].cat.rename_categories({"bus": "coach"}))
    with pytest.warns(HierBayesWarning, match="priors of 'bus:x' are dropped"):
        other = own.update(data=renamed)
    assert other.design.coefficients == ("coach:Intercept", "coach:x", "train:Intercept", "train:x")
    two = data.assign(y=(data["y"] == "bus").astype(int))
    with pytest.warns(HierBayesWarning, match="priors of 'bus:x' are dropped"):
        single = own.update(data=two, family="bernoulli")
    assert single.priors.loc["x", "prior"] == "Normal(0, 2)"
    assert single.update(data=data, family="categorical").design.predictors == 2
    with pytest.raises(DataError, match="without an order"):
        own.update(family="ordinal")


def changed(model: hb.Model, key: str) -> set[str]:
    """The parameters whose priors `hb.sensitivity` would widen."""
    before, after = model.priors["prior"], model.with_resolved(scaled(model, key, 2.0)).priors["prior"]
    return set(before.index[before != after])


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("x", {"b:x", "c:x"}),
        ("c:x", {"c:x"}),
        ("Intercept", {"b:Intercept", "c:Intercept"}),
        ("beta", {"b:Intercept", "b:x", "c:Intercept", "c:x"}),
        ("sd_g[Intercept]", {"sd_g[b:Intercept]", "sd_g[c:Intercept]"}),
        ("sd_g[b:Intercept]", {"sd_g[b:Intercept]"}),
        ("sd_g", {"sd_g[b:Intercept]", "sd_g[c:Intercept]"}),
        ("corr_g", {"corr_g"}),
    ],
)
def test_sensitivity_takes_the_keys_of_priors(model, key, wanted):
    assert changed(model, key) == wanted
    assert _first(model, key) == model.priors.loc[min(wanted), "prior"]


def test_split_terms_have_the_keys_of_priors():
    own = hb.Model("y ~ x + (x || g)", simulated(), family="categorical")
    assert changed(own, "sd_g[x]") == {"sd_g[bus:x]", "sd_g[train:x]"}


def test_a_category_may_have_a_colon_in_its_name():
    data = simulated()
    data["y"] = data["y"].cat.rename_categories({"bus": "by:bus"})
    own = hb.Model(FORMULA, data, family="categorical", priors={"sd_g[Intercept]": hb.HalfNormal(2)})
    assert own.priors.loc["sd_g[by:bus:Intercept]", "source"] == "user"
    assert changed(own, "sd_g[Intercept]") == {"sd_g[by:bus:Intercept]", "sd_g[train:Intercept]"}


def test_fits_with_another_reference_or_order_are_of_the_same_data():
    data = simulated()
    fit = fake_fit(FORMULA, data, family="categorical")
    names = ["train", "reference", "bus"]
    turned = fake_fit(FORMULA, data.assign(y=data["y"].cat.reorder_categories(names)), family="categorical")
    ordered = fake_fit(FORMULA, data.assign(y=data["y"].cat.set_categories(names, ordered=True)), family="ordinal")
    assert not np.array_equal(fit.design.y, turned.design.y)
    assert difference(fit.design, turned.design) is None
    assert difference(fit.design, ordered.design) is None
    with pytest.warns(HierBayesWarning, match="Pareto k"):  # the draws are made up
        table = hb.compare({"a": fit, "b": turned, "c": ordered})
    assert set(table.index) == {"a", "b", "c"}
    other = fake_fit(FORMULA, data.assign(y=np.roll(data["y"], 1)), family="categorical")
    with pytest.raises(DataError, match=r"responses differ, the first in row \d+: '\w+' against '\w+'"):
        refuse_other_data({"a": fit, "b": other})


def test_tables_go_out():
    fit = fake_fit(FORMULA, simulated(), family="categorical")
    assert "train:Intercept" in hb.export(fit, "latex")
    assert "bus:x" in hb.export(fit, "markdown")


# calibration


@dataclass(frozen=True)
class Renumbered:
    """A source of worlds whose categories are counted from another one: 2, 3, 1 for 1, 2, 3."""

    source: Any

    @property
    def design(self):
        return self.source.design

    @property
    def labels(self):
        return self.source.labels

    def draw(self, seed):
        world = self.source.draw(seed)
        return replace(world, y=world.y % 3 + 1)


def test_a_world_has_the_same_quantities_as_a_draw_of_its_parameters(model):
    task = make_task(model, settings(draws=10, chains=1, cores=1, seed=3, progress=False), "pymc")
    names = [each.name for each in task.quantities]
    assert "b_g[1, c:Intercept]" in names
    world = task.source.draw(11)
    wanted = of_world(task.quantities, task.design, world, 11)
    draws = {name: np.broadcast_to(values, (1, 4000, *np.shape(values))) for name, values in world.values.items()}
    trace = Trace(draws, {"diverging": np.zeros((1, 4000), bool)}, 1, False)
    problem, design = replace(model.problem, y=world.y), replace(task.design, y=world.y)
    found = of_draws(task.quantities, design, task.source.labels, trace, problem, 5)
    new = names.index("new level")
    np.testing.assert_allclose(np.delete(found[0], new), np.delete(wanted, new), rtol=1e-9)
    # of a new level the two share a distribution: that of the mean of both predictors at the mean row
    many = [of_world(task.quantities, task.design, world, seed)[new] for seed in range(400)]
    assert stats.ks_2samp(found[:, new], many).pvalue > 0.001
    assert stats.ks_2samp(found[:, new] * 1.5, many).pvalue < 0.001
    # the control: categories counted from another one
    turned = of_world(task.quantities, task.design, Renumbered(task.source).draw(11), 11)
    assert abs(turned[names.index("log likelihood")] - wanted[names.index("log likelihood")]) > 1


@pytest.mark.slow
def test_posteriors_are_calibrated_and_wrong_numbers_of_categories_are_found_out(model):
    """One compiled PyMC model for all data sets, those of the planted error too."""
    task = make_task(model, settings(draws=20, chains=1, cores=1, seed=3, progress=False), "pymc")
    seeds = seeds_of(3, 20)
    right, wrong = (
        Calibration(FORMULA, "pymc", task.quantities, 20, seeds, run_sets(replace(task, source=source), seeds))
        for source in (task.source, Renumbered(task.source))
    )
    assert right.failures.empty
    assert right.passed
    assert not wrong.passed
