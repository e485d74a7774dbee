"""Whole runs: both engines alike, twice the same, one quarter alone, nothing due."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from msoic_pipeline.automation.jobs import find_quarters_to_run, nightly
from msoic_pipeline.definitions import defs
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.workbooks.source import SOURCES
from msoic_pipeline_tests.pipeline.conftest import DERIVED, FIRST, LAST, SAMPLE, Ran, assets_of, contents

pytestmark = pytest.mark.slow
Run = Callable[..., Ran]
QUARTER = dt.date(2021, 7, 1)
# From FIRST to LAST.
LOADED = {dt.date(2021, 1, 1), dt.date(2021, 4, 1), QUARTER, dt.date(2021, 10, 1), dt.date(2022, 1, 1)}

# Facts of which the sample has figures of other quarters only.
OF_OTHER_YEARS = {"fact_cps_case_outcome", "fact_force_population", "fact_nrm_referral_county"}


def test_definitions_load():
    dg.Definitions.validate_loadable(defs)


def test_both_engines_hold_the_same_and_a_second_run_changes_nothing(
    run: Run, loaded_sqlite: str, loaded_postgres: str, postgres_url: str
):
    sqlite = loaded_sqlite
    first = contents(sqlite)
    other = contents(sa.make_url(postgres_url).set(database=loaded_postgres).render_as_string(hide_password=False))
    assert first.keys() == other.keys()
    for table, rows in first.items():
        # The digest of the model names the engine's own types.
        ours, theirs = ({row for row in part if row[0] not in ("tables", "views")} for part in (rows, other[table]))
        assert ours == theirs, table
    for name in FACTS:
        assert bool(first[name]) == (name not in OF_OTHER_YEARS), f"{name}: {len(first[name])} rows"
    for table in ("kpi_value", "kpi_definition", "reconciliation_result", "coverage", "vintage", "validation_result"):
        assert first[table], f"{table} is empty"
    ran = run(sqlite)
    assert ran.success, str(ran)
    assert contents(sqlite) == first


def test_a_quarter_takes_along_what_its_new_release_covers_and_nothing_else(run: Run, raw: Path, loaded_url: str):
    later = "national-referral-mechanism-statistics-uk-quarter-3-2022-july-to-september-tables.ods"
    before = contents(loaded_url)
    for name in (later, f"{later}.yaml"):
        shutil.copy2(SAMPLE / "nrm" / name, raw / "nrm" / name)
    # A file of no other source has changed.
    assets = [*assets_of("nrm", "recorded_crime", "force_returns"), *DERIVED, "pipeline_run"]
    ran = run(loaded_url, QUARTER.isoformat(), QUARTER.isoformat(), *assets)
    assert ran.success, str(ran)
    after = contents(loaded_url)
    for name, fact in FACTS.items():
        place = list(fact.columns.keys()).index("quarter_start")
        changed = {row[place] for row in before[name] ^ after[name]}
        assert (QUARTER in changed and len(changed) > 1) if name == "fact_nrm_decision" else True
        assert changed <= LOADED if traits_of_fact(fact).source == "nrm" else not changed, name
    kpis = {row[0] for row in before["kpi_value"] ^ after["kpi_value"]}
    assert "nrm_referrals" in kpis and not any(kpi.startswith("recorded_modern_slavery") for kpi in kpis)
    ran = run(loaded_url, FIRST, LAST, *assets)
    assert ran.success, str(ran)
    assert contents(loaded_url, "load_log") == {k: v for k, v in after.items() if k != "load_log"}, "nothing is left"


def test_a_quarter_without_a_new_release_is_rewritten_alone(run: Run, warehouse_url: str):
    assets = assets_of("cps", "small_boats", "programme_activity")
    assert run(warehouse_url, FIRST, QUARTER.isoformat(), *assets).success
    before = contents(warehouse_url)
    assert run(warehouse_url, LAST, LAST, *assets).success
    after = contents(warehouse_url)
    for name, fact in FACTS.items():
        place = list(fact.columns.keys()).index("quarter_start")
        changed = {str(row[place]) for row in before[name] ^ after[name]}
        assert changed == ({LAST} if name in assets and changed else set()), name
    assert before["fact_cps_outcome"] != after["fact_cps_outcome"]


@pytest.mark.parametrize("cut", [{"cps": ("*quarter-4-2021-2022*",), "force_returns": ("2021-01", "2021-02")}])
def test_nothing_is_due_at_night_after_a_run_and_a_new_file_is(run: Run, raw: Path, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    assets = [*assets_of(*SOURCES), *DERIVED]
    assert run(url, "2015-01-01", "2026-10-01", *assets).success
    today = find_quarters_to_run(Settings())
    assert today.first == today.last, "only the running quarter, for the checks of the whole"
    shutil.rmtree(raw / "force_returns" / "2021-02")
    assert find_quarters_to_run(Settings()) == today, "what is gone takes nothing with it"
    name = "2021-03/e23000006-2021-03.xlsx"
    (raw / "force_returns" / name).parent.mkdir()
    shutil.copy2(SAMPLE / "force_returns" / name, raw / "force_returns" / name)
    with dg.instance_for_test() as instance:
        request = nightly(dg.build_schedule_context(instance))
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == "2015-01-01", "which it covers is not known yet"


def test_views_and_words_are_brought_up_to_date_and_figures_stay(warehouse_url: str):
    engine = open_engine(warehouse_url)
    prepare(engine)
    log, period = metadata.tables["load_log"], metadata.tables["dim_quarter"]
    kept: dict[str, object] = {
        name: dt.date(2021, 1, 1) for name in [*period.columns.keys()] if not name.endswith("label")
    }
    kept |= {"calendar_label": "2021-Q1", "financial_label": "2020/21 Q4"}
    with engine.begin() as connection:
        connection.execute(sa.insert(period), [kept])
        connection.execute(sa.update(log).where(log.c.stage == "views").values(fingerprint="old"))
        connection.exec_driver_sql("DROP VIEW current_release")
    prepare(engine)
    with read_transaction(engine) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(period)) == 1
        connection.execute(sa.text("SELECT * FROM current_release"))
        assert "old" not in set(connection.scalars(sa.select(log.c.fingerprint)))
    engine.dispose()
