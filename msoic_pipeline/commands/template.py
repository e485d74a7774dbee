"""``msoic template KIND TARGET``: an empty return."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def template(
    kind: Annotated[
        Literal["force_returns", "programme_activity"],
        typer.Argument(help="Which return: force_returns or programme_activity."),
    ],
    target: Annotated[Path, typer.Argument(help="The XLSX file to write.")],
) -> None:
    """Write an empty return to fill in. What stands there already stays: it may have been filled in."""
    from msoic_pipeline.publication.templates import write_template

    if target.exists():
        raise typer.BadParameter(f"{target} is there already, and may have been filled in: choose another name")
    try:
        write_template(kind, target)
    except OSError as error:
        raise typer.BadParameter(f"it cannot be written: {error}", param_hint="TARGET") from error
    typer.echo(f"{target} written")
