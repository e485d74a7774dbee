from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.exc import OperationalError

from msoic_pipeline_tests import postgres


def test_the_cluster_answers_with_the_settings_asked_for(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 6 * 7")).scalar_one() == 42
        assert connection.execute(text("SHOW server_encoding")).scalar_one() == "UTF8"
        assert connection.execute(text("SHOW timezone")).scalar_one() == "UTC"
        assert connection.execute(text("SHOW fsync")).scalar_one() == "off"
    engine.dispose()


def test_the_cluster_listens_on_loopback_only(postgres_cluster: postgres.Cluster, postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW listen_addresses")).scalar_one() == "127.0.0.1"
    engine.dispose()
    listening = [
        fields[1]
        for table in ("tcp", "tcp6")
        for fields in (line.split() for line in _lines(Path("/proc/net", table)))
        if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == postgres_cluster.port
    ]
    if Path("/proc/net/tcp").exists():
        assert listening == [f"0100007F:{postgres_cluster.port:04X}"]
    with socket.create_connection(("127.0.0.1", postgres_cluster.port), timeout=5):
        pass


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:] if path.exists() else []


def test_the_cluster_wants_its_password(postgres_cluster: postgres.Cluster) -> None:
    wrong = postgres_cluster.url().replace(postgres_cluster.password, "guess")
    with pytest.raises(OperationalError, match="password authentication failed"):
        create_engine(wrong).connect()


@pytest.mark.parametrize("turn", ["first", "second"])
def test_each_test_has_an_empty_warehouse(warehouse_url: str, turn: str) -> None:
    engine = create_engine(warehouse_url)
    assert inspect(engine).get_table_names() == []
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_behind (turn text)"))
        connection.execute(text("INSERT INTO left_behind VALUES (:turn)"), {"turn": turn})
    engine.dispose()


def test_a_killed_run_leaves_nothing_behind(postgres_cluster: postgres.Cluster) -> None:
    program = (
        "import time; from msoic_pipeline_tests import postgres; cluster = postgres.start();"
        "print(cluster.server_pid(), cluster.directory, flush=True); time.sleep(600)"
    )
    environment = {**os.environ, "MSOIC_PG_BINDIR": str(postgres_cluster.bindir)}
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    assert run.stdout is not None
    pid, directory = run.stdout.readline().split()
    assert Path(directory).is_dir()
    assert _running(int(pid))
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    until = time.monotonic() + 30
    while (_running(int(pid)) or Path(directory).exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _running(int(pid))
    assert not Path(directory).exists()


def _running(pid: int) -> bool:
    return postgres._alive(pid)


def test_named_binaries_that_are_not_there_are_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MSOIC_PG_BINDIR", str(tmp_path))
    with pytest.raises(postgres.PostgresFailed, match="MSOIC_PG_BINDIR"):
        postgres.start()
