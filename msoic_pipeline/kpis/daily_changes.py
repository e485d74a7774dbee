"""The step from standing figures to ``daily_change``: what each day adds to a period, and takes from it.

Months and quarters are summed; of stocks each reporter's last one stands for the period.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger

from msoic_pipeline.kpis.work_tables import period_part, standing_figure, wanted_term


def select_changes_of_sums() -> sa.Select[Any]:
    """Return what each day adds to the periods and takes from them, where months or quarters are summed."""
    # A release from within a month or quarter is about a piece of it only, and counts as no report.
    is_report = period_part.c.part_end < standing_figure.c.since
    return _select_changes(
        _select_figures_in_periods(sa.not_(wanted_term.c.is_stock), is_report).cte("stood_in_period")
    )


def select_changes_of_stocks() -> sa.Select[Any]:
    """Return the same of stocks, of which a period has each reporter's last.

    A reporter's month stands in a longer period as long as no later month of it does. For example a force has 5 live
    investigations in January, published on 10 February, and 7 in February, published on 9 March: in the quarter 5 stand
    from 10 February until 9 March, and 7 from then on. Should a release of 6 April say nothing of February any more,
    the 5 stand again from that day on.
    """
    # Of a source that reports once a year there is no later one to wait for.
    is_due_report = sa.or_(period_part.c.is_last, wanted_term.c.is_yearly)
    is_report = sa.and_(period_part.c.part_end < standing_figure.c.since, is_due_report)
    in_period = _select_figures_in_periods(wanted_term.c.is_stock, is_report).cte("figure_in_period")
    stood = _mark_stocks_with_gaps(in_period)
    lasting = _select_last_where_nothing_goes(stood, sa.not_(stood.c.has_gap))
    returning = _select_last_standing(sa.select(stood).where(stood.c.has_gap).cte("stood_with_gaps"))
    return _select_changes(sa.union_all(lasting, returning).cte("stood_as_last"))


# Whose stock of which period a figure is.
_STOCK = ("term", "period", "geography", "reporter")


def _mark_stocks_with_gaps(figures: sa.CTE) -> sa.CTE:
    """Return the figures, each with ``has_gap``: whether any of the same stock went and none came in its place.

    Example: of January 5 stand from 10 February until 9 March, and 6 from 9 March on: no gap. Of February 7 stand from
    9 March until 6 April, and nothing from then on: a gap, which all figures of the stock are marked with, January's
    too.
    """
    followed = _add_next_of_same_month(figures)
    goes = followed.c.until.is_not(None)
    none_comes = sa.or_(followed.c.next_since.is_(None), followed.c.next_since != followed.c.until)
    stock = [followed.c[name] for name in _STOCK]
    gaps = sa.func.sum(sa.case((sa.and_(goes, none_comes), 1), else_=0)).over(partition_by=stock)
    counted = sa.select(*followed.c, gaps.label("gaps")).cte("figure_and_gaps")
    return sa.select(*counted.c, (counted.c.gaps > 0).label("has_gap")).cte("stood_in_period")


def _add_next_of_same_month(figures: sa.CTE) -> sa.CTE:
    """Return the figures, each with the day ``next_since`` on which the next one of the same stock and month came."""
    month_of_stock = [figures.c[name] for name in (*_STOCK, "part_start")]
    next_since = sa.func.lead(figures.c.since).over(partition_by=month_of_stock, order_by=figures.c.since)
    return sa.select(*figures.c, next_since.label("next_since")).cte("figure_and_next")


def _select_last_where_nothing_goes(stood: sa.CTE, condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the same as ``_select_last_standing`` without a join, of stocks of which no month that came ever goes.

    Nearly all are such. A month then stands until the earliest day on which any later one was published.
    """
    replaced_on = sa.func.min(stood.c.since).over(
        partition_by=[stood.c[name] for name in _STOCK],
        order_by=stood.c.part_start.desc(),
        groups=(None, -1),  # all months after this one, and not the month itself
    )
    replaced = sa.select(*stood.c, replaced_on.label("replaced_on")).where(condition).cte("figure_and_later")
    is_replaced_later = sa.or_(replaced.c.replaced_on.is_(None), replaced.c.until < replaced.c.replaced_on)
    until = sa.case((is_replaced_later, replaced.c.until), else_=replaced.c.replaced_on)
    return sa.select(
        *(replaced.c[name] for name in (*_STOCK, "since")), until.label("until"), replaced.c.value, replaced.c.reports
    ).where(sa.or_(until.is_(None), replaced.c.since < until))


def _select_last_standing(stood: sa.CTE) -> sa.Select[Any]:
    """Return the figures of stocks, each with the days from and until which no later month of its reporter stood.

    Between two days on which figures of a reporter come or go the same ones stand: there is a row for each such span.
    """
    names = _STOCK
    reporter = [stood.c[name] for name in names]
    comes = sa.select(*reporter, stood.c.since.label("day"))
    goes = sa.select(*reporter, stood.c.until.label("day")).where(stood.c.until.is_not(None))
    day_of_change = sa.union(comes, goes).cte("day_of_change")
    next_day = sa.func.lead(day_of_change.c.day).over(
        partition_by=[day_of_change.c[name] for name in names], order_by=day_of_change.c.day
    )
    span = sa.select(*day_of_change.c, next_day.label("next_day")).cte("span_without_change")
    is_standing = sa.and_(
        *(span.c[name] == stood.c[name] for name in names),
        stood.c.since <= span.c.day,
        sa.or_(stood.c.until.is_(None), span.c.day < stood.c.until),
    )
    months_later = sa.func.rank().over(
        partition_by=[*(span.c[name] for name in names), span.c.day], order_by=stood.c.part_start.desc()
    )
    standing = (
        sa.select(
            *(span.c[name] for name in names),
            span.c.day,
            span.c.next_day,
            stood.c.value,
            stood.c.reports,
            months_later.label("rank"),
        )
        .join_from(span, stood, is_standing)
        .cte("standing_on_day")
    )
    return sa.select(
        *(standing.c[name] for name in names),
        standing.c.day.label("since"),
        standing.c.next_day.label("until"),
        standing.c.value,
        standing.c.reports,
    ).where(standing.c.rank == 1)


def _select_figures_in_periods(condition: sa.ColumnElement[bool], is_report: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the figures of each period that stood for a day or more, with the days from and until which they did.

    They are those of the terms that meet ``condition``.
    """
    figure = standing_figure.c
    return (
        sa.select(
            figure.term,
            period_part.c.period,
            figure.geography,
            figure.reporter,
            figure.part_start,
            figure.since,
            figure.until,
            figure.value,
            sa.case((is_report, figure.reports), else_=0).label("reports"),
        )
        .join(wanted_term, wanted_term.c.term == figure.term)
        .join(
            period_part,
            sa.and_(
                period_part.c.finest_period == wanted_term.c.finest_period,
                period_part.c.part_start == figure.part_start,
            ),
        )
        .where(condition, sa.or_(figure.until.is_(None), figure.since < figure.until))
    )


def _select_changes(stood: sa.CTE) -> sa.Select[Any]:
    """Return what each day adds to the periods and takes from them: each figure once as it comes, once as it goes."""
    comes = sa.select(*stood.c, stood.c.since.label("as_of"), sa.literal(1).label("sign"))
    goes = sa.select(*stood.c, stood.c.until.label("as_of"), sa.literal(-1).label("sign")).where(
        stood.c.until.is_not(None)
    )
    event = sa.union_all(comes, goes).cte("coming_or_going")
    keys = (event.c.term, event.c.period, event.c.geography, event.c.as_of)
    return sa.select(
        *keys,
        sa.cast(sa.func.sum(event.c.sign * event.c.value), BigInteger).label("value"),
        sa.func.sum(event.c.sign).label("figures"),
        sa.func.sum(event.c.sign * event.c.reports).label("reports"),
    ).group_by(*keys)
