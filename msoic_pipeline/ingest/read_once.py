"""Reads each file once: what is remembered of it is not read again while nothing about it changes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from msoic_pipeline.ingest.file_asked import FileAsked
from msoic_pipeline.ingest.reading import FileReading, RecognisedFile, RefusedFile
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.remembered import Memory
from msoic_pipeline.ingest.staging import is_staged
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
        """Return why a file is no release, where that is remembered."""
        remembered = self._memory.recall(asked)
        return remembered.error if isinstance(remembered, RefusedFile) else None

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
        """Return what came of reading a file before; None where it is to be read, as nothing stands of what it held."""
        remembered = self._memory.recall(asked)
        if isinstance(remembered, RecognisedFile) and remembered.error is None:
            return remembered if is_staged(remembered.release, self._staging_dir) else None
        return remembered

    def _complete_reading(self, asked: FileAsked, reading: FileReading) -> FileReading:
        """Return a reading with what this process knows besides."""
        if isinstance(reading, RefusedFile):
            return self._recognise_as_remembered(asked, reading)
        if reading.error is None and not is_staged(reading.release, self._staging_dir):
            # It stands not under the key that this process works out: a declaration has changed in between.
            return RecognisedFile(reading.release, _changed_declarations_error(reading.release), "machine")
        return reading

    def _recognise_as_remembered(self, asked: FileAsked, refused: RefusedFile) -> FileReading:
        """Return what was refused as the release that it was before, where its reading was cut short this time."""
        remembered = self._memory.recall(asked)
        if not isinstance(remembered, RecognisedFile):
            return refused
        return RecognisedFile(remembered.release, refused.error, refused.blame)


def _changed_declarations_error(release: Release) -> SourceFileError:
    return SourceFileError(
        "machine_failed",
        file=release.file_name,
        expected="the declarations to be the same while a file is read",
        found="that they changed, or that a declared fault ended at midnight",
        remedy="Run again.",
    )
