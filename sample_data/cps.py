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
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Rows, write_sidecar, write_xlsx

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

# Calendar-year sums 349, 267, 466, 405, 410 and 251, 197, 332, 282, 311: Parliamentary answer, domain notes, section 3.
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

# All crime, as published on the CPS's pages: domain notes, section 3. Index into QUARTERS → figure.
ALL_CRIME_REFERRALS = {8: 47_644, 9: 48_250, 14: 50_530, 15: 50_421, 20: 56_050}
ALL_CRIME_PROSECUTIONS = {14: 99_117, 15: 99_251}
ALL_CRIME_CONVICTION_RATE = {14: 0.819, 15: 0.824}
ALL_CRIME_RECEIPTS = {20: 52_531}

FIRST_WITH_RECEIPTS_APART = "2022/23 Q1"
RATES_AS_TEXT = ("2020/21 Q3", "2022/23 Q2")
# The release that the annual report draws on: its national charges and convictions are those of today.
UNREVISED_NATIONALLY = "2021/22 Q4"

Counts = dict[str, list[int]]  # measure → one count an area


def write(raw: Path) -> None:
    for last in range(3, len(QUARTERS)):
        start = QUARTERS[last]
        quarter = financial_quarter_label(start)  # 2021/22 Q4
        year = f"{quarter[:4]}-20{quarter[5:7]}"
        published = published_on(start)
        title = f"CPS data summary Quarter {quarter[-1]} {year}"
        name = f"cps-data-summary-quarter-{quarter[-1]}-{year}.xlsx"
        window = range(last - 3, last + 1)
        counts = {index: area_counts(index, last) for index in window}
        write_xlsx(
            raw / "cps" / name,
            {
                "Cover": [
                    [title],
                    [f"Published: {published.day} {published:%B %Y}"],
                    ["Management information, provisional"],
                    [SYNTHETIC],
                ],
                "Notes": notes(),
                "1 Pre-charge": two_tier("Pre-charge: suspects", pre_charge(quarter), counts, quarter),
                "2 Prosecutions": two_tier("Prosecutions: defendants", prosecutions(), counts, quarter),
                "3 All crime": all_crime(window, last),
            },
        )
        write_sidecar(raw / "cps" / name, title, published, period_label("quarter", start))


def published_on(quarter: dt.date) -> dt.date:
    """Return the third Thursday of the fourth month after the quarter."""
    first = shift_months(quarter, 6)
    return first + dt.timedelta(days=(3 - first.weekday()) % 7 + 14)


def pre_charge(release: str) -> list[str]:
    """Return the pre-charge measures of a release: until 2022/23 Q1 "receipts" stood for referrals too."""
    received = ["Receipts from the police"]
    if release >= FIRST_WITH_RECEIPTS_APART:
        received = ["Referrals from the police", "Receipts for a charging decision"]
    return [*received, "Legal decisions", "Charged", "No further action"]


def prosecutions() -> list[str]:
    return ["Completed prosecutions", "Convictions", "Conviction rate", "Non-convictions", "Guilty pleas"]


def notes() -> Rows:
    return [
        ["Note", "Text"],
        [1, "Cases flagged modern slavery and human trafficking, unless the sheet says all crime."],
        [2, "Pre-charge counts suspects; prosecutions counts defendants."],
        [3, "Taken from the case-management system: provisional, and revised in later summaries."],
        [4, "Until 2022/23 quarter 1, receipts from the police stands for referrals and receipts alike."],
        [5, "- means that no prosecution was completed, so that there is no conviction rate."],
    ]


def area_counts(index: int, release: int) -> Counts:
    """Return the quarter's modern slavery counts by area, as the release of ``QUARTERS[release]`` gives them."""
    random = Random(f"cps:areas:{index}")

    def spread(total: int) -> list[int]:
        return allocate(total, [weight * random.uniform(0.1, 1.9) for weight in AREAS.values()])

    counts: Counts = {
        "Referrals from the police": spread(REFERRALS[index]),
        "Charged": spread(CHARGED[index]),
        "No further action": spread(round(CHARGED[index] * 0.31)),
        "Other decisions": spread(round(CHARGED[index] * 0.03)),
        "Convictions": spread(CONVICTIONS[index]),
        "Non-convictions": spread(PROSECUTIONS[index] - CONVICTIONS[index]),
    }
    counts["Guilty pleas"] = allocate(round(CONVICTIONS[index] * 0.68), counts["Convictions"])
    if release < min(index + 3, len(QUARTERS) - 1):
        revise(counts, index, release)
    counts["Receipts from the police"] = counts["Referrals from the police"]
    counts["Receipts for a charging decision"] = allocate(
        round(sum(counts["Referrals from the police"]) * 0.94), counts["Referrals from the police"]
    )
    decisions = zip(counts["Charged"], counts["No further action"], counts["Other decisions"], strict=True)
    counts["Legal decisions"] = [sum(parts) for parts in decisions]
    completed = zip(counts["Convictions"], counts["Non-convictions"], strict=True)
    counts["Completed prosecutions"] = [sum(parts) for parts in completed]
    return counts


def revise(counts: Counts, index: int, release: int) -> None:
    """Make ``counts`` what a release earlier than the quarter's latest said, a case or two away."""
    random = Random(f"cps:revision:{index}:{release}")
    for measure, areas in counts.items():
        if measure == "Other decisions":  # too few to change
            continue
        largest = sorted(range(len(areas)), key=areas.__getitem__, reverse=True)[:5]
        change = random.choice((-2, -1, -1, 0, 1))
        first, second = random.sample(largest, 2)
        pinned = measure in ("Charged", "Convictions")
        if pinned and financial_quarter_label(QUARTERS[release]) == UNREVISED_NATIONALLY:
            areas[first] += 1
            areas[second] -= 1
        else:
            areas[first] = max(areas[first] + change, 0)
    pairs = zip(counts["Guilty pleas"], counts["Convictions"], strict=True)
    counts["Guilty pleas"] = [min(pair) for pair in pairs]


def two_tier(subject: str, measures: list[str], counts: dict[int, Counts], release: str) -> Rows:
    """Return a sheet of one block of measures a quarter: quarter on row 3, measures on row 4, areas, National."""
    labels = [financial_quarter_label(QUARTERS[index]) for index in counts]
    blanks = [None] * (len(measures) - 1)
    rows: list[list[str | int | float | None]] = [
        [f"{subject} in cases flagged modern slavery and human trafficking, by CPS Area, {labels[0]} to {labels[-1]}"],
        [],
        [None, *(cell for label in labels for cell in (label, *blanks))],
        ["CPS Area", *(measures * len(labels))],
    ]
    for area, name in enumerate([*AREAS, "National"]):
        row: list[str | int | float | None] = [name]
        for block in counts.values():
            values = {m: sum(parts) if name == "National" else parts[area] for m, parts in block.items()}
            rate = conviction_rate(values["Convictions"], values["Completed prosecutions"], release)
            row += [rate if measure == "Conviction rate" else values[measure] for measure in measures]
        rows.append(row)
    return rows


def conviction_rate(convictions: int, completed: int, release: str) -> float | str:
    if not completed:
        return "-"
    rate = convictions / completed
    return f"{rate:.1%}" if release in RATES_AS_TEXT else round(rate, 3)


def all_crime(window: range, release: int) -> Rows:
    """Return the national sheet: a row a measure, a column a quarter; figures the CPS published stand as they were."""
    label = financial_quarter_label(QUARTERS[release])
    measures = [*pre_charge(label), *prosecutions()]
    columns = [all_crime_quarter(index, release, label) for index in window]
    return [
        ["All crime, national"],
        [],
        ["Measure", *(financial_quarter_label(QUARTERS[index]) for index in window)],
        *([measure, *(column[measure] for column in columns)] for measure in measures),
    ]


def all_crime_quarter(index: int, release: int, label: str) -> dict[str, float | str]:
    random = Random(f"cps:all crime:{index}")
    latest = release == min(index + 3, len(QUARTERS) - 1)
    revision = 1.0 if latest else 1 + Random(f"cps:all crime:{index}:{release}").uniform(-0.002, 0.002)

    def figure(published: dict[int, int], invented: dict[int, int]) -> int:
        drift = random.uniform(0.99, 1.01) * revision
        return published.get(index) or round(between(published | invented, index) * drift)

    referrals = figure(ALL_CRIME_REFERRALS, {0: 58_000, 4: 53_000, 5: 46_000})
    receipts = ALL_CRIME_RECEIPTS.get(index) or round(referrals * 0.937)
    decisions = figure({}, {0: 56_000, 4: 51_000, 5: 45_000, 8: 46_000, 20: 53_000})
    completed = figure(ALL_CRIME_PROSECUTIONS, {0: 124_000, 4: 112_000, 5: 72_000, 8: 112_000, 20: 107_000})
    rate = between(ALL_CRIME_CONVICTION_RATE | {0: 0.838, 8: 0.832, 20: 0.83}, index)
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
        "Conviction rate": conviction_rate(convictions, completed, label),
        "Non-convictions": completed - convictions,
        "Guilty pleas": round(convictions * 0.9),
    }


def between(points: dict[int, int] | dict[int, float], index: int) -> float:
    """Return the straight-line value at ``index`` between the known ``points``."""
    before = max(point for point in points if point <= index)
    after = min(point for point in points if point >= index)
    if before == after:
        return points[before]
    return points[before] + (points[after] - points[before]) * (index - before) / (after - before)
