"""Both sides of a comparison beside each other: the summands added up, for each thing that is compared.

Of Essex in 2022-Q1 (see ``summands``), ``outcomes_to_recorded_crime`` has:

    summands        left 1: 103, complete    right 1: 100, complete
    sides_by_item   left 103, right 100, of crime_outcomes-1 and recorded_crime-1
    …_received      Essex reported all of 2022-Q1 to either source
    compared        2022-Q1, E23000028: 103 against 100

Of a force that has no row in recorded crime the right side would be empty, and so would it of one of which a figure is
not complete or a report is missing: what is not known in full is compared with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.kpis.terms import Condition
from msoic_pipeline.model.compared_geography import select_compared_reporters
from msoic_pipeline.model.dimensions import dim_period, dim_quarter
from msoic_pipeline.model.evidence import coverage
from msoic_pipeline.model.geography import PUBLISHER, ReporterKind
from msoic_pipeline.periods import PERIOD_MONTHS
from msoic_pipeline.reconciliation.asked import LEFT, RIGHT, AskedComparison, SideName
from msoic_pipeline.reconciliation.compared_period import At, move_period
from msoic_pipeline.reconciliation.summands import collect_summands
from msoic_pipeline.workbooks.source import load_source

SIDES: tuple[SideName, SideName] = (LEFT, RIGHT)


@dataclass(frozen=True)
class ReportsDue:
    """What must have been received for a summand to be known: a source's reports ``at`` a period, of some forces."""

    source: str
    at: At
    force_code: Condition | None


def compare_sides(asked: AskedComparison) -> sa.CTE:
    """Return both sides of a comparison: ``compared``.

    Grain: period × geography × item × release or pair of releases. Columns: ``period_start``, ``period_label``,
    ``geography_code``, ``item``, ``left_release``, ``right_release``, ``quarter_start`` (with which the result is
    computed), ``left_value``, ``right_value``: empty where a side is not there or not known in full.
    """
    sides = add_summands_up(asked, collect_summands(asked))
    is_period = sa.and_(
        dim_period.c.period_kind == asked.period_kind, dim_period.c.period_start == sides.c.period_start
    )
    placed = _place_in_quarters(asked, sides, sides.join(dim_period, is_period))
    known = _know_in_full(asked, sides, placed.rows)
    return (
        sa.select(
            sides.c.period_start,
            dim_period.c.period_label,
            sides.c.geography_code,
            sides.c.item,
            sides.c.left_release,
            sides.c.right_release,
            placed.quarter_start.label("quarter_start"),
            known.left.label("left_value"),
            known.right.label("right_value"),
        )
        .select_from(known.rows)
        .cte("compared")
    )


@dataclass(frozen=True)
class _PlacedSides:
    """Sides with their period, and the quarter with which a result is computed."""

    rows: sa.FromClause
    quarter_start: sa.ColumnElement[Any]


def _place_in_quarters(asked: AskedComparison, sides: sa.CTE, rows: sa.FromClause) -> _PlacedSides:
    if asked.rule.compares_within_release:
        # Within a release a year can be a part of one: it belongs to the quarter of its last figure.
        return _PlacedSides(rows, sides.c.last_quarter)
    is_last_quarter = dim_period.c.period_end.between(dim_quarter.c.quarter_start, dim_quarter.c.quarter_end)
    return _PlacedSides(rows.join(dim_quarter, is_last_quarter), dim_quarter.c.quarter_start)


@dataclass(frozen=True)
class _KnownSides:
    """Sides, with the values of those that are known in full."""

    rows: sa.FromClause
    left: sa.ColumnElement[Any]
    right: sa.ColumnElement[Any]


def _know_in_full(asked: AskedComparison, sides: sa.CTE, rows: sa.FromClause) -> _KnownSides:
    """Return the values of both sides; of current figures empty ones where a report is missing."""
    due_by_side = {side: tuple(_list_reports_due(asked, side)) for side in SIDES if asked.rule.compares_latest}
    received = _find_received(asked, due_by_side)
    for periods_received in received.values():
        is_received = (column == sides.c[column.name] for column in periods_received.c)
        rows = rows.outerjoin(periods_received, sa.and_(*is_received))
    left, right = (
        _empty_unless_received(sides.c[f"{side}_value"], [received[due] for due in due_by_side.get(side, ())])
        for side in SIDES
    )
    return _KnownSides(rows, left, right)


def _find_received(
    asked: AskedComparison, due_by_side: Mapping[SideName, Sequence[ReportsDue]]
) -> dict[ReportsDue, sa.CTE]:
    """Return the periods of which every report was received, by what is due for either side: each once."""
    received: dict[ReportsDue, sa.CTE] = {}
    for due in dict.fromkeys(due for reports_due in due_by_side.values() for due in reports_due):
        received[due] = find_received_periods(asked, due, _name_received(due, received))
    return received


def _empty_unless_received(value: sa.ColumnElement[Any], received: Sequence[sa.CTE]) -> sa.ColumnElement[Any]:
    """Return a side's value, empty where a period that it rests on is not among those received."""
    for periods_received in received:
        value = sa.case((periods_received.c.period_start.is_not(None), value))
    return value


def add_summands_up(asked: AskedComparison, summands: sa.CTE) -> sa.CTE:
    """Return the sums of both sides: ``sides_by_item``.

    Grain: period × geography × item × release group. Columns: these, ``last_quarter`` (of the figures in it),
    ``left_value``, ``right_value``, ``left_release``, ``right_release``.
    """
    keys = [summands.c.period_start, summands.c.geography_code, summands.c.item, summands.c.release_group]
    sides = sa.select(
        *keys,
        sa.func.max(summands.c.quarter_start).label("last_quarter"),
        *(_sum_side(asked, summands, side).label(f"{side}_value") for side in SIDES),
        *(_name_releases(summands, side).label(f"{side}_release") for side in SIDES),
    ).group_by(*keys)
    for side in SIDES:
        if side in asked.rule.only:
            sides = sides.having(sa.func.count().filter(summands.c.side == side) > 0)
    return sides.cte("sides_by_item")


def _sum_side(asked: AskedComparison, summands: sa.CTE, side: SideName) -> sa.ColumnElement[Any]:
    """Return the sum of a side: empty where a summand is missing, or where a figure in it is not complete.

    Figures are added up before they are multiplied, so that both engines come to the same sum to the last digit.
    """
    # Published totals and figures from elsewhere stand as a first summand.
    first, *others = range(1, max(len(asked.list_summands(side)), 1) + 1)
    total = _sum_summand(summands, side, first)
    for number in others:
        total = total + _sum_summand(summands, side, number)
    is_complete = sa.func.min(summands.c.is_complete).filter(summands.c.side == side) == 1
    return sa.case((is_complete, total))


def _sum_summand(summands: sa.CTE, side: SideName, number: int) -> sa.ColumnElement[Any]:
    is_of_summand = sa.and_(summands.c.side == side, summands.c.summand == number)
    total = sa.func.sum(summands.c.value).filter(is_of_summand)
    factor = sa.func.max(summands.c.factor).filter(is_of_summand)  # one and the same of all its figures
    return total * factor


def _name_releases(summands: sa.CTE, side: SideName) -> sa.ColumnElement[Any]:
    """Return the release of a side; of two both, separated by a comma; of more how many there are."""
    release_id, is_of_side = summands.c.release_id, summands.c.side == side
    number = sa.func.count(sa.distinct(release_id)).filter(is_of_side)
    first, last = sa.func.min(release_id).filter(is_of_side), sa.func.max(release_id).filter(is_of_side)
    return sa.case(
        (number == 0, ""),
        (number == 1, first),
        (number == 2, first + "," + last),
        else_=sa.cast(number, sa.String) + " releases",
    )


# ---- Of which periods every report was received --------------------------------------------------------------------


def _list_reports_due(asked: AskedComparison, side: SideName) -> Iterator[ReportsDue]:
    """Yield which reports must have been received for a side to be known: those of each summand and of its share."""
    for summand in asked.list_summands(side):
        yield ReportsDue(summand.source, summand.at, summand.where.get("force_code"))
        if summand.share:
            for part in (*summand.share.part, *summand.share.whole):
                yield ReportsDue(part.source, part.at, None)


def _name_received(due: ReportsDue, received: Mapping[ReportsDue, sa.CTE]) -> str:
    """Return the name of the step for what is due: a second one of a source, as at another period, is numbered."""
    number = 1 + sum(other.source == due.source for other in received)
    return f"{due.source}_received_{number}" if number > 1 else f"{due.source}_received"


def find_received_periods(asked: AskedComparison, due: ReportsDue, name: str) -> sa.CTE:
    """Return the periods of which every report was received, for each geography where reporters have one.

    Grain: period (× geography). Columns: ``period_start`` (``geography_code``). For example E23000028 (Essex) and
    2021-10-01, where its returns of October, November and December are there; London by quarters, where both of its CPS
    Areas have reported.
    """
    reporters = load_source(due.source).reporters
    reports_in_period = PERIOD_MONTHS[asked.period_kind] // PERIOD_MONTHS[reporters.every]
    if reporters.dimension == PUBLISHER:
        return _find_periods_of_publisher(_select_reports(asked, due), reports_in_period, name)
    return _find_periods_of_reporters(asked, due, reporters.dimension, reports_in_period, name)


@dataclass(frozen=True)
class _Reports:
    """Reports that were received, at the period at which they are compared: the query, and what it is taken from."""

    query: sa.Select[Any]
    rows: sa.FromClause


def _select_reports(asked: AskedComparison, due: ReportsDue) -> _Reports:
    """Return the reports of a source that were received: ``period_start``, ``reporter``, ``report`` (a first day)."""
    moved = move_period(asked.period_kind, due.at, coverage, coverage.c.period_start)
    is_quarterly = load_source(due.source).reporters.every == "quarter"
    report = coverage.c.quarter_start if is_quarterly else coverage.c.period_start
    columns = (moved.period_start.label("period_start"), coverage.c.reporter, report.label("report"))
    is_received = sa.and_(coverage.c.source == due.source, coverage.c.received)
    return _Reports(sa.select(*columns).where(is_received).distinct(), moved.rows)


def _find_periods_of_publisher(reports: _Reports, reports_in_period: int, name: str) -> sa.CTE:
    """Return the periods of which the one publisher made every report."""
    received = reports.query.select_from(reports.rows).cte(f"{name}_reports")
    return _keep_whole_periods(received, [received.c.period_start], sa.literal(reports_in_period)).cte(name)


def _find_periods_of_reporters(
    asked: AskedComparison, due: ReportsDue, dimension: ReporterKind, reports_in_period: int, name: str
) -> sa.CTE:
    """Return the periods of which every reporter of a geography made every report."""
    reporter = select_compared_reporters(dimension, asked.rule.geography)
    due_to_report = sa.select(reporter.c.reporter, reporter.c.geography_code)
    if due.force_code:
        due_to_report = due_to_report.where(due.force_code.holds(reporter.c.reporter))
    reporter_due = due_to_report.cte(f"{name}_reporters")
    reports = _select_reports(asked, due)
    received = (
        reports.query.add_columns(reporter_due.c.geography_code)
        .select_from(reports.rows.join(reporter_due, reporter_due.c.reporter == coverage.c.reporter))
        .cte(f"{name}_reports")
    )
    expected = _count_reporters_due(reporter_due, name)
    return (
        _keep_whole_periods(
            received,
            [received.c.period_start, received.c.geography_code],
            expected.c.reporters * reports_in_period,
        )
        .join_from(received, expected, expected.c.geography_code == received.c.geography_code)
        .group_by(expected.c.reporters)
        .cte(name)
    )


def _count_reporters_due(reporter_due: sa.CTE, name: str) -> sa.CTE:
    """Return how many have to report for each geography: ``…_expected``."""
    return (
        sa.select(reporter_due.c.geography_code, sa.func.count().label("reporters"))
        .group_by(reporter_due.c.geography_code)
        .cte(f"{name}_expected")
    )


def _keep_whole_periods(
    received: sa.CTE, grain: Sequence[sa.ColumnElement[Any]], reports_due: sa.ColumnElement[int]
) -> sa.Select[Any]:
    """Return the rows of a grain of which as many reports were received as are due."""
    return sa.select(*grain).select_from(received).group_by(*grain).having(sa.func.count() == reports_due)
