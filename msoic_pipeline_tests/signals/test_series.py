"""Series are divided where they stop comparing, and a figure is judged within its own part."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.periods import shift_months
from msoic_pipeline.signals.limits import FEWEST_FIGURES, Limits
from msoic_pipeline.signals.rebases import Rebase, load_rebases, parse_rebases
from msoic_pipeline.signals.rules import Signal
from msoic_pipeline.signals.series import divide_into_phases, judge_series, name_assurance, name_variation

FIRST = dt.date(2018, 1, 1)
CHANGE = dt.date(2021, 1, 30)


def quarters(values: Sequence[float | None]) -> dict[dt.date, float]:
    return {shift_months(FIRST, 3 * place): value for place, value in enumerate(values) if value is not None}


def rebase(day: dt.date) -> Rebase:
    return Rebase.model_validate({"kpis": ["nrm_referrals"], "from": day, "reason": "Another method."})


BEFORE = [100.0, 102, 99, 101] * 3
AFTER = [500.0, 505, 498, 503] * 3


def test_limits_are_worked_out_anew_from_a_rebase():
    judged = list(judge_series("quarter", quarters(BEFORE + AFTER), [rebase(CHANGE)]))
    assert len(judged) == 24
    assert {(each.phase.first, each.phase.reason) for each in judged} == {
        (FIRST, ""),
        (dt.date(2021, 1, 1), "Another method."),
    }
    assert not [each for each in judged if each.signal], "either part is steady in itself"
    without = list(judge_series("quarter", quarters(BEFORE + AFTER)))
    assert [each.signal for each in without if each.signal], "together they are not"


def test_a_part_of_too_few_figures_has_no_limits():
    judged = list(judge_series("quarter", quarters(BEFORE + AFTER[:5]), [rebase(CHANGE)]))
    assert {each.phase.first for each in judged} == {FIRST}
    assert list(judge_series("quarter", quarters(BEFORE[: FEWEST_FIGURES - 1]))) == []


def test_a_gap_counts_as_no_figure_and_ends_a_run():
    values: list[float | None] = [*BEFORE, 104, 104, 104, None, 104, 104, 104]
    judged = list(judge_series("quarter", quarters(values)))
    assert len(judged) == len(values) - 1
    assert not [each for each in judged if each.signal and each.signal.rule == "shift"]


def test_a_rebase_outside_the_series_changes_nothing():
    starts = quarters(BEFORE)
    for day in (dt.date(2010, 1, 1), FIRST, dt.date(2030, 1, 1)):
        assert len(divide_into_phases("quarter", starts, [rebase(day)])) == 1
    assert divide_into_phases("quarter", {}, [rebase(CHANGE)]) == []


@pytest.mark.parametrize(
    ("side", "direction", "told"),
    [
        ("high", "good", "improvement"),
        ("high", "bad", "concern"),
        ("low", "good", "concern"),
        ("low", "bad", "improvement"),
        ("high", "neutral", "high"),
        ("low", "neutral", "low"),
    ],
)
def test_what_a_signal_tells_follows_from_the_direction(side: str, direction: str, told: str):
    assert name_variation(Signal("shift", side), direction) == told  # type: ignore[arg-type]
    assert name_variation(None, direction) == "common cause"


# The cases of NHSRplotthedots' test of assurance: limits 1 to 3, 5 to 7 and 1 to 5 with a target of 4.
@pytest.mark.parametrize(
    ("limits", "if_good", "if_bad"),
    [
        (Limits(2, 1, 3), "fails", "passes"),
        (Limits(6, 5, 7), "passes", "fails"),
        (Limits(4, 1, 5), "hit or miss", "hit or miss"),
    ],
)
def test_assurance_is_that_of_the_published_examples(limits: Limits, if_good: str, if_bad: str):
    assert (name_assurance(limits, 4, "good"), name_assurance(limits, 4, "bad")) == (if_good, if_bad)
    assert name_assurance(limits, None, "good") == "no target"


# As many as can be, and none at all: beyond such targets nothing lies.
@pytest.mark.parametrize(
    ("limits", "target", "if_good", "if_bad"),
    [
        (Limits(43, 43, 43), 43, "passes", "passes"),
        (Limits(44, 43, 45), 43, "passes", "hit or miss"),
        (Limits(42, 41, 43), 43, "hit or miss", "passes"),
        (Limits(0, 0, 0), 0, "passes", "passes"),
    ],
)
def test_limits_that_reach_the_target_pass(limits: Limits, target: float, if_good: str, if_bad: str):
    assert (name_assurance(limits, target, "good"), name_assurance(limits, target, "bad")) == (if_good, if_bad)


def test_rebases_name_kpis_that_are_there():
    assert {rebase.day for rebase in load_rebases()} >= {dt.date(2019, 10, 1), dt.date(2023, 1, 30)}
    with pytest.raises(DeclarationError, match="there is no KPI 'nrm_referal'"):
        parse_rebases("- {kpis: [nrm_referal], from: 2020-01-01, reason: It changed.}")


def test_a_kpi_has_one_rebase_in_a_quarter():
    first = "- {kpis: [nrm_referrals, nrm_child_share], from: 2020-01-01, reason: It changed.}\n"
    with pytest.raises(DeclarationError, match="nrm_referrals has 2 in 2020-Q1"):
        parse_rebases(f"{first}- {{kpis: [nrm_referrals], from: 2020-03-31, reason: Again.}}")
    assert len(parse_rebases(f"{first}- {{kpis: [nrm_referrals], from: 2020-04-01, reason: Again.}}")) == 2


def test_the_worked_example_of_a_series():
    alternating: list[float | None] = [10.0, 12.0] * 6
    steady = list(judge_series("quarter", quarters(alternating)))
    assert steady[0].limits == Limits(11, 11 - 2.66 * 2, 11 + 2.66 * 2)
    assert not [each for each in steady if each.signal]
    *_, last = judge_series("quarter", quarters([*alternating, 20.0]))
    limits = (round(last.limits.mean, 2), round(last.limits.lower, 2), round(last.limits.upper, 2))
    assert (limits, last.signal) == ((11.69, 5.04, 18.34), Signal("outside limits", "high"))
