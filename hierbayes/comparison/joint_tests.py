"""Tests of the terms of a formula, all coefficients of a term together.

With theta the quantities of a term (`hierbayes.summaries.questions.term_rows`), m and V the mean and covariance of
their draws, the distance of a point from the posterior is ``d(t)^2 = (t - m)' V^-1 (t - m)``. The tail probability of 0
is the share of the draws that lie at least as far out as 0 does; under a normal posterior it is that of ``d(0)^2`` in a
chi-square distribution (Box and Tiao 1973, Bayesian Inference in Statistical Analysis, section 2.8: the content of the
region of highest density whose border holds the point). Neither changes when theta is multiplied by a matrix, so that
neither depends on how the levels of a factor are compared.

The Bayes factor in favour of ``theta = 0`` is the Savage-Dickey ratio, the posterior over the prior density there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from hierbayes.comparison.hypotheses import share_held
from hierbayes.comparison.point_nulls import Asked, Ratio, averaged
from hierbayes.design.design import Design
from hierbayes.engines.base import Floats, Problem
from hierbayes.errors import ModelError
from hierbayes.formula.names import suggest
from hierbayes.priors import NoLawError, Normal
from hierbayes.summaries.questions.term_rows import TermRows, term_rows
from hierbayes.tables.numbers import check_flag

_PARTIAL = "of the part that the data determine: cells of the term are empty"

DRAWS_EACH = 10
"""Draws for each quantity of a term without which the covariance is not told."""

BLOCKS = 20
COLUMNS = ["term", "df", "chi2", "tail_prob", "tail_mcse", "chi2_prob", "evidence_ratio", "evidence_mcse", "note"]


def joint_table(asked: Asked, design: Design, terms: Any, evidence: Any) -> pd.DataFrame:
    """Return one row for each term; see `Fit.joint_tests`."""
    wanted, with_evidence = _chosen(design, terms), check_flag("evidence", evidence)
    beta = asked.parameters.posterior["beta"].to_numpy() if wanted else np.zeros((0, 0, 0))
    rows: list[dict[str, Any]] = []
    for term in wanted:
        row: dict[str, Any] = {"term": term.term, "df": len(term.weights)}
        if not row["df"]:
            empty = dict.fromkeys(COLUMNS[2:-1], math.nan)
            rows.append({**row, **empty, "note": "not determined by the data: cells of it are empty"})
            continue
        theta, notes = beta @ term.weights.T, [_PARTIAL] if term.partial else []
        row |= _tail(theta)
        if with_evidence:
            ratio = _ratio(asked, term.weights, theta)
            row |= {"evidence_ratio": ratio.value, "evidence_mcse": ratio.error}
            notes.append(ratio.note)
        rows.append({**row, "note": "; ".join(notes)})
    columns = COLUMNS if with_evidence else COLUMNS[:6] + COLUMNS[-1:] * any(row["note"] for row in rows)
    return pd.DataFrame(rows, columns=columns)


def _chosen(design: Design, terms: Any) -> list[TermRows]:
    found = {own.term: own for own in term_rows(design)}
    if terms is None:
        return list(found.values())
    names = [terms] if isinstance(terms, str) else terms
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names) or not names:
        raise ModelError(f"terms takes a term of the formula or a list of them, not {terms!r}")
    chosen = []
    for name in names:
        key = _written(name, found)
        if key is None:
            nearest = suggest(name, found)
            guess = f"did you mean {nearest!r}? " if nearest else ""
            raise ModelError(f"the population part has no term {name!r}", f"{guess}terms: {', '.join(found) or 'none'}")
        chosen.append(found[key])
    return chosen


def _written(name: str, found: dict[str, TermRows]) -> str | None:
    """Return the term that a name means, its parts in any order and with any blanks."""
    plain = {frozenset(_parts(key)): key for key in found}
    return name if name in found else plain.get(frozenset(_parts(name)))


def _parts(name: str) -> list[str]:
    return [part.replace(" ", "").replace("`", "") for part in name.split(":")]


def _tail(theta: Floats) -> dict[str, float]:
    """Return the distance of 0 and its tail probabilities; `theta` has the shape (chain, draw, q)."""
    flat = theta.reshape(-1, theta.shape[2])
    q = flat.shape[1]
    if len(flat) < DRAWS_EACH * (q + 1):
        return dict.fromkeys(COLUMNS[2:6], math.nan)
    try:
        root = np.linalg.cholesky(np.atleast_2d(np.cov(flat / _size(flat), rowvar=False)))
    except np.linalg.LinAlgError:
        return dict.fromkeys(COLUMNS[2:6], math.nan)
    mean = flat.mean(axis=0) / _size(flat)
    away = np.linalg.solve(root, (flat / _size(flat) - mean).T)
    zero = float(np.sum(np.linalg.solve(root, mean) ** 2))
    share, error = share_held((np.sum(away**2, axis=0) >= zero).reshape(theta.shape[:2]))
    return {
        "chi2": zero,
        "tail_prob": share,
        "tail_mcse": error,
        "chi2_prob": float(stats.chi2.sf(zero, q)),
    }


def _size(flat: Floats) -> Floats:
    size = flat.std(axis=0)
    return np.where(size > 0, size, 1.0)


def _ratio(asked: Asked, weights: Floats, theta: Floats) -> Ratio:
    """Return the ratio in favour of all quantities of a term being 0."""
    from hierbayes.comparison.restricted import log_ratios
    from hierbayes.engines.collapsed.engine import refusal

    try:
        problem = asked.known
        inside = weights @ problem.beta_back
        mean, covariance = _prior(problem, inside)
    except NoLawError as reason:
        return Ratio(math.nan, math.nan, f"no Savage-Dickey ratio: {reason}")
    if refusal(problem) is None:
        try:
            nothing = np.zeros(len(inside))
            logs = log_ratios(problem, asked.labels, asked.parameters.posterior, inside, nothing, asked.progress)
            return averaged(logs)
        except ModelError:  # the border is too large to be integrated out
            pass
    return _by_normal(theta, mean, covariance)


def _prior(problem: Problem, inside: Floats) -> tuple[Floats, Floats]:
    """Return mean and covariance of the quantities under the prior, from their weights of internal coefficients."""
    used = np.flatnonzero(np.abs(inside).max(axis=0) > 0)
    for i in used:
        prior = problem.beta_priors[i]
        if not isinstance(prior, Normal):
            raise NoLawError(prior.why_no_law)
    normals = [prior for i in used if isinstance(prior := problem.beta_priors[i], Normal)]
    scaled = inside[:, used] * np.array([prior.sigma for prior in normals])
    return inside[:, used] @ np.array([prior.mu for prior in normals]), scaled @ scaled.T


def _by_normal(theta: Floats, mean: Floats, covariance: Floats) -> Ratio:
    """Return the ratio with the density of the draws taken for normal, its error by leaving out blocks of draws."""
    flat = theta.reshape(-1, theta.shape[2])
    q, count = flat.shape[1], len(flat)
    if count < DRAWS_EACH * (q + 1) * 2:
        return Ratio(math.nan, math.nan, f"no Savage-Dickey ratio: {count} draws are too few for {q} quantities")
    prior = _log_density(mean, covariance)
    whole = _log_density(flat.mean(axis=0), np.atleast_2d(np.cov(flat, rowvar=False))) - prior
    places = np.arange(count) * BLOCKS // count
    parts = []
    for block in range(BLOCKS):
        rest = flat[places != block]
        parts.append(_log_density(rest.mean(axis=0), np.atleast_2d(np.cov(rest, rowvar=False))) - prior)
    error = math.sqrt((BLOCKS - 1) / BLOCKS * float(np.sum((np.array(parts) - np.mean(parts)) ** 2)))
    value, note = math.exp(min(whole, 700.0)), "Savage-Dickey ratio, the posterior of the coefficients taken for normal"
    if _tail(theta)["tail_prob"] == 0:
        note += "; no draw is as far out as 0, so that its size depends on that"
    return Ratio(value, value * error, note)


def _log_density(mean: Floats, covariance: Floats) -> float:
    """Return the log density at 0 of a normal distribution."""
    root = np.linalg.cholesky(covariance)
    z = np.linalg.solve(root, mean)
    return float(-0.5 * z @ z - np.log(np.diag(root)).sum() - 0.5 * len(mean) * math.log(2 * math.pi))
