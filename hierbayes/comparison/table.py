"""Fits side by side: by leave-one-out or by marginal likelihood."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.comparison.checks import refuse_other_data
from hierbayes.errors import ModelError

if TYPE_CHECKING:
    import pandas as pd

    from hierbayes.comparison.checks import Comparable

BY = ("loo", "loo_marginal", "evidence")


def compare(
    fits: Mapping[str, Comparable], by: str = "loo", seed: int | None = None, progress: bool | None = None
) -> pd.DataFrame:
    """Compare fits of the same rows, the best one first.

    Parameters
    ----------
    fits : mapping of str to Fit
    by : "loo", "loo_marginal" or "evidence"
        ``"loo"``: how well each predicts a row left out (`Fit.loo`); ``"loo_marginal"``: the same figure by
        ``fit.loo(kind="marginal")``, with weights that are far more even; ``"evidence"``: log marginal likelihoods by
        bridge sampling (`Fit.log_marginal_likelihood`).
    seed : int, optional
        For ``"evidence"``: fixes the points of the proposal; by default that of each fit.
    progress : bool, optional
        Show progress bars; by default when it takes longer than two seconds.

    Returns
    -------
    DataFrame
        Index: the names, best first. By leave-one-out: rank, elpd (expected log predictive density, natural
        logarithm; the sum over rows), se, p (effective number of parameters), elpd_diff (elpd less that of the best),
        dse (its standard error over rows), weight (stacking, Yao et al. 2018), p_worse (probability of being worse
        than the best, by a normal approximation), bad_k (rows with a Pareto k above good_k) and good_k. By evidence:
        rank, log_evidence, error, log_bf (log Bayes factor against the best), log_bf_error and weight (posterior
        probability of the model, all being equally likely beforehand).

    Raises
    ------
    DataError
        If the fits are of different responses or rows; says which.
    ModelError
        If there are fewer than two fits, or `by` is not known.

    Notes
    -----
    Differences of elpd below 4 are small, and below 100 rows `dse` is too optimistic (Sivula et al. 2020).

    Examples
    --------
    >>> import hierbayes as hb
    >>> sleep = hb.load_data("sleepstudy")
    >>> options = {"draws": 200, "chains": 2, "seed": 1, "progress": False}
    >>> slope = hb.fit("Reaction ~ Days + (Days | Subject)", sleep, **options)
    >>> without = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, **options)
    >>> list(hb.compare({"without": without, "slope": slope}, by="loo_marginal").index)
    ['slope', 'without']
    """
    if not isinstance(fits, Mapping) or len(fits) < 2:
        raise ModelError("compare takes a mapping of at least two fits", 'write hb.compare({"a": fit_a, "b": fit_b})')
    if by not in BY:
        raise ModelError(f"by={by!r} is not understood", f"available: {', '.join(map(repr, BY))}")
    named = {str(name): fit for name, fit in fits.items()}
    if len(named) < len(fits):
        raise ModelError(f"two of the names {list(fits)} are the same text", "give each fit a name of its own")
    refuse_other_data(named)
    return _by_evidence(named, seed, progress) if by == "evidence" else _by_loo(named, by, progress)


def _by_loo(fits: Mapping[str, Comparable], by: str, progress: bool | None) -> pd.DataFrame:
    import arviz_stats

    kind = "marginal" if by == "loo_marginal" else "conditional"
    found: dict[str, Any] = {name: fit.loo(kind, progress=progress) for name, fit in fits.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        table = arviz_stats.compare(dict(found), method="stacking", round_to="none")
    table["bad_k"] = [len(found[name].bad_rows) for name in table.index]
    table["good_k"] = [found[name].good_k for name in table.index]
    columns = ["rank", "elpd", "se", "p", "elpd_diff", "dse", "weight", "p_worse", "bad_k", "good_k"]
    ordered: pd.DataFrame = table[columns]
    return ordered


def _by_evidence(fits: Mapping[str, Comparable], seed: int | None, progress: bool | None) -> pd.DataFrame:
    import pandas as pd

    found = {name: fit.log_marginal_likelihood(seed, progress) for name, fit in fits.items()}
    names = sorted(found, key=lambda name: -found[name].value)
    best = found[names[0]]
    values = np.array([found[name].value for name in names])
    errors = np.array([found[name].error for name in names])
    odds = np.exp(values - best.value)
    against = np.where(np.arange(len(names)) > 0, np.hypot(errors, best.error), 0.0)
    return pd.DataFrame(
        {
            "rank": np.arange(len(names)),
            "log_evidence": values,
            "error": errors,
            "log_bf": values - best.value,
            "log_bf_error": against,
            "weight": odds / odds.sum(),
        },
        index=names,
    )
