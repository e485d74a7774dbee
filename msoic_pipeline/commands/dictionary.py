"""``msoic dictionary``: every table and column of the warehouse, as a page."""

from __future__ import annotations

import typer


def dictionary() -> None:
    """Print the data dictionary as Markdown."""
    from msoic_pipeline.model.dictionary import dictionary_page

    typer.echo(dictionary_page(), nl=False)
