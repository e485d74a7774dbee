"""A reader of the warehouse as a process of its own: reads until its standard input closes, then says what it saw."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from dataclasses import dataclass

import sqlalchemy as sa

from msoic_pipeline.warehouse.engine import open_engine
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.faults.bench import read_quarters


@dataclass
class Seen:
    """How often the warehouse was read, quarters in all, those of them that were not whole, and reads that failed."""

    reads: int = 0
    quarters: int = 0
    partial: int = 0
    failed: int = 0
    slowest: float = 0.0
    example: str = ""

    def add(self, other: Seen) -> None:
        self.reads += other.reads
        self.quarters += other.quarters
        self.partial += other.partial
        self.failed += other.failed
        self.slowest = max(self.slowest, other.slowest)
        self.example = self.example or other.example


class Reader:
    """Reads while a block goes on."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.seen = Seen()

    def __enter__(self) -> Reader:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "msoic_pipeline_tests.faults.reader", self._url],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        return self

    def __exit__(self, *_: object) -> None:
        said, _err = self._process.communicate(timeout=120)
        self.seen = Seen(**json.loads(said))


def read_on(url: str) -> Seen:
    """Read, and read again, until standard input closes."""
    seen = Seen()
    engine = open_engine(url)
    while not select.select([sys.stdin], [], [], 0.01)[0]:
        begun = time.monotonic()
        try:
            quarters, partial = read_quarters(engine)
        except sa.exc.SQLAlchemyError as error:
            missing = "no such table" in str(error) or "does not exist" in str(error)
            if not missing:  # before the first run there is nothing to read
                seen.failed += 1
                seen.example = seen.example or str(error)[:200]
            time.sleep(0.05)
            continue
        seen.slowest = max(seen.slowest, time.monotonic() - begun)
        seen.reads += 1
        seen.quarters += quarters
        seen.partial += len(partial)
        if partial and not seen.example:
            seen.example = partial[0]
    engine.dispose()
    return seen


if __name__ == "__main__":
    print(json.dumps(vars(read_on(sys.argv[1]))))
