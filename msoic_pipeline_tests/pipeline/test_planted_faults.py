"""Wrong figures planted in every source, one at a time, and what catches each. ``pytest -s`` prints the table.

The sample's files are held as grids, the long tables of crime cut to a few offences, so that a fault is planted, read,
judged, loaded, checked and reconciled within a second or so. What counts as catching is raised with the fault and not
without it: a rule that a row or a file breaks, a check of a release or of the warehouse, a rule of reconciliation.
"""

from __future__ import annotations

import copy
import os
import pickle
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from msoic_pipeline.audit.levels import find_national_totals, judge_changes, national_totals_have_no_level_shifts
from msoic_pipeline.audit.warehouse_checks import WAREHOUSE_CHECKS, check_warehouse
from msoic_pipeline.ingest import reading as file_reading
from msoic_pipeline.ingest.intake import Intake
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.model import members
from msoic_pipeline.model.evidence import reconciliation_result
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.quality.validation import validate_source
from msoic_pipeline.quality.verdicts import judge_files, make_verdict_on_unread_file
from msoic_pipeline.reconciliation.apply import reconcile_quarters
from msoic_pipeline.reconciliation.rules import Rule, load_rules
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.loading import AcceptedReleases, load_quarters
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.registering import register_releases
from msoic_pipeline.workbooks.addresses import from_a1
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source
from msoic_pipeline_tests.handmade import ALL_QUARTERS, TODAY
from msoic_pipeline_tests.reconciliation.stale_results import find_stale_results
from msoic_pipeline_tests.sample import RAW, Grids, GridWorkbook, read_grids, take_in

Row = list[Any]
Signal = tuple[str, ...]  # what was raised, and where

# Of sources with many files enough for histories, several vintages, and every rule that holds sources together.
EVERYTHING = ("*",)
CUT = {
    "nrm": ("*-2020-*", "*-2021-*", "*quarter-1-2022-*"),
    "recorded_crime": ("prc-pfa*270122*", "prc-pfa*280422*", "prc-csp*280422*"),
    "crime_outcomes": (
        "*mar2020*220721*",
        "*mar2020*280422*",
        "*mar2021*220721*",
        "*mar2021*280422*",
        "*mar2022*280422*",
    ),
    "irregular_migration": ("*2021*", "*2022*", "*2023*"),
    "force_returns": ("2021-*/e2300000[16]-*", "202?-*/e23000014-*"),
}
# Modern slavery, and another.
OFFENCES = {"106", "8N"}


# --- planting


def swapped(value: float) -> float:
    """Swap the first two digits that differ and stand side by side, counting from the left."""
    digits = f"{value:.0f}"
    place = next(n for n in range(len(digits) - 1) if digits[n] != digits[n + 1])
    return float(digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :])


def swap(sheet: str, address: str) -> Callable[[Grids], None]:
    """Swap two digits in a cell."""

    def plant(grids: Grids) -> None:
        row, column = from_a1(address)
        grids[sheet][row][column] = swapped(grids[sheet][row][column])

    return plant


def set_cell(sheet: str, address: str, value: float) -> Callable[[Grids], None]:
    """Put a figure in a cell that holds another."""

    def plant(grids: Grids) -> None:
        row, column = from_a1(address)
        assert grids[sheet][row][column] != value
        grids[sheet][row][column] = value

    return plant


def scaled(value: Any, by: float) -> Any:
    """Return a figure times ``by``, in whole numbers; what is no figure stays."""
    return float(round(value * by)) if isinstance(value, float) and value == round(value) else value


def where(sheet: str, **members: Any) -> Callable[[Grids], list[Row]]:
    """Return a function that finds the rows below the header whose named columns hold ``members``.

    A name is that of the column with ``_`` for a blank; several members are given as a set.
    """

    def find(grids: Grids) -> list[Row]:
        header = next(row for row in grids[sheet] if sum(cell != "" for cell in row) > 2)
        columns = {header.index(name.replace("_", " ")): _set(value) for name, value in members.items()}
        rows = [row for row in grids[sheet] if row is not header and len(row) == len(header)]
        found = [row for row in rows if all(row[at] in wanted for at, wanted in columns.items())]
        assert found, members
        return found

    return find


def _set(value: Any) -> set[Any]:
    return value if isinstance(value, set) else {value}


def times(find: Callable[[Grids], list[Row]], by: float, *columns: int) -> Callable[[Grids], None]:
    """Multiply the figures of rows, in the given columns."""

    def plant(grids: Grids) -> None:
        for row in find(grids):
            for column in columns:
                row[column] = scaled(row[column], by)

    return plant


def repeat(sheet: str, find: Callable[[Grids], list[Row]]) -> Callable[[Grids], None]:
    """Let rows stand twice."""

    def plant(grids: Grids) -> None:
        last = grids[sheet].index(find(grids)[-1])
        grids[sheet][last + 1 : last + 1] = copy.deepcopy(find(grids))

    return plant


def restate(
    sheet: str, source: Callable[[Grids], list[Row]], target: Callable[[Grids], list[Row]], **labels: Any
) -> Callable[[Grids], None]:
    """Put copies of the rows of ``source``, labelled anew, in the place of those of ``target``."""

    def plant(grids: Grids) -> None:
        header = next(row for row in grids[sheet] if sum(cell != "" for cell in row) > 2)
        copies = copy.deepcopy(source(grids))
        for row in copies:
            for name, value in labels.items():
                row[header.index(name.replace("_", " "))] = value
        gone = [id(row) for row in target(grids)]
        first = next(n for n, row in enumerate(grids[sheet]) if id(row) in gone)
        kept = [row for row in grids[sheet] if id(row) not in gone]
        grids[sheet] = [*kept[:first], *copies, *kept[first:]]

    return plant


def shift(sheet: str, first_row: int, first: int, last: int) -> Callable[[Grids], None]:
    """Move the cells of columns ``first`` to ``last`` one column to the right; the last comes to stand first."""

    def plant(grids: Grids) -> None:
        for row in grids[sheet][first_row - 1 :]:
            if len(row) > last and row[last] != "":
                row[first : last + 1] = [row[last], *row[first:last]]

    return plant


def slide(find: Callable[[Grids], list[Row]], column: int) -> Callable[[Grids], None]:
    """Move the cells of a column one row down, among some rows; the last comes to stand first."""

    def plant(grids: Grids) -> None:
        rows = find(grids)
        values = [row[column] for row in rows]
        for row, value in zip(rows, [values[-1], *values[:-1]], strict=True):
            row[column] = value

    return plant


def swap_largest(find: Callable[[Grids], list[Row]], column: int) -> Callable[[Grids], None]:
    """Swap two digits of the largest figure in a column, among some rows."""

    def plant(grids: Grids) -> None:
        row = max(find(grids), key=lambda row: float(row[column]) if isinstance(row[column], float) else -1.0)
        row[column] = swapped(row[column])

    return plant


def _block(grids: Grids, force: str) -> list[Row]:
    """Return the rows of a force in the NRM table of police first responders."""
    rows = grids["Table_12"]
    first = next(n for n, row in enumerate(rows) if str(row[1]).startswith(force))
    last = next(n for n, row in enumerate(rows) if n > first and row[1] != "")
    return rows[first:last]


def double_police(totals_too: bool) -> Callable[[Grids], None]:
    """Double a force in the NRM table of police first responders; let the table's total follow."""

    def plant(grids: Grids) -> None:
        block, total = _block(grids, "Metropolitan"), grids["Table_12"][-1]
        for column in range(5, len(total)):
            if totals_too:
                total[column] += block[0][column]
            for row in block:
                row[column] = scaled(row[column], 2)

    return plant


def nrm_quarter(grids: Grids, quarter: str) -> Row:
    """Return the row of a quarter of 2021 in the NRM table of referrals by age and location."""
    return next(row for row in grids["Table_2"] if (row[1], row[2]) == (2021.0, quarter))


def nrm_repeat(grids: Grids) -> None:
    """Give the fourth quarter the figures of the third."""
    nrm_quarter(grids, "Q4")[3:] = nrm_quarter(grids, "Q3")[3:]


def nrm_revise(grids: Grids) -> None:
    """Revise the third quarter by 30%, its totals with it."""
    row = nrm_quarter(grids, "Q3")
    for total in (7, 12, 17):
        row[total - 4 : total] = [scaled(value, 1.3) for value in row[total - 4 : total]]
        row[total] = sum(row[total - 4 : total])
    row[18] = row[7] + row[12] + row[17]


def cps_times(rows: slice, columns: slice, by: float, follow: bool) -> Callable[[Grids], None]:
    """Multiply figures of areas before the charge; let the national row follow."""

    def plant(grids: Grids) -> None:
        sheet = grids["1 Pre-charge"]
        for row in sheet[rows]:
            row[columns] = [scaled(value, by) for value in row[columns]]
        if follow:
            sheet[18][1:] = [float(sum(column)) for column in zip(*(row[1:] for row in sheet[4:18]), strict=True)]

    return plant


def cps_repeat(grids: Grids) -> None:
    """Give the fourth quarter the figures of the third, in all sheets."""
    for name, width in (("1 Pre-charge", 4), ("2 Prosecutions", 5), ("3 All crime", 1)):
        for row in grids[name][4 if width > 1 else 3 :]:
            row[1 + 3 * width :] = row[1 + 2 * width : 1 + 3 * width]


def outcome_type(grids: Grids) -> None:
    """Give a row of modern slavery outcomes of type 20 the type 2, where no other row has it."""
    of_type = {code: where(PIVOT, Offence_Code="106", Outcome_Type=code)(grids) for code in (2.0, 20.0)}
    taken = {(row[1], row[2]) for row in of_type[2.0]}
    next(row for row in of_type[20.0] if (row[1], row[2]) not in taken)[10] = 2.0


def more_references(grids: Grids) -> None:
    """Let a row of a force return have more NRM references than investigations."""
    row = where("Investigations")(grids)[0]
    row[9] = row[2] + 9


def days(first: str, last: str) -> Callable[[Grids], list[Row]]:
    """Return a function that finds the days of the daily series of small boats."""
    return lambda grids: [row for row in grids["SB_01"] if first <= str(row[0]) <= last]


def boats_repeat(grids: Grids) -> None:
    """Give each day from October to December the figures of the day a quarter before."""
    earlier, later = (days(*span)(grids) for span in (("2022-07-01", "2022-09-30"), ("2022-10-01", "2022-12-31")))
    assert len(earlier) == len(later)
    for target, source in zip(later, earlier, strict=True):
        target[1:4] = source[1:4]


def boats_week(grids: Grids) -> None:
    """Swap two digits in the largest week."""
    row = max((row for row in grids["SB_02"] if isinstance(row[1], float)), key=lambda row: float(row[1]))
    row[1] = swapped(row[1])


def from_another(file: str, *sheets: str) -> Callable[[Grids], None]:
    """Put the sheets of an earlier file in the place of a later one's."""

    def plant(grids: Grids) -> None:
        (path,) = RAW.rglob(file)
        other = cut_grids(path)
        grids.update({sheet: other[sheet] for sheet in sheets})

    return plant


def only_sheet(grids: Grids) -> list[Row]:
    """Return the rows of a file of one sheet."""
    (rows,) = grids.values()
    return rows


def set_text(address: str, text: str) -> Callable[[Grids], None]:
    """Put a text in a cell of a file of one sheet."""

    def plant(grids: Grids) -> None:
        row, column = from_a1(address)
        only_sheet(grids)[row][column] = text

    return plant


def as_count(text: str) -> int | None:
    """Return a count that is written as a text with commas; None for a percentage or a mark."""
    digits = text.replace(",", "")
    return int(digits) if digits.isdigit() else None


def swap_text(address: str) -> Callable[[Grids], None]:
    """Swap two digits of a count in a cell of a file of one sheet, or add 10 where they are the same."""

    def plant(grids: Grids) -> None:
        row, column = from_a1(address)
        count = as_count(only_sheet(grids)[row][column])
        assert count is not None
        only_sheet(grids)[row][column] = f"{swapped(count):.0f}" if len(set(str(count))) > 1 else str(count + 10)

    return plant


def shift_texts(by: int) -> Callable[[Grids], None]:
    """Move the cells of all areas some columns to the right; the last ones come to stand first."""

    def plant(grids: Grids) -> None:
        for row in only_sheet(grids)[1:-1]:
            row[1:] = [*row[-by:], *row[1:-by]]

    return plant


def change_counts(by: float, *, follow: bool, columns: slice, rows: slice = slice(2, -1)) -> Callable[[Grids], None]:
    """Multiply counts of areas, which are texts; let the national row and its percentages follow."""

    def plant(grids: Grids) -> None:
        sheet = only_sheet(grids)
        width = len(sheet[0])
        for row in sheet[rows]:
            for column in range(width)[columns]:
                count = as_count(row[column])
                if count is not None:
                    row[column] = str(round(count * by))
        if not follow:
            return
        first = range(width)[columns].start
        for row in sheet[2:-1]:
            _work_out_rates(row, first)
        for column in (first, first + 2):
            sheet[1][column] = str(sum(as_count(row[column]) or 0 for row in sheet[2:-1]))
        _work_out_rates(sheet[1], first)

    return plant


def _work_out_rates(row: Row, first: int) -> None:
    """Write the two percentages of a category whose counts begin in column ``first``."""
    counts = [as_count(row[first]) or 0, as_count(row[first + 2]) or 0]
    for column, count in zip((first + 1, first + 3), counts, strict=True):
        row[column] = f"{100 * count / sum(counts):.1f}%" if sum(counts) else "-"


def from_another_month(file: str) -> Callable[[Grids], None]:
    """Put the rows of another month's file in the place of a file's own."""

    def plant(grids: Grids) -> None:
        (path,) = RAW.rglob(file)
        (name,) = grids
        grids[name] = only_sheet(read_grids(path))

    return plant


def change_people(force_code: str, by: float, column: int) -> Callable[[Grids], None]:
    """Multiply the population of a force's authorities in a year; let the row of the nation follow."""

    def plant(grids: Grids) -> None:
        its = {
            row["local_authority_code"]
            for row in members.read_rows("local_authorities.csv")
            if row["force_code"] == force_code
        }
        more = 0.0
        for row in grids["MYE5"]:
            if row[0] in its:
                more += scaled(row[column], by) - row[column]
                row[column] = scaled(row[column], by)
        (nation,) = (row for row in grids["MYE5"] if row[0] == "K04000001")
        nation[column] += more

    return plant


def repeat_year(grids: Grids) -> None:
    """Give the latest year the figures of the year before, in every row."""
    for row in grids["MYE5"][3:]:
        row[4] = row[6]


def cut_grids(path: Path) -> Grids:
    """Return a file as grids; of the long tables of crime only a few offences."""
    grids = read_grids(path)
    for name, rows in grids.items():
        header = rows[0] if rows else []
        if "Offence Code" in header:
            column = header.index("Offence Code")
            grids[name] = [header, *(row for row in rows[1:] if str(row[column]) in OFFENCES)]
    return grids


# --- the faults


@dataclass(frozen=True)
class Fault:
    """A wrong figure: of which kind, in which file, what it is in words, and how it is planted."""

    source: str
    kind: str
    file: str
    words: str
    plant: Callable[[Grids], Any]

    def __str__(self) -> str:
        return f"{self.source}: {self.kind}, {self.words}"


SWAP, SHIFT, DOUBLE, REPEAT, REVISE = (
    "digit swapped",
    "column shifted",
    "force doubled",
    "quarter repeated",
    "revision of 30%",
)
PFA, CSP, OUTCOMES = "pfa-mar2013-onwards-tables-280422", "csp-mar16-dec21", "mar2021-tables-280422"
Y21, PIVOT, IRR = "2021-22", "Outcomes_open_data_2020_21", "Data - Irr_D01"
CPS, NRM, BOATS = "quarter-4-2021-2022", "quarter-4-2021", "19-january-2024"
MET, BOAT = "Metropolitan Police", "Small boat arrivals"
ACTIVITY, CORRECTED = "Activity", "2021-22-q2-v2"
CASES, AGAIN, MYE5 = "march_2016.csv", "march_2016_v2", "MYE5"


def _faults() -> Iterator[Fault]:
    def nrm(kind: str, words: str, plant: Callable[[Grids], Any]) -> Fault:
        return Fault("nrm", kind, NRM, words, plant)

    yield nrm(
        SWAP, "total of referrals", lambda g: nrm_quarter(g, "Q4").__setitem__(18, swapped(nrm_quarter(g, "Q4")[18]))
    )
    yield nrm(
        SWAP, "one age group and place", lambda g: nrm_quarter(g, "Q4").__setitem__(4, swapped(nrm_quarter(g, "Q4")[4]))
    )
    yield nrm(SHIFT, "ages and places", shift("Table_2", 6, 3, 18))
    yield nrm(DOUBLE, "a police force", double_police(totals_too=False))
    yield nrm(DOUBLE, "a police force, and the table's total", double_police(totals_too=True))
    yield nrm(REPEAT, "the figures of the quarter before", nrm_repeat)
    yield nrm(REPEAT, "the row of a quarter", lambda g: g["Table_2"].append(list(nrm_quarter(g, "Q4"))))
    yield nrm(REVISE, "an earlier quarter, and its totals", nrm_revise)

    def crime(kind: str, words: str, plant: Callable[[Grids], Any], file: str = PFA) -> Fault:
        return Fault("recorded_crime", kind, file, words, plant)

    slavery = {"Offence_Code": "106"}
    at = where(Y21, Force_Name="West Yorkshire", Financial_Quarter=3.0, **slavery)
    yield crime(SWAP, "a force's modern slavery crimes", swap_largest(at, 7))
    other = where(Y21, Force_Name="West Yorkshire", Financial_Quarter=2.0, Offence_Code="8N")
    yield crime(SWAP, "a force's crimes of another offence", swap_largest(other, 7))
    yield crime(SWAP, "a partnership's crimes", swap_largest(where(Y21, **slavery), 8), CSP)
    yield crime(SWAP, "a partnership's crimes of another offence", swap_largest(where(Y21, Offence_Code="8N"), 8), CSP)
    yield crime(SHIFT, "subgroup, code and count", shift(Y21, 2, 5, 7))
    yield crime(SHIFT, "counts of modern slavery one row down", slide(where(Y21, **slavery), 7))
    yield crime(DOUBLE, "its rows", repeat(Y21, where(Y21, Force_Name=MET)))
    yield crime(DOUBLE, "its modern slavery crimes", times(where(Y21, Force_Name=MET, **slavery), 2, 7))
    yield crime(DOUBLE, "all its crimes", times(where(Y21, Force_Name="West Yorkshire"), 2, 7))
    yield crime(REPEAT, "its rows", repeat(Y21, where(Y21, Financial_Quarter=2.0)))
    second, third = (where(Y21, Financial_Quarter=quarter) for quarter in (2.0, 3.0))
    yield crime(REPEAT, "in the place of the next", restate(Y21, second, third, Financial_Quarter=3.0))
    yield crime(REVISE, "modern slavery crimes of a year", times(where("2020-21", **slavery), 1.3, 7))
    yield crime(REVISE, "all crimes of a year", times(where("2020-21"), 1.3, 7))
    yield crime(REVISE, "partnerships", times(where(Y21, **slavery), 1.3, 8), CSP)

    def outcomes(kind: str, words: str, plant: Callable[[Grids], Any]) -> Fault:
        return Fault("crime_outcomes", kind, OUTCOMES, words, plant)

    yield outcomes(SWAP, "outcomes of crimes recorded", swap_largest(where(PIVOT, **slavery), 11))
    yield outcomes(SWAP, "investigations closed", swap_largest(where(PIVOT, **slavery), 12))
    yield outcomes(SWAP, "the outcome type of a row, 20 as 2", outcome_type)
    yield outcomes(SHIFT, "type and both counts", shift(PIVOT, 2, 10, 12))
    yield outcomes(SHIFT, "counts of modern slavery one row down", slide(where(PIVOT, **slavery), 11))
    yield outcomes(DOUBLE, "its rows", repeat(PIVOT, where(PIVOT, Force_Name=MET)))
    yield outcomes(DOUBLE, "its modern slavery outcomes", times(where(PIVOT, Force_Name=MET, **slavery), 2, 11, 12))
    yield outcomes(REPEAT, "its rows", repeat(PIVOT, where(PIVOT, Financial_Quarter=2.0)))
    second, third = (where(PIVOT, Financial_Quarter=quarter) for quarter in (2.0, 3.0))
    yield outcomes(REPEAT, "in the place of the next", restate(PIVOT, second, third, Financial_Quarter=3.0))
    yield outcomes(REVISE, "outcomes of crimes recorded", times(where(PIVOT, **slavery), 1.3, 11))
    yield outcomes(REVISE, "investigations closed", times(where(PIVOT, **slavery), 1.3, 12))

    def cps(kind: str, words: str, plant: Callable[[Grids], Any]) -> Fault:
        return Fault("cps", kind, CPS, words, plant)

    yield cps(SWAP, "receipts of an area", swap("1 Pre-charge", "J18"))
    yield cps(SWAP, "national convictions", swap("2 Prosecutions", "R19"))
    yield cps(SWAP, "all crime, charged, in the first digits", swap("3 All crime", "E6"))
    yield cps(SWAP, "all crime, prosecutions, 104,072 as 104,702", set_cell("3 All crime", "E8", 104702.0))
    yield cps(SWAP, "conviction rate of an area, 0.647 as 0.467", set_cell("2 Prosecutions", "S18", 0.467))
    yield cps(SHIFT, "before the charge, the national row too", shift("1 Pre-charge", 5, 1, 16))
    yield cps(DOUBLE, "an area", cps_times(slice(7, 8), slice(1, 17), 2, follow=False))
    yield cps(DOUBLE, "an area, and the national row", cps_times(slice(7, 8), slice(1, 17), 2, follow=True))
    yield cps(REPEAT, "in the place of the next, in all sheets", cps_repeat)
    yield cps(
        REVISE, "an earlier quarter, and its national row", cps_times(slice(4, 18), slice(5, 9), 1.3, follow=True)
    )

    def arrivals(kind: str, words: str, plant: Callable[[Grids], Any]) -> Fault:
        return Fault("irregular_migration", kind, "december-2022", words, plant)

    by_boat = {"Method_of_entry": BOAT}
    yield arrivals(SWAP, "small boat arrivals", swap_largest(where(IRR, Quarter="2021 Q3", **by_boat), 7))
    yield arrivals(
        SWAP, "small boat arrivals of the latest quarter", swap_largest(where(IRR, Quarter="2022 Q4", **by_boat), 7)
    )
    yield arrivals(SHIFT, "sex, age and count", shift(IRR, 3, 5, 7))
    yield arrivals(SHIFT, "counts one row down", slide(where(IRR, Year=2022.0), 7))
    yield arrivals(DOUBLE, "rows of a nationality", repeat(IRR, where(IRR, Nationality="Albania", Year=2022.0)))
    yield arrivals(DOUBLE, "counts of a nationality", times(where(IRR, Nationality="Albania", Year=2022.0), 2, 7))
    yield arrivals(REPEAT, "its rows", repeat(IRR, where(IRR, Quarter="2022 Q3")))
    third, fourth = (where(IRR, Quarter=quarter) for quarter in ("2022 Q3", "2022 Q4"))
    yield arrivals(REPEAT, "in the place of the next", restate(IRR, third, fourth, Quarter="2022 Q4"))
    yield arrivals(REVISE, "small boat arrivals of a year", times(where(IRR, Year=2021.0, **by_boat), 1.3, 7))

    def boats(kind: str, words: str, plant: Callable[[Grids], Any]) -> Fault:
        return Fault("small_boats", kind, BOATS, words, plant)

    spring, autumn = days("2022-04-01", "2022-06-30"), days("2022-09-01", "2022-11-30")
    yield boats(SWAP, "people of a day", swap_largest(autumn, 1))
    yield boats(SWAP, "people of a week", boats_week)
    yield boats(SHIFT, "people and boats", shift("SB_01", 2, 1, 2))
    yield boats(SHIFT, "date, people and boats", shift("SB_01", 2, 0, 2))
    yield boats(DOUBLE, "a day", repeat("SB_01", days("2022-08-02", "2022-08-02")))
    yield boats(REPEAT, "its rows", repeat("SB_01", days("2022-07-01", "2022-09-30")))
    yield boats(REPEAT, "in the place of the next", boats_repeat)
    yield boats(REVISE, "people of a quarter", times(spring, 1.3, 1))

    def returns(kind: str, words: str, plant: Callable[[Grids], Any], file: str = "e23000006-2021-06") -> Fault:
        return Fault("force_returns", kind, file, words, plant)

    yield returns(SWAP, "live investigations", swap_largest(where("Investigations"), 2))
    yield returns(SWAP, "investigations of a nationality", swap_largest(where("Nationality"), 2))
    yield returns(SWAP, "NRM references, more than there are investigations", more_references)
    yield returns(SHIFT, "all measures", shift("Investigations", 2, 2, 10))
    yield returns(SHIFT, "type, county lines and live", shift("Investigations", 2, 0, 2))
    yield returns(DOUBLE, "a row", lambda g: g["Investigations"].append(list(g["Investigations"][1])))
    yield returns(
        DOUBLE,
        "all of a force",
        lambda g: [times(where(s), 2, *c)(g) for s, c in (("Investigations", range(2, 11)), ("Nationality", (2,)))],
    )
    yield returns(REPEAT, "a month's figures", from_another("e23000006-2021-05.xlsx", "Investigations", "Nationality"))
    yield returns(
        REVISE,
        "in a return sent again",
        lambda g: [times(where(s), 1.3, *c)(g) for s, c in (("Investigations", range(2, 11)), ("Nationality", (2,)))],
        "e23000014-2022-02-v2",
    )

    def activity(kind: str, words: str, plant: Callable[[Grids], Any], file: str = CORRECTED) -> Fault:
        return Fault("programme_activity", kind, file, words, plant)

    yield activity(SWAP, "downloads", swap_largest(where(ACTIVITY, Measure="Downloads"), 6))
    penalties = where(ACTIVITY, Measure="Civil penalties collected", Geography="Kent")
    yield activity(SWAP, "penalties collected at one place", swap_largest(penalties, 6))
    yield activity(SHIFT, "measure, unit and value", shift(ACTIVITY, 2, 4, 6))
    yield activity(SHIFT, "values one row down", slide(where(ACTIVITY), 6))
    yield activity(DOUBLE, "the rows of a place", repeat(ACTIVITY, where(ACTIVITY, Geography="Kent")))
    yield activity(DOUBLE, "the values of a place", times(where(ACTIVITY, Geography="Kent"), 2, 6))
    yield activity(
        REPEAT, "the sheet of the quarter before", from_another("programme-activity-2021-22-q1.xlsx", ACTIVITY)
    )
    yield activity(REVISE, "all values", times(where(ACTIVITY), 1.3, 6))

    def cases(kind: str, words: str, plant: Callable[[Grids], Any], file: str = CASES) -> Fault:
        return Fault("cps_case_outcomes", kind, file, words, plant)

    yield cases(SWAP, "convictions of an area", swap_text("B3"))
    yield cases(SWAP, "national convictions", swap_text("F2"))
    yield cases(SWAP, "a percentage of an area", set_text("G4", "12.3%"))
    yield cases(SHIFT, "all columns", shift_texts(1))
    yield cases(SHIFT, "all columns of counts and percentages by a category", shift_texts(4))
    yield cases(DOUBLE, "the row of an area", lambda g: only_sheet(g).insert(4, list(only_sheet(g)[4])))
    yield cases(
        DOUBLE, "the counts of an area", change_counts(2, follow=False, columns=slice(1, None), rows=slice(8, 9))
    )
    yield cases(REPEAT, "the figures of the month before", from_another_month("*february_2016.csv"))
    yield cases(REPEAT, "the same in what was issued again", from_another_month("*february_2016.csv"), AGAIN)
    yield cases(REVISE, "a category, its national row too", change_counts(1.3, follow=True, columns=slice(5, 9)), AGAIN)

    def people(kind: str, words: str, plant: Callable[[Grids], Any]) -> Fault:
        return Fault("population", kind, "estimates-2023", words, plant)

    yield people(SWAP, "an authority", swap(MYE5, "E9"))
    yield people(SWAP, "the nation", swap(MYE5, "G4"))
    yield people(SHIFT, "all years but the last", shift(MYE5, 4, 6, 29))
    yield people(DOUBLE, "the row of an authority", lambda g: g[MYE5].insert(20, list(g[MYE5][20])))
    yield people(DOUBLE, "the people of a force, and of the nation", change_people("E23000013", 2, 4))
    yield people(REPEAT, "a year's column in the place of the next", repeat_year)
    yield people(REVISE, "a force in an earlier year, and the nation", change_people("E23000013", 1.3, 8))


FAULTS = tuple(_faults())
# Says of itself that the pipeline is at fault, not the file: it does not name what is wrong.
NO_CATCH = {"rule not_conserved"}


# --- what catches them


@dataclass
class Bench:
    """The sample's grids as files, a warehouse loaded from them, and what is raised with nothing planted."""

    folder: Path
    raised: dict[str, set[Signal]] = field(default_factory=dict)
    red: list[str] = field(default_factory=list)

    @property
    def warehouse(self) -> Path:
        """The warehouse with nothing planted."""
        return self.folder / "warehouse.sqlite"

    def fill(self) -> None:
        """Write the grids, load them all, and note what is raised, and what of it is red."""
        for source in SOURCES:
            for path in sorted(
                {path for pattern in CUT.get(source, EVERYTHING) for path in (RAW / source).glob(pattern)}
            ):
                if path.suffix == ".yaml":
                    continue
                target = self.folder / "raw" / path.relative_to(RAW)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(pickle.dumps(cut_grids(path)))
                if sidecar_path(path).is_file():
                    shutil.copy2(sidecar_path(path), sidecar_path(target))
        engine = open_engine(f"sqlite:///{self.warehouse}")
        prepare(engine)
        at_the_gate: dict[str, set[Signal]] = {}
        for source in SOURCES:
            at_the_gate[source], reasons = load(engine, source, take_in(self.folder, source, self.folder / "raw"))
            self.red += reasons
        summary = reconcile_quarters(engine, ALL_QUARTERS, today=TODAY)
        self.red += summary.worst if summary.blocking else ()
        with read_transaction(engine) as connection:
            for check in check_warehouse(connection, TODAY):
                if check.severity == "block" and not check.success:
                    self.red.append(f"{check.check_name}: {check.detail}")
            for source in SOURCES:
                self.raised[source] = at_the_gate[source] | in_warehouse(connection, source)
        engine.dispose()

    def plant(self, fault: Fault, folder: Path) -> Intake:
        """Plant a fault in a copy of its source's files, and read them; what was read before is not read again."""
        raw = folder / "raw"
        shutil.copytree(self.folder / "raw" / fault.source, raw / fault.source)
        (path,) = (path for path in raw.rglob(f"*{fault.file}*") if path.suffix != ".yaml")
        grids, before = (pickle.loads(path.read_bytes()) for _ in range(2))
        fault.plant(grids)
        assert grids != before, f"nothing was planted: {fault}"
        path.write_bytes(pickle.dumps(grids))
        shutil.copytree(
            self.folder / "staging" / fault.source, folder / "staging" / fault.source, copy_function=os.link
        )
        return take_in(folder, fault.source, raw)

    def catch(self, source: str, read: Intake, folder: Path) -> set[Signal]:
        """Put a source's files through the pipeline and return what is raised that is not with nothing planted."""
        folder.mkdir(exist_ok=True)
        shutil.copy2(self.warehouse, folder / "warehouse.sqlite")
        engine = open_engine(f"sqlite:///{folder / 'warehouse.sqlite'}")
        signals, reasons = load(engine, source, read)
        if not reasons:  # else the last good figures stand
            stale = find_stale_results(engine, ALL_QUARTERS, TODAY)
            reconcile_quarters(engine, stale, rules=rules_of(load_source(source)), today=TODAY)
            with read_transaction(engine) as connection:
                signals |= in_warehouse(connection, source)
        engine.dispose()
        return signals - self.raised[source]


def load(engine: sa.Engine, source: str, read: Intake) -> tuple[set[Signal], list[str]]:
    """Judge the files of a source and load them if all are accepted; return what was raised, and why if not."""
    its = load_source(source)
    verdicts = judge_files(its, read.landing, read.staged, validate_source(its, read.staged))
    verdicts += [make_verdict_on_unread_file(its, each.error, each.release.release_id) for each in read.unparsed]
    signals: set[Signal] = set()
    for verdict in verdicts:
        for row in verdict.quarantine:
            if not row.is_declared:
                signals.add((f"rule {row.rule}", "block", row.file_name, row.sheet, row.cell))
        for result in verdict.results:
            if not result.success and result.check_name != "rows could be read":  # its rules are there already
                name = f"check {result.check_name.partition(':')[0]}"
                signals.add((name, result.severity, verdict.file_name, result.table_name, result.check_name))
    reasons = [f"{verdict.file_name}: {reason}" for verdict in verdicts for reason in verdict.reasons]
    if not reasons:
        load_dimensions(engine, read.staged, TODAY)
        register_releases(engine, its, read.landing, verdicts, TODAY)
        load_quarters(engine, its, ALL_QUARTERS, AcceptedReleases(read.staged))
    return signals, reasons


def rules_of(source: Source) -> list[Rule]:
    """Return the rules of reconciliation that speak of a source: what is loaded of it cannot change any other."""
    return [rule for rule in load_rules() if any(f'"{fact}"' in rule.model_dump_json() for fact in source.facts)]


def in_warehouse(connection: sa.Connection, source: str) -> set[Signal]:
    """Return what the checks of the warehouse and the rules of reconciliation raise."""
    signals: set[Signal] = set()
    for check in WAREHOUSE_CHECKS:
        if check.run is not national_totals_have_no_level_shifts:
            for checked in check.run(connection, TODAY):
                if checked.rows_failed:
                    signals.add((f"check {check.name}", check.severity, checked.table_name, checked.detail))
            continue
        for name in load_source(source).facts:  # one signal a shift
            for change in judge_changes(find_national_totals(connection, FACTS[name])):
                if change.is_shift:
                    signals.add((f"check {check.name}", check.severity, name, change.series, change.label))
    result = reconciliation_result
    for broken in connection.execute(sa.select(result).where(result.c.status == "breaks")):
        name = f"reconciliation {broken.rule_id}"
        signals.add((name, broken.severity, broken.item, broken.period_label, broken.geography_code))
    return signals


def _open_pickled(path: Path) -> GridWorkbook:
    return GridWorkbook(path, pickle.loads(path.read_bytes()))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The bench; every file that is opened is read as the grids that it holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_reading, "open_workbook", _open_pickled)
        made = Bench(tmp_path_factory.mktemp("planted"))
        made.fill()
        yield made


def test_nothing_planted_raises_nothing_red(bench: Bench, tmp_path: Path):
    assert bench.red == []
    for source in SOURCES:
        read = take_in(bench.folder, source, bench.folder / "raw")
        assert bench.catch(source, read, tmp_path / source) == set()


@pytest.mark.slow
def test_every_planted_fault_is_caught_by_a_named_rule(bench: Bench, tmp_path: Path):
    uncaught = []
    print()
    for source in SOURCES:
        planted = [(fault, tmp_path / f"{source}-{n}") for n, fault in enumerate(FAULTS) if fault.source == source]
        reads = [(fault, folder, bench.plant(fault, folder)) for fault, folder in planted]
        # All at once: Great Expectations takes as long over one release as over many.
        validate_source(load_source(source), list({s.key: s for _, _, read in reads for s in read.staged}.values()))
        for fault, folder, read in reads:
            signals = bench.catch(source, read, folder)
            names = sorted({f"{name} ({severity})" for name, severity, *_ in signals if name not in NO_CATCH})
            shutil.rmtree(folder)
            print(f"{fault.source:20}{fault.kind:17}{fault.words:53}{'; '.join(names) or 'NOT CAUGHT'}")
            if not names:
                uncaught.append(str(fault))
    assert uncaught == []


def test_every_source_has_faults_of_every_kind():
    kinds = {SWAP, SHIFT, DOUBLE, REPEAT, REVISE}
    assert {(fault.source, fault.kind) for fault in FAULTS} == {(source, kind) for source in SOURCES for kind in kinds}
    names = [str(fault) for fault in FAULTS]
    assert len(names) == len(set(names))
