"""Priors on the scale of the data: every default gets its numbers here, once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.even import Even, centring, stacked_basis
from hierbayes.design.groups import GroupBlock
from hierbayes.design.parameters import check_sd, family_names, family_parameters
from hierbayes.design.proper import refuse_exact, refuse_improper
from hierbayes.design.stacked import one_each, parts_of, single_design, single_schema, terms_alike
from hierbayes.design.table import Floats
from hierbayes.design.units import WEAK, Units, column_scales, default_beta, response_units
from hierbayes.errors import ModelError
from hierbayes.families import GAUSSIAN
from hierbayes.formula.names import suggest
from hierbayes.priors import LKJ, Fixed, Flat, HalfStudentT, Normal, Parameter, Prior
from hierbayes.priors.parameter import prior_of
from hierbayes.spec import ModelSpec


@dataclass(frozen=True)
class BlockPriors:
    """Priors of one group-level term.

    Attributes
    ----------
    sd : tuple of Prior, length k
        Of the sds (not variances).
    corr : Prior or None
        None where the term has one column.
    basis : array, shape (k, k)
        The priors refer to the columns ``Z @ basis``: the columns less their means, or columns that do not depend on
        how factors are coded; the identity where they are stated for the columns as written.
    columns : tuple of str
        What each of those columns is, in words, where they are more than the columns less their means; else empty.
    """

    sd: tuple[Prior, ...]
    corr: Prior | None
    basis: Floats
    columns: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        """Whether the priors are stated for other columns than those that are written."""
        return not np.array_equal(self.basis, np.eye(len(self.basis)))

    @property
    def centred(self) -> bool:
        """Whether they are stated at the mean of the columns, which takes a constant among the columns."""
        return self.moved and (not self.columns or any(f":{name}".endswith(":Intercept") for name in self.columns))

    @property
    def places(self) -> tuple[str, ...]:
        """What each sd is of, where it is not of the column as written; empty texts else."""
        where = "at the mean of its predictors" if self.centred else ""
        if self.columns:
            return tuple(f"of {name}{', ' if where else ''}{where}" for name in self.columns)
        return (where,) * len(self.sd)


@dataclass(frozen=True)
class ResolvedPriors:
    """Every prior of a model, with numbers.

    Attributes
    ----------
    beta : tuple of Prior, length p
    centre : array, shape (p,)
        What is subtracted from each population column before the priors apply; 0 where nothing is.
    blocks : tuple of BlockPriors
    parameters : tuple of Parameter
        What the family has beside its location, in its order.
    user : frozenset of str
        The keys that the user set.
    """

    beta: tuple[Prior, ...]
    centre: Floats
    blocks: tuple[BlockPriors, ...]
    parameters: tuple[Parameter, ...]
    user: frozenset[str]

    def prior_of(self, name: str) -> Prior:
        """Return the prior of one of the family's parameters."""
        return prior_of(self.parameters, name)


def resolve(spec: ModelSpec, design: Design) -> ResolvedPriors:
    """Return every prior of the model, defaults scaled to the data.

    Raises
    ------
    ModelError
        If a key is unknown, a prior does not fit its parameter, columns are collinear, or flat priors would give an
        improper posterior.
    """
    user: Mapping[str, Prior] = {} if spec.priors == "flat" else spec.priors
    flat = spec.priors == "flat"
    _check_keys(user, design)
    if design.predictors > 1:
        return _resolve_stacked(spec, design, user)
    units, centre = response_units(design), _population_centre(design)
    weak = default_beta(design, units)
    defaults = tuple(Flat() for _ in weak) if flat else weak
    beta = _beta_priors(design.coefficients, defaults, user, {})
    blocks = tuple(_block_priors(block, user, units.sd, flat, block.terms) for block in design.groups)
    parameters = family_parameters(design, units, user, flat)
    refuse_improper(beta, [own.sd for own in blocks], parameters, design)
    if design.family == GAUSSIAN:
        refuse_exact(prior_of(parameters, "sigma"), design)
    return ResolvedPriors(beta, centre, blocks, parameters, frozenset(prior_keys(design) if flat else user))


def _resolve_stacked(spec: ModelSpec, design: Design, user: Mapping[str, Prior]) -> ResolvedPriors:
    """Return the priors of a response with several predictors: for each those of its category against the reference."""
    if spec.priors == "flat":
        raise ModelError(
            "flat priors are not taken with the categorical family, for whether its posterior is proper is not known",
            "use the default priors, which are weak",
        )
    singles = [single_design(design, c) for c in range(1, design.predictors + 1)]
    defaults = tuple(prior for one in singles for prior in default_beta(one, _share_units(design, one.modelled)))
    shared = dict(zip(design.coefficients, (name for one in singles for name in one.coefficients), strict=True))
    beta = _beta_priors(design.coefficients, defaults, user, shared)
    blocks, i = [], 0
    for single in singles[0].groups:
        for _ in range(parts_of(single, design.predictors)):
            blocks.append(_block_priors(design.groups[i], user, 1.0, False, single.terms, single))
            i += 1
    _refuse_flat((*beta, *(prior for block in blocks for prior in block.sd)))
    centre = np.tile(_population_centre(singles[0]), design.predictors)
    return ResolvedPriors(beta, centre, tuple(blocks), (), frozenset(user))


def _share_units(design: Design, category: str | None) -> Units:
    """Return the units of one category: where the logarithm of its share over the reference's lies, and an sd of 1."""
    own = 1 + design.categories.index(str(category))
    count, reference = (max(float(np.sum(design.y == number)), 0.5) for number in (own, 1))
    mean = float(np.log(count / reference))
    return Units(mean, 1.0, float(np.sqrt(mean**2 + 1)))


def _refuse_flat(priors: tuple[Prior, ...]) -> None:
    if any(isinstance(prior, Flat) for prior in priors):
        raise ModelError(
            "a flat prior is not taken with the categorical family, for whether its posterior is proper is not known",
            "use a proper prior, such as the default",
        )


def _beta_priors(
    names: tuple[str, ...], defaults: tuple[Prior, ...], user: Mapping[str, Prior], shared: Mapping[str, str]
) -> tuple[Prior, ...]:
    """Return the priors of coefficients; `shared` gives the key by which the user may name several at once."""
    found = tuple(
        _checked(_first(user, (name, shared.get(name, name), "beta"), default), name, "real")
        for name, default in zip(names, defaults, strict=True)
    )
    for name, prior in zip(names, found, strict=True):
        _check_size(name, prior)
    return found


def _check_size(name: str, prior: Prior) -> None:
    """Refuse a normal prior whose numbers cannot be squared."""
    if isinstance(prior, Normal) and not (1e-150 <= prior.sigma <= 1e150 and abs(prior.mu) <= 1e150):
        raise ModelError(
            f"the prior {prior} of {name!r} has numbers that cannot be squared",
            "change the prior, or the unit of the response or of the column",
        )


def _population_centre(design: Design) -> Floats:
    centre = np.zeros(len(design.coefficients))
    if design.intercept:
        centre[1:] = design.X[:, 1:].mean(axis=0)
    return centre


def _block_priors(
    block: GroupBlock,
    user: Mapping[str, Prior],
    spread: float,
    flat: bool,
    shared: tuple[str, ...],
    single: GroupBlock | None = None,
) -> BlockPriors:
    """Return the priors of one term.

    With several predictors `single` is the term of one of them, after whose columns all are scaled, and `shared` are
    the names by which the user may refer to all at once.
    """
    sd_key, corr_key = f"sd_{block.factor}", f"corr_{block.factor}"
    one, repeats = single or block, len(block.terms) // len(shared)
    keys = [
        (f"{sd_key}[{term}]", f"{sd_key}[{name}]", sd_key)
        for term, name in zip(block.terms, shared * repeats, strict=True)
    ]
    touched = any(key in user for each in keys for key in each) or (block.correlated and corr_key in user)
    stated = _stated(one, touched or flat)
    scales = stated.scales * repeats
    default: list[Prior] = [Flat() if flat else HalfStudentT(3, WEAK * spread / s) for s in scales]
    sd = tuple(
        _checked(_first(user, each, prior), each[0], "positive") for each, prior in zip(keys, default, strict=True)
    )
    corr = None
    if block.correlated:
        corr = _first(user, (corr_key,), LKJ(1) if flat else default_corr(len(block.terms)))
        corr = _checked_corr(_checked(corr, corr_key, "correlation"), corr_key, len(block.terms))
    prefixes = [term.removesuffix(shared[0]) for term in block.terms[:: len(shared)]]
    columns = tuple(f"{prefix}{name}" for prefix in prefixes for name in stated.names)
    return BlockPriors(sd, corr, stacked_basis(stated.basis, repeats), columns)


def default_corr(k: int) -> LKJ:
    """Return the default prior of the correlations of a term of k columns.

    A correlation of an LKJ(eta) matrix has the law of 2 B - 1, B ~ Beta(a, a), a = eta - 1 + k / 2, the narrower the
    larger k is. Up to four columns a is 2, so that a further column changes nothing for the correlations of the
    others. With more columns that would take an eta below 1, which prefers singular matrices; eta stays at 1.

    Examples
    --------
    >>> [default_corr(k).eta for k in (2, 3, 4, 8)]
    [2.0, 1.5, 1.0, 1.0]
    """
    return LKJ(max(1.0, 3 - k / 2))


def _stated(block: GroupBlock, as_written: bool) -> Even:
    """Return the columns for which the priors of a term are stated; nameless where they are its own or centred."""
    scales = tuple(column_scales(block))
    if block.correlated and not (as_written or block.split):
        if block.even is not None:
            return block.even
        if block.intercept:
            return Even(centring(block.Z), scales, ())
    return Even(np.eye(len(block.terms)), scales, ())


def _first(user: Mapping[str, Prior], keys: Iterable[str], default: Prior) -> Prior:
    return next((user[key] for key in keys if key in user), default)


def _checked(prior: Prior, key: str, support: str) -> Prior:
    if support == "positive":
        check_sd(prior, key)
    elif support not in prior.fits:
        allowed = "Normal, Flat or Custom" if support == "real" else "LKJ, Fixed or Custom"
        raise ModelError(f"the prior {prior} does not fit {key!r}", f"it takes {allowed}")
    return prior


def _checked_corr(prior: Prior, key: str, k: int) -> Prior:
    if not isinstance(prior, Fixed):
        return prior
    matrix = prior.matrix(k)
    good = matrix.shape == (k, k) and np.allclose(matrix, matrix.T) and np.allclose(np.diag(matrix), 1)
    if not good or np.linalg.eigvalsh(matrix).min() <= 0:
        raise ModelError(f"{key} is fixed at {prior.value}, which is no {k} x {k} correlation matrix")
    return Fixed(tuple(map(tuple, matrix.tolist())))


def prior_keys(design: Design) -> tuple[str, ...]:
    """Return every key that `priors` understands for a design."""
    alike = None if design.predictors == 1 else single_schema(design.schema, 1)
    keys = ["beta", *design.coefficients, *(alike.coefficients if alike else ())]
    for factor in design.factors:
        keys.append(f"sd_{factor}")
        terms = design.factor_terms(factor)
        terms += [term for own in (alike.groups if alike else ()) if own.factor == factor for term in own.terms]
        keys += [f"sd_{factor}[{term}]" for term in terms]
        if any(block.correlated for block in design.blocks(factor)):
            keys.append(f"corr_{factor}")
    return (*keys, *family_names(design))


def _check_keys(user: Mapping[str, Prior], design: Design) -> None:
    known = prior_keys(design)
    for key in user:
        if known.count(key) > 1:
            if design.predictors > 1:
                raise ModelError(f"the key {key!r} has two meanings among the categories", "rename one of them")
            raise ModelError(f"the key {key!r} is the name of a column and of a parameter", "rename the column")
        if key not in known:
            _refuse_dropped(key, design)
            nearest = suggest(key, known)
            guess = f"did you mean {nearest!r}? " if nearest else ""
            raise ModelError(f"there is no parameter {key!r} to put a prior on", f"{guess}keys: {', '.join(known)}")


def _refuse_dropped(key: str, design: Design) -> None:
    gone = {own.label for own in design.schema.dropped}
    gone |= {f"sd_{block.factor}[{own.label}]" for block in design.groups for own in block.dropped}
    if key in gone:
        raise ModelError(
            f"there is no parameter {key!r}: no row determines its column, which is dropped", "leave it out"
        )


def prior_table(priors: ResolvedPriors, design: Design) -> pd.DataFrame:
    """Return one row for each parameter: what the prior is, in numbers, and where it comes from."""
    rows: list[tuple[str, str, str, str]] = []
    for name, alike, prior in zip(design.coefficients, one_each(design), priors.beta, strict=True):
        moved = alike == "Intercept" and np.any(priors.centre) and not isinstance(prior, Flat)
        note = "at the mean of the predictors" if moved else ""
        rows.append((name, str(prior), _source(priors.user, (name, alike, "beta")), note))
    for block, parts, own in zip(design.groups, terms_alike(design), priors.blocks, strict=True):
        for term, part, prior, note in zip(block.terms, parts, own.sd, own.places, strict=True):
            key = f"sd_{block.factor}[{term}]"
            keys = (key, f"sd_{block.factor}[{part}]", f"sd_{block.factor}")
            rows.append((key, str(prior), _source(priors.user, keys), note))
        if own.corr is not None:
            key = f"corr_{block.factor}"
            rows.append((key, str(own.corr), _source(priors.user, (key,)), _corr_note(own)))
    for each in priors.parameters:
        note = "the standard errors are known" if each.fixed else ""
        rows.append((each.name, str(each.prior), _source(priors.user, (each.name,)), note))
    return pd.DataFrame(rows, columns=["parameter", "prior", "source", "note"]).set_index("parameter")


def _corr_note(own: BlockPriors) -> str:
    if own.columns:
        return "of the same columns as the sds"
    return "at the mean of its predictors" if own.moved else ""


def _source(user: frozenset[str], keys: tuple[str, ...]) -> str:
    return "user" if any(key in user for key in keys) else "default"
