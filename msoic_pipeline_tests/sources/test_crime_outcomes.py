"""Golden figures of crime outcomes: known cells of the sample's layouts."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.sample import land_file, only, rows_of, stage_release, staged, staged_releases

FACT = "fact_crime_outcome"
Q1 = dt.date(2015, 4, 1)
KEY = ("quarter_start", "force_code", "offence_code", "outcome_code")


@pytest.mark.parametrize(
    ("cell", "key", "recorded", "closed"),
    [
        ("L2", (Q1, "E23000036", "106", "0"), 0, None),
        ("L3", (Q1, "E23000036", "106", "14"), 1, 0),
        ("L7", (Q1, "E23000036", "10A", "1"), 4, 1),
    ],
)
def test_known_cells(cell: str, key: tuple[object, ...], recorded: int, closed: int | None):
    rows = rows_of(staged("crime_outcomes", "mar2016"), FACT, cell=cell)
    assert only(rows, *KEY) == key
    assert only(rows, "sheet", "closed_cell") == ("Outcomes_open_data_2015-16", f"M{cell[1:]}")
    assert rows["outcomes_recorded"].tolist() == [recorded]
    assert rows["outcomes_closed"].tolist() == (
        [closed] if closed is not None else [pytest.approx(float("nan"), nan_ok=True)]
    )


def test_totals_are_those_of_the_files_own_pivot():
    """The pivot's grand total is 33,088 offences."""
    rows = staged("crime_outcomes", "mar2016").frame(FACT)
    assert rows["outcomes_recorded"].sum() == 33_088


def test_what_is_not_available_is_missing_and_not_zero():
    release = staged("crime_outcomes", "mar2016")
    counts = release.manifest.counts
    rows = release.frame(FACT)
    assert (counts.figures, counts.loaded, counts.unavailable) == (18_444, 16_624, 1_820)
    assert rows["outcomes_closed"].isna().sum() > 0
    not_assigned = rows[rows["outcome_code"] == "0"]
    assert not_assigned["outcomes_recorded"].notna().any(), "a zero of the type not yet assigned is data"
    assert not_assigned["outcomes_closed"].isna().all()


def test_the_quarter_is_the_one_in_which_the_offence_was_recorded_so_that_it_grows_with_each_release():
    quarter, sums = dt.date(2020, 4, 1), {}
    for release in staged_releases("crime_outcomes", "mar2021"):
        rows = rows_of(release, FACT, quarter_start=quarter)
        assigned = rows[rows["outcome_code"] != "0"]
        sums[release.release.published_on] = assigned["outcomes_recorded"].sum()
    ordered = pd.Series(sums).sort_index()
    assert len(ordered) >= 3
    assert ordered.is_monotonic_increasing and ordered.iloc[-1] > ordered.iloc[0]


@pytest.mark.parametrize(
    "sheet", ["Outcomes_open_data_2015-16", "Outcomes_open_data_2019_20", "Outcomes open data 2022_23"]
)
def test_each_way_of_naming_the_sheet_is_met_with(sheet: str):
    sheets = {sheet.sheet for release in staged_releases("crime_outcomes") for sheet in release.manifest.sheets}
    assert sheet in sheets


def test_a_repeated_row_of_two_measures_is_a_duplicate_key(tmp_path: Path):
    path = next((REPOSITORY / "data" / "raw" / "crime_outcomes").glob("*mar2020*240720.xlsx"))
    (tmp_path / "crime_outcomes").mkdir()
    copy = tmp_path / "crime_outcomes" / path.name
    book = openpyxl.load_workbook(path)
    sheet = book["Outcomes_open_data_2019_20"]
    sheet.append([cell.value for cell in sheet[3]])
    book.save(copy)
    shutil.copy2(f"{path}.yaml", f"{copy}.yaml")
    source = load_source("crime_outcomes")
    staged = stage_release(land_file(copy, tmp_path, source), source, tmp_path, tmp_path / "staging")
    rejects = staged.frame("rejects")
    assert set(rejects["rule"]) == {"duplicate_key"}
    assert {"L3", f"L{sheet.max_row}"} <= set(rejects["cell"])
