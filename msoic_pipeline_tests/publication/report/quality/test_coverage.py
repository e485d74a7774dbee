"""Which reports had come by a day: received, missing or not yet due, and nobody named who returns."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from msoic_pipeline.model.evidence import coverage
from msoic_pipeline.publication.report.quality.coverage import ExpectedReport, ReportCount, State, list_expected_reports
from msoic_pipeline.publication.report.quality.coverage_tables import make_coverage, tell_share
from msoic_pipeline_tests.handmade import Warehouse

KENT, ESSEX = "E23000032", "E23000028"
LIVE = {"breakdown": "exploitation", "measure": "live", "exploitation_type": "Labour", "value": 3}
# A return for February 2022 is due 20 days after its end.
LAST_DAY = dt.date(2022, 3, 20)


@pytest.fixture
def returns(warehouse: Warehouse) -> Warehouse:
    """January of Kent and Essex, February of Kent alone: it came on 10 March."""
    warehouse.publish(
        "force_returns-1", "2022-02-10", returned(KENT, "2022-01"), reporter=KENT, reference_period="2022-01"
    )
    warehouse.publish(
        "force_returns-2", "2022-02-10", returned(ESSEX, "2022-01"), reporter=ESSEX, reference_period="2022-01"
    )
    warehouse.publish(
        "force_returns-3", "2022-03-10", returned(KENT, "2022-02"), reporter=KENT, reference_period="2022-02"
    )
    absent = {"source": "force_returns", "period_start": dt.date(2022, 2, 1), "quarter_start": dt.date(2022, 1, 1)}
    with warehouse.engine.begin() as connection:
        connection.execute(sa.insert(coverage), [absent | {"reporter": ESSEX, "expected": True, "received": False}])
    return warehouse


def returned(force: str, month: str) -> tuple[str, list[dict[str, object]]]:
    return "fact_investigation", [LIVE | {"period": month, "force_code": force}]


def states(warehouse: Warehouse, today: dt.date, as_at: dt.date | None = None) -> dict[tuple[str, str], State]:
    with warehouse.engine.connect() as connection:
        reports = list_expected_reports(connection, today, as_at)
    return {(f"{each.period_start:%Y-%m}", each.reporter): each.state for each in reports}


@pytest.mark.parametrize(("today", "state"), [(LAST_DAY, "not yet due"), (dt.date(2022, 3, 21), "missing")])
def test_a_report_is_missing_once_its_day_has_gone_by(returns: Warehouse, today: dt.date, state: State):
    assert states(returns, today) == {
        ("2022-01", KENT): "received",
        ("2022-01", ESSEX): "received",
        ("2022-02", KENT): "received",
        ("2022-02", ESSEX): state,
    }


def test_of_an_earlier_day_what_came_later_had_not_come(returns: Warehouse):
    known = states(returns, dt.date(2026, 1, 1), as_at=dt.date(2022, 3, 9))
    assert known["2022-02", KENT] == "not yet due" and known["2022-01", KENT] == "received"
    assert states(returns, dt.date(2026, 1, 1), as_at=dt.date(2022, 3, 10))["2022-02", KENT] == "received"
    # A month that had not begun is not expected.
    assert set(states(returns, dt.date(2026, 1, 1), as_at=dt.date(2022, 1, 31))) == {
        ("2022-01", KENT),
        ("2022-01", ESSEX),
    }


def test_what_had_come_by_today_is_what_coverage_says(returns: Warehouse):
    boats = {
        "period": "2021-Q4",
        "day": dt.date(2021, 10, 1),
        "series": "daily",
        "measure": "boats_arrived",
        "value": 1,
    }
    returns.publish("small_boats-1", "2022-01-14", ("fact_small_boat_arrival", [boats]))
    crimes = [
        {"period": "2021-Q4", "force_code": force, "offence_code": "106", "offences": 1} for force in (KENT, ESSEX)
    ]
    returns.publish("recorded_crime-1", "2022-01-14", ("fact_recorded_crime", crimes))
    today = dt.date(2022, 3, 25)
    assert states(returns, today, as_at=today) == states(returns, today)
    assert list(states(returns, today).values()).count("received") == 6


def report(month: int, reporter: str, state: State, source: str = "force_returns") -> ExpectedReport:
    start = dt.date(2022, month, 1)
    return ExpectedReport(source, start, dt.date(2022, 1, 1), reporter, state)


def test_an_open_page_counts_and_an_internal_one_names():
    reports = [report(1, KENT, "received"), report(1, ESSEX, "missing"), report(2, KENT, "not yet due")]
    day = dt.date(2022, 3, 1)
    open_page, internal = make_coverage(reports, day, is_internal=False), make_coverage(reports, day, is_internal=True)
    assert "Kent" not in repr(open_page) and "Essex" not in repr(open_page)
    (grid,) = open_page.returns
    january, february = grid.rows[0].cells[:2]
    assert january and (january.state, january.count, january.words) == ("missing", "1 of 2", "received, 1 missing")
    assert february and (february.state, february.symbol, february.words) == ("not yet due", "○", "not yet due")
    assert grid.rows[0].cells[2:] == (None,) * 10
    by_force = {row.label: [cell and cell.state for cell in row.cells[:2]] for row in internal.returns[0].rows}
    assert by_force == {"Essex": ["missing", None], "Kent": ["received", "not yet due"]}


def test_the_sentence_is_made_of_the_figures():
    reports = [report(1, KENT, "received"), report(1, ESSEX, "missing"), report(2, KENT, "not yet due")]
    (sentence,) = make_coverage(reports, dt.date(2022, 3, 1), is_internal=False).sentences
    assert sentence == (
        "Modern slavery investigations, monthly force return: of 2 returns due by 1 March 2022, 1 had been received "
        "(50.0%); 1 is missing, of 1 month; 1 is not yet due. Months are counted up to 2022-02."
    )


def test_who_did_not_report_to_open_sources_is_named():
    absent = [report(1, KENT, "missing", "recorded_crime"), report(1, ESSEX, "received", "recorded_crime")]
    assert make_coverage(absent, dt.date(2026, 1, 1), is_internal=False).absent.rows == (
        ("Police recorded crime open data tables", "2022-Q1", "Kent"),
    )
    all_absent = [report(1, force, "missing", "recorded_crime") for force in (KENT, ESSEX)]
    assert make_coverage(all_absent, dt.date(2026, 1, 1), is_internal=False).absent.rows[0][-1] == "all 2"


def test_what_is_not_whole_is_never_told_as_whole():
    assert tell_share(ReportCount(9999, 1, 0)) == "99.9%"
    assert tell_share(ReportCount(3, 0, 5)) == "100%"
    assert tell_share(ReportCount(0, 0, 5)) == "–"
