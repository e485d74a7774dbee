"""Declared tables as Arrow sees them: how their rows are held between the stages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import pyarrow as pa
import sqlalchemy as sa


@cache
def arrow_schema(table: sa.Table) -> pa.Schema:
    """Return the Arrow schema of a table."""
    kinds: Iterable[tuple[type, pa.DataType]] = (
        (sa.Boolean, pa.bool_()),
        (sa.Integer, pa.int64()),
        (sa.Float, pa.float64()),
        (sa.DateTime, pa.timestamp("us")),
        (sa.Date, pa.date32()),
        (sa.String, pa.string()),
    )
    return pa.schema(
        [(c.name, next(arrow for kind, arrow in kinds if isinstance(c.type, kind))) for c in table.columns]
    )


def rows_to_arrow(table: sa.Table, rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Return dictionaries as Arrow rows typed as the table's columns."""
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(table))
