"""What the nation's values were from day to day: every vintage of ``kpi_value``, by what it is of."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import period_label


@dataclass(frozen=True)
class Series:
    """What a value is of, but for the day: a KPI, and a period of the nation."""

    kpi_id: str
    period_kind: str
    period_start: dt.date
    nation: str

    @property
    def period_label(self) -> str:
        """The label of the period."""
        return period_label(self.period_kind, self.period_start)


@dataclass(frozen=True)
class HeldValue:
    """What a series' value was from a day on: a row of ``kpi_value``; ``value`` None where it was withdrawn."""

    as_of: dt.date
    value: float | None
    is_complete: bool
    reports: int


# The values of each series, in order of time.
History = Mapping[Series, Sequence[HeldValue]]


def read_history(connection: Connection, as_at: dt.date | None) -> History:
    """Return every vintage of the nation's values, in order of time, by what they are of."""
    columns = kpi_value.c
    query = (
        sa.select(
            columns.kpi_id,
            columns.period_kind,
            columns.period_start,
            columns.geography_code,
            columns.as_of,
            columns.value,
            columns.status,
            columns.parts_received,
        )
        .where(columns.geography_kind == NATIONAL, columns.as_of <= (as_at or dt.date.max))
        .order_by(columns.kpi_id, columns.period_kind, columns.period_start, columns.geography_code, columns.as_of)
    )
    history: dict[Series, list[HeldValue]] = defaultdict(list)
    for row in connection.execute(query):
        series = Series(row.kpi_id, row.period_kind, row.period_start, row.geography_code)
        is_complete = row.status == "complete"
        history[series].append(HeldValue(row.as_of, row.value, is_complete, row.parts_received))
    return {series: tuple(values) for series, values in history.items()}


def find_value_on(values: Sequence[HeldValue], day: dt.date) -> HeldValue | None:
    """Return what was known on a day of a series' values, which come in order of time; None before the first."""
    number_known = bisect_right(values, day, key=lambda value: value.as_of)
    return values[number_known - 1] if number_known else None
