"""The four rules by which a figure of a series is a signal, by NHS England's *Making Data Count*.

No run of figures reaches across a gap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from msoic_pipeline.model.signals import Rule, Side
from msoic_pipeline.signals.limits import Limits

# So many figures in a row make a shift or a trend.
RUN = 7
# Of so many in a row on one side of the mean so many must be near a limit.
NEAR_LIMIT_AMONG, NEAR_LIMIT_LEAST = 3, 2


@dataclass(frozen=True)
class Signal:
    """Why a figure is no noise: the rule that it meets, and whether it is high or low by it."""

    rule: Rule
    side: Side


def find_signals(figures: Sequence[float | None], limits: Limits) -> list[Signal | None]:
    """Return of each figure of a series the signal that it is, or None.

    Of several rules the first counts: outside the limits, trend, near a limit, shift. Every figure of a run is a
    signal, not only the last one, as in Making Data Count.

    For example within limits of -3 and 3 about a mean of 0, of 1, 2.5, 2.5, 3.5, -1: the two 2.5 are near a limit, two
    of three in a row on one side; 3.5 is outside the limits; the others are no signals.
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
        side, trend = limits.find_side(figure), trends[position]
        if side and limits.is_outside(figure):
            signals.append(Signal("outside limits", side))
        elif trend:
            signals.append(Signal("trend", trend))
        elif side and pairs_near_limit[position]:
            signals.append(Signal("near limit", side))
        elif side and shifts[position]:
            signals.append(Signal("shift", side))
        else:
            signals.append(None)
    return signals


def _mark_trends(figures: Sequence[float]) -> list[Side | None]:
    """Return high of each figure of a run that rises, low of one that falls, else None.

    A figure in which a rise ends and a fall begins is of the fall.
    """
    marks: list[Side | None] = [None] * len(figures)
    for first in range(len(figures) - RUN + 1):
        steps = list(pairwise(figures[first : first + RUN]))
        if all(after > before for before, after in steps):
            marks[first : first + RUN] = ["high"] * RUN
        elif all(after < before for before, after in steps):
            marks[first : first + RUN] = ["low"] * RUN
    return marks


def _mark_shifts(figures: Sequence[float], limits: Limits) -> list[bool]:
    """Return whether each figure is of a run on one side of the mean."""
    marks = [False] * len(figures)
    for first in range(len(figures) - RUN + 1):
        if _are_on_one_side(figures[first : first + RUN], limits):
            marks[first : first + RUN] = [True] * RUN
    return marks


def _mark_two_of_three_near_limit(figures: Sequence[float], limits: Limits) -> list[bool]:
    """Return whether each figure is near a limit, and another of three in a row on its side of the mean too."""
    marks = [False] * len(figures)
    for first in range(len(figures) - NEAR_LIMIT_AMONG + 1):
        three = figures[first : first + NEAR_LIMIT_AMONG]
        near = [limits.is_near_limit(figure) for figure in three]
        if _are_on_one_side(three, limits) and sum(near) >= NEAR_LIMIT_LEAST:
            for position, is_near in enumerate(near, start=first):
                marks[position] = marks[position] or is_near
    return marks


def _are_on_one_side(figures: Sequence[float], limits: Limits) -> bool:
    sides = {limits.find_side(figure) for figure in figures}
    return len(sides) == 1 and None not in sides
