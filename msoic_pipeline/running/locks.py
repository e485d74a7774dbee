"""The lock files in Dagster's home. The system takes each back when the process that holds it ends, however it ends.

| file | what it guards | who waits, and how long |
|---|---|---|
| ``opening.lock`` | the home's settings and tables, while they are made or opened | whoever opens it, two minutes |
| ``looking.lock`` | which runs have a process: looked at by one, while no run shows itself | both, ten minutes |
| ``running/<run>.lock`` | that a run is at work, until its process ends | the run, ten minutes; others only try it |
| ``noting.lock`` | that a failure is noted once | whoever notes one, ten minutes |
| ``ui.lock`` | that one process shows the pages of a home | nobody: the second is told who holds it |

A process that shows the pages, or is a run, holds its own while it takes others. ``looking.lock`` is held while the
lock of a run is taken or tried; the first and the fourth are held alone. The lock on a warehouse is no file of the
home: ``warehouse_lock`` has it. A run takes it before it shows that it is at work, or after; never within
``looking.lock``.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

_OPENING_WAIT_SECONDS = 120
# Of who looks at runs, or shows or notes one: each is done in moments, of a few runs.
WAIT_SECONDS = 600
_RUNNING = "running"


def lock_opening(home: Path) -> FileLock:
    """Return the lock under which a home is made or opened."""
    return FileLock(home / "opening.lock", timeout=_OPENING_WAIT_SECONDS)


def lock_looking(home: Path) -> FileLock:
    """Return the lock under which one process at a time looks for runs that are gone, and no run shows itself."""
    return FileLock(home / "looking.lock", timeout=WAIT_SECONDS)


def lock_run(home: Path, run_id: str) -> FileLock:
    """Return the lock that a run holds while its process is there; any thread of it may hold it."""
    path = locate_run_lock(home, run_id)
    path.parent.mkdir(exist_ok=True)
    return FileLock(path, timeout=WAIT_SECONDS, thread_local=False)


def locate_run_lock(home: Path, run_id: str) -> Path:
    """Return the file of a run's lock, which need not be there."""
    return home / _RUNNING / f"{run_id}.lock"


def list_run_locks(home: Path) -> list[Path]:
    """Return the files of the runs' locks, each named after its run."""
    return list((home / _RUNNING).glob("*.lock"))


def lock_noting(home: Path) -> FileLock:
    """Return the lock under which a failure is noted."""
    return FileLock(home / "noting.lock", timeout=WAIT_SECONDS)


def lock_pages(home: Path) -> FileLock:
    """Return the lock of who shows the pages, which is taken at once or not at all; its file says who holds it."""
    return FileLock(home / "ui.lock", blocking=False, thread_local=False)


def is_held(path: Path) -> bool:
    """Return whether a process holds the lock of a file."""
    try:
        with FileLock(path, blocking=False):
            return False
    except Timeout:
        return True
