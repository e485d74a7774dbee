"""The report's section on what releases changed: read back from the page and held against the warehouse."""

from __future__ import annotations

import datetime as dt
import html
import json
import re
import shutil
from pathlib import Path

import pytest

from msoic_pipeline.kpis.change_finder import ChangeFinder
from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.kpis.known_values import find_known_values
from msoic_pipeline.model.geography import find_geographies
from msoic_pipeline.periods import parse_quarter
from msoic_pipeline.publication.change_words import tell_change, tell_day_changes, tell_part
from msoic_pipeline.publication.report.changes import LATEST_DAYS, digest_days_shown, list_days_shown
from msoic_pipeline.publication.report.make import make_report
from msoic_pipeline.publication.report.shown import FigureReader
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline_tests.databases import on_sqlite
from msoic_pipeline_tests.handmade import TODAY, Warehouse

FORCES = ("E23000032", "E23000028", "E23000031", "E23000033", "E23000024")
LATE_FORCE = "E23000025"
LATE_RETURN = 4_321.0
ROW = re.compile(
    r'<tr><th scope="row">(?P<kpi>.*?)</th><td class="text period">(?P<period>.*?)</td><td class="text">(?P<kind>.*?)'
    r"</td><td>(?P<before>.*?)</td><td>(?P<after>.*?)</td><td class=\"text\">(?P<difference>.*?)</td>"
    r"<td class=\"text usual\">(?P<usual>.*?)</td><td>(?P<others>\d+)</td>"
)


def fill(warehouse: Warehouse) -> None:
    """Publish two releases of the NRM, and returns of which the last came in a day later."""
    for day, values in (("2021-05-06", {"2021-Q1": 2_945}), ("2021-08-05", {"2021-Q1": 2_943, "2021-Q2": 3_131})):
        rows = [
            {"period": name, "breakdown": "age_location", "referrals": value, "cell": "B2"}
            for name, value in values.items()
        ]
        warehouse.publish(f"nrm-{day}", day, ("fact_nrm_referral", rows))
    for force, value, day in (*((f, 5.0, "2021-02-10") for f in FORCES), (LATE_FORCE, LATE_RETURN, "2021-02-11")):
        its = {
            "period": "2021-01",
            "force_code": force,
            "breakdown": "exploitation",
            "measure": "live",
            "value": value,
            "cell": "B2",
        }
        name = f"force_returns-{force}"
        warehouse.publish(name, day, ("fact_investigation", [its]), reporter=force, reference_period="2021-01")
    kpi_ids = ("nrm_referrals", "live_investigations")
    warehouse.compute([parse_quarter("2021-Q1"), parse_quarter("2021-Q2")], *kpi_ids)


@pytest.fixture
def told(warehouse: Warehouse) -> Warehouse:
    """A warehouse of one's own with these figures, once of each kind."""
    fill(warehouse)
    return warehouse


@pytest.fixture(scope="module")
def page(made_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The report on them, which is not made anew for each test that reads it."""
    warehouse = Warehouse(f"sqlite:///{shutil.copy2(made_sqlite, tmp_path_factory.mktemp('changes'))}")
    fill(warehouse)
    with read_transaction(warehouse.engine) as connection:
        page = make_report(connection, TODAY)
    warehouse.engine.dispose()
    return page


def section_of(page: str) -> str:
    return page.partition('<section id="changes"')[2].partition("</section>")[0]


def figure_in(cell: str) -> str:
    return html.unescape(re.sub(r"<sup.*?</sup>|<[^>]+>", "", cell))


def test_the_figures_of_the_page_are_those_of_the_warehouse_on_both_days(told: Warehouse):
    with read_transaction(told.engine) as connection:
        page = make_report(connection, TODAY)
        section = section_of(page)
        rows = [found.groupdict() for found in ROW.finditer(section)]
        moved = next(row for row in rows if row["kpi"] == "NRM referrals")
        for cell, day in (("before", dt.date(2021, 8, 4)), ("after", dt.date(2021, 8, 5))):
            (known,) = find_known_values(
                connection, "nrm_referrals", moved["period"], find_geographies("national"), day
            )
            assert figure_in(moved[cell]) == f"{known.value:,.0f}"
        changes = ChangeFinder(connection).find_changes(dt.date(2021, 8, 5))
    assert moved["kind"] == "revised"
    assert html.unescape(moved["difference"]) == "2 less (-0.1%)"
    assert f"5 August 2021 moved {len(changes)} national figures: " in section
    of_kpi = [change for change in changes if change.kpi.kpi_id == "nrm_referrals"]
    assert moved["others"] == str(len(of_kpi) - 1)


def test_a_reader_can_ask_where_the_figure_before_came_from(page: str):
    asked = json.loads(page.partition('id="asked">')[2].partition("</script>")[0])
    moved = next(found for found in ROW.finditer(section_of(page)) if found["kpi"] == "NRM referrals")
    origins = []
    for cell in ("before", "after"):
        name = re.search(r'data-of="(.*?)"', moved[cell])
        assert name
        figure = asked["figures"][html.unescape(name[1])]
        (term,) = figure["terms"]
        assert asked["terms"][term]["total"] == figure["words"]
        origins.append((figure["known_on"], [cells["release"] for cells in asked["terms"][term]["cells"]]))
    assert origins == [("2021-08-04", ["nrm-2021-05-06"]), ("2021-08-05", ["nrm-2021-08-05"])]


def test_what_a_force_returned_late_stands_nowhere_in_the_section(page: str):
    section = section_of(page)
    assert "11 February 2021" in section and "is withheld" in section
    assert "4,321" not in section and "4321" not in section and LATE_FORCE not in section and "Suffolk" not in section
    assert "Live investigations" not in {found["kpi"] for found in ROW.finditer(section)}


@on_sqlite
def test_a_value_of_returns_is_never_shown_as_of_an_earlier_day(told: Warehouse):
    with read_transaction(told.engine) as connection:
        reader = FigureReader(connection, None, TODAY)
        day = dt.date(2021, 2, 11)
        value = find_known_values(connection, "live_investigations", "2021-01", find_geographies("national"), day)[0]
        with pytest.raises(ValueError, match="live_investigations rests on returns"):
            reader.show_earlier(find_definition("live_investigations"), value, day)


@on_sqlite
def test_the_words_on_returns_withhold_them(told: Warehouse):
    with read_transaction(told.engine) as connection:
        changes = ChangeFinder(connection).find_changes(dt.date(2021, 2, 11))
    assert changes
    for change in changes:
        row = tell_change(change)
        assert {row.before, row.after, row.difference} == {"(withheld)"} and row.usual == ""
    assert tell_day_changes(dt.date(2021, 2, 11), changes).startswith("What was published on 11 February 2021 moved")


def test_the_last_of_each_source_and_all_of_the_latest_days_are_shown(told: Warehouse):
    with read_transaction(told.engine) as connection:
        assert list(list_days_shown(connection, None, TODAY)) == [dt.date(2021, 8, 5), dt.date(2021, 2, 11)]
        near = dt.date(2021, 5, 6) + dt.timedelta(days=LATEST_DAYS)
        shown = list(list_days_shown(connection, None, near))
        assert shown == [dt.date(2021, 8, 5), dt.date(2021, 5, 6), dt.date(2021, 2, 11)]
        assert digest_days_shown(connection, near) != digest_days_shown(connection, near + dt.timedelta(days=1))
        early = dt.date(2021, 6, 1)
        assert dt.date(2021, 8, 5) not in list_days_shown(connection, early, TODAY)


def test_texts_of_releases_are_escaped(page: str):
    section = section_of(page)
    assert section.count("<script") == 0 and '<h2 id="changes-title">' in section
    assert section.count("<details>") == section.count("<summary>")


@pytest.mark.parametrize(
    ("part", "words"), [(0.00165, "0.17%"), (0.0, "0%"), (1.18, "118%"), (0.036, "3.6%"), (0.00012, "0.012%")]
)
def test_parts_are_told_in_percent(part: float, words: str):
    assert tell_part(part) == words
