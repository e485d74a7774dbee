"""``msoic withdraw RELEASE``: take a release's figures away, or give them back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from msoic_pipeline.commands.app import open_warehouse
from msoic_pipeline.commands.run import run_until_stopped
from msoic_pipeline.periods import list_all_quarters

if TYPE_CHECKING:
    from msoic_pipeline.settings import Settings


def withdraw(
    release: Annotated[str, typer.Argument(help="Release, or its file's path below the raw folder.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept, with who and when.")],
    undo: Annotated[bool, typer.Option("--undo", help="Give the figures back.")] = False,
    later: Annotated[bool, typer.Option("--later", help="Leave it to the next run to act on it.")] = False,
) -> None:
    """Take a release's figures out of the warehouse, or give them back. Nothing else takes figures away."""
    decided = decide_on_release(release, reason, undo)
    typer.echo(decided.text)
    if decided.waiting:
        typer.echo(f"Files of {', '.join(decided.waiting)} wait to be loaded, too: msoic run loads them.")
    if decided.first_quarter is None or decided.last_quarter is None:
        typer.echo("No figure in the warehouse changes by it.")
    elif later:
        command = f"msoic run --from {decided.first_quarter} --to {decided.last_quarter}"
        typer.echo(f"The next run over its quarters acts on it: {command}")
    else:
        ended = run_until_stopped(decided.first_quarter, decided.last_quarter)
        typer.echo(ended.summary)
        raise typer.Exit(0 if ended.succeeded else 1)


@dataclass(frozen=True)
class DecidedRelease:
    """What was decided about a release, in a sentence, and the quarters (first days) that a run has to go over.

    The quarters are None where no figure of its source in the warehouse changes. ``waiting`` are the other sources of
    which files wait to be loaded.
    """

    text: str
    first_quarter: str | None = None
    last_quarter: str | None = None
    waiting: tuple[str, ...] = ()


def decide_on_release(name: str, reason: str, undo: bool) -> DecidedRelease:
    """Write down that a release is withdrawn, or restored; the next run over its quarters acts on it.

    Raises LookupError where there is no such release, DecisionError where there is nothing to decide.
    """
    from msoic_pipeline.ingest.decisions import decide, find_release
    from msoic_pipeline.settings import Settings

    settings = Settings()
    kept = find_release(settings, name)
    action = "restored" if undo else "withdrawn"
    decide(settings, kept, action, reason)
    text = f"{kept.release_id} ({kept.record.last_name}) is {action}, and stays so until somebody decides otherwise."
    behind = _find_quarters_behind_by_source(settings)
    waiting = tuple(source for source, quarters in behind.items() if quarters and source != kept.source.source)
    if quarters := behind.get(kept.source.source):
        return DecidedRelease(text, quarters[0].isoformat(), quarters[-1].isoformat(), waiting)
    return DecidedRelease(text, waiting=waiting)


def _find_quarters_behind_by_source(settings: Settings) -> dict[str, list[dt.date]]:
    """Return, by source, the quarters that a run would load anew, in order; nothing before there is a warehouse."""
    from msoic_pipeline.assets.source_steps import find_quarters_behind_files
    from msoic_pipeline.warehouse.engine import NoWarehouseError
    from msoic_pipeline.workbooks.source import SOURCES

    try:
        with open_warehouse() as engine:
            quarters = list_all_quarters()
            return {source: find_quarters_behind_files(settings, engine, quarters, [source]) for source in SOURCES}
    except NoWarehouseError:
        return {}
