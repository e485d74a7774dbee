"""Golden figures of police recorded crime: the real sheet of 2017/18, and known cells of the sample's layouts."""

from __future__ import annotations

import datetime as dt
import gzip
from itertools import islice
from pathlib import Path

import pytest

from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline_tests.independent import read_cells
from msoic_pipeline_tests.sample import RAW, failed_checks, land_copy, only, rows_of, staged

FACT, PARTNERSHIP = "fact_recorded_crime", "fact_recorded_crime_partnership"
SHEET = "prc-pfa-mar2013-onwards-tables201718"
MODERN_SLAVERY, TRAFFICKING, HOMICIDE = "106", "72", "1/4.1/4.10/4.2"
Q1 = dt.date(2017, 4, 1)


@pytest.fixture(scope="module")
def real(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> StagedRelease:
    path = reference / "recorded_crime" / f"{SHEET}.csv.gz"
    return land_copy(tmp_path_factory.mktemp("real"), "recorded_crime", path, "2018-07-19", "2018-Q1")


def test_real_modern_slavery_by_quarter(real: StagedRelease):
    slavery = rows_of(real, FACT, offence_code=MODERN_SLAVERY).groupby("quarter_start")["offences"].sum()
    assert slavery.tolist() == [610, 726, 964, 1093]
    assert list(slavery.index) == [dt.date(2017, 4, 1), dt.date(2017, 7, 1), dt.date(2017, 10, 1), dt.date(2018, 1, 1)]
    assert slavery.sum() == 3393


def test_real_totals(real: StagedRelease):
    assert real.frame(FACT)["offences"].sum() == 5_519_401
    assert rows_of(real, FACT, offence_code=TRAFFICKING)["offences"].sum() == 2
    assert real.manifest.counts.loaded == 23_068
    assert real.frame("rejects").empty


def test_real_homicide_is_summed_from_four_cells(real: StagedRelease):
    homicide = rows_of(real, FACT, offence_code=HOMICIDE)
    assert homicide["offences"].sum() == 728
    assert homicide["cell"].str.split(",").map(len).eq(4).all()


def test_the_real_file_passes_every_check(real: StagedRelease):
    assert failed_checks(real) == []


def test_real_counts_as_they_are_written(real: StagedRelease, reference: Path):
    """``-00`` is zero, texts are padded, and cancellations make 36 counts negative, two of them rows of homicide."""
    rows = real.frame(FACT)
    assert only(rows[rows["cell"] == "H7"], "offence_code", "offences") == ("31", 0)
    assert only(rows[rows["cell"] == "H14234"], "offence_code", "offences") == ("88C", -45)
    assert rows.loc[~rows["cell"].str.contains(","), "offences"].lt(0).sum() == 36 - 2
    assert rows["offences"].min() == -45
    cells = read_cells(reference / "recorded_crime" / f"{SHEET}.csv.gz", {(SHEET, "H7"), (SHEET, "H14234")})
    assert cells == {(SHEET, "H7"): "-00 ", (SHEET, "H14234"): "-45 "}


def test_real_fraud_bodies_are_kept_apart_from_places(real: StagedRelease):
    forces = set(real.frame(FACT)["force_code"])
    assert {"AF", "CIFAS"} <= forces
    assert sum(code.startswith(("E23", "W15")) for code in forces) == 43


@pytest.mark.parametrize("name", ["offences-2017-18.csv", f"{'long' * 60}.csv"])
def test_a_csv_may_have_any_name(tmp_path: Path, reference: Path, name: str):
    """A CSV's sheet is called as the file is, or as it is kept in the archive where that name is too long."""
    path = tmp_path / name
    with gzip.open(reference / "recorded_crime" / f"{SHEET}.csv.gz", "rt", encoding="utf-8-sig") as lines:
        path.write_text("".join(islice(lines, 40)), encoding="utf-8")
    release = land_copy(tmp_path / "landed", "recorded_crime", path, "2018-07-19", "2018-Q1")
    assert len(release.frame(FACT)) == 39


@pytest.mark.parametrize(
    ("file", "sheet", "cell", "quarter", "force", "offence", "offences"),
    [
        ("-270122", "2015-16", "H3", dt.date(2015, 4, 1), "E23000036", "80", 9),
        ("-270122", "2019-20", "H3", dt.date(2019, 4, 1), "E23000036", "80", 8),
        ("-270122", "2021-22", "H3", dt.date(2021, 4, 1), "E23000036", "80", 5),
        ("201718.csv", SHEET, "H5", Q1, "E23000036", "73", 0),
        ("-280422.xlsx", "2019-20", "H3", dt.date(2019, 4, 1), "E23000036", "80", 8),
    ],
)
def test_known_cells_by_force(
    file: str, sheet: str, cell: str, quarter: dt.date, force: str, offence: str, offences: int
):
    rows = rows_of(staged("recorded_crime", f"onwards-tables{file}"), FACT, sheet=sheet, cell=cell)
    found = only(rows, "quarter_start", "force_code", "offence_code", "offences")
    assert found == (quarter, force, offence, offences)


def test_headers_differ_between_the_sheets_of_one_file():
    release = staged("recorded_crime", "prc-pfa-mar2013-onwards-tables-270122")
    path = RAW / release.release.file_name
    cells = read_cells(path, {("2018-19", "H1"), ("2019-20", "H1")})
    assert cells == {("2018-19", "H1"): "Number of Offences", ("2019-20", "H1"): "Offence Count"}
    assert {sheet.sheet for sheet in release.manifest.sheets} >= {"2018-19", "2019-20"}


def test_published_national_totals_of_modern_slavery():
    """884 in 2015/16; 2,255; 3,393, later 3,412; 5,144 in 2018/19; 7,779 without Greater Manchester in 2019/20."""
    rows = rows_of(staged("recorded_crime", "-270122"), FACT, offence_code=MODERN_SLAVERY)
    year = rows.groupby(rows["quarter_start"].map(lambda day: day.year - (day.month < 4)))["offences"].sum()
    assert year.loc[2015:2018].tolist() == [884, 2255, 3412, 5144]
    without = rows[rows["force_code"] != "E23000005"]
    in_2019 = without["quarter_start"].between(dt.date(2019, 4, 1), dt.date(2020, 1, 1))
    assert without.loc[in_2019, "offences"].sum() == 7779


def test_a_force_that_did_not_report_has_no_rows():
    rows = rows_of(staged("recorded_crime", "-270122"), FACT, force_code="E23000005")
    missing = {dt.date(2019, 7, 1), dt.date(2019, 10, 1), dt.date(2020, 1, 1)}
    assert not missing & set(rows["quarter_start"])
    assert dt.date(2020, 4, 1) in set(rows["quarter_start"])


@pytest.mark.parametrize(
    ("file", "sheet", "total", "slavery"), [("dec21", "2021-22", 67795, 1042), ("mar24", "2021_22", 90430, 1423)]
)
def test_partnerships(file: str, sheet: str, total: int, slavery: int):
    rows = staged("recorded_crime", f"prc-csp-mar16-{file}").frame(PARTNERSHIP)
    first = rows[(rows["sheet"] == sheet) & (rows["cell"] == "I2")]
    assert only(first, "quarter_start", "partnership", "offences") == (dt.date(2021, 4, 1), "Bedford", 8)
    assert rows["offences"].sum() == total
    assert rows.loc[rows["offence_code"] == MODERN_SLAVERY, "offences"].sum() == slavery
    assert "Unassigned Bedfordshire" in set(rows["partnership"])


def test_an_offence_keeps_the_last_of_its_labels():
    offences = staged("recorded_crime", "-270122").frame("dim_offence").set_index("offence_code")
    assert offences.loc["80", "offence_group"] == "Miscellaneous crimes against society"
    assert offences.loc["29", "offence_subgroup"] == "Residential burglary"
    assert offences.loc[MODERN_SLAVERY, "description"] == "Modern slavery"
