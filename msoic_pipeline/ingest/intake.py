"""From the raw folder to releases in force: what lies there is kept, read where it has not been read, and remembered.

Releases are read from the archive. A raw file that is changed, moved or removed takes nothing with it; only a recorded
withdrawal takes a release out of force.

What is remembered, so that no file is opened twice while nothing about it changes (by what it is known again stands in
``docs/operations.md``)::

    archive/…/record.json             under which names a file stood, its last sidecar, what people decided
    staging/…/readings.json           which release a file is, or why it is none or cannot be parsed (``remembered``)
    staging/…/<key>/manifest.json     that a release was parsed, and into what (``staging``)
    staging/…/<key>/findings-….json   what the checks found in its rows (``quality.validation``)
    table load_log                    from what a quarter was loaded (``warehouse.loading``)
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
class UnparsedRelease:
    """A release in force that is not parsed, and why."""

    release: Release
    error: SourceFileError


@dataclass(frozen=True)
class Intake:
    """What a source has: its landing, the releases in force that are parsed, and those that are not.

    ``read`` is how many files were read just now.
    """

    landing: Landing
    staged: tuple[StagedRelease, ...]
    unparsed: tuple[UnparsedRelease, ...]
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


@dataclass(frozen=True)
class _RawFolder:
    """What stands in the raw folder of a source; ``refused`` are the errors of what cannot be looked at."""

    is_there: bool
    files: list[_StandingFile]
    names: frozenset[str]
    refused: list[SourceFileError]


@dataclass(frozen=True)
class _KeptFiles:
    """The archive after what is new was copied into it.

    ``records`` are those of all its files, ``standing`` the files among them that stand in the raw folder, both by
    SHA-256. ``refused`` and ``waiting`` are as in Landing.
    """

    records: dict[str, Record]
    standing: dict[str, _StandingFile]
    refused: list[SourceFileError]
    waiting: list[SourceFileError]


class _IntakePass:
    """One pass over the files of a source: the steps of ``take_in``, and what they all work with."""

    def __init__(self, settings: Settings, source: Source, reader: Reader, may_read: bool) -> None:
        self.settings = settings
        self.source = source
        self.may_read = may_read
        self.archive = Archive(settings.archive_dir, source.source, private=source.sensitive)
        self.files = RememberingReader(source, settings.staging_dir, reader, may_read=may_read)
        self.now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")

    def take_in(self) -> Intake:
        self.archive.sweep()
        raw = self._look_at_folder()
        kept = self._keep_contents(raw.files)
        recognised, unrecognised = self._recognise_standing(kept)
        refused = [*raw.refused, *kept.refused, *unrecognised]
        records = self._forget_never_recognised(kept.records)
        others = [record for digest, record in records.items() if digest not in recognised]
        readings = recognised | self._read_as_before(others)
        self._note_names(records, kept.standing, refused)
        if raw.is_there:
            absent = self._find_absent_files(records, raw.names, refused)
        else:
            absent = self._find_absent_folder(records)
        intake = self._conclude(records, readings, refused, absent, kept.waiting)
        self.files.save()
        return intake

    # ---- what stands in the raw folder ----

    def _look_at_folder(self) -> _RawFolder:
        """Return what stands in the raw folder, each file with its digest and its sidecar."""
        try:
            raw_files, refused = list_raw_files(self.settings.raw_dir, self.source.source)
        except FileNotFoundError:
            return _RawFolder(is_there=False, files=[], names=frozenset(), refused=[])
        files: list[_StandingFile] = []
        for raw in raw_files:
            try:
                files.append(_StandingFile(raw, raw.digest(), raw.read_sidecar()))
            except SourceFileError as error:
                refused.append(error)
            except OSError as error:
                refused.append(no_access_error(raw.name, error))
        return _RawFolder(True, files, frozenset(raw.name for raw in raw_files), refused)

    def _keep_contents(self, files: Sequence[_StandingFile]) -> _KeptFiles:
        """Copy into the archive what is not there yet."""
        unique, duplicates = _set_duplicates_apart(files)
        kept = _KeptFiles(records=self.archive.records(), standing={}, refused=duplicates, waiting=[])
        new: list[_StandingFile] = []
        for file in unique:
            if file.sha256 in kept.records:
                kept.standing[file.sha256] = file
            else:
                new.append(file)
        self._copy_new(new, kept)
        return kept

    def _copy_new(self, new: Sequence[_StandingFile], kept: _KeptFiles) -> None:
        """Copy new files into the archive, and note in ``kept`` what became of each."""
        growing = find_growing([file.raw for file in new])
        for file in new:
            try:
                record = self._keep_new_content(file, is_growing=file.raw in growing)
            except SourceFileError as error:
                (kept.waiting if error.rule == "growing_file" else kept.refused).append(error)
            else:
                # Its content may have changed since it was looked at: what counts is what was copied.
                kept.records.setdefault(record.sha256, record)
                kept.standing.setdefault(record.sha256, replace(file, sha256=record.sha256))

    def _keep_new_content(self, file: _StandingFile, *, is_growing: bool) -> Record:
        """Copy a file into the archive and return its record.

        Raises SourceFileError where it is not kept: somebody is writing to it, it is remembered that it is refused, or
        it cannot be copied. Raises NotReadYet where it would have to be read and nothing may be.
        """
        if is_growing:
            raise growing_file_error(file.raw)
        refusal = self.files.find_refusal(self._ask_about(file.raw.path, file))
        if refusal is not None:
            raise refusal
        if not self.may_read:
            raise NotReadYet
        try:
            return self.archive.take_in(file.raw, self.now)
        except OSError as error:
            raise no_access_error(file.raw.name, error) from error

    # ---- what it is ----

    def _recognise_standing(self, kept: _KeptFiles) -> tuple[dict[str, FileReading], list[SourceFileError]]:
        """Read every kept file that stands in the raw folder with the sidecar beside it.

        Returns the readings of those that are recognised, by digest, and the errors of the others.
        """
        asked = {
            digest: self._ask_about(self.archive.content(kept.records[digest]), file)
            for digest, file in kept.standing.items()
        }
        recognised: dict[str, FileReading] = {}
        errors: list[SourceFileError] = []
        for digest, reading in self.files.read_all(asked).items():
            if isinstance(reading, RecognisedFile):
                recognised[digest] = reading
                self._note_recognised(kept.records[digest], kept.standing[digest])
            else:
                errors.append(reading.error)
        return recognised, errors

    def _forget_never_recognised(self, records: dict[str, Record]) -> dict[str, Record]:
        """Remove from the archive what never was recognised; return the records of the others."""
        for record in records.values():
            if not record.is_recognised:
                self.archive.remove(record)
        return {digest: record for digest, record in records.items() if record.is_recognised}

    def _read_as_before(self, records: Sequence[Record]) -> dict[str, FileReading]:
        """Read kept files with what was known of them last; return what came of it, by digest."""
        asked: dict[str, FileAsked] = {}
        for record in records:
            sidecar = None if record.sidecar is None else record.sidecar.encode()
            content = self.archive.content(record)
            asked[record.sha256] = FileAsked(self.source.source, content, record.last_name, record.sha256, sidecar)
        return self.files.read_all(asked)

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

    def _note_names(
        self, records: dict[str, Record], standing: dict[str, _StandingFile], refused: Sequence[SourceFileError]
    ) -> None:
        """Keep under which names the files stand in the raw folder, and until when they did."""
        for digest, record in records.items():
            name = standing[digest].raw.name if digest in standing else ""
            has_ended = self._end_other_names(record, name, refused)
            has_begun = self._begin_name(record, name)
            if has_ended or has_begun:
                self.archive.write(record)

    def _end_other_names(self, record: Record, name: str, refused: Sequence[SourceFileError]) -> bool:
        """Note that a file stands no longer under other names than ``name``; return whether it did."""
        ended = [
            each
            for each in record.names
            if each.until is None and each.name != name and not _is_uncertain(each.name, refused)
        ]
        for each in ended:
            each.until = self.now
        return bool(ended)

    def _begin_name(self, record: Record, name: str) -> bool:
        """Note that a file stands under a name, if it has one; return whether that is new."""
        is_noted = any(each.name == name and each.until is None for each in record.names)
        if not name or is_noted:
            return False
        record.names.append(Name(name, self.now))
        return True

    def _find_absent_files(
        self, records: dict[str, Record], occupied: Collection[str], refused: Sequence[SourceFileError]
    ) -> list[SourceFileError]:
        """Return an error for each file that is gone, unless another stands under its name (``occupied``)."""
        return [
            self._absent_file_error(record)
            for record in _list_missed(records)
            if not record.is_in_raw
            and record.last_name not in occupied
            and not _is_uncertain(record.last_name, refused)
        ]

    def _find_absent_folder(self, records: dict[str, Record]) -> list[SourceFileError]:
        """Return the error that the folder of the source is gone, unless nobody would miss it."""
        missed = _list_missed(records)
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

    def _absent_file_error(self, record: Record) -> SourceFileError:
        release_id = self._release_id(record)
        return SourceFileError(
            "absent_file",
            file=record.last_name,
            expected="the file that stood there",
            found="none",
            remedy=f"Its figures stand. To put it back: msoic put-back {release_id}; if it is meant to be gone: msoic "
            f"let-go {release_id} --reason '…'; to take its figures away: msoic withdraw {release_id} --reason '…'.",
        )

    # ---- what comes of it ----

    def _conclude(
        self,
        records: dict[str, Record],
        readings: dict[str, FileReading],
        refused: Sequence[SourceFileError],
        absent: Sequence[SourceFileError],
        waiting: Sequence[SourceFileError],
    ) -> Intake:
        """Return what has come of the pass from the kept files and what each was read as, and from all errors."""
        in_order = sorted(records.values(), key=lambda record: record.came_in)
        as_read: list[Release] = []
        not_recognised_now: list[SourceFileError] = []
        unsure: set[str] = set()
        for record in in_order:
            reading = readings[record.sha256]
            if isinstance(reading, RecognisedFile):
                as_read.append(_add_from_record(reading.release, record))
            else:  # it was recognised once: why it is not now is told, and its figures stand
                not_recognised_now.append(reading.error)
                unsure.add(self._release_id(record))
        withdrawn = frozenset(self._release_id(record) for record in in_order if record.is_withdrawn)
        in_force = link_editions([each for each in as_read if each.release_id not in withdrawn], self.source)
        staged, unparsed = self._divide_parsed(in_force, as_read, readings)
        sweep(self.settings.staging_dir, self.source.source, [staging_key(release) for release in as_read])
        landing = Landing(
            releases=in_force,
            refused=_tell_each_once([*refused, *not_recognised_now]),
            absent=tuple(absent),
            waiting=tuple(waiting),
            known=tuple(as_read),
            withdrawn=withdrawn,
            unsure=frozenset(unsure),
            decisions=tuple(row for record in records.values() for row in self._list_withdrawals(record)),
        )
        return Intake(landing, tuple(staged), tuple(unparsed), self.files.files_read)

    def _divide_parsed(
        self, in_force: Sequence[Release], as_read: Sequence[Release], readings: dict[str, FileReading]
    ) -> tuple[list[StagedRelease], list[UnparsedRelease]]:
        """Return the releases in force that are parsed, and those that are not.

        ``as_read`` are the releases as they were before editions were counted: a release's folder is named by that.
        """
        read_as = {release.sha256: release for release in as_read}
        staged: list[StagedRelease] = []
        unparsed: list[UnparsedRelease] = []
        for release in in_force:
            error = readings[release.sha256].error
            if error is None:
                folder = staged_folder(read_as[release.sha256], self.settings.staging_dir)
                staged.append(StagedRelease(release, folder))
            else:
                unparsed.append(UnparsedRelease(release, error))
        return staged, unparsed

    def _release_id(self, record: Record) -> str:
        return release_id_of(self.source.source, record.sha256)

    def _list_withdrawals(self, record: Record) -> Iterator[WithdrawalRow]:
        """Yield what people decided about a file's figures."""
        for decision in record.decisions:
            if decision.action != "let go":
                yield WithdrawalRow(
                    release_id=self._release_id(record),
                    decided_at=dt.datetime.fromisoformat(decision.decided_at).replace(tzinfo=None),
                    action=decision.action,
                    decided_by=decision.decided_by,
                    reason=decision.reason,
                    source=self.source.source,
                    file_name=record.last_name,
                )


def _list_missed(records: dict[str, Record]) -> list[Record]:
    """Return the files that should stand in the raw folder: all that nobody withdrew or let go."""
    return [record for record in records.values() if not record.is_withdrawn and not record.is_let_go]


def _set_duplicates_apart(files: Sequence[_StandingFile]) -> tuple[list[_StandingFile], list[SourceFileError]]:
    """Return the first file of each content, and an error for each other."""
    first_of_content: dict[str, _StandingFile] = {}
    errors: list[SourceFileError] = []
    for file in files:
        other = first_of_content.setdefault(file.sha256, file)
        if other is not file:
            errors.append(_duplicate_file_error(file.raw, other.raw))
    return list(first_of_content.values()), errors


def _is_uncertain(name: str, refused: Sequence[SourceFileError]) -> bool:
    """Return whether something that could not be read may be what stood there under ``name``."""
    failed = (error.file.removesuffix(".yaml") for error in refused if error.rule != "sidecar_without_file")
    return any(name == path or name.startswith(f"{path}/") for path in failed)


def _tell_each_once(errors: Sequence[SourceFileError]) -> tuple[SourceFileError, ...]:
    """Return the errors, of several about one rule and place the last: a file may be read twice, as it is and was."""
    return tuple({(error.rule, error.file, error.cell): error for error in errors}.values())


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
