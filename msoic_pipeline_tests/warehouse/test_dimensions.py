"""Members that come with releases, in the warehouse's dimensions."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from msoic_pipeline.ingest.assembling import make_published_schema
from msoic_pipeline.model.dimensions import dim_offence
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline_tests.quality.conftest import Stage, stage

__all__ = ["stage"]


def test_a_release_that_names_no_member_takes_none_away(tmp_path: Path, stage: Stage):
    """Such a release has no file of members: tables that are seldom filled are not written where they are empty."""
    engine = open_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    prepare(engine)
    naming, naming_none = (stage("recorded_crime", f"recorded_crime-{each}", fact_recorded_crime=[]) for each in "ab")
    offence = {"offence_code": "106", "description": "Modern slavery", "offence_group": "", "offence_subgroup": ""}
    offence_of_quarter = offence | {"quarter_start": dt.date(2022, 1, 1)}
    rows = pa.Table.from_pylist([offence_of_quarter], make_published_schema(dim_offence))
    pq.write_table(rows, naming.path("dim_offence"))
    load_dimensions(engine, [naming, naming_none], dt.date(2022, 8, 4))
    with read_transaction(engine) as connection:
        assert [dict(row) for row in connection.execute(sa.select(dim_offence)).mappings()] == [offence]
    engine.dispose()
