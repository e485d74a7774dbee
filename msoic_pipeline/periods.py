"""Months, quarters, calendar years and financial years: one window, one start date, whatever its label.

The UK financial year 2021/22 runs from 1 April 2021 to 31 March 2022; its first quarter is April to June.
Every period is named by its kind and its first day.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd

PeriodKind = Literal["month", "quarter", "calendar_year", "financial_year"]
PERIOD_MONTHS = {"month": 1, "quarter": 3, "calendar_year": 12, "financial_year": 12}
FIRST_QUARTER = dt.date(2015, 1, 1)
# Years that a table can be about. In any other a digit is mistyped; and near the ends of the calendar there would be no
# month before or after.
YEARS = range(1900, 2100)

_CALENDAR_QUARTER = re.compile(r"^(?:(\d{4})\s*[-/ ]?\s*Q([1-4])|Q([1-4])\s*[-/ ]?\s*(\d{4}))$", re.IGNORECASE)
_FINANCIAL_YEAR = re.compile(r"^(\d{4})\s*[-/_]\s*(\d{2}|\d{4})$")
_FINANCIAL_QUARTER = re.compile(r"^(\d{4}\s*[-/_]\s*(?:\d{2}|\d{4}))\s*,?\s*Q([1-4])$", re.IGNORECASE)


def shift_months(start: dt.date, months: int) -> dt.date:
    """Return the first of the month that lies ``months`` after the month of ``start`` (negative: before)."""
    index = start.year * 12 + start.month - 1 + months
    return dt.date(index // 12, index % 12 + 1, 1)


def period_start(kind: str, day: dt.date) -> dt.date:
    """Return the first day of the period of ``kind`` that contains ``day``."""
    if kind == "month":
        return day.replace(day=1)
    if kind == "quarter":
        return dt.date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    if kind == "calendar_year":
        return dt.date(day.year, 1, 1)
    if kind == "financial_year":
        return dt.date(day.year if day.month >= 4 else day.year - 1, 4, 1)
    raise _unknown_kind_error(kind)


def _unknown_kind_error(kind: str) -> ValueError:
    return ValueError(f"unknown kind of period {kind!r}: expected one of {', '.join(PERIOD_MONTHS)}")


def period_end(kind: str, start: dt.date) -> dt.date:
    """Return the last day of the period of ``kind`` that starts on ``start``."""
    return shift_months(start, PERIOD_MONTHS[kind]) - dt.timedelta(days=1)


def period_label(kind: str, start: dt.date) -> str:
    """Return the label of a period: ``2021-11``, ``2021-Q4``, ``2021``, ``2021/22``.

    Raises ValueError for a kind that is none of PERIOD_MONTHS.
    """
    if kind == "month":
        return f"{start:%Y-%m}"
    if kind == "quarter":
        return f"{start.year}-Q{(start.month + 2) // 3}"
    if kind == "calendar_year":
        return str(start.year)
    if kind == "financial_year":
        return f"{start.year}/{(start.year + 1) % 100:02d}"
    raise _unknown_kind_error(kind)


def financial_quarter_label(start: dt.date) -> str:
    """Return a quarter's label in its financial year: the quarter from 1 October 2021 is ``2021/22 Q3``."""
    year = period_start("financial_year", start)
    return f"{period_label('financial_year', year)} Q{((start.month - 4) % 12) // 3 + 1}"


def parse_financial_year(text: str) -> dt.date:
    """Return 1 April of the financial year written ``2021/22``, ``2021-22``, ``2021_22`` or ``2021/2022``.

    Raises ValueError where the text is none of these or its two years do not follow each other.
    """
    match = _FINANCIAL_YEAR.match(text.strip())
    if not match or int(match[1]) not in YEARS:
        raise ValueError("expected a financial year such as 2021/22")
    year = int(match[1])
    if int(match[2]) not in ((year + 1) % 100, year + 1):
        raise ValueError("expected a financial year of two years that follow each other, such as 2021/22")
    return dt.date(year, 4, 1)


def parse_quarter(text: str) -> dt.date:
    """Return the first day of a quarter.

    It is written ``2021-Q4``, ``2021 Q4``, ``Q4 2021``, ``2021/22 Q3`` or ``2021-10-01``. Raises ValueError where the
    text is none of these.
    """
    text = text.strip()
    match = _CALENDAR_QUARTER.match(text)
    if match and int(match[1] or match[4]) in YEARS:
        return dt.date(int(match[1] or match[4]), int(match[2] or match[3]) * 3 - 2, 1)
    if match := _FINANCIAL_QUARTER.match(text):
        return shift_months(parse_financial_year(match[1]), 3 * (int(match[2]) - 1))
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.year not in YEARS or day != period_start("quarter", day):
        raise ValueError("expected a quarter such as 2021-Q4, 2021/22 Q3 or 2021-10-01")
    return day


def parse_period(text: str) -> tuple[str, dt.date]:
    """Return kind and first day of a period: ``2021-11``, ``2021-Q4``, ``2021/22 Q3``, ``2021`` or ``2021/22``.

    ``2021-22`` is the financial year, since no month is numbered 22. Raises ValueError where the text is no period.
    """
    text = text.strip()
    if re.fullmatch(r"\d{4}", text) and int(text) in YEARS:
        return "calendar_year", dt.date(int(text), 1, 1)
    match = re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text)
    if match and int(match[1]) in YEARS:
        return "month", dt.date(int(match[1]), int(match[2]), 1)
    if _FINANCIAL_YEAR.match(text):
        return "financial_year", parse_financial_year(text)
    return "quarter", parse_quarter(text)


def as_written(parse: Callable[[str], object]) -> Callable[[str], str]:
    """Return a reader that leaves a text as it is, and raises what ``parse`` raises where it is none of its texts."""

    def read(text: str) -> str:
        parse(text)
        return text

    return read


def last_quarter(text: str) -> dt.date:
    """Return the first day of the last quarter of a period written as for ``parse_period``."""
    kind, start = parse_period(text)
    return period_start("quarter", shift_months(start, PERIOD_MONTHS[kind] - 1))


def periods(kind: str, first: dt.date, last: dt.date) -> Iterator[dt.date]:
    """Yield the first days of the periods of ``kind`` from the one that holds ``first`` to the one of ``last``."""
    start = period_start(kind, first)
    while start <= last:
        yield start
        start = shift_months(start, PERIOD_MONTHS[kind])


def find_today() -> dt.date:
    """Return the day that it is, in UTC: one and the same for all that asks, wherever the machine stands."""
    return dt.datetime.now(dt.UTC).date()


class ClockError(LookupError):
    """The clock of this machine says a day before the first quarter: it is wrong, and no quarter is the running one."""

    def __init__(self, today: dt.date) -> None:
        super().__init__(f"the clock of this machine says {today}, before the first quarter: set it right")


def list_all_quarters() -> list[dt.date]:
    """Return the first days of all quarters that are loaded, up to the one that is running; there is always one.

    Raises ClockError where the clock says a day before the first.
    """
    today = find_today()
    if today < FIRST_QUARTER:
        raise ClockError(today)
    return list(periods("quarter", FIRST_QUARTER, today))


def number_period(start: dt.date, kind: str) -> int:
    """Return the place in time of the period of ``kind`` that begins on ``start``, as ``period_number`` has it."""
    return (start.year * 12 + start.month - 1) // PERIOD_MONTHS[kind]


def period_number(starts: pd.Series, kind: str) -> pd.Series:
    """Return the places in time of periods of ``kind``: those of two that follow each other differ by one.

    ``starts`` are the first days of the periods. For example the quarters 2021-Q4 and 2022-Q1 are 8087 and 8088.
    """
    return (starts.dt.year * 12 + starts.dt.month - 1) // PERIOD_MONTHS[kind]


def number_label(number: int, kind: str) -> str:
    """Return the label of the period in a place in time: of the quarter 8087 it is ``2021-Q4``."""
    return period_label(kind, shift_months(dt.date(1, 1, 1), number * PERIOD_MONTHS[kind] - 12))
