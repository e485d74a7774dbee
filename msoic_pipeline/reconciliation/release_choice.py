"""Which releases' figures a rule holds against each other: the latest, those of one release or day, or of two in a row.

Each function takes a summand's figures, as ``summands.sum_figures`` has them, and returns them as a step of its own.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.dimensions import dim_period
from msoic_pipeline.model.evidence import release, vintage
from msoic_pipeline.model.facts import breakdown_column
from msoic_pipeline.model.vintages import join_vintage
from msoic_pipeline.reconciliation.asked import LEFT, RIGHT, AskedComparison, GroupedSummand, SideName
from msoic_pipeline.reconciliation.comparisons import Summand


def choose_figures(asked: AskedComparison, grouped: GroupedSummand, figures: sa.CTE) -> sa.CTE:
    """Return the figures of the releases that the rule holds against each other."""
    if asked.rule.compares_latest:
        return take_latest_figures(grouped, figures)
    if asked.rule.compares_within_release:
        return take_figures_of_each_release(grouped, figures)
    if asked.rule.compares_consecutive:
        return pair_figures_of_releases(asked, grouped, figures)
    return take_figures_of_each_day(grouped, figures)


def take_latest_figures(grouped: GroupedSummand, figures: sa.CTE) -> sa.CTE:
    """Return those figures that no later release has superseded: ``…_latest``.

    Grain: as the figures. Columns: theirs, ``side``, ``release_group`` and ``is_complete``.
    """
    summand = grouped.summand
    is_latest = sa.and_(join_vintage(figures, summand.table), vintage.c.superseded_on.is_(None))
    figure_period = dim_period.alias("figure_period")
    return (
        _add_release_group(
            figures,
            side=sa.literal(grouped.side),
            release_group=sa.literal(""),
            is_incomplete=[vintage.c.published_on <= figure_period.c.period_end],
        )
        .join_from(figures, vintage, is_latest)
        .join(figure_period, _is_period_of(figure_period, summand, figures))
        .cte(f"{grouped.name}_latest")
    )


def take_figures_of_each_release(grouped: GroupedSummand, figures: sa.CTE) -> sa.CTE:
    """Return all figures, to be held against those of the same release: ``…_by_release``.

    What was published before its period was over is of the same part of it on both sides, so it can be compared.
    """
    return _add_release_group(figures, side=sa.literal(grouped.side), release_group=figures.c.release_id).cte(
        f"{grouped.name}_by_release"
    )


def take_figures_of_each_day(grouped: GroupedSummand, figures: sa.CTE) -> sa.CTE:
    """Return the figures that stood at the end of the day of their publication: ``…_by_day``.

    Where two editions were published on 28 April, the first was superseded on that day and is left out; both together
    would count twice.
    """
    stood_overnight = sa.or_(vintage.c.superseded_on.is_(None), vintage.c.superseded_on > vintage.c.published_on)
    return (
        _add_release_group(figures, side=sa.literal(grouped.side), release_group=vintage.c.published_on)
        .join_from(figures, vintage, sa.and_(join_vintage(figures, grouped.summand.table), stood_overnight))
        .cte(f"{grouped.name}_by_day")
    )


def pair_figures_of_releases(asked: AskedComparison, grouped: GroupedSummand, figures: sa.CTE) -> sa.CTE:
    """Return each figure as the left side of one pair of releases and as the right side of the next: ``…_by_pair``.

    Where releases 1, 2 and 3 say 1,000, 970 and 1,261 of a quarter: left 970, right 1,000 of release group 2; left
    1,261, right 970 of release group 3.
    """
    summand = grouped.summand
    pairs = _pair_releases(asked, grouped)
    figure_period = dim_period.alias("figure_period")
    breakdown = breakdown_column(summand.table)
    is_of_pair = sa.and_(
        pairs.c.release_id == figures.c.release_id,
        pairs.c.period_start == figures.c[summand.period_column],
        pairs.c.breakdown == (figures.c[breakdown] if breakdown else ""),
    )
    return (
        _add_release_group(
            figures,
            side=pairs.c.side,
            release_group=pairs.c.release_group,
            is_incomplete=[pairs.c.published_on <= figure_period.c.period_end],
        )
        .join_from(figures, pairs, is_of_pair)
        .join(figure_period, _is_period_of(figure_period, summand, figures))
        .cte(f"{grouped.name}_by_pair")
    )


def _pair_releases(asked: AskedComparison, grouped: GroupedSummand) -> sa.CTE:
    """Return every release beside the one before it: ``…_release_pairs``.

    Grain: breakdown × month or quarter × release that has one before it (``release_group``) × side. Columns: these,
    ``release_id`` and ``published_on``: those of the release on the left side, of the one before on the right.
    """
    # Of two of one day and edition, the one that was superseded on that day came first.
    stood_overnight = sa.case((vintage.c.superseded_on == vintage.c.published_on, 0), else_=1)
    order: Any = {
        "partition_by": (vintage.c.breakdown, vintage.c.period_start, vintage.c.reporter),
        "order_by": (vintage.c.published_on, release.c.edition, stood_overnight, vintage.c.release_id),
    }
    in_order = (
        sa.select(
            vintage.c.breakdown,
            vintage.c.period_start,
            vintage.c.release_id,
            vintage.c.published_on,
            sa.func.lag(vintage.c.release_id).over(**order).label("previous_release_id"),
            sa.func.lag(vintage.c.published_on).over(**order).label("previous_published_on"),
        )
        .join_from(vintage, release, release.c.release_id == vintage.c.release_id)
        .where(vintage.c.fact == grouped.summand.fact, asked.figure_quarters.holds(vintage.c.quarter_start))
        .cte(f"{grouped.name}_releases_in_order")
    )
    has_previous = in_order.c.previous_release_id.is_not(None)

    def select_side(
        side: SideName, release_id: sa.ColumnElement[str], published_on: sa.ColumnElement[dt.date]
    ) -> sa.Select[Any]:
        return sa.select(
            sa.literal(side).label("side"),
            in_order.c.breakdown,
            in_order.c.period_start,
            in_order.c.release_id.label("release_group"),
            release_id.label("release_id"),
            published_on.label("published_on"),
        ).where(has_previous)

    return sa.union_all(
        select_side(LEFT, in_order.c.release_id, in_order.c.published_on),
        select_side(RIGHT, in_order.c.previous_release_id, in_order.c.previous_published_on),
    ).cte(f"{grouped.name}_release_pairs")


def _add_release_group(
    figures: sa.CTE,
    *,
    side: sa.ColumnElement[str],
    release_group: sa.ColumnElement[Any],
    is_incomplete: Sequence[sa.ColumnElement[bool]] = (),
) -> sa.Select[Any]:
    is_partly_unknown = figures.c.unknown_figures > 0
    return sa.select(
        *(column for column in figures.c if column.name != "unknown_figures"),
        side.label("side"),
        release_group.label("release_group"),
        sa.case((sa.or_(is_partly_unknown, *is_incomplete), 0), else_=1).label("is_complete"),
    )


def _is_period_of(figure_period: sa.FromClause, summand: Summand, figures: sa.CTE) -> sa.ColumnElement[bool]:
    """Return the condition that a row of dim_period is the month or quarter of a figure."""
    return sa.and_(
        figure_period.c.period_kind == summand.finest_period,
        figure_period.c.period_start == figures.c[summand.period_column],
    )
