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
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import IO, Any

from python_calamine import CalamineError, CalamineWorkbook

from msoic_pipeline.workbooks.errors import SourceFileError

SUFFIXES = (".ods", ".xlsx", ".csv", ".csv.gz")
MAX_FILE_BYTES = 512 * 2**20
# The largest real file (partnership tables) is 50 MB that expand to 1.4 GB.
MAX_EXPANDED_BYTES = 4 * 2**30
MAX_EXPANSION = 400
MAX_EXPANSION_OF_SMALL = 2**24
MAX_MEMBERS = 20_000
# Cells from the first to the last of a sheet, empty ones too: the reader holds them all. It refuses more in an ODS.
MAX_CELLS = 100_000_000
MAX_COLUMNS = 16_384

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
    return int(match[2]) - 1, _column_number(match[1]) - 1


def _column_number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


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
        """Return the sheet called ``name``, or only its first ``rows`` rows. Raises SourceFileError if unreadable."""
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
    _check_archive(path, has_addresses=name.endswith(".xlsx"))
    try:
        return Workbook(path, CalamineWorkbook.from_path(str(path)))
    except (CalamineError, OSError) as error:
        raise _unreadable(path, str(error)) from error


def _check_archive(path: Path, has_addresses: bool) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            names = {member.filename for member in members}
            if len(members) > MAX_MEMBERS:
                raise _hostile(path, f"at most {MAX_MEMBERS:,} parts", f"{len(members):,} parts")
            expanded = sum(member.file_size for member in members)
            _check_expansion(path, expanded, sum(member.compress_size for member in members))
            if any(member.flag_bits & 1 for member in members):
                raise _unreadable(path, "the file is encrypted")
            if any(name.lower().endswith("vbaproject.bin") or name.startswith("Basic/") for name in names):
                raise _hostile(path, "a workbook without macros", "a macro project")
            for member in members if has_addresses else ():
                with archive.open(member) as stream:
                    _check_extent(path, stream)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
        raise _unreadable(path, str(error)) from error


def _check_expansion(path: Path, expanded: int, packed: int) -> None:
    if expanded > MAX_EXPANDED_BYTES:
        raise _hostile(path, f"contents of at most {MAX_EXPANDED_BYTES:,} bytes", f"{expanded:,} bytes")
    times = expanded / max(1, packed)
    if expanded > MAX_EXPANSION_OF_SMALL and times > MAX_EXPANSION:
        raise _hostile(path, f"an expansion of at most {MAX_EXPANSION} times", f"{times:,.0f} times")


# A cell tag that does not begin with an address in columns A to Z, or that has a prefix.
_UNUSUAL_CELLS = (re.compile(rb"""<c[\s/>](?!r="[A-Z][0-9])"""), re.compile(rb":c[\s/>]"))
_TAG = re.compile(rb"<(?:\w+:)?(c|row)((?:\s[^>]*)?)>")
_ADDRESS = re.compile(rb"""\sr\s*=\s*["']([A-Za-z]{0,3})([0-9]{1,9})["']""")
_CHUNK = 2**20


def _check_extent(path: Path, stream: IO[bytes]) -> None:
    """Refuse a part whose cells stand so far apart that the rectangle around them would not fit into memory.

    A sheet no wider than column Z always fits: only in others are the addresses read one by one.
    """
    if not any(unusual.search(chunk) for chunk in _whole_tags(path, stream) for unusual in _UNUSUAL_CELLS):
        return
    stream.seek(0)
    last_row, last_column = 0, 0
    for chunk in _whole_tags(path, stream):
        for kind, attributes in _TAG.findall(chunk):
            if address := _ADDRESS.search(attributes):
                last_column = max(last_column, _column_number(address[1].decode().upper()))
                last_row = max(last_row, int(address[2]))
            elif kind == b"c":  # it stands right of the one before, wherever that is
                last_column = MAX_COLUMNS
        if last_row * last_column > MAX_CELLS:
            raise _hostile(path, f"at most {MAX_CELLS:,} cells", f"a cell in row {last_row:,} of a wide sheet")


def _whole_tags(path: Path, stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the text of an XML part in pieces that break between tags."""
    kept = b""
    while piece := stream.read(_CHUNK):
        text = kept + piece
        end = text.rfind(b"<")
        yield text[:end]
        kept = text[end:]
        if len(kept) > _CHUNK:
            raise _hostile(path, "tags of a usual length", f"a tag of more than {_CHUNK:,} bytes")
    yield kept


def _read_csv(path: Path) -> Rows:
    raw = path.read_bytes()
    if path.suffix.lower() == ".gz":
        raw = _gunzip(path, raw)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")
    try:
        return list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise _unreadable(path, str(error)) from error


def _gunzip(path: Path, packed: bytes) -> bytes:
    content = io.BytesIO()
    try:
        with gzip.open(io.BytesIO(packed)) as stream:
            while chunk := stream.read(_CHUNK):
                content.write(chunk)
                _check_expansion(path, content.tell(), len(packed))
    except (OSError, EOFError, zlib.error) as error:
        raise _unreadable(path, str(error)) from error
    return content.getvalue()


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
