"""Models whose posterior is known by quadrature: priors written out, a model to fit, the names of its numbers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from oracles.joint import log_prior
from trust.quadrature import balanced, corr_axis, known_errors, lines, log_axis, of_draws, of_number, of_positive
from trust.quadrature import two_lines as solve_lines

import hierbayes as hb


@dataclass(frozen=True)
class Exact:
    """A model, and its posterior as a function of a number that multiplies the points of the grid.

    Attributes
    ----------
    model : callable
        Makes the model.
    solve : callable
        ``solve(finer, narrower)``: statistics of every number; the scales of the priors of group sds are divided by
        `narrower`.
    numbers : callable
        Takes the posterior of a fit to draws (chain, draw) by the same names.
    """

    model: Callable
    solve: Callable
    numbers: Callable


def half_t(scale):
    return partial(log_prior, hb.HalfStudentT(3, scale))


def spread_of(y):
    return float(np.std(y, ddof=1))


def one_layer(name, formula, factor, sigma_range):
    """A one-way layout, balanced."""

    def solve(finer=1, narrower=1.0):
        data = hb.load_data(name)
        y = data[formula.split()[0]].to_numpy(dtype=float)
        codes = pd.factorize(data[factor])[0]
        scale = spread_of(y)
        axes = [
            log_axis("sd", 1e-7 * scale, 3e3 * scale, 240 * finer),
            log_axis("sigma", sigma_range[0] * scale, sigma_range[1] * scale, 120 * finer),
        ]
        priors = [half_t(2.5 * scale / narrower), half_t(scale)]
        return balanced(y, [codes], (float(y.mean()), 2.5 * scale), priors, axes)

    def numbers(posterior):
        return {**_intercept(posterior), "sd": _sd(posterior, factor), "sigma": posterior["sigma"].to_numpy()}

    return Exact(lambda: hb.Model(formula, hb.load_data(name)), solve, numbers)


def two_layers(name, formula, response, columns, labels, ranges, points):
    """Two factors, nested or crossed, balanced; `columns` are the columns of each factor."""

    def solve(finer=1, narrower=1.0):
        data = hb.load_data(name)
        y = data[response].to_numpy(dtype=float)
        codes = [data.groupby(list(own), observed=True).ngroup().to_numpy() for own in columns]
        scale = spread_of(y)
        names = ["sd 1", "sd 2", "sigma"]
        axes = [
            log_axis(own, low * scale, high * scale, size * finer)
            for own, (low, high), size in zip(names, ranges, points, strict=True)
        ]
        wide = half_t(2.5 * scale / narrower)
        return balanced(y, codes, (float(y.mean()), 2.5 * scale), [wide, wide, half_t(scale)], axes)

    def numbers(posterior):
        own = {f"sd {i + 1}": _sd(posterior, label) for i, label in enumerate(labels)}
        return {**_intercept(posterior), **own, "sigma": posterior["sigma"].to_numpy()}

    return Exact(lambda: hb.Model(formula, hb.load_data(name)), solve, numbers)


def sleepstudy(correlated):
    """A line for each of eighteen subjects; the priors of the correlated one refer to day 4.5, the middle."""
    formula = f"Reaction ~ Days + (Days {'|' if correlated else '||'} Subject)"

    def solve(finer=1, narrower=1.0):
        data = hb.load_data("sleepstudy")
        table = data.pivot(index="Subject", columns="Days", values="Reaction").to_numpy(dtype=float)
        x = np.arange(10.0)
        scale, X = spread_of(table), np.column_stack([np.ones(10), x - 4.5])
        Z = X if correlated else np.column_stack([np.ones(10), x])
        unit = spread_of(data["Days"].to_numpy(dtype=float))
        # split off by ||, a slope has no intercept of its own: its unit is the root mean square
        of_slope = unit if correlated else float(np.sqrt(np.mean(x**2)))
        beta = (np.array([table.mean(), 0.0]), np.array([2.5 * scale, 2.5 * scale / unit]))
        priors = [half_t(2.5 * scale / narrower), half_t(2.5 * scale / of_slope / narrower), half_t(scale)]
        axes = [log_axis("sd 1", 8, 220, 26 * finer), log_axis("sd 2", 1.2, 30, 26 * finer)]
        if not correlated:
            axes[0] = log_axis("sd 1", 2e-4, 200, 120 * finer)
        if correlated:
            axes.append(corr_axis("corr", 26 * finer))
            priors.insert(2, lambda r: np.log1p(-(r**2)))
        axes.append(log_axis("sigma", 17, 42, 20 * finer))
        return _as_given(*solve_lines(lines(table, x, X, Z), beta, priors, axes), correlated)

    def numbers(posterior):
        beta = posterior["beta"].to_numpy()
        found = {"Intercept": beta[..., 0], "Days": beta[..., 1]}
        found |= {f"sd {i + 1}": _sd(posterior, "Subject", i) for i in range(2)}
        if correlated:
            found["corr"] = posterior["corr_Subject"].to_numpy()[..., 0, 1]
        return {**found, "sigma": posterior["sigma"].to_numpy()}

    return Exact(lambda: hb.Model(formula, hb.load_data("sleepstudy")), solve, numbers)


def _as_given(weight, grid, centre, spread, correlated):
    """Return the statistics for day 0: intercept and, if priors spoke of day 4.5, sds and correlation."""
    sd0, sd1, sigma = grid[0], grid[1], grid[-1]
    variance = spread[0] - 9.0 * spread[1] + 4.5**2 * spread[2]
    found = {
        "Intercept": of_number(weight, centre[0] - 4.5 * centre[1], variance),
        "Days": of_number(weight, centre[1], spread[2]),
    }
    at_zero = sd0
    if correlated:
        shared = grid[2] * sd0 * sd1
        at_zero = np.sqrt(sd0**2 - 9.0 * shared + 4.5**2 * sd1**2)
        found["corr"] = of_number(weight, (shared - 4.5 * sd1**2) / (at_zero * sd1))
    return {**found, "sd 1": of_positive(weight, at_zero), "sd 2": of_positive(weight, sd1),
            "sigma": of_positive(weight, sigma)}  # fmt: skip


# Rubin (1981): estimated effects of coaching in eight schools and their standard errors.
SCHOOLS = pd.DataFrame(
    {
        "effect": [28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0],
        "error": [15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0],
        "school": list("ABCDEFGH"),
    }
)


def schools():
    """Known standard errors: sigma fixed at 1, weights 1 / error²."""
    priors = {"Intercept": hb.Normal(0, 20), "sd_school": hb.HalfCauchy(25), "sigma": hb.Fixed(1)}

    def model():
        data = SCHOOLS.assign(weight=SCHOOLS["error"] ** -2)
        with warnings.catch_warnings():
            # each school is one row, and sigma is known
            warnings.simplefilter("ignore", hb.HierBayesWarning)
            return hb.Model("effect ~ 1 + (1 | school)", data, weights="weight", priors=priors)

    def solve(finer=1, narrower=1.0):
        own = partial(log_prior, hb.HalfCauchy(25 / narrower))
        axis = log_axis("sd", 1e-6, 1e6, 400 * finer)
        return known_errors(SCHOOLS["effect"].to_numpy(), SCHOOLS["error"].to_numpy(), (0.0, 20.0), own, axis)

    def numbers(posterior):
        return {
            **_intercept(posterior),
            "sd": _sd(posterior, "school"),
            "b": posterior["b_school"].to_numpy()[..., 0, 0],
        }

    return Exact(model, solve, numbers)


def _intercept(posterior):
    return {"Intercept": posterior["beta"].to_numpy()[..., 0]}


def _sd(posterior, factor, i=0):
    return posterior[f"sd_{factor}"].to_numpy()[..., i]


EXACT = {
    "chapter_groups": one_layer("chapter_groups", "y ~ 1 + (1 | group)", "group", (1e-2, 30)),
    "dyestuff": one_layer("dyestuff", "Yield ~ 1 + (1 | Batch)", "Batch", (0.2, 6)),
    "dyestuff2": one_layer("dyestuff2", "Yield ~ 1 + (1 | Batch)", "Batch", (0.2, 6)),
    "pastes": two_layers(
        "pastes", "strength ~ 1 + (1 | batch/cask)", "strength", [["batch"], ["batch", "cask"]],
        ["batch", "batch:cask"], [(1e-7, 100), (0.1, 10), (0.08, 1.2)], [200, 40, 40],
    ),
    "penicillin": two_layers(
        "penicillin", "diameter ~ 1 + (1 | plate) + (1 | sample)", "diameter", [["plate"], ["sample"]],
        ["plate", "sample"], [(0.1, 2), (0.2, 200), (0.15, 0.5)], [40, 80, 24],
    ),
    "sleepstudy, split": sleepstudy(correlated=False),
    "sleepstudy": sleepstudy(correlated=True),
    "eight schools": schools(),
}  # fmt: skip

POSITIVE = ("sd", "sd 1", "sd 2", "sigma")


def z_scores(exact, posterior, wanted):
    """Return (name, statistic): distance of draws from the exact value, in Monte Carlo errors."""
    found = {}
    for name, draws in exact.numbers(posterior).items():
        for statistic, (value, error) in of_draws(draws, name in POSITIVE).items():
            found[name, statistic] = (value - wanted[name][statistic]) / error
    return found
