"""CPS case outcomes by principal offence category: a CSV file a month, as the CPS lays them out, and one issued again.

All figures are synthetic, of the size of those of the first months of 2016.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from msoic_pipeline.model import members
from sample_data.writers import Row, write_csv, write_sidecar

# Nothing published stands behind any figure here.
SYNTHETIC = "Synthetic sample data: everything here is invented."


class Outcomes(NamedTuple):
    """How the cases of a category ended in an area."""

    convictions: int
    others: int


# Each with the defendants whose case ends in a month, in the nation, and the share of them who are convicted.
CATEGORIES = {
    "Homicide": (150, 0.83),
    "Offences Against The Person": (14_600, 0.79),
    "Sexual Offences": (1_600, 0.72),
    "Burglary": (1_500, 0.83),
    "Robbery": (450, 0.81),
    "Theft And Handling": (9_000, 0.92),
    "Fraud And Forgery": (1_250, 0.86),
    "Criminal Damage": (2_300, 0.84),
    "Drugs Offences": (4_650, 0.94),
    "Public Order Offences": (4_100, 0.84),
    "All Other Offences (excluding Motoring)": (930, 0.84),
    "Motoring Offences": (9_000, 0.84),
}
ADMIN_FINALISED = 740
# In which a later edition has convictions that were entered late.
REVISED_CATEGORY = "Offences Against The Person"
AS_SPELLED = {"Dyfed-Powys": "Dyfed Powys", "Greater Manchester": "GreaterManchester"}


@dataclass(frozen=True)
class Issue:
    """One published file."""

    month: dt.date
    published: dt.date
    edition: int = 1


ISSUES = (
    Issue(dt.date(2016, 1, 1), dt.date(2016, 4, 14)),
    Issue(dt.date(2016, 2, 1), dt.date(2016, 5, 12)),
    Issue(dt.date(2016, 3, 1), dt.date(2016, 6, 16)),
    Issue(dt.date(2016, 3, 1), dt.date(2016, 7, 14), edition=2),
)


def _draw_outcomes(area: str, issue: Issue) -> list[Outcomes]:
    """Return the outcomes of each category in an area, the cases that were administratively finalised at the end."""
    weight = Random(f"cps_case_outcomes:{area}").lognormvariate(0, 0.6) / len(members.read_rows("cps_case_areas.csv"))
    rng = Random(f"cps_case_outcomes:{area}:{issue.month}")
    outcomes = []
    for ended, share in CATEGORIES.values():
        count = round(ended * weight * rng.uniform(0.85, 1.15))
        convicted = round(count * min(1.0, rng.gauss(share, 0.03)))
        outcomes.append(Outcomes(convicted, count - convicted))
    outcomes.append(Outcomes(0, round(ADMIN_FINALISED * weight * rng.uniform(0.8, 1.2))))
    if issue.edition > 1 and rng.random() < 0.3:  # a conviction that was entered late
        revised = list(CATEGORIES).index(REVISED_CATEGORY)
        outcomes[revised] = outcomes[revised]._replace(convictions=outcomes[revised].convictions + 1)
    return outcomes


def _make_cells(outcomes: Sequence[Outcomes]) -> Row:
    """Return the cells of an area, each count with its share of the category."""
    *categories, finalised = outcomes
    cells: Row = []
    for of_category in categories:
        for count in of_category:
            cells += [f"{count:,}", f"{100 * count / sum(of_category):.1f}%" if sum(of_category) else "-"]
    return [*cells, f"{finalised.others:,}", "100.0%" if finalised.others else "-"]


def _make_table(issue: Issue) -> list[Row]:
    header: Row = [""]
    for category in CATEGORIES:
        for ending in ("Convictions", "Unsuccessful"):
            header += [f"Number of {category} {ending}", f"Percentage of {category} {ending}"]
    # The last header is mistaken in the real files too.
    header += ["Number of Admin Finalised Unsuccessful", "Percentage of L Motoring Offences Unsuccessful"]
    names = [row["name"] for row in members.read_rows("cps_case_areas.csv")]
    areas = {name: _draw_outcomes(name, issue) for name in names}
    national = [
        Outcomes(sum(each.convictions for each in of_category), sum(each.others for each in of_category))
        for of_category in zip(*areas.values(), strict=True)
    ]
    rows = [header, ["National", *_make_cells(national)]]
    rows += [[AS_SPELLED.get(name, name), *_make_cells(outcomes)] for name, outcomes in areas.items()]
    return [*rows, [SYNTHETIC]]


def write(raw: Path) -> None:
    """Write the files under ``raw/cps_case_outcomes``; only the file's name and the sidecar tell the month."""
    for issue in ISSUES:
        again = f"_v{issue.edition}" if issue.edition > 1 else ""
        name = f"principal_offence_category_{issue.month:%B_%Y}{again}.csv".lower()
        path = raw / "cps_case_outcomes" / name
        write_csv(path, _make_table(issue))
        title = f"Case outcomes by principal offence category, {issue.month:%B %Y}"
        write_sidecar(path, title, issue.published, f"{issue.month:%Y-%m}", edition=issue.edition)
