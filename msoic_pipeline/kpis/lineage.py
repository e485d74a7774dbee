"""From a KPI value to the cells of the publishers' files, by the same definition that sums them."""

from __future__ import annotations

import datetime as dt
import os
import stat
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
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
from msoic_pipeline.workbooks.grid import a1, from_a1, open_workbook
from msoic_pipeline.workbooks.layout import load_source

WITHHELD = "(withheld)"
# Below the output folder. Copies of sensitive returns have one of their own, which only its owner may enter.
COPIES, SENSITIVE_COPIES = "trace", "trace-sensitive"


class WithheldError(Exception):
    """Something was asked for that holds sensitive returns, and not in so many words."""


@dataclass(frozen=True)
class Source:
    """One figure that a KPI rests on: its value (None where it is withheld), and the cells where it stands."""

    value: float | None
    period_start: dt.date
    release_id: str
    file_name: str
    sha256: str
    published_on: dt.date
    sheet: str
    cell: str
    found: tuple[str, ...]


@dataclass(frozen=True)
class Side:
    """A numerator or denominator: its definition in words, what its figures sum to, and the figures."""

    words: str
    total: float
    sources: tuple[Source, ...]


@dataclass(frozen=True)
class Trace:
    """A KPI value, and where it comes from. Of sensitive returns it names the cells, and not what stands in them."""

    kpi: dict[str, Any]
    is_sensitive: bool
    numerator: Side
    denominator: Side | None

    def as_json(self) -> dict[str, Any]:
        """Return the trace as plain values."""
        return asdict(self)


def trace(
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
        known = ", ".join(kpi.kpi_id for kpi in load_definitions())
        raise LookupError(f"no value of {kpi_id!r} for {period} and {geography!r} was known; KPIs are {known}")
    value = values[0]
    kpi = next(kpi for kpi in load_definitions() if kpi.kpi_id == kpi_id)
    _, start = parse_period(period)
    sides = [
        _side(connection, kpi, term, value, start, as_at, archive_dir) if isinstance(term, Term) else None
        for term in (kpi.numerator, kpi.denominator)
    ]
    assert sides[0] is not None
    return Trace(value, kpi.is_sensitive, sides[0], sides[1])


def _side(
    connection: Connection,
    kpi: Kpi,
    term: Term,
    value: dict[str, Any],
    start: dt.date,
    as_at: dt.date | None,
    archive_dir: Path,
) -> Side:
    fact = term.table
    time = fact.c[f"{term.grain}_start"]
    end = period_end(value["period_kind"], start)
    quarters = list(periods("quarter", start, end))
    known: sa.ColumnElement[bool] = vintage.c.superseded_on.is_(None)
    if as_at:
        known = sa.and_(
            vintage.c.published_on <= as_at, sa.or_(vintage.c.superseded_on.is_(None), vintage.c.superseded_on > as_at)
        )
    query = (
        sa.select(
            term.figure.label("value"),
            time.label("time"),
            vintage.c.reporter,
            *(release.c[name] for name in ("release_id", "source", "file_name", "sha256", "published_on")),
            fact.c.sheet,
            fact.c[_cell_column(term)].label("cell"),
        )
        .join_from(fact, vintage, join_vintage(fact, fact))
        .join(release, release.c.release_id == fact.c.release_id)
        .where(
            known,
            fact.c.quarter_start.in_(quarters),
            time.between(start, end),
            term.figure.is_not(None),
            *term.conditions(),
        )
        .order_by(time, release.c.file_name, fact.c.sheet, fact.c.cell)
    )
    wanted = WantedTerm(term, kpi.over_time, kpi.national, kpi.below)
    unit = units_of(wanted, value["geography_kind"], value["geography_code"])
    if unit is not None:
        query = query.where(unit)
    rows: list[dict[str, Any]] = [dict(row) for row in connection.execute(query).mappings()]
    if kpi.over_time == "last":
        rows = _last_of_each_reporter(rows)
    texts = _texts_found(rows, archive_dir)
    sources = tuple(
        Source(
            None if load_source(row["source"]).sensitive else float(row["value"]),
            row["time"],
            row["release_id"],
            row["file_name"],
            row["sha256"],
            row["published_on"],
            row["sheet"],
            row["cell"],
            text,
        )
        for row, text in zip(rows, texts, strict=True)
    )
    return Side(term.words(), sum(float(row["value"]) for row in rows), sources)


def _cell_column(term: Term) -> str:
    """Return the column that holds the cell of a term's measure: the first measure's is ``cell``."""
    own = f"{term.figure.name.rsplit('_', 1)[-1]}_cell"
    return own if own in term.table.columns else "cell"


def _last_of_each_reporter(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    last: dict[str, dt.date] = {}
    for row in rows:
        last[row["reporter"]] = max(last.get(row["reporter"], row["time"]), row["time"])
    return [row for row in rows if row["time"] == last[row["reporter"]]]


def _texts_found(rows: Sequence[dict[str, Any]], archive_dir: Path) -> list[tuple[str, ...]]:
    """Return the texts of the cells that each row names, from the files in the archive, each of which is read once."""
    wanted: dict[tuple[str, str], dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        if not load_source(row["source"]).sensitive:
            wanted[row["source"], row["sha256"]][row["sheet"]].update(row["cell"].split(","))
    paths = {file: find_content(archive_dir, *file) for file in wanted}
    there = {file: path for file, path in paths.items() if path is not None}
    calls = [(path, (path, dict(wanted[file]))) for file, path in there.items()]
    read = dict(zip(there, call_in_workers(read_cells, calls), strict=True))
    found: list[tuple[str, ...]] = []
    for row in rows:
        texts = read.get((row["source"], row["sha256"]))
        if load_source(row["source"]).sensitive:
            found.append((WITHHELD,))
        elif not isinstance(texts, dict):
            found.append((f"(the file cannot be read: {texts.found})" if texts else "(the archive has not its file)",))
        else:
            found.append(tuple(texts[row["sheet"]][cell] for cell in row["cell"].split(",")))
    return found


def read_cells(path: Path, wanted: dict[str, set[str]]) -> dict[str, dict[str, str]]:
    """Return the texts of cells by sheet and address. To be called in a worker process."""
    workbook = open_workbook(path)
    try:
        found = {}
        for sheet, cells in wanted.items():
            rows = workbook.sheet(sheet).rows
            places = {cell: from_a1(cell) for cell in cells}
            found[sheet] = {cell: clean(rows[row][column]) for cell, (row, column) in places.items()}
        return found
    finally:
        workbook.close()


def trace_lines(found: Trace, most: int = 40) -> list[str]:
    """Return a trace as a tree of text; of each side at the most ``most`` figures are shown, and the rest counted."""
    kpi = found.kpi
    value = "missing" if kpi["value"] is None else f"{kpi['value']:,.6g}"
    lines = [
        f"{kpi['title']} ({kpi['kpi_id']}), {kpi['period_label']}, {kpi['geography_code']}: {value} {kpi['unit']}",
        f"├─ {kpi['status']}, {kpi['parts_received']} of {kpi['parts_expected']} parts; known since {kpi['as_of']}",
    ]
    sides = [("numerator", found.numerator), *([("denominator", found.denominator)] if found.denominator else [])]
    for name, side in sides:
        lines.append(f"├─ {name} {side.total:,.6g} = {side.words}")
        by_file: dict[str, list[Source]] = defaultdict(list)
        for source in side.sources:
            by_file[source.file_name].append(source)
        shown = 0
        for file_name, sources in by_file.items():
            first = sources[0]
            total = _figure(None if any(s.value is None for s in sources) else sum(s.value or 0 for s in sources))
            if shown >= most:
                break
            lines.append(f"│  ├─ {file_name} (published {first.published_on}, SHA-256 {first.sha256[:12]}…): {total}")
            for source in sources[: most - shown]:
                texts = ", ".join(source.found)
                lines.append(f"│  │  ├─ {source.sheet}!{source.cell}: {_figure(source.value)}   found {texts!r}")
            shown += len(sources)
        if len(side.sources) > most:
            lines.append(f"│  └─ … {len(side.sources)} figures in {len(by_file)} files in all; --json lists them")
    return lines


def _figure(value: float | None) -> str:
    return WITHHELD if value is None else f"{value:,.6g}"


def highlighted_copies(found: Trace, archive_dir: Path, output_dir: Path, with_sensitive: bool = False) -> list[Path]:
    """Write, for each file that a trace names, a workbook of the sheets concerned with the cells in colour.

    The copies hold values only, whatever the original was (ODS, XLSX or CSV), so that nothing in them can run.

    Raises WithheldError where they would hold sensitive returns, which ``with_sensitive`` allows: then only their owner
    may read them, from the first byte on.
    """
    if found.is_sensitive and not with_sensitive:
        raise WithheldError(
            f"{found.kpi['kpi_id']} rests on returns that are sensitive, and the copies would hold whole returns: none "
            f"was written. --open-sensitive writes them to {output_dir / SENSITIVE_COPIES}, for you alone to read."
        )
    wanted: dict[Source, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    first: dict[str, Source] = {}
    for source in _all_sources(found):
        wanted[first.setdefault(source.sha256, source)][source.sheet].update(source.cell.split(","))
    folder = _private_folder(output_dir) if found.is_sensitive else output_dir / COPIES
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for source, sheets in wanted.items():
        original = find_content(archive_dir, source.release_id.rpartition("-")[0], source.sha256)
        if original is None:
            raise LookupError(f"{source.file_name}: the archive has not its file")
        name = Path(source.file_name).name.split(".")[0]
        target = folder / f"{found.kpi['kpi_id']}-{found.kpi['period_label'].replace('/', '-')}-{name}.xlsx"
        call_in_worker(_write_copy, original, original, dict(sheets), target, 0o600 if found.is_sensitive else 0o666)
        paths.append(target)
    return paths


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


def _write_copy(original: Path, sheets: dict[str, set[str]], target: Path, mode: int) -> None:
    aside = target.with_name(f"{target.name}.partial")
    aside.unlink(missing_ok=True)
    # In memory, since what is written on the way would stand in a folder of temporary files.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    try:
        with (
            os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file,
            xlsxwriter.Workbook(file, options) as copy,
        ):
            _highlight(original, sheets, copy)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def _highlight(original: Path, sheets: dict[str, set[str]], copy: xlsxwriter.Workbook) -> None:
    mark = copy.add_format({"bg_color": "#FFD700", "bold": True, "border": 2})
    date = copy.add_format({"num_format": "yyyy-mm-dd"})
    workbook = open_workbook(original)
    try:
        for sheet, cells in sheets.items():
            page = copy.add_worksheet(sheet[:31])
            for row, values in enumerate(workbook.sheet(sheet).rows):
                for column, value in enumerate(values):
                    style = mark if a1(row, column) in cells else None
                    if isinstance(value, dt.date):
                        moment = dt.datetime(value.year, value.month, value.day)
                        page.write_datetime(row, column, moment, style or date)
                    elif value != "":
                        page.write(row, column, value, style)
            top, left = min(map(from_a1, cells))
            page.set_selection(top, left, top, left)
            page.set_top_left_cell(max(0, top - 5), 0)
    finally:
        workbook.close()


def _all_sources(found: Trace) -> Iterable[Source]:
    yield from found.numerator.sources
    if found.denominator:
        yield from found.denominator.sources
