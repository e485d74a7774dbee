"""The one function that applies the rules.

All sums, joins and verdicts are the database's: results go from the facts into ``reconciliation_result`` without
passing through here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.model import members
from msoic_pipeline.model.evidence import load_log, reconciliation_result, reconciliation_rule
from msoic_pipeline.periods import shift_months
from msoic_pipeline.reconciliation.acceptances import Acceptance, load_acceptances, select_acceptances_in_force
from msoic_pipeline.reconciliation.asked import HISTORY_QUARTERS, QUARTERS_LEFT_IN_YEAR
from msoic_pipeline.reconciliation.results import list_result_queries
from msoic_pipeline.reconciliation.rules import Rule, load_rules
from msoic_pipeline.reconciliation.summary import ReconciliationSummary, summarise_results
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.load_log import (
    QuarterLoad,
    find_stale_quarters,
    list_loads_by_quarter,
    write_fingerprints,
)
from msoic_pipeline.warehouse.rows import insert_rows

# As the stages begin that apply the rules on some sources.
STAGE = "reconcile "


@dataclass(frozen=True)
class RuleGroup:
    """The rules that speak of the same sources: what is loaded of others changes none of their results.

    For example all rules that compare crime outcomes with recorded crime, and with nothing else.
    """

    sources: frozenset[str]
    rules: tuple[Rule, ...]

    @property
    def stage(self) -> str:
        """What their application is called in the log of loads: ``reconcile crime_outcomes, recorded_crime``."""
        return STAGE + ", ".join(sorted(self.sources))


def group_rules(rules: Sequence[Rule]) -> list[RuleGroup]:
    """Return rules in groups by their sources, in the order of the first of each."""
    by_sources: dict[frozenset[str], list[Rule]] = {}
    for rule in rules:
        by_sources.setdefault(rule.sources, []).append(rule)
    return [RuleGroup(sources, tuple(its_rules)) for sources, its_rules in by_sources.items()]


@dataclass(frozen=True)
class StaleResults:
    """The quarters of a group's results that rest on something else than is there now, each with its new digest."""

    group: RuleGroup
    digests: Mapping[dt.date, str]


def reconcile_quarters(
    engine: Engine,
    quarters: Sequence[dt.date],
    *,
    rules: Sequence[Rule] | None = None,
    acceptances: Sequence[Acceptance] | None = None,
    today: dt.date | None = None,
) -> ReconciliationSummary:
    """Bring the results of ``quarters`` up to date in one transaction and return what was found in them.

    Results are computed anew only where their rules, acceptances in force or the facts loaded of their sources have
    changed since they last were. A longer period's result belongs to its last quarter. ``rules`` and ``acceptances``
    default to those of the package; results of other rules go.
    """
    rules = load_rules() if rules is None else rules
    in_force = select_acceptances_in_force(load_acceptances() if acceptances is None else acceptances, today)
    with read_transaction(engine) as connection:
        stale = find_stale_results(connection, quarters, rules, in_force)
        has_others = _has_results_of_others(connection, rules)
    if stale or has_others:
        with write_transaction(engine) as connection:
            _write_rules(connection, rules)
            for each in stale:
                _replace_results(connection, each, in_force)
    changed = sorted({quarter for each in stale for quarter in each.digests})
    with read_transaction(engine) as connection:
        return summarise_results(connection, quarters, tuple(changed), rules)


def find_stale_results(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> list[StaleResults]:
    """Return, of each group of rules that has any, the quarters whose results have to be computed anew."""
    loads = list_loads_by_quarter(connection)
    found = []
    for group in group_rules(rules):
        digests = _digest_quarters(loads, quarters, group, in_force)
        stale = find_stale_quarters(connection, group.stage, digests)
        if stale:
            found.append(StaleResults(group, {quarter: digests[quarter] for quarter in stale}))
    return found


def _digest_quarters(
    loads: Mapping[dt.date, Sequence[QuarterLoad]],
    quarters: Sequence[dt.date],
    group: RuleGroup,
    in_force: Sequence[Acceptance],
) -> dict[dt.date, str]:
    """Return, by quarter, a digest of all that a group's results rest on: code, rules, acceptances, what was loaded."""
    rule_ids = {rule.rule_id for rule in group.rules}
    its_acceptances = [acceptance for acceptance in in_force if acceptance.rule in rule_ids]
    same_for_all = [digest_code("msoic_pipeline.reconciliation.apply"), members.digest_all_files()]
    same_for_all += [declaration.model_dump_json() for declaration in (*group.rules, *its_acceptances)]
    digests = {}
    for quarter in quarters:
        parts = list(same_for_all)
        # A part of a year belongs to the quarter of its last figure, of which there may be later ones in the year.
        for step in range(-HISTORY_QUARTERS, QUARTERS_LEFT_IN_YEAR + 1):
            its_loads = loads.get(shift_months(quarter, 3 * step), ())
            parts += [load.line for load in its_loads if load.source in group.sources]
        digests[quarter] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return digests


def _has_results_of_others(connection: Connection, rules: Sequence[Rule]) -> bool:
    """Whether results stand there of a rule that is not among these."""
    others = sa.select(reconciliation_rule.c.rule_id).where(_is_of_others(reconciliation_rule, rules))
    return connection.execute(others.limit(1)).first() is not None


def _is_of_others(table: sa.Table, rules: Sequence[Rule]) -> sa.ColumnElement[bool]:
    return table.c.rule_id.not_in([rule.rule_id for rule in rules])


def _write_rules(connection: Connection, rules: Sequence[Rule]) -> None:
    """Write the rules anew; the results of others go, and what was noted of groups that are no more."""
    connection.execute(sa.delete(reconciliation_rule))
    insert_rows(connection, reconciliation_rule, [rule.make_row() for rule in rules])
    connection.execute(sa.delete(reconciliation_result).where(_is_of_others(reconciliation_result, rules)))
    stages = [group.stage for group in group_rules(rules)]
    is_former = sa.and_(load_log.c.stage.startswith(STAGE.strip()), load_log.c.stage.not_in(stages))
    connection.execute(sa.delete(load_log).where(is_former))


def _replace_results(connection: Connection, stale: StaleResults, in_force: Sequence[Acceptance]) -> None:
    """Compute the results of a group anew in its stale quarters, and note what they rest on."""
    result, quarters = reconciliation_result, list(stale.digests)
    for rule in stale.group.rules:
        is_outdated = sa.and_(result.c.rule_id == rule.rule_id, result.c.quarter_start.in_(quarters))
        connection.execute(sa.delete(result).where(is_outdated))
        for results in list_result_queries(rule, quarters, in_force):
            names = [column.name for column in results.query.selected_columns]
            connection.execute(sa.insert(result).from_select(names, results.query))
    write_fingerprints(connection, stale.group.stage, stale.digests)
