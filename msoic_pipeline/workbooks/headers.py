"""Finds the header of a sheet through one layout: where it stands, what each column means, and what differs from it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from typing import Any

from msoic_pipeline.periods import PERIOD_MONTHS, shift_months
from msoic_pipeline.resource_limits import MAX_RECOGNISED_CELL
from msoic_pipeline.texts import clean, fold, is_blank
from msoic_pipeline.workbooks.addresses import a1
from msoic_pipeline.workbooks.differences import (
    TOTAL,
    Difference,
    MemberPath,
    pair_renamed,
)
from msoic_pipeline.workbooks.grid import Sheet
from msoic_pipeline.workbooks.layout import HeaderTier, LabelColumn, Layout, MeasureColumn, PublishedTable
from msoic_pipeline.workbooks.values import find_parser, parser_of_members

# A header stands among the first rows; nothing below is searched for it.
HEADER_SEARCH_ROWS = 60


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

    ``header_row`` is the first row of the header, ``first_body_row`` the one below its last. ``labels`` gives the
    column of each label that was found, ``figures`` the columns of figures; ``ignored`` are columns that the layout
    leaves out on purpose. Where nothing of the header was found, these are empty, and the header might be the first
    row.
    """

    sheet: str
    table: PublishedTable
    layout: Layout
    header_row: int
    first_body_row: int
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


@dataclass(frozen=True)
class _Header:
    """Rows that are tried as the header: for each tier its cells, and these as cleaned texts, up to the sheet's width.

    ``first_row`` is the row of the outermost tier. Tiers are numbered from 0, the outermost.
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
        return [texts[column] for texts in self.texts]

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

    def address(self, tier: int, column: int) -> str:
        """Return the address of a cell of the header."""
        return a1(self.first_row + tier, column)


@dataclass(frozen=True)
class _Found:
    """What was found in a header; the fields are those of Match."""

    labels: dict[str, int] = field(default_factory=dict)
    figures: dict[int, FigureColumn] = field(default_factory=dict)
    ignored: set[int] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)

    @property
    def columns(self) -> set[int]:
        """The columns whose meaning is known, those that the layout leaves out among them."""
        return {*self.labels.values(), *self.figures, *self.ignored}


def match_sheet(head: Sheet, table: PublishedTable, layout: Layout, reference_quarter: dt.date) -> Match:
    """Return the best reading of a sheet's first rows through ``layout``; it ``fits``, or tells how it differs."""
    height = max(1, len(layout.tiers))
    nothing_found = tuple(_missing_header(column) for column in _columns_with_header(layout))
    nearest = Match(head.name, table, layout, header_row=0, first_body_row=height, differences=nothing_found)
    last_row = min(len(head.rows), HEADER_SEARCH_ROWS) - height
    for row in range(last_row + 1):
        attempt = _match_header(head.name, _read_header(head, row, height), table, layout, reference_quarter)
        if attempt.fits:
            return attempt
        # Of two rows the one with more headers, however much else stands in it: a row of figures has few differences.
        nearest = max(nearest, attempt, key=lambda match: (match.matched, -len(match.differences)))
    return replace(nearest, differences=tuple(pair_renamed(nearest.differences)))


def _read_header(head: Sheet, row: int, height: int) -> _Header:
    """Return so many rows of a sheet, each filled up to the sheet's width, as a header."""
    tiers = range(row, min(row + height, len(head.rows)))
    return _Header(row, [_fill_row(head, tier) for tier in tiers], [_clean_row(head, tier) for tier in tiers])


def _fill_row(head: Sheet, row: int) -> list[Any]:
    """Return the cells of a row, and blanks up to the sheet's width."""
    return [*head.rows[row], *[""] * (head.width - len(head.rows[row]))]


# Every row of a sheet is tried for every table that it may hold: the rows of one sheet are remembered.
@lru_cache(maxsize=HEADER_SEARCH_ROWS)
def _clean_row(head: Sheet, row: int) -> list[str]:
    """Return the cleaned texts of a row, up to the sheet's width. They are not to be changed."""
    return [clean(value) for value in _fill_row(head, row)]


def _match_header(
    sheet: str, header: _Header, table: PublishedTable, layout: Layout, reference_quarter: dt.date
) -> Match:
    """Return what comes of taking some rows for the header."""
    named = _find_named_columns(sheet, header, layout)
    others = _Found()
    if not layout.tiers:
        others = _Found(differences=list(_find_unknown_headers(header, named.columns)))
    elif named.labels:
        others = _find_columns_under_tiers(named, header, layout, reference_quarter)
    return Match(
        sheet,
        table,
        layout,
        header_row=header.first_row,
        first_body_row=header.first_row + len(header.texts),
        labels=named.labels,
        figures=named.figures | others.figures,
        ignored=frozenset(named.ignored | others.ignored),
        differences=(*named.differences, *others.differences),
    )


# ---- columns with a header of their own ------------------------------------------------------------


def _columns_with_header(layout: Layout) -> tuple[LabelColumn | MeasureColumn, ...]:
    """Return the columns that are known by a header of their own: labels, and measures where there are no tiers."""
    return (*layout.columns, *layout.measures)


def _find_named_columns(sheet: str, header: _Header, layout: Layout) -> _Found:
    """Return the label columns and measures that are found by their header text, and the columns that are left out."""
    found = _Found(ignored=_find_ignored_columns(header, layout))
    places_of_text = header.places_of_text()
    may_repeat = bool(layout.repeated_headers and re.search(layout.repeated_headers, sheet))
    for spec in _columns_with_header(layout):
        accepted_texts = {fold(text) for text in spec.header}
        places = sorted({place for text in accepted_texts for place in places_of_text.get(text, [])})
        if may_repeat:  # the first is the one that counts
            found.ignored.update(column for column, _ in places[1:])
            places = places[:1]
        if len(places) > 1:
            found.differences.append(_ambiguous_header(spec, header, places))
        elif not places:
            if not spec.optional:
                found.differences.append(_missing_header(spec))
        else:
            ((column, _),) = places
            if isinstance(spec, MeasureColumn):
                found.figures[column] = FigureColumn(spec, {})
            else:
                found.labels[spec.to] = column
    return found


def _find_ignored_columns(header: _Header, layout: Layout) -> set[int]:
    """Return the columns that the layout leaves out on purpose."""
    if not layout.ignore and not layout.ignore_columns:
        return set()
    ignored_texts = {fold(text) for text in layout.ignore}
    ignored: set[int] = set()
    for column in header.columns:
        texts = [text for text in header.texts_of(column) if text]
        if any(fold(text) in ignored_texts or _is_ignored_by_pattern(text, layout) for text in texts):
            ignored.add(column)
    return ignored


def _is_ignored_by_pattern(text: str, layout: Layout) -> bool:
    is_short = len(text) <= MAX_RECOGNISED_CELL
    return bool(layout.ignore_columns and is_short and re.search(layout.ignore_columns, text, re.IGNORECASE))


def _missing_header(spec: LabelColumn | MeasureColumn) -> Difference:
    return Difference("missing", spec.to, headers=spec.header)


def _ambiguous_header(
    spec: LabelColumn | MeasureColumn, header: _Header, places: Sequence[tuple[int, int]]
) -> Difference:
    cells = ", ".join(header.address(tier, column) for column, tier in places)
    column, tier = places[0]
    return Difference("ambiguous", spec.to, found=header.texts[tier][column], cell=cells)


def _find_unknown_headers(header: _Header, known_columns: set[int]) -> Iterator[Difference]:
    """Yield the headers that a layout without tiers knows nothing of."""
    for tier, texts in enumerate(header.texts):
        for column in header.columns:
            if texts[column] and column not in known_columns:
                yield Difference("unknown", "", found=texts[column], cell=header.address(tier, column))


# ---- figures under tiers of headers ----------------------------------------------------------------


@dataclass(frozen=True)
class _HeaderCell:
    """What one tier says of a column: the text and the value that count for it, and the address of its own cell."""

    text: str
    value: Any
    address: str


def _find_columns_under_tiers(named: _Found, header: _Header, layout: Layout, reference_quarter: dt.date) -> _Found:
    """Return the columns of figures beside the ``named`` columns, and how they differ from those that should be there.

    Each column that is not a label's must name a member of every tier. A total over everything may have but one tier::

        Quarter   Adult                          Child                          Total
                  Positive   Negative   Total    Positive   Negative   Total

    are the paths Adult / positive, Adult / negative, Adult / total, Child / positive, …, total / total.
    """
    assert layout.value is not None
    found = _Found()
    known_columns = named.columns
    unnamed = [column for column in header.columns if column not in known_columns and any(header.texts_of(column))]
    last_label = max(named.labels.values())
    for column in unnamed:
        if column < last_label:
            longest_text = max(header.texts_of(column), key=len)
            found.differences.append(Difference("unknown", "", longest_text, header.address(0, column)))
    first_cell_of: dict[MemberPath, str] = {}
    cells_over = _spread_outer_tier(header, [column for column in unnamed if column > last_label])
    for column, cells in cells_over.items():
        members = _read_members(layout, cells)
        if isinstance(members, Difference):
            found.differences.append(members)
            continue
        path = tuple(members.values())
        if None in path:
            found.ignored.add(column)
        elif path in first_cell_of:
            both_cells = f"{first_cell_of[path]}, {cells[-1].address}"
            found.differences.append(Difference("ambiguous", "", cells[-1].text or cells[0].text, both_cells))
        else:
            first_cell_of[path] = cells[-1].address
            found.figures[column] = FigureColumn(layout.value, _members_by_tidy_column(layout, members))
    found.differences.extend(_find_missing_columns(layout, set(first_cell_of), reference_quarter))
    return found


def _spread_outer_tier(header: _Header, columns: Sequence[int]) -> dict[int, list[_HeaderCell]]:
    """Return what each tier says of each of ``columns``, outermost tier first.

    The outer of two tiers names its member once for several columns: where it is blank, what it says to the left
    counts. Where the inner tier is blank, it says nothing::

        what stands in the sheet         what is said of each column
        Adult      (blank)    Total      Adult      Adult      Total
        Positive   Negative   (blank)    Positive   Negative   (blank)
    """
    outer_text, outer_value = "", None
    cells_over: dict[int, list[_HeaderCell]] = {}
    for column in columns:
        if header.texts[0][column]:
            outer_text, outer_value = header.texts[0][column], header.values[0][column]
        cells = [_HeaderCell(outer_text, outer_value, header.address(0, column))]
        for tier in range(1, len(header.texts)):
            text, value = header.texts[tier][column], header.values[tier][column]
            cells.append(_HeaderCell(text, value, header.address(tier, column)))
        cells_over[column] = cells
    return cells_over


def _read_members(layout: Layout, cells: Sequence[_HeaderCell]) -> dict[str, Any] | Difference:
    """Return the member of each tier that a column stands under, None for one that the layout leaves out on purpose.

    ``cells`` are what the tiers say of the column. Where one names no member that is known, returns that difference.
    """
    members: dict[str, Any] = {}
    for tier, cell in zip(layout.tiers, cells, strict=True):
        is_below_totals = bool(members) and all(member == TOTAL for member in members.values())
        if not cell.text and is_below_totals:
            members[tier.to] = TOTAL
            continue
        try:
            members[tier.to] = _read_member(tier, cell)
        except ValueError as error:
            expected = str(error) if tier.is_open else ""
            return Difference("unknown", tier.to, cell.text or "(blank)", cell.address, expected=expected)
    return members


def _read_member(tier: HeaderTier, cell: _HeaderCell) -> Any:
    """Return the member that a header names, TOTAL for a total, None for one that is left out on purpose.

    Raises ValueError with what was expected instead.
    """
    folded = fold(cell.text)
    if folded in {fold(total) for total in tier.totals}:
        return TOTAL
    if folded in {fold(ignored) for ignored in tier.ignore}:
        return None
    if tier.members:
        return parser_of_members(tier.members)(cell.text)
    if is_blank(cell.value):
        raise ValueError(f"a {tier.to}")
    return find_parser(tier.parse)(cell.value)


def _members_by_tidy_column(layout: Layout, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the member of each tidy column from those of the tiers, of which one may name several columns'."""
    by_tidy_column: dict[str, Any] = {}
    for tier in layout.tiers:
        by_tidy_column |= tier.members_by_column(members[tier.to])
    return by_tidy_column


def _find_missing_columns(layout: Layout, paths: set[MemberPath], reference_quarter: dt.date) -> Iterator[Difference]:
    """Yield the paths of members that have no column: a dropped column is a difference, not a smaller table.

    There must be one for each combination of the members that are due; and, where a tier names a total, for that total
    under each combination of the outer members: Adult / total, Child / total, total / total.
    """
    due: list[list[Any]] = []
    for number, tier in enumerate(layout.tiers):
        present = {path[number] for path in paths if path[number] != TOTAL}
        due.append(_find_members_due(tier, present, reference_quarter))
    wanted = list(product(*due))
    for number, tier in enumerate(layout.tiers):
        if tier.totals:
            inner_totals = [[TOTAL]] * (len(layout.tiers) - number)
            wanted += product(*due[:number], *inner_totals)
    innermost = layout.tiers[-1]
    for path in wanted:
        if path not in paths:
            yield Difference("missing", innermost.to, members=path)
    if not wanted:
        yield Difference("missing", innermost.to)


def _find_members_due(tier: HeaderTier, present: set[Any], reference_quarter: dt.date) -> list[Any]:
    """Return the members of a tier that must be there: those declared, or those ``present`` and the latest quarters."""
    declared = [member for member in tier.members if member not in tier.optional or member in present]
    if declared:
        return declared
    latest_quarters = {
        shift_months(reference_quarter, -PERIOD_MONTHS["quarter"] * back) for back in range(tier.quarters)
    }
    return sorted(present | latest_quarters, key=str)
