"""Which national values of KPIs are kept back as known on a day: read from the warehouse, judged by ``disclosure``."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.disclosure import CountedValue, NationalValue, find_kept_back
from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.kpis.standing_facts import CoveredPeriod, PeriodAsAt, find_covered_periods, find_last_starts
from msoic_pipeline.kpis.terms import Term
from msoic_pipeline.periods import period_end, periods

# The returns of a term, by the first day of their month or quarter.
ReturnsByStart = dict[dt.date, list[CoveredPeriod]]


def find_values_kept_back(connection: Connection, as_at: dt.date | None = None) -> set[NationalValue]:
    """Return the national values that nobody may be shown, as known on a day (None: today)."""
    counted: list[CountedValue] = []
    for kpi in load_definitions():
        if kpi.is_sensitive:
            counted += _count_values(connection, kpi, as_at)
    return {value.national for value in find_kept_back(counted)}


def _count_values(connection: Connection, kpi: Kpi, as_at: dt.date | None) -> list[CountedValue]:
    """Return a KPI's national values, each with the returns that it is of."""
    values = find_known_values(connection, kpi.kpi_id, geographies=[kpi.national_geography], as_at=as_at)
    if not values:
        return []
    period_as_at = PeriodAsAt(min(value.period_start for value in values), max(map(_find_end, values)), as_at)
    returns_by_term = [(term, _read_returns(connection, term, period_as_at)) for term in kpi.terms]
    return [
        CountedValue(
            national=NationalValue(value.kpi_id, value.period_kind, value.period_start),
            received=value.parts_received,
            expected=value.parts_expected,
            returns_of_terms=tuple(
                _list_returns_of_value(kpi, value, term, returns) for term, returns in returns_by_term
            ),
        )
        for value in values
    ]


def _find_end(value: KnownValue) -> dt.date:
    return period_end(value.period_kind, value.period_start)


def _read_returns(connection: Connection, term: Term, period_as_at: PeriodAsAt) -> ReturnsByStart:
    """Return the returns of a term that stood on the day, of which each reporter sends its own."""
    returns: ReturnsByStart = defaultdict(list)
    for covered in find_covered_periods(connection, term, period_as_at):
        returns[covered.period_start].append(covered)
    return returns


def _list_returns_of_value(
    kpi: Kpi, value: KnownValue, term: Term, returns: ReturnsByStart
) -> frozenset[CoveredPeriod]:
    """Return the returns that a value is of: all of its period, of a stock each reporter's last."""
    starts = periods(term.finest_period, value.period_start, _find_end(value))
    in_period = [each for start in starts for each in returns.get(start, ())]
    return frozenset(_keep_last(in_period) if kpi.is_stock else in_period)


def _keep_last(returns: Sequence[CoveredPeriod]) -> Iterable[CoveredPeriod]:
    last = find_last_starts(returns)
    return (each for each in returns if each.period_start == last[each.reporter])
