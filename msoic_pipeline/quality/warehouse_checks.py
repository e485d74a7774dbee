"""Checks on the warehouse, once it is loaded.

Each takes a connection and the day as at which to judge, and yields what it found.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from functools import partial
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.evidence import IN_FORCE, coverage, release
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.geography import REPORTER_NAMES, reporter_name
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.model.views import VIEWS, division, grain
from msoic_pipeline.periods import parse_period, period_end, period_label, period_start, shift_months
from msoic_pipeline.quality.checks import Check, day_words, figure_words, period_number
from msoic_pipeline.texts import first_of
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source

ROBUST_DEVIATIONS = 4
# Median absolute deviation to standard deviation, for normally distributed changes.
MAD_TO_DEVIATION = 1.4826
# A history of fewer changes cannot say what is usual.
FEWEST_CHANGES = 8
# Home Office offence code of modern slavery: its national series is judged apart from that of all other offences.
MODERN_SLAVERY = "106"
SHARE = "share"
# What a check yields: source, table, rows checked, rows failed, detail.
Found = tuple[str, str, int, int, str]


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
        kind = source.reporters.dimension
        for start, who in absent:
            periods.setdefault(start, []).append(reporter_name(kind, who))
        details = [
            f"{period_label(every, start)}: {len(names) if source.sensitive else ', '.join(names)}"
            for start, names in periods.items()
        ]
        words = f"{len(absent):,} of {expected:,} {REPORTER_NAMES[kind]}-{every.replace('_', ' ')}s missing"
        yield name, coverage.name, expected, len(absent), words + (f": {first_of(details)}" if details else "")


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
        latest, by = day_words(published_on), day_words(due)
        words = f"latest release published on {latest}; figures of {figures} were or are due by {by}"
        yield name, release.name, len(found[name]), int(today > due), words


def sample_is_apart(connection: Connection, today: dt.date) -> Iterator[Found]:
    """Find sources of which synthetic sample files and real ones are in force, here or in another source."""
    in_force = (
        sa.select(release.c.source, release.c.is_synthetic, sa.func.count().label("files"))
        .where(release.c.status.in_(IN_FORCE))
        .group_by(release.c.source, release.c.is_synthetic)
        .order_by(release.c.source, release.c.is_synthetic)
    )
    counted = connection.execute(in_force).all()
    sample = sum(row.files for row in counted if row.is_synthetic)
    real = sum(row.files for row in counted if not row.is_synthetic)
    words = "holds"
    if sample and real:
        named = ", ".join(
            f"{row.files:,} {'synthetic' if row.is_synthetic else 'real'} {row.source}" for row in counted
        )
        words = f"{sample:,} synthetic sample files and {real:,} real ones are in force together ({named}): "
        words += "msoic remove-sample takes the sample away"
    yield "all", release.name, sample + real, sample if real else 0, words


def next_due(source: Source, last: dt.date, published_on: dt.date) -> tuple[str, dt.date]:
    """Return which figures come next, and by when: ``lag_days`` after the end of the period they are about.

    ``last`` is the last day that the source's releases are about, ``published_on`` the day of the latest one. A weekly
    series is followed by its publication, since its files do not name the week; of a yearly one the same quarter of
    the next year comes next.
    """
    if source.frequency == "weekly":
        return "a later week", published_on + dt.timedelta(days=7 + source.lag_days)
    kind = "month" if source.frequency == "monthly" else "quarter"
    following = period_start(kind, last + dt.timedelta(days=1))
    if source.frequency == "yearly":
        following = shift_months(period_start(kind, last), 12)
    return period_label(kind, following), period_end(kind, following) + dt.timedelta(days=source.lag_days)


def shares_in_bounds(connection: Connection, today: dt.date, *, national: bool) -> Iterator[Found]:
    """Find KPI values in the unit ``share`` below 0 or above 1, of the nation or of all other geographies.

    Those that rest on sensitive returns are named without their figures.
    """
    hidden = {kpi.kpi_id for kpi in load_definitions() if kpi.is_sensitive}
    values = (
        sa.select(*(kpi_value.c[name] for name in ("kpi_id", "geography_code", "period_label", "as_of", "value")))
        .join_from(kpi_value, kpi_definition)
        .where(kpi_definition.c.unit == SHARE, (kpi_value.c.geography_kind == "national") == national)
        .where(kpi_value.c.value.is_not(None))
    )
    checked = int(connection.scalar(sa.select(sa.func.count()).select_from(values.subquery())) or 0)
    beyond = connection.execute(values.where(sa.or_(kpi_value.c.value < 0, kpi_value.c.value > 1)))
    details = sorted(
        f"{row.kpi_id}, {row.geography_code}, {row.period_label} as of {row.as_of}: "
        + ("figure withheld" if row.kpi_id in hidden else f"{row.value:.4g}")
        for row in beyond
    )
    yield "kpi", kpi_value.name, checked, len(details), first_of(details) if details else "holds"


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
        detail = f"{first_of(details)}. {words}" if details else words
        yield fact.info["source"], fact.name, len(judged), len(shifts), detail


def _shift(row: dict[Any, Any], hidden: bool) -> str:
    place = f"{row['series']}, {row['label']}"
    if hidden:
        return place
    before, value, change, usual, deviation = (
        figure_words(row[name]) for name in ("before", "value", "change", "usual", "deviation")
    )
    return f"{place}: {before} to {value}, a change of {change} where {usual} ± {deviation} is usual"


def national_totals(connection: Connection, fact: sa.Table) -> pd.DataFrame:
    """Return the current national totals of a fact: one row a series, measure and month or quarter.

    Columns: ``series`` (its name in words), ``number`` (the period's place in time), ``label``, ``value``.
    """
    current = VIEWS[f"current_{fact.name}"].select.subquery()
    kind = grain(fact)
    time = f"{kind}_start"
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
            "number": period_number(pd.to_datetime(long["period"]), kind),
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
        "sample and real data are not mixed",
        "warn",
        "Synthetic figures never pass for real ones: totals over both are neither.",
        sample_is_apart,
    ),
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
