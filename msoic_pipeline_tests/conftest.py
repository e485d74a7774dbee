"""What every test may ask for: a fresh warehouse of either kind, a PostgreSQL cluster, the real published files."""

from __future__ import annotations

import atexit
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import URL, create_engine, make_url, text

from msoic_pipeline_tests import postgres

REPOSITORY = Path(__file__).resolve().parents[1]

# A slow machine is not a failure, and CI must not fail by chance on a change that has nothing to do with it.
settings.register_profile("msoic", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("msoic")


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[postgres.Cluster]:
    """A throw-away cluster. Without PostgreSQL the tests of it are skipped, except in CI, where they fail."""
    try:
        cluster = postgres.start()
    except postgres.PostgresUnavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"PostgreSQL is needed in CI: {reason}", pytrace=False)
        pytest.skip(f"PostgreSQL: {reason}")
    atexit.register(cluster.stop)
    yield cluster
    atexit.unregister(cluster.stop)
    cluster.stop()


@pytest.fixture(scope="session")
def postgres_url(postgres_cluster: postgres.Cluster) -> str:
    """SQLAlchemy's URL of the cluster's maintenance database, as its superuser."""
    return postgres_cluster.url()


def administer(url: str, statement: str) -> None:
    """Run a statement on a server that takes it outside of any transaction."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            connection.execute(text(statement))
    finally:
        engine.dispose()


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """SQLAlchemy's URL of an empty PostgreSQL database that no other test sees."""
    name = f"w_{uuid.uuid4().hex}"
    administer(postgres_url, f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    administer(postgres_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def warehouse_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """SQLAlchemy's URL of an empty database that no other test sees, once of each kind.

    Roles belong to the whole cluster: a test that makes one removes it.
    """
    if request.param == "sqlite":
        yield URL.create("sqlite", database=str(tmp_path / "warehouse.sqlite")).render_as_string(hide_password=False)
        return
    yield request.getfixturevalue("postgres_database")


@pytest.fixture(scope="session")
def reference() -> Path:
    """The real published files the golden tests compare with: MSOIC_REFERENCE_DIR, or ../shared/reference."""
    named = os.environ.get("MSOIC_REFERENCE_DIR")
    directory = Path(named) if named else REPOSITORY.parent / "shared" / "reference"
    if not directory.is_dir():
        pytest.skip(f"the published files are not at {directory}: set MSOIC_REFERENCE_DIR")
    return directory
