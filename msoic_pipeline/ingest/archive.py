"""The archive: every file that was recognised, kept by its content, for good. Releases are read from here alone.

``<archive>/<source>/<sha256>/`` holds the file under the name that it first came under, and ``record.json``: the names
under which it stood in the raw folder and when, what its sidecar said, and what people decided about it. A folder
appears there whole or not at all; nothing in it is ever changed but the record.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from msoic_pipeline.disks import PARTIAL, file_written_aside, writing_below
from msoic_pipeline.ingest.raw_files import RawFile, open_regular, too_large_error
from msoic_pipeline.resource_limits import MAX_FILE_BYTES
from msoic_pipeline.texts import printable_name
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import SUFFIXES

RECORD = "record.json"
INCOMING = ".incoming-"
# So many bytes are copied at a time.
_PIECE = 2**20
# The longest name that is kept as it is; every file system takes it with an ending of ours.
_LONGEST_NAME = 200


@dataclass
class Name:
    """A name under which a file stood in the raw folder, and when it was first and no longer seen there."""

    name: str
    since: str
    until: str | None = None


@dataclass
class Decision:
    """What a person decided about a release: ``withdrawn``, ``restored``, or ``let go``: its raw file may be absent."""

    action: str
    decided_at: str
    decided_by: str
    reason: str


@dataclass
class Record:
    """What is known of a kept file. ``sidecar`` is the last one with which it was recognised."""

    sha256: str
    file: str
    landed_at: str
    is_recognised: bool = False
    names: list[Name] = field(default_factory=list)
    sidecar: str | None = None
    former_sidecars: list[str | None] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def came_in(self) -> tuple[str, str, str]:
        """By what files are put into the order in which they came in: of those of one pass, by their first names."""
        return self.landed_at, self.names[0].name if self.names else "", self.sha256

    @property
    def last_name(self) -> str:
        """The name under which it stands in the raw folder, or stood last."""
        standing = [name.name for name in self.names if name.until is None]
        return standing[0] if standing else self.names[-1].name

    @property
    def is_in_raw(self) -> bool:
        """Whether it stood in the raw folder when that was last looked at."""
        return any(name.until is None for name in self.names)

    @property
    def is_withdrawn(self) -> bool:
        """Whether a person has taken its figures away."""
        about_figures = [decision.action for decision in self.decisions if decision.action != "let go"]
        return bool(about_figures) and about_figures[-1] == "withdrawn"

    @property
    def is_let_go(self) -> bool:
        """Whether a person said that it need not stand in the raw folder."""
        return any(decision.action == "let go" for decision in self.decisions)


class Archive:
    """The archive of one source."""

    def __init__(self, archive_dir: Path, source: str, *, private: bool = False) -> None:
        self.folder = archive_dir / source
        self._private = private

    def records(self) -> dict[str, Record]:
        """Return what is known of all files that are kept, by their SHA-256."""
        records = {}
        for folder in sorted(self.folder.iterdir()) if self.folder.is_dir() else ():
            if folder.name.startswith(INCOMING) or not (folder / RECORD).is_file():
                continue
            records[folder.name] = _read_record(folder / RECORD)
        return records

    def record(self, sha256: str) -> Record | None:
        """Return what is known of a file that is kept; None where it is not."""
        path = self.folder / sha256 / RECORD
        return _read_record(path) if path.is_file() else None

    def content(self, record: Record) -> Path:
        """Return the path of a file that is kept."""
        return self.folder / record.sha256 / record.file

    def take_in(self, raw: RawFile, now: str) -> Record:
        """Copy a raw file into the archive, unless its very content is there, and return its record.

        The digest is that of the bytes that were copied. Raises SourceFileError where the file changes while it is
        copied or is too large, OSError where it cannot be read or the archive's disk is full.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700 if self._private else 0o777)
        aside = Path(tempfile.mkdtemp(prefix=INCOMING, dir=self.folder))
        try:
            name = _name_to_keep(raw.path.name)
            digest = _copy_bytes(raw, aside / name)
            target = self.folder / digest
            if (target / RECORD).is_file():
                return _read_record(target / RECORD)
            record = Record(digest, name, landed_at=now)
            _write_record(aside / RECORD, record)
            shutil.rmtree(target, ignore_errors=True)  # without its record: left by a crash
            aside.chmod(0o700 if self._private else 0o755)
            aside.rename(target)
            _sync_folder(self.folder)
            return record
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def write(self, record: Record) -> None:
        """Write the record of a kept file."""
        with file_written_aside(self.folder / record.sha256 / RECORD) as aside:
            _write_record(aside, record)

    def remove(self, record: Record) -> None:
        """Remove a file that was not recognised, or that goes with the sample."""
        folder = self.folder / record.sha256
        aside = Path(tempfile.mkdtemp(prefix=INCOMING, dir=self.folder))
        try:
            folder.rename(aside / "gone")
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def sweep(self) -> None:
        """Remove what killed runs have left half-made. To be called by the one who holds the source's lock."""
        if not self.folder.is_dir():
            return
        for path in self.folder.glob(f"{INCOMING}*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in self.folder.glob(f"*/*{PARTIAL}"):
            path.unlink(missing_ok=True)


def find_content(archive_dir: Path, source: str, sha256: str) -> Path | None:
    """Return the path of the file of a source with that content; None where it is not kept."""
    folder = archive_dir / source / sha256
    if not (folder / RECORD).is_file():
        return None
    path = folder / _read_record(folder / RECORD).file
    return path if path.is_file() else None


def _copy_bytes(raw: RawFile, target: Path) -> str:
    """Copy a file's bytes and return their SHA-256."""
    digest = hashlib.sha256()
    with open_regular(raw.path) as source, target.open("xb") as copy:
        before = os.fstat(source)
        if before.st_size > MAX_FILE_BYTES:
            raise too_large_error(raw.name, before.st_size)
        size = 0
        for piece in _read_pieces(source):
            digest.update(piece)
            with writing_below(target.parent):
                copy.write(piece)
            size += len(piece)
        with writing_below(target.parent):
            copy.flush()
            os.fsync(copy.fileno())
        after = os.fstat(source)
    if (before.st_size, before.st_mtime_ns, size) != (after.st_size, after.st_mtime_ns, after.st_size):
        raise growing_file_error(raw)
    return digest.hexdigest()


def _read_pieces(descriptor: int) -> Iterator[bytes]:
    while piece := os.read(descriptor, _PIECE):
        yield piece


def growing_file_error(raw: RawFile) -> SourceFileError:
    """Return the error that somebody is still writing to a file."""
    return SourceFileError(
        "growing_file",
        file=raw.name,
        expected="a file that nobody is writing to",
        found="one that changed while it was looked at",
        remedy="It is left for the next run: run again when it has been copied.",
    )


def _name_to_keep(name: str) -> str:
    """Return the name under which a file is kept: its own, or, where a program could stumble over it, a plain one."""
    ending = next((suffix for suffix in reversed(SUFFIXES) if name.lower().endswith(suffix)), "")
    is_plain = printable_name(name) == name and len(os.fsencode(name)) <= _LONGEST_NAME
    return name if is_plain and name != RECORD else f"file{ending}"


def _read_record(path: Path) -> Record:
    """Return a record. Raises SourceFileError where the file does not hold one."""
    try:
        written: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        written["names"] = [Name(**name) for name in written["names"]]
        written["decisions"] = [Decision(**decision) for decision in written["decisions"]]
        return Record(**written)
    except (ValueError, TypeError, KeyError) as error:
        raise SourceFileError(
            "archive_damaged",
            file=f"{path.parent.parent.name}/{path.parent.name}/{path.name}",
            expected="the record of a file in the archive",
            found="something else",
            remedy="A disk has failed or somebody changed the archive: restore it from its backup. All figures stand.",
        ) from error


def _write_record(path: Path, record: Record) -> None:
    with writing_below(path.parent), path.open("w", encoding="utf-8") as stream:
        json.dump(asdict(record), stream, indent=1, ensure_ascii=True)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Let the folder's entries reach the disk, where the file system can do that for a folder."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
