"""Whether a release may be loaded, and the evidence for it: its rejects, its findings, its expectations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from msoic_pipeline.landing import Landing
from msoic_pipeline.sheet_checks import Finding
from msoic_pipeline.staging import StagedRelease
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.layout import Source

WITHHELD = "(withheld)"


@dataclass
class Verdict:
    """What becomes of a file. ``staged`` is None where the file could not be read at all."""

    file_name: str
    staged: StagedRelease | None
    accepted: bool
    quarantine: list[dict[str, Any]] = field(default_factory=list)
    results: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def judge(
    source: Source,
    landing: Landing,
    staged: Sequence[StagedRelease],
    unreadable: Sequence[SourceFileError],
    expectations: dict[str, list[Finding]],
) -> list[Verdict]:
    """Return a verdict on every file of a source.

    ``expectations`` holds, by release, what Great Expectations found. A release is rejected where a blocking check
    failed or where more rows than the source's threshold broke a rule without a declared fault.
    """
    verdicts = [_refused(source, error) for error in (*landing.refused, *unreadable)]
    for release in staged:
        findings = [*release.findings, *expectations.get(release.release.release_id, []), _row_rules(source, release)]
        blocking = [finding for finding in findings if not finding.success and finding.severity == "block"]
        verdicts.append(
            Verdict(
                file_name=release.release.file_name,
                staged=release,
                accepted=not blocking,
                quarantine=[
                    *_quarantined(source, release),
                    *_accepted_rows(source, release, findings),
                    *_failing_rows(source, release, blocking),
                ],
                results=[_result(source, release.release.release_id, finding) for finding in findings],
                reasons=[f"{finding.table_name}: {finding.check_name}: {finding.detail}" for finding in blocking],
            )
        )
    return verdicts


def _row_rules(source: Source, release: StagedRelease) -> Finding:
    """Rows that could not be read, beyond those that a declared fault covers."""
    rejects = release.frame("rejects")
    undeclared = rejects[rejects["fault"] == ""]
    first = "; ".join(
        f"sheet {row['sheet']!r}, cell {row['cell']}: {row['rule']}, {row['reason']}"
        for row in undeclared.head(5).to_dict("records")
    )
    more = f"; and {len(undeclared) - 5} more" if len(undeclared) > 5 else ""
    return Finding(
        table_name="rows",
        check_name="rows could be read",
        severity="block",
        success=len(undeclared) <= source.quarantine_threshold,
        rows_checked=int(release.manifest["counts"].get("data_rows", 0)),
        rows_failed=len(undeclared),
        detail=f"{first}{more}" if len(undeclared) else f"{len(rejects)} rows left out by declared faults",
    )


def _result(source: Source, release_id: str, finding: Finding) -> dict[str, Any]:
    return {
        "source": source.source,
        "table_name": finding.table_name,
        "check_name": finding.check_name,
        "release_id": release_id,
        "severity": finding.severity,
        "success": finding.success,
        "rows_checked": finding.rows_checked,
        "rows_failed": finding.rows_failed,
        "detail": finding.detail,
    }


def _quarantined(source: Source, release: StagedRelease) -> list[dict[str, Any]]:
    rows = [
        {
            "source": source.source,
            "file_name": release.release.file_name,
            "sheet": row["sheet"],
            "cell": row["cell"],
            "rule": row["rule"],
            "release_id": release.release.release_id,
            "reason": row["reason"],
            "raw_text": WITHHELD if source.sensitive else row["raw_text"],
            "is_declared": bool(row["fault"]),
            "treatment": f"left out by declared fault {row['fault']}" if row["fault"] else "rejected",
        }
        for row in release.frame("rejects").to_dict("records")
    ]
    for fault in release.manifest["mended"]:
        rows.append(
            {
                "source": source.source,
                "file_name": release.release.file_name,
                "sheet": fault["sheet"],
                "cell": fault["cell"],
                "rule": "declared_fault",
                "release_id": release.release.release_id,
                "reason": fault["reason"],
                "raw_text": WITHHELD if source.sensitive else str(fault["found"]),
                "is_declared": True,
                "treatment": f"read as {WITHHELD if source.sensitive else fault['replacement']} by declared fault "
                f"{fault['fault']}",
            }
        )
    return rows


def _accepted_rows(source: Source, release: StagedRelease, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return what declared faults accept: it is loaded, and stands here so that nobody forgets it."""
    return [
        {
            "source": source.source,
            "file_name": release.release.file_name,
            "sheet": sheet,
            "cell": cell,
            "rule": rule,
            "release_id": release.release.release_id,
            "reason": f"{finding.table_name}: {finding.check_name}: "
            + ("does not hold here" if source.sensitive else words),
            "raw_text": "",
            "is_declared": True,
            "treatment": f"loaded as it is, accepted by declared fault {fault}",
        }
        for finding in findings
        for rule, sheet, cell, words, fault in finding.accepted
    ]


def _failing_rows(source: Source, release: StagedRelease, blocking: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return the rows for which blocking checks reject a release."""
    return [
        {
            "source": source.source,
            "file_name": release.release.file_name,
            "sheet": sheet,
            "cell": cell,
            "rule": rule,
            "release_id": release.release.release_id,
            "reason": f"{finding.table_name}: {finding.check_name}: "
            + ("does not hold here" if source.sensitive else words),
            "raw_text": WITHHELD if source.sensitive else text,
            "is_declared": False,
            "treatment": "rejected",
        }
        for finding in blocking
        for rule, sheet, cell, words, text in finding.places
    ]


def _refused(source: Source, error: SourceFileError) -> Verdict:
    row = {
        "source": source.source,
        "file_name": error.file,
        "sheet": error.sheet,
        "cell": error.cell,
        "rule": error.rule,
        "release_id": None,
        "reason": str(error),
        "raw_text": "",
        "is_declared": False,
        "treatment": "rejected",
    }
    return Verdict(error.file, None, False, [row], [], [str(error)])
