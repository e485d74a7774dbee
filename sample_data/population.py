"""ONS mid-year population estimates by local authority, two editions, and figures of police force areas in between.

The national totals of each year are as published in July 2024; how they fall on local authorities is invented, and so
are the revisions between the editions, the areas in square kilometres and everything beside crime rates.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from msoic_pipeline.model import members
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Row, write_sidecar, write_xlsx

# People by local authority.
PeopleByAuthority = Mapping[str, int]

# England and Wales, mid-2011 to mid-2023: MYE5 of the edition of 15 July 2024.
FIRST_YEAR = 2011
TOTALS = (
    56_170_927, 56_577_740, 56_989_744, 57_444_107, 57_881_415, 58_366_199, 58_700_914,
    59_008_368, 59_317_788, 59_430_444, 59_660_524, 60_245_218, 60_854_727,
)  # fmt: skip
GREATER_MANCHESTER = "E23000005"


@dataclass(frozen=True)
class Edition:
    """One release of the estimates."""

    last_year: int
    published: dt.date
    # By what share an authority's estimates of each year differ from those of the last edition, at most.
    revised_by: float


EDITIONS = (
    Edition(2022, dt.date(2023, 11, 23), revised_by=0.004),
    Edition(2023, dt.date(2024, 7, 15), revised_by=0),
)
# The estimates of mid-2018 as they stood before the census of 2021.
FORCE_AREAS_YEAR, FORCE_AREAS_PUBLISHED, RESTATED_BY = 2018, dt.date(2020, 4, 30), 0.02


def _estimate_people(year: int, edition: Edition) -> PeopleByAuthority:
    """Return the population of each local authority in a year, as an edition has it."""
    codes = _list_authority_codes()
    weights = []
    for code in codes:
        rng = Random(f"population:{code}")
        size, growth = rng.lognormvariate(0, 0.5), rng.gauss(0, 0.004)
        revision = Random(f"population:{code}:{edition.last_year}:{year}").uniform(-1, 1)
        weights.append(size * (1 + growth) ** (year - FIRST_YEAR) * (1 + edition.revised_by * revision))
    return dict(zip(codes, allocate(TOTALS[year - FIRST_YEAR], weights), strict=True))


def _list_authority_codes() -> list[str]:
    return [authority["local_authority_code"] for authority in members.read_rows("local_authorities.csv")]


def _make_estimates_table(edition: Edition) -> list[Row]:
    """Return the rows of MYE5, the latest year first, with countries and a metropolitan county between authorities."""
    people = {year: _estimate_people(year, edition) for year in range(edition.last_year, FIRST_YEAR - 1, -1)}
    authorities = members.read_rows("local_authorities.csv")
    codes = _list_authority_codes()
    in_county = [row["local_authority_code"] for row in authorities if row["force_code"] == GREATER_MANCHESTER]
    rows: list[Row] = [
        [f"MYE5: Population density for local authorities in England and Wales, mid-2011 to mid-{edition.last_year}"],
        ["This worksheet contains one table."],
        _make_estimates_header(edition, people),
        _make_area_row("K04000001", "ENGLAND AND WALES", "Country", codes, people),
        _make_area_row("E92000001", "ENGLAND", "Country", [code for code in codes if code.startswith("E")], people),
        _make_area_row("E11000001", "Greater Manchester (Met County)", "Metropolitan County", in_county, people),
    ]
    for authority in authorities:
        code = authority["local_authority_code"]
        rows.append(_make_area_row(code, authority["name"], "Local Authority", [code], people))
    welsh = [code for code in codes if code.startswith("W")]
    first_of_wales = next(number for number, cells in enumerate(rows) if str(cells[0]).startswith("W"))
    rows.insert(first_of_wales, _make_area_row("W92000004", "WALES", "Country", welsh, people))
    return rows


def _make_estimates_header(edition: Edition, years: Iterable[int]) -> Row:
    header: Row = ["Code", "Name", "Geography", "Area (sq km)"]
    for year in years:
        # So it is headed in the real file, which gives the unit of one year alone another spelling.
        unit = "sq. km2" if year == edition.last_year - 1 and year == 2022 else "sq. km"
        header += [f"Estimated Population mid-{year}", f"{year} people per {unit}"]
    return header


def _make_area_row(
    code: str, name: str, geography: str, codes: Sequence[str], people: Mapping[int, PeopleByAuthority]
) -> Row:
    """Return the row of an area that holds the authorities of ``codes``: its size, and of each year people and density.

    ``people`` are those of each year, in the order of the columns.
    """
    area = sum(Random(f"area:{authority}").randint(30, 900) for authority in codes)
    cells: Row = [code, name, geography, area]
    for people_of_year in people.values():
        total = sum(people_of_year[authority] for authority in codes)
        cells += [total, round(total / area)]
    return cells


def _make_force_areas_table() -> list[Row]:
    """Return the rows of Table P3; Greater Manchester, which could not supply crimes, is in none of the sums."""
    header: Row = [
        *("Area Code", "Area Name", "Population figures\n (mid-2018)3  rounded to 100"),
        *("Household figures\n (mid-2018)4  rounded to 100 ", None, "Total recorded crime (excluding fraud5)"),
    ]
    names = {row["force_code"]: row["name"] for row in members.read_rows("forces.csv")}
    rows: list[Row] = []
    total = 0.0
    for force, people in sorted(_sum_people_by_force().items()):
        rng = Random(f"force population:{force}")
        rounded = round(people * (1 + rng.uniform(-RESTATED_BY, RESTATED_BY)), -2)
        if force == GREATER_MANCHESTER:
            rows.append([force, f"{names[force]}10,11", "..", "..", None, ".."])
            continue
        total += rounded
        rows.append([force, names[force], rounded, round(rounded * 0.42, -2), None, round(rng.uniform(50, 120), 2)])
    return [
        [
            "Table P3: Police recorded crime by offence group and police force area, English regions and Wales, rate "
            "of offences, year ending December 20191,2"
        ],
        [],
        ["England and Wales (excluding Greater Manchester Police)"],
        [],
        header,
        [None, None, None, None, None, "Rate per 1,000 population"],
        ["K04000001", "ENGLAND AND WALES9,10", total, round(total * 0.42, -2), None, 89.0],
        *rows,
        ["Source: Home Office - Police recorded crime"],
        ["3. Based on mid-2018 population estimates for England and Wales."],
    ]


def _sum_people_by_force() -> Counter[str]:
    """Return the people in the area of each force, by its code, as the newest edition has them."""
    people = _estimate_people(FORCE_AREAS_YEAR, EDITIONS[-1])
    sums: Counter[str] = Counter()
    for authority in members.read_rows("local_authorities.csv"):
        sums[authority["force_code"]] += people[authority["local_authority_code"]]
    return sums


def write(raw: Path) -> None:
    """Write both editions of the estimates and the table of police force areas under ``raw/population``."""
    for edition in EDITIONS:
        title = f"Mid-Year Population Estimates, England and Wales, June {edition.last_year}"
        path = raw / "population" / f"mid-year-population-estimates-{edition.last_year}.xlsx"
        write_xlsx(path, {"Cover sheet": [[title], [SYNTHETIC]], "MYE5": _make_estimates_table(edition)})
        write_sidecar(path, title, edition.published, f"{edition.last_year}-Q2")
    title = "Crime in England and Wales, year ending December 2019 - PFA tables"
    path = raw / "population" / "pfatablesdec19.xlsx"
    write_xlsx(path, {"Notes": [[title], [SYNTHETIC]], "Table P3": _make_force_areas_table()})
    write_sidecar(path, title, FORCE_AREAS_PUBLISHED, f"{FORCE_AREAS_YEAR}-Q2")
