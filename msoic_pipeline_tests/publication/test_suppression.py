"""Nobody can work out from the exports what one force returned, nor two.

Each return is a power of two, so that a published figure says which returns it is the sum of. Whoever adds and
subtracts figures can make what is in their row space: a force's returns can be told where some combination leaves only
them, which is where the rank falls when its columns are taken away.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.periods import periods
from msoic_pipeline.publication.exports import write_exports
from msoic_pipeline_tests.databases import on_sqlite
from msoic_pipeline_tests.handmade import Row, Warehouse

# So few that all powers of two fit into an integer of PostgreSQL's.
CITY, MET, KENT, ESSEX, SURREY = FORCES = tuple(f"E230000{number}" for number in ("34", "01", "32", "28", "31"))
MONTHS = [f"2021-{month:02}" for month in range(1, 7)]
FIGURES = ("numerator", "denominator", "previous_value", "year_before_value")
Returns = Mapping[str, Sequence[str]]


def bit(force: str, month: str) -> int:
    return FORCES.index(force) * len(MONTHS) + MONTHS.index(month)


def rows(force: str, month: str, *, nationalities: bool = True) -> list[tuple[str, Sequence[Row]]]:
    its = {"period": month, "force_code": force, "value": 2.0 ** bit(force, month)}
    return [
        ("fact_investigation", [its | {"breakdown": "exploitation", "measure": name} for name in ("live", "opened")]),
        *(
            [
                (
                    "fact_investigation",
                    [
                        its | {"breakdown": "nationality", "measure": "live", "role": role, "nationality": "UK"}
                        for role in ("Victim", "Suspect")
                    ],
                )
            ]
            if nationalities
            else []
        ),
    ]


def publish(warehouse: Warehouse, returned: Returns, *, only_types: Sequence[tuple[str, str]] = ()) -> None:
    """Publish the returns of each force by month; ``only_types`` name those without nationalities."""
    number = 0
    for force, months in returned.items():
        for month in months:
            number += 1
            its = rows(force, month, nationalities=(force, month) not in only_types)
            warehouse.publish(f"force_returns-{number}", "2021-08-10", *its, reporter=force)
    quarters = list(periods("quarter", dt.date(2021, 1, 1), dt.date(2021, 12, 31)))
    warehouse.compute(quarters, *(kpi.kpi_id for kpi in load_definitions() if kpi.is_sensitive))


def exported(warehouse: Warehouse, folder: Path) -> pd.DataFrame:
    with warehouse.engine.connect() as connection:
        values = pd.read_parquet(write_exports(connection, folder, dt.date(2022, 6, 1)).paths.parquet)
    sensitive = [kpi.kpi_id for kpi in load_definitions() if kpi.is_sensitive]
    return values[values["kpi_id"].isin(sensitive)]


def combinations(values: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Return the figures, each as which returns it sums; opened investigations apart from live ones."""
    size = len(FORCES) * len(MONTHS)
    vectors = set()
    for row in values.to_dict("records"):
        apart = size * (row["kpi_id"] == "investigations_opened")
        named = [name for name in FIGURES if not name.endswith("_value") or row["unit"] != "share"]
        for figure in (row[name] for name in named if not pd.isna(row[name])):
            vector = [0] * (2 * size)
            for place in range(size):
                vector[apart + place] = int(figure) >> place & 1
            vectors.add(tuple(vector))
    return np.array(sorted(vectors), dtype=float).reshape(-1, 2 * size)


def told(values: pd.DataFrame, most: int = 2) -> set[tuple[str, ...]]:
    """Return the forces, or pairs of them, something of whose returns can be worked out."""
    known = combinations(values)
    found = set()
    for forces in (group for size in range(1, most + 1) for group in itertools.combinations(FORCES, size)):
        its = [bit(force, month) + apart for force in forces for month in MONTHS for apart in (0, known.shape[1] // 2)]
        without = np.delete(known, its, axis=1)
        if len(known) and np.linalg.matrix_rank(known) > np.linalg.matrix_rank(without):
            found.add(forces)
    return found


CASES: dict[str, tuple[dict[str, Sequence[str]], list[tuple[str, str]]]] = {
    "all reported": (dict.fromkeys(FORCES, MONTHS), []),
    "one of a region is missing": (dict.fromkeys(FORCES[1:], MONTHS), []),
    "one reported": ({MET: MONTHS}, []),
    "two reported": ({MET: MONTHS, KENT: MONTHS}, []),
    "one is missing in a month": ({**dict.fromkeys(FORCES, MONTHS), CITY: [m for m in MONTHS if m != "2021-03"]}, []),
    "one is missing in the last month": ({**dict.fromkeys(FORCES, MONTHS), CITY: MONTHS[:-1]}, []),
    "one stops": ({**dict.fromkeys(FORCES, MONTHS), CITY: MONTHS[:2], KENT: MONTHS[:3]}, []),
    "one has the last months alone": ({**dict.fromkeys(FORCES, MONTHS[:4]), MET: MONTHS}, []),
    "two have a middle month alone": (
        {f: MONTHS if f in (MET, KENT) else [m for m in MONTHS if m != "2021-02"] for f in FORCES},
        [],
    ),
    "three have a month alone": ({f: MONTHS if f in FORCES[:3] else MONTHS[:3] for f in FORCES}, []),
    "one leaves nationalities out": (dict.fromkeys(FORCES, MONTHS), [(CITY, "2021-03"), (CITY, "2021-06")]),
}


@on_sqlite
@pytest.mark.parametrize("case", CASES)
def test_no_return_can_be_worked_out(warehouse: Warehouse, tmp_path: Path, case: str):
    returned, only_types = CASES[case]
    publish(warehouse, returned, only_types=only_types)
    values = exported(warehouse, tmp_path)
    assert set(values["geography_kind"]) == {"national"}
    assert told(values) == set()
    hidden = values[values["status"] == "suppressed"]
    figures = ["value", "numerator", "denominator", "difference_on_previous", "change_on_year_before"]
    assert hidden[figures].isna().all(axis=None)
    shown = values[values["value"].notna()]
    if len(returned) < 3:
        assert shown.empty
    else:
        assert not shown[shown["kpi_id"] == "live_investigations"].empty


@on_sqlite
def test_the_attack_finds_what_is_not_kept_back(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    publish(warehouse, CASES["one is missing in the last month"][0])
    monkeypatch.setattr("msoic_pipeline.publication.suppression._find_rows_to_keep_back", lambda values, kept_back: [])
    assert (CITY,) in told(exported(warehouse, tmp_path)), "2021-Q2 less June is May of the force without a June"


def test_other_rows_comparisons_tell_nothing_either(warehouse: Warehouse, tmp_path: Path):
    publish(warehouse, CASES["two have a middle month alone"][0])
    values = exported(warehouse, tmp_path)
    its = (values["kpi_id"] == "live_investigations") & (values["period_label"] == "2021-03")
    (march,) = values[its].to_dict("records")
    assert march["status"] == "complete" and march["previous_status"] == "suppressed"
    compared = ["previous_value", "difference_on_previous", "change_on_previous"]
    assert all(pd.isna(march[name]) for name in compared) and not pd.isna(march["value"])


def test_a_suppressed_figure_has_a_mark_in_the_workbook(warehouse: Warehouse, tmp_path: Path):
    publish(warehouse, CASES["one reported"][0])
    exported(warehouse, tmp_path)
    book = openpyxl.load_workbook(tmp_path / "kpi.xlsx")
    marks = set()
    for sheet in book.worksheets:
        for column in sheet.iter_cols(values_only=True):
            titles = [cell for cell in column if cell in ("Live investigations: note", "Investigations opened: note")]
            if titles and sheet.title.endswith("quarter"):
                marks.add((titles[0], column[-1]))
    assert marks == {("Live investigations: note", "[c]"), ("Investigations opened: note", "[c]")}
    words = [str(row[0].value) for row in book["Cover"].iter_rows()]
    assert any("[c] = confidential" in line for line in words)
