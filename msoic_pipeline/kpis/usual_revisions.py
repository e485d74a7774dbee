"""How much revisions usually move a KPI's values, by their age.

A figure's *age* is how many releases that cover its period have come out since it was first complete: a release that
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
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.held_values import History, Series, find_value_on
from msoic_pipeline.kpis.publication_days import PublicationDays

# Of fewer earlier revisions than these none is said to be usual.
FEWEST_REVISIONS = 8
# Figures of this age and older are taken together.
OLDEST_AGE = 8


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


class UsualRevisions:
    """What is usual by the history of the nation's values, of the KPIs that are not sensitive."""

    def __init__(self, kpis: Mapping[str, Kpi], history: History, days: PublicationDays) -> None:
        self._kpis = kpis
        self._history = history
        self._days = days

    def find_usual(self, series: Series, day: dt.date) -> UsualRevision | None:
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
        for releases_since, day in enumerate(days[1:], start=1):
            age = self._tell_age(series, releases_since)
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
        return [day for day in self._days.list_days_of(kpi, series) if day >= complete_since[0]]

    def _tell_age(self, series: Series, releases_since: int) -> int | None:
        """Return a value's age by how many releases have come out since the first that is held; None where unknown."""
        if releases_since >= OLDEST_AGE:
            return OLDEST_AGE
        if releases_since < 1:
            return None
        first = next(value.as_of for value in self._history[series] if value.is_complete)
        is_first_held = first > self._days.find_first_day_of(self._kpis[series.kpi_id])
        return releases_since if is_first_held else None
