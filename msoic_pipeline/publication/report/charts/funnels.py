"""Funnels of forces: which figures they are of, their picture, and their words.

A funnel ranks nobody. Of a force outside its limits it is said that chance and ordinary variation between forces do not
explain where it lies, and no more: not why, and not whether that is good or bad.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.model.geography import name_geography
from msoic_pipeline.publication.marks import PROVISIONAL
from msoic_pipeline.publication.report.charts.drawing import FunnelLimit, FunnelPicture, FunnelPoint, draw_funnel
from msoic_pipeline.publication.report.charts.rates import MILLION, SizedFigure, SizeReader, name_size, tell_measured
from msoic_pipeline.publication.report.shown import FigureReader, ShownFigure
from msoic_pipeline.signals.funnel import FEWEST_PLACES, INNER, OUTER, Funnel, fit_funnel, name_measure

EXPLAINED = "what chance and ordinary variation between forces explain"
# Where a force lies beside the outer limits, if there are any and it is large enough.
WITHIN, OUTSIDE, TOO_SMALL, NOT_JUDGED = "within", "outside", "too small to be judged", "not judged"
# As many sizes make a line look smooth.
LIMITS_DRAWN = 60


@dataclass(frozen=True)
class LeftOut:
    """A force that is not in a funnel, and why."""

    name: str
    figure: ShownFigure
    reason: str


@dataclass(frozen=True)
class ForceFunnel:
    """The figures of a period of all forces, in the order of their names, and the limits about the value of all.

    ``funnel`` is None where too few forces are large enough to be judged.
    """

    kpi: Kpi
    period_label: str
    sized: tuple[SizedFigure, ...]
    left_out: tuple[LeftOut, ...]

    @cached_property
    def funnel(self) -> Funnel | None:
        """The limits, of all forces in it."""
        return fit_funnel(self.sized[0].measure, [each.counted for each in self.sized])

    def judge_force(self, sized: SizedFigure) -> str:
        """Return where a force lies: within or outside what is explained, or that it cannot be told.

        Where too few forces are large enough no force is judged, however large it is.
        """
        if self.funnel is None:
            return NOT_JUDGED
        if sized.counted not in self.funnel.judged:
            return TOO_SMALL
        return OUTSIDE if self.funnel.is_outside(sized.counted) else WITHIN


class FunnelReader:
    """Reads the figures of all forces beside their size, each KPI and kind of period once."""

    def __init__(self, reader: FigureReader) -> None:
        self._reader = reader
        self._sizes = SizeReader(reader)
        self._read: dict[tuple[str, str], ForceFunnel | None] = {}

    @property
    def sizes(self) -> SizeReader:
        """What sets figures against the size of their place."""
        return self._sizes

    def read_funnel(self, kpi: Kpi, period_kind: str) -> ForceFunnel | None:
        """Return the forces' figures of the latest period in which enough have whole ones; None where there is none."""
        key = (kpi.kpi_id, period_kind)
        if key not in self._read:
            self._read[key] = self._make_funnel(kpi, period_kind)
        return self._read[key]

    def _make_funnel(self, kpi: Kpi, period_kind: str) -> ForceFunnel | None:
        if name_measure(kpi) is None:
            return None
        figures = [
            figure
            for figure in self._reader.read_kpi(kpi)
            if figure.known.geography_kind == "force" and figure.known.period_kind == period_kind
        ]
        for start in sorted({figure.period_start for figure in figures}, reverse=True):
            of_period = [figure for figure in figures if figure.period_start == start]
            whole = [self._sizes.size_figure(figure) for figure in of_period if figure.is_whole]
            sized = [each for each in whole if each is not None]
            if len(sized) >= FEWEST_PLACES:
                sized.sort(key=lambda each: each.counted.name)
                in_it = {each.figure.name for each in sized}
                left_out = [_leave_out(figure) for figure in of_period if figure.name not in in_it]
                left_out.sort(key=lambda each: each.name)
                return ForceFunnel(kpi, of_period[0].period_label, tuple(sized), tuple(left_out))
        return None


def _leave_out(figure: ShownFigure) -> LeftOut:
    """Return a force whose figure is not in a funnel, with the reason."""
    name = name_geography(figure.known.geography_kind, figure.known.geography_code)
    reasons = [mark.name for mark in figure.marks if mark != PROVISIONAL]
    if not figure.is_whole:
        return LeftOut(name, figure, " and ".join(reasons))
    if figure.value is not None and figure.value < 0:
        return LeftOut(name, figure, "more was cancelled than recorded")
    return LeftOut(name, figure, "no cases" if figure.kpi.is_share else "no population of its own is known")


def draw_forces(force_funnel: ForceFunnel, marked: str = "", *, shows_others: bool = True) -> str:
    """Return the funnel of forces as SVG; an empty text where there are no limits.

    Those outside have their names beside them, unless one is ``marked``: then that one alone has. The others are left
    out where they are not to be shown.
    """
    funnel = force_funnel.funnel
    if funnel is None:
        return ""
    is_share = funnel.measure == "share"
    scale = 1 if is_share else MILLION
    points = [
        FunnelPoint(
            name=each.counted.name if marked in ("", each.counted.name) else "",
            size=each.counted.base,
            value=each.counted.value * scale,
            is_outside=force_funnel.judge_force(each) == OUTSIDE,
            is_marked=each.counted.name == marked,
        )
        for each in force_funnel.sized
        if each.counted in funnel.judged and (shows_others or each.counted.name == marked)
    ]
    title = force_funnel.kpi.unit if is_share else f"{force_funnel.kpi.unit} per million"
    limits = _list_limits(funnel, scale)
    return draw_funnel(FunnelPicture(points, limits, funnel.centre * scale, name_size(funnel.measure), title, is_share))


def _list_limits(funnel: Funnel, scale: float) -> list[FunnelLimit]:
    """Return the limits of sizes from below the smallest judged place to above the largest, in even steps of ratio."""
    bases = [place.base for place in funnel.judged]
    smallest, largest = min(bases) * 0.85, max(bases) * 1.25
    limits = []
    for step in range(LIMITS_DRAWN):
        size = smallest * (largest / smallest) ** (step / (LIMITS_DRAWN - 1))
        outer, inner = funnel.compute_limits(size, OUTER), funnel.compute_limits(size, INNER)
        limits.append(
            FunnelLimit(size, outer.lower * scale, inner.lower * scale, inner.upper * scale, outer.upper * scale)
        )
    return limits


def tell_rate(sized: SizedFigure) -> str:
    """Return a figure's value with its interval: ``49.3 per million residents (95% interval 41 to 58.7)``."""
    of = "" if sized.measure == "share" else " per million residents"
    return f"{sized.value}{of} ({INNER:.0%} interval {sized.interval_words})"


def tell_all(force_funnel: ForceFunnel) -> str:
    """Return the value of all forces together, in a clause: ``148 per million residents in 43 forces together``."""
    funnel = force_funnel.funnel
    if funnel is None:
        return f"too few forces are large enough to be judged by {force_funnel.kpi.unit}"
    of = "" if funnel.measure == "share" else " per million residents"
    return f"{tell_measured(funnel.measure, funnel.centre)}{of} in {len(force_funnel.sized)} forces together"


def tell_headline_of_funnel(force_funnel: ForceFunnel, name: str) -> str:
    """Return what a funnel shows, in a sentence without a full stop."""
    headline = f"{name} in {force_funnel.period_label}: {tell_all(force_funnel)}"
    if force_funnel.funnel is None:
        return headline
    outside = [each for each in force_funnel.sized if force_funnel.judge_force(each) == OUTSIDE]
    within = len(force_funnel.funnel.judged) - len(outside)
    return f"{headline}; {within} lie within {EXPLAINED}, {len(outside)} outside it"


def tell_force(force_funnel: ForceFunnel, sized: SizedFigure) -> str:
    """Return in a sentence where one force lies."""
    told = f"{sized.counted.name}: {tell_rate(sized)} in {force_funnel.period_label}"
    if force_funnel.funnel is None:
        return f"{told}; {tell_all(force_funnel)}."
    if force_funnel.judge_force(sized) == TOO_SMALL:
        return f"{told}. Too few are expected of it to be judged."
    return f"{told}, {force_funnel.judge_force(sized)} {EXPLAINED}; {tell_all(force_funnel)}."


def tell_outside(force_funnel: ForceFunnel) -> str:
    """Return in a sentence which forces lie outside the limits, in the order of their names; empty without limits."""
    if force_funnel.funnel is None:
        return ""
    names = [each.counted.name for each in force_funnel.sized if force_funnel.judge_force(each) == OUTSIDE]
    if not names:
        return f"No force lies outside {EXPLAINED}."
    return f"Outside {EXPLAINED}, in alphabetical order: {', '.join(names)}. Why, the figures do not tell."


def tell_how_to_read(force_funnel: ForceFunnel, *, is_alone: bool = False) -> str:
    """Return how the picture is to be read, and how much of the variation is ordinary.

    ``is_alone`` says that one force is drawn without the others.
    """
    funnel = force_funnel.funnel
    if funnel is None:
        return ""
    size = name_size(funnel.measure)
    varies = "Forces vary no more than by chance alone"
    if funnel.tau_squared > 0:
        varies = f"Forces vary {funnel.spread:.2f} times as much as by chance alone, and the limits allow for it"
    marks = "The mark is this force; others' returns are not drawn." if is_alone else "Each mark is a force."
    return (
        f"{marks} Along the bottom is the number of {size}. The line is the value of all forces together; by chance "
        f"and ordinary variation between forces alone, {INNER:.0%} of forces would lie between the dashed lines and "
        f"{OUTER:.1%} between the dotted ones. {varies}."
    )


def tell_population(sized: Sequence[SizedFigure]) -> str:
    """Return of which year the residents are, and that a later year's are not known; nothing of shares."""
    years = sorted({each.population.period_label for each in sized if each.population})
    if not years:
        return ""
    told = f"Residents are those of the middle of {' and '.join(years)}"
    wanted = sorted({str(each.figure.period_start.year) for each in sized if each.has_earlier_population})
    return f"{told}, the latest known before {' and '.join(wanted)}." if wanted else f"{told}."


def tell_left_out(force_funnel: ForceFunnel) -> str:
    """Return which forces are not in a funnel and why, and which are in it and too small to be judged."""
    parts = [f"{each.name} ({each.reason})" for each in force_funnel.left_out]
    parts += [
        f"{each.counted.name} ({TOO_SMALL})"
        for each in force_funnel.sized
        if force_funnel.judge_force(each) == TOO_SMALL
    ]
    return f"Not in the picture: {', '.join(parts)}." if parts else ""
