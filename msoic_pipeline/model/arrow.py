"""Declared tables as Arrow sees them: how their rows are held between the stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from msoic_pipeline.model.columns import ColumnKind, find_kind

_TYPES: dict[ColumnKind, pa.DataType] = {
    "flag": pa.bool_(),
    "count": pa.int64(),
    "number": pa.float64(),
    "moment": pa.timestamp("us"),
    "day": pa.date32(),
    "text": pa.string(),
}


@cache
def make_arrow_schema(table: sa.Table) -> pa.Schema:
    """Return the Arrow schema of a table."""
    return pa.schema(list_arrow_fields(table.columns))


def list_arrow_fields(columns: Iterable[sa.ColumnElement[Any]]) -> list[pa.Field]:
    """Return columns, of a table or of a query, as Arrow's fields."""
    return [pa.field(column.name, _TYPES[find_kind(column)]) for column in columns]


def make_arrow_rows(table: sa.Table, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Return dictionaries as Arrow rows typed as the table's columns; a column that is not named is empty.

    Raises ValueError where one names a column that the table has not.
    """
    names = set(table.columns.keys())
    for row in rows:
        if unknown := row.keys() - names:
            raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    return pa.Table.from_pylist(list(rows), schema=make_arrow_schema(table))
