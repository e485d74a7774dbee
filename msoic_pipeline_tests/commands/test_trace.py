"""``msoic trace``: what it tells of the files that a value comes from."""

from __future__ import annotations

import datetime as dt
import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from typer.testing import CliRunner

from msoic_pipeline.commands import trace as command
from msoic_pipeline.commands.cli import app
from msoic_pipeline.commands.trace import tell_trace
from msoic_pipeline.kpis import lineage, marked_copies
from msoic_pipeline.kpis.known_values import KnownValue
from msoic_pipeline.kpis.lineage import FactRow, NamedFile, Trace, TracedFigure, TracedTerm

YEAR = dt.date(2021, 1, 1)
VALUE = KnownValue(
    title="Referrals",
    kpi_id="nrm_referrals",
    period_kind="calendar_year",
    period_start=YEAR,
    geography_kind="national",
    geography_code="UK",
    as_of=dt.date(2022, 3, 3),
    period_label="2021",
    numerator=30,
    denominator=None,
    value=30,
    unit="referrals",
    status="complete",
    parts_expected=1,
    parts_received=1,
)


def make_figure(value: float, sha256: str, published_on: dt.date) -> TracedFigure:
    """Return a figure of a file that stood at ``nrm/nrm.ods``."""
    file = NamedFile("nrm", sha256, "nrm/nrm.ods")
    return TracedFigure(FactRow(value, YEAR, "", sha256, file, published_on, "Table_2", "C58"), (f"{value:g}",))


def test_files_that_stood_one_after_the_other_under_a_name_are_told_apart():
    third, fourth = dt.date(2021, 11, 4), dt.date(2022, 3, 3)
    figures = (make_figure(10, "a" * 64, third), make_figure(20, "b" * 64, fourth))
    told = tell_trace(Trace(VALUE, False, TracedTerm("referrals", 30, figures), None))
    files = [line for line in told if "SHA-256" in line]
    assert files == [
        f"│  ├─ nrm/nrm.ods (published {third}, SHA-256 {'a' * 12}…): 10",
        f"│  ├─ nrm/nrm.ods (published {fourth}, SHA-256 {'b' * 12}…): 20",
    ]
    assert "2 figures in 2 files" in tell_trace(Trace(VALUE, False, TracedTerm("", 30, figures), None), most=1)[-1]


@pytest.mark.parametrize("as_json", [False, True])
def test_copies_are_told_beside_json_on_the_error_stream(as_json: bool, monkeypatch: pytest.MonkeyPatch):
    figures = (make_figure(30, "a" * 64, dt.date(2022, 3, 3)),)
    traced = Trace(VALUE, False, TracedTerm("referrals", 30, figures), None)
    monkeypatch.setattr(command, "read_warehouse", nullcontext)
    monkeypatch.setattr(lineage, "trace_value", lambda *asked: traced)
    monkeypatch.setattr(marked_copies, "write_marked_copies", lambda *asked: [Path("copy.xlsx")])
    result = CliRunner().invoke(app, ["trace", "nrm_referrals", "2021", "--open", *(["--json"] if as_json else [])])
    assert result.exit_code == 0, result.output
    told = "copy with the cells in colour: copy.xlsx\n"
    if as_json:
        assert json.loads(result.stdout)["numerator"]["total"] == 30
        assert result.stderr == told
    else:
        assert result.stdout.endswith(told) and result.stderr == ""
