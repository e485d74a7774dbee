"""What a release changed: the national KPI values that moved on its day, beside how much revisions usually move them.

A value is known by the day since when it holds, so that all that was published on one day is looked at together. A
figure's *age* is how many releases that cover its period have come out since it was first complete: a release that
leaves it as it is makes it older too, and counts as a revision by nothing.

A worked example is the number of NRM referrals of 2021, as the Home Office published it in releases that follow each
other, and the revisions relative to the figure before:

    age           0        1        2        3        4        5
    referrals     12,727   12,706   12,704   12,705   12,701   12,700
    revision               0.165%   0.016%   0.008%   0.031%   0.008%

Whether 0.165% is much depends on what other years of the same KPI went through at age 1. Had eight been revised there
by 0, 0, 0.05, 0.05, 0.1, 0.1, 0.15 and 0.25%, the median would be 0.075%, and the 90th percentile 0.18%: it lies three
tenths of the way from the seventh to the eighth (0.9 × 7 steps from the first are 6.3). 0.165% is then no more than
usual. Of seven or fewer nothing is said: one in eight would be beyond all of them by chance.

A figure that stands in the oldest release held of its source may have been published before: how old it is, is not
known until it is of the oldest age in any case.

Of KPIs that rest on sensitive returns it is told that a value moved, and not from what to what: the difference would be
what those returned that came in on the day.
"""

from __future__ import annotations

import datetime as dt
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.model.evidence import IN_FORCE, release, vintage
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS, period_end, period_label, periods

# Of fewer earlier revisions than these none is said to be usual.
FEWEST_REVISIONS = 8
# Figures of this age and older are taken together.
OLDEST_AGE = 8
# Values that differ by no more than rounding, as of two engines, are the same.
ROUNDING = 1e-12

ChangeKind = Literal["withdrawn", "revised", "completed", "of other reports", "new"]
# What each means, in the order in which they are told.
KINDS: dict[ChangeKind, str] = {
    "withdrawn": "the value is gone, and none took its place",
    "revised": "the value is of the same reports as before, and is another",
    "completed": "all reports that were due are in for the first time",
    "of other reports": "the value is of more or fewer reports than before",
    "new": "there was no value of the period",
}


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


@dataclass(frozen=True)
class UsualRevision:
    """How much a KPI's values of other periods were revised at an age, relative to the value before and without sign.

    ``revisions`` is how many such there are; ``median`` and ``ninetieth`` (the 90th percentile) are None where these
    are too few.
    """

    age: int
    revisions: int
    median: float | None
    ninetieth: float | None


@dataclass(frozen=True)
class Change:
    """A value that moved on a day. ``before`` and ``after`` are None where there is none, or it is withheld.

    ``usual`` is None where the value was not revised or its age is not known.
    """

    kpi: Kpi
    series: Series
    published_on: dt.date
    kind: ChangeKind
    before: HeldValue | None
    after: HeldValue | None
    usual: UsualRevision | None

    @property
    def is_withheld(self) -> bool:
        """Whether from what to what it moved may not be told."""
        return self.kpi.is_sensitive

    @property
    def difference(self) -> float | None:
        """The value less the one before; None where either is missing."""
        if self.before is None or self.after is None or self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value

    @property
    def relative(self) -> float | None:
        """The difference without its sign, relative to the value before; None where that is zero or missing."""
        if self.before is None or self.after is None or self.before.value is None or self.after.value is None:
            return None
        return measure_revision(self.before.value, self.after.value)

    @property
    def is_more_than_usual(self) -> bool | None:
        """Whether it is beyond the 90th percentile of what is usual; None where that cannot be told."""
        if self.usual is None or self.usual.ninetieth is None or self.relative is None:
            return None
        return self.relative > self.usual.ninetieth


@dataclass(frozen=True)
class PublishedFile:
    """A release whose figures are loaded: a row of ``release``, as far as it is told of on its day."""

    release_id: str
    source: str
    title: str
    published_on: dt.date
    is_synthetic: bool


def measure_revision(before: float, after: float) -> float | None:
    """Return by how much a value is revised, relative to the one before and without sign.

    None where that was zero and is not any more.
    """
    if before == 0:
        return 0.0 if after == 0 else None
    return abs(after - before) / abs(before)


def describe_usual(age: int, revisions: Sequence[float]) -> UsualRevision:
    """Return what is usual at an age by earlier relative revisions there."""
    if len(revisions) < FEWEST_REVISIONS:
        return UsualRevision(age, len(revisions), None, None)
    median, ninetieth = np.quantile(revisions, [0.5, 0.9])
    return UsualRevision(age, len(revisions), float(median), float(ninetieth))


def name_change(before: HeldValue | None, after: HeldValue | None, *, is_stock: bool = False) -> ChangeKind | None:
    """Return of which kind a change from one value to another is; None where it is no change.

    The reports of a stock are counted of its last month alone: before that is in, any change may be a later month's.
    """
    had_value = before is not None and before.value is not None
    if after is None or after.value is None:
        return "withdrawn" if had_value else None
    if before is None or before.value is None:
        return "new"
    is_same_value = math.isclose(before.value, after.value, rel_tol=ROUNDING)
    if after.is_complete and not before.is_complete:
        return "completed"
    if is_same_value and before.is_complete == after.is_complete:
        return None
    is_open_stock = is_stock and not after.is_complete
    if before.is_complete != after.is_complete or before.reports != after.reports or is_open_stock:
        return "of other reports"
    return "revised"


def read_published_files(
    connection: Connection, days: Iterable[dt.date] | None = None, as_at: dt.date | None = None
) -> list[PublishedFile]:
    """Return the releases whose figures are loaded that were published on some days (None: on any), by day and source.

    ``as_at`` leaves out what was published later.
    """
    columns = [release.c[name] for name in PublishedFile.__dataclass_fields__]
    query = sa.select(*columns).where(release.c.status.in_(IN_FORCE), release.c.published_on <= (as_at or dt.date.max))
    if days is not None:
        query = query.where(release.c.published_on.in_(list(days)))
    query = query.order_by(release.c.published_on, release.c.source, release.c.release_id)
    return [PublishedFile(**row) for row in connection.execute(query).mappings()]


class ChangeFinder:
    """Finds what the releases of a day changed, from the warehouse as it stood on ``as_at`` (None: today).

    Reads every vintage of the nation's values once; to be made anew where they have changed.
    """

    def __init__(self, connection: Connection, as_at: dt.date | None = None) -> None:
        self._kpis = {kpi.kpi_id: kpi for kpi in load_definitions()}
        self._history = _read_history(connection, as_at)
        self._publications = _Publications(connection, as_at)

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
            number += any(self._differs_on(earlier, series, other) for other in days - {day})
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
        usual = self._find_usual(series, day) if kind == "revised" else None
        return Change(kpi, series, day, kind, before, after, usual)

    def _find_usual(self, series: Series, day: dt.date) -> UsualRevision | None:
        """Return what is usual at the age that a value has on a day, by what was published before that day."""
        days = self._list_days_since_complete(series)
        age = self._tell_age(series, bisect_right(days, day) - 1)
        if age is None:
            return None
        known = self._revisions.get((series.kpi_id, series.period_kind, age), [])
        return describe_usual(age, [relative for revised_on, relative in known if revised_on < day])

    @cached_property
    def _revisions(self) -> dict[tuple[str, str, int], list[tuple[dt.date, float]]]:
        """Relative revisions with the day of each, by KPI, kind of period and age."""
        revisions: dict[tuple[str, str, int], list[tuple[dt.date, float]]] = defaultdict(list)
        for series in self._history:
            for age, day, relative in self._list_revisions(series):
                revisions[series.kpi_id, series.period_kind, age].append((day, relative))
        return revisions

    def _list_revisions(self, series: Series) -> Iterator[tuple[int, dt.date, float]]:
        """Yield at which age, when and by how much each later release revised a value, also where by nothing."""
        values = self._history[series]
        days = self._list_days_since_complete(series)
        for place, day in enumerate(days[1:], start=1):
            age = self._tell_age(series, place)
            before = find_value_on(values, day - dt.timedelta(days=1))
            after = find_value_on(values, day)
            if age is None or before is None or after is None or before.value is None or after.value is None:
                continue
            relative = measure_revision(before.value, after.value)
            if before.is_complete and after.is_complete and relative is not None:
                yield age, day, relative

    def _list_days_since_complete(self, series: Series) -> list[dt.date]:
        """Return the days on which releases that cover a series came out, from the one that first made it complete."""
        kpi = self._kpis.get(series.kpi_id)
        complete_since = [value.as_of for value in self._history.get(series, ()) if value.is_complete]
        if kpi is None or kpi.is_sensitive or not complete_since:
            return []
        return [day for day in self._publications.list_days_of(kpi, series) if day >= complete_since[0]]

    def _tell_age(self, series: Series, releases_since: int) -> int | None:
        """Return a value's age by how many releases have come out since the first that is held; None where unknown."""
        if releases_since >= OLDEST_AGE:
            return OLDEST_AGE
        if releases_since < 1:
            return None
        first = next(value.as_of for value in self._history[series] if value.is_complete)
        is_first_held = first > self._publications.find_first_day_of(self._kpis[series.kpi_id])
        return releases_since if is_first_held else None


def find_value_on(values: Sequence[HeldValue], day: dt.date) -> HeldValue | None:
    """Return what was known on a day of a series' values, which come in order of time; None before the first."""
    place = bisect_right(values, day, key=lambda value: value.as_of)
    return values[place - 1] if place else None


def _rank_change(change: Change) -> tuple[int, bool, float, str, str, int]:
    """Return what orders changes: kind, then more than usual, then the larger, then KPI and the latest period."""
    place = list(KINDS).index(change.kind)
    size = change.relative if change.relative is not None else 0.0
    series = change.series
    return (
        place,
        not change.is_more_than_usual,
        -size,
        series.kpi_id,
        series.period_kind,
        -series.period_start.toordinal(),
    )


def _read_history(connection: Connection, as_at: dt.date | None) -> dict[Series, tuple[HeldValue, ...]]:
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


class _Publications:
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
