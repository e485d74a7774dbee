"""The words in which tables are declared: kinds of column, each with its type, unit and expectations.

What a column may hold stands in ``column.info``: ``unit``, and the expectations ``minimum``, ``maximum``, ``members``
(an allowed set) and ``pattern``; ``severity="warn"`` lets a row load that breaks them. Nullability and keys are
SQLAlchemy's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import (
    Boolean,
    Column,
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

# What a column can hold.
Kind = Literal["flag", "count", "number", "moment", "day", "text"]
# The member that stands in a breakdown column which the row's breakdown does not use.
ALL = "All"

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def table(name: str, description: str, grain: str, *columns: Any, kind: str, **info: Any) -> Table:
    """Declare a table. ``grain`` says what one row is; ``kind`` is fact, dimension, kpi or evidence.

    ``info`` holds what else is to be known of a table of that kind: see ``model/facts.py`` and ``model/dimensions.py``.
    """
    return Table(name, metadata, *columns, comment=description, info={"grain": grain, "kind": kind, **info})


def text(name: str, description: str, *, members: Sequence[str] = (), pattern: str = "", **options: Any) -> Column[Any]:
    """Declare a short text, perhaps one of ``members``, perhaps of a ``pattern``."""
    info: dict[str, Any] = {}
    if members:
        info["members"] = tuple(members)
    if pattern:
        info["pattern"] = pattern
    return _column(name, String(), description, info, options)


def long_text(name: str, description: str, **options: Any) -> Column[Any]:
    """Declare a text of any length."""
    return _column(name, Text(), description, {}, options)


def key(name: str, target: str, description: str, **options: Any) -> Column[Any]:
    """Declare a reference to another table's column, written ``table.column``."""
    options.setdefault("nullable", False)
    info = {"references": target, "severity": options.pop("severity", "block")}
    return Column(name, ForeignKey(target), comment=description, info=info, **options)


def day(name: str, description: str, **options: Any) -> Column[Any]:
    """Declare a calendar day."""
    return _column(name, Date(), description, {"unit": "date"}, options)


def moment(name: str, description: str, **options: Any) -> Column[Any]:
    """Declare a moment (UTC)."""
    return _column(name, DateTime(), description, {"unit": "UTC"}, options)


def flag(name: str, description: str, **options: Any) -> Column[Any]:
    """Declare a yes or no."""
    return _column(name, Boolean(), description, {}, options)


def count(name: str, description: str, unit: str, *, minimum: int | None = 0, **options: Any) -> Column[Any]:
    """Declare a whole number, by default never negative."""
    return _column(name, Integer(), description, {"unit": unit, "minimum": minimum}, options)


def number(
    name: str,
    description: str,
    unit: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    **options: Any,
) -> Column[Any]:
    """Declare a number that need not be whole."""
    return _column(name, Double(), description, {"unit": unit, "minimum": minimum, "maximum": maximum}, options)


# What columns hold, by the type of SQL in which it is declared: the first that fits counts.
_KINDS: tuple[tuple[type, Kind], ...] = (
    (Boolean, "flag"),
    (Integer, "count"),
    (Float, "number"),
    (DateTime, "moment"),
    (Date, "day"),
    (String, "text"),
)


def kind_of(column: Column[Any]) -> Kind:
    """Return what a column holds. Raises TypeError where it is none of what is declared here."""
    for sql_type, kind in _KINDS:
        if isinstance(column.type, sql_type):
            return kind
    raise TypeError(f"{column} has the type {column.type}, which is not declared in model/columns.py")


def _column(name: str, kind: Any, description: str, info: dict[str, Any], options: dict[str, Any]) -> Column[Any]:
    options.setdefault("nullable", False)
    severity = options.pop("severity", "block")
    return Column(name, kind, comment=description, info=info | {"severity": severity}, **options)
