"""``msoic rule``: what is held against what, and the SQL that does it."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from msoic_pipeline.periods import as_written, parse_quarter
from msoic_pipeline.wording import align_columns

if TYPE_CHECKING:
    from msoic_pipeline.reconciliation.rules import Rule

RULE_HEADER = ("rule", "severity", "title")


def rule(
    rule_id: Annotated[str, typer.Argument(help="Rule; all where it is left out.")] = "",
    sql: Annotated[bool, typer.Option("--sql", help="Print its queries, for the engine of the warehouse.")] = False,
    quarter: Annotated[
        str | None,
        typer.Option(
            parser=as_written(parse_quarter), help="Quarter of the results that --sql shows: 2021-Q4; else all."
        ),
    ] = None,
) -> None:
    """Say what a rule of the reconciliation holds against what, or print the SQL that does it, step by step."""
    if sql and not rule_id:
        raise typer.BadParameter("--sql prints the queries of one rule: name it")
    if quarter and not sql:
        raise typer.BadParameter("--quarter is of the results that --sql shows: give --sql, or leave it out")
    if not rule_id:
        typer.echo(tell_rules())
    elif sql:
        typer.echo(tell_rule_sql(rule_id, parse_quarter(quarter) if quarter else None))
    else:
        typer.echo(tell_rule(rule_id))


def tell_rules() -> str:
    """Return the rules as a table of text."""
    from msoic_pipeline.reconciliation.rules import load_rules

    return align_columns([RULE_HEADER, *((rule.rule_id, rule.severity, rule.title) for rule in load_rules())])


def tell_rule(rule_id: str) -> str:
    """Return a rule in words. Raises LookupError where there is no such rule."""
    from msoic_pipeline.reconciliation.rules import load_rules
    from msoic_pipeline.reconciliation.sql import find_rule

    rule = find_rule(rule_id, load_rules())
    return "\n".join(
        [
            f"{rule.title} ({rule.rule_id})",
            "",
            rule.compares,
            f"Why they may differ: {rule.may_differ}",
            "",
            f"severity    {_tell_severity(rule)}",
            f"periods     {', '.join(kind.replace('_', ' ') for kind in rule.period_kinds)}",
            f"geography   {rule.geography}",
            f"releases    {rule.releases}",
            f"tolerance   {rule.tell_tolerances()}",
        ]
    )


def _tell_severity(rule: Rule) -> str:
    return {"block": "block: a break makes the run red", "warn": "warn: a break leaves the run green"}[rule.severity]


def tell_rule_sql(rule_id: str, quarter: dt.date | None) -> str:
    """Return the queries of a rule for the engine in use, of a quarter's results or of all.

    Raises LookupError where there is no such rule, or where the warehouse's address is none.
    """
    from msoic_pipeline.periods import list_all_quarters
    from msoic_pipeline.reconciliation.sql import write_rule_sql
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.engine import read_dialect

    dialect = read_dialect(Settings().warehouse_url)
    quarters = [quarter] if quarter else list_all_quarters()
    return write_rule_sql(rule_id, dialect, quarters)
