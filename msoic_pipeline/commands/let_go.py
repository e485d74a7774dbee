"""``msoic let-go [RELEASE…]``: accept that raw files are gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from msoic_pipeline.commands.app import RELEASES_HELP, read_source


def let_go(
    reason: Annotated[str, typer.Option(help="Why.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="[RELEASE…]", help=RELEASES_HELP)] = None,
    source: Annotated[
        str | None, typer.Option(parser=read_source, metavar="SOURCE", help="All absent files of a source.")
    ] = None,
) -> None:
    """Accept that files of releases do not stand in the raw folder any more. Their figures stand."""
    if not (names or source):
        raise typer.BadParameter("name releases, or give --source for all absent files of a source")
    typer.echo(let_files_go(names or [], source, reason))


def let_files_go(names: Sequence[str], source: str | None, reason: str) -> str:
    """Write down that the files of the releases named, and all absent ones of a source, need not stand there.

    Returns how many they are, in a sentence. Raises LookupError where there is no such release, DecisionError where no
    reason is given.
    """
    from msoic_pipeline.ingest import decisions
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.workbooks.source import load_source

    settings = Settings()
    releases = [decisions.find_release(settings, name) for name in names]
    if source:
        releases += decisions.list_absent_releases(settings, load_source(source))
    for kept in releases:
        decisions.decide(settings, kept, "let go", reason)
    return f"{len(releases)} files need not stand in the raw folder; the archive keeps them, and their figures stand."
