"""``msoic dictionary``: every table and column of the warehouse, as a page."""

from __future__ import annotations

import typer


def dictionary() -> None:
    """Print the data dictionary as Markdown."""
    from msoic_pipeline.model.dictionary import write_dictionary_page

    typer.echo(write_dictionary_page(), nl=False)
