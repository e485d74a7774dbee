"""What each quarter was last loaded and computed from, by stage: work that rests on the same is not done again."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.model.evidence import load_log
from msoic_pipeline.periods import FIRST_QUARTER
from msoic_pipeline.warehouse.engine import write_transaction
from msoic_pipeline.warehouse.rows import insert_rows

# As the stages begin that load a source.
LOADING = "load "
# Stages that tell of views and descriptions, not of figures.
VIEWS_STAGE, WORDS_STAGE = "views", "words"
MODEL_STAGES = (VIEWS_STAGE, WORDS_STAGE)


def name_load_stage(source: str) -> str:
    """Return what the loading of a source is called in the log: ``load nrm``."""
    return f"{LOADING}{source}"


def read_fingerprints(connection: Connection, stage: str) -> dict[dt.date, str]:
    """Return, by quarter, the digest of what a stage last rested on."""
    entries = sa.select(load_log.c.quarter_start, load_log.c.fingerprint).where(load_log.c.stage == stage)
    return {entry.quarter_start: entry.fingerprint for entry in connection.execute(entries)}


def write_fingerprints(connection: Connection, stage: str, by_quarter: Mapping[dt.date, str]) -> None:
    """Note what a stage of some quarters rests on now."""
    its_entries = sa.and_(load_log.c.stage == stage, load_log.c.quarter_start.in_(list(by_quarter)))
    connection.execute(sa.delete(load_log).where(its_entries))
    entries = [
        {"stage": stage, "quarter_start": quarter, "fingerprint": digest} for quarter, digest in by_quarter.items()
    ]
    insert_rows(connection, load_log, entries)


def find_stale_quarters(connection: Connection, stage: str, wanted: Mapping[dt.date, str]) -> list[dt.date]:
    """Return, in order, the quarters whose stage last rested on something else than is ``wanted``."""
    known = read_fingerprints(connection, stage)
    return sorted(quarter for quarter, digest in wanted.items() if known.get(quarter) != digest)


def digest_stage(connection: Connection, stage: str) -> str:
    """Return a digest of what all quarters of a stage last rested on."""
    lines = [f"{quarter} {digest}" for quarter, digest in sorted(read_fingerprints(connection, stage).items())]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def digest_all_stages(connection: Connection) -> str:
    """Return a digest of what everything in the warehouse last rested on."""
    stages = connection.scalars(sa.select(load_log.c.stage).distinct().order_by(load_log.c.stage)).all()
    lines = [f"{stage} {digest_stage(connection, stage)}" for stage in stages]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def read_whole_fingerprint(connection: Connection, stage: str) -> str:
    """Return the digest of what a stage of all quarters together last rested on; empty where it never ran."""
    return read_fingerprints(connection, stage).get(FIRST_QUARTER, "")


def write_whole_fingerprint(connection: Connection, stage: str, digest: str) -> None:
    """Note what a stage of all quarters together rests on now: it stands with the first of them."""
    write_fingerprints(connection, stage, {FIRST_QUARTER: digest})


@dataclass(frozen=True)
class QuarterLoad:
    """What of a source is loaded of a quarter; ``line`` changes when anything of it does."""

    source: str
    line: str


def list_loads_by_quarter(connection: Connection) -> dict[dt.date, list[QuarterLoad]]:
    """Return, by quarter, what is loaded of it, source by source in the order of their names."""
    loads: dict[dt.date, list[QuarterLoad]] = {}
    loaded = sa.select(load_log).where(load_log.c.stage.startswith(LOADING)).order_by(load_log.c.stage)
    for entry in connection.execute(loaded):
        line = f"{entry.stage} {entry.quarter_start} {entry.fingerprint}"
        loads.setdefault(entry.quarter_start, []).append(QuarterLoad(entry.stage.removeprefix(LOADING), line))
    return loads


def forget_loads(engine: Engine, first: dt.date, last: dt.date) -> None:
    """Forget what the quarters from ``first`` to ``last`` were loaded and computed from.

    The next run does them again, one by one; until then their figures stand, and count as loaded.
    """
    its = sa.and_(load_log.c.stage.not_in(MODEL_STAGES), load_log.c.quarter_start.between(first, last))
    with write_transaction(engine) as connection:
        connection.execute(sa.update(load_log).where(its).values(fingerprint=""))
