"""The words by which a table calls its own rows, beside the names that the user gave to columns."""

from __future__ import annotations

from collections.abc import Collection


def own_word(word: str, names: Collection[str]) -> str:
    """Return the word for a row of the table's own, in parentheses where the user has given it to a column.

    The names of the user stay as they are, in every table alike.

    Examples
    --------
    >>> own_word("Residual", ["Subject"]), own_word("Residual", ["Subject", "Residual"])
    ('Residual', '(Residual)')
    """
    while word in names:
        word = f"({word})"
    return word


def coefficient_word(label: str, parameters: Collection[str]) -> str:
    """Return the name of a coefficient beside the parameters of a family: ``beta[sigma]`` of a column called sigma.

    `hierbayes.Fit.hypothesis` reads it.

    Examples
    --------
    >>> coefficient_word("Days", ["sigma"]), coefficient_word("sigma", ["sigma"])
    ('Days', 'beta[sigma]')
    """
    return f"beta[{label}]" if label in parameters else label
