"""Connections to the warehouse, and transactions: for reading, and for writing, one writer after the other.

On PostgreSQL everything stands in schema ``msoic``; on SQLite the file is in WAL mode, so that readers read while a
load goes on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine

SCHEMA = "msoic"
# Any number, as long as nothing else on the server uses it.
WRITE_LOCK = 7_201_530


class NoWarehouseError(LookupError):
    """A warehouse is to be read that has not been made yet."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"there is no warehouse at {path} yet: `make run` makes and fills it")


class BadAddressError(LookupError):
    """The address of the warehouse is none. It is not told: a password may stand in it."""

    def __init__(self) -> None:
        super().__init__(
            "MSOIC_WAREHOUSE_URL is no address of a database: expected sqlite:///PATH or "
            "postgresql+psycopg://USER:PASSWORD@HOST/DATABASE"
        )


def open_engine(url: str, *, may_create: bool = True) -> Engine:
    """Return an engine for any SQLAlchemy URL; for SQLite the folder of the file is made.

    Parameters of statements never appear in errors or logs, since force returns are sensitive.

    Raises BadAddressError where ``url`` is of no database that is known, NoWarehouseError where an SQLite file is not
    there and may not be made: whoever reads makes none.
    """
    engine = _create_engine(url)
    if engine.dialect.name == "sqlite" and engine.url.database not in (None, "", ":memory:"):
        path = Path(str(engine.url.database))
        if not may_create and not path.is_file():
            raise NoWarehouseError(path)
        path.parent.mkdir(parents=True, exist_ok=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_reading_or_writing)
    elif engine.dialect.name == "postgresql":
        event.listen(engine, "connect", _configure_postgresql)
    return engine


def read_dialect(url: str) -> sa.Dialect:
    """Return the dialect of the engine that a URL names; nothing is opened or made.

    Raises BadAddressError where ``url`` is of no database that is known.
    """
    return _create_engine(url).dialect


def _create_engine(url: str) -> Engine:
    try:
        return sa.create_engine(url, hide_parameters=True)
    except (ValueError, ImportError, sa.exc.ArgumentError):
        raise BadAddressError from None  # whose words may quote a part of it


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


def _begin_reading_or_writing(connection: Connection) -> None:
    """Begin a transaction of SQLite: one that may write takes the lock at once and not halfway, where it could fail."""
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
        take_write_lock(connection)
        yield connection


def take_write_lock(connection: Connection) -> None:
    """Wait for other writers, until the end of the transaction; on SQLite it has begun so."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITE_LOCK})")
