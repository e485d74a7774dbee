"""The warehouse: engine, schema, views, bulk loads. The same code fills SQLite and PostgreSQL.

On PostgreSQL everything stands in schema ``msoic`` and rows go in by COPY; on SQLite the file is in WAL mode, so that
readers read while a load goes on. Both inside the caller's transaction.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import CreateTable

from msoic_pipeline.model import metadata
from msoic_pipeline.model.dictionary import dictionary_rows
from msoic_pipeline.model.evidence import data_dictionary, load_log
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.periods import FIRST_QUARTER

SCHEMA = "msoic"
# Any number, as long as nothing else on the server uses it.
WRITE_LOCK = 7_201_530


def open_engine(url: str) -> Engine:
    """Return an engine for any SQLAlchemy URL; for SQLite the folder of the file is made.

    Parameters of statements never appear in errors or logs, since force returns are sensitive.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(parsed, hide_parameters=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_immediate)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _configure_postgresql)
    return engine


def _configure_sqlite(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN, so that DDL is in the transaction too
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=60000",
        "cache_size=-131072",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN" if connection.get_execution_options().get("read_only") else "BEGIN IMMEDIATE")


def _configure_postgresql(connection: Any, _: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET search_path TO {SCHEMA}, public")
    connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection for reading, which on SQLite does not wait for a writer."""
    with engine.connect().execution_options(read_only=True) as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection for one transaction; writers wait for each other, on either engine."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
        yield connection


def model_digest(dialect: sa.Dialect) -> str:
    """Return a digest of all tables and views as this engine would make them, their descriptions included."""
    statements = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    statements += [f"{name} {view_sql(name, dialect)}" for name in VIEWS]
    statements += [str(row) for row in dictionary_rows()]
    return hashlib.sha256("\n".join(statements).encode()).hexdigest()


def view_sql(name: str, dialect: sa.Dialect) -> str:
    """Return the query of a view in the engine's words."""
    return str(VIEWS[name].select.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).replace("%%", "%")


def prepare(engine: Engine) -> bool:
    """Make schema, tables and views with their descriptions, and return whether that was needed.

    The warehouse is made from the raw files: tables of an older model are dropped and made anew, and loads fill them.
    """
    log = load_log
    digest = model_digest(engine.dialect)
    with writing(engine) as connection:
        if sa.inspect(connection).has_table(log.name):
            known = connection.scalar(sa.select(log.c.fingerprint).where(log.c.stage == "model"))
            if known == digest:
                return False
            for view in sa.inspect(connection).get_view_names():
                connection.exec_driver_sql(
                    f"DROP VIEW IF EXISTS {view} CASCADE" if _is_postgresql(engine) else f"DROP VIEW {view}"
                )
            old = sa.MetaData()
            old.reflect(connection)
            old.drop_all(connection)
        _make(connection)
        entry = {"stage": "model", "quarter_start": FIRST_QUARTER, "fingerprint": digest}
        connection.execute(sa.insert(log).values(entry))
        bulk_insert(connection, data_dictionary, rows_to_arrow(data_dictionary, dictionary_rows()))
    return True


def _is_postgresql(engine: Engine) -> bool:
    return engine.dialect.name == "postgresql"


def _make(connection: Connection) -> None:
    dialect = connection.dialect
    if dialect.name == "postgresql":
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        connection.exec_driver_sql(
            f"COMMENT ON SCHEMA {SCHEMA} IS 'Warehouse of the Modern Slavery and Organised Immigration Crime Programme'"
        )
    metadata.create_all(connection)
    for name in VIEWS:
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {view_sql(name, dialect)}")
        if dialect.name == "postgresql":
            _comment_view(connection, name)


def _comment_view(connection: Connection, name: str) -> None:
    quote = str.maketrans({"'": "''", "%": "%%"})
    view = VIEWS[name]
    connection.exec_driver_sql(f"COMMENT ON VIEW {name} IS '{view.description.translate(quote)}'")
    for column, description in view.columns().items():
        connection.exec_driver_sql(f"COMMENT ON COLUMN {name}.{column} IS '{description.translate(quote)}'")


def bulk_insert(connection: Connection, table: sa.Table, rows: pa.Table) -> int:
    """Insert Arrow rows into ``table`` within the connection's transaction; return how many.

    ``rows`` has columns named as the table's; those it lacks are left to their default.
    """
    if rows.num_rows == 0:
        return 0
    names = [column.name for column in table.columns if column.name in rows.column_names]
    rows = rows.select(names)
    if connection.dialect.name == "postgresql":
        _copy(connection, table, names, rows)
    else:
        placeholders = ", ".join("?" * len(names))
        statement = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({placeholders})"
        columns = [_for_sqlite(rows.column(name)).to_pylist() for name in names]
        cursor = connection.connection.cursor()
        try:
            cursor.executemany(statement, list(zip(*columns, strict=True)))
        finally:
            cursor.close()
    return rows.num_rows


def _copy(connection: Connection, table: sa.Table, names: list[str], rows: pa.Table) -> None:
    buffer = io.BytesIO()
    # Text is quoted and missing values are not, so that COPY tells an empty text from a missing one.
    # One chunk: write_csv of pyarrow 26 writes stray memory where a table's first chunk is empty.
    pacsv.write_csv(rows.combine_chunks(), buffer, pacsv.WriteOptions(include_header=False, quoting_style="needed"))
    driver: Any = connection.connection.driver_connection
    statement = f"COPY {SCHEMA}.{table.name} ({', '.join(names)}) FROM STDIN (FORMAT csv)"
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(buffer.getbuffer())


def _for_sqlite(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """SQLAlchemy keeps dates in SQLite as ISO text and flags as 0 and 1."""
    if pa.types.is_date(column.type) or pa.types.is_boolean(column.type):
        return column.cast(pa.string() if pa.types.is_date(column.type) else pa.int8())
    return column


def replace_rows(connection: Connection, table: sa.Table, condition: Any, rows: pa.Table) -> int:
    """Delete the rows of ``table`` that meet ``condition`` and insert ``rows``; return how many were inserted."""
    connection.execute(sa.delete(table).where(condition))
    return bulk_insert(connection, table, rows)


def rows_to_arrow(table: sa.Table, rows: list[dict[str, Any]]) -> pa.Table:
    """Return dictionaries as Arrow rows typed as the table's columns."""
    from msoic_pipeline.staging import arrow_schema

    return pa.Table.from_pylist(rows, schema=arrow_schema(table))
