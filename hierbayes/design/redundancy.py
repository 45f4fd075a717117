"""Which columns of which categoricals a formula needs, so that none is redundant and none is missing.

The space of a term is the sum of the spaces of all its sub-products: ``f:h`` holds 1, f and h as well. Each sub-product
is given to the first term that needs it, as contrasts; two that differ by one factor are then joined into one, with
indicators for that factor. Terms share sub-products only if they have the same numeric atoms, in any order.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations

Product = dict[Hashable, bool]


def codings(
    intercept: bool, terms: Sequence[tuple[frozenset[Hashable], tuple[Hashable, ...]]]
) -> Iterator[tuple[int, Product]]:
    """Yield the products of categoricals that the terms need, each with the position of its term.

    Parameters
    ----------
    intercept : bool
        Whether there is an intercept.
    terms : sequence of (numeric atoms, categorical atoms)

    Yields
    ------
    position : int
        The position in `terms`.
    product : dict
        The categoricals of the product; True for one coded by an indicator for every level, False by contrasts.

    Examples
    --------
    >>> none = frozenset()
    >>> list(codings(True, [(none, ("f",)), (none, ("f", "h"))]))
    [(0, {'f': False}), (1, {'f': True, 'h': False})]
    """
    none: frozenset[Hashable] = frozenset()
    used: dict[frozenset[Hashable], set[frozenset[Hashable]]] = {none: {none}} if intercept else {}
    for i, (numeric, factors) in enumerate(terms):
        taken = used.setdefault(numeric, set())
        fresh = [
            part for k in range(len(factors) + 1) for part in combinations(factors, k) if frozenset(part) not in taken
        ]
        taken.update(map(frozenset, fresh))
        for product in _joined([dict.fromkeys(part, False) for part in fresh]):
            yield i, {factor: product[factor] for factor in factors if factor in product}


def _joined(products: list[Product]) -> list[Product]:
    while (pair := _pair(products)) is not None:
        short, long = pair
        (extra,) = set(products[long]) - set(products[short])
        products[long] = {**products[short], extra: True}
        del products[short]
    return products


def _pair(products: list[Product]) -> tuple[int, int] | None:
    """Return a product and a later one that has one more factor, as contrasts, and is else the same."""
    for i, short in enumerate(products):
        for j in range(i + 1, len(products)):
            long = products[j]
            if len(long) == len(short) + 1 and short.items() <= long.items():
                (extra,) = set(long) - set(short)
                if not long[extra]:
                    return i, j
    return None
