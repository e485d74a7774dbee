"""What becomes of each hostile file alone, without a run: landed, staged and validated in a process with limits.

``python -m msoic_pipeline_tests.faults.each [NAME …]`` prints a line a file; a round takes half an hour. It asks the
stages directly, and so sees what the pipeline itself does with a file, whatever stands around it.
MSOIC_FAULTS_EXPECTATIONS=0 leaves Great Expectations out, which takes most of the time.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msoic_pipeline_tests.faults.hostile import HOSTILE, lay
from msoic_pipeline_tests.faults.registry import DONORS, SAMPLE, Hostile

SECONDS = float(os.environ.get("MSOIC_FAULTS_SECONDS", "40"))
EXPECTATIONS = os.environ.get("MSOIC_FAULTS_EXPECTATIONS", "1") != "0"
LIKE_DONOR = "as the donor's"
ADDRESS_SPACE = int(os.environ.get("MSOIC_FAULTS_ADDRESS_SPACE_MB", "4096")) * 2**20


@dataclass(frozen=True)
class Became:
    """What became of a file, in a word and in more words; how long it took, and the most memory."""

    name: str
    word: str
    words: str
    seconds: float
    megabytes: int

    def __str__(self) -> str:
        words = self.words.encode("unicode_escape").decode()
        return f"{self.name:<28}{self.word:<14}{self.seconds:6.1f} s {self.megabytes:6,} MB  {words[:230]}"


def try_one(hostile: Hostile) -> Became:
    """Lay a file beside its source's good one and let the stages of the source look at both."""
    with tempfile.TemporaryDirectory(prefix="msoic-each-") as aside:
        raw = Path(aside, "raw")
        folder = raw / hostile.source
        folder.mkdir(parents=True)
        # The good file of recorded crime is long, and nothing is made of the whole of it: it would only take time.
        donor = DONORS[hostile.source] if hostile.source in DONORS and hostile.source != "recorded_crime" else "none"
        for path in SAMPLE.glob(f"{donor}*"):
            shutil.copy2(path, folder / path.name)
        lay(raw, hostile.name)
        during = hostile.during(hostile.place(raw)) if hostile.during else contextlib.nullcontext()
        with during:
            return _in_process(hostile, Path(aside))


def _in_process(hostile: Hostile, aside: Path) -> Became:
    begun = time.monotonic()
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        _child(hostile, aside, writer)
    os.close(writer)
    said = bytearray()
    late = False
    while True:
        left = begun + SECONDS - time.monotonic()
        if left <= 0:
            late = True
            os.kill(pid, signal.SIGKILL)
            break
        ready, _, _ = select.select([reader], [], [], left)
        if ready:
            piece = os.read(reader, 65_536)
            if not piece:
                break
            said += piece
    os.close(reader)
    _, status, usage = os.wait4(pid, 0)
    seconds, megabytes = time.monotonic() - begun, usage.ru_maxrss // 1024
    if late:
        return Became(hostile.name, "HANGS", f"killed after {SECONDS:.0f} s", seconds, megabytes)
    if not said:
        how = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else f"code {os.WEXITSTATUS(status)}"
        return Became(hostile.name, "ABORTS", f"the process ended with {how}", seconds, megabytes)
    word, words = json.loads(said)
    return Became(hostile.name, word, words, seconds, megabytes)


def _child(hostile: Hostile, aside: Path, writer: int) -> None:
    quiet = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(quiet, number)
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(aside)
    try:
        told = _look(hostile, aside)
    except MemoryError as error:
        told = ("MEMORY", _where(error))
    except BaseException as error:
        told = ("EXCEPTION", f"{type(error).__name__}: {str(error)[:150]} {_where(error)}")
    with contextlib.suppress(BaseException):
        os.write(writer, json.dumps(told).encode())
    os._exit(0)


def _where(error: BaseException) -> str:
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "msoic_pipeline/" in frame.filename]
    return f"[{Path(ours[-1].filename).name}:{ours[-1].lineno}]" if ours else ""


def _look(hostile: Hostile, aside: Path) -> tuple[str, str]:
    from msoic_pipeline.assets import source_steps
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.workbooks.source import load_source

    settings = Settings(
        raw_dir=aside / "raw",
        archive_dir=aside / "archive",
        staging_dir=aside / "staging",
        output_dir=aside / "output",
        warehouse_url=f"sqlite:///{aside}/warehouse.sqlite",
    )
    source = load_source(hostile.source)
    staging = source_steps.take_in_source(settings, source)
    # Validated is only what says other things than its donor.
    own = [each for each in staging.staged if hostile.token in each.release.file_name]
    others = [each for each in staging.staged if each not in own]
    unlike = [each for each in own if _figures(each, others) != LIKE_DONOR]
    findings = source_steps.validate_source(source, unlike) if unlike and EXPECTATIONS else {}
    verdicts = source_steps.judge_files(source, staging.landing, own, findings)
    verdicts += [
        source_steps.make_verdict_on_unread_file(source, each.error, each.release.release_id)
        for each in staging.unparsed
    ]
    its = [verdict for verdict in verdicts if hostile.token in verdict.file_name]
    harm = [f"ALSO {v.file_name}: {v.reasons}" for v in verdicts if v not in its]
    if not its:
        return "passed over", "".join(harm)
    words = "; ".join(f"{' '.join(v.reasons) or 'figures: ' + _figures(v.staged, others)}" for v in its)
    rows = sum(len(v.quarantine) for v in its)
    if rows > 1_100:
        words = f"{rows:,} rows of quarantine, reason of {len(words):,} characters: {words}"
    elif len(words) > 10_000:
        words = f"a reason of {len(words):,} characters: {words}"
    if any(verdict.accepted for verdict in its):
        word = "accepted"
    elif all(verdict.staged is None for verdict in its):
        word = its[0].quarantine[0].rule
    else:
        word = "rejected"
    return word, "".join(harm) + words


def _figures(staged: Any, others: list[Any]) -> str:
    """Whether an accepted file says what its donor says."""
    donor = next(iter(others), None)
    if donor is None:
        return "no donor"
    sizes = {name: (len(staged.frame(name)), len(donor.frame(name))) for name in {*staged.facts, *donor.facts}}
    for name in donor.facts:
        leave_out = ["release_id", "sheet", *(c for c in donor.frame(name) if c.endswith("cell"))]
        ours, theirs = (s.frame(name).drop(columns=leave_out, errors="ignore") for s in (staged, donor))
        if not ours.equals(theirs):
            return f"DIFFER from the donor's: rows {sizes}"
    return LIKE_DONOR


def _main(names: list[str]) -> None:
    import msoic_pipeline.assets.source_steps  # noqa: F401  once, before the forks

    counts: dict[str, int] = {}
    chosen = [HOSTILE[name] for name in names] if names else list(HOSTILE.values())
    for hostile in sorted(chosen, key=lambda each: each.group == "heavy"):  # the quick ones first
        became = try_one(hostile)
        counts[became.word] = counts.get(became.word, 0) + 1
        print(became, flush=True)
    print(", ".join(f"{number} {word}" for word, number in sorted(counts.items())))


if __name__ == "__main__":
    _main(sys.argv[1:])
