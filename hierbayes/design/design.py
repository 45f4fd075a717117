"""The data of a model as arrays, with the names that go with them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from hierbayes.design.groups import GroupBlock
from hierbayes.design.row_labels import index_of_rows
from hierbayes.design.schema import Schema
from hierbayes.design.table import Column, Floats, Ints
from hierbayes.families import Family
from hierbayes.formula import show

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True)
class Design:
    """Response, population columns and a block for every group-level term: the schema frozen at fit time.

    Attributes
    ----------
    response : str
        The response as it is written in the formula.
    y : array, shape (n,)
        The response; 0 and 1 for ``bernoulli``, the number of successes for ``binomial``, the number of the category,
        1 to K, for ``ordinal`` and ``categorical``.
    X : array, shape (n, p)
        The population columns as given (not centred), lme4's ``model.matrix``. A ``categorical`` response has K - 1
        rows for each of its own here, in `offset` and in the groups: see `hierbayes.design.stacked`.
    coefficients : tuple of str, length p
        Labels of the columns of `X`.
    terms : tuple of int, length p
        The population term that each column belongs to; 0 is the intercept.
    offset, weights : array, shape (n,)
        The sum of all offsets (0 without one); the weights (1 without one), over the squares of known standard errors.
    groups : tuple of GroupBlock
    columns : tuple of Column
        The columns of the data that the model reads, after checks.
    rows : array of int, shape (n,)
        Positions in the user's data of the rows in use.
    rows_given : int
        Number of rows in the user's data.
    schema : Schema
        What turns new data into rows of this design, without these data.
    trials : array, shape (n,), or None
        Number of trials of each row, where the response counts successes.
    labels : pandas.Index, length n, or None
        The index of the rows in use; None where the user's data number their rows from 0. See `index`.
    """

    response: str
    y: Floats
    X: Floats
    coefficients: tuple[str, ...]
    terms: tuple[int, ...]
    offset: Floats
    weights: Floats
    groups: tuple[GroupBlock, ...]
    columns: tuple[Column, ...]
    rows: Ints
    rows_given: int
    schema: Schema
    trials: Floats | None = None
    labels: pd.Index | None = None

    @cached_property
    def index(self) -> pd.Index:
        """The index of the rows in use, as the user's frame has it; of other tables the positions of the rows, from 0.

        Examples
        --------
        >>> import warnings
        >>> import hierbayes as hb
        >>> sleep = hb.load_data("sleepstudy").astype({"Days": float})
        >>> sleep.loc[1, "Days"] = float("nan")
        >>> with warnings.catch_warnings(action="ignore"):
        ...     design = hb.Model("Reaction ~ Days + (Days | Subject)", sleep).design
        >>> design.index[:3].tolist()
        [0, 2, 3]
        """
        return index_of_rows(self.labels, self.rows, self.rows_given)

    @property
    def family(self) -> Family:
        """The likelihood by which the response was read."""
        return self.schema.family

    @property
    def modelled(self) -> str | None:
        """The level of the response whose probability is modelled, None where the response is a number.

        Examples
        --------
        >>> import hierbayes as hb
        >>> said = hb.load_data("verbagg").iloc[:500]
        >>> hb.Model("r2 ~ Anger + (1 | item)", said, family="bernoulli").design.modelled
        'Y'
        """
        return self.schema.modelled

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of an ordinal response, the lowest first, or a categorical one, the reference first.

        Empty for other families.

        Examples
        --------
        >>> import hierbayes as hb
        >>> wine = hb.load_data("wine")
        >>> hb.Model("rating ~ temp + (1 | judge)", wine, family="ordinal").design.categories
        ('1', '2', '3', '4', '5')
        """
        return self.schema.categories

    @property
    def n(self) -> int:
        """Number of rows in use."""
        return len(self.y)

    @property
    def predictors(self) -> int:
        """Number of linear predictors of a row: 1, but for a ``categorical`` response of K categories K - 1."""
        return self.family.predictors

    @property
    def intercept(self) -> bool:
        """Whether there is a population-level intercept."""
        return bool(self.coefficients) and self.coefficients[0] == "Intercept" and self.terms[0] == 0

    @property
    def factors(self) -> tuple[str, ...]:
        """The grouping factors, each once, in the order of the formula."""
        return tuple(dict.fromkeys(block.factor for block in self.groups))

    def blocks(self, factor: str) -> tuple[GroupBlock, ...]:
        """The blocks of one grouping factor."""
        return tuple(block for block in self.groups if block.factor == factor)

    def factor_terms(self, factor: str) -> list[str]:
        """The terms of one grouping factor, over all its blocks."""
        return [term for block in self.blocks(factor) for term in block.terms]

    def correlated_pairs(self, factor: str) -> list[tuple[int, int]]:
        """The pairs of a factor's terms that the model lets correlate."""
        pairs, start = [], 0
        for block in self.blocks(factor):
            stop = start + len(block.terms)
            pairs += list(combinations(range(start, stop), 2))
            start = stop
        return pairs

    def column(self, name: str) -> Column:
        """One column that the model reads."""
        return next(column for column in self.columns if column.name == name)

    @property
    def X_frame(self) -> pd.DataFrame:
        """`X` as a data frame with its labels, and the index of the rows."""
        return pd.DataFrame(self.X, columns=list(self.coefficients), index=self.index.repeat(self.predictors))

    @cached_property
    def Z(self) -> sparse.csr_matrix:
        """The group-level columns as one sparse matrix, lme4's ``getME(fit, "Z")``.

        Shape (n, sum over blocks of levels times terms): block after block in the order of the formula, within a block
        level after level, within a level term after term. For a factor of one block, ``Z @ b.ravel()`` with the
        effects b (levels, terms) is what its levels add to each row.

        Examples
        --------
        >>> import hierbayes as hb
        >>> design = hb.Model("Reaction ~ Days + (Days | Subject)", hb.load_data("sleepstudy")).design
        >>> design.Z.shape, design.Z_names[:2]
        ((180, 36), ('Subject[308]:Intercept', 'Subject[308]:Days'))
        """
        from scipy import sparse

        if not self.groups:
            return sparse.csr_matrix((len(self.offset), 0))
        return sparse.csr_matrix(sparse.hstack([sparse_columns(block) for block in self.groups], format="csr"))

    @cached_property
    def Z_names(self) -> tuple[str, ...]:
        """Labels of the columns of `Z`: ``Subject[308]:Days`` is the column of Days for level 308 of Subject."""
        return tuple(
            f"{block.factor}[{level}]:{term}" for block in self.groups for level in block.levels for term in block.terms
        )

    def table(self) -> pd.DataFrame:
        """Return one row for each array of the design: name, shape and columns."""
        ones = f"1 is {self.modelled!r}, 0 is {self.schema.response_levels[0]!r}" if self.modelled is not None else ""
        if self.family.has_thresholds:
            ones = " < ".join(self.categories)
        elif self.categories:
            ones = f"{', '.join(self.categories[1:])}, each against {self.categories[0]}"
        n = self.n * self.predictors
        rows = [
            ("y", self.response, f"{self.n}", ones),
            ("X", "population", f"{n} x {len(self.coefficients)}", ", ".join(self.coefficients)),
        ]
        if self.family.counts_trials and self.schema.formula.trials is not None:
            rows.append(("trials", show(self.schema.formula.trials), f"{self.n}", ""))
        for block in self.groups:
            shape = f"{n} x {len(block.terms)}, {block.n_levels} levels"
            rows.append(("Z", f"group {block.factor}", shape, ", ".join(block.terms)))
        if np.any(self.offset != 0):
            rows.append(("offset", "", f"{self.n}", ""))
        if np.any(self.weights != 1):
            rows.append(("weights", "", f"{self.n}", ""))
        return pd.DataFrame(rows, columns=["array", "of", "shape", "columns"])

    def __repr__(self) -> str:
        return self.table().to_string(index=False)

    def _repr_html_(self) -> str:
        return str(self.table().to_html(index=False))


class Levelled(Protocol):
    """Columns that vary by level: one group-level term, or all of a factor."""

    @property
    def Z(self) -> Floats: ...

    @property
    def codes(self) -> Ints: ...

    @property
    def n_levels(self) -> int: ...


def sparse_columns(block: Levelled) -> sparse.csr_matrix:
    """Return the columns of each row at its level, shape (n, levels times columns), level after level."""
    from scipy import sparse

    n, k = block.Z.shape
    columns = block.codes[:, None] * k + np.arange(k)
    starts = np.arange(0, n * k + 1, k) if k else np.zeros(n + 1, dtype=np.int64)
    return sparse.csr_matrix((block.Z.ravel(), columns.ravel(), starts), shape=(n, block.n_levels * k))
