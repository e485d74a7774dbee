"""Loaded: staged releases into the warehouse, one transaction a source and quarter.

A quarter of a source is rewritten whole, and only when something that goes into it has changed: readers see the last
good state or the new one, and a run that is killed leaves the last good one.
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

from msoic_pipeline.landing import Landing
from msoic_pipeline.model import dimensions, evidence, members
from msoic_pipeline.model.arrow import arrow_schema, rows_to_arrow
from msoic_pipeline.model.facts import FACTS, published_total
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
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.staging import StagedRelease
from msoic_pipeline.warehouse import bulk_insert, reading, replace_rows, writing
from msoic_pipeline.workbooks.layout import Source

PUBLISHER = "publisher"


@dataclass(frozen=True)
class Loaded:
    """What loading a quarter of a source did: rows by table, or nothing where nothing had changed."""

    source: str
    quarter_start: dt.date
    changed: bool
    rows: dict[str, int]


def load_dimensions(engine: Engine, staged: Iterable[StagedRelease], today: dt.date) -> None:
    """Write the members of the dimensions; those that fall out of use stay."""
    quarters = list(periods("quarter", FIRST_QUARTER, dt.date(today.year + 1, 12, 31)))
    forces = [
        {name: row[name] or None for name in ("force_code", "name", "kind", "country", "rocu_region", "cps_area")}
        for row in members.rows("forces.csv")
    ]
    with writing(engine) as connection:
        _upsert(connection, dimensions.dim_quarter, [_quarter(start) for start in quarters])
        _upsert(connection, dimensions.dim_period, _all_periods(quarters))
        _upsert(connection, dimensions.dim_force, forces)
        for table, file_name in (
            (dimensions.dim_cps_area, "cps_areas.csv"),
            (dimensions.dim_outcome, "outcomes.csv"),
            (dimensions.dim_entry_method, "entry_methods.csv"),
            (dimensions.dim_activity, "activities.csv"),
        ):
            names = [column.name for column in table.columns]
            _upsert(connection, table, [{name: row[name] for name in names} for row in members.rows(file_name)])
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
    release = evidence.release
    rows = []
    for verdict in verdicts:
        if verdict.staged is None:
            continue
        fields = {k: v for k, v in asdict(verdict.staged.release).items() if k in release.columns}
        fields["superseded_by"] = None
        sheets = verdict.staged.manifest["sheets"]
        fields["layout"] = "; ".join(f"{sheet['sheet']}: {sheet['table']}/{sheet['layout']}" for sheet in sheets)
        fields["status"] = "accepted" if verdict.accepted else "rejected"
        rows.append(fields)
    links = {r.release_id: r.superseded_by for r in landing.releases if r.superseded_by}
    with writing(engine) as connection:
        _upsert_releases(connection, rows, links)
        quarantine, results = evidence.quarantine, evidence.validation_result
        its_results = sa.and_(results.c.source == source.source, results.c.table_name != evidence.WHOLE_WAREHOUSE)
        rejected = [row for verdict in verdicts for row in verdict.quarantine]
        _replace_if_changed(connection, quarantine, quarantine.c.source == source.source, rejected)
        found = [row for verdict in verdicts for row in verdict.results]
        record_findings(connection, its_results, found, today or dt.date.today())


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


def _upsert_releases(connection: Connection, rows: list[dict[str, Any]], links: dict[str, str]) -> None:
    release = evidence.release
    known = {row["release_id"]: dict(row) for row in connection.execute(sa.select(release)).mappings()}
    present = {row["release_id"] for row in rows}
    for row in rows:
        row["superseded_by"] = links.get(row["release_id"]) if links.get(row["release_id"]) in present else None
    new = [row for row in rows if row["release_id"] not in known]
    bulk_insert(connection, release, rows_to_arrow(release, [row | {"superseded_by": None} for row in new]))
    for row in rows:
        if row in new and row["superseded_by"] is None:
            continue
        if known.get(row["release_id"]) != row:
            connection.execute(sa.update(release).where(release.c.release_id == row["release_id"]).values(row))


def _replace_if_changed(connection: Connection, table: sa.Table, condition: Any, rows: list[dict[str, Any]]) -> None:
    key = _key(table)
    unique = _keyed(rows, key)
    order = sorted(unique)
    known = _keyed(connection.execute(sa.select(table).where(condition)).mappings(), key)
    if known != unique:
        replace_rows(connection, table, condition, rows_to_arrow(table, [unique[identity] for identity in order]))


def load_quarters(
    engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: Sequence[StagedRelease]
) -> list[Loaded]:
    """Bring quarters of a source's facts up to date, each in a transaction of its own; leave unchanged ones alone."""
    by_quarter = _by_quarter(accepted)
    stale = set(stale_quarters(engine, source, quarters, accepted))
    return [
        _load_quarter(engine, source, quarter, by_quarter[quarter], accepted)
        if quarter in stale
        else Loaded(source.source, quarter, False, {})
        for quarter in quarters
    ]


def stale_quarters(
    engine: Engine, source: Source, quarters: Sequence[dt.date], accepted: Sequence[StagedRelease]
) -> list[dt.date]:
    """Return the quarters of a source that were loaded from something else than what is accepted now."""
    by_quarter = _by_quarter(accepted)
    with reading(engine) as connection:
        log = evidence.load_log
        loaded = dict(
            connection.execute(
                sa.select(log.c.quarter_start, log.c.fingerprint).where(log.c.stage == f"load {source.source}")
            ).all()
        )
    return [q for q in quarters if loaded.get(q) != _fingerprint(q, by_quarter[q], accepted)]


def _by_quarter(accepted: Sequence[StagedRelease]) -> dict[dt.date, list[StagedRelease]]:
    result: dict[dt.date, list[StagedRelease]] = defaultdict(list)
    for staged in accepted:
        for quarter in staged.quarters():
            result[quarter].append(staged)
    return result


def _last_period(accepted: Sequence[StagedRelease]) -> dt.date:
    return max((staged.release.reference_start for staged in accepted), default=dt.date.min)


def _fingerprint(quarter: dt.date, chosen: Sequence[StagedRelease], accepted: Sequence[StagedRelease]) -> str:
    # Who was due to report in a quarter depends on how far the source has come.
    last = _last_period(accepted)
    due_until = min(last, period_end("quarter", quarter)) if last >= quarter else "nobody yet"
    parts = [str(quarter), str(due_until), *sorted(f"{s.release.release_id} {s.key}" for s in chosen)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _load_quarter(
    engine: Engine,
    source: Source,
    quarter: dt.date,
    chosen: Sequence[StagedRelease],
    accepted: Sequence[StagedRelease],
) -> Loaded:
    facts = list(dict.fromkeys(table.fact for table in source.tables))
    vintage, log = evidence.vintage, evidence.load_log
    written: dict[str, int] = {}
    with writing(engine) as connection:
        for name in facts:
            fact = FACTS[name]
            rows = _rows_of_quarter([s.path(name) for s in chosen if name in s.facts], fact, quarter)
            written[name] = replace_rows(connection, fact, fact.c.quarter_start == quarter, rows)
        totals = _rows_of_quarter([s.path(published_total.name) for s in chosen], published_total, quarter)
        its_totals = sa.and_(published_total.c.fact.in_(facts), published_total.c.quarter_start == quarter)
        written[published_total.name] = replace_rows(connection, published_total, its_totals, totals)
        vintages = vintages_of_quarter(chosen, quarter)
        its_vintages = sa.and_(vintage.c.fact.in_(facts), vintage.c.quarter_start == quarter)
        replace_rows(connection, vintage, its_vintages, rows_to_arrow(vintage, vintages))
        _write_coverage(connection, source, quarter, vintages, _last_period(accepted))
        entry = {
            "stage": f"load {source.source}",
            "quarter_start": quarter,
            "fingerprint": _fingerprint(quarter, chosen, accepted),
        }
        its_entry = sa.and_(log.c.stage == entry["stage"], log.c.quarter_start == quarter)
        replace_rows(connection, log, its_entry, rows_to_arrow(log, [entry]))
    return Loaded(source.source, quarter, True, written)


def _rows_of_quarter(paths: Sequence[Any], table: sa.Table, quarter: dt.date) -> pa.Table:
    schema = arrow_schema(table)
    if not paths:
        return schema.empty_table()
    return ds.dataset([str(path) for path in paths], schema=schema).to_table(
        filter=pc.field("quarter_start") == quarter
    )


def vintages_of_quarter(chosen: Iterable[StagedRelease], quarter: dt.date) -> list[dict[str, Any]]:
    """Return the vintages of a quarter, each with the day on which a later release covered the same ground."""
    groups: dict[tuple[str, str, dt.date, str], list[tuple[Any, ...]]] = defaultdict(list)
    for staged in chosen:
        release = staged.release
        for vintage in staged.manifest["vintages"]:
            if vintage["quarter_start"] == str(quarter):
                ground = (
                    vintage["fact"],
                    vintage["breakdown"],
                    dt.date.fromisoformat(vintage["period_start"]),
                    vintage["reporter"],
                )
                groups[ground].append((release.published_on, release.edition, release.release_id, vintage["rows"]))
    result = []
    for (fact, breakdown, start, reporter), entries in groups.items():
        ordered = sorted(entries)
        for entry, later in pairwise([*ordered, None]):
            assert entry is not None
            result.append(
                {
                    "fact": fact,
                    "breakdown": breakdown,
                    "period_start": start,
                    "reporter": reporter,
                    "release_id": entry[2],
                    "quarter_start": quarter,
                    "published_on": entry[0],
                    "superseded_on": later[0] if later else None,
                    "rows": entry[3],
                }
            )
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
    due = [
        start
        for start in periods(reporters.every, quarter, period_end("quarter", quarter))
        if reporters.since <= start <= last
    ]
    received = _received(connection, source, quarter, vintages)
    expected = _expected_reporters(source)
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


def _expected_reporters(source: Source) -> set[str]:
    if source.reporters.dimension == "territorial_force":
        return {row["force_code"] for row in members.rows("forces.csv") if row["kind"] == "territorial force"}
    if source.reporters.dimension == "cps_area":
        return {row["cps_area_code"] for row in members.rows("cps_areas.csv")}
    return {PUBLISHER}


def _received(
    connection: Connection, source: Source, quarter: dt.date, vintages: list[dict[str, Any]]
) -> set[tuple[dt.date, str]]:
    """Return who reported: by their own files, by rows in the latest release, or the publisher itself."""
    if not source.reporters.column:
        every = source.reporters.every
        return {(period_start(every, v["period_start"]), v["reporter"] or PUBLISHER) for v in vintages}
    fact = FACTS[source.tables[0].fact]
    current = sorted({v["release_id"] for v in vintages if v["fact"] == fact.name and v["superseded_on"] is None})
    column = fact.c[source.reporters.column]
    names = connection.scalars(
        sa.select(column).where(fact.c.quarter_start == quarter, fact.c.release_id.in_(current)).distinct()
    )
    return {(quarter, name) for name in names}


def prune_releases(engine: Engine, source: Source, landing: Landing) -> int:
    """Remove a source's releases whose files are gone and whose figures no quarter holds any more; return how many."""
    release, vintage = evidence.release, evidence.vintage
    present = {landed.release_id for landed in landing.releases}
    with reading(engine) as connection:
        used = set(connection.scalars(sa.select(vintage.c.release_id).distinct()))
        its = sa.select(release.c.release_id).where(release.c.source == source.source)
        stale = sorted(set(connection.scalars(its)) - present - used)
    if stale:
        with writing(engine) as connection:
            gone = release.c.superseded_by.in_(stale)
            connection.execute(sa.update(release).where(gone).values(superseded_by=None))
            connection.execute(sa.delete(release).where(release.c.release_id.in_(stale)))
    return len(stale)
