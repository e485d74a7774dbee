"""Loaded: staged releases into the warehouse, one transaction a source and quarter.

A quarter of a source is rewritten whole, and only when something that goes into it has changed: readers see the last
good state or the new one, and a run that is killed leaves the last good one.

Figures leave only with a recorded withdrawal. A release that was loaded and cannot be loaded now, because it is
rejected or cannot be read any more, is *held*: its rows stay as they are.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model import evidence
from msoic_pipeline.model.arrow import make_arrow_rows, make_arrow_schema
from msoic_pipeline.model.evidence import vintage
from msoic_pipeline.model.facts import FACTS, published_total
from msoic_pipeline.periods import period_end
from msoic_pipeline.warehouse.coverage import write_coverage
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.load_log import name_load_stage, read_fingerprints, write_fingerprints
from msoic_pipeline.warehouse.rows import gather_statistics, replace_rows
from msoic_pipeline.warehouse.vintages import date_vintages, rank_vintages, read_held_vintages
from msoic_pipeline.workbooks.source import Source


@dataclass(frozen=True)
class LoadedQuarter:
    """What loading a quarter of a source did: rows by table, or nothing where nothing had changed."""

    source: str
    quarter_start: dt.date
    changed: bool
    rows: dict[str, int]


@dataclass(frozen=True)
class AcceptedReleases:
    """What may be loaded of a source: releases, in order of publication, and those whose figures a person took away.

    ``last_held`` is the first day of the last period that releases which are held and not among them are about.
    """

    releases: tuple[StagedRelease, ...]
    withdrawn: frozenset[str] = frozenset()
    last_held: dt.date = dt.date.min

    def by_quarter(self) -> dict[dt.date, list[StagedRelease]]:
        """Return the releases that have rows of each quarter."""
        result: dict[dt.date, list[StagedRelease]] = {}
        for staged in self.releases:
            for quarter in staged.quarters():
                result.setdefault(quarter, []).append(staged)
        return result

    @property
    def last_period(self) -> dt.date:
        """First day of the last period that any of them is about."""
        return max((self.last_held, *(staged.release.reference_start for staged in self.releases)))


def load_quarters(
    engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: AcceptedReleases
) -> list[LoadedQuarter]:
    """Bring quarters of a source's facts up to date, each in a transaction of its own; leave unchanged ones alone.

    Others may go along: see ``_choose_quarters_to_load``.
    """
    chosen = _choose_quarters_to_load(engine, source, quarters, accepted)
    releases_by_quarter = accepted.by_quarter()
    brought_up_to_date = []
    for quarter in sorted({*quarters, *chosen}):
        if quarter in chosen:
            releases = releases_by_quarter.get(quarter, [])
            brought_up_to_date.append(_load_quarter(engine, source, quarter, releases, accepted))
        else:
            brought_up_to_date.append(LoadedQuarter(source.source, quarter, False, {}))
    if chosen:
        gather_statistics(engine, [*(FACTS[name] for name in source.facts), published_total, vintage])
    return brought_up_to_date


def _choose_quarters_to_load(
    engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: AcceptedReleases
) -> set[dt.date]:
    """Return the quarters that have to be loaded: of those asked for the ones that have changed, and with them others.

    Where one has changed, all others that are loaded and have changed too go along: the figures of a year never mix a
    release with the one before it. For example, of 2021, with Q1 to Q3 loaded, a release comes in that revises these
    and brings Q4:

        asked for   to be loaded
        Q4          Q1, Q2, Q3 and Q4
        Q2          Q1, Q2 and Q3: Q4 is neither loaded nor asked for
        Q1 of 2015  none: it has not changed
    """
    loaded = _read_loaded(engine, source)
    changed = set(_find_stale(engine, source, sorted({*quarters, *loaded}), loaded, accepted))
    is_any_asked_for = not changed.isdisjoint(quarters)
    return changed if is_any_asked_for else set()


def find_stale_loads(
    engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: AcceptedReleases
) -> list[dt.date]:
    """Return the quarters of a source that were loaded from something else than what is to be loaded now."""
    return _find_stale(engine, source, quarters, _read_loaded(engine, source), accepted)


def _find_stale(
    engine: Engine,
    source: Source,
    quarters: Sequence[dt.date],
    loaded: Mapping[dt.date, str],
    accepted: AcceptedReleases,
) -> list[dt.date]:
    """Return those of ``quarters`` that are not ``loaded``, by their fingerprints, from what is to be loaded now."""
    by_quarter = accepted.by_quarter()
    with read_transaction(engine) as connection:
        held = _find_held_by_quarter(connection, source, accepted)
    stale = []
    for quarter in quarters:
        wanted = _digest_quarter(quarter, by_quarter.get(quarter, []), held.get(quarter, []), accepted)
        if loaded.get(quarter) != wanted:
            stale.append(quarter)
    return stale


def _read_loaded(engine: Engine, source: Source) -> dict[dt.date, str]:
    """Return the quarters of a source that have been loaded, each with the digest of what went in."""
    with read_transaction(engine) as connection:
        return read_fingerprints(connection, name_load_stage(source.source))


def _find_held_by_quarter(
    connection: Connection, source: Source, accepted: AcceptedReleases
) -> dict[dt.date, list[str]]:
    """Return by quarter the releases that are loaded, cannot be loaded now, and have not been withdrawn."""
    vintage = evidence.vintage
    settled = {staged.release_id for staged in accepted.releases} | accepted.withdrawn
    loaded = sa.select(vintage.c.quarter_start, vintage.c.release_id).where(vintage.c.fact.in_(source.facts))
    held: dict[dt.date, list[str]] = {}
    for quarter, release_id in connection.execute(loaded.distinct()):
        if release_id not in settled:
            held.setdefault(quarter, []).append(release_id)
    return held


def _digest_quarter(
    quarter: dt.date, chosen: Sequence[StagedRelease], held: Sequence[str], accepted: AcceptedReleases
) -> str:
    # Who was due to report in a quarter depends on how far the source has come.
    last = accepted.last_period
    due_until = min(last, period_end("quarter", quarter)) if last >= quarter else "nobody yet"
    parts = [str(quarter), str(due_until)]
    # In their order: of two that say the same of themselves the later one counts.
    parts += [f"{staged.release_id} {staged.release.edition} {staged.key}" for staged in chosen]
    parts += [f"held {release_id}" for release_id in sorted(held)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _load_quarter(
    engine: Engine, source: Source, quarter: dt.date, chosen: Sequence[StagedRelease], accepted: AcceptedReleases
) -> LoadedQuarter:
    """Rewrite all of a source's quarter in one transaction: rows of ``chosen`` releases, vintages, coverage, the log.

    Rows of releases that are held stay as they are.
    """
    vintage = evidence.vintage
    written: dict[str, int] = {}
    with write_transaction(engine) as connection:
        held = _find_held_by_quarter(connection, source, accepted).get(quarter, [])
        for table, of_source in _list_tables_to_fill(source.facts):
            paths = [
                staged.path(table.name) for staged in chosen if table is published_total or table.name in staged.facts
            ]
            not_held = sa.and_(of_source, table.c.quarter_start == quarter, table.c.release_id.not_in(held))
            written[table.name] = replace_rows(connection, table, not_held, _read_staged_rows(paths, table, quarter))
        ranked = [*read_held_vintages(connection, source.facts, quarter, held), *rank_vintages(chosen, quarter)]
        vintages = date_vintages(ranked)
        of_quarter = sa.and_(vintage.c.fact.in_(source.facts), vintage.c.quarter_start == quarter)
        replace_rows(connection, vintage, of_quarter, make_arrow_rows(vintage, [asdict(each) for each in vintages]))
        write_coverage(connection, source, quarter, vintages, accepted.last_period)
        fingerprint = _digest_quarter(quarter, chosen, held, accepted)
        write_fingerprints(connection, name_load_stage(source.source), {quarter: fingerprint})
    return LoadedQuarter(source.source, quarter, True, written)


def _list_tables_to_fill(facts: Sequence[str]) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """Return the tables that hold rows of releases, each with the condition of those of a source's facts."""
    tables: list[tuple[sa.Table, sa.ColumnElement[bool]]] = [(FACTS[name], sa.true()) for name in facts]
    return [*tables, (published_total, published_total.c.fact.in_(facts))]


def _read_staged_rows(paths: Sequence[Path], table: sa.Table, quarter: dt.date) -> pa.Table:
    schema = make_arrow_schema(table)
    if not paths:
        return schema.empty_table()
    return ds.dataset([str(path) for path in paths], schema=schema).to_table(
        filter=pc.field("quarter_start") == quarter
    )
