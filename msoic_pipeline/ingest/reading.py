"""Read once: a file is opened by a worker process, recognised, and parsed into the staging area from one reading.

Nothing large comes back: what was parsed stands in the staging area, and the answer is a release or an error. What goes
over a worker's limits (``workers``), aborts or hangs is refused, that one file; every other file goes on.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msoic_pipeline.ingest.file_asked import FileAsked, digest_file
from msoic_pipeline.ingest.recognition import identify_release, recognise
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import stage_workbook
from msoic_pipeline.ingest.workers import call_in_workers, over_memory_error
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import open_workbook
from msoic_pipeline.workbooks.source import load_source

_LOG = logging.getLogger(__name__)


# Whose fault an error is: the file's (it will be the same until something changes), that of the limits (it took more
# than a file may), or the machine's (a full disk, a missing right, an archive that is damaged).
Blame = Literal["file", "limits", "machine"]


@dataclass(frozen=True)
class RecognisedFile:
    """A file that was recognised as a release; ``error`` is why it could not be parsed, None where it was."""

    release: Release
    error: SourceFileError | None = None
    blame: Blame = "file"


@dataclass(frozen=True)
class RefusedFile:
    """A file that was not recognised as a release, with the reason."""

    error: SourceFileError
    blame: Blame = "file"


# What came of reading a file.
FileReading = RecognisedFile | RefusedFile


def _make_refused(release: Release | None, error: SourceFileError, blame: Blame = "file") -> FileReading:
    """Return what came of a file that was not read to its end; ``release`` is what it was recognised as by then."""
    return RefusedFile(error, blame) if release is None else RecognisedFile(release, error, blame)


def read_file(asked: FileAsked, staging_dir: Path) -> FileReading:
    """Recognise and parse a file. To be called in a worker process, where its content comes from other people."""
    release: Release | None = None
    try:
        try:
            _check_digest(asked)
        except SourceFileError as error:
            # The publisher's file is as it was: once the archive is restored, it must be read again.
            return RefusedFile(error, "machine")
        workbook = open_workbook(asked.content)
        try:
            release = identify_release(workbook, asked)
            stage_workbook(workbook, release, staging_dir)
        finally:
            workbook.close()
    except SourceFileError as error:
        return _make_refused(release, name_as_asked(asked, error))
    except BaseException as error:
        told, blame = _tell_failure(asked.name, error, withhold=load_source(asked.source).sensitive)
        return _make_refused(release, told, blame)
    return RecognisedFile(release)


def recognise_file(path: Path) -> str:
    """Return the source that a file says it is of (``recognition.recognise``). To be called in a worker process.

    Raises SourceFileError where the file cannot be read, whatever its reader stumbles over.
    """
    # Whose it is is not known yet: it may be of a sensitive source.
    with failures_told(path.name, withhold=True):
        return recognise(path)


def read_files(asked: Sequence[FileAsked], staging_dir: Path) -> list[FileReading]:
    """Read files in worker processes, as many at a time as there are processors; return what came of each."""
    calls = [(file.content, (file, staging_dir)) for file in asked]
    answers = call_in_workers(read_file, calls)
    readings: list[FileReading] = []
    for file, answer in zip(asked, answers, strict=True):
        if isinstance(answer, SourceFileError):
            readings.append(RefusedFile(name_as_asked(file, answer), "limits"))
        else:
            readings.append(answer)
    # Workers have no terminal and no log: this process speaks for them.
    for file, reading in zip(asked, readings, strict=True):
        _log_reading(file, reading)
    return readings


def _log_reading(asked: FileAsked, reading: FileReading) -> None:
    """Say what came of a file. Of a sensitive source not which one it was: its name may be a person's."""
    name = f"a file of {asked.source}" if load_source(asked.source).sensitive else asked.name
    size = asked.content.stat().st_size if asked.content.exists() else 0
    outcome = f"refused ({reading.error.rule})" if reading.error else "read"
    _LOG.info("%s: %s bytes, %s", name, f"{size:,}", outcome)


# ---- errors ----------------------------------------------------------------------------------------


def name_as_asked(asked: FileAsked, error: SourceFileError) -> SourceFileError:
    """Return an error with the name by which people know the file, or its sidecar. Errors are given it here alone."""
    if error.file != f"{asked.name}.yaml":
        error.file = asked.name
    return error


def _check_digest(asked: FileAsked) -> None:
    """Raise SourceFileError where the archive's file is not the one that was put there."""
    if digest_file(asked.content) != asked.sha256:
        raise SourceFileError(
            "archive_damaged",
            file=asked.name,
            expected=f"the content with SHA-256 {asked.sha256}",
            found="another in the archive",
            remedy="A disk has failed or somebody changed the archive: restore it from its backup.",
        )


@contextmanager
def failures_told(name: str, *, withhold: bool) -> Iterator[None]:
    """Raise SourceFileError for whatever is raised while the file ``name`` is read; ``withhold`` keeps words out."""
    try:
        yield
    except SourceFileError:
        raise
    except BaseException as error:
        told, _ = _tell_failure(name, error, withhold=withhold)
        raise told from None


def _tell_failure(name: str, error: BaseException, *, withhold: bool) -> tuple[SourceFileError, Blame]:
    """Return what is told of what was raised while a file was read, and whose fault it is."""
    if isinstance(error, MemoryError):
        return over_memory_error(name), "limits"
    if isinstance(error, OSError):
        return _machine_failed(name, error), "machine"
    if isinstance(error, Exception):
        return _pipeline_failed(name, error, withhold=withhold), "file"
    # A reader in another language raises what is no Exception where it stumbles.
    return _reader_failed(name, error), "file"


def _machine_failed(name: str, error: OSError) -> SourceFileError:
    place = "the file and the staging area" if error.errno != errno.ENOSPC else "the disk of the staging area"
    if error.filename is not None:
        place += f", {error.filename},"
    return SourceFileError(
        "machine_failed",
        file=name,
        expected=f"{place} to be there and to have room",
        found=error.strerror or type(error).__name__,
        remedy="This is a matter of the machine, not of the file: mend that and run again.",
    )


def _reader_failed(name: str, error: BaseException) -> SourceFileError:
    return SourceFileError(
        "unreadable_file",
        file=name,
        expected="a complete spreadsheet",
        found=f"a file at which its reader fails ({type(error).__name__})",
        remedy="It is damaged, or made to do harm: fetch it again from the publisher, or ask who sent it.",
    )


def _pipeline_failed(name: str, error: BaseException, *, withhold: bool) -> SourceFileError:
    words = "" if withhold else f": {error}"
    return SourceFileError(
        "pipeline_failed",
        file=name,
        expected="the pipeline to read the file or to say what is wrong with it",
        found=f"{type(error).__name__}{words}"[:500],
        remedy="This is a fault of the pipeline, not of the file: report it.",
    )
