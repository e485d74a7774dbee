"""Data quality, as the report shows it: coverage, timeliness, revisions, and what checks found.

The first three are as known on the report's day. What checks found is as of today, so that a report of an earlier day
leaves it out and says so.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass

from sqlalchemy.engine import Connection

from msoic_pipeline.publication.report.provenance import KnownRelease, read_releases
from msoic_pipeline.publication.report.quality.coverage import (
    ExpectedReport,
    count_reports,
    group_by_source,
    list_expected_reports,
)
from msoic_pipeline.publication.report.quality.coverage_tables import Coverage, make_coverage
from msoic_pipeline.publication.report.quality.findings import Findings, read_findings
from msoic_pipeline.publication.report.quality.findings_tables import (
    make_breaks_table,
    make_checks_table,
    make_every_check_table,
    make_faults_table,
    make_rules_table,
    tell_checks,
    tell_faults,
    tell_left_out,
    tell_rules,
)
from msoic_pipeline.publication.report.quality.revisions import Revision, Revisions, list_revisions, make_revisions
from msoic_pipeline.publication.report.quality.timeliness import (
    Timeliness,
    find_timeliness,
    make_timeliness_table,
    tell_overdue,
)
from msoic_pipeline.publication.report.tables import ShownTable


@dataclass(frozen=True)
class QualityFigures:
    """All that is known of quality on a day, before it is put into words and tables.

    ``findings`` is None in a report of an earlier day.
    """

    day: dt.date
    reports: tuple[ExpectedReport, ...]
    timeliness: tuple[Timeliness, ...]
    revisions: tuple[Revision, ...]
    findings: Findings | None


@dataclass(frozen=True)
class FoundPart:
    """A part of what checks found: its title, a sentence on it, and its tables."""

    title: str
    sentences: tuple[str, ...]
    tables: tuple[ShownTable, ...]


@dataclass(frozen=True)
class DataQuality:
    """The section as the page shows it; ``is_internal`` where reporters of sensitive returns are named."""

    is_internal: bool
    coverage: Coverage
    overdue: str
    timeliness: ShownTable
    revisions: Revisions
    found: tuple[FoundPart, ...]


def read_quality(
    connection: Connection, releases: dict[str, KnownRelease], today: dt.date, as_at: dt.date | None
) -> QualityFigures:
    """Return what is known of quality on ``as_at``, or today where that is None, from the releases known by then."""
    is_today = as_at is None or as_at >= today
    return QualityFigures(
        day=as_at or today,
        reports=tuple(list_expected_reports(connection, today, as_at)),
        timeliness=tuple(find_timeliness(releases.values())),
        revisions=tuple(list_revisions(connection, as_at)),
        findings=read_findings(connection) if is_today else None,
    )


def digest_days(connection: Connection, today: dt.date) -> str:
    """Return a digest of what changes by a day's passing: which reports are due by now, and which sources overdue."""
    reports = group_by_source(list_expected_reports(connection, today, None))
    parts = [f"{source} {count_reports(of_source)}" for source, of_source in reports.items()]
    for each in find_timeliness(read_releases(connection, None).values()):
        parts.append(f"{each.source.source} {each.is_overdue(today)}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def make_quality(known: QualityFigures, is_internal: bool) -> DataQuality:
    """Return the section; reporters of sensitive returns are named where the report ``is_internal`` alone."""
    return DataQuality(
        is_internal=is_internal,
        coverage=make_coverage(known.reports, known.day, is_internal),
        overdue=tell_overdue(known.timeliness, known.day),
        timeliness=make_timeliness_table(known.timeliness, known.day),
        revisions=make_revisions(known.revisions),
        found=_make_found(known.findings) if known.findings else (),
    )


def _make_found(findings: Findings) -> tuple[FoundPart, ...]:
    rows, made = findings.quarantined, sum(check.made for check in findings.checks)
    return (
        FoundPart(
            "Declared faults and quarantine",
            (tell_faults(rows),),
            _leave_out_empty(make_faults_table(rows, is_declared=True), make_faults_table(rows, is_declared=False)),
        ),
        FoundPart(
            "Reconciliation",
            (tell_rules(findings.rules), tell_left_out(len(findings.breaks))),
            _leave_out_empty(make_breaks_table(findings.breaks, findings.files), make_rules_table(findings.rules)),
        ),
        FoundPart(
            "Checks",
            (tell_checks(findings.failing, made), tell_left_out(len(findings.failing))),
            _leave_out_empty(make_checks_table(findings.failing), make_every_check_table(findings.checks)),
        ),
    )


def _leave_out_empty(*tables: ShownTable) -> tuple[ShownTable, ...]:
    """Return the tables that have rows; that the others have none, the sentences say."""
    return tuple(table for table in tables if table.rows)
