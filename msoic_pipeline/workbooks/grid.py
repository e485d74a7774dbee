"""Any ODS, XLSX or CSV file as sheets of cells with addresses, read within limits that a hostile file cannot pass.

Cell values are ``str``, ``float``, ``int``, ``bool``, ``datetime`` or ``""`` for an empty cell. Row and column
numbers count from 0; ``a1`` turns them into the address that a person sees.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from msoic_pipeline.workbooks.errors import SourceFileError

SUFFIXES = (".ods", ".xlsx", ".csv", ".csv.gz")
MAX_FILE_BYTES = 512 * 2**20
# The largest real file (partnership tables) is 50 MB that expand to 1.4 GB.
MAX_EXPANDED_BYTES = 4 * 2**30
MAX_EXPANSION = 400
MAX_MEMBERS = 20_000

Cell = Any
Rows = Sequence[Sequence[Cell]]


@cache
def column_letters(column: int) -> str:
    """Return the letters of a column counted from 0: 0 → ``A``, 26 → ``AA``."""
    letters = ""
    column += 1
    while column:
        column, remainder = divmod(column - 1, 26)
        letters = chr(65 + remainder) + letters
    return letters


def a1(row: int, column: int) -> str:
    """Return the address of the cell at ``row`` and ``column``, both counted from 0: (3, 2) → ``C4``."""
    return f"{column_letters(column)}{row + 1}"


def from_a1(address: str) -> tuple[int, int]:
    """Return row and column, counted from 0, of an address such as ``C4``. Raises ValueError for any other text."""
    match = re.fullmatch(r"([A-Z]{1,3})([1-9]\d*)", address)
    if not match:
        raise ValueError(f"expected a cell address such as C4, found {address!r}")
    column = 0
    for letter in match[1]:
        column = column * 26 + ord(letter) - 64
    return int(match[2]) - 1, column - 1


@dataclass
class Sheet:
    """One sheet: its name and its cells from row 0 and column 0, leading blanks included."""

    name: str
    rows: Rows

    @cached_property
    def width(self) -> int:
        """Number of columns of the widest row."""
        return max((len(row) for row in self.rows), default=0)


class Workbook:
    """An open spreadsheet; sheets are read when they are asked for."""

    def __init__(self, path: Path, reader: CalamineWorkbook | None, csv_rows: Rows | None = None) -> None:
        self.path = path
        self._reader = reader
        self._csv_rows = csv_rows
        self.sheet_names: list[str] = reader.sheet_names if reader is not None else [_csv_sheet_name(path)]

    def sheet(self, name: str, rows: int | None = None) -> Sheet:
        """Return the sheet called ``name``, or only its first ``rows`` rows."""
        if self._reader is None:
            assert self._csv_rows is not None
            return Sheet(name, self._csv_rows if rows is None else self._csv_rows[:rows])
        try:
            cells = self._reader.get_sheet_by_name(name).to_python(skip_empty_area=False, nrows=rows)
        except CalamineError as error:
            raise _unreadable(self.path, str(error), sheet=name) from error
        return Sheet(name, cells)

    def close(self) -> None:
        """Release the file."""
        if self._reader is not None:
            self._reader.close()


def open_workbook(path: Path) -> Workbook:
    """Open a spreadsheet after checking that it is safe to read.

    Raises SourceFileError where the file is empty, truncated, encrypted, of an unknown kind, carries macros, or would
    expand beyond the limits above.
    """
    size = path.stat().st_size
    if size == 0:
        raise SourceFileError(
            "empty_file",
            file=path.name,
            expected="a spreadsheet",
            found="an empty file (0 bytes)",
            remedy="Fetch the file again from the publisher.",
        )
    if size > MAX_FILE_BYTES:
        raise _hostile(path, f"at most {MAX_FILE_BYTES:,} bytes", f"{size:,} bytes")
    name = path.name.lower()
    if name.endswith((".csv", ".csv.gz")):
        return Workbook(path, None, _read_csv(path))
    if not name.endswith((".ods", ".xlsx")):
        raise SourceFileError(
            "unknown_kind",
            file=path.name,
            expected=f"one of the file kinds {', '.join(SUFFIXES)}",
            found=f"{path.suffix or 'no suffix'}",
            remedy="Save the publisher's own file here, unconverted, or remove this one.",
        )
    _check_archive(path)
    try:
        return Workbook(path, CalamineWorkbook.from_path(str(path)))
    except (CalamineError, OSError) as error:
        raise _unreadable(path, str(error)) from error


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _unreadable(path, str(error)) from error
    expanded = sum(member.file_size for member in members)
    packed = max(1, sum(member.compress_size for member in members))
    if len(members) > MAX_MEMBERS:
        raise _hostile(path, f"at most {MAX_MEMBERS:,} parts", f"{len(members):,} parts")
    if expanded > MAX_EXPANDED_BYTES:
        raise _hostile(path, f"contents of at most {MAX_EXPANDED_BYTES:,} bytes", f"{expanded:,} bytes")
    if expanded > 2**24 and expanded / packed > MAX_EXPANSION:
        raise _hostile(path, f"an expansion of at most {MAX_EXPANSION} times", f"{expanded / packed:,.0f} times")
    if any(member.flag_bits & 1 for member in members):
        raise _unreadable(path, "the file is encrypted")
    if any(name.lower().endswith("vbaproject.bin") or name.startswith("Basic/") for name in names):
        raise _hostile(path, "a workbook without macros", "a macro project")


def _read_csv(path: Path) -> Rows:
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            with gzip.open(io.BytesIO(raw)) as stream:
                raw = stream.read(MAX_EXPANDED_BYTES + 1)
            if len(raw) > MAX_EXPANDED_BYTES:
                raise _hostile(path, f"contents of at most {MAX_EXPANDED_BYTES:,} bytes", "more")
    except (OSError, EOFError) as error:
        raise _unreadable(path, str(error)) from error
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    try:
        return list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error


def _csv_sheet_name(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".csv")


def _unreadable(path: Path, reason: str, sheet: str = "") -> SourceFileError:
    return SourceFileError(
        "unreadable_file",
        file=path.name,
        sheet=sheet,
        expected="a complete spreadsheet",
        found=f"a file that cannot be read ({reason})",
        remedy="It may be truncated or encrypted: fetch it again from the publisher.",
    )


def _hostile(path: Path, expected: str, found: str) -> SourceFileError:
    return SourceFileError(
        "refused_file",
        file=path.name,
        expected=expected,
        found=found,
        remedy="The file is not read. If it is genuine, raise the limit in msoic_pipeline/workbooks/grid.py.",
    )
