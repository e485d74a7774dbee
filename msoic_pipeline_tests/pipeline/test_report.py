"""The report of the cut: every number in it is the warehouse's, says where it stands, and tells nobody's return."""

from __future__ import annotations

import datetime as dt
import re
import shutil
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.kpis.lineage import trace_value
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.signals import kpi_signal
from msoic_pipeline.periods import period_end
from msoic_pipeline.publication.charts import load_sections
from msoic_pipeline.publication.report import make
from msoic_pipeline.publication.report.make import CHECKED_REPORT, UNCHECKED_REPORT, make_report, write_report
from msoic_pipeline.publication.report.shown import DAYS_UNTIL_OLD
from msoic_pipeline.publication.value_words import tell_value
from msoic_pipeline.warehouse.engine import open_engine, read_transaction, write_transaction
from msoic_pipeline.wording import tell_figure
from msoic_pipeline_tests.pipeline.conftest import Loaded
from msoic_pipeline_tests.publication.report.pages import ReadPage, read_page

pytestmark = pytest.mark.slow
TODAY = dt.date(2023, 9, 1)
AS_AT = dt.date(2022, 3, 31)
Made = tuple[dt.date | None, ReadPage, str]


@pytest.fixture(scope="module")
def connection(loaded_once: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    copy = tmp_path_factory.mktemp("report") / "warehouse.sqlite"
    shutil.copy2(loaded_once.sqlite, copy)
    engine = open_engine(f"sqlite:///{copy}")
    with read_transaction(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="module")
def todays_report(connection: Connection) -> str:
    return make_report(connection, TODAY)


@pytest.fixture(scope="module", params=[None, AS_AT], ids=["today", "as-at"])
def report(request: pytest.FixtureRequest, connection: Connection, todays_report: str) -> Made:
    html = make_report(connection, TODAY, request.param) if request.param else todays_report
    return request.param, read_page(html), html


@pytest.fixture
def one_section(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let reports have one section of charts: what is tried with them does not hang on how many there are."""
    monkeypatch.setattr(make, "load_sections", lambda: load_sections()[:1])


def test_every_number_is_the_warehouses(report: Made, connection: Connection):
    as_at, page, _ = report
    known: dict[dt.date | None, dict[str, KnownValue]] = {}
    assert len(page.figures) > 200
    for name, words in page.figures:
        told = page.asked["figures"][name]
        day = dt.date.fromisoformat(told["known_on"]) if told["known_on"] else as_at
        if day not in known:
            known[day] = {_name(value): value for value in find_known_values(connection, as_at=day)}
        value = known[day][" ".join(name.split(" ")[:3])]
        if told["value"] is None:
            assert words == "–" and told["marks"], name
        else:
            assert told["value"] == value.value, name
            assert words == tell_value(told["value"], find_definition(value.kpi_id).unit), name


def _name(value: KnownValue) -> str:
    return f"{value.kpi_id} {value.period_label} {value.geography_code}"


def test_what_is_told_of_a_number_is_its_trace(report: Made, connection: Connection, loaded_once: Loaded):
    as_at, page, _ = report
    looked_at = [name for name, told in page.asked["figures"].items() if told["value"] is not None]
    for name in looked_at[:: max(1, len(looked_at) // 25)]:
        kpi_id, period, geography, *earlier = name.split(" ")
        known_on = dt.date.fromisoformat(earlier[0]) if earlier else as_at
        trace = trace_value(connection, loaded_once.folder / "archive", kpi_id, period, geography, known_on)
        for number, term in zip(page.asked["figures"][name]["terms"], trace.terms.values(), strict=True):
            told = page.asked["terms"][number]
            assert told["total"] == tell_figure(term.total, 6) and told["adds_up"]
            open_facts = [figure.fact for figure in term.figures if not figure.fact.is_sensitive]
            assert {place["release"] for place in told["cells"]} == {fact.release_id for fact in open_facts}
            for place in told["cells"]:
                there = (place["release"], place["sheet"])
                expected = sum(len(fact.cells) for fact in open_facts if (fact.release_id, fact.sheet) == there)
                assert count_cells(place["cells"]) == expected, name
            returns = {figure.fact.release_id for figure in term.figures if figure.fact.is_sensitive}
            assert told["returns"] == len(returns)


def count_cells(ranges: str) -> int:
    """Return how many cells ranges such as ``C5:D6, F9`` hold."""
    from msoic_pipeline_tests.publication.report.test_provenance import spread

    return len(spread(ranges))


def test_it_leads_with_the_signals_that_the_warehouse_has(connection: Connection, todays_report: str):
    html = todays_report
    assert html.index('id="news"') < html.index('id="summary"')
    news = html[html.index('id="news"') : html.index('id="summary"')]
    latest: dict[str, tuple[dt.date, str, str]] = {}
    for row in connection.execute(sa.select(kpi_signal).where(kpi_signal.c.geography_kind == "national")):
        kpi = find_definition(row.kpi_id)
        is_old = (TODAY - period_end(row.period_kind, row.period_start)).days > DAYS_UNTIL_OLD
        if row.period_kind == kpi.computed_kinds[0] and not kpi.is_sensitive and not is_old:
            judged = (row.period_start, row.variation, kpi.title)
            latest[row.kpi_id] = max(judged, latest.get(row.kpi_id, judged))
    signals = {title for _, variation, title in latest.values() if variation != "common cause"}
    quiet = {title for _, variation, title in latest.values() if variation == "common cause"}
    assert signals and quiet
    shown = {unescape(title) for title in re.findall("<li><strong>(.*?)</strong>", news)}
    assert signals <= shown and shown.isdisjoint(quiet)


def test_sections_are_told_in_brief_by_what_their_charts_say(report: Made):
    _, _, html = report
    brief = html[html.index('id="brief"') : html.index('id="summary"')]
    told = dict(re.findall('<li><a href="#chart-([a-z_]+)">.*?</a>[.] (.*?)[.](?: <span.*)?</li>', brief))
    headlines = dict(re.findall(r'<figure id="chart-([a-z_]+)".*?<p class="headline">(.*?)[.]</p>', html, re.DOTALL))
    assert len(told) > 5
    assert told == {chart: headlines[chart] for chart in told}
    assert not any("no figure" in words for words in told.values())


def test_no_return_of_a_force_is_named(report: Made, connection: Connection):
    _, _, html = report
    names = connection.scalars(sa.select(release.c.file_name).where(release.c.source == "force_returns")).all()
    assert names
    assert [name for name in names if name in html] == []


def test_it_stands_alone_and_its_links_lead_somewhere(report: Made):
    _, page, html = report
    assert page.addresses == []
    assert [link for link in page.links if link[1:] not in page.identifiers] == []
    assert len(page.identifiers) == len(set(page.identifiers))
    assert "http" not in html.replace("http://www.w3.org/", "").replace("http-equiv", "")


def test_it_says_that_it_is_synthetic_before_any_figure(report: Made):
    _, page, html = report
    assert html.index("synthetic sample data") < html.index('data-of="')
    assert len(re.findall("Synthetic sample data: not real figures", html)) >= 20
    assert all("synthetic" in row and row["synthetic"] for row in page.asked["releases"].values())


@pytest.mark.usefixtures("one_section")
def test_a_name_cannot_forge_the_page(connection: Connection, tmp_path: Path):
    engine = connection.engine
    evil = "cps/</script><script>alert(1)</script><img src=x onerror=alert(1)>.xlsx"
    copy = tmp_path / "warehouse.sqlite"
    shutil.copy2(str(engine.url.database), copy)
    own = open_engine(f"sqlite:///{copy}")
    with write_transaction(own) as writing:
        writing.execute(sa.update(release).where(release.c.source == "cps").values(file_name=evil, title=evil))
    with read_transaction(own) as reading:
        html = make_report(reading, TODAY)
    own.dispose()
    assert "<script>alert" not in html and "<img" not in html
    assert evil in {row["file"] for row in read_page(html).asked["releases"].values()}


@pytest.mark.usefixtures("one_section")
def test_it_is_made_anew_only_where_something_has_changed(connection: Connection, tmp_path: Path):
    # On the day before, February 2022 was not old yet.
    today = TODAY + dt.timedelta(days=1)
    first = write_report(connection, tmp_path, today)
    assert first.is_new and first.path == tmp_path / CHECKED_REPORT
    written = first.path.stat().st_mtime_ns
    for day in (today, today + dt.timedelta(days=1)):
        assert not write_report(connection, tmp_path, day).is_new
    assert first.path.stat().st_mtime_ns == written
    failed = write_report(connection, tmp_path, today, ["cps: a rule is broken"])
    assert failed.is_new and failed.path == tmp_path / UNCHECKED_REPORT
    assert "DID NOT PASS" in failed.path.read_text(encoding="utf-8")
    assert first.path.stat().st_mtime_ns == written, "the report that passed stays as it is"
    assert not write_report(connection, tmp_path, today).is_new
    assert not (tmp_path / UNCHECKED_REPORT).exists()
    assert write_report(connection, tmp_path, today + dt.timedelta(days=40)).is_new, "another month is over"
