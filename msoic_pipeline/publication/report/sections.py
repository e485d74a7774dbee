"""The sections of the report: tiles and charts with their words, pictures and tables, ready for the page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.model.geography import name_geography
from msoic_pipeline.periods import period_end, period_label, period_start, periods
from msoic_pipeline.publication.charts import Chart, Section, Tile
from msoic_pipeline.publication.report.drawing import LimitLine, Picture, Point, draw, draw_sparkline
from msoic_pipeline.publication.report.funnels import (
    ForceFunnel,
    FunnelReader,
    draw_forces,
    tell_headline_of_funnel,
    tell_how_to_read,
    tell_left_out,
    tell_outside,
    tell_population,
)
from msoic_pipeline.publication.report.provenance import Asked, ReleaseSaid
from msoic_pipeline.publication.report.rates import SizedFigure, name_size
from msoic_pipeline.publication.report.shown import MARKS, FigureReader, ShownFigure, tell_unit, tell_value
from msoic_pipeline.publication.report.wording import (
    NamedSeries,
    tell_alternative,
    tell_bars,
    tell_comparison,
    tell_headline,
    tell_series,
    tell_signal,
)
from msoic_pipeline.signals.compute import PERIOD_KINDS, FigureSignal
from msoic_pipeline.signals.funnel import INNER, Measure
from msoic_pipeline.signals.rebases import Rebase, load_rebases
from msoic_pipeline.wording import tell_day
from msoic_pipeline.workbooks.source import load_source

# A figure's finest series, of which a tile shows the course.
SPARKLINE_FIGURES = 24
INTERVAL = f"{INNER:.0%} interval"


@dataclass(frozen=True)
class AskableFigure:
    """A figure on the page: its words, its marks, and the name by which a reader asks where it comes from."""

    words: str
    marks: tuple[str, ...]
    asked_as: str


@dataclass(frozen=True)
class ShownTile:
    """A tile: a KPI's latest figure, what it rests on, and its course."""

    title: str
    figure: AskableFigure | None
    unit: str
    period: str
    comparison: str
    signal: str
    basis: str
    marks: tuple[str, ...]
    sparkline: str


@dataclass(frozen=True)
class ShownRow:
    """A row of a chart's table: a period or place, and a figure for each series.

    ``texts`` are the cells after those: what is worked out from the figures, and stands in no publisher's cell.
    """

    label: str
    figures: tuple[AskableFigure | None, ...]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShownChart:
    """A chart with all that stands beside it."""

    chart: str
    title: str
    headline: str
    sentences: tuple[str, ...]
    picture: str
    alternative: str
    columns: tuple[str, ...]
    first_column: str
    rows: tuple[ShownRow, ...]
    marks: tuple[str, ...]
    breaks: tuple[str, ...]
    note: str
    caveats: tuple[str, ...]
    basis: tuple[str, ...]
    is_synthetic: bool
    has_open_table: bool = False


@dataclass(frozen=True)
class ShownSection:
    """A section as the page shows it."""

    section: str
    title: str
    of_report: int | None
    about: str
    tiles: tuple[ShownTile, ...]
    charts: tuple[ShownChart, ...]


class SectionMaker:
    """Makes the sections of a report from the figures known on its day, and notes which of them can be asked for."""

    def __init__(self, reader: FigureReader, asked: Asked, funnels: FunnelReader | None = None) -> None:
        self._reader = reader
        self._asked = asked
        self._funnels = funnels or FunnelReader(reader)

    def make_section(self, section: Section) -> ShownSection:
        """Return a section with its tiles and charts."""
        return ShownSection(
            section.section,
            section.title,
            section.of_report,
            section.about,
            tuple(self._make_tile(tile) for tile in section.tiles),
            tuple(self.make_chart(chart) for chart in section.charts),
        )

    def ask(self, figure: ShownFigure) -> AskableFigure:
        """Return a figure for the page, of which a reader can ask where it comes from."""
        return AskableFigure(figure.words, figure.marks, self._asked.add(figure))

    # --- Tiles -------------------------------------------------------------------------------------------------------

    def _make_tile(self, tile: Tile) -> ShownTile:
        kpi = tile.definition
        series = NamedSeries(kpi.title, kpi.unit, self._reader.read_series(kpi, tile.period), {})
        latest = series.latest
        if latest is None or latest.value is None:
            return ShownTile(kpi.title, None, "", "", "no figure is available", "", "", (), "")
        figure = self.ask(latest)
        before = series.find_before(latest)
        finest = kpi.kinds[0]
        last_day = period_end(tile.period, latest.period_start)
        course = [each for each in self._reader.read_series(kpi, finest) if each.period_start <= last_day]
        return ShownTile(
            title=kpi.title,
            figure=figure,
            unit=tell_unit(kpi.unit),
            period=latest.period_label,
            comparison=tell_comparison(latest.value, before, kpi.unit) if before else "",
            signal=self._tell_last_signal(kpi, course),
            basis="; ".join(self.tell_basis([latest])),
            marks=latest.marks,
            sparkline=draw_sparkline([each.value for each in course[-SPARKLINE_FIGURES:]]),
        )

    def _tell_last_signal(self, kpi: Kpi, course: Sequence[ShownFigure]) -> str:
        """Return in a sentence whether the last figure of a KPI's finest series is a signal, where that can be told."""
        signals = self._reader.find_signals(kpi, kpi.kinds[0]) if kpi.kinds[0] in PERIOD_KINDS else {}
        judged = [signals[each.period_label] for each in course if each.period_label in signals]
        if not judged:
            return "Too few figures to say what is usual."
        last = judged[-1]
        return f"{last.known.period_label} is {tell_signal(last, kpi.unit, kpi.kinds[0])}."

    # --- Charts ------------------------------------------------------------------------------------------------------

    def make_chart(self, chart: Chart) -> ShownChart:
        """Return a chart with its picture, words and table."""
        if chart.shows == "funnel":
            return self._make_funnel_chart(chart)
        return self._make_chart_across(chart) if chart.across else self._make_chart_over_time(chart)

    def _make_chart_over_time(self, chart: Chart) -> ShownChart:
        series = [self._read_series(chart, place) for place in range(len(chart.series))]
        starts = sorted({figure.period_start for each in series for figure in each.figures})
        starts = list(periods(chart.period, starts[0], starts[-1])) if starts else []
        labels = [period_label(chart.period, start) for start in starts]
        by_label = [{figure.period_label: figure for figure in each.figures} for each in series]
        rebases = self._list_breaks(chart, labels)
        picture = Picture(
            labels,
            [
                _make_point(each, figures.get(label), label)
                for each, figures in zip(series, by_label, strict=True)
                for label in labels
            ],
            chart.series[0].definition.unit if len({each.unit for each in series}) == 1 else "",
            _list_limits(series[0], labels) if chart.has_limits else (),
            [period_label(chart.period, period_start(chart.period, rebase.day)) for rebase in rebases],
        )
        rows = []
        for label in reversed(labels):
            figures = [figures.get(label) for figures in by_label]
            rows.append(ShownRow(label, tuple(self.ask(figure) if figure else None for figure in figures)))
        return self._finish_chart(
            chart,
            [figure for each in series for figure in each.figures],
            headline=tell_headline(series, chart.period),
            sentences=tuple(tell_series(each, chart.period) for each in series),
            picture=draw(picture, chart.shows),
            alternative=tell_alternative(chart.shows, series, chart.period),
            first_column="Period",
            rows=tuple(rows),
            breaks=tuple(f"{tell_day(rebase.day)}: {rebase.reason}" for rebase in rebases),
        )

    def _read_series(self, chart: Chart, place: int) -> NamedSeries:
        declared = chart.series[place]
        kpi = declared.definition
        figures = self._reader.read_series(kpi, chart.period, chart.since)
        signals = self._reader.find_signals(kpi, chart.period) if chart.period in PERIOD_KINDS else {}
        return NamedSeries(declared.name, kpi.unit, figures, signals)

    def _list_breaks(self, chart: Chart, labels: Sequence[str]) -> list[Rebase]:
        """Return the rebases of a chart's KPIs that lie within what it shows."""
        kpi_ids = {series.kpi for series in chart.series}
        shown: list[Rebase] = []
        for rebase in load_rebases():
            label = period_label(chart.period, period_start(chart.period, rebase.day))
            if (
                rebase.kpi_id in kpi_ids
                and label in labels[1:]
                and rebase.reason not in [each.reason for each in shown]
            ):
                shown.append(rebase)
        return shown

    def _make_chart_across(self, chart: Chart) -> ShownChart:
        assert chart.across
        declared = chart.series[0]
        kpi = declared.definition
        figures = self._reader.read_places(kpi, chart.period, chart.across)
        named = sorted((name_geography(chart.across, figure.known.geography_code), figure) for figure in figures)
        points = [Point(declared.name, name, figure.value, figure.is_whole) for name, figure in named]
        words = tell_bars(declared.name, kpi.unit, named)
        return self._finish_chart(
            chart,
            figures,
            headline=words.removesuffix("."),
            sentences=("Places are in the order of their names; they differ in size, so that this is no ranking.",),
            picture=draw(Picture([name for name, _ in named], points, kpi.unit), chart.shows),
            alternative=f"Bar chart. {words}",
            first_column="Place",
            rows=tuple(ShownRow(name, (self.ask(figure),)) for name, figure in named),
            breaks=(),
        )

    def _make_funnel_chart(self, chart: Chart) -> ShownChart:
        declared = chart.series[0]
        kpi = declared.definition
        forces = self._funnels.read_funnel(kpi, chart.period)
        if forces is None:
            nothing = f"{declared.name}: too few forces have figures, or a population, to be compared"
            return self._finish_chart(
                chart,
                [],
                headline=nothing,
                sentences=(),
                picture="",
                alternative=nothing,
                first_column="Force",
                rows=(),
                breaks=(),
            )
        headline = tell_headline_of_funnel(forces, declared.name)
        said = [
            tell_how_to_read(forces),
            tell_outside(forces),
            tell_population(forces.sized),
            tell_left_out(forces),
        ]
        rows = sorted(self._list_funnel_rows(forces), key=lambda row: row.label)
        return self._finish_chart(
            chart,
            [each.figure for each in forces.sized] + [each.figure for each in forces.left_out],
            headline=headline,
            sentences=tuple(sentence for sentence in said if sentence),
            picture=draw_forces(forces),
            alternative=f"Funnel plot. {headline}. {tell_outside(forces)}",
            first_column="Force",
            columns=name_size_columns(declared.name, kpi.unit, forces.sized[0].measure),
            rows=tuple(rows),
            breaks=(),
        )

    def _list_funnel_rows(self, forces: ForceFunnel) -> list[ShownRow]:
        rows = [self.make_sized_row(each.counted.name, each, forces.place(each)) for each in forces.sized]
        for each in forces.left_out:
            reason = f"left out: {each.reason}"
            rows.append(self.make_unsized_row(each.name, each.figure, forces.sized[0].measure, reason))
        return rows

    def make_sized_row(self, label: str, sized: SizedFigure, position: str) -> ShownRow:
        """Return a row of a figure beside the size of its place: under the columns of ``name_size_columns``."""
        figures = [self.ask(sized.figure)]
        if sized.population:
            figures.append(self.ask(sized.population))
        size = tell_value(sized.counted.base, "cases") if sized.measure == "share" else sized.value
        return ShownRow(label, tuple(figures), (size, sized.interval_words, position))

    def make_unsized_row(self, label: str, figure: ShownFigure | None, measure: Measure, reason: str) -> ShownRow:
        """Return a row under the same columns of a figure whose place has no size, or of none."""
        figures = (self.ask(figure) if figure else None,)
        return ShownRow(label, figures if measure == "share" else (*figures, None), ("–", "–", reason))

    def _finish_chart(self, chart: Chart, figures: Sequence[ShownFigure], **made: Any) -> ShownChart:
        """Return a chart with what follows from its figures: marks, caveats, what they rest on."""
        marks = {mark for figure in figures for mark in figure.marks}
        caveats = dict.fromkeys(series.definition.caveat for series in chart.series)
        return ShownChart(
            chart=chart.chart,
            title=chart.title,
            columns=made.pop("columns", None)
            or tuple(f"{series.name} ({series.definition.unit})" for series in chart.series),
            marks=tuple(mark for mark in MARKS if mark in marks),
            note=chart.note,
            caveats=tuple(caveat for caveat in caveats if caveat),
            basis=self.tell_basis(figures),
            is_synthetic=self.has_synthetic(figures),
            **made,
        )

    def has_synthetic(self, figures: Sequence[ShownFigure]) -> bool:
        """Whether figures that can be asked for rest on synthetic sample data, wholly or in part."""
        return any(each.is_synthetic for each in self._asked.list_releases_behind(figures))

    def tell_basis(self, figures: Sequence[ShownFigure]) -> tuple[str, ...]:
        """Return of each source behind figures its publisher, its title, and the day of the latest release used."""
        latest: dict[str, ReleaseSaid] = {}
        for said in self._asked.list_releases_behind(figures):
            latest[said.source] = said
        return tuple(
            f"{said.publisher}, {load_source(said.source).title}, published {tell_day(said.published_on)}"
            f"{' (SYNTHETIC)' if said.is_synthetic else ''}"
            for said in latest.values()
        )


def name_size_columns(name: str, unit: str, measure: Measure) -> tuple[str, ...]:
    """Return the columns of figures beside the size of their place: the figures, and what is worked out from them."""
    if measure == "share":
        return (name, f"Out of ({name_size(measure)})", INTERVAL, "Beside the limits")
    return (f"{name} ({unit})", "Residents", f"{unit} per million".capitalize(), INTERVAL, "Beside the limits")


def _make_point(series: NamedSeries, figure: ShownFigure | None, label: str) -> Point:
    if figure is None:
        return Point(series.name, label, None)
    signal = series.signals.get(label)
    return Point(series.name, label, figure.value, figure.is_whole, bool(signal and signal.judged.signal))


def _list_limits(series: NamedSeries, labels: Sequence[str]) -> list[LimitLine]:
    """Return the limits of a series, one line for each of its phases."""
    by_phase: dict[dt.date, list[FigureSignal]] = {}
    for label in labels:
        if label in series.signals:
            signal = series.signals[label]
            by_phase.setdefault(signal.judged.phase.first, []).append(signal)
    lines = []
    for signals in by_phase.values():
        limits = signals[0].judged.limits
        first, last = signals[0].known.period_label, signals[-1].known.period_label
        lines.append(LimitLine(first, last, limits.mean, limits.lower, limits.upper))
    return lines
