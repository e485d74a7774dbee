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
from pathlib import Path
from socket import AF_INET, SO_REUSEADDR, SOCK_STREAM, SOL_SOCKET, socket
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import yaml
from filelock import FileLock, Timeout

from msoic_pipeline.running.home import HomeError, first_line, open_home, ready_home
from msoic_pipeline.running.runs import NoteError, end_lost_runs
from msoic_pipeline.running.signals import stop_on_signals

if TYPE_CHECKING:
    import dagster as dg
    from starlette.types import ASGIApp, Receive, Scope, Send

HOST = "127.0.0.1"
LOCATION, MODULE = "msoic", "msoic_pipeline.definitions"
# A run that is at work notes how it ended; then whatever is left is killed.
GRACE_SECONDS = 5
_END_SECONDS = 1
_START_SECONDS = 180
_HEARTBEAT_SECONDS = 40
_LOOK_SECONDS = 0.5

Say = Callable[[str], None]


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
            with _only_here(home, port):
                _free_port(port)
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
def _only_here(home: Path, port: int) -> Iterator[None]:
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


def _free_port(port: int) -> None:
    """Raise PagesError where nothing can listen on the port."""
    with socket(AF_INET, SOCK_STREAM) as trial:
        trial.setsockopt(SOL_SOCKET, SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            raise PagesError(f"port {port} is not free ({error.strerror}); name another: msoic ui --port N") from error


def _refuse_other_daemon(instance: dg.DagsterInstance, say: Say) -> None:
    """Raise PagesError where a daemon that was started otherwise is at work on the same records."""

    def newest() -> float:
        return max((beat.timestamp for beat in instance.get_daemon_heartbeats().values()), default=0.0)

    last = newest()
    if abs(time.time() - last) > _HEARTBEAT_SECONDS:
        return
    say("A Dagster daemon was at work on these records a moment ago; looking whether it still is.")
    until = time.monotonic() + _HEARTBEAT_SECONDS
    while time.monotonic() < until:
        if newest() > last:
            raise PagesError(
                "a Dagster daemon that was started otherwise is at work on the same records; end it first."
            )
        time.sleep(_LOOK_SECONDS)


def forget_days_to_come(instance: dg.DagsterInstance) -> list[str]:
    """Forget that schedules and sensors were at work on days that have not come yet; return which.

    They would otherwise stand still until those days: a clock was wrong and is right again.
    """
    limit = time.time() + _HEARTBEAT_SECONDS
    mended = []
    for state in instance.all_instigator_state():
        data = state.instigator_data
        times = {name: value for name, value in data._asdict().items() if name.endswith("timestamp")} if data else {}
        ahead: dict[str, Any] = {name: time.time() for name, value in times.items() if value and value > limit}
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, after=limit, limit=1)
        if ticks:
            instance.purge_ticks(state.instigator_origin_id, state.selector_id, before=ticks[0].timestamp + 1)
        if data and ahead:
            instance.update_instigator_state(state.with_data(data._replace(**ahead)))
        if ticks or ahead:
            mended.append(state.instigator_name)
    return mended


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
                _all_live(started)
        finally:
            _stop_processes(started)
            with suppress(Exception):
                # What tells the next one that no daemon is left, and that no run is at work.
                instance.wipe_daemon_heartbeats()
                end_lost_runs(instance)


def _start_process(role: str, *words: str) -> subprocess.Popen[bytes]:
    # Its standard input is a pipe that nobody writes to: its end tells the child that we are gone.
    return subprocess.Popen([sys.executable, "-m", "msoic_pipeline.running.pages", role, *words], stdin=subprocess.PIPE)


def _all_live(started: dict[str, subprocess.Popen[bytes]]) -> None:
    for role, process in started.items():
        if process.poll() is not None:
            raise PagesError(f"Dagster's {role} process has ended (exit code {process.returncode}); all is ended.")


def _await_code(path: Path, started: dict[str, subprocess.Popen[bytes]]) -> None:
    from dagster._grpc.client import DagsterGrpcClient

    client = DagsterGrpcClient(socket=str(path))
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        _all_live(started)
        with suppress(Exception):
            client.ping("")
            return
        time.sleep(_LOOK_SECONDS)
    raise PagesError(f"the definitions did not load within {_START_SECONDS} seconds.")


def _stop_processes(started: dict[str, subprocess.Popen[bytes]]) -> None:
    """End the processes with all their own: they do it themselves when they see the pipe's end; kill what is left."""
    every = [child for process in started.values() for child in _process_family(process.pid)]
    for process in started.values():
        assert process.stdin is not None
        process.stdin.close()
    _wait_or_kill(every, GRACE_SECONDS + 2 * _END_SECONDS)
    _wait_or_kill([child for process in started.values() for child in _process_family(process.pid)], 0)
    for process in started.values():
        process.wait()


def _process_family(pid: int) -> list[psutil.Process]:
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
    children = _process_family(os.getpid())[:-1]
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.terminate()
    _wait_or_kill(children, GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_END_SECONDS)
    for child in _process_family(os.getpid())[:-1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(1)


def _run_role(role: str, *words: str) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if role == "code":
        from dagster._cli import main as dagster

        given = ["-m", MODULE, "--socket", words[0], "--location-name", LOCATION, "--log-level", "warning"]
        sys.argv = ["dagster", "code-server", "start", *given]
        dagster()
    elif role == "daemon":
        from dagster._daemon.cli import main as daemon

        sys.argv = ["dagster-daemon", "run", "-w", words[0]]
        daemon()
    else:
        import dagster_webserver.app
        from dagster_webserver.cli import main as webserver

        dagster_webserver.app.DagsterWebserver = guarded_webserver(words[2:])  # type: ignore[assignment,misc]
        sys.argv = ["dagster-webserver", "-w", words[0], "-h", HOST, "-p", words[1]]
        webserver()


# ---- the guard --------------------------------------------------------


def guarded_webserver(names: Sequence[str]) -> type:
    """Return Dagster's web server, made to answer only to people on this machine, and to proxies under ``names``."""
    from dagster_webserver.webserver import DagsterWebserver
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    class GuardedWebserver(DagsterWebserver):
        def build_middleware(self) -> list[Middleware]:
            hosts = Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost", *names], www_redirect=False)
            return [hosts, Middleware(SameOrigin, names=names), *super().build_middleware()]

    return GuardedWebserver


class SameOrigin:
    """Refuses what a page of another site could make a browser send: its requests would be obeyed as if ours.

    Dagster executes what any request asks for, a GET and a form's POST too, which browsers send to other sites without
    asking. A request with a JSON body they send only to whom agrees, and nothing here ever does.
    """

    def __init__(self, app: ASGIApp, names: Sequence[str] = ()) -> None:
        self._app = app
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        from starlette.responses import PlainTextResponse

        if scope["type"] in ("http", "websocket") and (why := self._why_not(scope)):
            await PlainTextResponse(why, status_code=403)(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _why_not(self, scope: Scope) -> str:
        from starlette.requests import HTTPConnection

        request = HTTPConnection(scope)
        headers = request.headers
        origin = urlsplit(headers["origin"]) if "origin" in headers else None
        if origin and origin.netloc != headers.get("host") and origin.hostname not in self._names:
            return "Refused: the request comes from a page of another site."
        if scope["type"] == "websocket" or scope["method"] in ("HEAD", "OPTIONS"):
            return ""
        if scope["method"] == "GET":
            executes = scope["path"].endswith("/graphql") and "text/html" not in headers.get("accept", "")
            return "Refused: send queries by POST." if executes else ""
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        return "" if kind == "application/json" else "Refused: send JSON, with content type application/json."


if __name__ == "__main__":
    _run_role(*sys.argv[1:])
