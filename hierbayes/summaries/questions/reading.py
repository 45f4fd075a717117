"""The language of hypotheses: the text of one to a tree.

It is arithmetic of parameters, then one comparison, or several that point one way. A name is a plain name, a name in
backquotes or a call, each with brackets after it if it has any, joined by colons: ``Days``, ``recipe[B]:temp``,
``sd_Subject[Intercept]``, ``poly(x, 2)[1]``. A whole name may stand in backquotes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from hierbayes.errors import FormulaError, ModelError
from hierbayes.expressions.reader import Reader
from hierbayes.expressions.scanner import Kind, Language, Stream, Token, identifier_end, quoted
from hierbayes.expressions.syntax import Call, Expression, Number, Span, names_in
from hierbayes.formula.names import suggest
from hierbayes.summaries.questions.expressions import Hypothesis, Quantity
from hierbayes.summaries.questions.parameters import Parameter, Parameters

COMPARISONS = ("<", "<=", ">", ">=", "=", "==")


FUNCTIONS = {"abs": "abs", "exp": "exp", "log": "log", "sqrt": "sqrt", "min": "pmin", "max": "pmax"}
"""What a hypothesis may call, with the names of the allow-list."""

_PLAIN = re.compile(r"[\w.:\[\]()]+")
"""A name that needs no backquotes."""
_WORD, _COLON, _OPENED = re.compile(r"(?!\d)[\w.]+"), re.compile(r"\s*:\s*"), re.compile(r"\s*\(")

SEVERAL = "Give several hypotheses as a list, or a range as in 0 < x < 3."
REFUSED: tuple[tuple[str, str, str], ...] = (
    (r"!=|<>|≠", "{found} is no hypothesis: a continuous parameter differs from any number", "Write = or a range."),
    (r"=<|=>", "{found} is written the other way round", "Write <= or >=."),
    (r"&&?|\|\|?", "{found} does not join hypotheses", SEVERAL),
    (r"~", "~ belongs to a formula", "Compare two sides with <, > or =."),
    (r"[≤≥]", "{found} is not available", "Write <= or >=."),
    (r"[−–×·÷]", "{found} is not available", "Write -, * or /."),
    (r"[\[\]]", "a bracket stands only in a name, straight after it", "Write sd_Subject[Intercept]."),
    (r"\"|'", "text has no place in a hypothesis", "Put an odd name between backquotes: `my name`."),
    (r";", "a hypothesis is one comparison, without ;", SEVERAL),
    (r"%", "% is not available", "Write the number: 0.05 for 5%."),
)

HYPOTHESIS = Language(
    noun="hypothesis",
    operators=("==", "<=", ">=", "**", *"=<>+-*/^(),"),
    refused=REFUSED,
    character="If it belongs to a name, put the whole name between backquotes: `my name`.",
    number="Write * between a number and a name; put an odd name between backquotes.",
    plain="a name",
    brackets="parentheses",
)


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


def parameter_at(text: str, name: str, span: Span, parameters: Parameters) -> Parameter:
    """Return the parameter that a token names.

    Raises
    ------
    FormulaError
        If there is none, or it is not clear which; the place is marked.
    """
    try:
        found = parameters.find(name)
    except ModelError as error:
        raise FormulaError(error.what, text, span.start, span.stop, error.hint) from error
    if found is not None:
        return found
    nearest = parameters.nearest(name)
    guess = f"Did you mean {nearest}? " if nearest else ""
    odd = next((each for each in parameters.design.coefficients if name in each and not _PLAIN.fullmatch(each)), None)
    if odd is not None:
        guess = f"A name with blanks or odd characters stands in backquotes: `{odd}`. "
    hint = f"{guess}Parameters: {parameters.described()}."
    raise FormulaError(f"there is no parameter {name!r}", text, span.start, span.stop, hint)


def name_at(text: str, start: int, parameters: Parameters) -> Token | None:
    """Read a name if one starts here; where brackets hold brackets, the shortest text that is a name is taken.

    Raises
    ------
    FormulaError
        If its brackets are not closed, or it calls what is no function.
    """
    whole = quoted(text, start, Kind.QUOTED) if text[start] == "`" else None
    if whole is not None and _known(whole.value, parameters):
        return whole
    word = identifier_end(text, start)
    if word is None and whole is None:
        return None
    stop = _name_end(text, start)
    if word is not None and _OPENED.match(text, word):
        meant = stop is not None and _known(text[start:stop], parameters)
        if text[start:word] in FUNCTIONS:
            if not meant:
                return Token(Kind.NAME, text[start:word], Span(start, word))
            _refuse_two_meanings(text, start, word, stop or word, parameters)
        elif not meant:
            raise _no_function(text, start, word)
    candidates = [] if stop is None else [stop]
    candidates += [i + 1 for i in range(word or start, len(text)) if text[i] == "]"]
    for end in candidates:
        if _known(text[start:end], parameters):
            return Token(Kind.NAME, text[start:end], Span(start, end))
    if stop is None:
        opened = text.index("[", start)
        raise FormulaError("this [ is never closed", text, opened, hint="Close it with ].")
    if whole is not None and whole.span.stop == stop:
        return whole
    return Token(Kind.NAME, text[start:stop], Span(start, stop))


def _name_end(text: str, start: int) -> int | None:
    """Return where a name ends by its brackets, None if they do not close."""
    while (position := _piece_end(text, start)) is not None:
        colon = _COLON.match(text, position)
        start = colon.end() if colon else position
        if colon is None or (text[start : start + 1] != "`" and identifier_end(text, start) is None):
            return position
    return None


def _piece_end(text: str, start: int) -> int | None:
    if text[start] == "`":
        position = quoted(text, start, Kind.QUOTED).span.stop
    else:
        position = identifier_end(text, start) or start
    while text[position : position + 1] in ("[", "("):
        closed = _closed(text, position)
        if closed is None:
            return None if text[position] == "[" else position
        position = closed
    return position


def _closed(text: str, start: int) -> int | None:
    """Return the place after the bracket that closes the one at `start`."""
    opening, closing = text[start], {"[": "]", "(": ")"}[text[start]]
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == opening) - (text[i] == closing)
        if depth == 0:
            return i + 1
    return None


def _known(name: str, parameters: Parameters) -> bool:
    try:
        return parameters.find(name) is not None
    except ModelError:
        return True


def _refuse_two_meanings(text: str, start: int, word: int, stop: int, parameters: Parameters) -> None:
    """Refuse ``log(x)`` where both the coefficient of that name and the logarithm of another can be meant."""
    inner = text[text.index("(", word) + 1 : stop - 1]
    if any(_known(name, parameters) for name in _WORD.findall(inner)):
        name = text[start:stop]
        hint = f"Write `{name}` for the coefficient, {text[start:word]}(beta[...]) for the function."
        raise FormulaError(f"{name} may be a coefficient, or a function of one", text, start, stop, hint)


def _no_function(text: str, start: int, word: int) -> FormulaError:
    name = text[start:word]
    nearest = suggest(name, FUNCTIONS)
    guess = f"Did you mean {nearest}()? " if nearest else ""
    hint = f"{guess}Functions: {', '.join(FUNCTIONS)}."
    return FormulaError(f"there is no function {name}()", text, start, word, hint)
