"""Byte-for-byte reproducible spreadsheet writers for the sample data.

A sheet is a list of rows; a row is a list of cells; a cell is text, a number, a date, or None.
Nothing here depends on the clock, so the same figures always make the same file.
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import xlsxwriter
import yaml

Cell = str | int | float | dt.date | None
Row = list[Cell]
Rows = Sequence[Sequence[Cell]]

# What the files of most sources say of themselves.
SYNTHETIC = "Synthetic sample data: national totals are as published where known, everything below is invented."

_FIXED_MOMENT = dt.datetime(2000, 1, 1)
_ZIP_MOMENT = (1980, 1, 1, 0, 0, 0)


def write_xlsx(path: Path, sheets: Mapping[str, Rows]) -> None:
    """Write ``sheets`` (name → rows) to an XLSX file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with xlsxwriter.Workbook(str(path), options) as workbook:
        workbook.set_properties({"created": _FIXED_MOMENT, "author": "msoic_pipeline sample data"})
        date_format = workbook.add_format({"num_format": "dd/mm/yyyy"})
        for name, rows in sheets.items():
            worksheet = workbook.add_worksheet(name)
            for number, row in enumerate(rows):
                for column, value in enumerate(row):
                    if isinstance(value, dt.date):
                        moment = dt.datetime(value.year, value.month, value.day)
                        worksheet.write_datetime(number, column, moment, date_format)
                    elif value is not None:
                        worksheet.write(number, column, value)


def write_ods(path: Path, sheets: Mapping[str, Rows]) -> None:
    """Write ``sheets`` (name → rows) to an OpenDocument spreadsheet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = io.StringIO()
    body.write(
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" office:version="1.2">'
        "<office:body><office:spreadsheet>"
    )
    for name, rows in sheets.items():
        body.write(f'<table:table table:name="{escape(name, {chr(34): "&quot;"})}">')
        for row in rows:
            body.write("<table:table-row>")
            body.write("".join(_ods_cell(value) for value in row) or "<table:table-cell/>")
            body.write("</table:table-row>")
        body.write("</table:table>")
    body.write("</office:spreadsheet></office:body></office:document-content>")
    manifest = (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">'
        '<manifest:file-entry manifest:full-path="/" '
        'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
        '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>'
        "</manifest:manifest>"
    )
    with zipfile.ZipFile(path, "w") as archive:
        _add(archive, "mimetype", b"application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        _add(archive, "META-INF/manifest.xml", manifest.encode(), zipfile.ZIP_DEFLATED)
        _add(archive, "content.xml", body.getvalue().encode(), zipfile.ZIP_DEFLATED)


def write_workbook(path: Path, sheets: Mapping[str, Rows]) -> None:
    """Write ``sheets`` (name → rows) to the spreadsheet that the file's name asks for: ``.ods`` or ``.xlsx``."""
    if path.suffix == ".ods":
        write_ods(path, sheets)
    else:
        write_xlsx(path, sheets)


def write_csv(path: Path, rows: Rows) -> None:
    """Write ``rows`` to a CSV file, compressed when the name ends in ``.gz``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    content = text.getvalue().encode()
    if path.suffix == ".gz":
        buffer = io.BytesIO()
        with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, mtime=0) as archive:
            archive.write(content)
        content = buffer.getvalue()
    path.write_bytes(content)


def write_sidecar(
    path: Path, title: str, published_on: dt.date, reference_period: str, edition: int = 1, note: str | None = None
) -> None:
    """Write what a published file does not say in a parsable way beside it, as ``<file name>.yaml``."""
    facts: dict[str, object] = {
        "title": title,
        "published_on": published_on,
        "reference_period": reference_period,
        "edition": edition,
        "is_synthetic": True,
    }
    if note:
        facts["note"] = note
    text = yaml.safe_dump(facts, sort_keys=False, allow_unicode=True, width=1000)
    path.with_name(path.name + ".yaml").write_text(text, encoding="utf-8")


def _ods_cell(value: Cell) -> str:
    if value is None or value == "":
        return "<table:table-cell/>"
    if isinstance(value, dt.date):
        return _typed_cell("date", f' office:date-value="{value.isoformat()}"', f"{value:%d/%m/%Y}")
    if isinstance(value, int | float):
        return _typed_cell("float", f' office:value="{value}"', str(value))
    return _typed_cell("string", "", escape(value))


def _typed_cell(kind: str, value: str, text: str) -> str:
    return f'<table:table-cell office:value-type="{kind}"{value}><text:p>{text}</text:p></table:table-cell>'


def _add(archive: zipfile.ZipFile, name: str, content: bytes, method: int) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_MOMENT)
    entry.compress_type = method
    archive.writestr(entry, content, compresslevel=9)
