"""Fifty thousand levels: the fit, its tables, its text and its memory."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

PROGRAM = """
import json, resource, time
import numpy as np, pandas as pd, hierbayes as hb
rng = np.random.default_rng(1)
levels = 50_000
g = np.repeat(np.arange(levels), 3)
x = rng.normal(size=3 * levels)
b = rng.normal(size=(levels, 2)) @ np.array([[2.0, 0.5], [0.0, 1.0]])
y = 10 + 3 * x + b[g, 0] + b[g, 1] * x + rng.normal(size=3 * levels)
data = pd.DataFrame({"y": y, "x": x, "g": g.astype(str)})

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6

# libraries, and kernels that may have to be compiled, are held before the rows are met
small = hb.Model("y ~ x + (x | g)", data.iloc[:300])
small.fit(draws=20, chains=1, tune=20, seed=1, progress=False).varcorr()
small.reml().varcorr()
before = peak()
fit = hb.fit("y ~ x + (x | g)", data, draws=125, chains=4, seed=1, progress=False)
text = str(fit.summary())
table = fit.varcorr()
ranef = fit.ranef()
wanted = pd.Series(b.ravel(), index=pd.MultiIndex.from_product([[str(i) for i in range(levels)], ["Intercept", "x"]]))
own = ranef.set_index(["level", "term"])
own["truth"] = wanted.reindex(own.index)
covered = ((own["lower"] < own["truth"]) & (own["truth"] < own["upper"])).mean()
reml = fit.model.reml()
print(json.dumps({
    "engine": fit.engine, "text": text, "mean": table["mean"].tolist(), "sd": table["sd"].tolist(),
    "fixed": fit.fixef()["mean"].tolist(), "fixed_sd": fit.fixef()["sd"].tolist(), "rows": len(ranef),
    "covered": covered, "divergences": fit.diagnostics["divergences"], "rhat": fit.diagnostics["max_rhat"],
    "reml": reml.varcorr()["mean"].tolist(), "modes": len(reml.ranef()), "totals": len(reml.coef()),
    "reml_text": repr(reml), "gigabytes": peak() - before, "before": before,
    "seconds": fit.diagnostics["seconds"],
}))
"""


@pytest.fixture(scope="module")
def said():
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_parameters_come_back(said):
    assert said["engine"] == "collapsed"
    assert said["divergences"] == 0
    # sds, their correlation and sigma of the simulation
    truth = [2.0, 1.25**0.5, 0.5 / 1.25**0.5, 1.0]
    for mean, sd, wanted in zip(said["mean"], said["sd"], truth, strict=True):
        assert abs(mean - wanted) < 4.5 * sd
        assert sd < 0.03
    for mean, sd, wanted in zip(said["fixed"], said["fixed_sd"], [10, 3], strict=True):
        assert abs(mean - wanted) < 4.5 * sd


def test_the_intervals_of_the_levels_cover(said):
    assert said["rows"] == 100_000
    # 500 draws: the ends of an interval are rough, so a little under 95%
    assert 0.93 < said["covered"] < 0.96


def test_reml_agrees(said):
    assert (said["modes"], said["totals"]) == (100_000, 100_000)
    for mean, sd, reml in zip(said["mean"], said["sd"], said["reml"], strict=True):
        assert abs(mean - reml) < sd


def test_the_text_is_short_and_the_memory_bounded(said):
    assert "levels: g 50000" in said["text"]
    assert len(said["text"].splitlines()) < 25
    assert len(said["reml_text"].splitlines()) < 25
    # 500 draws of 100,000 effects are 0.4 GB, beside what libraries and compiler hold
    assert said["gigabytes"] < 1.6, said["before"]
