"""The operators of the formula language as a tree, before they are expanded."""

from __future__ import annotations

from dataclasses import dataclass

from hierbayes.expressions.syntax import Call, Name, Number, Span, Text


@dataclass(frozen=True)
class Chain:
    """Operands joined by operators of one precedence, from left to right: ``+ -``, ``* /`` or ``:``.

    A leading sign leaves `first` empty. Chains are flat, so that a long sum is not a deep tree.
    """

    first: Node | None
    rest: tuple[tuple[str, Node], ...]
    span: Span


@dataclass(frozen=True)
class Power:
    """``(a + b)^n``."""

    base: Node
    exponent: int
    span: Span


@dataclass(frozen=True)
class Bar:
    """``left | right``, or ``left || right`` when `split`; `bare` without parentheses around it."""

    left: Node
    right: Node
    split: bool
    bare: bool
    span: Span


Node = Name | Number | Text | Call | Chain | Power | Bar
