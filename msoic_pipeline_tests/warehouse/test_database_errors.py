"""What is the matter with the warehouse is told by its kind, in a line, and no password with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app
from msoic_pipeline.model.evidence import release
from msoic_pipeline.warehouse.database_errors import BUSY, EMPTY, OTHER_VERSION, tell_database_error
from msoic_pipeline.warehouse.engine import open_engine
from msoic_pipeline.warehouse.preparing import prepare

SECRET = "s3cr3t"


def list_releases(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What ``msoic releases`` says of a warehouse that it cannot read."""
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", url)
    result = CliRunner().invoke(app, ["releases"])
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), result.exception
    (line,) = result.output.splitlines()
    assert SECRET not in line
    return line


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg:me:{SECRET}@host/db",
        f"postgresql+psycopg://me:{SECRET}@host:{SECRET}/db",
        f"oracel://me:{SECRET}@host/db",
        f"postgresql+pg8000://me:{SECRET}@host/db",
    ],
)
def test_what_is_no_address_is_told(url: str, monkeypatch: pytest.MonkeyPatch):
    assert list_releases(url, monkeypatch).startswith("MSOIC_WAREHOUSE_URL is no address of a database")


def test_a_server_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch):
    told = list_releases(f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/db", monkeypatch)
    assert told.startswith("The warehouse cannot be reached: ") and "make run" not in told


def test_a_database_that_is_not_there_is_told(postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    told = list_releases(sa.make_url(postgres_url).set(database="none").render_as_string(False), monkeypatch)
    assert told.startswith("The warehouse cannot be reached: ") and "does not exist" in told


def test_a_file_that_is_no_database_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "notes.txt").write_text("No database. " * 100)
    told = list_releases(f"sqlite:///{tmp_path / 'notes.txt'}", monkeypatch)
    assert told.startswith("The file of the warehouse cannot be read as a database")


def test_a_warehouse_without_tables_is_told(warehouse_url: str, monkeypatch: pytest.MonkeyPatch):
    with open_engine(warehouse_url).connect():
        pass
    assert list_releases(warehouse_url, monkeypatch) == EMPTY


def test_tables_of_another_version_are_told(warehouse_url: str, monkeypatch: pytest.MonkeyPatch):
    engine = open_engine(warehouse_url)
    prepare(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE release RENAME COLUMN in_raw TO in_attic")
    engine.dispose()
    assert list_releases(warehouse_url, monkeypatch) == OTHER_VERSION


def test_a_lock_that_another_program_holds_is_told(warehouse_url: str):
    engine, other = open_engine(warehouse_url), open_engine(warehouse_url)
    prepare(engine)
    is_postgresql = engine.dialect.name == "postgresql"
    with engine.begin() as holding, other.connect() as waiting:
        holding.execute(sa.delete(release))
        if is_postgresql:
            holding.exec_driver_sql("LOCK TABLE release")
            waiting.exec_driver_sql("SET lock_timeout = 10")
        else:
            driver: Any = waiting.connection.driver_connection
            driver.execute("PRAGMA busy_timeout = 10")
        with pytest.raises(sa.exc.OperationalError) as busy:
            waiting.execute(sa.delete(release))
        assert tell_database_error(busy.value) == BUSY
    engine.dispose()
    other.dispose()
