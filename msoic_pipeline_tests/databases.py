"""The databases of tests: which kinds a test is tried on, and PostgreSQL ones of one's own, empty or copied."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

# What does not hang on the engine is tried on the one that needs no server.
on_sqlite = pytest.mark.parametrize("engine_kind", ["sqlite"])


def administer(url: str, statement: str) -> list[tuple[object, ...]]:
    """Have a statement done by the superuser, outside any transaction; return its rows."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            result = connection.execute(sa.text(statement))
            return [tuple(row) for row in result] if result.returns_rows else []
    finally:
        engine.dispose()


@contextmanager
def database(postgres_url: str, template: str = "template0") -> Iterator[str]:
    """Give the URL of a new database, a copy of another; it is dropped in the end, whoever is connected."""
    name = f"w_{uuid.uuid4().hex}"
    administer(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield sa.make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    finally:
        administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


def name_of(url: str) -> str:
    """The name of the database of a URL."""
    return str(sa.make_url(url).database)
