"""Where a report contradicts itself over what a figure is of: in reports made by hand, and in the annual report."""

from __future__ import annotations

from typing import Any

import pytest

from msoic_pipeline.claims.claims import Claim, load_reports
from msoic_pipeline.claims.disagreements import find_contradictions, find_disagreements, find_restatements

RATE: dict[str, Any] = {"unit": "percent", "value": 94, "topics": ["scripts"], "missing": "all", "period": "2021-12"}
RISE: dict[str, Any] = {
    "unit": "percent",
    "kind": "change",
    "value": 97,
    "topics": ["charging"],
    "missing": "all",
    "period": "2021/22",
    "base": "2020/21",
}
QUARTERS = {"period": "2021/22 Q4", "base": "2020/21 Q1"}


def claims_of(*fields: dict[str, Any]) -> list[Claim]:
    """Claims whose ids and sections are their places: c1 in section 1, c2 in section 2, …"""
    return [
        Claim.model_validate({"id": f"c{n}", "section": n, "words": ""} | claim)
        for n, claim in enumerate(fields, start=1)
    ]


def found(*fields: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(each.over, each.first.id, each.second.id) for each in find_disagreements(claims_of(*fields))]


def test_the_same_figure_of_two_things_is_found_with_both_places_and_a_sentence():
    referrals = RATE | {"said_of": "complete referrals", "part_of_section": "highlights"}
    claims = claims_of(referrals, RATE | {"said_of": "complete scripts"})
    (found,) = find_disagreements(claims)
    assert (found.over, found.first.stands_in, found.second.stands_in) == (
        "thing",
        "section 1, highlights",
        "section 2",
    )
    assert found.sentence == (
        "The same figure of scripts, 94%: complete referrals in section 1, highlights; complete scripts in section 2."
    )
    assert not find_contradictions(claims), "the figure itself may be right"


@pytest.mark.parametrize(
    "other",
    [
        {"said_of": "complete referrals"},  # the same thing
        {},  # it does not say of what
        {"said_of": "complete scripts", "topics": ["penalties"]},  # of another topic the same figure is chance
        {"said_of": "complete scripts", "period": "2021-11"},  # as it may be in another month
        {"said_of": "complete scripts", "value": 10, "topics": []},
    ],
)
def test_what_is_the_same_thing_or_may_be_chance_is_not_found(other: dict[str, Any]):
    assert found(RATE | {"said_of": "complete referrals"}, RATE | other) == []


def test_another_unit_is_another_thing():
    people: dict[str, Any] = {"unit": "people", "value": 436, "topics": ["training"], "missing": "all"}
    (unlike,) = find_disagreements(claims_of(people, people | {"unit": "officers"}))
    assert unlike.sentence == (
        "The same figure of training, 436 people or 436 officers: 436 people in section 1; 436 officers in section 2."
    )


def test_a_figure_put_otherwise_is_the_same_but_not_one_without_an_end():
    briefed: dict[str, Any] = {
        "unit": "people",
        "topics": ["OIC"],
        "missing": "all",
        "value": 7093,
        "said_of": "briefed",
    }
    trained = briefed | {"said_of": "trained"}
    assert found(briefed, trained | {"value": 7000, "comparator": "over"}) == [("thing", "c1", "c2")]
    assert found(briefed, trained | {"value": 200, "comparator": "at least"}) == []
    assert found(briefed, trained | {"value": 436}) == [("figure", "c1", "c2")]


LEVEL: dict[str, Any] = {"unit": "operations", "topics": ["operations"], "missing": "all"}
BEFORE, AFTER = LEVEL | {"period": "2020/21"}, LEVEL | {"period": "2021/22"}
BETWEEN: dict[str, Any] = {"topics": ["operations"], "missing": "all", "period": "2021/22", "base": "2020/21"}


def test_between_levels_without_an_end_a_change_may_be_what_their_other_ends_allow():
    levels = (BEFORE | {"value": 100, "comparator": "at least"}, AFTER | {"value": 50, "comparator": "at most"})
    fall = BETWEEN | {"kind": "change", "unit": "percent"}
    assert found(*levels, fall | {"value": -60}) == []
    assert found(*levels, fall | {"value": -40}) == [("figure", "c1", "c3"), ("figure", "c2", "c3")]


@pytest.mark.parametrize(
    ("unit_of_levels", "unit", "are_comparable"),
    [
        ("operations", "operations", True),
        ("operations", "forces", False),
        ("percent", "percentage points", True),
        ("percent", "percent", False),
    ],
)
def test_a_difference_is_held_against_levels_in_its_own_unit(unit_of_levels: str, unit: str, are_comparable: bool):
    levels = (BEFORE | {"unit": unit_of_levels, "value": 10}, AFTER | {"unit": unit_of_levels, "value": 20})
    disagreements = found(*levels, BETWEEN | {"kind": "difference", "unit": unit, "value": 3})
    assert disagreements == ([("figure", "c1", "c3"), ("figure", "c2", "c3")] if are_comparable else [])


def test_the_same_change_between_other_periods_is_found_and_the_same_level_is_not():
    (found_one,) = find_disagreements(claims_of(RISE | {"said_of": "charges"}, RISE | QUARTERS))
    assert found_one.over == "period"
    assert found_one.sentence == (
        "The same figure of charging, +97%: charges from 2020/21 to 2021/22 in section 1; "
        "from 2020-Q2 (2020/21 Q1) to 2022-Q1 (2021/22 Q4) in section 2."
    )
    assert found(RISE | {"stated": False}, RISE | QUARTERS) == [], "it does not say of when"
    assert found(RATE, RATE | {"period": "2021-11"}) == []


def test_the_same_figure_of_two_places_is_found():
    west, region = {"locality": "West Yorkshire"}, {"locality": "Yorkshire and the Humber"}
    assert found(RISE | west, RISE | region) == [("place", "c1", "c2")]
    assert found(RISE | west, RISE | region | {"value": 70}) == []


def test_two_claims_may_disagree_in_several_ways_and_stand_in_the_order_of_the_report():
    region = {"locality": "Yorkshire and the Humber", "said_of": "cases"}
    force = {"locality": "West Yorkshire", "said_of": "recorded cases"}
    assert found(RISE | region, RISE | {"value": 12}, RISE | force, RISE | {"value": 13}) == [
        ("place", "c1", "c3"),
        ("thing", "c1", "c3"),
        ("figure", "c2", "c4"),
    ]


def test_different_figures_are_told_with_what_each_is_said_to_be_of():
    events: dict[str, Any] = {"unit": "sessions", "topics": ["OIC sessions"], "missing": "all", "value": 27}
    events |= {"said_of": "training events", "period": "2021/22"}
    (found_one,) = find_disagreements(
        claims_of(events, events | {"value": 20, "said_of": "", "part_of_section": "box"})
    )
    assert found_one.sentence == (
        "Different figures of OIC sessions: 27 sessions (training events) in 2021/22 in section 1; "
        "20 sessions in 2021/22 in section 2, box."
    )


def test_what_is_of_different_things_does_not_agree():
    referrals = RISE | {"value": 100, "comparator": "almost", "said_of": "referrals"}
    charges = RISE | {"said_of": "charges"}
    assert find_restatements(claims_of(referrals, charges)) == []
    (pair,) = find_restatements(claims_of(referrals, charges | {"said_of": "referrals"}))
    assert (pair.first.id, pair.second.id) == ("c1", "c2")


@pytest.mark.parametrize(
    ("over", "first", "second"),
    [
        ("thing", "s3_scripts_after_highlight", "s6_scripts_after"),
        ("thing", "s3_charges_highlight", "s4_charges_quarters"),
        ("thing", "s3_officers_highlight", "s3_officers_briefed"),
        ("thing", "s3_oic_training_people_box", "s6_oic_training_officers_box"),
        ("thing", "s2_innerste_forces", "s5_innerste_forces"),
        ("thing", "s1_operations", "s6_operations"),
        ("thing", "s3_liaison_officers_highlight", "s8_liaison_officers"),
        ("thing", "s3_penalties_highlight", "s6_penalties"),
        ("figure", "s2_oic_training_events", "s6_oic_training_sessions"),
        ("period", "s4_charges_quarters", "s5_charges_97"),
        ("period", "s4_charges", "s7_charges_quarters"),
        ("place", "s7_domestic_cases_region", "s7_domestic_cases_force"),
    ],
)
def test_what_the_annual_report_says_of_the_same_figure(over: str, first: str, second: str):
    (report,) = (report for report in load_reports() if report.report == "annual_report_2021_22")
    assert (over, first, second) in [
        (each.over, each.first.id, each.second.id) for each in find_disagreements(report.claims)
    ]


def test_said_of_is_given_only_where_another_claim_of_the_topic_says_something_else():
    for report in load_reports():
        said = [claim for claim in report.claims if claim.said_of]
        for claim in said:
            others = {other.said_of for other in said if set(other.topics) & set(claim.topics)}
            assert len(others) > 1, claim.id
