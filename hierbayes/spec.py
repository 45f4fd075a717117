"""What the user asked for, as one frozen value: formula, family, priors and options, before any data are seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from hierbayes.errors import ModelError
from hierbayes.families import GAUSSIAN, Family, family
from hierbayes.formula import Formula, parse
from hierbayes.priors import Prior
from hierbayes.priors.bambi import without_bambi
from hierbayes.residuals import Residual

Missing = Literal["drop", "raise"]
Rank = Literal["drop", "raise"]


@dataclass(frozen=True)
class Contrast:
    """How a categorical column is coded.

    Attributes
    ----------
    kind : str
        ``"treatment"``, ``"sum"``, ``"helmert"`` or ``"poly"``.
    reference : str or None
        The reference level of treatment coding, or the level that sum coding leaves out.
    """

    kind: str
    reference: str | None = None


@dataclass(frozen=True)
class ModelSpec:
    """A model without its data.

    Attributes
    ----------
    formula : Formula
    family : Family
    priors : mapping of str to Prior, or "flat"
        What the user set; everything else gets the default of that parameter.
    contrasts : mapping of str to Contrast
        Codings of categorical columns other than treatment coding.
    weights : str or None
        Column of positive weights: the residual variance of a row is ``sigma**2 / weight``; for other families than
        the gaussian the weight multiplies the row's log likelihood.
    missing : "drop" or "raise"
        What to do with rows that miss a value in a column that the model uses.
    rank : "drop" or "raise"
        What to do with columns that no row determines.
    """

    formula: Formula
    family: Family = GAUSSIAN
    priors: Mapping[str, Prior] | Literal["flat"] = field(default_factory=lambda: MappingProxyType({}))
    contrasts: Mapping[str, Contrast] = field(default_factory=lambda: MappingProxyType({}))
    weights: str | None = None
    missing: Missing = "drop"
    rank: Rank = "drop"

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the model reads, each once."""
        return tuple(dict.fromkeys((*self.formula.columns, *self.residual.columns)))

    @property
    def residual(self) -> Residual:
        """How the residuals are distributed."""
        return Residual(self.weights, self.formula.se)


def make_spec(
    formula: str | Formula,
    *,
    family_name: str | Family = "gaussian",
    priors: Mapping[str, Prior] | str | None = None,
    contrasts: Mapping[str, Any] | None = None,
    weights: str | None = None,
    missing: str = "drop",
    rank: str = "drop",
) -> ModelSpec:
    """Check the user's arguments and freeze them."""
    if missing not in ("drop", "raise"):
        raise ModelError(f'missing={missing!r} is not understood: write "drop" or "raise"')
    if rank not in ("drop", "raise"):
        raise ModelError(f'rank={rank!r} is not understood: write "drop" or "raise"')
    if weights is not None and not isinstance(weights, str):
        raise ModelError(
            f"weights takes the name of a column here, not {type(weights).__name__}", "put the weights into the data"
        )
    read = formula if isinstance(formula, Formula) else parse(formula)
    chosen = family(family_name)
    if chosen.counts_trials and read.trials is None:
        # as in R a single outcome is a trial; whether it is 0 or 1 the design will see
        chosen = family(f"bernoulli({chosen.link})")
    _check_left(read, chosen)
    return ModelSpec(
        formula=read,
        family=chosen,
        priors=_freeze_priors(priors, read),
        contrasts=_freeze_contrasts(contrasts),
        weights=weights,
        missing="drop" if missing == "drop" else "raise",
        rank="drop" if rank == "drop" else "raise",
    )


def _check_left(formula: Formula, chosen: Family) -> None:
    """Refuse trials or standard errors that the family does not take."""
    if formula.trials is not None and not chosen.counts_trials:
        several = "; a response of several columns is not available: model each" if "cbind" in formula.text else ""
        raise ModelError(
            f"the response has trials, which the {chosen.name} family does not take",
            f'write family="binomial" if successes are counted{several}',
        )
    if formula.se is not None and not chosen.divides_variance:
        raise ModelError(
            f"the response has known standard errors, which the {chosen.name} family does not take",
            'write family="gaussian", or leave se() out',
        )


def _freeze_priors(priors: Mapping[str, Prior] | str | None, formula: Formula) -> Mapping[str, Prior] | Literal["flat"]:
    if priors is None:
        return MappingProxyType({})
    if isinstance(priors, str):
        if priors == "flat":
            return "flat"
        raise ModelError(f'priors={priors!r} is not understood: write "flat", or a mapping such as {{"sigma": ...}}')
    if not isinstance(priors, Mapping):
        raise ModelError(f"priors takes a mapping of names to priors, not {type(priors).__name__}")
    priors = without_bambi(priors, [group.label for group in formula.groups])
    for key, prior in priors.items():
        if not isinstance(prior, Prior):
            raise ModelError(
                f"the prior of {key!r} is {prior!r}, which is not a prior",
                "write one of hb.Normal, hb.HalfNormal, hb.HalfStudentT, hb.Exponential, hb.LKJ, hb.Fixed, hb.Custom",
            )
    return MappingProxyType({str(key): prior for key, prior in priors.items()})


def _freeze_contrasts(contrasts: Mapping[str, Any] | None) -> Mapping[str, Contrast]:
    if contrasts is None:
        return MappingProxyType({})
    if not isinstance(contrasts, Mapping):
        raise ModelError(
            f"contrasts takes a mapping of columns to codings, not {type(contrasts).__name__}",
            'write {"cond": "sum"}, for instance',
        )
    return MappingProxyType({str(key): contrast(value) for key, value in contrasts.items()})


_KINDS = {
    "treatment": "treatment",
    "dummy": "treatment",
    "contr.treatment": "treatment",
    "sum": "sum",
    "contr.sum": "sum",
    "deviation": "sum",
    "helmert": "helmert",
    "contr.helmert": "helmert",
    "poly": "poly",
    "polynomial": "poly",
    "contr.poly": "poly",
}


def contrast(given: Any) -> Contrast:
    """Read a contrast: ``"sum"``, ``("treatment", "B")``, ``{"treatment": "B"}`` or a `Contrast`.

    Raises
    ------
    ModelError
        If the coding is not known.
    """
    if isinstance(given, Contrast):
        return given
    kind: Any = given
    reference: Any = None
    if isinstance(given, Mapping) and len(given) == 1:
        kind, reference = next(iter(given.items()))
    elif isinstance(given, Sequence) and not isinstance(given, str) and len(given) == 2:
        kind, reference = given
    name = _KINDS.get(str(kind).lower()) if isinstance(kind, str) else None
    if name is None:
        raise ModelError(
            f"the contrast {given!r} is not known",
            'write "treatment", "sum", "helmert" or "poly", or {"treatment": "B"} for another reference level',
        )
    if reference is not None and name not in ("treatment", "sum"):
        raise ModelError(f"the contrast {name!r} takes no reference level, but {reference!r} was given")
    whole = isinstance(reference, float) and reference.is_integer()
    return Contrast(name, None if reference is None else str(int(reference) if whole else reference))
