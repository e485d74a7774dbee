"""The sample's files: staged once for all tests, and as grids that a test may change before they are read."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from msoic_pipeline import landing, staging
from msoic_pipeline.landing import Landing, Release, land_source, sidecar_path
from msoic_pipeline.quality.expectations import validate_source
from msoic_pipeline.staging import StagedRelease, stage_release
from msoic_pipeline.workbooks.grid import Sheet, Workbook, open_workbook
from msoic_pipeline.workbooks.layout import load_source
from msoic_pipeline_tests.conftest import REPOSITORY

RAW = REPOSITORY / "data" / "raw"

Grids = dict[str, list[list[Any]]]


@cache
def _staging_dir() -> Path:
    folder = tempfile.mkdtemp(prefix="msoic-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@cache
def landed(source: str) -> Landing:
    """The files of a source of the sample."""
    return land_source(RAW, load_source(source), _staging_dir())


@cache
def _staged(release: Release) -> StagedRelease:
    return stage_release(release, load_source(release.source), RAW, _staging_dir())


def staged_releases(source: str, part_of_name: str = "", most: int | None = None) -> list[StagedRelease]:
    """The releases of a source whose file names contain a text, parsed; the first of them where ``most`` is given."""
    chosen = [release for release in landed(source).releases if part_of_name in release.file_name]
    return [_staged(release) for release in chosen[:most]]


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
    found = land_source(folder / "raw", load_source(source), folder / "staging")
    (release,) = (release for release in found.releases if release.file_name == f"{source}/{path.name}")
    return stage_release(release, load_source(source), folder / "raw", folder / "staging")


class GridWorkbook(Workbook):
    """A workbook whose sheets are held in memory."""

    def __init__(self, path: Path, grids: Grids) -> None:
        super().__init__(path, None, [])
        self.grids = grids
        self.sheet_names = list(grids)

    def sheet(self, name: str, rows: int | None = None) -> Sheet:
        return Sheet(name, self.grids[name][:rows])


def read_grids(path: Path, rows: int | None = None) -> Grids:
    """All sheets of a file, or the first rows of each."""
    workbook = open_workbook(path)
    try:
        return {name: [list(row) for row in workbook.sheet(name, rows).rows] for name in workbook.sheet_names}
    finally:
        workbook.close()


def pretend(monkeypatch: pytest.MonkeyPatch, grids: Grids) -> None:
    """Let every file that is opened hold ``grids``."""
    for module in (landing, staging):
        monkeypatch.setattr(module, "open_workbook", lambda path: GridWorkbook(path, grids))


def failed_checks(release: StagedRelease) -> list[str]:
    """Return what the checks find wrong with a release, in words."""
    found = validate_source(load_source(release.release.source), [release])[release.release.release_id]
    return [f"{f.check_name}: {f.detail}" for f in (*release.findings, *found) if not f.success]
