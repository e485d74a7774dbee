"""What the rules found, in words for people; without the figures of force returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.dimensions import dim_force
from msoic_pipeline.model.evidence import reconciliation_result, reconciliation_rule
from msoic_pipeline.reconciliation.expressions import LargerOf
from msoic_pipeline.reconciliation.rules import Rule, Severity
from msoic_pipeline.wording import WITHHELD, tell_figure

# A force is known by its name, not by its code.
PLACE = sa.func.coalesce(dim_force.c.name, reconciliation_result.c.geography_code)
FIGURES = ("left_value", "right_value", "difference", "tolerance")
WORST = 5
# A figure of a break is told to so many digits.
DIGITS = 10


@dataclass(frozen=True)
class ReconciliationSummary:
    """What the rules found in the quarters asked for.

    ``changed`` are the quarters that were computed anew; ``counts`` has results by rule and status; ``blocking`` and
    ``warnings`` are how many broke, by severity. ``worst_by_severity`` puts the few worst breaks of each severity into
    words, without the figures of force returns.
    """

    changed: tuple[dt.date, ...]
    counts: dict[str, dict[str, int]]
    blocking: int
    warnings: int
    worst_by_severity: dict[str, tuple[str, ...]]

    @property
    def worst(self) -> tuple[str, ...]:
        """The few worst breaks of all in words, blocking ones first."""
        return (*self.worst_by_severity["block"], *self.worst_by_severity["warn"])[:WORST]


@dataclass(frozen=True)
class ShownBreak:
    """A break as it is shown: figures of sensitive returns are ``withheld``."""

    severity: str
    title: str | None
    rule_id: str
    period_label: str
    geography: str
    item: str
    left_value: float | str
    right_value: float | str
    difference: float | str
    tolerance: float | str
    left_release: str
    right_release: str
    explanation: str


def summarise_results(
    connection: Connection, quarters: Sequence[dt.date], changed: tuple[dt.date, ...], rules: Sequence[Rule]
) -> ReconciliationSummary:
    """Return what stands in reconciliation_result of some quarters; rules without a result are counted, too."""
    result = reconciliation_result
    is_within = result.c.quarter_start.in_(quarters)
    keys = (result.c.rule_id, result.c.status, result.c.severity)
    counted = sa.select(*keys, sa.func.count().label("number")).where(is_within).group_by(*keys).order_by(*keys)
    counts: dict[str, dict[str, int]] = {rule.rule_id: {} for rule in rules}
    broken = dict.fromkeys(get_args(Severity), 0)
    for row in connection.execute(counted):
        counts.setdefault(row.rule_id, {})[row.status] = row.number
        broken[row.severity] += row.number if row.status == "breaks" else 0
    worst_by_severity = {
        severity: tuple(_describe_worst(connection, quarters, severity, rules)) for severity in get_args(Severity)
    }
    return ReconciliationSummary(
        changed=changed,
        counts=counts,
        blocking=broken["block"],
        warnings=broken["warn"],
        worst_by_severity=worst_by_severity,
    )


def _describe_worst(
    connection: Connection, quarters: Sequence[dt.date], severity: str, rules: Sequence[Rule]
) -> Iterator[str]:
    """Yield the breaks of a severity that are farthest beyond what is allowed, in words."""
    result, rule_by_id = reconciliation_result, {rule.rule_id: rule for rule in rules}
    excess = sa.func.abs(result.c.difference) / LargerOf(result.c.tolerance, sa.literal(1.0))
    worst = (
        sa.select(result, PLACE.label("place"))
        .outerjoin_from(result, dim_force, dim_force.c.force_code == result.c.geography_code)
        .where(result.c.quarter_start.in_(quarters), result.c.status == "breaks", result.c.severity == severity)
        .order_by(excess.desc(), *result.primary_key.columns)
        .limit(WORST)
    )
    for row in connection.execute(worst):
        yield _describe_break(row, rule_by_id.get(row.rule_id))


def _describe_break(row: Any, rule: Rule | None) -> str:
    place = ", ".join(filter(None, (row.period_label, row.place, row.item)))
    if rule is None or rule.is_sensitive:
        figures = "figures withheld"
    elif row.difference == 0:
        figures = f"{tell_figure(row.left_value, DIGITS)} both times"
    else:
        left, right = tell_figure(row.left_value, DIGITS), tell_figure(row.right_value, DIGITS)
        figures = f"{left} against {right}, where {tell_figure(row.tolerance, DIGITS)} is allowed"
    return f"{row.severity}: {rule.title if rule else 'no longer a rule'} ({row.rule_id}), {place}: {figures}"


def list_breaks(connection: Connection, limit: int, severity: str | None = None) -> list[ShownBreak]:
    """Return breaks, of one severity or blocking ones first; without the figures of force returns."""
    result, rule = reconciliation_result, reconciliation_rule
    broken = (
        sa.select(
            result.c.severity,
            rule.c.title,
            result.c.rule_id,
            result.c.period_label,
            PLACE.label("geography"),
            result.c.item,
            *(result.c[name] for name in FIGURES),
            result.c.left_release,
            result.c.right_release,
            result.c.explanation,
            rule.c.is_sensitive,
        )
        .outerjoin_from(result, rule, rule.c.rule_id == result.c.rule_id)
        .outerjoin(dim_force, dim_force.c.force_code == result.c.geography_code)
        .where(result.c.status == "breaks", sa.true() if severity is None else result.c.severity == severity)
        .order_by(result.c.severity, *result.primary_key.columns)
        .limit(limit)
    )
    return [_show_break(row) for row in connection.execute(broken).mappings()]


def _show_break(row: sa.RowMapping) -> ShownBreak:
    shown = dict(row)
    is_sensitive = shown.pop("is_sensitive") is not False  # or no longer a rule
    if is_sensitive:
        shown.update(dict.fromkeys(FIGURES, WITHHELD))
    return ShownBreak(**shown)
