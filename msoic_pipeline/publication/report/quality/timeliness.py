"""How soon after the end of a period a source comes, and whether its next release is overdue.

A period counts once, by the day on which it was first published: of three quarters published 80, 70 and 60 days after
their ends the first took 80 days, the median is 70, and the latest took 60. Of a source to which each reporter sends a
file, a period's days are the median of its reporters'.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from msoic_pipeline.audit.releases import NextRelease, find_next_release
from msoic_pipeline.model.evidence import IN_FORCE
from msoic_pipeline.periods import parse_period, period_end
from msoic_pipeline.publication.report.provenance import KnownRelease
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.wording import tell_count, tell_day, tell_figure
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source


@dataclass(frozen=True)
class Timeliness:
    """How soon the periods of a source came, in days after their ends, in order of the periods; and what comes next.

    ``days`` has nothing of a weekly source, whose files do not name the week. ``next_release`` is what was or is due
    next: None of a series that has ended, and of a source of which no release is in force.
    """

    source: Source
    days: tuple[float, ...]
    latest_published_on: dt.date | None
    next_release: NextRelease | None

    def is_overdue(self, day: dt.date) -> bool:
        """Whether the next release should have been there before a day."""
        return self.next_release is not None and self.next_release.due < day


def find_timeliness(releases: Iterable[KnownRelease]) -> list[Timeliness]:
    """Return the timeliness of every source, from the releases that had been published by a day and are in force."""
    by_source: dict[str, list[KnownRelease]] = defaultdict(list)
    for each in releases:
        if each.status in IN_FORCE:
            by_source[each.source].append(each)
    return [_find_timeliness_of(load_source(source), by_source[source]) for source in SOURCES]


def _find_timeliness_of(source: Source, releases: Sequence[KnownRelease]) -> Timeliness:
    if not releases:
        return Timeliness(source, (), None, None)
    latest = max(each.published_on for each in releases)
    next_release = find_next_release(source, max(_find_last_day(each) for each in releases), latest)
    days = () if source.frequency == "weekly" else _list_days(releases)
    return Timeliness(source, days, latest, next_release)


def _find_last_day(known_release: KnownRelease) -> dt.date:
    """Return the last day that a release is about."""
    kind, start = parse_period(known_release.reference_period)
    return period_end(kind, start)


def _list_days(releases: Sequence[KnownRelease]) -> tuple[float, ...]:
    """Return how many days after its end each period was first published, in order of the periods."""
    first_published: dict[tuple[dt.date, str], dt.date] = {}
    for each in releases:
        report = (_find_last_day(each), each.reporter)
        first_published[report] = min(each.published_on, first_published.get(report, each.published_on))
    by_period: dict[dt.date, list[int]] = defaultdict(list)
    for (last_day, _), published_on in first_published.items():
        by_period[last_day].append((published_on - last_day).days)
    return tuple(float(median(by_period[last_day])) for last_day in sorted(by_period))


def make_timeliness_table(found: Sequence[Timeliness], day: dt.date) -> ShownTable:
    """Return the table of timeliness by source, as at a day."""
    rows = []
    for each in found:
        if each.latest_published_on is None:
            rows.append((each.source.title, "–", "–", "–", "–", "no release is in force", "–"))
            continue
        days = [tell_figure(number) for number in (each.days[0], median(each.days), each.days[-1])] if each.days else []
        rows.append(
            (
                each.source.title,
                f"{len(each.days):,}" if each.days else "–",
                *(days or ("–", "–", "–")),
                tell_day(each.latest_published_on),
                tell_next(each, day),
            )
        )
    columns = (
        Column("Source"),
        Column("Periods"),
        Column("First: days"),
        Column("Median: days"),
        Column("Latest: days"),
        Column("Latest release", "words"),
        Column("Next release", "words"),
    )
    return ShownTable("Days from the end of a period to its first publication, by source", columns, tuple(rows))


def tell_next(found: Timeliness, day: dt.date) -> str:
    """Return what comes next of a source and by when, and whether it is overdue: by the source's declared lag."""
    if found.source.ended:
        return "none: the series has ended"
    if found.next_release is None:
        return "–"
    words = f"{found.next_release.figures} by {tell_day(found.next_release.due)}"
    return f"overdue: {words}" if found.is_overdue(day) else words


def tell_overdue(found: Sequence[Timeliness], day: dt.date) -> str:
    """Return in a sentence how many sources are overdue, and which."""
    overdue = [each.source.title for each in found if each.is_overdue(day)]
    if not overdue:
        return f"No source was overdue on {tell_day(day)}."
    return f"Overdue on {tell_day(day)}, {len(overdue)} of {tell_count(len(found), 'source')}: {'; '.join(overdue)}."
