"""Draws of what is predicted for rows of a design: the mean, the response, residuals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from hierbayes.design.new_rows import Rows
from hierbayes.design.table import Floats
from hierbayes.errors import ModelError
from hierbayes.families import Family
from hierbayes.predict.level_effects import LevelEffects, generator
from hierbayes.predict.pieces import STEP, Piece
from hierbayes.predict.posterior_draws import PosteriorDraws

Finish = Callable[[Floats, Piece], Floats]


@dataclass(frozen=True)
class RowDraws:
    """What gives the draws of any piece of the rows.

    Attributes
    ----------
    posterior : PosteriorDraws
    rows : Rows
    effects : mapping of str to LevelEffects
        By factor; factors without effects play no part.
    finish : callable
        Turns the linear predictor of a piece into what is asked for; may overwrite it.
    """

    posterior: PosteriorDraws
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
        for column, beta in zip(self.rows.X[piece.rows].T, self.posterior.beta, strict=True):
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
                effects[:, first[group.factor]].take(place, axis=0, out=work, mode="clip")
                work *= column[:, None]
                drawn += work
                first[group.factor] += 1


def mean_of(family: Family) -> Finish:
    """Return the step from the linear predictor to the mean of the response."""

    def finish(drawn: Floats, piece: Piece) -> Floats:
        return np.asarray(family.mean(drawn))

    return finish


def response_of(family: Family, posterior: PosteriorDraws, weights: Floats, seed: int) -> Finish:
    """Return the step from the linear predictor to a response: the mean and noise of sd ``sigma / sqrt(weight)``.

    The noise of a row depends on the seed and on its place in the frame.
    """
    if family.name != "gaussian":
        raise ModelError(f"responses of the family {family.name!r} cannot be drawn yet")

    def finish(drawn: Floats, piece: Piece) -> Floats:
        drawn = family.mean(drawn)
        for start in range(piece.start, piece.stop, STEP):
            noise = generator(seed, "noise", str(start // STEP)).standard_normal((STEP, posterior.size))
            own = slice(start - piece.start, min(start + STEP, piece.stop) - piece.start)
            noise = noise[: own.stop - own.start]
            noise *= posterior.sigma
            noise /= np.sqrt(weights[start : start + len(noise)])[:, None]
            drawn[own] += noise
        return drawn

    return finish


def residual_of(family: Family, posterior: PosteriorDraws, rows: Rows, standardized: bool) -> Finish:
    """Return the step from the linear predictor to residuals, response minus mean.

    Standardized ones are divided by their own sd, ``sigma / sqrt(weight)``, of the same draw.
    """
    y = rows.y
    if y is None:
        raise ModelError("residuals need the response")

    def finish(drawn: Floats, piece: Piece) -> Floats:
        left: Floats = y[piece.rows, None] - family.mean(drawn)
        if standardized:
            left *= np.sqrt(rows.weights[piece.rows])[:, None]
            left /= posterior.sigma
        return left

    return finish
