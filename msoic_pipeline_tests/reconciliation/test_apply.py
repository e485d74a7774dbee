"""Each kind of rule on a warehouse made by hand, on both engines."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
import yaml

from msoic_pipeline.model import members
from msoic_pipeline.model.dimensions import dim_cps_area
from msoic_pipeline.model.evidence import load_log, reconciliation_result, reconciliation_rule
from msoic_pipeline.model.total_members import write_members
from msoic_pipeline.reconciliation.acceptances import Acceptance
from msoic_pipeline.reconciliation.rules import parse_rules
from msoic_pipeline.reconciliation.summary import list_breaks
from msoic_pipeline.wording import WITHHELD
from msoic_pipeline_tests.databases import on_sqlite
from msoic_pipeline_tests.handmade import Row, Warehouse
from msoic_pipeline_tests.reconciliation.figures import (
    ADULT,
    BTP,
    CHILD,
    CRIMES,
    DERBYSHIRE,
    ESSEX,
    KENT,
    LONDON,
    REFERRALS,
    YEAR,
    arrivals,
    boats,
    cps,
    crimes,
    force_return,
    outcomes,
    referral_total,
    referrals,
    responders,
    rule_of,
)


def accept(**fields: Any) -> Acceptance:
    written = {"accepted_by": "the team", "accepted_on": "2022-01-01", "until": "2030-01-01", "why": "it is known"}
    return Acceptance.model_validate(written | fields)


def test_parts_are_held_against_the_totals_of_the_same_release(warehouse: Warehouse):
    warehouse.publish(
        "nrm-1",
        "2022-03-03",
        referrals("2021-Q4", 60, 40, overseas=20),
        totals=[
            referral_total("2021-Q4", 100),
            referral_total("2021-Q4", 60, f"age_group={ADULT}"),
            referral_total("2021-Q4", 41, f"age_group={CHILD}"),
            referral_total("2021-Q3", 90),  # of which there are no parts
            referral_total("2021-Q4", 7, "location=Overseas"),  # not asked for
        ],
    )
    warehouse.publish("nrm-2", "2022-05-05", referrals("2021-Q4", 61, 40), totals=[referral_total("2021-Q4", 100)])
    summary = warehouse.reconcile("2021-Q3 2021-Q4", "nrm_referrals_parts_to_total")
    found = warehouse.verdicts("period_label", "item", "right_release")
    assert found == {
        ("2021-Q4", "", "nrm-1"): "agrees",
        ("2021-Q4", f"age_group={ADULT}", "nrm-1"): "agrees",
        ("2021-Q4", f"age_group={CHILD}", "nrm-1"): "breaks",
        ("2021-Q3", "", "nrm-1"): "not comparable",
        ("2021-Q4", "", "nrm-2"): "breaks",
    }
    assert (summary.blocking, summary.warnings) == (2, 0)
    assert summary.counts == {"nrm_referrals_parts_to_total": {"agrees": 2, "breaks": 2, "not comparable": 1}}
    assert "101 against 100" in "\n".join(summary.worst)
    missing = warehouse.results(period_label="2021-Q3")[0]
    assert (missing.left_value, missing.right_value, missing.difference, missing.tolerance) == (None, 90, None, None)
    assert missing.explanation == "The left side is missing or incomplete."


def test_a_total_of_which_a_part_is_not_available_is_held_against_nothing(warehouse: Warehouse):
    suppressed = referral_total("2021-Q4", 110) | {"parts_unavailable": 1}
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 60, 40), totals=[suppressed])
    warehouse.reconcile("2021-Q4", "nrm_referrals_parts_to_total")
    (result,) = warehouse.results()
    assert (result.status, result.left_value, result.right_value) == ("not comparable", 100, None)


def test_an_accepted_difference_is_explained_until_it_expires(warehouse: Warehouse):
    decisions = [
        {
            "period": period,
            "stage": "reasonable_grounds",
            "age_group": ADULT,
            "decision": "positive",
            "decisions": number,
        }
        for period, number in (("2023-Q1", 10), ("2023-Q2", 20))
    ]
    annual = {
        "fact": "fact_nrm_decision",
        "breakdown": "reasonable_grounds",
        "measure": "decisions",
        "period": "2023",
        "last_quarter": "2023-Q2",
        "value": 33,
    }
    warehouse.publish(
        "nrm-1", "2023-08-10", ("fact_nrm_decision", decisions), totals=[annual], reference_period="2023-Q2"
    )

    def status(today: str = "2024-01-01", **fields: Any) -> str:
        acceptances = [accept(rule="nrm_quarters_to_annual_total", period="2023", **fields)] if fields else []
        day = dt.date.fromisoformat(today)
        warehouse.reconcile("2023-Q1 2023-Q2", "nrm_quarters_to_annual_total", acceptances=acceptances, today=day)
        (result,) = warehouse.results()
        assert (result.left_value, result.right_value, result.difference) == (30, 33, -3)
        assert result.quarter_start == dt.date(2023, 4, 1)  # the last quarter of the part of a year
        if result.status == "explained":
            assert result.explanation.endswith("it is known")
        return str(result.status)

    assert status() == "breaks"
    assert status(reference_period="2023-Q2") == "explained"
    assert status(reference_period="2023-Q3") == "breaks"
    assert status(item="reasonable grounds") == "explained"
    assert status(item="conclusive grounds") == "breaks"
    assert status(geography="UK", up_to=3) == "explained"
    assert status(up_to=2) == "breaks"
    assert status(until="2024-01-01", up_to=9) == "explained"
    assert status(until="2024-01-01", up_to=9, today="2024-01-02") == "breaks"


def test_totals_are_found_by_their_members(warehouse: Warehouse):
    decisions = [
        {
            "period": "2022-Q4",
            "stage": "reasonable_grounds",
            "age_group": age,
            "decision": decision,
            "decisions": number,
        }
        for age, decision, number in ((ADULT, "positive", 5), (ADULT, "negative", 3), (CHILD, "positive", 2))
    ]
    total = {"measure": "decisions", "fact": "fact_nrm_decision", "breakdown": "reasonable_grounds"}
    annual = total | {"period": "2022", "last_quarter": "2022-Q4"}
    totals = [
        annual | {"members": "", "value": 10},
        annual | {"members": f"age_group={ADULT}", "value": 8},
        annual | {"members": f"age_group={ADULT}; decision=positive", "value": 6},
        total | {"period": "2022-Q4", "members": "", "value": 99},
    ]
    warehouse.publish("nrm-1", "2023-03-02", ("fact_nrm_decision", decisions), totals=totals)
    national = {"fact": "fact_cps_outcome", "breakdown": "modern_slavery", "measure": "value", "period": "2022-Q4"}
    warehouse.publish(
        "cps-1",
        "2023-04-20",
        cps("2022-Q4", "charged", london_north=2, wessex=3),
        totals=[national | {"members": f"measure={name}", "value": 5} for name in ("charged", "convictions")],
    )
    warehouse.reconcile("2022-Q4", "nrm_quarters_to_annual_total", "cps_areas_to_national")
    assert warehouse.verdicts("item") == {
        "reasonable grounds": "agrees",
        f"reasonable grounds; age_group={ADULT}": "agrees",
        f"reasonable grounds; age_group={ADULT}; decision=positive": "breaks",
        "measure=charged": "agrees",
        "measure=convictions": "not comparable",
    }


def test_sheets_of_one_release_are_held_against_each_other(warehouse: Warehouse):
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 60, 40), responders("2021-Q4", {KENT: 70, ESSEX: 30}))
    warehouse.publish("nrm-2", "2022-05-05", referrals("2021-Q4", 60, 41), referrals("2022-Q1", 60, 40))
    warehouse.publish("nrm-3", "2022-06-05", responders("2022-Q1", {KENT: 99}))
    warehouse.reconcile("2021-Q4 2022-Q1", "nrm_first_responders_to_referrals")
    assert warehouse.verdicts("left_release") == {"nrm-1": "agrees", "nrm-3": "not comparable"}


def test_revisions_are_held_against_the_release_before(warehouse: Warehouse):
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q3", 1000, 0), referrals("2021-Q4", 1000, 0))
    warehouse.publish("nrm-2", "2022-05-05", referrals("2021-Q3", 1000, 0), referrals("2021-Q4", 970, 0))
    warehouse.publish("nrm-3", "2022-08-05", referrals("2021-Q4", 1261, 0))
    summary = warehouse.reconcile("2021-Q3 2021-Q4", "revision_of_national_statistics")
    assert warehouse.verdicts("period_label", "left_release", "right_release") == {
        ("2021-Q3", "nrm-2", "nrm-1"): "agrees",
        ("2021-Q4", "nrm-2", "nrm-1"): "within tolerance",
        ("2021-Q4", "nrm-3", "nrm-2"): "breaks",  # by 30%
    }
    assert summary.blocking == 1
    assert "1,261 against 970" in summary.worst[0]


def test_of_single_figures_only_those_that_break_are_kept_beside_their_sum(warehouse: Warehouse):
    before, after = {KENT: 500, ESSEX: 500}, {KENT: 500, ESSEX: 450}
    release = "recorded_crime-1", "2022-01-27"
    warehouse.publish(*release, crimes("2021-Q3", before, "8N"), crimes("2021-Q3", before, "106"))
    release = "recorded_crime-2", "2022-04-28"
    new = crimes("2021-Q4", after)
    warehouse.publish(*release, crimes("2021-Q3", after, "8N"), crimes("2021-Q3", {ESSEX: 550}, "106"), new)
    swapped = "recorded_crime-3", "2022-07-21"
    warehouse.publish(*swapped, crimes("2021-Q3", {ESSEX: 540}, "8N"), crimes("2021-Q3", {ESSEX: 450}, "106"))
    warehouse.reconcile("2021-Q3 2021-Q4", "revision_of_a_force_and_offence")
    found = warehouse.verdicts("geography_code", "item", "left_release", period_label="2021-Q3")
    assert found == {
        (KENT, "", "recorded_crime-2"): "breaks",  # 106 is no longer there
        (ESSEX, "", "recorded_crime-2"): "agrees",  # 50 the more, 50 the fewer: each within its tolerance
        (ESSEX, "", "recorded_crime-3"): "within tolerance",
        (ESSEX, "offence_code=8N", "recorded_crime-3"): "breaks",
        (ESSEX, "offence_code=106", "recorded_crime-3"): "breaks",
        (KENT, "", ""): "not comparable",  # it is not in the third release
    }
    assert warehouse.verdicts("item", period_label="2021-Q4") == {}, "nothing came before"


def test_convictions_and_other_outcomes_make_up_completed_prosecutions(warehouse: Warehouse):
    warehouse.publish(
        "cps-1",
        "2022-04-21",
        cps("2021-Q4", "completed_prosecutions", London_North=10, Wessex=7, South_East=4),
        cps("2021-Q4", "convictions", London_North=6, Wessex=4, South_East=4),
        cps("2021-Q4", "non_convictions", London_North=4, Wessex=2),
    )
    warehouse.reconcile("2021-Q4", "cps_outcomes_to_completed_prosecutions")
    assert warehouse.verdicts("item") == {
        "modern slavery; cps_area_code=London-North": "agrees",
        "modern slavery; cps_area_code=South-East": "not comparable",
        "modern slavery; cps_area_code=Wessex": "breaks",
    }


def test_sums_are_held_against_figures_published_elsewhere(warehouse: Warehouse):
    manchester = "E23000005"
    quarters = ("2018-Q2", "2018-Q3", "2018-Q4", "2019-Q1", "2019-Q2", "2019-Q3", "2019-Q4", "2020-Q1")
    forces = [row["force_code"] for row in members.read_rows("forces.csv") if row["kind"] == "territorial force"]
    rows = []
    for quarter in quarters:
        present = forces if quarter < "2019-Q3" else [code for code in forces if code != manchester]
        share = dict.fromkeys(present, 1) | {KENT: 1951 - len(present)}
        rows.append(crimes(quarter, share))
    warehouse.publish("recorded_crime-1", "2022-01-27", *rows)
    summary = warehouse.reconcile(" ".join(quarters), "recorded_crime_forces_to_national")
    found = {(result.period_label, result.item): result for result in warehouse.results()}
    assert {key: result.status for key, result in found.items()} == {
        ("2018/19", "modern slavery"): "breaks",  # 7,800 against 5,144
        ("2018/19", "modern slavery, without Greater Manchester"): "breaks",
        (
            "2019/20",
            "modern slavery, without Greater Manchester",
        ): "within tolerance",  # though three reports are missing
    }
    broken = found["2018/19", "modern slavery"]
    assert (broken.left_value, broken.right_value) == (7800, 5144)
    assert (broken.left_release, broken.right_release) == (
        "recorded_crime-1",
        "ONS, Modern slavery in the UK: March 2020",
    )
    assert (broken.quarter_start, summary.warnings) == (dt.date(2019, 1, 1), 2)


def test_what_is_usual_is_the_median_of_earlier_revisions(warehouse: Warehouse):
    rule = {
        "rule_id": "usual",
        "title": "Usual",
        "compares": "",
        "may_differ": "",
        "severity": "warn",
        "period_kinds": ["quarter"],
        "geography": "UK",
        "releases": "consecutive",
        "comparisons": [
            {
                "left": {"fact": "fact_nrm_referral", "measure": "referrals", "where": {"breakdown": "age_location"}},
                "tolerance": {"absolute": 1, "usual": 10, "ceiling": 0.2},
            }
        ],
    }
    first = {"2018-Q1": 500, "2021-Q1": 1000, "2021-Q2": 1000, "2021-Q3": 1000, "2021-Q4": 1000, "2022-Q1": 1000}
    then = {"2018-Q1": 1000, "2021-Q1": 1001, "2021-Q2": 1002, "2021-Q3": 1009, "2021-Q4": 1050, "2022-Q1": 1000}
    for release_id, day, figures in (("nrm-1", "2022-05-05", first), ("nrm-2", "2022-08-05", then)):
        warehouse.publish(release_id, day, *(referrals(period, number, 0) for period, number in figures.items()))
    warehouse.reconcile(" ".join(first), rules=parse_rules(yaml.safe_dump([rule])))
    tolerances = {result.period_label: result.tolerance for result in warehouse.results()}
    assert tolerances == pytest.approx(
        {
            "2018-Q1": 1,  # nothing earlier
            "2021-Q1": 200,  # ten times 100%, no more than 20%
            "2021-Q2": 10,  # ten times 0.1%: 2018-Q1 is too long ago
            "2021-Q3": 15,  # the middle of 0.1% and 0.2%
            "2021-Q4": 20,
            "2022-Q1": 55,  # the middle of 0.2% and 0.9%
        }
    )
    whole = warehouse.results()
    warehouse.reconcile("2022-Q1", rules=parse_rules(yaml.safe_dump([rule | {"title": "A quarter alone"}])))
    assert warehouse.results() == whole


def test_a_release_from_within_the_quarter_holds_but_a_part_of_it(warehouse: Warehouse):
    series = "fact_small_boat_arrival"
    warehouse.publish("small_boats-1", "2023-07-14", (series, [boats("2023-06-30", 100), boats("2023-07-01", 10)]))
    warehouse.publish(
        "irregular_migration-1", "2023-08-24", arrivals("2023-Q2", detections=101), arrivals("2023-Q3", detections=300)
    )
    warehouse.reconcile("2023-Q2 2023-Q3", "small_boats_daily_to_dataset", "revision_of_small_boats")
    compared = {"rule_id": "small_boats_daily_to_dataset", "period_kind": "quarter"}
    assert warehouse.verdicts("period_label", **compared) == {
        "2023-Q2": "within tolerance",
        "2023-Q3": "not comparable",
    }
    later = [boats("2023-06-30", 100), boats("2023-07-01", 10), boats("2023-08-01", 290)]
    warehouse.publish("small_boats-2", "2023-12-01", (series, later))
    warehouse.reconcile("2023-Q2 2023-Q3", "small_boats_daily_to_dataset", "revision_of_small_boats")
    # The dataset of August is of a part of the quarter as well.
    assert warehouse.verdicts("period_label", **compared) == {
        "2023-Q2": "within tolerance",
        "2023-Q3": "not comparable",
    }
    assert warehouse.verdicts("period_label", rule_id="revision_of_small_boats") == {
        "2023-Q2": "agrees",
        "2023-Q3": "not comparable",
    }


def test_small_boats_by_day_week_dataset_and_referral(warehouse: Warehouse):
    days = [boats("2020-01-01", 2000), boats("2020-04-01", 2000), boats("2020-07-01", 2000), boats("2020-10-01", 2462)]
    weeks = [day | {"series": "weekly"} for day in days[:3]] + [boats("2020-10-02", 2300, "weekly")]
    warehouse.publish("small_boats-1", "2021-02-01", ("fact_small_boat_arrival", days + weeks))
    warehouse.publish(
        "irregular_migration-1",
        "2021-02-25",
        *(
            arrivals(f"2020-Q{n}", detections=people, raised=raised)
            for n, people, raised in ((1, 2000, 50), (2, 2100, 50), (3, 2000, 120), (4, 2366, 0))
        ),
    )
    warehouse.publish("nrm-1", "2021-03-01", *(referrals(f"2020-Q{n}", 100, 0) for n in (1, 2, 3)))
    rules = ("small_boats_daily_to_dataset", "small_boats_daily_to_weekly", "small_boats_referrals_to_nrm")
    warehouse.reconcile("2020-Q1 2020-Q2 2020-Q3 2020-Q4", *rules)
    assert warehouse.verdicts("rule_id", "period_label") == {
        ("small_boats_daily_to_dataset", "2020-Q1"): "agrees",
        ("small_boats_daily_to_dataset", "2020-Q2"): "breaks",
        ("small_boats_daily_to_dataset", "2020-Q3"): "agrees",
        ("small_boats_daily_to_dataset", "2020-Q4"): "breaks",
        ("small_boats_daily_to_dataset", "2020"): "within tolerance",  # 8,462 against 8,466
        ("small_boats_daily_to_weekly", "2020"): "within tolerance",
        ("small_boats_referrals_to_nrm", "2020-Q1"): "agrees",
        ("small_boats_referrals_to_nrm", "2020-Q2"): "agrees",
        ("small_boats_referrals_to_nrm", "2020-Q3"): "breaks",
        ("small_boats_referrals_to_nrm", "2020-Q4"): "not comparable",
        ("small_boats_referrals_to_nrm", "2020"): "not comparable",  # three of its quarters
    }


def test_outcomes_and_crimes_by_force(warehouse: Warehouse):
    forces = {KENT: 100, ESSEX: 100, DERBYSHIRE: 100, LONDON[0]: 100, BTP: 3}
    warehouse.publish("recorded_crime-1", "2022-07-21", crimes("2022-Q1", forces), crimes("2022-Q1", {KENT: 9}, "8N"))
    warehouse.publish(
        "crime_outcomes-1",
        "2022-07-21",
        outcomes("2022-Q1", {KENT: 60, ESSEX: 103, DERBYSHIRE: 150, BTP: 3}, "0"),
        outcomes("2022-Q1", {KENT: 40, BTP: None, LONDON[1]: 7}, "1"),
    )
    warehouse.reconcile("2022-Q1", "outcomes_to_recorded_crime")
    assert warehouse.verdicts("geography_code") == {
        KENT: "agrees",
        ESSEX: "within tolerance",
        DERBYSHIRE: "breaks",
        LONDON[0]: "not comparable",
        LONDON[1]: "not comparable",
        BTP: "not comparable",  # an outcome that is not known is not zero
    }


def test_partnerships_and_forces_published_on_one_day(warehouse: Warehouse):
    def partnerships(period: str, by_force: dict[str, int]) -> tuple[str, list[Row]]:
        return "fact_recorded_crime_partnership", [
            {"period": period, "force_code": code, "partnership": name, "offence_code": "106", "offences": number}
            for code, number in by_force.items()
            for name in ("North", "South")
        ]

    warehouse.publish("recorded_crime-1", "2022-04-28", crimes("2021-Q4", {KENT: 10, ESSEX: 10}))
    warehouse.publish("recorded_crime-2", "2022-04-28", partnerships("2021-Q4", {KENT: 5, ESSEX: 6}))
    warehouse.publish("recorded_crime-3", "2022-07-21", partnerships("2021-Q4", {KENT: 5}))
    warehouse.publish("recorded_crime-4", "2022-10-27", crimes("2021-Q4", {KENT: 11}))
    warehouse.reconcile("2021-Q4", "recorded_crime_partnerships_to_forces")
    assert warehouse.verdicts("geography_code", "left_release", "right_release") == {
        (KENT, "recorded_crime-2", "recorded_crime-1"): "agrees",
        (ESSEX, "recorded_crime-2", "recorded_crime-1"): "breaks",
        (KENT, "recorded_crime-3", ""): "not comparable",
    }


def test_charges_by_cps_area_and_financial_year(warehouse: Warehouse):
    with warehouse.engine.connect() as connection:
        areas = connection.execute(sa.select(dim_cps_area.c.area_group)).scalars().all()
    assert areas.count("London") == 2
    for number, period in enumerate(YEAR):
        day = f"2022-0{6 + number}-01"
        warehouse.publish(f"crime_outcomes-{number}", day, outcomes(period, dict.fromkeys(LONDON, 30) | {KENT: 9}))
        warehouse.publish(f"cps-{number}", day, cps(period, "charged", london_north=20, london_south=11, south_east=1))
    warehouse.reconcile(" ".join(YEAR), "charges_to_cps")
    london, south_east = warehouse.results(item="no more than twice as many")
    assert (london.geography_code, london.period_label, london.quarter_start) == (
        "London",
        "2021/22",
        dt.date(2022, 1, 1),
    )
    assert (london.left_value, london.right_value, london.status) == (240, 124, "within tolerance")
    assert london.left_release == "4 releases"
    assert south_east.status == "not comparable"  # Surrey and Sussex have not reported
    assert (south_east.left_value, south_east.right_value) == (None, 4)
    assert warehouse.verdicts("item", geography_code="London") == {
        "no more than twice as many": "within tolerance",
        "no fewer than a quarter": "agrees",
    }
    lost = outcomes("2022-Q1", dict.fromkeys(LONDON, -80))
    warehouse.publish("crime_outcomes-9", "2022-12-01", lost)
    warehouse.reconcile(" ".join(YEAR), "charges_to_cps")
    assert warehouse.verdicts("item", geography_code="London") == {
        "no more than twice as many": "agrees",
        "no fewer than a quarter": "breaks",  # 20 against 124
    }


def test_police_referrals_are_taken_apart(warehouse: Warehouse):
    period = "2022-Q1"
    decisions = [
        {"period": period, "stage": "reasonable_grounds", "age_group": ADULT, "decision": decision, "decisions": number}
        for decision, number in (("positive", 60), ("negative", 10))
    ]
    reports = [{"period": period, "breakdown": "duty_to_notify", "referrals": 25}]
    warehouse.publish(
        "nrm-1",
        "2022-05-05",
        referrals(period, 80, 20, overseas=20),
        responders(period, {KENT: 50, ESSEX: 100, DERBYSHIRE: 10, "SCOT": 10}),
        ("fact_nrm_decision", decisions),
        ("fact_nrm_referral", reports),
    )
    warehouse.publish("recorded_crime-1", "2022-07-21", crimes(period, {KENT: 20, ESSEX: 26}))
    warehouse.reconcile(period, "nrm_police_to_recorded_crime")
    kent = {result.item: result for result in warehouse.results(geography_code=KENT)}
    assert {item: result.left_value for item, result in kent.items()} == pytest.approx(
        {
            "police referrals": 50,
            "of them exploited overseas (estimate)": 10,
            "of them refused on reasonable grounds (estimate)": 5,
            "of them awaiting a decision (estimate)": 15,
            "beside them, duty to notify (estimate)": 12.5,
            "remainder": 50 - 10 - 5 - 15,
        }
    )
    assert {result.status for item, result in kent.items() if item != "remainder"} == {"not comparable"}
    assert kent["of them exploited overseas (estimate)"].explanation.startswith("Estimate, at the national share")
    assert warehouse.verdicts("geography_code", item="remainder") == {
        KENT: "agrees",  # no more than the crimes
        ESSEX: "within tolerance",
        DERBYSHIRE: "not comparable",
    }
    warehouse.publish("recorded_crime-2", "2022-10-27", crimes(period, {KENT: 20, ESSEX: 3}))
    summary = warehouse.reconcile(period, "nrm_police_to_recorded_crime")
    assert warehouse.verdicts("geography_code", item="remainder")[ESSEX] == "breaks"
    assert (summary.blocking, summary.warnings) == (0, 1)


def test_force_returns(warehouse: Warehouse):
    for force, month, day, figures in (
        (KENT, "2021-10", "2021-11-10", {"live": 10, "opened": 4, "closed": 2, "Victim": 10, "Suspect": 10}),
        (KENT, "2021-11", "2021-12-10", {"live": 12, "opened": 4, "closed": 2, "Victim": 12, "Suspect": 11}),
        (KENT, "2021-12", "2022-01-10", {"live": 90, "opened": 4, "closed": 2, "Victim": 90}),
        (ESSEX, "2021-10", "2021-11-10", {"live": 5, "opened": 1, "closed": 0, "Victim": 5, "Suspect": 5}),
        (ESSEX, "2021-12", "2022-01-10", {"live": 5, "opened": 0, "closed": 0, "Victim": 5, "Suspect": 5}),
    ):
        reported = force_return(month, force, **figures)
        warehouse.publish(f"force_returns-{force}-{month}", day, reported, reporter=force, reference_period=month)
    warehouse.publish("nrm-1", "2022-03-03", responders("2021-Q4", {KENT: 60, ESSEX: 1}))
    rules = ("force_returns_live_balance", "force_returns_nationalities_to_live", "nrm_police_to_investigations")
    summary = warehouse.reconcile("2021-Q4", *rules)
    assert warehouse.verdicts("geography_code", "period_label", rule_id=rules[0]) == {
        (KENT, "2021-10"): "not comparable",
        (KENT, "2021-11"): "agrees",
        (KENT, "2021-12"): "breaks",
        (ESSEX, "2021-10"): "not comparable",
        (ESSEX, "2021-12"): "not comparable",  # November's return is missing
    }
    of_kent = warehouse.verdicts("item", "period_label", rule_id=rules[1], geography_code=KENT)
    assert of_kent == {
        ("Victim", "2021-10"): "agrees",
        ("Victim", "2021-11"): "agrees",
        ("Victim", "2021-12"): "agrees",
        ("Suspect", "2021-10"): "agrees",
        ("Suspect", "2021-11"): "breaks",
        ("Suspect", "2021-12"): "not comparable",
    }
    assert warehouse.verdicts("geography_code", rule_id=rules[2]) == {KENT: "breaks", ESSEX: "not comparable"}
    assert summary.warnings == 3
    told = "\n".join(summary.worst)
    assert told.count("figures withheld") == 3
    assert "90" not in told
    assert told.count("Kent") == 3
    with warehouse.engine.connect() as connection:
        shown = list_breaks(connection, 10)
        (cut,) = list_breaks(connection, 1)
    assert [row.rule_id for row in shown] == [cut.rule_id, *rules[1:]] == sorted(rules)
    assert {row.left_value for row in shown} == {row.difference for row in shown} == {WITHHELD}


def test_breaks_are_told_with_both_sides_and_the_rules_with_their_words(warehouse: Warehouse):
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 1000, 0))
    warehouse.publish("nrm-2", "2022-05-05", referrals("2021-Q4", 1400, 0))
    warehouse.reconcile("2021-Q4", "revision_of_national_statistics")
    with warehouse.engine.connect() as connection:
        (broken,) = list_breaks(connection, 10)
        (rule,) = connection.execute(sa.select(reconciliation_rule)).mappings()
    assert (broken.title, broken.severity) == (rule["title"], "block")
    assert (broken.left_value, broken.right_value, broken.right_release) == (1400, 1000, "nrm-1")
    assert "10 times the usual revision" in rule["tolerances"]


def test_programme_activity_is_plausible(warehouse: Warehouse):
    def training(category: str, sessions: int, police: int, others: int) -> list[Row]:
        row = {"period": "2021-05", "activity": "Training", "category": category, "geography_code": "National"}
        return [
            row | {"measure": "Sessions", "value": sessions},
            row | {"measure": "People trained from policing", "value": police},
            row | {"measure": "People trained from other organisations", "value": others},
        ]

    rows = training("Operation Innerste", 2, 30, 12) + training("Victim Liaison Officer", 1, 50, 20)
    warehouse.publish("programme_activity-1", "2021-07-30", ("fact_programme_activity", rows))
    warehouse.reconcile("2021-Q2", "activity_people_to_sessions")
    item = "no more than sixty a session; activity=Training; category="
    verdicts = warehouse.verdicts("item")
    assert verdicts[f"{item}Operation Innerste"] == "agrees"
    assert verdicts[f"{item}Victim Liaison Officer"] == "breaks"
    assert verdicts["no fewer than one a session; activity=Training; category=Victim Liaison Officer"] == "agrees"


def test_the_same_number_two_years_running_is_raised(warehouse: Warehouse):
    quarters = ["2020-Q2", "2020-Q3", "2020-Q4", "2021-Q1", *YEAR]
    for number, period in enumerate(quarters):
        forces = {DERBYSHIRE: 21557, KENT: 100 + number}
        if period != "2020-Q3":
            forces[ESSEX] = 50
        warehouse.publish(f"recorded_crime-{number}", f"2022-07-{10 + number}", crimes(period, forces, "8N"))
    summary = warehouse.reconcile(" ".join(quarters), "recorded_crime_same_in_successive_years")
    assert warehouse.verdicts("geography_code", period_label="2021/22") == {
        DERBYSHIRE: "breaks",
        KENT: "agrees",
        ESSEX: "not comparable",
    }
    assert summary.worst[0].endswith("86,228 both times")


def test_only_what_changed_is_computed_anew(warehouse: Warehouse):
    def changed(quarters: str, **options: Any) -> list[str]:
        summary = warehouse.reconcile(quarters, "nrm_first_responders_to_referrals", **options)
        return [f"{quarter:%Y-%m}" for quarter in summary.changed]

    for number, period in ((1, "2018-Q1"), (2, "2021-Q3"), (3, "2021-Q4")):
        release_id = f"nrm-{number}"
        warehouse.publish(release_id, "2022-03-03", referrals(period, 60, 40), responders(period, {KENT: 99}))
    three = "2018-Q1 2021-Q3 2021-Q4"
    assert changed("2021-Q3") == ["2021-07"]
    assert [row.period_label for row in warehouse.results()] == ["2021-Q3"]
    assert changed(three) == ["2018-01", "2021-10"]
    before = warehouse.results()
    assert len(before) == 3
    assert changed(three) == []
    assert warehouse.results() == before

    # A quarter rests on the twelve before it, too.
    warehouse.publish("nrm-4", "2022-04-04", referrals("2021-Q3", 60, 39), responders("2021-Q3", {KENT: 99}))
    assert changed(three) == ["2021-07", "2021-10"]
    assert warehouse.verdicts("left_release")["nrm-4"] == "agrees"

    # An acceptance counts, and so does its end.
    acceptance = accept(rule="nrm_first_responders_to_referrals", period="2021-Q4", until="2025-01-01")
    assert changed(three, acceptances=[acceptance], today=dt.date(2025, 1, 1)) == ["2018-01", "2021-07", "2021-10"]
    assert warehouse.verdicts("left_release")["nrm-3"] == "explained"
    assert changed("2021-Q4", acceptances=[acceptance], today=dt.date(2025, 1, 2)) == ["2021-10"]
    assert warehouse.verdicts("left_release")["nrm-3"] == "breaks"


def test_a_failure_leaves_the_last_good_state(warehouse: Warehouse):
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 60, 40), responders("2021-Q4", {KENT: 100}))
    rule_id = "nrm_first_responders_to_referrals"
    warehouse.reconcile("2021-Q4", rule_id)
    before = warehouse.results()
    warehouse.publish("nrm-2", "2022-05-05", referrals("2021-Q4", 60, 41), responders("2021-Q4", {KENT: 100}))
    with warehouse.engine.begin() as connection:
        connection.execute(sa.delete(load_log).where(load_log.c.stage.startswith("reconcile")))
    twice = parse_rules(
        yaml.safe_dump(
            [
                {
                    "rule_id": rule_id,
                    "title": "Two results of one key",
                    "compares": "",
                    "may_differ": "",
                    "severity": "warn",
                    "period_kinds": ["quarter"],
                    "geography": "UK",
                    "comparisons": [
                        {
                            "left": {
                                "fact": "fact_nrm_referral",
                                "measure": "referrals",
                                "where": {"breakdown": "age_location"},
                            }
                        }
                    ]
                    * 2,
                }
            ]
        )
    )
    with pytest.raises(sa.exc.IntegrityError):
        warehouse.reconcile("2021-Q4", rules=twice)
    assert warehouse.results() == before


def test_what_is_loaded_of_one_source_leaves_the_results_of_others_alone(warehouse: Warehouse):
    nrm, crime = "nrm_first_responders_to_referrals", "outcomes_to_recorded_crime"
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 60, 40), responders("2021-Q4", {KENT: 100}))
    warehouse.publish("recorded_crime-1", "2022-03-03", crimes("2021-Q4", {KENT: 10}))
    warehouse.publish("crime_outcomes-1", "2022-03-03", outcomes("2021-Q4", {KENT: 10}))
    warehouse.reconcile("2021-Q4", nrm, crime)
    assert warehouse.results(rule_id=nrm) and warehouse.results(rule_id=crime)
    with warehouse.engine.begin() as connection:
        connection.execute(sa.update(reconciliation_result).values(explanation="of before"))
    warehouse.add_to("nrm-1", referrals("2021-Q3", 6, 4))
    warehouse.reconcile("2021-Q4", nrm, crime)
    assert "of before" not in {result.explanation for result in warehouse.results(rule_id=nrm)}
    assert {result.explanation for result in warehouse.results(rule_id=crime)} == {"of before"}
    warehouse.reconcile("2021-Q4", nrm)
    assert warehouse.results(rule_id=crime) == [], "of rules that are no more there are no results"


def test_without_rules_there_are_no_results(warehouse: Warehouse):
    warehouse.reconcile("2021-Q4", "no such rule")
    assert warehouse.results() == []


def test_a_measure_may_be_left_out_where_the_fact_has_one(warehouse: Warehouse):
    referred = {"fact": "fact_nrm_referral", "where": {"breakdown": "age_location"}}
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 60, 40), totals=[referral_total("2021-Q4", 100)])
    totals = rule_of({"left": referred, "right": "published totals"}, releases="same")
    warehouse.reconcile("2021-Q4", rules=totals)
    assert warehouse.verdicts("item") == {"": "agrees"}


@on_sqlite
@pytest.mark.parametrize("at", ["previous", "year_before"])
@pytest.mark.parametrize("kind", ["month", "quarter", "financial_year"])
def test_a_quarter_computed_alone_has_the_results_of_the_whole(warehouse: Warehouse, kind: str, at: str):
    quarters = ["2020-Q1", "2020-Q2", "2020-Q3", "2020-Q4", "2021-Q1", *YEAR]
    for number, quarter in enumerate(quarters):
        year, third = int(quarter[:4]), int(quarter[-1])
        for month in range(3 * third - 2, 3 * third + 1):
            name = f"{year}-{month:02}"
            reported = force_return(name, KENT, live=10 * number + month, opened=0, closed=0)
            day = f"{year + month // 12}-{month % 12 + 1:02}-10"
            warehouse.publish(f"force_returns-{name}", day, reported, reporter=KENT, reference_period=name)
    live = {"fact": "fact_investigation", "where": {"breakdown": "exploitation", "measure": "live"}}
    rules = rule_of({"left": live, "right": live | {"at": at}}, period_kinds=[kind], geography="force")
    warehouse.reconcile(" ".join(quarters), rules=rules)
    together = warehouse.results()
    assert {result.status for result in together} > {"not comparable"}
    with warehouse.engine.begin() as connection:
        connection.execute(sa.delete(load_log).where(load_log.c.stage.startswith("reconcile")))
        connection.execute(sa.delete(reconciliation_result))
    for quarter in quarters:
        warehouse.reconcile(quarter, rules=rules)
    assert warehouse.results() == together


def test_a_part_of_a_year_that_grows_moves_to_its_last_quarter(warehouse: Warehouse):
    rules = rule_of({"left": REFERRALS}, period_kinds=["calendar_year"], releases="same")
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q3", 60, 40))
    warehouse.reconcile("2021-Q3 2021-Q4", rules=rules)
    (result,) = warehouse.results()
    assert (result.left_value, result.quarter_start) == (100, dt.date(2021, 7, 1))
    warehouse.add_to("nrm-1", referrals("2021-Q4", 6, 4))  # a quarter is loaded that had not been
    warehouse.reconcile("2021-Q3 2021-Q4", rules=rules)
    (result,) = warehouse.results()
    assert (result.left_value, result.quarter_start) == (110, dt.date(2021, 10, 1))


def test_an_item_names_days_and_what_is_not_given(warehouse: Warehouse):
    days = [boats("2021-10-01", 5), boats("2021-10-02", 7)]
    warehouse.publish("small_boats-1", "2022-01-14", ("fact_small_boat_arrival", days))
    warehouse.publish("nrm-1", "2022-03-03", responders("2021-Q4", {KENT: 70}))
    police = {"period": "2021-Q4", "breakdown": "first_responder", "first_responder_type": "Police", "referrals": 3}
    warehouse.add_to("nrm-1", ("fact_nrm_referral", [police | {"force_code": None}]))
    by_responder = {"fact": "fact_nrm_referral", "where": {"breakdown": "first_responder"}}
    arrived = {"fact": "fact_small_boat_arrival", "where": {"series": "daily"}}
    warehouse.reconcile(
        "2021-Q4",
        rules=rule_of({"by": [["day"]], "left": arrived}, {"by": [["force_code"]], "left": by_responder}),
    )
    assert {result.item: result.left_value for result in warehouse.results()} == {
        "day=2021-10-01": 5,
        "day=2021-10-02": 7,
        f"force_code={KENT}": 70,
        "force_code=": 3,
    }


def test_of_two_editions_of_one_day_the_last_counts(warehouse: Warehouse):
    def partnerships(number: int) -> tuple[str, list[Row]]:
        row = {"period": "2021-Q4", "force_code": KENT, "partnership": "North", "offence_code": "106"}
        return "fact_recorded_crime_partnership", [row | {"offences": number}]

    day = "2022-04-28"
    warehouse.publish("recorded_crime-1", day, crimes("2021-Q4", {KENT: 9}))
    warehouse.publish("recorded_crime-2", day, partnerships(9))
    warehouse.publish("recorded_crime-3", day, crimes("2021-Q4", {KENT: 10}), edition=2)
    warehouse.publish("recorded_crime-4", day, partnerships(10), edition=2)
    warehouse.publish("recorded_crime-5", "2022-07-21", crimes("2021-Q4", {KENT: 12}), partnerships(12))
    warehouse.reconcile("2021-Q4", "recorded_crime_partnerships_to_forces")
    found = [(r.left_release, r.right_release, r.left_value, r.right_value) for r in warehouse.results()]
    assert found == [
        ("recorded_crime-4", "recorded_crime-3", 10, 10),
        ("recorded_crime-5", "recorded_crime-5", 12, 12),
    ]


def test_the_release_before_is_the_one_that_stood_before(warehouse: Warehouse):
    for release_id, number in (("nrm-9", 100), ("nrm-2", 101)):  # of one day and edition; the second one came in later
        warehouse.publish(release_id, "2022-03-03", referrals("2021-Q4", number, 0))
    warehouse.reconcile("2021-Q4", rules=rule_of({"left": REFERRALS}, releases="consecutive"))
    found = [(r.left_release, r.left_value, r.right_release, r.right_value) for r in warehouse.results()]
    assert found == [("nrm-2", 101, "nrm-9", 100)]


def test_a_share_is_of_figures_of_the_whole_quarter(warehouse: Warehouse):
    share = {"part": REFERRALS | {"where": {"breakdown": "age_location", "location": "Overseas"}}, "whole": REFERRALS}
    rules = rule_of({"left": CRIMES | {"share": share}}, geography="force")
    warehouse.publish("recorded_crime-1", "2022-04-28", crimes("2021-Q4", {KENT: 50}))
    warehouse.publish("nrm-1", "2021-12-31", referrals("2021-Q4", 60, 40, overseas=20))
    warehouse.reconcile("2021-Q4", rules=rules)
    assert [(r.left_value, r.explanation) for r in warehouse.results()] == [(None, "")]
    warehouse.publish("nrm-2", "2022-01-01", referrals("2021-Q4", 60, 40, overseas=20))
    warehouse.reconcile("2021-Q4", rules=rules)
    assert [r.left_value for r in warehouse.results()] == [10]


def test_a_share_of_which_a_summand_is_missing_is_not_known(warehouse: Warehouse):
    decisions = {"fact": "fact_nrm_decision", "measure": "decisions", "where": {"stage": "reasonable_grounds"}}
    share = {"part": [REFERRALS, decisions | {"times": -1}], "whole": REFERRALS}
    rules = rule_of({"left": CRIMES | {"share": share}}, geography="force")
    warehouse.publish("recorded_crime-1", "2022-04-28", crimes("2021-Q4", {KENT: 50}))
    warehouse.publish("nrm-1", "2022-02-01", referrals("2021-Q4", 60, 40))
    warehouse.reconcile("2021-Q4", rules=rules)
    assert [r.left_value for r in warehouse.results()] == [None]
    decided = {"period": "2021-Q4", "stage": "reasonable_grounds", "decision": "negative", "decisions": 20}
    warehouse.publish("nrm-2", "2022-02-02", ("fact_nrm_decision", [decided]))
    warehouse.reconcile("2021-Q4", rules=rules)
    assert [r.left_value for r in warehouse.results()] == [40]


def test_a_share_of_a_year_is_of_the_whole_year(warehouse: Warehouse):
    share = {"part": REFERRALS | {"where": {"breakdown": "age_location", "location": "Overseas"}}, "whole": REFERRALS}
    rules = rule_of({"left": CRIMES | {"share": share}}, period_kinds=["financial_year"], geography="force")
    for number, period in enumerate(YEAR):
        warehouse.publish(f"recorded_crime-{number}", f"2022-07-{number + 10}", crimes(period, {KENT: 50}))
    for number, period in enumerate(YEAR[:3]):
        warehouse.publish(f"nrm-{number}", f"2022-07-{number + 10}", referrals(period, 60, 40, overseas=20))
    warehouse.reconcile(" ".join(YEAR), rules=rules)
    assert [r.left_value for r in warehouse.results(period_label="2021/22")] == [None]
    warehouse.publish("nrm-9", "2022-07-30", referrals(YEAR[3], 60, 40, overseas=20))
    warehouse.reconcile(" ".join(YEAR), rules=rules)
    assert [r.left_value for r in warehouse.results(period_label="2021/22")] == [40]


def test_a_month_published_within_itself_is_not_whole(warehouse: Warehouse):
    live = {"fact": "fact_investigation", "measure": "value", "where": {"breakdown": "exploitation", "measure": "live"}}
    for month, day in (("2021-10", "2021-11-01"), ("2021-11", "2021-11-30")):
        release_id = f"force_returns-{month}"
        reported = force_return(month, KENT, live=10, opened=1, closed=1)
        warehouse.publish(release_id, day, reported, reporter=KENT, reference_period=month)
    rules = rule_of({"left": live, "right": live}, period_kinds=["month"], geography="force")
    warehouse.reconcile("2021-Q4", rules=rules)
    assert warehouse.verdicts("period_label") == {"2021-10": "agrees", "2021-11": "not comparable"}


def test_totals_of_two_columns_are_not_those_of_three(warehouse: Warehouse):
    rows: list[Row] = [
        {"period": "2021-Q4", "breakdown": "age_location", "age_group": age, "location": place, "referrals": number}
        for age, place, number in ((ADULT, "UK", 5), (ADULT, "Overseas; at sea", 3))
    ]
    members = [
        {"age_group": ADULT},
        {"age_group": ADULT, "location": "UK"},
        {"age_group": ADULT, "location": "Overseas; at sea"},
        {"age_group": ADULT, "location": "UK", "gender": "Female"},
        {"age_group": "x; location=UK"},
    ]
    totals = [
        referral_total("2021-Q4", value, write_members(of)) for of, value in zip(members, (8, 5, 3, 2, 1), strict=True)
    ]
    warehouse.publish("nrm-1", "2022-03-03", ("fact_nrm_referral", rows), totals=totals)
    by = [["age_group"], ["age_group", "location"]]
    rules = rule_of({"by": by, "left": REFERRALS, "right": "published totals"}, releases="same")
    warehouse.reconcile("2021-Q4", rules=rules)
    assert {result.item: (result.left_value, result.right_value) for result in warehouse.results()} == {
        f"age_group={ADULT}": (8, 8),
        f"age_group={ADULT}; location=UK": (5, 5),
        f"age_group={ADULT}; location=Overseas%3B at sea": (3, 3),
        "age_group=x%3B location=UK": (None, 1),
    }


def test_revisions_made_later_are_not_what_was_usual_before(warehouse: Warehouse):
    usual = {"left": REFERRALS, "tolerance": {"absolute": 1, "usual": 10, "ceiling": 0.5}}
    for release_id, day, earlier, later in (
        ("nrm-1", "2022-03-03", 1000, 1000),
        ("nrm-2", "2022-05-05", 1010, 1000),
        ("nrm-3", "2022-08-05", 2020, 1000),
    ):
        warehouse.publish(release_id, day, referrals("2021-Q3", earlier, 0), referrals("2021-Q4", later, 0))
    warehouse.reconcile("2021-Q4", rules=rule_of(usual, releases="consecutive"))
    assert {result.left_release: result.tolerance for result in warehouse.results()} == {
        "nrm-2": 100,  # ten times 1%, which is all that was known by then
        "nrm-3": 500,  # ten times the middle of 1% and 100%, no more than half
    }


def test_the_worst_are_told_by_severity(warehouse: Warehouse):
    wrong = [
        {"item": f"item {number}", "left": REFERRALS, "right": REFERRALS | {"times": 2}, "tolerance": {}}
        for number in range(6)
    ]
    block = rule_of(*wrong, rule_id="blocks", severity="block")
    warn = rule_of(wrong[0], rule_id="warns")
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 60, 40))
    summary = warehouse.reconcile("2021-Q4", rules=(*block, *warn))
    assert {severity: len(lines) for severity, lines in summary.worst_by_severity.items()} == {"block": 5, "warn": 1}
    assert summary.worst == summary.worst_by_severity["block"]
    assert (summary.blocking, summary.warnings) == (6, 1)


def test_without_any_rule_nothing_is_found(warehouse: Warehouse):
    warehouse.publish("nrm-1", "2022-03-03", referrals("2021-Q4", 60, 40), totals=[referral_total("2021-Q4", 100)])
    warehouse.reconcile("2021-Q4", "nrm_referrals_parts_to_total")
    summary = warehouse.reconcile("2021-Q4")
    assert (summary.counts, summary.blocking, warehouse.results()) == ({}, 0, [])
