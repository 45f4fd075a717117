"""Function calls: what stands between their parentheses is arithmetic, not formula language."""

from __future__ import annotations

import math

from hierbayes.errors import FormulaError
from hierbayes.expressions.functions import FUNCTIONS
from hierbayes.expressions.reader import Reader, joined
from hierbayes.expressions.scanner import Kind, Stream
from hierbayes.expressions.syntax import (
    COMPARISONS,
    CONSTANTS,
    Call,
    Expression,
    Name,
    Number,
    Sequence,
    Span,
    Text,
    Unary,
    names_in,
)
from hierbayes.formula.arguments import GROUPS, SPELLINGS, categorical, check_arguments, check_function, check_name

Keywords = tuple[tuple[str, Expression], ...]


class CallReader(Reader):
    """Reads one outermost call."""

    most_operations = 100

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self.within: list[str] = []

    def call(self) -> Call:
        """Read a call of an allowed function; the next token is its name.

        Raises
        ------
        FormulaError
            For a function that is not allowed, or arguments that it does not take.
        """
        token = self.stream.take()
        check_function(self.stream, token, self.within)
        self.within.append(token.value)
        args, kwargs, stop = self.arguments()
        self.within.pop()
        found = Call(token.value, args, kwargs, Span(token.span.start, stop))
        if token.value in ("C", "factor"):
            return categorical(self.stream, found)
        check_arguments(self.stream, found, FUNCTIONS[token.value])
        if not self.within and next(names_in(found), None) is None:
            raise self.stream.error(f"{token.value}() of a constant names no column", found.span)
        return found

    def arguments(self) -> tuple[tuple[Expression, ...], Keywords, int]:
        """Read the arguments, with their parentheses; also return where they end."""
        stream = self.stream
        stream.take()
        args: list[Expression] = []
        kwargs: list[tuple[str, Expression]] = []
        while not stream.sees(")"):
            if stream.current.is_name and stream.following.is_operator("="):
                kwargs.append(self.keyword({name for name, _ in kwargs}))
            elif kwargs:
                raise stream.error("an argument without a name follows one with a name", stream.current.span)
            else:
                args.append(self.whole())
            if stream.sees(","):
                stream.take()
            elif not stream.sees(")"):
                raise self.misplaced()
        return tuple(args), tuple(kwargs), stream.take().span.stop

    def keyword(self, given: set[str]) -> tuple[str, Expression]:
        """Read ``name = value``."""
        token = self.stream.take()
        self.stream.take()
        if token.value in given:
            raise self.stream.error(f"{token.value} is given twice", token.span)
        return token.value, self.whole()

    def whole(self) -> Expression:
        """Read at most one comparison, or what ``!`` denies, which binds less, as in R."""
        if self.stream.sees("!"):
            sign = self.operator()
            denied = self.whole()
            return Unary("!", denied, Span(sign.span.start, denied.span.stop))
        left = self.sum()
        if not self.stream.sees(*COMPARISONS):
            return left
        operator = self.operator()
        right = self.sum()
        if self.stream.sees(*COMPARISONS):
            hint = "Multiply two: I((x > 1) * (x < 3))."
            raise self.stream.error("comparisons cannot be chained", self.stream.current.span, hint)
        return joined(operator.value, left, right)

    def too_many(self, span: Span) -> FormulaError:
        """Return the error for a call that holds too many operations."""
        what = f"one function call holds more than {self.most_operations} operations"
        return self.stream.error(what, span, "Put the derived column into the data and name it.")

    def operand(self) -> Expression:
        """Read a constant, a list, a column, a call or parentheses."""
        stream = self.stream
        token = stream.current
        if token.kind is Kind.NAME and stream.following.is_operator("("):
            return self.inner_call()
        if token.kind is Kind.NUMBER:
            return Number(float(token.value), stream.take().span)
        if token.kind is Kind.TEXT:
            return Text(token.value, stream.take().span)
        if token.kind is Kind.NAME and token.value == "pi":
            return Number(math.pi, stream.take().span)
        if token.kind is Kind.NAME and token.value in CONSTANTS:
            return Text(CONSTANTS[token.value], stream.take().span)
        if token.is_name:
            check_name(stream, token)
            return Name(token.value, stream.take().span)
        if token.is_operator("["):
            return self.sequence(token.span.start, "]")
        if token.is_operator("("):
            return self.parentheses()
        raise self.misplaced()

    def inner_call(self) -> Expression:
        """Read a call within a call: a list ``c(...)``, a contrast within ``C()``, or a function."""
        token = self.stream.current
        if token.value == "c":
            self.stream.take()
            return self.sequence(token.span.start, ")")
        if self.within[-1] in ("C", "factor") and token.value in SPELLINGS:
            self.stream.take()
            args, kwargs, stop = self.arguments()
            return Call(token.value, args, kwargs, Span(token.span.start, stop))
        return self.call()

    def sequence(self, start: int, closing: str) -> Sequence:
        """Read a list of constants up to its closing bracket; the next token opens it."""
        stream = self.stream
        stream.take()
        items: list[Expression] = []
        while not stream.sees(closing):
            item = self.signed()
            if not is_constant(item):
                raise stream.error("a list takes constants only", item.span, 'Write ["a", "b"] or [1, 2.5].')
            items.append(item)
            if stream.sees(","):
                stream.take()
            elif not stream.sees(closing):
                raise self.misplaced()
        span = Span(start, stream.take().span.stop)
        if not items:
            raise stream.error("the list is empty", span)
        return Sequence(tuple(items), span)

    def misplaced(self) -> FormulaError:
        """Return the error for a token that cannot stand inside a call."""
        stream = self.stream
        function = self.within[-1]
        if stream.sees("|", "||"):
            hint = "Write (x | g) as a summand of its own."
            return stream.error(f"a bar cannot stand inside {function}()", stream.current.span, hint)
        if stream.sees(":"):
            hint = GROUPS if function == "ave" else "Write log(x):z, or I(x * z)."
            return stream.error(f"`:` has no meaning inside {function}()", stream.current.span, hint)
        if stream.sees("="):
            return stream.error("this = has no argument's name before it", stream.current.span, "Write == to compare.")
        if stream.sees("~"):
            return stream.error(f"`~` cannot stand inside {function}()", stream.current.span)
        if stream.sees("["):
            what = "a column cannot be subset in a formula"
            return stream.error(what, stream.current.span, "Choose the rows of the data before.")
        return stream.unexpected("an operator or a comma" if stream.after_operand else "a value")


def is_constant(expression: Expression) -> bool:
    """Whether an expression is a number, with or without a sign, or a text."""
    if isinstance(expression, Unary):
        return isinstance(expression.operand, Number)
    return isinstance(expression, Number | Text)
