"""The sections of a force's page: its figures beside region and nation, and over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.disclosure import FEWEST_REPORTERS
from msoic_pipeline.model.geography import NATIONAL, name_geography
from msoic_pipeline.model.signals import KINDS_WITH_LIMITS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.publication.charts import Chart, ChartSeries
from msoic_pipeline.publication.report.charts.funnel_chart import make_sized_row, make_unsized_row, name_size_columns
from msoic_pipeline.publication.report.charts.funnels import (
    ForceFunnel,
    FunnelReader,
    draw_forces,
    tell_force,
    tell_how_to_read,
    tell_population,
)
from msoic_pipeline.publication.report.charts.rates import POPULATION, SizedFigure
from msoic_pipeline.publication.report.charts.wording import tell_figure_of
from msoic_pipeline.publication.report.parts import ChartHeading, Drawing, PartMaker, ShownChart, ShownRow, ShownSection
from msoic_pipeline.publication.report.profile.forces import Force, list_forces
from msoic_pipeline.publication.report.provenance import OriginBook
from msoic_pipeline.publication.report.sections import SectionMaker
from msoic_pipeline.publication.report.shown import FigureReader, ShownFigure
from msoic_pipeline.signals.funnel import name_measure
from msoic_pipeline.workbooks.source import load_source

# Of sums over time the longest kind of period that has figures is compared, which chance moves least.
KINDS_COMPARED = ("financial_year", "calendar_year", "quarter", "month")


@dataclass(frozen=True)
class _Compared:
    """A force's figure and what stands beside it, each None where there is none.

    ``sized`` is the figure beside the size of the force, ``in_funnel`` the same where it is one of those of
    ``force_funnel``, the funnel of all. A region's figure that is kept back is not here.
    """

    figure: ShownFigure
    sized: SizedFigure | None
    force_funnel: ForceFunnel | None
    in_funnel: SizedFigure | None
    region: ShownFigure | None
    is_region_kept_back: bool
    nation: ShownFigure | None

    @property
    def position(self) -> str:
        """Where the force lies in the funnel; a dash where it is in none."""
        return self.force_funnel.judge_force(self.in_funnel) if self.force_funnel and self.in_funnel else "–"

    @property
    def figures(self) -> list[ShownFigure]:
        """All that are shown."""
        population = self.sized.population if self.sized else None
        return [each for each in (self.figure, self.region, self.nation, population) if each is not None]


@dataclass(frozen=True)
class SectionsOfForce:
    """The sections of one force's page, and the titles of the KPIs of which the force has no figure."""

    sections: tuple[ShownSection, ...]
    without_figures: tuple[str, ...]


class ForceSections:
    """Makes the sections of one force's page: one for each source whose KPIs are divided by force."""

    def __init__(self, reader: FigureReader, funnels: FunnelReader, book: OriginBook, force: Force) -> None:
        self._reader = reader
        self._funnels = funnels
        self._force = force
        self._own = reader.read_at("force", force.code)
        self._parts = PartMaker(self._own, book)
        self._maker = SectionMaker(self._parts, funnels)

    def make_sections(self) -> SectionsOfForce:
        """Return the sections, in the order of the definitions of their KPIs, and the KPIs without a figure."""
        charts: dict[str, list[ShownChart]] = {}
        without_figures: list[str] = []
        for kpi in load_definitions():
            if "force" not in kpi.divisions or kpi.kpi_id == POPULATION:
                continue
            of_source = charts.setdefault(traits_of_fact(kpi.numerator.table).source, [])
            figure, force_funnel = self._choose_period(kpi)
            if figure is None:
                without_figures.append(kpi.title)
                continue
            of_source += [self._make_comparison(kpi, figure, force_funnel), self._make_series(kpi)]
        sections = tuple(
            ShownSection(source, load_source(source).title, None, "", (), tuple(of_source))
            for source, of_source in charts.items()
            if of_source
        )
        return SectionsOfForce(sections, tuple(without_figures))

    def _choose_period(self, kpi: Kpi) -> tuple[ShownFigure | None, ForceFunnel | None]:
        """Return the force's figure that is compared, and the funnel of its period where there is one.

        It is that of the funnel's period where the force has one; else the force's latest, a whole one if there is any.
        """
        kinds = [kind for kind in KINDS_COMPARED if kind in kpi.computed_kinds]
        if kpi.is_stock:
            kinds = list(kpi.computed_kinds[:1])
        for kind in kinds:
            force_funnel = self._funnels.read_funnel(kpi, kind)
            figure = self._find_figure_in(force_funnel, kpi, kind) if force_funnel else None
            if figure:
                return figure, force_funnel
        return self._find_latest_figure(kpi, kinds), None

    def _find_figure_in(self, force_funnel: ForceFunnel, kpi: Kpi, kind: str) -> ShownFigure | None:
        """Return the force's figure of the period of a funnel; None where it has none."""
        figures = [each for each in self._read_figures(kpi, kind) if each.period_label == force_funnel.period_label]
        return figures[-1] if figures else None

    def _find_latest_figure(self, kpi: Kpi, kinds: Sequence[str]) -> ShownFigure | None:
        """Return the force's latest whole figure of the first kind of period that has one, else its latest of any."""
        figures = [figure for kind in kinds for figure in reversed(self._read_figures(kpi, kind))]
        whole = [figure for figure in figures if figure.is_whole]
        return next(iter([*whole, *figures]), None)

    def _read_figures(self, kpi: Kpi, kind: str) -> list[ShownFigure]:
        """Return the force's figures of a kind of period in order of time, without those that are missing."""
        return [figure for figure in self._own.read_series(kpi, kind) if figure.value is not None]

    # --- Beside region and nation ------------------------------------------------------------------------------------

    def _make_comparison(self, kpi: Kpi, figure: ShownFigure, force_funnel: ForceFunnel | None) -> ShownChart:
        compared = self._find_compared(figure, force_funnel)
        measure = name_measure(kpi)
        svg, sentences = "", self._tell_comparison(compared)
        if force_funnel and compared.in_funnel:
            svg = draw_forces(force_funnel, self._force.name, shows_others=not kpi.is_sensitive)
        drawing = Drawing(
            headline=tell_figure_of(figure, kpi.title),
            sentences=tuple(sentence for sentence in sentences if sentence),
            svg=svg,
            alternative=f"Funnel plot. {' '.join(sentences[:1])}",
            first_column="Place",
            columns=name_size_columns(kpi.title, kpi.unit, measure) if measure else (f"{kpi.title} ({kpi.unit})",),
            rows=tuple(self._list_rows(compared)),
            has_open_table=True,
        )
        heading = ChartHeading(
            chart=f"{kpi.kpi_id}-beside",
            title=f"{kpi.title}, beside region and nation",
            note="",
            caveats=(kpi.caveat,) if kpi.caveat else (),
        )
        return self._parts.finish_chart(heading, drawing, compared.figures)

    def _find_compared(self, figure: ShownFigure, force_funnel: ForceFunnel | None) -> _Compared:
        region = self._find_beside(figure, "rocu_region", self._force.region)
        is_kept_back = region is not None and not self._may_show_region(region)
        return _Compared(
            figure=figure,
            sized=self._funnels.sizes.size_figure(figure),
            force_funnel=force_funnel,
            in_funnel=next((each for each in force_funnel.sized if each.figure == figure), None)
            if force_funnel
            else None,
            region=None if is_kept_back else region,
            is_region_kept_back=is_kept_back,
            nation=self._find_beside(figure, NATIONAL),
        )

    def _list_rows(self, compared: _Compared) -> list[ShownRow]:
        kpi, force, nation = compared.figure.kpi, self._force, compared.nation
        rows = [
            self._make_row(kpi, force.name, compared.figure, compared.position),
            self._make_row(kpi, force.region, compared.region, "–"),
        ]
        if nation:
            rows.append(self._make_row(kpi, name_geography(NATIONAL, nation.known.geography_code), nation, "–"))
        return rows

    def _tell_comparison(self, compared: _Compared) -> list[str]:
        """Return where the force lies, how its picture is to be read, and what is to be known of the figures."""
        sentences = []
        if compared.force_funnel and compared.in_funnel:
            is_alone = compared.figure.kpi.is_sensitive
            sentences.append(tell_force(compared.force_funnel, compared.in_funnel))
            sentences.append(tell_how_to_read(compared.force_funnel, is_alone=is_alone))
        if compared.sized:
            sentences.append(tell_population([compared.sized]))
        if compared.is_region_kept_back:
            sentences.append(
                f"The region's figure is kept back: it is not whole, or of fewer than {FEWEST_REPORTERS} forces "
                "besides this one."
            )
        return sentences

    def _find_beside(self, figure: ShownFigure, kind: str, code: str = "") -> ShownFigure | None:
        """Return the figure of the same KPI and period of another geography; None where there is none."""
        known = figure.known
        for each in self._reader.read_kpi(figure.kpi):
            is_place = each.known.geography_kind == kind and code in ("", each.known.geography_code)
            is_period = (each.known.period_kind, each.period_start) == (known.period_kind, known.period_start)
            if is_place and is_period:
                return each
        return None

    def _may_show_region(self, region: ShownFigure) -> bool:
        """Whether a region's figure, less that of the force itself, would tell no other force's return."""
        others = [each for each in list_forces() if each.region == self._force.region and each != self._force]
        return not region.kpi.is_sensitive or (region.is_whole and len(others) >= FEWEST_REPORTERS)

    def _make_row(self, kpi: Kpi, label: str, figure: ShownFigure | None, position: str) -> ShownRow:
        """Return a row of the comparison; of a KPI that is neither rate nor share the figure alone."""
        measure = name_measure(kpi)
        if measure is None:
            return ShownRow(label, (self._parts.ask(figure) if figure else None,))
        sized = self._funnels.sizes.size_figure(figure) if figure else None
        if sized:
            return make_sized_row(self._parts, label, sized, position)
        return make_unsized_row(self._parts, label, figure, measure, "–")

    # --- Over time ---------------------------------------------------------------------------------------------------

    def _make_series(self, kpi: Kpi) -> ShownChart:
        finest = kpi.computed_kinds[0]
        chart = Chart.model_validate(
            {
                "chart": f"{kpi.kpi_id}_over_time",
                "title": f"{kpi.title} over time",
                "shows": "lines",
                "period": finest,
                "has_limits": finest in KINDS_WITH_LIMITS,
                "series": [ChartSeries(kpi=kpi.kpi_id)],
            }
        )
        return self._maker.make_chart(chart)
