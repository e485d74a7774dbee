"""Golden figures of the population estimates: the real files where they are, and known cells of the sample's."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pytest

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model import members
from msoic_pipeline.model.geography import TERRITORIAL_FORCE
from msoic_pipeline_tests.sample import failed_checks, land_copy, only, rows_of, staged

PEOPLE, OF_FORCES = "fact_population", "fact_force_population"
MID_2018, MID_2023 = dt.date(2018, 4, 1), dt.date(2023, 4, 1)


def _real_file(reference: Path, name: str) -> Path:
    path = reference / "population" / name
    if not path.is_file():
        pytest.skip(f"the published file is not at {path}")
    return path


@pytest.fixture(scope="module")
def estimates(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> StagedRelease:
    path = _real_file(reference, "LAD23_Mid_Year_pop_2011_to_2023.xlsx")
    return land_copy(tmp_path_factory.mktemp("real"), "population", path, "2024-07-15", "2023-Q2")


@pytest.fixture(scope="module")
def force_areas(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> StagedRelease:
    path = _real_file(reference, "pfatablesdec19.xlsx")
    return land_copy(tmp_path_factory.mktemp("real"), "population", path, "2020-04-30", "2018-Q2")


def test_the_real_estimates_load_unchanged(estimates: StagedRelease):
    (sheet,) = estimates.manifest.sheets
    assert (sheet.sheet, sheet.header_row_number) == ("MYE5", 8)
    # 318 authorities and the nation; 2 countries, 9 regions, 21 counties and 6 metropolitan counties are ignored.
    assert (sheet.counts.data_rows, sheet.counts.note_rows, sheet.counts.loaded, sheet.counts.totals) == (
        319,
        38,
        4_134,
        13,
    )
    assert estimates.frame("rejects").empty
    assert failed_checks(estimates) == []


def test_the_real_authorities_sum_to_the_published_nation(estimates: StagedRelease):
    by_year = estimates.frame(PEOPLE).groupby("quarter_start")["population"].sum()
    published = rows_of(estimates, "published_total").set_index("quarter_start")["value"]
    assert by_year.astype(float).to_dict() == published.to_dict()
    assert (by_year[MID_2023], by_year[dt.date(2011, 4, 1)]) == (60_854_727, 56_170_927)


def test_real_cells_of_authorities(estimates: StagedRelease):
    rows = rows_of(estimates, PEOPLE, local_authority_code="E06000047", quarter_start=MID_2023)
    assert only(rows, "population", "force_code", "cell") == (532_182, "E23000008", "E12")
    rows = rows_of(estimates, PEOPLE, local_authority_code="W06000022", quarter_start=dt.date(2011, 4, 1))
    assert only(rows, "population", "force_code", "cell") == (145_785, "W15000002", "AC365")


def test_the_real_table_of_police_force_areas_loads_unchanged(force_areas: StagedRelease):
    (sheet,) = force_areas.manifest.sheets
    assert (sheet.sheet, sheet.header_row_number, sheet.counts.loaded, sheet.counts.unavailable) == (
        "Table P3",
        5,
        42,
        1,
    )
    assert force_areas.frame("rejects").empty
    assert failed_checks(force_areas) == []
    rows = rows_of(force_areas, OF_FORCES, force_code="E23000034")
    assert only(rows, "quarter_start", "population", "cell") == (MID_2018, 8_700, "C43")
    assert rows_of(force_areas, OF_FORCES, force_code="E23000005").empty  # Greater Manchester: ..


def test_real_forces_are_what_their_authorities_sum_to(estimates: StagedRelease, force_areas: StagedRelease):
    """Within what the census of 2021 changed: the figures of forces stay as they were estimated before it."""
    ours = rows_of(estimates, PEOPLE, quarter_start=MID_2018).groupby("force_code")["population"].sum()
    theirs = force_areas.frame(OF_FORCES).set_index("force_code")["population"]
    difference = ((ours - theirs) / theirs).dropna().abs()
    assert len(difference) == 42
    assert difference.drop("E23000034").max() < 0.03
    assert difference["E23000034"] == pytest.approx(0.0615, abs=0.0001)  # the City of London, 535 of 8,700


def test_authorities_lie_in_the_forces_of_the_lookup(reference: Path):
    lookup = pd.read_csv(_real_file(reference, "lad_to_csp_to_pfa_dec_2023.csv"), encoding="utf-8-sig")
    published = dict(zip(lookup["LAD23CD"], lookup["PFA23CD"], strict=True))
    ours = {row["local_authority_code"]: row["force_code"] for row in members.read_rows("local_authorities.csv")}
    assert ours == published
    names = {row["force_code"]: row["name"] for row in members.read_rows("forces.csv")}
    for code, name in set(zip(lookup["PFA23CD"], lookup["PFA23NM"], strict=True)):
        assert members.resolve("force", name) == code, names[code]


def test_every_force_has_a_local_authority():
    forces = {row["force_code"] for row in members.read_rows("forces.csv") if row["kind"] == TERRITORIAL_FORCE}
    assert {row["force_code"] for row in members.read_rows("local_authorities.csv")} == forces


def test_known_cells_of_the_sample():
    nation = rows_of(staged("population", "2023"), "published_total", quarter_start=MID_2023)
    assert only(nation, "value", "cell") == (60_854_727, "E4")
    force_areas = staged("population", "pfatables").frame(OF_FORCES)
    assert len(force_areas) == 42
    assert (force_areas["population"] % 100 == 0).all()
