"""Reads and writes priors as text, ``"HalfNormal(50)"``, or as a table, ``{dist = "HalfNormal", sigma = 50}``.

The text is parsed and never evaluated: a prior of a fixed list, with numbers, and nothing else.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from hierbayes import priors
from hierbayes.errors import ModelError
from hierbayes.priors import Prior

KNOWN: Mapping[str, type[Prior]] = MappingProxyType(
    {
        kind.__name__: kind
        for kind in (
            priors.Normal,
            priors.Flat,
            priors.HalfNormal,
            priors.HalfStudentT,
            priors.HalfCauchy,
            priors.Exponential,
            priors.Gamma,
            priors.InverseGamma,
            priors.LogNormal,
            priors.Uniform,
            priors.LKJ,
            priors.Fixed,
        )
    }
)
LONGEST = 400


def read_prior(value: object, where: str) -> Prior:
    """Return the prior that a specification states.

    Parameters
    ----------
    value : str or mapping
        A call with numbers only, such as ``"Normal(0, sigma=5)"``, or a table of ``dist`` and its parameters.
    where : str
        The place, for errors.

    Raises
    ------
    ModelError
        If it is neither, or not a prior of hierbayes, or its parameters do not make sense.

    Examples
    --------
    >>> from hierbayes.priors.text import read_prior
    >>> print(read_prior("HalfNormal(50)", "example"))
    HalfNormal(50)
    >>> print(read_prior({"dist": "Normal", "sigma": 2}, "example"))
    Normal(0, 2)
    """
    if isinstance(value, str):
        name, args, kwargs = _from_text(value, where)
    elif isinstance(value, Mapping):
        name, args, kwargs = _from_table(value, where)
    else:
        raise _refusal(value, where)
    return _build(name, args, kwargs, where)


def write_prior(prior: Prior) -> dict[str, Any]:
    """Return a prior as the table that `read_prior` reads: every number to its last bit, in JSON or TOML too.

    Raises
    ------
    ModelError
        If it is a prior that no table can state, as `Custom` is.

    Examples
    --------
    >>> from hierbayes.priors import HalfStudentT
    >>> from hierbayes.priors.text import write_prior
    >>> write_prior(HalfStudentT(3, 0.1))
    {'dist': 'HalfStudentT', 'nu': 3.0, 'sigma': 0.1}
    """
    kind = type(prior)
    if KNOWN.get(kind.__name__) is not kind:
        raise ModelError(f"the prior {prior} cannot be written as a table", f"The priors are {', '.join(KNOWN)}.")
    table: dict[str, Any] = {"dist": kind.__name__}
    for parameter in fields(prior):
        value = getattr(prior, parameter.name)
        table[parameter.name] = [list(row) for row in value] if isinstance(value, tuple) else value
    return table


def nearest(word: str, words: Iterable[str]) -> str:
    """Return a question that offers the nearest of `words`, with a blank at its end, or nothing.

    Examples
    --------
    >>> from hierbayes.priors.text import nearest
    >>> nearest("fromula", ["formula", "data"])
    "Did you mean 'formula'? "
    """
    from difflib import get_close_matches

    same_letters = [known for known in words if known.lower() == word.lower()]
    near = same_letters or get_close_matches(word, list(words), n=1)
    return f"Did you mean {near[0]!r}? " if near else ""


def _from_text(text: str, where: str) -> tuple[str, list[Any], dict[str, Any]]:
    if len(text) > LONGEST:
        raise ModelError(f"{where}: the text is longer than {LONGEST} characters")
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refusal(text, where) from error
    if not isinstance(call, ast.Call) or any(keyword.arg is None for keyword in call.keywords):
        raise _refusal(text, where)
    args = [_number(node, text, where) for node in call.args]
    kwargs = {str(keyword.arg): _number(keyword.value, text, where) for keyword in call.keywords}
    return _called(call.func, text, where), args, kwargs


def _called(node: ast.expr, text: str, where: str) -> str:
    """Return the name that is called; ``hb.Normal``, as Python code has it, is read as ``Normal``."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("hb", "hierbayes"):
        return node.attr
    if isinstance(node, ast.Name):
        return node.id
    raise _refusal(text, where)


def _number(node: ast.expr, text: str, where: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return _float(node.value, text, where)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        inner = _number(node.operand, text, where)
        if isinstance(inner, float):
            return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.List | ast.Tuple):
        return [_number(item, text, where) for item in node.elts]
    raise _refusal(text, where)


def _from_table(table: Mapping[str, Any], where: str) -> tuple[str, list[Any], dict[str, Any]]:
    name = table.get("dist")
    if not isinstance(name, str):
        raise ModelError(f"{where}: {dict(table)!r} does not name its 'dist'", f"The priors are {', '.join(KNOWN)}.")
    return name, [], {key: _plain(value, where) for key, value in table.items() if key != "dist"}


def _plain(value: Any, where: str) -> Any:
    if isinstance(value, list):
        return [_plain(item, where) for item in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _float(value, value, where)
    raise _refusal(value, where)


def _float(value: float, shown: object, where: str) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise _refusal(shown, where) from error


def _build(name: str, args: list[Any], kwargs: dict[str, Any], where: str) -> Prior:
    if name not in KNOWN:
        hint = f"{nearest(name, KNOWN)}The priors are {', '.join(KNOWN)}."
        raise ModelError(f"{where}: there is no prior {name!r}", hint)
    kind = KNOWN[name]
    known = [parameter.name for parameter in fields(kind)]
    takes = f"{name} takes {', '.join(known) or 'no parameters'}."
    for key in kwargs:
        if key not in known:
            raise ModelError(f"{where}: {name} has no parameter {key!r}", f"{nearest(key, known)}{takes}")
    if len(args) > len(known) or set(known[: len(args)]) & set(kwargs):
        raise ModelError(f"{where}: {name} is given too many parameters", takes)
    if name == "Fixed" and not args and not kwargs:
        raise ModelError(f"{where}: Fixed needs a value", "Write Fixed(0.5).")
    try:
        return kind(*args, **kwargs)
    except ModelError as error:
        raise ModelError(f"{where}: {error.what}", error.hint) from error


def _refusal(value: object, where: str) -> ModelError:
    shown = repr(value) if len(repr(value)) < 80 else f"{repr(value)[:77]}..."
    return ModelError(
        f"{where}: {shown} is not a prior",
        f"Write a call with numbers only, such as 'HalfNormal(50)'. The priors are {', '.join(KNOWN)}.",
    )
