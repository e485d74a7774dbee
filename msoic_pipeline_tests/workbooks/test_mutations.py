"""What a publisher may do to a sheet: each change loads the same figures or is refused at its place; none loads others.

Workbooks of every source are changed as grids, before they are read. Large ones are cut down first, so that what
remains still agrees with its own totals. Run with ``-s`` to see how often each change had which outcome.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.quality.verdicts import judge_files
from msoic_pipeline.texts import clean, fold
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.headers import Match
from msoic_pipeline.workbooks.matching import match_workbook
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.sample import RAW, Grids, GridWorkbook, land_file, landed, pretend, read_grids, stage_release

SAME, REFUSED, DIFFERENT = "same figures", "refused", "OTHER FIGURES"
PLACES = ("release_id", "sheet", "cell", "closed_cell")
# Of a wide header only so many columns, spread over it, are changed one by one.
MOST_COLUMNS = 5
# Faults of a whole file, which have no sheet to name.
WITHOUT_SHEET = {"missing_sheet", "other_publisher"}

OUTCOMES: Counter[tuple[str, str, str]] = Counter()


# ---- workbooks -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A workbook to change: where it is, how it is cut down, and (if not all) the tables that are changed."""

    source: str
    file: str
    tables: tuple[str, ...] = ()
    rows: int | None = None
    cut: Callable[[Grids], Grids] = lambda grids: grids
    published_on: str = ""
    reference_period: str = ""

    @property
    def is_real(self) -> bool:
        """Whether the workbook is a published one, which need not be at hand."""
        return bool(self.published_on)


def _keep_end(rows: int) -> Callable[[Grids], Grids]:
    """Keep the first rows of each sheet and the one that ends it."""

    def cut(grids: Grids) -> Grids:
        return {
            name: grid[:rows] + [row for row in grid[rows:] if row and fold(row[0]).startswith("end of")]
            for name, grid in grids.items()
        }

    return cut


def _cut_first_responders(grids: Grids) -> Grids:
    """Keep two groups and six nationalities of each table by first responder, with totals that fit."""
    return {name: _cut_sparse(grid) if _is_by_nationality(grid) else grid for name, grid in grids.items()}


def _is_by_nationality(grid: list[list[Any]]) -> bool:
    return any("Albanian" in row and "Gender" in row for row in grid[:10])


def _cut_sparse(grid: list[list[Any]]) -> list[list[Any]]:
    header = next(number for number, row in enumerate(grid) if "Gender" in row)
    first = grid[header].index("Gender") + 1
    label = next(column for column in range(first) if grid[header][column])
    begins = [number for number in range(header + 1, len(grid)) if grid[number][label]]
    groups = [grid[start:end] for start, end in pairwise(begins[:3])]
    sums = {column: sum(group[0][column] for group in groups) for column in range(first, len(grid[header]) - 1)}
    kept = sorted(sorted(sums, key=lambda column: -sums[column])[:6])
    body = [[*row[:first], *(row[c] for c in kept), sum(row[c] for c in kept)] for group in groups for row in group]
    last = [*grid[-1][:first], *(sums[c] for c in kept), sum(sums[c] for c in kept)]
    names = [*grid[header][:first], *(grid[header][c] for c in kept), grid[header][-1]]
    return [*grid[:header], names, *body, last]


CASES = {
    # Of tables that are laid out alike one is changed; the two cases have the others of each other.
    "nrm, header in row 4": Case(
        "nrm",
        "quarter-2-2022",
        ("referrals_by_quarter", "reasonable_grounds", "first_responders_government"),
        cut=_cut_first_responders,
    ),
    "nrm, header in row 6": Case(
        "nrm",
        "quarter-4-2022",
        ("referrals_by_quarter", "conclusive_grounds", "duty_to_notify", "first_responders_police"),
        cut=_cut_first_responders,
    ),
    "recorded crime": Case("recorded_crime", "prc-pfa-mar2013-onwards-tables-280422", rows=60),
    "recorded crime, partnerships": Case("recorded_crime", "prc-csp-mar16-mar24", rows=60),
    "recorded crime, one CSV": Case("recorded_crime", "tables201718", rows=60),
    "crime outcomes": Case("crime_outcomes", "mar2024-tables-240724", rows=60),
    "cps, to 2022": Case("cps", "quarter-3-2019-2020"),
    "cps, from 2022": Case("cps", "quarter-2-2022-2023"),
    "irregular migration": Case("irregular_migration", "december-2021", cut=_keep_end(60)),
    "illegal entry routes": Case("irregular_migration", "dec-2025", cut=_keep_end(60)),
    "small boats": Case("small_boats", "14-july-2023", rows=60),
    "force return": Case("force_returns", "2021-10/e23000001"),
    "programme activity": Case("programme_activity", "2021-22-q2-v2"),
    "real irregular migration": Case(
        "irregular_migration",
        "irregular_migration/irregular-migration-to-the-UK-detailed-dataset-year-ending-september-2023.xlsx",
        cut=_keep_end(60),
        published_on="2023-11-23",
        reference_period="2023-Q3",
    ),
    "real small boats": Case(
        "small_boats",
        "small_boats/small_boats_time_series_aug_2026.ods",
        rows=60,
        published_on="2026-08-21",
        reference_period="2026-Q3",
    ),
    "real recorded crime": Case(
        "recorded_crime",
        "recorded_crime/prc-pfa-mar2013-onwards-tables201718.csv.gz",
        rows=60,
        published_on="2018-07-19",
        reference_period="2018-Q1",
    ),
}


# ---- changes ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Area:
    """Where a table stands in its sheet: the rows of its header, and its columns."""

    sheet: str
    header: tuple[int, ...]
    columns: tuple[int, ...]
    labels: frozenset[int]

    def some_columns(self) -> list[int]:
        """Return columns spread over the header, its first and last among them."""
        if len(self.columns) <= MOST_COLUMNS:
            return list(self.columns)
        step = (len(self.columns) - 1) / (MOST_COLUMNS - 1)
        return sorted({self.columns[round(number * step)] for number in range(MOST_COLUMNS)})


Change = Iterator[Grids]


def _area(match: Match, grid: list[list[Any]]) -> Area:
    tiers = tuple(range(match.header_row, match.first_body_row))
    width = max(len(row) for row in grid)
    filled = [c for c in range(width) if any(clean(grid[row][c]) for row in tiers if c < len(grid[row]))]
    return Area(match.sheet, tiers, tuple(filled), frozenset(match.labels.values()))


def _edited(grids: Grids, sheet: str, grid: list[list[Any]]) -> Grids:
    return grids | {sheet: grid}


def _padded(grid: list[list[Any]]) -> list[list[Any]]:
    width = max(len(row) for row in grid)
    return [[*row, *[""] * (width - len(row))] for row in grid]


def _unmerged(grid: list[list[Any]], area: Area) -> list[list[Any]]:
    """Write the outer header over each of its columns, so that a column carries its whole header along."""
    grid = _padded(grid)
    if len(area.header) > 1:
        outer = grid[area.header[0]]
        for before, column in pairwise(area.columns):
            if not outer[column] and column not in area.labels:
                outer[column] = outer[before]
    return grid


def _cells(grids: Grids, area: Area) -> Iterator[tuple[list[list[Any]], int, int]]:
    """Yield the grid anew with row and column of each filled header cell."""
    for column in area.some_columns():
        for row in area.header:
            if clean(_padded(grids[area.sheet])[row][column]):
                yield _padded(grids[area.sheet]), row, column


def insert_blank_rows_above(grids: Grids, area: Area) -> Change:
    for number in (1, 3):
        yield _edited(grids, area.sheet, [[] for _ in range(number)] + grids[area.sheet])


def insert_blank_rows_above_the_header(grids: Grids, area: Area) -> Change:
    grid = grids[area.sheet]
    yield _edited(grids, area.sheet, [*grid[: area.header[0]], [], [], *grid[area.header[0] :]])


def insert_blank_columns_left(grids: Grids, area: Area) -> Change:
    for number in (1, 2):
        yield _edited(grids, area.sheet, [[""] * number + row for row in grids[area.sheet]])


def insert_a_blank_row_within(grids: Grids, area: Area) -> Change:
    grid = grids[area.sheet]
    yield _edited(grids, area.sheet, [*grid[: area.header[-1] + 3], [], *grid[area.header[-1] + 3 :]])


def rename_a_header(grids: Grids, area: Area) -> Change:
    for grid, row, column in _cells(grids, area):
        grid[row][column] = "Quite another thing"
        yield _edited(grids, area.sheet, grid)


def respell_a_header(grids: Grids, area: Area) -> Change:
    for grid, row, column in _cells(grids, area):
        if isinstance(grid[row][column], str):
            grid[row][column] = f"  {grid[row][column].upper()} "
            yield _edited(grids, area.sheet, grid)


def add_a_footnote_marker_to_a_header(grids: Grids, area: Area) -> Change:
    for grid, row, column in _cells(grids, area):
        grid[row][column] = f"{clean(grid[row][column])} [note 3]"
        yield _edited(grids, area.sheet, grid)


def swap_two_columns(grids: Grids, area: Area) -> Change:
    columns = area.some_columns()
    for one, other in {*pairwise(columns), (columns[0], columns[-1])}:
        grid = _unmerged(grids[area.sheet], area)
        for row in grid:
            row[one], row[other] = row[other], row[one]
        yield _edited(grids, area.sheet, grid)


def reverse_all_columns(grids: Grids, area: Area) -> Change:
    grid = _unmerged(grids[area.sheet], area)
    yield _edited(grids, area.sheet, [row[::-1] for row in grid])


def drop_a_column(grids: Grids, area: Area) -> Change:
    for column in area.some_columns():
        for grid in (_padded(grids[area.sheet]), _unmerged(grids[area.sheet], area)):
            yield _edited(grids, area.sheet, [row[:column] + row[column + 1 :] for row in grid])


def add_a_column(grids: Grids, area: Area) -> Change:
    columns = area.columns
    for column in (columns[0], columns[len(columns) // 2], columns[-1] + 1):
        for header, filling in (("A new column", 7), ("A new column", "text"), ("", 7), ("", "text")):
            grid = _padded(grids[area.sheet])
            for number, row in enumerate(grid):
                is_header, is_body = number == area.header[-1], number > area.header[-1]
                row.insert(column, header if is_header else filling if is_body and any(map(clean, row)) else "")
            yield _edited(grids, area.sheet, grid)


def merge_header_cells(grids: Grids, area: Area) -> Change:
    columns = area.some_columns()
    for row in area.header:
        for column in columns[1:]:
            grid = _padded(grids[area.sheet])
            if grid[row][column]:
                grid[row][column] = ""
                yield _edited(grids, area.sheet, grid)
        grid = _padded(grids[area.sheet])
        first = next(column for column in area.columns if grid[row][column])
        grid[row] = [value if column <= first else "" for column, value in enumerate(grid[row])]
        yield _edited(grids, area.sheet, grid)


def change_numbers_to_text(grids: Grids, area: Area) -> Change:
    grid = _padded(grids[area.sheet])
    years = {column for column in area.columns if any(fold(grid[row][column]) == "year" for row in area.header)}
    for row in grid[area.header[-1] + 1 :]:
        for column, value in enumerate(row):
            if isinstance(value, int | float) and not isinstance(value, bool):
                row[column] = (
                    str(int(value)) if column in years else f"{value:,.0f}" if value == int(value) else str(value)
                )
    yield _edited(grids, area.sheet, grid)


def append_a_notes_row(grids: Grids, area: Area) -> Change:
    grid = _padded(grids[area.sheet])
    for column in {0, min(area.columns)}:
        note = [""] * column + ["Note: figures are provisional and may be revised."]
        yield _edited(grids, area.sheet, [*grid, note])
        yield _edited(grids, area.sheet, [*grid, [], note, note])


def repeat_the_header_within(grids: Grids, area: Area) -> Change:
    grid = _padded(grids[area.sheet])
    header = [list(grid[row]) for row in area.header]
    yield _edited(grids, area.sheet, [*grid[: area.header[-1] + 3], *header, *grid[area.header[-1] + 3 :]])


def move_the_header_below_the_first_figures(grids: Grids, area: Area) -> Change:
    grid = _padded(grids[area.sheet])
    header = grid[area.header[0] : area.header[-1] + 1]
    after = area.header[-1] + 1
    yield _edited(grids, area.sheet, [*grid[: area.header[0]], *grid[after : after + 2], *header, *grid[after + 2 :]])


def end_the_table_early(grids: Grids, area: Area) -> Change:
    grid = _padded(grids[area.sheet])
    end = [""] * min(area.columns) + ["End of table"]
    yield _edited(grids, area.sheet, [*grid[: area.header[-1] + 3], end, *grid[area.header[-1] + 3 :]])


def rename_the_sheet(grids: Grids, area: Area) -> Change:
    yield {("Another name" if name == area.sheet else name): grid for name, grid in grids.items()}


CHANGES: tuple[Callable[[Grids, Area], Change], ...] = (
    insert_blank_rows_above,
    insert_blank_rows_above_the_header,
    insert_blank_columns_left,
    insert_a_blank_row_within,
    rename_a_header,
    respell_a_header,
    add_a_footnote_marker_to_a_header,
    swap_two_columns,
    reverse_all_columns,
    drop_a_column,
    add_a_column,
    merge_header_cells,
    change_numbers_to_text,
    append_a_notes_row,
    repeat_the_header_within,
    move_the_header_below_the_first_figures,
    end_the_table_early,
    rename_the_sheet,
)


def rename_all_sheets(grids: Grids) -> Change:
    yield {f"Sheet{number}": grid for number, grid in enumerate(grids.values(), start=1)}


def reorder_sheets(grids: Grids) -> Change:
    names = list(grids)
    shuffled = random.Random(7).sample(names, len(names))
    for order in (names[::-1], names[1:] + names[:1], shuffled):
        yield {name: grids[name] for name in order}


# ---- outcomes --------------------------------------------------------------------------------------


class Rejected(Exception):
    """A file that can be read, but not accepted: each of its rejects and findings names its place."""


class Reader:
    """Reads grids as if they stood in the file of a case."""

    def __init__(self, case: Case, raw: Path, path: Path, staging: Path, patch: pytest.MonkeyPatch) -> None:
        self.path, self._raw, self._staging, self._patch = path, raw, staging, patch
        self.source = load_source(case.source)

    def figures(self, grids: Grids) -> dict[str, pd.DataFrame]:
        """Return the facts that ``grids`` hold, less the places; raise SourceFileError or Rejected if none load."""
        pretend(self._patch, grids)
        shutil.rmtree(self._staging, ignore_errors=True)
        release = self.release()
        staged = stage_release(release, self.source, self._raw, self._staging)
        (verdict,) = judge_files(self.source, Landing((release,), ()), [staged], {})
        if not verdict.accepted:
            rejects = staged.frame("rejects")
            assert all(rejects["sheet"]) and all(rejects["cell"]) and all(rejects["detail"])
            assert not rejects.empty or all(grids.keys() & set(reason.split("'")) for reason in verdict.reasons)
            raise Rejected(verdict.reasons)
        return {fact: _without_places(staged.frame(fact)) for fact in staged.facts}

    def release(self) -> Release:
        """Return the release that the file is."""
        return land_file(self.path, self._raw, self.source)


def _without_places(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.drop(columns=[name for name in PLACES if name in rows])
    return rows.sort_values(list(rows.columns), ignore_index=True)


def _outcome(reader: Reader, grids: Grids, original: dict[str, pd.DataFrame]) -> str:
    try:
        found = reader.figures(grids)
    except SourceFileError as error:
        assert error.rule in WITHOUT_SHEET or error.sheet, f"names no place: {error}"
        assert error.expected and error.found and error.remedy
        assert error.rule != "not_conserved", str(error)
        return REFUSED
    except Rejected:
        return REFUSED
    # A table that a release need not have, and whose title is gone, is not there; what is there must be the same.
    optional = {table.fact for table in reader.source.tables if not table.required}
    expected = {fact: rows for fact, rows in original.items() if fact in found or fact not in optional}
    same = found.keys() == expected.keys() and all(rows.equals(expected[fact]) for fact, rows in found.items())
    return SAME if same else DIFFERENT


@pytest.fixture
def reader(case: Case, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Reader:
    if not case.is_real:
        (file,) = (r.file_name for r in landed(case.source).releases if case.file in r.file_name)
        return Reader(case, RAW, RAW / file, tmp_path / "staging", monkeypatch)
    published: Path = request.getfixturevalue("reference") / case.file
    path = tmp_path / "raw" / case.source / published.name
    path.parent.mkdir(parents=True)
    path.symlink_to(published)
    said = f"published_on: {case.published_on}\nreference_period: {case.reference_period}\n"
    sidecar_path(path).write_text(said, encoding="utf-8")
    return Reader(case, tmp_path / "raw", path, tmp_path / "staging", monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_no_change_loads_other_figures(case: Case, reader: Reader, request: pytest.FixtureRequest):
    release = reader.release()
    path = reader.path
    grids = case.cut(read_grids(path, case.rows))
    original = reader.figures(grids)
    assert sum(map(len, original.values())) > 20
    matches = match_workbook(load_source(case.source), GridWorkbook(path, grids), release.reference_quarter)
    name = request.node.callspec.id
    wrong: list[str] = []
    for match in matches:
        if case.tables and match.table.table not in case.tables:
            continue
        area = _area(match, grids[match.sheet])
        for change in CHANGES:
            for number, changed in enumerate(change(grids, area)):
                outcome = _outcome(reader, changed, original)
                OUTCOMES[change.__name__, name, outcome] += 1
                if outcome == DIFFERENT:
                    wrong.append(f"{change.__name__} ({number}) in {match.sheet}")
    for whole in (rename_all_sheets, reorder_sheets):
        for number, changed in enumerate(whole(grids)):
            outcome = _outcome(reader, changed, original)
            OUTCOMES[whole.__name__, name, outcome] += 1
            if outcome == DIFFERENT:
                wrong.append(f"{whole.__name__} ({number})")
    assert wrong == []


# Changes that must not stop a file, and those that must.
HARMLESS = {
    "insert_blank_rows_above",
    "insert_blank_rows_above_the_header",
    "insert_blank_columns_left",
    "insert_a_blank_row_within",
    "respell_a_header",
    "add_a_footnote_marker_to_a_header",
    "append_a_notes_row",
    "change_numbers_to_text",
}
HARMFUL = {
    "rename_a_header",
    "repeat_the_header_within",
    "move_the_header_below_the_first_figures",
    "end_the_table_early",
}


@pytest.mark.slow
def test_outcomes_by_change():
    """Prints the table; holds the changes that a reader should, or should not, put up with to their outcome."""
    if len({case for _, case, _ in OUTCOMES}) < len([case for case in CASES.values() if not case.is_real]):
        pytest.skip("the changes themselves were not tried in this run")
    table = pd.Series(OUTCOMES).groupby(level=[0, 2]).sum().unstack(fill_value=0)
    by_case = pd.Series(OUTCOMES).groupby(level=[1, 2]).sum().unstack(fill_value=0)
    print(f"\n{table}\n\n{by_case}\n\n{int(table.to_numpy().sum()):,} changes")
    assert table.to_numpy().sum() > 1_500
    assert DIFFERENT not in table.columns
    assert (table.sum(axis=1) >= 13).all()
    assert table.loc[sorted(HARMLESS), REFUSED].sum() == 0, table.loc[sorted(HARMLESS)]
    assert table.loc[sorted(HARMFUL), SAME].sum() == 0, table.loc[sorted(HARMFUL)]
