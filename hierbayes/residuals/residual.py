"""Independent residuals, whose variances are known but for one number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hierbayes.errors import DataError
from hierbayes.expressions.syntax import Expression, names_in
from hierbayes.formula import show

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Residual:
    """Independent rows with known weights.

    Attributes
    ----------
    weights : str or None
        Column of positive weights, which divide the variance of a row.
    errors : Expression or None
        The known standard error of each row; sigma is then 1.
    """

    weights: str | None = None
    errors: Expression | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        names = () if self.errors is None else tuple(name.name for name in names_in(self.errors))
        return names if self.weights is None else (*names, self.weights)

    def row_weights(self, weights: Floats | None, errors: Floats | None, rows: Ints) -> Floats:
        """Return the weight of each row: that of the weights column, over the square of its known standard error.

        Parameters
        ----------
        weights, errors : array, shape (n,), or None
            The two as they were read; None for 1.
        rows : array of int, shape (n,)
            Positions of the rows in the data, for the message.

        Raises
        ------
        DataError
            If a weight or a standard error is not above 0, or the square of one is not.

        Examples
        --------
        >>> from hierbayes.expressions.syntax import Name
        >>> Residual("w", Name("s")).row_weights(np.array([1.0, 2.0]), np.array([0.5, 1.0]), np.arange(2))
        array([4., 2.])
        """
        if weights is None:
            weights = np.ones(len(rows))
        bad = np.flatnonzero(weights <= 0)
        if bad.size:
            raise DataError(
                f"the weight in column {self.weights!r} is {weights[bad[0]]:g} in row {int(rows[bad[0]])} "
                "(counting from 0); weights must be positive",
                "leave such rows out of the data",
            )
        if self.errors is None or errors is None:
            return weights
        bad = np.flatnonzero(errors <= 0)
        if bad.size:
            raise DataError(
                f"the standard error {show(self.errors)!r} is {errors[bad[0]]:g} in row {int(rows[bad[0]])} "
                "(counting from 0); it must be above 0",
                "leave such rows out of the data",
            )
        if not 1e-150 < errors.min() <= errors.max() < 1e150:
            raise DataError(
                f"the standard errors {show(self.errors)!r} are of a size that cannot be squared",
                "change the unit of the response and of its standard errors",
            )
        return np.asarray(weights / errors**2)
