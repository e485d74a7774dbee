"""Golden figures of the NRM: known cells of both header positions, published totals, and real vintages cell by cell."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from msoic_pipeline.ingest.sheet_checks import totals_equal_their_parts
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.workbooks.differences import TOTAL
from msoic_pipeline.workbooks.grid import Sheet
from msoic_pipeline.workbooks.headers import match_sheet
from msoic_pipeline.workbooks.source import load_source
from msoic_pipeline.workbooks.tidy import FileToTidy, Tidy, tidy_sheet
from msoic_pipeline_tests.sample import only, rows_of, staged, staged_releases

REFERRAL, DECISION = "fact_nrm_referral", "fact_nrm_decision"
AUTHORITY, COUNTY = "fact_nrm_referral_authority", "fact_nrm_referral_county"
ADULT, CHILD, UNKNOWN = "Adult (18 or over)", "Child (17 or under)", "Age not specified or unknown"

# Referrals by quarter as published on 7 March 2024.
PUBLISHED = {
    2015: (727, 760, 837, 939), 2016: (894, 1003, 906, 1002), 2017: (1156, 1194, 1323, 1463),
    2018: (1618, 1652, 1747, 1957), 2019: (2153, 2308, 2802, 3343), 2020: (2857, 2198, 2490, 3037),
    2021: (2935, 3119, 3316, 3330), 2022: (3773, 4157, 4578, 4413), 2023: (4738, 3993, 4131, 4142),
}  # fmt: skip
# First published by type of first responder: government, NGO, police, local authority.
RESPONDERS = {
    "quarter-2-2022": (2104, 265, 950, 852), "quarter-3-2022": (2394, 265, 969, 958),
    "quarter-4-2022": (2140, 231, 1034, 1012), "2023-january-to-march-tables.ods": (2374, 249, 1043, 1080),
    "quarter-2-2023": (1967, 198, 938, 895), "quarter-3-2023": (1995, 210, 970, 963),
    "quarter-4-2023": (1908, 221, 995, 1017),
}  # fmt: skip
# Releases of which another project's reading of the real file is at hand.
VINTAGES = {
    "2023q1a": "2023-january-to-march-tables.ods",
    "2023q1": "2023-january-to-march-tables-revised",
    "2023q2": "quarter-2-2023",
    "2023q3": "quarter-3-2023",
    "2023q4": "quarter-4-2023",
}
MISLABELLED = "2023q1a"  # its last quarter carries the year before


def _quarter(year: int | str, quarter: int | str) -> dt.date:
    return dt.date(int(year), int(str(quarter).removeprefix("Q")) * 3 - 2, 1)


@pytest.mark.parametrize(
    ("file", "sheet", "cell", "expected"),
    [
        # Header in row 4, column A empty.
        ("quarter-2-2022", "Table_2", "D58", {"age_group": ADULT, "location": "Overseas", "referrals": 1210}),
        ("quarter-2-2022", "Table_2", "K58", {"age_group": CHILD, "location": "UK and Overseas", "referrals": 113}),
        ("quarter-2-2022", "Table_12", "G8", {
            "first_responder_type": "Police", "first_responder": "Avon and Somerset Constabulary",
            "force_code": "E23000036", "exploitation_type": "Criminal", "age_group": ADULT, "gender": "Male",
            "nationality": "Albanian", "referrals": 1,
        }),
        # Header in row 6.
        ("quarter-4-2022", "Table_2", "A62", None),
        ("quarter-4-2022", "Table_2", "C62", {"age_group": ADULT, "location": "Overseas", "referrals": 1012}),
        ("quarter-4-2022", "Table_2", "H62", {"age_group": CHILD, "location": "Overseas", "referrals": 601}),
        ("quarter-4-2022", "Table_14", "F11", {
            "first_responder_type": "Local authority", "first_responder": "Local authority", "gender": "Female",
            "age_group": CHILD, "exploitation_type": "Criminal", "nationality": "Algerian", "referrals": 0,
        }),
    ],
)  # fmt: skip
def test_known_cells_of_referrals(file: str, sheet: str, cell: str, expected: dict[str, Any] | None):
    rows = rows_of(staged("nrm", file), REFERRAL, sheet=sheet, cell=cell)
    if expected is None:
        assert rows.empty
    else:
        quarter = dt.date(2022, 4, 1) if "quarter-2" in file else dt.date(2022, 10, 1)
        assert only(rows, "quarter_start", *expected) == (quarter, *expected.values())


def test_known_cells_of_decisions():
    release = staged("nrm", "quarter-4-2022")
    columns = ("quarter_start", "stage", "age_group", "decision", "decisions")
    grounds = "reasonable_grounds"
    found = {
        cell: only(rows_of(release, DECISION, sheet="Table_16", cell=cell), *columns) for cell in ("C9", "D9", "G9")
    }
    assert found == {
        "C9": (dt.date(2014, 1, 1), grounds, ADULT, "negative", 47),
        "D9": (dt.date(2014, 1, 1), grounds, ADULT, "positive", 372),
        "G9": (dt.date(2014, 1, 1), grounds, CHILD, "positive", 179),
    }
    reports = rows_of(release, REFERRAL, sheet="Table_25", cell="C8")
    assert only(reports, "breakdown", "quarter_start", "referrals") == ("duty_to_notify", dt.date(2015, 10, 1), 65)


# Referrals to the SCA and to the IECA as the bulletins first gave them.
AUTHORITIES = {"2023-january-to-march-tables-revised": (3768, 978), "quarter-4-2023": (3317, 825)}


@pytest.mark.parametrize("file", AUTHORITIES)
def test_referrals_by_competent_authority_as_first_published(file: str):
    release = staged("nrm", file)
    rows = rows_of(release, AUTHORITY, quarter_start=max(release.quarters()))
    by_authority = dict(zip(rows["competent_authority"], rows["referrals"], strict=True))
    assert (by_authority["SCA"], by_authority["IECA"]) == AUTHORITIES[file]


@pytest.mark.parametrize(
    ("file", "cell", "expected"),
    [
        ("quarter-1-2022", "E6", (dt.date(2022, 1, 1), "IECA", 604)),  # header in row 4, column A empty
        ("quarter-4-2022", "C7", (dt.date(2021, 10, 1), "SCA", 3064)),  # header in row 6
    ],
)
def test_known_cells_of_competent_authorities(file: str, cell: str, expected: tuple[dt.date, str, int]):
    rows = rows_of(staged("nrm", file), AUTHORITY, sheet="Table_4", cell=cell)
    assert only(rows, "quarter_start", "competent_authority", "referrals") == expected


@pytest.mark.parametrize("release", staged_releases("nrm"), ids=lambda release: release.release.file_name)
def test_both_authorities_together_have_all_referrals_of_their_release(release: StagedRelease):
    if release.release.reference_period < "2022-Q1":
        assert AUTHORITY not in {each.fact for each in release.manifest.vintages}
        return
    to_either = release.frame(AUTHORITY).groupby("quarter_start")["referrals"].sum()
    headline = rows_of(release, REFERRAL, breakdown="age_location").groupby("quarter_start")["referrals"].sum()
    assert min(to_either.index) == dt.date(2021, 10, 1)
    assert dict(to_either) == dict(headline[headline.index >= dt.date(2021, 10, 1)])


def test_counties_are_read_where_a_table_has_nothing_but_counties():
    release = staged("nrm", "2025-tables")
    rows = release.frame(COUNTY)
    assert set(rows["quarter_start"]) == {dt.date(2025, 10, 1)}
    assert only(rows[rows["cell"] == "B37"], "county", "referrals") == ("Greater London", 640)
    # In whatever words the county is published, it is the member's name that is loaded.
    assert {"Antrim", "Londonderry"} <= set(rows["county"])
    total = only(rows_of_totals(release, "Table_12"), "fact", "period_kind", "members", "value")
    assert total == (COUNTY, "quarter", "", rows["referrals"].sum())
    assert "Table_12" not in {sheet.sheet for sheet in staged("nrm", "2024-tables").manifest.sheets}


def rows_of_totals(release: StagedRelease, sheet: str) -> pd.DataFrame:
    """The published totals of a sheet."""
    totals = release.frame("published_total")
    return totals[totals["sheet"] == sheet]


def county_sheet(*rows: list[Any], title: str = "Table 12: NRM referrals by UK county [note 5]") -> Sheet:
    """A sheet of counties."""
    return Sheet("Table_12", [[title], ["Source: Home Office"], [], [], [], ["UK County", "Total"], *rows])


def test_a_county_that_is_not_known_is_told_with_those_that_it_may_be():
    tidy = _tidy(county_sheet(["Greater Londno", 618], ["Kent", 92], ["Total", 710]), "counties", "2025_q3")
    assert list(tidy.rows["county"]) == ["Kent"]
    (reject,) = tidy.rejects
    assert "Greater Londno" in str(reject) and "Greater London" in str(reject) and "counties.csv" in str(reject)


def test_counties_that_are_not_the_sum_that_is_published_are_told():
    tidy = _tidy(county_sheet(["Greater London", 618], ["Kent", 92], ["Total", 711]), "counties", "2025_q3")
    (finding,) = totals_equal_their_parts(tidy, FACTS[COUNTY], ())
    assert not finding.success and "710" in finding.detail and "711" in finding.detail


def test_tables_of_one_competent_authority_are_left_alone():
    sheets = {sheet.sheet for sheet in staged("nrm", "quarter-4-2022").manifest.sheets}
    assert "Table_16" in sheets and "Table_17" not in sheets


def test_totals_stand_apart_from_facts():
    totals = staged("nrm", "quarter-4-2022").frame("published_total")
    annual = totals[(totals["sheet"] == "Table_16") & (totals["cell"] == "L8")]
    assert only(annual, "period_kind", "period_start", "members", "value") == (
        "calendar_year", dt.date(2014, 1, 1), "", 2423
    )  # fmt: skip
    rows = rows_of(staged("nrm", "quarter-4-2022"), REFERRAL, breakdown="first_responder")
    assert TOTAL not in set(rows["nationality"]) | set(rows["gender"]) | set(rows["first_responder"])


def test_referrals_by_quarter_as_published_on_7_march_2024():
    rows = rows_of(staged("nrm", "quarter-4-2023"), REFERRAL, breakdown="age_location")
    sums = rows.groupby("quarter_start")["referrals"].sum()
    for year, quarters in PUBLISHED.items():
        assert tuple(sums[_quarter(year, number)] for number in (1, 2, 3, 4)) == quarters


@pytest.mark.parametrize("file", RESPONDERS)
def test_referrals_by_type_of_first_responder_as_first_published(file: str):
    rows = rows_of(staged("nrm", file), REFERRAL, breakdown="first_responder")
    sums = rows.groupby("first_responder_type")["referrals"].sum()
    kinds = ["Government agency", "NGO and third sector", "Police", "Local authority"]
    assert tuple(sums[kinds]) == RESPONDERS[file]


def test_headers_and_numbers_of_tables_move_between_releases():
    placed: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for release in staged_releases("nrm"):
        for sheet in release.manifest.sheets:
            placed[sheet.table].add((sheet.sheet, sheet.header_row_number))
    assert {row for _, row in placed["referrals_by_quarter"]} == {4, 6}
    assert len({sheet for sheet, _ in placed["first_responders_police"]}) >= 2
    assert len({sheet for sheet, _ in placed["duty_to_notify"]}) >= 3


def test_the_mislabelled_year_is_mended_as_declared():
    first, second = (staged("nrm", VINTAGES[vintage]) for vintage in (MISLABELLED, "2023q1"))
    assert [fault.fault for fault in first.manifest.replaced_cells] == ["nrm-2023q1-year"]
    assert second.manifest.replaced_cells == ()
    assert (first.release.edition, second.release.edition) == (1, 2)
    assert first.release.superseded_by == second.release.release_id
    quarter = _quarter(2023, 1)
    ours = [
        rows_of(r, REFERRAL, breakdown="age_location", quarter_start=quarter)["referrals"].sum()
        for r in (first, second)
    ]
    assert ours == [4746, 4746]


# ---- real releases, as another project read them ---------------------------------------------------


def _extract(reference: Path, name: str) -> Iterator[dict[str, str]]:
    path = reference / "nrm_extracts" / name
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


@pytest.mark.parametrize("vintage", VINTAGES)
def test_referrals_are_those_of_the_real_release(reference: Path, vintage: str):
    theirs: dict[tuple[dt.date, str, str], list[int]] = defaultdict(list)
    for row in _extract(reference, f"nrm_referrals_longitudinal__asof_{vintage}.csv"):
        if row["Location of exploitation"] != "Total":
            key = (_quarter(row["Year"], row["Quarter"]), row["Age at exploitation"], row["Location of exploitation"])
            theirs[key].append(int(row["NRM referrals"]))
    if vintage == MISLABELLED:
        for (quarter, *members), figures in list(theirs.items()):
            if len(figures) == 2:
                assert quarter == _quarter(2022, 1)
                theirs[(_quarter(2023, 1), members[0], members[1])] = [figures.pop()]
    rows = rows_of(staged("nrm", VINTAGES[vintage]), REFERRAL, breakdown="age_location")
    ours = {(row.quarter_start, row.age_group, row.location): [row.referrals] for row in rows.itertuples(index=False)}
    assert ours == theirs


@pytest.mark.parametrize("vintage", VINTAGES)
@pytest.mark.parametrize("stage", ["reasonable_grounds", "conclusive_grounds"])
def test_decisions_are_those_of_the_real_release(reference: Path, vintage: str, stage: str):
    theirs = {
        (_quarter(row["Year"], row["Quarter"]), age, decision): int(figure)
        for row in _extract(reference, f"nrm_{stage}__asof_{vintage}.csv")
        if row["Quarter"] != "Total"
        for header, figure in row.items()
        if " - " in header and not header.endswith("Total")
        for age, decision in [(header.partition(" - ")[0], header.partition(" - ")[2].split()[0].lower())]
    }
    rows = rows_of(staged("nrm", VINTAGES[vintage]), DECISION, stage=stage)
    ours = {(row.quarter_start, row.age_group, row.decision): row.decisions for row in rows.itertuples(index=False)}
    assert ours == theirs


@pytest.mark.parametrize("vintage", VINTAGES)
def test_duty_to_notify_reports_are_those_of_the_real_release(reference: Path, vintage: str):
    theirs = {
        _quarter(row["Year"], row["Quarter"]): int(row["Total"])
        for row in _extract(reference, f"nrm_duty_to_notify_longitudinal__asof_{vintage}.csv")
        if row["Quarter"] != "Total"
    }
    rows = rows_of(staged("nrm", VINTAGES[vintage]), REFERRAL, breakdown="duty_to_notify")
    assert dict(zip(rows["quarter_start"], rows["referrals"], strict=True)) == theirs


LABELS = ("First responder", "Exploitation type", "Age at exploitation", "Gender")
TITLES = {
    "police": ("Table 13: NRM referrals by police first responder", "Police first responder"),
    "ngo": ("Table 12: NRM referrals by NGO first responder", "NGO and third sector first responder"),
    "local-authority": ("Table 14: NRM referrals from local authority first responder", ""),
}


@pytest.mark.parametrize(
    ("kind", "quarter", "total"),
    [
        ("police", "2022_q2", 950),
        ("police", "2023_q4", 995),
        ("ngo", "2023_q4", 221),
        ("local-authority", "2022_q2", 852),
    ],
)
def test_first_responders_with_real_labels(reference: Path, kind: str, quarter: str, total: int):
    """A sheet laid out again from the extract: sparse labels, one column a nationality."""
    rows = list(_extract(reference, f"nrm_referrals_{kind}_{quarter}.csv.gz"))
    labels = LABELS if TITLES[kind][1] else LABELS[1:]
    tidy = _tidy(_sheet(rows, labels, *TITLES[kind]), f"first_responders_{kind.replace('-', '_')}", quarter)
    assert tidy.rejects == []
    assert tidy.rows["referrals"].sum() == total
    theirs = sum(
        float(row["People"])
        for row in rows
        if "Total" not in (*(row[label] for label in LABELS[1:]), row["Nationality"])
        and "total" not in row["First responder"]
    )
    assert tidy.rows["referrals"].sum() == theirs
    (finding,) = totals_equal_their_parts(tidy, FACTS[REFERRAL], ())
    assert finding.success, finding.detail
    assert finding.rows_checked > 500


def _sheet(rows: list[dict[str, str]], labels: tuple[str, ...], title: str, responder: str) -> Sheet:
    nationalities = list(dict.fromkeys(row["Nationality"] for row in rows))
    lines: dict[tuple[str, ...], dict[str, float]] = defaultdict(dict)
    for row in rows:
        key = tuple(row[label] for label in labels)
        if len(labels) < len(LABELS) and row["First responder"].endswith(" total"):
            key = ("Total",) * len(labels)
        lines[key][row["Nationality"]] = float(row["People"])
    grid: list[list[Any]] = [[title], ["Source: Home Office"], []]
    grid.append([*([responder] if responder else []), *labels[-3:], *nationalities])
    above: tuple[str, ...] = ()
    for key, figures in lines.items():
        own = ["" if label == "Total" and key[0] not in (label, above) else label for label in key]
        sparse = ["" if key[: depth + 1] == above[: depth + 1] else label for depth, label in enumerate(own)]
        grid.append([*sparse, *(figures.get(nationality, "") for nationality in nationalities)])
        above = key
    return Sheet("Table_13", grid)


def _tidy(sheet: Sheet, table_name: str, quarter: str) -> Tidy:
    source = load_source("nrm")
    (table,) = (table for table in source.tables if table.table == table_name)
    start = _quarter(*quarter.split("_q"))
    match = match_sheet(sheet, table, table.layouts[0], start)
    assert [difference.words(False) for difference in match.differences] == []
    period = f"{start.year}-Q{(start.month + 2) // 3}"
    tidy = tidy_sheet(sheet, match, source, FileToTidy("extract", start + dt.timedelta(days=150), period))
    assert np.all(tidy.rows["quarter_start"] == start)
    return tidy
