"""How rows come into tables, in bulk: by COPY on PostgreSQL, within the caller's transaction on either engine.

Of small tables what has not changed is left alone, so that an idle run writes nothing.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    """Return values as SQLAlchemy keeps them in SQLite: days and moments as ISO text and flags as 0 and 1."""
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return column.cast(pa.string())
    if pa.types.is_boolean(column.type):
        return column.cast(pa.int8())
    return column


def replace_rows(connection: Connection, table: sa.Table, condition: sa.ColumnElement[bool], rows: pa.Table) -> int:
    """Delete the rows of ``table`` that meet ``condition`` and insert ``rows``; return how many were inserted."""
    connection.execute(sa.delete(table).where(condition))
    return bulk_insert(connection, table, rows)


# ---- small tables ----------------------------------------------------------------------------------------------------


def key_columns(table: sa.Table) -> list[str]:
    """Return the names of the columns of a table's primary key, in their order."""
    return [column.name for column in table.primary_key.columns]


def index_rows(rows: Iterable[Any], key: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return rows by the values of their key."""
    return {tuple(row[name] for name in key): dict(row) for row in rows}


@dataclass(frozen=True)
class ChangedRows:
    """How many rows of a table were inserted, changed and removed."""

    new: int
    changed: int
    gone: int

    @property
    def total(self) -> int:
        """How many rows were written in all."""
        return self.new + self.changed + self.gone


def write_changed_rows(
    connection: Connection, table: sa.Table, scope: sa.ColumnElement[bool] | None, rows: Iterable[dict[str, Any]]
) -> ChangedRows:
    """Bring a table up to date and write only what is not so already; return how much that was.

    ``scope`` is a condition on the table, within which ``rows`` are all that shall stand; where it is None, what is not
    among them stays. Rows have the same columns, those of the key among them; what stands in others is left alone. Of
    two rows of one key the later counts.

    For example of the members a and b, of which b stands under an old name, and c beside them: with the scope
    ``sa.true()`` a is inserted, b is changed and c is removed; with None c stays.
    """
    key = key_columns(table)
    wanted = index_rows(rows, key)
    query = sa.select(table) if scope is None else sa.select(table).where(scope)
    standing = index_rows(connection.execute(query).mappings(), key)
    gone = [] if scope is None else sorted(standing.keys() - wanted.keys())
    new = [wanted[identity] for identity in sorted(wanted.keys() - standing.keys())]
    changed = []
    for identity in sorted(wanted.keys() & standing.keys()):
        row, stands = wanted[identity], standing[identity]
        if any(stands[name] != value for name, value in row.items()):
            changed.append(row)
    _delete_by_key(connection, table, gone)
    _update_by_key(connection, table, changed)
    bulk_insert(connection, table, make_arrow_rows(table, new))
    return ChangedRows(len(new), len(changed), len(gone))


def _delete_by_key(connection: Connection, table: sa.Table, identities: Sequence[tuple[Any, ...]]) -> None:
    if identities:
        key = key_columns(table)
        connection.execute(sa.delete(table).where(has_key(table, key)), [bind_key(key, each) for each in identities])


def _update_by_key(connection: Connection, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
    """Write the columns that rows have, but for those of the key, over what stands."""
    if not rows:
        return
    key = key_columns(table)
    names = [name for name in rows[0] if name not in key]
    values: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
    parameters = []
    for row in rows:
        its_values = {f"new_{name}": row[name] for name in names}
        parameters.append(bind_key(key, [row[name] for name in key]) | its_values)
    connection.execute(sa.update(table).where(has_key(table, key)).values(values), parameters)


def has_key(table: sa.Table, key: Sequence[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a row has a key, whose values ``bind_key`` names."""
    return sa.and_(*(table.c[name] == sa.bindparam(f"key_{name}") for name in key))


def bind_key(key: Sequence[str], identity: Sequence[Any]) -> dict[str, Any]:
    """Return the values of a key as the parameters of ``has_key``."""
    return {f"key_{name}": value for name, value in zip(key, identity, strict=True)}


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
