"""Priors of Bambi read where a prior is expected: the same densities as PyMC's, by Bambi's keys and by ours."""

from __future__ import annotations

import numpy as np
import pytest

import hierbayes as hb
from hierbayes.errors import ModelError
from hierbayes.priors.bambi import is_bambi_prior, read_bambi_prior, sd_key

bambi = pytest.importorskip("bambi")

POINT = 0.7
STATED = [
    ("Normal", {"mu": 1, "sigma": 5}),
    ("Normal", {"sigma": 2}),
    ("Normal", {"mu": -1, "tau": 0.25}),
    ("Normal", {}),
    ("HalfNormal", {"sigma": 3}),
    ("HalfNormal", {"tau": 4}),
    ("HalfNormal", {}),
    ("HalfStudentT", {"nu": 4, "sigma": 2}),
    ("HalfStudentT", {"nu": 3}),
    ("HalfStudentT", {"nu": 3, "lam": 0.25}),
    ("HalfCauchy", {"beta": 2}),
    ("Exponential", {"lam": 3}),
    ("Exponential", {"scale": 3}),
    ("Exponential", {}),
    ("Gamma", {"alpha": 2, "beta": 0.5}),
    ("Gamma", {"mu": 6, "sigma": 3}),
    ("InverseGamma", {"alpha": 3, "beta": 2}),
    ("InverseGamma", {"alpha": 3}),
    ("InverseGamma", {"mu": 6, "sigma": 3}),
    ("LogNormal", {"mu": 1, "sigma": 2}),
    ("LogNormal", {"tau": 4}),
    ("Uniform", {"lower": 0.5, "upper": 9}),
    ("Uniform", {}),
]


def density_here(prior):
    return float(prior.log_density(POINT))


def density_in_pymc(name, parameters):
    import pymc as pm

    # as arrays, which Bambi makes of them: PyMC computes with plain small numbers in single precision
    numbers = {key: np.array(value, dtype=float) for key, value in parameters.items()}
    logp = pm.logp(getattr(pm, name).dist(**numbers), POINT)
    return float(logp.eval(mode="FAST_COMPILE"))


@pytest.mark.parametrize(("name", "parameters"), STATED, ids=lambda part: str(part))
def test_a_prior_has_the_density_of_its_pymc_distribution(name, parameters):
    read = read_bambi_prior(bambi.Prior(name, **parameters), "sigma")
    # PyMC's HalfStudentT is off by a constant of 2e-8
    assert density_here(read) == pytest.approx(density_in_pymc(name, parameters), abs=1e-7)


def test_a_parameter_read_wrongly_would_be_seen():
    wrong = density_here(hb.Exponential(3.0))
    assert abs(wrong - density_in_pymc("Exponential", {"scale": 3})) > 0.1


def test_flat_and_lkj_are_read():
    assert read_bambi_prior(bambi.Prior("Flat"), "Days") == hb.Flat()
    assert read_bambi_prior(bambi.Prior("HalfFlat"), "sigma") == hb.Flat()
    assert read_bambi_prior(bambi.Prior("LKJ", eta=3), "corr_Subject") == hb.LKJ(3)


def test_an_entry_of_an_array_is_taken_by_its_place():
    prior = bambi.Prior("Normal", mu=np.array([1.0, 2.0]), sigma=3)
    assert read_bambi_prior(prior, "recipe", 1) == hb.Normal(2, 3)
    with pytest.raises(ModelError, match=r"recipe: mu of .* has 2 numbers"):
        read_bambi_prior(prior, "recipe")
    with pytest.raises(ModelError, match="more columns"):
        read_bambi_prior(prior, "recipe", 2)


@pytest.mark.parametrize(
    ("prior", "message"),
    [
        (
            lambda: bambi.Prior("Laplace", mu=0, b=1),
            r"no prior 'Laplace'\n.*hb.Custom\(.*pm.Laplace\(name, mu=0.0, b=1.0",
        ),
        (lambda: bambi.Prior("HalfNorma", sigma=1), "Did you mean 'HalfNormal'"),
        (lambda: bambi.Prior("Mine", dist=lambda name, **k: None), "no prior 'Mine'"),
        (lambda: bambi.Prior("HalfNormal", scale=1), "HalfNormal takes sigma, tau"),
        (lambda: bambi.Prior("HalfStudentT"), "HalfStudentT takes nu"),
        (lambda: bambi.Prior("HalfNormal", sigma=-1), "sigma: HalfNormal: sigma must be positive"),
        (lambda: bambi.Prior("HalfNormal", sigma="wide"), "is not a number"),
        (lambda: bambi.Prior("Normal", mu=0, sigma=bambi.Prior("HalfNormal")), "prior of its own"),
        (lambda: bambi.Prior("Gamma", alpha=1, mu=2), "Gamma takes alpha, beta, mu, sigma"),
        (lambda: bambi.Prior("Exponential", scale=0), "must be positive"),
    ],
)
def test_what_is_not_understood_is_named(prior, message):
    with pytest.raises(ModelError, match=message):
        read_bambi_prior(prior(), "sigma")


def test_a_prior_is_told_by_its_class():
    class Prior:
        name, args, dist = "Normal", {}, None

    assert is_bambi_prior(bambi.Prior("Normal"))
    assert not is_bambi_prior(Prior())
    assert not is_bambi_prior(hb.Normal())


def test_the_name_of_a_group_level_term_gives_the_key_of_its_sd():
    factors = ["Subject", "batch:cask"]
    assert sd_key("1|Subject", factors) == "sd_Subject[Intercept]"
    assert sd_key("a:b | batch:cask", factors) == "sd_batch:cask[a:b]"
    assert sd_key('I(x == "a|b")', factors) is None


def effects(sigma):
    return bambi.Prior("Normal", mu=0, sigma=bambi.Prior("HalfNormal", sigma=sigma))


def table(priors, formula="Reaction ~ Days + (Days | Subject)"):
    return hb.Model(formula, hb.load_data("sleepstudy"), priors=priors).priors["prior"]


def test_bambi_keys_reach_the_parameters_that_they_mean():
    found = table({"common": bambi.Prior("Normal", mu=0, sigma=5), "1|Subject": effects(3), "Days|Subject": effects(2)})
    assert found["Intercept"] == found["Days"] == "Normal(0, 5)"
    assert found["sd_Subject[Intercept]"] == "HalfNormal(3)"
    assert found["sd_Subject[Days]"] == "HalfNormal(2)"
    assert found["corr_Subject"] == "LKJ(2)"
    both = table({"group_specific": effects(4), "Days | Subject": effects(2), "Days": bambi.Prior("Flat")})
    assert both["sd_Subject[Intercept]"] == "HalfNormal(4)"
    assert both["sd_Subject[Days]"] == "HalfNormal(2)"
    assert both["Days"] == "Flat()"


def test_keys_of_hierbayes_take_priors_of_bambi_beside_its_own():
    found = table(
        {
            "sd_Subject": bambi.Prior("HalfNormal", sigma=3),
            "sigma": hb.Exponential(0.1),
            "corr_Subject": bambi.Prior("LKJ", eta=4),
        }
    )
    assert found["sd_Subject[Days]"] == "HalfNormal(3)"
    assert found["sigma"] == "Exponential(0.1)"
    assert found["corr_Subject"] == "LKJ(4)"


def test_the_mapping_given_is_left_as_it_is():
    given = {"1|Subject": effects(3)}
    table(given)
    assert list(given) == ["1|Subject"]
    assert is_bambi_prior(given["1|Subject"])


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        (lambda: {"1|Subject": bambi.Prior("HalfNormal", sigma=3)}, "1|Subject: .*normal around 0"),
        (lambda: {"1|Subject": bambi.Prior("StudentT", nu=3, sigma=bambi.Prior("HalfNormal"))}, "normal around 0"),
        (lambda: {"1|Subject": bambi.Prior("Normal", mu=1, sigma=bambi.Prior("HalfNormal"))}, "Write mu=0"),
        (
            lambda: {"1|Subject": bambi.Prior("Normal", mu=bambi.Prior("Normal"), sigma=bambi.Prior("HalfNormal"))},
            "mu=0",
        ),
        (lambda: {"Days": effects(3)}, "Days: .* has a prior on its sigma"),
        (lambda: {"Days": bambi.Prior("HalfNormal", sigma=3)}, "does not fit 'Days'"),
        (lambda: {"Days": bambi.Prior("HalfFlat")}, "no negative coefficient"),
        (lambda: {"1|Item": effects(3)}, "1|Item"),
        (lambda: {"1|Subject": effects(3), "sd_Subject[Intercept]": hb.HalfNormal(2)}, "given twice"),
    ],
)
def test_a_prior_that_does_not_fit_is_refused_by_its_key(priors, message):
    with pytest.raises(ModelError, match=message):
        table(priors())


def test_an_update_takes_them_too():
    given = {"sd_Subject[Intercept]": hb.HalfNormal(9)}
    model = hb.Model("Reaction ~ Days + (1 | Subject)", hb.load_data("sleepstudy"), priors=given)
    updated = model.update(priors={"1|Subject": effects(3)})
    assert updated.priors.loc["sd_Subject[Intercept]", "prior"] == "HalfNormal(3)"


def test_group_specific_needs_a_group_level_term():
    with pytest.raises(ModelError, match="no group-level term"):
        table({"group_specific": effects(1)}, "Reaction ~ Days")
