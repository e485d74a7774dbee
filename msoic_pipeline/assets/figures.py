"""Reconciled, KPIs, estimates, checked, claims, published: what is derived from the facts."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import sqlalchemy as sa
from xlsxwriter.exceptions import XlsxFileError

from msoic_pipeline.assets.checks import LONGEST_DESCRIPTION, NAMED, SeverityFailures, make_checks_by_severity
from msoic_pipeline.assets.partitions import QUARTERS, SINGLE_RUN, list_all_quarters, list_quarters_of
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.run_endings import find_failed_checks, list_asset_keys, list_check_keys, record_ending
from msoic_pipeline.assets.tables import FAILURES_SHOWN, describe_columns, show_table
from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.estimates import maturity_estimate
from msoic_pipeline.model.evidence import (
    WHOLE_WAREHOUSE,
    reconciliation_result,
    report_claim,
    validation_result,
)
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.texts import cut_off, first_of
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.findings import record_findings
from msoic_pipeline.warehouse.load_log import list_loads_by_quarter

_LOG = logging.getLogger(__name__)
# A break is looked into beside others of its rule.
BREAKS_SHOWN = 100


@dg.asset(
    name="reconciliation_result",
    deps=list(FACTS),
    partitions_def=QUARTERS,
    backfill_policy=SINGLE_RUN,
    group_name="e_reconciled",
    description=reconciliation_result.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(reconciliation_result)},
    check_specs=[
        dg.AssetCheckSpec("no_breaks", asset="reconciliation_result", description="No rule that blocks is broken."),
        dg.AssetCheckSpec("no_warnings", asset="reconciliation_result", description="No rule that warns is broken."),
    ],
)
def reconciliation(warehouse: Warehouse) -> dg.MaterializeResult:
    """Hold sources against themselves and against each other."""
    from msoic_pipeline.reconciliation.apply import reconcile_quarters
    from msoic_pipeline.reconciliation.summary import list_breaks

    with logged_work(_LOG, "reconciling sources") as work:
        # Looking at all quarters costs next to nothing, and one that was backfilled may decide a later one's results.
        summary = reconcile_quarters(warehouse.engine, list_all_quarters())
        counts: list[dict[str, Any]] = [
            {"rule": rule, "status": status, "results": number}
            for rule, statuses in summary.counts.items()
            for status, number in statuses.items()
        ]
        results = sum(row["results"] for row in counts)
        work.add("rules", len(summary.counts))
        work.add("quarters computed", len(summary.changed))
        work.add("results", results)
        work.add("that block broken", summary.blocking)
        work.add("that warn broken", summary.warnings)
    with read_transaction(warehouse.engine) as connection:
        broken = {severity: list_breaks(connection, BREAKS_SHOWN, severity) for severity in ("block", "warn")}
    numbers = {"block": summary.blocking, "warn": summary.warnings}

    def failures_of(severity: str) -> SeverityFailures:
        number = numbers[severity]
        worst = summary.worst_by_severity[severity]
        words = f"{number} broken: {first_of(worst, NAMED, number)}" if number else "none broken"
        return SeverityFailures(number, words, [asdict(row) for row in broken[severity]])

    names = {"block": "no_breaks", "warn": "no_warnings"}
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": results,
            "quarters_computed": len(summary.changed),
            "results": show_table(counts),
        },
        check_results=make_checks_by_severity(names, failures_of, "table reconciliation_result"),
    )


def _add_loaded_quarters(engine: sa.Engine, quarters: Sequence[dt.date]) -> list[dt.date]:
    """Return ``quarters``, and those of which facts have been loaded before."""
    with read_transaction(engine) as connection:
        return sorted({*quarters, *list_loads_by_quarter(connection)})


@dg.asset(
    name="kpi_value",
    deps=list(FACTS),
    partitions_def=QUARTERS,
    backfill_policy=SINGLE_RUN,
    group_name="f_kpis",
    description=kpi_value.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(kpi_value)},
)
def kpis(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
    """Compute the KPIs of the periods that touch the quarters."""
    from msoic_pipeline.kpis.compute import compute_quarters
    from msoic_pipeline.kpis.definitions import load_definitions

    # A figure of the nation is that of a single force where only one has reported.
    open_kpis = [kpi.kpi_id for kpi in load_definitions() if not kpi.is_sensitive]
    quarters = list_quarters_of(context)
    with logged_work(_LOG, "computing KPIs") as work:
        # Facts of other quarters may have gone along; those of which nothing has changed cost next to nothing.
        looked_at = _add_loaded_quarters(warehouse.engine, quarters)
        computed = compute_quarters(warehouse.engine, looked_at)
        work.add("quarters looked at", len(looked_at))
        work.add("quarters computed", len(computed))
    with read_transaction(warehouse.engine) as connection:
        preview = connection.execute(
            sa.text(
                "SELECT k.kpi_id, k.period_label, k.value, k.unit, k.status, k.as_of FROM current_kpi_value k "
                "WHERE k.geography_kind = 'national' AND k.period_kind = 'quarter' AND k.period_start = :start "
                "AND k.kpi_id IN :open_kpis ORDER BY k.kpi_id"
            ).bindparams(sa.bindparam("start", type_=sa.Date()), sa.bindparam("open_kpis", expanding=True)),
            {"start": quarters[-1], "open_kpis": open_kpis},
        ).mappings()
        shown = [dict(row) for row in preview]
        rows = connection.scalar(sa.select(sa.func.count()).select_from(kpi_value))
    return dg.MaterializeResult(
        metadata={"rows in the table": int(rows or 0), f"national {quarters[-1]}": show_table(shown)}
    )


@dg.asset(
    name="validation_result",
    deps=["kpi_value", "reconciliation_result"],
    group_name="g_checked",
    description=validation_result.comment,
    kinds={"table"},
    check_specs=[
        dg.AssetCheckSpec(
            "warehouse_blocking", asset="validation_result", description="Checks of the whole that block."
        ),
        dg.AssetCheckSpec(
            "warehouse_warnings", asset="validation_result", description="Coverage, freshness, level shifts."
        ),
    ],
)
def checked_warehouse(warehouse: Warehouse) -> dg.MaterializeResult:
    """Check the loaded warehouse as a whole: coverage, freshness, shares, level shifts."""
    from msoic_pipeline.audit.warehouse_checks import check_warehouse

    today = dt.date.today()
    with logged_work(_LOG, "checking the whole warehouse") as work:
        with read_transaction(warehouse.engine) as connection:
            findings = check_warehouse(connection, today)
        with write_transaction(warehouse.engine) as connection:
            of_whole = validation_result.c.table_name == WHOLE_WAREHOUSE
            record_findings(connection, of_whole, findings, today)
        work.add("rows looked at", sum(finding.rows_checked for finding in findings))
        work.add("checks", len(findings))
        work.add("that fail", sum(not finding.success for finding in findings))

    def failures_of(severity: str) -> SeverityFailures:
        failed = [finding for finding in findings if finding.severity == severity and not finding.success]
        words = [f"{finding.source}: {finding.check_name}: {finding.detail}" for finding in failed]
        rows = [asdict(finding) for finding in failed[:FAILURES_SHOWN]]
        return SeverityFailures(len(failed), first_of(words, NAMED) or "all hold", rows)

    names = {"block": "warehouse_blocking", "warn": "warehouse_warnings"}
    return dg.MaterializeResult(
        metadata={"checks": len(findings)},
        check_results=make_checks_by_severity(names, failures_of, "table current_validation_result"),
    )


@dg.asset(
    name="maturity_estimate",
    deps=["kpi_value"],
    group_name="f_kpis",
    description=maturity_estimate.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(maturity_estimate)},
)
def maturity(warehouse: Warehouse) -> dg.MaterializeResult:
    """Estimate what figures that are still growing will come to."""
    from msoic_pipeline.kpis.maturity import estimate_maturity

    with logged_work(_LOG, "estimating what KPIs will come to") as work:
        periods = estimate_maturity(warehouse.engine)
        work.add("periods", periods)
    return dg.MaterializeResult(metadata={"dagster/row_count": periods})


@dg.asset(
    name="report_claim",
    deps=["kpi_value"],
    group_name="h_published",
    description=report_claim.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(report_claim)},
    check_specs=[
        dg.AssetCheckSpec("claims_borne_out", asset="report_claim", description="No claim differs or is contradicted.")
    ],
)
def claims(warehouse: Warehouse) -> dg.MaterializeResult:
    """Hold every figure of the programme's reports against the data."""
    from msoic_pipeline.claims.stored_verdicts import compute_claims

    with logged_work(_LOG, "judging the reports' claims") as work:
        summary = compute_claims(warehouse.engine, dt.date.today())
        work.add("reports", len(summary.counts))
        work.add("rows written", summary.written)
    claim = report_claim
    named = (claim.c[name] for name in ("report", "claim_id", "known", "verdict", "words", "explanation"))
    with read_transaction(warehouse.engine) as connection:
        refuted = connection.execute(
            sa.select(*named)
            .where(claim.c.verdict.in_(("differs", "contradicted")))
            .order_by(claim.c.report, claim.c.known, claim.c.position)
        ).mappings()
        shown = [dict(row) for row in refuted]
    counts = [
        {"report": report, "known": known, "verdict": verdict, "claims": number}
        for report, by_known in summary.counts.items()
        for known, verdicts in by_known.items()
        for verdict, number in verdicts.items()
    ]
    refuted_claims = {(row["report"], row["claim_id"]) for row in shown}
    check = dg.AssetCheckResult(
        check_name="claims_borne_out",
        passed=not shown,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(refuted_claims)} claims differ or are contradicted, as known when published or today; "
        "msoic claims lists them",
        metadata={"refuted": show_table(shown)} if shown else {},
    )
    disagreeing = sum(len(pairs) for pairs in summary.disagreements.values())
    return dg.MaterializeResult(
        metadata={"verdicts": show_table(counts), "disagreeing_pairs": disagreeing}, check_results=[check]
    )


def make_published_asset(watched: Sequence[dg.AssetsDefinition]) -> dg.AssetsDefinition:
    """Return the asset of the exports, which come after all checks of ``watched`` and say on their face what failed."""
    keys = list_check_keys(watched)

    @dg.asset(
        name="published_kpis",
        deps=["kpi_value", "validation_result", "reconciliation_result", "maturity_estimate", "report_claim"],
        group_name="h_published",
        description="KPIs as a Parquet file and an accessible workbook, in the output folder: kpi.* where every "
        "blocking check holds; else kpi-unchecked.*, which say what failed.",
        kinds={"parquet", "xlsx"},
        check_specs=[
            dg.AssetCheckSpec("published", asset="published_kpis", description="The exports could be written.")
        ],
    )
    def published(context: dg.AssetExecutionContext, warehouse: Warehouse) -> dg.MaterializeResult:
        from msoic_pipeline.publication.exports import write_exports

        folder = warehouse.settings.output_dir
        failed = find_failed_checks(context.instance, keys)
        try:
            with logged_work(_LOG, "writing the exports") as work, read_transaction(warehouse.engine) as connection:
                paths = write_exports(connection, folder, dt.date.today(), failed)
                work.add("files", len(paths.both))
                work.add("checks that failed", len(failed))
        except (OSError, XlsxFileError) as error:
            context.log.error("the exports could not be written: %s", error)
            words = f"The exports could not be written to the output folder {folder}: {error}. Earlier ones stand."
            return dg.MaterializeResult(
                check_results=[
                    dg.AssetCheckResult(
                        check_name="published",
                        passed=False,
                        severity=dg.AssetCheckSeverity.ERROR,
                        description=f"{words} Make room there, or let it be written to; then materialise this again.",
                    )
                ]
            )
        return dg.MaterializeResult(
            metadata={
                "failed_checks": len(failed),
                "parquet": dg.MetadataValue.path(str(paths.parquet)),
                "workbook": dg.MetadataValue.path(str(paths.workbook)),
            },
            check_results=[dg.AssetCheckResult(check_name="published", passed=True)],
        )

    return published


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
    def outcome(context: dg.AssetExecutionContext, warehouse: Warehouse) -> None:
        failed = find_failed_checks(context.instance, keys)
        record_ending(warehouse.engine, context.run.run_id, failed)
        if failed:
            words = cut_off("; ".join(failed), LONGEST_DESCRIPTION, "table pipeline_run")
            raise dg.Failure(words, allow_retries=False)

    return outcome


def make_figure_assets() -> list[dg.AssetsDefinition]:
    """Return the assets derived from the facts."""
    return [reconciliation, kpis, maturity, checked_warehouse, claims]
