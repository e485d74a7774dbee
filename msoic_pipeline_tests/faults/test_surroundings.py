"""What stands around a run fails: the database, the disk, the folders, the clock, and other runs at the same time.

What fails is named, what does not depend on it loads, and the run after things are mended comes to the same as if
nothing had happened.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from msoic_pipeline_tests import postgres
from msoic_pipeline_tests.databases import administer, database, name_of
from msoic_pipeline_tests.faults import changes
from msoic_pipeline_tests.faults.bench import (
    CUT,
    NEXT_QUARTER,
    QUARTER,
    SMALL_CUT,
    Bench,
    Ran,
    contents,
    differences,
    lay_good,
    partial_quarters,
)
from msoic_pipeline_tests.faults.conftest import Summary

pytestmark = pytest.mark.faults

PAIRS = int(os.environ.get("MSOIC_PAIRS", "5"))
NO_SPACE = re.compile(r"no space left|disk (?:is )?full|database or disk is full|\[errno 28\]", re.IGNORECASE)
# What runs of other days differ in: findings have a history, and the calendar goes on.
OF_THE_DAY = ("validation_result", "dim_quarter", "dim_period", "coverage", "load_log", "report_claim")


def _ended(ran: Ran) -> None:
    """A run ended by itself, with one last sentence that agrees with its exit code, and without a traceback."""
    assert not ran.late, str(ran)
    assert ran.agrees, str(ran)
    assert "Traceback (most recent call last)" not in ran.out + ran.err, str(ran)
    assert not ran.left_over, ran.left_over


def _green(ran: Ran) -> None:
    _ended(ran)
    assert ran.code == 0, str(ran)


def _red(ran: Ran) -> None:
    _ended(ran)
    assert ran.code == 1, str(ran)


def _as(bench: Bench, expected: dict[str, list[str]], *leave_out: str) -> None:
    """The warehouse holds what it should, and nothing half made is left."""
    differ = differences(
        {name: rows for name, rows in contents(bench.url).items() if name not in leave_out},
        {name: rows for name, rows in expected.items() if name not in leave_out},
    )
    assert not differ, "\n".join(differ)
    assert not bench.half_made()


def _untouched(bench: Bench, before: dict[str, list[str]]) -> None:
    """No figure has changed: facts, vintages, and what is computed from them."""
    now = contents(bench.url)
    kept = [name for name in before if name.startswith("fact_") or name in ("vintage", "kpi_value", "published_total")]
    differ = differences({name: now[name] for name in kept}, {name: before[name] for name in kept})
    assert not differ, "\n".join(differ)


# ---- the database ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster() -> Iterator[postgres.Cluster]:
    """A server of this module's own, since it is restarted."""
    try:
        own = postgres.start()
    except postgres.PostgresUnavailable as reason:
        pytest.skip(f"PostgreSQL: {reason}")
    # The tests' own clusters forget in a crash what was committed just before; this one keeps its word, as a real one.
    for name in ("fsync", "synchronous_commit", "full_page_writes"):
        administer(own.url(), f"ALTER SYSTEM SET {name} = on")
    administer(own.url(), "SELECT pg_reload_conf()")
    yield own
    own.stop()


@pytest.fixture(scope="module")
def on_server(cluster: postgres.Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A bench on PostgreSQL on which the few good files have been loaded."""
    with database(cluster.url()) as url:
        bench = Bench(tmp_path_factory.mktemp("on-server"), url)
        lay_good(bench.raw, SMALL_CUT)
        _green(bench.run())
        yield bench


@pytest.fixture(scope="module")
def expected_on_server(
    on_server: Bench, cluster: postgres.Cluster, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, list[str]], float]:
    """What an uninterrupted run makes of a new release, and how long it takes."""
    with database(cluster.url(), name_of(on_server.url)) as url:
        bench = on_server.copy(tmp_path_factory.mktemp("uninterrupted"), url)
        changes.new_release(bench)
        ran = bench.run()
        _green(ran)
        return contents(url), ran.seconds


def _pg_ctl(cluster: postgres.Cluster, *words: str) -> None:
    data, log = cluster.directory / "data", cluster.directory / "log"
    command: list[str | Path] = [cluster.bindir / "pg_ctl", *words, "--wait", "--pgdata", data, "--log", log]
    with (cluster.directory / "start").open("ab") as output:
        done = postgres.Account.choose().run(command, cwd=cluster.directory, output=output)
    assert done.returncode == 0, (cluster.directory / "log").read_text()[-2000:]


def _cut(cluster: postgres.Cluster, url: str) -> None:
    administer(
        cluster.url(), f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(url)}'"
    )


def _restart(cluster: postgres.Cluster, url: str) -> None:
    _pg_ctl(cluster, "restart", "--mode", "immediate", "--options", f"-p {cluster.port}")


def _down_for_five_seconds(cluster: postgres.Cluster, url: str) -> None:
    _pg_ctl(cluster, "stop", "--mode", "fast")
    time.sleep(5)
    _pg_ctl(cluster, "start", "--options", f"-p {cluster.port}")


@pytest.mark.parametrize("moment", [0.3, 0.5, 0.6, 0.7, 0.8, 0.9])
@pytest.mark.parametrize("blow", [_cut, _restart, _down_for_five_seconds], ids=lambda blow: blow.__name__.strip("_"))
def test_the_database_goes_away_in_the_middle(
    on_server: Bench,
    expected_on_server: tuple[dict[str, list[str]], float],
    cluster: postgres.Cluster,
    tmp_path: Path,
    summary: Summary,
    blow: Callable[[postgres.Cluster, str], None],
    moment: float,
):
    expected, usual = expected_on_server
    with database(cluster.url(), name_of(on_server.url)) as url:
        bench = on_server.copy(tmp_path / "bench", url)
        changes.new_release(bench)
        started = bench.start()
        time.sleep(moment * usual)
        blow(cluster, url)
        ran = started.wait()
        _, partial = partial_quarters(url)
        again = bench.run()
        summary.add(
            "the database goes away",
            blow.__name__.strip("_"),
            f"at {moment:.0%}",
            f"exit code {ran.code}",
            ran.last_words,
            f"then {again.code}",
        )
        assert not partial, partial
        _green(again)
        _as(bench, expected)
        _ended(ran)


def test_connections_are_cut_all_the_time(
    on_server: Bench, expected_on_server: tuple[dict[str, list[str]], float], cluster: postgres.Cluster, tmp_path: Path
):
    expected, _ = expected_on_server
    with database(cluster.url(), name_of(on_server.url)) as url:
        bench = on_server.copy(tmp_path / "bench", url)
        changes.new_release(bench)
        started = bench.start()
        while started.process.poll() is None and time.monotonic() < started.begun + 300:
            _cut(cluster, url)
            time.sleep(0.5)
        ran = started.wait()
        again = bench.run()
        _green(again)
        _as(bench, expected)
        _red(ran)


def test_there_is_no_database(on_server: Bench, tmp_path: Path):
    bench = on_server.copy(tmp_path / "bench", "postgresql+psycopg://nobody:secret-word@127.0.0.1:9/nothing")
    ran = bench.run(seconds=180)
    _red(ran)
    assert "the warehouse cannot be used" in ran.out
    assert "secret-word" not in ran.out + ran.err


# ---- the disk --------------------------------------------------------------------------------------------------------


@contextmanager
def _small_disk(folder: Path, kilobytes: int) -> Iterator[Callable[[], None]]:
    """A file system of so many kilobytes in the place of a folder, with what was in it; gives what makes it large."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    aside = folder.with_name(f"{folder.name}-aside")
    folder.rename(aside)
    folder.mkdir()
    files = [path for path in aside.rglob("*") if path.is_file()]
    used = sum(-(-path.stat().st_size // 4096) * 4 for path in files)
    options = f"size={used + kilobytes}k"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True, symlinks=True)

        def enlarge() -> None:
            subprocess.run(["mount", "-o", "remount,size=2g", str(folder)], check=True)

        yield enlarge
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.rmtree(aside, ignore_errors=True)


# The kilobytes of room that are left in a folder: when nothing is loaded, and when much is.
DISKS = {
    "staging": (300, 100),
    "archive": (300, 100),
    "warehouse": (1_500, 200),
    "output": (40, 20),
    "home": (300, 40),
}


@pytest.fixture(scope="module")
def expected_on_disk(prepared: Bench, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, list[str]]]:
    """What runs with room enough come to: from nothing, and with large releases that are new."""
    fresh = Bench(tmp_path_factory.mktemp("fresh"), last=NEXT_QUARTER)
    lay_good(fresh.raw, CUT)
    changes.add_large(fresh)
    _green(fresh.run())
    later = prepared.copy(tmp_path_factory.mktemp("later"))
    changes.add_large(later)
    _green(later.run())
    return {"from nothing": contents(fresh.url), "much is loaded": contents(later.url)}


@pytest.mark.parametrize("state", ["from nothing", "much is loaded"], ids=["from-nothing", "much-loaded"])
@pytest.mark.parametrize("name", DISKS)
def test_a_disk_is_full(
    prepared: Bench,
    expected_on_disk: dict[str, dict[str, list[str]]],
    tmp_path: Path,
    summary: Summary,
    name: str,
    state: str,
):
    if state == "from nothing":
        bench = Bench(tmp_path / "bench", last=NEXT_QUARTER)
        lay_good(bench.raw, CUT)
        before: dict[str, list[str]] = {}
    else:
        bench = prepared.copy(tmp_path / "bench")
        before = contents(bench.url)
    changes.add_large(bench)
    expected = expected_on_disk[state]
    with _small_disk(bench.folders[name], DISKS[name][state != "from nothing"]) as enlarge:
        ran = bench.run()
        facts = {table: rows for table, rows in _readable(bench).items() if table.startswith("fact_")}
        enlarge()
        again = bench.run()
        summary.add(
            "a disk is full",
            name,
            state,
            f"exit code {ran.code}",
            ran.last_words,
            f"named: {bool(NO_SPACE.search(ran.out))}",
            f"then {again.code}",
        )
        _green(again)
        _as(bench, expected)
        assert not partial_quarters(bench.url)[1]
    _red(ran)
    assert NO_SPACE.search(ran.out), f"it does not say that the disk is full: {ran}"
    assert str(bench.folders[name]) in ran.out, f"it does not say which: {ran}"
    if name == "output":  # figures do not depend on pages and exports
        assert facts == {table: rows for table, rows in expected.items() if table.startswith("fact_")}
    elif before:  # what was loaded stands: of a release, all its rows or those it had
        for table, rows in facts.items():
            assert set(before[table]) <= set(rows), f"{table} lost rows"


def _readable(bench: Bench) -> dict[str, list[str]]:
    """The contents, or nothing where the warehouse itself could not be made."""
    import sqlalchemy as sa

    with suppress(sa.exc.SQLAlchemyError):
        return contents(bench.url)
    return {}


# ---- the folders -----------------------------------------------------------------------------------------------------


@contextmanager
def _away(path: Path) -> Iterator[None]:
    """Move something out of the raw folder, beside it."""
    bench = next(parent for parent in path.parents if (parent / "staging").is_dir())
    aside = bench / f"away-{path.name}"
    path.rename(aside)
    try:
        yield
    finally:
        aside.rename(path)


@contextmanager
def _closed(path: Path) -> Iterator[None]:
    mode = path.stat().st_mode
    path.chmod(0)
    try:
        yield
    finally:
        path.chmod(mode)


@contextmanager
def _emptied(path: Path) -> Iterator[None]:
    with _away(path):
        path.mkdir()
        yield
        path.rmdir()


@contextmanager
def _is_a_file(path: Path) -> Iterator[None]:
    with _away(path):
        path.write_text("not a folder")
        yield
        path.unlink()


@contextmanager
def _overwritten(path: Path) -> Iterator[None]:
    content = path.read_bytes()
    path.write_bytes(b"not a workbook")
    try:
        yield
    finally:
        path.write_bytes(content)


def _less_privileged() -> tuple[str, ...]:
    """What to put before a command so that closed files are closed to it, even to root."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("root reads what is closed, and there is no setpriv to take that away")
    without = "-dac_override,-dac_read_search"
    return ("setpriv", f"--bounding-set={without}", f"--inh-caps={without}")


CPS = "cps/cps-data-summary-quarter-4-2021-2022.xlsx"
GONE: dict[str, tuple[Callable[[Path], object], str]] = {  # what happens, and to what below the bench
    "raw moved away": (_away, "raw"),
    "raw emptied": (_emptied, "raw"),
    "raw is a file": (_is_a_file, "raw"),
    "raw closed": (_closed, "raw"),
    "a source moved away": (_away, "raw/cps"),
    "a source emptied": (_emptied, "raw/cps"),
    "a source is a file": (_is_a_file, "raw/cps"),
    "a source closed": (_closed, "raw/cps"),
    "a folder of a source moved away": (_away, "raw/force_returns/2021-01"),
    "a folder of a source closed": (_closed, "raw/force_returns/2021-01"),
    "a file moved away": (_away, f"raw/{CPS}"),
    "a file closed": (_closed, f"raw/{CPS}"),
    "a file overwritten by a bad one": (_overwritten, f"raw/{CPS}"),
    "a sidecar moved away": (_away, f"raw/{CPS}.yaml"),
    "a sidecar closed": (_closed, f"raw/{CPS}.yaml"),
    "a sidecar overwritten by a bad one": (_overwritten, f"raw/{CPS}.yaml"),
}


@pytest.mark.parametrize("what", GONE, ids=lambda what: what.replace(" ", "-"))
def test_something_is_gone(bench: Bench, summary: Summary, what: str):
    happens, path = GONE[what]
    before = contents(bench.url)
    with happens(bench.folder / path):  # type: ignore[attr-defined]
        ran = bench.run(prefix=_less_privileged())
        summary.add(
            "something is gone", what, f"exit code {ran.code}", ran.last_words, f"named: {Path(path).name in ran.out}"
        )
        named = "".join(bench.names()) + ran.out
        _untouched(bench, before)
    again = bench.run()
    _green(again)
    _as(bench, before)
    _red(ran)
    below_raw = path.removeprefix("raw/")
    assert (below_raw if below_raw != "raw" else str(bench.raw)) in named, f"{path} is not named: {ran}"


def test_a_file_under_another_name_stays_in_force(bench: Bench):
    before = contents(bench.url)
    for name in (CPS, f"{CPS}.yaml"):
        path = bench.raw / name
        path.rename(path.with_name(f"moved-{path.name}"))
    ran = bench.run()
    _ended(ran)
    _untouched(bench, before)


def test_a_good_file_over_a_good_one_leaves_the_first_in_force(bench: Bench):
    """The first return is a release that was published: it stays, as an earlier vintage or as the only one."""
    before = bench.release_ids()
    changes.replaced_return(bench)
    ran = bench.run()
    _green(ran)
    assert before < bench.release_ids(), "the first stays, and the other is there too"


# ---- the clock -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("away", ["-30d", "+365d"])
def test_the_clock_is_wrong_for_a_run(bench: Bench, summary: Summary, away: str):
    if not shutil.which("faketime"):
        pytest.skip("no faketime (on Debian and Ubuntu: apt-get install faketime)")
    before = contents(bench.url)
    wrong = bench.run(prefix=("faketime", "-f", away))
    changes.replaced_return(bench)  # so that findings differ, and come back
    between = bench.run(prefix=("faketime", "-f", away))
    shutil.copy2(Path(changes.SAMPLE, changes.RETURN), bench.raw / changes.RETURN)
    again = bench.run()
    and_again = bench.run()
    summary.add("the clock is wrong", away, *(f"exit code {ran.code}" for ran in (wrong, between, again, and_again)))
    for ran in (again, and_again):
        _green(ran)
    for ran in (wrong, between):
        _ended(ran)
    kept = {
        name: rows
        for name, rows in before.items()
        if name not in OF_THE_DAY and not name.startswith(("fact_inv", "vintage", "release", "kpi", "recon"))
    }
    now = contents(bench.url)
    assert not differences({name: now[name] for name in kept}, kept)


def test_files_from_the_future(bench: Bench):
    """What the file system says of the time of a file is nobody's concern."""
    before = contents(bench.url)
    for path in bench.raw.rglob("*"):
        os.utime(path, (2**33, 2**33))
    _green(bench.run())
    _as(bench, before)


# ---- other runs ------------------------------------------------------------------------------------------------------

FIVE = ["2021-01-01", "2021-04-01", "2021-07-01", "2021-10-01", "2022-01-01"]


@contextmanager
def _bench_on(engine: str, request: pytest.FixtureRequest, folder: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        url = ""
        if engine == "postgresql":
            url = stack.enter_context(database(request.getfixturevalue("postgres_url")))
        bench = Bench(folder, url)
        lay_good(bench.raw, SMALL_CUT)
        yield bench


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_two_runs_at_once(request: pytest.FixtureRequest, tmp_path: Path, summary: Summary, engine: str):
    with _bench_on(engine, request, tmp_path / "alone") as alone:
        _green(alone.run())
        changes.new_release(alone)
        _green(alone.run())
        expected = contents(alone.url)
    codes = []
    for number in range(PAIRS):
        with _bench_on(engine, request, tmp_path / f"pair-{number}") as bench:
            _green(bench.run())
            changes.new_release(bench)
            pair = [started.wait() for started in [bench.start(), bench.start()]]
            codes.append("+".join(str(ran.code) for ran in pair))
            for ran in pair:
                _ended(ran)
            _green(bench.run())
            _as(bench, expected)
    summary.add("runs at once", "two", engine, ", ".join(codes))


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_five_quarters_at_once_from_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, summary: Summary, engine: str
):
    with _bench_on(engine, request, tmp_path / "alone") as alone:
        for quarter in FIVE:
            _green(alone.run(quarter))
        expected = contents(alone.url)
    with _bench_on(engine, request, tmp_path / "five") as bench:
        five = [started.wait() for started in [bench.start(quarter) for quarter in FIVE]]
        summary.add(
            "runs at once", "five from nothing", engine, ", ".join(f"{ran.code} in {ran.seconds:.0f} s" for ran in five)
        )
        for ran in five:
            _ended(ran)
        if all(ran.code == 0 for ran in five):
            _as(bench, expected)
        for quarter in FIVE:
            _green(bench.run(quarter))
        _as(bench, expected)


@pytest.fixture
def hears_hangups() -> Iterator[None]:
    """Let what a test starts end by SIGHUP: tests that were started by nohup ignore it, and so would their children."""
    ignored = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, ignored)


@pytest.mark.usefixtures("hears_hangups")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda how: how.name)
def test_a_run_that_is_told_to_end_ends(bench: Bench, summary: Summary, how: signal.Signals):
    changes.add_large(bench)
    other = bench.copy(bench.folder.with_name("other"))
    _green(other.run())
    started = bench.start()
    timer = threading.Timer(8, lambda: os.killpg(started.process.pid, how))
    timer.start()
    ran = started.wait(seconds=60)
    timer.cancel()
    summary.add("told to end", how.name, f"exit code {ran.code}", f"{ran.seconds:.0f} s")
    assert not ran.late and not ran.left_over, str(ran)
    assert ran.code != 0
    _green(bench.run())
    _as(bench, contents(other.url))


def test_the_quarter_of_these_runs_is_the_first_of_five():
    assert FIVE[0] == QUARTER
