"""From a KPI value to the cells of the publishers' files, by the same definition that sums them.

In the order in which a trace is made: ask for the value, find the facts that its terms sum, read the cells in which
those stand, tell what was found, and copy the sheets with the cells in colour.

For example ``nrm_referrals`` of 2021-Q4 is 3,330: 671 + 795 + 274 + …, the rows of ``fact_nrm_referral`` that its
definition names. The first of them says that it is the cell ``C58`` of the sheet ``Table_2`` of a release. The file of
the release is looked up in the archive by its SHA-256 and that cell read from it, so that the tree shows 671, which is
in the warehouse, beside '671', which the publisher wrote.
"""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import xlsxwriter
from sqlalchemy.engine import Connection

from msoic_pipeline.ingest.archive import find_content
from msoic_pipeline.ingest.reading import call_in_worker, call_in_workers
from msoic_pipeline.kpis.compute import kpi_table
from msoic_pipeline.kpis.definitions import Kpi, Term, load_definitions
from msoic_pipeline.kpis.wanted import WantedTerm, units_of
from msoic_pipeline.model.evidence import release, vintage
from msoic_pipeline.model.views import join_vintage
from msoic_pipeline.periods import parse_period, period_end, periods
from msoic_pipeline.texts import clean
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import a1, from_a1, open_workbook
from msoic_pipeline.workbooks.layout import load_source

WITHHELD = "(withheld)"
FIGURES_SHOWN = 40
# Below the output folder. Copies of sensitive returns have one of their own, which only its owner may enter.
COPIES, SENSITIVE_COPIES = "trace", "trace-sensitive"

# Of a file, the addresses of cells by sheet; and their texts by sheet and address.
Addresses = dict[str, set[str]]
CellTexts = dict[str, dict[str, str]]


class WithheldError(Exception):
    """Something was asked for that holds sensitive returns, and not in so many words."""


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
    """A KPI value (a row of kpi_value, with the KPI's title), and where it comes from.

    Of sensitive returns it names the cells, and not what stands in them.
    """

    kpi: dict[str, Any]
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
            "kpi": self.kpi,
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
    values = kpi_table(connection, kpi_id, period, geography, as_at)
    if not values:
        kpi_ids = ", ".join(kpi.kpi_id for kpi in load_definitions())
        raise LookupError(f"no value of {kpi_id!r} for {period} and {geography!r} was known; KPIs are {kpi_ids}")
    value = values[0]
    kpi = next(kpi for kpi in load_definitions() if kpi.kpi_id == kpi_id)
    _, start = parse_period(period)
    span = (start, period_end(value["period_kind"], start))

    def traced(term: Term) -> TracedTerm:
        wanted = WantedTerm(term, kpi.over_time, kpi.national, kpi.below)
        place = units_of(wanted, value["geography_kind"], value["geography_code"])
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
            fact.c[_cell_column(term)].label("cell"),
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


def _cell_column(term: Term) -> str:
    """Return the column that holds the cell of a term's measure.

    A fact's first measure has ``cell``; a second one has a column of its own, as ``outcomes_closed`` has
    ``closed_cell``.
    """
    column_of_measure = f"{term.figure.name.rsplit('_', 1)[-1]}_cell"
    return column_of_measure if column_of_measure in term.table.columns else "cell"


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
    addresses = _addresses_by_file(fact for fact in facts if not fact.is_sensitive)
    paths: dict[NamedFile, Path] = {}
    for file in addresses:
        path = file.archived(archive_dir)
        if path is not None:
            paths[file] = path
    answers = call_in_workers(read_cells, [(path, (path, addresses[file])) for file, path in paths.items()])
    texts_by_file = dict(zip(paths, answers, strict=True))
    return [_texts_of_fact(fact, texts_by_file.get(fact.file)) for fact in facts]


def _addresses_by_file(facts: Iterable[Fact]) -> dict[NamedFile, Addresses]:
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


# --- Tell ------------------------------------------------------------------------------------------------------------


def trace_lines(trace: Trace, most: int = FIGURES_SHOWN) -> list[str]:
    """Return a trace as a tree of text; of each term at the most ``most`` figures are shown, and the rest counted."""
    kpi = trace.kpi
    value = "missing" if kpi["value"] is None else f"{kpi['value']:,.6g}"
    lines = [
        f"{kpi['title']} ({kpi['kpi_id']}), {kpi['period_label']}, {kpi['geography_code']}: {value} {kpi['unit']}",
        f"├─ {kpi['status']}, {kpi['parts_received']} of {kpi['parts_expected']} parts; known since {kpi['as_of']}",
    ]
    for name, term in trace.terms.items():
        lines += _term_lines(name, term, most)
    return lines


def _term_lines(name: str, term: TracedTerm, most: int) -> Iterator[str]:
    by_file: dict[str, list[TracedFigure]] = defaultdict(list)
    for figure in term.figures:
        by_file[figure.fact.file.file_name].append(figure)
    yield f"├─ {name} {term.total:,.6g} = {term.definition}"
    still_to_show = most
    for figures in by_file.values():
        if still_to_show <= 0:
            break
        yield from _file_lines(figures, still_to_show)
        still_to_show -= len(figures)
    if len(term.figures) > most:
        yield f"│  └─ … {len(term.figures)} figures in {len(by_file)} files in all; --json lists them"


def _file_lines(figures: Sequence[TracedFigure], most: int) -> Iterator[str]:
    """Yield a file with what its figures sum to, and the first of them."""
    first = figures[0].fact
    values = [figure.value for figure in figures]
    # One that is withheld withholds the sum: it could be worked out from it.
    total = None if None in values else sum(value for value in values if value is not None)
    digest = first.file.sha256[:12]
    yield f"│  ├─ {first.file.file_name} (published {first.published_on}, SHA-256 {digest}…): {_value_text(total)}"
    for figure in figures[:most]:
        texts = ", ".join(figure.texts)
        yield f"│  │  ├─ {figure.fact.sheet}!{figure.fact.cell}: {_value_text(figure.value)}   found {texts!r}"


def _value_text(value: float | None) -> str:
    return WITHHELD if value is None else f"{value:,.6g}"


# --- Copy the sheets, with the cells in colour -----------------------------------------------------------------------


def write_highlighted_copies(
    trace: Trace, archive_dir: Path, output_dir: Path, with_sensitive: bool = False
) -> list[Path]:
    """Write, for each file that a trace names, a workbook of the sheets concerned with the cells in colour.

    The copies hold values only, whatever the original was (ODS, XLSX or CSV), so that nothing in them can run. Returns
    their paths.

    Raises WithheldError where they would hold sensitive returns, which ``with_sensitive`` allows: then only their owner
    may read them, from the first byte on. Raises LookupError where the archive has not a file.
    """
    if trace.is_sensitive and not with_sensitive:
        raise WithheldError(
            f"{trace.kpi['kpi_id']} rests on returns that are sensitive, and the copies would hold whole returns: none "
            f"was written. --open-sensitive writes them to {output_dir / SENSITIVE_COPIES}, for you alone to read."
        )
    folder = _private_folder(output_dir) if trace.is_sensitive else output_dir / COPIES
    folder.mkdir(parents=True, exist_ok=True)
    mode = 0o600 if trace.is_sensitive else 0o666
    facts = [figure.fact for term in trace.terms.values() for figure in term.figures]
    paths = []
    for file, addresses in _addresses_by_file(facts).items():
        original = file.archived(archive_dir)
        if original is None:
            raise LookupError(f"{file.file_name}: the archive has not its file")
        target = folder / _name_of_copy(trace, file)
        call_in_worker(_write_copy, original, original, addresses, target, mode)
        paths.append(target)
    return paths


def _name_of_copy(trace: Trace, file: NamedFile) -> str:
    """Return, say, ``nrm_referrals-2021-22-quarter-4.xlsx``."""
    stem = Path(file.file_name).name.split(".")[0]
    return f"{trace.kpi['kpi_id']}-{trace.kpi['period_label'].replace('/', '-')}-{stem}.xlsx"


def _private_folder(output_dir: Path) -> Path:
    """Return the folder of sensitive copies, made for its owner alone.

    Raises WithheldError where something stands there that others may enter.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    folder = output_dir / SENSITIVE_COPIES
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError as error:
        there = folder.lstat()
        if not stat.S_ISDIR(there.st_mode) or there.st_mode & 0o077 or there.st_uid != os.getuid():
            raise WithheldError(
                f"{folder}: expected a folder of your own that only you may enter (mode 0700), found mode "
                f"{stat.filemode(there.st_mode)} of user {there.st_uid}: nothing was written. Remove it and try again."
            ) from error
    return folder


def _write_copy(original: Path, addresses: Addresses, target: Path, mode: int) -> None:
    """Write the copy of a file to ``target``, which has the permissions ``mode`` from its first byte on.

    To be called in a worker process.
    """
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    # In memory, since what is written on the way would stand in a folder of temporary files.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    try:
        with (
            os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file,
            xlsxwriter.Workbook(file, options) as copy,
        ):
            _copy_sheets(original, addresses, copy)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _copy_sheets(original: Path, addresses: Addresses, copy: xlsxwriter.Workbook) -> None:
    in_colour = copy.add_format({"bg_color": "#FFD700", "bold": True, "border": 2})
    date = copy.add_format({"num_format": "yyyy-mm-dd"})
    workbook = open_workbook(original)
    try:
        for sheet, cells in addresses.items():
            page = copy.add_worksheet(sheet[:31])  # Excel's limit; what a CSV file is called may be longer
            for row, values in enumerate(workbook.sheet(sheet).rows):
                for column, value in enumerate(values):
                    style = in_colour if a1(row, column) in cells else None
                    if isinstance(value, dt.date):
                        moment = dt.datetime(value.year, value.month, value.day)
                        page.write_datetime(row, column, moment, style or date)
                    elif value != "":
                        page.write(row, column, value, style)
            # Opens where the first of the cells stands.
            top, left = min(map(from_a1, cells))
            page.set_selection(top, left, top, left)
            page.set_top_left_cell(max(0, top - 5), 0)
    finally:
        workbook.close()
