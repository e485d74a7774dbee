"""Sources and methods as the report shows them: a page a source with its quality statement, and how limits are made."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.model.evidence import IN_FORCE
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.periods import parse_period
from msoic_pipeline.publication.report.coverage import count_reports, group_by_source, tell_share
from msoic_pipeline.publication.report.findings import Findings, tell_checks, tell_faults
from msoic_pipeline.publication.report.provenance import ReleaseSaid
from msoic_pipeline.publication.report.quality import QualityFigures
from msoic_pipeline.publication.report.revisions import Revision, count_revisions, tell_revisions
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.publication.report.timeliness import Timeliness, tell_next
from msoic_pipeline.signals.limits import FEWEST_FIGURES, LARGEST_MOVING_RANGE, LIMIT_IN_MOVING_RANGES
from msoic_pipeline.signals.rebases import digest_rebases, load_rebases
from msoic_pipeline.signals.rules import RUN
from msoic_pipeline.sources.statements import (
    ASSURANCE_NAMES,
    Assurance,
    QualityStatement,
    digest_statements,
    load_statement,
)
from msoic_pipeline.wording import tell_count, tell_day
from msoic_pipeline.workbooks.source import SOURCES, Source, layout_text, load_source

HOW_LIMITS_ARE_MADE = (
    "Limits are those of an XmR chart, as in NHS England’s Making Data Count: the mean of a series, and "
    f"{LIMIT_IN_MOVING_RANGES:g} mean moving ranges to either side of it. A moving range is the distance of two "
    "figures that follow each other.",
    f"A moving range of more than {LARGEST_MOVING_RANGE:g} times the mean one is left out of that mean, unless none "
    "but zeros would be left: then all count, since of a series that hardly ever changes every change is far out. Of "
    f"fewer than {FEWEST_FIGURES} figures there are no limits.",
    f"A figure is a signal where it is outside the limits; is one of {RUN} in a row that rise, or that fall; is near "
    f"a limit with another of three in a row; or is one of {RUN} in a row on one side of the mean. Of all else "
    "nothing is said: it is within what the series usually does.",
    "Limits are worked out anew from each break in a series. What is incomplete, missing or still growing is left out.",
)


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


@dataclass(frozen=True)
class SourcePage:
    """A source as the page shows it."""

    source: str
    title: str
    is_synthetic: bool
    described: tuple[Described, ...]
    releases: ShownTable
    kpis: ShownTable
    breaks: tuple[str, ...]
    statement: ShownStatement


@dataclass(frozen=True)
class SourcesAndMethods:
    """The section as the page shows it: a page a source, and how limits are worked out."""

    pages: tuple[SourcePage, ...]
    limits: tuple[str, ...]


def make_source_pages(known: QualityFigures, releases: dict[str, ReleaseSaid]) -> SourcesAndMethods:
    """Return the section, from the releases that had been published by the report's day."""
    by_source: dict[str, list[ReleaseSaid]] = defaultdict(list)
    for said in releases.values():
        by_source[said.source].append(said)
    pages = tuple(_make_page(load_source(source), by_source[source], releases, known) for source in SOURCES)
    return SourcesAndMethods(pages, HOW_LIMITS_ARE_MADE)


def digest_methods() -> str:
    """Return a digest of what is declared of sources, statements and breaks."""
    layouts = "\n".join(layout_text(source) for source in SOURCES)
    parts = (hashlib.sha256(layouts.encode()).hexdigest(), digest_statements(SOURCES), digest_rebases())
    return "\n".join(parts)


def _make_page(
    source: Source, of_source: Sequence[ReleaseSaid], releases: dict[str, ReleaseSaid], known: QualityFigures
) -> SourcePage:
    kpis = [kpi for kpi in load_definitions() if source.source in kpi.sources]
    make_table = _make_table_of_months if source.sensitive else _make_table_of_releases
    return SourcePage(
        source=source.source,
        title=source.title,
        is_synthetic=any(said.is_synthetic for said in of_source if said.status in IN_FORCE),
        described=_describe_source(source),
        releases=make_table(of_source, releases),
        kpis=_make_table_of_kpis(kpis),
        breaks=_list_breaks(kpis),
        statement=_show_statement(load_statement(source.source), source, of_source, known),
    )


def _describe_source(source: Source) -> tuple[Described, ...]:
    counted = " ".join(f"{FACTS[name].comment}" for name in source.facts)
    described = [
        Described("Publisher", source.publisher),
        Described("Frequency", source.frequency),
        Described("Due", f"{tell_count(source.lag_days, 'day')} after the end of the period, as declared"),
        Described("What it counts", counted),
    ]
    if source.provisional:
        described.append(Described("Provisional", "the publisher calls the figures so"))
    if source.sensitive:
        described.append(Described("Sensitive", "nothing of a single return is shown"))
    return tuple(described)


# --- Releases --------------------------------------------------------------------------------------------------------


def _make_table_of_releases(of_source: Sequence[ReleaseSaid], releases: dict[str, ReleaseSaid]) -> ShownTable:
    """Return the table of a source's releases, the latest first."""
    rows = [
        (
            tell_day(said.published_on),
            said.reference_period,
            said.file_name,
            f"{said.edition:,}",
            _tell_standing(said, releases),
            "SYNTHETIC" if said.is_synthetic else "no",
        )
        for said in reversed(of_source)
    ]
    columns = (
        Column("Published"),
        Column("About, up to", "words"),
        Column("File", "long"),
        Column("Edition"),
        Column("Standing", "words"),
        Column("Synthetic", "words"),
    )
    return ShownTable(f"Releases: {tell_count(len(rows), 'file')}", columns, tuple(rows))


def _tell_standing(said: ReleaseSaid, releases: dict[str, ReleaseSaid]) -> str:
    """Return what has become of a release; a re-issue counts that had been published by the report's day."""
    if said.status in IN_FORCE and said.superseded_by in releases:
        return f"superseded by {releases[said.superseded_by].file_name}"
    return {
        "accepted": "in force",
        "held": "held: its figures stand, though the file fails a check now",
        "rejected": "rejected: none of its figures is loaded",
        "withdrawn": "withdrawn: a person took its figures away",
    }[said.status]


def _make_table_of_months(of_source: Sequence[ReleaseSaid], releases: dict[str, ReleaseSaid]) -> ShownTable:
    """Return the table of sensitive returns by the period that they are about, without who sent them."""
    by_period: dict[str, list[ReleaseSaid]] = defaultdict(list)
    for said in of_source:
        by_period[said.reference_period].append(said)
    rows = []
    for period in sorted(by_period, key=lambda period: parse_period(period)[1], reverse=True):
        of_period = by_period[period]
        days = [said.published_on for said in of_period]
        in_force = sum(said.status in IN_FORCE and said.superseded_by not in releases for said in of_period)
        rows.append(
            (
                period,
                f"{len(of_period):,}",
                f"{in_force:,}",
                f"{sum(said.edition > 1 for said in of_period):,}",
                f"{tell_day(min(days))} to {tell_day(max(days))}",
                f"{sum(said.is_synthetic for said in of_period):,}",
            )
        )
    columns = (
        Column("About"),
        Column("Files"),
        Column("In force"),
        Column("Re-issues"),
        Column("Published", "words"),
        Column("SYNTHETIC"),
    )
    return ShownTable(f"Releases: {tell_count(len(of_source), 'file')}, by period", columns, tuple(rows))


# --- KPIs and breaks -------------------------------------------------------------------------------------------------


def _make_table_of_kpis(kpis: Sequence[Kpi]) -> ShownTable:
    rows = [(kpi.title, kpi.description, kpi.unit, kpi.caveat or "–") for kpi in kpis]
    columns = (
        Column("KPI"),
        Column("What it is", "long"),
        Column("Unit", "words"),
        Column("What to bear in mind", "long"),
    )
    return ShownTable(f"KPIs that rest on it: {len(kpis):,}", columns, tuple(rows))


def _list_breaks(kpis: Sequence[Kpi]) -> tuple[str, ...]:
    """Return the breaks in the series of KPIs, each once with the KPIs that it concerns."""
    titles = {kpi.kpi_id: kpi.title for kpi in kpis}
    breaks = []
    for rebase in load_rebases():
        concerned = [titles[kpi_id] for kpi_id in rebase.kpis if kpi_id in titles]
        if concerned:
            breaks.append(f"{tell_day(rebase.day)}: {rebase.reason} ({'; '.join(concerned)})")
    return tuple(breaks)


# --- Quality statement -----------------------------------------------------------------------------------------------


def _show_statement(
    statement: QualityStatement, source: Source, of_source: Sequence[ReleaseSaid], known: QualityFigures
) -> ShownStatement:
    areas = [
        (title, tell_assurance(area.level), "yes" if area.level >= statement.assurance else "no", area.says)
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
                "Concern about quality", f"{statement.quality_concern.level}. {statement.quality_concern.because}"
            ),
            Described("Public interest", f"{statement.public_interest.level}. {statement.public_interest.because}"),
            Described("Assurance that is needed", tell_assurance(statement.assurance)),
        ),
        areas=ShownTable(f"Assurance by practice area: {source.title}", columns, tuple(areas)),
        shortfall=f"In {below} of {len(areas)} practice areas there is less assurance than is needed."
        if below
        else f"There is as much assurance as is needed in all {len(areas)} practice areas.",
        measured=tuple(_measure_quality(source, of_source, known)),
    )


def tell_assurance(level: Assurance) -> str:
    """Return a level of assurance with its name: ``A2, enhanced``."""
    return f"{level}, {ASSURANCE_NAMES[level]}"


def _measure_quality(source: Source, of_source: Sequence[ReleaseSaid], known: QualityFigures) -> Iterable[Described]:
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


def _tell_releases(of_source: Sequence[ReleaseSaid]) -> str:
    in_force = [said for said in of_source if said.status in IN_FORCE]
    if not in_force:
        return "none is in force."
    synthetic = sum(said.is_synthetic for said in in_force)
    latest = max(said.published_on for said in in_force)
    return (
        f"{len(in_force):,} of {tell_count(len(of_source), 'file')} in force, {synthetic:,} of them SYNTHETIC; "
        f"{sum(said.edition > 1 for said in in_force):,} re-issued; the latest of {tell_day(latest)}."
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
    yield Described("Checks", tell_checks(failing, findings.checks_by_source.get(source.source, 0)))
