"""Cells read by other means than the pipeline's: openpyxl, and small readers of ODS and CSV made for this."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zipfile
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
from openpyxl.utils import get_column_letter

_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"

Place = tuple[str, str]  # sheet and address


def read_cells(path: Path, wanted: Set[Place]) -> dict[Place, Any]:
    """Return the values of the wanted cells of an XLSX, ODS or CSV file."""
    name = path.name.lower()
    read = _xlsx if name.endswith(".xlsx") else _ods if name.endswith(".ods") else _csv
    found: dict[Place, Any] = {}
    for place, value in read(path, {sheet for sheet, _ in wanted}):
        if place in wanted:
            found[place] = value
            if len(found) == len(wanted):
                break
    return found


def _address(row: int, column: int) -> str:
    return get_column_letter(column) + str(row)


def _xlsx(path: Path, sheets: set[str]) -> Iterator[tuple[Place, Any]]:
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        for name in sheets:
            for row in book[name].iter_rows():
                for cell in row:
                    if cell.value is not None:
                        yield (name, cell.coordinate), cell.value
    finally:
        book.close()


def _ods(path: Path, sheets: set[str]) -> Iterator[tuple[Place, Any]]:
    with zipfile.ZipFile(path) as archive, archive.open("content.xml") as stream:
        name, number = "", 0
        for event, element in ElementTree.iterparse(stream, events=("start", "end")):
            if event == "start" and element.tag == f"{_TABLE}table":
                name, number = element.get(f"{_TABLE}name", ""), 0
            elif event == "end" and element.tag == f"{_TABLE}table-row":
                if name in sheets:
                    yield from _ods_row(name, number + 1, element)
                number += int(element.get(f"{_TABLE}number-rows-repeated", "1"))
                element.clear()


def _ods_row(sheet: str, number: int, row: ElementTree.Element) -> Iterator[tuple[Place, Any]]:
    column = 1
    for cell in row:
        repeated = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
        kind = cell.get(f"{_OFFICE}value-type")
        if kind:
            text = "\n".join("".join(paragraph.itertext()) for paragraph in cell.iter(f"{_TEXT}p"))
            value = float(cell.get(f"{_OFFICE}value", "nan")) if kind in ("float", "percentage") else text
            for offset in range(repeated):
                yield (sheet, _address(number, column + offset)), value
        column += repeated


def _csv(path: Path, sheets: set[str]) -> Iterator[tuple[Place, Any]]:
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    (sheet,) = sheets
    for number, row in enumerate(csv.reader(io.StringIO(content.decode("utf-8-sig"))), start=1):
        for column, value in enumerate(row, start=1):
            yield (sheet, _address(number, column)), value


def as_number(value: Any) -> float:
    """Return what a person reads in a cell: 82.4% is 0.824, and -00 is 0."""
    if isinstance(value, int | float):
        return float(value)
    text = re.sub(r"[,\s£]", "", value)
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)
