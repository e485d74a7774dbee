"""Police recorded crime open data (Home Office): force-area and community safety partnership tables.

Layouts are those of the publisher's files, the 2017/18 sheet above all. Offence codes, words and rough volumes
(two significant figures) stand in ``offences.csv``. Totals named below are as published; the rest is synthetic.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

from msoic_pipeline.model import members
from msoic_pipeline.periods import period_label, shift_months
from msoic_pipeline.wording import tell_day
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Cell, Row, Rows, write_csv, write_sidecar, write_workbook

YEARS = range(2015, 2024)  # financial years by the year they start in
QUARTERS = (1, 2, 3, 4)
FINAL = dt.date(2024, 7, 24)  # the newest release; its figures are the final ones

# Modern slavery (code 106) by quarter where published: the real 2017/18 sheet; its revised total of 3,412 is
# from "Modern slavery in the UK: March 2020" (ONS), how it falls on the quarters is synthetic.
SLAVERY_2017_AS_FIRST_PUBLISHED = (610, 726, 964, 1_093)
SLAVERY_2017_ADDED_LATER = (2, 5, 6, 6)
# Years as published (Anti-Slavery Commissioner; 2020 UK Annual Report on Modern Slavery): 2018/19 is 4,897 without
# Greater Manchester and 5,144 with it; 2019/20 is 7,779 without it. From 2020/21 on synthetic.
SLAVERY_OTHER_FORCES = {2015: 884, 2016: 2_255, 2018: 4_897, 2019: 7_779}
SLAVERY_GREATER_MANCHESTER = {2018: (54, 58, 65, 70), 2019: (96, 0, 0, 0)}  # 247 = 5,144 - 4,897; 96 is synthetic
SLAVERY_SYNTHETIC = {2020: 8_734, 2021: 9_487, 2022: 10_021, 2023: 9_806}
SLAVERY_SYNTHETIC_ADDED_LATER = {2020: (8, 7, 9, 10), 2021: (14, 12, 19, 21)}

ALL_OFFENCES_2017_AS_FIRST_PUBLISHED = 5_519_401  # sum of the real 2017/18 sheet, fraud bodies included
HOMICIDE_2017 = (9, 719)  # first of the four homicide rows, and the other three: 728
TRAFFICKING_2017 = ((1, "Kent"), (3, "West Midlands"))  # code 72 had 2 in 2017/18; which forces is synthetic
DERBYSHIRE_ALL_OFFENCES = {2021: 86_228, 2022: 86_228}  # two identical years, as published

NEGATIVES = (-45, -20, -10, -4, -2, -2, *[-1] * 30)  # 36 a year, down to -45, as in the real 2017/18 sheet
REVISED_CELLS = 700  # force-quarter-offence cells of a year that some later release changes
LARGE_ENOUGH = 20  # a count that can be changed a little without anybody's notice
NOT_PROVIDED = ("Greater Manchester", 2019, (2, 3, 4))  # July 2019 to March 2020

ANNUAL_INDEX = dict(zip(YEARS, (0.84, 0.92, 1.0, 1.06, 1.08, 0.98, 1.12, 1.17, 1.16), strict=True))
LOCKDOWN = {(2020, 1): 0.82, (2020, 4): 0.88}
FRAUD_A_QUARTER = {"Action Fraud": 70_000, "CIFAS": 70_000, "UK Finance": 20_000}
FRAUD_BODIES = {  # code, subgroup; UK Finance took over from Financial Fraud Action UK in 2017/18 Q2
    "Action Fraud": ("AF", "Fraud: action fraud"),
    "CIFAS": ("CIFAS", "Fraud: CIFAS"),
    "Financial Fraud Action UK": ("FFA UK", "Fraud: Financial Fraud Action UK"),
    "UK Finance": ("UK Finance", "Fraud: UK Finance"),
}

# Offences a year, in thousands, two significant figures.
FORCE_SIZE = {
    "Avon and Somerset": 140, "Bedfordshire": 47, "British Transport Police": 60, "Cambridgeshire": 66,
    "Cheshire": 87, "City of London": 5.9, "Cleveland": 57, "Cumbria": 29, "Derbyshire": 71,
    "Devon and Cornwall": 100, "Dorset": 49, "Durham": 61, "Dyfed-Powys": 26, "Essex": 130,
    "Gloucestershire": 34, "Greater Manchester": 340, "Gwent": 49, "Hampshire": 160, "Hertfordshire": 83,
    "Humberside": 87, "Kent": 180, "Lancashire": 130, "Leicestershire": 84, "Lincolnshire": 41,
    "Merseyside": 130, "Metropolitan Police": 820, "Norfolk": 56, "North Wales": 52, "North Yorkshire": 39,
    "Northamptonshire": 55, "Northumbria": 150, "Nottinghamshire": 96, "South Wales": 100,
    "South Yorkshire": 140, "Staffordshire": 84, "Suffolk": 53, "Surrey": 73, "Sussex": 110,
    "Thames Valley": 150, "Warwickshire": 41, "West Mercia": 84, "West Midlands": 230,
    "West Yorkshire": 270, "Wiltshire": 44,
}  # fmt: skip

ALL_FORCES = math.fsum(FORCE_SIZE.values())

# Until April 2017 burglary was counted under these codes instead of the ones on the right.
CODES_BEFORE_2017 = {
    "28A": "28E", "28B": "28F", "28C": "28G", "28D": "28H", "29": "29A", "30A": "30C", "30B": "30D", "31": "31A",
}  # fmt: skip

PARTNERSHIPS = {
    "Bedfordshire": ("Bedford", "Central Bedfordshire", "Luton"),
    "Cleveland": ("Hartlepool", "Middlesbrough", "Redcar and Cleveland", "Stockton-on-Tees"),
    "Dyfed-Powys": ("Carmarthenshire", "Ceredigion", "Pembrokeshire", "Powys"),
    "Greater Manchester": (
        "Bolton", "Bury", "Manchester", "Oldham", "Rochdale", "Salford", "Stockport", "Tameside", "Trafford", "Wigan",
    ),
    "Gwent": ("Blaenau Gwent", "Caerphilly", "Monmouthshire", "Newport", "Torfaen"),
    "West Midlands": ("Birmingham", "Coventry", "Dudley", "Sandwell", "Solihull", "Walsall", "Wolverhampton"),
}  # fmt: skip
PARTNERSHIP_YEAR = 2021
PARTNERSHIP_OFFENCES = ("106", "10D", "34B", "36", "8N", "92A")


class Offence(NamedTuple):
    """A row of ``offences.csv``: an offence as the publisher words it, and about how many there are in a year."""

    code: str
    description: str
    group: str
    subgroup: str
    annual_volume: int


class CrimeCell(NamedTuple):
    """Where a count of a year stands: its quarter, its offence by the place in OFFENCES, and its force."""

    quarter: int
    offence: int
    force: str


CrimeCounts = dict[CrimeCell, int]


class Revision(NamedTuple):
    """``cell`` was lower by ``added`` in releases before ``known_from``."""

    cell: CrimeCell
    added: int
    known_from: dt.date


@dataclass(frozen=True)
class Release:
    """One published file of force-area tables."""

    file: str
    published: dt.date
    last: tuple[int, int]  # last financial year and quarter covered
    first_year: int = YEARS[0]
    sheet: str = "{}_{}"
    offence_count_from: int = 9999  # sheets from this year on say `Offence Count`
    transport_police_from: int = 2017
    relabelled: dict[str, int] = field(default_factory=dict)  # old label → first year under its new label
    note: str = ""


RELABELLED = {
    "Miscellaneous crimes": "Miscellaneous crimes against society",
    "Domestic burglary": "Residential burglary",
}
RELEASES = (
    Release("prc-pfa-mar2013-onwards-tables201718.csv.gz", dt.date(2018, 7, 19), (2017, 4), first_year=2017),
    Release(
        "prc-pfa-mar2013-onwards-tables-270122.ods",
        dt.date(2022, 1, 27),
        (2021, 2),
        sheet="{}-{}",
        offence_count_from=2019,
        relabelled={"Miscellaneous crimes": 2020, "Domestic burglary": 2020},
    ),
    Release(
        "prc-pfa-mar2013-onwards-tables-280422.xlsx",
        dt.date(2022, 4, 28),
        (2021, 3),
        first_year=2019,
        sheet="{}-{}",
        offence_count_from=2015,
        relabelled={"Miscellaneous crimes": 2020, "Domestic burglary": 2020},
        note="Sheets before 2019-20 are left out to keep the sample small.",
    ),
    Release(
        "prc-pfa-mar2013-onwards-tables-240724.ods",
        FINAL,
        (2023, 4),
        transport_police_from=2016,
        relabelled={"Miscellaneous crimes": 2015, "Domestic burglary": 2017},
    ),
)


@dataclass(frozen=True)
class PartnershipRelease:
    """One published file of community safety partnership tables."""

    file: str
    published: dt.date
    last: tuple[int, int]
    sheet: str
    force_header: str
    count_header: str
    quarter_letter: bool  # quarters spelled `Q1`, not `1`


PARTNERSHIP_RELEASES = (
    PartnershipRelease(
        file="prc-csp-mar16-dec21-tables-280422.xlsx",
        published=dt.date(2022, 4, 28),
        last=(2021, 3),
        sheet="2021-22",
        force_header="Force Name",
        count_header="Number of Offences",
        quarter_letter=False,
    ),
    PartnershipRelease(
        file="prc-csp-mar16-mar24-tables-240724.ods",
        published=FINAL,
        last=(2021, 4),
        sheet="2021_22",
        force_header="Police Force",
        count_header="Offence Count",
        quarter_letter=True,
    ),
)


def _read_offences() -> list[Offence]:
    with (Path(__file__).parent / "offences.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))[1:]
    return [Offence(code, words, group, subgroup, int(volume)) for code, words, group, subgroup, volume in rows]


OFFENCES = _read_offences()
FORCES = [
    row["name"] for row in members.read_rows("forces.csv") if row["kind"] in ("territorial force", "special force")
]
# Places in OFFENCES, by code the first one of it.
OFFENCE_OF_CODE = {offence.code: place for place, offence in reversed(list(enumerate(OFFENCES)))}
HOMICIDES = [place for place, offence in enumerate(OFFENCES) if offence.description == "Homicide"]
SLAVERY, TRAFFICKING = OFFENCE_OF_CODE["106"], OFFENCE_OF_CODE["72"]
FIXED_OFFENCES = {*HOMICIDES, SLAVERY, TRAFFICKING}  # whose totals are set, not grown from a volume


def label_year(year: int) -> str:
    """Return the label of the financial year that begins in ``year``: of 2021 it is ``2021/22``."""
    return period_label("financial_year", dt.date(year, 4, 1))


def start_quarter(year: int, quarter: int) -> dt.date:
    """Return the first day of a quarter of the financial year that begins in ``year``."""
    return shift_months(dt.date(year, 4, 1), 3 * (quarter - 1))


def spell_force(force: str, year: int) -> str:
    """Return a force as the publisher spells it in the tables for ``year``."""
    if force == "City of London":
        return "London, City of"
    if force == "Devon and Cornwall" and year >= 2018:
        return "Devon and Cornwall " if year == 2018 else "Devon & Cornwall"
    if force == "Hampshire" and year >= 2022:
        return "Hampshire and Isle of Wight"
    if force == "Metropolitan Police" and year == 2022:
        return "Metropolitan Police[Note 6]"
    return force


def count_crimes(year: int, published: dt.date) -> CrimeCounts:
    """Return all counts of ``year`` as a release of that date gives them.

    Greater Manchester's quarters that were not provided have no cell.
    """
    final, revisions = _make_final_counts(year)
    counts = dict(final)
    for cell, added, known_from in revisions:
        if published < known_from:
            counts[cell] -= added
    return counts


def write(raw: Path) -> None:
    """Write every force-area and partnership release, each with its sidecar."""
    folder = raw / "recorded_crime"
    for release in RELEASES:
        _write_release(folder / release.file, release)
    for partnership_release in PARTNERSHIP_RELEASES:
        _write_partnerships(folder / partnership_release.file, partnership_release)


def make_cover_sheet(title: str, published: dt.date, contents: Sequence[str]) -> Rows:
    """Return a cover sheet of the Home Office's open data, which lists the sheets of ``contents``."""
    return [
        [title],
        ["Publisher: Home Office"],
        [f"Published: {tell_day(published)}"],
        ["Coverage: England and Wales"],
        [SYNTHETIC],
        [],
        ["Sheets in this workbook"],
        *([name] for name in contents),
    ]


def _scatter(expected: float, rng: Random) -> float:
    """Return ``expected`` with about the scatter of a count."""
    return max(0.0, expected + math.sqrt(expected) * (rng.random() + rng.random() + rng.random() - 1.5) * 2)


# --- the figures ---


@cache
def _draw_affinity(offence: int, force: str) -> float:
    """Return how much more or less than its share a force has of an offence."""
    spread = 0.6 if offence == SLAVERY else 0.35
    rng = Random(f"recorded_crime:affinity:{OFFENCES[offence].code}:{force}")
    return 1 - spread + 2 * spread * rng.random()


@cache
def _make_final_counts(year: int) -> tuple[CrimeCounts, list[Revision]]:
    """Return the final counts of the year, and how earlier releases differed from them.

    All steps draw from one generator of random numbers: in another order, or with a step more, every figure would be
    another one and every file of the sample would change.
    """
    rng = Random(f"recorded_crime:{year}")
    counts = _draw_counts(year, rng)
    counts |= _draw_homicides(year, rng)
    counts |= _set_trafficking(year)
    counts |= _draw_slavery(year, rng)
    counts = _leave_out_not_provided(counts, year)
    free = [cell for cell in counts if cell.offence not in FIXED_OFFENCES and cell.force != "British Transport Police"]
    counts |= _draw_negatives(free, rng)
    revisions = _draw_revisions(counts, [cell for cell in free if counts[cell] >= LARGE_ENOUGH], year, rng)
    if year == 2017:
        counts |= _settle_all_offences_of_2017(counts, free, revisions)
    if year in DERBYSHIRE_ALL_OFFENCES:
        counts |= _settle_derbyshire(counts, free, year)
    return counts, revisions


def _draw_counts(year: int, rng: Random) -> CrimeCounts:
    return {
        CrimeCell(quarter, offence, force): int(
            _scatter(_expect_count(year, quarter, offence, force), rng) + rng.random()
        )
        for quarter in QUARTERS
        for offence in range(len(OFFENCES))
        for force in FORCES
    }


def _expect_count(year: int, quarter: int, offence: int, force: str) -> float:
    share = FORCE_SIZE[force] / ALL_FORCES * _draw_affinity(offence, force)
    return _find_volume(year, OFFENCES[offence]) / 4 * ANNUAL_INDEX[year] * LOCKDOWN.get((year, quarter), 1) * share


def _find_volume(year: int, offence: Offence) -> int:
    """Return about how many offences there are in a year: none under a code that was not yet, or no longer, in use."""
    if year >= 2017:
        return offence.annual_volume
    if successor := CODES_BEFORE_2017.get(offence.code):
        return OFFENCES[OFFENCE_OF_CODE[successor]].annual_volume
    return 0 if offence.code in CODES_BEFORE_2017.values() else offence.annual_volume


def _draw_homicides(year: int, rng: Random) -> CrimeCounts:
    counts: CrimeCounts = {}
    for offence, total in zip(HOMICIDES, _total_homicides(year), strict=True):
        cells = [CrimeCell(quarter, offence, force) for quarter in QUARTERS for force in FORCES]
        weights = [_scatter(total / 4 * FORCE_SIZE[cell.force] / ALL_FORCES, rng) for cell in cells]
        counts |= zip(cells, allocate(total, weights), strict=True)
    return counts


def _total_homicides(year: int) -> list[int]:
    """Return the national totals of the year's four rows of homicides."""
    first, others = HOMICIDE_2017 if year == 2017 else (8, round(700 * ANNUAL_INDEX[year]))
    return [first, *allocate(others, [OFFENCES[offence].annual_volume for offence in HOMICIDES[1:]])]


def _set_trafficking(year: int) -> CrimeCounts:
    return {
        CrimeCell(quarter, TRAFFICKING, force): int(year == 2017 and (quarter, force) in TRAFFICKING_2017)
        for quarter in QUARTERS
        for force in FORCES
    }


def _draw_slavery(year: int, rng: Random) -> CrimeCounts:
    """Return modern slavery by force, which sums to the totals of the quarters."""
    manchester = SLAVERY_GREATER_MANCHESTER.get(year)
    forces = [force for force in FORCES if force != "Greater Manchester" or manchester is None]
    if year < 2017:  # tables of these years come with and without the British Transport Police
        forces.remove("British Transport Police")
    counts: CrimeCounts = {}
    for quarter, total in zip(QUARTERS, _total_slavery(year), strict=True):
        for force in FORCES:
            counts[CrimeCell(quarter, SLAVERY, force)] = manchester[quarter - 1] if manchester else 0
        sizes = [FORCE_SIZE[force] * _draw_affinity(SLAVERY, force) for force in forces]
        if "British Transport Police" in forces:  # 5 of the 3,393 in the real 2017/18 sheet
            sizes[forces.index("British Transport Police")] /= 20
        weights = [_scatter(size * total / math.fsum(sizes), rng) for size in sizes]
        for force, count in zip(forces, allocate(total, weights), strict=True):
            counts[CrimeCell(quarter, SLAVERY, force)] = count
    return counts


def _total_slavery(year: int) -> list[int]:
    """Return modern slavery by quarter, without Greater Manchester where that is known by itself."""
    if year == 2017:
        pairs = zip(SLAVERY_2017_AS_FIRST_PUBLISHED, SLAVERY_2017_ADDED_LATER, strict=True)
        return [first + added for first, added in pairs]
    total = SLAVERY_OTHER_FORCES.get(year) or SLAVERY_SYNTHETIC[year]
    return allocate(total, [LOCKDOWN.get((year, quarter), 1) * (1 + quarter / 25) for quarter in QUARTERS])


def _leave_out_not_provided(counts: CrimeCounts, year: int) -> CrimeCounts:
    return {cell: count for cell, count in counts.items() if not is_not_provided(year, cell.quarter, cell.force)}


def is_not_provided(year: int, quarter: int, force: str) -> bool:
    """Return whether a force did not provide the data of a quarter."""
    missing_force, missing_year, missing_quarters = NOT_PROVIDED
    return (force, year) == (missing_force, missing_year) and quarter in missing_quarters


def _draw_negatives(free: Sequence[CrimeCell], rng: Random) -> CrimeCounts:
    """Return counts below zero for some of the cells that are not fixed, of offences that are rare."""
    rare = [cell for cell in free if OFFENCES[cell.offence].annual_volume < 2_000]
    return dict(zip(rng.sample(rare, len(NEGATIVES)), NEGATIVES, strict=True))


def _draw_revisions(counts: CrimeCounts, candidates: Sequence[CrimeCell], year: int, rng: Random) -> list[Revision]:
    """Return how earlier releases differed: in some of ``candidates``, and in modern slavery."""
    start = dt.date(year, 10, 1)
    span = (dt.date(2024, 7, 1) - start).days

    def draw_day() -> dt.date:
        return start + dt.timedelta(days=rng.randrange(span))

    revisions = []
    for cell in rng.sample(candidates, REVISED_CELLS):
        added = max(1, round(counts[cell] * rng.random() * 0.02))
        revisions.append(Revision(cell, added if rng.random() < 0.65 else -added, draw_day()))

    additions = SLAVERY_2017_ADDED_LATER if year == 2017 else SLAVERY_SYNTHETIC_ADDED_LATER.get(year, (0, 0, 0, 0))
    for quarter, added_later in zip(QUARTERS, additions, strict=True):
        large = [CrimeCell(quarter, SLAVERY, force) for force in FORCES if force != "Greater Manchester"]
        large = [cell for cell in large if counts[cell] >= 10]
        day = dt.date(2019, 7, 18) if year == 2017 else dt.date(2023, 1, 26)
        revisions += [Revision(rng.choice(large), 1, day) for _ in range(added_later)]
        if len(large) >= 2:  # records moved between forces leave the published national total as it is
            for _ in range(3):
                gains, loses = rng.sample(large, 2)
                moved, day = rng.randint(1, 2), draw_day()
                revisions += [Revision(gains, moved, day), Revision(loses, -moved, day)]
    return revisions


def _settle_all_offences_of_2017(
    counts: CrimeCounts, free: Sequence[CrimeCell], revisions: Sequence[Revision]
) -> CrimeCounts:
    """Return the cells that make the first release of 2017/18 sum to what was published, fraud included."""
    fraud = sum(_draw_fraud(2017).values())
    pending = sum(revision.added for revision in revisions if revision.known_from > RELEASES[0].published)
    missing = ALL_OFFENCES_2017_AS_FIRST_PUBLISHED - fraud + pending - sum(counts.values())
    return _spread_missing(counts, free, missing)


def _settle_derbyshire(counts: CrimeCounts, free: Sequence[CrimeCell], year: int) -> CrimeCounts:
    """Return the cells that make all offences of Derbyshire sum to what was published."""
    total = sum(count for cell, count in counts.items() if cell.force == "Derbyshire")
    own = [cell for cell in free if cell.force == "Derbyshire"]
    return _spread_missing(counts, own, DERBYSHIRE_ALL_OFFENCES[year] - total)


def _spread_missing(counts: CrimeCounts, cells: Sequence[CrimeCell], missing: int) -> CrimeCounts:
    """Return the larger of ``cells`` with ``missing`` spread over them in proportion."""
    large = [cell for cell in cells if counts[cell] >= LARGE_ENOUGH]
    parts = allocate(abs(missing), [counts[cell] for cell in large])
    return {cell: counts[cell] + (part if missing > 0 else -part) for cell, part in zip(large, parts, strict=True)}


@cache
def _draw_fraud(year: int) -> dict[tuple[int, str], int]:
    """Return the fraud that each body recorded, by quarter and body."""
    rng = Random(f"recorded_crime:fraud:{year}")
    counts = {}
    for quarter in QUARTERS:
        for body, volume in FRAUD_A_QUARTER.items():
            renamed = body == "UK Finance" and (year, quarter) < (2017, 2)
            name = "Financial Fraud Action UK" if renamed else body
            counts[quarter, name] = round(volume * (0.9 + 0.2 * rng.random()))
    return counts


# --- the files ---


def _write_release(path: Path, release: Release) -> None:
    last_year, last_quarter = release.last
    title = "Police recorded crime open data Police Force Area tables, "
    if path.suffix == ".gz":
        title += f"year ending March {last_year + 1}"
        padded = [[*row[:-1], _pad_count(row[-1])] for row in _make_rows(release, last_year)]
        write_csv(path, [_make_header(release, last_year), *padded])
    else:
        title += f"year ending March {release.first_year + 1} onwards"
        years = range(release.first_year, last_year + 1)
        tables = {release.sheet.format(year, f"{(year + 1) % 100:02d}"): year for year in years}
        sheets: dict[str, Rows] = {
            "Cover_sheet": make_cover_sheet(title, release.published, list(tables)),
            "Notes_": _NOTES,
        }
        for sheet, year in tables.items():
            sheets[sheet] = [_make_header(release, year), *_make_rows(release, year)]
        write_workbook(path, sheets)
    reference_period = period_label("quarter", start_quarter(last_year, last_quarter))
    write_sidecar(path, title, release.published, reference_period, note=release.note)


OFFENCE_HEADERS = ("Offence Description", "Offence Group", "Offence Subgroup", "Offence Code")
MANCHESTER_NOTE = "Greater Manchester did not provide data for July 2019 to March 2020."
_NOTES: Rows = [
    ["Note number", "Note text"],
    ["Note 1", "Counts are offences recorded in the quarter less records cancelled in it, so some are negative."],
    ["Note 2", "Quarter 1 is April to June. Figures are revised in later releases."],
    ["Note 3", MANCHESTER_NOTE],
    ["Note 4", "British Transport Police is not included in every year."],
    ["Note 5", "UK Finance replaced Financial Fraud Action UK from July 2017."],
    ["Note 6", "Metropolitan Police figures for the year ending March 2023 were resupplied."],
]


def _make_header(release: Release, year: int) -> Row:
    count = "Offence Count" if year >= release.offence_count_from else "Number of Offences"
    return ["Financial Year", "Financial Quarter", "Force Name", *OFFENCE_HEADERS, count]


def _make_rows(release: Release, year: int) -> Iterator[Row]:
    """Yield the dense grid of a year: every quarter, force and offence, and the fraud bodies, by name."""
    counts, fraud = count_crimes(year, release.published), _draw_fraud(year)
    labels = [_label_offence(release, year, offence) for offence in OFFENCES]
    last_quarter = release.last[1] if year == release.last[0] else 4
    for quarter in range(1, last_quarter + 1):
        forces = {spell_force(force, year): force for force in FORCES if CrimeCell(quarter, 0, force) in counts}
        if year < release.transport_police_from:
            del forces["British Transport Police"]
        bodies = {_spell_fraud(body, year): body for at, body in fraud if at == quarter}
        for name in sorted([*forces, *bodies], key=str.lower):
            start: Row = [label_year(year), quarter, name]
            if body := bodies.get(name):
                code, subgroup = FRAUD_BODIES[body]
                words = [f"Fraud offences recorded by {name}", "Fraud offences", _spell_fraud(subgroup, year), code]
                yield [*start, *words, fraud[quarter, body]]
                continue
            for offence, label in enumerate(labels):
                yield [*start, *label, counts[CrimeCell(quarter, offence, forces[name])]]


def _label_offence(release: Release, year: int, offence: Offence) -> Row:
    def relabel(label: str) -> str:
        return RELABELLED[label] if year >= release.relabelled.get(label, 9999) else label

    return [offence.description, relabel(offence.group), relabel(offence.subgroup), offence.code]


def _spell_fraud(text: str, year: int) -> str:
    return text.replace("CIFAS", "Cifas") if year >= 2022 else text


def _pad_count(count: Cell) -> str:
    """Return a count as the real CSV pads it, zero as ``-00``."""
    if count == 0:
        return "-00 "
    return f" {count} " if isinstance(count, int) and count > 0 else f"{count} "


def _write_partnerships(path: Path, release: PartnershipRelease) -> None:
    title = "Police recorded crime Community Safety Partnership open data, year ending March 2022"
    header: list[Cell] = ["Financial Year", "Financial Quarter", release.force_header, "CSP Name", *OFFENCE_HEADERS]
    header.append(release.count_header)
    sheets: dict[str, Rows] = {
        "Cover_sheet": make_cover_sheet(title, release.published, [release.sheet]),
        "Notes": _NOTES[:3],
        release.sheet: [header, *_make_partnership_rows(release)],
    }
    write_workbook(path, sheets)
    note = "Six forces and six offence codes only."
    reference_period = period_label("quarter", start_quarter(*release.last))
    write_sidecar(path, title, release.published, reference_period, note=note)


def _make_partnership_rows(release: PartnershipRelease) -> Iterator[Row]:
    """Yield partnership counts that sum to the force-area figure of a release of the same date."""
    counts = count_crimes(PARTNERSHIP_YEAR, release.published)
    for quarter in range(1, release.last[1] + 1):
        for force, partnerships in PARTNERSHIPS.items():
            for code in PARTNERSHIP_OFFENCES:
                offence = OFFENCES[OFFENCE_OF_CODE[code]]
                rng = Random(f"partnerships:{quarter}:{force}:{code}")
                weights = [*(0.5 + rng.random() for _ in partnerships), 0.05]
                parts = allocate(counts[CrimeCell(quarter, OFFENCE_OF_CODE[code], force)], weights)
                start = [label_year(PARTNERSHIP_YEAR), f"Q{quarter}" if release.quarter_letter else quarter, force]
                words = [offence.description, offence.group, offence.subgroup, offence.code]
                for name, part in zip([*partnerships, f"Unassigned {force}"], parts, strict=True):
                    yield [*start, name, *words, part]
