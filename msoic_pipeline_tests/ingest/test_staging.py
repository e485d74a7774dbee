"""A release is parsed once, ever, into Parquet files that are there whole or not at all."""

from __future__ import annotations

import datetime as dt
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

from msoic_pipeline.code_digests import digest_code
from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.ingest import known_faults, staging
from msoic_pipeline.ingest.known_faults import Fault
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.manifest import Manifest
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import (
    MANIFEST,
    StagedRelease,
    staged_folder,
    staging_key,
    sweep,
)
from msoic_pipeline.model import members
from msoic_pipeline.model.arrow import make_arrow_schema
from msoic_pipeline.model.facts import FACTS, published_total
from msoic_pipeline.quality.verdicts import judge_files
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.layout import Validity
from msoic_pipeline.workbooks.matching import match_workbook
from msoic_pipeline.workbooks.source import SOURCES, digest_layout, load_source
from msoic_pipeline_tests.conftest import REPOSITORY
from msoic_pipeline_tests.sample import RAW, land_copy, landed, rows_of, stage_release, staged, take_in
from sample_data.writers import write_xlsx

CPS = "cps-data-summary-quarter-3-2021-2022.xlsx"
SOURCE = load_source("cps")
Edit = Callable[[openpyxl.Workbook], None]


@pytest.fixture
def release() -> Release:
    return next(release for release in landed("cps").releases if release.file_name.endswith(CPS))


@pytest.fixture
def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose sheets have been matched, that is parsed."""
    opened: list[str] = []

    def match(source: Any, workbook: Any, quarter: dt.date) -> Any:
        opened.append(workbook.path.name)
        return match_workbook(source, workbook, quarter)

    monkeypatch.setattr(staging, "match_workbook", match)
    return opened


# ---- parsed once -----------------------------------------------------------------------------------


def test_what_has_not_changed_is_not_parsed_again(release: Release, tmp_path: Path, parses: list[str]):
    first = stage_release(release, SOURCE, RAW, tmp_path)
    written = {path: path.stat().st_mtime_ns for path in first.folder.iterdir()}
    again = stage_release(release, SOURCE, RAW, tmp_path)
    assert parses == [CPS]
    assert again.folder == first.folder
    assert {path: path.stat().st_mtime_ns for path in again.folder.iterdir()} == written


def test_whatever_decides_the_content_decides_the_key(release: Release, monkeypatch: pytest.MonkeyPatch):
    keys = {staging_key(release)}
    for change in (
        {"sha256": "0" * 64},
        {"published_on": dt.date(2022, 1, 1)},
        {"reference_period": "2021-Q3"},
        {"reporter": "another"},
    ):
        keys.add(staging_key(replace(release, **change)))
    for name, other in (
        ("_layout_digest", lambda source, quarter: "another layout"),
        ("list_faults_of", lambda release: (_fault(treatment="accept", rule="total_differs"),)),
        ("digest_code", lambda module: "other code"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(staging, name, other)
            keys.add(staging_key(release))
    assert len(keys) == 1 + 4 + 3
    harmless: list[dict[str, Any]] = [
        {"superseded_by": "a later one"},
        {"note": "another"},
        {"file_name": "moved.ods"},
        {"edition": 2},
    ]
    for change in harmless:
        assert staging_key(replace(release, **change)) in keys, "it changes nothing in the figures"


def test_a_changed_layout_parses_anew(
    release: Release, tmp_path: Path, parses: list[str], monkeypatch: pytest.MonkeyPatch
):
    stage_release(release, SOURCE, RAW, tmp_path)
    monkeypatch.setattr(staging, "_layout_digest", lambda source, quarter: "another layout")
    stage_release(release, SOURCE, RAW, tmp_path)
    assert parses == [CPS, CPS]


def test_a_changed_layout_parses_only_what_it_covers():
    table, *others = SOURCE.tables
    (old,) = table.layouts
    ended = old.model_copy(update={"releases": Validity(until=dt.date(2023, 10, 1))})
    new = old.model_copy(update={"layout": "new", "releases": Validity(**{"from": dt.date(2024, 1, 1)})})
    changed = SOURCE.model_copy(update={"tables": (table.model_copy(update={"layouts": (ended, new)}), *others)})
    before, after = dt.date(2023, 10, 1), dt.date(2024, 1, 1)
    assert digest_layout(changed, before) == digest_layout(SOURCE, before)
    assert digest_layout(changed, after) != digest_layout(SOURCE, after)


def test_what_does_not_decide_the_content_parses_nothing_anew():
    changes: dict[str, Any] = {"title": "Another", "lag_days": 1, "frequency": "yearly", "quarantine_threshold": 9}
    quarter = dt.date(2022, 1, 1)
    assert digest_layout(SOURCE.model_copy(update=changes), quarter) == digest_layout(SOURCE, quarter)
    assert digest_layout(SOURCE.model_copy(update={"sensitive": True}), quarter) != digest_layout(SOURCE, quarter)


@pytest.mark.parametrize(
    ("module", "is_parsed_anew"), [("model/facts.py", True), ("model/columns.py", True), ("model/kpi.py", False)]
)
def test_only_code_that_parses_decides_the_key(
    release: Release, monkeypatch: pytest.MonkeyPatch, module: str, is_parsed_anew: bool
):
    def read_edited(path: Path) -> bytes:
        edit = b"# another\n" if path.as_posix().endswith(f"msoic_pipeline/{module}") else b""
        return read(path) + edit

    before, read = staging_key(release), Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", read_edited)
    digest_code.cache_clear()
    try:
        assert (staging_key(release) != before) == is_parsed_anew
    finally:
        digest_code.cache_clear()


def test_a_new_spelling_parses_only_what_may_be_spelled_so(monkeypatch: pytest.MonkeyPatch):
    before = {name: digest_layout(load_source(name)) for name in SOURCES}
    digest = members.digest_files
    monkeypatch.setattr(members, "digest_files", lambda *names: digest(*names) + "new" * ("nationalities.csv" in names))
    changed = [name for name in SOURCES if digest_layout(load_source(name)) != before[name]]
    assert changed == ["force_returns", "nrm"]


def _noting(read: Callable[[Path], Any], names: list[str]) -> Callable[[Path], Any]:
    def note(path: Path) -> Any:
        names.append(path.name)
        return read(path)

    return note


def test_every_file_of_members_is_part_of_the_digest(monkeypatch: pytest.MonkeyPatch):
    folder = Path(members.__file__).parent
    read: list[str] = []
    monkeypatch.setattr(Path, "read_bytes", _noting(Path.read_bytes, read))
    members.digest_files.cache_clear()
    members.digest_all_files.__wrapped__()
    assert sorted(read) == sorted(path.name for path in folder.glob("*.csv"))
    assert "activities.csv" in read


# ---- whole or not at all ---------------------------------------------------------------------------


def test_a_folder_without_its_manifest_does_not_count(release: Release, tmp_path: Path, parses: list[str]):
    folder = staged_folder(release, tmp_path)
    folder.mkdir(parents=True)
    (folder / "fact_cps_outcome.parquet").write_bytes(b"half of")
    done = stage_release(release, SOURCE, RAW, tmp_path)
    assert parses == [CPS]
    assert len(done.frame("fact_cps_outcome")) == done.manifest.rows_by_fact["fact_cps_outcome"] > 0


@pytest.mark.parametrize("at", ["write_table", "write_bytes", "rename"])
def test_a_crash_while_writing_leaves_nothing_that_counts(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
):
    def crash(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if at == "write_table":
            patch.setattr(staging.pq, at, crash)
        else:
            patch.setattr(Path, at, crash)
        with pytest.raises(KeyboardInterrupt):
            stage_release(release, SOURCE, RAW, tmp_path)
    assert not staged_folder(release, tmp_path).exists()
    assert stage_release(release, SOURCE, RAW, tmp_path).manifest.rows_by_fact


@pytest.mark.slow
def test_a_run_that_is_killed_midway_counts_for_nothing(tmp_path: Path):
    """Kills a process as soon as it begins to write, which leaves its partial folder behind."""
    code = (
        "import sys; from pathlib import Path; from msoic_pipeline.ingest import staging;"
        "from msoic_pipeline_tests.sample import take_in;"
        "real = staging.pq.write_table;"
        "slow = lambda *a, **k: (real(*a, **k), print('written', flush=True), __import__('time').sleep(60));"
        "staging.pq.write_table = slow; take_in(Path(sys.argv[1]), 'cps')"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=REPOSITORY
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    staged = tmp_path / "staging" / "cps"
    (partial,) = staged.glob(".partial-*")
    assert list(partial.iterdir())
    done = take_in(tmp_path, "cps").staged
    assert len(done) == len(landed("cps").releases)
    assert {path.name for path in staged.iterdir() if path.is_dir()} == {release.key for release in done}


def test_what_stands_for_no_file_any_more_is_swept_away(release: Release, tmp_path: Path):
    kept = stage_release(release, SOURCE, RAW, tmp_path)
    gone = stage_release(replace(release, published_on=dt.date(2022, 5, 1)), SOURCE, RAW, tmp_path)
    assert sweep(tmp_path, "cps", [kept.key]) == 1
    assert kept.folder.is_dir() and not gone.folder.exists()
    assert sweep(tmp_path / "nowhere", "cps", []) == 0


# ---- what is written -------------------------------------------------------------------------------


def test_a_fact_has_the_columns_and_types_of_its_table(release: Release, tmp_path: Path):
    done = stage_release(release, SOURCE, RAW, tmp_path)
    for table in (FACTS["fact_cps_outcome"], published_total):
        assert pq.read_schema(done.path(table.name)).equals(make_arrow_schema(table))
    assert done.facts == ["fact_cps_outcome"]
    assert done.frame("rejects").empty and list(done.frame("rejects").columns)[:3] == ["rule", "sheet", "cell"]
    assert done.frame("dim_offence").empty


def test_no_key_stands_twice():
    for source, file in (("nrm", "quarter-4-2022"), ("recorded_crime", "tables201718"), ("cps", CPS)):
        done = staged(source, file)
        for fact in done.facts:
            rows = done.frame(fact)
            key = [column.name for column in FACTS[fact].primary_key.columns]
            assert not rows.duplicated(key).any()
            assert rows[key].notna().all().all()


def test_vintages_say_what_a_release_covers():
    done = staged("nrm", "quarter-4-2022")
    vintages = pd.DataFrame(done.manifest.vintages)
    assert vintages["rows"].sum() == sum(done.manifest.rows_by_fact.values())
    assert {"age_location", "first_responder", "duty_to_notify", "reasonable_grounds"} <= set(vintages["breakdown"])
    assert done.quarters() == set(vintages["quarter_start"])
    monthly = pd.DataFrame(staged("force_returns", "2021-10/e23000001").manifest.vintages)
    assert set(monthly["period_start"]) == {dt.date(2021, 10, 1)} and set(monthly["reporter"]) == {"E23000001"}


# ---- bad content: a reject that names its place, and the file is not accepted ----------------------


def _edited(tmp_path: Path, edit: Edit) -> StagedRelease:
    """Parse the CPS summary after ``edit``."""
    path = tmp_path / CPS
    path.parent.mkdir(exist_ok=True)
    book = openpyxl.load_workbook(RAW / "cps" / CPS)
    edit(book)
    book.save(path)
    return land_copy(tmp_path, "cps", path, "2022-04-21", "2021-Q4")


def _set(sheet: str, cell: str, value: Any) -> Edit:
    def edit(book: openpyxl.Workbook) -> None:
        book[sheet][cell] = value

    return edit


def _reasons(done: StagedRelease) -> tuple[str, ...]:
    (verdict,) = judge_files(SOURCE, Landing((done.release,), ()), [done], {})
    assert verdict.accepted == (not verdict.reasons)
    return verdict.reasons


PRE_CHARGE = "1 Pre-charge"


def test_the_file_as_it_is_is_accepted(tmp_path: Path):
    assert _reasons(_edited(tmp_path, lambda book: None)) == ()


@pytest.mark.parametrize(
    ("cell", "value", "rule", "words"),
    [
        ("A7", "Rutland", "unreadable_label", "cps_areas.csv"),
        ("A7", None, "unreadable_label", "not an empty cell"),
        ("C8", "about six", "unreadable_figure", "found 'about six'"),
        ("C8", "1,23", "unreadable_figure", "a whole number"),
        ("C8", 3.5, "unreadable_figure", "a whole number"),
        ("A6", "Cymru-Wales", "duplicate_key", "found it again: "),
    ],
)
def test_a_bad_row_is_rejected_at_its_place(tmp_path: Path, cell: str, value: Any, rule: str, words: str):
    done = _edited(tmp_path, _set(PRE_CHARGE, cell, value))
    rejects = done.frame("rejects")
    assert set(rejects["rule"]) == {rule}
    assert set(rejects["sheet"]) == {PRE_CHARGE}
    if rule == "duplicate_key":
        assert {"B5", "B6"} <= set(rejects["cell"])
        assert rejects["detail"].str.contains("B5, B6").any()
    else:
        assert rejects["cell"].tolist() == [cell]
    assert rejects["detail"].str.contains(words, regex=False).all()
    reasons = " ".join(_reasons(done))
    assert PRE_CHARGE in reasons and rule in reasons and rejects["cell"][0] in reasons


@pytest.mark.parametrize(
    ("cell", "value", "words"),
    [
        ("D4", "Accused", "'Accused'"),
        ("D4", None, ""),
        ("N3", "2031/32 Q4", "2021-Q4 / "),
        ("N3", None, "more than once"),
    ],
)
def test_a_changed_header_is_an_error_at_its_place(tmp_path: Path, cell: str, value: Any, words: str):
    with pytest.raises(SourceFileError) as caught:
        _edited(tmp_path, _set(PRE_CHARGE, cell, value))
    error = caught.value
    assert (error.file, error.sheet) == (f"cps/{CPS}", PRE_CHARGE)
    assert error.rule == "changed_layout" and words in error.found


def test_a_missing_sheet_is_an_error(tmp_path: Path):
    with pytest.raises(SourceFileError, match="expected a sheet that holds table 'prosecutions'") as caught:
        _edited(tmp_path, lambda book: book.remove(book["2 Prosecutions"]))
    assert "'1 Pre-charge'" in caught.value.found


def test_blank_rows_above_change_nothing(tmp_path: Path):
    before = _edited(tmp_path / "before", lambda book: None).frame("fact_cps_outcome")
    after = _edited(tmp_path / "after", lambda book: book[PRE_CHARGE].insert_rows(1, 4)).frame("fact_cps_outcome")
    leave_out = ["release_id", "cell"]
    pd.testing.assert_frame_equal(before.drop(columns=leave_out), after.drop(columns=leave_out))


@pytest.mark.parametrize("published", [999, "1,000"])
def test_a_total_that_is_not_the_sum_of_its_parts(tmp_path: Path, published: Any):
    done = _edited(tmp_path, _set("2 Prosecutions", "F19", published))
    (reason,) = _reasons(done)
    assert "'2 Prosecutions': F19: published" in reason and "its parts sum to" in reason


def test_an_undeclared_member_of_the_programmes_record(tmp_path: Path):
    name = "programme-activity-2021-22-q1.xlsx"
    book = openpyxl.load_workbook(RAW / "programme_activity" / name)
    book["Activity"]["B5"] = "Juggling"
    (tmp_path / "raw" / "programme_activity").mkdir(parents=True)
    book.save(tmp_path / "raw" / "programme_activity" / name)
    (done,) = take_in(tmp_path, "programme_activity", tmp_path / "raw").staged
    (reject,) = done.frame("rejects").to_dict("records")
    assert (reject["rule"], reject["cell"]) == ("unknown_member", "G5")
    assert "activities.csv" in reject["detail"] and "Juggling" in reject["detail"]
    assert "Juggling" not in set(done.frame("fact_programme_activity")["activity"])
    assert done.manifest.counts.rejected == 1


# ---- declared faults -------------------------------------------------------------------------------


def _fault(**fields: Any) -> Fault:
    base = {
        "fault": "f",
        "reference_period": "2021-Q4",
        "reason": "r",
        "reviewed_by": "me",
        "reviewed_on": "2022-05-01",
        "expires": "9999-12-31",
    }
    return Fault.model_validate(base | fields)


@pytest.mark.parametrize("declared", [True, False])
def test_a_row_left_out_by_a_declared_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: bool):
    fault = _fault(treatment="leave_out", rule="unreadable_figure", sheet=PRE_CHARGE, cell="C8")
    monkeypatch.setattr(staging, "list_faults_of", lambda release: (fault,) if declared else ())
    done = _edited(tmp_path, _set(PRE_CHARGE, "C8", "about six"))
    assert done.frame("rejects")["fault"].tolist() == ["f" if declared else ""]
    totals = [reason for reason in _reasons(done) if "published" in reason]
    others = [reason for reason in _reasons(done) if "published" not in reason]
    assert len(totals) == 1, "the total still counts what was left out"
    assert bool(others) is not declared


def test_a_total_of_which_a_part_is_not_available(tmp_path: Path):
    def suppress(total: int) -> Edit:
        def edit(book: openpyxl.Workbook) -> None:
            book[PRE_CHARGE]["B5"] = "[c]"
            book[PRE_CHARGE]["B19"] = total

        return edit

    known = sum(cell.value for (cell,) in openpyxl.load_workbook(RAW / "cps" / CPS)[PRE_CHARGE]["B6:B18"])
    done = _edited(tmp_path / "more", suppress(known + 3))
    assert _reasons(done) == ()
    totals = done.frame("published_total")
    its = totals[(totals["sheet"] == PRE_CHARGE) & (totals["parts_unavailable"] > 0)]
    assert its[["cell", "value", "parts_unavailable"]].to_numpy().tolist() == [["B19", known + 3, 1]]
    (reason,) = _reasons(_edited(tmp_path / "less", suppress(known - 1)))
    assert f"published {known - 1:,}, its parts sum to {known:,}, and 1 are not available" in reason


@pytest.mark.parametrize("cell", ["", "F19", "C19"])
def test_a_total_accepted_by_a_declared_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cell: str):
    fault = _fault(treatment="accept", rule="total_differs", sheet="2 Prosecutions", cell=cell)
    monkeypatch.setattr(staging, "list_faults_of", lambda release: (fault,))
    done = _edited(tmp_path, _set("2 Prosecutions", "F19", 999))
    assert bool(_reasons(done)) is (cell == "C19")
    if cell != "C19":
        (verdict,) = judge_files(SOURCE, Landing((done.release,), ()), [done], {})
        (row,) = verdict.quarantine
        assert (row.rule, row.cell, row.is_declared) == ("total_differs", "F19", True)
        assert row.treatment == "loaded as it is, accepted by declared fault f" and "published 999" in row.reason
        assert any(finding.detail.endswith("1 accepted by declared faults") for finding in done.manifest.findings)


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize(
    ("sheet", "cell", "value", "words"),
    [
        ("2 Prosecutions", "D5", 0.123, "D5: published 0.123, but convictions"),
        ("2 Prosecutions", "D19", 0.123, "D19: published 0.123, but convictions"),
        ("3 All crime", "E10", "12.3%", "E10: published 0.123, but convictions"),
    ],
    ids=["area", "nation", "all crime"],
)
def test_a_rate_that_its_counts_do_not_make(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    sheet: str,
    cell: str,
    value: Any,
    words: str,
    accepted: bool,
):
    fault = _fault(treatment="accept", rule="rate_differs", sheet=sheet, cell=cell)
    monkeypatch.setattr(staging, "list_faults_of", lambda release: (fault,) if accepted else ())
    found = [reason for reason in _reasons(_edited(tmp_path, _set(sheet, cell, value))) if "rates agree" in reason]
    assert len(found) == (0 if accepted else 1)
    assert accepted or words in found[0]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"treatment": "accept"}, "the rule that is broken"),
        ({"treatment": "leave_out", "rule": "unreadable_figure", "found": "x"}, "are of a replacement"),
        ({"treatment": "replace", "cell": "A1"}, "takes sheet, cell, and the text found there"),
        ({"treatment": "accept", "rulle": "total_differs"}, "rulle"),
    ],
)
def test_a_declaration_that_is_not_well_formed_names_its_file(
    fields: dict[str, str], words: str, monkeypatch: pytest.MonkeyPatch
):
    base = {"fault": "f", "reference_period": "2021-Q4", "reason": "r", "reviewed_by": "me"}
    days = {"reviewed_on": "2022-05-01", "expires": "9999-12-31"}
    monkeypatch.setattr(known_faults, "read_faults_text", lambda source: yaml.safe_dump([base | days | fields]))
    known_faults.load_faults.cache_clear()
    with pytest.raises(DeclarationError, match=r"msoic_pipeline/sources/cps/faults\.yaml is to be mended") as error:
        known_faults.load_faults("cps")
    assert words in str(error.value)


def test_two_faults_of_one_name_are_an_error(monkeypatch: pytest.MonkeyPatch):
    fault = yaml.safe_load(_fault(treatment="accept", rule="total_differs").model_dump_json())
    monkeypatch.setattr(known_faults, "read_faults_text", lambda source: yaml.safe_dump([fault, fault]))
    known_faults.load_faults.cache_clear()
    with pytest.raises(DeclarationError, match="f: declared 2 times"):
        known_faults.load_faults("cps")


def test_a_declared_replacement_that_is_not_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for sheet in (PRE_CHARGE, "Table_99"):
        fault = _fault(treatment="replace", sheet=sheet, cell="C8", found="no such text", replacement=1)
        monkeypatch.setattr(staging, "list_faults_of", lambda release, fault=fault: (fault,))
        with pytest.raises(SourceFileError) as caught:
            _edited(tmp_path / sheet, lambda book: None)
        assert caught.value.rule == "fault_not_found" and sheet in str(caught.value)


# ---- summed rows -----------------------------------------------------------------------------------


def test_rows_of_one_key_are_summed_only_within_a_sheet_and_where_the_layout_says_so(tmp_path: Path):
    header = [
        "Financial Year", "Financial Quarter", "Force Name", "Offence Description", "Offence Group", "Offence Subgroup",
        "Offence Code", "Number of Offences",
    ]  # fmt: skip

    def rows(code: str, *figures: int) -> list[list[Any]]:
        return [["2021/22", 1, "Kent", f"{code} {n}", "Group", "Subgroup", code, n] for n in figures]

    cover = [["Police recorded crime open data tables"], ["Published: 28 April 2022"]]
    homicide = "1/4.1/4.10/4.2"
    sheets = {
        "Cover": cover,
        "2021-22": [header, *rows(homicide, 1, 2, 3, -1), *rows("3A", 5), *rows("72", 7, 7)],
        "2020-21": [header, *rows("3A", 5), *rows("106", 9)],
    }
    write_xlsx(tmp_path / "prc.xlsx", sheets)
    done = land_copy(tmp_path, "recorded_crime", tmp_path / "prc.xlsx", "2022-04-28", "2021-Q4")
    found = rows_of(done, "fact_recorded_crime").set_index("offence_code")[["offences", "cell", "sheet"]]
    assert list(found.loc[homicide]) == [5, "H2,H3,H4,H5", "2021-22"]
    assert set(found.index) == {"106", homicide}
    rejects = done.frame("rejects")
    places = set(zip(rejects["sheet"], rejects["cell"], strict=True))
    assert places == {("2021-22", "H7"), ("2021-22", "H8"), ("2021-22", "H6"), ("2020-21", "H2")}
    assert set(rejects["rule"]) == {"duplicate_key"}
    counts = done.manifest.counts
    assert (counts.figures, counts.loaded, counts.rejected) == (9, 5, 4)


def test_a_duplicated_sheet_is_not_counted_twice(tmp_path: Path):
    """A copy of a year under another year's name: all of it is rejected, nothing is added up."""
    book = openpyxl.load_workbook(RAW / "recorded_crime" / "prc-csp-mar16-dec21-tables-280422.xlsx")
    book.copy_worksheet(book["2021-22"]).title = "2020-21"
    book.save(tmp_path / "copied.xlsx")
    done = land_copy(tmp_path, "recorded_crime", tmp_path / "copied.xlsx", "2022-04-28", "2021-Q4")
    assert done.frame("fact_recorded_crime_partnership").empty
    assert done.manifest.counts.rejected == done.manifest.counts.figures == 2 * 702
    reasons = judge_files(load_source("recorded_crime"), Landing((done.release,), ()), [done], {})[0].reasons
    assert any("duplicate_key" in reason and "1399 more" in reason for reason in reasons)


# ---- speed -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_small_file_takes_a_few_milliseconds(tmp_path: Path):
    """A year has 516 returns. Each takes about 8 ms of processor time; a slow machine may take longer."""
    source = load_source("force_returns")
    releases = landed("force_returns").releases[:60]
    stage_release(releases[0], source, RAW, tmp_path)
    before = time.process_time()
    for release in releases[1:]:
        stage_release(release, source, RAW, tmp_path)
    each = (time.process_time() - before) / len(releases[1:])
    assert each < 0.04


def test_the_manifest_is_one_json_document(release: Release, tmp_path: Path):
    done = stage_release(release, SOURCE, RAW, tmp_path)
    written = (done.folder / MANIFEST).read_bytes()
    assert Manifest.from_json(written) == done.manifest
    assert {sheet["table"] for sheet in json.loads(written)["sheets"]} == {"pre_charge", "prosecutions", "all_crime"}
