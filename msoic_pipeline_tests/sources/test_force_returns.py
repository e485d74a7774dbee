"""Known cells of a force's monthly return, which carries its own stamps and keeps its content out of messages."""

from __future__ import annotations

import datetime as dt

import pytest

from msoic_pipeline_tests.sample import landed, only, rows_of, staged

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


def test_a_missing_return_is_missing():
    reported = {(r.reporter, r.reference_period) for r in landed("force_returns").releases}
    forces, months = {force for force, _ in reported}, {month for _, month in reported}
    assert len(forces) == 43
    assert 0 < len(forces) * len(months) - len(reported) < 200
