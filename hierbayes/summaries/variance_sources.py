"""Analysis of variance after Gelman (2005): the sd of every source of variation, finite- and super-population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.design.design import Design
from hierbayes.design.levels import FactorColumns, factor_columns
from hierbayes.design.table import Categorical, Floats, Ints, as_factor
from hierbayes.design.units import WEAK, response_units
from hierbayes.estimates.classical_tests import TermTest
from hierbayes.expressions.syntax import Call, Name
from hierbayes.formula import show
from hierbayes.formula.syntax import Formula, Term
from hierbayes.posterior import Posterior
from hierbayes.summaries.covariances import chunks
from hierbayes.summaries.latent import latent_variance
from hierbayes.summaries.level_constraints import constraints, span_of
from hierbayes.summaries.superpopulation import batch_sd
from hierbayes.summaries.variation import row_spread
from hierbayes.tables.own_words import own_word

COLUMNS = (
    *("kind", "df", "finite_sd", "finite_lower", "finite_upper", "super_sd", "super_lower", "super_upper"),
    *("sum_sq", "mean_sq", "F", "chi_sq", "p", "note"),
)
CLASSICAL = ("sum_sq", "mean_sq", "F", "chi_sq", "p")
_NONE = np.full(3, np.nan)


@dataclass(frozen=True)
class Source:
    """One source of variation; sds as median and limits, in units of the response.

    Attributes
    ----------
    name, kind : str
        Kind is population, group or residual.
    df : int
    finite, super : array, shape (3,)
        Median, lower and upper limit of the sd of the effects at hand, and of the population they are drawn from.
    note : str
    """

    name: str
    kind: str
    df: int
    finite: Floats
    super: Floats
    note: str = ""


def sources_table(
    design: Design,
    formula: Formula,
    posterior: Posterior,
    tests: tuple[TermTest, ...] | str | None,
    ci_prob: float,
) -> pd.DataFrame:
    """Return one row for each source of variation; see `hierbayes.Fit.anova`.

    Parameters
    ----------
    tests : tuple of TermTest, or str, or None
        One a population term, or the reason why there are none; None leaves their columns out.
    """
    tail = (1 - ci_prob) / 2
    probs = np.array([0.5, tail, 1 - tail])
    scale = WEAK * _response_sd(design)
    found = [*_population(design, formula, posterior, probs, scale), *_groups(design, posterior, probs)]
    residual = own_word("Residual", [source.name for source in found])
    found.append(_residual(residual, design, posterior, probs, sum(source.df for source in found)))
    if tests is None:
        return _table(found, [(source.kind, source.df, *source.finite, *source.super, source.note) for source in found])
    rows = []
    for i, source in enumerate(found):
        own = tests[i] if source.kind == "population" and not isinstance(tests, str) else None
        classical = (own.sum_sq, own.mean_sq, own.F, own.chi_sq, own.p) if own else (np.nan,) * 5
        notes = [source.note]
        if source.kind == "population" and isinstance(tests, str):
            notes.append(f"no classical test: {tests}")
        if own and own.df != source.df:
            notes.append(f"the classical test has {own.df} df: there is no intercept")
        rows.append((source.kind, source.df, *source.finite, *source.super, *classical, "; ".join(filter(None, notes))))
    return _table(found, rows)


def _table(found: list[Source], rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    index = pd.Index([source.name for source in found], name="source", dtype=object)
    columns = COLUMNS if len(rows[0]) == len(COLUMNS) else [name for name in COLUMNS if name not in CLASSICAL]
    return pd.DataFrame(rows, columns=list(columns), index=index)


def _response_sd(design: Design) -> float:
    """Return the sd that the default priors take for that of the response on the scale of the link."""
    return response_units(design).sd


def _population(design: Design, formula: Formula, posterior: Posterior, probs: Floats, scale: float) -> list[Source]:
    """Return the population terms: the part of ``X beta`` that each adds to the terms before it, over the rows."""
    beta = posterior.beta
    owners = np.asarray(design.terms)
    basis = span_of(np.ones((design.n, 1)), np.zeros((design.n, 0)))
    found = []
    for i, term in enumerate(formula.population.terms, start=1):
        own = span_of(design.X[:, owners == i], basis)
        basis = np.hstack([basis, own])
        squares = np.sum((beta @ (own.T @ design.X).T) ** 2, axis=1)
        cells, df = _cells(design, term), own.shape[1]
        found.append(_population_source(show(term), squares, cells, df, design.n, probs, scale))
    return found


def _population_source(
    name: str, squares: Floats, cells: int | None, df: int, n: int, probs: Floats, scale: float
) -> Source:
    if df == 0:
        return Source(name, "population", 0, _NONE, _NONE, "nothing is left after the terms before it")
    if cells is None:
        finite = np.quantile(np.sqrt(squares / (n - 1)), probs)
        return Source(name, "population", df, finite, _NONE, "numeric: no population of levels")
    own = squares * cells / n
    return Source(name, "population", df, np.quantile(np.sqrt(own / df), probs), batch_sd(own, df, scale, probs))


def _cells(design: Design, term: Term) -> int | None:
    """Return the number of combinations of levels that a term of factors has in the data; None if it holds a number."""
    codes = np.zeros(design.n, dtype=np.int64)
    for atom in term.atoms:
        own = _factor_codes(design, atom)
        if own is None:
            return None
        codes = np.unique(codes * (own.max() + 1) + own, return_inverse=True)[1]
    return int(codes.max()) + 1


def _factor_codes(design: Design, atom: Name | Call) -> Ints | None:
    if isinstance(atom, Name):
        column = design.column(atom.name)
        return column.codes if isinstance(column, Categorical) else None
    argument = atom.args[0] if atom.args else None
    if atom.function in ("C", "factor") and isinstance(argument, Name):
        return as_factor(design.column(argument.name)).codes
    return None


def _groups(design: Design, posterior: Posterior, probs: Floats) -> list[Source]:
    factors = factor_columns(design)
    population = span_of(design.X, np.zeros((design.n, 0)))
    return [source for own in factors for source in _factor(own, factors, population, posterior, probs)]


def _factor(
    own: FactorColumns,
    factors: tuple[FactorColumns, ...],
    population: Floats,
    posterior: Posterior,
    probs: Floats,
) -> list[Source]:
    """Return the columns of one factor, each for what it adds to the columns before it.

    With ``Z = Q R`` the effects of a level are ``R b / sqrt(n)``, in units of the response, and their variances add up
    to the mean of ``z' Sigma z`` over the rows.
    """
    n, found = len(own.codes), []
    basis = np.zeros((n, 0))
    b, Sigma = posterior.factors[own.name].b, posterior.covariance(own.name)
    for i, term in enumerate(own.terms):
        name = own.name if own.terms == ("Intercept",) else f"{own.name}[{term}]"
        column = span_of(own.Z[:, [i]], basis)
        if column.shape[1] == 0:
            found.append(Source(name, "group", 0, _NONE, _NONE, "nothing is left after the terms before it"))
            continue
        basis = np.hstack([basis, column])
        row = (column.T @ own.Z)[0] / np.sqrt(n)
        sds = np.sqrt(np.maximum(np.einsum("i,dij,j->d", row, Sigma, row), 0))
        held = constraints(own, column[:, 0], population, factors)
        finite = _NONE
        if held is not None and held.df > 0:
            squares = np.empty(len(b))
            for part in chunks(len(b), own.n_levels):
                squares[part] = np.sum(held.without(b[part] @ row) ** 2, axis=1)
            finite = np.quantile(np.sqrt(squares / held.df), probs)
        note = "" if held is not None else "too many levels of other factors to set apart"
        df = 0 if held is None else held.df
        found.append(Source(name, "group", df, finite, np.quantile(sds, probs), note))
    return found


def _residual(name: str, design: Design, posterior: Posterior, probs: Floats, used: int) -> Source:
    family = design.family
    columns = span_of(design.X, np.zeros((design.n, 0)))
    mean = 1 - span_of(np.ones((design.n, 1)), columns).shape[1]  # of the rows, which takes 1 df where X can hold it
    df = max(design.n - mean - used, 0)
    if not family.conjugate:
        whole = np.sqrt(latent_variance(design, posterior, family))
        own = np.quantile(np.sqrt(row_spread(design, posterior).error), probs) if family.linear else _NONE
        return Source(name, "residual", df, own, np.quantile(whole, probs), family.latent_note)
    spread = row_spread(design, posterior)
    whole = posterior.parameters["sigma"] * np.sqrt(np.mean(1 / design.weights))
    own = np.quantile(np.sqrt(spread.error), probs)
    return Source(name, "residual", df, own, np.quantile(whole, probs))
