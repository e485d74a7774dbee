"""The sample's files: staged once for all tests, and as grids that a test may change before they are read."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from msoic_pipeline.ingest import reading
from msoic_pipeline.ingest.file_asked import FileAsked, digest_file
from msoic_pipeline.ingest.intake import Intake, take_in_source
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.raw_files import RawFile
from msoic_pipeline.ingest.reading import FileReading, read_file
from msoic_pipeline.ingest.recognition import identify_release
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.ingest.staging import StagedRelease, stage_workbook
from msoic_pipeline.quality.validation import validate_source
from msoic_pipeline.settings import Settings
from msoic_pipeline.workbooks.grid import Sheet, Workbook, open_workbook
from msoic_pipeline.workbooks.source import Source, load_source
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.once import shared_folder

RAW = REPOSITORY / "data" / "raw"

Grids = dict[str, list[list[Any]]]


def settings_in(folder: Path, raw: Path = RAW) -> Settings:
    """Settings of which all but the raw files stand below ``folder``."""
    return Settings(
        raw_dir=raw,
        archive_dir=folder / "archive",
        staging_dir=folder / "staging",
        output_dir=folder / "output",
        warehouse_url=f"sqlite:///{folder / 'warehouse.sqlite'}",
    )


def read_here(asked: Sequence[FileAsked], staging_dir: Path) -> list[FileReading]:
    """Read files as a worker does, but in this process: for files that do no harm."""
    return [read_file(file, staging_dir) for file in asked]


def take_in(folder: Path, source: str, raw: Path = RAW) -> Intake:
    """What comes of the files of a source below ``raw``, with archive and staging area below ``folder``."""
    return take_in_source(settings_in(folder, raw), load_source(source), read_here)


def ask_about(path: Path, raw: Path, source: Source) -> FileAsked:
    """What is known of a raw file that is to be read where it lies."""
    file = RawFile(path, path.relative_to(raw).as_posix())
    return FileAsked(source.source, path, file.name, digest_file(path), file.read_sidecar())


def land_file(path: Path, raw: Path, source: Source) -> Release:
    """The release that a raw file is."""
    return identify_release(open_workbook(path), ask_about(path, raw, source))


def stage_release(release: Release, source: Source, raw: Path, staging_dir: Path) -> StagedRelease:
    """A release parsed from its raw file."""
    return stage_workbook(open_workbook(raw / release.file_name), release, staging_dir)


@cache
def taken_in(source: str) -> Intake:
    """The files of a source of the sample."""
    return take_in_source(settings_in(shared_folder("sample")), load_source(source))


def landed(source: str) -> Landing:
    """The releases of a source of the sample."""
    return taken_in(source).landing


def staged_releases(source: str, part_of_name: str = "", most: int | None = None) -> list[StagedRelease]:
    """The releases of a source whose file names contain a text, parsed; the first of them where ``most`` is given."""
    chosen = [staged for staged in taken_in(source).staged if part_of_name in staged.release.file_name]
    return chosen[:most]


def staged(source: str, part_of_name: str) -> StagedRelease:
    """The one release whose file name contains a text, parsed."""
    (release,) = staged_releases(source, part_of_name)
    return release


def rows_of(release: StagedRelease, fact: str, **members: Any) -> pd.DataFrame:
    """The rows of a fact table that have all of ``members``."""
    rows = release.frame(fact)
    for column, member in members.items():
        rows = rows[rows[column] == member]
    return rows


def only(rows: pd.DataFrame, *columns: str) -> tuple[Any, ...]:
    """The given columns of the one row that there is."""
    (row,) = rows[list(columns)].itertuples(index=False, name=None)
    return tuple(row)


def land_copy(folder: Path, source: str, path: Path, published_on: str, reference_period: str) -> StagedRelease:
    """Put a published file below ``folder`` with a sidecar beside it, and return it parsed."""
    target = folder / "raw" / source / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(path, target)
    said = f"published_on: {published_on}\nreference_period: {reference_period}\n"
    sidecar_path(target).write_text(said, encoding="utf-8")
    found = take_in(folder, source, folder / "raw")
    for unparsed in found.unparsed:
        if unparsed.error.file == f"{source}/{path.name}":
            raise unparsed.error
    (release,) = (staged for staged in found.staged if staged.release.file_name == f"{source}/{path.name}")
    return release


class GridWorkbook(Workbook):
    """A workbook whose sheets are held in memory."""

    def __init__(self, path: Path, grids: Grids) -> None:
        super().__init__(path, None, [])
        self.grids = grids
        self.sheet_names = list(grids)

    def read_head(self, name: str, rows: int) -> Sheet:
        return Sheet(name, self.grids[name][:rows])

    def read_sheet(self, name: str) -> Sheet:
        return Sheet(name, self.grids[name])


def read_grids(path: Path, rows: int | None = None) -> Grids:
    """All sheets of a file, or the first rows of each."""
    workbook = open_workbook(path)
    try:
        sheets = [
            workbook.read_sheet(name) if rows is None else workbook.read_head(name, rows)
            for name in workbook.sheet_names
        ]
        return {sheet.name: [list(row) for row in sheet.rows] for sheet in sheets}
    finally:
        workbook.close()


def pretend(monkeypatch: pytest.MonkeyPatch, grids: Grids) -> None:
    """Let every file that is opened hold ``grids``."""
    pretend_by(monkeypatch, lambda path: GridWorkbook(path, grids))


def pretend_by(monkeypatch: pytest.MonkeyPatch, open_it: Callable[[Path], Workbook]) -> None:
    """Let every file be opened by ``open_it``."""
    for module in (reading, sys.modules[__name__]):
        monkeypatch.setattr(module, "open_workbook", open_it)


def failed_checks(release: StagedRelease) -> list[str]:
    """Return what the checks find wrong with a release, in words."""
    found = validate_source(load_source(release.release.source), [release])[release.release_id]
    return [f"{f.check_name}: {f.detail}" for f in (*release.manifest.findings, *found) if not f.success]
