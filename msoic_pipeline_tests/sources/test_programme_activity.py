"""Known cells of the programme's own record, and the re-issue of a quarter."""

from __future__ import annotations

import datetime as dt

import pytest

from msoic_pipeline_tests.sample import landed, only, rows_of, staged

FACT = "fact_programme_activity"
COLUMNS = ("month_start", "activity", "category", "geography", "measure", "value")


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


def test_a_reissue_of_a_quarter_corrects_the_one_before():
    quarter = [r for r in landed("programme_activity").releases if r.reference_period == "2021-Q3"]
    first, second = sorted(quarter, key=lambda release: release.edition)
    assert (first.edition, second.edition) == (1, 2)
    assert first.superseded_by == second.release_id
    assert second.superseded_by is None
