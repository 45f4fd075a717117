"""`sensitivity`: the same model with the scales of its priors multiplied."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.comparison.prior_tables import named_parameters
from hierbayes.design.scaling import ResolvedPriors, prior_keys
from hierbayes.design.stacked import one_each, terms_alike
from hierbayes.errors import ModelError, SamplingError
from hierbayes.formula.names import suggest
from hierbayes.model import Fit, Model
from hierbayes.posterior import posterior_of
from hierbayes.sampling.run import draw
from hierbayes.sampling.sampler import Settings, counting, settings
from hierbayes.tables.numbers import check_prob, convergence, estimates

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from hierbayes.design.design import Design


@dataclass(frozen=True, eq=False, repr=False)
class Sensitivity:
    """How the posterior moves with the scales of the priors. Made by `hierbayes.sensitivity`.

    Attributes
    ----------
    table : DataFrame
        One row for each prior that was changed, factor and parameter. Columns key (of the prior), factor, prior (the
        first that the key stands for, as it was used), parameter, mean, sd, lower, upper, change (of the mean, in
        posterior sds of the factor 1) and error (Monte Carlo standard error of `change`).
    ci_prob : float
        Probability of the intervals.
    """

    table: pd.DataFrame
    ci_prob: float

    def plot(self, parameters: Sequence[str] | None = None, **options: Any) -> Figure:
        """Draw mean and interval of each parameter against the factor, a column for each prior.

        Parameters
        ----------
        parameters : sequence of str, optional
            Draw these parameters only.
        **options
            ``figsize``.
        """
        from hierbayes.plots.sensitivity_plot import draw_sensitivity

        return draw_sensitivity(self.table, parameters, ci_prob=self.ci_prob, **options)

    def __repr__(self) -> str:
        return f"Posterior under priors of other scales\n{self.table.to_string(index=False, float_format=_short)}"

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False, float_format=_short))


def sensitivity(
    model_or_fit: Model | Fit,
    factors: Mapping[str, Sequence[float]],
    *,
    draws: int = 1000,
    chains: int = 4,
    seed: int | None = None,
    engine: str = "auto",
    ci_prob: float = 0.95,
    progress: bool | None = None,
) -> Sensitivity:
    """Refit a model with the scale of one prior after the other multiplied.

    What a factor f does: the scale of a half-normal, half-t, half-Cauchy or inverse gamma prior, both limits of a
    uniform one and the median of a log-normal one are multiplied by f; rates (exponential, gamma) are divided by it;
    of a normal prior the sd is multiplied and the mean stays; LKJ's eta is divided by f. A larger f is a wider prior
    throughout. All else stays, the columns that priors refer to included.

    Parameters
    ----------
    model_or_fit : Model or Fit
    factors : mapping of str to sequence of float
        Keys are those of priors: a coefficient, ``beta`` (all of them), ``sd_g`` (all sds of g), ``sd_g[term]`` (by
        default of the column that the note of `Model.priors` names),
        ``corr_g``, ``sigma``; for ``categorical`` also ``x`` and ``sd_g[x]``, those of all categories together. 1 is
        always among the factors.
    draws, chains, engine, progress
        As in `Model.fit`; the bar counts refits.
    seed : int, optional
        By default that of the fit.
    ci_prob : float
        Probability of the equal-tailed intervals.

    Returns
    -------
    Sensitivity
        With ``.table`` and ``.plot()``.

    Raises
    ------
    ModelError
        If there is no such prior, it has no scale (flat, fixed, custom), or a factor is not positive.
    SamplingError
        If it is interrupted.

    Examples
    --------
    >>> import hierbayes as hb
    >>> model = hb.Model("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"))
    >>> found = hb.sensitivity(model, {"sd_Batch": [0.5, 2]}, draws=100, chains=2, seed=1, progress=False)
    >>> found.table["factor"].unique().tolist()
    [0.5, 1.0, 2.0]
    """
    if not isinstance(model_or_fit, Fit | Model):
        raise ModelError(f"hb.sensitivity takes a Model or a Fit, not {type(model_or_fit).__name__}")
    model = model_or_fit.model if isinstance(model_or_fit, Fit) else model_or_fit
    if seed is None and isinstance(model_or_fit, Fit):
        seed = model_or_fit.diagnostics["seed"]
    chosen = settings(draws=draws, chains=chains, seed=seed, progress=progress)
    probability = check_prob(ci_prob)
    asked = _checked(model, factors)
    plan = [(key, factor, scaled(model, key, factor)) for key, own in asked.items() for factor in own if factor != 1]
    with counting("refitting under other priors", len(plan) + 1, progress) as advance:
        found: dict[tuple[str, float] | None, Fit] = {None: _sampled(model, model.resolved_priors, chosen, engine)}
        advance()
        for key, factor, priors in plan:
            found[key, factor] = _sampled(model, priors, chosen, engine)
            advance()
    return Sensitivity(_table(model, asked, found, probability), probability)


def scaled(model: Model, key: str, factor: float) -> ResolvedPriors:
    """Return the model's priors with the scale of those that a key stands for multiplied.

    Raises
    ------
    ModelError
        If one of them has no scale, or is a shift's, which the smallest response bounds.
    """
    if key == "shift" and "shift" in model.design.family.parameters:
        raise ModelError("the prior of shift is bounded by the smallest response, and cannot be widened")
    design, own = model.design, model.resolved_priors
    beta = tuple(
        prior.widened(name, factor) if key in (name, alike, "beta") else prior
        for name, alike, prior in zip(design.coefficients, one_each(design), own.beta, strict=True)
    )
    blocks = []
    for block, parts, priors in zip(design.groups, terms_alike(design), own.blocks, strict=True):
        sd_key = f"sd_{block.factor}"
        sd = tuple(
            prior.widened(f"{sd_key}[{term}]", factor)
            if key in (sd_key, f"{sd_key}[{term}]", f"{sd_key}[{part}]")
            else prior
            for term, part, prior in zip(block.terms, parts, priors.sd, strict=True)
        )
        corr = priors.corr
        if corr is not None and key == f"corr_{block.factor}":
            corr = corr.widened(key, factor)
        blocks.append(replace(priors, sd=sd, corr=corr))
    parameters = tuple(
        each.under(each.prior.widened(key, factor)) if key == each.name else each for each in own.parameters
    )
    return replace(own, beta=beta, blocks=tuple(blocks), parameters=parameters)


def _checked(model: Model, factors: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return the factors by key, sorted and with 1 among them."""
    if not isinstance(factors, Mapping) or not factors:
        raise ModelError("sensitivity takes a mapping of priors to factors", 'for example {"sd_Subject": [0.5, 1, 2]}')
    known = dict.fromkeys(prior_keys(model.design))
    found = {}
    for key, given in factors.items():
        if key not in known:
            nearest = suggest(str(key), tuple(known))
            guess = f"did you mean {nearest!r}? " if nearest else ""
            raise ModelError(f"there is no prior {key!r}", f"{guess}keys: {', '.join(known)}")
        numbers = list(given) if isinstance(given, Iterable) else [given]
        if not numbers:
            raise ModelError(f"there is no factor for {key!r}", "write [0.5, 2], for instance")
        for factor in numbers:
            number = isinstance(factor, int | float | np.number) and not isinstance(factor, bool)
            if not (number and factor > 0 and np.isfinite(factor)):
                raise ModelError(f"the factor {factor!r} of {key!r} must be a positive number")
        found[str(key)] = sorted({1.0, *(float(factor) for factor in numbers)})
    return found


def _sampled(model: Model, priors: ResolvedPriors, chosen: Settings, engine: str) -> Fit:
    own = model if priors is model.resolved_priors else model.with_resolved(priors)
    fit = Fit(own, draw(own.runner, replace(chosen, progress=False), engine))
    if fit.posterior.sizes["draw"] < chosen.draws:
        raise SamplingError("interrupted: there is no result yet")
    return fit


def _table(model: Model, asked: Mapping[str, list[float]], found: Mapping[Any, Fit], ci_prob: float) -> pd.DataFrame:
    import pandas as pd

    base = _described(found[None], ci_prob)
    rows = []
    for key, factors in asked.items():
        for factor in factors:
            fit = found[None] if factor == 1 else found[key, factor]
            own = base if factor == 1 else _described(fit, ci_prob)
            prior = _first(fit.model, key)
            for name, numbers in own.items():
                start, noise = base[name], np.hypot(numbers["mcse"], base[name]["mcse"])
                spread = start["sd"] if start["sd"] > 0 else np.nan
                row = {"key": key, "factor": factor, "prior": prior, "parameter": name}
                row |= {column: numbers[column] for column in ("mean", "sd", "lower", "upper")}
                row["change"] = (numbers["mean"] - start["mean"]) / spread
                row["error"] = 0.0 if factor == 1 else noise / spread
                rows.append(row)
    return pd.DataFrame(rows)


def _described(fit: Fit, ci_prob: float) -> dict[str, dict[str, float]]:
    """Return mean, sd, interval and Monte Carlo standard error of each parameter."""
    found = {}
    for name, draws in named_parameters(fit.model.labels, posterior_of(fit.posterior, fit.model.labels)).items():
        numbers = {key: float(value) for key, value in estimates(draws, ci_prob).items()}
        effective = float(convergence(draws)["ess_bulk"])
        numbers["mcse"] = numbers["sd"] / np.sqrt(effective) if effective > 0 else 0.0
        found[name] = numbers
    return found


def _first(model: Model, key: str) -> str:
    """Return the first prior that a key stands for, as text."""
    table = model.priors["prior"]
    if key in table.index:
        return str(table.loc[key] if isinstance(table.loc[key], str) else table.loc[key].iloc[0])
    names = list(model.design.coefficients) if key == "beta" else _of_all_categories(model.design, key)
    names = names or [name for name in table.index if name.startswith(f"{key}[")]
    return str(table.loc[names[0]]) if names else ""


def _of_all_categories(design: Design, key: str) -> list[str]:
    """Return the keys of the coefficients and sds that one key stands for, those of all categories."""
    found = [name for name, alike in zip(design.coefficients, one_each(design), strict=True) if alike == key]
    for block, parts in zip(design.groups, terms_alike(design), strict=True):
        own = zip(block.terms, parts, strict=True)
        found += [f"sd_{block.factor}[{term}]" for term, part in own if f"sd_{block.factor}[{part}]" == key]
    return found


def _short(value: float) -> str:
    return f"{value:.4g}"
