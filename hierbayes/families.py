"""Likelihood families and their links as frozen values."""

from __future__ import annotations

from dataclasses import dataclass

from hierbayes.errors import ModelError


@dataclass(frozen=True)
class Family:
    """A likelihood family with its link.

    Attributes
    ----------
    name : str
    link : str
        The function that takes the mean of the response to the linear predictor.
    """

    name: str
    link: str


GAUSSIAN = Family("gaussian", "identity")
FAMILIES = {"gaussian": GAUSSIAN}
_ALIASES = {"normal": "gaussian"}


def family(name: str | Family) -> Family:
    """Return the family of that name.

    Raises
    ------
    ModelError
        If there is no such family.
    """
    if isinstance(name, Family):
        return name
    key = str(name).lower()
    found = FAMILIES.get(_ALIASES.get(key, key))
    if found is None:
        raise ModelError(f"family {name!r} is not available", f"available: {', '.join(FAMILIES)}")
    return found
