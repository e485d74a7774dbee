"""Whether a release may be loaded, and the evidence for it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model.evidence_rows import QuarantineRow, ValidationResult
from msoic_pipeline.quality.quarantine import list_quarantine
from msoic_pipeline.quality.treatments import REJECTED, STANDS
from msoic_pipeline.wording import at_cell, first_of
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import Source

# Errors that something is not where it was.
ABSENT = ("absent_file", "absent_folder")


@dataclass(frozen=True)
class Verdict:
    """What becomes of a file. ``staged`` is None where the file could not be read at all.

    ``results`` are the findings of the checks, ``reasons`` the words of those for which it is rejected or refused.
    """

    file_name: str
    staged: StagedRelease | None
    accepted: bool
    quarantine: tuple[QuarantineRow, ...] = ()
    results: tuple[ValidationResult, ...] = ()
    reasons: tuple[str, ...] = ()


def judge_files(
    source: Source, landing: Landing, releases: Sequence[StagedRelease], findings_by_release: dict[str, list[Finding]]
) -> list[Verdict]:
    """Return a verdict on every file of a source that was refused or is absent, and on every release that is parsed.

    ``findings_by_release`` holds what the expectations and the checks on rows found in each. A release is rejected
    where a blocking check failed or where more rows than the source's threshold broke a rule without a known fault.
    """
    verdicts = [make_verdict_on_unread_file(source, error) for error in (*landing.refused, *landing.absent)]
    verdicts += [_judge_release(source, staged, findings_by_release.get(staged.release_id, [])) for staged in releases]
    return verdicts


def _judge_release(source: Source, staged: StagedRelease, found_in_rows: Sequence[Finding]) -> Verdict:
    """Return the verdict on a release from what was found in it while it was parsed and ``found_in_rows``."""
    rows_read = _make_finding_on_rejects(source, staged)
    findings = [*staged.manifest.findings, *found_in_rows, rows_read]
    blocking = [finding for finding in findings if not finding.success and finding.severity == "block"]
    # What could not be read stands in quarantine row by row, as rejects.
    told_by_failures = [finding for finding in blocking if finding is not rows_read]
    return Verdict(
        file_name=staged.release.file_name,
        staged=staged,
        accepted=not blocking,
        quarantine=tuple(list_quarantine(source, staged, findings, told_by_failures)),
        results=tuple(_make_validation_result(source, staged.release_id, finding) for finding in findings),
        reasons=tuple(f"{finding.table_name}: {finding.check_name}: {finding.detail}" for finding in blocking),
    )


def _make_finding_on_rejects(source: Source, staged: StagedRelease) -> Finding:
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
        detail=first_of(places, total=number) or _tell_rows_left_out(len(rejects)),
    )


def _tell_rows_left_out(number: int) -> str:
    """Return what is said of a release all of whose rows could be read, but for those that known faults cover."""
    return f"{number:,} rows left out by declared faults" if number else "all could be read"


def _make_validation_result(source: Source, release_id: str, finding: Finding) -> ValidationResult:
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


def still_matters(rejected: Release, loaded: Collection[str]) -> bool:
    """Return whether anything hangs on a rejected release: its file is in the raw folder, or it is among the loaded.

    Of one that has left the raw folder and was never loaded somebody has put a better file in its place.
    """
    return rejected.in_raw or rejected.release_id in loaded


def make_verdict_on_unread_file(source: Source, error: SourceFileError, release_id: str | None = None) -> Verdict:
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
        treatment=STANDS if error.rule in ABSENT else REJECTED,
    )
    return Verdict(error.file, staged=None, accepted=False, quarantine=(row,), reasons=(str(error),))
