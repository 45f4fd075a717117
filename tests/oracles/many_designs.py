"""Many random designs, one after the other: how many comparisons were made, and which were wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from oracles.design_checks import collapsed_gaps
from oracles.joint_checks import joint_gaps
from oracles.random_designs import random_design

from hierbayes.priors import Fixed, Flat, Normal

EVERY = 4
"""One design in so many has its draws, its conditional modes and the joint engine compared too: they take longest."""


@dataclass(frozen=True)
class Found:
    """What many designs came to.

    Attributes
    ----------
    designs, comparisons : int
    wrong : tuple of str
        Every comparison that differs by more than rounding allows, with its design's number.
    largest : float
        The largest gap of all others, in units of what rounding allows.
    """

    designs: int
    comparisons: int
    wrong: tuple[str, ...]
    largest: float


def examine(number, first=0, every=EVERY):
    """Compare so many designs, those with the numbers from `first` on; one in `every` in all that there is."""
    wrong, comparisons, largest = [], 0, 0.0
    for seed in range(first, first + number):
        gaps = collapsed_gaps(random_design(seed), effects=seed % every == 0)
        if seed % every == 1:
            gaps += joint_gaps(seed)
        comparisons += len(gaps)
        wrong += [f"design {seed}: {own.what} off by {own.size:.2g}" for own in gaps if own.wrong]
        largest = max([largest, *(own.size for own in gaps if not own.wrong)])
    return Found(number, comparisons, tuple(wrong), largest)


KINDS = (
    "a level with fewer rows than columns", "a zero column within a level, before others", "equal columns",
    "a column of zeros", "an empty level", "a level of one row", "one level only", "several bars of one factor",
    "crossed factors", "nested factors", "three factors", "weights", "offset", "flat coefficients",
    "normal coefficients", "dependent coefficients", "sds ten orders apart", "a far column", "no correlations",
    "fewer rows than coefficients",
)  # fmt: skip


def kinds_of(design):
    """Return which of the kinds a design is."""
    problem = design.problem
    found = {kind for block in problem.blocks for kind in _of_block(block)}
    factors = {block.codes.tobytes(): block.codes for block in problem.blocks}
    pairs = [(a, b) for a in factors.values() for b in factors.values() if a is not b]
    sds = np.concatenate([np.linalg.norm(root, axis=1) for root in design.roots])
    flat = [isinstance(prior, Flat) for prior in problem.beta_priors]
    checks = {
        "several bars of one factor": len(factors) < len(problem.blocks),
        "nested factors": any(_nested(a, b) for a, b in pairs),
        "crossed factors": any(not _nested(a, b) and not _nested(b, a) for a, b in pairs),
        "three factors": len(factors) == 3,
        "weights": bool(np.any(problem.weights != 1)),
        "offset": bool(np.any(problem.offset != 0)),
        "flat coefficients": any(flat),
        "normal coefficients": any(isinstance(prior, Normal) for prior in problem.beta_priors),
        "dependent coefficients": np.linalg.matrix_rank(problem.X) < problem.p,
        "sds ten orders apart": sds.max() > 1e10 * sds.min(),
        "fewer rows than coefficients": problem.n < problem.p,
    }
    return found | {kind for kind, held in checks.items() if held}


def _of_block(block):
    k, sizes = block.Z.shape[1], np.bincount(block.codes, minlength=block.n_levels)
    own = [block.Z[block.codes == level] for level in range(block.n_levels) if sizes[level]]
    checks = {
        "a level with fewer rows than columns": any(len(rows) < k for rows in own),
        "a zero column within a level, before others": any(
            len(rows) < k and np.any(~rows[:, :-1].any(axis=0)) and rows[:, -1].any() for rows in own
        ),
        "equal columns": len(np.unique(block.Z, axis=1).T) < k,
        "a column of zeros": bool(np.any(~block.Z.any(axis=0))),
        "an empty level": bool(np.any(sizes == 0)),
        "a level of one row": bool(np.any(sizes == 1)),
        "one level only": block.n_levels == 1,
        "a far column": bool(np.any(np.abs(block.Z.mean(axis=0)) > 1000)),
        "no correlations": isinstance(block.corr_prior, Fixed),
    }
    return {kind for kind, held in checks.items() if held}


def _nested(fine, coarse):
    pairs = {(a, b) for a, b in zip(fine.tolist(), coarse.tolist(), strict=True)}
    return len(pairs) == len({a for a, _ in pairs})
