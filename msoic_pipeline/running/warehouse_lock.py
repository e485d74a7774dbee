"""One run at a time on a warehouse: a lock that the system takes back when the process that holds it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from filelock import FileLock, Timeout
from sqlalchemy.pool import NullPool

from msoic_pipeline.running.processes import Say

# Any number, as long as nothing else on the server uses it.
RUN_LOCK = 7_201_531
_POLL_SECONDS = 0.5


class RunLockLostError(Exception):
    """What keeps other runs off the warehouse is gone while a run is at work."""

    def __init__(self) -> None:
        super().__init__(
            "the connection that keeps other runs off this warehouse was cut (server restarted, or network gone): this "
            "run writes nothing more, since another may have begun. Run again; what was loaded stands."
        )


class WarehouseLock(Protocol):
    """A lock on a warehouse, by which one run at a time is at work on it."""

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


def _resolve(url: sa.URL) -> sa.URL:
    """Return a warehouse's address as all write it: of a file its whole path, whatever folder it was named from."""
    return url.set(database=str(Path(str(url.database)).resolve())) if _is_of_file(url) else url


def _is_of_file(url: sa.URL) -> bool:
    return url.get_backend_name() == "sqlite" and url.database not in (None, "", ":memory:")


def _choose_lock(url: sa.URL) -> WarehouseLock:
    if url.get_backend_name() == "postgresql":
        return _PostgresRunLock(url)
    if _is_of_file(url):
        return _FileRunLock(Path(str(url.database)))
    return _NoRunLock()


# By warehouse and thread: the command holds the lock already when the run that it executes asks for it.
_held: dict[tuple[str, int], WarehouseLock] = {}


@contextmanager
def hold_warehouse(url: str, holder: str, say: Say) -> Iterator[WarehouseLock]:
    """Keep all other runs off a warehouse while within; wait for one that is at work, and ``say`` for which.

    Raises sqlalchemy's errors or OSError where the warehouse cannot be reached.
    """
    parsed = _resolve(sa.make_url(url))
    key = (parsed.render_as_string(hide_password=False), threading.get_ident())
    if key in _held:
        yield _held[key]
        return
    lock = _choose_lock(parsed)
    try:
        _wait_for(lock, holder, say)
        _held[key] = lock
        yield lock
    finally:
        _held.pop(key, None)
        lock.give_back()


def _wait_for(lock: WarehouseLock, holder: str, say: Say) -> None:
    told = None
    while not lock.take(holder):
        other = lock.holder() or "another run"
        if other != told:
            say(f"Waiting for {other}, which is at work on this warehouse.")
            told = other
        time.sleep(_POLL_SECONDS)
