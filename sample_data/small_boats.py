"""Weekly series of small boat arrivals: two releases, as ODS workbooks.

Quarterly totals of people and boats are those of the published series; how they fall on days is synthetic.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from pathlib import Path

from sample_data.allocate import allocate
from sample_data.writers import Cell, write_ods, write_sidecar

SYNTHETIC = "Synthetic sample data: national totals are as published where known, everything below is invented."

Row = list[Cell]
Days = dict[dt.date, tuple[int, int]]  # people and boats

# People, boats and days with arrivals by quarter from 2018. People and boats: the weekly series to 20 August 2026
# (people 299, 1,843, 8,462, 28,526, 45,755, 29,437 a year; provisional, so 2020 differs from the dataset's 8,466).
# Days with arrivals are invented.
QUARTERS = (
    ((7, 1, 1), (4, 1, 1), (17, 5, 3), (271, 36, 22)),
    ((199, 20, 13), (393, 28, 18), (747, 71, 32), (504, 45, 21)),
    ((465, 32, 19), (2028, 149, 38), (4527, 362, 51), (1442, 98, 24)),
    ((1363, 74, 28), (4554, 211, 41), (11167, 389, 48), (11442, 360, 40)),
    ((4548, 147, 36), (8199, 219, 43), (20282, 463, 52), (12726, 281, 38)),
    ((3793, 91, 29), (7640, 165, 40), (13397, 250, 49), (4607, 96, 24)),
)
JANUARY_2024: Days = {dt.date(2024, 1, 13): (124, 3), dt.date(2024, 1, 14): (207, 4)}  # invented
SINCE = dt.date(2018, 1, 1)
UNCONTROLLED_SINCE = dt.date(2023, 1, 1)
NOT_AVAILABLE = "-"


@dataclass(frozen=True)
class Release:
    published: dt.date
    reference_period: str
    last_day: dt.date
    last_week: dt.date
    # Days whose figures this release revised, and people it counts more or fewer than the final series on a day.
    revised: tuple[dt.date, ...]
    differences: dict[dt.date, int]


WINTER = (dt.date(2023, 2, 8), dt.date(2023, 2, 13), dt.date(2023, 4, 4), dt.date(2023, 4, 5))
SUMMER = (dt.date(2023, 6, 10), dt.date(2023, 6, 11), dt.date(2023, 6, 22))
RELEASES = (
    Release(
        published=dt.date(2023, 7, 14),
        reference_period="2023-Q3",
        last_day=dt.date(2023, 7, 13),
        last_week=dt.date(2023, 7, 9),
        revised=WINTER,
        differences=dict(zip(SUMMER, (-2, 5, -1), strict=True)),
    ),
    Release(
        published=dt.date(2024, 1, 19),
        reference_period="2024-Q1",
        last_day=dt.date(2024, 1, 18),
        last_week=dt.date(2024, 1, 14),
        revised=WINTER + SUMMER,
        differences={},
    ),
)


def _quarter(year: int, quarter: int) -> Days:
    people, boats, busy = QUARTERS[year - 2018][quarter]
    first = dt.date(year, 3 * quarter + 1, 1)
    last = dt.date(year + quarter // 3, (3 * quarter + 3) % 12 + 1, 1)
    days = [first + dt.timedelta(position) for position in range((last - first).days)]
    rng = random.Random(f"small_boats:{year}:{quarter}")
    chosen = [day for day in (*WINTER, *SUMMER) if day in days]
    chosen += rng.sample([day for day in days if day not in chosen], busy - len(chosen))
    chosen.sort()
    weights = [rng.lognormvariate(0, 0.7) for _ in chosen]
    # Every day chosen has a boat, and every boat somebody in it.
    boats_a_day = [1 + more for more in allocate(boats - busy, weights)]
    people_a_day = allocate(people - boats, [count * rng.uniform(0.8, 1.2) for count in boats_a_day])
    counts = dict.fromkeys(days, (0, 0))
    for day, aboard, number in zip(chosen, people_a_day, boats_a_day, strict=True):
        counts[day] = (aboard + number, number)
    return counts


def _days(release: Release) -> Days:
    counts: Days = {}
    for year in range(2018, 2018 + len(QUARTERS)):
        for quarter in range(4):
            counts |= _quarter(year, quarter)
    day = max(counts)
    while (day := day + dt.timedelta(1)) <= release.last_day:
        counts[day] = (0, 0)
    counts |= JANUARY_2024
    for day, difference in release.differences.items():
        counts[day] = (counts[day][0] + difference, counts[day][1])
    return {day: figures for day, figures in counts.items() if day <= release.last_day}


def _daily(release: Release, counts: Days) -> list[Row]:
    rows: list[Row] = [
        ["Date", "Migrants arrived", "Boats arrived", "Boats arrived - involved in uncontrolled landings", "Notes"]
    ]
    for day, (people, boats) in counts.items():
        uncontrolled: Cell = 0 if day >= UNCONTROLLED_SINCE else NOT_AVAILABLE
        rows.append([day, people, boats, uncontrolled, "Revised" if day in release.revised else None])
    return rows


def _weekly(release: Release, counts: Days) -> list[Row]:
    rows: list[Row] = [
        [
            "Week ending",
            "Migrants arrived",
            "Boats arrived",
            "Boats arrived - involved in uncontrolled landings",
            "Migrants prevented",
            "Events prevented",
            "Notes",
        ]
    ]
    ending = SINCE + dt.timedelta(6)
    while ending <= release.last_week:
        days = [ending - dt.timedelta(position) for position in range(7)]
        people, boats = (sum(counts[day][part] for day in days) for part in (0, 1))
        uncontrolled: Cell = 0 if days[-1] >= UNCONTROLLED_SINCE else NOT_AVAILABLE
        note = "Revised" if set(days) & set(release.revised) else None
        rows.append([ending, people, boats, uncontrolled, NOT_AVAILABLE, NOT_AVAILABLE, note])
        ending += dt.timedelta(7)
    return rows


def write(raw: Path) -> None:
    """Write both releases under ``raw/small_boats``; their cover sheets, like the real one, bear no date."""
    for release in RELEASES:
        counts = _days(release)
        cover: list[Row] = [
            [],
            [],
            ["Migrants detected crossing the English Channel in small boats"],
            ["Frequency: published weekly"],
            [SYNTHETIC],
        ]
        notes: list[Row] = [
            ["Notes"],
            ["1. Provisional operational figures; those of the quarterly statistics differ from them."],
            ["2. SB_01 is by day. SB_02 is by week, shown on the week's last day."],
            [f"3. {NOT_AVAILABLE} stands for a figure that is not available."],
        ]
        stamp = f"{release.published:%d-%B-%Y}".lower()
        path = raw / "small_boats" / f"small-boat-arrivals-time-series-{stamp}.ods"
        sheets = {"Cover_sheet": cover, "Notes": notes}
        write_ods(path, sheets | {"SB_01": _daily(release, counts), "SB_02": _weekly(release, counts)})
        write_sidecar(
            path,
            "Migrants detected crossing the English Channel in small boats: time series",
            release.published,
            release.reference_period,
            note=f"Daily figures to {release.last_day.isoformat()}: the last quarter is not complete.",
        )
