"""Bambi's models read: the same joint density as Bambi's own PyMC model, and refusals by name."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import hierbayes as hb
from hierbayes.errors import ModelError

bambi = pytest.importorskip("bambi")


def sleep():
    return hb.load_data("sleepstudy")


def oats():
    data = hb.load_data("oats").assign(nitro=lambda d: d["N"].astype(str).str[:3].astype(float))
    # an order of the categories that is not the sorted one, which formulae takes
    return data.assign(V=data["V"].cat.reorder_categories(sorted(data["V"].cat.categories, reverse=True)))


def effects(sigma):
    return bambi.Prior("Normal", mu=0, sigma=bambi.Prior("HalfNormal", sigma=sigma))


CASES = {
    "sleepstudy": lambda: bambi.Model("Reaction ~ Days + (Days | Subject)", sleep()),
    "centred effects": lambda: bambi.Model("Reaction ~ Days + (Days | Subject)", sleep(), noncentered=False),
    "own priors": lambda: bambi.Model(
        "Reaction ~ Days + (Days | Subject)",
        sleep(),
        priors={
            "Intercept": bambi.Prior("Normal", mu=250, sigma=30),
            "Days": bambi.Prior("Normal", mu=5, sigma=7),
            "1|Subject": bambi.Prior("Normal", mu=0, sigma=bambi.Prior("Exponential", lam=0.1)),
            "Days|Subject": effects(12),
            "sigma": bambi.Prior("Gamma", alpha=2, beta=0.1),
        },
    ),
    # not 30: PyMC computes in single precision with a number that it holds exactly
    "known sigma": lambda: bambi.Model("Reaction ~ Days + (1 | Subject)", sleep(), priors={"sigma": 30.1}),
    "a factor's order and an offset": lambda: bambi.Model(
        "Y ~ nitro * V + offset(nitro) + (1 | B)",
        oats(),
        priors={"V": bambi.Prior("Normal", mu=np.array([1, 2]), sigma=np.array([3, 4]))},
    ),
    "categorical effects": lambda: bambi.Model("Y ~ np.log(nitro + 1) + (V | B) + (0 + nitro | B:V)", oats()),
    "no intercept": lambda: bambi.Model("Y ~ 0 + V + (0 + V | B)", oats()),
    "no groups": lambda: bambi.Model("Y ~ poly(nitro, 2) + V", oats()),
}
# one case where what comes from Bambi differs in scale, so that both prior and column are put to the test
SCALED = lambda: bambi.Model("Y ~ scale(nitro) + (0 + scale(nitro) | V)", oats())  # noqa: E731


def density_in_bambi(model, h, point):
    """The log density of data, sds, sigma, coefficients and effects (not their offsets) in Bambi's PyMC model."""
    from pymc.model.transform.conditioning import remove_value_transforms

    model.build()
    free = remove_value_transforms(model.backend.model)
    values, jacobian = in_bambi_names(model, h, point)
    names = {value.name for value in free.value_vars}
    logp = free.compile_logp(mode="FAST_COMPILE")({name: np.asarray(values[name]) for name in names})
    return float(logp) - sum(part for name, part in jacobian.items() if f"{name}_offset" in names)


def in_bambi_names(model, h, point):
    """Coefficients and effects of hierbayes by the numbers of Bambi's columns, and the Jacobian of each offset."""
    parent, design = model.parameters["mu"], h.design
    values, jacobian = {"sigma": point["sigma"]}, {}
    rest = 0.0
    for term in parent.common_terms.values():
        columns = np.reshape(term.data, (design.n, -1))
        own = np.array([beta_of(column, design.X, point["beta"]) for column in columns.T])
        rest = rest + columns.mean(axis=0) @ own
        values[term.name] = own if term.coords else own[0]
    if parent.intercept_term:
        values["Intercept"] = point["beta"][0] + rest
    for term in parent.group_specific_terms.values():
        values_of_group(term, design, point, values, jacobian)
    return values, jacobian


def beta_of(column, X, beta):
    gaps = [np.linalg.norm(column - x * (column @ x) / (x @ x)) for x in X.T]
    k = int(np.argmin(gaps))
    return beta[k] * (column @ X[:, k]) / (column @ column)


def values_of_group(term, design, point, values, jacobian):
    factor = term.term.factor.name
    blocks = design.blocks(factor)
    Z = np.column_stack([block.Z for block in blocks])
    columns = np.reshape(term.predictor, (design.n, -1))
    b = np.column_stack([beta_of(c, Z, np.eye(Z.shape[1])) @ point["b"][factor].T for c in columns.T])
    sd = np.array([np.abs(beta_of(c, Z, np.eye(Z.shape[1]))) @ point["sd"][factor] for c in columns.T])
    order = [blocks[0].codes[term.group_index == j][0] for j in range(len(term.groups))]
    b = b[order]
    several = any(name.endswith("__expr_dim") for name in term.coords)
    values[term.name] = b if several else b[:, 0]
    values[f"{term.name}_sigma"] = sd if several else sd[0]
    values[f"{term.name}_offset"] = (b / sd) if several else (b / sd)[:, 0]
    jacobian[term.name] = len(b) * float(np.log(sd).sum())


def random_point(h, seed):
    rng = np.random.default_rng(seed)
    design = h.design
    sizes = {f: sum(len(b.terms) for b in design.blocks(f)) for f in design.factors}
    fixed = isinstance(h.resolved_priors.prior_of("sigma"), hb.Fixed)
    beta = rng.normal(size=len(design.coefficients))
    beta[0] += 200 if design.intercept else 0
    return {
        "sigma": h.resolved_priors.prior_of("sigma").value if fixed else float(rng.uniform(20, 40)),
        "beta": beta,
        "sd": {f: rng.uniform(2, 9, size) for f, size in sizes.items()},
        "b": {f: rng.normal(size=(design.blocks(f)[0].n_levels, size)) for f, size in sizes.items()},
    }


def density_here(h, point):
    corr = {block.factor: 0.0 for block in h.design.groups}
    return h.log_density(sd=point["sd"], corr=corr, sigma=point["sigma"], beta=point["beta"], b=point["b"])


@pytest.mark.parametrize("name", CASES)
def test_the_joint_density_is_bambis(name):
    given = CASES[name]()
    h = hb.from_bambi(given)
    for seed in (1, 2):
        point = random_point(h, seed)
        assert density_here(h, point) == pytest.approx(density_in_bambi(given, h, point), abs=1e-6)


def test_a_rescaled_column_changes_the_density_by_a_constant():
    given = SCALED()
    h = hb.from_bambi(given)
    # scale() divides by n - 1 here: coefficient, sd and effects are larger by the root of n / (n - 1)
    n, levels = h.design.n, h.design.groups[0].n_levels
    constant = (1 + 1 + levels) * 0.5 * np.log(n / (n - 1))
    for seed in (1, 2):
        point = random_point(h, seed)
        assert density_in_bambi(given, h, point) - density_here(h, point) == pytest.approx(constant, abs=1e-6)


def test_another_prior_or_coding_would_be_seen():
    given = CASES["sleepstudy"]()
    h = hb.from_bambi(given)
    point = random_point(h, 1)
    right = density_in_bambi(given, h, point)
    formula = "Reaction ~ Days + (Days || Subject)"
    default = hb.Model(formula, sleep())
    assert abs(density_here(default, point) - right) > 0.1
    moved = {**point, "beta": point["beta"] + np.array([0.0, 0.1])}
    assert abs(density_here(h, moved) - right) > 0.1


def test_effects_are_uncorrelated_as_in_bambi():
    h = hb.from_bambi(CASES["sleepstudy"]())
    assert str(h.spec.formula) == "Reaction ~ 1 + Days + (1 + Days || Subject)"
    coded = hb.from_bambi(CASES["categorical effects"]())
    assert coded.spec.priors["corr_B"] == hb.Fixed(0.0)


def test_a_model_that_comes_from_bambi_is_sampled():
    fit = hb.from_bambi(CASES["categorical effects"]()).fit(seed=1, progress=False)
    corr = fit.posterior["corr_B"].values
    assert np.array_equal(np.unique(corr), [0, 1])
    assert fit.fixef().loc["Intercept", "sd"] > 0


def test_names_with_blanks_and_parentheses_survive():
    data = oats().rename(columns={"nitro": "nitrogen (cwt)", "B": "the block"})
    given = bambi.Model("Y ~ I((`nitrogen (cwt)` + 1) * 2) + (1 | `the block`)", data)
    h = hb.from_bambi(given)
    assert str(h.spec.formula) == "Y ~ 1 + I((`nitrogen (cwt)` + 1) * 2) + (1 | `the block`)"
    point = random_point(h, 1)
    assert np.isfinite(density_here(h, point))


def test_rows_that_bambi_dropped_are_dropped_here():
    data = sleep()
    data.loc[[3, 5], "Reaction"] = np.nan
    before = data.copy()
    h = hb.from_bambi(bambi.Model("Reaction ~ Days + (1 | Subject)", data, dropna=True))
    assert h.design.n == 178
    pd.testing.assert_frame_equal(data, before)


def test_nested_groups_written_short():
    data = hb.load_data("pastes")
    h = hb.from_bambi(bambi.Model("strength ~ 1 + (1 | batch/cask)", data))
    assert str(h.spec.formula) == "strength ~ 1 + (1 | batch) + (1 | batch:cask)"


REFUSED = {
    "another family": (lambda d: bambi.Model("Days ~ 1 + (1 | Subject)", d, family="poisson"), "the family 'poisson'"),
    "heavy tails": (lambda d: bambi.Model("Reaction ~ Days", d, family="t"), "the family 't'"),
    "another link": (lambda d: bambi.Model("Reaction ~ Days", d, link="log"), "the link 'log'"),
    "a formula for sigma": (
        lambda d: bambi.Model(bambi.Formula("Reaction ~ Days", "sigma ~ Days"), d),
        "the formula for 'sigma'",
    ),
    "weights": (lambda d: bambi.Model("weighted(Reaction, Days + 1) ~ 1", d), "weighted response"),
    "truncation": (lambda d: bambi.Model("truncated(Reaction, lb=100) ~ Days", d), "truncated response"),
    "a process": (lambda d: bambi.Model("Reaction ~ hsgp(Days, m=5, c=1.5)", d), "Gaussian process 'hsgp"),
    "potentials": (
        lambda d: bambi.Model("Reaction ~ Days", d, potentials=[("Days", lambda x: -(x**2))]),
        "potentials",
    ),
    "an uncentred intercept": (
        lambda d: bambi.Model("Reaction ~ Days", d, center_predictors=False),
        "center_predictors",
    ),
    "a prior": (
        lambda d: bambi.Model("Reaction ~ Days", d, priors={"Days": bambi.Prior("Laplace", mu=0, b=1)}),
        "Days: hierbayes has no prior 'Laplace'",
    ),
    "a function": (
        lambda d: bambi.Model("Reaction ~ half(Days)", d, extra_namespace={"half": lambda x: x / 2}),
        "half",
    ),
    "a function of the same name": (
        lambda d: bambi.Model("Reaction ~ np.log10(Days + 1) + sqrt(Days)", d, extra_namespace={"sqrt": np.cbrt}),
        r"term 'sqrt\(Days\)' of the Bambi model has other values here",
    ),
    "no model": (lambda d: "Reaction ~ Days", "takes a bambi.Model, not str"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_understood_is_refused_by_name(name):
    make, message = REFUSED[name]
    with pytest.raises(ModelError, match=message):
        hb.from_bambi(make(sleep()))


def test_predictors_around_zero_need_no_centring():
    data = sleep().assign(Days=lambda d: d["Days"] - d["Days"].mean())
    given = bambi.Model("Reaction ~ Days + (1 | Subject)", data, center_predictors=False)
    h = hb.from_bambi(given)
    point = random_point(h, 1)
    assert density_here(h, point) == pytest.approx(density_in_bambi(given, h, point), abs=1e-6)
