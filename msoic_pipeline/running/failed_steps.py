"""The steps of a run that broke, as Dagster's events tell them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msoic_pipeline.running.error_words import tell_recorded_error

if TYPE_CHECKING:
    import dagster as dg

    from msoic_pipeline.running.dagster_internals import RecordedError


@dataclass(frozen=True)
class FailedStep:
    """A step that broke, by its key, and the error that broke it, where Dagster recorded one."""

    key: str
    error: RecordedError | None

    @property
    def words(self) -> str:
        """What broke it, in a line, without what may quote a cell."""
        return tell_recorded_error(self.error)


def list_failed_steps(events: Iterable[dg.DagsterEvent]) -> list[FailedStep]:
    """Return the steps that broke, of a run's events, in order of time."""
    failed = []
    for event in events:
        if event.event_type_value == "STEP_FAILURE":
            failed.append(FailedStep(str(event.step_key), event.step_failure_data.error))
    return failed


def find_failed_steps(instance: dg.DagsterInstance, run_id: str) -> list[FailedStep]:
    """Return the steps of a run that broke, as Dagster's records have them, in order of time."""
    from dagster import DagsterEventType

    entries = instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE)
    return list_failed_steps(entry.dagster_event for entry in entries if entry.dagster_event)
