"""A trace names the figures of which a KPI value is made, and no others."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
import xlsxwriter
from sqlalchemy.engine import Engine

from msoic_pipeline.kpis import lineage, marked_copies
from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.known_values import find_known_values
from msoic_pipeline.kpis.lineage import NamedFile, Trace, UntraceableError, find_facts, trace_value
from msoic_pipeline.kpis.marked_copies import name_copy, name_sheets
from msoic_pipeline.kpis.standing_facts import PeriodAsAt
from msoic_pipeline.kpis.wanted import are_in_geography, list_terms
from msoic_pipeline.model.geography import GeographyKey, find_geographies
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import period_end
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline_tests.handmade import ALL_QUARTERS, Row, Warehouse

KENT, ESSEX = "E23000032", "E23000028"
STOCKS = [kpi for kpi in load_definitions() if kpi.is_stock]


def _live(force: str, month: str, **by_type: int) -> list[Row]:
    """The live investigations of a force's month, by exploitation type."""
    figure = {"breakdown": "exploitation", "measure": "live", "period": month, "force_code": force}
    return [figure | {"exploitation_type": name.title(), "value": value} for name, value in by_type.items()]


def _return(warehouse: Warehouse, force: str, month: str, **by_type: int) -> None:
    rows = _live(force, month, **by_type)
    warehouse.publish(
        f"force_returns-{force}-{month}",
        "2021-08-01",
        ("fact_investigation", rows),
        reporter=force,
        reference_period=month,
    )


def _trace(warehouse: Warehouse, folder: Path, kpi_id: str, geography: str = "national") -> Trace:
    with read_transaction(warehouse.engine) as connection:
        return trace_value(connection, folder, kpi_id, "2021-Q2", geography)


def test_a_stock_that_a_later_month_does_not_list_is_none_in_value_and_trace(warehouse: Warehouse, tmp_path: Path):
    _return(warehouse, KENT, "2021-04", domestic=2, labour=3)
    _return(warehouse, KENT, "2021-06", labour=4)
    _return(warehouse, ESSEX, "2021-05", domestic=5)
    warehouse.compute(ALL_QUARTERS, "live_investigations_domestic_share", "live_investigations")
    kent = _trace(warehouse, tmp_path, "live_investigations_domestic_share", KENT)
    assert (kent.value.numerator, kent.numerator.total, kent.numerator.figures) == (0, 0, ())
    nation = _trace(warehouse, tmp_path, "live_investigations_domestic_share")
    assert (nation.value.numerator, nation.numerator.total, len(nation.numerator.figures)) == (5, 5, 1)
    assert _trace(warehouse, tmp_path, "live_investigations").numerator.total == 9


def test_facts_that_do_not_add_up_to_the_value_are_no_trace_of_it(warehouse: Warehouse, tmp_path: Path):
    _return(warehouse, KENT, "2021-06", domestic=2)
    warehouse.compute(ALL_QUARTERS, "live_investigations")
    with warehouse.engine.begin() as connection:
        connection.execute(sa.update(kpi_value).values(numerator=7))
    with pytest.raises(UntraceableError, match="do not add up") as raised:
        _trace(warehouse, tmp_path, "live_investigations", KENT)
    assert "7" not in str(raised.value).replace("2021", ""), "figures of returns stand in no message"


def test_a_file_in_which_both_terms_of_a_share_stand_is_opened_once(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    script = {"period": "2021-05", "activity": "Clandestine event scripts", "geography_code": "National"}
    rows = [script | {"measure": "Scripts received", "value": 40}]
    rows += [script | {"measure": "Scripts fully completed", "value": 30}]
    warehouse.publish("programme_activity-1", "2021-07-20", ("fact_programme_activity", rows))
    warehouse.compute(ALL_QUARTERS, "clandestine_script_completion_rate")
    opened: list[Path] = []

    def read_nothing(read: object, calls: Sequence[tuple[Path, Any]]) -> list[SourceFileError]:
        opened.extend(path for path, _ in calls)
        return [SourceFileError("", file=path.name, expected="", found="gone", remedy="") for path, _ in calls]

    monkeypatch.setattr(lineage, "find_content", lambda *named: tmp_path)
    monkeypatch.setattr(lineage, "call_in_workers", read_nothing)
    with read_transaction(warehouse.engine) as connection:
        trace = trace_value(connection, tmp_path, "clandestine_script_completion_rate", "2021-05")
    assert opened == [tmp_path]
    assert [(len(term.figures), term.total) for term in trace.terms.values()] == [(1, 30), (1, 40)]
    texts = [figure.texts for term in trace.terms.values() for figure in term.figures]
    assert texts == [("(the file cannot be read: gone)",)] * 2


def test_a_geography_with_several_values_is_asked_for_by_name(warehouse: Warehouse, tmp_path: Path):
    _return(warehouse, KENT, "2021-06", domestic=2)
    _return(warehouse, ESSEX, "2021-06", domestic=2)
    warehouse.compute(ALL_QUARTERS, "live_investigations")
    with pytest.raises(LookupError, match=f"several values.*force:{ESSEX}; force:{KENT}"):
        _trace(warehouse, tmp_path, "live_investigations", "force")


def test_a_region_called_like_a_force_is_asked_for_with_its_kind(warehouse: Warehouse, tmp_path: Path):
    force, region = GeographyKey("force", "E23000014"), GeographyKey("rocu_region", "West Midlands")
    _return(warehouse, force.code, "2021-06", domestic=2)
    warehouse.compute(ALL_QUARTERS, "live_investigations")
    with pytest.raises(LookupError, match=f"several values.*{force.written}; {region.written}"):
        _trace(warehouse, tmp_path, "live_investigations", "West Midlands")
    for key in (force, region):
        assert _trace(warehouse, tmp_path, "live_investigations", key.written).value.geography == key
    assert _trace(warehouse, tmp_path, "live_investigations", "force:West Midlands").value.geography == force
    with pytest.raises(LookupError, match="no geography is called 'Mercia'"):
        _trace(warehouse, tmp_path, "live_investigations", "Mercia")


@pytest.mark.parametrize("kpi", STOCKS, ids=lambda kpi: kpi.kpi_id)
def test_the_facts_of_every_stock_add_up_to_its_value(sample_sqlite: Engine, kpi: Kpi):
    """Of the nation, of a force without a return for September, and of its region."""
    with read_transaction(sample_sqlite) as connection:
        for period, place in product(("2021-08", "2021-Q3", "2021"), ("national", "Wiltshire", "South West")):
            for value in find_known_values(connection, kpi.kpi_id, period, find_geographies(place)):
                period_as_at = PeriodAsAt(value.period_start, period_end(value.period_kind, value.period_start))
                sums = [value.numerator, value.denominator]
                for term, expected in zip(list_terms(kpi), sums, strict=False):
                    in_geography = are_in_geography(term, value.geography_kind, value.geography_code)
                    facts = find_facts(connection, term, period_as_at, in_geography)
                    assert sum(fact.value for fact in facts) == pytest.approx(expected or 0), value


def test_copies_of_sheets_have_names_that_excel_takes():
    """A CSV file's sheet is its name, which may be anything; a moment in it keeps its time of day."""
    alike = [f"police recorded crime outcomes {year}" for year in (2021, 2022)]
    names = name_sheets(["crime [final]", "Crime :final:", *alike, "'quoted'", "plain"])
    assert list(names.values()) == [
        "crime -final-",
        "Crime -final- 2",
        "police recorded crime outcomes ",
        "police recorded crime outcome 2",
        "-quoted-",
        "plain",
    ]


def test_a_copy_has_each_sheet_with_its_moments(tmp_path: Path):
    original = tmp_path / "original.xlsx"
    names = ["One", "Two"]
    moments = [dt.datetime(2021, 4, 1, 13, 45), dt.datetime(2021, 4, 1)]
    with xlsxwriter.Workbook(original) as book:
        for name in names:
            sheet = book.add_worksheet(name)
            for row, moment in enumerate(moments):
                sheet.write_datetime(row, 0, moment, book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))
    marked_copies._write_copy(original, {name: {"A1"} for name in names}, tmp_path / "copy.xlsx", 0o600)
    copy = openpyxl.load_workbook(tmp_path / "copy.xlsx")
    assert copy.sheetnames == names
    assert [[cell.value for (cell,) in copy[name].iter_rows()] for name in names] == [moments] * 2


def test_every_file_and_value_has_a_copy_of_its_own(warehouse: Warehouse, tmp_path: Path):
    _return(warehouse, KENT, "2021-06", domestic=2)
    warehouse.compute(ALL_QUARTERS, "live_investigations")
    nation, kent = (_trace(warehouse, tmp_path, "live_investigations", place) for place in ("national", KENT))
    files = [
        NamedFile("force_returns", "a" * 64, "kent/return.v1.xlsx"),
        NamedFile("force_returns", "b" * 64, "kent/return.v2.xlsx"),
        NamedFile("force_returns", "c" * 64, "essex/return.v1.xlsx"),
        NamedFile("force_returns", "d" * 64, f"{'/'.join('&€' * 9)}{'x' * 300}.xlsx"),
    ]
    names = [name_copy(trace, file) for trace in (nation, kent) for file in files]
    assert names[0] == "live_investigations-2021-Q2-E-W-aaaaaaaa-return.v1.xlsx"
    assert len(set(names)) == len(names)
    assert all(len(name) < 255 and name.replace("-", "").replace("_", "").replace(".", "").isalnum() for name in names)
    assert dt.date(2021, 4, 1) == nation.value.period_start
