"""What the rules found, in words for people; without the figures of force returns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.dimensions import dim_force
from msoic_pipeline.model.evidence import reconciliation_result, reconciliation_rule
from msoic_pipeline.model.traits import Severity
from msoic_pipeline.reconciliation.expressions import LargerOf
from msoic_pipeline.reconciliation.rules import Rule
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
        severity: tuple(map(tell_break, _list_worst(connection, quarters, severity))) for severity in get_args(Severity)
    }
    return ReconciliationSummary(
        changed=changed,
        counts=counts,
        blocking=broken["block"],
        warnings=broken["warn"],
        worst_by_severity=worst_by_severity,
    )


def _list_worst(connection: Connection, quarters: Sequence[dt.date], severity: Severity) -> list[ShownBreak]:
    """Return the breaks of a severity that are farthest beyond what is allowed, the worst first."""
    result = reconciliation_result
    excess = sa.func.abs(result.c.difference) / LargerOf(result.c.tolerance, sa.literal(1.0))
    is_wanted = sa.and_(result.c.quarter_start.in_(quarters), result.c.severity == severity)
    worst = _select_breaks().where(is_wanted).order_by(excess.desc(), *result.primary_key.columns).limit(WORST)
    return [_show_break(row) for row in connection.execute(worst).mappings()]


def list_breaks(connection: Connection, limit: int, severity: str | None = None) -> list[ShownBreak]:
    """Return breaks, of one severity or blocking ones first; without the figures of force returns."""
    result = reconciliation_result
    broken = _select_breaks().order_by(result.c.severity, *result.primary_key.columns).limit(limit)
    if severity is not None:
        broken = broken.where(result.c.severity == severity)
    return [_show_break(row) for row in connection.execute(broken).mappings()]


def _select_breaks() -> sa.Select[Any]:
    """Return the query of breaks: the fields of ShownBreak, and whether the rule is sensitive."""
    result, rule = reconciliation_result, reconciliation_rule
    return (
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
        .where(result.c.status == "breaks")
    )


def _show_break(row: sa.RowMapping) -> ShownBreak:
    shown = dict(row)
    is_sensitive = shown.pop("is_sensitive") is not False  # or no longer a rule
    if is_sensitive:
        shown.update(dict.fromkeys(FIGURES, WITHHELD))
    return ShownBreak(**shown)


def tell_break(found: ShownBreak) -> str:
    """Return a break in a line; figures of force returns are withheld in it.

    For example ``block: NRM referrals add up (nrm_parts), 2021-Q4: 101 against 100, where 0 is allowed``.
    """
    place = ", ".join(filter(None, (found.period_label, found.geography, found.item)))
    return f"{found.severity}: {found.title or 'no longer a rule'} ({found.rule_id}), {place}: {_tell_sides(found)}"


def _tell_sides(found: ShownBreak) -> str:
    figures = (found.left_value, found.right_value, found.tolerance)
    left, right, allowed = (each if isinstance(each, str) else tell_figure(each, DIGITS) for each in figures)
    if WITHHELD in (left, right, allowed):
        return "figures withheld"
    if found.difference == 0:
        return f"{left} both times"
    return f"{left} against {right}, where {allowed} is allowed"
