"""Golden figures of the weekly small boat series: the real file of August 2026, and known cells of the sample's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline_tests.sample import failed_checks, land_copy, only, rows_of, staged

FACT = "fact_small_boat_arrival"


def _by_year(release: StagedRelease, measure: str, series: str = "daily") -> pd.Series:
    rows = rows_of(release, FACT, series=series, measure=measure)
    return rows.groupby(rows["day"].map(lambda day: day.year))["value"].sum()


@pytest.fixture(scope="module")
def real(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> StagedRelease:
    path = reference / "small_boats" / "small_boats_time_series_aug_2026.ods"
    return land_copy(tmp_path_factory.mktemp("real"), "small_boats", path, "2026-08-21", "2026-Q3")


def test_the_real_file_loads_unchanged(real: StagedRelease):
    assert real.frame("rejects").empty
    assert {sheet.sheet: sheet.header_row_number for sheet in real.manifest.sheets} == {"SB_01": 1, "SB_02": 1}
    people = _by_year(real, "people_arrived")
    assert people.loc[2018:2025].tolist() == [299, 1843, 8462, 28526, 45755, 29437, 36816, 41472]


def test_the_real_file_passes_every_check(real: StagedRelease):
    assert failed_checks(real) == []


def test_real_cells(real: StagedRelease):
    last = rows_of(real, FACT, series="weekly", day=dt.date(2026, 8, 16)).set_index("measure")
    assert last["value"].to_dict() == {
        "people_arrived": 405, "boats_arrived": 3, "boats_uncontrolled": 0, "people_prevented": 270,
        "events_prevented": 16,
    }  # fmt: skip
    assert last.loc["people_arrived", "cell"] == "B451"


def test_real_figures_that_are_not_available_are_missing(real: StagedRelease):
    assert real.manifest.counts.unavailable == 2_746
    uncontrolled = rows_of(real, FACT, measure="boats_uncontrolled")
    assert uncontrolled["day"].min() > dt.date(2018, 1, 31)


def test_known_cells():
    rows = rows_of(staged("small_boats", "14-july-2023"), FACT, sheet="SB_01", cell="B2020")
    assert only(rows, "series", "measure", "day", "value") == ("daily", "people_arrived", dt.date(2023, 7, 12), 0)
    rows = rows_of(staged("small_boats", "14-july-2023"), FACT, sheet="SB_02", cell="C288")
    assert only(rows, "series", "measure", "day", "value") == ("weekly", "boats_arrived", dt.date(2023, 7, 2), 15)


def test_provisional_totals_differ_from_those_of_the_dataset():
    assert _by_year(staged("small_boats", "14-july-2023"), "people_arrived").loc[2020] == 8_462
