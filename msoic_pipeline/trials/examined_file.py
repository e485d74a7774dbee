"""A file that is read, staged and judged as a run would, and nothing of it kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.reading import RefusedFile, read_files
from msoic_pipeline.ingest.staging import StagedRelease, staged_folder
from msoic_pipeline.quality.validation import validate_source
from msoic_pipeline.quality.verdicts import Verdict, judge_files, make_verdict_on_unread_file
from msoic_pipeline.trials.locate_source import ask_about_file
from msoic_pipeline.workbooks.source import Source, load_source


@dataclass(frozen=True)
class ExaminedFile:
    """A file with its source and its verdict; ``staged`` is None where it could not be read."""

    source: Source
    staged: StagedRelease | None
    verdict: Verdict


@contextmanager
def examine_file(path: Path) -> Iterator[ExaminedFile]:
    """Give a file as examined by workers with limits, as long as its staged rows are needed.

    Raises LookupError where no source knows the file, SourceFileError where it cannot be told whose it is.
    """
    asked = ask_about_file(path)
    source = load_source(asked.source)
    with tempfile.TemporaryDirectory() as folder:
        reading = read_files([asked], Path(folder))[0]
        if isinstance(reading, RefusedFile):
            yield ExaminedFile(source, None, make_verdict_on_unread_file(source, reading.error))
        elif reading.error is not None:
            yield ExaminedFile(
                source, None, make_verdict_on_unread_file(source, reading.error, reading.release.release_id)
            )
        else:
            staged = StagedRelease(reading.release, staged_folder(reading.release, Path(folder)))
            findings = validate_source(source, [staged])
            (verdict,) = judge_files(source, Landing((reading.release,), ()), [staged], findings)
            yield ExaminedFile(source, staged, verdict)
