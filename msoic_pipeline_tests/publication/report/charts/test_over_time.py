"""Charts over time say what their pictures have, and no more."""

from __future__ import annotations

import datetime as dt

import pytest

from msoic_pipeline.periods import periods
from msoic_pipeline.publication.charts import Chart
from msoic_pipeline.publication.report.charts import over_time
from msoic_pipeline.publication.report.charts.over_time import _list_rebases, _make_picture, _tell_key, _Times
from msoic_pipeline.signals.rebases import Rebase

KPI = "nrm_reasonable_grounds_positive_rate"
TIMES = _Times("quarter", tuple(periods("quarter", dt.date(2021, 1, 1), dt.date(2023, 12, 31))))


def rebase(day: str, reason: str) -> Rebase:
    return Rebase.model_validate({"kpis": [KPI], "from": day, "reason": reason})


def chart(shows: str) -> Chart:
    declared = {"chart": "first", "title": "First", "shows": shows, "period": "quarter", "series": [{"kpi": KPI}]}
    return Chart.model_validate(declared)


@pytest.mark.parametrize(("shows", "has_rebases"), [("lines", True), ("columns", False), ("stacked", False)])
def test_rebases_are_explained_where_they_are_drawn(shows: str, has_rebases: bool):
    rebases = _list_rebases(chart(shows), TIMES)
    assert rebases
    picture = _make_picture(chart(shows), [over_time.NamedSeries("First", "share", [], {})], TIMES, rebases)
    assert bool(picture.rebases) is has_rebases
    assert ("A dotted line" in _tell_key(chart(shows), picture)) is has_rebases


def test_two_rebases_of_one_reason_are_two(monkeypatch: pytest.MonkeyPatch):
    declared = (rebase("2021-11-01", "Another method."), rebase("2023-01-30", "Another method."))
    monkeypatch.setattr(over_time, "load_rebases", lambda: declared)
    assert _list_rebases(chart("lines"), TIMES) == list(declared)
