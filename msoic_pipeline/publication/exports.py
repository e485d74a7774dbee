"""KPIs for those without a database: a Parquet file and a workbook as XLSX and ODS, written together or not at all.

``kpi.*`` are of a warehouse in which every blocking check holds. Of any other there is ``kpi-unchecked.*`` beside them,
which says so before anything else.
"""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
from sqlalchemy.engine import Connection

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.disks import file_written_aside
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.publication.cover import Cover, make_cover
from msoic_pipeline.publication.parquet import write_parquet
from msoic_pipeline.publication.values import read_publishable_values
from msoic_pipeline.publication.workbook.ods import write_ods
from msoic_pipeline.publication.workbook.sheets import Book, make_book
from msoic_pipeline.publication.workbook.xlsx import write_xlsx

# The name by which the digest of exports stands in the metadata of the Parquet file's schema.
DIGEST = "msoic.digest"
CHECKED_EXPORTS, UNCHECKED_EXPORTS = "kpi", "kpi-unchecked"


@dataclass(frozen=True)
class ExportPaths:
    """Where the exports stand: the Parquet file, and the workbook in either format."""

    parquet: Path
    workbook: Path
    open_document: Path

    @property
    def all(self) -> tuple[Path, ...]:
        """All of them."""
        return self.parquet, self.workbook, self.open_document


def locate_exports(folder: Path, name: str) -> ExportPaths:
    """Return where the exports of a name, ``kpi`` or ``kpi-unchecked``, stand in a folder."""
    return ExportPaths(folder / f"{name}.parquet", folder / f"{name}.xlsx", folder / f"{name}.ods")


@dataclass(frozen=True)
class WrittenExports:
    """Where exports stand, and whether they were made anew or were right as they stood."""

    paths: ExportPaths
    is_new: bool


def write_exports(connection: Connection, folder: Path, today: dt.date, failed: Sequence[str] = ()) -> WrittenExports:
    """Bring the exports in ``folder`` up to date: those that stand there stay where nothing but the day has changed.

    Where nothing has ``failed`` they are ``kpi.*``, and ``kpi-unchecked.*`` go. Where something has, ``kpi.*`` stay as
    they are, and ``kpi-unchecked.*`` list it. What would tell a single force's return is left out of all.

    Raises OSError where the folder cannot be written to; then what stood there stands as it did.
    """
    cover = make_cover(connection, today, failed)
    values = read_publishable_values(connection)
    national = values[values["geography_kind"] == NATIONAL]
    paths = locate_exports(folder, UNCHECKED_EXPORTS if failed else CHECKED_EXPORTS)
    folder.mkdir(parents=True, exist_ok=True)
    _refuse_folders(paths)
    book = make_book(connection, national, cover)
    digest = _digest_contents(values, book)
    is_new = read_digest(paths) != digest
    if is_new:
        _write_all(values, book, cover, paths, digest)
    if not failed:
        _remove_files(locate_exports(folder, UNCHECKED_EXPORTS))
    return WrittenExports(paths, is_new)


def _write_all(values: pd.DataFrame, book: Book, cover: Cover, paths: ExportPaths, digest: str) -> None:
    """Write all exports; only once all are whole does any take its place."""
    with (
        file_written_aside(paths.workbook) as workbook,
        file_written_aside(paths.open_document) as open_document,
        file_written_aside(paths.parquet) as parquet,
    ):
        write_parquet(values, parquet, cover.metadata() | {DIGEST: digest})
        workbook.write_bytes(write_xlsx(book))
        open_document.write_bytes(write_ods(book))


def _digest_contents(values: pd.DataFrame, book: Book) -> str:
    """Return a digest of all that stands in the exports but for the day, and of the code that writes them."""
    parts = [digest_code("msoic_pipeline.publication.exports"), book.heading, *book.warnings, repr(book.sheets)]
    parts.append(values.to_csv(index=False))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_digest(paths: ExportPaths) -> str:
    """Return the digest that stands in the Parquet file; an empty text where any of the exports is not there."""
    if not all(path.is_file() for path in paths.all):
        return ""
    try:
        metadata = pq.read_schema(paths.parquet).metadata or {}
    except (OSError, ValueError):  # ArrowInvalid is a ValueError
        return ""
    return str(metadata.get(DIGEST.encode(), b"").decode())


def _refuse_folders(paths: ExportPaths) -> None:
    """Raise OSError where a folder stands in an export's place: one would be replaced before another could not be."""
    for path in paths.all:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "a folder stands where an export is to be", str(path))


def _remove_files(paths: ExportPaths) -> None:
    for path in paths.all:
        path.unlink(missing_ok=True)
