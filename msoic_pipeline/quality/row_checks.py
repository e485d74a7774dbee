"""Checks on the rows of releases, before they are loaded.

Each takes the rows of several releases and their fact table, and returns a row a failure: ``release_id``, ``detail``,
and ``sheet`` and ``cell`` where the failure has a place.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.ingest.findings import Failure, Finding
from msoic_pipeline.ingest.known_faults import Fault, accepted_words, divide_accepted
from msoic_pipeline.limits import MAX_LISTED
from msoic_pipeline.model.members import name_of
from msoic_pipeline.model.views import division, grain
from msoic_pipeline.periods import PERIOD_MONTHS, period_label
from msoic_pipeline.quality.checks import Check, at_cell, day_words, figure_words, number_label, period_number
from msoic_pipeline.texts import first_of

DAYS_OF_A_WEEK = 7
# Periods of fewer figures than these can be the same by chance.
FEWEST_FIGURES = 10


def dates_in_quarter(rows: pd.DataFrame, fact: sa.Table) -> pd.DataFrame:
    """Find rows whose quarter is not the first day of one, or whose month or day lies outside it."""
    quarter = rows["quarter_start"]
    wrong = quarter.notna() & ~((quarter.dt.day == 1) & (quarter.dt.month % 3 == 1))
    for name in ("month_start", "day"):
        if name in fact.columns:
            finer = rows[name]
            outside = (finer.dt.year != quarter.dt.year) | (finer.dt.quarter != quarter.dt.quarter)
            wrong |= finer.notna() & quarter.notna() & outside
    bad = rows.loc[wrong, ["release_id", "sheet", "cell"]]
    places = zip(bad["sheet"], bad["cell"], strict=True)
    return bad.assign(detail=[at_cell(sheet, cell) for sheet, cell in places])


def series_without_gaps(rows: pd.DataFrame, fact: sa.Table) -> pd.DataFrame:
    """Find series of a release in which periods are missing between its first and its last.

    In monthly records a measure of which nothing happened has no row: there the series is the whole breakdown.
    """
    kind = grain(fact)
    time = f"{kind}_start"
    dividing = (division(fact), "measure") if kind == "quarter" else (division(fact),)
    series = ["release_id", *(name for name in dividing if name in fact.columns)]
    seen = rows[[*series, time]].dropna().drop_duplicates()
    seen["number"] = period_number(seen[time], kind)
    spans = seen.groupby(series, as_index=False)["number"].agg(["min", "max", "nunique"])
    holed = spans[spans["max"] - spans["min"] + 1 > spans["nunique"]]
    details = []
    for span in holed.to_dict("records"):
        same = (seen[series] == pd.Series({name: span[name] for name in series})).all(axis=1)
        missing = sorted(set(range(span["min"], span["max"])) - set(seen.loc[same, "number"]))
        labels = ", ".join(number_label(number, kind) for number in missing)
        name = ", ".join(str(span[column]) for column in series[1:]) or "the series"
        first, last = number_label(span["min"], kind), number_label(span["max"], kind)
        details.append(f"{name}: nothing of {labels}, between {first} and {last}")
    return holed[["release_id"]].assign(detail=details)


def yearly_totals_differ(rows: pd.DataFrame, fact: sa.Table) -> pd.DataFrame:
    """Find forces with the very same total in two whole financial years of one release."""
    (measure,) = fact.info["measures"]
    quarter = rows["quarter_start"]
    years = (
        rows.assign(year=quarter.dt.year - (quarter.dt.month < 4))
        .groupby(["release_id", "force_code", "year"], as_index=False)
        .agg(total=(measure, "sum"), quarters=("quarter_start", "nunique"))
    )
    whole = years[years["quarters"] == PERIOD_MONTHS["financial_year"] // PERIOD_MONTHS["quarter"]]
    same = whole[whole.duplicated(["release_id", "force_code", "total"], keep=False) & (whole["total"] != 0)]
    labels = [period_label("financial_year", dt.date(int(year), 4, 1)) for year in same["year"]]
    pairs = same.assign(label=labels).groupby(["release_id", "force_code", "total"])
    found = pairs["label"].agg(", ".join).reset_index()
    details = [
        f"{name_of('force', row['force_code'])}: {row['total']:,} in each of {row['label']}"
        for row in found.to_dict("records")
    ]
    return found[["release_id"]].assign(detail=details)


def periods_repeated(rows: pd.DataFrame, fact: sa.Table) -> pd.DataFrame:
    """Find periods of a release of which every figure is the one of the period before.

    Periods are compared where both have FEWEST_FIGURES figures that are not zero; a fact by day is not compared.
    """
    if "day" in fact.columns:
        return pd.DataFrame(columns=["release_id", "detail"])
    kind = grain(fact)
    time = f"{kind}_start"
    measures = list(fact.info["measures"])
    told = [
        name
        for name in (column.name for column in fact.primary_key.columns)
        if name not in ("release_id", "quarter_start", time)
    ]
    filled = rows.loc[(rows[measures].fillna(0) != 0).any(axis=1) & rows[time].notna()]
    number = period_number(filled[time], kind)
    content = pd.util.hash_pandas_object(filled[[*told, *measures]], index=False)
    by = [name for name in ("release_id", division(fact)) if name]
    # Each row as one number: the same sum of them, of so many rows, is the same rows.
    sums = (
        filled[[*by, "sheet", "cell"]]
        .assign(number=number, content=content)
        .groupby([*by, "number"], as_index=False)
        .agg(sum=("content", "sum"), size=("content", "size"), sheet=("sheet", "first"), cell=("cell", "first"))
    )
    earlier = sums[[*by, "number", "sum", "size"]].assign(number=sums["number"] + 1)
    same = sums[sums["size"] >= FEWEST_FIGURES].merge(earlier, on=[*by, "number", "sum", "size"])
    details = [
        f"{', '.join(str(row[name]) for name in by[1:]) or 'the table'}: all {row['size']} figures of "
        f"{number_label(row['number'], kind)}, from {at_cell(row['sheet'], row['cell'])}, are those of "
        f"{number_label(row['number'] - 1, kind)}"
        for row in same.to_dict("records")
    ]
    return same[["release_id", "sheet", "cell"]].assign(detail=details)


def weeks_differ_from_days(rows: pd.DataFrame, fact: sa.Table) -> pd.DataFrame:
    """Find weeks whose figure is not the sum of its seven days in the same release, where there are all seven."""
    daily, weekly = (rows[rows["series"] == series] for series in ("daily", "weekly"))
    if daily.empty or weekly.empty:
        return pd.DataFrame(columns=["release_id", "detail"])
    last_weekday = weekly.groupby("release_id")["day"].first().dt.day_of_week
    to_the_end = (daily["release_id"].map(last_weekday) - daily["day"].dt.day_of_week) % DAYS_OF_A_WEEK
    ends = daily["day"] + pd.to_timedelta(to_the_end, unit="D")
    days = (
        daily.assign(day=ends)
        .groupby(["release_id", "measure", "day"], as_index=False)
        .agg(days=("value", "size"), total=("value", "sum"))
    )
    both = weekly.merge(days[days["days"] == DAYS_OF_A_WEEK], on=["release_id", "measure", "day"])
    wrong = both[both["value"] != both["total"]]
    details = [
        f"{row['measure']} of the week to {day_words(row['day'])}, {at_cell(row['sheet'], row['cell'])}: "
        f"{figure_words(row['value'])}, but its days sum to {figure_words(row['total'])}"
        for row in wrong.to_dict("records")
    ]
    return wrong[["release_id", "sheet", "cell"]].assign(detail=details)


ROW_CHECKS = (
    Check(
        "dates lie in their quarter",
        "block",
        "Rows are loaded a quarter at a time: a row of no quarter, or of another one than its month, would be lost or "
        "stand in the wrong one.",
        dates_in_quarter,
        rule="date_outside_quarter",
    ),
    Check(
        "series have no gaps",
        "warn",
        "A quarter missing in the middle of a series is an omission of the publisher's. What an earlier release said "
        "of it still stands, so nothing false is loaded, but it is not the latest.",
        series_without_gaps,
    ),
    Check(
        "yearly totals of a force differ",
        "warn",
        "Two years with the very same total of all offences are hardly chance: one year's figures may stand in the "
        "other's place, as seen in a published table. Which one is right cannot be told from the file.",
        yearly_totals_differ,
        ("fact_recorded_crime",),
    ),
    Check(
        "no period repeats the one before",
        "block",
        "That every figure of a table should be the same in two quarters is no chance: one quarter was pasted over the "
        "other.",
        periods_repeated,
        rule="period_repeated",
    ),
    Check(
        "weeks are the sum of their days",
        "block",
        "Both series are one count. In the real file of August 2026 all 450 weeks agree.",
        weeks_differ_from_days,
        ("fact_small_boat_arrival",),
        rule="week_differs",
    ),
)


def check_rows(
    fact: sa.Table, rows: pd.DataFrame, faults: Mapping[str, Sequence[Fault]] = MappingProxyType({})
) -> dict[str, list[Finding]]:
    """Return what the checks find in each of the releases whose ``rows`` of ``fact`` these are, by release_id.

    ``faults`` are the declared ones of a release: those that accept what a check finds are not held against it.
    """
    sizes = rows.groupby("release_id").size()
    result: dict[str, list[Finding]] = {str(release_id): [] for release_id in sizes.index}
    for check in ROW_CHECKS:
        if check.facts and fact.name not in check.facts:
            continue
        failures = {name: found.to_dict("records") for name, found in check.run(rows, fact).groupby("release_id")}
        for release_id, size in sizes.items():
            found = failures.get(release_id, [])
            failed = [Failure(check.rule, f.get("sheet", ""), f.get("cell", ""), f["detail"]) for f in found]
            bad, accepted = divide_accepted(failed, faults.get(str(release_id), ()))
            finding = Finding(
                table_name=fact.name,
                check_name=check.name,
                severity=check.severity,
                success=not bad,
                rows_checked=int(size),
                rows_failed=len(bad),
                detail=(first_of([failure.detail for failure in bad]) or "holds") + accepted_words(accepted),
                failures=tuple(failure for failure in bad if failure.cell)[:MAX_LISTED],
                accepted=tuple(accepted),
            )
            result[str(release_id)].append(finding)
    return result
