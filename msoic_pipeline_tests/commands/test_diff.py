"""What is foretold of a file is what loading it then does, and foretelling it changes nothing."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app
from msoic_pipeline.commands.diff import ForetoldFile, foretell_file
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.kpis.change_finder import ChangeFinder
from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.evidence import reconciliation_result, release
from msoic_pipeline.periods import FIRST_QUARTER
from msoic_pipeline.publication.change_words import tell_change
from msoic_pipeline.reconciliation.summary import ShownBreak
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.partial_copy import read_unchanging
from msoic_pipeline_tests.databases import on_sqlite
from msoic_pipeline_tests.kpis.conftest import QUARTERS, TODAY, fill
from msoic_pipeline_tests.sample import RAW, staged_releases

pytestmark = pytest.mark.slow

LAST, MIDDLE = "cps-data-summary-quarter-4-2021-2022.xlsx", "cps-data-summary-quarter-4-2020-2021.xlsx"


def list_staged(*without: str) -> list[StagedRelease]:
    staged = staged_releases("cps", "2020-2021") + staged_releases("cps", "2021-2022")
    return [each for each in staged if not each.release.file_name.endswith(without)]


@pytest.fixture
def engine(warehouse_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An empty database that the settings name as the warehouse, once of each kind."""
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", warehouse_url)
    engine = open_engine(warehouse_url)
    yield engine
    engine.dispose()


def load(engine: Engine, staged: list[StagedRelease]) -> None:
    fill(engine, {"cps": staged})
    compute_quarters(engine, QUARTERS)


def read_everything(engine: Engine) -> dict[str, list[Any]]:
    with read_transaction(engine) as connection:
        names = sa.inspect(connection).get_table_names(schema="msoic" if engine.dialect.name == "postgresql" else None)
        tables = [metadata.tables[name] for name in sorted(names) if name in metadata.tables]
        return {table.name: sorted(map(repr, connection.execute(sa.select(table)))) for table in tables}


def read_finder(engine: Engine) -> ChangeFinder:
    with read_transaction(engine) as connection:
        return ChangeFinder(connection)


def foretell(name: str, *, folder: Path = RAW / "cps") -> ForetoldFile:
    return foretell_file(folder / name, TODAY)


def test_what_is_foretold_is_what_loading_does_and_the_warehouse_stays_as_it_was(engine: Engine):
    load(engine, list_staged(LAST))
    before, everything = read_finder(engine), read_everything(engine)
    foretold = foretell(LAST)
    assert read_everything(engine) == everything
    assert foretold.would_load and foretold.trial and foretold.trial.status_in_warehouse == ""

    load(engine, list_staged())
    after, day = read_finder(engine), foretold.trial.release.published_on
    happened = after.find_changes_from(before, day)
    assert [tell_change(change) for change in happened] == list(foretold.rows)
    assert {row.change for row in foretold.rows} >= {"new", "revised"}
    assert foretold.trial.other_days == after.count_other_changes_from(before, day) == 0
    assert foretell(LAST).rows == (), "it is loaded already"


@on_sqlite
def test_an_older_file_changes_history_and_it_is_said(engine: Engine):
    load(engine, list_staged(MIDDLE))
    before = read_finder(engine)
    foretold = foretell(MIDDLE)
    load(engine, list_staged())
    after = read_finder(engine)
    assert foretold.trial and foretold.rows
    day = foretold.trial.release.published_on
    assert [tell_change(change) for change in after.find_changes_from(before, day)] == list(foretold.rows)
    assert foretold.trial.other_days == after.count_other_changes_from(before, day) > 0
    assert any(line.startswith("  history") for line in foretold.lines())


@on_sqlite
def test_a_file_whose_figures_were_taken_away_would_not_be_loaded(engine: Engine):
    load(engine, list_staged(LAST))
    foretold = foretell(LAST)
    assert foretold.trial
    with engine.begin() as connection:
        row = connection.execute(sa.select(release).limit(1)).mappings().one()
        its = {"release_id": foretold.trial.release.release_id, "sha256": "0", "status": "withdrawn"}
        connection.execute(sa.insert(release), [dict(row) | its])
    again = foretell(LAST)
    assert not again.would_load and any("took its figures away" in line for line in again.lines())


@on_sqlite
def test_a_rejected_file_changes_nothing_and_says_why(engine: Engine, tmp_path: Path):
    load(engine, list_staged(LAST))
    everything = read_everything(engine)
    with change_last(tmp_path) as book:
        book["1 Pre-charge"].delete_rows(1, 5)
    ran = CliRunner().invoke(app, ["diff", str(tmp_path / "cps" / LAST)])
    assert ran.exit_code == 1 and ran.stdout.startswith("REJECTED") and "nothing of it would be loaded" in ran.stdout
    told = json.loads(CliRunner().invoke(app, ["diff", "--json", str(tmp_path / "cps" / LAST)]).stdout)
    assert told["would_load"] is False and "changes" not in told
    assert read_everything(engine) == everything


@on_sqlite
def test_a_rule_that_would_break_is_named_and_all_is_told_as_json(engine: Engine, tmp_path: Path):
    """An area's receipts and outcomes are mistyped, and the totals with them, so that no check of the file sees it."""
    load(engine, list_staged(LAST))
    mistype_last(tmp_path)
    ran = CliRunner().invoke(app, ["diff", "--json", str(tmp_path / "cps" / LAST)])
    told = json.loads(ran.stdout)
    assert ran.exit_code == 0 and told["would_load"] and told["published_on"] == "2022-07-21"
    kpi = "Referrals from the police to the CPS"
    (moved,) = [row for row in told["changes"] if (row["kpi"], row["period"]) == (kpi, "2021-Q2")]
    assert moved["change"] == "revised" and moved["after"] == "1,078" and int(moved["before"]) < 200
    broken = {each["rule_id"]: each for each in told["rules_broken"] if each["period_label"] == "2021-Q2"}
    outcomes = broken["cps_outcomes_to_completed_prosecutions"]
    assert (outcomes["severity"], outcomes["left_value"], outcomes["right_value"]) == ("block", 8, 7)
    revision = broken["revision_of_cps_modern_slavery"]
    assert (revision["severity"], revision["left_value"]) == ("warn", 1_078)
    words = CliRunner().invoke(app, ["diff", str(tmp_path / "cps" / LAST)])
    assert words.exit_code == 0
    assert f"would move {len(told['changes'])} national figures" in words.stdout
    assert "BLOCKS" in words.stdout
    assert "(cps_outcomes_to_completed_prosecutions), 2021-Q2, " in words.stdout and ": 8 against 7" in words.stdout


@on_sqlite
def test_a_break_that_an_earlier_release_has_too_is_told_of_this_one(engine: Engine, tmp_path: Path):
    load(engine, list_staged(LAST))
    mistype_last(tmp_path)
    path = tmp_path / "cps" / LAST

    def list_broken() -> list[ShownBreak]:
        trial = foretell_file(path, TODAY).trial
        assert trial
        return [each for each in trial.broken if each.rule_id == "cps_outcomes_to_completed_prosecutions"]

    (broken,) = list_broken()
    assert broken.left_release
    values: dict[type, Any] = {str: "", float: 1.0, dt.date: dt.date(2021, 4, 1)}
    row = {column.name: values[column.type.python_type] for column in reconciliation_result.columns}
    row |= {"status": "breaks", "severity": "block", "period_kind": "quarter", "left_release": "cps-earlier"}
    row |= {name: getattr(broken, name) for name in ("rule_id", "period_label", "item")}
    row |= {"geography_kind": "national", "geography_code": broken.geography}
    with engine.begin() as connection:
        connection.execute(sa.insert(reconciliation_result), [row])
    assert list_broken() == [broken]


def mistype_last(folder: Path) -> None:
    """Write the last release below a folder, an area's receipts and outcomes mistyped, and the totals with them."""
    with change_last(folder) as book:
        for sheet, column, more in (("1 Pre-charge", "B", 900), ("2 Prosecutions", "E", 1)):
            for row in (5, 19):
                book[sheet][f"{column}{row}"] = book[sheet][f"{column}{row}"].value + more


@contextmanager
def change_last(folder: Path) -> Iterator[openpyxl.Workbook]:
    """Give the workbook of the last release to be changed, and write it with its sidecar below a folder."""
    (folder / "cps").mkdir()
    for path in (RAW / "cps" / LAST, sidecar_path(RAW / "cps" / LAST)):
        shutil.copy2(path, folder / "cps" / path.name)
    book = openpyxl.load_workbook(folder / "cps" / LAST)
    yield book
    book.save(folder / "cps" / LAST)


def test_the_warehouse_is_read_at_one_moment_and_cannot_be_written_to(engine: Engine):
    load(engine, list_staged(LAST)[:1])
    with read_unchanging(engine) as connection:
        known = connection.scalar(sa.select(sa.func.count()).select_from(release))
        with pytest.raises(sa.exc.DBAPIError, match=r"read.?only"):
            connection.execute(sa.delete(release))
    with engine.begin() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(release)) == known
        connection.execute(sa.update(release).values(note="it can be written to again"))


@on_sqlite
def test_what_a_force_returned_is_not_told(warehouse_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", warehouse_url)
    engine = open_engine(warehouse_url)
    staged = staged_releases("force_returns", "-2021-07.")
    fill(engine, {"force_returns": staged[1:]})
    compute_quarters(engine, [dt.date(2021, 7, 1)])
    engine.dispose()
    foretold = foretell_file(RAW / staged[0].release.file_name, TODAY)
    assert foretold.would_load and foretold.rows
    for row in foretold.rows:
        assert {row.before, row.after, row.difference} == {"(withheld)"} and not row.usual
    assert "(withheld)" in foretold.as_json()


@on_sqlite
def test_a_kpi_declared_since_the_last_run_is_not_the_file_s_doing(engine: Engine):
    load(engine, list_staged(LAST))
    with engine.begin() as connection:
        for table in ("kpi_value", "kpi_definition"):
            connection.execute(sa.delete(metadata.tables[table]).where(sa.column("kpi_id") == "cps_convictions"))
    foretold = foretell(LAST)
    assert foretold.rows and "Convictions" not in {row.kpi for row in foretold.rows}


@on_sqlite
def test_quarters_before_the_first_are_left_out_as_a_run_leaves_them_out(engine: Engine):
    """The NRM's files reach back to 2014."""
    (staged,) = staged_releases("nrm", "quarter-4-2021")
    fill(engine, {"nrm": [staged]})
    compute_quarters(engine, QUARTERS)
    assert min(staged.quarters()) < FIRST_QUARTER
    assert foretell_file(RAW / staged.release.file_name, TODAY).rows == ()
