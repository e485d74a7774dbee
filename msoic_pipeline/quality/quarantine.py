"""The rows of ``quarantine`` about a release: what of it is not loaded, and what known faults ask for.

They come from rejects (cells that could not be read, as staged) and from the failures of findings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msoic_pipeline.ingest.findings import Finding
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model.evidence_rows import QuarantineRow
from msoic_pipeline.quality.treatments import REJECTED, tell_accepted_as_it_is, tell_left_out, tell_replaced
from msoic_pipeline.resource_limits import MAX_LISTED
from msoic_pipeline.wording import WITHHELD
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.source import Source


def list_quarantine(
    source: Source, staged: StagedRelease, findings: Sequence[Finding], blocking: Sequence[Finding]
) -> list[QuarantineRow]:
    """Return the rows of quarantine about a release: its rejects, and what of its ``findings`` known faults accept.

    ``blocking`` are the findings for whose failures it is rejected. What stands in a sensitive source is withheld.
    """
    return [
        *_list_rejects(source, staged),
        *_list_replaced_cells(source, staged),
        *_list_accepted_failures(source, staged, findings),
        *_list_blocking_failures(source, staged, blocking),
    ]


def _list_rejects(source: Source, staged: StagedRelease) -> list[QuarantineRow]:
    """Return the rows and cells that are not loaded: rejected, or left out by a known fault."""
    rows = []
    for reject in staged.rejects():
        row = _make_row(
            source,
            staged,
            rule=reject.rule,
            sheet=reject.sheet,
            cell=reject.cell,
            reason=reject.detail,
            treatment=tell_left_out(reject.fault) if reject.fault else REJECTED,
            is_declared=bool(reject.fault),
            raw_text=reject.row_text,
        )
        rows.append(row)
    for rule, number in staged.manifest.unlisted.items():
        rows.append(_make_row_of_unlisted(source, staged, rule, number))
    return rows


def _list_replaced_cells(source: Source, staged: StagedRelease) -> list[QuarantineRow]:
    """Return the cells that a known fault asks to be read as something else."""
    rows = []
    for fault in staged.manifest.replaced_cells:
        replacement = WITHHELD if source.sensitive else fault.replacement
        row = _make_row(
            source,
            staged,
            rule="declared_fault",
            sheet=fault.sheet,
            cell=fault.cell,
            reason=fault.reason,
            treatment=tell_replaced(str(replacement), fault.fault),
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
            treatment = tell_accepted_as_it_is(failure.fault)
            yield _make_row_of_failure(source, staged, finding, failure, treatment)


def _list_blocking_failures(
    source: Source, staged: StagedRelease, blocking: Sequence[Finding]
) -> Iterator[QuarantineRow]:
    """Yield the rows for which blocking checks reject a release; of a check of the whole, a row without a place."""
    for finding in blocking:
        # A check of the whole may fail in no place; it is named all the same.
        of_whole = Failure("check_failed", "", "", finding.detail)
        for failure in finding.failures or (of_whole,):
            yield _make_row_of_failure(source, staged, finding, failure, REJECTED)
        if finding.unlisted:
            yield _make_row_of_unlisted(source, staged, finding.failures[0].rule, finding.unlisted)


def _make_row_of_failure(
    source: Source, staged: StagedRelease, finding: Finding, failure: Failure, treatment: str
) -> QuarantineRow:
    """Return the row of a place where a check does not hold: rejected, or accepted by a known fault."""
    is_accepted = bool(failure.fault)
    return _make_row(
        source,
        staged,
        rule=failure.rule,
        sheet=failure.sheet,
        cell=failure.cell,
        reason=_tell_reason(source, finding, failure),
        treatment=treatment,
        is_declared=is_accepted,
        raw_text=None if is_accepted else failure.row_text,
    )


def _make_row_of_unlisted(source: Source, staged: StagedRelease, rule: str, number: int) -> QuarantineRow:
    """Return the row that stands for all those that are not listed."""
    reason = f"{number:,} more of this rule; the first {MAX_LISTED:,} are listed"
    return _make_row(source, staged, rule=rule, sheet="", cell="", reason=reason, treatment=REJECTED)


def _tell_reason(source: Source, finding: Finding, failure: Failure) -> str:
    """Return what does not hold at a place; of a sensitive source without what stands there."""
    detail = "does not hold here" if source.sensitive else failure.detail
    return f"{finding.table_name}: {finding.check_name}: {detail}"


def _make_row(
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
