"""Staged: each release parsed once for each key into one Parquet file a fact table.

A release's folder is named by a digest of all that decides its content: the file, what is known of it, its source's
layouts and faults, the members that these layouts name, and the parsing code. It appears whole or not at all.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.disks import PARTIAL, folder_written_aside
from msoic_pipeline.ingest.assembling import SELDOM_FILLED, StagedContent, assemble
from msoic_pipeline.ingest.known_faults import Fault, list_faults_of
from msoic_pipeline.ingest.manifest import Manifest
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.workbooks.body import CellReplacement
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.failures import Failure
from msoic_pipeline.workbooks.grid import Workbook
from msoic_pipeline.workbooks.headers import Match
from msoic_pipeline.workbooks.matching import match_workbook
from msoic_pipeline.workbooks.source import digest_layout, load_source
from msoic_pipeline.workbooks.tidy import FileToTidy, Tidy, tidy_sheet

# The module that reads files: with all that it imports, the code on which staged files rest.
READS_FILES = "msoic_pipeline.ingest.reading"
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class StagedRelease:
    """A release as parsed: where its Parquet files are, and what its manifest says."""

    release: Release
    folder: Path

    @cached_property
    def manifest(self) -> Manifest:
        """What was read: sheets and layouts, counts, vintages, findings."""
        return Manifest.from_json((self.folder / MANIFEST).read_bytes())

    @property
    def release_id(self) -> str:
        """The release, as the table ``release`` names it."""
        return self.release.release_id

    @property
    def key(self) -> str:
        """Digest of all that decided the content."""
        return self.folder.name

    @property
    def facts(self) -> list[str]:
        """Fact tables that the release fills."""
        return list(self.manifest.rows_by_fact)

    def quarters(self) -> set[dt.date]:
        """Return the first days of the quarters that the release has rows of."""
        return {vintage.quarter_start for vintage in self.manifest.vintages}

    def frame(self, name: str) -> pd.DataFrame:
        """Return one of the release's tables: a fact table, ``published_total``, ``rejects`` or a dimension."""
        return self._read_table(name).to_pandas()

    def rejects(self) -> list[Failure]:
        """Return what was left out: the places that are listed, each with the known fault that asks for it, if any."""
        return [Failure(**row) for row in self._read_table("rejects").to_pylist()]

    def _read_table(self, name: str) -> pa.Table:
        if name in SELDOM_FILLED and not self.path(name).is_file():
            return SELDOM_FILLED[name].empty_table()
        return pq.read_table(self.path(name))

    def path(self, name: str) -> Path:
        """Return the path of one of the release's Parquet files."""
        return self.folder / f"{name}.parquet"


@cache
def _layout_digest(source: str, quarter: dt.date) -> str:
    return digest_layout(load_source(source), quarter)


def staging_key(release: Release) -> str:
    """Return the digest of all that decides what a release is parsed into."""
    identity = (release.release_id, release.sha256, release.published_on, release.reference_period, release.reporter)
    faults = [fault.model_dump_json() for fault in list_faults_of(release)]
    layouts = _layout_digest(release.source, release.reference_quarter)
    parts = (*map(str, identity), layouts, *faults, digest_code(READS_FILES))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def staged_folder(release: Release, staging_dir: Path) -> Path:
    """Return the folder in which a release stands, or will stand, once parsed."""
    return staging_dir / release.source / staging_key(release)


def is_staged(release: Release, staging_dir: Path) -> bool:
    """Return whether a release was parsed before, by the same rules."""
    return (staged_folder(release, staging_dir) / MANIFEST).is_file()


def stage_workbook(workbook: Workbook, release: Release, staging_dir: Path) -> StagedRelease:
    """Parse an open workbook into the staging area, unless it stands there already.

    Raises SourceFileError where the file's layout is not the one declared.
    """
    folder = staged_folder(release, staging_dir)
    if not is_staged(release, staging_dir):
        faults = list_faults_of(release)
        _write_folder(folder, assemble(release, _read_sheets(workbook, release, faults), faults))
    return StagedRelease(release, folder)


def _read_sheets(workbook: Workbook, release: Release, faults: tuple[Fault, ...]) -> list[Tidy]:
    """Return what the sheets of a workbook hold that are tables of its source."""
    source = load_source(release.source)
    replacements = tuple(fault.cell_replacement() for fault in faults if fault.treatment == "replace")
    matches = match_workbook(source, workbook, release.reference_quarter)
    _refuse_absent_sheets(replacements, matches, release)
    file = FileToTidy(release.file_name, release.published_on, release.reference_period, replacements)
    return [tidy_sheet(workbook.read_sheet(match.sheet), match, source, file) for match in matches]


def _refuse_absent_sheets(replacements: tuple[CellReplacement, ...], matches: list[Match], release: Release) -> None:
    """Refuse a file that has not the sheet of a known fault: the cell would be read as it stands."""
    sheets = [match.sheet for match in matches]
    for replacement in replacements:
        if replacement.sheet not in sheets:
            raise SourceFileError(
                "fault_not_found",
                file=release.file_name,
                expected=f"the sheet {replacement.sheet!r}, where the declared fault {replacement.fault_id} stands",
                found=f"tables in the sheets {', '.join(map(repr, sheets))}",
                remedy="Look at the file, and amend the source's faults.yaml.",
            )


def _write_folder(folder: Path, content: StagedContent) -> None:
    """Write a release's folder; its manifest comes last, since a folder counts from when that is there."""
    with folder_written_aside(folder) as aside:
        for name, table in content.tables.items():
            if len(table) or name not in SELDOM_FILLED:
                pq.write_table(table, aside / f"{name}.parquet")
        (aside / MANIFEST).write_bytes(content.manifest.to_json())


def sweep(staging_dir: Path, source: str, current: Iterable[str]) -> int:
    """Remove the folders of a source that stand for none of the ``current`` keys; return how many.

    Half-made ones of killed runs are among them: to be called by the one who holds the source's lock.
    """
    folder = staging_dir / source
    if not folder.is_dir():
        return 0
    keys = set(current)
    stale = [path for path in folder.iterdir() if path.is_dir() and path.name not in keys]
    for path in stale:
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob(f"*/*{PARTIAL}"):
        path.unlink(missing_ok=True)
    return len(stale)
