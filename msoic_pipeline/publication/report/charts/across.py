"""Charts across places: one KPI in its latest period, in the order of the places' names."""

from __future__ import annotations

from msoic_pipeline.model.geography import name_geography
from msoic_pipeline.publication.charts import Chart
from msoic_pipeline.publication.report.charts.drawing import Picture, Point, draw
from msoic_pipeline.publication.report.charts.wording import tell_bars
from msoic_pipeline.publication.report.parts import Drawing, PartMaker, ShownChart, ShownRow, make_heading, name_columns

NO_RANKING = "Places are in the order of their names; they differ in size, so that this is no ranking."


def make_chart_across(parts: PartMaker, chart: Chart) -> ShownChart:
    """Return a bar for each place of the kind that a chart is across."""
    assert chart.across
    declared = chart.series[0]
    kpi = declared.definition
    figures = parts.reader.read_places(kpi, chart.period, chart.across)
    named = [(name_geography(chart.across, figure.known.geography_code), figure) for figure in figures]
    named.sort(key=lambda pair: pair[0])
    points = [Point(declared.name, name, figure.value, figure.is_whole) for name, figure in named]
    words = tell_bars(declared.name, kpi.unit, named)
    drawing = Drawing(
        headline=words.removesuffix("."),
        sentences=(NO_RANKING,),
        svg=draw(Picture([name for name, _ in named], points, kpi.unit), chart.shows),
        alternative=f"Bar chart. {words}",
        first_column="Place",
        columns=name_columns(chart),
        rows=tuple(ShownRow(name, (parts.ask(figure),)) for name, figure in named),
    )
    return parts.finish_chart(make_heading(chart), drawing, figures)
