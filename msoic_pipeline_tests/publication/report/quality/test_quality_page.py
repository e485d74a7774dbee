"""The pages of quality and sources: what they say is what stands in the warehouse, and no return is told."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
import sqlalchemy as sa

from msoic_pipeline.kpis.definition_rows import write_definitions
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.evidence import (
    coverage,
    quarantine,
    reconciliation_result,
    reconciliation_rule,
    release,
    validation_result,
)
from msoic_pipeline.publication.report import make
from msoic_pipeline.publication.report.make import INTERNAL_WARNING, make_report
from msoic_pipeline.signals.limits import FEWEST_FIGURES, LIMIT_IN_MOVING_RANGES
from msoic_pipeline.sources.statements import load_statement
from msoic_pipeline.workbooks.source import SOURCES, load_source
from msoic_pipeline_tests.handmade import Warehouse

TODAY = dt.date(2022, 6, 1)
KENT = "E23000032"
NASTY = "<script>alert(1)</script>&"
Make = Callable[..., str]


class Page(HTMLParser):
    """The tables of a page by their captions, its headings in order, and its texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.headings: list[int] = []
        self.unscoped = 0
        self.ids: list[str] = []
        self.texts: list[str] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self._within: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self._within.append(tag)
        if named.get("id"):
            self.ids.append(str(named["id"]))
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag in ("th", "td"):
            self._rows[-1].append("")
        self.unscoped += tag == "th" and named.get("scope") not in ("row", "col")
        if tag in ("h1", "h2", "h3", "h4", "h5"):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            while self._within.pop() != tag:
                pass
        if tag == "table":
            self.tables[self._caption] = self._rows

    def handle_data(self, data: str) -> None:
        within = set(self._within)
        if within & {"style", "script"}:
            return
        self.texts.append(data)
        if "caption" in within:
            self._caption += data
        elif within & {"th", "td"}:
            self._rows[-1][-1] = f"{self._rows[-1][-1]} {data}".strip()

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def by_first(self, caption: str) -> dict[str, dict[str, str]]:
        """The rows of a table by their headings, as columns and what stands under them."""
        head, *rows = self.tables[caption]
        return {row[0]: dict(zip(head, row, strict=True)) for row in rows}


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """A release of the NRM and its re-issue, two returns, and findings of every kind."""
    referrals = {"breakdown": "age_location", "referrals": 10, "period": "2021-Q4"}
    warehouse.publish("nrm-a", "2022-03-03", ("fact_nrm_referral", [referrals]))
    warehouse.publish("nrm-b", "2022-05-05", ("fact_nrm_referral", [referrals]), edition=2)
    live = {"breakdown": "exploitation", "measure": "live", "exploitation_type": "Labour", "value": 4321}
    for number, month in enumerate(("2022-01", "2022-02")):
        figures = ("fact_investigation", [live | {"period": month, "force_code": KENT}])
        warehouse.publish(f"force_returns-{number}", "2022-03-10", figures, reporter=KENT, reference_period=month)
    with warehouse.engine.begin() as connection:
        write_definitions(connection)
        files = {"nrm-a": f"nrm/{NASTY}.ods", "nrm-b": "nrm/b.ods", "force_returns-0": "force_returns/kent.xlsx"}
        for release_id, name in files.items():
            its = release.c.release_id == release_id
            connection.execute(sa.update(release).where(its).values(file_name=name))
        reissued = sa.update(release).where(release.c.release_id == "nrm-a")
        connection.execute(reissued.values(superseded_by="nrm-b", is_synthetic=False))
        connection.execute(sa.insert(quarantine), QUARANTINE)
        connection.execute(sa.insert(reconciliation_rule), RULES)
        connection.execute(sa.insert(reconciliation_result), RESULTS)
        connection.execute(sa.insert(validation_result), FOUND)
        absent = {"source": "force_returns", "period_start": dt.date(2022, 3, 1), "quarter_start": dt.date(2022, 1, 1)}
        connection.execute(sa.insert(coverage), [absent | {"reporter": KENT, "expected": True, "received": False}])
    return warehouse


def rejected(source: str, cell: str, **more: Any) -> dict[str, Any]:
    return {
        "source": source,
        "file_name": f"{source}/kent.xlsx" if source == "force_returns" else f"{source}/{NASTY}.ods",
        "sheet": "Table 1",
        "cell": cell,
        "rule": "bad_row",
        "release_id": None,
        "reason": "Kent has 9876" if source == "force_returns" else "the row stands twice",
        "raw_text": "",
        "is_declared": False,
        "treatment": "rejected",
    } | more


QUARANTINE = [
    rejected("nrm", "A1", is_declared=True, treatment="read as 2023"),
    *(rejected("nrm", f"B{row}") for row in range(5)),
    *(rejected("force_returns", f"C{row}") for row in range(2)),
    rejected("nrm", "", sheet="", rule="absent_file", reason="it is not where it was", treatment="its figures stand"),
]
RULES = [
    {"rule_id": rule_id, "title": title, "compares": "", "may_differ": "", "severity": severity, "releases": "current"}
    | {"tolerances": "", "is_sensitive": is_sensitive}
    for rule_id, title, severity, is_sensitive in (
        ("open_rule", "Crimes add up", "block", False),
        ("returns_rule", "Returns add up", "warn", True),
        ("idle_rule", "Nothing to compare", "warn", False),
    )
]


def result(rule_id: str, place: int, status: str, left: float, right: float) -> dict[str, Any]:
    return {
        "rule_id": rule_id,
        "period_kind": "quarter",
        "period_start": dt.date(2021, 1, 1),
        "period_label": "2021-Q1",
        "geography_kind": "force",
        "geography_code": KENT,
        "item": f"item {place}",
        "left_release": "nrm-b",
        "right_release": "nrm-b",
        "quarter_start": dt.date(2021, 1, 1),
        "left_value": left,
        "right_value": right,
        "difference": left - right,
        "tolerance": 5,
        "severity": "warn",
        "status": status,
        "explanation": "",
    }


STATUSES = ("agrees", "agrees", "within tolerance", "explained", "breaks", "not comparable")
RESULTS = [
    result(rule_id, place, status, 1234 + place, 1200)
    for rule_id in ("open_rule", "returns_rule")
    for place, status in enumerate(STATUSES)
]


def found(source: str, check: str, severity: str, success: bool, release_id: str = "", **more: Any) -> dict[str, Any]:
    return {
        "source": source,
        "table_name": "warehouse",
        "check_name": check,
        "release_id": release_id,
        "found_on": dt.date(2022, 5, 6),
        "superseded_on": None,
        "severity": severity,
        "success": success,
        "rows_checked": 200,
        "rows_failed": 0 if success else 7,
        "detail": "detail of Kent 9876",
    } | more


SENSITIVE_KPI = next(kpi.kpi_id for kpi in load_definitions() if kpi.is_sensitive)
FOUND = [
    found("nrm", "dates are days", "block", True),
    found("nrm", "rows are there", "warn", False, "nrm-b", detail=f"seen {NASTY}"),
    found("nrm", "it was mended", "block", False, superseded_on=dt.date(2022, 5, 7)),
    found("force_returns", "returns are whole", "block", False, "force_returns-0"),
    found("kpi", "shares are shares", "warn", False, detail=f"{SENSITIVE_KPI}, {KENT}, 2022-01: figure withheld"),
]


@pytest.fixture
def make_page(filled: Warehouse, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Make the report without its charts."""
    monkeypatch.setattr(make, "load_sections", tuple)

    def made(as_at: dt.date | None = None, *, is_internal: bool = False) -> str:
        with filled.engine.connect() as connection:
            return make_report(connection, TODAY, as_at, is_internal=is_internal)

    return made


def test_what_it_says_is_what_the_warehouse_has(make_page: Make, filled: Warehouse):
    page = Page(make_page())
    with filled.engine.connect() as connection:
        reported: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in connection.execute(sa.select(coverage).where(coverage.c.expected)):
            reported[load_source(row.source).title][0] += 1
            reported[load_source(row.source).title][1] += row.received
        counted: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for row in connection.execute(sa.select(reconciliation_result)):
            counted[row.rule_id][row.status] += 1
    shown = page.by_first("Reports due and received, by source")
    assert {title: [int(row["Due"]), int(row["Received"])] for title, row in shown.items()} == reported
    rules = page.by_first("Reconciliation by rule: results")
    assert set(rules) == {"Crimes add up", "Returns add up", "Nothing to compare"}
    numbers = {column: int(rules["Crimes add up"][column]) for column in ("Holds", "Explained", "Breaks")}
    statuses = counted["open_rule"]
    assert numbers == {
        "Holds": statuses["agrees"] + statuses["within tolerance"],
        "Explained": statuses["explained"],
        "Breaks": statuses["breaks"],
    }
    assert rules["Nothing to compare"]["Holds"] == "0"
    assert "Of 10 results of 3 rules, 6 hold, 2 are explained and 2 break; 2 more cannot be compared." in page.text
    assert "1 place treated by declared faults; 7 rows or files rejected; 1 file or folder absent" in page.text
    assert "3 of 4 findings of checks fail: 1 blocking, 2 with a warning." in page.text


def test_breaks_have_both_sides_and_their_files(make_page: Make):
    page = Page(make_page())
    row = page.by_first("Breaks: differences that nobody has explained")["Crimes add up"]
    assert (row["Left side"], row["Right side"], row["Difference"], row["Allowed"]) == ("1,238", "1,200", "38", "5")
    assert row["Where"] == "2021-Q1, Kent, item 4" and row["Files"] == "nrm/b.ods"


def test_checks_that_fail_are_listed_blocking_ones_first(make_page: Make):
    _, *rows = Page(make_page()).tables["Checks that fail now, blocking ones first"]
    assert [(row[0], row[1], row[4]) for row in rows] == [
        ("returns are whole", "block", "7 of 200"),
        ("shares are shares", "warn", "7 of 200"),
        ("rows are there", "warn", "7 of 200"),
    ]


def test_nothing_of_a_single_return_is_told(make_page: Make):
    html = make_page()
    page = Page(html)
    for secret in ("4321", "4,321", "9876", "kent.xlsx", KENT):
        assert secret not in html, secret
    of_returns = page.by_first("Breaks: differences that nobody has explained")["Returns add up"]
    assert of_returns["Where"] == "2021-Q1, (withheld), (withheld)"
    assert of_returns["Left side"] == of_returns["Files"] == "(withheld)"
    rejected_rows = page.by_first("What was rejected or is absent, by source and rule")
    returns = rejected_rows[load_source("force_returns").title]
    assert (returns["Places"], returns["The first of them"], returns["Why"]) == ("2", "(withheld)", "(withheld)")
    others = rejected_rows[load_source("nrm").title]
    assert others["Places"] == "5" and others["The first of them"].endswith("and 2 more")
    assert not [row for row in page.tables.get("Reports that are missing", []) if "Kent" in row[-1]]


def test_an_internal_page_names_forces_and_says_that_it_is_internal(make_page: Make):
    caption = "Modern slavery investigations, monthly force return: 2022, by force"
    internal, open_page = Page(make_page(is_internal=True)), Page(make_page())
    kent = internal.by_first(caption)["Kent"]
    assert [kent[month].split()[-1] for month in ("Jan", "Feb", "Mar")] == ["received", "received", "missing"]
    assert INTERNAL_WARNING in internal.text and INTERNAL_WARNING not in open_page.text
    assert caption not in open_page.tables


def test_of_an_earlier_day_what_checks_found_is_left_out(make_page: Make):
    page = Page(make_page(dt.date(2022, 3, 31)))
    assert "kept as of today alone, and are left out of this report, which is as known on 31 March 2022" in page.text
    assert not [caption for caption in page.tables if caption.startswith(("Reconciliation", "Checks", "Breaks"))]
    # The re-issue had not come: what it has superseded was in force.
    _, *rows = page.tables["Releases: 1 file"]
    assert rows == [["3 March 2022", "2021-Q4", f"nrm/{NASTY}.ods", "1", "in force", "no"]]


def test_releases_say_what_has_become_of_them_and_which_are_synthetic(make_page: Make):
    _, latest, first = Page(make_page()).tables["Releases: 2 files"]
    assert latest[3:] == ["2", "in force", "SYNTHETIC"]
    assert first[4:] == ["superseded by nrm/b.ods", "no"]
    _, *months = Page(make_page()).tables["Releases: 2 files, by period"]
    assert [row[:3] for row in months] == [["2022-02", "1", "1"], ["2022-01", "1", "1"]]


def test_every_source_has_its_page_with_its_statement(make_page: Make):
    page = Page(make_page())
    for source in SOURCES:
        assert f"source-{source}" in page.ids
        for area in load_statement(source).areas.values():
            assert area.says in page.text
    assert f"{LIMIT_IN_MOVING_RANGES:g} mean moving ranges" in page.text
    assert f"Of fewer than {FEWEST_FIGURES} figures" in page.text
    for kpi in load_definitions():
        assert kpi.title in page.text


def test_texts_are_escaped(make_page: Make):
    html = make_page()
    assert NASTY not in html and "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in html


@pytest.mark.parametrize("is_internal", [False, True])
def test_it_can_be_read_out(make_page: Make, is_internal: bool):
    page = Page(make_page(is_internal=is_internal))
    assert page.unscoped == 0 and page.headings[0] == 1
    for before, after in zip(page.headings, page.headings[1:], strict=False):
        assert after <= before + 1, page.headings
    assert len(page.ids) == len(set(page.ids))
    # Each state has its symbol and its word.
    grid = page.tables["Modern slavery investigations, monthly force return: returns received of those expected"]
    assert grid[1][1:5] == ["✓ received", "✓ received", "✗ missing", "none expected"]
