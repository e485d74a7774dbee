"""Where each figure of the report comes from: the same facts, files, sheets and cells as ``msoic trace`` names.

They are written into the report itself, small enough for that: cells that follow each other are one range, and what is
said of a KPI or a file is said once.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.lineage import SummedCells, find_summed_cells
from msoic_pipeline.kpis.standing_facts import PeriodAsAt
from msoic_pipeline.kpis.wanted import WantedTerm, are_in_geography, list_terms
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.geography import GeographyKey, name_geography
from msoic_pipeline.periods import period_end
from msoic_pipeline.publication.report.shown import ShownFigure
from msoic_pipeline.publication.value_words import tell_unit
from msoic_pipeline.wording import tell_figure
from msoic_pipeline.workbooks.addresses import a1, from_a1
from msoic_pipeline.workbooks.source import load_source

# A total is told to so many digits.
TOTAL_DIGITS = 6


@dataclass(frozen=True)
class KnownRelease:
    """What the report says of a release: a row of ``release``, as far as a reader wants it."""

    release_id: str
    source: str
    title: str
    publisher: str
    published_on: dt.date
    reference_period: str
    file_name: str
    sha256: str
    is_synthetic: bool
    status: str
    edition: int
    reporter: str
    superseded_by: str | None


def read_releases(connection: Connection, as_at: dt.date | None) -> dict[str, KnownRelease]:
    """Return the releases that had been published by a day (None: all), by their id."""
    columns = [release.c[name.name] for name in fields(KnownRelease)]
    query = sa.select(*columns).order_by(release.c.source, release.c.published_on, release.c.release_id)
    if as_at:
        query = query.where(release.c.published_on <= as_at)
    return {row["release_id"]: KnownRelease(**row) for row in connection.execute(query).mappings()}


@dataclass(frozen=True)
class KpiOrigin:
    """What a reader is told of a KPI: see ``kpi_definition``."""

    title: str
    description: str
    caveat: str


@dataclass(frozen=True)
class ReleaseOrigin:
    """What a reader is told of a release."""

    file: str
    publisher: str
    published: str
    sha256: str
    synthetic: bool


@dataclass(frozen=True)
class CellsOrigin:
    """Cells of a sheet of a release, as rectangles."""

    release: str
    sheet: str
    cells: str


@dataclass(frozen=True)
class TermOrigin:
    """A numerator or denominator: what it sums to, in words, and where what it sums stands.

    ``returns`` counts the returns among that which are not named; ``adds_up`` is false where the facts that stand now
    are not those that the value was computed from.
    """

    words: str
    total: str
    cells: tuple[CellsOrigin, ...]
    returns: int
    adds_up: bool


@dataclass(frozen=True)
class FigureOrigin:
    """What a reader is told of a figure; ``terms`` are places in the list of all terms.

    ``known_on`` is the day as known on which it stands, where that is not the report's.
    """

    kpi: str
    place: str
    period: str
    value: float | None
    words: str
    unit: str
    marks: tuple[str, ...]
    status: str
    since: str
    received: int
    expected: int
    terms: tuple[int, ...]
    known_on: str | None


@dataclass
class Origins:
    """All that the page can be asked: its script, ``page/report.js``, knows these fields by their names.

    Figures by the name by which they are asked for, KPIs and releases by their ids, so that each is told once.
    """

    figures: dict[str, FigureOrigin] = field(default_factory=dict)
    terms: list[TermOrigin] = field(default_factory=list)
    kpis: dict[str, KpiOrigin] = field(default_factory=dict)
    releases: dict[str, ReleaseOrigin] = field(default_factory=dict)


class TermKey(NamedTuple):
    """By what a term of a figure is known: the term, how it goes over time, its days, and its geography."""

    term: str
    is_stock: bool
    period_as_at: PeriodAsAt
    geography: GeographyKey


@dataclass(frozen=True)
class _FoundTerm:
    """A term of a figure: what it sums and where that stands, and the sum that stands in the KPI's value."""

    key: TermKey
    wanted: WantedTerm
    cells: Sequence[SummedCells]
    sum_in_value: float

    @property
    def releases(self) -> set[str]:
        """The releases behind it."""
        return {each.release_id for each in self.cells}


class OriginBook:
    """The figures of a report of which a reader can ask where they come from, and what is told of each.

    Of sensitive releases it names those of ``named_reporters`` (None: of all) and counts the others: which forces
    returned nothing is theirs to tell. What is only asked here, such as which releases are behind a figure, is not
    written into the report.
    """

    def __init__(
        self,
        connection: Connection,
        releases: dict[str, KnownRelease],
        as_at: dt.date | None,
        *,
        named_reporters: frozenset[str] | None = frozenset(),
    ) -> None:
        self.origins = Origins()
        self._connection = connection
        self._named_reporters = named_reporters
        self._releases = releases
        self._as_at = as_at
        # A term is the same for all figures that sum the same facts: it is looked up once; and told once of those into
        # whose values the same sum went, by its position in the list of terms.
        self._cells: dict[TermKey, Sequence[SummedCells]] = {}
        self._position_by_term: dict[tuple[TermKey, float], int] = {}

    def note(self, figure: ShownFigure) -> str:
        """Note where a figure comes from, unless it is noted; return the name by which the page asks for it."""
        name = figure.name
        if name not in self.origins.figures:
            kpi = figure.kpi
            self.origins.kpis.setdefault(kpi.kpi_id, KpiOrigin(kpi.title, kpi.description, kpi.caveat))
            terms = tuple(self._note_term(term) for term in self._find_terms(figure))
            self.origins.figures[name] = _tell_figure(figure, terms)
        return name

    def list_releases_behind(self, figures: Iterable[ShownFigure]) -> list[KnownRelease]:
        """Return the releases behind figures, in order of publication.

        A zero may stand in no cell, since its release lists nothing of the kind: behind it are the releases of the day
        from which it held.
        """
        behind: set[str] = set()
        for figure in figures:
            named = {release_id for term in self._find_terms(figure) for release_id in term.releases}
            behind.update(named or self._list_published_with(figure))
        return sorted(
            (self._releases[each] for each in behind),
            key=lambda each: (each.published_on, each.release_id),
        )

    def _list_published_with(self, figure: ShownFigure) -> set[str]:
        """Return the releases of a figure's sources that were published on the day from which it held."""
        if figure.value is None:
            return set()
        return {
            each.release_id
            for each in self._releases.values()
            if each.source in figure.kpi.sources and each.published_on == figure.known.as_of
        }

    def _find_terms(self, figure: ShownFigure) -> list[_FoundTerm]:
        """Return the terms of a figure; none of one that is missing or kept back."""
        if figure.value is None:
            return []
        totals = (figure.known.numerator, figure.known.denominator)
        wanted = list_terms(figure.kpi)
        return [self._find_term(term, figure, total or 0.0) for term, total in zip(wanted, totals, strict=False)]

    def _find_term(self, wanted: WantedTerm, figure: ShownFigure, sum_in_value: float) -> _FoundTerm:
        """Return a term of a figure; where it is new it is looked up."""
        known, as_at = figure.known, figure.known_on or self._as_at
        period_as_at = PeriodAsAt(known.period_start, period_end(known.period_kind, known.period_start), as_at)
        key = TermKey(
            wanted.term.model_dump_json(),
            wanted.is_stock,
            period_as_at,
            GeographyKey(known.geography_kind, known.geography_code),
        )
        if key not in self._cells:
            geography = are_in_geography(wanted, known.geography_kind, known.geography_code)
            self._cells[key] = find_summed_cells(self._connection, wanted, period_as_at, geography)
        return _FoundTerm(key, wanted, self._cells[key], sum_in_value)

    def _note_term(self, found: _FoundTerm) -> int:
        """Note a term and the releases that it names, unless it is noted; return its position in the list of terms."""
        told_as = (found.key, found.sum_in_value)
        if told_as not in self._position_by_term:
            self._position_by_term[told_as] = len(self.origins.terms)
            self.origins.terms.append(self._tell_term(found))
            for release_id in sorted(filter(self._is_named, found.releases)):
                told = _tell_release(self._releases[release_id])
                self.origins.releases.setdefault(release_id, told)
        return self._position_by_term[told_as]

    def _is_named(self, release_id: str) -> bool:
        """Whether it is told that figures stand in a release."""
        known = self._releases[release_id]
        if self._named_reporters is None or not load_source(known.source).sensitive:
            return True
        return known.reporter in self._named_reporters

    def _tell_term(self, found: _FoundTerm) -> TermOrigin:
        total = sum(each.total for each in found.cells)
        named = [each for each in found.cells if self._is_named(each.release_id)]
        return TermOrigin(
            words=found.wanted.term.words(),
            total=tell_figure(total, TOTAL_DIGITS),
            cells=tuple(CellsOrigin(each.release_id, each.sheet, join_cells(each.cells)) for each in named),
            returns=sum(not self._is_named(release_id) for release_id in found.releases),
            adds_up=math.isclose(total, found.sum_in_value, rel_tol=1e-6, abs_tol=0.5),
        )


def _tell_release(known_release: KnownRelease) -> ReleaseOrigin:
    return ReleaseOrigin(
        known_release.file_name,
        known_release.publisher,
        known_release.published_on.isoformat(),
        known_release.sha256,
        known_release.is_synthetic,
    )


def _tell_figure(figure: ShownFigure, terms: tuple[int, ...]) -> FigureOrigin:
    known = figure.known
    return FigureOrigin(
        kpi=known.kpi_id,
        place=name_geography(known.geography_kind, known.geography_code),
        period=known.period_label,
        value=figure.value,
        words=figure.words,
        unit=tell_unit(figure.kpi.unit),
        marks=tuple(mark.words for mark in figure.marks),
        status=known.status,
        since=known.as_of.isoformat(),
        received=known.parts_received,
        expected=known.parts_expected,
        terms=terms,
        known_on=figure.known_on.isoformat() if figure.known_on else None,
    )


def join_cells(addresses: Iterable[str]) -> str:
    """Return cells as rectangles, as far as they fill them: of C5, C6, D5, D6 and F9 ``C5:D6, F9``.

    The rows of each column are joined to runs, and a run to the same one in the column before.
    """
    rows_by_column: dict[int, set[int]] = defaultdict(set)
    for address in addresses:
        row, column = from_a1(address)
        rows_by_column[column].add(row)
    # First and last row of a rectangle that reaches the column before, by the column where it begins.
    open_rectangles: dict[tuple[int, int], int] = {}
    rectangles: list[str] = []
    last_column = -1
    for column in sorted(rows_by_column):
        runs = list_runs(rows_by_column[column])
        going_on = {run: open_rectangles.get(run, column) if column == last_column + 1 else column for run in runs}
        rectangles += _close_rectangles(open_rectangles, going_on, last_column)
        open_rectangles, last_column = going_on, column
    rectangles += _close_rectangles(open_rectangles, {}, last_column)
    return ", ".join(rectangles)


def list_runs(rows: Iterable[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of rows that follow each other: of 1, 2, 3, 7 (1, 3) and (7, 7)."""
    runs: list[tuple[int, int]] = []
    for row in sorted(rows):
        if runs and runs[-1][1] == row - 1:
            runs[-1] = (runs[-1][0], row)
        else:
            runs.append((row, row))
    return runs


def _close_rectangles(
    open_rectangles: dict[tuple[int, int], int], going_on: dict[tuple[int, int], int], last_column: int
) -> list[str]:
    """Return the rectangles that do not go on beyond ``last_column``."""
    closed = []
    for (first_row, last_row), first_column in open_rectangles.items():
        if going_on.get((first_row, last_row)) != first_column:
            first, last = a1(first_row, first_column), a1(last_row, last_column)
            closed.append(first if first == last else f"{first}:{last}")
    return closed
