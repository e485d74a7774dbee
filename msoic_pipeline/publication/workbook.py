"""The accessible workbook of the KPIs: cover sheet, notes, and a sheet for each kind of period.

It follows the Government Analysis Function's guidance on spreadsheets: one table a sheet from cell A1's title on, no
merged cells, missing figures shown by shorthand and never by an empty cell or a zero.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sa
import xlsxwriter
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.disclosure import FEWEST_REPORTERS
from msoic_pipeline.model.kpi import kpi_definition
from msoic_pipeline.publication.cover import Cover
from msoic_pipeline.publication.suppression import SUPPRESSED
from msoic_pipeline.wording import tell_day, tell_figure

# To so many digits an incomplete figure is written, which stands as a text.
INCOMPLETE_DIGITS = 4

SHORTHAND = {
    "[x]": "not available",
    "[i]": "incomplete: some of those due did not report",
    "[c]": f"confidential: it would tell, or help to tell, what fewer than {FEWEST_REPORTERS} forces returned",
}
SHEETS_BY_PERIOD_KIND = {
    "quarter": "Quarters",
    "calendar_year": "Calendar years",
    "financial_year": "Financial years",
}


class _Styles:
    """The styles of the workbook's cells."""

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        self.title = workbook.add_format({"bold": True, "font_size": 14})
        self.heading = workbook.add_format({"bold": True})
        self.text = workbook.add_format({"text_wrap": True, "valign": "top"})
        self.warning = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})


def write_workbook(connection: Connection, national: pd.DataFrame, target: Path, cover: Cover) -> None:
    """Write the national values: a cover sheet, notes, and a sheet for each kind of period. Raises OSError."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    # Not to the file itself: xlsxwriter hides what the operating system says behind an error of its own.
    content = io.BytesIO()
    with xlsxwriter.Workbook(content, options) as workbook:
        styles = _Styles(workbook)
        _write_cover(workbook, cover, styles)
        _write_notes(workbook, connection, styles)
        for period_kind, name in SHEETS_BY_PERIOD_KIND.items():
            _write_table(workbook, name, national[national["period_kind"] == period_kind], styles)
    target.write_bytes(content.getvalue())


def _write_cover(workbook: xlsxwriter.Workbook, cover: Cover, styles: _Styles) -> None:
    sheet = workbook.add_worksheet("Cover_sheet")
    sheet.set_column(0, 0, 100)
    for row, (line, style) in enumerate(_cover_lines(cover, styles)):
        sheet.write(row, 0, line, style)


def _cover_lines(cover: Cover, styles: _Styles) -> Iterator[tuple[str, Any]]:
    """Yield the lines of the cover sheet, each with its style: before all else, that a check has failed."""
    if cover.failed_checks:
        yield cover.verdict, styles.title
        for line in cover.failed_checks:
            yield line, styles.text
    yield "Modern slavery and organised immigration crime: key performance indicators, national", styles.title
    yield f"As known on {tell_day(cover.as_known_on)}", styles.text
    for place, line in enumerate(cover.lines_on_files):
        yield line, styles.warning if cover.files.is_mixed and place == 0 else styles.text
    yield "Definitions are on the sheet Notes. Each further sheet holds one table.", styles.text
    marks = "; ".join(f"{mark} = {meaning}" for mark, meaning in SHORTHAND.items())
    yield f"Shorthand: {marks}", styles.text


def _write_notes(workbook: xlsxwriter.Workbook, connection: Connection, styles: _Styles) -> None:
    sheet = workbook.add_worksheet("Notes")
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 4, 50)
    sheet.write(0, 0, "Definitions of the indicators", styles.title)
    headings = ["Indicator", "Title", "Unit", "Definition", "What to bear in mind"]
    sheet.write_row(1, 0, headings, styles.heading)
    columns = [kpi_definition.c[name] for name in ("kpi_id", "title", "unit", "description", "caveat")]
    definitions = connection.execute(sa.select(*columns).order_by(kpi_definition.c.kpi_id))
    for row, definition in enumerate(definitions, start=2):
        sheet.write_row(row, 0, list(definition), styles.text)


def _write_table(workbook: xlsxwriter.Workbook, name: str, values: pd.DataFrame, styles: _Styles) -> None:
    """Write the values of a kind of period: a row an indicator, a column a period."""
    sheet = workbook.add_worksheet(name)
    sheet.set_column(0, 1, 44)
    sheet.write(0, 0, f"Key performance indicators by {name.lower()}, national", styles.title)
    starts = sorted(values["period_start"].unique())
    labels = values.drop_duplicates("period_start").set_index("period_start")["period_label"]
    sheet.write_row(1, 0, ["Indicator", "Unit", *(labels[start] for start in starts)], styles.heading)
    sheet.freeze_panes(2, 2)
    if values.empty:
        return
    figures = {(row.kpi_id, row.period_start): row for row in values.itertuples()}
    indicators = values.drop_duplicates("kpi_id")
    for row, indicator in enumerate(indicators.itertuples(), start=2):
        sheet.write_row(row, 0, [indicator.title, indicator.unit])
        for column, start in enumerate(starts, start=2):
            known: Any = figures.get((indicator.kpi_id, start))
            if known is None:
                _write_figure(sheet, row, column, None, "")
            else:
                _write_figure(sheet, row, column, known.value, known.status)


def _write_figure(sheet: Any, row: int, column: int, value: float | None, status: str) -> None:
    """Write a figure as a number; as a text with its mark where it is suppressed, missing or incomplete."""
    if status == SUPPRESSED:
        sheet.write(row, column, "[c]")
    elif value is None or pd.isna(value):
        sheet.write(row, column, "[x]")
    elif status == "incomplete":
        sheet.write(row, column, f"{tell_figure(value, INCOMPLETE_DIGITS)} [i]")
    else:
        sheet.write_number(row, column, value)
