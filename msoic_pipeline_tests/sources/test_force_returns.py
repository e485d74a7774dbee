"""Known cells of a force's monthly return, which carries its own stamps and keeps its content out of messages."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import openpyxl
import pytest

from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.quality.verdicts import judge_files
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.sample import RAW, landed, only, rows_of, staged, take_in

FACT = "fact_investigation"
COLUMNS = ("breakdown", "exploitation_type", "county_lines", "role", "nationality", "measure", "value")


@pytest.mark.parametrize(
    ("sheet", "cell", "expected"),
    [
        ("Investigations", "C2", ("exploitation", "Criminal", "Yes", "All", "All", "live", 168)),
        ("Investigations", "D9", ("exploitation", "Domestic & Labour & Sexual", "No", "All", "All", "opened", 1)),
        ("Nationality", "C2", ("nationality", "All", "All", "Victim", "Unknown", "live", 117)),
        ("Nationality", "C25", ("nationality", "All", "All", "Suspect", "Pakistani", "live", 3)),
    ],
)
def test_known_cells(sheet: str, cell: str, expected: tuple[object, ...]):
    release = staged("force_returns", "2021-10/e23000001")
    rows = rows_of(release, FACT, sheet=sheet, cell=cell)
    assert only(rows, *COLUMNS) == expected
    assert only(rows, "month_start", "quarter_start", "force_code") == (
        dt.date(2021, 10, 1), dt.date(2021, 10, 1), "E23000001"
    )  # fmt: skip


def test_the_return_says_who_made_it_when_and_about_which_month():
    release = staged("force_returns", "2021-10/e23000001").release
    assert release.reporter == "E23000001"
    assert (release.reference_period, release.published_on) == ("2021-10", dt.date(2021, 11, 10))
    assert release.is_synthetic


def test_live_investigations():
    rows = rows_of(staged("force_returns", "2021-10/e23000001"), FACT, breakdown="exploitation", measure="live")
    assert rows["value"].sum() == 168 + 74 + 19 + 76 + 78 + 3 + 18 + 11


def test_what_cannot_be_read_is_not_hinted_at(tmp_path: Path):
    book = openpyxl.load_workbook(RAW / "force_returns" / "2021-10" / "e23000001-2021-10.xlsx")
    book["Nationality"]["B2"] = "Albanain"
    book["Nationality"]["C3"] = "Albanian"
    book["Investigations"]["A2"] = "Sexuall"
    path = tmp_path / "raw" / "force_returns" / "return.xlsx"
    path.parent.mkdir(parents=True)
    book.save(path)
    (release,) = take_in(tmp_path, "force_returns", tmp_path / "raw").staged
    rejects = release.frame("rejects")
    detail_at = dict(zip(rejects["cell"].tolist(), rejects["detail"].tolist(), strict=True))
    assert set(detail_at) == {"B2", "C3", "A2"}
    assert detail_at["B2"].startswith("expected a known nationality; if this is a new spelling add it")
    assert detail_at["A2"].startswith("expected a known exploitation; if this is a new spelling add it")
    assert detail_at["C3"] == "expected a whole number"
    (verdict,) = judge_files(load_source("force_returns"), Landing((release.release,), ()), [release], {})
    told = str(verdict)
    for hint in ("nearest", "Albanain", "Albanian", "Sexual"):
        assert hint not in told


def test_a_missing_return_is_missing():
    reported = {(r.reporter, r.reference_period) for r in landed("force_returns").releases}
    forces, months = {force for force, _ in reported}, {month for _, month in reported}
    assert len(forces) == 43
    assert 0 < len(forces) * len(months) - len(reported) < 200
