"""``msoic trace KPI PERIOD``: from a KPI value back to the cells of the publishers' files."""

from __future__ import annotations

import datetime as dt
import json
from typing import Annotated

import typer

from msoic_pipeline.commands.app import GEOGRAPHY_HELP, PERIOD_HELP, AsAtOption, read_period, tell


def trace(
    kpi_id: Annotated[str, typer.Argument(help="KPI.")],
    period: Annotated[str, typer.Argument(parser=read_period, help=PERIOD_HELP)],
    geography: Annotated[str, typer.Argument(help=f"{GEOGRAPHY_HELP}.")] = "national",
    as_at: AsAtOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every figure, as JSON.")] = False,
    copies: Annotated[
        bool, typer.Option("--open", help="Write copies of the sheets with the cells in colour.")
    ] = False,
    sensitive_copies: Annotated[
        bool, typer.Option("--open-sensitive", help="The same of sensitive returns, for you alone to read.")
    ] = False,
) -> None:
    """Show where a KPI value comes from: its expression, the facts, and the cells of the publishers' files."""
    from msoic_pipeline.kpis.lineage import WithheldError

    try:
        typer.echo(
            trace_text(
                kpi_id,
                period,
                geography,
                as_at,
                as_json=as_json,
                with_copies=copies or sensitive_copies,
                with_sensitive=sensitive_copies,
            )
        )
    except WithheldError as error:
        tell(str(error))
        raise typer.Exit(2) from error


def trace_text(
    kpi_id: str,
    period: str,
    geography: str,
    as_at: dt.date | None,
    *,
    as_json: bool,
    with_copies: bool,
    with_sensitive: bool,
) -> str:
    """Return where a KPI value comes from, as a tree of text or as JSON; write highlighted copies where wanted.

    Raises LookupError where there is no such value, WithheldError where copies would hold sensitive returns that were
    not asked for.
    """
    from msoic_pipeline.kpis.lineage import trace_lines, trace_value, write_highlighted_copies
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.engine import open_engine, reading

    settings = Settings()
    engine = open_engine(settings.warehouse_url)
    try:
        with reading(engine) as connection:
            traced = trace_value(connection, settings.archive_dir, kpi_id, period, geography, as_at)
    finally:
        engine.dispose()
    lines = [json.dumps(traced.as_json(), indent=1, default=str)] if as_json else trace_lines(traced)
    if with_copies:
        paths = write_highlighted_copies(traced, settings.archive_dir, settings.output_dir, with_sensitive)
        label = "copy with the cells in colour"
        if traced.is_sensitive:
            label = f"sensitive {label}, for you alone"
        if not as_json:
            lines += [f"{label}: {path}" for path in paths]
    return "\n".join(lines)
