"""The workbook follows the Analysis Function's guidance, in either format, and holds the same figures in both."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import odfdo
import openpyxl
import pandas as pd
import pytest

from msoic_pipeline.publication.cover import Cover
from msoic_pipeline.publication.workbook.ods import write_ods
from msoic_pipeline.publication.workbook.sheets import Book, make_book
from msoic_pipeline.publication.workbook.xlsx import write_xlsx
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.files_in_force import FilesInForce
from msoic_pipeline.warehouse.preparing import prepare

HOSTILE = '=HYPERLINK("http://evil") [here](http://evil) [there](http://evil) $$1$$'
TITLES = {"nrm_referrals": "referrals", "nrm_child_share": "share", "funding_awarded": "GBP", "a_new_one": "people"}


def value(kpi_id: str, year: int, number: float | None, status: str = "complete", **more: Any) -> dict[str, Any]:
    row = {"kpi_id": kpi_id, "title": f"Title of {kpi_id}", "unit": TITLES[kpi_id], "geography_code": "UK"}
    row |= {"period_kind": "calendar_year", "period_start": f"{year}-01-01", "period_label": str(year)}
    return row | {"value": number, "status": status} | more


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    values = pd.DataFrame(
        [
            value("nrm_referrals", 2019, 10_616),
            value("nrm_referrals", 2020, 10_601, "incomplete"),
            value("nrm_referrals", 2021, None, "suppressed"),
            value("nrm_child_share", 2020, 0.4375),
            value("nrm_child_share", 2021, None, "not computable"),
            value("funding_awarded", 2021, 1_250_000),
            value("a_new_one", 2021, 2.5),
        ]
    )
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('w') / 'w.sqlite'}")
    prepare(engine)
    cover = Cover(dt.date(2022, 6, 1), (HOSTILE,), FilesInForce(()))
    with read_transaction(engine) as connection:
        made = make_book(connection, values, cover)
    engine.dispose()
    return made


@pytest.fixture(scope="module")
def xlsx(book: Book) -> openpyxl.Workbook:
    return openpyxl.load_workbook(io.BytesIO(write_xlsx(book)))


@pytest.fixture(scope="module")
def ods(book: Book, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ods") / "kpi.ods"
    path.write_bytes(write_ods(book))
    return path


def list_texts(sheet: Any) -> list[str]:
    return [str(cell) for row in sheet.iter_rows(values_only=True) for cell in row if cell is not None]


def read_table(sheet: Any) -> list[list[Any]]:
    """Return the cells of a sheet's one table, its headings first."""
    (reference,) = [table.ref for table in sheet.tables.values()]
    return [[cell.value for cell in row] for row in sheet[reference]]


def test_a_cover_contents_notes_then_one_table_a_sheet(xlsx: openpyxl.Workbook, book: Book):
    assert xlsx.sheetnames == ["Cover", "Contents", *(sheet.name for sheet in book.sheets)]
    assert len(set(xlsx.sheetnames)) == len(xlsx.sheetnames) and max(map(len, xlsx.sheetnames)) <= 31
    for sheet in xlsx.worksheets[1:]:
        assert len(sheet.tables) == 1, sheet.title
        assert not sheet.merged_cells.ranges
        assert sheet["A1"].value, "a title in the first cell"
        assert not [n for n, size in sheet.row_dimensions.items() if size.hidden]
    links = {
        str(cell.hyperlink.location).split("!")[0].strip("'")
        for row in xlsx["Contents"].iter_rows()
        for cell in row
        if cell.hyperlink
    }
    assert links == {sheet.name for sheet in book.sheets}


def test_numbers_are_numbers_and_marks_stand_beside(xlsx: openpyxl.Workbook, book: Book):
    for sheet in book.tables:
        headings, *rows = read_table(xlsx[sheet.name])
        assert len(headings) == len(set(headings))
        for position, heading in enumerate(headings[1:], start=1):
            cells = [row[position] for row in rows]
            if heading.endswith(": note"):
                assert set(cells) <= {"none", "[i]", "[x]", "[c]"}
            else:
                assert all(cell is None or isinstance(cell, int | float) for cell in cells), heading
    headings, *rows = read_table(xlsx["identification_calendar_year"])
    at = headings.index("Title of nrm_referrals (referrals, UK)")
    assert [row[at : at + 2] for row in rows] == [[10_616, "none"], [10_601, "[i]"], [None, "[c]"]]
    headings, *rows = read_table(xlsx["other_calendar_year"])
    at = headings.index("Title of nrm_child_share (share, UK)")
    assert [row[at : at + 2] for row in rows] == [[0.4375, "none"], [None, "[x]"]]


def test_formats_follow_the_unit(xlsx: openpyxl.Workbook, book: Book):
    formats = {}
    for sheet in book.tables:
        table = xlsx[sheet.name]
        headings = read_table(table)[0]
        for position, heading in enumerate(headings):
            formats[heading] = table.cell(table.max_row, position + 1).number_format
    assert formats["Title of nrm_referrals (referrals, UK)"] == "#,##0"
    assert formats["Title of nrm_child_share (share, UK)"] == "0.0%"
    assert formats["Title of funding_awarded (GBP, UK)"] == "£#,##0"
    assert formats["Title of a_new_one (people, UK)"] == "#,##0.0"


def test_every_mark_is_explained_and_the_book_says_what_it_is(xlsx: openpyxl.Workbook):
    notes = list_texts(xlsx["Notes"])
    cover = " ".join(list_texts(xlsx["Cover"]))
    for mark in ("[i]", "[x]", "[c]"):
        assert mark in notes and mark in cover
    assert xlsx.properties.title.startswith("Modern slavery")
    assert xlsx.properties.language == "en-GB"
    assert "Contact" in list_texts(xlsx["Cover"])


def test_indicators_of_no_section_stand_last(book: Book):
    last = book.tables[-1]
    assert "other" in last.name and "Title of a_new_one (people, UK)" in [column.heading for column in last.columns]


def test_what_failed_stands_first_and_a_hostile_text_stays_a_text(xlsx: openpyxl.Workbook, ods: Path):
    assert str(xlsx["Cover"]["A1"].value).startswith("DID NOT PASS")
    cells = [cell for row in xlsx["Cover"].iter_rows() for cell in row if cell.value]
    assert any("HYPERLINK" in str(cell.value) for cell in cells)
    assert not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]
    content = zipfile.ZipFile(ods).read("content.xml").decode()
    assert "table:formula" not in content and 'xlink:href="http' not in content


def test_ods_holds_the_same(ods: Path, book: Book):
    document = odfdo.Document(ods)
    assert [table.name for table in document.body.tables] == ["Cover", "Contents", *(s.name for s in book.sheets)]
    assert document.meta.title == book.title and document.meta.language == "en-GB"
    for sheet in book.tables:
        frame = pd.read_excel(ods, sheet_name=sheet.name, engine="calamine", header=2)
        assert list(frame.columns) == [column.heading for column in sheet.columns]
        expected = pd.DataFrame(sheet.rows, columns=frame.columns)
        expected["Period"] = expected["Period"].astype(str)
        frame["Period"] = frame["Period"].astype(str)
        pd.testing.assert_frame_equal(frame, expected, check_dtype=False)


def test_the_same_book_makes_the_same_bytes(book: Book):
    assert write_xlsx(book) == write_xlsx(book)
    assert write_ods(book) == write_ods(book)
