"""Views for readers: the latest figures of every fact, and KPI values with their changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.selectable import NamedFromClause

from msoic_pipeline.model.dimensions import dim_period
from msoic_pipeline.model.evidence import release, validation_result, vintage
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.geography import select_geography_names
from msoic_pipeline.model.kpi import KPI_KEY, is_newest, kpi_definition, kpi_value
from msoic_pipeline.model.values import INCOMPLETE, MARKERS, NOT_AVAILABLE
from msoic_pipeline.model.vintages import join_vintage


@dataclass(frozen=True)
class View:
    """A view: its words and its query."""

    description: str
    select: sa.Select[Any]
    described: Mapping[str, str]

    def columns(self) -> dict[str, str]:
        """Return the description of each column."""
        return {
            column.name: self.described.get(column.name) or _find_comment(column)
            for column in self.select.selected_columns
        }


def _find_comment(column: sa.ColumnElement[Any]) -> str:
    """Return the description of the table's column that a view's column is, through any alias."""
    own = (getattr(base, "comment", None) for base in (column, *column.base_columns))
    return next(filter(None, own), "")


def _make_current(fact: sa.Table) -> View:
    return View(
        f"{fact.comment} Latest figures only: of each period those of the latest release that covers it.",
        sa.select(*fact.columns, vintage.c.published_on)
        .join_from(fact, vintage, join_vintage(fact, fact))
        .where(vintage.c.superseded_on.is_(None)),
        {},
    )


def _make_vintages(fact: sa.Table) -> View:
    return View(
        f"{fact.comment} Every vintage, with the days between which it was the latest: what was known on a day D is "
        "where published_on <= D and (superseded_on is null or superseded_on > D).",
        sa.select(*fact.columns, vintage.c.published_on, vintage.c.superseded_on).join_from(
            fact, vintage, join_vintage(fact, fact)
        ),
        {},
    )


def _make_current_kpi() -> View:
    return View(
        "KPI values as known today: of each KPI, period and geography the one of the latest as_of.",
        sa.select(*kpi_value.columns, kpi_definition.c.is_synthetic)
        .join_from(kpi_value, kpi_definition, kpi_definition.c.kpi_id == kpi_value.c.kpi_id)
        .where(is_newest(kpi_value)),
        {},
    )


def _make_relative(value: Any, base: Any) -> Any:
    return sa.case((base != 0, (value - base) / sa.func.abs(base)))


def _make_kpi_change() -> View:
    now, before, year_before = (kpi_value.alias(name) for name in ("now", "before", "year_before"))

    def is_compared(other: NamedFromClause[Any], start: Any) -> sa.ColumnElement[bool]:
        same = (other.c[name] == now.c[name] for name in KPI_KEY if name != "period_start")
        return sa.and_(*same, other.c.period_start == start, is_newest(other))

    return View(
        "KPI values as known today beside the period before and the same period a year before. Changes are relative: "
        "0.2 is a rise by a fifth. Incomplete values are compared too: read status.",
        sa.select(
            *now.columns,
            kpi_definition.c.title,
            kpi_definition.c.is_synthetic,
            before.c.value.label("previous_value"),
            (now.c.value - before.c.value).label("difference_on_previous"),
            _make_relative(now.c.value, before.c.value).label("change_on_previous"),
            before.c.status.label("previous_status"),
            year_before.c.value.label("year_before_value"),
            (now.c.value - year_before.c.value).label("difference_on_year_before"),
            _make_relative(now.c.value, year_before.c.value).label("change_on_year_before"),
            year_before.c.status.label("year_before_status"),
        )
        .join_from(now, kpi_definition, kpi_definition.c.kpi_id == now.c.kpi_id)
        .join(
            dim_period,
            sa.and_(dim_period.c.period_kind == now.c.period_kind, dim_period.c.period_start == now.c.period_start),
        )
        .outerjoin(before, is_compared(before, dim_period.c.previous_start))
        .outerjoin(year_before, is_compared(year_before, dim_period.c.year_before_start))
        .where(is_newest(now)),
        {
            "previous_value": "Value of the period before.",
            "difference_on_previous": "Value less that of the period before.",
            "change_on_previous": "That difference relative to the period before.",
            "previous_status": "Status of the value of the period before.",
            "year_before_value": "Value of the same period a year before.",
            "difference_on_year_before": "Value less that of a year before.",
            "change_on_year_before": "That difference relative to a year before.",
            "year_before_status": "Status of the value of a year before.",
        },
    )


def _make_kpi_for_readers() -> View:
    value, definition = kpi_value.c, kpi_definition.c
    names = select_geography_names().subquery("geography_names")
    return View(
        "KPI values as known today with all their words, one row a value: what most questions ask for, without a join.",
        sa.select(
            value.kpi_id,
            definition.title,
            value.geography_kind,
            value.geography_code,
            names.c.geography_name,
            value.period_kind,
            value.period_label,
            value.period_start,
            dim_period.c.period_end,
            value.value,
            value.unit,
            _choose_marker().label("marker"),
            value.status,
            _tell_status().label("status_in_words"),
            value.numerator,
            value.denominator,
            value.parts_received,
            value.parts_expected,
            definition.is_synthetic,
            value.as_of,
            definition.direction,
            definition.target,
            definition.description,
            definition.caveat,
        )
        .join_from(kpi_value, kpi_definition, definition.kpi_id == value.kpi_id)
        .join(
            dim_period,
            sa.and_(dim_period.c.period_kind == value.period_kind, dim_period.c.period_start == value.period_start),
        )
        .join(
            names,
            sa.and_(names.c.geography_kind == value.geography_kind, names.c.geography_code == value.geography_code),
        )
        .where(is_newest(kpi_value)),
        {
            "geography_name": "Name of the geography: England and Wales, Kent, Eastern.",
            "marker": "; ".join(f"{marker}: {meaning}" for marker, meaning in MARKERS.items()) + "; else empty.",
            "status_in_words": "How much of the period the figure is of.",
        },
    )


def _choose_marker() -> sa.Case[str]:
    """Return what stands beside a KPI value: that there is none, or that it is incomplete."""
    value = kpi_value.c
    return sa.case((value.value.is_(None), NOT_AVAILABLE), (value.status == "incomplete", INCOMPLETE), else_="")


def _tell_status() -> sa.Case[str]:
    """Return in words how much of its period a KPI value is of: ``1 of 4 reports that are due: …``."""
    value = kpi_value.c
    received, expected = (sa.cast(count, sa.String) for count in (value.parts_received, value.parts_expected))
    of_expected = received + " of " + expected + " reports that are due: not the figure of the whole period"
    return sa.case(
        (value.value.is_(None), "not computable: there is no figure to divide by, or it has been withdrawn"),
        (value.status == "incomplete", of_expected),
        else_="complete",
    )


def select_kpi_revisions(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the query of how each KPI value has moved, over the rows of kpi_value that meet conditions.

    Columns are those of the view kpi_revision, which sets no condition. What never had a value is not among them.

    Example: 40 from March, nothing from April, 50 from May and nothing from June. It was revised once, by 10, from what
    was known before it was withdrawn; the latest value, known since June, is none.
    """
    key = tuple(kpi_value.c[name] for name in KPI_KEY)
    # Each value beside the one before, whatever was withdrawn between the two.
    window: dict[str, Any] = {"partition_by": (*key, kpi_value.c.value.is_(None)), "order_by": kpi_value.c.as_of}
    known = (
        sa.select(
            *key,
            kpi_value.c.period_label,
            kpi_value.c.as_of,
            kpi_value.c.value,
            (kpi_value.c.value - sa.func.lag(kpi_value.c.value).over(**window)).label("step"),
            sa.func.row_number().over(**window).label("rank"),
            sa.func.row_number().over(partition_by=key, order_by=kpi_value.c.as_of.desc()).label("rank_from_end"),
        )
        .where(*conditions)
        .subquery()
    )
    first = sa.func.max(sa.case((known.c.rank == 1, known.c.value)))
    latest = sa.func.max(sa.case((known.c.rank_from_end == 1, known.c.value)))
    up = sa.func.sum(sa.case((known.c.step > 0, 1), else_=0))
    down = sa.func.sum(sa.case((known.c.step < 0, 1), else_=0))
    own = [known.c[name] for name in KPI_KEY]
    columns = sa.select(
        *own,
        known.c.period_label,
        sa.func.min(sa.case((known.c.value.is_not(None), known.c.as_of))).label("first_published_on"),
        first.label("first_value"),
        sa.func.max(known.c.as_of).label("latest_change_on"),
        latest.label("latest_value"),
        (latest - first).label("total_revision"),
        (up + down).label("revisions"),
        sa.func.max(sa.func.abs(known.c.step)).label("largest_revision"),
        sa.case((up + down == 0, "none"), (down == 0, "up"), (up == 0, "down"), else_="both ways").label("direction"),
    )
    return columns.group_by(*own, known.c.period_label).having(sa.func.count(known.c.value) > 0)


def _make_kpi_revision() -> View:
    return View(
        "How each KPI value has moved since it was first published.",
        select_kpi_revisions(),
        {
            "first_published_on": "Publication date of the first value.",
            "first_value": "Value as first published.",
            "latest_change_on": "Publication date since which the latest value holds, or has been withdrawn.",
            "latest_value": "Value as known today; empty where it has been withdrawn.",
            "total_revision": "Latest value less the first; empty where it has been withdrawn.",
            "revisions": "How often the value changed, withdrawals apart.",
            "largest_revision": "Largest single change, without its sign.",
            "direction": "none, up, down, or both ways.",
        },
    )


def _make_current_release() -> View:
    return View(
        "Releases that no re-issue has superseded.",
        sa.select(*release.columns).where(release.c.superseded_by.is_(None)),
        {},
    )


def _make_standing_findings() -> View:
    return View(
        "What the checks found when each was last made.",
        sa.select(*validation_result.columns).where(validation_result.c.superseded_on.is_(None)),
        {},
    )


VIEWS: dict[str, View] = {
    **{f"current_{name}": _make_current(fact) for name, fact in FACTS.items()},
    **{f"vintage_{name}": _make_vintages(fact) for name, fact in FACTS.items()},
    "current_kpi_value": _make_current_kpi(),
    "kpi_change": _make_kpi_change(),
    "kpi_for_readers": _make_kpi_for_readers(),
    "kpi_revision": _make_kpi_revision(),
    "current_release": _make_current_release(),
    "current_validation_result": _make_standing_findings(),
}
