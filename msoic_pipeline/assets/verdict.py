"""Whether what stands in the warehouse may be relied on: the one place that asks Dagster for it."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

COMPLETED = {AssetCheckExecutionRecordStatus.SUCCEEDED, AssetCheckExecutionRecordStatus.FAILED}


def check_keys(watched: Iterable[dg.AssetsDefinition]) -> list[dg.AssetCheckKey]:
    """Return the keys of all checks of some assets."""
    return [spec.key for definition in watched for spec in definition.check_specs]


def failed_checks(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]) -> list[str]:
    """Return which checks of severity error failed when each was last completed, in a line each."""
    failed = []
    for key in keys:
        # Of any run, since a backfill over several quarters is split into runs; and of those that were completed only,
        # since another run may have planned the next ones.
        history = instance.event_log_storage.get_asset_check_execution_history(key, limit=1, status=COMPLETED)
        evaluation = history[0].evaluation if history else None
        if evaluation and not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            failed.append(f"{key.to_user_string()}: {' '.join((evaluation.description or '').split())}")
    return failed
