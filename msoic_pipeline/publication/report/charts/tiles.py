"""Tiles: a KPI's latest figure, large, beside the year before's, with its course and what is usual of it."""

from __future__ import annotations

from collections.abc import Sequence

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.model.signals import KINDS_WITH_LIMITS
from msoic_pipeline.periods import period_end
from msoic_pipeline.publication.charts import Tile
from msoic_pipeline.publication.report.charts.drawing import draw_sparkline
from msoic_pipeline.publication.report.charts.wording import NamedSeries, tell_beside_limits, tell_comparison
from msoic_pipeline.publication.report.parts import PartMaker, ShownTile
from msoic_pipeline.publication.report.shown import FigureReader, ShownFigure
from msoic_pipeline.publication.value_words import tell_unit

# So many figures of the KPI's finest series show its course.
SPARKLINE_FIGURES = 24


def make_tile(parts: PartMaker, tile: Tile) -> ShownTile:
    """Return a tile."""
    kpi = tile.definition
    series = NamedSeries(kpi.title, kpi.unit, parts.reader.read_series(kpi, tile.period), {})
    latest = series.latest
    if latest is None or latest.value is None:
        return ShownTile(
            kpi.title,
            figure=None,
            unit="",
            period="",
            comparison="no figure is available",
            signal="",
            basis="",
            is_synthetic=False,
            is_old=False,
            sparkline_svg="",
        )
    before = series.find_before(latest)
    last_day = period_end(tile.period, latest.period_start)
    course = [each for each in parts.reader.read_series(kpi, kpi.computed_kinds[0]) if each.period_start <= last_day]
    return ShownTile(
        title=kpi.title,
        figure=parts.ask(latest),
        unit=tell_unit(kpi.unit),
        period=latest.period_label,
        comparison=tell_comparison(latest.value, before, kpi.unit) if before else "",
        signal=_tell_last_signal(parts.reader, kpi, course),
        basis="; ".join(parts.tell_basis([latest])),
        is_synthetic=parts.has_synthetic([latest]),
        is_old=parts.reader.is_old(latest),
        sparkline_svg=draw_sparkline([each.value for each in course[-SPARKLINE_FIGURES:]]),
    )


def _tell_last_signal(reader: FigureReader, kpi: Kpi, course: Sequence[ShownFigure]) -> str:
    """Return in a sentence whether the last figure of a KPI's finest series is a signal, where that can be told."""
    finest = kpi.computed_kinds[0]
    series = reader.judge_series(kpi, finest) if finest in KINDS_WITH_LIMITS else {}
    judged = [series[each.period_label] for each in course if each.period_label in series]
    if not judged:
        return "Too few figures to say what is usual."
    return f"{judged[-1].known.period_label} is {tell_beside_limits(judged[-1], kpi.unit, finest)}."
