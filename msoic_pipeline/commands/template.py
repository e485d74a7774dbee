"""``msoic template KIND TARGET``: an empty return."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer


def template(kind: Literal["force_returns", "programme_activity"], target: Path) -> None:
    """Write an empty return to fill in."""
    from msoic_pipeline.publication.templates import write_template

    write_template(kind, target)
    typer.echo(f"{target} written")
