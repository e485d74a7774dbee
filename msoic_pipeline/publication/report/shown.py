"""The figures of a KPI as the report shows them: as known on a day, without what is kept back, and with their marks."""

from __future__ import annotations

import copy
import datetime as dt
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.disclosure import NationalValue
from msoic_pipeline.kpis.kept_back import find_values_kept_back
from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.model.geography import NATIONAL, GeographyKey
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import period_end
from msoic_pipeline.publication.marks import (
    INCOMPLETE,
    KEPT_BACK,
    NOT_AVAILABLE,
    NOT_SETTLED,
    PROVISIONAL,
    UNFINISHED,
    Mark,
)
from msoic_pipeline.publication.value_words import tell_value
from msoic_pipeline.signals.compute import JudgedValue, judge_kpi
from msoic_pipeline.signals.growing import find_growing_quarters, holds_growing_quarter

# A figure of a period that ended longer ago than this is old: also of a yearly series that comes half a year after its
# year a newer one should be there.
DAYS_UNTIL_OLD = 550
# A figure with one of these is not all that it will be.
MARKS_OF_PARTS = frozenset({INCOMPLETE, NOT_SETTLED, UNFINISHED})


@dataclass(frozen=True)
class ShownFigure:
    """A KPI value as the report shows it, with the marks that stand beside it.

    What is kept back or missing has no ``value``. ``known_on`` is the day as known on which it stands, where that is
    not the report's.
    """

    kpi: Kpi = field(repr=False)
    known: KnownValue
    marks: tuple[Mark, ...]
    known_on: dt.date | None = None

    @property
    def value(self) -> float | None:
        """The figure; None where it is kept back or missing."""
        return None if KEPT_BACK in self.marks else self.known.value

    @property
    def period_start(self) -> dt.date:
        """The first day of its period."""
        return self.known.period_start

    @property
    def period_label(self) -> str:
        """The label of its period."""
        return self.known.period_label

    @property
    def is_whole(self) -> bool:
        """Whether the figure is all that it will be: it can be compared with others."""
        return self.value is not None and MARKS_OF_PARTS.isdisjoint(self.marks)

    @property
    def words(self) -> str:
        """The figure in words, such as ``3,330``, ``27.3%`` or ``£975,988``, without its marks."""
        return "–" if self.value is None else tell_value(self.value, self.kpi.unit)

    @property
    def name(self) -> str:
        """What the figure is called among all of a report: its KPI, period and geography, and an earlier day."""
        name = f"{self.known.kpi_id} {self.known.period_label} {self.known.geography_code}"
        return name if self.known_on is None else f"{name} {self.known_on}"


class FigureReader:
    """Reads the figures of KPIs as known on a day (None: today), each KPI once.

    ``today`` is the day up to which a period must be over to be finished. ``shows_returns`` is for internal pages
    alone: of returns the figures below the nation are read too.
    """

    def __init__(
        self, connection: Connection, as_at: dt.date | None, today: dt.date, *, shows_returns: bool = False
    ) -> None:
        self._shows_returns = shows_returns
        # The geography of which series are read; None: the nation that a KPI is of.
        self._geography: GeographyKey | None = None
        self._connection = connection
        self._as_at = as_at
        self._known_on = as_at or today
        # The growing quarters of each KPI, by the day as known on which they grow.
        self._growing: dict[dt.date, dict[str, set[dt.date]]] = {
            self._known_on: find_growing_quarters(connection, as_at)
        }
        self._read: dict[str, list[ShownFigure]] = {}
        self._kept_back = find_values_kept_back(connection, as_at)

    @property
    def known_on(self) -> dt.date:
        """The day as known on which figures are read."""
        return self._known_on

    def read_at(self, geography_kind: str, geography_code: str) -> FigureReader:
        """Return a reader of the series of a geography, which shares with this one what has been read."""
        reader = copy.copy(self)
        reader._geography = GeographyKey(geography_kind, geography_code)
        return reader

    def is_old(self, figure: ShownFigure) -> bool:
        """Whether a figure is of a period so long ago that a later one should be held."""
        return _is_old(figure.known.period_kind, figure.period_start, self._known_on)

    def read_kpi(self, kpi: Kpi) -> list[ShownFigure]:
        """Return all figures of a KPI that may be shown; of returns none below the nation, but for internal pages."""
        if kpi.kpi_id not in self._read:
            values = find_known_values(self._connection, kpi.kpi_id, as_at=self._as_at)
            shows_all = self._shows_returns or not kpi.is_sensitive
            may_show = [value for value in values if shows_all or value.geography_kind == NATIONAL]
            self._read[kpi.kpi_id] = [ShownFigure(kpi, value, self._mark(kpi, value)) for value in may_show]
        return self._read[kpi.kpi_id]

    def read_series(self, kpi: Kpi, period_kind: str, since: dt.date | None = None) -> list[ShownFigure]:
        """Return the figures of a kind of period, of the nation or of this reader's geography, in order of time."""
        return [
            figure
            for figure in self.read_kpi(kpi)
            if self._is_of_geography(figure)
            and figure.known.period_kind == period_kind
            and (since is None or figure.period_start >= since)
        ]

    def read_places(self, kpi: Kpi, period_kind: str, geography_kind: str) -> list[ShownFigure]:
        """Return the figures of the latest period that has any whole one, of all places of a kind."""
        figures = [
            figure
            for figure in self.read_kpi(kpi)
            if figure.known.geography_kind == geography_kind and figure.known.period_kind == period_kind
        ]
        starts = [figure.period_start for figure in figures if figure.is_whole]
        return [figure for figure in figures if starts and figure.period_start == max(starts)]

    def judge_series(self, kpi: Kpi, period_kind: str) -> dict[str, JudgedValue]:
        """Return what of the series of a KPI that ``read_series`` returns can be judged, by the label of the period."""
        series = self.read_series(kpi, period_kind)
        values = [figure.known for figure in series if figure.value is not None]
        growing = self._growing[self._known_on].get(kpi.kpi_id, set())
        return {judged.known.period_label: judged for judged in judge_kpi(kpi, values, growing)}

    def _is_of_geography(self, figure: ShownFigure) -> bool:
        """Whether a figure is of the geography of which series are read."""
        if self._geography is None:
            return figure.known.geography_kind == NATIONAL
        return GeographyKey(figure.known.geography_kind, figure.known.geography_code) == self._geography

    def show_earlier(self, kpi: Kpi, value: KnownValue, known_on: dt.date) -> ShownFigure:
        """Return a value of an open KPI as it was known on an earlier day. Raises ValueError for a sensitive one."""
        if kpi.is_sensitive:
            raise ValueError(f"{kpi.kpi_id} rests on returns: what two days differ by would tell them")
        return ShownFigure(kpi, value, self._mark(kpi, value, known_on), known_on)

    def _mark(self, kpi: Kpi, value: KnownValue, known_on: dt.date | None = None) -> tuple[Mark, ...]:
        """Return the marks that stand beside a value, as known on a day (None: the report's)."""
        end = period_end(value.period_kind, value.period_start)
        is_over = end < (known_on or self._known_on)
        national = NationalValue(value.kpi_id, value.period_kind, value.period_start)
        marks = {
            KEPT_BACK: value.geography_kind == NATIONAL and national in self._kept_back,
            NOT_AVAILABLE: value.value is None,
            UNFINISHED: not is_over,
            INCOMPLETE: value.status == "incomplete" and is_over,
            NOT_SETTLED: self._holds_growing_quarter(kpi, value, known_on),
            PROVISIONAL: kpi.is_provisional,
        }
        for mark in (KEPT_BACK, NOT_AVAILABLE):
            # Of a figure that is not there nothing else is to be known.
            if marks[mark]:
                return (mark,)
        return tuple(mark for mark, stands in marks.items() if stands)

    def _holds_growing_quarter(self, kpi: Kpi, value: KnownValue, known_on: dt.date | None) -> bool:
        """Whether a value is of a period with a quarter that was growing, as known on a day (None: the report's)."""
        day = known_on or self._known_on
        if day not in self._growing:
            self._growing[day] = find_growing_quarters(self._connection, day)
        quarters = self._growing[day].get(kpi.kpi_id, set())
        return holds_growing_quarter(value.period_kind, value.period_start, quarters)


def digest_ages(connection: Connection, known_on: dt.date) -> str:
    """Return what changes by a day's passing: how many of the periods with figures have become old."""
    query = sa.select(kpi_value.c.period_kind, kpi_value.c.period_start).distinct()
    return str(sum(_is_old(row.period_kind, row.period_start, known_on) for row in connection.execute(query)))


def _is_old(period_kind: str, period_start: dt.date, day: dt.date) -> bool:
    return (day - period_end(period_kind, period_start)).days > DAYS_UNTIL_OLD
