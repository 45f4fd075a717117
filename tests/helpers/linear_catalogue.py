"""The models of the catalogue that lme4 fits by REML: normal residuals with one sd, and default priors."""

from __future__ import annotations

from hierbayes.catalogue import Spec, catalogue


def linear_models() -> dict[str, Spec]:
    """Return them by name."""
    return {name: spec for name, spec in catalogue().items() if "REML" in spec.published["software"]}
