"""KPIs: declared figures, computed in SQL where the data is, as known on every day on which they changed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.kpis.definition_rows import write_definitions
from msoic_pipeline.kpis.definitions import Kpi, digest_definitions, load_definitions
from msoic_pipeline.kpis.steps import insert_values
from msoic_pipeline.kpis.wanted import Periods, list_quarters_within
from msoic_pipeline.kpis.work_tables import work_tables
from msoic_pipeline.model import members
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS, period_end, periods
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.load_log import find_stale_quarters, list_loads_by_quarter, write_fingerprints
from msoic_pipeline.warehouse.rows import gather_statistics

STAGE = "kpi"


def compute_quarters(engine: Engine, quarters: Iterable[dt.date]) -> dict[dt.date, int]:
    """Compute the KPIs of all periods that touch ``quarters``: their months, the quarters themselves, their years.

    One transaction. Quarters for which nothing that goes in has changed are left alone, and absent from what is
    returned: by quarter, how many rows the periods that touch it now have. kpi_definition is brought up to date in any
    case: what is said of files there may change without a figure.
    """
    with read_transaction(engine) as connection:
        digests = _digest_quarters(connection, quarters)
        stale = find_stale_quarters(connection, STAGE, digests)
    if not stale:
        with write_transaction(engine) as connection:
            write_definitions(connection)
        return {}
    periods_by_kind = _list_periods_touching(stale)
    with write_transaction(engine) as connection, work_tables(connection):
        write_definitions(connection)
        connection.execute(sa.delete(kpi_value).where(_is_of_periods(periods_by_kind)))
        insert_values(connection, load_definitions(), periods_by_kind)
        rows_by_period = _count_rows_by_period(connection, periods_by_kind)
        write_fingerprints(connection, STAGE, {quarter: digests[quarter] for quarter in stale})
    gather_statistics(engine, [kpi_value])
    rows_by_quarter: dict[dt.date, int] = {}
    for quarter in stale:
        rows_by_quarter[quarter] = 0
        for kind, starts in _list_periods_touching([quarter]).items():
            rows_by_quarter[quarter] += sum(rows_by_period[kind, start] for start in starts)
    return rows_by_quarter


def recompute_values(connection: Connection, kpis: Sequence[Kpi], quarters: Iterable[dt.date]) -> None:
    """Compute the values of some KPIs in all periods that touch ``quarters`` anew, whatever they rested on before."""
    wanted = _list_periods_touching(quarters)
    its = kpi_value.c.kpi_id.in_([kpi.kpi_id for kpi in kpis])
    with work_tables(connection):
        connection.execute(sa.delete(kpi_value).where(its, _is_of_periods(wanted)))
        insert_values(connection, kpis, wanted)


def list_quarters_touched(quarters: Iterable[dt.date]) -> list[dt.date]:
    """Return the quarters of all periods that touch ``quarters``: theirs, and the others of their years."""
    return list_quarters_within(_list_periods_touching(quarters))


def _is_of_periods(periods_by_kind: Periods) -> sa.ColumnElement[bool]:
    """Return the condition that a value is of one of the periods."""
    of_kind = [
        sa.and_(kpi_value.c.period_kind == kind, kpi_value.c.period_start.in_(starts))
        for kind, starts in periods_by_kind.items()
    ]
    return sa.or_(*of_kind)


def _count_rows_by_period(connection: Connection, periods_by_kind: Periods) -> Counter[tuple[str, dt.date]]:
    """Return how many values each period has, by its kind and first day."""
    period = (kpi_value.c.period_kind, kpi_value.c.period_start)
    query = sa.select(*period, sa.func.count()).where(_is_of_periods(periods_by_kind)).group_by(*period)
    return Counter({(kind, start): count for kind, start, count in connection.execute(query)})


def _digest_quarters(connection: Connection, quarters: Iterable[dt.date]) -> dict[dt.date, str]:
    """Return, by quarter, a digest of all that goes into the periods that touch it."""
    loads = list_loads_by_quarter(connection)
    digests = {}
    for quarter in sorted(set(quarters)):
        parts = [digest_definitions(), members.digest_all_files()]
        for needed in list_quarters_within(_list_periods_touching([quarter])):
            parts += [load.line for load in loads.get(needed, ())]
        digests[quarter] = hashlib.sha256("\n".join(parts).encode()).hexdigest()
    return digests


def find_stale_kpis(engine: Engine, quarters: Iterable[dt.date]) -> list[dt.date]:
    """Return the quarters whose KPIs rest on something else than what is loaded and declared now."""
    with read_transaction(engine) as connection:
        return find_stale_quarters(connection, STAGE, _digest_quarters(connection, quarters))


def _list_periods_touching(quarters: Iterable[dt.date]) -> Periods:
    """Return, by kind, the first days of the periods that lie in or hold ``quarters``."""
    touching: dict[str, set[dt.date]] = {kind: set() for kind in PERIOD_MONTHS}
    for quarter in quarters:
        for kind, starts in touching.items():
            starts.update(periods(kind, quarter, period_end("quarter", quarter)))
    return {kind: sorted(starts) for kind, starts in touching.items()}
