"""`experiment`: simulate, fit, compare with the truth, many times over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.errors import HierBayesError, ModelError, SamplingError, warn
from hierbayes.families import Family
from hierbayes.priors import Prior
from hierbayes.sampling.memory import require_memory
from hierbayes.sampling.sampler import Settings, counting, quiet_libraries, settings
from hierbayes.studies.categories import asked_categories
from hierbayes.studies.experiment_result import Experiment
from hierbayes.studies.plans import Plan, make_plan
from hierbayes.studies.replicates import METHODS, Outcome, Trial, check_engine, repeat_once
from hierbayes.studies.worlds import make_source
from hierbayes.summaries.poolings import pick_factor
from hierbayes.tables.numbers import check_prob

if TYPE_CHECKING:
    from concurrent.futures import Future

_SEEDS = 0x6578
_OF_A_TRIAL = 100
"""Numbers that a repetition takes while it waits: fewer than it does."""


def experiment(
    formula: str,
    sizes: Mapping[str, Any] | int | None = None,
    truth: Mapping[str, Any] | str | None = None,
    *,
    n: int = 100,
    seed: int | None = None,
    fits: Sequence[str] = ("complete", "no", "partial"),
    factor: str | None = None,
    family: str | Family = "gaussian",
    predictors: Mapping[str, Any] | None = None,
    data: Any = None,
    contrasts: Mapping[str, Any] | None = None,
    weights: Any = None,
    priors: Mapping[str, Prior] | str | None = None,
    draws: int = 500,
    chains: int = 2,
    ci_prob: float = 0.95,
    cores: int | None = None,
    progress: bool | None = None,
) -> Experiment:
    """Simulate data from a known truth, fit them, compare with the truth; `n` times over.

    Parameters
    ----------
    formula, sizes, family, predictors, data, contrasts, weights
        As in `simulate`. The table is made once: repetitions differ in effects and residuals only.
    truth : mapping, or "prior"
        As in `simulate`. With a mapping every repetition has the same parameters, and default priors are scaled to each
        response anew, as for real data. With ``"prior"`` each has parameters of its own, drawn from the priors, which
        are resolved once and are those of every fit: the intervals of a sampler that is right then hold the truth as
        often as they claim to.
    n : int
        Repetitions.
    seed : int, optional
        Fixes every number, whatever the number of cores. The first repetitions of a longer experiment are the same.
    fits : sequence of str
        - ``"complete"``: least squares over all rows, the groups ignored.
        - ``"no"``: the groups as unknown constants, by least squares; coefficients are those of the average level at
          hand, and the levels have fits of their own.
        - ``"partial"``: the posterior.
        - ``"reml"``: lme4's fit with Wald intervals; for the gaussian only.

        For other families ``"complete"`` and ``"no"`` are maximum likelihood, with normal limits and the family's own
        parameters held at the truth; ``"no"`` has fits of the levels, and no coefficients.
    factor : str, optional
        The grouping factor whose levels are compared; the first by default.
    priors : mapping, or "flat", optional
        As in `Model`.
    draws, chains : int
        Of each posterior.
    ci_prob : float
        Probability of the intervals, equal-tailed.
    cores : int, optional
        Repetitions run at a time; all that the machine has by default. Changes no number.
    progress : bool, optional
        Show a progress bar; by default when it takes longer than two seconds.

    Returns
    -------
    Experiment

    Raises
    ------
    FormulaError, DataError, ModelError
        As `simulate`; or if the model is one that only PyMC samples, the family is categorical, or a method needs
        groups and there are none.
    SamplingError
        If it is interrupted, or a repetition fails; its number and seed are named.

    Warns
    -----
    HierBayesWarning
        If the chains disagree in more than one repetition of twenty.

    Examples
    --------
    >>> import hierbayes as hb
    >>> truth = {"Intercept": 0, "sd_g": 6, "sigma": 1}
    >>> found = hb.experiment("y ~ 1 | g", {"g": 4, "rows": 2}, truth, n=20, seed=1, draws=250, progress=False)
    >>> found.errors().columns.tolist()
    ['group', 'size', 'replicate', 'method', 'error']
    """
    chosen = settings(draws=draws, chains=chains, cores=1, seed=seed, progress=False)
    outer = settings(draws=_repetitions(n), cores=cores, seed=chosen.seed, progress=progress)
    asked = asked_categories(family, truth)
    _refuse_several(asked.family)
    plan = make_plan(
        formula,
        sizes,
        data=data,
        predictors=predictors,
        seed=chosen.seed,
        asked=asked,
        contrasts=contrasts,
        weights=weights,
        priors=priors,
    )
    trial = _trial(plan, truth, fits, factor, chosen, check_prob(ci_prob))
    seeds = np.random.SeedSequence([chosen.seed, _SEEDS]).generate_state(n, np.uint64) >> np.uint64(2)
    own_seeds = tuple(int(own) for own in seeds)
    if "partial" in trial.methods:
        check_engine(trial, own_seeds[0])
    outcomes = _repeat(trial, own_seeds, outer)
    _complain(outcomes)
    return Experiment(trial, truth == "prior" if isinstance(truth, str) else False, own_seeds, outcomes)


def _refuse_several(asked: Family) -> None:
    if not asked.has_mean:
        raise ModelError(
            "an experiment compares poolings of one linear predictor, and a categorical response has several",
            "simulate with hb.simulate and fit by hand; hb.calibrate repeats draws from the priors and their fits",
        )


def _repetitions(n: Any) -> int:
    if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
        raise ModelError(f"n={n!r} must be a whole number of repetitions, at least 1")
    require_memory(_OF_A_TRIAL * int(n), f"{n} repetitions", "ask for a smaller n=")
    return int(n)


def _trial(plan: Plan, truth: Any, fits: Sequence[str], factor: str | None, chosen: Settings, ci_prob: float) -> Trial:
    grouped = bool(plan.design.factors)
    methods = _methods(fits, grouped)
    if "reml" in methods and not plan.spec.family.conjugate:
        raise ModelError(
            f'the fit "reml" is for the gaussian family, not {plan.spec.family.name}', 'leave "reml" out of fits'
        )
    source = make_source(plan, truth)
    return Trial(
        plan=plan,
        source=source,
        methods=methods,
        priors=plan.priors if truth == "prior" else None,
        factor=pick_factor(plan.design, factor) if grouped or factor is not None else "",
        chosen=chosen,
        ci_prob=ci_prob,
    )


def _methods(fits: Any, grouped: bool) -> tuple[str, ...]:
    asked = (fits,) if isinstance(fits, str) else tuple(fits)
    unknown = next((method for method in asked if method not in METHODS), None)
    if unknown is not None or not asked:
        raise ModelError(f"fits={fits!r} is not understood", f"it takes one or more of {', '.join(map(repr, METHODS))}")
    if "no" in asked and not grouped:
        if asked == ("complete", "no", "partial"):
            return ("complete", "partial")
        raise ModelError('the fit "no" needs groups, and the formula has none', 'leave "no" out of fits')
    return tuple(method for method in METHODS if method in asked)


def _repeat(trial: Trial, seeds: Sequence[int], outer: Settings) -> tuple[Outcome, ...]:
    """Run every repetition, several at a time, and return them in order.

    Threads do: the kernels and the sampler release the interpreter's lock, and the compiled code is shared.
    """
    from hierbayes.engines.collapsed.threads import one_blas_thread, threads_for

    _ = trial.addresses, trial.levels
    found = []
    label = f"{len(seeds)} repetitions"
    # held outside the threads too: what one of them restores must not change what another relies on
    try:
        with quiet_libraries(), one_blas_thread(), counting(label, len(seeds), outer.progress) as advance:
            for outcome in _in_order(trial, seeds, threads_for(len(seeds), outer.cores)):
                found.append(outcome)
                advance()
    except KeyboardInterrupt:
        raise SamplingError("interrupted: there is no result yet") from None
    return tuple(found)


def _in_order(trial: Trial, seeds: Sequence[int], cores: int) -> Iterator[Outcome]:
    pool = ThreadPoolExecutor(cores, thread_name_prefix="hierbayes-experiment")
    tasks: list[Future[Outcome]] = [pool.submit(repeat_once, trial, seed) for seed in seeds]
    try:
        for i, (task, seed) in enumerate(zip(tasks, seeds, strict=True)):
            try:
                yield task.result()
            except HierBayesError as error:
                raise SamplingError(f"repetition {i} (seed {seed}) failed: {error.what}", error.hint) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _complain(outcomes: Sequence[Outcome]) -> None:
    poor = sum(outcome.max_rhat > 1.05 for outcome in outcomes)
    if poor > 0.05 * len(outcomes):
        warn(
            f"the chains disagree (R-hat above 1.05) in {poor} of {len(outcomes)} repetitions: their intervals are "
            "rough. Repeat with more draws."
        )
