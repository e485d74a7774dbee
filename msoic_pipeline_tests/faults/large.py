"""Files as large as the largest real ones: the partnership tables in one ODS, a year's outcomes in one XLSX."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import IO

import xlsxwriter

from msoic_pipeline_tests.conftest import REPOSITORY

NAMESPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
)
CALC = 'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
PARTNERSHIP_HEADER = (
    "Financial Year",
    "Financial Quarter",
    "Police Force",
    "CSP Name",
    "Offence Description",
    "Offence Group",
    "Offence Subgroup",
    "Offence Code",
    "Offence Count",
)
OUTCOME_HEADER = (
    "Financial Year",
    "Financial Quarter",
    "Force Name",
    "Offence Description",
    "Offence Group",
    "Offence Subgroup",
    "Offence Code",
    "Offence code expired",
    "Outcome Description",
    "Outcome Group",
    "Outcome Type",
    "Outcomes for offences that were recorded in the quarter",
    "Outcomes for investigations closed in the quarter",
)
FORCES = ("Avon and Somerset", "Bedfordshire", "Kent", "Merseyside", "Gwent")
YEARS = range(2015, 2023)


def _text(value: object) -> str:
    words = str(value).replace("&", "&amp;")
    return (
        '<table:table-cell office:value-type="string" calcext:value-type="string" table:style-name="ce1">'
        f"<text:p>{words}</text:p></table:table-cell>"
    )


def _number(value: int) -> str:
    return (
        '<table:table-cell office:value-type="float" calcext:value-type="float" '
        f'office:value="{value}" table:style-name="ce2"><text:p>{value}</text:p></table:table-cell>'
    )


def _row(cells: str) -> str:
    return f'<table:table-row table:style-name="ro1">{cells}</table:table-row>'


def write_partnerships(path: Path, rows_a_year: int) -> None:
    """Write an ODS of eight years; the real one has about 185,000 rows a year."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr("META-INF/manifest.xml", _MANIFEST)
        with archive.open("content.xml", "w", force_zip64=True) as content:
            content.write(f"<office:document-content {NAMESPACES} {CALC}><office:body><office:spreadsheet>".encode())
            cover = ("Police recorded crime and outcomes open data: Community Safety Partnership tables", SYNTHETIC)
            _write_table(content, "Cover_sheet", (_row(_text(line)) for line in cover))
            for year in YEARS:
                _write_table(content, f"{year}-{(year + 1) % 100:02}", _partnership_rows(year, rows_a_year))
            content.write(b"</office:spreadsheet></office:body></office:document-content>")


SYNTHETIC = "synthetic sample data"
_MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">'
    '<manifest:file-entry manifest:full-path="/" '
    'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/>'
    '<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/></manifest:manifest>'
)


def _write_table(content: IO[bytes], name: str, rows: Iterator[str]) -> None:
    content.write(f'<table:table table:name="{name}">'.encode())
    for row in rows:
        content.write(row.encode())
    content.write(b"</table:table>")


def _partnership_rows(year: int, number: int) -> Iterator[str]:
    yield _row("".join(map(_text, PARTNERSHIP_HEADER)))
    with (REPOSITORY / "sample_data" / "offences.csv").open(encoding="utf-8", newline="") as stream:
        offences = list(csv.DictReader(stream))
    partnerships = number // (4 * len(offences)) + 1
    keys = product((1, 2, 3, 4), range(partnerships), offences)
    for place, (quarter, partnership, offence) in zip(range(number), keys, strict=False):
        yield _row(
            _text(f"{year}/{(year + 1) % 100:02}")
            + _number(quarter)
            + _text(FORCES[partnership % len(FORCES)])
            + _text(f"Partnership {partnership}")
            + "".join(_text(offence[name]) for name in ("description", "group", "subgroup", "code"))
            + _number(place * 7 % 90)
        )


def write_outcomes(path: Path, rows: int) -> None:
    """Write an XLSX of one year of outcomes; a real one has about 700,000 rows."""
    with xlsxwriter.Workbook(str(path), {"constant_memory": True}) as book:
        cover = book.add_worksheet("Cover_sheet")
        for number, line in enumerate(("Outcomes open data, year ending March 2024", SYNTHETIC)):
            cover.write(number, 0, line)
        sheet = book.add_worksheet("Outcomes open data 2023_24")
        sheet.write_row(0, 0, OUTCOME_HEADER)
        with (REPOSITORY / "msoic_pipeline" / "model" / "members" / "outcomes.csv").open(encoding="utf-8") as stream:
            outcomes = list(csv.DictReader(stream))
        offences = rows // (4 * len(FORCES) * len(outcomes)) + 1
        keys = product((1, 2, 3, 4), FORCES, range(offences), outcomes)
        for place, (quarter, force, offence, outcome) in zip(range(1, rows + 1), keys, strict=False):
            told = ("2023/24", quarter, force, f"Offence number {offence}", "Violence against the person", "Injury")
            code, words = outcome["outcome_code"], outcome["name"]
            sheet.write_row(place, 0, (*told, f"{offence}Z", "", words, words, code, place * 7 % 50, place * 3 % 20))
