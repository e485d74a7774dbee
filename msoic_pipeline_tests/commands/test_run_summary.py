"""The summary in which a run ends: the README shows it in the form in which the code makes it."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest
import sqlalchemy as sa

from msoic_pipeline.commands.run_problems import ENDED_WELL, RunProblems
from msoic_pipeline.commands.run_summary import summarise_run, tell_loaded
from msoic_pipeline.model.evidence import quarantine
from msoic_pipeline.running.run_records import QuarterRange, RequestedRun
from msoic_pipeline.settings import Settings
from msoic_pipeline.workbooks.source import SOURCES
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.handmade import Warehouse

REQUEST = RequestedRun(
    "00000000-0000-4000-8000-000000000000",
    QuarterRange(dt.date(2015, 1, 1), dt.date(2026, 10, 1)),
    is_of_all=True,
    rebuild=False,
)
# Made up: what a run warns of hangs on its data. The README shows as many.
WARNINGS = tuple(f"validated/nrm:warnings: {'words ' * 60}" for _ in range(4))
# What a line says that hangs on the data or the machine, in the order in which it is taken out.
VARYING = {
    r"^(Reconciliation:) .*": r"\1 COUNTS",
    r"^(  - ).*": r"\1WARNING",
    r"\(run [0-9a-f-]{36}\)": "(run RUN)",
    r"\S+/(?=\S)": "FOLDER/",
    r"\bnone\b|\d{4}-\d{2}-\d{2}": "DAY",
    r"[0-9][0-9,]*|…(?= (?:defined|values))": "NUMBER",  # the README leaves out how many KPIs there are
    r" +": " ",
}


def read_summary_in_readme() -> list[str]:
    """The lines of the summary that the README shows: its one block that begins with quarters."""
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```text\n(Quarters .*?)\n```$", readme, flags=re.MULTILINE | re.DOTALL)
    return block.splitlines()


def reduce_to_form(lines: list[str]) -> list[str]:
    """The lines without what hangs on the data or the machine."""
    return [reduce_line_to_form(line) for line in lines]


def reduce_line_to_form(line: str) -> str:
    for varying, placeholder in VARYING.items():
        line = re.sub(varying, placeholder, line)
    return line


def test_what_is_absent_is_not_rejected(tmp_path: Path):
    warehouse = Warehouse.make(f"sqlite:///{tmp_path / 'msoic.sqlite'}")
    blank = {column.name: "" for column in quarantine.columns} | {"source": "nrm", "is_declared": False}
    rows = [
        blank | {"file_name": "nrm/a.ods", "rule": "absent_file", "treatment": "its figures stand"},
        blank | {"file_name": "nrm/b.ods", "rule": "unreadable", "treatment": "rejected"},
        blank | {"file_name": "nrm/c.ods", "rule": "declared_fault", "treatment": "read as 2023", "is_declared": True},
    ]
    with warehouse.engine.begin() as connection:
        connection.execute(sa.insert(quarantine), rows)
    assert (
        "Quarantine: 1 rows or files rejected, 1 treated by declared faults, 1 absent, of which the figures stand."
        in tell_loaded(warehouse.engine)
    )


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The summary of a run over all quarters that ended well, in a warehouse without figures."""
    url = f"sqlite:///{tmp_path / 'data' / 'warehouse' / 'msoic.sqlite'}"
    (tmp_path / "data" / "warehouse").mkdir(parents=True)
    output = tmp_path / "data" / "output"
    output.mkdir()
    (output / "report").mkdir()
    for written in ("kpi.xlsx", "report/report.html"):
        (output / written).touch()
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", url)
    monkeypatch.setenv("MSOIC_OUTPUT_DIR", str(output))
    monkeypatch.setenv("MSOIC_RAW_DIR", str(tmp_path / "data" / "raw"))
    Warehouse.make(url).engine.dispose()
    ended = summarise_run(Settings(), REQUEST, RunProblems((), WARNINGS))
    assert ended.succeeded and ended.last_line == ENDED_WELL
    return ended.summary.splitlines()


def test_the_readme_shows_the_summary_in_the_form_in_which_a_run_ends(made: list[str]):
    assert reduce_to_form(read_summary_in_readme()) == reduce_to_form(made)


def test_the_columns_of_the_readme_stand_as_a_run_prints_them(made: list[str]):
    header, *rows = read_summary_in_readme()[2 : 3 + len(SOURCES)]
    assert header == made[2]
    where_last_cells_begin = {len(row) - len(row.split()[-1]) for row in rows}
    assert where_last_cells_begin == {header.index("latest release")}
