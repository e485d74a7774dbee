"""Figures count as grown only where that is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from msoic_pipeline.kpis.definitions import Kpi, find_definition
from msoic_pipeline.kpis.known_values import KnownValue
from msoic_pipeline.kpis.maturity import MaturingFigure, TriangleCell
from msoic_pipeline.periods import period_label, periods
from msoic_pipeline.signals import growing
from msoic_pipeline.signals.compute import judge_kpi

FIGURE = MaturingFigure("modern_slavery_charge_outcome_rate", "value")
OLDEST, OLDER, NEWEST = (dt.date(year, 1, 1) for year in (2018, 2019, 2020))


def find_growing(monkeypatch: pytest.MonkeyPatch, observed: Mapping[dt.date, Sequence[float | None]]) -> set[dt.date]:
    """Return the growing quarters, of figures by quarter and age; None of an age at which there was none."""
    cells = [
        TriangleCell(FIGURE.kpi_id, FIGURE.measure, "quarter", quarter, age, dt.date(quarter.year + age, 7, 1), value)
        for quarter, values in observed.items()
        for age, value in enumerate(values)
        if value is not None
    ]
    monkeypatch.setattr(growing, "list_maturing_figures", lambda: [FIGURE])
    monkeypatch.setattr(growing, "list_triangle_cells", lambda *_: cells)
    connection: Any = None
    return growing.find_growing_quarters(connection)[FIGURE.kpi_id]


def test_a_quarter_grows_as_long_as_older_ones_did_at_its_age(monkeypatch: pytest.MonkeyPatch):
    observed = {OLDEST: [100.0, 150, 151], OLDER: [100.0, 150], NEWEST: [100.0]}
    # From the first age to the second they grew by half, from there on by less than a fiftieth.
    assert find_growing(monkeypatch, observed) == {NEWEST}


def test_where_nothing_can_be_estimated_all_count_as_growing(monkeypatch: pytest.MonkeyPatch):
    assert find_growing(monkeypatch, {OLDER: [100.0], NEWEST: [100.0]}) == {OLDER, NEWEST}


def test_a_quarter_without_an_estimate_grows(monkeypatch: pytest.MonkeyPatch):
    """At age 0 there was nothing of any quarter: what the newest will come to cannot be told from that."""
    assert find_growing(monkeypatch, {OLDEST: [0.0, 4, 6], OLDER: [0.0, 5], NEWEST: [0.0]}) == {OLDER, NEWEST}


@pytest.mark.parametrize("age", [0, 1, 2])
def test_of_one_age_alone_no_growth_is_known(monkeypatch: pytest.MonkeyPatch, age: int):
    """The first release of a source may be about quarters that all ended between one and two years before it."""
    of_older: list[float | None] = [*[None] * age, 100]
    of_newest: list[float | None] = [*[None] * age, 120]
    assert find_growing(monkeypatch, {OLDER: of_older, NEWEST: of_newest}) == {OLDER, NEWEST}


def test_where_there_never_was_anything_no_growth_is_known(monkeypatch: pytest.MonkeyPatch):
    assert find_growing(monkeypatch, {OLDER: [0.0, 0], NEWEST: [0.0]}) == {OLDER, NEWEST}


def test_a_quarter_beyond_the_ages_that_are_estimated_is_settled(monkeypatch: pytest.MonkeyPatch):
    """From age 2 on nothing was left of any, so that no quarter is estimated by what it was at ages 3 and 4."""
    observed: dict[dt.date, Sequence[float | None]]
    observed = {OLDEST: [None, None, None, None, 0], OLDER: [8, 3, 0, 0, 0], NEWEST: [8]}
    assert find_growing(monkeypatch, observed) == {NEWEST}


@pytest.mark.parametrize(
    ("kind", "start", "holds"),
    [
        ("month", dt.date(2020, 1, 1), True),
        ("month", dt.date(2020, 2, 1), True),
        ("month", dt.date(2020, 4, 1), False),
        ("quarter", NEWEST, True),
        ("financial_year", dt.date(2019, 4, 1), True),
        ("calendar_year", OLDER, False),
    ],
)
def test_a_period_grows_with_a_quarter_in_it_or_around_it(kind: str, start: dt.date, holds: bool):
    assert growing.holds_growing_quarter(kind, start, {NEWEST}) is holds


def test_no_month_of_a_growing_quarter_is_judged():
    kpi = find_definition("live_investigations")
    starts = list(periods("month", dt.date(2019, 1, 1), dt.date(2020, 3, 31)))
    values = [make_value(kpi, start) for start in starts]
    judged = {each.known.period_start for each in judge_kpi(kpi, values, {NEWEST})}
    assert judged == {start for start in starts if start < NEWEST}


def make_value(kpi: Kpi, start: dt.date) -> KnownValue:
    return KnownValue(
        title=kpi.title,
        kpi_id=kpi.kpi_id,
        period_kind="month",
        period_start=start,
        geography_kind="national",
        geography_code="E&W",
        as_of=start,
        period_label=period_label("month", start),
        numerator=float(start.month),
        denominator=None,
        value=float(start.month),
        unit=kpi.unit,
        status="complete",
        parts_expected=1,
        parts_received=1,
    )


def test_without_figures_nothing_grows(monkeypatch: pytest.MonkeyPatch):
    assert find_growing(monkeypatch, {}) == set()
