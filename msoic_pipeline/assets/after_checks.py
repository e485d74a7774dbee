"""What comes after all checks: exports and report, which say on their face what failed, and how the run ended."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from sqlalchemy.engine import Connection

from msoic_pipeline.assets.checks import LONGEST_DESCRIPTION, AssetCheck, make_specs
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.run_endings import find_failed_checks, list_asset_keys, list_check_keys, record_ending
from msoic_pipeline.logs import logged_work
from msoic_pipeline.periods import find_today
from msoic_pipeline.publication.exports import write_exports
from msoic_pipeline.publication.public_edition.edition import write_public_edition
from msoic_pipeline.publication.report.make import write_report
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline.wording import cut_off

_LOG = logging.getLogger(__name__)

# Each of these assets names every asset before it, not the nearest alone: of assets that are picked for a run Dagster
# puts only those in order of which one names the other, and not those with one between them that is not picked.


@dataclass(frozen=True)
class WrittenFiles:
    """How many files were written anew, and what Dagster's pages show of them."""

    number: int
    shown: Mapping[str, Any]


@dataclass(frozen=True)
class Publication:
    """What is published after all checks: the asset that writes it, what people call it, where and how it is written.

    ``write`` takes a connection, the folder and the checks that failed, which the files say on their face.
    """

    asset: str
    called: str
    description: str
    kinds: frozenset[str]
    check: AssetCheck
    locate_folder: Callable[[Settings], Path]
    write: Callable[[Connection, Path, Sequence[str]], WrittenFiles]


def _write_exports(connection: Connection, folder: Path, failed: Sequence[str]) -> WrittenFiles:
    written = write_exports(connection, folder, find_today(), failed)
    paths = written.paths
    shown = {
        "parquet": dg.MetadataValue.path(str(paths.parquet)),
        "workbook": dg.MetadataValue.path(str(paths.workbook)),
        "made anew": written.is_new,
        "workbook as ODS": dg.MetadataValue.path(str(paths.open_document)),
    }
    return WrittenFiles(len(paths.all) if written.is_new else 0, shown)


def _write_report(connection: Connection, folder: Path, failed: Sequence[str]) -> WrittenFiles:
    written = write_report(connection, folder, find_today(), failed)
    shown = {"report": dg.MetadataValue.path(str(written.path)), "made anew": written.is_new}
    return WrittenFiles(int(written.is_new), shown)


def _write_public_edition(connection: Connection, folder: Path, failed: Sequence[str]) -> WrittenFiles:
    """Write the public edition; where a check has failed the last one stands: what is public is not taken back."""
    number = 0 if failed else write_public_edition(connection, folder, find_today())
    return WrittenFiles(number, {"folder": dg.MetadataValue.path(str(folder)), "made anew": bool(number)})


EXPORTS = Publication(
    asset="published_kpis",
    called="exports",
    description="KPIs as a Parquet file and an accessible workbook (XLSX and ODS), in the output folder: kpi.* where "
    "every blocking check holds; else kpi-unchecked.*, which say what failed. Made anew only where anything changed.",
    kinds=frozenset({"parquet", "xlsx", "ods"}),
    check=AssetCheck("published", "block", "The exports could be written."),
    locate_folder=lambda settings: settings.output_dir,
    write=_write_exports,
)
REPORT = Publication(
    asset="published_report",
    called="report",
    description="The report as one HTML file, in the folder report of the output folder: report.html where every "
    "blocking check holds; else report-unchecked.html, which says what failed. Made anew only where what goes in has "
    "changed.",
    kinds=frozenset({"html"}),
    check=AssetCheck("published", "block", "The report could be written."),
    locate_folder=lambda settings: settings.report_dir,
    write=_write_report,
)


PUBLIC_EDITION = Publication(
    asset="public_edition",
    called="public edition",
    description="What anybody may have: tables as Parquet and CSV with datapackage.json, in the folder public of the "
    "output folder. Written only where every blocking check holds, and only where anything in it has changed.",
    kinds=frozenset({"parquet", "csv"}),
    check=AssetCheck("published", "block", "The public edition could be written."),
    locate_folder=lambda settings: settings.public_dir,
    write=_write_public_edition,
)


def make_published_asset(publication: Publication, watched: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset of a publication, which comes after all checks of ``watched`` and says what of them failed."""
    keys = list_check_keys(watched)

    @dg.asset(
        name=publication.asset,
        deps=list_asset_keys(watched),
        group_name="h_published",
        description=publication.description,
        kinds=set(publication.kinds),
        check_specs=make_specs((publication.check,), publication.asset),
    )
    def published(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        return _publish(context, warehouse, publication, find_failed_checks(context.instance, keys))

    return published


def _publish(
    context: dg.AssetExecutionContext, warehouse: Warehouse, publication: Publication, failed: Sequence[str]
) -> dg.MaterializeResult:
    """Write a publication; where its folder does not take it, say so in its check and leave earlier files."""
    folder = publication.locate_folder(warehouse.settings)
    try:
        with (
            logged_work(_LOG, f"writing the {publication.called}") as work,
            read_transaction(warehouse.engine) as connection,
        ):
            files = publication.write(connection, folder, failed)
            work.add("files", files.number)
            work.add("checks that failed", len(failed))
    except OSError as error:
        context.log.error("the %s could not be written: %s", publication.called, error)
        return dg.MaterializeResult(check_results=[_make_failed_check(publication, folder, error)])
    return dg.MaterializeResult(
        metadata={"failed_checks": len(failed), **files.shown}, check_results=[publication.check.make_result(True)]
    )


def _make_failed_check(publication: Publication, folder: Path, error: Exception) -> dg.AssetCheckResult:
    """Return that an output folder did not take what was to be written there."""
    words = (
        f"The {publication.called} could not be written to the output folder {folder}: {error}. Earlier ones stand. "
        "Make room there, or let it be written to; then materialise this again."
    )
    return publication.check.make_result(False, words)


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
