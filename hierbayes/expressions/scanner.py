"""Text to tokens, with the brackets checked, and a cursor over them; a language says what its texts are made of."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from hierbayes.errors import FormulaError
from hierbayes.expressions.syntax import Span

LONGEST_TEXT = 10_000
DEEPEST_NESTING = 50

NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t"}
CLOSES = {")": "(", "]": "["}


class Kind(Enum):
    """What a token is."""

    NAME = "name"
    QUOTED = "quoted name"
    NUMBER = "number"
    TEXT = "text"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True)
class Token:
    """One token: its kind, its value (without quotes) and its place."""

    kind: Kind
    value: str
    span: Span

    @property
    def is_name(self) -> bool:
        """Whether the token names a column, with or without backquotes."""
        return self.kind in (Kind.NAME, Kind.QUOTED)

    def is_operator(self, *operators: str) -> bool:
        """Whether the token is one of these operators."""
        return self.kind is Kind.OPERATOR and self.value in operators


@dataclass(frozen=True)
class Language:
    """What the texts of one language are made of, and what is said where one is not.

    Attributes
    ----------
    noun : str
        What a text is called.
    operators : tuple of str
        The longer before the shorter.
    refused : tuple of (str, str, str)
        What other languages have: a pattern, what is wrong with it, and what to write instead.
    character, number, plain : str
        Hints for a character without meaning and for a number that runs into a name; what a name is called there.
    long : str, optional
        Hint for a text that is too long.
    brackets : str
        What brackets are called.
    quotes, suffix : str
        The quotes that texts stand in; what may follow a whole number.
    """

    noun: str
    operators: tuple[str, ...]
    refused: tuple[tuple[str, str, str], ...]
    character: str
    number: str
    plain: str
    long: str | None = None
    brackets: str = "brackets"
    quotes: str = ""
    suffix: str = ""


def plain_name(text: str, start: int) -> Token | None:
    """Read a name, plain or in backquotes, if one starts here."""
    if text[start] == "`":
        return quoted(text, start, Kind.QUOTED)
    stop = identifier_end(text, start)
    return Token(Kind.NAME, text[start:stop], Span(start, stop)) if stop else None


NameReader = Callable[[str, int], Token | None]


def scan(text: str, language: Language, name: NameReader = plain_name) -> tuple[Token, ...]:
    """Split a text into tokens; the last one is the end of the text.

    Parameters
    ----------
    text : str
    language : Language
    name : callable
        Reads the name that starts at a place, or returns None.

    Raises
    ------
    FormulaError
        Where a character, number or string cannot be read, or brackets do not match.
    """
    if len(text) > LONGEST_TEXT:
        what = f"the {language.noun} has {len(text):,} characters; the limit is {LONGEST_TEXT:,}"
        raise FormulaError(what, hint=language.long)
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        token = name(text, position) or next_token(text, position, language)
        tokens.append(token)
        position = token.span.stop
    end = len(text.rstrip())
    tokens.append(Token(Kind.END, "", Span(end, end)))
    check_brackets(tokens, text, language)
    return tuple(tokens)


def next_token(text: str, start: int, language: Language) -> Token:
    """Read the token that starts at `start`, which is not blank and starts no name."""
    if match := NUMBER.match(text, start):
        return number(text, match, language)
    if text[start] in language.quotes:
        return quoted(text, start, Kind.TEXT)
    for pattern, what, hint in language.refused:
        if match := re.compile(pattern).match(text, start):
            raise FormulaError(what.format(found=match.group()), text, start, match.end(), hint)
    for operator in language.operators:
        if text.startswith(operator, start):
            return Token(Kind.OPERATOR, operator, Span(start, start + len(operator)))
    what = f"the character {text[start]!r} has no meaning in a {language.noun}"
    raise FormulaError(what, text, start, hint=language.character)


def identifier_end(text: str, start: int) -> int | None:
    """Return where the name that starts at `start` ends, None if no name starts there."""
    stop = start
    while stop < len(text) and (text[stop] == "." or f"a{text[stop]}".isidentifier()):
        stop += 1
    letters = text[start:stop].lstrip(".")
    if not letters:
        return stop if stop > start else None
    return stop if letters[0].isidentifier() else None


def is_plain(name: str) -> bool:
    """Whether a column name can stand in a formula without backquotes."""
    return name.strip(".") != "" and identifier_end(name, 0) == len(name)


def number(text: str, match: re.Match[str], language: Language) -> Token:
    """Read a number, with the suffix for whole numbers if the language has one."""
    stop = match.end()
    if language.suffix and text[stop : stop + 1] == language.suffix and match.group().isdigit():
        stop += 1
    following = identifier_end(text, stop)
    if following is not None or (stop < len(text) and f"a{text[stop]}".isidentifier()):
        name = text[match.start() : following or stop + 1]
        what, hint = f"{name!r} is neither a number nor {language.plain}", language.number.format(name=name)
        raise FormulaError(what, text, match.start(), following or stop + 1, hint)
    if float(match.group()) == float("inf"):
        raise FormulaError("this number is too large", text, match.start(), stop)
    return Token(Kind.NUMBER, match.group(), Span(match.start(), stop))


def quoted(text: str, start: int, kind: Kind) -> Token:
    """Read a string or a backquoted name. In a name a backslash is special only before a backquote or a backslash."""
    quote = text[start]
    escapes = ESCAPES if kind is Kind.TEXT else {"\\": "\\", "`": "`"}
    characters: list[str] = []
    position = start + 1
    while position < len(text) and text[position] != quote:
        if text[position] == "\\" and text[position + 1 : position + 2] in escapes:
            characters.append(escapes[text[position + 1]])
            position += 2
            continue
        if text[position] == "\\" and kind is Kind.TEXT:
            hint = r"Write \\ for a backslash."
            raise FormulaError("this escape is not known", text, position, position + 2, hint)
        characters.append(text[position])
        position += 1
    if position >= len(text):
        raise FormulaError(f"the {quote} that opens here is never closed", text, start, hint=f"Close it with {quote}.")
    if kind is Kind.QUOTED and not characters:
        raise FormulaError("the name between these backquotes is empty", text, start, position + 1)
    return Token(kind, "".join(characters), Span(start, position + 1))


def check_brackets(tokens: list[Token], text: str, language: Language) -> None:
    """Refuse brackets that do not match, or that nest too deep."""
    opened: list[Token] = []
    for token in tokens:
        if token.is_operator("(", "["):
            opened.append(token)
            if len(opened) > DEEPEST_NESTING:
                what = f"{language.brackets} are nested more than {DEEPEST_NESTING} deep"
                raise FormulaError(what, text, token.span.start, token.span.stop)
        elif token.is_operator(")", "]") and (not opened or opened.pop().value != CLOSES[token.value]):
            hint = f"Take it out, or open it with {CLOSES[token.value]}."
            raise FormulaError(f"this {token.value} does not close anything", text, token.span.start, hint=hint)
    if opened:
        last = opened[-1]
        closing = ")" if last.value == "(" else "]"
        hint = f"Close it with {closing}."
        raise FormulaError(f"this {last.value} is never closed", text, last.span.start, hint=hint)


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
