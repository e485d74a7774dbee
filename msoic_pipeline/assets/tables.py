"""Tables as Dagster's pages show them: a table's columns, and a few rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from msoic_pipeline.model.dictionary import name_type

# So many rows are shown of a table that is merely shown; of what somebody may have to look into, more.
PREVIEW_ROWS = 10
LISTED_ROWS = 50


def describe_columns(table: sa.Table) -> dg.TableSchema:
    """Return a table's columns as Dagster shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                name_type(column),
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
            )
            for column in table.columns
        ]
    )


def show_table(rows: Sequence[Mapping[str, Any]]) -> dg.MetadataValue:
    """Return rows as a table for Dagster's pages."""
    names = list(rows[0]) if rows else ["nothing"]
    records = [dg.TableRecord({name: _plain_value(row[name]) for name in names}) for row in rows]
    return dg.MetadataValue.table(records, schema=dg.TableSchema([dg.TableColumn(name, "text") for name in names]))


def _plain_value(value: Any) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
