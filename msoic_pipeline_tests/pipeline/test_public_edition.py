"""The public edition of a loaded warehouse, read back by the clients that it is meant for."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import frictionless
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.assets.after_checks import PUBLIC_EDITION, make_published_asset
from msoic_pipeline.assets.resource import Warehouse
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.publication.public_edition.edition import write_public_edition
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline_tests.pipeline.conftest import Loaded

TODAY = dt.date(2023, 6, 1)
PUBLISHED = {kpi.kpi_id for kpi in load_definitions() if kpi.is_of_published_sources}
SENSITIVE = {kpi.kpi_id for kpi in load_definitions() if kpi.is_sensitive}


@pytest.fixture(scope="module")
def connection(loaded_once: Loaded) -> Iterator[Connection]:
    engine = open_engine(f"sqlite:///{loaded_once.sqlite}")
    with read_transaction(engine) as opened:
        yield opened
    engine.dispose()


@pytest.fixture(scope="module")
def folder(connection: Connection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("output") / "public"
    assert write_public_edition(connection, folder, TODAY) == len(list(folder.iterdir()))
    return folder


def test_the_asset_writes_it_where_no_check_has_failed(
    loaded_sqlite: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("MSOIC_OUTPUT_DIR", str(tmp_path / "written"))
    asset = make_published_asset(PUBLIC_EDITION, [])
    result = dg.materialize([asset], resources={"warehouse": Warehouse(url=loaded_sqlite)})
    (check,) = result.get_asset_check_evaluations()
    assert check.passed and (tmp_path / "written" / "public" / "datapackage.json").is_file()


def test_the_package_is_valid(folder: Path):
    report = frictionless.validate(str(folder / "datapackage.json"))
    assert report.valid, report.to_summary()
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def test_csv_holds_what_parquet_holds(folder: Path):
    parquets = sorted(folder.glob("*.parquet"))
    assert {path.stem for path in parquets} == {path.stem for path in folder.glob("*.csv")}
    with duckdb.connect() as client:
        for path in parquets:
            client.execute(f"CREATE OR REPLACE VIEW published AS SELECT * FROM '{path}'")
            types = {row[0]: row[1] for row in client.execute("DESCRIBE published").fetchall()}
            options = f"header=true, columns={types}, nullstr='', allow_quoted_nulls=false, quote='\"', escape='\"'"
            csv = f"read_csv('{path.with_suffix('.csv')}', {options})"
            for one, other in (("published", csv), (csv, "published")):
                left = client.execute(f"SELECT * FROM {one} EXCEPT ALL SELECT * FROM {other}").fetchall()
                assert not left, f"{path.stem}: {left[:3]}"


# Tables that the public sees in part.
IN_PART = ("kpi_for_readers", "kpi_definition", "release", "reconciliation_rule", "reconciliation_result")


def test_parquet_holds_what_the_warehouse_holds(folder: Path, connection: Connection):
    for path in folder.glob("*.parquet"):
        rows = pq.read_table(path).to_pylist()
        names = ", ".join(f'"{name}"' for name in pq.read_schema(path).names)
        inside = connection.execute(sa.text(f"SELECT {names} FROM {path.stem}")).all()
        published = Counter(tuple(map(_as_sqlite_has_it, row.values())) for row in rows)
        held = Counter(tuple(row) for row in inside)
        if path.stem == "kpi_for_readers":
            continue  # below
        assert not published - held, path.stem
        assert path.stem in IN_PART or published == held, path.stem


def _as_sqlite_has_it(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat(sep=" ", timespec="microseconds")
    return value.isoformat() if isinstance(value, dt.date) else value


def test_days_are_days_and_counts_are_counts(folder: Path):
    table = pd.read_parquet(folder / "kpi_for_readers.parquet", dtype_backend="pyarrow")
    assert str(table["period_start"].dtype) == "date32[day][pyarrow]"
    assert str(table["parts_received"].dtype) == "int64[pyarrow]"
    assert str(table["is_synthetic"].dtype) == "bool[pyarrow]"


def test_what_publishers_publish_is_all_there(folder: Path, connection: Connection):
    public = pd.read_parquet(folder / "kpi_for_readers.parquet")
    inside = pd.read_sql(sa.text("SELECT * FROM kpi_for_readers"), connection, parse_dates=["period_start"])
    key = ["kpi_id", "period_kind", "period_start", "geography_kind", "geography_code"]
    inside = inside[inside["kpi_id"].isin(PUBLISHED)]
    public = public[~public["kpi_id"].isin(SENSITIVE)].assign(
        period_start=lambda rows: pd.to_datetime(rows["period_start"])
    )
    both = inside.merge(public, on=key, suffixes=("", "_public"))
    assert len(both) == len(inside) == len(public) > 100
    assert both["value"].equals(both["value_public"])


def test_of_returns_there_are_regions_and_the_nation_by_quarter_and_year(folder: Path):
    public = pd.read_parquet(folder / "kpi_for_readers.parquet")
    returned = public[public["kpi_id"].isin(SENSITIVE)]
    assert set(returned["geography_kind"]) == {"national", "rocu_region"}
    assert set(returned["period_kind"]) <= {"quarter", "calendar_year", "financial_year"}
    suppressed = returned[returned["status"] == "suppressed"]
    assert len(suppressed) and set(suppressed["marker"]) == {"[c]"}
    assert suppressed[["value", "numerator", "denominator"]].isna().all(axis=None)
    shares = returned[returned["unit"] == "share"]
    assert shares[["numerator", "denominator"]].isna().all(axis=None)
    shown = returned[(returned["unit"] != "share") & returned["value"].notna()]
    assert len(shown) and shown["value"].min() >= 5
    assert not set(returned[returned["geography_code"] == "London"]["value"].dropna())


def test_the_programme_s_own_record_is_not_in_it(folder: Path):
    assert not (folder / "current_fact_programme_activity.csv").exists()
    for table in ("kpi_for_readers", "kpi_definition"):
        assert set(pd.read_parquet(folder / f"{table}.parquet")["kpi_id"]) <= PUBLISHED | SENSITIVE
    assert "programme_activity" not in set(pd.read_parquet(folder / "release.parquet")["source"])


def test_no_return_s_name_or_figure_stands_in_any_file(folder: Path, connection: Connection):
    names = connection.scalars(sa.text("SELECT release_id FROM release WHERE source = 'force_returns'")).all()
    assert names
    for path in folder.glob("*.csv"):
        text = path.read_text()
        assert not [name for name in names if name in text], path.name
        assert "fact_investigation" not in path.name


def test_the_workbook_shows_what_is_public(folder: Path):
    public = pd.read_parquet(folder / "kpi_for_readers.parquet")
    suppressed = public[(public["status"] == "suppressed") & (public["geography_kind"] == "national")]
    assert len(suppressed)
    sheets = pd.read_excel(folder / "kpi.xlsx", sheet_name=None, header=2, engine="calamine")
    assert list(sheets)[:3] == ["Cover", "Contents", "Notes"]
    marked = [sheet for sheet in sheets.values() if (sheet == "[c]").any(axis=None)]
    assert marked and set(pd.read_excel(folder / "kpi.ods", sheet_name=None, engine="calamine")) == set(sheets)


def test_a_day_on_which_nothing_changed_writes_nothing(folder: Path, connection: Connection):
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert write_public_edition(connection, folder, TODAY + dt.timedelta(days=1)) == 0
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_synthetic_figures_say_so_before_all_else(folder: Path):
    package = frictionless.Package(str(folder / "datapackage.json"))
    assert package.description is not None and "synthetic" in package.description.splitlines()[0]
    assert pd.read_parquet(folder / "kpi_for_readers.parquet")["is_synthetic"].all()
