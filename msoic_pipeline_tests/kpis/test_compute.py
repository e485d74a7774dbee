"""How KPIs are brought up to date, and figures made by hand for what the sample has not got."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.kpis import compute, steps
from msoic_pipeline.kpis.compute import compute_quarters, recompute_values
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.kpis.known_values import find_known_values
from msoic_pipeline.kpis.lineage import trace_value
from msoic_pipeline.kpis.terms import Term
from msoic_pipeline.model.evidence import load_log, release
from msoic_pipeline.model.geography import find_geographies
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.periods import parse_quarter, period_start
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline_tests.databases import on_sqlite
from msoic_pipeline_tests.handmade import Row, Warehouse
from msoic_pipeline_tests.kpis.conftest import QUARTERS


def contents(engine: Engine) -> set[tuple[Any, ...]]:
    with read_transaction(engine) as connection:
        return set(map(tuple, connection.execute(sa.select(kpi_value))))


def forget(engine: Engine, *quarters: dt.date) -> None:
    with engine.begin() as connection:
        its = sa.and_(load_log.c.stage == "kpi", load_log.c.quarter_start.in_(quarters))
        connection.execute(sa.delete(load_log).where(its))


def test_computing_again_gives_the_same_and_unchanged_quarters_are_left_alone(cps_warehouse: Engine):
    before = contents(cps_warehouse)
    forget(cps_warehouse, *QUARTERS)
    counts = compute_quarters(cps_warehouse, QUARTERS)
    assert set(counts) == set(QUARTERS)
    assert counts[parse_quarter("2021-Q4")] > 100 and counts[parse_quarter("2016-Q1")] == 0
    assert contents(cps_warehouse) == before
    assert compute_quarters(cps_warehouse, QUARTERS) == {}


@on_sqlite
def test_quarter_by_quarter_gives_the_same(cps_warehouse: Engine):
    before = contents(cps_warehouse)
    with cps_warehouse.begin() as connection:
        connection.execute(sa.delete(kpi_value))
    forget(cps_warehouse, *QUARTERS)
    covered = [quarter for quarter in QUARTERS if dt.date(2019, 1, 1) <= quarter <= dt.date(2022, 1, 1)]
    for quarter in covered:
        compute_quarters(cps_warehouse, [quarter])
    assert contents(cps_warehouse) == before


@on_sqlite
def test_a_quarter_touches_its_own_periods_only(cps_warehouse: Engine):
    quarter = parse_quarter("2021-Q1")
    with cps_warehouse.begin() as connection:
        connection.execute(sa.update(kpi_value).values(unit="stale"))
    forget(cps_warehouse, quarter)
    assert list(compute_quarters(cps_warehouse, QUARTERS)) == [quarter]
    with read_transaction(cps_warehouse) as connection:
        fresh = connection.execute(
            sa.select(kpi_value.c.period_kind, kpi_value.c.period_start).where(kpi_value.c.unit != "stale").distinct()
        ).all()
    kinds = ("quarter", "calendar_year", "financial_year")
    assert set(map(tuple, fresh)) == {(kind, period_start(kind, quarter)) for kind in kinds}


@on_sqlite
def test_what_changes_makes_its_years_stale(cps_warehouse: Engine):
    quarter = parse_quarter("2021-Q1")
    with cps_warehouse.begin() as connection:
        its = sa.and_(load_log.c.stage == "load cps", load_log.c.quarter_start == quarter)
        connection.execute(sa.update(load_log).where(its).values(fingerprint="another"))
    changed = [
        parse_quarter(text) for text in ("2020-Q2", "2020-Q3", "2020-Q4", "2021-Q1", "2021-Q2", "2021-Q3", "2021-Q4")
    ]
    assert list(compute_quarters(cps_warehouse, QUARTERS)) == changed


@on_sqlite
def test_a_changed_definition_makes_everything_stale(cps_warehouse: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compute, "digest_definitions", lambda: "another")
    assert set(compute_quarters(cps_warehouse, QUARTERS)) == set(QUARTERS)


@on_sqlite
def test_every_run_says_which_kpis_are_synthetic(cps_warehouse: Engine):
    def said() -> dict[str, bool]:
        """Let a run compute nothing, and return what kpi_definition and the views for readers say."""
        assert compute_quarters(cps_warehouse, QUARTERS) == {}
        with read_transaction(cps_warehouse) as connection:
            select = sa.select(kpi_definition.c.kpi_id, kpi_definition.c.is_synthetic)
            told: dict[str, bool] = dict(connection.execute(select).all())
            for view in ("current_kpi_value", "kpi_change"):
                beside = connection.execute(sa.text(f"SELECT DISTINCT kpi_id, is_synthetic FROM {view}")).all()
                assert beside and all(told[kpi_id] == flag for kpi_id, flag in beside), view
        return told

    def mark(**fields: Any) -> None:
        with cps_warehouse.begin() as connection:
            connection.execute(sa.update(release).values(**fields))

    first = said()
    assert {kpi_id for kpi_id, flag in first.items() if flag} == {
        kpi.kpi_id for kpi in load_definitions() if "cps" in kpi.sources
    }
    assert not all(first.values()), "nothing has come in of other sources"
    written: list[str] = []
    sa.event.listen(cps_warehouse, "before_cursor_execute", lambda _c, _k, statement, *_: written.append(statement))
    assert said() == first
    assert not [words for words in written if words.startswith(("INSERT", "UPDATE", "DELETE"))]
    for status, flag in (("held", True), ("withdrawn", False), ("rejected", False), ("accepted", True)):
        mark(status=status)
        assert said() == (first if flag else dict.fromkeys(first, False)), status
    mark(is_synthetic=False)
    assert not any(said().values())


def test_a_failure_leaves_the_last_good_state(cps_warehouse: Engine, monkeypatch: pytest.MonkeyPatch):
    before = contents(cps_warehouse)
    forget(cps_warehouse, *QUARTERS)
    with monkeypatch.context() as patch:
        patch.setattr(steps, "select_values", lambda: sa.select(sa.column("nonsense")))
        with pytest.raises(sa.exc.DBAPIError, match="nonsense"):
            compute_quarters(cps_warehouse, QUARTERS)
    assert contents(cps_warehouse) == before
    assert set(compute_quarters(cps_warehouse, QUARTERS)) == set(QUARTERS)
    assert contents(cps_warehouse) == before


@on_sqlite
def test_what_is_no_period_is_refused(cps_warehouse: Engine):
    with read_transaction(cps_warehouse) as connection, pytest.raises(ValueError, match="expected a quarter"):
        find_known_values(connection, period="soon")


def penalties(month: str, pounds: float, geography: str = "Kent") -> dict[str, Any]:
    return {
        "period": month,
        "activity": "Multi-agency operations",
        "category": "Operational Policing Team",
        "measure": "Civil penalties collected",
        "geography_code": geography,
        "value": pounds,
    }


def live(month: str, force: str, number: int) -> dict[str, Any]:
    its = {"breakdown": "exploitation", "exploitation_type": "Criminal", "county_lines": "No", "measure": "live"}
    return its | {"period": month, "force_code": force, "value": number}


def story(warehouse: Warehouse, kpi_id: str, period: str, geography: str) -> list[tuple[Any, ...]]:
    """What a figure was said to be, from day to day: day, value, status, reports received and due."""
    warehouse.compute(QUARTERS, kpi_id)
    with read_transaction(warehouse.engine) as connection:
        days = sorted(set(connection.scalars(sa.select(kpi_value.c.as_of))))
        known = [
            row
            for day in days
            for row in find_known_values(connection, kpi_id, period, find_geographies(geography), day)
        ]
    told = [(str(r.as_of), r.value, r.status, r.parts_received, r.parts_expected) for r in known]
    return list(dict.fromkeys(told))


def test_pence_are_exact(warehouse: Warehouse):
    months = [("2021-07", 0.1), ("2021-08", 0.2), ("2021-09", 0.3)]
    warehouse.publish(
        "programme_activity-1", "2021-10-20", ("fact_programme_activity", [penalties(*month) for month in months])
    )
    warehouse.publish(
        "programme_activity-2",
        "2021-11-05",
        ("fact_programme_activity", [penalties("2021-07", 0.3), penalties("2021-08", 0.2), penalties("2021-09", 0.1)]),
    )
    assert story(warehouse, "civil_penalties_collected", "2021-Q3", "E&W") == [("2021-10-20", 0.6, "complete", 3, 3)]
    assert story(warehouse, "civil_penalties_collected", "2021-07", "Kent") == [
        ("2021-10-20", 0.1, "complete", 1, 1),
        ("2021-11-05", 0.3, "complete", 1, 1),
    ]


def test_what_is_not_given_is_not_what_a_condition_leaves_out(warehouse: Warehouse):
    """A referral of no force is not one of Kent's, nor of the area that prosecutes for Kent."""
    referral: Row = {"breakdown": "first_responder", "period": "2021-Q4"}
    responders = (("Kent", "E23000032", 1), ("Essex", "E23000028", 2), ("Barnardo's", None, 4))
    rows = [
        referral | {"first_responder": name, "force_code": force, "referrals": number}
        for name, force, number in responders
    ]
    warehouse.publish("nrm-1", "2022-03-03", ("fact_nrm_referral", rows))
    for name, member in (("force_code", "E23000032"), ("dim_force.name", "Kent")):
        for condition, expected in ((member, 1), ({"not": member}, 6)):
            where = {"breakdown": "first_responder", name: condition}
            term = Term.model_validate({"fact": "fact_nrm_referral", "measure": "referrals", "where": where})
            with warehouse.engine.connect() as connection:
                total = connection.scalar(sa.select(sa.func.sum(term.measure_column)).where(*term.conditions()))
            assert total == expected, (name, condition)


def test_of_no_kpi_nothing_is_computed(warehouse: Warehouse):
    with warehouse.engine.begin() as connection:
        recompute_values(connection, [], QUARTERS[:2])
        assert connection.scalar(sa.select(sa.func.count()).select_from(kpi_value)) == 0


def test_a_figure_that_is_withdrawn(warehouse: Warehouse):
    warehouse.publish("programme_activity-1", "2021-10-20", ("fact_programme_activity", [penalties("2021-09", 5)]))
    briefings = penalties("2021-09", 1) | {"activity": "Briefings", "measure": "Briefings"}
    warehouse.publish("programme_activity-2", "2021-11-05", ("fact_programme_activity", [briefings]))
    assert story(warehouse, "civil_penalties_collected", "2021-09", "Kent") == [
        ("2021-10-20", 5.0, "complete", 1, 1),
        ("2021-11-05", None, "not computable", 0, 1),
    ]
    with read_transaction(warehouse.engine) as connection:
        revision = sa.text(
            "SELECT * FROM kpi_revision WHERE kpi_id = 'civil_penalties_collected' AND period_label = :it"
        )
        moved = connection.execute(revision, {"it": "2021-09"}).mappings().all()
    assert {(row["first_value"], row["latest_value"], row["total_revision"], row["revisions"]) for row in moved} == {
        (5.0, None, None, 0)
    }
    assert {str(row["latest_change_on"]) for row in moved} == {"2021-11-05"}
    # What takes place only now and then is zero in a month of which there is a record.
    assert story(warehouse, "hydra_courses", "2021-09", "E&W") == [("2021-10-20", 0.0, "complete", 1, 1)]


def test_a_stock_that_is_told_once_a_year_stands_for_the_years_that_hold_its_quarter(warehouse: Warehouse):
    def people(year: int, number: int) -> list[dict[str, Any]]:
        places = {"E07000105": "E23000032", "E07000066": "E23000028"}  # Ashford in Kent, Basildon in Essex
        return [
            {"period": f"{year}-Q2", "local_authority_code": authority, "force_code": force, "population": number}
            for authority, force in places.items()
        ]

    warehouse.publish("population-1", "2022-12-20", ("fact_population", people(2021, 10)))
    warehouse.publish("population-2", "2023-11-20", ("fact_population", [*people(2021, 11), *people(2022, 12)]))
    for period in ("2021-Q2", "2021", "2021/22"):
        assert story(warehouse, "population", period, "E&W") == [
            ("2022-12-20", 20.0, "complete", 1, 1),
            ("2023-11-20", 22.0, "complete", 1, 1),
        ]
    assert story(warehouse, "population", "2022/23", "Kent") == [("2023-11-20", 12.0, "complete", 1, 1)]
    assert story(warehouse, "population", "2021-Q3", "E&W") == []


def test_a_force_and_a_region_of_one_name(warehouse: Warehouse):
    disruptions = penalties("2021-09", 7, "West Midlands")
    disruptions |= {"activity": "Disruptions: modern slavery", "category": "Major", "measure": "Disruptions"}
    rows = [penalties("2021-09", 5, "West Midlands"), disruptions]
    warehouse.publish("programme_activity-1", "2021-10-20", ("fact_programme_activity", rows))
    compute_quarters(warehouse.engine, QUARTERS)
    with read_transaction(warehouse.engine) as connection:
        places = {
            (row.kpi_id, row.geography_kind, row.geography_code): row.value
            for row in find_known_values(connection, period="2021-09")
            if row.value and row.geography_kind != "national"
        }
    assert places == {
        ("civil_penalties_collected", "force", "E23000014"): 5,
        ("civil_penalties_collected", "rocu_region", "West Midlands"): 5,
        ("disruptions_modern_slavery", "rocu_region", "West Midlands"): 7,
    }


def test_what_is_entered_by_region_and_by_force_counts_for_the_region(warehouse: Warehouse):
    def disruptions(place: str, number: int) -> Row:
        row = penalties("2021-09", number, place) | {"activity": "Disruptions: modern slavery"}
        return row | {"category": "Major", "measure": "Disruptions"}

    rows = [penalties("2021-09", 5, "Kent"), penalties("2021-09", 3, "Eastern"), penalties("2021-09", 1, "National")]
    rows += [disruptions("Kent", 2), disruptions("Eastern", 7)]
    warehouse.publish("programme_activity-1", "2021-10-20", ("fact_programme_activity", rows))
    compute_quarters(warehouse.engine, QUARTERS)
    assert story(warehouse, "civil_penalties_collected", "2021-09", "E&W") == [("2021-10-20", 9.0, "complete", 1, 1)]
    assert story(warehouse, "civil_penalties_collected", "2021-09", "Eastern") == [
        ("2021-10-20", 8.0, "complete", 1, 1)
    ]
    assert story(warehouse, "civil_penalties_collected", "2021-09", "Kent") == [("2021-10-20", 5.0, "complete", 1, 1)]
    assert story(warehouse, "disruptions_modern_slavery", "2021-09", "Eastern") == [
        ("2021-10-20", 9.0, "complete", 1, 1)
    ]


def test_a_release_from_within_a_quarter_is_no_whole_quarter(warehouse: Warehouse):
    arrivals = {"series": "daily", "measure": "people_arrived", "period": "2021-Q3"}
    days = [arrivals | {"day": dt.date(2021, 7, 1), "value": 3}, arrivals | {"day": dt.date(2021, 9, 30), "value": 4}]
    warehouse.publish("small_boats-1", "2021-07-16", ("fact_small_boat_arrival", days[:1]))
    warehouse.publish("small_boats-2", "2021-10-08", ("fact_small_boat_arrival", days))
    assert story(warehouse, "small_boat_arrivals_daily_series", "2021-Q3", "UK") == [
        ("2021-07-16", 3.0, "incomplete", 0, 1),
        ("2021-10-08", 7.0, "complete", 1, 1),
    ]


def test_a_stock_is_that_of_the_last_month_returned(warehouse: Warehouse):
    kent, essex = "E23000032", "E23000028"

    def returned(number: int, day: str, *rows: dict[str, Any]) -> None:
        force = str(rows[0]["force_code"])
        warehouse.publish(f"force_returns-{number}", day, ("fact_investigation", rows), reporter=force)

    returned(1, "2021-08-10", live("2021-07", kent, 10))
    returned(2, "2021-08-10", live("2021-07", essex, 100))
    returned(3, "2021-09-10", live("2021-08", kent, 11))
    returned(4, "2021-10-10", live("2021-09", kent, 12))
    returned(5, "2021-10-12", live("2021-07", kent, 99))  # a late correction of a month that no longer counts
    returned(6, "2021-10-14", live("2021-09", essex, 120))
    returned(7, "2021-10-16", live("2021-08", essex, 110))  # late, and overtaken by September's
    returned(8, "2021-10-18", live("2021-09", kent, 13))
    assert story(warehouse, "live_investigations", "2021-Q3", "Kent") == [
        ("2021-08-10", 10.0, "incomplete", 0, 1),
        ("2021-09-10", 11.0, "incomplete", 0, 1),
        ("2021-10-10", 12.0, "complete", 1, 1),
        ("2021-10-18", 13.0, "complete", 1, 1),
    ]
    assert story(warehouse, "live_investigations", "2021-Q3", "E&W") == [
        ("2021-08-10", 110.0, "incomplete", 0, 2),
        ("2021-09-10", 111.0, "incomplete", 0, 2),
        ("2021-10-10", 112.0, "incomplete", 1, 2),
        ("2021-10-14", 132.0, "complete", 2, 2),
        ("2021-10-18", 133.0, "complete", 2, 2),
    ]
    assert story(warehouse, "live_investigations", "2021-08", "Eastern") == [
        ("2021-09-10", 11.0, "incomplete", 1, 2),
        ("2021-10-16", 121.0, "complete", 2, 2),
    ]


def coordinators(month: str, number: int) -> dict[str, Any]:
    its = {"activity": "Regional coordinators", "category": "All", "measure": "Coordinators in post"}
    return its | {"period": month, "geography_code": "South West", "value": number}


def test_an_earlier_month_of_a_stock_counts_again_where_a_later_one_is_not_given_any_more(
    warehouse: Warehouse, tmp_path: Path
):
    def record(number: int, day: str, *rows: dict[str, Any]) -> None:
        warehouse.publish(f"programme_activity-{number}", day, ("fact_programme_activity", rows))

    record(1, "2021-08-10", coordinators("2021-07", 10))
    record(2, "2021-09-10", coordinators("2021-08", 11))
    record(3, "2021-10-10", coordinators("2021-09", 12))
    record(4, "2021-11-10", penalties("2021-09", 5))  # says of September something else alone
    record(5, "2021-11-12", penalties("2021-08", 5))  # and of August
    record(6, "2021-11-14", coordinators("2021-09", 13))
    record(7, "2021-11-16", penalties("2021-09", 5), penalties("2021-07", 5))
    assert story(warehouse, "coordinators_in_post", "2021-Q3", "E&W") == [
        ("2021-08-10", 10.0, "incomplete", 0, 1),
        ("2021-09-10", 11.0, "incomplete", 0, 1),
        ("2021-10-10", 12.0, "complete", 1, 1),
        ("2021-11-10", 11.0, "incomplete", 0, 1),
        ("2021-11-12", 10.0, "incomplete", 0, 1),
        ("2021-11-14", 13.0, "complete", 1, 1),
        ("2021-11-16", None, "not computable", 0, 1),
    ]
    with read_transaction(warehouse.engine) as connection:
        for day in ("2021-10-10", "2021-11-10", "2021-11-12", "2021-11-14"):
            trace = trace_value(
                connection, tmp_path, "coordinators_in_post", "2021-Q3", "E&W", dt.date.fromisoformat(day)
            )
            assert trace.numerator.total == trace.value.value, "the trace leads to the figures of the value"


def test_a_share_without_a_denominator_cannot_be_computed(warehouse: Warehouse):
    def outcome(code: str, number: int, force: str) -> dict[str, Any]:
        its = {"period": "2021-Q3", "force_code": force, "offence_code": "106", "outcome_code": code}
        return its | {"outcomes_recorded": number, "outcomes_closed": None}

    rows = [outcome("1", 1, "E23000032"), outcome("0", 3, "E23000032"), outcome("0", 0, "E23000028")]
    elsewhere = outcome("0", 5, "E23000033") | {"offence_code": "8N"}
    warehouse.publish("crime_outcomes-1", "2022-01-27", ("fact_crime_outcome", [*rows, elsewhere]))
    kpi_id = "modern_slavery_charge_outcome_rate"
    assert story(warehouse, kpi_id, "2021-Q3", "Kent") == [("2022-01-27", 0.25, "complete", 1, 1)]
    assert story(warehouse, kpi_id, "2021-Q3", "Essex") == [("2022-01-27", None, "not computable", 1, 1)]
    # A force with outcomes, but none of these: it has reported that there are none.
    assert story(warehouse, kpi_id, "2021-Q3", "Sussex") == [("2022-01-27", None, "not computable", 1, 1)]
    assert story(warehouse, kpi_id, "2021-Q3", "Surrey") == []
    assert story(warehouse, kpi_id, "2021-Q3", "E&W") == [("2022-01-27", 0.25, "complete", 3, 3)]
