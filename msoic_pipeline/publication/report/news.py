"""What is news: the KPIs whose latest figure is a signal. The report leads with them; all else is what is usual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.model.signals import KINDS_WITH_LIMITS
from msoic_pipeline.publication.report.charts.wording import tell_beside_limits
from msoic_pipeline.publication.report.parts import AskableFigure, PartMaker
from msoic_pipeline.publication.report.shown import ShownFigure
from msoic_pipeline.publication.value_words import tell_unit
from msoic_pipeline.signals.compute import JudgedValue

# What each kind of variation is called, in the order in which it is told.
VARIATIONS = {
    "concern": "To the worse",
    "improvement": "To the better",
    "high": "High, which is neither good nor bad in itself",
    "low": "Low, which is neither good nor bad in itself",
}


@dataclass(frozen=True)
class ShownSignal:
    """A KPI whose latest figure is a signal."""

    title: str
    period: str
    figure: AskableFigure
    unit: str
    words: str
    is_synthetic: bool


@dataclass(frozen=True)
class SignalsOfKind:
    """The signals of a kind of variation, in the order of the KPIs' definitions."""

    title: str
    signals: tuple[ShownSignal, ...]


@dataclass(frozen=True)
class News:
    """The signals by what they tell, and how many series were looked at.

    ``judged`` have figures enough for limits; ``quiet`` of them have no signal in their latest figure; ``too_short``
    have too few; of ``old`` ones the latest figure that can be judged is of long ago, so that it is no news.
    """

    kinds: tuple[SignalsOfKind, ...]
    judged: int
    quiet: int
    too_short: int
    old: int


def find_news(parts: PartMaker, kpis: Sequence[Kpi]) -> News:
    """Return the KPIs of which the nation's latest figure that can be judged is a signal.

    The series of each is that of its finest period, months or quarters.
    """
    by_variation: dict[str, list[ShownSignal]] = {variation: [] for variation in VARIATIONS}
    judged = too_short = old = 0
    for kpi in kpis:
        kind = kpi.computed_kinds[0]
        if kind not in KINDS_WITH_LIMITS:
            continue
        figures = {figure.period_label: figure for figure in parts.reader.read_series(kpi, kind)}
        series = parts.reader.judge_series(kpi, kind)
        if not series:
            too_short += 1
            continue
        latest = max(series.values(), key=lambda each: each.known.period_start)
        figure = figures[latest.known.period_label]
        if parts.reader.is_old(figure):
            old += 1
            continue
        judged += 1
        if latest.variation in by_variation:
            by_variation[latest.variation].append(_show_signal(parts, kpi, kind, figure, latest))
    kinds = tuple(
        SignalsOfKind(title, tuple(by_variation[variation]))
        for variation, title in VARIATIONS.items()
        if by_variation[variation]
    )
    quiet = judged - sum(len(kind.signals) for kind in kinds)
    return News(kinds, judged, quiet, too_short, old)


def _show_signal(parts: PartMaker, kpi: Kpi, kind: str, figure: ShownFigure, judged: JudgedValue) -> ShownSignal:
    return ShownSignal(
        title=kpi.title,
        period=figure.period_label,
        figure=parts.ask(figure),
        unit=tell_unit(kpi.unit),
        words=tell_beside_limits(judged, kpi.unit, kind),
        is_synthetic=parts.has_synthetic([figure]),
    )
