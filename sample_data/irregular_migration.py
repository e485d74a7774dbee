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

from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Cell, Row, write_sidecar, write_xlsx

Option = tuple[tuple[str, ...], float]  # labels, and the weight with which they occur

AIR, PORT, INSIDE, BOAT = METHODS = (
    "Inadequately documented air arrivals",
    "Recorded detections at UK ports",
    "Recorded detections in the UK",
    "Small boat arrivals",
)
# From 2018 Q1. To 2023 Q4: dataset of the year ending December 2023. Small boats after that: the weekly series, which
# gives 36,816 in 2024 and 41,472 in 2025 as published. The other methods after 2023 are invented.
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


def _spread(key: str, total: int, options: Sequence[Option]) -> list[tuple[tuple[str, ...], int]]:
    """Share a total out over options, the same way for the same key; options that get nobody are left out."""
    rng = random.Random(f"irregular_migration:{key}")
    counts = allocate(total, [weight * rng.uniform(0.5, 1.5) for _, weight in options])
    return [(labels, count) for (labels, _), count in zip(options, counts, strict=True) if count]


def _places(release: Release, key: str, weights: dict[str, int]) -> list[Option]:
    """The three commonest nationalities and another, the same ones for the same key."""
    other = random.Random(f"irregular_migration:{key}").choice(list(weights)[3:])
    options: list[Option] = []
    for name in (*list(weights)[:3], other):
        label = release.south_sudan if name == "South Sudan" else name
        options.append(((label, REGIONS[name]), weights[name]))
    return options


def _persons(release: Release) -> list[Option]:
    options: list[Option] = [((sex, release.ages[age]), weight) for sex, age, weight in SEX_AND_AGE]
    return [*options, (("Unknown", "Unknown"), 0.3)]


def _cross(*parts: Sequence[Option]) -> list[Option]:
    crossed: list[Option] = []
    for combination in product(*parts):
        labels: tuple[str, ...] = ()
        weight = 1.0
        for part, share in combination:
            labels += part
            weight *= share
        crossed.append((labels, weight))
    return crossed


def _quarters(release: Release) -> list[tuple[int, int, str, int]]:
    """Year, position in the year, label, and how many quarters before the end of the release."""
    return [
        (year, quarter, f"{year} Q{quarter + 1}", (release.year - year) * 4 + 3 - quarter)
        for year in range(2018, release.year + 1)
        for quarter in range(4)
    ]


def _detections(release: Release) -> list[Row]:
    rows: list[Row] = []
    for year, quarter, label, age in _quarters(release):
        for method in METHODS:
            total = DETECTIONS[method][year - 2018][quarter]
            if year == release.year == 2022:
                total = FIRST_2022.get(method, DETECTIONS[method][4])[quarter]
            unrecorded = total // 40 if method == BOAT and age < 2 else 0
            options = _cross(_places(release, f"{label}:{method}", NATIONALITIES[method]), _persons(release))
            found = _spread(f"{label}:{method}", total - unrecorded, options)
            if unrecorded:
                found.append(((NOT_RECORDED,) * 4, unrecorded))
            rows += [[year, label, method, *labels, count] for labels, count in sorted(found)]
    return rows


def _small_boats(year: int, quarter: int, age: int) -> tuple[int, int, int]:
    """Arrivals, asylum applications raised and NRM referrals raised; referrals of a new quarter are still coming in."""
    position = (year - 2018) * 4 + quarter
    if position < len(ARRIVALS):
        arrivals, asylum, referred = ARRIVALS[position], ASYLUM_RAISED[position], NRM_RAISED[position]
    else:
        arrivals = DETECTIONS[BOAT][year - 2018][quarter]
        arrivals -= arrivals // 150
        asylum, referred = arrivals - arrivals // 30, arrivals // 14
    return arrivals, asylum, referred * min(10, 5 + age) // 10


def _asylum_applications(release: Release) -> list[Row]:
    rows: list[Row] = []
    applicants = [((kind, uasc, sex, release.ages[age]), weight) for kind, uasc, sex, age, weight in APPLICANTS]
    none = [(("N/A - No asylum application", "Non-UASC", "Male", age), 1.0) for age in release.ages[1:3]]
    for year, quarter, label, age in _quarters(release):
        arrivals, raised, _ = _small_boats(year, quarter, age)
        for application, total, options in (
            ("Asylum application raised", raised, applicants),
            ("No asylum application raised", arrivals - raised, none),
        ):
            places = _places(release, f"{label}:{BOAT}", NATIONALITIES[BOAT])
            found = _spread(f"{label}:{application}", total, _cross(places, options))
            rows += [[year, label, application, *labels, count] for labels, count in sorted(found)]
    return rows


def _asylum_decisions(release: Release) -> list[Row]:
    rows: list[Row] = []
    applicants = [((kind, uasc, sex, release.ages[age]), weight) for kind, uasc, sex, age, weight in APPLICANTS[:6]]
    outcomes = [((outcome, group), float(weight)) for outcome, group, weight in ASYLUM_OUTCOMES]
    for year, quarter, label, age in _quarters(release):
        raised = _small_boats(year, quarter, age)[1]
        places = _places(release, f"{label}:{BOAT}", NATIONALITIES[BOAT])[:2]
        found = _spread(f"{label}:decisions", raised, _cross(places, outcomes, applicants))
        rows += [[year, label, *labels, count] for labels, count in sorted(found)]
    return rows


def _nrm_referrals(release: Release) -> list[Row]:
    rows: list[Row] = []
    for year, quarter, label, age in _quarters(release):
        arrivals, _, raised = _small_boats(year, quarter, age)
        for referral, total, weights in (
            ("No NRM referral raised", arrivals - raised, NATIONALITIES[BOAT]),
            ("NRM referral raised", raised, REFERRED),
        ):
            options = _cross(_places(release, f"{label}:{BOAT}", weights), _persons(release)[:8])
            found = _spread(f"{label}:{referral}", total, options)
            rows += [[year, label, referral, *labels, count] for labels, count in sorted(found)]
    return rows


def _nrm_outcomes(release: Release) -> list[Row]:
    rows: list[Row] = []
    for year, quarter, label, age in _quarters(release):
        raised = _small_boats(year, quarter, age)[2]
        options = _cross(_places(release, f"{label}:{BOAT}", REFERRED)[:3], _persons(release)[:3])
        for outcome, group, share in NRM_OUTCOMES:
            found = _spread(f"{label}:{outcome}:{group}", round(raised * share), options)
            rows += [[year, label, *labels, outcome, group, count] for labels, count in sorted(found)]
    return rows


def _pivot(title: str, header: Sequence[str], rows: Sequence[Row], by: Sequence[str]) -> list[Row]:
    """What the publisher's pivot table shows: the last eight quarters, by group and, where there is one, by detail."""
    columns = [header.index(name) for name in by]
    quarters = sorted({str(row[1]) for row in rows})[-8:]
    sums: Counter[tuple[Cell, ...]] = Counter()
    for row in rows:
        group = tuple(row[column] for column in columns)
        for depth in range(len(group) + 1):
            sums[(row[1], *group[:depth])] += int(str(row[-1]))
    filters: list[Row] = [[name, "(All)"] for name in ("Year", *PLACE, *PERSON)]
    shown: list[Row] = [[title], [], *filters, [], [f"Sum of {header[-1]}", "Column Labels"]]
    shown.append(["Row Labels", *quarters])
    for group in sorted({key[1:] for key in sums if len(key) > 1}, key=lambda group: [str(label) for label in group]):
        shown.append([group[-1], *(sums[(quarter, *group)] for quarter in quarters)])
    shown.append(["Grand Total", *(sums[(quarter,)] for quarter in quarters)])
    return shown


def _sheets(release: Release) -> dict[str, list[Row]]:
    code = release.code
    tables = (
        ("D01", release.detections, ("Method of entry", *PLACE, *PERSON, "Number of detections"),
         ("Method of entry",), _detections(release)),
        ("D02", "Asylum applications from small boat arrivals",
         ("Asylum application", *PLACE, "Applicant type", "UASC", *PERSON, "Applications"),
         ("Asylum application",), _asylum_applications(release)),
        ("D03", "Initial decisions on asylum applications from small boat arrivals",
         (*PLACE, "Asylum Case Outcome", "Asylum Case Outcome Group", "Applicant type", "UASC", *PERSON, "Decisions"),
         ("Asylum Case Outcome Group", "Asylum Case Outcome"), _asylum_decisions(release)),
        ("D04", "NRM referrals from small boat arrivals", ("NRM referral", *PLACE, *PERSON, "Referrals"),
         ("NRM referral",), _nrm_referrals(release)),
        ("D05", "Outcomes of NRM referrals from small boat arrivals",
         (*PLACE, *PERSON, "NRM Case Outcome", "NRM Case Outcome Group", "Referrals"),
         ("NRM Case Outcome Group", "NRM Case Outcome"), _nrm_outcomes(release)),
    )  # fmt: skip
    next_update = _words(release.next_update)
    contents: list[Row] = [[release.title], ["Detailed datasets"]]
    contents.append(["Sheet", "Title", "Variables available", "Period covered", "National Statistics", "Next update"])
    data_sheets: dict[str, list[Row]] = {}
    fields: Counter[str] = Counter()
    for number, title, names, by, rows in tables:
        header = (*PERIOD, *names)
        fields.update(header)
        name, data_name = f"{code}_{number}", f"{release.data_prefix}{code}_{number}"
        for sheet, kind in ((name, "pivot table"), (data_name, "dataset")):
            variables = ", ".join(names[:-1])
            contents.append([sheet, f"{title} - {kind}", variables, "2018 onwards", "No", next_update])
        data_sheets[name] = _pivot(f"{title}, 2018 Q1 to {release.year} Q4 - pivot table", header, rows, by)
        heading: Row = [f"{title}, 2018 to {release.year} Q4 - dataset"]
        data_sheets[data_name] = [heading, [*header], *rows, ["End of table"]]
    contents.append(["End of contents"])
    cover: list[Row] = [[], [f"{release.subject} statistics"], [f"year ending December {release.year}"]]
    cover += [["Detailed datasets"], [f"Published: {_words(release.published)}"], [f"Next update: {next_update}"]]
    cover.append([SYNTHETIC])
    notes: list[Row] = [["Notes"], [SYNTHETIC]]
    notes += [
        ["1. Arrivals by small boat are people detected on arrival, or in the Channel and brought to the UK."],
        [f"2. Where a breakdown is not yet available it is shown as '{NOT_RECORDED}'."],
        [f"3. In {code}_D05 a person stands in several groups, so its figures do not add up to people."],
        [f"4. Arrivals in {code}_D02 and {code}_D04 differ slightly from {code}_D01, which was taken on other dates."],
        ["End of notes"],
    ]
    described: list[Row] = [["Field", "Description"]]
    described += [[name, f"{name} of the record."] for name in fields]
    described.append(["End of table"])
    front = {"Cover_sheet": cover, "Contents": contents, "Notes": notes, "List of Fields": described}
    return front | data_sheets


def _words(date: dt.date) -> str:
    return f"{date.day} {date:%B %Y}"


def write(raw: Path) -> None:
    """Write every release under ``raw/irregular_migration``."""
    for release in RELEASES:
        path = raw / "irregular_migration" / release.name.format(release.year)
        write_xlsx(path, _sheets(release))
        write_sidecar(path, release.title, release.published, f"{release.year}-Q4")
