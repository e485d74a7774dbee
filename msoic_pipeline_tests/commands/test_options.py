"""Options that say nothing to the rest of a command are refused, not passed over."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from msoic_pipeline.commands.cli import app


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["kpi", "nrm_referrals", "--sql", "--geography", "Kent"], "all geographies and days"),
        (["kpi", "nrm_referrals", "--sql", "--as-at", "2022-07-31"], "all geographies and days"),
        (["rule", "--quarter", "2021-Q4"], "that --sql shows"),
    ],
)
def test_an_option_that_would_be_passed_over_is_refused(given: list[str], words: str):
    result = CliRunner().invoke(app, given)
    assert result.exit_code == 2
    assert words in " ".join(result.output.replace("│", " ").split())
