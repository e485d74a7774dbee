"""``msoic releases``: what the warehouse knows of each release."""

from __future__ import annotations

from typing import Annotated

import typer

from msoic_pipeline.commands.app import read_source, read_warehouse


def releases(
    source: Annotated[
        str | None, typer.Argument(parser=read_source, metavar="[SOURCE]", help="Source; all where it is left out.")
    ] = None,
) -> None:
    """List the releases that the warehouse knows, with what has become of each."""
    typer.echo(tell_releases(source))


def tell_releases(source: str | None) -> str:
    """Return the releases of a source, or of all, as a table of text."""
    import sqlalchemy as sa

    from msoic_pipeline.model.evidence import release

    names = ("release_id", "published_on", "reference_period", "status", "in_raw", "file_name")
    query = sa.select(*(release.c[name] for name in names)).order_by(release.c.source, release.c.published_on)
    if source:
        query = query.where(release.c.source == source)
    with read_warehouse() as connection:
        rows = connection.execute(query).all()
    if not rows:
        return "No releases."
    lines = [f"{'release':<32}{'published':<12}{'about':<10}{'status':<11}{'in raw':<8}file"]
    for row in rows:
        in_raw = "yes" if row.in_raw else "no"
        lines.append(
            f"{row.release_id:<32}{row.published_on!s:<12}{row.reference_period:<10}{row.status:<11}{in_raw:<8}"
            f"{row.file_name}"
        )
    return "\n".join(lines)
