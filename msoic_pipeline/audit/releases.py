"""Whether what should have come has come: every report, the latest release in time, sample and real files apart."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.audit.table_finding import TableFinding
from msoic_pipeline.model.checks import HOLDS
from msoic_pipeline.model.evidence import ALL_SOURCES, IN_FORCE, coverage, release
from msoic_pipeline.model.geography import REPORTERS, name_reporter
from msoic_pipeline.periods import PERIOD_MONTHS, parse_period, period_end, period_label, period_start, shift_months
from msoic_pipeline.warehouse.files_in_force import count_files_in_force
from msoic_pipeline.wording import first_of, tell_day
from msoic_pipeline.workbooks.source import SOURCES, Reporters, Source, load_source


@dataclass(frozen=True, order=True)
class AbsentReport:
    """A report that was due and did not come."""

    period_start: dt.date
    reporter: str


@dataclass(frozen=True)
class ReleaseInForce:
    """A release whose figures stand: the last day that it is about, and when it was published."""

    last_day: dt.date
    published_on: dt.date


@dataclass(frozen=True)
class NextRelease:
    """The release that comes next of a source: which figures it brings, and the day by which it is due."""

    figures: str
    due: dt.date


def every_due_report_was_received(connection: Connection, today: dt.date) -> Iterator[TableFinding]:
    """Count the reports that were due and did not come, a source at a time.

    Who sent none is named where the source is not sensitive; of a sensitive one only how many.
    """
    due = sa.select(coverage.c.source, sa.func.count().label("reports"))
    due = due.where(coverage.c.expected).group_by(coverage.c.source)
    absent_by_source = _find_absent_reports(connection)
    for row in connection.execute(due).all():
        source = load_source(row.source)
        absent = sorted(absent_by_source[row.source])
        detail = f"{len(absent):,} of {row.reports:,} {_name_reports(source.reporters)} missing"
        if absent:
            detail += f": {first_of(_tell_absent_by_period(source, absent))}"
        yield TableFinding(row.source, coverage.name, rows_checked=row.reports, rows_failed=len(absent), detail=detail)


def _name_reports(reporters: Reporters) -> str:
    """Return what reports are called by who makes them and how often: ``force-months``, ``publisher-quarters``."""
    reporter = REPORTERS[reporters.dimension].name
    every = reporters.every.replace("_", " ")
    return f"{reporter}-{every}s"


def _find_absent_reports(connection: Connection) -> dict[str, list[AbsentReport]]:
    """Return the reports that did not come, by source."""
    query = sa.select(coverage.c.source, coverage.c.period_start, coverage.c.reporter).where(
        coverage.c.expected, sa.not_(coverage.c.received)
    )
    absent: dict[str, list[AbsentReport]] = defaultdict(list)
    for row in connection.execute(query):
        absent[row.source].append(AbsentReport(row.period_start, row.reporter))
    return absent


def _tell_absent_by_period(source: Source, absent: Sequence[AbsentReport]) -> list[str]:
    """Return a text a period: who is missing, or how many where the source is sensitive."""
    names_by_period: dict[dt.date, list[str]] = defaultdict(list)
    for report in absent:
        names_by_period[report.period_start].append(name_reporter(source.reporters.dimension, report.reporter))
    texts = []
    for start, names in names_by_period.items():
        who = str(len(names)) if source.sensitive else ", ".join(names)
        texts.append(f"{period_label(source.reporters.every, start)}: {who}")
    return texts


def latest_release_is_on_time(connection: Connection, today: dt.date) -> Iterator[TableFinding]:
    """Compare each source's latest release with the day on which the next one was due.

    Of a series that has ended none is due, and its latest release is in time for good.
    """
    releases = _read_releases_in_force(connection)
    for source in map(load_source, SOURCES):
        in_force = releases[source.source]
        if not in_force:
            detail = "no release is in force"
            yield TableFinding(source.source, release.name, rows_checked=0, rows_failed=1, detail=detail)
            continue
        published_on = max(each.published_on for each in in_force)
        next_release = find_next_release(source, max(each.last_day for each in in_force), published_on)
        is_late = next_release is not None and today > next_release.due
        detail = f"latest release published on {tell_day(published_on)}; {_tell_next_release(next_release)}"
        yield TableFinding(
            source.source, release.name, rows_checked=len(in_force), rows_failed=int(is_late), detail=detail
        )


def _tell_next_release(next_release: NextRelease | None) -> str:
    """Return what comes next in words that are the same before and after the day on which it is due."""
    if next_release is None:
        return "the series has ended"
    return f"figures of {next_release.figures} were or are due by {tell_day(next_release.due)}"


def _read_releases_in_force(connection: Connection) -> dict[str, list[ReleaseInForce]]:
    """Return the releases by source whose figures stand, be they accepted or held."""
    query = sa.select(release.c.source, release.c.reference_period, release.c.published_on).where(
        release.c.status.in_(IN_FORCE)
    )
    releases: dict[str, list[ReleaseInForce]] = defaultdict(list)
    for row in connection.execute(query):
        kind, start = parse_period(row.reference_period)
        releases[row.source].append(ReleaseInForce(period_end(kind, start), row.published_on))
    return releases


def find_next_release(source: Source, last_day: dt.date, published_on: dt.date) -> NextRelease | None:
    """Return what comes next, ``lag_days`` after the end of the period it is about; None where the series has ended.

    ``last_day`` is the last day that the source's releases are about, ``published_on`` the day of the latest one. A
    weekly series is followed by its publication, since its files do not name the week; of a yearly one the same quarter
    of the next year comes next. For example, a quarterly source of which releases are about days up to 31 March 2022,
    with a lag of 75 days: figures of 2022-Q2, due by 13 September 2022.
    """
    if source.ended:
        return None
    if source.frequency == "weekly":
        return NextRelease("a later week", published_on + dt.timedelta(days=7 + source.lag_days))
    kind, start = _find_following_period(source, last_day)
    return NextRelease(period_label(kind, start), source.find_day_due(kind, start))


def _find_following_period(source: Source, last_day: dt.date) -> tuple[str, dt.date]:
    """Return the kind and the first day of the period that a source's figures are about next, after ``last_day``."""
    if source.frequency == "yearly":
        return "quarter", shift_months(period_start("quarter", last_day), PERIOD_MONTHS["calendar_year"])
    kind = {"monthly": "month", "quarterly": "quarter"}[source.frequency]
    return kind, period_start(kind, last_day + dt.timedelta(days=1))


def sample_and_real_data_are_not_mixed(connection: Connection, today: dt.date) -> Iterator[TableFinding]:
    """Find sources of which synthetic sample files and real ones are in force, here or in another source."""
    files = count_files_in_force(connection)
    detail = f"{files.tell_mixture()} ({'; '.join(files.list_by_source())})" if files.is_mixed else HOLDS
    checked = files.synthetic + files.real
    failed = files.synthetic if files.is_mixed else 0
    yield TableFinding(ALL_SOURCES, release.name, rows_checked=checked, rows_failed=failed, detail=detail)
