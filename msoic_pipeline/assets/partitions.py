"""The quarters into which assets are divided, and how a backfill goes over several of them."""

from __future__ import annotations

import datetime as dt
import warnings
from collections.abc import Callable
from typing import Any

import dagster as dg

from msoic_pipeline.periods import FIRST_QUARTER

# The quarters of ``periods.list_all_quarters``: the one that is running counts, since monthly returns arrive within it.
QUARTERS = dg.TimeWindowPartitionsDefinition(
    cron_schedule="0 0 1 1,4,7,10 *", fmt="%Y-%m-%d", start=FIRST_QUARTER.isoformat(), end_offset=1
)
SINGLE_RUN = dg.BackfillPolicy.single_run()


def asset_by_quarter(**declared: Any) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Return the decorator of an asset that is divided into quarters, of which a backfill is one run.

    ``declared`` is what ``dg.asset`` takes besides. It warns that backfill policies are beta, which is known.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.asset(partitions_def=QUARTERS, backfill_policy=SINGLE_RUN, **declared)


def list_quarters_of(context: dg.AssetExecutionContext) -> list[dt.date]:
    """Return the quarters that a run is about, be it one or a range."""
    return [dt.date.fromisoformat(key) for key in context.partition_keys]
