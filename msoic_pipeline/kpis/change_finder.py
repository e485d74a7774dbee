"""What a release changed: the national KPI values that moved on its day, beside how much revisions usually move them.

A value is known by the day since when it holds, so that all that was published on one day is looked at together.
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.changes import KINDS, Change, ChangeKind, name_change
from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.held_values import HeldValue, Series, find_value_on, read_history
from msoic_pipeline.kpis.publication_days import PublicationDays
from msoic_pipeline.kpis.usual_revisions import UsualRevisions


class ChangeFinder:
    """Finds what the releases of a day changed, from the warehouse as it stood on ``as_at`` (None: today).

    Reads every vintage of the nation's values once; to be made anew where they have changed.
    """

    def __init__(self, connection: Connection, as_at: dt.date | None = None) -> None:
        self._kpis = {kpi.kpi_id: kpi for kpi in load_definitions()}
        self._history = read_history(connection, as_at)
        self._usual = UsualRevisions(self._kpis, self._history, PublicationDays(connection, as_at))

    def find_changes(self, day: dt.date) -> list[Change]:
        """Return the values that moved on a day: as known on it against as known on the day before.

        In order of kind, then of how far beyond the usual, then of KPI and period.
        """
        return self._compare(self, day - dt.timedelta(days=1), day)

    def find_changes_from(self, earlier: ChangeFinder, day: dt.date) -> list[Change]:
        """Return the values known on a day that another state of the warehouse, ``earlier``, knows otherwise on it."""
        return self._compare(earlier, day, day)

    def count_other_changes_from(self, earlier: ChangeFinder, day: dt.date) -> int:
        """Return how many series another state of the warehouse knows otherwise on a day other than ``day``."""
        number = 0
        for series in {*self._history, *earlier._history}:
            days = {value.as_of for value in (*self._history.get(series, ()), *earlier._history.get(series, ()))}
            if any(self._differs_on(earlier, series, other) for other in days - {day}):
                number += 1
        return number

    def _differs_on(self, earlier: ChangeFinder, series: Series, day: dt.date) -> bool:
        before = find_value_on(earlier._history.get(series, ()), day)
        after = find_value_on(self._history.get(series, ()), day)
        return name_change(before, after) is not None

    def list_days(self) -> list[dt.date]:
        """Return all days since which any value holds, earliest first."""
        return sorted({value.as_of for values in self._history.values() for value in values})

    def list_days_that_differ(self, earlier: ChangeFinder) -> list[dt.date]:
        """Return the days since which a value holds that another state of the warehouse has not."""
        days: set[dt.date] = set()
        for series, values in self._history.items():
            known = set(earlier._history.get(series, ()))
            days.update(value.as_of for value in values if value not in known)
        return sorted(days)

    def _compare(self, other: ChangeFinder, day_before: dt.date, day: dt.date) -> list[Change]:
        """Return the changes from what ``other`` knew on one day to what is known on another."""
        changes = []
        for series in {**other._history, **self._history}:
            kpi = self._kpis.get(series.kpi_id)
            if kpi is None:  # no longer declared: its values go with the next run
                continue
            before = find_value_on(other._history.get(series, ()), day_before)
            after = find_value_on(self._history.get(series, ()), day)
            kind = name_change(before, after, is_stock=kpi.is_stock)
            if kind is not None:
                changes.append(self._make_change(kpi, series, day, kind, before, after))
        return sorted(changes, key=_rank_change)

    def _make_change(
        self,
        kpi: Kpi,
        series: Series,
        day: dt.date,
        kind: ChangeKind,
        before: HeldValue | None,
        after: HeldValue | None,
    ) -> Change:
        if kpi.is_sensitive:
            return Change(kpi, series, day, kind, None, None, None)
        usual = self._usual.find_usual(series, day) if kind == "revised" else None
        return Change(kpi, series, day, kind, before, after, usual)


def _rank_change(change: Change) -> tuple[int, bool, float, str, str, int]:
    """Return what orders changes: kind, then more than usual, then the larger, then KPI and the latest period."""
    rank_of_kind = list(KINDS).index(change.kind)
    size = change.relative if change.relative is not None else 0.0
    series = change.series
    return (
        rank_of_kind,
        not change.is_more_than_usual,
        -size,
        series.kpi_id,
        series.period_kind,
        -series.period_start.toordinal(),
    )
