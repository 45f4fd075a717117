"""Did the sampler do its work? The checks as questions, with what was found and what is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd


def checks(found: Mapping[str, Any]) -> pd.DataFrame:
    """Return one row for each check: the question, what was found, what is wanted, and whether it is so.

    Parameters
    ----------
    found : mapping
        As `Fit.diagnostics`.

    Examples
    --------
    >>> from hierbayes.report.sampler_checks import checks
    >>> found = {"max_rhat": 1.02, "min_ess_bulk": 900, "min_ess_tail": 800, "divergences": 0, "min_bfmi": 0.9}
    >>> checks({**found, "chains": 4})["passed"].tolist()
    ['no', 'yes', 'yes', 'yes', 'yes']
    """
    needed = 100 * found["chains"]
    rows = [
        ("Do the chains agree?", "largest R-hat", found["max_rhat"], "at most 1.01", found["max_rhat"] <= 1.01, ".3f"),
        _enough("Are there enough draws for the middle?", "least bulk ESS", found["min_ess_bulk"], needed),
        _enough("Are there enough draws for the tails?", "least tail ESS", found["min_ess_tail"], needed),
        ("Could the sampler follow the posterior?", "divergences", found["divergences"], "0",
         found["divergences"] == 0, ".0f"),
        ("Did the chains reach the tails?", "least E-BFMI", found["min_bfmi"], "at least 0.3",
         found["min_bfmi"] >= 0.3, ".2f"),
    ]  # fmt: skip
    return pd.DataFrame(
        [(asked, name, _shown(value, form), want, _verdict(value, so)) for asked, name, value, want, so, form in rows],
        columns=["question", "number", "found", "wanted", "passed"],
    )


def verdict(complaints: Sequence[str]) -> str:
    """Return in one sentence whether the draws may be trusted."""
    if not complaints:
        return (
            "Nothing is wrong with the draws: the chains agree, and there are enough of them for every interval here."
        )
    return "Something is wrong with the draws, and the numbers below are to be read with care: see the top of the page."


def _enough(question: str, name: str, value: float, needed: float) -> tuple[str, str, float, str, bool, str]:
    return question, name, value, f"at least {needed}", value >= needed, ".0f"


def _shown(value: float, form: str) -> str:
    return format(value, form) if np.isfinite(value) else ""


def _verdict(value: float, so: bool) -> str:
    if not np.isfinite(value):
        return "cannot be checked"
    return "yes" if so else "no"
