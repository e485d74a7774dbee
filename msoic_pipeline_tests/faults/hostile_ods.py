"""ODS that repeats without end, ends too early, or holds what no figure can be."""

from __future__ import annotations

from collections.abc import Callable

from msoic_pipeline_tests.faults.registry import (
    Expected,
    Group,
    Place,
    RawEntry,
    as_entries,
    pack,
    parts_of,
    raw_archive,
    register,
    replaced,
)

# One line a hostile file, however long.
# fmt: off

MIB = 2**20
CONTENT = "content.xml"
# The first figure of the daily table, and its first row.
_FIGURE = '<table:table-cell office:value-type="float" office:value="0"><text:p>0</text:p></table:table-cell>'
_END_OF_TABLE = "</table:table></office:spreadsheet>"


def _changed(name: str, description: str, change: Callable[[bytes], bytes], expected: Expected = "either", source: str = "small_boats", group: Group = "ods") -> None:
    def lay(place: Place) -> None:
        parts = parts_of(source)
        parts[CONTENT] = change(parts[CONTENT])
        place.write(".ods", pack(parts, place.name))

    register(name, source, group, description, lay, expected)


def _rows(name: str, description: str, rows: str, expected: Expected = "either", group: Group = "ods") -> None:
    """Rows at the end of the last table."""
    _changed(name, description, lambda content: replaced(content, _END_OF_TABLE, rows + _END_OF_TABLE), expected, group=group)


def _cell(name: str, description: str, cell: str, expected: Expected = "either") -> None:
    """Another cell in the place of the first figure."""
    _changed(name, description, lambda content: replaced(content, _FIGURE, cell), expected)


def _value(kind: str, value: str, text: str = "1") -> str:
    return f'<table:table-cell office:value-type="{kind}" {value}><text:p>{text}</text:p></table:table-cell>'


def _bare(name: str, description: str, tables: str, expected: Expected = "refused", group: Group = "ods") -> None:
    """A file of nothing but content.xml, with these tables."""

    def lay(place: Place) -> None:
        content = (
            '<?xml version="1.0" encoding="UTF-8"?><office:document-content '
            'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
            'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
            'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">'
            f"<office:body><office:spreadsheet>{tables}"
        )
        if tables.endswith("</table:table>"):
            content += "</office:spreadsheet></office:body></office:document-content>"
        # The reader wants a manifest, however short.
        parts = {
            "mimetype": b"application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": b"<manifest:manifest/>",
            CONTENT: content.encode(),
        }
        place.write(".ods", pack(parts, place.name))

    register(name, "nrm", group, description, lay, expected)


_TITLE = "<table:table-row><table:table-cell><text:p>National Referral Mechanism and Duty to Notify statistics</text:p></table:table-cell></table:table-row>"

# ---- seen ------------------------------------------------------------------------------------------------------------

_changed("ods-ends-in-table", "content.xml ends inside a table: the reader never comes back", lambda content: content[: content.rindex(b"<table:table-row>")], "refused")
_bare("ods-ends-in-first-table", "content.xml ends inside its only table", f'<table:table table:name="Cover_sheet">{_TITLE}')
_changed("ods-ends-in-cell", "content.xml ends inside a cell", lambda content: content[: content.rindex(b"</text:p>")], "refused")
_changed("ods-ends-in-tag", "content.xml ends inside a tag", lambda content: content[: content.rindex(b"<table:table-cell") + 9], "refused")
_changed("ods-ends-after-body", "content.xml without the tags that close it", lambda content: content[: content.index(b"</office:spreadsheet>")], "either")
_bare("ods-million-rows", "a million rows of 95 cells in 760 bytes", f'<table:table table:name="Cover_sheet">{_TITLE}<table:table-row table:number-rows-repeated="1000000"><table:table-cell table:number-columns-repeated="95" office:value-type="float" office:value="1"><text:p>1</text:p></table:table-cell></table:table-row></table:table>', group="heavy")
_bare("ods-million-texts", "a text of 100 KB, a million times, in 918 bytes", f'<table:table table:name="Cover_sheet">{_TITLE}<table:table-row table:number-rows-repeated="1000000"><table:table-cell office:value-type="string"><text:p>{"x" * 100_000}</text:p></table:table-cell></table:table-row></table:table>', group="heavy")

# ---- repeats ---------------------------------------------------------------------------------------------------------

_rows("ods-usual-padding", "what every office program writes: empty rows and cells to the end of the sheet", '<table:table-row table:number-rows-repeated="1047000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row>', "accepted")
_rows("ods-padded-then-figure", "a figure in the very last row and column", '<table:table-row table:number-rows-repeated="1047000"><table:table-cell table:number-columns-repeated="16384"/></table:table-row><table:table-row><table:table-cell table:number-columns-repeated="16383"/><table:table-cell office:value-type="float" office:value="1"/></table:table-row>', "refused", "heavy")
for _name, _number in (
    ("minus-1", "-1"),
    ("nought", "0"),
    ("2-to-31", str(2**31)),
    ("2-to-63", str(2**63 - 1)),
    ("2-to-64", str(2**64)),
    ("words", "many"),
    ("empty", ""),
    ("fraction", "1.5"),
):
    _rows(f"ods-rows-{_name}", f"a row repeated {_number or '(empty)'} times", f'<table:table-row table:number-rows-repeated="{_number}"><table:table-cell office:value-type="float" office:value="1"/></table:table-row>', "either", "heavy" if "2-to" in _name else "ods")
    _rows(f"ods-columns-{_name}", f"a cell repeated {_number or '(empty)'} times", f'<table:table-row><table:table-cell table:number-columns-repeated="{_number}" office:value-type="float" office:value="1"/></table:table-row>', "either", "heavy" if "2-to" in _name else "ods")
_rows("ods-16385-columns", "a cell repeated 16,385 times", '<table:table-row><table:table-cell table:number-columns-repeated="16385" office:value-type="float" office:value="1"/></table:table-row>')
_rows("ods-repeats-multiplied", "2^20 rows of 2^14 filled cells", '<table:table-row table:number-rows-repeated="1048576"><table:table-cell table:number-columns-repeated="16384" office:value-type="float" office:value="1"/></table:table-row>', "refused", "heavy")
_rows("ods-many-blank-blocks", "2,000 times a million empty rows, with a figure at the end", '<table:table-row table:number-rows-repeated="1000000"><table:table-cell/></table:table-row>' * 2_000 + '<table:table-row><table:table-cell office:value-type="float" office:value="1"/></table:table-row>', "either", "heavy")
_cell("ods-spaces-repeated", "text:s that stands for a thousand million spaces", '<table:table-cell office:value-type="string"><text:p>a<text:s text:c="1000000000"/>b</text:p></table:table-cell>')
_cell("ods-spaces-negative", "text:s that stands for -1 spaces", '<table:table-cell office:value-type="string"><text:p>a<text:s text:c="-1"/>b</text:p></table:table-cell>')

# ---- values ----------------------------------------------------------------------------------------------------------

for _name, _words, _odd in (
    ("value-nan", "a figure that is NaN", _value("float", 'office:value="NaN"')),
    ("value-inf", "a figure that is infinite", _value("float", 'office:value="inf"')),
    ("value-1e400", "a figure of 1E400", _value("float", 'office:value="1E400"')),
    ("value-minus", "a count of -7", _value("float", 'office:value="-7"')),
    ("value-words", "a figure of words", _value("float", 'office:value="about six"')),
    ("value-missing", "a figure without its value", _value("float", "")),
    ("value-2-to-63", "a count of 2^63", _value("float", f'office:value="{2**63}"')),
    ("value-date-31-february", "a date of 31 February", _value("date", 'office:date-value="2024-02-31"')),
    ("value-date-year-0", "a date of the year 0", _value("date", 'office:date-value="0000-00-00"')),
    ("value-date-year-minus", "a date of the year -4000", _value("date", 'office:date-value="-4000-01-01"')),
    ("value-date-year-99999", "a date of the year 99999", _value("date", 'office:date-value="99999-01-01"')),
    ("value-time", "a time of PT99999999999H", _value("time", 'office:time-value="PT99999999999H"')),
    ("value-percentage", "a percentage", _value("percentage", 'office:value="0.5"')),
    ("value-currency", "a sum of money", _value("currency", 'office:currency="GBP" office:value="5"')),
    ("value-boolean", "a flag that is neither true nor false", _value("boolean", 'office:boolean-value="perhaps"')),
    ("value-kind-unknown", "a cell of a kind that nobody knows", _value("colour", 'office:value="5"')),
    ("value-kind-missing", "a cell with a value and no kind", '<table:table-cell office:value="5"><text:p>5</text:p></table:table-cell>'),
    ("value-formula", "a formula without a value", '<table:table-cell table:formula="of:=SUM(1;2)"/>'),
    ("value-covered", "covered cells", '<table:covered-table-cell table:number-columns-repeated="3"/>'),
    ("value-nested-table", "a table within a cell", '<table:table-cell><table:table table:name="in"><table:table-row><table:table-cell/></table:table-row></table:table></table:table-cell>'),
    ("value-annotation", "a cell with a comment of 1 MB", f'<table:table-cell office:value-type="float" office:value="0"><office:annotation><text:p>{"x" * MIB}</text:p></office:annotation><text:p>0</text:p></table:table-cell>'),
    ("value-deep", "200,000 spans, each inside the one before", f'<table:table-cell office:value-type="string"><text:p>{"<text:span>" * 200_000}x{"</text:span>" * 200_000}</text:p></table:table-cell>'),
    ("value-bidi", "marks that turn the direction, in a figure", _value("string", "", "\u202e21\u2069")),
    ("value-c1", "C1 controls in a figure", _value("string", "", "1\u009b2J")),
    ("value-newline", "a figure that breaks the line", _value("string", "", "1&#10;Nothing blocks: all figures are loaded.")),
    ("value-nul", "a reference to NUL in a figure", _value("string", "", "1&#0;2")),
):
    _cell(f"ods-{_name}", _words, _odd)

# ---- tables and parts ------------------------------------------------------------------------------------------------


def _content(old: str, new: str) -> Callable[[bytes], bytes]:
    return lambda content: replaced(content, old, new)


_changed("ods-name-climbs", "a table called ../../../../tmp/climbed", _content('"SB_01"', '"../../../../tmp/climbed"'), "refused")
_changed("ods-name-twice", "two tables of one name", _content('"SB_02"', '"SB_01"'), "refused")
_changed("ods-name-missing", "a table without a name", _content(' table:name="SB_01"', ""), "refused")
_changed("ods-hidden", "a table that is not displayed", _content('table:name="SB_01"', 'table:name="SB_01" table:display="false" table:style-name="ta9"'))
_changed("ods-protected", "a table that is protected", _content('table:name="SB_01"', 'table:name="SB_01" table:protected="true"'))
_changed("ods-doctype", "a DOCTYPE", _content("<office:document-content", "<!DOCTYPE x><office:document-content"))
_changed("ods-laughs", "a thousand million laughs", lambda content: replaced(replaced(content, "<office:document-content", '<!DOCTYPE x [<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "' + f"&l{n - 1};" * 10 + '">' for n in range(1, 12)) + "]><office:document-content"), _FIGURE, _value("string", "", "&l11;")))
_changed("ods-reads-file", "an entity that is /etc/passwd", lambda content: replaced(replaced(content, "<office:document-content", '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><office:document-content'), _FIGURE, _value("string", "", "&f;")))
_changed("ods-utf-16", "content.xml in UTF-16", lambda content: content.decode().replace("UTF-8", "UTF-16").encode("utf-16"))
_changed("ods-utf-7", "content.xml that says it is in UTF-7", lambda content: content.decode().replace("UTF-8", "UTF-7").encode("utf-7"))
_changed("ods-not-utf-8", "bytes that are not UTF-8 in a label", lambda content: content.replace(b"Migrants arrived", b"Migrants \xff\xfe arrived", 1), "refused")
_changed("ods-no-tables", "a spreadsheet of no tables", lambda content: content[: content.index(b"<table:table ")] + b"</office:spreadsheet></office:body></office:document-content>", "refused")
# Its tables hold the donor's figures, cell by cell: nothing false could be loaded of it.
_changed("ods-text-document", "a text document", _content("office:spreadsheet>", "office:text>"), "either")
_changed("ods-100000-tables", "100,000 tables", _content("</office:spreadsheet>", "".join(f'<table:table table:name="t{n}"><table:table-row><table:table-cell/></table:table-row></table:table>' for n in range(100_000)) + "</office:spreadsheet>"), "either", group="heavy")
_changed("ods-200000-bad-rows", "200,000 rows of a day that is none", _content(_END_OF_TABLE, "".join(f'<table:table-row><table:table-cell office:value-type="string"><text:p>day {n}</text:p></table:table-cell><table:table-cell office:value-type="float" office:value="1"/></table:table-row>' for n in range(200_000)) + _END_OF_TABLE), "rejected", group="heavy")


def _other_parts(name: str, description: str, change: Callable[[dict[str, bytes]], object], expected: Expected = "refused") -> None:
    def lay(place: Place) -> None:
        parts = parts_of("small_boats")
        change(parts)
        place.write(".ods", pack(parts, place.name))

    register(name, "small_boats", "ods", description, lay, expected)


_MANIFEST = "META-INF/manifest.xml"
_other_parts("ods-encrypted", "a manifest that says content.xml is encrypted", lambda parts: parts.update({_MANIFEST: replaced(parts[_MANIFEST], 'manifest:media-type="text/xml"/>', 'manifest:media-type="text/xml" manifest:size="9"><manifest:encryption-data manifest:checksum="x"/></manifest:file-entry>'), CONTENT: bytes(range(256)) * 40}))
_other_parts("ods-no-content", "an ODS without content.xml", lambda parts: parts.pop(CONTENT))
_other_parts("ods-no-mimetype", "an ODS without its mimetype", lambda parts: parts.pop("mimetype"), "either")
_other_parts("ods-other-mimetype", "an ODS that says it is a text document", lambda parts: parts.update({"mimetype": b"application/vnd.oasis.opendocument.text"}), "either")
_other_parts("ods-basic", "an ODS with macros", lambda parts: parts.update({"Basic/Standard/Module1.xml": b"<x/>"}))
_other_parts("ods-scripts", "an ODS with scripts in Python", lambda parts: parts.update({"Scripts/python/x.py": b"import os"}), "either")


def _understated(place: Place) -> None:
    """512 MB of blanks in content.xml, which the directory says is 200 KB."""
    parts = parts_of("small_boats")
    size = len(parts[CONTENT])
    entries = [
        RawEntry(e.name, e.content.replace(b"<office:body>", b"<office:body>" + b" " * (512 * MIB), 1), declared_size=size)
        if e.name == CONTENT.encode()
        else e
        for e in as_entries(parts)
    ]
    place.write(".ods", raw_archive(entries, place.name.encode()))


register("ods-understated", "small_boats", "heavy", "512 MB of content.xml that says it is 200 KB", _understated)


def _flat(place: Place) -> None:
    place.write(".ods", parts_of("small_boats")[CONTENT] + b"<!-- " + place.name.encode() + b" -->")


def _as_xlsx(place: Place) -> None:
    place.write(".ods", pack(parts_of("cps"), place.name))


register("ods-flat", "small_boats", "ods", "an ODS that is flat XML", _flat)
register("ods-is-xlsx", "small_boats", "ods", "an ODS that is an XLSX", _as_xlsx)
