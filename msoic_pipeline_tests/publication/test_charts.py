"""What the report shows is declared, strictly; no figure stands in a declaration."""

from __future__ import annotations

import re

import pytest

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.publication.charts import load_sections, parse_sections

CHART = """
sections:
  - section: one
    title: One
    charts:
      - chart: first
        title: First
        shows: lines
        period: quarter
        series: [{kpi: nrm_referrals}]
"""


def test_every_section_of_the_annual_report_is_redrawn():
    assert {section.of_report for section in load_sections() if section.of_report} == set(range(3, 11))


def test_charts_have_names_of_their_own():
    names = [chart.chart for section in load_sections() for chart in section.charts]
    assert len(names) == len(set(names))


def test_no_figure_is_typed():
    for section in load_sections():
        for chart in section.charts:
            # Years and days name periods; other figures would be typed.
            words = re.sub(r"\b(19|20)\d\d\b|\b\d{1,2} (January|July|October|September|November)\b", "", chart.note)
            assert not re.search(r"\d", f"{chart.title} {words}"), chart.chart


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("nrm_referrals", "nrm_referral"), "there is no KPI 'nrm_referral'"),
        (("period: quarter", "period: month"), "nrm_referrals has no figures of a month"),
        (("shows: lines", "shows: pie"), "'lines', 'columns', 'stacked', 'bars' or 'funnel'"),
        (("shows: lines", "shows: bars"), "give both or neither"),
        (("shows: lines", "shows: lines\n        across: force"), "give both or neither"),
        (("shows: lines", "shows: bars\n        across: force"), "nrm_referrals is not divided by force"),
        (("[{kpi: nrm_referrals}]", "[{kpi: nrm_referrals}, {kpi: nrm_child_share}]"), "one scale cannot show both"),
        (("period: quarter", "period: calendar_year\n        has_limits: true"), "limits of months and quarters alone"),
        (("shows: lines", "shows: columns\n        has_limits: true"), "limits are drawn with lines alone"),
        (("[{kpi: nrm_referrals}]", "[]"), "at least 1 item"),
        (("title: First", "titel: First"), "titel"),
    ],
)
def test_a_slip_is_told(change: tuple[str, str], told: str):
    with pytest.raises(DeclarationError, match=re.escape(told)):
        parse_sections(CHART.replace(*change))


FUNNEL = CHART.replace("shows: lines", "shows: funnel\n        across: force")


def test_a_funnel_is_of_counted_events_or_shares_across_forces():
    crimes = FUNNEL.replace("nrm_referrals", "recorded_modern_slavery_crimes")
    assert parse_sections(crimes)[0].charts[0].shows == "funnel"
    assert parse_sections(FUNNEL.replace("nrm_referrals", "modern_slavery_charge_outcome_rate"))
    for change, told in (
        (("across: force", "across: rocu_region"), "a funnel is drawn across forces"),
        (("        across: force\n", ""), "give both or neither"),
        (("recorded_modern_slavery_crimes", "people_briefed"), "people, which do not come one by one"),
        (("recorded_modern_slavery_crimes", "investigations_opened"), "rests on returns"),
    ):
        with pytest.raises(DeclarationError, match=re.escape(told)):
            parse_sections(crimes.replace(*change))


def test_nothing_below_the_nation_is_shown_of_returns():
    text = CHART.replace("shows: lines", "shows: bars\n        across: force").replace(
        "period: quarter", "period: month"
    )
    with pytest.raises(DeclarationError, match="rests on returns"):
        parse_sections(text.replace("nrm_referrals", "live_investigations"))


def test_a_chart_that_is_declared_twice_is_told():
    twice = CHART + CHART.split("sections:\n")[1].replace("section: one", "section: two")
    with pytest.raises(DeclarationError, match="first"):
        parse_sections(twice)
