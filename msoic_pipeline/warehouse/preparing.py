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
from msoic_pipeline.model.evidence import data_dictionary, load_log
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.periods import FIRST_QUARTER
from msoic_pipeline.warehouse.engine import SCHEMA, read_transaction, take_write_lock
from msoic_pipeline.warehouse.load_log import MODEL_STAGES, VIEWS_STAGE, WORDS_STAGE
from msoic_pipeline.warehouse.migrations import HEAD, read_standing_revision, upgrade
from msoic_pipeline.warehouse.rows import replace_rows
from msoic_pipeline.warehouse.sql_text import has_percent_doubled, write_statement

_LOG = logging.getLogger(__name__)


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
        entries = [
            {"stage": stage, "quarter_start": FIRST_QUARTER, "fingerprint": fingerprint}
            for stage, fingerprint in wanted.items()
        ]
        replace_rows(connection, load_log, load_log.c.stage.in_(MODEL_STAGES), make_arrow_rows(load_log, entries))


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
                take_write_lock(connection)
                yield connection
        finally:
            _enforce_references(connection, True)


def _enforce_references(connection: Connection, enforced: bool) -> None:
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA foreign_keys={'ON' if enforced else 'OFF'}")


def _is_current(connection: Connection, wanted: dict[str, str]) -> bool:
    if read_standing_revision(connection) != HEAD:
        return False
    log = sa.select(load_log.c.stage, load_log.c.fingerprint).where(load_log.c.stage.in_(MODEL_STAGES))
    return dict(connection.execute(log).all()) == wanted


def _wanted_fingerprints(dialect: sa.Dialect) -> dict[str, str]:
    """Return digests of the views and of the words, as this engine would have them."""
    views = [f"{name} {write_statement(view.select, dialect)}" for name, view in VIEWS.items()]
    words = [str(row) for row in list_dictionary_rows()]
    return {VIEWS_STAGE: _digest_lines(views), WORDS_STAGE: _digest_lines(words)}


def _digest_lines(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


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
    for name, view in VIEWS.items():
        _execute_text(connection, f"CREATE VIEW {name} AS {write_statement(view.select, connection.dialect)}")


def _execute_text(connection: Connection, statement: str) -> None:
    """Execute a statement as it is written, in which a driver may take a single ``%`` for a parameter."""
    escaped = statement.replace("%", "%%") if has_percent_doubled(connection.dialect) else statement
    connection.exec_driver_sql(escaped)


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
    _execute_text(connection, f"COMMENT ON VIEW {name} IS {_quote_text(view.description)}")
    for column, description in view.columns().items():
        _execute_text(connection, f"COMMENT ON COLUMN {name}.{column} IS {_quote_text(description)}")


def _quote_text(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
