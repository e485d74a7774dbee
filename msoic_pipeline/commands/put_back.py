"""``msoic put-back RELEASE…``: bring raw files back from the archive."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from msoic_pipeline.commands.app import RELEASES_HELP


def put_back(names: Annotated[list[str], typer.Argument(metavar="RELEASE…", help=RELEASES_HELP)]) -> None:
    """Copy the files of releases from the archive to where they stood in the raw folder."""
    for line in put_files_back(names):
        typer.echo(line)


def put_files_back(names: Sequence[str]) -> Iterator[str]:
    """Copy the files of releases to where they stood, and yield a line on each that is there again.

    Raises LookupError where there is no such release, before any is copied; DecisionError where something else stands
    in the place of one.
    """
    from msoic_pipeline.ingest import decisions
    from msoic_pipeline.settings import Settings

    settings = Settings()
    for kept in [decisions.find_release(settings, name) for name in names]:
        yield f"{decisions.put_back(settings, kept)} is there again"
