"""What the checks on a source's files say in Dagster's pages: on its raw folder and its verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from msoic_pipeline.assets.checks import (
    FAILURES_NAMED,
    LONGEST_DESCRIPTION,
    AssetCheck,
    SeverityFailures,
    make_results_by_severity,
)
from msoic_pipeline.assets.tables import LISTED_ROWS, show_table
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.model.traits import Severity
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.wording import cut_off, first_of

# Of the landed files of a source.
FILES_PRESENT = AssetCheck("files_present", "block", "What stood in the raw folder stands there.")
FILES_SETTLED = AssetCheck("files_settled", "warn", "Nobody is writing to a file.")
# Of the validated ones.
FILES_ACCEPTED = AssetCheck("files_accepted", "block", "No file was refused and no release rejected.")
FILES_KEPT = AssetCheck("files_kept", "block", "The file of every loaded release is kept.")
EXPECTATIONS = AssetCheck("expectations", "block", "Blocking expectations hold.")
WARNINGS = AssetCheck("warnings", "warn", "Expectations that only warn hold.")
FAULTS_DECLARED = AssetCheck("faults_declared", "warn", "Mended, left out or accepted by declaration.")


def make_presence_check(landing: Landing) -> dg.AssetCheckResult:
    """Return the check that fails where a file is gone from the raw folder."""
    absent = [str(error) for error in landing.absent]
    words = _describe_failures(absent, "all that stood in the raw folder stands there")
    return FILES_PRESENT.make_result(not absent, words)


def make_settled_check(landing: Landing) -> dg.AssetCheckResult:
    """Return the check that warns of files that somebody is writing to."""
    waiting = [str(error) for error in landing.waiting]
    words = _describe_failures(waiting, "no file is being written to", rest="the run's log")
    return FILES_SETTLED.make_result(not waiting, words)


def make_kept_check(lost: list[str]) -> dg.AssetCheckResult:
    """Return the check that fails where neither raw folder nor archive has the file of loaded figures."""
    return FILES_KEPT.make_result(not lost, _describe_failures(lost, "the file of every loaded release is kept"))


def make_files_check(verdicts: Sequence[Verdict]) -> dg.AssetCheckResult:
    """Return the check that fails where a file was refused or a release rejected."""
    bad = [verdict for verdict in verdicts if not verdict.accepted]
    reason_by_file = [(verdict.file_name, " ".join(verdict.reasons)) for verdict in bad]
    undeclared = [row for verdict in bad for row in verdict.quarantine if not row.is_declared]
    metadata = {}
    if bad:
        metadata["rejected"] = show_table(
            [{"file": file_name, "reason": reason} for file_name, reason in reason_by_file[:LISTED_ROWS]]
        )
    if undeclared:
        columns = ("file_name", "sheet", "cell", "rule", "reason")
        metadata["quarantine"] = show_table([_pick_columns(row, columns) for row in undeclared[:LISTED_ROWS]])
    # A refusal names its file itself.
    words = [
        reason if reason.startswith(file_name) else f"{file_name}: {reason}" for file_name, reason in reason_by_file
    ]
    described = _describe_failures(words, f"all {len(verdicts)} files accepted")
    return FILES_ACCEPTED.make_result(not bad, described, metadata)


def make_expectation_checks(verdicts: Sequence[Verdict]) -> list[dg.AssetCheckResult]:
    """Return the check of the expectations that block, and that of those which only warn."""
    checks = (EXPECTATIONS, WARNINGS)
    failures = {check.severity: _collect_failed_expectations(verdicts, check.severity) for check in checks}
    return make_results_by_severity(checks, failures, "table current_validation_result")


def _collect_failed_expectations(verdicts: Sequence[Verdict], severity: Severity) -> SeverityFailures:
    results = [
        (verdict.file_name, result) for verdict in verdicts for result in verdict.results if result.severity == severity
    ]
    failed = [(file_name, result) for file_name, result in results if not result.success]
    words = f"{len(results) - len(failed)} of {len(results)} checks hold"
    if failed:
        details = [f"{file_name}: {result.check_name}: {result.detail}" for file_name, result in failed]
        words = f"{words}; {first_of(details, FAILURES_NAMED)}"
    columns = ("table_name", "check_name", "rows_failed", "detail", "release_id")
    rows = [{"file": file_name} | _pick_columns(result, columns) for file_name, result in failed[:LISTED_ROWS]]
    rows_failed = sum(result.rows_failed for _, result in failed)
    return SeverityFailures(len(failed), words, rows, {"rows_failed": rows_failed})


def make_faults_check(verdicts: Sequence[Verdict]) -> dg.AssetCheckResult:
    """Return the check that lists what declared faults treated; it never fails."""
    declared = [row for verdict in verdicts for row in verdict.quarantine if row.is_declared]
    columns = ("file_name", "sheet", "cell", "treatment", "reason")
    shown = [_pick_columns(row, columns) for row in declared[:LISTED_ROWS]]
    words = f"{len(declared)} cells or rows treated by declared faults"
    return FAULTS_DECLARED.make_result(True, words, {"treated": show_table(shown)} if declared else {})


def _describe_failures(failures: list[str], held: str, rest: str = "table quarantine") -> str:
    """Return the first failures of a check, all of which stand in ``rest``; or ``held`` where there are none."""
    return cut_off(first_of(failures, FAILURES_NAMED), LONGEST_DESCRIPTION, rest) or held


def _pick_columns(record: Any, columns: Sequence[str]) -> dict[str, Any]:
    """Return a record's columns as a row to be shown."""
    return {name: getattr(record, name) for name in columns}
