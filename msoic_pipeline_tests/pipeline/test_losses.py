"""What goes wrong about a run takes no figure with it: a kill, files that are gone, a later rejection, a rebuild."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from msoic_pipeline.assets import source_steps
from msoic_pipeline.ingest.decisions import decide, find_release
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.load_log import forget_loads
from msoic_pipeline.workbooks.source import Source
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.pipeline.conftest import DERIVED, FIRST, LAST, SAMPLE, Ran, assets_of, contents

pytestmark = pytest.mark.slow
Run = Callable[..., Ran]


KILLED = """
import os, sys
from msoic_pipeline.warehouse import findings, registering, rows
whole = rows.bulk_insert
calls = 0
def dies(connection, table, rows):
    global calls
    calls += 1
    if calls == int(sys.argv[1]):
        os._exit(9)
    return whole(connection, table, rows)
for module in (findings, registering, rows):
    module.bulk_insert = dies
import datetime as dt
from msoic_pipeline.assets import source_steps
from msoic_pipeline.warehouse.loading import load_quarters
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.workbooks.source import load_source
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
    assets = [*assets_of("cps", "nrm"), *DERIVED, "pipeline_run"]
    (file,) = (raw / "cps").glob("*quarter-4-2021-2022*.xlsx")
    file.unlink()
    file.with_name(f"{file.name}.yaml").unlink()
    shutil.move(raw / "nrm", raw.parent / "nrm-elsewhere")
    ran = run(loaded_url, FIRST, LAST, *assets)
    assert not ran.success
    assert "landed/cps:files_present" in str(ran) and file.name in str(ran)
    assert "landed/nrm:files_present" in str(ran) and "no such folder" in str(ran)
    after = contents(loaded_url)
    for name in (*FACTS, "kpi_value", "vintage", "coverage", "published_total", "reconciliation_result"):
        assert after[name] == before[name], name
    assert {row[4] for row in after["quarantine"] - before["quarantine"]} == {"absent_file", "absent_folder"}
    shutil.rmtree(Settings().archive_dir / "cps")
    ran = run(loaded_url, FIRST, LAST, *assets)
    assert "validated/cps:files_kept" in str(ran) and "found it in neither" in str(ran)
    after = contents(loaded_url)
    for name in (*FACTS, "kpi_value", "vintage"):
        assert after[name] == before[name], name
    shutil.move(raw.parent / "nrm-elsewhere", raw / "nrm")
    for path in (SAMPLE / "cps").glob("*quarter-4-2021-2022*"):
        shutil.copy2(path, raw / "cps" / path.name)
    ran = run(loaded_url, FIRST, LAST, *assets)
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
    assets = [*assets_of("cps"), *DERIVED, "pipeline_run"]
    judged = source_steps.judge_files

    def judge_harder(source: Source, *rest: Any) -> list[Verdict]:
        return [
            replace(verdict, accepted=False, reasons=("a new rule is broken",))
            if "quarter-4-2021-2022" in verdict.file_name
            else verdict
            for verdict in judged(source, *rest)
        ]

    monkeypatch.setattr(source_steps, "judge_files", judge_harder)
    ran = run(url, FIRST, LAST, *assets)
    assert not ran.success and "a new rule is broken" in str(ran)
    held = contents(url)
    for name in (*FACTS, "kpi_value", "vintage"):
        assert held[name] == before[name], name
    settings, (release,) = Settings(), (row for row in held["release"] if "quarter-4-2021-2022" in str(row))
    assert "held" in release
    decide(settings, find_release(settings, str(release[0])), "withdrawn", "The publisher asks for it.")
    ran = run(url, LAST, LAST, *assets)
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
    assert {"kpi", "reconcile nrm", "load nrm"} <= {row[0] for row in log}
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
