"""What files were recognised as before, so that a file is opened once while nothing about it changes."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.disks import replace_file
from msoic_pipeline.ingest.file_asked import FileAsked
from msoic_pipeline.ingest.reading import FileReading, RecognisedFile, RefusedFile
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import READS_FILES
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import Source, digest_layout, stamps_digest

# What of a source decides which release a file is; the layouts of its tables decide only how it is parsed.
_FIELDS_THAT_RECOGNISE = {"source", "title", "publisher", "recognise", "synthetic_mark", "stamps", "sensitive"}


class Memory:
    """The answers of earlier readings of a source's files, by content, name, sidecar, and the rules for them.

    Kept in one file of the staging area, which may be deleted at any time. What nobody asks for is forgotten.
    """

    def __init__(self, path: Path, source: Source) -> None:
        self._path = path
        self._layouts = digest_layout(source)
        rules = (
            source.model_dump_json(include=_FIELDS_THAT_RECOGNISE),
            stamps_digest(source),
            digest_code(READS_FILES),
        )
        self._rules = hashlib.sha256("\n".join(rules).encode()).hexdigest()
        self._today = dt.date.today().isoformat()
        self._new: dict[str, dict[str, Any]] = {}
        try:
            self._old: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._old = {}

    def recall(self, asked: FileAsked) -> FileReading | None:
        """Return what a file was recognised as, or why it was refused; None where it is to be read."""
        key = self._key_of(asked)
        entry = self._new.get(key) or self._old.get(key)
        if entry is None or not self._is_still_true(entry):
            return None
        self._new[key] = entry
        if "error" in entry:
            return RefusedFile(SourceFileError(**entry["error"]), entry["blame"])
        fields = entry["release"]
        days = {day: dt.date.fromisoformat(fields[day]) for day in ("published_on", "reference_start")}
        return RecognisedFile(Release(**(fields | days | {"file_name": asked.name})))

    def keep(self, asked: FileAsked, reading: FileReading) -> None:
        """Remember what came of reading a file, unless it was the machine that failed."""
        key = self._key_of(asked)
        if isinstance(reading, RecognisedFile):
            self._new[key] = {"release": asdict(reading.release)}
        elif reading.blame != "machine":
            self._new[key] = {"error": reading.error.fields(), "blame": reading.blame}
            if reading.blame == "limits":  # of a busy machine, perhaps, or of a layout that has been mended since
                self._new[key] |= {"day": self._today, "layouts": self._layouts}

    def save(self) -> None:
        """Write what was recalled or kept."""
        if self._new != self._old:
            with suppress(OSError):  # on a full disk: what is not remembered is read again
                replace_file(self._path, json.dumps(self._new, default=str))

    def _key_of(self, asked: FileAsked) -> str:
        # An empty sidecar is not the same as none.
        sidecar = b"none" if asked.sidecar is None else b"said " + asked.sidecar
        identity = f"{self._rules} {asked.sha256} {Path(asked.name).name} "
        return hashlib.sha256(identity.encode() + sidecar).hexdigest()

    def _is_still_true(self, entry: dict[str, Any]) -> bool:
        """Return whether what is remembered holds today: a file that took too much is tried again tomorrow."""
        return entry.get("day", self._today) == self._today and entry.get("layouts", self._layouts) == self._layouts
