"""The ways to understand a claim: as it is stated, and what else its words may mean."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

from msoic_pipeline.claims.claims import Claim
from msoic_pipeline.claims.measures import Measure
from msoic_pipeline.claims.period import Period, single_period
from msoic_pipeline.model.values import ClaimKind
from msoic_pipeline.periods import period_end, period_start, shift_months


@dataclass(frozen=True)
class Interpretation:
    """A way to understand a claim: which measure it counts, in which periods, and what is made of their figures.

    ``departure`` says how it departs from the statement; it is empty for the statement itself. The level of a longer
    period is divided by ``quarters`` for an average. Of which place it is, and of what it is a share, the claim says.
    """

    claim: Claim
    departure: str
    kind: ClaimKind
    measure: Measure
    period: Period | None
    base: Period | None
    quarters: int = 1

    @property
    def measures(self) -> list[Measure]:
        """What is counted, and what it is a share of where it is one."""
        return [measure for measure in (self.measure, self.claim.of) if measure]

    @property
    def periods(self) -> list[Period]:
        """The periods whose figures are asked for: the base of a change first. Of members of a dimension none."""
        return [period for period in (self.base, self.period) if period]

    @property
    def is_change(self) -> bool:
        """Whether two periods are compared."""
        return bool(self.base and self.period)


@dataclass(frozen=True)
class PeriodChoice:
    """A period that a statement may be about, of a change with its base, and what to call the choice."""

    name: str
    period: Period
    base: Period | None

    @property
    def full_name(self) -> str:
        """What to call it, with the periods: ``calendar years, 2020 to 2021``."""
        labels = f"{self.base.full_label} to {self.period.full_label}" if self.base else self.period.full_label
        return f"{self.name}, {labels}"


def list_interpretations(claim: Claim) -> list[Interpretation]:
    """Return the ways to understand a claim that are tried, in this order.

    As stated; for other periods (``list_other_periods``); a year's sum as an average per quarter; a change of a share
    in percentage points; of what else may be meant.
    """
    assert claim.measure
    as_stated = Interpretation(claim, "", claim.kind, claim.measure, claim.period, claim.base)
    ways = [as_stated]
    if claim.period:
        for choice in list_other_periods(claim.period, claim.base):
            ways.append(replace(as_stated, departure=choice.full_name, period=choice.period, base=choice.base))
    if claim.kind == "level" and claim.period and claim.period.is_year and claim.measure.is_sum and not claim.of:
        departure = f"an average per quarter, {claim.period.full_label}"
        ways.append(replace(as_stated, departure=departure, quarters=4))
    if claim.kind == "change" and (claim.of or claim.measure.is_share):
        ways.append(replace(as_stated, departure="percentage points", kind="difference"))
    for measure in claim.or_measure:
        ways.append(replace(as_stated, departure=measure.title(), measure=measure))
    return ways


def list_other_periods(period: Period, base: Period | None) -> Iterator[PeriodChoice]:
    """Yield the other periods that a statement may be about.

    Financial or calendar years; for a change also the first quarter of the earlier financial year to the last of the
    later one, and that last quarter against the same a year before. The calendar year of a financial year is the one
    that it begins in, the financial year of a calendar year the one that begins in it. Of a month or quarter they are
    the years that hold it. A change over several years stays one over as many.

    Example: a change from 2020/21 to 2021/22 may also be from 2020 to 2021; from 2020/21 Q1 to 2021/22 Q4; or from
    2020/21 Q4 to 2021/22 Q4. A level of 2021 may also be one of 2021/22, and one of January 2021 one of 2020/21 or of
    2021.
    """
    if not period.is_single:
        return
    tried = {(period, base)}
    choices = _list_changes(base, period) if base else _list_levels(period)
    for choice in choices:
        may_be_meant = _may_be_meant(period, choice.period) and _may_be_meant(base, choice.base)
        if may_be_meant and (choice.period, choice.base) not in tried:
            tried.add((choice.period, choice.base))
            yield choice


def _may_be_meant(stated: Period | None, other: Period | None) -> bool:
    """Return whether a statement about a period may be one about another: of a year any, else what holds it."""
    if stated is None or other is None or stated.is_year:
        return True
    return other.first <= stated.first and stated.end <= other.end


@dataclass(frozen=True)
class _Years:
    """The first days of the financial and the calendar year that go with a period."""

    financial: dt.date
    calendar: dt.date


def _years_of(period: Period) -> _Years:
    """Return the years that hold a period; of a year itself and the one of the other kind that begins in the same."""
    if period.kind == "calendar_year":
        return _Years(period_start("financial_year", shift_months(period.first, 3)), period.first)
    return _Years(period_start("financial_year", period.first), period_start("calendar_year", period.first))


def _count_years_apart(base: Period, period: Period) -> int:
    """Return how many years a change is over, by the financial years that go with its periods; within one it is one."""
    return max(1, _years_of(period).financial.year - _years_of(base).financial.year)


def _list_levels(period: Period) -> Iterator[PeriodChoice]:
    """Yield the years that a statement about a level may be about, that of the statement itself too."""
    years = _years_of(period)
    yield PeriodChoice("the financial year", single_period("financial_year", years.financial), None)
    yield PeriodChoice("the calendar year", single_period("calendar_year", years.calendar), None)


def _list_changes(base: Period, period: Period) -> Iterator[PeriodChoice]:
    """Yield the years and quarters that a statement about a change may be about, those of the statement too."""
    years, years_apart = _years_of(period), _count_years_apart(base, period)
    months_apart = 12 * years_apart
    for name, kind, start in (
        ("financial years", "financial_year", years.financial),
        ("calendar years", "calendar_year", years.calendar),
    ):
        yield PeriodChoice(name, single_period(kind, start), single_period(kind, shift_months(start, -months_apart)))
    first_quarter = single_period("quarter", shift_months(years.financial, -months_apart))
    last_quarter_start = period_start("quarter", period_end("financial_year", years.financial))
    last_quarter = single_period("quarter", last_quarter_start)
    same_quarter_before = single_period("quarter", shift_months(last_quarter_start, -months_apart))
    before = "a year before" if years_apart == 1 else f"{years_apart} years before"
    yield PeriodChoice("first quarter to last", last_quarter, first_quarter)
    yield PeriodChoice(f"the last quarter on that of {before}", last_quarter, same_quarter_before)
