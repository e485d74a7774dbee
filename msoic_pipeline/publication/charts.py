"""What the report shows: its sections, and in each the tiles and charts, as ``charts.yaml`` declares them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field, model_validator

from msoic_pipeline.declarations import Declaration, DeclarationError, parse_list
from msoic_pipeline.kpis.definitions import Kpi, find_definition
from msoic_pipeline.model.geography import Division
from msoic_pipeline.model.signals import KINDS_WITH_LIMITS
from msoic_pipeline.periods import PeriodKind
from msoic_pipeline.signals.funnel import name_measure

FILE = "msoic_pipeline/publication/charts.yaml"
# More lines than these nobody can tell apart, by colour or by print.
MOST_SERIES = 6


class Tile(Declaration):
    """A figure that stands large: a KPI's latest of a kind of period."""

    kpi: str
    period: PeriodKind

    @property
    def definition(self) -> Kpi:
        """The KPI."""
        return find_definition(self.kpi)

    @model_validator(mode="after")
    def _known(self) -> Tile:
        _check_period(self.kpi, self.period)
        return self


class ChartSeries(Declaration):
    """A line, or the columns of a colour: a KPI, called by its title unless ``label`` is shorter."""

    kpi: str
    label: str = ""

    @property
    def definition(self) -> Kpi:
        """The KPI."""
        return find_definition(self.kpi)

    @property
    def name(self) -> str:
        """What the series is called."""
        return self.label or self.definition.title


class Chart(Declaration):
    """A chart: KPIs of the nation over time, or one KPI across geographies in its latest period.

    ``shows`` is ``lines``; ``columns``, one beside the other; ``stacked`` columns, of KPIs that are parts of a whole;
    ``bars``, one for each geography of the kind that ``across`` names; or a ``funnel``, a mark for each by its size,
    beside the limits of chance and ordinary variation. ``since`` is the first day that is shown (all, where it is left
    out), ``note`` what a reader must know beyond the KPIs' own caveats. ``has_limits`` draws the limits of the first
    series, of lines alone.
    """

    chart: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    shows: Literal["lines", "columns", "stacked", "bars", "funnel"]
    period: PeriodKind
    since: dt.date | None = None
    across: Division | None = None
    series: tuple[ChartSeries, ...] = Field(min_length=1, max_length=MOST_SERIES)
    has_limits: bool = False
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Chart:
        for series in self.series:
            _check_period(series.kpi, self.period)
        units = {series.definition.unit for series in self.series}
        if len(units) > 1 and any(series.definition.is_share for series in self.series):
            raise ValueError(
                f"shares and {', '.join(sorted(units - {'share'}))} need a chart each: one scale cannot show both"
            )
        if (self.shows in ("bars", "funnel")) != (self.across is not None):
            raise ValueError(
                "bars and funnels are drawn across a kind of geography, and nothing else is: give both or neither"
            )
        if self.shows == "funnel":
            _check_funnel(self.series, self.across)
        if self.across:
            _check_across(self.series, self.across)
        if self.has_limits and self.shows != "lines":
            raise ValueError("limits are drawn with lines alone: leave has_limits out")
        if self.has_limits and self.period not in KINDS_WITH_LIMITS:
            raise ValueError("there are limits of months and quarters alone")
        return self


class Section(Declaration):
    """A section of the report: ``of_report`` is the section of the annual report that it redraws, if any."""

    section: str = Field(pattern=r"^[a-z0-9_]+$")
    title: str
    of_report: int | None = None
    about: str = ""
    tiles: tuple[Tile, ...] = ()
    charts: tuple[Chart, ...] = ()

    @property
    def kpi_ids(self) -> list[str]:
        """The KPIs that it shows, each once."""
        shown = [tile.kpi for tile in self.tiles]
        shown += [series.kpi for chart in self.charts for series in chart.series]
        return list(dict.fromkeys(shown))


def _check_period(kpi_id: str, period: str) -> None:
    """Raise ValueError where there is no such KPI, or it has no figures of a kind of period."""
    try:
        kpi = find_definition(kpi_id)
    except LookupError:
        raise ValueError(f"there is no KPI {kpi_id!r}") from None
    if period not in kpi.computed_kinds:
        raise ValueError(f"{kpi_id} has no figures of a {period}: expected one of {', '.join(kpi.computed_kinds)}")


def _check_across(series: tuple[ChartSeries, ...], across: Division) -> None:
    """Raise ValueError where a chart across geographies is not of one open KPI that has figures of them."""
    if len(series) != 1:
        raise ValueError("a chart across geographies is of one KPI")
    kpi = series[0].definition
    if kpi.is_sensitive:
        raise ValueError(f"{kpi.kpi_id} rests on returns, of which nothing below the nation is shown")
    if across not in kpi.divisions:
        raise ValueError(f"{kpi.kpi_id} is not divided by {across}")


def _check_funnel(series: tuple[ChartSeries, ...], across: Division | None) -> None:
    """Raise ValueError where a funnel is not across forces, or its KPI counts neither events nor a share of cases."""
    kpi = series[0].definition
    if across != "force":
        raise ValueError("a funnel is drawn across forces: there are too few places of another kind")
    if name_measure(kpi) is None:
        raise ValueError(f"{kpi.kpi_id} counts {kpi.unit}, which do not come one by one: chance gives no limits")


def parse_sections(text: str) -> tuple[Section, ...]:
    """Return the sections that a text declares. Raises DeclarationError, also where two charts are called the same."""
    sections = parse_list(text, Section, FILE, "section", under="sections")
    times_declared = Counter(chart.chart for section in sections for chart in section.charts)
    twice = [name for name, times in times_declared.items() if times > 1]
    if twice:
        raise DeclarationError.of(FILE, f"charts are called the same: {', '.join(twice)}")
    return sections


@cache
def load_sections() -> tuple[Section, ...]:
    """Return the sections of ``charts.yaml``. Raises DeclarationError."""
    return parse_sections(_sections_text())


def digest_sections() -> str:
    """Return a digest of what is declared."""
    return hashlib.sha256(_sections_text().encode()).hexdigest()


def _sections_text() -> str:
    return files(__package__).joinpath("charts.yaml").read_text(encoding="utf-8")
