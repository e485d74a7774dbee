"""The warehouse: engine, schema, views, bulk loads. The same code fills SQLite and PostgreSQL.

On PostgreSQL everything stands in schema ``msoic`` and rows go in by COPY; on SQLite the file is in WAL mode, so that
readers read while a load goes on. Both inside the caller's transaction.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv as pacsv
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import SetColumnComment, SetTableComment

from msoic_pipeline.logs import logged_work
from msoic_pipeline.model import metadata
from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.dictionary import list_dictionary_rows
from msoic_pipeline.model.evidence import data_dictionary, load_log
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.periods import FIRST_QUARTER
from msoic_pipeline.warehouse.migrations import HEAD, read_standing_revision, upgrade

_LOG = logging.getLogger(__name__)
SCHEMA = "msoic"
# Any number, as long as nothing else on the server uses it.
WRITE_LOCK = 7_201_530
# Stages in load_log that tell of views and descriptions, not of figures.
MODEL_STAGES = ("views", "words")


class NoWarehouseError(LookupError):
    """A warehouse is to be read that has not been made yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no warehouse at {path} yet: `make run` makes and fills it")


def open_engine(url: str, *, may_create: bool = True) -> Engine:
    """Return an engine for any SQLAlchemy URL; for SQLite the folder of the file is made.

    Parameters of statements never appear in errors or logs, since force returns are sensitive.

    Raises NoWarehouseError where an SQLite file is not there and may not be made: whoever reads makes none.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        path = Path(str(parsed.database))
        if not may_create and not path.is_file():
            raise NoWarehouseError(path)
        path.parent.mkdir(parents=True, exist_ok=True)
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
def read_transaction(engine: Engine) -> Iterator[Connection]:
    """Give a connection for reading, which on SQLite does not wait for a writer."""
    with engine.connect().execution_options(read_only=True) as connection, connection.begin():
        yield connection


@contextmanager
def write_transaction(engine: Engine) -> Iterator[Connection]:
    """Give a connection for one transaction; writers wait for each other, on either engine."""
    with engine.begin() as connection:
        _take_write_lock(connection)
        yield connection


def _take_write_lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")


@contextmanager
def _altering_tables(engine: Engine) -> Iterator[Connection]:
    """Give a connection for one transaction in which tables may change, and wait for other writers.

    Where SQLite cannot change a table in place, a copy takes its place, which foreign keys would forbid; it takes them
    off only before a transaction begins.
    """
    with engine.connect() as connection:
        _enforce_references(connection, False)
        try:
            with connection.begin():
                _take_write_lock(connection)
                yield connection
        finally:
            _enforce_references(connection, True)


def _enforce_references(connection: Connection, enforced: bool) -> None:
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA foreign_keys={'ON' if enforced else 'OFF'}")


def prepare(engine: Engine) -> None:
    """Bring tables, views and descriptions up to date, and make what is missing.

    One transaction, so that readers see the old state or the new one; of several processes one does it and the others
    find it done. Nothing that tables hold is lost. Raises OldModelError or NewModelError, and leaves all as it is,
    where tables stand there that no revision leads from.
    """
    wanted = _wanted_fingerprints(engine.dialect)
    with read_transaction(engine) as connection:
        if _is_current(connection, wanted):
            return
    with (
        logged_work(_LOG, "bringing tables and views of the warehouse up to date"),
        _altering_tables(engine) as connection,
    ):
        if _is_current(connection, wanted):
            return
        _drop_views(connection)
        _upgrade_tables(connection)
        _make_views(connection)
        if connection.dialect.name == "postgresql":
            _comment_catalogue(connection)
        replace_rows(connection, data_dictionary, sa.true(), make_arrow_rows(data_dictionary, list_dictionary_rows()))
        entries = [{"stage": k, "quarter_start": FIRST_QUARTER, "fingerprint": v} for k, v in wanted.items()]
        replace_rows(connection, load_log, load_log.c.stage.in_(MODEL_STAGES), make_arrow_rows(load_log, entries))


def forget_loads(engine: Engine, first: dt.date, last: dt.date) -> None:
    """Forget what the quarters from ``first`` to ``last`` were loaded and computed from.

    The next run does them again, one by one; until then their figures stand, and count as loaded.
    """
    its = sa.and_(load_log.c.stage.not_in(MODEL_STAGES), load_log.c.quarter_start.between(first, last))
    with write_transaction(engine) as connection:
        connection.execute(sa.update(load_log).where(its).values(fingerprint=""))


def _is_current(connection: Connection, wanted: dict[str, str]) -> bool:
    if read_standing_revision(connection) != HEAD:
        return False
    log = sa.select(load_log.c.stage, load_log.c.fingerprint).where(load_log.c.stage.in_(MODEL_STAGES))
    return dict(connection.execute(log).all()) == wanted


def _wanted_fingerprints(dialect: sa.Dialect) -> dict[str, str]:
    """Return digests of the views and of the words, as this engine would have them."""
    views = [f"{name} {write_view_sql(name, dialect)}" for name in VIEWS]
    words = [str(row) for row in list_dictionary_rows()]
    parts = zip(MODEL_STAGES, (views, words), strict=True)
    return {name: hashlib.sha256("\n".join(part).encode()).hexdigest() for name, part in parts}


def write_view_sql(name: str, dialect: sa.Dialect) -> str:
    """Return the query of a view in the engine's words."""
    return str(VIEWS[name].select.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).replace("%%", "%")


def _schema_name(connection: Connection) -> str | None:
    return SCHEMA if connection.dialect.name == "postgresql" else None


def _upgrade_tables(connection: Connection) -> None:
    if read_standing_revision(connection) == HEAD:
        return
    schema = _schema_name(connection)
    if schema and not sa.inspect(connection).has_schema(schema):
        connection.exec_driver_sql(f"CREATE SCHEMA {schema}")
    upgrade(connection)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken:
            raise ValueError(f"the upgrade would leave a row of {broken[0]} that refers to none of {broken[2]}")


def _drop_views(connection: Connection) -> None:
    for name in sa.inspect(connection).get_view_names(schema=_schema_name(connection)):
        connection.exec_driver_sql(f"DROP VIEW {name}")


def _make_views(connection: Connection) -> None:
    for name in VIEWS:
        connection.exec_driver_sql(f"CREATE VIEW {name} AS {write_view_sql(name, connection.dialect)}")


def _comment_catalogue(connection: Connection) -> None:
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
        _copy_rows(connection, table, names, rows)
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


def _copy_rows(connection: Connection, table: sa.Table, names: list[str], rows: pa.Table) -> None:
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
