"""What a check written by hand is, and the words in which checks tell what they found.

Such checks say what a declaration of columns cannot. Each has its severity and the reason for it. They stand in three
places: within a sheet (``sheet_checks``), on the rows of a release (``row_checks``), on the loaded warehouse
(``warehouse_checks``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from msoic_pipeline.periods import PERIOD_MONTHS, period_label, shift_months


@dataclass(frozen=True)
class Check:
    """A check and its words.

    ``facts`` are the tables it is for; empty where it is for every fact, or for none. ``rule`` is what a declared fault
    that accepts its failures calls it.
    """

    name: str
    severity: str
    reason: str
    run: Callable[..., Any]
    facts: tuple[str, ...] = ()
    rule: str = ""


def at_cell(sheet: str, cell: str) -> str:
    """Return a place in words."""
    return f"sheet {sheet!r}, cell {cell}"


def period_number(starts: pd.Series, kind: str) -> pd.Series:
    """Return the places in time of periods of ``kind``: those of two that follow each other differ by one."""
    return (starts.dt.year * 12 + starts.dt.month - 1) // PERIOD_MONTHS[kind]


def number_label(number: int, kind: str) -> str:
    """Return the label of the period in a place in time."""
    return period_label(kind, shift_months(dt.date(1, 1, 1), number * PERIOD_MONTHS[kind] - 12))


def day_words(day: dt.date) -> str:
    """Return a day in words."""
    return f"{day.day} {day:%B %Y}"


def figure_words(value: float) -> str:
    """Return a figure as a reader wants it."""
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
