"""Expressions back to text."""

from __future__ import annotations

import math

from hierbayes.expressions.scanner import is_plain
from hierbayes.expressions.syntax import CONSTANTS, Binary, Call, Expression, Name, Number, Sequence, Text, Unary

PRECEDENCE = {"+": 2, "-": 2, "*": 3, "/": 3, "**": 5}
DENIAL, COMPARISON, SIGN, OPERAND = 0, 1, 4, 6
LARGEST_WHOLE = 1e15


def show_expression(node: Expression) -> str:
    """Return the text of an expression."""
    return write(node)[0]


def write(node: Expression) -> tuple[str, int]:
    """Return the text of an expression and how tightly its outermost operator binds."""
    match node:
        case Name(name=name):
            return show_name(name), OPERAND
        case Number(value=value):
            return show_number(value), OPERAND
        case Text(value=value):
            return show_text(value) if isinstance(value, str) else str(value), OPERAND
        case Sequence(items=items):
            return f"[{', '.join(show_expression(item) for item in items)}]", OPERAND
        case Call(function=function, args=args, kwargs=kwargs):
            named = (f"{show_name(key)}={show_expression(value)}" for key, value in kwargs)
            return f"{function}({', '.join([*map(show_expression, args), *named])})", OPERAND
        case Unary(operator=operator, operand=operand):
            if operator == "!":
                return f"!{show_expression(operand)}", DENIAL
            return f"{operator}{enclosed(operand, SIGN)}", SIGN
        case Binary():
            return write_binary(node)


def write_binary(node: Binary) -> tuple[str, int]:
    """Return two operands and their operator; a power groups from the right, the others from the left."""
    binds = PRECEDENCE.get(node.operator, COMPARISON)
    if node.operator == "**":
        return f"{enclosed(node.left, OPERAND)}^{enclosed(node.right, SIGN)}", binds
    left = enclosed(node.left, binds + (binds == COMPARISON))
    return f"{left} {node.operator} {enclosed(node.right, binds + 1)}", binds


def enclosed(node: Expression, least: int) -> str:
    """Return the text of an operand, in parentheses if it binds less than `least`."""
    text, binds = write(node)
    return text if binds >= least else f"({text})"


def show_name(name: str) -> str:
    """Return a column's name, in backquotes unless it is plain."""
    if is_plain(name) and name not in (*CONSTANTS, "pi"):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"


def show_number(value: float) -> str:
    """Return a number as short as it can be written exactly."""
    if value == math.pi:
        return "pi"
    return str(int(value)) if value.is_integer() and abs(value) < LARGEST_WHOLE else repr(value)


def show_text(value: str) -> str:
    """Return a text in double quotes."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'
