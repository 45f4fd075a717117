"""Tokens to a tree: arithmetic, as every language of the package reads it.

From the tightest: powers, from the right; signs; ``* /``; ``+ -``. So ``-x^2`` is ``-(x^2)``, ``x^-k`` is ``x^(-k)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from hierbayes.errors import FormulaError
from hierbayes.expressions.scanner import Stream, Token
from hierbayes.expressions.syntax import Binary, Expression, Span, Unary


class Reader(ABC):
    """Reads arithmetic; a language says what its operands are. Counting operations bounds the depth of the tree."""

    most_operations: int

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.operations = 0

    @abstractmethod
    def operand(self) -> Expression:
        """Read what stands between operators."""

    @abstractmethod
    def whole(self) -> Expression:
        """Read what stands in parentheses."""

    @abstractmethod
    def misplaced(self) -> FormulaError:
        """Return the error for a token that cannot stand where it stands."""

    @abstractmethod
    def too_many(self, span: Span) -> FormulaError:
        """Return the error for more operations than `most_operations`."""

    def sum(self) -> Expression:
        """Read a sum."""
        left = self.product()
        while self.stream.sees("+", "-"):
            left = joined(self.operator().value, left, self.product())
        return left

    def product(self) -> Expression:
        """Read a product."""
        left = self.signed()
        while self.stream.sees("*", "/"):
            left = joined(self.operator().value, left, self.signed())
        return left

    def signed(self) -> Expression:
        """Read an operand that may have a sign, which binds less than a power: ``-x^2`` is ``-(x^2)``."""
        if not self.stream.sees("+", "-"):
            return self.power()
        sign = self.operator()
        operand = self.signed()
        return Unary(sign.value, operand, Span(sign.span.start, operand.span.stop))

    def power(self) -> Expression:
        """Read a power, which groups from the right."""
        base = self.operand()
        if not self.stream.sees("^", "**"):
            return base
        self.operator()
        return joined("**", base, self.signed())

    def operator(self) -> Token:
        """Take an operator, or the name of a function, and count it."""
        token = self.stream.take()
        self.operations += 1
        if self.operations > self.most_operations:
            raise self.too_many(token.span)
        return token

    def parentheses(self) -> Expression:
        """Read an expression in parentheses."""
        self.stream.take()
        inner = self.whole()
        if not self.stream.sees(")"):
            raise self.misplaced()
        self.stream.take()
        return inner


def joined(operator: str, left: Expression, right: Expression) -> Binary:
    """Return two operands joined by an operator."""
    return Binary(operator, left, right, Span(left.span.start, right.span.stop))
