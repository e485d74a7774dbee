"""Releases as staged, made by hand: a few rows each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from msoic_pipeline.ingest.manifest import Manifest
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import MANIFEST, StagedRelease
from msoic_pipeline.model.arrow import make_arrow_schema
from msoic_pipeline.model.columns import ALL
from msoic_pipeline.model.facts import FACTS

Rows = list[dict[str, Any]]
Stage = Callable[..., StagedRelease]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Write a release's rows, by fact table, as staging would."""

    def write(source: str, release_id: str, **facts: Rows) -> StagedRelease:
        folder = tmp_path / "staging" / source / f"key of {release_id}"
        folder.mkdir(parents=True, exist_ok=True)
        for name, rows in facts.items():
            whole = [{"release_id": release_id, "sheet": "Table_1"} | row for row in rows]
            pq.write_table(pa.Table.from_pylist(whole, make_arrow_schema(FACTS[name])), folder / f"{name}.parquet")
        manifest = Manifest(release_id, rows_by_fact={name: len(rows) for name, rows in facts.items()})
        (folder / MANIFEST).write_bytes(manifest.to_json())
        return StagedRelease(release(source, release_id), folder)

    return write


def release(source: str, release_id: str) -> Release:
    return Release(
        release_id=release_id,
        source=source,
        title=release_id,
        publisher="Publisher",
        published_on=dt.date(2022, 6, 1),
        reference_period="2022-Q1",
        reference_start=dt.date(2022, 1, 1),
        edition=1,
        reporter="",
        file_name=f"{source}/{release_id}.ods",
        sha256=release_id,
        is_synthetic=True,
        note="",
    )


def decisions(start: str = "2022-01-01") -> Rows:
    """Four rows of fact_nrm_decision, in the cells C5 to C8."""
    rows = [
        {"stage": stage, "age_group": "Adult (18 or over)", "decision": decision, "decisions": 10}
        for stage in ("reasonable_grounds", "conclusive_grounds")
        for decision in ("positive", "negative")
    ]
    day = dt.date.fromisoformat(start)
    return [row | {"quarter_start": day, "cell": f"C{number}"} for number, row in enumerate(rows, start=5)]


def outcomes() -> Rows:
    """Two rows of fact_crime_outcome; the second has no outcomes recorded."""
    row = {"quarter_start": dt.date(2022, 1, 1), "force_code": "E23000036", "offence_code": "106"}
    return [
        row | {"outcome_code": "1", "outcomes_recorded": 3, "outcomes_closed": 2, "cell": "J2", "closed_cell": "K2"},
        row
        | {"outcome_code": "14", "outcomes_recorded": None, "outcomes_closed": -1, "cell": "J3", "closed_cell": "K3"},
    ]


def investigations(value: int | None = 4) -> Rows:
    """One row of fact_investigation."""
    return [
        {
            "quarter_start": dt.date(2022, 1, 1),
            "month_start": dt.date(2022, 2, 1),
            "force_code": "E23000036",
            "breakdown": "exploitation",
            "exploitation_type": "Labour",
            "county_lines": "No",
            "role": ALL,
            "nationality": ALL,
            "measure": "live",
            "value": value,
            "cell": "C3",
        }
    ]
