"""The stages of one source, from its files to what the warehouse says of them."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import openpyxl
import sqlalchemy as sa

from msoic_pipeline.assets.source_steps import judge_source, record_source
from msoic_pipeline.ingest.sidecars import sidecar_path
from msoic_pipeline.model.evidence import quarantine, release, validation_result
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline_tests.sample import RAW, settings_in

GOOD, BROKEN = "cps-data-summary-quarter-4-2022-2023.xlsx", "cps-data-summary-quarter-3-2022-2023.xlsx"
TODAY = dt.date(2030, 1, 2)


def test_what_was_recognised_and_not_parsed_is_told_by_its_release_and_findings_stand_from_today(tmp_path: Path):
    raw = tmp_path / "raw"
    (raw / "cps").mkdir(parents=True)
    for name in (GOOD, BROKEN):
        for path in (RAW / "cps" / name, sidecar_path(RAW / "cps" / name)):
            shutil.copy2(path, raw / "cps" / path.name)
    book = openpyxl.load_workbook(raw / "cps" / BROKEN)
    book["1 Pre-charge"].delete_rows(1, 5)
    book.save(raw / "cps" / BROKEN)

    settings, source = settings_in(tmp_path, raw), load_source("cps")
    engine = open_engine(settings.warehouse_url)
    prepare(engine)
    record_source(engine, judge_source(settings, engine, source), TODAY)
    with read_transaction(engine) as connection:
        (row,) = connection.execute(sa.select(quarantine.c.file_name, quarantine.c.release_id))
        releases = dict(connection.execute(sa.select(release.c.release_id, release.c.status)).all())
        found_on = set(connection.scalars(sa.select(validation_result.c.found_on)))
    engine.dispose()
    assert row.file_name == f"cps/{BROKEN}" and releases[row.release_id] == "rejected"
    assert sorted(releases.values()) == ["accepted", "rejected"]
    assert found_on == {TODAY}
