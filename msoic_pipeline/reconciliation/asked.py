"""What is asked of the database at a time: one comparison of a rule, for one kind of period and some quarters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from msoic_pipeline.periods import PERIOD_MONTHS, shift_months
from msoic_pipeline.reconciliation.compared_period import At
from msoic_pipeline.reconciliation.comparisons import Comparison, Summand
from msoic_pipeline.reconciliation.rules import Rule

LEFT: Literal["left"] = "left"
RIGHT: Literal["right"] = "right"
SideName = Literal["left", "right"]

# What is usual is taken from so many quarters before a period.
USUAL_QUARTERS = 12
# So many quarters of a year come after its first one.
QUARTERS_LEFT_IN_YEAR = 3
# How many quarters before its own a result may rest on: what is usual looks farthest back, from the first of a year.
HISTORY_QUARTERS = USUAL_QUARTERS + QUARTERS_LEFT_IN_YEAR


@dataclass(frozen=True)
class QuarterSpan:
    """The quarters from one to another, by their first days."""

    first: dt.date
    last: dt.date

    def holds(self, quarter_start: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
        """Return the condition that a quarter is among them."""
        return quarter_start.between(self.first, self.last)


@dataclass(frozen=True)
class AskedComparison:
    """A comparison of a rule, for one kind of period and the quarters whose results are wanted.

    A longer period's result belongs to its last quarter.
    """

    rule: Rule
    comparison: Comparison
    period_kind: str
    quarters: tuple[dt.date, ...]

    @property
    def figure_quarters(self) -> QuarterSpan:
        """The quarters of the figures that the results rest on.

        Of 2021-Q4, against the same quarter a year before: from 2020-Q4 to 2021-Q4.
        """
        first = shift_months(min(self.quarters), -3 * self._count_quarters_back())
        # Which quarter a part of a year belongs to is told by its last figure: the year is read to its end.
        ahead = QUARTERS_LEFT_IN_YEAR if self.rule.compares_within_release and self.is_yearly else 0
        return QuarterSpan(first, shift_months(max(self.quarters), 3 * ahead))

    def _count_quarters_back(self) -> int:
        """Return how many quarters before its own a result rests on."""
        within_period = QUARTERS_LEFT_IN_YEAR if self.is_yearly else 0
        one_period = 4 if self.is_yearly else 1
        before: dict[At, int] = {"period": 0, "previous": one_period, "year_before": 4}
        farthest = max(before[summand.at] for summand in self.comparison.list_summands())
        return within_period + (USUAL_QUARTERS if self.comparison.tolerance.usual else farthest)

    @property
    def is_yearly(self) -> bool:
        """Whether the periods are years."""
        return PERIOD_MONTHS[self.period_kind] == 12

    @property
    def is_grouped(self) -> bool:
        """Whether there are several groupings, so that one of their steps is told from another's."""
        return len(self.comparison.by) > 1

    def list_summands(self, side: SideName) -> tuple[Summand, ...]:
        """Return the summands of a side.

        There are none of a right side where published totals stand there, or nothing does. Of consecutive releases the
        right side has those of the left one.
        """
        right = self.comparison.right
        if side == LEFT or self.rule.compares_consecutive:
            return self.comparison.left
        return right if isinstance(right, tuple) else ()


@dataclass(frozen=True)
class GroupedSummand:
    """A summand as it is grouped by some columns: what one chain of steps is about.

    ``name`` is what the names of the steps begin with: ``left``; of several summands ``right_2``; of several groupings
    ``left_grouping_2``; ``both`` where the figures of a release stand on either side.
    """

    name: str
    side: SideName
    number: int
    summand: Summand
    columns: tuple[str, ...]


def list_grouped_summands(asked: AskedComparison) -> Iterator[GroupedSummand]:
    """Yield the summands of both sides, each once for each grouping."""
    # Of consecutive releases the left side's summands stand on both sides, each figure with its release.
    sides = (LEFT,) if asked.rule.compares_consecutive else (LEFT, RIGHT)
    for side in sides:
        summands = asked.list_summands(side)
        for number, summand in enumerate(summands, start=1):
            for position, columns in enumerate(asked.comparison.by, start=1):
                name = "both" if asked.rule.compares_consecutive else str(side)
                name += f"_{number}" if len(summands) > 1 else ""
                name += f"_grouping_{position}" if asked.is_grouped else ""
                yield GroupedSummand(name, side, number, summand, columns)
