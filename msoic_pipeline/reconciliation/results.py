"""From both sides to a result: what they differ by, how much of that is allowed, and what is concluded.

Of Essex in 2022-Q1 (see ``sides``), where five, or 5% of the right side, may be missing or too many:

    compared   103 against 100
    measured   difference 3, tolerance 5
    result     within tolerance
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model.evidence import release
from msoic_pipeline.periods import parse_period, periods
from msoic_pipeline.reconciliation.acceptances import Acceptance
from msoic_pipeline.reconciliation.asked import USUAL_QUARTERS, AskedComparison
from msoic_pipeline.reconciliation.comparisons import Comparison, Tolerance
from msoic_pipeline.reconciliation.expressions import LargerOf, SmallerOf
from msoic_pipeline.reconciliation.rules import Rule
from msoic_pipeline.reconciliation.sides import compare_sides

# What one result is told from another of its comparison by, as far as what is usual depends on it.
RESULT_KEY_OF_REVISION = ("period_start", "geography_code", "item", "left_release")


@dataclass(frozen=True)
class ResultQuery:
    """The query of the rows of reconciliation_result that a comparison makes."""

    asked: AskedComparison
    query: sa.Select[Any]


@dataclass(frozen=True)
class Conclusion:
    """What is concluded where ``condition`` is the first of several to hold."""

    condition: sa.ColumnElement[bool]
    status: str
    explanation: str


def list_result_queries(
    rule: Rule, quarters: Sequence[dt.date], in_force: Sequence[Acceptance]
) -> Iterator[ResultQuery]:
    """Yield the queries of a rule's results in some quarters: one a kind of period and comparison.

    ``in_force`` are the acceptances that have not ended, of any rule.
    """
    for period_kind in rule.period_kinds:
        accepted = [
            acceptance
            for acceptance in in_force
            if acceptance.rule == rule.rule_id and parse_period(acceptance.period)[0] == period_kind
        ]
        for comparison in rule.comparisons:
            asked = AskedComparison(rule, comparison, period_kind, tuple(quarters))
            yield ResultQuery(asked, select_results(asked, accepted))


def select_results(asked: AskedComparison, acceptances: Sequence[Acceptance]) -> sa.Select[Any]:
    """Return the query of the rows of reconciliation_result that a comparison makes.

    ``acceptances`` are those of the rule and kind of period. Of several that fit a result the first explains it.
    """
    rule, comparison = asked.rule, asked.comparison
    measured = add_differences(asked, compare_sides(asked))
    conclusions = list(_list_conclusions(asked, measured, acceptances))
    may_differ = comparison.may_differ or rule.may_differ
    results = sa.select(
        sa.literal(rule.rule_id).label("rule_id"),
        sa.literal(asked.period_kind).label("period_kind"),
        sa.literal(rule.geography_kind).label("geography_kind"),
        sa.literal(rule.severity).label("severity"),
        *measured.c,
        _select_concluded(conclusions, "status", "breaks"),
        _select_concluded(conclusions, "explanation", may_differ),
    )
    if "breaks" in rule.only:
        # Of what is grouped by members only what breaks is kept, explained or not.
        is_ungrouped = measured.c.item == comparison.item
        holds = sa.or_(*(conclusion.condition for conclusion in conclusions if conclusion.status != "explained"))
        results = results.where(sa.or_(is_ungrouped, sa.not_(holds)))
    return results


def _select_concluded(conclusions: Sequence[Conclusion], name: str, otherwise: str) -> sa.Label[Any]:
    """Return the column ``status`` or ``explanation`` of the first conclusion whose condition holds."""
    cases = [(conclusion.condition, getattr(conclusion, name)) for conclusion in conclusions]
    return sa.case(*cases, else_=otherwise).label(name)


def _list_conclusions(
    asked: AskedComparison, measured: sa.CTE, acceptances: Sequence[Acceptance]
) -> Iterator[Conclusion]:
    """Yield what is concluded of a result, in the order in which it is tried; where none holds, it breaks."""
    may_differ = asked.comparison.may_differ or asked.rule.may_differ
    for condition, words in _list_missing_sides(measured):
        has_right = asked.rule.has_right_side(asked.comparison)
        yield Conclusion(condition, "not comparable", words if has_right else may_differ)
    yield Conclusion(_is_in_agreement(asked.comparison, measured), "agrees", "")
    yield Conclusion(_is_within_tolerance(asked.comparison, measured), "within tolerance", may_differ)
    for acceptance in acceptances:
        yield Conclusion(_is_accepted(acceptance, measured), "explained", acceptance.tell())


def _list_missing_sides(measured: sa.CTE) -> list[tuple[sa.ColumnElement[bool], str]]:
    """Return the conditions that a side is missing, each with the words for it."""
    left_is_missing, right_is_missing = measured.c.left_value.is_(None), measured.c.right_value.is_(None)
    return [
        (sa.and_(left_is_missing, right_is_missing), "Both sides are missing or incomplete."),
        (left_is_missing, "The left side is missing or incomplete."),
        (right_is_missing, "The right side is missing or incomplete."),
    ]


def _is_in_agreement(comparison: Comparison, measured: sa.CTE) -> sa.ColumnElement[bool]:
    """Return whether a result is exactly what the comparison says should hold."""
    difference = measured.c.difference
    if comparison.compare == "equal":
        return difference == 0
    if comparison.compare == "at most":
        return difference <= 0
    if comparison.compare == "at least":
        return difference >= 0
    return difference != 0


def _is_within_tolerance(comparison: Comparison, measured: sa.CTE) -> sa.ColumnElement[bool]:
    """Return whether a result departs from what should hold by no more than is allowed."""
    difference, tolerance = measured.c.difference, measured.c.tolerance
    if comparison.compare == "equal":
        return sa.func.abs(difference) <= tolerance
    if comparison.compare == "at most":
        return difference <= tolerance
    if comparison.compare == "at least":
        return difference >= -tolerance
    return sa.false()


def _is_accepted(acceptance: Acceptance, measured: sa.CTE) -> sa.ColumnElement[bool]:
    conditions = [measured.c.period_start == parse_period(acceptance.period)[1]]
    if acceptance.geography is not None:
        conditions.append(measured.c.geography_code == acceptance.geography)
    if acceptance.item is not None:
        conditions.append(measured.c.item == acceptance.item)
    if acceptance.reference_period is not None:
        of_period = sa.select(release.c.release_id).where(release.c.reference_period == acceptance.reference_period)
        conditions.append(measured.c.left_release.in_(of_period))
    if acceptance.up_to is not None:
        conditions.append(sa.func.abs(measured.c.difference) <= acceptance.up_to)
    return sa.and_(*conditions)


def add_differences(asked: AskedComparison, compared: sa.CTE) -> sa.CTE:
    """Return both sides of the quarters asked for with their difference, and how much of one is allowed: ``measured``.

    Grain: as ``compared``. Columns: its, ``difference`` (left less right) and ``tolerance``, empty where a side is.
    """
    left, right = compared.c.left_value, compared.c.right_value
    source: sa.FromClause = compared
    usual: sa.ColumnElement[Any] | None = None
    if asked.comparison.tolerance.usual:
        revisions = find_usual_revisions(asked, compared)
        is_judged = sa.and_(*(revisions.c[name] == compared.c[name] for name in RESULT_KEY_OF_REVISION))
        source, usual = compared.outerjoin(revisions, is_judged), sa.func.coalesce(revisions.c.median, 0.0)
    has_both = sa.and_(left.is_not(None), right.is_not(None))
    tolerance = _allow_difference(asked.comparison.tolerance, _absolute(right), usual)
    return (
        sa.select(
            *compared.c,
            (left - right).label("difference"),
            sa.case((has_both, tolerance)).label("tolerance"),
        )
        .select_from(source)
        .where(_is_asked_for(asked, compared))
        .cte("measured")
    )


def _is_asked_for(asked: AskedComparison, compared: sa.FromClause) -> sa.ColumnElement[bool]:
    first, last = min(asked.quarters), max(asked.quarters)
    if set(asked.quarters) == set(periods("quarter", first, last)):
        return compared.c.quarter_start.between(first, last)
    return compared.c.quarter_start.in_(asked.quarters)


def _allow_difference(
    tolerance: Tolerance, right_size: sa.ColumnElement[Any], usual: sa.ColumnElement[Any] | None
) -> sa.ColumnElement[Any]:
    """Return how much the sides may differ: see ``Tolerance``.

    ``{absolute: 10, relative: 0.05, usual: 10, ceiling: 0.2}``, 1,000 on the right and revisions of usually 1%: a tenth
    of the right side, 100.
    """
    if not tolerance.relative and usual is None:
        return sa.literal(tolerance.absolute, sa.Double)
    share: sa.ColumnElement[Any] = sa.literal(tolerance.relative, sa.Double)
    if usual is not None:
        share = LargerOf(share, usual * tolerance.usual)
    if tolerance.ceiling is not None:
        share = SmallerOf(share, sa.literal(tolerance.ceiling, sa.Double))
    return LargerOf(sa.literal(tolerance.absolute, sa.Double), right_size * share)


def _absolute(figure: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    return sa.func.abs(figure, type_=sa.Double)


def find_usual_revisions(asked: AskedComparison, compared: sa.CTE) -> sa.CTE:
    """Return how much figures had usually been revised by the time of each revision: ``usual_revisions``.

    Grain: as ``compared``, of consecutive releases. Columns: ``period_start``, ``geography_code``, ``item``,
    ``left_release`` and ``median``: the middle one of the sizes, relative to what was revised, of the revisions of the
    same figure in the twelve quarters before, in any release up to the left one; of an even number the mean of the two
    in the middle. Where they were of 0.1%, 0.2% and 0.9%, the median is 0.002.
    """
    revisions = (
        sa.select(*compared.c, release.c.published_on)
        .join_from(compared, release, release.c.release_id == compared.c.left_release)
        .where(compared.c.left_value.is_not(None), compared.c.right_value != 0)
        .cte("revisions")
    )
    judged, past = revisions.alias("judged"), revisions.alias("past")
    months_before = _count_months(judged.c.period_start) - _count_months(past.c.period_start)
    is_past = sa.and_(
        past.c.geography_code == judged.c.geography_code,
        past.c.item == judged.c.item,
        months_before.between(1, 3 * USUAL_QUARTERS),
        past.c.published_on <= judged.c.published_on,
    )
    keys = [judged.c[name] for name in RESULT_KEY_OF_REVISION]
    size = _absolute(past.c.left_value - past.c.right_value) / _absolute(past.c.right_value)
    ranked = (
        sa.select(
            *keys,
            size.label("size"),
            sa.func.row_number().over(partition_by=keys, order_by=size).label("rank"),
            sa.func.count().over(partition_by=keys).label("revisions"),
        )
        .join_from(judged, past, is_past)
        .where(_is_asked_for(asked, judged))
        .cte("ranked_revisions")
    )
    is_in_the_middle = (2 * ranked.c.rank).between(ranked.c.revisions, ranked.c.revisions + 2)
    ranked_keys = [ranked.c[name] for name in RESULT_KEY_OF_REVISION]
    return (
        sa.select(*ranked_keys, sa.func.avg(ranked.c.size).label("median"))
        .where(is_in_the_middle)
        .group_by(*ranked_keys)
        .cte("usual_revisions")
    )


def _count_months(day: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    return sa.extract("year", day) * 12 + sa.extract("month", day)
