"""``failed_runs.log``, where a monitor looks: each run that failed or broke off, once, with the reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msoic_pipeline.running.dagster_internals import is_run_ended_from_outside
from msoic_pipeline.running.error_words import first_line, tell_recorded_error
from msoic_pipeline.running.failed_steps import find_failed_steps
from msoic_pipeline.running.locks import lock_noting
from msoic_pipeline.running.processes import PROCESS_TAG
from msoic_pipeline.running.termination import STOPPED
from msoic_pipeline.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

FAILED_RUNS = "failed_runs.log"
# The tag of a run in Dagster's records that stands in the log.
NOTED_TAG = "msoic/noted"
# The job over everything, as Dagster and the log call it.
JOB = "everything"
_LATE_RUNS = 20
_NO_REASON = "the records do not say why"


class NoteError(Exception):
    """``failed_runs.log`` cannot be written."""

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(f"{path} cannot be written ({first_line(cause)}): free space there, or mend it.")


def note_failed_run(instance: dg.DagsterInstance, run_id: str, words: str = "") -> None:
    """Note a run that failed in ``failed_runs.log``, once, whoever sees it first.

    ``words`` say why where Dagster's records do not.

    Raises NoteError.
    """
    reason = words or _NO_REASON
    with lock_noting(Path(instance.root_directory)):
        run = instance.get_run_by_id(run_id)
        if run is None:
            append_note(f"{JOB} {run_id}", [reason])
        elif NOTED_TAG not in run.tags:
            append_note(f"{run.job_name} {run_id}", tell_failures(instance, run_id) or [reason])
            instance.add_run_tags(run_id, {NOTED_TAG: "yes"})


def note_unnoted_runs(instance: dg.DagsterInstance, ended: Sequence[str]) -> None:
    """Note those runs, and what of late has failed unnoted: stopped with the daemon, or while the log had no room."""
    from dagster import DagsterRunStatus, RunsFilter

    failed = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]), limit=_LATE_RUNS)
    unnoted = [run.run_id for run in failed if PROCESS_TAG in run.tags and NOTED_TAG not in run.tags]
    for run_id in dict.fromkeys([*ended, *unnoted]):
        note_failed_run(instance, run_id)


def append_note(what: str, lines: Sequence[str]) -> None:
    """Append to ``failed_runs.log``, where a monitor looks. Raises NoteError."""
    path = Settings().output_dir / FAILED_RUNS
    words = "".join([f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} {what}\n", *(f"  {line}\n" for line in lines)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(words)
    except OSError as error:
        raise NoteError(path, error) from error


def tell_failures(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return why a run failed: a line a step that broke, else what is known of the run as a whole."""
    from dagster import DagsterEventType

    lines = [f"{step.key}: {step.words}" for step in find_failed_steps(instance, run_id) if step.error]
    if lines:
        return lines
    ends = {DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}
    for entry in instance.all_logs(run_id, of_type=ends):
        if event := entry.dagster_event:
            lines.append(tell_run_failure(event))
    return lines


def tell_run_failure(event: dg.DagsterEvent) -> str:
    """Return why a run as a whole failed, in the words of what caused it."""
    if is_run_ended_from_outside(event):
        return STOPPED
    error = getattr(event.event_specific_data, "error", None)
    return tell_recorded_error(error) if error else (event.message or "The run failed.")
