"""A home of Dagster's, and other processes that use it or a warehouse."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from msoic_pipeline_tests.conftest import REPOSITORY

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cold home, and an output folder."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("MSOIC_OUTPUT_DIR", str(tmp_path / "output"))
    return tmp_path / "home"


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python process with some lines; return it once it has printed a line, where it is told to."""
    started: list[subprocess.Popen[str]] = []

    def begin(lines: str, *words: str, wait: bool = True) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", lines, *words], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        if wait:
            assert process.stdout is not None
            assert process.stdout.readline(), "it ended before it was ready"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.1)
