"""What a Dagster deployment loads: assets, checks, the job over everything, the nightly schedule, the warehouse."""

import dagster as dg

from msoic_pipeline.assets.after_checks import make_ending_asset, make_published_asset, make_report_asset
from msoic_pipeline.assets.facts import make_fact_assets
from msoic_pipeline.assets.figures import make_figure_assets
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.sources import make_source_assets
from msoic_pipeline.automation.jobs import everything_job, lost_runs, nightly, note_failure

CHECKED = [*make_source_assets(), *make_fact_assets(), *make_figure_assets()]
ASSETS = [*CHECKED, make_published_asset(CHECKED), make_report_asset(CHECKED)]

defs = dg.Definitions(
    assets=[*ASSETS, make_ending_asset(ASSETS)],
    jobs=[everything_job],
    schedules=[nightly],
    sensors=[note_failure, lost_runs],
    resources={"warehouse": Warehouse()},
    # A process a step costs ten times the work itself.
    executor=dg.in_process_executor,
)
