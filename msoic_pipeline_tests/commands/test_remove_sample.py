"""``msoic remove-sample``: which releases go, and how it ends."""

from __future__ import annotations

import os
import signal
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa
import typer

from msoic_pipeline.commands import remove_sample as command
from msoic_pipeline.commands import run
from msoic_pipeline.ingest import decisions
from msoic_pipeline.model.evidence import release, vintage
from msoic_pipeline.running.run_records import EndedRun
from msoic_pipeline.running.termination import STOPPED
from msoic_pipeline_tests.handmade import Warehouse, made_postgres, made_sqlite, warehouse

__all__ = ["made_postgres", "made_sqlite", "warehouse"]  # fixtures


def test_the_releases_that_were_looked_at_go_and_no_others(warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch):
    briefings = {"activity": "Briefings", "category": "All", "measure": "Briefings", "geography": "Kent", "value": 5}
    for number in (1, 2):
        rows = [briefings | {"period": f"2021-0{number}"}]
        warehouse.publish(f"programme_activity-{number}", "2021-09-30", ("fact_programme_activity", rows))
    with warehouse.engine.begin() as connection:
        table = sa.table("fact_programme_activity", sa.column("release_id"))
        for each in (table, vintage):
            connection.execute(sa.delete(each).where(each.c.release_id == "programme_activity-1"))
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", warehouse.engine.url.render_as_string(hide_password=False))
    monkeypatch.setattr(decisions, "remove_from_archive", lambda settings, sample: None)
    sample: Any = [SimpleNamespace(release_id="programme_activity-1")]
    command.forget_sample(sample)
    with warehouse.engine.connect() as connection:
        assert list(connection.scalars(sa.select(release.c.release_id))) == ["programme_activity-2"]


@pytest.mark.parametrize(("succeeded", "code"), [(True, 0), (False, 1)])
def test_a_red_run_on_the_way_ends_the_command_with_1(succeeded: bool, code: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decisions, "list_synthetic_releases", lambda settings: [SimpleNamespace()])
    monkeypatch.setattr(command, "withdraw_sample", lambda sample: None)
    monkeypatch.setattr(command, "forget_sample", lambda sample: "gone")
    monkeypatch.setattr(command, "run_until_stopped", lambda first, last: EndedRun(succeeded, "summary"))
    with pytest.raises(typer.Exit) as ended:
        command.remove_sample(yes=True)
    assert ended.value.exit_code == code


def test_a_signal_during_the_run_is_told_in_words_and_ends_the_command_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def be_stopped(*words: object) -> NoReturn:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("it goes on after the signal")

    monkeypatch.setattr(decisions, "list_synthetic_releases", lambda settings: [SimpleNamespace()])
    monkeypatch.setattr(command, "withdraw_sample", lambda sample: None)
    monkeypatch.setattr(command, "forget_sample", lambda sample: "gone")
    monkeypatch.setattr(run, "run_everything", be_stopped)
    with pytest.raises(typer.Exit) as ended:
        command.remove_sample(yes=True)
    assert ended.value.exit_code == 1
    assert f"The run failed: {STOPPED}" in capsys.readouterr().out


def test_figures_that_a_red_run_left_loaded_keep_the_sample_and_end_the_command_with_1(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    row = {"activity": "Briefings", "category": "All", "measure": "Briefings", "geography": "Kent", "value": 5}
    warehouse.publish("programme_activity-1", "2021-09-30", ("fact_programme_activity", [row | {"period": "2021-01"}]))
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", warehouse.engine.url.render_as_string(hide_password=False))
    sample = [SimpleNamespace(release_id="programme_activity-1")]
    removed: list[Any] = []
    monkeypatch.setattr(decisions, "list_synthetic_releases", lambda settings: sample)
    monkeypatch.setattr(decisions, "remove_from_archive", lambda settings, sample: removed.append(sample))
    monkeypatch.setattr(command, "withdraw_sample", lambda sample: None)
    monkeypatch.setattr(
        command, "run_until_stopped", lambda first, last: EndedRun(False, "The run failed: a step broke off.")
    )
    with pytest.raises(typer.Exit) as ended:
        command.remove_sample(yes=True)
    assert ended.value.exit_code == 1
    assert "figures of 1 sample releases are loaded still" in capsys.readouterr().err
    assert not removed
    with warehouse.engine.connect() as connection:
        assert list(connection.scalars(sa.select(release.c.release_id))) == ["programme_activity-1"]
