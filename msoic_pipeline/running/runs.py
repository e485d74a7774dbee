"""Every run ends, and says how: one run at a time on a warehouse, and a run whose process is gone has failed.

Both rest on locks that the system takes back when the process that holds them ends, however it ends.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import psutil
import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.pool import NullPool

from msoic_pipeline.running.error_words import tell_recorded_error
from msoic_pipeline.running.home import first_line
from msoic_pipeline.running.signals import STOPPED
from msoic_pipeline.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

# Any number, as long as nothing else on the server uses it.
RUN_LOCK = 7_201_531
PROCESS_TAG, NOTED_TAG = "msoic/process", "msoic/noted"
FAILED_RUNS = "failed_runs.log"
_POLL_SECONDS = 0.5
# A run of which no process is known: time enough to start one.
_START_SECONDS = 600
_LATE_RUNS = 20


class RunLockLostError(Exception):
    """What keeps other runs off the warehouse is gone while a run is at work."""

    def __init__(self) -> None:
        super().__init__(
            "the connection that keeps other runs off this warehouse was cut (server restarted, or network gone): this "
            "run writes nothing more, since another may have begun. Run again; what was loaded stands."
        )


class NoteError(Exception):
    """``failed_runs.log`` cannot be written."""

    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(f"{path} cannot be written ({first_line(cause)}): free space there, or mend it.")


class _WarehouseLock(Protocol):
    """A lock on a warehouse."""

    def take(self, holder: str) -> bool:
        """Take it and note who holds it; return whether it was free."""

    def holder(self) -> str:
        """Return who holds it, as far as is known."""

    def check(self) -> None:
        """Raise RunLockLostError where it is held no longer."""

    def give_back(self) -> None:
        """Give it back."""


class _FileRunLock:
    """A lock on a file beside an SQLite warehouse; the file says who holds it."""

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(f"{database.name}.run.lock")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self._path, thread_local=False)

    def take(self, holder: str) -> bool:
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            return False
        self._path.write_text(holder, encoding="utf-8")
        return True

    def holder(self) -> str:
        return self._path.read_text(encoding="utf-8")

    def check(self) -> None:
        """Nothing but the end of the process takes a lock on a file away."""

    def give_back(self) -> None:
        self._lock.release()


class _PostgresRunLock:
    """An advisory lock of a session of its own, whose application name says who holds it."""

    def __init__(self, url: sa.URL) -> None:
        self._engine = sa.create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", hide_parameters=True)
        self._connection = self._engine.connect()
        # Otherwise the server ends an idle session, or waits two hours for a machine that is gone.
        for setting, value in (("idle_session_timeout", 0), ("tcp_keepalives_idle", 30), ("tcp_keepalives_count", 3)):
            self._connection.exec_driver_sql(f"SET {setting} = {value}")
        self._connection.exec_driver_sql("SET tcp_keepalives_interval = 10")

    def take(self, holder: str) -> bool:
        if not self._connection.scalar(sa.select(sa.func.pg_try_advisory_lock(RUN_LOCK))):
            return False
        self._connection.execute(sa.select(sa.func.set_config("application_name", holder[:63], False)))
        return True

    def holder(self) -> str:
        named = sa.text(
            "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
            "AND objid = :lock AND granted AND pg_locks.database = (SELECT oid FROM pg_database "
            "WHERE datname = current_database())"
        )
        return self._connection.scalar(named, {"lock": RUN_LOCK}) or ""

    def check(self) -> None:
        # The lock itself, not the connection: SQLAlchemy opens another in the place of one that was cut.
        mine = sa.text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock AND granted "
            "AND pid = pg_backend_pid()"
        )
        try:
            held = self._connection.scalar(mine, {"lock": RUN_LOCK})
        except sa.exc.SQLAlchemyError as error:
            raise RunLockLostError from error
        if not held:
            raise RunLockLostError

    def give_back(self) -> None:
        self._connection.close()
        self._engine.dispose()


class _NoRunLock:
    """For a warehouse that no other process can see."""

    def take(self, holder: str) -> bool:
        return True

    def holder(self) -> str:
        return ""

    def check(self) -> None:
        """Held as long as there is such a warehouse."""

    def give_back(self) -> None:
        """Nothing to give back."""


def _lock_of(url: sa.URL) -> _WarehouseLock:
    if url.get_backend_name() == "postgresql":
        return _PostgresRunLock(url)
    if url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:"):
        return _FileRunLock(Path(str(url.database)).resolve())
    return _NoRunLock()


# By warehouse and thread: the command holds the lock already when the run that it executes asks for it.
_held: dict[tuple[str, int], _WarehouseLock] = {}


@contextmanager
def hold_warehouse(url: str, holder: str, say: Callable[[str], None]) -> Iterator[_WarehouseLock]:
    """Keep all other runs off a warehouse while within; wait for one that is at work, and ``say`` for which.

    Raises sqlalchemy's errors or OSError where the warehouse cannot be reached.
    """
    parsed = sa.make_url(url)
    key = (parsed.render_as_string(hide_password=False), threading.get_ident())
    if key in _held:
        yield _held[key]
        return
    lock = _lock_of(parsed)
    try:
        _wait_for(lock, holder, say)
        _held[key] = lock
        yield lock
    finally:
        _held.pop(key, None)
        lock.give_back()


def _wait_for(lock: _WarehouseLock, holder: str, say: Callable[[str], None]) -> None:
    told = None
    while not lock.take(holder):
        other = lock.holder() or "another run"
        if other != told:
            say(f"Waiting for {other}, which is at work on this warehouse.")
            told = other
        time.sleep(_POLL_SECONDS)


def this_process() -> str:
    """Return the words by which people find this process."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def holder_words(run_id: str) -> str:
    """Return the words by which people find a run and its process."""
    return f"run {run_id[:8]} ({this_process()})"


# Held until the process ends: a run that gave its lock back a moment before its end would look like a killed one.
_alive: dict[str, FileLock] = {}


def show_alive(instance: dg.DagsterInstance, run_id: str) -> None:
    """Show to all who look, until this process ends, that the run is at work in it."""
    if not instance.is_persistent or run_id in _alive:
        return
    home = Path(instance.root_directory)
    lock = FileLock(_alive_path(home, run_id), thread_local=False)
    with _looking_lock(home):
        lock.acquire(timeout=_START_SECONDS)
    _alive[run_id] = lock
    if instance.get_run_by_id(run_id):
        instance.add_run_tags(run_id, {PROCESS_TAG: this_process()})


def _alive_path(home: Path, run_id: str) -> Path:
    folder = home / "running"
    folder.mkdir(exist_ok=True)
    return folder / f"{run_id}.lock"


def _looking_lock(home: Path) -> FileLock:
    """One at a time looks for runs that are gone, and no run shows itself meanwhile."""
    return FileLock(home / "looking.lock", timeout=_START_SECONDS)


def end_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report every unfinished run whose process is gone as failed, and note it; return those runs.

    Raises NoteError once they are reported.
    """
    from dagster import DagsterRunStatus, RunsFilter

    unfinished = [
        DagsterRunStatus[name] for name in ("NOT_STARTED", "STARTING", "STARTED", "CANCELING") if instance.is_persistent
    ]
    if not unfinished:
        return []
    ended = []
    home = Path(instance.root_directory)
    with _looking_lock(home):
        for record in instance.get_run_records(RunsFilter(statuses=unfinished)):
            run = record.dagster_run
            if run.run_id in _alive or not _is_gone(instance, record, home):
                continue
            where = run.tags.get(PROCESS_TAG, "its process")
            words = f"The run broke off: {where} is gone (killed, or the machine stopped). What it loaded stands."
            if run.status == DagsterRunStatus.CANCELING:
                instance.report_run_canceled(run, words)
            else:
                instance.report_run_failed(run, words)
            ended.append(run.run_id)
        _remove_ended_locks(instance, home)
    _note_failures(instance, ended)
    return ended


def _is_gone(instance: dg.DagsterInstance, record: dg.RunRecord, home: Path) -> bool:
    path = _alive_path(home, record.dagster_run.run_id)
    if path.is_file():
        try:
            with FileLock(path, blocking=False):
                return True
        except Timeout:
            return False
    started = _process_of(instance, record.dagster_run.run_id)
    if started is None:
        return abs(time.time() - record.update_timestamp.timestamp()) > _START_SECONDS
    # Of an earlier version, or not yet at our code: all that is known is what Dagster wrote down.
    pid, at = started
    try:
        return psutil.Process(pid).create_time() > at + 1
    except psutil.NoSuchProcess:
        return True


def _process_of(instance: dg.DagsterInstance, run_id: str) -> tuple[int, float] | None:
    """Return the process that Dagster wrote down for a run, and when."""
    from dagster import DagsterEventType

    for entry in instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT):
        data = entry.dagster_event.engine_event_data if entry.dagster_event else None
        if data and "pid" in data.metadata:
            return int(str(data.metadata["pid"].value)), entry.timestamp
    return None


def _remove_ended_locks(instance: dg.DagsterInstance, home: Path) -> None:
    """Remove the locks of runs that have ended."""
    for path in (home / "running").glob("*.lock"):
        run = instance.get_run_by_id(path.stem)
        if path.stem not in _alive and run is not None and run.is_finished:
            path.unlink(missing_ok=True)


def note_failed_run(instance: dg.DagsterInstance, run_id: str, words: str = "") -> None:
    """Note a run that failed in ``failed_runs.log``, once, whoever sees it first; in ``words`` where records say none.

    Raises NoteError.
    """
    with FileLock(Path(instance.root_directory) / "noting.lock", timeout=_START_SECONDS):
        run = instance.get_run_by_id(run_id)
        if run is None:
            append_note(f"everything {run_id}", [words])
        elif NOTED_TAG not in run.tags:
            append_note(f"{run.job_name} {run_id}", tell_failures(instance, run_id) or [words])
            instance.add_run_tags(run_id, {NOTED_TAG: "yes"})


def _note_failures(instance: dg.DagsterInstance, ended: Sequence[str]) -> None:
    """Note those runs, and what of late has failed unnoted: stopped with the daemon, or while the log had no room."""
    from dagster import DagsterRunStatus, RunsFilter

    failed = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]), limit=_LATE_RUNS)
    unnoted = [run.run_id for run in failed if PROCESS_TAG in run.tags and NOTED_TAG not in run.tags]
    for run_id in dict.fromkeys([*ended, *unnoted]):
        note_failed_run(instance, run_id)


def append_note(what: str, lines: Sequence[str]) -> None:
    """Append to ``failed_runs.log``, where a monitor looks. Raises NoteError."""
    path = Settings().output_dir / FAILED_RUNS
    words = "".join([f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} {what}\n", *(f"  {line}\n" for line in lines)])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(words)
    except OSError as error:
        raise NoteError(path, error) from error


def tell_failures(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return why a run failed: a line a step that broke, else what is known of the run as a whole."""
    from dagster import DagsterEventType

    lines = []
    for entry in instance.all_logs(run_id, of_type=DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        if event and event.step_failure_data.error:
            lines.append(f"{event.step_key}: {tell_recorded_error(event.step_failure_data.error)}")
    if lines:
        return lines
    ends = {DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED}
    for entry in instance.all_logs(run_id, of_type=ends):
        if event := entry.dagster_event:
            lines.append(tell_run_failure(event))
    return lines


def tell_run_failure(event: dg.DagsterEvent) -> str:
    """Return why a run as a whole failed, in the words of what caused it."""
    from dagster._core.events import RunFailureReason

    data = event.event_specific_data
    if getattr(data, "failure_reason", None) == RunFailureReason.UNEXPECTED_TERMINATION:
        return STOPPED
    error = getattr(data, "error", None)
    return tell_recorded_error(error) if error else (event.message or "The run failed.")
