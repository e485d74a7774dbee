"""Options that say nothing to the rest of a command, or that name nothing, are refused, not passed over."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["kpi", "nrm_referrals", "--sql", "--geography", "Kent"], "all geographies and days"),
        (["kpi", "nrm_referrals", "--sql", "--as-at", "2022-07-31"], "all geographies and days"),
        (["rule", "--quarter", "2021-Q4"], "that --sql shows"),
        (["let-go", "--source", "nmr", "--reason", "It is gone."], "no source is called 'nmr' (nearest: nrm)"),
        (["let-go", "--reason", "It is gone."], "name releases, or give --source"),
        (["report", "--internal", "--force", "Kent"], "leave --internal out"),
        (["releases", "nmr"], "no source is called 'nmr' (nearest: nrm)"),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(given: list[str], words: str):
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2
    assert words in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize("address", ["nonsense", "postgresql+psycopg://user:secret@host:port/db", "oracles://host/db"])
def test_an_address_that_is_none_is_told_in_a_line_without_it(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", address)
    result = CliRunner().invoke(app, ["rule", "outcomes_to_recorded_crime", "--sql"])
    assert result.exit_code == 2 and isinstance(result.exception, SystemExit), "no traceback"
    assert "MSOIC_WAREHOUSE_URL is no address of a database" in result.output
    assert "secret" not in result.output


def test_the_sql_of_a_rule_is_told_where_no_warehouse_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'none' / 'warehouse.sqlite'}")
    result = CliRunner().invoke(app, ["rule", "outcomes_to_recorded_crime", "--sql"])
    assert result.exit_code == 0 and "WITH left_figures AS" in result.output
    assert not (tmp_path / "none").exists(), "who reads makes no warehouse"


def test_a_template_never_takes_the_place_of_a_file(tmp_path: Path):
    filled_in = tmp_path / "return.xlsx"
    filled_in.write_bytes(b"filled in")
    result = CliRunner().invoke(app, ["template", "force_returns", str(filled_in)])
    assert result.exit_code == 2 and "choose another name" in " ".join(result.output.replace("│", " ").split())
    assert filled_in.read_bytes() == b"filled in"
    assert CliRunner().invoke(app, ["template", "force_returns", str(tmp_path / "other.xlsx")]).exit_code == 0
