"""Hostile files beside good ones: each is named or rightly accepted, the good ones load, nothing is left behind.

A run a group, since a run takes a quarter of a minute; what takes long or much memory runs alone. MSOIC_FAULTS_ONLY
names some (with commas), to try a few.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from msoic_pipeline_tests.faults.bench import GROWTH_MB, MEMORY_MB, Bench, Ran
from msoic_pipeline_tests.faults.conftest import Summary
from msoic_pipeline_tests.faults.hostile import HOSTILE, lay
from msoic_pipeline_tests.faults.registry import DONORS, Hostile

pytestmark = pytest.mark.faults

MOST_ROWS = 1_001  # of one rule and file: a thousand, and one that says how many more
MOST_WORDS = 10_000
LIKE_DONOR = "the donor's figures"
CLIMBED = Path("/tmp/climbed")
PASSWD = "root:x:0:0"  # from /etc/passwd, to which entities, parts and links lead

_ONLY = set(filter(None, os.environ.get("MSOIC_FAULTS_ONLY", "").split(",")))
_CHOSEN = [each for each in HOSTILE.values() if not _ONLY or each.name in _ONLY]
_GROUPS = list(dict.fromkeys(each.group for each in _CHOSEN if each.group != "heavy"))
_HEAVY = [each.name for each in _CHOSEN if each.group == "heavy"]


@dataclass(frozen=True)
class After:
    """The warehouse before and after a run, and what the run said."""

    good: dict[str, dict[str, Any]]
    releases: dict[str, dict[str, Any]]
    quarantine: dict[str, list[tuple[str, Any, str]]]
    said: str


def _became(hostile: Hostile, after: After) -> tuple[str, str]:
    """What became of a hostile file, in a word and in more."""
    rows = [row for file, those in after.quarantine.items() if hostile.token in file for row in those]
    accepted = [row for file, row in after.releases.items() if hostile.token in file and row["status"] == "accepted"]
    if accepted:
        donor = after.good.get(DONORS.get(hostile.source, ""))
        same = donor is not None and donor["figures"] and all(row["figures"] == donor["figures"] for row in accepted)
        return "accepted", LIKE_DONOR if same else "other figures than the donor's"
    unparsed = {row["release_id"] for row in after.releases.values() if not row["layout"]}
    if any(release_id is None or release_id in unparsed for _, release_id, _ in rows):
        return "refused", ", ".join(sorted({rule for rule, _, _ in rows}))
    if rows:
        return "rejected", ", ".join(sorted({rule for rule, _, _ in rows}))
    # A file that somebody is writing to is named, and left for the next run.
    return ("left for later", "") if hostile.token in after.said else ("passed over", "")


def _is_as_expected(hostile: Hostile, word: str, words: str) -> bool:
    allowed = {
        "refused": ("refused",),
        "rejected": ("refused", "rejected"),
        "accepted": ("accepted",),
        "either": ("refused", "rejected", "accepted", "left for later"),
        "ignored": ("refused", "rejected", "accepted", "left for later", "passed over"),
    }[hostile.expected]
    return word in allowed and not (hostile.expected == "accepted" and words != LIKE_DONOR)


def _of_the_run(bench: Bench, ran: Ran, before: int) -> list[str]:
    """What is wrong with a run whatever the files were."""
    wrong = []
    if ran.late:
        wrong.append(f"the run did not end by itself within {ran.seconds:.0f} s")
    if not ran.agrees:
        wrong.append(f"exit code {ran.code} and the last sentence {ran.last_words!r} do not agree: {ran}")
    wrong += [f"{process}: {peak:,} MB" for process, peak in ran.peaks.items() if peak > MEMORY_MB]
    wrong += [f"still there after the run: {process}" for process in ran.left_over]
    wrong += [f"half made: {path}" for path in bench.half_made()]
    wrong += [f"not to be printed: {where}" for where in bench.unprintable(ran)]
    growth = (bench.warehouse_bytes() - before) / 2**20
    if growth > GROWTH_MB:
        wrong.append(f"the warehouse grew by {growth:,.0f} MB")
    if PASSWD in ran.out + ran.err + str(bench.names()):
        wrong.append("what stands in /etc/passwd was told")
    if CLIMBED.exists():
        wrong.append(f"{CLIMBED} was written")
    return wrong


def _attack(bench: Bench, prepared: Bench, chosen: list[Hostile], summary: Summary, chapter: str) -> None:
    good = prepared.releases()
    lay(bench.raw, *(each.name for each in chosen))
    before = bench.warehouse_bytes()
    with contextlib.ExitStack() as beside:
        for each in chosen:
            if each.during:
                beside.enter_context(each.during(each.place(bench.raw)))
        ran = bench.run()
    wrong = _of_the_run(bench, ran, before)
    after = After(good, bench.releases(), bench.names(), ran.out)
    for file, row in good.items():
        now = after.releases.get(file)
        if now is None or now["status"] != "accepted" or now["figures"] != row["figures"]:
            wrong.append(f"the good file {file} is not as it was: {now and now['status']}")
    for file, rows in after.quarantine.items():
        for rule, number in Counter(rule for rule, _, _ in rows).items():
            if number > MOST_ROWS:
                wrong.append(f"{file!a}: {number:,} rows of quarantine of the rule {rule}")
        if (longest := max(len(reason) for _, _, reason in rows)) > MOST_WORDS:
            wrong.append(f"{file!a}: a reason of {longest:,} characters")
    refused = set()
    for each in chosen:
        word, words = _became(each, after)
        if not _is_as_expected(each, word, words):
            wrong.append(f"{each.name} ({each.description}): expected {each.expected}; {word} {words}")
        if word in ("refused", "rejected"):
            refused.add(each.source)
        summary.add("what became of hostile files", each.name, each.expected, word, words)
    for source in refused:
        if f"validated/{source}:files_accepted" not in ran.out:
            wrong.append(f"the check files_accepted of {source} does not say so")
    if refused and ran.code != 1:
        wrong.append(f"exit code {ran.code} though files were refused")
    summary.add(
        "runs with hostile files",
        chapter,
        f"{len(chosen)} files",
        f"{ran.seconds:.0f} s",
        f"{ran.peak:,} MB",
        f"{len(wrong)} wrong",
    )
    CLIMBED.unlink(missing_ok=True)
    assert not wrong, f"{len(wrong)} wrong:\n" + "\n".join(wrong)


@pytest.mark.parametrize("group", _GROUPS)
def test_a_group_of_hostile_files(bench: Bench, prepared: Bench, summary: Summary, group: str):
    _attack(bench, prepared, [each for each in _CHOSEN if each.group == group], summary, group)


@pytest.mark.parametrize("name", _HEAVY)
def test_a_heavy_file(bench: Bench, prepared: Bench, summary: Summary, name: str):
    _attack(bench, prepared, [HOSTILE[name]], summary, name)


@pytest.mark.skipif(bool(_ONLY), reason="MSOIC_FAULTS_ONLY names a few")
def test_files_that_were_refused_are_refused_again_and_loaded_when_mended(bench: Bench, summary: Summary):
    """Neither a memory of what was refused nor the lack of one may hide a file or hold up the next run for ever."""
    names = ["xlsx-far-cell", "ods-ends-in-table", "said-31-february", "zip-cut"]
    chosen = lay(bench.raw, *names)
    first = bench.run()
    second = bench.run()
    for ran in (first, second):
        assert ran.code == 1 and ran.agrees and not ran.late, str(ran)
        for each in chosen:
            assert each.token in "".join(bench.names()), each.name
    summary.add(
        "runs with hostile files",
        "the same files again",
        f"{len(chosen)} files",
        f"{first.seconds:.0f} s, then {second.seconds:.0f} s",
        f"{second.peak:,} MB",
        "",
    )
    for each in chosen:
        for path in each.place(bench.raw).folder.glob(f"*{each.token}*"):
            path.unlink()
    third = bench.run()
    assert third.agrees and not third.late, str(third)
    assert not any(each.token in "".join(bench.names()) for each in chosen), "what is gone is still refused"
