"""``put-back``, ``let-go`` and ``withdraw``: what people decide is found out before anything is done."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from msoic_pipeline.assets import source_steps
from msoic_pipeline.commands.cli import app
from msoic_pipeline.commands.withdraw import decide_on_release
from msoic_pipeline.ingest.decisions import find_release
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline_tests.sample import RAW, take_in

KEPT = "cps/cps-data-summary-quarter-4-2021-2022.xlsx"


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A raw folder with one file, which is kept in the archive, and the settings of both."""
    raw = tmp_path / "raw"
    (raw / "cps").mkdir(parents=True)
    for path in (RAW / KEPT, sidecar_path(RAW / KEPT)):
        shutil.copy2(path, raw / "cps" / path.name)
    for name in ("raw", "archive", "staging", "output"):
        monkeypatch.setenv(f"MSOIC_{name.upper()}_DIR", str(tmp_path / name))
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    take_in(tmp_path, "cps", raw)
    return raw


def test_nothing_is_put_back_where_a_name_is_not_known(raw: Path):
    (raw / KEPT).unlink()
    sidecar_path(raw / KEPT).unlink()
    refused = CliRunner().invoke(app, ["put-back", KEPT, "cps/unknown.xlsx"])
    assert refused.exit_code == 2 and "cps/unknown.xlsx: no release of that name" in refused.output
    assert not (raw / KEPT).exists()
    done = CliRunner().invoke(app, ["put-back", KEPT])
    assert done.exit_code == 0 and done.output == f"{raw / KEPT} is there again\n"
    assert (raw / KEPT).read_bytes() == (RAW / KEPT).read_bytes()


def test_a_file_that_is_named_and_absent_is_let_go_once(raw: Path):
    (raw / KEPT).unlink()
    sidecar_path(raw / KEPT).unlink()
    given = ["let-go", KEPT, KEPT, "--source", "cps", "--reason", "It is tidied up."]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0 and done.output.startswith("1 file need not stand in the raw folder")
    assert len(find_release(Settings(), KEPT).record.decisions) == 1


def test_what_is_let_go_already_or_not_absent_is_not_let_go(raw: Path):
    def let_go(*words: str) -> str:
        result = CliRunner().invoke(app, ["let-go", *words, "--reason", "It is tidied up."])
        assert result.exit_code == 2
        return result.output

    assert "no file of cps is absent" in let_go("--source", "cps")
    (raw / KEPT).unlink()
    sidecar_path(raw / KEPT).unlink()
    assert CliRunner().invoke(app, ["let-go", KEPT, "--reason", "It is tidied up."]).exit_code == 0
    assert "is let go already" in let_go(KEPT)
    assert "no file of cps is absent" in let_go("--source", "cps")
    assert len(find_release(Settings(), KEPT).record.decisions) == 1


def test_a_withdrawal_runs_over_the_quarters_of_its_own_source_and_names_others_that_wait(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    engine = open_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    prepare(engine)
    engine.dispose()
    behind = {"cps": [dt.date(2021, 4, 1), dt.date(2021, 7, 1)], "nrm": [dt.date(2015, 1, 1)]}

    def find(settings: object, engine: object, quarters: object, sources: tuple[str, ...] = ("cps", "nrm")):
        return sorted(quarter for source in sources for quarter in behind.get(source, []))

    monkeypatch.setattr(source_steps, "find_quarters_behind_files", find)
    decided = decide_on_release(KEPT, "The publisher asks for it.", undo=False)
    assert (decided.first_quarter, decided.last_quarter) == ("2021-04-01", "2021-07-01")
    assert decided.waiting == ("nrm",)
    told = CliRunner().invoke(app, ["withdraw", KEPT, "--undo", "--reason", "They take it back.", "--later"]).output
    assert "msoic run --from 2021-04-01 --to 2021-07-01" in told and "Files of nrm wait to be loaded, too" in told


def test_quarters_behind_files_are_told_of_the_sources_asked_for(raw: Path, tmp_path: Path):
    engine = open_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    prepare(engine)
    settings, quarters = Settings(), [dt.date(2021, 4, 1)]
    assert source_steps.find_quarters_behind_files(settings, engine, quarters, ["cps"]) == quarters
    assert source_steps.find_quarters_behind_files(settings, engine, quarters, []) == []
    engine.dispose()
