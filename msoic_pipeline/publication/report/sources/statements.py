"""Quality statements as the report shows them, beside what the warehouse has on a source's quality."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msoic_pipeline.model.evidence import IN_FORCE
from msoic_pipeline.publication.report.provenance import KnownRelease
from msoic_pipeline.publication.report.quality.coverage import count_reports, group_by_source
from msoic_pipeline.publication.report.quality.coverage_tables import tell_share
from msoic_pipeline.publication.report.quality.findings import Findings
from msoic_pipeline.publication.report.quality.findings_tables import tell_checks, tell_faults
from msoic_pipeline.publication.report.quality.revisions import Revision, count_revisions, tell_revisions
from msoic_pipeline.publication.report.quality.section import QualityFigures
from msoic_pipeline.publication.report.quality.timeliness import Timeliness, tell_next
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.sources.statements import ASSURANCE_NAMES, Assurance, QualityStatement
from msoic_pipeline.wording import tell_count, tell_day
from msoic_pipeline.workbooks.source import Source


@dataclass(frozen=True)
class Described:
    """A line of a list: what is told, and what is told of it."""

    term: str
    words: str


@dataclass(frozen=True)
class ShownStatement:
    """A source's quality statement as the page shows it.

    ``judged`` are its judgements, ``areas`` has a row a practice area, ``shortfall`` says where there is less assurance
    than is needed, and ``measured`` are the figures that the warehouse has on the source's quality.
    """

    standing: str
    judged: tuple[Described, ...]
    areas: ShownTable
    shortfall: str
    measured: tuple[Described, ...]


def show_statement(
    statement: QualityStatement, source: Source, of_source: Sequence[KnownRelease], known: QualityFigures
) -> ShownStatement:
    """Return a source's statement, with what the warehouse has on its quality as known on the report's day."""
    areas = [
        (title, tell_assurance(area.assurance), "yes" if statement.has_enough(area) else "no", area.says)
        for title, area in statement.areas.items()
    ]
    columns = (
        Column("Practice area"),
        Column("Assurance", "words"),
        Column("As much as is needed", "words"),
        Column("What it consists of", "long"),
    )
    below = len(statement.areas_below_need)
    agreed = statement.agreed
    return ShownStatement(
        standing=f"Agreed by {agreed.by} on {tell_day(agreed.day)}."
        if agreed
        else "Draft: nobody has agreed this statement yet.",
        judged=(
            Described("Kind", statement.kind),
            Described(
                "Concern about quality", f"{statement.quality_concern.grade}. {statement.quality_concern.because}"
            ),
            Described("Public interest", f"{statement.public_interest.grade}. {statement.public_interest.because}"),
            Described("Assurance that is needed", tell_assurance(statement.assurance_needed)),
        ),
        areas=ShownTable(f"Assurance by practice area: {source.title}", columns, tuple(areas)),
        shortfall=f"In {below} of {len(areas)} practice areas there is less assurance than is needed."
        if below
        else f"There is as much assurance as is needed in all {len(areas)} practice areas.",
        measured=tuple(_measure_quality(source, of_source, known)),
    )


def tell_assurance(assurance: Assurance) -> str:
    """Return an assurance with its name: ``A2, enhanced``."""
    return f"{assurance}, {ASSURANCE_NAMES[assurance]}"


def _measure_quality(source: Source, of_source: Sequence[KnownRelease], known: QualityFigures) -> Iterable[Described]:
    """Yield the figures that the warehouse has on a source's quality, as known on the report's day."""
    yield Described("Releases", _tell_releases(of_source))
    reports = group_by_source(known.reports).get(source.source, [])
    count = count_reports(reports)
    coverage = f"{count.received:,} of {tell_count(count.due, 'report')} due were received ({tell_share(count)})"
    yield Described("Coverage", f"{coverage}." if reports else "no report is expected yet.")
    (timeliness,) = (each for each in known.timeliness if each.source == source)
    yield Described("Next release", _tell_next_release(timeliness, known.day))
    of_kpis = [each for each in known.revisions if source.source in each.kpi.sources]
    yield Described("Revisions", _tell_revisions_of(source, of_kpis))
    if known.findings:
        yield from _tell_findings_of(source, known.findings)


def _tell_releases(of_source: Sequence[KnownRelease]) -> str:
    in_force = [each for each in of_source if each.status in IN_FORCE]
    if not in_force:
        return "none is in force."
    synthetic = sum(each.is_synthetic for each in in_force)
    latest = max(each.published_on for each in in_force)
    return (
        f"{len(in_force):,} of {tell_count(len(of_source), 'file')} in force, {synthetic:,} of them SYNTHETIC; "
        f"{sum(each.edition > 1 for each in in_force):,} re-issued; the latest of {tell_day(latest)}."
    )


def _tell_next_release(timeliness: Timeliness, day: dt.date) -> str:
    return f"{tell_next(timeliness, day)}."


def _tell_revisions_of(source: Source, of_kpis: Sequence[Revision]) -> str:
    if source.sensitive:
        return "not told, since the difference that a late return makes would tell that return."
    if not of_kpis:
        return "no KPI has a complete value of the nation that rests on this source."
    return tell_revisions(count_revisions(of_kpis))


def _tell_findings_of(source: Source, findings: Findings) -> Iterable[Described]:
    """Yield what checks have found of a source, as of today."""
    rows = [row for row in findings.quarantined if row.source == source.source]
    yield Described("Faults", tell_faults(rows))
    failing = [check for check in findings.failing if check.source == source.source]
    made = sum(check.made for check in findings.checks if check.source == source.source)
    yield Described("Checks", tell_checks(failing, made))
