"""KPIs: declared measures, computed in SQL where the data is, as known on every day on which they changed."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.kpis.definitions import definitions_digest, load_definitions, write_definitions
from msoic_pipeline.kpis.steps import insert_values
from msoic_pipeline.kpis.wanted import Periods, quarters_within
from msoic_pipeline.kpis.work_tables import work_tables
from msoic_pipeline.model import members
from msoic_pipeline.model.evidence import load_log
from msoic_pipeline.model.geography import codes_called
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.periods import PERIOD_MONTHS, parse_period, period_end, periods
from msoic_pipeline.warehouse.engine import reading, writing

STAGE = "kpi"
KEY = ("kpi_id", "period_kind", "period_start", "geography_kind", "geography_code")

# What was known on a day, for readers who write SQL themselves.
AS_AT_SQL = """\
SELECT v.*
FROM kpi_value v
WHERE v.as_of = (
    SELECT max(k.as_of)
    FROM kpi_value k
    WHERE k.kpi_id = v.kpi_id
      AND k.period_kind = v.period_kind
      AND k.period_start = v.period_start
      AND k.geography_kind = v.geography_kind
      AND k.geography_code = v.geography_code
      AND k.as_of <= :as_at
)"""


def compute_quarters(engine: Engine, quarters: Iterable[dt.date]) -> dict[dt.date, int]:
    """Compute the KPIs of all periods that touch ``quarters``: their months, the quarters themselves, their years.

    One transaction. Quarters for which nothing that goes in has changed are left alone, and absent from what is
    returned: by quarter, how many rows the periods that touch it now have. kpi_definition is brought up to date in any
    case: what is said of files there may change without a figure.
    """
    fingerprints = _stale(engine, quarters)
    if not fingerprints:
        with writing(engine) as connection:
            write_definitions(connection)
        return {}
    wanted = _periods_touching(fingerprints)
    about = sa.or_(
        *(
            sa.and_(kpi_value.c.period_kind == kind, kpi_value.c.period_start.in_(starts))
            for kind, starts in wanted.items()
        )
    )
    period = (kpi_value.c.period_kind, kpi_value.c.period_start)
    with writing(engine) as connection, work_tables(connection):
        write_definitions(connection)
        connection.execute(sa.delete(kpi_value).where(about))
        insert_values(connection, load_definitions(), wanted)
        written = connection.execute(sa.select(*period, sa.func.count()).where(about).group_by(*period)).all()
        its_entries = sa.and_(load_log.c.stage == STAGE, load_log.c.quarter_start.in_(fingerprints))
        connection.execute(sa.delete(load_log).where(its_entries))
        entries = [{"stage": STAGE, "quarter_start": q, "fingerprint": digest} for q, digest in fingerprints.items()]
        connection.execute(sa.insert(load_log), entries)
    rows = Counter({(kind, start): count for kind, start, count in written})
    return {
        quarter: sum(rows[kind, start] for kind, starts in _periods_touching([quarter]).items() for start in starts)
        for quarter in fingerprints
    }


def _stale(engine: Engine, quarters: Iterable[dt.date]) -> dict[dt.date, str]:
    """Return the quarters to compute, with the digest of all that goes into the periods that touch them."""
    with reading(engine) as connection:
        log = connection.execute(sa.select(load_log.c.stage, load_log.c.quarter_start, load_log.c.fingerprint)).all()
    known = {quarter: digest for stage, quarter, digest in log if stage == STAGE}
    loads = defaultdict(list)
    for stage, quarter, digest in log:
        if stage.startswith("load "):
            loads[quarter].append(f"{stage} {quarter} {digest}")
    stale = {}
    for quarter in sorted(set(quarters)):
        parts = [definitions_digest(), members.digest()]
        parts += [line for needed in quarters_within(_periods_touching([quarter])) for line in sorted(loads[needed])]
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


def kpi_table(
    connection: Connection,
    kpi_id: str | None = None,
    period: str | None = None,
    geography: str | None = None,
    as_at: dt.date | None = None,
) -> list[dict[str, Any]]:
    """Return KPI values as known on ``as_at`` (today where it is not given), each with the KPI's title.

    ``period`` is written as people write it (``2021``, ``2021/22``, ``2021-Q4``, ``2021-11``); ``geography`` is a code,
    the name of a force or CPS Area, or a kind of geography such as ``national``. Raises ValueError where ``period`` is
    no period.
    """
    newer = kpi_value.alias("newer")
    newest = sa.select(sa.func.max(newer.c.as_of)).where(*(newer.c[key] == kpi_value.c[key] for key in KEY))
    if as_at:
        newest = newest.where(newer.c.as_of <= as_at)
    select = (
        sa.select(kpi_definition.c.title, *kpi_value.columns)
        .join_from(kpi_value, kpi_definition, kpi_definition.c.kpi_id == kpi_value.c.kpi_id)
        .where(kpi_value.c.as_of == newest.scalar_subquery())
        .order_by(*(kpi_value.c[key] for key in KEY))
    )
    if kpi_id:
        select = select.where(kpi_value.c.kpi_id == kpi_id)
    if period:
        kind, start = parse_period(period)
        select = select.where(kpi_value.c.period_kind == kind, kpi_value.c.period_start == start)
    if geography:
        code = kpi_value.c.geography_code
        select = select.where(
            sa.or_(code == geography, kpi_value.c.geography_kind == geography, code.in_(codes_called(geography)))
        )
    return [dict(row) for row in connection.execute(select).mappings()]
