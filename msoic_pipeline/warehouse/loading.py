"""Loaded: staged releases into the warehouse, one transaction a source and quarter.

A quarter of a source is rewritten whole, and only when something that goes into it has changed: readers see the last
good state or the new one, and a run that is killed leaves the last good one.

Figures leave only with a recorded withdrawal. A release that was loaded and cannot be loaded now, because it is
rejected or cannot be read any more, is *held*: its rows stay as they are.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model import dimensions, evidence, members
from msoic_pipeline.model.arrow import arrow_schema, rows_to_arrow
from msoic_pipeline.model.facts import FACTS, published_total
from msoic_pipeline.model.geography import PUBLISHER, reporters_due
from msoic_pipeline.periods import (
    FIRST_QUARTER,
    PERIOD_MONTHS,
    financial_quarter_label,
    period_end,
    period_label,
    period_start,
    periods,
    shift_months,
)
from msoic_pipeline.warehouse.engine import reading, replace_rows, writing
from msoic_pipeline.warehouse.load_log import load_stage
from msoic_pipeline.warehouse.rows import upsert_rows
from msoic_pipeline.workbooks.layout import Source


@dataclass(frozen=True)
class LoadedQuarter:
    """What loading a quarter of a source did: rows by table, or nothing where nothing had changed."""

    source: str
    quarter_start: dt.date
    changed: bool
    rows: dict[str, int]


@dataclass(frozen=True)
class AcceptedReleases:
    """What may be loaded of a source: releases, in order of publication, and those whose figures a person took away."""

    releases: tuple[StagedRelease, ...]
    withdrawn: frozenset[str] = frozenset()

    def by_quarter(self) -> dict[dt.date, list[StagedRelease]]:
        """Return the releases that have rows of each quarter."""
        result: dict[dt.date, list[StagedRelease]] = defaultdict(list)
        for staged in self.releases:
            for quarter in staged.quarters():
                result[quarter].append(staged)
        return result

    @property
    def last_period(self) -> dt.date:
        """First day of the last period that any of them is about."""
        return max((staged.release.reference_start for staged in self.releases), default=dt.date.min)


def load_dimensions(engine: Engine, staged: Iterable[StagedRelease], today: dt.date) -> None:
    """Write the members of the dimensions; those that fall out of use stay."""
    quarters = list(periods("quarter", FIRST_QUARTER, dt.date(today.year + 1, 12, 31)))
    with writing(engine) as connection:
        upsert_rows(connection, dimensions.dim_quarter, [_quarter(start) for start in quarters])
        upsert_rows(connection, dimensions.dim_period, _all_periods(quarters))
        for table in members.declared_dimensions():
            upsert_rows(connection, table, members.rows_of(table))
        upsert_rows(connection, dimensions.dim_exploitation_type, members.exploitation_members())
        upsert_rows(connection, dimensions.dim_offence, _offences(staged))


def _quarter(start: dt.date) -> dict[str, Any]:
    return {
        "quarter_start": start,
        "quarter_end": period_end("quarter", start),
        "calendar_label": period_label("quarter", start),
        "financial_label": financial_quarter_label(start),
        "calendar_year_start": period_start("calendar_year", start),
        "financial_year_start": period_start("financial_year", start),
    }


def _all_periods(quarters: Sequence[dt.date]) -> list[dict[str, Any]]:
    last = period_end("quarter", quarters[-1])
    return [
        {
            "period_kind": kind,
            "period_start": start,
            "period_end": period_end(kind, start),
            "period_label": period_label(kind, start),
            "months": months,
            "previous_start": shift_months(start, -months),
            "year_before_start": shift_months(start, -12),
        }
        for kind, months in PERIOD_MONTHS.items()
        for start in periods(kind, quarters[0], last)
    ]


def _offences(staged: Iterable[StagedRelease]) -> list[dict[str, Any]]:
    """Return the offences of all releases, each as last labelled: by the latest quarter of the latest release."""
    latest: dict[str, dict[str, Any]] = {}
    named = [release for release in staged if any("offence_code" in FACTS[fact].columns for fact in release.facts)]
    for release in sorted(named, key=lambda s: (s.release.published_on, s.release.release_id)):
        rows = pq.read_table(release.path("dim_offence")).drop_columns("quarter_start").to_pylist()
        latest |= {row["offence_code"]: row for row in rows}
    return [latest[code] for code in sorted(latest)]


def load_quarters(
    engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: AcceptedReleases
) -> list[LoadedQuarter]:
    """Bring quarters of a source's facts up to date, each in a transaction of its own; leave unchanged ones alone.

    Where one of them has changed, all others that are loaded and have changed too go along: the figures of a year never
    mix a release with the one before it.
    """
    loaded = _loaded_quarters(engine, source)
    changed = set(stale_quarters(engine, source, sorted({*quarters, *loaded}), accepted))
    stale = changed if changed & set(quarters) else set()
    by_quarter = accepted.by_quarter()
    return [
        _load_quarter(engine, source, quarter, by_quarter[quarter], accepted)
        if quarter in stale
        else LoadedQuarter(source.source, quarter, False, {})
        for quarter in sorted({*quarters, *stale})
    ]


def stale_quarters(
    engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: AcceptedReleases
) -> list[dt.date]:
    """Return the quarters of a source that were loaded from something else than what is to be loaded now."""
    by_quarter = accepted.by_quarter()
    loaded = _loaded_quarters(engine, source)
    with reading(engine) as connection:
        held = _held_by_quarter(connection, source, accepted)
    return [q for q in quarters if loaded.get(q) != _quarter_fingerprint(q, by_quarter[q], held[q], accepted)]


def _loaded_quarters(engine: Engine, source: Source) -> dict[dt.date, str]:
    """Return the quarters of a source that have been loaded, each with the digest of what went in."""
    log = evidence.load_log
    entries = sa.select(log.c.quarter_start, log.c.fingerprint).where(log.c.stage == _stage_name(source))
    with reading(engine) as connection:
        return dict(connection.execute(entries).all())


def _stage_name(source: Source) -> str:
    return load_stage(source.source)


def _held_by_quarter(connection: Connection, source: Source, accepted: AcceptedReleases) -> dict[dt.date, list[str]]:
    """Return by quarter the releases that are loaded, cannot be loaded now, and have not been withdrawn."""
    vintage = evidence.vintage
    settled = {staged.release.release_id for staged in accepted.releases} | accepted.withdrawn
    loaded = sa.select(vintage.c.quarter_start, vintage.c.release_id).where(vintage.c.fact.in_(source.facts))
    held: dict[dt.date, list[str]] = defaultdict(list)
    for quarter, release_id in connection.execute(loaded.distinct()):
        if release_id not in settled:
            held[quarter].append(release_id)
    return held


def _quarter_fingerprint(
    quarter: dt.date, chosen: Sequence[StagedRelease], held: Sequence[str], accepted: AcceptedReleases
) -> str:
    # Who was due to report in a quarter depends on how far the source has come.
    last = accepted.last_period
    due_until = min(last, period_end("quarter", quarter)) if last >= quarter else "nobody yet"
    parts = [str(quarter), str(due_until)]
    # In their order: of two that say the same of themselves the later one counts.
    parts += [f"{s.release.release_id} {s.release.edition} {s.key}" for s in chosen]
    parts += [f"held {release_id}" for release_id in sorted(held)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _load_quarter(
    engine: Engine, source: Source, quarter: dt.date, chosen: Sequence[StagedRelease], accepted: AcceptedReleases
) -> LoadedQuarter:
    facts = source.facts
    vintage, log = evidence.vintage, evidence.load_log
    written: dict[str, int] = {}
    with writing(engine) as connection:
        held = _held_by_quarter(connection, source, accepted)[quarter]
        for table, its in _tables_of(facts):
            named = [s.path(table.name) for s in chosen if table is published_total or table.name in s.facts]
            of_quarter = sa.and_(its, table.c.quarter_start == quarter, table.c.release_id.not_in(held))
            written[table.name] = replace_rows(connection, table, of_quarter, _rows_of_quarter(named, table, quarter))
        vintages = vintages_of_quarter(chosen, quarter, _vintages_of_held(connection, facts, quarter, held))
        its_vintages = sa.and_(vintage.c.fact.in_(facts), vintage.c.quarter_start == quarter)
        replace_rows(connection, vintage, its_vintages, rows_to_arrow(vintage, vintages))
        _write_coverage(connection, source, quarter, vintages, accepted.last_period)
        entry = {
            "stage": _stage_name(source),
            "quarter_start": quarter,
            "fingerprint": _quarter_fingerprint(quarter, chosen, held, accepted),
        }
        its_entry = sa.and_(log.c.stage == entry["stage"], log.c.quarter_start == quarter)
        replace_rows(connection, log, its_entry, rows_to_arrow(log, [entry]))
    return LoadedQuarter(source.source, quarter, True, written)


def _tables_of(facts: Sequence[str]) -> list[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """Return the tables that hold rows of releases, each with the condition of those of a source's facts."""
    return [*((FACTS[name], sa.true()) for name in facts), (published_total, published_total.c.fact.in_(facts))]


def _rows_of_quarter(paths: Sequence[Any], table: sa.Table, quarter: dt.date) -> pa.Table:
    schema = arrow_schema(table)
    if not paths:
        return schema.empty_table()
    return ds.dataset([str(path) for path in paths], schema=schema).to_table(
        filter=pc.field("quarter_start") == quarter
    )


def _vintages_of_held(
    connection: Connection, facts: Sequence[str], quarter: dt.date, held: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the vintages of releases that are held, each with the edition of its release."""
    vintage, release = evidence.vintage, evidence.release
    query = (
        sa.select(vintage, release.c.edition)
        .join(release, release.c.release_id == vintage.c.release_id)
        .where(vintage.c.fact.in_(facts), vintage.c.quarter_start == quarter, vintage.c.release_id.in_(held))
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def vintages_of_quarter(
    chosen: Sequence[StagedRelease], quarter: dt.date, held: Sequence[dict[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Return the vintages of a quarter, each with the day on which a later release covered the same ground.

    ``chosen`` come in order of publication; ``held`` are the vintages of releases that stay as they are loaded. Of two
    that were published on one day as the same edition, the one that came in later counts.
    """
    vintages = [dict(entry) | {"place": -1} for entry in held]
    for place, staged in enumerate(chosen):
        known = {"published_on": staged.release.published_on, "edition": staged.release.edition, "place": place}
        for vintage in staged.manifest["vintages"]:
            if vintage["quarter_start"] == str(quarter):
                start = dt.date.fromisoformat(vintage["period_start"])
                vintages.append(vintage | known | {"period_start": start, "quarter_start": quarter})
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for vintage in vintages:
        groups[tuple(vintage[name] for name in ("fact", "breakdown", "period_start", "reporter"))].append(vintage)
    names = [column.name for column in evidence.vintage.columns if column.name != "superseded_on"]
    result = []
    for group in groups.values():
        group.sort(key=lambda vintage: (vintage["published_on"], vintage["edition"], vintage["place"]))
        for vintage, later in pairwise([*group, None]):
            assert vintage is not None
            row = {name: vintage[name] for name in names}
            result.append(row | {"superseded_on": later["published_on"] if later else None})
    return result


def _write_coverage(
    connection: Connection,
    source: Source,
    quarter: dt.date,
    vintages: list[dict[str, Any]],
    last: dt.date,
) -> None:
    coverage = evidence.coverage
    reporters = source.reporters
    due = reporters.periods_due(quarter, last)
    received = _received(connection, source, quarter, vintages)
    expected = reporters_due(reporters.dimension)
    rows = [
        {
            "source": source.source,
            "period_start": start,
            "reporter": reporter,
            "quarter_start": quarter,
            "expected": reporter in expected and start in due,
            "received": (start, reporter) in received,
        }
        for start, reporter in sorted({(start, name) for start in due for name in expected} | received)
    ]
    its = sa.and_(coverage.c.source == source.source, coverage.c.quarter_start == quarter)
    replace_rows(connection, coverage, its, rows_to_arrow(coverage, rows))


def _received(
    connection: Connection, source: Source, quarter: dt.date, vintages: list[dict[str, Any]]
) -> set[tuple[dt.date, str]]:
    """Return who reported: by their own files, by rows in a latest release of any of its facts, or the publisher."""
    if not source.reporters.column:
        every = source.reporters.every
        return {(period_start(every, v["period_start"]), v["reporter"] or PUBLISHER) for v in vintages}
    reporters: set[str] = set()
    for fact in (FACTS[name] for name in source.facts):
        if source.reporters.column not in fact.columns:
            continue
        current = sorted({v["release_id"] for v in vintages if v["fact"] == fact.name and v["superseded_on"] is None})
        column = fact.c[source.reporters.column]
        reported = sa.select(column).where(fact.c.quarter_start == quarter, fact.c.release_id.in_(current)).distinct()
        reporters.update(connection.scalars(reported))
    return {(quarter, reporter) for reporter in reporters}
