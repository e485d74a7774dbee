"""Tiles: a KPI's latest figure, large, beside the year before's, with its course and what is usual of it."""

from __future__ import annotations

from collections.abc import Sequence

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.periods import period_end
from msoic_pipeline.publication.charts import Tile
from msoic_pipeline.publication.report.drawing import draw_sparkline
from msoic_pipeline.publication.report.parts import PartMaker, ShownTile
from msoic_pipeline.publication.report.shown import FigureReader, ShownFigure, tell_unit
from msoic_pipeline.publication.report.wording import NamedSeries, tell_comparison, tell_signal
from msoic_pipeline.signals.compute import PERIOD_KINDS

# So many figures of the KPI's finest series show its course.
SPARKLINE_FIGURES = 24
# A figure of a period that ended longer ago than this is old: of every source a newer one should be there.
DAYS_UNTIL_OLD = 550


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
            sparkline="",
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
        is_old=(parts.reader.known_on - last_day).days > DAYS_UNTIL_OLD,
        sparkline=draw_sparkline([each.value for each in course[-SPARKLINE_FIGURES:]]),
    )


def _tell_last_signal(reader: FigureReader, kpi: Kpi, course: Sequence[ShownFigure]) -> str:
    """Return in a sentence whether the last figure of a KPI's finest series is a signal, where that can be told."""
    finest = kpi.computed_kinds[0]
    signals = reader.find_signals(kpi, finest) if finest in PERIOD_KINDS else {}
    judged = [signals[each.period_label] for each in course if each.period_label in signals]
    if not judged:
        return "Too few figures to say what is usual."
    return f"{judged[-1].known.period_label} is {tell_signal(judged[-1], kpi.unit, finest)}."
