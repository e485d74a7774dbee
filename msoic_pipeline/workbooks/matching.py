"""Finds which sheet holds which table, by text alone, and explains what differs where nothing fits.

A sheet is known for a layout by its name or by the title above its header. A known sheet whose headers do not fit is an
error; so is a sheet that fits two layouts, a required table that no sheet holds, and a sheet that has
the header of a table that may be missing, or spread over many sheets, without the name or title of one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import NamedTuple

from msoic_pipeline.resource_limits import MAX_RECOGNISED_CELL
from msoic_pipeline.texts import clean, is_blank
from msoic_pipeline.workbooks.addresses import a1
from msoic_pipeline.workbooks.differences import propose_line
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Sheet, Workbook
from msoic_pipeline.workbooks.headers import HEADER_SEARCH_ROWS, Match, match_sheet
from msoic_pipeline.workbooks.layout import Layout, PublishedTable
from msoic_pipeline.workbooks.source import Source

# Of a file's sheets so many are named in an error.
_SHEETS_NAMED = 40


class Candidate(NamedTuple):
    """A table that a sheet may hold, and a layout in which it may hold it."""

    table: PublishedTable
    layout: Layout


def match_workbook(source: Source, workbook: Workbook, reference_quarter: dt.date) -> list[Match]:
    """Return the sheets of ``workbook`` that hold tables of ``source``, each with its layout.

    Raises SourceFileError where a sheet that is known by its text does not fit, another one does, a sheet fits two
    layouts, or a required table is missing.
    """
    file = workbook.path.name
    candidates = [each for each in list_candidates(source) if each.layout.releases.holds(reference_quarter)]
    heads = [workbook.read_head(name, HEADER_SEARCH_ROWS) for name in workbook.sheet_names]
    matches: list[Match] = []
    for head in heads:
        known_for = [each for each in candidates if fits_sheet_text(head, each.layout)]
        if known_for:
            matches.append(_match_known_sheet(file, head, known_for, source, reference_quarter))
        else:
            _refuse_table_without_its_text(file, head, candidates, source, reference_quarter)
    _check_each_table_found(file, source, matches, heads)
    return matches


def list_candidates(source: Source) -> list[Candidate]:
    """Return each table of a source in each of its layouts."""
    return [Candidate(table, layout) for table in source.tables for layout in table.layouts]


def fits_sheet_text(head: Sheet, layout: Layout) -> bool:
    """Return whether a sheet is known for a layout by its name and by its title, which is its first filled cell."""
    if layout.sheet.name and not re.search(layout.sheet.name, head.name, re.IGNORECASE):
        return False
    if not layout.sheet.title:
        return True
    title = next((clean(value) for row in head.rows for value in row if not is_blank(value)), "")
    return bool(re.search(layout.sheet.title, title[:MAX_RECOGNISED_CELL], re.IGNORECASE))


def _match_known_sheet(
    file: str, head: Sheet, known_for: Sequence[Candidate], source: Source, reference_quarter: dt.date
) -> Match:
    """Return the one reading that fits a sheet. Raises SourceFileError where none does, or several do."""
    attempts = [match_sheet(head, table, layout, reference_quarter) for table, layout in known_for]
    fitting = [attempt for attempt in attempts if attempt.fits]
    if len(fitting) > 1:
        raise _ambiguous_layout_error(file, head.name, fitting)
    if not fitting:
        nearest = max(attempts, key=lambda attempt: attempt.nearness)
        raise _changed_layout_error(file, nearest, source)
    return fitting[0]


def _refuse_table_without_its_text(
    file: str, head: Sheet, candidates: Sequence[Candidate], source: Source, reference_quarter: dt.date
) -> None:
    """Refuse a sheet that is known by no text though it has the header of a table that would not be missed."""
    for table, layout in candidates:
        if table.required and table.sheets == "one":
            continue
        match = match_sheet(head, table, layout, reference_quarter)
        if match.fits:
            raise _unclaimed_sheet_error(file, match, source)


def _check_each_table_found(file: str, source: Source, matches: Sequence[Match], heads: Sequence[Sheet]) -> None:
    """Refuse a file in which a required table is missing, or stands in two sheets though it should in one."""
    for table in source.tables:
        sheets = [match.sheet for match in matches if match.table is table]
        if table.required and not sheets:
            raise _missing_sheet_error(file, source, (table,), heads)
        if table.sheets == "one" and len(sheets) > 1:
            raise SourceFileError(
                "ambiguous_table",
                file=file,
                sheet=sheets[1],
                expected=f"one sheet that holds table {table.table!r}",
                found=" and ".join(repr(sheet) for sheet in sheets),
                remedy=f"Make sheet.title or sheet.name narrower in {source.layout_file}.",
            )
    if not matches:
        raise _missing_sheet_error(file, source, source.tables, heads)


# ---- errors ----------------------------------------------------------------------------------------


def propose_lines(match: Match) -> str:
    """Return the layout lines that would accept a sheet as it stands, or an empty text where no line would do."""
    lines = [propose_line(difference, match.layout) for difference in match.differences]
    return "; ".join(line for line in lines if line)


def _ambiguous_layout_error(file: str, sheet: str, matches: Sequence[Match]) -> SourceFileError:
    return SourceFileError(
        "ambiguous_layout",
        file=file,
        sheet=sheet,
        expected="one layout that fits",
        found=" and ".join(sorted(f"{match.table.table}/{match.layout.layout}" for match in matches)),
        remedy="Give the layouts texts that tell them apart (sheet.title, sheet.name) or releases that do not overlap.",
    )


def _changed_layout_error(file: str, match: Match, source: Source) -> SourceFileError:
    first_cell = next((difference.cell for difference in match.differences if difference.cell), "")
    header_cell = a1(match.header_row, 0) if match.matched else ""
    lines = "" if source.sensitive else propose_lines(match)
    remedy = f"Look at the sheet and at {source.layout_file}."
    if all(difference.is_new_member for difference in match.differences):
        remedy = "Look at the sheet; what is new there is a member, and the layout stays as it is."
    elif lines:
        remedy = f"Look at the sheet; then in {source.layout_file}, table {match.table.table!r}: {lines}."
    return SourceFileError(
        "changed_layout",
        file=file,
        sheet=match.sheet,
        cell=first_cell or header_cell,
        expected=f"the header of table {match.table.table!r} (layout {match.layout.layout!r})",
        found="; ".join(difference.words(source.sensitive) for difference in match.differences),
        remedy=remedy,
    )


def _unclaimed_sheet_error(file: str, match: Match, source: Source) -> SourceFileError:
    patterns = {"name": match.layout.sheet.name, "title": match.layout.sheet.title}
    wanted = " and ".join(f"{kind} {pattern!r}" for kind, pattern in patterns.items() if pattern)
    return SourceFileError(
        "unclaimed_sheet",
        file=file,
        sheet=match.sheet,
        cell=a1(match.header_row, 0),
        expected=f"a sheet with the header of table {match.table.table!r} to have the {wanted}",
        found="that header in a sheet of another name or title",
        remedy="If the publisher has renamed it, add its new text to sheet.name or sheet.title in "
        f"{source.layout_file}.",
    )


def _missing_sheet_error(
    file: str, source: Source, tables: Sequence[PublishedTable], heads: Sequence[Sheet]
) -> SourceFileError:
    wanted = []
    for table in tables:
        texts_of_layouts = [" ".join(filter(None, (each.sheet.name, each.sheet.title))) for each in table.layouts]
        wanted.append(f"{table.table!r} ({' or '.join(texts_of_layouts)})")
    names = ", ".join(repr(head.name) for head in heads[:_SHEETS_NAMED])
    return SourceFileError(
        "missing_sheet",
        file=file,
        expected=f"a sheet that holds table {'; '.join(wanted)}",
        found=f"{len(heads)} other sheets" if source.sensitive else f"the sheets {names}",
        remedy="If the file is complete the publisher has renamed the table: add its new text to sheet.title or "
        f"sheet.name in {source.layout_file}.",
    )
