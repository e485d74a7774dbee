"""Fuzzes reader, matcher, tidying and sidecars, steered by the lines of ours that an input reaches: `make fuzz`.

An input at which something breaks is written to ``.fuzz/finds`` and the fuzzer goes on; each place that breaks counts
once. What was interesting is kept in ``.fuzz/corpus``, from which the next session goes on.
"""

from __future__ import annotations

import argparse
import ctypes
import hashlib
import sys
import time
import traceback
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import atheris

# What else is imported first, so that only code of ours is steered by.
for _name in (
    "dagster",
    "great_expectations",
    "pandas",
    "pyarrow.parquet",
    "pytest",
    "rapidfuzz",
    "sqlalchemy",
    "yaml",
):
    import_module(_name)

with atheris.instrument_imports(include=["msoic_pipeline"]):
    from msoic_pipeline_tests.faults import fuzz_targets as targets

OUTCOMES: Counter[str] = Counter()
FINDS: Counter[str] = Counter()
WORDS_OF_FILES = (
    *('"', "'", ",", ";", "\r\n", "\n", "\t", '""', "\\ufeff", ": ", "- ", "? ", "{", "}", "[", "]", "&a ", "*a", "!!"),
    *("|\n ", ">\n ", "---\n", "...\n", "%YAML 1.1\n", "%TAG ! x\n", "# ", "<<: ", "\\x00", "\\U0010ffff", "\\ud800"),
    *("title: ", "published_on: ", "reference_period: ", "edition: ", "is_synthetic: ", "note: ", "url: ", "true"),
    *("2021-Q4", "2021/22", "2022-05-01", "Cover_sheet", "Table 1", "Force Name", "Offence Code", "Financial Year"),
)
SIDECAR = b"published_on: 2022-05-01\nreference_period: 2021-Q4\nedition: 2\nis_synthetic: true\nnote: 'a'\nurl: x\n"
CSV = (
    b"Financial Year,Financial Quarter,Force Name,Offence Description,Offence Group,Offence Subgroup,Offence Code,"
    b'Number of Offences\n2017/18,1,Kent,Absconding,"Other, crimes",Crimes,80, 10 \r\n2017/18,2,Kent,a,b,c,4.10,9\n'
)


def main() -> None:
    """Fuzz for so many seconds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("seconds", type=int, help="how long, in seconds of wall time")
    options.add_argument("--folder", type=Path, default=Path(".fuzz"), help="where finds and corpus are kept")
    options.add_argument("--most-bytes", type=int, default=384, help="the longest input")
    asked = options.parse_args()
    corpus, finds = asked.folder / "corpus", asked.folder / "finds"
    for folder in (corpus, finds):
        folder.mkdir(parents=True, exist_ok=True)
    _sow(corpus)
    words = asked.folder / "words.dict"
    words.write_text("".join(f'"{_escaped(word)}"\n' for word in WORDS_OF_FILES), encoding="ascii")
    targets.warm_up()
    began = time.monotonic()

    def run(content: bytes) -> None:
        try:
            OUTCOMES[targets.run_input(content)] += 1
        except Exception as error:
            OUTCOMES["broken"] += 1
            _keep(finds, content, error)

    # The fuzzer ends the process by C's exit(), of which Python's own atexit does not hear.
    at_exit = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)(lambda *_: _tell(time.monotonic() - began, finds))
    ctypes.CDLL(None).on_exit(at_exit, None)
    limits = [f"-max_total_time={asked.seconds}", f"-max_len={asked.most_bytes}", "-timeout=120", "-rss_limit_mb=4096"]
    how = ["-len_control=0", f"-dict={words}", "-print_final_stats=1", f"-artifact_prefix={finds}/"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, *how], run)
    atheris.Fuzz()


def _sow(corpus: Path) -> None:
    """Write the first inputs: every file as it is, with each edit once, and something of each other target."""
    seeds = [bytes([0, number]) for number in range(len(targets.FILES))]
    edits = range(len(targets.EDITS))
    seeds += [bytes([0, edit % len(targets.FILES), edit, 3, 9, 2, edit, 1, 4, 2, 7]) for edit in edits]
    seeds += [bytes([9, 0]) + CSV, bytes([11, 0]) + SIDECAR, bytes([11, 1]) + SIDECAR]
    seeds += [bytes([14, kind, choice]) for kind in range(len(targets.VALUES)) for choice in (0, 40)]
    for seed in seeds:
        (corpus / f"seed-{hashlib.sha256(seed).hexdigest()[:12]}").write_bytes(seed)


def _escaped(word: str) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word.encode())


def _place(error: BaseException) -> str:
    """Return where something broke: the deepest line of ours, and what was raised."""
    while error.__cause__ is not None:
        error = error.__cause__
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "msoic_pipeline" in frame.filename and frame.name != "_hold"
    ]
    where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    # Two values broken by one rule are one find: what stands in quotes or is a number is left out.
    kind = "".join(letter for letter in str(error).split("'")[0][:40] if letter.isalpha() or letter == " ")
    return f"{where} {type(error).__name__} {kind.strip()}"


def _keep(finds: Path, content: bytes, error: Exception) -> None:
    place = _place(error)
    FINDS[place] += 1
    path = finds / f"{hashlib.sha256(place.encode()).hexdigest()[:12]}.bin"
    if path.exists() and len(path.read_bytes()) <= len(content):
        return
    path.write_bytes(content)
    words = "".join(traceback.format_exception(error)).encode("utf-8", "backslashreplace")
    path.with_suffix(".txt").write_bytes(f"{place}\n{content.hex()}\n\n".encode() + words)
    if FINDS[place] == 1:
        print(f"FIND {place} ({path})", file=sys.stderr, flush=True)


def _tell(seconds: float, finds: Path) -> None:
    """Print what was done. Coverage stands in the fuzzer's own lines: ``cov`` counts edges."""
    figures: list[Any] = [f"{sum(OUTCOMES.values()):,} executions in {seconds:,.0f} s; {len(FINDS)} finds in {finds}"]
    figures += [f"{number:>9,}  {outcome}" for outcome, number in OUTCOMES.most_common()]
    figures += [f"{number:>9,}  FIND {place}" for place, number in FINDS.most_common()]
    print(*figures, sep="\n", flush=True)


if __name__ == "__main__":
    main()
