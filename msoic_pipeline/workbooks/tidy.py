"""Turns a matched sheet into tidy rows: one row a figure (or a set of measures), each with the cell it came from.

Four things come out of a sheet: ``rows`` (the finest figures), ``totals`` and ``rates`` (figures that the sheet works
out of others) and ``rejects`` (cells that could not be read, with the reason). Every filled figure cell of the sheet is
in exactly one of them or in ``unavailable``, and every row below the header is data, blank or a note.

Rows are numbered in four ways, each from 0:

- a *sheet row* counts from the top of the sheet: what a person sees as row 1 is sheet row 0;
- a *body row* counts from below the header;
- a *data row* counts those body rows that are neither blank nor notes;
- a *tidy row* counts what comes out, which is one for each figure of a data row where the layout has levels.

Of this sheet, whose header has one level above the figures, the rows are::

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
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np

from msoic_pipeline.limits import MAX_LISTED, MAX_RECOGNISED_CELL
from msoic_pipeline.model.facts import FACTS, cell_column
from msoic_pipeline.texts import clean, fold, fold_mark, is_blank, shorten
from msoic_pipeline.workbooks.coded_column import BLANK, UNREADABLE, CodedColumn, Columns
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Rows, Sheet, a1, column_letters, from_a1
from msoic_pipeline.workbooks.labels import read_labels
from msoic_pipeline.workbooks.layout import Layout, Source
from msoic_pipeline.workbooks.matching import TOTAL, FigureColumn, Match
from msoic_pipeline.workbooks.row_periods import PeriodRule, add_period, period_rules
from msoic_pipeline.workbooks.values import parse_number, parser

# The column whose members say what is counted; a layout's rates are some of them.
_MEASURE = "measure"
# Of a row that is rejected so many cells are told.
_CELLS_TOLD = 40


@dataclass(frozen=True)
class CellReplacement:
    """What a known fault asks for: that ``replacement`` is read where the text ``found`` stands in a cell."""

    fault_id: str
    sheet: str
    cell: str
    found: str
    replacement: Any


@dataclass(frozen=True, slots=True)
class Reject:
    """A cell of which nothing is loaded: where it stands, the ``rule`` that it breaks, and the reason in words.

    ``raw_text`` is what stands in its row, as far as it may be told; ``table_name`` the fact table that it is missing
    from; ``fault`` the known fault that asks to leave it out, once that is known, and empty where none does.
    """

    sheet: str
    cell: str
    rule: str
    reason: str
    raw_text: str
    table_name: str
    fault: str = ""


@dataclass
class Tidy:
    """What a sheet holds.

    ``rows``, ``totals``, ``rates`` and ``unavailable`` have the same columns, see ``tidy_sheet``. ``counts`` says where
    the rows went (``rows`` = ``data_rows`` + ``blank_rows`` + ``note_rows``) and where the figure cells (``figures`` =
    ``loaded`` + ``totals`` + ``rates`` + ``unavailable`` + ``rejected``; beside them the ``blank`` ones of data rows).
    Rows that the layout ignores count as notes, and their figures nowhere.
    """

    match: Match
    rows: Columns
    totals: Columns
    rates: Columns
    unavailable: Columns
    rejects: list[Reject]
    counts: Counter[str]


def tidy_sheet(
    sheet: Sheet,
    match: Match,
    source: Source,
    file: str,
    published_on: dt.date,
    reference_period: str,
    replacements: Sequence[CellReplacement],
) -> Tidy:
    """Return the tidy rows of ``sheet`` read through ``match``.

    They have the table's label columns, its measures with their cells, ``sheet`` and ``cell``, and the period
    (``quarter_start``, and ``month_start`` or ``day`` where the layout names them). Raises SourceFileError where
    figures stand outside the table that the header opens, where a cell does not hold what a known fault says of it, or
    where a reference period is not of the kind that it should be.
    """
    layout = match.layout
    counts: Counter[str] = Counter()

    # The body: what stands below the header, down to the words that end the table.
    cells = _as_array(sheet.rows[match.first_row :], sheet.width)
    _replace_cells(cells, replacements, match, file, withhold=source.sensitive)
    end = _find_end(cells, match, source)
    _refuse_stray_figures(sheet, cells, end, match, file)
    _count_rows_after_end(cells, end, counts)
    body = cells[:end]

    # Its data rows, each column of them coded so that a distinct value is read once.
    coded_labels = {
        column.to: CodedColumn(body[:, match.labels[column.to]])
        for column in layout.columns
        if column.to in match.labels
    }
    coded_figures = {column: CodedColumn(body[:, column]) for column in sorted(match.figures)}
    body_rows = _find_data_rows(match, coded_labels, coded_figures, counts)
    rejects = _RejectList(sheet, match, body, body_rows, withhold=source.sensitive)

    # What stands in them.
    labels, unreadable_labels = read_labels(coded_labels, layout, body_rows)
    has_labels = np.ones(len(body_rows), dtype=bool)
    for unreadable in unreadable_labels:
        rejects.add(unreadable.data_row, match.labels[unreadable.label], "unreadable_label", unreadable.expected)
        has_labels[unreadable.data_row] = False
    figures = [
        _read_figures(column, coded, match, labels, source, body_rows, rejects)
        for column, coded in coded_figures.items()
    ]

    # The tidy rows, and what becomes of each.
    tidy_rows = _join_figures(labels, figures, has_labels, body_rows + match.first_row, match, counts)
    first_days = add_period(tidy_rows.columns, len(tidy_rows.data_rows), match, file, reference_period)
    rules = list(period_rules(layout, published_on, reference_period))
    is_misplaced = _reject_misplaced(tidy_rows, first_days, rules, min(match.labels.values()), rejects)
    tidy = _sort_rows(tidy_rows, is_misplaced, match, rejects.rejects, counts)
    check_conserved(counts, file, match.sheet)
    return tidy


def check_conserved(counts: Counter[str], file: str, sheet: str = "") -> None:
    """Raise SourceFileError where a row or a figure went missing between the sheet and what was read of it."""
    rows = counts["data_rows"] + counts["blank_rows"] + counts["note_rows"]
    figures = sum(counts[name] for name in ("loaded", "totals", "rates", "unavailable", "rejected"))
    if (counts["rows"], counts["figures"]) != (rows, figures):
        raise SourceFileError(
            "not_conserved",
            file=file,
            sheet=sheet,
            expected=f"{counts['rows']:,} rows and {counts['figures']:,} figures to be accounted for",
            found=f"{rows:,} rows and {figures:,} figures ({dict(counts)})",
            remedy="This is a fault of the pipeline, not of the file: report it.",
        )


class _RejectList:
    """The cells of a sheet of which nothing is loaded, in the order in which they are found.

    ``body`` are the cells below the header, ``body_rows`` those of its rows that are data.
    """

    def __init__(self, sheet: Sheet, match: Match, body: np.ndarray, body_rows: np.ndarray, *, withhold: bool) -> None:
        self.rejects: list[Reject] = []
        self._sheet = sheet
        self._match = match
        self._body = body
        self._body_rows = body_rows
        self._withhold = withhold
        self._number_of_rule: Counter[str] = Counter()

    def add(self, data_row: int, column: int, rule: str, expected: str) -> None:
        """Note that a cell of a data row breaks a rule; of the first of each rule what stands there is told."""
        body_row = int(self._body_rows[data_row])
        sheet_row = body_row + self._match.first_row
        reason, raw_text = f"expected {expected}", ""
        self._number_of_rule[rule] += 1
        if self._number_of_rule[rule] <= MAX_LISTED and not self._withhold:
            value = self._body[body_row, column]
            if value != "":
                reason += f"; found {shorten(value)!r}"
            raw_text = " | ".join(shorten(value) for value in self._sheet.rows[sheet_row][:_CELLS_TOLD])
        fact = self._match.table.fact
        self.rejects.append(Reject(self._match.sheet, a1(sheet_row, column), rule, reason, raw_text, fact))


# ---- the body of the sheet -------------------------------------------------------------------------


def _as_array(rows: Rows, width: int) -> np.ndarray:
    """Return rows as an array of cells; shorter rows are filled up with empty ones."""
    cells = np.full((len(rows), width), "", dtype=object)
    if all(len(row) == width for row in rows):
        if len(rows):
            cells[:] = rows
    else:
        for number, values in enumerate(rows):
            cells[number, : len(values)] = values
    return cells


def _replace_cells(
    cells: np.ndarray, replacements: Sequence[CellReplacement], match: Match, file: str, *, withhold: bool
) -> None:
    """Replace, in place, the cells below the header that known faults ask to be read as something else."""
    for replacement in replacements:
        if replacement.sheet != match.sheet:
            continue
        sheet_row, column = from_a1(replacement.cell)
        body_row = sheet_row - match.first_row
        is_there = 0 <= body_row < cells.shape[0] and column < cells.shape[1]
        found = shorten(cells[body_row, column], MAX_RECOGNISED_CELL) if is_there else ""
        if found != replacement.found:
            raise SourceFileError(
                "fault_not_found",
                file=file,
                sheet=replacement.sheet,
                cell=replacement.cell,
                expected=f"the text that the declared fault {replacement.fault_id} replaces"
                + ("" if withhold else f", {replacement.found!r}"),
                found="another" if withhold else repr(found),
                remedy="Look at the sheet, and amend the source's faults.yaml.",
            )
        cells[body_row, column] = replacement.replacement


def _find_end(cells: np.ndarray, match: Match, source: Source) -> int:
    """Return the body row of the words that end the table, or the number of rows where there are none."""
    ends = {fold(text) for text in source.end}

    def is_end(value: Any) -> bool:
        return isinstance(value, str) and len(value) <= MAX_RECOGNISED_CELL and fold(value) in ends

    first_label = min(match.labels.values())
    end_rows = np.flatnonzero(CodedColumn(cells[:, first_label]).where(is_end))
    return int(end_rows[0]) if len(end_rows) else len(cells)


def _count_rows_after_end(cells: np.ndarray, end: int, counts: Counter[str]) -> None:
    """Count all rows below the header, and those from the end of the table on, which are notes or blank."""
    note_rows = sum(any(not is_blank(value) for value in row) for row in cells[end:])
    counts.update(rows=len(cells), note_rows=note_rows, blank_rows=len(cells) - end - note_rows)


def _refuse_stray_figures(sheet: Sheet, cells: np.ndarray, end: int, match: Match, file: str) -> None:
    """Refuse figures under no header, above the header or below the table's end: they would be dropped silently."""
    with_header = {*match.labels.values(), *match.figures, *match.ignored}
    without_header = [column for column in range(sheet.width) if column not in with_header]
    expected = "a header over the column"
    _refuse_figures(cells[:end], without_header, match.first_row, "headless_figures", expected, match, file)
    above = _as_array(sheet.rows[: match.header_row], sheet.width)
    expected = "no figures above the header"
    _refuse_figures(above, match.figures, 0, "figures_above_header", expected, match, file)
    expected = "no figures below the end of the table"
    _refuse_figures(cells[end:], match.figures, match.first_row + end, "figures_below_end", expected, match, file)


def _refuse_figures(
    area: np.ndarray, columns: Collection[int], first_sheet_row: int, rule: str, expected: str, match: Match, file: str
) -> None:
    """Refuse figures in ``columns`` of a part of the sheet, which begins at ``first_sheet_row``."""
    for column in columns:
        if not (area[:, column] != "").any():
            continue
        stray_rows = np.flatnonzero(CodedColumn(area[:, column]).where(_is_figure))
        if len(stray_rows):
            raise SourceFileError(
                rule,
                file=file,
                sheet=match.sheet,
                cell=a1(int(stray_rows[0]) + first_sheet_row, column),
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


def _find_data_rows(
    match: Match,
    coded_labels: Mapping[str, CodedColumn],
    coded_figures: Mapping[int, CodedColumn],
    counts: Counter[str],
) -> np.ndarray:
    """Return which body rows are data, and count them, the others, and the figure cells.

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
    counts.update(
        data_rows=len(body_rows),
        blank_rows=int(is_blank_row.sum()),
        note_rows=int(is_note.sum()),
        figures=sum(int(is_filled.sum()) for is_filled in figures_filled),
    )
    counts["blank"] = len(body_rows) * len(coded_figures) - counts["figures"]
    return body_rows


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


# ---- figures ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _ReadFigures:
    """What stands in the data rows of a column of figures, which is ``column`` of the sheet.

    ``values`` has a number for each data row, None where the figure is marked as not available, BLANK where the cell is
    empty, or UNREADABLE.
    """

    column: int
    figure_column: FigureColumn
    values: np.ndarray

    @cached_property
    def is_unavailable(self) -> np.ndarray:
        """Which figures the publisher does not give, and says so."""
        return self.values == None  # noqa: E711 (an array)

    @cached_property
    def is_unreadable(self) -> np.ndarray:
        """Which figures could not be read."""
        return self.values == UNREADABLE

    @cached_property
    def is_number(self) -> np.ndarray:
        """Which figures are numbers."""
        return ~(self.is_unavailable | self.is_unreadable | (self.values == BLANK))


def _read_figures(
    column: int,
    coded: CodedColumn,
    match: Match,
    labels: Columns,
    source: Source,
    body_rows: np.ndarray,
    rejects: _RejectList,
) -> _ReadFigures:
    """Read the data rows of a column of figures; what cannot be read is rejected at its place."""
    figure_column = match.figures[column]
    marks = {fold_mark(mark) for mark in source.unavailable}
    values = np.full(len(body_rows), BLANK, dtype=object)
    for is_parsed, parse in _parsers_of_rows(figure_column, labels, match.layout, len(body_rows)):
        read = coded.read(_figure_parser(parse, marks))
        values[is_parsed] = read.values[body_rows][is_parsed]
        for data_row in np.flatnonzero(is_parsed & (values == UNREADABLE)).tolist():
            expected = read.expected[coded.codes[body_rows[data_row]]]
            rejects.add(data_row, column, "unreadable_figure", expected)
    return _ReadFigures(column, figure_column, values)


def _parsers_of_rows(
    figure_column: FigureColumn, labels: Columns, layout: Layout, number_of_rows: int
) -> Iterator[tuple[np.ndarray, str]]:
    """Yield which data rows of a column are read by which parser: a rate is a share, whatever the counts are."""
    if not layout.rates:
        yield np.ones(number_of_rows, dtype=bool), figure_column.measure.parse
        return
    measures = labels.get(_MEASURE, np.full(number_of_rows, figure_column.members.get(_MEASURE), dtype=object))
    is_rate = np.isin(measures, list(layout.rates))
    yield ~is_rate, figure_column.measure.parse
    if is_rate.any():
        yield is_rate, "share"


def _figure_parser(parse: str, marks: set[str]) -> Callable[[Any], Any]:
    """Return a parser that reads the marks of a figure that is not available as None, all else as ``parse`` does."""
    read_number = parser(parse)

    def read_figure(value: Any) -> Any:
        if isinstance(value, str) and fold_mark(value) in marks:
            return None
        return read_number(value)

    return read_figure


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


def _join_figures(
    labels: Columns,
    figures: Sequence[_ReadFigures],
    has_labels: np.ndarray,
    sheet_rows: np.ndarray,
    match: Match,
    counts: Counter[str],
) -> _TidyRows:
    """Join labels and figures into tidy rows, and count the figures that are left out or not available.

    Left out are data rows whose labels could not be read, and figures that could not: of a layout with measures the
    whole row, since a row with half of its measures would be taken for one whose other half is not available.
    """
    is_loadable = has_labels
    if match.layout.measures:
        for of_column in figures:
            is_loadable = is_loadable & ~of_column.is_unreadable
    for of_column in figures:
        counts["unavailable"] += int(of_column.is_unavailable.sum())
        counts["rejected"] += int(of_column.is_unreadable.sum())
        counts["rejected"] += int((of_column.is_number & ~is_loadable).sum())
    row_texts = (sheet_rows + 1).astype(str).astype(object)
    join = _join_measures if match.layout.measures else _join_levels
    return join(labels, figures, is_loadable, row_texts, match)


def _find_totals(labels: Columns, layout: Layout, number_of_rows: int) -> np.ndarray:
    """Return which data rows are totals by one of their labels."""
    is_total = np.zeros(number_of_rows, dtype=bool)
    for column in layout.columns:
        is_total |= labels[column.to] == TOTAL
    return is_total


def _join_measures(
    labels: Columns, figures: Sequence[_ReadFigures], is_loadable: np.ndarray, row_texts: np.ndarray, match: Match
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


def _join_levels(
    labels: Columns, figures: Sequence[_ReadFigures], is_loadable: np.ndarray, row_texts: np.ndarray, match: Match
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
    rejects: _RejectList,
) -> np.ndarray:
    """Return which tidy rows are about a period that they may not be about; each data row is rejected once for it.

    ``first_days`` are those of the rows' periods; the place that is named is the row's cell in ``first_column``.
    """
    has_figures = tidy_rows.number_of_figures > 0
    is_misplaced = np.zeros(len(first_days), dtype=bool)
    for rule in rules:
        wrong_days = {day for day in set(first_days) if day is not None and rule.is_broken_by(day)}
        if not wrong_days:
            continue
        breaks_rule = np.array([day in wrong_days for day in first_days], dtype=bool)
        breaks_rule &= has_figures & ~is_misplaced
        is_misplaced |= breaks_rule
        for data_row in np.unique(tidy_rows.data_rows[breaks_rule]).tolist():
            rejects.add(data_row, first_column, rule.rule, rule.expected)
    return is_misplaced


def _sort_rows(
    tidy_rows: _TidyRows, is_misplaced: np.ndarray, match: Match, rejects: list[Reject], counts: Counter[str]
) -> Tidy:
    """Divide the tidy rows by what they are – to be loaded, totals, rates, not available – and count their figures."""
    columns = tidy_rows.columns
    has_figures = tidy_rows.number_of_figures > 0
    is_rate = np.zeros(len(is_misplaced), dtype=bool)
    if match.layout.rates:
        is_rate = np.isin(columns[_MEASURE], list(match.layout.rates))
    is_total = tidy_rows.is_total & ~is_rate
    is_finest = ~tidy_rows.is_total & ~is_rate
    is_sound = has_figures & ~is_misplaced

    def count_figures(is_chosen: np.ndarray) -> int:
        return int(tidy_rows.number_of_figures[is_chosen].sum())

    counts.update(
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
        counts=counts,
    )


def _select_rows(columns: Columns, is_chosen: np.ndarray, constants: Mapping[str, Any]) -> Columns:
    """Return the chosen rows, with the columns that are the same in all of them."""
    number_of_rows = int(is_chosen.sum())
    selected = {name: values[is_chosen] for name, values in columns.items()}
    for name, value in constants.items():
        selected[name] = np.full(number_of_rows, value, dtype=object)
    return selected
