"""What came of reading files before, so that a file is opened once while nothing about it changes."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.disks import replace_file
from msoic_pipeline.ingest.file_asked import FileAsked
from msoic_pipeline.ingest.reading import Blame, FileReading, RecognisedFile, RefusedFile
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import READS_FILES, staging_key
from msoic_pipeline.periods import find_today
from msoic_pipeline.texts import printable
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import Source, digest_layout, digest_stamps

# What of a source decides which release a file is; the layouts of its tables decide only how it is parsed.
_FIELDS_THAT_RECOGNISE = {"source", "title", "publisher", "recognise", "synthetic_mark", "stamps", "sensitive"}


@dataclass(frozen=True)
class RememberedReading:
    """What came of reading a file: the release that it is, the error that there was, or both.

    ``error`` are the error's fields, ``blame`` what it is put down to, and ``holds_while`` what must be the same for it
    to hold.
    """

    release: Release | None = None
    error: dict[str, str] | None = None
    blame: Blame = "file"
    holds_while: tuple[str, ...] = ()


_READINGS = TypeAdapter(dict[str, RememberedReading])


class Memory:
    """What came of earlier readings of a source's files, by content, name, sidecar, and the rules for them.

    Which release a file is holds as long as these are the same. An error may hold for less long: that of a release that
    could not be parsed for as long as it would be parsed alike, one of the limits for a day.

    Kept in one file of the staging area, which may be deleted at any time. What nobody asks for is forgotten.
    """

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._layouts = digest_layout(source)
        rules = (
            source.model_dump_json(include=_FIELDS_THAT_RECOGNISE),
            digest_stamps(source),
            digest_code(READS_FILES),
        )
        self._rules = hashlib.sha256("\n".join(rules).encode()).hexdigest()
        self._today = find_today().isoformat()
        self._new: dict[str, RememberedReading] = {}
        try:
            self._old = _READINGS.validate_json(path.read_bytes())
        except (OSError, ValueError):
            self._old = {}

    def recall(self, asked: FileAsked) -> FileReading | None:
        """Return what came of reading a file; None where nothing that holds is remembered.

        A recognised file comes without an error where it was parsed, where that was not tried, or where the error that
        it had then does not hold any more.
        """
        key = self._key_of(asked)
        remembered = self._new.get(key) or self._old.get(key)
        if remembered is None:
            return None
        # The file may be asked for under another name than it was read under.
        release = replace(remembered.release, file_name=asked.name) if remembered.release else None
        error = None
        if remembered.error and remembered.holds_while == self._conditions_of_error(release, remembered.blame):
            error = _make_error(remembered.error, asked)
        if release is None and error is None:
            return None
        self._new[key] = remembered
        if release is None:
            assert error is not None
            return RefusedFile(error, remembered.blame)
        return RecognisedFile(release, error, remembered.blame) if error else RecognisedFile(release)

    def keep(self, asked: FileAsked, reading: FileReading) -> None:
        """Remember what came of reading a file; not an error that was the machine's."""
        release = reading.release if isinstance(reading, RecognisedFile) else None
        remembered = RememberedReading(release)
        if reading.error is not None and reading.blame != "machine":
            # As it will be told: half a character, which a name may hold, could not be written.
            error = {name: printable(text) for name, text in reading.error.fields().items()}
            conditions = self._conditions_of_error(release, reading.blame)
            remembered = RememberedReading(release, error, reading.blame, conditions)
        if remembered != RememberedReading():
            self._new[self._key_of(asked)] = remembered

    def save(self) -> None:
        """Write what was recalled or kept."""
        if self._new != self._old:
            with suppress(OSError):  # on a full disk: what is not remembered is read again
                replace_file(self._path, _READINGS.dump_json(self._new))

    def _key_of(self, asked: FileAsked) -> str:
        # An empty sidecar is not the same as none.
        sidecar = b"none" if asked.sidecar is None else b"said " + asked.sidecar
        identity = f"{self._rules} {asked.sha256} {Path(asked.name).name} "
        return hashlib.sha256(identity.encode() + sidecar).hexdigest()

    def _conditions_of_error(self, release: Release | None, blame: Blame) -> tuple[str, ...]:
        """Return what must be the same for an error to hold, as it is now; ``release`` is what was recognised.

        What took too much is tried again tomorrow: of a busy machine, perhaps.
        """
        same: list[str] = []
        if release is not None:
            same.append(staging_key(release))
        elif blame == "limits":  # of a layout that has been mended since, perhaps
            same.append(self._layouts)
        if blame == "limits":
            same.append(self._today)
        return tuple(same)


def _make_error(fields: dict[str, str], asked: FileAsked) -> SourceFileError:
    """Return an error that is remembered, of the file or of its sidecar, under the name under which it is asked for."""
    ending = ".yaml" if fields["file"].endswith(".yaml") else ""
    return SourceFileError(**(fields | {"file": asked.name + ending}))
