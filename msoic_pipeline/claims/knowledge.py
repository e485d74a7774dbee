"""What was known on a day: the figure that a measure had in a period, and the releases that it rests on.

For example, of ``nrm_referrals`` in 2021: a first release said on 3 March 2022 12,727, and a later one on 7 March 2024
12,700. As known on 31 July 2022 the figure is 12,727 and rests on the first release; as known today it is 12,700.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.claims.known_figures import KnownFigure, add_figures
from msoic_pipeline.claims.kpi_figures import EarlierFigure, KpiFigures
from msoic_pipeline.claims.measures import Measure
from msoic_pipeline.claims.period import Period
from msoic_pipeline.claims.term_figures import find_releases_covering, find_releases_summed, sum_term
from msoic_pipeline.kpis.disclosure import CountedReturns, are_too_few_to_differ, tells_a_return
from msoic_pipeline.kpis.standing_facts import PeriodAsAt
from msoic_pipeline.kpis.terms import Term
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.geography import NATIONAL, GeographyKey, select_forces_of
from msoic_pipeline.periods import PERIOD_MONTHS

# What is asked: a measure, a period and a geography, in words.
Question = tuple[str, Period | None, str]


@dataclass(frozen=True, order=True)
class UnderlyingRelease:
    """A release that a figure rests on."""

    source: str
    published_on: dt.date
    release_id: str
    is_synthetic: bool
    reporter: str


class Knowledge:
    """What was known on the day ``as_at``. Nothing is asked for twice.

    ``later`` is what is known on a later day, if its figures are shown beside those of this one.
    """

    def __init__(self, connection: Connection, as_at: dt.date, later: Knowledge | None = None) -> None:
        self.as_at = as_at
        self._later = later
        self._connection = connection
        self._kpi_figures = KpiFigures(connection, as_at)
        self._figures: dict[Question, KnownFigure] = {}
        self._releases: dict[Question, frozenset[UnderlyingRelease]] = {}

    # --- Figures -----------------------------------------------------------------------------------------------------

    def find_figure(self, measure: Measure, period: Period | None, geography: str) -> KnownFigure:
        """Return the figure of a measure; shares are in percent."""
        question = (measure.model_dump_json(), period, geography)
        if question not in self._figures:
            self._figures[question] = self._compute_figure(measure, period, geography)
        return self._figures[question]

    def _compute_figure(self, measure: Measure, period: Period | None, geography: str) -> KnownFigure:
        if measure.members:
            return self._count_members(measure)
        assert period is not None
        if measure.term:
            (counted,) = measure.terms
            return sum_term(self._connection, counted, period, self.as_at)
        return add_figures([self._kpi_figures.find_figure(kpi, period, geography) for kpi in measure.kpis])

    def _count_members(self, measure: Measure) -> KnownFigure:
        columns = measure.dimension.columns
        conditions = [condition.holds(columns[name]) for name, condition in measure.where.items()]
        number = self._connection.scalar(sa.select(sa.func.count()).select_from(measure.dimension).where(*conditions))
        return KnownFigure(float(number or 0))

    def find_earlier_figures(self, measure: Measure, period: Period | None, geography: str) -> list[EarlierFigure]:
        """Return what a KPI's national figure was before it was revised, latest first; of anything else nothing."""
        is_one_value = len(measure.kpi) == 1 and period is not None and period.is_single
        if not is_one_value or measure.is_share or geography != NATIONAL:
            return []
        assert period is not None
        return self._kpi_figures.find_earlier_figures(measure.kpis[0], period)

    # --- What may be shown -------------------------------------------------------------------------------------------

    def tells_a_return(self, measure: Measure, period: Period) -> bool:
        """Return whether a measure's national figure of returns would tell what a reporter or two returned.

        It may do so on its day, or beside the figure of the later day, by what was returned between the two.
        """
        return self._tells_a_return_on_its_day(measure, period) or self._tells_a_return_beside_later(measure, period)

    def _tells_a_return_beside_later(self, measure: Measure, period: Period) -> bool:
        if self._later is None:
            return False
        releases = self.find_releases(measure, period, NATIONAL)
        later_releases = self._later.find_releases(measure, period, NATIONAL)
        return are_too_few_to_differ({each.reporter for each in releases ^ later_releases})

    def _tells_a_return_on_its_day(self, measure: Measure, period: Period) -> bool:
        """Return whether a KPI's figure tells a return beside all others, as in the exports, or a term's by itself."""
        if not measure.term:
            return any(self._kpi_figures.is_kept_back(kpi, period) for kpi in measure.kpis)
        figure = self.find_figure(measure, period, NATIONAL)
        returns = CountedReturns(
            figure.received,
            figure.expected,
            measure.is_stock,
            months=PERIOD_MONTHS[period.kind] * len(period.starts),
            months_of_return=PERIOD_MONTHS[measure.term.finest_period],
        )
        return tells_a_return(returns)

    # --- Releases ----------------------------------------------------------------------------------------------------

    def find_releases(self, measure: Measure, period: Period | None, geography: str) -> frozenset[UnderlyingRelease]:
        """Return the releases that a figure rests on: those whose tables it is taken from."""
        question = (measure.model_dump_json(), period, geography)
        if question not in self._releases:
            ids = self._find_release_ids(measure, period, geography) if period else set()
            self._releases[question] = frozenset(self._all_releases[release_id] for release_id in ids)
        return self._releases[question]

    def _find_release_ids(self, measure: Measure, period: Period, geography: str) -> set[str]:
        period_as_at = PeriodAsAt(period.first, period.end, self.as_at)
        ids: set[str] = set()
        for counted in measure.terms:
            if measure.term:
                ids |= find_releases_summed(self._connection, counted, period_as_at)
            else:
                reporters = self._find_reporters(counted.term, measure.kpis[0].find_geography(geography))
                ids |= find_releases_covering(self._connection, counted, period_as_at, reporters)
        return ids

    def _find_reporters(self, term: Term, geography: GeographyKey) -> Iterable[str] | None:
        """Return whose files a geography's figures of a term stand in; None where in those of all.

        Below the nation they are those of its forces, where each force sends a file of its own; where one file holds
        all forces or areas it is that one.
        """
        if geography.kind == NATIONAL or not term.reporters.have_own_files:
            return None
        return self._connection.scalars(select_forces_of(geography))

    @cached_property
    def _all_releases(self) -> dict[str, UnderlyingRelease]:
        columns = [release.c[each.name] for each in fields(UnderlyingRelease)]
        rows = self._connection.execute(sa.select(*columns)).mappings()
        return {row["release_id"]: UnderlyingRelease(**row) for row in rows}
