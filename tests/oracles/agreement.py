"""Do two sets of draws come from one distribution? z scores by Monte Carlo standard errors."""

from __future__ import annotations

import numpy as np
from scipy import stats


def moments(values):
    """Return mean and sd of each column and their Monte Carlo standard errors; values (chain, draw, column)."""
    from arviz_stats.base import array_stats

    def error(kind):
        return np.asarray(array_stats.mcse(values, method=kind, chain_axis=0, draw_axis=1))

    flat = values.reshape(-1, values.shape[-1])
    return {"mean": (flat.mean(axis=0), error("mean")), "sd": (flat.std(axis=0, ddof=1), error("sd"))}


def columns(posterior):
    """Return every number of a posterior that moves, by name: an array (chain, draw, number) for each variable."""
    found = {}
    for name, variable in posterior.data_vars.items():
        flat = variable.to_numpy().reshape(*variable.shape[:2], -1)
        keep = flat.reshape(-1, flat.shape[-1]).std(axis=0) > 1e-12
        if str(name).startswith("corr_"):
            k = variable.shape[-1]
            keep &= np.tri(k, k, -1, dtype=bool).ravel()
        found[str(name)] = flat[:, :, keep]
    return {name: values for name, values in found.items() if values.shape[-1]}


def summary(posterior):
    """Return the moments of every number of a posterior, by variable."""
    return {name: moments(values) for name, values in columns(posterior).items()}


def z_scores(one, other):
    """Return, for each variable and for means and sds, the z scores of the gaps between two posteriors."""
    return gaps(summary(one), summary(other))


def gaps(ours, theirs):
    """Return the same of two summaries."""
    scores = {}
    sizes = [{name: len(own["mean"][0]) for name, own in each.items()} for each in (ours, theirs)]
    assert sizes[0] == sizes[1]
    for name, own in ours.items():
        for kind in ("mean", "sd"):
            (value, error), (other, its_error) = own[kind], theirs[name][kind]
            scores[name, kind] = (value - other) / np.hypot(error, its_error)
    return scores


def largest(scores):
    """Return the largest absolute z score and how many there are."""
    every = np.concatenate([values.ravel() for values in scores.values()])
    assert np.isfinite(every).all()
    return float(np.abs(every).max()), every.size


def limit(count):
    """Return the absolute z score that the largest of so many passes by chance once in 10,000 times, at most."""
    return float(stats.norm.isf(1e-4 / (2 * count)))
