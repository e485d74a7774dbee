"""How rows come into tables, in bulk: by COPY on PostgreSQL, within the caller's transaction on either engine.

Of small tables what has not changed is left alone, so that an idle run writes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.warehouse.engine import SCHEMA, write_transaction


def bulk_insert(connection: Connection, table: sa.Table, rows: pa.Table) -> int:
    """Insert Arrow rows into ``table`` within the connection's transaction; return how many.

    ``rows`` has columns named as the table's; those it lacks are left to their default.
    """
    if rows.num_rows == 0:
        return 0
    names = [column.name for column in table.columns if column.name in rows.column_names]
    rows = rows.select(names)
    if connection.dialect.name == "postgresql":
        _copy_rows(connection, table, names, rows)
    else:
        placeholders = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({placeholders})"
        columns = [_write_for_sqlite(rows.column(name)).to_pylist() for name in names]
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(statement, list(zip(*columns, strict=True)))
        finally:
            cursor.close()
    return rows.num_rows


def insert_rows(connection: Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert a few rows by a statement, which reaches temporary tables as well; of no rows nothing.

    SQLAlchemy itself takes no rows for one row of defaults.
    """
    if rows:
        connection.execute(sa.insert(table), rows)


def _copy_rows(connection: Connection, table: sa.Table, names: list[str], rows: pa.Table) -> None:
    buffer = io.BytesIO()
    # Text is quoted and missing values are not, so that COPY tells an empty text from a missing one.
    # One chunk: write_csv of pyarrow 26 writes stray memory where a table's first chunk is empty.
    pacsv.write_csv(rows.combine_chunks(), buffer, pacsv.WriteOptions(include_header=False, quoting_style="needed"))
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {SCHEMA}.{table.name} ({', '.join(names)}) FROM STDIN (FORMAT csv)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(buffer.getbuffer())


def _write_for_sqlite(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as SQLAlchemy keeps them in SQLite: dates as ISO text and flags as 0 and 1."""
    if pa.types.is_date(column.type):
        return column.cast(pa.string())
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8())
    return column


def replace_rows(connection: Connection, table: sa.Table, condition: Any, rows: pa.Table) -> int:
    """Delete the rows of ``table`` that meet ``condition`` and insert ``rows``; return how many were inserted."""
    connection.execute(sa.delete(table).where(condition))
    return bulk_insert(connection, table, rows)


# ---- small tables ----------------------------------------------------------------------------------------------------


def key_columns(table: sa.Table) -> list[str]:
    """Return the names of the columns of a table's primary key, in their order."""
    return [column.name for column in table.primary_key.columns]


def rows_by_key(rows: Iterable[Any], key: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return rows by the values of their key."""
    return {tuple(row[name] for name in key): dict(row) for row in rows}


def upsert_rows(connection: Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows that are new and mend those that have changed; rows that are not among them stay."""
    key = key_columns(table)
    standing = rows_by_key(connection.execute(sa.select(table)).mappings(), key)
    new = []
    for row in rows:
        identity = tuple(row[name] for name in key)
        if identity not in standing:
            new.append(row)
        elif any(standing[identity][name] != value for name, value in row.items()):
            is_row = sa.and_(*(table.c[name] == row[name] for name in key))
            changes = {name: value for name, value in row.items() if name not in key}
            connection.execute(sa.update(table).where(is_row).values(changes))
    bulk_insert(connection, table, make_arrow_rows(table, new))


def replace_changed_rows(connection: Connection, table: sa.Table, scope: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Make ``rows`` all that stands within ``scope``, a condition on ``table``; of two of one key the later counts."""
    key = key_columns(table)
    wanted = rows_by_key(rows, key)
    standing = rows_by_key(connection.execute(sa.select(table).where(scope)).mappings(), key)
    if standing != wanted:
        in_order = [wanted[identity] for identity in sorted(wanted)]
        replace_rows(connection, table, scope, make_arrow_rows(table, in_order))


def gather_statistics(engine: Engine, tables: Iterable[sa.Table]) -> None:
    """Let the database look at what tables hold, by which it plans its queries.

    Without it SQLite joins facts to their vintages by the wrong end of an index, a hundred times slower (a sample of
    the rows is not enough for it to see that), and PostgreSQL plans by what stood there before its own housekeeping
    comes by. Connections that stand idle are closed, since they go on planning by what they knew.
    """
    with write_transaction(engine) as connection:
        for table in tables:
            connection.exec_driver_sql(f"ANALYZE {table.name}")
    engine.dispose()
