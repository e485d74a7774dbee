"""Empty returns to fill in, made from the layouts that will read them, so that the two cannot disagree."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import xlsxwriter

from msoic_pipeline.model import members
from msoic_pipeline.workbooks.layout import Layout, load_source

COVER = {
    "force_returns": ("Return", "Modern slavery investigations: monthly force return"),
    "programme_activity": ("Cover", "Modern Slavery and Organised Immigration Crime Programme: activity"),
}
HINTS = {
    "Force": "Name of the force",
    "Month": "First day of the month, as a date",
    "Submitted on": "Day of submission, as a date",
    "Quarter": "Financial quarter, such as 2021/22 Q3",
    "Published on": "Day of publication, as a date",
}
VERSION = 1
BLANK_ROWS = 60


def write_template(kind: str, target: Path) -> None:
    """Write an empty return of ``kind`` (force_returns or programme_activity) to ``target``, an XLSX file.

    Raises ValueError for any other kind.
    """
    if kind not in COVER:
        raise ValueError(f"expected {' or '.join(COVER)}, found {kind!r}")
    source = load_source(kind)
    with xlsxwriter.Workbook(str(target), {"strings_to_formulas": False}) as workbook:
        bold = workbook.add_format({"bold": True})
        wrap = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        date = workbook.add_format({"num_format": "dd/mm/yyyy"})
        name, title = COVER[kind]
        cover = workbook.add_worksheet(name)
        cover.set_column(0, 1, 40)
        cover.write(0, 0, title, bold)
        cover.write_row(1, 0, ["Template version", VERSION])
        for row, stamp in enumerate(source.stamps.values(), start=2):
            cover.write(row, 0, stamp.label)
            cover.write_blank(row, 1, None, date)
            cover.data_validation(row, 1, row, 1, {"validate": "any", "input_message": HINTS.get(stamp.label, "")})
        for table in source.tables:
            layout = table.layouts[-1]
            sheet = workbook.add_worksheet(layout.sheet.name.strip("^$"))
            headers = _headers(layout)
            sheet.set_column(0, len(headers) - 1, 18)
            sheet.write_row(0, 0, headers, wrap)
            sheet.freeze_panes(1, 0)
            _offer_choices(sheet, layout, kind)


def _headers(layout: Layout) -> list[str]:
    labels = [column.header[0] for column in layout.columns]
    figures = [measure.header[0] for measure in layout.measures]
    for level in layout.levels:
        figures += [spellings[0] if spellings else member for member, spellings in level.members.items()]
    return labels + figures + list(layout.ignore)


def _offer_choices(sheet: Any, layout: Layout, kind: str) -> None:
    for number, column in enumerate(layout.columns):
        choices: list[str] = []
        if column.parse.startswith("one_of:"):
            choices = [choice.split("=")[0] for choice in column.parse.removeprefix("one_of:").split("|")]
        elif column.parse == "exploitation":
            choices = [row["exploitation"] for row in members.rows("exploitation_types.csv")]
        if choices:  # combinations may be typed in, so a choice outside the list only warns
            rule = {"validate": "list", "source": choices, "error_type": "warning"}
            sheet.data_validation(1, number, BLANK_ROWS, number, rule)
    first = len(layout.columns)
    last = first + len(layout.measures) + sum(len(level.members) for level in layout.levels) - 1
    whole = {"validate": "integer" if kind == "force_returns" else "decimal", "criteria": ">=", "value": 0}
    whole |= {"error_title": "A number", "error_message": "A number, zero or more. Leave blank what is not known."}
    sheet.data_validation(1, first, BLANK_ROWS, last, whole)
