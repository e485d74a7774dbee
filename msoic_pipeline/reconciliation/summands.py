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

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.compared_geography import select_compared_geographies
from msoic_pipeline.model.facts import breakdown_column
from msoic_pipeline.model.geography import NATIONAL, PLACE_COLUMNS, place_column
from msoic_pipeline.model.total_members import select_members
from msoic_pipeline.reconciliation.asked import LEFT, AskedComparison, GroupedSummand, list_grouped_summands
from msoic_pipeline.reconciliation.compared_period import move_period
from msoic_pipeline.reconciliation.comparisons import PUBLISHED_TOTALS, Share, Summand
from msoic_pipeline.reconciliation.published import select_figures_elsewhere, select_published_totals
from msoic_pipeline.reconciliation.release_choice import choose_figures, take_latest_figures
from msoic_pipeline.reconciliation.summand_rows import SummandRow


def collect_summands(asked: AskedComparison) -> sa.CTE:
    """Return the figures of all summands of both sides, below each other.

    Grain: side × summand × period × geography × item × release group × release, and quarter (or month) and place where
    several make up the period or the geography. Columns: those of ``SummandRow``.
    """
    selects = [
        _place_figures(asked, grouped, _prepare_figures(asked, grouped)) for grouped in list_grouped_summands(asked)
    ]
    if asked.comparison.right == PUBLISHED_TOTALS:
        selects.append(select_published_totals(asked))
    selects += select_figures_elsewhere(asked)
    return sa.union_all(*selects).cte("summands")


def _prepare_figures(asked: AskedComparison, grouped: GroupedSummand) -> sa.CTE:
    """Return a summand's figures at the period at which they are compared."""
    figures = sum_figures(asked, grouped)
    return move_to_compared_period(asked, grouped, choose_figures(asked, grouped, figures))


def sum_figures(asked: AskedComparison, grouped: GroupedSummand) -> sa.CTE:
    """Return a summand's figures, summed over all columns of the fact that are not asked for: ``…_figures``.

    Grain: release × quarter or month × place × the columns of the grouping. Columns: these (``release_id``,
    ``quarter_start``, ``month_start`` where the fact has it, its breakdown, and the place unless the rule is national),
    ``value``, and ``unknown_figures``: how many figures in the sum are not known.
    """
    summand, fact = grouped.summand, grouped.summand.table
    place_columns = () if asked.rule.geography_kind == NATIONAL else tuple(PLACE_COLUMNS)
    divided = breakdown_column(fact)
    breakdown = (divided,) if divided else ()
    wanted = ("release_id", "quarter_start", "month_start", *breakdown, *place_columns, *grouped.columns)
    keys = [fact.c[name] for name in dict.fromkeys(wanted) if name in fact.columns]
    known_figures = sa.func.count(summand.measure_column)
    return (
        sa.select(
            *keys,
            sa.cast(sa.func.sum(summand.measure_column), sa.Double).label("value"),
            (sa.func.count() - known_figures).label("unknown_figures"),
        )
        .where(asked.figure_quarters.holds(fact.c.quarter_start), *summand.conditions())
        .group_by(*keys)
        .cte(f"{grouped.name}_figures")
    )


# ---- At which period ------------------------------------------------------------------------------------------------


def move_to_compared_period(asked: AskedComparison, grouped: GroupedSummand, chosen: sa.CTE) -> sa.CTE:
    """Return figures with the period at which they are compared: ``…_at_compared_period``.

    That is the month, quarter or year that they are of; where a summand is taken ``at`` the period before, the period
    after: the live investigations of October stand at November. Grain: as before. Columns: those before,
    ``period_start``, and ``factor``: ``times``, multiplied by the share in that period where one is asked for.
    """
    summand = grouped.summand
    moved = move_period(asked.period_kind, summand.at, chosen, chosen.c.get("month_start"))
    source = moved.rows
    factor: sa.ColumnElement[Any] = sa.literal(summand.times, sa.Double)
    if summand.share:
        part, whole = sum_parts_of_share(asked, grouped.name, summand.share)
        source = source.join(part, part.c.period_start == moved.period_start)
        source = source.join(whole, whole.c.period_start == moved.period_start)
        factor = factor * part.c.value / sa.func.nullif(whole.c.value, 0.0)
    return (
        sa.select(*chosen.c, moved.period_start.label("period_start"), factor.label("factor"))
        .select_from(source)
        .cte(f"{grouped.name}_at_compared_period")
    )


def sum_parts_of_share(asked: AskedComparison, name: str, share: Share) -> tuple[sa.CTE, sa.CTE]:
    """Return what a share is of, and of what: ``…_share_part`` and ``…_share_whole``.

    Grain of each: period. Columns: ``period_start``, ``value``, which is empty where a summand is missing, or where a
    figure in it is not complete. For example 20 referrals with exploitation overseas, and 100 in all: 50 referrals by a
    force become 10.
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
        this_summand = sa.literal(number).label("summand")
        selects.append(sa.select(at_period.c.period_start, this_summand, value, at_period.c.is_complete))
    figures = sa.union_all(*selects).cte(f"{name}_summands")
    is_complete = sa.and_(
        sa.func.count(sa.distinct(figures.c.summand)) == len(summands), sa.func.min(figures.c.is_complete) == 1
    )
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
    geographies, place = select_compared_geographies(asked.rule.geography, fact), place_column(fact)
    source: sa.FromClause = at_period
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
    """Return the item: the comparison's, followed by the members: ``modern slavery; cps_area_code=wessex``."""
    if not columns:
        return sa.literal(label)
    return (sa.literal(f"{label}; ") + select_members(columns)) if label else select_members(columns)
