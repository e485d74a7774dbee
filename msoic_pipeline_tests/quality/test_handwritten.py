"""The checks written by hand: what each finds, and what it leaves alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.loading import load_dimensions, record_findings
from msoic_pipeline.model.evidence import coverage, release, vintage
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.periods import shift_months
from msoic_pipeline.quality.faults import Fault
from msoic_pipeline.quality.handwritten import HANDWRITTEN, check_rows, check_warehouse, level_shifts, next_due
from msoic_pipeline.staging import Finding
from msoic_pipeline.warehouse import open_engine, prepare, reading, writing
from msoic_pipeline.workbooks.layout import load_source

DECISIONS, CRIME, SMALL_BOATS = (
    FACTS["fact_nrm_decision"],
    FACTS["fact_recorded_crime"],
    FACTS["fact_small_boat_arrival"],
)
ACTIVITY = FACTS["fact_programme_activity"]
TODAY = dt.date(2022, 7, 1)


def rows_of(*rows: dict[str, Any]) -> pd.DataFrame:
    frame = pd.DataFrame([{"release_id": "a", "sheet": "Table_1", "cell": f"C{n}"} | r for n, r in enumerate(rows, 1)])
    for name in ("quarter_start", "month_start", "day"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name])
    return frame


def finding(fact: sa.Table, check: str, frame: pd.DataFrame, release_id: str = "a") -> Finding:
    return next(found for found in check_rows(fact, whole(fact, frame))[release_id] if found.check_name == check)


def whole(fact: sa.Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Return rows with all columns of their table: 0 in the figures that a test does not name, and x in the texts."""
    missing = [column.name for column in fact.columns if column.name not in frame]
    return frame.assign(**{name: 0 if name in fact.info["measures"] else "x" for name in missing})


def test_every_check_says_why():
    assert all(check.severity in ("block", "warn") and check.reason.endswith(".") for check in HANDWRITTEN)
    assert len({check.name for check in HANDWRITTEN}) == len(HANDWRITTEN)


def test_dates_lie_in_their_quarter():
    row = {"series": "daily", "measure": "boats_arrived", "quarter_start": "2022-01-01", "day": "2022-03-31"}
    good = finding(SMALL_BOATS, "dates lie in their quarter", rows_of(row))
    assert good.success and good.rows_checked == 1
    for wrong in (
        {"day": "2022-04-01"},
        {"day": "2021-03-31"},
        {"quarter_start": "2022-01-02"},
        {"quarter_start": "2022-02-01"},
    ):
        bad = finding(SMALL_BOATS, "dates lie in their quarter", rows_of(row, row | wrong))
        assert (bad.severity, bad.success, bad.rows_failed) == ("block", False, 1)
        assert bad.detail == "sheet 'Table_1', cell C2"


def test_a_gap_in_a_series_is_named_and_its_ends_are_not():
    quarters = ("2021-01-01", "2021-04-01", "2022-01-01")
    whole = [{"stage": "reasonable_grounds", "quarter_start": q} for q in (*quarters, "2021-07-01", "2021-10-01")]
    holed = [{"stage": "conclusive_grounds", "quarter_start": q} for q in quarters]
    frame = rows_of(*whole, *holed, *({"release_id": "b"} | row for row in holed[:2]))
    found = finding(DECISIONS, "series have no gaps", frame)
    assert (found.severity, found.rows_failed) == ("warn", 1)
    assert found.detail == "conclusive_grounds: nothing of 2021-Q3, 2021-Q4, between 2021-Q1 and 2022-Q1"
    assert finding(DECISIONS, "series have no gaps", frame, "b").success


def test_a_month_in_which_a_measure_did_not_happen_is_no_gap():
    months = [
        {"quarter_start": "2022-01-01", "month_start": f"2022-0{month}-01", "measure": "Queries"} for month in (1, 2, 3)
    ]
    events = [
        {"quarter_start": "2022-01-01", "month_start": f"2022-0{month}-01", "measure": "Events"} for month in (1, 3)
    ]
    assert finding(ACTIVITY, "series have no gaps", rows_of(*months, *events)).success
    found = finding(ACTIVITY, "series have no gaps", rows_of(*events))
    assert "nothing of 2022-02" in found.detail


def test_two_years_of_one_force_with_the_same_total():
    def years(force: str, *totals: int, release_id: str = "a", quarters: int = 4) -> list[dict[str, Any]]:
        return [
            {
                "release_id": release_id,
                "force_code": force,
                "offence_code": "106",
                "quarter_start": shift_months(dt.date(2021 + year, 4, 1), 3 * quarter),
                "offences": total - 3 if quarter == 0 else 1,
            }
            for year, total in enumerate(totals)
            for quarter in range(quarters)
        ]

    name = "yearly totals of a force differ"
    found = finding(CRIME, name, rows_of(*years("E1", 86228, 86228), *years("E2", 86228, 86229)))
    assert (found.severity, found.rows_failed) == ("warn", 1)
    assert found.detail == "E1: 86,228 in each of 2021/22, 2022/23"
    assert finding(CRIME, name, rows_of(*years("E1", 50, 50, quarters=3))).success, "years that are not whole"
    assert finding(CRIME, name, rows_of(*years("E1", 50), *years("E1", 50, release_id="b"))).success, "two releases"
    assert not any(
        found.check_name == name
        for found in check_rows(DECISIONS, whole(DECISIONS, rows_of({"quarter_start": "2022-01-01"})))["a"]
    )


REPEATS = "no period repeats the one before"


def quarters_of(*figures: list[int], release_id: str = "a", **fields: Any) -> list[dict[str, Any]]:
    return [
        fields
        | {
            "release_id": release_id,
            "quarter_start": shift_months(dt.date(2021, 1, 1), 3 * quarter),
            "force_code": f"E{force}",
            "offence_code": "106",
            "offences": number,
        }
        for quarter, numbers in enumerate(figures)
        for force, number in enumerate(numbers)
    ]


def test_a_quarter_pasted_over_the_next():
    first, second = list(range(1, 13)), list(range(2, 14))
    found = finding(CRIME, REPEATS, rows_of(*quarters_of(first, second, second, first)))
    assert (found.severity, found.rows_failed) == ("block", 1)
    assert found.detail == (
        "the table: all 12 figures of 2021-Q3, from sheet 'Table_1', cell C25, are those of 2021-Q2"
    )
    assert found.places == (("period_repeated", "Table_1", "C25", found.detail, ""),)
    assert finding(CRIME, REPEATS, rows_of(*quarters_of(first, second, first))).success, "they do not follow each other"
    other_places = [*second[1:], second[0]]
    assert finding(CRIME, REPEATS, rows_of(*quarters_of(second, other_places))).success, "the same figures elsewhere"
    assert finding(CRIME, REPEATS, rows_of(*quarters_of(first[:9], first[:9]))).success, "so few can be chance"
    nothing = [*first[:9], *[0] * 9]
    assert finding(CRIME, REPEATS, rows_of(*quarters_of(nothing, nothing))).success, "zeros are no figures to count"
    two = rows_of(*quarters_of(first), *quarters_of(second, first, release_id="b"))
    assert finding(CRIME, REPEATS, two).success and finding(CRIME, REPEATS, two, "b").success, "two releases"


def test_a_breakdown_is_repeated_by_itself_and_a_series_by_day_is_not_judged():
    def rows(breakdown: str, *figures: list[int]) -> list[dict[str, Any]]:
        named = [(row, row.pop("force_code"), row.pop("offences")) for row in quarters_of(*figures)]
        return [row | {"stage": breakdown, "age_group": a, "decision": "x", "decisions": n} for row, a, n in named]

    same, other = list(range(1, 13)), list(range(2, 14))
    found = finding(DECISIONS, REPEATS, rows_of(*rows("reasonable", same, same), *rows("conclusive", same, other)))
    assert found.detail == (
        "reasonable: all 12 figures of 2021-Q2, from sheet 'Table_1', cell C13, are those of 2021-Q1"
    )
    day = {
        "series": "daily",
        "measure": "boats_arrived",
        "quarter_start": "2022-01-01",
        "day": "2022-01-01",
        "value": 1,
    }
    assert finding(SMALL_BOATS, REPEATS, rows_of(day)).success


def test_a_week_is_the_sum_of_its_days():
    def rows(week: int, *days: int, ending: str = "2022-01-09") -> list[dict[str, Any]]:
        row = {"measure": "people_arrived", "quarter_start": "2022-01-01"}
        last = pd.Timestamp(ending)
        by_day = [
            row | {"series": "daily", "day": last - pd.Timedelta(days=back), "value": value}
            for back, value in enumerate(reversed(days))
        ]
        return [*by_day, row | {"series": "weekly", "day": last, "value": week}]

    def found(*given: dict[str, Any]) -> Finding:
        return finding(SMALL_BOATS, "weeks are the sum of their days", rows_of(*given))

    assert found(*rows(28, 1, 2, 3, 4, 5, 6, 7)).success
    assert found(*rows(28, 1, 2, 3, 4, 5, 6, 7, ending="2022-01-12")).success, "whatever day a week ends on"
    wrong = found(*rows(82, 1, 2, 3, 4, 5, 6, 7), *rows(7, 1, 1, 1, 1, 1, 1, 1, ending="2022-01-16"))
    assert (wrong.severity, wrong.rows_failed) == ("block", 1)
    assert wrong.detail == (
        "people_arrived of the week to 9 January 2022, sheet 'Table_1', cell C8: 82, but its days sum to 28"
    )
    assert wrong.places == (("week_differs", "Table_1", "C8", wrong.detail, ""),)
    assert found(*rows(82, 1, 2, 3, 4, 5, 6)).success, "a week of which a day is not known"


@pytest.mark.parametrize(("rule", "cell", "accepted"), [("period_repeated", "", True), ("week_differs", "", False)])
def test_a_declared_fault_accepts_what_a_check_finds(rule: str, cell: str, accepted: bool):
    fault = Fault(
        fault="f",
        reference_period="2021-Q2",
        rule=rule,
        cell=cell,
        treatment="accept",
        reason="It is so.",
        reviewed_by="A",
        reviewed_on=TODAY,
        expires=dt.date(2099, 1, 1),
    )
    rows = whole(CRIME, rows_of(*quarters_of(list(range(1, 13)), list(range(1, 13)))))
    (found,) = (f for f in check_rows(CRIME, rows, {"a": (fault,)})["a"] if f.check_name == REPEATS)
    assert found.success is accepted
    assert not accepted or found.detail == "holds; 1 accepted by declared faults"
    assert not next(f for f in check_rows(CRIME, rows, {"b": (fault,)})["a"] if f.check_name == REPEATS).success


def series(*values: float, start: int = 8000) -> pd.DataFrame:
    numbers = range(start, start + len(values))
    return pd.DataFrame({"series": "all", "number": numbers, "label": [str(n) for n in numbers], "value": values})


def test_a_level_shift_is_far_from_what_is_usual():
    steady = [100, 103, 105, 109, 110, 114, 115, 119, 122, 125]
    assert not level_shifts(series(*steady))["is_shift"].any()
    shifted = [*steady[:6], *(value + 60 for value in steady[6:])]
    judged = level_shifts(series(*shifted))
    assert list(judged.loc[judged["is_shift"], "label"]) == ["8006"]
    row = judged[judged["is_shift"]].iloc[0]
    assert (row["before"], row["value"], row["change"]) == (114, 175, 61)


def test_short_histories_and_gaps_are_not_judged():
    assert level_shifts(series(1, 2, 4, 5, 900, 6, 7)).empty
    assert level_shifts(series(*[5] * 12, 900)).empty, "nothing is usual where nothing changes"
    steady = series(100, 103, 105, 109, 110, 114, 115, 119, 122, 125, 400)
    steady["number"] = [*steady["number"][:10], steady["number"][10] + 4]
    assert not level_shifts(steady)["is_shift"].any(), "what lies between is not known"


@pytest.mark.parametrize(
    ("source", "last", "published", "expected"),
    [
        ("nrm", "2023-12-31", "2024-03-07", ("2024-Q1", "2024-06-14")),
        ("force_returns", "2022-03-31", "2022-04-10", ("2022-04", "2022-05-20")),
        ("small_boats", "2024-03-31", "2024-01-19", ("a later week", "2024-02-09")),
    ],
)
def test_the_next_release_is_due_by_the_publishers_calendar(
    source: str, last: str, published: str, expected: tuple[str, str]
):
    described = load_source(source)
    lags = {"nrm": 75, "force_returns": 20, "small_boats": 14}
    described = described.model_copy(update={"lag_days": lags[source]})
    figures, due = next_due(described, dt.date.fromisoformat(last), dt.date.fromisoformat(published))
    assert (figures, due.isoformat()) == expected


@pytest.fixture
def engine(warehouse_url: str) -> Iterator[Engine]:
    """A warehouse with its dimensions, and releases of two sources."""
    engine = open_engine(warehouse_url)
    prepare(engine)
    load_dimensions(engine, [], TODAY)
    with writing(engine) as connection:
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
            }
            connection.execute(sa.insert(release).values(entry))
    yield engine
    engine.dispose()


def results(engine: Engine, check: str, today: dt.date = TODAY) -> dict[tuple[str, str], dict[str, Any]]:
    with reading(engine) as connection:
        rows = check_warehouse(connection, today)
    with writing(engine) as connection:  # they are rows of validation_result
        record_findings(connection, sa.true(), rows, today)
    assert all(row["release_id"] == "" for row in rows)
    return {(row["source"], row["table_name"]): row for row in rows if row["check_name"] == check}


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

    with writing(engine) as connection:
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
    assert found["nrm", "coverage"]["success"]
    returns = found["force_returns", "coverage"]
    assert (returns["severity"], returns["rows_checked"], returns["rows_failed"]) == ("warn", 2, 1)
    assert returns["detail"] == "1 of 2 force-months missing: 2022-01: 1"
    assert found["recorded_crime", "coverage"]["detail"] == "1 of 2 force-quarters missing: 2022-Q1: Greater Manchester"


def test_a_source_is_late_from_the_day_after_its_next_release_was_due(engine: Engine):
    name, key = "latest release is on time", ("nrm", "release")
    _, due = next_due(load_source("nrm"), dt.date(2022, 3, 31), dt.date(2022, 5, 5))
    assert results(engine, name, due)[key]["success"]
    late = results(engine, name, due + dt.timedelta(days=1))[key]
    assert (late["severity"], late["success"], late["rows_checked"]) == ("warn", False, 1)
    assert "5 May 2022" in late["detail"] and "2022-Q2" in late["detail"]
    assert late["detail"] == results(engine, name, due + dt.timedelta(days=90))[key]["detail"], "the same every night"
    assert results(engine, name)["cps", "release"]["detail"] == "no release has been accepted"


def test_shares_lie_between_0_and_1(engine: Engine):
    def definition(kpi_id: str, unit: str) -> dict[str, Any]:
        words = {column.name: "" for column in kpi_definition.columns}
        return words | {"kpi_id": kpi_id, "unit": unit, "direction": "neutral"}

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

    with writing(engine) as connection:
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
    assert (national["severity"], national["success"], national["rows_checked"]) == ("block", True, 1)
    below = results(engine, "shares of forces and areas lie between 0 and 1")["kpi", "kpi_value"]
    assert (below["severity"], below["rows_checked"], below["rows_failed"]) == ("warn", 1, 1)
    assert below["detail"] == "rate, E1, 2022-Q1 as of 2022-05-05: -0.25"
    with writing(engine) as connection:
        connection.execute(sa.update(kpi_value).where(kpi_value.c.geography_code == "UK").values(value=1.5))
    assert not results(engine, "national shares lie between 0 and 1")["kpi", "kpi_value"]["success"]


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
    with writing(engine) as connection:
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
    assert (published["severity"], published["success"], published["rows_failed"]) == ("warn", False, 1)
    assert "reasonable_grounds, 2021-Q2: 114 to 175, a change of 61 where 3 ±" in published["detail"]
    assert "1 of 1 national series" in published["detail"]
    hidden = found["force_returns", "fact_investigation"]
    assert hidden["rows_failed"] == 1
    assert "exploitation, live, 2021-10" in hidden["detail"]
    assert "114" not in hidden["detail"] and "175" not in hidden["detail"]
