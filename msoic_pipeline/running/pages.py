"""Dagster's pages, for this machine alone: the web server behind a guard, the daemon, and the code that they load.

Each of the three is a process that ends, with all its own, when the one that started it ends, however that ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from pathlib import Path
from socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from typing import TYPE_CHECKING, Any

import psutil
import yaml
from filelock import FileLock, Timeout

from msoic_pipeline.running.dagster_internals import ping_code_server
from msoic_pipeline.running.failed_runs import NoteError
from msoic_pipeline.running.guard import HOST
from msoic_pipeline.running.home import HomeError, first_line, open_home, ready_home
from msoic_pipeline.running.lost_runs import end_lost_runs
from msoic_pipeline.running.processes import Say
from msoic_pipeline.running.termination import stop_on_signals

if TYPE_CHECKING:
    import dagster as dg

    from msoic_pipeline.running.dagster_internals import InstigatorState

LOCATION, MODULE = "msoic", "msoic_pipeline.definitions"
# A run that is at work notes how it ended; then whatever is left is killed.
GRACE_SECONDS = 5
_END_SECONDS = 1
_START_SECONDS = 180
_HEARTBEAT_SECONDS = 40
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
    lock = FileLock(home / "ui.lock", blocking=False, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        where = (home / "ui.lock").read_text(encoding="utf-8") or "another process"
        raise PagesError(f"they are shown already, with the records in {home}, by {where}.") from error
    try:
        (home / "ui.lock").write_text(f"process {os.getpid()} on http://{HOST}:{port}", encoding="utf-8")
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
    if abs(time.time() - last) > _HEARTBEAT_SECONDS:
        return
    say("A Dagster daemon was at work on these records a moment ago; looking whether it still is.")
    until = time.monotonic() + _HEARTBEAT_SECONDS
    while time.monotonic() < until:
        if _find_latest_heartbeat(instance) > last:
            raise PagesError(
                "a Dagster daemon that was started otherwise is at work on the same records; end it first."
            )
        time.sleep(_LOOK_SECONDS)


def _find_latest_heartbeat(instance: dg.DagsterInstance) -> float:
    """Return when a daemon last showed itself in these records, in seconds of the clock; 0 where none ever did."""
    return max((beat.timestamp for beat in instance.get_daemon_heartbeats().values()), default=0.0)


def forget_days_to_come(instance: dg.DagsterInstance) -> list[str]:
    """Forget that schedules and sensors were at work on days that have not come yet; return which.

    They would otherwise stand still until those days: a clock was wrong and is right again.
    """
    limit = time.time() + _HEARTBEAT_SECONDS
    mended = []
    for state in instance.all_instigator_state():
        had_ticks = _forget_ticks_after(instance, state, limit)
        had_times = _reset_times_after(instance, state, limit)
        if had_ticks or had_times:
            mended.append(state.instigator_name)
    return mended


def _forget_ticks_after(instance: dg.DagsterInstance, state: InstigatorState, limit: float) -> bool:
    """Forget when a schedule or sensor was at work, where it was so after ``limit``; return whether it was."""
    latest = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=limit, limit=1)
    if latest:
        # Dagster forgets all before a time and none after one: the earlier ones go along.
        instance.purge_ticks(state.instigator_origin_id, state.selector_id, before=latest[0].timestamp + 1)
    return bool(latest)


def _reset_times_after(instance: dg.DagsterInstance, state: InstigatorState, limit: float) -> bool:
    """Set the times that a schedule or sensor goes by to the present, where they are after ``limit``; return whether.

    Such as ``start_timestamp``, since when a schedule is on, and ``last_tick_timestamp`` of a sensor.
    """
    data = state.instigator_data
    if data is None:
        return False
    reset: dict[str, Any] = {}
    for name, value in data._asdict().items():
        if name.endswith("timestamp") and value and value > limit:
            reset[name] = time.time()
    if reset:
        instance.update_instigator_state(state.with_data(data._replace(**reset)))
    return bool(reset)


def _serve_until_told(instance: dg.DagsterInstance, port: int, names: Sequence[str], say: Say) -> None:
    _refuse_other_daemon(instance, say)
    if mended := forget_days_to_come(instance):
        say(f"The clock was ahead: {', '.join(mended)} would have waited for days that have not come, and does not.")
    try:
        end_lost_runs(instance)
    except NoteError as error:
        say(str(error))
    with tempfile.TemporaryDirectory(prefix="msoic-") as folder:
        code = Path(folder) / "code.sock"
        workspace = Path(folder) / "workspace.yaml"
        servers = [{"grpc_server": {"host": "localhost", "socket": str(code), "location_name": LOCATION}}]
        workspace.write_text(yaml.safe_dump({"load_from": servers}), encoding="utf-8")
        started: dict[str, subprocess.Popen[bytes]] = {}
        try:
            started["code"] = _start_process("code", str(code))
            _await_code(code, started)
            started["daemon"] = _start_process("daemon", str(workspace))
            started["webserver"] = _start_process("webserver", str(workspace), str(port), *names)
            say(f"Dagster's pages are on http://{HOST}:{port}; Ctrl-C ends them and the schedules.")
            while True:
                time.sleep(_LOOK_SECONDS)
                _require_all_alive(started)
        finally:
            _stop_processes(started)
            with suppress(Exception):
                # What tells the next one that no daemon is left, and that no run is at work.
                instance.wipe_daemon_heartbeats()
                end_lost_runs(instance)


def _start_process(role: str, *words: str) -> subprocess.Popen[bytes]:
    # Its standard input is a pipe that nobody writes to: its end tells the child that we are gone.
    return subprocess.Popen([sys.executable, "-m", "msoic_pipeline.running.pages", role, *words], stdin=subprocess.PIPE)


def _require_all_alive(started: dict[str, subprocess.Popen[bytes]]) -> None:
    for role, process in started.items():
        if process.poll() is not None:
            raise PagesError(f"Dagster's {role} process has ended (exit code {process.returncode}); all is ended.")


def _await_code(path: Path, started: dict[str, subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        _require_all_alive(started)
        with suppress(Exception):
            ping_code_server(path)
            return
        time.sleep(_LOOK_SECONDS)
    raise PagesError(f"the definitions did not load within {_START_SECONDS} seconds.")


def _stop_processes(started: dict[str, subprocess.Popen[bytes]]) -> None:
    """End the processes with all their own: they do it themselves when they see the pipe's end; kill what is left."""
    every = [child for process in started.values() for child in _list_family(process.pid)]
    for process in started.values():
        assert process.stdin is not None
        process.stdin.close()
    _wait_or_kill(every, GRACE_SECONDS + 2 * _END_SECONDS)
    _wait_or_kill([child for process in started.values() for child in _list_family(process.pid)], 0)
    for process in started.values():
        process.wait()


def _list_family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return []


def _wait_or_kill(processes: Sequence[psutil.Process], seconds: float) -> None:
    _, left = psutil.wait_procs(processes, timeout=seconds)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


# ---- within the processes that are started --------------------------------------------------------


def _end_with_parent() -> None:
    """Wait for the end of the one that started this process, then end this one, and first all that it started."""
    sys.stdin.buffer.read()
    children = _list_family(os.getpid())[:-1]
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.terminate()
    _wait_or_kill(children, GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_END_SECONDS)
    for child in _list_family(os.getpid())[:-1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(1)


def _load_program(name: str) -> Callable[[], object]:
    """Return what one of Dagster's programs calls when it is started, by the name under which it is installed."""
    (program,) = entry_points(group="console_scripts", name=name)
    return program.load()


def _run_as_role(role: str, *given: str) -> None:
    """Become the process of a role: ``code SOCKET``, ``daemon WORKSPACE`` or ``webserver WORKSPACE PORT NAME…``."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if role == "code":
        options = ["-m", MODULE, "--socket", given[0], "--location-name", LOCATION, "--log-level", "warning"]
        sys.argv = ["dagster", "code-server", "start", *options]
        _load_program("dagster")()
    elif role == "daemon":
        sys.argv = ["dagster-daemon", "run", "-w", given[0]]
        _load_program("dagster-daemon")()
    else:
        import dagster_webserver.app

        from msoic_pipeline.running.guard import make_guarded_webserver

        dagster_webserver.app.DagsterWebserver = make_guarded_webserver(given[2:])  # type: ignore[assignment,misc]
        sys.argv = ["dagster-webserver", "-w", given[0], "-h", HOST, "-p", given[1]]
        _load_program("dagster-webserver")()


if __name__ == "__main__":
    _run_as_role(*sys.argv[1:])
