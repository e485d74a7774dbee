"""The one function that applies the rules.

All sums, joins and verdicts are the database's: results go from the facts into ``reconciliation_result`` without
passing through here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.model import members
from msoic_pipeline.model.evidence import reconciliation_result, reconciliation_rule
from msoic_pipeline.periods import shift_months
from msoic_pipeline.reconciliation.acceptances import Acceptance, load_acceptances, select_acceptances_in_force
from msoic_pipeline.reconciliation.asked import HISTORY_QUARTERS, QUARTERS_LEFT_IN_YEAR
from msoic_pipeline.reconciliation.results import list_result_queries
from msoic_pipeline.reconciliation.rules import Rule, load_rules
from msoic_pipeline.reconciliation.summary import ReconciliationSummary, summarise_results
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.load_log import find_stale_quarters, list_loads_by_quarter, write_fingerprints
from msoic_pipeline.warehouse.rows import insert_rows

STAGE = "reconcile"


def reconcile_quarters(
    engine: Engine,
    quarters: Sequence[dt.date],
    *,
    rules: Sequence[Rule] | None = None,
    acceptances: Sequence[Acceptance] | None = None,
    today: dt.date | None = None,
) -> ReconciliationSummary:
    """Bring the results of ``quarters`` up to date in one transaction and return what was found in them.

    A quarter is computed anew only where rules, acceptances in force or loaded facts have changed since it last was. A
    longer period's result belongs to its last quarter. ``rules`` and ``acceptances`` default to those of the package.
    """
    rules = load_rules() if rules is None else rules
    in_force = select_acceptances_in_force(load_acceptances() if acceptances is None else acceptances, today)
    with read_transaction(engine) as connection:
        digests = digest_quarters(connection, quarters, rules, in_force)
        changed = find_stale_quarters(connection, STAGE, digests)
    if changed:
        with write_transaction(engine) as connection:
            _replace_results(connection, changed, rules, in_force)
            write_fingerprints(connection, STAGE, {quarter: digests[quarter] for quarter in changed})
    with read_transaction(engine) as connection:
        return summarise_results(connection, quarters, tuple(changed), rules)


def digest_quarters(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> dict[dt.date, str]:
    """Return, by quarter, a digest of all that its results rest on: code, rules, acceptances, and what was loaded."""
    loads = list_loads_by_quarter(connection)
    same_for_all = [digest_code("msoic_pipeline.reconciliation.apply"), members.digest_all_files()]
    same_for_all += [declaration.model_dump_json() for declaration in (*rules, *in_force)]
    digests = {}
    for quarter in quarters:
        parts = list(same_for_all)
        # A part of a year belongs to the quarter of its last figure, of which there may be later ones in the year.
        for step in range(-HISTORY_QUARTERS, QUARTERS_LEFT_IN_YEAR + 1):
            parts += loads.get(shift_months(quarter, 3 * step), [])
        digests[quarter] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return digests


def _replace_results(
    connection: Connection, quarters: Sequence[dt.date], rules: Sequence[Rule], in_force: Sequence[Acceptance]
) -> None:
    """Write the rules anew, and the results of some quarters."""
    result = reconciliation_result
    connection.execute(sa.delete(reconciliation_rule))
    insert_rows(connection, reconciliation_rule, [rule.make_row() for rule in rules])
    connection.execute(sa.delete(result).where(result.c.quarter_start.in_(quarters)))
    for rule in rules:
        for results in list_result_queries(rule, quarters, in_force):
            names = [column.name for column in results.query.selected_columns]
            connection.execute(sa.insert(result).from_select(names, results.query))
