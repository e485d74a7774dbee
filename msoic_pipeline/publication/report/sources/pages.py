"""Sources and methods as the report shows them: a page a source with its quality statement, and how limits are made."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.evidence import IN_FORCE
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.publication.report.provenance import KnownRelease
from msoic_pipeline.publication.report.quality.section import QualityFigures
from msoic_pipeline.publication.report.sources.statements import Described, ShownStatement, show_statement
from msoic_pipeline.publication.report.sources.tables import (
    make_kpis_table,
    make_months_table,
    make_releases_table,
    tell_rebases,
)
from msoic_pipeline.publication.report.tables import ShownTable
from msoic_pipeline.signals.limits import FEWEST_FIGURES, LARGEST_MOVING_RANGE, LIMIT_IN_MOVING_RANGES
from msoic_pipeline.signals.rebases import digest_rebases
from msoic_pipeline.signals.rules import RUN
from msoic_pipeline.sources.statements import digest_statements, load_statement
from msoic_pipeline.wording import tell_count
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source, read_layout_text

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
class SourcePage:
    """A source as the page shows it."""

    source: str
    title: str
    is_synthetic: bool
    described: tuple[Described, ...]
    releases: ShownTable
    kpis: ShownTable
    rebases: tuple[str, ...]
    statement: ShownStatement


@dataclass(frozen=True)
class SourcesAndMethods:
    """The section as the page shows it: a page a source, and how limits are worked out."""

    pages: tuple[SourcePage, ...]
    limits: tuple[str, ...]


def make_source_pages(known: QualityFigures, releases: dict[str, KnownRelease]) -> SourcesAndMethods:
    """Return the section, from the releases that had been published by the report's day."""
    by_source: dict[str, list[KnownRelease]] = defaultdict(list)
    for each in releases.values():
        by_source[each.source].append(each)
    pages = tuple(_make_page(load_source(source), by_source[source], releases, known) for source in SOURCES)
    return SourcesAndMethods(pages, HOW_LIMITS_ARE_MADE)


def digest_methods() -> str:
    """Return a digest of what is declared of sources, statements and rebases."""
    layouts = "\n".join(read_layout_text(source) for source in SOURCES)
    parts = (hashlib.sha256(layouts.encode()).hexdigest(), digest_statements(SOURCES), digest_rebases())
    return "\n".join(parts)


def _make_page(
    source: Source, of_source: Sequence[KnownRelease], releases: dict[str, KnownRelease], known: QualityFigures
) -> SourcePage:
    kpis = [kpi for kpi in load_definitions() if source.source in kpi.sources]
    make_table = make_months_table if source.sensitive else make_releases_table
    return SourcePage(
        source=source.source,
        title=source.title,
        is_synthetic=any(each.is_synthetic for each in of_source if each.status in IN_FORCE),
        described=_describe_source(source),
        releases=make_table(of_source, releases),
        kpis=make_kpis_table(kpis),
        rebases=tell_rebases(kpis),
        statement=show_statement(load_statement(source.source), source, of_source, known),
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
