"""When: the period, or the several that follow each other, that a claim speaks of."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator

from msoic_pipeline.periods import financial_quarter_label, parse_period, period_end, period_label, periods


@dataclass(frozen=True)
class Period:
    """A period, or several of a kind that follow each other: ``first`` and ``last`` are their first days."""

    kind: str
    first: dt.date
    last: dt.date

    @property
    def starts(self) -> list[dt.date]:
        """The first days of the periods."""
        return list(periods(self.kind, self.first, self.last))

    def starts_that_count(self, *, is_stock: bool) -> list[dt.date]:
        """Return the first days of the periods whose values make a figure: all of a sum, of a stock the last."""
        return [self.last] if is_stock else self.starts

    @property
    def end(self) -> dt.date:
        """The last day of all."""
        return period_end(self.kind, self.last)

    @property
    def is_single(self) -> bool:
        """Whether it is one period."""
        return self.first == self.last

    @property
    def is_year(self) -> bool:
        """Whether it is one year."""
        return self.kind.endswith("_year") and self.is_single

    @property
    def label(self) -> str:
        """``2021/22``, ``2022-Q1``, ``2021-04 to 2022-01``."""
        labels = dict.fromkeys(period_label(self.kind, start) for start in (self.first, self.last))
        return " to ".join(labels)

    @property
    def full_label(self) -> str:
        """The label; a quarter also as that of its financial year: ``2022-Q1 (2021/22 Q4)``."""
        if self.kind != "quarter" or not self.is_single:
            return self.label
        return f"{self.label} ({financial_quarter_label(self.first)})"


def single_period(kind: str, start: dt.date) -> Period:
    """Return the period of a kind that begins on a day."""
    return Period(kind, start, start)


def parse_periods(written: Any) -> Period:
    """Return the period written as for ``periods.parse_period``, or two with ``to`` between them.

    Raises ValueError where it is neither, or the two are of different kinds.
    """
    if isinstance(written, Period):
        return written
    parts = [parse_period(part) for part in str(written).split(" to ")]
    (kind, first), (last_kind, last) = parts[0], parts[-1]
    if len(parts) > 2 or kind != last_kind or last < first:
        raise ValueError(f"expected a period, or two of a kind such as 2021-04 to 2022-01; found {written!r}")
    return Period(kind, first, last)


PeriodAsWritten = Annotated[Period, BeforeValidator(parse_periods)]
