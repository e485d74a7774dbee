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

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import NamedTuple

from msoic_pipeline.model import members
from msoic_pipeline.periods import financial_quarter_label, shift_months
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Row, write_xlsx

MONTHS = [shift_months(dt.date(2020, 1, 1), n) for n in range(30)]
YEARS = {
    "2019/20 Q4": MONTHS[:3],
    "2020/21": MONTHS[3:15],
    "2021/22": MONTHS[15:27],
    "2022/23 Q1": MONTHS[27:],
}


class ActivityMeasure(NamedTuple):
    """What is counted of an activity."""

    activity: str
    category: str
    measure: str


class TakesPart(NamedTuple):
    """How much a place does of what all do together, and from which month on."""

    weight: float
    since: dt.date


ValuesByPlace = dict[tuple[dt.date, str], int]  # month and place → value
Places = dict[str, TakesPart]

NATIONAL: Places = {"National": TakesPart(1, MONTHS[0])}
REGIONS: Places = {
    "East Midlands": TakesPart(9, MONTHS[0]),
    "Eastern": TakesPart(14, MONTHS[0]),
    "London": TakesPart(14, MONTHS[0]),
    "North East": TakesPart(7, MONTHS[0]),
    "North West": TakesPart(13, MONTHS[0]),
    "South East": TakesPart(12, MONTHS[0]),
    "South West": TakesPart(8, MONTHS[0]),
    "Southern Wales": TakesPart(5, MONTHS[0]),
    "West Midlands": TakesPart(11, MONTHS[0]),
    "Yorkshire and the Humber": TakesPart(10, MONTHS[0]),
}
# Which forces the Operational Policing Team works in is invented; how many, and since when, is section 8's.
OPT_PILOT, OPT_EXPANDED = dt.date(2020, 10, 1), dt.date(2021, 6, 1)
OPT_FORCES: Places = {
    "Kent": TakesPart(14, OPT_PILOT),
    "Sussex": TakesPart(9, OPT_PILOT),
    "Hampshire": TakesPart(9, OPT_PILOT),
    "Avon and Somerset": TakesPart(7, OPT_PILOT),
    "Devon and Cornwall": TakesPart(7, OPT_PILOT),
    "Leicestershire": TakesPart(8, OPT_PILOT),
    "Humberside": TakesPart(7, OPT_PILOT),
    "Essex": TakesPart(10, OPT_EXPANDED),
    "Thames Valley": TakesPart(7, OPT_EXPANDED),
    "West Midlands": TakesPart(8, OPT_EXPANDED),
    "Merseyside": TakesPart(6, OPT_EXPANDED),
    "Northamptonshire": TakesPart(6, OPT_EXPANDED),
    "South Wales": TakesPart(5, OPT_EXPANDED),
    "West Yorkshire": TakesPart(6, OPT_EXPANDED),
    "Durham": TakesPart(4, OPT_EXPANDED),
}

OPT = "Operational Policing Team"
OIC = "Organised immigration crime"
OPERATIONS = ActivityMeasure("Multi-agency operations", OPT, "Operations")
BRIEFINGS = ActivityMeasure("Briefings", OIC, "Briefings")
COLLECTED = ActivityMeasure("Multi-agency operations", OPT, "Civil penalties collected")
INNERSTE = ActivityMeasure("Training", "Operation Innerste", "Sessions")
LIAISON = ActivityMeasure("Training", "Victim Liaison Officer", "Sessions")
TRAINERS = "Modern Slavery Investigator: train the trainer"
AWARENESS = ActivityMeasure("Training", "Organised immigration crime awareness", "Sessions")
POLICING = "People trained from policing"
OTHERS = "People trained from other organisations"
INTERACTIONS = ActivityMeasure("Regional coordinators", "All", "Interactions")
SLAVERY_DISRUPTIONS = "Disruptions: modern slavery"
OIC_DISRUPTIONS = "Disruptions: organised immigration crime"

# Measure → places, then totals of 2019/20 Q4, 2020/21, 2021/22 and 2022/23 Q1 (None: not recorded), and the measure
# that they follow.
SPREAD: dict[ActivityMeasure, tuple[Places, tuple[int | None, int, int, int], ActivityMeasure | None]] = {
    OPERATIONS: (OPT_FORCES, (None, 34, 115, 32), None),
    ActivityMeasure("Multi-agency operations", OPT, "Intelligence reports created"): (
        OPT_FORCES,
        (None, 168, 716, 204),
        OPERATIONS,
    ),
    COLLECTED: (OPT_FORCES, (None, 143_250, 975_988, 268_400), OPERATIONS),
    BRIEFINGS: (OPT_FORCES, (None, 48, 236, 61), None),
    ActivityMeasure("Briefings", OIC, "People briefed"): (OPT_FORCES, (None, 1_322, 7_093, 1_804), BRIEFINGS),
    ActivityMeasure("Civil penalties", "Clandestine entry", "Penalties issued"): (
        NATIONAL,
        (None, 262, 418, 118),
        None,
    ),
    ActivityMeasure(SLAVERY_DISRUPTIONS, "Major", "Disruptions"): (
        REGIONS,
        (13, 58, 74, 19),
        None,
    ),  # together 650, 858: +32%
    ActivityMeasure(SLAVERY_DISRUPTIONS, "Moderate", "Disruptions"): (REGIONS, (46, 212, 286, 77), None),
    ActivityMeasure(SLAVERY_DISRUPTIONS, "Minor", "Disruptions"): (REGIONS, (89, 380, 498, 132), None),
    ActivityMeasure(OIC_DISRUPTIONS, "Major", "Disruptions"): (
        REGIONS,
        (None, 31, 36, 10),
        None,
    ),  # together 400, 464: +16%
    ActivityMeasure(OIC_DISRUPTIONS, "Moderate", "Disruptions"): (REGIONS, (None, 128, 151, 38), None),
    ActivityMeasure(OIC_DISRUPTIONS, "Minor", "Disruptions"): (REGIONS, (None, 241, 277, 73), None),
    ActivityMeasure("NRM queries", "Single Competent Authority", "Queries"): (
        NATIONAL,
        (98, 436, 214, 47),
        None,
    ),  # 1,240 → 620
    ActivityMeasure("NRM queries", "Police forces", "Queries"): (NATIONAL, (192, 804, 406, 96), None),
    INNERSTE: (NATIONAL, (None, 9, 21, 6), None),
    ActivityMeasure("Training", "Operation Innerste", POLICING): (
        NATIONAL,
        (None, 88, 215, 61),
        INNERSTE,
    ),  # 44% of 488
    ActivityMeasure("Training", "Operation Innerste", OTHERS): (NATIONAL, (None, 102, 273, 74), INNERSTE),
    LIAISON: (NATIONAL, (2, 8, 11, 3), None),
    ActivityMeasure("Training", "Victim Liaison Officer", POLICING): (NATIONAL, (21, 84, 119, 31), LIAISON),
    AWARENESS: (NATIONAL, (None, 6, 22, 7), None),
    ActivityMeasure("Training", "Organised immigration crime awareness", POLICING): (
        NATIONAL,
        (None, 98, 374, 117),
        AWARENESS,
    ),
    ActivityMeasure("Training", "Organised immigration crime awareness", OTHERS): (
        NATIONAL,
        (None, 7, 19, 8),
        AWARENESS,
    ),
    ActivityMeasure("Operation Innerste", "All", "Professionals at regional events"): (
        NATIONAL,
        (None, 170, 449, 122),
        INNERSTE,
    ),
    ActivityMeasure("Products", "All", "Documents produced"): (NATIONAL, (41, 212, 300, 78), None),
    ActivityMeasure("Products", "All", "Downloads"): (NATIONAL, (2_310, 11_904, 17_562, 4_610), None),
    ActivityMeasure("Products: organised immigration crime", "All", "Training and guidance products"): (
        NATIONAL,
        (None, 8, 21, 6),
        None,
    ),
    INTERACTIONS: (REGIONS, (1_602, 7_918, 9_573, 2_447), None),
    ActivityMeasure("Regional coordinators", "All", "Crimes reviewed"): (
        REGIONS,
        (418, 1_733, 2_046, 521),
        INTERACTIONS,
    ),
    ActivityMeasure("Regional coordinators", "All", "Intelligence reports reviewed"): (
        REGIONS,
        (980, 4_402, 5_187, 1_311),
        INTERACTIONS,
    ),
    ActivityMeasure("Regional coordinators", "All", "Partnership support sessions"): (
        REGIONS,
        (240, 961, 1_214, 322),
        INTERACTIONS,
    ),
    ActivityMeasure("Regional coordinators", "Operational update", "Meetings"): (NATIONAL, (6, 26, 26, 7), None),
}

# Measure → places, first month, a national figure a month.
MONTHLY: dict[ActivityMeasure, tuple[Places, str, Sequence[int]]] = {
    ActivityMeasure("Civil penalties", "Clandestine entry", "Referrals to Border Force"): (
        REGIONS,
        "2020-04",
        # January 2021 60, December 2021 78
        (
            *(31, 28, 35, 42, 48, 51, 55, 57, 59, 60, 62, 64),
            *(63, 65, 66, 70, 74, 77, 75, 79, 78, 76, 80, 83),
            *(84, 86, 85),
        ),
    ),
    ActivityMeasure("Clandestine event scripts", "Inland", "Scripts received"): (
        NATIONAL,
        "2020-10",
        # January 2021 12 of 120, December 2021 141 of 150
        (96, 104, 98, 120, 112, 131, 128, 140, 152, 161, 170, 178, 165, 172, 150, 148, 151, 160, 166, 171, 175),
    ),
    ActivityMeasure("Clandestine event scripts", "Inland", "Scripts fully completed"): (
        NATIONAL,
        "2020-10",
        (7, 9, 9, 12, 15, 24, 33, 49, 68, 89, 110, 130, 134, 150, 141, 138, 141, 150, 157, 161, 166),
    ),
    # April 2021 to January 2022: 678 (section 5)
    ActivityMeasure("Operation Innerste", "All", "Children safeguarded"): (
        NATIONAL,
        "2020-07",
        (
            *(18, 24, 31, 29, 27, 22, 20, 23, 28),
            *(37, 45, 58, 79, 88, 92, 81, 86, 61, 51, 49, 66),
            *(72, 85, 93),
        ),
    ),
}

# Measure → (month, place, value): things that happen now and then.
ONCE: dict[ActivityMeasure, Sequence[tuple[str, str, int]]] = {
    ActivityMeasure("Training", TRAINERS, "Sessions"): (("2021-10", "National", 1), ("2022-02", "National", 1)),
    ActivityMeasure("Training", TRAINERS, POLICING): (("2021-10", "National", 34), ("2022-02", "National", 31)),
    ActivityMeasure("Training: Hydra", OIC, "Courses"): (
        ("2021-07", "Merseyside", 1),
        ("2021-09", "Surrey", 1),
        ("2021-11", "South Wales", 1),
        ("2022-01", "Avon and Somerset", 1),
        ("2022-03", "Cheshire", 1),
    ),
    ActivityMeasure("Training: Hydra", OIC, "People trained"): (
        ("2021-07", "Merseyside", 8),
        ("2021-09", "Surrey", 6),
        ("2021-11", "South Wales", 7),
        ("2022-01", "Avon and Somerset", 8),
        ("2022-03", "Cheshire", 7),
    ),
    ActivityMeasure("Events", "Project Kraken", "Events"): (("2021-09", "National", 1), ("2022-02", "National", 1)),
    ActivityMeasure("Events", "Project Kraken", "Attendees"): (
        ("2021-09", "National", 71),
        ("2022-02", "National", 64),
    ),
    ActivityMeasure("Events", "Section 45 defence seminar", "Events"): (("2021-12", "National", 1),),
    ActivityMeasure("Events", "Section 45 defence seminar", "Attendees"): (("2021-12", "National", 2_048),),
    ActivityMeasure("Events", "Police and Crime Commissioners", "Events"): (
        ("2021-06", "National", 1),
        ("2021-07", "National", 1),
        ("2021-09", "National", 1),
    ),
    ActivityMeasure("Events", "Judiciary presentation", "Events"): (("2021-11", "Eastern", 1),),
    ActivityMeasure("Events", "Judiciary presentation", "Attendees"): (("2021-11", "Eastern", 134),),
    ActivityMeasure("Regional work", "Financial investigation training", "Sessions"): (
        ("2021-10", "National", 1),
        ("2022-01", "Eastern", 1),
    ),
    ActivityMeasure("Regional work", "Financial investigation training", "Staff trained"): (
        ("2021-10", "National", 241),
        ("2022-01", "Eastern", 115),
    ),
    ActivityMeasure("Regional work", "Criminal and financial investigation workshop", "Sessions"): (
        ("2022-03", "West Midlands", 1),
    ),
    ActivityMeasure("Regional work", "Adult services websites", "Proactive investigations"): (
        ("2021-08", "Southern Wales", 1),
        ("2021-11", "Southern Wales", 1),
    ),
    ActivityMeasure("Regional work", "Passenger scanning", "Prospective victims safeguarded"): (
        ("2021-08", "Eastern", 10),
    ),
    ActivityMeasure("Regional work", "Rent Smart Wales", "Landlords and agents reached"): (
        ("2021-10", "Southern Wales", 47_000),
    ),
    ActivityMeasure("Reviews", "Sexual exploitation investigations", "Investigations reviewed"): (
        ("2021-11", "National", 9),
        ("2021-12", "National", 8),
        ("2022-01", "National", 6),
    ),
    ActivityMeasure("Funding", "Programme", "Awarded"): (
        ("2020-04", "National", 1_980_000),
        ("2021-04", "National", 2_412_000),
        ("2022-04", "National", 2_523_000),
    ),
    ActivityMeasure("Funding", "Sexual exploitation", "Awarded"): (("2022-01", "National", 100_000),),
}

# Measure → (month, place, value from then on); None: no longer recorded.
STANDING: dict[ActivityMeasure, Sequence[tuple[str, str, int | None]]] = {
    ActivityMeasure(OPT, "All", "Forces covered"): (("2020-10", "National", 7), ("2021-06", "National", 15)),
    ActivityMeasure("Clandestine event scripts", "Inland", "Versions available"): (
        ("2020-10", "National", 1),
        ("2021-03", "National", 2),
        ("2021-06", "National", 3),
        ("2021-10", "National", 4),
    ),
    ActivityMeasure("Devolved decision-making pilot", "Child victims", "Local authority areas"): (
        ("2021-06", "National", 10),
    ),
    ActivityMeasure("Training", "Victim Liaison Officer", "Organisations represented"): (
        ("2021-04", "National", 2),
        ("2021-07", "National", 5),
        ("2021-10", "National", 8),
        ("2022-01", "National", 11),
        ("2022-03", "National", 12),
        ("2022-04", "National", 3),
    ),
    ActivityMeasure("Training", TRAINERS, "Forces represented"): (
        ("2021-10", "National", 19),
        ("2022-02", "National", 35),
        ("2022-04", "National", None),
    ),
    ActivityMeasure("Training", "Organised immigration crime awareness", "Forces represented"): (
        ("2021-04", "National", 3),
        ("2021-07", "National", 8),
        ("2021-11", "National", 14),
        ("2022-02", "National", 17),
        ("2022-04", "National", 4),
    ),
    ActivityMeasure("Training: Hydra", OIC, "Forces represented"): (
        ("2021-07", "National", 2),
        ("2021-09", "National", 3),
        ("2021-11", "National", 4),
        ("2022-01", "National", 5),
        ("2022-03", "National", 7),
        ("2022-04", "National", None),
    ),
    ActivityMeasure("Operation Innerste", "All", "Forces adopted"): (
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
    ActivityMeasure("Operation Mandeville", "All", "Abortion providers taking part"): (
        ("2020-10", "National", 1),
        ("2021-09", "National", 2),
        ("2021-12", "National", 3),
    ),
    ActivityMeasure("Operation Mandeville", "All", "Forces with local relationships"): (
        ("2020-10", "National", 1),
        ("2021-09", "National", 4),
        ("2022-02", "National", 7),
    ),
    ActivityMeasure("Knowledge Hub", "All", "Groups"): (("2020-01", "National", 1), ("2021-10", "National", 2)),
    ActivityMeasure("Events", "Project Kraken", "Forces and agencies represented"): (
        ("2021-09", "National", 4),
        ("2022-02", "National", 6),
        ("2022-04", "National", None),
    ),
    ActivityMeasure("Regional coordinators", "All", "Coordinators in post"): tuple(
        ("2020-01", region, 2 if region == "Eastern" else 1) for region in REGIONS
    ),
    ActivityMeasure("Regional work", "Domestic servitude training", "Staff trained to date"): (
        ("2020-10", "Yorkshire and the Humber", 120),
        ("2021-02", "Yorkshire and the Humber", 305),
        ("2021-06", "Yorkshire and the Humber", 512),
        ("2021-10", "Yorkshire and the Humber", 704),
        ("2022-02", "Yorkshire and the Humber", 862),
    ),
    ActivityMeasure("Regional work", "Domestic servitude video", "Views to date"): (
        ("2021-06", "Yorkshire and the Humber", 730),
        ("2021-09", "Yorkshire and the Humber", 1_985),
        ("2021-12", "Yorkshire and the Humber", 3_240),
        ("2022-03", "Yorkshire and the Humber", 4_127),
    ),
    ActivityMeasure("Regional work", "Victim Navigators", "Posts secured"): (("2021-09", "East Midlands", 2),),
    ActivityMeasure("Regional work", "Clandestine event scanning", "Forces taking part"): (("2022-01", "Eastern", 7),),
    ActivityMeasure("Benchmarking", OIC, "Forces completed"): (
        ("2021-11", "National", 26),
        ("2022-01", "National", 43),
    ),
    ActivityMeasure("Benchmarking", OIC, "ROCUs completed"): (("2021-11", "National", 5), ("2022-01", "National", 9)),
    ActivityMeasure("Funding", "Sexual exploitation", "Forces funded"): (
        ("2022-01", "National", 14),
        ("2022-02", "National", 36),
    ),
}

# The second quarter of 2021/22 was issued again: a penalty total's first two digits had been exchanged.
CORRECTED_QUARTER = "2021/22 Q2"
CORRECTED_CELL = (dt.date(2021, 8, 1), "Kent")
CORRECTED_ON = dt.date(2021, 11, 5)

HEADER: Row = ["Month", "Activity", "Category", "Geography", "Measure", "Unit", "Value", "Note"]


def write(raw: Path) -> None:
    """Write the workbook of every quarter under ``raw/programme_activity``."""
    units = read_units()
    values = make_values()
    if unlisted := values.keys() ^ units.keys():
        raise ValueError(f"activities.csv and this module differ on {sorted(unlisted)}")
    for first in MONTHS[::3]:
        quarter = financial_quarter_label(first)
        rows = make_rows([shift_months(first, n) for n in range(3)], units, values)
        published = shift_months(first, 3).replace(day=20)
        stem = f"programme-activity-{quarter[:7].replace('/', '-')}-{quarter[-2:].lower()}"
        path = raw / "programme_activity" / f"{stem}.xlsx"
        if quarter == CORRECTED_QUARTER:
            correct, mistaken = make_corrected_and_mistaken(rows)
            write_quarter(path, quarter, published, mistaken)
            write_quarter(path.with_stem(f"{stem}-v2"), quarter, CORRECTED_ON, correct)
        else:
            write_quarter(path, quarter, published, rows)


def make_rows(
    months: Sequence[dt.date], units: dict[ActivityMeasure, str], values: dict[ActivityMeasure, ValuesByPlace]
) -> list[Row]:
    """Return a row for each value of the months, in the order of activities.csv."""
    return [
        [month, measure.activity, measure.category, place, measure.measure, unit, value, None]
        for month in months
        for measure, unit in units.items()
        for (when, place), value in values[measure].items()
        if when == month
    ]


def write_quarter(path: Path, quarter: str, published: dt.date, rows: list[Row]) -> None:
    """Write one workbook."""
    cover: list[Row] = [
        ["Modern Slavery and Organised Immigration Crime Programme: activity"],
        ["Template version", 1],
        ["Quarter", quarter],
        ["Published on", published],
        [SYNTHETIC],
    ]
    write_xlsx(path, {"Cover": cover, "Activity": [HEADER, *rows]})


def make_corrected_and_mistaken(rows: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return the quarter's rows as issued again, with a note on the corrected figure, and as first issued."""
    month, place = CORRECTED_CELL
    cell = [month, COLLECTED.activity, COLLECTED.category, place, COLLECTED.measure]
    (number,) = (number for number, row in enumerate(rows) if row[: len(cell)] == cell)
    row = dict(zip(HEADER, rows[number], strict=True))
    right = str(row["Value"])
    wrong = int(right[1] + right[0] + right[2:])
    corrected = row | {"Note": f"Corrected: first given as {wrong}"}
    mistaken = row | {"Value": wrong}
    before, after = rows[:number], rows[number + 1 :]
    return [*before, [*corrected.values()], *after], [*before, [*mistaken.values()], *after]


def read_units() -> dict[ActivityMeasure, str]:
    """Return the unit of every measure that activities.csv lists."""
    return {
        ActivityMeasure(row["activity"], row["category"], row["measure"]): row["unit"]
        for row in members.read_rows("activities.csv")
    }


def make_values() -> dict[ActivityMeasure, ValuesByPlace]:
    """Return the values of every measure; those that others follow are made first."""
    values: dict[ActivityMeasure, ValuesByPlace] = {}
    for measure, (places, totals, followed) in SPREAD.items():
        random = Random(f"programme_activity:{tuple(measure)}")
        values[measure] = {}
        for months, total in zip(YEARS.values(), totals, strict=True):
            if total is not None:
                values[measure] |= spread(total, months, places, random, values[followed] if followed else None)
    for measure, (places, first, figures) in MONTHLY.items():
        random = Random(f"programme_activity:{tuple(measure)}")
        values[measure] = {}
        for number, figure in enumerate(figures):
            values[measure] |= spread(figure, [shift_months(read_month(first), number)], places, random)
    for measure, events in ONCE.items():
        values[measure] = {(read_month(month), place): value for month, place, value in events}
    for measure, steps in STANDING.items():
        values[measure] = keep_standing(steps)
    return values


def keep_standing(steps: Sequence[tuple[str, str, int | None]]) -> ValuesByPlace:
    """Return the value of each month and place that last was given: 7 in October stands until it is 15 in June."""
    values: ValuesByPlace = {}
    for place in dict.fromkeys(place for _, place, _ in steps):
        since = {read_month(month): value for month, where, value in steps if where == place}
        standing = None
        for month in MONTHS:
            standing = since.get(month, standing)
            if standing is not None:
                values[month, place] = standing
    return values


def spread(
    total: int, months: Sequence[dt.date], places: Places, random: Random, followed: ValuesByPlace | None = None
) -> ValuesByPlace:
    """Divide ``total`` among months and the places that take part in them, in proportion to ``followed`` if given."""
    cells = [(month, place) for month in months for place, part in places.items() if month >= part.since]
    weights = [
        (places[place].weight if followed is None else followed[month, place]) * random.uniform(0.7, 1.3)
        for month, place in cells
    ]
    return dict(zip(cells, allocate(total, weights), strict=True))


def read_month(label: str) -> dt.date:
    """Return the first day of a month that is written ``2021-04``."""
    return dt.date.fromisoformat(f"{label}-01")
