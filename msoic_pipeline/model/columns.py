"""The words in which tables are declared: kinds of table and of column, each with its type, unit and expectations.

What SQLAlchemy has no place for stands beside its tables and columns as a record: see ``model/traits.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

from msoic_pipeline.model.traits import (
    TRAITS,
    ColumnTraits,
    DimensionTraits,
    FactTraits,
    Severity,
    TableKind,
    TableTraits,
)

# What a column can hold.
ColumnKind = Literal["flag", "count", "number", "moment", "day", "text"]
# The member that stands in a breakdown column which the row's breakdown does not use.
ALL = "All"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def fact_table(
    name: str,
    description: str,
    grain: str,
    *columns: Column[Any],
    source: str,
    measures: tuple[str, ...],
    cell_columns: Mapping[str, str] | None = None,
    series_columns: tuple[str, ...] = (),
) -> Table:
    """Declare a fact: ``source`` fills it, ``measures`` are its columns of figures. See ``FactTraits``."""
    traits = FactTraits(
        grain, source=source, measures=measures, cell_columns=cell_columns or {}, series_columns=series_columns
    )
    return _declare_table(name, description, columns, traits)


def dimension_table(
    name: str,
    description: str,
    grain: str,
    *columns: Column[Any],
    members_file: str = "",
    combines: str = "",
    labels: Mapping[str, str] | None = None,
) -> Table:
    """Declare a dimension, and where its members come from. See ``DimensionTraits``."""
    traits = DimensionTraits(grain, members_file=members_file, combines=combines, labels=labels)
    return _declare_table(name, description, columns, traits)


def table(
    name: str, description: str, grain: str, *columns: Column[Any], kind: TableKind, is_volatile: bool = False
) -> Table:
    """Declare a table that is neither a fact nor a dimension. See ``TableTraits``."""
    return _declare_table(name, description, columns, TableTraits(grain, kind, is_volatile))


def _declare_table(name: str, description: str, columns: Sequence[Column[Any]], traits: TableTraits) -> Table:
    return Table(name, metadata, *columns, comment=description, info={TRAITS: traits})


def text(
    name: str,
    description: str,
    *,
    members: Sequence[str] = (),
    pattern: str = "",
    severity: Severity = "block",
    **options: Any,
) -> Column[Any]:
    """Declare a short text, perhaps one of ``members``, perhaps of a ``pattern``.

    ``options`` of this and the following are those of SQLAlchemy's ``Column``; no column is nullable by default.
    """
    traits = ColumnTraits(members=tuple(members), pattern=pattern, severity=severity)
    return _declare_column(name, String(), description, traits, options)


def long_text(name: str, description: str, **options: Any) -> Column[Any]:
    """Declare a text of any length."""
    return _declare_column(name, Text(), description, ColumnTraits(), options)


def key(
    name: str, target: Column[Any] | str, description: str, *, severity: Severity = "block", **options: Any
) -> Column[Any]:
    """Declare a reference to a column; to one of the table that is being declared itself as text, ``table.column``."""
    references = target if isinstance(target, str) else str(target)
    traits = ColumnTraits(references=references, severity=severity)
    return _declare_column(name, ForeignKey(target), description, traits, options)


def day(name: str, description: str, **options: Any) -> Column[Any]:
    """Declare a calendar day."""
    return _declare_column(name, Date(), description, ColumnTraits(unit="date"), options)


def moment(name: str, description: str, **options: Any) -> Column[Any]:
    """Declare a moment (UTC)."""
    return _declare_column(name, DateTime(), description, ColumnTraits(unit="UTC"), options)


def flag(name: str, description: str, **options: Any) -> Column[Any]:
    """Declare a yes or no."""
    return _declare_column(name, Boolean(), description, ColumnTraits(), options)


def count(
    name: str,
    description: str,
    unit: str,
    *,
    minimum: int | None = 0,
    severity: Severity = "block",
    **options: Any,
) -> Column[Any]:
    """Declare a whole number, by default never negative."""
    traits = ColumnTraits(unit=unit, minimum=minimum, severity=severity)
    return _declare_column(name, Integer(), description, traits, options)


def number(
    name: str,
    description: str,
    unit: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    severity: Severity = "block",
    **options: Any,
) -> Column[Any]:
    """Declare a number that need not be whole."""
    traits = ColumnTraits(unit=unit, minimum=minimum, maximum=maximum, severity=severity)
    return _declare_column(name, Double(), description, traits, options)


def _declare_column(
    name: str, type_or_reference: Any, description: str, traits: ColumnTraits, options: dict[str, Any]
) -> Column[Any]:
    nullable = options.pop("nullable", False)
    return Column(name, type_or_reference, comment=description, info={TRAITS: traits}, nullable=nullable, **options)


# What columns hold, by the type of SQL in which it is declared: the first that fits counts.
_KIND_BY_TYPE: tuple[tuple[type, ColumnKind], ...] = (
    (Boolean, "flag"),
    (Integer, "count"),
    (Float, "number"),
    (DateTime, "moment"),
    (Date, "day"),
    (String, "text"),
)


def find_kind(column: ColumnElement[Any]) -> ColumnKind:
    """Return what a column holds. Raises TypeError where it is none of what is declared here."""
    for sql_type, kind in _KIND_BY_TYPE:
        if isinstance(column.type, sql_type):
            return kind
    raise TypeError(f"{column} has the type {column.type}, which is not declared in model/columns.py")
