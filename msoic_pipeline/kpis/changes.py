"""A change: a national KPI value that a release moved, and of which kind that is.

Of KPIs that rest on sensitive returns it is told that a value moved, and not from what to what: the difference would be
what those returned that came in on the day.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass
from typing import Literal

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.held_values import HeldValue, Series
from msoic_pipeline.kpis.usual_revisions import UsualRevision, measure_revision

# Values that differ by no more than rounding, as of two engines, are the same.
ROUNDING = 1e-12

ChangeKind = Literal["withdrawn", "revised", "completed", "of other reports", "new"]
# What each means, in the order in which they are told.
KINDS: dict[ChangeKind, str] = {
    "withdrawn": "the value is gone, and none took its place",
    "revised": "the value is of the same reports as before, and is another",
    "completed": "all reports that were due are in, as they were not before",
    "of other reports": "the value is of more or fewer reports than before",
    "new": "there was no value of the period",
}


@dataclass(frozen=True)
class Change:
    """A value that moved on a day. ``before`` and ``after`` are None where there is none, or it is withheld.

    ``usual`` is None where the value was not revised or its age is not known.
    """

    kpi: Kpi
    series: Series
    published_on: dt.date
    kind: ChangeKind
    before: HeldValue | None
    after: HeldValue | None
    usual: UsualRevision | None

    @property
    def is_withheld(self) -> bool:
        """Whether from what to what it moved may not be told."""
        return self.kpi.is_sensitive

    @property
    def difference(self) -> float | None:
        """The value less the one before; None where either is missing."""
        if self.before is None or self.after is None or self.before.value is None or self.after.value is None:
            return None
        return self.after.value - self.before.value

    @property
    def relative(self) -> float | None:
        """The difference without its sign, relative to the value before; None where that is zero or missing."""
        if self.before is None or self.after is None or self.before.value is None or self.after.value is None:
            return None
        return measure_revision(self.before.value, self.after.value)

    @property
    def is_more_than_usual(self) -> bool | None:
        """Whether it is beyond the 90th percentile of what is usual; None where that cannot be told."""
        if self.usual is None or self.usual.ninetieth is None or self.relative is None:
            return None
        return self.relative > self.usual.ninetieth


def name_change(before: HeldValue | None, after: HeldValue | None, *, is_stock: bool = False) -> ChangeKind | None:
    """Return of which kind a change from one value to another is; None where it is no change.

    The reports of a stock are counted of its last month alone: before that is in, any change may be a later month's.
    """
    if before is None or before.value is None:
        return None if after is None or after.value is None else "new"
    if after is None or after.value is None:
        return "withdrawn"
    if after.is_complete and not before.is_complete:
        return "completed"
    is_same_value = math.isclose(before.value, after.value, rel_tol=ROUNDING)
    if is_same_value and before.is_complete == after.is_complete:
        return None
    are_same_reports = (before.is_complete, before.reports) == (after.is_complete, after.reports)
    is_open_stock = is_stock and not after.is_complete
    return "revised" if are_same_reports and not is_open_stock else "of other reports"
