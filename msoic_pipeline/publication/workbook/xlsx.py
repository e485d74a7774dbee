"""The workbook as XLSX, by gptables: the Government's own library for tables after its guidance."""

from __future__ import annotations

import datetime as dt
import io
import math
import warnings
from collections.abc import Sequence
from typing import Any

import gptables
import pandas as pd

from msoic_pipeline.publication.workbook.package_parts import rewrite_parts
from msoic_pipeline.publication.workbook.sheets import LANGUAGE, PUBLISHER, Book, BookSheet, CellKind

NUMBER_FORMATS: dict[CellKind, str] = {"count": "#,##0", "number": "#,##0.0", "share": "0.0%", "money": "£#,##0"}
# In characters.
WIDTHS: dict[CellKind, int] = {"text": 30, "count": 18, "number": 18, "share": 18, "money": 18}
LONG_TEXT_WIDTH, LONG_TEXT, COVER_WIDTH = 60, 80, 85
# In points, of the font that gptables takes; its letters are wider than those in which Excel counts a column's width.
LINE_HEIGHT, ROOM_OF_A_CHARACTER = 16, 1.25
BOLD = {"bold": True}
MOST_COLUMNS_OF_A_PAGE = 12
A4 = 9  # as Excel numbers papers


def write_xlsx(book: Book) -> bytes:
    """Return the workbook as XLSX: the same book makes the same bytes."""
    content = io.BytesIO()
    with warnings.catch_warnings():
        # Of a cell that is empty, whose reason the column of notes says, and of what pandas is to drop one day.
        warnings.filterwarnings("ignore", module="gptables")
        workbook = gptables.produce_workbook(
            content,
            {sheet.name: _make_table(sheet) for sheet in book.sheets},
            cover=gptables.Cover(
                _keep_plain(book.heading),
                intro=[*([BOLD, _keep_plain(line)] for line in book.warnings), *map(_keep_plain, book.about)],
                contact=[_keep_plain(book.contact)],
            ),
            notes_table=None,
            auto_width=False,
            workbook_options={"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True},
        )
    for sheet in book.sheets:
        _lay_out(workbook.get_worksheet_by_name(sheet.name), sheet)
    _lay_out_cover(workbook.get_worksheet_by_name("Cover"), book)
    workbook.get_worksheet_by_name("Contents").set_column(0, 1, LONG_TEXT_WIDTH)
    for worksheet in workbook.worksheets():
        worksheet.set_paper(A4)
        worksheet.set_landscape()
    made = dt.datetime.combine(book.day, dt.time())
    workbook.set_properties({"title": book.title, "author": PUBLISHER, "company": PUBLISHER, "created": made})
    workbook.close()
    return rewrite_parts(content, _say_language)


def _say_language(name: str, content: bytes) -> bytes:
    """Return a part of the workbook, its properties with the language among them: xlsxwriter has no word for it."""
    if name != "docProps/core.xml":
        return content
    end = b"</cp:coreProperties>"
    return content.replace(end, f"<dc:language>{LANGUAGE}</dc:language>".encode() + end)


def _lay_out(worksheet: Any, sheet: BookSheet) -> None:
    """Make columns wide and rows high enough for what they hold: not every program does so itself."""
    widths = [_find_width(sheet, position, column.kind) for position, column in enumerate(sheet.columns)]
    for position, width in enumerate(widths):
        worksheet.set_column(position, position, width)
    heading_row = _find_heading_row(worksheet)
    headings = tuple(column.heading for column in sheet.columns)
    for row, cells in enumerate([headings, *sheet.rows], start=heading_row):
        worksheet.set_row(row, LINE_HEIGHT * _count_lines(cells, widths))
    worksheet.freeze_panes(heading_row + 1, 1)
    # On paper a wide table runs over several pages, each with the headings and the periods.
    worksheet.repeat_rows(heading_row)
    worksheet.repeat_columns(0)
    if len(sheet.columns) <= MOST_COLUMNS_OF_A_PAGE:
        worksheet.fit_to_pages(1, 0)


def _lay_out_cover(worksheet: Any, book: Book) -> None:
    lines = [book.heading, "", *book.warnings, *book.about]
    for row, line in enumerate(lines):
        worksheet.set_row(row, LINE_HEIGHT * (_count_lines([line], [COVER_WIDTH]) + (row == 0)))


def _count_lines(cells: Sequence[str | float | None], widths: Sequence[int]) -> int:
    """Return how many lines the texts of a row take, in columns of so many characters."""
    lines = [
        math.ceil(len(cell) * ROOM_OF_A_CHARACTER / width)
        for cell, width in zip(cells, widths, strict=True)
        if isinstance(cell, str)
    ]
    return max([1, *lines])


def _make_table(sheet: BookSheet) -> gptables.GPTable:
    headings = [column.heading for column in sheet.columns]
    table = pd.DataFrame(sheet.rows, columns=headings, dtype=object)
    formats: list[dict[str, Any]] = [
        {"column": {"columns": [column.heading], "format": {"num_format": NUMBER_FORMATS[column.kind]}}}
        for column in sheet.columns
        if column.kind in NUMBER_FORMATS
    ]
    return gptables.GPTable(
        table.map(_keep_plain),
        table_name=f"table_{sheet.name}",
        title=_keep_plain(sheet.title),
        instructions=sheet.about,
        index_columns={2: 0},
        additional_formatting=formats,
    )


def _keep_plain(cell: Any) -> Any:
    """Return a text so that gptables takes nothing in it for a link: a name of a file may look like one."""
    return cell.replace("](", "] (").replace("$$", "$ $") if isinstance(cell, str) else cell


def _find_width(sheet: BookSheet, position: int, kind: CellKind) -> int:
    if kind != "text":
        return WIDTHS[kind]
    longest = max((len(str(row[position])) for row in sheet.rows), default=0)
    return LONG_TEXT_WIDTH if longest > LONG_TEXT else min(WIDTHS["text"], max(12, longest + 2))


def _find_heading_row(worksheet: Any) -> int:
    """Return the row of a sheet's headings, from zero: that in which its table begins."""
    first: str = worksheet.tables[0]["range"].split(":")[0]
    return int("".join(filter(str.isdigit, first))) - 1
