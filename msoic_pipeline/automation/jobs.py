"""Jobs, the nightly schedule, and what is done about runs that failed or were killed."""

import datetime as dt
import logging
from collections.abc import Sequence

import dagster as dg

from msoic_pipeline.assets.source_steps import find_quarters_behind_files
from msoic_pipeline.kpis.compute import find_stale_kpis
from msoic_pipeline.periods import list_all_quarters
from msoic_pipeline.running.failed_runs import JOB, note_failed_run
from msoic_pipeline.running.lost_runs import end_lost_runs
from msoic_pipeline.running.run_records import RETRIES_TAG, SCHEDULE_TAG, QuarterRange, make_range_tags
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine

_LOG = logging.getLogger(__name__)
# The schedule, as Dagster and its records of runs call it.
NIGHTLY = "nightly"
_FINISHED = {dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}
_UNFINISHED = [status for status in dg.DagsterRunStatus if status not in _FINISHED]

everything_job = dg.define_asset_job(
    JOB,
    selection=dg.AssetSelection.all(),
    description="From raw files to KPIs: every source, every stage, for the quarters that are asked for.",
)


def find_quarters_to_run(settings: Settings) -> QuarterRange:
    """Return the quarters that a nightly run should cover: from the first to the last of those that have changed.

    Where none has it is the running quarter alone, so that freshness and coverage are checked every night; where that
    cannot be told it is all of them.
    Raises ClockError where the clock says that there are none.
    """
    quarters = list_all_quarters()
    try:
        changed = _find_changed_quarters(settings, quarters)
    except Exception as error:
        # Whatever is wrong with the warehouse or with a single source: the run itself comes across it, and says so in
        # words that are held back for force returns, which a traceback's are not.
        _LOG.warning("What has changed cannot be told (%s): the run covers every quarter.", type(error).__name__)
        changed = quarters
    first, last = (changed[0], changed[-1]) if changed else (quarters[-1], quarters[-1])
    return QuarterRange(first, last)


def _find_changed_quarters(settings: Settings, quarters: Sequence[dt.date]) -> list[dt.date]:
    """Return the quarters that the raw files have moved ahead of, or whose KPIs rest on something else than is there.

    Raises whatever keeps the warehouse or a source from being looked at.
    """
    engine = open_engine(settings.warehouse_url, may_create=False)
    try:
        behind_files = find_quarters_behind_files(settings, engine, quarters)
        return sorted({*behind_files, *find_stale_kpis(engine, quarters)})
    finally:
        engine.dispose()


@dg.schedule(
    name=NIGHTLY,
    job=everything_job,
    cron_schedule="30 2 * * *",
    execution_timezone="Europe/London",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at half past two: what has changed, and the checks of the whole.",
)
def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a run over the quarters that have changed, unless that of an earlier night has not ended yet."""
    earlier = context.instance.get_runs(dg.RunsFilter(tags={SCHEDULE_TAG: NIGHTLY}, statuses=_UNFINISHED), limit=1)
    if earlier:
        run = earlier[0]
        return dg.SkipReason(f"The run {run.run_id} of an earlier night has not ended: it is {run.status.value}.")
    return dg.RunRequest(tags={**make_range_tags(find_quarters_to_run(Settings())), RETRIES_TAG: "1"})


@dg.run_failure_sensor(
    # Runs from the command line belong to no location; what has been noted already is not noted twice.
    monitor_all_code_locations=True,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes each failed run to failed_runs.log in the output folder, where a monitor can see it.",
)
def failed_runs(context: dg.RunFailureSensorContext) -> None:
    """Note a failed run in the log that a monitor watches."""
    note_failed_run(context.instance, context.dagster_run.run_id)


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports runs as failed whose process is gone, so that they keep no other waiting.",
)
def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """End the runs whose process was killed."""
    ended = end_lost_runs(context.instance)
    return dg.SkipReason(f"Reported as failed: {', '.join(ended)}." if ended else "Every run at work has its process.")
