"""Priors of what a family has beside its location: the residual sd, degrees of freedom, shape, precision, shift."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.units import Units
from hierbayes.errors import ModelError
from hierbayes.families.slots import Slot
from hierbayes.priors import POSITIVE, Custom, Fixed, Flat, Parameter, Prior


def family_names(design: Design) -> tuple[str, ...]:
    """Return the family's parameters that are estimated: known standard errors hold sigma at 1."""
    return tuple(name for name in design.family.parameters if name != "sigma" or design.schema.residual.errors is None)


def family_parameters(
    design: Design, units: Units, user: Mapping[str, Prior], flat: bool = False
) -> tuple[Parameter, ...]:
    """Return the family's parameters with their priors, in its order.

    The defaults: ``sigma`` HalfStudentT(3, sd y); ``nu`` of student_t Gamma(2, 0.1); ``alpha`` LogNormal(1, 2), 95% of
    it between 0.05 and 137; ``kappa`` LogNormal(2, 2), between 0.15 and 372; ``shift`` Uniform(0, min y); ``nu`` of
    exgaussian HalfStudentT(3, sd y); the gaps of ordinal LogNormal(0, 1), 95% of it between 0.14 and 7.1 units of the
    latent variable, whose residual sd is 1 (probit) or 1.8 (logit). ``priors="flat"`` makes flat those that leave a
    proper posterior.

    Raises
    ------
    ModelError
        If a prior does not fit its parameter, or a flat one gives an improper posterior.
    """
    estimated, least = family_names(design), float(np.min(design.y))
    # where the weights divide the variance of a row, sigma is that of a row of weight 1
    sd = units.sd * (float(np.sqrt(np.mean(design.weights))) if design.family.divides_variance else 1.0)
    parameters = []
    for slot in design.family.all_slots:
        fixed = slot.name not in estimated
        prior = Fixed(1.0) if fixed else user.get(slot.name) or slot.default_prior(sd, least, flat)
        if slot.name in user:
            _check(prior, slot, least)
        parameters.append(Parameter(slot.name, POSITIVE, prior, fixed))
    return tuple(parameters)


def check_sd(prior: Prior, key: str) -> None:
    """Refuse a prior that does not fit an sd."""
    if "positive" not in prior.fits:
        allowed = "a positive prior such as HalfNormal, or Flat, Fixed, Custom"
        raise ModelError(f"the prior {prior} does not fit {key!r}", f"it takes {allowed}")
    if isinstance(prior, Fixed) and not (isinstance(prior.value, float) and prior.value >= 0):
        raise ModelError(f"{key} is a standard deviation: it can be fixed at a number from 0 up, not at {prior.value}")


def _check(prior: Prior, slot: Slot, least: float) -> None:
    name = slot.name
    if name == "sigma":
        return check_sd(prior, name)
    if "positive" not in prior.fits:
        allowed = "a positive prior such as Gamma or LogNormal, or Flat, Fixed, Custom"
        raise ModelError(f"the prior {prior} does not fit {name!r}", f"it takes {allowed}")
    if isinstance(prior, Fixed) and not (isinstance(prior.value, float) and prior.value > 0):
        raise ModelError(f"{name} is a positive number: it cannot be fixed at {prior.value}")
    if isinstance(prior, Flat) and slot.limit is not None:
        raise ModelError(
            f"a flat prior on {name} gives an improper posterior: as it grows, the likelihood tends to "
            f"{slot.limit}, not to 0",
            "use a proper prior, such as the default",
        )
    if slot.below_responses:
        _check_shift(prior, least)
    return None


def _check_shift(prior: Prior, least: float) -> None:
    """Refuse a shift that could lie above a response, where there is no likelihood."""
    highest = prior.limits[1]
    if not isinstance(prior, Custom) and (highest > least or (isinstance(prior, Fixed) and highest == least)):
        raise ModelError(
            f"the prior {prior} lets the shift exceed the smallest response, {least:.6g}",
            f"it takes Uniform(lower, upper) or Fixed, below {least:.6g}",
        )
