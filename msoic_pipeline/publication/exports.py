"""KPIs for those without a database: a Parquet file, and an accessible workbook with cover sheet, notes and shorthand.

The workbook follows the Government Analysis Function's guidance on spreadsheets: one table a sheet from cell A1's title
on, no merged cells, missing figures shown by shorthand and never by an empty cell or a zero.

``kpi.*`` are of a warehouse in which every blocking check holds. Of any other there is ``kpi-unchecked.*`` beside them,
which says so before anything else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
import xlsxwriter
from sqlalchemy.engine import Connection
from xlsxwriter.exceptions import FileCreateError

from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.kpi import kpi_definition
from msoic_pipeline.publication.disclosure import COMPARED, FEWEST_REPORTERS, SUPPRESSED, publishable

CHECKED, UNCHECKED = "kpi", "kpi-unchecked"
SUFFIXES = {"parquet": ".parquet", "workbook": ".xlsx"}
PARTIAL = ".partial"
SHORTHAND = {
    "[x]": "not available",
    "[i]": "incomplete: some of those due did not report",
    "[c]": f"confidential: it would tell, or help to tell, what fewer than {FEWEST_REPORTERS} forces returned",
}
KINDS = {
    "quarter": "Quarters",
    "calendar_year": "Calendar years",
    "financial_year": "Financial years",
}
# Longer than any cell should be read; the run's summary has the whole.
LONGEST_LINE = 1200
_CHANGES = sa.text(
    "SELECT k.*, p.period_end, p.previous_start, p.year_before_start FROM kpi_change k JOIN dim_period p "
    "ON p.period_kind = k.period_kind AND p.period_start = k.period_start "
    "ORDER BY k.kpi_id, k.period_kind, k.period_start, k.geography_kind, k.geography_code"
)


@dataclass(frozen=True)
class Face:
    """What a publication says of itself before any figure."""

    as_known_on: dt.date
    failed: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Whether the figures may be relied on, in a sentence."""
        if not self.failed:
            return "Every blocking check holds."
        number = "1 blocking check" if len(self.failed) == 1 else f"{len(self.failed)} blocking checks"
        return f"DID NOT PASS: {number} failed. Do not use these figures before what follows has been put right."

    def metadata(self) -> dict[str, str]:
        """Return it as the metadata of a Parquet file's schema."""
        return {
            "msoic.as_known_on": self.as_known_on.isoformat(),
            "msoic.verdict": self.verdict,
            "msoic.failed_checks": "\n".join(self.failed),
            "msoic.files": "\n".join(self.files),
        }


def write_exports(connection: Connection, folder: Path, today: dt.date, failed: Sequence[str] = ()) -> dict[str, Path]:
    """Write the exports to ``folder`` and return their paths by kind.

    Where nothing has ``failed`` they are ``kpi.*``, and ``kpi-unchecked.*`` go. Where something has, ``kpi.*`` stay as
    they are, and ``kpi-unchecked.*`` list it. What would tell a single force's return is left out of both.

    Raises OSError where the folder cannot be written to; then what stood there stands as it did.
    """
    face = Face(today, tuple(map(_short, failed)), _file_words(connection))
    changes = pd.read_sql(_CHANGES, connection).astype({"is_synthetic": bool})  # 0 and 1 in SQLite
    values = publishable(changes).drop(columns=list(COMPARED))
    paths = {kind: folder / f"{UNCHECKED if failed else CHECKED}{suffix}" for kind, suffix in SUFFIXES.items()}
    aside = {kind: path.with_name(path.name + PARTIAL) for kind, path in paths.items()}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _write_parquet(values, aside["parquet"], face)
        _write_workbook(connection, values[values["geography_kind"] == "national"], aside["workbook"], face)
        for kind, path in paths.items():
            aside[kind].replace(path)
    finally:
        for path in aside.values():
            path.unlink(missing_ok=True)
    if not failed:
        for suffix in SUFFIXES.values():
            (folder / f"{UNCHECKED}{suffix}").unlink(missing_ok=True)
    return paths


def _short(words: str) -> str:
    return words if len(words) <= LONGEST_LINE else words[: LONGEST_LINE - 1] + "…"


def _file_words(connection: Connection) -> tuple[str, ...]:
    """Return what is to be said of the files that are loaded: whether they are synthetic, all of them or some."""
    synthetic = sa.func.sum(sa.case((release.c.is_synthetic, 1), else_=0))
    counted = (
        sa.select(release.c.source, synthetic, sa.func.count())
        .where(release.c.status == "accepted")
        .group_by(release.c.source)
        .order_by(release.c.source)
    )
    counts = [(source, int(made), int(files) - int(made)) for source, made, files in connection.execute(counted)]
    made, real = (sum(entry[place] for entry in counts) for place in (1, 2))
    if not made:
        return ()
    if not real:
        return (f"All {made:,} files behind these figures are synthetic sample data.",)
    return (
        f"SAMPLE AND REAL DATA ARE MIXED: {made:,} of the {made + real:,} files behind these figures are synthetic "
        "sample data. Take the sample's files out of the raw folder and run again. By source:",
        *(f"{source}: {of_it:,} synthetic, {others:,} real" for source, of_it, others in counts),
    )


def _write_parquet(values: pd.DataFrame, target: Path, face: Face) -> None:
    table = pa.Table.from_pandas(values, preserve_index=False)
    metadata = (table.schema.metadata or {}) | {name.encode(): text.encode() for name, text in face.metadata().items()}
    pq.write_table(table.replace_schema_metadata(metadata), target)


def _write_workbook(connection: Connection, national: pd.DataFrame, target: Path, face: Face) -> None:
    definitions = connection.execute(sa.select(kpi_definition).order_by(kpi_definition.c.kpi_id)).mappings().all()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    try:
        with xlsxwriter.Workbook(str(target), options) as workbook:
            bold = workbook.add_format({"bold": True})
            title = workbook.add_format({"bold": True, "font_size": 14})
            wrap = workbook.add_format({"text_wrap": True, "valign": "top"})
            _write_cover(workbook, face, title, wrap)
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
    except FileCreateError as error:  # which wraps what the operating system said
        cause = error.args[0] if error.args else error
        raise (cause if isinstance(cause, OSError) else OSError(str(error))) from error


def _write_cover(workbook: xlsxwriter.Workbook, face: Face, title: object, wrap: object) -> None:
    strong = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    cover = workbook.add_worksheet("Cover_sheet")
    cover.set_column(0, 0, 100)
    is_mixed = len(face.files) > 1
    lines: list[tuple[str, object]] = [
        *([(face.verdict, title), *((line, wrap) for line in face.failed)] if face.failed else []),
        ("Modern slavery and organised immigration crime: key performance indicators, national", title),
        (f"As known on {face.as_known_on:%d %B %Y}", wrap),
        *((line, strong if is_mixed and place == 0 else wrap) for place, line in enumerate(face.files)),
        ("Definitions are on the sheet Notes. Each further sheet holds one table.", wrap),
        ("Shorthand: " + "; ".join(f"{mark} = {meaning}" for mark, meaning in SHORTHAND.items()), wrap),
    ]
    for row, (line, style) in enumerate(lines):
        cover.write(row, 0, line, style)


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
            if status == SUPPRESSED:
                sheet.write(row, column, "[c]")
            elif pd.isna(value):
                sheet.write(row, column, "[x]")
            elif status == "incomplete":
                sheet.write(row, column, f"{value:,.4g} [i]" if abs(value) < 1 else f"{value:,.0f} [i]")
            else:
                sheet.write_number(row, column, value)
