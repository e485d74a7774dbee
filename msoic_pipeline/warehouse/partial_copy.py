"""A part of a warehouse, copied into an empty SQLite one: to try something out of which the warehouse sees nothing.

The warehouse is read in one transaction that may not write, whatever its engine, so that the copy is of one moment and
a load that goes on meanwhile is neither seen nor held up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.arrow import make_arrow_schema
from msoic_pipeline.warehouse.rows import bulk_insert

# Rows held in memory at once.
ROWS_AT_ONCE = 50_000
# The condition on the rows of a table that are to be copied.
Parts = Mapping[sa.Table, sa.ColumnElement[bool]]


@contextmanager
def read_unchanging(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees the warehouse as it is at one moment, and cannot write to it."""
    options: dict[str, Any] = {"read_only": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only=ON")
        try:
            yield connection
        finally:
            if engine.dialect.name == "sqlite":
                connection.exec_driver_sql("PRAGMA query_only=OFF")


def copy_parts(origin: Connection, copy: Connection, parts: Parts) -> int:
    """Copy rows of tables into the SQLite warehouse of ``copy``, in which there are none of them; return how many.

    Rows that they refer to must be among them, or stand there already.
    """
    # Of rows that refer to others of their table, such as a release to its correction, either may come first.
    copy.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
    copied = 0
    for table in metadata.sorted_tables:
        if table in parts:
            copied += _copy_table(origin, copy, table, parts[table])
    return copied


def _copy_table(origin: Connection, copy: Connection, table: sa.Table, part: sa.ColumnElement[bool]) -> int:
    schema = make_arrow_schema(table)
    rows = origin.execute(sa.select(table).where(part), execution_options={"yield_per": ROWS_AT_ONCE})
    copied = 0
    for some in rows.partitions():
        columns = zip(*some, strict=True)
        arrays = [pa.array(values, type=field.type) for values, field in zip(columns, schema, strict=True)]
        copied += bulk_insert(copy, table, pa.Table.from_arrays(arrays, schema=schema))
    return copied
