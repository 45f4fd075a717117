"""The covariance matrix of a group-level term under several priors: bias and coverage of what is reported.

Run from the checkout: ``python benchmarks/correlation_priors.py [--columns 2 3 4 8] [--levels 6 20 60 200] ...``.
Data sets are drawn from known covariance matrices, for a categorical predictor (a condition, of which every level of
the group has `--rows` rows each) and for numeric ones (correlated covariates). The columns of the term are transformed
here, by hand, so that every prior is stated for numeric columns ``u0 .. uk``; draws go back as ``back Sigma back'``.
Each fit leaves one line a basis in the file of results, so that a run that was stopped goes on; ``--table`` prints
the table of what the file holds, and nothing is fitted. ``--case`` prints one example instead: sds of eight conditions
against the reference, 60 subjects with four rows each of every condition, under every prior and by REML.

The priors, all with half-Student(3) sds of scale 2.5 sd(y) over the scale of the column:

- ``treatment``: treatment columns (numeric ones as they are) less their means
- ``contrasts``: an intercept and orthogonal Helmert contrasts of the condition, all of squared length 1/2 over the
  levels, so that the difference of any two has the scale of one column; with two conditions the same as ``treatment``
- ``fourier``: the same with sines and cosines of the levels' places for contrasts, which treat all levels alike
- ``cells``: one column a condition, no intercept
- each followed by the eta of its LKJ prior, 1.5 too for three columns
- ``contrasts-uniform``: the correlations are marginally uniform (those of an inverse Wishart matrix of k + 1 degrees
  of freedom), by importance weights of the draws of ``contrasts-1``
"""

from __future__ import annotations

import argparse
import csv
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CATEGORICAL = ("treatment-2", "treatment-1", "contrasts-1", "contrasts-2", "fourier-1", "cells-1", "cells-2")
NUMERIC = ("treatment-2", "treatment-1")
TRUTHS = ("independent", "wishart", "strong")
FIELDS = (
    "kind", "k", "levels", "truth", "repetition", "prior", "basis", "sds", "ratio", "log_ratio", "sd_covered", "corrs",
    "corr_square", "corr_shift", "corr_covered", "coefs", "coef_covered", "coef_width", "khat", "ess",
)  # fmt: skip
LOW, HIGH = 0.05, 0.95
EXAMPLE: dict[str, Any] = {"kind": "categorical", "truth": "independent", "k": 8, "levels": 60}
"""Sixty subjects with effects of their own in each of eight conditions."""


@dataclass(frozen=True)
class Data:
    """One data set and the truth behind it, for the columns as a user writes them.

    Attributes
    ----------
    frame : data frame
    formula : str
        Of the population part.
    Z : array, shape (n, k)
        The columns as written: intercept, then treatment columns or covariates.
    covariance : array, shape (k, k)
    beta : array, shape (k,)
    bases : dict of str to array, shape (k, k)
        ``b in that basis = array @ b as written``: the bases in which estimates are judged.
    """

    frame: pd.DataFrame
    formula: str
    Z: np.ndarray
    covariance: np.ndarray
    beta: np.ndarray
    bases: dict[str, np.ndarray]


def helmert(k: int) -> np.ndarray:
    """Return k - 1 orthogonal contrasts of squared length 1/2: each level against the mean of those before it."""
    found = np.zeros((k, k - 1))
    for j in range(1, k):
        found[:j, j - 1], found[j, j - 1] = -1.0, j
    return found / np.linalg.norm(found, axis=0) / np.sqrt(2)


def fourier(k: int) -> np.ndarray:
    """Return k - 1 such contrasts: cosines and sines of 1, 2, ... waves over the levels."""
    at, found = 2 * np.pi * np.arange(k) / k, []
    for wave in range(1, k // 2 + 1):
        found += [np.cos(wave * at)] + ([] if 2 * wave == k else [np.sin(wave * at)])
    columns = np.column_stack(found)
    return columns / np.linalg.norm(columns, axis=0) / np.sqrt(2)


def cells_of(k: int) -> np.ndarray:
    """Return the matrix that makes the cells' effects of an intercept and treatment columns."""
    cells = np.eye(k)
    cells[:, 0] = 1.0
    return cells


def covariance_of(kind: str, truth: str, k: int, rng: np.random.Generator) -> np.ndarray:
    """Return the true covariance matrix for the columns as written."""
    if truth == "wishart":
        root = rng.normal(size=(k + 2, k)) * np.r_[0.7, np.full(k - 1, 0.5)]
        return root.T @ root / (k + 2)
    if truth == "strong":
        sd = np.r_[0.7, np.full(k - 1, 0.5)]
        sd[-1] = 0.1
        return np.outer(sd, sd) * (0.9 + 0.1 * np.eye(k))
    if kind == "numeric":  # independent at the mean of the covariates, which is 1
        back = np.eye(k)
        back[0, 1:] = -1.0
        return back @ np.diag(np.r_[0.7, np.full(k - 1, 0.4)] ** 2) @ back.T
    inverse = np.linalg.inv(cells_of(k))
    return inverse @ (0.49 * np.ones((k, k)) + 0.16 * np.eye(k)) @ inverse.T


def draw(kind: str, truth: str, k: int, levels: int, rows: int, rng: np.random.Generator) -> Data:
    """Return a data set with ``rows * k`` rows in each level and a residual sd of 1."""
    covariance = covariance_of(kind, truth, k, rng)
    g = np.repeat(np.arange(levels), rows * k)
    n = len(g)
    frame = pd.DataFrame({"g": [f"g{i:03d}" for i in g]})
    if kind == "categorical":
        condition = np.tile(np.repeat(np.arange(k), rows), levels)
        frame["cond"] = [f"c{i}" for i in condition]
        Z = cells_of(k)[condition]
        formula, bases = "cond", {"written": np.eye(k), "cells": cells_of(k)}
    else:
        root = np.linalg.cholesky(np.full((k - 1, k - 1), 0.5) + 0.5 * np.eye(k - 1))
        x = 1.0 + rng.normal(size=(n, k - 1)) @ root.T
        for j in range(k - 1):
            frame[f"x{j + 1}"] = x[:, j]
        Z = np.column_stack([np.ones(n), x])
        middle = np.eye(k)
        middle[0, 1:] = 1.0
        formula, bases = " + ".join(f"x{j + 1}" for j in range(k - 1)), {"written": np.eye(k), "mean": middle}
    beta = np.r_[1.0, 0.3 * np.arange(1, k)]
    b = rng.normal(size=(levels, k)) @ np.linalg.cholesky(covariance).T
    frame["y"] = Z @ beta + np.sum(Z * b[g], axis=1) + rng.normal(size=n)
    return Data(frame, formula, Z, covariance, beta, bases)


def internal(prior: str, data: Data) -> tuple[np.ndarray, list[float]]:
    """Return ``back`` (columns of the prior = Z @ back) and the scale of each column."""
    k, kind = data.Z.shape[1], prior.split("-")[0]
    if kind == "treatment":
        back = np.eye(k)
        back[0, 1:] = -data.Z[:, 1:].mean(axis=0)
        numeric = "x1" in data.frame
        return back, [1.0, *(data.Z[:, 1:].std(axis=0, ddof=1) if numeric else np.ones(k - 1))]
    inner = {"contrasts": helmert, "fourier": fourier}
    cells = np.eye(k) if kind == "cells" else np.column_stack([np.ones(k), inner[kind](k)])
    return np.linalg.inv(cells_of(k)) @ cells, [1.0] * k


def sampled(prior: str, data: Data, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return draws of the covariance matrix and coefficients as written, of the prior's correlations, and the ESS."""
    import arviz as az

    import hierbayes as hb

    back, scales = internal(prior, data)
    k, spread = len(back), float(data.frame["y"].std())
    names, frame = [f"u{j}" for j in range(k)], data.frame.copy()
    frame[names] = data.Z @ back
    priors: dict[str, Any] = {"corr_g": hb.LKJ(float(prior.split("-")[1]))}
    for name, scale in zip(names, scales, strict=True):
        priors[f"sd_g[{name}]"] = hb.HalfStudentT(3, 2.5 * spread / scale)
    model = hb.Model(f"y ~ {data.formula} + (0 + {' + '.join(names)} | g)", frame, priors=priors)
    posterior = model.fit(draws=draws, chains=2, cores=1, seed=seed, progress=False).posterior
    sd = posterior["sd_g"].to_numpy().reshape(-1, k)
    corr = posterior["corr_g"].to_numpy().reshape(-1, k, k)
    inner = sd[:, :, None] * corr * sd[:, None, :]
    beta = posterior["beta"].to_numpy().reshape(-1, k)
    return back @ inner @ back.T, beta, corr, float(az.ess(posterior[["sd_g"]])["sd_g"].min())


def uniform_weights(corr: np.ndarray) -> tuple[np.ndarray, float]:
    """Return weights that turn LKJ(1) into marginally uniform correlations, smoothed, and the k-hat of the tail."""
    from arviz_stats.base import array_stats

    k = corr.shape[1]
    logdet = np.linalg.slogdet(corr)[1]
    minors = logdet[:, None] + np.log(np.diagonal(np.linalg.inv(corr), axis1=1, axis2=2))
    log = (k * (k - 1) / 2 - 1) * logdet - (k + 1) / 2 * minors.sum(axis=1)
    if np.ptp(log) < 1e-8:
        return np.full(len(log), 1 / len(log)), 0.0
    smooth, khat = array_stats.psislw(-log)
    weights = np.exp(np.asarray(smooth) - np.max(smooth))
    return weights / weights.sum(), float(khat)


def quantiles(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Return the 5%, 50% and 95% points over the first axis, shape (3, entries)."""
    if weights is None:
        return np.quantile(values, [LOW, 0.5, HIGH], axis=0)
    found = np.empty((3, values.shape[1]))
    for j, column in enumerate(values.T):
        order = np.argsort(column)
        share = np.cumsum(weights[order]) - weights[order] / 2
        found[:, j] = np.interp([LOW, 0.5, HIGH], share, column[order])
    return found


def judged(
    data: Data, basis: str, sigma: np.ndarray, beta: np.ndarray, weights: np.ndarray | None = None
) -> dict[str, float]:
    """Return how far medians lie from the truth, and how many intervals hold it, in one basis."""
    to = data.bases[basis]
    truth, sigma, beta = to @ data.covariance @ to.T, to @ sigma @ to.T, beta @ to.T
    upper = np.triu_indices(len(truth), 1)
    scale = np.sqrt(np.diagonal(sigma, axis1=1, axis2=2))
    corr = (sigma / scale[:, :, None] / scale[:, None, :])[:, upper[0], upper[1]]
    true_sd = np.sqrt(np.diag(truth))
    true_corr = (truth / np.outer(true_sd, true_sd))[upper]
    sd_at, corr_at, beta_at = (quantiles(own, weights) for own in (scale, corr, beta))
    true_beta, ratio = to @ data.beta, sd_at[1] / true_sd
    with np.errstate(divide="ignore"):
        log_ratio = float(np.median(np.log(ratio)))
    shift = np.sign(true_corr) * (corr_at[1] - true_corr)
    return {
        "sds": len(true_sd),
        "ratio": float(ratio.sum()),
        "log_ratio": log_ratio,
        "sd_covered": int(np.sum((sd_at[0] <= true_sd) & (true_sd <= sd_at[2]))),
        "corrs": int(np.isfinite(corr_at[1]).sum()),
        "corr_square": float(np.nansum((corr_at[1] - true_corr) ** 2)),
        "corr_shift": float(np.nansum(shift)),
        "corr_covered": int(np.sum((corr_at[0] <= true_corr) & (true_corr <= corr_at[2]))),
        "coefs": len(true_beta),
        "coef_covered": int(np.sum((beta_at[0] <= true_beta) & (true_beta <= beta_at[2]))),
        "coef_width": float(np.sum(beta_at[2] - beta_at[0])),
    }


def classical(data: Data) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sds and correlations as written that REML estimates, and limits and means of the coefficients."""
    import hierbayes as hb

    k = len(data.beta)
    fit = hb.Model(f"y ~ {data.formula} + ({data.formula} | g)", data.frame).reml()
    found, upper, corr = fit.varcorr()["mean"].to_numpy(), np.triu_indices(k, 1), np.eye(k)
    corr[upper] = corr[upper[::-1]] = found[k : k + len(upper[0])]
    return found[:k], corr, fit.fixef(ci_prob=0.9)[["lower", "mean", "upper"]].to_numpy().T


def reml(data: Data, basis: str) -> dict[str, float]:
    """Return the same of the REML estimate; coverage is that of Wald intervals, for coefficients as written only."""
    sd, corr, coefficients = classical(data)
    sigma = np.outer(sd, sd) * np.nan_to_num(corr)
    with np.errstate(all="ignore"):
        found = judged(data, basis, sigma[None], coefficients[1][None])
    if basis != "written":
        return found | {"coef_covered": np.nan, "coef_width": np.nan, "sd_covered": np.nan, "corr_covered": np.nan}
    inside = (coefficients[0] <= data.beta) & (data.beta <= coefficients[2])
    wide = float(np.sum(coefficients[2] - coefficients[0]))
    return found | {"sd_covered": np.nan, "corr_covered": np.nan, "coef_covered": int(inside.sum()), "coef_width": wide}


def one(data: Data, prior: str, draws: int, seed: int) -> list[dict[str, Any]]:
    """Return the lines of one prior on one data set."""
    if prior == "reml":
        return [{"prior": prior, "basis": basis, **reml(data, basis)} for basis in data.bases]
    sigma, beta, corr, ess = sampled(prior, data, draws, seed)
    lines = [{"prior": prior, "basis": b, "ess": ess, **judged(data, b, sigma, beta)} for b in data.bases]
    weighed = {"contrasts-1": "contrasts-uniform"} if "cond" in data.frame else {"treatment-1": "treatment-uniform"}
    if prior in weighed and len(data.beta) > 2:
        weights, khat = uniform_weights(corr)
        for basis in data.bases:
            held = judged(data, basis, sigma, beta, weights)
            lines.append({"prior": weighed[prior], "basis": basis, "khat": khat, **held})
    return lines


def run(asked: argparse.Namespace) -> None:
    """Fit what the file of results does not hold yet."""
    done = set()
    if asked.results.exists():
        held = pd.read_csv(asked.results)
        keys = ["kind", "k", "levels", "truth", "repetition", "prior"]
        done = set(held[keys].itertuples(index=False, name=None))
    with asked.results.open("a", newline="") as file:
        writer = csv.DictWriter(file, FIELDS)
        if not done:
            writer.writeheader()
        started = time.monotonic()
        for repetition, k, levels, kind, truth in (
            (r, k, n, kind, truth)
            for r in range(max(asked.sets))
            for k, sets in zip(asked.columns, asked.sets, strict=True)
            for n in asked.levels
            for kind in asked.kinds
            for truth in TRUTHS
            if r < sets
        ):
            seed = 10_000 * repetition + 100 * k + levels + 7 * TRUTHS.index(truth) + (5 if kind == "numeric" else 0)
            data = draw(kind, truth, k, levels, asked.rows, np.random.default_rng(seed))
            priors = CATEGORICAL if kind == "categorical" else NUMERIC
            if k == 3:
                priors = (*priors, "contrasts-1.5" if kind == "categorical" else "treatment-1.5")
            if k == 2:
                priors = tuple(prior for prior in priors if not prior.startswith(("contrasts", "fourier")))
            for prior in (*priors, "reml"):
                if (kind, k, levels, truth, repetition, prior) in done:
                    continue
                place = {"kind": kind, "k": k, "levels": levels, "truth": truth, "repetition": repetition}
                for line in one(data, prior, asked.draws, seed):
                    writer.writerow(place | line)
            file.flush()
            if time.monotonic() - started > 60 * asked.minutes:
                return


def example(asked: argparse.Namespace) -> pd.DataFrame:
    """Return the sds of conditions against the reference in the data sets of one example, a row for each prior.

    Of each data set the mean over the conditions of posterior medians, or of the estimates of REML; then mean, least
    and largest of these over the data sets, and the mean distance from what REML has.
    """
    found: dict[str, list[float]] = {prior: [] for prior in ("truth", "reml", *CATEGORICAL)}
    for repetition in range(asked.data_sets):
        seed = 10_000 * repetition + 100 * EXAMPLE["k"] + EXAMPLE["levels"]
        data = draw(**EXAMPLE, rows=asked.rows, rng=np.random.default_rng(seed))
        for prior, own in found.items():
            own.append(middle_sd(data, prior, asked.draws, seed))
    each = pd.DataFrame(found).T
    apart = each.sub(each.loc["reml"]).mean(axis=1)
    summary = {"mean": each.mean(axis=1), "least": each.min(axis=1), "largest": each.max(axis=1), "less REML": apart}
    return pd.DataFrame(summary).map("{:.2f}".format).reset_index(names="prior")


def middle_sd(data: Data, prior: str, draws: int, seed: int) -> float:
    """Return the posterior median, or REML's estimate, of the sd against the reference, a mean over conditions."""
    if prior == "truth":
        return float(np.sqrt(np.diag(data.covariance))[1:].mean())
    if prior == "reml":
        return float(classical(data)[0][1:].mean())
    sigma = sampled(prior, data, draws, seed)[0]
    return float(np.median(np.sqrt(np.diagonal(sigma, axis1=1, axis2=2)), axis=0)[1:].mean())


def table(results: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return bias and coverage of each prior in each basis; priors of weights whose k-hat exceeds 0.7 are left out."""
    held = results[~(results["khat"] > 0.7)]
    held = held.assign(groups=held["levels"].map(lambda n: "up to 20" if n <= 20 else "60 and more"))
    sums = held.groupby([*by, "basis", "prior"], sort=True).agg(
        fits=("sds", "size"), sds=("sds", "sum"), ratio=("ratio", "sum"), log_ratio=("log_ratio", "median"),
        sd_covered=("sd_covered", "sum"), corrs=("corrs", "sum"), corr_square=("corr_square", "sum"),
        corr_shift=("corr_shift", "sum"), corr_covered=("corr_covered", "sum"), coefs=("coefs", "sum"),
        coef_covered=("coef_covered", "sum"), khat=("khat", "median"),
    )  # fmt: skip
    of_reml = sums.index.get_level_values("prior") == "reml"
    found = pd.DataFrame(
        {
            "fits": sums["fits"],
            "sd bias": (sums["ratio"] / sums["sds"] - 1).map("{:+.1%}".format),
            "median log ratio": sums["log_ratio"].map("{:+.3f}".format),
            "sd cover": (sums["sd_covered"] / sums["sds"]).map("{:.2f}".format).where(~of_reml, ""),
            "corr rmse": np.sqrt(sums["corr_square"] / sums["corrs"]).map("{:.3f}".format),
            "corr shift": (sums["corr_shift"] / sums["corrs"]).map("{:+.3f}".format),
            "corr cover": (sums["corr_covered"] / sums["corrs"]).map("{:.2f}".format).where(~of_reml, ""),
            "coef cover": (sums["coef_covered"] / sums["coefs"]).map("{:.2f}".format),
        }
    )
    lost = of_reml & (sums.index.get_level_values("basis") != "written")
    found["coef cover"] = found["coef cover"].where(~lost, "")
    return found.reset_index()


def markdown(found: pd.DataFrame) -> str:
    """Return a data frame as a table in markdown."""
    rows = [list(map(str, found.columns)), ["---"] * found.shape[1], *found.astype(str).to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--columns", type=int, nargs="+", default=[2, 3, 4, 8])
    parser.add_argument("--sets", type=int, nargs="+", default=[16, 16, 12, 4], help="data sets, for each of --columns")
    parser.add_argument("--levels", type=int, nargs="+", default=[6, 20, 60, 200])
    parser.add_argument("--kinds", nargs="+", default=["categorical", "numeric"])
    parser.add_argument("--rows", type=int, default=4, help="rows of a level for each column")
    parser.add_argument("--draws", type=int, default=500, help="of each of two chains")
    parser.add_argument("--minutes", type=float, default=35.0, help="stop after so long; the next run goes on")
    parser.add_argument("--results", type=Path, default=Path("build/correlation_priors.csv"))
    rows = "what the rows of the table stand for: of kind, k, levels, truth, and groups (few or many levels)"
    parser.add_argument("--by", nargs="+", default=["kind", "k", "levels"], help=rows)
    parser.add_argument("--where", help="which results the table is of, such as \"kind == 'numeric' and k == 2\"")
    parser.add_argument("--table", action="store_true", help="print the table of the results that are there")
    parser.add_argument("--case", action="store_true", help="print the example of the page alone, under all priors")
    parser.add_argument("--data-sets", type=int, default=10, help="of the example")
    asked = parser.parse_args()
    if asked.case:
        warnings.simplefilter("ignore")
        print(markdown(example(asked)))
        return
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    if not asked.table:
        run(asked)
    results = pd.read_csv(asked.results)
    print(markdown(table(results.query(asked.where) if asked.where else results, asked.by)))


if __name__ == "__main__":
    main()
