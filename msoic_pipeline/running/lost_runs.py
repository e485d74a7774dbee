"""A run whose process is gone has failed: each shows that it is alive by a lock, which ends with its process."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from filelock import FileLock

from msoic_pipeline.running.failed_runs import note_unnoted_runs
from msoic_pipeline.running.locks import is_held, list_run_locks, locate_run_lock, lock_looking, lock_run
from msoic_pipeline.running.processes import PROCESS_TAG, tell_process

if TYPE_CHECKING:
    import dagster as dg

# A run of which no process is known has so long to start one.
_STARTING_SECONDS = 600

# Held until the process ends: a run that gave its lock back a moment before its end would look like a killed one.
_alive: dict[str, FileLock] = {}


def show_alive(instance: dg.DagsterInstance, run_id: str) -> None:
    """Show to all who look, until this process ends, that the run is at work in it."""
    if not instance.is_persistent or run_id in _alive:
        return
    home = Path(instance.root_directory)
    lock = lock_run(home, run_id)
    with lock_looking(home):
        lock.acquire()
    _alive[run_id] = lock
    if instance.get_run_by_id(run_id):
        instance.add_run_tags(run_id, {PROCESS_TAG: tell_process()})


def end_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report every unfinished run whose process is gone as failed, and note it; return those runs.

    Raises NoteError once they are reported.
    """
    from dagster import DagsterRunStatus, RunsFilter

    if not instance.is_persistent:
        return []
    # Not QUEUED: such a run waits for its turn and has no process yet.
    with_a_process = [
        DagsterRunStatus.NOT_STARTED,
        DagsterRunStatus.STARTING,
        DagsterRunStatus.STARTED,
        DagsterRunStatus.CANCELING,
    ]
    ended = []
    home = Path(instance.root_directory)
    with lock_looking(home):
        for record in instance.get_run_records(RunsFilter(statuses=with_a_process)):
            run_id = record.dagster_run.run_id
            if run_id in _alive or not _is_gone(instance, record, home):
                continue
            # It may have come to its end since it was read, and its process with it.
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                _report_broken_off(instance, run)
                ended.append(run_id)
        _remove_ended_locks(instance, home)
    note_unnoted_runs(instance, ended)
    return ended


def _report_broken_off(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Report an unfinished run whose process is gone: as canceled where it was being canceled, else as failed."""
    from dagster import DagsterRunStatus

    where = run.tags.get(PROCESS_TAG, "its process")
    words = f"The run broke off: {where} is gone (killed, or the machine stopped). What it loaded stands."
    if run.status == DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, words)
    else:
        instance.report_run_failed(run, words)


def _is_gone(instance: dg.DagsterInstance, record: dg.RunRecord, home: Path) -> bool:
    """Return whether the process of an unfinished run is gone: nobody holds its lock, or no such process is there."""
    path = locate_run_lock(home, record.dagster_run.run_id)
    if path.is_file():
        return not is_held(path)
    started = _find_process(instance, record.dagster_run.run_id)
    if started is None:
        return abs(time.time() - record.update_timestamp.timestamp()) > _STARTING_SECONDS
    # Of an earlier version, or not yet at our code: all that is known is what Dagster wrote down.
    pid, at = started
    try:
        return psutil.Process(pid).create_time() > at + 1
    except psutil.NoSuchProcess:
        return True


def _find_process(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """Return the process that Dagster wrote down for a run, and when."""
    from dagster import DagsterEventType

    for entry in instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT):
        data = entry.dagster_event.engine_event_data if entry.dagster_event else None
        if data and "pid" in data.metadata:
            return int(str(data.metadata["pid"].value)), entry.timestamp
    return None


def _remove_ended_locks(instance: dg.DagsterInstance, home: Path) -> None:
    """Remove the locks of runs that have ended, and those that nobody holds of runs that were deleted."""
    for path in list_run_locks(home):
        if path.stem in _alive:
            continue
        run = instance.get_run_by_id(path.stem)
        has_ended = run.is_finished if run else not is_held(path)
        if has_ended:
            path.unlink(missing_ok=True)
