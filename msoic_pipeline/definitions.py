"""What a Dagster deployment loads: assets, checks, the job over everything, the nightly schedule, the warehouse."""

import dagster as dg

from msoic_pipeline.assets.common import Warehouse
from msoic_pipeline.assets.facts import fact_assets
from msoic_pipeline.assets.figures import figure_assets
from msoic_pipeline.assets.sources import source_assets
from msoic_pipeline.automation import backfill_job, everything_job, nightly, note_failure

defs = dg.Definitions(
    assets=[*source_assets(), *fact_assets(), *figure_assets()],
    jobs=[everything_job, backfill_job],
    schedules=[nightly],
    sensors=[note_failure],
    resources={"warehouse": Warehouse()},
    # A process a step costs ten times the work itself.
    executor=dg.in_process_executor,
)
