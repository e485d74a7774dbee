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
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.ingest.landing import Landing
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
from msoic_pipeline.quality.verdicts import STANDS, Verdict
from msoic_pipeline.warehouse.engine import bulk_insert, reading, replace_rows, writing
from msoic_pipeline.workbooks.layout import Source


@dataclass(frozen=True)
class Loaded:
    """What loading a quarter of a source did: rows by table, or nothing where nothing had changed."""

    source: str
    quarter_start: dt.date
    changed: bool
    rows: dict[str, int]


@dataclass(frozen=True)
class Accepted:
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
        _upsert(connection, dimensions.dim_quarter, [_quarter(start) for start in quarters])
        _upsert(connection, dimensions.dim_period, _all_periods(quarters))
        for table in members.declared_dimensions():
            _upsert(connection, table, members.rows_of(table))
        _upsert(connection, dimensions.dim_exploitation_type, members.exploitation_members())
        _upsert(connection, dimensions.dim_offence, _offences(staged))


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


def _upsert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert new members and mend changed ones; leave the unchanged alone, so that an idle run writes nothing."""
    key = _key(table)
    known = _keyed(connection.execute(sa.select(table)).mappings(), key)
    new = []
    for row in rows:
        identity = tuple(row[name] for name in key)
        if identity not in known:
            new.append(row)
        elif any(known[identity][name] != value for name, value in row.items()):
            condition = sa.and_(*(table.c[name] == row[name] for name in key))
            connection.execute(sa.update(table).where(condition).values({n: v for n, v in row.items() if n not in key}))
    bulk_insert(connection, table, rows_to_arrow(table, new))


def register(
    engine: Engine, source: Source, landing: Landing, verdicts: Sequence[Verdict], today: dt.date | None = None
) -> None:
    """Write a source's releases with their verdicts, its quarantine and its findings, in one transaction."""
    with writing(engine) as connection:
        _write_releases(connection, source, landing, verdicts)
        quarantine, results = evidence.quarantine, evidence.validation_result
        its_results = sa.and_(results.c.source == source.source, results.c.table_name != evidence.WHOLE_WAREHOUSE)
        rejected = [row for verdict in verdicts for row in verdict.quarantine]
        rejected += _lost_releases(connection, source, landing)
        _replace_if_changed(connection, quarantine, quarantine.c.source == source.source, rejected)
        _record_withdrawals(connection, landing)
        found = [row for verdict in verdicts for row in verdict.results]
        record_findings(connection, its_results, found, today or dt.date.today())


def _record_withdrawals(connection: Connection, landing: Landing) -> None:
    """Add the decisions that are not known yet; none is ever removed, also where its release is."""
    withdrawal = evidence.withdrawal
    known = {tuple(row) for row in connection.execute(sa.select(withdrawal.c.release_id, withdrawal.c.decided_at))}
    new = [row for row in landing.decisions if (row["release_id"], row["decided_at"]) not in known]
    bulk_insert(connection, withdrawal, rows_to_arrow(withdrawal, new))


def _write_releases(connection: Connection, source: Source, landing: Landing, verdicts: Sequence[Verdict]) -> None:
    release = evidence.release
    known = {
        row["release_id"]: dict(row)
        for row in connection.execute(sa.select(release).where(release.c.source == source.source)).mappings()
    }
    loaded = _loaded_releases(connection, source)
    parsed = {verdict.staged.release.release_id: verdict for verdict in verdicts if verdict.staged}
    rows = []
    for landed in landing.releases:
        row = {name: value for name, value in asdict(landed).items() if name in release.columns}
        verdict = parsed.get(landed.release_id)
        row["layout"] = _layouts(verdict.staged) if verdict and verdict.staged else ""
        is_accepted = bool(verdict and verdict.accepted)
        row["status"] = "accepted" if is_accepted else "held" if landed.release_id in loaded else "rejected"
        rows.append(row)
    present = {row["release_id"] for row in rows}
    for release_id, row in known.items():
        if release_id in present:
            continue
        status = "withdrawn" if release_id in landing.withdrawn else "held" if release_id in loaded else row["status"]
        rows.append(row | {"status": status, "superseded_by": None})
    _upsert_releases(connection, rows, known)


def _layouts(staged: StagedRelease) -> str:
    return "; ".join(f"{sheet['sheet']}: {sheet['table']}/{sheet['layout']}" for sheet in staged.manifest["sheets"])


def _loaded_releases(connection: Connection, source: Source) -> set[str]:
    """Return the releases of which rows are loaded."""
    vintage = evidence.vintage
    return set(connection.scalars(sa.select(vintage.c.release_id).where(vintage.c.fact.in_(_facts(source))).distinct()))


def _facts(source: Source) -> list[str]:
    return list(dict.fromkeys(table.fact for table in source.tables))


def loaded_releases(engine: Engine, source: Source) -> set[str]:
    """Return the releases of a source of which figures are loaded."""
    with reading(engine) as connection:
        return _loaded_releases(connection, source)


def lost_releases(engine: Engine, source: Source, landing: Landing) -> list[str]:
    """Return, in words, the releases that are loaded though neither archive nor raw folder has their file any more."""
    with reading(engine) as connection:
        return [row["reason"] for row in _lost_releases(connection, source, landing)]


def _lost_releases(connection: Connection, source: Source, landing: Landing) -> list[dict[str, Any]]:
    """Return them as rows of quarantine."""
    release = evidence.release
    present = {landed.release_id for landed in landing.releases} | landing.withdrawn | landing.unsure
    lost = sorted(_loaded_releases(connection, source) - present)
    names = sa.select(release.c.release_id, release.c.file_name).where(release.c.release_id.in_(lost))
    return [
        {
            "source": source.source,
            "file_name": file_name,
            "sheet": "",
            "cell": "",
            "rule": "lost_file",
            "release_id": release_id,
            "reason": f"{file_name}: expected the file of release {release_id} in the archive or the raw folder; found "
            "it in neither. Its figures stand as they were loaded. Put the file into the raw folder again, restore the "
            "archive from its backup, or set MSOIC_ARCHIVE_DIR to where it is.",
            "raw_text": "",
            "is_declared": False,
            "treatment": STANDS,
        }
        for release_id, file_name in connection.execute(names.order_by(release.c.release_id))
    ]


def record_findings(connection: Connection, scope: Any, rows: Sequence[dict[str, Any]], today: dt.date) -> None:
    """Bring the findings within ``scope`` up to date: what is found anew, or otherwise than before, stands from today.

    ``rows`` are those of validation_result without their days. What is found as before stays as it is, so that an idle
    run writes nothing; of several runs on a day the last one's findings stay. Days after ``today`` are those of a clock
    that was wrong: what was found on them is found today, and what ended on them has ended today.
    """
    table = evidence.validation_result
    own = [name for name in _key(table) if name != "found_on"]
    wanted = _keyed(rows, own)
    if len(wanted) < len(rows):
        raise ValueError("two findings of one check, table and release: one would hide the other")
    lasting = sa.or_(table.c.superseded_on.is_(None), table.c.superseded_on > today)
    latest = connection.execute(sa.select(table).where(scope, sa.or_(lasting, table.c.found_on >= today))).mappings()
    rivals = [dict(row) for row in latest]
    known = _keyed((row for row in rivals if row["superseded_on"] is None), own)
    kept = {
        key for key, row in known.items() if key in wanted and (row | wanted[key]) == row and row["found_on"] <= today
    }
    those = {tuple(row[name] for name in own) for row in rivals} - kept
    its = sa.and_(*(table.c[name] == sa.bindparam(f"its_{name}") for name in own))
    for end in (
        sa.delete(table).where(its, table.c.found_on >= today),
        sa.update(table).where(its, lasting).values(superseded_on=today),
    ):
        if those:
            connection.execute(end, [{f"its_{name}": key[n] for n, name in enumerate(own)} for key in sorted(those)])
    begun = sorted(wanted.keys() - kept)
    new = [wanted[key] | {"found_on": today, "superseded_on": None} for key in begun]
    bulk_insert(connection, table, rows_to_arrow(table, new))


def _key(table: sa.Table) -> list[str]:
    return [column.name for column in table.primary_key.columns]


def _keyed(rows: Iterable[Any], key: Sequence[str]) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return rows by the values of their key."""
    return {tuple(row[name] for name in key): dict(row) for row in rows}


def _upsert_releases(connection: Connection, rows: list[dict[str, Any]], known: dict[str, dict[str, Any]]) -> None:
    """Insert new releases and mend changed ones; first all of them, then what supersedes what."""
    release = evidence.release
    present = {row["release_id"] for row in rows}
    for row in rows:
        if row["superseded_by"] not in present:
            row["superseded_by"] = None
    new = [row | {"superseded_by": None} for row in rows if row["release_id"] not in known]
    bulk_insert(connection, release, rows_to_arrow(release, new))
    standing = known | {row["release_id"]: row for row in new}
    for row in rows:
        if standing[row["release_id"]] != row:
            connection.execute(sa.update(release).where(release.c.release_id == row["release_id"]).values(row))


def _replace_if_changed(connection: Connection, table: sa.Table, condition: Any, rows: list[dict[str, Any]]) -> None:
    key = _key(table)
    unique = _keyed(rows, key)
    order = sorted(unique)
    known = _keyed(connection.execute(sa.select(table).where(condition)).mappings(), key)
    if known != unique:
        replace_rows(connection, table, condition, rows_to_arrow(table, [unique[identity] for identity in order]))


def load_quarters(engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: Accepted) -> list[Loaded]:
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
        else Loaded(source.source, quarter, False, {})
        for quarter in sorted({*quarters, *stale})
    ]


def stale_quarters(engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: Accepted) -> list[dt.date]:
    """Return the quarters of a source that were loaded from something else than what is to be loaded now."""
    by_quarter = accepted.by_quarter()
    loaded = _loaded_quarters(engine, source)
    with reading(engine) as connection:
        held = _held_by_quarter(connection, source, accepted)
    return [q for q in quarters if loaded.get(q) != _fingerprint(q, by_quarter[q], held[q], accepted)]


def _loaded_quarters(engine: Engine, source: Source) -> dict[dt.date, str]:
    """Return the quarters of a source that have been loaded, each with the digest of what went in."""
    log = evidence.load_log
    entries = sa.select(log.c.quarter_start, log.c.fingerprint).where(log.c.stage == _stage(source))
    with reading(engine) as connection:
        return dict(connection.execute(entries).all())


def _stage(source: Source) -> str:
    return f"load {source.source}"


def _held_by_quarter(connection: Connection, source: Source, accepted: Accepted) -> dict[dt.date, list[str]]:
    """Return by quarter the releases that are loaded, cannot be loaded now, and have not been withdrawn."""
    vintage = evidence.vintage
    settled = {staged.release.release_id for staged in accepted.releases} | accepted.withdrawn
    loaded = sa.select(vintage.c.quarter_start, vintage.c.release_id).where(vintage.c.fact.in_(_facts(source)))
    held: dict[dt.date, list[str]] = defaultdict(list)
    for quarter, release_id in connection.execute(loaded.distinct()):
        if release_id not in settled:
            held[quarter].append(release_id)
    return held


def _fingerprint(quarter: dt.date, chosen: Sequence[StagedRelease], held: Sequence[str], accepted: Accepted) -> str:
    # Who was due to report in a quarter depends on how far the source has come.
    last = accepted.last_period
    due_until = min(last, period_end("quarter", quarter)) if last >= quarter else "nobody yet"
    parts = [str(quarter), str(due_until)]
    # In their order: of two that say the same of themselves the later one counts.
    parts += [f"{s.release.release_id} {s.release.edition} {s.key}" for s in chosen]
    parts += [f"held {release_id}" for release_id in sorted(held)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _load_quarter(
    engine: Engine, source: Source, quarter: dt.date, chosen: Sequence[StagedRelease], accepted: Accepted
) -> Loaded:
    facts = _facts(source)
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
            "stage": _stage(source),
            "quarter_start": quarter,
            "fingerprint": _fingerprint(quarter, chosen, held, accepted),
        }
        its_entry = sa.and_(log.c.stage == entry["stage"], log.c.quarter_start == quarter)
        replace_rows(connection, log, its_entry, rows_to_arrow(log, [entry]))
    return Loaded(source.source, quarter, True, written)


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
    for fact in (FACTS[name] for name in _facts(source)):
        if source.reporters.column not in fact.columns:
            continue
        current = sorted({v["release_id"] for v in vintages if v["fact"] == fact.name and v["superseded_on"] is None})
        column = fact.c[source.reporters.column]
        reported = sa.select(column).where(fact.c.quarter_start == quarter, fact.c.release_id.in_(current)).distinct()
        reporters.update(connection.scalars(reported))
    return {(quarter, reporter) for reporter in reporters}


def prune_releases(engine: Engine, source: Source, landing: Landing) -> int:
    """Remove a source's releases that are in no archive and of which no figure is loaded; return how many."""
    release = evidence.release
    present = {landed.release_id for landed in landing.releases} | landing.withdrawn | landing.unsure
    with reading(engine) as connection:
        its = sa.select(release.c.release_id).where(release.c.source == source.source)
        stale = sorted(set(connection.scalars(its)) - present - _loaded_releases(connection, source))
    if stale:
        with writing(engine) as connection:
            gone = release.c.superseded_by.in_(stale)
            connection.execute(sa.update(release).where(gone).values(superseded_by=None))
            connection.execute(sa.delete(release).where(release.c.release_id.in_(stale)))
    return len(stale)
