"""``msoic releases``: what the warehouse knows of each release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from msoic_pipeline.commands.app import read_source, read_warehouse
from msoic_pipeline.wording import align_columns

if TYPE_CHECKING:  # commands import what they need when they run, so that the terminal answers at once
    from msoic_pipeline.warehouse.release_rows import ReleaseRow

RELEASE_HEADER = ("release", "published", "about", "status", "in raw", "file")


def releases(
    source: Annotated[
        str | None, typer.Argument(parser=read_source, metavar="[SOURCE]", help="Source; all where it is left out.")
    ] = None,
) -> None:
    """List the releases that the warehouse knows, with what has become of each."""
    typer.echo(tell_releases(source))


def tell_releases(source: str | None) -> str:
    """Return the releases of a source, or of all, as a table of text."""
    from msoic_pipeline.warehouse.release_rows import list_release_rows

    with read_warehouse() as connection:
        rows = list_release_rows(connection, source)
    if not rows:
        return "No releases."
    return align_columns([RELEASE_HEADER, *map(_list_release_cells, rows)])


def _list_release_cells(row: ReleaseRow) -> tuple[str, ...]:
    """Return a release's row of the table, in the order of RELEASE_HEADER."""
    in_raw = "yes" if row.in_raw else "no"
    return row.release_id, row.published_on.isoformat(), row.reference_period, row.status, in_raw, row.file_name
