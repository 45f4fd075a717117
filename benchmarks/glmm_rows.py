"""Time of one gradient of the joint engine per row: Bernoulli rows with a random slope, and the compiled PyMC model's.

``y ~ x + (x | g)``, 1,000 groups, 4 numbers of theta and 2,002 others. The least of many batches on one thread.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from side_by_side import markdown, table

from hierbayes.engines.base import Block, Problem
from hierbayes.engines.joint.engine import JointEngine
from hierbayes.priors import LKJ, Fixed, HalfStudentT, Normal

GROUPS = 1000


def problem_of(rows: int) -> Problem:
    """Return made-up rows of a logistic regression with random intercepts and slopes."""
    rng = np.random.default_rng(rows)
    codes = rng.integers(0, GROUPS, rows)
    x = rng.normal(size=rows)
    X = np.column_stack([np.ones(rows), x])
    effects = rng.normal(size=(GROUPS, 2)) * [1.0, 0.5]
    eta = 0.3 + 0.8 * x + np.sum(X * effects[codes], axis=1)
    y = (rng.random(rows) < 1 / (1 + np.exp(-eta))).astype(float)
    block = Block(X, codes, GROUPS, (HalfStudentT(3, 2.5),) * 2, LKJ(2.0), np.eye(2))
    return Problem(
        y, X, np.zeros(rows), np.ones(rows), (Normal(0, 2.5), Normal(0, 2.5)), np.eye(2), (block,), Fixed(1.0),
        family="bernoulli", link="logit",
    )  # fmt: skip


def pymc_seconds(problem: Problem, seconds: float) -> float:
    """Return what one gradient of the same model, written in PyMC and compiled as nutpie does, takes."""
    import nutpie
    import pymc as pm

    block = problem.blocks[0]
    with pm.Model() as model:
        beta = pm.Normal("beta", 0, 2.5, shape=2)
        sd = pm.HalfStudentT("sd", 3, 2.5, shape=2)
        chol = sd[:, None] * pm.LKJCorr("chol", n=2, eta=2.0)
        v = pm.Normal("v", 0, 1, shape=(GROUPS, 2))
        b = pm.math.dot(v, chol.T)
        X, codes = pm.Data("X", problem.X), pm.Data("codes", block.codes)
        pm.Bernoulli("y", logit_p=pm.math.dot(X, beta) + (X * b[codes]).sum(axis=1), observed=problem.y)
    compiled = nutpie.compile_pymc_model(model)
    return least(_caller(compiled), seconds)


def _caller(compiled: Any) -> Any:
    """Return a function that evaluates the compiled gradient once, by nutpie's own C function."""
    import ctypes

    size = compiled.n_dim
    x, grad, value = np.full(size, 0.1), np.empty(size), np.empty(1)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, *[ctypes.c_void_p] * 4)
    function = kind(compiled.compiled_logp_func.address)
    data = compiled.user_data.ctypes.data
    return lambda: function(size, x.ctypes.data, grad.ctypes.data, value.ctypes.data, data)


def least(call: Any, seconds: float) -> float:
    """Return the least time of a call over many batches."""
    best, stop, batch = np.inf, time.perf_counter() + seconds, 1
    call()
    while time.perf_counter() < stop:
        started = time.perf_counter()
        for _ in range(batch):
            call()
        gone = time.perf_counter() - started
        best = min(best, gone / batch)
        batch = batch if gone > 0.002 else 2 * batch
    return best


def main() -> None:
    """Print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    options.add_argument("--seconds", type=float, default=3.0, help="for each timing")
    options.add_argument("--pytensor", action="store_true", help="time the compiled PyMC model too")
    options.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    chosen = options.parse_args()
    rows = []
    for count in chosen.rows:
        engine = JointEngine(problem_of(count))
        started = time.perf_counter()
        _ = engine.tape
        tape = time.perf_counter() - started
        _ = engine.charted
        mode = time.perf_counter() - started - tape
        own = engine.seconds_per_gradient(chosen.seconds)
        line = [count, tape, mode, 1e6 * own, 1e9 * own / count]
        if chosen.pytensor:
            peer = pymc_seconds(engine.problem, chosen.seconds)
            line += [1e9 * peer / count, peer / own]
        rows.append(line)
    head = ["rows", "tape s", "mode s", "gradient us", "ns a row"]
    head += ["PyMC ns a row", "ratio"] if chosen.pytensor else []
    print((markdown if chosen.markdown else table)(head, rows))


if __name__ == "__main__":
    main()
