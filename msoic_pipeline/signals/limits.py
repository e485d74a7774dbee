"""The limits of a series of figures: XmR charts by NHS England's *Making Data Count*.

The limits are the mean and 2.66 mean moving ranges to either side of it, the moving range being the distance of two
figures that follow each other. A moving range of more than 3.267 times the mean one is left out of that mean, so that
one outlier does not widen the limits which should show it. Unless none but zeros would be left: of a series that hardly
ever changes, such as twenty figures of 43 and one of 44, every change would be left out, and the limits would be the
mean itself, on which no figure lies. There all moving ranges count.

A worked example: of 10, 12, 11, 13 the mean is 11.5 and the moving ranges are 2, 1 and 2, on average 1.667. The limits
are 11.5 ± 2.66 × 1.667: 7.07 and 15.93. A fifth figure of 20 is no signal before the limits are worked out with it:
the mean is then 13.2, the mean moving range 3, and the limits 5.22 and 21.18.

A figure that is missing is a gap: what stands on either side of it does not follow each other, so that no moving range
reaches across it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

from msoic_pipeline.model.signals import Side

# Wheeler's constants of the XmR chart: 3 / d2 and D4 of ranges of two.
LIMIT_IN_MOVING_RANGES = 2.66
LARGEST_MOVING_RANGE = 3.267
# Limits of fewer figures than these change much with each that is added: Making Data Count's least.
FEWEST_FIGURES = 12


@dataclass(frozen=True)
class Limits:
    """The mean of a series and the limits between which its figures vary for no special cause."""

    mean: float
    lower: float
    upper: float

    @property
    def near_lower(self) -> float:
        """Two thirds of the way from the mean to the lower limit."""
        return self.mean - (self.mean - self.lower) * 2 / 3

    @property
    def near_upper(self) -> float:
        """Two thirds of the way from the mean to the upper limit."""
        return self.mean + (self.upper - self.mean) * 2 / 3

    def is_outside(self, figure: float) -> bool:
        """Whether a figure is beyond a limit."""
        return not self.lower <= figure <= self.upper

    def is_near_limit(self, figure: float) -> bool:
        """Whether a figure is in the outer third between mean and limit, and not beyond it."""
        return not self.is_outside(figure) and not self.near_lower <= figure <= self.near_upper

    def find_side(self, figure: float) -> Side | None:
        """Return on which side of the mean a figure is: high or low; None of the mean itself."""
        if figure == self.mean:
            return None
        return "high" if figure > self.mean else "low"


def compute_limits(figures: Sequence[float | None]) -> Limits | None:
    """Return the limits of a series in order of time, in which None is a gap; None where it has no moving range.

    Those of a series that never changes are its figure.
    """
    moving_ranges = list_moving_ranges(figures)
    if not moving_ranges:
        return None
    known = [figure for figure in figures if figure is not None]
    if min(known) == max(known):
        # A mean that is worked out may differ from the figure by what a float cannot hold.
        return Limits(known[0], known[0], known[0])
    mean = fmean(known)
    reach = LIMIT_IN_MOVING_RANGES * compute_mean_moving_range(moving_ranges)
    return Limits(mean, mean - reach, mean + reach)


def list_moving_ranges(figures: Sequence[float | None]) -> list[float]:
    """Return the distances of figures that follow each other; none reaches across a gap."""
    return [abs(after - before) for before, after in pairwise(figures) if before is not None and after is not None]


def compute_mean_moving_range(moving_ranges: Sequence[float]) -> float:
    """Return the mean of moving ranges without the widest; of all of them where without those there are only zeros."""
    mean = fmean(moving_ranges)
    of_usual = fmean(moving_range for moving_range in moving_ranges if moving_range <= LARGEST_MOVING_RANGE * mean)
    return of_usual or mean
