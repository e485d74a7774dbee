"""The commands for people, on a warehouse that has just been loaded."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.publication.templates import write_template
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.pipeline.conftest import Ran
from msoic_pipeline_tests.sample import land_file

Run = Callable[..., Ran]


def _say(*words: str) -> str:
    result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return result.output


def test_commands_on_a_loaded_warehouse(
    loaded_sqlite: str, settings: Path, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", loaded_sqlite)

    told = _say("kpi", "nrm_referrals", "--period", "2021", "--as-at", "2022-03-31")
    assert "12,727" in told and "2022-03-03" in told
    assert "No such value was known on 2021-01-01" in _say("kpi", "nrm_referrals", "--as-at", "2021-01-01")

    tree = _say("trace", "nrm_referrals", "2021-Q4", "--as-at", "2022-03-31", "--open")
    assert "quarter-4-2021" in tree and "Table_2!" in tree and "SHA-256" in tree
    copy = openpyxl.load_workbook(next((settings / "trace").glob("*.xlsx")))["Table_2"]
    coloured = [cell for row in copy.iter_rows() for cell in row if cell.fill.fgColor.rgb == "FFFFD700"]
    found = json.loads(_say("trace", "nrm_referrals", "2021-Q4", "--as-at", "2022-03-31", "--json"))
    assert (
        sum(float(str(cell.value)) for cell in coloured) == found["numerator"]["total"] == found["value"]["numerator"]
    )
    assert {cell.coordinate for cell in coloured} == {figure["cell"] for figure in found["numerator"]["figures"]}
    assert all(
        float(figure["texts"][0].replace(",", "")) == figure["value"] for figure in found["numerator"]["figures"]
    )

    for kpi_id, period, geography in (
        ("cps_conviction_rate", "2021/22", "wessex"),
        ("recorded_modern_slavery_crimes", "2021-Q2", "Kent"),
        ("live_investigations", "2021-02", "national"),
        ("live_investigations", "2021-02", "South West"),
        ("modern_slavery_charge_outcome_rate", "2020/21", "national"),
        ("people_briefed", "2021/22", "national"),
    ):
        traced = json.loads(_say("trace", kpi_id, period, geography, "--json"))
        assert traced["numerator"]["total"] == pytest.approx(traced["value"]["numerator"]), kpi_id
        if traced["denominator"]:
            assert traced["denominator"]["total"] == pytest.approx(traced["value"]["denominator"]), kpi_id
        figures = traced["numerator"]["figures"]
        assert all(figure["value"] is None for figure in figures) == (kpi_id == "live_investigations"), kpi_id
    refused = CliRunner().invoke(app, ["trace", "live_investigations", "2021-02", "--open"])
    assert refused.exit_code == 2 and "sensitive" in refused.output and "--open-sensitive" in refused.output
    assert "Investigations!" not in refused.output
    assert not (settings / "trace-sensitive").exists() and len(list((settings / "trace").iterdir())) == 1
    tree = _say("trace", "live_investigations", "2021-02", "Kent", "--open-sensitive")
    (returned,) = (settings / "trace-sensitive").iterdir()
    assert str(returned) in tree and "for you alone" in tree
    assert stat.S_IMODE(returned.parent.stat().st_mode) == 0o700 and stat.S_IMODE(returned.stat().st_mode) == 0o600
    cells = [line for line in tree.splitlines() if "!" in line]
    assert cells and all(line.endswith(": (withheld)   found '(withheld)'") for line in cells)
    returned.parent.chmod(0o755)
    refused = CliRunner().invoke(app, ["trace", "live_investigations", "2021-02", "--open-sensitive"])
    assert refused.exit_code == 2 and "mode 0700" in refused.output and len(list(returned.parent.iterdir())) == 1
    unknown = CliRunner().invoke(app, ["trace", "no_such_kpi", "2021"])
    assert unknown.exit_code == 2 and "KPIs are" in unknown.output

    assert "167 claims" in _say("claims")

    values = pd.read_parquet(settings / "kpi.parquet")
    assert not values.empty
    below = values[values["geography_kind"] != "national"]["kpi_id"]
    assert "recorded_modern_slavery_crimes" in set(below)
    assert not below.str.contains("investigations").any(), "what one force returned is not for everybody"
    book = openpyxl.load_workbook(settings / "kpi.xlsx")
    assert book.sheetnames[:3] == ["Cover", "Contents", "Notes"]
    assert "synthetic" in str(book["Cover"]["A3"].value)


def test_check_and_explain_tell_of_a_file_before_it_is_loaded(settings: Path, raw: Path):
    good = next((raw / "cps").glob("*quarter-4-2021-2022.xlsx"))
    assert _say("check", str(good)).startswith("ACCEPTED")
    book = openpyxl.load_workbook(good)
    book["1 Pre-charge"]["D4"] = "Accused"
    book.save(good)
    refused = CliRunner().invoke(app, ["check", str(good)])
    assert refused.exit_code == 1
    assert "REJECTED" in refused.output and "D4" in refused.output
    told = _say("layout", "explain", str(good))
    assert "NOT READ" in told and "unknown header 'Accused' in D4" in told and "add a member or a spelling" in told
    assert "table prosecutions" in told


def test_a_file_may_be_checked_wherever_it_stands(settings: Path, raw: Path, tmp_path: Path):
    good = next((raw / "cps").glob("*quarter-4-2021-2022.xlsx"))
    elsewhere = tmp_path / "download.xlsx"
    for path, copy in ((good, elsewhere), (sidecar_path(good), sidecar_path(elsewhere))):
        copy.write_bytes(path.read_bytes())
    told = _say("check", str(elsewhere))
    assert told.startswith("ACCEPTED") and "CPS data summary" in told and f"put it below {raw}" in told
    assert "3 All crime: table all_crime" in _say("layout", "explain", str(elsewhere))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["check", "no-such-file.xlsx"], "does not exist"),
        (["check", "{unknown}"], "no source recognises it"),
        (["check", "{text}"], "found .txt"),
        (["layout", "explain", "{unknown}"], "no source recognises it"),
        (["kpi", "no_such_kpi"], "KPIs are nrm_referrals"),
        (["kpi", "nrm_referrals", "--period", "soon"], "expected a quarter"),
        (["kpi", "nrm_referrals", "--as-at", "soon"], "soon"),
        (["trace", "nrm_referrals", "soon"], "expected a quarter"),
        (["run", "--from", "soon"], "expected a quarter"),
        (["run", "--from", "2010-Q1"], "expected quarters from 2015-01-01"),
        (["run", "--from", "2021-Q2", "--to", "2021-Q1"], "the first before the last"),
        (["template", "no_such_kind", "x.xlsx"], "force_returns"),
        (["template", "force_returns", "{none}/return.xlsx"], "No such file or directory"),
        (["kpi", "nrm_referrals"], "there is no warehouse at"),
        (["kpi", "nrm_referrals", "--sql", "--period", "2021-Q4"], "there is no warehouse at"),
        (["kpi", "--sql"], "name it"),
        (["trace", "nrm_referrals", "2021-Q4"], "there is no warehouse at"),
        (["releases"], "there is no warehouse at"),
        (["claims"], "there is no warehouse at"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_slip_is_told_in_a_line(words: list[str], told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'none' / 'warehouse.sqlite'}")
    book = openpyxl.Workbook()
    book.save(tmp_path / "unknown.xlsx")
    (tmp_path / "notes.txt").write_text("Some words.")
    files = {"none": tmp_path / "none", "unknown": tmp_path / "unknown.xlsx", "text": tmp_path / "notes.txt"}
    result = CliRunner().invoke(app, [word.format(**files) for word in words])
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit), "no traceback"
    assert told in " ".join(result.output.replace("│", " ").split())
    assert not (tmp_path / "none").exists(), "who reads makes no warehouse"


@pytest.mark.parametrize(("kind", "sheet"), [("force_returns", "Return"), ("programme_activity", "Cover")])
def test_a_filled_in_template_is_recognised(tmp_path: Path, kind: str, sheet: str):
    path = tmp_path / kind / "filled.xlsx"
    path.parent.mkdir()
    write_template(kind, path)
    book = openpyxl.load_workbook(path)
    answers = {"Force": "Kent Police", "Month": "April 2021", "Submitted on": "10 May 2021"}
    answers |= {"Quarter": "2021/22 Q1", "Published on": "20 July 2021"}
    for row in book[sheet].iter_rows(max_col=2):
        if row[0].value in answers:
            row[1].value = answers[str(row[0].value)]
    book.save(path)
    release = land_file(path, tmp_path, load_source(kind))
    assert release.reference_period == {"force_returns": "2021-04", "programme_activity": "2021-Q2"}[kind]
