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
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.ingest.archive import find_content
from msoic_pipeline.ingest.workers import call_in_workers
from msoic_pipeline.kpis.definitions import find_definition, load_definitions
from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.kpis.standing_facts import PeriodAsAt, keep_last_of_each_reporter, select_standing_facts
from msoic_pipeline.kpis.wanted import WantedTerm, are_in_geography, list_terms
from msoic_pipeline.kpis.work_tables import SCALE
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.facts import cell_column
from msoic_pipeline.model.geography import NATIONAL, find_geographies
from msoic_pipeline.periods import parse_period, period_end
from msoic_pipeline.texts import clean
from msoic_pipeline.wording import WITHHELD, first_of
from msoic_pipeline.workbooks.addresses import from_a1
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import open_workbook
from msoic_pipeline.workbooks.source import load_source

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
class FactRow:
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

    fact: FactRow
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
            "texts": self.texts,
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
            "definition": self.definition,
            "total": self.total,
            "figures": tuple(figure.as_json() for figure in self.figures),
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
            "value": asdict(self.value),
            "is_sensitive": self.is_sensitive,
            "numerator": self.numerator.as_json(),
            "denominator": self.denominator.as_json() if self.denominator else None,
        }


class UntraceableError(Exception):
    """The facts that stand in the warehouse do not add up to a KPI value."""

    def __init__(self, value: KnownValue) -> None:
        super().__init__(
            f"{value.kpi_id} of {value.period_label}, {value.geography_code}: the facts that stand now do not add up "
            "to the value, which was computed from others. `msoic run` computes it again."
        )


# --- Ask for the value -----------------------------------------------------------------------------------------------


def trace_value(
    connection: Connection,
    archive_dir: Path,
    kpi_id: str,
    period: str,
    geography: str = NATIONAL,
    as_at: dt.date | None = None,
) -> Trace:
    """Return where a KPI value comes from, as known on ``as_at`` (today where it is not given).

    ``geography`` is written as for ``model.geography.find_geographies``.

    Raises LookupError where there is no such value, or several; UntraceableError where the facts do not add up to it.
    """
    value = _find_value(connection, kpi_id, period, geography, as_at)
    kpi = find_definition(kpi_id)
    _, start = parse_period(period)
    period_as_at = PeriodAsAt(start, period_end(value.period_kind, start), as_at)
    wanted_terms = list_terms(kpi)
    facts_of_terms = [_find_facts_of_value(connection, value, wanted, period_as_at) for wanted in wanted_terms]
    _check_sums(value, facts_of_terms)
    texts = read_texts_of_cells({fact for facts in facts_of_terms for fact in facts}, archive_dir)
    terms = [_make_term(wanted, facts, texts) for wanted, facts in zip(wanted_terms, facts_of_terms, strict=True)]
    numerator, *denominators = terms
    return Trace(value, kpi.is_sensitive, numerator, denominators[0] if denominators else None)


def _find_facts_of_value(
    connection: Connection, value: KnownValue, wanted: WantedTerm, period_as_at: PeriodAsAt
) -> list[FactRow]:
    """Return the facts that a term of a KPI value sums: those of the value's geography."""
    in_geography = are_in_geography(wanted, value.geography_kind, value.geography_code)
    return find_facts(connection, wanted, period_as_at, in_geography)


def _check_sums(value: KnownValue, facts_of_terms: Sequence[Sequence[FactRow]]) -> None:
    """Raise UntraceableError where the facts of a term do not add up to the sum that stands in the value."""
    # A denominator may also be a number of periods, which stands in no cell.
    for facts, sum_in_value in zip(facts_of_terms, (value.numerator, value.denominator), strict=False):
        total = sum(fact.value for fact in facts)
        # A sum is made of as many rounded figures as it has, at the most.
        if not math.isclose(total, sum_in_value or 0.0, rel_tol=1e-9, abs_tol=len(facts) / SCALE):
            raise UntraceableError(value)


def _make_term(wanted: WantedTerm, facts: Sequence[FactRow], texts: Mapping[FactRow, tuple[str, ...]]) -> TracedTerm:
    """Return a term of a value with what stands in the cells of its facts."""
    figures = tuple(TracedFigure(fact, texts[fact]) for fact in facts)
    return TracedTerm(wanted.term.words(), sum(fact.value for fact in facts), figures)


def _find_value(connection: Connection, kpi_id: str, period: str, geography: str, as_at: dt.date | None) -> KnownValue:
    """Return the one value that is asked for. Raises LookupError where there is none, or more than one."""
    values = find_known_values(connection, kpi_id, period, find_geographies(geography), as_at)
    if not values:
        kpi_ids = ", ".join(kpi.kpi_id for kpi in load_definitions())
        raise LookupError(f"no value of {kpi_id!r} for {period} and {geography!r} was known; KPIs are {kpi_ids}")
    if len(values) > 1:
        named = first_of([value.geography.written for value in values])
        raise LookupError(f"{geography!r} is of several values of {kpi_id!r} for {period}: name one of {named}")
    return values[0]


# --- Find the facts --------------------------------------------------------------------------------------------------


def find_facts(
    connection: Connection, wanted: WantedTerm, period_as_at: PeriodAsAt, in_geography: sa.ColumnElement[bool] | None
) -> list[FactRow]:
    """Return the facts that a term of a KPI sums, in order of time, file, sheet and cell.

    ``in_geography`` is the condition on the rows of a geography (None: all). Of a stock they are each reporter's last
    in the period, as the KPI's value is.
    """
    fact = wanted.term.table
    query = (
        _select_facts_with_cells(wanted, period_as_at, in_geography)
        .add_columns(*(release.c[name] for name in ("source", "file_name", "sha256", "published_on")))
        .join(release, release.c.release_id == fact.c.release_id)
        .order_by("period_start", release.c.file_name, fact.c.sheet, fact.c.cell)
    )
    facts = [
        FactRow(
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
    if wanted.is_stock:
        return keep_last_of_each_reporter(connection, wanted.term, period_as_at, facts)
    return facts


def _select_facts_with_cells(
    wanted: WantedTerm, period_as_at: PeriodAsAt, in_geography: sa.ColumnElement[bool] | None
) -> sa.Select[Any]:
    """Return the query of the facts that a term sums, with ``release_id``, ``sheet`` and ``cell`` of each."""
    fact = wanted.term.table
    query = select_standing_facts(wanted.term, period_as_at).add_columns(
        fact.c.release_id,
        fact.c.sheet,
        fact.c[cell_column(fact, wanted.term.measure_column.name)].label("cell"),
    )
    return query if in_geography is None else query.where(in_geography)


@dataclass(frozen=True)
class SummedCells:
    """Of a release and sheet the cells that a term sums, and what they come to."""

    release_id: str
    sheet: str
    cells: tuple[str, ...]
    total: float


def find_summed_cells(
    connection: Connection, wanted: WantedTerm, period_as_at: PeriodAsAt, in_geography: sa.ColumnElement[bool] | None
) -> list[SummedCells]:
    """Return the cells of the facts that ``find_facts`` would return, by release and sheet.

    Tables of first responders have thousands of cells behind one figure: they are put together by the database.
    """
    if wanted.is_stock:
        return _group_cells(find_facts(connection, wanted, period_as_at, in_geography))
    each = _select_facts_with_cells(wanted, period_as_at, in_geography).subquery()
    query = (
        sa.select(
            each.c.release_id,
            each.c.sheet,
            sa.func.aggregate_strings(each.c.cell, ",").label("cells"),
            sa.func.sum(each.c.value).label("total"),
        )
        .group_by(each.c.release_id, each.c.sheet)
        .order_by(each.c.release_id, each.c.sheet)
    )
    return [
        SummedCells(row.release_id, row.sheet, tuple(row.cells.split(",")), float(row.total))
        for row in connection.execute(query)
    ]


def _group_cells(facts: Iterable[FactRow]) -> list[SummedCells]:
    cells: dict[tuple[str, str], list[str]] = {}
    totals: dict[tuple[str, str], float] = {}
    for fact in facts:
        sheet = (fact.release_id, fact.sheet)
        cells.setdefault(sheet, []).extend(fact.cells)
        totals[sheet] = totals.get(sheet, 0.0) + fact.value
    return [
        SummedCells(release_id, sheet, tuple(addresses), totals[release_id, sheet])
        for (release_id, sheet), addresses in cells.items()
    ]


# --- Read the cells --------------------------------------------------------------------------------------------------


def read_texts_of_cells(facts: Collection[FactRow], archive_dir: Path) -> dict[FactRow, tuple[str, ...]]:
    """Return, by the fact, the texts of its cells, from the files in the archive, each of which is read once.

    Where there is none to show, what is the matter stands in its place, in brackets.
    """
    addresses = list_addresses(fact for fact in facts if not fact.is_sensitive)
    paths: dict[NamedFile, Path] = {}
    for file in addresses:
        path = file.archived(archive_dir)
        if path is not None:
            paths[file] = path
    answers = call_in_workers(read_cells, [(path, (path, addresses[file])) for file, path in paths.items()])
    texts_by_file = dict(zip(paths, answers, strict=True))
    return {fact: _texts_of_fact(fact, texts_by_file.get(fact.file)) for fact in facts}


def list_addresses(facts: Iterable[FactRow]) -> dict[NamedFile, Addresses]:
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
            rows = workbook.read_sheet(sheet).rows
            texts[sheet] = {}
            for cell in cells:
                row, column = from_a1(cell)
                texts[sheet][cell] = clean(rows[row][column])
    finally:
        workbook.close()
    return texts


def _texts_of_fact(fact: FactRow, texts: CellTexts | SourceFileError | None) -> tuple[str, ...]:
    """Return the texts of a fact's cells, from those of its file: an error where it cannot be read, None without it."""
    if fact.is_sensitive:
        return (WITHHELD,)
    if texts is None:
        return ("(the archive has not its file)",)
    if isinstance(texts, SourceFileError):
        return (f"(the file cannot be read: {texts.found})",)
    return tuple(texts[fact.sheet][cell] for cell in fact.cells)
