"""A `Model` from a Bambi model."""

from __future__ import annotations

from typing import Any

from hierbayes.model.model import Model


def from_bambi(model: Any) -> Model:
    """Return the hierbayes model of a Bambi model: the same likelihood, design and priors.

    The formula is Bambi's with every operator expanded. Bambi's group-level effects are uncorrelated, whatever its
    formula says: ``(Days | Subject)`` there is ``(Days || Subject)`` here, or ``(a | g)`` with its correlations fixed
    at 0 where ``a`` is categorical. Priors come with Bambi's own scales, as numbers; how Bambi parameterises (centred
    or not) plays no part. Where `scale()` divides by n in Bambi and by n - 1 here, the prior is rescaled.

    Parameters
    ----------
    model : bambi.Model
        A Gaussian model with the identity link and one formula. It need not be built or fitted.

    Returns
    -------
    Model

    Raises
    ------
    ModelError
        If a part is not understood: another family or link, a formula for ``sigma``, a censored, truncated or weighted
        response, a Gaussian process, potentials, a prior that hierbayes has not, ``center_predictors=False``, a term
        that is coded otherwise. The error names it, with what to write instead.

    Examples
    --------
    >>> import bambi as bmb
    >>> import hierbayes as hb
    >>> given = bmb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    >>> model = hb.from_bambi(given)
    >>> print(model.spec.formula)
    Reaction ~ 1 + Days + (1 + Days || Subject)
    >>> print(model.priors["prior"].to_string())
    parameter
    Intercept                  Normal(298.5, 261)
    Days                         Normal(0, 48.89)
    sd_Subject[Intercept]         HalfNormal(261)
    sd_Subject[Days]            HalfNormal(48.89)
    sigma                  HalfStudentT(4, 56.17)
    """
    from hierbayes.bridge.incoming import understand

    found = understand(model)
    return Model(found.formula, found.data, priors=found.priors)
