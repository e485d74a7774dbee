"""From the raw folder to releases in force: what lies there is kept, read where it has not been read, and remembered.

Releases are read from the archive. A raw file that is changed, moved or removed takes nothing with it; only a recorded
withdrawal takes a release out of force.

What is remembered, so that no file is opened twice while nothing about it changes (by what it is known again stands in
``docs/operations.md``)::

    archive/…/record.json             under which names a file stood, its last sidecar, what people decided
    staging/…/readings.json           which release a file is, or why it is none (``memory``)
    staging/…/<key>/manifest.json     that a release was parsed, and into what (``staging``)
    staging/…/<key>/refusal.json      that it was recognised and could not be parsed, and why (``staging``)
    staging/…/<key>/findings-….json   what the checks found in its rows (``quality.validation``)
    table load_log                    from what a quarter was loaded (``warehouse.loading``)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from filelock import FileLock

from msoic_pipeline.ingest.archive import Archive, Name, Record, growing_file_error
from msoic_pipeline.ingest.editions import link_editions
from msoic_pipeline.ingest.file_asked import FileAsked
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.raw_files import RawFile, find_growing, list_raw_files, no_access_error
from msoic_pipeline.ingest.read_once import NotReadYet, Reader, RememberingReader
from msoic_pipeline.ingest.reading import FileReading, RecognisedFile, read_files
from msoic_pipeline.ingest.release import Release, release_id_of
from msoic_pipeline.ingest.staging import (
    StagedRelease,
    staged_folder,
    staging_key,
    sweep,
)
from msoic_pipeline.model.evidence_rows import WithdrawalRow
from msoic_pipeline.settings import Settings
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import Source


@dataclass(frozen=True)
class Intake:
    """What a source has: its landing, the releases in force that are parsed, and the others with the reason.

    ``read`` is how many files were read just now.
    """

    landing: Landing
    staged: tuple[StagedRelease, ...]
    unparsed: tuple[tuple[Release, SourceFileError], ...]
    read: int


def take_in_source(settings: Settings, source: Source, reader: Reader = read_files, *, may_read: bool = True) -> Intake:
    """Keep, recognise and parse the files of a source, and return its releases.

    Raises NotReadYet where ``may_read`` is False and something would have to be read.
    """
    with source_locked(settings, source):
        return _IntakePass(settings, source, reader, may_read).take_in()


@contextmanager
def source_locked(settings: Settings, source: Source) -> Iterator[None]:
    """Let one process at a time work on a source's archive and staging area; the system ends the lock with it."""
    folder = settings.staging_dir / source.source
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        yield


@dataclass(frozen=True)
class _StandingFile:
    """A file that stands in the raw folder: its digest, and the content of its sidecar (None where it has none)."""

    raw: RawFile
    sha256: str
    sidecar: bytes | None


@dataclass
class _IntakePass:
    """One pass over the files of a source. The steps are those of ``take_in``, each of which adds to the fields.

    ``refused`` and ``waiting`` are as in Landing; ``records`` are those of the archive, and ``readings`` what each of
    its files was read as, both by SHA-256.
    """

    settings: Settings
    source: Source
    reader: Reader
    may_read: bool
    refused: list[SourceFileError] = field(default_factory=list)
    waiting: list[SourceFileError] = field(default_factory=list)
    records: dict[str, Record] = field(default_factory=dict)
    readings: dict[str, FileReading] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.archive = Archive(self.settings.archive_dir, self.source.source, private=self.source.sensitive)
        self.files = RememberingReader(self.source, self.settings.staging_dir, self.reader, may_read=self.may_read)
        self.now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")

    def take_in(self) -> Intake:
        self.archive.sweep()
        self.records = self.archive.records()
        try:
            raw_files, problems = list_raw_files(self.settings.raw_dir, self.source.source)
        except FileNotFoundError:
            self._recognise_as_before()
            self._note_names({})
            return self._conclude(self._find_absent_folder())
        self.refused += problems
        standing = self._keep_contents(raw_files)
        self._recognise_standing(standing)
        self._recognise_as_before()
        self._note_names(standing)
        return self._conclude(self._find_absent_files(raw_files))

    # ---- what stands in the raw folder ----

    def _keep_contents(self, raw_files: Sequence[RawFile]) -> dict[str, _StandingFile]:
        """Copy into the archive what is not there yet; return the files that stand there now, by digest."""
        first_of_content: dict[str, _StandingFile] = {}
        for file in self._look_at_files(raw_files):
            other = first_of_content.setdefault(file.sha256, file)
            if other is not file:
                self.refused.append(_duplicate_file_error(file.raw, other.raw))
        standing = {digest: file for digest, file in first_of_content.items() if digest in self.records}
        new = [file for digest, file in first_of_content.items() if digest not in self.records]
        growing = find_growing([file.raw for file in new])
        for file in new:
            if file.raw in growing:
                self.waiting.append(growing_file_error(file.raw))
            elif not self._was_refused_before(file):
                self._keep_new_content(file, standing)
        return standing

    def _look_at_files(self, raw_files: Sequence[RawFile]) -> Iterator[_StandingFile]:
        """Yield the files that can be looked at; the others are refused."""
        for raw in raw_files:
            try:
                yield _StandingFile(raw, raw.digest(), raw.read_sidecar())
            except SourceFileError as error:
                self.refused.append(error)
            except OSError as error:
                self.refused.append(no_access_error(raw.name, error))

    def _was_refused_before(self, file: _StandingFile) -> bool:
        """Return whether it is remembered that a file is refused, and refuse it again: it is not kept."""
        refusal = self.files.find_refusal(self._ask_about(file.raw.path, file))
        if refusal is None:
            return False
        self.refused.append(refusal)
        return True

    def _keep_new_content(self, file: _StandingFile, standing: dict[str, _StandingFile]) -> None:
        """Copy a file into the archive, and add it to those that stand there."""
        if not self.may_read:
            raise NotReadYet
        try:
            record = self.archive.take_in(file.raw, self.now)
        except SourceFileError as error:
            (self.waiting if error.rule == "growing_file" else self.refused).append(error)
        except OSError as error:
            self.refused.append(no_access_error(file.raw.name, error))
        else:
            # Its content may have changed since it was looked at: what counts is what was copied.
            self.records.setdefault(record.sha256, record)
            standing.setdefault(record.sha256, replace(file, sha256=record.sha256))

    # ---- what it is ----

    def _recognise_standing(self, standing: dict[str, _StandingFile]) -> None:
        """Let every kept file that stands in the raw folder be what it and the sidecar beside it say."""
        asked = {
            digest: self._ask_about(self.archive.content(self.records[digest]), file)
            for digest, file in standing.items()
        }
        for digest, reading in self.files.read_all(asked).items():
            if isinstance(reading, RecognisedFile):
                self.readings[digest] = reading
                self._note_recognised(self.records[digest], standing[digest])
            else:
                self.refused.append(reading.error)

    def _recognise_as_before(self) -> None:
        """Read all other kept files with what was known of them last; forget those that were never recognised."""
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
        self.readings |= self.files.read_all(asked)

    def _ask_about(self, content: Path, file: _StandingFile) -> FileAsked:
        return FileAsked(self.source.source, content, file.raw.name, file.sha256, file.sidecar)

    def _note_recognised(self, record: Record, file: _StandingFile) -> None:
        """Keep in its record that a file was recognised, and with which sidecar."""
        # With the mark of its encoding, if it has one: so it is known again, and put back, byte by byte.
        sidecar = None if file.sidecar is None else file.sidecar.decode("utf-8")
        if record.is_recognised and record.sidecar == sidecar:
            return
        if record.is_recognised:
            record.former_sidecars.append(record.sidecar)
        else:
            record.names.append(Name(file.raw.name, self.now))
        record.is_recognised, record.sidecar = True, sidecar
        self.archive.write(record)

    # ---- where it stood ----

    def _note_names(self, standing: dict[str, _StandingFile]) -> None:
        """Keep under which names the files stand in the raw folder, and until when they did."""
        for digest, record in self.records.items():
            name = standing[digest].raw.name if digest in standing else ""
            has_changed = False
            for kept_name in record.names:
                is_current = kept_name.until is None
                if is_current and kept_name.name != name and not self._is_uncertain(kept_name.name):
                    kept_name.until, has_changed = self.now, True
            is_noted = any(kept_name.name == name and kept_name.until is None for kept_name in record.names)
            if name and not is_noted:
                record.names.append(Name(name, self.now))
                has_changed = True
            if has_changed:
                self.archive.write(record)

    def _is_uncertain(self, name: str) -> bool:
        """Return whether something that could not be read may be what stood there under ``name``."""
        failed = (error.file.removesuffix(".yaml") for error in self.refused if error.rule != "sidecar_without_file")
        return any(name == path or name.startswith(f"{path}/") for path in failed)

    def _find_absent_files(self, raw_files: Sequence[RawFile]) -> list[SourceFileError]:
        """Return an error for each file that is gone, unless another stands under its name."""
        occupied = {raw.name for raw in raw_files}
        return [
            self._absent_file_error(record)
            for record in self._records_to_stand()
            if not record.is_in_raw and record.last_name not in occupied and not self._is_uncertain(record.last_name)
        ]

    def _find_absent_folder(self) -> list[SourceFileError]:
        """Return the error that the folder of the source is gone, unless nobody would miss it."""
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
        """Return the files that should stand in the raw folder: all that nobody withdrew or let go."""
        return [record for record in self.records.values() if not record.is_withdrawn and not record.is_let_go]

    def _absent_file_error(self, record: Record) -> SourceFileError:
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
        """Return what has come of the pass; ``absent`` are the errors that something is not where it was."""
        as_read, unsure = self._divide_recognised()
        withdrawn = frozenset(
            release_id_of(self.source.source, digest) for digest, record in self.records.items() if record.is_withdrawn
        )
        in_force = link_editions([each for each in as_read if each.release_id not in withdrawn], self.source)
        staged, unparsed = self._divide_parsed(in_force, as_read)
        self.files.save()
        sweep(self.settings.staging_dir, self.source.source, [staging_key(release) for release in as_read])
        refused = {(error.rule, error.file, error.cell): error for error in self.refused}
        landing = Landing(
            releases=in_force,
            refused=tuple(refused.values()),
            absent=tuple(absent),
            waiting=tuple(self.waiting),
            known=tuple(as_read),
            withdrawn=withdrawn,
            unsure=frozenset(unsure),
            decisions=tuple(row for record in self.records.values() for row in self._list_withdrawals(record)),
        )
        return Intake(landing, tuple(staged), tuple(unparsed), self.files.files_read)

    def _divide_recognised(self) -> tuple[list[Release], set[str]]:
        """Return the kept files that are recognised, in the order in which they came in, and the ids of the others.

        Each file was recognised once. Why it is not now is told, and its figures stand.
        """
        recognised: list[Release] = []
        unsure: set[str] = set()
        for digest, record in sorted(self.records.items(), key=lambda item: item[1].came_in):
            reading = self.readings[digest]
            if isinstance(reading, RecognisedFile):
                recognised.append(_add_from_record(reading.release, record))
            else:
                self.refused.append(reading.error)
                unsure.add(release_id_of(self.source.source, digest))
        return recognised, unsure

    def _divide_parsed(
        self, in_force: Sequence[Release], as_read: Sequence[Release]
    ) -> tuple[list[StagedRelease], list[tuple[Release, SourceFileError]]]:
        """Return the releases in force that are parsed, and the others with the reason.

        ``as_read`` are the releases as they were before editions were counted: a release's folder is named by that.
        """
        read_as = {release.sha256: release for release in as_read}
        staged: list[StagedRelease] = []
        unparsed: list[tuple[Release, SourceFileError]] = []
        for release in in_force:
            error = self.readings[release.sha256].error
            if error is None:
                folder = staged_folder(read_as[release.sha256], self.settings.staging_dir)
                staged.append(StagedRelease(release, folder))
            else:
                unparsed.append((release, error))
        return staged, unparsed

    def _list_withdrawals(self, record: Record) -> Iterator[WithdrawalRow]:
        """Yield what people decided about a file's figures."""
        for decision in record.decisions:
            if decision.action != "let go":
                yield WithdrawalRow(
                    release_id=release_id_of(self.source.source, record.sha256),
                    decided_at=dt.datetime.fromisoformat(decision.decided_at).replace(tzinfo=None),
                    action=decision.action,
                    decided_by=decision.decided_by,
                    reason=decision.reason,
                    source=self.source.source,
                    file_name=record.last_name,
                )


def _add_from_record(release: Release, record: Record) -> Release:
    """Return a release with what its record says of the file: its name, when it came in, whether it still stands."""
    return replace(
        release,
        file_name=record.last_name,
        landed_on=dt.datetime.fromisoformat(record.landed_at).date(),
        in_raw=record.is_in_raw,
    )


def _duplicate_file_error(raw: RawFile, other: RawFile) -> SourceFileError:
    return SourceFileError(
        "duplicate_file",
        file=raw.name,
        expected="a file that has not been landed before",
        found=f"the very content of {other.name}",
        remedy="Remove one of the two.",
    )
