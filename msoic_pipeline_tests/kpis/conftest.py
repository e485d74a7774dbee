"""Warehouses with part of the sample and its KPIs, once of each kind for all tests."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from sqlalchemy.engine import Engine

from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.staging import MANIFEST, StagedRelease
from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.periods import FIRST_QUARTER, periods
from msoic_pipeline.quality.verdicts import judge_files
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import open_engine
from msoic_pipeline.warehouse.loading import AcceptedReleases, load_quarters
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.registering import register_releases
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.databases import database, name_of
from msoic_pipeline_tests.handmade import made_postgres, made_sqlite, warehouse
from msoic_pipeline_tests.sample import staged_releases

__all__ = ["made_postgres", "made_sqlite", "warehouse"]

TODAY = dt.date(2026, 3, 1)
QUARTERS = list(periods("quarter", FIRST_QUARTER, dt.date(2025, 12, 31)))


def trimmed(release: StagedRelease, folder: Path, fact: str, keep: pc.Expression, without: str = "") -> StagedRelease:
    """The release with only those rows of a fact that are to be kept, and without one of its breakdowns."""
    folder = folder / release.key
    shutil.copytree(release.folder, folder)
    pq.write_table(pq.read_table(release.path(fact), filters=keep), folder / f"{fact}.parquet")
    kept = tuple(each for each in release.manifest.vintages if not without or each.breakdown != without)
    (folder / MANIFEST).write_bytes(replace(release.manifest, vintages=kept).to_json())
    return StagedRelease(release.release, folder)


@pytest.fixture(scope="session")
def part_of_sample(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[StagedRelease]]:
    """All of NRM but most first responder tables, crimes of one code, all of the CPS, one quarter's force returns."""
    folder = tmp_path_factory.mktemp("trimmed")
    headline, crime = pc.field("breakdown") != "first_responder", pc.field("offence_code") == "106"
    return {
        "nrm": [
            release
            if release.release.reference_period == "2021-Q4"
            else trimmed(release, folder, "fact_nrm_referral", headline, "first_responder")
            for release in staged_releases("nrm")
        ],
        "recorded_crime": [
            trimmed(release, folder, "fact_recorded_crime", crime)
            for name in ("tables201718", "pfa-mar2013-onwards-tables-240724")
            for release in staged_releases("recorded_crime", name)
        ],
        "cps": staged_releases("cps"),
        "force_returns": [
            release
            for month in ("2021-07", "2021-08", "2021-09")
            for release in staged_releases("force_returns", f"-{month}.")
        ],
    }


def fill(engine: Engine, parts: dict[str, list[StagedRelease]]) -> None:
    """Load staged releases, by source, into an empty database."""
    prepare(engine)
    for name, releases in parts.items():
        source = load_source(name)
        load_dimensions(engine, releases, TODAY)
        landing = Landing(tuple(staged.release for staged in releases), ())
        register_releases(engine, source, landing, judge_files(source, landing, releases, {}), TODAY)
        load_quarters(engine, source, QUARTERS, AcceptedReleases(tuple(releases)))


@pytest.fixture(scope="session")
def sample_sqlite(part_of_sample: dict[str, list[StagedRelease]], tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """The part of the sample and its KPIs in SQLite. Tests leave it as it is."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('kpis') / 'warehouse.sqlite'}")
    fill(engine, part_of_sample)
    compute_quarters(engine, QUARTERS)
    return engine


@pytest.fixture(scope="session")
def sample_postgresql(part_of_sample: dict[str, list[StagedRelease]], postgres_url: str) -> Iterator[Engine]:
    """The part of the sample and its KPIs in PostgreSQL. Tests leave it as it is."""
    with database(postgres_url) as url:
        engine = open_engine(url)
        fill(engine, part_of_sample)
        compute_quarters(engine, QUARTERS)
        yield engine
        engine.dispose()


@pytest.fixture
def sample(request: pytest.FixtureRequest, engine_kind: str) -> Engine:
    """The part of the sample and its KPIs, once of each kind. Tests leave it as it is."""
    engine: Engine = request.getfixturevalue(f"sample_{engine_kind}")
    return engine


def fill_with_cps(url: str) -> None:
    """Load two years' CPS releases into an empty database, and compute their KPIs."""
    engine = open_engine(url)
    fill(engine, {"cps": staged_releases("cps", "2020-2021") + staged_releases("cps", "2021-2022")})
    compute_quarters(engine, QUARTERS)
    engine.dispose()


@pytest.fixture(scope="session")
def cps_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two years' CPS releases and their KPIs as a file, of which tests take copies."""
    path = tmp_path_factory.mktemp("cps") / "warehouse.sqlite"
    fill_with_cps(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def cps_postgres(postgres_url: str) -> Iterator[str]:
    """The name of a PostgreSQL database with two years' CPS releases and their KPIs, of which tests take copies."""
    with database(postgres_url) as url:
        fill_with_cps(url)
        yield name_of(url)


@pytest.fixture
def cps_warehouse(request: pytest.FixtureRequest, engine_kind: str, tmp_path: Path) -> Iterator[Engine]:
    """A warehouse of one's own with two years' CPS releases and their KPIs, once of each kind."""
    with ExitStack() as copies:
        if engine_kind == "sqlite":
            url = f"sqlite:///{shutil.copy2(request.getfixturevalue('cps_sqlite'), tmp_path / 'warehouse.sqlite')}"
        else:
            server, origin = request.getfixturevalue("postgres_url"), request.getfixturevalue("cps_postgres")
            url = copies.enter_context(database(server, origin))
        engine = open_engine(url)
        yield engine
        engine.dispose()
