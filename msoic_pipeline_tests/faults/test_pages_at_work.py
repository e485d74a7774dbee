"""Five quarters are backfilled from Dagster's pages and a night begins, all at once and from a cold home."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from msoic_pipeline.running.run_records import RANGE_END_TAG, RANGE_START_TAG
from msoic_pipeline_tests.faults.bench import SMALL_CUT, Bench, contents, differences, lay_good
from msoic_pipeline_tests.faults.conftest import Summary

pytestmark = pytest.mark.faults

FIVE = ("2021-01-01", "2021-04-01", "2021-07-01", "2021-10-01", "2022-01-01")
# What the pages ask for when somebody presses "Launch run" for a quarter of the job.
LAUNCH = """
mutation Launch($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"
REPOSITORIES = "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
ENDED = {"SUCCESS", "FAILURE", "CANCELED"}


class Pages:
    """The pages of a bench, asked as a browser asks them."""

    def __init__(self, port: int, process: subprocess.Popen[bytes]) -> None:
        self._url = f"http://127.0.0.1:{port}/graphql"
        self._process = process

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of an answer."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = json.load(answer)
        assert "errors" not in found, found["errors"]
        return dict(found["data"])

    def wait_until_up(self, seconds: float = 180) -> None:
        """Wait until the pages answer, with the code loaded."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self._process.poll() is None, "the pages have ended"
            try:
                if self.ask(REPOSITORIES)["repositoriesOrError"].get("nodes"):
                    return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            time.sleep(1)
        raise AssertionError("the pages do not answer")

    def launch(self, first: str, last: str, **tags: str) -> str:
        """Launch the job over quarters; return the run's name."""
        (repository,) = self.ask(REPOSITORIES)["repositoriesOrError"]["nodes"]
        selector = {
            "repositoryName": repository["name"],
            "repositoryLocationName": repository["location"]["name"],
            "jobName": "everything",
        }
        asked = {RANGE_START_TAG: first, RANGE_END_TAG: last, **tags}
        parameters = {
            "selector": selector,
            "mode": "default",
            "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in asked.items()]},
        }
        launched = self.ask(LAUNCH, parameters=parameters)["launchRun"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def statuses(self) -> dict[str, str]:
        """Return the status of every run."""
        return {run["runId"]: run["status"] for run in self.ask(RUNS)["runsOrError"]["results"]}


@contextmanager
def _pages_of(bench: Bench) -> Iterator[Pages]:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = int(trial.getsockname()[1])
    with (bench.folder / "pages.txt").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "msoic_pipeline.commands.cli", "ui", "--port", str(port)],
            cwd=bench.folder,
            env=bench.environment(),
            stdout=said,
            stderr=said,
        )
    try:
        pages = Pages(port, process)
        pages.wait_until_up()
        yield pages
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_five_backfills_and_a_night_at_once(tmp_path: Path, summary: Summary):
    alone = Bench(tmp_path / "alone")
    lay_good(alone.raw, SMALL_CUT)
    for quarter in FIVE:
        ran = alone.run(quarter)
        assert ran.code == 0, str(ran)
    bench = Bench(tmp_path / "bench")
    lay_good(bench.raw, SMALL_CUT)
    with _pages_of(bench) as pages:
        begun = time.monotonic()
        launched = [pages.launch(quarter, quarter) for quarter in FIVE]
        launched.append(pages.launch(FIVE[0], FIVE[-1], **{"dagster/schedule_name": "nightly"}))
        while not set(pages.statuses().values()) <= ENDED and time.monotonic() < begun + 1200:
            time.sleep(2)
        statuses = pages.statuses()
        took = time.monotonic() - begun
    summary.add("from the pages", "five backfills and a night", ", ".join(statuses.values()), f"{took:.0f} s")
    assert statuses == dict.fromkeys(launched, "SUCCESS")
    assert not differences(contents(bench.url), contents(alone.url))
    assert not bench.half_made()
