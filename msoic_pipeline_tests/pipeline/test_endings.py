"""Commands that are killed, stopped, started two at once, or that find no room: each ends, and says how."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterRunStatus

from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.running.home import open_home
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.pipeline.conftest import FIRST, LAST, SMALL_CUT, Ran, contents
from msoic_pipeline_tests.running.conftest import until

WELL = "Nothing blocks: all figures are loaded."
QUARTER = ("--from", "2021-Q1", "--to", "2021-Q1")


@pytest.fixture(scope="module")
def cut() -> dict[str, tuple[str, ...]]:
    """A few files: these tests are about how runs end."""
    return SMALL_CUT


@pytest.fixture
def staging(tmp_path: Path) -> Path:
    """An empty staging area: of these few files it is filled in no time."""
    return tmp_path / "staging"


@pytest.fixture
def url(settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse that is not there yet, and a cold home."""
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", url)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return url


def _command(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "msoic_pipeline.commands.cli", "run", *words]
    # One stream: the last line is the last line, whichever it goes to.
    return subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit code and the last line."""
    said, _ = process.communicate()
    return process.returncode, said.splitlines()[-1]


def _at_work(tmp_path: Path) -> Callable[[], bool]:
    def at_work() -> bool:
        records = tmp_path / "home" / "history" / "runs.db"
        if not records.is_file():
            return False
        try:
            with closing(sqlite3.connect(records)) as connection:
                return bool(connection.execute("SELECT 1 FROM runs WHERE status = 'STARTED'").fetchone())
        except sqlite3.OperationalError:
            return False  # they are being made

    return at_work


@pytest.mark.slow
def test_a_killed_run_keeps_nobody_waiting(url: str, settings: Path, tmp_path: Path):
    killed = _command(*QUARTER)
    until(_at_work(tmp_path))
    after = _command(*QUARTER)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert _ended(after) == (0, WELL)
    with open_home() as instance:
        statuses = {run.run_id: run.status for run in instance.get_runs()}
    assert sorted(status.value for status in statuses.values()) == ["FAILURE", "SUCCESS"]
    lost = next(run_id for run_id, status in statuses.items() if status == DagsterRunStatus.FAILURE)
    noted = (settings / "failed_runs.log").read_text()
    assert noted.count("everything") == 1 and lost in noted and "is gone (killed" in noted


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_stopped_says_so(url: str, settings: Path, tmp_path: Path, sent: signal.Signals):
    stopped = _command(*QUARTER)
    until(_at_work(tmp_path))
    os.kill(stopped.pid, sent)
    code, last = _ended(stopped)
    assert code == 1 and last.startswith("The run failed: it was stopped")
    with open_home() as instance:
        assert [run.status.value for run in instance.get_runs()] == ["FAILURE"]
        assert (settings / "failed_runs.log").read_text().count(instance.get_runs()[0].run_id) == 1


@pytest.mark.slow
def test_two_at_once_from_a_cold_home(url: str, settings: Path):
    assert [_ended(process) for process in [_command(*QUARTER) for _ in range(2)]] == [(0, WELL)] * 2
    assert contents(url)["fact_cps_outcome"]
    with open_home() as instance:
        assert {run.status for run in instance.get_runs()} == {DagsterRunStatus.SUCCESS}
    assert not (settings / "failed_runs.log").exists()


@pytest.mark.slow
def test_a_full_output_disk_keeps_no_figure_from_loading(
    run: Callable[..., Ran], settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "full").write_text("no folder can be made here")
    monkeypatch.setenv("MSOIC_OUTPUT_DIR", str(tmp_path / "full" / "output"))
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    ran = run(url, FIRST, LAST)
    assert not ran.success
    assert [words.partition(":")[0] for words in ran.errors] == ["published_kpis", "step pipeline_run"]
    assert "exports could not be written" in ran.errors[0] and "Make room there" in ran.errors[0]
    engine = open_engine(url)
    with read_transaction(engine) as connection:
        for name in ("fact_cps_outcome", "fact_small_boat_arrival", "fact_programme_activity"):
            assert connection.scalar(sa.select(sa.func.count()).select_from(FACTS[name])), name
    engine.dispose()


def test_a_warehouse_that_cannot_be_used_is_told_in_a_line(url: str, settings: Path, tmp_path: Path):
    (tmp_path / "warehouse.sqlite").write_text("not a database, but words that go on for long enough to be read")
    code, last = _ended(_command(*QUARTER))
    assert code == 1 and last.startswith("The run failed: the warehouse cannot be used: ")
    assert last in (settings / "failed_runs.log").read_text()
