"""Derived figures: what each KPI means, and its value by period, geography and vintage."""

from __future__ import annotations

import datetime as dt
from typing import Any, get_args

import sqlalchemy as sa
from sqlalchemy import false
from sqlalchemy.sql.selectable import NamedFromClause

from msoic_pipeline.model import geography
from msoic_pipeline.model.columns import count, day, flag, key, long_text, number, table, text
from msoic_pipeline.model.values import Direction, KpiStatus
from msoic_pipeline.periods import PERIOD_MONTHS

kpi_definition = table(
    "kpi_definition",
    "What each KPI measures.",
    "one row a KPI",
    text("kpi_id", "KPI.", primary_key=True),
    text("title", "Title."),
    long_text("description", "Definition."),
    text("unit", "Unit of the value."),
    long_text("numerator", "Numerator, as facts and conditions."),
    long_text("denominator", "Denominator; empty for a count."),
    text("direction", "Whether a rise is good, bad or neither.", members=get_args(Direction)),
    long_text("caveat", "What a reader must know."),
    number("target", "What its figures are to reach; empty where nothing is declared.", "see unit", nullable=True),
    long_text("target_source", "Who has declared the target.", nullable=True),
    flag(
        "is_synthetic",
        "Whether any file in force of the sources behind it is synthetic sample data.",
        server_default=false(),
    ),
    kind="kpi",
)

kpi_value = table(
    "kpi_value",
    "KPI values. as_of is the publication date from which a value held: the latest not after a date is what was then "
    "known. current_kpi_value has the latest of each.",
    "KPI × period × geography × as_of",
    key("kpi_id", kpi_definition.c.kpi_id, "KPI.", primary_key=True),
    text("period_kind", "Kind of period.", members=tuple(PERIOD_MONTHS), primary_key=True),
    day("period_start", "First day of the period.", primary_key=True),
    text("geography_kind", "Kind of geography.", members=geography.KINDS, primary_key=True),
    text("geography_code", "Code of the geography; E&W or UK for the nation that the source covers.", primary_key=True),
    day("as_of", "Publication date from which the value held.", primary_key=True),
    text("period_label", "Label of the period."),
    number("numerator", "Numerator.", "see kpi_definition", nullable=True),
    number("denominator", "Denominator; empty for a count.", "see kpi_definition", nullable=True),
    number("value", "Value; empty where it cannot be computed.", "see kpi_definition", nullable=True),
    text("unit", "Unit of the value."),
    text(
        "status",
        "complete: all parts reported; incomplete: some are missing, so the value is of those that reported; "
        "not computable: the denominator is missing or zero, or the figure has been withdrawn.",
        members=get_args(KpiStatus),
    ),
    count(
        "parts_expected",
        "Reports due for the figure: forces, areas or publisher × months or quarters of the period; for a stock of its "
        "last month only.",
        "reports",
    ),
    count(
        "parts_received",
        "Those that had been received; for a share, of numerator and denominator alike. What is published before a "
        "month or quarter ends is no report of it.",
        "reports",
    ),
    kind="kpi",
)

# What tells one value from another, but for the day since when it held.
KPI_KEY = ("kpi_id", "period_kind", "period_start", "geography_kind", "geography_code")


def is_newest(value: NamedFromClause[Any], as_at: dt.date | None = None) -> sa.ColumnElement[bool]:
    """Return the condition that a row of kpi_value (or of an alias of it) is what was known on a day (None: today)."""
    other = kpi_value.alias(f"newest_{value.name}")
    newest = sa.select(sa.func.max(other.c.as_of)).where(*(other.c[name] == value.c[name] for name in KPI_KEY))
    if as_at is not None:
        newest = newest.where(other.c.as_of <= as_at)
    return value.c.as_of == newest.scalar_subquery()
