"""Rules and acceptances: what the files may say, and how they are told to be mended."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest
import yaml

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.periods import find_today
from msoic_pipeline.reconciliation.acceptances import (
    Acceptance,
    find_misfits,
    load_acceptances,
    parse_acceptances,
    select_acceptances_in_force,
)
from msoic_pipeline.reconciliation.comparisons import Comparison, Tolerance
from msoic_pipeline.reconciliation.rules import load_rules, parse_rules

RULE = {
    "rule_id": "one",
    "title": "One",
    "compares": "This against that.",
    "may_differ": "Because.",
    "severity": "warn",
    "period_kinds": ["quarter"],
    "geography": "UK",
    "comparisons": [
        {"left": {"fact": "fact_nrm_referral", "measure": "referrals", "where": {"breakdown": "age_location"}}}
    ],
}
CRIMES = {"fact": "fact_recorded_crime", "measure": "offences"}
REFERRALS = RULE["comparisons"][0]["left"]  # type: ignore[index]
LIVE = {"fact": "fact_investigation", "where": {"breakdown": "exploitation", "measure": "live"}}
POPULATION = {"fact": "fact_population"}
SHARE = {"part": REFERRALS, "whole": REFERRALS}


def test_the_rules_of_the_package_cover_every_fact():
    rules = load_rules()
    held = {summand.fact for rule in rules for comparison in rule.comparisons for summand in comparison.list_summands()}
    assert held == set(FACTS)
    assert {acceptance.rule for acceptance in load_acceptances()} <= {rule.rule_id for rule in rules}


def test_rules_on_force_returns_are_sensitive():
    sensitive = {rule.rule_id for rule in load_rules() if rule.is_sensitive}
    assert "force_returns_live_balance" in sensitive
    assert "nrm_police_to_investigations" in sensitive
    assert "outcomes_to_recorded_crime" not in sensitive


ELSEWHERE = {"period": "2021", "value": 1, "publication": "A report"}


@pytest.mark.parametrize(
    ("tolerance", "words"),
    [
        ({}, "none"),
        ({"absolute": 10}, "10"),
        ({"relative": 0.005}, "0.5% of the right side"),
        ({"absolute": 10, "relative": 0.05}, "the larger of 10 and 5% of the right side"),
        (
            {"usual": 10, "ceiling": 0.2},
            "10 times the usual revision (but no more than 20% of the right side)",
        ),
        (
            {"absolute": 10, "relative": 0.05, "usual": 10, "ceiling": 0.2},
            "the largest of 10, 5% of the right side and 10 times the usual revision "
            "(but no more than 20% of the right side)",
        ),
    ],
)
def test_a_tolerance_in_words(tolerance: dict[str, float], words: str):
    assert Tolerance.model_validate(tolerance).tell() == words


def test_a_rule_as_a_row_names_its_tolerances_once_where_they_are_the_same():
    two = [{"item": item, "left": REFERRALS, "right": CRIMES, "tolerance": {"absolute": 5}} for item in ("a", "b")]
    (rule,) = parse_rules(yaml.safe_dump([RULE | {"comparisons": [*two, {"item": "shown", "left": REFERRALS}]}]))
    assert rule.make_row()["tolerances"] == "5"
    two[1]["tolerance"] = {}
    (rule,) = parse_rules(yaml.safe_dump([RULE | {"comparisons": two}]))
    assert rule.make_row() == {
        "rule_id": "one",
        "title": rule.title,
        "compares": rule.compares,
        "may_differ": rule.may_differ,
        "severity": rule.severity,
        "releases": "current",
        "tolerances": "a: 5; b: none",
        "is_sensitive": False,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"comparisons": [{"left": REFERRALS | {"fact": "fact_nothing"}}]}, "unknown fact 'fact_nothing'"),
        ({"comparisons": [{"left": REFERRALS | {"missing_row": "zero"}}]}, "never takes a missing side for zero"),
        ({"comparisons": [{"left": REFERRALS, "by": [["force"]]}]}, "has no column 'force'"),
        (
            {"comparisons": [{"left": REFERRALS, "by": [["referrals"]]}]},
            "'referrals' of fact_nrm_referral is a figure",
        ),
        (
            {
                "comparisons": [{"left": REFERRALS, "by": [["location", "age_group"]], "right": "published totals"}],
                "releases": "same",
            },
            "in the order of the fact's columns",
        ),
        ({"comparisons": [{"left": REFERRALS, "right": "published totals"}]}, "of the same release"),
        ({"comparisons": [{"left": REFERRALS, "right": CRIMES}], "releases": "consecutive"}, "give none"),
        ({"comparisons": [{"left": REFERRALS, "tolerance": {"usual": 3}}]}, "of consecutive releases alone"),
        ({"comparisons": [{"left": REFERRALS | {"at": "previous"}}], "releases": "same"}, "current figures alone"),
        (
            {
                "geography": "cps_area",
                "comparisons": [
                    {
                        "left": {
                            "fact": "fact_nrm_decision",
                            "measure": "decisions",
                            "where": {"stage": "reasonable_grounds"},
                        }
                    }
                ],
            },
            "cannot be divided by cps_area",
        ),
        (
            {"geography": "force", "comparisons": [{"left": {"fact": "fact_programme_activity", "measure": "value"}}]},
            "force",
        ),
        ({"period_kinds": ["month"], "comparisons": [{"left": CRIMES}]}, "of a quarter and of longer periods"),
        (
            {"period_kinds": ["month"], "comparisons": [{"left": LIVE | {"share": SHARE}}]},
            "fact_nrm_referral has figures of a quarter and of longer periods",
        ),
        (
            {"comparisons": [{"left": REFERRALS | {"share": SHARE | {"whole": POPULATION}}}]},
            "fact_population has figures of a calendar_year and of longer periods",
        ),
        ({"severity": "loud"}, "severity"),
        ({"comparisons": [{"left": REFERRALS, "tolerance": {"ceiling": 0.2}}]}, "limits what is usual"),
        (
            {
                "releases": "consecutive",
                "comparisons": [{"left": REFERRALS, "tolerance": {"relative": 0.3, "usual": 2, "ceiling": 0.2}}],
            },
            "the ceiling, 0.2, is lower than relative, 0.3",
        ),
        ({"comparisons": [{"left": REFERRALS, "right": CRIMES, "tolerance": {"relative": 1}}]}, "compare at most"),
        ({"comparisons": [{"left": REFERRALS, "elsewhere": [ELSEWHERE | {"period": "soon"}]}]}, "expected a quarter"),
        ({"comparisons": [{"left": REFERRALS, "right": CRIMES, "elsewhere": [ELSEWHERE]}]}, "are the right side"),
        ({"comparisons": [{"left": REFERRALS, "elsewhere": [ELSEWHERE]}], "releases": "same"}, "the current ones"),
        (
            {"comparisons": [{"left": REFERRALS | {"share": {"part": CRIMES, "whole": CRIMES}}}]},
            "a share is of figures of the nation",
        ),
    ],
)
def test_a_wrong_rule_says_what_is_wrong(change: dict[str, object], words: str):
    with pytest.raises(DeclarationError, match=r"rules\.yaml is to be mended") as error:
        parse_rules(yaml.safe_dump([RULE | change]))
    assert words in str(error.value)
    assert "one: " in str(error.value)


def test_a_rule_is_declared_once():
    with pytest.raises(DeclarationError, match="one: declared 2 times"):
        parse_rules(yaml.safe_dump([RULE, RULE]))


def test_an_acceptance_is_of_a_rule_and_a_period():
    acceptance = {
        "rule": "one",
        "period": "2021-Q4",
        "accepted_by": "A",
        "accepted_on": "2022-01-01",
        "until": "2023-01-01",
        "why": "B",
    }
    rules = parse_rules(yaml.safe_dump([RULE]))
    assert parse_acceptances(yaml.safe_dump([acceptance]), rules)[0].until.year == 2023
    with pytest.raises(DeclarationError, match="no such rules: two"):
        parse_acceptances(yaml.safe_dump([acceptance | {"rule": "two"}]), rules)
    with pytest.raises(DeclarationError, match="expected a quarter"):
        parse_acceptances(yaml.safe_dump([acceptance | {"period": "soon"}]), rules)
    with pytest.raises(DeclarationError, match=r"accepted\.yaml is to be mended"):
        parse_acceptances("- rule: [", rules)


BY_SEX = [
    {"item": "air", "by": [[], ["location"]], "left": REFERRALS, "right": REFERRALS},
    {"item": "shown", "left": REFERRALS},
]


@pytest.mark.parametrize(
    ("fields", "misfit"),
    [
        ({"reference_period": "2022Q99"}, "expected a quarter"),
        ({"period": "2021"}, "the rule has results of each quarter, not of a calendar_year"),
        ({"geography": "Kent"}, "the rule has no geography 'Kent': expected a code such as 'UK'"),
        ({"item": "sea"}, "compares no item 'sea'"),
        ({"item": "air; age_group=Adult"}, "compares no item"),
        ({"item": "air; location"}, "compares no item"),
        ({"item": "airlocation=UK"}, "compares no item"),
        ({"item": "air; ; location=UK"}, "compares no item"),
        ({"item": "shown"}, "compares no item 'shown'"),
        ({"period": "2014-Q4"}, "nothing is loaded of a period before 2015-01-01"),
        ({"until": "2021-12-31"}, "it ended on 2021-12-31, before it was accepted on 2022-01-01"),
    ],
)
def test_an_acceptance_that_can_explain_nothing_is_refused(fields: dict[str, str], misfit: str):
    acceptance = {"rule": "one", "period": "2021-Q4", "accepted_by": "A", "why": "B"}
    acceptance |= {"accepted_on": "2022-01-01", "until": "2023-01-01"}
    rules = parse_rules(yaml.safe_dump([RULE | {"comparisons": BY_SEX}]))
    good = {"geography": "UK", "item": "air; location=UK", "reference_period": "2021/22 Q3"}
    (read,) = parse_acceptances(yaml.safe_dump([acceptance | good]), rules)
    assert read.reference_period == "2021-Q4", "as the table of releases writes it"
    with pytest.raises(DeclarationError) as refusal:
        parse_acceptances(yaml.safe_dump([acceptance | good | fields]), rules)
    assert misfit in str(refusal.value)


def test_a_comparison_without_an_item_has_members_alone():
    nameless = Comparison.model_validate({"by": [["location"]], "left": REFERRALS, "right": REFERRALS})
    assert nameless.may_have("location=UK")
    assert not any(nameless.may_have(item) for item in ("", "; location=UK", "UK", "age_group=Adult"))


def test_a_force_is_accepted_by_its_code():
    crimes = {"geography": "force", "comparisons": [{"left": CRIMES, "right": CRIMES}]}
    rules = parse_rules(yaml.safe_dump([RULE | crimes]))
    acceptance = Acceptance(
        rule="one", period="2021-Q4", accepted_by="A", accepted_on=date(2022, 1, 1), until=date(2023, 1, 1), why="B"
    )
    assert not list(find_misfits(acceptance.model_copy(update={"geography": "E23000032"}), rules[0]))
    assert list(find_misfits(acceptance.model_copy(update={"geography": "Kent"}), rules[0]))


@pytest.mark.parametrize("zone", ["East-14", "West+12"])
def test_an_acceptance_ends_on_the_same_day_wherever_the_machine_stands(zone: str, monkeypatch: pytest.MonkeyPatch):
    today = find_today()
    ends = (today - timedelta(days=1), today, today + timedelta(days=1))
    acceptances = [load_acceptances()[0].model_copy(update={"until": day}) for day in ends]
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        in_force = select_acceptances_in_force(acceptances)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert in_force == acceptances[1:]
