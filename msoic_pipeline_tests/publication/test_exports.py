"""What the exports say of themselves, and that one which does not pass takes no other's place."""

from __future__ import annotations

import datetime as dt
import errno
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from msoic_pipeline.model.evidence import release
from msoic_pipeline.publication import exports
from msoic_pipeline.publication.exports import ExportPaths
from msoic_pipeline.texts import printable
from msoic_pipeline_tests.databases import on_sqlite
from msoic_pipeline_tests.handmade import Warehouse

TODAY, LATER = dt.date(2022, 6, 1), dt.date(2022, 6, 2)
FAILED = ["\x01reconciliation_result:no_breaks: 1 broken: block: sums", "validated/nrm:expectations: x" * 400]
ARRIVALS = {"series": "daily", "measure": "people_arrived", "period": "2021-Q3", "day": dt.date(2021, 9, 30)}


@pytest.fixture
def loaded(warehouse: Warehouse) -> Warehouse:
    warehouse.publish("small_boats-1", "2021-10-08", ("fact_small_boat_arrival", [ARRIVALS | {"value": 7}]))
    warehouse.compute([dt.date(2021, 7, 1)], "small_boat_arrivals_daily_series")
    return warehouse


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output"


def write(loaded: Warehouse, folder: Path, today: dt.date = TODAY, failed: list[str] | None = None) -> ExportPaths:
    with loaded.engine.connect() as connection:
        return exports.write_exports(connection, folder, today, failed or []).paths


def cover(path: Path) -> list[Any]:
    return [row[0] for row in openpyxl.load_workbook(path)["Cover"].iter_rows()]


def said(path: Path) -> dict[str, str]:
    metadata = pq.read_schema(path).metadata
    return {name.decode(): text.decode() for name, text in metadata.items() if name.startswith(b"msoic.")}


def test_what_did_not_pass_stands_beside_and_says_so_first(loaded: Warehouse, folder: Path):
    write(loaded, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert set(before) == {"kpi.xlsx", "kpi.ods", "kpi.parquet"}
    assert said(folder / "kpi.parquet")["msoic.verdict"] == "Every blocking check holds."

    paths = write(loaded, folder, LATER, FAILED)
    assert {path.name for path in folder.iterdir()} == {
        *before, "kpi-unchecked.xlsx", "kpi-unchecked.ods", "kpi-unchecked.parquet"
    }  # fmt: skip
    assert {name: (folder / name).read_bytes() for name in before} == before
    first, *others = cover(paths.workbook)
    assert first.font.b and str(first.value).startswith("DID NOT PASS: 2 blocking checks failed")
    assert others[1].value == printable(FAILED[0])
    assert str(others[2].value)[:1000] == FAILED[1][:1000] and str(others[2].value).endswith("…")
    assert said(paths.parquet)["msoic.verdict"] == first.value
    assert said(paths.parquet)["msoic.failed_checks"].splitlines()[0] == printable(FAILED[0])
    assert any(str(cell.value) == "Figures are as known on 1 June 2022." for cell in cover(folder / "kpi.xlsx"))

    write(loaded, folder, LATER)
    assert {path.name for path in folder.iterdir()} == set(before)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before, "nothing but the day has changed"


@pytest.mark.parametrize("written", ["write_parquet", "write_xlsx", "write_ods"])
@on_sqlite
def test_a_full_disk_leaves_what_stood_there(
    loaded: Warehouse, folder: Path, monkeypatch: pytest.MonkeyPatch, written: str
):
    write(loaded, folder)
    write(loaded, folder, failed=FAILED)
    monkeypatch.setattr(exports, "read_digest", lambda paths: "")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fills_the_disk(*given: Any) -> None:
        for path in given:
            if isinstance(path, Path):
                path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(exports, written, fills_the_disk)
    for failed in ([], FAILED):
        with pytest.raises(OSError, match="No space left"):
            write(loaded, folder, LATER, failed)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@on_sqlite
def test_a_workbook_that_cannot_be_written_is_the_folders_fault(loaded: Warehouse, folder: Path):
    (folder / ".kpi.xlsx.partial").mkdir(parents=True)
    with pytest.raises(OSError, match=r"kpi\.xlsx\.partial"):
        write(loaded, folder)


@pytest.mark.parametrize("name", ["kpi.xlsx", "kpi.ods", "kpi.parquet"])
@on_sqlite
def test_where_one_export_cannot_take_its_place_the_other_does_not(loaded: Warehouse, folder: Path, name: str):
    write(loaded, folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(OSError, match=name):
        write(loaded, folder, LATER)
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before


def test_sample_and_real_files_together_are_told_of(loaded: Warehouse, folder: Path):
    paths = write(loaded, folder)
    assert said(paths.parquet)["msoic.files"] == "All 1 files behind these figures are synthetic sample data."

    loaded.publish("small_boats-2", "2021-11-08", ("fact_small_boat_arrival", [ARRIVALS | {"value": 8}]))
    loaded.publish("small_boats-3", "2021-12-08", ("fact_small_boat_arrival", [ARRIVALS | {"value": 9}]))
    with loaded.engine.begin() as connection:
        real = sa.update(release).where(release.c.release_id != "small_boats-1").values(is_synthetic=False)
        connection.execute(real)
        rejected = sa.update(release).where(release.c.release_id == "small_boats-3").values(status="rejected")
        connection.execute(rejected)
    paths = write(loaded, folder)
    words = said(paths.parquet)["msoic.files"].splitlines()
    assert words[0].startswith("SAMPLE AND REAL DATA ARE MIXED: 1 synthetic sample files and 1 real ones are in force")
    assert "msoic remove-sample takes the sample away" in words[0]
    assert words[1:] == ["small_boats: 1 synthetic, 1 real"]
    held = sa.update(release).where(release.c.release_id == "small_boats-1").values(status="held")
    with loaded.engine.begin() as connection:
        connection.execute(held)
    paths = write(loaded, folder)
    assert said(paths.parquet)["msoic.files"].splitlines() == words, "its figures stand"
    told = {str(cell.value): cell.font.b for cell in cover(paths.workbook)}
    assert told[words[0]] and words[1] in told

    with loaded.engine.begin() as connection:
        connection.execute(sa.update(release).values(is_synthetic=False))
    paths = write(loaded, folder)
    assert said(paths.parquet)["msoic.files"] == ""
