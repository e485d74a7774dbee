"""Irregular migration detailed datasets (later: illegal entry routes), as XLSX workbooks.

Quarterly totals by method of entry are those of the published datasets; nationality, region, sex, age, asylum
outcomes and everything after 2023 but small boats are synthetic.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import NamedTuple

from msoic_pipeline.wording import tell_day
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Cell, Row, write_sidecar, write_xlsx


class Option(NamedTuple):
    """Labels that a record can have, and the weight with which they occur."""

    labels: tuple[str, ...]
    weight: float


AIR, PORT, INSIDE, BOAT = METHODS = (
    "Inadequately documented air arrivals",
    "Recorded detections at UK ports",
    "Recorded detections in the UK",
    "Small boat arrivals",
)
FIRST_YEAR = 2018
# From its first quarter on. To 2023 Q4: dataset of the year ending December 2023. Small boats after that: the weekly
# series, which gives 36,816 in 2024 and 41,472 in 2025 as published. The other methods after 2023 are invented.
DETECTIONS = {
    AIR: (
        (960, 1015, 1289, 1505), (1176, 1024, 1501, 1536), (1127, 33, 476, 692), (232, 256, 853, 1220),
        (1057, 1218, 1304, 1551), (1116, 833, 848, 1025), (862, 901, 934, 905), (811, 846, 902, 877),
    ),
    PORT: (
        (187, 242, 254, 369), (285, 171, 260, 246), (250, 107, 175, 309), (183, 169, 168, 145),
        (79, 68, 60, 103), (57, 56, 95, 120), (78, 71, 80, 83), (69, 74, 77, 81),
    ),
    INSIDE: (
        (1467, 1525, 1996, 2269), (2078, 1805, 2137, 2219), (1578, 791, 1146, 1950), (973, 1048, 1498, 1542),
        (1182, 667, 764, 875), (765, 586, 640, 1126), (702, 741, 795, 762), (694, 718, 777, 751),
    ),
    BOAT: (
        (7, 4, 17, 271), (199, 393, 747, 504), (465, 2028, 4529, 1444), (1363, 4554, 11167, 11442),
        (4548, 8199, 20301, 12726), (3793, 7640, 13397, 4607), (5435, 8054, 11755, 11572), (6642, 13340, 14105, 7385),
    ),
}  # fmt: skip
# 2022 as first published, in the dataset of the year ending December 2022: 4,569, 310, 3,456 and 45,755 in all.
FIRST_2022 = {AIR: (1055, 1218, 1299, 997), INSIDE: (1173, 663, 756, 864), BOAT: (4548, 8199, 20282, 12726)}
# Small boat arrivals in the tables of asylum applications and NRM referrals, and of those the asylum applications and
# the NRM referrals raised, 2018 Q1 to 2023 Q1: dataset of the year ending September 2023. Later ones are invented.
ARRIVALS = (
    7, 4, 17, 271, 199, 393, 749, 504, 465, 2028, 4527, 1442, 1363, 4542, 10966, 11415, 4532, 8108, 20301, 12633, 3760,
)  # fmt: skip
ASYLUM_RAISED = (
    6, 4, 15, 266, 198, 390, 734, 500, 460, 2009, 4446, 1422, 1346, 4440, 9575, 10283, 4452, 7922, 17419, 11401, 3708,
)  # fmt: skip
NRM_RAISED = (
    3, 0, 5, 4, 7, 33, 83, 39, 26, 264, 767, 180, 169, 637, 924, 686, 457, 1169, 1690, 447, 162,
)  # fmt: skip


@dataclass(frozen=True)
class Release:
    """One published workbook: what it covers, and how it words things."""

    year: int
    published: dt.date
    next_update: dt.date
    code: str = "Irr"
    data_prefix: str = "Data - "
    ages: tuple[str, ...] = ("17 and under", "18 to 24", "25 to 39", "40 and over")
    south_sudan: str = "South Sudan"
    name: str = "irregular-migration-to-the-UK-detailed-dataset-year-ending-december-{}.xlsx"
    subject: str = "Irregular migration"
    detections: str = "Detected attempts to enter the UK irregularly"

    @property
    def title(self) -> str:
        return f"{self.subject} statistics, year ending December {self.year}"


EARLY_AGES = ("Under 18", "18-24", "25-39", "40+")
RELEASES = (
    Release(2021, dt.date(2022, 2, 24), dt.date(2022, 5, 26), ages=EARLY_AGES, south_sudan="Sudan (South)"),
    Release(2022, dt.date(2023, 2, 23), dt.date(2023, 5, 25), ages=EARLY_AGES, south_sudan="Sudan (South)"),
    Release(2023, dt.date(2024, 2, 29), dt.date(2024, 5, 23)),
    Release(2024, dt.date(2025, 2, 27), dt.date(2025, 5, 22), data_prefix="Data_"),
    Release(
        2025,
        dt.date(2026, 2, 26),
        dt.date(2026, 5, 21),
        code="IER",
        data_prefix="Data_",
        name="illegal-entry-routes-to-the-uk-dataset-dec-{}.xlsx",
        subject="Illegal entry routes to the UK",
        detections="Detected arrivals to the UK via illegal entry routes",
    ),
)

REGIONS = {
    "Afghanistan": "Asia Central",
    "Albania": "Europe Other",
    "Eritrea": "Africa Sub-Saharan",
    "Ethiopia": "Africa Sub-Saharan",
    "Gambia, The": "Africa Sub-Saharan",
    "Georgia": "Europe Other",
    "India": "Asia South",
    "Iran": "Middle East",
    "Iraq": "Middle East",
    "Other and unknown": "Other",
    "South Sudan": "Africa Sub-Saharan",
    "Stateless": "Other",
    "Sudan": "Africa North",
    "Syria": "Middle East",
    "Turkey": "Europe Other",
    "Vietnam": "Asia South East",
}
NATIONALITIES = {
    AIR: {"Iran": 30, "Albania": 14, "Georgia": 9, "India": 7, "Turkey": 5, "Other and unknown": 12, "Gambia, The": 1},
    PORT: {"Albania": 32, "Eritrea": 12, "Sudan": 11, "Iraq": 8, "Afghanistan": 9, "Other and unknown": 10},
    INSIDE: {"Iraq": 26, "Iran": 18, "Eritrea": 18, "Sudan": 14, "Afghanistan": 6, "South Sudan": 1, "Ethiopia": 3},
    BOAT: {"Afghanistan": 17, "Iran": 17, "Iraq": 12, "Albania": 12, "Eritrea": 9, "Syria": 9, "Vietnam": 5,
           "Other and unknown": 6, "Stateless": 1, "South Sudan": 1},
}  # fmt: skip
REFERRED = {"Albania": 29, "Sudan": 14, "Eritrea": 12, "Iran": 10, "Vietnam": 10}
SEX_AND_AGE: tuple[tuple[str, int, float], ...] = (
    ("Male", 0, 12), ("Male", 1, 30), ("Male", 2, 33), ("Male", 3, 7),
    ("Female", 0, 4), ("Female", 1, 4), ("Female", 2, 7), ("Female", 3, 2),
)  # fmt: skip
# Applicant type, unaccompanied child or not, sex, age.
APPLICANTS: tuple[tuple[str, str, str, int, float], ...] = (
    ("Main applicant", "Non-UASC", "Male", 2, 38), ("Main applicant", "Non-UASC", "Male", 1, 30),
    ("Main applicant", "Non-UASC", "Male", 3, 6), ("Main applicant", "Non-UASC", "Female", 2, 6),
    ("Main applicant", "UASC", "Male", 0, 9), ("Dependant", "Non-UASC", "Male", 0, 5),
    ("Dependant", "Non-UASC", "Female", 0, 4), ("Dependant", "Non-UASC", "Female", 2, 3),
)  # fmt: skip
ASYLUM_OUTCOMES = (
    ("Awaiting initial decision", "Awaiting initial decision", 62),
    ("Refugee Permission", "Grant of Protection", 17),
    ("Non-substantiated withdrawal", "Withdrawn", 9),
    ("3rd Country Refusal", "Refused", 7),
    ("Other Refusals", "Refused", 5),
)
# Share of referrals: a person stands in several of these, as in the published table.
NRM_OUTCOMES = (
    ("Positive", "Reasonable grounds decision", 0.71),
    ("Negative", "Reasonable grounds decision", 0.17),
    ("Positive", "Conclusive grounds decision", 0.11),
    ("Negative", "Conclusive grounds decision", 0.03),
    ("Withdrawn/Closed", "Withdrawn/Closed", 0.06),
    ("Awaiting a conclusive grounds decision", "Awaiting a decision", 0.54),
    ("Awaiting a reasonable grounds decision", "Awaiting a decision", 0.12),
    ("Awaiting reconsideration", "Awaiting a decision", 0.01),
)
NOT_RECORDED = "Not currently recorded"
PERIOD = ("Year", "Quarter")
PLACE = ("Nationality", "Region")
PERSON = ("Sex", "Age Group")


@dataclass(frozen=True)
class Dataset:
    """One of the datasets of a release: its columns beside the period, its rows, and by which its pivot groups them."""

    number: str
    title: str
    columns: tuple[str, ...]
    grouped_by: tuple[str, ...]
    rows: list[Row]

    @property
    def header(self) -> tuple[str, ...]:
        """The headers of its sheet."""
        return (*PERIOD, *self.columns)


@dataclass(frozen=True)
class Quarter:
    """A quarter that a release covers; ``position`` is its place in the year, from 0."""

    year: int
    position: int
    quarters_before_end: int

    @property
    def label(self) -> str:
        """What it is called in the datasets."""
        return f"{self.year} Q{self.position + 1}"


def _list_quarters(release: Release) -> list[Quarter]:
    return [
        Quarter(year, position, (release.year - year) * 4 + 3 - position)
        for year in range(FIRST_YEAR, release.year + 1)
        for position in range(4)
    ]


# --- Whom the figures are of ---


def _spread(key: str, total: int, options: Sequence[Option]) -> list[tuple[tuple[str, ...], int]]:
    """Share a total out over options, the same way for the same key; options that get nobody are left out."""
    rng = random.Random(f"irregular_migration:{key}")
    counts = allocate(total, [option.weight * rng.uniform(0.5, 1.5) for option in options])
    return [(option.labels, count) for option, count in zip(options, counts, strict=True) if count]


def _choose_places(release: Release, key: str, weights: dict[str, int]) -> list[Option]:
    """Return the three commonest nationalities and another, the same ones for the same key."""
    other = random.Random(f"irregular_migration:{key}").choice(list(weights)[3:])
    options: list[Option] = []
    for name in (*list(weights)[:3], other):
        label = release.south_sudan if name == "South Sudan" else name
        options.append(Option((label, REGIONS[name]), weights[name]))
    return options


def _list_persons(release: Release) -> list[Option]:
    """Return sexes and ages, those that are not known at the end."""
    known = [Option((sex, release.ages[age]), weight) for sex, age, weight in SEX_AND_AGE]
    return [*known, Option(("Unknown", "Unknown"), 0.3)]


def _list_applicants(release: Release) -> list[Option]:
    return [Option((kind, uasc, sex, release.ages[age]), weight) for kind, uasc, sex, age, weight in APPLICANTS]


def _cross(*parts: Sequence[Option]) -> list[Option]:
    """Return each combination of an option of every part: its labels one after another, its weight their product."""
    crossed: list[Option] = []
    for combination in product(*parts):
        labels: tuple[str, ...] = ()
        weight = 1.0
        for option in combination:
            labels += option.labels
            weight *= option.weight
        crossed.append(Option(labels, weight))
    return crossed


# --- The rows of each dataset ---


def _make_detection_rows(release: Release) -> list[Row]:
    rows: list[Row] = []
    for quarter in _list_quarters(release):
        for method in METHODS:
            total = DETECTIONS[method][quarter.year - FIRST_YEAR][quarter.position]
            if quarter.year == release.year == 2022 and method in FIRST_2022:
                total = FIRST_2022[method][quarter.position]
            is_new = quarter.quarters_before_end < 2
            unrecorded = total // 40 if method == BOAT and is_new else 0
            key = f"{quarter.label}:{method}"
            options = _cross(_choose_places(release, key, NATIONALITIES[method]), _list_persons(release))
            found = _spread(key, total - unrecorded, options)
            if unrecorded:
                found.append(((NOT_RECORDED,) * 4, unrecorded))
            rows += [[quarter.year, quarter.label, method, *labels, count] for labels, count in sorted(found)]
    return rows


class SmallBoats(NamedTuple):
    """Arrivals by small boat of a quarter, and how many of them applied for asylum and were referred to the NRM."""

    arrivals: int
    asylum_raised: int
    nrm_raised: int


def _count_small_boats(quarter: Quarter) -> SmallBoats:
    """Return what came of the arrivals of a quarter; of a new one referrals are still coming in."""
    place = (quarter.year - FIRST_YEAR) * 4 + quarter.position
    if place < len(ARRIVALS):
        arrivals, asylum, referred = ARRIVALS[place], ASYLUM_RAISED[place], NRM_RAISED[place]
    else:
        arrivals = DETECTIONS[BOAT][quarter.year - FIRST_YEAR][quarter.position]
        arrivals -= arrivals // 150
        asylum, referred = arrivals - arrivals // 30, arrivals // 14
    return SmallBoats(arrivals, asylum, referred * min(10, 5 + quarter.quarters_before_end) // 10)


def _make_asylum_application_rows(release: Release) -> list[Row]:
    rows: list[Row] = []
    none = [Option(("N/A - No asylum application", "Non-UASC", "Male", age), 1.0) for age in release.ages[1:3]]
    for quarter in _list_quarters(release):
        boats = _count_small_boats(quarter)
        for application, total, options in (
            ("Asylum application raised", boats.asylum_raised, _list_applicants(release)),
            ("No asylum application raised", boats.arrivals - boats.asylum_raised, none),
        ):
            places = _choose_places(release, f"{quarter.label}:{BOAT}", NATIONALITIES[BOAT])
            found = _spread(f"{quarter.label}:{application}", total, _cross(places, options))
            rows += [[quarter.year, quarter.label, application, *labels, count] for labels, count in sorted(found)]
    return rows


def _make_asylum_decision_rows(release: Release) -> list[Row]:
    rows: list[Row] = []
    outcomes = [Option((outcome, group), float(weight)) for outcome, group, weight in ASYLUM_OUTCOMES]
    for quarter in _list_quarters(release):
        places = _choose_places(release, f"{quarter.label}:{BOAT}", NATIONALITIES[BOAT])[:2]
        options = _cross(places, outcomes, _list_applicants(release)[:6])
        found = _spread(f"{quarter.label}:decisions", _count_small_boats(quarter).asylum_raised, options)
        rows += [[quarter.year, quarter.label, *labels, count] for labels, count in sorted(found)]
    return rows


def _make_nrm_referral_rows(release: Release) -> list[Row]:
    rows: list[Row] = []
    for quarter in _list_quarters(release):
        boats = _count_small_boats(quarter)
        for referral, total, weights in (
            ("No NRM referral raised", boats.arrivals - boats.nrm_raised, NATIONALITIES[BOAT]),
            ("NRM referral raised", boats.nrm_raised, REFERRED),
        ):
            places = _choose_places(release, f"{quarter.label}:{BOAT}", weights)
            found = _spread(f"{quarter.label}:{referral}", total, _cross(places, _list_persons(release)[:8]))
            rows += [[quarter.year, quarter.label, referral, *labels, count] for labels, count in sorted(found)]
    return rows


def _make_nrm_outcome_rows(release: Release) -> list[Row]:
    rows: list[Row] = []
    for quarter in _list_quarters(release):
        raised = _count_small_boats(quarter).nrm_raised
        places = _choose_places(release, f"{quarter.label}:{BOAT}", REFERRED)[:3]
        options = _cross(places, _list_persons(release)[:3])
        for outcome, group, share in NRM_OUTCOMES:
            found = _spread(f"{quarter.label}:{outcome}:{group}", round(raised * share), options)
            rows += [[quarter.year, quarter.label, *labels, outcome, group, count] for labels, count in sorted(found)]
    return rows


# --- The sheets ---


def _make_datasets(release: Release) -> tuple[Dataset, ...]:
    applicant = ("Applicant type", "UASC")
    asylum_outcome = ("Asylum Case Outcome", "Asylum Case Outcome Group")
    return (
        Dataset(
            number="D01",
            title=release.detections,
            columns=("Method of entry", *PLACE, *PERSON, "Number of detections"),
            grouped_by=("Method of entry",),
            rows=_make_detection_rows(release),
        ),
        Dataset(
            number="D02",
            title="Asylum applications from small boat arrivals",
            columns=("Asylum application", *PLACE, *applicant, *PERSON, "Applications"),
            grouped_by=("Asylum application",),
            rows=_make_asylum_application_rows(release),
        ),
        Dataset(
            number="D03",
            title="Initial decisions on asylum applications from small boat arrivals",
            columns=(*PLACE, *asylum_outcome, *applicant, *PERSON, "Decisions"),
            grouped_by=("Asylum Case Outcome Group", "Asylum Case Outcome"),
            rows=_make_asylum_decision_rows(release),
        ),
        Dataset(
            number="D04",
            title="NRM referrals from small boat arrivals",
            columns=("NRM referral", *PLACE, *PERSON, "Referrals"),
            grouped_by=("NRM referral",),
            rows=_make_nrm_referral_rows(release),
        ),
        Dataset(
            number="D05",
            title="Outcomes of NRM referrals from small boat arrivals",
            columns=(*PLACE, *PERSON, "NRM Case Outcome", "NRM Case Outcome Group", "Referrals"),
            grouped_by=("NRM Case Outcome Group", "NRM Case Outcome"),
            rows=_make_nrm_outcome_rows(release),
        ),
    )


def _make_sheets(release: Release) -> dict[str, list[Row]]:
    """Return all sheets of a release: what stands in front, and of each dataset its pivot and its rows."""
    datasets = _make_datasets(release)
    sheets = {
        "Cover_sheet": _make_cover(release),
        "Contents": _make_contents(release, datasets),
        "Notes": _make_notes(release),
        "List of Fields": _make_list_of_fields(datasets),
    }
    for dataset in datasets:
        pivot_name, data_name = _name_sheets(release, dataset)
        sheets[pivot_name] = _make_pivot(release, dataset)
        title: Row = [f"{dataset.title}, {FIRST_YEAR} to {release.year} Q4 - dataset"]
        sheets[data_name] = [title, [*dataset.header], *dataset.rows, ["End of table"]]
    return sheets


def _name_sheets(release: Release, dataset: Dataset) -> tuple[str, str]:
    """Return what the sheets of a dataset's pivot and of its rows are called."""
    name = f"{release.code}_{dataset.number}"
    return name, f"{release.data_prefix}{name}"


def _make_pivot(release: Release, dataset: Dataset) -> list[Row]:
    """Return what the publisher's pivot table shows: the last eight quarters, by group and, if any, by detail."""
    columns = [dataset.header.index(name) for name in dataset.grouped_by]
    quarters = sorted({str(row[1]) for row in dataset.rows})[-8:]
    sums: Counter[tuple[Cell, ...]] = Counter()
    for row in dataset.rows:
        group = tuple(row[column] for column in columns)
        for depth in range(len(group) + 1):
            sums[(row[1], *group[:depth])] += int(str(row[-1]))
    title = f"{dataset.title}, {FIRST_YEAR} Q1 to {release.year} Q4 - pivot table"
    filters: list[Row] = [[name, "(All)"] for name in ("Year", *PLACE, *PERSON)]
    shown: list[Row] = [[title], [], *filters, [], [f"Sum of {dataset.header[-1]}", "Column Labels"]]
    shown.append(["Row Labels", *quarters])
    groups = {key[1:] for key in sums if len(key) > 1}
    for group in sorted(groups, key=lambda group: [str(label) for label in group]):
        shown.append([group[-1], *(sums[(quarter, *group)] for quarter in quarters)])
    shown.append(["Grand Total", *(sums[(quarter,)] for quarter in quarters)])
    return shown


def _make_cover(release: Release) -> list[Row]:
    return [
        [],
        [f"{release.subject} statistics"],
        [f"year ending December {release.year}"],
        ["Detailed datasets"],
        [f"Published: {tell_day(release.published)}"],
        [f"Next update: {tell_day(release.next_update)}"],
        [SYNTHETIC],
    ]


def _make_contents(release: Release, datasets: Sequence[Dataset]) -> list[Row]:
    contents: list[Row] = [[release.title], ["Detailed datasets"]]
    contents.append(["Sheet", "Title", "Variables available", "Period covered", "National Statistics", "Next update"])
    for dataset in datasets:
        variables = ", ".join(dataset.columns[:-1])
        for sheet, kind in zip(_name_sheets(release, dataset), ("pivot table", "dataset"), strict=True):
            about: Row = [variables, f"{FIRST_YEAR} onwards", "No", tell_day(release.next_update)]
            contents.append([sheet, f"{dataset.title} - {kind}", *about])
    contents.append(["End of contents"])
    return contents


def _make_notes(release: Release) -> list[Row]:
    code = release.code
    return [
        ["Notes"],
        [SYNTHETIC],
        ["1. Arrivals by small boat are people detected on arrival, or in the Channel and brought to the UK."],
        [f"2. Where a breakdown is not yet available it is shown as '{NOT_RECORDED}'."],
        [f"3. In {code}_D05 a person stands in several groups, so its figures do not add up to people."],
        [f"4. Arrivals in {code}_D02 and {code}_D04 differ slightly from {code}_D01, which was taken on other dates."],
        ["End of notes"],
    ]


def _make_list_of_fields(datasets: Sequence[Dataset]) -> list[Row]:
    fields = dict.fromkeys(name for dataset in datasets for name in dataset.header)
    described: list[Row] = [[name, f"{name} of the record."] for name in fields]
    return [["Field", "Description"], *described, ["End of table"]]


def write(raw: Path) -> None:
    """Write every release under ``raw/irregular_migration``."""
    for release in RELEASES:
        path = raw / "irregular_migration" / release.name.format(release.year)
        write_xlsx(path, _make_sheets(release))
        write_sidecar(path, release.title, release.published, f"{release.year}-Q4")
