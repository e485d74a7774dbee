"""What fuzzing found (`make fuzz`), each as the least that shows it; the fuzzer's invariants judge what comes of it."""

from __future__ import annotations

import datetime as dt
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from msoic_pipeline.texts import clean, fold
from msoic_pipeline.workbooks.coded_column import CodedColumn
from msoic_pipeline.workbooks.values import MAX_COUNT, PARSERS, parse_count, parse_number
from msoic_pipeline_tests.faults.fuzz_targets import Choices, read_sheets, run_sidecar, sample_file
from msoic_pipeline_tests.sample import Grids

BOATS, RETURN = "14-july-2023", "2021-10/e23000001"
# Unicode holds it equal to eighteen letters.
LIGATURE = "\ufdfa"

Edit = Callable[[Grids], None]


def outcome(part_of_name: str, edit: Edit, sidecar: bytes | None = None) -> str:
    """Return the rule by which an edited file of the sample is refused, or ``accepted``."""
    source, path, said, grids = sample_file(part_of_name)
    edit(grids)
    return read_sheets(source, path, grids, sidecar or said)


def set_cell(sheet: str, row: int, column: int, value: Any) -> Edit:
    def edit(grids: Grids) -> None:
        grids[sheet][row][column] = value

    return edit


# ---- flags and numbers -----------------------------------------------------------------------------


@pytest.mark.parametrize("cells", [[1, True, 0, False], [True, 1, False, 0], [True, 1.0, 2], ["1", True, 1, 1.0]])
def test_a_flag_is_not_the_number_that_python_holds_equal_to_it(cells: list[Any]):
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    is_flag = CodedColumn(column).where(lambda value: isinstance(value, bool))
    assert is_flag.tolist() == [isinstance(cell, bool) for cell in cells]


@pytest.mark.parametrize("value", [10**400, -(10**400)], ids=["large", "small"])
def test_a_number_beyond_all_bounds_is_refused_in_words(value: int):
    for parse, words in ((parse_number, "a number"), (parse_count, "a whole number")):
        with pytest.raises(ValueError, match=f"^{words}$"):
            parse(value)


def test_rows_that_together_are_more_than_a_count_can_be_are_not_added_up():
    def edit(grids: Grids) -> None:
        grid = grids["Investigations"]
        grid[1][2] = MAX_COUNT
        grid.append(list(grid[1]))

    assert outcome(RETURN, edit) == "accepted"  # they stand in quarantine


# ---- years near the ends of the calendar -----------------------------------------------------------


@pytest.mark.parametrize("period", ["0001-Q1", "0001-01", "9999-Q4", "9999-12", "9999", "0001", "9999/00", "0000-Q1"])
def test_a_period_near_the_ends_of_the_calendar_is_refused(period: str):
    said = f"published_on: 2023-07-20\nreference_period: {period}\n".encode()
    assert outcome(BOATS, lambda _: None, said) == "unreadable_sidecar"


@pytest.mark.parametrize("name", ["date", "month"])
@pytest.mark.parametrize(
    "value", [dt.date(1899, 12, 31), dt.datetime(2100, 1, 1), dt.date.min, dt.date.max, "31/12/9999", "0001-01-01"]
)
def test_a_day_of_a_year_that_no_table_is_about_is_refused(name: str, value: Any):
    with pytest.raises(ValueError, match=r"^a (date|month) such as"):
        PARSERS[name](value)


def test_a_day_of_a_year_that_a_table_may_be_about_is_read():
    for day in (dt.date(1900, 1, 1), dt.date(2099, 12, 31)):
        assert PARSERS["date"](day) == PARSERS["date"](str(day)) == day
        assert PARSERS["month"](day) == PARSERS["month"](f"{day:%B %Y}") == day.replace(day=1)


# ---- long texts ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["a " * 16_000, "UK " * 10_900, " and " * 6_500, LIGATURE * 1_800])
@pytest.mark.parametrize("name", PARSERS)
def test_no_text_keeps_a_parser_busy(name: str, text: str):
    began = time.process_time()
    try:
        PARSERS[name](text)
    except ValueError as error:
        assert len(str(error)) < 1_000
    assert time.process_time() - began < 2


def test_what_is_clean_can_be_cleaned_and_folded_again():
    for text in (LIGATURE * 1_820, "\x01" * 5_000):
        assert clean(clean(text)) == clean(text)
        fold(clean(text))
    for text in (LIGATURE * 1_821, "\x01" * 8_192):
        with pytest.raises(ValueError, match="a text of at most 32,767 characters"):
            clean(text)


@pytest.mark.parametrize("text", [LIGATURE * 2_000, "\x01" * 10_000, "a" * 40_000])
def test_a_header_that_becomes_too_long_is_refused(text: str):
    for row in range(3):
        assert outcome(BOATS, set_cell("SB_01", row, 0, text)) == "refused_file"


@pytest.mark.parametrize("text", [LIGATURE * 2_000, "\x01" * 10_000, "a" * 40_000, "a" * 400])
def test_a_long_cell_below_what_is_searched_for_a_header_is_rejected(text: str):
    def edit(grids: Grids) -> None:
        grid = grids["SB_01"]
        grid += [list(grid[-1]) for _ in range(40)]
        for column in range(len(grid[-1])):
            grid[-1 - column][column] = text

    assert outcome(BOATS, edit) == "accepted"  # what it rejects stands in quarantine


def test_long_texts_are_not_kept_in_memory():
    texts = [f"{number:05}" * 6_000 for number in range(200)]
    tracemalloc.start()
    try:
        for text in texts:
            fold(text)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2**20


# ---- sidecars --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b'note: "\\U00110000"',
        b'note: "\\UFFFFFFFF"',
        b"%YAML " + b"9" * 5_000 + b".1\n---\nnote: a\n",
        b"{}\n--- a",
        b"edition: 1\n--- note\n--- a\n",
        b"---",
        b"{" * 60_000,
    ],
    ids=["escape", "huge escape", "version", "second document", "documents by turns", "an empty text", "brackets"],
)
def test_a_sidecar_that_no_reader_expected(content: bytes):
    began = time.process_time()
    assert run_sidecar(Choices(b"\0" + content)) == "unreadable_sidecar"
    assert time.process_time() - began < 2
