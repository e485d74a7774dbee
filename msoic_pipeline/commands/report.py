"""``msoic report``: the report of a day as one HTML file, and the internal profiles of forces."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from msoic_pipeline.commands.app import AsAtOption, read_warehouse
from msoic_pipeline.periods import find_today


def report(
    as_at: AsAtOption = None,
    to: Annotated[Path | None, typer.Option("--to", help="File to write, instead of one in the output folder.")] = None,
    internal: Annotated[
        bool, typer.Option("--internal", help="Name the forces that made returns, and mark the report as internal.")
    ] = False,
    force: Annotated[
        str, typer.Option("--force", metavar="FORCE", help="Write the internal profile of a force: its name or code.")
    ] = "",
    all_forces: Annotated[
        bool, typer.Option("--all-forces", help="Write the internal profiles of all forces.")
    ] = False,
) -> None:
    """Write the report of a day, or internal profiles of forces, and print where they stand."""
    if not force and not all_forces:
        typer.echo(write_report_of(as_at, find_today(), to, is_internal=internal))
        return
    if force and all_forces:
        raise typer.BadParameter("give --force or --all-forces, not both")
    if internal:
        raise typer.BadParameter("a profile is internal as it is: leave --internal out")
    if to:
        raise typer.BadParameter("a profile shows returns: it stands in the folder of internal pages alone")
    for path in write_profiles_of(force, as_at, find_today()):
        typer.echo(path)


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


def write_profiles_of(force: str, as_at: dt.date | None, today: dt.date) -> list[Path]:
    """Write the profile of a force, or of all where ``force`` is empty, as known on ``as_at`` (None: today).

    Returns their paths. Raises LookupError where there is no force of that name or code.
    """
    from msoic_pipeline.publication.cover import make_cover
    from msoic_pipeline.publication.report.profile.forces import find_force, list_forces
    from msoic_pipeline.publication.report.profile.make import ProfileMaker, write_profiles
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.runs import find_last_failure

    forces = (find_force(force),) if force else list_forces()
    with read_warehouse() as connection:
        cover = make_cover(connection, as_at or today, find_last_failure(connection))
        maker = ProfileMaker(connection, as_at, today, cover)
        return write_profiles(maker, forces, Settings().report_dir, as_at or today)
