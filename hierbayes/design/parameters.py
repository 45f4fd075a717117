"""Priors of what a family has beside its location: the residual sd, degrees of freedom, shape, precision, shift."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.units import Units
from hierbayes.errors import ModelError
from hierbayes.priors import Custom, Fixed, Flat, Gamma, HalfStudentT, LogNormal, Prior, Uniform

_UNBOUNDED = {
    ("student_t", "nu"): "the likelihood tends to that of the gaussian family, not to 0",
    ("negative_binomial", "alpha"): "the likelihood tends to that of the poisson family, not to 0",
}
"""Parameters for which a flat prior gives an improper posterior, with what happens where they are large."""


def aux_names(design: Design) -> tuple[str, ...]:
    """Return the parameters of the design's family other than sigma."""
    return tuple(name for name in design.family.parameters if name != "sigma")


def estimates_sigma(design: Design) -> bool:
    """Whether there is a residual sd to put a prior on: the family has one, and no standard errors are known."""
    return design.family.has_sigma and design.schema.formula.se is None


def default_sigma(design: Design, units: Units, flat: bool) -> Prior:
    """Return the default prior of the residual sd: HalfStudentT(3, sd y); 1 where there is none to estimate."""
    if not estimates_sigma(design):
        return Fixed(1.0)
    if flat:
        return Flat()
    # only there do the weights divide the variance of a row, so that sigma is that of a row of weight 1
    by_rows = float(np.sqrt(np.mean(design.weights))) if design.family.name == "gaussian" else 1.0
    return HalfStudentT(3, units.sd * by_rows)


def aux_priors(design: Design, units: Units, user: Mapping[str, Prior], flat: bool) -> tuple[Prior, ...]:
    """Return the priors of the family's parameters other than sigma, in its order.

    The defaults: ``nu`` of student_t Gamma(2, 0.1); ``alpha`` LogNormal(1, 2), 95% of it between 0.05 and 137;
    ``kappa`` LogNormal(2, 2), between 0.15 and 372; ``shift`` Uniform(0, min y); ``nu`` of exgaussian
    HalfStudentT(3, sd y); the gaps of ordinal LogNormal(0, 1), 95% of it between 0.14 and 7.1 units of the latent
    variable, whose residual sd is 1 (probit) or 1.8 (logit). ``priors="flat"`` makes flat those that leave a proper
    posterior.

    Raises
    ------
    ModelError
        If a prior does not fit its parameter, or a flat one gives an improper posterior.
    """
    return tuple(
        _checked(user[name], name, design) if name in user else _default(name, design, units, flat)
        for name in aux_names(design)
    )


def _default(name: str, design: Design, units: Units, flat: bool) -> Prior:
    if name == "shift":
        return Uniform(0.0, float(np.min(design.y)))
    if flat and (design.family.name, name) not in _UNBOUNDED:
        return Flat()
    if design.family.ordered:
        return LogNormal(0.0, 1.0)
    if name == "nu":
        return Gamma(2.0, 0.1) if design.family.name == "student_t" else HalfStudentT(3, units.sd)
    return LogNormal(1.0 if name == "alpha" else 2.0, 2.0)


def _checked(prior: Prior, name: str, design: Design) -> Prior:
    if "positive" not in prior.fits:
        allowed = "a positive prior such as Gamma or LogNormal, or Flat, Fixed, Custom"
        raise ModelError(f"the prior {prior} does not fit {name!r}", f"it takes {allowed}")
    if isinstance(prior, Fixed) and not (isinstance(prior.value, float) and prior.value > 0):
        raise ModelError(f"{name} is a positive number: it cannot be fixed at {prior.value}")
    reason = _UNBOUNDED.get((design.family.name, name))
    if isinstance(prior, Flat) and reason is not None:
        raise ModelError(
            f"a flat prior on {name} gives an improper posterior: as it grows, {reason}",
            "use a proper prior, such as the default",
        )
    return _checked_shift(prior, float(np.min(design.y))) if name == "shift" else prior


def _checked_shift(prior: Prior, least: float) -> Prior:
    """Refuse a shift that could lie above a response, where there is no likelihood."""
    if isinstance(prior, Custom):
        return prior
    highest = prior.limits[1]
    if highest > least or (isinstance(prior, Fixed) and highest == least):
        raise ModelError(
            f"the prior {prior} lets the shift exceed the smallest response, {least:.6g}",
            f"it takes Uniform(lower, upper) or Fixed, below {least:.6g}",
        )
    return prior
