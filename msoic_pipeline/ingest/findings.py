"""What a check finds in a release: whether it holds, and the places where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.workbooks.failures import Failure


@dataclass(frozen=True)
class Finding:
    """What a check found in a table of a release.

    The fields up to ``detail`` are those of the table ``validation_result``. ``failures`` are the places that speak
    against the release, at most MAX_LISTED of ``rows_failed``; ``accepted`` all those that a known fault accepts.
    """

    table_name: str
    check_name: str
    severity: str
    success: bool
    rows_checked: int
    rows_failed: int
    detail: str
    failures: tuple[Failure, ...] = ()
    accepted: tuple[Failure, ...] = ()


def merge_sheets(findings: Sequence[Finding]) -> list[Finding]:
    """Return one finding for each check of a table, though the table be spread over several sheets."""
    by_check: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        by_check.setdefault((finding.table_name, finding.check_name), []).append(finding)
    return [_merge_findings(of_one_check) for of_one_check in by_check.values()]


def _merge_findings(findings: Sequence[Finding]) -> Finding:
    """Return what several findings of one check come to; of those that hold nothing is told beside those that fail."""
    if len(findings) == 1:
        detail = findings[0].detail
    else:
        failed = [finding.detail for finding in findings if not finding.success]
        detail = "; ".join(failed) or f"all agree, in {len(findings)} sheets"
    failures = [failure for finding in findings for failure in finding.failures]
    return Finding(
        table_name=findings[0].table_name,
        check_name=findings[0].check_name,
        severity=findings[0].severity,
        success=all(finding.success for finding in findings),
        rows_checked=sum(finding.rows_checked for finding in findings),
        rows_failed=sum(finding.rows_failed for finding in findings),
        detail=detail,
        failures=tuple(failures[:MAX_LISTED]),
        accepted=tuple(failure for finding in findings for failure in finding.accepted),
    )
