"""The programme's own record of its work: one workbook a quarter, 2019/20 Q4 to 2022/23 Q1, template version 1.

Totals for 2021/22 are those of the annual report 2021-22; months, places and other years are synthetic, except that
the report's changes hold: NRM queries -50%, disruptions +32% (modern slavery) and +16% (organised immigration crime)
on 2020/21; scripts fully completed 10% in January 2021 and 94% in December 2021, referrals to Border Force +30%
between those months. Where the report says only "over" or "almost", the figure here is a little above or below.

Where the report contradicts itself, section 8 is followed, which gives the most detail:

- organised immigration crime training is 22 sessions for 374 people of policing and 19 others, not 27 events for 436
  people (summary) nor 20 sessions for 392 (section 6); 22 sessions and 5 Hydra courses do make 27;
- Operation Innerste training is 21 sessions for 488 people, 44% of them of policing; the 449 professionals of section 5
  stand as a measure of their own;
- the Operational Policing Team grew from seven forces to fifteen in June 2021, not from eight.

The £100,000 awarded in the last quarter is taken as part of the year's £2,512,000. Of one activity and measure no two
rows overlap, so that all its categories and places can be added; a month without a row was not recorded.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from random import Random

from msoic_pipeline.periods import financial_quarter_label, shift_months
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Cell, write_xlsx

ACTIVITIES = Path(__file__).parents[1] / "msoic_pipeline" / "model" / "members" / "activities.csv"

MONTHS = [shift_months(dt.date(2020, 1, 1), n) for n in range(30)]
YEARS = {
    "2019/20 Q4": MONTHS[:3],
    "2020/21": MONTHS[3:15],
    "2021/22": MONTHS[15:27],
    "2022/23 Q1": MONTHS[27:],
}

Key = tuple[str, str, str]  # activity, category, measure
Cells = dict[tuple[dt.date, str], int]  # month and place → value

# Place → (weight, first month in which it takes part)
Places = dict[str, tuple[float, dt.date]]
NATIONAL: Places = {"National": (1, MONTHS[0])}
REGIONS: Places = {
    "East Midlands": (9, MONTHS[0]),
    "Eastern": (14, MONTHS[0]),
    "London": (14, MONTHS[0]),
    "North East": (7, MONTHS[0]),
    "North West": (13, MONTHS[0]),
    "South East": (12, MONTHS[0]),
    "South West": (8, MONTHS[0]),
    "Southern Wales": (5, MONTHS[0]),
    "West Midlands": (11, MONTHS[0]),
    "Yorkshire and the Humber": (10, MONTHS[0]),
}
# Which forces the Operational Policing Team works in is invented; how many, and since when, is section 8's.
OPT_PILOT, OPT_EXPANDED = dt.date(2020, 10, 1), dt.date(2021, 6, 1)
OPT_FORCES: Places = {
    "Kent": (14, OPT_PILOT),
    "Sussex": (9, OPT_PILOT),
    "Hampshire": (9, OPT_PILOT),
    "Avon and Somerset": (7, OPT_PILOT),
    "Devon and Cornwall": (7, OPT_PILOT),
    "Leicestershire": (8, OPT_PILOT),
    "Humberside": (7, OPT_PILOT),
    "Essex": (10, OPT_EXPANDED),
    "Thames Valley": (7, OPT_EXPANDED),
    "West Midlands": (8, OPT_EXPANDED),
    "Merseyside": (6, OPT_EXPANDED),
    "Northamptonshire": (6, OPT_EXPANDED),
    "South Wales": (5, OPT_EXPANDED),
    "West Yorkshire": (6, OPT_EXPANDED),
    "Durham": (4, OPT_EXPANDED),
}

OPT = "Operational Policing Team"
OIC = "Organised immigration crime"
OPERATIONS = ("Multi-agency operations", OPT, "Operations")
BRIEFINGS = ("Briefings", OIC, "Briefings")
COLLECTED = ("Multi-agency operations", OPT, "Civil penalties collected")
INNERSTE = ("Training", "Operation Innerste", "Sessions")
LIAISON = ("Training", "Victim Liaison Officer", "Sessions")
TRAINERS = "Modern Slavery Investigator: train the trainer"
AWARENESS = ("Training", "Organised immigration crime awareness", "Sessions")
POLICING = "People trained from policing"
OTHERS = "People trained from other organisations"
INTERACTIONS = ("Regional coordinators", "All", "Interactions")
SLAVERY_DISRUPTIONS = "Disruptions: modern slavery"
OIC_DISRUPTIONS = "Disruptions: organised immigration crime"

# Key → places, then totals of 2019/20 Q4, 2020/21, 2021/22 and 2022/23 Q1 (None: not recorded), and what they follow.
SPREAD: dict[Key, tuple[Places, tuple[int | None, int, int, int], Key | None]] = {
    OPERATIONS: (OPT_FORCES, (None, 34, 115, 32), None),
    ("Multi-agency operations", OPT, "Intelligence reports created"): (OPT_FORCES, (None, 168, 716, 204), OPERATIONS),
    COLLECTED: (OPT_FORCES, (None, 143_250, 975_988, 268_400), OPERATIONS),
    BRIEFINGS: (OPT_FORCES, (None, 48, 236, 61), None),
    ("Briefings", OIC, "People briefed"): (OPT_FORCES, (None, 1_322, 7_093, 1_804), BRIEFINGS),
    ("Civil penalties", "Clandestine entry", "Penalties issued"): (NATIONAL, (None, 262, 418, 118), None),
    (SLAVERY_DISRUPTIONS, "Major", "Disruptions"): (REGIONS, (13, 58, 74, 19), None),  # together 650, 858: +32%
    (SLAVERY_DISRUPTIONS, "Moderate", "Disruptions"): (REGIONS, (46, 212, 286, 77), None),
    (SLAVERY_DISRUPTIONS, "Minor", "Disruptions"): (REGIONS, (89, 380, 498, 132), None),
    (OIC_DISRUPTIONS, "Major", "Disruptions"): (REGIONS, (None, 31, 36, 10), None),  # together 400, 464: +16%
    (OIC_DISRUPTIONS, "Moderate", "Disruptions"): (REGIONS, (None, 128, 151, 38), None),
    (OIC_DISRUPTIONS, "Minor", "Disruptions"): (REGIONS, (None, 241, 277, 73), None),
    ("NRM queries", "Single Competent Authority", "Queries"): (NATIONAL, (98, 436, 214, 47), None),  # 1,240 → 620
    ("NRM queries", "Police forces", "Queries"): (NATIONAL, (192, 804, 406, 96), None),
    INNERSTE: (NATIONAL, (None, 9, 21, 6), None),
    ("Training", "Operation Innerste", POLICING): (NATIONAL, (None, 88, 215, 61), INNERSTE),  # 44% of 488
    ("Training", "Operation Innerste", OTHERS): (NATIONAL, (None, 102, 273, 74), INNERSTE),
    LIAISON: (NATIONAL, (2, 8, 11, 3), None),
    ("Training", "Victim Liaison Officer", POLICING): (NATIONAL, (21, 84, 119, 31), LIAISON),
    AWARENESS: (NATIONAL, (None, 6, 22, 7), None),
    ("Training", "Organised immigration crime awareness", POLICING): (NATIONAL, (None, 98, 374, 117), AWARENESS),
    ("Training", "Organised immigration crime awareness", OTHERS): (NATIONAL, (None, 7, 19, 8), AWARENESS),
    ("Operation Innerste", "All", "Professionals at regional events"): (NATIONAL, (None, 170, 449, 122), INNERSTE),
    ("Products", "All", "Documents produced"): (NATIONAL, (41, 212, 300, 78), None),
    ("Products", "All", "Downloads"): (NATIONAL, (2_310, 11_904, 17_562, 4_610), None),
    ("Products: organised immigration crime", "All", "Training and guidance products"): (
        NATIONAL,
        (None, 8, 21, 6),
        None,
    ),
    INTERACTIONS: (REGIONS, (1_602, 7_918, 9_573, 2_447), None),
    ("Regional coordinators", "All", "Crimes reviewed"): (REGIONS, (418, 1_733, 2_046, 521), INTERACTIONS),
    ("Regional coordinators", "All", "Intelligence reports reviewed"): (
        REGIONS,
        (980, 4_402, 5_187, 1_311),
        INTERACTIONS,
    ),
    ("Regional coordinators", "All", "Partnership support sessions"): (REGIONS, (240, 961, 1_214, 322), INTERACTIONS),
    ("Regional coordinators", "Operational update", "Meetings"): (NATIONAL, (6, 26, 26, 7), None),
}

# Key → places, first month, a national figure a month.
MONTHLY: dict[Key, tuple[Places, str, Sequence[int]]] = {
    ("Civil penalties", "Clandestine entry", "Referrals to Border Force"): (
        REGIONS,
        "2020-04",
        # January 2021 60, December 2021 78
        (
            *(31, 28, 35, 42, 48, 51, 55, 57, 59, 60, 62, 64),
            *(63, 65, 66, 70, 74, 77, 75, 79, 78, 76, 80, 83),
            *(84, 86, 85),
        ),
    ),
    ("Clandestine event scripts", "Inland", "Scripts received"): (
        NATIONAL,
        "2020-10",
        # January 2021 12 of 120, December 2021 141 of 150
        (96, 104, 98, 120, 112, 131, 128, 140, 152, 161, 170, 178, 165, 172, 150, 148, 151, 160, 166, 171, 175),
    ),
    ("Clandestine event scripts", "Inland", "Scripts fully completed"): (
        NATIONAL,
        "2020-10",
        (7, 9, 9, 12, 15, 24, 33, 49, 68, 89, 110, 130, 134, 150, 141, 138, 141, 150, 157, 161, 166),
    ),
    # April 2021 to January 2022: 678 (section 5)
    ("Operation Innerste", "All", "Children safeguarded"): (
        NATIONAL,
        "2020-07",
        (
            *(18, 24, 31, 29, 27, 22, 20, 23, 28),
            *(37, 45, 58, 79, 88, 92, 81, 86, 61, 51, 49, 66),
            *(72, 85, 93),
        ),
    ),
}

# Key → (month, place, value): things that happen now and then.
ONCE: dict[Key, Sequence[tuple[str, str, int]]] = {
    ("Training", TRAINERS, "Sessions"): (("2021-10", "National", 1), ("2022-02", "National", 1)),
    ("Training", TRAINERS, POLICING): (("2021-10", "National", 34), ("2022-02", "National", 31)),
    ("Training: Hydra", OIC, "Courses"): (
        ("2021-07", "Merseyside", 1),
        ("2021-09", "Surrey", 1),
        ("2021-11", "South Wales", 1),
        ("2022-01", "Avon and Somerset", 1),
        ("2022-03", "Cheshire", 1),
    ),
    ("Training: Hydra", OIC, "People trained"): (
        ("2021-07", "Merseyside", 8),
        ("2021-09", "Surrey", 6),
        ("2021-11", "South Wales", 7),
        ("2022-01", "Avon and Somerset", 8),
        ("2022-03", "Cheshire", 7),
    ),
    ("Events", "Project Kraken", "Events"): (("2021-09", "National", 1), ("2022-02", "National", 1)),
    ("Events", "Project Kraken", "Attendees"): (("2021-09", "National", 71), ("2022-02", "National", 64)),
    ("Events", "Section 45 defence seminar", "Events"): (("2021-12", "National", 1),),
    ("Events", "Section 45 defence seminar", "Attendees"): (("2021-12", "National", 2_048),),
    ("Events", "Police and Crime Commissioners", "Events"): (
        ("2021-06", "National", 1),
        ("2021-07", "National", 1),
        ("2021-09", "National", 1),
    ),
    ("Events", "Judiciary presentation", "Events"): (("2021-11", "Eastern", 1),),
    ("Events", "Judiciary presentation", "Attendees"): (("2021-11", "Eastern", 134),),
    ("Regional work", "Financial investigation training", "Sessions"): (
        ("2021-10", "National", 1),
        ("2022-01", "Eastern", 1),
    ),
    ("Regional work", "Financial investigation training", "Staff trained"): (
        ("2021-10", "National", 241),
        ("2022-01", "Eastern", 115),
    ),
    ("Regional work", "Criminal and financial investigation workshop", "Sessions"): (("2022-03", "West Midlands", 1),),
    ("Regional work", "Adult services websites", "Proactive investigations"): (
        ("2021-08", "Southern Wales", 1),
        ("2021-11", "Southern Wales", 1),
    ),
    ("Regional work", "Passenger scanning", "Prospective victims safeguarded"): (("2021-08", "Eastern", 10),),
    ("Regional work", "Rent Smart Wales", "Landlords and agents reached"): (("2021-10", "Southern Wales", 47_000),),
    ("Reviews", "Sexual exploitation investigations", "Investigations reviewed"): (
        ("2021-11", "National", 9),
        ("2021-12", "National", 8),
        ("2022-01", "National", 6),
    ),
    ("Funding", "Programme", "Awarded"): (
        ("2020-04", "National", 1_980_000),
        ("2021-04", "National", 2_412_000),
        ("2022-04", "National", 2_523_000),
    ),
    ("Funding", "Sexual exploitation", "Awarded"): (("2022-01", "National", 100_000),),
}

# Key → (month, place, value from then on); None: no longer recorded.
STANDING: dict[Key, Sequence[tuple[str, str, int | None]]] = {
    (OPT, "All", "Forces covered"): (("2020-10", "National", 7), ("2021-06", "National", 15)),
    ("Clandestine event scripts", "Inland", "Versions available"): (
        ("2020-10", "National", 1),
        ("2021-03", "National", 2),
        ("2021-06", "National", 3),
        ("2021-10", "National", 4),
    ),
    ("Devolved decision-making pilot", "Child victims", "Local authority areas"): (("2021-06", "National", 10),),
    ("Training", "Victim Liaison Officer", "Organisations represented"): (
        ("2021-04", "National", 2),
        ("2021-07", "National", 5),
        ("2021-10", "National", 8),
        ("2022-01", "National", 11),
        ("2022-03", "National", 12),
        ("2022-04", "National", 3),
    ),
    ("Training", TRAINERS, "Forces represented"): (
        ("2021-10", "National", 19),
        ("2022-02", "National", 35),
        ("2022-04", "National", None),
    ),
    ("Training", "Organised immigration crime awareness", "Forces represented"): (
        ("2021-04", "National", 3),
        ("2021-07", "National", 8),
        ("2021-11", "National", 14),
        ("2022-02", "National", 17),
        ("2022-04", "National", 4),
    ),
    ("Training: Hydra", OIC, "Forces represented"): (
        ("2021-07", "National", 2),
        ("2021-09", "National", 3),
        ("2021-11", "National", 4),
        ("2022-01", "National", 5),
        ("2022-03", "National", 7),
        ("2022-04", "National", None),
    ),
    ("Operation Innerste", "All", "Forces adopted"): (
        ("2020-07", "National", 11),
        ("2020-10", "National", 17),
        ("2021-01", "National", 22),
        ("2021-04", "National", 26),
        ("2021-07", "National", 31),
        ("2021-10", "National", 35),
        ("2022-01", "National", 38),
        ("2022-03", "National", 39),
        ("2022-06", "National", 42),
    ),
    ("Operation Mandeville", "All", "Abortion providers taking part"): (
        ("2020-10", "National", 1),
        ("2021-09", "National", 2),
        ("2021-12", "National", 3),
    ),
    ("Operation Mandeville", "All", "Forces with local relationships"): (
        ("2020-10", "National", 1),
        ("2021-09", "National", 4),
        ("2022-02", "National", 7),
    ),
    ("Knowledge Hub", "All", "Groups"): (("2020-01", "National", 1), ("2021-10", "National", 2)),
    ("Events", "Project Kraken", "Forces and agencies represented"): (
        ("2021-09", "National", 4),
        ("2022-02", "National", 6),
        ("2022-04", "National", None),
    ),
    ("Regional coordinators", "All", "Coordinators in post"): tuple(
        ("2020-01", region, 2 if region == "Eastern" else 1) for region in REGIONS
    ),
    ("Regional work", "Domestic servitude training", "Staff trained to date"): (
        ("2020-10", "Yorkshire and the Humber", 120),
        ("2021-02", "Yorkshire and the Humber", 305),
        ("2021-06", "Yorkshire and the Humber", 512),
        ("2021-10", "Yorkshire and the Humber", 704),
        ("2022-02", "Yorkshire and the Humber", 862),
    ),
    ("Regional work", "Domestic servitude video", "Views to date"): (
        ("2021-06", "Yorkshire and the Humber", 730),
        ("2021-09", "Yorkshire and the Humber", 1_985),
        ("2021-12", "Yorkshire and the Humber", 3_240),
        ("2022-03", "Yorkshire and the Humber", 4_127),
    ),
    ("Regional work", "Victim Navigators", "Posts secured"): (("2021-09", "East Midlands", 2),),
    ("Regional work", "Clandestine event scanning", "Forces taking part"): (("2022-01", "Eastern", 7),),
    ("Benchmarking", OIC, "Forces completed"): (("2021-11", "National", 26), ("2022-01", "National", 43)),
    ("Benchmarking", OIC, "ROCUs completed"): (("2021-11", "National", 5), ("2022-01", "National", 9)),
    ("Funding", "Sexual exploitation", "Forces funded"): (("2022-01", "National", 14), ("2022-02", "National", 36)),
}

# The second quarter of 2021/22 was issued again: a penalty total's first two digits had been exchanged.
CORRECTED_QUARTER = "2021/22 Q2"
CORRECTED_CELL = (dt.date(2021, 8, 1), "Kent")
CORRECTED_ON = dt.date(2021, 11, 5)


def write(raw: Path) -> None:
    units = read_units()
    values = all_values()
    if unlisted := values.keys() ^ units.keys():
        raise ValueError(f"activities.csv and this module differ on {sorted(unlisted)}")
    for first in MONTHS[::3]:
        quarter = financial_quarter_label(first)
        months = [shift_months(first, n) for n in range(3)]
        rows: list[list[Cell]] = [
            [month, activity, category, place, measure, unit, value, None]
            for month in months
            for (activity, category, measure), unit in units.items()
            for (when, place), value in values[activity, category, measure].items()
            if when == month
        ]
        published = shift_months(first, 3).replace(day=20)
        stem = f"programme-activity-{quarter[:7].replace('/', '-')}-{quarter[-2:].lower()}"
        path = raw / "programme_activity" / f"{stem}.xlsx"
        if quarter == CORRECTED_QUARTER:
            correct, mistaken = corrected(rows)
            write_quarter(path, quarter, published, mistaken)
            write_quarter(path.with_stem(f"{stem}-v2"), quarter, CORRECTED_ON, correct)
        else:
            write_quarter(path, quarter, published, rows)


def write_quarter(path: Path, quarter: str, published: dt.date, rows: list[list[Cell]]) -> None:
    header: list[Cell] = ["Month", "Activity", "Category", "Geography", "Measure", "Unit", "Value", "Note"]
    cover: list[list[Cell]] = [
        ["Modern Slavery and Organised Immigration Crime Programme: activity"],
        ["Template version", 1],
        ["Quarter", quarter],
        ["Published on", published],
        [SYNTHETIC],
    ]
    write_xlsx(path, {"Cover": cover, "Activity": [header, *rows]})


def corrected(rows: list[list[Cell]]) -> tuple[list[list[Cell]], list[list[Cell]]]:
    """Return the quarter's rows as issued again, with a note on the corrected figure, and as first issued."""
    activity, category, measure = COLLECTED
    month, place = CORRECTED_CELL
    (found,) = (n for n, row in enumerate(rows) if row[:5] == [month, activity, category, place, measure])
    right = str(rows[found][6])
    wrong = int(right[1] + right[0] + right[2:])
    again, first = list(rows), list(rows)
    again[found] = [*rows[found][:7], f"Corrected: first given as {wrong}"]
    first[found] = [*rows[found][:6], wrong, None]
    return again, first


def read_units() -> dict[Key, str]:
    with ACTIVITIES.open(encoding="utf-8") as file:
        return {(row["activity"], row["category"], row["measure"]): row["unit"] for row in csv.DictReader(file)}


def all_values() -> dict[Key, Cells]:
    values: dict[Key, Cells] = {}
    for key, (places, totals, model) in SPREAD.items():
        random = Random(f"programme_activity:{key}")
        values[key] = {}
        for months, total in zip(YEARS.values(), totals, strict=True):
            if total is not None:
                values[key] |= spread(total, months, places, random, values[model] if model else None)
    for key, (places, first, figures) in MONTHLY.items():
        random = Random(f"programme_activity:{key}")
        values[key] = {}
        for number, figure in enumerate(figures):
            values[key] |= spread(figure, [shift_months(month_of(first), number)], places, random)
    for key, events in ONCE.items():
        values[key] = {(month_of(month), place): value for month, place, value in events}
    for key, steps in STANDING.items():
        values[key] = {}
        for place in dict.fromkeys(place for _, place, _ in steps):
            since = {month_of(month): value for month, where, value in steps if where == place}
            standing = None
            for month in MONTHS:
                standing = since.get(month, standing)
                if standing is not None:
                    values[key][month, place] = standing
    return values


def spread(total: int, months: Sequence[dt.date], places: Places, random: Random, model: Cells | None = None) -> Cells:
    """Divide ``total`` among months and the places that take part in them, in proportion to ``model`` where given."""
    cells = [(month, place) for month in months for place, (_, since) in places.items() if month >= since]
    weights = [
        (places[place][0] if model is None else model[month, place]) * random.uniform(0.7, 1.3)
        for month, place in cells
    ]
    return dict(zip(cells, allocate(total, weights), strict=True))


def month_of(label: str) -> dt.date:
    return dt.date.fromisoformat(f"{label}-01")
