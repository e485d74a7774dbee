"""Reads the label columns of a sheet: who, what and when each row is about."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from msoic_pipeline.texts import fold
from msoic_pipeline.workbooks.coded_column import BLANK, UNREADABLE, CodedColumn, Columns
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.layout import LabelColumn, Layout


@dataclass(frozen=True)
class UnreadableLabel:
    """A label that could not be read: the data row and the label column where it stands, and what was expected."""

    data_row: int
    label: str
    expected: str


def read_labels(
    coded: Mapping[str, CodedColumn], layout: Layout, body_rows: np.ndarray, *, withhold: bool
) -> tuple[Columns, list[UnreadableLabel]]:
    """Return the label columns of the data rows, and the labels that could not be read.

    ``coded`` are the label columns that the sheet has, a cell for each row below the header; ``body_rows`` are those of
    these rows that are data. ``withhold`` keeps what stands in the cells out of what was expected of them. In what is
    returned TOTAL stands for the text of a total and None for an empty cell.
    """
    labels: Columns = {}
    expected_of: dict[str, dict[int, str]] = {}
    for column in layout.columns:
        if column.to not in coded:
            labels[column.to] = np.full(len(body_rows), None, dtype=object)
            continue
        expected_of[column.to] = {}
        for name, read_member in column.parsers.items():
            # Blank rows are read too: a heading without figures begins a group for the rows below it.
            read = coded[column.to].read(_with_totals(read_member, column.totals), withhold=withhold)
            labels[name] = read.values[body_rows]
            expected_of[column.to] |= read.expected
    fill_sparse_labels(labels, layout)
    unreadable: list[UnreadableLabel] = []
    for column in layout.columns:
        if column.to in coded:
            codes = coded[column.to].codes[body_rows]
            unreadable += _find_unreadable(labels, column, codes, expected_of[column.to])
    for values in labels.values():
        values[values == BLANK] = None
    return labels, unreadable


def _with_totals(read_member: Callable[[Any], Any], totals: tuple[str, ...]) -> Callable[[Any], Any]:
    """Return a parser that reads the texts of a total as TOTAL, and all others by ``read_member``."""
    total_texts = {fold(text) for text in totals}

    def read_label(value: Any) -> Any:
        return TOTAL if fold(value) in total_texts else read_member(value)

    return read_label


def fill_sparse_labels(labels: Columns, layout: Layout) -> None:
    """Fill, in place, the blank cells of columns in which a label is given once for several rows.

    Such columns stand beside each other, the outermost first. A blank cell repeats the label above it; but where an
    outer column has just begun a new label, the row is the total over the inner ones::

        what stands in the sheet      what is read
        responder   age               responder   age
        Kent        (blank)           Kent        total      Kent has just begun: its total over ages
        (blank)     Adult             Kent        Adult
        (blank)     Child             Kent        Child
        (blank)     (blank)           Kent        Child      the label above, though nothing is given
        Surrey      (blank)           Surrey      total      another responder: not the Child above it
        (blank)     Adult             Surrey      Adult
    """
    if not layout.sparse:
        return
    also = {column.to: tuple(column.also) for column in layout.columns}
    row_numbers = np.arange(len(next(iter(labels.values()))))
    outer_begins = np.zeros(len(row_numbers), dtype=bool)
    for name in layout.sparse:
        is_given = labels[name] != BLANK
        is_set = is_given | outer_begins
        # For each row the last one, up to itself, in which the label was set; -1 where none was yet.
        set_in_row = np.maximum.accumulate(np.where(is_set, row_numbers, -1))
        for column in (name, *also[name]):
            label_where_set = np.where(is_given, labels[column], TOTAL)
            filled = label_where_set[np.maximum(set_in_row, 0)]
            filled[set_in_row < 0] = BLANK
            labels[column] = filled
        outer_begins = outer_begins | is_given


def _find_unreadable(
    labels: Columns, column: LabelColumn, codes: np.ndarray, expected: dict[int, str]
) -> Iterator[UnreadableLabel]:
    """Yield the labels of a column that could not be read, or are missing though they may not be.

    ``codes`` are those of the column's cells, by which ``expected`` says what was expected there.
    """
    for name in (column.to, *column.also):
        for data_row in np.flatnonzero(labels[name] == UNREADABLE).tolist():
            # A cell that repeats an unreadable label is empty itself, and nothing was expected of it.
            yield UnreadableLabel(data_row, column.to, expected.get(codes[data_row], f"a {column.to}"))
        if column.blank == "reject" and name == column.to:
            for data_row in np.flatnonzero(labels[name] == BLANK).tolist():
                yield UnreadableLabel(data_row, column.to, f"a {column.to}, not an empty cell")
