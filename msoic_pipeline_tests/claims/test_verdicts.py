"""Verdicts: computed from figures made by hand, and, for what the annual report says, from the sample."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.engine import Engine

from msoic_pipeline.claims.claims import Claim, Report, load_reports, parse_report
from msoic_pipeline.claims.disagreements import find_disagreements
from msoic_pipeline.claims.interpretations import list_interpretations
from msoic_pipeline.claims.period import parse_periods
from msoic_pipeline.claims.stored_verdicts import ReportCounts, compute_claims
from msoic_pipeline.claims.term_figures import sum_term
from msoic_pipeline.claims.verdict_lines import tell_verdicts
from msoic_pipeline.claims.verdict_words import VERDICT_GROUPS, VERDICTS, tell_counts
from msoic_pipeline.claims.verdicts import ReportClaimRow
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.kpis.definition_rows import write_definitions
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.kpis.terms import OverTime, Term, TermOverTime
from msoic_pipeline.model.evidence import release, report_claim
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS, parse_period, parse_quarter, period_label, periods
from msoic_pipeline.quality.verdicts import judge_files
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import open_engine
from msoic_pipeline.warehouse.loading import AcceptedReleases, load_quarters
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.registering import register_releases
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.handmade import Warehouse
from msoic_pipeline_tests.sample import staged_releases

PUBLISHED, TODAY = dt.date(2022, 7, 31), dt.date(2026, 11, 24)
YEAR = {"period": "2021/22", "unit": "suspects", "measure": {"kpi": "cps_charged"}}
CHANGE = YEAR | {"kind": "change", "unit": "percent", "base": "2020/21"}


def report_of(*claims: dict[str, Any], name: str = "report") -> Report:
    """A report of a few claims, whose ids are their places: c1, c2, …"""
    numbered = [{"id": f"c{n}", "section": 1, "words": "…"} | claim for n, claim in enumerate(claims, start=1)]
    head = {
        "report": name,
        "title": name,
        "published_on": PUBLISHED,
        "published_on_because": "",
        "sections": {1: "One"},
    }
    return parse_report(yaml.safe_dump(head | {"claims": numbered}), name)


def know(engine: Engine, kpi_id: str, value: float, *labels: str, as_of: str = "2022-04-21", **fields: Any) -> None:
    """Write a national KPI value for periods."""
    with engine.begin() as connection:
        write_definitions(connection)
        kpi = next(kpi for kpi in load_definitions() if kpi.kpi_id == kpi_id)
        for kind, start in map(parse_period, labels):
            row = {
                "kpi_id": kpi_id,
                "period_kind": kind,
                "period_start": start,
                "geography_kind": "national",
                "geography_code": kpi.nation,
                "as_of": dt.date.fromisoformat(as_of),
                "period_label": period_label(kind, start),
                "numerator": value * 100 if kpi.denominator else value,
                "denominator": 100.0 if kpi.denominator else None,
                "value": value,
                "unit": kpi.unit,
                "status": "complete",
                "parts_expected": PERIOD_MONTHS[kind],
                "parts_received": PERIOD_MONTHS[kind],
            }
            connection.execute(sa.insert(kpi_value), [row | fields])


def judged(engine: Engine, *claims: dict[str, Any], known: str = "today") -> list[Any]:
    """Judge a report of a few claims and return its rows, in the order of the claims."""
    compute_claims(engine, TODAY, [report_of(*claims)])
    with engine.connect() as connection:
        query = sa.select(report_claim).where(report_claim.c.known == known).order_by(report_claim.c.position)
        return list(connection.execute(query))


def verdicts(engine: Engine, *claims: dict[str, Any], known: str = "today") -> list[str]:
    return [row.verdict for row in judged(engine, *claims, known=known)]


# --- Against the data ------------------------------------------------------------------------------------------------


def test_a_claim_is_reproduced_or_differs_by_what_its_word_allows(warehouse: Warehouse):
    know(warehouse.engine, "cps_charged", 493, "2021/22")
    exactly, other, over, almost = judged(
        warehouse.engine,
        YEAR | {"value": 493},
        YEAR | {"value": 492},
        YEAR | {"value": 490, "comparator": "over"},
        YEAR | {"value": 490, "comparator": "almost"},
    )
    assert [row.verdict for row in (exactly, other, over, almost)] == ["reproduced", "differs", "reproduced", "differs"]
    assert exactly.computed_value == other.computed_value == 493
    assert "493 suspects in 2021/22, where the claim allows 491.5 to 492.5" in other.explanation
    assert other.trace == "msoic trace cps_charged 2021/22"


def test_changing_a_figure_changes_the_verdict_and_nothing_else_is_written(warehouse: Warehouse):
    engine = warehouse.engine
    report = report_of(YEAR | {"value": 493}, {"value": 1, "unit": "years", "missing": "a diary"})
    know(engine, "cps_charged", 493, "2021/22")
    warehouse.publish("programme_activity-1", "2022-04-21", _activity("Reviews", "2021-05", 23))
    assert compute_claims(engine, TODAY, [report]).written == 4
    assert compute_claims(engine, TODAY, [report]).written == 0
    assert compute_claims(engine, TODAY + dt.timedelta(days=1), [report]).written == 0, "nothing was published since"
    with engine.begin() as connection:
        connection.execute(sa.update(kpi_value).values(value=494))
    summary = compute_claims(engine, TODAY + dt.timedelta(days=1), [report])
    assert summary.written == 2
    assert summary.counts[-1] == ReportCounts("report", "today", {"differs": 1, "not computable": 1})
    with engine.connect() as connection:
        days = {row.known: row.as_at for row in connection.execute(sa.select(report_claim))}
    assert days == {"when published": PUBLISHED, "today": dt.date(2022, 4, 21)}, "the day of the latest release"


def test_claims_are_judged_by_what_was_known_when_published_and_by_what_is_known_today(warehouse: Warehouse):
    engine = warehouse.engine
    know(engine, "nrm_referrals", 12_727, "2021", as_of="2022-03-03")
    know(engine, "nrm_referrals", 12_700, "2021", as_of="2024-03-07")
    claim = {"value": 12_727, "unit": "referrals", "measure": {"kpi": "nrm_referrals"}, "period": "2021"}
    (then,) = judged(engine, claim, known="when published")
    (now,) = judged(engine, claim)
    assert (then.verdict, then.as_at, now.verdict) == ("reproduced", PUBLISHED, "differs")
    assert now.holds_for == "the figure published on 2022-03-03"


def test_today_is_the_day_of_the_latest_release_whose_figures_stand_be_it_held(warehouse: Warehouse):
    warehouse.publish("programme_activity-1", "2022-04-21", _activity("Reviews", "2021-05", 23))
    warehouse.publish("programme_activity-2", "2023-04-21", _activity("Reviews", "2021-05", 24))
    with warehouse.engine.begin() as connection:
        connection.execute(
            sa.update(release).where(release.c.release_id == "programme_activity-2").values(status="held")
        )
    claim = {"unit": "reviews", "period": "2021/22 Q1", "value": 24, "measure": _own("Reviews")}
    (row,) = judged(warehouse.engine, claim)
    assert (row.as_at, row.verdict) == (dt.date(2023, 4, 21), "reproduced by sample data")


def test_an_earlier_figure_is_found_though_the_present_one_is_of_fewer_reports(warehouse: Warehouse):
    engine = warehouse.engine
    know(engine, "nrm_referrals", 12_727, "2021", as_of="2022-03-03")
    know(engine, "nrm_referrals", 12_700, "2021", as_of="2024-03-07")
    fewer = {"status": "incomplete", "parts_received": 98, "parts_expected": 100}
    know(engine, "nrm_referrals", 12_500, "2021", as_of="2024-06-01", **fewer)
    claim = {"value": 12_700, "unit": "referrals", "measure": {"kpi": "nrm_referrals"}, "period": "2021"}
    (row,) = judged(engine, claim)
    assert (row.verdict, row.holds_for) == ("differs", "the figure published on 2024-03-07")


def test_the_releases_behind_a_force_are_those_of_the_file_that_holds_all_forces(warehouse: Warehouse):
    crimes = {"period": "2021-Q4", "offence_code": "106", "offences": 40, "force_code": "E23000032"}
    warehouse.publish("recorded_crime-1", "2022-04-28", ("fact_recorded_crime", [crimes]))
    warehouse.compute([parse_quarter("2021-Q4")], "recorded_modern_slavery_crimes")
    claim = {"value": 40, "unit": "crimes", "measure": {"kpi": "recorded_modern_slavery_crimes"}, "period": "2021-Q4"}
    nation, kent = judged(warehouse.engine, claim, claim | {"geography": "Kent"})
    assert (kent.verdict, kent.computed_value) == ("reproduced by sample data", 40)
    assert (kent.release_ids, kent.is_synthetic) == (nation.release_ids, True) == ("recorded_crime-1", True)


def test_what_no_source_holds_or_was_not_published_cannot_be_computed(warehouse: Warehouse):
    missing, unpublished = judged(
        warehouse.engine, {"value": 5, "unit": "years", "missing": "the day it began"}, YEAR | {"value": 493}
    )
    assert missing.verdict == unpublished.verdict == "not computable"
    assert missing.explanation == "What would be needed: the day it began."
    assert unpublished.explanation.startswith("No figure of Suspects charged for 2021/22 had been published by")


def test_figures_of_part_of_the_reports_do_not_speak_against_a_claim(warehouse: Warehouse):
    know(warehouse.engine, "cps_charged", 371, "2021/22", parts_received=9)
    row, other = judged(warehouse.engine, YEAR | {"value": 493}, YEAR | {"value": 371})
    assert (row.verdict, other.verdict) == ("not computable", "reproduced")
    assert "9 of 12 reports received" in row.explanation and "9 of 12 reports received" in other.explanation


def test_a_placeholder_is_not_a_figure_and_is_given_ours(warehouse: Warehouse):
    know(warehouse.engine, "civil_penalty_referrals", 592, "2020/21")
    know(warehouse.engine, "civil_penalty_referrals", 886, "2021/22")
    (row,) = judged(
        warehouse.engine,
        {"kind": "placeholder", "written": "(from x to y)", "unit": "referrals", "period": "2021/22", "base": "2020/21"}
        | {"measure": {"kpi": "civil_penalty_referrals"}},
    )
    assert (row.verdict, row.claimed_value, row.computed_value) == ("not a figure", None, None)
    assert "592 in 2020/21, 886 in 2021/22" in row.explanation


def test_changes_differences_shares_ranges_and_sums(warehouse: Warehouse):
    engine = warehouse.engine
    know(engine, "cps_charged", 290, "2020/21")
    know(engine, "cps_charged", 493, "2021/22")
    know(engine, "cps_charge_rate", 0.495, "2020/21")
    know(engine, "cps_charge_rate", 0.595, "2021/22")
    know(engine, "cps_convictions", 338, "2021/22")
    know(engine, "innerste_children_safeguarded", 70, "2021-04", "2021-05", "2021-06")
    rate = {"period": "2021/22", "measure": {"kpi": "cps_charge_rate"}}
    rows = judged(
        engine,
        CHANGE | {"value": 70},
        CHANGE | {"kind": "difference", "unit": "suspects", "value": 203},
        rate | {"value": 59.5, "unit": "percent"},
        rate | {"kind": "difference", "value": 10, "unit": "percentage points", "base": "2020/21"},
        YEAR | {"value": 68.6, "unit": "percent", "measure": {"kpi": "cps_convictions"}, "of": {"kpi": "cps_charged"}},
        YEAR | {"value": 831, "measure": {"kpi": ["cps_charged", "cps_convictions"]}},
        {"value": 210, "unit": "people", "period": "2021-04 to 2021-06"}
        | {"measure": {"kpi": "innerste_children_safeguarded"}},
        {"value": 210, "unit": "people", "period": "2021-04 to 2021-07"}
        | {"measure": {"kpi": "innerste_children_safeguarded"}},
        {"value": 43, "unit": "forces", "measure": {"members": "dim_force", "where": {"kind": "territorial force"}}},
    )
    assert [row.verdict for row in rows] == [*["reproduced"] * 7, "not computable", "reproduced"]
    assert rows[0].computed_value == pytest.approx(70.0, abs=0.01)
    assert rows[0].trace == "msoic trace cps_charged 2020/21; msoic trace cps_charged 2021/22"
    assert rows[3].computed_value == pytest.approx(10)


# --- Other interpretations -------------------------------------------------------------------------------------------


def test_the_choice_of_periods_that_bears_a_claim_out_is_named(warehouse: Warehouse):
    engine = warehouse.engine
    know(engine, "cps_charged", 290, "2020/21")
    know(engine, "cps_charged", 493, "2021/22")
    know(engine, "cps_charged", 62, "2020/21 Q1")
    know(engine, "cps_charged", 122, "2021/22 Q4")
    stated, unstated, quarters = judged(
        engine,
        CHANGE | {"value": 97},
        CHANGE | {"value": 97, "stated": False},
        CHANGE | {"value": 70, "period": "2021/22 Q4", "base": "2020/21 Q1"},
    )
    first_to_last = "first quarter to last, 2020-Q2 (2020/21 Q1) to 2022-Q1 (2021/22 Q4)"
    assert (stated.verdict, unstated.verdict, quarters.verdict) == ("differs", "reproduced", "differs")
    assert stated.holds_for == unstated.holds_for == first_to_last
    assert (round(stated.computed_value), round(unstated.computed_value)) == (70, 97)
    assert "+97% holds for first quarter to last" in stated.explanation
    assert quarters.holds_for == "financial years, 2020/21 to 2021/22"
    (average,) = judged(engine, YEAR | {"value": 123, "comparator": "about"})
    assert average.holds_for == "an average per quarter, 2021/22"
    assert "123.25 suspects in 2021/22" in average.explanation


def test_other_interpretations_are_points_of_a_share_and_another_measure(warehouse: Warehouse):
    engine = warehouse.engine
    know(engine, "live_investigations_criminal_share", 0.495, "2020/21")
    know(engine, "live_investigations_criminal_share", 0.595, "2021/22")
    know(engine, "immigration_crime_awareness_sessions", 22, "2021/22")
    know(engine, "hydra_courses", 5, "2021/22")
    sessions = {"kpi": ["immigration_crime_awareness_sessions", "hydra_courses"]}
    share, training = judged(
        engine,
        CHANGE | {"value": 10, "measure": {"kpi": "live_investigations_criminal_share"}},
        YEAR | {"value": 27, "measure": {"kpi": sessions["kpi"][0]}, "or_measure": [sessions]},
    )
    assert (share.verdict, share.holds_for) == ("differs", "percentage points")
    assert (training.verdict, training.computed_value) == ("differs", 22)
    assert training.holds_for == "Organised immigration crime awareness sessions and Hydra courses"


@pytest.mark.parametrize(
    ("period", "base", "tried"),
    [
        (
            "2021/22",
            "2020/21",
            ["2020/21>2021/22", "2020>2021", "2020-Q2>2022-Q1", "2021-Q1>2022-Q1"],
        ),
        (
            "2021",
            "2020",
            ["2020>2021", "2020/21>2021/22", "2020-Q2>2022-Q1", "2021-Q1>2022-Q1"],
        ),
        (
            "2021/22 Q4",
            "2020/21 Q1",
            ["2020-Q2>2022-Q1", "2020/21>2021/22"],
        ),
        ("2021", None, ["2021", "2021/22", "2021"]),
        ("2021-01", None, ["2021-01", "2020/21", "2021"]),
        ("2021-Q4", None, ["2021-Q4", "2021/22", "2021"]),
        ("2021-04 to 2022-01", None, ["2021-04 to 2022-01"]),
    ],
)
def test_the_periods_that_are_tried(period: str, base: str | None, tried: list[str]):
    fields = CHANGE | {"value": 1, "base": base} if base else YEAR | {"value": 1}
    claim = Claim.model_validate({"id": "c", "section": 1, "words": ""} | fields | {"period": period})
    labels = [">".join(each.label for each in (r.base, r.period) if each) for r in list_interpretations(claim)]
    assert labels == tried


# --- Terms of a claim's own ------------------------------------------------------------------------------------------


def _activity(activity: str, *figures: Any, **fields: str) -> tuple[str, list[dict[str, Any]]]:
    """Figures of an activity: month, value, month, value, …"""
    rows = [
        {"period": month, "activity": activity, "measure": "M", "value": value, "geography_code": "National"} | fields
        for month, value in zip(figures[::2], figures[1::2], strict=True)
    ]
    return "fact_programme_activity", rows


def _own(activity: str, over_time: str = "sum", **term: Any) -> dict[str, Any]:
    where = {"activity": activity, "measure": "M"}
    return {"term": {"fact": "fact_programme_activity", "where": where} | term, "over_time": over_time}


def test_a_term_is_summed_or_its_last_month_taken_as_known_on_the_day(warehouse: Warehouse):
    quarter = ("Reviews", "2021-04", 9, "2021-06", 14)
    stock = ("Benchmarking", "2021-04", 26, "2021-05", 26, "2021-06", 43)
    warehouse.publish("programme_activity-1", "2021-07-20", _activity(*quarter), _activity(*stock))
    again = ("Reviews", "2021-04", 9, "2021-06", 16)
    warehouse.publish("programme_activity-2", "2023-01-10", _activity(*again), _activity("Benchmarking", "2021-06", 43))
    asked = {"unit": "investigations", "period": "2021/22 Q1"}
    zero = _own("Reviews", missing_row="zero")
    claims = (
        asked | {"value": 23, "measure": zero},
        asked | {"value": 25, "measure": zero},
        asked | {"value": 43, "measure": _own("Benchmarking", "last")},
        asked | {"value": 24, "measure": _own("Reviews")},
        asked | {"value": 1, "measure": _own("Training")},
    )
    then = judged(warehouse.engine, *claims, known="when published")
    now = judged(warehouse.engine, *claims)
    agrees, differs, unknown = "reproduced by sample data", "differs from sample data", "not computable"
    assert [row.verdict for row in then] == [agrees, differs, agrees, unknown, unknown]
    assert [row.verdict for row in now] == [differs, agrees, agrees, unknown, unknown]
    assert "2 of 3 reports received" in then[3].explanation, "a month without a row is missing"
    assert (then[0].release_ids, then[0].is_synthetic) == ("programme_activity-1", True)
    assert "1 release of programme_activity published 2023-01-10, all synthetic sample data" in now[1].explanation


def test_a_stock_that_the_last_month_does_not_list_is_none(warehouse: Warehouse):
    warehouse.publish("programme_activity-1", "2021-05-20", _activity("Benchmarking", "2021-04", 26))
    warehouse.publish("programme_activity-2", "2021-07-20", _activity("Other", "2021-06", 1))
    stock = _own("Benchmarking", "last", missing_row="zero")
    (row,) = judged(warehouse.engine, {"unit": "forces", "period": "2021/22 Q1", "value": 0, "measure": stock})
    assert (row.verdict, row.computed_value, row.release_ids) == (
        "reproduced by sample data",
        0,
        "programme_activity-2",
    )


def test_a_month_without_a_row_is_zero_where_the_claim_says_so(warehouse: Warehouse):
    warehouse.publish(
        "programme_activity-1", "2021-07-20", _activity("Other", "2021-04", 1, "2021-05", 1, "2021-06", 1)
    )
    claim = {"unit": "events", "period": "2021/22 Q1", "value": 0, "measure": _own("Events", missing_row="zero")}
    (row,) = judged(warehouse.engine, claim)
    assert (row.verdict, row.computed_value) == ("reproduced by sample data", 0)


def test_figures_of_a_force_are_kept_out_of_the_words(warehouse: Warehouse):
    west_yorkshire = "E23000010"
    for year, value in (("2020", 40), ("2021", 68)):
        figure = {"breakdown": "exploitation", "measure": "opened", "exploitation_type": "Domestic", "value": value}
        rows = [figure | {"period": f"{year}-{month:02}", "force_code": west_yorkshire} for month in range(1, 13)]
        warehouse.publish(
            f"force_returns-{year}", f"{year}-12-31", ("fact_investigation", rows), reporter=west_yorkshire
        )
    where = {"breakdown": "exploitation", "measure": "opened", "dim_force.name": "West Yorkshire"}
    claim = CHANGE | {"period": "2021", "base": "2020", "value": 60, "locality": "West Yorkshire"}
    (row,) = judged(warehouse.engine, claim | {"measure": {"term": {"fact": "fact_investigation", "where": where}}})
    assert (row.verdict, row.computed_value) == ("differs from sample data", None)
    assert "figures withheld" in row.explanation
    assert not any(figure in row.explanation for figure in ("480", "816", "+70"))


def _return_opened(warehouse: Warehouse, force: str, month: str, published_on: str, value: float) -> None:
    figure = {"breakdown": "exploitation", "measure": "opened", "exploitation_type": "Domestic", "value": value}
    rows = [figure | {"period": month, "force_code": force}]
    warehouse.publish(f"force_returns-{force}-{month}", published_on, ("fact_investigation", rows), reporter=force)


OPENED_WHERE = {"breakdown": "exploitation", "measure": "opened"}
OPENED: dict[str, Any] = {"fact": "fact_investigation", "where": OPENED_WHERE}
FORCES = ("E23000032", "E23000028", "E23000031", "E23000034")


def test_a_term_is_of_as_many_reports_as_were_due(warehouse: Warehouse):
    """Four forces are due; one has returned December, and of that force alone its return is all."""
    for force in FORCES:
        _return_opened(warehouse, force, "2021-11", "2022-01-10", 5)
    _return_opened(warehouse, FORCES[0], "2021-12", "2022-02-10", 7)
    of_kent = OPENED | {"where": OPENED_WHERE | {"dim_force.name": "Kent"}}
    domestic = OPENED | {"where": OPENED_WHERE | {"exploitation_type": "Labour"}, "missing_row": "zero"}
    with warehouse.engine.connect() as connection:

        def count(term: dict[str, Any], month: str, over_time: OverTime = "sum") -> tuple[float | None, int, int]:
            counted = TermOverTime(Term.model_validate(term), over_time)
            figure = sum_term(connection, counted, parse_periods(month), dt.date(2022, 3, 1))
            return figure.value, figure.received, figure.expected

        assert count(OPENED, "2021-12") == count(OPENED, "2021-12", "last") == (7, 1, 4)
        assert count(OPENED, "2021-Q4") == (27, 5, 12)
        assert count(of_kent, "2021-12") == (7, 1, 1)
        assert count(domestic, "2021-11") == (0, 4, 4), "who returns and lists nothing has none"


def test_two_days_do_not_tell_what_was_returned_between_them(warehouse: Warehouse):
    """When the report was published three forces had returned; a fourth has since, and then three more."""
    claim = {"unit": "investigations", "period": "2021-12", "value": 15, "measure": {"term": OPENED}}
    for force in FORCES[:3]:
        _return_opened(warehouse, force, "2021-12", "2022-01-10", 5)
    assert judged(warehouse.engine, claim, known="when published")[0].computed_value == 15
    _return_opened(warehouse, FORCES[3], "2021-12", "2022-10-10", 7)
    for measure in (claim["measure"], {"kpi": "investigations_opened"}):
        warehouse.compute([parse_quarter("2021-Q4")], "investigations_opened")
        asked = claim | {"measure": measure}
        (then,), (now,) = judged(warehouse.engine, asked, known="when published"), judged(warehouse.engine, asked)
        assert (then.computed_value, now.computed_value) == (None, 22)
        assert "figures withheld" in then.explanation and "15" not in then.explanation.replace("2015", "")
    for force in ("E23000033", "E23000035"):
        _return_opened(warehouse, force, "2021-12", "2022-11-10", 1)
    assert judged(warehouse.engine, claim, known="when published")[0].computed_value == 15, "three make the difference"


@pytest.mark.parametrize(
    ("period", "received", "expected", "is_withheld"),
    [
        ("2021/22", 42, 43, True),  # less its last month, the year would tell the earlier return of the one missing
        ("2021/22", 3, 3, False),
        ("2021/22", 2, 2, True),
        ("2021-12", 42, 43, False),
        ("2021-12", 2, 43, True),
    ],
)
def test_a_claim_shows_of_returns_what_the_exports_show(
    warehouse: Warehouse, period: str, received: int, expected: int, is_withheld: bool
):
    counts: dict[str, Any] = {"parts_received": received, "parts_expected": expected}
    know(warehouse.engine, "live_investigations", 7_350, period, **counts)
    claim = {"unit": "investigations", "period": period, "value": 7_350, "measure": {"kpi": "live_investigations"}}
    (row,) = judged(warehouse.engine, claim)
    assert (row.verdict, "figures withheld" in row.explanation) == ("reproduced", is_withheld)
    assert ("7,350 investigations in" in row.explanation) != is_withheld
    assert row.computed_value == (None if is_withheld else 7_350)


def test_a_claim_shows_nothing_that_would_tell_a_return_beside_what_the_exports_show(warehouse: Warehouse):
    """The quarter has returns enough for itself; less January and March it would tell what two forces returned."""
    for period, received, due in (("2021-01", 5, 5), ("2021-02", 2, 5), ("2021-03", 5, 5), ("2021-Q1", 12, 15)):
        counts: dict[str, Any] = {"parts_received": received, "parts_expected": due}
        know(warehouse.engine, "investigations_opened", 400, period, **counts)
    claim = {"unit": "investigations", "value": 400, "measure": {"kpi": "investigations_opened"}}
    rows = judged(warehouse.engine, *(claim | {"period": period} for period in ("2021-Q1", "2021-01", "2021-02")))
    assert [row.computed_value for row in rows] == [None, 400, None]
    assert ["figures withheld" in row.explanation for row in rows] == [True, False, True]
    (months,) = judged(warehouse.engine, claim | {"value": 1200, "period": "2021-01 to 2021-03"})
    assert "figures withheld" in months.explanation, "one of the months is kept back"


# --- Against each other ----------------------------------------------------------------------------------------------


def pairs(*claims: dict[str, Any]) -> list[tuple[str, str]]:
    return [(pair.first.id, pair.second.id) for pair in find_disagreements(report_of(*claims).claims)]


def test_claims_of_a_topic_and_the_same_periods_disagree_where_no_figure_bears_out_both():
    topic: dict[str, Any] = {"topics": ["charging"]}
    assert pairs(CHANGE | topic | {"value": 70}, CHANGE | topic | {"value": 97}) == [("c1", "c2")]
    assert pairs(CHANGE | topic | {"value": 50, "comparator": "over"}, CHANGE | topic | {"value": 70}) == [("c1", "c2")]
    assert not pairs(CHANGE | {"value": 70}, CHANGE | {"value": 97}), "of no topic"
    assert not pairs(CHANGE | topic | {"value": 70}, CHANGE | {"value": 97, "topics": ["convictions"]})
    assert not pairs(CHANGE | topic | {"value": 70}, YEAR | topic | {"value": 97}), "a change and a level"
    assert pairs(YEAR | topic | {"value": 7}, YEAR | topic | {"value": 8}) == [("c1", "c2")], "whole numbers"
    pounds = {"topics": ["funding"], "unit": "GBP"}
    assert not pairs(
        YEAR | pounds | {"value": 2_500_000, "rounded_to": 100_000}, YEAR | pounds | {"value": 2_523_000}
    ), "within rounding"


def test_claims_of_different_periods_disagree_only_where_one_does_not_state_them():
    topic = {"topics": ["charging"]}
    quarters = {"period": "2021/22 Q4", "base": "2020/21 Q1"}
    years = CHANGE | topic | {"value": 70}
    assert not pairs(years, CHANGE | topic | quarters | {"value": 97})
    assert pairs(years, CHANGE | topic | quarters | {"value": 97, "stated": False}) == [("c1", "c2")]


def test_a_change_disagrees_with_the_levels_that_make_another():
    level = {"unit": "referrals", "measure": {"kpi": "nrm_referrals"}, "topics": ["NRM referrals"]}
    levels = (level | {"value": 13_114, "period": "2021"}, level | {"value": 10_613, "period": "2020"})
    change = CHANGE | {"topics": ["NRM referrals"], "period": "2021", "base": "2020"}
    assert not pairs(*levels, change | {"value": 24, "comparator": "almost"})
    assert pairs(*levels, change | {"value": 30}) == [("c1", "c3"), ("c2", "c3")]


def test_a_claim_is_contradicted_by_one_that_is_reproduced(warehouse: Warehouse):
    engine = warehouse.engine
    know(engine, "cps_charged", 290, "2020/21")
    know(engine, "cps_charged", 493, "2021/22")
    topic = {"topics": ["charging"]}
    right, wrong = judged(engine, CHANGE | topic | {"value": 70}, CHANGE | topic | {"value": 97})
    assert (right.verdict, right.contradicts) == ("reproduced", "c2")
    assert (wrong.verdict, wrong.contradicts) == ("contradicted", "c1")
    assert "Elsewhere the report says otherwise: c1 (+70%, reproduced)." in wrong.explanation
    assert verdicts(engine, CHANGE | topic | {"value": 80}, CHANGE | topic | {"value": 97}) == ["differs", "differs"]


# --- What synthetic figures say --------------------------------------------------------------------------------------

REVIEWS = {"unit": "reviews", "topics": ["reviews"], "period": "2021/22 Q1"}


@pytest.fixture
def mixed(warehouse: Warehouse) -> Warehouse:
    """A warehouse in which 10 reviews were published, and the sample has 10 too."""
    for release_id, is_synthetic in (("programme_activity-real", False), ("programme_activity-sample", True)):
        figures = _activity("Reviews", "2021-04", 2, "2021-05", 3, "2021-06", 5, category=release_id)
        # Of different reporters neither takes the other's place.
        warehouse.publish(release_id, "2021-07-20", figures, reporter=release_id, is_synthetic=is_synthetic)
    return warehouse


def _reviews_of(*release_ids: str) -> dict[str, Any]:
    where = {"activity": "Reviews", "measure": "M", "category": list(release_ids)}
    return {"term": {"fact": "fact_programme_activity", "where": where}}


REAL, SAMPLE = "programme_activity-real", "programme_activity-sample"


def test_a_verdict_by_synthetic_figures_has_a_word_of_its_own_be_they_only_some_of_them(mixed: Warehouse):
    claims: list[dict[str, Any]] = [REVIEWS | {"topics": [], "value": value} for value in (10, 20, 11)]
    by_published, by_both, differs = judged(
        mixed.engine,
        claims[0] | {"measure": _reviews_of(REAL)},
        claims[1] | {"measure": _reviews_of(REAL, SAMPLE)},
        claims[2] | {"measure": _reviews_of(SAMPLE)},
    )
    assert (by_published.verdict, by_published.is_synthetic) == ("reproduced", False)
    assert (by_both.verdict, by_both.is_synthetic) == ("reproduced by sample data", True)
    assert "1 of them synthetic sample data" in by_both.explanation
    assert (differs.verdict, differs.computed_value) == ("differs from sample data", 10)


@pytest.mark.parametrize(
    ("wrong_by", "right_by", "verdict"),
    [
        (REAL, REAL, "contradicted"),
        (REAL, SAMPLE, "differs"),  # the sample adds nothing to published figures
        (SAMPLE, REAL, "contradicted by sample data"),
        (SAMPLE, SAMPLE, "contradicted by sample data"),
    ],
)
def test_a_claim_is_contradicted_by_the_weaker_of_the_figures(
    mixed: Warehouse, wrong_by: str, right_by: str, verdict: str
):
    wrong = REVIEWS | {"value": 12, "measure": _reviews_of(wrong_by)}
    right = REVIEWS | {"value": 10, "measure": _reviews_of(right_by)}
    assert verdicts(mixed.engine, wrong, right)[0] == verdict


def test_published_figures_are_counted_first_and_the_sample_apart(mixed: Warehouse):
    claims = (
        REVIEWS | {"topics": [], "value": 10, "measure": _reviews_of(REAL)},
        REVIEWS | {"topics": [], "value": 10, "measure": _reviews_of(SAMPLE)},
        REVIEWS | {"topics": [], "value": 11, "measure": _reviews_of(SAMPLE)},
        {"unit": "years", "value": 5, "missing": "a diary"},
    )
    (_, today) = compute_claims(mixed.engine, TODAY, [report_of(*claims)]).counts
    assert tell_counts(today.claims_by_verdict) == (
        "reproduced 1, differs 0, contradicted 0; reproduced by sample data 1, differs from sample data 1, "
        "contradicted by sample data 0; not computable 1, not a figure 0"
    )


def test_every_verdict_is_in_one_group():
    assert sorted(verdict for group in VERDICT_GROUPS for verdict in group.verdicts) == sorted(VERDICTS)


def test_claims_that_nobody_can_compute_contradict_each_other(warehouse: Warehouse):
    founded = {"unit": "years", "missing": "the day it began", "topics": ["years"]}
    assert verdicts(warehouse.engine, founded | {"value": 5}, founded | {"value": 7}) == ["contradicted"] * 2


# --- Reports ---------------------------------------------------------------------------------------------------------


def test_a_report_is_a_data_file_and_goes_with_it(warehouse: Warehouse):
    claim = {"value": 5, "unit": "years", "missing": "the day it began"}
    first, second = report_of(claim, name="first"), report_of(claim, name="second")
    assert set(compute_claims(warehouse.engine, TODAY, [first, second]).disagreements) == {"first", "second"}
    compute_claims(warehouse.engine, TODAY, [second])
    with warehouse.engine.connect() as connection:
        assert set(connection.scalars(sa.select(report_claim.c.report))) == {"second"}


def test_a_verdict_has_the_columns_of_its_table():
    assert [field.name for field in dataclasses.fields(ReportClaimRow)] == report_claim.columns.keys()


def test_an_unknown_report_is_refused(warehouse: Warehouse):
    with warehouse.engine.connect() as connection:
        with pytest.raises(LookupError, match=r"no report 'other': expected one of .*annual_report_2021_22"):
            tell_verdicts(connection, "other")
        assert "annual_report_2021_22: not judged yet: run msoic run" in tell_verdicts(connection)


# --- What the annual report says -------------------------------------------------------------------------------------


def _load(engine: Engine, source_id: str, quarters: Sequence[dt.date]) -> None:
    source, releases = load_source(source_id), staged_releases(source_id)
    load_dimensions(engine, releases, TODAY)
    landing = Landing(tuple(staged.release for staged in releases), ())
    register_releases(engine, source, landing, judge_files(source, landing, releases, {}), TODAY)
    load_quarters(engine, source, quarters, AcceptedReleases(tuple(releases)))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A warehouse with what the CPS published and the programme recorded, and the claims judged by it."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('claims') / 'warehouse.sqlite'}")
    prepare(engine)
    quarters = list(periods("quarter", parse_quarter("2020-Q1"), parse_quarter("2022-Q2")))
    for source_id in ("cps", "programme_activity"):
        _load(engine, source_id, quarters)
    compute_quarters(engine, quarters)
    compute_claims(engine, TODAY)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(
    ("claim_id", "verdict", "contradicts"),
    [
        ("s3_charges_box", "reproduced by sample data", "s5_charges_97"),
        ("s4_charges_quarters", "reproduced by sample data", "s7_charges_quarters"),
        ("s5_charges_97", "contradicted by sample data", "s3_charges_box"),
        ("s7_charges_quarters", "contradicted by sample data", "s4_charges_quarters"),
        ("s2_average_charges", "contradicted by sample data", "s3_average_charges"),
        ("s7_convictions_box", "contradicted by sample data", "s4_convictions"),
        ("s6_oic_training_officers", "contradicted by sample data", "s8_oic_training_people"),
        ("s8_oic_training_sessions", "reproduced by sample data", "s3_oic_training_events_box"),
        ("s2_opt_before", "contradicted by sample data", "s8_opt_before"),
        ("s8_innerste_people", "reproduced by sample data", "s5_innerste_professionals"),
        ("s2_funding_2022_23", "reproduced by sample data", ""),
        ("s6_penalty_referrals", "not a figure", ""),
    ],
)
def test_the_annual_report_against_the_sample(sample: Engine, claim_id: str, verdict: str, contradicts: str):
    condition = sa.and_(report_claim.c.claim_id == claim_id, report_claim.c.known == "when published")
    with sample.connect() as connection:
        row = connection.execute(sa.select(report_claim).where(condition)).one()
    assert row.verdict == verdict, row.explanation
    assert contradicts in row.contradicts.split(", ")


def test_the_example_of_how_a_claim_comes_to_its_verdict_is_true(sample: Engine):
    """It stands at the top of the package."""
    condition = sa.and_(report_claim.c.claim_id == "s5_charges_97", report_claim.c.known == "when published")
    with sample.connect() as connection:
        row = connection.execute(sa.select(report_claim).where(condition)).one()
    assert row.explanation.startswith(
        "Suspects charged: 290 in 2020/21, 493 in 2021/22, +70%, where the claim allows 96.5 to 97.5. +97% holds for "
        "first quarter to last, 2020-Q2 (2020/21 Q1) to 2022-Q1 (2021/22 Q4): Suspects charged: 62 in 2020-Q2 (2020/21 "
        "Q1), 122 in 2022-Q1 (2021/22 Q4), +96.8%."
    )
    assert row.verdict == "contradicted by sample data"
    assert "s3_charges_box (+70%, reproduced by sample data)" in row.explanation


def test_the_verdicts_are_printed_with_the_statements_that_disagree(sample: Engine):
    with sample.connect() as connection:
        lines = tell_verdicts(connection, "annual_report_2021_22")
    (report,) = (report for report in load_reports() if report.report == "annual_report_2021_22")
    assert lines[0] == f"{report.title}: {len(report.claims)} claims"
    assert (
        "  s3_charges_box, s5_charges_97: Different figures of charging: +70% (charging decisions) from 2020/21 to "
        "2021/22 in section 3, box; +97% (charges) from 2020/21 to 2021/22 in section 5, box."
    ) in lines
    assert any(line.startswith("  contradicted by sample data: s5_charges_97, +97%: “") for line in lines)


def test_periods_of_all_claims_have_the_kind_that_their_kpi_is_computed_for():
    kinds = {kpi.kpi_id: kpi.computed_kinds for kpi in load_definitions()}
    wrong = [
        f"{claim.id}: {kpi_id} has no {period.kind}"
        for report in load_reports()
        for claim in report.claims
        for kpi_id in (claim.measure.kpi if claim.measure else ())
        for period in (claim.period, claim.base)
        if period and parse_periods(period).kind not in kinds[kpi_id]
    ]
    assert not wrong


def test_an_earlier_figure_of_returns_is_not_told(warehouse: Warehouse):
    """512 less the 509 of today would be what one force has corrected."""
    counts: dict[str, Any] = {"parts_received": 43, "parts_expected": 43}
    know(warehouse.engine, "live_investigations", 512, "2021-12", as_of="2022-03-10", **counts)
    know(warehouse.engine, "live_investigations", 509, "2021-12", as_of="2022-04-09", **counts)
    claim = {"unit": "investigations", "period": "2021-12", "value": 512, "measure": {"kpi": "live_investigations"}}
    (row,) = judged(warehouse.engine, claim)
    assert (row.verdict, row.computed_value) == ("differs", 509)
    assert "revised since" not in row.explanation and not row.holds_for


def test_what_a_withheld_figure_bears_out_is_not_told(warehouse: Warehouse):
    """The claim tells 512 of 2021/22, and the calendar year, whose figure is kept back, is just that."""
    know(warehouse.engine, "live_investigations", 515, "2021/22", parts_received=43, parts_expected=43)
    know(warehouse.engine, "live_investigations", 512, "2021", parts_received=42, parts_expected=43)
    claim = {"unit": "investigations", "period": "2021/22", "value": 512, "measure": {"kpi": "live_investigations"}}
    (row,) = judged(warehouse.engine, claim)
    assert (row.verdict, row.computed_value, row.holds_for) == ("differs", 515, "")
    assert "holds for" not in row.explanation
