"""A model in mathematics, in words and as a list of what depends on what."""

from __future__ import annotations

import re

import numpy as np

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.scaling import BlockPriors, ResolvedPriors
from hierbayes.priors import Fixed, Prior
from hierbayes.report.likelihood_text import (
    likelihood_latex,
    likelihood_words,
    predictor_latex,
    predictor_words,
    stated,
    symbol_of,
)


def latex(design: Design, priors: ResolvedPriors) -> str:
    """Return the model in LaTeX: likelihood, group-level terms and priors, one line each, in an `aligned` block."""
    lines = [likelihood_latex(design)]
    sums = [*_population_latex(design), *(_group_latex(block, i) for i, block in enumerate(design.groups))]
    lines.append(f"{predictor_latex(design)} &= " + (" + ".join(sums) or "0"))
    for i, (block, own) in enumerate(zip(design.groups, priors.blocks, strict=True)):
        lines += _block_latex(block, own, i)
    for k, (name, prior) in enumerate(zip(design.coefficients, priors.beta, strict=True)):
        symbol, note = rf"\beta_{{{k}}}", _escape(name)
        if name == "Intercept" and np.any(priors.centre):
            symbol, note = rf"{symbol} + \textstyle\sum_k \bar{{x}}_k \beta_k", f"{note}, at the mean of the predictors"
        lines.append(rf"{_given(symbol, prior)} && \text{{{note}}}")
    lines += [_given(symbol_of(name), prior) for name, prior in stated(design, priors)]
    body = " \\\\\n".join(lines)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


def words(design: Design, priors: ResolvedPriors) -> str:
    """Return the model in words, one sentence a line."""
    said, what = likelihood_words(design, priors), predictor_words(design)
    if np.any(design.offset != 0):
        said.append(f"A known offset is added to the {what}.")
    if design.coefficients:
        said.append(f"The {what} has {_count(len(design.coefficients), 'population-level coefficient')}:")
        for name, prior in zip(design.coefficients, priors.beta, strict=True):
            at = ", at the mean of the predictors" if name == "Intercept" and np.any(priors.centre) else ""
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
    trials = [] if design.trials is None else ["trials"]
    rows.append(f"{design.response} ({design.n})  <-  {', '.join([' + '.join(parents) or '0', *own, *trials])}")
    return "\n".join(rows)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _population_latex(design: Design) -> list[str]:
    found = []
    for k, name in enumerate(design.coefficients):
        found.append(rf"\beta_{{{k}}}" if name == "Intercept" else rf"\beta_{{{k}}}\,\text{{{_escape(name)}}}_i")
    if np.any(design.offset != 0):
        found.append(r"\text{offset}_i")
    return found


def _index(block: GroupBlock) -> str:
    return rf"\text{{{_escape(block.factor)}}}[i]"


def _group_latex(block: GroupBlock, number: int) -> str:
    pieces = []
    for k, term in enumerate(block.terms):
        symbol = rf"b^{{({number + 1})}}_{{{k},{_index(block)}}}"
        pieces.append(symbol if term == "Intercept" else rf"{symbol}\,\text{{{_escape(term)}}}_i")
    return " + ".join(pieces)


def _block_latex(block: GroupBlock, own: BlockPriors, number: int) -> list[str]:
    top = f"({number + 1})"
    if not block.correlated:
        first = rf"b^{{{top}}}_{{0,j}} &\sim \operatorname{{Normal}}(0,\ \tau^{{{top}}}_0)"
        return [first + rf" && j = 1, \dots, {block.n_levels}", _given(rf"\tau^{{{top}}}_0", own.sd[0])]
    tau = rf"\operatorname{{diag}}(\tau^{{{top}}})"
    symbol = rf"\tilde{{b}}^{{{top}}}" if np.any(own.centre) else rf"b^{{{top}}}"
    lines = [
        rf"{symbol}_{{\cdot,j}} &\sim \operatorname{{MvNormal}}(0,\ {tau}\,R^{{{top}}}\,{tau}) "
        rf"&& j = 1, \dots, {block.n_levels}"
    ]
    lines += _uncentred_latex(block, own, top)
    lines += [_given(rf"\tau^{{{top}}}_{{{k}}}", prior) for k, prior in enumerate(own.sd)]
    assert own.corr is not None
    lines.append(_given(rf"R^{{{top}}}", own.corr))
    return lines


def _uncentred_latex(block: GroupBlock, own: BlockPriors, top: str) -> list[str]:
    """Say how the effects follow from those at the mean of the predictors, which the priors speak of."""
    if not np.any(own.centre):
        return []
    at = block.terms.index("Intercept")
    moved = [(k, "-" if z > 0 else "+", abs(z)) for k, z in enumerate(own.centre) if z]
    moves = "".join(rf" {sign} {size:.4g}\,\tilde{{b}}^{{{top}}}_{{{k},j}}" for k, sign, size in moved)
    rest = rf"b^{{{top}}}_{{k,j}} &= \tilde{{b}}^{{{top}}}_{{k,j}} && k \ne {at}"
    return [rf"b^{{{top}}}_{{{at},j}} &= \tilde{{b}}^{{{top}}}_{{{at},j}}{moves}", rest]


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
    at = ", at the mean of its predictors" if np.any(own.centre) else ""
    said += [f"  sd of {term} ~ {prior}{at}." for term, prior in zip(block.terms, own.sd, strict=True)]
    return said


def _escape(text: str) -> str:
    """Write text so that LaTeX shows it literally, without the backquotes of a formula."""
    special = r"([\\{}$&#^_%~])"
    return re.sub(special, lambda m: _LATEX.get(m.group(1), "\\" + m.group(1)), text.replace("`", ""))


_LATEX = {"\\": r"\textbackslash ", "^": r"\textasciicircum ", "~": r"\textasciitilde "}
