"""A design without its data, for a fit whose file holds none: names, levels and schema, but no rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hierbayes.design.design import Design
from hierbayes.design.groups import GroupBlock
from hierbayes.design.schema import GroupSchema, Schema
from hierbayes.errors import ModelError


class BareBlock(GroupBlock):
    """A group-level term without the codes and columns of the rows."""

    def __init__(self, group: GroupSchema) -> None:
        _fill(
            self,
            factor=group.factor,
            columns=group.columns,
            terms=group.terms,
            levels=group.levels,
            keys=group.keys,
            split=group.split,
            intercept=group.intercept,
            dropped=group.dropped,
        )

    def __getattr__(self, name: str) -> Any:
        return _absent(name, ("codes", "Z"))


class BareDesign(Design):
    """A design without rows. Whatever needs the data says that they are not there.

    Parameters
    ----------
    schema : Schema
    terms : tuple of int
        The population term of each coefficient.
    n, rows_given : int
        Number of rows in use at fit time, and of rows in the user's data.
    """

    def __init__(self, schema: Schema, terms: tuple[int, ...], n: int, rows_given: int) -> None:
        _fill(
            self,
            response=schema.response,
            coefficients=schema.coefficients,
            terms=terms,
            groups=tuple(BareBlock(group) for group in schema.groups),
            rows_given=rows_given,
            schema=schema,
            _n=n,
        )

    @property
    def n(self) -> int:
        """Number of rows in use at fit time."""
        return int(vars(self)["_n"])

    @property
    def trials(self) -> Any:
        """None for a model without trials; those of the rows are not there."""
        return None if self.schema.formula.trials is None else _absent("trials", ("trials",))

    def __getattr__(self, name: str) -> Any:
        return _absent(name, ("y", "X", "offset", "weights", "columns", "rows"))

    def __repr__(self) -> str:
        return f"a design of {self.n} rows, whose data the file does not hold"

    def _repr_html_(self) -> str:
        return f"<p>{self!r}</p>"


def _fill(frozen: object, **values: Any) -> None:
    vars(frozen).update(values)


def _absent(name: str, of_data: tuple[str, ...]) -> Any:
    if name in of_data:
        raise ModelError(
            "this needs the data of the fit, which its file does not hold",
            "save the fit with data=True, or give the data: fit.update(data=...), fit.predict(newdata)",
        )
    raise AttributeError(name)


def no_data(design: Design) -> bool:
    """Say whether a design is one without its data."""
    return isinstance(design, BareDesign)


def design_facts(design: Design) -> dict[str, Any]:
    """Return what a design without data needs beside its schema, for JSON."""
    return {"terms": list(design.terms), "n": design.n, "rows_given": design.rows_given}


def bare_design(schema: Schema, facts: Mapping[str, Any]) -> BareDesign:
    """Return the design of a schema and of what `design_facts` wrote."""
    return BareDesign(schema, tuple(map(int, facts["terms"])), int(facts["n"]), int(facts["rows_given"]))
