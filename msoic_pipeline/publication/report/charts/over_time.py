"""Charts over time: the nation's figures of several KPIs, with limits, signals and rebases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.model.signals import KINDS_WITH_LIMITS
from msoic_pipeline.periods import period_label, period_start, periods
from msoic_pipeline.publication.charts import Chart, ChartSeries
from msoic_pipeline.publication.report.charts.drawing import LimitLine, Picture, Point, draw
from msoic_pipeline.publication.report.charts.wording import (
    NamedSeries,
    clip_limits,
    tell_alternative,
    tell_headline,
    tell_series,
)
from msoic_pipeline.publication.report.parts import Drawing, PartMaker, ShownChart, ShownRow, make_heading, name_columns
from msoic_pipeline.publication.report.shown import FigureReader, ShownFigure
from msoic_pipeline.signals.compute import JudgedValue
from msoic_pipeline.signals.rebases import Rebase, load_rebases
from msoic_pipeline.wording import tell_day


@dataclass(frozen=True)
class _Times:
    """The periods along the bottom of a chart, without gaps, by their first days."""

    kind: str
    starts: tuple[dt.date, ...]

    @property
    def labels(self) -> list[str]:
        return [period_label(self.kind, start) for start in self.starts]

    def label_of(self, day: dt.date) -> str:
        """Return the label of the period that holds a day."""
        return period_label(self.kind, period_start(self.kind, day))


def make_chart_over_time(parts: PartMaker, chart: Chart) -> ShownChart:
    """Return a chart of series over time."""
    series = [_read_series(parts.reader, chart, declared) for declared in chart.series]
    figures = [figure for each in series for figure in each.figures]
    times = _span_times(chart.period, figures)
    rebases = _list_rebases(chart, times)
    picture = _make_picture(chart, series, times, rebases)
    drawing = Drawing(
        headline=tell_headline(series, chart.period),
        sentences=tuple(tell_series(each, chart.period) for each in series),
        svg=draw(picture, chart.shows),
        alternative=tell_alternative(chart.shows, series, chart.period),
        first_column="Period",
        columns=name_columns(chart),
        rows=tuple(_make_rows(parts, series, times)),
        key=_tell_key(chart, picture),
        rebases=tuple(f"{tell_day(rebase.day)}: {rebase.reason}" for rebase in rebases),
    )
    return parts.finish_chart(make_heading(chart), drawing, figures)


def _read_series(reader: FigureReader, chart: Chart, declared: ChartSeries) -> NamedSeries:
    kpi = declared.definition
    figures = reader.read_series(kpi, chart.period, chart.since)
    judged = reader.judge_series(kpi, chart.period) if chart.period in KINDS_WITH_LIMITS else {}
    return NamedSeries(declared.name, kpi.unit, figures, judged)


def _span_times(kind: str, figures: Sequence[ShownFigure]) -> _Times:
    """Return the periods from the first that has a figure to the last."""
    starts = [figure.period_start for figure in figures]
    return _Times(kind, tuple(periods(kind, min(starts), max(starts))) if starts else ())


def _list_rebases(chart: Chart, times: _Times) -> list[Rebase]:
    """Return the rebases of a chart's KPIs that lie within what it shows, in order of time."""
    kpi_ids = {series.kpi for series in chart.series}
    of_kpis = [rebase for rebase in load_rebases() if not kpi_ids.isdisjoint(rebase.kpis)]
    return [rebase for rebase in of_kpis if times.label_of(rebase.day) in times.labels[1:]]


def _make_picture(chart: Chart, series: Sequence[NamedSeries], times: _Times, rebases: Sequence[Rebase]) -> Picture:
    points = [point for each in series for point in _make_points(each, times)]
    units = {each.unit for each in series}
    return Picture(
        labels=times.labels,
        points=points,
        unit=units.pop() if len(units) == 1 else "",
        limits=_list_limits(series[0], times) if chart.has_limits else (),
        rebases=list(dict.fromkeys(times.label_of(rebase.day) for rebase in rebases)) if chart.shows == "lines" else (),
    )


def _tell_key(chart: Chart, picture: Picture) -> str:
    """Return what the marks and lines of a picture mean, as far as it has them."""
    said = []
    if any(not point.is_whole and point.value is not None for point in picture.points):
        hollow = "Hollow marks" if chart.shows == "lines" else "Pale columns"
        said.append(f"{hollow} are figures that are not whole or not settled: see the letters in the table.")
    if chart.shows == "lines" and any(point.is_signal and point.is_whole for point in picture.points):
        said.append("Large marks are signals.")
    if picture.limits:
        said.append("The grey line is the average, the dashed ones are the limits of what is usual.")
    if picture.rebases:
        said.append("A dotted line across stands where figures stop comparing.")
    return " ".join(said)


def _make_points(series: NamedSeries, times: _Times) -> list[Point]:
    """Return a point for each period; of one without a figure it is a gap."""
    by_start = {figure.period_start: figure for figure in series.figures}
    points = []
    for start, label in zip(times.starts, times.labels, strict=True):
        figure = by_start.get(start)
        if figure is None:
            points.append(Point(series.name, label, None))
            continue
        judged = series.judged.get(label)
        is_signal = judged is not None and judged.figure.signal is not None
        points.append(Point(series.name, label, figure.value, figure.is_whole, is_signal))
    return points


def _list_limits(series: NamedSeries, times: _Times) -> list[LimitLine]:
    """Return the limits of a series, one line for each of its phases."""
    by_phase: dict[dt.date, list[JudgedValue]] = {}
    for label in times.labels:
        if label in series.judged:
            judged = series.judged[label]
            by_phase.setdefault(judged.figure.phase.first, []).append(judged)
    lines = []
    for of_phase in by_phase.values():
        limits = clip_limits(of_phase[0].figure.limits, series.unit)
        first, last = of_phase[0].known.period_label, of_phase[-1].known.period_label
        lines.append(LimitLine(first, last, limits.mean, limits.lower, limits.upper))
    return lines


def _make_rows(parts: PartMaker, series: Sequence[NamedSeries], times: _Times) -> list[ShownRow]:
    """Return a row for each period, latest first, with a figure for each series that has one."""
    figures_by_start = [{figure.period_start: figure for figure in each.figures} for each in series]
    rows = []
    for start, label in reversed(list(zip(times.starts, times.labels, strict=True))):
        figures = [by_start.get(start) for by_start in figures_by_start]
        rows.append(ShownRow(label, tuple(parts.ask(figure) if figure else None for figure in figures)))
    return rows
