"""Draws of what is predicted for rows of a design: the mean, the response, residuals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hierbayes.design.new_rows import Rows
from hierbayes.design.table import Floats, at_rows, share_of
from hierbayes.errors import ModelError
from hierbayes.families import Family
from hierbayes.posterior import Posterior
from hierbayes.predict.level_effects import LevelEffects, generator
from hierbayes.predict.pieces import STEP, Piece

Finish = Callable[[Floats, Piece], Floats]


@dataclass(frozen=True)
class RowDraws:
    """What gives the draws of any piece of the rows.

    Attributes
    ----------
    posterior : Posterior
    rows : Rows
    effects : mapping of str to LevelEffects
        By factor; factors without effects play no part.
    finish : callable
        Turns the linear predictor of a piece into what is asked for; may overwrite it.
    """

    posterior: Posterior
    rows: Rows
    effects: Mapping[str, LevelEffects]
    finish: Finish

    def ending(self, finish: Finish) -> RowDraws:
        """Return the same rows with another last step."""
        return replace(self, finish=finish)

    def of(self, piece: Piece, work: Floats) -> Floats:
        """Return the draws of a piece of rows, shape (rows, S); `work` is overwritten and has that shape.

        Each number is summed column by column, in the order of the design: the offset, the population columns, then
        each group-level term. No sum runs over rows, so that a row has the same bits in every frame.
        """
        drawn = np.empty_like(work)
        drawn[:] = self.rows.offset[piece.rows, None]
        for column, beta in zip(self.rows.X[piece.rows].T, self.posterior.columns, strict=True):
            if not column.any():
                continue
            np.multiply(column[:, None], beta, out=work)
            drawn += work
        self._add_effects(drawn, piece, work)
        return self.finish(drawn, piece)

    def _add_effects(self, drawn: Floats, piece: Piece, work: Floats) -> None:
        first = dict.fromkeys(self.effects, 0)
        for group in self.rows.groups:
            if group.factor not in self.effects:
                continue
            effects, place = self.effects[group.factor].at(group.codes[piece.rows])
            for column in group.Z[piece.rows].T:
                if column.any():
                    effects[:, first[group.factor]].take(place, axis=0, out=work, mode="clip")
                    work *= column[:, None]
                    drawn += work
                first[group.factor] += 1


def link_itself(drawn: Floats, piece: Piece) -> Floats:
    """Return the linear predictor as it is."""
    return drawn


def mean_of(family: Family, posterior: Posterior) -> Finish:
    """Return the step from the linear predictor to the mean of the response."""

    def finish(drawn: Floats, piece: Piece) -> Floats:
        return np.asarray(family.mean(drawn, posterior.parameters))

    return finish


def average_of(family: Family, posterior: Posterior, rows: Rows) -> Finish:
    """Return the step from the population's linear predictor to the mean over all levels that there might be.

    The group-level part of a row is normal around 0 with variance ``sum_f z_f' Sigma_f z_f`` over the factors f.
    """
    between = spread_of(posterior, rows)

    def finish(drawn: Floats, piece: Piece) -> Floats:
        return np.asarray(family.average(drawn, between(drawn, piece), posterior.parameters))

    return finish


def spread_of(posterior: Posterior, rows: Rows) -> Finish:
    """Return what gives the variance of the group-level part of each row of a piece, in the shape of its predictor."""
    stacked = factor_columns(rows)
    roots = {factor: own.root for factor, own in posterior.factors.items()}

    def between(drawn: Floats, piece: Piece) -> Floats:
        variance = np.zeros_like(drawn)
        for factor, Z in stacked.items():
            for part in through(Z[piece.rows], roots[factor]):
                variance += part**2
        return variance

    return between


def factor_columns(rows: Rows) -> dict[str, Floats]:
    """Return the columns of all terms of each grouping factor."""
    columns: dict[str, list[Floats]] = {}
    for group in rows.groups:
        columns.setdefault(group.factor, []).append(group.Z)
    return {factor: np.hstack(own) for factor, own in columns.items()}


def through(Z: Floats, root: Floats) -> Iterator[Floats]:
    """Yield the columns of ``z' L``, each of shape (rows, S); every number is summed in one order."""
    for j in range(Z.shape[1]):
        own = Z[:, j, None] * root[j, j]
        for i in range(j + 1, Z.shape[1]):
            own += Z[:, i, None] * root[i, j]
        yield own


def response_of(family: Family, posterior: Posterior, rows: Rows, seed: int) -> Finish:
    """Return the step from the linear predictor to a response: for the gaussian, noise of sd ``sigma / sqrt(weight)``.

    The noise of a row depends on the seed and on its place in the frame.
    """
    if family.conjugate:
        return _with_noise(family, posterior, rows.weights, seed)

    def finish(drawn: Floats, piece: Piece) -> Floats:
        for start in range(piece.start, piece.stop, STEP):
            own = slice(start - piece.start, min(start + STEP, piece.stop) - piece.start)
            rng = generator(seed, "noise", str(start // STEP))
            trials = at_rows(rows.trials, piece.rows, (own, None))
            drawn[own] = family.draw(drawn[own], posterior.parameters, rng, trials=trials)
        return drawn

    return finish


def _with_noise(family: Family, posterior: Posterior, weights: Floats, seed: int) -> Finish:
    sigma = posterior.parameters["sigma"]

    def finish(drawn: Floats, piece: Piece) -> Floats:
        drawn = family.mean(drawn)
        for start in range(piece.start, piece.stop, STEP):
            noise = generator(seed, "noise", str(start // STEP)).standard_normal((STEP, posterior.size))
            own = slice(start - piece.start, min(start + STEP, piece.stop) - piece.start)
            noise = noise[: own.stop - own.start]
            noise *= sigma
            noise /= np.sqrt(weights[start : start + len(noise)])[:, None]
            drawn[own] += noise
        return drawn

    return finish


def residual_of(family: Family, posterior: Posterior, rows: Rows, standardized: bool) -> Finish:
    """Return the step from the linear predictor to residuals, response minus mean; of shares for ``binomial``.

    Standardized ones are divided by the sd of the response in the same draw.
    """
    y = rows.y
    if y is None:
        raise ModelError("residuals need the response")
    response = share_of(y, rows.trials)

    def finish(drawn: Floats, piece: Piece) -> Floats:
        left: Floats = response[piece.rows, None] - family.mean(drawn, posterior.parameters)
        if not standardized:
            return left
        if family.conjugate:
            left *= np.sqrt(rows.weights[piece.rows])[:, None]
            left /= posterior.parameters["sigma"]
            return left
        trials = at_rows(rows.trials, (piece.rows, None))
        sd = np.sqrt(family.variance(drawn, posterior.parameters, trials=trials))
        return np.asarray(left / (sd if trials is None else sd / trials))

    return finish
