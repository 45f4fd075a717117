"""One repetition of an experiment: a world, the fits of its data, and what they say, as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy.special import ndtri, stdtrit

from hierbayes.design.design import Design
from hierbayes.design.levels import LevelSpan, span
from hierbayes.design.scaling import ResolvedPriors, resolve
from hierbayes.design.table import Floats
from hierbayes.engines.assemble import assemble
from hierbayes.engines.base import Trace
from hierbayes.errors import ModelError
from hierbayes.estimates import Responses, least_squares, maximum_by_level, maximum_likelihood, no_pooling
from hierbayes.estimates.side_by_side import complete_column, fixed_column
from hierbayes.sampling.run import Runner
from hierbayes.sampling.sampler import Settings
from hierbayes.studies.plans import Plan
from hierbayes.studies.truths import Address, addresses
from hierbayes.studies.worlds import FixedSource, PriorSource, World
from hierbayes.tables.numbers import estimates

METHODS = ("complete", "no", "partial", "reml")
NUMBERS = ("estimate", "sd", "lower", "upper")


@dataclass(frozen=True)
class Trial:
    """What is repeated.

    Attributes
    ----------
    plan : Plan
    source : FixedSource or PriorSource
    methods : tuple of str
        Of `METHODS`.
    priors : ResolvedPriors or None
        The priors of every fit; None scales the defaults to each response anew.
    factor : str
        The grouping factor whose levels are compared; empty without groups.
    chosen : Settings
        How the hierarchical model is sampled.
    ci_prob : float
    """

    plan: Plan
    source: FixedSource | PriorSource
    methods: tuple[str, ...]
    priors: ResolvedPriors | None
    factor: str
    chosen: Settings
    ci_prob: float

    @cached_property
    def addresses(self) -> tuple[Address, ...]:
        """The parameters that are compared."""
        return addresses(self.plan.design)

    @cached_property
    def levels(self) -> LevelSpan | None:
        """The levels that are compared."""
        return span(self.plan.design, self.factor) if self.factor else None


@dataclass(frozen=True)
class Outcome:
    """What one repetition gave.

    Attributes
    ----------
    truth : array, shape (parameters,)
    numbers : mapping of str to array, shape (parameters, 4)
        By method: estimate, its standard error or posterior sd, limits of the interval; NaN for what a method has not.
    totals : array, shape (levels, terms)
        The truth of each level.
    by_level : mapping of str to array, shape (levels, terms, 4)
    divergences : int
    max_rhat : float
        Over coefficients, sds, correlations and sigma.
    """

    truth: Floats
    numbers: Mapping[str, Floats]
    totals: Floats
    by_level: Mapping[str, Floats]
    divergences: int
    max_rhat: float


def repeat_once(trial: Trial, seed: int) -> Outcome:
    """Draw a world and fit its data by every method; the seed fixes every number."""
    world = trial.source.draw(seed)
    design = replace(trial.plan.design, y=world.y)
    numbers: dict[str, Floats] = {}
    by_level: dict[str, Floats] = {}
    if not design.family.conjugate:
        numbers, by_level = likelihood_fits(design, world.values, trial)
    else:
        if "complete" in trial.methods:
            numbers["complete"] = complete_column(design, trial.ci_prob).numbers
        if "no" in trial.methods:
            numbers["no"] = fixed_column(design, trial.ci_prob).numbers
        if trial.levels is not None:
            by_level |= _least_squares_levels(trial, design, trial.levels)
    divergences, rhat = 0, float("nan")
    if "partial" in trial.methods:
        found = _sample(trial, design, seed)
        numbers["partial"], rhat = _described(trial, found)
        divergences = int(found.stats["diverging"].sum())
        if trial.levels is not None:
            by_level["partial"] = _sampled_levels(trial, found, trial.levels)
    if "reml" in trial.methods:
        numbers["reml"] = _reml(trial, design)
    truth = np.array([world.at(address) for address in trial.addresses])
    return Outcome(truth, numbers, _true_totals(trial, world), by_level, divergences, rhat)


def likelihood_fits(
    design: Design, truth: Mapping[str, Floats], trial: Trial
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return complete and no pooling by maximum likelihood: the parameters' numbers, and those of each level."""
    own = {name: float(truth[name]) for name in design.family.parameters if name in truth}
    rows = Responses(design.family, design.y, own, design.offset, design.weights, design.trials)
    p, levels = len(design.coefficients), trial.levels
    found = maximum_likelihood(rows, design.X) if p else None
    beta, spread = (np.full(p, np.nan), np.full((p, p), np.nan)) if found is None else (found.beta, found.covariance)
    numbers = {name: np.full((len(trial.addresses), 4), np.nan) for name in trial.methods if name in ("complete", "no")}
    if "complete" in numbers:
        numbers["complete"][:p] = with_normal_limits(beta, np.sqrt(np.diag(spread)), trial.ci_prob)
    if levels is None:
        return numbers, {}
    by_level = {}
    if "complete" in numbers:
        inner = spread[np.ix_(levels.inside, levels.inside)]
        errors = np.sqrt(np.einsum("ki,ij,kj->k", levels.T, inner, levels.T))
        one = with_normal_limits(levels.T @ beta[levels.inside], errors, trial.ci_prob)
        by_level["complete"] = np.broadcast_to(one, (levels.n_levels, *one.shape))
    if "no" in numbers:
        held = np.nan_to_num(beta[~levels.inside])
        shared = design.X[:, ~levels.inside]
        fits = maximum_by_level(rows, shared, levels.Z, levels.codes, levels.n_levels, held)
        by_level["no"] = with_normal_limits(fits.coef, fits.se, trial.ci_prob)
    return numbers, by_level


def with_normal_limits(estimate: Floats, error: Floats, ci_prob: float) -> Floats:
    """Return estimate, standard error and normal limits, one after the other in the last axis."""
    reach = -ndtri((1 - ci_prob) / 2) * error
    return np.stack([estimate, error, estimate - reach, estimate + reach], axis=-1)


def _true_totals(trial: Trial, world: World) -> Floats:
    levels = trial.levels
    if levels is None:
        return np.zeros((0, 0))
    return levels.totals(world.values["beta"], world.values[f"b_{levels.name}"])


def _least_squares_levels(trial: Trial, design: Design, levels: LevelSpan) -> dict[str, Floats]:
    """Return complete and no pooling of each level, with t limits; see `summaries.poolings.pooling_tables`."""
    y, p, J = design.y - design.offset, len(design.coefficients), levels.n_levels
    beta, spread, df = np.zeros(p), np.zeros((p, p)), 0
    if p:
        pooled = least_squares(y, design.X, design.weights)
        beta, spread, df = pooled.beta, pooled.covariance, pooled.df
    found = {}
    if "complete" in trial.methods:
        own = spread[np.ix_(levels.inside, levels.inside)]
        errors = np.sqrt(np.maximum(np.einsum("ki,ij,kj->k", levels.T, own, levels.T), 0.0))
        one = with_limits(levels.T @ beta[levels.inside], errors, df, trial.ci_prob)
        found["complete"] = np.broadcast_to(one, (J, *one.shape))
    if "no" in trial.methods:
        shared = design.X[:, ~levels.inside]
        own_fits = no_pooling(y, shared, levels.Z, levels.codes, J, design.weights, gamma_complete=beta[~levels.inside])
        found["no"] = with_limits(own_fits.coef, own_fits.se, own_fits.df, trial.ci_prob)
    return found


def with_limits(estimate: Floats, error: Floats, df: int, ci_prob: float) -> Floats:
    """Return estimate, standard error and the limits of the t interval along a new last axis."""
    t = float(stdtrit(df, 0.5 + ci_prob / 2)) if df > 0 else np.nan
    return np.stack([estimate, error, estimate - t * error, estimate + t * error], axis=-1)


def _sample(trial: Trial, design: Design, seed: int) -> Trace:
    priors = trial.priors if trial.priors is not None else resolve(trial.plan.spec, design)
    runner = Runner(*assemble(design, priors))
    return runner.sample(runner.choose("auto", False)[0], replace(trial.chosen, seed=seed))


def _described(trial: Trial, found: Trace) -> tuple[Floats, float]:
    """Return mean of coefficients, median of sds and correlations, sd and limits; and the largest R-hat."""
    draws = np.stack([each.of(found.draws) for each in trial.addresses], axis=-1)
    own = estimates(draws, trial.ci_prob)
    coefficient = np.array([each.variable == "beta" for each in trial.addresses])
    middle = np.where(coefficient, own["mean"], own["median"])
    return np.stack([middle, own["sd"], own["lower"], own["upper"]], axis=-1), _largest_rhat(draws)


def _largest_rhat(draws: Floats) -> float:
    from arviz_stats.base import array_stats

    moving = np.ptp(draws, axis=(0, 1)) > 0
    if draws.shape[0] < 2 or draws.shape[1] < 4 or not moving.any():
        return float("nan")
    kept = np.ascontiguousarray(draws[..., moving])
    return float(np.max(array_stats.rhat(kept, method="rank", chain_axis=0, draw_axis=1)))


def _sampled_levels(trial: Trial, found: Trace, levels: LevelSpan) -> Floats:
    b = found.draws[f"b_{levels.name}"]
    beta = found.draws.get("beta", np.zeros((*b.shape[:2], 0)))
    own = estimates(levels.totals(beta, b), trial.ci_prob)
    return np.stack([own["mean"], own["sd"], own["lower"], own["upper"]], axis=-1)


def _reml(trial: Trial, design: Design) -> Floats:
    from hierbayes.engines.collapsed.likelihood import fit_reml
    from hierbayes.estimates.classical_fit import ClassicalFit
    from hierbayes.estimates.side_by_side import likelihood_column

    problem, _ = assemble(design, trial.priors if trial.priors is not None else resolve(trial.plan.spec, design))
    fit = ClassicalFit(trial.plan.spec.formula.text, design, problem, fit_reml(problem))
    return likelihood_column(fit, trial.ci_prob).numbers


def check_engine(trial: Trial, seed: int) -> None:
    """Refuse a model that only PyMC samples: it would compile anew for every repetition.

    Raises
    ------
    ModelError
        With the reason.
    """
    design = replace(trial.plan.design, y=trial.source.draw(seed).y)
    priors = trial.priors if trial.priors is not None else resolve(trial.plan.spec, design)
    runner = Runner(*assemble(design, priors))
    name, reason = runner.choose("auto", trial.chosen.progress)
    if name == "pymc":
        raise ModelError(
            f"an experiment does not sample with PyMC, which would compile for each repetition: {reason}",
            "simulate with hb.simulate and fit by hand",
        )
