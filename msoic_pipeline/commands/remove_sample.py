"""``msoic remove-sample``: from the sample to real data, in three steps.

The sample's releases are withdrawn and their raw files removed; a run takes their figures away; then, once none is
loaded, their files go from the archive and their rows from the table ``release``. Broken off before the
last step, the command can be given again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from msoic_pipeline.commands.app import open_warehouse, print_aside
from msoic_pipeline.commands.run import run_until_stopped

if TYPE_CHECKING:
    from msoic_pipeline.ingest.decisions import KeptRelease


def remove_sample(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Go from the sample to real data: remove all synthetic files and figures, from raw folder to warehouse.

    Ends with exit code 1 where the run on the way was red. Where it has left figures of the sample loaded, nothing goes
    from the archive until the command is given again.
    """
    from msoic_pipeline.ingest.decisions import list_synthetic_releases
    from msoic_pipeline.settings import Settings

    sample = list_synthetic_releases(Settings())
    if not sample:
        typer.echo("There is no sample.")
        return
    if not yes:
        sources = {kept.source.source for kept in sample}
        size = f"{len(sample)} releases of synthetic sample data, of {len(sources)} sources"
        typer.confirm(f"Remove {size} from raw folder, archive and warehouse?", abort=True)
    withdraw_sample(sample)
    ended = run_until_stopped(None, None)
    typer.echo(ended.summary)
    try:
        typer.echo(forget_sample(sample))
    except StillLoadedError as error:
        print_aside(str(error))
        raise typer.Exit(1) from error
    raise typer.Exit(0 if ended.succeeded else 1)


class StillLoadedError(Exception):
    """Figures of the sample are in the warehouse after the run that should have taken them away."""


def withdraw_sample(sample: Sequence[KeptRelease]) -> None:
    """Take the sample's files out of the raw folder, and withdraw its releases: the next run takes the figures away."""
    from msoic_pipeline.ingest import decisions
    from msoic_pipeline.settings import Settings

    settings = Settings()
    decisions.remove_raw_files(settings, sample)
    for kept in sample:
        if not kept.record.is_withdrawn:
            decisions.decide(settings, kept, "withdrawn", "The sample makes way for real data.")


def forget_sample(sample: Sequence[KeptRelease]) -> str:
    """Remove the sample's files from the archive and its releases from the warehouse; return that it is done.

    Raises StillLoadedError where figures of it are loaded still: then nothing is removed.
    """
    from msoic_pipeline.ingest.decisions import remove_from_archive
    from msoic_pipeline.running.warehouse_lock import hold_warehouse
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
    from msoic_pipeline.warehouse.release_rows import delete_releases, read_loaded_releases

    settings = Settings()
    sample_ids = {kept.release_id for kept in sample}
    # No run may load them between the look and the removal.
    with hold_warehouse(settings.warehouse_url, "msoic remove-sample", print_aside), open_warehouse() as engine:
        with read_transaction(engine) as connection:
            still_loaded = read_loaded_releases(connection) & sample_ids
        if still_loaded:
            raise StillLoadedError(
                f"figures of {len(still_loaded)} sample releases are loaded still, since the run did not end well: "
                "mend what it says, then give the command again"
            )
        remove_from_archive(settings, sample)
        with write_transaction(engine) as connection:
            delete_releases(connection, sample_ids)
    return f"{len(sample)} releases of the sample are gone from raw folder, archive and warehouse."
