"""What the checks on a source's files say in Dagster's pages: on its raw folder, its verdicts and its Data Docs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from msoic_pipeline.assets.checks import LONGEST_DESCRIPTION, NAMED, SeverityFailures, make_checks_by_severity
from msoic_pipeline.assets.tables import FAILURES_SHOWN, show_table
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.quality.docs import DataDocs
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.wording import cut_off, first_of

# The check of expectations by their severity.
EXPECTATION_CHECKS = {"block": "expectations", "warn": "warnings"}


def make_presence_check(landing: Landing) -> dg.AssetCheckResult:
    """Return the check that fails where a file is gone from the raw folder."""
    return dg.AssetCheckResult(
        check_name="files_present",
        passed=not landing.absent,
        description=_describe_failures(
            [str(error) for error in landing.absent], "all that stood in the raw folder stands there"
        ),
    )


def make_settled_check(landing: Landing) -> dg.AssetCheckResult:
    """Return the check that warns of files that somebody is writing to."""
    return dg.AssetCheckResult(
        check_name="files_settled",
        passed=not landing.waiting,
        severity=dg.AssetCheckSeverity.WARN,
        description=_describe_failures(
            [str(error) for error in landing.waiting], "no file is being written to", rest="the run's log"
        ),
    )


def make_kept_check(lost: list[str]) -> dg.AssetCheckResult:
    """Return the check that fails where neither raw folder nor archive has the file of loaded figures."""
    return dg.AssetCheckResult(
        check_name="files_kept",
        passed=not lost,
        description=_describe_failures(lost, "the file of every loaded release is kept"),
    )


def make_files_check(verdicts: Sequence[Verdict]) -> dg.AssetCheckResult:
    """Return the check that fails where a file was refused or a release rejected."""
    bad = [verdict for verdict in verdicts if not verdict.accepted]
    reason_by_file = [(verdict.file_name, " ".join(verdict.reasons)) for verdict in bad]
    undeclared = [row for verdict in bad for row in verdict.quarantine if not row.is_declared]
    metadata = {}
    if bad:
        metadata["rejected"] = show_table(
            [{"file": file_name, "reason": reason} for file_name, reason in reason_by_file[:FAILURES_SHOWN]]
        )
    if undeclared:
        columns = ("file_name", "sheet", "cell", "rule", "reason")
        metadata["quarantine"] = show_table([_pick_columns(row, columns) for row in undeclared[:FAILURES_SHOWN]])
    # A refusal names its file itself.
    words = [
        reason if reason.startswith(file_name) else f"{file_name}: {reason}" for file_name, reason in reason_by_file
    ]
    return dg.AssetCheckResult(
        check_name="files_accepted",
        passed=not bad,
        description=_describe_failures(words, f"all {len(verdicts)} files accepted"),
        metadata=metadata,
    )


def make_expectation_checks(verdicts: Sequence[Verdict]) -> list[dg.AssetCheckResult]:
    """Return the check of the expectations that block, and that of those which only warn."""
    failures = {severity: _collect_failed_expectations(verdicts, severity) for severity in EXPECTATION_CHECKS}
    return make_checks_by_severity(EXPECTATION_CHECKS, failures, "table current_validation_result")


def _collect_failed_expectations(verdicts: Sequence[Verdict], severity: str) -> SeverityFailures:
    results = [
        (verdict.file_name, result) for verdict in verdicts for result in verdict.results if result.severity == severity
    ]
    failed = [(file_name, result) for file_name, result in results if not result.success]
    words = f"{len(results) - len(failed)} of {len(results)} checks hold"
    if failed:
        details = [f"{file_name}: {result.check_name}: {result.detail}" for file_name, result in failed]
        words = f"{words}; {first_of(details, NAMED)}"
    columns = ("table_name", "check_name", "rows_failed", "detail", "release_id")
    rows = [{"file": file_name} | _pick_columns(result, columns) for file_name, result in failed[:FAILURES_SHOWN]]
    rows_failed = sum(result.rows_failed for _, result in failed)
    return SeverityFailures(len(failed), words, rows, {"rows_failed": rows_failed})


def make_docs_check(docs: DataDocs) -> dg.AssetCheckResult:
    """Return the check that warns where the Data Docs could not be written."""
    return dg.AssetCheckResult(
        check_name="data_docs",
        passed=not docs.problem,
        severity=dg.AssetCheckSeverity.WARN,
        description=docs.problem or None,
    )


def make_faults_check(verdicts: Sequence[Verdict]) -> dg.AssetCheckResult:
    """Return the check that lists what declared faults treated; it never fails."""
    declared = [row for verdict in verdicts for row in verdict.quarantine if row.is_declared]
    columns = ("file_name", "sheet", "cell", "treatment", "reason")
    shown = [_pick_columns(row, columns) for row in declared[:FAILURES_SHOWN]]
    return dg.AssetCheckResult(
        check_name="faults_declared",
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(declared)} cells or rows treated by declared faults",
        metadata={"treated": show_table(shown)} if declared else {},
    )


def _describe_failures(failures: list[str], held: str, rest: str = "table quarantine") -> str:
    """Return the first failures of a check, all of which stand in ``rest``; or ``held`` where there are none."""
    return cut_off(first_of(failures, NAMED), LONGEST_DESCRIPTION, rest) or held


def _pick_columns(record: Any, columns: Sequence[str]) -> dict[str, Any]:
    """Return a record's columns as a row to be shown."""
    return {name: getattr(record, name) for name in columns}
