"""A cut of the sample's files, and the job over everything run on them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from msoic_pipeline.model import metadata
from msoic_pipeline.warehouse.engine import open_engine, reading
from msoic_pipeline.workbooks.layout import SOURCES
from msoic_pipeline_tests.conftest import REPOSITORY

SAMPLE = REPOSITORY / "data" / "raw"
# Of sources with many files enough for the quarters 2021-Q1 to 2022-Q1: several vintages, and every layout.
EVERYTHING = ("*",)
CUT = {
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


@dataclass
class Ran:
    """What a run came to."""

    success: bool
    errors: list[str]

    def __str__(self) -> str:
        return "\n".join(self.errors)


@pytest.fixture(scope="session")
def staging(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One staging area for all tests: a file is parsed once."""
    return tmp_path_factory.mktemp("staging")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A raw folder with a cut of the sample's files."""
    target = tmp_path / "raw"
    for source in SOURCES:
        (target / source).mkdir(parents=True)
        for pattern in CUT.get(source, EVERYTHING):
            for path in (SAMPLE / source).glob(pattern):
                copy: Callable[..., Any] = shutil.copytree if path.is_dir() else shutil.copy2
                copy(path, target / source / path.name)
    return target


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
    from msoic_pipeline.automation.jobs import range_tags
    from msoic_pipeline.definitions import defs

    with dg.DagsterInstance.ephemeral() as instance:

        def launch(url: str, first: str = FIRST, last: str = LAST, *assets: str) -> Ran:
            monkeypatch.setenv("MSOIC_WAREHOUSE_URL", url)
            result = defs.resolve_job_def("everything").execute_in_process(
                instance=instance,
                tags=dict(range_tags(first, last)),
                raise_on_error=False,
                asset_selection=[dg.AssetKey(name.split("/")) for name in assets] or None,
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


def contents(url: str, *leave_out: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of all tables, in order of their keys; ``pipeline_run`` tells of runs, not of figures."""
    engine = open_engine(url)
    try:
        with reading(engine) as connection:
            return {
                table.name: sorted(map(tuple, connection.execute(sa.select(table)).all()), key=repr)
                for table in metadata.sorted_tables
                if table.name not in ("pipeline_run", *leave_out)
            }
    finally:
        engine.dispose()
