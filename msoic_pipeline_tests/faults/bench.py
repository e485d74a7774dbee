"""A bench for whole runs under attack: folders of their own, `msoic run` as a process that is watched, what it left.

Every run is a process group with a time limit and a limit on its address space, so that a pipeline without protection
cannot take the machine with it. What is still there of a run that has ended is found by a mark in its environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import sqlalchemy as sa

from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.evidence import quarantine, release, vintage
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_table
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.faults.registry import SAMPLE

# A good file or two of every source, with figures of 2021-Q1; and still fewer, for runs that are made by the hundred.
CUT = {
    "nrm": ("*quarter-2-2022*",),
    "recorded_crime": ("prc-pfa*280422*",),
    "crime_outcomes": ("*mar2021*280422*",),
    "cps": ("*quarter-3-2021-2022*", "*quarter-4-2021-2022*"),
    "irregular_migration": ("*december-2021*",),
    "small_boats": ("*july-2023*",),
    "force_returns": ("2021-01/e2300000[1-6]*",),
    "programme_activity": ("*2020-21-q4*", "*2021-22-q1*"),
}
SMALL_CUT = CUT | {
    "nrm": (),
    "recorded_crime": (),
    "crime_outcomes": (),
    "irregular_migration": (),
    "force_returns": ("2021-01/e2300000[1-4]*",),
}
QUARTER = "2021-01-01"
# The files of which hostile ones are made have figures of this quarter, or of the one before it.
NEXT_QUARTER = "2021-04-01"

# The limits to which a run is held; MSOIC_FAULTS_… set others.
SECONDS = float(os.environ.get("MSOIC_FAULTS_RUN_SECONDS", "900"))
MEMORY_MB = int(os.environ.get("MSOIC_FAULTS_MEMORY_MB", "4096"))  # of any process of a run, resident
GROWTH_MB = int(os.environ.get("MSOIC_FAULTS_GROWTH_MB", "48"))  # of the warehouse by a group of hostile files
# Not a limit that is tested, but one that protects the machine.
DATA_MB = int(os.environ.get("MSOIC_FAULTS_RUN_DATA_MB", "8192"))

MARK = "MSOIC_FAULTS_RUN"
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1
HALF_MADE = ("**/.partial*", "**/*.partial", "**/.incoming*")
# C0 but for tab and newline, DEL, C1, what turns the direction, separators of lines, and lone surrogates.
UNPRINTABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0d\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


@dataclass
class Ran:
    """What a run came to: how it ended, what it said, and the most memory of each of its processes."""

    code: int
    out: str
    err: str
    seconds: float
    late: bool
    peaks: dict[str, int] = field(default_factory=dict)
    left_over: list[str] = field(default_factory=list)

    @property
    def last_words(self) -> str:
        """The sentence with which a run ends."""
        words = re.findall(r"^(?:Nothing blocks|The run failed|FAILED).*$", self.out, re.MULTILINE)
        return words[-1] if words else ""

    @property
    def agrees(self) -> bool:
        """Whether exit code and last sentence say the same."""
        sentences = re.findall(r"^(?:Nothing blocks|The run failed|FAILED:)", self.out, re.MULTILINE)
        if len(sentences) != 1:  # a file's name or a cell may have forged one
            return False
        if self.code == 0:
            return self.last_words.startswith("Nothing blocks")
        return self.code == 1 and self.last_words.startswith(("The run failed", "FAILED"))

    @property
    def peak(self) -> int:
        return max(self.peaks.values(), default=0)

    def __str__(self) -> str:
        late = ", killed since it was late" if self.late else ""
        return f"exit code {self.code} after {self.seconds:.0f} s{late}\n{self.out[-6000:]}\n{self.err[-3000:]}"


@dataclass
class Started:
    """A run that goes on: its process, and the files in which it speaks."""

    process: subprocess.Popen[bytes]
    mark: str
    out: Path
    err: Path
    begun: float
    peaks: dict[str, int]
    watcher: threading.Thread

    def kill(self) -> None:
        """Kill the process group at once; what of the run is in another group is left to see for itself."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def kill_survivors(self) -> int:
        """Kill whatever of the run is still there; return how many that were."""
        survivors = marked(self.mark)
        for one in survivors:
            with contextlib.suppress(psutil.Error):
                one.kill()
        return len(survivors)

    def wait(self, seconds: float = SECONDS) -> Ran:
        """Wait for the end; kill it where that is late."""
        late = False
        try:
            self.process.wait(max(0.0, self.begun + seconds - time.monotonic()))
        except subprocess.TimeoutExpired:
            late = True
            self.kill()
        took = time.monotonic() - self.begun
        self.watcher.join()
        left = marked(self.mark)
        if left:  # a child may need a moment to see that its parent is gone
            time.sleep(3)
            left = marked(self.mark)
        described = []
        for one in left:
            with contextlib.suppress(psutil.Error):
                described.append(f"{one.pid} {' '.join(one.cmdline())[:120]}")
                one.kill()
        out, err = (path.read_bytes().decode("utf-8", "surrogateescape") for path in (self.out, self.err))
        return Ran(self.process.returncode, out, err, took, late, self.peaks, described)


def marked(mark: str) -> list[psutil.Process]:
    """The processes that were started, at whatever remove, by the run of a mark."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError, psutil.Error):
            if f"{MARK}={mark}".encode() in path.read_bytes():
                found.append(psutil.Process(int(path.parent.name)))
    return found


@dataclass
class Bench:
    """The folders of a pipeline, each replaceable: raw, staging, output, archive, Dagster's records, the warehouse."""

    folder: Path
    url: str = ""
    folders: dict[str, Path] = field(default_factory=dict)
    last: str = ""  # the last quarter of its runs, where it is not the first

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("raw", "staging", "output", "archive", "home", "warehouse"):
            self.folders.setdefault(name, self.folder / name)
            self.folders[name].mkdir(parents=True, exist_ok=True)
        self.url = self.url or f"sqlite:///{self.folders['warehouse'] / 'msoic.sqlite'}"

    @property
    def raw(self) -> Path:
        return self.folders["raw"]

    def environment(self, **more: str) -> dict[str, str]:
        """The settings of a run, and none that the tests were started with."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MSOIC_", "DAGSTER_", "PG", "PYTEST"))}
        return kept | {
            "MSOIC_RAW_DIR": str(self.folders["raw"]),
            "MSOIC_STAGING_DIR": str(self.folders["staging"]),
            "MSOIC_OUTPUT_DIR": str(self.folders["output"]),
            "MSOIC_ARCHIVE_DIR": str(self.folders["archive"]),
            "MSOIC_WAREHOUSE_URL": self.url,
            "DAGSTER_HOME": str(self.folders["home"]),
            "PYTHONPATH": str(REPOSITORY),
            **more,
        }

    def start(
        self,
        first: str = QUARTER,
        last: str = "",
        *,
        prefix: tuple[str, ...] = (),
        limits: Callable[[], None] | None = None,
        **environment: str,
    ) -> Started:
        """Start `msoic run` over quarters in a process group of its own."""
        mark = uuid.uuid4().hex
        said = self.folder / "said"
        said.mkdir(exist_ok=True)
        out, err = said / f"{mark}.out", said / f"{mark}.err"
        command = [*prefix, sys.executable, "-m", "msoic_pipeline.commands.cli", "run"]
        command += ["--from", first, "--to", last or self.last or first]

        def limited() -> None:
            size = DATA_MB * 2**20
            # Of data, not of addresses: the program that draws the report reserves many of those, and uses few.
            resource.setrlimit(resource.RLIMIT_DATA, (size, size))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if _LIBC:  # the run ends with the tests, however they end
                _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if limits:
                limits()

        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(**environment) | {MARK: mark},
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                start_new_session=True,
                preexec_fn=limited,  # noqa: PLW1509  it only sets limits
            )
        peaks: dict[str, int] = {}
        watcher = threading.Thread(target=_watch, args=(process, peaks), daemon=True)
        watcher.start()
        return Started(process, mark, out, err, time.monotonic(), peaks, watcher)

    def run(self, first: str = QUARTER, last: str = "", *, seconds: float = SECONDS, **how: Any) -> Ran:
        """Run over quarters to the end."""
        return self.start(first, last, **how).wait(seconds)

    def copy(self, folder: Path, url: str = "") -> Bench:
        """A bench with what is in the folders of this one; its warehouse too where that is a file."""
        other = Bench(folder, url, last=self.last)
        for name, path in self.folders.items():
            if name != "warehouse" or not url:
                shutil.copytree(path, other.folders[name], dirs_exist_ok=True, symlinks=True)
        return other

    def half_made(self) -> list[str]:
        """What a run began to write and did not finish."""
        found = {
            str(path.relative_to(self.folder))
            for name in ("raw", "staging", "output", "archive", "home")
            for pattern in HALF_MADE
            for path in self.folders[name].glob(pattern)
        }
        return sorted(found)

    def warehouse_bytes(self) -> int:
        """The size of the warehouse, on either engine."""
        url = sa.make_url(self.url)
        if url.get_backend_name() == "sqlite":
            return sum(
                path.stat().st_size for path in Path(str(url.database)).parent.glob(f"{Path(str(url.database)).name}*")
            )
        engine = open_engine(self.url)
        try:
            with read_transaction(engine) as connection:
                return int(connection.scalar(sa.text("SELECT pg_database_size(current_database())")) or 0)
        finally:
            engine.dispose()

    def unprintable(self, *ran: Ran) -> list[str]:
        """Where a control character or one that turns the direction stands: in words, logs, pages, or the warehouse."""
        texts = {f"stdout {n}": each.out for n, each in enumerate(ran)}
        texts |= {f"stderr {n}": each.err for n, each in enumerate(ran)}
        for name in ("output", "home"):
            for path in self.folders[name].rglob("*"):
                if path.is_file() and path.suffix in (".log", ".txt", ".err", ".out", ".html", ".csv", ".json"):
                    texts[str(path)] = path.read_bytes().decode("utf-8", "surrogateescape")
        engine = open_engine(self.url)
        try:
            with read_transaction(engine) as connection:
                for table in (quarantine, release, *_evidence_with_words()):
                    for row in connection.execute(sa.select(table)).mappings():
                        for column, value in row.items():
                            if isinstance(value, str):
                                # A reason may have lines; a name or a title that has would forge others.
                                lines = "\v" if column in ("file_name", "sheet", "cell", "title") else " "
                                where = f"{table.name}.{column} {_key_of(table, dict(row))}"
                                texts[where] = value.replace("\n", lines)
        finally:
            engine.dispose()
        found = []
        for where, text in texts.items():
            # An HTML page may break its lines as it likes.
            match = UNPRINTABLE.search(text.replace("\r\n", "\n"))
            if match:
                around = text[max(0, match.start() - 30) : match.end() + 10].encode("unicode_escape").decode()
                found.append(f"{where}: {unicodedata.name(match[0], hex(ord(match[0])))} in {around}")
        return found

    def names(self) -> dict[str, list[tuple[str, Any, str]]]:
        """What quarantine says, by file: rule, release and reason."""
        engine = open_engine(self.url)
        found: dict[str, list[tuple[str, Any, str]]] = {}
        try:
            with read_transaction(engine) as connection:
                for row in connection.execute(
                    sa.select(quarantine).where(sa.not_(quarantine.c.is_declared))
                ).mappings():
                    found.setdefault(row["file_name"], []).append((row["rule"], row["release_id"], row["reason"]))
        finally:
            engine.dispose()
        return found

    def release_ids(self) -> set[str]:
        """The releases, of which several may go by one path."""
        engine = open_engine(self.url)
        try:
            with read_transaction(engine) as connection:
                return set(connection.scalars(sa.select(release.c.release_id)))
        finally:
            engine.dispose()

    def releases(self) -> dict[str, dict[str, Any]]:
        """The releases by file, each with its figures by fact: what tells one from another, not where it stands."""
        engine = open_engine(self.url)
        try:
            with read_transaction(engine) as connection:
                rows = [dict(row) for row in connection.execute(sa.select(release)).mappings()]
                by_id = {row["release_id"]: row | {"figures": {}} for row in rows}
                for name, fact in FACTS.items():
                    kept = [c for c in fact.columns if c.name not in ("sheet",) and not c.name.endswith("cell")]
                    place = [c.name for c in kept].index("release_id")
                    for row in connection.execute(sa.select(*kept)):
                        values = tuple(row)
                        figures = by_id[values[place]]["figures"]
                        figures.setdefault(name, []).append(repr(values[:place] + values[place + 1 :]))
                for each in by_id.values():
                    each["figures"] = {name: sorted(those) for name, those in each["figures"].items()}
                return {row["file_name"]: row for row in by_id.values()}
        finally:
            engine.dispose()


def _evidence_with_words() -> Iterator[sa.Table]:
    for name in ("validation_result", "pipeline_run"):
        yield metadata.tables[name]


def _key_of(table: sa.Table, row: Mapping[str, Any]) -> str:
    return ascii(tuple(row[column.name] for column in table.primary_key.columns))[:200]


def _watch(process: subprocess.Popen[bytes], peaks: dict[str, int]) -> None:
    """Note the most memory of each process of a run, some ten times a second."""
    with contextlib.suppress(psutil.Error):
        root = psutil.Process(process.pid)
        while process.poll() is None:
            for one in [root, *root.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    key = f"{one.pid} {'main' if one.pid == process.pid else one.name()}"
                    peaks[key] = max(peaks.get(key, 0), one.memory_info().rss // 2**20)
            time.sleep(0.1)


def lay_good(raw: Path, cut: Mapping[str, tuple[str, ...]] = CUT) -> None:
    """Copy a cut of the sample's files into a raw folder; a source without files has its folder all the same."""
    for source, patterns in cut.items():
        (raw / source).mkdir(parents=True, exist_ok=True)
        for pattern in patterns:
            found = [path for path in (SAMPLE / source).glob(pattern) if path.is_file()]
            assert found, f"{source}/{pattern}: the sample has no such file"
            for path in found:
                target = raw / path.relative_to(SAMPLE)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)


def volatile(table: sa.Table) -> bool:
    """Whether a table tells of runs, not of figures."""
    return traits_of_table(table).is_volatile


def contents(url: str, *leave_out: str) -> dict[str, list[str]]:
    """All rows of all tables in an order of their own, but for what tells of runs: volatile tables and moments."""
    engine = open_engine(url)
    try:
        with read_transaction(engine) as connection:
            standing = set(sa.inspect(connection).get_table_names())
            found = {}
            for table in metadata.sorted_tables:
                if volatile(table) or table.name in leave_out or table.name not in standing:
                    continue
                kept = [c for c in table.columns if not isinstance(c.type, sa.DateTime)]
                found[table.name] = sorted(repr(tuple(row)) for row in connection.execute(sa.select(*kept)))
            return found
    finally:
        engine.dispose()


def differences(ours: Mapping[str, list[str]], theirs: Mapping[str, list[str]]) -> list[str]:
    """In which tables two warehouses differ, and by what."""
    found = []
    for name in sorted({*ours, *theirs}):
        one, other = ours.get(name, []), theirs.get(name, [])
        if one != other:
            more, less = sorted(set(one) - set(other)), sorted(set(other) - set(one))
            found.append(f"{name}: {len(more)} rows too many, {len(less)} missing: {[*more, *less][:2]}")
    return found


def partial_quarters(url: str) -> tuple[int, list[str]]:
    """Read the warehouse once: the quarters looked at, and those whose rows are not those that ``vintage`` counts."""
    engine = open_engine(url)
    try:
        return read_quarters(engine)
    finally:
        engine.dispose()


def read_quarters(engine: sa.Engine) -> tuple[int, list[str]]:
    """The same on an engine, in one transaction of one snapshot."""
    partial, looked_at = [], 0
    level = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect().execution_options(read_only=True, **level) as connection, connection.begin():
        v = vintage.c
        said: dict[tuple[str, str, str], int] = {}
        for fact, release_id, quarter, rows in connection.execute(
            sa.select(v.fact, v.release_id, v.quarter_start, sa.func.sum(v.rows)).group_by(
                v.fact, v.release_id, v.quarter_start
            )
        ):
            said[fact, release_id, str(quarter)] = int(rows)
        there: dict[tuple[str, str, str], int] = {}
        for name, fact in FACTS.items():
            columns = (fact.c.release_id, fact.c.quarter_start)
            for release_id, quarter, rows in connection.execute(
                sa.select(*columns, sa.func.count()).group_by(*columns)
            ):
                there[name, release_id, str(quarter)] = int(rows)
        looked_at = len(said)
        for key in sorted({*said, *there}):
            if said.get(key, 0) != there.get(key, 0):
                partial.append(f"{key}: {there.get(key, 0)} rows, vintage says {said.get(key, 0)}")
    return looked_at, partial


def table_of(rows: list[tuple[Any, ...]]) -> str:
    """Rows as a table of text, each column as wide as it needs to be."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in texts) for n in range(len(texts[0]))] if texts else []
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in texts
    )
