"""The report's tables of authorities, counties and outcomes, read back from the page and held against the warehouse."""

from __future__ import annotations

import datetime as dt
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa

from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.kpis.known_values import find_known_values
from msoic_pipeline.kpis.maturity import estimate_maturity
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.periods import parse_quarter
from msoic_pipeline.publication.marks import NOT_SETTLED
from msoic_pipeline.publication.report.make import make_report
from msoic_pipeline.publication.report.shown import FigureReader
from msoic_pipeline_tests.handmade import Row, Warehouse

TODAY = dt.date(2025, 7, 1)
KENT = "E23000032"
COUNTIES = {"Kent": 92, "Greater London": 618, "Antrim": 0}
# Of 2022 Q1: type of outcome and crimes of Kent; 14 and 16 are one group, 2 and 9 are others.
OUTCOMES = {"0": 40, "1": 11, "2": 1, "9": 2, "14": 20, "15": 30, "16": 5, "18": 60}


class TableReader(HTMLParser):
    """Reads the tables of a page: of each chart the rows, a row the texts of its cells, the marks behind figures."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.scopes: list[str] = []
        self._chart = ""
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "figure":
            self._chart = (named["id"] or "").removeprefix("chart-")
            self.tables[self._chart] = []
        elif tag == "tr":
            self.tables[self._chart].append([])
        elif tag in ("td", "th"):
            self.tables[self._chart][-1].append("")
            self._in_cell = True
            if tag == "th":
                self.scopes.append(named.get("scope") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.tables[self._chart][-1][-1] += data.strip()


@pytest.fixture(scope="module")
def filled(made_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> sa.Engine:
    """A warehouse with a release of counties, two of authorities, and two vintages of outcomes."""
    path = tmp_path_factory.mktemp("parts") / "warehouse.sqlite"
    shutil.copy2(made_sqlite, path)
    warehouse = Warehouse(f"sqlite:///{path}")
    for quarter, published, sca, ieca in (("2024-Q1", "2024-05-09", 3628, 896), ("2024-Q2", "2024-08-08", 3521, 795)):
        rows: list[Row] = [
            {"period": quarter, "competent_authority": "SCA", "referrals": sca, "cell": "C7"},
            {"period": quarter, "competent_authority": "IECA", "referrals": ieca, "cell": "D7"},
        ]
        warehouse.publish(f"nrm-{quarter}", published, ("fact_nrm_referral_authority", rows))
    counties: list[Row] = []
    for line, (name, referred) in enumerate(COUNTIES.items(), start=7):
        counties.append({"period": "2025-Q1", "county": name, "referrals": referred, "cell": f"B{line}"})
    warehouse.publish("nrm-2025-Q1", "2025-05-08", ("fact_nrm_referral_county", counties))
    # The older quarter shows how figures change from one year of age to the next; the younger is not settled.
    _publish_outcomes(warehouse, "2021-07-22", {"2021-Q1": 40})
    _publish_outcomes(warehouse, "2022-07-21", {"2021-Q1": 10, "2022-Q1": 40})
    quarters = [parse_quarter(quarter) for quarter in ("2021-Q1", "2022-Q1", "2024-Q1", "2024-Q2", "2025-Q1")]
    compute_quarters(warehouse.engine, quarters)
    estimate_maturity(warehouse.engine)
    return warehouse.engine


def _publish_outcomes(warehouse: Warehouse, published: str, unassigned: dict[str, int]) -> None:
    """Publish outcomes of Kent; who has none yet is charged in the end."""
    rows: list[Row] = []
    for quarter, number in unassigned.items():
        counts = OUTCOMES | {"0": number, "1": OUTCOMES["1"] + 40 - number}
        for code, offences in counts.items():
            row = {"period": quarter, "force_code": KENT, "offence_code": "106", "outcome_code": code}
            rows.append(row | {"outcomes_recorded": offences, "outcomes_closed": None, "cell": f"L{len(rows) + 2}"})
    warehouse.publish(f"crime_outcomes-{published}", published, ("fact_crime_outcome", rows))


@pytest.fixture(scope="module")
def page(filled: sa.Engine) -> TableReader:
    """The tables of the report of that warehouse."""
    reader = TableReader()
    with filled.connect() as connection:
        reader.feed(make_report(connection, TODAY))
    return reader


def test_referrals_by_authority_stand_as_published(page: TableReader):
    header, *rows = page.tables["referrals_by_competent_authority"]
    assert header == ["Period", "Single (SCA) (referrals)", "Immigration Enforcement (IECA) (referrals)"]
    assert rows == [["2024-Q2", "3,521", "795"], ["2024-Q1", "3,628", "896"]]


def test_counties_stand_by_name_and_one_that_is_not_listed_has_no_row(page: TableReader, filled: sa.Engine):
    header, *rows = page.tables["referrals_by_county"]
    assert header[0] == "Place"
    assert rows == [["Antrim", "0"], ["Greater London", "618"], ["Kent", "92"]]
    kpi_value = metadata.tables["kpi_value"]
    national = sa.select(kpi_value.c.value).where(
        kpi_value.c.kpi_id == "nrm_referrals_of_known_county",
        kpi_value.c.geography_kind == "national",
        kpi_value.c.period_kind == "quarter",
    )
    with filled.connect() as connection:
        assert connection.scalar(national) == sum(COUNTIES.values())


def test_every_crime_stands_in_one_group_of_outcomes(page: TableReader):
    header, *rows = page.tables["outcomes_by_quarter"]
    assert [cell.partition(" (")[0] for cell in header] == [
        "Period",
        "Charged or summonsed",
        "Evidential difficulties, victim supports",
        "Victim does not support",
        "No suspect identified",
        "Other outcomes",
        "Not yet assigned",
    ]
    by_label = {row[0]: row[1:] for row in rows}
    assert [number(cell) for cell in by_label["2022-Q1"]] == [11, 30, 25, 60, 3, 40]
    assert sum(number(cell) for cell in by_label["2022-Q1"]) == sum(OUTCOMES.values())
    assert [number(cell) for cell in by_label["2021-Q1"]] == [41, 30, 25, 60, 3, 10]


def test_figures_that_later_releases_will_change_are_marked_in_quarters_and_in_their_year(page: TableReader):
    quarters = {row[0]: row[1:] for row in page.tables["outcomes_by_quarter"][1:]}
    years = {row[0]: row[1:] for row in page.tables["outcomes_by_year"][1:]}
    changing, settled = (0, 5), (1, 2, 3, 4)  # charged and not yet assigned; the others stayed as they were
    for cells in (quarters["2022-Q1"], years["2021/22"]):
        assert all("g" in cells[place] for place in changing), cells
        assert not any("g" in cells[place] for place in settled), cells
    assert not any("g" in cell for cell in quarters["2021-Q1"])


def test_a_figure_as_known_on_an_earlier_day_is_marked_as_it_was_then(filled: sa.Engine):
    kpi = find_definition("modern_slavery_not_yet_assigned")
    with filled.connect() as connection:
        reader = FigureReader(connection, None, TODAY)
        for day, is_growing in ((dt.date(2021, 7, 22), True), (dt.date(2022, 7, 21), False)):
            (known,) = find_known_values(connection, kpi.kpi_id, "2021-Q1", [kpi.national_geography], as_at=day)
            assert (NOT_SETTLED in reader.show_earlier(kpi, known, day).marks) is is_growing


def test_every_header_cell_has_a_scope(page: TableReader):
    assert {"col", "row"} <= set(page.scopes) <= {"col", "row", "colgroup", "rowgroup"}


def number(cell: str) -> int:
    """The figure in a cell, without the marks behind it."""
    return int("".join(character for character in cell if character.isdigit()))
