"""Texts are compared without case, spacing, footnote markers and typographic variants."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msoic_pipeline.texts import clean, fold, fold_mark, is_blank
from msoic_pipeline.wording import align_columns, cut_off

words = st.text(st.sampled_from("abcXYZ019 &-/,."), min_size=1, max_size=30)


@pytest.mark.parametrize("value", [None, "", "  ", "\n\t", "\u00a0", float("nan")])
def test_blank(value: Any):
    assert is_blank(value)
    assert clean(value) == "" == fold(value)


@pytest.mark.parametrize("value", [0, 0.0, False, "0", "-", "[x]"])
def test_not_blank(value: Any):
    assert not is_blank(value)


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("Metropolitan Police[Note 6]", "Metropolitan Police"),
        ("Total [note 1][note 2]", "Total"),
        ("Charged (note 3)", "Charged"),
        ("Charged (suspects)", "Charged (suspects)"),
        ("1,234 [r]", "1,234"),
        ("Devon and Cornwall ", "Devon and Cornwall"),
        ("  two\n lines ", "two lines"),
        ("2020–21", "2020-21"),
        ("Barnardo’s", "Barnardo's"),
        (2021.0, "2021"),
        (4.1, "4.1"),
        ("106", "106"),
    ],
)
def test_cleaned(value: Any, cleaned: str):
    assert clean(value) == cleaned


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Devon & Cornwall", "devon  and cornwall"),
        ("Number of Offences[note 4]", "number of offences"),
        ("Not specified or unknown", "NOT SPECIFIED OR UNKNOWN"),
        ("Non-convictions", "non convictions"),
    ],
)
def test_folded(one: str, other: str):
    assert fold(one) == fold(other)


@given(words)
def test_cleaning_twice_changes_nothing(text: str):
    assert clean(clean(text)) == clean(text)
    assert fold(fold(text)) == fold(text)
    assert fold(text.upper()) == fold(text)
    assert fold(f" {text}  [note 12]") == fold(text)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_any_value_has_a_text(value: Any):
    assert isinstance(clean(value), str)
    assert isinstance(fold(value), str)
    assert isinstance(fold_mark(value), str)


def test_marks_are_compared_whole():
    """``[x]`` is a mark for no figure: unlike a footnote it is not left out of the text."""
    assert fold_mark("[X] ") == fold_mark("[x]") != fold_mark("")
    assert fold_mark("–") == fold_mark("-") != ""
    assert fold_mark("[note 1]") not in {fold_mark(mark) for mark in ("-", "[x]", "..")}


def test_a_text_that_is_cut_says_how_much_was_left_out_and_where_it_stands():
    assert cut_off("short", 5, "table quarantine") == "short"
    assert cut_off("a" * 2500, 1000, "table quarantine") == (
        "a" * 1000 + "… (1,500 more characters: see table quarantine)"
    )


def test_columns_stand_below_each_other_however_long_a_cell_is():
    table = align_columns([("kpi", "value", "as of"), ("a", "1,000", "now"), ("a_long_name", "5", "then")], ("value",))
    assert table.splitlines() == [
        "kpi          value  as of",
        "a            1,000  now",
        "a_long_name      5  then",
    ]
