"""What comes after all checks: exports and report, which say on their face what failed, and how the run ended."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy.engine import Connection
from xlsxwriter.exceptions import XlsxFileError

from msoic_pipeline.assets.checks import LONGEST_DESCRIPTION
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.run_endings import find_failed_checks, list_asset_keys, list_check_keys, record_ending
from msoic_pipeline.logs import logged_work
from msoic_pipeline.periods import find_today
from msoic_pipeline.publication.exports import write_exports
from msoic_pipeline.publication.report.make import write_report
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline.wording import cut_off

_LOG = logging.getLogger(__name__)

# Each of these assets names every asset before it, not the nearest alone: of assets that are picked for a run Dagster
# puts only those in order of which one names the other, and not those with one between them that is not picked.


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
        failed = find_failed_checks(context.instance, keys)
        return _publish(context, warehouse, "exports", warehouse.settings.output_dir, failed, _write_exports)

    return published


def make_report_asset(watched: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset of the report, which comes after all checks of ``watched`` and says on its face what failed."""
    keys = list_check_keys(watched)

    @dg.asset(
        name="published_report",
        deps=list_asset_keys(watched),
        group_name="h_published",
        description="The report as one HTML file, in the folder report of the output folder: report.html where every "
        "blocking check holds; else report-unchecked.html, which says what failed. Made anew only where what goes in "
        "has changed.",
        kinds={"html"},
        check_specs=[
            dg.AssetCheckSpec("published", asset="published_report", description="The report could be written.")
        ],
    )
    def published(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        failed = find_failed_checks(context.instance, keys)
        return _publish(context, warehouse, "report", warehouse.settings.report_dir, failed, _write_report)

    return published


@dataclass(frozen=True)
class WrittenFiles:
    """How many files were written anew, and what Dagster's pages show of them."""

    number: int
    shown: Mapping[str, Any]


def _write_exports(connection: Connection, folder: Path, failed: Sequence[str]) -> WrittenFiles:
    paths = write_exports(connection, folder, find_today(), failed)
    shown = {
        "parquet": dg.MetadataValue.path(str(paths.parquet)),
        "workbook": dg.MetadataValue.path(str(paths.workbook)),
    }
    return WrittenFiles(len(paths.both), shown)


def _write_report(connection: Connection, folder: Path, failed: Sequence[str]) -> WrittenFiles:
    written = write_report(connection, folder, find_today(), failed)
    shown = {"report": dg.MetadataValue.path(str(written.path)), "made anew": written.is_new}
    return WrittenFiles(int(written.is_new), shown)


def _publish(
    context: dg.AssetExecutionContext,
    warehouse: Warehouse,
    name: str,
    folder: Path,
    failed: Sequence[str],
    write: Callable[[Connection, Path, Sequence[str]], WrittenFiles],
) -> dg.MaterializeResult:
    """Write what is called ``name``; where its folder does not take it, say so in the check and leave earlier files."""
    try:
        with logged_work(_LOG, f"writing the {name}") as work, read_transaction(warehouse.engine) as connection:
            files = write(connection, folder, failed)
            work.add("files", files.number)
            work.add("checks that failed", len(failed))
    except (OSError, XlsxFileError) as error:
        return _tell_not_written(context, name, folder, error)
    return dg.MaterializeResult(
        metadata={"failed_checks": len(failed), **files.shown},
        check_results=[dg.AssetCheckResult(check_name="published", passed=True)],
    )


def _tell_not_written(
    context: dg.AssetExecutionContext, what: str, folder: Path, error: Exception
) -> dg.MaterializeResult:
    """Return that an output folder did not take what was to be written there."""
    context.log.error("the %s could not be written: %s", what, error)
    check = dg.AssetCheckResult(
        check_name="published",
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"The {what} could not be written to the output folder {folder}: {error}. Earlier ones stand. "
        "Make room there, or let it be written to; then materialise this again.",
    )
    return dg.MaterializeResult(check_results=[check])


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
