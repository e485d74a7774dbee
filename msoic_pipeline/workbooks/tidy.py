"""Turns a matched sheet into tidy rows: one row a figure (or a set of measures), each with the cell it came from.

Four things come out of a sheet: ``rows`` (the finest figures), ``totals`` and ``rates`` (figures that the sheet works
out of others) and ``rejects`` (cells that could not be read, with the reason). Every filled figure cell of the sheet is
in exactly one of them or in ``unavailable``, and every row below the header is data, blank or a note.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from msoic_pipeline.limits import MAX_LISTED, MAX_RECOGNISED_CELL
from msoic_pipeline.periods import last_quarter, parse_period, period_end, period_start, shift_months
from msoic_pipeline.texts import clean, fold, fold_mark, is_blank, shorten
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Sheet, a1, column_letters, from_a1
from msoic_pipeline.workbooks.layout import Layout, Source
from msoic_pipeline.workbooks.matching import TOTAL, Figure, Match
from msoic_pipeline.workbooks.values import parse_number, parser

_BLANK = "\0blank"
_BAD = "\0bad"
# The column whose members say what is counted; a layout's rates are some of them.
_MEASURE = "measure"

# Columns of equal length by name; their cells are Python values.
Columns = dict[str, np.ndarray]


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
    """What a sheet holds.

    ``counts`` says where the rows went (``rows`` = ``data_rows`` + ``blank_rows`` + ``note_rows``) and where the figure
    cells (``figures`` = ``loaded`` + ``totals`` + ``rates`` + ``unavailable`` + ``rejected``; beside them the
    ``blank`` ones of data rows). Rows that the layout ignores count as notes, and their figures nowhere.
    """

    match: Match
    rows: Columns
    totals: Columns
    rates: Columns
    unavailable: Columns
    rejects: list[dict[str, str]]
    counts: Counter[str]


class _Codes:
    """A column of cells as codes into its distinct values, so that each distinct value is read once."""

    def __init__(self, cells: np.ndarray) -> None:
        self.codes, self.uniques = pd.factorize(cells, use_na_sentinel=False)
        # An empty cell comes as None or as a text; what is not a number (NaN) is something that stands there.
        for place in np.flatnonzero(self.uniques != self.uniques):
            if any(value is not None for value in cells[self.codes == place]):
                self.uniques[place] = "NaN"
        self._part_flags(cells)

    def _part_flags(self, cells: np.ndarray) -> None:
        """Give TRUE and FALSE codes of their own: Python holds them equal to 1 and 0, and no flag is a figure."""
        for code, value in enumerate(self.uniques.tolist()):
            if not isinstance(value, int | float) or value not in (0, 1):
                continue
            here = np.flatnonzero(self.codes == code)
            is_flag = np.array([isinstance(cell, bool) for cell in cells[here]], dtype=bool)
            if is_flag.any() and not is_flag.all():
                self.uniques[code] = cells[here[~is_flag][0]]
                self.codes[here[is_flag]] = len(self.uniques)
                self.uniques = np.append(self.uniques, cells[here[is_flag][:1]])

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
    reference_period: str,
    mends: list[Mend],
) -> Tidy:
    """Return the tidy rows of ``sheet`` read through ``match``.

    ``rows`` has the table's label columns, its measures with their cells, ``sheet`` and ``cell``, and the period
    (``quarter_start``, and ``month_start`` or ``day`` where the layout names them). Raises SourceFileError where
    figures stand outside the table that the header opens, or a reference period is not of the kind that it should be.
    """
    layout = match.layout
    cells = _cells(sheet, match, mends, file, source.sensitive)
    first = match.first_row
    cut = _end_of_table(cells, match, source)
    _refuse_strays(sheet, cells, cut, match, file)
    after_end = sum(any(not is_blank(value) for value in row) for row in cells[cut:])
    counts = Counter(rows=len(cells), note_rows=after_end, blank_rows=len(cells) - cut - after_end)
    cells = cells[:cut]

    marks = {fold_mark(mark) for mark in source.unavailable}
    labels = {spec.to: _Codes(cells[:, match.labels[spec.to]]) for spec in layout.columns if spec.to in match.labels}
    figures = {column: _Codes(cells[:, column]) for column in sorted(match.figures)}
    is_ignored = _rows_ignored(labels, layout, len(cells))
    filled = {column: ~codes.mask(is_blank) & ~is_ignored for column, codes in figures.items()}
    counts["figures"] = sum(int(mask.sum()) for mask in filled.values())
    is_empty, is_note = _rows_without_figures(match, labels, np.logical_or.reduce(list(filled.values())))
    is_note |= is_ignored & ~is_empty
    keep = np.flatnonzero(~(is_empty | is_note))
    counts.update(blank_rows=int(is_empty.sum()), note_rows=int(is_note.sum()), data_rows=len(keep))
    counts["blank"] = len(keep) * len(figures) - counts["figures"]

    parsed, problems = _parse_labels(labels, layout, keep)
    numbers = keep + first
    rejects: list[dict[str, str]] = []
    counts_of_rule: Counter[str] = Counter()

    def reject(position: int, column: int, rule: str, reason: str, value: Any = "") -> None:
        row = int(numbers[position])
        counts_of_rule[rule] += 1
        is_listed = counts_of_rule[rule] <= MAX_LISTED and not source.sensitive
        if value != "" and is_listed:
            reason += f"; found {shorten(value)!r}"
        raw = " | ".join(shorten(value) for value in sheet.rows[row][:40]) if is_listed else ""
        rejects.append({"sheet": match.sheet, "cell": a1(row, column), "rule": rule, "reason": reason, "raw_text": raw})

    good = np.ones(len(keep), dtype=bool)
    for position, name, expected in problems:
        column = match.labels[name]
        reject(position, column, "unreadable_label", f"expected {expected}", cells[keep[position], column])
        good[position] = False

    values: dict[int, np.ndarray] = {}
    for column, codes in figures.items():
        figure = match.figures[column]
        for is_read, parse in _how_read(figure, parsed, layout, len(keep)):
            everything, errors = _parse_figures(codes, parser(parse), marks)
            values[column] = np.where(is_read, everything[keep], values.get(column, everything[keep]))
            for position in np.flatnonzero(is_read & (values[column] == _BAD)).tolist():
                expected = f"expected {errors[codes.codes[keep[position]]]}"
                reject(position, column, "unreadable_figure", expected, cells[keep[position], column])

    table = _join(parsed, values, numbers, good, match, counts)
    finest = _add_period(table, match, file, reference_period)
    figures_of_row = table.pop("_figures")
    is_missing = figures_of_row == 0
    first_column = min(match.labels.values())
    is_misplaced = np.zeros(len(finest), dtype=bool)
    for rule, is_wrong, expected in _periods_allowed(layout, published_on, reference_period):
        wrong = {start for start in set(finest) if start is not None and is_wrong(start)}
        if not wrong:
            continue
        here = np.array([start in wrong for start in finest], dtype=bool) & ~is_misplaced & ~is_missing
        is_misplaced |= here
        for position in np.unique(table["_position"][here]).tolist():
            reject(position, first_column, rule, f"expected {expected}", cells[keep[position], first_column])
    is_total = table.pop("_total").astype(bool)
    del table["_position"]
    is_rate = np.isin(table[_MEASURE], list(layout.rates)) if layout.rates else np.zeros(len(is_total), dtype=bool)
    constants = {"sheet": match.sheet, **match.table.constants}
    is_there = ~is_misplaced & ~is_missing
    kinds = {"loaded": ~is_total & ~is_rate, "totals": is_total & ~is_rate, "rates": is_rate}
    counts.update({name: int(figures_of_row[mask & is_there].sum()) for name, mask in kinds.items()})
    counts["rejected"] += int(figures_of_row[is_misplaced].sum())
    loaded, totals, rates = (_select(table, mask & is_there, constants) for mask in kinds.values())
    unavailable = _select(table, kinds["loaded"] & is_missing, constants)
    tidy = Tidy(match, loaded, totals, rates, unavailable, rejects, counts)
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


def _select(table: Columns, mask: np.ndarray, constants: dict[str, Any]) -> Columns:
    size = int(mask.sum())
    columns = {name: values[mask] for name, values in table.items()}
    return columns | {name: np.full(size, value, dtype=object) for name, value in constants.items()}


def _rows_ignored(labels: dict[str, _Codes], layout: Layout, size: int) -> np.ndarray:
    """Return which rows the layout leaves out on purpose, by one of their labels."""
    is_ignored = np.zeros(size, dtype=bool)
    for spec in layout.columns:
        if spec.ignore_rows and spec.to in labels:
            is_ignored |= labels[spec.to].mask(partial(_label_matches, re.compile(spec.ignore_rows)))
    return is_ignored


def _label_matches(pattern: re.Pattern[str], value: Any) -> bool:
    is_short = not isinstance(value, str) or len(value) <= MAX_RECOGNISED_CELL
    return is_short and bool(pattern.search(clean(value)))


def _rows_without_figures(
    match: Match, labels: dict[str, _Codes], has_figures: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return which rows are empty, and which are notes: below the last figure, with nothing but the first label."""
    filled = {name: ~codes.mask(is_blank) for name, codes in labels.items()}
    number_filled = np.sum(list(filled.values()), axis=0)
    first_label = min(labels, key=lambda name: match.labels[name])
    with_figures = np.flatnonzero(has_figures)
    is_below = np.arange(len(has_figures)) > (with_figures[-1] if len(with_figures) else -1)
    is_empty = ~has_figures & (number_filled == 0)
    return is_empty, is_below & (number_filled == 1) & filled[first_label]


def _cells(sheet: Sheet, match: Match, mends: list[Mend], file: str, withhold: bool) -> np.ndarray:
    body = sheet.rows[match.first_row :]
    cells = np.full((len(body), sheet.width), "", dtype=object)
    if all(len(row) == sheet.width for row in body):
        cells[:] = body if len(body) else cells
    else:
        for number, values in enumerate(body):
            cells[number, : len(values)] = values
    for mend in mends:
        if mend.sheet != match.sheet:
            continue
        row_of_sheet, column = from_a1(mend.cell)
        row = row_of_sheet - match.first_row
        is_there = 0 <= row < cells.shape[0] and column < cells.shape[1]
        found = shorten(cells[row, column], MAX_RECOGNISED_CELL) if is_there else ""
        if found != mend.found:
            raise SourceFileError(
                "fault_not_found",
                file=file,
                sheet=mend.sheet,
                cell=mend.cell,
                expected=f"the text that the declared fault {mend.fault_id} replaces"
                + ("" if withhold else f", {mend.found!r}"),
                found="another" if withhold else repr(found),
                remedy="Look at the sheet, and amend the source's faults.yaml.",
            )
        cells[row, column] = mend.replacement
    return cells


def _end_of_table(cells: np.ndarray, match: Match, source: Source) -> int:
    """Return the number of rows before the words that end the table."""
    ends = {fold(text) for text in source.end}
    left = min(match.labels.values())

    def is_end(value: Any) -> bool:
        return isinstance(value, str) and len(value) <= MAX_RECOGNISED_CELL and fold(value) in ends

    marks = np.flatnonzero(_Codes(cells[:, left]).mask(is_end))
    return int(marks[0]) if len(marks) else len(cells)


def _refuse_strays(sheet: Sheet, cells: np.ndarray, cut: int, match: Match, file: str) -> None:
    """Refuse figures under no header, above the header or below the table's end: they would be dropped silently."""
    known = {*match.labels.values(), *match.figures, *match.ignored}
    above = np.full((match.header_row, sheet.width), "", dtype=object)
    for number, values in enumerate(sheet.rows[: match.header_row]):
        above[number, : len(values)] = values
    headless = [column for column in range(sheet.width) if column not in known]
    for rule, expected, first_row, area, columns in (
        ("headless_figures", "a header over the column", match.first_row, cells[:cut], headless),
        ("figures_above_header", "no figures above the header", 0, above, match.figures),
        (
            "figures_below_end",
            "no figures below the end of the table",
            match.first_row + cut,
            cells[cut:],
            match.figures,
        ),
    ):
        for column in columns:
            if not (area[:, column] != "").any():
                continue
            strays = np.flatnonzero(_Codes(area[:, column]).mask(_is_figure))
            if len(strays):
                raise SourceFileError(
                    rule,
                    file=file,
                    sheet=match.sheet,
                    cell=a1(int(strays[0]) + first_row, column),
                    expected=expected,
                    found=f"{len(strays)} figures in column {column_letters(column)}",
                    remedy="Look at the sheet: a header may have been merged, deleted or moved.",
                )


def _is_figure(value: Any) -> bool:
    try:
        parse_number(value)
    except ValueError:
        return False
    return True


def _parse_labels(
    labels: dict[str, _Codes], layout: Layout, keep: np.ndarray
) -> tuple[Columns, list[tuple[int, str, str]]]:
    """Return each label column read, with totals marked, and the problems as (position, column, what was expected)."""
    problems: list[tuple[int, str, str]] = []
    parsed: Columns = {}
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
        else:
            try:
                values[index] = TOTAL if fold(value) in totals else read(value)
            except ValueError as error:
                values[index], expected[index] = _BAD, str(error)
    return values[codes.codes], expected


def _fill_sparse(parsed: Columns, layout: Layout) -> None:
    """Fill blank labels: the label above, or the total where an outer label has just begun."""
    also = {spec.to: tuple(spec.also) for spec in layout.columns}
    outer_changed = np.zeros(len(next(iter(parsed.values()))), dtype=bool)
    for name in layout.sparse:
        values = parsed[name]
        own = values != _BLANK
        begins = own | outer_changed
        source = np.maximum.accumulate(np.where(begins, np.arange(len(values)), -1)) if len(values) else values
        for column in (name, *also[name]):
            begun = np.where(outer_changed & ~own, TOTAL, parsed[column])
            result = begun[np.maximum(source, 0)] if len(begun) else begun
            result[source < 0] = _BLANK
            parsed[column] = result
        outer_changed = outer_changed | own


def _how_read(figure: Figure, labels: Columns, layout: Layout, size: int) -> Iterator[tuple[np.ndarray, str]]:
    """Yield which rows of a column of figures are read by which parser: a rate is a share, whatever counts are."""
    if not layout.rates:
        yield np.ones(size, dtype=bool), figure.measure.parse
        return
    measures = labels.get(_MEASURE, np.full(size, figure.members.get(_MEASURE), dtype=object))
    is_rate = np.isin(measures, list(layout.rates))
    yield ~is_rate, figure.measure.parse
    if is_rate.any():
        yield is_rate, "share"


def _parse_figures(
    codes: _Codes, read: Callable[[Any], Any], unavailable: set[str]
) -> tuple[np.ndarray, dict[int, str]]:
    errors: dict[int, str] = {}
    values = np.empty(len(codes.uniques), dtype=object)
    for index, value in enumerate(codes.uniques):
        if is_blank(value):
            values[index] = _BLANK
        elif isinstance(value, str) and fold_mark(value) in unavailable:
            values[index] = None
        else:
            try:
                values[index] = read(value)
            except ValueError as error:
                values[index], errors[index] = _BAD, str(error)
    return values[codes.codes], errors


def _join(
    labels: Columns,
    values: dict[int, np.ndarray],
    numbers: np.ndarray,
    good: np.ndarray,
    match: Match,
    counts: Counter[str],
) -> Columns:
    """Join labels and figures into long rows; rows and figures that could not be read are left out.

    ``_total`` says which rows are totals, ``_figures`` how many figures a row has (none where all are not available),
    ``_position`` where it came from.
    """
    layout = match.layout
    is_label_total = np.zeros(len(numbers), dtype=bool)
    for spec in layout.columns:
        is_label_total |= labels[spec.to] == TOTAL
    row_text = (numbers + 1).astype(str).astype(object)
    positions = np.arange(len(numbers))
    usable, present = {}, {}
    for column, cells in values.items():
        missing, bad = cells == None, cells == _BAD  # noqa: E711
        counts["unavailable"] += int(missing.sum())
        counts["rejected"] += int(bad.sum())
        usable[column] = ~(missing | bad | (cells == _BLANK))
        present[column] = usable[column] | missing
    if layout.measures:
        for cells in values.values():
            good = good & (cells != _BAD)
    counts["rejected"] += sum(int((mask & ~good).sum()) for mask in usable.values())
    if layout.measures:
        keep = good & np.logical_or.reduce(list(present.values()))
        table = {name: cells[keep] for name, cells in labels.items()}
        for measure in layout.measures:
            table[measure.to] = np.full(keep.sum(), None)
            table[measure.cell] = np.full(keep.sum(), "", dtype=object)
        for column, cells in values.items():
            measure = match.figures[column].measure
            table[measure.to] = np.where(usable[column], cells, np.full(len(cells), None))[keep]
            table[measure.cell] = column_letters(column) + row_text[keep]
        figures = np.sum(list(usable.values()), axis=0)[keep]
        return table | {"_total": is_label_total[keep], "_figures": figures, "_position": positions[keep]}
    assert layout.value is not None
    pieces: dict[str, list[np.ndarray]] = {}
    for column, cells in values.items():
        keep = good & present[column]
        figure = match.figures[column]
        piece = {name: label[keep] for name, label in labels.items()}
        piece |= {name: np.full(keep.sum(), member, dtype=object) for name, member in figure.members.items()}
        piece[layout.value.to] = cells[keep]
        piece["cell"] = column_letters(column) + row_text[keep]
        piece["_total"] = is_label_total[keep] | figure.is_total
        piece["_figures"] = usable[column][keep].astype(int)
        piece["_position"] = positions[keep]
        for name, part in piece.items():
            pieces.setdefault(name, []).append(part)
    return {name: np.concatenate(parts) for name, parts in pieces.items()}


def _periods_allowed(
    layout: Layout, published_on: dt.date, reference_period: str
) -> Iterator[tuple[str, Callable[[dt.date], bool], str]]:
    """Yield each rule on the periods of rows, what breaks it, and what is expected instead."""
    published = f"a period that began before the publication on {published_on:%d %B %Y}"
    yield "future_period", lambda start: start > published_on, published
    if layout.own_period:
        kind, first = parse_period(reference_period)
        last = period_end(kind, first)
        own = f"a period within {reference_period}, which the release is about"
        yield "other_period", lambda start: not first <= start <= last, own


def _add_period(table: Columns, match: Match, file: str, reference_period: str) -> np.ndarray:
    """Add the period to the rows, in place; return the first day of each row's finest period."""
    kind, columns = next(iter(match.layout.period.items()))
    size = len(table["_position"])
    reference_kind, reference_start = parse_period(reference_period)
    reference_quarter = last_quarter(reference_period)
    kinds = np.full(size, "quarter", dtype=object)
    finest = "quarter_start"
    if kind == "release":
        if reference_kind != columns:
            raise SourceFileError(
                "wrong_reference_period",
                file=file,
                sheet=match.sheet,
                expected=f"a reference period that is a {columns}, since the sheet is about the release's own",
                found=f"{reference_period}, a {reference_kind.replace('_', ' ')}",
                remedy="Mend reference_period in the sidecar.",
            )
        table[f"{columns}_start"] = np.full(size, reference_start, dtype=object)
        table["quarter_start"] = np.full(size, reference_quarter, dtype=object)
    elif kind in ("calendar", "financial"):
        years, quarters = (table.pop(name) for name in columns)
        pairs = list(zip(years, quarters, strict=True))
        starts = {pair: _quarter(*pair) for pair in set(pairs)}
        table["quarter_start"] = _objects([starts[pair] for pair in pairs])
        kinds[quarters == TOTAL] = f"{kind}_year"
    elif kind == "quarter":
        table["quarter_start"] = table.pop(columns)
    else:  # month or day
        finest = {"month": "month_start", "day": "day"}[kind]
        table[finest] = table.pop(columns)
        quarter_of = {value: period_start("quarter", value) for value in set(table[finest])}
        table["quarter_start"] = _objects([quarter_of[value] for value in table[finest]])
    table["period_kind"] = kinds
    if kind == "calendar":  # the total of a year that has not ended stands with the last quarter so far
        running = (kinds != "quarter") & (table["quarter_start"] > reference_quarter)
        table["quarter_start"][running] = reference_quarter
    return table[finest]


def _objects(values: list[Any]) -> np.ndarray:
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


def _quarter(year: Any, quarter: Any) -> dt.date:
    """Return the quarter of a year (a number, or the day on which it starts); an annual total stands with its last."""
    start = year if isinstance(year, dt.date) else dt.date(int(year), 1, 1)
    return shift_months(start, 3 * ((4 if quarter == TOTAL else int(quarter)) - 1))
