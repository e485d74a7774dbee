"""What Dagster's pages show of what the releases of a run changed."""

from __future__ import annotations

from typing import Any

from msoic_pipeline.assets.release_changes import describe_changes, read_changes
from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.periods import parse_quarter
from msoic_pipeline_tests.handmade import Warehouse, made_postgres, made_sqlite, warehouse

__all__ = ["made_postgres", "made_sqlite", "warehouse"]
QUARTER = parse_quarter("2021-Q1")


def publish_referrals(made: Warehouse, day: str, value: float) -> None:
    row = {"period": "2021-Q1", "breakdown": "age_location", "referrals": value}
    made.publish(f"nrm-{day}", day, ("fact_nrm_referral", [row]))


def publish_return(made: Warehouse, day: str, value: float) -> None:
    row = {"period": "2021-01", "force_code": "E23000032", "breakdown": "exploitation", "measure": "live"}
    name = f"force_returns-{day}"
    made.publish(
        name, day, ("fact_investigation", [row | {"value": value}]), reporter="kent", reference_period="2021-01"
    )


def rows_of(described: dict[str, Any]) -> list[dict[str, Any]]:
    (table,) = (value for name, value in described.items() if name.startswith("values that moved"))
    return [dict(record.data) for record in table.records]


def test_a_run_tells_what_its_releases_changed_and_not_what_earlier_ones_did(warehouse: Warehouse):
    publish_referrals(warehouse, "2021-05-06", 2_945)
    compute_quarters(warehouse.engine, [QUARTER])
    before = read_changes(warehouse.engine)
    assert describe_changes(warehouse.engine, before) == {}
    publish_referrals(warehouse, "2021-08-05", 2_943)
    compute_quarters(warehouse.engine, [QUARTER])
    described = describe_changes(warehouse.engine, before)
    of_quarter = [row for row in rows_of(described) if (row["kpi"], row["period"]) == ("NRM referrals", "2021-Q1")]
    (row,) = of_quarter
    assert (row["before"], row["after"], row["difference"]) == ("2,945", "2,943", "2 less (-0.1%)")
    assert {each["published_on"] for each in rows_of(described)} == {"2021-08-05"}
    told = described["what releases changed"].value
    assert "5 August 2021 moved" in told and "6 May 2021" not in told and "(1 release)" in told


def test_of_returns_dagster_is_told_no_figure(warehouse: Warehouse):
    publish_return(warehouse, "2021-02-10", 4_321)
    before = read_changes(warehouse.engine)
    compute_quarters(warehouse.engine, [QUARTER])
    described = describe_changes(warehouse.engine, before)
    assert rows_of(described) == []
    assert "10 February 2021 moved" in described["what releases changed"].value
    assert "4321" not in repr(described) and "4,321" not in repr(described)
