"""Right sides that are not sums of facts: totals that a publisher gives, and figures published elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.dimensions import dim_period, dim_quarter
from msoic_pipeline.model.evidence import load_log
from msoic_pipeline.model.facts import published_total
from msoic_pipeline.model.total_members import are_of_columns
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import parse_period, period_label
from msoic_pipeline.reconciliation.asked import RIGHT, AskedComparison
from msoic_pipeline.reconciliation.summand_rows import SummandRow
from msoic_pipeline.warehouse.load_log import name_load_stage
from msoic_pipeline.workbooks.layout import name_part
from msoic_pipeline.workbooks.source import load_source


def select_published_totals(asked: AskedComparison) -> sa.Select[Any]:
    """Return the totals that the publisher gives of the left side's figures, as rows of ``summands``.

    Grain: release × period × members. Of a total the members say what it is of: with ``by: [[], [age_group]]`` those of
    all ages, and those of one age group each.
    """
    total, summand, label = published_total, asked.comparison.left[0], asked.comparison.item
    breakdown = summand.breakdown
    # Where each table has but one member of a breakdown, it has totals of its own.
    source = load_source(traits_of_fact(summand.table).source)
    part = summand.where.get(source.find_part_column(summand.fact, breakdown))
    for member in part.values if part else ():
        breakdown = name_part(breakdown, member)
    before_members = f"{label}; " if label else ""
    row = SummandRow(
        side=sa.literal(RIGHT),
        summand=sa.literal(1),
        period_start=total.c.period_start,
        geography_code=sa.literal(asked.rule.geography),
        item=sa.case((total.c.members == "", label), else_=sa.literal(before_members) + total.c.members),
        release_group=total.c.release_id,
        release_id=total.c.release_id,
        quarter_start=total.c.quarter_start,
        value=total.c.value,
        factor=sa.literal(1.0, sa.Double),
        # Nothing can be held against a total of which a part is not known.
        is_complete=sa.case((total.c.parts_unavailable > 0, 0), else_=1),
    )
    return row.select().where(
        total.c.fact == summand.fact,
        total.c.breakdown == breakdown,
        total.c.measure == summand.measure_column.name,
        total.c.period_kind == asked.period_kind,
        asked.figure_quarters.holds(total.c.quarter_start),
        sa.or_(*(are_of_columns(total.c.members, columns) for columns in asked.comparison.by)),
        _is_every_quarter_loaded(summand.source),
    )


def _is_every_quarter_loaded(source: str) -> sa.ColumnElement[bool]:
    """Return whether every quarter that a published total sums is loaded: one alone may have been backfilled."""
    within = (published_total.c.period_start, published_total.c.quarter_start)
    loaded = sa.select(sa.func.count()).where(
        load_log.c.stage == name_load_stage(source), load_log.c.quarter_start.between(*within)
    )
    due = sa.select(sa.func.count()).select_from(dim_quarter).where(dim_quarter.c.quarter_start.between(*within))
    return loaded.scalar_subquery() == due.scalar_subquery()


def select_figures_elsewhere(asked: AskedComparison) -> Iterator[sa.Select[Any]]:
    """Yield the figures that were published elsewhere, as rows of ``summands``, if there are any of the kind of period.

    Where a figure was published stands for its release.
    """
    figures = [
        sa.select(
            sa.literal(period_label(*parse_period(figure.period))).label("period_label"),
            sa.literal(figure.value, sa.Double).label("value"),
            sa.literal(figure.publication).label("publication"),
        )
        for figure in asked.comparison.elsewhere
        if parse_period(figure.period)[0] == asked.period_kind
    ]
    if not figures:
        return
    figure = sa.union_all(*figures).cte("figures_elsewhere")
    is_period = sa.and_(
        dim_period.c.period_kind == asked.period_kind, dim_period.c.period_label == figure.c.period_label
    )
    is_last_quarter = dim_period.c.period_end == dim_quarter.c.quarter_end
    row = SummandRow(
        side=sa.literal(RIGHT),
        summand=sa.literal(1),
        period_start=dim_period.c.period_start,
        geography_code=sa.literal(asked.rule.geography),
        item=sa.literal(asked.comparison.item),
        release_group=sa.literal(""),
        release_id=figure.c.publication,
        quarter_start=dim_quarter.c.quarter_start,
        value=figure.c.value,
        factor=sa.literal(1.0, sa.Double),
        is_complete=sa.literal(1),
    )
    yield (
        row.select()
        .join_from(figure, dim_period, is_period)
        .join(dim_quarter, is_last_quarter)
        .where(asked.figure_quarters.holds(dim_quarter.c.quarter_start))
    )
