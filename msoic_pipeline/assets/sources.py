"""Landed, staged, validated: three assets a source. None is partitioned, since a file spans many quarters."""

import datetime as dt
from typing import Any

import dagster as dg

from msoic_pipeline.assets import source_steps
from msoic_pipeline.assets.common import Warehouse, as_table, attempt
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.quality import docs
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.texts import first_of
from msoic_pipeline.warehouse.loading import lost_releases
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source

SHOWN = 50


def _landed(source: Source) -> dg.AssetsDefinition:
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
            intake = source_steps.take_in(warehouse.settings, source)
            landing = intake.landing
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
                for release in landing.releases[-SHOWN:][::-1]
            ]
            return dg.MaterializeResult(
                metadata={
                    "releases in force": len(landing.releases),
                    "refused": len(landing.refused),
                    "withdrawn": ", ".join(sorted(landing.withdrawn)) or "none",
                    **({"withdrawals": as_table(landing.decisions)} if landing.decisions else {}),
                    "files read just now": intake.read,
                    "latest_release": f"{newest.reference_period}, published {newest.published_on}"
                    if newest
                    else "none",
                    "releases": as_table(shown),
                },
                check_results=[_present_check(landing), _settled_check(landing)],
            )

        return attempt(context, "registered", work)

    return landed


def _staged(source: Source) -> dg.AssetsDefinition:
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
            intake = source_steps.take_in(warehouse.settings, source)
            counts: dict[str, int] = {}
            for release in intake.staged:
                for name, rows in release.manifest["facts"].items():
                    counts[name] = counts.get(name, 0) + rows
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


def _validated(source: Source) -> dg.AssetsDefinition:
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
            intake, verdicts = source_steps.validate(warehouse.settings, warehouse.engine, source)
            source_steps.record(warehouse.engine, source, intake, verdicts, dt.date.today())
            index = warehouse.settings.output_dir / "data_docs" / "index.html"
            return dg.MaterializeResult(
                metadata={
                    "releases": len(verdicts),
                    "accepted": sum(verdict.accepted for verdict in verdicts),
                    **({"data_docs": dg.MetadataValue.url(index.as_uri())} if index.is_file() else {}),
                },
                check_results=[
                    _files_check(verdicts),
                    _kept_check(lost_releases(warehouse.engine, source, intake.landing)),
                    *_expectation_checks(verdicts),
                    _docs_check(source),
                    _faults_check(verdicts),
                ],
            )

        return attempt(context, "validated", work)

    return validated


def _present_check(landing: Landing) -> dg.AssetCheckResult:
    words = [str(error) for error in landing.absent]
    return dg.AssetCheckResult(
        check_name="files_present",
        passed=not words,
        description=first_of(words)[:4000] if words else "all that stood in the raw folder stands there",
    )


def _settled_check(landing: Landing) -> dg.AssetCheckResult:
    words = [str(error) for error in landing.waiting]
    return dg.AssetCheckResult(
        check_name="files_settled",
        passed=not words,
        severity=dg.AssetCheckSeverity.WARN,
        description=first_of(words)[:4000] if words else "no file is being written to",
    )


def _kept_check(lost: list[str]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name="files_kept",
        passed=not lost,
        description=first_of(lost)[:4000] if lost else "the file of every loaded release is kept",
    )


def _files_check(verdicts: list[Verdict]) -> dg.AssetCheckResult:
    bad = [verdict for verdict in verdicts if not verdict.accepted]
    words = "; ".join(f"{verdict.file_name}: {' '.join(verdict.reasons)}" for verdict in bad[:5])
    files = [{"file": verdict.file_name, "reason": " ".join(verdict.reasons)} for verdict in bad[:SHOWN]]
    rows = [row for verdict in bad for row in verdict.quarantine if not row["is_declared"]]
    shown = [{name: row[name] for name in ("file_name", "sheet", "cell", "rule", "reason")} for row in rows[:SHOWN]]
    return dg.AssetCheckResult(
        check_name="files_accepted",
        passed=not bad,
        description=words[:4000] if bad else f"all {len(verdicts)} files accepted",
        metadata={
            **({"rejected": as_table(files)} if files else {}),
            **({"quarantine": as_table(shown)} if shown else {}),
        },
    )


def _expectation_checks(verdicts: list[Verdict]) -> list[dg.AssetCheckResult]:
    checks = []
    for check, severity, level in (
        ("expectations", "block", dg.AssetCheckSeverity.ERROR),
        ("warnings", "warn", dg.AssetCheckSeverity.WARN),
    ):
        results: list[tuple[str, dict[str, Any]]] = [
            (verdict.file_name, row) for verdict in verdicts for row in verdict.results if row["severity"] == severity
        ]
        failed = [row | {"file": file_name} for file_name, row in results if not row["success"]]
        shown = [
            {name: row[name] for name in ("file", "table_name", "check_name", "rows_failed", "detail", "release_id")}
            for row in failed[:SHOWN]
        ]
        words = "".join(f"; {row['file']}: {row['check_name']}: {row['detail']}" for row in failed[:3])[:2000]
        checks.append(
            dg.AssetCheckResult(
                check_name=check,
                passed=not failed,
                severity=level,
                description=f"{len(results) - len(failed)} of {len(results)} checks hold{words}",
                metadata={
                    "rows_failed": sum(row["rows_failed"] for row in failed),
                    **({"failed": as_table(shown)} if failed else {}),
                },
            )
        )
    return checks


def _docs_check(source: Source) -> dg.AssetCheckResult:
    words = docs.problem(source.source)
    return dg.AssetCheckResult(
        check_name="data_docs", passed=not words, severity=dg.AssetCheckSeverity.WARN, description=words or None
    )


def _faults_check(verdicts: list[Verdict]) -> dg.AssetCheckResult:
    declared = [row for verdict in verdicts for row in verdict.quarantine if row["is_declared"]]
    told = ("file_name", "sheet", "cell", "treatment", "reason")
    shown = [{name: row[name] for name in told} for row in declared[:SHOWN]]
    return dg.AssetCheckResult(
        check_name="faults_declared",
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(declared)} cells or rows treated by declared faults",
        metadata={"treated": as_table(shown)} if declared else {},
    )


def source_assets() -> list[dg.AssetsDefinition]:
    """Return the three assets of every source."""
    return [make(source) for source in map(load_source, SOURCES) for make in (_landed, _staged, _validated)]
