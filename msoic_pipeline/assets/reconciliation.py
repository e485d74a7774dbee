"""Reconciled: sources held against themselves and against each other."""

import logging
from dataclasses import asdict
from typing import Any

import dagster as dg
from sqlalchemy.engine import Engine

from msoic_pipeline.assets.checks import (
    FAILURES_NAMED,
    AssetCheck,
    SeverityFailures,
    make_results_by_severity,
    make_specs,
)
from msoic_pipeline.assets.partitions import asset_by_quarter
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.tables import describe_columns, show_table
from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.evidence import (
    reconciliation_result,
)
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import Severity
from msoic_pipeline.periods import list_all_quarters
from msoic_pipeline.reconciliation.apply import reconcile_quarters
from msoic_pipeline.reconciliation.summary import ReconciliationSummary, list_breaks
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline.wording import first_of

_LOG = logging.getLogger(__name__)
# A break is looked into beside others of its rule.
BREAKS_SHOWN = 100


BREAK_CHECKS = (
    AssetCheck("no_breaks", "block", "No rule that blocks is broken."),
    AssetCheck("no_warnings", "warn", "No rule that warns is broken."),
)


@asset_by_quarter(
    name="reconciliation_result",
    deps=list(FACTS),
    group_name="e_reconciled",
    description=reconciliation_result.comment,
    kinds={"table"},
    metadata={"dagster/column_schema": describe_columns(reconciliation_result)},
    check_specs=make_specs(BREAK_CHECKS, "reconciliation_result"),
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
    numbers: dict[Severity, int] = {"block": summary.blocking, "warn": summary.warnings}
    failures: dict[Severity, SeverityFailures] = {}
    with read_transaction(engine) as connection:
        for severity, number in numbers.items():
            words = "none broken"
            if number:
                words = f"{number} broken: {first_of(summary.worst_by_severity[severity], FAILURES_NAMED, number)}"
            breaks = [asdict(each) for each in list_breaks(connection, BREAKS_SHOWN, severity)]
            failures[severity] = SeverityFailures(number, words, breaks)
    return make_results_by_severity(BREAK_CHECKS, failures, "table reconciliation_result")
