"""Which period each row of a sheet is about, and which periods a release may have rows of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from msoic_pipeline.periods import PERIOD_MONTHS, last_quarter, parse_period, period_end, period_start, shift_months
from msoic_pipeline.workbooks.coded_column import Columns
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.headers import Match
from msoic_pipeline.workbooks.layout import Layout, PeriodColumns


def add_period(rows: Columns, number_of_rows: int, match: Match, file: str, reference_period: str) -> np.ndarray:
    """Put the period of each row in the place of the label columns that tell it; return its first day, row by row.

    The columns are ``quarter_start``; ``month_start`` or ``day`` where the layout tells as much; and ``period_kind``:
    ``quarter``, ``month`` or ``day``, as the layout tells, or of an annual total ``calendar_year`` or
    ``financial_year``. The first days returned are those of the finest period that the rows themselves tell.

    Raises SourceFileError where the sheet is about the release's own period and that is of another kind.
    """
    period = match.layout.period
    rows["period_kind"] = np.full(number_of_rows, _kind_of_rows(period), dtype=object)
    if period.release:
        _add_period_of_release(rows, number_of_rows, period.release, match, file, reference_period)
        return rows["quarter_start"]
    if period.calendar:
        _add_quarters_of_years(rows, period.calendar, "calendar_year", reference_period)
        return rows["quarter_start"]
    if period.financial:
        _add_quarters_of_years(rows, period.financial, "financial_year", reference_period)
        return rows["quarter_start"]
    (column,) = period.columns
    if period.quarter:
        rows["quarter_start"] = rows.pop(column)
        return rows["quarter_start"]
    finest = "month_start" if period.month else "day"
    rows[finest] = rows.pop(column)
    quarter_of = {day: period_start("quarter", day) for day in set(rows[finest])}
    rows["quarter_start"] = _as_objects([quarter_of[day] for day in rows[finest]])
    return rows[finest]


def _kind_of_rows(period: PeriodColumns) -> str:
    """Return which kind of period each row is about, annual totals aside."""
    if period.month:
        return "month"
    if period.day:
        return "day"
    return period.release or "quarter"


def _add_period_of_release(
    rows: Columns, number_of_rows: int, kind: str, match: Match, file: str, reference_period: str
) -> None:
    """Let every row be about the period that the release is about, a ``kind`` of which that must be."""
    reference_kind, reference_start = parse_period(reference_period)
    if reference_kind != kind:
        raise SourceFileError(
            "wrong_reference_period",
            file=file,
            sheet=match.sheet,
            expected=f"a reference period that is a {kind}, since the sheet is about the release's own",
            found=f"{reference_period}, a {reference_kind.replace('_', ' ')}",
            remedy="Mend reference_period in the sidecar.",
        )
    rows[f"{kind}_start"] = np.full(number_of_rows, reference_start, dtype=object)
    rows["quarter_start"] = np.full(number_of_rows, last_quarter(reference_period), dtype=object)


def _add_quarters_of_years(rows: Columns, year_and_quarter: tuple[str, str], kind: str, reference_period: str) -> None:
    """Work the quarter out of two columns, the year and the number of the quarter in it, or TOTAL for the whole year.

    ``kind`` is the kind of year.

    In a release about 2022-Q2::

        year   quarter    quarter_start   period_kind
        2021   2          2021-04-01      quarter
        2021   total      2021-10-01      calendar_year     with the last quarter of its year
        2022   total      2022-04-01      calendar_year     the year so far: with the last quarter that there is
    """
    year_column, quarter_column = year_and_quarter
    years, quarters = rows.pop(year_column), rows.pop(quarter_column)
    pairs = list(zip(years, quarters, strict=True))
    start_of = {pair: _start_of_quarter(*pair) for pair in set(pairs)}
    rows["quarter_start"] = _as_objects([start_of[pair] for pair in pairs])
    is_annual = quarters == TOTAL
    rows["period_kind"][is_annual] = kind
    if kind == "calendar_year":
        reference_quarter = last_quarter(reference_period)
        is_unfinished = is_annual & (rows["quarter_start"] > reference_quarter)
        rows["quarter_start"][is_unfinished] = reference_quarter


def _start_of_quarter(year: Any, quarter: Any) -> dt.date:
    """Return the first day of the quarter of a year, which is a number or the day on which the year starts."""
    year_start = year if isinstance(year, dt.date) else dt.date(int(year), 1, 1)
    number = 4 if quarter == TOTAL else int(quarter)
    return shift_months(year_start, PERIOD_MONTHS["quarter"] * (number - 1))


def _as_objects(values: list[Any]) -> np.ndarray:
    """Return an array of Python values: numpy would make something of its own of days."""
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


@dataclass(frozen=True)
class PeriodRule:
    """What must hold of the first day of every row's period: the rule's name, what breaks it, what is expected."""

    rule: str
    is_broken_by: Callable[[dt.date], bool]
    expected: str


def period_rules(layout: Layout, published_on: dt.date, reference_period: str) -> Iterator[PeriodRule]:
    """Yield the rules on the periods of a sheet's rows, in the order in which they are to be tried."""
    yield PeriodRule(
        "future_period",
        lambda start: start > published_on,
        f"a period that began before the publication on {published_on:%d %B %Y}",
    )
    if layout.own_period:
        kind, first = parse_period(reference_period)
        last = period_end(kind, first)
        yield PeriodRule(
            "other_period",
            lambda start: not first <= start <= last,
            f"a period within {reference_period}, which the release is about",
        )
