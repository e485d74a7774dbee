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

import csv
import datetime as dt
import math
from pathlib import Path
from random import Random

from msoic_pipeline.periods import shift_months
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Cell, write_xlsx

FORCES = Path(__file__).parents[1] / "msoic_pipeline" / "model" / "members" / "forces.csv"

MONTHS = [shift_months(dt.date(2020, 1, 1), n) for n in range(27)]
LAST = len(MONTHS) - 1

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

# Rows of the Investigations sheet: (types, county lines) → (share within criminal or within the rest, weight of child
# involvement). Shares of criminal exploitation for single types are what the combined ones leave.
Row = tuple[str, str]
COMBINED_SHARE = 0.004  # of all live investigations, each of the two combinations with criminal exploitation
CRIMINAL: dict[Row, float] = {
    ("Criminal", "Yes"): 0.72,
    ("Criminal", "No"): 0.40,
    ("Criminal, Sexual", "Yes"): 0.50,
    ("Criminal & Labour", "No"): 0.0,
}
REST: dict[Row, tuple[float, float]] = {
    ("Domestic", "No"): (0.09, 0.15),
    ("Labour", "No"): (0.42, 0.08),
    ("Sexual", "No"): (0.36, 0.35),
    ("Organ Harvesting", "No"): (0.004, 0.0),
    ("Not specified or unknown", "No"): (0.086, 0.40),
    ("Labour, Domestic", "No"): (0.025, 0.05),
    ("Sexual, Labour & Domestic", "No"): (0.015, 0.15),
}
ROWS = [*CRIMINAL, *REST]
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

Series = dict[Row, list[list[int]]]  # row → for each month, one figure a force


def write(raw: Path) -> None:
    forces = territorial_forces()
    live = live_by_force(forces)
    opened, closed = flows(forces, live)
    children = children_by_force(live)
    nationalities = {role: nationalities_by_force(role, live) for role in NATIONALITY}
    for number, (code, name) in enumerate(forces):
        random = Random(f"force_returns:habits:{code}")
        spelling = {types: random.choice(spellings) for types, spellings in SPELLINGS.items()}
        referred, crimed = random.uniform(0.5, 0.75), random.uniform(0.8, 0.97)
        adults_each, children_each = random.uniform(1.2, 1.9), random.uniform(1.1, 1.5)
        for t, month in enumerate(MONTHS):
            label = f"{month:%Y-%m}"
            late = random.choice((4, 8, 15)) if random.random() < 0.04 else 0
            if label in MISSING.get(code, ()):
                continue
            investigations: list[list[Cell]] = []
            for row in ROWS:
                count = live[row][t][number]
                flow = (opened[row][t][number], closed[row][t][number])
                types, county_lines = row
                if types in SPELLINGS and not count and not any(flow):
                    continue
                child = children[row][t][number]
                adult = count - child + round(child * 0.06)
                investigations.append(
                    [
                        spelling.get(types, types),
                        county_lines,
                        count,
                        *flow,
                        adult,
                        child,
                        round(adult * adults_each),
                        round(child * children_each),
                        round(count * referred),
                        round(count * crimed),
                    ]
                )
            nationality: list[list[Cell]] = [
                [role, nation, count]
                for role, parts in nationalities.items()
                for nation, count in parts[t][number].items()
            ]
            folder = raw / "force_returns" / label
            submitted = shift_months(month, 1) + dt.timedelta(days=9 + late)
            path = folder / f"{code.lower()}-{label}.xlsx"
            if (code, label) == CORRECTED:
                wrong = wrongly_closed(investigations, nationality)
                write_return(path, NAMES.get(code, name), month, submitted, *wrong)
                path = path.with_stem(f"{path.stem}-v2")
                submitted += dt.timedelta(days=14)
            write_return(path, NAMES.get(code, name), month, submitted, investigations, nationality)


def write_return(
    path: Path,
    force: str,
    month: dt.date,
    submitted: dt.date,
    investigations: list[list[Cell]],
    nationality: list[list[Cell]],
) -> None:
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
            "Nationality": [["Role", "Nationality", "Live investigations"], *nationality],
        },
    )


def wrongly_closed(
    investigations: list[list[Cell]], nationality: list[list[Cell]]
) -> tuple[list[list[Cell]], list[list[Cell]]]:
    """Return the sheets of the first, mistaken return: consistent in itself, with 19 investigations fewer."""
    change = dict.fromkeys(INVESTIGATIONS_HEADER[2:], -WRONGLY_CLOSED)
    change |= {"Opened in month": 0, "Closed in month": WRONGLY_CLOSED}
    change |= {"Live involving adult victims": 0, "Adult victims": 0}
    first = [list(row) for row in investigations]
    for column, header in enumerate(INVESTIGATIONS_HEADER):
        value = first[0][column]
        if isinstance(value, int):
            first[0][column] = value + change[header]
    people = [
        [role, nation, count - WRONGLY_CLOSED if nation == "British" and isinstance(count, int) else count]
        for role, nation, count in nationality
    ]
    return first, people


def territorial_forces() -> list[tuple[str, str]]:
    with FORCES.open(encoding="utf-8") as file:
        return [(row["force_code"], row["name"]) for row in csv.DictReader(file) if row["kind"] == "territorial force"]


def grown(last: int, growth: float, t: int) -> float:
    """Return the national figure of month ``t`` that by steady yearly ``growth`` reaches ``last`` in March 2022."""
    return last * math.pow(growth, (t - LAST) / 12)


def national_live(t: int) -> dict[Row, int]:
    """Return national live investigations by row at the end of month ``t``; -1 is December 2019."""
    total = round(grown(LIVE_LAST, LIVE_GROWTH, t))
    criminal = CRIMINAL_SHARE_LAST + CRIMINAL_SHARE_RISE * (t - LAST) / 12
    county_lines = 0.72 + 0.15 * (t - LAST) / 12  # of criminal exploitation
    single = criminal - 2 * COMBINED_SHARE
    within = [single * county_lines, single * (1 - county_lines), COMBINED_SHARE, COMBINED_SHARE]
    within += [(1 - criminal) * share for share, _ in REST.values()]
    return dict(zip(ROWS, allocate(total, within), strict=True))


def live_by_force(forces: list[tuple[str, str]]) -> Series:
    """Return live investigations at month end by row, month and force; December 2019 stands last, at index -1."""
    months = range(-1, len(MONTHS))
    national = [national_live(t) for t in months]
    live: Series = {}
    for row in ROWS:
        random = Random(f"force_returns:live:{row}")
        weights = [SIZES.get(name, OTHER_SIZE) * random.uniform(0.6, 1.4) for _, name in forces]
        names = [name for _, name in forces]
        if row[0] in SPELLINGS or row[0] == "Organ Harvesting":
            chosen = random.sample([name for name in names if name != "West Yorkshire"], 8)
            weights = [weight if name in chosen else 0.0 for weight, name in zip(weights, names, strict=True)]
        west_yorkshire = names.index("West Yorkshire") if row[0] == "Domestic" else None
        if west_yorkshire is not None:
            weights[west_yorkshire] = 0.2 * sum(weights)
        series = []
        for counts in national:
            series.append(allocate(counts[row], weights))
            weights = [
                weight if number == west_yorkshire else weight * random.uniform(0.97, 1.03)
                for number, weight in enumerate(weights)
            ]
        live[row] = [*series[1:], series[0]]
    return live


def flows(forces: list[tuple[str, str]], live: Series) -> tuple[Series, Series]:
    """Return investigations opened and closed, by row, month and force, that explain the change in those live."""
    opened: Series = {row: [] for row in ROWS}
    closed: Series = {row: [] for row in ROWS}
    for row in ROWS:
        random = Random(f"force_returns:flows:{row}")
        for t in range(len(MONTHS)):
            new, gone = [], []
            for number, (_, name) in enumerate(forces):
                before, now = live[row][t - 1][number], live[row][t][number]
                arrivals = max(now - before, 0) + round(before * random.uniform(0.02, 0.09))
                if name == "West Yorkshire" and row[0] == "Domestic":
                    arrivals = WEST_YORKSHIRE_DOMESTIC_OPENED[t]
                departures = before + arrivals - now
                if departures < 0:
                    raise ValueError(f"{name} {MONTHS[t]}: {arrivals} opened cannot explain {before} → {now} live")
                new.append(arrivals)
                gone.append(departures)
            opened[row].append(new)
            closed[row].append(gone)
    return opened, closed


def children_by_force(live: Series) -> Series:
    """Return live investigations that involve children, by row, month and force."""
    children: Series = {row: [] for row in ROWS}
    for t in range(len(MONTHS)):
        criminal = round(grown(CRIMINAL_CHILDREN_LAST, CRIMINAL_CHILDREN_GROWTH, t))
        total = round(grown(CHILDREN_LAST, CHILDREN_GROWTH, t))
        rest = {row: involved for row, (_, involved) in REST.items()}
        for national, rows in ((criminal, CRIMINAL), (total - criminal, rest)):
            by_row = allocate(national, [sum(live[row][t]) * involved for row, involved in rows.items()])
            for row, count in zip(rows, by_row, strict=True):
                children[row].append(allocate(count, live[row][t]))
    return children


def nationalities_by_force(role: str, live: Series) -> list[list[dict[str, int]]]:
    """Return, for each month and force, live investigations by principal nationality of ``role``; they sum to all."""
    unknown_share, british_share, rise = NATIONALITY[role]
    random = Random(f"force_returns:nationality:{role}")
    count = len(live[ROWS[0]][0])
    leaning = [(random.uniform(0.7, 1.3), random.uniform(0.85, 1.15)) for _ in range(count)]
    others = [[weight * random.uniform(0.3, 2) for weight in OTHER_NATIONALITIES.values()] for _ in range(count)]
    months = []
    for t in range(len(MONTHS)):
        totals = [sum(live[row][t][number] for row in ROWS) for number in range(count)]
        unknown = allocate(
            round(sum(totals) * unknown_share), [total * lean for total, (lean, _) in zip(totals, leaning, strict=True)]
        )
        known = [total - part for total, part in zip(totals, unknown, strict=True)]
        share = british_share + rise * (t - LAST) / 12
        british = allocate(
            round(sum(known) * share), [total * lean for total, (_, lean) in zip(known, leaning, strict=True)]
        )
        forces = []
        for number in range(count):
            rest = allocate(known[number] - british[number], others[number])
            parts = {"Unknown": unknown[number], "British": british[number]}
            forces.append(parts | {n: part for n, part in zip(OTHER_NATIONALITIES, rest, strict=True) if part})
        months.append(forces)
    return months
