"""Workers: processes that may take only so much memory and time (``resource_limits.py``), each for one file at a time.

Where a worker takes more, aborts or hangs, that is told of the one file that it was about; another worker takes its
place and every other file goes on.
"""

from __future__ import annotations

import ctypes
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
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from msoic_pipeline.resource_limits import MIB, WALL_TIMES_PROCESSOR, WORKER_BYTES, processor_seconds, workers
from msoic_pipeline.workbooks.errors import SourceFileError

Answer = TypeVar("Answer")
# What workers have imported from the start; by its name, since that module imports this one.
_PRELOADED = "msoic_pipeline.ingest.reading"


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
    context.set_forkserver_preload([_PRELOADED])
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
            answers.append(_WorkerEnded(over_time_error(path.name, seconds * WALL_TIMES_PROCESSOR, "seconds"), False))
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
        return _WorkerEnded(over_time_error(name, seconds, "seconds of processor time"), False)
    # The reader aborts where it is refused memory, so an abort may mean that or a fault of the reader.
    return _WorkerEnded(
        SourceFileError(
            "reader_died",
            file=name,
            expected=f"a file that can be read within {WORKER_BYTES // MIB:,} MiB of memory",
            found=f"that its reader was ended ({_signal_name(exit_code)})",
            remedy="The file is damaged, made to do harm, or larger than any seen: do not open it by hand, ask who "
            "sent it. If it is genuine, raise the limit in msoic_pipeline/resource_limits.py.",
        ),
        True,
    )


def _signal_name(exit_code: int | None) -> str:
    try:
        return signal.Signals(-(exit_code or 0)).name
    except ValueError:
        return f"exit code {exit_code}"


def over_memory_error(name: str) -> SourceFileError:
    """Return the error that a file takes more memory than it may."""
    return SourceFileError(
        "over_memory",
        file=name,
        expected=f"a file that can be read within {WORKER_BYTES // MIB:,} MiB of memory",
        found="one that needs more",
        remedy="It is larger than any seen, or made to do harm: ask who sent it. If it is genuine, raise the limit in "
        "msoic_pipeline/resource_limits.py.",
    )


def over_time_error(name: str, limit: int, unit: str) -> SourceFileError:
    """Return the error that a file takes longer than it may: ``limit`` of such units as ``seconds``."""
    return SourceFileError(
        "over_time",
        file=name,
        expected=f"a file that can be read within {limit:,} {unit}",
        found="one that takes longer, or for ever",
        remedy="It is damaged, or made to do harm: ask who sent it. If it is genuine, raise the limit in "
        "msoic_pipeline/resource_limits.py; it is tried again tomorrow.",
    )
