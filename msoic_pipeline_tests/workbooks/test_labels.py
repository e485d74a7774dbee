"""Labels that are given once for several rows, and those that cannot be read."""

from __future__ import annotations

from typing import Any

import numpy as np

from msoic_pipeline.workbooks.coded_column import CodedColumn
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.labels import UnreadableLabel, read_labels
from msoic_pipeline.workbooks.layout import Layout
from msoic_pipeline_tests.workbooks.test_tidy import SPARSE

LAYOUT = Layout.model_validate(SPARSE)


def _coded(*cells: Any) -> CodedColumn:
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return CodedColumn(column)


def test_a_blank_label_repeats_the_one_above_or_is_the_total_where_an_outer_one_begins():
    coded = {
        "first_responder": _coded("Kent", "", "", "", "Surrey", ""),
        "age_group": _coded("", "Adult", "Child", "", "", "Adult"),
    }
    labels, unreadable = read_labels(coded, LAYOUT, np.arange(6), withhold=False)
    assert labels["first_responder"].tolist() == ["Kent"] * 4 + ["Surrey"] * 2
    assert labels["age_group"].tolist() == [TOTAL, "Adult", "Child", "Child", TOTAL, "Adult"]
    assert unreadable == []


def test_only_rows_that_are_data_are_read_and_a_blank_one_above_all_labels_is_told():
    coded = {"first_responder": _coded("", "Kent", "Surrey"), "age_group": _coded("Adult", "Adult", "Elderly")}
    labels, unreadable = read_labels(coded, LAYOUT, np.array([0, 2]), withhold=False)
    assert labels["first_responder"].tolist() == [None, "Surrey"]
    assert unreadable == [
        UnreadableLabel(0, "first_responder", "a first_responder, not an empty cell"),
        UnreadableLabel(1, "age_group", "one of Adult, Child"),
    ]


def test_a_sheet_without_data_rows():
    coded = {"first_responder": _coded("Kent"), "age_group": _coded("Adult")}
    labels, unreadable = read_labels(coded, LAYOUT, np.array([], dtype=int), withhold=False)
    assert {name: values.tolist() for name, values in labels.items()} == {"first_responder": [], "age_group": []}
    assert unreadable == []
