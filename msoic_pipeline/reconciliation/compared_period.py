"""At which period figures and reports are compared: that which they are of, or a later one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.dimensions import dim_period, dim_quarter

# The first quarter of a year tells the year, of either kind.
YEAR_STARTS = {"calendar_year": dim_quarter.c.calendar_year_start, "financial_year": dim_quarter.c.financial_year_start}


@dataclass(frozen=True)
class MovedRows:
    """Rows joined to the period at which they are compared, and the column with its first day."""

    rows: Any
    period_start: sa.ColumnElement[Any]


def move_period(period_kind: str, at: str, rows: Any, month_start: Any) -> MovedRows:
    """Return rows that have ``quarter_start`` joined to the period at which they are compared.

    ``month_start`` is their month, where they have one. ``at``: as of a summand.
    """
    source, period_start = rows, rows.c.quarter_start
    if period_kind == "month":
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
