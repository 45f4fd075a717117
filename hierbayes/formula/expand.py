"""A tree to its terms: ``*``, ``/``, ``^``, signs and bars written out, and the grouping factors right of the bars."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from hierbayes.errors import FormulaError
from hierbayes.expressions.scanner import Stream
from hierbayes.expressions.syntax import Call, Expression, Name, Number, Span, Text
from hierbayes.formula.parser import Bar, Chain, Node, Power
from hierbayes.formula.syntax import Group, Part, Term

MOST_TERMS = 1_000
MOST_PRODUCTS = 100_000
MOST_ATOMS = 50
MOST_COLUMNS = 20
Factor = tuple[Name, ...]
Terms = dict[Term, None]


@dataclass
class Collected:
    """What the summands read so far come to. The population part and each left side of a bar collect their own."""

    intercept: bool = True
    terms: Terms = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    offsets: list[Expression] = field(default_factory=list)

    @property
    def part(self) -> Part:
        """The intercept and the terms, those of fewer atoms first, else in order of appearance."""
        return Part(self.intercept, tuple(sorted(self.terms, key=lambda term: len(term.atoms))))


def expand_side(stream: Stream, tree: Node) -> Collected:
    """Expand the right side of a formula.

    A bar without parentheses takes the whole side: all that stands left of it varies, and what is left for the
    population is its intercept.

    Raises
    ------
    FormulaError
        If an operator cannot be applied to its operands, or there are too many terms.
    """
    collected = Collected()
    add_summand(stream, collected, "+", tree, within=None)
    for i, offset in enumerate(collected.offsets):
        if offset in collected.offsets[:i]:
            raise stream.error("this offset is given twice", offset.span, "Leave one out.")
    check_size(stream, len(collected.terms) + len(collected.groups), tree.span)
    return collected


def add_summand(stream: Stream, collected: Collected, sign: str, node: Node, within: Bar | None) -> None:
    """Add a summand, or take it away."""
    if isinstance(node, Chain) and is_sum(node):
        add_sum(stream, collected, sign, node, within)
    elif isinstance(node, Number):
        add_intercept(stream, collected, sign, node)
    elif isinstance(node, Bar):
        add_groups(stream, collected, sign, node, within)
    elif isinstance(node, Call) and node.function == "offset":
        add_offset(stream, collected, sign, node, within)
    elif sign == "-":
        for term in terms_of(stream, node):
            collected.terms.pop(term, None)
    else:
        collected.terms.update(terms_of(stream, node))
        check_size(stream, len(collected.terms), node.span)


def add_sum(stream: Stream, collected: Collected, sign: str, chain: Chain, within: Bar | None) -> None:
    """Add a sum, or take it away. Parentheses close it off: what it takes away, it takes from its own terms only."""
    inner = Collected(intercept=collected.intercept and sign == "+")
    if chain.first is not None:
        add_summand(stream, inner, "+", chain.first, within)
    for operator, operand in chain.rest:
        add_summand(stream, inner, operator, operand, within)
    if sign == "+":
        collected.intercept = inner.intercept
        collected.terms.update(inner.terms)
        collected.groups.extend(inner.groups)
        collected.offsets.extend(inner.offsets)
        return
    if inner.groups or inner.offsets:
        raise stream.error("group-level terms and offsets cannot be taken away", chain.span, "Leave them out.")
    collected.intercept = collected.intercept and not inner.intercept
    for term in inner.terms:
        collected.terms.pop(term, None)


def is_sum(chain: Chain) -> bool:
    """Whether a chain is one of ``+`` and ``-``."""
    return chain.rest[0][0] in ("+", "-")


def add_intercept(stream: Stream, collected: Collected, sign: str, node: Number) -> None:
    """Read ``1``, ``0``, ``-1`` and ``-0``; the last one counts."""
    if node.value not in (0, 1):
        hint = "Write arithmetic inside I(), as in I(x + 2)."
        raise stream.error("a number in a formula is 0 or 1, for the intercept", node.span, hint)
    collected.intercept = (node.value == 1) == (sign == "+")


def add_offset(stream: Stream, collected: Collected, sign: str, call: Call, within: Bar | None) -> None:
    """Collect the argument of ``offset()``."""
    if within is not None:
        raise stream.error("an offset cannot stand beside a bar", call.span, "Write offset(x) + (1 | g).")
    if sign == "-":
        raise stream.error("an offset cannot be taken away", call.span, "Leave it out.")
    collected.offsets.append(call.args[0])


def add_groups(stream: Stream, collected: Collected, sign: str, bar: Bar, within: Bar | None) -> None:
    """Add the group-level terms of a bar: one for each factor, and with ``||`` one for each column's term."""
    if within is not None:
        raise stream.error("a bar stands inside another", bar.span, "Write the group-level terms as summands.")
    if sign == "-":
        raise stream.error("a group-level term cannot be taken away", bar.span, "Leave it out.")
    left = Collected()
    add_summand(stream, left, "+", bar.left, within=bar)
    if not left.part.intercept and not left.part.terms:
        raise stream.error("nothing is left to vary by group", bar.left.span, "Write (1 | g) or (0 + x | g).")
    parts = split(left.part) if bar.split else (left.part,)
    for factor in read_factors(stream, bar.right):
        columns, places = tuple(column.name for column in factor), tuple(column.span for column in factor)
        collected.groups.extend(Group(part, columns, bar.split, bar.span, places) for part in parts)
    check_size(stream, len(collected.groups), bar.span)


def split(part: Part) -> tuple[Part, ...]:
    """Split a left side term by term, as ``||`` does; the columns of one categorical stay together."""
    intercept = (Part(True, ()),) if part.intercept else ()
    return (*intercept, *(Part(False, (term,)) for term in part.terms))


def terms_of(stream: Stream, node: Node) -> Terms:
    """Return the terms of an expression that holds no intercept and no bar."""
    match node:
        case Call(function="offset", span=span):
            raise stream.error("an offset is a summand of its own", span, "Write y ~ x + offset(z).")
        case Name() | Call():
            return {Term((node,), node.span): None}
        case Number() | Text() | Bar():
            raise misused(stream, node)
        case Power(base=base, exponent=exponent, span=span):
            return power(stream, terms_of(stream, base), exponent, span)
        case Chain() if is_sum(node):
            return sum_terms(stream, node)
        case Chain():
            return product_terms(stream, node)


def sum_terms(stream: Stream, chain: Chain) -> Terms:
    """Return the terms of a sum inside a product or a power."""
    terms: Terms = {} if chain.first is None else dict(terms_of(stream, chain.first))
    for sign, operand in chain.rest:
        if sign == "+":
            terms.update(terms_of(stream, operand))
            check_size(stream, len(terms), operand.span)
        else:
            for term in terms_of(stream, operand):
                terms.pop(term, None)
    return terms


def product_terms(stream: Stream, chain: Chain) -> Terms:
    """Apply ``:``, ``*`` and ``/`` from left to right; ``a / b`` is ``a + a:b``, ``b`` within every term of ``a``."""
    terms: Terms = {} if chain.first is None else terms_of(stream, chain.first)
    for operator, operand in chain.rest:
        other = terms_of(stream, operand)
        if operator == ":":
            terms = cross(stream, terms, other, chain.span)
        elif operator == "*":
            terms = terms | other | cross(stream, terms, other, chain.span)
        else:
            terms = terms | cross(stream, {product(stream, terms): None}, other, chain.span) if terms else terms
        check_size(stream, len(terms), chain.span)
    return terms


def power(stream: Stream, terms: Terms, exponent: int, span: Span) -> Terms:
    """Cross terms with themselves `exponent` times, or until nothing new comes."""
    result = terms
    for _ in range(exponent - 1):
        larger = result | cross(stream, result, terms, span)
        if len(larger) == len(result):
            break
        result = larger
    return result


def cross(stream: Stream, left: Terms, right: Terms, span: Span) -> Terms:
    """Return every product of a left and a right term."""
    stream.products += len(left) * len(right)
    check_size(stream, stream.products, span, MOST_PRODUCTS)
    products: Terms = {}
    for first in left:
        for second in right:
            products.setdefault(product(stream, (first, second)))
            check_size(stream, len(products), span)
    return products


def product(stream: Stream, terms: Collection[Term]) -> Term:
    """Return the product of terms, each atom once."""
    atoms = {atom: None for term in terms for atom in term.atoms}
    span = Span(min(term.span.start for term in terms), max(term.span.stop for term in terms))
    if len(atoms) > MOST_ATOMS:
        raise stream.error(f"this is an interaction of more than {MOST_ATOMS} columns", span)
    return Term(tuple(atoms), span)


def check_size(stream: Stream, size: int, span: Span, limit: int = MOST_TERMS) -> None:
    """Refuse an expansion that grows beyond the limit."""
    if size > limit:
        hint = "Name the interactions that you want: a + b + a:b."
        raise stream.error(f"this expands to too many terms; the limit is {MOST_TERMS:,}", span, hint)


def misused(stream: Stream, node: Number | Text | Bar) -> FormulaError:
    """Return the error for what cannot be a factor of a product."""
    if isinstance(node, Text):
        hint = "Write the name without quotes, or between backquotes: `my column`."
        return stream.error("quoted text is not a column", node.span, hint)
    if isinstance(node, Bar):
        hint = "Write it as a summand of its own: y ~ x + (x | g)."
        return stream.error("a group-level term cannot be multiplied", node.span, hint)
    if node.value in (0, 1):
        hint = "Write them as summands: y ~ 0 + a:b."
        return stream.error("0 and 1 stand for the intercept and cannot be multiplied", node.span, hint)
    return stream.error("a column cannot be multiplied by a number here", node.span, "Write I(x * 2).")


def read_factors(stream: Stream, node: Node) -> tuple[Factor, ...]:
    """Return the columns of each grouping factor: one for ``g`` and ``a:b``; ``a/b`` is ``a`` and ``a:b``.

    Raises
    ------
    FormulaError
        If the right side is anything but columns joined by ``:`` and ``/``.
    """
    if isinstance(node, Name):
        return ((node,),)
    if not isinstance(node, Chain) or node.first is None or node.rest[0][0] not in (":", "*", "/"):
        raise refused(stream, node)
    factors = read_factors(stream, node.first)
    for operator, operand in node.rest:
        if operator == "*":
            raise refused(stream, node)
        inner = read_factors(stream, operand)
        if operator == ":":
            factors = tuple(joined(stream, operand, one, other) for one in factors for other in inner)
        else:
            factors += tuple(joined(stream, operand, factors[-1], other) for other in inner)
        if max(len(factors), len(factors[-1])) > MOST_COLUMNS:
            raise stream.error(f"a grouping factor of more than {MOST_COLUMNS} columns", node.span)
    return factors


def joined(stream: Stream, node: Node, outer: Factor, inner: Factor) -> Factor:
    """Return the factor of two factors' combinations."""
    for column in inner:
        if column in outer:
            raise stream.error(f"the grouping factor names {column.name} twice", node.span)
    return outer + inner


def refused(stream: Stream, node: Node) -> FormulaError:
    """Return the error for a right side that is no grouping factor, with what to write instead."""
    source = stream.source(node.span)
    if isinstance(node, Chain) and node.first is not None:
        sides = [stream.source(each.span) for each in (node.first, *(operand for _, operand in node.rest))]
        if node.rest[0][0] == "+":
            return stream.error("a sum cannot be a grouping factor", node.span, separate(sides))
        if node.rest[0][0] in ("*", "/"):
            hint = separate([*sides, ":".join(sides)])
            return stream.error("a crossing with * cannot be a grouping factor", node.span, hint)
    if isinstance(node, Call):
        first = node.args[0]
        hint = f"Put {source} into the data as a column and name it."
        if node.function == "C" and isinstance(first, Name):
            hint = f"A grouping factor is always categorical: write {stream.source(first.span)}."
        return stream.error("a function call cannot be a grouping factor", node.span, hint)
    hint = "Name a column: (1 | g), (1 | a:b) or (1 | a/b)."
    return stream.error(f"{source} cannot be a grouping factor", node.span, hint)


def separate(factors: list[str]) -> str:
    """Return what to write for several factors, each with a term of its own."""
    return f"Write {' + '.join(f'(1 | {factor})' for factor in factors)}."
