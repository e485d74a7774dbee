"""Known cells of the programme's own record, and the re-issue of a quarter."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import openpyxl
import pytest

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline_tests.sample import RAW, landed, only, rows_of, staged, take_in

FACT = "fact_programme_activity"
COLUMNS = ("month_start", "activity", "category", "geography_code", "measure", "value")


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("G2", (dt.date(2021, 7, 1), "Multi-agency operations", "Operational Policing Team", "Kent", "Operations", 1)),
        ("G690", (dt.date(2021, 9, 1), "Regional work", "Domestic servitude video", "Yorkshire and the Humber",
                  "Views to date", 1985)),
    ],
)  # fmt: skip
def test_known_cells(cell: str, expected: tuple[object, ...]):
    assert only(rows_of(staged("programme_activity", "q2-v2"), FACT, cell=cell), *COLUMNS) == expected


def _record_with_geography(folder: Path, geography: str) -> StagedRelease:
    """The record of a quarter whose first row names another place."""
    (path,) = (RAW / "programme_activity").rglob("*2021-22-q2-v2.xlsx")
    book = openpyxl.load_workbook(path)
    assert [cell.value for cell in book["Activity"][1]].index("Geography") == 3
    book["Activity"]["D2"] = geography
    target = folder / "raw" / "programme_activity" / "record.xlsx"
    target.parent.mkdir(parents=True)
    book.save(target)
    (release,) = take_in(folder, "programme_activity", folder / "raw").staged
    return release


def test_a_force_is_known_however_it_is_spelled(tmp_path: Path):
    release = _record_with_geography(tmp_path, "Kent Police")
    assert only(rows_of(release, FACT, cell="G2"), "geography_code") == ("Kent",)


def test_an_unknown_place_is_named(tmp_path: Path):
    release = _record_with_geography(tmp_path, "Kentt")
    (detail,) = release.frame("rejects")["detail"]
    assert detail.startswith("expected National, a ROCU region or a known force (nearest: 'Kent'")
    assert detail.endswith("found 'Kentt'")


def test_a_reissue_of_a_quarter_corrects_the_one_before():
    quarter = [r for r in landed("programme_activity").releases if r.reference_period == "2021-Q3"]
    first, second = sorted(quarter, key=lambda release: release.edition)
    assert (first.edition, second.edition) == (1, 2)
    assert first.superseded_by == second.release_id
    assert second.superseded_by is None
