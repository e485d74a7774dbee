"""Figures count as grown only where that is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from msoic_pipeline.kpis.maturity import MaturingFigure, TriangleCell
from msoic_pipeline.signals import growing

FIGURE = MaturingFigure("modern_slavery_charge_outcome_rate", "value")
OLDEST, OLDER, NEWEST = (dt.date(year, 1, 1) for year in (2018, 2019, 2020))


def find_growing(monkeypatch: pytest.MonkeyPatch, observed: Mapping[dt.date, Sequence[float]]) -> set[dt.date]:
    """Return the growing quarters, of figures by quarter and age."""
    cells = [
        TriangleCell(FIGURE.kpi_id, FIGURE.measure, "quarter", quarter, age, dt.date(quarter.year + age, 7, 1), value)
        for quarter, values in observed.items()
        for age, value in enumerate(values)
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


def test_without_figures_nothing_grows(monkeypatch: pytest.MonkeyPatch):
    assert find_growing(monkeypatch, {}) == set()
