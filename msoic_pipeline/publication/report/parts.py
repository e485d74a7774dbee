"""What the page is made of: tiles, charts, their rows; and what these have in common, figures that can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from msoic_pipeline.publication.charts import Chart
from msoic_pipeline.publication.marks import MARKS, Mark
from msoic_pipeline.publication.report.provenance import KnownRelease, OriginBook
from msoic_pipeline.publication.report.shown import FigureReader, ShownFigure
from msoic_pipeline.wording import tell_day
from msoic_pipeline.workbooks.source import load_source


@dataclass(frozen=True)
class AskableFigure:
    """A figure on the page: its words, its marks, and the name by which a reader asks where it comes from."""

    words: str
    marks: tuple[Mark, ...]
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
    is_synthetic: bool
    is_old: bool
    sparkline_svg: str


@dataclass(frozen=True)
class ShownRow:
    """A row of a chart's table: a period or place, and a figure for each series.

    ``texts`` are the cells after those: what is worked out from the figures, and stands in no publisher's cell.
    """

    label: str
    figures: tuple[AskableFigure | None, ...]
    texts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawing:
    """What a chart shows, in its picture, words and table, before it is said what that rests on.

    ``columns`` are the headers of the table after ``first_column``; ``rebases`` say where figures stop comparing, and
    ``key`` what its marks and lines mean. ``has_open_table`` shows the table without being asked to.

    Raises ValueError where a row has more or fewer cells than there are columns.
    """

    headline: str
    sentences: tuple[str, ...]
    svg: str
    alternative: str
    first_column: str
    columns: tuple[str, ...]
    rows: tuple[ShownRow, ...]
    rebases: tuple[str, ...] = ()
    key: str = ""
    has_open_table: bool = False

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            cells = len(row.figures) + len(row.texts)
            if cells != len(self.columns):
                # By their number: the words of a chart may be of a force's return.
                raise ValueError(f"row {number} of a chart has {cells} cells under {len(self.columns)} columns")


@dataclass(frozen=True)
class ChartHeading:
    """What a chart is called on its page and to its reader, and what is to be borne in mind of it.

    ``caveats`` are those of its KPIs, ``note`` is what a reader must know beyond them.
    """

    chart: str
    title: str
    note: str
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class ShownChart:
    """A chart with all that stands beside it: the marks that its figures have, and what they rest on."""

    heading: ChartHeading
    drawing: Drawing
    marks: tuple[Mark, ...]
    basis: tuple[str, ...]
    is_synthetic: bool

    @property
    def has_figures(self) -> bool:
        """Whether its table has a figure."""
        return any(figure is not None for row in self.drawing.rows for figure in row.figures)


@dataclass(frozen=True)
class ShownSection:
    """A section as the page shows it."""

    section: str
    title: str
    of_report: int | None
    about: str
    tiles: tuple[ShownTile, ...]
    charts: tuple[ShownChart, ...]

    @property
    def leading_chart(self) -> ShownChart | None:
        """The first chart that shows figures, whose headline is the section in brief; None where none does."""
        return next((chart for chart in self.charts if chart.has_figures), None)


class PartMaker:
    """What all parts of a page are made with: the figures as known on its day, and what is told of each."""

    def __init__(self, reader: FigureReader, book: OriginBook) -> None:
        self.reader = reader
        self._book = book

    def ask(self, figure: ShownFigure) -> AskableFigure:
        """Return a figure for the page, of which a reader can ask where it comes from."""
        return AskableFigure(figure.words, figure.marks, self._book.note(figure))

    def has_synthetic(self, figures: Sequence[ShownFigure]) -> bool:
        """Whether figures rest on synthetic sample data, wholly or in part."""
        return any(each.is_synthetic for each in self._book.list_releases_behind(figures))

    def tell_basis(self, figures: Sequence[ShownFigure]) -> tuple[str, ...]:
        """Return of each source behind figures its publisher, its title, and the day of the latest release used."""
        latest: dict[str, KnownRelease] = {}
        for each in self._book.list_releases_behind(figures):
            latest[each.source] = each
        return tuple(
            f"{each.publisher}, {load_source(each.source).title}, published {tell_day(each.published_on)}"
            f"{' (SYNTHETIC)' if each.is_synthetic else ''}"
            for each in latest.values()
        )

    def finish_chart(self, heading: ChartHeading, drawing: Drawing, figures: Sequence[ShownFigure]) -> ShownChart:
        """Return a chart with what follows from the figures in it: marks, and what they rest on."""
        marks = {mark for figure in figures for mark in figure.marks}
        return ShownChart(
            heading=heading,
            drawing=drawing,
            marks=tuple(mark for mark in MARKS if mark in marks),
            basis=self.tell_basis(figures),
            is_synthetic=self.has_synthetic(figures),
        )


def make_heading(chart: Chart) -> ChartHeading:
    """Return the heading of a declared chart."""
    caveats = dict.fromkeys(series.definition.caveat for series in chart.series)
    return ChartHeading(chart.chart, chart.title, chart.note, tuple(caveat for caveat in caveats if caveat))


def name_columns(chart: Chart) -> tuple[str, ...]:
    """Return the headers of a chart's series, each with its unit."""
    return tuple(f"{series.name} ({series.definition.unit})" for series in chart.series)
