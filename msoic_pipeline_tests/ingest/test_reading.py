"""A worker may take only so much: what takes more is that file's refusal, and every other file goes on."""

from __future__ import annotations

import os
import re
import shutil
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from python_calamine import CalamineSheet, CalamineWorkbook

from msoic_pipeline.ingest import reading, workers
from msoic_pipeline.ingest.intake import take_in_source
from msoic_pipeline.ingest.reading import read_files
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.ingest.workers import call_in_worker, call_in_workers
from msoic_pipeline.resource_limits import MIB, WORKER_BYTES
from msoic_pipeline.trials.locate_source import ask_about_file
from msoic_pipeline.workbooks import grid
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.sample import RAW, ask_about, settings_in
from sample_data.writers import write_ods, write_xlsx

GOOD = "cps-data-summary-quarter-4-2021-2022.xlsx"
ASKED = ask_about(RAW / "cps" / GOOD, RAW, load_source("cps"))


def double(number: int) -> int:
    return 2 * number


def think_for_ever(number: int) -> int:
    while True:
        number += 1


def wait_for_ever(number: int) -> int:
    time.sleep(10_000)
    return number


def abort(number: int) -> int:
    os.abort()


def fill_memory(number: int) -> int:
    return len(bytearray(WORKER_BYTES + MIB))


def shout(number: int) -> int:
    print("Mr Nemo", flush=True)
    os.write(2, b"Mr Nemo")
    return number


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "processor_seconds", lambda size: 1)


def _ask(function: object, path: Path, numbers: int = 1) -> list[object]:
    return list(call_in_workers(function, [(path, (number,)) for number in range(numbers)]))  # type: ignore[arg-type]


def test_answers_come_in_order(tmp_path: Path):
    assert _ask(double, tmp_path, 5) == [0, 2, 4, 6, 8]
    assert call_in_worker(double, tmp_path, 21) == 42


@pytest.mark.parametrize(
    ("function", "rule"), [(think_for_ever, "over_time"), (wait_for_ever, "over_time"), (abort, "reader_died")]
)
def test_what_hangs_or_aborts_is_told_and_the_others_go_on(tmp_path: Path, brief: None, function: object, rule: str):
    (error,) = _ask(function, tmp_path / "f.xlsx")
    assert isinstance(error, SourceFileError) and error.rule == rule
    assert error.file == "f.xlsx" and "resource_limits.py" in error.remedy
    assert _ask(double, tmp_path, 3) == [0, 2, 4]


def test_a_worker_has_only_so_much_memory(tmp_path: Path):
    with pytest.raises(MemoryError):
        call_in_worker(fill_memory, tmp_path, 0)


def test_a_worker_says_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    assert _ask(shout, tmp_path) == [0]
    said = capfd.readouterr()
    assert "Nemo" not in said.out + said.err


# ---- files that do harm ----------------------------------------------------------------------------


def _with_cells(path: Path, cells: bytes) -> None:
    write_xlsx(path.with_suffix(".good.xlsx"), {"S": [["People"], [1]]})
    with zipfile.ZipFile(path.with_suffix(".good.xlsx")) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"</sheetData>", cells + b"</sheetData>"))
    path.with_suffix(".good.xlsx").unlink()


def _unfinished(path: Path) -> None:
    write_ods(path.with_suffix(".good.ods"), {"S": [["People"], [1]]})
    with zipfile.ZipFile(path.with_suffix(".good.ods")) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            new.writestr(name, content[: content.index(b"</table:table>")] if name == "content.xml" else content)
    path.with_suffix(".good.ods").unlink()


HARM = {
    "a cell in row 4,000,000,000": (
        "aborts.xlsx",
        lambda p: _with_cells(p, b'<row r="4000000000"><c r="A4000000000"><v>1</v></c></row>'),
    ),
    "cells too far apart": (
        "far.xlsx",
        lambda p: _with_cells(p, b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'),
    ),
    "a table that does not end": ("hangs.ods", _unfinished),
}


@pytest.mark.parametrize("kind", HARM)
def test_a_file_that_does_harm_is_refused_by_name_and_the_good_one_lands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr(workers, "processor_seconds", lambda size: 5)
    name, make = HARM[kind]
    (tmp_path / "raw" / "cps").mkdir(parents=True)
    good = tmp_path / "raw" / "cps" / GOOD
    for put in (lambda path: path, sidecar_path):
        shutil.copy2(put(RAW / "cps" / GOOD), put(good))
    make(tmp_path / "raw" / "cps" / name)
    intake = take_in_source(settings_in(tmp_path, tmp_path / "raw"), load_source("cps"))
    assert [release.file_name for release in intake.landing.releases] == [f"cps/{GOOD}"] and len(intake.staged) == 1
    (error,) = intake.landing.refused
    assert error.file == f"cps/{name}" and error.rule in ("reader_died", "over_memory", "over_time", "unreadable_file")
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith((".partial", ".incoming"))]


@pytest.mark.parametrize("kind", HARM)
def test_a_file_that_does_harm_before_it_is_known_whose_it_is_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
):
    monkeypatch.setattr(workers, "processor_seconds", lambda size: 5)
    name, make = HARM[kind]
    make(tmp_path / name)
    with pytest.raises(SourceFileError, match=re.escape(name)):
        ask_about_file(tmp_path / name)


class StumbleOfReader(BaseException):
    """What a reader in another language raises."""


@pytest.mark.parametrize(
    ("raised", "rule"),
    [
        (MemoryError(), "over_memory"),
        (TimeoutError(110, "Connection timed out"), "machine_failed"),
        (ValueError("Mr Nemo"), "pipeline_failed"),
        (StumbleOfReader("Mr Nemo"), "unreadable_file"),
    ],
)
def test_whatever_is_raised_while_a_file_is_recognised_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: BaseException, rule: str
):
    def fail(_: object) -> None:
        raise raised

    monkeypatch.setattr(reading, "recognise", fail)
    with pytest.raises(SourceFileError, match=GOOD) as told:
        reading.recognise_file(tmp_path / GOOD)
    assert told.value.rule == rule and "Nemo" not in str(told.value)


def test_a_file_and_each_of_its_sheets_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    opened: list[str] = []
    sheets: list[str] = []

    class Reader:
        def __init__(self, path: str) -> None:
            opened.append(path)
            self._reader = CalamineWorkbook.from_path(path)
            self.sheet_names = self._reader.sheet_names

        @classmethod
        def from_path(cls, path: str) -> Reader:
            return cls(path)

        def get_sheet_by_name(self, name: str) -> CalamineSheet:
            sheets.append(name)
            return self._reader.get_sheet_by_name(name)

        def close(self) -> None:
            self._reader.close()

    monkeypatch.setattr(grid, "CalamineWorkbook", Reader)
    answer = reading.read_file(ASKED, tmp_path)
    assert isinstance(answer, reading.RecognisedFile) and answer.error is None
    assert len(opened) == 1 and len(sheets) == len(set(sheets)) > 3


def test_content_that_was_changed_in_the_archive_is_told(tmp_path: Path):
    path = tmp_path / GOOD
    path.write_bytes((RAW / "cps" / GOOD).read_bytes())
    asked = replace(ASKED, content=path)
    path.write_bytes(path.read_bytes() + b" ")
    (answer,) = read_files([asked], tmp_path / "staging")
    assert answer.error is not None and answer.error.rule == "archive_damaged"


def test_a_full_disk_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(reading, "stage_workbook", fail)
    answer = reading.read_file(ASKED, tmp_path)
    assert answer.blame == "machine" and answer.error is not None and "not of the file" in answer.error.remedy
