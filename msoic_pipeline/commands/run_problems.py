"""What made a run fail and what it warns of, as Dagster's events tell it; and from that how the run ended, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.running.dagster_internals import is_run_ended_from_outside, is_run_failed_by_step
from msoic_pipeline.running.error_words import find_error_within, is_about_records
from msoic_pipeline.running.failed_runs import tell_run_failure
from msoic_pipeline.running.failed_steps import FailedStep, list_failed_steps
from msoic_pipeline.running.home import HomeError
from msoic_pipeline.running.termination import STOPPED

if TYPE_CHECKING:
    import dagster as dg

    from msoic_pipeline.running.dagster_internals import RecordedError

ProblemKind = Literal[
    "stopped", "records", "warehouse", "unfinished", "step", "loading", "file", "export", "contradiction"
]

# How a run ended that has problems of a kind, the gravest kind first; of those left empty the problem says it itself.
ENDINGS: dict[ProblemKind, str] = {
    "stopped": "",
    "records": "",
    "warehouse": "",
    "unfinished": "",
    "step": "a step broke off; what it makes stands as it did before.",
    "loading": "of a source that could not be loaded the last good figures stand; what others say is loaded.",
    "file": "what was rejected is not loaded; what other files say is.",
    "export": "the figures are loaded, but what could not be written, exports or report, is that of an earlier run.",
    "contradiction": "the figures are loaded, but some contradict each other.",
}
ENDED_WELL = "Nothing blocks: all figures are loaded."
# What it says of a run that a check of an asset failed. Of any other asset the check is named, and no more said.
KIND_OF_ASSET: dict[str, ProblemKind] = {
    "landed": "file",
    "staged": "file",
    "validated": "file",
    **dict.fromkeys(FACTS, "loading"),
    "reconciliation_result": "contradiction",
    "validation_result": "contradiction",
    "report_claim": "contradiction",
    "published_kpis": "export",
    "published_report": "export",
    "public_edition": "export",
}
# The step that fails for the checks that failed, which are problems themselves.
LAST_STEP = "pipeline_run"


@dataclass(frozen=True)
class RunProblem:
    """Something that made a run fail: ``subject`` is the check or the step, where it is one; ``words`` say what it is.

    In a line they are ``validated/nrm:expectations: 1 of 16 files rejected: …`` or ``step load_nrm: OSError: …``.
    """

    kind: ProblemKind
    subject: str
    words: str

    @property
    def line(self) -> str:
        """The problem in a line."""
        return f"{self.subject}: {self.words}" if self.subject else self.words


@dataclass(frozen=True)
class RunProblems:
    """What made a run fail, and what it warns of in a line each."""

    errors: tuple[RunProblem, ...]
    warnings: tuple[str, ...]


def tell_ending(errors: Sequence[RunProblem]) -> str:
    """Return how a run with these errors ended, in a sentence: what of it is loaded all the same, by the gravest."""
    for kind, ending in ENDINGS.items():
        of_kind = [error for error in errors if error.kind == kind]
        if of_kind:
            return f"The run failed: {ending or of_kind[0].line}"
    return ENDED_WELL


def find_problems(result: dg.ExecuteInProcessResult, home: Path) -> RunProblems:
    """Return what made a run fail, and what it warns of; one that failed has at least one error.

    ``home`` is the folder of Dagster's records.
    """
    errors = [*_find_early_ends(result, home), *_find_broken_steps(result, home)]
    warnings = []
    for evaluation in result.get_asset_check_evaluations():
        if evaluation.passed:
            continue
        subject, words = evaluation.asset_check_key.to_user_string(), str(evaluation.description)
        if evaluation.severity.value == "ERROR":
            kind = KIND_OF_ASSET.get(evaluation.asset_key.path[0], "unfinished")
            errors.append(RunProblem(kind, subject, words))
        else:
            warnings.append(f"{subject}: {words}")
    if not result.success and not errors:
        errors.append(_find_other_reason(result))
    return RunProblems(tuple(errors), tuple(warnings))


def _find_early_ends(result: dg.ExecuteInProcessResult, home: Path) -> Iterator[RunProblem]:
    """Yield why the run as a whole ended early, the latest reason first; a step that broke is a problem of its own."""
    for event in reversed(result.all_events):
        if event.event_type_value not in ("PIPELINE_FAILURE", "PIPELINE_CANCELED") or is_run_failed_by_step(event):
            continue
        if is_run_ended_from_outside(event):
            yield RunProblem("stopped", "", STOPPED)
            continue
        error = getattr(event.event_specific_data, "error", None)
        yield _find_records_problem(error, home) or RunProblem("unfinished", "", tell_run_failure(event))


def _find_broken_steps(result: dg.ExecuteInProcessResult, home: Path) -> Iterator[RunProblem]:
    """Yield the steps that broke, but for the last one where it fails for checks that failed."""
    for step in list_failed_steps(result.all_events):
        if not _is_ending_for_checks(step):
            broken = RunProblem("step", f"step {step.key}", step.words)
            yield _find_records_problem(step.error, home) or broken


def _find_records_problem(error: RecordedError | None, home: Path) -> RunProblem | None:
    """Return the problem that an error is with Dagster's own records, if it is one."""
    while error:
        if is_about_records(error.message):
            return RunProblem("records", "", str(HomeError(home, find_error_within(error).message)))
        error = error.cause
    return None


def _is_ending_for_checks(step: FailedStep) -> bool:
    """Return whether the failure of a step is that by which the last asset says that checks have failed."""
    return step.key == LAST_STEP and step.error is not None and step.error.cls_name == "Failure"


def _find_other_reason(result: dg.ExecuteInProcessResult) -> RunProblem:
    """Return why a run failed in which nothing broke: for checks that an earlier run left failed."""
    for step in list_failed_steps(result.all_events):
        return RunProblem("unfinished", f"step {step.key}", step.words)
    return RunProblem("unfinished", "", "it did not come to its end")
