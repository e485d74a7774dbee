"""Landed, staged, validated: three assets a source. None is partitioned, since a file spans many quarters."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg

from msoic_pipeline.assets.checks import LONGEST_DESCRIPTION, NAMED, SeverityFailures, attempt, make_checks_by_severity
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.source_steps import judge_source, record_source
from msoic_pipeline.assets.tables import FAILURES_SHOWN, show_table
from msoic_pipeline.ingest.intake import take_in_source
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.logs import logged_work
from msoic_pipeline.quality.docs import DataDocs
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.texts import cut_off, first_of
from msoic_pipeline.warehouse.registering import find_lost_releases
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source

_LOG = logging.getLogger(__name__)


def _landed_asset(source: Source) -> dg.AssetsDefinition:
    key = ["landed", source.source]

    @dg.asset(
        key=key,
        group_name="a_landed",
        description=f"Files of {source.title!r} ({source.publisher}) as published, each known by its SHA-256, kept in "
        "the archive and read once.",
        kinds={"file"},
        check_specs=[
            dg.AssetCheckSpec("registered", asset=key),
            dg.AssetCheckSpec("files_present", asset=key, description="What stood in the raw folder stands there."),
            dg.AssetCheckSpec("files_settled", asset=key, description="Nobody is writing to a file."),
        ],
    )
    def landed(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        def work() -> dg.MaterializeResult:
            with logged_work(_LOG, f"taking in the files of {source.source}") as counts:
                intake = take_in_source(warehouse.settings, source)
                landing = intake.landing
                counts.add("releases in force", len(landing.releases))
                counts.add("files read just now", intake.read)
                counts.add("files refused", len(landing.refused))
            for error in landing.waiting:
                context.log.warning("%s", error)
            newest = landing.releases[-1] if landing.releases else None
            shown = [
                {
                    "file": release.file_name,
                    "published": release.published_on,
                    "about": release.reference_period,
                    "edition": release.edition,
                    "synthetic": release.is_synthetic,
                    "in the raw folder": release.in_raw,
                }
                for release in landing.releases[-FAILURES_SHOWN:][::-1]
            ]
            return dg.MaterializeResult(
                metadata={
                    "releases in force": len(landing.releases),
                    "refused": len(landing.refused),
                    "withdrawn": ", ".join(sorted(landing.withdrawn)) or "none",
                    **_show_withdrawals(landing),
                    "files read just now": intake.read,
                    "latest_release": f"{newest.reference_period}, published {newest.published_on}"
                    if newest
                    else "none",
                    "releases": show_table(shown),
                },
                check_results=[_present_check(landing), _settled_check(landing)],
            )

        return attempt(context, "registered", work)

    return landed


def _show_withdrawals(landing: Landing) -> dict[str, Any]:
    """Return what was decided of the source's releases, for its page; nothing where nothing was."""
    if not landing.decisions:
        return {}
    return {"withdrawals": show_table([asdict(row) for row in landing.decisions])}


def _staged_asset(source: Source) -> dg.AssetsDefinition:
    @dg.asset(
        key=["staged", source.source],
        group_name="b_staged",
        deps=[["landed", source.source]],
        description="Each release parsed once, by layout, into tidy rows with their cells (Parquet).",
        kinds={"parquet"},
        check_specs=[dg.AssetCheckSpec("parsed", asset=["staged", source.source])],
    )
    def staged(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        def work() -> dg.MaterializeResult:
            with logged_work(_LOG, f"staging {source.source}") as work_counts:
                intake = take_in_source(warehouse.settings, source)
                counts: dict[str, int] = {}
                for release in intake.staged:
                    for name, rows in release.manifest.rows_by_fact.items():
                        counts[name] = counts.get(name, 0) + rows
                work_counts.add("releases", len(intake.staged))
                work_counts.add("rows", sum(counts.values()))
            return dg.MaterializeResult(
                metadata={
                    "dagster/row_count": sum(counts.values()),
                    "releases": len(intake.staged),
                    "unreadable": len(intake.unparsed),
                    **{f"rows {name}": rows for name, rows in counts.items()},
                }
            )

        return attempt(context, "parsed", work)

    return staged


def _validated_asset(source: Source) -> dg.AssetsDefinition:
    key = ["validated", source.source]

    @dg.asset(
        key=key,
        group_name="c_validated",
        deps=[["staged", source.source]],
        description="A verdict on every file: what Great Expectations and the file's own totals found. Only accepted "
        "releases are loaded; the rest stand in quarantine with the reason.",
        kinds={"greatexpectations"},
        check_specs=[
            dg.AssetCheckSpec("validated", asset=key),
            dg.AssetCheckSpec("files_accepted", asset=key, description="No file was refused and no release rejected."),
            dg.AssetCheckSpec("files_kept", asset=key, description="The file of every loaded release is kept."),
            dg.AssetCheckSpec("expectations", asset=key, description="Blocking expectations hold."),
            dg.AssetCheckSpec("warnings", asset=key, description="Expectations that only warn hold."),
            dg.AssetCheckSpec("data_docs", asset=key, description="The output folder took the Data Docs."),
            dg.AssetCheckSpec("faults_declared", asset=key, description="Mended, left out or accepted by declaration."),
        ],
    )
    def validated(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        def work() -> dg.MaterializeResult:
            with logged_work(_LOG, f"validating {source.source}") as counts:
                judged = judge_source(warehouse.settings, warehouse.engine, source)
                record_source(warehouse.engine, judged, dt.date.today())
                verdicts = judged.verdicts
                counts.add("files judged", len(verdicts))
                counts.add("accepted", sum(verdict.accepted for verdict in verdicts))
                counts.add("checks", sum(len(verdict.results) for verdict in verdicts))
                counts.add("rows of quarantine", sum(len(verdict.quarantine) for verdict in verdicts))
            index = judged.docs.index
            return dg.MaterializeResult(
                metadata={
                    "releases": len(verdicts),
                    "accepted": sum(verdict.accepted for verdict in verdicts),
                    **({"data_docs": dg.MetadataValue.url(index.as_uri())} if index.is_file() else {}),
                },
                check_results=[
                    _files_check(verdicts),
                    _kept_check(find_lost_releases(warehouse.engine, source, judged.intake.landing)),
                    *_expectation_checks(verdicts),
                    _docs_check(judged.docs),
                    _faults_check(verdicts),
                ],
            )

        return attempt(context, "validated", work)

    return validated


def _present_check(landing: Landing) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="files_present",
        passed=not landing.absent,
        description=_first_words(
            [str(error) for error in landing.absent], "all that stood in the raw folder stands there"
        ),
    )


def _settled_check(landing: Landing) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="files_settled",
        passed=not landing.waiting,
        severity=dg.AssetCheckSeverity.WARN,
        description=_first_words(
            [str(error) for error in landing.waiting], "no file is being written to", rest="the run's log"
        ),
    )


def _kept_check(lost: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="files_kept",
        passed=not lost,
        description=_first_words(lost, "the file of every loaded release is kept"),
    )


def _first_words(failures: list[str], held: str, rest: str = "table quarantine") -> str:
    """Return the first failures of a check, all of which stand in ``rest``; or ``held`` where there are none."""
    return cut_off(first_of(failures, NAMED), LONGEST_DESCRIPTION, rest) or held


def _files_check(verdicts: Sequence[Verdict]) -> dg.AssetCheckResult:
    bad = [verdict for verdict in verdicts if not verdict.accepted]
    words = [f"{verdict.file_name}: {' '.join(verdict.reasons)}" for verdict in bad]
    files = [{"file": verdict.file_name, "reason": " ".join(verdict.reasons)} for verdict in bad[:FAILURES_SHOWN]]
    undeclared = [row for verdict in bad for row in verdict.quarantine if not row.is_declared]
    shown = [
        {"file_name": row.file_name, "sheet": row.sheet, "cell": row.cell, "rule": row.rule, "reason": row.reason}
        for row in undeclared[:FAILURES_SHOWN]
    ]
    return dg.AssetCheckResult(
        check_name="files_accepted",
        passed=not bad,
        description=_first_words(words, f"all {len(verdicts)} files accepted"),
        metadata={
            **({"rejected": show_table(files)} if files else {}),
            **({"quarantine": show_table(shown)} if shown else {}),
        },
    )


def _expectation_checks(verdicts: Sequence[Verdict]) -> list[dg.AssetCheckResult]:
    def failures_of(severity: str) -> SeverityFailures:
        results = [
            (verdict.file_name, result)
            for verdict in verdicts
            for result in verdict.results
            if result.severity == severity
        ]
        failed = [(file_name, result) for file_name, result in results if not result.success]
        words = [f"{len(results) - len(failed)} of {len(results)} checks hold"]
        if failed:
            details = [f"{file_name}: {result.check_name}: {result.detail}" for file_name, result in failed]
            words.append(first_of(details, NAMED))
        told = ("table_name", "check_name", "rows_failed", "detail", "release_id")
        rows = [
            {"file": file_name} | {name: value for name, value in asdict(result).items() if name in told}
            for file_name, result in failed[:FAILURES_SHOWN]
        ]
        rows_failed = sum(result.rows_failed for _, result in failed)
        return SeverityFailures(len(failed), "; ".join(words), rows, {"rows_failed": rows_failed})

    names = {"block": "expectations", "warn": "warnings"}
    return make_checks_by_severity(names, failures_of, "table current_validation_result")


def _docs_check(docs: DataDocs) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="data_docs",
        passed=not docs.problem,
        severity=dg.AssetCheckSeverity.WARN,
        description=docs.problem or None,
    )


def _faults_check(verdicts: Sequence[Verdict]) -> dg.AssetCheckResult:
    declared = [row for verdict in verdicts for row in verdict.quarantine if row.is_declared]
    told = ("file_name", "sheet", "cell", "treatment", "reason")
    shown = [{name: value for name, value in asdict(row).items() if name in told} for row in declared[:FAILURES_SHOWN]]
    return dg.AssetCheckResult(
        check_name="faults_declared",
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(declared)} cells or rows treated by declared faults",
        metadata={"treated": show_table(shown)} if declared else {},
    )


def make_source_assets() -> list[dg.AssetsDefinition]:
    """Return the three assets of every source."""
    return [
        make(source)
        for source in map(load_source, SOURCES)
        for make in (_landed_asset, _staged_asset, _validated_asset)
    ]
