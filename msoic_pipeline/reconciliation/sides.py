"""Both sides of a comparison beside each other, as a query.

It is built from the inside out:

    leaf        a part's figures, by release, quarter or month, place and members
    row         the figures of all parts of both sides, each at the period, geography and item at which it is compared
    grouped     the two sides of each period, geography, item and release or pair of releases
    compared    with the quarter they belong to; a side that is not known whole is empty

Parts are added up before they are multiplied, so that both engines come to the same figure to the last digit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.dimensions import dim_period, dim_quarter
from msoic_pipeline.model.evidence import coverage, load_log, release, vintage
from msoic_pipeline.model.facts import published_total
from msoic_pipeline.model.geography import (
    NATIONAL,
    PUBLISHER,
    UNIT_COLUMNS,
    compared_places,
    compared_reporters,
    unit_column,
)
from msoic_pipeline.model.views import division, join_vintage
from msoic_pipeline.periods import PERIOD_MONTHS, last_quarter, parse_period, shift_months
from msoic_pipeline.reconciliation.rules import PUBLISHED_TOTALS, Comparison, Elsewhere, Part, Rule, Side

# How many quarters before its own a result may rest on: what is usual looks farthest back.
HISTORY_QUARTERS = 12
LEFT, RIGHT = 0, 1
YEARS = {"calendar_year": dim_quarter.c.calendar_year_start, "financial_year": dim_quarter.c.financial_year_start}


@dataclass(frozen=True)
class Asked:
    """A comparison of a rule, for one kind of period and the quarters whose results are wanted."""

    rule: Rule
    kind: str
    comparison: Comparison
    quarters: Sequence[dt.date]

    @property
    def bounds(self) -> tuple[dt.date, dt.date]:
        """First and last quarter of the figures that the results rest on."""
        is_year = self.kind in YEARS
        # Two years, or the period before.
        history = HISTORY_QUARTERS if self.comparison.tolerance.usual else 7 if is_year else 1
        # To which quarter a part of a year belongs is told by its last figure: the year is read to its end.
        return shift_months(min(self.quarters), -3 * history), shift_months(max(self.quarters), 9 if is_year else 0)

    @property
    def sides(self) -> dict[int, Side]:
        """The parts of the two sides; none where published totals are the right side, or there is none."""
        left, right = self.comparison.left, self.comparison.right
        if self.rule.releases == "consecutive":
            return {LEFT: left, RIGHT: left}
        return {LEFT: left, RIGHT: right if isinstance(right, tuple) else ()}


def compared(asked: Asked) -> sa.CTE:
    """Return the query of both sides, by period, geography, item and releases."""
    grouped = _grouped(asked)
    source: Any = grouped.join(
        dim_period, sa.and_(dim_period.c.period_kind == asked.kind, dim_period.c.period_start == grouped.c.period_start)
    )
    # Within a release a year can be a part of one: it belongs to the quarter of its last figure.
    quarter: Any = grouped.c.last_quarter
    if asked.rule.releases != "same":
        end = dim_period.c.period_end
        source = source.join(dim_quarter, end.between(dim_quarter.c.quarter_start, dim_quarter.c.quarter_end))
        quarter = dim_quarter.c.quarter_start
    values = []
    for side, parts in asked.sides.items():
        value: Any = grouped.c[f"value_{side}"]
        if asked.rule.releases == "current":
            reported = {(part.table.info["source"], part.at, part.where.get("force_code")): part for part in parts}
            for part in reported.values():
                whole = _reported_whole(asked, part)
                source = source.outerjoin(whole, sa.and_(*(column == grouped.c[column.name] for column in whole.c)))
                value = sa.case((whole.c.period_start.is_not(None), value))
        values.append(value)
    return (
        sa.select(
            grouped.c.period_start,
            dim_period.c.period_label,
            grouped.c.geography_code,
            grouped.c.item,
            grouped.c[f"releases_{LEFT}"].label("left_release"),
            grouped.c[f"releases_{RIGHT}"].label("right_release"),
            quarter.label("quarter_start"),
            values[LEFT].label("left_value"),
            values[RIGHT].label("right_value"),
        )
        .select_from(source)
        .cte("compared")
    )


def usual_revisions(sides: sa.CTE) -> sa.Subquery:
    """Return the median size of a figure's revisions, relative to what was revised, in the quarters before each."""
    now = sa.select(sides.c.period_start, sides.c.geography_code, sides.c.item).distinct().subquery("now")
    past = sides.alias("past")
    size = sa.func.abs(past.c.left_value - past.c.right_value) / sa.func.abs(past.c.right_value)
    months_ago = _months(now.c.period_start) - _months(past.c.period_start)
    ranked = (
        sa.select(
            *now.c,
            size.label("size"),
            sa.func.row_number().over(partition_by=[*now.c], order_by=size).label("place"),
            sa.func.count().over(partition_by=[*now.c]).label("places"),
        )
        .join_from(now, past, sa.and_(past.c.geography_code == now.c.geography_code, past.c.item == now.c.item))
        .where(months_ago.between(1, 3 * HISTORY_QUARTERS), past.c.right_value != 0, past.c.left_value.is_not(None))
        .subquery("ranked")
    )
    keys = [ranked.c[column.name] for column in now.c]
    return (
        sa.select(*keys, sa.func.avg(ranked.c.size).label("median"))
        .where((2 * ranked.c.place).between(ranked.c.places, ranked.c.places + 2))
        .group_by(*keys)
        .subquery("usual")
    )


def _months(day: Any) -> Any:
    return sa.extract("year", day) * 12 + sa.extract("month", day)


def _grouped(asked: Asked) -> sa.Subquery:
    rows = [
        _row(asked, part, side, number, columns)
        for side, parts in asked.sides.items()
        for number, part in enumerate(parts)
        for columns in asked.comparison.by
    ]
    if asked.comparison.right == PUBLISHED_TOTALS:
        rows.append(_published(asked))
    rows += [_elsewhere(asked, figure) for figure in asked.comparison.elsewhere if _is_due(asked, figure)]
    row = sa.union_all(*rows).subquery("row")
    keys = [row.c.period_start, row.c.geography_code, row.c.item, row.c.pair]
    grouped = sa.select(
        *keys,
        sa.func.max(row.c.quarter_start).label("last_quarter"),
        *(_value(row, side, parts).label(f"value_{side}") for side, parts in asked.sides.items()),
        *(_releases(row, side).label(f"releases_{side}") for side in asked.sides),
    ).group_by(*keys)
    for name, side in (("left", LEFT), ("right", RIGHT)):
        if name in asked.rule.only:
            grouped = grouped.having(sa.func.count(sa.case((row.c.side == side, 1))) > 0)
    return grouped.subquery("grouped")


def _value(row: sa.Subquery, side: int, parts: Side) -> sa.ColumnElement[Any]:
    """Return the sum of a side's parts: empty where one is missing, or where a figure in it is not known whole."""
    total: Any = None
    for number in range(max(len(parts), 1)):
        its = sa.and_(row.c.side == side, row.c.part == number)
        value = sa.func.sum(sa.case((its, row.c.value))) * sa.func.max(sa.case((its, row.c.factor)))
        total = value if total is None else total + value
    return sa.case((sa.func.min(sa.case((row.c.side == side, row.c.is_whole))) == 1, total))


def _releases(row: sa.Subquery, side: int) -> sa.ColumnElement[Any]:
    """Return the release of a side; of two both, separated by a comma; of more how many there are."""
    its = sa.case((row.c.side == side, row.c.release_id))
    number, first, last = sa.func.count(sa.distinct(its)), sa.func.min(its), sa.func.max(its)
    return sa.case(
        (number == 0, ""),
        (number == 1, first),
        (number == 2, first + "," + last),
        else_=sa.cast(number, sa.String) + " releases",
    )


def _row(asked: Asked, part: Part, side: int, number: int, columns: Sequence[str]) -> sa.Select[Any]:
    """Return the query of a part's figures for one grouping.

    ``pair`` tells apart releases, or pairs of them, that are compared on their own.
    """
    leaf = _leaf(part, asked, columns)
    source: Any = leaf.join(dim_quarter, dim_quarter.c.quarter_start == leaf.c.quarter_start)
    partial = [leaf.c.unknown > 0]
    pair: Any = sa.literal("")
    if asked.rule.releases == "current":
        source = source.join(vintage, sa.and_(join_vintage(leaf, part.table), vintage.c.superseded_on.is_(None)))
        partial.append(_is_early(part, vintage.c.published_on))
    elif asked.rule.releases == "same":
        pair = leaf.c.release_id
    elif asked.rule.releases == "same day":
        source = source.join(release, release.c.release_id == leaf.c.release_id)
        pair = release.c.published_on
    else:
        successor = _successor(part.table, asked.bounds)
        prefix = "" if side == LEFT else "previous_"
        its = [
            successor.c[f"{prefix}release_id"] == leaf.c.release_id,
            successor.c.period_start == leaf.c[f"{part.grain}_start"],
            successor.c.breakdown == (leaf.c[divided] if (divided := division(part.table)) else ""),
        ]
        source = source.join(successor, sa.and_(*its))
        partial.append(_is_early(part, successor.c[f"{prefix}published_on"]))
        pair = successor.c.release_id
    source, period = _at(asked.kind, part.at, source, _period(asked.kind, leaf))
    factor: Any = sa.literal(part.times, sa.Double)
    if part.share:
        over, under = (_national(parts, asked) for parts in (part.share.part, part.share.whole))
        source = source.join(over, over.c.period_start == period).join(under, under.c.period_start == period)
        factor = factor * over.c.value / sa.func.nullif(under.c.value, 0.0)
    source, place = _place(asked.rule.geography, source, leaf, part.table)
    return sa.select(
        sa.literal(side).label("side"),
        sa.literal(number).label("part"),
        period.label("period_start"),
        place.label("geography_code"),
        _item(asked.comparison.item, columns, leaf).label("item"),
        pair.label("pair"),
        leaf.c.release_id,
        leaf.c.quarter_start,
        leaf.c.value,
        factor.label("factor"),
        sa.case((sa.or_(*partial), 0), else_=1).label("is_whole"),
    ).select_from(source)


def _leaf(part: Part, asked: Asked, columns: Sequence[str]) -> sa.Subquery:
    """Return a part's figures summed up to what they are asked by, and how many figures in each sum are not known."""
    fact, measure = part.table, part.table.c[part.measure]
    places = UNIT_COLUMNS if asked.rule.geography_kind != NATIONAL else ()
    names = ("release_id", "quarter_start", "month_start", division(fact), *places, *columns)
    keys = [fact.c[name] for name in dict.fromkeys(names) if name in fact.columns]
    return (
        sa.select(
            *keys,
            sa.cast(sa.func.sum(measure), sa.Double).label("value"),
            (sa.func.count() - sa.func.count(measure)).label("unknown"),
        )
        .where(fact.c.quarter_start.between(*asked.bounds), *part.conditions())
        .group_by(*keys)
        .subquery()
    )


def _is_early(part: Part, published_on: Any) -> sa.ColumnElement[bool]:
    """Return whether a quarter's figure was published before the quarter was over, so that it is of a part of it."""
    return published_on <= dim_quarter.c.quarter_end if part.grain == "quarter" else sa.false()


def _successor(fact: sa.Table, bounds: tuple[dt.date, dt.date]) -> sa.Subquery:
    """Return each vintage of a fact that has one before it, with that one."""
    order: Any = {
        "partition_by": (vintage.c.breakdown, vintage.c.period_start, vintage.c.reporter),
        "order_by": (vintage.c.published_on, release.c.edition, vintage.c.release_id),
    }
    ordered = (
        sa.select(
            *(vintage.c[name] for name in ("breakdown", "period_start", "release_id", "published_on")),
            *(
                sa.func.lag(vintage.c[name]).over(**order).label(f"previous_{name}")
                for name in ("release_id", "published_on")
            ),
        )
        .join_from(vintage, release, release.c.release_id == vintage.c.release_id)
        .where(vintage.c.fact == fact.name, vintage.c.quarter_start.between(*bounds))
        .subquery("ordered")
    )
    return sa.select(*ordered.c).where(ordered.c.previous_release_id.is_not(None)).subquery("successor")


def _period(kind: str, leaf: Any) -> Any:
    return {"month": leaf.c.get("month_start"), "quarter": leaf.c.quarter_start, **YEARS}[kind]


def _at(kind: str, at: str, source: Any, period: Any) -> tuple[Any, Any]:
    """Return a source with its period, moved on where figures are compared with the period after, or a year after."""
    if at == "period":
        return source, period
    later = dim_period.alias("later")
    before = later.c["previous_start" if at == "previous" else "year_before_start"]
    return source.join(later, sa.and_(later.c.period_kind == kind, before == period)), later.c.period_start


def _national(parts: Side, asked: Asked) -> sa.Subquery:
    """Return the current national sum of parts, by period."""
    sums = []
    for part in parts:
        leaf = _leaf(part, asked, ())
        sums.append(
            sa.select(_period(asked.kind, leaf).label("period_start"), (leaf.c.value * part.times).label("value"))
            .join_from(leaf, dim_quarter, dim_quarter.c.quarter_start == leaf.c.quarter_start)
            .join(vintage, sa.and_(join_vintage(leaf, part.table), vintage.c.superseded_on.is_(None)))
        )
    row = sa.union_all(*sums).subquery()
    return (
        sa.select(row.c.period_start, sa.func.sum(row.c.value).label("value")).group_by(row.c.period_start).subquery()
    )


def _place(geography: str, source: Any, leaf: sa.Subquery, fact: sa.Table) -> tuple[Any, Any]:
    """Return a source with the code of its geography."""
    place, unit = compared_places(geography, fact), unit_column(fact)
    if place is None or unit is None:
        return source, sa.literal(geography)
    return source.join(place, place.c.unit == leaf.c[unit.name]), place.c.geography_code


def _item(label: str, columns: Sequence[str], leaf: sa.Subquery) -> Any:
    item: Any = sa.literal(label)
    for position, name in enumerate(columns):
        item = item + f"{'; ' if label or position else ''}{name}=" + leaf.c[name]
    return item


def _published(asked: Asked) -> sa.Select[Any]:
    """Return the query of the totals that the publisher gives of a comparison's left side."""
    total, part, label = published_total, asked.comparison.left[0], asked.comparison.item
    responder = part.where.get("first_responder_type")
    groupings = []
    for columns in asked.comparison.by:
        named = [
            total.c.members.contains(f"; {name}=", autoescape=True)
            if position
            else total.c.members.startswith(f"{name}=", autoescape=True)
            for position, name in enumerate(columns)
        ]
        no_more = {0: total.c.members == "", 1: sa.not_(total.c.members.contains("; "))}.get(len(columns), sa.true())
        groupings.append(sa.and_(no_more, *named))
    return sa.select(
        sa.literal(RIGHT).label("side"),
        sa.literal(0).label("part"),
        total.c.period_start,
        sa.literal(asked.rule.geography).label("geography_code"),
        sa.case((total.c.members == "", label), else_=(f"{label}; " if label else "") + total.c.members).label("item"),
        total.c.release_id.label("pair"),
        total.c.release_id,
        total.c.quarter_start,
        total.c.value,
        sa.literal(1.0, sa.Double).label("factor"),
        # Nothing can be held against a total of which a part is not known.
        sa.case((total.c.parts_unavailable > 0, 0), else_=1).label("is_whole"),
    ).where(
        total.c.fact == part.fact,
        total.c.breakdown == "/".join([part.breakdown, *(str(v) for v in (responder.values if responder else ()))]),
        total.c.measure == part.measure,
        total.c.period_kind == asked.kind,
        total.c.quarter_start.between(*asked.bounds),
        sa.or_(*groupings),
        _loaded_whole(part),
    )


def _is_due(asked: Asked, figure: Elsewhere) -> bool:
    first, last = asked.bounds
    return parse_period(figure.period)[0] == asked.kind and first <= last_quarter(figure.period) <= last


def _elsewhere(asked: Asked, figure: Elsewhere) -> sa.Select[Any]:
    """Return the query of a figure that was published elsewhere; where it was stands for its release."""
    return sa.select(
        sa.literal(RIGHT).label("side"),
        sa.literal(0).label("part"),
        sa.literal(parse_period(figure.period)[1]).label("period_start"),
        sa.literal(asked.rule.geography).label("geography_code"),
        sa.literal(asked.comparison.item).label("item"),
        sa.literal("").label("pair"),
        sa.literal(figure.publication).label("release_id"),
        sa.literal(last_quarter(figure.period)).label("quarter_start"),
        sa.literal(figure.value, sa.Double).label("value"),
        sa.literal(1.0, sa.Double).label("factor"),
        sa.literal(1).label("is_whole"),
    )


def _loaded_whole(part: Part) -> sa.ColumnElement[bool]:
    """Return whether every quarter that a published total sums is loaded: one alone may have been backfilled."""
    within = (published_total.c.period_start, published_total.c.quarter_start)
    loaded = sa.select(sa.func.count()).where(
        load_log.c.stage == f"load {part.table.info['source']}", load_log.c.quarter_start.between(*within)
    )
    due = sa.select(sa.func.count()).select_from(dim_quarter).where(dim_quarter.c.quarter_start.between(*within))
    return loaded.scalar_subquery() == due.scalar_subquery()


def _reported_whole(asked: Asked, part: Part) -> sa.Subquery:
    """Return the periods, and geographies where reporters have one, of which every report was received."""
    reporters = part.reporters
    reports = PERIOD_MONTHS[asked.kind] // PERIOD_MONTHS[reporters.every]
    received: Any = coverage.join(dim_quarter, dim_quarter.c.quarter_start == coverage.c.quarter_start)
    month = {"month": coverage.c.period_start, "quarter": coverage.c.quarter_start}
    received, period = _at(asked.kind, part.at, received, {**month, **YEARS}[asked.kind])
    report_of = month.get(reporters.every, coverage.c.period_start)
    columns = [period.label("period_start"), coverage.c.reporter, report_of.label("report")]
    its = sa.and_(coverage.c.source == part.table.info["source"], coverage.c.received)
    if reporters.dimension == PUBLISHER:
        report = sa.select(*columns).select_from(received).where(its).distinct().subquery()
        counted = sa.select(report.c.period_start).group_by(report.c.period_start)
        return counted.having(sa.func.count() == reports).subquery()
    reporter = compared_reporters(reporters.dimension, asked.rule.geography)
    if summed := part.where.get("force_code"):
        reporter = sa.select(reporter).where(summed.holds(reporter.c.reporter)).subquery("summed_reporters")
    place = reporter.c.geography_code
    due = sa.select(place, sa.func.count().label("reporters")).group_by(place).subquery()
    received = received.join(reporter, reporter.c.reporter == coverage.c.reporter)
    report = sa.select(*columns, place).select_from(received).where(its).distinct().subquery()
    return (
        sa.select(report.c.period_start, report.c.geography_code)
        .join_from(report, due, due.c.geography_code == report.c.geography_code)
        .group_by(report.c.period_start, report.c.geography_code, due.c.reporters)
        .having(sa.func.count() == due.c.reporters * reports)
        .subquery()
    )
