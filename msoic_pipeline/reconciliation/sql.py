"""The queries of a rule as SQL that runs as it is, for people to read and to take apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from msoic_pipeline.reconciliation.acceptances import Acceptance, load_acceptances, select_acceptances_in_force
from msoic_pipeline.reconciliation.results import ResultQuery, list_result_queries
from msoic_pipeline.reconciliation.rules import Rule, load_rules
from msoic_pipeline.warehouse.sql_lines import break_query_into_lines
from msoic_pipeline.warehouse.sql_text import write_beginning, write_statement


def write_rule_sql(
    rule_id: str,
    dialect: sa.Dialect,
    quarters: Sequence[dt.date],
    *,
    rules: Sequence[Rule] | None = None,
    acceptances: Sequence[Acceptance] | None = None,
    today: dt.date | None = None,
) -> str:
    """Return a rule's queries for an engine, as one script that shows the rows of reconciliation_result.

    One query for each kind of period and each thing compared; its steps are named parts, of which each can be selected
    from instead of the last (see ``summands``, ``sides``, ``results``). The results are those of ``quarters``, with the
    acceptances in force ``today``; nothing is changed. ``rules`` and ``acceptances`` default to those of the package.
    Raises LookupError where there is no such rule.
    """
    rule = find_rule(rule_id, load_rules() if rules is None else rules)
    in_force = select_acceptances_in_force(load_acceptances() if acceptances is None else acceptances, today)
    parts = write_beginning(f"{rule.title} ({rule.rule_id})", dialect)
    for results in list_result_queries(rule, quarters, in_force):
        parts.append(f"-- {_name_query(results)}\n{break_query_into_lines(write_statement(results.query, dialect))};")
    return "\n\n".join(parts)


def find_rule(rule_id: str, rules: Sequence[Rule]) -> Rule:
    """Return the rule of an identifier. Raises LookupError where there is none, naming those that there are."""
    for rule in rules:
        if rule.rule_id == rule_id:
            return rule
    raise LookupError(f"no rule {rule_id!r}; rules are {', '.join(rule.rule_id for rule in rules)}")


def _name_query(results: ResultQuery) -> str:
    kind, item = results.asked.period_kind.replace("_", " "), results.asked.comparison.item
    return f"By {kind}: {item}" if item else f"By {kind}"
