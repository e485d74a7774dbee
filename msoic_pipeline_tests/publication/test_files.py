"""Tables written as files: what stands in them, and that the same contents make the same bytes."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import frictionless
import pyarrow as pa
import pyarrow.parquet as pq

from msoic_pipeline.publication.cover import Cover
from msoic_pipeline.publication.files.package import PackageWords, read_version, write_package
from msoic_pipeline.publication.files.tables import DataTable
from msoic_pipeline.warehouse.files_in_force import FilesInForce

COVER = Cover(dt.date(2023, 6, 1), (), FilesInForce(()))
WORDS = PackageWords("toys", "Toys", "Of toys.", "7", ("Toy Office: Toy statistics",))
ROWS = pa.table(
    {
        "day": pa.array([dt.date(2021, 4, 1), None], pa.date32()),
        "referrals": pa.array([3, None], pa.int64()),
        "is_late": pa.array([True, False], pa.bool_()),
        "note": pa.array(["", '=1+1, "so"'], pa.string()),
        "number": pa.array([1, 2], pa.int64()),
    }
)


def _make_table(name: str) -> DataTable:
    described = {"day": "Day.", "referrals": "Referrals.", "is_late": "Late.", "note": "Note.", "number": "Number."}
    return DataTable(name, "Toys by day.", described, ("number",), ROWS)


def _read_all(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_same_contents_make_the_same_bytes(tmp_path: Path):
    for name in ("once", "again"):
        write_package([_make_table("toy")], tmp_path / name, WORDS, COVER, {"more.txt": b"more"})
    assert _read_all(tmp_path / "once") == _read_all(tmp_path / "again")


def test_files_of_a_table_that_is_gone_are_removed(tmp_path: Path):
    folder = tmp_path / "toys"
    assert write_package([_make_table("toy"), _make_table("old")], folder, WORDS, COVER, {"more.txt": b"more"}) == 7
    assert write_package([_make_table("toy")], folder, WORDS, COVER, {}) == 4
    assert set(_read_all(folder)) == {"toy.csv", "toy.parquet", "datapackage.json", "SHA256SUMS"}
    assert [path.name for path in tmp_path.iterdir()] == ["toys"]


def test_missing_is_nothing_in_either_format(tmp_path: Path):
    write_package([_make_table("toy")], tmp_path / "toys", WORDS, COVER, {})
    assert (tmp_path / "toys" / "toy.csv").read_text().splitlines() == [
        '"day","referrals","is_late","note","number"',
        '2021-04-01,3,true,"",1',
        ',,false,"=1+1, ""so""",2',
    ]
    read_back = pq.read_table(tmp_path / "toys" / "toy.parquet")
    assert read_back.equals(ROWS)
    assert read_back.schema.field("referrals").metadata == {b"description": b"Referrals."}


def test_the_package_says_what_it_is_of(tmp_path: Path):
    folder = tmp_path / "toys"
    write_package([_make_table("toy")], folder, WORDS, COVER, {})
    assert frictionless.validate(str(folder / "datapackage.json")).valid
    package = json.loads((folder / "datapackage.json").read_text())
    assert package["sources"] == [{"title": "Toy Office: Toy statistics"}]
    assert package["created"] == "2023-06-01T00:00:00Z"
    (resource,) = package["resources"]
    assert resource["bytes"] == (folder / "toy.csv").stat().st_size
    types = {field["name"]: field["type"] for field in resource["schema"]["fields"]}
    assert types == {"day": "date", "referrals": "integer", "is_late": "boolean", "note": "string", "number": "integer"}
    assert resource["schema"]["primaryKey"] == ["number"]
    assert read_version(folder) == "7"
