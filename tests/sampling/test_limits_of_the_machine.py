"""More threads and memory than the machine has, full disks, and the modes of what is written."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from fits import fake_fit

import hierbayes as hb
from hierbayes.engines.collapsed import mode, recover, surrogate, threads
from hierbayes.errors import HierBayesWarning, ModelError
from hierbayes.sampling import memory
from hierbayes.sampling.sampler import settings
from hierbayes.storage import file

FORMULA = "Yield ~ 1 + (1 | Batch)"
FEW = {"draws": 20, "tune": 20, "chains": 2, "seed": 1, "progress": False}
MANY = 10**6
HUGE = 10**12


@pytest.fixture(scope="module")
def dyestuff():
    return hb.load_data("dyestuff")


@pytest.fixture(scope="module")
def model(dyestuff):
    return hb.Model(FORMULA, dyestuff)


# threads


@pytest.fixture
def pools(monkeypatch):
    """How many threads every pool was made for."""
    made = []

    class Pool(ThreadPoolExecutor):
        def __init__(self, workers=None, **options):
            made.append(workers)
            super().__init__(min(workers, 8), **options)

    for module in (mode, recover, surrogate):
        monkeypatch.setattr(module, "ThreadPoolExecutor", Pool)
    from hierbayes.studies import experiments

    monkeypatch.setattr(experiments, "ThreadPoolExecutor", Pool)
    return made


@pytest.fixture
def by_nutpie(monkeypatch):
    """The cores that nutpie was asked for."""
    import nutpie

    asked, sample = [], nutpie.sample

    def listening(*given, **options):
        asked.append(options["cores"])
        return sample(*given, **options)

    monkeypatch.setattr(nutpie, "sample", listening)
    return asked


def test_no_more_threads_than_tasks_or_cores(monkeypatch):
    monkeypatch.setattr(threads, "usable_cores", lambda: 6)
    asked = [(4, None), (4, MANY), (MANY, None), (MANY, MANY), (MANY, 3), (0, MANY), (2, 1)]
    assert [threads.threads_for(*each) for each in asked] == [4, 4, 6, 6, 3, 1, 1]
    assert [settings(cores=cores).threads for cores in (None, 1, 5, MANY)] == [6, 1, 5, 6]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
@pytest.mark.parametrize("engine", ["collapsed", "joint", "pymc"])
def test_a_million_cores_are_those_that_there_are(model, by_nutpie, pools, engine):
    fit = model.fit(**FEW, cores=MANY, engine=engine)
    assert by_nutpie == [min(2, threads.usable_cores())]
    assert all(workers <= threads.usable_cores() for workers in pools)
    assert fit.posterior.identical(model.fit(**FEW, cores=1, engine=engine).posterior)


def test_recovery_takes_no_more_threads_than_there_are(model, pools, monkeypatch):
    engine = model.runner.collapsed
    monkeypatch.setattr(recover, "_CHUNK_NUMBERS", 70)
    monkeypatch.setattr(threads, "usable_cores", lambda: 3)
    theta = np.random.default_rng(1).normal(size=(500, engine.layout.dim))
    many = recover.recover(engine.problem, engine.tape, theta, 1, MANY)
    one = recover.recover(engine.problem, engine.tape, theta, 1, 1)
    assert pools == [3]
    np.testing.assert_array_equal(many.beta, one.beta)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_a_surrogate_takes_no_more_either(pools, monkeypatch):
    from hierbayes.engines.collapsed.engine import CollapsedEngine

    monkeypatch.setattr(CollapsedEngine, "dear", property(lambda self: True))
    monkeypatch.setattr(threads, "usable_cores", lambda: 2)
    penicillin = hb.Model("diameter ~ 1 + (1 | plate) + (1 | sample)", hb.load_data("penicillin"))
    penicillin.fit(draws=30, chains=3, seed=1, progress=False, cores=MANY)
    assert pools
    assert max(pools) == 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_an_experiment_takes_no_more_either(pools, monkeypatch):
    monkeypatch.setattr(threads, "usable_cores", lambda: 3)
    truth = {"Intercept": 0, "sd_g": 6, "sigma": 1}
    hb.experiment("y ~ 1 | g", {"g": 4, "rows": 2}, truth, n=2, seed=1, draws=20, cores=MANY, progress=False)
    assert pools[0] == 2
    assert max(pools) <= 3


def test_a_catalogue_entry_may_ask_for_a_million(tmp_path):
    from hierbayes.catalogue import read_spec

    place = tmp_path / "spec.toml"
    place.write_text(f'data = "dyestuff"\nformula = "{FORMULA}"\n\n[sampling]\ncores = {MANY}\n')
    assert settings(**read_spec(place).sampling).threads == threads.usable_cores()


# memory


REFUSED = r"would take at least [\d.]+ (GB|TB|PB|EB) of memory; [\d.]+ (MB|GB|TB) are free\n.*fewer"


@pytest.mark.parametrize("engine", ["collapsed", "joint", "pymc"])
@pytest.mark.parametrize("much", [{"draws": HUGE}, {"chains": HUGE}, {"tune": HUGE}, {"draws": 2**62}], ids=str)
def test_draws_that_cannot_be_held_are_refused(model, engine, much):
    started = time.perf_counter()
    with pytest.raises(ModelError, match=REFUSED):
        model.fit(**(FEW | much), engine=engine)
    assert time.perf_counter() - started < 20


def test_the_refusal_says_what_was_asked_for(model):
    with pytest.raises(ModelError) as refused:
        model.fit(draws=HUGE, tune=500, seed=1, progress=False, engine="collapsed")
    assert refused.value.what.startswith(f"4 chains of {HUGE} draws and 500 steps of warm-up would take")
    size, unit = re.search(r"at least ([\d.]+) (\w+)", refused.value.what).groups()
    # of each step 8 and an sd; of each draw 6 effects, an intercept, an sd and a correlation of 1
    assert (float(size), unit) == (pytest.approx(4e12 * 18 * 8 / 2**40, rel=0.01), "TB")


@pytest.mark.parametrize(
    "ask",
    [
        lambda model, fit: model.prior_predictive(draws=HUGE),
        lambda model, fit: model.prior_draws(draws=HUGE),
        lambda model, fit: fit.simulate(nsim=HUGE),
        lambda model, fit: fit.extend(HUGE),
        lambda model, fit: hb.experiment("y ~ 1", 3, {"Intercept": 0, "sigma": 1}, n=HUGE),
        lambda model, fit: hb.experiment("y ~ 1", 3, {"Intercept": 0, "sigma": 1}, n=2, draws=HUGE, progress=False),
        lambda model, fit: hb.calibrate(model, n=HUGE),
        lambda model, fit: hb.calibrate(model, n=20, draws=HUGE, progress=False),
        lambda model, fit: fit.leave_one_group_out(draws=HUGE, progress=False),
        *(
            lambda model, fit, sizes=sizes: hb.simulate(
                "y ~ 1 + (1 | g/h)", sizes, {"Intercept": 0, "sd_g": 1, "sd_g:h": 1, "sigma": 1}
            )
            for sizes in (
                {"g": HUGE, "h": 2}, {"g": 2, "h": 10**30}, {"g": [2, 2**62, 2**62]}, {"g": 2, "h": 2, "rows": 2**62},
                {"g": 3, "g/h": 2**63}, {"g": 2, "h": 1, "rows": [10**30, 1]},
            )
        ),
    ],
    ids=(
        "prior_predictive", "prior_draws", "simulate", "extend", "experiment", "experiment, draws", "calibrate",
        "calibrate, draws", "leave_one_group_out", *(f"hb.simulate {i}" for i in range(6)),
    ),
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_nothing_else_takes_the_process_down(model, ask):
    fit = fake_fit(FORMULA, hb.load_data("dyestuff"))
    fit._draws = replace(fit._draws, engine="collapsed", settings=settings(**FEW), asked="auto")
    with pytest.raises(hb.HierBayesError):
        ask(model, fit)


def test_prior_draws_of_pymc_are_weighed_too(dyestuff):
    own = hb.Model(FORMULA, dyestuff, priors={"sigma": hb.Custom(lambda name, **_: None)})
    with pytest.raises(ModelError, match=REFUSED):
        own.prior_draws(draws=HUGE)


def test_what_fits_is_not_refused(monkeypatch):
    monkeypatch.setattr(memory, "free_memory", lambda: 2**30)
    memory.require_memory(2**27, "a GB", "")
    with pytest.raises(ModelError, match=r"a little more would take at least 1\.0 GB of memory; 1\.0 GB are free"):
        memory.require_memory(2**27 + 1, "a little more", "")


def test_free_memory_of_other_systems(monkeypatch):
    linux = memory._linux_memory()
    assert linux is None or 2**26 < linux < 2**46
    monkeypatch.setattr(memory, "_limits", list)
    monkeypatch.setattr(memory, "_linux_memory", lambda: None)
    own = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory.free_memory() == 4 * own
    monkeypatch.setattr(sys, "platform", "win32")
    assert memory._windows_memory() is None  # no windll here
    assert memory.free_memory() == memory.ADDRESSABLE
    monkeypatch.setattr(memory, "_windows_memory", lambda: 5)
    assert memory.free_memory() == 5


def test_a_container_that_is_held_to_less(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text(f"{2**29}\n")
    (tmp_path / "none").write_text("max\n")
    monkeypatch.setattr(memory, "_LIMITS", (str(tmp_path / "memory.max"), str(tmp_path / "none"), str(tmp_path / "no")))
    assert memory.free_memory() <= 2**29


@pytest.mark.skipif(sys.platform != "linux", reason="a limit on the process as Linux keeps it")
def test_a_limit_on_the_process_counts():
    code = """
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (2**31, 2**31))
        from hierbayes.sampling.memory import free_memory
        print(free_memory() <= 2**31)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


def test_sizes_are_read_by_people():
    sizes = (0, 1023, 1024, 10 * 2**20, 2**40, 2**69, 10**40)
    assert [memory.size_text(size) for size in sizes] == [
        "0.0 bytes", "1023.0 bytes", "1.0 kB", "10.0 MB", "1.0 TB", "512.0 EB", "more than a million EB",
    ]  # fmt: skip


# full disks


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
def test_a_full_disk_loses_no_fit(dyestuff, tmp_path, monkeypatch):
    def full(part, content):
        part.write_bytes(content[:100])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "fit.nc"
    with monkeypatch.context() as patched:
        patched.setattr(file, "_put", full)
        with pytest.warns(HierBayesWarning, match=r"No space left on device\. The fit is returned all the same"):
            fit = hb.fit(FORMULA, dyestuff, **FEW, cache=path)
    assert list(tmp_path.iterdir()) == []
    assert fit.posterior.identical(hb.fit(FORMULA, dyestuff, **FEW).posterior)
    assert hb.fit(FORMULA, dyestuff, **FEW, cache=path).posterior.identical(fit.posterior)
    assert path.exists()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::hierbayes.errors.HierBayesWarning")
@pytest.mark.skipif(sys.platform == "win32", reason="no limit on the size of files")
def test_a_file_that_may_not_grow_loses_no_fit(tmp_path):
    """The system itself refuses to write more than a few bytes."""
    code = f"""
        import resource, signal, warnings
        import hierbayes as hb
        model = hb.Model({FORMULA!r}, hb.load_data("dyestuff"))
        model.runner.collapsed.mode
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            fit = model.fit(**{FEW!r}, cache="fit.nc")
        print(fit.posterior.sizes["draw"], any("File too large. The fit is returned" in str(w.message) for w in said))
    """
    run = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "20 True\n"
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_can_hold_no_file_is_refused_before_sampling(dyestuff, tmp_path, monkeypatch):
    from hierbayes.model import kept_model

    monkeypatch.setattr(kept_model, "draw", lambda *given: pytest.fail("it was sampled"))
    for place in (tmp_path / "no" / "fit.nc", tmp_path, "a\0b"):
        with pytest.raises(hb.DataError, match="cannot be written"):
            hb.fit(FORMULA, dyestuff, **FEW, cache=place)


# modes


@pytest.fixture(params=[0o022, 0o077, 0o002])
def mask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def modes(folder):
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
def test_files_are_as_open_as_the_user_says(mask, tmp_path, few_sets):
    fit = fake_fit(FORMULA, hb.load_data("dyestuff"))
    fit.save(tmp_path / "fit.nc")
    fit.report(tmp_path / "report.html")
    hb.export(fit.fixef(), kind="markdown", path=tmp_path / "table.md")
    fit.explore(tmp_path / "explorer.html")
    fit.plot.shrinkage().savefig(tmp_path / "figure.png")
    few_sets(tmp_path / "sets.npz")
    found = modes(tmp_path)
    assert set(found) == {"fit.nc", "report.html", "table.md", "explorer.html", "figure.png", "sets.npz"}
    assert set(found.values()) == {0o666 & ~mask}


@pytest.fixture
def few_sets():
    from hierbayes.studies.calibration_store import Store

    return lambda path: Store(path, {"of": "nothing"}).write({})


@pytest.mark.skipif(sys.platform == "win32", reason="no modes")
def test_object_code_is_for_everybody(mask, tmp_path):
    from hierbayes.engines import native
    from hierbayes.engines.stale import drop_stale

    (tmp_path / "a.py").write_text("")
    place = tmp_path / "__pycache__" / "native-0.o"
    drop_stale(tmp_path)
    native._keep(place, ["one"], b"code")
    found = modes(place.parent)
    assert found == {"native-0.o": 0o666 & ~mask, "kernels.stamp": 0o666 & ~mask}
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o777 & ~mask
    assert place.read_bytes()[40:] == b"onecode"


def test_object_code_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    from hierbayes.engines import native

    def full(*_):
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="full"):
        native._keep(tmp_path / "native-0.o", ["one"], b"code")
    assert list(tmp_path.iterdir()) == []


def test_no_temporary_file_of_its_owner_alone_becomes_a_kept_one():
    """`mkstemp` and `NamedTemporaryFile` make what others cannot read: where they are used, the mode is set anew."""
    package = os.path.dirname(hb.__file__)
    found = {}
    for folder, _, names in os.walk(package):
        for name in [name for name in names if name.endswith(".py")]:
            with open(os.path.join(folder, name), encoding="utf-8") as source:
                text = source.read()
            if re.search(r"mkstemp|NamedTemporaryFile", text):
                found[name] = "chmod" in text
    assert all(found.values()), found
