"""Arithmetic of months, quarters and years: one window, whatever its label."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msoic_pipeline.periods import (
    FIRST_QUARTER,
    PERIOD_MONTHS,
    financial_quarter_label,
    last_quarter,
    list_all_quarters,
    number_label,
    parse_financial_year,
    parse_period,
    parse_quarter,
    period_end,
    period_label,
    period_number,
    period_start,
    periods,
    shift_months,
)

days = st.dates(dt.date(1990, 1, 1), dt.date(2090, 12, 31))
kinds = st.sampled_from(list(PERIOD_MONTHS))
months = st.integers(-600, 600)


@given(days, months)
def test_shifting_there_and_back(day: dt.date, number: int):
    start = day.replace(day=1)
    assert shift_months(shift_months(day, number), -number) == start
    shifted = shift_months(day, number)
    assert shifted.day == 1
    assert (shifted.year - start.year) * 12 + shifted.month - start.month == number


@given(kinds, days)
def test_a_day_lies_within_its_period(kind: str, day: dt.date):
    start = period_start(kind, day)
    assert start <= day <= period_end(kind, start)
    assert period_start(kind, period_end(kind, start)) == start
    assert period_start(kind, period_end(kind, start) + dt.timedelta(days=1)) == shift_months(
        start, PERIOD_MONTHS[kind]
    )


@given(kinds, days)
def test_a_label_tells_its_period(kind: str, day: dt.date):
    start = period_start(kind, day)
    assert parse_period(period_label(kind, start)) == (kind, start)


def test_a_period_of_no_kind_has_no_label():
    with pytest.raises(ValueError, match="unknown kind of period 'day': expected one of month, quarter"):
        period_label("day", dt.date(2022, 1, 1))


@given(days)
def test_both_labels_of_a_quarter_are_one_quarter(day: dt.date):
    start = period_start("quarter", day)
    assert parse_quarter(financial_quarter_label(start)) == start
    assert parse_quarter(period_label("quarter", start)) == start
    assert parse_quarter(start.isoformat()) == start


@given(days, st.sampled_from(["{y} Q{q}", "{y}-Q{q}", "{y}/Q{q}", "Q{q} {y}", "Q{q}-{y}", " {y}Q{q} ", "{y}-q{q}"]))
def test_spellings_of_a_calendar_quarter(day: dt.date, spelling: str):
    start = period_start("quarter", day)
    assert parse_quarter(spelling.format(y=start.year, q=(start.month + 2) // 3)) == start


@given(st.integers(1990, 2089), st.sampled_from("-/_"), st.booleans())
def test_spellings_of_a_financial_year(year: int, mark: str, is_long: bool):
    end = year + 1 if is_long else f"{(year + 1) % 100:02d}"
    assert parse_financial_year(f"{year}{mark}{end}") == dt.date(year, 4, 1)


@given(kinds, days, st.integers(0, 20))
def test_periods_follow_each_other(kind: str, day: dt.date, number: int):
    last = shift_months(day, number * PERIOD_MONTHS[kind])
    found = list(periods(kind, day, last))
    assert found[0] == period_start(kind, day)
    assert found[-1] == period_start(kind, last)
    assert all(shift_months(a, PERIOD_MONTHS[kind]) == b for a, b in pairwise(found))


@given(kinds, days)
def test_the_last_quarter_ends_with_its_period_or_holds_it(kind: str, day: dt.date):
    start = period_start(kind, day)
    quarter = last_quarter(period_label(kind, start))
    assert quarter == period_start("quarter", period_end(kind, start))


@pytest.mark.parametrize(
    ("start", "calendar", "financial"),
    [
        (dt.date(2021, 10, 1), "2021-Q4", "2021/22 Q3"),
        (dt.date(2021, 1, 1), "2021-Q1", "2020/21 Q4"),
        (dt.date(2021, 4, 1), "2021-Q2", "2021/22 Q1"),
        (dt.date(1999, 4, 1), "1999-Q2", "1999/00 Q1"),
    ],
)
def test_labels(start: dt.date, calendar: str, financial: str):
    assert (period_label("quarter", start), financial_quarter_label(start)) == (calendar, financial)


def test_months_are_told_from_years():
    assert parse_period("2021-11") == ("month", dt.date(2021, 11, 1))
    assert parse_period("2021-22") == ("financial_year", dt.date(2021, 4, 1))
    assert parse_period("2021") == ("calendar_year", dt.date(2021, 1, 1))
    assert period_start("quarter", FIRST_QUARTER) == FIRST_QUARTER


@pytest.mark.parametrize(
    "text", ["", "Q5 2021", "2021 Q0", "2021-10-02", "quarter 3", "2021/23 Q1", "21-Q4", "2021-13"]
)
def test_what_is_no_period(text: str):
    with pytest.raises(ValueError, match="expected"):
        parse_quarter(text)
    with pytest.raises(ValueError, match="expected"):
        parse_period(text)


@pytest.mark.parametrize("text", ["2021/23", "2021", "2021/2023", "21/22", "2021/22 Q1", ""])
def test_what_is_no_financial_year(text: str):
    with pytest.raises(ValueError, match="expected a financial year"):
        parse_financial_year(text)


def test_an_unknown_kind_of_period():
    with pytest.raises(ValueError, match="expected one of month, quarter"):
        period_start("fortnight", dt.date(2021, 1, 1))


@given(st.text(max_size=12))
def test_any_text_is_a_period_or_refused(text: str):
    try:
        kind, start = parse_period(text)
    except ValueError as error:
        assert "expected" in str(error)
    else:
        assert start == period_start(kind, start)


def test_places_in_time_follow_each_other():
    starts = pd.to_datetime(pd.Series(["2021-10-01", "2022-01-01"]))
    assert list(period_number(starts, "quarter")) == [8087, 8088]
    assert [number_label(number, "quarter") for number in (8087, 8088)] == ["2021-Q4", "2022-Q1"]
    assert [number_label(number, "month") for number in period_number(starts, "month")] == ["2021-10", "2022-01"]
    years = pd.to_datetime(pd.Series(["2021-04-01", "2022-04-01"]))
    labels = [number_label(number, "financial_year") for number in period_number(years, "financial_year")]
    assert labels == ["2021/22", "2022/23"]


def test_the_quarters_that_are_loaded_are_the_partitions_of_the_assets():
    from msoic_pipeline.assets.partitions import QUARTERS

    assert [quarter.isoformat() for quarter in list_all_quarters()] == QUARTERS.get_partition_keys()
