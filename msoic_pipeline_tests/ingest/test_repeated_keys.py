"""Rows of one key: added up where that is allowed, and otherwise not loaded at all."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa

from msoic_pipeline.ingest.repeated_keys import make_keys_unique
from msoic_pipeline.model.arrow import make_arrow_schema
from msoic_pipeline.model.facts import FACTS

CRIME = FACTS["fact_recorded_crime"]


def _rows(*rows: tuple[str, str, str, int]) -> pa.Table:
    constants = {"release_id": "r", "quarter_start": dt.date(2022, 1, 1), "force_code": "E23000032"}
    written = [
        constants | {"sheet": sheet, "cell": cell, "offence_code": code, "offences": figure}
        for sheet, cell, code, figure in rows
    ]
    return pa.Table.from_pylist(written, make_arrow_schema(CRIME))


def test_rows_of_one_key_are_added_up_or_rejected_together():
    rows = _rows(
        ("2021-22", "H2", "1", 4),
        ("2021-22", "H3", "1", 5),
        ("2021-22", "H4", "3A", 5),
        ("2021-22", "H5", "3A", 6),
        ("2021-22", "H6", "8N", 7),
    )
    unique, rejects = make_keys_unique(rows, np.array([True, True, False, False, False]), CRIME)
    assert unique.select(["offence_code", "offences", "cell"]).to_pylist() == [
        {"offence_code": "1", "offences": 9, "cell": "H2,H3"},
        {"offence_code": "8N", "offences": 7, "cell": "H6"},
    ]
    assert [(reject.cell, reject.rule) for reject in rejects] == [("H4", "duplicate_key"), ("H5", "duplicate_key")]
    assert "found it again: H4, H5" in rejects[0].detail


def test_what_no_row_gives_is_missing_in_their_sum():
    fact = FACTS["fact_crime_outcome"]
    row: dict[str, object] = {column.name: "x" for column in fact.columns if column.type.python_type is str}
    row |= {"quarter_start": dt.date(2022, 1, 1), "outcomes_recorded": None}
    rows = pa.Table.from_pylist([row | {"outcomes_closed": 4}, row | {"outcomes_closed": 5}], make_arrow_schema(fact))
    unique, _ = make_keys_unique(rows, np.array([True, True]), fact)
    assert unique.select(["outcomes_recorded", "outcomes_closed"]).to_pylist() == [
        {"outcomes_recorded": None, "outcomes_closed": 9}
    ]


def test_rows_of_two_sheets_or_of_which_one_may_not_be_are_not_added_up():
    rows = _rows(("a", "H2", "1", 4), ("b", "H2", "1", 5), ("a", "H3", "2", 1), ("a", "H4", "2", 1))
    unique, rejects = make_keys_unique(rows, np.array([True, True, True, False]), CRIME)
    assert (len(unique), len(rejects)) == (0, 4)


def test_no_rows_and_rows_of_different_keys_stay_as_they_are():
    for rows in (_rows(), _rows(("a", "H2", "1", 4)), _rows(("a", "H2", "2", 4), ("a", "H3", "1", 5))):
        unique, rejects = make_keys_unique(rows, np.zeros(len(rows), dtype=bool), CRIME)
        assert rejects == []
        assert unique["offence_code"].to_pylist() == sorted(rows["offence_code"].to_pylist())
