"""What stages say of their work, through ``logging``: what is read, how many, how long it took.

Numbers and names that are ours or a publisher's alone. What a file says never reaches a log: a cell of a force's return
may hold anything, and so may the name that somebody gave the file.

Each module has the logger of its name, below ``msoic_pipeline``. Dagster shows what they say in a run's page
(``running/dagster.yaml``), ``msoic run -v`` on the terminal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

PACKAGE = "msoic_pipeline"


class WorkCounts:
    """How much a piece of work was: numbers, each with what is counted. There is no place in it for a text."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def add(self, what: str, number: int) -> None:
        """Add to the count of ``what``, such as ``rows read``."""
        self._counts[what] = self._counts.get(what, 0) + int(number)

    def __str__(self) -> str:
        return ", ".join(f"{number:,} {what}" for what, number in self._counts.items())


@contextmanager
def logged_work(log: logging.Logger, work: str) -> Iterator[WorkCounts]:
    """Say when a piece of work ended, how much it was and how long it took; or that it broke off, and at what.

    ``work`` is in words of ours. For example ``with logged_work(_LOG, "loading nrm") as counts`` says at its end
    ``loading nrm: 3 quarters rewritten, 1,204 rows written, in 0.8 s``.
    """
    counts = WorkCounts()
    start = time.monotonic()
    try:
        yield counts
    except Exception as error:
        # Its kind alone: the words of an error may quote a cell. Whoever deals with it says the rest.
        log.info("%s broke off after %.1f s: %s", work, time.monotonic() - start, type(error).__name__)
        raise
    log.info("%s: %s in %.1f s", work, f"{counts}," if str(counts) else "done", time.monotonic() - start)


def show_on_terminal() -> None:
    """Write what stages say to standard error, a line each with the time of day."""
    logger = logging.getLogger(PACKAGE)
    logger.setLevel(logging.INFO)
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    logger.addHandler(handler)
