"""Cells of a figure are written as rectangles, and none is lost or added."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.publication.report.provenance import OriginBook, join_cells, list_runs, read_releases
from msoic_pipeline.publication.report.shown import FigureReader
from msoic_pipeline.workbooks.addresses import a1, from_a1
from msoic_pipeline_tests.publication.report.conftest import TODAY


def spread(ranges: str) -> list[tuple[int, int]]:
    """Return the cells of ranges such as ``C5:D6, F9``."""
    cells = []
    for part in filter(None, ranges.split(", ")):
        first, _, last = part.partition(":")
        (top, left), (bottom, right) = from_a1(first), from_a1(last or first)
        cells += [(row, column) for row in range(top, bottom + 1) for column in range(left, right + 1)]
    return cells


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([], ""),
        (["C5"], "C5"),
        (["C5", "C6", "C7"], "C5:C7"),
        (["C5", "D5"], "C5:D5"),
        (["C5", "C6", "D5", "D6", "F9"], "C5:D6, F9"),
        (["C5", "C6", "D5"], "C5:C6, D5"),
        (["C5", "E5"], "C5, E5"),
    ],
)
def test_cells_are_joined_to_rectangles(cells: list[str], expected: str):
    assert join_cells(cells) == expected


@given(st.sets(st.tuples(st.integers(0, 12), st.integers(0, 12))))
def test_rectangles_hold_each_cell_once_and_no_other(cells: set[tuple[int, int]]):
    joined = join_cells(a1(row, column) for row, column in cells)
    assert sorted(spread(joined)) == sorted(cells)
    assert re.fullmatch(r"(?:[A-Z]+\d+(?::[A-Z]+\d+)?(?:, )?)*", joined)


def test_each_figure_is_told_whether_its_own_sum_adds_up(connection: Connection):
    """Two figures of the same facts, of which one was computed from others than stand now."""
    figure = FigureReader(connection, None, TODAY).read_series(find_definition("live_investigations"), "month")[-1]
    assert figure.known.numerator
    of_others = replace(figure.known, kpi_id="computed_from_others", numerator=figure.known.numerator + 10)
    book = OriginBook(connection, read_releases(connection, None), None)
    for each in (figure, replace(figure, known=of_others), figure):
        book.note(each)
    origins = book.origins
    told = {of.kpi: [origins.terms[term].adds_up for term in of.terms] for of in origins.figures.values()}
    assert told == {"live_investigations": [True], "computed_from_others": [False]}
    assert len(origins.terms) == 2


def test_rows_that_follow_each_other_are_a_run():
    assert list_runs([7, 1, 3, 2]) == [(1, 3), (7, 7)]
