"""Totals held against their parts, labels to their codes; rates are tried in test_staging on the sample's files."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from msoic_pipeline.ingest.findings import Finding, merge_sheets
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.ingest.sheet_checks import (
    codes_have_one_label,
    rates_agree_with_their_counts,
    totals_equal_their_parts,
    totals_with_parts,
)
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.grid import Sheet
from msoic_pipeline.workbooks.headers import match_sheet
from msoic_pipeline.workbooks.matching import propose_lines
from msoic_pipeline.workbooks.source import Source
from msoic_pipeline.workbooks.tidy import FileToTidy, Tidy, tidy_sheet
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
    return tidy_sheet(sheet, match, source, FileToTidy("file.ods", dt.date(2022, 8, 4), "2022-Q2"))


BY_AGE: dict[str, Any] = {
    "table": "referrals",
    "fact": "fact_nrm_referral",
    "constants": {"breakdown": "age"},
    "layouts": [
        LONG
        | {
            "columns": [
                {"to": "first_responder", "header": ["Responder"], "totals": ["Total"]},
                {"to": "age_group", "header": ["Age"], "totals": ["Total"]},
            ],
            "measures": [{"to": "referrals", "header": ["Referrals"]}],
            "period": {"release": "quarter"},
        }
    ],
}
REFERRAL = FACTS["fact_nrm_referral"]
FINEST: list[list[Any]] = [["Kent", "Adult", 2], ["Kent", "Child", 1], ["Surrey", "Adult", 4]]


def _read_referrals(*rows: list[Any]) -> Tidy:
    source = Source.model_validate(BASE | {"tables": [BY_AGE], "unavailable": ["[c]"]})
    sheet = Sheet("Data", [["Responder", "Age", "Referrals"], *rows])
    match = match_sheet(sheet, source.tables[0], source.tables[0].layouts[0], QUARTER)
    return tidy_sheet(sheet, match, source, FileToTidy("file.ods", dt.date(2022, 8, 4), "2022-Q2"))


def test_the_parts_of_a_total_are_the_figures_that_have_the_members_it_names():
    tidy = _read_referrals(*FINEST, ["Kent", "Total", 3], ["Total", "Adult", 6], ["Total", "Total", 7])
    sums = {
        str(cell): (published, sum_of_parts)
        for totals in totals_with_parts(tidy, REFERRAL)
        for cell, published, sum_of_parts in zip(totals.cells, totals.published, totals.sums_of_parts, strict=True)
    }
    assert sums == {"C5": (3, 3), "C6": (6, 6), "C7": (7, 7)}
    (finding,) = totals_equal_their_parts(tidy, REFERRAL, ())
    assert (finding.success, finding.rows_checked) == (True, 3)


@pytest.mark.parametrize(
    ("total", "words"),
    [
        (["Kent", "Total", 4], "C6: published 4, its parts sum to 3"),
        (["Essex", "Total", 1], "C6: published 1, its parts sum to 0"),
        (["Surrey", "Total", 4], ""),
        (["Surrey", "Total", 9], ""),
        (["Surrey", "Total", 3], "C6: published 3, its parts sum to 4, and 1 are not available"),
    ],
)
def test_a_total_that_its_parts_do_not_make(total: list[Any], words: str):
    tidy = _read_referrals(*FINEST, ["Surrey", "Child", "[c]"], total)
    (finding,) = totals_equal_their_parts(tidy, REFERRAL, ())
    assert finding.success is not bool(words)
    assert finding.detail == f"sheet 'Data': {words or 'all agree'}"


def test_of_a_sensitive_return_the_place_alone_is_told():
    columns = [
        {"to": "exploitation_type", "header": ["Type"], "totals": ["Total"]},
        {"to": "role", "header": ["Role"], "totals": ["Total"]},
    ]
    measures = [{"to": "value", "header": ["Number"]}]
    layout = LONG | {"columns": columns, "measures": measures, "period": {"release": "month"}}
    table = {"table": "returns", "fact": "fact_investigation", "layouts": [layout]}
    source = Source.model_validate(BASE | {"tables": [table], "sensitive": True})
    figures: list[list[Any]] = [["labour", "victim", 4711], ["labour", "suspect", 0], ["labour", "Total", 4712]]
    sheet = Sheet("Data", [["Type", "Role", "Number"], *figures])
    match = match_sheet(sheet, source.tables[0], source.tables[0].layouts[0], QUARTER)
    tidy = tidy_sheet(sheet, match, source, FileToTidy("file.ods", dt.date(2022, 8, 4), "2022-06"))
    (finding,) = totals_equal_their_parts(tidy, FACTS["fact_investigation"], ())
    assert finding.rows_failed == 1 and finding.detail == "sheet 'Data': C4: does not hold here"
    assert [failure.cell for failure in finding.failures] == ["C4"] and "471" not in str(finding)


def test_a_code_has_the_same_words_beside_it_throughout_a_sheet():
    (found,) = codes_have_one_label(_read((SLAVERY, "106"), (ASSAULT, "8N"), (SLAVERY, "106")), ())
    assert (found.success, found.rows_checked, found.severity) == (True, 3, "warn")
    (found,) = codes_have_one_label(_read((SLAVERY, "106"), (ASSAULT, "8N"), (SLAVERY, "106"), (ASSAULT, "106")), ())
    assert (found.success, found.rows_failed) == (False, 1)
    assert found.detail == (
        "sheet 'Data': E5: offence_code 106 is called 'Assault / Violence', and elsewhere 'Modern slavery / Violence'"
    )


OUTCOMES: dict[str, Any] = {
    "table": "outcomes",
    "fact": "fact_cps_case_outcome",
    "layouts": [
        {
            "layout": "across",
            "sheet": {"name": "^Data"},
            "columns": [{"to": "cps_case_area_code", "header": [""], "parse": "cps_case_area", "totals": ["National"]}],
            "tiers": [
                {
                    "to": "offence_category / measure",
                    "members": {
                        "robbery / convictions": ["Convictions"],
                        "robbery / rate": ["Rate"],
                        "robbery / unsuccessful": ["Unsuccessful"],
                    },
                }
            ],
            "value": {"to": "value", "header": []},
            "rates": {"rate": {"part": "convictions", "whole": ["convictions", "unsuccessful"], "decimals": 3}},
            "period": {"release": "month"},
        }
    ],
}


@pytest.mark.parametrize(
    ("row", "checked", "failed"),
    [
        (["Kent", 2, "66.7%", 1], 1, 0),
        (["National", 2, "66.7%", 1], 1, 0),
        (["Kent", 2, "67.6%", 1], 1, 1),
        (["Kent", 0, "66.7%", 0], 0, 0),
        (["Kent", 2, "66.7%", "-"], 0, 0),
    ],
    ids=["agrees", "in a row of totals", "digits swapped", "of nothing", "part of the whole is not known"],
)
def test_a_rate_is_held_against_counts_that_add_up_to_the_whole(row: list[Any], checked: int, failed: int):
    source = Source.model_validate(BASE | {"tables": [OUTCOMES], "unavailable": ["-"]})
    sheet = Sheet("Data", [["", "Convictions", "Rate", "Unsuccessful"], row])
    match = match_sheet(sheet, source.tables[0], source.tables[0].layouts[0], QUARTER)
    tidy = tidy_sheet(sheet, match, source, FileToTidy("file.csv", dt.date(2022, 8, 4), "2022-05"))
    (finding,) = rates_agree_with_their_counts(tidy, FACTS["fact_cps_case_outcome"], ())
    assert (finding.rows_checked, finding.rows_failed) == (checked, failed)
    if failed:
        assert "C2: published 0.676, but convictions 2 of convictions and unsuccessful 3 are 0.667" in finding.detail


def test_a_renamed_header_of_two_columns_is_proposed_with_the_members_of_both():
    source = Source.model_validate(BASE | {"tables": [OUTCOMES]})
    sheet = Sheet("Data", [["", "Robbery convicted", "Rate", "Unsuccessful"], ["Kent", 2, "66.7%", 1]])
    match = match_sheet(sheet, source.tables[0], source.tables[0].layouts[0], QUARTER)
    proposed = "under tier `to: offence_category / measure` add to member robbery / convictions: [Robbery convicted]"
    assert propose_lines(match) == proposed


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
