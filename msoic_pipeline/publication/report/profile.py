"""The profile of a force: its figures beside its region and the nation, its returns, and what of them is in quarantine.

A profile is internal: it shows what the force returned. There is a file for each force, not one for all, so that who
works with a force gets its file and no other force's returns with it. For the same reason, of returns:

- other forces are not drawn in the funnel; its limits are of all of them, and tell none;
- the region's figure is shown only where it is whole and of three forces or more besides the force itself, which could
  otherwise work out another's return by subtracting its own.

Nothing ranks forces, and no profile names another force beside it.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.disclosure import FEWEST_REPORTERS
from msoic_pipeline.model import members
from msoic_pipeline.model.geography import NATIONAL, TERRITORIAL_FORCE, name_geography
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.publication.charts import Chart, ChartSeries
from msoic_pipeline.publication.cover import Cover
from msoic_pipeline.publication.report.funnel_chart import make_sized_row, make_unsized_row, name_size_columns
from msoic_pipeline.publication.report.funnels import (
    ForceFunnel,
    FunnelReader,
    draw_forces,
    tell_force,
    tell_how_to_read,
    tell_population,
)
from msoic_pipeline.publication.report.page import Page, fill_page
from msoic_pipeline.publication.report.parts import PartMaker, ShownChart, ShownRow, ShownSection
from msoic_pipeline.publication.report.provenance import Asked, ReleaseSaid, read_releases
from msoic_pipeline.publication.report.rates import POPULATION, SizedFigure
from msoic_pipeline.publication.report.returns import ReturnsOfForce, read_returns
from msoic_pipeline.publication.report.sections import SectionMaker
from msoic_pipeline.publication.report.shown import MARKS, FigureReader, ShownFigure
from msoic_pipeline.publication.report.wording import tell_figure_of
from msoic_pipeline.signals.funnel import name_measure
from msoic_pipeline.workbooks.source import load_source

# The folder of internal pages, within that of reports: its files are for their owner alone.
INTERNAL = "internal"
INTERNAL_MARK = "INTERNAL: FORCE RETURNS"
TEMPLATE = "profile.html.j2"
# Of sums over time the longest kind of period that has figures is compared, which chance moves least.
KINDS_COMPARED = ("financial_year", "calendar_year", "quarter", "month")


@dataclass(frozen=True)
class Force:
    """A territorial police force, and its region."""

    code: str
    name: str
    region: str

    @property
    def file_name(self) -> str:
        """Its name as a part of a file's name: ``avon-and-somerset``."""
        return self.name.lower().replace(" ", "-")


def list_forces() -> tuple[Force, ...]:
    """Return the territorial forces, in the order of their names."""
    forces = [
        Force(row["force_code"], row["name"], row["rocu_region"])
        for row in members.read_rows("forces.csv")
        if row["kind"] == TERRITORIAL_FORCE
    ]
    return tuple(sorted(forces, key=lambda force: force.name))


def find_force(text: str) -> Force:
    """Return the force of that name or code, in any of its known spellings. Raises LookupError where there is none."""
    try:
        code = members.resolve("force", text)
    except ValueError as error:
        raise LookupError(f"no force {text!r}: expected {error}") from None
    found = [force for force in list_forces() if force.code == code]
    if not found:
        raise LookupError(f"{members.find_name('force', code)} is no territorial force, and makes no returns")
    return found[0]


@dataclass(frozen=True)
class Profile:
    """What the page of a force shows besides its sections: its returns, and the KPIs of which it has no figure."""

    force: Force
    returns: tuple[ReturnsOfForce, ...]
    without_figures: tuple[str, ...]


class ProfileMaker:
    """Makes the profiles of forces from the figures known on a day; what all of them need is read once."""

    def __init__(self, connection: Connection, as_at: dt.date | None, today: dt.date, cover: Cover) -> None:
        self._connection = connection
        self._as_at = as_at
        self._known_on = as_at or today
        self._cover = cover
        self._reader = FigureReader(connection, as_at, today, shows_returns=True)
        self._funnels = FunnelReader(self._reader)
        self._releases: dict[str, ReleaseSaid] = read_releases(connection, as_at)

    def make_profile(self, force: Force) -> str:
        """Return the profile of a force as HTML."""
        asked = Asked(self._connection, self._releases, self._as_at, is_internal=True)
        maker = _ForceSections(self._reader, self._funnels, asked, force)
        sections = maker.make_sections()
        profile = Profile(force, read_returns(self._connection, force.code, self._known_on), maker.without_figures)
        cover = self._cover
        warnings = (cover.verdict, *cover.failed_checks) if cover.failed_checks else ()
        page = Page(
            as_at=self._known_on,
            sections=sections,
            told=asked.told,
            warnings=(*warnings, *cover.lines_on_files),
            # It is never written by itself, so that nobody asks whether it is up to date.
            digest="",
        )
        return fill_page(TEMPLATE, page, profile=profile, internal_mark=INTERNAL_MARK)


class _ForceSections:
    """The sections of one force's page: one for each source whose KPIs are divided by force."""

    def __init__(self, reader: FigureReader, funnels: FunnelReader, asked: Asked, force: Force) -> None:
        self._reader = reader
        self._funnels = funnels
        self._force = force
        self._own = reader.read_at("force", force.code)
        self._parts = PartMaker(self._own, asked)
        self._maker = SectionMaker(self._parts, funnels)
        self._without_figures: list[str] = []

    @property
    def without_figures(self) -> tuple[str, ...]:
        """The titles of the KPIs of which the force has no figure."""
        return tuple(self._without_figures)

    def make_sections(self) -> tuple[ShownSection, ...]:
        """Return the sections, in the order of the definitions of their KPIs."""
        charts: dict[str, list[ShownChart]] = {}
        for kpi in load_definitions():
            if "force" in kpi.divisions and kpi.kpi_id != POPULATION:
                source = traits_of_fact(kpi.numerator.table).source
                charts.setdefault(source, []).extend(self._make_charts(kpi))
        return tuple(
            ShownSection(source, load_source(source).title, None, "", (), tuple(of_source))
            for source, of_source in charts.items()
            if of_source
        )

    def _make_charts(self, kpi: Kpi) -> list[ShownChart]:
        figure, forces = self._choose_period(kpi)
        if figure is None:
            self._without_figures.append(kpi.title)
            return []
        return [self._make_comparison(kpi, figure, forces), self._make_series(kpi)]

    def _choose_period(self, kpi: Kpi) -> tuple[ShownFigure | None, ForceFunnel | None]:
        """Return the force's figure that is compared, and the funnel of its period where there is one.

        It is that of the funnel's period where the force has one; else the force's latest, a whole one if there is any.
        """
        kinds = (
            kpi.computed_kinds[:1] if kpi.is_stock else [kind for kind in KINDS_COMPARED if kind in kpi.computed_kinds]
        )
        for kind in kinds:
            forces = self._funnels.read_funnel(kpi, kind)
            figures = [figure for figure in self._own.read_series(kpi, kind) if figure.value is not None]
            in_funnel = [figure for figure in figures if forces and figure.period_label == forces.period_label]
            if in_funnel:
                return in_funnel[-1], forces
        latest: ShownFigure | None = None
        for kind in kinds:
            figures = [figure for figure in self._own.read_series(kpi, kind) if figure.value is not None]
            whole = [figure for figure in figures if figure.is_whole]
            if whole:
                return whole[-1], None
            latest = latest or (figures[-1] if figures else None)
        return latest, None

    # --- Beside region and nation ------------------------------------------------------------------------------------

    def _make_comparison(self, kpi: Kpi, figure: ShownFigure, forces: ForceFunnel | None) -> ShownChart:
        force = self._force
        sized = self._funnels.sizes.size_figure(figure)
        in_funnel = next((each for each in forces.sized if each.figure == figure), None) if forces else None
        region = self._find_beside(figure, "rocu_region", force.region)
        nation = self._find_beside(figure, NATIONAL)
        shows_region = region is not None and self._may_show_region(region)
        rows = [
            self._make_row(force.name, figure, forces.place(in_funnel) if forces and in_funnel else "–"),
            self._make_row(force.region, region if shows_region else None, "–"),
        ]
        if nation:
            place = name_geography(NATIONAL, nation.known.geography_code)
            rows.append(self._make_row(place, nation, "–"))
        shown = [each for each in (figure, region if shows_region else None, nation) if each is not None]
        headline = tell_figure_of(figure, kpi.title)
        picture, sentences = "", []
        if forces and in_funnel:
            picture = draw_forces(forces, force.name, shows_others=not kpi.is_sensitive)
            sentences = [tell_force(forces, in_funnel), tell_how_to_read(forces, is_alone=kpi.is_sensitive)]
        if sized:
            sentences.append(tell_population([sized]))
        if region is not None and not shows_region:
            sentences.append(
                f"The region's figure is kept back: it is not whole, or of fewer than {FEWEST_REPORTERS} forces "
                "besides this one."
            )
        return self._finish(kpi, shown, headline, sentences, picture, rows, sized)

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

    def _make_row(self, label: str, figure: ShownFigure | None, position: str) -> ShownRow:
        """Return a row of the comparison; of a KPI that is neither rate nor share the figure alone."""
        sized = self._funnels.sizes.size_figure(figure) if figure else None
        if sized:
            return make_sized_row(self._parts, label, sized, position)
        measure = name_measure(figure.kpi) if figure else None
        if figure and measure is None:
            return ShownRow(label, (self._parts.ask(figure),))
        return make_unsized_row(self._parts, label, figure, measure or "rate", "–")

    def _finish(
        self,
        kpi: Kpi,
        shown: Sequence[ShownFigure],
        headline: str,
        sentences: Sequence[str],
        picture: str,
        rows: Sequence[ShownRow],
        sized: SizedFigure | None,
    ) -> ShownChart:
        """Return the comparison as a chart of the page, with what follows from the figures shown."""
        measure = name_measure(kpi)
        columns = name_size_columns(kpi.title, kpi.unit, measure) if measure else (f"{kpi.title} ({kpi.unit})",)
        marks = {mark for figure in shown for mark in figure.marks}
        populations = [] if sized is None or sized.population is None else [sized.population]
        behind = [*shown, *populations]
        return ShownChart(
            chart=f"{kpi.kpi_id}-beside",
            title=f"{kpi.title}, beside region and nation",
            headline=headline,
            sentences=tuple(sentence for sentence in sentences if sentence),
            picture=picture,
            alternative=f"Funnel plot. {' '.join(sentences[:1])}",
            columns=columns,
            first_column="Place",
            rows=tuple(rows),
            marks=tuple(mark for mark in MARKS if mark in marks),
            breaks=(),
            key="",
            note="",
            caveats=(kpi.caveat,) if kpi.caveat else (),
            basis=self._parts.tell_basis(behind),
            is_synthetic=self._parts.has_synthetic(behind),
            has_open_table=True,
        )

    # --- Over time ---------------------------------------------------------------------------------------------------

    def _make_series(self, kpi: Kpi) -> ShownChart:
        chart = Chart.model_validate(
            {
                "chart": f"{kpi.kpi_id}_over_time",
                "title": f"{kpi.title} over time",
                "shows": "lines",
                "period": kpi.computed_kinds[0],
                "has_limits": True,
                "series": [ChartSeries(kpi=kpi.kpi_id)],
            }
        )
        return self._maker.make_chart(chart)


def save_internal(html: str, path: Path) -> None:
    """Write an internal page that its owner alone can read, in a folder that its owner alone can enter.

    It appears whole or not at all. Raises OSError where the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The folder may stand there from before, with what the umask of that time left of its mode.
    path.parent.chmod(0o700)
    partial = path.with_name(f"{path.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        # Made with its mode, so that at no time anybody else can open it.
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(html)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_profiles(maker: ProfileMaker, forces: Sequence[Force], folder: Path, known_on: dt.date) -> list[Path]:
    """Write the profiles of forces below the folder of reports, and return their paths, in the order of the forces."""
    paths = []
    for force in forces:
        path = folder / INTERNAL / f"{force.file_name}-{known_on}.html"
        save_internal(maker.make_profile(force), path)
        paths.append(path)
    return paths
