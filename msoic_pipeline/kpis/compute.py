"""KPIs: declared measures, computed in SQL where the data is, as known on every day on which they changed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.kpis.definitions import definitions_digest, load_definitions, write_definitions
from msoic_pipeline.kpis.steps import insert_values
from msoic_pipeline.kpis.wanted import Periods, quarters_within
from msoic_pipeline.kpis.work_tables import work_tables
from msoic_pipeline.model import members
from msoic_pipeline.model.evidence import load_log
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS, period_end, periods
from msoic_pipeline.warehouse.engine import reading, writing

STAGE = "kpi"


def compute_quarters(engine: Engine, quarters: Iterable[dt.date]) -> dict[dt.date, int]:
    """Compute the KPIs of all periods that touch ``quarters``: their months, the quarters themselves, their years.

    One transaction. Quarters for which nothing that goes in has changed are left alone, and absent from what is
    returned: by quarter, how many rows the periods that touch it now have. kpi_definition is brought up to date in any
    case: what is said of files there may change without a figure.
    """
    stale = _stale(engine, quarters)
    if not stale:
        with writing(engine) as connection:
            write_definitions(connection)
        return {}
    wanted = _periods_touching(stale)
    with writing(engine) as connection, work_tables(connection):
        write_definitions(connection)
        connection.execute(sa.delete(kpi_value).where(_is_of_periods(wanted)))
        insert_values(connection, load_definitions(), wanted)
        rows_by_period = _count_rows_by_period(connection, wanted)
        _write_load_log(connection, stale)
    rows_by_quarter: dict[dt.date, int] = {}
    for quarter in stale:
        rows_by_quarter[quarter] = 0
        for kind, starts in _periods_touching([quarter]).items():
            rows_by_quarter[quarter] += sum(rows_by_period[kind, start] for start in starts)
    return rows_by_quarter


def _is_of_periods(wanted: Periods) -> sa.ColumnElement[bool]:
    """Return the condition that a value is of one of the periods."""
    of_kind = [
        sa.and_(kpi_value.c.period_kind == kind, kpi_value.c.period_start.in_(starts))
        for kind, starts in wanted.items()
    ]
    return sa.or_(*of_kind)


def _count_rows_by_period(connection: Connection, wanted: Periods) -> Counter[tuple[str, dt.date]]:
    """Return how many values each period has, by its kind and first day."""
    period = (kpi_value.c.period_kind, kpi_value.c.period_start)
    query = sa.select(*period, sa.func.count()).where(_is_of_periods(wanted)).group_by(*period)
    return Counter({(kind, start): count for kind, start, count in connection.execute(query)})


def _write_load_log(connection: Connection, digests: dict[dt.date, str]) -> None:
    """Note what the KPIs of quarters rest on now."""
    its_entries = sa.and_(load_log.c.stage == STAGE, load_log.c.quarter_start.in_(digests))
    connection.execute(sa.delete(load_log).where(its_entries))
    entries = [{"stage": STAGE, "quarter_start": quarter, "fingerprint": digest} for quarter, digest in digests.items()]
    connection.execute(sa.insert(load_log), entries)


def _stale(engine: Engine, quarters: Iterable[dt.date]) -> dict[dt.date, str]:
    """Return the quarters to compute, with the digest of all that goes into the periods that touch them."""
    with reading(engine) as connection:
        query = sa.select(load_log.c.stage, load_log.c.quarter_start, load_log.c.fingerprint)
        log = [tuple(row) for row in connection.execute(query)]
    known = {quarter: digest for stage, quarter, digest in log if stage == STAGE}
    loads_by_quarter = defaultdict(list)
    for stage, quarter, digest in sorted(log):
        if stage.startswith("load "):
            loads_by_quarter[quarter].append(f"{stage} {quarter} {digest}")
    stale = {}
    for quarter in sorted(set(quarters)):
        parts = [definitions_digest(), members.digest_of_all()]
        for needed in quarters_within(_periods_touching([quarter])):
            parts += loads_by_quarter[needed]
        digest = hashlib.sha256("\n".join(parts).encode()).hexdigest()
        if known.get(quarter) != digest:
            stale[quarter] = digest
    return stale


def stale_quarters(engine: Engine, quarters: Iterable[dt.date]) -> list[dt.date]:
    """Return the quarters whose KPIs rest on something else than what is loaded and declared now."""
    return list(_stale(engine, quarters))


def _periods_touching(quarters: Iterable[dt.date]) -> Periods:
    """Return, by kind, the first days of the periods that lie in or hold ``quarters``."""
    touching: dict[str, set[dt.date]] = {kind: set() for kind in PERIOD_MONTHS}
    for quarter in quarters:
        for kind, starts in touching.items():
            starts.update(periods(kind, quarter, period_end("quarter", quarter)))
    return {kind: sorted(starts) for kind, starts in touching.items()}
