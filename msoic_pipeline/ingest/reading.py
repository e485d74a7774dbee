"""Read once: a file is opened by a worker process, recognised, and parsed into the staging area from one reading.

A worker may take only so much memory and time (``limits.py``). Where it takes more, aborts or hangs, that is the
refusal of the one file that it was reading; another worker takes its place and every other file goes on. Nothing large
comes back: what was parsed stands in the staging area, and the answer is a release or an error.
"""

from __future__ import annotations

import ctypes
import errno
import logging
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pebble import ProcessExpired, ProcessPool

from msoic_pipeline.ingest.file_asked import FileAsked, digest_file
from msoic_pipeline.ingest.recognition import identify_release
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import stage_workbook
from msoic_pipeline.limits import MIB, WALL_TIMES_PROCESSOR, WORKER_BYTES, processor_seconds, workers
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import open_workbook
from msoic_pipeline.workbooks.source import load_source

Answer = TypeVar("Answer")
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
        return _make_refused(release, _name_as_asked(asked, error))
    except MemoryError:
        return _make_refused(release, _over_memory_error(asked.name), "limits")
    except OSError as error:
        return _make_refused(release, _machine_failed(asked.name, error), "machine")
    except Exception as error:
        return _make_refused(release, _pipeline_failed(asked, error))
    except BaseException as error:  # a reader in another language raises what is no Exception where it stumbles
        return _make_refused(release, _reader_failed(asked.name, error))
    return RecognisedFile(release)


def read_files(asked: Sequence[FileAsked], staging_dir: Path) -> list[FileReading]:
    """Read files in worker processes, as many at a time as there are processors; return what came of each."""
    calls = [(file.content, (file, staging_dir)) for file in asked]
    answers = call_in_workers(read_file, calls)
    readings: list[FileReading] = []
    for file, answer in zip(asked, answers, strict=True):
        if isinstance(answer, SourceFileError):
            readings.append(RefusedFile(_name_as_asked(file, answer), "limits"))
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


def call_in_workers(
    function: Callable[..., Answer], calls: Sequence[tuple[Path, tuple[Any, ...]]]
) -> list[Answer | SourceFileError]:
    """Call ``function`` in worker processes, each time with arguments that are about the file of a path.

    Returns its answers in order; for a file that took more than it may, the error that says so. A worker that had read
    other files before it ran out of memory may have been short of it for their sake: the file is tried again alone.
    """
    answers = _call_in_pool(_shared_pool(), function, calls)
    again = [place for place, answer in enumerate(answers) if isinstance(answer, _WorkerEnded) and answer.may_be_memory]
    if again:
        with _new_pool(workers=1, tasks=1) as pool:
            for place in again:
                (answers[place],) = _call_in_pool(pool, function, [calls[place]])
    return [answer.error if isinstance(answer, _WorkerEnded) else answer for answer in answers]


def call_in_worker(function: Callable[..., Answer], path: Path, *arguments: Any) -> Answer:
    """Call ``function`` in a worker process with arguments about the file of a path; raises what it raises.

    Raises SourceFileError where the file took more than it may.
    """
    (answer,) = call_in_workers(function, [(path, arguments)])
    if isinstance(answer, SourceFileError):
        raise answer
    return answer


# ---- the pool --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _WorkerEnded:
    """A worker was ended while it read a file."""

    error: SourceFileError
    may_be_memory: bool


@cache
def _shared_pool() -> ProcessPool:
    """The workers of this process: started when first needed, ended with it."""
    return _new_pool(workers())


def _new_pool(workers: int, tasks: int = 0) -> ProcessPool:
    # Forked from a server that has imported what is needed and has no threads: starting a worker costs next to nothing.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return ProcessPool(max_workers=workers, max_tasks=tasks, initializer=_limit_worker, context=context)


def _limit_worker() -> None:
    """Bound what this process may take, and let nothing of what it reads reach a terminal or a log."""
    resource.setrlimit(resource.RLIMIT_DATA, (WORKER_BYTES, WORKER_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    _end_with_parent()


def _end_with_parent() -> None:
    """Ask Linux to end this process when the one that started it ends, even by a kill."""
    if sys.platform == "linux":
        end_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(end_signal, signal.SIGKILL)


def _call_in_pool(
    pool: ProcessPool, function: Callable[..., Answer], calls: Sequence[tuple[Path, tuple[Any, ...]]]
) -> list[Any]:
    waiting = []
    for path, arguments in calls:
        seconds = processor_seconds(path.stat().st_size if path.exists() else 0)
        task = pool.schedule(_call_within, (function, seconds, arguments), timeout=seconds * WALL_TIMES_PROCESSOR)
        waiting.append((path, seconds, task))
    answers: list[Any] = []
    for path, seconds, task in waiting:
        try:
            answers.append(task.result())
        except TookTooLong:
            answers.append(_WorkerEnded(_over_time_error(path.name, seconds * WALL_TIMES_PROCESSOR, "seconds"), False))
        except ProcessExpired as ended:
            answers.append(_explain_end(path.name, ended.exitcode, seconds))
    return answers


def _call_within(function: Callable[..., Answer], seconds: int, arguments: tuple[Any, ...]) -> Answer:
    """Call ``function`` with so much processor time: the system ends the process that takes more."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    end = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (end, resource.RLIM_INFINITY))
    return function(*arguments)


def _explain_end(name: str, exit_code: int | None, seconds: int) -> _WorkerEnded:
    """Return why a worker was ended, as far as its exit code tells."""
    if exit_code == -signal.SIGXCPU:
        return _WorkerEnded(_over_time_error(name, seconds, "seconds of processor time"), False)
    # The reader aborts where it is refused memory, so an abort may mean that or a fault of the reader.
    return _WorkerEnded(
        SourceFileError(
            "reader_died",
            file=name,
            expected=f"a file that can be read within {WORKER_BYTES // MIB:,} MiB of memory",
            found=f"that its reader was ended ({_signal_name(exit_code)})",
            remedy="The file is damaged, made to do harm, or larger than any seen: do not open it by hand, ask who "
            "sent it. If it is genuine, raise the limit in msoic_pipeline/limits.py.",
        ),
        True,
    )


def _signal_name(exit_code: int | None) -> str:
    try:
        return signal.Signals(-(exit_code or 0)).name
    except ValueError:
        return f"exit code {exit_code}"


# ---- errors ----------------------------------------------------------------------------------------


def _name_as_asked(asked: FileAsked, error: SourceFileError) -> SourceFileError:
    """Return an error with the name by which people know the file, or its sidecar."""
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


def _over_memory_error(name: str) -> SourceFileError:
    return SourceFileError(
        "over_memory",
        file=name,
        expected=f"a file that can be read within {WORKER_BYTES // MIB:,} MiB of memory",
        found="one that needs more",
        remedy="It is larger than any seen, or made to do harm: ask who sent it. If it is genuine, raise the limit in "
        "msoic_pipeline/limits.py.",
    )


def _over_time_error(name: str, limit: int, unit: str) -> SourceFileError:
    return SourceFileError(
        "over_time",
        file=name,
        expected=f"a file that can be read within {limit:,} {unit}",
        found="one that takes longer, or for ever",
        remedy="It is damaged, or made to do harm: ask who sent it. If it is genuine, raise the limit in "
        "msoic_pipeline/limits.py; it is tried again tomorrow.",
    )


def _machine_failed(name: str, error: OSError) -> SourceFileError:
    place = "the archive or the staging area" if error.errno != errno.ENOSPC else "the disk of the staging area"
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


def _pipeline_failed(asked: FileAsked, error: BaseException) -> SourceFileError:
    words = "" if load_source(asked.source).sensitive else f": {error}"
    return SourceFileError(
        "pipeline_failed",
        file=asked.name,
        expected="the pipeline to read the file or to say what is wrong with it",
        found=f"{type(error).__name__}{words}"[:500],
        remedy="This is a fault of the pipeline, not of the file: report it.",
    )
