"""What the fuzzer attacks, and what must hold of it: a text of bytes decides the target and everything done to it.

Nothing here needs the fuzzer itself: an input that it found can be run again with ``run_input``.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
import math
import resource
import shutil
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import yaml

from msoic_pipeline.ingest import reading, staging
from msoic_pipeline.ingest.file_asked import FileAsked
from msoic_pipeline.ingest.sidecars import FIELDS, parse_sidecar
from msoic_pipeline.model.facts import FACTS, cell_column
from msoic_pipeline.texts import clean, fold, fold_mark, is_blank, printable
from msoic_pipeline.wording import shorten
from msoic_pipeline.workbooks import explain as explanation
from msoic_pipeline.workbooks.addresses import from_a1
from msoic_pipeline.workbooks.body import CellReplacement
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Sheet, Workbook, _refuse_long_cells, open_workbook
from msoic_pipeline.workbooks.headers import Match
from msoic_pipeline.workbooks.source import Source, load_source
from msoic_pipeline.workbooks.tidy import FileToTidy, Tidy, tidy_sheet
from msoic_pipeline.workbooks.values import MAX_COUNT, PARSERS, find_parser, parse_number, parser_of_members
from msoic_pipeline_tests.sample import RAW, Grids, GridWorkbook, read_grids

# One input may take so much processor time, and let the process grow by so much.
MOST_SECONDS = 2.0
MOST_GROWTH_KIB = 512 * 1024
ROWS = 40
MOST_EDITS = 24
# Cells of a sheet that is more than a cover or notes.
LARGE = 30
# A table may not grow for ever by rows and columns that are written twice.
MOST_ROWS, MOST_COLUMNS_WIDE = 400, 80
# Of the words that a parser raises, which follow "expected".
WORDS = ("a ", "an ", "one of ", "true or false", "types of ")


class Broken(AssertionError):
    """Something that must hold of every input does not hold of this one."""


def _hold(holds: bool, words: str) -> None:
    if not holds:
        raise Broken(words)


# ---- bytes as choices ------------------------------------------------------------------------------


class Choices:
    """Bytes, taken one after the other as choices; when they have run out, noughts."""

    def __init__(self, content: bytes) -> None:
        self._content, self._at = content, 0

    def __bool__(self) -> bool:
        return self._at < len(self._content)

    def take(self, size: int) -> bytes:
        """Return the next ``size`` bytes, or those that there are."""
        taken = self._content[self._at : self._at + size]
        self._at += size
        return taken

    def rest(self) -> bytes:
        """Return all bytes that are left."""
        return self.take(max(0, len(self._content) - self._at))

    def byte(self) -> int:
        """Return a number up to 255."""
        return int.from_bytes(self.take(1), "big")

    def below(self, limit: int) -> int:
        """Return a number from 0 below ``limit``; 0 where there is none."""
        return int.from_bytes(self.take(1 if limit <= 256 else 2), "big") % limit if limit > 1 else 0

    def pick(self, options: Any) -> Any:
        """Return one of a sequence."""
        return options[self.below(len(options))]


# ---- values ----------------------------------------------------------------------------------------

# Texts that stand near an edge of some rule.
TEXTS = (
    *("", " ", "\u00a0", "\u200b", "\ufeff", "\x00", "\x1b[2J", "\r\n", "\u2028", "\u202e", "\ud800", "\u0085", "\x1f"),
    *("Total", "total", "Grand total", "All", "End of table", "end of worksheet", "\0total", "\0blank", "\0bad", "\0{"),
    *("[x]", "[z]", "[c]", "[r]", "[u]", "-", "..", ":", "N/A", "n/a", "*", "–", "—", "&", "and", "[note 1]", "(note"),
    *(
        "0",
        "-0",
        "-00",
        "1",
        "1.0",
        "01",
        "1,234",
        "1,23",
        "1 234",
        "£5",
        "-£5",
        "82.4%",
        "100%",
        "1e5",
        "1e999",
        "inf",
    ),
    *("inf", "nan", "True", "2147483647", "2147483648", "9" * 400, "٣", "１", "²", "½", "ﬃ", "\ufdfa", "İ", "ß", "ŉ"),
    *("2021", "2021.0", "0000", "9999", "1900", "2021/22", "2021-22", "0000/01", "9999/00", "9999/10000", "2021/23"),
    *("Q1", "Q4", "Quarter 4", "2021-Q4", "Q4 2021", "2021/22 Q3", "9999-Q4", "9999/00 Q4", "0001-Q1", "0000-Q1"),
    *("2021-04", "April 2021", "Apr 2021", "Apr-21", "9999-12", "0001-01", "2021-10-01", "0001-01-01", "9999-12-31"),
    *("3 March 2022", "03/03/2022", "31/12/9999", "2021-W01-1", "20211001", "00:00", "12:30:45", "29 February 2021"),
    *("Albanian", "Albanian UK", "UK", "Female", "Male", "Adult (18 or over)", "Kent", "E23000001", "Labour & Sexual"),
    *(
        "Sexual, Labour & Domestic",
        " and ",
        ",",
        "|",
        "=",
        "Year",
        "Quarter",
        "Count",
        "Gender",
        "Offence Code",
        "4.10",
    ),
    *(
        "4.10",
        "Published: 1 May 2022",
        "Reference period: 2021-Q4",
        "synthetic sample data",
        "Table 1",
        "'",
        '"',
        "%s",
        "{0}",
    ),
)
NUMBERS = (0, 1, -1, 2, 3, 4, 0.0, -0.0, 0.5, 4.1, 1e300, -1e300, 1e16, 2**31 - 1, 2**31, 2**53 + 1, 2**63, 10**400)
ODD_FLOATS = (math.inf, -math.inf, math.nan, 5e-324, 0.1 + 0.2, 99.999999999999)


def _text(choices: Choices) -> str:
    content = choices.take(1 + choices.below(24))
    return content.decode("utf-8", "surrogateescape")


def _long_text(choices: Choices) -> str:
    text = choices.pick(TEXTS) or "x"
    return str(text * min(40_000 // len(text) + 1, 2 ** choices.below(17)))


def _day(choices: Choices) -> dt.date:
    return dt.date.fromordinal(1 + int.from_bytes(choices.take(3), "big") % dt.date.max.toordinal())


def _moment(choices: Choices) -> dt.datetime:
    return dt.datetime.combine(_day(choices), dt.time(choices.below(24), choices.below(60), choices.below(60)))


def _float(choices: Choices) -> float:
    return float(struct.unpack("<d", choices.take(8).ljust(8, b"\0"))[0])


VALUES: tuple[Callable[[Choices], Any], ...] = (
    lambda choices: choices.pick(TEXTS),
    _text,
    lambda choices: choices.pick(TEXTS) + choices.pick(TEXTS),
    _long_text,
    lambda choices: choices.pick(NUMBERS),
    lambda choices: choices.pick(ODD_FLOATS),
    _float,
    lambda choices: int.from_bytes(choices.take(8), "big", signed=True),
    lambda choices: choices.byte(),
    lambda choices: float(choices.byte()),
    _moment,
    _day,
    lambda choices: dt.time(choices.below(24), choices.below(60)),
    lambda choices: dt.timedelta(seconds=int.from_bytes(choices.take(4), "big")),
    lambda choices: bool(choices.below(2)),
    lambda choices: None,
    lambda choices: str(choices.byte()),
    lambda choices: f"20{choices.below(100):02}-Q{1 + choices.below(4)}",
)


def any_value(choices: Choices) -> Any:
    """Return a value such as a cell may hold, or nearly."""
    return choices.pick(VALUES)(choices)


# ---- grids -----------------------------------------------------------------------------------------

# A file of each kind of the sample: its source, and a part of its name.
FILES = (
    ("cps", "quarter-3-2019-2020"),
    ("cps", "quarter-2-2022-2023"),
    ("small_boats", "14-july-2023"),
    ("force_returns", "2021-10/e23000001"),
    ("programme_activity", "2021-22-q2-v2"),
    ("recorded_crime", "prc-pfa-mar2013-onwards-tables-280422"),
    ("recorded_crime", "prc-csp-mar16-mar24"),
    ("recorded_crime", "tables201718"),
    ("crime_outcomes", "mar2024-tables-240724"),
    ("irregular_migration", "december-2021"),
    ("irregular_migration", "dec-2025"),
    ("nrm", "quarter-2-2022"),
    ("nrm", "quarter-4-2022"),
)


class StrictGrids(GridWorkbook):
    """Sheets in memory, of which long cells are refused as they are in a file."""

    def read_head(self, name: str, rows: int) -> Sheet:
        head = super().read_head(name, rows)
        _refuse_long_cells(self.path, head)
        return head


def sample_file(part_of_name: str) -> tuple[str, Path, bytes | None, Grids]:
    """Return a file of FILES: its source, its path, its sidecar, and its sheets, cut, for the caller to change."""
    (number,) = (number for number, (_, part) in enumerate(FILES) if part == part_of_name)
    source, path, sidecar, grids = _file(number)
    return source, path, sidecar, _copied(grids)


@cache
def _file(number: int) -> tuple[str, Path, bytes | None, Grids]:
    source, part = FILES[number]
    folder = RAW / source
    paths = [path for path in sorted(folder.rglob("*")) if part in path.relative_to(RAW).as_posix()]
    path = next(path for path in paths if path.suffix != ".yaml")
    beside = path.with_name(path.name + ".yaml")
    grids = {name: _cut(grid) for name, grid in read_grids(path, 2000).items()}
    return source, path, beside.read_bytes() if beside.exists() else None, grids


def _cut(grid: list[list[Any]]) -> list[list[Any]]:
    ends = [row for row in grid[ROWS:] if row and isinstance(row[0], str) and fold(row[0]).startswith("end of")]
    return grid[:ROWS] + ends


def _copied(grids: Grids) -> Grids:
    return {name: [list(row) for row in grid] for name, grid in grids.items()}


class Sheets:
    """The sheets of a file, edited by choices."""

    def __init__(self, grids: Grids, sidecar: bytes | None, choices: Choices) -> None:
        self.grids = _copied(grids)
        self.sidecar = sidecar
        self._choices = choices

    def edit(self) -> None:
        """Make one edit, which the choices choose."""
        self._choices.pick(EDITS)(self)

    def _name(self) -> str:
        """Return a sheet; mostly one that may hold a table."""
        large = [name for name, grid in self.grids.items() if sum(map(len, grid)) > LARGE]
        return str(self._choices.pick([*self.grids, *large * 3]))

    def _grid(self) -> list[list[Any]]:
        grid = self.grids[self._name()]
        if not grid:
            grid.append([""])
        return grid

    def _row(self, grid: list[list[Any]]) -> int:
        return self._choices.below(len(grid))

    def set_cell(self) -> None:
        grid = self._grid()
        row = grid[self._row(grid)]
        column = self._choices.below(len(row) + 1)
        row.extend([""] * (column + 1 - len(row)))
        row[column] = any_value(self._choices)

    def fill_column(self) -> None:
        """Write one value, or two by turns, into a column from a row on."""
        grid = self._grid()
        first, column = self._row(grid), self._choices.below(max(map(len, grid), default=1) or 1)
        values = (any_value(self._choices), any_value(self._choices))
        for number, row in enumerate(grid[first:]):
            row.extend([""] * (column + 1 - len(row)))
            row[column] = values[number % 2]

    def change_text(self) -> None:
        """Put a text before, behind or into the text of a cell."""
        grid = self._grid()
        row = grid[self._row(grid)]
        if row:
            column = self._choices.below(len(row))
            at, text = self._choices.byte(), str(self._choices.pick(TEXTS))
            old = str(row[column])
            row[column] = old[:at] + text + old[at:]

    def change_kind(self) -> None:
        """Turn a cell's number into text, or its text into a number, or a flag."""
        grid = self._grid()
        row = grid[self._row(grid)]
        if row:
            column = self._choices.below(len(row))
            turn: Callable[[Any], Any] = self._choices.pick((str, float, bool, int, repr))
            try:
                row[column] = turn(row[column])
            except (ValueError, TypeError, OverflowError):
                row[column] = True

    def swap_cells(self) -> None:
        grid = self._grid()
        one, other = grid[self._row(grid)], grid[self._row(grid)]
        if one and other:
            here, there = self._choices.below(len(one)), self._choices.below(len(other))
            one[here], other[there] = other[there], one[here]

    def delete_row(self) -> None:
        grid = self._grid()
        del grid[self._row(grid)]

    def double_row(self) -> None:
        grid = self._grid()
        row, to = self._row(grid), self._row(grid)
        if len(grid) < MOST_ROWS:
            grid.insert(to, list(grid[row]))

    def swap_rows(self) -> None:
        grid = self._grid()
        one, other = self._row(grid), self._row(grid)
        grid[one], grid[other] = grid[other], grid[one]

    def blank_rows(self) -> None:
        grid = self._grid()
        at, number = self._row(grid), self._choices.below(70)
        if len(grid) < MOST_ROWS:
            grid[at:at] = [[] for _ in range(number)]

    def repeat_rows(self) -> None:
        """Write the rows below a row again and again: some stand below what is searched for a header."""
        grid = self._grid()
        at = self._row(grid)
        while at < len(grid) < 80:
            grid.extend([list(row) for row in grid[at:]][: 80 - len(grid)])

    def cut_rows(self) -> None:
        grid = self._grid()
        del grid[self._row(grid) :]

    def delete_column(self) -> None:
        grid = self._grid()
        column = self._choices.below(max(map(len, grid)) or 1)
        for row in grid:
            del row[column : column + 1]

    def double_column(self) -> None:
        grid = self._grid()
        width = max(map(len, grid))
        column, to = self._choices.below(width or 1), self._choices.below(width or 1)
        for row in grid:
            if width < MOST_COLUMNS_WIDE:
                row.insert(to, row[column] if column < len(row) else "")

    def swap_columns(self) -> None:
        grid = self._grid()
        width = max(map(len, grid))
        one, other = self._choices.below(width or 1), self._choices.below(width or 1)
        for row in grid:
            row.extend([""] * (width - len(row)))
            if width:
                row[one], row[other] = row[other], row[one]

    def clear_column(self) -> None:
        grid = self._grid()
        first, column = self._row(grid), self._choices.below(max(map(len, grid)) or 1)
        for row in grid[first:]:
            row[column : column + 1] = [""] * len(row[column : column + 1])

    def rename_sheet(self) -> None:
        old = self._name()
        new = printable(str(self._choices.pick((old + " (2)", self._choices.pick(TEXTS), _text(self._choices)))))
        if new and new not in self.grids:
            self.grids = {(new if name == old else name): grid for name, grid in self.grids.items()}

    def double_sheet(self) -> None:
        old = self._name()
        if len(self.grids) < 24:
            self.grids[f"{old} {len(self.grids)}"] = [list(row) for row in self.grids[old]]

    def delete_sheet(self) -> None:
        name = self._name()
        if len(self.grids) > 1:
            del self.grids[name]

    def say_beside(self) -> None:
        """Write another sidecar: days and periods from the edges, or whatever bytes."""
        lines = {"published_on": "2024-05-01", "reference_period": "2023-Q4", "edition": "1"}
        for _ in range(self._choices.below(3)):
            field = str(self._choices.pick(tuple(FIELDS)))
            lines[field] = str(any_value(self._choices))[:100]
        if self._choices.below(8) == 1:
            del lines["reference_period"]
        self.sidecar = yaml.safe_dump(lines, allow_unicode=True).encode("utf-8", "surrogatepass")


EDITS: tuple[Callable[[Sheets], None], ...] = (
    Sheets.set_cell,
    Sheets.fill_column,
    Sheets.change_text,
    Sheets.change_kind,
    Sheets.swap_cells,
    Sheets.delete_row,
    Sheets.double_row,
    Sheets.swap_rows,
    Sheets.blank_rows,
    Sheets.repeat_rows,
    Sheets.cut_rows,
    Sheets.delete_column,
    Sheets.double_column,
    Sheets.swap_columns,
    Sheets.clear_column,
    Sheets.rename_sheet,
    Sheets.double_sheet,
    Sheets.delete_sheet,
    Sheets.say_beside,
)


def run_grids(choices: Choices) -> str:
    """Read an edited file of the sample; return the rule by which it was refused, or ``accepted``."""
    source, path, sidecar, grids = _file(choices.below(len(FILES)))
    sheets = Sheets(grids, sidecar, choices)
    for _ in range(MOST_EDITS):
        if not choices:
            break
        sheets.edit()
    return read_sheets(source, path, sheets.grids, sheets.sidecar)


def read_sheets(source: str, path: Path, grids: Grids, sidecar: bytes | None) -> str:
    """Read grids as a worker reads a file, and hold everything that came of it against what must hold."""
    asked = FileAsked(source, path, path.relative_to(RAW).as_posix(), hashlib.sha256(b"fuzzed").hexdigest(), sidecar)
    outcome = _read(asked, StrictGrids(path, grids))
    if sum(map(len, grids.values())) % 8 == 0:
        _explain(StrictGrids(path, grids), load_source(source))
    return outcome


def _read(asked: FileAsked, workbook: Workbook) -> str:
    folder = Path(tempfile.mkdtemp(prefix="msoic-fuzz-", dir=_quick_disk()))
    try:
        with _pretending(workbook) as tidied:
            answer = reading.read_file(asked, folder)
        if isinstance(answer, reading.RecognisedFile):
            _check_words(dataclasses.asdict(answer.release) | {"file_name": ""})
        if answer.error is not None:
            check_error(answer.error, asked.name)
            return answer.error.rule
        for table in folder.rglob("*.parquet"):
            _check_table(table)
        for manifest in folder.rglob("manifest.json"):
            _check_words(json.loads(manifest.read_text(encoding="utf-8")))
        for sheet, match, tidy, replacements in tidied:
            check_tidy(sheet, match, tidy, replacements)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return "accepted"


def _explain(workbook: Workbook, source: Source) -> None:
    """Let the command that helps with new layouts look at a file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explanation, "open_workbook", lambda _: workbook)
        try:
            lines = list(explanation.explain(workbook.path, source, dt.date(2023, 1, 1)))
        except SourceFileError as error:
            _hold(bool(error.file and str(error)), "names no file")
            return
    _check_words(lines)


def _check_words(said: Any) -> None:
    """Hold every text within against what can be shown anywhere."""
    if isinstance(said, dict):
        said = [*said, *said.values()]
    if isinstance(said, list | tuple):
        for each in said:
            _check_words(each)
    elif isinstance(said, str):
        _hold(printable(said) == said, f"says {said!r}")


def _quick_disk() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


@contextmanager
def _pretending(workbook: Workbook) -> Iterator[list[tuple[Sheet, Match, Tidy, list[CellReplacement]]]]:
    """Let the file that is opened be ``workbook``, let errors of ours out, and list the sheets that are tidied."""
    tidied: list[tuple[Sheet, Match, Tidy, list[CellReplacement]]] = []

    def tidy(sheet: Sheet, match: Match, source: Source, file: FileToTidy) -> Tidy:
        result = tidy_sheet(sheet, match, source, file)
        tidied.append((sheet, match, result, list(file.replacements)))
        return result

    def let_out(*arguments: Any, **_: Any) -> SourceFileError:
        error = next(argument for argument in arguments if isinstance(argument, BaseException))
        raise Broken(f"{type(error).__name__} came out") from error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "open_workbook", lambda _: workbook)
        patch.setattr(reading, "_check_digest", lambda _: None)
        for made in ("_pipeline_failed", "_reader_failed", "_machine_failed"):
            patch.setattr(reading, made, let_out)
        patch.setattr(staging, "tidy_sheet", tidy)
        yield tidied


def check_error(error: SourceFileError, name: str) -> None:
    """An error names its file, can be shown anywhere, says all its parts, and is no fault of ours."""
    _hold(error.rule not in ("not_conserved", "pipeline_failed", "over_memory"), f"{error.rule}: {error}")
    text = str(error)
    _hold(printable(text) == text, f"unprintable: {text!r}")
    _hold(error.file in (name, f"{name}.yaml") and bool(name), f"names {error.file!r}, not {name!r}")
    _hold(bool(error.rule and error.expected and error.found and error.remedy), f"says too little: {text}")
    _hold(text.startswith(printable(" ".join(error.file.split()))), f"names no file: {text}")


def _check_table(path: Path) -> None:
    table = pa.parquet.read_table(path)
    for field in table.schema:
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            for text in table[field.name].unique().to_pylist():
                _hold(text is None or printable(text) == text, f"{path.stem}.{field.name} holds {text!r}")
        if pa.types.is_integer(field.type):
            numbers = [number for number in table[field.name].to_pylist() if number is not None]
            _hold(not numbers or max(map(abs, numbers)) <= MAX_COUNT, f"{path.stem}.{field.name} holds too much")
        if pa.types.is_floating(field.type):
            for number in table[field.name].to_pylist():
                _hold(number is None or math.isfinite(number), f"{path.stem}.{field.name} holds {number!r}")


def check_tidy(sheet: Sheet, match: Match, tidy: Tidy, replacements: list[CellReplacement]) -> None:
    """Every figure is counted, and what is loaded from a cell is what its parser makes of that very cell."""
    counts = tidy.counts
    body = sheet.rows[match.first_body_row :]
    cells = [row[column] for row in body for column in match.figures if column < len(row)]
    # What is no number (NaN) is something that stands there.
    filled = sum(not is_blank(cell) or isinstance(cell, float) for cell in cells)
    numbers = sum(_is_number(cell) for cell in cells)
    _hold(numbers <= counts.figures <= filled, f"{counts.figures} figures of {numbers} to {filled} cells")
    _hold(counts.rows == len(body), f"{counts.rows} rows of {len(body)}")
    if any(replacement.sheet == match.sheet for replacement in replacements):
        return
    layout = match.layout
    for rows in (tidy.rows, tidy.totals):
        measures = layout.measures if layout.value is None else (layout.value,)
        cell_of = {measure.to: cell_column(FACTS[match.table.fact], measure.to) for measure in measures}
        for measure, cell_name in cell_of.items():
            for value, address in zip(rows[measure], rows.get(cell_name, rows["cell"]), strict=True):
                if value is not None and address:
                    row, column = _place(address)
                    parse = find_parser(match.figures[column].measure.parse)
                    _hold(_parsed(parse, sheet.rows[row][column]) == value, f"{address} is loaded as {value!r}")
        for spec in layout.columns:
            if spec.to not in match.labels or spec.to in layout.sparse or spec.to not in rows:
                continue
            parse = spec.parsers[spec.to]
            for value, address in zip(rows[spec.to], rows[next(iter(cell_of.values()))], strict=True):
                if not address or value == TOTAL:
                    continue
                values = sheet.rows[_place(address)[0]]
                column = match.labels[spec.to]
                text = values[column] if column < len(values) else ""
                if not is_blank(text):
                    _hold(_parsed(parse, text) == value, f"{address}: {spec.to} is loaded as {value!r}")


def _is_number(value: Any) -> bool:
    try:
        parse_number(value)
    except ValueError:
        return False
    return True


_place = lru_cache(maxsize=65536)(from_a1)


@lru_cache(maxsize=65536, typed=True)
def _parsed(parse: Callable[[Any], Any], value: Any) -> Any:
    try:
        return parse(value)
    except ValueError as error:
        raise Broken(f"{value!r} is loaded, though what is expected is {error}") from error


# ---- CSV, sidecars, values -------------------------------------------------------------------------


# By the name of its one sheet a CSV file is known; beside it stands what it does not say of itself.
CSV_NAMES = ("prc-pfa-mar2013-onwards-tables201718.csv", "prc-pfa-mar2013-onwards-tables201718.csv.gz", "fuzzed.csv")
CSV_SIDECAR = b"published_on: 2018-07-19\nreference_period: 2018-Q1\n"


def run_csv(choices: Choices) -> str:
    """Read whatever bytes as a CSV file."""
    name = str(choices.pick(CSV_NAMES))
    with tempfile.TemporaryDirectory(prefix="msoic-fuzz-", dir=_quick_disk()) as folder:
        path = Path(folder, name)
        path.write_bytes(choices.rest())
        try:
            workbook = open_workbook(path)
        except SourceFileError as error:
            check_error(error, name)
            return error.rule
        (sheet_name,) = workbook.sheet_names
        head, sheet = workbook.read_head(sheet_name, 60), workbook.read_sheet(sheet_name)
        _hold(list(head.rows) == list(sheet.rows)[:60], "the head is not the beginning of the sheet")
        _hold(all(isinstance(cell, str) for row in sheet.rows for cell in row), "a cell is no text")
        return _read(FileAsked("recorded_crime", path, f"recorded_crime/{name}", "0" * 64, CSV_SIDECAR), workbook)


def run_sidecar(choices: Choices) -> str:
    """Parse whatever bytes as a sidecar."""
    withhold = bool(choices.below(2))
    content = choices.rest()
    if content[:1] == b"\xff":  # few bytes that stand for many
        content = content[1:33] * (65536 // max(1, len(content[1:33])))
    try:
        details = asdict(parse_sidecar(content, "fuzzed.xlsx.yaml", withhold))
    except SourceFileError as error:
        check_error(error, "fuzzed.xlsx")
        return error.rule
    said = {field: value for field, value in details.items() if value is not None}
    _hold(said.keys() <= FIELDS.keys(), f"names {said.keys()}")
    for field, value in said.items():
        text = str(value)
        _hold(printable(text) == text, f"{field} holds {text!r}")
    return "accepted"


def run_values(choices: Choices) -> str:
    """Clean, fold and parse a value."""
    value = any_value(choices)
    for function in (clean, fold, fold_mark, shorten, printable):
        if function is printable and not isinstance(value, str):
            continue
        try:
            text = function(value)
        except ValueError as error:
            _hold(function is not printable and str(error).startswith("a text of"), f"{function.__name__}: {error}")
            continue
        _hold(function is fold_mark or printable(text) == text, f"{function.__name__} leaves {text!r}")
        if function in (clean, fold) and len(text) < 5000:
            _hold(function(text) == text, f"{function.__name__} is not done with {text!r}: {function(text)!r}")
    for name, parse in (PARSERS | {"members": parser_of_members({"A": (), "B": ("b", "bb")})}).items():
        try:
            read = parse(value)
        except ValueError as error:
            words = str(error)
            _hold(words.startswith(WORDS), f"{name} says {words!r}")
            continue
        if isinstance(read, str):
            _hold(printable(read) == read and bool(read), f"{name} reads {read!r}")
        if isinstance(read, float):
            _hold(math.isfinite(read), f"{name} reads {read!r}")
        if isinstance(read, dt.date):
            _hold(1900 <= read.year < 2100, f"{name} reads {read!r}")
    return "read"


TARGETS: tuple[Callable[[Choices], str], ...] = (run_grids, run_csv, run_sidecar, run_values)
# Grids are slow and have the most to them: of sixteen inputs so many are theirs.
SHARES = (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 3, 3)


def run_input(content: bytes) -> str:
    """Run one input and return what came of it. Raises Broken, or whatever came out that should not."""
    choices = Choices(content)
    target = TARGETS[SHARES[choices.byte() % len(SHARES)]]
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    outcome = f"{target.__name__.removeprefix('run_')}: {target(choices)}"
    seconds = time.process_time() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    _hold(seconds < MOST_SECONDS, f"took {seconds:.1f} s of processor time")
    _hold(grown < MOST_GROWTH_KIB, f"took {grown // 1024} MiB of memory")
    return outcome


def warm_up() -> None:
    """Read every file of the sample once, so that the first input does not pay for it."""
    for number in range(len(FILES)):
        _file(number)
        run_grids(Choices(bytes([number])))
