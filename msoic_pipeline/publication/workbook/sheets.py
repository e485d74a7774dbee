"""What the workbook holds, whatever its format: cover, notes, and a table for each section and kind of period.

A table has a row for each period and a column for each indicator. Where anything is to be said of an indicator's
figures, a column ``…: note`` follows it, whose marks the notes explain.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import SHARE
from msoic_pipeline.model.kpi import kpi_definition
from msoic_pipeline.model.values import CONFIDENTIAL, INCOMPLETE, MARKERS, NOT_AVAILABLE
from msoic_pipeline.publication.charts import load_sections
from msoic_pipeline.publication.cover import Cover
from msoic_pipeline.publication.suppression import SUPPRESSED
from msoic_pipeline.wording import tell_day

TITLE = "Modern slavery and organised immigration crime: key performance indicators, national"
LANGUAGE = "en-GB"
PUBLISHER = "Modern Slavery and Organised Immigration Crime Programme"
CONTACT = "Ask the programme's analysts: who they are stands where you found this workbook."
PERIOD_KINDS = {
    "financial_year": "financial years",
    "calendar_year": "calendar years",
    "quarter": "quarters",
    "month": "months",
}
LONGEST_NAME = 31  # that Excel takes for a sheet
OTHER = ("other", "Other indicators")
# What a cell may hold.
CellKind = Literal["text", "count", "number", "share", "money"]


@dataclass(frozen=True)
class BookColumn:
    """A column of a table: its heading, and what its cells hold."""

    heading: str
    kind: CellKind = "text"


@dataclass(frozen=True)
class BookSheet:
    """A sheet with one table: its name among the sheets, its title, a sentence on it, and its cells."""

    name: str
    title: str
    about: str
    columns: tuple[BookColumn, ...]
    rows: tuple[tuple[str | float | None, ...], ...]


@dataclass(frozen=True)
class Book:
    """All that a workbook holds: what stands on its cover, the notes, the tables, and the day as at which it is.

    ``heading`` is the first line of the cover: the title, or, where a check has failed, that one has.
    """

    title: str
    heading: str
    warnings: tuple[str, ...]
    about: tuple[str, ...]
    contact: str
    notes: BookSheet
    tables: tuple[BookSheet, ...]
    day: dt.date

    @property
    def sheets(self) -> tuple[BookSheet, ...]:
        """The sheets that the contents name: the notes, then the tables."""
        return (self.notes, *self.tables)


def make_book(connection: Connection, values: pd.DataFrame, cover: Cover) -> Book:
    """Return the workbook of national values.

    ``values`` has a row a value: kpi_id, title, unit, geography_code, period_kind, period_start, period_label, value,
    status. Of KPIs that the report's sections do not show there is a section at the end.
    """
    marks = "; ".join(f"{mark} = {meaning}" for mark, meaning in MARKERS.items())
    heading, warnings = TITLE, cover.warnings
    if cover.failed_checks:
        heading, warnings = cover.verdict, (*cover.failed_checks, *cover.lines_on_files, TITLE)
    about = (
        f"Figures are as known on {tell_day(cover.as_known_on)}.",
        "The sheet Notes says what each indicator means. Each further sheet holds one table: a row for each period, a "
        "column for each indicator.",
        f"A column of notes follows an indicator of which anything is to be said. Its shorthand: {marks}.",
    )
    tables = tuple(_list_tables(values))
    return Book(TITLE, heading, warnings, about, CONTACT, _make_notes(connection, values), tables, cover.as_known_on)


def _make_notes(connection: Connection, values: pd.DataFrame) -> BookSheet:
    """Return what the indicators in ``values`` mean, and the shorthand."""
    definition = kpi_definition.c
    query = sa.select(definition.title, definition.kpi_id, definition.unit, definition.description, definition.caveat)
    its = definition.kpi_id.in_(values["kpi_id"].unique().tolist())
    rows = [tuple(row) for row in connection.execute(query.where(its).order_by(definition.title))]
    rows += [(mark, "shorthand", "", meaning, "") for mark, meaning in MARKERS.items()]
    headings = ("Indicator", "Code", "Unit", "Definition", "What to bear in mind")
    filled = tuple(tuple(cell or "none" for cell in row) for row in rows)
    about = "This sheet holds one table: what each indicator means, and the shorthand in the columns of notes."
    return BookSheet("Notes", "Notes", about, tuple(map(BookColumn, headings)), filled)


def _list_tables(values: pd.DataFrame) -> Iterator[BookSheet]:
    """Yield the tables in the order of the report's sections, years before quarters before months."""
    sections = [(section.section, section.title, section.kpi_ids) for section in load_sections()]
    shown = {kpi_id for _, _, kpi_ids in sections for kpi_id in kpi_ids}
    others = [kpi_id for kpi_id in values["kpi_id"].drop_duplicates() if kpi_id not in shown]
    for section, title, kpi_ids in [*sections, (*OTHER, others)]:
        for kind, kind_words in PERIOD_KINDS.items():
            its = values[values["kpi_id"].isin(kpi_ids) & (values["period_kind"] == kind)]
            if len(its):
                name = f"{section[: LONGEST_NAME - 1 - len(kind)]}_{kind}"
                yield _make_table(name, f"{title}, by {kind_words}", its, kpi_ids)


def _make_table(name: str, title: str, values: pd.DataFrame, kpi_ids: Sequence[str]) -> BookSheet:
    """Return the table of a section's indicators in a kind of period."""
    labels = values.drop_duplicates("period_start").sort_values("period_start")[["period_start", "period_label"]]
    starts = labels["period_start"].tolist()
    columns: list[BookColumn] = [BookColumn("Period")]
    cells: list[list[Any]] = [labels["period_label"].tolist()]
    for kpi_id in kpi_ids:
        its = values[values["kpi_id"] == kpi_id]
        if not len(its):
            continue
        by_start = {row["period_start"]: row for row in its.to_dict("records")}
        figures = [_find_figure(by_start.get(start)) for start in starts]
        marks = [_find_mark(by_start.get(start)) for start in starts]
        first = its.iloc[0]
        columns.append(BookColumn(f"{first['title']} ({first['unit']}, {first['geography_code']})", _find_kind(its)))
        cells.append(figures)
        if any(marks):
            columns.append(BookColumn(f"{first['title']}: note"))
            cells.append([mark or "none" for mark in marks])
    about = "This sheet holds one table. Shorthand in its columns of notes is explained on the sheet Notes."
    return BookSheet(name, title, about, tuple(columns), tuple(zip(*cells, strict=True)))


def _find_kind(values: pd.DataFrame) -> CellKind:
    unit = values["unit"].iloc[0]
    if unit == SHARE:
        return "share"
    if unit == "GBP":
        return "money"
    known = values["value"].dropna()
    return "count" if (known == known.round()).all() else "number"


def _find_figure(row: Mapping[Any, Any] | None) -> float | None:
    return None if row is None or pd.isna(row["value"]) else float(row["value"])


def _find_mark(row: Mapping[Any, Any] | None) -> str:
    """Return what is to be said of a figure, or why there is none."""
    if row is None:
        return NOT_AVAILABLE
    if row["status"] == SUPPRESSED:
        return CONFIDENTIAL
    if pd.isna(row["value"]):
        return NOT_AVAILABLE
    return INCOMPLETE if row["status"] == "incomplete" else ""
