"""A spec and its resolved priors as JSON, every number to its last bit, and back."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from hierbayes.design.scaling import BlockPriors, ResolvedPriors
from hierbayes.design.table import Floats
from hierbayes.errors import DataError, ModelError
from hierbayes.families import Family, family_from_json
from hierbayes.formula import Formula, parse
from hierbayes.priors import POSITIVE, Custom, Fixed, Parameter, Prior
from hierbayes.priors.text import read_prior, write_prior
from hierbayes.spec import Contrast, ModelSpec

_LONGEST_SOURCE = 10_000


class KeptFunction:
    """The function of a `Custom` prior as its file keeps it: a name and its source, which is never run."""

    def __init__(self, name: str, source: str) -> None:
        self.__name__ = name
        self.source = source

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse: there is a text only."""
        raise ModelError(
            f"the prior Custom({self.__name__}) is a Python function, of which the file of the fit keeps the text "
            f"only, so the model cannot be built again. The text is:\n{self.source.rstrip()}",
            "give it anew: fit.update(priors={...: hb.Custom(...)}), or make the model from its data",
        )


def spec_to_json(spec: ModelSpec) -> dict[str, Any]:
    """Return a spec as mappings, lists, texts and numbers."""
    formula = spec.formula
    priors = spec.priors
    return {
        "formula": formula.text if parse(formula.text) == formula else formula.canonical,
        "canonical": formula.canonical,
        "family": spec.family.to_json(),
        "priors": priors if isinstance(priors, str) else {key: prior_to_json(prior) for key, prior in priors.items()},
        "contrasts": {name: [own.kind, own.reference] for name, own in spec.contrasts.items()},
        "weights": spec.weights,
        "missing": spec.missing,
        **({} if spec.rank == "drop" else {"rank": spec.rank}),
    }


def spec_from_json(given: Mapping[str, Any]) -> ModelSpec:
    """Return the spec that `spec_to_json` wrote.

    Raises
    ------
    DataError
        If a part is missing, of another kind, or not known.
    """
    priors: Any = given["priors"]
    if priors != "flat":
        priors = MappingProxyType({key: prior_from_json(own, key) for key, own in priors.items()})
    weights, missing, rank = given["weights"], given["missing"], given.get("rank", "drop")
    if (
        missing not in ("drop", "raise")
        or rank not in ("drop", "raise")
        or not (weights is None or isinstance(weights, str))
    ):
        raise DataError("the spec in the file is not one that hierbayes writes")
    return ModelSpec(
        formula=_formula(given["formula"], given["canonical"]),
        family=_family(given["family"]),
        priors=priors,
        contrasts=MappingProxyType({name: Contrast(*own) for name, own in given["contrasts"].items()}),
        weights=weights,
        missing=missing,
        rank=rank,
    )


def _formula(text: str, canonical: str) -> Formula:
    formula = parse(text)
    if formula.canonical != canonical:
        raise DataError(f"the formula {text!r} does not mean {canonical!r}, as it did when the fit was saved")
    return formula


def _family(given: Mapping[str, Any]) -> Family:
    try:
        return family_from_json(given)
    except ModelError as error:
        raise DataError(f"the family {given['name']!r} of the file is not known", "update hierbayes") from error


def priors_to_json(priors: ResolvedPriors) -> dict[str, Any]:
    """Return every prior of a model with its numbers; a family without a sigma has one that is held at 1, in files."""
    family = {each.name: prior_to_json(each.prior) for each in priors.parameters}
    sigma = family.pop("sigma", prior_to_json(Fixed(1.0)))
    return {
        "beta": [prior_to_json(prior) for prior in priors.beta],
        "centre": priors.centre.tolist(),
        "blocks": [
            {
                "sd": [prior_to_json(prior) for prior in block.sd],
                "corr": None if block.corr is None else prior_to_json(block.corr),
                **_basis_to_json(block),
            }
            for block in priors.blocks
        ],
        "sigma": sigma,
        "user": sorted(priors.user),
        "aux": list(family.values()),
    }


def priors_from_json(given: Mapping[str, Any], family: Family, known: bool = False) -> ResolvedPriors:
    """Return the priors that `priors_to_json` wrote, of a family; `known` says that known standard errors fix sigma.

    Raises
    ------
    DataError
        If they are those of other parameters.
    """
    # files of the first version, which knew the gaussian family alone, say nothing of others
    names = ("sigma", *(name for name in family.parameters if name != "sigma"))
    stored = [given["sigma"], *given.get("aux", ())]
    if len(stored) != len(names):
        raise DataError("its priors are not those of its family")
    blocks = tuple(
        BlockPriors(
            sd=tuple(prior_from_json(prior, "sd") for prior in own["sd"]),
            corr=None if own["corr"] is None else prior_from_json(own["corr"], "corr"),
            basis=_basis(own, family.predictors),
            columns=tuple(own.get("columns", ())),
        )
        for own in given["blocks"]
    )
    return ResolvedPriors(
        beta=tuple(prior_from_json(prior, "beta") for prior in given["beta"]),
        centre=np.asarray(given["centre"], dtype=np.float64),
        blocks=blocks,
        parameters=tuple(
            Parameter(name, POSITIVE, prior_from_json(prior, name), known and name == "sigma")
            for name, prior in zip(names, stored, strict=True)
            if name in family.parameters
        ),
        user=frozenset(given["user"]),
    )


def _basis_to_json(block: BlockPriors) -> dict[str, Any]:
    """Return what is taken from each column, as files of before 0.2 have it, where a basis is no more than that."""
    if block.columns:
        return {"basis": block.basis.tolist(), "columns": list(block.columns)}
    return {"centre": np.sum(np.eye(len(block.basis)) - block.basis, axis=0).tolist()}


def _basis(own: Mapping[str, Any], predictors: int) -> Floats:
    """Return the basis of a term, whichever way the file says it."""
    if "basis" in own:
        return np.asarray(own["basis"], dtype=np.float64)
    centre = np.asarray(own["centre"], dtype=np.float64)
    basis, width = np.eye(len(centre)), len(centre) // (predictors if len(centre) % predictors == 0 else 1)
    for first in range(0, len(centre), width):
        basis[first, first : first + width] -= centre[first : first + width]
    return basis


def prior_to_json(prior: Prior) -> dict[str, Any]:
    """Return a prior as a table; of a `Custom` prior the name of its function and the source, where there is one."""
    if isinstance(prior, Custom):
        name = str(getattr(prior.make, "__name__", repr(prior.make)))
        return {"dist": "Custom", "name": name, "source": _source(prior.make)}
    return write_prior(prior)


def prior_from_json(given: Mapping[str, Any], where: str) -> Prior:
    """Return the prior of a table; a `Custom` prior comes back as a text that cannot be run."""
    if given["dist"] == "Custom":
        return Custom(KeptFunction(str(given["name"]), str(given["source"])))
    return read_prior(given, where)


def _source(make: Any) -> str:
    if isinstance(make, KeptFunction):
        return make.source
    try:
        return inspect.getsource(make)[:_LONGEST_SOURCE]
    except (OSError, TypeError):
        return repr(make)
