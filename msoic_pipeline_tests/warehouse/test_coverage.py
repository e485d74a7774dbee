"""Who is taken to have reported."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from msoic_pipeline.model.evidence import coverage
from msoic_pipeline.model.facts import fact_recorded_crime_partnership
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.workbooks.source import Reporters
from msoic_pipeline_tests.kpis.conftest import fill
from msoic_pipeline_tests.sample import staged_releases


def test_forces_have_reported_whichever_of_a_sources_tables_has_their_rows(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    fill(engine, {"recorded_crime": staged_releases("recorded_crime", "prc-csp")[:1]})
    fact = fact_recorded_crime_partnership.c
    with read_transaction(engine) as connection:
        of_rows = {tuple(row) for row in connection.execute(sa.select(fact.quarter_start, fact.force_code).distinct())}
        reports = sa.select(coverage.c.period_start, coverage.c.reporter).where(coverage.c.received)
        received = {tuple(row) for row in connection.execute(reports)}
    engine.dispose()
    assert received and received == of_rows


def test_what_comes_once_a_year_is_due_with_one_quarter_of_it(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    fill(engine, {"population": staged_releases("population")})
    columns = (coverage.c.period_start, coverage.c.quarter_start, coverage.c.expected, coverage.c.received)
    with read_transaction(engine) as connection:
        reports = [tuple(row) for row in connection.execute(sa.select(*columns).order_by(coverage.c.period_start))]
    engine.dispose()
    years = range(2015, 2024)
    assert reports == [(dt.date(year, 1, 1), dt.date(year, 4, 1), True, True) for year in years]


@pytest.mark.parametrize(
    ("every", "quarter", "due"),
    [
        ("calendar_year", "2016-04-01", ["2016-01-01"]),
        ("calendar_year", "2015-04-01", ["2015-01-01"]),
        ("calendar_year", "2016-07-01", []),
        ("calendar_year", "2014-04-01", []),
        ("calendar_year", "2017-04-01", []),
        ("quarter", "2015-04-01", ["2015-04-01"]),
        ("quarter", "2015-01-01", []),
        ("month", "2016-10-01", ["2016-10-01"]),
    ],
)
def test_which_reports_are_due_with_a_quarter(every: Any, quarter: str, due: list[str]):
    reporters = Reporters(dimension="publisher", every=every, since=dt.date(2015, 4, 1))
    found = reporters.periods_due(dt.date.fromisoformat(quarter), last=dt.date(2016, 10, 1))
    assert [start.isoformat() for start in found] == due
