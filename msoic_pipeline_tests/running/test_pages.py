"""Dagster's pages: for this machine alone, once a home, and gone with all their processes when told to end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest
from dagster_webserver.webserver import DagsterWebserver
from filelock import FileLock
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app
from msoic_pipeline.running.clock_mending import forget_days_to_come
from msoic_pipeline.running.guard import make_guarded_webserver
from msoic_pipeline.running.home import open_home
from msoic_pipeline.running.page_processes import _run_as_role
from msoic_pipeline.running.pages import serve_pages
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.running.conftest import until

OWN = "127.0.0.1:3000"
JSON = "application/json"


def _guarded() -> Starlette:
    """Return something that answers 200 to whatever the guard lets through."""
    server: DagsterWebserver[Any, Any] = object.__new__(make_guarded_webserver(["pages.example"]))

    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()

    routes = [
        WebSocketRoute("/graphql", talk),
        Route("/{path:path}", lambda _: PlainTextResponse("let through"), methods=["GET", "POST"]),
    ]
    return Starlette(routes=routes, middleware=server.build_middleware())


def _answer(kind: str, path: str, headers: dict[str, str]) -> int:
    """Return the status of the guarded server's answer; 101 for a websocket that is accepted."""
    sent: list[dict[str, Any]] = []
    scope: dict[str, Any] = {
        "type": "websocket" if kind == "WS" else "http",
        "path": path,
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "scheme": "ws" if kind == "WS" else "http",
        "server": ("127.0.0.1", 3000),
        "client": ("127.0.0.1", 50000),
        "root_path": "",
        "extensions": {"websocket.http.response": {}},
        **({"subprotocols": []} if kind == "WS" else {"method": kind, "http_version": "1.1"}),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"} if kind == "WS" else {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(_guarded()(scope, receive, send))
    return 101 if sent[0]["type"] == "websocket.accept" else int(sent[0]["status"])


@pytest.mark.parametrize(
    ("kind", "path", "headers", "status"),
    [
        ("GET", "/runs", {"Host": OWN}, 200),
        ("GET", "/runs", {"Host": "localhost:3000"}, 200),
        ("GET", "/runs", {"Host": "pages.example"}, 200),
        ("GET", "/runs", {"Host": "evil.example:3000"}, 400),
        ("POST", "/graphql", {"Host": "evil.example", "Content-Type": JSON}, 400),
        ("WS", "/graphql", {"Host": "evil.example"}, 400),
        ("POST", "/graphql", {"Host": OWN, "Content-Type": JSON}, 200),
        ("POST", "/graphql", {"Host": OWN, "Content-Type": JSON, "Origin": f"http://{OWN}"}, 200),
        ("POST", "/graphql", {"Host": OWN, "Content-Type": JSON, "Origin": "https://pages.example"}, 200),
        ("POST", "/graphql", {"Host": OWN, "Content-Type": JSON, "Origin": "http://evil.example"}, 403),
        ("POST", "/graphql", {"Host": OWN, "Content-Type": JSON, "Origin": "http://127.0.0.1:8000"}, 403),
        ("POST", "/graphql", {"Host": OWN, "Content-Type": JSON, "Origin": "null"}, 403),
        ("POST", "/graphql", {"Host": OWN, "Content-Type": "text/plain;application/json"}, 403),
        ("POST", "/graphql", {"Host": OWN, "Content-Type": "application/x-www-form-urlencoded"}, 403),
        ("POST", "/report_asset_check/nrm", {"Host": OWN}, 403),
        ("GET", "/graphql", {"Host": OWN, "Accept": "image/*"}, 403),
        ("GET", "/graphql", {"Host": OWN, "Accept": "text/html"}, 200),
        ("WS", "/graphql", {"Host": OWN, "Origin": f"http://{OWN}"}, 101),
        ("WS", "/graphql", {"Host": OWN, "Origin": "http://evil.example"}, 403),
    ],
)
def test_only_the_pages_own_requests_are_answered(kind: str, path: str, headers: dict[str, str], status: int):
    assert _answer(kind, path, headers) == status


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def test_a_port_that_is_taken(home: Path):
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert serve_pages(port, [], said.append) == 1
    assert len(said) == 1 and f"port {port} is not free" in said[0] and "--port" in said[0]


def test_pages_of_one_home_are_shown_once(home: Path):
    home.mkdir()
    said: list[str] = []
    with FileLock(home / "ui.lock"):
        (home / "ui.lock").write_text("process 1 on http://127.0.0.1:3000")
        # As another process would find it: a thread's own lock is refused otherwise.
        shown = subprocess.run(
            [sys.executable, "-m", "msoic_pipeline.commands.cli", "ui", "--port", str(_free_port())],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            check=False,
        )
    said = shown.stderr.splitlines()
    assert shown.returncode == 1 and len(said) == 1
    assert "shown already" in said[0] and str(home) in said[0] and "process 1" in said[0]


def test_a_daemon_that_was_started_otherwise(home: Path, monkeypatch: pytest.MonkeyPatch):
    from dagster._daemon.types import DaemonHeartbeat

    said: list[str] = []
    with open_home() as instance:
        beats = iter((100.0, 100.0, 130.0))
        monkeypatch.setattr("msoic_pipeline.running.pages.time.time", lambda: 110.0)
        monkeypatch.setattr(
            type(instance),
            "get_daemon_heartbeats",
            lambda _: {"SENSOR": DaemonHeartbeat(next(beats), "SENSOR", "other", None)},
        )
        assert serve_pages(_free_port(), [], said.append) == 1
    assert "a Dagster daemon that was started otherwise" in said[-1]


def test_a_clock_that_was_ahead_does_not_keep_the_schedule_waiting(home: Path):
    from dagster._core.remote_origin import (
        GrpcServerCodeLocationOrigin,
        RemoteInstigatorOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.scheduler.instigation import (
        InstigatorState,
        InstigatorStatus,
        InstigatorType,
        ScheduleInstigatorData,
        TickData,
        TickStatus,
    )

    location = GrpcServerCodeLocationOrigin(host="localhost", socket="code.sock", location_name="msoic")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), "nightly")
    with open_home() as instance:
        state = InstigatorState(
            origin, InstigatorType.SCHEDULE, InstigatorStatus.RUNNING, ScheduleInstigatorData("0 0 * * *")
        )
        later = time.time() + 10**8
        instance.add_instigator_state(state.with_data(ScheduleInstigatorData("0 0 * * *", 1.0, later)))
        where = (state.instigator_origin_id, state.selector_id)
        for at in (100.0, later):
            instance.create_tick(
                TickData(where[0], "nightly", InstigatorType.SCHEDULE, TickStatus.SKIPPED, at, selector_id=where[1])
            )
        assert forget_days_to_come(instance) == ["nightly"]
        assert forget_days_to_come(instance) == []
        kept = instance.get_instigator_state(*where)
        assert kept is not None and isinstance(kept.instigator_data, ScheduleInstigatorData)
        assert kept.instigator_data.start_timestamp == 1.0
        assert all(tick.timestamp < time.time() for tick in instance.get_ticks(*where))


@pytest.mark.parametrize("port", ["0", "80000"])
def test_a_port_that_is_none(port: str):
    refused = CliRunner().invoke(app, ["ui", "--port", port])
    assert refused.exit_code == 2 and "--port" in refused.output


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_the_pages_end(home: Path, sent: signal.Signals, tmp_path: Path):
    port = _free_port()
    with (tmp_path / "said").open("w") as said:
        # As in the background of a shell that is no terminal's: SIGINT is ignored there.
        shown = subprocess.Popen(
            ["sh", "-c", f'trap "" INT; exec {sys.executable} -m msoic_pipeline.commands.cli ui --port {port}'],
            cwd=REPOSITORY,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    try:

        def version() -> bool:
            request = urllib.request.Request(
                f"http://localhost:{port}/graphql",
                json.dumps({"query": "{ version }"}).encode(),
                {"Content-Type": JSON},
            )
            try:
                with urllib.request.urlopen(request) as answer:
                    return bool(json.load(answer)["data"]["version"])
            except urllib.error.URLError:
                assert shown.poll() is None, (tmp_path / "said").read_text()
                return False

        until(version, 180)
        family = psutil.Process(shown.pid).children(recursive=True)
        assert len(family) >= 4
        os.kill(shown.pid, sent)
        _, left = psutil.wait_procs(family, timeout=30)
        assert not left
        assert shown.wait(30) == (-signal.SIGKILL if sent == signal.SIGKILL else 0)
    finally:
        os.killpg(shown.pid, signal.SIGKILL) if shown.poll() is None else None


def test_a_role_that_is_none_is_an_error():
    with pytest.raises(ValueError, match="no role 'cook': expected one of code, daemon, webserver"):
        _run_as_role("cook")
