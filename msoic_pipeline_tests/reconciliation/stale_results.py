"""Which quarters reconciliation would compute anew, without computing them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from sqlalchemy.engine import Engine

from msoic_pipeline.reconciliation import apply
from msoic_pipeline.reconciliation.acceptances import load_acceptances, select_acceptances_in_force
from msoic_pipeline.reconciliation.rules import load_rules
from msoic_pipeline.warehouse.engine import read_transaction


def find_stale_results(engine: Engine, quarters: Sequence[dt.date], today: dt.date) -> list[dt.date]:
    """The quarters of which figures have changed, a rule has, or an acceptance has ended."""
    in_force = select_acceptances_in_force(load_acceptances(), today)
    with read_transaction(engine) as connection:
        stale = apply.find_stale_results(connection, quarters, load_rules(), in_force)
    return sorted({quarter for each in stale for quarter in each.digests})
