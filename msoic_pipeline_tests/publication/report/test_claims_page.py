"""The page of claims, read back from its HTML: what is borne out, by what, as known when, and what is kept back."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from msoic_pipeline.claims.claims import Report
from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.kpis.known_values import find_known_values
from msoic_pipeline.periods import parse_quarter, periods
from msoic_pipeline.publication.report import claims_page, make
from msoic_pipeline.publication.report.make import make_report
from msoic_pipeline_tests.claims.test_verdicts import report_of
from msoic_pipeline_tests.handmade import Warehouse
from msoic_pipeline_tests.publication.report.pages import ReadPage, read_page

TODAY = dt.date(2023, 9, 1)
QUARTERS = list(periods("quarter", parse_quarter("2020-Q2"), parse_quarter("2022-Q1")))
WEST_YORKSHIRE = "E23000010"


def _months(year: int) -> list[str]:
    """The months of a financial year."""
    return [f"{year if month > 3 else year + 1}-{month:02}" for month in (*range(4, 13), 1, 2, 3)]


def _activity(activity: str, measure: str, year: int, total: float) -> list[dict[str, Any]]:
    """A year's counts: all of them in its first month."""
    row = {"activity": activity, "measure": measure, "geography_code": "National"}
    values = [total, *[0] * 11]
    cells = [f"C{number}" for number in range(5, 17)]
    return [
        row | {"period": month, "value": value, "cell": cell}
        for month, value, cell in zip(_months(year), values, cells, strict=True)
    ]


def _operations(year: int, total: float) -> tuple[str, list[dict[str, Any]]]:
    return "fact_programme_activity", _activity("Multi-agency operations", "Operations", year, total)


@pytest.fixture
def connection(made_sqlite: Path, tmp_path: Path) -> Iterator[Connection]:
    """A warehouse in which the operations of 2021/22 were published, and those of 2020/21 are the sample's.

    What was published of 2021/22 on 30 April 2022 was 115, and was revised to 120 on 1 February 2023.
    """
    path = tmp_path / "warehouse.sqlite"
    path.write_bytes(made_sqlite.read_bytes())
    warehouse = Warehouse(f"sqlite:///{path}")
    warehouse.publish("programme_activity-sample", "2021-04-30", _operations(2020, 80))
    warehouse.publish("programme_activity-real", "2022-04-30", _operations(2021, 115), is_synthetic=False)
    warehouse.publish("programme_activity-revised", "2023-02-01", _operations(2021, 120), is_synthetic=False)
    for year, value in ((2020, 40), (2021, 68)):
        figure = {"breakdown": "exploitation", "measure": "opened", "exploitation_type": "Domestic", "value": value}
        rows = [figure | {"period": f"{year}-{month:02}", "force_code": WEST_YORKSHIRE} for month in range(1, 13)]
        release_id = f"force_returns-{year}"
        warehouse.publish(release_id, f"{year}-12-31", ("fact_investigation", rows), reporter=WEST_YORKSHIRE)
    compute_quarters(warehouse.engine, QUARTERS)
    with warehouse.engine.connect() as opened:
        yield opened
    warehouse.engine.dispose()


LEVEL: dict[str, Any] = {"unit": "operations", "measure": {"kpi": "operations"}, "topics": ["operations"]}
REAL = LEVEL | {
    "period": "2021/22",
    "value": 115,
    "words": "115 <b>operations</b>",
    "said_of": "operations carried out",
}
OTHER_WORD = REAL | {"words": "115 supported", "said_of": "operations supported", "part_of_section": "box"}
SAMPLE = LEVEL | {"period": "2020/21", "value": 80, "words": "80 the year before"}
BOTH = LEVEL | {
    "kind": "change",
    "unit": "percent",
    "period": "2021/22",
    "base": "2020/21",
    "value": 44,
    "words": "a rise of 44%",
}
YEARS: dict[str, Any] = {"unit": "years", "value": 5, "words": "five years", "missing": "the day on which it began"}
FORCE_WHERE = {"breakdown": "exploitation", "measure": "opened", "dim_force.name": "West Yorkshire"}
OF_A_FORCE: dict[str, Any] = {
    "kind": "change",
    "unit": "percent",
    "value": 70,
    "words": "cases rose by 70%",
    "period": "2021",
    "base": "2020",
    "locality": "West Yorkshire",
    "measure": {"term": {"fact": "fact_investigation", "where": FORCE_WHERE}},
}


def _make_html(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, as_at: dt.date | None, *claims: dict[str, Any]
) -> str:
    report: Report = report_of(*claims)
    monkeypatch.setattr(claims_page, "load_reports", lambda: (report,))
    monkeypatch.setattr(make, "load_sections", tuple)
    return make_report(connection, TODAY, as_at)


def _read_section(html: str) -> ReadPage:
    """What stands in the section of claims alone."""
    return read_page(html[html.index('<section id="claims"') :].partition("</section>")[0])


def _read_counts(html: str) -> dict[str, list[int]]:
    """The table of verdicts: by verdict how many claims have it when published, and now."""
    rows = re.findall(r'<th scope="row" class="under">(.*?)</th><td>(\d+)</td><td>(\d+)</td>', html)
    return {verdict: [int(then), int(now)] for verdict, then, now in rows}


def _read_claim(html: str, claim_id: str) -> str:
    """The text of a claim."""
    item = html[html.index(f'<li id="claim-report-{claim_id}"') :].partition("</li>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", item).split())


def test_published_figures_come_first_and_the_sample_confirms_nothing(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
):
    html = _make_html(connection, monkeypatch, dt.date(2022, 12, 31), REAL, SAMPLE, BOTH, YEARS)
    assert _read_counts(html) == {
        "reproduced": [1, 1],
        "differs": [0, 0],
        "contradicted": [0, 0],
        "reproduced by sample data": [2, 2],
        "differs from sample data": [0, 0],
        "contradicted by sample data": [0, 0],
        "not computable": [1, 1],
        "not a figure": [0, 0],
    }
    assert (
        "Of 4 claims published figures or lists bear out 1, and these or the report itself refute 0; of 2 only "
        "synthetic sample data say anything, which confirm and refute nothing."
    ) in html
    assert html.index("115 &lt;b&gt;operations") < html.index("80 the year before"), "published figures come first"
    assert "reproduced by sample data : +43.8%" in _read_claim(html, "c3"), "it rests on both"


def test_a_claim_is_shown_as_known_on_the_day_of_its_report_and_on_that_of_the_page(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
):
    before = _read_claim(_make_html(connection, monkeypatch, dt.date(2022, 12, 31), REAL), "c1")
    after = _read_claim(_make_html(connection, monkeypatch, None, REAL), "c1")
    assert "When published, 31 July 2022 reproduced : 115 operations Now, 30 April 2022 reproduced : 115" in before
    assert "When published, 31 July 2022 reproduced : 115 operations Now, 1 February 2023 differs : 120" in after
    assert "115 operations was the figure published on 2022-04-30, revised since." in after


@pytest.mark.parametrize("as_at", [dt.date(2022, 12, 31), None])
def test_every_figure_behind_a_claim_is_the_warehouses_and_can_be_asked_for(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, as_at: dt.date | None
):
    html = _make_html(connection, monkeypatch, as_at, REAL, SAMPLE, BOTH)
    shown = _read_section(html).figures
    known = {
        f"{value.kpi_id} {value.period_label} {value.geography_code}": value.value
        for value in find_known_values(connection, "operations", as_at=as_at)
    }
    told = read_page(html).asked["figures"]
    assert len(shown) == 4
    assert {name.split(" ")[1] for name, _ in shown} == {"2020/21", "2021/22"}
    for name, words in shown:
        assert float(words) == known[name] == told[name]["value"]
        assert told[name]["terms"]


def test_of_a_report_that_came_out_later_nothing_is_said(connection: Connection, monkeypatch: pytest.MonkeyPatch):
    html = _make_html(connection, monkeypatch, dt.date(2022, 7, 30), REAL)
    assert "No report of the Programme that is held here had been published by 30 July 2022." in html
    assert "115 &lt;b&gt;operations" not in html and _read_counts(html) == {}
    assert "115 &lt;b&gt;operations" in _make_html(connection, monkeypatch, dt.date(2022, 7, 31), REAL)


@pytest.mark.parametrize("value", [70, 12])
def test_whether_a_claim_of_what_a_force_returned_is_true_is_kept_back(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, value: int
):
    html = _make_html(connection, monkeypatch, None, REAL, OF_A_FORCE | {"value": value})
    assert _read_counts(html)["kept back"] == [1, 1]
    assert sum(now for _, now in _read_counts(html).values()) == 2
    text = _read_claim(html, "c2")
    assert text.endswith("Why The verdict would tell what a force or two returned.")
    assert not any(word in text for word in ("reproduced", "differs", "480", "816", "force_returns"))


def test_a_claim_of_a_force_reads_the_same_be_it_true_or_not(connection: Connection, monkeypatch: pytest.MonkeyPatch):
    texts = [_make_html(connection, monkeypatch, None, OF_A_FORCE | {"value": value}) for value in (70, 12)]
    sections = [_read_section(html).text.replace("+70%", "+12%") for html in texts]
    assert sections[0] == sections[1]


def test_disagreements_have_both_places_and_lead_to_them(connection: Connection, monkeypatch: pytest.MonkeyPatch):
    html = _make_html(connection, monkeypatch, None, REAL, OTHER_WORD, REAL | {"value": 100, "words": "100 of them"})
    section = _read_section(html)
    assert "The same figure, said to be of different things: 1" in section.text
    assert "Different figures of the same thing: 2" in section.text
    assert (
        "The same figure of operations, 115 operations: operations carried out in section 1; operations supported in "
        "section 1, box."
    ) in section.text
    assert section.links.count("#claim-report-c1") == section.links.count("#claim-report-c2") == 2
    page = read_page(html)
    assert [link for link in page.links if link[1:] not in page.identifiers] == []
    assert len(page.identifiers) == len(set(page.identifiers))


def test_the_words_of_a_report_are_escaped(connection: Connection, monkeypatch: pytest.MonkeyPatch):
    evil = REAL | {"words": "<script>alert(1)</script>", "note": "<img src=x>", "part_of_section": '"><i>'}
    html = _make_html(connection, monkeypatch, None, evil)
    assert not any(text in html for text in ("<script>alert", "<img", "<i>"))
    assert "<script>alert(1)</script>" in _read_section(html).text
