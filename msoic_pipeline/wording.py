"""How messages are worded: places, days and figures, and of what is long or many the beginning."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from msoic_pipeline.texts import clean

# What is shown in place of something that stands in a sensitive return.
WITHHELD = "(withheld)"


def shorten(value: Any, limit: int = 300) -> str:
    """Return the beginning of a cell's text, to be shown."""
    return clean(value[:limit] if isinstance(value, str) else value)


def first_of(details: Sequence[str], most: int = 5, total: int = 0) -> str:
    """Return the first few of many details, and how many more there are: of ``total``, where not all are given.

    Of seven, with ``most=2``: ``the first; the second; and 5 more``.
    """
    total = total or len(details)
    more = f"; and {total - most} more" if total > most else ""
    return "; ".join(details[:most]) + more


def cut_line(line: str, most: int) -> str:
    """Return a line of at most ``most`` characters as it is; of a longer one the beginning, with an ellipsis."""
    return line if len(line) <= most else line[: most - 1] + "…"


def cut_off(text: str, most: int, rest: str) -> str:
    """Return a text of at most ``most`` characters as it is; of a longer one the beginning, and what was left out.

    ``rest`` says where the whole stands: ``cut_off("a" * 2500, 2000, "table quarantine")`` ends in
    ``… (500 more characters: see table quarantine)``.
    """
    if len(text) <= most:
        return text
    return f"{text[:most]}… ({len(text) - most:,} more characters: see {rest})"


def at_cell(sheet: str, cell: str) -> str:
    """Return a place in words."""
    return f"sheet {sheet!r}, cell {cell}"


def tell_day(day: dt.date) -> str:
    """Return a day in words: 9 January 2022."""
    return f"{day.day} {day:%B %Y}"


def tell_figure(value: float, digits: int = 3) -> str:
    """Return a figure as a reader wants it, to so many digits but never less than whole: 12,345; 12; 1.23."""
    is_whole = abs(value) >= 10 ** (digits - 1) or value == round(value)
    return f"{value:,.0f}" if is_whole else f"{value:,.{digits}g}"


def tell_count(number: int, one: str, many: str = "") -> str:
    """Return how many there are: ``1 return``, ``1,153 returns``; ``many`` is the plural where it is not by an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def align_columns(rows: Sequence[Sequence[str]], right: Sequence[str] = ()) -> str:
    """Return rows of cells as lines in which columns stand below each other, two spaces apart.

    The first row is the header; of the columns that it calls one of ``right``, cells stand to the right.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(rows[0], row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
