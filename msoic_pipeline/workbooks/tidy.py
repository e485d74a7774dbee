"""Turns a matched sheet into tidy rows: one row a figure (or a set of measures), each with the cell it came from.

Three frames come out of a sheet: ``rows`` (the finest figures), ``totals`` (figures that the sheet gives as totals of
others) and ``rejects`` (cells that could not be read, with the reason). Every figure cell of the sheet is in exactly
one of them or counted as not available.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from msoic_pipeline.periods import period_start, shift_months
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Sheet, a1, column_letters, from_a1
from msoic_pipeline.workbooks.layout import Layout, Source
from msoic_pipeline.workbooks.matching import TOTAL, Match
from msoic_pipeline.workbooks.texts import clean, fold, is_blank
from msoic_pipeline.workbooks.values import parser

_BLANK = "\0blank"
_BAD = "\0bad"
REJECT_COLUMNS = ["sheet", "cell", "rule", "reason", "raw_text"]


@dataclass
class Mend:
    """A declared fault of one cell: the text that stands there, and the text that is read instead."""

    fault_id: str
    sheet: str
    cell: str
    found: str
    replacement: Any


@dataclass
class Tidy:
    """What a sheet holds. ``counts`` says where each figure cell went."""

    match: Match
    rows: pd.DataFrame
    totals: pd.DataFrame
    rejects: pd.DataFrame
    counts: Counter[str] = field(default_factory=Counter)


class _Codes:
    """A column of cells as codes into its distinct values, so that each distinct value is read once."""

    def __init__(self, cells: np.ndarray) -> None:
        self.codes, self.uniques = pd.factorize(cells, use_na_sentinel=False)

    def map(self, function: Callable[[Any], Any]) -> np.ndarray:
        """Return ``function`` of each cell."""
        values = np.empty(len(self.uniques), dtype=object)
        values[:] = [function(value) for value in self.uniques]
        return values[self.codes]

    def mask(self, function: Callable[[Any], bool]) -> np.ndarray:
        """Return for each cell whether ``function`` holds of it."""
        return np.array([function(value) for value in self.uniques], dtype=bool)[self.codes]


def tidy_sheet(
    sheet: Sheet,
    match: Match,
    source: Source,
    file: str,
    published_on: dt.date,
    reference_start: dt.date,
    mends: list[Mend],
) -> Tidy:
    """Return the tidy rows of ``sheet`` read through ``match``.

    ``rows`` has the table's label columns, its measures with their cells, ``sheet`` and ``cell``, and the period
    (``quarter_start``, and ``month_start`` or ``day`` where the layout names them). Raises SourceFileError where figures
    stand under no header.
    """
    layout = match.layout
    cells = _cells(sheet, match, mends)
    first = match.first_row
    cut, ends = _cut_at_end(cells, match, source)
    cells = cells[:cut]
    _refuse_headless(cells, match, file, first)

    unavailable = {fold(mark) for mark in source.unavailable}
    figure_columns = sorted(match.figures)
    labels = {spec.to: _Codes(cells[:, match.labels[spec.to]]) for spec in layout.columns if spec.to in match.labels}
    figures = {column: _Codes(cells[:, column]) for column in figure_columns}
    label_blank = {name: codes.mask(is_blank) for name, codes in labels.items()}
    figure_blank = {column: codes.mask(is_blank) for column, codes in figures.items()}

    no_figures = np.logical_and.reduce(list(figure_blank.values())) if figures else np.ones(len(cells), dtype=bool)
    filled_labels = sum((~blank).astype(int) for blank in label_blank.values())
    empty = no_figures & (filled_labels == 0)
    first_label = min(labels, key=lambda name: match.labels[name])
    notes = no_figures & (filled_labels == 1) & ~label_blank[first_label] & (len(labels) > 1)
    keep = np.flatnonzero(~(empty | notes))
    counts = Counter(blank_rows=int(empty.sum()), note_rows=int(notes.sum()) + ends, data_rows=len(keep))

    parsed, problems = _parse_labels(labels, label_blank, layout, keep)
    numbers = keep + first
    rejects: list[dict[str, Any]] = []

    def reject(position: int, column: int, rule: str, reason: str) -> None:
        row = int(numbers[position])
        raw = "" if source.sensitive else " | ".join(clean(value) for value in sheet.rows[row][:40])
        rejects.append({"sheet": match.sheet, "cell": a1(row, column), "rule": rule, "reason": reason, "raw_text": raw})

    good = np.ones(len(keep), dtype=bool)
    for position, name, expected in problems:
        found = "" if source.sensitive else f"; found {clean(cells[keep[position], match.labels[name]])!r}"
        reject(position, match.labels[name], "unreadable_label", f"expected {expected}{found}")
        good[position] = False

    values: dict[int, np.ndarray] = {}
    for column in figure_columns:
        read = parser(match.figures[column].measure.parse)
        everything, errors = _parse_figures(figures[column], read, unavailable)
        values[column] = everything[keep]
        for position in np.flatnonzero(values[column] == _BAD):
            found = "" if source.sensitive else f"; found {clean(cells[keep[position], column])!r}"
            reason = errors[figures[column].codes[keep[position]]]
            reject(int(position), column, "unreadable_figure", f"expected {reason}{found}")

    table = _join(parsed, values, numbers, good, match, counts)
    late = _add_period(table, layout, published_on, reference_start)
    for position in np.unique(table["_position"][late]):
        start = table["quarter_start"][np.flatnonzero((table["_position"] == position) & late)[0]]
        reason = (
            f"expected a quarter before the publication on {published_on:%d %B %Y}; found the one from {start:%d %B %Y}"
        )
        reject(int(position), min(match.labels.values()), "future_period", reason)
    counts["rejected"] = len(rejects)
    is_total = table.pop("_total").astype(bool)
    del table["_position"]
    constants = {"sheet": match.sheet, **match.table.constants}
    return Tidy(
        match,
        _frame(table, ~is_total & ~late, constants),
        _frame(table, is_total & ~late, constants),
        pd.DataFrame(rejects, columns=REJECT_COLUMNS),
        counts,
    )


def _frame(table: dict[str, np.ndarray], mask: np.ndarray, constants: dict[str, Any]) -> pd.DataFrame:
    size = int(mask.sum())
    columns = {name: values[mask] for name, values in table.items()}
    return pd.DataFrame(
        columns | {name: np.full(size, value, dtype=object) for name, value in constants.items()}, dtype=object
    )


def _cells(sheet: Sheet, match: Match, mends: list[Mend]) -> np.ndarray:
    body = pd.DataFrame(list(sheet.rows[match.first_row :]), dtype=object)
    cells = body.reindex(columns=range(max(sheet.width, body.shape[1]))).to_numpy(dtype=object, na_value="")
    for mend in mends:
        if mend.sheet != match.sheet:
            continue
        row, column = from_a1(mend.cell)
        row -= match.first_row
        if 0 <= row < cells.shape[0] and column < cells.shape[1] and clean(cells[row, column]) == mend.found:
            cells[row, column] = mend.replacement
    return cells


def _cut_at_end(cells: np.ndarray, match: Match, source: Source) -> tuple[int, int]:
    """Return the number of rows before the words that end the table, and the number of filled rows from there on."""
    ends = {fold(text) for text in source.end}
    left = min(match.labels.values())
    marks = np.flatnonzero(_Codes(cells[:, left]).mask(lambda value: isinstance(value, str) and fold(value) in ends))
    if not len(marks):
        return len(cells), 0
    cut = int(marks[0])
    return cut, sum(any(not is_blank(value) for value in row) for row in cells[cut:])


def _refuse_headless(cells: np.ndarray, match: Match, file: str, first: int) -> None:
    """Figures under no header would be dropped silently: refuse them."""
    known = {*match.labels.values(), *match.figures, *match.ignored}
    for column in range(cells.shape[1]):
        if column in known:
            continue
        filled = np.flatnonzero(
            _Codes(cells[:, column]).mask(lambda value: isinstance(value, int | float) and not isinstance(value, bool))
        )
        if len(filled):
            raise SourceFileError(
                "headless_figures",
                file=file,
                sheet=match.sheet,
                cell=a1(int(filled[0]) + first, column),
                expected=f"a header over column {column_letters(column)}",
                found=f"{len(filled)} figures without a header that the layout knows",
                remedy="Look at the sheet: a header may have been merged or deleted.",
            )


def _parse_labels(
    labels: dict[str, _Codes], blank: dict[str, np.ndarray], layout: Layout, keep: np.ndarray
) -> tuple[dict[str, np.ndarray], list[tuple[int, str, str]]]:
    """Return each label column read, with totals marked, and the problems as (position, column, what was expected)."""
    problems: list[tuple[int, str, str]] = []
    parsed: dict[str, np.ndarray] = {}
    expectations: dict[str, dict[int, str]] = {}
    for spec in layout.columns:
        if spec.to not in labels:
            parsed[spec.to] = np.full(len(keep), spec.default, dtype=object)
            continue
        for name, parse in {spec.to: spec.parse, **spec.also}.items():
            values, expected = _read_labels(labels[spec.to], spec.totals, parse)
            parsed[name] = values[keep]
            expectations.setdefault(spec.to, {}).update(expected)
    if layout.sparse:
        _fill_sparse(parsed, layout)
    for spec in layout.columns:
        for name in (spec.to, *spec.also) if spec.to in labels else ():
            values = parsed[name]
            for position in np.flatnonzero(values == _BAD):
                code = labels[spec.to].codes[keep[position]]
                problems.append((int(position), spec.to, expectations[spec.to].get(code, f"a {spec.to}")))
            empty = values == _BLANK
            if spec.blank == "reject" and name == spec.to:
                problems += [(int(at), spec.to, f"a {spec.to}, not an empty cell") for at in np.flatnonzero(empty)]
            values[empty] = None
    return parsed, problems


def _read_labels(codes: _Codes, total_texts: tuple[str, ...], parse: str) -> tuple[np.ndarray, dict[int, str]]:
    read = parser(parse)
    totals = {fold(text) for text in total_texts}
    expected: dict[int, str] = {}
    values = np.empty(len(codes.uniques), dtype=object)
    for index, value in enumerate(codes.uniques):
        if is_blank(value):
            values[index] = _BLANK
        elif fold(value) in totals:
            values[index] = TOTAL
        else:
            try:
                values[index] = read(value)
            except ValueError as error:
                values[index], expected[index] = _BAD, str(error)
    return values[codes.codes], expected


def _fill_sparse(parsed: dict[str, np.ndarray], layout: Layout) -> None:
    """Fill blank labels: the label above, or the total where an outer label has just begun."""
    also = {spec.to: tuple(spec.also) for spec in layout.columns}
    outer_changed = np.zeros(len(next(iter(parsed.values()))), dtype=bool)
    for name in layout.sparse:
        values = parsed[name]
        own = values != _BLANK
        begins = own | outer_changed
        source = pd.Series(np.where(begins, np.arange(len(values)), -1)).cummax().to_numpy()
        for column in (name, *also[name]):
            begun = np.where(own, parsed[column], np.where(outer_changed, TOTAL, None)).astype(object)
            result = begun[np.maximum(source, 0)] if len(begun) else begun
            result[source < 0] = _BLANK
            parsed[column] = result
        outer_changed = outer_changed | own


def _parse_figures(
    codes: _Codes, read: Callable[[Any], Any], unavailable: set[str]
) -> tuple[np.ndarray, dict[int, str]]:
    errors: dict[int, str] = {}
    values = np.empty(len(codes.uniques), dtype=object)
    for index, value in enumerate(codes.uniques):
        if is_blank(value):
            values[index] = _BLANK
        elif isinstance(value, str) and fold(value) in unavailable:
            values[index] = None
        else:
            try:
                values[index] = read(value)
            except ValueError as error:
                values[index], errors[index] = _BAD, str(error)
    return values[codes.codes], errors


def _join(
    labels: dict[str, np.ndarray],
    values: dict[int, np.ndarray],
    numbers: np.ndarray,
    good: np.ndarray,
    match: Match,
    counts: Counter[str],
) -> dict[str, np.ndarray]:
    """Join labels and figures into long rows; rows and figures that could not be read are left out."""
    layout = match.layout
    is_label_total = np.zeros(len(numbers), dtype=bool)
    for spec in layout.columns:
        is_label_total |= labels[spec.to] == TOTAL
    row_text = (numbers + 1).astype(str).astype(object)
    positions = np.arange(len(numbers))
    usable = {}
    for column, cells in values.items():
        missing, blank = cells == None, cells == _BLANK  # noqa: E711
        counts["unavailable"] += int(missing.sum())
        counts["blank"] += int(blank.sum())
        usable[column] = ~(missing | blank | (cells == _BAD))
    if layout.measures:
        for cells in values.values():
            good = good & (cells != _BAD)
        keep = good & np.logical_or.reduce(list(usable.values()))
        table = {name: cells[keep] for name, cells in labels.items()}
        for measure in layout.measures:
            table[measure.to], table[measure.cell] = np.full(keep.sum(), None), np.full(keep.sum(), "", dtype=object)
        for column, cells in values.items():
            measure = match.figures[column].measure
            table[measure.to] = np.where(usable[column], cells, None)[keep]
            table[measure.cell] = column_letters(column) + row_text[keep]
            counts["figures"] += int((usable[column] & keep).sum())
        return table | {"_total": is_label_total[keep], "_position": positions[keep]}
    assert layout.value is not None
    pieces: dict[str, list[np.ndarray]] = {}
    for column, cells in values.items():
        keep = good & usable[column]
        figure = match.figures[column]
        counts["figures"] += int(keep.sum())
        piece = {name: label[keep] for name, label in labels.items()}
        piece |= {name: np.full(keep.sum(), member, dtype=object) for name, member in figure.members.items()}
        piece[layout.value.to] = cells[keep]
        piece["cell"] = column_letters(column) + row_text[keep]
        piece["_total"] = is_label_total[keep] | figure.is_total
        piece["_position"] = positions[keep]
        for name, part in piece.items():
            pieces.setdefault(name, []).append(part)
    return {name: np.concatenate(parts) for name, parts in pieces.items()}


def _add_period(
    table: dict[str, np.ndarray],
    layout: Layout,
    published_on: dt.date,
    reference_start: dt.date,
) -> np.ndarray:
    """Add the period to the rows, in place; return which rows are about a time after their publication."""
    kind, columns = next(iter(layout.period.items()))
    size = len(table["_position"])
    reference_quarter = period_start("quarter", reference_start)
    kinds = np.full(size, "quarter", dtype=object)
    if kind == "release":
        table[f"{columns}_start"] = np.full(size, reference_start, dtype=object)
        table["quarter_start"] = np.full(size, period_start("quarter", reference_start), dtype=object)
    elif kind in ("calendar", "financial"):
        years, quarters = (table.pop(name) for name in columns)
        starts = {pair: _quarter(*pair) for pair in set(zip(years, quarters, strict=True))}
        table["quarter_start"] = _objects([starts[pair] for pair in zip(years, quarters, strict=True)])
        kinds[quarters == TOTAL] = f"{kind}_year"
    elif kind == "quarter":
        table["quarter_start"] = table.pop(columns)
    else:  # month or day
        name = {"month": "month_start", "day": "day"}[kind]
        table[name] = table.pop(columns)
        starts = {value: period_start("quarter", value) for value in set(table[name])}
        table["quarter_start"] = _objects([starts[value] for value in table[name]])
    table["period_kind"] = kinds
    if kind == "calendar":  # the total of a year that has not ended stands with the last quarter so far
        running = (kinds != "quarter") & (table["quarter_start"] > reference_quarter)
        table["quarter_start"][running] = reference_quarter
    late = {start for start in set(table["quarter_start"]) if start is not None and start > published_on}
    return (
        np.array([start in late for start in table["quarter_start"]], dtype=bool)
        if late
        else np.zeros(size, dtype=bool)
    )


def _objects(values: list[Any]) -> np.ndarray:
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


def _quarter(year: Any, quarter: Any) -> dt.date:
    """Return the quarter of a year (a number, or the day on which it starts); an annual total stands with its last."""
    start = year if isinstance(year, dt.date) else dt.date(int(year), 1, 1)
    return shift_months(start, 3 * ((4 if quarter == TOTAL else int(quarter)) - 1))
