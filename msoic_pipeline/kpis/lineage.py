"""From a KPI value to the cells of the publishers' files, by the same definition that sums them.

In the order in which a trace is made: ask for the value, find the facts that its terms sum, read the cells in which
those stand. ``marked_copies`` copies the sheets with the cells in colour.

For example ``nrm_referrals`` of 2021-Q4 is 3,330: 671 + 795 + 274 + …, the rows of ``fact_nrm_referral`` that its
definition names. The first of them says that it is the cell ``C58`` of the sheet ``Table_2`` of a release. The file of
the release is looked up in the archive by its SHA-256 and that cell read from it, so that the tree shows 671, which is
in the warehouse, beside '671', which the publisher wrote.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.ingest.archive import find_content
from msoic_pipeline.ingest.reading import call_in_workers
from msoic_pipeline.kpis.definitions import Kpi, Term, load_definitions
from msoic_pipeline.kpis.known_values import KnownValue, known_values
from msoic_pipeline.kpis.wanted import WantedTerm, units_of
from msoic_pipeline.model.evidence import release, vintage
from msoic_pipeline.model.facts import cell_column
from msoic_pipeline.model.views import join_vintage
from msoic_pipeline.periods import parse_period, period_end, periods
from msoic_pipeline.texts import WITHHELD, clean
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import from_a1, open_workbook
from msoic_pipeline.workbooks.layout import load_source

# Of a file, the addresses of cells by sheet; and their texts by sheet and address.
Addresses = dict[str, set[str]]
CellTexts = dict[str, dict[str, str]]


@dataclass(frozen=True)
class NamedFile:
    """A publisher's file that a fact came from: its source, its content, and its name below the raw folder."""

    source: str
    sha256: str
    file_name: str

    def archived(self, archive_dir: Path) -> Path | None:
        """Return the path of the file in the archive; None where it is not kept."""
        return find_content(archive_dir, self.source, self.sha256)


@dataclass(frozen=True)
class Fact:
    """A row of a fact table as far as a KPI sums it: its figure, and the cells in which that stands.

    They are several where a figure is their sum.
    """

    value: float
    period_start: dt.date
    reporter: str
    release_id: str
    file: NamedFile
    published_on: dt.date
    sheet: str
    cell: str

    @property
    def cells(self) -> list[str]:
        """The addresses of the cells; ``cell`` has commas between them."""
        return self.cell.split(",")

    @property
    def is_sensitive(self) -> bool:
        """Whether it comes from a return whose contents are to be shown to nobody who has not asked for them."""
        return load_source(self.file.source).sensitive


@dataclass(frozen=True)
class TracedFigure:
    """A fact that a KPI rests on, and the texts that were found in its cells; both withheld where it is sensitive."""

    fact: Fact
    texts: tuple[str, ...]

    @property
    def value(self) -> float | None:
        """The figure; None where it is withheld."""
        return None if self.fact.is_sensitive else self.fact.value

    def as_json(self) -> dict[str, Any]:
        """Return the figure as plain values."""
        return {
            "value": self.value,
            "period_start": self.fact.period_start,
            "release_id": self.fact.release_id,
            "file_name": self.fact.file.file_name,
            "sha256": self.fact.file.sha256,
            "published_on": self.fact.published_on,
            "sheet": self.fact.sheet,
            "cell": self.fact.cell,
            "found": self.texts,
        }


@dataclass(frozen=True)
class TracedTerm:
    """A numerator or denominator: its definition, what its figures sum to, and the figures."""

    definition: str
    total: float
    figures: tuple[TracedFigure, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the term as plain values."""
        return {
            "words": self.definition,
            "total": self.total,
            "sources": tuple(figure.as_json() for figure in self.figures),
        }


@dataclass(frozen=True)
class Trace:
    """A KPI value, and where it comes from. Of sensitive returns it names the cells, and not what stands in them."""

    value: KnownValue
    is_sensitive: bool
    numerator: TracedTerm
    denominator: TracedTerm | None

    @property
    def terms(self) -> dict[str, TracedTerm]:
        """The numerator and, where there is one, the denominator, by these names."""
        terms = {"numerator": self.numerator}
        if self.denominator:
            terms["denominator"] = self.denominator
        return terms

    def as_json(self) -> dict[str, Any]:
        """Return the trace as plain values."""
        return {
            "kpi": asdict(self.value),
            "is_sensitive": self.is_sensitive,
            "numerator": self.numerator.as_json(),
            "denominator": self.denominator.as_json() if self.denominator else None,
        }


# --- Ask for the value -----------------------------------------------------------------------------------------------


def trace_value(
    connection: Connection,
    archive_dir: Path,
    kpi_id: str,
    period: str,
    geography: str = "national",
    as_at: dt.date | None = None,
) -> Trace:
    """Return where a KPI value comes from, as known on ``as_at`` (today where it is not given).

    Raises LookupError where there is no such value.
    """
    values = known_values(connection, kpi_id, period, geography, as_at)
    if not values:
        kpi_ids = ", ".join(kpi.kpi_id for kpi in load_definitions())
        raise LookupError(f"no value of {kpi_id!r} for {period} and {geography!r} was known; KPIs are {kpi_ids}")
    value = values[0]
    kpi = next(kpi for kpi in load_definitions() if kpi.kpi_id == kpi_id)
    _, start = parse_period(period)
    span = (start, period_end(value.period_kind, start))

    def traced(term: Term) -> TracedTerm:
        wanted = WantedTerm(term, kpi.over_time, kpi.national, kpi.below)
        place = units_of(wanted, value.geography_kind, value.geography_code)
        facts = find_facts(connection, kpi, term, span, place, as_at)
        texts = texts_of_cells(facts, archive_dir)
        figures = tuple(TracedFigure(fact, found) for fact, found in zip(facts, texts, strict=True))
        return TracedTerm(term.words(), sum(fact.value for fact in facts), figures)

    # A denominator may also be a number of periods, which stands in no cell.
    denominator = traced(kpi.denominator) if isinstance(kpi.denominator, Term) else None
    return Trace(value, kpi.is_sensitive, traced(kpi.numerator), denominator)


# --- Find the facts --------------------------------------------------------------------------------------------------


def find_facts(
    connection: Connection,
    kpi: Kpi,
    term: Term,
    span: tuple[dt.date, dt.date],
    place: sa.ColumnElement[bool] | None,
    as_at: dt.date | None,
) -> list[Fact]:
    """Return the facts that a term of a KPI sums, in order of time, file, sheet and cell.

    ``span`` holds the first and last day of the period, ``place`` the condition on the rows of a geography (None: all).
    Of a stock they are each reporter's last in the period, as the KPI's value is.
    """
    start, end = span
    fact = term.table
    time = fact.c[f"{term.grain}_start"]
    query = (
        sa.select(
            term.figure.label("value"),
            time.label("period_start"),
            vintage.c.reporter,
            *(release.c[name] for name in ("release_id", "source", "file_name", "sha256", "published_on")),
            fact.c.sheet,
            fact.c[cell_column(term.table, term.figure.name)].label("cell"),
        )
        .join_from(fact, vintage, join_vintage(fact, fact))
        .join(release, release.c.release_id == fact.c.release_id)
        .where(
            was_latest(as_at),
            fact.c.quarter_start.in_(list(periods("quarter", start, end))),
            time.between(start, end),
            term.figure.is_not(None),
            *term.conditions(),
        )
        .order_by(time, release.c.file_name, fact.c.sheet, fact.c.cell)
    )
    if place is not None:
        query = query.where(place)
    facts = [
        Fact(
            value=float(row.value),
            period_start=row.period_start,
            reporter=row.reporter,
            release_id=row.release_id,
            file=NamedFile(row.source, row.sha256, row.file_name),
            published_on=row.published_on,
            sheet=row.sheet,
            cell=row.cell,
        )
        for row in connection.execute(query)
    ]
    return _last_of_each_reporter(facts) if kpi.over_time == "last" else facts


def was_latest(as_at: dt.date | None) -> sa.ColumnElement[bool]:
    """Return the condition that a vintage was the latest on a day; without one, that it is the latest today."""
    if as_at is None:
        return vintage.c.superseded_on.is_(None)
    return sa.and_(
        vintage.c.published_on <= as_at, sa.or_(vintage.c.superseded_on.is_(None), vintage.c.superseded_on > as_at)
    )


def _last_of_each_reporter(facts: list[Fact]) -> list[Fact]:
    """Return, of each reporter, the facts of the last month or quarter that it has."""
    last: dict[str, dt.date] = {}
    for fact in facts:
        last[fact.reporter] = max(last.get(fact.reporter, fact.period_start), fact.period_start)
    return [fact for fact in facts if fact.period_start == last[fact.reporter]]


# --- Read the cells --------------------------------------------------------------------------------------------------


def texts_of_cells(facts: Sequence[Fact], archive_dir: Path) -> list[tuple[str, ...]]:
    """Return, of each fact, the texts of its cells, from the files in the archive, each of which is read once.

    Where there is none to show, what is the matter stands in its place, in brackets.
    """
    addresses = addresses_by_file(fact for fact in facts if not fact.is_sensitive)
    paths: dict[NamedFile, Path] = {}
    for file in addresses:
        path = file.archived(archive_dir)
        if path is not None:
            paths[file] = path
    answers = call_in_workers(read_cells, [(path, (path, addresses[file])) for file, path in paths.items()])
    texts_by_file = dict(zip(paths, answers, strict=True))
    return [_texts_of_fact(fact, texts_by_file.get(fact.file)) for fact in facts]


def addresses_by_file(facts: Iterable[Fact]) -> dict[NamedFile, Addresses]:
    """Return the cells that facts name, by file and sheet."""
    addresses: dict[NamedFile, Addresses] = {}
    for fact in facts:
        addresses.setdefault(fact.file, {}).setdefault(fact.sheet, set()).update(fact.cells)
    return addresses


def read_cells(path: Path, addresses: Addresses) -> CellTexts:
    """Return the texts of cells by sheet and address. To be called in a worker process."""
    texts: CellTexts = {}
    workbook = open_workbook(path)
    try:
        for sheet, cells in addresses.items():
            rows = workbook.sheet(sheet).rows
            texts[sheet] = {}
            for cell in cells:
                row, column = from_a1(cell)
                texts[sheet][cell] = clean(rows[row][column])
    finally:
        workbook.close()
    return texts


def _texts_of_fact(fact: Fact, texts: CellTexts | SourceFileError | None) -> tuple[str, ...]:
    """Return the texts of a fact's cells, from those of its file: an error where it cannot be read, None without it."""
    if fact.is_sensitive:
        return (WITHHELD,)
    if texts is None:
        return ("(the archive has not its file)",)
    if isinstance(texts, SourceFileError):
        return (f"(the file cannot be read: {texts.found})",)
    return tuple(texts[fact.sheet][cell] for cell in fact.cells)
