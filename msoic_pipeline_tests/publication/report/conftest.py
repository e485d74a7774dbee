"""A warehouse with a figure or two of every force, of which tests of funnels and profiles read."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.model import members
from msoic_pipeline.model.evidence import coverage, quarantine, release
from msoic_pipeline.periods import periods
from msoic_pipeline.publication.report.profile.forces import list_forces
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline_tests.handmade import Row, Warehouse

TODAY = dt.date(2022, 6, 30)
QUARTERS = list(periods("quarter", dt.date(2021, 1, 1), dt.date(2022, 3, 31)))
FORCES = list_forces()
ESSEX = next(force for force in FORCES if force.name == "Essex")
KENT = next(force for force in FORCES if force.name == "Kent")
SECRET = "SECRET 4711"


def people_of(place: int) -> int:
    """The population of a force, by its place among their names."""
    return 1_000_000 + 50_000 * place


def crimes_of(place: int) -> int:
    """The crimes of each quarter of a force; of Kent so many that no other force is like it."""
    return 400 if FORCES[place] == KENT else 25 + place % 7


def live_of(place: int) -> int:
    """The live investigations of a force in March 2022, by which its return can be told from every other's."""
    return 20_011 + 103 * place


def make_crimes(place: int, code: str, period: str) -> Row:
    """The crimes of a force and quarter, as a row of the fact."""
    cell = f"D{place + 2}"
    return {"period": period, "force_code": code, "offence_code": "106", "offences": crimes_of(place), "cell": cell}


@contextmanager
def open_filled(made_sqlite: Path, folder: Path) -> Iterator[Warehouse]:
    """Give a warehouse of one's own with the figures of all forces."""
    made = Warehouse(f"sqlite:///{shutil.copy2(made_sqlite, folder / 'warehouse.sqlite')}")
    fill_with_forces(made)
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def forces_warehouse(made_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """All 43 forces: population of 2021, crimes of 2021/22, returns of March 2022; and of Essex more."""
    with open_filled(made_sqlite, tmp_path_factory.mktemp("forces")) as made:
        yield made


@pytest.fixture
def own_forces_warehouse(made_sqlite: Path, tmp_path: Path) -> Iterator[Warehouse]:
    """The same for one test, which may change it."""
    with open_filled(made_sqlite, tmp_path) as made:
        yield made


@pytest.fixture
def connection(forces_warehouse: Warehouse) -> Iterator[Connection]:
    """A connection to it. Tests leave it as it is."""
    with read_transaction(forces_warehouse.engine) as connection:
        yield connection


def fill_with_forces(made: Warehouse) -> None:
    """Publish the figures of all forces."""
    authorities = {row["force_code"]: row["local_authority_code"] for row in members.read_rows("local_authorities.csv")}
    codes = [force.code for force in FORCES]
    people = [
        {
            "period": "2021-Q2",
            "local_authority_code": authorities[code],
            "force_code": code,
            "population": people_of(place),
            "cell": f"B{place + 2}",
        }
        for place, code in enumerate(codes)
    ]
    crimes = [
        make_crimes(place, code, period)
        for place, code in enumerate(codes)
        for period in ("2021-Q2", "2021-Q3", "2021-Q4", "2022-Q1")
    ]
    made.publish("population-1", "2022-05-20", ("fact_population", people))
    made.publish("recorded_crime-1", "2022-04-28", ("fact_recorded_crime", crimes), reference_period="2022-Q1")
    for place, code in enumerate(codes):
        publish_return(made, f"force_returns-{place}", "2022-04-10", code, "2022-03", live_of(place))
    publish_return(made, "force_returns-a", "2022-02-10", ESSEX.code, "2022-01", 30_001)
    publish_return(made, "force_returns-b", "2022-03-30", ESSEX.code, "2022-02", 30_002)
    publish_return(made, "force_returns-c", "2022-04-02", ESSEX.code, "2022-02", 30_003, edition=2)
    with made.engine.begin() as connection:
        missed = {"source": "force_returns", "period_start": dt.date(2021, 12, 1), "reporter": ESSEX.code}
        missed |= {"quarter_start": dt.date(2021, 10, 1), "expected": True, "received": False}
        connection.execute(sa.insert(coverage), [missed])
        blank = {column.name: "" for column in quarantine.columns} | {"source": "force_returns", "raw_text": SECRET}
        rows = [
            blank | {"release_id": f"force_returns-{of}", "cell": cell, "rule": rule, "is_declared": False}
            for of, cell, rule in (
                ("b", "A1", "value"),
                ("b", "A2", "value"),
                ("c", "A1", "labels"),
                ("0", "A1", "value"),
            )
        ]
        connection.execute(sa.insert(quarantine), [row | {"file_name": row["release_id"]} for row in rows])
    compute_quarters(made.engine, QUARTERS)


def publish_return(
    made: Warehouse, release_id: str, day: str, force: str, month: str, live: int, edition: int = 1
) -> None:
    """Publish a force's return of a month, of which live investigations are so many."""
    row = {
        "period": month,
        "force_code": force,
        "breakdown": "exploitation",
        "measure": "live",
        "value": live,
        "cell": "C9",
    }
    made.publish(
        release_id,
        day,
        ("fact_investigation", [row]),
        reporter=force,
        reference_period=month,
        edition=edition,
    )
    with made.engine.begin() as connection:
        name = sa.update(release).where(release.c.release_id == release_id)
        connection.execute(name.values(file_name=f"force_returns/{release_id}.xlsx", publisher="Police forces"))
