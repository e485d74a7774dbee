"""``msoic let-go [RELEASE…]``: accept that raw files are gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from msoic_pipeline.commands.app import RELEASES_HELP, read_source
from msoic_pipeline.ingest.decision_error import DecisionError
from msoic_pipeline.wording import tell_count


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
    reason is given, where one that is named is let go already, or where no file is absent.
    """
    from msoic_pipeline.ingest import decisions
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.workbooks.source import load_source

    settings = Settings()
    releases = [decisions.find_release(settings, name) for name in names]
    if source:
        releases += decisions.list_absent_releases(settings, load_source(source))
    if not releases:
        raise DecisionError(f"no file of {source} is absent from the raw folder, but those withdrawn or let go already")
    # A release may be named twice, or named and absent: it is decided on once.
    release_by_id = {kept.release_id: kept for kept in releases}
    for kept in release_by_id.values():
        decisions.decide(settings, kept, "let go", reason)
    files = tell_count(len(release_by_id), "file")
    return f"{files} need not stand in the raw folder; the archive keeps them, and their figures stand."
