"""What turns new data into rows of a design without the data of the fit, as one frozen value that JSON can hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from hierbayes.design.rank import Dropped
from hierbayes.design.table import Categorical, Column, as_factor
from hierbayes.errors import DataError, ModelError
from hierbayes.expressions.syntax import Call, Expression, Name, names_in
from hierbayes.families import GAUSSIAN, Family, family_from_json
from hierbayes.formula import Formula, Part, parse, show
from hierbayes.formula.roles import averaged_within, coded_columns
from hierbayes.residuals import Residual
from hierbayes.spec import Contrast, ModelSpec

if TYPE_CHECKING:
    from hierbayes.design.groups import GroupBlock

ColumnKind = Literal["numeric", "number", "categorical", "text", "boolean"]


@dataclass(frozen=True)
class ColumnSchema:
    """How one column of the data was read.

    Attributes
    ----------
    name : str
    kind : str
        ``"numeric"``; ``"number"`` for numbers that the formula also takes as levels, by ``C()``; ``"categorical"``,
        ``"text"`` or ``"boolean"``.
    levels : tuple of str
        The levels in the order of the design; empty for ``"numeric"``.
    declared : tuple of str
        All categories of a column that the data call ordered, whether they occur or not.
    """

    name: str
    kind: ColumnKind
    levels: tuple[str, ...] = ()
    declared: tuple[str, ...] = ()


@dataclass(frozen=True)
class GroupSchema:
    """One group-level term: its factor, its columns and its levels; the fields are those of `GroupBlock`."""

    factor: str
    columns: tuple[str, ...]
    terms: tuple[str, ...]
    levels: tuple[str, ...]
    keys: tuple[tuple[str, ...], ...]
    split: bool
    intercept: bool
    dropped: tuple[Dropped, ...] = ()

    @property
    def n_levels(self) -> int:
        """Number of levels, J."""
        return len(self.levels)

    @cached_property
    def index(self) -> Mapping[tuple[str, ...], int]:
        """The position of each level, by its key."""
        return {key: i for i, key in enumerate(self.keys)}


@dataclass(frozen=True)
class Schema:
    """Everything that turns new data into rows of the design.

    Attributes
    ----------
    formula : Formula
    contrasts : mapping of str to Contrast
        Codings of categorical columns other than treatment coding.
    weights : str or None
        The column of weights.
    response : str
        The response as it is written in the formula.
    coefficients : tuple of str, length p
        Labels of the population columns.
    columns : tuple of ColumnSchema
        The columns of the data that the model reads.
    states : mapping of str to mapping
        What ``center``, ``scale``, ``standardize``, ``poly``, ``bs`` and ``ave`` learnt at fit time, by the call as
        shown.
    groups : tuple of GroupSchema
        One for each group-level term, in the order of ``formula.groups``; of a categorical response one for each of
        the other categories too where ``||`` splits the term (see `hierbayes.design.stacked`).
    family : Family
        By which the response was read.
    response_levels : tuple of str
        Where the response is a column of two texts, the one that stands for 0 and the one that stands for 1; all
        categories of an ordinal response, the lowest first, or of a categorical one, the reference first.
    dropped : tuple of Dropped
        Population columns that no row of the fit determines, which the design is without.
    """

    formula: Formula
    contrasts: Mapping[str, Contrast]
    weights: str | None
    response: str
    coefficients: tuple[str, ...]
    columns: tuple[ColumnSchema, ...]
    states: Mapping[str, Mapping[str, Any]]
    groups: tuple[GroupSchema, ...]
    family: Family
    response_levels: tuple[str, ...] = ()
    dropped: tuple[Dropped, ...] = ()

    @property
    def modelled(self) -> str | None:
        """The level whose probability is modelled, None where the response is a number or has several."""
        return self.response_levels[1] if self.response_levels and not self.categories else None

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of an ordinal response, the lowest first, or a categorical one, the reference first.

        Empty for other families.
        """
        return self.response_levels if self.family.has_thresholds or not self.family.has_mean else ()

    @property
    def factors(self) -> tuple[str, ...]:
        """The grouping factors, each once, in the order of the formula."""
        return tuple(dict.fromkeys(group.factor for group in self.groups))

    @property
    def residual(self) -> Residual:
        """How the residuals are distributed."""
        return Residual(self.weights, self.formula.se)

    @cached_property
    def by_name(self) -> Mapping[str, ColumnSchema]:
        """The columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def coded(self) -> frozenset[str]:
        """Columns whose levels make columns of the design: taken bare, or by ``C()``."""
        return coded_columns(self.formula)

    def needed(self, *, groups: bool, response: bool, weights: bool, trials: bool = False) -> tuple[str, ...]:
        """Return the columns that must be there without gaps; grouping columns that are only that are left out.

        With the response its trials are needed, and with the weights the standard errors.
        """
        population, *others = parts(self.formula)
        wanted: list[Expression] = [*self.formula.offsets, *_atoms(population)]
        for part in others if groups else ():
            wanted += _atoms(part)
        wanted += [self.formula.response] if response else []
        wanted += [self.formula.trials] if (response or trials) and self.formula.trials is not None else []
        names = [name.name for expression in wanted for name in names_in(expression)]
        return tuple(dict.fromkeys([*names, *(self.residual.columns if weights else ())]))

    def to_json(self) -> dict[str, Any]:
        """Return the schema as mappings, lists, texts and numbers; floats survive JSON bit for bit."""
        formula = self.formula
        return {
            "formula": formula.text if parse(formula.text) == formula else formula.canonical,
            "contrasts": {name: [own.kind, own.reference] for name, own in self.contrasts.items()},
            "weights": self.weights,
            "response": self.response,
            "coefficients": list(self.coefficients),
            "columns": [asdict(column) for column in self.columns],
            "states": {shown: dict(state) for shown, state in self.states.items()},
            "groups": [_group_to_json(group) for group in self.groups],
            "family": self.family.to_json(),
            "response_levels": list(self.response_levels),
            **_dropped_to_json(self.dropped),
        }

    @staticmethod
    def from_json(given: Mapping[str, Any]) -> Schema:
        """Return the schema that `to_json` wrote.

        Raises
        ------
        DataError
            If a part is missing or is of another kind.
        """
        try:
            return Schema(
                formula=parse(given["formula"]),
                contrasts=_frozen({name: Contrast(*own) for name, own in given["contrasts"].items()}),
                weights=given["weights"],
                response=given["response"],
                coefficients=tuple(given["coefficients"]),
                columns=tuple(ColumnSchema(**_tuples(own, "levels", "declared")) for own in given["columns"]),
                states=_frozen({shown: _frozen(state) for shown, state in given["states"].items()}),
                groups=tuple(_group(own) for own in given["groups"]),
                # files of the first version, which knew the gaussian family alone, do not say
                family=family_from_json(given["family"]) if "family" in given else GAUSSIAN,
                response_levels=tuple(given.get("response_levels", ())),
                dropped=_dropped(given),
            )
        except (KeyError, TypeError, AttributeError, ModelError) as error:
            raise DataError(f"the schema of the fit cannot be read: {error!r}") from error


def parts(formula: Formula) -> tuple[Part, ...]:
    """Return the population part and the left side of every bar."""
    return (formula.population, *(group.part for group in formula.groups))


def schema_of(
    spec: ModelSpec,
    response_levels: tuple[str, ...],
    coefficients: tuple[str, ...],
    columns: Iterable[Column],
    states: Mapping[str, Mapping[str, Any]],
    groups: Iterable[GroupBlock],
    dropped: tuple[Dropped, ...] = (),
) -> Schema:
    """Return the schema of a design that is being built."""
    by_levels = _by_levels(tuple(spec.formula.expressions()))
    return Schema(
        formula=spec.formula,
        contrasts=spec.contrasts,
        weights=spec.weights,
        response=show(spec.formula.response),
        coefficients=coefficients,
        columns=tuple(_column(column, column.name in by_levels) for column in columns),
        states=states,
        groups=tuple(group_schema(own) for own in groups),
        family=spec.family,
        response_levels=response_levels,
        dropped=dropped,
    )


def group_schema(own: GroupBlock) -> GroupSchema:
    """Return what new data need of a group-level term."""
    return GroupSchema(own.factor, own.columns, own.terms, own.levels, own.keys, own.split, own.intercept, own.dropped)


def _column(column: Column, by_levels: bool) -> ColumnSchema:
    if isinstance(column, Categorical):
        return ColumnSchema(column.name, column.kind, column.levels, column.declared)
    if by_levels:
        return ColumnSchema(column.name, "number", as_factor(column).levels)
    return ColumnSchema(column.name, "numeric")


def _by_levels(expressions: Sequence[Expression]) -> frozenset[str]:
    """Return the columns that ``C()`` or ``factor()`` takes, and those within whose levels ``ave()`` takes means."""
    calls = [each for each in expressions if isinstance(each, Call) and each.function in ("C", "factor")]
    coded = {call.args[0].name for call in calls if isinstance(call.args[0], Name)}
    return frozenset(coded | {name.name for each in expressions for name in averaged_within(each)})


def _atoms(part: Part) -> list[Expression]:
    return [atom for term in part.terms for atom in term.atoms]


def _frozen(values: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(dict(values))


def _tuples(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {key: tuple(value) if key in names else value for key, value in given.items()}


def _group(given: Mapping[str, Any]) -> GroupSchema:
    own = _tuples(given, "columns", "terms", "levels")
    return GroupSchema(**{**own, "keys": tuple(tuple(key) for key in own["keys"]), "dropped": _dropped(given)})


def _group_to_json(group: GroupSchema) -> dict[str, Any]:
    own = {name: value for name, value in asdict(group).items() if name != "dropped"}
    return {**own, **_dropped_to_json(group.dropped)}


def _dropped_to_json(dropped: tuple[Dropped, ...]) -> dict[str, Any]:
    """Return the columns left out, nothing where there are none."""
    return {"dropped": [[own.label, list(own.weights)] for own in dropped]} if dropped else {}


def _dropped(given: Mapping[str, Any]) -> tuple[Dropped, ...]:
    return tuple(Dropped(str(label), tuple(map(float, weights))) for label, weights in given.get("dropped", ()))
