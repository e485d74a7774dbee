"""Checked: the warehouse as a whole."""

import logging
from collections.abc import Sequence
from dataclasses import asdict

import dagster as dg

from msoic_pipeline.assets.checks import (
    FAILURES_NAMED,
    AssetCheck,
    SeverityFailures,
    make_results_by_severity,
    make_specs,
)
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.tables import LISTED_ROWS
from msoic_pipeline.audit.warehouse_checks import check_warehouse
from msoic_pipeline.logs import logged_work
from msoic_pipeline.model.evidence import (
    WHOLE_WAREHOUSE,
    validation_result,
)
from msoic_pipeline.model.evidence_rows import ValidationResult
from msoic_pipeline.model.traits import Severity
from msoic_pipeline.periods import find_today
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.findings import record_findings
from msoic_pipeline.wording import first_of

_LOG = logging.getLogger(__name__)

WAREHOUSE_ASSET_CHECKS = (
    AssetCheck("warehouse_blocking", "block", "Checks of the whole that block."),
    AssetCheck("warehouse_warnings", "warn", "Coverage, freshness, level shifts."),
)


@dg.asset(
    name="validation_result",
    deps=["kpi_value", "reconciliation_result"],
    group_name="g_checked",
    description=validation_result.comment,
    kinds={"table"},
    check_specs=make_specs(WAREHOUSE_ASSET_CHECKS, "validation_result"),
)
def checked_warehouse(warehouse: Warehouse) -> dg.MaterializeResult:
    """Check the loaded warehouse as a whole: coverage, freshness, shares, level shifts."""
    today = find_today()
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
    failures: dict[Severity, SeverityFailures] = {}
    for severity in (check.severity for check in WAREHOUSE_ASSET_CHECKS):
        failed = [finding for finding in findings if finding.severity == severity and not finding.success]
        words = [f"{finding.source}: {finding.check_name}: {finding.detail}" for finding in failed]
        rows = [asdict(finding) for finding in failed[:LISTED_ROWS]]
        failures[severity] = SeverityFailures(len(failed), first_of(words, FAILURES_NAMED) or "all hold", rows)
    return make_results_by_severity(WAREHOUSE_ASSET_CHECKS, failures, "table current_validation_result")
