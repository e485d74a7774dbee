"""Coverage as the page shows it: sentences, tables, and grids of reports received, missing and not yet due."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from msoic_pipeline.model.geography import REPORTERS, name_reporter
from msoic_pipeline.periods import period_label
from msoic_pipeline.publication.report.quality.coverage import (
    ExpectedReport,
    ReportCount,
    State,
    count_reports,
    group_by_source,
)
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.wording import tell_count, tell_day
from msoic_pipeline.workbooks.source import Source, load_source

# By which symbol each state is told, so that nobody needs to see a colour.
SYMBOLS: dict[State, str] = {"received": "✓", "missing": "✗", "not yet due": "○"}
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class GridCell:
    """A cell of a grid: what became of its reports, how many came where several were expected, and both in words."""

    state: State
    count: str
    words: str

    @property
    def symbol(self) -> str:
        """The symbol of the state."""
        return SYMBOLS[self.state]


@dataclass(frozen=True)
class GridRow:
    """A row of a grid: its heading, and a cell for each column; None where nothing is expected."""

    label: str
    cells: tuple[GridCell | None, ...]


@dataclass(frozen=True)
class Grid:
    """A grid of reports: its caption, what heads its first column and the others, and its rows."""

    caption: str
    first_column: str
    columns: tuple[str, ...]
    rows: tuple[GridRow, ...]


@dataclass(frozen=True)
class Coverage:
    """What the page shows of coverage.

    ``sentences`` tell of each source of returns; ``by_source`` has a row a source. ``returns`` are grids of the returns
    of sensitive sources, ``publishers`` is that of the others, and ``absent`` names who of those did not report.
    """

    sentences: tuple[str, ...]
    by_source: ShownTable
    returns: tuple[Grid, ...]
    publishers: Grid
    absent: ShownTable


def make_coverage(reports: Sequence[ExpectedReport], day: dt.date, is_internal: bool) -> Coverage:
    """Return what is shown of reports as at a day. Forces that return are named where it ``is_internal`` alone."""
    by_source = group_by_source(reports)
    returning = [source for source in map(load_source, by_source) if source.sensitive]
    others = [source for source in map(load_source, by_source) if not source.sensitive]
    grids: list[Grid] = []
    for source in returning:
        grids += _make_reporters_grids(source, by_source[source.source]) if is_internal else ()
        grids.append(_make_months_grid(source, by_source[source.source]))
    return Coverage(
        sentences=tuple(_tell_source(source, by_source[source.source], day) for source in returning),
        by_source=_make_sources_table(by_source),
        returns=tuple(grids),
        publishers=_make_quarters_grid(others, by_source),
        absent=_make_absent_table(others, by_source),
    )


def tell_share(count: ReportCount) -> str:
    """Return the share of the reports due that were received: ``99.3%``; a dash where none was due."""
    if not count.due:
        return "–"
    # What is not whole is never told as if it were.
    share = count.received / count.due
    return "100%" if not count.missing else f"{min(share, 0.999):.1%}"


def _tell_source(source: Source, reports: Sequence[ExpectedReport], day: dt.date) -> str:
    """Return a sentence on the returns of a source, which names no reporter."""
    count = count_reports(reports)
    every = source.reporters.every
    months_missing = {report.period_start for report in reports if report.state == "missing"}
    last = period_label(every, max(report.period_start for report in reports))
    parts = [
        f"{source.title}: of {tell_count(count.due, 'return')} due by {tell_day(day)}, {count.received:,} had been "
        f"received ({tell_share(count)})"
    ]
    if count.missing:
        months = tell_count(len(months_missing), every.replace("_", " "))
        parts.append(f"{count.missing:,} {'is' if count.missing == 1 else 'are'} missing, of {months}")
    if count.not_yet_due:
        parts.append(f"{count.not_yet_due:,} {'is' if count.not_yet_due == 1 else 'are'} not yet due")
    return f"{'; '.join(parts)}. {every.replace('_', ' ').capitalize()}s are counted up to {last}."


def _make_sources_table(by_source: dict[str, list[ExpectedReport]]) -> ShownTable:
    rows = []
    for name, reports in by_source.items():
        source = load_source(name)
        count = count_reports(reports)
        labels = [period_label(source.reporters.every, report.period_start) for report in reports]
        kind = REPORTERS[source.reporters.dimension].name
        rows.append(
            (
                source.title,
                f"{kind}, {source.reporters.every.replace('_', ' ')}",
                labels[0],
                labels[-1],
                f"{count.due:,}",
                f"{count.received:,}",
                f"{count.missing:,}",
                f"{count.not_yet_due:,}",
                tell_share(count),
            )
        )
    columns = (
        Column("Source"),
        Column("A report is of a", "words"),
        Column("First period", "words"),
        Column("Latest period", "words"),
        Column("Due"),
        Column("Received"),
        Column("Missing"),
        Column("Not yet due"),
        Column("Received of those due"),
    )
    return ShownTable("Reports due and received, by source", columns, tuple(rows))


def _make_absent_table(sources: Sequence[Source], by_source: dict[str, list[ExpectedReport]]) -> ShownTable:
    """Return who of sources that are not sensitive did not report, by period."""
    rows = []
    for source in sources:
        of_periods: dict[dt.date, list[ExpectedReport]] = defaultdict(list)
        for report in by_source[source.source]:
            of_periods[report.period_start].append(report)
        for start, of_period in of_periods.items():
            if count_reports(of_period).missing:
                label = period_label(source.reporters.every, start)
                rows.append((source.title, label, _name_absent(source, of_period)))
    columns = (Column("Source"), Column("Period", "words"), Column("Missing", "long"))
    return ShownTable("Reports that are missing", columns, tuple(rows))


def _name_absent(source: Source, reports: Sequence[ExpectedReport]) -> str:
    """Return the names of those who did not report of a period; that all did not, where that is so."""
    kind = source.reporters.dimension
    absent = [name_reporter(kind, report.reporter) for report in reports if report.state == "missing"]
    if len(absent) < len(reports):
        return ", ".join(sorted(absent))
    return f"all {len(absent):,}" if len(absent) > 1 else f"the {absent[0]}"


def _make_cell(reports: Sequence[ExpectedReport]) -> GridCell | None:
    """Return the cell of reports; None where none is expected."""
    if not reports:
        return None
    count = count_reports(reports)
    if count.expected == 1:
        return GridCell(count.state, "", count.state)
    words = ["received"]
    if count.missing:
        words.append(f"{count.missing:,} missing")
    if count.not_yet_due:
        words.append(f"{count.not_yet_due:,} not yet due")
    return GridCell(count.state, f"{count.received:,} of {count.expected:,}", ", ".join(words))


def _make_reporters_grids(source: Source, reports: Sequence[ExpectedReport]) -> list[Grid]:
    """Return a grid of reporter by month for each year, the latest first."""
    kind = source.reporters.dimension
    grids = []
    for year, of_year in sorted(_group_by_year(reports).items(), reverse=True):
        cells: dict[str, dict[int, ExpectedReport]] = defaultdict(dict)
        for report in of_year:
            cells[name_reporter(kind, report.reporter)][report.period_start.month] = report
        rows = []
        for name in sorted(cells):
            months = cells[name]
            of_months = [_make_cell([months[month]] if month in months else []) for month in range(1, 13)]
            rows.append(GridRow(name, tuple(of_months)))
        heading = REPORTERS[kind].name.capitalize()
        grids.append(Grid(f"{source.title}: {year}, by {heading.lower()}", heading, MONTH_NAMES, tuple(rows)))
    return grids


def _make_months_grid(source: Source, reports: Sequence[ExpectedReport]) -> Grid:
    """Return a grid of year by month, in which no reporter is named."""
    rows = []
    for year, of_year in sorted(_group_by_year(reports).items(), reverse=True):
        cells = [_make_cell([each for each in of_year if each.period_start.month == month]) for month in range(1, 13)]
        rows.append(GridRow(str(year), tuple(cells)))
    return Grid(f"{source.title}: returns received of those expected", "Year", MONTH_NAMES, tuple(rows))


def _make_quarters_grid(sources: Sequence[Source], by_source: dict[str, list[ExpectedReport]]) -> Grid:
    """Return a grid of quarter by source, the latest quarter first."""
    by_cell: dict[tuple[dt.date, str], list[ExpectedReport]] = defaultdict(list)
    for source in sources:
        for report in by_source[source.source]:
            by_cell[report.quarter_start, source.source].append(report)
    rows = []
    for quarter in sorted({quarter for quarter, _ in by_cell}, reverse=True):
        cells = [_make_cell(by_cell.get((quarter, source.source), [])) for source in sources]
        rows.append(GridRow(period_label("quarter", quarter), tuple(cells)))
    columns = tuple(f"{source.publisher}: {source.title}" for source in sources)
    return Grid("Reports received of those expected, by quarter", "Quarter", columns, tuple(rows))


def _group_by_year(reports: Iterable[ExpectedReport]) -> dict[int, list[ExpectedReport]]:
    by_year: dict[int, list[ExpectedReport]] = defaultdict(list)
    for report in reports:
        by_year[report.period_start.year].append(report)
    return by_year
