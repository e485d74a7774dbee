"""Every figure can be found again: in the cell that its row names, and nowhere but there."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import pandas as pd
import pytest

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.workbooks.source import SOURCES
from msoic_pipeline_tests.independent import as_number, read_cells
from msoic_pipeline_tests.sample import RAW, landed, staged_releases

# Files and facts of each that are looked up; large files are read again in one of their sheets only.
FILES = {"force_returns": 40, "crime_outcomes": 3, "nrm": 8}
FACTS_PER_FILE = {"force_returns": 12, "recorded_crime": 60, "crime_outcomes": 60}
LARGE = 1_000_000


@cache
def looked_up(source: str) -> int:
    """Look facts of a source up in the raw files by other means; return how many were found to be the same."""
    rng = random.Random(f"lineage: {source}")
    names = [release.file_name for release in landed(source).releases]
    compared = 0
    for name in sorted(rng.sample(names, min(len(names), FILES.get(source, len(names))))):
        (release,) = staged_releases(source, name)
        figures = _figures(release)
        if (RAW / name).stat().st_size > LARGE:
            figures = figures[figures["sheet"] == figures["sheet"].min()]
        size = min(len(figures), FACTS_PER_FILE.get(source, 30))
        chosen = figures.sample(size, random_state=rng.randrange(2**32))
        summed = figures[figures["cell"].str.contains(",")].head(5)
        chosen = pd.concat([chosen, summed])
        rows: list[dict[Any, Any]] = chosen.to_dict("records")
        wanted = {(row["sheet"], cell) for row in rows for cell in row["cell"].split(",")}
        cells = read_cells(RAW / name, wanted)
        assert set(cells) == wanted, f"{name}: no cell {sorted(wanted - set(cells))[:5]}"
        for row in rows:
            there = sum(as_number(cells[row["sheet"], cell]) for cell in row["cell"].split(","))
            assert row["figure"] == pytest.approx(there, abs=1e-9), f"{name}, {row['sheet']}, {row['cell']}"
        compared += len(chosen)
    return compared


def _figures(release: StagedRelease) -> pd.DataFrame:
    """Return all figures of a release, totals too, each with its sheet and cells."""
    pieces = []
    for fact in [*release.facts, "published_total"]:
        rows = release.frame(fact)
        for measure in traits_of_fact(FACTS[fact]).measures if fact in FACTS else ["value"]:
            cell = "closed_cell" if measure == "outcomes_closed" else "cell"
            piece = rows[["sheet", cell, measure]].dropna()
            pieces.append(piece.rename(columns={cell: "cell", measure: "figure"}))
    return pd.concat(pieces, ignore_index=True)


@pytest.mark.parametrize("source", SOURCES)
def test_a_figure_stands_in_the_cell_that_its_row_names(source: str):
    assert looked_up(source) >= 50


def test_enough_figures_were_looked_up():
    assert sum(map(looked_up, SOURCES)) >= 1_000


@pytest.mark.parametrize("source", SOURCES)
def test_no_two_figures_come_from_one_cell(source: str):
    for release in staged_releases(source, most=60):
        figures = _figures(release)
        cells = figures.assign(cell=figures["cell"].str.split(",")).explode("cell")
        again = cells[cells.duplicated(["sheet", "cell"])]
        assert again.empty, f"{release.release.file_name}: {again.head()}"
