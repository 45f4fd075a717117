"""Bayes factors: how much more likely one model makes the data than another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hierbayes.comparison.checks import refuse_other_data
from hierbayes.errors import ModelError

if TYPE_CHECKING:
    from hierbayes.comparison.checks import Comparable

# Jeffreys (1961, appendix B): half powers of ten.
_WORDS = ((0.5, "barely worth mentioning"), (1.0, "substantial"), (1.5, "strong"), (2.0, "very strong"))


@dataclass(frozen=True)
class BayesFactor:
    """The Bayes factor of one model against another.

    Attributes
    ----------
    log : float
        Natural logarithm of ``p(y | first) / p(y | second)``.
    error : float
        Standard error of `log`.
    names : tuple of str
        What the two models are called.
    """

    log: float
    error: float
    names: tuple[str, str] = ("a", "b")

    @property
    def value(self) -> float:
        """The Bayes factor of the first model against the second; infinite beyond what a float holds."""
        return math.exp(self.log) if self.log < 709 else math.inf

    @property
    def evidence(self) -> str:
        """Jeffreys' words for it, with the model that the data favour.

        >>> BayesFactor(math.log(20), 0.01).evidence
        'strong evidence for a over b'
        """
        if self.log == 0:
            return "the data favour neither model"
        size = abs(self.log) / math.log(10)
        words = next((said for limit, said in _WORDS if size < limit), "decisive")
        first, second = self.names if self.log > 0 else self.names[::-1]
        return f"{words} evidence for {first} over {second}"

    def probability(self, prior: float = 0.5) -> float:
        """Return the posterior probability of the first model, of these two.

        Parameters
        ----------
        prior : float
            Its prior probability.
        """
        if isinstance(prior, bool) or not isinstance(prior, int | float) or not 0 < prior < 1:
            raise ModelError(f"prior={prior!r} must lie between 0 and 1")
        log_odds = self.log + math.log(prior) - math.log1p(-prior)
        return 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0

    def __float__(self) -> float:
        return self.value

    def __repr__(self) -> str:
        shown = f"{self.value:.4g}" if abs(self.log) < 700 else f"exp({self.log:.1f})"
        return f"Bayes factor {shown} (log {self.log:.3f}, standard error {self.error:.2g}): {self.evidence}"


def bayes_factor(
    fit_a: Comparable,
    fit_b: Comparable,
    names: tuple[str, str] = ("a", "b"),
    seed: int | None = None,
    progress: bool | None = None,
) -> BayesFactor:
    """Return the Bayes factor of one fit's model against another's.

    It is the ratio of the marginal likelihoods ``p(y | model)``, each a mean of the likelihood over the model's
    priors. It answers for the priors as much as for the terms: ten times wider priors on what only one of the models
    has make that model about ten times less likely, however the data look. State the priors, and try others.

    Parameters
    ----------
    fit_a, fit_b : Fit
        Of the same rows.
    names : tuple of two str
        What the models are called in the result.
    seed : int, optional
        Fixes the points of the proposal; by default that of each fit.
    progress : bool, optional
        Show progress bars; by default when it takes longer than two seconds.

    Returns
    -------
    BayesFactor
        With ``.value``, ``.log`` and its ``.error``, ``.evidence`` in Jeffreys' words and ``.probability(prior)``.

    Raises
    ------
    DataError
        If the fits are of different responses or rows.
    ModelError
        If a prior of either is improper, beta and b do not integrate out, or one of the two is no fit.

    Examples
    --------
    Is the random slope needed?

    >>> import hierbayes as hb
    >>> sleep = hb.load_data("sleepstudy")
    >>> options = {"draws": 200, "chains": 2, "seed": 1, "progress": False}
    >>> slope = hb.fit("Reaction ~ Days + (Days | Subject)", sleep, **options)
    >>> without = hb.fit("Reaction ~ Days + (1 | Subject)", sleep, **options)
    >>> hb.bayes_factor(slope, without, names=("with", "without")).evidence
    'decisive evidence for with over without'
    """
    if not isinstance(names, tuple | list) or len(set(map(str, names))) != 2 or len(names) != 2:
        raise ModelError(f"names={names!r} must be two different names", 'write names=("with", "without")')
    refuse_other_data({str(names[0]): fit_a, str(names[1]): fit_b})
    one, other = (fit.log_marginal_likelihood(seed, progress) for fit in (fit_a, fit_b))
    return BayesFactor(one.value - other.value, math.hypot(one.error, other.error), (str(names[0]), str(names[1])))
