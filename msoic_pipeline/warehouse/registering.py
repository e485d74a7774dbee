"""Registered: what became of a source's files. Its releases with their status, its quarantine, its findings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model import evidence
from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.evidence_rows import QuarantineRow
from msoic_pipeline.quality.treatments import STANDS
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.findings import record_findings
from msoic_pipeline.warehouse.rows import bulk_insert, replace_changed_rows
from msoic_pipeline.workbooks.source import Source


def register_releases(
    engine: Engine, source: Source, landing: Landing, verdicts: Sequence[Verdict], today: dt.date
) -> None:
    """Write a source's releases with their verdicts, its quarantine and its findings, in one transaction.

    What is found anew stands from ``today``.
    """
    quarantine, findings = evidence.quarantine, evidence.validation_result
    of_releases = sa.and_(findings.c.source == source.source, findings.c.table_name != evidence.WHOLE_WAREHOUSE)
    with write_transaction(engine) as connection:
        _write_releases(connection, source, landing, verdicts)
        not_loaded = [row for verdict in verdicts for row in verdict.quarantine]
        not_loaded += _lost_releases(connection, source, landing)
        in_source = quarantine.c.source == source.source
        replace_changed_rows(connection, quarantine, in_source, map(asdict, not_loaded))
        _record_withdrawals(connection, landing)
        results = [result for verdict in verdicts for result in verdict.results]
        record_findings(connection, of_releases, results, today)


def _record_withdrawals(connection: Connection, landing: Landing) -> None:
    """Add the decisions that are not known yet; none is ever removed, also where its release is."""
    withdrawal = evidence.withdrawal
    recorded = {tuple(row) for row in connection.execute(sa.select(withdrawal.c.release_id, withdrawal.c.decided_at))}
    new = [row for row in landing.decisions if (row.release_id, row.decided_at) not in recorded]
    bulk_insert(connection, withdrawal, make_arrow_rows(withdrawal, [asdict(row) for row in new]))


def _write_releases(connection: Connection, source: Source, landing: Landing, verdicts: Sequence[Verdict]) -> None:
    """Write the releases whose files are there, and what has become of those whose files are not any more."""
    recorded = _read_recorded_releases(connection, source)
    loaded = read_loaded_releases(connection, source)
    verdict_by_id = {verdict.staged.release_id: verdict for verdict in verdicts if verdict.staged}
    rows = []
    for landed in landing.releases:
        verdict = verdict_by_id.get(landed.release_id)
        rows.append(_make_release_row(landed, verdict, is_loaded=landed.release_id in loaded))
    present = {row["release_id"] for row in rows}
    for release_id, row in recorded.items():
        if release_id not in present:
            rows.append(row | {"status": _name_status_of_absent(row, landing, loaded), "superseded_by": None})
    _upsert_releases(connection, rows, recorded)


def _read_recorded_releases(connection: Connection, source: Source) -> dict[str, dict[str, Any]]:
    """Return the rows of a source's releases as they stand, by release."""
    query = sa.select(evidence.release).where(evidence.release.c.source == source.source)
    return {row["release_id"]: dict(row) for row in connection.execute(query).mappings()}


def _make_release_row(landed: Release, verdict: Verdict | None, is_loaded: bool) -> dict[str, Any]:
    """Return the row of a release whose file is there; ``verdict`` is None where it could not be parsed."""
    row = {name: value for name, value in asdict(landed).items() if name in evidence.release.columns}
    row["layout"] = _layout_names(verdict.staged) if verdict and verdict.staged else ""
    if verdict and verdict.accepted:
        row["status"] = "accepted"
    else:
        row["status"] = "held" if is_loaded else "rejected"
    return row


def _name_status_of_absent(row: dict[str, Any], landing: Landing, loaded: set[str]) -> str:
    """Return the status of a release whose file is not there; one of which nothing is loaded keeps its own."""
    if row["release_id"] in landing.withdrawn:
        return "withdrawn"
    return "held" if row["release_id"] in loaded else str(row["status"])


def _layout_names(staged: StagedRelease) -> str:
    return "; ".join(f"{read.sheet}: {read.table}/{read.layout}" for read in staged.manifest.sheets)


def _upsert_releases(connection: Connection, rows: list[dict[str, Any]], recorded: dict[str, dict[str, Any]]) -> None:
    """Insert new releases and mend changed ones; first all of them, then what supersedes what.

    A release refers to the one that supersedes it, which must stand there by then.
    """
    release = evidence.release
    present = {row["release_id"] for row in rows}
    for row in rows:
        if row["superseded_by"] not in present:
            row["superseded_by"] = None
    new = [row | {"superseded_by": None} for row in rows if row["release_id"] not in recorded]
    bulk_insert(connection, release, make_arrow_rows(release, new))
    standing = recorded | {row["release_id"]: row for row in new}
    for row in rows:
        if standing[row["release_id"]] != row:
            connection.execute(sa.update(release).where(release.c.release_id == row["release_id"]).values(row))


def read_loaded_releases(connection: Connection, source: Source) -> set[str]:
    """Return the releases of a source of which figures are loaded."""
    vintage = evidence.vintage
    query = sa.select(vintage.c.release_id).where(vintage.c.fact.in_(source.facts)).distinct()
    return set(connection.scalars(query))


def find_lost_releases(engine: Engine, source: Source, landing: Landing) -> list[str]:
    """Return, in words, the releases that are loaded though neither archive nor raw folder has their file any more."""
    with read_transaction(engine) as connection:
        return [row.reason for row in _lost_releases(connection, source, landing)]


def _lost_releases(connection: Connection, source: Source, landing: Landing) -> Iterable[QuarantineRow]:
    release = evidence.release
    present = {landed.release_id for landed in landing.releases} | landing.withdrawn | landing.unsure
    lost = sorted(read_loaded_releases(connection, source) - present)
    names = sa.select(release.c.release_id, release.c.file_name).where(release.c.release_id.in_(lost))
    for release_id, file_name in connection.execute(names.order_by(release.c.release_id)):
        yield QuarantineRow(
            source=source.source,
            file_name=file_name,
            sheet="",
            cell="",
            rule="lost_file",
            release_id=release_id,
            reason=f"{file_name}: expected the file of release {release_id} in the archive or the raw folder; found "
            "it in neither. Its figures stand as they were loaded. Put the file into the raw folder again, restore the "
            "archive from its backup, or set MSOIC_ARCHIVE_DIR to where it is.",
            raw_text="",
            is_declared=False,
            treatment=STANDS,
        )


def prune_releases(engine: Engine, source: Source, landing: Landing) -> int:
    """Remove a source's releases that are in no archive and of which no figure is loaded; return how many."""
    release = evidence.release
    present = {landed.release_id for landed in landing.releases} | landing.withdrawn | landing.unsure
    with read_transaction(engine) as connection:
        of_source = sa.select(release.c.release_id).where(release.c.source == source.source)
        stale = sorted(set(connection.scalars(of_source)) - present - read_loaded_releases(connection, source))
    if stale:
        with write_transaction(engine) as connection:
            refers_to_stale = release.c.superseded_by.in_(stale)
            connection.execute(sa.update(release).where(refers_to_stale).values(superseded_by=None))
            connection.execute(sa.delete(release).where(release.c.release_id.in_(stale)))
    return len(stale)
