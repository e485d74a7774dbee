"""Any ODS, XLSX or CSV file as sheets of cells with addresses, read whole, each sheet once.

Cell values are ``str``, ``float``, ``int``, ``bool``, ``datetime`` or ``""`` for an empty cell. Row and column
numbers count from 0; ``addresses`` turns them into what a person sees.
"""

from __future__ import annotations

import csv
import errno
import gzip
import io
import os
import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from msoic_pipeline.resource_limits import (
    MAX_CELL_CHARACTERS,
    MAX_CELLS,
    MAX_COLUMNS,
    MAX_EXPANDED_BYTES,
    MAX_EXPANSION,
    MAX_EXPANSION_OF_SMALL,
    MAX_FILE_BYTES,
    MAX_PARTS,
    MAX_SHEETS,
)
from msoic_pipeline.texts import clean, printable
from msoic_pipeline.workbooks.addresses import a1
from msoic_pipeline.workbooks.errors import SourceFileError

SUFFIXES = (".ods", ".xlsx", ".csv", ".csv.gz")
# So many bytes of a text are expanded at a time, while its size is watched.
_CHUNK = 2**20
# How the reader, written in Rust, ends the words of an error of the operating system.
_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)$")
# What the operating system says where a file's content leads its reader to a place outside the file.
_MISLED_BY_CONTENT = (errno.EINVAL, errno.EOVERFLOW)
# One character may stand for so many: some Arabic signs are whole phrases, which Unicode writes out.
_WRITTEN_OUT = 18

Cell = Any
Rows = Sequence[Sequence[Cell]]


@dataclass(eq=False)
class Sheet:
    """One sheet: its name and its cells from row 0 and column 0, leading blanks included. Each is equal to itself."""

    name: str
    rows: Rows

    @cached_property
    def width(self) -> int:
        """Number of columns of the widest row."""
        return max((len(row) for row in self.rows), default=0)


class Workbook:
    """An open spreadsheet, each sheet of which is read from the file once, when it is first asked for."""

    def __init__(self, path: Path, reader: CalamineWorkbook | None, csv_rows: Rows | None = None) -> None:
        self.path = path
        self._reader = reader
        self._csv_rows = csv_rows
        self._open_sheets: dict[str, CalamineSheet] = {}
        self.sheet_names: list[str] = reader.sheet_names if reader is not None else [_csv_sheet_name(path)]

    def read_head(self, name: str, rows: int) -> Sheet:
        """Return the first ``rows`` rows of the sheet called ``name``; the rest of it stays at hand.

        Raises SourceFileError where it cannot be read, or a cell holds more than any spreadsheet's can; OSError where
        the system does not let us read.
        """
        head = Sheet(name, self._read_rows(name, rows))
        _refuse_long_cells(self.path, head)
        return head

    def read_sheet(self, name: str) -> Sheet:
        """Return the whole sheet called ``name``, and let go of what is kept of it.

        A cell that holds more than any spreadsheet's can is in it: whoever reads that cell rejects it. Raises
        SourceFileError where the sheet cannot be read; OSError where the system does not let us read.
        """
        rows = self._read_rows(name, None)
        self._open_sheets.pop(name, None)
        return Sheet(name, rows)

    def _read_rows(self, name: str, most: int | None) -> Rows:
        if self._reader is None:
            assert self._csv_rows is not None
            return self._csv_rows if most is None else self._csv_rows[:most]
        try:
            if name not in self._open_sheets:
                self._open_sheets[name] = self._reader.get_sheet_by_name(name)
            return self._open_sheets[name].to_python(skip_empty_area=False, nrows=most)
        except (CalamineError, OSError) as error:
            _raise_where_system_failed(error)
            raise _unreadable_file_error(self.path, str(error), sheet=name) from error

    def close(self) -> None:
        """Release the file."""
        self._open_sheets.clear()
        if self._reader is not None:
            self._reader.close()


def _refuse_long_cells(path: Path, head: Sheet) -> None:
    for row, values in enumerate(head.rows):
        for column, value in enumerate(values):
            if isinstance(value, str) and _is_too_long(value):
                raise SourceFileError(
                    "refused_file",
                    file=path.name,
                    sheet=head.name,
                    cell=a1(row, column),
                    expected=f"a cell of at most {MAX_CELL_CHARACTERS:,} characters, as a spreadsheet's can hold",
                    found=f"{len(value):,} characters"
                    + ("" if len(value) > MAX_CELL_CHARACTERS else " that stand for more"),
                    remedy="The file is not read: ask who sent it.",
                )


def _is_too_long(text: str) -> bool:
    """Return whether a text is longer than a cell can be, once it is written out."""
    if len(text) * _WRITTEN_OUT <= MAX_CELL_CHARACTERS:
        return False
    try:
        clean(text)
    except ValueError:
        return True
    return False


def open_workbook(path: Path) -> Workbook:
    """Open a spreadsheet after looking at its size, its kind and what it says of itself.

    What comes out may still be too large, or make the reader abort or hang: files of other people are opened in a
    worker process (``ingest/workers.py``). Raises SourceFileError where the file is empty, truncated, encrypted, of an
    unknown kind, carries macros, or would expand beyond the limits; OSError where the system does not let us read.
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
        raise _refused_file_error(path, f"at most {MAX_FILE_BYTES:,} bytes", f"{size:,} bytes")
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
    _refuse_bad_archive(path)
    try:
        workbook = Workbook(path, CalamineWorkbook.from_path(str(path)))
    except (CalamineError, OSError, ValueError) as error:
        _raise_where_system_failed(error)
        raise _unreadable_file_error(path, str(error)) from error
    _refuse_bad_sheet_names(path, workbook.sheet_names)
    return workbook


def _refuse_bad_sheet_names(path: Path, names: Sequence[str]) -> None:
    if len(names) > MAX_SHEETS:
        raise _refused_file_error(path, f"at most {MAX_SHEETS:,} sheets", f"{len(names):,} sheets")
    for name in names:
        if printable(name) != name:
            raise _refused_file_error(path, "sheets whose names can be printed", f"the sheet {printable(name)!r}")
    if len(set(names)) < len(names):
        raise _refused_file_error(path, "sheets of different names", "two sheets of one name")


def _refuse_bad_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
            if len(members) > MAX_PARTS:
                raise _refused_file_error(path, f"at most {MAX_PARTS:,} parts", f"{len(members):,} parts")
            if len({member.header_offset for member in members}) < len(members):
                raise _refused_file_error(path, "parts that each lie in a place of their own", "several in one place")
            expanded = sum(member.file_size for member in members)
            _refuse_large_expansion(path, expanded, sum(member.compress_size for member in members))
            if any(member.flag_bits & 1 for member in members):
                raise _unreadable_file_error(path, "the file is encrypted")
            if any(name.lower().endswith("vbaproject.bin") or name.startswith("Basic/") for name in names):
                raise _refused_file_error(path, "a workbook without macros", "a macro project")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        _raise_where_system_failed(error)
        raise _unreadable_file_error(path, str(error)) from error


def _raise_where_system_failed(error: Exception) -> None:
    """Raise OSError where it was the operating system that failed, of a bad disk for example, and not the content."""
    told = _SYSTEM_ERROR.search(str(error))
    code = int(told[1]) if told else error.errno if isinstance(error, OSError) else None
    if code is not None and code not in _MISLED_BY_CONTENT:
        raise OSError(code, os.strerror(code)) from error


def _refuse_large_expansion(path: Path, expanded: int, packed: int) -> None:
    if expanded > MAX_EXPANDED_BYTES:
        raise _refused_file_error(path, f"contents of at most {MAX_EXPANDED_BYTES:,} bytes", f"{expanded:,} bytes")
    times = expanded / max(1, packed)
    if expanded > MAX_EXPANSION_OF_SMALL and times > MAX_EXPANSION:
        raise _refused_file_error(path, f"an expansion of at most {MAX_EXPANSION} times", f"{times:,.0f} times")


def _read_csv(path: Path) -> Rows:
    raw = path.read_bytes()
    if path.suffix.lower() == ".gz":
        raw = _expand_gzip(path, raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    del raw
    rows: list[list[str]] = []
    cells = 0
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    try:
        for row in csv.reader(io.StringIO(text, newline=""), strict=True):
            cells += max(1, len(row))
            if len(row) > MAX_COLUMNS:
                raise _refused_file_error(
                    path, f"at most {MAX_COLUMNS:,} columns", f"{len(row):,} in row {len(rows) + 1:,}"
                )
            if cells > MAX_CELLS:
                raise _refused_file_error(path, f"at most {MAX_CELLS:,} cells", f"more, in row {len(rows) + 1:,}")
            rows.append(row)
    except csv.Error as error:
        raise _unreadable_file_error(path, f"row {len(rows) + 1:,}: {error}") from error
    return rows


def _expand_gzip(path: Path, packed: bytes) -> bytes:
    content = io.BytesIO()
    try:
        with gzip.open(io.BytesIO(packed)) as stream:
            while chunk := stream.read(_CHUNK):
                content.write(chunk)
                _refuse_large_expansion(path, content.tell(), len(packed))
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable_file_error(path, str(error)) from error
    return content.getvalue()


def _csv_sheet_name(path: Path) -> str:
    return re.sub(r"\.csv(\.gz)?$", "", path.name, flags=re.IGNORECASE)


def _unreadable_file_error(path: Path, reason: str, sheet: str = "") -> SourceFileError:
    return SourceFileError(
        "unreadable_file",
        file=path.name,
        sheet=sheet,
        expected="a complete spreadsheet",
        found=f"a file that cannot be read ({reason})",
        remedy="It may be truncated or encrypted: fetch it again from the publisher.",
    )


def _refused_file_error(path: Path, expected: str, found: str) -> SourceFileError:
    return SourceFileError(
        "refused_file",
        file=path.name,
        expected=expected,
        found=found,
        remedy="The file is not read. If it is genuine, raise the limit in msoic_pipeline/resource_limits.py.",
    )
