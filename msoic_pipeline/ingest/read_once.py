"""Reads each file once: what is remembered of it is not read again while nothing about it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msoic_pipeline.ingest.file_asked import FileAsked
from msoic_pipeline.ingest.memory import Memory
from msoic_pipeline.ingest.reading import FileReading, RecognisedFile, RefusedFile
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import find_staged, remember_refusal, staged_folder
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import Source

Reader = Callable[[Sequence[FileAsked], Path], list[FileReading]]


class NotReadYet(Exception):
    """A file has come in of which nothing is known yet."""


class RememberingReader:
    """Reads the files of a source by ``reader``, and remembers what came of it; ``files_read`` counts what it read."""

    def __init__(self, source: Source, staging_dir: Path, reader: Reader, *, may_read: bool) -> None:
        self.files_read = 0
        self._staging_dir = staging_dir
        self._reader = reader
        self._may_read = may_read
        self._memory = Memory(staging_dir / source.source / "readings.json", source)

    def find_refusal(self, asked: FileAsked) -> SourceFileError | None:
        """Return why a file is refused, where that is remembered."""
        remembered = self._memory.recall(asked)
        return remembered.error if remembered else None

    def save(self) -> None:
        """Write what is remembered."""
        self._memory.save()

    def read_all(self, asked: dict[str, FileAsked]) -> dict[str, FileReading]:
        """Return what came of reading files, by digest: now, or before where that is remembered.

        Raises NotReadYet where something would have to be read and nothing may be.
        """
        readings = {digest: self._recall_reading(file) for digest, file in asked.items()}
        unread = [digest for digest, reading in readings.items() if reading is None]
        if unread and not self._may_read:
            raise NotReadYet
        fresh = self._reader([asked[digest] for digest in unread], self._staging_dir) if unread else []
        self.files_read += len(unread)
        for digest, fresh_reading in zip(unread, fresh, strict=True):
            reading = self._complete_reading(asked[digest], fresh_reading)
            self._memory.keep(asked[digest], reading)
            readings[digest] = reading
        return {digest: reading for digest, reading in readings.items() if reading is not None}

    def _recall_reading(self, asked: FileAsked) -> FileReading | None:
        """Return what a file was recognised as and parsed into before; None where it is to be read."""
        remembered = self._memory.recall(asked)
        if not isinstance(remembered, RecognisedFile):
            return remembered
        staged = find_staged(remembered.release, self._staging_dir)
        if staged is None:
            return None
        return RecognisedFile(remembered.release, staged if isinstance(staged, SourceFileError) else None)

    def _complete_reading(self, asked: FileAsked, reading: FileReading) -> FileReading:
        """Return a reading with what this process knows besides; remember why a release could not be parsed."""
        if isinstance(reading, RefusedFile):
            reading = self._recognise_as_remembered(asked, reading)
        if isinstance(reading, RefusedFile):
            return reading
        if reading.error is None:
            return self._find_as_staged(reading)
        self._remember_unparsed(reading, reading.error)
        return reading

    def _recognise_as_remembered(self, asked: FileAsked, refused: RefusedFile) -> FileReading:
        """Return what was refused as the release that it was before, where its reading was cut short this time."""
        remembered = self._memory.recall(asked)
        if not isinstance(remembered, RecognisedFile):
            return refused
        return RecognisedFile(remembered.release, refused.error, refused.blame)

    def _remember_unparsed(self, unparsed: RecognisedFile, error: SourceFileError) -> None:
        """Let the staging area say why a release could not be parsed, unless the machine failed or it says so already.

        What took more than a file may is tried again tomorrow: the machine may have been busy.
        """
        if unparsed.blame == "machine" or find_staged(unparsed.release, self._staging_dir) is not None:
            return
        folder = staged_folder(unparsed.release, self._staging_dir)
        remember_refusal(folder, error, for_today=unparsed.blame == "limits")

    def _find_as_staged(self, parsed: RecognisedFile) -> RecognisedFile:
        """Return what was parsed; with an error where its folder stands not under the key that this process works out.

        Then the worker and this process do not think alike: a declaration has changed in between.
        """
        if find_staged(parsed.release, self._staging_dir) is not None:
            return parsed
        return RecognisedFile(parsed.release, _changed_declarations_error(parsed.release), "machine")


def _changed_declarations_error(release: Release) -> SourceFileError:
    return SourceFileError(
        "machine_failed",
        file=release.file_name,
        expected="the declarations to be the same while a file is read",
        found="that they changed, or that a declared fault ended at midnight",
        remedy="Run again.",
    )
