"""The language of hypotheses: the text of one to a tree.

It is arithmetic of parameters, then one comparison, or several that point one way.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hierbayes.errors import FormulaError, ModelError
from hierbayes.expressions.reader import Reader
from hierbayes.expressions.scanner import Kind, Stream, Token
from hierbayes.expressions.syntax import Call, Expression, Number, Span, names_in
from hierbayes.summaries.questions.expressions import Hypothesis, Quantity
from hierbayes.summaries.questions.parameters import Parameters
from hierbayes.summaries.questions.tokens import FUNCTIONS, HYPOTHESIS, name_at, parameter_at

COMPARISONS = ("<", "<=", ">", ">=", "=", "==")


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


class _Reader(Reader):
    """Reads one text from left to right."""

    most_operations = 200

    def __init__(self, text: str, parameters: Parameters) -> None:
        super().__init__(Stream(text, HYPOTHESIS, partial(name_at, parameters=parameters)))
        self.parameters = parameters

    def hypothesis(self, compared: bool) -> Hypothesis:
        if len(self.stream.tokens) == 1:
            raise ModelError("the hypothesis is empty", 'write "Days > 8", for instance')
        sides, operators = [self.sum()], []
        while self.stream.sees(*COMPARISONS):
            operators.append(self.stream.take())
            sides.append(self.sum())
        if self.stream.current.kind is not Kind.END:
            raise self.misplaced()
        whole = Span(sides[0].span.start, sides[-1].span.stop)
        if compared and not operators:
            raise self.stream.error("nothing is compared here", whole, "Write a comparison: x > 0, x = 0 or 0 < x < 3.")
        if operators and not compared:
            raise self.stream.error("a comparison does not belong here", operators[0].span, "Write the quantity alone.")
        if not any(True for side in sides for _ in names_in(side)):
            raise self.stream.error("no parameter takes part", whole, f"Parameters: {self.parameters.described()}.")
        return self.ordered(sides, operators)

    def ordered(self, sides: list[Expression], operators: list[Token]) -> Hypothesis:
        """Return the hypothesis with its sides from small to large."""
        if len(operators) > 1 and (equal := next(filter(_is_equal, operators), None)):
            raise self.stream.error("an equality stands alone", equal.span, "Give it as a hypothesis of its own.")
        if len({operator.value[0] for operator in operators}) > 1:
            turned = next(o for o in operators if o.value[0] != operators[0].value[0])
            raise self.stream.error("this comparison turns round", turned.span, "Write them all as < or all as >.")
        ties = [operator.value.endswith("=") for operator in operators]
        if operators and operators[0].value[0] == ">":
            sides, ties = sides[::-1], ties[::-1]
        point = bool(operators) and _is_equal(operators[0])
        return Hypothesis(self.stream.text, tuple(sides), point, tuple(ties))

    def too_many(self, span: Span) -> FormulaError:
        return self.stream.error(f"a hypothesis holds at most {self.most_operations} operations", span)

    def operand(self) -> Expression:
        stream = self.stream
        token = stream.current
        if token.kind is Kind.NUMBER:
            return Number(float(token.value), stream.take().span)
        if token.kind is Kind.NAME and token.value in FUNCTIONS and stream.following.is_operator("("):
            return self.call()
        if token.is_name:
            stream.take()
            parameter = parameter_at(stream.text, token.value, token.span, self.parameters)
            return Quantity(parameter.name, token.span, parameter=parameter)
        if token.is_operator("("):
            inner = self.parentheses()
            return replace(inner, span=Span(token.span.start, stream.tokens[stream.index - 1].span.stop))
        raise self.misplaced()

    def call(self) -> Expression:
        function = self.operator()
        self.stream.take()
        arguments = [self.sum()]
        while self.stream.sees(","):
            self.stream.take()
            arguments.append(self.sum())
        if not self.stream.sees(")"):
            raise self.misplaced()
        span = Span(function.span.start, self.stream.take().span.stop)
        several = function.value in ("min", "max")
        if several != (len(arguments) > 1):
            takes = "two or more arguments" if several else "one argument"
            raise self.stream.error(f"{function.value}() takes {takes}", span)
        return Call(FUNCTIONS[function.value], tuple(arguments), span=span)

    def whole(self) -> Expression:
        inner = self.sum()
        if self.stream.sees(*COMPARISONS):
            raise self.stream.error("a comparison cannot stand in parentheses", self.stream.current.span)
        return inner

    def misplaced(self) -> FormulaError:
        token, ended = self.stream.current, self.stream.after_operand
        if token.is_operator(",") and ended:
            what = "a comma stands only between arguments"
            return self.stream.error(what, token.span, "Give several hypotheses as a list.")
        return self.stream.unexpected("an operator" if ended else "a value")


def _is_equal(token: Token) -> bool:
    return token.value in ("=", "==")
