"""The sections of the report, as ``charts.yaml`` declares them: tiles and charts, ready for the page."""

from __future__ import annotations

from msoic_pipeline.publication.charts import Chart, Section
from msoic_pipeline.publication.report.charts.across import make_chart_across
from msoic_pipeline.publication.report.charts.funnel_chart import make_funnel_chart
from msoic_pipeline.publication.report.charts.funnels import FunnelReader
from msoic_pipeline.publication.report.charts.over_time import make_chart_over_time
from msoic_pipeline.publication.report.charts.tiles import make_tile
from msoic_pipeline.publication.report.parts import PartMaker, ShownChart, ShownSection


class SectionMaker:
    """Makes sections, each KPI's funnel once."""

    def __init__(self, parts: PartMaker, funnels: FunnelReader | None = None) -> None:
        self._parts = parts
        self._funnels = funnels or FunnelReader(parts.reader)

    def make_section(self, section: Section) -> ShownSection:
        """Return a section with its tiles and charts."""
        return ShownSection(
            section.section,
            section.title,
            section.of_report,
            section.about,
            tuple(make_tile(self._parts, tile) for tile in section.tiles),
            tuple(self.make_chart(chart) for chart in section.charts),
        )

    def make_chart(self, chart: Chart) -> ShownChart:
        """Return a chart with its picture, words and table."""
        if chart.shows == "funnel":
            return make_funnel_chart(self._parts, self._funnels, chart)
        return make_chart_across(self._parts, chart) if chart.across else make_chart_over_time(self._parts, chart)
