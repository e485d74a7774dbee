"""``msoic kpi``: KPI values, as known today or on an earlier day."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import typer

from msoic_pipeline.commands.app import GEOGRAPHY_HELP, PERIOD_HELP, AsAtOption, read_period


def kpi(
    kpi_id: Annotated[str, typer.Argument(help="KPI; all where it is left out.")] = "",
    period: Annotated[str | None, typer.Option(parser=read_period, help=PERIOD_HELP)] = None,
    geography: Annotated[str, typer.Option(help=f"{GEOGRAPHY_HELP}; national where left out.")] = "",
    as_at: AsAtOption = None,
) -> None:
    """Print KPI values, as known today or on an earlier day."""
    typer.echo(kpi_text(kpi_id or None, period, geography or "national", as_at))


def kpi_text(kpi_id: str | None, period: str | None, geography: str, as_at: dt.date | None) -> str:
    """Return KPI values as a table of text, or that there are none. Raises LookupError where there is no such KPI."""
    from msoic_pipeline.kpis.compute import kpi_table
    from msoic_pipeline.kpis.definitions import load_definitions
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.engine import open_engine, reading

    kpi_ids = [kpi.kpi_id for kpi in load_definitions()]
    if kpi_id and kpi_id not in kpi_ids:
        raise LookupError(f"no KPI {kpi_id!r}; KPIs are {', '.join(kpi_ids)}")
    engine = open_engine(Settings().warehouse_url)
    try:
        with reading(engine) as connection:
            rows = kpi_table(connection, kpi_id, period, geography, as_at)
    finally:
        engine.dispose()
    if not rows:
        return "No such value was known" + (f" on {as_at}." if as_at else ".")
    header = f"{'kpi':<38}{'period':<10}{'geography':<12}{'value':>14} {'unit':<14}{'status':<16}as of"
    return "\n".join([header, *map(_value_line, rows)])


def _value_line(row: dict[str, Any]) -> str:
    return (
        f"{row['kpi_id']:<38}{row['period_label']:<10}{row['geography_code']:<12}{_figure(row['value']):>14} "
        f"{row['unit']:<14}{row['status']:<16}{row['as_of']}"
    )


def _figure(value: float | None) -> str:
    """Return a value as it is read: of a small one, such as a share, the digits; of any other whole ones."""
    if value is None:
        return "missing"
    return f"{value:,.4g}" if abs(value) < 10 else f"{value:,.0f}"
