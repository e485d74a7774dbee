"""What failed, as Dagster's checks tell it: by severity, in words that fit a table's cell."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from msoic_pipeline.assets.tables import show_table
from msoic_pipeline.running.error_words import may_be_told, tell_exception
from msoic_pipeline.wording import cut_off

# What Dagster calls our severities.
SEVERITIES = {"block": dg.AssetCheckSeverity.ERROR, "warn": dg.AssetCheckSeverity.WARN}
# A check's description is read in a table's cell.
LONGEST_DESCRIPTION = 4000
# So many failures a check puts into words.
NAMED = 5


@dataclass(frozen=True)
class SeverityFailures:
    """What failed of one severity: ``words`` say what, or that all holds; ``rows`` are some of the failures, and
    ``metadata`` is what else is to be told.
    """

    number: int
    words: str
    rows: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] | None = None


def make_checks_by_severity(
    names: Mapping[str, str], failures_by_severity: Mapping[str, SeverityFailures], rest: str
) -> list[dg.AssetCheckResult]:
    """Return a check of Dagster's for each severity: it fails where anything of that severity did.

    ``names`` has the check by severity, such as ``{"block": "no_breaks", "warn": "no_warnings"}``; ``rest`` says where
    all failures stand, for those that are too many to be told.
    """
    checks = []
    for severity, name in names.items():
        failures = failures_by_severity[severity]
        metadata = dict(failures.metadata or {})
        if failures.rows:
            metadata["failed"] = show_table(failures.rows)
        check = dg.AssetCheckResult(
            check_name=name,
            passed=not failures.number,
            severity=SEVERITIES[severity],
            description=cut_off(failures.words, LONGEST_DESCRIPTION, rest),
            metadata=metadata,
        )
        checks.append(check)
    return checks


def log_failure(context: dg.AssetExecutionContext, what: str, error: Exception) -> str:
    """Write to the run's log where something broke, and return what it was in a line.

    Of an error that may quote a cell only its kind and place are told.
    """
    trace = traceback.extract_tb(error.__traceback__)
    words = tell_exception(error)
    if not may_be_told(error):
        words = f"{words} at {Path(trace[-1].filename).name}:{trace[-1].lineno}"
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in trace]
    context.log.error("%s failed: %s\n%s", what, words, "\n".join(frames))
    return cut_off(words, LONGEST_DESCRIPTION, "the run's log")


def attempt(
    context: dg.AssetExecutionContext, check: str, work: Callable[[], dg.MaterializeResult]
) -> dg.MaterializeResult:
    """Do a source's work; where it fails say so in the check and go on, so that the others reach their figures."""
    try:
        result = work()
    except Exception as error:
        failed = dg.AssetCheckResult(check_name=check, passed=False, description=log_failure(context, check, error))
        others = sorted(key.name for key in context.selected_asset_check_keys if key.name != check)
        not_made = [
            dg.AssetCheckResult(
                check_name=name,
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
                description=f"not looked at, since {check} failed",
            )
            for name in others
        ]
        return dg.MaterializeResult(check_results=[failed, *not_made])
    passed = dg.AssetCheckResult(check_name=check, passed=True)
    return result._replace(check_results=[*(result.check_results or []), passed])
