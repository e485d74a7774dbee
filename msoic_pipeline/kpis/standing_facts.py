"""The facts that a term sums in a period, as they stood on a day: what a trace names and a claim's own term adds up.

``steps`` sums the same facts for all days at once; here they are found for one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.terms import Term
from msoic_pipeline.model.evidence import vintage
from msoic_pipeline.model.vintages import join_vintage
from msoic_pipeline.periods import periods


@dataclass(frozen=True)
class PeriodAsAt:
    """The days of a period, from the first to the last, and the day as at which it is looked at (None: today)."""

    first: dt.date
    last: dt.date
    as_at: dt.date | None = None


class ReportedFact(Protocol):
    """What a reporter says of a month or quarter, which begins on ``period_start``."""

    @property
    def reporter(self) -> str:
        """Who sent the file; empty where one file holds all reporters."""

    @property
    def period_start(self) -> dt.date:
        """The first day of the month or quarter."""


AnyReported = TypeVar("AnyReported", bound=ReportedFact)


@dataclass(frozen=True)
class CoveredPeriod:
    """A month or quarter that a release covers, whatever it lists of it."""

    reporter: str
    period_start: dt.date
    release_id: str


def stood_on(day: dt.date | None) -> sa.ColumnElement[bool]:
    """Return the condition that a vintage was the latest on a day; without one, that it is the latest today."""
    if day is None:
        return vintage.c.superseded_on.is_(None)
    return sa.and_(
        vintage.c.published_on <= day, sa.or_(vintage.c.superseded_on.is_(None), vintage.c.superseded_on > day)
    )


def select_standing_facts(term: Term, period_as_at: PeriodAsAt) -> sa.Select[Any]:
    """Return the query of the facts that a term sums, in no order: ``reporter``, ``period_start`` and ``value``.

    The fact and its vintage are joined in it, so that more of their columns can be asked for.
    """
    fact = term.table
    start = fact.c[term.period_column]
    return (
        sa.select(vintage.c.reporter, start.label("period_start"), term.measure_column.label("value"))
        .join_from(fact, vintage, join_vintage(fact, fact))
        .where(
            stood_on(period_as_at.as_at),
            fact.c.quarter_start.in_(list(periods("quarter", period_as_at.first, period_as_at.last))),
            start.between(period_as_at.first, period_as_at.last),
            term.measure_column.is_not(None),
            *term.conditions(),
        )
    )


def find_covered_periods(connection: Connection, term: Term, period_as_at: PeriodAsAt) -> list[CoveredPeriod]:
    """Return the months or quarters of a period that releases of a term's table cover, whatever they list."""
    query = sa.select(vintage.c.reporter, vintage.c.period_start, vintage.c.release_id).where(
        stood_on(period_as_at.as_at),
        vintage.c.fact == term.fact,
        vintage.c.breakdown == term.breakdown,
        vintage.c.period_start.between(period_as_at.first, period_as_at.last),
    )
    return [CoveredPeriod(row.reporter, row.period_start, row.release_id) for row in connection.execute(query)]


def keep_last_of_each_reporter(
    connection: Connection, term: Term, period_as_at: PeriodAsAt, facts: Iterable[AnyReported]
) -> list[AnyReported]:
    """Return, of a term's facts in a period, those of the last month or quarter that each reporter has reported.

    Where a row that is not there is missing, that is the last of which the reporter has a row; where it means zero, the
    last that its releases cover.

    Example: Kent lists 2 investigations of domestic exploitation in April, and in June others alone. In the quarter
    Kent's last are none, since June is reported and lists none; were a row that is not there missing, they would be 2.
    """
    facts = list(facts)
    reported: Iterable[ReportedFact] = facts
    if term.counts_unlisted_as_zero:
        reported = find_covered_periods(connection, term, period_as_at)
    last = find_last_starts(reported)
    return [fact for fact in facts if fact.period_start == last[fact.reporter]]


def find_last_starts(reported: Iterable[ReportedFact]) -> dict[str, dt.date]:
    """Return, by reporter, the first day of the last month or quarter that is reported."""
    last: dict[str, dt.date] = {}
    for each in reported:
        last[each.reporter] = max(each.period_start, last.get(each.reporter, each.period_start))
    return last
