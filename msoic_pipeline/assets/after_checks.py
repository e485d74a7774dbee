"""What comes after all checks: the exports, which say on their face what failed, and how the run ended."""

import datetime as dt
import logging
from collections.abc import Sequence

import dagster as dg
from xlsxwriter.exceptions import XlsxFileError

from msoic_pipeline.assets.checks import LONGEST_DESCRIPTION
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.run_endings import find_failed_checks, list_asset_keys, list_check_keys, record_ending
from msoic_pipeline.logs import logged_work
from msoic_pipeline.publication.exports import write_exports
from msoic_pipeline.texts import cut_off
from msoic_pipeline.warehouse.engine import read_transaction

_LOG = logging.getLogger(__name__)

# Both assets name every asset before them, not the nearest alone: of assets that are picked for a run Dagster puts only
# those in order of which one names the other, and not those with one between them that is not picked.


def make_published_asset(watched: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset of the exports, which come after all checks of ``watched`` and say on their face what failed."""
    keys = list_check_keys(watched)

    @dg.asset(
        name="published_kpis",
        deps=list_asset_keys(watched),
        group_name="h_published",
        description="KPIs as a Parquet file and an accessible workbook, in the output folder: kpi.* where every "
        "blocking check holds; else kpi-unchecked.*, which say what failed.",
        kinds={"parquet", "xlsx"},
        check_specs=[
            dg.AssetCheckSpec("published", asset="published_kpis", description="The exports could be written.")
        ],
    )
    def published(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        return _publish_kpis(context, warehouse, find_failed_checks(context.instance, keys))

    return published


def _publish_kpis(
    context: dg.AssetExecutionContext, warehouse: Warehouse, failed: Sequence[str]
) -> dg.MaterializeResult:
    """Write the exports; where the output folder does not take them, say so in the check and leave the earlier ones."""
    folder = warehouse.settings.output_dir
    try:
        with logged_work(_LOG, "writing the exports") as work, read_transaction(warehouse.engine) as connection:
            paths = write_exports(connection, folder, dt.date.today(), failed)
            work.add("files", len(paths.both))
            work.add("checks that failed", len(failed))
    except (OSError, XlsxFileError) as error:
        context.log.error("the exports could not be written: %s", error)
        not_written = dg.AssetCheckResult(
            check_name="published",
            passed=False,
            severity=dg.AssetCheckSeverity.ERROR,
            description=f"The exports could not be written to the output folder {folder}: {error}. Earlier ones stand. "
            "Make room there, or let it be written to; then materialise this again.",
        )
        return dg.MaterializeResult(check_results=[not_written])
    return dg.MaterializeResult(
        metadata={
            "failed_checks": len(failed),
            "parquet": dg.MetadataValue.path(str(paths.parquet)),
            "workbook": dg.MetadataValue.path(str(paths.workbook)),
        },
        check_results=[dg.AssetCheckResult(check_name="published", passed=True)],
    )


def make_ending_asset(watched: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the last asset, which comes after all that are ``watched``.

    It records how the run ended, and fails it where a check of theirs has failed.
    """
    keys = list_check_keys(watched)

    @dg.asset(
        name="pipeline_run",
        deps=list_asset_keys(watched),
        group_name="h_published",
        description="How the run ended: it fails where any check of severity error failed.",
        kinds={"table"},
    )
    def ending(context: dg.AssetExecutionContext, warehouse: Warehouse) -> None:
        failed = find_failed_checks(context.instance, keys)
        record_ending(warehouse.engine, context.run.run_id, failed)
        if failed:
            words = cut_off("; ".join(failed), LONGEST_DESCRIPTION, "table pipeline_run")
            raise dg.Failure(words, allow_retries=False)

    return ending
