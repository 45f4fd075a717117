"""The language of hypotheses: the text of one to a tree.

From the tightest: ``^`` (from the right), signs, ``* /``, ``+ -``, then one comparison, or several that point one way.
"""

from __future__ import annotations

from dataclasses import replace

from hierbayes.errors import FormulaError, ModelError
from hierbayes.formula.scanner import Kind, Token
from hierbayes.formula.syntax import Span
from hierbayes.summaries.questions.expressions import Hypothesis, Node, Number, Operation, Quantity, parameters_of
from hierbayes.summaries.questions.parameters import Parameters
from hierbayes.summaries.questions.tokens import FUNCTIONS, parameter_at, split

COMPARISONS = ("<", "<=", ">", ">=", "=", "==")
MOST_OPERATIONS = 200
DEEPEST_NESTING = 50


def read(text: str, parameters: Parameters, compared: bool = True) -> Hypothesis:
    """Read a hypothesis, or an expression if nothing is to be compared.

    Raises
    ------
    FormulaError
        Where it cannot be read; the place is marked.
    """
    if not isinstance(text, str):
        raise ModelError(f"a hypothesis is a text, not {text!r}", 'write "Days > 8", for instance')
    return _Reader(text, parameters).hypothesis(compared)


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, parameters: Parameters) -> None:
        self.text, self.parameters = text, parameters
        self.tokens = split(text, parameters)
        self.index = self.operations = self.depth = 0

    @property
    def current(self) -> Token:
        return self.tokens[self.index]

    def take(self) -> Token:
        token = self.current
        self.index = min(self.index + 1, len(self.tokens) - 1)
        return token

    def sees(self, *operators: str) -> bool:
        return self.current.is_operator(*operators)

    def error(self, what: str, span: Span, hint: str | None = None) -> FormulaError:
        return FormulaError(what, self.text, span.start, span.stop, hint)

    def hypothesis(self, compared: bool) -> Hypothesis:
        if len(self.tokens) == 1:
            raise ModelError("the hypothesis is empty", 'write "Days > 8", for instance')
        sides, operators = [self.sum()], []
        while self.sees(*COMPARISONS):
            operators.append(self.take())
            sides.append(self.sum())
        if self.current.kind is not Kind.END:
            raise self.unexpected()
        whole = Span(sides[0].span.start, sides[-1].span.stop)
        if compared and not operators:
            raise self.error("nothing is compared here", whole, "Write a comparison: x > 0, x = 0 or 0 < x < 3.")
        if operators and not compared:
            raise self.error("a comparison does not belong here", operators[0].span, "Write the quantity alone.")
        if not any(_quantities(side) for side in sides):
            raise self.error("no parameter takes part", whole, f"Parameters: {self.parameters.described()}.")
        return self.ordered(sides, operators)

    def ordered(self, sides: list[Node], operators: list[Token]) -> Hypothesis:
        """Return the hypothesis with its sides from small to large."""
        if len(operators) > 1 and (equal := next(filter(_is_equal, operators), None)):
            raise self.error("an equality stands alone", equal.span, "Give it as a hypothesis of its own.")
        if len({operator.value[0] for operator in operators}) > 1:
            turned = next(o for o in operators if o.value[0] != operators[0].value[0])
            raise self.error("this comparison turns round", turned.span, "Write them all as < or all as >.")
        ties = [operator.value.endswith("=") for operator in operators]
        if operators and operators[0].value[0] == ">":
            sides, ties = sides[::-1], ties[::-1]
        point = bool(operators) and _is_equal(operators[0])
        return Hypothesis(self.text, tuple(sides), point, tuple(ties))

    def sum(self) -> Node:
        left = self.product()
        while self.sees("+", "-"):
            left = self.joined(self.take(), left, self.product())
        return left

    def product(self) -> Node:
        left = self.signed()
        while self.sees("*", "/"):
            left = self.joined(self.take(), left, self.signed())
        return left

    def signed(self) -> Node:
        if not self.sees("+", "-"):
            return self.power()
        sign = self.take()
        self.count(sign)
        operand = self.signed()
        return Operation(sign.value, (operand,), Span(sign.span.start, operand.span.stop))

    def power(self) -> Node:
        base = self.operand()
        return self.joined(self.take(), base, self.signed()) if self.sees("^", "**") else base

    def joined(self, operator: Token, left: Node, right: Node) -> Operation:
        self.count(operator)
        name = "^" if operator.value == "**" else operator.value
        return Operation(name, (left, right), Span(left.span.start, right.span.stop))

    def count(self, operator: Token) -> None:
        self.operations += 1
        if self.operations > MOST_OPERATIONS:
            raise self.error(f"a hypothesis holds at most {MOST_OPERATIONS} operations", operator.span)

    def operand(self) -> Node:
        token = self.current
        if token.kind is Kind.NUMBER:
            return Number(float(token.value), self.take().span)
        if token.kind is Kind.NAME and token.value in FUNCTIONS and self.tokens[self.index + 1].is_operator("("):
            return self.call()
        if token.is_name:
            self.take()
            return Quantity(parameter_at(self.text, token.value, token.span, self.parameters), token.span)
        if token.is_operator("("):
            return self.parentheses()
        raise self.unexpected()

    def call(self) -> Node:
        function = self.take()
        opened = self.take()
        self.deeper(opened)
        arguments = [self.sum()]
        while self.sees(","):
            self.take()
            arguments.append(self.sum())
        stop = self.close(opened)
        several = function.value in ("min", "max")
        if several != (len(arguments) > 1):
            takes = "two or more arguments" if several else "one argument"
            raise self.error(f"{function.value}() takes {takes}", Span(function.span.start, stop))
        self.count(function)
        return Operation(function.value, tuple(arguments), Span(function.span.start, stop))

    def parentheses(self) -> Node:
        opened = self.take()
        self.deeper(opened)
        inner = self.sum()
        if self.sees(*COMPARISONS):
            raise self.error("a comparison cannot stand in parentheses", self.current.span)
        return replace(inner, span=Span(opened.span.start, self.close(opened)))

    def deeper(self, opened: Token) -> None:
        self.depth += 1
        if self.depth > DEEPEST_NESTING:
            raise self.error(f"parentheses are nested more than {DEEPEST_NESTING} deep", opened.span)

    def close(self, opened: Token) -> int:
        if self.current.kind is Kind.END:
            raise self.error("this ( is never closed", opened.span, "Close it with ).")
        if not self.sees(")"):
            raise self.unexpected()
        self.depth -= 1
        return self.take().span.stop

    def unexpected(self) -> FormulaError:
        """Return the error for a token that cannot stand where it stands."""
        token = self.current
        before = self.tokens[self.index - 1] if self.index else None
        ended = before is not None and (before.kind is not Kind.OPERATOR or before.is_operator(")"))
        if token.kind is Kind.END:
            last = before.span if before is not None else token.span
            return self.error("the hypothesis ends where a value is missing", last)
        if token.is_operator(")") and ended:
            return self.error("this ) does not close anything", token.span, "Take it out, or open it with (.")
        if token.is_operator(",") and ended:
            return self.error("a comma stands only between arguments", token.span, "Give several hypotheses as a list.")
        wanted = "an operator" if ended else "a value"
        return self.error(f"{wanted} is missing before {self.text[token.span.start : token.span.stop]}", token.span)


def _is_equal(token: Token) -> bool:
    return token.value in ("=", "==")


def _quantities(node: Node) -> bool:
    return next(parameters_of(node), None) is not None
