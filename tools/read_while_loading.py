"""Read a warehouse as BI tools do while a run loads it: ``python tools/read_while_loading.py [SECONDS] [READERS]``.

Reads for a while with nothing else at work, then while `msoic run --rebuild` loads everything anew, with the settings
of the environment; prints how long the slowest twentieth of the queries took in both, and their ratio.
"""

from __future__ import annotations

import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from itertools import chain

import sqlalchemy as sa

from msoic_pipeline.model.evidence import load_log
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.load_log import LOADING

QUERIES = (
    "SELECT count(*), sum(value) FROM current_kpi_value WHERE kpi_id = 'nrm_referrals' AND period_kind = 'quarter'",
    "SELECT period_label, value FROM current_kpi_value WHERE geography_kind = 'national' AND period_kind = 'quarter'",
    "SELECT quarter_start, count(*) FROM fact_cps_outcome GROUP BY quarter_start",
    "SELECT source, status, count(*) FROM release GROUP BY source, status",
)


def read_for(url: str, seconds: float) -> list[float]:
    """Return how long each query took, in seconds, of those that were asked one after the other for so long."""
    engine = open_engine(url)
    taken = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for query in QUERIES:
            began = time.monotonic()
            with read_transaction(engine) as connection:
                connection.execute(sa.text(query)).all()
            taken.append(time.monotonic() - began)
    engine.dispose()
    return taken


def measure(url: str, seconds: float, readers: int) -> float:
    """Return the 95th percentile, in seconds, of the queries of many readers at once."""
    with multiprocessing.Pool(readers) as pool:
        taken_by_reader = pool.starmap(read_for, [(url, seconds)] * readers)
    taken = list(chain.from_iterable(taken_by_reader))
    print(f"  {len(taken):,} queries by {readers} readers, median {statistics.median(taken) * 1000:.0f} ms")
    return statistics.quantiles(taken, n=20)[-1]


def await_loading(url: str, run: subprocess.Popen[bytes]) -> None:
    """Wait until a run that loads everything anew has loaded its first quarter, or has ended."""
    engine = open_engine(url)
    most_forgotten = 0
    while run.poll() is None:
        forgotten = count_forgotten_loads(engine)
        if forgotten < most_forgotten:
            break
        most_forgotten = forgotten
        time.sleep(0.1)
    engine.dispose()


def count_forgotten_loads(engine: sa.Engine) -> int:
    """Return how many quarters of sources are to be loaded anew: of which ``forget_loads`` has left no fingerprint."""
    is_forgotten = sa.and_(load_log.c.stage.startswith(LOADING), load_log.c.fingerprint == "")
    with read_transaction(engine) as connection:
        return connection.scalar(sa.select(sa.func.count()).where(is_forgotten)) or 0


def main(words: Sequence[str]) -> None:
    """Measure, and print what came of it."""
    seconds = float(words[0]) if words else 30.0
    readers = int(words[1]) if len(words) > 1 else 16
    url = Settings().warehouse_url
    print("idle:")
    idle = measure(url, seconds, readers)
    run = subprocess.Popen(
        [sys.executable, "-m", "msoic_pipeline.commands.cli", "run", "--rebuild"], stdout=subprocess.DEVNULL
    )
    await_loading(url, run)
    print("while a run loads everything anew:")
    busy = measure(url, seconds, readers)
    still_loading = run.poll() is None
    run.wait()
    print(f"p95 idle {idle * 1000:.0f} ms, loading {busy * 1000:.0f} ms, ratio {busy / idle:.2f}")
    print(f"the run was {'still' if still_loading else 'no longer'} at work at the end, and ended {run.returncode}")


if __name__ == "__main__":
    main(sys.argv[1:])
