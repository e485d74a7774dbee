"""Words follow from figures: what is no signal is not called high, low, a rise or a fall."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.kpis.known_values import KnownValue
from msoic_pipeline.periods import period_label, shift_months
from msoic_pipeline.publication.marks import INCOMPLETE, KEPT_BACK, UNFINISHED, Mark
from msoic_pipeline.publication.report.charts.wording import (
    NamedSeries,
    clip_limits,
    tell_alternative,
    tell_headline,
    tell_series,
)
from msoic_pipeline.publication.report.shown import ShownFigure
from msoic_pipeline.publication.value_words import tell_difference
from msoic_pipeline.signals.compute import judge_kpi
from msoic_pipeline.signals.limits import Limits

KPI = find_definition("nrm_referrals")
FIRST = dt.date(2018, 1, 1)


def figure(place: int, value: float | None, *marks: Mark, kind: str = "quarter") -> ShownFigure:
    """Return the figure of a quarter (or year), counted from 2018-Q1 (or 2018)."""
    start = shift_months(FIRST, place * (3 if kind == "quarter" else 12))
    known = KnownValue(
        title=KPI.title,
        kpi_id=KPI.kpi_id,
        period_kind=kind,
        period_start=start,
        geography_kind="national",
        geography_code="UK",
        as_of=start,
        period_label=period_label(kind, start),
        numerator=value,
        denominator=None,
        value=value,
        unit=KPI.unit,
        status="complete",
        parts_expected=1,
        parts_received=1,
    )
    return ShownFigure(KPI, known, marks)


def series(
    values: Sequence[float | None], *marks_of_last: Mark, kind: str = "quarter", unit: str = KPI.unit
) -> NamedSeries:
    last = len(values) - 1
    figures = [figure(p, value, *(marks_of_last if p == last else ()), kind=kind) for p, value in enumerate(values)]
    known = [each.known for each in figures if each.value is not None]
    judged = {each.known.period_label: each for each in judge_kpi(KPI, known, set())}
    return NamedSeries("NRM referrals", unit, figures, judged)


STEADY = [100.0, 110, 95, 105, 98, 108, 102, 96, 107, 101, 99, 106]


def test_what_is_no_signal_is_within_the_usual():
    headline = tell_headline([series(STEADY)], "quarter")
    assert headline.startswith("NRM referrals: 106 referrals in 2020-Q4, within its usual range of 80 to 124")
    for word in ("rise", "rose", "fall", "fell", "above", "below", "increase", "decrease"):
        assert word not in headline


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([*STEADY, 200], "above its usual range"),
        ([*STEADY, 10], "below its usual range"),
        ([*STEADY, *(100.0 + place for place in range(8, 15))], "in a row that rise"),
        ([*STEADY, *(103.5, 104, 103.6, 104.2, 103.7, 104.4, 103.8)], "in a row above the average"),
    ],
)
def test_a_signal_is_told_by_its_rule(values: list[float], told: str):
    assert told in tell_headline([series(values)], "quarter")


@pytest.mark.parametrize(
    ("limits", "unit", "clipped"),
    [
        (Limits(0.9, 0.7, 1.1), "share", Limits(0.9, 0.7, 1.0)),
        (Limits(0.1, -0.1, 0.3), "share", Limits(0.1, 0.0, 0.3)),
        (Limits(5, -3, 13), "referrals", Limits(5, 0, 13)),
    ],
)
def test_limits_are_told_within_what_can_occur(limits: Limits, unit: str, clipped: Limits):
    assert clip_limits(limits, unit) == clipped


def test_the_usual_range_of_a_share_ends_at_all_of_it():
    headline = tell_headline([series([0.99, 0.9, 0.98, 0.92] * 3, unit="share")], "quarter")
    assert "to 100.0%" in headline


def test_a_short_series_says_that_it_cannot_be_told():
    said = tell_series(series(STEADY[:6]), "quarter")
    assert "too few figures to say what is usual" in said


def test_years_are_compared_with_the_year_before_and_called_neither_high_nor_low():
    headline = tell_headline([series([100, 120], kind="calendar_year")], "calendar_year")
    assert headline == "NRM referrals: 120 referrals in 2019, 20 more (+20.0%) than in 2018"


def test_what_is_incomplete_is_compared_with_nothing():
    said = tell_series(series([None, 60], INCOMPLETE, kind="calendar_year"), "calendar_year")
    assert said == "NRM referrals: 60 referrals in 2019 (incomplete)."


def test_a_headline_is_about_a_whole_year_unless_that_is_long_ago():
    part_of_a_year = series([100, 25], INCOMPLETE, kind="calendar_year")
    assert tell_headline([part_of_a_year], "calendar_year") == "NRM referrals: 100 referrals in 2018"
    missing_since = series([100, None, None, 60], INCOMPLETE, kind="calendar_year")
    assert tell_headline([missing_since], "calendar_year") == "NRM referrals: 60 referrals in 2021 (incomplete)"


def test_an_unfinished_period_is_not_the_latest():
    assert "in 2018" in tell_headline([series([100, 60], UNFINISHED, kind="calendar_year")], "calendar_year")


def test_a_figure_that_is_kept_back_is_never_told():
    said = series([100, 61234.0], KEPT_BACK, kind="calendar_year")
    for words in (tell_headline([said], "calendar_year"), tell_alternative("lines", [said], "calendar_year")):
        assert "61,234" not in words and "100" in words


@pytest.mark.parametrize(
    ("now", "before", "unit", "told"),
    [
        (120.0, 100.0, "people", "20 more (+20.0%)"),
        (80.0, 100.0, "people", "20 less (-20.0%)"),
        (5.0, 0.0, "people", "5 more"),
        (5.0, 5.0, "people", "the same"),
        (0.3, 0.25, "share", "5.0 percentage points more"),
        (0.30004, 0.3, "share", "the same"),
        (0.3, 0.30004, "share", "the same"),
        (100.3, 100.0, "GBP", "the same"),
        (975988.0, 900000.0, "GBP", "£75,988 more (+8.4%)"),
    ],
)
def test_differences_are_told_in_the_unit(now: float, before: float, unit: str, told: str):
    assert tell_difference(now, before, unit) == told


def test_the_alternative_to_a_picture_names_its_course():
    said = tell_alternative("lines", [series(STEADY)], "quarter")
    assert said.startswith("Line chart by quarter, 2018-Q1 to 2020-Q4. NRM referrals: 100 in 2018-Q1, 106 in 2020-Q4;")
    assert "lowest 95 in 2018-Q3, highest 110 in 2018-Q2." in said


def test_a_chart_without_a_figure_says_so():
    assert tell_headline([series([])], "quarter") == "NRM referrals: no figure is available"
