"""Whether a figure of sensitive returns is of so few that it would tell what a reporter or two returned.

Whatever shows such figures asks here: the exports, and the words on a report's claims.
"""

from __future__ import annotations

from dataclasses import dataclass

# Of sensitive returns no figure is told that fewer reporters than these made up: of two, each could tell the other's.
FEWEST_REPORTERS = 3


@dataclass(frozen=True)
class CountedReturns:
    """The returns that a figure is of: how many came, how many were due, and how they make it.

    ``over_time`` is ``sum``, or ``last`` for a stock; ``months`` are those of the figure's period, ``months_of_return``
    those of each return.
    """

    received: int
    expected: int
    over_time: str
    months: int
    months_of_return: int

    @property
    def of_a_reporter(self) -> int:
        """How many of the returns may be one reporter's: of a quarter's sum of months three, of a stock the last."""
        return 1 if self.over_time == "last" else self.months // self.months_of_return

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
        return self.over_time == "last" and is_longer and self.received < self.expected


def tells_a_return(returns: CountedReturns) -> bool:
    """Return whether a figure of these returns would tell one of them, or help to tell it.

    Example: a year's stock of 42 of 43 forces does, since the year less its last month is an earlier return of the
    force that is missing; one of 3 of 3 does not. A year's sum of months does as long as no more than 24 came, which
    two forces may have sent.
    """
    return returns.received <= returns.too_few or returns.holds_an_earlier_one
