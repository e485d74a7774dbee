"""Which national values of KPIs that rest on sensitive returns may be shown, so that no single return can be told.

Whoever has the exports can add and subtract: months of a quarter, quarters of a year, one KPI's denominator and
another's numerator. So it is not enough that a figure itself is of several reporters; its difference from every other
one that counts the same must be too.

Examples, with the fewest reporters that a figure must be of, which is three:

- In February two forces returned. Each knows its own figure, and so the other's: February is kept back.
- In January and March five forces did, and both are shown. Then the quarter has 5 + 2 + 5 = 12 returns, enough for
  itself; but the quarter less January less March is February. So it is kept back too, and the year around it.
- In a month ten forces say of which type their investigations are, and nine of which nationality the suspects are.
  Both would do alone; their difference is the investigations of the one that left nationality out. The KPI with the
  fewer returns is kept back. With eight it would be too; with seven it may be shown, since three make the difference.
- Ten forces say of which type, and ten of which nationality, but not the same ten: one left the types out, another the
  nationalities. The difference is what the two returned, and one of the KPIs is kept back.
- On a report's day 42 forces had returned, and today 43 have: today's figure less that day's is one force's return.
- Live investigations are a stock: a quarter's figure has each force's last return in it. One force has none for June:
  the quarter's figure is June's, which is published, plus that force's of May. The quarter is kept back.

Whatever shows such values asks here: the exports, and the words on a report's claims. Values of KPIs are held against
each other (``find_kept_back``, which ``kept_back`` gives what stands in the warehouse); a figure of returns that is no
KPI's is judged by itself (``tells_a_return``), and a figure of one day beside that of another by who returned since
(``are_too_few_to_differ``).
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from msoic_pipeline.kpis.definitions import Kpi, find_definition
from msoic_pipeline.kpis.standing_facts import CoveredPeriod
from msoic_pipeline.periods import PERIOD_MONTHS, period_end

# Of sensitive returns no figure is told that fewer reporters than these made up: of two, each could tell the other's.
FEWEST_REPORTERS = 3


@dataclass(frozen=True)
class CountedReturns:
    """The returns that a figure is of: how many came, how many were due, and how they make it.

    ``months`` are those of the figure's period, ``months_of_return`` those of each return.
    """

    received: int
    expected: int
    is_stock: bool
    months: int
    months_of_return: int

    @property
    def of_a_reporter(self) -> int:
        """How many of the returns may be one reporter's: of a quarter's sum of months three, of a stock the last."""
        return 1 if self.is_stock else self.months // self.months_of_return

    @property
    def too_few(self) -> int:
        """The highest number of returns that may be those of too few reporters."""
        return (FEWEST_REPORTERS - 1) * self.of_a_reporter

    @property
    def holds_an_earlier_one(self) -> bool:
        """Whether a stock of a longer period holds an earlier return of a reporter that has none of its last month.

        Less the last month's figure, which is shown too, that one is left.
        """
        is_longer = self.months > self.months_of_return
        return self.is_stock and is_longer and self.received < self.expected


def tells_a_return(returns: CountedReturns) -> bool:
    """Return whether a figure of these returns would tell one of them, or help to tell it.

    Example: a year's stock of 42 of 43 forces does, since the year less its last month is an earlier return of the
    force that is missing; one of 3 of 3 does not. A year's sum of months does as long as no more than 24 came, which
    two forces may have sent.
    """
    return returns.received <= returns.too_few or returns.holds_an_earlier_one


def are_too_few_to_differ(reporters: Collection[str]) -> bool:
    """Return whether figures that differ by what these reporters returned would tell it, beside each other.

    Where there is no such reporter, the figures are of the same returns.
    """
    return 0 < len(reporters) < FEWEST_REPORTERS


@dataclass(frozen=True)
class NationalValue:
    """What a KPI's national value is known by: the KPI and the period."""

    kpi_id: str
    period_kind: str
    period_start: dt.date

    @property
    def kpi(self) -> Kpi:
        """The KPI that it is a value of."""
        return find_definition(self.kpi_id)

    def contains(self, other: NationalValue) -> bool:
        """Return whether another value's period lies within this one's."""
        end, other_end = (period_end(value.period_kind, value.period_start) for value in (self, other))
        return self.period_start <= other.period_start and other_end <= end


@dataclass(frozen=True)
class CountedValue:
    """A KPI's national value with how many returns it is of, how many were due, and for each of its terms which."""

    national: NationalValue
    received: int
    expected: int
    returns_of_terms: tuple[frozenset[CoveredPeriod], ...]

    @property
    def kpi(self) -> Kpi:
        """The KPI that it is a value of."""
        return self.national.kpi

    @property
    def returns(self) -> CountedReturns:
        """The returns that it is of."""
        return CountedReturns(
            self.received,
            self.expected,
            self.kpi.is_stock,
            months=PERIOD_MONTHS[self.national.period_kind],
            months_of_return=PERIOD_MONTHS[self.kpi.numerator.finest_period],
        )

    def tells_beside(self, other: CountedValue) -> bool:
        """Return whether the difference from another value of the period would tell what a reporter or two returned."""
        for returns in self.returns_of_terms:
            for others in other.returns_of_terms:
                if are_too_few_to_differ({each.reporter for each in returns ^ others}):
                    return True
        return False


def find_kept_back(values: Iterable[CountedValue]) -> set[CountedValue]:
    """Return which of the values of all KPIs are to be kept back: first within each period, then the longer periods
    around those.
    """
    # A sum is of all months, a stock of the last: they count different things, and do not tell of each other.
    by_period: dict[tuple[bool, str, dt.date], list[CountedValue]] = defaultdict(list)
    sums_by_kpi: dict[str, list[CountedValue]] = defaultdict(list)
    for value in values:
        is_stock = value.kpi.is_stock
        by_period[is_stock, value.national.period_kind, value.national.period_start].append(value)
        if not is_stock:
            sums_by_kpi[value.national.kpi_id].append(value)
    kept_back: set[CountedValue] = set()
    for of_period in by_period.values():
        kept_back.update(_find_kept_back_in_period(of_period))
    for of_kpi in sums_by_kpi.values():
        kept_back.update(_find_kept_back_around(of_kpi, kept_back))
    return kept_back


def _find_kept_back_in_period(values: Sequence[CountedValue]) -> Iterator[CountedValue]:
    """Yield which of the KPIs of one period are to be kept back, for themselves or beside each other.

    They are looked at from the most returns to the fewest, each beside all that were found fit to be shown: they count
    the same investigations, by type or by nationality, and differ by who left one out.
    """
    shown: list[CountedValue] = []
    for value in sorted(values, key=lambda value: (-value.received, value.national.kpi_id)):
        if tells_a_return(value.returns) or any(value.tells_beside(other) for other in shown):
            yield value
        else:
            shown.append(value)


def _find_kept_back_around(values: Sequence[CountedValue], kept_back: set[CountedValue]) -> Iterator[CountedValue]:
    """Yield the longer periods of a KPI that contain one that is kept back: less the others, they would tell it.

    Those that are kept back contain themselves.
    """
    gaps = [value for value in values if value in kept_back]
    for value in values:
        if any(value.national.contains(gap.national) for gap in gaps):
            yield value
