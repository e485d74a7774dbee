"""The checks on rows of releases: what each finds, and what it leaves alone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
import sqlalchemy as sa

from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import shift_months
from msoic_pipeline.quality.row_checks import check_rows
from msoic_pipeline.workbooks.failures import Failure

DECISIONS, CRIME, SMALL_BOATS = (
    FACTS["fact_nrm_decision"],
    FACTS["fact_recorded_crime"],
    FACTS["fact_small_boat_arrival"],
)
ACTIVITY, POPULATION = FACTS["fact_programme_activity"], FACTS["fact_population"]
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
    return frame.assign(**{name: 0 if name in traits_of_fact(fact).measures else "x" for name in missing})


def test_dates_lie_in_their_quarter():
    row = {"series": "daily", "measure": "boats_arrived", "quarter_start": "2022-01-01", "day": "2022-03-31"}
    good = finding(SMALL_BOATS, "dates lie in their quarter", rows_of(row))
    assert good.success and good.rows_checked == 1
    for wrong, words in (
        ({"day": "2022-04-01"}, "day: expected a day of 2022-Q1; found 2022-04-01"),
        ({"day": "2021-03-31"}, "day: expected a day of 2022-Q1; found 2021-03-31"),
        ({"quarter_start": "2022-01-02"}, "quarter_start: expected the first day of a quarter; found 2022-01-02"),
        ({"quarter_start": "2022-02-01"}, "quarter_start: expected the first day of a quarter; found 2022-02-01"),
    ):
        bad = finding(SMALL_BOATS, "dates lie in their quarter", rows_of(row, row | wrong))
        assert (bad.severity, bad.success, bad.rows_failed) == ("block", False, 1)
        assert bad.detail == f"sheet 'Table_1', cell C2: {words}"


def test_of_a_force_return_the_date_that_is_wrong_is_withheld():
    wrong = rows_of({"quarter_start": "2022-01-01", "month_start": "2022-05-01", "force_code": "E1"})
    found = finding(FACTS["fact_investigation"], "dates lie in their quarter", wrong)
    assert found.detail.endswith("month_start: expected a day of 2022-Q1; found (withheld)")


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


def test_a_figure_that_comes_once_a_year_leaves_no_gap_between_years():
    def years(*first_days: str) -> pd.DataFrame:
        return rows_of(*({"quarter_start": day, "population": n} for n, day in enumerate(first_days)))

    assert finding(POPULATION, "series have no gaps", years("2021-04-01", "2022-04-01", "2023-04-01")).success
    found = finding(POPULATION, "series have no gaps", years("2021-04-01", "2023-04-01"))
    assert found.detail == "the series: nothing of 2022, between 2021 and 2023"


def test_a_year_pasted_over_the_next_of_what_comes_once_a_year():
    def authorities(year: int, first: int) -> list[dict[str, Any]]:
        return [
            {"quarter_start": f"{year}-04-01", "local_authority_code": f"E{n}", "population": first + n}
            for n in range(12)
        ]

    name = "no period repeats the one before"
    assert finding(POPULATION, name, rows_of(*authorities(2022, 5), *authorities(2023, 6))).success
    found = finding(POPULATION, name, rows_of(*authorities(2022, 5), *authorities(2023, 5)))
    assert "figures of 2023" in found.detail and "are those of 2022" in found.detail


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
    assert found.failures == (Failure("period_repeated", "Table_1", "C25", found.detail),)
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
    assert wrong.failures == (Failure("week_differs", "Table_1", "C8", wrong.detail),)
    assert found(*rows(82, 1, 2, 3, 4, 5, 6)).success, "a week of which a day is not known"
    for series in ("daily", "weekly"):
        alone = [row for row in rows(82, 1, 2, 3, 4, 5, 6, 7) if row["series"] == series]
        assert found(*alone).success, "the other series is not there"


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
