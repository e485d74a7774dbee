"""The queries of a rule as SQL that runs as it is, for people to read and to take apart."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from msoic_pipeline.reconciliation.results import ResultQuery, list_result_queries
from msoic_pipeline.reconciliation.rules import Acceptance, Rule, acceptances_in_force, load_acceptances, load_rules
from msoic_pipeline.warehouse.engine import SCHEMA


def rule_sql(
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
    in_force = acceptances_in_force(load_acceptances() if acceptances is None else acceptances, today)
    parts = [f"-- {rule.title} ({rule.rule_id})"]
    if dialect.name == "postgresql":
        parts.append(f"SET search_path TO {SCHEMA}, public;")
    for results in list_result_queries(rule, quarters, in_force):
        parts.append(f"-- {_name_query(results)}\n{_write_query(results.query, dialect)};")
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


def _write_query(query: sa.Select[Any], dialect: sa.Dialect) -> str:
    text = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    if dialect.paramstyle in ("format", "pyformat"):
        text = text.replace("%%", "%")  # its driver would take a single one for a parameter
    return lay_out_query(text)


def lay_out_query(text: str) -> str:
    """Return a query with its columns and clauses on lines of their own; texts in quotes stay as they are.

    ``SELECT a.x AS x, a.y AS z FROM a JOIN b ON …`` → four lines: ``SELECT a.x,``, ``a.y AS z``, ``FROM a``, ``JOIN b
    ON …``.
    """
    laid_out: list[str] = []
    depth = 0
    depths_of_lists: list[int] = []  # how deep in brackets the lists of columns are that have begun
    for token in _TOKEN.findall(text):
        is_in_list = depths_of_lists[-1:] == [depth]
        if token == "(":
            depth += 1
        elif token == ")":
            depth -= 1
            depths_of_lists = [deep for deep in depths_of_lists if deep <= depth]
        elif token == "SELECT":
            depths_of_lists.append(depth)
        elif token == "FROM" and is_in_list:
            depths_of_lists.pop()
        laid_out.append(_lay_out_token(token, is_in_list))
    return "\n".join(line.rstrip() for line in "".join(laid_out).splitlines() if line.strip())


# A text in quotes, a column under its own name, a clause, a word, or any one sign.
_TOKEN = re.compile(
    r"'(?:[^']|'')*'"
    r"|\w+\.\w+ AS \w+\b"
    r"|\s(?:LEFT OUTER JOIN|JOIN|WHERE|GROUP BY|HAVING|UNION ALL|WHEN|ELSE)\s"
    r"|\w+|, |.",
    re.DOTALL,
)


def _lay_out_token(token: str, is_in_list: bool) -> str:
    if token == ", ":
        return ",\n    " if is_in_list else token
    clause = token.strip() if token[0].isspace() else ""
    if clause in ("WHEN", "ELSE"):
        return f"\n        {clause} " if is_in_list else token
    if clause == "UNION ALL":
        return "\nUNION ALL\n"
    if clause:
        return f"\n{'    ' if clause.endswith('JOIN') else ''}{clause} "
    column, _, name = token.partition(" AS ")
    if name and not token.startswith("'") and column.partition(".")[2] == name:
        return column
    return token
