"""Files are registered as published, by their content; a bad one is refused with the reason, and the others land."""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from msoic_pipeline.ingest import reading
from msoic_pipeline.ingest.editions import link_editions
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.sample import RAW, landed, take_in
from sample_data.writers import write_xlsx

NRM = "national-referral-mechanism-statistics-uk-quarter-3-2021-july-to-september-tables.ods"
CPS = "cps-data-summary-quarter-3-2021-2022.xlsx"
OTHER_CPS = "cps-data-summary-quarter-4-2021-2022.xlsx"


class Raw:
    """A raw folder with files of one source in it."""

    def __init__(self, root: Path, source: str) -> None:
        self.root, self.source = root, source
        self.folder = root / "raw" / source
        self.folder.mkdir(parents=True)

    def copy(self, name: str, to: str = "", sidecar: str | None = None) -> Path:
        """Copy a file of the sample, with the sidecar that it has there, or with another, or (empty) without."""
        target = self.folder / (to or Path(name).name)
        shutil.copy2(RAW / self.source / name, target)
        theirs = RAW / self.source / f"{name}.yaml"
        said = sidecar if sidecar is not None else theirs.read_text(encoding="utf-8") if theirs.is_file() else ""
        if said:
            target.with_name(target.name + ".yaml").write_text(said, encoding="utf-8")
        return target

    def land(self) -> Landing:
        """Land what is there."""
        return take_in(self.root, self.source, self.root / "raw").landing

    def refused(self) -> SourceFileError:
        """Land what is there, of which one file must be refused and the others land."""
        found = self.land()
        (error,) = found.refused
        assert error.expected and error.found and error.remedy
        assert str(error).startswith(f"{self.source}/")
        return error


@pytest.fixture
def nrm(tmp_path: Path) -> Raw:
    return Raw(tmp_path, "nrm")


@pytest.fixture
def cps(tmp_path: Path) -> Raw:
    raw = Raw(tmp_path, "cps")
    raw.copy(OTHER_CPS)
    return raw


def test_a_release_is_what_cover_and_sidecar_say(nrm: Raw):
    nrm.copy(NRM)
    (release,) = nrm.land().releases
    assert (release.published_on, release.reference_period) == (dt.date(2021, 11, 4), "2021-Q3")
    assert release.reference_quarter == release.reference_start == dt.date(2021, 7, 1)
    assert (release.edition, release.is_synthetic, release.superseded_by) == (1, True, None)
    assert release.file_name == f"nrm/{NRM}"
    assert release.release_id == f"nrm-{release.sha256[:10]}"


def test_the_time_of_the_file_itself_does_not_count(nrm: Raw):
    path = nrm.copy(NRM)
    before = nrm.land()
    os.utime(path, (0, 0))
    assert nrm.land() == before


def test_a_cover_sheet_alone_is_enough_where_it_says_all(tmp_path: Path):
    raw = Raw(tmp_path, "force_returns")
    raw.copy("2021-10/e23000001-2021-10.xlsx")
    (release,) = raw.land().releases
    assert (release.reporter, release.reference_period) == ("E23000001", "2021-10")


def test_a_file_is_opened_once_ever(nrm: Raw, monkeypatch: pytest.MonkeyPatch):
    path = nrm.copy(NRM)
    before = nrm.land()
    monkeypatch.setattr(reading, "open_workbook", lambda path: pytest.fail(f"opened {path}"))
    assert nrm.land() == before
    monkeypatch.undo()
    sidecar = path.with_name(path.name + ".yaml")
    sidecar.write_text(sidecar.read_text() + "note: another\n")
    assert nrm.land().releases[0].note == "another"
    assert len(json.loads((nrm.root / "staging" / "nrm" / "readings.json").read_text())) == 1


def test_a_broken_memory_is_forgotten(nrm: Raw):
    nrm.copy(NRM)
    before = nrm.land()
    (nrm.root / "staging" / "nrm" / "readings.json").write_text("{")
    assert nrm.land() == before


def test_files_that_are_no_data_are_passed_over(nrm: Raw):
    nrm.copy(NRM)
    for name in (".DS_Store", "README.md", "notes.txt", ".~lock.tables.ods#"):
        (nrm.folder / name).write_text("x")
    assert len(nrm.land().releases) == 1 and nrm.land().refused == ()


def test_an_empty_folder_or_none(nrm: Raw):
    assert nrm.land() == Landing((), ())
    nrm.folder.rmdir()
    assert nrm.land() == Landing((), ())


# ---- files that are refused while the others land --------------------------------------------------


def _truncate(raw: Raw) -> str:
    path = raw.copy(CPS)
    path.write_bytes(path.read_bytes()[:4000])
    return CPS


def _empty(raw: Raw) -> str:
    raw.copy(CPS).write_bytes(b"")
    return CPS


def _another_kind(raw: Raw) -> str:
    (raw.folder / "summary.pdf").write_bytes(b"%PDF")
    return "summary.pdf"


def _another_publisher(raw: Raw) -> str:
    shutil.copy2(RAW / "nrm" / NRM, raw.folder / NRM)
    return NRM


def _nobodys(raw: Raw) -> str:
    write_xlsx(raw.folder / "budget.xlsx", {"Budget": [["Year", "Pounds"], [2021, 5]]})
    return "budget.xlsx"


def _twin(raw: Raw) -> str:
    raw.copy(OTHER_CPS, to="the-same-again.xlsx")
    return "the-same-again.xlsx"


BAD: dict[str, tuple[Callable[[Raw], str], str, str]] = {
    "truncated": (_truncate, "unreadable_file", "cannot be read"),
    "empty": (_empty, "empty_file", "0 bytes"),
    "another kind": (_another_kind, "unknown_kind", ".pdf"),
    "another publisher": (_another_publisher, "other_publisher", "Move it to nrm/"),
    "nobody's": (_nobodys, "other_publisher", "recognise"),
    "duplicate": (_twin, "duplicate_file", OTHER_CPS),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_refused_and_the_others_land(cps: Raw, kind: str):
    spoil, rule, words = BAD[kind]
    name = spoil(cps)
    error = cps.refused()
    assert error.rule == rule
    assert error.file == f"cps/{name}"
    assert words in str(error)
    assert [release.file_name for release in cps.land().releases] == [f"cps/{OTHER_CPS}"]


def test_without_a_sidecar(nrm: Raw):
    nrm.copy(NRM, sidecar="")
    error = nrm.refused()
    assert (error.rule, error.file) == ("no_reference_period", f"nrm/{NRM}")
    assert f"{NRM}.yaml" in error.remedy and "2021-Q4" in error.expected


def test_without_any_date_of_publication(tmp_path: Path):
    raw = Raw(tmp_path, "small_boats")
    raw.copy("small-boat-arrivals-time-series-14-july-2023.ods", sidecar="reference_period: 2023-Q3")
    assert raw.refused().rule == "no_published_on"


def test_a_sidecar_without_its_file(nrm: Raw):
    path = nrm.copy(NRM)
    path.rename(path.with_name("renamed.ods"))
    errors = {error.rule: error for error in nrm.land().refused}
    assert errors["sidecar_without_file"].file == f"nrm/{NRM}.yaml"
    assert errors["no_reference_period"].file == "nrm/renamed.ods"


@pytest.mark.parametrize(
    ("sidecar", "words"),
    [
        ("published_on: [", "expected"),
        ("published_on: 2024-02-31", "published_on to be a date"),
        ("!!int x", "a tag"),
        ("[" * 5000, "a list"),
        ("&a note: *a", "an anchor"),
        ("title: one\ntitle: two", "title once"),
        ("note: " + "x" * 70_000, "at most 65,536 bytes"),
        ("- a list", "`edition: 1`"),
        ("only words", "only words"),
        ("publised_on: 2021-11-04", "publised_on"),
        ("published_on: soon\nreference_period: 2021-Q3", "published_on to be a date such as"),
        ("published_on: 20211104", "published_on to be a date"),
        ("reference_period: 2021-Q5", "reference_period to be a quarter such as 2021-Q4"),
        ("reference_period:", "reference_period to be"),
        ("edition: second", "edition to be a whole number"),
        ("edition: 0", "edition to be a whole number from 1"),
        ("edition: 1.5", "edition to be a whole number"),
        ("is_synthetic: perhaps", "is_synthetic to be true or false"),
        ("title: \x00", "NUL"),
    ],
)
def test_a_sidecar_written_wrongly(nrm: Raw, sidecar: str, words: str):
    nrm.copy(NRM, sidecar=sidecar)
    error = nrm.refused()
    assert (error.rule, error.file) == ("unreadable_sidecar", f"nrm/{NRM}.yaml")
    assert words in str(error) or words == "NUL"


def test_a_sidecar_that_contradicts_the_cover_sheet(nrm: Raw):
    nrm.copy(NRM, sidecar="published_on: 2021-11-05\nreference_period: 2021-Q3\n")
    error = nrm.refused()
    assert error.rule == "contradictory_detail"
    assert (error.sheet, error.cell) == ("Cover_sheet", "A3")
    assert "2021-11-05" in error.expected and f"{NRM}.yaml" in error.expected
    assert "2021-11-04" in error.found


def test_a_sidecar_that_agrees_with_the_cover_sheet_in_other_words(nrm: Raw):
    nrm.copy(NRM, sidecar="published_on: 4 November 2021\nreference_period: Q3 2021\n")
    (release,) = nrm.land().releases
    assert (release.published_on, release.reference_period) == (dt.date(2021, 11, 4), "2021-Q3")


def test_a_release_about_a_time_after_its_publication(nrm: Raw):
    nrm.copy(NRM, sidecar="reference_period: 2022-Q3\n")
    error = nrm.refused()
    assert error.rule == "contradictory_date"
    assert "2022-Q3" in error.found and "2021-11-04" in error.found


def test_an_unreadable_cover_sheet_names_its_cell(tmp_path: Path):
    raw = Raw(tmp_path, "programme_activity")
    write_xlsx(
        raw.folder / "activity.xlsx",
        {"Cover": [["Modern Slavery and Organised Immigration Crime Programme: activity"], ["Quarter", "the fifth"]]},
    )
    error = raw.refused()
    assert (error.rule, error.sheet, error.cell) == ("unreadable_cover", "Cover", "A2")
    assert "the fifth" in str(error) and "Quarter: " in error.expected


def test_nothing_of_a_sensitive_file_is_told(tmp_path: Path):
    raw = Raw(tmp_path, "force_returns")
    cover = [["Modern slavery investigations: monthly force return"], ["Force", "Kentt"]]
    write_xlsx(raw.folder / "return.xlsx", {"Return": cover})
    error = raw.refused()
    assert (error.rule, error.cell) == ("unreadable_cover", "A2")
    assert "a known force; if this is a new spelling" in error.expected
    assert "nearest" not in str(error) and "Kent" not in str(error)


# ---- editions --------------------------------------------------------------------------------------


def test_a_reissue_supersedes_what_it_corrects():
    quarter = [release for release in landed("nrm").releases if release.reference_period == "2023-Q1"]
    first, second = sorted(quarter, key=lambda release: release.edition)
    assert first.superseded_by == second.release_id and second.superseded_by is None
    assert "re-issued" in second.note.lower()


def test_an_edition_corrects_every_one_below_it_not_its_neighbour_alone():
    release = landed("nrm").releases[0]
    given = [
        replace(release, release_id=name, file_name=f"nrm/{name}.ods", edition=edition, superseded_by=None)
        for name, edition in (("a", 1), ("b", 1), ("c", 2))
    ]
    linked = link_editions(given, load_source("nrm"))
    assert {issue.release_id: issue.superseded_by for issue in linked} == {"a": "c", "b": "c", "c": None}


def test_a_later_release_of_another_period_supersedes_nothing():
    others = [release for release in landed("nrm").releases if release.reference_period != "2023-Q1"]
    assert all(release.superseded_by is None for release in others)


def test_releases_come_in_order_of_publication():
    for source in ("nrm", "cps", "programme_activity"):
        published = [release.published_on for release in landed(source).releases]
        assert published == sorted(published)
