"""From the raw folder to releases in force: what lies there is kept, read where it has not been read, and remembered.

Releases are read from the archive. A raw file that is changed, moved or removed takes nothing with it; only a recorded
withdrawal takes a release out of force.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from msoic_pipeline.ingest.archive import Archive, Name, Record, growing
from msoic_pipeline.ingest.landing import FileAsked, Landing, Release, link_editions, release_id_of
from msoic_pipeline.ingest.memory import Memory
from msoic_pipeline.ingest.raw_files import RawFile, list_raw_files, still_growing, unreadable
from msoic_pipeline.ingest.reading import FileReading, read_files
from msoic_pipeline.ingest.staging import (
    StagedRelease,
    find_staged,
    remember_refusal,
    staged_folder,
    staging_key,
    sweep,
)
from msoic_pipeline.settings import Settings
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.layout import Source

Reader = Callable[[Sequence[FileAsked], Path], list[FileReading]]


@dataclass(frozen=True)
class Intake:
    """What a source has: its landing, the releases in force that are parsed, and the others with the reason.

    ``read`` is how many files were read just now.
    """

    landing: Landing
    staged: tuple[StagedRelease, ...]
    unparsed: tuple[tuple[Release, SourceFileError], ...]
    read: int


class NotReadYet(Exception):
    """A file has come in of which nothing is known yet."""


def take_in_source(settings: Settings, source: Source, reader: Reader = read_files, *, may_read: bool = True) -> Intake:
    """Keep, recognise and parse the files of a source, and return its releases.

    Raises NotReadYet where ``may_read`` is False and something would have to be read.
    """
    with source_locked(settings, source):
        return _Pass(settings, source, reader, may_read).take_in()


@contextmanager
def source_locked(settings: Settings, source: Source) -> Iterator[None]:
    """Let one process at a time work on a source's archive and staging area; the system ends the lock with it."""
    folder = settings.staging_dir / source.source
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield


@dataclass
class _Standing:
    """A raw file that can be read: its digest, and what its sidecar says (None where it has none)."""

    raw: RawFile
    sha256: str
    sidecar: bytes | None


@dataclass
class _Pass:
    """One pass over the files of a source. The steps are those of ``take_in``, each of which adds to the fields."""

    settings: Settings
    source: Source
    reader: Reader
    may_read: bool
    refused: list[SourceFileError] = field(default_factory=list)
    waiting: list[SourceFileError] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    readings: dict[str, FileReading] = field(default_factory=dict)
    files_read: int = 0

    def __post_init__(self) -> None:
        self.archive = Archive(self.settings.archive_dir, self.source.source, private=self.source.sensitive)
        self.memory = Memory(self.settings.staging_dir / self.source.source / "readings.json", self.source)
        self.now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")

    def take_in(self) -> Intake:
        self.archive.sweep()
        self.records = self.archive.records()
        try:
            raw_files, problems = list_raw_files(self.settings.raw_dir, self.source.source)
        except FileNotFoundError:
            return self._conclude(self._note_absent_folder())
        self.refused += problems
        standing = self._keep_contents(raw_files)
        self._recognise(standing)
        self._note_names(standing)
        return self._conclude(self._note_absent_files(raw_files))

    # ---- what stands in the raw folder ----

    def _keep_contents(self, raw_files: Sequence[RawFile]) -> dict[str, _Standing]:
        """Return the raw files by digest, and copy into the archive those whose content is not there yet."""
        standing: dict[str, _Standing] = {}
        for found in self._look_at(raw_files):
            if found.sha256 in standing:
                self.refused.append(_duplicate(found.raw, standing[found.sha256].raw))
                continue
            standing[found.sha256] = found
        new = [found for found in standing.values() if found.sha256 not in self.records]
        in_motion = still_growing([found.raw for found in new])
        for found in new:
            del standing[found.sha256]
            if found.raw in in_motion:
                self.waiting.append(growing(found.raw))
                continue
            remembered = self.memory.recall(self._ask(found.raw.path, found))
            if remembered is not None and remembered.error is not None:
                self.refused.append(remembered.error)
                continue
            if not self.may_read:
                raise NotReadYet
            try:
                record = self.archive.take_in(found.raw, self.now)
            except SourceFileError as error:
                (self.waiting if error.rule == "growing_file" else self.refused).append(error)
            except OSError as error:
                self.refused.append(unreadable(found.raw.name, error))
            else:
                self.records.setdefault(record.sha256, record)
                standing.setdefault(record.sha256, replace(found, sha256=record.sha256))
        return standing

    def _look_at(self, raw_files: Sequence[RawFile]) -> Iterator[_Standing]:
        for raw in raw_files:
            try:
                yield _Standing(raw, raw.digest(), raw.read_sidecar())
            except SourceFileError as error:
                self.refused.append(error)
            except OSError as error:
                self.refused.append(unreadable(raw.name, error))

    # ---- what it is ----

    def _recognise(self, standing: dict[str, _Standing]) -> None:
        """Let every kept file be what it and the sidecar beside it say; where that fails, what they said before."""
        asked = {digest: self._ask(self.archive.content(self.records[digest]), s) for digest, s in standing.items()}
        for digest, reading in self._read_all(asked).items():
            if reading.release is not None:
                self.readings[digest] = reading
                self._note_recognised(self.records[digest], standing[digest])
            else:
                assert reading.error is not None
                self.refused.append(reading.error)
        self._recognise_as_before()

    def _recognise_as_before(self) -> None:
        """Read the other kept files with what was known of them last; forget those that were never recognised."""
        asked = {}
        for digest, record in list(self.records.items()):
            if digest in self.readings:
                continue
            if record.is_recognised:
                sidecar = None if record.sidecar is None else record.sidecar.encode()
                asked[digest] = FileAsked(
                    self.source.source, self.archive.content(record), record.last_name, digest, sidecar
                )
            else:
                self.archive.remove(record)
                del self.records[digest]
        self.readings |= self._read_all(asked)

    def _ask(self, content: Path, found: _Standing) -> FileAsked:
        return FileAsked(self.source.source, content, found.raw.name, found.sha256, found.sidecar)

    def _read_all(self, asked: dict[str, FileAsked]) -> dict[str, FileReading]:
        """Return what is remembered of files, and read the others."""
        readings = {digest: self._recall(file) for digest, file in asked.items()}
        unread = [digest for digest, reading in readings.items() if reading is None]
        if unread and not self.may_read:
            raise NotReadYet
        found = self.reader([asked[digest] for digest in unread], self.settings.staging_dir) if unread else []
        self.files_read += len(unread)
        for digest, fresh in zip(unread, found, strict=True):
            reading = self._with_release_known_before(asked[digest], fresh)
            self.memory.keep(asked[digest], reading)
            readings[digest] = reading
        return {digest: reading for digest, reading in readings.items() if reading is not None}

    def _recall(self, asked: FileAsked) -> FileReading | None:
        """Return what a file was recognised as and parsed into before; None where it is to be read."""
        remembered = self.memory.recall(asked)
        if remembered is None or remembered.release is None:
            return remembered
        staged = find_staged(remembered.release, self.settings.staging_dir)
        if staged is None:
            return None
        return FileReading(remembered.release, staged if isinstance(staged, SourceFileError) else None)

    def _with_release_known_before(self, asked: FileAsked, reading: FileReading) -> FileReading:
        """Return a reading that was cut short with the release that the file was recognised as before, if it was."""
        if reading.release is not None and reading.error is None:
            return reading if find_staged(reading.release, self.settings.staging_dir) else _read_by_other_rules(reading)
        remembered = self.memory.recall(asked)
        if reading.release is not None or reading.error is None or remembered is None or remembered.release is None:
            return reading
        if reading.blame != "machine":
            remember_refusal(staged_folder(remembered.release, self.settings.staging_dir), reading.error)
        return replace(reading, release=remembered.release)

    def _note_recognised(self, record: Record, found: _Standing) -> None:
        said = None if found.sidecar is None else found.sidecar.decode("utf-8-sig")
        if record.is_recognised and record.sidecar == said:
            return
        if record.is_recognised:
            record.former_sidecars.append(record.sidecar)
        else:
            record.names.append(Name(found.raw.name, self.now))
        record.is_recognised, record.sidecar = True, said
        self.archive.write(record)

    # ---- where it stood ----

    def _note_names(self, standing: dict[str, _Standing]) -> None:
        """Keep under which names the files stand in the raw folder, and until when they did."""
        for digest, record in self.records.items():
            name = standing[digest].raw.name if digest in standing else ""
            changed = False
            for known in record.names:
                if known.until is None and known.name != name and not self._is_uncertain(known.name):
                    known.until, changed = self.now, True
            if name and all(known.name != name or known.until for known in record.names):
                record.names.append(Name(name, self.now))
                changed = True
            if changed:
                self.archive.write(record)

    def _is_uncertain(self, name: str) -> bool:
        """Return whether something that could not be read may be what stood there under ``name``."""
        failed = (error.file.removesuffix(".yaml") for error in self.refused if error.rule != "sidecar_without_file")
        return any(name == path or name.startswith(f"{path}/") for path in failed)

    def _note_absent_files(self, raw_files: Sequence[RawFile]) -> list[SourceFileError]:
        """Return an error for each file that is gone, unless another stands under its name."""
        occupied = {raw.name for raw in raw_files}
        return [
            self._file_is_gone(record)
            for record in self._records_to_stand()
            if not record.is_in_raw and record.last_name not in occupied and not self._is_uncertain(record.last_name)
        ]

    def _note_absent_folder(self) -> list[SourceFileError]:
        self._recognise_as_before()
        self._note_names({})
        missed = self._records_to_stand()
        if not missed:
            return []
        return [
            SourceFileError(
                "absent_folder",
                file=self.source.source,
                expected=f"the folder {self.settings.raw_dir / self.source.source}, where {len(missed)} files stood",
                found="no such folder",
                remedy="All their figures stand. Put the folder back, or set MSOIC_RAW_DIR to where it is; if it is "
                f"meant to be gone: msoic let-go --source {self.source.source} --reason '…'.",
            )
        ]

    def _records_to_stand(self) -> list[Record]:
        return [record for record in self.records.values() if not record.is_withdrawn and not record.is_let_go]

    def _file_is_gone(self, record: Record) -> SourceFileError:
        release_id = release_id_of(self.source.source, record.sha256)
        return SourceFileError(
            "absent_file",
            file=record.last_name,
            expected="the file that stood there",
            found="none",
            remedy=f"Its figures stand. To put it back: msoic put-back {release_id}; if it is meant to be gone: msoic "
            f"let-go {release_id} --reason '…'; to take its figures away: msoic withdraw {release_id} --reason '…'.",
        )

    # ---- what comes of it ----

    def _conclude(self, absent: list[SourceFileError]) -> Intake:
        known: list[Release] = []
        unsure: set[str] = set()
        for digest in sorted(self.records, key=lambda digest: self.records[digest].landed_at):
            record, reading = self.records[digest], self.readings[digest]
            if reading.release is None:  # it was recognised once: why it is not now is told, and its figures stand
                assert reading.error is not None
                self.refused.append(reading.error)
                unsure.add(release_id_of(self.source.source, digest))
            else:
                known.append(_with_its_place(reading.release, record))
        withdrawn = frozenset(
            release_id_of(self.source.source, digest) for digest, record in self.records.items() if record.is_withdrawn
        )
        in_force = link_editions([release for release in known if release.release_id not in withdrawn], self.source)
        as_read = {release.sha256: release for release in known}  # before editions were counted
        staged = []
        unparsed = []
        for release in in_force:
            error = self.readings[release.sha256].error
            if error is None:
                staged.append(StagedRelease(release, staged_folder(as_read[release.sha256], self.settings.staging_dir)))
            else:
                unparsed.append((release, error))
        self.memory.save()
        sweep(self.settings.staging_dir, self.source.source, [staging_key(release) for release in known])
        refused = tuple({(error.rule, error.file, error.cell): error for error in self.refused}.values())
        landing = Landing(
            releases=in_force,
            refused=refused,
            absent=tuple(absent),
            waiting=tuple(self.waiting),
            known=tuple(known),
            withdrawn=withdrawn,
            unsure=frozenset(unsure),
            decisions=tuple(row for record in self.records.values() for row in self._withdrawals(record)),
        )
        return Intake(landing, tuple(staged), tuple(unparsed), self.files_read)

    def _withdrawals(self, record: Record) -> Iterator[dict[str, Any]]:
        """Yield the rows of ``withdrawal`` that tell what people decided about a file's figures."""
        for decision in record.decisions:
            if decision.action != "let go":
                yield {
                    "release_id": release_id_of(self.source.source, record.sha256),
                    "decided_at": dt.datetime.fromisoformat(decision.decided_at).replace(tzinfo=None),
                    "action": decision.action,
                    "decided_by": decision.decided_by,
                    "reason": decision.reason,
                    "source": self.source.source,
                    "file_name": record.last_name,
                }


def _with_its_place(release: Release, record: Record) -> Release:
    return replace(
        release,
        file_name=record.last_name,
        landed_on=dt.datetime.fromisoformat(record.landed_at).date(),
        in_raw=record.is_in_raw,
    )


def _read_by_other_rules(reading: FileReading) -> FileReading:
    """Return a reading of which the worker and this process do not think alike: a declaration changed in between."""
    assert reading.release is not None
    error = SourceFileError(
        "machine_failed",
        file=reading.release.file_name,
        expected="the declarations to be the same while a file is read",
        found="that they changed, or that a declared fault ended at midnight",
        remedy="Run again.",
    )
    return replace(reading, error=error, blame="machine")


def _duplicate(raw: RawFile, other: RawFile) -> SourceFileError:
    return SourceFileError(
        "duplicate_file",
        file=raw.name,
        expected="a file that has not been landed before",
        found=f"the very content of {other.name}",
        remedy="Remove one of the two.",
    )
