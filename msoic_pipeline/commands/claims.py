"""``msoic claims``: the verdict on every figure that the programme's reports claim."""

from __future__ import annotations

from typing import Annotated

import typer


def claims(report: Annotated[str, typer.Argument(help="Report; all where it is left out.")] = "") -> None:
    """Print the verdict on every figure that the programme's reports claim, as known then and today."""
    typer.echo(claims_text(report or None))


def claims_text(report: str | None) -> str:
    """Return the verdicts on the claims of a report, or of all. Raises LookupError where there is no such report."""
    from msoic_pipeline.claims.verdict_lines import verdict_lines
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.engine import open_engine, reading

    engine = open_engine(Settings().warehouse_url)
    try:
        with reading(engine) as connection:
            return "\n".join(verdict_lines(connection, report))
    finally:
        engine.dispose()
