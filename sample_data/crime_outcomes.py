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

from sample_data.recorded_crime import (
    FORCES,
    NOT_PROVIDED,
    OFFENCES,
    RELABELLED,
    ROW,
    YEARS,
    Key,
    calendar_quarter,
    cover_sheet,
    figures,
    force_name,
    year_label,
)
from sample_data.writers import Cell, Rows, write_sidecar, write_xlsx

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
    def count_headers(self) -> list[Cell]:
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


class Place(NamedTuple):
    quarter: int
    force: str
    code: str


def write(raw: Path) -> None:
    """Write every release of every year, each with its sidecar."""
    for release in RELEASES:
        path = raw / "crime_outcomes" / release.file
        title = f"Outcomes open data, year ending March {release.year + 1}"
        rows = list(_rows(release))
        sheets: dict[str, Rows] = {
            "Cover_sheet": cover_sheet(title, release.published, ["Notes", "Pivot", release.sheet]),
            "Notes": _NOTES,
            "Pivot": _pivot(release, rows),
            release.sheet: [[*_HEADERS, *release.count_headers], *rows],
        }
        write_xlsx(path, sheets)
        write_sidecar(path, title, release.published, calendar_quarter(release.year, release.last_quarter))


_HEADERS: list[Cell] = [
    "Financial Year",
    "Financial Quarter",
    "Force Name",
    "Offence Description",
    "Offence Group",
    "Offence Subgroup",
    "Offence Code",
    "Offence code expired",
    "Outcome Description",
    "Outcome Group",
    "Outcome Type",
]
_NOTES: Rows = [
    ["Note number", "Note text"],
    ["Note 1", "Outcomes are shown in the quarter in which the offence was recorded, and change in later releases."],
    ["Note 2", "Type 0 is an offence that has no outcome yet."],
    ["Note 3", "Greater Manchester did not provide data for July 2019 to March 2020."],
    ["Note 4", "x marks an offence code that has expired."],
]


def _pivot(release: Release, rows: list[list[Cell]]) -> Rows:
    """The publisher's summary: counts by outcome group, without a header row."""
    groups: Counter[str] = Counter()
    for row in rows:
        if isinstance(row[-2], int):
            groups[str(row[9])] += row[-2]
    pivot: list[list[Cell]] = [["Financial Year", year_label(release.year)], ["Force Name", "(All)"], []]
    pivot += [[group, count] for group, count in sorted(groups.items())]
    return [*pivot, ["Grand Total", groups.total()]]


def _rows(release: Release) -> Iterator[list[Cell]]:
    year, last_day = release.year, release.published - dt.timedelta(days=DAYS_TO_PUBLISH)
    recorded, closed = _recorded(year)[release.published], _closed()
    rng = Random(f"crime_outcomes:negatives:{release.file}")
    for quarter in range(1, release.last_quarter + 1):
        for force in sorted(_reporting(year), key=lambda force: force_name(force, year).lower()):
            missing = (force, year) == NOT_PROVIDED[:2] and quarter in NOT_PROVIDED[2]
            for code in OFFENCE_CODES:
                key = Place(quarter, force, code)
                label = _labels(year, key)
                if missing:
                    for outcome in MARKED_TYPES:
                        yield [*label, *_outcome(outcome), NOT_GIVEN, NOT_GIVEN]
                    continue
                ended = closed[year].get(key, Counter())
                if code == EXPIRED_CODE:
                    for outcome, count in sorted(ended.items()):
                        yield [*label, *_outcome(outcome), EXPIRED, count]
                    continue
                count = recorded[Key(quarter, ROW[code], force)]
                assigned = Counter(type_ for type_, day in _crimes(year, key)[: max(count, 0)] if day <= last_day)
                yield [*label, *_outcome(0), count - assigned.total(), NOT_APPLICABLE]
                for outcome in sorted({*assigned, *ended}):
                    correction = not ended[outcome] and rng.random() < NEGATIVE_CLOSED / 2_000
                    yield [*label, *_outcome(outcome), assigned[outcome], -1 if correction else ended[outcome]]


def _reporting(year: int) -> list[str]:
    left_out = set(MISSING_IN_FIRST_YEAR) if year == YEARS[0] else set()
    if year < TRANSPORT_POLICE_FROM:
        left_out.add("British Transport Police")
    return [force for force in FORCES if force not in left_out]


def _labels(year: int, key: Place) -> list[Cell]:
    offence = OFFENCES[ROW[key.code]]
    words = [offence.description, *(RELABELLED.get(word, word) for word in (offence.group, offence.subgroup))]
    expired = "x" if key.code == EXPIRED_CODE else None
    return [year_label(year), key.quarter, force_name(key.force, year), *words, key.code, expired]


def _outcome(outcome: int) -> list[Cell]:
    return [OUTCOMES[outcome].description, OUTCOMES[outcome].group, outcome]


# --- the figures ---


def _quarter_start(year: int, quarter: int) -> dt.date:
    return dt.date(year, 1 + 3 * quarter, 1) if quarter < 4 else dt.date(year + 1, 1, 1)


def _year_and_quarter(day: dt.date) -> tuple[int, int]:
    months = day.year * 12 + day.month - 4
    return months // 12, months % 12 // 3 + 1


@cache
def _recorded(year: int) -> dict[dt.date, dict[Key, int]]:
    """Recorded crime of the year as known on the day of each release."""
    return {release.published: figures(year, release.published) for release in RELEASES if release.year == year}


@cache
def _crimes(year: int, key: Place) -> list[tuple[int, dt.date]]:
    """Outcome type, and the day it is assigned, of every crime that any release counts in this cell."""
    most = max(counts[Key(key.quarter, ROW[key.code], key.force)] for counts in _recorded(year).values())
    rng = Random(f"crime_outcomes:{year}:{key.quarter}:{key.force}:{key.code}")
    types, weights = _mix(year, key.code)
    means = SLAVERY_MEAN_DAYS if key.code == "106" else MEAN_DAYS
    start = _quarter_start(year, key.quarter)
    crimes = []
    for _ in range(most):
        recorded = start + dt.timedelta(days=int(rng.random() * 90))
        outcome = rng.choices(types, weights)[0]
        wait = -means.get(outcome, OTHER_MEAN_DAYS) * math.log(1 - rng.random())
        crimes.append((outcome, recorded + dt.timedelta(days=int(wait))))
    return crimes


@cache
def _mix(year: int, code: str) -> tuple[list[int], list[float]]:
    mix: dict[int, float] = dict(MIX.get(code, OTHER_MIX))
    if code == "106":
        others = {type_: weight for type_, weight in SLAVERY_MIX.items() if OUTCOMES[type_].first_year <= year}
        mix = {1: SLAVERY_CHARGED[year] / (1 - SLAVERY_CHARGED[year]) * sum(others.values()), **others}
    known = [type_ for type_ in mix if OUTCOMES[type_].first_year <= year]
    return known, [mix[type_] for type_ in known]


@cache
def _closed() -> dict[int, dict[Place, Counter[int]]]:
    """Investigations closed, by year and cell in which they closed, whenever the crime was recorded."""
    closed: dict[int, dict[Place, Counter[int]]] = {year: {} for year in YEARS}
    for year in YEARS:
        for quarter, row, force in figures(year, APRIL_2022):
            code = OFFENCES[row].code
            if code not in OFFENCE_CODES or code == EXPIRED_CODE:
                continue
            for outcome, day in _crimes(year, Place(quarter, force, code)):
                then, quarter_then = _year_and_quarter(day)
                if then in closed:
                    closed[then].setdefault(Place(quarter_then, force, code), Counter())[outcome] += 1
        rng = Random(f"crime_outcomes:expired:{year}")
        for _ in range(EXPIRED_CLOSED.get(year, 0)):
            cell = Place(rng.randint(1, 4), rng.choice(_reporting(year)), EXPIRED_CODE)
            closed[year].setdefault(cell, Counter())[rng.choice((1, 14, 15, 16, 18))] += 1
    return closed
