"""How a run ended is told by the kinds of its problems, not by the words of them."""

from __future__ import annotations

import pytest

from msoic_pipeline.assets.run_endings import list_check_keys
from msoic_pipeline.commands.run_problems import (
    ENDED_WELL,
    ENDINGS,
    KIND_OF_ASSET,
    ProblemKind,
    RunProblem,
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
        (["contradiction", "export"], "the exports are those of an earlier run"),
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


def test_every_kind_of_problem_has_an_ending():
    assert all(tell_ending([_problem(kind)]).startswith("The run failed: ") for kind in ENDINGS)
