"""What was known on a day: the figure that a measure had in a period, and the releases that it rests on.

For example, of ``nrm_referrals`` in 2021: a first release said on 3 March 2022 12,727, and a later one on 7 March 2024
12,700. As known on 31 July 2022 the figure is 12,727 and rests on the first release; as known today it is 12,700.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.claims.measures import ClaimedMeasure, Period
from msoic_pipeline.kpis.definitions import Kpi, Term, load_definitions
from msoic_pipeline.kpis.known_values import KnownValue, known_values
from msoic_pipeline.kpis.lineage import was_latest
from msoic_pipeline.model.evidence import release, vintage
from msoic_pipeline.model.geography import force_codes_of
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import periods


@dataclass(frozen=True)
class KnownFigure:
    """A figure: ``value`` is None where there is none; ``received`` and ``expected`` are the reports that it rests on.

    They are those of the period of which fewest were received, where it is of several.
    """

    value: float | None
    received: int = 0
    expected: int = 0

    @property
    def share_received(self) -> float:
        """The share of the reports due that had been received."""
        return self.received / self.expected if self.expected else 1.0


NOTHING = KnownFigure(None)


@dataclass(frozen=True)
class EarlierFigure:
    """What a figure was before it was revised, and the day from which it was known."""

    since: dt.date
    value: float


@dataclass(frozen=True, order=True)
class UnderlyingRelease:
    """A release that a figure rests on."""

    source: str
    published_on: dt.date
    release_id: str
    is_synthetic: bool


@dataclass(frozen=True)
class _Reported:
    """What a release says of a reporter's month or quarter, which begins on ``start``."""

    reporter: str
    start: dt.date
    release_id: str
    value: float = 0.0


class Knowledge:
    """What was known on the day ``as_at``. Nothing is asked for twice."""

    def __init__(self, connection: Connection, as_at: dt.date) -> None:
        self.as_at = as_at
        self._connection = connection
        self._kpis: dict[tuple[str, str], dict[tuple[str, dt.date], KnownValue]] = {}
        self._figures: dict[str, KnownFigure] = {}
        self._releases: dict[str, frozenset[UnderlyingRelease]] = {}

    # --- Figures -----------------------------------------------------------------------------------------------------

    def figure(self, measure: ClaimedMeasure, period: Period | None, geography: str) -> KnownFigure:
        """Return the figure of a measure; shares are in percent."""
        question = f"{measure.model_dump_json()} {period} {geography}"
        if question not in self._figures:
            self._figures[question] = self._find_figure(measure, period, geography)
        return self._figures[question]

    def _find_figure(self, measure: ClaimedMeasure, period: Period | None, geography: str) -> KnownFigure:
        if measure.members:
            return self._count_members(measure)
        assert period is not None
        if measure.term:
            return self._sum_term(measure.term, measure.over_time, period)
        return _add_figures([self._find_kpi(kpi, period, geography) for kpi in _kpis_named(measure.kpi)])

    def _count_members(self, measure: ClaimedMeasure) -> KnownFigure:
        columns = measure.dimension.columns
        conditions = [condition.holds(columns[name]) for name, condition in measure.where.items()]
        number = self._connection.scalar(sa.select(sa.func.count()).select_from(measure.dimension).where(*conditions))
        return KnownFigure(float(number or 0))

    def _find_kpi(self, kpi: Kpi, period: Period, geography: str) -> KnownFigure:
        """Return a KPI's figure; of several periods their sum, of a stock the last, of a share that of their sums."""
        values = self._values_of_kpi(kpi.kpi_id, geography)
        starts = [period.last] if kpi.over_time == "last" else period.starts
        rows = [values[period.kind, start] for start in starts if (period.kind, start) in values]
        values_known = [row.value for row in rows if row.value is not None]
        if len(values_known) < len(starts):
            return NOTHING
        value = sum(values_known)
        if kpi.denominator:
            numerators = [row.numerator for row in rows if row.numerator is not None]
            denominators = [row.denominator for row in rows if row.denominator is not None]
            value = sum(numerators) / sum(denominators)
        if kpi.unit == "share":
            value *= 100.0
        least = min(rows, key=lambda row: row.parts_received / max(row.parts_expected, 1))
        return KnownFigure(value, least.parts_received, least.parts_expected)

    def _values_of_kpi(self, kpi_id: str, geography: str) -> dict[tuple[str, dt.date], KnownValue]:
        """Return the rows of ``kpi_value`` as known on the day, by kind and first day of the period."""
        if (kpi_id, geography) not in self._kpis:
            rows = known_values(self._connection, kpi_id, geography=geography, as_at=self.as_at)
            self._kpis[kpi_id, geography] = {(row.period_kind, row.period_start): row for row in rows}
        return self._kpis[kpi_id, geography]

    def _sum_term(self, term: Term, over_time: str, period: Period) -> KnownFigure:
        """Return a term's figure: the sum of all months or quarters, or the sum of each reporter's last.

        Example: in a quarter A reports 9 for April and 14 for June, B 5 for each month. The sum is 38, of 5 of 6
        reports; where a month without a row counts as zero, of 6 of 6, as long as A's release covers May. A stock is 14
        + 5 = 19, of 2 of 2 reports.
        """
        values: dict[str, dict[dt.date, float]] = defaultdict(lambda: defaultdict(float))
        for reported in self._reported_values(term, period):
            values[reported.reporter][reported.start] += reported.value
        starts = list(periods(term.grain, period.first, period.end))
        if over_time == "last":
            return _add_last(values, starts[-1])
        if term.missing_row == "zero":
            values = self._with_zeros(values, term, period)
        if not any(values.values()):
            return NOTHING
        value = sum(sum(by_start.values()) for by_start in values.values())
        return KnownFigure(value, sum(map(len, values.values())), len(starts) * len(values))

    def _with_zeros(
        self, values: dict[str, dict[dt.date, float]], term: Term, period: Period
    ) -> dict[str, dict[dt.date, float]]:
        """Return a term's values by reporter and month or quarter, zero where a release covers it and lists nothing."""
        covered: dict[str, set[dt.date]] = defaultdict(set)
        for reported in self._reports_covered_by_term(term, period):
            covered[reported.reporter].add(reported.start)
        reporters = list(values)
        # A publisher that lists nothing at all in the period still says so; who else has no row may not have reported.
        if term.reporters.dimension == "publisher" and covered and not reporters:
            reporters = [""]
        return {
            reporter: {start: values.get(reporter, {}).get(start, 0.0) for start in covered.get(reporter, set())}
            for reporter in reporters
        }

    # --- Releases ----------------------------------------------------------------------------------------------------

    def releases(self, measure: ClaimedMeasure, period: Period | None, geography: str) -> frozenset[UnderlyingRelease]:
        """Return the releases that a figure rests on: those whose tables it is taken from."""
        question = f"{measure.model_dump_json()} {period} {geography}"
        if question not in self._releases:
            ids = self._find_release_ids(measure, period, geography) if period else set()
            self._releases[question] = frozenset(self._all_releases[release_id] for release_id in ids)
        return self._releases[question]

    def _find_release_ids(self, measure: ClaimedMeasure, period: Period, geography: str) -> set[str]:
        ids: set[str] = set()
        for term, over_time in measure.terms:
            reported = self._reported_values(term, period) if measure.term else []
            if not reported:
                reported = self._reports_covered_by_term(term, period, geography)
            if over_time == "last":
                last = _last_starts((each.reporter, each.start) for each in reported)
                reported = [each for each in reported if each.start == last[each.reporter]]
            ids |= {each.release_id for each in reported}
        return ids

    @cached_property
    def _all_releases(self) -> dict[str, UnderlyingRelease]:
        columns = (release.c.source, release.c.published_on, release.c.release_id, release.c.is_synthetic)
        return {row.release_id: UnderlyingRelease(*row) for row in self._connection.execute(sa.select(*columns))}

    # --- What was reported -------------------------------------------------------------------------------------------

    def _reported_values(self, term: Term, period: Period) -> list[_Reported]:
        """Return the sums of a term by month or quarter, reporter and release, as known on the day."""
        fact = term.table
        start = fact.c[f"{term.grain}_start"]
        sums = (
            sa.select(start.label("start"), fact.c.release_id, sa.func.sum(term.figure).label("value"))
            .where(fact.c.quarter_start.in_(list(periods("quarter", period.first, period.end))))
            .where(start.between(period.first, period.end), term.figure.is_not(None), *term.conditions())
            .group_by(start, fact.c.release_id)
            .subquery()
        )
        vintage_of_sum = sa.and_(vintage.c.release_id == sums.c.release_id, vintage.c.period_start == sums.c.start)
        query = (
            sa.select(vintage.c.reporter, sums.c.start, sums.c.release_id, sums.c.value)
            .join_from(sums, vintage, vintage_of_sum)
            .where(vintage.c.fact == term.fact, vintage.c.breakdown == term.breakdown, was_latest(self.as_at))
            .order_by(sums.c.start, vintage.c.reporter, sums.c.release_id)
        )
        return [
            _Reported(row.reporter, row.start, row.release_id, float(row.value))
            for row in self._connection.execute(query)
        ]

    def _reports_covered_by_term(self, term: Term, period: Period, geography: str = "national") -> list[_Reported]:
        """Return the months or quarters that the releases of a term's table cover, by reporter, without its values.

        Of a geography below the nation they are those of the forces in it, where forces report.
        """
        query = sa.select(vintage.c.reporter, vintage.c.period_start, vintage.c.release_id).where(
            vintage.c.fact == term.fact,
            vintage.c.breakdown == term.breakdown,
            vintage.c.period_start.between(period.first, period.end),
            was_latest(self.as_at),
        )
        if term.reporters.dimension != "publisher" and geography != "national":
            query = query.where(vintage.c.reporter.in_(force_codes_of(geography)))
        return [_Reported(*row) for row in self._connection.execute(query)]

    # --- Vintages ----------------------------------------------------------------------------------------------------

    def earlier_figures(self, measure: ClaimedMeasure, period: Period | None, geography: str) -> list[EarlierFigure]:
        """Return what a KPI's national figure was before it was revised, latest first; of anything else nothing."""
        if len(measure.kpi) != 1 or period is None or not period.is_single:
            return []
        (kpi,) = measure.kpis
        if kpi.unit == "share" or geography != "national":
            return []
        value = kpi_value.c
        query = (
            sa.select(value.as_of, value.value)
            .where(value.kpi_id == kpi.kpi_id, value.period_kind == period.kind, value.period_start == period.first)
            .where(value.geography_kind == "national", value.as_of <= self.as_at, value.status == "complete")
            .order_by(value.as_of.desc())
        )
        vintages = [EarlierFigure(row.as_of, row.value) for row in self._connection.execute(query)]
        return vintages[1:]  # the first is the figure itself


def _kpis_named(kpi_ids: Iterable[str]) -> list[Kpi]:
    """Return KPIs in the order of their names."""
    kpis = {kpi.kpi_id: kpi for kpi in load_definitions()}
    return [kpis[kpi_id] for kpi_id in kpi_ids]


def _add_figures(figures: list[KnownFigure]) -> KnownFigure:
    """Return the sum of figures; nothing where one of them is missing."""
    values = [figure.value for figure in figures if figure.value is not None]
    if len(values) < len(figures):
        return NOTHING
    least = min(figures, key=lambda figure: figure.share_received)
    return KnownFigure(sum(values), least.received, least.expected)


def _add_last(values: dict[str, dict[dt.date, float]], last_start: dt.date) -> KnownFigure:
    """Return the sum of each reporter's last value; received are those that are of the period's last month."""
    if not values:
        return NOTHING
    last = _last_starts((reporter, start) for reporter, by_start in values.items() for start in by_start)
    value = sum(values[reporter][start] for reporter, start in last.items())
    return KnownFigure(value, sum(start == last_start for start in last.values()), len(last))


def _last_starts(starts: Iterable[tuple[str, dt.date]]) -> dict[str, dt.date]:
    """Return each reporter's last month or quarter."""
    last: dict[str, dt.date] = {}
    for reporter, start in starts:
        last[reporter] = max(start, last.get(reporter, start))
    return last
