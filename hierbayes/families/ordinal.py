r"""The ordinal family: one latent variable, cut into ordered categories.

A row with the linear predictor ``eta`` has the latent variable ``eta + e``, with e logistic (link logit) or standard
normal (probit) of the distribution function F. Its category, scored 1 to K, is the number of thresholds below the
latent variable, and one:

    P(y <= k) = F(c_k - eta),  k = 1, ..., K - 1        c_1 = 0,  c_k = gap_2 + ... + gap_k

so that ``gap_k > 0`` is the width of category k on the latent scale, and the intercept of eta is minus the first
threshold of software that has no intercept. Arrays in, arrays out, with numpy's broadcasting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hierbayes.families.base import Family
from hierbayes.families.links import LINKS, log_normal_cdf
from hierbayes.families.registry import register
from hierbayes.families.slots import Compiled, Parameters, Slot
from hierbayes.priors import LogNormal, Prior

_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


def gap_names(categories: int) -> tuple[str, ...]:
    """Return the names of the gaps between the thresholds of so many categories.

    Examples
    --------
    >>> gap_names(5)
    ('gap_2', 'gap_3', 'gap_4')
    """
    return tuple(f"gap_{k}" for k in range(2, categories))


def gaps_of(own: Mapping[str, Any], categories: int) -> list[Any]:
    """Return the gaps out of the parameters of a family, as arrays, in their order."""
    return [np.asarray(own[name], dtype=float) for name in gap_names(categories)]


def cuts(gaps: Sequence[Any]) -> Iterator[Any]:
    """Yield the thresholds ``c_1 = 0, c_2, ...``, the running sums of the gaps.

    Examples
    --------
    >>> [float(cut) for cut in cuts([1.5, 2.0])]
    [0.0, 1.5, 3.5]
    """
    cut: Any = 0.0
    yield cut
    for gap in gaps:
        cut = cut + gap
        yield cut


def tails(link: str, eta: Any, gaps: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """Yield ``P(y > k)`` and ``P(y <= k)`` for k from 1, each exact where it is small.

    Examples
    --------
    >>> [(float(above), float(below)) for above, below in tails("logit", 0.0, [])]
    [(0.5, 0.5)]
    """
    share = _share(link)
    for cut in cuts(gaps):
        yield share(eta - cut), share(cut - eta)


def mean(link: str, eta: Any, gaps: Sequence[Any]) -> Any:
    """Return the expected score, ``1 + sum_k P(y > k)``: between 1 and K.

    Examples
    --------
    >>> float(mean("logit", 0.0, [0.0, 0.0]))  # half of the rows in category 1, half in category 4
    2.5
    """
    return 1.0 + sum(above for above, _ in tails(link, np.asarray(eta, dtype=float), gaps))


def variance_of(found: Iterator[tuple[Any, Any]]) -> Any:
    """Return the variance of a score from its `tails`: the covariances of ``y > j`` and ``y > k``, all summed.

    Each is ``P(y > max(j, k)) P(y <= min(j, k))``, and not negative: nothing cancels where the score is nearly certain.
    """
    total: Any = 0.0
    below_before: Any = 0.0
    for above, below in found:
        total = total + above * (below + 2 * below_before)
        below_before = below_before + below
    return total


def log_probability(link: str, y: Any, eta: Any, gaps: Sequence[Any]) -> Any:
    """Return the log probability of scores, without cancellation in either tail.

    Examples
    --------
    >>> round(float(log_probability("logit", 2, 0.0, [1.0, 1.0])), 4)  # log(expit(1) - expit(0))
    -1.4651
    >>> round(float(log_probability("probit", 2, 40.0, [1.0, 1.0])), 4)  # log(Phi(-39) - Phi(-40))
    -765.0832
    """
    lower, upper, width = limits(y, gaps)
    eta = np.asarray(eta, dtype=float)
    return _between(link, lower - eta, upper - eta, width)


def probabilities(link: str, eta: Any, gaps: Sequence[Any]) -> Iterator[Any]:
    """Yield the probability of each category, in order."""
    for score in range(1, len(gaps) + 3):
        yield np.exp(log_probability(link, score, eta, gaps))


def limits(y: Any, gaps: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Return the thresholds below and above each score, infinite at either end, and how far they are apart."""
    y = np.asarray(y)
    lower: Any = -np.inf
    upper: Any = np.inf
    width: Any = np.inf
    for k, cut in enumerate(cuts(gaps), start=1):
        upper = np.where(y == k, cut, upper)
        lower = np.where(y == k + 1, cut, lower)
        # the gap itself, not the difference of two sums in which a small one would be lost
        width = width if k == 1 else np.where(y == k, gaps[k - 2], width)
    return lower, upper, width


def _between(link: str, a: Any, b: Any, width: Any) -> Any:
    """Return ``log(F(b) - F(a))`` with ``width = b - a``."""
    from scipy.special import log_expit, log_ndtr

    with np.errstate(divide="ignore"):
        if link == "logit":
            return log_expit(b) + log_expit(-a) + np.log(-np.expm1(-width))
        # to the side of the smaller tail, where the two logarithms are far apart
        flip = a + b > 0
        a, b = np.where(flip, -b, a), np.where(flip, -a, b)
        top = log_ndtr(b)
        return top + np.log(-np.expm1(log_ndtr(a) - top))


def draw(link: str, eta: Any, gaps: Sequence[Any], rng: np.random.Generator) -> Any:
    """Return one score at every linear predictor, as floats: the latent variable is drawn and cut."""
    eta = np.asarray(eta, dtype=float)
    latent = eta + (rng.logistic(size=eta.shape) if link == "logit" else rng.standard_normal(eta.shape))
    return 1.0 + sum((latent > cut).astype(float) for cut in cuts(gaps))


def score(link: str, y: Any, eta: Any, gaps: Sequence[Any]) -> Any:
    """Return the derivative of `log_probability` in the linear predictor."""
    from scipy.special import expit

    lower, upper, width = limits(y, gaps)
    eta = np.asarray(eta, dtype=float)
    a, b = lower - eta, upper - eta
    if link == "logit":
        return expit(a) - expit(-b)
    log_p = _between(link, a, b, width)
    return np.exp(-0.5 * a**2 - _HALF_LOG_2PI - log_p) - np.exp(-0.5 * b**2 - _HALF_LOG_2PI - log_p)


def information(link: str, eta: Any, gaps: Sequence[Any]) -> Any:
    """Return the Fisher information of one score about the linear predictor: the mean of the squared derivative."""
    each = enumerate(probabilities(link, eta, gaps), start=1)
    return sum(probability * score(link, y, eta, gaps) ** 2 for y, probability in each)


def _share(link: str) -> Any:
    return LINKS[link].inverse


def _gap_prior(sd: float, least: float) -> Prior:
    return LogNormal(0.0, 1.0)


@register
@dataclass(frozen=True)
class Ordinal(Family):
    """Ordered categories, which stand as their scores 1 to K; the parameters are the gaps between the thresholds."""

    name = "ordinal"
    links = ("logit", "probit")
    values = "ordered"
    aliases = ("cumulative",)
    kernels = {"logit": "ordinal", "probit": "ordinal_probit"}  # noqa: RUF012
    ordered = True
    has_thresholds = True
    whole = True

    @property
    def all_slots(self) -> tuple[Slot, ...]:
        return tuple(
            Slot(name, rf"\gamma_{{{name.removeprefix('gap_')}}}", _gap_prior) for name in gap_names(self.categories)
        )

    @property
    def latent_note(self) -> str:
        assert self.function.tolerance is not None
        return f"{self.function.tolerance.words}; of the latent variable"

    def _gaps(self, parameters: Parameters | None) -> list[Any]:
        return gaps_of(parameters or {}, self.categories)

    def mean(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        return mean(self.link, predictor, self._gaps(parameters))

    def mean_slope(self, predictor: Any, parameters: Parameters | None = None) -> Any:
        eta = np.asarray(predictor, dtype=float)
        return sum(self.function.slope(eta - cut) for cut in cuts(self._gaps(parameters)))

    def log_density(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return log_probability(self.link, y, eta, self._gaps(parameters))

    def draw_rows(self, eta: Any, parameters: Parameters, rng: np.random.Generator, trials: Any) -> Any:
        return draw(self.link, eta, self._gaps(parameters), rng)

    def variance_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return variance_of(tails(self.link, eta, self._gaps(parameters)))

    def score_of(self, y: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return score(self.link, y, eta, self._gaps(parameters))

    def information_of(self, eta: Any, parameters: Parameters, trials: Any) -> Any:
        return information(self.link, eta, self._gaps(parameters))

    def _average_tails(self, predictor: Any, variance: Any, parameters: Parameters | None) -> Iterator[tuple[Any, Any]]:
        """Yield ``P(y > k)`` and ``P(y <= k)``, averaged over a normal linear predictor."""
        for cut in cuts(self._gaps(parameters)):
            distance = np.asarray(predictor) - cut
            yield self.function.average(distance, variance), self.function.average(-distance, variance)

    def average(self, predictor: Any, variance: Any, parameters: Parameters | None = None) -> Any:
        return 1.0 + sum(above for above, _ in self._average_tails(predictor, variance, parameters))

    def spread(self, predictor: Any, variance: Any, parameters: Parameters | None = None, trials: Any = None) -> Any:
        return variance_of(self._average_tails(predictor, variance, parameters))

    def category_average(
        self, category: int, predictor: Any, variance: Any, parameters: Parameters | None = None
    ) -> Any:
        """Return the probability of one category, averaged over ``eta ~ N(predictor, variance)``.

        Examples
        --------
        >>> three = Ordinal("probit", 3)
        >>> shares = [three.category_average(k, 0.0, 3.0, {"gap_2": 2.0}) for k in (1, 2, 3)]
        >>> [round(float(share), 6) for share in shares]  # Phi(0), Phi(1) - Phi(0) and 1 - Phi(1), for sqrt(1 + 3) = 2
        [0.5, 0.341345, 0.158655]
        """
        pairs = list(self._average_tails(predictor, variance, parameters))
        if category in (1, self.categories):
            return pairs[0][1] if category == 1 else pairs[-1][0]
        return np.maximum(pairs[category - 2][0] - pairs[category - 1][0], 0.0)

    def latent_variance(self, parameters: Parameters, draws: int, inverse_weight: float, overall_mean: Any) -> Any:
        assert self.function.tolerance is not None
        return np.full(draws, self.function.tolerance.variance)

    def thresholds(self, parameters: Parameters) -> list[float] | None:
        return [float(cut) for cut in cuts(self._gaps(parameters))]

    def working_response(self, y: Any, trials: Any) -> Any:
        # the share of rows below each category, and half of those in it
        _, which, counts = np.unique(y, return_inverse=True, return_counts=True)
        return np.asarray(self.linked(((np.cumsum(counts) - 0.5 * counts) / len(y))[which]))

    def start(self, y: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the middle of each category on the latent scale, a little beyond the first and the last threshold."""
        lower, upper, _ = limits(y, self._gaps(parameters))
        left, right = np.where(np.isinf(lower), upper - 2.0, lower), np.where(np.isinf(upper), lower + 2.0, upper)
        return np.asarray(0.5 * (left + right))

    def overall_predictor(self, y: Any, offset: Any, trials: Any) -> float | None:
        rows = float(len(y))
        share = min(max(float(np.sum(y > 1)) / rows, 0.5 / rows), 1 - 0.5 / rows)
        return float(self.linked(share)) - float(np.mean(offset))

    def range(self, trials: Any) -> tuple[Any, Any]:
        return 1.0, float(self.categories)

    def far(self, parameters: Parameters) -> tuple[float, float]:
        low, high = self.function.far
        return low, high + float(sum(self._gaps(parameters)))

    def first_guess(self, a: Any, b: Any) -> Any:
        return a - 1.5  # the middle of each category where all gaps are 1

    def compiled(self, y: Any, weights: Any, trials: Any) -> Compiled:
        distinct, which = np.unique(y, return_inverse=True)
        counts = np.array([distinct, np.bincount(which, weights, len(distinct))])
        return Compiled(str(self.kernel), y, weights, "equal", counts=counts)

    def pymc_log_density(self, value: Any, eta: Any, parameters: Parameters, trials: Any) -> Any:
        """Return the log probability of scores with finite slopes at any predictor.

        PyMC's OrderedLogistic and OrderedProbit take differences of probabilities, which are 0 in the tails.
        """
        import pytensor.tensor as pt

        gaps = list(parameters.values())
        last = len(gaps) + 2
        # a CustomDist hands numbers over as arrays of one entry
        widths = pt.stack([pt.as_tensor(gap).ravel()[0] for gap in gaps])
        thresholds = pt.concatenate([pt.zeros(1), pt.cumsum(widths)])
        bottom, top = pt.eq(value, 1), pt.eq(value, last)
        # each branch sees only thresholds that are there
        lower = thresholds[pt.clip(value - 2, 0, last - 2)] - eta
        upper = thresholds[pt.clip(value - 1, 0, last - 2)] - eta
        if self.link == "logit":
            width = widths[pt.clip(value - 2, 0, last - 3)]
            below = pt.switch(top, 0.0, -pt.softplus(-upper))
            above = pt.switch(bottom, 0.0, -pt.softplus(lower))
            return below + above + pt.switch(bottom | top, 0.0, pt.log(-pt.expm1(-width)))
        flip = pt.or_(top, pt.and_(pt.invert(bottom), pt.gt(lower + upper, 0)))
        near = log_normal_cdf(pt.switch(flip, -lower, upper))
        beyond = log_normal_cdf(pt.switch(flip, -upper, lower))
        gap = pt.switch(bottom | top, -1.0, beyond - near)
        return near + pt.switch(bottom | top, 0.0, pt.log(-pt.expm1(gap)))

    def latex_line(self, spread: str) -> str:
        """Return the probability of a category or a lower one, with the thresholds as sums of gaps."""
        below = rf"\operatorname{{{self.link}}}(\operatorname{{P}}(y_i \le k)) &= c_k - \eta_i"
        last = self.categories - 1
        return below + rf" && c_1 = 0,\ c_k = \textstyle\sum_{{j=2}}^{{k}} \gamma_j,\ k = 1, \dots, {last}"

    def predictor_latex(self, category: int = 0) -> str:
        return r"\eta_i"

    def sentences(self, filling: Mapping[str, str], categories: Sequence[str]) -> list[str]:
        noise = "logistic" if self.link == "logit" else "standard normal"
        low, *inner, high = categories
        return [
            f"{filling['y']} is one of {len(categories)} ordered categories, {low} to {high}: a latent variable, "
            f"the linear predictor plus {noise} noise ({self.link} link), cut at thresholds.",
            "The first threshold is 0, and the gaps between one and the next are positive:",
            *(
                f"  {name}, the width of {category}, ~ {filling[name]}."
                for name, category in zip(self.parameters, inner, strict=True)
            ),
        ]

    def unit(self, response: str, location: str, reference: str) -> str:
        return f"latent {response}, {self.link}"
