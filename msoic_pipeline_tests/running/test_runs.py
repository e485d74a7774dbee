"""One run at a time on a warehouse; runs whose process is gone have failed; a failure is noted once."""

from __future__ import annotations

import datetime as dt
import os
import signal
import time
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.run_endings import find_failed_checks
from msoic_pipeline.automation.jobs import find_quarters_to_run, nightly
from msoic_pipeline.commands.run_problems import find_problems
from msoic_pipeline.periods import FIRST_QUARTER, ClockError
from msoic_pipeline.running.failed_runs import NoteError, note_failed_run
from msoic_pipeline.running.home import open_home
from msoic_pipeline.running.lost_runs import end_lost_runs, show_alive
from msoic_pipeline.running.processes import PROCESS_TAG
from msoic_pipeline.running.run_records import QuarterRange
from msoic_pipeline.running.termination import STOPPED, stop_on_signals
from msoic_pipeline.running.warehouse_lock import RunLockLostError, hold_warehouse
from msoic_pipeline.settings import Settings
from msoic_pipeline_tests.running.conftest import Start, until

HOLDS = """
import sys, time
from msoic_pipeline.running.warehouse_lock import hold_warehouse
with hold_warehouse(sys.argv[1], "run of the other", lambda words: print(words, flush=True)):
    print("held", flush=True)
    time.sleep(600)
"""
ALIVE = """
import sys, time
from msoic_pipeline.running.home import open_home
from msoic_pipeline.running.lost_runs import show_alive
with open_home() as instance:
    show_alive(instance, sys.argv[1])
    print("shown", flush=True)
    time.sleep(600)
"""


@dg.op
def nothing() -> None:
    """Nothing."""


@dg.job
def everything() -> None:
    """A job of the name of ours."""
    nothing()


def _started(instance: dg.DagsterInstance, kind: DagsterEventType = DagsterEventType.RUN_START) -> str:
    run_id = instance.create_run_for_job(everything).run_id
    instance.report_dagster_event(DagsterEvent(kind.value, job_name="everything"), run_id)
    return run_id


def _status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


def _notes(home: Path) -> str:
    path = home.parent / "output" / "failed_runs.log"
    return path.read_text() if path.is_file() else ""


def test_a_run_waits_for_another_and_not_for_a_killed_one(warehouse_url: str, start: Start):
    other = start(HOLDS, warehouse_url)
    said: list[str] = []

    def hear(words: str) -> None:
        said.append(words)
        other.kill()

    with hold_warehouse(warehouse_url, "run of ours", hear):
        assert said == ["Waiting for run of the other, which is at work on this warehouse."]
        with hold_warehouse(warehouse_url, "the same run", hear):
            pass
        third = start(HOLDS, warehouse_url, wait=False)
        assert third.stdout is not None
        assert "Waiting for run of ours" in third.stdout.readline()
    assert third.stdout.readline() == "held\n", "given back"


def test_a_warehouse_named_from_two_folders_is_held_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    said: list[str] = []
    with (
        hold_warehouse("sqlite:///warehouse.sqlite", "run of ours", said.append) as lock,
        hold_warehouse(f"sqlite:///{tmp_path / 'warehouse.sqlite'}", "the same run", said.append) as again,
    ):
        assert again is lock and not said


def test_a_cut_connection_ends_the_run_that_rests_on_it(postgres_database: str):
    engine = sa.create_engine(postgres_database, isolation_level="AUTOCOMMIT")
    held = sa.text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
    context = dg.build_init_resource_context()
    with Warehouse(url=postgres_database).yield_for_execution(context) as warehouse:
        with warehouse.engine.begin():
            pass
        with engine.connect() as connection:
            connection.execute(held)
        for _ in range(2):  # also once SQLAlchemy has opened another connection
            with pytest.raises(RunLockLostError, match="Run again"), warehouse.engine.begin():
                pass
    engine.dispose()


def test_only_runs_whose_process_is_gone_are_ended(home: Path, start: Start):
    with open_home() as instance:
        killed, alive, ours = (_started(instance) for _ in range(3))
        canceled = _started(instance, DagsterEventType.RUN_CANCELING)
        for run_id in (killed, canceled):
            process = start(ALIVE, run_id)
            process.kill()
            process.wait()
        start(ALIVE, alive)
        show_alive(instance, ours)
        assert set(end_lost_runs(instance)) == {killed, canceled}
        assert [_status(instance, run_id) for run_id in (killed, alive, ours)] == ["FAILURE", "STARTED", "STARTED"]
        assert _status(instance, canceled) == "CANCELED"
        assert _notes(home).count(killed) == 1 and "is gone (killed, or the machine stopped)" in _notes(home)
        assert not end_lost_runs(instance)
        note_failed_run(instance, killed)
        assert _notes(home).count(killed) == 1, "noted once, whoever sees it"
        assert not (home / "running" / f"{killed}.lock").exists()


def test_a_run_that_ends_while_it_is_looked_for_has_not_broken_off(
    home: Path, start: Start, monkeypatch: pytest.MonkeyPatch
):
    with open_home() as instance:
        run_id = _started(instance)
        process = start(ALIVE, run_id)
        (as_read_before,) = instance.get_run_records(dg.RunsFilter(run_ids=[run_id]))
        succeeded = DagsterEvent(DagsterEventType.RUN_SUCCESS.value, job_name="everything")
        instance.report_dagster_event(succeeded, run_id)
        process.kill()
        process.wait()
        monkeypatch.setattr(instance, "get_run_records", lambda *_: [as_read_before])
        assert end_lost_runs(instance) == []
        assert _status(instance, run_id) == "SUCCESS"
        assert _notes(home) == ""


def test_locks_of_deleted_runs_are_removed_unless_somebody_holds_them(home: Path, start: Start):
    with open_home() as instance:
        deleted, at_work = (_started(instance) for _ in range(2))
        process = start(ALIVE, deleted)
        process.kill()
        process.wait()
        start(ALIVE, at_work)
        for run_id in (deleted, at_work):
            instance.delete_run(run_id)
        end_lost_runs(instance)
        assert [path.stem for path in (home / "running").glob("*.lock")] == [at_work]


def test_a_run_of_which_the_records_do_not_say_why_it_failed_is_noted_as_that(home: Path):
    with open_home() as instance:
        run_id = _started(instance)
        note_failed_run(instance, run_id)
        assert f"everything {run_id}\n  the records do not say why\n" in _notes(home)


def test_runs_of_an_earlier_version_are_judged_by_the_process_that_dagster_wrote_down(home: Path, start: Start):
    gone = start("print()")
    gone.wait()
    with open_home() as instance:
        lost, alive, unknown = (_started(instance) for _ in range(3))
        for run_id, pid in ((lost, gone.pid), (alive, os.getpid())):
            instance.report_engine_event(
                "Executing steps", instance.get_run_by_id(run_id), EngineEventData.in_process(pid)
            )
        assert end_lost_runs(instance) == [lost]
        assert _status(instance, unknown) == "STARTED", "it may be about to start"


def test_a_failure_that_could_not_be_noted_is_noted_later(home: Path):
    (home.parent / "output").write_text("not a folder")
    with open_home() as instance:
        run_id = _started(instance)
        instance.add_run_tags(run_id, {PROCESS_TAG: "process 1"})
        run = instance.get_run_by_id(run_id)
        assert run is not None
        instance.report_run_failed(run, "It broke.")
        with pytest.raises(NoteError, match="cannot be written"):
            note_failed_run(instance, run_id)
        (home.parent / "output").unlink()
        end_lost_runs(instance)
        end_lost_runs(instance)
        assert _notes(home).count(f"everything {run_id}\n  It broke.\n") == 1


def test_what_another_run_has_only_planned_says_nothing():
    @dg.asset(check_specs=[dg.AssetCheckSpec("good", asset="thing")])
    def thing() -> dg.MaterializeResult:
        return dg.MaterializeResult(
            check_results=[dg.AssetCheckResult(check_name="good", passed=False, description="no")]
        )

    key = dg.AssetCheckKey(dg.AssetKey("thing"), "good")
    with dg.DagsterInstance.ephemeral() as instance:
        assert find_failed_checks(instance, [key]) == []
        dg.materialize([thing], instance=instance)
        instance.create_run_for_job(dg.Definitions([thing]).resolve_implicit_global_asset_job_def())
        latest = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)[0]
        assert latest.status == AssetCheckExecutionRecordStatus.PLANNED
        assert find_failed_checks(instance, [key]) == ["thing:good: no"]


def test_a_run_that_failed_has_a_reason(tmp_path: Path):
    @dg.asset(name="pipeline_run")
    def broken() -> None:
        raise RuntimeError("no room")

    @dg.asset
    def full() -> None:
        raise OSError(28, "no room")

    @dg.asset(name="pipeline_run")
    def outcome() -> None:
        raise dg.Failure("thing:good: no")

    @dg.asset
    def stopped() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(60)

    def found(asset: dg.AssetsDefinition) -> list[str]:
        with stop_on_signals():
            problems = find_problems(dg.materialize([asset], raise_on_error=False), tmp_path)
            return [error.line for error in problems.errors]

    assert found(broken) == ["step pipeline_run: RuntimeError"], "its words may quote a cell"
    assert found(full) == ["step full: OSError: [Errno 28] no room"]
    assert found(outcome)[0].startswith("step pipeline_run: ")
    assert found(stopped)[0] == STOPPED


def test_the_nightly_run_of_an_earlier_night_is_waited_for(monkeypatch: pytest.MonkeyPatch, home: Path):
    quarter = dt.date(2021, 1, 1)
    monkeypatch.setattr(
        "msoic_pipeline.automation.jobs.find_quarters_to_run", lambda settings: QuarterRange(quarter, quarter)
    )
    with open_home() as instance:
        assert isinstance(nightly(dg.build_schedule_context(instance)), dg.RunRequest)
        run_id = _started(instance)
        assert isinstance(nightly(dg.build_schedule_context(instance)), dg.RunRequest), "a run of another's"
        instance.add_run_tags(run_id, {"dagster/schedule_name": "nightly"})
        skipped = nightly(dg.build_schedule_context(instance))
        assert isinstance(skipped, dg.SkipReason) and "has not ended: it is STARTED" in str(skipped.skip_message)


def test_the_nightly_run_goes_over_everything_where_a_source_cannot_be_looked_at(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def breaks(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    monkeypatch.setattr("msoic_pipeline.automation.jobs.find_quarters_behind_files", breaks)
    assert find_quarters_to_run(Settings()).first == FIRST_QUARTER


def test_the_nightly_run_says_that_the_clock_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    class Before(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> Before:
            return cls(1970, 1, 1, tzinfo=tz)

    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    monkeypatch.setattr("msoic_pipeline.periods.dt.datetime", Before)
    with pytest.raises(ClockError, match="the clock of this machine says 1970-01-01, before the first quarter"):
        find_quarters_to_run(Settings())


def test_the_lock_of_a_run_lasts_as_long_as_its_process(home: Path):
    with open_home() as instance:
        run_id = _started(instance)
        show_alive(instance, run_id)
        until((home / "running" / f"{run_id}.lock").is_file, 1)
        run = instance.get_run_by_id(run_id)
        assert run is not None and str(os.getpid()) in run.tags[PROCESS_TAG]
