"""The largest real files are read within the limits of a worker: how long that takes, and how much memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from msoic_pipeline.ingest.intake import take_in_source
from msoic_pipeline.resource_limits import MIB, WORKER_BYTES
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.faults.large import write_outcomes, write_partnerships
from msoic_pipeline_tests.sample import settings_in

pytestmark = pytest.mark.faults

# Source, name, what writes it, the argument of that, and how many rows the file has.
LARGE: dict[str, tuple[str, str, Callable[[Path, int], None], int, int]] = {
    "partnerships": ("recorded_crime", "prc-csp-large.ods", write_partnerships, 185_000, 1_480_000),
    "outcomes": ("crime_outcomes", "prc-outcomes-mar2024-large.xlsx", write_outcomes, 700_000, 700_000),
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_file_of_real_size_is_read_within_the_limits(tmp_path: Path, kind: str):
    source, name, write, size, rows = LARGE[kind]
    folder = tmp_path / "raw" / source
    folder.mkdir(parents=True)
    write(folder / name, size)
    (folder / f"{name}.yaml").write_text("published_on: 2024-07-24\nreference_period: 2024-Q1\nis_synthetic: true\n")
    peak, stop = [0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.1):
            for child in psutil.Process().children(recursive=True):
                try:
                    peak[0] = max(peak[0], child.memory_info().rss)
                except psutil.Error:
                    continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.monotonic()
    try:
        intake = take_in_source(settings_in(tmp_path, tmp_path / "raw"), load_source(source))
    finally:
        stop.set()
        watcher.join()
    assert not intake.landing.refused and not intake.unparsed, intake.landing.refused or intake.unparsed
    (staged,) = intake.staged
    assert staged.manifest.counts.data_rows == rows
    packed, took = (folder / name).stat().st_size / MIB, time.monotonic() - began
    memory = f"{peak[0] / MIB:,.0f} of {WORKER_BYTES / MIB:,.0f} MiB"
    print(f"\n{kind}: {packed:.0f} MiB, {rows:,} rows: {took:.0f} s, {memory}")
    assert peak[0] < WORKER_BYTES
