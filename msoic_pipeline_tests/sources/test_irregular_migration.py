"""Golden figures of irregular migration: the real dataset to September 2023, and known cells of the sample's."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline_tests.sample import failed_checks, land_copy, only, rows_of, staged

FACT = "fact_irregular_arrival"
METHODS = ["air", "ports", "inside_uk", "small_boats"]
# Detections by year as published: air, ports, inside the UK, small boats.
PUBLISHED = {
    2018: [4769, 1052, 7257, 299],
    2019: [5237, 962, 8239, 1843],
    2020: [2328, 841, 5465, 8466],
    2021: [2561, 665, 5061, 28526],
    2022: [5130, 310, 3488, 45774],
    2023: [3822, 328, 3117, 29437],
}
FIRST_PUBLISHED_2022 = [4569, 310, 3456, 45755]


def _by_year(release: StagedRelease) -> pd.DataFrame:
    rows = rows_of(release, FACT, breakdown="detections")
    table = rows.pivot_table(
        index=rows["quarter_start"].map(lambda day: day.year), columns="method", values="arrivals", aggfunc="sum"
    )
    return table[METHODS]


@pytest.fixture(scope="module")
def real(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> StagedRelease:
    (path,) = (reference / "irregular_migration").glob("*september-2023.xlsx")
    return land_copy(tmp_path_factory.mktemp("real"), "irregular_migration", path, "2023-11-23", "2023-Q3")


def test_real_detections_by_year_and_method(real: StagedRelease):
    found = _by_year(real)
    for year in range(2018, 2022):
        assert list(found.loc[year]) == PUBLISHED[year]
    assert found.loc[2020, "small_boats"] == 8_466 and found.loc[2021, "small_boats"] == 28_526
    # What this release still had to revise of 2022, and the first three quarters of 2023.
    assert found.loc[2022, "small_boats"] in (45_755, 45_774)
    assert found.loc[2023, "small_boats"] == 3_793 + 7_640 + 13_397


def test_real_rows(real: StagedRelease):
    rows = rows_of(real, FACT, sheet="Data - Irr_D01")
    assert len(rows) == 10_294
    first = rows[rows["cell"] == "H3"]
    assert only(first, "quarter_start", "method", "nationality", "sex", "age_group", "arrivals") == (
        dt.date(2018, 1, 1), "air", "Afghanistan", "Female", "17 and under", 14
    )  # fmt: skip
    assert real.manifest.counts.note_rows == 2, "End of table, in both sheets"
    assert real.frame("rejects").empty


def test_real_nrm_referrals_agree_with_the_files_own_pivot(real: StagedRelease):
    """The last columns of the pivot Irr_D04: 162 raised in 2023 Q1 and 171 in Q2; 3,598 and 3,521 not."""
    rows = rows_of(real, FACT, breakdown="nrm_referral")
    by_quarter = rows.groupby(["quarter_start", "nrm_referral"])["arrivals"].sum()
    assert by_quarter[dt.date(2023, 1, 1)].to_dict() == {"not raised": 3_598, "raised": 162}
    assert by_quarter[dt.date(2023, 4, 1)].to_dict() == {"not raised": 3_521, "raised": 171}


def test_the_real_file_passes_every_check(real: StagedRelease):
    assert failed_checks(real) == []


def test_real_release_agrees_with_the_extract_of_the_next_one_up_to_2021(real: StagedRelease, reference: Path):
    """Another project's reading of the same sheet in the release to December 2023."""
    with (reference / "irregular_migration" / "irr_d01_extract_ye_dec_2023.csv").open(encoding="utf-8") as stream:
        theirs = [
            (row["Nationality"], row["Sex"], row["Age Group"], int(row["Number of detections"]))
            for row in csv.DictReader(stream)
            if (row["Year"], row["Quarter"], row["Method of entry"]) == ("2021", "4", "Small boat arrivals")
        ]
    rows = rows_of(real, FACT, breakdown="detections", method="small_boats", quarter_start=dt.date(2021, 10, 1))
    ours = rows[["nationality", "sex", "age_group", "arrivals"]].itertuples(index=False, name=None)
    assert sorted(map(tuple, ours)) == sorted(theirs)


def test_known_cells():
    for file, sheet, age, people in (
        ("december-2021", "Data - Irr_D01", "18 to 24", 10),
        ("dec-2025", "Data_IER_D01", "17 and under", 8),
    ):
        rows = rows_of(staged("irregular_migration", file), FACT, sheet=sheet, cell="H3")
        assert only(rows, "quarter_start", "method", "nationality", "age_group", "arrivals") == (
            dt.date(2018, 1, 1), "air", "Albania", age, people
        )  # fmt: skip
    rows = rows_of(staged("irregular_migration", "december-2021"), FACT, sheet="Data - Irr_D04", cell="H3")
    assert only(rows, "breakdown", "nrm_referral", "method", "nationality", "arrivals") == (
        "nrm_referral", "not raised", "small_boats", "Afghanistan", 1
    )  # fmt: skip


def test_published_totals_and_the_revision_of_2022():
    later = _by_year(staged("irregular_migration", "december-2023"))
    for year, figures in PUBLISHED.items():
        assert list(later.loc[year]) == figures
    first = _by_year(staged("irregular_migration", "december-2022"))
    assert list(first.loc[2022]) == FIRST_PUBLISHED_2022
