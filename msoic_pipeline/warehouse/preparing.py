"""Prepared: a warehouse whose tables, views and descriptions are those of the model."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.schema import SetColumnComment, SetTableComment

from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.dictionary import list_dictionary_rows
from msoic_pipeline.model.evidence import data_dictionary
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.warehouse.engine import SCHEMA, read_transaction, take_write_lock
from msoic_pipeline.warehouse.load_log import (
    VIEWS_STAGE,
    WORDS_STAGE,
    read_whole_fingerprint,
    write_whole_fingerprint,
)
from msoic_pipeline.warehouse.migrations import HEAD, read_standing_revision, upgrade_tables
from msoic_pipeline.warehouse.rows import replace_rows
from msoic_pipeline.warehouse.sql_text import write_statement
from msoic_pipeline.warehouse.standing_views import drop_views, execute_text, make_views, read_grants, restore_grants

_LOG = logging.getLogger(__name__)


def prepare(engine: Engine) -> None:
    """Bring tables, views and descriptions up to date, and make what is missing; views of others stay.

    One transaction, so that readers see the old state or the new one; of several processes one does it and the others
    find it done. Nothing that tables hold is lost, and no grant on a view. Leaves all as it is and raises OldModelError
    or NewModelError where tables stand there that no revision leads from, ViewInUseError where views of others are
    built upon views that have to be dropped.
    """
    wanted = _digest_model(engine.dialect)
    with read_transaction(engine) as connection:
        if _is_current(connection, wanted):
            return
    with (
        logged_work(_LOG, "bringing tables and views of the warehouse up to date"),
        _altering_tables(engine) as connection,
    ):
        if _is_current(connection, wanted):
            return
        _upgrade_tables_and_views(connection, wanted[VIEWS_STAGE])
        if connection.dialect.name == "postgresql":
            _comment_catalogue(connection)
        replace_rows(connection, data_dictionary, sa.true(), make_arrow_rows(data_dictionary, list_dictionary_rows()))
        for stage, digest in wanted.items():
            write_whole_fingerprint(connection, stage, digest)


@contextmanager
def _altering_tables(engine: Engine) -> Iterator[Connection]:
    """Give a connection for one transaction in which tables may change, and wait for other writers.

    Where SQLite cannot change a table in place, a copy takes its place, which foreign keys would forbid, and views of
    others that read it; it takes them off only before a transaction begins.
    """
    with engine.connect() as connection:
        _enforce_references(connection, False)
        try:
            with connection.begin():
                take_write_lock(connection)
                yield connection
        finally:
            _enforce_references(connection, True)


def _enforce_references(connection: Connection, enforced: bool) -> None:
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA foreign_keys={'ON' if enforced else 'OFF'}")
        driver.execute(f"PRAGMA legacy_alter_table={'OFF' if enforced else 'ON'}")  # which looks at no view


def _is_current(connection: Connection, wanted: dict[str, str]) -> bool:
    if read_standing_revision(connection) != HEAD:
        return False
    return all(read_whole_fingerprint(connection, stage) == digest for stage, digest in wanted.items())


def _digest_model(dialect: sa.Dialect) -> dict[str, str]:
    """Return digests of the views and of the words, as this engine would have them."""
    views = [f"{name} {write_statement(view.select, dialect)}" for name, view in VIEWS.items()]
    words = [str(row) for row in list_dictionary_rows()]
    return {VIEWS_STAGE: _digest_lines(views), WORDS_STAGE: _digest_lines(words)}


def _digest_lines(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _upgrade_tables_and_views(connection: Connection, wanted_views: str) -> None:
    """Bring tables to the newest revision, and views to those of the model; what is so already is left alone."""
    are_tables_current = read_standing_revision(connection) == HEAD
    if are_tables_current and read_whole_fingerprint(connection, VIEWS_STAGE) == wanted_views:
        return
    grants = read_grants(connection)
    if not are_tables_current:
        drop_views(connection)  # under a view no column can be changed
        _upgrade_tables(connection)
    make_views(connection)
    restore_grants(connection, grants)


def _upgrade_tables(connection: Connection) -> None:
    if connection.dialect.name == "postgresql" and not sa.inspect(connection).has_schema(SCHEMA):
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
    upgrade_tables(connection)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
        if broken:
            raise ValueError(f"the upgrade would leave a row of {broken[0]} that refers to none of {broken[2]}")


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
    view = VIEWS[name]
    execute_text(connection, f"COMMENT ON VIEW {name} IS {_quote_text(view.description)}")
    for column, description in view.columns().items():
        execute_text(connection, f"COMMENT ON COLUMN {name}.{column} IS {_quote_text(description)}")


def _quote_text(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
