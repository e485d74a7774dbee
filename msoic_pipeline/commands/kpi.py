"""``msoic kpi``: KPI values, as known today or on an earlier day."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from msoic_pipeline.commands.app import GEOGRAPHY_HELP, PERIOD_HELP, AsAtOption, read_period, read_warehouse
from msoic_pipeline.wording import align_columns, tell_figure

if TYPE_CHECKING:  # commands import what they need when they run, so that the terminal answers at once
    from sqlalchemy.engine import Connection

    from msoic_pipeline.kpis.definitions import Kpi
    from msoic_pipeline.kpis.known_values import KnownValue

# A value is told to so many digits.
DIGITS = 4
VALUE_HEADER = ("kpi", "period", "geography", "value", "unit", "status", "as of")


def kpi(
    kpi_id: Annotated[str, typer.Argument(help="KPI; all where it is left out.")] = "",
    period: Annotated[str | None, typer.Option(parser=read_period, help=PERIOD_HELP)] = None,
    geography: Annotated[str, typer.Option(help=f"{GEOGRAPHY_HELP}; national where left out.")] = "",
    as_at: AsAtOption = None,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL that computes the KPI, step by step, for the engine in use.")
    ] = False,
) -> None:
    """Print KPI values, as known today or on an earlier day."""
    if sql and not kpi_id:
        raise typer.BadParameter("--sql prints the SQL of one KPI: name it")
    if sql and (geography or as_at):
        raise typer.BadParameter("--sql computes all geographies and days: leave --geography and --as-at out")
    if sql:
        typer.echo(write_kpi_script(kpi_id, period))
        return
    typer.echo(tell_kpi(kpi_id or None, period, geography or "national", as_at))


def tell_kpi(kpi_id: str | None, period: str | None, geography: str, as_at: dt.date | None) -> str:
    """Return KPI values as a table of text, or that there are none. Raises LookupError where there is no such KPI.

    ``geography`` is written as for ``model.geography.find_geographies``, which raises LookupError where there is none.
    """
    from msoic_pipeline.kpis.definitions import find_definition
    from msoic_pipeline.kpis.known_values import find_known_values
    from msoic_pipeline.model.geography import find_geographies

    if kpi_id:
        find_definition(kpi_id)
    with read_warehouse() as connection:
        rows = find_known_values(connection, kpi_id, period, find_geographies(geography), as_at)
    if not rows:
        return "No such value was known" + (f" on {as_at}." if as_at else ".")
    return align_columns([VALUE_HEADER, *map(_list_value_cells, rows)], right=("value",))


def write_kpi_script(kpi_id: str, period: str | None) -> str:
    """Return runnable SQL that computes a KPI's values of a period; of the latest one where none is given.

    Raises LookupError where there is no such KPI, or no value of it from which to take the period.
    """
    from msoic_pipeline.kpis.definitions import find_definition
    from msoic_pipeline.kpis.steps import write_script
    from msoic_pipeline.periods import parse_period

    definition = find_definition(kpi_id)
    with read_warehouse() as connection:
        kind, start = parse_period(period) if period else _find_latest_period(connection, definition)
        return write_script(connection, definition, {kind: [start]})


def _find_latest_period(connection: Connection, definition: Kpi) -> tuple[str, dt.date]:
    """Return kind and first day of the latest period of which a KPI has a national value.

    Of several that start on one day it is the quarter. Raises LookupError where there is no value.
    """
    from msoic_pipeline.kpis.known_values import find_known_values

    values = find_known_values(connection, definition.kpi_id, geographies=[definition.national_geography])
    if not values:
        raise LookupError(f"{definition.kpi_id} has no value yet: give a --period")
    latest_start = max(value.period_start for value in values)
    kinds = [value.period_kind for value in values if value.period_start == latest_start]
    return ("quarter" if "quarter" in kinds else kinds[0]), latest_start


def _list_value_cells(known: KnownValue) -> tuple[str, ...]:
    """Return a value's row of the table, in the order of VALUE_HEADER."""
    value = "missing" if known.value is None else tell_figure(known.value, DIGITS)
    return (
        known.kpi_id,
        known.period_label,
        known.geography_code,
        value,
        known.unit,
        known.status,
        known.as_of.isoformat(),
    )
