"""At which period figures and reports are compared: that which they are of, or a later one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from msoic_pipeline.model.dimensions import dim_period, dim_quarter

# The period that a side's figures are of, seen from the one at which they are compared.
At = Literal["period", "previous", "year_before"]

# The first quarter of a year tells the year, of either kind.
YEAR_STARTS = {"calendar_year": dim_quarter.c.calendar_year_start, "financial_year": dim_quarter.c.financial_year_start}


@dataclass(frozen=True)
class MovedRows:
    """Rows joined to the period at which they are compared, and the column with its first day."""

    rows: sa.FromClause
    period_start: sa.ColumnElement[Any]


def move_period(period_kind: str, at: At, rows: sa.FromClause, month_start: sa.ColumnElement[Any] | None) -> MovedRows:
    """Return rows that have ``quarter_start`` joined to the period at which they are compared.

    ``month_start`` is their month, where they have one. For example rows of October to December 2021::

        kind of period   at            compared at
        quarter          period        2021-10-01, the quarter that they are of
        quarter          previous      2022-01-01: of that one it is the quarter before
        quarter          year_before   2022-10-01: of that one it is the same quarter a year before
        financial_year   period        2021-04-01, the year in which they lie

    Raises ValueError where months are asked for and the rows have none.
    """
    source: sa.FromClause = rows
    period_start: sa.ColumnElement[Any] = rows.c.quarter_start
    if period_kind == "month":
        if month_start is None:
            raise ValueError("rows of quarters cannot be compared by months")
        period_start = month_start
    elif period_kind in YEAR_STARTS:
        source = rows.join(dim_quarter, dim_quarter.c.quarter_start == rows.c.quarter_start)
        period_start = YEAR_STARTS[period_kind]
    if at == "period":
        return MovedRows(source, period_start)
    later = dim_period.alias("compared_period")
    earlier_start = later.c.previous_start if at == "previous" else later.c.year_before_start
    is_compared = sa.and_(later.c.period_kind == period_kind, earlier_start == period_start)
    return MovedRows(source.join(later, is_compared), later.c.period_start)
