"""What is used of Dagster beyond its public names, each with why: an upgrade may break these alone.

Two more stand where they are used: ``guard`` makes a web server from Dagster's own, which ``page_processes`` puts in
its place; and ``run_records`` names the tags by which Dagster knows a run's quarters and its schedule.

Dagster is imported within the functions, so that commands which do without it answer at once.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg
    from dagster._core.scheduler.instigation import InstigatorState as DagsterInstigatorState
    from dagster._utils.error import SerializableErrorInfo

    # An error as Dagster records it in an event; the class has no public name.
    RecordedError = SerializableErrorInfo
    # What Dagster remembers of a schedule or sensor, which its instance gives; the class has no public name.
    InstigatorState = DagsterInstigatorState


def find_last_completed_check(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> dg.AssetCheckEvaluation | None:
    """Return what a check came to when it was last completed, in whichever run; None where it never was.

    The instance's public method gives the latest record, which may be of a check that another run has only planned.
    """
    from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

    completed = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=completed)
    return records[0].evaluation if records else None


def is_run_ended_from_outside(event: dg.DagsterEvent) -> bool:
    """Return whether an event says that a run failed since its process was told to end.

    Why a run failed is told by an enumeration that has no public name.
    """
    from dagster._core.events import RunFailureReason

    return getattr(event.event_specific_data, "failure_reason", None) == RunFailureReason.UNEXPECTED_TERMINATION


def is_run_failed_by_step(event: dg.DagsterEvent) -> bool:
    """Return whether an event says that a run failed since one of its steps did; for the same reason."""
    from dagster._core.events import RunFailureReason

    return getattr(event.event_specific_data, "failure_reason", None) == RunFailureReason.STEP_FAILURE


@cache
def list_record_tables() -> frozenset[str]:
    """Return the names of the tables in which Dagster keeps its records.

    An error of SQLAlchemy names the table alone, and nothing public says whether it is one of Dagster's.
    """
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from dagster._core.storage.runs.schema import RunStorageSqlMetadata
    from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

    every = (SqlEventLogStorageMetadata, RunStorageSqlMetadata, ScheduleStorageSqlMetadata)
    return frozenset(name for metadata in every for name in metadata.tables)


def ping_code_server(socket: Path) -> None:
    """Ask the process that serves the definitions whether it does; raise what the connection raises where not.

    It speaks gRPC, and Dagster has no public client for it.
    """
    from dagster._grpc.client import DagsterGrpcClient

    DagsterGrpcClient(socket=str(socket)).ping("")
