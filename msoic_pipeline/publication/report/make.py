"""The report of a day, made from the warehouse, and kept as a file that is made anew when what goes in has changed."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.claims.claims import digest_reports
from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.disks import replace_file
from msoic_pipeline.kpis.compute import STAGE as KPI_STAGE
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.publication.charts import digest_sections, load_sections
from msoic_pipeline.publication.cover import Cover, make_cover
from msoic_pipeline.publication.report.changes import ChangesMaker, ShownChanges, digest_days_shown, list_days_shown
from msoic_pipeline.publication.report.claims_page import ClaimsMaker, ClaimsOfReport
from msoic_pipeline.publication.report.news import News, find_news
from msoic_pipeline.publication.report.page import DIGEST_NAME, Page, digest_page, fill_page
from msoic_pipeline.publication.report.parts import PartMaker
from msoic_pipeline.publication.report.provenance import OriginBook, read_releases
from msoic_pipeline.publication.report.quality.section import DataQuality, digest_days, make_quality, read_quality
from msoic_pipeline.publication.report.sections import SectionMaker
from msoic_pipeline.publication.report.shown import FigureReader, digest_ages
from msoic_pipeline.publication.report.sources.pages import SourcesAndMethods, digest_methods, make_source_pages
from msoic_pipeline.signals.rebases import digest_rebases
from msoic_pipeline.warehouse.load_log import digest_stage

CHECKED_REPORT, UNCHECKED_REPORT = "report.html", "report-unchecked.html"
# What the report shows besides KPI values; what is derived from those follows from them.
TABLES_SHOWN = (
    "release",
    "report_claim",
    "validation_result",
    "reconciliation_rule",
    "reconciliation_result",
    "quarantine",
    "coverage",
)
INTERNAL_WARNING = "INTERNAL: this report tells of each force which returns it has made. It is not to be published."


@dataclass(frozen=True)
class ReportPage(Page):
    """The report: besides sections of figures what is news, what changed, what reports claim, quality and sources."""

    template = "report.html.j2"

    news: News
    changes: ShownChanges
    claims: tuple[ClaimsOfReport, ...]
    quality: DataQuality
    sources: SourcesAndMethods


def make_report(
    connection: Connection,
    today: dt.date,
    as_at: dt.date | None = None,
    cover: Cover | None = None,
    *,
    is_internal: bool = False,
    digest: str = "",
) -> str:
    """Return the report as HTML: of figures as known on ``as_at``, or today where that is None.

    ``cover`` says what failed; without one nothing is said of that. One that ``is_internal`` names who made returns,
    and says so before all else. ``digest`` is of all that it is made from, where it is kept and somebody will ask.
    """
    cover = cover or make_cover(connection, as_at or today, ())
    releases = read_releases(connection, as_at)
    book = OriginBook(connection, releases, as_at, named_reporters=None if is_internal else frozenset())
    reader = FigureReader(connection, as_at, today)
    parts = PartMaker(reader, book)
    maker = SectionMaker(parts)
    news = find_news(parts, load_definitions())
    sections = tuple(maker.make_section(section) for section in load_sections())
    days_shown = list_days_shown(connection, as_at, today)
    changes = ChangesMaker(connection, reader, parts, as_at).make_changes(days_shown)
    claims = ClaimsMaker(connection, reader, parts, as_at or today).make_claims()
    quality = read_quality(connection, releases, today, as_at)
    page = ReportPage(
        as_at=as_at or today,
        sections=sections,
        origins=book.origins,
        warnings=(INTERNAL_WARNING, *cover.warnings) if is_internal else cover.warnings,
        digest=digest,
        news=news,
        changes=changes,
        claims=claims,
        quality=make_quality(quality, is_internal),
        sources=make_source_pages(quality, releases),
    )
    return fill_page(page)


@dataclass(frozen=True)
class WrittenReport:
    """Where a report stands, and whether it was made anew or was right as it stood."""

    path: Path
    is_new: bool


def write_report(connection: Connection, folder: Path, today: dt.date, failed: Sequence[str] = ()) -> WrittenReport:
    """Bring today's report in ``folder`` up to date.

    Where nothing has ``failed`` it is ``report.html``, and ``report-unchecked.html`` goes. Where something has,
    ``report.html`` stays as it is, and ``report-unchecked.html`` says what. Raises OSError where the report cannot be
    drawn or the folder cannot be written to; then what stood there stands as it did.
    """
    cover = make_cover(connection, today, failed)
    path = folder / (UNCHECKED_REPORT if failed else CHECKED_REPORT)
    digest = digest_inputs(connection, today, cover)
    is_new = read_digest(path) != digest
    if is_new:
        save_report(make_report(connection, today, cover=cover, digest=digest), path)
    if not failed:
        # Only now: where no report could be made, the warning of the last run stands.
        (folder / UNCHECKED_REPORT).unlink(missing_ok=True)
    return WrittenReport(path, is_new)


def save_report(html: str, path: Path) -> None:
    """Write a report so that it appears whole or not at all. Raises OSError where the folder cannot be written to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, html)


def digest_inputs(connection: Connection, today: dt.date, cover: Cover) -> str:
    """Return a digest of all that today's report is made from: figures, evidence, declarations and code.

    A day changes it only where a month has ended, since no period ends on another, where something has become due,
    where a figure has become old, or where a release is no longer new.
    """
    parts = [
        digest_stage(connection, KPI_STAGE),
        digest_sections(),
        digest_rebases(),
        digest_page(),
        digest_methods(),
        digest_days(connection, today),
        digest_ages(connection, today),
        digest_reports(),
        digest_code("msoic_pipeline.publication.report.make"),
        f"{today:%Y-%m}",
        digest_days_shown(connection, today),
        *cover.failed_checks,
        *cover.lines_on_files,
    ]
    for name in TABLES_SHOWN:
        parts.append(_digest_table(connection, metadata.tables[name]))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _digest_table(connection: Connection, table: sa.Table) -> str:
    """Return a digest of a table's rows, whatever their order."""
    rows = sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def read_digest(path: Path) -> str:
    """Return the digest that stands in the head of a report; an empty text where there is none."""
    try:
        with path.open(encoding="utf-8") as file:
            head = file.read(4096)
    except FileNotFoundError:
        return ""
    found = re.search(rf'<meta name="{DIGEST_NAME}" content="([0-9a-f]+)">', head)
    return found[1] if found else ""
