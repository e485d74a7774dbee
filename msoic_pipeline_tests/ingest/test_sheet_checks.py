"""Labels held to their codes within a sheet; totals and rates are tried in test_staging on the sample's files."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from msoic_pipeline.ingest.findings import Failure, Finding, merge_sheets
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.ingest.sheet_checks import codes_have_one_label
from msoic_pipeline.workbooks.grid import Sheet
from msoic_pipeline.workbooks.layout import Source
from msoic_pipeline.workbooks.matching import match_sheet
from msoic_pipeline.workbooks.tidy import Tidy, tidy_sheet
from msoic_pipeline_tests.workbooks.test_matching import BASE, LONG, QUARTER

TABLE: dict[str, Any] = {
    "table": "crime",
    "fact": "fact_recorded_crime",
    "labelled_by": {"offence_code": ["description", "group"]},
    "layouts": [
        LONG
        | {
            "columns": [
                {"to": "quarter_start", "header": ["Quarter"], "parse": "quarter"},
                {"to": "description", "header": ["Offence"]},
                {"to": "group", "header": ["Group"], "optional": True, "blank": "allow"},
                {"to": "offence_code", "header": ["Code"], "parse": "code"},
            ]
        }
    ],
}
HEADER: list[Any] = ["Quarter", "Offence", "Group", "Code", "Number of Offences"]
SLAVERY, ASSAULT = ("Modern slavery", "Violence"), ("Assault", "Violence")


def _read(*rows: tuple[tuple[str, str], str]) -> Tidy:
    source = Source.model_validate(BASE | {"tables": [TABLE]})
    sheet = Sheet("Data", [HEADER, *(["2021 Q1", *words, code, 5] for words, code in rows)])
    match = match_sheet(sheet, source.tables[0], source.tables[0].layouts[0], QUARTER)
    return tidy_sheet(sheet, match, source, "file.ods", dt.date(2022, 8, 4), "2022-Q2", [])


def test_a_code_has_the_same_words_beside_it_throughout_a_sheet():
    (found,) = codes_have_one_label(_read((SLAVERY, "106"), (ASSAULT, "8N"), (SLAVERY, "106")), ())
    assert (found.success, found.rows_checked, found.severity) == (True, 3, "warn")
    (found,) = codes_have_one_label(_read((SLAVERY, "106"), (ASSAULT, "8N"), (SLAVERY, "106"), (ASSAULT, "106")), ())
    assert (found.success, found.rows_failed) == (False, 1)
    assert found.detail == (
        "sheet 'Data': E5: offence_code 106 is called 'Assault / Violence', and elsewhere 'Modern slavery / Violence'"
    )


def test_findings_of_a_table_in_several_sheets_are_one():
    def finding(failed: int, sheet: str, check: str = "totals") -> Finding:
        failures = (Failure("total_differs", sheet, "B2", "words"),) * failed
        return Finding("fact", check, "block", not failed, 10, failed, f"{sheet}: {failed}", failures)

    one, other = merge_sheets([finding(0, "a"), finding(2, "b"), finding(0, "c"), finding(0, "a", "rates")])
    assert (one.success, one.rows_checked, one.rows_failed, one.detail) == (False, 30, 2, "b: 2")
    assert len(one.failures) == 2
    assert (other.check_name, other.success, other.detail) == ("rates", True, "a: 0")
    assert merge_sheets([finding(0, "a"), finding(0, "b")])[0].detail == "all agree, in 2 sheets"


def test_words_that_are_missing_are_words_too():
    (found,) = codes_have_one_label(_read((SLAVERY, "106"), (SLAVERY, "106"), (("Modern slavery", ""), "106")), ())
    assert found.rows_failed == 1 and "'Modern slavery / '" in found.detail


@pytest.mark.parametrize(("cell", "accepted"), [("E5", True), ("", True), ("E4", False)])
def test_other_words_accepted_by_a_declared_fault(cell: str, accepted: bool):
    fault = Fault(
        fault="f",
        reference_period="2022-Q2",
        rule="other_label",
        cell=cell,
        treatment="accept",
        reason="Renamed within the year.",
        reviewed_by="A",
        reviewed_on=dt.date(2022, 8, 8),
        expires=dt.date(2099, 1, 1),
    )
    tidy = _read((SLAVERY, "106"), (ASSAULT, "8N"), (SLAVERY, "106"), (ASSAULT, "106"))
    assert codes_have_one_label(tidy, (fault,))[0].success is accepted
