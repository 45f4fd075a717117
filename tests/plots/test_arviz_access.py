"""ArviZ's plots from a fit: the variables, the names, the groups that each needs."""

from __future__ import annotations

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from arviz_plots import PlotCollection
from fits import fake_fit

import hierbayes as hb
from hierbayes.plots.accessor import FitPlots
from hierbayes.plots.arviz_tree import parameters, tree_of, with_power_scaling, with_prior

ONE_CALL = ("trace", "rank", "forest", "ppc", "prior_posterior", "psense", "loo_khat", "energy")


@pytest.fixture(autouse=True)
def _closed():
    with plt.rc_context({"figure.max_open_warning": 0}):
        yield
        plt.close("all")


@pytest.fixture(scope="module")
def sleep():
    data = hb.load_data("sleepstudy")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", hb.HierBayesWarning)
        return hb.fit("Reaction ~ Days + (Days | Subject)", data, draws=150, chains=2, seed=1, progress=False)


def figure(collection):
    return collection.viz["figure"].item()


def titles(collection):
    return [ax.get_title() for ax in figure(collection).axes if ax.get_title()]


def texts(collection):
    return [text.get_text() for ax in figure(collection).axes for text in ax.texts]


NAMES = ["Intercept", "Days", "sd_Subject[Intercept]", "sd_Subject[Days]", "corr_Subject[Intercept, Days]", "sigma"]


@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
@pytest.mark.parametrize("name", ONE_CALL)
def test_each_is_one_call_away(sleep, name, tmp_path) -> None:
    collection = getattr(sleep.plot, name)()
    assert isinstance(collection, PlotCollection)
    collection.savefig(tmp_path / "drawn.png")
    assert (tmp_path / "drawn.png").stat().st_size > 5000


@pytest.mark.parametrize("name", ["trace_dist", "rank_dist", "ess", "autocorr", "ppc_pit", "loo_pit", "pair", "dist"])
@pytest.mark.filterwarnings("ignore:Estimated shape parameter")
def test_any_other_is_by_its_name(sleep, name) -> None:
    assert isinstance(sleep.plot.arviz(name), PlotCollection)


def test_by_default_every_parameter_by_its_name_and_no_level(sleep) -> None:
    assert titles(sleep.plot.trace()) == NAMES
    assert texts(sleep.plot.forest())[: len(NAMES)] == NAMES


def test_levels_only_when_asked_for(sleep) -> None:
    found = texts(sleep.plot.forest("b_Subject"))
    assert found[:2] == ["b_Subject[308, Intercept]", "b_Subject[308, Days]"]
    assert len([text for text in found if text.startswith("b_Subject")]) == 36
    some = sleep.plot.trace("b_Subject", coords={"Subject": ["310"], "Subject_term": ["Days"]})
    assert titles(some) == ["b_Subject[310, Days]"]
    assert titles(sleep.plot.trace(["~beta", "~corr_Subject", "~b_Subject"])) == [NAMES[2], NAMES[3], "sigma"]
    assert titles(sleep.plot.trace("sig", filter_vars="like")) == ["sigma"]


def test_forest_draws_the_intervals_that_were_asked_for(sleep) -> None:
    collection = sleep.plot.forest("sigma", ci_prob=0.8)
    table = sleep.varcorr(0.8).iloc[-1]
    ends = [np.asarray(line.get_xdata(), dtype=float) for ax in figure(collection).axes for line in ax.lines]
    widest = max((own for own in ends if len(own) == 2), key=np.ptp)
    np.testing.assert_allclose(np.sort(widest), [table["lower"], table["upper"]], rtol=1e-6)


def test_pairs_that_are_uncorrelated_and_numbers_that_are_fixed_are_left_out() -> None:
    data = hb.load_data("sleepstudy")
    fit = fake_fit("Reaction ~ Days + (Days || Subject) + (1 | Days:Subject)", data)
    assert set(parameters(fit, fit.posterior)) == {"beta", "sd_Subject", "sd_Days:Subject", "sigma"}
    fit.posterior["sigma"][:] = 25.0
    fit.posterior["sd_Subject"][..., 1] = 6.0
    assert titles(fit.plot.trace()) == ["Intercept", "Days", "sd_Subject[Intercept]", "sd_Days:Subject[Intercept]"]
    fit.posterior["sd_Subject"][..., 0] = 6.0
    assert set(parameters(fit, fit.posterior)) == {"beta", "sd_Days:Subject"}


def test_three_correlated_terms_have_three_correlations() -> None:
    data = hb.load_data("sleepstudy").assign(late=lambda rows: np.where(rows["Days"] > 4, "yes", "no"))
    fit = fake_fit("Reaction ~ Days + late + (Days + late | Subject)", data)
    pairs = parameters(fit, fit.posterior)["corr_Subject"]
    assert pairs["Subject_pair"].to_numpy().tolist() == ["Intercept, Days", "Intercept, late[yes]", "Days, late[yes]"]
    np.testing.assert_array_equal(pairs[..., 2], fit.posterior["corr_Subject"][..., 1, 2])
    assert not np.isnan(pairs).any()


def test_hostile_names_are_shown_as_they_are() -> None:
    data = hb.load_data("dyestuff").rename(columns={"Yield": "cost_$_of_$", "Batch": "a/b $x^2$"})
    fit = fake_fit("`cost_$_of_$` ~ 1 + (1 | `a/b $x^2$`)", data)
    assert any("a/b $x^2$" in text for text in texts(fit.plot.forest()))
    collection = fit.plot.ppc(num_samples=10)
    (title,) = [ax.title for ax in figure(collection).axes]
    assert "$_of_$" in title.get_text()
    assert not title.get_parse_math()


def test_the_prior_is_that_of_the_model(sleep) -> None:
    tree = tree_of(sleep, False)
    with_prior(sleep, tree, 300, 3)
    own = sleep.model.prior_draws(300, 3)
    np.testing.assert_array_equal(tree["prior"]["sd_Subject"], own["sd_Subject"])
    np.testing.assert_array_equal(tree["prior"]["corr_Subject"][..., 0], own["corr_Subject"][..., 0, 1])


def test_power_scaling_reads_the_densities_of_the_fit(sleep) -> None:
    import arviz_stats

    tree = tree_of(sleep, False)
    with_power_scaling(sleep, tree)
    whole = sleep.log_likelihood()["Reaction"].sum("row")
    np.testing.assert_allclose(tree["log_likelihood"]["log_likelihood"], whole)
    prior = sum(
        own.sum([dim for dim in own.dims if dim not in ("chain", "draw")]) for own in sleep.log_prior().values()
    )
    np.testing.assert_allclose(tree["log_prior"]["log_prior"], prior)
    table, numbers = arviz_stats.psense_summary(tree, round_to=6), sleep.psense()
    np.testing.assert_allclose(table["prior"].to_numpy(), numbers["prior"].to_numpy(), atol=1e-5)


def test_the_fit_is_left_alone(sleep) -> None:
    groups = set(sleep.tree.children)
    sleep.plot.trace()
    sleep.plot.prior_posterior(draws=200)
    assert set(sleep.tree.children) == groups


@pytest.mark.parametrize("name", [name for name in dir(FitPlots) if name[0] != "_" and name != "arviz"])
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_the_settings_of_matplotlib_are_left_alone(sleep, name) -> None:
    own = {"lines.linewidth": 7.0, "font.size": 5.0, "text.parse_math": True, "interactive": True, "axes.grid": True}
    with plt.rc_context(own):
        before = dict(plt.rcParams)
        getattr(sleep.plot, name)()
        assert dict(plt.rcParams) == before
        assert before | own == before


def test_the_same_seed_gives_the_same_picture(sleep) -> None:
    def lines(**options):
        return [line.get_ydata() for ax in figure(sleep.plot.ppc(num_samples=6, **options)).axes for line in ax.lines]

    for one, two in zip(lines(), lines(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert any(not np.array_equal(a, b) for a, b in zip(lines(), lines(seed=9), strict=True))


def test_errors_say_what_is_there(sleep) -> None:
    with pytest.raises(hb.ModelError, match="did you mean 'trace'"):
        sleep.plot.arviz("tracee")
    with pytest.raises(hb.ModelError, match="no plot 'compare' of one fit"):
        sleep.plot.arviz("compare")
    with pytest.raises(hb.ModelError, match=r"no variable 'sd_subject'.*\n?.*did you mean 'sd_Subject'"):
        sleep.plot.trace("sd_subject")
    with pytest.raises(hb.ModelError, match="ci_prob"):
        sleep.plot.forest(ci_prob=95)
    flat = fake_fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), priors="flat")
    with pytest.raises(hb.ModelError, match="flat"):
        flat.plot.prior_posterior()
