"""What a model asks, in words: what depends on what, and what varies by what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.stacked import first_of_each
from hierbayes.errors import ModelError
from hierbayes.formula import Formula, Group, show


def question(formula: Formula, design: Design) -> str:
    """Return the question that a formula asks, as one sentence.

    Examples
    --------
    >>> import hierbayes as hb
    >>> from hierbayes.report.question import question
    >>> model = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy"))
    >>> question(model.spec.formula, model.design)
    'How does Reaction depend on Days, and how much does this differ between the levels of Subject?'
    """
    on = listed([show(term) for term in formula.population.terms])
    mean = f"How does {design.response} depend on {on}" if on else f"What is the mean of {design.response}"
    between = " and ".join(f"between the levels of {factor}" for factor in design.factors)
    if not between:
        return f"{mean}?"
    if not on and not formula.population.intercept:
        return f"How much does {design.response} differ {between}?"
    return f"{mean}, and how much does {'this' if on else 'it'} differ {between}?"


def variation(formula: Formula, design: Design) -> tuple[str, ...]:
    """Return one sentence for each group-level term: what varies, by what, and with what."""
    said = []
    seen: set[str] = set()
    for group, block in zip(formula.groups, first_of_each(design.groups, design.predictors), strict=True):
        said.append(_varies(group, block, block.factor in seen))
        seen.add(block.factor)
    return tuple(said) or ("Nothing varies by group: the rows are taken as independent of each other.",)


def rows_in_use(design: Design) -> tuple[str, ...]:
    """Return how many rows there are, and how many each level has where the data are there."""
    dropped = design.rows_given - design.n
    said = [f"{design.n:,} rows" + (f"; {dropped:,} more were dropped for missing values" if dropped else "") + "."]
    for factor in design.factors:
        block = design.blocks(factor)[0]
        try:
            counts = np.bincount(block.codes[:: design.predictors], minlength=block.n_levels)
        except ModelError:
            continue
        least, most = int(counts.min()), int(counts.max())
        each = f"{least:,}" if least == most else f"{least:,} to {most:,}"
        said.append(f"{factor}: {block.n_levels:,} levels of {each} row{'' if most == 1 else 's'} each.")
    return tuple(said)


def listed(names: Sequence[str]) -> str:
    """List names as a sentence does.

    >>> listed(["a", "b", "c"]), listed(["a"])
    ('a, b and c', 'a')
    """
    *first, last = names or [""]
    return f"{', '.join(first)} and {last}" if first else last


def _varies(group: Group, block: GroupBlock, again: bool) -> str:
    what = (["the level"] if group.part.intercept else []) + [f"the effect of {show(t)}" for t in group.part.terms]
    verb = "varies" if len(what) == 1 else "vary"
    tie = ", and what varies may be correlated" if block.correlated else ""
    apart = ", uncorrelated with the terms above" if again else ""
    said = f"{listed(what)} {verb} by {block.factor} ({block.n_levels:,} levels){tie}{apart}."
    return said[0].upper() + said[1:]
