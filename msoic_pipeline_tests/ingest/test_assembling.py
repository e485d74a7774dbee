"""What the sheets of a release come to, made by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from msoic_pipeline.ingest.assembling import assemble
from msoic_pipeline.workbooks import source as sources
from msoic_pipeline.workbooks.grid import Sheet
from msoic_pipeline.workbooks.headers import match_sheet
from msoic_pipeline.workbooks.source import Source, load_source
from msoic_pipeline.workbooks.tidy import FileToTidy, Tidy, tidy_sheet
from msoic_pipeline_tests.quality.conftest import release
from msoic_pipeline_tests.workbooks.test_matching import BASE, QUARTER


def _read(fact: str, grid: list[list[Any]], period: dict[str, str], columns: list[dict[str, Any]]) -> Tidy:
    layout: dict[str, Any] = {
        "layout": "by-hand",
        "sheet": {"name": "^Data"},
        "columns": columns,
        "measures": [{"to": "value", "header": ["Value"]}],
        "period": period,
    }
    constants = {"activity": "Training", "category": "All", "geography_code": "National", "series": "daily"}
    table = {"table": "by-hand", "fact": fact, "layouts": [layout], "constants": constants}
    source = Source.model_validate(BASE | {"tables": [table]})
    sheet = Sheet("Data", grid)
    match = match_sheet(sheet, source.tables[0], source.tables[0].layouts[0], QUARTER)
    assert match.fits
    return tidy_sheet(sheet, match, source, FileToTidy("file.ods", dt.date(2022, 8, 4), "2022-Q1"))


MEASURE = {"to": "measure", "header": ["Measure"], "totals": ["Total"]}


def test_the_total_of_a_month_is_published_for_that_month():
    columns = [{"to": "month_start", "header": ["Month"], "parse": "month"}, MEASURE]
    figures = [["2022-01", "arrivals", 2], ["2022-02", "arrivals", 3]]
    grid: list[list[Any]] = [["Month", "Measure", "Value"], *figures, ["2022-02", "Total", 3]]
    tidy = _read("fact_programme_activity", grid, {"month": "month_start"}, columns)
    assert set(tidy.rows["period_kind"]) == {"month"}
    totals = assemble(release("programme_activity", "a"), [tidy], ()).tables["published_total"].to_pylist()
    assert [(total["period_kind"], total["period_start"], total["value"]) for total in totals] == [
        ("month", dt.date(2022, 2, 1), 3)
    ]


def _read_outcomes() -> Tidy:
    """A sheet with a row of an outcome that there is not."""
    layout: dict[str, Any] = {
        "layout": "by-hand",
        "sheet": {"name": "^Data"},
        "columns": [
            {"to": "quarter_start", "header": ["Quarter"], "parse": "quarter"},
            {"to": "outcome_code", "header": ["Outcome"], "parse": "code"},
        ],
        "measures": [
            {"to": "outcomes_recorded", "header": ["Recorded"]},
            {"to": "outcomes_closed", "header": ["Closed"]},
        ],
        "period": {"quarter": "quarter_start"},
    }
    table = {"table": "by-hand", "fact": "fact_crime_outcome", "known_rows": "outcomes.csv", "layouts": [layout]}
    source = Source.model_validate(BASE | {"tables": [table]})
    rows = [["2022-Q1", "1", 2, 3], ["2022-Q1", "99", 4, 5]]
    grid: list[list[Any]] = [["Quarter", "Outcome", "Recorded", "Closed"], *rows]
    match = match_sheet(Sheet("Data", grid), source.tables[0], source.tables[0].layouts[0], QUARTER)
    return tidy_sheet(Sheet("Data", grid), match, source, FileToTidy("file.ods", dt.date(2022, 8, 4), "2022-Q1"))


def test_an_unknown_row_counts_with_each_of_its_figures():
    counts = assemble(release("crime_outcomes", "a"), [_read_outcomes()], ()).manifest.counts
    assert (counts.figures, counts.loaded, counts.rejected) == (4, 2, 2)


@pytest.mark.parametrize("sensitive", [True, False])
def test_of_a_sensitive_source_no_word_of_an_unknown_row_is_told(sensitive: bool, monkeypatch: pytest.MonkeyPatch):
    described = load_source("crime_outcomes").model_copy(update={"sensitive": sensitive})
    monkeypatch.setattr(sources, "load_source", lambda _: described)
    rejects = assemble(release("crime_outcomes", "a"), [_read_outcomes()], ()).tables["rejects"].to_pylist()
    assert [reject["rule"] for reject in rejects] == ["unknown_member"]
    assert ("99" in str(rejects)) == (not sensitive)


@pytest.mark.parametrize(("published", "holds"), [(3, True), (4, False)])
def test_the_total_of_a_day_is_held_against_its_parts_and_not_published(published: int, holds: bool):
    columns = [{"to": "day", "header": ["Day"], "parse": "date"}, MEASURE]
    rows = [
        ["2022-01-01", "people_arrived", 2],
        ["2022-01-02", "people_arrived", 3],
        ["2022-01-02", "Total", published],
    ]
    tidy = _read("fact_small_boat_arrival", [["Day", "Measure", "Value"], *rows], {"day": "day"}, columns)
    content = assemble(release("small_boats", "a"), [tidy], ())
    assert len(content.tables["published_total"]) == 0
    assert [finding.success for finding in content.manifest.findings] == [holds]
