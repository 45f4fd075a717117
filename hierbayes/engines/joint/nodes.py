"""The working model away from the mode: what the chart that moves with theta needs to follow it, see `following`."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy import sparse

from hierbayes.engines.base import Floats, Ints
from hierbayes.engines.joint import tape as at
from hierbayes.engines.joint.charting import theta_factor
from hierbayes.engines.joint.entries import DENSITY, Working, working
from hierbayes.engines.joint.surface import NEVER, Peak, Surface

_FURTHEST = 12.0
"""Largest log ratio of two informations that is believed; beyond it one of them is rounding."""

Node = tuple[Floats, Floats]


def coefficients(words: Ints, peak: Peak, model: Working) -> Floats:
    """Return a, a', g and g' of each coordinate of theta, from the working models at a node on either side of the mode.

    At a node the scales D take the diagonal of G to that of the information there, and the target e takes the mean of
    (v, beta) to its mode there. Where the mode of one node is not found, that of the other serves for both, and where
    neither is, the working model does not follow that coordinate.
    """
    root, size = theta_factor(peak.hessian), len(peak.at.w)
    found = np.zeros((len(peak.theta), 4, size))
    whole = _Information(words, model, size)
    for i, column in enumerate(root.T):
        ends = [_node(words, peak, whole, model.target, side * at.NODE * column) for side in (-1.0, 1.0)]
        for place in range(2):
            low, high = (None if end is None else end[place] for end in ends)
            if low is not None and high is not None:
                found[i, 2 * place] = (high - low) / (2 * at.NODE)
                found[i, 2 * place + 1] = (high + low) / (2 * at.NODE**2)
            elif high is not None:
                found[i, 2 * place] = high / at.NODE
            elif low is not None:
                found[i, 2 * place] = -low / at.NODE
    return found


def _node(words: Ints, peak: Peak, whole: _Information, target: Floats, move: Floats) -> Node | None:
    """Return log D and e less the target at the mode, at a move of theta; None where the mode there is not found."""
    levels, k = peak.at.levels.shape[:2]
    surface = Surface(words, peak.at.w, levels, k)
    theta = peak.theta + move
    if surface(theta) >= NEVER:
        return None
    there = working(words, theta, surface.at)
    effects = DENSITY.expanded(words, np.concatenate([theta, surface.at.w]))[len(theta) :]
    own = _Information(words, there, len(effects))
    slope = there.target - own @ effects
    with np.errstate(divide="ignore", invalid="ignore"):
        log_scale = 0.5 * np.log(own.diagonal / whole.diagonal)
    log_scale = np.where(np.abs(log_scale) < _FURTHEST, log_scale, 0.0)
    e = whole @ (np.exp(log_scale) * effects) + np.exp(-log_scale) * slope
    return (log_scale, e - target) if np.all(np.isfinite(e)) else None


class _Information:
    """The symmetric matrix G of a working model."""

    def __init__(self, words: Ints, model: Working, size: int) -> None:
        levels, k = model.levels.shape[:2]
        pointers = words[words[at.AT_POINTERS] :][: levels + 1]
        columns = words[words[at.AT_COLUMNS] :][: int(words[at.CELLS])]
        widths = np.repeat(np.diff(pointers), k)
        # the cells of a level stand column by column of the level: k runs of its border columns
        runs = [np.tile(columns[first:stop], k) for first, stop in pairwise(pointers)]
        places = np.concatenate([np.zeros(0, dtype=np.int64), *runs])
        starts = np.concatenate([[0], np.cumsum(widths)])
        self.model, self.first = model, levels * k
        self.cells = sparse.csr_array((model.coupling, places, starts), shape=(levels * k, size - levels * k))
        self.diagonal = np.concatenate([np.diagonal(model.levels, axis1=1, axis2=2).ravel(), np.diagonal(model.border)])

    def __matmul__(self, x: Floats) -> Floats:
        first, rest = x[: self.first], x[self.first :]
        levels, k = self.model.levels.shape[:2]
        own = np.einsum("jab,jb->ja", self.model.levels, first.reshape(levels, k)).ravel()
        return np.concatenate([own + self.cells @ rest, self.model.border @ rest + self.cells.T @ first])
