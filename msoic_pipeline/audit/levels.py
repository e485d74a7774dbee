"""Whether the national series change as they usually do."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.audit.table_finding import TableFinding
from msoic_pipeline.model.facts import FACTS, breakdown_column, finest_period
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.periods import period_end, period_label, period_number
from msoic_pipeline.quality.publishers import load_publisher_checks
from msoic_pipeline.wording import first_of, tell_figure
from msoic_pipeline.workbooks.source import load_source

ROBUST_DEVIATIONS = 4
# Median absolute deviation to standard deviation, for normally distributed changes.
MAD_TO_DEVIATION = 1.4826
# A history of fewer changes cannot say what is usual.
FEWEST_CHANGES = 8


@dataclass(frozen=True)
class LevelShift:
    """A period in which a series changed as it does not usually: from ``before`` to ``value``.

    ``usual`` is the median of the series' changes, ``deviation`` how far they lie from it, robustly.
    """

    series: str
    label: str
    before: float
    value: float
    change: float
    usual: float
    deviation: float


def national_totals_have_no_level_shifts(connection: Connection, today: dt.date) -> Iterator[TableFinding]:
    """Find national totals whose change on the period before is far from what is usual in their own series.

    Far is more than ROBUST_DEVIATIONS robust standard deviations (from the median absolute deviation) from the median
    change. A period that was not over when its figures were published is left out.
    """
    for fact in FACTS.values():
        totals = find_national_totals(connection, fact)
        if totals.empty:
            continue
        judged = judge_changes(totals)
        shifts = _list_shifts(judged)
        is_sensitive = load_source(traits_of_fact(fact).source).sensitive
        details = [_tell_shift(shift, is_sensitive) for shift in shifts]
        judged_series, all_series = judged["series"].nunique(), totals["series"].nunique()
        scope = f"{judged_series} of {all_series} national series have a history to judge by"
        detail = f"{first_of(details)}. {scope}" if details else scope
        yield TableFinding(traits_of_fact(fact).source, fact.name, len(judged), len(shifts), detail)


def _list_shifts(judged: pd.DataFrame) -> list[LevelShift]:
    """Return the shifts among the changes that ``judge_changes`` judged, latest first."""
    names = [field.name for field in fields(LevelShift)]
    shifts = judged[judged["is_shift"]].sort_values(["number", "series"], ascending=[False, True])
    return [LevelShift(**{name: row[name] for name in names}) for row in shifts.to_dict("records")]


def _tell_shift(shift: LevelShift, is_sensitive: bool) -> str:
    """Return a shift in words; of a sensitive source its place alone."""
    place = f"{shift.series}, {shift.label}"
    if is_sensitive:
        return place
    step = f"{tell_figure(shift.before)} to {tell_figure(shift.value)}, a change of {tell_figure(shift.change)}"
    return f"{place}: {step} where {tell_figure(shift.usual)} ± {tell_figure(shift.deviation)} is usual"


def find_national_totals(connection: Connection, fact: sa.Table) -> pd.DataFrame:
    """Return the current national totals of a fact: one row a series, measure and month or quarter.

    Columns: ``series`` (its name in words), ``number`` (the period's place in time), ``label``, ``value``. A period
    that was not over when its figures were published is not whole, and left out.
    """
    current = VIEWS[f"current_{fact.name}"].select.subquery()
    kind, measures = finest_period(fact), list(traits_of_fact(fact).measures)
    dividing = _list_dividing_columns(fact, current)
    rows = connection.execute(_sum_series(current, f"{kind}_start", dividing, measures)).mappings().all()
    whole = [row for row in rows if period_end(kind, row["period"]) < row["published_on"]]
    # A sum over figures none of which is there is none.
    known = [row for row in whole if any(row[measure] is not None for measure in measures)]
    if not known:
        return pd.DataFrame(columns=["series", "number", "label", "value"])
    return _name_series(pd.DataFrame(known), [column.name for column in dividing], measures, kind)


def _list_dividing_columns(fact: sa.Table, current: sa.Subquery) -> list[sa.Label[Any]]:
    """Return the columns that tell one series of a fact from another."""
    names = (breakdown_column(fact), "activity", "method", "measure")
    dividing: list[Any] = [current.c[name] for name in names if name in fact.columns]
    for apart in load_publisher_checks(traits_of_fact(fact).source).series_apart:
        if apart.column in fact.columns:
            dividing.append(sa.case((current.c[apart.column] == apart.member, apart.name), else_=apart.others))
    return [column.label(f"series_{number}") for number, column in enumerate(dividing)]


def _sum_series(
    current: sa.Subquery, time: str, dividing: Sequence[sa.Label[Any]], measures: Sequence[str]
) -> sa.Select[Any]:
    """Return the query of the sums of each measure by series and period, with the last day of their publication."""
    period = current.c[time].label("period")
    return sa.select(
        *dividing,
        period,
        sa.func.max(current.c.published_on).label("published_on"),
        *(sa.func.sum(current.c[measure]).label(measure) for measure in measures),
    ).group_by(*(column.element for column in dividing), period.element)


def _name_series(totals: pd.DataFrame, keys: list[str], measures: list[str], kind: str) -> pd.DataFrame:
    """Return totals with a row a measure, each with its series in words."""
    long = totals.melt([*keys, "period"], measures, "measure", "figure").dropna(subset=["figure"])
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


def judge_changes(totals: pd.DataFrame) -> pd.DataFrame:
    """Return the changes of series with a history to judge by, and whether each is a shift.

    Columns beside those of ``totals``: ``before``, ``change``, ``usual`` (the median change), ``deviation`` (robust, of
    changes), ``is_shift``. A series is not judged where it has fewer than FEWEST_CHANGES changes, or where most of
    them are the same.

    For example 100, 103, 105, 109, 110, 114, 175, 179, 182, 185: the changes 3, 2, 4, 1, 4, 61, 4, 3, 3 have the median
    3, from which they are 0, 1, 1, 2, 1, 58, 1, 0 and 0 away; the median of these distances is 1, which makes a robust
    deviation of 1.4826; 58 is more than four times that, so the step from 114 to 175 is a shift.
    """
    rows = totals.sort_values(["series", "number"]).reset_index(drop=True)
    by_series = rows.groupby("series")
    follows = by_series["number"].diff() == 1
    rows["before"] = by_series["value"].shift().where(follows)
    rows["change"] = rows["value"] - rows["before"]
    rows["usual"] = by_series["change"].transform("median")
    distance = (rows["change"] - rows["usual"]).abs()
    rows["deviation"] = MAD_TO_DEVIATION * distance.groupby(rows["series"]).transform("median")
    rows["is_shift"] = distance > ROBUST_DEVIATIONS * rows["deviation"]
    has_history = by_series["change"].transform("count") >= FEWEST_CHANGES
    return rows[has_history & (rows["deviation"] > 0) & rows["change"].notna()]
