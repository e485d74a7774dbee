"""Whether a release may be loaded, and the evidence for it: its quarantine and its findings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.model.evidence_rows import QuarantineRow, ValidationResult
from msoic_pipeline.texts import WITHHELD, at_cell, first_of
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.source import Source

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
    source: Source, landing: Landing, releases: Sequence[StagedRelease], expectations: dict[str, list[Finding]]
) -> list[Verdict]:
    """Return a verdict on every file of a source that was refused or is absent, and on every release that is parsed.

    ``expectations`` holds, by release, what Great Expectations found. A release is rejected where a blocking check
    failed or where more rows than the source's threshold broke a rule without a known fault.
    """
    verdicts = [refuse(source, error) for error in (*landing.refused, *landing.absent)]
    verdicts += [_judge_release(source, staged, expectations.get(staged.release_id, [])) for staged in releases]
    return verdicts


def _judge_release(source: Source, staged: StagedRelease, expectations: Sequence[Finding]) -> Verdict:
    """Return the verdict on a release from what was found in it while it was parsed and by ``expectations``."""
    rows_read = _rows_could_be_read(source, staged)  # what it finds is listed row by row as rejects
    findings = [*staged.manifest.findings, *expectations, rows_read]
    blocking = [finding for finding in findings if not finding.success and finding.severity == "block"]
    return Verdict(
        file_name=staged.release.file_name,
        staged=staged,
        accepted=not blocking,
        quarantine=[
            *_list_rejects(source, staged),
            *_list_replaced_cells(source, staged),
            *_list_accepted_failures(source, staged, findings),
            *_list_blocking_failures(source, staged, [finding for finding in blocking if finding is not rows_read]),
        ],
        results=[_validation_result(source, staged.release_id, finding) for finding in findings],
        reasons=[f"{finding.table_name}: {finding.check_name}: {finding.detail}" for finding in blocking],
    )


def _rows_could_be_read(source: Source, staged: StagedRelease) -> Finding:
    """Return the finding on rows that could not be read, beyond those that a known fault covers."""
    rejects = staged.rejects()
    number = staged.manifest.undeclared_rejects
    undeclared = [reject for reject in rejects if not reject.fault]
    places = [f"{at_cell(reject.sheet, reject.cell)}: {reject.rule}, {reject.detail}" for reject in undeclared]
    return Finding(
        table_name="rows",
        check_name="rows could be read",
        severity="block",
        success=number <= source.quarantine_threshold,
        rows_checked=staged.manifest.counts.data_rows,
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


def _list_rejects(source: Source, staged: StagedRelease) -> list[QuarantineRow]:
    """Return the rows and cells that are not loaded: rejected, or left out by a known fault."""
    rows = []
    for reject in staged.rejects():
        row = _quarantine_row(
            source,
            staged,
            rule=reject.rule,
            sheet=reject.sheet,
            cell=reject.cell,
            reason=reject.detail,
            treatment=f"left out by declared fault {reject.fault}" if reject.fault else "rejected",
            is_declared=bool(reject.fault),
            raw_text=reject.row_text,
        )
        rows.append(row)
    for rule, number in staged.manifest.unlisted.items():
        rows.append(_row_of_unlisted(source, staged, rule, number))
    return rows


def _list_replaced_cells(source: Source, staged: StagedRelease) -> list[QuarantineRow]:
    """Return the cells that a known fault asks to be read as something else."""
    rows = []
    for fault in staged.manifest.replaced_cells:
        replacement = WITHHELD if source.sensitive else fault.replacement
        row = _quarantine_row(
            source,
            staged,
            rule="declared_fault",
            sheet=fault.sheet,
            cell=fault.cell,
            reason=fault.reason,
            treatment=f"read as {replacement} by declared fault {fault.fault}",
            is_declared=True,
            raw_text=fault.found,
        )
        rows.append(row)
    return rows


def _list_accepted_failures(
    source: Source, staged: StagedRelease, findings: Sequence[Finding]
) -> Iterator[QuarantineRow]:
    """Yield what known faults accept: it is loaded, and stands here so that nobody forgets it."""
    for finding in findings:
        for failure in finding.accepted:
            treatment = f"loaded as it is, accepted by declared fault {failure.fault}"
            yield _row_of_failure(source, staged, finding, failure, treatment)


def _list_blocking_failures(
    source: Source, staged: StagedRelease, blocking: Sequence[Finding]
) -> Iterator[QuarantineRow]:
    """Yield the rows for which blocking checks reject a release; of a check of the whole, a row without a place."""
    for finding in blocking:
        # A check of the whole may fail in no place; it is named all the same.
        of_whole = Failure("check_failed", "", "", finding.detail)
        for failure in finding.failures or (of_whole,):
            yield _row_of_failure(source, staged, finding, failure, "rejected")
        unlisted = finding.rows_failed - len(finding.failures)
        if len(finding.failures) >= MAX_LISTED and unlisted > 0:
            yield _row_of_unlisted(source, staged, finding.failures[0].rule, unlisted)


def _row_of_failure(
    source: Source, staged: StagedRelease, finding: Finding, failure: Failure, treatment: str
) -> QuarantineRow:
    """Return the row of a place where a check does not hold: rejected, or accepted by a known fault."""
    is_accepted = bool(failure.fault)
    return _quarantine_row(
        source,
        staged,
        rule=failure.rule,
        sheet=failure.sheet,
        cell=failure.cell,
        reason=_reason_of(source, finding, failure),
        treatment=treatment,
        is_declared=is_accepted,
        raw_text=None if is_accepted else failure.row_text,
    )


def _row_of_unlisted(source: Source, staged: StagedRelease, rule: str, number: int) -> QuarantineRow:
    """Return the row that stands for all those that are not listed."""
    reason = f"{number:,} more of this rule; the first {MAX_LISTED:,} are listed"
    return _quarantine_row(source, staged, rule=rule, sheet="", cell="", reason=reason, treatment="rejected")


def _reason_of(source: Source, finding: Finding, failure: Failure) -> str:
    """Return what does not hold at a place; of a sensitive source without what stands there."""
    detail = "does not hold here" if source.sensitive else failure.detail
    return f"{finding.table_name}: {finding.check_name}: {detail}"


def _quarantine_row(
    source: Source,
    staged: StagedRelease,
    *,
    rule: str,
    sheet: str,
    cell: str,
    reason: str,
    treatment: str,
    is_declared: bool = False,
    raw_text: str | None = None,
) -> QuarantineRow:
    """Return a row of quarantine about a place in a release. The text of a sensitive source is withheld."""
    told = raw_text or ""
    return QuarantineRow(
        source=source.source,
        file_name=staged.release.file_name,
        sheet=sheet,
        cell=cell,
        rule=rule,
        release_id=staged.release_id,
        reason=reason,
        raw_text=WITHHELD if source.sensitive and raw_text is not None else told,
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
