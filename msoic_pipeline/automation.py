"""Jobs, the nightly schedule, and the note that a failed run leaves."""

import datetime as dt
from collections.abc import Mapping

import dagster as dg
import sqlalchemy as sa

from msoic_pipeline.assets.common import QUARTERS
from msoic_pipeline.kpis.compute import stale_quarters as stale_kpis
from msoic_pipeline.migrations import ModelError
from msoic_pipeline.settings import Settings
from msoic_pipeline.stages import stale_quarters
from msoic_pipeline.warehouse import open_engine, prepare

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"

everything_job = dg.define_asset_job(
    "everything",
    selection=dg.AssetSelection.all(),
    description="From raw files to KPIs: every source, every stage, for the quarters that are asked for.",
)


def range_tags(first: str, last: str) -> Mapping[str, str]:
    """Return the tags that make a run one over the quarters from ``first`` to ``last``."""
    return {RANGE_START: first, RANGE_END: last}


def quarters_to_run(settings: Settings) -> tuple[str, str]:
    """Return the first and last quarter that a nightly run should cover.

    Those that the raw files have moved ahead of; the running quarter alone where nothing has changed, so that freshness
    and coverage are checked every night.
    """
    keys = list(QUARTERS.get_partition_keys())
    engine = open_engine(settings.warehouse_url)
    try:
        prepare(engine)
        quarters = [dt.date.fromisoformat(key) for key in keys]
        stale = sorted({*stale_quarters(settings, engine, quarters), *stale_kpis(engine, quarters)})
    except (ModelError, sa.exc.SQLAlchemyError):
        return keys[0], keys[-1]  # the run itself will say what is wrong with the warehouse
    finally:
        engine.dispose()
    return (stale[0].isoformat(), stale[-1].isoformat()) if stale else (keys[-1], keys[-1])


@dg.schedule(
    job=everything_job,
    cron_schedule="30 2 * * *",
    execution_timezone="Europe/London",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every night at half past two: what has changed, and the checks of the whole.",
)
def nightly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
    """Ask for a run over the quarters that have changed."""
    return dg.RunRequest(tags={**range_tags(*quarters_to_run(Settings())), "dagster/max_retries": "1"})


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes each failed run to failed_runs.log in the output folder, where a monitor can see it.",
)
def note_failure(context: dg.RunFailureSensorContext) -> None:
    """Append a line on a failed run to the log that a monitor watches."""
    path = Settings().output_dir / "failed_runs.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        log.write(
            f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} {context.dagster_run.job_name} {context.dagster_run.run_id}\n"
        )
        for event in context.get_step_failure_events():
            error = event.step_failure_data.error
            log.write(f"  {event.step_key}: {(error.cause or error).message.strip() if error else ''}\n")
