"""``msoic claims``: the verdict on every figure that the programme's reports claim."""

from __future__ import annotations

from typing import Annotated

import typer

from msoic_pipeline.commands.app import read_warehouse


def claims(report: Annotated[str, typer.Argument(help="Report; all where it is left out.")] = "") -> None:
    """Print the verdict on every figure that the programme's reports claim, as known then and today."""
    typer.echo(tell_claims(report or None))


def tell_claims(report: str | None) -> str:
    """Return the verdicts on the claims of a report, or of all. Raises LookupError where there is no such report."""
    from msoic_pipeline.claims.verdict_lines import tell_verdicts

    with read_warehouse() as connection:
        return "\n".join(tell_verdicts(connection, report))
