"""Registered: what became of a source's files. Its releases with their status, its quarantine, its findings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model import evidence
from msoic_pipeline.model.arrow import make_arrow_rows
from msoic_pipeline.model.evidence import ReleaseStatus
from msoic_pipeline.model.evidence_rows import QuarantineRow
from msoic_pipeline.quality.treatments import STANDS
from msoic_pipeline.quality.verdicts import Verdict
from msoic_pipeline.warehouse.engine import read_transaction, write_transaction
from msoic_pipeline.warehouse.findings import record_findings
from msoic_pipeline.warehouse.release_rows import (
    ReleaseRow,
    delete_releases,
    list_release_rows,
    read_loaded_releases,
    write_release_rows,
)
from msoic_pipeline.warehouse.rows import bulk_insert, write_changed_rows
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
        quarantined = [row for verdict in verdicts for row in verdict.quarantine]
        quarantined += _list_lost_releases(connection, source, landing)
        in_source = quarantine.c.source == source.source
        write_changed_rows(connection, quarantine, in_source, map(asdict, quarantined))
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
    loaded = read_loaded_releases(connection, source)
    verdict_by_id = {verdict.staged.release_id: verdict for verdict in verdicts if verdict.staged}
    there = [
        _make_release_row(landed, verdict_by_id.get(landed.release_id), is_loaded=landed.release_id in loaded)
        for landed in landing.releases
    ]
    present = {row.release_id for row in there}
    absent = [row for row in list_release_rows(connection, source.source) if row.release_id not in present]
    gone = [replace(row, status=_name_status_of_absent(row, landing, loaded), superseded_by=None) for row in absent]
    write_release_rows(connection, [*there, *gone])


def _make_release_row(landed: Release, verdict: Verdict | None, is_loaded: bool) -> ReleaseRow:
    """Return the row of a release whose file is there; ``verdict`` is None where it could not be parsed."""
    layout = _name_layouts(verdict.staged) if verdict and verdict.staged else ""
    status: ReleaseStatus = "held" if is_loaded else "rejected"
    if verdict and verdict.accepted:
        status = "accepted"
    return ReleaseRow(**asdict(landed), layout=layout, status=status)


def _name_status_of_absent(row: ReleaseRow, landing: Landing, loaded: set[str]) -> ReleaseStatus:
    """Return the status of a release whose file is not there; one of which nothing is loaded keeps its own."""
    if row.release_id in landing.withdrawn:
        return "withdrawn"
    return "held" if row.release_id in loaded else row.status


def _name_layouts(staged: StagedRelease) -> str:
    return "; ".join(f"{read.sheet}: {read.table}/{read.layout}" for read in staged.manifest.sheets)


def find_lost_releases(engine: Engine, source: Source, landing: Landing) -> list[str]:
    """Return, in words, the releases that are loaded though neither archive nor raw folder has their file any more."""
    with read_transaction(engine) as connection:
        return [row.reason for row in _list_lost_releases(connection, source, landing)]


def _list_lost_releases(connection: Connection, source: Source, landing: Landing) -> Iterable[QuarantineRow]:
    release = evidence.release
    lost = sorted(read_loaded_releases(connection, source) - _list_kept(landing))
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
    with read_transaction(engine) as connection:
        known = {row.release_id for row in list_release_rows(connection, source.source)}
        stale = known - _list_kept(landing) - read_loaded_releases(connection, source)
    if stale:
        with write_transaction(engine) as connection:
            delete_releases(connection, stale)
    return len(stale)


def _list_kept(landing: Landing) -> set[str]:
    """Return the releases whose files are in the archive or the raw folder, in force or not."""
    return {landed.release_id for landed in landing.releases} | landing.withdrawn | landing.unsure
