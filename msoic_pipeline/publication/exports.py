"""KPIs for those without a database: a Parquet file, and an accessible workbook with cover sheet, notes and shorthand.

The workbook follows the Government Analysis Function's guidance on spreadsheets: one table a sheet from cell A1's title
on, no merged cells, missing figures shown by shorthand and never by an empty cell or a zero.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import sqlalchemy as sa
import xlsxwriter
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.kpi import kpi_definition
from msoic_pipeline.workbooks.layout import load_source

SHORTHAND = {"[x]": "not available", "[i]": "incomplete: some of those due did not report"}
KINDS = {
    "quarter": "Quarters",
    "calendar_year": "Calendar years",
    "financial_year": "Financial years",
}
_CHANGES = sa.text(
    "SELECT k.*, p.period_end FROM kpi_change k JOIN dim_period p "
    "ON p.period_kind = k.period_kind AND p.period_start = k.period_start "
    "ORDER BY k.kpi_id, k.period_kind, k.period_start, k.geography_kind, k.geography_code"
)


def write_exports(connection: Connection, folder: Path, today: dt.date) -> dict[str, Path]:
    """Write ``kpi.parquet`` and ``kpi.xlsx`` to ``folder``; return their paths by kind.

    What single forces returned of their investigations is left out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = pd.read_sql(_CHANGES, connection).astype({"is_synthetic": bool})  # 0 and 1 in SQLite
    values = values[~((values["geography_kind"] == "force") & values["kpi_id"].isin(_sensitive_kpis()))]
    paths = {"parquet": folder / "kpi.parquet", "workbook": folder / "kpi.xlsx"}
    aside = folder / "kpi.parquet.partial"
    values.to_parquet(aside, index=False)
    aside.replace(paths["parquet"])
    _write_workbook(connection, values[values["geography_kind"] == "national"], paths["workbook"], today)
    return paths


def _sensitive_kpis() -> set[str]:
    """Return the KPIs that rest on sensitive returns: what a single force returned is not for everybody."""
    return {kpi.kpi_id for kpi in load_definitions() if load_source(kpi.numerator.table.info["source"]).sensitive}


def _write_workbook(connection: Connection, national: pd.DataFrame, target: Path, today: dt.date) -> None:
    definitions = connection.execute(sa.select(kpi_definition).order_by(kpi_definition.c.kpi_id)).mappings().all()
    synthetic = connection.scalar(sa.select(sa.func.count()).where(release.c.is_synthetic)) or 0
    aside = target.with_name(target.name + ".partial")
    with xlsxwriter.Workbook(str(aside), {"strings_to_formulas": False, "strings_to_urls": False}) as workbook:
        bold = workbook.add_format({"bold": True})
        title = workbook.add_format({"bold": True, "font_size": 14})
        wrap = workbook.add_format({"text_wrap": True, "valign": "top"})
        cover = workbook.add_worksheet("Cover_sheet")
        cover.set_column(0, 0, 100)
        lines = [
            "Modern slavery and organised immigration crime: key performance indicators, national",
            f"As known on {today:%d %B %Y}",
            f"{synthetic} of the files behind these figures are synthetic sample data." if synthetic else "",
            "Definitions are on the sheet Notes. Each further sheet holds one table.",
            "Shorthand: " + "; ".join(f"{mark} = {meaning}" for mark, meaning in SHORTHAND.items()),
        ]
        for row, line in enumerate(filter(None, lines)):
            cover.write(row, 0, line, title if row == 0 else wrap)
        notes = workbook.add_worksheet("Notes")
        notes.set_column(0, 0, 34)
        notes.set_column(1, 4, 50)
        notes.write(0, 0, "Definitions of the indicators", title)
        notes.write_row(1, 0, ["Indicator", "Title", "Unit", "Definition", "What to bear in mind"], bold)
        for row, entry in enumerate(definitions, start=2):
            words = [entry[name] for name in ("kpi_id", "title", "unit", "description", "caveat")]
            notes.write_row(row, 0, words, wrap)
        for kind, name in KINDS.items():
            _write_table(workbook, name, national[national["period_kind"] == kind], title, bold)
    aside.replace(target)


def _write_table(workbook: xlsxwriter.Workbook, name: str, values: pd.DataFrame, title: object, bold: object) -> None:
    sheet = workbook.add_worksheet(name)
    sheet.set_column(0, 1, 44)
    sheet.write(0, 0, f"Key performance indicators by {name.lower()}, national", title)
    starts = sorted(values["period_start"].unique())
    labels = values.drop_duplicates("period_start").set_index("period_start")["period_label"]
    sheet.write_row(1, 0, ["Indicator", "Unit", *(labels[start] for start in starts)], bold)
    sheet.freeze_panes(2, 2)
    if values.empty:
        return
    cells = {
        (kpi_id, start): (value, status)
        for kpi_id, start, value, status in values[["kpi_id", "period_start", "value", "status"]].to_numpy()
    }
    indicators = values.drop_duplicates("kpi_id")[["kpi_id", "title", "unit"]].to_numpy()
    for row, (kpi_id, words, unit) in enumerate(indicators, start=2):
        sheet.write_row(row, 0, [words, unit])
        for column, start in enumerate(starts, start=2):
            value, status = cells.get((kpi_id, start), (None, ""))
            if pd.isna(value):
                sheet.write(row, column, "[x]")
            elif status == "incomplete":
                sheet.write(row, column, f"{value:,.4g} [i]" if abs(value) < 1 else f"{value:,.0f} [i]")
            else:
                sheet.write_number(row, column, value)
