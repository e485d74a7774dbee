"""The body of a sheet: what stands below the header, down to the words that end the table, and which of it is data."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from msoic_pipeline.resource_limits import MAX_RECOGNISED_CELL
from msoic_pipeline.texts import clean, fold, is_blank
from msoic_pipeline.wording import shorten
from msoic_pipeline.workbooks.addresses import a1, column_letters, from_a1
from msoic_pipeline.workbooks.coded_column import CodedColumn
from msoic_pipeline.workbooks.counts import Counts
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Rows
from msoic_pipeline.workbooks.headers import Match
from msoic_pipeline.workbooks.layout import Layout
from msoic_pipeline.workbooks.matched_sheet import MatchedSheet
from msoic_pipeline.workbooks.values import parse_number


@dataclass(frozen=True)
class CellReplacement:
    """What a known fault asks for: that ``replacement`` is read where the text ``found`` stands in a cell."""

    fault_id: str
    sheet: str
    cell: str
    found: str
    replacement: Any


def as_array(rows: Rows, width: int) -> np.ndarray:
    """Return rows as an array of cells; shorter rows are filled up with empty ones."""
    cells = np.full((len(rows), width), "", dtype=object)
    if all(len(row) == width for row in rows):
        if len(rows):
            cells[:] = rows
    else:
        for number, values in enumerate(rows):
            cells[number, : len(values)] = values
    return cells


def replace_cells(cells: np.ndarray, replacements: Sequence[CellReplacement], matched: MatchedSheet) -> None:
    """Replace, in place, the cells below the header that known faults ask to be read as something else.

    Raises SourceFileError where another text stands in such a cell than the fault says.
    """
    match, withhold = matched.match, matched.source.sensitive
    for replacement in replacements:
        if replacement.sheet != match.sheet:
            continue
        sheet_row, column = from_a1(replacement.cell)
        body_row = sheet_row - match.first_body_row
        is_there = 0 <= body_row < cells.shape[0] and column < cells.shape[1]
        found = shorten(cells[body_row, column], MAX_RECOGNISED_CELL) if is_there else ""
        if found != replacement.found:
            raise SourceFileError(
                "fault_not_found",
                file=matched.file,
                sheet=replacement.sheet,
                cell=replacement.cell,
                expected=f"the text that the declared fault {replacement.fault_id} replaces"
                + ("" if withhold else f", {replacement.found!r}"),
                found="another" if withhold else repr(found),
                remedy="Look at the sheet, and amend the source's faults.yaml.",
            )
        cells[body_row, column] = replacement.replacement


def find_end(cells: np.ndarray, matched: MatchedSheet) -> int:
    """Return the body row of the words that end the table, or the number of rows where there are none."""
    ends = {fold(text) for text in matched.source.end}

    def is_end(value: Any) -> bool:
        return isinstance(value, str) and len(value) <= MAX_RECOGNISED_CELL and fold(value) in ends

    first_label = min(matched.match.labels.values())
    end_rows = np.flatnonzero(CodedColumn(cells[:, first_label]).where(is_end))
    return int(end_rows[0]) if len(end_rows) else len(cells)


def count_rows_after_end(cells: np.ndarray, end: int) -> Counts:
    """Return how many rows stand below the header; and of those from the end on, how many are notes or blank."""
    note_rows = sum(any(not is_blank(value) for value in row) for row in cells[end:])
    return Counts(rows=len(cells), note_rows=note_rows, blank_rows=len(cells) - end - note_rows)


def refuse_stray_figures(cells: np.ndarray, end: int, matched: MatchedSheet) -> None:
    """Refuse figures under no header, above the header or below the table's end: they would be dropped silently."""
    sheet, match = matched.sheet, matched.match
    with_header = {*match.labels.values(), *match.figures, *match.ignored}
    without_header = [column for column in range(sheet.width) if column not in with_header]
    below_header = _Area(cells[:end], match.first_body_row)
    above_header = _Area(as_array(sheet.rows[: match.header_row], sheet.width), 0)
    below_end = _Area(cells[end:], match.first_body_row + end)
    _refuse_figures(below_header, without_header, "headless_figures", "a header over the column", matched)
    _refuse_figures(above_header, match.figures, "figures_above_header", "no figures above the header", matched)
    _refuse_figures(below_end, match.figures, "figures_below_end", "no figures below the end of the table", matched)


@dataclass(frozen=True)
class _Area:
    """Rows of a sheet, of which the first is ``first_sheet_row``."""

    cells: np.ndarray
    first_sheet_row: int


def _refuse_figures(area: _Area, columns: Collection[int], rule: str, expected: str, matched: MatchedSheet) -> None:
    """Refuse figures in ``columns`` of a part of the sheet."""
    for column in columns:
        cells = area.cells[:, column]
        if not (cells != "").any():
            continue
        stray_rows = np.flatnonzero(CodedColumn(cells).where(_is_figure))
        if len(stray_rows):
            raise SourceFileError(
                rule,
                file=matched.file,
                sheet=matched.match.sheet,
                cell=a1(int(stray_rows[0]) + area.first_sheet_row, column),
                expected=expected,
                found=f"{len(stray_rows)} figures in column {column_letters(column)}",
                remedy="Look at the sheet: a header may have been merged, deleted or moved.",
            )


def _is_figure(value: Any) -> bool:
    try:
        parse_number(value)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class DataRows:
    """Which body rows are data, and how many they, the others and the figure cells are."""

    body_rows: np.ndarray
    counts: Counts


def find_data_rows(
    match: Match, coded_labels: Mapping[str, CodedColumn], coded_figures: Mapping[int, CodedColumn]
) -> DataRows:
    """Return which body rows are data.

    A row that the layout ignores is a note, whatever stands in it. Of the others, a row without figures is blank where
    nothing stands in it, and a note where it stands below the last figure with nothing but the first label. Any other
    is data: a heading whose label counts for the rows below, or a row whose figures are missing.
    """
    is_ignored = _find_ignored_rows(coded_labels, match.layout)
    figures_filled = [~coded.where(is_blank) & ~is_ignored for coded in coded_figures.values()]
    has_figures = np.logical_or.reduce(figures_filled)
    labels_filled = {name: ~coded.where(is_blank) for name, coded in coded_labels.items()}
    number_of_labels = np.sum(list(labels_filled.values()), axis=0)
    first_label = min(coded_labels, key=lambda name: match.labels[name])
    rows_with_figures = np.flatnonzero(has_figures)
    last_with_figures = rows_with_figures[-1] if len(rows_with_figures) else -1
    is_below_figures = np.arange(len(has_figures)) > last_with_figures
    is_blank_row = ~has_figures & (number_of_labels == 0)
    is_note = is_below_figures & (number_of_labels == 1) & labels_filled[first_label]
    is_note |= is_ignored & ~is_blank_row
    body_rows = np.flatnonzero(~(is_blank_row | is_note))
    figures = sum(int(is_filled.sum()) for is_filled in figures_filled)
    counts = Counts(
        data_rows=len(body_rows),
        blank_rows=int(is_blank_row.sum()),
        note_rows=int(is_note.sum()),
        figures=figures,
        blank=len(body_rows) * len(coded_figures) - figures,
    )
    return DataRows(body_rows, counts)


def _find_ignored_rows(coded_labels: Mapping[str, CodedColumn], layout: Layout) -> np.ndarray:
    """Return which body rows the layout leaves out on purpose, by one of their labels."""
    is_ignored = np.zeros(len(next(iter(coded_labels.values())).codes), dtype=bool)
    for column in layout.columns:
        if column.ignore_rows and column.to in coded_labels:
            is_ignored |= coded_labels[column.to].where(partial(_label_matches, re.compile(column.ignore_rows)))
    return is_ignored


def _label_matches(pattern: re.Pattern[str], value: Any) -> bool:
    is_short = not isinstance(value, str) or len(value) <= MAX_RECOGNISED_CELL
    return is_short and bool(pattern.search(clean(value)))
