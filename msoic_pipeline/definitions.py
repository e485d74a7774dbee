"""What a Dagster deployment loads: assets, checks, the job over everything, the nightly schedule, the warehouse."""

import dagster as dg

from msoic_pipeline.assets.common import Warehouse
from msoic_pipeline.assets.facts import fact_assets
from msoic_pipeline.assets.figures import figure_assets, outcome_asset, published_asset
from msoic_pipeline.assets.sources import source_assets
from msoic_pipeline.automation.jobs import everything_job, lost_runs, nightly, note_failure

CHECKED = [*source_assets(), *fact_assets(), *figure_assets()]
ASSETS = [*CHECKED, published_asset(CHECKED)]

defs = dg.Definitions(
    assets=[*ASSETS, outcome_asset(ASSETS)],
    jobs=[everything_job],
    schedules=[nightly],
    sensors=[note_failure, lost_runs],
    resources={"warehouse": Warehouse()},
    # A process a step costs ten times the work itself.
    executor=dg.in_process_executor,
)
