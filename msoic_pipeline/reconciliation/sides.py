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

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.kpis.terms import Condition
from msoic_pipeline.model.compared_geography import select_compared_reporters
from msoic_pipeline.model.dimensions import dim_period, dim_quarter
from msoic_pipeline.model.evidence import coverage
from msoic_pipeline.model.geography import PUBLISHER
from msoic_pipeline.periods import PERIOD_MONTHS
from msoic_pipeline.reconciliation.asked import LEFT, RIGHT, AskedComparison, SideName
from msoic_pipeline.reconciliation.compared_period import move_period
from msoic_pipeline.reconciliation.summands import collect_summands
from msoic_pipeline.workbooks.source import load_source

SIDES: tuple[SideName, SideName] = (LEFT, RIGHT)


@dataclass(frozen=True)
class ReportsDue:
    """What must have been received for a summand to be known: a source's reports ``at`` a period, of some forces."""

    source: str
    at: str
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

    rows: Any
    quarter_start: sa.ColumnElement[Any]


def _place_in_quarters(asked: AskedComparison, sides: sa.CTE, rows: Any) -> _PlacedSides:
    if asked.rule.releases == "same":
        # Within a release a year can be a part of one: it belongs to the quarter of its last figure.
        return _PlacedSides(rows, sides.c.last_quarter)
    is_last_quarter = dim_period.c.period_end.between(dim_quarter.c.quarter_start, dim_quarter.c.quarter_end)
    return _PlacedSides(rows.join(dim_quarter, is_last_quarter), dim_quarter.c.quarter_start)


@dataclass(frozen=True)
class _KnownSides:
    """Sides, with the values of those that are known in full."""

    rows: Any
    left: sa.ColumnElement[Any]
    right: sa.ColumnElement[Any]


def _know_in_full(asked: AskedComparison, sides: sa.CTE, rows: Any) -> _KnownSides:
    """Return the values of both sides; of current figures empty ones where a report is missing."""
    values: dict[SideName, sa.ColumnElement[Any]] = {side: sides.c[f"{side}_value"] for side in SIDES}
    received: dict[ReportsDue, sa.CTE] = {}
    for side in SIDES if asked.rule.releases == "current" else ():
        for due in _list_reports_due(asked, side):
            if due not in received:
                received[due] = find_received_periods(asked, due, _name_received(due, received))
                is_received = (column == sides.c[column.name] for column in received[due].c)
                rows = rows.outerjoin(received[due], sa.and_(*is_received))
            values[side] = sa.case((received[due].c.period_start.is_not(None), values[side]))
    return _KnownSides(rows, values[LEFT], values[RIGHT])


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
    first, *others = range(1, max(len(asked.summands_of(side)), 1) + 1)
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
    for summand in asked.summands_of(side):
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
    moved = move_period(asked.period_kind, due.at, coverage, coverage.c.period_start)
    report = coverage.c.quarter_start if reporters.every == "quarter" else coverage.c.period_start
    reports = sa.select(
        moved.period_start.label("period_start"), coverage.c.reporter, report.label("report")
    ).distinct()
    is_received = sa.and_(coverage.c.source == due.source, coverage.c.received)
    if reporters.dimension == PUBLISHER:
        received = reports.select_from(moved.rows).where(is_received).cte(f"{name}_reports")
        is_every_report = sa.func.count() == reports_in_period
        return sa.select(received.c.period_start).group_by(received.c.period_start).having(is_every_report).cte(name)
    reporter = select_compared_reporters(reporters.dimension, asked.rule.geography)
    due_to_report = sa.select(reporter.c.reporter, reporter.c.geography_code)
    if due.force_code:
        due_to_report = due_to_report.where(due.force_code.holds(reporter.c.reporter))
    reporter_due = due_to_report.cte(f"{name}_reporters")
    received = (
        reports.add_columns(reporter_due.c.geography_code)
        .select_from(moved.rows.join(reporter_due, reporter_due.c.reporter == coverage.c.reporter))
        .where(is_received)
        .cte(f"{name}_reports")
    )
    expected = (
        sa.select(reporter_due.c.geography_code, sa.func.count().label("reporters"))
        .group_by(reporter_due.c.geography_code)
        .cte(f"{name}_expected")
    )
    is_every_report = sa.func.count() == expected.c.reporters * reports_in_period
    return (
        sa.select(received.c.period_start, received.c.geography_code)
        .join_from(received, expected, expected.c.geography_code == received.c.geography_code)
        .group_by(received.c.period_start, received.c.geography_code, expected.c.reporters)
        .having(is_every_report)
        .cte(name)
    )
