"""XLSX that lies about cells, strings and sheets; XML that is a trap; archives that are not what they say."""

from __future__ import annotations

import io
import random
import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace

from msoic_pipeline_tests.faults.registry import (
    Expected,
    Group,
    Parts,
    Place,
    RawEntry,
    as_entries,
    donor_bytes,
    edited,
    pack,
    parts_of,
    raw_archive,
    register,
    replaced,
)

# One line a hostile file, however long.
# fmt: off

MIB = 2**20
COVER = "xl/worksheets/sheet1.xml"
TABLE = "xl/worksheets/sheet3.xml"  # 1 Pre-charge
STRINGS = "xl/sharedStrings.xml"
BOOK = "xl/workbook.xml"
RELATIONS = "xl/_rels/workbook.xml.rels"


def _changed(name: str, description: str, change: Callable[[Parts], object], expected: Expected = "refused", group: Group = "xlsx") -> None:
    """Register the CPS's good file with parts of it changed."""

    def lay(place: Place) -> None:
        parts = parts_of("cps")
        change(parts)
        place.write(".xlsx", pack(parts, place.name))

    register(name, "cps", group, description, lay, expected)


def _cells(name: str, description: str, cells: str, expected: Expected = "refused") -> None:
    """Register the CPS's good file with rows added at the end of a table."""
    _changed(name, description, lambda parts: parts.update({TABLE: replaced(parts[TABLE], "</sheetData>", f"{cells}</sheetData>")}), expected)


def _figure(name: str, description: str, cell: str, expected: Expected = "rejected") -> None:
    """Register the CPS's good file with its first figure (C7) replaced by another cell."""

    def change(parts: Parts) -> None:
        start = parts[TABLE].index(b'<c r="C7"')
        end = parts[TABLE].index(b">", parts[TABLE].index(b"</c>", start)) + 1
        parts[TABLE] = parts[TABLE][:start] + cell.replace("<c", '<c r="C7"', 1).encode() + parts[TABLE][end:]

    _changed(name, description, change, expected)


def _text(name: str, description: str, text: str, expected: Expected = "either", group: Group = "xlsx") -> None:
    """Register the CPS's good file with a text in the place of its first label, Cymru-Wales."""
    _changed(name, description, lambda parts: parts.update({STRINGS: replaced(parts[STRINGS], "<t>Cymru-Wales</t>", f'<t xml:space="preserve">{text}</t>')}), expected, group)


# ---- cells -----------------------------------------------------------------------------------------------------------

_cells("xlsx-far-cell", "a cell at A4000000000: the reader aborts", '<row r="4000000000"><c r="A4000000000"><v>1</v></c></row>')
_cells("xlsx-far-corner", "one cell at XFD1048576: a rectangle of 17 thousand million cells", '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
_cells("xlsx-far-row", "one cell at A1048576, the last row there can be", '<row r="1048576"><c r="A1048576"><v>1</v></c></row>', "either")
_cells("xlsx-row-over", "a cell in row 1048577, one more than there can be", '<row r="1048577"><c r="A1048577"><v>1</v></c></row>', "either")
_cells("xlsx-16385-columns", "a cell at XFE20, one column more than there can be", '<row r="20"><c r="XFE20"><v>1</v></c></row>', "either")
_cells("xlsx-four-letters", "a cell at ZZZZ20", '<row r="20"><c r="ZZZZ20"><v>1</v></c></row>', "either")
_cells("xlsx-long-letters", "a cell at A×40 20: the column does not fit into any number", f'<row r="20"><c r="{"A" * 40}20"><v>1</v></c></row>')
_cells("xlsx-row-nought", "a cell at A0", '<row r="0"><c r="A0"><v>1</v></c></row>', "either")
_cells("xlsx-row-negative", "a row numbered -1", '<row r="-1"><c r="A-1"><v>1</v></c></row>', "either")
_cells("xlsx-no-addresses", "a row of 20,000 cells without addresses", "<row>" + "<c><v>1</v></c>" * 20_000 + "</row>", "either")
_cells("xlsx-cell-twice", "the cell B7 again, with another figure", '<row r="7"><c r="B7"><v>999999</v></c></row>', "either")
_cells("xlsx-rows-descend", "rows in descending order at the end", "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(900, 800, -1)), "either")
_cells("xlsx-index-out-of-range", "a text that is number 4,000,000 of the shared ones", '<row r="30"><c r="A30" t="s"><v>4000000</v></c></row>', "either")
_cells("xlsx-index-negative", "a text that is number -1 of the shared ones", '<row r="30"><c r="A30" t="s"><v>-1</v></c></row>', "either")
_cells("xlsx-index-huge", "a text whose number does not fit into 64 bits", f'<row r="30"><c r="A30" t="s"><v>{10**30}</v></c></row>', "either")
_cells("xlsx-type-unknown", "a cell of the type zz", '<row r="30"><c r="A30" t="zz"><v>1</v></c></row>', "either")
_cells("xlsx-style-out-of-range", "a cell of style 4,000,000", '<row r="30"><c r="A30" s="4000000"><v>1</v></c></row>', "either")
_cells("xlsx-quarter-million-rows", "250,000 rows of a shared label and a figure below the table", "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>21</v></c><c r="B{n}"><v>1</v></c></row>' for n in range(100, 250_100)), "rejected")

for _name, _words, _cell in (
    ("xlsx-figure-1e308", "a figure of 1E308", "<c><v>1E308</v></c>"),
    ("xlsx-figure-1e400", "a figure of 1E400, which is infinite", "<c><v>1E400</v></c>"),
    ("xlsx-figure-nan", "a figure that is NaN", "<c><v>NaN</v></c>"),
    ("xlsx-figure-inf", "a figure that is -inf", "<c><v>-inf</v></c>"),
    ("xlsx-figure-minus", "a count of -5", "<c><v>-5</v></c>"),
    ("xlsx-figure-fraction", "a count of 5.5", "<c><v>5.5</v></c>"),
    ("xlsx-figure-2-to-63", "a count of 2^63, one more than a column may hold", f"<c><v>{2**63}</v></c>"),
    ("xlsx-figure-2-to-31", "a count of 2^31, one more than an integer column may hold", f"<c><v>{2**31}</v></c>"),
    ("xlsx-figure-hex", "a figure of 0x10", "<c><v>0x10</v></c>"),
    ("xlsx-figure-words", "a numeric cell that holds words", "<c><v>about six</v></c>"),
    ("xlsx-figure-digits", "a figure of 100,000 digits", f"<c><v>{'9' * 100_000}</v></c>"),
    ("xlsx-figure-text-digits", "a text of 100,000 digits for a figure", f'<c t="inlineStr"><is><t>{"9" * 100_000}</t></is></c>'),
    ("xlsx-figure-true", "TRUE for a figure", '<c t="b"><v>1</v></c>'),
    ("xlsx-figure-bool-odd", "a flag that is neither 0 nor 1", '<c t="b"><v>7</v></c>'),
    ("xlsx-figure-error", "#REF! for a figure", '<c t="e"><v>#REF!</v></c>'),
    ("xlsx-figure-error-odd", "an error that nobody knows", '<c t="e"><v>#HACKED!</v></c>'),
    ("xlsx-figure-uncached", "a formula without a cached value", "<c><f>SUM(1,2)</f></c>"),
    ("xlsx-figure-webservice", "a formula that asks a server, without a cached value", '<c><f>WEBSERVICE("http://127.0.0.1:9/x")</f></c>'),
    ("xlsx-figure-iso-day", "a cell of type d with the date 2024-02-31", '<c t="d"><v>2024-02-31</v></c>'),
    ("xlsx-figure-far-day", "a date 3,000,000 days from 1900", '<c s="1"><v>3000000</v></c>'),
    ("xlsx-figure-far-past", "a date before 1900", '<c s="1"><v>-700000</v></c>'),
    ("xlsx-figure-arabic", "a figure in Arabic-Indic digits", '<c t="inlineStr"><is><t>\u0661\u0662</t></is></c>'),
    ("xlsx-figure-underscore", "a figure of 1_0", '<c t="inlineStr"><is><t>1_0</t></is></c>'),
):
    _figure(_name, _words, _cell, "either")

# ---- texts -----------------------------------------------------------------------------------------------------------

_text("xlsx-32768-characters", "a label longer than a cell may hold", "x" * 32_768)
_text("xlsx-a-megabyte-label", "a label of 1 MB", "x" * MIB)
_text("xlsx-control-label", "a label with escape sequences, written as _x001B_", "Cymru_x001B_[2J_x0007__x0000_-Wales")
_text("xlsx-control-entity", "a label with escape sequences, written as character references", "Cymru&#27;[2J&#7;-Wales")
_text("xlsx-c1-label", "a label with C1 controls: CSI and OSC", "Cymru\u009b2J\u009d0;title\u009c-Wales")
_text("xlsx-bidi-label", "a label with marks that turn the direction", "\u202eselaW\u202c-\u2066Cymru\u2069\u200f")
_text("xlsx-line-label", "a label with newlines of every kind", "Cymru\nNothing blocks: all figures are loaded.\u2028\u2029\u0085Wales")
_text("xlsx-markup-label", "a label that is a script in HTML", "&lt;script&gt;alert(1)&lt;/script&gt;")
_text("xlsx-formula-label", "a label that a spreadsheet would run as a formula", "=cmd|' /C calc'!A0")
_text("xlsx-format-label", "a label of format directives", "%s%n{0}{source.__class__}$(id)`id`")
_text("xlsx-zero-width", "a known label with zero-width spaces in it", "Cymru\u200b-\u2060Wales\ufeff")
_text("xlsx-surrogate", "a label with a lone surrogate, written as a reference", "Cymru&#xD800;Wales")
_text("xlsx-combining", "a label with 50,000 combining marks", "C" + "\u0301" * 50_000)
_text("xlsx-nfkc-bomb", "100,000 characters each of which normalises to eighteen", "\ufdfa" * 100_000)
_text("xlsx-cell-of-spaces", "a label of 200,000 spaces between two letters", "C" + " " * 200_000 + "W")
_text("xlsx-cell-of-notes", "`(note ` 170,000 times in a label", "(note " * 170_000)
_text("xlsx-cell-of-marks", "`[a ` 300,000 times in a label", "[a " * 300_000)
_text("xlsx-cell-of-digits", "a label of 1 MB of digits, commas and minus signs", "-1,2" * 262_144)


def _cover_text(text: str) -> Callable[[Parts], object]:
    def change(parts: Parts) -> None:
        parts[STRINGS] = replaced(parts[STRINGS], "Management information, provisional", text)

    return change


_changed("xlsx-spaces-on-cover", "a cell of 200,000 spaces on the cover", _cover_text("a" + " " * 200_000 + "b"), "either")
_changed("xlsx-notes-on-cover", "`(note ` 170,000 times on the cover", _cover_text("(note " * 170_000), "either")
_changed("xlsx-other-publisher", "a CPS file whose cover names the NRM statistics too", _cover_text("National Referral Mechanism and Duty to Notify statistics"), "either")
_changed("xlsx-published-twice", "a cover with two dates of publication", _cover_text("Published: 1 January 1990"), "either")
_changed("xlsx-published-nowhen", "a cover that says Published: 31 February 2022", lambda parts: parts.update({STRINGS: replaced(parts[STRINGS], "Published: 21 July 2022", "Published: 31 February 2022")}))


def _nearly(place: Place) -> None:
    # irregular_migration: 'irregular migration.*detailed dataset': every start is tried to the end.
    parts = parts_of("cps")
    parts[STRINGS] = replaced(parts[STRINGS], "CPS data summary", "irregular migration " * (MIB // 20))
    place.write(".xlsx", pack(parts, place.name))


register("xlsx-nearly-recognised", "irregular_migration", "xlsx", "1 MB that nearly matches a pattern of `recognise`", _nearly)


def _claims_other(place: Place) -> None:
    place.write(".xlsx", pack(parts_of("cps"), place.name))


register("xlsx-of-other-source", "nrm", "xlsx", "a file of the CPS in the folder of the NRM", _claims_other)


def _return_of(change: tuple[str, str]) -> Callable[[Place], object]:
    return edited("force_returns", STRINGS, change)


register("xlsx-return-unknown-force", "force_returns", "xlsx", "a force return of a force that is not known", _return_of(("Cheshire", "Mr Nemo of Nowhere")))
register("xlsx-return-twice", "force_returns", "xlsx", "a second return of a force for the month", lambda place: place.write(".xlsx", pack(parts_of("force_returns"), place.name)), "accepted")

# ---- sheets ----------------------------------------------------------------------------------------------------------


def _book(old: str, new: str) -> Callable[[Parts], object]:
    return lambda parts: parts.update({BOOK: replaced(parts[BOOK], old, new)})


_changed("xlsx-hidden-sheet", "a table on a hidden sheet", _book('sheetId="3"', 'sheetId="3" state="hidden"'), "either")
_changed("xlsx-very-hidden", "a table on a very hidden sheet", _book('sheetId="3"', 'sheetId="3" state="veryHidden"'), "either")
_changed("xlsx-same-sheet-names", "two sheets of one name", _book('"2 Prosecutions"', '"1 Pre-charge"'))
_changed("xlsx-sheet-climbs", "a sheet called ../../../../tmp/climbed", _book('"1 Pre-charge"', '"../../../../tmp/climbed"'), "either")
_changed("xlsx-sheet-nameless", "a sheet without a name", _book('"1 Pre-charge"', '""'), "either")
_changed("xlsx-sheet-long-name", "a sheet name of 100,000 characters", _book('"1 Pre-charge"', f'"{"n" * 100_000}"'), "either")
_changed("xlsx-sheet-escapes", "a sheet name with escape sequences and marks", _book('"1 Pre-charge"', '"&#x9b;2J\u202eegrahc\u2069&#10;Nothing blocks"'), "either")
_changed("xlsx-sheet-markup", "a sheet name that is a script in HTML", _book('"1 Pre-charge"', '"&lt;img src=x onerror=alert(1)&gt;"'), "either")
_changed("xlsx-dimension-lies", "a sheet that says it spans A1:XFD1048576", lambda parts: parts.update({TABLE: parts[TABLE].replace(b"<dimension ref=", b'<dimension ref="A1:XFD1048576" was=', 1)}), "either")
_changed("xlsx-dimension-odd", "a sheet that says it spans ZZZZZZZZ99999999999:A1", lambda parts: parts.update({TABLE: parts[TABLE].replace(b"<dimension ref=", b'<dimension ref="ZZZZZZZZ99999999999:A1" was=', 1)}), "either")
_changed("xlsx-all-merged", "one merged area over the whole sheet", lambda parts: parts.update({TABLE: replaced(parts[TABLE], "</sheetData>", '</sheetData><mergeCells count="1"><mergeCell ref="A1:XFD1048576"/></mergeCells>')}), "either")
_changed("xlsx-merged-header", "merged header cells", lambda parts: parts.update({TABLE: replaced(parts[TABLE], "</sheetData>", '</sheetData><mergeCells count="1"><mergeCell ref="B4:D4"/></mergeCells>')}), "either")
_changed("xlsx-million-merged", "a million merged areas", lambda parts: parts.update({TABLE: replaced(parts[TABLE], "</sheetData>", "</sheetData><mergeCells>" + "".join(f'<mergeCell ref="A{n}:B{n}"/>' for n in range(1, MIB)) + "</mergeCells>")}), "either")
_changed("xlsx-formats", "100,000 number formats, one of 100 KB", lambda parts: parts.update({"xl/styles.xml": replaced(parts["xl/styles.xml"], "<fonts", "<numFmts>" + "".join(f'<numFmt numFmtId="{200 + n}" formatCode="0.0{n}"/>' for n in range(100_000)) + f'<numFmt numFmtId="199" formatCode="{"[Red]" * 20_000}"/></numFmts><fonts')}), "either")
_changed("xlsx-names", "200,000 defined names", _book("</sheets>", "</sheets><definedNames>" + "".join(f'<definedName name="n{n}">Cover!$A$1</definedName>' for n in range(200_000)) + "</definedNames>"), "either")
_changed("xlsx-1904", "dates that count from 1904", _book("<workbookPr ", '<workbookPr date1904="1" '), "either")
_changed("xlsx-no-table-part", "a sheet whose part is missing", lambda parts: parts.pop(TABLE))
_changed("xlsx-no-strings", "shared texts are missing", lambda parts: parts.pop(STRINGS))
_changed("xlsx-no-relations", "the relations of the workbook are missing", lambda parts: parts.pop(RELATIONS))
_changed("xlsx-part-outside", "a sheet whose part is ../../../../etc/passwd", lambda parts: parts.update({RELATIONS: replaced(parts[RELATIONS], "worksheets/sheet3.xml", "../../../../etc/passwd")}))
_changed("xlsx-part-on-server", "a sheet whose part is on a server", lambda parts: parts.update({RELATIONS: replaced(parts[RELATIONS], 'Target="worksheets/sheet3.xml"', 'Target="http://127.0.0.1:9/sheet.xml" TargetMode="External"')}))
_changed("xlsx-part-is-itself", "two sheets of one part", lambda parts: parts.update({RELATIONS: replaced(parts[RELATIONS], "worksheets/sheet4.xml", "worksheets/sheet3.xml")}), "rejected")
_changed("xlsx-macro", "a macro project", lambda parts: parts.update({"xl/vbaProject.bin": b"x"}))
_changed("xlsx-macro-elsewhere", "a macro project under another name", lambda parts: parts.update({"xl/code.bin": b"x", "[Content_Types].xml": replaced(parts["[Content_Types].xml"], "</Types>", '<Override PartName="/xl/code.bin" ContentType="application/vnd.ms-office.vbaProject"/></Types>')}), "either")
_changed("xlsx-strict", "the strict dialect of the format", lambda parts: parts.update({name: content.replace(b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", b"http://purl.oclc.org/ooxml/spreadsheetml/main") for name, content in parts.items()}), "either")


def _shared_megabyte(place: Place) -> None:
    """20 GB of text once the reader has copied the one text to every cell."""
    parts = parts_of("cps")
    parts[STRINGS] = replaced(parts[STRINGS], "<t>Cymru-Wales</t>", f"<t>{'x' * MIB}</t>")
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>21</v></c></row>' for n in range(100, 20_100))
    parts[TABLE] = replaced(parts[TABLE], "</sheetData>", f"{rows}</sheetData>")
    place.write(".xlsx", pack(parts, place.name))


register("xlsx-shared-megabyte", "cps", "heavy", "one shared text of 1 MB in 20,000 cells", _shared_megabyte)


def _many_sheets(place: Place) -> None:
    parts = parts_of("cps")
    numbers = range(100, 100_100)
    parts[BOOK] = replaced(parts[BOOK], "</sheets>", "".join(f'<sheet name="s{n}" sheetId="{n}" r:id="rId3"/>' for n in numbers) + "</sheets>")
    place.write(".xlsx", pack(parts, place.name))


register("xlsx-100000-sheets", "cps", "heavy", "100,000 sheets, all of one part", _many_sheets)


def _many_cells(place: Place) -> None:
    """Just under the limit on cells: 99 million blanks between A1 and one corner."""
    parts = parts_of("cps")
    row = 99_000_000 // 100
    parts[TABLE] = replaced(parts[TABLE], "</sheetData>", f'<row r="{row}"><c r="CV{row}"><v>1</v></c></row></sheetData>')
    place.write(".xlsx", pack(parts, place.name))


register("xlsx-99m-blanks", "cps", "heavy", "a rectangle of 99 million blanks, just under the limit", _many_cells)

# ---- XML -------------------------------------------------------------------------------------------------------------


def _xml(name: str, description: str, doctype: str, text: str, expected: Expected = "refused") -> None:
    def change(parts: Parts) -> None:
        parts[STRINGS] = replaced(parts[STRINGS], "<sst ", f"{doctype}<sst ")
        parts[STRINGS] = replaced(parts[STRINGS], "<t>Cymru-Wales</t>", f"<t>{text}</t>")

    _changed(name, description, change, expected, "xml")


_LAUGHS = "".join(f'<!ENTITY l{n} "' + f"&l{n - 1};" * 10 + '">' for n in range(1, 12))
_xml("xml-laughs", "a thousand million laughs", f'<!DOCTYPE sst [<!ENTITY l0 "ha">{_LAUGHS}]>', "&l11;", "either")
_xml("xml-quadratic", "an entity of 100 KB, 20,000 times", f'<!DOCTYPE sst [<!ENTITY a "{"a" * 100_000}">]>', "&a;" * 20_000, "either")
_xml("xml-reads-file", "an entity that is /etc/passwd", '<!DOCTYPE sst [<!ENTITY f SYSTEM "file:///etc/passwd">]>', "&f;", "either")
_xml("xml-reads-server", "an entity that is on a server", '<!DOCTYPE sst [<!ENTITY f SYSTEM "http://127.0.0.1:9/x">]>', "&f;", "either")
_xml("xml-parameter", "a parameter entity that fetches a declaration", '<!DOCTYPE sst [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>', "x", "either")
_xml("xml-doctype", "a DOCTYPE and nothing else", "<!DOCTYPE sst>", "Cymru-Wales", "either")
_xml("xml-unknown-entity", "an entity that nobody declared", "", "&nobody;", "either")
_xml("xml-unfinished-entity", "an entity without its end", "", "&" * 100_000, "either")
_xml("xml-null-reference", "a reference to the character 0", "", "Cymru&#0;Wales", "either")
_xml("xml-far-reference", "a reference to a character beyond the last", "", "Cymru&#x7FFFFFFF;Wales", "either")


def _strings_as(encoding: str, declared: str) -> Callable[[Parts], object]:
    def change(parts: Parts) -> None:
        text = parts[STRINGS].decode().replace('encoding="UTF-8"', f'encoding="{declared}"')
        parts[STRINGS] = text.encode(encoding)

    return change


_changed("xml-utf-16", "shared texts in UTF-16", _strings_as("utf-16", "UTF-16"), "either", "xml")
_changed("xml-utf-7", "shared texts that say they are in UTF-7", _strings_as("utf-7", "UTF-7"), "either", "xml")
_changed("xml-utf-32", "shared texts in UTF-32", _strings_as("utf-32", "UTF-32"), "either", "xml")
_changed("xml-ebcdic", "shared texts in a code page of mainframes", _strings_as("cp037", "cp037"), "either", "xml")
_changed("xml-not-utf-8", "bytes that are not UTF-8 in a label", lambda parts: parts.update({STRINGS: parts[STRINGS].replace(b"Cymru-Wales", b"Cymru\xff\xfe\xc0\x80Wales")}), "either", "xml")
_changed("xml-unclosed", "a sheet that ends inside a row", lambda parts: parts.update({TABLE: parts[TABLE][: parts[TABLE].index(b"</row>") - 20]}), "refused", "xml")
_changed("xml-strings-unclosed", "shared texts that end inside a text", lambda parts: parts.update({STRINGS: parts[STRINGS][:700]}), "refused", "xml")
_changed("xml-book-unclosed", "a workbook that ends inside its list of sheets", lambda parts: parts.update({BOOK: parts[BOOK][: parts[BOOK].index(b"</sheets>")]}), "refused", "xml")
_changed("xml-relations-unclosed", "relations that end inside a tag", lambda parts: parts.update({RELATIONS: parts[RELATIONS][:400]}), "refused", "xml")
_changed("xml-deep", "a million elements, each inside the one before", lambda parts: parts.update({STRINGS: replaced(parts[STRINGS], "<si>", "<si>" + "<r>" * MIB + "</r>" * MIB)}), "either", "xml")
_changed("xml-attributes", "a cell with 200,000 attributes", lambda parts: parts.update({TABLE: replaced(parts[TABLE], '<c r="A1"', '<c r="A1" ' + " ".join(f'a{n}="1"' for n in range(200_000)))}), "either", "xml")
_changed("xml-long-tag", "a tag of 64 MB", lambda parts: parts.update({TABLE: replaced(parts[TABLE], '<c r="A1"', f'<c r="A1" a="{"x" * (64 * MIB)}"')}), "either", "xml")
_changed("xml-long-comment", "a comment of 64 MB", lambda parts: parts.update({TABLE: replaced(parts[TABLE], "<sheetData>", f"<!--{'x' * (64 * MIB)}--><sheetData>")}), "either", "xml")
_changed("xml-cdata", "a label in CDATA", lambda parts: parts.update({STRINGS: replaced(parts[STRINGS], "<t>Cymru-Wales</t>", "<t><![CDATA[Cymru-Wales]]></t>")}), "either", "xml")
_changed("xml-prefixes", "every tag of the sheet with a prefix", lambda parts: parts.update({TABLE: replaced(parts[TABLE].replace(b"</", b"</x:").replace(b"<", b"<x:").replace(b"<x:/x:", b"</x:").replace(b"<x:?xml", b"<?xml"), "xmlns=", "xmlns:x=")}), "either", "xml")

# ---- archives --------------------------------------------------------------------------------------------------------


def _archive(name: str, description: str, make: Callable[[Place], bytes], expected: Expected = "refused") -> None:
    register(name, "cps", "archive", description, lambda place: place.write(".xlsx", make(place)), expected)


def _entries(place: Place, *more: RawEntry, **changes: object) -> bytes:
    """The CPS's good file, entry by entry, with the entry of the table changed and more entries behind."""
    parts = parts_of("cps") | {"docProps/note.txt": place.name.encode()}
    entries = [replace(e, **changes) if e.name == TABLE.encode() else e for e in as_entries(parts)]  # type: ignore[arg-type]
    return raw_archive([*entries, *more])


def _overlapping(place: Place) -> bytes:
    """One kernel of 16 MB that 5,000 names share: small to the sum of the directory's sizes, 80 GB to who unpacks."""
    whole = as_entries(parts_of("cps") | {"docProps/note.txt": place.name.encode()})
    kernel = RawEntry(b"xl/k0", b"\0" * (16 * MIB), declared_size=100)
    start = raw_archive(whole).index(b"PK\1\2")  # the directory of the honest parts begins where the kernel will
    names = [RawEntry(f"xl/k{n}".encode(), b"", 8, declared_size=100, declared_packed=16_000, offset=start) for n in range(1, 5_000)]
    return raw_archive([*whole, kernel, *names])


def _nested(place: Place) -> bytes:
    """A workbook within a workbook, forty deep."""
    content = donor_bytes("cps")
    for _ in range(40):
        content = pack({"xl/workbook.xlsx": content}, place.name)
    return content


def _members(number: int) -> Callable[[Place], bytes]:
    return lambda place: pack(parts_of("cps") | {f"xl/media/{n}": b"" for n in range(number)}, place.name, 1)


def _zip64_lie(place: Place) -> bytes:
    """The table says in a zip64 field that it is 2^62 bytes."""
    extra = struct.pack("<HHQQ", 1, 16, 2**62, 5_000)
    return _entries(place, declared_size=0xFFFFFFFF, declared_packed=0xFFFFFFFF, extra=extra)


def _understated(place: Place) -> bytes:
    """64 MB of a sheet said to be 9 KB: what is checked is what the directory says."""
    table = parts_of("cps")[TABLE]
    return _entries(place, content=table + b" " * (64 * MIB), declared_size=len(table))


def _link(place: Place) -> bytes:
    return _entries(place, RawEntry(b"xl/link", b"/etc/passwd", attributes=(stat.S_IFLNK | 0o777) << 16))


def _many_directories(place: Place) -> bytes:
    packed = _entries(place)
    where = packed.rindex(b"PK\5\6")
    return packed[:where] + packed[where : where + 8] + struct.pack("<HH", 65_535, 65_535) + packed[where + 12 :]


def _garbled(place: Place) -> bytes:
    chance = random.Random(place.name)
    content = bytearray(pack(parts_of("cps"), place.name))
    for _ in range(1_000):
        content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content)


def _zeros(place: Place) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in parts_of("cps").items():
            archive.writestr(name, content)
        with archive.open("xl/media/zeros", "w", force_zip64=True) as stream:
            for _ in range(1_000):
                stream.write(bytes(4 * MIB))
        archive.comment = place.name.encode()
    return buffer.getvalue()


_archive("zip-overlapping", "5,000 names that share one kernel of 16 MB", _overlapping)
_archive("zip-nested", "a workbook within a workbook, forty deep", _nested)
_archive("zip-25000-parts", "25,000 parts", _members(25_000))
_archive("zip-19000-parts", "19,000 parts, just under the limit", _members(19_000), "either")
_archive("zip-zip64-lie", "a part that says in a zip64 field that it is 2^62 bytes", _zip64_lie)
_archive("zip-understated", "a part of 64 MB that says it is 9 KB", _understated)
_archive("zip-overstated", "a part of 9 KB that says it is 3 GB", lambda place: _entries(place, declared_size=3 * 2**30))
_archive("zip-wrong-sum", "a part whose checksum is wrong", lambda place: _entries(place, declared_crc=1), "either")
_archive("zip-encrypted", "a part that is encrypted", lambda place: _entries(place, flags=1))
_archive("zip-strongly-encrypted", "a part that is strongly encrypted", lambda place: _entries(place, flags=0x41))
_archive("zip-agile-encrypted", "an encrypted workbook, as Excel writes it", lambda place: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + place.name.encode() + b"\0" * 4096)
_archive("zip-method-unknown", "a part packed in a way that nobody knows", lambda place: _entries(place, method=77))
_archive("zip-method-deflate64", "a part that says it is packed by deflate64", lambda place: _entries(place, method=9))
_archive("zip-offset-outside", "a part that begins behind the end of the file", lambda place: _entries(place, offset=0x7FFFFFF0))
_archive("zip-climbs", "a part called ../../../../tmp/climbed", lambda place: _entries(place, RawEntry(b"../../../../tmp/climbed", b"x")), "either")
_archive("zip-from-root", "a part called /tmp/climbed", lambda place: _entries(place, RawEntry(b"/tmp/climbed", b"x")), "either")
_archive("zip-link", "a part that is a link to /etc/passwd", _link, "either")
_archive("zip-same-name", "two parts of one name, the later one empty", lambda place: _entries(place, RawEntry(TABLE.encode(), b"<worksheet/>")), "either")
_archive("zip-same-but-case", "two parts that differ in case", lambda place: _entries(place, RawEntry(TABLE.upper().encode(), b"<worksheet/>")), "either")
_archive("zip-long-part-name", "a part whose name is 65,000 bytes", lambda place: _entries(place, RawEntry(b"n" * 65_000, b"x")), "either")
_archive("zip-odd-part-name", "part names with NUL, escapes and what is not UTF-8", lambda place: _entries(place, RawEntry(b"xl/\x00\x1b[2J\xff.xml", b"x")), "either")
_archive("zip-junk-before", "1 MB of something before the archive", lambda place: b"x" * MIB + pack(parts_of("cps"), place.name), "either")
_archive("zip-junk-behind", "1 MB of something behind the archive", lambda place: pack(parts_of("cps"), place.name) + b"x" * MIB, "either")
_archive("zip-two-in-one", "two archives, one behind the other", lambda place: pack({"x": b"x"}, "") + pack(parts_of("cps"), place.name), "either")
_archive("zip-no-parts", "an archive of nothing", lambda place: pack({}, place.name))
_archive("zip-cut", "an archive cut in the middle", lambda place: pack(parts_of("cps"), place.name)[:5_000])
_archive("zip-no-directory", "an archive without its directory", lambda place: (packed := pack(parts_of("cps"), place.name))[: packed.index(b"PK\1\2")])
_archive("zip-counts-wrong", "a directory that counts 65,535 parts", _many_directories, "either")
_archive("zip-of-noughts", "a part of 4,000 MB of noughts, just under the limits", _zeros, "either")
_archive("zip-only-pk", "the two letters PK", lambda place: b"PK" + place.name.encode())
_archive("zip-garbled", "a thousand bytes of a good file changed", _garbled)
_archive("file-is-xls", "an .xlsx that is the old .xls", lambda place: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504 + place.name.encode())
_archive("file-is-html", "an .xlsx that is a web page", lambda place: f"<html><table><tr><td>CPS data summary {place.name}".encode())
_archive("file-is-xml", "an .xlsx that is XML of 2003", lambda place: f'<?xml version="1.0"?><Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet"><!--{place.name}--></Workbook>'.encode())
_archive("file-is-pdf", "an .xlsx that is a PDF", lambda place: b"%PDF-1.7\n%" + place.name.encode())
_archive("file-is-csv", "an .xlsx that is a CSV", lambda place: b"CPS data summary," + place.name.encode())
_archive("file-is-ods", "an .xlsx that is an ODS", lambda place: pack(parts_of("small_boats"), place.name))
_archive("file-is-nothing", "an .xlsx of no bytes", lambda place: b"")
_archive("file-is-a-byte", "an .xlsx of one byte", lambda place: b"P")
_archive("file-is-noise", "an .xlsx of 1 MB of noise", lambda place: random.Random(place.name).randbytes(MIB))


def _sparse(place: Place) -> None:
    with place.path(".xlsx").open("wb") as stream:
        stream.truncate(600 * MIB)


def _xlsb(place: Place) -> None:
    parts = {name.replace(".xml", ".bin") if "sheet" in name else name: part for name, part in parts_of("cps").items()}
    place.write(".xlsb", pack(parts, place.name))


register("file-is-sparse", "cps", "archive", "an .xlsx of 600 MB of noughts, which take no room", _sparse)
register("file-of-xlsb", "cps", "archive", "the binary dialect of Excel", _xlsb)
register("file-of-xlsm", "cps", "archive", "a workbook with macros by its name", lambda place: place.write(".xlsm", pack(parts_of("cps"), place.name)))
register("file-without-suffix", "cps", "archive", "a good file without a suffix", lambda place: place.write("", pack(parts_of("cps"), place.name)))


# What a tool that makes files at random would make: each of these is one more file with bytes of a good one changed.
for _number in range(12):
    register(
        f"fuzzed-{_number:02d}-xlsx",
        "cps",
        "archive",
        "a good file whose parts have a few bytes changed at random",
        lambda place: place.write(".xlsx", pack(_fuzzed(place), place.name)),
        "either",
    )


def _fuzzed(place: Place) -> Parts:
    chance = random.Random(place.name)
    parts = parts_of("cps")
    for name in chance.sample([TABLE, COVER, STRINGS, BOOK, RELATIONS, "xl/styles.xml"], 2):
        content = bytearray(parts[name])
        for _ in range(chance.randrange(1, 6)):
            content[chance.randrange(60, len(content))] = chance.choice(b"<>&\"/=0123456789AZ \x00\xff")
        parts[name] = bytes(content)
    return parts
