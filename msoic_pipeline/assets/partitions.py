"""The quarters into which assets are divided, and how a backfill goes over several of them."""

from __future__ import annotations

import datetime as dt
import warnings

import dagster as dg

from msoic_pipeline.periods import FIRST_QUARTER

# Backfill policies are marked beta; they are what makes a backfill one run.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

# The quarters of ``periods.list_all_quarters``: the one that is running counts, since monthly returns arrive within it.
QUARTERS = dg.TimeWindowPartitionsDefinition(
    cron_schedule="0 0 1 1,4,7,10 *", fmt="%Y-%m-%d", start=FIRST_QUARTER.isoformat(), end_offset=1
)
SINGLE_RUN = dg.BackfillPolicy.single_run()


def list_quarters_of(context: dg.AssetExecutionContext) -> list[dt.date]:
    """Return the quarters that a run is about, be it one or a range."""
    return [dt.date.fromisoformat(key) for key in context.partition_keys]
