"""Hypotheses about parameters: how the posterior judges them, as a table."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hierbayes.comparison.laws import prior_law
from hierbayes.comparison.point_nulls import Asked, Ratio, savage_dickey
from hierbayes.comparison.prior_parameters import PriorParameters
from hierbayes.errors import FormulaError, ModelError
from hierbayes.expressions.syntax import Binary, Expression, Unary
from hierbayes.priors import NoLawError
from hierbayes.summaries.questions.expressions import Hypothesis, Linear, evaluate, linear_form
from hierbayes.summaries.questions.practical import check_region
from hierbayes.summaries.questions.reading import read
from hierbayes.tables.cells import number
from hierbayes.tables.exporting import Tables, indent
from hierbayes.tables.numbers import Floats, check_prob, mean_error, moments


@dataclass(frozen=True)
class HypothesisTable(Tables):
    """Hypotheses and what the posterior says of them. Prints as a table; `table` is the tidy frame.

    Attributes
    ----------
    table : DataFrame
        One row a hypothesis. hypothesis; quantity, what mean, sd, lower and upper are of; prob, the posterior
        probability, and prob_mcse, its Monte Carlo error; odds; prior_prob, the probability under the prior;
        evidence_ratio, the Bayes factor in favour of the hypothesis, and evidence_mcse, its Monte Carlo error;
        in_rope, if a region was given; note. NaN stands where something does not apply.
    ci_prob : float
        Probability of the equal-tailed interval.
    draws : int
        Number of posterior draws.
    rope : tuple of float or None
        The region of practical equivalence.
    """

    table: pd.DataFrame
    ci_prob: float
    draws: int
    rope: tuple[float, float] | None = None

    def tables(self) -> tuple[tuple[str, pd.DataFrame], ...]:
        """Return the table as it is printed, with its caption."""
        return ((f"Hypotheses ({self._said})", self._shown()),)

    def __str__(self) -> str:
        notes = [f"[{i}] {note}." for i, note in enumerate(self._notes, 1)]
        return "\n".join([f"Hypotheses ({self._said})", indent(self._shown().to_string(index=False)), *notes])

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        said = "".join(f"<p><small>[{i}] {escape(note)}.</small></p>" for i, note in enumerate(self._notes, 1))
        return f"<div><p>Hypotheses ({escape(self._said)})</p>{self._shown().to_html(index=False)}{said}</div>"

    @property
    def _notes(self) -> list[str]:
        return [note for note in dict.fromkeys(self.table["note"]) if note]

    @property
    def _said(self) -> str:
        region = f"; region of practical equivalence {self.rope[0]:g} to {self.rope[1]:g}" if self.rope else ""
        return f"{100 * self.ci_prob:g}% intervals, {self.draws} draws{region}"

    def _shown(self) -> pd.DataFrame:
        table = self.table
        shown = table[["hypothesis", "quantity"]].copy()
        for name in ("mean", "sd", "lower", "upper"):
            shown[name] = [number(v, s) for v, s in zip(table[name], table["sd"], strict=True)]
        shown["prob"] = [self._probability(p) for p in table["prob"]]
        shown["odds"] = [self._odds(odds, 1.0) for odds in table["odds"]]
        before = table["prior_prob"] / (1 - table["prior_prob"])
        shown["evidence_ratio"] = [self._odds(r, o) for r, o in zip(table["evidence_ratio"], before, strict=True)]
        shown["evidence_mcse"] = ["" if math.isnan(error) else f"{error:.2g}" for error in table["evidence_mcse"]]
        if self.rope:
            shown["in_rope"] = [self._probability(share) for share in table["in_rope"]]
        notes = self._notes
        shown["note"] = [f"[{notes.index(note) + 1}]" if note else "" for note in table["note"]]
        empty = [name for name in shown if not any(shown[name])]
        return shown.drop(columns=empty)

    def _probability(self, value: float) -> str:
        if math.isnan(value):
            return ""
        if value in (0.0, 1.0):
            return f"< {1 / self.draws:.2g}" if value == 0 else f"> {1 - 1 / self.draws:.4g}"
        return f"{value:.4f}"

    def _odds(self, odds: float, before: float) -> str:
        """Write odds, over those before; where all draws agree they are beyond what the draws can tell."""
        if math.isnan(odds):
            return ""
        if math.isnan(before):  # a ratio of densities, which no draws bound but the reach of numbers
            beyond = {math.inf: f"> {sys.float_info.max:.2g}", 0.0: f"< {sys.float_info.min:.2g}"}
            return beyond.get(odds, f"{odds:.4g}")
        if math.isinf(odds):
            return f"> {self.draws / before:.4g}"
        return f"< {1 / (self.draws * before):.2g}" if odds == 0 else f"{odds:.4g}"


def hypothesis_table(
    asked: Asked, hypotheses: str | Sequence[str], ci_prob: float, rope: Any = None
) -> HypothesisTable:
    """Return what the draws say of each hypothesis; see `Fit.hypothesis`."""
    ci_prob = check_prob(ci_prob)
    region = None if rope is None else check_region("rope", rope)
    rows = [_row(asked, read(text, asked.parameters), ci_prob, region) for text in _listed(hypotheses)]
    table = pd.DataFrame(rows)
    chains, draws = asked.parameters.shape
    return HypothesisTable(table, ci_prob, chains * draws, region)


def _listed(given: str | Sequence[str]) -> list[str]:
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Sequence) or not given:
        raise ModelError(f"hypothesis takes a text or a list of texts, not {given!r}", 'write "Days > 8", for instance')
    return list(given)


def _row(asked: Asked, hypothesis: Hypothesis, ci_prob: float, region: tuple[float, float] | None) -> dict[str, Any]:
    sides = [evaluate(side, asked.parameters, hypothesis.text) for side in hypothesis.sides]
    quantity, draws = _quantity(hypothesis, sides)
    tail = (1 - ci_prob) / 2
    lower, upper = np.quantile(draws, [tail, 1 - tail])
    mean, sd = moments(draws.reshape(-1))
    row: dict[str, Any] = {
        "hypothesis": " ".join(hypothesis.text.split()),
        "quantity": quantity,
        "mean": float(mean),
        "sd": float(sd),
        "lower": float(lower),
        "upper": float(upper),
    }
    row |= _of_point(asked, hypothesis) if hypothesis.point else _of_order(asked, hypothesis, sides)
    note = row.pop("note")
    if region is not None:
        row["in_rope"] = float(np.mean((draws >= region[0]) & (draws <= region[1])))
    return {**row, "note": note}


def _quantity(hypothesis: Hypothesis, sides: list[Floats]) -> tuple[str, Floats]:
    """Return what the estimates are of, with its draws.

    Of two sides their difference, in the order in which they were typed; of a range its middle; of a longer chain the
    smallest step, which is positive where the chain holds.
    """
    nodes = hypothesis.sides
    if len(nodes) == 2:
        by_place = sorted(zip(nodes, sides, strict=True), key=lambda side: side[0].span.start)
        (left, first), (right, second) = by_place
        return _difference(hypothesis, left, right), first - second
    if len(nodes) == 3 and linear_constant(nodes[0]) is not None and linear_constant(nodes[2]) is not None:
        return hypothesis.source(nodes[1]), sides[1]
    return "smallest step", np.minimum.reduce([after - before for before, after in pairwise(sides)])


def _difference(hypothesis: Hypothesis, left: Any, right: Any) -> str:
    if linear_constant(right) == 0:
        return hypothesis.source(left)
    behind = hypothesis.source(right)
    if isinstance(right, Binary | Unary) and right.operator in ("+", "-") and not behind.startswith("("):
        behind = f"({behind})"
    return f"{hypothesis.source(left)} - {behind}"


def linear_constant(node: Any) -> float | None:
    """Return the value of an expression without parameters, None if it has some."""
    form = linear_form(node)
    return form.constant if form is not None and not form.weights else None


def _of_point(asked: Asked, hypothesis: Hypothesis) -> dict[str, Any]:
    left, right = sorted(hypothesis.sides, key=lambda side: side.span.start)
    found = savage_dickey(asked, linear_form(Binary("-", left, right)))
    return _judged(math.nan, math.nan, math.nan, found)


def _of_order(asked: Asked, hypothesis: Hypothesis, sides: list[Floats]) -> dict[str, Any]:
    prob, error = share_held(hypothesis.holds(sides))
    try:
        prior, prior_error = prior_probability(asked, hypothesis)
    except NoLawError as reason:
        return _judged(prob, error, math.nan, Ratio(math.nan, math.nan, f"no evidence ratio: {reason}"))
    odds, before = _odds(prob), _odds(prior)
    if before in (0.0, math.inf):
        return _judged(prob, error, prior, Ratio(math.nan, math.nan, "no evidence ratio: the prior leaves no doubt"))
    ratio = odds / before
    # the logit of a share p has the error of p over p (1 - p)
    spread = (
        ratio * math.hypot(error / (prob * (1 - prob)), prior_error / (prior * (1 - prior)))
        if 0 < prob < 1
        else (math.nan)
    )
    return _judged(prob, error, prior, Ratio(ratio, spread, _certain(sides, prob, before)))


def _certain(sides: list[Floats], prob: float, before: float) -> str:
    """Say how far the draws bound an evidence ratio where all of them agree, for there it is infinite or 0."""
    draws = int(np.broadcast(*sides).size)
    if prob not in (0.0, 1.0):
        return ""
    bound = f"more than {draws / before:.4g}" if prob == 1 else f"less than {1 / (draws * before):.2g}"
    return f"all {draws} draws agree, which tell no more than that the evidence ratio is {bound}"


def share_held(holds: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the share of draws in which a hypothesis holds, and its Monte Carlo error."""
    share = float(holds.mean())
    return share, mean_error(holds.astype(float)) if 0 < share < 1 else _error_of_certainty(holds.size)


def _odds(prob: float) -> float:
    return math.nan if math.isnan(prob) else prob / (1 - prob) if prob < 1 else math.inf


def _judged(prob: float, error: float, prior: float, ratio: Ratio) -> dict[str, Any]:
    return {
        "prob": prob,
        "prob_mcse": error,
        "odds": _odds(prob),
        "prior_prob": prior,
        "evidence_ratio": ratio.value,
        "evidence_mcse": ratio.error,
        "note": ratio.note,
    }


def _error_of_certainty(draws: int) -> float:
    """Return the sd of a share of which every draw agrees: that of Beta(draws + 1/2, 1/2), after Jeffreys."""
    return math.sqrt(0.5 * (draws + 0.5) / (draws + 2)) / (draws + 1)


def prior_probability(asked: Asked, hypothesis: Hypothesis) -> tuple[float, float]:
    """Return the probability of a comparison or chain under the prior, and its error: 0 where it is exact.

    Raises
    ------
    NoLawError
        If a prior is improper, or only PyMC knows it.
    """
    prior = PriorParameters(asked.known, asked.labels)
    try:
        return _exact_probability(asked, hypothesis), 0.0
    except NoLawError:
        pass
    try:
        return share_held(hypothesis.holds([evaluate(side, prior, hypothesis.text) for side in hypothesis.sides]))
    except FormulaError as error:
        raise NoLawError("the hypothesis cannot be computed for every draw from the prior") from error


def _exact_probability(asked: Asked, hypothesis: Hypothesis) -> float:
    sides = hypothesis.sides
    if len(sides) == 2:
        form = _form(Binary("-", sides[1], sides[0]))
        return 1 - prior_law(form, asked.known, asked.priors, asked.labels.factors).below(-form.constant)
    low, high = linear_constant(sides[0]), linear_constant(sides[2])
    if len(sides) > 3 or low is None or high is None:
        raise NoLawError("the prior probability of a chain has no closed form")
    form = _form(sides[1])
    law = prior_law(form, asked.known, asked.priors, asked.labels.factors)
    return max(0.0, law.below(high - form.constant) - law.below(low - form.constant))


def _form(node: Expression) -> Linear:
    form = linear_form(node)
    if form is None:
        raise NoLawError("the prior probability of what is no weighted sum of parameters has no closed form")
    if not form.weights:
        raise NoLawError("the parameters cancel")
    return form
