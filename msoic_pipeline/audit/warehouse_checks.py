"""Checks on the warehouse as a whole, once it is loaded and KPIs are computed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from sqlalchemy.engine import Connection

from msoic_pipeline.audit.levels import national_totals_have_no_level_shifts
from msoic_pipeline.audit.releases import (
    every_due_report_was_received,
    latest_release_is_on_time,
    sample_and_real_data_are_not_mixed,
)
from msoic_pipeline.audit.shares import shares_lie_between_0_and_1
from msoic_pipeline.audit.table_finding import TableFinding
from msoic_pipeline.model.checks import CheckWords
from msoic_pipeline.model.evidence import WHOLE_WAREHOUSE
from msoic_pipeline.model.evidence_rows import ValidationResult


@dataclass(frozen=True)
class WarehouseCheck(CheckWords):
    """A check on the loaded warehouse: its words, and the function that makes it.

    ``run`` takes a connection and the day as at which to judge, and yields what it found, a table at a time.
    """

    run: Callable[[Connection, dt.date], Iterator[TableFinding]]


WAREHOUSE_CHECKS = (
    WarehouseCheck(
        name="sample and real data are not mixed",
        severity="warn",
        reason="Synthetic figures never pass for real ones: totals over both are neither.",
        run=sample_and_real_data_are_not_mixed,
    ),
    WarehouseCheck(
        name="every report due was received",
        severity="warn",
        reason="A missing report is missing, never zero: figures over it are marked incomplete, and somebody may ask "
        "for it.",
        run=every_due_report_was_received,
    ),
    WarehouseCheck(
        name="latest release is on time",
        severity="warn",
        reason="By the publisher's calendar a later release should be there. What is loaded stays true as far as it "
        "goes.",
        run=latest_release_is_on_time,
    ),
    WarehouseCheck(
        name="national shares lie between 0 and 1",
        severity="block",
        reason="A share outside is no share: its numerator is not a part of its denominator.",
        run=partial(shares_lie_between_0_and_1, is_national=True),
    ),
    WarehouseCheck(
        name="shares of forces and areas lie between 0 and 1",
        severity="warn",
        reason="Later cancellations can turn a small force's count of crimes negative, which is no fault of the "
        "pipeline's.",
        run=partial(shares_lie_between_0_and_1, is_national=False),
    ),
    WarehouseCheck(
        name="national totals have no level shifts",
        severity="warn",
        reason="A sudden change of level may be a change of method, a force that is missing, a column read wrongly, or "
        "true: somebody should look.",
        run=national_totals_have_no_level_shifts,
    ),
)


def check_warehouse(connection: Connection, today: dt.date) -> list[ValidationResult]:
    """Return what the checks find in the loaded warehouse as at ``today``: a finding a check, source and table.

    They are about all of a source's releases and about the warehouse as a whole: the table that was looked at stands in
    the name of the check, as in ``national totals have no level shifts (fact_nrm_referral)``.
    """
    return [
        ValidationResult(
            source=checked.source,
            table_name=WHOLE_WAREHOUSE,
            check_name=f"{check.name} ({checked.table_name})",
            release_id="",
            severity=check.severity,
            success=not checked.rows_failed,
            rows_checked=checked.rows_checked,
            rows_failed=checked.rows_failed,
            detail=checked.detail,
        )
        for check in WAREHOUSE_CHECKS
        for checked in check.run(connection, today)
    ]
