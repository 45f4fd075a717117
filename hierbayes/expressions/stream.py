"""A cursor over the tokens of a text, and the errors that mark a place in it."""

from __future__ import annotations

from hierbayes.errors import FormulaError
from hierbayes.expressions.scanner import Kind, Language, NameReader, Token, plain_name, scan
from hierbayes.expressions.syntax import Span


class Stream:
    """The tokens of one text, how far they have been read, and how many products its terms have taken."""

    def __init__(self, text: str, language: Language, name: NameReader = plain_name) -> None:
        self.text, self.noun = text, language.noun
        self.tokens = scan(text, language, name)
        self.index = 0
        self.products = 0

    @property
    def current(self) -> Token:
        """The token that comes next."""
        return self.tokens[self.index]

    @property
    def following(self) -> Token:
        """The token after the next one."""
        return self.tokens[min(self.index + 1, len(self.tokens) - 1)]

    @property
    def after_operand(self) -> bool:
        """Whether the token before the next one ends an operand."""
        if self.index == 0:
            return False
        before = self.tokens[self.index - 1]
        return before.kind is not Kind.OPERATOR or before.is_operator(")", "]")

    def take(self) -> Token:
        """Return the next token and step over it; the end is never stepped over."""
        token = self.current
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def sees(self, *operators: str) -> bool:
        """Whether one of these operators comes next."""
        return self.current.is_operator(*operators)

    def error(self, what: str, span: Span, hint: str | None = None) -> FormulaError:
        """Return the error that marks a place in this text."""
        return FormulaError(what, self.text, span.start, span.stop, hint)

    def unexpected(self, wanted: str) -> FormulaError:
        """Return the error for a token that cannot stand where it stands."""
        token = self.current
        if token.kind is Kind.END:
            last = self.tokens[self.index - 1].span if self.index else token.span
            return self.error(f"the {self.noun} ends where {wanted} is missing", last)
        return self.error(f"{wanted} is missing before {self.source(token.span)}", token.span)

    def source(self, span: Span) -> str:
        """Return the text of a place, shortened when it is long."""
        text = " ".join(self.text[span.start : span.stop].split())
        return text if len(text) <= 40 else f"{text[:37]}..."
