"""Crime outcomes open data (Home Office): one workbook a financial year, republished as investigations end.

The layout is the publisher's. Outcome types, names and groups are those of the Home Office's outcomes
framework. Every figure is synthetic: each recorded crime is given the outcome it will have and the day it gets it, so
that later releases of a year show fewer crimes without an outcome and more charges. The crimes of a
force-quarter-offence are those of ``recorded_crime`` as known on the day of the release.
"""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from msoic_pipeline.periods import period_label, period_start
from sample_data.recorded_crime import (
    FORCES,
    MANCHESTER_NOTE,
    OFFENCE_HEADERS,
    OFFENCE_OF_CODE,
    OFFENCES,
    RELABELLED,
    YEARS,
    CrimeCell,
    CrimeCounts,
    count_crimes,
    is_not_provided,
    label_year,
    make_cover_sheet,
    spell_force,
    start_quarter,
)
from sample_data.writers import Cell, Row, Rows, write_sidecar, write_xlsx

OFFENCE_CODES = ("106", "10A", "13", "22A", "24", "27", "36", "38", "61A", "71", "72", "92A")
EXPIRED_CODE = "72"  # replaced by 106; still ends investigations, records nothing
EXPIRED_CLOSED = {2015: 60, 2016: 25, 2017: 12, 2018: 5, 2019: 2}  # its investigations closed in the year

MISSING_IN_FIRST_YEAR = ("Dorset", "Gloucestershire", "Lincolnshire")
TRANSPORT_POLICE_FROM = 2017
MARKED_TYPES = (0, 1, 8, 14, 15, 16, 18)  # rows that say that a force's data were not provided
NOT_APPLICABLE, EXPIRED, NOT_GIVEN = "N/A", "N/A - Offence code expired", "N/A - data not provided"
NEGATIVE_CLOSED = 6  # rows a file whose closed count is a correction

DAYS_TO_PUBLISH = 30  # outcomes assigned after this many days before publication are in the next release
JULY = (dt.date(2020, 7, 24), dt.date(2021, 7, 22), dt.date(2022, 7, 21), dt.date(2023, 7, 20), dt.date(2024, 7, 24))
APRIL_2022 = dt.date(2022, 4, 28)


class OutcomeType(NamedTuple):
    """An outcome in the publisher's words, and the first financial year in which there was it."""

    description: str
    group: str
    first_year: int = 2014


FORMAL, INFORMAL = "Out-of-court (formal)", "Out-of-court (informal)"
PREVENTED = "Prosecution prevented or not in the public interest"
VICTIM_AGAINST = "Evidential difficulties (victim does not support action)"
OUTCOMES = {
    0: OutcomeType("Not yet assigned an outcome", "Not yet assigned an outcome"),
    1: OutcomeType("Charged/Summonsed", "Charged/Summonsed"),
    2: OutcomeType("Caution - youths", FORMAL),
    3: OutcomeType("Caution - adults", FORMAL),
    4: OutcomeType("Taken into consideration", "Taken into consideration"),
    5: OutcomeType("Offender died", PREVENTED),
    6: OutcomeType("Penalty Notices for Disorder", FORMAL),
    7: OutcomeType("Cannabis/Khat Warning", INFORMAL),
    8: OutcomeType("Community Resolution", INFORMAL),
    9: OutcomeType("Not in public interest (CPS)", PREVENTED),
    10: OutcomeType("Not in public interest (Police)", PREVENTED),
    11: OutcomeType("Prosecution prevented: suspect under age", PREVENTED),
    12: OutcomeType("Prosecution prevented: suspect too ill", PREVENTED),
    13: OutcomeType("Prosecution prevented: victim/key witness dead/too ill", PREVENTED),
    14: OutcomeType(
        "Evidential difficulties: suspect not identified; victim does not support further action", VICTIM_AGAINST
    ),
    15: OutcomeType(
        "Evidential difficulties: suspect identified; victim supports action",
        "Evidential difficulties (suspect identified; victim supports action)",
    ),
    16: OutcomeType(
        "Evidential difficulties: suspect identified; victim does not support further action", VICTIM_AGAINST
    ),
    17: OutcomeType("Prosecution time limit expired", PREVENTED),
    18: OutcomeType("Investigation complete: no suspect identified", "Investigation complete - no suspect identified"),
    19: OutcomeType("National Fraud Intelligence Bureau filed", "National Fraud Intelligence Bureau filed"),
    20: OutcomeType(
        "Responsibility for further investigation transferred to another body",
        "Responsibility for further investigation transferred to another body",
        2015,
    ),
    21: OutcomeType(
        "Further investigation to support formal action not in the public interest (Police)",
        "Further investigation to support formal action not in the public interest - police decision",
        2016,
    ),
    22: OutcomeType(
        "Diversionary, educational or intervention activity; no further action in the public interest",
        "Diversionary, educational or intervention activity",
        2019,
    ),
}

# Modern slavery: share of the crimes of a year that end in a charge, and a mean of a year to get there, so that
# the share charged at first publication is about half of it.
SLAVERY_CHARGED = dict(zip(YEARS, (0.076, 0.074, 0.071, 0.067, 0.063, 0.06, 0.058, 0.058, 0.058), strict=True))
MEAN_DAYS = {1: 180, 15: 200, 16: 130, 18: 60, 14: 90}
SLAVERY_MEAN_DAYS = {1: 365, 15: 300, 16: 200, 18: 110, 14: 130}
OTHER_MEAN_DAYS = 150

SLAVERY_MIX = {
    2: 2, 3: 4, 4: 1, 5: 3, 8: 8, 9: 8, 10: 18, 11: 2, 12: 3, 13: 2, 14: 90, 15: 200, 16: 300, 17: 8, 18: 250, 20: 60,
    21: 35, 22: 6,
}  # fmt: skip
VIOLENCE_MIX = {
    1: 120, 2: 5, 3: 12, 5: 3, 8: 20, 9: 8, 10: 25, 11: 4, 12: 4, 14: 50, 15: 230, 16: 360, 17: 6, 18: 110, 20: 25,
    21: 12, 22: 8,
}  # fmt: skip
DRUGS_MIX = {
    1: 560, 2: 35, 3: 75, 4: 2, 5: 4, 8: 50, 9: 8, 10: 25, 11: 4, 15: 120, 17: 6, 18: 70, 20: 6, 21: 20, 22: 30,
}  # fmt: skip
OTHER_MIX = {
    1: 330, 2: 15, 3: 60, 5: 3, 6: 2, 8: 60, 9: 12, 10: 45, 15: 160, 16: 60, 17: 12, 18: 200, 20: 15, 21: 20, 22: 15,
}  # fmt: skip
MIX = {"13": VIOLENCE_MIX, "36": VIOLENCE_MIX, "22A": VIOLENCE_MIX, "71": VIOLENCE_MIX, "92A": DRUGS_MIX}


@dataclass(frozen=True)
class Release:
    """One published workbook: a year's outcomes as known on a day."""

    year: int
    published: dt.date
    last_quarter: int = 4

    @property
    def file(self) -> str:
        return f"prc-outcomes-open-data-mar{self.year + 1}-tables-{self.published:%d%m%y}.xlsx"

    @property
    def sheet(self) -> str:
        start, end = self.year, f"{(self.year + 1) % 100:02d}"
        if start < 2019:
            return f"Outcomes_open_data_{start}-{end}"
        return f"Outcomes_open_data_{start}_{end}" if start < 2022 else f"Outcomes open data {start}_{end}"

    @property
    def count_headers(self) -> Row:
        words = "Number of outcomes" if self.published < dt.date(2022, 1, 1) else "Outcomes"
        return [
            f"{words} for offences that were recorded in the quarter",
            f"{words} for investigations closed in the quarter",
        ]


RELEASES = (
    *(Release(year, APRIL_2022) for year in range(2015, 2019)),
    *(Release(year, day) for year in YEARS if year >= 2019 for day in JULY if day.year > year),
    Release(2019, APRIL_2022),
    Release(2020, APRIL_2022),
    Release(2021, APRIL_2022, last_quarter=3),
)


class OutcomeCell(NamedTuple):
    """Where the outcomes of a year stand: their quarter, their force and the code of their offence."""

    quarter: int
    force: str
    code: str


def write(raw: Path) -> None:
    """Write every release of every year, each with its sidecar."""
    for release in RELEASES:
        path = raw / "crime_outcomes" / release.file
        title = f"Outcomes open data, year ending March {release.year + 1}"
        rows = list(_make_rows(release))
        sheets: dict[str, Rows] = {
            "Cover_sheet": make_cover_sheet(title, release.published, ["Notes", "Pivot", release.sheet]),
            "Notes": _NOTES,
            "Pivot": _make_pivot(release, rows),
            release.sheet: [[*_HEADERS, *release.count_headers], *rows],
        }
        write_xlsx(path, sheets)
        reference_period = period_label("quarter", start_quarter(release.year, release.last_quarter))
        write_sidecar(path, title, release.published, reference_period)


_HEADERS: Row = [
    "Financial Year",
    "Financial Quarter",
    "Force Name",
    *OFFENCE_HEADERS,
    "Offence code expired",
    "Outcome Description",
    "Outcome Group",
    "Outcome Type",
]
GROUP_COLUMN, RECORDED_COLUMN = _HEADERS.index("Outcome Group"), len(_HEADERS)
_NOTES: Rows = [
    ["Note number", "Note text"],
    ["Note 1", "Outcomes are shown in the quarter in which the offence was recorded, and change in later releases."],
    ["Note 2", "Type 0 is an offence that has no outcome yet."],
    ["Note 3", MANCHESTER_NOTE],
    ["Note 4", "x marks an offence code that has expired."],
]


def _make_pivot(release: Release, rows: list[Row]) -> Rows:
    """Return the publisher's summary: counts by outcome group, without a header row."""
    groups: Counter[str] = Counter()
    for row in rows:
        count = row[RECORDED_COLUMN]
        if isinstance(count, int):
            groups[str(row[GROUP_COLUMN])] += count
    pivot: list[Row] = [["Financial Year", label_year(release.year)], ["Force Name", "(All)"], []]
    pivot += [[group, count] for group, count in sorted(groups.items())]
    return [*pivot, ["Grand Total", groups.total()]]


def _make_rows(release: Release) -> Iterator[Row]:
    """Yield the rows of a year, by quarter, force as spelled, offence and outcome."""
    year = release.year
    rng = Random(f"crime_outcomes:negatives:{release.file}")
    for quarter in range(1, release.last_quarter + 1):
        for force in sorted(_list_reporting_forces(year), key=lambda force: spell_force(force, year).lower()):
            for code in OFFENCE_CODES:
                cell = OutcomeCell(quarter, force, code)
                if is_not_provided(year, quarter, force):
                    outcomes = _mark_not_provided()
                elif code == EXPIRED_CODE:
                    outcomes = _list_outcomes_of_expired_code(year, cell)
                else:
                    outcomes = _list_outcomes(release, cell, rng)
                label = _label_cell(year, cell)
                for outcome, *counts in outcomes:
                    yield [*label, OUTCOMES[outcome].description, OUTCOMES[outcome].group, outcome, *counts]


# An outcome type, and what stands for it under offences recorded and under investigations closed.
OutcomeRow = tuple[int, Cell, Cell]


def _mark_not_provided() -> Iterator[OutcomeRow]:
    for outcome in MARKED_TYPES:
        yield outcome, NOT_GIVEN, NOT_GIVEN


def _list_outcomes_of_expired_code(year: int, cell: OutcomeCell) -> Iterator[OutcomeRow]:
    """Yield the outcomes of an offence under which nothing is recorded any more."""
    for outcome, count in sorted(_find_closed(year, cell).items()):
        yield outcome, EXPIRED, count


def _list_outcomes(release: Release, cell: OutcomeCell, rng: Random) -> Iterator[OutcomeRow]:
    """Yield the outcomes of an offence as known on the day of a release, those not yet assigned first.

    ``rng`` decides, once for each row without investigations closed, whether a correction stands there.
    """
    year, last_day = release.year, release.published - dt.timedelta(days=DAYS_TO_PUBLISH)
    closed = _find_closed(year, cell)
    count = _count_recorded(year)[release.published][CrimeCell(cell.quarter, OFFENCE_OF_CODE[cell.code], cell.force)]
    known = _draw_crimes(year, cell)[: max(count, 0)]
    assigned = Counter(outcome for outcome, day in known if day <= last_day)
    yield 0, count - assigned.total(), NOT_APPLICABLE
    for outcome in sorted({*assigned, *closed}):
        is_correction = not closed[outcome] and rng.random() < NEGATIVE_CLOSED / 2_000
        yield outcome, assigned[outcome], -1 if is_correction else closed[outcome]


def _find_closed(year: int, cell: OutcomeCell) -> Counter[int]:
    return _count_closed_investigations()[year].get(cell, Counter())


def _list_reporting_forces(year: int) -> list[str]:
    left_out = set(MISSING_IN_FIRST_YEAR) if year == YEARS[0] else set()
    if year < TRANSPORT_POLICE_FROM:
        left_out.add("British Transport Police")
    return [force for force in FORCES if force not in left_out]


def _label_cell(year: int, cell: OutcomeCell) -> Row:
    offence = OFFENCES[OFFENCE_OF_CODE[cell.code]]
    words = [offence.description, *(RELABELLED.get(label, label) for label in (offence.group, offence.subgroup))]
    expired = "x" if cell.code == EXPIRED_CODE else None
    return [label_year(year), cell.quarter, spell_force(cell.force, year), *words, cell.code, expired]


# --- the figures ---


def _find_quarter(day: dt.date) -> tuple[int, int]:
    """Return the financial year in which a day lies, and the quarter in it."""
    start = period_start("financial_year", day)
    return start.year, (day.month - start.month) % 12 // 3 + 1


@cache
def _count_recorded(year: int) -> dict[dt.date, CrimeCounts]:
    """Return recorded crime of the year as known on the day of each release."""
    return {release.published: count_crimes(year, release.published) for release in RELEASES if release.year == year}


@cache
def _draw_crimes(year: int, cell: OutcomeCell) -> list[tuple[int, dt.date]]:
    """Return outcome type, and the day it is assigned, of every crime that any release counts in this cell."""
    crime_cell = CrimeCell(cell.quarter, OFFENCE_OF_CODE[cell.code], cell.force)
    most = max(counts[crime_cell] for counts in _count_recorded(year).values())
    rng = Random(f"crime_outcomes:{year}:{cell.quarter}:{cell.force}:{cell.code}")
    types, weights = _weigh_outcomes(year, cell.code)
    means = SLAVERY_MEAN_DAYS if cell.code == "106" else MEAN_DAYS
    start = start_quarter(year, cell.quarter)
    crimes = []
    for _ in range(most):
        recorded = start + dt.timedelta(days=int(rng.random() * 90))
        outcome = rng.choices(types, weights)[0]
        wait = -means.get(outcome, OTHER_MEAN_DAYS) * math.log(1 - rng.random())
        crimes.append((outcome, recorded + dt.timedelta(days=int(wait))))
    return crimes


@cache
def _weigh_outcomes(year: int, code: str) -> tuple[list[int], list[float]]:
    """Return the outcome types that crimes of a year can have, and how common each is among them."""
    mix: dict[int, float] = dict(MIX.get(code, OTHER_MIX))
    if code == "106":
        others = {outcome: weight for outcome, weight in SLAVERY_MIX.items() if OUTCOMES[outcome].first_year <= year}
        mix = {1: SLAVERY_CHARGED[year] / (1 - SLAVERY_CHARGED[year]) * sum(others.values()), **others}
    known = [outcome for outcome in mix if OUTCOMES[outcome].first_year <= year]
    return known, [mix[outcome] for outcome in known]


@cache
def _count_closed_investigations() -> dict[int, dict[OutcomeCell, Counter[int]]]:
    """Return investigations closed, by year and cell in which they closed, whenever the crime was recorded."""
    closed: dict[int, dict[OutcomeCell, Counter[int]]] = {year: {} for year in YEARS}
    for year in YEARS:
        for quarter, offence, force in count_crimes(year, APRIL_2022):
            code = OFFENCES[offence].code
            if code not in OFFENCE_CODES or code == EXPIRED_CODE:
                continue
            for outcome, day in _draw_crimes(year, OutcomeCell(quarter, force, code)):
                year_closed, quarter_closed = _find_quarter(day)
                if year_closed in closed:
                    cell = OutcomeCell(quarter_closed, force, code)
                    closed[year_closed].setdefault(cell, Counter())[outcome] += 1
        rng = Random(f"crime_outcomes:expired:{year}")
        for _ in range(EXPIRED_CLOSED.get(year, 0)):
            cell = OutcomeCell(rng.randint(1, 4), rng.choice(_list_reporting_forces(year)), EXPIRED_CODE)
            closed[year].setdefault(cell, Counter())[rng.choice((1, 14, 15, 16, 18))] += 1
    return closed
