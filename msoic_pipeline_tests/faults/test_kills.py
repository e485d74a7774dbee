"""Runs killed at random moments: the next run makes good what was broken off, and no reader ever sees half a quarter.

MSOIC_KILLS says how many on each engine (100), MSOIC_KILLS_SEED from which number the moments are drawn.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from msoic_pipeline_tests.databases import database, name_of
from msoic_pipeline_tests.faults import changes
from msoic_pipeline_tests.faults.bench import SMALL_CUT, Bench, contents, differences, lay_good, partial_quarters
from msoic_pipeline_tests.faults.conftest import Summary
from msoic_pipeline_tests.faults.reader import Reader, Seen

pytestmark = pytest.mark.faults

KILLS = int(os.environ.get("MSOIC_KILLS", "100"))
SEED = int(os.environ.get("MSOIC_KILLS_SEED", "0")) or random.SystemRandom().randrange(10**9)

# What a killed run had to do; on the last, nothing at all has been loaded before.
CHANGES: dict[str, Callable[[Bench], None]] = {
    "a new release": changes.new_release,
    "a replaced return": changes.replaced_return,
    "no staging area": changes.no_staging,
    "nothing loaded yet": lambda bench: None,
}


@dataclass
class Stand:
    """One engine's benches: one that is loaded, one that is not; what an uninterrupted run comes to, and its length."""

    engine: str
    folder: Path
    loaded: Bench
    empty: Bench
    postgres_url: str
    expected: dict[str, dict[str, list[str]]]
    usual: dict[str, float]

    def bench(self, stack: ExitStack, change: str, name: str) -> Bench:
        """A bench of one's own to which the change has happened."""
        origin = self.empty if change == "nothing loaded yet" else self.loaded
        url = ""
        if self.engine == "postgresql":
            url = stack.enter_context(database(self.postgres_url, name_of(origin.url)))
        bench = origin.copy(self.folder / name, url)
        stack.callback(shutil.rmtree, bench.folder, ignore_errors=True)
        CHANGES[change](bench)
        return bench


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stand(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    folder = tmp_path_factory.mktemp(f"kills-{request.param}")
    with ExitStack() as stack:
        server = request.getfixturevalue("postgres_url") if request.param == "postgresql" else ""
        urls = [stack.enter_context(database(server)) if server else "" for _ in range(2)]
        loaded, empty = Bench(folder / "loaded", urls[0]), Bench(folder / "empty", urls[1])
        for each in (loaded, empty):
            lay_good(each.raw, SMALL_CUT)
        ran = loaded.run()
        assert ran.code == 0 and ran.agrees, str(ran)
        made = Stand(request.param, folder, loaded, empty, server, {}, {})
        for change in CHANGES:
            with ExitStack() as for_one:
                bench = made.bench(for_one, change, "uninterrupted")
                ran = bench.run()
                assert ran.code == 0 and ran.agrees, f"{change}: {ran}"
                made.expected[change] = contents(bench.url)
                made.usual[change] = ran.seconds
        yield made


def test_a_killed_run_is_made_good_by_the_next(stand: Stand, summary: Summary):
    chance = random.Random(SEED)
    seen, wrong, survivors = Seen(), [], 0
    ended_before = 0
    for number in range(KILLS):
        change = list(CHANGES)[number % len(CHANGES)]
        moment = chance.uniform(0, stand.usual[change])
        what = f"{stand.engine}, kill {number} of seed {SEED}, {change}, after {moment:.2f} s"
        with ExitStack() as stack:
            bench = stand.bench(stack, change, f"kill-{number}")
            with Reader(bench.url) as reader:
                started = bench.start()
                time.sleep(moment)
                ended_before += started.process.poll() is not None
                started.kill()
                _, partial = _partial(bench.url)
                wrong += [f"{what}: left {each}" for each in partial]
                again = bench.run()  # at once: what the killed run left behind may still be there
                survivors += started.kill_survivors()
            seen.add(reader.seen)
            if again.code != 0 or not again.agrees:
                wrong.append(f"{what}: the next run: {again}")
            differ = differences(contents(bench.url), stand.expected[change])
            wrong += [f"{what}: {each}" for each in differ]
            wrong += [f"{what}: half made: {each}" for each in bench.half_made()]
            told = "equal" if not differ else "DIFFERENT"
            # What has come of it so far is told each time: the whole takes hours, and may be broken off.
            print(f"{what}: {told}; {len(wrong)} wrong, {seen.reads:,} reads, {seen.partial} partial", flush=True)
    bad = len({each.split(":")[0] for each in wrong})
    summary.add(
        "kills",
        stand.engine,
        f"{KILLS} kills ({ended_before} after the end)",
        f"{KILLS - bad} equal",
        f"{seen.reads:,} reads of {seen.quarters:,} quarters",
        f"{seen.partial} partial",
        f"{seen.failed} reads failed",
        f"slowest read {seen.slowest:.2f} s",
        f"seed {SEED}",
    )
    assert not wrong, "\n".join(wrong)
    assert not seen.partial, seen.example
    assert not seen.failed, seen.example
    assert not survivors, "processes outlived the kill of their group"
    assert seen.reads or not KILLS


def _partial(url: str) -> tuple[int, list[str]]:
    """The quarters that are not whole; none where there is no warehouse yet."""
    import sqlalchemy as sa

    try:
        return partial_quarters(url)
    except sa.exc.SQLAlchemyError as error:
        if "no such table" in str(error) or "does not exist" in str(error):
            return 0, []
        raise
