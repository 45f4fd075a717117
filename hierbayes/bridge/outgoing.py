"""A fit handed over to Bambi: a Bambi model of the same formula and data, and the draws in Bambi's names."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.bridge.matching import combination, same_levels
from hierbayes.bridge.priors_out import as_bambi_priors, parent_of
from hierbayes.bridge.writing import frame, write_formula
from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors
from hierbayes.design.table import Floats, Ints
from hierbayes.errors import ModelError, warn
from hierbayes.families import FAMILIES
from hierbayes.sampling.tree import with_true_names
from hierbayes.spec import ModelSpec

if TYPE_CHECKING:
    import xarray as xr

Variable = tuple[tuple[str, ...], Floats]


@dataclass(frozen=True)
class Maps:
    """How coefficients and group-level effects become Bambi's.

    Attributes
    ----------
    population : array, shape (q, p)
        From hierbayes' coefficients to those of Bambi's common terms, the intercept first.
    groups : dict of str to array
        For each grouping factor, from all of its terms to the columns of Bambi's terms.
    levels : dict of str to array of int
        For each grouping factor, the level here of each of Bambi's; -1 where no row has it.
    """

    population: Floats
    groups: dict[str, Floats]
    levels: dict[str, Ints]


def hand_over(
    spec: ModelSpec, design: Design, priors: ResolvedPriors, draws: xr.DataTree, seed: int
) -> tuple[Any, xr.DataTree]:
    """Return a `bambi.Model` and the draws as Bambi's ``fit`` would return them.

    Raises
    ------
    ModelError
        If Bambi cannot make the columns of the design, or cannot take a name.
    """
    if not spec.family.has_mean:
        raise ModelError(
            "categorical fits are not handed over to Bambi, where the effects of the categories are uncorrelated",
            "fit.category_probabilities() predicts; fit.plot.effects() draws the probability of each category",
        )
    if spec.family.bambi is None:
        known = ", ".join(name for name, kind in FAMILIES.items() if kind.bambi is not None)
        raise ModelError(f"Bambi has not the family {spec.family.name!r} as it is here", f"it has: {known}")
    _warn_of_weights(spec)
    model = _bambi_model(spec, design)
    maps = _maps(model, design)
    own = as_bambi_priors(model, design, priors, maps.population, maps.groups)
    if own:
        model.set_priors(own)
    return model, _tree(model, design, draws, maps, seed)


def _warn_of_weights(spec: ModelSpec) -> None:
    """Say that weights and known standard errors stay behind."""
    gaussian = spec.family.conjugate
    what = f"the weights {spec.weights!r}" if spec.weights is not None else "the known standard errors"
    if spec.weights is None and spec.formula.se is None:
        return
    why = ", whose weights are powers of the likelihood" if gaussian and spec.weights is not None else ""
    drawn = ", responses that Bambi draws have the sd of a row of weight 1" if gaussian else ""
    warn(f"{what} are not handed over to Bambi{why}: expected values are right{drawn}")


def _bambi_model(spec: ModelSpec, design: Design) -> Any:
    import bambi

    written, family = write_formula(spec.formula, design), spec.family.bambi
    try:
        # formulae prints what went wrong before it raises
        with contextlib.redirect_stdout(io.StringIO()), np.errstate(all="ignore"):
            return bambi.Model(
                written.text,
                frame(design, spec.formula),
                family=family,
                link=spec.family.link,
                extra_namespace=written.namespace,
            )
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(f"Bambi cannot make the model {written.text!r}: {error}") from error


def _maps(model: Any, design: Design) -> Maps:
    parent = parent_of(model)
    population = combination(design.X, _stacked(_common(parent), design.n))
    if population is None:
        raise ModelError(
            f"Bambi codes the terms of {design.response} otherwise, and cannot make the columns "
            f"{', '.join(design.coefficients)} from its own",
            "Put the derived columns into the data, and fit again with their names in the formula.",
        )
    groups, levels = {}, {}
    for factor in design.factors:
        blocks, terms = design.blocks(factor), _of_factor(parent, design.blocks(factor)[0].columns)
        A = combination(
            np.column_stack([b.Z for b in blocks]), np.column_stack([_predictor(t, design.n) for t in terms])
        )
        places = same_levels(blocks[0].codes, np.asarray(terms[0].group_index))
        if A is None or places is None:
            raise ModelError(
                f"Bambi codes the group-level terms of {factor!r} otherwise",
                "Put the derived columns into the data, and fit again with their names in the formula.",
            )
        unused = len(terms[0].groups) - len(places)
        groups[factor], levels[factor] = A, np.concatenate([places, np.full(unused, -1)])
    return Maps(population, groups, levels)


def _common(parent: Any) -> list[Any]:
    first = [parent.intercept_term] if parent.intercept_term else []
    return [*first, *parent.common_terms.values()]


def _stacked(terms: list[Any], n: int) -> Floats:
    if not terms:
        return np.zeros((n, 0))
    return np.column_stack([np.ones((n, 1)) if t.kind == "intercept" else np.reshape(t.data, (n, -1)) for t in terms])


def _of_factor(parent: Any, columns: tuple[str, ...]) -> list[Any]:
    return [t for t in parent.group_specific_terms.values() if t.term.factor.name == ":".join(columns)]


def _predictor(term: Any, n: int) -> Floats:
    return np.asarray(term.predictor, dtype=float).reshape(n, -1)


def _tree(model: Any, design: Design, draws: xr.DataTree, maps: Maps, seed: int) -> xr.DataTree:
    import bambi
    import xarray as xr

    posterior = with_true_names(draws["posterior"].to_dataset())
    parent = parent_of(model)
    variables: dict[str, Variable] = {}
    coords: dict[str, Any] = {"chain": posterior["chain"].values, "draw": posterior["draw"].values}
    if design.coefficients:
        beta = posterior["beta"].transpose("chain", "draw", "coef").values @ maps.population.T
        variables |= _split(_common(parent), beta, coords)
    rng = np.random.default_rng(seed)
    for factor in design.factors:
        effects, spread = _effects(posterior, factor, maps.groups[factor], maps.levels[factor], rng)
        terms = _of_factor(parent, design.blocks(factor)[0].columns)
        variables |= _split_groups(terms, effects, spread, coords)
    for name in design.family.parameters:
        variables[name] = (("chain", "draw"), posterior[name].transpose("chain", "draw").values)
    observed = ({model.response_term.name: (("__obs__",), design.y)}, {"__obs__": np.arange(design.n)})
    _refuse_slashes([*variables, *coords, model.response_term.name])
    attrs = {"modeling_interface": "bambi", "modeling_interface_version": bambi.__version__}
    groups = {"posterior": xr.Dataset(variables, coords, attrs), "observed_data": xr.Dataset(*observed, attrs)}
    if "sample_stats" in draws.children:
        groups["sample_stats"] = draws["sample_stats"].to_dataset()
    return xr.DataTree.from_dict(groups)


def _refuse_slashes(names: list[str]) -> None:
    """Refuse names that are paths to a DataTree, in which Bambi keeps its draws."""
    odd = [name for name in names if "/" in name]
    if odd:
        raise ModelError(
            f"Bambi's draws cannot hold the name {odd[0]!r}, for its slash",
            "rename the column, or put the derived column into the data under a name of its own, and fit again",
        )


def _split(terms: list[Any], beta: Floats, coords: dict[str, Any]) -> dict[str, Variable]:
    """Cut coefficients, shape (chain, draw, q), into the variables of Bambi's common terms."""
    found: dict[str, Variable] = {}
    start = 0
    for term in terms:
        size = 1 if term.kind == "intercept" else int(np.reshape(term.data, (len(term.data), -1)).shape[1])
        own = beta[..., start : start + size]
        coords |= {name: np.asarray(values) for name, values in term.coords.items()}
        dims = ("chain", "draw", *term.coords)
        found[term.name] = (dims, own if term.coords else own[..., 0])
        start += size
    return found


def _split_groups(terms: list[Any], effects: Floats, spread: Floats, coords: dict[str, Any]) -> dict[str, Variable]:
    """Cut effects, shape (chain, draw, level, column), and sds into the variables of one factor's terms."""
    found: dict[str, Variable] = {}
    start = 0
    for term in terms:
        size = _predictor(term, len(term.group_index)).shape[1]
        own, sd = effects[..., start : start + size], spread[..., start : start + size]
        coords |= {name: np.asarray(values) for name, values in term.coords.items()}
        level = [name for name in term.coords if name.endswith("__factor_dim")]
        columns = [name for name in term.coords if not name.endswith("__factor_dim")]
        found[term.name] = (
            ("chain", "draw", *columns, *level),
            np.swapaxes(own, -1, -2) if columns else own[..., 0],
        )
        found[f"{term.name}_sigma"] = (("chain", "draw", *columns), sd if columns else sd[..., 0])
        start += size
    return found


def _effects(
    posterior: xr.Dataset, factor: str, A: Floats, places: Ints, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the effects of Bambi's columns, shape (chain, draw, level, column), and their sds.

    A combination of levels that no row has, which Bambi carries along for an interaction, gets draws of a new level.
    """
    sd = posterior[f"sd_{factor}"].transpose("chain", "draw", f"{factor}_term").values
    corr = np.broadcast_to(np.eye(sd.shape[-1]), (*sd.shape, sd.shape[-1]))
    if f"corr_{factor}" in posterior:
        given = posterior[f"corr_{factor}"].transpose("chain", "draw", f"{factor}_term", f"{factor}_term2").values
        corr = np.where(np.isnan(given), corr, given)
    covariance = sd[..., :, None] * corr * sd[..., None, :]
    drawn = posterior[f"b_{factor}"].transpose("chain", "draw", factor, f"{factor}_term").values @ A.T
    effects = drawn[:, :, np.maximum(places, 0)]
    unseen = np.flatnonzero(places < 0)
    if unseen.size:
        # by eigenvalues, for a correlation may be 1 to rounding
        values, vectors = np.linalg.eigh(covariance)
        root = A @ (vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :])
        noise = rng.standard_normal((*sd.shape[:2], unseen.size, sd.shape[-1]))
        effects[:, :, unseen] = noise @ np.swapaxes(root, -1, -2)
    return effects, np.sqrt(np.maximum(np.einsum("ki,cdij,kj->cdk", A, covariance, A), 0.0))
