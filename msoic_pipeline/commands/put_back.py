"""``msoic put-back RELEASE…``: bring raw files back from the archive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from msoic_pipeline.commands.app import RELEASES_HELP


def put_back(names: Annotated[list[str], typer.Argument(metavar="RELEASE…", help=RELEASES_HELP)]) -> None:
    """Copy the files of releases from the archive to where they stood in the raw folder."""
    typer.echo(put_files_back(names))


def put_files_back(names: Sequence[str]) -> str:
    """Copy the files of releases to where they stood, and return a line on each.

    Raises LookupError where there is no such release, DecisionError where something else stands in the place.
    """
    from msoic_pipeline.ingest import decisions
    from msoic_pipeline.settings import Settings

    settings = Settings()
    lines = []
    for name in names:
        path = decisions.put_back(settings, decisions.find_release(settings, name))
        lines.append(f"{path} is there again")
    return "\n".join(lines)
