"""The likelihood of a model in LaTeX and in words."""

from __future__ import annotations

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors
from hierbayes.formula import show
from hierbayes.priors import Prior


def likelihood_latex(design: Design) -> str:
    """Return the distribution of a response as one line of LaTeX."""
    weighted = bool(np.any(design.weights != 1))
    residual = design.schema.residual
    if residual.errors is None:
        spread = r"\sigma / \sqrt{w_i}" if weighted else r"\sigma"
    else:
        spread = r"s_i" if residual.weights is None else r"s_i / \sqrt{w_i}"
    powers = weighted and not design.family.divides_variance
    return design.family.latex_line(spread) + (r" && \text{log likelihood multiplied by }w_i" if powers else "")


def likelihood_words(design: Design, priors: ResolvedPriors) -> list[str]:
    """Return the distribution of a response in sentences."""
    residual = design.schema.residual
    if residual.errors is not None:
        said = [f"{design.response} is normal around a mean, with known standard errors {show(residual.errors)}."]
        return said if residual.weights is None else [*said, "The variance of a row is divided by its weight."]
    said = design.family.sentences(_filling(design, priors), design.categories)
    if not np.any(design.weights != 1):
        return said
    if design.family.divides_variance:
        return [*said, "The residual variance of a row is sigma squared over its weight."]
    return [*said, "The log likelihood of a row is multiplied by its weight."]


def _filling(design: Design, priors: ResolvedPriors) -> dict[str, str]:
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
