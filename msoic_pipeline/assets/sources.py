"""Landed, staged, validated: three assets a source. None is partitioned, since a file spans many quarters.

Each asset is made by a function ``_make_…``, which only declares it; what its step does is the function that follows.
"""

import logging
from collections import Counter
from dataclasses import asdict
from typing import Any

import dagster as dg

from msoic_pipeline.assets.checks import AssetCheck, do_or_fail_check, make_specs
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.source_checks import (
    EXPECTATIONS,
    FAULTS_DECLARED,
    FILES_ACCEPTED,
    FILES_KEPT,
    FILES_PRESENT,
    FILES_SETTLED,
    WARNINGS,
    make_expectation_checks,
    make_faults_check,
    make_files_check,
    make_kept_check,
    make_presence_check,
    make_settled_check,
)
from msoic_pipeline.assets.source_steps import judge_source, record_source
from msoic_pipeline.assets.tables import LISTED_ROWS, show_table
from msoic_pipeline.ingest.intake import Intake, take_in_source
from msoic_pipeline.logs import logged_work
from msoic_pipeline.periods import find_today
from msoic_pipeline.warehouse.registering import find_lost_releases
from msoic_pipeline.wording import tell_count
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source

_LOG = logging.getLogger(__name__)

# Whether a step could be done at all: what of a source cannot be keeps no other source from its figures.
REGISTERED = AssetCheck("registered", "block", "The files could be looked at.")
PARSED = AssetCheck("parsed", "block", "The releases could be parsed, or refused by name.")
VALIDATED = AssetCheck("validated", "block", "Every file has a verdict.")


def make_source_assets() -> list[dg.AssetsDefinition]:
    """Return the three assets of every source."""
    assets = []
    for source in map(load_source, SOURCES):
        assets += [_make_landed_asset(source), _make_staged_asset(source), _make_validated_asset(source)]
    return assets


# ---- landed ----------------------------------------------------------------------------------------


def _make_landed_asset(source: Source) -> dg.AssetsDefinition:
    key = ["landed", source.source]

    @dg.asset(
        key=key,
        group_name="a_landed",
        description=f"Files of {source.title!r} ({source.publisher}) as published, each known by its SHA-256, kept in "
        "the archive and read once.",
        kinds={"file"},
        check_specs=make_specs((REGISTERED, FILES_PRESENT, FILES_SETTLED), key),
    )
    def landed(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        return do_or_fail_check(context, REGISTERED, lambda: _land_files(context, warehouse, source))

    return landed


def _land_files(context: dg.AssetExecutionContext, warehouse: Warehouse, source: Source) -> dg.MaterializeResult:
    with logged_work(_LOG, f"taking in the files of {source.source}") as work:
        intake = take_in_source(warehouse.settings, source)
        work.add("releases in force", len(intake.landing.releases))
        work.add("files read just now", intake.read)
        work.add("files refused", len(intake.landing.refused))
    if source.sensitive and intake.landing.waiting:
        context.log.warning("%s still being written", tell_count(len(intake.landing.waiting), "file"))
    else:
        for error in intake.landing.waiting:
            context.log.warning("%s", error)
    return dg.MaterializeResult(
        metadata=_describe_landed(intake),
        check_results=[make_presence_check(intake.landing), make_settled_check(intake.landing)],
    )


def _describe_landed(intake: Intake) -> dict[str, Any]:
    """Return what Dagster's pages show of a source's files: numbers, the latest releases, what was decided of them."""
    landing = intake.landing
    newest_first = landing.releases[::-1]
    shown = [
        {
            "file": release.file_name,
            "published": release.published_on,
            "about": release.reference_period,
            "edition": release.edition,
            "synthetic": release.is_synthetic,
            "in the raw folder": release.in_raw,
        }
        for release in newest_first[:LISTED_ROWS]
    ]
    latest = "none"
    if newest_first:
        latest = f"{newest_first[0].reference_period}, published {newest_first[0].published_on}"
    described: dict[str, Any] = {
        "releases in force": len(landing.releases),
        "refused": len(landing.refused),
        "withdrawn": ", ".join(sorted(landing.withdrawn)) or "none",
        "files read just now": intake.read,
        "latest_release": latest,
        "releases": show_table(shown),
    }
    if landing.decisions:
        described["withdrawals"] = show_table([asdict(decision) for decision in landing.decisions])
    return described


# ---- staged ----------------------------------------------------------------------------------------


def _make_staged_asset(source: Source) -> dg.AssetsDefinition:
    @dg.asset(
        key=["staged", source.source],
        group_name="b_staged",
        deps=[["landed", source.source]],
        description="Each release parsed once, by layout, into tidy rows with their cells (Parquet).",
        kinds={"parquet"},
        check_specs=make_specs((PARSED,), ["staged", source.source]),
    )
    def staged(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        return do_or_fail_check(context, PARSED, lambda: _stage_releases(warehouse, source))

    return staged


def _stage_releases(warehouse: Warehouse, source: Source) -> dg.MaterializeResult:
    with logged_work(_LOG, f"staging {source.source}") as work:
        intake = take_in_source(warehouse.settings, source)
        rows_by_fact: Counter[str] = Counter()
        for release in intake.staged:
            rows_by_fact.update(release.manifest.rows_by_fact)
        work.add("releases", len(intake.staged))
        work.add("rows", rows_by_fact.total())
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": rows_by_fact.total(),
            "releases": len(intake.staged),
            "unreadable": len(intake.unparsed),
            **{f"rows {name}": rows for name, rows in rows_by_fact.items()},
        }
    )


# ---- validated -------------------------------------------------------------------------------------


def _make_validated_asset(source: Source) -> dg.AssetsDefinition:
    key = ["validated", source.source]

    @dg.asset(
        key=key,
        group_name="c_validated",
        deps=[["staged", source.source]],
        description="A verdict on every file: what Great Expectations and the file's own totals found. Only accepted "
        "releases are loaded; the rest stand in quarantine with the reason.",
        kinds={"greatexpectations"},
        check_specs=make_specs((VALIDATED, FILES_ACCEPTED, FILES_KEPT, EXPECTATIONS, WARNINGS, FAULTS_DECLARED), key),
    )
    def validated(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        return do_or_fail_check(context, VALIDATED, lambda: _validate_releases(warehouse, source))

    return validated


def _validate_releases(warehouse: Warehouse, source: Source) -> dg.MaterializeResult:
    with logged_work(_LOG, f"validating {source.source}") as work:
        judged = judge_source(warehouse.settings, warehouse.engine, source)
        record_source(warehouse.engine, judged, find_today())
        verdicts = judged.verdicts
        accepted = sum(verdict.accepted for verdict in verdicts)
        work.add("files judged", len(verdicts))
        work.add("accepted", accepted)
        work.add("checks", sum(len(verdict.results) for verdict in verdicts))
        work.add("rows of quarantine", sum(len(verdict.quarantine) for verdict in verdicts))
    return dg.MaterializeResult(
        metadata={"releases": len(verdicts), "accepted": accepted},
        check_results=[
            make_files_check(verdicts),
            make_kept_check(find_lost_releases(warehouse.engine, source, judged.intake.landing)),
            *make_expectation_checks(verdicts),
            make_faults_check(verdicts),
        ],
    )
