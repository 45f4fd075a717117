"""One seed, the same bits: for 1, 2 and 4 cores, in another process, after a fit was saved and loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from seeds import not_shifted
from trust.reproducible import digest, fitted, of_posterior, of_predictions

import hierbayes as hb
from hierbayes.studies.calibration import seeds_of

# so few draws are rough
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::hierbayes.HierBayesWarning")]
SCRIPT = Path(__file__).with_name("reproducible.py")


@pytest.fixture(scope="module")
def fit():
    return fitted(1)


def elsewhere(*arguments, **changes):
    """What the script prints in a fresh process."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, arguments)],
        capture_output=True, text=True, check=False, cwd=SCRIPT.parents[2],
        env={**environment, "PYTHONPATH": str(SCRIPT.parents[2]), **changes},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.parametrize("cores", [2, 4, None])
def test_cores_change_no_bit(fit, cores):
    assert of_posterior(fitted(cores)) == of_posterior(fit)


@not_shifted
def test_another_process_gives_the_same_bits(fit):
    """With another hash seed and other cores, posterior and predictions."""
    assert elsewhere(2, PYTHONHASHSEED="77") == [of_posterior(fit), of_predictions(fit)]


def test_a_loaded_fit_predicts_the_same_bits(fit, tmp_path):
    path = fit.save(tmp_path / "fit.nc")
    loaded = hb.load(path)
    assert of_posterior(loaded) == of_posterior(fit)
    assert of_predictions(loaded) == of_predictions(fit)


def test_a_fit_loaded_in_another_process_predicts_the_same_bits(fit, tmp_path):
    path = fit.save(tmp_path / "fit.nc")
    assert elsewhere(1, path) == [of_posterior(fit), of_predictions(fit)]


def test_another_seed_gives_other_bits(fit):
    assert of_posterior(fitted(1, seed=12)) != of_posterior(fit)
    assert fit.predict(seed=4, kind="response")["mean"][0] != fit.predict(seed=3, kind="response")["mean"][0]


def test_a_last_bit_is_seen():
    one = np.array([1.0, 2.0])
    assert digest(one) == digest(one.copy())
    assert digest(one) != digest(np.nextafter(one, 3))
    assert digest(one) != digest(one[None])


def test_simulation_and_experiments_are_those_of_a_seed():
    truth = {"Intercept": 5, "sd_g": 2, "sigma": 1}
    one, other = (hb.simulate("y ~ 1 + (1 | g)", {"g": 4, "rows": 3}, truth, seed=1) for _ in range(2))
    assert digest(one["y"].to_numpy()) == digest(other["y"].to_numpy())
    options = {"n": 4, "seed": 2, "draws": 60, "fits": ("partial",), "progress": False}
    tables = [hb.experiment("y ~ 1 + (1 | g)", {"g": 4, "rows": 3}, truth, cores=c, **options).table for c in (1, 4)]
    assert digest(tables[0]["estimate"].to_numpy()) == digest(tables[1]["estimate"].to_numpy())


def test_seeds_of_data_sets_do_not_depend_on_their_number():
    assert seeds_of(5, 40)[:7] == seeds_of(5, 7)
    assert len(set(seeds_of(5, 1000))) == 1000
    assert seeds_of(6, 7) != seeds_of(5, 7)


def test_pymc_gives_the_same_bits_for_any_cores():
    model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    options = {"draws": 100, "tune": 100, "chains": 2, "seed": 5, "engine": "pymc", "progress": False}
    one, other = model.fit(cores=1, **options), model.fit(cores=2, **options)
    assert of_posterior(one) == of_posterior(other)
