"""Weekly series of small boat arrivals: two releases, as ODS workbooks.

Quarterly totals of people and boats are those of the published series; how they fall on days is synthetic.
"""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from msoic_pipeline.periods import shift_months
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Cell, Row, write_ods, write_sidecar


class Arrivals(NamedTuple):
    """Who arrived on a day."""

    people: int
    boats: int


ArrivalsByDay = dict[dt.date, Arrivals]

FIRST_YEAR = 2018
# People, boats and days with arrivals by quarter from then on. People and boats: the weekly series to 20 August 2026
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
JANUARY_2024: ArrivalsByDay = {  # invented
    dt.date(2024, 1, 13): Arrivals(124, 3),
    dt.date(2024, 1, 14): Arrivals(207, 4),
}
FIRST_WEEK_ENDS = dt.date(2018, 1, 7)
UNCONTROLLED_SINCE = dt.date(2023, 1, 1)
NOT_AVAILABLE = "-"


@dataclass(frozen=True)
class Release:
    """One issue of the series."""

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


def _spread_quarter_on_days(year: int, quarter: int) -> ArrivalsByDay:
    """Return the arrivals of each day of a quarter, the first being 0, which sum to those of the quarter."""
    people, boats, days_with_arrivals = QUARTERS[year - FIRST_YEAR][quarter]
    first = dt.date(year, 3 * quarter + 1, 1)
    days = [first + dt.timedelta(number) for number in range((shift_months(first, 3) - first).days)]
    rng = random.Random(f"small_boats:{year}:{quarter}")
    chosen = [day for day in (*WINTER, *SUMMER) if day in days]
    chosen += rng.sample([day for day in days if day not in chosen], days_with_arrivals - len(chosen))
    chosen.sort()
    weights = [rng.lognormvariate(0, 0.7) for _ in chosen]
    # Every day chosen has a boat, and every boat somebody in it.
    boats_a_day = [1 + more for more in allocate(boats - days_with_arrivals, weights)]
    others_a_day = allocate(people - boats, [count * rng.uniform(0.8, 1.2) for count in boats_a_day])
    arrivals = dict.fromkeys(days, Arrivals(0, 0))
    for day, others, boats_of_day in zip(chosen, others_a_day, boats_a_day, strict=True):
        arrivals[day] = Arrivals(others + boats_of_day, boats_of_day)
    return arrivals


def _list_arrivals(release: Release) -> ArrivalsByDay:
    """Return the arrivals of every day, as a release has them."""
    arrivals: ArrivalsByDay = {}
    for year in range(FIRST_YEAR, FIRST_YEAR + len(QUARTERS)):
        for quarter in range(4):
            arrivals |= _spread_quarter_on_days(year, quarter)
    day = max(arrivals)
    while (day := day + dt.timedelta(1)) <= release.last_day:
        arrivals[day] = Arrivals(0, 0)
    arrivals |= JANUARY_2024
    for day, difference in release.differences.items():
        final = arrivals[day]
        arrivals[day] = final._replace(people=final.people + difference)
    return {day: of_day for day, of_day in arrivals.items() if day <= release.last_day}


def _make_daily_table(release: Release, arrivals: ArrivalsByDay) -> list[Row]:
    rows: list[Row] = [
        ["Date", "Migrants arrived", "Boats arrived", "Boats arrived - involved in uncontrolled landings", "Notes"]
    ]
    for day, of_day in arrivals.items():
        note = "Revised" if day in release.revised else None
        rows.append([day, of_day.people, of_day.boats, _uncontrolled_from(day), note])
    return rows


def _make_weekly_table(release: Release, arrivals: ArrivalsByDay) -> list[Row]:
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
    ending = FIRST_WEEK_ENDS
    while ending <= release.last_week:
        days = [ending - dt.timedelta(back) for back in range(7)]
        people = sum(arrivals[day].people for day in days)
        boats = sum(arrivals[day].boats for day in days)
        note = "Revised" if set(days) & set(release.revised) else None
        rows.append([ending, people, boats, _uncontrolled_from(min(days)), NOT_AVAILABLE, NOT_AVAILABLE, note])
        ending += dt.timedelta(7)
    return rows


def _uncontrolled_from(first_day: dt.date) -> Cell:
    """Return what stands for uncontrolled landings on days from ``first_day`` on: none, where they were counted."""
    return 0 if first_day >= UNCONTROLLED_SINCE else NOT_AVAILABLE


def write(raw: Path) -> None:
    """Write both releases under ``raw/small_boats``; their cover sheets, like the real one, bear no date."""
    for release in RELEASES:
        arrivals = _list_arrivals(release)
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
        write_ods(
            path,
            sheets | {"SB_01": _make_daily_table(release, arrivals), "SB_02": _make_weekly_table(release, arrivals)},
        )
        write_sidecar(
            path,
            "Migrants detected crossing the English Channel in small boats: time series",
            release.published,
            release.reference_period,
            note=f"Daily figures to {release.last_day.isoformat()}: the last quarter is not complete.",
        )
