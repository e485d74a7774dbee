"""Monthly force returns of live modern slavery investigations, template version 1: one workbook a force and month.

Forces' figures are synthetic. Nationally they give the annual report's statements (section 4, and section 7 for West
Yorkshire), each at the end of February and of March 2022 against the same month of 2021:

- live investigations +65%, 4,216 of them at the end of February 2022;
- just under 60% criminal exploitation, ten points more than a year before, whether or not combined types count;
- +76% investigations that involve children, +126% of those of criminal exploitation;
- nationality unknown in just over 30% for victims and for suspects; British just over 53% of known victims (a little
  more than the year before) and just under 50% of known suspects;
- West Yorkshire opened 40 domestic servitude investigations in 2020 and 68 in 2021: +70%.

In every force's returns live investigations are last month's, plus those opened, less those closed.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from msoic_pipeline.model import members
from msoic_pipeline.periods import shift_months
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Row, write_xlsx

MONTHS = [shift_months(dt.date(2020, 1, 1), n) for n in range(27)]
LAST_MONTH = MONTHS[-1]
# Whose investigations are live when the first month begins.
MONTH_BEFORE = shift_months(MONTHS[0], -1)

LIVE_LAST = 4_396  # end of March 2022; a month before it is 4,216 ("over 4200", section 4)
LIVE_GROWTH = 1.65
CRIMINAL_SHARE_LAST, CRIMINAL_SHARE_RISE = 0.595, 0.10
CHILDREN_LAST, CHILDREN_GROWTH = 2_000, 1.76
CRIMINAL_CHILDREN_LAST, CRIMINAL_CHILDREN_GROWTH = 1_520, 2.26
# Role → (share unknown, share British of known in March 2022, its rise in a year)
NATIONALITY = {"Victim": (0.312, 0.534, 0.015), "Suspect": (0.322, 0.494, 0.012)}
OTHER_NATIONALITIES = {
    "Albanian": 24,
    "Vietnamese": 20,
    "Romanian": 19,
    "Chinese": 9,
    "Polish": 8,
    "Indian": 5,
    "Bulgarian": 4,
    "Eritrean": 4,
    "Sudanese": 4,
    "Pakistani": 3,
}
# Section 7: "Recorded domestic servitude cases increased by 70% in 2021 compared to 2020 in West Yorkshire."
WEST_YORKSHIRE_DOMESTIC_OPENED = (
    *(3, 3, 2, 3, 4, 3, 4, 3, 4, 4, 3, 4),
    *(5, 5, 6, 5, 6, 6, 5, 6, 6, 6, 6, 6),
    *(6, 6, 7),
)


class InvestigationType(NamedTuple):
    """What a row of the Investigations sheet is about: types of exploitation, and county lines or not."""

    exploitation: str
    county_lines: str


class ShareOfRest(NamedTuple):
    """A type's share of the investigations without criminal exploitation, and how often children are involved."""

    share: float
    child_weight: float


# Of each type how often children are involved. Shares of criminal exploitation for single types are what the combined
# ones leave.
COMBINED_SHARE = 0.004  # of all live investigations, each of the two combinations with criminal exploitation
CRIMINAL: dict[InvestigationType, float] = {
    InvestigationType("Criminal", "Yes"): 0.72,
    InvestigationType("Criminal", "No"): 0.40,
    InvestigationType("Criminal, Sexual", "Yes"): 0.50,
    InvestigationType("Criminal & Labour", "No"): 0.0,
}
REST: dict[InvestigationType, ShareOfRest] = {
    InvestigationType("Domestic", "No"): ShareOfRest(0.09, 0.15),
    InvestigationType("Labour", "No"): ShareOfRest(0.42, 0.08),
    InvestigationType("Sexual", "No"): ShareOfRest(0.36, 0.35),
    InvestigationType("Organ Harvesting", "No"): ShareOfRest(0.004, 0.0),
    InvestigationType("Not specified or unknown", "No"): ShareOfRest(0.086, 0.40),
    InvestigationType("Labour, Domestic", "No"): ShareOfRest(0.025, 0.05),
    InvestigationType("Sexual, Labour & Domestic", "No"): ShareOfRest(0.015, 0.15),
}
TYPES = [*CRIMINAL, *REST]
# Forces spell a combination as they please.
SPELLINGS = {
    "Criminal, Sexual": ("Criminal, Sexual", "Sexual & Criminal", "Criminal & Sexual"),
    "Criminal & Labour": ("Criminal & Labour", "Labour, Criminal", "Labour & Criminal"),
    "Labour, Domestic": ("Labour, Domestic", "Domestic & Labour", "Labour & Domestic"),
    "Sexual, Labour & Domestic": ("Sexual, Labour & Domestic", "Labour, Sexual, Domestic", "Domestic, Sexual & Labour"),
}

SIZES = {
    "Metropolitan Police": 16.0,
    "West Midlands": 7.0,
    "Greater Manchester": 6.5,
    "West Yorkshire": 6.0,
    "Thames Valley": 4.0,
    "Kent": 3.8,
    "Merseyside": 3.6,
    "Essex": 3.2,
    "Hampshire": 3.0,
    "South Yorkshire": 3.0,
    "South Wales": 2.6,
    "Avon and Somerset": 2.6,
    "Lancashire": 2.6,
    "Northumbria": 2.4,
    "Sussex": 2.3,
    "Bedfordshire": 2.2,
    "Nottinghamshire": 2.2,
    "Humberside": 1.0,
    "Durham": 0.7,
    "Cumbria": 0.5,
    "Dyfed-Powys": 0.5,
    "Warwickshire": 0.5,
    "City of London": 0.3,
}
OTHER_SIZE = 1.5

# Some forces give a name of their own.
NAMES = {
    "E23000035": "Devon & Cornwall",
    "E23000001": "Metropolitan Police Service",
    "E23000034": "London, City of",
    "E23000005": "GMP",
}

# Force and months for which no return was made.
MISSING = {
    "W15000004": ("2020-11", "2020-12", "2021-01"),  # Dyfed-Powys
    "E23000017": ("2020-04",),  # Warwickshire
    "E23000002": ("2020-07",),  # Cumbria
    "W15000002": ("2020-08",),  # Gwent
    "E23000026": ("2021-05",),  # Bedfordshire
    "E23000038": ("2021-09",),  # Wiltshire
}

# West Midlands, February 2022: at first, 19 criminal investigations that go on were given as closed, so that the
# national total of first returns is 4,197; the return was made again as -v2.
CORRECTED = ("E23000014", "2022-02")
WRONGLY_CLOSED = 19

INVESTIGATIONS_HEADER = [
    "Exploitation type",
    "County lines",
    "Live at month end",
    "Opened in month",
    "Closed in month",
    "Live involving adult victims",
    "Live involving child victims",
    "Adult victims",
    "Child victims",
    "With NRM reference",
    "With crime reference",
]

# By type of investigation one figure a force, in the order of list_forces(): of one month, and of each month.
FiguresByForce = dict[InvestigationType, list[int]]
FiguresByMonth = dict[dt.date, FiguresByForce]


class Force(NamedTuple):
    """A force that returns figures."""

    code: str
    name: str


@dataclass(frozen=True)
class NationalFigures:
    """What all forces have, by month: the investigations, and the nationalities of each role by force."""

    live: FiguresByMonth
    opened: FiguresByMonth
    closed: FiguresByMonth
    with_children: FiguresByMonth
    nationalities: dict[str, dict[dt.date, list[dict[str, int]]]]


@dataclass(frozen=True)
class Habits:
    """How a force fills in its returns: its spellings, shares with references, and victims by investigation."""

    spellings: dict[str, str]
    referred: float
    crimed: float
    adults_each: float
    children_each: float


def write(raw: Path) -> None:
    """Write every force's return of every month under ``raw/force_returns``."""
    figures = draw_national_figures()
    for number, force in enumerate(list_forces()):
        random = Random(f"force_returns:habits:{force.code}")
        habits = draw_habits(random)
        for month in MONTHS:
            days_late = random.choice((4, 8, 15)) if random.random() < 0.04 else 0
            if f"{month:%Y-%m}" not in MISSING.get(force.code, ()):
                investigations = make_investigation_rows(figures, month, number, habits)
                nationalities = make_nationality_rows(figures, month, number)
                write_month(raw, force, month, days_late, investigations, nationalities)


def draw_national_figures() -> NationalFigures:
    """Return the figures of all forces and months."""
    forces = list_forces()
    before, live = draw_live(forces)
    opened, closed = draw_flows(forces, before, live)
    nationalities = {role: draw_nationalities(role, live) for role in NATIONALITY}
    return NationalFigures(live, opened, closed, share_out_children(live), nationalities)


def draw_habits(random: Random) -> Habits:
    """Return the habits of a force."""
    return Habits(
        spellings={types: random.choice(spellings) for types, spellings in SPELLINGS.items()},
        referred=random.uniform(0.5, 0.75),
        crimed=random.uniform(0.8, 0.97),
        adults_each=random.uniform(1.2, 1.9),
        children_each=random.uniform(1.1, 1.5),
    )


def make_investigation_rows(figures: NationalFigures, month: dt.date, force: int, habits: Habits) -> list[Row]:
    """Return the Investigations rows of a force; a combination of types of which there is nothing has none."""
    rows: list[Row] = []
    for type_ in TYPES:
        live = figures.live[month][type_][force]
        flow = (figures.opened[month][type_][force], figures.closed[month][type_][force])
        if type_.exploitation in SPELLINGS and not live and not any(flow):
            continue
        with_children = figures.with_children[month][type_][force]
        with_adults = live - with_children + round(with_children * 0.06)
        rows.append(
            [
                habits.spellings.get(type_.exploitation, type_.exploitation),
                type_.county_lines,
                live,
                *flow,
                with_adults,
                with_children,
                round(with_adults * habits.adults_each),
                round(with_children * habits.children_each),
                round(live * habits.referred),
                round(live * habits.crimed),
            ]
        )
    return rows


def make_nationality_rows(figures: NationalFigures, month: dt.date, force: int) -> list[Row]:
    """Return the Nationality rows of a force."""
    return [
        [role, nationality, count]
        for role, by_month in figures.nationalities.items()
        for nationality, count in by_month[month][force].items()
    ]


def write_month(
    raw: Path,
    force: Force,
    month: dt.date,
    days_late: int,
    investigations: list[Row],
    nationalities: list[Row],
) -> None:
    """Write a force's return of a month: one file, or a mistaken one and the one that corrects it."""
    label = f"{month:%Y-%m}"
    path = raw / "force_returns" / label / f"{force.code.lower()}-{label}.xlsx"
    name = NAMES.get(force.code, force.name)
    submitted = shift_months(month, 1) + dt.timedelta(days=9 + days_late)
    if (force.code, label) == CORRECTED:
        mistaken = close_wrongly(investigations, nationalities)
        write_return(path, name, month, submitted, *mistaken)
        path = path.with_stem(f"{path.stem}-v2")
        submitted += dt.timedelta(days=14)
    write_return(path, name, month, submitted, investigations, nationalities)


def write_return(
    path: Path,
    force: str,
    month: dt.date,
    submitted: dt.date,
    investigations: list[Row],
    nationalities: list[Row],
) -> None:
    """Write one file."""
    write_xlsx(
        path,
        {
            "Return": [
                ["Modern slavery investigations: monthly force return"],
                ["Template version", 1],
                ["Force", force],
                ["Month", month],
                ["Submitted on", submitted],
                [SYNTHETIC],
            ],
            "Investigations": [INVESTIGATIONS_HEADER, *investigations],
            "Nationality": [["Role", "Nationality", "Live investigations"], *nationalities],
        },
    )


def close_wrongly(investigations: list[Row], nationalities: list[Row]) -> tuple[list[Row], list[Row]]:
    """Return the sheets of the first, mistaken return: consistent in itself, with 19 investigations fewer."""
    change = dict.fromkeys(INVESTIGATIONS_HEADER[2:], -WRONGLY_CLOSED)
    change |= {"Opened in month": 0, "Closed in month": WRONGLY_CLOSED}
    change |= {"Live involving adult victims": 0, "Adult victims": 0}
    changed = [
        value + change[header] if isinstance(value, int) else value
        for header, value in zip(INVESTIGATIONS_HEADER, investigations[0], strict=True)
    ]
    people: list[Row] = [
        [role, nationality, count - WRONGLY_CLOSED if nationality == "British" and isinstance(count, int) else count]
        for role, nationality, count in nationalities
    ]
    return [changed, *investigations[1:]], people


def list_forces() -> list[Force]:
    """Return the forces that return figures."""
    territorial = (row for row in members.read_rows("forces.csv") if row["kind"] == "territorial force")
    return [Force(row["force_code"], row["name"]) for row in territorial]


def count_years_before_end(month: dt.date) -> float:
    """Return how long before the last month a month is, in years."""
    return ((LAST_MONTH.year - month.year) * 12 + LAST_MONTH.month - month.month) / 12


def grow_to(last: int, growth: float, month: dt.date) -> float:
    """Return the national figure of a month that by steady yearly ``growth`` reaches ``last`` in March 2022."""
    return last * math.pow(growth, -count_years_before_end(month))


def share_out_live(month: dt.date) -> dict[InvestigationType, int]:
    """Return national live investigations by type at the end of a month."""
    total = round(grow_to(LIVE_LAST, LIVE_GROWTH, month))
    criminal = CRIMINAL_SHARE_LAST - CRIMINAL_SHARE_RISE * count_years_before_end(month)
    county_lines = 0.72 - 0.15 * count_years_before_end(month)  # of criminal exploitation
    single = criminal - 2 * COMBINED_SHARE
    shares = [single * county_lines, single * (1 - county_lines), COMBINED_SHARE, COMBINED_SHARE]
    shares += [(1 - criminal) * rest.share for rest in REST.values()]
    return dict(zip(TYPES, allocate(total, shares), strict=True))


def draw_live(forces: Sequence[Force]) -> tuple[FiguresByForce, FiguresByMonth]:
    """Return live investigations at the end of the month before the first, and of each month.

    By type, each force has its own part of them, which changes a little from month to month.
    """
    months = [MONTH_BEFORE, *MONTHS]
    national = {month: share_out_live(month) for month in months}
    live: FiguresByMonth = {month: {} for month in months}
    for type_ in TYPES:
        random = Random(f"force_returns:live:{tuple(type_)}")
        weights = draw_weights_of_forces(type_, forces, random)
        for month in months:
            live[month][type_] = allocate(national[month][type_], weights)
            weights = [
                weight if is_fixed_part(type_, force) else weight * random.uniform(0.97, 1.03)
                for force, weight in zip(forces, weights, strict=True)
            ]
    return live.pop(MONTH_BEFORE), live


def is_fixed_part(type_: InvestigationType, force: Force) -> bool:
    """Return whether the force's part of a type is set: domestic servitude in West Yorkshire, by the annual report."""
    return type_.exploitation == "Domestic" and force.name == "West Yorkshire"


def draw_weights_of_forces(type_: InvestigationType, forces: Sequence[Force], random: Random) -> list[float]:
    """Return how much of a type each force has in the first month; what is rare is in eight forces alone."""
    weights = [SIZES.get(force.name, OTHER_SIZE) * random.uniform(0.6, 1.4) for force in forces]
    if type_.exploitation in SPELLINGS or type_.exploitation == "Organ Harvesting":
        chosen = random.sample([force.name for force in forces if force.name != "West Yorkshire"], 8)
        weights = [weight if force.name in chosen else 0.0 for force, weight in zip(forces, weights, strict=True)]
    whole = sum(weights)
    return [0.2 * whole if is_fixed_part(type_, force) else w for force, w in zip(forces, weights, strict=True)]


def draw_flows(
    forces: Sequence[Force], before: FiguresByForce, live: FiguresByMonth
) -> tuple[FiguresByMonth, FiguresByMonth]:
    """Return investigations opened and closed by month, that explain the change in those live since ``before``."""
    opened: FiguresByMonth = {month: {} for month in MONTHS}
    closed: FiguresByMonth = {month: {} for month in MONTHS}
    for type_ in TYPES:
        random = Random(f"force_returns:flows:{tuple(type_)}")
        live_before = before[type_]
        for month in MONTHS:
            arrivals = [
                count_arrivals(type_, force, month, was, now, random.uniform(0.02, 0.09))
                for force, was, now in zip(forces, live_before, live[month][type_], strict=True)
            ]
            departures = [
                was + new - now for was, new, now in zip(live_before, arrivals, live[month][type_], strict=True)
            ]
            if min(departures) < 0:
                raise ValueError(f"{type_} in {month}: what was opened cannot explain what is live")
            opened[month][type_], closed[month][type_] = arrivals, departures
            live_before = live[month][type_]
    return opened, closed


def count_arrivals(type_: InvestigationType, force: Force, month: dt.date, was: int, now: int, turnover: float) -> int:
    """Return how many investigations a force opened in a month, of which ``turnover`` is a share of those that were."""
    if is_fixed_part(type_, force):
        return WEST_YORKSHIRE_DOMESTIC_OPENED[MONTHS.index(month)]
    return max(now - was, 0) + round(was * turnover)


def share_out_children(live: FiguresByMonth) -> FiguresByMonth:
    """Return live investigations that involve children, by month."""
    weights_of_rest = {type_: rest.child_weight for type_, rest in REST.items()}
    children: FiguresByMonth = {}
    for month, of_month in live.items():
        criminal = round(grow_to(CRIMINAL_CHILDREN_LAST, CRIMINAL_CHILDREN_GROWTH, month))
        total = round(grow_to(CHILDREN_LAST, CHILDREN_GROWTH, month))
        children[month] = {}
        for national, weights in ((criminal, CRIMINAL), (total - criminal, weights_of_rest)):
            by_type = allocate(national, [sum(of_month[type_]) * weight for type_, weight in weights.items()])
            for type_, count in zip(weights, by_type, strict=True):
                children[month][type_] = allocate(count, of_month[type_])
    return children


def draw_nationalities(role: str, live: FiguresByMonth) -> dict[dt.date, list[dict[str, int]]]:
    """Return by month, for each force, live investigations by principal nationality of ``role``; they sum to all."""
    unknown_share, british_share, rise = NATIONALITY[role]
    random = Random(f"force_returns:nationality:{role}")
    forces = range(len(list_forces()))
    leaning = [(random.uniform(0.7, 1.3), random.uniform(0.85, 1.15)) for _ in forces]
    others = [[weight * random.uniform(0.3, 2) for weight in OTHER_NATIONALITIES.values()] for _ in forces]
    months: dict[dt.date, list[dict[str, int]]] = {}
    for month, of_month in live.items():
        totals = [sum(of_month[type_][force] for type_ in TYPES) for force in forces]
        weights = [total * lean for total, (lean, _) in zip(totals, leaning, strict=True)]
        unknown = allocate(round(sum(totals) * unknown_share), weights)
        known = [total - part for total, part in zip(totals, unknown, strict=True)]
        share = british_share - rise * count_years_before_end(month)
        weights = [total * lean for total, (_, lean) in zip(known, leaning, strict=True)]
        british = allocate(round(sum(known) * share), weights)
        months[month] = []
        for force in forces:
            rest = allocate(known[force] - british[force], others[force])
            named = {name: part for name, part in zip(OTHER_NATIONALITIES, rest, strict=True) if part}
            months[month].append({"Unknown": unknown[force], "British": british[force]} | named)
    return months
