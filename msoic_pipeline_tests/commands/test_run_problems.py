"""How a run ended is told by the kinds of its problems, not by the words of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from msoic_pipeline.assets.run_endings import list_check_keys
from msoic_pipeline.commands.run_problems import (
    ENDED_WELL,
    ENDINGS,
    KIND_OF_ASSET,
    ProblemKind,
    RunProblem,
    RunProblems,
    find_problems,
    tell_ending,
)


def _problem(kind: ProblemKind, words: str = "words") -> RunProblem:
    return RunProblem(kind, f"a {kind}", words)


@pytest.mark.parametrize(
    ("kinds", "ending"),
    [
        (["file"], "what was rejected is not loaded"),
        (["file", "contradiction"], "what was rejected is not loaded"),
        (["loading"], "the last good figures stand"),
        (["contradiction"], "contradict each other"),
        (["contradiction", "export"], "what could not be written, exports or report, is that of an earlier run"),
        (["contradiction", "step"], "a step broke off"),
        (["file", "warehouse"], "a warehouse: words"),
        (["step", "records"], "a records: words"),
        (["step", "stopped"], "a stopped: words"),
    ],
)
def test_the_gravest_problem_says_how_a_run_ended(kinds: list[ProblemKind], ending: str):
    words = tell_ending([_problem(kind) for kind in kinds])
    assert words.startswith("The run failed: ") and ending in words


def test_a_run_without_a_problem_ended_well():
    assert tell_ending([]) == ENDED_WELL


def test_every_check_of_an_asset_is_of_a_kind():
    from msoic_pipeline.definitions import ASSETS

    assert {key.asset_key.path[0] for key in list_check_keys(ASSETS)} == set(KIND_OF_ASSET)


def _find_problem_of_failed_check(key: dg.AssetCheckKey) -> RunProblems:
    failed = SimpleNamespace(
        passed=False,
        asset_key=key.asset_key,
        asset_check_key=key,
        severity=dg.AssetCheckSeverity.ERROR,
        description="No space left on device.",
    )
    result: Any = SimpleNamespace(all_events=[], success=False, get_asset_check_evaluations=lambda: [failed])
    return find_problems(result, Path("home"))


def test_a_check_that_fails_is_a_problem_of_its_kind_whichever_asset_it_is_of():
    from msoic_pipeline.definitions import ASSETS

    for key in list_check_keys(ASSETS):
        (problem,) = _find_problem_of_failed_check(key).errors
        assert problem.subject == key.to_user_string() and problem.words == "No space left on device."


def test_a_check_of_an_asset_that_is_not_known_is_named():
    problems = _find_problem_of_failed_check(dg.AssetCheckKey(dg.AssetKey("newly_made"), "holds"))
    assert tell_ending(problems.errors) == "The run failed: newly_made:holds: No space left on device."


def test_every_kind_of_problem_has_an_ending():
    assert all(tell_ending([_problem(kind)]).startswith("The run failed: ") for kind in ENDINGS)
