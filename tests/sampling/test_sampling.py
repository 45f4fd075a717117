"""Options, seeds, progress, interruption and warnings."""

from __future__ import annotations

import _thread
import contextlib
import io
import signal
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from fits import fake_fit
from seeds import shifted

import hierbayes as hb
from hierbayes.engines.base import Trace
from hierbayes.sampling.sampler import _collect, settings
from hierbayes.summaries.health import complaints, diagnostics

BAD = [
    ("draws", 0),
    ("draws", 10.5),
    ("draws", True),
    ("draws", "many"),
    ("chains", 0),
    ("chains", -2),
    ("seed", -1),
    ("seed", 1.5),
    ("seed", 2**63),
    ("tune", 0),
    ("tune", "some"),
    ("cores", 0),
    ("target_accept", 2),
    ("target_accept", 0),
    ("target_accept", "high"),
    ("progress", "yes"),
    ("engine", "stan"),
]


@pytest.fixture(scope="module")
def small():
    rng = np.random.default_rng(3)
    group = np.repeat([f"g{i}" for i in range(8)], 5)
    return pd.DataFrame({"g": group, "y": rng.normal(size=40) + 2 * rng.normal(size=8).repeat(5)})


@pytest.fixture(scope="module")
def model(small):
    return hb.Model("y ~ 1 + (1 | g)", small)


@pytest.mark.parametrize(("option", "value"), BAD)
def test_an_option_out_of_range_is_named_before_anything_is_compiled(model, option, value):
    with pytest.raises(hb.ModelError, match=option):
        model.fit(**{option: value})
    assert model._runner.pymc._compiled is None


def test_unknown_option_is_named(small):
    with pytest.raises(hb.ModelError, match="'sampels'"):
        hb.fit("y ~ 1 + (1 | g)", small, sampels=10)


def test_without_a_seed_each_fit_has_its_own():
    seeds = {settings().seed for _ in range(3)}
    assert len(seeds) == 3
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_numpy_integers_are_whole_numbers():
    chosen = settings(draws=np.int64(7), seed=np.uint32(5), tune=np.int16(10))
    assert (chosen.draws, chosen.seed, chosen.tune) == (7, 5, 10)


def test_what_is_left_to_the_engine_is_none():
    chosen = settings()
    assert (chosen.tune, chosen.target_accept, chosen.cores) == (None, None, None)


class Raw:
    """What the sampler hands over: a batch a chain of draws and of statistics, some chains ahead of others."""

    def __init__(self, *lengths, tuned=2):
        self.chains = [self.batches(chain, length, tuned) for chain, length in enumerate(lengths)]

    def batches(self, chain, length, tuned):
        values = 100.0 * chain + np.arange(3.0 * length).reshape(length, 3)
        v = pa.array(values.tolist(), pa.list_(pa.float64()))
        draws = self.batch({"v": (v, b"3"), "s": (pa.array(values[:, 0]), b"")})
        stats = {
            "tuning": np.arange(length) < tuned,
            "n_steps": np.ones(length, np.int64),
            "draw": np.arange(length),
            "energy": values[:, 0],
        }
        columns = {name: (pa.array(column), b"") for name, column in stats.items()}
        columns["gradient"] = (pa.array([[0.0]] * length, pa.list_(pa.float64())), b"")
        columns["message"] = (pa.array([None] * length, pa.string()), b"")
        return draws, self.batch(columns)

    def batch(self, columns):
        fields = [pa.field(name, array.type, metadata={b"shape": shape}) for name, (array, shape) in columns.items()]
        return pa.RecordBatch.from_arrays([array for array, _ in columns.values()], schema=pa.schema(fields))

    def get_arrow_trace(self):
        return [draws for draws, _ in self.chains], [stats for _, stats in self.chains]


def test_an_interrupted_trace_keeps_the_draws_that_every_chain_finished():
    with pytest.warns(hb.HierBayesWarning, match="holds the 4 draws"):
        trace = _collect(Raw(8, 6), True)
    assert {values.shape[:2] for values in (*trace.draws.values(), *trace.stats.values())} == {(2, 4)}
    assert trace.interrupted
    assert trace.draws["v"][1, :, 1].tolist() == [107.0, 110.0, 113.0, 116.0]


def test_interruption_before_the_first_draw_is_an_error():
    with pytest.raises(hb.SamplingError, match="interrupted before every chain had its first draw"):
        _collect(Raw(8, 2), True)


def test_a_whole_trace_is_kept_without_its_warm_up():
    trace = _collect(Raw(8, 8), False)
    assert isinstance(trace, Trace)
    assert {name: values.shape for name, values in trace.draws.items()} == {"v": (2, 6, 3), "s": (2, 6)}
    assert trace.draws["s"][0].tolist() == [6.0, 9.0, 12.0, 15.0, 18.0, 21.0]
    assert set(trace.stats) == {"n_steps", "energy"}
    assert trace.gradients == 16


def test_the_trace_is_what_nutpie_makes_of_it(small):
    import nutpie

    from hierbayes.engines.collapsed.entries import DENSITY
    from hierbayes.engines.pointer import nutpie_model

    compiled = nutpie_model(hb.Model("y ~ 1 + (1 | g)", small)._runner.collapsed.charted, DENSITY)
    options = {"draws": 30, "tune": 40, "chains": 2, "seed": 1, "progress_bar": False}
    own = _collect(nutpie.sample(compiled, return_raw_trace=True, **options), False)
    tree = nutpie.sample(compiled, **options)
    np.testing.assert_array_equal(own.draws["theta"], tree["posterior"]["theta"].values)
    for name in ("diverging", "energy", "n_steps", "step_size"):
        np.testing.assert_array_equal(own.stats[name], tree["sample_stats"][name].values)


GOOD = {
    "divergences": 0,
    "max_rhat": 1.0,
    "min_ess_bulk": 2000.0,
    "min_ess_tail": 2000.0,
    "min_bfmi": 0.9,
    "chains": 4,
    "draws": 1000,
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"divergences": 3}, "3 divergences: .*target_accept"),
        ({"divergences": 1}, "1 divergence: "),
        ({"max_rhat": 1.2}, "chains disagree .*1.200.*more draws"),
        ({"min_ess_bulk": 50.0}, "only 50 effective draws"),
        ({"min_ess_tail": 50.0}, "only 50 effective draws"),
        ({"min_bfmi": 0.1}, "energy"),
        ({"draws": 3, "min_ess_bulk": float("nan")}, "too few to check"),
    ],
)
def test_each_complaint_says_what_is_wrong_and_what_to_do(change, said):
    import re

    found = complaints({**GOOD, **change})
    assert len(found) == 1
    assert re.search(said, found[0])
    assert "again" in found[0]


def test_a_good_fit_has_no_complaints():
    assert complaints(GOOD) == []


def test_diagnostics_find_the_worst_parameter(small):
    fit = fake_fit("y ~ 1 + (1 | g)", small, chains=4, draws=200)
    assert fit.diagnostics["max_rhat"] < 1.1
    draws = fit._draws
    tree = draws.tree.copy(deep=True)
    tree["posterior"]["b_g"].values[0, :, 3, 0] += 10
    tree["sample_stats"]["diverging"].values[1, :2] = True
    found = diagnostics(replace(draws, tree=tree))
    assert found["max_rhat"] > 1.5
    assert found["divergences"] == 2
    assert found["min_ess_bulk"] < fit.diagnostics["min_ess_bulk"]


def test_the_energy_of_the_worst_chain_counts(small):
    """E-BFMI: the mean squared step of the energy over its variance, of the chain where it is least."""
    fit = fake_fit("y ~ 1 + (1 | g)", small, chains=3, draws=200)
    tree = fit._draws.tree.copy(deep=True)
    tree["sample_stats"]["energy"].values[1] = np.cumsum(np.random.default_rng(1).normal(size=200))
    each = [np.mean(np.diff(own) ** 2) / np.var(own) for own in tree["sample_stats"]["energy"].values]
    found = diagnostics(replace(fit._draws, tree=tree))
    assert found["min_bfmi"] == pytest.approx(min(each), rel=0.02)
    assert max(each) > 1.5 > 0.3 > min(each)
    assert any("energy" in said for said in complaints(found))


def shown_after(monkeypatch, progress, terminal, seconds):
    """Start a bar whose patience is a fifth of a second; say whether it is there after some seconds."""
    import rich.console

    from hierbayes.sampling import sampler as sampling

    plain = rich.console.Console
    monkeypatch.setattr(sampling, "_PATIENCE", 0.2)
    monkeypatch.setattr(
        rich.console,
        "Console",
        lambda **kwargs: plain(file=io.StringIO(), force_terminal=terminal, force_jupyter=False),
    )
    bar = sampling._Bar("working", None, ())
    bar.start(progress)
    time.sleep(seconds)
    shown = bar.progress is not None
    bar.stop()
    return shown


@pytest.mark.parametrize(
    ("progress", "terminal", "seconds", "expected"),
    [
        (None, True, 0.05, False),
        (None, True, 1.0, True),
        (None, False, 1.0, False),
        (True, False, 0.5, True),
        (False, True, 0.5, False),
    ],
)
def test_a_bar_appears_by_itself_only_in_a_terminal_and_after_a_while(
    monkeypatch, progress, terminal, seconds, expected
):
    assert shown_after(monkeypatch, progress, terminal, seconds) is expected


@contextlib.contextmanager
def interrupted_soon(seconds):
    """Send the main thread a Ctrl-C after some seconds, unless the block is left before."""
    left = threading.Event()

    def interrupt():
        if not left.wait(seconds):
            _thread.interrupt_main()

    # a shell that starts a job in the background lets it ignore Ctrl-C
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
        signal.signal(signal.SIGINT, before)


ENGINES = [pytest.param("collapsed"), pytest.param("pymc", marks=pytest.mark.slow)]


@pytest.mark.parametrize("engine", ENGINES)
class TestSampling:
    """Real runs of a small model by each engine; PyMC compiles it once."""

    def test_same_seed_same_bits_whatever_the_cores(self, model, capsys, engine):
        options = {"engine": engine, "draws": 50, "tune": 100, "chains": 4, "progress": False}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", hb.HierBayesWarning)
            one, two, four = (model.fit(seed=7, cores=cores, **options).posterior for cores in (1, 2, 4))
            other = model.fit(seed=8, **options).posterior
        assert set(one.data_vars) == {"beta", "sigma", "sd_g", "b_g"}
        for name in one.data_vars:
            assert one[name].to_numpy().tobytes() == two[name].to_numpy().tobytes() == four[name].to_numpy().tobytes()
            assert one[name].to_numpy().tobytes() != other[name].to_numpy().tobytes()
            assert not np.array_equal(one[name][0], one[name][1])
        said = capsys.readouterr()
        assert said.out == said.err == ""

    def test_too_few_draws_warn_in_plain_english(self, model, engine):
        with pytest.warns(hb.HierBayesWarning, match="only .* effective draws"):
            model.fit(draws=20, tune=100, chains=2, seed=1, progress=False, engine=engine)

    def test_one_chain_of_three_draws(self, model, engine):
        with pytest.warns(hb.HierBayesWarning, match="too few to check"):
            fit = model.fit(draws=3, tune=50, chains=1, seed=1, progress=False, engine=engine)
        assert fit.fixef().shape == (1, 8)

    def test_a_bar_that_is_asked_for_is_shown_on_standard_error(self, model, capsys, engine):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", hb.HierBayesWarning)
            model.fit(draws=500, tune=100, chains=2, seed=1, progress=True, engine=engine)
        said = capsys.readouterr()
        assert said.out == ""
        assert "sampling 2 chains" in said.err

    def test_interruption_keeps_the_draws_so_far_and_harms_no_later_fit(self, model, engine):
        options = {"tune": 200, "chains": 2, "seed": 1, "progress": False, "engine": engine}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", hb.HierBayesWarning)
            before = model.fit(draws=50, **options)
        with interrupted_soon(1.0), pytest.warns(hb.HierBayesWarning, match="interrupted: the fit holds"):
            fit = model.fit(draws=3_000_000, cores=2, **options)
        kept = fit.posterior.sizes["draw"]
        assert 0 < kept < 3_000_000
        assert not any(fit.posterior[name].isnull().any() for name in fit.posterior.data_vars)
        assert fit.posterior.sizes["chain"] == 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", hb.HierBayesWarning)
            again = model.fit(draws=50, **options)
        assert again.posterior["beta"].to_numpy().tobytes() == before.posterior["beta"].to_numpy().tobytes()


def test_another_process_draws_the_same_bits(tmp_path):
    """The other process also compiles nothing: what it needs is on the disk since this one."""
    hb.fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), seed=3, draws=300, progress=False)
    seed = shifted(3)  # the other process knows of no shift
    program = (
        "import sys, numpy as np, hierbayes as hb\n"
        "from numba.core import event\n"
        "with event.install_recorder('numba:compile') as recorder:\n"
        f"    fit = hb.fit('Reaction ~ Days + (Days | Subject)', hb.load_data('sleepstudy'), seed={seed}, draws=300,\n"
        "                 cores=int(sys.argv[1]), progress=False)\n"
        "print(len(recorder.buffer), 'pymc' in sys.modules, 'pytensor' in sys.modules)\n"
        "np.savez(sys.argv[2], **{k: v.to_numpy() for k, v in fit.posterior.data_vars.items()})\n"
    )
    here = hb.fit("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"), seed=3, draws=300, progress=False)
    command = [sys.executable, "-c", program, "1", str(tmp_path / "draws.npz")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "False", "False"]
    with np.load(tmp_path / "draws.npz") as there:
        assert set(there) == set(here.posterior.data_vars)
        for name in there:
            assert there[name].tobytes() == here.posterior[name].to_numpy().tobytes()
