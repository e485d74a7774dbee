"""Finds which sheet holds which table, by text alone, and explains what differs where nothing fits.

A sheet is known for a layout by its name or by the title above its header. A known sheet whose headers do not fit is an
error; so is a sheet that fits two layouts, a required table that no sheet holds, and a sheet that has
the header of a table that may be missing, or spread over many sheets, without the name or title of one.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from msoic_pipeline.limits import MAX_RECOGNISED_CELL
from msoic_pipeline.periods import PERIOD_MONTHS, shift_months
from msoic_pipeline.texts import clean, fold, is_blank
from msoic_pipeline.workbooks.differences import (
    TOTAL,
    Difference,
    MemberPath,
    join_alternatives,
    pair_renamed,
    propose_line,
)
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Sheet, Workbook, a1
from msoic_pipeline.workbooks.layout import (
    HeaderLevel,
    LabelColumn,
    Layout,
    MeasureColumn,
    PublishedTable,
    Source,
)
from msoic_pipeline.workbooks.values import parser

# A header stands among the first rows; nothing below is searched for it.
HEADER_SEARCH_ROWS = 60
# Of a file's sheets so many are named in an error.
_SHEETS_NAMED = 40

# A table that a sheet may hold, and a layout in which it may hold it.
Candidate = tuple[PublishedTable, Layout]


@dataclass(frozen=True)
class FigureColumn:
    """A column of figures: its measure, and by tidy column the members that it stands under (TOTAL for a total)."""

    measure: MeasureColumn
    members: dict[str, Any]

    @property
    def is_total(self) -> bool:
        """Whether it holds totals of other columns."""
        return TOTAL in self.members.values()


@dataclass(frozen=True)
class Match:
    """A sheet read through a layout: where its header and its columns stand (rows and columns count from 0).

    ``header_row`` is the first row of the header, ``first_row`` the one below its last. ``labels`` gives the column of
    each label that was found, ``figures`` the columns of figures; ``ignored`` are columns that the layout leaves out on
    purpose. Where nothing of the header was found, these are empty, and the header might be the first row.
    """

    sheet: str
    table: PublishedTable
    layout: Layout
    header_row: int
    first_row: int
    labels: Mapping[str, int] = field(default_factory=dict)
    figures: Mapping[int, FigureColumn] = field(default_factory=dict)
    ignored: frozenset[int] = frozenset()
    differences: tuple[Difference, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the layout reads the sheet."""
        return not self.differences

    @property
    def matched(self) -> int:
        """How many headers fit."""
        return len(self.labels) + len(self.figures)

    @property
    def nearness(self) -> int:
        """By which the nearest of several layouts is told: how many more headers fit than differ."""
        return self.matched - len(self.differences)


# ---- which sheet holds which table -----------------------------------------------------------------


def match_workbook(source: Source, workbook: Workbook, reference_quarter: dt.date) -> list[Match]:
    """Return the sheets of ``workbook`` that hold tables of ``source``, each with its layout.

    Raises SourceFileError where a sheet that is known by its text does not fit, another one does, a sheet fits two
    layouts, or a required table is missing.
    """
    file = workbook.path.name
    candidates = [
        (table, layout)
        for table in source.tables
        for layout in table.layouts
        if layout.releases.holds(reference_quarter)
    ]
    heads = [workbook.head(name, HEADER_SEARCH_ROWS) for name in workbook.sheet_names]
    matches: list[Match] = []
    for head in heads:
        layouts_for_sheet = [(table, layout) for table, layout in candidates if fits_sheet_text(head, layout)]
        if layouts_for_sheet:
            matches.append(_match_known_sheet(file, head, layouts_for_sheet, source, reference_quarter))
        else:
            _refuse_table_without_its_text(file, head, candidates, source, reference_quarter)
    _check_each_table_found(file, source, matches, heads)
    return matches


def fits_sheet_text(head: Sheet, layout: Layout) -> bool:
    """Return whether a sheet is known for a layout by its name and by its title, which is its first filled cell."""
    if layout.sheet.name and not re.search(layout.sheet.name, head.name, re.IGNORECASE):
        return False
    if not layout.sheet.title:
        return True
    title = next((clean(value) for row in head.rows for value in row if not is_blank(value)), "")
    return bool(re.search(layout.sheet.title, title[:MAX_RECOGNISED_CELL], re.IGNORECASE))


def _match_known_sheet(
    file: str, head: Sheet, layouts_for_sheet: Sequence[Candidate], source: Source, reference_quarter: dt.date
) -> Match:
    """Return the one reading that fits a sheet. Raises SourceFileError where none does, or several do."""
    attempts = [match_sheet(head, table, layout, reference_quarter) for table, layout in layouts_for_sheet]
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
                remedy=f"Make sheet.title or sheet.name narrower in {_layout_file(source)}.",
            )
    if not matches:
        raise _missing_sheet_error(file, source, source.tables, heads)


# ---- where the header of a sheet stands ------------------------------------------------------------


@dataclass(frozen=True)
class _Header:
    """Rows that are tried as the header: for each tier its cells, and these as cleaned texts, up to the sheet's width.

    ``first_row`` is the row of the outermost tier.
    """

    first_row: int
    values: list[list[Any]]
    texts: list[list[str]]

    @property
    def columns(self) -> range:
        """The columns of the sheet."""
        return range(len(self.texts[0]))

    def texts_of(self, column: int) -> list[str]:
        """Return what stands over a column, outermost tier first."""
        return [tier[column] for tier in self.texts]

    def places_of_text(self) -> dict[str, list[tuple[int, int]]]:
        """Return, by folded text, the columns and tiers in which it stands; the first column may have no header."""
        places: dict[str, list[tuple[int, int]]] = {}
        for tier, texts in enumerate(self.texts):
            for column, text in enumerate(texts):
                if text:
                    places.setdefault(fold(text), []).append((column, tier))
        if self.columns and not any(self.texts_of(0)):
            places[""] = [(0, 0)]
        return places

    def cell(self, tier: int, column: int) -> str:
        """Return the address of a cell of the header."""
        return a1(self.first_row + tier, column)


def match_sheet(head: Sheet, table: PublishedTable, layout: Layout, reference_quarter: dt.date) -> Match:
    """Return the best reading of a sheet's first rows through ``layout``; it ``fits``, or tells how it differs."""
    tiers = max(1, len(layout.levels))
    nothing_found = tuple(_missing_header(column) for column in _columns_with_header(layout))
    nearest = Match(head.name, table, layout, header_row=0, first_row=tiers, differences=nothing_found)
    last_row = min(len(head.rows), HEADER_SEARCH_ROWS) - tiers
    for row in range(last_row + 1):
        attempt = _match_header(head.name, _read_header(head, row, tiers), table, layout, reference_quarter)
        if attempt.fits:
            return attempt
        # Of two rows the one with more headers, however much else stands in it: a row of figures has few differences.
        nearest = max(nearest, attempt, key=lambda match: (match.matched, -len(match.differences)))
    return replace(nearest, differences=tuple(pair_renamed(nearest.differences)))


def _columns_with_header(layout: Layout) -> tuple[LabelColumn | MeasureColumn, ...]:
    """Return the columns that are known by a header of their own: labels, and measures where there are no levels."""
    return (*layout.columns, *layout.measures)


def _missing_header(column: LabelColumn | MeasureColumn) -> Difference:
    return Difference("missing", column.to, headers=column.header)


def _read_header(head: Sheet, row: int, tiers: int) -> _Header:
    values = [[*cells, *[""] * (head.width - len(cells))] for cells in head.rows[row : row + tiers]]
    return _Header(row, values, [[clean(value) for value in tier] for tier in values])


@dataclass
class _Found:
    """What was found in a header: as in Match, and ``named_columns``, those known by a header of their own."""

    labels: dict[str, int] = field(default_factory=dict)
    figures: dict[int, FigureColumn] = field(default_factory=dict)
    ignored: set[int] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)
    named_columns: set[int] = field(default_factory=set)


def _match_header(
    sheet: str, header: _Header, table: PublishedTable, layout: Layout, reference_quarter: dt.date
) -> Match:
    """Return what comes of taking some rows for the header."""
    found = _find_named_columns(sheet, header, layout)
    if not layout.levels:
        known = found.named_columns | found.ignored
        found.differences += _find_unknown_headers(header, known)
    elif found.named_columns:
        paths = _find_columns_under_levels(found, header, layout)
        found.differences += _find_missing_columns(layout, paths, reference_quarter)
    return Match(
        sheet,
        table,
        layout,
        header_row=header.first_row,
        first_row=header.first_row + len(header.texts),
        labels=found.labels,
        figures=found.figures,
        ignored=frozenset(found.ignored),
        differences=tuple(found.differences),
    )


def _find_ignored_columns(header: _Header, layout: Layout) -> set[int]:
    """Return the columns that the layout leaves out on purpose."""
    ignored_texts = {fold(text) for text in layout.ignore}
    ignored: set[int] = set()
    for column in header.columns:
        if any(text and fold(text) in ignored_texts for text in header.texts_of(column)):
            ignored.add(column)
    return ignored


def _find_named_columns(sheet: str, header: _Header, layout: Layout) -> _Found:
    """Return the label columns and measures that are found by their header text."""
    found = _Found(ignored=_find_ignored_columns(header, layout))
    places_of_text = header.places_of_text()
    may_repeat = bool(layout.repeated_headers and re.search(layout.repeated_headers, sheet))
    for spec in _columns_with_header(layout):
        accepted_texts = {fold(text) for text in spec.header}
        places = sorted({place for text in accepted_texts for place in places_of_text.get(text, [])})
        if may_repeat:  # the first is the one that counts
            found.ignored |= {column for column, _ in places[1:]}
            places = places[:1]
        if len(places) > 1:
            found.differences.append(_ambiguous_header(spec, header, places))
        elif not places:
            if not spec.optional:
                found.differences.append(_missing_header(spec))
        else:
            ((column, _),) = places
            found.named_columns.add(column)
            if isinstance(spec, MeasureColumn):
                found.figures[column] = FigureColumn(spec, {})
            else:
                found.labels[spec.to] = column
    return found


def _ambiguous_header(
    spec: LabelColumn | MeasureColumn, header: _Header, places: Sequence[tuple[int, int]]
) -> Difference:
    cells = ", ".join(header.cell(tier, column) for column, tier in places)
    column, tier = places[0]
    return Difference("ambiguous", spec.to, found=header.texts[tier][column], cell=cells)


def _find_unknown_headers(header: _Header, known_columns: set[int]) -> Iterator[Difference]:
    """Yield the headers that a layout without levels knows nothing of."""
    for tier, texts in enumerate(header.texts):
        for column in header.columns:
            if texts[column] and column not in known_columns:
                yield Difference("unknown", "", found=texts[column], cell=header.cell(tier, column))


# ---- figures under levels of headers ---------------------------------------------------------------


def _find_columns_under_levels(found: _Found, header: _Header, layout: Layout) -> set[MemberPath]:
    """Add the columns of figures to what was found; return the paths of members under which they stand.

    Each column that is not a label's must name a member of every level. The outer of two tiers names its member once
    for several columns, and a total over everything may have but one tier::

        Quarter   Adult                          Child                          Total
                  Positive   Negative   Total    Positive   Negative   Total

    are the paths Adult / positive, Adult / negative, Adult / total, Child / positive, …, total / total.
    """
    assert layout.value is not None
    first_column_of: dict[MemberPath, int] = {}
    last_label = max(found.labels.values(), default=-1)
    innermost = len(layout.levels) - 1
    outer_text, outer_value = "", None
    for column in header.columns:
        texts = header.texts_of(column)
        if column in found.named_columns or column in found.ignored or not any(texts):
            continue
        if column < last_label:
            found.differences.append(Difference("unknown", "", found=max(texts, key=len), cell=header.cell(0, column)))
            continue
        if texts[0]:
            outer_text, outer_value = texts[0], header.values[0][column]
        members = _read_members(layout, header, column, outer_text, outer_value)
        if isinstance(members, Difference):
            found.differences.append(members)
            continue
        if None in members.values():
            found.ignored.add(column)
            continue
        first_column = first_column_of.setdefault(tuple(members.values()), column)
        if first_column != column:
            cells = f"{header.cell(innermost, first_column)}, {header.cell(innermost, column)}"
            found.differences.append(Difference("ambiguous", "", found=texts[-1] or outer_text, cell=cells))
            continue
        found.figures[column] = FigureColumn(layout.value, _members_by_tidy_column(layout, members))
    return set(first_column_of)


def _read_members(
    layout: Layout, header: _Header, column: int, outer_text: str, outer_value: Any
) -> dict[str, Any] | Difference:
    """Return the member of each level that a column stands under, None for one that the layout leaves out on purpose.

    Where a header names no member that is known, returns that difference. ``outer_text`` and ``outer_value`` are what
    the outer of two tiers says, in this column or in one to its left.
    """
    members: dict[str, Any] = {}
    for tier, level in enumerate(layout.levels):
        if tier == 0 and len(layout.levels) > 1:
            text, value = outer_text, outer_value
        else:
            text, value = header.texts[tier][column], header.values[tier][column]
        is_below_totals = bool(members) and all(member == TOTAL for member in members.values())
        if not text and is_below_totals:
            members[level.to] = TOTAL
            continue
        try:
            members[level.to] = _read_member(level, text, value)
        except ValueError as error:
            expected = str(error) if level.is_open else ""
            cell = header.cell(tier, column)
            return Difference("unknown", level.to, found=text or "(blank)", cell=cell, expected=expected)
    return members


def _members_by_tidy_column(layout: Layout, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the member of each tidy column from those of the levels, of which one may name several columns'."""
    by_tidy_column: dict[str, Any] = {}
    for level in layout.levels:
        by_tidy_column |= level.members_by_column(members[level.to])
    return by_tidy_column


def _read_member(level: HeaderLevel, text: str, value: Any) -> Any:
    """Return the member that a header names, TOTAL for a total, None for one that is left out on purpose.

    Raises ValueError with what was expected instead.
    """
    folded = fold(text)
    if folded in {fold(total) for total in level.totals}:
        return TOTAL
    if folded in {fold(ignored) for ignored in level.ignore}:
        return None
    if level.members:
        for member, spellings in level.members.items():
            if folded in {fold(spelling) for spelling in (member, *spellings)}:
                return member
        raise ValueError(f"one of {join_alternatives(tuple(level.members))}")
    if is_blank(value):
        raise ValueError(f"a {level.to}")
    return parser(level.parse)(value)


def _find_missing_columns(layout: Layout, paths: set[MemberPath], reference_quarter: dt.date) -> Iterator[Difference]:
    """Yield the paths of members that have no column: a dropped column is a difference, not a smaller table.

    There must be one for each combination of the members that are due; and, where a level names a total, for that total
    under each combination of the outer members: Adult / total, Child / total, total / total.
    """
    levels = layout.levels
    due = [_find_members_due(level, tier, paths, reference_quarter) for tier, level in enumerate(levels)]
    wanted = list(product(*due))
    for tier, level in enumerate(levels):
        if level.totals:
            inner_totals = [[TOTAL]] * (len(levels) - tier)
            wanted += product(*due[:tier], *inner_totals)
    for path in wanted:
        if path not in paths:
            yield Difference("missing", levels[-1].to, members=path)
    if not wanted:
        yield Difference("missing", levels[-1].to)


def _find_members_due(level: HeaderLevel, tier: int, paths: set[MemberPath], reference_quarter: dt.date) -> list[Any]:
    """Return the members of a level that must be there: those declared, or those present and the latest quarters."""
    present = {path[tier] for path in paths if path[tier] != TOTAL}
    declared = [member for member in level.members if member not in level.optional or member in present]
    if declared:
        return declared
    latest_quarters = {
        shift_months(reference_quarter, -PERIOD_MONTHS["quarter"] * back) for back in range(level.quarters)
    }
    return sorted(present | latest_quarters, key=str)


# ---- errors ----------------------------------------------------------------------------------------


def propose_lines(match: Match) -> str:
    """Return the layout lines that would accept a sheet as it stands, or an empty text where no line would do."""
    lines = [propose_line(difference, match.layout) for difference in match.differences]
    return "; ".join(line for line in lines if line)


def _layout_file(source: Source) -> str:
    return f"msoic_pipeline/sources/{source.source}/layouts.yaml"


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
    remedy = f"Look at the sheet and at {_layout_file(source)}."
    if all(difference.is_new_member for difference in match.differences):
        remedy = "Look at the sheet; what is new there is a member, and the layout stays as it is."
    elif lines:
        remedy = f"Look at the sheet; then in {_layout_file(source)}, table {match.table.table!r}: {lines}."
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
        f"{_layout_file(source)}.",
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
        f"sheet.name in {_layout_file(source)}.",
    )
