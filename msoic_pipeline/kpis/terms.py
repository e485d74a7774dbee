"""What KPIs, rules and claims are made of: sums of a fact's figures over the rows that meet conditions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import Field, model_validator

from msoic_pipeline.declarations import Declaration
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.facts import FACTS, breakdown_column, finest_period, finest_period_column
from msoic_pipeline.model.traits import traits_of_column, traits_of_fact
from msoic_pipeline.workbooks.source import Reporters, load_source

# How months or quarters make a longer period: added up, or, of a stock, each reporter's last.
OverTime = Literal["sum", "last"]


class Condition(Declaration):
    """The values that a column must have, or must not. Written ``value``, ``[value, …]`` or ``{not: …}``.

    A column that is not given has none of them: ``{not: …}`` holds of it.
    """

    values: tuple[str | bool, ...]
    negated: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read_written(cls, written: Any) -> Any:
        negated = isinstance(written, dict) and set(written) == {"not"}
        values = written["not"] if negated else written
        values = list(values) if isinstance(values, list | tuple) else [values]
        if not values or not all(isinstance(value, str | bool) for value in values):
            raise ValueError(
                f"expected a text in quotes, true or false, a list of them, or {{not: …}}; found {written!r}"
            )
        return {"values": tuple(values), "negated": negated}

    def holds(self, column: sa.ColumnElement[Any], attribute: sa.Column[Any] | None = None) -> sa.ColumnElement[bool]:
        """Return the condition on ``column``; or on the ``attribute`` of the dimension's member that it names."""
        has_value = column.in_(self.values)
        if attribute is not None:
            code = next(iter(attribute.table.primary_key))
            has_value = column.in_(sa.select(code).where(attribute.in_(self.values)))
        return sa.or_(column.is_(None), sa.not_(has_value)) if self.negated else has_value


@dataclass(frozen=True)
class NamedColumn:
    """What a condition names: the fact's ``own`` column, or an ``attribute`` of the dimension that it refers to."""

    own: sa.Column[Any]
    attribute: sa.Column[Any] | None = None

    @property
    def compared(self) -> sa.Column[Any]:
        """The column whose values the condition is about."""
        return self.own if self.attribute is None else self.attribute


class Term(Declaration):
    """The sum of a measure over the rows of a fact that meet ``where``.

    ``measure`` may be left out where the fact has only one. ``where`` names columns of the fact, or, such as
    ``dim_force.kind``, of a dimension that it refers to. A row that is not there is missing; with ``missing_row: zero``
    it counts as zero where the release covers the period (and, where forces or areas report, has any row of the one in
    question): for tables that list only what occurred.
    """

    fact: str
    measure: str = ""
    where: dict[str, Condition] = Field(default_factory=dict)
    missing_row: Literal["missing", "zero"] = "missing"

    @model_validator(mode="after")
    def _check_columns_are_there(self) -> Term:
        if self.fact not in FACTS:
            raise ValueError(f"unknown fact {self.fact!r}: expected one of {', '.join(FACTS)}")
        measures = traits_of_fact(self.table).measures
        if self.measure not in measures and (self.measure or len(measures) > 1):
            raise ValueError(f"{self.fact} has no measure {self.measure!r}: expected one of {', '.join(measures)}")
        for name, condition in self.where.items():
            _check_values(name, self.find_column(name).compared, condition.values)
        divided = breakdown_column(self.table)
        if divided and (len(self.breakdown_values()) != 1 or self.where[divided].negated):
            raise ValueError(
                f"{self.fact} holds several breakdowns of the same cases: fix one of them by {divided!r} in where"
            )
        return self

    @property
    def counts_unlisted_as_zero(self) -> bool:
        """Whether a row that is not there counts as zero, of tables that list only what occurred."""
        return self.missing_row == "zero"

    @property
    def table(self) -> sa.Table:
        """The fact table."""
        return FACTS[self.fact]

    @property
    def source(self) -> str:
        """The source that fills the fact."""
        return traits_of_fact(self.table).source

    @property
    def measure_column(self) -> sa.Column[Any]:
        """The column that is summed."""
        return self.table.c[self.measure or traits_of_fact(self.table).measures[0]]

    @property
    def finest_period(self) -> str:
        """month or quarter: the period of the fact's rows."""
        return finest_period(self.table)

    @property
    def period_column(self) -> str:
        """The fact's column with the first day of that period."""
        return finest_period_column(self.table)

    @property
    def reporters(self) -> Reporters:
        """Who should report the fact."""
        return load_source(self.source).reporters

    @property
    def breakdown(self) -> str:
        """The breakdown of the fact, as the vintage table names it."""
        return str(next(iter(self.breakdown_values()), ""))

    def breakdown_values(self) -> tuple[str | bool, ...]:
        """Return the values that ``where`` gives the column which divides the fact."""
        divided = breakdown_column(self.table)
        condition = self.where.get(divided) if divided else None
        return condition.values if condition else ()

    def find_column(self, name: str) -> NamedColumn:
        """Return the column that ``name`` is about: ``force_code``, or ``dim_force.kind`` of the fact's force_code.

        Raises ValueError where there is no such column or the fact does not refer to the dimension.
        """
        dimension, _, attribute = name.rpartition(".")
        if not dimension:
            if attribute not in self.table.columns:
                raise ValueError(
                    f"{self.fact} has no column {attribute!r}: expected one of {', '.join(self.table.columns.keys())}"
                )
            return NamedColumn(self.table.c[attribute])
        references: dict[str, sa.Column[Any]] = {}
        for own_column in self.table.columns:
            table_name, _, _ = traits_of_column(own_column).references.partition(".")
            if table_name.startswith("dim_"):
                references[table_name] = own_column
        if dimension not in references:
            raise ValueError(f"{self.fact} does not refer to {dimension!r}: expected one of {', '.join(references)}")
        columns = metadata.tables[dimension].columns
        if attribute not in columns:
            raise ValueError(f"{dimension} has no column {attribute!r}: expected one of {', '.join(columns.keys())}")
        return NamedColumn(references[dimension], columns[attribute])

    def conditions(self) -> Iterator[sa.ColumnElement[bool]]:
        """Yield the conditions on the rows of the fact that the term sums."""
        for name, condition in self.where.items():
            column = self.find_column(name)
            yield condition.holds(column.own, column.attribute)

    def words(self) -> str:
        """Return the term in words."""
        conditions = [
            f"{name} is {'not ' if condition.negated else ''}{' or '.join(str(value) for value in condition.values)}"
            for name, condition in self.where.items()
        ]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        return f"{self.measure_column.name} of {self.fact}{where}"


@dataclass(frozen=True)
class TermOverTime:
    """A term, and how its months or quarters make a longer period."""

    term: Term
    over_time: OverTime

    @property
    def is_stock(self) -> bool:
        """Whether each reporter's last month or quarter stands for a longer period."""
        return self.over_time == "last"


def _check_values(name: str, column: sa.Column[Any], values: tuple[str | bool, ...]) -> None:
    wanted = bool if isinstance(column.type, sa.Boolean) else str
    wrong = [value for value in values if not isinstance(value, wanted)]
    if wrong:
        raise ValueError(f"{name} is {'true or false' if wanted is bool else 'a text in quotes'}; found {wrong[0]!r}")
    members = traits_of_column(column).members
    unknown = [value for value in values if members and value not in members]
    if unknown:
        raise ValueError(f"{name} has no member {unknown[0]!r}: expected one of {', '.join(members)}")
