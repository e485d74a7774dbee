"""Dagster's pages, for this machine alone: the web server behind a guard, the daemon, and the code that they load.

Each of the three is a process that ends, with all its own, when the one that started it ends, however that ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from typing import TYPE_CHECKING

import yaml
from filelock import Timeout

from msoic_pipeline.running.clock_mending import HEARTBEAT_SECONDS, forget_days_to_come
from msoic_pipeline.running.dagster_internals import ping_code_server
from msoic_pipeline.running.error_words import first_line
from msoic_pipeline.running.failed_runs import NoteError
from msoic_pipeline.running.guard import HOST
from msoic_pipeline.running.home import HomeError, open_home, ready_home
from msoic_pipeline.running.locks import lock_pages
from msoic_pipeline.running.lost_runs import end_lost_runs
from msoic_pipeline.running.page_processes import END_SECONDS, GRACE_SECONDS, LOCATION, list_family, wait_or_kill
from msoic_pipeline.running.processes import Say
from msoic_pipeline.running.termination import stop_on_signals

if TYPE_CHECKING:
    import dagster as dg

# The program that each process is, with its role.
PAGE_PROCESSES = "msoic_pipeline.running.page_processes"
_LOADING_SECONDS = 180
_LOOK_SECONDS = 0.5


class PagesError(Exception):
    """Why the pages cannot be shown, in words."""


def serve_pages(port: int, names: Sequence[str], say: Say) -> int:
    """Show Dagster's pages and keep its schedules running until told to end; return the exit code.

    ``names`` are those under which a proxy shows the pages. Whatever keeps them from being shown is said in a line, and
    nothing is left running.
    """
    try:
        with stop_on_signals():
            home, differences = ready_home()
            for words in differences:
                say(words)
            with _hold_pages(home, port):
                _require_free_port(port)
                with open_home() as instance:
                    _serve_until_told(instance, port, names, say)
    except KeyboardInterrupt:
        return 0
    except (PagesError, HomeError) as error:
        say(f"Dagster's pages cannot be shown: {error}")
    except Exception as error:
        say(f"Dagster's pages cannot be shown: {first_line(error)}")
    return 1


@contextmanager
def _hold_pages(home: Path, port: int) -> Iterator[None]:
    """Keep others from showing the pages of a home while within. Raises PagesError where somebody shows them."""
    lock = lock_pages(home)
    said_by_holder = Path(lock.lock_file)
    try:
        lock.acquire()
    except Timeout as error:
        where = said_by_holder.read_text(encoding="utf-8") or "another process"
        raise PagesError(f"they are shown already, with the records in {home}, by {where}.") from error
    try:
        said_by_holder.write_text(f"process {os.getpid()} on http://{HOST}:{port}", encoding="utf-8")
        yield
    finally:
        lock.release()


def _require_free_port(port: int) -> None:
    """Raise PagesError where nothing can listen on the port."""
    with socket(AF_INET, SOCK_STREAM) as trial:
        trial.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            raise PagesError(f"port {port} is not free ({error.strerror}); name another: msoic ui --port N") from error


def _refuse_other_daemon(instance: dg.DagsterInstance, say: Say) -> None:
    """Raise PagesError where a daemon that was started otherwise is at work on the same records."""
    last = _find_latest_heartbeat(instance)
    if abs(time.time() - last) > HEARTBEAT_SECONDS:
        return
    say("A Dagster daemon was at work on these records a moment ago; looking whether it still is.")
    until = time.monotonic() + HEARTBEAT_SECONDS
    while time.monotonic() < until:
        if _find_latest_heartbeat(instance) > last:
            raise PagesError(
                "a Dagster daemon that was started otherwise is at work on the same records; end it first."
            )
        time.sleep(_LOOK_SECONDS)


def _find_latest_heartbeat(instance: dg.DagsterInstance) -> float:
    """Return when a daemon last showed itself in these records, in seconds of the clock; 0 where none ever did."""
    return max((beat.timestamp for beat in instance.get_daemon_heartbeats().values()), default=0.0)


def _serve_until_told(instance: dg.DagsterInstance, port: int, names: Sequence[str], say: Say) -> None:
    """Serve the pages of an instance until told to end, or until one of their processes has ended."""
    _refuse_other_daemon(instance, say)
    _mend_records(instance, say)
    with tempfile.TemporaryDirectory(prefix="msoic-") as folder:
        socket_of_code = Path(folder) / "code.sock"
        workspace = _write_workspace(Path(folder), socket_of_code)
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            started["code"] = _start_process("code", str(socket_of_code))
            _await_code(socket_of_code, started)
            started["daemon"] = _start_process("daemon", str(workspace))
            started["webserver"] = _start_process("webserver", str(workspace), str(port), *names)
            say(f"Dagster's pages are on http://{HOST}:{port}; Ctrl-C ends them and the schedules.")
            while True:
                time.sleep(_LOOK_SECONDS)
                _require_all_alive(started)
        finally:
            _stop_processes(started)
            _leave_records(instance)


def _mend_records(instance: dg.DagsterInstance, say: Say) -> None:
    """Put right in Dagster's records what a wrong clock and killed runs have left; ``say`` what is to be told of it."""
    if mended := forget_days_to_come(instance):
        say(f"The clock was ahead: {', '.join(mended)} would have waited for days that have not come, and does not.")
    try:
        end_lost_runs(instance)
    except NoteError as error:
        say(str(error))


def _write_workspace(folder: Path, socket_of_code: Path) -> Path:
    """Write the file by which Dagster's programs find the process that serves the definitions; return it."""
    servers = [{"grpc_server": {"host": "localhost", "socket": str(socket_of_code), "location_name": LOCATION}}]
    workspace = folder / "workspace.yaml"
    workspace.write_text(yaml.safe_dump({"load_from": servers}), encoding="utf-8")
    return workspace


def _leave_records(instance: dg.DagsterInstance) -> None:
    """Leave in the records what tells the next one that no daemon is left, and that no run is at work."""
    with suppress(Exception):
        instance.wipe_daemon_heartbeats()
        end_lost_runs(instance)


def _start_process(role: str, *words: str) -> subprocess.Popen[bytes]:
    # Its standard input is a pipe that nobody writes to: its end tells the child that we are gone.
    return subprocess.Popen([sys.executable, "-m", PAGE_PROCESSES, role, *words], stdin=subprocess.PIPE)


def _require_all_alive(started: dict[str, subprocess.Popen[bytes]]) -> None:
    for role, process in started.items():
        if process.poll() is not None:
            raise PagesError(f"Dagster's {role} process has ended (exit code {process.returncode}); all is ended.")


def _await_code(path: Path, started: dict[str, subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + _LOADING_SECONDS
    while time.monotonic() < until:
        _require_all_alive(started)
        with suppress(Exception):
            ping_code_server(path)
            return
        time.sleep(_LOOK_SECONDS)
    raise PagesError(f"the definitions did not load within {_LOADING_SECONDS} seconds.")


def _stop_processes(started: dict[str, subprocess.Popen[bytes]]) -> None:
    """End the processes with all their own: they do it themselves when they see the pipe's end; kill what is left."""
    every = [child for process in started.values() for child in list_family(process.pid)]
    for process in started.values():
        assert process.stdin is not None
        process.stdin.close()
    wait_or_kill(every, GRACE_SECONDS + 2 * END_SECONDS)
    wait_or_kill([child for process in started.values() for child in list_family(process.pid)], 0)
    for process in started.values():
        process.wait()
