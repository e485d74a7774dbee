"""What every test may ask for: a fresh warehouse of either kind, a PostgreSQL cluster, the real published files."""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import URL

from msoic_pipeline.ingest import raw_files
from msoic_pipeline_tests import once, postgres
from msoic_pipeline_tests.databases import database

REPOSITORY = Path(__file__).resolve().parents[1]

# A slow machine is not a failure, and CI must not fail by chance on a change that has nothing to do with it.
settings.register_profile("msoic", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("msoic")


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of what is made once for all processes of a test run; each of them calls this."""
    once.open_folder()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove it again, in the process that made it."""
    once.close_folder()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first: of several processes none then waits long for another's last file."""
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)


@pytest.fixture(autouse=True, scope="session")
def _settled_at_once() -> Iterator[None]:
    """Do not wait a second for each source whose files a test has just written: nobody else is writing to them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(raw_files, "SETTLING_SECONDS", 0.1)
        yield


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


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """SQLAlchemy's URL of an empty PostgreSQL database that no other test sees."""
    with database(postgres_url) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def engine_kind(request: pytest.FixtureRequest) -> str:
    """The kind of database a test is tried on, once each: databases.on_sqlite tries it on one alone."""
    kind: str = request.param
    return kind


@pytest.fixture
def warehouse_url(request: pytest.FixtureRequest, engine_kind: str, tmp_path: Path) -> Iterator[str]:
    """SQLAlchemy's URL of an empty database that no other test sees, once of each kind.

    Roles belong to the whole cluster: a test that makes one removes it.
    """
    if engine_kind == "sqlite":
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
