"""A model in mathematics, in words and as a list of what depends on what."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.scaling import BlockPriors, ResolvedPriors
from hierbayes.design.stacked import one_each, owners, parts_of
from hierbayes.priors import Fixed, Prior
from hierbayes.report.likelihood_text import (
    likelihood_latex,
    likelihood_words,
    stated,
)


def latex(design: Design, priors: ResolvedPriors) -> str:
    """Return the model in LaTeX: likelihood, group-level terms and priors, one line each, in an `aligned` block."""
    lines = [likelihood_latex(design), *_predictors_latex(design)]
    for i, (block, own) in enumerate(zip(design.groups, priors.blocks, strict=True)):
        lines += _block_latex(block, own, i, design.predictors)
    for k, (name, alike, prior) in enumerate(zip(design.coefficients, one_each(design), priors.beta, strict=True)):
        symbol, note = rf"\beta_{{{k}}}", _escape(name)
        if alike == "Intercept" and np.any(priors.centre):
            symbol, note = rf"{symbol} + \textstyle\sum_k \bar{{x}}_k \beta_k", f"{note}, at the mean of the predictors"
        lines.append(rf"{_given(symbol, prior)} && \text{{{note}}}")
    symbols = {slot.name: slot.symbol for slot in design.family.all_slots}
    lines += [_given(symbols[name], prior) for name, prior in stated(design, priors)]
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def words(design: Design, priors: ResolvedPriors) -> str:
    """Return the model in words, one sentence a line."""
    said, what = likelihood_words(design, priors), design.family.predictor_words
    if np.any(design.offset != 0):
        said.append(f"A known offset is added to the {what}.")
    if design.coefficients:
        has = "have" if design.predictors > 1 else "has"
        said.append(f"The {what} {has} {_count(len(design.coefficients), 'population-level coefficient')}:")
        for name, alike, prior in zip(design.coefficients, one_each(design), priors.beta, strict=True):
            at = ", at the mean of the predictors" if alike == "Intercept" and np.any(priors.centre) else ""
            said.append(f"  {name} ~ {prior}{at}.")
    for block, own in zip(design.groups, priors.blocks, strict=True):
        said += _block_words(block, own)
    return "\n".join(said)


def graph_text(design: Design, priors: ResolvedPriors) -> str:
    """Return the model's graph as text: each node, its shape, and what it depends on."""
    parents, rows = [], []
    if design.coefficients:
        rows.append(f"beta ({len(design.coefficients)})  <-  priors")
        parents.append("X beta")
    for factor in design.factors:
        blocks = design.blocks(factor)
        k = sum(len(block.terms) for block in blocks)
        corr = any(block.correlated for block in blocks)
        rows.append(f"sd_{factor} ({k})  <-  priors")
        if corr:
            rows.append(f"corr_{factor} ({k} x {k})  <-  LKJ prior")
        rows.append(f"b_{factor} ({blocks[0].n_levels} x {k})  <-  sd_{factor}{f', corr_{factor}' if corr else ''}")
        parents.append(f"Z b_{factor}")
    own = [name for name, _ in stated(design, priors)]
    rows += [f"{name}  <-  prior" for name in own]
    trials = ["trials"] if design.family.counts_trials else []
    rows.append(f"{design.response} ({design.n})  <-  {', '.join([' + '.join(parents) or '0', *own, *trials])}")
    return "\n".join(rows)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _predictors_latex(design: Design) -> list[str]:
    """Return one line for each linear predictor; with several the category is named beside it."""
    found, S = [], design.predictors
    for place in range(S):
        sums = [*_population_latex(design, place), *_groups_latex(design, place)]
        note = rf" && \text{{{_escape(design.categories[place + 1])}}}" if S > 1 else ""
        found.append(f"{design.family.predictor_latex(place + 2)} &= " + (" + ".join(sums) or "0") + note)
    return found


def _population_latex(design: Design, place: int) -> list[str]:
    names, p = one_each(design), len(design.coefficients) // design.predictors
    found = []
    for k in range(place * p, (place + 1) * p):
        name = names[k]
        found.append(rf"\beta_{{{k}}}" if name == "Intercept" else rf"\beta_{{{k}}}\,\text{{{_escape(name)}}}_i")
    if np.any(design.offset != 0):
        found.append(r"\text{offset}_i")
    return found


def _index(block: GroupBlock) -> str:
    return rf"\text{{{_escape(block.factor)}}}[i]"


def _groups_latex(design: Design, place: int) -> list[str]:
    """Return the part of each block in one linear predictor."""
    S, found, number = design.predictors, [], 0
    for i, block in enumerate(design.groups):
        owned = [k for k, owner in enumerate(owners(block, number, S)) if owner == place]
        number = (number + 1) % parts_of(block, S)
        if owned:
            names = [block.terms[k].removeprefix(f"{design.categories[place + 1]}:" if S > 1 else "") for k in owned]
            found.append(_group_latex(block, i, dict(zip(owned, names, strict=True))))
    return found


def _group_latex(block: GroupBlock, number: int, terms: Mapping[int, str]) -> str:
    pieces = []
    for k, term in terms.items():
        symbol = rf"b^{{({number + 1})}}_{{{k},{_index(block)}}}"
        pieces.append(symbol if term == "Intercept" else rf"{symbol}\,\text{{{_escape(term)}}}_i")
    return " + ".join(pieces)


def _block_latex(block: GroupBlock, own: BlockPriors, number: int, predictors: int) -> list[str]:
    top = f"({number + 1})"
    if not block.correlated:
        first = rf"b^{{{top}}}_{{0,j}} &\sim \operatorname{{Normal}}(0,\ \tau^{{{top}}}_0)"
        return [first + rf" && j = 1, \dots, {block.n_levels}", _given(rf"\tau^{{{top}}}_0", own.sd[0])]
    tau = rf"\operatorname{{diag}}(\tau^{{{top}}})"
    symbol = rf"\tilde{{b}}^{{{top}}}" if own.moved else rf"b^{{{top}}}"
    lines = [
        rf"{symbol}_{{\cdot,j}} &\sim \operatorname{{MvNormal}}(0,\ {tau}\,R^{{{top}}}\,{tau}) "
        rf"&& j = 1, \dots, {block.n_levels}"
    ]
    lines += _moved_latex(block, own, top, predictors)
    lines += [_given(rf"\tau^{{{top}}}_{{{k}}}", prior) for k, prior in enumerate(own.sd)]
    assert own.corr is not None
    lines.append(_given(rf"R^{{{top}}}", own.corr))
    return lines


def _moved_latex(block: GroupBlock, own: BlockPriors, top: str, predictors: int) -> list[str]:
    """Say how the effects follow from those that the priors refer to, as at the mean of the columns."""
    if not own.moved:
        return []
    if own.columns:
        rows = r" \\ ".join(" & ".join(f"{x:.4g}" for x in row) for row in np.where(own.basis == 0, 0.0, own.basis))
        return [
            rf"b^{{{top}}}_{{\cdot,j}} &= \begin{{pmatrix}} {rows} \end{{pmatrix}} \tilde{{b}}^{{{top}}}_{{\cdot,j}}"
        ]
    width = len(block.terms) // predictors
    lines = []
    for at in range(0, len(block.terms), width):
        moved = [(k, "-" if x < 0 else "+", abs(x)) for k, x in enumerate(own.basis[at]) if k != at]
        moves = "".join(rf" {sign} {size:.4g}\,\tilde{{b}}^{{{top}}}_{{{k},j}}" for k, sign, size in moved if size)
        lines.append(rf"b^{{{top}}}_{{{at},j}} &= \tilde{{b}}^{{{top}}}_{{{at},j}}{moves}")
    others = ", ".join(str(at) for at in range(0, len(block.terms), width))
    return [*lines, rf"b^{{{top}}}_{{k,j}} &= \tilde{{b}}^{{{top}}}_{{k,j}} && k \ne {others}"]


def _given(symbol: str, prior: Prior) -> str:
    """Write that a parameter has a prior, or what it is fixed at."""
    if not isinstance(prior, Fixed):
        name, _, rest = str(prior).partition("(")
        return rf"{symbol} &\sim \operatorname{{{_escape(name)}}}({_escape(rest.removesuffix(')'))})"
    if isinstance(prior.value, float):
        return rf"{symbol} &= {prior.value:.4g}"
    rows = r" \\ ".join(" & ".join(f"{x:.4g}" for x in row) for row in prior.value)
    return rf"{symbol} &= \begin{{pmatrix}} {rows} \end{{pmatrix}}"


def _block_words(block: GroupBlock, own: BlockPriors) -> list[str]:
    terms = " and ".join(block.terms)
    tie = f"correlated, corr ~ {own.corr}" if block.correlated else "on its own"
    verb = "vary" if block.correlated else "varies"
    said = [f"{terms} {verb} by {block.factor} ({block.n_levels} levels), normal around 0, {tie}:"]
    if own.columns:
        said[0] = f"{said[0][:-1]} in their effects on columns that do not depend on the coding of factors:"
    names = own.columns or block.terms
    at = ", at the mean of its predictors" if own.centred else ""
    said += [f"  sd of {name} ~ {prior}{at}." for name, prior in zip(names, own.sd, strict=True)]
    return said


def _escape(text: str) -> str:
    """Write text so that LaTeX shows it literally, without the backquotes of a formula."""
    special = r"([\\{}$&#^_%~])"
    return re.sub(special, lambda m: _LATEX.get(m.group(1), "\\" + m.group(1)), text.replace("`", ""))


_LATEX = {"\\": r"\textbackslash ", "^": r"\textasciicircum ", "~": r"\textasciitilde "}
