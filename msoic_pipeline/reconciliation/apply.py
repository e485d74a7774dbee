"""The one function that applies the rules. All sums, joins and verdicts are the database's: the results go from the facts
into ``reconciliation_result`` without passing through here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.model.dimensions import dim_cps_area, dim_force, dim_period, dim_quarter
from msoic_pipeline.model.evidence import coverage, load_log, reconciliation_result, release, vintage
from msoic_pipeline.model.facts import published_total
from msoic_pipeline.model.views import division, join_vintage
from msoic_pipeline.periods import PERIOD_MONTHS, parse_period, shift_months
from msoic_pipeline.reconciliation.rules import (
    PUBLISHED_TOTALS,
    Acceptance,
    Comparison,
    Part,
    Rule,
    Side,
    load_acceptances,
    load_rules,
)
from msoic_pipeline.warehouse import reading, writing

STAGE = "reconcile"
# How many quarters before its own a result may rest on: what is usual looks farthest back.
HISTORY_QUARTERS = 12
WORST = 5
LEFT, RIGHT = 0, 1
POLICE = ("territorial force", "special force")
YEARS = {"calendar_year": dim_quarter.c.calendar_year_start, "financial_year": dim_quarter.c.financial_year_start}


@dataclass(frozen=True)
class Summary:
    """What the rules found in the quarters asked for.

    ``changed`` are the quarters that were computed anew; ``counts`` has results by rule and status; ``blocking`` and
    ``warnings`` are how many broke, by severity; ``worst`` puts the few worst breaks into words, without the figures of
    force returns.
    """

    changed: tuple[dt.date, ...]
    counts: dict[str, dict[str, int]]
    blocking: int
    warnings: int
    worst: tuple[str, ...]


def reconcile_quarters(
    engine: Engine,
    quarters: Sequence[dt.date],
    *,
    rules: Sequence[Rule] | None = None,
    acceptances: Sequence[Acceptance] | None = None,
    today: dt.date | None = None,
) -> Summary:
    """Bring the results of ``quarters`` up to date in one transaction and return what was found in them.

    A quarter is computed anew only where rules, acceptances in force or loaded facts have changed since it last was. A
    longer period's result belongs to its last quarter. ``rules`` and ``acceptances`` default to those of the package.
    """
    rules = load_rules() if rules is None else tuple(rules)
    day = today or dt.date.today()
    in_force = [a for a in (load_acceptances() if acceptances is None else acceptances) if a.until >= day]
    with reading(engine) as connection:
        changed = sorted(_stale(connection, quarters, rules, in_force))
    if changed:
        with writing(engine) as connection:
            _replace(connection, changed, rules, in_force)
    with reading(engine) as connection:
        return _summary(connection, quarters, tuple(changed), rules)


@cache
def _code_digest() -> str:
    folder = Path(__file__).parent
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))).hexdigest()


def _fingerprints(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> dict[dt.date, str]:
    """Return, by quarter, a digest of all that its results rest on: code, rules, acceptances, and what was loaded."""
    loads: dict[dt.date, list[str]] = defaultdict(list)
    loaded = sa.select(load_log).where(load_log.c.stage.startswith("load ")).order_by(load_log.c.stage)
    for entry in connection.execute(loaded):
        loads[entry.quarter_start].append(f"{entry.stage} {entry.quarter_start} {entry.fingerprint}")
    declared = [_code_digest(), *(declaration.model_dump_json() for declaration in (*rules, *in_force))]
    return {
        quarter: hashlib.sha256(
            "\n".join(
                [
                    *declared,
                    *(
                        entry
                        for back in range(HISTORY_QUARTERS + 1)
                        for entry in loads[shift_months(quarter, -3 * back)]
                    ),
                ]
            ).encode()
        ).hexdigest()
        for quarter in quarters
    }


def _stale(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> list[dt.date]:
    known = sa.select(load_log.c.quarter_start, load_log.c.fingerprint).where(load_log.c.stage == STAGE)
    computed = {entry.quarter_start: entry.fingerprint for entry in connection.execute(known)}
    wanted = _fingerprints(connection, quarters, rules, in_force)
    return [quarter for quarter, fingerprint in wanted.items() if computed.get(quarter) != fingerprint]


def _replace(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> None:
    result = reconciliation_result
    connection.execute(sa.delete(result).where(result.c.quarter_start.in_(quarters)))
    for rule in rules:
        accepted = [acceptance for acceptance in in_force if acceptance.rule == rule.rule_id]
        for kind in rule.periods:
            for comparison in rule.comparisons:
                found = _results(rule, kind, comparison, accepted, quarters)
                connection.execute(sa.insert(result).from_select([c.name for c in found.selected_columns], found))
    entries = [
        {"stage": STAGE, "quarter_start": quarter, "fingerprint": fingerprint}
        for quarter, fingerprint in _fingerprints(connection, quarters, rules, in_force).items()
    ]
    connection.execute(sa.delete(load_log).where(load_log.c.stage == STAGE, load_log.c.quarter_start.in_(quarters)))
    connection.execute(sa.insert(load_log), entries)


def _results(
    rule: Rule, kind: str, comparison: Comparison, accepted: Sequence[Acceptance], quarters: Sequence[dt.date]
) -> sa.Select[Any]:
    """Return the query for the rows of reconciliation_result of one comparison and kind of period."""
    compared = _compared(rule, kind, comparison, quarters)
    names = ("period_start", "period_label", "geography_code", "item", "left_release", "right_release", "quarter_start")
    values = (compared.c.left_value, compared.c.right_value)
    missing = sa.or_(*(value.is_(None) for value in values))
    measured = (
        sa.select(
            *(compared.c[name] for name in names),
            *values,
            (compared.c.left_value - compared.c.right_value).label("difference"),
            sa.case((sa.not_(missing), _tolerance(comparison, compared))).label("tolerance"),
        )
        .where(compared.c.quarter_start.in_(quarters))
        .subquery("measured")
    )
    difference = measured.c.difference
    agrees, within = {
        "equal": (difference == 0, sa.func.abs(difference) <= measured.c.tolerance),
        "at most": (difference <= 0, difference <= measured.c.tolerance),
        "differ": (difference != 0, sa.false()),
    }[comparison.compare]
    cases = [(difference.is_(None), "not comparable"), (agrees, "agrees"), (within, "within tolerance")]
    excuses = [(_is_accepted(acceptance, kind, measured), acceptance.words()) for acceptance in accepted]
    if excuses:
        cases.append((sa.or_(*(condition for condition, _ in excuses)), "explained"))
    status = sa.case(*cases, else_="breaks")
    judged = sa.select(*measured.c, status.label("status")).subquery("judged")
    may_differ = comparison.may_differ or rule.may_differ
    not_comparable = (
        sa.case(
            (
                sa.and_(judged.c.left_value.is_(None), judged.c.right_value.is_(None)),
                "Both sides are missing or incomplete.",
            ),
            (judged.c.left_value.is_(None), "The left side is missing or incomplete."),
            else_="The right side is missing or incomplete.",
        )
        if comparison.right or rule.releases == "consecutive"
        else sa.literal(may_differ)
    )
    explanation = sa.case(
        (judged.c.status == "agrees", ""),
        (judged.c.status == "not comparable", not_comparable),
        *(
            (sa.and_(judged.c.status == "explained", _is_accepted(acceptance, kind, judged)), acceptance.words())
            for acceptance in accepted
        ),
        else_=may_differ,
    )
    return sa.select(
        sa.literal(rule.rule_id).label("rule_id"),
        sa.literal(kind).label("period_kind"),
        sa.literal(rule.geography_kind).label("geography_kind"),
        sa.literal(rule.severity).label("severity"),
        *judged.c,
        explanation.label("explanation"),
    )


def _is_accepted(acceptance: Acceptance, kind: str, row: sa.Subquery) -> sa.ColumnElement[bool]:
    period_kind, period_start = parse_period(acceptance.period)
    conditions = [sa.literal(period_kind == kind), row.c.period_start == period_start]
    if acceptance.geography is not None:
        conditions.append(row.c.geography_code == acceptance.geography)
    if acceptance.item is not None:
        conditions.append(row.c.item == acceptance.item)
    if acceptance.reference_period is not None:
        its = sa.select(release.c.release_id).where(release.c.reference_period == acceptance.reference_period)
        conditions.append(row.c.left_release.in_(its))
    if acceptance.up_to is not None:
        conditions.append(sa.func.abs(row.c.difference) <= acceptance.up_to)
    return sa.and_(*conditions)


def _tolerance(comparison: Comparison, compared: sa.Subquery) -> sa.ColumnElement[Any]:
    allowed = comparison.tolerance
    size = sa.func.abs(compared.c.right_value)
    share: Any = sa.literal(allowed.relative)
    if allowed.usual:
        usual = _usual(compared)
        at = (usual.c[name] == compared.c[name] for name in ("period_start", "geography_code", "item"))
        median = sa.func.coalesce(sa.select(usual.c.median).where(*at).scalar_subquery(), 0.0)
        share = _larger(share, median * allowed.usual)
    if allowed.ceiling is not None:
        share = sa.case((share > allowed.ceiling, allowed.ceiling), else_=share)
    return _larger(sa.literal(allowed.absolute), size * share)


def _larger(one: Any, other: Any) -> sa.ColumnElement[Any]:
    return sa.case((one >= other, one), else_=other)


def _usual(compared: sa.Subquery) -> sa.Subquery:
    """Return the median size of revisions, relative to what was revised, of a figure in the quarters before each."""
    now = sa.select(compared.c.period_start, compared.c.geography_code, compared.c.item).distinct().subquery("now")
    past = compared.alias("past")
    size = sa.func.abs(past.c.left_value - past.c.right_value) / sa.func.abs(past.c.right_value)
    order = {"partition_by": (now.c.period_start, now.c.geography_code, now.c.item)}
    ago = _months(now.c.period_start) - _months(past.c.period_start)
    ranked = (
        sa.select(
            *now.c,
            size.label("size"),
            sa.func.row_number().over(**order, order_by=size).label("place"),
            sa.func.count().over(**order).label("places"),
        )
        .join_from(now, past, sa.and_(past.c.geography_code == now.c.geography_code, past.c.item == now.c.item))
        .where(ago.between(1, 3 * HISTORY_QUARTERS), past.c.right_value != 0, past.c.left_value.is_not(None))
        .subquery("ranked")
    )
    return (
        sa.select(
            ranked.c.period_start, ranked.c.geography_code, ranked.c.item, sa.func.avg(ranked.c.size).label("median")
        )
        .where((2 * ranked.c.place).between(ranked.c.places, ranked.c.places + 2))
        .group_by(ranked.c.period_start, ranked.c.geography_code, ranked.c.item)
        .subquery("usual")
    )


def _months(day: Any) -> Any:
    return sa.extract("year", day) * 12 + sa.extract("month", day)


def _compared(rule: Rule, kind: str, comparison: Comparison, quarters: Sequence[dt.date]) -> Any:
    """Return both sides beside each other, by period, geography, item and releases; a side not known whole is empty."""
    # Up to the last quarter of the years that hold the last quarter asked for.
    bounds = (shift_months(min(quarters), -3 * HISTORY_QUARTERS), shift_months(max(quarters), 9))
    sides: dict[int, Side] = {LEFT: comparison.left}
    rows = [
        row for n, part in enumerate(comparison.left) for row in _rows(rule, kind, comparison, part, LEFT, n, bounds)
    ]
    if comparison.right == PUBLISHED_TOTALS:
        rows.append(_published(kind, comparison, rule.geography, bounds))
    elif rule.releases == "consecutive" or comparison.right:
        sides[RIGHT] = comparison.left if rule.releases == "consecutive" else comparison.right  # type: ignore[assignment]
        rows += [
            row for n, part in enumerate(sides[RIGHT]) for row in _rows(rule, kind, comparison, part, RIGHT, n, bounds)
        ]
    row = sa.union_all(*rows).subquery("row")
    keys = (row.c.period_start, row.c.geography_code, row.c.item, row.c.pair)
    there = {side: sa.func.count(sa.case((row.c.side == side, 1))) for side in (LEFT, RIGHT)}
    grouped: Any = sa.select(
        *keys,
        sa.func.max(row.c.quarter_start).label("last_quarter"),
        *(_value(row, side, sides.get(side, ())).label(f"value_{side}") for side in (LEFT, RIGHT)),
        *(_releases(row, side).label(f"releases_{side}") for side in (LEFT, RIGHT)),
    ).group_by(*keys)
    if rule.only:
        grouped = grouped.having(there[LEFT if rule.only == "left" else RIGHT] > 0)
    grouped = grouped.subquery("grouped")
    # The quarter of a part of a year is that of its last figure; every other period is known whole or not at all.
    last_quarter = sa.and_(
        dim_period.c.period_end >= dim_quarter.c.quarter_start, dim_period.c.period_end <= dim_quarter.c.quarter_end
    )
    placed: Any = grouped.join(
        dim_period, sa.and_(dim_period.c.period_kind == kind, dim_period.c.period_start == grouped.c.period_start)
    )
    quarter = grouped.c.last_quarter
    if rule.releases != "same":
        placed, quarter = placed.join(dim_quarter, last_quarter), dim_quarter.c.quarter_start
    values = []
    for side in (LEFT, RIGHT):
        reported = []
        for part in {(p.table.info["source"], p.at): p for p in sides.get(side, ())}.values():
            if rule.releases == "current":
                whole = _reported_whole(part, kind, rule.geography)
                same = [whole.c[name] == grouped.c[name] for name in whole.c.keys()]
                placed = placed.outerjoin(whole, sa.and_(*same))
                reported.append(whole.c.period_start.is_not(None))
        value = grouped.c[f"value_{side}"]
        values.append(sa.case((sa.and_(*reported), value)) if reported else value)
    return (
        sa.select(
            grouped.c.period_start,
            dim_period.c.period_label,
            grouped.c.geography_code,
            grouped.c.item,
            grouped.c.releases_0.label("left_release"),
            grouped.c.releases_1.label("right_release"),
            quarter.label("quarter_start"),
            values[LEFT].label("left_value"),
            values[RIGHT].label("right_value"),
        )
        .select_from(placed)
        .cte("compared")
    )


def _value(row: sa.Subquery, side: int, parts: Sequence[Part]) -> sa.ColumnElement[Any]:
    """Return the sum of a side's parts: empty where one is missing, or where a figure in it is not known whole."""
    total: Any = None
    for n in range(max(len(parts), 1)):
        its = sa.and_(row.c.side == side, row.c.part == n)
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


def _period(kind: str, month: Any, quarter: Any) -> Any:
    return {"month": month, "quarter": quarter, **YEARS}[kind]


def _rows(
    rule: Rule, kind: str, comparison: Comparison, part: Part, side: int, number: int, bounds: tuple[dt.date, dt.date]
) -> list[sa.Select[Any]]:
    """Return, for each grouping, a query for the rows of a fact that go into a part of a side."""
    fact = part.table
    source: Any = fact.join(dim_quarter, dim_quarter.c.quarter_start == fact.c.quarter_start)
    conditions = [fact.c.quarter_start.between(*bounds), *_conditions(part)]
    published: Any = None
    pair: Any = sa.literal("")
    if rule.releases == "current":
        source = source.join(vintage, join_vintage(fact, fact))
        conditions.append(vintage.c.superseded_on.is_(None))
        published = vintage.c.published_on
    elif rule.releases == "same":
        pair = fact.c.release_id
    elif rule.releases == "same day":
        source = source.join(release, release.c.release_id == fact.c.release_id)
        pair = release.c.published_on
    else:
        chain = _chain(fact, bounds)
        its_release, published = (
            (chain.c.release_id, chain.c.published_on)
            if side == LEFT
            else (chain.c.previous_release_id, chain.c.previous_published_on)
        )
        divided = division(fact)
        source = source.join(
            chain,
            sa.and_(
                its_release == fact.c.release_id,
                chain.c.period_start == fact.c["month_start" if part.grain == "month" else "quarter_start"],
                chain.c.breakdown == (fact.c[divided] if divided else ""),
            ),
        )
        pair = chain.c.release_id
    # Published before the period was over, a quarterly figure is not the whole of it.
    partial = [fact.c[part.measure].is_(None)]
    if published is not None and part.grain == "quarter":
        partial.append(published <= dim_quarter.c.quarter_end)
    period = _period(kind, fact.c.get("month_start"), fact.c.quarter_start)
    if part.at != "period":
        source, period = _shifted(source, kind, period, part.at)
    factor: Any = sa.literal(part.times, sa.Double)
    if part.share:
        over, under = (_national(parts, kind, bounds) for parts in (part.share.part, part.share.whole))
        source = source.join(over, over.c.period_start == period).join(under, under.c.period_start == period)
        factor = factor * over.c.value / under.c.value
    source, geography = _geography(rule.geography, source, fact)
    return [
        sa.select(
            sa.literal(side).label("side"),
            sa.literal(number).label("part"),
            period.label("period_start"),
            geography.label("geography_code"),
            _item(comparison.item, columns, fact).label("item"),
            pair.label("pair"),
            fact.c.release_id.label("release_id"),
            fact.c.quarter_start.label("quarter_start"),
            sa.cast(fact.c[part.measure], sa.Double).label("value"),
            factor.label("factor"),
            sa.case((sa.or_(*partial), 0), else_=1).label("is_whole"),
        )
        .select_from(source)
        .where(*conditions)
        for columns in comparison.by
    ]


def _conditions(part: Part) -> list[Any]:
    conditions = []
    for name, condition in part.where.items():
        own, column = part.column(name)
        holds = column.in_(condition.values)
        if column is not own:
            key = column.table.c[own.info["references"].split(".")[1]]
            holds = own.in_(sa.select(key).where(holds))
        conditions.append(sa.not_(holds) if condition.negated else holds)
    return conditions


def _chain(fact: sa.Table, bounds: tuple[dt.date, dt.date]) -> sa.Subquery:
    """Return each vintage of a fact that has one before it, with that one."""
    order: Any = {
        "partition_by": (vintage.c.breakdown, vintage.c.period_start, vintage.c.reporter),
        "order_by": (vintage.c.published_on, release.c.edition, vintage.c.release_id),
    }
    names = ("breakdown", "period_start", "release_id", "published_on")
    ordered = (
        sa.select(
            *(vintage.c[name] for name in names),
            sa.func.lag(vintage.c.release_id).over(**order).label("previous_release_id"),
            sa.func.lag(vintage.c.published_on).over(**order).label("previous_published_on"),
        )
        .join_from(vintage, release, release.c.release_id == vintage.c.release_id)
        .where(vintage.c.fact == fact.name, vintage.c.quarter_start.between(*bounds))
        .subquery("ordered")
    )
    return sa.select(*ordered.c).where(ordered.c.previous_release_id.is_not(None)).subquery("chain")


def _shifted(source: Any, kind: str, period: Any, at: str) -> tuple[Any, Any]:
    """Return a source whose figures stand at the period after, or a year after, their own."""
    later = dim_period.alias("later")
    its = later.c["previous_start" if at == "previous" else "year_before_start"]
    return source.join(later, sa.and_(later.c.period_kind == kind, its == period)), later.c.period_start


def _national(parts: Side, kind: str, bounds: tuple[dt.date, dt.date]) -> sa.Subquery:
    """Return the current national sum of parts, by period."""
    sums = []
    for part in parts:
        fact = part.table
        period = _period(kind, fact.c.get("month_start"), fact.c.quarter_start)
        sums.append(
            sa.select(
                period.label("period_start"), (sa.cast(fact.c[part.measure], sa.Double) * part.times).label("value")
            )
            .join_from(fact, dim_quarter, dim_quarter.c.quarter_start == fact.c.quarter_start)
            .join(vintage, join_vintage(fact, fact))
            .where(vintage.c.superseded_on.is_(None), fact.c.quarter_start.between(*bounds), *_conditions(part))
        )
    row = sa.union_all(*sums).subquery()
    return (
        sa.select(row.c.period_start, sa.func.sum(row.c.value).label("value")).group_by(row.c.period_start).subquery()
    )


def _geography(geography: str, source: Any, fact: sa.Table) -> tuple[Any, Any]:
    if geography == "force":
        police = sa.and_(dim_force.c.force_code == fact.c.force_code, dim_force.c.kind.in_(POLICE))
        return source.join(dim_force, police), dim_force.c.force_code
    if geography == "cps_area" and "force_code" in fact.columns:
        police = sa.and_(dim_force.c.force_code == fact.c.force_code, dim_force.c.cps_area.is_not(None))
        return source.join(dim_force, police), dim_force.c.cps_area
    if geography == "cps_area":
        area = dim_cps_area.c.cps_area_code == fact.c.cps_area
        return source.join(dim_cps_area, area), dim_cps_area.c.area_group
    return source, sa.literal(geography)


def _item(label: str, columns: Sequence[str], fact: sa.Table) -> Any:
    item: Any = sa.literal(label)
    for position, name in enumerate(columns):
        item = item + f"{'; ' if label or position else ''}{name}=" + fact.c[name]
    return item


def _published(kind: str, comparison: Comparison, geography: str, bounds: tuple[dt.date, dt.date]) -> sa.Select[Any]:
    """Return a query for the totals that the publisher gives of a comparison's left side."""
    total, part = published_total, comparison.left[0]
    responder = part.where.get("first_responder_type")
    breakdown = "/".join([part.breakdown, *(str(value) for value in (responder.values if responder else ()))])
    groupings = []
    for columns in comparison.by:
        words = total.c.members == "" if not columns else total.c.members.startswith(f"{columns[0]}=", autoescape=True)
        inner = [total.c.members.contains(f"; {name}=", autoescape=True) for name in columns[1:]]
        alone = [] if len(columns) > 1 else [sa.not_(total.c.members.contains("; "))]
        groupings.append(sa.and_(words, *inner, *alone))
    label = comparison.item
    item = sa.case((total.c.members == "", label), else_=(f"{label}; " if label else "") + total.c.members)
    return sa.select(
        sa.literal(RIGHT).label("side"),
        sa.literal(0).label("part"),
        total.c.period_start,
        sa.literal(geography).label("geography_code"),
        item.label("item"),
        total.c.release_id.label("pair"),
        total.c.release_id,
        total.c.quarter_start,
        total.c.value,
        sa.literal(1.0, sa.Double).label("factor"),
        sa.literal(1).label("is_whole"),
    ).where(
        total.c.fact == part.fact,
        total.c.breakdown == breakdown,
        total.c.measure == part.measure,
        total.c.period_kind == kind,
        total.c.quarter_start.between(*bounds),
        sa.or_(*groupings),
    )


def _reported_whole(part: Part, kind: str, geography: str) -> sa.Subquery:
    """Return the periods (and geographies, where reporters have one) of which every report was received."""
    reporters = part.reporters
    reports = PERIOD_MONTHS[kind] // PERIOD_MONTHS[reporters.every]
    stamp = coverage.c.period_start if reporters.every == "month" else coverage.c.quarter_start
    source: Any = coverage.join(dim_quarter, dim_quarter.c.quarter_start == coverage.c.quarter_start)
    period = _period(kind, coverage.c.period_start, coverage.c.quarter_start)
    if part.at != "period":
        source, period = _shifted(source, kind, period, part.at)
    columns = [period.label("period_start"), coverage.c.reporter, stamp.label("stamp")]
    received = sa.and_(coverage.c.source == part.table.info["source"], coverage.c.received)
    if reporters.dimension == "publisher":
        row = sa.select(*columns).select_from(source).where(received).distinct().subquery()
        whole = sa.select(row.c.period_start).group_by(row.c.period_start).having(sa.func.count() == reports)
        return whole.subquery()
    member = _reporters(reporters.dimension, geography)
    size = (
        sa.select(member.c.geography_code, sa.func.count().label("number")).group_by(member.c.geography_code).subquery()
    )
    source = source.join(member, member.c.reporter == coverage.c.reporter)
    row = sa.select(*columns, member.c.geography_code).select_from(source).where(received).distinct().subquery()
    return (
        sa.select(row.c.period_start, row.c.geography_code)
        .join_from(row, size, size.c.geography_code == row.c.geography_code)
        .group_by(row.c.period_start, row.c.geography_code, size.c.number)
        .having(sa.func.count() == size.c.number * reports)
        .subquery()
    )


def _reporters(dimension: str, geography: str) -> sa.Subquery:
    """Return who should report, by geography."""
    if dimension == "cps_area":
        code, area = dim_cps_area.c.cps_area_code, dim_cps_area.c.area_group
        return sa.select(
            code.label("reporter"), (area if geography == "cps_area" else sa.literal(geography)).label("geography_code")
        ).subquery()
    code = dim_force.c.force_code
    place = {"force": code, "cps_area": dim_force.c.cps_area}.get(geography, sa.literal(geography))
    kinds = POLICE if geography == "force" else POLICE[:1]
    return (
        sa.select(code.label("reporter"), place.label("geography_code")).where(dim_force.c.kind.in_(kinds)).subquery()
    )


def _summary(
    connection: Connection, quarters: Sequence[dt.date], changed: tuple[dt.date, ...], rules: Sequence[Rule]
) -> Summary:
    result = reconciliation_result
    within = result.c.quarter_start.in_(quarters)
    counts: dict[str, dict[str, int]] = {rule.rule_id: {} for rule in rules}
    by_status = (
        sa.select(result.c.rule_id, result.c.status, sa.func.count().label("number"))
        .where(within)
        .group_by(result.c.rule_id, result.c.status)
        .order_by(result.c.rule_id, result.c.status)
    )
    for row in connection.execute(by_status):
        counts.setdefault(row.rule_id, {})[row.status] = row.number
    breaks = sa.and_(within, result.c.status == "breaks")
    broken = dict(
        connection.execute(
            sa.select(result.c.severity, sa.func.count()).where(breaks).group_by(result.c.severity)
        ).all()
    )
    size = sa.func.abs(result.c.difference) / _larger(result.c.tolerance, sa.literal(1.0))
    order = [result.c.severity, size.desc(), *(column for column in result.primary_key.columns)]
    worst = connection.execute(sa.select(result).where(breaks).order_by(*order).limit(WORST))
    known = {rule.rule_id: rule for rule in rules}
    return Summary(
        changed=changed,
        counts=counts,
        blocking=broken.get("block", 0),
        warnings=broken.get("warn", 0),
        worst=tuple(_words(row, known.get(row.rule_id)) for row in worst),
    )


def _words(row: Any, rule: Rule | None) -> str:
    place = ", ".join(filter(None, (row.period_label, row.geography_code, row.item)))
    figures = (
        "figures withheld"
        if rule is None or rule.is_sensitive
        else f"{row.left_value:,.10g} against {row.right_value:,.10g}, a difference of {row.difference:+,.10g} where "
        f"{row.tolerance:,.10g} is allowed"
    )
    return f"{row.severity}: {rule.title if rule else row.rule_id} ({row.rule_id}), {place}: {figures}"
