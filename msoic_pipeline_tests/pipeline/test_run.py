"""Whole runs: both engines alike, twice the same, one quarter alone, killed in the middle."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from msoic_pipeline.assets import source_steps
from msoic_pipeline.automation.jobs import nightly, quarters_to_run
from msoic_pipeline.definitions import defs
from msoic_pipeline.ingest.decisions import decide, find_release
from msoic_pipeline.model import metadata
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import forget_loads, open_engine, prepare, read_transaction
from msoic_pipeline.workbooks.layout import Source
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.pipeline.conftest import FIRST, LAST, SAMPLE, Ran, contents

Run = Callable[..., Ran]
QUARTER = dt.date(2021, 7, 1)
# From FIRST to LAST.
LOADED = {dt.date(2021, 1, 1), dt.date(2021, 4, 1), QUARTER, dt.date(2021, 10, 1), dt.date(2022, 1, 1)}

# Facts of which the sample has figures of other quarters only.
OF_OTHER_YEARS = {"fact_cps_case_outcome", "fact_force_population"}


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
        ours, theirs = ([row for row in part if row[0] not in ("tables", "views")] for part in (rows, other[table]))
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
    ran = run(loaded_url, QUARTER.isoformat(), QUARTER.isoformat())
    assert ran.success, str(ran)
    after = contents(loaded_url)
    for name, fact in FACTS.items():
        place = list(fact.columns.keys()).index("quarter_start")
        changed = {row[place] for row in set(before[name]) ^ set(after[name])}
        assert (QUARTER in changed and len(changed) > 1) if name == "fact_nrm_decision" else True
        assert changed <= LOADED if fact.info["source"] == "nrm" else not changed, name
    kpis = {row[0] for row in set(before["kpi_value"]) ^ set(after["kpi_value"])}
    assert "nrm_referrals" in kpis and not any(kpi.startswith("recorded_modern_slavery") for kpi in kpis)
    ran = run(loaded_url)
    assert ran.success, str(ran)
    assert contents(loaded_url, "load_log") == {k: v for k, v in after.items() if k != "load_log"}, "nothing is left"


def test_a_quarter_without_a_new_release_is_rewritten_alone(run: Run, warehouse_url: str):
    assert run(warehouse_url, FIRST, QUARTER.isoformat()).success
    before = contents(warehouse_url)
    assert run(warehouse_url, LAST, LAST).success
    after = contents(warehouse_url)
    for name, fact in FACTS.items():
        place = list(fact.columns.keys()).index("quarter_start")
        assert {str(row[place]) for row in set(before[name]) ^ set(after[name])} <= {LAST}, name


def test_nothing_is_due_at_night_after_a_run_and_a_new_file_is(run: Run, raw: Path, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    assert run(url, "2015-01-01", "2026-10-01").success
    today = quarters_to_run(Settings())
    assert today[0] == today[1], "only the running quarter, for the checks of the whole"
    shutil.rmtree(raw / "force_returns" / "2021-02")
    assert quarters_to_run(Settings()) == today, "what is gone takes nothing with it"
    name = "2021-03/e23000006-2021-03.xlsx"
    (raw / "force_returns" / name).parent.mkdir()
    shutil.copy2(SAMPLE / "force_returns" / name, raw / "force_returns" / name)
    with dg.instance_for_test() as instance:
        request = nightly(dg.build_schedule_context(instance))
    assert isinstance(request, dg.RunRequest)
    assert request.tags["dagster/asset_partition_range_start"] == "2015-01-01", "which it covers is not known yet"


KILLED = """
import os, sys
from msoic_pipeline.warehouse import engine as warehouse, findings, registering, rows
whole = warehouse.bulk_insert
calls = 0
def dies(connection, table, rows):
    global calls
    calls += 1
    if calls == int(sys.argv[1]):
        os._exit(9)
    return whole(connection, table, rows)
for module in (warehouse, findings, registering, rows):
    module.bulk_insert = dies
import datetime as dt
from msoic_pipeline.assets import source_steps
from msoic_pipeline.warehouse.loading import load_quarters
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine, prepare
from msoic_pipeline.workbooks.layout import load_source
settings, source = Settings(), load_source("cps")
engine = open_engine(settings.warehouse_url)
prepare(engine)
judged = source_steps.judge_source(settings, engine, source)
source_steps.record_source(engine, judged, dt.date(2022, 12, 1))
load_quarters(engine, source, [dt.date(2021, m, 1) for m in (1, 4, 7, 10)], judged.list_accepted())
"""


@pytest.mark.parametrize("calls", [20, 24, 28])
def test_a_run_killed_in_the_middle_leaves_whole_quarters(
    settings: Path, warehouse_url: str, calls: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", warehouse_url)
    ended = subprocess.run([sys.executable, "-c", KILLED, str(calls)], cwd=REPOSITORY, check=False, capture_output=True)
    assert ended.returncode == 9, ended.stderr.decode()[-2000:]
    fact, log = FACTS["fact_cps_outcome"], metadata.tables["load_log"]
    count = sa.select(fact.c.quarter_start, sa.func.count()).group_by(fact.c.quarter_start)
    engine = open_engine(warehouse_url)
    with read_transaction(engine) as connection:
        left: dict[dt.date, int] = dict(connection.execute(count).all())
        logged = set(connection.scalars(sa.select(log.c.quarter_start).where(log.c.stage == "load cps")))
    engine.dispose()
    assert set(left) == logged, "a quarter is there whole with its entry in the log, or not at all"
    assert len(logged) < 4
    whole = subprocess.run([sys.executable, "-c", KILLED, "0"], cwd=REPOSITORY, check=False, capture_output=True)
    assert whole.returncode == 0, whole.stderr.decode()[-2000:]
    engine = open_engine(warehouse_url)
    with read_transaction(engine) as connection:
        now: dict[dt.date, int] = dict(connection.execute(count).all())
    engine.dispose()
    assert len(now) == 4
    assert {quarter: now[quarter] for quarter in left} == left


def test_what_is_gone_is_red_and_takes_no_figure_with_it(run: Run, raw: Path, loaded_url: str):
    before = contents(loaded_url)
    (file,) = (raw / "cps").glob("*quarter-4-2021-2022*.xlsx")
    file.unlink()
    file.with_name(f"{file.name}.yaml").unlink()
    shutil.move(raw / "nrm", raw.parent / "nrm-elsewhere")
    ran = run(loaded_url)
    assert not ran.success
    assert "landed/cps:files_present" in str(ran) and file.name in str(ran)
    assert "landed/nrm:files_present" in str(ran) and "no such folder" in str(ran)
    after = contents(loaded_url)
    for name in (*FACTS, "kpi_value", "vintage", "coverage", "published_total", "reconciliation_result"):
        assert after[name] == before[name], name
    assert {row[4] for row in set(after["quarantine"]) - set(before["quarantine"])} == {"absent_file", "absent_folder"}
    shutil.rmtree(Settings().archive_dir / "cps")
    ran = run(loaded_url)
    assert "validated/cps:files_kept" in str(ran) and "found it in neither" in str(ran)
    after = contents(loaded_url)
    for name in (*FACTS, "kpi_value", "vintage"):
        assert after[name] == before[name], name
    shutil.move(raw.parent / "nrm-elsewhere", raw / "nrm")
    for path in (SAMPLE / "cps").glob("*quarter-4-2021-2022*"):
        shutil.copy2(path, raw / "cps" / path.name)
    ran = run(loaded_url)
    assert ran.success, str(ran)
    assert contents(loaded_url, "validation_result", "load_log") == {
        name: rows for name, rows in before.items() if name not in ("validation_result", "load_log")
    }


def test_a_release_that_is_rejected_later_is_held_until_it_is_withdrawn(
    run: Run, loaded_sqlite: str, monkeypatch: pytest.MonkeyPatch
):
    """A declared fault that ends, a rule that is added: the figures that stand must not go overnight."""
    url = loaded_sqlite
    before = contents(url)
    judged = source_steps.judge

    def judge_harder(source: Source, *rest: Any) -> list[Verdict]:
        verdicts = judged(source, *rest)
        for verdict in verdicts:
            if "quarter-4-2021-2022" in verdict.file_name:
                verdict.accepted, verdict.reasons = False, ["a new rule is broken"]
        return verdicts

    monkeypatch.setattr(source_steps, "judge", judge_harder)
    ran = run(url)
    assert not ran.success and "a new rule is broken" in str(ran)
    held = contents(url)
    for name in (*FACTS, "kpi_value", "vintage"):
        assert held[name] == before[name], name
    settings, (release,) = Settings(), (row for row in held["release"] if "quarter-4-2021-2022" in str(row))
    assert "held" in release
    decide(settings, find_release(settings, str(release[0])), "withdrawn", "The publisher asks for it.")
    ran = run(url, LAST, LAST)
    assert ran.success, str(ran)
    after = contents(url)
    assert not [row for row in after["fact_cps_outcome"] if release[0] in row]
    assert [row[2] for row in after["withdrawal"]] == ["withdrawn"]
    assert {row[0] for row in after["release"] if "withdrawn" in row} == {release[0]}
    monkeypatch.undo()


def test_readers_read_while_a_load_goes_on(loaded_url: str):
    engine = open_engine(loaded_url)
    fact = FACTS["fact_cps_outcome"]
    with engine.begin() as writer:
        writer.execute(sa.delete(fact))
        with read_transaction(engine) as reader:
            assert reader.scalar(sa.select(sa.func.count()).select_from(fact))
        writer.rollback()
    engine.dispose()


def test_a_rebuild_loads_all_anew_and_loses_nothing(run: Run, loaded_url: str):
    before = contents(loaded_url)
    quarters = [dt.date(2021, 1, 1), dt.date(2021, 4, 1)]
    engine = open_engine(loaded_url)
    forget_loads(engine, quarters[0], quarters[-1])
    log = [row for row in contents(loaded_url)["load_log"] if not row[2]]
    assert {row[1] for row in log} == set(quarters), "no other quarter is forgotten"
    assert {"kpi", "reconcile", "load nrm"} <= {row[0] for row in log}
    assert contents(loaded_url, "load_log") == {k: v for k, v in before.items() if k != "load_log"}
    deleted: list[tuple[str, object]] = []

    def note(_c: object, _k: object, statement: str, parameters: object, *_: object) -> None:
        if statement.startswith("DELETE FROM fact_cps_outcome"):
            deleted.append((statement, parameters))

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        ran = run(loaded_url)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert ran.success, str(ran)
    assert len(deleted) == len(quarters), "each forgotten quarter was loaded again, and no other"
    assert contents(loaded_url) == before
    with read_transaction(engine) as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(metadata.tables["pipeline_run"])) == 2
    engine.dispose()


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
