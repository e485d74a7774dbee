"""Figures made by hand, as ``Warehouse.publish`` takes them, and rules as they are written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import yaml

from msoic_pipeline.reconciliation.rules import Rule, parse_rules
from msoic_pipeline_tests.handmade import Row

KENT, ESSEX, DERBYSHIRE, BTP = "E23000032", "E23000028", "E23000018", "BTP"
LONDON = ("E23000001", "E23000034")
ADULT, CHILD = "Adult (18 or over)", "Child (17 or under)"
YEAR = ("2021-Q2", "2021-Q3", "2021-Q4", "2022-Q1")


def referrals(period: str, adults: int, children: int, overseas: int = 0) -> tuple[str, list[Row]]:
    rows: list[Row] = [
        {"age_group": ADULT, "location": "UK", "referrals": adults - overseas},
        {"age_group": ADULT, "location": "Overseas", "referrals": overseas},
        {"age_group": CHILD, "location": "UK", "referrals": children},
    ]
    return "fact_nrm_referral", [row | {"period": period, "breakdown": "age_location"} for row in rows]


def responders(period: str, by_force: dict[str, int]) -> tuple[str, list[Row]]:
    row = {"period": period, "breakdown": "first_responder", "first_responder_type": "Police"}
    return "fact_nrm_referral", [
        row | {"first_responder": code, "force_code": code, "referrals": number} for code, number in by_force.items()
    ]


def referral_total(period: str, value: int, members: str = "") -> Row:
    return {
        "fact": "fact_nrm_referral",
        "breakdown": "age_location",
        "measure": "referrals",
        "period": period,
        "members": members,
        "value": value,
    }


def crimes(period: str, by_force: dict[str, int], offence: str = "106") -> tuple[str, list[Row]]:
    return "fact_recorded_crime", [
        {"period": period, "force_code": code, "offence_code": offence, "offences": number}
        for code, number in by_force.items()
    ]


def outcomes(period: str, by_force: Mapping[str, int | None], code: str = "1") -> tuple[str, list[Row]]:
    row = {"period": period, "offence_code": "106", "outcome_code": code}
    return "fact_crime_outcome", [
        row | {"force_code": force, "outcomes_recorded": number, "outcomes_closed": number}
        for force, number in by_force.items()
    ]


def cps(period: str, measure: str, **by_area: float) -> tuple[str, list[Row]]:
    row = {"period": period, "case_type": "modern_slavery", "measure": measure}
    return "fact_cps_outcome", [
        row | {"cps_area_code": area.replace("_", "-"), "value": value} for area, value in by_area.items()
    ]


def force_return(period: str, force: str, live: int, opened: int, closed: int, **live_by_role: int) -> Any:
    row = {"period": period, "force_code": force}
    rows = [
        row | {"breakdown": "exploitation", "exploitation_type": "Labour", "measure": measure, "value": value}
        for measure, value in (("live", live), ("opened", opened), ("closed", closed))
    ]
    rows += [
        row | {"breakdown": "nationality", "role": role, "nationality": "British", "measure": "live", "value": value}
        for role, value in live_by_role.items()
    ]
    return "fact_investigation", rows


def arrivals(period: str, **people: int) -> tuple[str, list[Row]]:
    row = {"period": period, "method": "small_boats", "region": "Asia"}
    return "fact_irregular_arrival", [
        row | {"breakdown": "detections", "nrm_referral": "All", "arrivals": number}
        if name == "detections"
        else row | {"breakdown": "nrm_referral", "nrm_referral": name.replace("_", " "), "arrivals": number}
        for name, number in people.items()
    ]


def boats(day: str, value: int, series: str = "daily") -> Row:
    date = dt.date.fromisoformat(day)
    quarter = f"{date.year}-Q{(date.month + 2) // 3}"
    return {"period": quarter, "day": date, "series": series, "measure": "people_arrived", "value": value}


def rule_of(*comparisons: dict[str, Any], **fields: Any) -> tuple[Rule, ...]:
    """Return a rule, of the nation's quarters where nothing else is said."""
    words = {"rule_id": "one", "title": "One", "compares": "", "may_differ": "", "severity": "warn"}
    written = words | {"period_kinds": ["quarter"], "geography": "UK", "comparisons": list(comparisons)} | fields
    return parse_rules(yaml.safe_dump([written]))


REFERRALS = {"fact": "fact_nrm_referral", "measure": "referrals", "where": {"breakdown": "age_location"}}
CRIMES = {"fact": "fact_recorded_crime", "measure": "offences", "where": {"offence_code": "106"}}
