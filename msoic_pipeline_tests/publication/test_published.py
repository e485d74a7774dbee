"""The asset of the exports: after all checks, by what each last came to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from msoic_pipeline.assets.after_checks import EXPORTS, make_published_asset
from msoic_pipeline.assets.resource import Warehouse as Resource
from msoic_pipeline.assets.run_endings import find_failed_checks, list_check_keys
from msoic_pipeline_tests.handmade import Warehouse

KINDS = ("xlsx", "ods", "parquet")
ERROR, WARN = dg.AssetCheckSeverity.ERROR, dg.AssetCheckSeverity.WARN
came_to = {"passed": True, "warned": True}


@dg.asset(
    check_specs=[dg.AssetCheckSpec("sums", asset="watched"), dg.AssetCheckSpec("usual", asset="watched")],
)
def watched() -> dg.MaterializeResult:
    words = "two\nlines"
    return dg.MaterializeResult(
        check_results=[
            dg.AssetCheckResult(check_name="sums", passed=came_to["passed"], severity=ERROR, description=words),
            dg.AssetCheckResult(check_name="usual", passed=came_to["warned"], severity=WARN, description=words),
        ]
    )


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def check(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the watched asset's checks come to something."""

    def come_to(passed: bool, warned: bool = True) -> None:
        monkeypatch.setitem(came_to, "passed", passed)
        monkeypatch.setitem(came_to, "warned", warned)
        assert dg.materialize([watched], instance=instance).success

    return come_to


def test_the_latest_completed_evaluation_counts(instance: dg.DagsterInstance, check: Callable[..., None]):
    keys = list_check_keys([watched])
    assert len(keys) == 2 and find_failed_checks(instance, keys) == []
    check(passed=True, warned=False)
    assert find_failed_checks(instance, keys) == []
    check(passed=False)
    assert find_failed_checks(instance, keys) == ["watched:sums: two lines"]
    job = dg.Definitions([watched], jobs=[dg.define_asset_job("again", [watched])]).resolve_job_def("again")
    instance.create_run_for_job(job)  # which plans the checks, and has not begun
    latest = instance.get_latest_asset_check_evaluation_record(keys[0])
    assert latest and not isinstance(latest.evaluation, dg.AssetCheckEvaluation), "only planned"
    assert find_failed_checks(instance, keys) == ["watched:sums: two lines"]
    check(passed=True)
    assert find_failed_checks(instance, keys) == []


def test_a_failed_check_makes_unchecked_exports(
    warehouse: Warehouse,
    instance: dg.DagsterInstance,
    check: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
):
    folder = tmp_path / "output"
    monkeypatch.setenv("MSOIC_OUTPUT_DIR", str(folder))
    asset = make_published_asset(EXPORTS, [watched])
    resource = Resource(url=warehouse.engine.url.render_as_string(hide_password=False))

    def publish() -> dg.AssetCheckEvaluation:
        result = dg.materialize([asset], instance=instance, resources={"warehouse": resource})
        assert result.success
        (found,) = result.get_asset_check_evaluations()
        return found

    def there() -> set[str]:
        return {path.name for path in folder.iterdir()}

    check(passed=False)
    assert publish().passed and there() == {f"kpi-unchecked.{kind}" for kind in KINDS}
    check(passed=True)
    assert publish().passed and there() == {f"kpi.{kind}" for kind in KINDS}

    (folder / "kpi.ods").unlink()

    def full(source: os.PathLike[str], target: os.PathLike[str]) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    found = publish()
    assert not found.passed and found.severity == ERROR
    assert f"output folder {folder}: [Errno 28] No space left" in str(found.description)
    assert there() == {"kpi.xlsx", "kpi.parquet"}
