r"""The categorical family: one of several categories without an order, by multinomial logit.

The first of K categories is the reference. A row has K - 1 linear predictors, one for each other category, each the
logarithm of how much more probable that category is than the reference:

    P(y = k) = exp(eta_k) / (1 + exp(eta_2) + ... + exp(eta_K)),  k = 1, ..., K        eta_1 = 0

so that given ``y`` is k or the reference, it is k with the probability ``expit(eta_k)``. Arrays in, arrays out, with
numpy's broadcasting. The last axis of `eta` goes by the K - 1 predictors of a row; `apart` gives arrays that axis in
which the predictors of all rows lie end to end, row by row.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.errors import ModelError
from hierbayes.families.base import Family
from hierbayes.families.registry import register
from hierbayes.families.slots import Compiled, Parameters

NO_MEAN = "categories without an order have no mean"
"""What is wrong with asking for the mean of a categorical response."""


def apart(predictor: Any, categories: int) -> Any:
    """Return predictors that lie end to end, row by row, with an axis of their own for those of one row.

    Examples
    --------
    >>> apart(np.arange(6.0), 3).tolist()
    [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]
    """
    eta = np.asarray(predictor, dtype=float)
    return eta.reshape(*eta.shape[:-1], -1, categories - 1)


def log_probabilities(eta: Any) -> Any:
    """Return the log probability of every category, the reference first; the last axis is one longer than `eta`'s.

    Examples
    --------
    >>> np.exp(log_probabilities(np.log([2.0, 5.0]))).round(6).tolist()
    [0.125, 0.25, 0.625]
    """
    eta = np.asarray(eta, dtype=float)
    whole = np.concatenate([np.zeros((*eta.shape[:-1], 1)), eta], axis=-1)
    top = whole.max(axis=-1, keepdims=True)
    return whole - top - np.log(np.exp(whole - top).sum(axis=-1, keepdims=True))


def log_probability(y: Any, eta: Any) -> Any:
    """Return the log probability of categories, numbered from 1, the reference.

    Examples
    --------
    >>> round(float(log_probability(3, np.log([2.0, 5.0]))), 6)  # log(5/8)
    -0.470004
    """
    logs = log_probabilities(eta)
    which = np.asarray(y).astype(np.int64)[..., None] - 1
    which, _ = np.broadcast_arrays(which, logs[..., :1])
    return np.take_along_axis(logs, which, axis=-1)[..., 0]


def draw(eta: Any, rng: np.random.Generator) -> Any:
    """Return one category for each row, numbered from 1, as floats.

    Each category is given a standard Gumbel number beside its predictor, and the largest sum is the draw.
    """
    logs = log_probabilities(eta)
    return 1.0 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=-1).astype(float)


def score(y: Any, eta: Any) -> Any:
    """Return the derivative of `log_probability` in each predictor: 1 for that of the category, less its probability.

    Examples
    --------
    >>> score(1, np.log([2.0, 5.0])).round(6).tolist()  # of the reference
    [-0.25, -0.625]
    """
    shares = np.exp(log_probabilities(eta))[..., 1:]
    others = np.arange(2, shares.shape[-1] + 2)
    return (np.asarray(y)[..., None] == others) - shares


@register
@dataclass(frozen=True)
class Categorical(Family):
    """Categories without an order, numbered 1 to K, the first of them the reference."""

    name = "categorical"
    links = ("logit",)
    values = "unordered"
    aliases = ("multinomial", "nominal")
    kernels = {"logit": "categorical"}  # noqa: RUF012
    unordered = True
    has_mean = False
    whole = True

    @property
    def predictors(self) -> int:
        return max(self.categories - 1, 1)

    def mean(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        raise ModelError(NO_MEAN, "fit.category_probabilities() gives the probability of each")

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return log_probability(y, apart(eta, self.categories))

    def draw(
        self, predictor: Any, parameters: Parameters, rng: np.random.Generator, weights: Any = 1.0, trials: Any = None
    ) -> Any:
        return draw(apart(predictor, self.categories), rng)

    def variance(self, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        raise ModelError(NO_MEAN.replace("mean", "variance"))

    def score(self, y: Any, predictor: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None) -> Any:
        slopes = score(np.asarray(y, dtype=float), apart(predictor, self.categories))
        weighted = np.asarray(weights)[..., None] * slopes
        return weighted.reshape(*weighted.shape[:-2], -1)

    def informed(
        self, predictor: Any, columns: Any, parameters: Parameters, weights: Any = 1.0, trials: Any = None
    ) -> Any:
        shares = np.exp(log_probabilities(apart(predictor, self.categories)))[..., 1:]
        by_row = np.asarray(columns)
        by_row = by_row.reshape(*by_row.shape[:-2], *shares.shape[-2:], by_row.shape[-1])
        scaled = shares[..., None] * by_row
        known = np.asarray(weights)[..., None, None] * (scaled - shares[..., None] * scaled.sum(axis=-2, keepdims=True))
        return known.reshape(*known.shape[:-3], -1, by_row.shape[-1])

    def working_response(self, y: Any, trials: Any) -> Any:
        others = np.arange(2, self.categories + 1)
        half = float(self.linked(0.75))
        return np.asarray(half * ((y[:, None] == others) - 1.0 * (y[:, None] == 1))).ravel()

    def first_guess(self, a: Any, b: Any) -> Any:
        reference = b - np.repeat(a.reshape(-1, self.predictors).sum(axis=1), self.predictors)
        return np.log((a + 0.5) / (reference + 0.5))

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        others = np.arange(2, self.categories + 1)
        return Compiled("categorical", weights[:, None] * (y[:, None] == others), weights)

    def observe(
        self, name: str, eta: Any, parameters: Parameters, y: Any, weights: Any = None, trials: Any = None
    ) -> None:
        """Add the response: of each row its predictors, beside a 0 for the reference.

        PyMC's Categorical takes the logarithm of a probability, which is 0 far out.
        """
        import pymc as pm
        import pytensor.tensor as pt

        rows = pt.concatenate([pt.zeros((y.shape[0], 1)), eta.reshape((-1, self.predictors))], axis=1)

        def logp(value: Any, whole: Any, weights: Any) -> Any:
            met = pt.eq(pt.arange(1, self.categories + 1), pt.cast(value, "int64")[..., None])
            return weights * (pt.sum(whole * met, axis=-1) - pt.logsumexp(whole, axis=-1))

        def random(whole: Any, weights: Any, *, rng: np.random.Generator, size: Any = None) -> Any:
            spread = np.broadcast_to(whole, np.shape(whole) if size is None else (*size, np.shape(whole)[-1]))
            return draw(spread[..., 1:] - spread[..., :1], rng).astype(np.int64)

        known = weights if weights is not None else pt.ones(1)
        functions = {"logp": logp, "random": random, "signature": "(k),()->()"}
        pm.CustomDist(name, rows, known, **functions, dtype="int64", observed=y)

    def latex_line(self, spread: str) -> str:
        """Return the probability of each category; the predictor of the first, the reference, is 0."""
        last = self.categories
        share = rf"\frac{{\exp(\eta_{{i,k}})}}{{\sum_{{j=1}}^{{{last}}} \exp(\eta_{{i,j}})}}"
        return rf"\operatorname{{P}}(y_i = k) &= {share} && \eta_{{i,1}} = 0,\ k = 1, \dots, {last}"

    def predictor_latex(self, category: int = 0) -> str:
        return rf"\eta_{{i,{category}}}"

    @property
    def predictor_words(self) -> str:
        return "linear predictors together"

    def sentences(self, filling: Mapping[str, str], categories: Sequence[str]) -> list[str]:
        reference, *others = categories
        return [
            f"{filling['y']} is one of {len(categories)} categories without an order: {reference}, "
            f"{', '.join(others)}.",
            f"Each but {reference}, the reference, has a linear predictor of its own, the log of how much more "
            f"probable it is than {reference} (multinomial logit).",
        ]

    def unit(self, response: str, location: str, reference: str) -> str:
        return f"log odds against {reference}"
