"""The likelihood of a model in LaTeX and in words."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors
from hierbayes.formula import show
from hierbayes.priors import Prior

SYMBOLS: Mapping[str, str] = {
    "sigma": r"\sigma",
    "nu": r"\nu",
    "alpha": r"\alpha",
    "kappa": r"\kappa",
    "shift": r"\delta",
}

_LATEX: Mapping[str, str] = {
    "student_t": r"y_i &\sim \operatorname{StudentT}(\nu,\ \mu_i,\ \sigma)",
    "bernoulli": r"y_i &\sim \operatorname{Bernoulli}(\mu_i)",
    "binomial": r"y_i &\sim \operatorname{Binomial}(n_i,\ \mu_i)",
    "poisson": r"y_i &\sim \operatorname{Poisson}(\mu_i)",
    "negative_binomial": r"y_i &\sim \operatorname{NegativeBinomial}(\mu_i,\ \alpha)",
    "gamma": r"y_i &\sim \operatorname{Gamma}(\alpha,\ \alpha / \mu_i)",
    "lognormal": r"\operatorname{log}(y_i) &\sim \operatorname{Normal}(\mu_i,\ \sigma)",
    "shifted_lognormal": r"\operatorname{log}(y_i - \delta) &\sim \operatorname{Normal}(\mu_i,\ \sigma)",
    "exgaussian": r"y_i &\sim \operatorname{ExGaussian}(\mu_i - \nu,\ \sigma,\ \nu)",
    "beta": r"y_i &\sim \operatorname{Beta}(\mu_i\,\kappa,\ (1 - \mu_i)\,\kappa)",
}


def likelihood_latex(design: Design) -> str:
    """Return the distribution of a response as one line of LaTeX."""
    if design.family.name != "gaussian":
        weighted = r" && \text{log likelihood multiplied by }w_i" if np.any(design.weights != 1) else ""
        if design.family.ordered:
            return _ordinal_latex(design) + weighted
        if design.family.unordered:
            return _categorical_latex(design) + weighted
        return _LATEX[design.family.name] + weighted
    if design.schema.formula.se is not None:
        spread = r"s_i" if design.schema.weights is None else r"s_i / \sqrt{w_i}"
    else:
        spread = r"\sigma" if np.all(design.weights == 1) else r"\sigma / \sqrt{w_i}"
    return rf"y_i &\sim \operatorname{{Normal}}(\mu_i,\ {spread})"


def _ordinal_latex(design: Design) -> str:
    """Return the probability of a category or a lower one, with the thresholds as sums of gaps."""
    last = design.family.categories - 1
    below = rf"\operatorname{{{design.family.link}}}(\operatorname{{P}}(y_i \le k)) &= c_k - \eta_i"
    sums = rf"c_1 = 0,\ c_k = \textstyle\sum_{{j=2}}^{{k}} \gamma_j,\ k = 1, \dots, {last}"
    return rf"{below} && {sums}"


def _categorical_latex(design: Design) -> str:
    """Return the probability of each category; the predictor of the first, the reference, is 0."""
    last = design.family.categories
    share = rf"\frac{{\exp(\eta_{{i,k}})}}{{\sum_{{j=1}}^{{{last}}} \exp(\eta_{{i,j}})}}"
    return rf"\operatorname{{P}}(y_i = k) &= {share} && \eta_{{i,1}} = 0,\ k = 1, \dots, {last}"


def symbol_of(name: str) -> str:
    """Return the symbol of a parameter of a family."""
    return rf"\gamma_{{{name.removeprefix('gap_')}}}" if name.startswith("gap_") else SYMBOLS[name]


def predictor_latex(design: Design, category: int = 0) -> str:
    """Return what the linear predictor is, in LaTeX: the location, or its link; with a category, that of its."""
    if design.family.unordered:
        return rf"\eta_{{i,{category}}}"
    if design.family.ordered:
        return r"\eta_i"
    link = design.family.link
    return r"\mu_i" if link == "identity" else rf"\operatorname{{{link}}}(\mu_i)"


def likelihood_words(design: Design, priors: ResolvedPriors) -> list[str]:
    """Return the distribution of a response in sentences."""
    se, weights = design.schema.formula.se, design.schema.weights
    if se is not None:
        said = [f"{design.response} is normal around a mean, with known standard errors {show(se)}."]
        return said if weights is None else [*said, "The variance of a row is divided by its weight."]
    if design.family.ordered:
        said = _ordinal_words(design, priors)
    elif design.family.unordered:
        said = _categorical_words(design)
    else:
        said = [_WORDS[design.family.name].format(**_filled(design, priors))]
    if not np.any(design.weights != 1):
        return said
    if design.family.name == "gaussian":
        return [*said, "The residual variance of a row is sigma squared over its weight."]
    return [*said, "The log likelihood of a row is multiplied by its weight."]


def _ordinal_words(design: Design, priors: ResolvedPriors) -> list[str]:
    noise = "logistic" if design.family.link == "logit" else "standard normal"
    low, *_, high = design.categories
    said = [
        f"{design.response} is one of {len(design.categories)} ordered categories, {low} to {high}: a latent variable, "
        f"the linear predictor plus {noise} noise ({design.family.link} link), cut at thresholds.",
        "The first threshold is 0, and the gaps between one and the next are positive:",
    ]
    inner = zip(stated(design, priors), design.categories[1:-1], strict=True)
    return [*said, *(f"  {name}, the width of {category}, ~ {prior}." for (name, prior), category in inner)]


def _categorical_words(design: Design) -> list[str]:
    reference, *others = design.categories
    return [
        f"{design.response} is one of {len(design.categories)} categories without an order: {reference}, "
        f"{', '.join(others)}.",
        f"Each but {reference}, the reference, has a linear predictor of its own, the log of how much more probable it "
        f"is than {reference} (multinomial logit).",
    ]


def predictor_words(design: Design) -> str:
    """Return what has the coefficients, in words."""
    if design.family.unordered:
        return "linear predictors together"
    return "mean" if design.family.link == "identity" else "linear predictor"


_WORDS: Mapping[str, str] = {
    "gaussian": "{y} is normal around a mean, with residual sd sigma ~ {sigma}.",
    "student_t": "{y} is Student t around a mean, with scale sigma ~ {sigma} and degrees of freedom nu ~ {nu}.",
    "bernoulli": "{y} is {one} with a probability whose {link} is the linear predictor.",
    "binomial": "{y} counts the successes of {trials} trials, whose share has the linear predictor as its {link}.",
    "poisson": "{y} is a Poisson count, and the log of its mean is the linear predictor.",
    "negative_binomial": (
        "{y} is a negative binomial count, and the log of its mean is the linear predictor; its variance is "
        "mean + mean^2 / alpha, alpha ~ {alpha}."
    ),
    "gamma": "{y} is gamma with shape alpha ~ {alpha}, and the log of its mean is the linear predictor.",
    "lognormal": "The log of {y} is normal around a mean, with sd sigma ~ {sigma}.",
    "shifted_lognormal": ("The log of {y} less a shift ~ {shift} is normal around a mean, with sd sigma ~ {sigma}."),
    "exgaussian": (
        "{y} is the sum of a normal with sd sigma ~ {sigma} and an exponential with mean nu ~ {nu}, around a mean."
    ),
    "beta": "{y} is beta with precision kappa ~ {kappa}, and the {link} of its mean is the linear predictor.",
}


def _filled(design: Design, priors: ResolvedPriors) -> dict[str, str]:
    trials = design.schema.formula.trials
    return {
        "y": design.response,
        "one": "1" if design.modelled is None else repr(design.modelled),
        "link": design.family.link,
        "trials": "" if trials is None else show(trials),
        **{name: str(prior) for name, prior in stated(design, priors)},
    }


def stated(design: Design, priors: ResolvedPriors) -> list[tuple[str, Prior]]:
    """Return the family's parameters that have a prior, each with it; a residual sd that is known has none."""
    return [(own.name, own.prior) for own in priors.parameters if not own.fixed]
