"""Dagster's home: opened by one at a time, its settings kept up to date, its troubles told as its own."""

from __future__ import annotations

import errno
import hashlib
import importlib.resources
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app
from msoic_pipeline.running import home as homes
from msoic_pipeline.running.error_words import is_about_records
from msoic_pipeline.running.home import HomeError, open_home, ready_home
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.running.conftest import Start

OPENS = """
from msoic_pipeline.running.home import open_home
with open_home() as instance:
    print(len(instance.get_runs()), flush=True)
"""
OURS = (REPOSITORY / "msoic_pipeline" / "running" / "dagster.yaml").read_text()


def test_a_cold_home_may_be_opened_by_many_at_once(home: Path, start: Start):
    for process in [start(OPENS, wait=False) for _ in range(4)]:
        assert process.communicate()[0] == "0\n"
    with open_home() as instance:
        assert instance.get_runs() == []


def test_settings_are_brought_up_to_date_where_nobody_has_changed_them(home: Path, monkeypatch: pytest.MonkeyPatch):
    assert ready_home() == (home, [])
    assert (home / "dagster.yaml").read_text() == OURS
    former = (REPOSITORY / "msoic_pipeline_tests" / "running" / "former_dagster.yaml").read_text()
    (home / "dagster.yaml").write_text(former)
    assert ready_home() == (home, [])
    assert (home / "dagster.yaml").read_text() == OURS
    changed = yaml.safe_load(former) | {"code_servers": {"local_startup_timeout": 90}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(changed))
    differences = ready_home()[1]
    assert len(differences) == 1 and "run_monitoring (here: not set)" in differences[0]
    assert yaml.safe_load((home / "dagster.yaml").read_text()) == changed
    (home / "dagster.yaml").write_text(yaml.safe_dump(yaml.safe_load(OURS) | {"code_servers": {}}))
    assert ready_home() == (home, [])
    (home / "dagster.yaml").write_text("telemetry: {enabled: true}")
    (home / homes.SETTINGS_DIGEST).write_text(hashlib.sha256(b"telemetry: {enabled: true}").hexdigest())
    assert ready_home() == (home, [])
    assert (home / "dagster.yaml").read_text() == OURS, "it is as it was copied there"
    assert importlib.resources.files(homes.__package__).joinpath(homes.SETTINGS).is_file()


@pytest.mark.parametrize("broken", ["history/runs.db", "schedules/schedules.db", "dagster.yaml", ""])
def test_a_broken_home_is_told_as_that(home: Path, broken: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    path = home / broken
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{ not what it should be")
    result = CliRunner().invoke(app, ["run", "--from", "2021-Q1"])
    last = result.output.splitlines()[-1]
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit)
    assert last.startswith("The run failed: Dagster's own records in") and str(home) in last
    assert "move the folder aside" in last and "figures in the warehouse are not touched" in last
    assert not (tmp_path / "warehouse.sqlite").exists()
    assert last in (tmp_path / "output" / "failed_runs.log").read_text()


def test_a_full_disk_is_told_as_that(home: Path):
    told = str(HomeError(home, OSError(errno.ENOSPC, "No space left on device")))
    assert told.startswith(f"the disk of Dagster's records in {home} is full") and "free some space" in told
    words = "OperationalError: database or disk is full\n[SQL: INSERT INTO event_logs (run_id, event) VALUES (?, ?)]"
    assert is_about_records(words) and "is full" in str(HomeError(home, words))
    assert not is_about_records("OperationalError: disk is full\n[SQL: INSERT INTO fact_nrm_referral VALUES (?)]")
