"""Empty returns to fill in, made from the layouts that will read them, so that the two cannot disagree."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import xlsxwriter

from msoic_pipeline.disks import replace_file
from msoic_pipeline.model import members
from msoic_pipeline.workbooks.layout import LabelColumn, Layout
from msoic_pipeline.workbooks.source import SOURCES, Source, Template, load_source

VERSION = 1
BLANK_ROWS = 60


def write_template(kind: str, target: Path) -> None:
    """Write an empty return of ``kind``, a source with a template, to ``target``, an XLSX file.

    Raises ValueError for any other kind, and OSError where the file cannot be written.
    """
    kinds = [name for name in SOURCES if load_source(name).template]
    if kind not in kinds:
        raise ValueError(f"expected {' or '.join(kinds)}, found {kind!r}")
    source = load_source(kind)
    template = source.template
    assert template
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, {"strings_to_formulas": False, "in_memory": True}) as workbook:
        _write_cover(workbook, template, source)
        for table in source.tables:
            _write_table(workbook, table.layouts[-1], template.figures)
    replace_file(target, content.getvalue())


def _write_cover(workbook: xlsxwriter.Workbook, template: Template, source: Source) -> None:
    """Write the sheet that says whose return it is, and of when: a label and a cell to fill in for each stamp."""
    bold = workbook.add_format({"bold": True})
    date = workbook.add_format({"num_format": "dd/mm/yyyy"})
    cover = workbook.add_worksheet(template.cover_sheet)
    cover.set_column(0, 1, 40)
    cover.write(0, 0, template.title, bold)
    cover.write_row(1, 0, ["Template version", VERSION])
    for row, stamp in enumerate(source.stamps.values(), start=2):
        cover.write(row, 0, stamp.label)
        cover.write_blank(row, 1, None, date)
        hint = {"validate": "any", "input_message": stamp.hint}
        cover.data_validation(row, 1, row, 1, hint)


def _write_table(workbook: xlsxwriter.Workbook, layout: Layout, figures: str) -> None:
    """Write a sheet with a layout's headers, lists to choose from below its labels, and rules below its figures."""
    heading = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    sheet = workbook.add_worksheet(layout.sheet.name.strip("^$"))
    labels, measures = _label_headers(layout), _figure_headers(layout)
    headers = [*labels, *measures, *layout.ignore]
    sheet.set_column(0, len(headers) - 1, 18)
    sheet.write_row(0, 0, headers, heading)
    sheet.freeze_panes(1, 0)
    for number, column in enumerate(layout.columns):
        _offer_choices(sheet, number, _list_choices(column))
    _accept_only_figures(sheet, len(labels), len(labels) + len(measures) - 1, figures)


def _label_headers(layout: Layout) -> list[str]:
    return [column.header[0] for column in layout.columns]


def _figure_headers(layout: Layout) -> list[str]:
    """Return the headers of the columns with figures: of a layout with tiers one a member, by its first spelling."""
    headers = [measure.header[0] for measure in layout.measures]
    for tier in layout.tiers:
        headers += [spellings[0] if spellings else member for member, spellings in tier.members.items()]
    return headers


def _list_choices(column: LabelColumn) -> list[str]:
    """Return what may stand in a column, where that is a list."""
    if column.members:
        return list(column.members)
    if column.parse == "exploitation":
        return [row["exploitation"] for row in members.read_rows("exploitation_types.csv")]
    return []


def _offer_choices(sheet: Any, column: int, choices: list[str]) -> None:
    """Offer a list below a header; combinations may be typed in, so that what is not in it only warns."""
    if choices:
        rule = {"validate": "list", "source": choices, "error_type": "warning"}
        sheet.data_validation(1, column, BLANK_ROWS, column, rule)


def _accept_only_figures(sheet: Any, first_column: int, last_column: int, figures: str) -> None:
    rule = {
        "validate": figures,
        "criteria": ">=",
        "value": 0,
        "error_title": "A number",
        "error_message": "A number, zero or more. Leave blank what is not known.",
    }
    sheet.data_validation(1, first_column, BLANK_ROWS, last_column, rule)
