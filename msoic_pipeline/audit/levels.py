"""Whether the national series change as they usually do."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.audit.table_finding import TableFinding
from msoic_pipeline.model.facts import FACTS, breakdown_column, finest_period
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.model.views import VIEWS
from msoic_pipeline.periods import number_label, number_period, period_end
from msoic_pipeline.quality.publishers import load_publisher_checks
from msoic_pipeline.wording import first_of, tell_figure
from msoic_pipeline.workbooks.source import is_sensitive

# Of normally distributed changes one in 16,000 lies farther off: of the thousands that are judged hardly any by chance.
ROBUST_DEVIATIONS = 4
# Median absolute deviation to standard deviation, for normally distributed changes.
MAD_TO_DEVIATION = 1.4826
# A history of fewer changes cannot say what is usual.
FEWEST_CHANGES = 8


@dataclass(frozen=True)
class NationalTotal:
    """A figure of a national series, whose name is in words, about the period in the place ``number`` in time."""

    series: str
    number: int
    label: str
    value: float


@dataclass(frozen=True)
class JudgedChange:
    """How a series changed from ``before`` to the ``value`` of a period, beside how it does as a rule.

    ``usual`` is the median of the series' changes, ``deviation`` how far they lie from it, robustly.
    """

    series: str
    number: int
    label: str
    before: float
    value: float
    usual: float
    deviation: float

    @property
    def change(self) -> float:
        """By how much the series changed."""
        return self.value - self.before

    @property
    def is_shift(self) -> bool:
        """Whether that is far from what is usual."""
        return abs(self.change - self.usual) > ROBUST_DEVIATIONS * self.deviation


def national_totals_have_no_level_shifts(connection: Connection, today: dt.date) -> Iterator[TableFinding]:
    """Find national totals whose change on the period before is far from what is usual in their own series.

    Far is more than ROBUST_DEVIATIONS robust standard deviations (from the median absolute deviation) from the median
    change. A period that was not over when its figures were published is left out.
    """
    for fact in FACTS.values():
        totals = find_national_totals(connection, fact)
        if not totals:
            continue
        judged = judge_changes(totals)
        shifts = sorted((change for change in judged if change.is_shift), key=lambda each: (-each.number, each.series))
        details = [_tell_shift(shift, withhold=is_sensitive(fact)) for shift in shifts]
        judged_series = {change.series for change in judged}
        all_series = {total.series for total in totals}
        scope = f"{len(judged_series)} of {len(all_series)} national series have a history to judge by"
        detail = f"{first_of(details)}. {scope}" if details else scope
        source = traits_of_fact(fact).source
        yield TableFinding(source, fact.name, rows_checked=len(judged), rows_failed=len(shifts), detail=detail)


def _tell_shift(shift: JudgedChange, *, withhold: bool) -> str:
    """Return a shift in words; where they are withheld its series and period alone."""
    told = f"{shift.series}, {shift.label}"
    if withhold:
        return told
    step = f"{tell_figure(shift.before)} to {tell_figure(shift.value)}, a change of {tell_figure(shift.change)}"
    return f"{told}: {step} where {tell_figure(shift.usual)} ± {tell_figure(shift.deviation)} is usual"


def find_national_totals(connection: Connection, fact: sa.Table) -> list[NationalTotal]:
    """Return the current national totals of a fact: one a series, measure and month or quarter.

    A period that was not over when its figures were published is not whole, and left out; and so is a total of figures
    none of which is there.
    """
    current = VIEWS[f"current_{fact.name}"].select.subquery()
    kind, measures = finest_period(fact), traits_of_fact(fact).measures
    dividing = _list_dividing_columns(fact, current)
    totals = []
    for row in connection.execute(_sum_series(current, f"{kind}_start", dividing, measures)).mappings():
        if period_end(kind, row["period"]) >= row["published_on"]:
            continue
        members = [str(row[column.name]) for column in dividing]
        number = number_period(row["period"], kind)
        for measure in measures:
            if row[measure] is not None:
                name = _name_series(members, measure, measures)
                totals.append(NationalTotal(name, number, number_label(number, kind), float(row[measure])))
    return totals


def _name_series(members: Sequence[str], measure: str, measures: Sequence[str]) -> str:
    """Return a series in words: its members, and its measure where these alone do not say which it is."""
    is_told_by_members = len(measures) == 1 and bool(members)
    return ", ".join(members if is_told_by_members else [*members, measure])


def _list_dividing_columns(fact: sa.Table, current: sa.Subquery) -> list[sa.Label[Any]]:
    """Return the columns that tell one series of a fact from another, as the fact and its publisher declare them."""
    traits = traits_of_fact(fact)
    names = (*filter(None, [breakdown_column(fact)]), *traits.series_columns)
    dividing: list[sa.ColumnElement[Any]] = [current.c[name] for name in names]
    for apart in load_publisher_checks(traits.source).series_apart:
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


def judge_changes(totals: Sequence[NationalTotal]) -> list[JudgedChange]:
    """Return the changes from period to period of the series that have a history to judge by.

    A series is not judged where it has fewer than FEWEST_CHANGES changes, or where most of them are the same; nor is
    the step over a period that is missing, of which nobody knows when it came about.

    For example 100, 103, 105, 109, 110, 114, 175, 179, 182, 185: the changes 3, 2, 4, 1, 4, 61, 4, 3, 3 have the median
    3, from which they are 0, 1, 1, 2, 1, 58, 1, 0 and 0 away; the median of these distances is 1, which makes a robust
    deviation of 1.4826; 58 is more than four times that, so the step from 114 to 175 is a shift.
    """
    judged = []
    for series in _group_by_series(totals).values():
        steps = [(before, after) for before, after in pairwise(series) if after.number == before.number + 1]
        if len(steps) < FEWEST_CHANGES:
            continue
        changes = [after.value - before.value for before, after in steps]
        usual = median(changes)
        deviation = MAD_TO_DEVIATION * median(abs(change - usual) for change in changes)
        if deviation == 0:
            continue
        for before, after in steps:
            change = JudgedChange(
                series=after.series,
                number=after.number,
                label=after.label,
                before=before.value,
                value=after.value,
                usual=usual,
                deviation=deviation,
            )
            judged.append(change)
    return judged


def _group_by_series(totals: Sequence[NationalTotal]) -> Mapping[str, list[NationalTotal]]:
    """Return the totals of each series in order of time."""
    by_series: dict[str, list[NationalTotal]] = defaultdict(list)
    for total in sorted(totals, key=lambda each: each.number):
        by_series[total.series].append(total)
    return by_series
