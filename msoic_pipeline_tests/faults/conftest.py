"""Benches that are made once, and the table that every attack leaves at the end of the session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from msoic_pipeline_tests.faults.bench import NEXT_QUARTER, Bench, lay_good, table_of

_SUMMARY: dict[str, list[tuple[Any, ...]]] = {}


class Summary:
    """What an attack came to, told when all is over."""

    def add(self, chapter: str, *row: Any) -> None:
        """Add a row to the table of a chapter."""
        _SUMMARY.setdefault(chapter, []).append(row)


@pytest.fixture(scope="session")
def summary() -> Summary:
    return Summary()


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables."""
    for chapter, rows in _SUMMARY.items():
        terminalreporter.section(chapter)
        for line in table_of(rows).splitlines():
            terminalreporter.write_line(line.encode("unicode_escape").decode() if not line.isprintable() else line)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench on which a good file or two of every source have been loaded, which no test may change."""
    bench = Bench(tmp_path_factory.mktemp("prepared"), last=NEXT_QUARTER)
    lay_good(bench.raw)
    ran = bench.run()
    assert ran.code == 0 and ran.agrees, str(ran)
    yield bench


@pytest.fixture
def bench(prepared: Bench, tmp_path: Path) -> Bench:
    """A bench of one's own on which the good files have been loaded, on SQLite."""
    return prepared.copy(tmp_path / "bench")
