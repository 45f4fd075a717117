"""Random formulas from a grammar, mutations of texts and tables, and a bound on the time that an example may take."""

from __future__ import annotations

import contextlib
import datetime
import random
import signal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from hierbayes.expressions.functions import FUNCTIONS

SECONDS = 20.0
NAMES = ("x", "z", "n", "f", "h", "t", "k", "`a b`", "`1|g`", "`\u00e9`", "`e\u0301`", "`<b>`", "sigma", "np", "`None`")
FACTORS = ("g", "h", "f", "k", "`a b`", "t")
PIECES = (
    *("~", "+", "-", "*", "/", ":", "^", "**", "|", "||", "(", ")", "[", "]", "{", "}", ",", "=", "==", "<", ".", "$"),
    *("%in%", "@", "#", "\\", '"', "'", "`", "\0", "\n", "\t", "\u00a0", "\u202e", "\ud800", "\U0001f642", "\u0301"),
    *("0", "1", "2", "-1", "1e400", "1e-400", "9" * 40, "0x1f", "1_000", "2L", "True", "None", "NaN", "Inf"),
    *("lambda", "import", "__class__", "__import__('os')", "np.log", "os.system('x')", "f'{x}'", "y", "Intercept"),
    *("(1 | g)", "(x || g)", "(1 | a/b)", "I(x^2)", "c(1, 2)", "offset(x)", "poly(x, 2)", "C(f, sum)", "bs(x, 4)"),
    *(f"{name}(" for name in FUNCTIONS),
)  # fmt: skip


class TooSlowError(BaseException):
    """An example took too long. No `except Exception` swallows it."""


@contextlib.contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """Stop what takes longer, whatever it is doing."""

    def stop(*_: Any) -> None:
        raise TooSlowError(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def expression(chance: random.Random, depth: int = 0) -> str:
    """An argument of a call: arithmetic of columns."""
    kind = chance.random()
    if depth > 2 or kind < 0.5:
        return chance.choice([*NAMES, "2", "0.5"])
    if kind < 0.7:
        return f"{expression(chance, depth + 1)} {chance.choice('+-*/^<>')} {expression(chance, depth + 1)}"
    if kind < 0.8:
        return f"-{expression(chance, depth + 1)}"
    if kind < 0.9:
        return f"({expression(chance, depth + 1)})"
    return call(chance, depth + 1)


def call(chance: random.Random, depth: int = 0) -> str:
    name = chance.choice([*FUNCTIONS])
    more = {"poly": ", 2", "bs": ", df=4", "C": ", sum", "round": ", 1"}.get(name, "")
    first = chance.choice(NAMES) if name in ("C", "factor") else expression(chance, depth)
    return f"{name}({first}{more if chance.random() < 0.8 else ''})"


def term(chance: random.Random, depth: int = 0) -> str:
    kind = chance.random()
    if depth > 2 or kind < 0.5:
        return chance.choice(NAMES)
    if kind < 0.65:
        return call(chance)
    if kind < 0.9:
        return f"{term(chance, depth + 1)} {chance.choice(['+', '*', ':', '/', '-'])} {term(chance, depth + 1)}"
    return f"({term(chance, depth + 1)} + {term(chance, depth + 1)})^{chance.randint(1, 3)}"


def bar(chance: random.Random) -> str:
    left = chance.choice(["1", "0", "", "1"])
    left = " + ".join(filter(None, [left, term(chance, 2) if chance.random() < 0.5 else ""])) or "1"
    factor = chance.choice([":", "/", " + "]).join(chance.sample(FACTORS, chance.choice([1, 1, 1, 2, 3])))
    return f"({left} {chance.choice(['|', '|', '||'])} {factor})"


def made_formula(chance: random.Random) -> str:
    """A formula from the grammar, most often one that can be read."""
    response = chance.choice(["y", "y", "y", "log(y)", "I(y * 2)", "t", "f", "`a b`"])
    parts = [term(chance) for _ in range(chance.randint(0, 3))] + [bar(chance) for _ in range(chance.randint(0, 2))]
    chance.shuffle(parts)
    return f"{response} ~ {' + '.join([chance.choice(['1', '1', '0', '']), *parts]).lstrip(' +') or '1'}"


def mutated(text: str, others: tuple[str, ...], chance: random.Random) -> str:
    """The text after some changes: of characters, of bytes, of pieces, or with a part of another text."""
    for _ in range(chance.choice([1, 1, 2, 3, 8])):
        start = chance.randrange(len(text) + 1)
        stop = min(len(text), start + chance.choice([0, 0, 1, 1, 3, 20]))
        kind = chance.randrange(6)
        if kind == 0:
            text = text[:start] + chance.choice(PIECES) + text[stop:]
        elif kind == 1:
            text = text[:start] + text[stop:]
        elif kind == 2:
            text = text[:start] + chr(chance.choice([chance.randrange(128), chance.randrange(0xD800)])) + text[stop:]
        elif kind == 3 and text:
            raw = bytearray(text.encode("utf-8", "surrogatepass"))
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            text = bytes(raw).decode("utf-8", "replace")
        elif kind == 4:
            text = text[:stop] + text[start:stop] * chance.choice([1, 2, 30]) + text[stop:]
        else:
            other = chance.choice(others)
            text = text[:start] + other[chance.randrange(len(other) + 1) :]
    return text[:4000]


VALUES = (
    None, np.nan, pd.NA, pd.NaT, np.inf, -np.inf, 0, -1, 10**30, 10**400, 1e300, 1e-300, True, False, "", "a", "1",
    "NaN", "\0", "\ud800", b"a", 1j, Decimal("1.5"), Decimal("sNaN"), Decimal("Infinity"), [], {}, (1,), {1}, object,
    print, datetime.date(2020, 1, 1), pd.Timestamp("2020"), pd.Timedelta(1, "D"), np.ones(2), np.float16(1),
    np.uint8(255),
)  # fmt: skip
TYPES = ("object", "str", "string", "category", "Int64", "Float64", "boolean", "float32", "int8", "uint64", "complex")


def column(name: str, n: int, chance: random.Random) -> Any:
    """A column of a kind that its name decides, so that a formula finds numbers and factors."""
    rng = np.random.default_rng(chance.randrange(2**32))
    kind = name[:1]
    if kind in "gfhk" or "g" in name:
        return rng.permutation(np.resize(list("abcd")[: 2 + (kind == "g") * 2], n))
    if kind == "t":
        return rng.permutation(np.resize([True, False], n))
    if kind == "n":
        return rng.integers(1, 9, n)
    return rng.normal(3 if kind == "y" else 0, 1, n) ** (2 if kind == "y" else 1)


def table_for(columns: tuple[str, ...], chance: random.Random, n: int = 30) -> pd.DataFrame:
    """A table that has the columns of a formula, now and then but one."""
    kept = [name for name in columns if chance.random() > 0.02]
    table = pd.DataFrame({i: column(name, n, chance) for i, name in enumerate(kept)}, index=range(n))
    # pandas itself refuses half a surrogate pair among names that it takes for text
    return table.set_axis(pd.Index(kept, dtype=object), axis=1)


def mutated_table(table: pd.DataFrame, chance: random.Random) -> pd.DataFrame:
    """The table after some changes: of values, types, names, rows and columns."""
    table = table.copy()
    for _ in range(chance.choice([1, 1, 2, 4])):
        if not len(table.columns):
            break
        place = chance.randrange(len(table.columns))
        names = list(table.columns)
        kind = chance.randrange(9)
        series = table.iloc[:, place]
        if kind < 3 and len(table):
            values = series.astype(object).tolist()
            for row in chance.sample(range(len(values)), chance.choice([1, 1, len(values)])):
                values[row] = chance.choice(VALUES)
            series = pd.Series(values, index=table.index, dtype=object)
        elif kind == 3:
            with contextlib.suppress(Exception):  # a cast that pandas refuses changes nothing
                series = series.astype(chance.choice(TYPES))
        elif kind == 4 and pd.api.types.is_float_dtype(series.dtype):
            series = series * 10.0 ** chance.randint(-320, 308) + 10.0 ** chance.randint(-300, 300)
        elif kind == 5:
            names[place] = chance.choice([0, None, ("y",), names[0], str(names[place]).upper(), "Intercept", np.nan])
        elif kind == 6:
            table = table.iloc[: chance.choice([0, 1, 2, 3, len(table)])]
            continue
        elif kind == 7:
            table = table.iloc[:, [i for i in range(len(names)) if i != place or chance.random() < 0.3]]
            continue
        else:
            table = pd.concat([table, table.iloc[:, [place]]], axis=1) if chance.random() < 0.2 else table[::-1]
            continue
        columns = [series if i == place else table.iloc[:, i] for i in range(len(names))]
        table = pd.concat(columns, axis=1)
        table.columns = pd.Index(names, dtype=object)
    return table
