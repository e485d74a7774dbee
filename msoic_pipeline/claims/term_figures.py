"""The figures of terms that are no KPI's: summed from the facts, as they stood on a day."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Set
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.claims.known_figures import NOTHING, KnownFigure
from msoic_pipeline.claims.period import Period
from msoic_pipeline.kpis.standing_facts import (
    PeriodAsAt,
    find_covered_periods,
    find_last_starts,
    keep_last_of_each_reporter,
    select_standing_facts,
)
from msoic_pipeline.kpis.terms import Term, TermOverTime
from msoic_pipeline.model.evidence import coverage
from msoic_pipeline.model.geography import PUBLISHER, place_column
from msoic_pipeline.periods import periods

# A term's sums by reporter and by month or quarter.
SumsByReporter = dict[str, dict[dt.date, float]]


@dataclass(frozen=True)
class ReportedSum:
    """What a release says of a term in a reporter's month or quarter, which begins on ``period_start``."""

    reporter: str
    period_start: dt.date
    release_id: str
    value: float


def sum_term(connection: Connection, counted: TermOverTime, period: Period, as_at: dt.date) -> KnownFigure:
    """Return a term's figure: the sum of all months or quarters, or the sum of each reporter's last.

    Example: in a quarter A reports 9 for April and 14 for June, B 5 for each month, and C, who is due too, nothing. The
    sum is 38, of 5 of 9 reports; where a month without a row counts as zero, of 6 of 9, as long as A's release covers
    May. A stock is 14 + 5 = 19, of 2 of 3 reports.
    """
    term, period_as_at = counted.term, PeriodAsAt(period.first, period.end, as_at)
    sums: SumsByReporter = defaultdict(lambda: defaultdict(float))
    for reported in find_reported_sums(connection, term, period_as_at):
        sums[reported.reporter][reported.period_start] += reported.value
    if term.counts_unlisted_as_zero:
        sums = _add_zeros(connection, sums, term, period_as_at)
    if not any(sums.values()):
        return NOTHING
    # Where one file holds all forces or areas, whoever files are of counts for one.
    due = _find_due_reporters(connection, term) if term.reporters.have_own_files else set(sums)
    starts = list(periods(term.finest_period, period_as_at.first, period_as_at.last))
    if counted.is_stock:
        return _sum_last_of_each_reporter(sums, due, starts[-1])
    value = sum(sum(by_start.values()) for by_start in sums.values())
    received = sum(len(by_start) for reporter, by_start in sums.items() if reporter in due)
    return KnownFigure(value, received, len(starts) * len(due))


def _find_due_reporters(connection: Connection, term: Term) -> set[str]:
    """Return who has to send a file of its own to a term's source, as far as the term is of them.

    Of a term with ``dim_force.name: Kent`` that is Kent alone.
    """
    query = sa.select(coverage.c.reporter).where(coverage.c.source == term.source, coverage.c.expected).distinct()
    place = place_column(term.table)
    for name, condition in term.where.items():
        column = term.find_column(name)
        if column.own is place:
            query = query.where(condition.holds(coverage.c.reporter, column.attribute))
    return set(connection.scalars(query))


def _add_zeros(connection: Connection, sums: SumsByReporter, term: Term, period_as_at: PeriodAsAt) -> SumsByReporter:
    """Return a term's sums with a zero where a release covers a month or quarter and lists nothing of it.

    Who sends a file of its own and lists nothing in it says that there was none.
    """
    covered: dict[str, set[dt.date]] = defaultdict(set)
    for each in find_covered_periods(connection, term, period_as_at):
        covered[each.reporter].add(each.period_start)
    reporters = set(sums)
    if term.reporters.have_own_files:
        reporters |= _find_due_reporters(connection, term) & set(covered)
    # A publisher that lists nothing at all in the period still says so; who else has no row may not have reported.
    elif term.reporters.dimension == PUBLISHER and covered and not reporters:
        reporters = {""}
    return {
        reporter: {start: sums.get(reporter, {}).get(start, 0.0) for start in covered[reporter]}
        for reporter in sorted(reporters)
    }


def _sum_last_of_each_reporter(sums: SumsByReporter, due: Set[str], last_start: dt.date) -> KnownFigure:
    """Return the sum of each reporter's last value; received are those due that are of the period's last month."""
    last = {reporter: max(by_start) for reporter, by_start in sums.items() if by_start}
    value = sum(sums[reporter][start] for reporter, start in last.items())
    received = sum(start == last_start for reporter, start in last.items() if reporter in due)
    return KnownFigure(value, received, len(due))


def find_reported_sums(connection: Connection, term: Term, period_as_at: PeriodAsAt) -> list[ReportedSum]:
    """Return the sums of a term by month or quarter, reporter and release."""
    facts = select_standing_facts(term, period_as_at).add_columns(term.table.c.release_id).subquery("standing_fact").c
    keys = (facts.period_start, facts.reporter, facts.release_id)
    query = sa.select(*keys, sa.func.sum(facts.value).label("value")).group_by(*keys).order_by(*keys)
    return [
        ReportedSum(row.reporter, row.period_start, row.release_id, float(row.value))
        for row in connection.execute(query)
    ]


def find_releases_summed(connection: Connection, counted: TermOverTime, period_as_at: PeriodAsAt) -> set[str]:
    """Return the releases that a term's figure rests on: those that list something of it, else those that cover it.

    A stock may rest on a last release that lists nothing of it, which means none.
    """
    listing = find_reported_sums(connection, counted.term, period_as_at)
    is_last_perhaps_unlisted = counted.is_stock and counted.term.counts_unlisted_as_zero
    if not listing or is_last_perhaps_unlisted:
        reporters = {each.reporter for each in listing} or None
        return find_releases_covering(connection, counted, period_as_at, reporters)
    if counted.is_stock:
        listing = keep_last_of_each_reporter(connection, counted.term, period_as_at, listing)
    return {each.release_id for each in listing}


def find_releases_covering(
    connection: Connection, counted: TermOverTime, period_as_at: PeriodAsAt, reporters: Iterable[str] | None
) -> set[str]:
    """Return the releases whose tables a term's figure is taken from: of some ``reporters``, or of all (None)."""
    covered = find_covered_periods(connection, counted.term, period_as_at)
    if reporters is not None:
        wanted = set(reporters)
        covered = [each for each in covered if each.reporter in wanted]
    if counted.is_stock:
        last = find_last_starts(covered)
        covered = [each for each in covered if each.period_start == last[each.reporter]]
    return {each.release_id for each in covered}
