"""``msoic ui``: Dagster's pages."""

from __future__ import annotations

from typing import Annotated

import typer

from msoic_pipeline.commands.app import print_aside


def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 3000,
    name: Annotated[
        list[str] | None, typer.Option(help="Name under which a proxy of yours shows the pages; may be repeated.")
    ] = None,
) -> None:
    """Open Dagster's pages on http://127.0.0.1:3000, with the schedules running."""
    from msoic_pipeline.running.pages import serve_pages

    raise typer.Exit(serve_pages(port, name or [], print_aside))
