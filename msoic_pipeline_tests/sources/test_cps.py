"""Golden figures of the CPS quarterly data summaries: known cells of the sample's layouts."""

from __future__ import annotations

import datetime as dt

import pytest

from msoic_pipeline.model import members
from msoic_pipeline_tests.sample import only, rows_of, staged, staged_releases

FACT = "fact_cps_outcome"
COLUMNS = ("quarter_start", "case_type", "cps_area_code", "measure", "value")


def _quarter(year: int, quarter: int) -> dt.date:
    return dt.date(year, quarter * 3 - 2, 1)


SLAVERY, ALL_CRIME = "modern_slavery", "all_crime"


@pytest.mark.parametrize(
    ("file", "sheet", "cell", "expected"),
    [
        # One header for referrals and receipts, as until 2022/23.
        ("quarter-3-2019", "1 Pre-charge", "B5", (_quarter(2019, 1), SLAVERY, "Cymru-Wales", "referrals", 13)),
        ("quarter-3-2019", "3 All crime", "E4", (_quarter(2019, 4), ALL_CRIME, "", "referrals", 54_411)),
        ("quarter-3-2019", "3 All crime", "E9", (_quarter(2019, 4), ALL_CRIME, "", "convictions", 95_617)),
        ("quarter-2-2022", "1 Pre-charge", "C5", (_quarter(2021, 4), SLAVERY, "Cymru-Wales", "receipts", 4)),
        ("quarter-2-2022", "2 Prosecutions", "Q8",
         (_quarter(2022, 3), SLAVERY, "London North", "completed_prosecutions", 8)),
        ("quarter-2-2022", "3 All crime", "E4", (_quarter(2022, 3), ALL_CRIME, "", "referrals", 50_530)),
    ],
)  # fmt: skip
def test_known_cells(file: str, sheet: str, cell: str, expected: tuple[dt.date, str, str, str, float]):
    quarter, case_type, area, measure, value = expected
    rows = rows_of(staged("cps", file), FACT, sheet=sheet, cell=cell)
    code = members.resolve("cps_area", area) if area else "National"
    assert only(rows, *COLUMNS) == (quarter, case_type, code, measure, value)


def test_the_national_row_is_a_total_and_not_a_fact():
    release = staged("cps", "quarter-2-2022")
    rows = rows_of(release, FACT, case_type="modern_slavery")
    assert rows["cps_area_code"].nunique() == 14
    totals = release.frame("published_total")
    national = totals[(totals["sheet"] == "1 Pre-charge") & (totals["cell"] == "B19")]
    assert only(national, "value", "members") == (194, "measure=referrals")
    referrals = rows[(rows["measure"] == "referrals") & (rows["quarter_start"] == _quarter(2021, 4))]
    assert referrals["value"].sum() == 194


def test_rates_are_held_against_their_counts_and_not_loaded():
    release = staged("cps", "quarter-2-2022")
    assert "conviction_rate" not in set(rows_of(release, FACT)["measure"])
    findings = release.manifest.findings
    held = {finding.check_name: finding.rows_checked for finding in findings if "rates" in finding.check_name}
    assert held == {
        "rates agree with their counts: prosecutions": 4 * 15,
        "rates agree with their counts: all_crime": 4,
    }


@pytest.mark.parametrize(
    ("file", "quarter", "measure", "value"),
    [
        ("quarter-4-2020", _quarter(2021, 1), "referrals", 47_644),
        ("quarter-1-2021", _quarter(2021, 2), "referrals", 48_250),
        ("quarter-2-2022", _quarter(2022, 3), "referrals", 50_530),
        ("quarter-3-2022", _quarter(2022, 4), "referrals", 50_421),
        ("quarter-4-2023", _quarter(2024, 1), "receipts", 52_531),
    ],
)
def test_published_figures_of_all_crime(file: str, quarter: dt.date, measure: str, value: int):
    rows = rows_of(staged("cps", file), FACT, case_type="all_crime", measure=measure, quarter_start=quarter)
    assert only(rows, "value") == (value,)


def test_every_quarter_comes_in_four_vintages():
    vintages: dict[dt.date, set[str]] = {}
    for release in staged_releases("cps"):
        assert len(release.quarters()) == 4
        for quarter in release.quarters():
            vintages.setdefault(quarter, set()).add(release.release_id)
    assert len(vintages[_quarter(2021, 2)]) == 4
