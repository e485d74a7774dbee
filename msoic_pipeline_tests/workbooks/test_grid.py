"""Files of every kind as addressed cells, and files that must not be read."""

from __future__ import annotations

import copy
import datetime as dt
import errno
import gzip
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineError

from msoic_pipeline.workbooks import grid
from msoic_pipeline.workbooks.addresses import a1, from_a1
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import open_workbook
from msoic_pipeline_tests.sample import RAW, read_grids
from sample_data.writers import write_csv, write_ods, write_xlsx

ROWS = [[], ["", "Date", "People", "Note"], ["", dt.date(2021, 3, 1), 12, "-00"], [], ["", "end", 1.5, ""]]


@given(st.integers(0, 2_000_000), st.integers(0, 18_000))
def test_an_address_tells_its_row_and_column(row: int, column: int):
    assert from_a1(a1(row, column)) == (row, column)


@pytest.mark.parametrize(
    ("row", "column", "address"),
    [(0, 0, "A1"), (3, 2, "C4"), (0, 25, "Z1"), (9, 26, "AA10"), (0, 701, "ZZ1"), (0, 702, "AAA1")],
)
def test_addresses(row: int, column: int, address: str):
    assert a1(row, column) == address


@pytest.mark.parametrize("text", ["", "A0", "1A", "a1", "A1:B2", "$A$1", "AAAA1", "A-1", "A1 "])
def test_what_is_no_address(text: str):
    with pytest.raises(ValueError, match="a cell address"):
        from_a1(text)


@pytest.mark.parametrize(("name", "write"), [("f.ods", write_ods), ("f.xlsx", write_xlsx)])
def test_cells_keep_their_addresses(tmp_path: Path, name: str, write: Callable[..., None]):
    """Leading blank rows and columns are kept: an address is the one that a person sees."""
    write(tmp_path / name, {"One": ROWS, "Two": [["x"]]})
    workbook = open_workbook(tmp_path / name)
    assert workbook.sheet_names == ["One", "Two"]
    sheet = workbook.read_sheet("One")
    assert (sheet.rows[1][1], sheet.rows[2][2], sheet.rows[2][3], sheet.rows[4][2]) == ("Date", 12, "-00", 1.5)
    assert sheet.rows[2][1].isoformat().startswith("2021-03-01")
    assert sheet.width == 4
    assert len(workbook.read_head("Two", rows=2).rows) == 1
    workbook.close()


@pytest.mark.parametrize("name", ["prc-x.csv", "prc-x.csv.gz", "prc-x.CSV"])
def test_a_csv_is_one_sheet_called_as_the_file(tmp_path: Path, name: str):
    write_csv(tmp_path / name, [["a", "b"], ["1", "two, three"]])
    assert read_grids(tmp_path / name) == {"prc-x": [["a", "b"], ["1", "two, three"]]}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_encodings_of_a_csv(tmp_path: Path, encoding: str):
    (tmp_path / "f.csv").write_bytes("Force,£\nDyfed–Powys,5\n".encode(encoding))
    assert read_grids(tmp_path / "f.csv")["f"][1] == ["Dyfed–Powys", "5"]


# ---- files that must not be read -------------------------------------------------------------------


def _changed(source: Path, target: Path, change: Callable[[str, bytes], bytes], **extra: bytes) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            new.writestr(member.filename, change(member.filename, old.read(member)))
        for name, content in extra.items():
            new.writestr(name.replace("__", "/"), content)
    return target


@pytest.fixture
def xlsx(tmp_path: Path) -> Path:
    write_xlsx(tmp_path / "good.xlsx", {"S": [["People"], [1]]})
    return tmp_path / "good.xlsx"


@pytest.fixture
def ods(tmp_path: Path) -> Path:
    write_ods(tmp_path / "good.ods", {"S": [["People"], [1]]})
    return tmp_path / "good.ods"


def _refused(path: Path, rule: str, *words: str) -> None:
    with pytest.raises(SourceFileError) as caught:
        workbook = open_workbook(path)
        for name in workbook.sheet_names:
            workbook.read_sheet(name)
    error = caught.value
    assert error.rule == rule
    for part in (path.name, error.expected, error.found, error.remedy, *words):
        assert part and part in str(error)


def test_an_empty_file(tmp_path: Path):
    (tmp_path / "f.xlsx").touch()
    _refused(tmp_path / "f.xlsx", "empty_file", "0 bytes")


@pytest.mark.parametrize("kind", ["xlsx", "ods"])
def test_a_truncated_file(request: pytest.FixtureRequest, kind: str):
    path: Path = request.getfixturevalue(kind)
    whole = path.read_bytes()
    for part in (10, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:part])
        _refused(path, "unreadable_file", "complete spreadsheet")


def test_a_truncated_archive_of_a_csv(tmp_path: Path):
    (tmp_path / "f.csv.gz").write_bytes(gzip.compress(b"a,b\n1,2\n" * 1000)[:-20])
    _refused(tmp_path / "f.csv.gz", "unreadable_file")


def test_a_csv_with_an_open_quote(tmp_path: Path):
    (tmp_path / "f.csv").write_text('a,b\n1,"2\n')
    _refused(tmp_path / "f.csv", "unreadable_file")


@pytest.mark.parametrize("name", ["f.xls", "f.pdf", "f", "f.xlsm", "f.zip"])
def test_a_file_of_another_kind(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"something")
    _refused(tmp_path / name, "unknown_kind", ".ods")


def test_a_file_that_is_not_what_its_name_says(tmp_path: Path):
    (tmp_path / "f.xlsx").write_bytes(b"%PDF-1.7 something")
    _refused(tmp_path / "f.xlsx", "unreadable_file")


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE])
@pytest.mark.parametrize("where", ["archive", "opening", "sheet"])
def test_what_the_system_does_not_let_us_read_is_not_the_files_fault(
    xlsx: Path, monkeypatch: pytest.MonkeyPatch, code: int, where: str
):
    def fail(*_: object, **__: object) -> None:
        if where == "archive":
            raise OSError(code, os.strerror(code))
        # The reader, written in Rust, gives the number in its words alone.
        raise (OSError if where == "opening" else CalamineError)(f"I/O error: {os.strerror(code)} (os error {code})")

    workbook = open_workbook(xlsx)
    if where == "archive":
        monkeypatch.setattr(grid.zipfile, "ZipFile", fail)
    elif where == "opening":
        monkeypatch.setattr(grid, "CalamineWorkbook", SimpleNamespace(from_path=fail))
    else:
        monkeypatch.setattr(workbook, "_reader", SimpleNamespace(get_sheet_by_name=fail, close=workbook.close))
    with pytest.raises(OSError, match=os.strerror(code)) as caught:
        workbook.read_sheet("S") if where == "sheet" else open_workbook(xlsx)
    assert caught.value.errno == code


def test_a_file_that_leads_its_reader_astray_is_at_fault(xlsx: Path, monkeypatch: pytest.MonkeyPatch):
    def seek_before_the_beginning(*_: object) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(grid.zipfile, "ZipFile", seek_before_the_beginning)
    _refused(xlsx, "unreadable_file", "Invalid argument")


def test_an_encrypted_member(xlsx: Path):
    content = bytearray(xlsx.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(signature)
        while at >= 0:
            content[at + offset] |= 1
            at = content.find(signature, at + 1)
    xlsx.write_bytes(content)
    _refused(xlsx, "unreadable_file", "encrypted")


def test_an_encrypted_workbook(tmp_path: Path):
    """Office keeps one in a container of another kind, which begins with these bytes."""
    (tmp_path / "f.xlsx").write_bytes(bytes.fromhex("D0CF11E0A1B11AE1") + b"\0" * 4096)
    _refused(tmp_path / "f.xlsx", "unreadable_file", "encrypted")


@pytest.mark.parametrize(("kind", "member"), [("xlsx", "xl__vbaProject.bin"), ("ods", "Basic__Standard__Module1.xml")])
def test_macros(request: pytest.FixtureRequest, tmp_path: Path, kind: str, member: str):
    path = _changed(
        request.getfixturevalue(kind), tmp_path / f"macros.{kind}", lambda _, content: content, **{member: b"Sub"}
    )
    _refused(path, "refused_file", "macro")


@pytest.mark.parametrize(("kind", "member"), [("xlsx", "xl/worksheets/sheet1.xml"), ("ods", "content.xml")])
def test_an_archive_that_expands_too_far(request: pytest.FixtureRequest, tmp_path: Path, kind: str, member: str):
    def swell(name: str, content: bytes) -> bytes:
        return content + b" " * 20_000_000 if name == member else content

    path = _changed(request.getfixturevalue(kind), tmp_path / f"bomb.{kind}", swell)
    assert path.stat().st_size < 100_000
    _refused(path, "refused_file", "an expansion of at most 400 times")


def test_a_csv_that_expands_too_far(tmp_path: Path):
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b" " * 50_000_000))
    _refused(tmp_path / "bomb.csv.gz", "refused_file", "an expansion of at most 400 times")


def test_an_archive_that_lies_about_its_size(xlsx: Path, ods: Path, tmp_path: Path):
    for path, member in ((xlsx, "xl/worksheets/sheet1.xml"), (ods, "content.xml")):
        swollen: list[int] = []

        def swell(name: str, content: bytes, member: str = member, swollen: list[int] = swollen) -> bytes:
            if name != member:
                return content
            swollen.append(len(content) + 20_000_000)
            return content + b" " * 20_000_000

        liar = _changed(path, tmp_path / f"liar{path.suffix}", swell)
        liar.write_bytes(liar.read_bytes().replace(swollen[0].to_bytes(4, "little"), (1000).to_bytes(4, "little")))
        _refused(liar, "unreadable_file")


def test_limits_of_size(xlsx: Path, monkeypatch: pytest.MonkeyPatch):
    limits = {
        "MAX_FILE_BYTES": "bytes",
        "MAX_EXPANDED_BYTES": "contents of",
        "MAX_PARTS": "parts",
        "MAX_SHEETS": "sheets",
    }
    for limit, words in limits.items():
        with monkeypatch.context() as patch:
            patch.setattr(grid, limit, 0)
            _refused(xlsx, "refused_file", words, "resource_limits.py")


def test_limits_of_a_csv(tmp_path: Path):
    path = tmp_path / "f.csv"
    path.write_text("a," * 16_384 + "\n")
    _refused(path, "refused_file", "16,384 columns", "16,385 in row 1")
    path.write_text("a\n" + "b" * 32_768 + "\n")
    _refused(path, "unreadable_file", "row 2", "field limit")


def test_a_cell_longer_than_any_is_refused_where_headers_are_looked_for(tmp_path: Path):
    write_xlsx(tmp_path / "long.xlsx", {"S": [["People"], ["x" * 32_767]]})
    workbook = open_workbook(tmp_path / "long.xlsx")
    assert len(workbook.read_head("S", 5).rows) == 2
    with zipfile.ZipFile(tmp_path / "long.xlsx") as book:
        assert any(b"x" * 32_767 in book.read(name) for name in book.namelist())
    path = _changed(
        tmp_path / "long.xlsx",
        tmp_path / "longer.xlsx",
        lambda _, content: content.replace(b"x" * 32_767, b"x" * 32_768),
    )
    with pytest.raises(SourceFileError, match=r"sheet 'S', cell A2: .*32,768 characters"):
        open_workbook(path).read_head("S", 5)


@pytest.mark.parametrize("names", [["S", "evil\u202e"], ["S", "S"]])
def test_names_of_sheets_that_could_deceive(xlsx: Path, tmp_path: Path, names: list[str]):
    write_xlsx(tmp_path / "two.xlsx", {"S": [["a"]], "other": [["b"]]})

    def rename(name: str, content: bytes) -> bytes:
        return content.replace(b'name="other"', f'name="{names[1]}"'.encode()) if name == "xl/workbook.xml" else content

    _refused(_changed(tmp_path / "two.xlsx", tmp_path / "renamed.xlsx", rename), "refused_file", "sheets")


def test_blank_cells_repeated_to_the_edge_are_usual(ods: Path, tmp_path: Path):
    blank = (
        b'<table:table-row table:number-rows-repeated="1048570">'
        b'<table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>'
    )
    path = _changed(ods, tmp_path / "usual.ods", lambda name, content: content.replace(b"</table:table>", blank))
    assert [row[:1] for row in read_grids(path)["S"]] == [["People"], [1.0]]


def test_a_wide_sheet_is_read(tmp_path: Path):
    write_xlsx(tmp_path / "wide.xlsx", {"S": [[f"Column {number}" for number in range(300)]] * 50})
    assert len(read_grids(tmp_path / "wide.xlsx")["S"][49]) == 300


def test_names_of_members_are_no_paths(xlsx: Path, tmp_path: Path):
    _changed(xlsx, tmp_path / "slip.xlsx", lambda _, content: content, **{"..__..__slipped.txt": b"x"})
    read_grids(tmp_path / "slip.xlsx")
    assert not list(tmp_path.parent.rglob("slipped.txt"))


@pytest.mark.parametrize(
    "name",
    [
        "cps/cps-data-summary-quarter-3-2019-2020.xlsx",
        "nrm/national-referral-mechanism-statistics-uk-quarter-1-2021-january-to-march-tables.ods",
    ],
)
def test_whatever_is_damaged_the_file_is_read_or_refused(tmp_path: Path, name: str):
    whole = (RAW / name).read_bytes()
    rng = random.Random(3)
    path = tmp_path / Path(name).name
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_grids(path)
        except SourceFileError as error:
            refused += 1
            assert error.file == path.name
    assert refused > 20


@pytest.mark.parametrize("member", ["content.xml", "xl/worksheets/sheet3.xml", "xl/workbook.xml"])
def test_whatever_is_damaged_within_the_file_is_read_or_refused(tmp_path: Path, member: str):
    source = RAW / (
        "recorded_crime/prc-csp-mar16-mar24-tables-240724.ods"
        if "content" in member
        else "cps/cps-data-summary-quarter-3-2019-2020.xlsx"
    )
    rng = random.Random(member)
    for number in range(40):

        def damage(name: str, content: bytes) -> bytes:
            changed = bytearray(content)
            if name == member:
                for _ in range(rng.randint(1, 8)):
                    changed[rng.randrange(len(changed))] = rng.choice(b'<>"/=0A9 ')
            return bytes(changed)

        path = _changed(source, tmp_path / f"{number}{source.suffix}", damage)
        try:
            read_grids(path)
        except SourceFileError as error:
            assert error.rule in ("unreadable_file", "refused_file")


def test_an_error_is_told_in_one_sentence():
    fields: dict[str, Any] = {"file": "f.ods", "expected": "a", "found": "b", "remedy": "Do c."}
    assert str(SourceFileError("rule", **fields)) == "f.ods: expected a; found b. Do c."
    error = SourceFileError("rule", sheet="Table_1", cell="A3", **fields)
    assert str(error) == "f.ods, sheet 'Table_1', cell A3: expected a; found b. Do c."
    error.file = "nrm/f.ods"
    assert str(error).startswith("nrm/f.ods, ")


def test_parts_of_an_archive_that_share_a_place_are_refused(tmp_path: Path):
    """Such a file is small to the sum of its directory's sizes, and enormous to who unpacks it."""
    path = tmp_path / "overlapping.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/k0", b"0" * 100)
        twin = copy.copy(archive.getinfo("xl/k0"))
        twin.filename = "xl/k1"
        archive.filelist.append(twin)
        archive.NameToInfo["xl/k1"] = twin
    with pytest.raises(SourceFileError, match="several in one place"):
        open_workbook(path)
