"""The SQL that is shown of a KPI runs as it is, on either engine, and comes to the values that are loaded."""

from __future__ import annotations

import datetime as dt
import sqlite3
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.steps import write_script
from msoic_pipeline.kpis.work_tables import WORK_TABLES
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.warehouse.engine import read_transaction

PERIODS = {"quarter": [dt.date(2021, 7, 1)], "financial_year": [dt.date(2021, 4, 1)]}


def _examples() -> list[Kpi]:
    """One KPI of each way in which values are made."""
    ways: dict[Any, Kpi] = {}
    for kpi in load_definitions():
        way = (str(type(kpi.denominator)), kpi.is_stock, kpi.numerator.missing_row, bool(kpi.divisions))
        ways.setdefault(way, kpi)
    return list(ways.values())


def _run(engine: Engine, script: str) -> list[tuple[Any, ...]]:
    """Run a script with the engine's own client, and return the rows of its last query."""
    statements = [part.strip() for part in script.split(";\n") if part.strip()]
    (query,) = [number for number, part in enumerate(statements) if "changed_value" in part]
    with engine.connect() as connection:
        cursor = connection.connection.cursor()
        if engine.dialect.name == "postgresql":
            cursor.execute("RESET search_path")  # as a client of one's own begins
        rows: list[tuple[Any, ...]] = []
        for number, statement in enumerate(statements):
            cursor.execute(statement.rstrip(";"))
            if number == query:
                rows = list(cursor.fetchall())
        connection.rollback()
    assert isinstance(cursor, sqlite3.Cursor | psycopg.Cursor)
    return rows


def _plain(rows: Any) -> set[tuple[str, ...]]:
    return {tuple(f"{value:.9g}" if isinstance(value, float) else str(value) for value in row) for row in rows}


@pytest.mark.parametrize("kpi", _examples(), ids=lambda kpi: kpi.kpi_id)
def test_the_script_comes_to_the_values_that_are_loaded(sample: Engine, kpi: Kpi):
    with read_transaction(sample) as connection:
        script = write_script(connection, kpi, PERIODS)
        its_periods = sa.or_(
            *(
                sa.and_(kpi_value.c.period_kind == kind, kpi_value.c.period_start.in_(starts))
                for kind, starts in PERIODS.items()
            )
        )
        loaded = connection.execute(sa.select(kpi_value).where(kpi_value.c.kpi_id == kpi.kpi_id, its_periods)).all()
    assert _plain(_run(sample, script)) == _plain(loaded)
    assert "anon_" not in script, "every step has a name"
    for table in WORK_TABLES:
        assert f"-- {table.info['holds']}" in script


def test_a_percent_sign_stands_in_the_script_as_it_is(sample: Engine):
    kpi = load_definitions()[0].model_copy(update={"unit": "100% of them"})
    with read_transaction(sample) as connection:
        assert "'100% of them'" in write_script(connection, kpi, PERIODS)
