"""What Dagster's pages show of a fact that was loaded."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from msoic_pipeline.assets.facts import _read_latest_releases
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.handmade import Warehouse, made_postgres, made_sqlite, warehouse

__all__ = ["made_postgres", "made_sqlite", "warehouse"]  # fixtures


def test_figures_of_two_units_are_not_added(warehouse: Warehouse):
    name = "fact_small_boat_arrival"
    figures = [
        {"period": period, "series": "daily", "day": day, "measure": measure, "value": value}
        for period, day in (("2021-Q3", dt.date(2021, 9, 30)), ("2021-Q4", dt.date(2021, 10, 1)))
        for measure, value in (("people_arrived", 40), ("boats_arrived", 2))
    ]
    warehouse.publish("small_boats-1", "2021-12-01", (name, figures))
    with read_transaction(warehouse.engine) as connection:
        rows = _read_latest_releases(connection, load_source("small_boats"), FACTS[name], sa.true())
    assert rows == [{"title": "", "published_on": dt.date(2021, 12, 1), "rows": 4, "quarters": 2}]
