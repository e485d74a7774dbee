"""Reconciled, KPIs, estimates, checked, claims: what is derived from the facts.

Each asset does its work and returns what Dagster's pages show of it; the functions behind it ask for that and word it.
"""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.assets.checks import NAMED, SeverityFailures, make_checks_by_severity
from msoic_pipeline.assets.partitions import QUARTERS, SINGLE_RUN, list_all_quarters, list_quarters_of
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.tables import FAILURES_SHOWN, describe_columns, show_table
from msoic_pipeline.audit.warehouse_checks import check_warehouse
from msoic_pipeline.claims.stored_verdicts import ClaimSummary, compute_claims
from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.kpis.maturity import estimate_maturity
from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.estimates import maturity_estimate
from msoic_pipeline.model.evidence import (
    WHOLE_WAREHOUSE,
    reconciliation_result,
    report_claim,
    validation_result,
)
from msoic_pipeline.model.evidence_rows import ValidationResult
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.model.signals import kpi_signal
from msoic_pipeline.reconciliation.apply import reconcile_quarters
from msoic_pipeline.reconciliation.summary import ReconciliationSummary, list_breaks
from msoic_pipeline.signals.compute import compute_signals
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.findings import record_findings
from msoic_pipeline.warehouse.load_log import list_loads_by_quarter
from msoic_pipeline.wording import first_of

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
    with logged_work(_LOG, "reconciling sources") as work:
        # Looking at all quarters costs next to nothing, and one that was backfilled may decide a later one's results.
        summary = reconcile_quarters(warehouse.engine, list_all_quarters())
        results_by_status = _list_results_by_status(summary)
        results = sum(row["results"] for row in results_by_status)
        work.add("rules", len(summary.counts))
        work.add("quarters computed", len(summary.changed))
        work.add("results", results)
        work.add("that block broken", summary.blocking)
        work.add("that warn broken", summary.warnings)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": results,
            "quarters_computed": len(summary.changed),
            "results": show_table(results_by_status),
        },
        check_results=_make_break_checks(warehouse.engine, summary),
    )


def _list_results_by_status(summary: ReconciliationSummary) -> list[dict[str, Any]]:
    """Return, for each rule and status, how many results there are."""
    rows = []
    for rule, numbers in summary.counts.items():
        rows += [{"rule": rule, "status": status, "results": number} for status, number in numbers.items()]
    return rows


def _make_break_checks(engine: Engine, summary: ReconciliationSummary) -> list[dg.AssetCheckResult]:
    """Return a check for the rules that block and one for those that warn, each with the worst of what is broken."""
    numbers = {"block": summary.blocking, "warn": summary.warnings}
    failures = {}
    with read_transaction(engine) as connection:
        for severity, number in numbers.items():
            words = "none broken"
            if number:
                words = f"{number} broken: {first_of(summary.worst_by_severity[severity], NAMED, number)}"
            breaks = [asdict(each) for each in list_breaks(connection, BREAKS_SHOWN, severity)]
            failures[severity] = SeverityFailures(number, words, breaks)
    names = {"block": "no_breaks", "warn": "no_warnings"}
    return make_checks_by_severity(names, failures, "table reconciliation_result")


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
    quarters = list_quarters_of(context)
    with logged_work(_LOG, "computing KPIs") as work:
        # Facts of other quarters may have gone along; those of which nothing has changed cost next to nothing.
        looked_at = _add_loaded_quarters(warehouse.engine, quarters)
        computed = compute_quarters(warehouse.engine, looked_at)
        work.add("quarters looked at", len(looked_at))
        work.add("quarters computed", len(computed))
    with read_transaction(warehouse.engine) as connection:
        rows = connection.scalar(sa.select(sa.func.count()).select_from(kpi_value))
        national = _read_open_national_values(connection, quarters[-1])
    return dg.MaterializeResult(
        metadata={"rows in the table": int(rows or 0), f"national {quarters[-1]}": show_table(national)}
    )


def _add_loaded_quarters(engine: Engine, quarters: Sequence[dt.date]) -> list[dt.date]:
    """Return ``quarters``, and those of which facts have been loaded before."""
    with read_transaction(engine) as connection:
        return sorted({*quarters, *list_loads_by_quarter(connection)})


def _read_open_national_values(connection: Connection, quarter: dt.date) -> list[dict[str, Any]]:
    """Return a quarter's national values as known today, of the KPIs that anybody may see.

    Those of sensitive KPIs are not shown: a figure of the nation is that of a single force where only one has reported.
    """
    query = sa.text(
        "SELECT k.kpi_id, k.period_label, k.value, k.unit, k.status, k.as_of FROM current_kpi_value k "
        "WHERE k.geography_kind = 'national' AND k.period_kind = 'quarter' AND k.period_start = :start "
        "AND k.kpi_id IN :open_kpis ORDER BY k.kpi_id"
    ).bindparams(sa.bindparam("start", type_=sa.Date()), sa.bindparam("open_kpis", expanding=True))
    open_kpis = [kpi.kpi_id for kpi in load_definitions() if not kpi.is_sensitive]
    rows = connection.execute(query, {"start": quarter, "open_kpis": open_kpis}).mappings()
    return [dict(row) for row in rows]


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
    return dg.MaterializeResult(metadata={"checks": len(findings)}, check_results=_make_warehouse_checks(findings))


def _make_warehouse_checks(findings: Sequence[ValidationResult]) -> list[dg.AssetCheckResult]:
    """Return a check for the findings that block and one for those that warn."""
    names = {"block": "warehouse_blocking", "warn": "warehouse_warnings"}
    failures = {}
    for severity in names:
        failed = [finding for finding in findings if finding.severity == severity and not finding.success]
        words = [f"{finding.source}: {finding.check_name}: {finding.detail}" for finding in failed]
        rows = [asdict(finding) for finding in failed[:FAILURES_SHOWN]]
        failures[severity] = SeverityFailures(len(failed), first_of(words, NAMED) or "all hold", rows)
    return make_checks_by_severity(names, failures, "table current_validation_result")


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
    with logged_work(_LOG, "estimating what KPIs will come to") as work:
        periods = estimate_maturity(warehouse.engine)
        work.add("periods", periods)
    return dg.MaterializeResult(metadata={"dagster/row_count": periods})


@dg.asset(
    name="kpi_signal",
    deps=["kpi_value"],
    group_name="f_kpis",
    description=kpi_signal.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(kpi_signal)},
)
def signals(warehouse: Warehouse) -> dg.MaterializeResult:
    """Find which figures of each KPI are signals, and which are noise."""
    with logged_work(_LOG, "finding signals") as work:
        written = compute_signals(warehouse.engine)
        work.add("rows written", written or 0)
    return dg.MaterializeResult(metadata={"rows written": written or 0, "has changed": written is not None})


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
    with logged_work(_LOG, "judging the reports' claims") as work:
        summary = compute_claims(warehouse.engine, dt.date.today())
        work.add("reports", len(summary.counts))
        work.add("rows written", summary.written)
    with read_transaction(warehouse.engine) as connection:
        refuted = _read_refuted_claims(connection)
    return dg.MaterializeResult(
        metadata={
            "verdicts": show_table(_list_claims_by_verdict(summary)),
            "disagreeing_pairs": sum(len(pairs) for pairs in summary.disagreements.values()),
        },
        check_results=[_make_claims_check(refuted)],
    )


def _read_refuted_claims(connection: Connection) -> list[dict[str, Any]]:
    """Return the claims that differ or are contradicted, one row for each time at which they do."""
    columns = (report_claim.c[name] for name in ("report", "claim_id", "known", "verdict", "words", "explanation"))
    query = (
        sa.select(*columns)
        .where(report_claim.c.verdict.in_(("differs", "contradicted")))
        .order_by(report_claim.c.report, report_claim.c.known, report_claim.c.position)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _list_claims_by_verdict(summary: ClaimSummary) -> list[dict[str, Any]]:
    """Return how many claims have each verdict, by report and by when they are known."""
    rows = []
    for report, numbers_by_known in summary.counts.items():
        for known, numbers in numbers_by_known.items():
            rows += [
                {"report": report, "known": known, "verdict": verdict, "claims": number}
                for verdict, number in numbers.items()
            ]
    return rows


def _make_claims_check(refuted: Sequence[dict[str, Any]]) -> dg.AssetCheckResult:
    """Return the check that warns where a claim is refuted, be it as known when it was published or as known today."""
    claims_refuted = {(row["report"], row["claim_id"]) for row in refuted}
    return dg.AssetCheckResult(
        check_name="claims_borne_out",
        passed=not refuted,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(claims_refuted)} claims differ or are contradicted, as known when published or today; "
        "msoic claims lists them",
        metadata={"refuted": show_table(refuted)} if refuted else {},
    )


def make_figure_assets() -> list[dg.AssetsDefinition]:
    """Return the assets derived from the facts."""
    return [reconciliation, kpis, maturity, signals, checked_warehouse, claims]
