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
from sqlalchemy.schema import CreateTable, SetColumnComment, SetTableComment

from msoic_pipeline.model import metadata
from msoic_pipeline.model.arrow import rows_to_arrow
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


class OldModelError(Exception):
    """The warehouse has tables of an older model, which hold figures: nothing drops them without being told to."""

    def __init__(self) -> None:
        super().__init__(
            "the warehouse was made by an older version whose tables differ; `msoic run --rebuild` drops them and "
            "loads everything anew from the raw files"
        )


def prepare(engine: Engine, rebuild: bool = False) -> None:
    """Make what is missing of schema, tables and views, and bring views and descriptions up to date.

    Raises OldModelError where tables of an older model stand there, unless ``rebuild`` says to drop them; loads then
    fill the new ones.
    """
    wanted = _wanted(engine.dialect)
    log = load_log
    with writing(engine) as connection:
        known: dict[str, str] = {}
        if sa.inspect(connection).has_table(log.name):
            known = dict(
                connection.execute(sa.select(log.c.stage, log.c.fingerprint).where(log.c.stage.in_(wanted))).all()
            )
            if known == wanted:
                return
            if known.get("tables") != wanted["tables"]:
                if not rebuild:
                    raise OldModelError
                _drop_all(connection)
                known = {}
        if not known:
            _make_tables(connection)
        _make_views(connection)
        if connection.dialect.name == "postgresql":
            _comment(connection)
        replace_rows(connection, data_dictionary, sa.true(), rows_to_arrow(data_dictionary, dictionary_rows()))
        entries = [{"stage": k, "quarter_start": FIRST_QUARTER, "fingerprint": v} for k, v in wanted.items()]
        replace_rows(connection, log, log.c.stage.in_(wanted), rows_to_arrow(log, entries))


def _wanted(dialect: sa.Dialect) -> dict[str, str]:
    """Return digests of the tables, of the views and of the words, as this engine would have them."""
    tables = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    views = [f"{name} {view_sql(name, dialect)}" for name in VIEWS]
    words = [str(row) for row in dictionary_rows()]
    parts = {"tables": tables, "views": views, "words": words}
    return {name: hashlib.sha256("\n".join(part).encode()).hexdigest() for name, part in parts.items()}


def view_sql(name: str, dialect: sa.Dialect) -> str:
    """Return the query of a view in the engine's words."""
    return str(VIEWS[name].select.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).replace("%%", "%")


def _drop_all(connection: Connection) -> None:
    for view in sa.inspect(connection).get_view_names():
        connection.exec_driver_sql(f"DROP VIEW {view}")
    old = sa.MetaData()
    old.reflect(connection)
    old.drop_all(connection)


def _make_tables(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    metadata.create_all(connection)


def _make_views(connection: Connection) -> None:
    standing = sa.inspect(connection).get_view_names()
    for name in standing:
        connection.exec_driver_sql(f"DROP VIEW {name}")
    for name in VIEWS:
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {view_sql(name, connection.dialect)}")


def _comment(connection: Connection) -> None:
    """Write the descriptions to the catalogue of PostgreSQL."""
    programme = "Warehouse of the Modern Slavery and Organised Immigration Crime Programme"
    connection.exec_driver_sql(f"COMMENT ON SCHEMA {SCHEMA} IS '{programme}'")
    for table in metadata.sorted_tables:
        connection.execute(SetTableComment(table))
        for column in table.columns:
            connection.execute(SetColumnComment(column))
    for name in VIEWS:
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
