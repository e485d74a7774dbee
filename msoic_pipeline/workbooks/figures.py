"""Reads the columns of figures of a sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from msoic_pipeline.texts import fold_mark
from msoic_pipeline.workbooks.coded_column import BLANK, UNREADABLE, CodedColumn, Columns
from msoic_pipeline.workbooks.failures import RejectedCells
from msoic_pipeline.workbooks.headers import FigureColumn
from msoic_pipeline.workbooks.layout import Layout
from msoic_pipeline.workbooks.matched_sheet import MatchedSheet
from msoic_pipeline.workbooks.values import find_parser

# The column whose members say what is counted; a layout's rates are some of them.
MEASURE = "measure"


@dataclass(frozen=True)
class LabelledRows:
    """The data rows of a sheet: which body rows they are, and the labels in them."""

    body_rows: np.ndarray
    labels: Columns


@dataclass(frozen=True)
class ReadFigures:
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


def read_figures(
    matched: MatchedSheet,
    column: int,
    coded: CodedColumn,
    rows: LabelledRows,
    rejects: RejectedCells,
) -> ReadFigures:
    """Read the data rows of a column of figures; what cannot be read is rejected at its place."""
    figure_column = matched.match.figures[column]
    marks = {fold_mark(mark) for mark in matched.source.unavailable}
    values = np.full(len(rows.body_rows), BLANK, dtype=object)
    for is_parsed, parse in _parsers_of_rows(figure_column, rows, matched.match.layout):
        read = coded.read(_figure_parser(parse, marks), withhold=matched.source.sensitive)
        values[is_parsed] = read.values[rows.body_rows][is_parsed]
        for data_row in np.flatnonzero(is_parsed & (values == UNREADABLE)).tolist():
            expected = read.expected[coded.codes[rows.body_rows[data_row]]]
            rejects.add(data_row, column, "unreadable_figure", expected)
    return ReadFigures(column, figure_column, values)


def _parsers_of_rows(
    figure_column: FigureColumn, rows: LabelledRows, layout: Layout
) -> Iterator[tuple[np.ndarray, str]]:
    """Yield which data rows of a column are read by which parser: a rate is a share, whatever the counts are."""
    number_of_rows = len(rows.body_rows)
    if not layout.rates:
        yield np.ones(number_of_rows, dtype=bool), figure_column.measure.parse
        return
    measures = rows.labels.get(MEASURE, np.full(number_of_rows, figure_column.members.get(MEASURE), dtype=object))
    is_rate = np.isin(measures, list(layout.rates))
    yield ~is_rate, figure_column.measure.parse
    if is_rate.any():
        yield is_rate, "share"


def _figure_parser(parse: str, marks: set[str]) -> Callable[[Any], Any]:
    """Return a parser that reads the marks of a figure that is not available as None, all else as ``parse`` does."""
    read_number = find_parser(parse)

    def read_figure(value: Any) -> Any:
        if isinstance(value, str) and fold_mark(value) in marks:
            return None
        return read_number(value)

    return read_figure
