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
) -> None:
    """Write the report of a day, and print where it stands."""
    typer.echo(write_report_of(as_at, dt.date.today(), to))


def write_report_of(as_at: dt.date | None, today: dt.date, to: Path | None) -> Path:
    """Write the report of ``as_at``, or of today where that is None, and return its path.

    Where the last run failed the report says so before all else, as it does where the nightly run writes it.
    """
    from msoic_pipeline.publication.cover import make_cover
    from msoic_pipeline.publication.report.make import make_report, save_report
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.runs import find_last_failure

    path = to or Settings().report_dir / f"report-{as_at or today}.html"
    with read_warehouse() as connection:
        cover = make_cover(connection, as_at or today, find_last_failure(connection))
        save_report(make_report(connection, today, as_at, cover), path)
    return path
