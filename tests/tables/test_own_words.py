"""Names of the user's that are words of the package's own: every table says the same as under plain names."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from fits import fake_fit

import hierbayes as hb

PLAIN = {
    "response": "resp", "number": "pred", "factor": "fac", "group": "grp", "other": "oth", "label": "b", "level": "g1",
}  # fmt: skip
WORDS = ("Residual", "(Residual)", "Fixed", "Family", "sigma", "mean", "group", "row")
REFUSED = {("group", "sigma"), ("other", "sigma")}
"""Names that the posterior could not hold beside its own; the model refuses them."""


def frame(names):
    rng = np.random.default_rng(1)
    n = 48
    return pd.DataFrame(
        {
            names["response"]: rng.normal(size=n),
            names["number"]: rng.normal(size=n),
            names["factor"]: pd.Categorical.from_codes(rng.integers(0, 3, n), ["a", names["label"], "c"]),
            names["group"]: pd.Categorical.from_codes(np.arange(n) % 6, [names["level"], "g2", "g3", "g4", "g5", "g6"]),
            names["other"]: pd.Categorical.from_codes(np.arange(n) // 12, ["h1", "h2", "h3", "h4"]),
        }
    )


def made(names):
    y, x, f, g, h = (f"`{names[role]}`" for role in ("response", "number", "factor", "group", "other"))
    return fake_fit(f"{y} ~ {x} + {f} + ({x} | {g}) + (1 | {h})", frame(names))


def tables(fit, names):
    x, f, g = names["number"], names["factor"], names["group"]
    yield from ((name, getattr(fit, name)()) for name in ("fixef", "varcorr", "ranef", "coef", "tidy", "anova"))
    yield "icc", fit.icc()
    yield "icc unadjusted", fit.icc(kind="unadjusted")
    yield "icc of all groups", fit.icc(kind="unadjusted", by_group=False)
    yield "pooling terms", fit.pooling().terms
    yield "pooling levels", fit.pooling().levels
    yield "mean of levels", fit.variance_of_mean(by=g)
    yield "means", fit.means(f)
    yield "contrasts", fit.contrasts(f)
    yield "slopes", fit.slopes(x, groups=g)
    yield "rope", fit.rope((-0.1, 0.1))
    yield "hypothesis", fit.hypothesis([f"beta[{fit.design.coefficients[1]}] > 0", f"`sd_{g}[Intercept]` > 1"]).table
    yield "prior and posterior", fit.prior_posterior(seed=1, draws=200)
    yield "priors", fit.model.priors
    yield "REML", fit.model.reml().varcorr()
    yield "classical", hb.classical(fit).table


@pytest.fixture(scope="module")
def plain():
    return dict(tables(made(PLAIN), PLAIN))


def numbers(table):
    return table.select_dtypes("number").to_numpy(dtype=float)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("role", PLAIN)
@pytest.mark.parametrize("word", WORDS)
def test_no_row_is_lost_or_changed_by_a_name(plain, role, word):
    names = {**PLAIN, role: word}
    if (role, word) in REFUSED:
        with pytest.raises(hb.ModelError, match="second meaning"):
            made(names)
        return
    for name, table in tables(made(names), names):
        assert table.shape == plain[name].shape, name
        np.testing.assert_allclose(numbers(table), numbers(plain[name]), rtol=1e-7, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("word", ["Residual", "Fixed", "Family"])
def test_every_row_of_a_table_can_be_told_from_the_others(word):
    names = {**PLAIN, "group": word}
    fit = made(names)
    found = dict(tables(fit, names))
    for name in ("icc", "icc unadjusted"):
        assert found[name]["group"].is_unique
        assert (found[name]["group"] == word).sum() == 1
    assert found["anova"].index.is_unique
    rows = found["varcorr"].loc[found["varcorr"]["kind"] == "sigma", "group"]
    assert rows.tolist() == ["(Residual)" if word == "Residual" else "Residual"]
    assert found["prior and posterior"].index.is_unique


def test_parameters_of_a_family_stand_beside_a_factor_called_family():
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"y": rng.poisson(3, 40), "Family": np.repeat(list("abcdefgh"), 5)})
    fit = fake_fit("y ~ 1 + (1 | Family)", data, family="negative_binomial")
    assert fit.varcorr()[["group", "kind"]].to_numpy().tolist() == [["Family", "sd"], ["(Family)", "alpha"]]
    assert "alpha" in str(fit.summary())


def test_a_predictor_called_sigma_is_told_from_the_residual_sd():
    names = {**PLAIN, "number": "sigma"}
    fit = made(names)
    found = fit.prior_posterior(seed=1, draws=200)
    assert {"beta[sigma]", "sigma"} <= set(found.index)
    assert found.loc["sigma", "median"] == pytest.approx(float(fit.posterior["sigma"].median()))
    assert fit.hypothesis("beta[sigma] > 0").table["prob"][0] == np.mean(fit.posterior["beta"].to_numpy()[..., 1] > 0)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("word", ["Residual", "Fixed"])
def test_figures_and_report_show_the_same_marks(word, tmp_path):
    marks = []
    for names in (PLAIN, {**PLAIN, "group": word}):
        fit = made(names)
        figure = fit.plot.components()
        marks.append([line.get_xydata() for ax in figure.axes for line in ax.lines])
        plt.close("all")
        page = fit.report(tmp_path / "report.html").read_text()
        marks[-1].append(np.array([page.count("<tr>"), page.count("<img"), page.count("left out")]))
    for one, other in zip(*marks, strict=True):
        np.testing.assert_allclose(one, other, equal_nan=True)


def test_the_case_of_a_grouping_factor_called_residual():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        rng = np.random.default_rng(1)
        data = pd.DataFrame({"y": rng.normal(size=40), "Residual": np.repeat(list("abcdefgh"), 5)})
        one = fake_fit("y ~ 1 + (1 | Residual)", data)
        other = fake_fit("y ~ 1 + (1 | g)", data.rename(columns={"Residual": "g"}))
    assert one.icc()["group"].tolist() == ["Residual", "(Residual)"]
    assert one.icc().drop(columns="group").equals(other.icc().drop(columns="group"))
    assert str(one.summary()).count("\n") == str(other.summary()).count("\n")
