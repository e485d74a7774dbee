"""The public edition is of the returns that had come in at the cut-off, whatever comes in after it."""

from __future__ import annotations

import datetime as dt

from msoic_pipeline.model.geography import GeographyKey
from msoic_pipeline.periods import periods
from msoic_pipeline.publication.public_edition.cells import Cell, CellKey, read_cells
from msoic_pipeline.publication.public_edition.policy import load_policy
from msoic_pipeline_tests.handmade import Row, Warehouse

POLICY = load_policy()
KENT, ESSEX, SURREY = "E23000032", "E23000028", "E23000031"
QUARTERS = list(periods("quarter", dt.date(2020, 4, 1), dt.date(2021, 3, 31)))
NATION = GeographyKey("national", "E&W")


def return_month(
    warehouse: Warehouse, force: str, month: str, published_on: str, value: float, edition: int = 1
) -> None:
    its: Row = {"period": month, "force_code": force, "value": value, "breakdown": "exploitation"}
    rows = [its | {"measure": measure} for measure in ("live", "opened")]
    release_id = f"force_returns-{force}-{month}-{edition}"
    warehouse.publish(release_id, published_on, ("fact_investigation", rows), reporter=force)


def know(warehouse: Warehouse, today: dt.date) -> dict[CellKey, Cell]:
    warehouse.compute(QUARTERS, "live_investigations", "investigations_opened")
    with warehouse.engine.connect() as connection:
        return {cell.key: cell for cell in read_cells(connection, POLICY, today)}


def key(kpi_id: str, kind: str, start: dt.date, geography: GeographyKey = NATION) -> CellKey:
    return CellKey(kpi_id, kind, start, geography)


def test_what_comes_in_after_the_cut_off_changes_nothing(warehouse: Warehouse):
    months = [month for quarter in QUARTERS for month in periods("month", quarter, quarter + dt.timedelta(days=80))]
    for month in months:
        published_on = str(month + dt.timedelta(days=40))
        for force in (KENT, ESSEX, SURREY):
            return_month(warehouse, force, f"{month:%Y-%m}", published_on, 10)
    before = know(warehouse, dt.date(2022, 1, 1))
    year = before[key("investigations_opened", "financial_year", QUARTERS[0])]
    assert (year.count, year.received) == (3 * 12 * 10, 36)
    assert before[key("live_investigations", "financial_year", QUARTERS[0])].count == 30

    return_month(warehouse, KENT, "2020-05", "2021-06-10", 99, edition=2)
    after = know(warehouse, dt.date(2022, 1, 1))
    assert after == before
    with warehouse.engine.connect() as connection:
        inside = connection.exec_driver_sql(
            "SELECT max(value) FROM kpi_value WHERE kpi_id = 'investigations_opened' AND period_kind = 'financial_year'"
        ).scalar()
    assert inside == 3 * 12 * 10 + 89, "inside it is known"


def test_a_quarter_has_no_cell_before_its_cut_off_and_a_year_none_without_its_quarters(warehouse: Warehouse):
    for month in ("2020-04", "2020-05", "2020-06"):
        for force in (KENT, ESSEX, SURREY):
            return_month(warehouse, force, month, "2020-07-10", 10)
    cut_off = POLICY.find_cut_off("quarter", QUARTERS[0])
    assert cut_off == dt.date(2020, 8, 29)
    assert not know(warehouse, cut_off - dt.timedelta(days=1))
    cells = know(warehouse, cut_off)
    assert {(cell.key.period_kind, cell.key.geography.kind) for cell in cells.values()} == {
        ("quarter", "national"),
        ("quarter", "rocu_region"),
    }
