"""What comes in stays in force: raw files may be overwritten, moved or removed, and take no release with them."""

from __future__ import annotations

import datetime as dt
import errno
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import openpyxl
import pytest

from msoic_pipeline.ingest import archive, raw_files, reading, remembered
from msoic_pipeline.ingest.decision_error import DecisionError
from msoic_pipeline.ingest.decisions import (
    decide,
    find_release,
    list_absent_releases,
    list_synthetic_releases,
    put_back,
    remove_from_archive,
    remove_raw_files,
)
from msoic_pipeline.ingest.file_asked import FileAsked
from msoic_pipeline.ingest.intake import Intake, take_in_source
from msoic_pipeline.ingest.raw_files import RawFile
from msoic_pipeline.ingest.read_once import NotReadYet
from msoic_pipeline.ingest.reading import FileReading, RefusedFile
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.ingest.workers import over_time_error
from msoic_pipeline.periods import find_today
from msoic_pipeline.trials.locate_source import ask_about_file
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.sample import RAW, read_here, settings_in, take_in

THIRD = "cps-data-summary-quarter-3-2021-2022.xlsx"
FOURTH = "cps-data-summary-quarter-4-2021-2022.xlsx"
NRM = "national-referral-mechanism-statistics-uk-quarter-3-2021-july-to-september-tables.ods"


class Desk:
    """A raw folder with two files of the CPS, and what comes of it."""

    def __init__(self, folder: Path, source: str = "cps") -> None:
        self.folder, self.source = folder, source
        self.settings = settings_in(folder, folder / "raw")
        self.raw = folder / "raw" / source
        self.raw.mkdir(parents=True)

    def copy(self, name: str, to: str = "") -> Path:
        """Copy a file of the sample, with its sidecar."""
        target = self.raw / (to or name)
        shutil.copy2(RAW / self.source / name, target)
        if sidecar_path(RAW / self.source / name).is_file():
            shutil.copy2(sidecar_path(RAW / self.source / name), sidecar_path(target))
        return target

    def remove(self, name: str) -> None:
        """Remove a file, with its sidecar."""
        (self.raw / name).unlink()
        sidecar_path(self.raw / name).unlink(missing_ok=True)

    def take_in(self) -> Intake:
        """Take in what is there."""
        return take_in(self.folder, self.source, self.folder / "raw")

    def releases(self) -> dict[str, Release]:
        """The releases in force, by the names of their files."""
        return {Path(release.file_name).name: release for release in self.take_in().landing.releases}

    def rules(self) -> list[str]:
        """The rules of all errors."""
        landing = self.take_in().landing
        return sorted(error.rule for error in (*landing.refused, *landing.absent, *landing.waiting))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.copy(THIRD)
    made.copy(FOURTH)
    assert len(made.releases()) == 2
    return made


@pytest.fixture
def nrm(tmp_path: Path) -> Desk:
    made = Desk(tmp_path, "nrm")
    made.copy(NRM)
    assert len(made.releases()) == 1
    return made


def _edit(path: Path, cell: str = "C8", value: int = 77) -> None:
    book = openpyxl.load_workbook(path)
    book["1 Pre-charge"][cell] = value
    book.save(path)


# ---- overwritten, moved, removed -------------------------------------------------------------------


def test_a_full_disk_of_the_archive_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    _edit(desk.raw / FOURTH)

    def write_nothing(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(archive.os, "fsync", write_nothing)
    (error,) = desk.take_in().landing.refused
    assert error.rule == "no_access" and error.file.endswith(FOURTH)
    assert str(desk.folder / "archive") in error.found, "which disk is full"


def test_a_file_that_is_overwritten_stays_in_force_beside_the_one_that_took_its_place(desk: Desk):
    (before,) = (release for name, release in desk.releases().items() if name == FOURTH)
    _edit(desk.raw / FOURTH)
    intake = desk.take_in()
    assert not intake.landing.refused and not intake.landing.absent
    ours = [release for release in intake.landing.releases if release.file_name.endswith(FOURTH)]
    assert [release.in_raw for release in ours] == [False, True], "the later one counts"
    assert ours[0].release_id == before.release_id and ours[0].superseded_by == ours[1].release_id
    assert ours[0].published_on == ours[1].published_on


def test_files_that_come_in_together_keep_their_order(desk: Desk):
    issues = [desk.copy(FOURTH, f"issue-{number}.xlsx") for number in range(2)]
    for number, path in enumerate(issues):
        _edit(path, value=number)
    # The archive lists by digest: there the one whose name comes last is the first.
    issues.sort(key=lambda path: hashlib.sha256(path.read_bytes()).hexdigest(), reverse=True)
    for path, name in zip(issues, ("a.xlsx", "b.xlsx"), strict=True):
        path.rename(desk.raw / name)
        sidecar_path(path).rename(sidecar_path(desk.raw / name))
    first, again = desk.take_in().landing.releases, desk.take_in().landing.releases
    assert [Path(release.file_name).name for release in first][-2:] == ["a.xlsx", "b.xlsx"]
    assert again == first


def test_a_replacement_that_is_refused_leaves_the_former_release_in_force(desk: Desk):
    before = desk.releases()[FOURTH]
    (desk.raw / FOURTH).write_bytes(b"PK half a file")
    intake = desk.take_in()
    assert [error.rule for error in intake.landing.refused] == ["unreadable_file"]
    assert before.release_id in {release.release_id for release in intake.landing.releases}
    assert len(intake.staged) == 2 and not intake.landing.absent
    assert not list((desk.folder / "archive" / "cps").glob(".incoming*"))
    assert len(list((desk.folder / "archive" / "cps").iterdir())) == 2, "what is refused is not kept"


def test_a_file_that_is_moved_is_the_same_release(desk: Desk):
    before = desk.releases()[FOURTH]
    (desk.raw / "2022").mkdir()
    for path in (desk.raw / FOURTH, sidecar_path(desk.raw / FOURTH)):
        if path.exists():
            path.rename(desk.raw / "2022" / path.name)
    assert desk.rules() == []
    after = desk.releases()[FOURTH]
    assert (after.release_id, after.in_raw, after.file_name) == (before.release_id, True, f"cps/2022/{FOURTH}")
    record = json.loads((desk.folder / "archive" / "cps" / after.sha256 / "record.json").read_text())
    assert [name["name"] for name in record["names"]] == [f"cps/{FOURTH}", f"cps/2022/{FOURTH}"]
    assert record["names"][0]["until"] and record["names"][1]["until"] is None


def test_a_file_that_is_removed_is_named_and_stays_in_force(desk: Desk):
    before = desk.releases()[FOURTH]
    desk.remove(FOURTH)
    for _ in range(2):
        (error,) = desk.take_in().landing.absent
        assert (error.rule, error.file) == ("absent_file", f"cps/{FOURTH}")
        assert f"msoic put-back {before.release_id}" in error.remedy and "Its figures stand" in error.remedy
    after = desk.releases()[FOURTH]
    assert after.release_id == before.release_id and not after.in_raw


def test_a_folder_that_is_gone_takes_nothing_with_it(desk: Desk):
    shutil.move(desk.raw, desk.folder / "elsewhere")
    (error,) = desk.take_in().landing.absent
    assert error.rule == "absent_folder" and "2 files stood" in error.expected
    assert len(desk.take_in().staged) == 2
    shutil.move(desk.folder / "elsewhere", desk.raw)
    assert desk.rules() == [] and all(release.in_raw for release in desk.releases().values())


def test_a_folder_that_was_never_there_is_no_error(tmp_path: Path):
    intake = take_in(tmp_path, "cps", tmp_path / "nowhere")
    assert intake.landing.releases == () == intake.landing.absent == intake.landing.refused


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_named_and_nothing_is_absent(desk: Desk):
    desk.raw.chmod(0)
    try:
        intake = desk.take_in()
    finally:
        desk.raw.chmod(0o755)
    assert [error.rule for error in intake.landing.refused] == ["no_access"]
    assert not intake.landing.absent and len(intake.staged) == 2


def test_what_cannot_be_read_is_named_and_is_not_absent(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    """As the test above, for root: the system refuses to open the files."""

    def refuse(file: RawFile) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(RawFile, "digest", refuse)
    intake = desk.take_in()
    assert [error.rule for error in intake.landing.refused] == ["no_access"] * 2
    assert "a matter of the machine" in str(intake.landing.refused[0])
    assert not intake.landing.absent and len(intake.staged) == 2
    assert all(release.in_raw for release in intake.landing.releases)


def test_the_archive_alone_holds_all_that_is_needed(nrm: Desk):
    before = nrm.take_in().landing.releases
    shutil.rmtree(nrm.folder / "raw")
    shutil.rmtree(nrm.folder / "staging")
    intake = nrm.take_in()
    assert [release.release_id for release in intake.landing.releases] == [release.release_id for release in before]
    assert intake.landing.releases[0].reference_period == "2021-Q3", "which only the sidecar says"
    assert len(intake.staged) == 1 and intake.read == 1


# ---- sidecars --------------------------------------------------------------------------------------


def test_a_sidecar_that_is_broken_or_gone_leaves_what_it_said(nrm: Desk):
    before = nrm.releases()[NRM]
    sidecar = sidecar_path(nrm.raw / NRM)
    said = sidecar.read_text()
    sidecar.write_text("published_on: 2024-02-31\n")
    (error,) = nrm.take_in().landing.refused
    assert (error.rule, error.file) == ("unreadable_sidecar", f"nrm/{NRM}.yaml")
    assert nrm.releases()[NRM] == before
    sidecar.unlink()
    assert nrm.rules() == ["no_reference_period"] and nrm.releases()[NRM] == before
    sidecar.write_text(said + "note: better\n")
    assert nrm.rules() == [] and nrm.releases()[NRM].note == "better"
    record = json.loads((nrm.folder / "archive" / "nrm" / before.sha256 / "record.json").read_text())
    assert record["sidecar"].endswith("note: better\n") and record["former_sidecars"] == [said]


# ---- what is no file, or not yet -------------------------------------------------------------------


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


THINGS = {
    "pipe": (os.mkfifo, "a pipe"),
    "socket": (_socket, "a pipe"),
    "dangling": (lambda path: path.symlink_to("nothing.xlsx"), "leads to none"),
    "to itself": (lambda path: path.symlink_to(path.name), "leads to none"),
    "out": (lambda path: path.symlink_to("/etc/hostname"), "leads out"),
    "folder": (lambda path: path.mkdir(), "a folder called like one"),
}


@pytest.mark.parametrize("kind", THINGS)
def test_what_is_no_file_is_named(desk: Desk, kind: str, monkeypatch: pytest.MonkeyPatch):
    make, words = THINGS[kind]
    monkeypatch.chdir(desk.raw)  # the path of a socket may not be long
    make(Path("thing.xlsx"))
    (error,) = desk.take_in().landing.refused
    assert (error.rule, error.file) == ("not_a_file", "cps/thing.xlsx") and words in error.found
    assert len(desk.take_in().staged) == 2


@pytest.mark.parametrize("kind", ["pipe", "dangling", "folder"])
def test_a_sidecar_that_is_no_file_is_named(nrm: Desk, kind: str):
    sidecar_path(nrm.raw / NRM).unlink()
    THINGS[kind][0](sidecar_path(nrm.raw / NRM))
    assert nrm.rules()[0] in ("not_a_file", "no_access")
    assert len(nrm.releases()) == 1


def test_a_link_within_the_raw_folder_is_a_file(desk: Desk):
    (desk.raw / "link.xlsx").symlink_to(FOURTH)
    assert desk.rules() == ["duplicate_file"]


def test_a_link_has_a_sidecar_of_its_own(nrm: Desk):
    """Links of several sources may lead into one folder, which has no sidecars."""
    shared = nrm.settings.raw_dir / "shared"
    shared.mkdir()
    (nrm.raw / NRM).rename(shared / "tables.ods")
    (nrm.raw / NRM).symlink_to(shared / "tables.ods")
    assert nrm.rules() == [] and len(nrm.releases()) == 1
    asked = ask_about_file(nrm.raw / NRM)
    assert (asked.source, asked.name) == ("nrm", f"nrm/{NRM}")
    assert asked.sidecar == sidecar_path(nrm.raw / NRM).read_bytes()


def test_a_link_without_a_sidecar_has_that_of_its_file(nrm: Desk):
    shared = nrm.settings.raw_dir / "shared"
    shared.mkdir()
    for put in (lambda path: path, sidecar_path):
        put(nrm.raw / NRM).rename(put(shared / "tables.ods"))
    (nrm.raw / NRM).symlink_to(shared / "tables.ods")
    assert nrm.rules() == [] and len(nrm.releases()) == 1


@pytest.mark.parametrize(
    "name", ["a\x1b[31mb.xlsx", "a\u202eb.xlsx", "a\nb.xlsx", "a\udcffb.xlsx", "a" * 240 + ".xlsx"]
)
def test_any_name_can_be_shown_and_kept(desk: Desk, name: str):
    for put in (lambda path: path, sidecar_path):
        put(desk.raw / FOURTH).rename(put(desk.raw / name))
    releases = desk.take_in().landing.releases
    assert desk.rules() == [] and all(release.in_raw for release in releases)
    assert all(release.file_name.isprintable() for release in releases) and len(releases) == 2


def test_a_file_that_grows_is_left_for_the_next_run(desk: Desk):
    path = desk.copy("cps-data-summary-quarter-2-2021-2022.xlsx")
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    stop = threading.Event()

    def grow() -> None:
        while not stop.is_set():
            with path.open("ab") as file:
                file.write(b"x")
            time.sleep(0.05)

    writer = threading.Thread(target=grow)
    writer.start()
    try:
        intake = desk.take_in()
    finally:
        stop.set()
        writer.join()
    assert [error.rule for error in intake.landing.waiting] == ["growing_file"]
    assert intake.landing.refused == () and len(intake.staged) == 2
    path.write_bytes(whole)
    assert desk.rules() == [] and len(desk.releases()) == 3


def test_a_clock_that_is_wrong_keeps_no_file_out(desk: Desk):
    path = desk.copy("cps-data-summary-quarter-2-2021-2022.xlsx")
    os.utime(path, (time.time() + 10**6,) * 2)
    assert desk.rules() == [] and len(desk.releases()) == 3


# ---- read once, by one at a time -------------------------------------------------------------------


def test_a_file_larger_than_any_is_not_even_looked_at(desk: Desk):
    with (desk.raw / "sparse.xlsx").open("wb") as file:
        file.truncate(2**40)
    (error,) = desk.take_in().landing.refused
    assert error.rule == "refused_file" and "1,099,511,627,776 bytes" in error.found


def test_a_damaged_record_is_named(desk: Desk):
    record = next((desk.folder / "archive" / "cps").glob("*/record.json"))
    record.write_text("{")
    with pytest.raises(SourceFileError, match=r"record\.json: expected the record"):
        desk.take_in()


@pytest.mark.parametrize("is_parsed", [True, False])
def test_an_archive_that_is_restored_is_read_as_before(desk: Desk, is_parsed: bool):
    archived = desk.folder / "archive" / "cps" / desk.releases()[FOURTH].sha256 / FOURTH
    content = archived.read_bytes()
    archived.write_bytes(content + b" ")
    # Without the one the file is not recognised, without the other it is recognised and not parsed.
    for path in (desk.folder / "staging" / "cps").iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif path.name == "readings.json" and not is_parsed:
            path.unlink()
    assert "archive_damaged" in {
        *(error.rule for error in desk.take_in().landing.refused),
        *(each.error.rule for each in desk.take_in().unparsed),
    }
    archived.write_bytes(content)
    after = desk.take_in()
    assert not after.landing.refused and not after.unparsed and len(after.staged) == 2


def test_nothing_is_read_where_nothing_may_be(desk: Desk):
    take_in_source(desk.settings, load_source("cps"), read_here, may_read=False)
    desk.copy("cps-data-summary-quarter-2-2021-2022.xlsx")
    with pytest.raises(NotReadYet):
        take_in_source(desk.settings, load_source("cps"), read_here, may_read=False)


def test_a_refused_file_is_not_read_again(desk: Desk):
    (desk.raw / "bad.xlsx").write_bytes(b"PK half a file")
    assert desk.take_in().read == 1
    assert desk.take_in().read == 0 and desk.rules() == ["unreadable_file"]


def test_a_refused_file_is_named_by_where_it_stands(desk: Desk):
    (desk.raw / "bad.xlsx").write_bytes(b"PK half a file")
    assert desk.take_in().landing.refused[0].file == "cps/bad.xlsx"
    (desk.raw / "2021").mkdir()
    (desk.raw / "bad.xlsx").rename(desk.raw / "2021" / "bad.xlsx")
    moved = desk.take_in()
    assert moved.read == 0 and [error.file for error in moved.landing.refused] == ["cps/2021/bad.xlsx"]


def _over_limits(asked: Sequence[FileAsked], staging_dir: Path) -> list[FileReading]:
    """What comes of files whose reader is ended over time before they are recognised."""
    return [RefusedFile(over_time_error(file.name, 1, "seconds"), "limits") for file in asked]


def _over_memory(*_: object) -> None:
    raise MemoryError


def _forget_parsed(desk: Desk) -> None:
    """Leave what the files were recognised as, and not what they were parsed into, as after an edit of a layout."""
    for folder in (desk.folder / "staging" / "cps").iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)


@pytest.mark.parametrize("is_recognised_first", [True, False])
def test_a_known_release_that_takes_too_much_is_tried_again_tomorrow(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, is_recognised_first: bool
):
    _forget_parsed(desk)
    with monkeypatch.context() as patch:
        if is_recognised_first:
            patch.setattr(reading, "stage_workbook", _over_memory)
        reader = read_here if is_recognised_first else _over_limits
        first = take_in_source(desk.settings, load_source("cps"), reader)
    assert {each.error.rule for each in first.unparsed} == {"over_memory" if is_recognised_first else "over_time"}
    assert first.read == 2 and len(first.unparsed) == 2 and not first.landing.refused
    again = desk.take_in()
    assert again.read == 0 and len(again.unparsed) == 2, "remembered for the day"
    monkeypatch.setattr(remembered, "find_today", lambda: find_today() + dt.timedelta(days=1))
    tomorrow = desk.take_in()
    assert tomorrow.read == 2 and not tomorrow.unparsed and len(tomorrow.staged) == 2


TAKES_IN = (
    "import sys; from pathlib import Path; from msoic_pipeline_tests.sample import take_in;"
    "i = take_in(Path(sys.argv[1]), 'cps'); print(len(i.staged), len(i.landing.refused))"
)


def test_two_at_once_come_to_the_same(tmp_path: Path):
    both = [
        subprocess.Popen(
            [sys.executable, "-c", TAKES_IN, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=300)[0].split() for process in both]
    assert said[0] == said[1] == [str(len(list((RAW / "cps").glob("*.xlsx")))), "0"]


# ---- decisions -------------------------------------------------------------------------------------


def test_what_is_withdrawn_is_out_of_force_until_it_is_restored(desk: Desk):
    release = desk.releases()[FOURTH]
    kept = find_release(desk.settings, f"cps/{FOURTH}")
    assert kept.release_id == release.release_id
    with pytest.raises(DecisionError, match="a reason"):
        decide(desk.settings, kept, "withdrawn", " ")
    decide(desk.settings, kept, "withdrawn", "A draft, sent by mistake.")
    landing = desk.take_in().landing
    assert landing.withdrawn == {release.release_id} and FOURTH not in desk.releases()
    (decision,) = landing.decisions
    assert decision.reason == "A draft, sent by mistake." and decision.decided_by
    desk.remove(FOURTH)
    assert desk.rules() == [], "nobody misses the file of what is withdrawn"
    with pytest.raises(DecisionError, match="withdrawn already"):
        decide(desk.settings, find_release(desk.settings, release.release_id), "withdrawn", "again")
    decide(desk.settings, find_release(desk.settings, release.release_id), "restored", "It was none.")
    assert FOURTH in desk.releases() and len(desk.take_in().landing.decisions) == 2


def test_a_file_may_be_let_go_or_put_back(desk: Desk):
    release = desk.releases()[FOURTH]
    content = (desk.raw / FOURTH).read_bytes()
    desk.remove(FOURTH)
    kept = find_release(desk.settings, release.release_id)
    assert put_back(desk.settings, kept).read_bytes() == content
    assert desk.rules() == []
    with pytest.raises(DecisionError, match="is there"):
        put_back(desk.settings, kept)
    desk.remove(FOURTH)
    (missing,) = list_absent_releases(desk.settings, load_source("cps"))
    decide(desk.settings, missing, "let go", "The folder is tidied up once a year.")
    assert desk.rules() == [] and FOURTH in desk.releases()


def test_a_decision_keeps_what_was_noted_since_its_release_was_found(desk: Desk):
    kept = find_release(desk.settings, f"cps/{FOURTH}")
    (desk.raw / FOURTH).rename(desk.raw / "moved.xlsx")
    sidecar_path(desk.raw / FOURTH).rename(sidecar_path(desk.raw / "moved.xlsx"))
    desk.take_in()
    decide(desk.settings, kept, "withdrawn", "A draft.")
    record = find_release(desk.settings, kept.release_id).record
    assert record.last_name == "cps/moved.xlsx" and record.is_withdrawn
    with pytest.raises(DecisionError, match="withdrawn already"):
        decide(desk.settings, kept, "withdrawn", "Once more, by somebody who looked before.")


def test_a_sidecar_that_stands_there_is_not_overwritten(desk: Desk):
    kept = find_release(desk.settings, f"cps/{FOURTH}")
    (desk.raw / FOURTH).unlink()
    sidecar_path(desk.raw / FOURTH).write_text("published_on: 2001-01-01\n", encoding="utf-8")
    with pytest.raises(DecisionError, match="says something else"):
        put_back(desk.settings, kept)
    assert not (desk.raw / FOURTH).exists()
    assert "2001" in sidecar_path(desk.raw / FOURTH).read_text(encoding="utf-8")
    sidecar_path(desk.raw / FOURTH).unlink()
    put_back(desk.settings, kept)
    assert desk.rules() == [] and not list(desk.raw.glob("*.partial")) and not list(desk.raw.glob(".*"))


def test_a_sidecar_is_kept_with_the_mark_of_its_encoding(desk: Desk):
    path = sidecar_path(desk.raw / FOURTH)
    said = b"\xef\xbb\xbf" + path.read_bytes()
    path.write_bytes(said)
    assert desk.rules() == []
    (desk.raw / FOURTH).unlink()
    put_back(desk.settings, find_release(desk.settings, f"cps/{FOURTH}"))
    assert path.read_bytes() == said
    desk.remove(FOURTH)
    assert desk.take_in().read == 0, "without its raw file it is the same as before"
    put_back(desk.settings, find_release(desk.settings, f"cps/{FOURTH}"))
    assert path.read_bytes() == said and desk.rules() == []


def test_a_file_whose_name_cannot_be_shown_is_removed_and_not_put_back_under_another(desk: Desk):
    odd = desk.raw / "q\x1b4.xlsx"
    (desk.raw / FOURTH).rename(odd)
    sidecar_path(desk.raw / FOURTH).rename(sidecar_path(odd))
    desk.take_in()
    kept = find_release(desk.settings, "cps/q\\x1b4.xlsx")
    (desk.raw / "q\\x1b4.xlsx").write_bytes(b"")
    with pytest.raises(DecisionError, match="2 files are shown under that name"):
        remove_raw_files(desk.settings, [kept])
    (desk.raw / "q\\x1b4.xlsx").unlink()
    remove_raw_files(desk.settings, [kept])
    assert not odd.exists() and not sidecar_path(odd).exists() and (desk.raw / THIRD).exists()
    with pytest.raises(DecisionError, match=rf"copy .*{kept.record.sha256}.* by hand"):
        put_back(desk.settings, kept)
    assert [path.name for path in desk.raw.glob("*.xlsx")] == [THIRD]


def test_an_unknown_release_is_told(desk: Desk):
    with pytest.raises(LookupError, match="no release of that name"):
        find_release(desk.settings, "cps-0123456789")


@pytest.fixture
def whole_sample(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path, "small_boats")
    for path in (RAW / "small_boats").glob("*.ods"):
        made.copy(path.name)
    yield made


def test_the_sample_goes_without_a_trace(whole_sample: Desk):
    desk = whole_sample
    desk.take_in()
    sample = list_synthetic_releases(desk.settings)
    assert len(sample) == 2
    remove_raw_files(desk.settings, sample)
    assert not list(desk.raw.iterdir())
    for kept in sample:
        decide(desk.settings, kept, "withdrawn", "real data")
    assert desk.take_in().landing.releases == ()
    remove_from_archive(desk.settings, sample)
    assert not list((desk.folder / "archive" / "small_boats").iterdir())
    assert desk.take_in().landing == take_in(desk.folder, "small_boats", desk.folder / "raw").landing


def test_what_is_half_made_is_swept_away(desk: Desk):
    for folder in ("archive", "staging"):
        (desk.folder / folder / "cps" / (".incoming-x" if folder == "archive" else ".partial-x")).mkdir()
    desk.take_in()
    assert not list(desk.folder.rglob(".*-x"))


def test_returns_are_kept_for_their_owner_alone(tmp_path: Path):
    desk = Desk(tmp_path, "force_returns")
    shutil.copy2(RAW / "force_returns" / "2021-10" / "e23000001-2021-10.xlsx", desk.raw)
    assert len(desk.releases()) == 1
    assert (tmp_path / "archive" / "force_returns").stat().st_mode & 0o077 == 0


def test_raw_files_settle_quickly():
    assert raw_files.SETTLING_SECONDS <= 1


def test_what_is_no_data_is_passed_over_however_its_name_is_written(desk: Desk):
    (desk.raw / "README.TXT").write_text("For people.")
    assert not desk.take_in().landing.refused
