"""Turns a matched sheet into tidy rows: one row a figure (or a set of measures), each with the cell it came from.

Four things come out of a sheet: ``rows`` (the finest figures), ``totals`` and ``rates`` (figures that the sheet works
out of others) and ``rejects`` (cells that could not be read, with the reason). Every filled figure cell of the sheet is
in exactly one of them or in ``unavailable``, and every row below the header is data, blank or a note.

Rows are numbered in four ways, each from 0:

- a *sheet row* counts from the top of the sheet: what a person sees as row 1 is sheet row 0;
- a *body row* counts from below the header;
- a *data row* counts those body rows that are neither blank nor notes;
- a *tidy row* counts what comes out, which is one for each figure of a data row where the layout has tiers.

Of this sheet, whose header has one tier above the figures, the rows are::

    row   cells                        sheet row   body row   data row   tidy rows
    1     Referrals by age
    2     Force    Adult   Child                                         (the header is sheet row 1)
    3     Kent     2       1           2           0          0          0 (B3) and 2 (C3)
    4                                  3           1
    5     Surrey   4       0           4           2          1          1 (B5) and 3 (C5)
    6     Note: provisional            5           3
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from msoic_pipeline.model.facts import FACTS, cell_column
from msoic_pipeline.workbooks.addresses import column_letters
from msoic_pipeline.workbooks.body import (
    CellReplacement,
    as_array,
    count_rows_after_end,
    find_data_rows,
    find_end,
    refuse_stray_figures,
    replace_cells,
)
from msoic_pipeline.workbooks.coded_column import CodedColumn, Columns
from msoic_pipeline.workbooks.counts import Counts, check_conserved
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.failures import Failure, RejectedCells
from msoic_pipeline.workbooks.figures import MEASURE, LabelledRows, ReadFigures, read_figures
from msoic_pipeline.workbooks.grid import Sheet
from msoic_pipeline.workbooks.headers import Match
from msoic_pipeline.workbooks.labels import read_labels
from msoic_pipeline.workbooks.layout import Layout
from msoic_pipeline.workbooks.matched_sheet import MatchedSheet
from msoic_pipeline.workbooks.row_periods import PeriodRule, add_period, period_rules
from msoic_pipeline.workbooks.source import Source


@dataclass
class Tidy:
    """What a sheet holds.

    ``rows``, ``totals``, ``rates`` and ``unavailable`` have the same columns, see ``tidy_sheet``.
    """

    match: Match
    rows: Columns
    totals: Columns
    rates: Columns
    unavailable: Columns
    rejects: list[Failure]
    counts: Counts


@dataclass(frozen=True)
class FileToTidy:
    """What is known of the file that a sheet is of: its name, its release's dates, and what known faults replace."""

    name: str
    published_on: dt.date
    reference_period: str
    replacements: tuple[CellReplacement, ...] = ()


def tidy_sheet(sheet: Sheet, match: Match, source: Source, file: FileToTidy) -> Tidy:
    """Return the tidy rows of ``sheet``, which is one of ``file``, read through ``match``.

    They have the table's label columns, its measures with their cells, ``sheet`` and ``cell``, and the period
    (``quarter_start``, and ``month_start`` or ``day`` where the layout names them). Raises SourceFileError where
    figures stand outside the table that the header opens, where a cell does not hold what a known fault says of it, or
    where a reference period is not of the kind that it should be.
    """
    matched = MatchedSheet(sheet, match, source, file.name)
    layout = match.layout

    # The body: what stands below the header, down to the words that end the table.
    cells = as_array(sheet.rows[match.first_body_row :], sheet.width)
    replace_cells(cells, file.replacements, matched)
    end = find_end(cells, matched)
    refuse_stray_figures(cells, end, matched)
    body = cells[:end]

    # Its data rows, each column of them coded so that a distinct value is read once.
    coded_labels = {
        column.to: CodedColumn(body[:, match.labels[column.to]])
        for column in layout.columns
        if column.to in match.labels
    }
    coded_figures = {column: CodedColumn(body[:, column]) for column in sorted(match.figures)}
    data_rows = find_data_rows(match, coded_labels, coded_figures)
    rejects = RejectedCells(matched, body, data_rows.body_rows)

    # What stands in them.
    labels, unreadable_labels = read_labels(coded_labels, layout, data_rows.body_rows, withhold=source.sensitive)
    has_labels = np.ones(len(data_rows.body_rows), dtype=bool)
    for unreadable in unreadable_labels:
        rejects.add(unreadable.data_row, match.labels[unreadable.label], "unreadable_label", unreadable.expected)
        has_labels[unreadable.data_row] = False
    rows = LabelledRows(data_rows.body_rows, labels)
    figures = [read_figures(matched, column, coded, rows, rejects) for column, coded in coded_figures.items()]

    # The tidy rows, and what becomes of each.
    is_loadable = _find_loadable(figures, has_labels, layout)
    tidy_rows = _join_figures(rows, figures, is_loadable, match)
    first_days = add_period(tidy_rows.columns, len(tidy_rows.data_rows), match, file.name, file.reference_period)
    rules = list(period_rules(layout, file.published_on, file.reference_period))
    is_misplaced = _reject_misplaced(tidy_rows, first_days, rules, min(match.labels.values()), rejects)
    counts = count_rows_after_end(cells, end) + data_rows.counts + _count_left_out(figures, is_loadable)
    tidy = _divide_rows(tidy_rows, is_misplaced, match, rejects.failures, counts)
    check_conserved(tidy.counts, file.name, match.sheet)
    return tidy


# ---- tidy rows -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _TidyRows:
    """Labels and figures joined into long rows.

    ``is_total`` says which rows are totals of others, ``number_of_figures`` how many figures a row has (0 where all of
    them are not available), ``data_rows`` from which data row it comes.
    """

    columns: Columns
    is_total: np.ndarray
    number_of_figures: np.ndarray
    data_rows: np.ndarray


def _find_loadable(figures: Sequence[ReadFigures], has_labels: np.ndarray, layout: Layout) -> np.ndarray:
    """Return which data rows can be loaded: those whose labels could be read.

    Of a layout with measures all figures must be readable too: a row with half of its measures would be taken for one
    whose other half is not available.
    """
    is_loadable = has_labels
    if layout.measures:
        for of_column in figures:
            is_loadable = is_loadable & ~of_column.is_unreadable
    return is_loadable


def _count_left_out(figures: Sequence[ReadFigures], is_loadable: np.ndarray) -> Counts:
    """Return how many figures are not available, and how many are rejected, alone or with their row."""
    unavailable = rejected = 0
    for of_column in figures:
        unavailable += int(of_column.is_unavailable.sum())
        rejected += int(of_column.is_unreadable.sum())
        rejected += int((of_column.is_number & ~is_loadable).sum())
    return Counts(unavailable=unavailable, rejected=rejected)


def _join_figures(
    rows: LabelledRows, figures: Sequence[ReadFigures], is_loadable: np.ndarray, match: Match
) -> _TidyRows:
    """Join labels and figures of the rows that can be loaded into tidy rows."""
    row_texts = (rows.body_rows + match.first_body_row + 1).astype(str).astype(object)
    join = _join_measures if match.layout.measures else _join_tiers
    return join(rows.labels, figures, is_loadable, row_texts, match)


def _find_totals(labels: Columns, layout: Layout, number_of_rows: int) -> np.ndarray:
    """Return which data rows are totals by one of their labels."""
    is_total = np.zeros(number_of_rows, dtype=bool)
    for column in layout.columns:
        is_total |= labels[column.to] == TOTAL
    return is_total


def _join_measures(
    labels: Columns, figures: Sequence[ReadFigures], is_loadable: np.ndarray, row_texts: np.ndarray, match: Match
) -> _TidyRows:
    """Return a tidy row for each data row: its labels, and each measure with its cell.

    ``Kent | 5 | 3`` in row 7 becomes force_code Kent, outcomes_recorded 5 of cell B7, outcomes_closed 3 of C7.
    """
    layout, fact = match.layout, FACTS[match.table.fact]
    is_given = np.logical_or.reduce([of_column.is_number | of_column.is_unavailable for of_column in figures])
    data_rows = np.flatnonzero(is_loadable & is_given)
    columns = {name: values[data_rows] for name, values in labels.items()}
    for measure in layout.measures:  # an optional one may have no column in the sheet
        columns[measure.to] = np.full(len(data_rows), None)
        columns[cell_column(fact, measure.to)] = np.full(len(data_rows), "", dtype=object)
    for of_column in figures:
        measure = of_column.figure_column.measure
        numbers = np.full(len(of_column.values), None)
        numbers[of_column.is_number] = of_column.values[of_column.is_number]
        columns[measure.to] = numbers[data_rows]
        columns[cell_column(fact, measure.to)] = column_letters(of_column.column) + row_texts[data_rows]
    return _TidyRows(
        columns,
        is_total=_find_totals(labels, layout, len(is_loadable))[data_rows],
        number_of_figures=np.sum([of_column.is_number for of_column in figures], axis=0)[data_rows],
        data_rows=data_rows,
    )


def _join_tiers(
    labels: Columns, figures: Sequence[ReadFigures], is_loadable: np.ndarray, row_texts: np.ndarray, match: Match
) -> _TidyRows:
    """Return a tidy row for each figure: its row's labels, its column's members, its value and its cell.

    ``Kent | 2 | 1`` in row 3, under Adult and Child, becomes Kent, Adult, 2 of cell B3 and Kent, Child, 1 of cell C3.
    The rows of a column follow those of the column to its left.
    """
    layout = match.layout
    assert layout.value is not None
    is_total_by_label = _find_totals(labels, layout, len(is_loadable))
    parts: list[_TidyRows] = []
    for of_column in figures:
        data_rows = np.flatnonzero(is_loadable & (of_column.is_number | of_column.is_unavailable))
        columns = {name: values[data_rows] for name, values in labels.items()}
        for name, member in of_column.figure_column.members.items():
            columns[name] = np.full(len(data_rows), member, dtype=object)
        columns[layout.value.to] = of_column.values[data_rows]
        columns["cell"] = column_letters(of_column.column) + row_texts[data_rows]
        is_total = is_total_by_label[data_rows] | of_column.figure_column.is_total
        parts.append(_TidyRows(columns, is_total, of_column.is_number[data_rows].astype(int), data_rows))
    return _TidyRows(
        {name: np.concatenate([part.columns[name] for part in parts]) for name in parts[0].columns},
        is_total=np.concatenate([part.is_total for part in parts]),
        number_of_figures=np.concatenate([part.number_of_figures for part in parts]),
        data_rows=np.concatenate([part.data_rows for part in parts]),
    )


def _reject_misplaced(
    tidy_rows: _TidyRows,
    first_days: np.ndarray,
    rules: Sequence[PeriodRule],
    first_column: int,
    rejects: RejectedCells,
) -> np.ndarray:
    """Return which tidy rows are about a period that they may not be about; each data row is rejected once for it.

    ``first_days`` are those of the rows' periods; the place that is named is the row's cell in ``first_column``.
    """
    has_figures = tidy_rows.number_of_figures > 0
    is_misplaced = np.zeros(len(first_days), dtype=bool)
    for rule in rules:
        wrong_days = {day for day in set(first_days) if rule.is_broken_by(day)}
        if not wrong_days:
            continue
        breaks_rule = np.array([day in wrong_days for day in first_days], dtype=bool)
        breaks_rule &= has_figures & ~is_misplaced
        is_misplaced |= breaks_rule
        for data_row in np.unique(tidy_rows.data_rows[breaks_rule]).tolist():
            rejects.add(data_row, first_column, rule.rule, rule.expected)
    return is_misplaced


def _divide_rows(
    tidy_rows: _TidyRows, is_misplaced: np.ndarray, match: Match, rejects: list[Failure], counts: Counts
) -> Tidy:
    """Divide the tidy rows by what they are – to be loaded, totals, rates, not available – and count their figures.

    ``counts`` tells of all rows, and of the figures that are in no tidy row.
    """
    columns = tidy_rows.columns
    has_figures = tidy_rows.number_of_figures > 0
    is_rate = np.zeros(len(is_misplaced), dtype=bool)
    if match.layout.rates:
        is_rate = np.isin(columns[MEASURE], list(match.layout.rates))
    is_total = tidy_rows.is_total & ~is_rate
    is_finest = ~tidy_rows.is_total & ~is_rate
    is_sound = has_figures & ~is_misplaced

    def count_figures(is_chosen: np.ndarray) -> int:
        return int(tidy_rows.number_of_figures[is_chosen].sum())

    counted = Counts(
        loaded=count_figures(is_finest & is_sound),
        totals=count_figures(is_total & is_sound),
        rates=count_figures(is_rate & is_sound),
        rejected=count_figures(is_misplaced),
    )
    constants = {"sheet": match.sheet, **match.table.constants}
    return Tidy(
        match,
        rows=_select_rows(columns, is_finest & is_sound, constants),
        totals=_select_rows(columns, is_total & is_sound, constants),
        rates=_select_rows(columns, is_rate & is_sound, constants),
        unavailable=_select_rows(columns, is_finest & ~has_figures, constants),
        rejects=rejects,
        counts=counts + counted,
    )


def _select_rows(columns: Columns, is_chosen: np.ndarray, constants: Mapping[str, Any]) -> Columns:
    """Return the chosen rows, with the columns that are the same in all of them."""
    number_of_rows = int(is_chosen.sum())
    selected = {name: values[is_chosen] for name, values in columns.items()}
    for name, value in constants.items():
        selected[name] = np.full(number_of_rows, value, dtype=object)
    return selected
