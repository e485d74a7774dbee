"""The limits of a series of figures and its signals: XmR charts by NHS England's *Making Data Count*.

The limits are the mean and 2.66 mean moving ranges to either side of it, the moving range being the distance of two
figures that follow each other. A moving range of more than 3.267 times the mean one is left out of that mean, so that
one outlier does not widen the limits which should show it.

A worked example: of 10, 12, 11, 13 the mean is 11.5 and the moving ranges are 2, 1 and 2, on average 1.667. The limits
are 11.5 ± 2.66 × 1.667: 7.07 and 15.93. A fifth figure of 20 is no signal before the limits are worked out with it:
the mean is then 13.2, the mean moving range 3, and the limits 5.22 and 21.18.

A figure that is missing is a gap: what stands on either side of it does not follow each other, so that no moving range
and no run of figures reaches across it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import Literal

# Wheeler's constants of the XmR chart: 3 / d2 and D4 of ranges of two.
LIMIT_IN_MOVING_RANGES = 2.66
LARGEST_MOVING_RANGE = 3.267
# Limits of fewer figures than these change much with each that is added: Making Data Count's least.
FEWEST_FIGURES = 12
# So many figures in a row make a shift or a trend.
RUN = 7

Rule = Literal["outside limits", "trend", "near limit", "shift"]
Side = Literal["high", "low"]


@dataclass(frozen=True)
class Limits:
    """The mean of a series and the limits between which its figures vary for no special cause."""

    mean: float
    lower: float
    upper: float

    @property
    def near_lower(self) -> float:
        """Two thirds of the way from the mean to the lower limit."""
        return self.mean - (self.mean - self.lower) * 2 / 3

    @property
    def near_upper(self) -> float:
        """Two thirds of the way from the mean to the upper limit."""
        return self.mean + (self.upper - self.mean) * 2 / 3

    def is_outside(self, figure: float) -> bool:
        """Whether a figure is beyond a limit."""
        return not self.lower <= figure <= self.upper

    def is_near_limit(self, figure: float) -> bool:
        """Whether a figure is in the outer third between mean and limit, and not beyond it."""
        return not self.is_outside(figure) and not self.near_lower <= figure <= self.near_upper

    def side_of(self, figure: float) -> int:
        """Return 1 of a figure above the mean, -1 of one below it, 0 of the mean itself."""
        return (figure > self.mean) - (figure < self.mean)


@dataclass(frozen=True)
class Signal:
    """Why a figure is no noise: the rule that it meets, and whether it is high or low by it."""

    rule: Rule
    side: Side


def compute_limits(figures: Sequence[float | None]) -> Limits | None:
    """Return the limits of a series in order of time, in which None is a gap; None where it has no moving range."""
    known = [figure for figure in figures if figure is not None]
    moving_ranges = [
        abs(after - before) for before, after in pairwise(figures) if before is not None and after is not None
    ]
    if not moving_ranges:
        return None
    widest = LARGEST_MOVING_RANGE * fmean(moving_ranges)
    # Where all moving ranges are zero none is below the widest, and the limits are the mean.
    usual = [moving_range for moving_range in moving_ranges if moving_range < widest]
    mean = fmean(known)
    reach = LIMIT_IN_MOVING_RANGES * fmean(usual) if usual else 0.0
    return Limits(mean, mean - reach, mean + reach)


def find_signals(figures: Sequence[float | None], limits: Limits) -> list[Signal | None]:
    """Return of each figure of a series the signal that it is, or None.

    Of several rules the first counts: outside the limits, trend, near a limit, shift. Every figure of a run is a
    signal, not only the last one, as in Making Data Count.
    """
    signals: list[Signal | None] = [None] * len(figures)
    for first, after_last in _list_stretches(figures):
        stretch = [figure for figure in figures[first:after_last] if figure is not None]
        signals[first:after_last] = _find_signals_of_stretch(stretch, limits)
    return signals


def _list_stretches(figures: Sequence[float | None]) -> Iterator[tuple[int, int]]:
    """Yield of each stretch without a gap the place of its first figure and that after its last."""
    first: int | None = None
    for place, figure in enumerate([*figures, None]):
        if figure is not None and first is None:
            first = place
        elif figure is None and first is not None:
            yield first, place
            first = None


def _find_signals_of_stretch(figures: Sequence[float], limits: Limits) -> list[Signal | None]:
    trends = _mark_trends(figures)
    shifts = _mark_shifts(figures, limits)
    pairs_near_limit = _mark_two_of_three_near_limit(figures, limits)
    signals: list[Signal | None] = []
    for place, figure in enumerate(figures):
        side: Side = "high" if limits.side_of(figure) > 0 else "low"
        if limits.is_outside(figure):
            signals.append(Signal("outside limits", side))
        elif trends[place]:
            signals.append(Signal("trend", "high" if trends[place] > 0 else "low"))
        elif pairs_near_limit[place]:
            signals.append(Signal("near limit", side))
        elif shifts[place]:
            signals.append(Signal("shift", side))
        else:
            signals.append(None)
    return signals


def _mark_trends(figures: Sequence[float]) -> list[int]:
    """Return 1 of each figure of seven in a row that rise, -1 of seven that fall, else 0.

    A figure in which a rise ends and a fall begins is of the fall.
    """
    marks = [0] * len(figures)
    for first in range(len(figures) - RUN + 1):
        run = figures[first : first + RUN]
        steps = [(after > before) - (after < before) for before, after in pairwise(run)]
        if abs(sum(steps)) == RUN - 1:
            marks[first : first + RUN] = [steps[0]] * RUN
    return marks


def _mark_shifts(figures: Sequence[float], limits: Limits) -> list[bool]:
    """Return whether each figure is of seven in a row on one side of the mean."""
    marks = [False] * len(figures)
    for first in range(len(figures) - RUN + 1):
        sides = {limits.side_of(figure) for figure in figures[first : first + RUN]}
        if sides in ({1}, {-1}):
            marks[first : first + RUN] = [True] * RUN
    return marks


def _mark_two_of_three_near_limit(figures: Sequence[float], limits: Limits) -> list[bool]:
    """Return whether each figure is near a limit, and another of three in a row on its side of the mean too."""
    marks = [False] * len(figures)
    for first in range(len(figures) - 2):
        three = figures[first : first + 3]
        near = [limits.is_near_limit(figure) for figure in three]
        on_one_side = abs(sum(limits.side_of(figure) for figure in three)) == 3
        if on_one_side and sum(near) >= 2:
            for place, is_near in enumerate(near, start=first):
                marks[place] = marks[place] or is_near
    return marks
