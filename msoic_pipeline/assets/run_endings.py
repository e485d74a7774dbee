"""How a run ends: what failed of all that stands in the warehouse, and the row in ``pipeline_run`` that says so.

A run that comes to its last asset leaves its row there. One in which a step broke does not come so far, since what
depends on that step is not done: its row is left when the warehouse is given back, which every run does in the process
that it is executed in, be it started from the pages, by the schedule or by ``msoic run``. A run whose process was
killed leaves none; ``failed_runs.log`` has it.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterable, Sequence

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.model.evidence import pipeline_run
from msoic_pipeline.running.dagster_internals import find_last_completed_check
from msoic_pipeline.running.failed_steps import find_failed_steps
from msoic_pipeline.warehouse.engine import write_transaction

_LOG = logging.getLogger(__name__)


def list_check_keys(watched: Iterable[dg.AssetsDefinition]) -> list[dg.AssetCheckKey]:
    """Return the keys of all checks of some assets."""
    return [spec.key for definition in watched for spec in definition.check_specs]


def list_asset_keys(watched: Iterable[dg.AssetsDefinition]) -> list[dg.AssetKey]:
    """Return the keys of some assets, in order."""
    return sorted(key for definition in watched for key in definition.keys)


def find_failed_checks(instance: dg.DagsterInstance, keys: Iterable[dg.AssetCheckKey]) -> list[str]:
    """Return which checks of severity error failed when each was last completed, in a line each."""
    failed = []
    for key in keys:
        # Of any run, since a backfill over several quarters may be split into runs.
        evaluation = find_last_completed_check(instance, key)
        if evaluation and not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR:
            failed.append(f"{key.to_user_string()}: {' '.join((evaluation.description or '').split())}")
    return failed


def record_ending(engine: Engine, run_id: str, failed: Sequence[str]) -> None:
    """Write how a run ended, unless that is written already: well, or with the lines that say what ``failed``."""
    entry = {
        "run_id": run_id,
        "finished_at": dt.datetime.now(dt.UTC).replace(tzinfo=None),
        "status": "failed" if failed else "succeeded",
        "summary": "\n".join(failed),
    }
    is_run = pipeline_run.c.run_id == run_id
    with write_transaction(engine) as connection:
        if not connection.scalar(sa.select(sa.func.count()).where(is_run)):
            connection.execute(sa.insert(pipeline_run).values(entry))


def record_broken_run(engine: Engine, instance: dg.DagsterInstance, run_id: str) -> None:
    """Write that a run failed in which a step broke, unless the run has written how it ended itself.

    Where that cannot be written the log says why, and nothing is raised: the run has failed already.
    """
    try:
        broken = [f"step {step.key}: {step.words}" for step in find_failed_steps(instance, run_id)]
        if broken:
            record_ending(engine, run_id, broken)
    except Exception as error:
        _LOG.warning("that the run failed is not in pipeline_run: %s", type(error).__name__)
