"""The weights of contrasts: pairs, distances from a reference or the mean, polynomials, weights of one's own."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from hierbayes.errors import ModelError
from hierbayes.formula.names import suggest
from hierbayes.tables.numbers import Floats

KINDS = ("pairwise", "reference", "sequential", "mean", "polynomial")

MOST_ROWS = 20_000
"""Rows of a table of contrasts."""

MOST_DEGREES = 6
"""Polynomials go up to this degree, as in emmeans."""

MOST_MEANS = 1_000
MOST_EXACT = 30

LARGEST_INTEGER = 10**6
"""Weights of polynomials are whole numbers up to this; beyond it they have length 1."""

_DEGREES = ("linear", "quadratic", "cubic", "quartic", "degree 5", "degree 6")


def contrast_matrix(
    names: Sequence[str],
    kind: Any,
    reference: Any,
    places: Sequence[float] | None = None,
    sign: str = "-",
) -> tuple[Floats, list[str]]:
    """Return the weights of each contrast, (contrasts, means), and their labels; later less earlier throughout.

    Parameters
    ----------
    names : sequence of str, length k
        The means.
    kind : str, mapping or sequence
        ``"pairwise"``, all k (k - 1) / 2 pairs; ``"reference"``, each less the reference; ``"sequential"``, each less
        the one before; ``"mean"``, each less the mean of all; ``"polynomial"``, orthogonal polynomials; or weights, see
        `own_weights`.
    reference : str, optional
        The mean that ``"reference"`` compares with; the first by default.
    places : sequence of float, length k, optional
        Where the means lie, for polynomials; equally spaced by default. None stands where there is no order.
    sign : str
        What stands between the two in a label: "-", or "/" where ratios are asked for.

    Raises
    ------
    ModelError
        If a name or option is not known, or there is nothing to compare.

    Examples
    --------
    >>> contrast_matrix(["a", "b", "c"], "sequential", None)[1]
    ['b - a', 'c - b']
    >>> contrast_matrix(["a", "b", "c", "d"], "polynomial", None, range(4))[0].astype(int).tolist()
    [[-3, -1, 1, 3], [1, -1, -1, 1], [-1, 3, -3, 1]]
    """
    size = len(names)
    if isinstance(kind, str) and kind not in KINDS:
        nearest = suggest(kind, KINDS)
        guess = f"did you mean {nearest!r}? " if nearest else ""
        raise ModelError(
            f"kind={kind!r} is not known",
            f"{guess}write one of {', '.join(map(repr, KINDS))}, or weights by name: {{'late': {{'c': 1, 'a': -1}}}}",
        )
    if reference is not None and kind != "reference":
        shown = repr(kind) if isinstance(kind, str) else "weights of your own"
        raise ModelError(f"kind={shown} takes no reference", 'write kind="reference"')
    if not isinstance(kind, str):
        return own_weights(names, kind)
    if size < 2:
        raise ModelError(f"there is only one mean, {names[0]!r}, so nothing to compare it with")
    if kind == "polynomial":
        return polynomials(size, places)
    eye = np.eye(size)
    if kind == "mean":
        return eye - 1 / size, [f"{name} {sign} mean" for name in names]
    pairs = _pairs(kind, size, 0 if kind != "reference" else _reference(names, reference))
    if len(pairs) > MOST_ROWS:
        raise ModelError(f"{size} means make {len(pairs):,} pairs", 'write kind="reference" or kind="mean", or fewer')
    return np.array([eye[i] - eye[j] for i, j in pairs]), [f"{names[i]} {sign} {names[j]}" for i, j in pairs]


def _pairs(kind: str, size: int, reference: int) -> list[tuple[int, int]]:
    if kind == "pairwise":
        return [(i, j) for j in range(size) for i in range(j + 1, size)]
    if kind == "sequential":
        return [(i, i - 1) for i in range(1, size)]
    return [(i, reference) for i in range(size) if i != reference]


def _reference(names: Sequence[str], reference: Any) -> int:
    return 0 if reference is None else _place(names, reference, "there is no mean {} to take as reference")


def _place(names: Sequence[str], level: Any, what: str) -> int:
    """Return the place of a level among the means; a list names one level of each column."""
    many = isinstance(level, Sequence) and not isinstance(level, str)
    wanted = " ".join(_text(part) for part in (level if many else [level]))
    if wanted in names:
        return list(names).index(wanted)
    nearest = suggest(wanted, names)
    guess = f"did you mean {nearest!r}? " if nearest else ""
    raise ModelError(what.format(repr(wanted)), f"{guess}means: {', '.join(names[:20])}")


def _text(part: Any) -> str:
    number = isinstance(part, int | float | np.integer | np.floating) and not isinstance(part, bool | np.bool_)
    return f"{part:.6g}" if number else str(part)


def own_weights(names: Sequence[str], given: Any) -> tuple[Floats, list[str]]:
    """Return contrasts by weights that the user gives.

    Parameters
    ----------
    names : sequence of str, length k
        The means.
    given : mapping or sequence
        A name for each contrast and its weights: k numbers in the order of the means, or a mapping of levels to numbers
        (0 for those left out). Or the weights of one contrast alone.

    Raises
    ------
    ModelError
        If a level is not known, or the weights are not one for each mean, not finite or all 0; the contrast is named.

    Examples
    --------
    >>> own_weights(["a", "b", "c"], {"rest": {"b": 0.5, "c": 0.5, "a": -1}})[0].tolist()
    [[-1.0, 0.5, 0.5]]
    >>> own_weights(["a", "b", "c"], [-1, 0.5, 0.5])[1]
    ['0.5 b + 0.5 c - a']
    """
    if isinstance(given, Mapping):
        if not given:
            raise ModelError("kind holds no contrast", f"write {{'name': [...]}} with {len(names)} weights")
        if len(given) and not any(isinstance(own, Mapping) or _listed(own) for own in given.values()):
            row = _weights(names, "kind", given)  # the weights of one contrast, by level
            return row[None, :], [_formula(names, row)]
        rows = [_weights(names, f"the contrast {str(name)!r}", own) for name, own in given.items()]
        return np.array(rows), [str(name) for name in given]
    if not _listed(given):
        raise ModelError(
            f"kind={given!r} is not understood", f"write one of {', '.join(map(repr, KINDS))}, or weights by name"
        )
    rows = [_weights(names, "kind", own) for own in (given if any(map(_listed, given)) else [given])]
    return np.array(rows), [_formula(names, row) for row in rows]


def _listed(given: Any) -> bool:
    return isinstance(given, Sequence | np.ndarray) and not isinstance(given, str | bytes)


def _weights(names: Sequence[str], where: str, given: Any) -> Floats:
    found = np.zeros(len(names))
    if isinstance(given, Mapping):
        for level, weight in given.items():
            found[_place(names, level, f"{where}: there is no mean {{}}")] = _number(where, weight)
    elif _listed(given):
        if len(given) != len(names):
            raise ModelError(
                f"{where} has {len(given)} weights for {len(names)} means",
                f"give one for each of {', '.join(names[:20])}, or name the levels: {{{names[0]!r}: -1, ...}}",
            )
        found[:] = [_number(where, weight) for weight in given]
    else:
        raise ModelError(f"{where} is {given!r}", "give a list of weights, or a mapping of levels to weights")
    if not found.any():
        raise ModelError(f"{where} has weights of 0 only", "it would be 0 whatever the data say")
    return found


def _number(where: str, weight: Any) -> float:
    number = isinstance(weight, int | float | np.integer | np.floating) and not isinstance(weight, bool)
    if not number or not math.isfinite(weight):
        raise ModelError(f"{where} has the weight {weight!r}", "a weight is a finite number")
    return float(weight)


def _formula(names: Sequence[str], weights: Floats) -> str:
    """Write a contrast as a sum, what is added first: ``0.5 b + 0.5 c - a``."""
    order = [*np.flatnonzero(weights > 0), *np.flatnonzero(weights < 0)]
    parts = []
    for i in order:
        size = abs(weights[i])
        own = names[i] if size == 1 else f"{size:.4g} {names[i]}"
        parts.append(f"{'-' if weights[i] < 0 else '+'} {own}")
    text = " ".join(parts)
    return text.removeprefix("+ ") if text.startswith("+") else text


def polynomials(size: int, places: Sequence[float] | None) -> tuple[Floats, list[str]]:
    """Return orthogonal polynomials of the places of the means, the linear one first; the last weight is positive.

    They are whole numbers without a common divisor where these are not too large, as in the tables of Fisher and Yates
    and in emmeans for equally spaced places, and have length 1 else.

    Raises
    ------
    ModelError
        If the means have no places on a line.
    """
    if places is None:
        raise ModelError(
            "polynomial contrasts are of one predictor, whose levels are in an order",
            "name one predictor, and the others in by",
        )
    if size > MOST_MEANS:
        raise ModelError(f"polynomial contrasts are of {MOST_MEANS:,} means at most, and these are {size:,}")
    labels = list(_DEGREES[: min(size - 1, MOST_DEGREES)])
    exact = _exact(places)
    return (_by_decomposition(places, len(labels)) if exact is None else _by_fractions(exact, len(labels))), labels


def _exact(places: Sequence[float]) -> list[Fraction] | None:
    """Return places as fractions, None where there are so many different steps that whole weights would be too long.

    They are rounded to fractions of small numbers, as 0.1 to 1/10, in their own unit or in that of their range,
    whichever leaves the places where they are; where neither does, they are taken to their last bit.
    """
    steps = np.diff(np.asarray(places, dtype=np.float64))
    if np.allclose(steps, steps[0], rtol=1e-9, atol=0):
        return [Fraction(i if steps[0] > 0 else -i) for i in range(len(places))]
    if len(places) > MOST_EXACT:
        return None
    given = [Fraction(float(place)) for place in places]
    least, width = min(given), max(given) - min(given)
    closest = min(upper - lower for lower, upper in pairwise(sorted(given)))
    for own, unit in ((given, Fraction(1)), ([(place - least) / width for place in given], width)):
        rounded = [place.limit_denominator(10**6) for place in own]
        if max(abs(one - other) for one, other in zip(own, rounded, strict=True)) * unit <= closest / 10**7:
            return rounded
    return given


def _by_decomposition(places: Sequence[float], degrees: int) -> Floats:
    """Return the polynomials with length 1, by orthogonalizing Legendre's, which are nearly so."""
    own = np.asarray(places, dtype=np.float64)
    scaled = 2 * (own - own.min()) / np.ptp(own) - 1
    columns = np.linalg.qr(np.polynomial.legendre.legvander(scaled, degrees))[0][:, 1:]
    return np.asarray(columns.T * np.sign(columns[np.argmax(own)])[:, None])


def _by_fractions(exact: list[Fraction], degrees: int) -> Floats:
    size = len(exact)
    order = sorted(range(size), key=exact.__getitem__)
    rows: list[list[Fraction]] = [[Fraction(1)] * size]
    for degree in range(1, degrees + 1):
        own = [place**degree for place in exact]
        for row in rows:
            share = _dot(own, row) / _dot(row, row)
            own = [value - share * other for value, other in zip(own, row, strict=True)]
        rows.append(own)
    # the power has the weight 1 in its own polynomial, so that the last place, the largest, is positive
    return np.array([_tidy(row, order[-1]) for row in rows[1:]])


def _dot(left: list[Fraction], right: list[Fraction]) -> Fraction:
    return sum((a * b for a, b in zip(left, right, strict=True)), Fraction(0))


def _tidy(row: list[Fraction], last: int) -> Floats:
    common = math.lcm(*(value.denominator for value in row))
    whole = [int(value * common) for value in row]
    divisor = math.gcd(*whole) * (1 if whole[last] > 0 else -1)
    whole = [value // divisor for value in whole]
    if max(map(abs, whole)) <= LARGEST_INTEGER:
        return np.array(whole, dtype=np.float64)
    length = math.isqrt(sum(value * value for value in whole) << 128)
    return np.array([float(Fraction(value << 64, length)) for value in whole])
