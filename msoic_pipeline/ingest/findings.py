"""What a check finds in a release: whether it holds, and the places where it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from msoic_pipeline.ingest.known_faults import Fault, find_accepting
from msoic_pipeline.model.traits import Severity
from msoic_pipeline.resource_limits import MAX_LISTED
from msoic_pipeline.workbooks.failures import Failure


@dataclass(frozen=True)
class Finding:
    """What a check found in a table of a release.

    The fields up to ``detail`` are those of the table ``validation_result``. ``failures`` are the places that speak
    against the release, at most MAX_LISTED of them, and ``unlisted`` is how many there are beyond these; a row that
    fails in several places is one of ``rows_failed`` but several failures. ``accepted`` are all those that a known
    fault accepts.
    """

    table_name: str
    check_name: str
    severity: Severity
    success: bool
    rows_checked: int
    rows_failed: int
    detail: str
    failures: tuple[Failure, ...] = ()
    accepted: tuple[Failure, ...] = ()
    unlisted: int = 0


def divide_accepted(failures: Iterable[Failure], faults: Sequence[Fault]) -> tuple[list[Failure], list[Failure]]:
    """Return the failures that stand, and those that known faults accept, each with the fault that does."""
    standing, accepted = [], []
    for failure in failures:
        fault = find_accepting(faults, failure.rule, failure.sheet, failure.cell)
        if fault:
            accepted.append(replace(failure, row_text="", fault=fault))
        else:
            standing.append(failure)
    return standing, accepted


def tell_accepted(accepted: Sequence[Failure]) -> str:
    """Return what a finding adds to its detail where known faults accept failures."""
    return f"; {len(accepted)} accepted by declared faults" if accepted else ""


def make_finding(
    table_name: str,
    check_name: str,
    severity: Severity,
    *,
    rows_checked: int,
    failures: Iterable[Failure],
    faults: Sequence[Fault],
    tell: Callable[[Sequence[Failure]], str],
) -> Finding:
    """Return what a check of a table finds: the failures that known faults accept do not speak against the release.

    ``tell`` puts those that stand into words, of which there may be none.
    """
    standing, accepted = divide_accepted(failures, faults)
    return Finding(
        table_name=table_name,
        check_name=check_name,
        severity=severity,
        success=not standing,
        rows_checked=rows_checked,
        rows_failed=len(standing),
        detail=tell(standing) + tell_accepted(accepted),
        failures=tuple(standing[:MAX_LISTED]),
        accepted=tuple(accepted),
        unlisted=max(0, len(standing) - MAX_LISTED),
    )


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
        unlisted=max(0, len(failures) - MAX_LISTED) + sum(finding.unlisted for finding in findings),
    )
