"""CPS quarterly data summaries: one workbook a financial-year quarter, each with its quarter and the three before it.

The CPS's own spreadsheets were not available: the layout is defined here from the measures its pages name. The modern
slavery figures sum to the published calendar years and give the annual report's changes, both at today's latest release
and at that of 21 July 2022; earlier releases of a quarter differ a little, and nothing says so. The release for
2019-2020 quarter 3 is there so that calendar 2019 is whole. Areas are synthetic, as is every quarter within a year.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from random import Random

from msoic_pipeline.periods import financial_quarter_label, period_label, shift_months
from msoic_pipeline.wording import tell_day
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Row, Rows, write_sidecar, write_xlsx

# Suspects and defendants are few, so larger areas are only roughly larger.
AREAS = {
    "Cymru-Wales": 6,
    "East Midlands": 8,
    "East of England": 6,
    "London North": 10,
    "London South": 9,
    "Mersey-Cheshire": 6,
    "North East": 6,
    "North West": 11,
    "South East": 8,
    "South West": 3,
    "Thames and Chiltern": 7,
    "Wessex": 3,
    "West Midlands": 13,
    "Yorkshire and Humberside": 10,
}

QUARTERS = [shift_months(dt.date(2019, 1, 1), 3 * n) for n in range(21)]  # 2018/19 Q4 to 2023/24 Q4

# Calendar-year sums 349, 267, 466, 405, 410 and 251, 197, 332, 282, 311: Parliamentary answer on modern slavery
# prosecutions.
# Convictions rise 53% from 2020/21 to 2021/22 and 78% from its first quarter to 2021/22 quarter 4, charged suspects
# 70% and 97%: annual report 2021-22, section 4.
PROSECUTIONS = (
    *(86, 89, 85, 89),  # 2019
    *(71, 64, 64, 68),
    *(108, 118, 119, 121),
    *(116, 101, 95, 93),
    *(99, 101, 103, 107),
    110,  # 2024, first quarter
)
CONVICTIONS = (
    *(62, 64, 61, 64),
    *(52, 46, 48, 51),
    *(76, 84, 86, 86),
    *(82, 70, 66, 64),
    *(74, 76, 79, 82),
    86,
)
CHARGED = (
    *(58, 60, 63, 66),
    *(65, 62, 70, 76),
    *(82, 118, 125, 128),
    *(122, 112, 106, 104),
    *(109, 113, 118, 121),
    126,
)
REFERRALS = (
    *(92, 96, 99, 104),
    *(101, 96, 108, 117),
    *(125, 178, 187, 194),
    *(189, 176, 168, 163),
    *(171, 178, 184, 190),
    197,
)

# All crime, as the pages of the CPS data summaries have it (2021-2022 quarter 1, 2022-2023 quarter 3, 2024-2025
# quarter 1). Index into QUARTERS → figure.
ALL_CRIME_REFERRALS = {8: 47_644, 9: 48_250, 14: 50_530, 15: 50_421, 20: 56_050}
ALL_CRIME_PROSECUTIONS = {14: 99_117, 15: 99_251}
ALL_CRIME_CONVICTION_RATE = {14: 0.819, 15: 0.824}
ALL_CRIME_RECEIPTS = {20: 52_531}

FIRST_WITH_RECEIPTS_APART = "2022/23 Q1"
RATES_AS_TEXT = ("2020/21 Q3", "2022/23 Q2")
# The release that the annual report draws on: its national charges and convictions are those of today.
UNREVISED_NATIONALLY = "2021/22 Q4"

PROSECUTION_MEASURES = ["Completed prosecutions", "Convictions", "Conviction rate", "Non-convictions", "Guilty pleas"]
NOTES: Rows = [
    ["Note", "Text"],
    [1, "Cases flagged modern slavery and human trafficking, unless the sheet says all crime."],
    [2, "Pre-charge counts suspects; prosecutions counts defendants."],
    [3, "Taken from the case-management system: provisional, and revised in later summaries."],
    [4, "Until 2022/23 quarter 1, receipts from the police stands for referrals and receipts alike."],
    [5, "- means that no prosecution was completed, so that there is no conviction rate."],
]

CountsByArea = dict[str, list[int]]  # measure → one count an area


def write(raw: Path) -> None:
    """Write the summary of every quarter that has three before it under ``raw/cps``."""
    for last in range(3, len(QUARTERS)):
        start = QUARTERS[last]
        quarter = financial_quarter_label(start)  # 2021/22 Q4
        year = f"{quarter[:4]}-20{quarter[5:7]}"
        published = find_day_of_publication(start)
        title = f"CPS data summary Quarter {quarter[-1]} {year}"
        path = raw / "cps" / f"cps-data-summary-quarter-{quarter[-1]}-{year}.xlsx"
        window = range(last - 3, last + 1)
        counts = {index: draw_counts(index, last) for index in window}
        pre_charge = list_pre_charge_measures(quarter)
        write_xlsx(
            path,
            {
                "Cover": [
                    [title],
                    [f"Published: {tell_day(published)}"],
                    ["Management information, provisional"],
                    [SYNTHETIC],
                ],
                "Notes": NOTES,
                "1 Pre-charge": make_area_table("Pre-charge: suspects", pre_charge, counts, quarter),
                "2 Prosecutions": make_area_table("Prosecutions: defendants", PROSECUTION_MEASURES, counts, quarter),
                "3 All crime": make_all_crime_table(window, last),
            },
        )
        write_sidecar(path, title, published, period_label("quarter", start))


def find_day_of_publication(quarter: dt.date) -> dt.date:
    """Return the third Thursday of the fourth month after the quarter."""
    first = shift_months(quarter, 6)
    return first + dt.timedelta(days=(3 - first.weekday()) % 7 + 14)


def list_pre_charge_measures(release: str) -> list[str]:
    """Return the pre-charge measures of a release: until 2022/23 Q1 "receipts" stood for referrals too."""
    received = ["Receipts from the police"]
    if release >= FIRST_WITH_RECEIPTS_APART:
        received = ["Referrals from the police", "Receipts for a charging decision"]
    return [*received, "Legal decisions", "Charged", "No further action"]


def draw_counts(index: int, release: int) -> CountsByArea:
    """Return the quarter's modern slavery counts by area, as the release of ``QUARTERS[release]`` gives them."""
    random = Random(f"cps:areas:{index}")

    def spread(total: int) -> list[int]:
        return allocate(total, [weight * random.uniform(0.1, 1.9) for weight in AREAS.values()])

    counts: CountsByArea = {
        "Referrals from the police": spread(REFERRALS[index]),
        "Charged": spread(CHARGED[index]),
        "No further action": spread(round(CHARGED[index] * 0.31)),
        "Other decisions": spread(round(CHARGED[index] * 0.03)),
        "Convictions": spread(CONVICTIONS[index]),
        "Non-convictions": spread(PROSECUTIONS[index] - CONVICTIONS[index]),
    }
    counts["Guilty pleas"] = allocate(round(CONVICTIONS[index] * 0.68), counts["Convictions"])
    if not is_latest_of_quarter(index, release):
        counts = undo_revision(counts, index, release)
    return counts | derive_counts(counts)


def is_latest_of_quarter(index: int, release: int) -> bool:
    """Return whether a release is the last one that shows the quarter."""
    return release == min(index + 3, len(QUARTERS) - 1)


def undo_revision(counts: CountsByArea, index: int, release: int) -> CountsByArea:
    """Return what a release earlier than the quarter's latest said, a case or two away from ``counts``."""
    random = Random(f"cps:revision:{index}:{release}")
    earlier: CountsByArea = {}
    for measure, areas in counts.items():
        earlier[measure] = list(areas)
        if measure == "Other decisions":  # too few to change
            continue
        largest = sorted(range(len(areas)), key=areas.__getitem__, reverse=True)[:5]
        change = random.choice((-2, -1, -1, 0, 1))
        first, second = random.sample(largest, 2)
        pinned = measure in ("Charged", "Convictions")
        if pinned and financial_quarter_label(QUARTERS[release]) == UNREVISED_NATIONALLY:
            earlier[measure][first] += 1
            earlier[measure][second] -= 1
        else:
            earlier[measure][first] = max(areas[first] + change, 0)
    pairs = zip(earlier["Guilty pleas"], earlier["Convictions"], strict=True)
    return earlier | {"Guilty pleas": [min(pair) for pair in pairs]}


def derive_counts(counts: CountsByArea) -> CountsByArea:
    """Return the counts that follow of others: receipts, legal decisions and completed prosecutions."""
    referrals = counts["Referrals from the police"]
    decisions = zip(counts["Charged"], counts["No further action"], counts["Other decisions"], strict=True)
    completed = zip(counts["Convictions"], counts["Non-convictions"], strict=True)
    return {
        "Receipts from the police": referrals,
        "Receipts for a charging decision": allocate(round(sum(referrals) * 0.94), referrals),
        "Legal decisions": [sum(parts) for parts in decisions],
        "Completed prosecutions": [sum(parts) for parts in completed],
    }


def make_area_table(subject: str, measures: list[str], counts: dict[int, CountsByArea], release: str) -> Rows:
    """Return a sheet of one block of measures a quarter: quarter on row 3, measures on row 4, areas, National."""
    labels = [financial_quarter_label(QUARTERS[index]) for index in counts]
    blanks = [None] * (len(measures) - 1)
    rows: list[Row] = [
        [f"{subject} in cases flagged modern slavery and human trafficking, by CPS Area, {labels[0]} to {labels[-1]}"],
        [],
        [None, *(cell for label in labels for cell in (label, *blanks))],
        ["CPS Area", *(measures * len(labels))],
    ]
    for area, name in enumerate([*AREAS, "National"]):
        row: Row = [name]
        for block in counts.values():
            values = {m: sum(parts) if name == "National" else parts[area] for m, parts in block.items()}
            rate = work_out_conviction_rate(values["Convictions"], values["Completed prosecutions"], release)
            row += [rate if measure == "Conviction rate" else values[measure] for measure in measures]
        rows.append(row)
    return rows


def work_out_conviction_rate(convictions: int, completed: int, release: str) -> float | str:
    """Return the rate as a release shows it: as a share, as a text, or as a dash where no prosecution was completed."""
    if not completed:
        return "-"
    rate = convictions / completed
    return f"{rate:.1%}" if release in RATES_AS_TEXT else round(rate, 3)


def make_all_crime_table(window: range, release: int) -> Rows:
    """Return the national sheet: a row a measure, a column a quarter; figures the CPS published stand as they were."""
    label = financial_quarter_label(QUARTERS[release])
    measures = [*list_pre_charge_measures(label), *PROSECUTION_MEASURES]
    columns = [draw_all_crime(index, release, label) for index in window]
    return [
        ["All crime, national"],
        [],
        ["Measure", *(financial_quarter_label(QUARTERS[index]) for index in window)],
        *([measure, *(column[measure] for column in columns)] for measure in measures),
    ]


def draw_all_crime(index: int, release: int, label: str) -> dict[str, float | str]:
    """Return the national figures of a quarter by measure, as the release of ``QUARTERS[release]`` gives them."""
    random = Random(f"cps:all crime:{index}")
    revision = 1.0
    if not is_latest_of_quarter(index, release):
        revision += Random(f"cps:all crime:{index}:{release}").uniform(-0.002, 0.002)

    def draw_figure(published: dict[int, int], invented: dict[int, int]) -> int:
        drift = random.uniform(0.99, 1.01) * revision
        return published.get(index) or round(interpolate(published | invented, index) * drift)

    referrals = draw_figure(ALL_CRIME_REFERRALS, {0: 58_000, 4: 53_000, 5: 46_000})
    receipts = ALL_CRIME_RECEIPTS.get(index) or round(referrals * 0.937)
    decisions = draw_figure({}, {0: 56_000, 4: 51_000, 5: 45_000, 8: 46_000, 20: 53_000})
    completed = draw_figure(ALL_CRIME_PROSECUTIONS, {0: 124_000, 4: 112_000, 5: 72_000, 8: 112_000, 20: 107_000})
    rate = interpolate(ALL_CRIME_CONVICTION_RATE | {0: 0.838, 8: 0.832, 20: 0.83}, index)
    convictions = round(completed * rate)
    return {
        "Referrals from the police": referrals,
        "Receipts from the police": referrals,
        "Receipts for a charging decision": receipts,
        "Legal decisions": decisions,
        "Charged": round(decisions * 0.74),
        "No further action": round(decisions * 0.22),
        "Completed prosecutions": completed,
        "Convictions": convictions,
        "Conviction rate": work_out_conviction_rate(convictions, completed, label),
        "Non-convictions": completed - convictions,
        "Guilty pleas": round(convictions * 0.9),
    }


def interpolate(points: dict[int, int] | dict[int, float], index: int) -> float:
    """Return the straight-line value at ``index`` between the known ``points``."""
    before = max(point for point in points if point <= index)
    after = min(point for point in points if point >= index)
    if before == after:
        return points[before]
    return points[before] + (points[after] - points[before]) * (index - before) / (after - before)
