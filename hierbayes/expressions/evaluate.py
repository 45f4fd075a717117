"""The values of an expression: of arrays with NumPy, of tensors with PyTensor; and the weights of a weighted sum.

All are one walk over the tree, `fold`; nothing but the functions of the allow-list is ever called. Comparisons are
numbers, 1 where they hold and 0 elsewhere.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hierbayes.errors import ModelError
from hierbayes.expressions import syntax
from hierbayes.expressions.functions import FUNCTIONS, denied, row_function
from hierbayes.expressions.printing import show_expression
from hierbayes.expressions.syntax import COMPARISONS, Binary, Call, Expression, Name, Number, Text, Unary, operands

_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = dict(
    zip(
        ("+", "-", "*", "/", "**"),
        (operator.add, operator.sub, operator.mul, operator.truediv, operator.pow),
        strict=True,
    )
)


def fold[T](
    expression: Expression, leaf: Callable[[Expression], T], apply: Callable[[Expression, Sequence[T]], T]
) -> T:
    """Return what an expression comes to, from its leaves up.

    Parameters
    ----------
    expression : Expression
    leaf : callable
        What a name or a constant comes to.
    apply : callable
        What an operator or a call comes to, from what its operands come to.
    """
    if not (parts := operands(expression)) or isinstance(expression, syntax.Sequence):
        return leaf(expression)
    return apply(expression, [fold(part, leaf, apply) for part in parts])


def applied(expression: Expression, parts: Sequence[Any], xp: Any) -> Any:
    """Return an operator or a call of its operands' values; `xp` is NumPy or PyTensor's module of tensors.

    Examples
    --------
    >>> import numpy as np
    >>> power = Binary("**", Name("x"), Name("k"))
    >>> applied(power, [np.array([2.0, 3.0]), np.float64(-1)], np).round(2).tolist()
    [0.5, 0.33]
    """
    match expression:
        case Call(function=function):
            most = FUNCTIONS[function].expressions[1]
            return row_function(function, xp)(*parts[:most], **constants(expression))
        case Unary(operator="!"):
            return denied(xp, parts[0])
        case Unary(operator=sign):
            return -parts[0] if sign == "-" else parts[0]
        case Binary(operator=sign) if sign in _ARITHMETIC:
            return _ARITHMETIC[sign](*parts)
        case Binary(operator=sign):
            return xp.where(getattr(xp, COMPARISONS[sign])(*parts), 1.0, 0.0)
    raise TypeError(f"{expression!r} has no operands")


def constants(call: Call) -> dict[str, Any]:
    """Return the constants that a call is given beside its expressions, by name; None stands for what is not given.

    Examples
    --------
    >>> constants(Call("poly", (Name("x"), Number(2.0)), (("raw", Text(True)),)))
    {'degree': 2, 'raw': True}
    """
    function = FUNCTIONS[call.function]
    given = zip(function.keywords, call.args[function.expressions[1] :], strict=False)
    named = {name: literal(value) for name, value in (*given, *call.kwargs)}
    return {name: value for name, value in named.items() if value is not None}


def literal(expression: Expression) -> Any:
    """Return the value of a constant that is written in an expression.

    Raises
    ------
    ModelError
        If it is no constant.
    """
    match expression:
        case Number(value=value):
            return int(value) if float(value).is_integer() else value
        case Text(value=value):
            return value
        case syntax.Sequence(items=items):
            return [literal(item) for item in items]
        case Unary(operator=sign, operand=operand):
            return -literal(operand) if sign == "-" else literal(operand)
    raise ModelError(f"{show_expression(expression)!r} must be a number, a text or a list of them")


def array_value(
    expression: Expression, arrays: Mapping[str, Any], learnt: Callable[[Call, Any], Any] | None = None
) -> Any:
    """Return an expression of arrays by name; arithmetic is NumPy's, so that ``1 / 0`` is infinite.

    Parameters
    ----------
    expression : Expression
    arrays : mapping
    learnt : callable, optional
        Computes a call that depends on a column as a whole, from the values of its first argument.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([1.0, 4.0])
    >>> array_value(Binary("-", Call("sqrt", (Name("x"),)), Unary("-", Number(1.0))), {"x": x}).tolist()
    [2.0, 3.0]
    """
    import numpy as np

    def leaf(node: Expression) -> Any:
        match node:
            case Name(name=name):
                return arrays[name]
            case Number(value=value):
                return np.float64(value)
        # an array of one object is compared with each entry, whatever it is
        return np.asarray(literal(node), dtype=object)

    def apply(node: Expression, parts: Sequence[Any]) -> Any:
        if learnt is not None and isinstance(node, Call) and FUNCTIONS[node.function].form is None:
            return learnt(node, parts[0])
        return applied(node, parts, np)

    with np.errstate(all="ignore"):
        return fold(expression, leaf, apply)


def tensor_value(expression: Expression, tensors: Mapping[str, Any]) -> Any:
    """Return an expression of PyTensor's tensors by name.

    Raises
    ------
    ModelError
        If it holds a text, for tensors hold numbers, or a function that learns from a column as a whole.
    """
    import pytensor.tensor as pt

    def leaf(node: Expression) -> Any:
        match node:
            case Name(name=name):
                return tensors[name]
            case Number(value=value):
                return pt.as_tensor(value, dtype="float64")
        raise ModelError(f"{literal(node)!r} is no number, and tensors hold numbers")

    return fold(expression, leaf, lambda node, parts: applied(node, parts, pt))


Sum = tuple[dict[Name, float], float]
"""The weights of names, and a constant."""


def linear_sum(expression: Expression) -> Sum | None:
    """Return an expression as a weighted sum, None if it is none; a name that cancels has the weight 0.

    Examples
    --------
    >>> x, y = Name("x"), Name("y")
    >>> weights, constant = linear_sum(Binary("-", Binary("*", Number(2.0), x), Binary("-", y, Number(3.0))))
    >>> {name.name: weight for name, weight in weights.items()}, constant
    ({'x': 2.0, 'y': -1.0}, 3.0)
    >>> linear_sum(Binary("*", x, y)) is None
    True
    """
    found = fold(expression, _leaf, _combined)
    if found is None or not all(map(math.isfinite, (found[1], *found[0].values()))):
        return None
    return found


def _leaf(node: Expression) -> Sum | None:
    match node:
        case Number(value=value):
            return {}, value
        case Name():
            return {node: 1.0}, 0.0
    return None


def _combined(node: Expression, operands: Sequence[Sum | None]) -> Sum | None:
    import numpy as np

    parts = [part for part in operands if part is not None]
    if len(parts) < len(operands):
        return None
    constants = [np.float64(constant) for weights, constant in parts if not weights]
    with np.errstate(all="ignore"):
        match node:
            case Unary(operator="+" | "-" as sign):
                return _times(parts[0], -1.0 if sign == "-" else 1.0)
            case Binary(operator="+" | "-" as sign):
                return _plus(parts[0], _times(parts[1], -1.0 if sign == "-" else 1.0))
            case _ if len(constants) == len(parts):
                return {}, float(applied(node, constants, np))
            case Binary(operator="*") if constants:
                return _times(next(part for part in parts if part[0]), float(constants[0]))
            case Binary(operator="/") if not parts[1][0]:
                return _times(parts[0], float(1.0 / constants[0]))
    return None


def _plus(left: Sum, right: Sum) -> Sum:
    weights = dict(left[0])
    for name, weight in right[0].items():
        weights[name] = weights.get(name, 0.0) + weight
    return weights, left[1] + right[1]


def _times(part: Sum, factor: float) -> Sum:
    return {name: weight * factor for name, weight in part[0].items()}, part[1] * factor
