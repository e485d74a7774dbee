"""``msoic report``: the report of a day as one HTML file."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from msoic_pipeline.commands.app import AsAtOption, read_warehouse


def report(
    as_at: AsAtOption = None,
    to: Annotated[Path | None, typer.Option("--to", help="File to write, instead of one in the output folder.")] = None,
    internal: Annotated[
        bool, typer.Option("--internal", help="Name the forces that made returns, and mark the report as internal.")
    ] = False,
) -> None:
    """Write the report of a day, and print where it stands."""
    typer.echo(write_report_of(as_at, dt.date.today(), to, is_internal=internal))


def write_report_of(as_at: dt.date | None, today: dt.date, to: Path | None, *, is_internal: bool = False) -> Path:
    """Write the report of ``as_at``, or of today where that is None, and return its path.

    One that ``is_internal`` names who made returns, and has a file of its own. Where the last run failed the report
    says so before all else, as it does where the nightly run writes it.
    """
    from msoic_pipeline.publication.cover import make_cover
    from msoic_pipeline.publication.report.make import make_report, save_report
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.runs import find_last_failure

    name = "report-internal" if is_internal else "report"
    path = to or Settings().report_dir / f"{name}-{as_at or today}.html"
    with read_warehouse() as connection:
        cover = make_cover(connection, as_at or today, find_last_failure(connection))
        save_report(make_report(connection, today, as_at, cover, is_internal=is_internal), path)
    return path
