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


def test_a_template_never_takes_the_place_of_a_file(tmp_path: Path):
    filled_in = tmp_path / "return.xlsx"
    filled_in.write_bytes(b"filled in")
    result = CliRunner().invoke(app, ["template", "force_returns", str(filled_in)])
    assert result.exit_code == 2 and "choose another name" in " ".join(result.output.replace("│", " ").split())
    assert filled_in.read_bytes() == b"filled in"
    assert CliRunner().invoke(app, ["template", "force_returns", str(tmp_path / "other.xlsx")]).exit_code == 0
