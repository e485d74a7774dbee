"""How a run ends stands in ``pipeline_run``, also where a step broke before the last asset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from msoic_pipeline.assets import kpis
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.assets.run_endings import list_asset_keys
from msoic_pipeline.commands.run import run_everything
from msoic_pipeline.definitions import ASSETS, CHECKED, defs
from msoic_pipeline.model.evidence import pipeline_run
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.migrations import ModelError
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline_tests.running.conftest import home

__all__ = ["home"]


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A warehouse that is ready, and no raw files."""
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    for name in ("RAW", "ARCHIVE", "STAGING", "OUTPUT"):
        monkeypatch.setenv(f"MSOIC_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", url)
    engine = open_engine(url)
    prepare(engine)
    engine.dispose()
    return url


def endings(url: str) -> list[Any]:
    engine = open_engine(url)
    with read_transaction(engine) as connection:
        rows = connection.execute(sa.select(pipeline_run)).all()
    engine.dispose()
    return list(rows)


def job_of(work: Callable[[], None]) -> dg.JobDefinition:
    """Return a job of two steps on the warehouse, of which the first does ``work``."""

    @dg.op(required_resource_keys={"warehouse"}, out=dg.Out(dg.Nothing))
    def breaks() -> None:
        work()

    @dg.op(required_resource_keys={"warehouse"}, ins={"after": dg.In(dg.Nothing)})
    def follows() -> None:
        """Come after it."""

    @dg.job(resource_defs={"warehouse": Warehouse()}, executor_def=dg.in_process_executor)
    def two_steps() -> None:
        follows(breaks())

    return two_steps


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("cell B7 says Nemo of Nowhere"), "step breaks: RuntimeError"),
        (
            ModelError("the tables are of another version"),
            "step breaks: msoic_pipeline.warehouse.migrations.ModelError",
        ),
    ],
)
def test_a_step_that_breaks_leaves_a_row_of_its_run(url: str, error: Exception, words: str):
    def work() -> None:
        raise error

    with dg.DagsterInstance.ephemeral() as instance:
        result = job_of(work).execute_in_process(instance=instance, raise_on_error=False)
    (ending,) = endings(url)
    assert (ending.run_id, ending.status) == (result.run_id, "failed")
    assert ending.summary.startswith(words)
    assert "Nemo" not in ending.summary, "what is not ours may quote a cell"


def test_a_run_without_a_break_leaves_its_row_to_the_last_asset(url: str):
    with dg.DagsterInstance.ephemeral() as instance:
        assert job_of(lambda: None).execute_in_process(instance=instance).success
    assert endings(url) == []


@pytest.mark.slow
@pytest.mark.usefixtures("home")
def test_a_step_that_breaks_under_the_command_leaves_a_row(url: str, monkeypatch: pytest.MonkeyPatch):
    def estimate_maturity(engine: sa.Engine) -> int:
        raise ZeroDivisionError("cell B7 says Nemo of Nowhere")

    monkeypatch.setattr(kpis, "estimate_maturity", estimate_maturity)
    ended = run_everything("2021-Q1", "2021-Q1", say=lambda words: None)
    assert not ended.succeeded
    (ending,) = endings(url)
    assert (ending.status, ending.summary) == ("failed", "step maturity_estimate: ZeroDivisionError")
    assert ending.run_id in ended.summary


@pytest.mark.parametrize(("last", "watched"), [("published_kpis", CHECKED), ("pipeline_run", ASSETS)])
def test_what_comes_after_all_checks_names_all_that_it_watches(last: str, watched: list[dg.AssetsDefinition]):
    """Or a run over some of them would not keep the order."""
    graph = defs.resolve_asset_graph()
    assert sorted(graph.get(dg.AssetKey(last)).parent_keys) == list_asset_keys(watched)


def test_the_last_asset_comes_after_all_others():
    graph = defs.resolve_asset_graph()
    parents = graph.get(dg.AssetKey("pipeline_run")).parent_keys
    assert graph.get_all_asset_keys() - parents == {dg.AssetKey("pipeline_run")}
