"""The one function that applies the rules.

All sums, joins and verdicts are the database's: results go from the facts into ``reconciliation_result`` without
passing through here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.code_digests import code_digest
from msoic_pipeline.model import members
from msoic_pipeline.model.dimensions import dim_force
from msoic_pipeline.model.evidence import load_log, reconciliation_result, reconciliation_rule, release
from msoic_pipeline.periods import parse_period, shift_months
from msoic_pipeline.reconciliation.rules import Acceptance, Rule, Tolerance, load_acceptances, load_rules
from msoic_pipeline.reconciliation.sides import HISTORY_QUARTERS, Asked, compared, usual_revisions
from msoic_pipeline.warehouse.engine import reading, writing

STAGE = "reconcile"
# A force is known by its name, not by its code.
PLACE = sa.func.coalesce(dim_force.c.name, reconciliation_result.c.geography_code)
FIGURES = ("left_value", "right_value", "difference", "tolerance")
WORST = 5


@dataclass(frozen=True)
class Summary:
    """What the rules found in the quarters asked for.

    ``changed`` are the quarters that were computed anew; ``counts`` has results by rule and status; ``blocking`` and
    ``warnings`` are how many broke, by severity; ``worst`` puts the few worst breaks of each severity into words, those
    that block first, without the figures of force returns.
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
    rules = load_rules() if rules is None else rules
    in_force = _in_force(load_acceptances() if acceptances is None else acceptances, today)
    with reading(engine) as connection:
        changed = _stale(connection, quarters, rules, in_force)
    if changed:
        with writing(engine) as connection:
            _replace(connection, changed, rules, in_force)
    with reading(engine) as connection:
        return _summary(connection, quarters, tuple(changed), rules)


def stale_quarters(engine: Engine, quarters: Sequence[dt.date], today: dt.date | None = None) -> list[dt.date]:
    """Return which of ``quarters`` are to be computed anew: figures changed, a rule did, an acceptance ended."""
    with reading(engine) as connection:
        return _stale(connection, quarters, load_rules(), _in_force(load_acceptances(), today))


def _in_force(acceptances: Sequence[Acceptance], today: dt.date | None) -> list[Acceptance]:
    day = today or dt.date.today()
    return [acceptance for acceptance in acceptances if acceptance.until >= day]


def _fingerprints(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> dict[dt.date, str]:
    """Return, by quarter, a digest of all that its results rest on: code, rules, acceptances, and what was loaded."""
    loads: dict[dt.date, list[str]] = defaultdict(list)
    loaded = sa.select(load_log).where(load_log.c.stage.startswith("load ")).order_by(load_log.c.stage)
    for entry in connection.execute(loaded):
        loads[entry.quarter_start].append(f"{entry.stage} {entry.quarter_start} {entry.fingerprint}")
    code = code_digest("msoic_pipeline.reconciliation.apply")
    declared = [code, members.digest(), *(declaration.model_dump_json() for declaration in (*rules, *in_force))]
    fingerprints = {}
    for quarter in quarters:
        history = [shift_months(quarter, -3 * back) for back in range(HISTORY_QUARTERS + 1)]
        parts = [*declared, *(line for needed in history for line in loads[needed])]
        fingerprints[quarter] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return fingerprints


def _stale(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> list[dt.date]:
    known = sa.select(load_log.c.quarter_start, load_log.c.fingerprint).where(load_log.c.stage == STAGE)
    computed = {entry.quarter_start: entry.fingerprint for entry in connection.execute(known)}
    wanted = _fingerprints(connection, quarters, rules, in_force)
    return sorted(quarter for quarter, fingerprint in wanted.items() if computed.get(quarter) != fingerprint)


def _replace(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> None:
    result = reconciliation_result
    connection.execute(sa.delete(reconciliation_rule))
    connection.execute(sa.insert(reconciliation_rule), [rule.row() for rule in rules])
    connection.execute(sa.delete(result).where(result.c.quarter_start.in_(quarters)))
    for rule in rules:
        for kind in rule.periods:
            accepted = [a for a in in_force if a.rule == rule.rule_id and parse_period(a.period)[0] == kind]
            for comparison in rule.comparisons:
                found = _results(Asked(rule, kind, comparison, quarters), accepted)
                names = [column.name for column in found.selected_columns]
                connection.execute(sa.insert(result).from_select(names, found))
    entries = [
        {"stage": STAGE, "quarter_start": quarter, "fingerprint": fingerprint}
        for quarter, fingerprint in _fingerprints(connection, quarters, rules, in_force).items()
    ]
    connection.execute(sa.delete(load_log).where(load_log.c.stage == STAGE, load_log.c.quarter_start.in_(quarters)))
    connection.execute(sa.insert(load_log), entries)


def _results(asked: Asked, accepted: Sequence[Acceptance]) -> sa.Select[Any]:
    """Return the query of the rows of reconciliation_result that a comparison makes."""
    rule, comparison = asked.rule, asked.comparison
    measured = _measured(asked)
    excuses = [(_is_accepted(acceptance, measured), acceptance.words()) for acceptance in accepted]
    difference, allowed = measured.c.difference, measured.c.tolerance
    agrees, within = {
        "equal": (difference == 0, sa.func.abs(difference) <= allowed),
        "at most": (difference <= 0, difference <= allowed),
        "at least": (difference >= 0, difference >= -allowed),
        "differ": (difference != 0, sa.false()),
    }[comparison.compare]
    may_differ = comparison.may_differ or rule.may_differ
    left_is_missing, right_is_missing = measured.c.left_value.is_(None), measured.c.right_value.is_(None)
    missing = [
        (sa.and_(left_is_missing, right_is_missing), "Both sides are missing or incomplete."),
        (left_is_missing, "The left side is missing or incomplete."),
        (right_is_missing, "The right side is missing or incomplete."),
    ]
    has_right_side = rule.has_right(comparison)
    # Each case as the status and the explanation that it makes.
    cases: list[tuple[Any, str, str]] = [
        *((condition, "not comparable", words if has_right_side else may_differ) for condition, words in missing),
        (agrees, "agrees", ""),
        (within, "within tolerance", may_differ),
        *((condition, "explained", words) for condition, words in excuses),
    ]
    results = sa.select(
        sa.literal(rule.rule_id).label("rule_id"),
        sa.literal(asked.kind).label("period_kind"),
        sa.literal(rule.geography_kind).label("geography_kind"),
        sa.literal(rule.severity).label("severity"),
        *measured.c,
        sa.case(*((condition, status) for condition, status, _ in cases), else_="breaks").label("status"),
        sa.case(*((condition, words) for condition, _, words in cases), else_=may_differ).label("explanation"),
    )
    if "breaks" in rule.only:
        is_ungrouped = measured.c.item == comparison.item
        unbroken = [condition for condition, status, _ in cases if status != "explained"]
        results = results.where(sa.or_(is_ungrouped, sa.not_(sa.or_(*unbroken))))
    return results


def _measured(asked: Asked) -> sa.Subquery:
    """Return both sides with their difference, and how much of one is allowed."""
    sides = compared(asked)
    left, right = sides.c.left_value, sides.c.right_value
    source: Any = sides
    usual: Any = sa.literal(0.0)
    if asked.comparison.tolerance.usual:
        revisions = usual_revisions(sides)
        its = [revisions.c[name] == sides.c[name] for name in ("period_start", "geography_code", "item")]
        source, usual = sides.outerjoin(revisions, sa.and_(*its)), sa.func.coalesce(revisions.c.median, 0.0)
    both = sa.and_(left.is_not(None), right.is_not(None))
    return (
        sa.select(
            *sides.c,
            (left - right).label("difference"),
            sa.case((both, _allowed(asked.comparison.tolerance, sa.func.abs(right), usual))).label("tolerance"),
        )
        .select_from(source)
        .where(sides.c.quarter_start.in_(asked.quarters))
        .subquery("measured")
    )


def _allowed(tolerance: Tolerance, size: Any, usual: Any) -> Any:
    share = _larger(sa.literal(tolerance.relative), usual * tolerance.usual)
    if tolerance.ceiling is not None:
        share = sa.case((share > tolerance.ceiling, tolerance.ceiling), else_=share)
    return _larger(sa.literal(tolerance.absolute), size * share)


def _larger(one: Any, other: Any) -> sa.ColumnElement[Any]:
    return sa.case((one >= other, one), else_=other)


def _is_accepted(acceptance: Acceptance, row: sa.Subquery) -> sa.ColumnElement[bool]:
    conditions = [row.c.period_start == parse_period(acceptance.period)[1]]
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


def _summary(
    connection: Connection, quarters: Sequence[dt.date], changed: tuple[dt.date, ...], rules: Sequence[Rule]
) -> Summary:
    result, known = reconciliation_result, {rule.rule_id: rule for rule in rules}
    within = result.c.quarter_start.in_(quarters)
    keys = (result.c.rule_id, result.c.status, result.c.severity)
    counts: dict[str, dict[str, int]] = {rule_id: {} for rule_id in known}
    broken = {"block": 0, "warn": 0}
    counted = sa.select(*keys, sa.func.count().label("number")).where(within).group_by(*keys).order_by(*keys)
    for row in connection.execute(counted):
        counts.setdefault(row.rule_id, {})[row.status] = row.number
        broken[row.severity] += row.number if row.status == "breaks" else 0
    size = sa.func.abs(result.c.difference) / _larger(result.c.tolerance, sa.literal(1.0))
    worst_breaks = (
        sa.select(result, PLACE.label("place"))
        .outerjoin_from(result, dim_force, dim_force.c.force_code == result.c.geography_code)
        .where(within, result.c.status == "breaks")
        .order_by(size.desc(), *result.primary_key.columns)
        .limit(WORST)
    )
    # Of each severity by itself: however many block, the warnings are told too.
    worst = [
        _words(row, known.get(row.rule_id))
        for severity in broken
        for row in connection.execute(worst_breaks.where(result.c.severity == severity))
    ]
    return Summary(
        changed=changed,
        counts=counts,
        blocking=broken["block"],
        warnings=broken["warn"],
        worst=tuple(worst),
    )


def breaks(connection: Connection, limit: int, severity: str | None = None) -> list[dict[str, Any]]:
    """Return breaks in words, of one severity or blocking ones first; without the figures of force returns."""
    result, rule = reconciliation_result, reconciliation_rule
    told = ("item", *FIGURES, "left_release", "right_release", "explanation")
    broken = (
        sa.select(
            *(result.c.severity, rule.c.title, result.c.rule_id, result.c.period_label),
            PLACE.label("geography"),
            *(result.c[name] for name in told),
            rule.c.is_sensitive,
        )
        .outerjoin_from(result, rule, rule.c.rule_id == result.c.rule_id)
        .outerjoin(dim_force, dim_force.c.force_code == result.c.geography_code)
        .where(result.c.status == "breaks", sa.true() if severity is None else result.c.severity == severity)
        .order_by(result.c.severity, *result.primary_key.columns)
        .limit(limit)
    )
    rows = [dict(row) for row in connection.execute(broken).mappings()]
    for row in rows:
        if row.pop("is_sensitive") is not False:  # or no longer a rule
            row.update(dict.fromkeys(FIGURES, "withheld"))
    return rows


def _words(row: Any, rule: Rule | None) -> str:
    place = ", ".join(filter(None, (row.period_label, row.place, row.item)))
    if rule is None or rule.is_sensitive:
        figures = "figures withheld"
    elif row.difference == 0:
        figures = f"{row.left_value:,.10g} both times"
    else:
        figures = f"{row.left_value:,.10g} against {row.right_value:,.10g}, where {row.tolerance:,.10g} is allowed"
    return f"{row.severity}: {rule.title if rule else 'no longer a rule'} ({row.rule_id}), {place}: {figures}"
