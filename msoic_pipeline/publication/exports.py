"""KPIs for those without a database: a Parquet file and a workbook, written together or not at all.

``kpi.*`` are of a warehouse in which every blocking check holds. Of any other there is ``kpi-unchecked.*`` beside them,
which says so before anything else.
"""

from __future__ import annotations

import datetime as dt
import errno
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from msoic_pipeline.disks import file_written_aside
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.publication.cover import make_cover
from msoic_pipeline.publication.parquet import write_parquet
from msoic_pipeline.publication.values import read_publishable_values
from msoic_pipeline.publication.workbook import write_workbook

CHECKED_EXPORTS, UNCHECKED_EXPORTS = "kpi", "kpi-unchecked"


@dataclass(frozen=True)
class ExportPaths:
    """Where the two exports stand."""

    parquet: Path
    workbook: Path

    @property
    def both(self) -> tuple[Path, Path]:
        """The Parquet file and the workbook."""
        return self.parquet, self.workbook


def locate_exports(folder: Path, name: str) -> ExportPaths:
    """Return where the exports of a name, ``kpi`` or ``kpi-unchecked``, stand in a folder."""
    return ExportPaths(folder / f"{name}.parquet", folder / f"{name}.xlsx")


def write_exports(connection: Connection, folder: Path, today: dt.date, failed: Sequence[str] = ()) -> ExportPaths:
    """Write the exports to ``folder`` and return where they stand.

    Where nothing has ``failed`` they are ``kpi.*``, and ``kpi-unchecked.*`` go. Where something has, ``kpi.*`` stay as
    they are, and ``kpi-unchecked.*`` list it. What would tell a single force's return is left out of both.

    Raises OSError where the folder cannot be written to; then what stood there stands as it did.
    """
    cover = make_cover(connection, today, failed)
    values = read_publishable_values(connection)
    national = values[values["geography_kind"] == NATIONAL]
    paths = locate_exports(folder, UNCHECKED_EXPORTS if failed else CHECKED_EXPORTS)
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_folders(paths)
    # Only once both are whole does either take its place.
    with file_written_aside(paths.workbook) as workbook, file_written_aside(paths.parquet) as parquet:
        write_parquet(values, parquet, cover)
        write_workbook(connection, national, workbook, cover)
    if not failed:
        _remove_files(locate_exports(folder, UNCHECKED_EXPORTS))
    return paths


def _refuse_folders(paths: ExportPaths) -> None:
    """Raise OSError where a folder stands in an export's place: one would be replaced before the other could not be."""
    for path in paths.both:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder stands where an export is to be", str(path))


def _remove_files(paths: ExportPaths) -> None:
    for path in paths.both:
        path.unlink(missing_ok=True)
