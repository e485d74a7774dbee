"""Who is taken to have reported."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from msoic_pipeline.model.evidence import coverage
from msoic_pipeline.model.facts import fact_recorded_crime_partnership
from msoic_pipeline.warehouse.engine import open_engine, reading
from msoic_pipeline_tests.kpis.conftest import fill
from msoic_pipeline_tests.sample import staged_releases


def test_forces_have_reported_whichever_of_a_sources_tables_has_their_rows(tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    fill(engine, {"recorded_crime": staged_releases("recorded_crime", "prc-csp")[:1]})
    fact = fact_recorded_crime_partnership.c
    with reading(engine) as connection:
        of_rows = {tuple(row) for row in connection.execute(sa.select(fact.quarter_start, fact.force_code).distinct())}
        reports = sa.select(coverage.c.period_start, coverage.c.reporter).where(coverage.c.received)
        received = {tuple(row) for row in connection.execute(reports)}
    engine.dispose()
    assert received and received == of_rows
