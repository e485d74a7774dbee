"""Checks written by hand: what a declaration of columns cannot say. Each has its severity and the reason for it.

The first group looks at the rows of releases before they are loaded, the second at the warehouse once it is. That
totals equal the sum of their parts is checked where the sheets are read (``staging``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.model.evidence import coverage, release
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.model.members import name_of
from msoic_pipeline.model.views import VIEWS, division
from msoic_pipeline.periods import PERIOD_MONTHS, parse_period, period_end, period_label, period_start, shift_months
from msoic_pipeline.quality.faults import Fault
from msoic_pipeline.staging import Finding
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source

SHOWN = 5
DAYS_OF_A_WEEK = 7
ROBUST_DEVIATIONS = 4
# Median absolute deviation to standard deviation, for normally distributed changes.
MAD_TO_DEVIATION = 1.4826
# A history of fewer changes cannot say what is usual.
FEWEST_CHANGES = 8
# Periods of fewer figures than these can be the same by chance.
FEWEST_FIGURES = 10
# Home Office offence code of modern slavery: its national series is judged apart from that of all other offences.
MODERN_SLAVERY = "106"
SHARE = "share"
REPORTERS = {"territorial_force": "force", "cps_area": "CPS Area", "publisher": "publisher"}
# What a check over the warehouse yields: source, table, rows checked, rows failed, detail.
Found = tuple[str, str, int, int, str]


@dataclass(frozen=True)
class Check:
    """A check and its words.

    ``facts`` are the tables it is for; empty where it is for every fact, or for none. ``rule`` is what a declared fault
    that accepts its failures calls it.
    """

    name: str
    severity: str
    reason: str
    run: Callable[..., Any]
    facts: tuple[str, ...] = ()
    rule: str = ""


# --- rows of releases: each check takes rows and their fact table, and returns a row a failure: release_id and detail,
# --- and sheet and cell where the failure has a place


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
    return bad.assign(detail=[_at(sheet, cell) for sheet, cell in places])


def series_without_gaps(rows: pd.DataFrame, fact: sa.Table) -> pd.DataFrame:
    """Find series of a release in which periods are missing between its first and its last.

    In monthly records a measure of which nothing happened has no row: there the series is the whole breakdown.
    """
    time, kind = ("month_start", "month") if "month_start" in fact.columns else ("quarter_start", "quarter")
    dividing = (division(fact), "measure") if kind == "quarter" else (division(fact),)
    series = ["release_id", *(name for name in dividing if name in fact.columns)]
    seen = rows[[*series, time]].dropna().drop_duplicates()
    seen["number"] = _period_number(seen[time], kind)
    spans = seen.groupby(series, as_index=False)["number"].agg(["min", "max", "nunique"])
    holed = spans[spans["max"] - spans["min"] + 1 > spans["nunique"]]
    details = []
    for span in holed.to_dict("records"):
        same = (seen[series] == pd.Series({name: span[name] for name in series})).all(axis=1)
        missing = sorted(set(range(span["min"], span["max"])) - set(seen.loc[same, "number"]))
        labels = ", ".join(_number_label(number, kind) for number in missing)
        name = ", ".join(str(span[column]) for column in series[1:]) or "the series"
        first, last = _number_label(span["min"], kind), _number_label(span["max"], kind)
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
    time, kind = ("month_start", "month") if "month_start" in fact.columns else ("quarter_start", "quarter")
    measures = list(fact.info["measures"])
    told = [
        name
        for name in (column.name for column in fact.primary_key.columns)
        if name not in ("release_id", "quarter_start", time)
    ]
    filled = rows.loc[(rows[measures].fillna(0) != 0).any(axis=1) & rows[time].notna()]
    number = _period_number(filled[time], kind)
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
        f"{_number_label(row['number'], kind)}, from {_at(row['sheet'], row['cell'])}, are those of "
        f"{_number_label(row['number'] - 1, kind)}"
        for row in same.to_dict("records")
    ]
    return same[["release_id", "sheet", "cell"]].assign(detail=details)


def weeks_differ_from_days(rows: pd.DataFrame, fact: sa.Table) -> pd.DataFrame:
    """Find weeks whose figure is not the sum of its seven days in the same release, where there are all seven."""
    daily, weekly = (rows[rows["series"] == series] for series in ("daily", "weekly"))
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
        f"{row['measure']} of the week to {_day(row['day'])}, {_at(row['sheet'], row['cell'])}: "
        f"{_figure(row['value'])}, but its days sum to {_figure(row['total'])}"
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
            declared = faults.get(str(release_id), ())
            bad = [failure for failure in found if not _is_accepted(failure, check, declared)]
            detail = _first([failure["detail"] for failure in bad]) if bad else "holds"
            if len(bad) < len(found):
                detail += f"; {len(found) - len(bad)} accepted by declared faults"
            places = tuple((check.rule, f["sheet"], f["cell"], f["detail"], "") for f in bad if "cell" in f)
            finding = Finding(fact.name, check.name, check.severity, not bad, int(size), len(bad), detail, places)
            result[str(release_id)].append(finding)
    return result


def _is_accepted(failure: dict[Any, Any], check: Check, declared: Sequence[Fault]) -> bool:
    place = failure.get("sheet", ""), failure.get("cell", "")
    return any(fault.treatment == "accept" and fault.covers(check.rule, *place) for fault in declared)


# --- the warehouse: each check takes a connection and the day as at which to judge, and yields what it found


def reporters_complete(connection: Connection, today: dt.date) -> Iterator[Found]:
    """Count the reports that were due and did not come. Who sent none is named where the source is not sensitive."""
    due = sa.select(coverage.c.source, sa.func.count()).where(coverage.c.expected).group_by(coverage.c.source)
    missing = sa.select(coverage.c.source, coverage.c.period_start, coverage.c.reporter).where(
        coverage.c.expected, sa.not_(coverage.c.received)
    )
    lacking: dict[str, list[tuple[dt.date, str]]] = {}
    for name, start, reporter in connection.execute(missing):
        lacking.setdefault(name, []).append((start, reporter))
    for name, expected in connection.execute(due).all():
        source = load_source(name)
        every, absent = source.reporters.every, sorted(lacking.get(name, []))
        periods: dict[dt.date, list[str]] = {}
        dimension = "cps_area" if source.reporters.dimension == "cps_area" else "force"
        for start, who in absent:
            periods.setdefault(start, []).append(name_of(dimension, who))
        details = [
            f"{period_label(every, start)}: {len(names) if source.sensitive else ', '.join(names)}"
            for start, names in periods.items()
        ]
        words = f"{len(absent):,} of {expected:,} {REPORTERS[source.reporters.dimension]}-{every}s missing"
        yield name, coverage.name, expected, len(absent), words + (f": {_first(details)}" if details else "")


def releases_fresh(connection: Connection, today: dt.date) -> Iterator[Found]:
    """Compare each source's latest release with the day on which the next one was due."""
    accepted = sa.select(release.c.source, release.c.reference_period, release.c.published_on).where(
        release.c.status == "accepted"
    )
    found: dict[str, list[tuple[dt.date, dt.date]]] = {}
    for name, period, published_on in connection.execute(accepted):
        kind, start = parse_period(period)
        found.setdefault(name, []).append((period_end(kind, start), published_on))
    for name in SOURCES:
        if name not in found:
            yield name, release.name, 0, 1, "no release has been accepted"
            continue
        last, published_on = max(end for end, _ in found[name]), max(day for _, day in found[name])
        figures, due = next_due(load_source(name), last, published_on)
        words = f"latest release published on {_day(published_on)}; figures of {figures} were or are due by {_day(due)}"
        yield name, release.name, len(found[name]), int(today > due), words


def next_due(source: Source, last: dt.date, published_on: dt.date) -> tuple[str, dt.date]:
    """Return which figures come next, and by when: ``lag_days`` after the end of the period they are about.

    ``last`` is the last day that the source's releases are about, ``published_on`` the day of the latest one. A weekly
    series is followed by its publication, since its files do not name the week.
    """
    if source.frequency == "weekly":
        return "a later week", published_on + dt.timedelta(days=7 + source.lag_days)
    kind = {"monthly": "month", "quarterly": "quarter"}[source.frequency]
    following = period_start(kind, last + dt.timedelta(days=1))
    return period_label(kind, following), period_end(kind, following) + dt.timedelta(days=source.lag_days)


def shares_in_bounds(connection: Connection, today: dt.date, *, national: bool) -> Iterator[Found]:
    """Find KPI values in the unit ``share`` below 0 or above 1, of the nation or of all other geographies."""
    values = (
        sa.select(*(kpi_value.c[name] for name in ("kpi_id", "geography_code", "period_label", "as_of", "value")))
        .join_from(kpi_value, kpi_definition)
        .where(kpi_definition.c.unit == SHARE, (kpi_value.c.geography_kind == "national") == national)
        .where(kpi_value.c.value.is_not(None))
    )
    checked = int(connection.scalar(sa.select(sa.func.count()).select_from(values.subquery())) or 0)
    beyond = connection.execute(values.where(sa.or_(kpi_value.c.value < 0, kpi_value.c.value > 1)))
    details = sorted(
        f"{row.kpi_id}, {row.geography_code}, {row.period_label} as of {row.as_of}: {row.value:.4g}" for row in beyond
    )
    yield "kpi", kpi_value.name, checked, len(details), _first(details) if details else "holds"


def levels_steady(connection: Connection, today: dt.date) -> Iterator[Found]:
    """Find national totals whose change on the period before is far from what is usual in their own series.

    Far is more than ROBUST_DEVIATIONS robust standard deviations (from the median absolute deviation) from the median
    change. A period that was not over when its figures were published is left out.
    """
    for fact in FACTS.values():
        totals = national_totals(connection, fact)
        if totals.empty:
            continue
        judged = level_shifts(totals)
        shifts = judged[judged["is_shift"]].sort_values(["number", "series"], ascending=[False, True])
        hidden = load_source(fact.info["source"]).sensitive
        details = [_shift(row, hidden) for row in shifts.to_dict("records")]
        number = totals["series"].nunique()
        words = f"{judged['series'].nunique()} of {number} national series have a history to judge by"
        detail = f"{_first(details)}. {words}" if details else words
        yield fact.info["source"], fact.name, len(judged), len(shifts), detail


def _shift(row: dict[Any, Any], hidden: bool) -> str:
    place = f"{row['series']}, {row['label']}"
    if hidden:
        return place
    before, value, change, usual, deviation = (
        _figure(row[name]) for name in ("before", "value", "change", "usual", "deviation")
    )
    return f"{place}: {before} to {value}, a change of {change} where {usual} ± {deviation} is usual"


def national_totals(connection: Connection, fact: sa.Table) -> pd.DataFrame:
    """Return the current national totals of a fact: one row a series, measure and month or quarter.

    Columns: ``series`` (its name in words), ``number`` (the period's place in time), ``label``, ``value``.
    """
    current = VIEWS[f"current_{fact.name}"].select.subquery()
    time, kind = ("month_start", "month") if "month_start" in fact.columns else ("quarter_start", "quarter")
    names = (division(fact), "activity", "method", "measure")
    dividing: list[Any] = [current.c[name] for name in names if name in fact.columns]
    if "offence_code" in fact.columns:
        slavery = current.c.offence_code == MODERN_SLAVERY
        dividing.append(sa.case((slavery, f"offence {MODERN_SLAVERY}"), else_="all other offences"))
    labelled = [column.label(f"series_{number}") for number, column in enumerate(dividing)]
    measures = list(fact.info["measures"])
    query = sa.select(
        *labelled,
        current.c[time].label("period"),
        sa.func.max(current.c.published_on).label("published_on"),
        *(sa.func.sum(current.c[measure]).label(measure) for measure in measures),
    ).group_by(*dividing, current.c[time])
    over = [
        row
        for row in connection.execute(query).mappings().all()
        if period_end(kind, row["period"]) <= row["published_on"]
    ]
    if not over:
        return pd.DataFrame(columns=["series", "number", "label", "value"])
    wide = pd.DataFrame(over)
    keys = [column.name for column in labelled]
    long = wide.melt([*keys, "period"], measures, "measure", "figure").dropna(subset=["figure"])
    if len(measures) > 1 or not keys:
        keys = [*keys, "measure"]
    return pd.DataFrame(
        {
            "series": long[keys].astype(str).agg(", ".join, axis=1),
            "number": _period_number(pd.to_datetime(long["period"]), kind),
            "label": [period_label(kind, start) for start in long["period"]],
            "value": long["figure"].astype("float64"),
        }
    )


def level_shifts(totals: pd.DataFrame) -> pd.DataFrame:
    """Return the changes of series with a history to judge by, and whether each is a shift.

    Columns beside those of ``totals``: ``before``, ``change``, ``usual`` (the median change), ``deviation`` (robust, of
    changes), ``is_shift``. A series is not judged where it has fewer than FEWEST_CHANGES changes, or where most of
    them are the same.
    """
    rows = totals.sort_values(["series", "number"]).reset_index(drop=True)
    by = rows.groupby("series")
    rows["before"] = by["value"].shift().where(by["number"].diff() == 1)
    rows["change"] = rows["value"] - rows["before"]
    rows["usual"] = by["change"].transform("median")
    distance = (rows["change"] - rows["usual"]).abs()
    rows["deviation"] = MAD_TO_DEVIATION * distance.groupby(rows["series"]).transform("median")
    enough = by["change"].transform("count") >= FEWEST_CHANGES
    rows["is_shift"] = distance > ROBUST_DEVIATIONS * rows["deviation"]
    return rows[enough & (rows["deviation"] > 0) & rows["change"].notna()]


WAREHOUSE_CHECKS = (
    Check(
        "every report due was received",
        "warn",
        "A missing report is missing, never zero: figures over it are marked incomplete, and somebody may ask for it.",
        reporters_complete,
    ),
    Check(
        "latest release is on time",
        "warn",
        "By the publisher's calendar a later release should be there. What is loaded stays true as far as it goes.",
        releases_fresh,
    ),
    Check(
        "national shares lie between 0 and 1",
        "block",
        "A share outside is no share: its numerator is not a part of its denominator.",
        partial(shares_in_bounds, national=True),
    ),
    Check(
        "shares of forces and areas lie between 0 and 1",
        "warn",
        "Later cancellations can turn a small force's count of crimes negative, which is no fault of the pipeline's.",
        partial(shares_in_bounds, national=False),
    ),
    Check(
        "national totals have no level shifts",
        "warn",
        "A sudden change of level may be a change of method, a force that is missing, a column read wrongly, or true: "
        "somebody should look.",
        levels_steady,
    ),
)
HANDWRITTEN = (*ROW_CHECKS, *WAREHOUSE_CHECKS)


def check_warehouse(connection: Connection, today: dt.date) -> list[dict[str, Any]]:
    """Return what the checks find in the loaded warehouse as at ``today``: rows of ``validation_result`` without their
    days.

    They are about all of a source's releases, so release_id is empty. Details do not change from day to day unless what
    they speak of does.
    """
    return [
        {
            "source": source,
            "table_name": table_name,
            "check_name": check.name,
            "release_id": "",
            "severity": check.severity,
            "success": not failed,
            "rows_checked": checked,
            "rows_failed": failed,
            "detail": detail,
        }
        for check in WAREHOUSE_CHECKS
        for source, table_name, checked, failed, detail in check.run(connection, today)
    ]


# --- words


def _at(sheet: str, cell: str) -> str:
    return f"sheet {sheet!r}, cell {cell}"


def _first(details: list[str]) -> str:
    more = f"; and {len(details) - SHOWN} more" if len(details) > SHOWN else ""
    return "; ".join(details[:SHOWN]) + more


def _period_number(starts: pd.Series, kind: str) -> pd.Series:
    return (starts.dt.year * 12 + starts.dt.month - 1) // PERIOD_MONTHS[kind]


def _number_label(number: int, kind: str) -> str:
    return period_label(kind, shift_months(dt.date(1, 1, 1), number * PERIOD_MONTHS[kind] - 12))


def _day(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:.3g}"
