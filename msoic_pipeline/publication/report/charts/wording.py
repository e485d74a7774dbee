"""The words of tiles and charts, made from their figures: what is shown, what it is beside, and whether it is news.

A figure is called high, low, rising or falling where it is a signal, and in no other case: what is not a signal is
within what the series usually does. Of years, and of series too short for limits, it is only said by how much a figure
differs from the one before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from msoic_pipeline.model.signals import KINDS_WITH_LIMITS
from msoic_pipeline.publication.marks import UNFINISHED
from msoic_pipeline.publication.report.shown import ShownFigure
from msoic_pipeline.publication.value_words import tell_difference, tell_value, tell_with_unit
from msoic_pipeline.signals.compute import JudgedValue
from msoic_pipeline.signals.limits import Limits
from msoic_pipeline.signals.rules import RUN

PERIOD_NAMES = {
    "month": ("month", "months"),
    "quarter": ("quarter", "quarters"),
    "calendar_year": ("calendar year", "calendar years"),
    "financial_year": ("financial year", "financial years"),
}
# A whole figure of so many years before the latest still makes the headline.
YEARS_BACK_FOR_WHOLE = 1
SHOWN_AS = {
    "lines": "Line chart",
    "columns": "Column chart",
    "stacked": "Stacked column chart",
    "bars": "Bar chart",
}


@dataclass(frozen=True)
class NamedSeries:
    """A series as a chart shows it: its name, its figures in order of time, and those that can be judged by period."""

    name: str
    unit: str
    figures: Sequence[ShownFigure]
    judged: dict[str, JudgedValue]

    @property
    def known(self) -> list[ShownFigure]:
        """The figures that are there."""
        return [figure for figure in self.figures if figure.value is not None]

    @property
    def latest(self) -> ShownFigure | None:
        """The figure that a headline is about: the latest whole one, unless it is of a year long before the latest.

        A year of which one quarter has been reported is no headline, and neither is one of four years ago because a
        force has been missing since.
        """
        over = [figure for figure in self.known if UNFINISHED not in figure.marks]
        known = over or self.known
        whole = [figure for figure in known if figure.is_whole]
        if whole and known[-1].period_start.year - whole[-1].period_start.year <= YEARS_BACK_FOR_WHOLE:
            return whole[-1]
        return known[-1] if known else None

    def find_before(self, figure: ShownFigure) -> ShownFigure | None:
        """Return the figure that one is compared with: that of the same period a year before, where both are whole."""
        if not figure.is_whole:
            return None
        year_before = figure.period_start.replace(year=figure.period_start.year - 1)
        return next((each for each in self.known if each.period_start == year_before and each.is_whole), None)


def tell_figure_of(figure: ShownFigure, name: str) -> str:
    """Return a figure with its period, and what is to be known of it: ``Crimes: 8,700 offences in 2020/21``."""
    reservations = [mark.name for mark in figure.marks]
    reserved = f" ({', '.join(reservations)})" if reservations else ""
    assert figure.value is not None
    return f"{name}: {tell_with_unit(figure.value, figure.kpi.unit)} in {figure.period_label}{reserved}"


def tell_beside_limits(judged: JudgedValue, unit: str, period_kind: str) -> str:
    """Return in a clause what a figure is beside its limits."""
    limits = clip_limits(judged.figure.limits, unit)
    lower, upper = _tell_limit(limits.lower, unit), _tell_limit(limits.upper, unit)
    usual = f"its usual range of {lower} to {upper}" if lower != upper else f"its usual {upper}"
    periods = PERIOD_NAMES[period_kind][1]
    found = judged.figure.signal
    if found is None:
        return f"within {usual}"
    if found.rule == "outside limits":
        return f"{'above' if found.side == 'high' else 'below'} {usual}"
    if found.rule == "trend":
        return f"one of {RUN} or more {periods} in a row that {'rise' if found.side == 'high' else 'fall'}"
    if found.rule == "shift":
        return f"one of {RUN} or more {periods} in a row {'above' if found.side == 'high' else 'below'} the average"
    return f"near the {'upper' if found.side == 'high' else 'lower'} end of {usual}, as is another of three {periods}"


def clip_limits(limits: Limits, unit: str) -> Limits:
    """Return limits within what can occur: nothing is less than zero, and no share more than one."""
    highest = 1.0 if unit == "share" else math.inf
    return replace(limits, lower=max(limits.lower, 0.0), upper=min(limits.upper, highest))


def _tell_limit(limit: float, unit: str) -> str:
    """Return a limit as near as it means anything: to the whole, where it is not small."""
    if unit == "share":
        return tell_value(limit, unit)
    return tell_value(round(limit) if limit >= 10 else round(limit, 1), unit)


def tell_headline(series: Sequence[NamedSeries], period_kind: str) -> str:
    """Return what a chart shows, in a sentence without a full stop: of the first series whether it is news."""
    first = series[0]
    latest = first.latest
    if latest is None or latest.value is None:
        return f"{first.name}: no figure is available"
    headline = tell_figure_of(latest, first.name)
    judged = first.judged.get(latest.period_label)
    before = first.find_before(latest)
    if judged:
        return f"{headline}, {tell_beside_limits(judged, first.unit, period_kind)}"
    if before and before.value is not None:
        return f"{headline}, {tell_comparison(latest.value, before, first.unit)}"
    return headline


def tell_comparison(value: float, before: ShownFigure, unit: str) -> str:
    """Return how a figure compares with an earlier one: ``2,105 more (+19.9%) than in 2020``."""
    assert before.value is not None
    difference = tell_difference(value, before.value, unit)
    return f"{difference} {'as' if difference == 'the same' else 'than'} in {before.period_label}"


def tell_series(series: NamedSeries, period_kind: str) -> str:
    """Return a sentence on a series: its latest figure, the year before's, and whether it is a signal."""
    latest = series.latest
    if latest is None or latest.value is None:
        return f"{series.name}: no figure is available."
    parts = [tell_figure_of(latest, series.name)]
    before = series.find_before(latest)
    if before and before.value is not None:
        parts.append(tell_comparison(latest.value, before, series.unit))
    judged = series.judged.get(latest.period_label)
    if judged:
        parts.append(tell_beside_limits(judged, series.unit, period_kind))
    elif period_kind in KINDS_WITH_LIMITS and latest.is_whole:
        parts.append("too few figures to say what is usual")
    return ", ".join(parts) + "."


def tell_alternative(shows: str, series: Sequence[NamedSeries], period_kind: str) -> str:
    """Return what a picture shows, for who cannot see it: kind, span, and each series' first, last and extremes."""
    known = [figure for each in series for figure in each.known]
    if not known:
        return f"{SHOWN_AS[shows]} without figures."
    first = min(known, key=lambda figure: figure.period_start)
    last = max(known, key=lambda figure: figure.period_start)
    span = f"{SHOWN_AS[shows]} by {PERIOD_NAMES[period_kind][0]}, {first.period_label} to {last.period_label}."
    return " ".join([span, *(_tell_course(each) for each in series if each.known)])


def _tell_course(series: NamedSeries) -> str:
    figures = [(figure.value, figure) for figure in series.known if figure.value is not None]
    first, last = figures[0][1], figures[-1][1]
    lowest = min(figures, key=lambda pair: pair[0])[1]
    highest = max(figures, key=lambda pair: pair[0])[1]
    return (
        f"{series.name}: {first.words} in {first.period_label}, {last.words} in {last.period_label}; "
        f"lowest {lowest.words} in {lowest.period_label}, highest {highest.words} in {highest.period_label}."
    )


def tell_bars(name: str, unit: str, figures: Sequence[tuple[str, ShownFigure]]) -> str:
    """Return what bars across places show: the range, in the order of no league."""
    known = [(place, figure) for place, figure in figures if figure.value is not None]
    if not known:
        return f"{name}: no figure is available."
    values = [figure.value for _, figure in known if figure.value is not None]
    label = known[0][1].period_label
    low, high = tell_value(min(values), unit), tell_with_unit(max(values), unit)
    return f"{name} in {label}, by {len(known)} places: from {low} to {high}."
