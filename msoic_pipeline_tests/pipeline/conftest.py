"""A cut of the sample's files, and the job over everything run on them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.workbooks.source import SOURCES, load_source
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.databases import database, name_of
from msoic_pipeline_tests.once import make_once

SAMPLE = REPOSITORY / "data" / "raw"
# Of sources with many files enough for the quarters 2021-Q1 to 2022-Q1: several vintages, and every layout.
EVERYTHING = ("*",)
CUT: dict[str, tuple[str, ...]] = dict.fromkeys(SOURCES, EVERYTHING) | {
    "nrm": ("*2021*", "*quarter-2-2022*"),
    "recorded_crime": ("prc-pfa*280422*", "prc-csp*280422*"),
    "crime_outcomes": ("*mar2021*220721*", "*mar2021*280422*"),
    "cps": ("*2020-2021*", "*2021-2022*"),
    "irregular_migration": ("*2021*",),
    "small_boats": ("*july-2023*",),
    "force_returns": ("2021-01", "2021-02"),
    "programme_activity": ("*2020-21*", "*2021-22*"),
}
FIRST, LAST = "2021-01-01", "2022-01-01"
# Still less, for what is about runs and not about figures.
SMALL_CUT: dict[str, tuple[str, ...]] = {
    "cps": ("*quarter-3-2021-2022*", "*quarter-4-2021-2022*"),
    "small_boats": ("*july-2023*",),
    "programme_activity": ("*2020-21-q4*", "*2021-22-q1*"),
}


@dataclass
class Ran:
    """What a run came to."""

    success: bool
    errors: list[str]

    def __str__(self) -> str:
        return "\n".join(self.errors)


# What is worked out of the facts, save the checks of the whole, claims and publications.
DERIVED = ("reconciliation_result", "kpi_value", "maturity_estimate", "kpi_signal")


def assets_of(*sources: str) -> list[str]:
    """The assets that show what becomes of the files of sources, up to their facts: a run of them takes seconds."""
    assets = []
    for name in sources:
        assets += [f"landed/{name}", f"staged/{name}", f"validated/{name}", *load_source(name).facts]
    return assets


@pytest.fixture(scope="session")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A staging area for all tests of a process, in which the cut's files are parsed already.

    It is no other process's, since a run sweeps away what is staged of files that it has not.
    """
    copy = tmp_path_factory.mktemp("staging") / "staging"
    return Path(shutil.copytree(_load_once() / "staging", copy, copy_function=os.link))


def lay_raw(target: Path, cut: dict[str, tuple[str, ...]]) -> Path:
    """Copy a cut of the sample's files into a raw folder; every source has its folder."""
    for source in SOURCES:
        (target / source).mkdir(parents=True)
        for pattern in cut.get(source, ()):
            for path in (SAMPLE / source).glob(pattern):
                copy: Callable[..., Any] = shutil.copytree if path.is_dir() else shutil.copy2
                copy(path, target / source / path.name)
    return target


@pytest.fixture(scope="module")
def cut() -> dict[str, tuple[str, ...]]:
    """The cut of the sample that a module's tests work on."""
    return CUT


@pytest.fixture
def raw(tmp_path: Path, cut: dict[str, tuple[str, ...]]) -> Path:
    """A raw folder with a cut of the sample's files."""
    return lay_raw(tmp_path / "raw", cut)


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, raw: Path, staging: Path, tmp_path: Path) -> Path:
    """The settings of a run, but for the warehouse; returns the output folder."""
    monkeypatch.setenv("MSOIC_RAW_DIR", str(raw))
    monkeypatch.setenv("MSOIC_ARCHIVE_DIR", str(tmp_path / "archive"))
    monkeypatch.setenv("MSOIC_STAGING_DIR", str(staging))
    monkeypatch.setenv("MSOIC_OUTPUT_DIR", str(tmp_path / "output"))
    return tmp_path / "output"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, settings: Path) -> Iterator[Callable[..., Ran]]:
    """Run the job over quarters on a warehouse, or some of its assets alone."""
    with launcher(monkeypatch) as launch:
        yield launch


@contextmanager
def launcher(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Ran]]:
    """Give what runs the job over quarters, or some of its assets alone, with the settings of the environment."""
    from msoic_pipeline.definitions import defs
    from msoic_pipeline.running.run_records import QuarterRange, make_range_tags

    # The report and the public edition take longer than all else of a small run: test_report.py makes the one, once for
    # each day, and test_public_edition.py the other.
    every_key = defs.resolve_asset_graph().materializable_asset_keys
    made_apart = [dg.AssetKey("published_report"), dg.AssetKey("public_edition")]
    all_others = [key for key in every_key if key not in made_apart]

    with dg.DagsterInstance.ephemeral() as instance:

        def launch(url: str, first: str = FIRST, last: str = LAST, *assets: str) -> Ran:
            monkeypatch.setenv("MSOIC_WAREHOUSE_URL", url)
            result = defs.resolve_job_def("everything").execute_in_process(
                instance=instance,
                tags=dict(make_range_tags(QuarterRange(dt.date.fromisoformat(first), dt.date.fromisoformat(last)))),
                raise_on_error=False,
                asset_selection=[dg.AssetKey(name.split("/")) for name in assets] or all_others,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
            errors = [
                f"{e.asset_check_key.to_user_string()}: {e.description}"
                for e in result.get_asset_check_evaluations()
                if not e.passed and e.severity == dg.AssetCheckSeverity.ERROR
            ]
            for event in result.all_events:
                if event.event_type_value == "STEP_FAILURE":
                    error = event.step_failure_data.error
                    errors.append(f"step {event.step_key}: {(error.cause or error).message if error else ''}")
            return Ran(result.success, errors)

        yield launch


@dataclass
class Loaded:
    """What one whole run over the cut has made, for tests that begin where it ended: they take copies of it."""

    folder: Path
    staging: Path

    @property
    def sqlite(self) -> Path:
        """The warehouse as a file."""
        return self.folder / "warehouse.sqlite"


def _load_once() -> Path:
    """Return the folder in which the cut has been loaded into SQLite, once for all processes."""

    def load(folder: Path) -> None:
        lay_raw(folder / "raw", CUT)
        ran = _run_on(folder, folder / "staging", f"sqlite:///{folder / 'warehouse.sqlite'}")
        assert ran.success, str(ran)

    return make_once("loaded", load)


@pytest.fixture(scope="session")
def loaded_once(staging: Path) -> Loaded:
    """The cut, loaded once for all tests into SQLite."""
    return Loaded(_load_once(), staging)


def _run_on(folder: Path, staging: Path, url: str) -> Ran:
    """Run the job over everything with the raw folder, the archive and the output below a folder."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("raw", "archive", "output"):
            patch.setenv(f"MSOIC_{name.upper()}_DIR", str(folder / name))
        patch.setenv("MSOIC_STAGING_DIR", str(staging))
        with launcher(patch) as launch:
            return launch(url)


@pytest.fixture(scope="session")
def loaded_postgres(loaded_once: Loaded, postgres_url: str) -> Iterator[str]:
    """The name of a PostgreSQL database in which the cut is loaded, to make others of."""
    with database(postgres_url) as url:
        ran = _run_on(loaded_once.folder, loaded_once.staging, url)
        assert ran.success, str(ran)
        yield name_of(url)


def copy_loaded(loaded: Loaded, target: Path) -> None:
    """Lay what a whole run has left in archive and output where a test expects it."""
    for folder in ("archive", "output"):
        shutil.copytree(loaded.folder / folder, target / folder)


@pytest.fixture
def loaded_sqlite(loaded_once: Loaded, settings: Path, tmp_path: Path) -> str:
    """SQLAlchemy's URL of a warehouse of one's own in which the cut is loaded, with raw folder and archive."""
    copy_loaded(loaded_once, tmp_path)
    shutil.copy2(loaded_once.sqlite, tmp_path / "warehouse.sqlite")
    return f"sqlite:///{tmp_path / 'warehouse.sqlite'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def loaded_url(request: pytest.FixtureRequest, loaded_once: Loaded, settings: Path, tmp_path: Path) -> Iterator[str]:
    """The same, once of each kind."""
    if request.param == "sqlite":
        yield request.getfixturevalue("loaded_sqlite")
        return
    copy_loaded(loaded_once, tmp_path)
    server, origin = request.getfixturevalue("postgres_url"), request.getfixturevalue("loaded_postgres")
    with database(server, origin) as url:
        yield url


def contents(url: str, *leave_out: str) -> dict[str, set[tuple[Any, ...]]]:
    """Return all rows of all tables; ``pipeline_run`` tells of runs, not of figures."""
    engine = open_engine(url)
    try:
        with read_transaction(engine) as connection:
            return {
                table.name: set(map(tuple, connection.execute(sa.select(table)).all()))
                for table in metadata.sorted_tables
                if table.name not in ("pipeline_run", *leave_out)
            }
    finally:
        engine.dispose()
