"""The four rules by which a figure of a series is a signal, by NHS England's *Making Data Count*.

No run of figures reaches across a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from msoic_pipeline.signals.limits import Limits

# So many figures in a row make a shift or a trend.
RUN = 7

Rule = Literal["outside limits", "trend", "near limit", "shift"]
Side = Literal["high", "low"]


@dataclass(frozen=True)
class Signal:
    """Why a figure is no noise: the rule that it meets, and whether it is high or low by it."""

    rule: Rule
    side: Side


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
    """Yield of each stretch without a gap the position of its first figure and that after its last."""
    first: int | None = None
    for position, figure in enumerate([*figures, None]):
        if figure is not None and first is None:
            first = position
        elif figure is None and first is not None:
            yield first, position
            first = None


def _find_signals_of_stretch(figures: Sequence[float], limits: Limits) -> list[Signal | None]:
    trends = _mark_trends(figures)
    shifts = _mark_shifts(figures, limits)
    pairs_near_limit = _mark_two_of_three_near_limit(figures, limits)
    signals: list[Signal | None] = []
    for position, figure in enumerate(figures):
        side: Side = "high" if limits.side_of(figure) > 0 else "low"
        if limits.is_outside(figure):
            signals.append(Signal("outside limits", side))
        elif trends[position]:
            signals.append(Signal("trend", "high" if trends[position] > 0 else "low"))
        elif pairs_near_limit[position]:
            signals.append(Signal("near limit", side))
        elif shifts[position]:
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
            for position, is_near in enumerate(near, start=first):
                marks[position] = marks[position] or is_near
    return marks
