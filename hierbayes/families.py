"""Likelihood families and their links as frozen values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

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

    def mean(self, predictor: Any) -> Any:
        """Return the mean of the response at a linear predictor: the inverse link, elementwise."""
        return _INVERSE_LINKS[self.link](predictor)

    @property
    def linear(self) -> bool:
        """Whether the mean is the linear predictor itself, so that effects of mean 0 average out of it."""
        return self.link == "identity"


def _same(predictor: Any) -> Any:
    return predictor


_INVERSE_LINKS: Mapping[str, Callable[[Any], Any]] = {"identity": _same}

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
