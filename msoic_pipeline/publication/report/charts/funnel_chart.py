"""Funnel charts, and the rows of figures beside the size of their place, which profiles of forces have too."""

from __future__ import annotations

from msoic_pipeline.publication.charts import Chart
from msoic_pipeline.publication.report.charts.funnels import (
    ForceFunnel,
    FunnelReader,
    draw_forces,
    tell_headline_of_funnel,
    tell_how_to_read,
    tell_left_out,
    tell_outside,
    tell_population,
)
from msoic_pipeline.publication.report.charts.rates import SizedFigure, name_size
from msoic_pipeline.publication.report.parts import Drawing, PartMaker, ShownChart, ShownRow, make_heading, name_columns
from msoic_pipeline.publication.report.shown import ShownFigure
from msoic_pipeline.publication.value_words import tell_value
from msoic_pipeline.signals.funnel import INNER, Measure

INTERVAL = f"{INNER:.0%} interval"


def make_funnel_chart(parts: PartMaker, funnels: FunnelReader, chart: Chart) -> ShownChart:
    """Return the forces of a KPI's latest period by their size and rate."""
    declared = chart.series[0]
    kpi = declared.definition
    force_funnel = funnels.read_funnel(kpi, chart.period)
    if force_funnel is None:
        nothing = f"{declared.name}: too few forces have figures, or a population, to be compared"
        drawing = Drawing(
            nothing, (), svg="", alternative=nothing, first_column="Force", columns=name_columns(chart), rows=()
        )
        return parts.finish_chart(make_heading(chart), drawing, [])
    headline = tell_headline_of_funnel(force_funnel, declared.name)
    outside = tell_outside(force_funnel)
    said = (tell_how_to_read(force_funnel), outside, tell_population(force_funnel.sized), tell_left_out(force_funnel))
    rows = sorted(_list_rows(parts, force_funnel), key=lambda row: row.label)
    drawing = Drawing(
        headline=headline,
        sentences=tuple(sentence for sentence in said if sentence),
        svg=draw_forces(force_funnel),
        alternative=f"Funnel plot. {headline}. {outside}".rstrip(),
        first_column="Force",
        columns=name_size_columns(declared.name, kpi.unit, force_funnel.sized[0].measure),
        rows=tuple(rows),
    )
    figures = [each.figure for each in force_funnel.sized] + [each.figure for each in force_funnel.left_out]
    return parts.finish_chart(make_heading(chart), drawing, figures)


def _list_rows(parts: PartMaker, force_funnel: ForceFunnel) -> list[ShownRow]:
    rows = [
        make_sized_row(parts, each.counted.name, each, force_funnel.judge_force(each)) for each in force_funnel.sized
    ]
    for each in force_funnel.left_out:
        reason = f"left out: {each.reason}"
        rows.append(make_unsized_row(parts, each.name, each.figure, force_funnel.sized[0].measure, reason))
    return rows


def make_sized_row(parts: PartMaker, label: str, sized: SizedFigure, position: str) -> ShownRow:
    """Return a row of a figure beside the size of its place: under the columns of ``name_size_columns``."""
    figures = [parts.ask(sized.figure)]
    if sized.population:
        figures.append(parts.ask(sized.population))
    size = tell_value(sized.counted.base, "cases") if sized.measure == "share" else sized.value
    return ShownRow(label, tuple(figures), (size, sized.interval_words, position))


def make_unsized_row(
    parts: PartMaker, label: str, figure: ShownFigure | None, measure: Measure, reason: str
) -> ShownRow:
    """Return a row under the same columns of a figure whose place has no size, or of none."""
    figures = (parts.ask(figure) if figure else None,)
    return ShownRow(label, figures if measure == "share" else (*figures, None), ("–", "–", reason))


def name_size_columns(name: str, unit: str, measure: Measure) -> tuple[str, ...]:
    """Return the columns of figures beside the size of their place: the figures, and what is worked out from them."""
    if measure == "share":
        return (name, f"Out of ({name_size(measure)})", INTERVAL, "Beside the limits")
    return (f"{name} ({unit})", "Residents", f"{unit} per million".capitalize(), INTERVAL, "Beside the limits")
