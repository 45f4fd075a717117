"""A family costs one class: two that are written here go through all that the package does, one of them compiled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, log_expit

import hierbayes as hb
from hierbayes.families import FAMILIES, Family, family, register
from hierbayes.families.slots import Compiled, Law, Slot

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Laplace(Family):
    """A response with exponential tails on both sides; `width` is the mean distance from the linear predictor."""

    name = "laplace_toy"
    links = ("identity",)
    slots = (Slot("width", r"\lambda", lambda sd, least: hb.HalfNormal(sd)),)
    linear = True
    latex = r"y_i &\sim \operatorname{Laplace}(\mu_i,\ \lambda)"
    words = "{y} is Laplace around a mean, with width ~ {width}."
    latent_words = "2 width^2, the variance of the Laplace"

    def log_density(self, y, eta, parameters, trials):
        width = np.asarray(parameters["width"])
        return -np.log(2 * width) - np.abs(y - eta) / width

    def draw_rows(self, eta, parameters, rng, trials):
        return rng.laplace(eta, np.broadcast_to(parameters["width"], eta.shape))

    def variance_of(self, eta, parameters, trials):
        return 2 * np.asarray(parameters["width"]) ** 2 + 0 * eta

    def pymc_law(self, eta, parameters, trials):
        import pymc as pm

        return Law(pm.Laplace, {"mu": eta, "b": parameters["width"]})


@dataclass(frozen=True)
class Geometric(Family):
    """The number of failures before the first success, whose probability has the linear predictor as its logit.

    ``log p + y log(1 - p)`` is the log likelihood of one success in ``1 + y`` trials, so that the compiled logistic
    likelihood serves it.
    """

    name = "geometric_toy"
    links = ("logit",)
    values = "count"
    whole = True
    kernels = {"logit": "logistic"}  # noqa: RUF012
    latex = r"y_i &\sim \operatorname{Geometric}(\mu_i)"
    words = "{y} counts the failures before a success of a probability whose {link} is the linear predictor."
    latent_words = "delta method at the mean"

    def log_density(self, y, eta, parameters, trials):
        return log_expit(eta) + y * log_expit(-eta)

    def draw_rows(self, eta, parameters, rng, trials):
        return rng.geometric(expit(eta)).astype(float) - 1

    def variance_of(self, eta, parameters, trials):
        return np.exp(-eta) * (1 + np.exp(-eta))

    def mean(self, predictor, parameters=None):
        return np.exp(-np.asarray(predictor))

    def mean_slope(self, predictor, parameters=None):
        return -np.exp(-np.asarray(predictor))

    def average(self, predictor, variance, parameters=None):
        return np.exp(-np.asarray(predictor) + 0.5 * np.asarray(variance))

    def linked(self, location):
        return -np.log(location)

    def working_response(self, y, trials):
        return -np.log(y + 0.5)

    def first_guess(self, a, b):
        return np.log((a + 0.5) / (b - a + 0.5))

    def compiled(self, y, weights, trials):
        return Compiled("logistic", weights * 1.0, weights * (1.0 + y))

    def pymc_log_density(self, value, eta, parameters, trials):
        import pytensor.tensor as pt

        return -pt.softplus(-eta) - value * pt.softplus(eta)


def rows(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    g, x = np.repeat(np.arange(12), 15), rng.normal(size=180)
    eta = 0.5 + 0.8 * x + rng.normal(size=12)[g] * 0.6
    return pd.DataFrame(
        {"x": x, "g": [f"g{i}" for i in g], "y": rng.laplace(eta, 0.7), "n": rng.geometric(expit(eta)) - 1.0}
    )


@pytest.fixture(scope="module", autouse=True)
def registered():
    for kind in (Laplace, Geometric):
        register(kind)
    yield
    for kind in (Laplace, Geometric):
        FAMILIES.pop(kind.name)


@pytest.fixture(scope="module")
def fits(registered):
    made = {}
    for name, response in (("laplace_toy", "y"), ("geometric_toy", "n")):
        formula = f"{response} ~ x + (1 | g)"
        made[name] = hb.fit(formula, rows(), family=name, draws=500, chains=2, seed=2, progress=False)
    return made


NAMES = ("laplace_toy", "geometric_toy")


def law(fit, eta):
    """scipy's distribution of the response at linear predictors, a draw each."""
    if fit.spec.family.name == "laplace_toy":
        return stats.laplace(eta, fit.posterior["width"].to_numpy().reshape(-1, 1))
    return stats.geom(expit(eta), -1)


def predictors(fit) -> np.ndarray:
    """Linear predictors, (draws, rows), from the draws themselves."""
    data, post = rows(), fit.posterior
    beta = post["beta"].to_numpy().reshape(-1, 2)
    effects = post["b_g"].to_numpy().reshape(len(beta), -1)
    codes = [list(post["g"].values).index(level) for level in data["g"]]
    return beta[:, :1] + beta[:, 1:] * data["x"].to_numpy() + effects[:, codes]


def test_the_engines_are_those_that_the_families_allow(fits):
    assert fits["laplace_toy"].engine == "pymc"
    assert fits["geometric_toy"].engine == "joint"


@pytest.mark.parametrize("name", NAMES)
def test_the_parameters_come_back(fits, name):
    fit = fits[name]
    assert fit.diagnostics["divergences"] == 0
    for term, truth in (("Intercept", 0.5), ("x", 0.8)):
        row = fit.fixef().loc[term]
        assert abs(row["mean"] - truth) < 4 * row["sd"]
        assert row["sd"] < 0.4
    sd = fit.varcorr().query("kind == 'sd'").iloc[0]
    assert abs(sd["mean"] - 0.6) < 4 * sd["sd"]


def test_a_parameter_of_the_family_is_summarised(fits):
    row = fits["laplace_toy"].varcorr().query("kind == 'width'").iloc[0]
    assert abs(row["mean"] - 0.7) < 4 * row["sd"]
    assert row["mean"] == pytest.approx(float(fits["laplace_toy"].posterior["width"].mean()))


@pytest.mark.parametrize("name", NAMES)
def test_predictions_are_those_of_scipy(fits, name):
    fit, eta = fits[name], predictors(fits[name])
    expected = law(fit, eta).mean()
    np.testing.assert_allclose(fit.predict()["mean"], expected.mean(axis=0), rtol=1e-9)
    drawn = fit.predict(kind="response", seed=1, draws=True).to_numpy().reshape(len(eta), -1)
    spread = law(fit, eta).var().mean() + expected.var(axis=0).mean()
    assert drawn.var(axis=0).mean() == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("name", NAMES)
def test_log_likelihoods_are_those_of_scipy(fits, name):
    fit, eta = fits[name], predictors(fits[name])
    y = rows()["y" if name == "laplace_toy" else "n"].to_numpy()
    distribution = law(fit, eta)
    expected = distribution.logpdf(y) if name == "laplace_toy" else distribution.logpmf(y)
    (rows_of_draws,) = fit.log_likelihood().data_vars.values()
    np.testing.assert_allclose(rows_of_draws.to_numpy().reshape(expected.shape), expected, rtol=1e-9)
    loo = fit.loo()
    # within a few effective parameters of the log pointwise predictive density
    lppd = np.sum(np.log(np.mean(np.exp(expected), axis=0)))
    assert lppd - 25 < loo.elpd < lppd


@pytest.mark.parametrize("name", NAMES)
def test_figures_and_pages(fits, name, tmp_path):
    fit = fits[name]
    assert fit.plot.ppc() is not None
    text = fit.report(tmp_path / "fit.html").read_text(encoding="utf-8")
    assert {"laplace_toy": "y is Laplace around a mean", "geometric_toy": "n counts the failures"}[name] in text
    assert name in str(fit.summary())


@pytest.mark.parametrize("name", NAMES)
def test_files(fits, name, tmp_path):
    fit = fits[name]
    fit.save(tmp_path / "fit.hb")
    again = hb.load(tmp_path / "fit.hb")
    assert again.spec.family == family(name)
    pd.testing.assert_frame_equal(again.fixef(), fit.fixef())
    pd.testing.assert_frame_equal(again.predict(), fit.predict())


def test_a_name_is_taken_once(registered):
    with pytest.raises(hb.ModelError, match="there is a family 'poisson' already"):
        register(type("Twin", (Geometric,), {"name": "poisson"}))


@pytest.mark.parametrize(
    ("kind", "left_out", "message"),
    [
        (Laplace, "name", "has no name"),
        (Laplace, "log_density", r"does not say the density of a response\n.*log_density\(\) or log_likelihood\(\)"),
        (Laplace, "draw_rows", "does not say how a response is drawn"),
        (Laplace, "variance_of", "does not say the variance of a response"),
        (Laplace, "pymc_law", "does not say the density of a response in PyMC"),
        (Geometric, "compiled", "does not say what the compiled density reads"),
    ],
)
def test_a_family_that_leaves_something_out_is_refused(kind, left_out, message):
    parts = {key: value for key, value in vars(kind).items() if key != left_out and not key.startswith("__")}
    with pytest.raises(hb.ModelError, match=message):
        register(type("Partial", (Family,), parts))
    assert "Partial" not in {known.__name__ for known in FAMILIES.values()}


def test_what_a_family_does_not_say_is_named():
    with pytest.raises(hb.ModelError, match=r"'poisson' does not say the probability of a category"):
        family("poisson").category_average(1, 0.0, 1.0)
