"""What a force returned and when, and what of its returns stands in quarantine: counts and days, never contents.

Which returns had been received is known of every day. What has become of a file since, which returns are expected, and
what is in quarantine, is known as of today alone, as the page says.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.evidence import IN_FORCE, coverage, quarantine, release
from msoic_pipeline.periods import period_end, period_label
from msoic_pipeline.publication.report.quality.coverage import State, judge_report
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.wording import tell_day
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source


@dataclass(frozen=True)
class DueReturn:
    """A period of which a return was due, or was received before it was, and what came.

    ``state`` is what had become of it by the day, as ``coverage`` judges it. ``first_on`` and ``last_on`` are the days
    of the first and the latest edition whose figures are loaded, None where there is none; ``not_loaded`` counts the
    files of the period whose figures are not.
    """

    period_label: str
    period_end: dt.date
    due_by: dt.date
    state: State
    first_on: dt.date | None
    last_on: dt.date | None
    editions: int
    not_loaded: int

    @property
    def days_after(self) -> int | None:
        """How many days after the end of its period it first came; None where it has not."""
        return (self.first_on - self.period_end).days if self.first_on else None

    @property
    def is_late(self) -> bool:
        """Whether it first came after the day by which it was due."""
        return self.first_on is not None and self.first_on > self.due_by

    @property
    def standing(self) -> str:
        """What has become of it, in words."""
        if self.first_on is not None:
            return "late" if self.is_late else "in time"
        if self.not_loaded:
            return "received, and its figures are not loaded"
        return "not yet due" if self.state == "not yet due" else "not received"


@dataclass(frozen=True)
class QuarantinedRule:
    """How many rows or files of a force's returns a rule put into quarantine."""

    rule: str
    is_declared: bool
    entries: int


@dataclass(frozen=True)
class ReturnsOfForce:
    """What a force returned to a source, latest period first, and what of it is in quarantine."""

    title: str
    due: tuple[DueReturn, ...]
    quarantined: tuple[QuarantinedRule, ...]

    @property
    def due_table(self) -> ShownTable:
        """A row a return that was due: when it came, and what has become of it."""
        rows = [
            (
                each.period_label,
                tell_day(each.due_by),
                _tell_day_or_none(each.first_on),
                "–" if each.days_after is None else f"{each.days_after:,}",
                _tell_day_or_none(each.last_on),
                f"{each.editions:,}",
                f"{each.not_loaded:,}",
                each.standing,
            )
            for each in self.due
        ]
        columns = (
            Column("Period"),
            Column("Due by", "words"),
            Column("First received", "words"),
            Column("Days after its end"),
            Column("Latest edition", "words"),
            Column("Editions loaded"),
            Column("Files not loaded"),
            Column("Standing", "words"),
        )
        return ShownTable("Returns due and received, by the period that they are about", columns, tuple(rows))

    @property
    def quarantine_table(self) -> ShownTable:
        """A row a rule that put rows or files into quarantine."""
        rows = [
            (each.rule, "declared" if each.is_declared else "not declared", f"{each.entries:,}")
            for each in self.quarantined
        ]
        columns = (Column("Rule"), Column("Known fault", "words"), Column("Entries"))
        caption = "Rows and files of these returns in quarantine, by the rule that was broken"
        return ShownTable(caption, columns, tuple(rows))

    @property
    def summary(self) -> str:
        """How many returns came, and when, in sentences."""
        days = [each.days_after for each in self.due if each.days_after is not None]
        due = [each for each in self.due if each.state != "not yet due"]
        told = f"{len(days)} of {len(due)} returns due have been received and loaded"
        if not days:
            return f"{told}."
        late = sum(each.is_late for each in due)
        return (
            f"{told}, {late} of them late. Half came within {median(days):.0f} days of the end of their period, all "
            f"within {max(days)}."
        )


def _tell_day_or_none(day: dt.date | None) -> str:
    return tell_day(day) if day else "–"


def read_returns(connection: Connection, force_code: str, known_on: dt.date) -> tuple[ReturnsOfForce, ...]:
    """Return what a force had returned by a day, of each source to which each force sends a file of its own.

    What has become of those files, and which were expected, is as of today.
    """
    sources = [load_source(name) for name in SOURCES]
    of_forces = [source for source in sources if source.sensitive and source.reporters.dimension == "territorial_force"]
    return tuple(_read_returns_to(connection, source, force_code, known_on) for source in of_forces)


def _read_returns_to(connection: Connection, source: Source, force_code: str, known_on: dt.date) -> ReturnsOfForce:
    its_releases = sa.and_(
        release.c.source == source.source, release.c.reporter == force_code, release.c.published_on <= known_on
    )
    columns = (release.c.reference_start, release.c.published_on, release.c.status)
    came: dict[dt.date, list[tuple[dt.date, str]]] = defaultdict(list)
    for row in connection.execute(sa.select(*columns).where(its_releases).order_by(release.c.published_on)):
        came[row.reference_start].append((row.published_on, row.status))
    query = sa.select(coverage.c.period_start).where(
        coverage.c.source == source.source, coverage.c.reporter == force_code, coverage.c.expected
    )
    due = []
    for start in sorted(connection.scalars(query), reverse=True):
        if period_end(source.reporters.every, start) < known_on:
            due.append(_describe_return(source, start, came[start], known_on))
    by_rule = (
        sa.select(quarantine.c.rule, quarantine.c.is_declared, sa.func.count().label("entries"))
        .join(release, release.c.release_id == quarantine.c.release_id)
        .where(its_releases)
        .group_by(quarantine.c.rule, quarantine.c.is_declared)
        .order_by(quarantine.c.rule, quarantine.c.is_declared)
    )
    quarantined = [QuarantinedRule(row.rule, row.is_declared, row.entries) for row in connection.execute(by_rule)]
    return ReturnsOfForce(source.title, tuple(due), tuple(quarantined))


def _describe_return(
    source: Source, start: dt.date, came: Sequence[tuple[dt.date, str]], known_on: dt.date
) -> DueReturn:
    loaded = [day for day, status in came if status in IN_FORCE]
    end = period_end(source.reporters.every, start)
    return DueReturn(
        period_label=period_label(source.reporters.every, start),
        period_end=end,
        due_by=source.find_day_due(source.reporters.every, start),
        state=judge_report(source, start, bool(loaded), known_on),
        first_on=loaded[0] if loaded else None,
        last_on=loaded[-1] if loaded else None,
        editions=len(loaded),
        not_loaded=len(came) - len(loaded),
    )
