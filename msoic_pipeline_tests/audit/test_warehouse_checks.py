"""The checks on the loaded warehouse: what each finds, and what it leaves alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.audit.levels import NationalTotal, find_national_totals, judge_changes
from msoic_pipeline.audit.releases import NextRelease, find_next_release
from msoic_pipeline.audit.warehouse_checks import check_warehouse
from msoic_pipeline.model.evidence import coverage, release, vintage
from msoic_pipeline.model.evidence_rows import ValidationResult
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import shift_months
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import open_engine, read_transaction, write_transaction
from msoic_pipeline.warehouse.findings import record_findings
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.handmade import Warehouse, made_postgres, made_sqlite, warehouse

__all__ = ["made_postgres", "made_sqlite", "warehouse"]  # fixtures

DECISIONS = FACTS["fact_nrm_decision"]
TODAY = dt.date(2022, 7, 1)


def series(*values: float, start: int = 8000) -> list[NationalTotal]:
    return [NationalTotal("all", number, str(number), value) for number, value in enumerate(values, start)]


def test_a_level_shift_is_far_from_what_is_usual():
    steady = [100, 103, 105, 109, 110, 114, 115, 119, 122, 125]
    assert not any(change.is_shift for change in judge_changes(series(*steady)))
    shifted = [*steady[:6], *(value + 60 for value in steady[6:])]
    (shift,) = (change for change in judge_changes(series(*shifted)) if change.is_shift)
    assert (shift.label, shift.before, shift.value, shift.change) == ("8006", 114, 175, 61)


def test_short_histories_and_gaps_are_not_judged():
    assert not judge_changes(series(1, 2, 4, 5, 900, 6, 7))
    assert not judge_changes(series(*[5] * 12, 900)), "nothing is usual where nothing changes"
    steady = series(100, 103, 105, 109, 110, 114, 115, 119, 122, 125)
    after_a_gap = NationalTotal("all", steady[-1].number + 5, "after a gap", 400)
    judged = judge_changes([*steady, after_a_gap])
    assert judged and not any(change.is_shift for change in judged), "what lies between is not known"


def test_what_divides_national_series_are_columns_of_their_fact():
    for fact in FACTS.values():
        assert set(traits_of_fact(fact).series_columns) <= {column.name for column in fact.primary_key.columns}


@pytest.mark.parametrize(("published_on", "is_whole"), [("2021-09-30", False), ("2021-10-01", True)])
def test_a_figure_published_on_the_last_day_of_its_period_is_not_whole(
    warehouse: Warehouse, published_on: str, is_whole: bool
):
    its = {"activity": "Briefings", "category": "All", "measure": "Briefings", "geography_code": "Kent"}
    rows = [its | {"period": "2021-09", "value": 5}]
    warehouse.publish("programme_activity-1", published_on, ("fact_programme_activity", rows))
    with read_transaction(warehouse.engine) as connection:
        totals = find_national_totals(connection, FACTS["fact_programme_activity"])
        assert bool(totals) == is_whole


def test_figures_none_of_which_is_there_are_no_national_total(warehouse: Warehouse):
    nothing = {"outcomes_recorded": None, "outcomes_closed": None}
    its = {"force_code": "E23000036", "offence_code": "106", "outcome_code": "1"} | nothing
    warehouse.publish("crime_outcomes-1", "2022-01-20", ("fact_crime_outcome", [its | {"period": "2021-Q4"}]))
    with read_transaction(warehouse.engine) as connection:
        assert find_national_totals(connection, FACTS["fact_crime_outcome"]) == []


@pytest.mark.parametrize(
    ("source", "last", "published", "expected"),
    [
        ("nrm", "2023-12-31", "2024-03-07", ("2024-Q1", "2024-06-14")),
        ("force_returns", "2022-03-31", "2022-04-10", ("2022-04", "2022-05-20")),
        ("small_boats", "2024-03-31", "2024-01-19", ("a later week", "2024-02-09")),
        ("population", "2023-06-30", "2024-07-15", ("2024-Q2", "2025-08-04")),
    ],
)
def test_the_next_release_is_due_by_the_publishers_calendar(
    source: str, last: str, published: str, expected: tuple[str, str]
):
    described = load_source(source)
    lags = {"nrm": 75, "force_returns": 20, "small_boats": 14, "population": 400}
    described = described.model_copy(update={"lag_days": lags[source]})
    found = find_next_release(described, dt.date.fromisoformat(last), dt.date.fromisoformat(published))
    figures, due = expected
    assert found == NextRelease(figures, dt.date.fromisoformat(due))


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    """A warehouse with its dimensions, and releases of two sources."""
    engine = open_engine(warehouse_url)
    prepare(engine)
    load_dimensions(engine, [], TODAY)
    with write_transaction(engine) as connection:
        for source, period, start in (
            ("nrm", "2022-Q1", dt.date(2022, 1, 1)),
            ("force_returns", "2022-02", dt.date(2022, 2, 1)),
        ):
            entry = {column.name: "" for column in release.columns} | {
                "release_id": f"{source}-1",
                "source": source,
                "published_on": dt.date(2022, 5, 5),
                "reference_period": period,
                "reference_start": start,
                "edition": 1,
                "sha256": source,
                "superseded_by": None,
                "is_synthetic": True,
                "status": "accepted",
                "landed_on": None,
                "in_raw": True,
            }
            connection.execute(sa.insert(release).values(entry))
    yield engine
    engine.dispose()


def results(engine: Engine, check: str, today: dt.date = TODAY) -> dict[tuple[str, str], ValidationResult]:
    """Return what a check finds, by source and by the table that it looked at."""
    with read_transaction(engine) as connection:
        rows = check_warehouse(connection, today)
    with write_transaction(engine) as connection:  # they are rows of validation_result
        record_findings(connection, sa.true(), rows, today)
    assert all((row.release_id, row.table_name) == ("", "warehouse") for row in rows)
    found = {}
    for row in rows:
        name, _, table = row.check_name.removesuffix(")").rpartition(" (")
        if name == check:
            found[row.source, table] = row
    return found


def test_missing_reports_are_counted_and_a_sensitive_source_names_nobody(engine: Engine):
    def entry(source: str, reporter: str, *, expected: bool, received: bool) -> dict[str, Any]:
        start = dt.date(2022, 1, 1)
        return {
            "source": source,
            "period_start": start,
            "reporter": reporter,
            "quarter_start": start,
            "expected": expected,
            "received": received,
        }

    with write_transaction(engine) as connection:
        connection.execute(
            sa.insert(coverage),
            [
                entry(source, reporter, expected=expected, received=received)
                for source in ("force_returns", "recorded_crime", "nrm")
                for reporter, expected, received in (
                    ("E23000005", True, source == "nrm"),
                    ("E23000036", True, True),
                    ("K23000001", False, False),
                )
            ],
        )
    found = results(engine, "every report due was received")
    assert found["nrm", "coverage"].success
    returns = found["force_returns", "coverage"]
    assert (returns.severity, returns.rows_checked, returns.rows_failed) == ("warn", 2, 1)
    assert returns.detail == "1 of 2 force-months missing: 2022-01: 1"
    assert found["recorded_crime", "coverage"].detail == "1 of 2 force-quarters missing: 2022-Q1: Greater Manchester"


def test_a_source_is_late_from_the_day_after_its_next_release_was_due(engine: Engine):
    name, key = "latest release is on time", ("nrm", "release")
    coming = find_next_release(load_source("nrm"), dt.date(2022, 3, 31), dt.date(2022, 5, 5))
    assert coming
    assert results(engine, name, coming.due)[key].success
    late = results(engine, name, coming.due + dt.timedelta(days=1))[key]
    assert (late.severity, late.success, late.rows_checked) == ("warn", False, 1)
    assert "5 May 2022" in late.detail and "2022-Q2" in late.detail
    assert late.detail == results(engine, name, coming.due + dt.timedelta(days=90))[key].detail, "the same every night"
    assert results(engine, name)["cps", "release"].detail == "no release is in force"


def test_a_series_that_has_ended_is_never_late(engine: Engine):
    assert load_source("cps_case_outcomes").ended
    with write_transaction(engine) as connection:
        of_ended = {"source": "cps_case_outcomes", "reference_period": "2016-03", "published_on": dt.date(2016, 7, 14)}
        connection.execute(sa.update(release).where(release.c.source == "nrm").values(**of_ended))
    found = results(engine, "latest release is on time", dt.date(2030, 1, 1))["cps_case_outcomes", "release"]
    assert found.success
    assert found.detail == "latest release published on 14 July 2016; the series has ended"


def test_a_release_that_is_held_has_come_as_much_as_one_that_is_accepted(engine: Engine):
    name, key, day = "latest release is on time", ("nrm", "release"), dt.date(2022, 5, 6)
    before = results(engine, name, day)[key]
    with write_transaction(engine) as connection:
        connection.execute(sa.update(release).values(status="held"))
    assert results(engine, name, day)[key].detail == before.detail, "its figures stand"
    with write_transaction(engine) as connection:
        connection.execute(sa.update(release).values(status="withdrawn"))
    assert results(engine, name, day)[key].detail == "no release is in force"


def test_shares_lie_between_0_and_1(engine: Engine):
    def definition(kpi_id: str, unit: str) -> dict[str, Any]:
        words = {column.name: "" for column in kpi_definition.columns if isinstance(column.type, sa.String)}
        return words | {"kpi_id": kpi_id, "unit": unit, "direction": "neutral", "is_synthetic": False}

    def value(kpi_id: str, geography_kind: str, geography_code: str, figure: float | None) -> dict[str, Any]:
        start = dt.date(2022, 1, 1)
        return {
            "kpi_id": kpi_id,
            "period_kind": "quarter",
            "period_start": start,
            "period_label": "2022-Q1",
            "geography_kind": geography_kind,
            "geography_code": geography_code,
            "as_of": dt.date(2022, 5, 5),
            "value": figure,
            "unit": "",
            "status": "complete",
            "parts_expected": 1,
            "parts_received": 1,
        }

    with write_transaction(engine) as connection:
        connection.execute(sa.insert(kpi_definition), [definition("rate", "share"), definition("count", "people")])
        connection.execute(
            sa.insert(kpi_value),
            [
                value("rate", "national", "UK", 1.0),
                value("rate", "force", "E1", -0.25),
                value("rate", "force", "E2", None),
                value("count", "national", "UK", 12.0),
            ],
        )
    national = results(engine, "national shares lie between 0 and 1")["kpi", "kpi_value"]
    assert (national.severity, national.success, national.rows_checked) == ("block", True, 1)
    below = results(engine, "shares of forces and areas lie between 0 and 1")["kpi", "kpi_value"]
    assert (below.severity, below.rows_checked, below.rows_failed) == ("warn", 1, 1)
    assert below.detail == "rate, E1, 2022-Q1 as of 2022-05-05: below 0 by 0.25"
    with write_transaction(engine) as connection:
        connection.execute(sa.update(kpi_value).where(kpi_value.c.geography_code == "UK").values(value=1.5))
    assert not results(engine, "national shares lie between 0 and 1")["kpi", "kpi_value"].success
    with write_transaction(engine) as connection:
        connection.execute(sa.update(kpi_value).where(kpi_value.c.geography_code == "UK").values(value=1.00004))
    above = results(engine, "national shares lie between 0 and 1")["kpi", "kpi_value"]
    assert above.detail.endswith(": above 1 by 4e-05")
    hidden = "live_investigations_criminal_share"
    with write_transaction(engine) as connection:
        connection.execute(sa.delete(kpi_value))
        connection.execute(sa.insert(kpi_definition), [definition(hidden, "share")])
        connection.execute(sa.insert(kpi_value), [value(hidden, "force", "E1", 1.25)])
    below = results(engine, "shares of forces and areas lie between 0 and 1")["kpi", "kpi_value"]
    assert below.detail == f"{hidden}, E1, 2022-Q1 as of 2022-05-05: figure withheld"


def _standing(fact: sa.Table, breakdown: str, start: dt.date, quarter: dt.date, release_id: str) -> dict[str, Any]:
    return {
        "fact": fact.name,
        "breakdown": breakdown,
        "period_start": start,
        "reporter": "",
        "release_id": release_id,
        "quarter_start": quarter,
        "published_on": dt.date(2022, 5, 5),
        "superseded_on": None,
        "rows": 1,
    }


def test_a_national_level_shift_is_told_with_its_numbers_but_for_returns(engine: Engine):
    values = [100, 103, 105, 109, 110, 114, 175, 179, 182, 185, 186]
    quarters = [shift_months(dt.date(2019, 10, 1), 3 * number) for number in range(len(values))]  # the last ends after
    months = [shift_months(dt.date(2021, 4, 1), number) for number in range(len(values))]
    returns = FACTS["fact_investigation"]
    with write_transaction(engine) as connection:
        for start, total in zip(quarters, values, strict=True):
            connection.execute(
                sa.insert(vintage).values(_standing(DECISIONS, "reasonable_grounds", start, start, "nrm-1"))
            )
            for decision, part in (("positive", total - 40), ("negative", 40 if start < quarters[-1] else 4000)):
                row = {
                    "quarter_start": start,
                    "release_id": "nrm-1",
                    "stage": "reasonable_grounds",
                    "decision": decision,
                }
                row |= {"age_group": "Adult (18 or over)", "decisions": part, "sheet": "Table_1", "cell": "C5"}
                connection.execute(sa.insert(DECISIONS).values(row))
        for month, total in zip(months, values, strict=True):
            quarter = shift_months(month, -((month.month - 1) % 3))
            connection.execute(
                sa.insert(vintage).values(_standing(returns, "exploitation", month, quarter, "force_returns-1"))
            )
            row = {column.name: "All" for column in returns.columns} | {
                "quarter_start": quarter,
                "month_start": month,
                "release_id": "force_returns-1",
                "force_code": "E23000036",
                "breakdown": "exploitation",
                "exploitation_type": "Labour",
                "measure": "live",
                "value": total,
            }
            connection.execute(sa.insert(returns).values(row))
    found = results(engine, "national totals have no level shifts")
    published = found["nrm", "fact_nrm_decision"]
    assert (published.severity, published.success, published.rows_failed) == ("warn", False, 1)
    assert "reasonable_grounds, 2021-Q2: 114 to 175, a change of 61 where 3 ±" in published.detail
    assert "1 of 1 national series" in published.detail
    hidden = found["force_returns", "fact_investigation"]
    assert hidden.rows_failed == 1
    assert "exploitation, live, 2021-10" in hidden.detail
    assert "114" not in hidden.detail and "175" not in hidden.detail
