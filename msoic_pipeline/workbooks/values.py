"""How a cell's text becomes a value. Each parser takes one cell and returns a value, or raises ValueError with the
words that follow "expected": they are called once for each distinct text of a column, not once a row.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msoic_pipeline.model import members
from msoic_pipeline.periods import YEARS, parse_financial_year, parse_period, parse_quarter, period_label
from msoic_pipeline.texts import clean, fold

_DATE_FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%d %B %Y", "%d %b %Y")
_MONTH_FORMATS = ("%B %Y", "%b %Y", "%Y-%m", "%b-%y")
# Thousands may be set off by commas or by spaces, but then all of them: 1,234 is a number and 1,23 is none.
_NUMBER = re.compile(r"(-?)£?([0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+|[1-9][0-9]{0,2}(?: [0-9]{3})+)(\.[0-9]+)?")
# Shorthand for a figure that is not there, as against marks such as [r] for one that was revised.
_NO_FIGURE = re.compile(r"\[(c|u|x|z)\]", re.IGNORECASE)
_MID_YEAR = re.compile(r"(?:estimated )?population mid-((?:19|20)\d\d)", re.IGNORECASE)
_RAISED = re.compile("[²³¹⁰-₎]")
_TOTAL = re.compile(r"total\b.*|.*\btotal")
# What an integer column of every database can hold.
MAX_COUNT = 2**31 - 1


def parse_number(value: Any) -> float:
    """Return a number; text may hold thousands separators, a pound sign, or ``-00`` for zero.

    A raised digit is a footnote's, and no part of the number: 5² is neither 52 nor 25.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            raise ValueError("a number") from None
    else:
        match = _NUMBER.fullmatch(clean(value))
        if isinstance(value, bool) or not match or _NO_FIGURE.search(str(value)) or _RAISED.search(str(value)):
            raise ValueError("a number")
        number = float(match[1] + re.sub("[, ]", "", match[2]) + (match[3] or ""))
    if not math.isfinite(number):
        raise ValueError("a number")
    return number + 0.0


def parse_count(value: Any) -> int:
    """Return a whole number of a size that a count can have."""
    try:
        number = parse_number(value)
    except ValueError:
        raise ValueError("a whole number") from None
    if not number.is_integer():
        raise ValueError("a whole number")
    if abs(number) > MAX_COUNT:
        raise ValueError(f"a whole number up to {MAX_COUNT:,}")
    return int(number)


def parse_share(value: Any) -> float:
    """Return a share between 0 and 1 from ``0.824`` or ``82.4%``; 82.4 without a sign is none."""
    expected = "a share between 0 and 1, or 0% and 100%"
    text = clean(value)
    if _NO_FIGURE.search(str(value)) or _RAISED.search(str(value)):
        raise ValueError(expected)
    try:
        share = round(parse_number(text[:-1]) / 100, 12) if text.endswith("%") else parse_number(value)
    except ValueError:
        raise ValueError(expected) from None
    if not 0 <= share <= 1:
        raise ValueError(expected)
    return share


def parse_code(value: Any) -> str:
    """Return a code as text: a whole number without decimals, but no number such as 4.1, which may have been 4.10."""
    if isinstance(value, bool):
        raise ValueError("a code")
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("a code stored as text, since 4.1 and 4.10 are different codes")
    text = clean(value)
    # 106² is code 106 with a footnote, and would be read as 1062.
    if not text or _RAISED.search(str(value)):
        raise ValueError("a code")
    return text


def parse_date(value: Any) -> dt.date:
    """Return a day from a date cell or a text such as ``3 March 2022``, ``03/03/2022`` or ``2022-03-03``."""
    day = value.date() if isinstance(value, dt.datetime) else value
    if not isinstance(day, dt.date):
        day = _read_first_fitting(value, _DATE_FORMATS)
    if day is None or day.year not in YEARS:
        raise ValueError("a date such as 3 March 2022")
    return day


def _read_first_fitting(value: Any, patterns: Sequence[str]) -> dt.date | None:
    for pattern in patterns:
        try:
            return dt.datetime.strptime(clean(value), pattern).date()
        except ValueError:
            continue
    return None


def parse_month(value: Any) -> dt.date:
    """Return the first day of a month from a date within it or a text such as ``April 2021``."""
    try:
        return parse_date(_read_first_fitting(value, _MONTH_FORMATS) or value).replace(day=1)
    except ValueError:
        raise ValueError("a month such as April 2021") from None


def parse_calendar_year(value: Any) -> int:
    """Return a year from ``2021`` or ``2021.0``."""
    text = clean(value)
    if not re.fullmatch(r"(19|20)\d\d", text):
        raise ValueError("a calendar year such as 2021")
    return int(text)


def parse_mid_year(value: Any) -> dt.date:
    """Return the first day of the quarter that holds 30 June, from ``Estimated population mid-2023``."""
    match = _MID_YEAR.fullmatch(clean(value))
    if not match:
        raise ValueError("the population of a middle of a year, such as Estimated population mid-2023")
    return dt.date(int(match[1]), 4, 1)


def parse_quarter_number(value: Any) -> int:
    """Return 1 to 4 from ``Q1``, ``1`` or ``1.0``."""
    match = re.fullmatch(r"(?:Q|Quarter )?([1-4])", clean(value), re.IGNORECASE)
    if not match:
        raise ValueError("a quarter from 1 to 4, such as Q1")
    return int(match[1])


def parse_text(value: Any) -> str:
    """Return a label; never the word for a total, which would be added to its own parts."""
    text = clean(value)
    if _TOTAL.fullmatch(fold(text)):
        raise ValueError("a member, not a total (where the table has totals, the layout says so under totals)")
    if not text:
        raise ValueError("a text")
    return text


def _cell_parser(parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    """Return a parser of cells from one of texts, whose errors begin with the word "expected"."""

    def read(value: Any) -> Any:
        try:
            return parse(clean(value))
        except ValueError as error:
            raise ValueError(str(error).removeprefix("expected ")) from None

    return read


# The parsers that a layout may name.
PARSERS: dict[str, Callable[[Any], Any]] = {
    "text": parse_text,
    "code": parse_code,
    "count": parse_count,
    "number": parse_number,
    "share": parse_share,
    "date": parse_date,
    "month": parse_month,
    "calendar_year": parse_calendar_year,
    "mid_year": parse_mid_year,
    "quarter_number": parse_quarter_number,
    "quarter": _cell_parser(parse_quarter),
    "financial_year": _cell_parser(parse_financial_year),
    "period": _cell_parser(lambda text: period_label(*parse_period(text))),
    "exploitation": lambda value: members.resolve_exploitation(clean(value)),
    "nationality": lambda value: members.resolve_nationality(clean(value)),
    "place": lambda value: members.resolve_place(clean(value)),
}


def tell_expected(error: ValueError, *, withhold: bool) -> str:
    """Return what a parser says that it expected; without the nearest members, where they would tell what is withheld.

    Of ``Albanain`` as a nationality: ``a known nationality (nearest: 'Albanian'); …``, or ``a known nationality; …``.
    """
    if withhold and isinstance(error, members.UnknownMemberError):
        return error.without_nearest
    return str(error)


def member_file_of(name: str) -> str:
    """Return the file of members by which the parser called ``name`` reads; empty where it reads by none."""
    spelled = "force" if name == "place" else name.partition(".")[0]
    file_and_column = members.list_member_files().get(spelled)
    return file_and_column[0] if file_and_column else ""


def parser_of_members(spellings_by_member: Mapping[str, Sequence[str]]) -> Callable[[Any], str]:
    """Return the parser that reads these members alone, each as it is called here or in one of its other spellings.

    That of ``{"Yes": [], "No": ["N", "None"]}`` reads ``n`` as ``No``.
    """
    member_of = {
        fold(spelling): member for member, others in spellings_by_member.items() for spelling in (member, *others)
    }

    def read_member(value: Any) -> str:
        try:
            return member_of[fold(value)]
        except KeyError:
            raise ValueError(f"one of {', '.join(spellings_by_member)}") from None

    return read_member


def find_parser(name: str) -> Callable[[Any], Any]:
    """Return the parser called ``name``. Raises KeyError where there is none.

    ``force`` reads a member of a file of members; ``local_authority.force_code`` a column of that member's row.
    """
    if name in PARSERS:
        return PARSERS[name]
    dimension, _, attribute = name.partition(".")
    file_name = member_file_of(name)
    if not file_name or (attribute and attribute not in members.read_rows(file_name)[0]):
        raise KeyError(name)
    if attribute:
        return lambda value: members.resolve_attribute(dimension, clean(value), attribute)
    return lambda value: members.resolve(dimension, clean(value))
