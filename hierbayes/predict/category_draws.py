"""Draws of rows whose response is a category: probabilities, responses and each linear predictor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from hierbayes.design.new_rows import Rows
from hierbayes.design.table import Floats
from hierbayes.families import Family, categorical
from hierbayes.families.category_averages import average_probabilities
from hierbayes.posterior import Posterior
from hierbayes.posterior.roots import covariance_root
from hierbayes.predict.level_effects import generator
from hierbayes.predict.pieces import STEP, Piece
from hierbayes.predict.row_draws import RowDraws, factor_columns, spread_of, through

CategoryFinish = Callable[[Floats, Piece], Floats]


@dataclass(frozen=True)
class CategoryDraws:
    """What gives the draws of any piece of the rows, out of all linear predictors of each.

    Attributes
    ----------
    predictors : tuple of RowDraws
        One for each category but the reference, a single one where they have an order; each gives its linear predictor.
    finish : callable
        Turns the linear predictors of a piece, (rows, draws, predictors), into what is asked for: a category, (rows,
        draws), or the probabilities of all, (rows, draws, K).
    """

    predictors: tuple[RowDraws, ...]
    finish: CategoryFinish

    @property
    def posterior(self) -> Posterior:
        """The draws."""
        return self.predictors[0].posterior

    @property
    def rows(self) -> Rows:
        """The rows; their columns are those of the first predictor."""
        return self.predictors[0].rows

    def of(self, piece: Piece, work: Floats) -> Floats:
        """Return what is asked for of a piece of rows; `work`, shape (rows, draws), is overwritten."""
        return self.finish(np.stack([own.of(piece, work) for own in self.predictors], axis=-1), piece)


def predictors_themselves(eta: Floats, piece: Piece) -> Floats:
    """Return the linear predictors as they are."""
    return eta


def ordered_probabilities(family: Family, posterior: Posterior, rows: Rows | None) -> CategoryFinish:
    """Return the step from the linear predictor to the probability of each category of a response with an order.

    With rows, from the population's linear predictor to the mean over all levels that there might be.
    """
    between = None if rows is None else spread_of(posterior, rows)
    own = posterior.parameters

    def finish(eta: Floats, piece: Piece) -> Floats:
        at, each = eta[..., 0], range(1, family.categories + 1)
        if between is None:
            return np.stack([np.exp(family.log_likelihood(k, at, own)) for k in each], axis=-1)
        variance = between(at, piece)
        return np.stack([family.category_average(k, at, variance, own) for k in each], axis=-1)

    return finish


def probabilities(eta: Floats, piece: Piece) -> Floats:
    """Return the probability of each category at the linear predictors."""
    return np.asarray(np.exp(categorical.log_probabilities(eta)))


def category_of(seed: int) -> CategoryFinish:
    """Return the step from the linear predictors to a category that is drawn; it depends on seed and row."""

    def finish(eta: Floats, piece: Piece) -> Floats:
        found = np.empty(eta.shape[:2])
        for start in range(piece.start, piece.stop, STEP):
            own = slice(start - piece.start, min(start + STEP, piece.stop) - piece.start)
            found[own] = categorical.draw(eta[own], generator(seed, "noise", str(start // STEP)))
        return found

    return finish


def average_of_each(posterior: Posterior, each: Sequence[Rows]) -> CategoryFinish:
    """Return the step from the population's linear predictors to mean probabilities over levels that there might be.

    The group-level parts of a row's predictors are normal around 0 with the covariances ``sum_f z_fc' Sigma_f z_fd`` of
    the predictors c and d, over the factors f.

    Parameters
    ----------
    posterior : Posterior
    each : sequence of Rows
        Those of each predictor, with their groups.
    """
    columns = [factor_columns(rows) for rows in each]
    roots = {factor: own.root for factor, own in posterior.factors.items()}

    def finish(eta: Floats, piece: Piece) -> Floats:
        S = eta.shape[-1]
        covariance = np.zeros((*eta.shape, S))
        for factor, root in roots.items():
            parts = [np.stack(list(through(own[factor][piece.rows], root)), axis=-1) for own in columns]
            for c in range(S):
                for d in range(c + 1):
                    covariance[..., c, d] += np.einsum("rdk,rdk->rd", parts[c], parts[d])
                    covariance[..., d, c] = covariance[..., c, d]
        return np.asarray(average_probabilities(eta, _root(covariance)))

    return finish


def _root(covariance: Floats) -> Floats:
    """Return the lower triangle L of ``L L'``, for matrices along the last two axes; singular ones too."""
    S = covariance.shape[-1]
    flat = covariance.reshape(-1, S, S)
    root = covariance_root(np.ones((len(flat), S)), flat)
    return np.moveaxis(root, -1, 0).reshape(covariance.shape)
