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
