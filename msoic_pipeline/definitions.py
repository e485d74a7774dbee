"""What a Dagster deployment loads: assets, checks, the job over everything, the nightly schedule, the warehouse."""

import dagster as dg

from msoic_pipeline.assets.after_checks import EXPORTS, PUBLIC_EDITION, REPORT, make_ending_asset, make_published_asset
from msoic_pipeline.assets.claims import claims
from msoic_pipeline.assets.facts import make_fact_assets
from msoic_pipeline.assets.kpis import kpis, maturity, signals
from msoic_pipeline.assets.reconciliation import reconciliation
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.sources import make_source_assets
from msoic_pipeline.assets.warehouse_checks import checked_warehouse
from msoic_pipeline.automation.jobs import everything_job, failed_runs, lost_runs, nightly

DERIVED = [reconciliation, kpis, maturity, signals, checked_warehouse, claims]
CHECKED = [*make_source_assets(), *make_fact_assets(), *DERIVED]
PUBLISHED = [make_published_asset(publication, CHECKED) for publication in (EXPORTS, PUBLIC_EDITION, REPORT)]
ASSETS = [*CHECKED, *PUBLISHED]

defs = dg.Definitions(
    assets=[*ASSETS, make_ending_asset(ASSETS)],
    jobs=[everything_job],
    schedules=[nightly],
    sensors=[failed_runs, lost_runs],
    resources={"warehouse": Warehouse()},
    # A process a step costs ten times the work itself.
    executor=dg.in_process_executor,
)
