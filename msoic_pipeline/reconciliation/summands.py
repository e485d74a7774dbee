"""The figures of a comparison's summands: from the fact tables to where they are compared.

Each step is a named part (CTE) of one query. Of ``outcomes_to_recorded_crime``, which holds outcomes of modern slavery
crimes (left) against the crimes (right), force by force, this is the way of the left side's figures of Essex:

    fact_crime_outcome       crime_outcomes-1, 2022-Q1, E23000028: 60 of outcome 0 and 43 of outcome 1
    left_figures             added up: 103, of which none is unknown
    left_latest              it is the latest release, of 2022-07-21, after the end of the quarter: 103, complete
    left_at_compared_period  to be compared at the quarter that they are of, 2022-01-01, and taken once
    summands                 left, first summand, 2022-01-01, E23000028 (of a rule about CPS Areas: eastern): 103

``summands`` has such rows of all summands of both sides; ``sides`` adds them up.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.compared_geography import compared_geographies
from msoic_pipeline.model.dimensions import dim_period, dim_quarter
from msoic_pipeline.model.evidence import release, vintage
from msoic_pipeline.model.facts import breakdown_column
from msoic_pipeline.model.geography import NATIONAL, PLACE_COLUMNS, place_column
from msoic_pipeline.model.total_members import select_members
from msoic_pipeline.model.vintages import join_vintage
from msoic_pipeline.reconciliation.asked import LEFT, RIGHT, AskedComparison, SideName
from msoic_pipeline.reconciliation.published import select_figures_elsewhere, select_published_totals
from msoic_pipeline.reconciliation.rules import PUBLISHED_TOTALS, Share, Summand
from msoic_pipeline.reconciliation.summand_rows import SummandRow

# The first quarter of a year tells the year, of either kind.
YEAR_STARTS = {"calendar_year": dim_quarter.c.calendar_year_start, "financial_year": dim_quarter.c.financial_year_start}


@dataclass(frozen=True)
class GroupedSummand:
    """A summand as it is grouped by some columns: what one chain of steps is about.

    ``name`` is what the names of the steps begin with: ``left``; of several summands ``right_2``; of several groupings
    ``left_grouping_2``; ``both`` where the figures of a release stand on either side.
    """

    name: str
    side: SideName
    number: int
    summand: Summand
    columns: tuple[str, ...]


def collect_summands(asked: AskedComparison) -> sa.CTE:
    """Return the figures of all summands of both sides, below each other.

    Grain: side × summand × period × geography × item × release group × release, and quarter (or month) and place where
    several make up the period or the geography. Columns: those of ``SummandRow``.
    """
    selects = [_place_figures(asked, grouped, _prepare_figures(asked, grouped)) for grouped in _list_summands(asked)]
    if asked.comparison.right == PUBLISHED_TOTALS:
        selects.append(select_published_totals(asked))
    selects += select_figures_elsewhere(asked)
    return sa.union_all(*selects).cte("summands")


def _list_summands(asked: AskedComparison) -> Iterator[GroupedSummand]:
    # Of consecutive releases the left side's summands stand on both sides, each figure with its release.
    sides = (LEFT,) if asked.rule.releases == "consecutive" else (LEFT, RIGHT)
    for side in sides:
        summands = asked.summands_of(side)
        for number, summand in enumerate(summands, start=1):
            for position, columns in enumerate(asked.comparison.by, start=1):
                name = "both" if asked.rule.releases == "consecutive" else str(side)
                name += f"_{number}" if len(summands) > 1 else ""
                name += f"_grouping_{position}" if asked.is_grouped else ""
                yield GroupedSummand(name, side, number, summand, columns)


def _prepare_figures(asked: AskedComparison, grouped: GroupedSummand) -> sa.CTE:
    """Return a summand's figures at the period at which they are compared."""
    figures = sum_figures(asked, grouped)
    return move_to_compared_period(asked, grouped, _choose_figures(asked, grouped, figures))


def _choose_figures(asked: AskedComparison, grouped: GroupedSummand, figures: sa.CTE) -> sa.CTE:
    """Return the figures of the releases that the rule holds against each other."""
    if asked.rule.releases == "current":
        return take_latest_figures(grouped, figures)
    if asked.rule.releases == "same":
        return take_figures_of_each_release(grouped, figures)
    if asked.rule.releases == "same day":
        return take_figures_of_each_day(grouped, figures)
    return pair_figures_of_releases(asked, grouped, figures)


def sum_figures(asked: AskedComparison, grouped: GroupedSummand) -> sa.CTE:
    """Return a summand's figures, summed over all columns of the fact that are not asked for: ``…_figures``.

    Grain: release × quarter or month × place × the columns of the grouping. Columns: these (``release_id``,
    ``quarter_start``, ``month_start`` where the fact has it, its breakdown, and the place unless the rule is national),
    ``value``, and ``unknown_figures``: how many figures in the sum are not known.
    """
    summand, fact = grouped.summand, grouped.summand.table
    place_columns = () if asked.rule.geography_kind == NATIONAL else tuple(PLACE_COLUMNS)
    wanted = ("release_id", "quarter_start", "month_start", breakdown_column(fact), *place_columns, *grouped.columns)
    keys = [fact.c[name] for name in dict.fromkeys(wanted) if name in fact.columns]
    known_figures = sa.func.count(summand.figure)
    return (
        sa.select(
            *keys,
            sa.cast(sa.func.sum(summand.figure), sa.Double).label("value"),
            (sa.func.count() - known_figures).label("unknown_figures"),
        )
        .where(fact.c.quarter_start.between(*asked.figure_quarters), *summand.conditions())
        .group_by(*keys)
        .cte(f"{grouped.name}_figures")
    )


# ---- Which releases' figures are held against each other -----------------------------------------------------------


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
        .where(vintage.c.fact == grouped.summand.fact, vintage.c.quarter_start.between(*asked.figure_quarters))
        .cte(f"{grouped.name}_releases_in_order")
    )
    has_previous = in_order.c.previous_release_id.is_not(None)

    def select_side(side: SideName, release_id: Any, published_on: Any) -> sa.Select[Any]:
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
    figures: sa.CTE, *, side: Any, release_group: Any, is_incomplete: Sequence[sa.ColumnElement[bool]] = ()
) -> sa.Select[Any]:
    is_partly_unknown = figures.c.unknown_figures > 0
    return sa.select(
        *(column for column in figures.c if column.name != "unknown_figures"),
        side.label("side"),
        release_group.label("release_group"),
        sa.case((sa.or_(is_partly_unknown, *is_incomplete), 0), else_=1).label("is_complete"),
    )


def _is_period_of(figure_period: Any, summand: Summand, figures: sa.CTE) -> sa.ColumnElement[bool]:
    """Return the condition that a row of dim_period is the month or quarter of a figure."""
    return sa.and_(
        figure_period.c.period_kind == summand.finest_period,
        figure_period.c.period_start == figures.c[summand.period_column],
    )


# ---- At which period ------------------------------------------------------------------------------------------------


def move_to_compared_period(asked: AskedComparison, grouped: GroupedSummand, chosen: sa.CTE) -> sa.CTE:
    """Return figures with the period at which they are compared: ``…_at_compared_period``.

    That is the month, quarter or year that they are of; where a summand is taken ``at`` the period before, the period
    after: the live investigations of October stand at November. Grain: as before. Columns: those before,
    ``period_start``, and ``factor``: ``times``, multiplied by the share in that period where one is asked for.
    """
    summand = grouped.summand
    source, period_start = move_period(asked.period_kind, summand.at, chosen, chosen.c.get("month_start"))
    factor: sa.ColumnElement[Any] = sa.literal(summand.times, sa.Double)
    if summand.share:
        part, whole = sum_parts_of_share(asked, grouped.name, summand.share)
        source = source.join(part, part.c.period_start == period_start).join(
            whole, whole.c.period_start == period_start
        )
        factor = factor * part.c.value / sa.func.nullif(whole.c.value, 0.0)
    return (
        sa.select(*chosen.c, period_start.label("period_start"), factor.label("factor"))
        .select_from(source)
        .cte(f"{grouped.name}_at_compared_period")
    )


def move_period(period_kind: str, at: str, rows: Any, month_start: Any) -> tuple[Any, Any]:
    """Return rows that have ``quarter_start`` joined to the period at which they are compared, and its first day.

    ``month_start`` is their month, where they have one. ``at``: as of a summand.
    """
    source, period_start = rows, rows.c.quarter_start
    if period_kind == "month":
        period_start = month_start
    elif period_kind in YEAR_STARTS:
        source = rows.join(dim_quarter, dim_quarter.c.quarter_start == rows.c.quarter_start)
        period_start = YEAR_STARTS[period_kind]
    if at == "period":
        return source, period_start
    later = dim_period.alias("compared_period")
    earlier_start = later.c.previous_start if at == "previous" else later.c.year_before_start
    is_compared = sa.and_(later.c.period_kind == period_kind, earlier_start == period_start)
    return source.join(later, is_compared), later.c.period_start


def sum_parts_of_share(asked: AskedComparison, name: str, share: Share) -> tuple[sa.CTE, sa.CTE]:
    """Return what a share is of, and of what: ``…_share_part`` and ``…_share_whole``.

    Grain of each: period. Columns: ``period_start``, ``value``, which is empty where a figure in it is not complete.
    For example 20 referrals with exploitation overseas, and 100 in all: 50 referrals by a force become 10.
    """
    return (
        _sum_nation(asked, f"{name}_share_part", share.part),
        _sum_nation(asked, f"{name}_share_whole", share.whole),
    )


def _sum_nation(asked: AskedComparison, name: str, summands: Sequence[Summand]) -> sa.CTE:
    selects = []
    for number, summand in enumerate(summands, start=1):
        grouped = GroupedSummand(f"{name}_{number}" if len(summands) > 1 else name, LEFT, number, summand, ())
        latest = take_latest_figures(grouped, sum_figures(asked, grouped))
        at_period = move_to_compared_period(asked, grouped, latest)
        value = (at_period.c.value * at_period.c.factor).label("value")
        selects.append(sa.select(at_period.c.period_start, value, at_period.c.is_complete))
    figures = sa.union_all(*selects).cte(f"{name}_summands")
    is_complete = sa.func.min(figures.c.is_complete) == 1
    return (
        sa.select(figures.c.period_start, sa.case((is_complete, sa.func.sum(figures.c.value))).label("value"))
        .group_by(figures.c.period_start)
        .cte(name)
    )


# ---- At which place, and of what -------------------------------------------------------------------------------------


def _place_figures(asked: AskedComparison, grouped: GroupedSummand, at_period: sa.CTE) -> sa.Select[Any]:
    """Return figures with the geography at which they are compared, and the item: as ``collect_summands`` has them.

    Figures of places that lie in none, as fraud reporting bodies lie in no force, are left out.
    """
    fact = grouped.summand.table
    geographies, place = compared_geographies(asked.rule.geography, fact), place_column(fact)
    source: Any = at_period
    geography_code: sa.ColumnElement[Any] = sa.literal(asked.rule.geography)
    if geographies is not None and place is not None:
        source = at_period.join(geographies, geographies.c.place == at_period.c[place.name])
        geography_code = geographies.c.geography_code
    row = SummandRow(
        side=at_period.c.side,
        summand=sa.literal(grouped.number),
        period_start=at_period.c.period_start,
        geography_code=geography_code,
        item=_name_item(asked.comparison.item, [at_period.c[name] for name in grouped.columns]),
        release_group=at_period.c.release_group,
        release_id=at_period.c.release_id,
        quarter_start=at_period.c.quarter_start,
        value=at_period.c.value,
        factor=at_period.c.factor,
        is_complete=at_period.c.is_complete,
    )
    return row.select().select_from(source)


def _name_item(label: str, columns: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[str]:
    """Return the item: the comparison's, followed by the members: ``modern slavery; cps_area=wessex``."""
    if not columns:
        return sa.literal(label)
    return (sa.literal(f"{label}; ") + select_members(columns)) if label else select_members(columns)
