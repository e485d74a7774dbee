"""Finds which sheet holds which table, by text alone, and explains what differs where nothing fits.

A sheet is *claimed* by a layout when its name or the title above its header says so. A claimed sheet whose headers do
not fit is an error; so is a sheet that fits two layouts, a required table that no sheet holds, and a sheet that has
the header of a table that may be missing, or spread over many sheets, without the name or title of one.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from rapidfuzz import fuzz, process, utils

from msoic_pipeline.limits import MAX_RECOGNISED_CELL
from msoic_pipeline.periods import period_label, shift_months
from msoic_pipeline.texts import clean, fold, is_blank
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import Sheet, Workbook, a1
from msoic_pipeline.workbooks.layout import Column, Layout, Level, Measure, Source, Table
from msoic_pipeline.workbooks.values import parser

# A header stands among the first rows; nothing below is searched for it.
HEADER_SEARCH_ROWS = 60
TOTAL = "\0total"


@dataclass
class Difference:
    """One way in which a sheet's header differs from what a layout expects."""

    kind: str
    expected: str
    found: str
    cell: str
    place_in_layout: str = ""

    def words(self, withhold: bool) -> str:
        """Return the difference as a person reads it, without what stands in the sheet if that is to be withheld."""
        at = f" in {self.cell}" if self.cell else ""
        found = "(withheld)" if withhold else repr(self.found)
        return {
            "missing": f"no {self.expected}",
            "renamed": f"header {found}{at} where {self.expected} was expected",
            "unknown": f"unknown header {found}{at}",
            "ambiguous": f"header {found} more than once ({self.cell})",
        }[self.kind]


@dataclass(frozen=True)
class Figure:
    """A column of figures: its measure, and the member of each level it stands under (TOTAL for a total)."""

    measure: Measure
    members: dict[str, Any]

    @property
    def is_total(self) -> bool:
        """Whether it holds totals of other columns."""
        return TOTAL in self.members.values()


@dataclass
class Match:
    """A sheet read through a layout: where its header and its columns stand (rows and columns count from 0)."""

    sheet: str
    table: Table
    layout: Layout
    header_row: int = -1
    first_row: int = -1
    labels: dict[str, int] = field(default_factory=dict)
    figures: dict[int, Figure] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    ignored: set[int] = field(default_factory=set)
    matched: int = 0


def match_workbook(source: Source, workbook: Workbook, reference_quarter: dt.date) -> list[Match]:
    """Return the sheets of ``workbook`` that hold tables of ``source``, each with its layout.

    Raises SourceFileError where a claimed sheet does not fit, an unclaimed one does, a sheet fits two layouts, or a
    required table is missing.
    """
    file = workbook.path.name
    valid = [
        (table, layout)
        for table in source.tables
        for layout in table.layouts
        if layout.releases.holds(reference_quarter)
    ]
    heads = {name: workbook.head(name, HEADER_SEARCH_ROWS) for name in workbook.sheet_names}
    found: list[Match] = []
    for head in heads.values():
        claimants = [(table, layout) for table, layout in valid if claims(head, layout)]
        attempts = [match_sheet(head, table, layout, reference_quarter) for table, layout in claimants]
        fitting = [attempt for attempt in attempts if not attempt.differences]
        if len(fitting) > 1:
            raise _ambiguous(file, head.name, fitting)
        if attempts and not fitting:
            nearest = max(attempts, key=lambda attempt: attempt.matched - len(attempt.differences))
            raise _does_not_fit(file, nearest, source)
        found += fitting
        if not claimants:
            _refuse_unclaimed(file, head, valid, source, reference_quarter)
    for table in source.tables:
        sheets = [match.sheet for match in found if match.table is table]
        if table.required and not sheets:
            raise _missing(file, source, (table,), list(heads))
        if table.sheets == "one" and len(sheets) > 1:
            raise SourceFileError(
                "ambiguous_table",
                file=file,
                sheet=sheets[1],
                expected=f"one sheet that holds table {table.table!r}",
                found=" and ".join(repr(sheet) for sheet in sheets),
                remedy="Make sheet.title or sheet.name narrower in "
                f"msoic_pipeline/sources/{source.source}/layouts.yaml.",
            )
    if not found:
        raise _missing(file, source, source.tables, list(heads))
    return found


def _refuse_unclaimed(
    file: str, head: Sheet, valid: list[tuple[Table, Layout]], source: Source, reference_quarter: dt.date
) -> None:
    """Refuse a sheet that nothing claims though it has the very header of a table that would not be missed."""
    for table, layout in valid:
        if table.required and table.sheets == "one":
            continue
        match = match_sheet(head, table, layout, reference_quarter)
        if not match.differences:
            wanted = " and ".join(
                f"{kind} {pattern!r}"
                for kind, pattern in (("name", layout.sheet.name), ("title", layout.sheet.title))
                if pattern
            )
            raise SourceFileError(
                "unclaimed_sheet",
                file=file,
                sheet=head.name,
                cell=a1(match.header_row, 0),
                expected=f"a sheet with the header of table {table.table!r} to have the {wanted}",
                found="that header in a sheet of another name or title",
                remedy=(
                    "If the publisher has renamed it, add its new text to sheet.name or sheet.title in "
                    f"msoic_pipeline/sources/{source.source}/layouts.yaml."
                ),
            )


def claims(head: Sheet, layout: Layout) -> bool:
    """Return whether the layout claims the sheet by its name and by its title, which is its first filled cell."""
    if layout.sheet.name and not re.search(layout.sheet.name, head.name, re.IGNORECASE):
        return False
    if not layout.sheet.title:
        return True
    title = next((clean(value) for row in head.rows for value in row if not is_blank(value)), "")
    return bool(re.search(layout.sheet.title, title[:MAX_RECOGNISED_CELL], re.IGNORECASE))


def match_sheet(head: Sheet, table: Table, layout: Layout, reference_quarter: dt.date) -> Match:
    """Return the best reading of a sheet's first rows through ``layout``; it has no ``differences`` where it fits."""
    tiers = max(1, len(layout.levels))
    nearest = Match(head.name, table, layout, differences=[_missing_header(spec) for spec in _named(layout)])
    for row in range(min(len(head.rows), HEADER_SEARCH_ROWS) - tiers + 1):
        attempt = _match_at(head, table, layout, row, tiers, reference_quarter)
        if not attempt.differences:
            return attempt
        nearest = max(nearest, attempt, key=lambda match: (match.matched, -len(match.differences)))
    _pair_renamed(nearest)
    return nearest


def _named(layout: Layout) -> tuple[Column | Measure, ...]:
    """Columns that are known by a header of their own."""
    return (*layout.columns, *layout.measures)


def _missing_header(spec: Column | Measure) -> Difference:
    return Difference("missing", f"header {_either(spec.header)}", "", "", spec.to)


def _match_at(head: Sheet, table: Table, layout: Layout, row: int, tiers: int, reference_quarter: dt.date) -> Match:
    match = Match(head.name, table, layout, header_row=row, first_row=row + tiers)
    rows = [[*values, *[""] * (head.width - len(values))] for values in head.rows[row : row + tiers]]
    texts = [[clean(value) for value in values] for values in rows]
    ignored = {fold(text) for text in layout.ignore}
    match.ignored = {
        column for column in range(head.width) for tier in texts if tier[column] and fold(tier[column]) in ignored
    }
    taken = _match_named(match, texts, layout)
    if layout.levels and taken:
        seen = _match_levels(match, rows, texts, layout, taken)
        _check_complete(match, layout, seen, reference_quarter)
    known = taken | set(match.figures) | match.ignored
    unknown = [
        Difference("unknown", "", texts[tier][column], a1(row + tier, column))
        for tier in range(tiers)
        for column in range(head.width)
        if column not in known and texts[tier][column]
    ]
    if not layout.levels:
        match.differences += unknown
    return match


def _match_named(match: Match, texts: list[list[str]], layout: Layout) -> set[int]:
    """Find label columns and measures by name; return the columns that are spoken for."""
    places: dict[str, list[tuple[int, int]]] = {}
    for tier, values in enumerate(texts):
        for column, text in enumerate(values):
            if text:
                places.setdefault(fold(text), []).append((column, tier))
    if not any(tier[0] for tier in texts if tier):
        places[""] = [(0, 0)]  # the first column may have no header
    taken: set[int] = set()
    for spec in _named(layout):
        hits = [
            place for header in dict.fromkeys(fold(text) for text in spec.header) for place in places.get(header, [])
        ]
        hits = sorted(set(hits))
        if len(hits) > 1 and layout.repeated_headers and re.search(layout.repeated_headers, match.sheet):
            match.ignored |= {column for column, _ in hits[1:]}
            hits = hits[:1]
        if len(hits) > 1:
            cells = ", ".join(a1(match.header_row + tier, column) for column, tier in hits)
            match.differences.append(Difference("ambiguous", spec.to, texts[hits[0][1]][hits[0][0]], cells, spec.to))
        elif hits:
            column = hits[0][0]
            taken.add(column)
            match.matched += 1
            if isinstance(spec, Measure):
                match.figures[column] = Figure(spec, {})
            else:
                match.labels[spec.to] = column
        elif not spec.optional:
            match.differences.append(_missing_header(spec))
    return taken


def _match_levels(
    match: Match, rows: list[list[Any]], texts: list[list[str]], layout: Layout, taken: set[int]
) -> set[tuple[Any, ...]]:
    """Read the tiers of headers over the figures, and return the members under which columns stand.

    Each column that is not taken by a label must name a member of every level.
    """
    outer_text, outer_value = "", None
    seen: dict[tuple[Any, ...], int] = {}
    last = len(layout.levels) - 1
    assert layout.value is not None
    last_label = max(match.labels.values(), default=-1)
    for column in range(len(texts[0])):
        path: dict[str, Any] = {}
        problem = None
        own = [tier[column] for tier in texts]
        if column in taken or column in match.ignored or not any(own):
            continue
        if column < last_label:
            match.differences.append(Difference("unknown", "", max(own, key=len), a1(match.header_row, column)))
            continue
        if own[0]:
            outer_text, outer_value = own[0], rows[0][column]
        for depth, level in enumerate(layout.levels):
            is_outer = depth == 0 and last > 0
            text = outer_text if is_outer else own[depth]
            value = outer_value if is_outer else rows[depth][column]
            if not text and depth > 0 and path and all(member == TOTAL for member in path.values()):
                path[level.to] = TOTAL  # a total over everything has but one tier of header
                continue
            member, reason = _member(level, text, value)
            if reason:
                problem = Difference(
                    "unknown", reason, text or "(blank)", a1(match.header_row + depth, column), level.to
                )
                break
            path[level.to] = member
        if problem:
            match.differences.append(problem)
            continue
        if None in path.values():  # a member that the layout leaves out on purpose
            match.ignored.add(column)
            continue
        repeated = seen.setdefault(tuple(path.values()), column)
        if repeated != column:
            cells = f"{a1(match.header_row + last, repeated)}, {a1(match.header_row + last, column)}"
            match.differences.append(Difference("ambiguous", "", own[-1] or outer_text, cells))
            continue
        members = (level.members_by_column(path[level.to]) for level in layout.levels)
        match.figures[column] = Figure(layout.value, {name: it for each in members for name, it in each.items()})
        match.matched += 1
    return set(seen)


def _member(level: Level, text: str, value: Any) -> tuple[Any, str]:
    """Return the member that a header names, or the words of what was expected."""
    folded = fold(text)
    if folded in {fold(total) for total in level.totals}:
        return TOTAL, ""
    if folded in {fold(word) for word in level.ignore}:
        return None, ""
    if level.members:
        for member, spellings in level.members.items():
            if folded in {fold(spelling) for spelling in (member, *spellings)}:
                return member, ""
        return None, f"one of {_either(tuple(level.members))}"
    if is_blank(value):
        return None, f"a {level.to}"
    try:
        return parser(level.parse)(value), ""
    except ValueError as error:
        return None, str(error)


def _check_complete(match: Match, layout: Layout, seen: set[tuple[Any, ...]], reference_quarter: dt.date) -> None:
    """Every combination of the members must have its column: a dropped column is a difference, not a smaller table."""
    choices: list[list[Any]] = []
    for depth, level in enumerate(layout.levels):
        present = {path[depth] for path in seen if path[depth] != TOTAL}
        due = {shift_months(reference_quarter, -3 * back) for back in range(level.quarters)}
        choices.append(
            [member for member in level.members if member not in level.optional or member in present]
            or sorted(present | due, key=str)
        )
    wanted = list(product(*choices))
    for depth, level in enumerate(layout.levels):
        if level.totals:
            wanted += product(*choices[:depth], *[[TOTAL]] * (len(choices) - depth))
    for path in wanted:
        if path not in seen:
            names = " / ".join(_member_name(member) for member in path)
            match.differences.append(Difference("missing", f"column {names}", "", "", layout.levels[-1].to))
    if not wanted:
        match.differences.append(
            Difference("missing", f"column of a {layout.levels[-1].to}", "", "", layout.levels[-1].to)
        )


def _member_name(member: Any) -> str:
    if member == TOTAL:
        return "Total"
    return period_label("quarter", member) if isinstance(member, dt.date) else str(member)


def _pair_renamed(match: Match) -> None:
    """Turn a missing and an unknown header that look alike into one renamed header."""
    unknown = [difference for difference in match.differences if difference.kind == "unknown"]
    for missing in [difference for difference in match.differences if difference.kind == "missing"]:
        wanted = missing.expected.removeprefix("header ")
        candidates = {index: difference.found for index, difference in enumerate(unknown)}
        best = process.extractOne(
            wanted, candidates, scorer=fuzz.partial_token_set_ratio, processor=utils.default_process, score_cutoff=70
        )
        if best:
            renamed = unknown.pop(best[2])
            match.differences.remove(missing)
            match.differences.remove(renamed)
            match.differences.append(
                Difference("renamed", missing.expected, renamed.found, renamed.cell, missing.place_in_layout)
            )


def propose(match: Match) -> str:
    """Return the layout lines that would accept a sheet as it stands, or an empty text where no line would do."""
    lines = []
    for difference in match.differences:
        if difference.kind == "renamed" and difference.place_in_layout in {level.to for level in match.layout.levels}:
            member = difference.expected.rpartition(" / ")[2].removeprefix("column ")
            lines.append(f"under level `to: {difference.place_in_layout}` add to member {member}: [{difference.found}]")
        elif difference.kind == "renamed":
            lines.append(f"under `to: {difference.place_in_layout}` add to header: [{difference.found}]")
        elif difference.kind == "unknown" and not match.layout.levels:
            lines.append(f"to leave the column out, add to ignore: [{difference.found}]")
        elif difference.kind == "unknown":
            lines.append(
                f"under level `to: {difference.place_in_layout}` add a member or a spelling for: {difference.found}"
            )
        elif difference.kind == "missing":
            lines.append(
                f"if {difference.expected} is no longer published, add a layout `from:` this release without it"
            )
    return "; ".join(lines)


def _either(headers: tuple[str, ...]) -> str:
    return " or ".join(repr(header) for header in headers)


def _ambiguous(file: str, sheet: str, matches: list[Match]) -> SourceFileError:
    return SourceFileError(
        "ambiguous_layout",
        file=file,
        sheet=sheet,
        expected="one layout that fits",
        found=" and ".join(sorted(f"{match.table.table}/{match.layout.layout}" for match in matches)),
        remedy="Give the layouts texts that tell them apart (sheet.title, sheet.name) or releases that do not overlap.",
    )


def _does_not_fit(file: str, match: Match, source: Source) -> SourceFileError:
    first = next((difference.cell for difference in match.differences if difference.cell), "")
    layouts = f"msoic_pipeline/sources/{source.source}/layouts.yaml"
    proposal = "" if source.sensitive else propose(match)
    return SourceFileError(
        "changed_layout",
        file=file,
        sheet=match.sheet,
        cell=first or (a1(match.header_row, 0) if match.matched else ""),
        expected=f"the header of table {match.table.table!r} (layout {match.layout.layout!r})",
        found="; ".join(difference.words(source.sensitive) for difference in match.differences),
        remedy="Look at the sheet"
        + (f"; then in {layouts}, table {match.table.table!r}: {proposal}." if proposal else f" and at {layouts}."),
    )


def _missing(file: str, source: Source, tables: tuple[Table, ...], sheets: list[str]) -> SourceFileError:
    wanted = "; ".join(
        f"{table.table!r} ("
        + " or ".join(" ".join(filter(None, (layout.sheet.name, layout.sheet.title))) for layout in table.layouts)
        + ")"
        for table in tables
    )
    return SourceFileError(
        "missing_sheet",
        file=file,
        expected=f"a sheet that holds table {wanted}",
        found=f"{len(sheets)} other sheets"
        if source.sensitive
        else f"the sheets {', '.join(repr(name) for name in sheets[:40])}",
        remedy=(
            "If the file is complete the publisher has renamed the table: add its new text to sheet.title or "
            f"sheet.name in msoic_pipeline/sources/{source.source}/layouts.yaml."
        ),
    )
