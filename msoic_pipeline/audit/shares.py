"""Whether KPI values that are shares can be shares."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.audit.table_finding import TableFinding
from msoic_pipeline.kpis.definitions import SHARE, load_definitions
from msoic_pipeline.model.checks import HOLDS
from msoic_pipeline.model.evidence import OF_KPIS
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.wording import first_of


def shares_lie_between_0_and_1(connection: Connection, today: dt.date, *, is_national: bool) -> Iterator[TableFinding]:
    """Find KPI values in the unit ``share`` below 0 or above 1, of the nation or of all other geographies.

    Those that rest on sensitive returns are named without their figures.
    """
    sensitive = {kpi.kpi_id for kpi in load_definitions() if kpi.is_sensitive}
    values = (
        sa.select(*(kpi_value.c[name] for name in ("kpi_id", "geography_code", "period_label", "as_of", "value")))
        .join_from(kpi_value, kpi_definition)
        .where(kpi_definition.c.unit == SHARE, (kpi_value.c.geography_kind == NATIONAL) == is_national)
        .where(kpi_value.c.value.is_not(None))
    )
    checked = int(connection.scalar(sa.select(sa.func.count()).select_from(values.subquery())) or 0)
    beyond = connection.execute(values.where(sa.or_(kpi_value.c.value < 0, kpi_value.c.value > 1)))
    details = sorted(
        f"{row.kpi_id}, {row.geography_code}, {row.period_label} as of {row.as_of}: "
        + ("figure withheld" if row.kpi_id in sensitive else _tell_distance(row.value))
        for row in beyond
    )
    detail = first_of(details) or HOLDS
    yield TableFinding(OF_KPIS, kpi_value.name, rows_checked=checked, rows_failed=len(details), detail=detail)


def _tell_distance(value: float) -> str:
    """Return how far a value lies outside: 1.00004 is ``above 1 by 4e-05``, where four digits would say 1."""
    return f"above 1 by {value - 1:.3g}" if value > 1 else f"below 0 by {-value:.3g}"
