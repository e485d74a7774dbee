"""What a source's page shows of its releases, the KPIs that rest on it, and the rebases of these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.model.evidence import IN_FORCE
from msoic_pipeline.periods import parse_period
from msoic_pipeline.publication.report.provenance import KnownRelease
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.signals.rebases import load_rebases
from msoic_pipeline.wording import tell_count, tell_day


def make_releases_table(of_source: Sequence[KnownRelease], releases: dict[str, KnownRelease]) -> ShownTable:
    """Return the table of a source's releases, the latest first."""
    rows = [
        (
            tell_day(each.published_on),
            each.reference_period,
            each.file_name,
            f"{each.edition:,}",
            _tell_standing(each, releases),
            "SYNTHETIC" if each.is_synthetic else "no",
        )
        for each in reversed(of_source)
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


def _tell_standing(known_release: KnownRelease, releases: dict[str, KnownRelease]) -> str:
    """Return what has become of a release; a re-issue counts that had been published by the report's day."""
    if known_release.status in IN_FORCE and known_release.superseded_by in releases:
        return f"superseded by {releases[known_release.superseded_by].file_name}"
    return {
        "accepted": "in force",
        "held": "held: its figures stand, though the file fails a check now",
        "rejected": "rejected: none of its figures is loaded",
        "withdrawn": "withdrawn: a person took its figures away",
    }[known_release.status]


def make_months_table(of_source: Sequence[KnownRelease], releases: dict[str, KnownRelease]) -> ShownTable:
    """Return the table of sensitive returns by the period that they are about, without who sent them."""
    by_period: dict[str, list[KnownRelease]] = defaultdict(list)
    for each in of_source:
        by_period[each.reference_period].append(each)
    rows = []
    for period in sorted(by_period, key=lambda period: parse_period(period)[1], reverse=True):
        of_period = by_period[period]
        days = [each.published_on for each in of_period]
        in_force = sum(each.status in IN_FORCE and each.superseded_by not in releases for each in of_period)
        rows.append(
            (
                period,
                f"{len(of_period):,}",
                f"{in_force:,}",
                f"{sum(each.edition > 1 for each in of_period):,}",
                f"{tell_day(min(days))} to {tell_day(max(days))}",
                f"{sum(each.is_synthetic for each in of_period):,}",
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


def make_kpis_table(kpis: Sequence[Kpi]) -> ShownTable:
    """Return the table of the KPIs that rest on a source."""
    rows = [(kpi.title, kpi.description, kpi.unit, kpi.caveat or "–") for kpi in kpis]
    columns = (
        Column("KPI"),
        Column("What it is", "long"),
        Column("Unit", "words"),
        Column("What to bear in mind", "long"),
    )
    return ShownTable(f"KPIs that rest on it: {len(kpis):,}", columns, tuple(rows))


def tell_rebases(kpis: Sequence[Kpi]) -> tuple[str, ...]:
    """Return the rebases of KPIs in words, each once with the KPIs that it concerns."""
    titles = {kpi.kpi_id: kpi.title for kpi in kpis}
    told = []
    for rebase in load_rebases():
        concerned = [titles[kpi_id] for kpi_id in rebase.kpis if kpi_id in titles]
        if concerned:
            told.append(f"{tell_day(rebase.day)}: {rebase.reason} ({'; '.join(concerned)})")
    return tuple(told)
