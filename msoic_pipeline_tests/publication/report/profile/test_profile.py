"""A force's profile: its figures are the warehouse's, it is for few, and it tells no other force's return."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app
from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import find_today
from msoic_pipeline.publication.cover import make_cover
from msoic_pipeline.publication.report.make import make_report
from msoic_pipeline.publication.report.parts import Drawing, ShownRow
from msoic_pipeline.publication.report.profile import force_sections
from msoic_pipeline.publication.report.profile.forces import Force, find_force, list_forces
from msoic_pipeline.publication.report.profile.make import INTERNAL_MARK, ProfileMaker, save_internal, write_profiles
from msoic_pipeline.publication.report.profile.returns import read_returns
from msoic_pipeline.publication.value_words import tell_value
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline_tests.handmade import Warehouse
from msoic_pipeline_tests.publication.report.conftest import ESSEX, FORCES, SECRET, TODAY, live_of
from msoic_pipeline_tests.publication.report.pages import count_marks

CITY = next(force for force in FORCES if force.name == "City of London")
MET = next(force for force in FORCES if force.name == "Metropolitan Police")
# The returns of Essex about months before March 2022 that hold figures in force.
ESSEX_MORE = {"force_returns-a", "force_returns-c"}
MakeHtml = Callable[[Force], str]


@pytest.fixture(scope="module")
def make_html(forces_warehouse: Warehouse) -> Iterator[MakeHtml]:
    """Make the page of a force, which is not made anew for each test that reads it."""
    with read_transaction(forces_warehouse.engine) as connection:
        maker = ProfileMaker(connection, None, TODAY, make_cover(connection, TODAY, ()))
        yield cache(maker.make_profile)


def read_asked(html: str) -> dict[str, Any]:
    """What a page tells of where its figures come from."""
    text = re.search(r'<script type="application/json" id="asked">(.*?)</script>', html, re.S)
    assert text
    return json.loads(text[1])


class Tables(HTMLParser):
    """Reads the figures of a page that can be asked for, the rows of its tables, and its headings."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.asked: dict[str, str] = {}
        self.rows: list[list[str]] = []
        self.headings: list[int] = []
        self.header_scopes: list[str | None] = []
        self._button: str | None = None
        self._in_cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        its = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._in_cell = True
            self.rows[-1].append("")
        if tag == "th":
            self.header_scopes.append(its.get("scope"))
        if tag == "button" and its.get("data-of"):
            self._button = its["data-of"]
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False
        if tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        if self._button:
            self.asked[self._button] = data
        if self._in_cell:
            self.rows[-1][-1] += data.strip()

    def row(self, *first: str) -> list[str]:
        """The row that begins with these cells."""
        return next(row for row in self.rows if tuple(row[: len(first)]) == first)


def test_every_figure_is_the_warehouse_s_and_can_be_asked_for(connection: Connection, make_html: MakeHtml):
    html = make_html(ESSEX)
    shown = Tables(html)
    asked = read_asked(html)["figures"]
    assert len(shown.asked) > 10
    for name, words in shown.asked.items():
        kpi_id, label, code = name.split(" ", 2)
        query = sa.select(kpi_value.c.value).where(
            kpi_value.c.kpi_id == kpi_id, kpi_value.c.period_label == label, kpi_value.c.geography_code == code
        )
        value = connection.execute(query.order_by(kpi_value.c.as_of.desc())).scalars().first()
        if words == "–":
            assert asked[name]["value"] is None
        else:
            assert value is not None
            assert words == tell_value(value, find_definition(kpi_id).unit) and asked[name]["value"] == value
    assert f"live_investigations 2022-03 {ESSEX.code}" in shown.asked


def test_a_force_stands_beside_its_region_and_the_nation(make_html: MakeHtml):
    shown = Tables(make_html(ESSEX))
    eastern = [place for place, force in enumerate(FORCES) if force.region == "Eastern"]
    live = f"{live_of(FORCES.index(ESSEX)):,}"
    assert shown.row("Essex", live)[-1] in ("within", "outside")
    assert shown.row("Eastern", f"{sum(live_of(place) for place in eastern):,}")
    assert shown.row("England and Wales", f"{sum(live_of(place) for place in range(43)):,}")


def numbers_in(html: str) -> set[str]:
    """All numbers of a page, without commas; but for those of the sizes and places of pictures."""
    text = re.sub(r"<svg.*?</svg>", lambda svg: " ".join(re.findall(r">([^<]+)<", svg[0])), html, flags=re.S)
    return set(re.findall(r"\d+", re.sub(r"(?<=\d),(?=\d{3})", "", text)))


@pytest.mark.parametrize("force", [ESSEX, CITY, MET], ids=lambda force: force.name)
def test_no_other_force_s_return_is_told(make_html: MakeHtml, force: Force):
    html = make_html(force)
    numbers = numbers_in(html)
    assert str(live_of(FORCES.index(force))) in numbers
    others = {str(live_of(place)) for place, other in enumerate(FORCES) if other != force}
    assert not others & numbers
    assert SECRET not in html
    # In the pictures neither names nor marks stand for the returns of others.
    figure = re.search(r'<figure id="chart-live_investigations-beside".*?</figure>', html, re.S)
    assert figure and count_marks(figure[0]) == 1


@pytest.mark.parametrize("force", [ESSEX, CITY], ids=lambda force: force.name)
def test_no_other_force_s_return_is_named(make_html: MakeHtml, force: Force):
    """Neither who returned is told, nor by that who did not, also of a sum of all forces."""
    asked = read_asked(make_html(force))
    own = {release_id for release_id in asked["releases"] if release_id.startswith("force_returns-")}
    assert own == {f"force_returns-{FORCES.index(force)}"} | (ESSEX_MORE if force == ESSEX else set())
    terms = asked["figures"]["live_investigations 2022-03 E&W"]["terms"]
    (national,) = (asked["terms"][number] for number in terms)
    assert [cells["release"] for cells in national["cells"]] == [f"force_returns-{FORCES.index(force)}"]
    assert national["returns"] == len(FORCES) - 1


def test_a_region_of_two_forces_is_kept_back(make_html: MakeHtml):
    """London's figure, less the City's own, is the Metropolitan Police's return."""
    html = make_html(CITY)
    london = live_of(FORCES.index(CITY)) + live_of(FORCES.index(MET))
    assert str(london) not in numbers_in(html)
    assert "The region&#39;s figure is kept back" in html
    assert f"live_investigations 2022-03 {CITY.region}" not in html


def test_what_is_kept_back_stands_under_the_columns_of_its_kpi(make_html: MakeHtml):
    """London's figures are kept back of the City, be they numbers, shares or neither."""
    html = make_html(CITY)
    seen = set()
    for chart in re.findall(r'<figure id="chart-[a-z_]+-beside".*?</figure>', html, re.S):
        header, *rows = Tables(chart).rows
        assert {len(row) for row in rows} == {len(header)}, chart[:80]
        seen.add(len(header))
    assert len(seen) > 1


def test_a_row_has_as_many_cells_as_there_are_columns():
    with pytest.raises(ValueError, match="row 1 of a chart has 1 cells under 2 columns"):
        Drawing("Crimes", (), "", "", "Force", ("Crimes", "Residents"), (ShownRow("Kent", (None,)),))


def test_the_mark_stands_on_every_page_and_in_no_report(connection: Connection, make_html: MakeHtml):
    html = make_html(ESSEX)
    assert re.search(rf"<title>{INTERNAL_MARK}", html)
    body = html[html.index("<body>") :]
    assert body.index(f'<p class="internal">{INTERNAL_MARK}</p>') < body.index("<h1>")
    assert f'@page {{ @top-center {{ content: "{INTERNAL_MARK}"' in html
    assert INTERNAL_MARK not in make_report(connection, TODAY)


def test_the_page_can_be_read_by_ear(make_html: MakeHtml):
    shown = Tables(make_html(ESSEX))
    assert shown.headings[0] == 1 and shown.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(shown.headings, shown.headings[1:], strict=False))
    assert set(shown.header_scopes) == {"col", "row"}


def test_what_is_synthetic_says_so(make_html: MakeHtml):
    html = make_html(ESSEX)
    assert "synthetic sample data" in html
    charts = re.findall(r'<figure id="chart-[^"]*" class="([^"]*)"', html)
    assert charts and all("synthetic" in names for names in charts)
    # Also where a zero stands in no cell, since the return lists nothing of the kind.
    opened = re.search(r'<figure id="chart-investigations_opened_over_time".*?</figure>', html, re.S)
    assert opened and "monthly force return, published 10 April 2022 (SYNTHETIC)" in opened[0]


def test_returns_are_told_by_month_and_in_time_or_late(connection: Connection, make_html: MakeHtml):
    (returns,) = read_returns(connection, ESSEX.code, TODAY)
    told = {due.period_label: (due.days_after, due.editions, due.standing) for due in returns.due}
    assert told == {
        "2022-03": (10, 1, "in time"),
        "2022-02": (30, 2, "late"),
        "2022-01": (10, 1, "in time"),
        "2021-12": (None, 0, "not received"),
    }
    assert "3 of 4 returns due have been received and loaded, 1 of them late" in returns.summary
    shown = Tables(make_html(ESSEX))
    assert shown.row("2022-02", "20 March 2022")[2:] == ["30 March 2022", "30", "2 April 2022", "2", "0", "late"]


def test_returns_are_as_known_on_a_day(connection: Connection):
    (returns,) = read_returns(connection, ESSEX.code, dt.date(2022, 4, 1))
    assert [(due.period_label, due.editions) for due in returns.due] == [
        ("2022-03", 0),
        ("2022-02", 1),
        ("2022-01", 1),
        ("2021-12", 0),
    ]
    assert [due.standing for due in returns.due] == ["not yet due", "late", "in time", "not received"]
    assert returns.summary.startswith("2 of 3 returns due have been received and loaded, 1 of them late.")
    assert [(rule.rule, rule.entries) for rule in returns.quarantined] == [("value", 2)]


def test_what_is_as_of_today_is_said_to_be(connection: Connection):
    as_at = dt.date(2022, 4, 1)
    html = ProfileMaker(connection, as_at, TODAY, make_cover(connection, as_at, ())).make_profile(ESSEX)
    said = html[html.index('<section id="returns"') :]
    assert "Returns are those received by 1 April 2022; whether a file is held, rejected or withdrawn," in said
    assert "and what is in quarantine, is as of today." in said


def test_quarantine_is_counted_by_rule_of_the_force_alone(connection: Connection):
    (returns,) = read_returns(connection, ESSEX.code, TODAY)
    assert [(rule.rule, rule.entries, rule.is_declared) for rule in returns.quarantined] == [
        ("labels", 1, False),
        ("value", 2, False),
    ]
    (of_other,) = read_returns(connection, MET.code, TODAY)
    assert of_other.quarantined == ()


def test_a_kpi_of_years_alone_has_no_limits_over_time(connection: Connection, monkeypatch: pytest.MonkeyPatch):
    yearly = find_definition("recorded_modern_slavery_crimes").model_copy(update={"period_kinds": ("financial_year",)})
    monkeypatch.setattr(force_sections, "load_definitions", lambda: [yearly])
    html = ProfileMaker(connection, None, TODAY, make_cover(connection, TODAY, ())).make_profile(ESSEX)
    assert '<figure id="chart-recorded_modern_slavery_crimes_over_time"' in html


def test_what_is_missing_is_said_to_be(make_html: MakeHtml):
    html = make_html(ESSEX)
    assert "Of Essex there is no figure of:" in html and "Multi-agency operations" in html


@pytest.mark.parametrize(
    ("text", "name"),
    [("Essex", "Essex"), ("essex", "Essex"), ("E23000028", "Essex"), ("Avon & Somerset", "Avon and Somerset")],
)
def test_a_force_is_found_by_name_or_code(text: str, name: str):
    assert find_force(text).name == name


@pytest.mark.parametrize(
    ("text", "told"), [("Exess", "nearest: 'Essex'"), ("British Transport Police", "is no territorial force")]
)
def test_what_is_no_force_is_told(text: str, told: str):
    with pytest.raises(LookupError, match=re.escape(told)):
        find_force(text)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_files_are_for_their_owner_alone(connection: Connection, tmp_path: Path):
    (tmp_path / "internal").mkdir(mode=0o755)
    maker = ProfileMaker(connection, None, TODAY, make_cover(connection, TODAY, ()))
    before = os.umask(0)
    try:
        (path,) = write_profiles(maker, [ESSEX], tmp_path, TODAY)
    finally:
        os.umask(before)
    assert path == tmp_path / "internal" / "essex-2022-06-30.html"
    assert mode_of(path) == 0o600 and mode_of(path.parent) == 0o700
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_an_earlier_file_that_others_could_read_is_replaced(tmp_path: Path):
    path = tmp_path / "internal" / "essex.html"
    path.parent.mkdir()
    path.write_text("earlier")
    path.chmod(0o644)
    save_internal("later", path)
    assert path.read_text() == "later" and mode_of(path) == 0o600


def test_the_command_writes_them(forces_warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", str(forces_warehouse.engine.url))
    monkeypatch.setenv("MSOIC_OUTPUT_DIR", str(tmp_path))
    run = CliRunner().invoke(app, ["report", "--force", "essex"])
    path = tmp_path / "report" / "internal" / f"essex-{find_today()}.html"
    assert run.exit_code == 0 and run.stdout.split() == [str(path)] and mode_of(path) == 0o600
    for options, told in (
        (["--force", "Exess"], "nearest: 'Essex'"),
        (["--force", "Essex", "--to", str(tmp_path / "open.html")], "internal pages alone"),
        (["--force", "Essex", "--all-forces"], "not both"),
    ):
        run = CliRunner().invoke(app, ["report", *options])
        assert run.exit_code == 2 and told in " ".join(run.output.replace("│", " ").split())
    assert not (tmp_path / "open.html").exists()


def test_there_are_forty_three_forces_in_order():
    names = [force.name for force in list_forces()]
    assert len(names) == 43 and names == sorted(names)
