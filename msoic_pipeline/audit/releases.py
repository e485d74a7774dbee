"""Whether what should have come has come: every report, the latest release in time, sample and real files apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.audit.checked_tables import CheckedTable
from msoic_pipeline.model.evidence import IN_FORCE, coverage, release
from msoic_pipeline.model.geography import REPORTERS, reporter_name
from msoic_pipeline.periods import PERIOD_MONTHS, parse_period, period_end, period_label, period_start, shift_months
from msoic_pipeline.texts import day_words, first_of
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source


def every_due_report_was_received(connection: Connection, today: dt.date) -> Iterator[CheckedTable]:
    """Count the reports that were due and did not come, a source at a time.

    Who sent none is named where the source is not sensitive; of a sensitive one only how many.
    """
    due = sa.select(coverage.c.source, sa.func.count()).where(coverage.c.expected).group_by(coverage.c.source)
    missing = sa.select(coverage.c.source, coverage.c.period_start, coverage.c.reporter).where(
        coverage.c.expected, sa.not_(coverage.c.received)
    )
    missing_by_source: dict[str, list[tuple[dt.date, str]]] = {}
    for source_name, start, reporter in connection.execute(missing):
        missing_by_source.setdefault(source_name, []).append((start, reporter))
    for source_name, expected in connection.execute(due).all():
        source = load_source(source_name)
        absent = sorted(missing_by_source.get(source_name, []))
        kind = f"{REPORTERS[source.reporters.dimension].name}-{source.reporters.every.replace('_', ' ')}s"
        detail = f"{len(absent):,} of {expected:,} {kind} missing"
        if absent:
            detail += f": {first_of(_absent_by_period(source, absent))}"
        yield CheckedTable(source_name, coverage.name, expected, len(absent), detail)


def _absent_by_period(source: Source, absent: list[tuple[dt.date, str]]) -> list[str]:
    """Return a text a period: who is missing, or how many where the source is sensitive."""
    names_by_period: dict[dt.date, list[str]] = {}
    for start, reporter in absent:
        names_by_period.setdefault(start, []).append(reporter_name(source.reporters.dimension, reporter))
    return [
        f"{period_label(source.reporters.every, start)}: {len(names) if source.sensitive else ', '.join(names)}"
        for start, names in names_by_period.items()
    ]


def latest_release_is_on_time(connection: Connection, today: dt.date) -> Iterator[CheckedTable]:
    """Compare each source's latest release with the day on which the next one was due."""
    accepted = sa.select(release.c.source, release.c.reference_period, release.c.published_on).where(
        release.c.status == "accepted"
    )
    releases: dict[str, list[tuple[dt.date, dt.date]]] = {}
    for source_name, period, published_on in connection.execute(accepted):
        kind, start = parse_period(period)
        releases.setdefault(source_name, []).append((period_end(kind, start), published_on))
    for source_name in SOURCES:
        if source_name not in releases:
            yield CheckedTable(source_name, release.name, 0, 1, "no release has been accepted")
            continue
        last_day = max(end for end, _ in releases[source_name])
        published_on = max(published for _, published in releases[source_name])
        figures, due = next_due(load_source(source_name), last_day, published_on)
        detail = (
            f"latest release published on {day_words(published_on)}; "
            f"figures of {figures} were or are due by {day_words(due)}"
        )
        yield CheckedTable(source_name, release.name, len(releases[source_name]), int(today > due), detail)


def next_due(source: Source, last_day: dt.date, published_on: dt.date) -> tuple[str, dt.date]:
    """Return which figures come next, and by when: ``lag_days`` after the end of the period they are about.

    ``last_day`` is the last day that the source's releases are about, ``published_on`` the day of the latest one. A
    weekly series is followed by its publication, since its files do not name the week; of a yearly one the same quarter
    of the next year comes next.
    """
    if source.frequency == "weekly":
        return "a later week", published_on + dt.timedelta(days=7 + source.lag_days)
    if source.frequency == "yearly":
        kind, following = "quarter", shift_months(period_start("quarter", last_day), PERIOD_MONTHS["calendar_year"])
    else:
        kind = {"monthly": "month", "quarterly": "quarter"}[source.frequency]
        following = period_start(kind, last_day + dt.timedelta(days=1))
    return period_label(kind, following), period_end(kind, following) + dt.timedelta(days=source.lag_days)


def sample_and_real_data_are_not_mixed(connection: Connection, today: dt.date) -> Iterator[CheckedTable]:
    """Find sources of which synthetic sample files and real ones are in force, here or in another source."""
    in_force = (
        sa.select(release.c.source, release.c.is_synthetic, sa.func.count().label("files"))
        .where(release.c.status.in_(IN_FORCE))
        .group_by(release.c.source, release.c.is_synthetic)
        .order_by(release.c.source, release.c.is_synthetic)
    )
    counts = connection.execute(in_force).all()
    sample = sum(row.files for row in counts if row.is_synthetic)
    real = sum(row.files for row in counts if not row.is_synthetic)
    detail = "holds"
    if sample and real:
        by_source = ", ".join(
            f"{row.files:,} {'synthetic' if row.is_synthetic else 'real'} {row.source}" for row in counts
        )
        detail = (
            f"{sample:,} synthetic sample files and {real:,} real ones are in force together ({by_source}): "
            "msoic remove-sample takes the sample away"
        )
    yield CheckedTable("all", release.name, sample + real, sample if real else 0, detail)
