"""Calibration: a right sampler passes, a wrong one is caught; ranks, resuming, executors, failures."""

from __future__ import annotations

import pickle
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest
from oracles.structures import STRUCTURES, table
from seeds import not_shifted

import hierbayes as hb
from hierbayes.comparison.prior_draws import draw_parameters
from hierbayes.engines.base import Trace
from hierbayes.engines.naming import as_given
from hierbayes.priors import POSITIVE, Parameter
from hierbayes.sampling import sampler as sampler_module
from hierbayes.sampling.sampler import settings
from hierbayes.studies.calibration import make_task, run_sets, seeds_of, with_fitted
from hierbayes.studies.calibration_quantities import of_draws, of_world
from hierbayes.studies.calibration_result import Calibration
from hierbayes.studies.calibration_samplers import sample_by
from hierbayes.studies.calibration_sets import rank_set
from hierbayes.studies.calibration_store import Store, header_of

FORMULA = "y ~ 1 + (1 | g)"
FEW = pd.DataFrame({"y": [1.0, 4.0, 2.0, 6.0, 3.0, 9.0], "g": list("aabbcc")})
PRIORS = {"Intercept": hb.Normal(2, 3), "sd_g": hb.HalfNormal(2), "sigma": hb.HalfNormal(1)}


def model_of(formula=FORMULA, data=FEW, priors=PRIORS, **options):
    return hb.Model(formula, data, priors=priors, **options)


def task_of(model=None, seed=1, draws=50, sampler=None):
    chosen = settings(draws=draws, chains=1, cores=1, seed=seed, progress=False)
    task = make_task(model or model_of(), chosen, "collapsed")
    return task if sampler is None else replace(task, sampler=sampler)


def result_of(task, n):
    seeds = seeds_of(task.chosen.seed, n)
    return Calibration(FORMULA, "collapsed", task.quantities, task.chosen.draws, seeds, run_sets(task, seeds))


def bad(found):
    own = found.table()
    return set(own.loc[~own["passed"], "quantity"])


def from_the_prior(problem, labels, chosen):
    """A sampler that never looks at the data."""
    drawn = draw_parameters(problem, chosen.draws, np.random.default_rng(chosen.seed))
    stats = {"diverging": np.zeros((1, chosen.draws), bool)}
    return Trace(as_given(problem, labels, drawn, 1), stats, chosen.draws, False)


def without_the_mean(sampler, problem, labels, chosen):
    """A sampler whose effects have the right spread about 0."""
    trace = sampler(problem, labels, chosen)
    b = trace.draws["b_g"]
    return replace(trace, draws={**trace.draws, "b_g": b - b.mean(axis=1, keepdims=True)})


# the right sampler, and wrong ones


@pytest.fixture(scope="module")
def right():
    return hb.calibrate(model_of(), n=60, seed=1, draws=50, progress=False)


@pytest.mark.slow
def test_the_right_sampler_passes(right):
    assert right.passed
    own = right.table()
    assert own["quantity"].tolist() == [
        "Intercept", "sd_g[Intercept]", "sigma", "b_g[a, Intercept]", "log likelihood", "new level",
    ]  # fmt: skip
    assert own["kind"].tolist() == ["parameter"] * 3 + ["effect", "loglik", "new level"]
    assert (own["n"] == 60).all()
    assert (np.abs(own["coverage_90"] - 0.9) < 4 * own["mcse_90"]).all()
    assert own["mcse_50"].tolist() == pytest.approx([np.sqrt(0.25 / 60)] * 6)
    assert len(right.failures) == 0
    assert "passed: the ranks of all 6 quantities are uniform" in repr(right)
    assert right.to_markdown().startswith(r"**Calibration of y \~ 1 + (1 \| g) on 60")


@pytest.mark.slow
def test_halved_priors_are_caught():
    """Data from the priors of the model, fitted under priors of half the scale."""
    task = task_of()
    halved = with_fitted(
        task,
        beta_priors=(hb.Normal(2, 1.5),),
        blocks=tuple(replace(block, sd_priors=(hb.HalfNormal(1),)) for block in task.problem.blocks),
        parameters=(Parameter("sigma", POSITIVE, hb.HalfNormal(0.5)),),
    )
    found = result_of(halved, 60)
    assert not found.passed
    assert "sigma" in bad(found)
    # truths lie high among the draws
    assert found.ranks.groupby("quantity")["place"].mean()["sigma"] > 0.6


@pytest.mark.slow
def test_a_dropped_prior_mean_is_caught():
    task = task_of(model_of(priors={**PRIORS, "Intercept": hb.Normal(6, 3)}))
    found = result_of(with_fitted(task, beta_priors=(hb.Normal(0, 3),)), 60)
    assert "Intercept" in bad(found)


@pytest.mark.slow
def test_effects_without_their_mean_are_caught():
    task = task_of()
    found = result_of(replace(task, sampler=partial(without_the_mean, task.sampler)), 40)
    assert "log likelihood" in bad(found)
    assert "sigma" not in bad(found)


def test_a_sampler_that_ignores_the_data_is_seen_by_the_log_likelihood_alone():
    """Every parameter is a draw from its prior, and so is the truth: only the likelihood tells."""
    found = result_of(task_of(sampler=from_the_prior), 120)
    assert bad(found) == {"log likelihood"}
    assert not found.passed


@pytest.mark.slow
def test_rows_at_the_wrong_level_are_caught():
    """Each row goes to the engine under the level of the row before it."""
    task = task_of()
    block = task.problem.blocks[0]
    wrong = with_fitted(task, blocks=(replace(block, codes=np.roll(block.codes, 1)),))
    assert not result_of(wrong, 60).passed


# quantities


NAMED = [name for name in STRUCTURES if name not in ("flat", "mixed priors")]


@pytest.mark.parametrize("name", NAMED)
def test_both_sides_of_a_quantity_are_the_same_number(name):
    """The value in the world by plain numpy, and in a posterior of one draw that is the world itself."""
    formula, options, _ = STRUCTURES[name]
    task = task_of(hb.Model(formula, table(), **options))
    seeds = seeds_of(3, 3)
    for seed in seeds:
        world = task.source.draw(seed)
        draws = {key: np.asarray(value)[None, None] for key, value in world.values.items()}
        trace = Trace(draws, {"diverging": np.zeros((1, 1), bool)}, 0, False)
        design = replace(task.design, y=world.y)
        found = of_draws(task.quantities, design, task.source.labels, trace, task.problem, seed)[0]
        wanted = of_world(task.quantities, task.design, world, seed)
        assert np.isfinite(wanted).all()
        same = np.array([each.kind != "new level" for each in task.quantities])
        np.testing.assert_allclose(found[same], wanted[same], rtol=1e-9)
        # two draws of a new level from one truth, by different random numbers
        assert (found[~same] != wanted[~same]).all()


def test_a_new_level_has_the_covariance_of_its_factor():
    """Over many draws of one truth the prediction is normal about the population, with the sd of the effects."""
    priors = {"sd_g": hb.Fixed(1.5), "corr_g": hb.Fixed(0.6), "sigma": hb.HalfNormal(1)}
    task = task_of(model_of("y ~ x + (x | g)", table(), priors))
    world = task.source.draw(5)
    z = np.array([1.0, task.design.X[:, 1].mean()])
    variance = 1.5**2 * z @ np.array([[1, 0.6], [0.6, 1]]) @ z
    mean = z @ world.values["beta"]
    last = [i for i, each in enumerate(task.quantities) if each.kind == "new level"]
    by_numpy = np.array([of_world(task.quantities, task.design, world, s)[last[0]] for s in range(2000)])
    repeated = {key: np.broadcast_to(value, (1, 2000, *np.shape(value))) for key, value in world.values.items()}
    trace = Trace(repeated, {"diverging": np.zeros((1, 2000), bool)}, 0, False)
    design = replace(task.design, y=world.y)
    by_package = of_draws(task.quantities, design, task.source.labels, trace, task.problem, 7)[:, last[0]]
    for drawn in (by_numpy, by_package):
        assert drawn.mean() == pytest.approx(mean, abs=4 * np.sqrt(variance / 2000))
        assert drawn.var() == pytest.approx(variance, rel=4 * np.sqrt(2 / 2000))


def test_what_is_fixed_is_left_out():
    task = task_of(model_of("y ~ x + (x | g)", table(), {"sd_g[x]": hb.Fixed(0.4), "sigma": hb.Fixed(2)}))
    names = [each.name for each in task.quantities]
    assert "sigma" not in names
    assert "sd_g[x]" not in names
    assert "sd_g[Intercept]" in names


def test_the_smallest_level_is_ranked():
    data = pd.concat([FEW, FEW[FEW["g"] != "b"]])
    assert "b_g[b, Intercept]" in [each.name for each in task_of(model_of(data=data)).quantities]


# ranks


def test_ranks_are_counts_of_kept_draws_below_the_truth():
    task = task_of(draws=30, sampler=from_the_prior)
    found = rank_set(task, seeds_of(1, 1)[0])
    assert found.draws == 150
    assert ((found.rank >= 0) & (found.rank <= 30)).all()
    assert ((found.place > found.rank / 31) & (found.place < (found.rank + 1) / 31)).all()


@pytest.mark.slow
def test_ranks_table(right):
    own = right.ranks
    assert own.columns.tolist() == ["set", "quantity", "kind", "truth", "mean", "sd", "rank", "place", "ess"]
    assert len(own) == 60 * 6
    sigma = own[own["quantity"] == "sigma"]
    assert np.corrcoef(sigma["truth"], sigma["mean"])[0, 1] > 0.5
    assert (right.diagnostics["min_ess"] > 50).all()


def test_a_sticky_chain_is_run_longer():
    def sticky(problem, labels, chosen):
        trace = from_the_prior(problem, labels, chosen)
        held = {name: np.repeat(draws[:, ::20], 20, axis=1)[:, : chosen.draws] for name, draws in trace.draws.items()}
        return replace(trace, draws=held)

    assert rank_set(task_of(draws=30, sampler=sticky), 4).draws > 150


# one seed, whatever runs it


def same(one, other):
    pd.testing.assert_frame_equal(one.ranks, other.ranks, check_exact=True)


class Pickling(Executor):
    """Runs at once, on copies that went through pickle."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        function, arguments = pickle.loads(pickle.dumps((fn, args)))
        future.set_result(pickle.loads(pickle.dumps(function(*arguments, **kwargs))))
        return future


@pytest.mark.slow
def test_another_executor_gives_the_same_numbers(right):
    same(hb.calibrate(model_of(), n=20, seed=1, draws=50, executor=Pickling(), progress=False), first(right, 20))


@pytest.mark.parametrize("name", NAMED)
def test_a_task_can_be_sent_to_another_process(name):
    formula, options, _ = STRUCTURES[name]
    task = task_of(hb.Model(formula.replace("y ~ x +", "y ~ scale(x) +"), table(), **options))
    other = pickle.loads(pickle.dumps(task))
    np.testing.assert_array_equal(other.source.draw(3).y, task.source.draw(3).y)


def first(found, n):
    return replace(found, seeds=found.seeds[:n], outcomes=found.outcomes[:n])


@pytest.mark.slow
@not_shifted
def test_processes_give_the_same_numbers(right):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        other = hb.calibrate(model_of(), n=20, seed=1, draws=50, executor=pool, progress=False)
        assert pool.submit(int, "3").result() == 3
    same(other, first(right, 20))


def test_another_seed_gives_other_data():
    one, other = (result_of(task_of(seed=seed, sampler=from_the_prior), 20) for seed in (1, 2))
    assert not one.ranks["truth"].equals(other.ranks["truth"])


@pytest.mark.slow
def test_any_engine_will_do(monkeypatch):
    """PyMC and the collapsed engine rank the same truth among draws of the same posterior; PyMC compiles once."""
    compiled = []
    own = sampler_module.compile_pymc
    monkeypatch.setattr(sampler_module, "compile_pymc", lambda *given: compiled.append(1) or own(*given))
    task = task_of(draws=400)
    engines = {name: replace(task, sampler=sample_by(name, task.problem.y)) for name in ("collapsed", "pymc")}
    for seed in seeds_of(1, 3):
        found = [rank_set(each, seed) for each in engines.values()]
        np.testing.assert_array_equal(found[0].truth, found[1].truth)
        for kind in ("mean", "sd"):
            one, other = (getattr(own, kind) for own in found)
            assert (np.abs(one - other) < 0.35 * found[0].sd).all(), kind
        assert (np.abs(found[0].place - found[1].place) < 4 * np.sqrt(0.5 / 400)).all()
    assert len(compiled) == 1


# resuming


class Counting:
    """A sampler that counts, and stops the run after some data sets."""

    def __init__(self, stop=None):
        self.calls, self.stop = 0, stop

    def __call__(self, problem, labels, chosen):
        self.calls += 1
        if self.stop is not None and self.calls > self.stop:
            raise KeyboardInterrupt
        return from_the_prior(problem, labels, chosen)


def store_of(task, path):
    return Store(path, header_of(task, FORMULA, "collapsed", task.chosen.seed))


def test_an_interrupted_run_goes_on(tmp_path):
    path = tmp_path / "sets.npz"
    task = task_of(sampler=Counting(stop=20))
    with pytest.raises(hb.SamplingError, match=r"what is finished is in .*sets\.npz"):
        run_sets(task, seeds_of(1, 30), Pickless(), False, store_of(task, path))
    again = task_of(sampler=Counting())
    outcomes = run_sets(again, seeds_of(1, 30), None, False, store_of(again, path))
    # they are sent sixteen at a time
    assert again.sampler.calls == 14
    whole = run_sets(task_of(sampler=from_the_prior), seeds_of(1, 30))
    for one, other in zip(outcomes, whole, strict=True):
        np.testing.assert_array_equal(one.rank, other.rank)
        np.testing.assert_array_equal(one.place, other.place)
    assert list(tmp_path.iterdir()) == [path]


class Pickless(Executor):
    """Runs at once, one data set after the other."""

    def submit(self, fn, /, *args, **kwargs):
        future = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def test_resume_is_an_option_of_calibrate(tmp_path):
    path = tmp_path / "sets.npz"
    short = hb.calibrate(model_of(), n=20, seed=1, draws=50, resume=path, progress=False)
    written = path.stat().st_mtime_ns
    same(hb.calibrate(model_of(), n=20, seed=1, draws=50, resume=path, progress=False), short)
    assert path.stat().st_mtime_ns == written
    longer = hb.calibrate(model_of(), n=22, seed=1, draws=50, resume=path, progress=False)
    same(first(longer, 20), short)
    assert np.load(path, allow_pickle=False)["set"].tolist() == list(range(22))


def test_another_calibration_is_refused(tmp_path):
    path = tmp_path / "sets.npz"
    hb.calibrate(model_of(), n=20, seed=1, draws=20, resume=path, progress=False)
    other = {**PRIORS, "sigma": hb.HalfNormal(2)}
    for change, said in (
        ({"seed": 2}, "its seed is not"),
        ({"draws": 21}, "its draws is not"),
        ({"model": model_of(priors=other)}, "its priors is not"),
        ({"model": model_of(data=FEW.assign(g=list("abcabc")))}, "its data is not"),
    ):
        options = {"model": model_of(), "n": 20, "seed": 1, "draws": 20, "resume": path, "progress": False} | change
        with pytest.raises(hb.DataError, match=said):
            hb.calibrate(**options)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 broken"])
def test_a_file_that_is_none_of_ours_is_refused_and_kept(tmp_path, content):
    path = tmp_path / "sets.npz"
    path.write_bytes(content)
    with pytest.raises(hb.DataError, match="not a file of a calibration"):
        hb.calibrate(model_of(), n=20, seed=1, draws=20, resume=path, progress=False)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there_is_named_before_anything_runs(tmp_path):
    with pytest.raises(hb.DataError, match="there is no folder"):
        hb.calibrate(model_of(), n=20, seed=1, resume=tmp_path / "no" / "sets.npz", progress=False)


# what cannot be done


class Failing:
    """A sampler that cannot do one data set in `every`."""

    def __init__(self, every):
        self.every, self.calls = every, 0

    def __call__(self, problem, labels, chosen):
        self.calls += 1
        if self.calls % self.every == 0:
            raise hb.SamplingError("the sampler stopped: no start")
        return from_the_prior(problem, labels, chosen)


def test_data_sets_that_cannot_be_sampled_are_counted():
    task = task_of(sampler=Failing(10))
    seeds = seeds_of(1, 40)
    found = Calibration(FORMULA, "collapsed", task.quantities, 50, seeds, run_sets(task, seeds, Pickless()))
    assert found.failures["set"].tolist() == [9, 19, 29, 39]
    assert found.failures["reason"].unique().tolist() == ["the sampler stopped: no start"]
    assert found.failures["seed"].tolist() == [seeds[i] for i in (9, 19, 29, 39)]
    assert found.n == 40
    assert (found.table()["n"] == 36).all()
    assert not found.passed
    assert "4 data sets could not be sampled" in repr(found)
    assert len(found.tables()) == 2


def standing_still(problem, labels, chosen):
    """A sampler whose chain never leaves its first draw."""
    trace = from_the_prior(problem, labels, chosen)
    return replace(trace, draws={name: np.repeat(own[:, :1], own.shape[1], 1) for name, own in trace.draws.items()})


def test_a_chain_that_stands_still_is_no_posterior():
    found = result_of(task_of(sampler=standing_still), 20)
    assert len(found.failures) == 20
    assert found.failures["reason"].str.contains("never moved").all()


def test_nothing_sampled_at_all_says_so():
    task = task_of(sampler=Failing(1))
    seeds = seeds_of(1, 20)
    found = Calibration(FORMULA, "collapsed", task.quantities, 50, seeds, run_sets(task, seeds))
    assert not found.passed
    assert len(found.failures) == 20
    assert "not passed" in repr(found)
    with pytest.raises(hb.DataError, match="no ranks"):
        found.plot()


def laplace(name, **kwargs):
    import pymc as pm

    return pm.Laplace(name, 0, 4, **kwargs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model": model_of(priors="flat")}, r"Intercept, sd_g\[Intercept\], sigma have flat ones"),
        ({"model": model_of(priors={"Intercept": hb.Flat()})}, "Intercept has a flat one"),
        ({"model": model_of(priors={"Intercept": hb.Custom(laplace)})}, "the priors of Intercept"),
        ({"model": "y ~ x"}, "takes a Model or a Fit, not str"),
        ({"n": 19}, "n=19 must be a whole number, at least 20"),
        ({"n": True}, "n=True"),
        ({"draws": 9}, "draws=9 must be a whole number, at least 10"),
        ({"engine": "stan"}, "engine='stan' is not available"),
        ({"executor": 4}, "executor=4 is no executor"),
        ({"seed": None, "resume": "sets.npz"}, "resume needs a seed"),
    ],
)
def test_what_makes_no_sense_is_refused(change, said):
    options = {"model": model_of(), "n": 20, "seed": 1, "progress": False} | change
    with pytest.raises(hb.ModelError, match=said):
        hb.calibrate(**options)


def test_the_design_is_not_changed():
    model = model_of()
    before = model.design.y.copy()
    hb.calibrate(model, n=20, seed=1, draws=20, progress=False)
    np.testing.assert_array_equal(model.design.y, before)


@pytest.mark.slow
def test_the_plot_has_a_panel_for_each_quantity(right):
    assert [ax.get_title() for ax in right.plot().axes][:2] == ["Intercept", "sd_g[Intercept]"]
    assert len(right.plot(["sigma"]).axes) == 1
    with pytest.raises(hb.DataError, match="no quantity 'tau'"):
        right.plot(["tau"])
