"""The analysis of variance: published figures, generalised least squares by hand, Gelman's batches by hand."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fits import fake_fit
from oracles.dense_rows import uneven
from scipy import integrate, stats

import hierbayes as hb
from hierbayes.design.levels import factor_columns
from hierbayes.summaries.level_constraints import constraints, span_of
from hierbayes.summaries.superpopulation import batch_sd

REFERENCE = Path(__file__).resolve().parent.parent / "reference" / "classical.json"
FINITE = ["finite_sd", "finite_lower", "finite_upper"]
SUPER = ["super_sd", "super_lower", "super_upper"]
CLASSICAL = ["sum_sq", "mean_sq", "F", "chi_sq", "p"]


def quantiles(draws):
    return np.quantile(np.asarray(draws), [0.5, 0.025, 0.975])


def flat(fit, name):
    values = fit.posterior[name].to_numpy()
    return values.reshape(-1, *values.shape[2:])


# ---------------------------------------------------------------------------------------------- classical columns


@pytest.fixture(scope="module")
def penicillin():
    return hb.fit("diameter ~ 1 + sample + (1 | plate)", hb.load_data("penicillin"), seed=1, progress=False)


def test_penicillin_has_lme4s_figures(penicillin):
    published = json.loads(REFERENCE.read_text())["penicillin_anova"]
    row = penicillin.anova().loc["sample"]
    assert row["df"] == published["df"] == 5
    for ours, theirs in (("sum_sq", "sum_sq"), ("mean_sq", "mean_sq"), ("F", "F"), ("chi_sq", "wald_chisq")):
        assert row[ours] == pytest.approx(published[theirs], rel=1e-6)
    printed = [f"{row['sum_sq']:.2f}", f"{row['mean_sq']:.3f}", f"{row['F']:.2f}", f"{row['chi_sq']:.1f}"]
    assert printed == ["449.22", "89.844", "297.09", "1485.4"]
    assert row["p"] < 2.2e-16


def test_classical_columns_stand_beside_population_terms_alone(penicillin):
    table = penicillin.anova()
    assert table.drop(index="sample")[CLASSICAL].isna().all().all()
    assert table["kind"].to_dict() == {"sample": "population", "plate": "group", "Residual": "residual"}
    assert table["df"].to_dict() == {"sample": 5, "plate": 23, "Residual": 115}


def whitened(fit):
    """y and X of the REML fit, turned so that their errors have variance sigma**2 and are independent."""
    reml, design = fit.model.reml(), fit.design
    table, n = reml.varcorr(), design.n
    sigma = float(table.query("kind == 'sigma'")["mean"].iloc[0])
    V = np.diag(1 / design.weights)
    for block in design.groups:
        own = table[table["group"] == block.factor]
        sd = own[own["kind"] == "sd"].set_index("term")["mean"].reindex(block.terms).to_numpy()
        corr = np.eye(len(sd))
        for row in own[own["kind"] == "corr"].itertuples():
            i, j = block.terms.index(row.term), block.terms.index(row.term2)
            corr[i, j] = corr[j, i] = row.mean
        Sigma = np.outer(sd, sd) * corr / sigma**2
        V += [
            [block.Z[i] @ Sigma @ block.Z[j] * (block.codes[i] == block.codes[j]) for j in range(n)] for i in range(n)
        ]
    root = np.linalg.inv(np.linalg.cholesky(V))
    return root @ (design.y - design.offset), root @ design.X, sigma


def left_over(y, X):
    if X.shape[1] == 0:
        return float(y @ y)
    return float(np.sum((y - X @ np.linalg.lstsq(X, y, rcond=None)[0]) ** 2))


@pytest.mark.parametrize(
    ("formula", "data", "options"),
    [
        ("Y ~ V * N + (1 | B/V)", "oats", {}),
        ("Reaction ~ Days + I(Days^2) + (Days | Subject)", "sleepstudy", {}),
        ("y ~ f * x + (1 | g)", None, {"weights": "w"}),
        ("y ~ 1 + x * f + offset(o) + (1 | h)", None, {}),
        ("y ~ f * x", None, {"weights": "w"}),
    ],
)
def test_sums_of_squares_are_those_of_generalised_least_squares(formula, data, options):
    fit = fake_fit(formula, hb.load_data(data) if data else uneven(), draws=5, **options)
    y, X, sigma = whitened(fit)
    owners, terms = np.asarray(fit.design.terms), fit.spec.formula.population.terms
    table = fit.anova()
    for i, term in enumerate(terms, start=1):
        row = table.iloc[i - 1]
        before, with_it = X[:, owners < i], X[:, owners <= i]
        sum_sq = left_over(y, before) - left_over(y, with_it)
        assert row["sum_sq"] == pytest.approx(sum_sq, rel=1e-5)
        assert row["mean_sq"] == pytest.approx(sum_sq / np.sum(owners == i), rel=1e-5)
        assert row["F"] == pytest.approx(row["mean_sq"] / sigma**2, rel=1e-5)
        larger = [j for j, other in enumerate(terms, start=1) if set(term.atoms) < set(other.atoms)]
        rest = ~np.isin(owners, [i, *larger])
        chi_sq = (left_over(y, X[:, rest]) - left_over(y, X[:, rest | (owners == i)])) / sigma**2
        assert row["chi_sq"] == pytest.approx(chi_sq, rel=1e-5)
        assert row["p"] == pytest.approx(stats.chi2.sf(chi_sq, np.sum(owners == i)), rel=1e-4)


def test_type_two_differs_from_sequential_where_the_data_are_unbalanced():
    table = fake_fit("y ~ f * x + (1 | g)", uneven(), draws=5).anova()
    assert abs(table.loc["f", "chi_sq"] / (table.loc["f", "F"] * table.loc["f", "df"]) - 1) > 0.01


def test_without_a_reml_fit_the_note_says_why():
    given = {"sd_plate": hb.Fixed(0.85)}
    table = fake_fit("diameter ~ 1 + sample + (1 | plate)", hb.load_data("penicillin"), priors=given).anova()
    assert table[CLASSICAL].isna().all().all()
    assert "no classical test" in table.loc["sample", "note"]
    assert "fixed" in table.loc["sample", "note"]
    assert np.isfinite(table[FINITE].to_numpy()).all()


def test_without_an_intercept_the_dfs_differ_and_the_note_says_so():
    table = fake_fit("diameter ~ 0 + sample + (1 | plate)", hb.load_data("penicillin")).anova()
    assert table.loc["sample", "df"] == 5
    assert "6 df" in table.loc["sample", "note"]


# ------------------------------------------------------------------------------------------------ sds of the batches


@pytest.fixture(scope="module")
def oats():
    return fake_fit("Y ~ V * N + (1 | B/V)", hb.load_data("oats"), draws=20)


@pytest.mark.parametrize(
    ("formula", "wanted"),
    [
        ("Reaction ~ Days + (1 | Subject)", [1, 17, 161]),
        ("Reaction ~ 0 + Days + (1 | Subject)", [1, 18, 161]),
        ("Reaction ~ 0 + (Days | Subject)", [18, 18, 144]),
        ("Reaction ~ 0 + Days", [1, 179]),
    ],
)
def test_degrees_of_freedom_add_up(formula, wanted):
    """They are n less 1 for the mean where the population part holds one, and n where it does not."""
    assert fake_fit(formula, hb.load_data("sleepstudy")).anova()["df"].tolist() == wanted


def test_population_terms_of_a_balanced_design_are_gelmans_batches(oats):
    data, design = hb.load_data("oats"), oats.design
    found = {"V": [], "N": [], "V:N": []}
    for beta in flat(oats, "beta"):
        cells = (
            pd.DataFrame({"f": design.X @ beta, "V": data["V"].to_numpy(), "N": data["N"].to_numpy()})
            .groupby(["V", "N"], observed=True)["f"]
            .mean()
            .unstack()
            .to_numpy()
        )
        rows, columns, grand = cells.mean(axis=1), cells.mean(axis=0), cells.mean()
        found["V"].append(np.sqrt(np.sum((rows - grand) ** 2) / 2))
        found["N"].append(np.sqrt(np.sum((columns - grand) ** 2) / 3))
        inner = cells - rows[:, None] - columns + grand
        found["V:N"].append(np.sqrt(np.sum(inner**2) / 6))
    table = oats.anova()
    assert table["df"].to_dict() == {"V": 2, "N": 3, "V:N": 6, "B": 5, "B:V": 10, "Residual": 45}
    for name, draws in found.items():
        np.testing.assert_allclose(table.loc[name, FINITE].astype(float), quantiles(draws), rtol=1e-9)


def test_group_terms_are_set_apart_from_what_others_hold(oats):
    """Blocks vary about their mean; plots within blocks, beside the varieties, about both margins."""
    table = oats.anova()
    blocks = [b.std(ddof=1) for b in flat(oats, "b_B")[..., 0]]
    np.testing.assert_allclose(table.loc["B", FINITE].astype(float), quantiles(blocks), rtol=1e-9)
    plots = []
    for b in flat(oats, "b_B:V")[..., 0].reshape(-1, 6, 3):
        inner = b - b.mean(axis=0) - b.mean(axis=1, keepdims=True) + b.mean()
        plots.append(np.sqrt(np.sum(inner**2) / 10))
    np.testing.assert_allclose(table.loc["B:V", FINITE].astype(float), quantiles(plots), rtol=1e-9)
    raw = [b.std(ddof=1) for b in flat(oats, "b_B:V")[..., 0]]
    assert abs(np.median(raw) / table.loc["B:V", "finite_sd"] - 1) > 0.02
    for name in ("B", "B:V"):
        np.testing.assert_allclose(
            table.loc[name, SUPER].astype(float), quantiles(flat(oats, f"sd_{name}")[..., 0]), rtol=1e-9
        )


def test_slopes_count_in_units_of_the_response():
    fit = fake_fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), draws=20)
    days = hb.load_data("sleepstudy")["Days"].to_numpy(float)
    middle, spread = days.mean(), np.sqrt(np.mean((days - days.mean()) ** 2))
    b, sd, corr = flat(fit, "b_Subject"), flat(fit, "sd_Subject"), flat(fit, "corr_Subject")[..., 0, 1]
    table = fit.anova()
    level = (b[..., 0] + middle * b[..., 1]).std(axis=1, ddof=1)
    slope = b[..., 1].std(axis=1, ddof=1) * spread
    between = sd[:, 0] ** 2 + 2 * middle * corr * sd[:, 0] * sd[:, 1] + middle**2 * sd[:, 1] ** 2
    for name, finite, whole in (
        ("Subject[Intercept]", level, np.sqrt(between)),
        ("Subject[Days]", slope, sd[:, 1] * spread),
    ):
        np.testing.assert_allclose(table.loc[name, FINITE].astype(float), quantiles(finite), rtol=1e-9)
        np.testing.assert_allclose(table.loc[name, SUPER].astype(float), quantiles(whole), rtol=1e-9)
        assert table.loc[name, "df"] == 17
    expected = np.abs(flat(fit, "beta")[:, 1]) * days.std(ddof=1)
    np.testing.assert_allclose(table.loc["Days", FINITE].astype(float), quantiles(expected), rtol=1e-9)
    assert table.loc["Days", SUPER].isna().all()
    assert "numeric" in table.loc["Days", "note"]


def test_super_population_variances_add_up():
    """One draw, so that medians are values: group rows and residual are the mean diagonal of the covariance."""
    fit = fake_fit("y ~ x + (x | g) + (0 + x | h)", uneven(), chains=1, draws=1, weights="w")
    table = fit.anova()
    icc = fit.icc().set_index("group")["mean"]
    variance = table["super_sd"] ** 2
    groups = {"g": variance["g[Intercept]"] + variance["g[x]"], "h": variance["h[x]"], "Residual": variance["Residual"]}
    for name, own in groups.items():
        assert own / sum(groups.values()) == pytest.approx(icc[name])


def test_residual_is_the_sd_of_the_errors_at_hand():
    fit = fake_fit("y ~ x + (1 | g)", uneven(), draws=20, weights="w")
    design = fit.design
    errors = []
    for beta, b in zip(flat(fit, "beta"), flat(fit, "b_g"), strict=True):
        errors.append((design.y - design.X @ beta - b[design.groups[0].codes, 0]).std(ddof=1))
    row = fit.anova().loc["Residual"]
    np.testing.assert_allclose(row[FINITE].astype(float), quantiles(errors), rtol=1e-9)
    whole = flat(fit, "sigma") * np.sqrt(np.mean(1 / design.weights))
    np.testing.assert_allclose(row[SUPER].astype(float), quantiles(whole), rtol=1e-9)


def split_plot():
    """Gelman's split-plot Latin square: 5 rows, 5 columns, 5 treatments A to E, two halves of each plot."""
    cells = [(r, c, "ABCDE"[(r + c) % 5], half) for r, c, half in itertools.product(range(5), range(5), "12")]
    data = pd.DataFrame(cells, columns=["row", "column", "letter", "half"]).astype(str)
    return data.assign(y=np.random.default_rng(0).normal(size=50))


def test_split_plot_latin_square_has_gelmans_degrees_of_freedom():
    formula = (
        "y ~ 1 + (1 | row) + (1 | column) + (1 | letter) + (1 | row:column) + (1 | half)"
        " + (1 | row:half) + (1 | column:half) + (1 | letter:half)"
    )
    table = fake_fit(formula, split_plot(), draws=3).anova()
    # Figure 1 of the paper: row, column, treatment, plot; half, and its interactions with these
    assert table["df"].tolist() == [4, 4, 4, 12, 1, 4, 4, 4, 12]


def brute_force(design, own, column, factors):
    """Constraints by linear algebra on whole matrices: patterns u with A u in the space of the other sources."""
    A = np.zeros((design.n, own.n_levels))
    A[np.arange(design.n), own.codes] = column
    others = [design.X]
    for other in factors:
        nested = all(len(set(other.codes[own.codes == j])) == 1 for j in range(own.n_levels))
        if other.n_levels < own.n_levels and nested:
            hold = np.linalg.lstsq(other.Z, column, rcond=None)[0]
            if np.allclose(other.Z @ hold, column):
                indicators = np.eye(other.n_levels)[other.codes]
                others.append(indicators * column[:, None])
    space = np.hstack(others)
    left = A - space @ np.linalg.lstsq(space, A, rcond=None)[0]
    _, sizes, turns = np.linalg.svd(left)
    sizes = np.concatenate([sizes, np.zeros(len(turns) - len(sizes))])
    return turns[sizes < 1e-8]


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ x + (x | g/h)",
        "y ~ 0 + x + (x | g)",
        "y ~ f + (1 | f:g) + (1 | g)",
        "y ~ f * x + (x | f:g) + (1 | h)",
        "y ~ 1 + (x | g) + (1 | g:h) + (0 + x | h)",
        "y ~ 0 + (1 | g) + (x | g:f)",
    ],
)
def test_constraints_are_those_of_brute_force(formula):
    fit = fake_fit(formula, uneven(), draws=2)
    factors = factor_columns(fit.design)
    population = span_of(fit.design.X, np.zeros((24, 0)))
    effects = np.random.default_rng(1).normal(size=(3, 40))
    for own in factors:
        column = span_of(own.Z[:, [0]], np.zeros((24, 0)))[:, 0]
        found = constraints(own, column, population, factors)
        basis = brute_force(fit.design, own, column, factors)
        assert found.df == own.n_levels - len(basis)
        b = effects[:, : own.n_levels]
        np.testing.assert_allclose(found.without(b), b - b @ basis.T @ basis, atol=1e-9)


# ------------------------------------------------------------------------------- super-population of a fixed batch


@pytest.mark.parametrize(("squares", "df"), [(30.0, 5), (4.0, 1), (2.0, 2), (500.0, 40), (1e4, 2000)])
def test_batch_sd_is_its_integral(squares, df):
    """A batch known exactly: the posterior of its sd has one term."""

    middle = np.sqrt(squares / df)

    def density(s):
        height = -df * np.log(s / middle) - squares / (2 * s**2) + df / 2
        return np.exp(height) * stats.t.pdf(s / 10.0, 3)

    def below(s):
        return integrate.quad(density, 0, s, limit=500, points=[p for p in (0.9 * middle, middle) if p < s])[0]

    whole = below(middle) + sum(
        integrate.quad(density, middle * a, middle * b, limit=500)[0]
        for a, b in ((1, 1.2), (1.2, 3), (3, 100), (100, 1e6))
    )
    found = batch_sd(np.array([squares]), df, 10.0, np.array([0.025, 0.5, 0.975]))
    for s, prob in zip(found, (0.025, 0.5, 0.975), strict=True):
        assert below(s) / whole == pytest.approx(prob, abs=1e-3)


def test_a_fixed_batch_has_the_population_that_a_random_one_would(penicillin):
    """The same samples, once as population term and once as grouping factor."""
    grouped = hb.fit("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin"), seed=2, progress=False)
    fixed, random = penicillin.anova().loc["sample"], grouped.anova().loc["sample"]
    np.testing.assert_allclose(fixed[SUPER].astype(float), random[SUPER].astype(float), rtol=0.06)
    np.testing.assert_allclose(fixed[FINITE].astype(float), random[FINITE].astype(float), rtol=0.02)
    # the samples at hand are no stand-in for their population
    assert random["super_upper"] / fixed["finite_upper"] > 2
