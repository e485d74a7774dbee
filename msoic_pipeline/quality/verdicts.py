"""Whether a release may be loaded, and the evidence for it: its quarantine and its findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msoic_pipeline.ingest.findings import Failure, Finding
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.model.evidence_rows import QuarantineRow, ValidationResult
from msoic_pipeline.texts import WITHHELD, first_of
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.layout import Source

# Errors that something is not where it was: nothing is rejected.
ABSENT = ("absent_file", "absent_folder")
STANDS = "its figures stand"


@dataclass
class Verdict:
    """What becomes of a file. ``staged`` is None where the file could not be read at all.

    ``results`` are the findings of the checks, ``reasons`` the words of those for which it is rejected or refused.
    """

    file_name: str
    staged: StagedRelease | None
    accepted: bool
    quarantine: list[QuarantineRow] = field(default_factory=list)
    results: list[ValidationResult] = field(default_factory=list)
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
    verdicts = [refuse(source, error) for error in (*landing.refused, *landing.absent, *unreadable)]
    for release in staged:
        findings = [
            *release.findings,
            *expectations.get(release.release.release_id, []),
            _finding_of_unread_rows(source, release),
        ]
        blocking = [finding for finding in findings if not finding.success and finding.severity == "block"]
        verdicts.append(
            Verdict(
                file_name=release.release.file_name,
                staged=release,
                accepted=not blocking,
                quarantine=[
                    *_unread_rows(source, release),
                    *_accepted_rows(source, release, findings),
                    *_failing_rows(source, release, blocking),
                ],
                results=[_validation_result(source, release.release.release_id, finding) for finding in findings],
                reasons=[f"{finding.table_name}: {finding.check_name}: {finding.detail}" for finding in blocking],
            )
        )
    return verdicts


def _finding_of_unread_rows(source: Source, release: StagedRelease) -> Finding:
    """Return the finding on rows that could not be read, beyond those that a declared fault covers."""
    rejects = release.frame("rejects")
    undeclared = rejects[rejects["fault"] == ""]
    number = release.manifest["undeclared_rejects"]
    places = [
        f"sheet {row['sheet']!r}, cell {row['cell']}: {row['rule']}, {row['reason']}"
        for row in undeclared.to_dict("records")
    ]
    return Finding(
        table_name="rows",
        check_name="rows could be read",
        severity="block",
        success=number <= source.quarantine_threshold,
        rows_checked=int(release.manifest["counts"].get("data_rows", 0)),
        rows_failed=number,
        detail=first_of(places, total=number) if places else f"{len(rejects)} rows left out by declared faults",
    )


def _validation_result(source: Source, release_id: str, finding: Finding) -> ValidationResult:
    return ValidationResult(
        source=source.source,
        table_name=finding.table_name,
        check_name=finding.check_name,
        release_id=release_id,
        severity=finding.severity,
        success=finding.success,
        rows_checked=finding.rows_checked,
        rows_failed=finding.rows_failed,
        detail=finding.detail,
    )


def _unread_rows(source: Source, release: StagedRelease) -> list[QuarantineRow]:
    """Return what was not read as it stands: rows left out or rejected, and cells that a declared fault replaces."""
    rows = [
        _quarantine_row(
            source,
            release,
            (row["rule"], row["sheet"], row["cell"]),
            row["reason"],
            f"left out by declared fault {row['fault']}" if row["fault"] else "rejected",
            is_declared=bool(row["fault"]),
            raw_text=row["raw_text"],
        )
        for row in release.frame("rejects").to_dict("records")
    ]
    for rule, number in release.manifest["unlisted"].items():
        rows.append(_row_of_unlisted(source, release, rule, number))
    for fault in release.manifest["replaced_cells"]:
        replacement = WITHHELD if source.sensitive else fault["replacement"]
        place = ("declared_fault", fault["sheet"], fault["cell"])
        treatment = f"read as {replacement} by declared fault {fault['fault']}"
        row = _quarantine_row(
            source, release, place, fault["reason"], treatment, is_declared=True, raw_text=str(fault["found"])
        )
        rows.append(row)
    return rows


def _accepted_rows(source: Source, release: StagedRelease, findings: Sequence[Finding]) -> list[QuarantineRow]:
    """Return what declared faults accept: it is loaded, and stands here so that nobody forgets it."""
    treatment = "loaded as it is, accepted by declared fault"
    return [
        _quarantine_row(
            source,
            release,
            _place_of(failure),
            _reason_of(source, finding, failure),
            f"{treatment} {failure.fault}",
            is_declared=True,
        )
        for finding in findings
        for failure in finding.accepted
    ]


def _failing_rows(source: Source, release: StagedRelease, blocking: Sequence[Finding]) -> list[QuarantineRow]:
    """Return the rows for which blocking checks reject a release."""
    rows = [
        _quarantine_row(
            source,
            release,
            _place_of(failure),
            _reason_of(source, finding, failure),
            "rejected",
            raw_text=failure.row_text,
        )
        for finding in blocking
        for failure in finding.failures
    ]
    for finding in blocking:
        if len(finding.failures) >= MAX_LISTED and finding.rows_failed > len(finding.failures):
            unlisted = finding.rows_failed - len(finding.failures)
            rows.append(_row_of_unlisted(source, release, finding.failures[0].rule, unlisted))
    return rows


def _row_of_unlisted(source: Source, release: StagedRelease, rule: str, number: int) -> QuarantineRow:
    """Return the row that stands for all those that are not listed."""
    reason = f"{number:,} more of this rule; the first {MAX_LISTED:,} are listed"
    return _quarantine_row(source, release, (rule, "", ""), reason, "rejected")


def _place_of(failure: Failure) -> tuple[str, str, str]:
    """Return the rule that does not hold, and sheet and cell where."""
    return failure.rule, failure.sheet, failure.cell


def _reason_of(source: Source, finding: Finding, failure: Failure) -> str:
    """Return what does not hold at a place; of a sensitive source without what stands there."""
    detail = "does not hold here" if source.sensitive else failure.detail
    return f"{finding.table_name}: {finding.check_name}: {detail}"


def _quarantine_row(
    source: Source,
    release: StagedRelease,
    place: Sequence[str],
    reason: str,
    treatment: str,
    *,
    is_declared: bool = False,
    raw_text: str | None = None,
) -> QuarantineRow:
    """Return a row of quarantine; ``place`` is rule, sheet and cell. The text of a sensitive source is withheld."""
    rule, sheet, cell = place
    return QuarantineRow(
        source=source.source,
        file_name=release.release.file_name,
        sheet=sheet,
        cell=cell,
        rule=rule,
        release_id=release.release.release_id,
        reason=reason,
        raw_text="" if raw_text is None else WITHHELD if source.sensitive else raw_text,
        is_declared=is_declared,
        treatment=treatment,
    )


def refuse(source: Source, error: SourceFileError, release_id: str | None = None) -> Verdict:
    """Return the verdict on a file that could not be read or parsed, or is not where it was.

    ``release_id`` is the release that it was recognised as, where it was.
    """
    row = QuarantineRow(
        source=source.source,
        file_name=error.file,
        sheet=error.sheet,
        cell=error.cell,
        rule=error.rule,
        release_id=release_id,
        reason=str(error),
        raw_text="",
        is_declared=False,
        treatment=STANDS if error.rule in ABSENT else "rejected",
    )
    return Verdict(error.file, staged=None, accepted=False, quarantine=[row], reasons=[str(error)])
