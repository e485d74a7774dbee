"""KPIs for those without a database: a Parquet file, and an accessible workbook with cover sheet, notes and shorthand.

The workbook follows the Government Analysis Function's guidance on spreadsheets: one table a sheet from cell A1's title
on, no merged cells, missing figures shown by shorthand and never by an empty cell or a zero.

``kpi.*`` are of a warehouse in which every blocking check holds. Of any other there is ``kpi-unchecked.*`` beside them,
which says so before anything else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from msoic_pipeline.texts import cut_line

CHECKED, UNCHECKED = "kpi", "kpi-unchecked"
SUFFIXES = {"parquet": ".parquet", "workbook": ".xlsx"}
PARTIAL = ".partial"
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
# Longer than any cell should be read; the run's summary has the whole.
LONGEST_LINE = 1200
_VALUES_WITH_CHANGES = sa.text(
    "SELECT k.*, p.period_end, p.previous_start, p.year_before_start FROM kpi_change k JOIN dim_period p "
    "ON p.period_kind = k.period_kind AND p.period_start = k.period_start "
    "ORDER BY k.kpi_id, k.period_kind, k.period_start, k.geography_kind, k.geography_code"
)


@dataclass(frozen=True)
class Cover:
    """What a publication says of itself before any figure.

    The day as at which it is known; a line for each blocking check that failed; and lines on the files behind it,
    where any of them is synthetic.
    """

    as_known_on: dt.date
    failed_checks: tuple[str, ...]
    files: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """Whether the figures may be relied on, in a sentence."""
        if not self.failed_checks:
            return "Every blocking check holds."
        number = len(self.failed_checks)
        checks = "1 blocking check" if number == 1 else f"{number} blocking checks"
        return f"DID NOT PASS: {checks} failed. Do not use these figures before what follows has been put right."

    @property
    def is_mixed(self) -> bool:
        """Whether synthetic files and real ones stand behind the figures together."""
        return len(self.files) > 1

    def metadata(self) -> dict[str, str]:
        """Return it as the metadata of a Parquet file's schema."""
        return {
            "msoic.as_known_on": self.as_known_on.isoformat(),
            "msoic.verdict": self.verdict,
            "msoic.failed_checks": "\n".join(self.failed_checks),
            "msoic.files": "\n".join(self.files),
        }


def write_exports(connection: Connection, folder: Path, today: dt.date, failed: Sequence[str] = ()) -> dict[str, Path]:
    """Write the exports to ``folder`` and return their paths by kind, ``parquet`` and ``workbook``.

    Where nothing has ``failed`` they are ``kpi.*``, and ``kpi-unchecked.*`` go. Where something has, ``kpi.*`` stay as
    they are, and ``kpi-unchecked.*`` list it. What would tell a single force's return is left out of both.

    Raises OSError where the folder cannot be written to; then what stood there stands as it did.
    """
    cover = Cover(today, tuple(cut_line(line, LONGEST_LINE) for line in failed), _lines_on_files(connection))
    values = _values_to_publish(connection)
    national = values[values["geography_kind"] == "national"]
    paths = _paths(folder, UNCHECKED if failed else CHECKED)
    partial = {kind: path.with_name(path.name + PARTIAL) for kind, path in paths.items()}
    folder.mkdir(parents=True, exist_ok=True)
    try:
        _write_parquet(values, partial["parquet"], cover)
        _write_workbook(connection, national, partial["workbook"], cover)
        # Only once both are whole does either take its place.
        for kind, path in paths.items():
            partial[kind].replace(path)
    finally:
        for path in partial.values():
            path.unlink(missing_ok=True)
    if not failed:
        for path in _paths(folder, UNCHECKED).values():
            path.unlink(missing_ok=True)
    return paths


def _paths(folder: Path, name: str) -> dict[str, Path]:
    return {kind: folder / f"{name}{suffix}" for kind, suffix in SUFFIXES.items()}


def _values_to_publish(connection: Connection) -> pd.DataFrame:
    """Return the rows of ``kpi_change`` that may be published."""
    changes = pd.read_sql(_VALUES_WITH_CHANGES, connection)
    changes = changes.astype({"is_synthetic": bool})  # 0 and 1 in SQLite
    return publishable(changes).drop(columns=list(COMPARED))


# --- What is said of the files ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _FileCount:
    """How many accepted files a source has, synthetic ones and real ones."""

    source: str
    synthetic: int
    real: int


def _lines_on_files(connection: Connection) -> tuple[str, ...]:
    """Return what is to be said of the files that are loaded: whether they are synthetic, all of them or some."""
    counts = _count_files(connection)
    synthetic = sum(count.synthetic for count in counts)
    real = sum(count.real for count in counts)
    if not synthetic:
        return ()
    if not real:
        return (f"All {synthetic:,} files behind these figures are synthetic sample data.",)
    return (
        f"SAMPLE AND REAL DATA ARE MIXED: {synthetic:,} of the {synthetic + real:,} files behind these figures are "
        "synthetic sample data. Take the sample's files out of the raw folder and run again. By source:",
        *(f"{count.source}: {count.synthetic:,} synthetic, {count.real:,} real" for count in counts),
    )


def _count_files(connection: Connection) -> list[_FileCount]:
    query = (
        sa.select(
            release.c.source,
            sa.func.sum(sa.case((release.c.is_synthetic, 1), else_=0)).label("synthetic"),
            sa.func.count().label("files"),
        )
        .where(release.c.status == "accepted")
        .group_by(release.c.source)
        .order_by(release.c.source)
    )
    return [
        _FileCount(row.source, int(row.synthetic), int(row.files) - int(row.synthetic))
        for row in connection.execute(query)
    ]


# --- The Parquet file ------------------------------------------------------------------------------------------------


def _write_parquet(values: pd.DataFrame, target: Path, cover: Cover) -> None:
    table = pa.Table.from_pandas(values, preserve_index=False)
    metadata = dict(table.schema.metadata or {})
    metadata |= {name.encode(): text.encode() for name, text in cover.metadata().items()}
    pq.write_table(table.replace_schema_metadata(metadata), target)


# --- The workbook ----------------------------------------------------------------------------------------------------


class _Styles:
    """The styles of the workbook's cells."""

    def __init__(self, workbook: xlsxwriter.Workbook) -> None:
        self.title = workbook.add_format({"bold": True, "font_size": 14})
        self.heading = workbook.add_format({"bold": True})
        self.text = workbook.add_format({"text_wrap": True, "valign": "top"})
        self.warning = workbook.add_format({"bold": True, "text_wrap": True, "valign": "top"})


def _write_workbook(connection: Connection, national: pd.DataFrame, target: Path, cover: Cover) -> None:
    """Write the national values: a cover sheet, notes, and a sheet for each kind of period. Raises OSError."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    try:
        with xlsxwriter.Workbook(str(target), options) as workbook:
            styles = _Styles(workbook)
            _write_cover(workbook, cover, styles)
            _write_notes(workbook, connection, styles)
            for period_kind, name in SHEETS_BY_PERIOD_KIND.items():
                _write_table(workbook, name, national[national["period_kind"] == period_kind], styles)
    except FileCreateError as error:  # which wraps what the operating system said
        cause = error.args[0] if error.args else error
        raise (cause if isinstance(cause, OSError) else OSError(str(error))) from error


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
    yield f"As known on {cover.as_known_on:%d %B %Y}", styles.text
    for place, line in enumerate(cover.files):
        yield line, styles.warning if cover.is_mixed and place == 0 else styles.text
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
    figures = {
        (kpi_id, start): (value, status)
        for kpi_id, start, value, status in values[["kpi_id", "period_start", "value", "status"]].to_numpy()
    }
    indicators = values.drop_duplicates("kpi_id")[["kpi_id", "title", "unit"]].to_numpy()
    for row, (kpi_id, title, unit) in enumerate(indicators, start=2):
        sheet.write_row(row, 0, [title, unit])
        for column, start in enumerate(starts, start=2):
            value, status = figures.get((kpi_id, start), (None, ""))
            _write_figure(sheet, row, column, value, status)


def _write_figure(sheet: Any, row: int, column: int, value: float | None, status: str) -> None:
    """Write a figure as a number; as a text with its mark where it is suppressed, missing or incomplete."""
    if status == SUPPRESSED:
        sheet.write(row, column, "[c]")
    elif value is None or pd.isna(value):
        sheet.write(row, column, "[x]")
    elif status == "incomplete":
        sheet.write(row, column, f"{value:,.4g} [i]" if abs(value) < 1 else f"{value:,.0f} [i]")
    else:
        sheet.write_number(row, column, value)
