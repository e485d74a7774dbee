"""What failed, as Dagster's checks tell it: by severity, in words that fit a table's cell."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from msoic_pipeline.assets.tables import show_table
from msoic_pipeline.model.traits import Severity
from msoic_pipeline.running.error_words import may_be_told, tell_exception
from msoic_pipeline.wording import cut_off

# What Dagster calls our severities.
SEVERITIES: dict[Severity, dg.AssetCheckSeverity] = {
    "block": dg.AssetCheckSeverity.ERROR,
    "warn": dg.AssetCheckSeverity.WARN,
}
# A check's description is read in a table's cell.
LONGEST_DESCRIPTION = 4000
# So many failures a check puts into words.
FAILURES_NAMED = 5


@dataclass(frozen=True)
class AssetCheck:
    """A check of Dagster's on an asset, declared once: what it is called, how grave a failure is, what holds in words.

    Its spec, by which Dagster knows of it, and its results, which say what came of it, are made from it.
    """

    name: str
    severity: Severity
    description: str

    def make_spec(self, asset: dg.CoercibleToAssetKey) -> dg.AssetCheckSpec:
        """Return what Dagster is to know of the check of an asset."""
        return dg.AssetCheckSpec(self.name, asset=asset, description=self.description)

    def make_result(
        self,
        passed: bool,
        description: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        asset: dg.CoercibleToAssetKey | None = None,
    ) -> dg.AssetCheckResult:
        """Return what came of the check, in words; ``asset`` is named where a step makes several."""
        return dg.AssetCheckResult(
            check_name=self.name,
            passed=passed,
            severity=SEVERITIES[self.severity],
            description=description,
            metadata=metadata,
            asset_key=asset,
        )


def make_specs(checks: Iterable[AssetCheck], asset: dg.CoercibleToAssetKey) -> list[dg.AssetCheckSpec]:
    """Return what Dagster is to know of the checks of an asset."""
    return [check.make_spec(asset) for check in checks]


@dataclass(frozen=True)
class SeverityFailures:
    """What failed of one severity: ``words`` say what, or that all holds; ``rows`` are some of the failures, and
    ``metadata`` is what else is to be told.
    """

    number: int
    words: str
    rows: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] | None = None


def make_results_by_severity(
    checks: Iterable[AssetCheck], failures_by_severity: Mapping[Severity, SeverityFailures], rest: str
) -> list[dg.AssetCheckResult]:
    """Return what came of checks of which each is of all that is of its severity: it fails where anything of it did.

    ``rest`` says where all failures stand, for those that are too many to be told.
    """
    results = []
    for check in checks:
        failures = failures_by_severity[check.severity]
        metadata = dict(failures.metadata or {})
        if failures.rows:
            metadata["failed"] = show_table(failures.rows)
        description = cut_off(failures.words, LONGEST_DESCRIPTION, rest)
        results.append(check.make_result(not failures.number, description, metadata))
    return results


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


def do_or_fail_check(
    context: dg.AssetExecutionContext, check: AssetCheck, work: Callable[[], dg.MaterializeResult]
) -> dg.MaterializeResult:
    """Do a source's work; where it fails say so in the check and go on, so that the others reach their figures.

    The other checks of the step warn then that they were not made.
    """
    try:
        result = work()
    except Exception as error:
        failed = check.make_result(False, log_failure(context, check.name, error))
        others = sorted(key.name for key in context.selected_asset_check_keys if key.name != check.name)
        not_made = [
            AssetCheck(name, "warn", "").make_result(False, f"not looked at, since {check.name} failed")
            for name in others
        ]
        return dg.MaterializeResult(check_results=[failed, *not_made])
    return result._replace(check_results=[*(result.check_results or []), check.make_result(True)])
