"""The members of the dimensions, written to the warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model import dimensions, members
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.periods import (
    FIRST_QUARTER,
    PERIOD_MONTHS,
    financial_quarter_label,
    period_end,
    period_label,
    period_start,
    periods,
    shift_months,
)
from msoic_pipeline.warehouse.engine import write_transaction
from msoic_pipeline.warehouse.rows import write_changed_rows


def load_dimensions(engine: Engine, releases: Sequence[StagedRelease], today: dt.date) -> None:
    """Write the members of the dimensions; those that fall out of use stay."""
    quarters = list(periods("quarter", FIRST_QUARTER, dt.date(today.year + 1, 12, 31)))
    with write_transaction(engine) as connection:
        write_changed_rows(connection, dimensions.dim_quarter, None, [_describe_quarter(start) for start in quarters])
        write_changed_rows(connection, dimensions.dim_period, None, _list_periods(quarters))
        for table in members.list_declared_dimensions():
            write_changed_rows(connection, table, None, members.list_member_rows(table))
        for table in members.list_published_dimensions():
            write_changed_rows(connection, table, None, _list_published(table, releases))


def _describe_quarter(start: dt.date) -> dict[str, Any]:
    return {
        "quarter_start": start,
        "quarter_end": period_end("quarter", start),
        "calendar_label": period_label("quarter", start),
        "financial_label": financial_quarter_label(start),
        "calendar_year_start": period_start("calendar_year", start),
        "financial_year_start": period_start("financial_year", start),
    }


def _list_periods(quarters: Sequence[dt.date]) -> list[dict[str, Any]]:
    last = period_end("quarter", quarters[-1])
    return [
        {
            "period_kind": kind,
            "period_start": start,
            "period_end": period_end(kind, start),
            "period_label": period_label(kind, start),
            "months": months,
            "previous_start": shift_months(start, -months),
            "year_before_start": shift_months(start, -12),
        }
        for kind, months in PERIOD_MONTHS.items()
        for start in periods(kind, quarters[0], last)
    ]


def _published_and_id(staged: StagedRelease) -> tuple[dt.date, str]:
    return staged.release.published_on, staged.release_id


def _list_published(dimension: sa.Table, releases: Sequence[StagedRelease]) -> list[dict[str, Any]]:
    """Return the members that releases name, each as last labelled: by the latest quarter of the latest release."""
    (code,) = dimension.primary_key.columns
    naming = [staged for staged in releases if any(code.name in FACTS[fact].columns for fact in staged.facts)]
    latest: dict[str, dict[str, Any]] = {}
    for staged in sorted(naming, key=_published_and_id):
        rows = staged.frame(dimension.name).drop(columns="quarter_start")
        latest |= {row[code.name]: row for row in rows.to_dict("records")}
    return [latest[member] for member in sorted(latest)]
