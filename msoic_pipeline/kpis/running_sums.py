"""The last step: the running sums of the daily changes, which are the rows of ``kpi_value``.

There is a row for each day on which what the sums say changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Double, Integer

from msoic_pipeline.kpis.work_tables import (
    SCALE,
    daily_change,
    due_count,
    kpi_term,
    wanted_geography,
    wanted_kpi,
    wanted_period,
    wanted_term,
)
from msoic_pipeline.model.kpi import kpi_value

_COUNTED = ("value", "figures", "reports")


def _select_running_totals() -> sa.CTE:
    """Return, for each KPI, period, geography and day, each side's change on the day and its sum up to then.

    Columns: ``numerator_value``, ``numerator_figures``, ``numerator_reports`` and the same of the denominator, each as
    the change of the day, and with ``_so_far`` as the running sum.
    """
    keys = (kpi_term.c.kpi, daily_change.c.period, daily_change.c.geography, daily_change.c.as_of)
    changes = []
    for side, is_denominator in (("numerator", False), ("denominator", True)):
        for counted in _COUNTED:
            of_side = sa.case((kpi_term.c.is_denominator == is_denominator, daily_change.c[counted]), else_=0)
            changes.append(sa.func.sum(of_side).label(f"{side}_{counted}"))
    is_its_period = sa.and_(
        wanted_period.c.period == daily_change.c.period, wanted_period.c.kind == kpi_term.c.period_kind
    )
    change = (
        sa.select(*keys, *changes)
        .join_from(kpi_term, daily_change, daily_change.c.term == kpi_term.c.term)
        .join(wanted_period, is_its_period)
        .group_by(*keys)
        .cte("change_of_day")
    )
    up_to_day: dict[str, Any] = {
        "partition_by": (change.c.kpi, change.c.period, change.c.geography),
        "order_by": change.c.as_of,
        "rows": (None, 0),
    }
    so_far = [sa.func.sum(change.c[each.name]).over(**up_to_day).label(f"{each.name}_so_far") for each in changes]
    return sa.select(*change.c, *so_far).cte("running_total")


@dataclass(frozen=True)
class _SideSums:
    """What is known of a KPI on a day: its two sides, in ten-thousandths, and how many reports had been received."""

    numerator: sa.ColumnElement[Any]
    denominator: sa.ColumnElement[Any]
    received: sa.ColumnElement[Any]


def _read_sides_after_day(totals: sa.CTE) -> _SideSums:
    """Return what is known once the day's changes are in."""
    return _read_sides({name: totals.c[f"{name}_so_far"] for name in _list_side_columns()})


def _read_sides_before_day(totals: sa.CTE) -> _SideSums:
    """Return what was known before the day."""
    return _read_sides({name: totals.c[f"{name}_so_far"] - totals.c[name] for name in _list_side_columns()})


def _list_side_columns() -> list[str]:
    return [f"{side}_{counted}" for side in ("numerator", "denominator") for counted in _COUNTED]


def _read_sides(sums: dict[str, sa.ColumnElement[Any]]) -> _SideSums:
    """Return what sums say: a side without any figure is missing, and a share has the reports that both sides have."""
    is_share = wanted_kpi.c.denominator_kind == "term"
    denominator_has_fewer = sums["denominator_reports"] < sums["numerator_reports"]
    return _SideSums(
        numerator=sa.case((sums["numerator_figures"] > 0, sums["numerator_value"])),
        denominator=sa.case((sa.and_(is_share, sums["denominator_figures"] > 0), sums["denominator_value"])),
        received=sa.case(
            (sa.and_(is_share, denominator_has_fewer), sums["denominator_reports"]), else_=sums["numerator_reports"]
        ),
    )


def _select_changed_values() -> sa.CTE:
    """Return both sides and the reports received, on the days on which any of the three changes."""
    totals = _select_running_totals()
    after, before = _read_sides_after_day(totals), _read_sides_before_day(totals)
    has_changed = sa.or_(
        _differs(after.numerator, before.numerator),
        _differs(after.denominator, before.denominator),
        _differs(after.received, before.received),
    )
    return (
        sa.select(
            totals.c.kpi,
            totals.c.period,
            totals.c.geography,
            totals.c.as_of,
            (sa.cast(after.numerator, Double) / SCALE).label("numerator"),
            (sa.cast(after.denominator, Double) / SCALE).label("denominator"),
            sa.cast(after.received, Integer).label("received"),
        )
        .join_from(totals, wanted_kpi, wanted_kpi.c.kpi == totals.c.kpi)
        .where(has_changed)
        .cte("changed_value")
    )


def _differs(one: sa.ColumnElement[Any], other: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return whether two values differ; a missing one differs from every other, but from no missing one."""
    # SQLAlchemy's is_distinct_from says the same, but on SQLite it cannot be shown as text.
    return sa.or_(one != other, one.is_(None) != other.is_(None))


def select_values() -> sa.Select[Any]:
    """Return the rows of kpi_value."""
    changed = _select_changed_values()
    reporters = sa.func.coalesce(due_count.c.reporters, 1)
    months_of_part = sa.case((wanted_term.c.finest_period == "month", 1), else_=3)
    # Of a stock the last month or quarter is due, of a sum each of them.
    expected = sa.case(
        (wanted_term.c.is_stock, reporters),
        else_=reporters * wanted_period.c.months / months_of_part,
    )
    # An average divides by the months or quarters of which every reporter has reported, in parts where some have.
    is_average = wanted_kpi.c.denominator_kind == "periods reported"
    periods_reported = sa.cast(changed.c.received, Double) / reporters
    denominator = sa.case((sa.and_(is_average, changed.c.received > 0), periods_reported), else_=changed.c.denominator)
    is_plain = wanted_kpi.c.denominator_kind.is_(None)
    value = sa.case((is_plain, changed.c.numerator), (denominator != 0, changed.c.numerator / denominator))
    status = sa.case(
        (value.is_(None), "not computable"), (changed.c.received < expected, "incomplete"), else_="complete"
    )
    columns = {
        "kpi_id": wanted_kpi.c.kpi_id,
        "period_kind": wanted_period.c.kind,
        "period_start": wanted_period.c.start,
        "geography_kind": wanted_geography.c.kind,
        "geography_code": wanted_geography.c.code,
        "as_of": changed.c.as_of,
        "period_label": wanted_period.c.label,
        "numerator": changed.c.numerator,
        "denominator": denominator,
        "value": value,
        "unit": wanted_kpi.c.unit,
        "status": status,
        "parts_expected": sa.cast(expected, Integer),
        "parts_received": changed.c.received,
    }
    is_due_count = sa.and_(due_count.c.term == wanted_kpi.c.numerator, due_count.c.geography == changed.c.geography)
    return (
        sa.select(*(columns[column.name].label(column.name) for column in kpi_value.columns))
        .select_from(changed)
        .join(wanted_kpi, wanted_kpi.c.kpi == changed.c.kpi)
        .join(wanted_term, wanted_term.c.term == wanted_kpi.c.numerator)
        .join(wanted_period, wanted_period.c.period == changed.c.period)
        .join(wanted_geography, wanted_geography.c.geography == changed.c.geography)
        .outerjoin(due_count, is_due_count)
    )
