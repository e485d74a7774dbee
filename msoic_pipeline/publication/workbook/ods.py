"""The workbook as ODS, the Government's standard for editable documents."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable

from odfdo import Cell, Document, Element, Link, Paragraph, Row, Table

from msoic_pipeline.publication.workbook.package_parts import rewrite_parts
from msoic_pipeline.publication.workbook.sheets import LANGUAGE, PUBLISHER, Book, BookSheet, CellKind

# How figures are shown, in ODF's own words; of each kind there is a style of cells that is called as it is.
NUMBER_STYLES: dict[CellKind, str] = {
    "count": '<number:number-style style:name="N-count"><number:number number:decimal-places="0" '
    'number:min-integer-digits="1" number:grouping="true"/></number:number-style>',
    "number": '<number:number-style style:name="N-number"><number:number number:decimal-places="1" '
    'number:min-decimal-places="1" number:min-integer-digits="1" number:grouping="true"/></number:number-style>',
    "share": '<number:percentage-style style:name="N-share"><number:number number:decimal-places="1" '
    'number:min-decimal-places="1" number:min-integer-digits="1"/><number:text>%</number:text>'
    "</number:percentage-style>",
    "money": '<number:number-style style:name="N-money"><number:text>£</number:text><number:number '
    'number:decimal-places="0" number:min-integer-digits="1" number:grouping="true"/></number:number-style>',
}
TEXT_STYLES = {
    "title": '<style:text-properties fo:font-weight="bold" fo:font-size="14pt"/>',
    "heading": '<style:table-cell-properties fo:wrap-option="wrap" style:vertical-align="bottom"/>'
    '<style:text-properties fo:font-weight="bold"/>',
    "line": '<style:table-cell-properties fo:wrap-option="no-wrap"/>',
    "text": '<style:table-cell-properties fo:wrap-option="wrap" style:vertical-align="top"/>',
}
WIDTHS = {"narrow": "4.2cm", "wide": "12cm", "cover": "23cm"}
LONG_TEXT = 40


def write_ods(book: Book) -> bytes:
    """Return the workbook as ODS: the same book makes the same bytes."""
    document = Document("spreadsheet")
    document.set_language(LANGUAGE)
    document.body.clear()
    _add_styles(document)
    document.body.append(_make_cover(book))
    document.body.append(_make_contents(book))
    for sheet in book.sheets:
        document.body.append(_make_table(sheet))
    meta = document.meta
    meta.title, meta.language, meta.creator = book.title, LANGUAGE, PUBLISHER
    meta.creation_date = meta.date = dt.datetime.combine(book.day, dt.time())
    written = io.BytesIO()
    document.save(written)
    return rewrite_parts(written, lambda name, content: content)


def _add_styles(document: Document) -> None:
    for kind, style in NUMBER_STYLES.items():
        document.insert_style(style, automatic=True)
        named = f'<style:style style:name="{kind}" style:family="table-cell" style:data-style-name="N-{kind}"/>'
        document.insert_style(named, automatic=True)
    for name, properties in TEXT_STYLES.items():
        style = f'<style:style style:name="{name}" style:family="table-cell">{properties}</style:style>'
        document.insert_style(style, automatic=True)
    for name, width in WIDTHS.items():
        properties = f'<style:table-column-properties style:column-width="{width}"/>'
        style = f'<style:style style:name="{name}" style:family="table-column">{properties}</style:style>'
        document.insert_style(style, automatic=True)


def _make_cover(book: Book) -> Table:
    lines = [(book.heading, "title"), *((line, "heading") for line in book.warnings)]
    lines += [*((line, "text") for line in book.about), ("Contact", "heading"), (book.contact, "text")]
    rows = [[_make_text(line, style)] for line, style in lines]
    return _make_sheet("Cover", rows, ["cover"])


def _make_contents(book: Book) -> Table:
    rows = [
        [_make_text("Table of contents", "title")],
        [_make_text("This sheet holds one table.", "text")],
        [_make_text("BookSheet name", "heading"), _make_text("Table description", "heading")],
    ]
    for sheet in book.sheets:
        link = Cell(style="text")
        link.type = "string"
        link.set_attribute("office:string-value", sheet.name)
        link.append(_make_link(f"#'{sheet.name}'.A1", sheet.name))
        rows.append([link, _make_text(sheet.title, "text")])
    return _make_sheet("Contents", rows, ["wide", "cover"])


def _make_link(target: str, words: str) -> Paragraph:
    paragraph = Paragraph()
    paragraph.append(Link(target, text=words))
    return paragraph


def _make_table(sheet: BookSheet) -> Table:
    rows = [
        [_make_text(sheet.title, "title")],
        [_make_text(sheet.about, "line")],
        [_make_text(column.heading, "heading") for column in sheet.columns],
    ]
    for row in sheet.rows:
        rows.append([_make_cell(cell, column.kind) for cell, column in zip(row, sheet.columns, strict=True)])
    longest = [
        max((len(str(row[position])) for row in sheet.rows), default=0) for position in range(len(sheet.columns))
    ]
    return _make_sheet(sheet.name, rows, ["wide" if length > LONG_TEXT else "narrow" for length in longest])


def _make_sheet(name: str, rows: Iterable[list[Cell]], column_styles: list[str]) -> Table:
    table = Table(name)
    for style in column_styles:
        table.append(Element.from_tag(f'<table:table-column table:style-name="{style}"/>'))
    for cells in rows:
        row = Row()
        for cell in cells:
            row.append(cell)
        table.append(row)
    return table


def _make_text(text: str, style: str) -> Cell:
    """Return a cell that holds a text, whatever it begins with."""
    cell = Cell(style=style)
    cell.type = "string"
    cell.append(Paragraph(text))
    return cell


def _make_cell(value: str | float | None, kind: CellKind) -> Cell:
    if value is None:
        return Cell(style=kind)
    if isinstance(value, str):
        return _make_text(value, "text")
    return Cell(value, cell_type="percentage" if kind == "share" else "float", style=kind)
