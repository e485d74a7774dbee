"""The section of the report on what its latest releases changed: a sentence and a table for each day of publication."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.change_finder import ChangeFinder
from msoic_pipeline.kpis.changes import KINDS, Change
from msoic_pipeline.kpis.known_values import find_known_values
from msoic_pipeline.kpis.publication_days import PublishedFile, read_published_files
from msoic_pipeline.model.geography import NATIONAL, GeographyKey
from msoic_pipeline.publication.change_words import tell_change_difference, tell_day_changes, tell_releases, tell_usual
from msoic_pipeline.publication.report.parts import AskableFigure, PartMaker
from msoic_pipeline.publication.report.shown import FigureReader
from msoic_pipeline.wording import tell_day

# A release is late news once the next of a quarterly series is due.
LATEST_DAYS = 92
# More KPIs than these of a day nobody reads; how many are left out is said.
MOST_ROWS = 25


@dataclass(frozen=True)
class ShownChange:
    """A row of a day's table: of a KPI the value that moved most remarkably, and how many others of it moved."""

    title: str
    period: str
    kind: str
    before: AskableFigure | None
    after: AskableFigure | None
    difference: str
    usual: str
    is_more_than_usual: bool
    others: int


@dataclass(frozen=True)
class ShownDay:
    """A day of publication: what came out, what it moved, and what is left out of the table."""

    day: dt.date
    releases: str
    sentence: str
    rows: tuple[ShownChange, ...]
    left_out: tuple[str, ...]
    is_synthetic: bool


@dataclass(frozen=True)
class ShownChanges:
    """The section: its days, latest first; what each kind of change means; of how many days all releases are in it."""

    days: tuple[ShownDay, ...]
    kinds: tuple[tuple[str, str], ...]
    latest_days: int


def list_days_shown(
    connection: Connection, as_at: dt.date | None, today: dt.date
) -> dict[dt.date, list[PublishedFile]]:
    """Return what is told of, by day, latest first: the last release of each source, and all of the latest days."""
    files_by_day: dict[dt.date, list[PublishedFile]] = {}
    last_of_source: dict[str, dt.date] = {}
    for file in read_published_files(connection, as_at=as_at):
        files_by_day.setdefault(file.published_on, []).append(file)
        last_of_source[file.source] = file.published_on
    since = (as_at or today) - dt.timedelta(days=LATEST_DAYS)
    days = {*last_of_source.values(), *(day for day in files_by_day if day >= since)}
    return {day: files_by_day[day] for day in sorted(days, reverse=True)}


class ChangesMaker:
    """Makes the section from what was known on the report's day (None: today)."""

    def __init__(self, connection: Connection, reader: FigureReader, parts: PartMaker, as_at: dt.date | None) -> None:
        self._connection = connection
        self._reader = reader
        self._parts = parts
        self._finder = ChangeFinder(connection, as_at)

    def make_changes(self, files_by_day: dict[dt.date, list[PublishedFile]]) -> ShownChanges:
        """Return the section on days of publication."""
        days = tuple(self._make_day(day, files) for day, files in files_by_day.items())
        return ShownChanges(days, tuple(KINDS.items()), LATEST_DAYS)

    def _make_day(self, day: dt.date, files: Sequence[PublishedFile]) -> ShownDay:
        changes = self._finder.find_changes(day)
        by_kpi = group_by_kpi(changes)
        withheld = sum(change.is_withheld for change in changes)
        return ShownDay(
            day,
            tell_releases(files),
            tell_day_changes(day, changes),
            tuple(self._make_row(of_kpi[0], len(of_kpi) - 1) for of_kpi in by_kpi[:MOST_ROWS]),
            tuple(_tell_left_out(len(by_kpi), withheld)),
            any(file.is_synthetic for file in files),
        )

    def _make_row(self, change: Change, others: int) -> ShownChange:
        day_before = change.published_on - dt.timedelta(days=1)
        return ShownChange(
            change.kpi.title,
            change.series.period_label,
            change.kind,
            self._ask(change, day_before),
            self._ask(change, change.published_on),
            tell_change_difference(change),
            tell_usual(change),
            bool(change.is_more_than_usual),
            others,
        )

    def _ask(self, change: Change, known_on: dt.date) -> AskableFigure | None:
        """Return the value as known on a day, of which a reader can ask; None where there was none."""
        nation = GeographyKey(NATIONAL, change.series.nation)
        known = find_known_values(
            self._connection, change.kpi.kpi_id, change.series.period_label, [nation], as_at=known_on
        )
        if not known or known[0].value is None:
            return None
        return self._parts.ask(self._reader.show_earlier(change.kpi, known[0], known_on))


def group_by_kpi(changes: Sequence[Change]) -> list[list[Change]]:
    """Return the changes of each KPI of which they may be told, in the order in which they come."""
    by_kpi: dict[str, list[Change]] = {}
    for change in changes:
        if not change.is_withheld:
            by_kpi.setdefault(change.kpi.kpi_id, []).append(change)
    return list(by_kpi.values())


def _tell_left_out(kpis: int, withheld: int) -> list[str]:
    """Return what the table of a day does not show, and why."""
    told = []
    if kpis > MOST_ROWS:
        told.append(f"Shown are {MOST_ROWS} of {kpis:,} KPIs; the values of all stand in the table kpi_value.")
    if withheld:
        told.append(
            f"{withheld:,} of the figures rest on force returns: from what to what they moved is withheld, since the "
            "difference would be what those forces returned whose returns came in on the day."
        )
    return told


def digest_days_shown(connection: Connection, today: dt.date) -> str:
    """Return what changes from one day to the next though nothing comes in: which days are told of."""
    return " ".join(tell_day(day) for day in list_days_shown(connection, None, today))
