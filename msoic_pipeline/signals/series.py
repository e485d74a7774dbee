"""Series of a KPI in order of time, and what of them is a signal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from msoic_pipeline.model.signals import Assurance, Variation
from msoic_pipeline.periods import period_start, periods
from msoic_pipeline.signals.limits import FEWEST_FIGURES, Limits, compute_limits
from msoic_pipeline.signals.rebases import Rebase
from msoic_pipeline.signals.rules import Signal, find_signals


@dataclass(frozen=True)
class Phase:
    """Periods whose figures compare with each other, and why they begin anew: first days of the first and the last."""

    first: dt.date
    last: dt.date
    reason: str = ""


@dataclass(frozen=True)
class JudgedFigure:
    """A figure beside the limits that hold for its period."""

    period_start: dt.date
    value: float
    limits: Limits
    phase: Phase
    figure_count: int
    signal: Signal | None


def judge_series(
    period_kind: str, values: dict[dt.date, float], rebases: Sequence[Rebase] = ()
) -> Iterator[JudgedFigure]:
    """Yield each figure of a series beside its limits, and the signal that it is.

    ``values`` are the figures that count, by the first day of their period; a period between them that has none is a
    gap. Limits are worked out for each phase by itself; a phase of fewer than FEWEST_FIGURES figures has none, and is
    not yielded.

    For example twelve quarters that are 10 and 12 in turn have a mean of 11 and moving ranges of 2: their limits are 11
    ± 2.66 × 2, and none is a signal. With a thirteenth of 20 the mean is 11.69 and the mean moving range 2.5, so that
    the limits are 5.04 and 18.34, and the thirteenth is outside them.
    """
    for phase in divide_into_phases(period_kind, values, rebases):
        starts = list(periods(period_kind, phase.first, phase.last))
        figures = [values.get(start) for start in starts]
        known = len(figures) - figures.count(None)
        limits = compute_limits(figures) if known >= FEWEST_FIGURES else None
        if limits is None:
            continue
        for start, figure, signal in zip(starts, figures, find_signals(figures, limits), strict=True):
            if figure is not None:
                yield JudgedFigure(start, figure, limits, phase, known, signal)


def divide_into_phases(period_kind: str, values: dict[dt.date, float], rebases: Sequence[Rebase] = ()) -> list[Phase]:
    """Return the phases of a series, in order of time: one, and another from each rebase within it.

    For example of quarters from 2021-Q1 to 2023-Q4 with a rebase on 30 January 2023: 2021-Q1 to 2022-Q4 and 2023-Q1 to
    2023-Q4.
    """
    if not values:
        return []
    first, last = min(values), max(values)
    reasons = {first: ""}
    for rebase in rebases:
        start = period_start(period_kind, rebase.day)
        if first < start <= last:
            reasons[start] = rebase.reason
    starts = sorted(reasons)
    lasts = [*(period_start(period_kind, start - dt.timedelta(days=1)) for start in starts[1:]), last]
    return [Phase(first, last, reasons[first]) for first, last in zip(starts, lasts, strict=True)]


def name_variation(signal: Signal | None, direction: str) -> Variation:
    """Return what a figure tells, by the direction of its KPI: common cause, improvement, concern, high or low."""
    if signal is None:
        return "common cause"
    if direction == "neutral":
        return signal.side
    is_better = (signal.side == "high") == (direction == "good")
    return "improvement" if is_better else "concern"


def name_assurance(limits: Limits, target: float | None, direction: str) -> Assurance:
    """Return whether a series will pass a target: passes, fails, hit or miss; or no target where there is none.

    Only limits that lie wholly on one side of the target tell. Limits that reach it pass: where 43 of 43 forces are the
    target, a series that is always 43 passes.
    """
    if target is None:
        return "no target"
    if direction == "good":
        passes, fails = limits.lower >= target, limits.upper < target
    else:
        passes, fails = limits.upper <= target, limits.lower > target
    if passes:
        return "passes"
    return "fails" if fails else "hit or miss"
