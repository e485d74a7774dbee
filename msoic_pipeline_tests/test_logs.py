"""Stages say what they read, how many and how long, in Dagster's page and on the terminal; never what returns say."""

from __future__ import annotations

import datetime as dt
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import yaml
from typer.testing import CliRunner

from msoic_pipeline.commands import run as run_command
from msoic_pipeline.commands.cli import app
from msoic_pipeline.definitions import defs
from msoic_pipeline.logs import PACKAGE, WorkCounts, logged_work, show_on_terminal
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.running import home as homes
from msoic_pipeline.running.run_records import QuarterRange, make_range_tags
from msoic_pipeline_tests.pipeline.conftest import cut, raw, settings, staging

__all__ = ["cut", "raw", "settings", "staging"]
LOG = logging.getLogger("msoic_pipeline.toy")
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
# Two sources say enough, one of them sensitive; and all that is derived from them.
SPEAKING = ("nrm", "force_returns")
DERIVED = (
    "reconciliation_result",
    "kpi_value",
    "maturity_estimate",
    "validation_result",
    "report_claim",
    "published_kpis",
)


@pytest.fixture(autouse=True)
def quiet_again() -> Iterator[None]:
    """Leave the package's logger as it was."""
    logger = logging.getLogger(PACKAGE)
    before = (logger.level, list(logger.handlers))
    yield
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]


def test_work_is_told_at_its_end(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger=PACKAGE)
    with logged_work(LOG, "loading nrm") as counts:
        counts.add("rows written", 1000)
        counts.add("rows written", 204)
        counts.add("quarters", 3)
    assert re.fullmatch(r"loading nrm: 1,204 rows written, 3 quarters, in \d+\.\d s", caplog.messages[0])


def test_work_that_breaks_off_tells_its_kind_alone(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO, logger=PACKAGE)
    with pytest.raises(ValueError), logged_work(LOG, "loading force_returns"):
        raise ValueError("cell B7 says Nemo of Nowhere")
    assert re.fullmatch(r"loading force_returns broke off after \d+\.\d s: ValueError", caplog.messages[0])


def test_there_is_no_place_for_a_text_among_counts():
    with pytest.raises(ValueError):
        WorkCounts().add("name", "Nemo of Nowhere")  # type: ignore[arg-type]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """Dagster's records, with what our settings say of logs."""
    ours = yaml.safe_load(Path(homes.__file__).with_name(homes.SETTINGS).read_text(encoding="utf-8"))
    with dg.instance_for_test(overrides={"python_logs": ours["python_logs"]}) as instance:
        yield instance


def lines_on_page(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return what a run's page shows beside Dagster's own events."""
    return [entry.user_message for entry in instance.all_logs(run_id) if entry.dagster_event is None]


def test_dagster_shows_what_our_loggers_say(instance: dg.DagsterInstance):
    @dg.op
    def speaks() -> None:
        LOG.info("loading nrm: 3 quarters")

    @dg.job(executor_def=dg.in_process_executor)
    def speech() -> None:
        speaks()

    result = speech.execute_in_process(instance=instance, run_config=QUIET)
    assert lines_on_page(instance, result.run_id) == ["loading nrm: 3 quarters"]


def test_the_command_speaks_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch):
    def run_everything(*words: object) -> tuple[bool, str]:
        LOG.info("loading nrm: 3 quarters")
        return True, "done"

    monkeypatch.setattr(run_command, "run_everything", run_everything)
    assert CliRunner().invoke(app, ["run"]).stderr == ""
    said = CliRunner().invoke(app, ["run", "-v"]).stderr
    assert re.fullmatch(r"\d\d:\d\d:\d\d msoic_pipeline.toy: loading nrm: 3 quarters\n", said)


@pytest.mark.slow
@pytest.mark.usefixtures("settings")
def test_a_run_speaks_on_the_terminal_and_on_its_page_of_everything_but_returns(
    raw: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    instance: dg.DagsterInstance,
    capsys: pytest.CaptureFixture[str],
):
    monkeypatch.setenv("MSOIC_WAREHOUSE_URL", f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    monkeypatch.setenv("MSOIC_STAGING_DIR", str(tmp_path / "staging"))  # so that files are read
    returns = sorted((raw / "force_returns").rglob("*.xlsx"))
    returns[0].rename(returns[0].with_name("from Nemo of Nowhere.xlsx"))
    (raw / "force_returns" / "Nemo's notes.xlsx").write_bytes(b"Nemo of Nowhere")  # it cannot be read
    show_on_terminal()
    of_sources = [f"{stage}/{source}" for stage in ("landed", "staged", "validated") for source in SPEAKING]
    facts = [name for name, fact in FACTS.items() if traits_of_fact(fact).source in SPEAKING]
    result = defs.resolve_job_def("everything").execute_in_process(
        instance=instance,
        tags=dict(make_range_tags(QuarterRange(dt.date(2021, 1, 1), dt.date(2021, 1, 1)))),
        raise_on_error=False,
        run_config=QUIET,
        asset_selection=[dg.AssetKey(name.split("/")) for name in (*of_sources, *facts, *DERIVED)],
    )
    on_terminal = [line for line in capsys.readouterr().err.splitlines() if " msoic_pipeline." in line]
    on_page = lines_on_page(instance, result.run_id)
    for words in (
        "taking in the files of nrm:",
        "staging nrm:",
        "validating nrm:",
        "loading nrm:",
        "reconciling sources:",
        "computing KPIs:",
        "estimating what KPIs will come to:",
        "checking the whole warehouse:",
        "judging the reports' claims:",
        "writing the exports:",
        "loading force_returns:",
        "a file of force_returns: ",
    ):
        assert any(words in line for line in on_terminal), words
        assert any(words in line for line in on_page), words
    assert any(
        re.search(r"loading nrm: \d+ releases, .* [1-9][\d,]* rows written, in \d", line) for line in on_terminal
    )
    assert any(re.search(r"nrm/.*\.ods: [\d,]+ bytes, read", line) for line in on_terminal)
    assert any("a file of force_returns: 15 bytes, refused (" in line for line in on_terminal)
    ours = [line for line in on_page if any(line in spoken for spoken in on_terminal)]
    assert len(ours) >= len(on_terminal) - 1, "but for what is said before a step begins"
    forces = [path.stem.partition("-2021")[0] for path in returns]
    for line in (*on_terminal, *ours):
        assert "nemo" not in line.lower()
        assert not [code for code in forces if code in line.lower()]
