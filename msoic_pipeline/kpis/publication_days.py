"""What came out on which days: the releases whose figures are loaded, and the months and quarters that they cover."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.held_values import Series
from msoic_pipeline.model.evidence import IN_FORCE, release, vintage
from msoic_pipeline.periods import PERIOD_MONTHS, period_end, periods


@dataclass(frozen=True)
class PublishedFile:
    """A release whose figures are loaded: a row of ``release``, as far as it is told of on its day."""

    release_id: str
    source: str
    title: str
    published_on: dt.date
    is_synthetic: bool


def read_published_files(
    connection: Connection, days: Iterable[dt.date] | None = None, as_at: dt.date | None = None
) -> list[PublishedFile]:
    """Return the releases whose figures are loaded that were published on some days (None: on any), by day and source.

    ``as_at`` leaves out what was published later.
    """
    columns = [release.c[field.name] for field in fields(PublishedFile)]
    query = sa.select(*columns).where(release.c.status.in_(IN_FORCE), release.c.published_on <= (as_at or dt.date.max))
    if days is not None:
        query = query.where(release.c.published_on.in_(list(days)))
    query = query.order_by(release.c.published_on, release.c.source, release.c.release_id)
    return [PublishedFile(**row) for row in connection.execute(query).mappings()]


class PublicationDays:
    """On which days releases came out that cover a month or quarter of a fact."""

    def __init__(self, connection: Connection, as_at: dt.date | None) -> None:
        # By fact and breakdown, then by the first day of the month or quarter.
        self._days: dict[tuple[str, str], dict[dt.date, set[dt.date]]] = defaultdict(lambda: defaultdict(set))
        columns = (vintage.c.fact, vintage.c.breakdown, vintage.c.period_start, vintage.c.published_on)
        query = sa.select(*columns).where(vintage.c.published_on <= (as_at or dt.date.max)).distinct()
        for row in connection.execute(query):
            self._days[row.fact, row.breakdown][row.period_start].add(row.published_on)

    def list_days_of(self, kpi: Kpi, series: Series) -> list[dt.date]:
        """Return the days, earliest first, on which anything came out that a KPI's value of a period rests on."""
        days: set[dt.date] = set()
        for term in kpi.terms:
            by_start = self._days[term.fact, term.breakdown]
            for start in _list_starts(term.finest_period, series):
                days |= by_start.get(start, set())
        return sorted(days)

    def find_first_day_of(self, kpi: Kpi) -> dt.date:
        """Return the first day on which anything came out that a KPI rests on."""
        firsts = [min(days) for term in kpi.terms for days in self._days[term.fact, term.breakdown].values() if days]
        return min(firsts, default=dt.date.max)


def _list_starts(finest_period: str, series: Series) -> Iterator[dt.date]:
    """Yield the first days of the months or quarters of a series' period."""
    if PERIOD_MONTHS[series.period_kind] < PERIOD_MONTHS[finest_period]:
        return
    yield from periods(finest_period, series.period_start, period_end(series.period_kind, series.period_start))
