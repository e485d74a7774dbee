"""Golden figures of the CPS case outcomes: the real files where they are, and the sample's own."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model import members
from msoic_pipeline_tests.sample import failed_checks, land_copy, only, rows_of, staged

FACT = "fact_cps_case_outcome"
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# National convictions and unsuccessful outcomes of some months, all categories: the files' row National, added up.
NATIONAL = {"2016-04": (41_938, 8_357)}


@pytest.fixture(scope="module")
def real(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, StagedRelease]:
    """The releases by month: the folder names the year, the file the month."""
    paths = sorted((reference / "cps_case_outcomes").glob("*/*.csv"))
    if not paths:
        pytest.skip(f"the published files are not at {reference / 'cps_case_outcomes'}")
    releases = {}
    for path in paths:
        name = re.search("|".join(MONTHS), path.name.lower().removeprefix("principal_offence_category"))
        assert name
        month = f"{path.parent.name}-{MONTHS.index(name[0]) + 1:02d}"
        folder = tmp_path_factory.mktemp(month)
        releases[month] = land_copy(folder, "cps_case_outcomes", path, "2018-06-30", month)
    return releases


def test_the_real_files_load_unchanged(real: dict[str, StagedRelease]):
    assert len(real) == 22
    for month, release in real.items():
        (sheet,) = release.manifest.sheets
        assert (sheet.header_row_number, sheet.counts.data_rows, sheet.counts.loaded, sheet.counts.totals) == (
            1,
            43,
            1_050,
            25,
        ), month
        assert release.frame("rejects").empty
        assert failed_checks(release) == []


def test_real_totals_and_rates_agree_in_every_file(real: dict[str, StagedRelease]):
    for release in real.values():
        checks = {finding.check_name.partition(":")[0]: finding for finding in release.manifest.findings}
        assert checks["totals equal their parts"].rows_checked == 25
        assert checks["rates agree with their counts"].rows_checked > 1_000
        assert all(finding.success for finding in checks.values())


def test_real_areas_sum_to_the_national_row(real: dict[str, StagedRelease]):
    for month, (convictions, unsuccessful) in NATIONAL.items():
        counts = real[month].frame(FACT).groupby("measure")["value"].sum()
        assert counts.to_dict() == {"convictions": convictions, "unsuccessful": unsuccessful}


def test_real_cells(real: dict[str, StagedRelease]):
    release = real["2016-04"]
    rows = rows_of(
        release, FACT, cps_case_area_code="avon-somerset", offence_category="burglary", measure="convictions"
    )
    assert only(rows, "value", "month_start", "force_code", "cell") == (25, dt.date(2016, 4, 1), "E23000036", "N3")
    rows = rows_of(release, FACT, cps_case_area_code="avon-somerset", offence_category="admin_finalised")
    assert only(rows, "measure", "value", "cell") == ("unsuccessful", 15, "AX3")


def test_no_real_file_is_another_months(real: dict[str, StagedRelease]):
    """Somebody's archive has six files of 2017 a second time, as those of 2018."""
    contents = {tuple(release.frame(FACT)["value"]) for release in real.values()}
    assert len(contents) == len(real)


def test_areas_lie_in_the_cps_areas_of_their_forces():
    forces = {row["force_code"]: row["cps_area_code"] for row in members.read_rows("forces.csv")}
    areas = members.read_rows("cps_case_areas.csv")
    assert len(areas) == 42
    assert {row["name"] for row in areas if forces[row["force_code"]] != row["cps_area_code"]} == set()
    # Every force has an area of its own but the City of London, which stands with the Metropolitan Police.
    assert {code for code, area in forces.items() if area} - {row["force_code"] for row in areas} == {"E23000034"}


def test_spellings_of_areas():
    assert members.resolve("cps_case_area", "GreaterManchester") == "greater-manchester"
    assert members.resolve("cps_case_area", "Dyfed Powys") == "dyfed-powys"
    assert members.resolve_attribute("cps_case_area", "Metropolitan and City", "force_code") == "E23000001"


def test_the_sample_has_a_month_issued_again():
    first, again = (staged("cps_case_outcomes", name) for name in ("march_2016.csv", "march_2016_v2"))
    assert first.release.superseded_by == again.release.release_id
    assert again.frame(FACT)["value"].sum() > first.frame(FACT)["value"].sum()
