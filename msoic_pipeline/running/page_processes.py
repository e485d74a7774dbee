"""The processes behind Dagster's pages, from within: each becomes one of Dagster's programs, and ends with its parent.

``python -m msoic_pipeline.running.page_processes ROLE …`` is one of them; ``pages`` starts them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import entry_points

import psutil

from msoic_pipeline.running.guard import HOST

LOCATION, MODULE = "msoic", "msoic_pipeline.definitions"
# A run that is at work notes how it ended; then whatever is left is killed.
GRACE_SECONDS = 5
END_SECONDS = 1


def list_family(pid: int) -> list[psutil.Process]:
    """Return a process after all that it has started; nothing where it is gone."""
    try:
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return []


def wait_or_kill(processes: Sequence[psutil.Process], seconds: float) -> None:
    """Wait so long for processes to end, then kill those that have not."""
    _, left = psutil.wait_procs(processes, timeout=seconds)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _end_with_parent() -> None:
    """Wait for the end of the one that started this process, then end this one, and first all that it started."""
    sys.stdin.buffer.read()
    children = list_family(os.getpid())[:-1]
    for child in children:
        with suppress(psutil.NoSuchProcess):
            child.terminate()
    wait_or_kill(children, GRACE_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_SECONDS)
    for child in list_family(os.getpid())[:-1]:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    os._exit(1)


def _load_program(name: str) -> Callable[[], object]:
    """Return what one of Dagster's programs calls when it is started, by the name under which it is installed."""
    (program,) = entry_points(group="console_scripts", name=name)
    return program.load()


def _serve_code(socket: str) -> None:
    """Become the process that serves the definitions, at a socket."""
    options = ["-m", MODULE, "--socket", socket, "--location-name", LOCATION, "--log-level", "warning"]
    sys.argv = ["dagster", "code-server", "start", *options]
    _load_program("dagster")()


def _run_daemon(workspace: str) -> None:
    """Become the process that runs schedules, sensors and the queue of runs of a workspace."""
    sys.argv = ["dagster-daemon", "run", "-w", workspace]
    _load_program("dagster-daemon")()


def _serve_pages(workspace: str, port: str, *names: str) -> None:
    """Become the guarded web server of a workspace, at a port; ``names`` are those under which a proxy shows it."""
    import dagster_webserver.app

    from msoic_pipeline.running.guard import make_guarded_webserver

    dagster_webserver.app.DagsterWebserver = make_guarded_webserver(names)  # type: ignore[assignment,misc]
    sys.argv = ["dagster-webserver", "-w", workspace, "-h", HOST, "-p", port]
    _load_program("dagster-webserver")()


# By what is said after the role, which is what each takes.
ROLES: dict[str, Callable[..., None]] = {"code": _serve_code, "daemon": _run_daemon, "webserver": _serve_pages}


def _run_as_role(role: str, *words: str) -> None:
    """Become the process of a role. Raises ValueError where there is no such role."""
    if role not in ROLES:
        raise ValueError(f"no role {role!r}: expected one of {', '.join(ROLES)}")
    threading.Thread(target=_end_with_parent, daemon=True).start()
    ROLES[role](*words)


if __name__ == "__main__":
    _run_as_role(*sys.argv[1:])
