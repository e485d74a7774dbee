"""XmR limits and signals, point by point against NHSRplotthedots, the NHS's own package of Making Data Count.

Expected values are those of its tests (github.com/nhs-r-community/NHSRplotthedots, tests/testthat), MIT licence.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msoic_pipeline.signals.limits import Limits, compute_limits
from msoic_pipeline.signals.rules import Signal, find_signals

# R's `set.seed(123); rnorm(20)`.
RNORM = [
    -0.560475646552213, -0.23017748948328, 1.55870831414912, 0.070508391424576, 0.129287735160946,
    1.71506498688328, 0.460916205989202, -1.26506123460653, -0.686852851893526, -0.445661970099958,
    1.22408179743946, 0.359813827057364, 0.400771450594052, 0.11068271594512, -0.555841134754075,
    1.78691313680308, 0.497850478229239, -1.96661715662964, 0.701355901563686, -0.472791407727934,
]  # fmt: skip
# A mean of 0 and limits of ±3: ±2 and more is near them.
LIMITS = Limits(0, -3, 3)


def test_limits_are_those_of_the_published_example():
    limits = compute_limits(RNORM)
    assert limits
    assert (limits.mean, limits.lower, limits.upper) == pytest.approx((0.1416238, -3.01138, 3.294627), abs=5e-7)
    assert find_signals(RNORM, limits) == [None] * 20


def test_an_outlier_does_not_widen_the_limits():
    figures = [*RNORM[:14], 10, *RNORM[15:]]
    limits = compute_limits(figures)
    assert limits
    assert (limits.mean, limits.lower, limits.upper) == pytest.approx((0.6694159, -2.383666, 3.722497), abs=5e-7)
    assert find_signals(figures, limits)[14] == Signal("outside limits", "high")


def test_the_worked_example_of_the_module():
    limits = compute_limits([10, 12, 11, 13])
    assert limits and (round(limits.lower, 2), round(limits.upper, 2)) == (7.07, 15.93)
    limits = compute_limits([10, 12, 11, 13, 20])
    assert limits and (limits.mean, round(limits.lower, 2), round(limits.upper, 2)) == (13.2, 5.22, 21.18)


@pytest.mark.parametrize("figures", [[], [1.0], [None, 1.0, None], [1.0, None, 2.0]])
def test_without_two_figures_that_follow_each_other_there_are_no_limits(figures: list[float | None]):
    assert compute_limits(figures) is None


def test_limits_of_a_series_that_never_changes_are_its_mean():
    assert compute_limits([5.0] * 12) == Limits(5, 5, 5)


@pytest.mark.parametrize("figure", [5.0, 0.2, 0.1, 1 / 3, 0.0])
def test_no_figure_of_a_series_that_never_changes_is_a_signal(figure: float):
    figures = [figure] * 12
    limits = compute_limits(figures)
    assert limits == Limits(figure, figure, figure)
    assert limits and find_signals(figures, limits) == [None] * 12


@pytest.mark.parametrize("figures", [[0.0] * 20 + [1.0], [43.0] * 11 + [44.0], [43.0] * 5 + [44.0] + [43.0] * 6])
def test_of_a_series_that_hardly_changes_only_the_change_is_outside_the_limits(figures: list[float]):
    limits = compute_limits(figures)
    assert limits
    outside = [figure for figure in figures if limits.is_outside(figure)]
    assert outside == [max(figures)]


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([1, 2, 3, 4, 5, 6], "000000"),
        ([1, 2, 3, 3, 4, 5, 6], "0000000"),
        ([1, 2, 3, 4, 5, 6, 7], "1111111"),
        ([2, 1, 2, 3, 4, 5, 6, 7, 3], "011111110"),
        ([7, 6, 5, 4, 3, 2, 1], "1111111"),
        ([2, 7, 6, 5, 4, 3, 2, 1, 3], "011111110"),
    ],
)
def test_seven_in_a_row_up_or_down_are_a_trend(figures: list[float], expected: str):
    wide = Limits(4, -100, 100)
    assert "".join(str(int(bool(s and s.rule == "trend"))) for s in find_signals(figures, wide)) == expected


def test_the_point_in_which_a_rise_turns_is_of_the_fall():
    figures: list[float] = [*range(1, 8), *range(6, 0, -1)]
    sides = [signal.side if signal else "" for signal in find_signals(figures, Limits(4, -100, 100))]
    assert sides == ["high"] * 6 + ["low"] * 7


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([1] * 6, "000000"),
        ([1] * 6 + [-1], "0000000"),
        ([1] * 8 + [-1], "111111110"),
        ([-1] * 8 + [1], "111111110"),
        ([1, 1, 1, 0, 1, 1, 1], "0000000"),  # the mean itself is on no side
    ],
)
def test_seven_on_one_side_of_the_mean_are_a_shift(figures: list[float], expected: str):
    assert "".join(str(int(bool(s and s.rule == "shift"))) for s in find_signals(figures, LIMITS)) == expected


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ([2.5, 1, 2.5], "101"),
        ([1, 2.5, 2.5], "011"),
        ([2.5, 2.5, 1], "110"),
        ([1, 1, 2.5, 1, 2.5, 1, 1][1:6], "01010"),
        ([2.5, -1, 2.5], "000"),
        ([2.5, -2.5, 2.5], "000"),
        ([2.5, 1, 1, 2.5], "0000"),
        ([2.5, 1, 1, 2.5, 2.5], "00011"),
        ([-2.5, -1, -2.5], "101"),
        ([2.5, 2.5], "00"),
    ],
)
def test_two_of_three_near_a_limit_are_a_signal(figures: list[float], expected: str):
    assert "".join(str(int(bool(s and s.rule == "near limit"))) for s in find_signals(figures, LIMITS)) == expected


def test_the_worked_example_of_the_rules():
    found = find_signals([1, 2.5, 2.5, 3.5, -1], LIMITS)
    near = Signal("near limit", "high")
    assert found == [None, near, near, Signal("outside limits", "high"), None]


def test_a_gap_ends_a_run():
    assert find_signals([1, 1, 1, None, 1, 1, 1, 1], LIMITS) == [None] * 8
    assert find_signals([1, 2, 3, None, 4, 5, 6, 7], Limits(0, -9, 9)) == [None] * 8


def test_of_several_rules_the_first_counts():
    rising_out: list[float] = [-1.5, -1, -0.5, 0.5, 1, 2.5, 3.5]
    found = find_signals(rising_out, LIMITS)
    assert found[-1] == Signal("outside limits", "high")
    assert found[-2] == Signal("trend", "high")


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), max_size=40))
def test_a_series_turned_upside_down_has_the_same_signals_upside_down(figures: list[float | None]):
    turned = [None if figure is None else -figure for figure in figures]
    limits, of_turned = compute_limits(figures), compute_limits(turned)
    assert (limits is None) == (of_turned is None)
    if limits and of_turned:
        assert (of_turned.lower, of_turned.upper) == pytest.approx((-limits.upper, -limits.lower))
        rules = [signal.rule if signal else "" for signal in find_signals(figures, limits)]
        exact = Limits(-limits.mean, -limits.upper, -limits.lower)
        assert [signal.rule if signal else "" for signal in find_signals(turned, exact)] == rules
