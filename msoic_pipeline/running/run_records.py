"""What is known of a run from outside: how it was asked for, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# The tags by which Dagster knows over which quarters a run goes.
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class QuarterRange:
    """The quarters over which a run goes, by the first days of the first and of the last (``2021-10-01``)."""

    first: str
    last: str


def make_range_tags(quarters: QuarterRange) -> Mapping[str, str]:
    """Return the tags that make a run one over some quarters."""
    return {RANGE_START: quarters.first, RANGE_END: quarters.last}


@dataclass(frozen=True)
class RequestedRun:
    """A run as it was asked for: quarters by their first days (``2021-10-01``).

    ``is_of_all`` where these are all quarters there are; with ``rebuild`` they are loaded and computed anew though
    nothing that goes in has changed.
    """

    run_id: str
    first_quarter: str
    last_quarter: str
    is_of_all: bool
    rebuild: bool


@dataclass(frozen=True)
class EndedRun:
    """How a run ended: the last line of its summary says it in words."""

    succeeded: bool
    summary: str

    @property
    def last_line(self) -> str:
        """How the run ended, in a sentence."""
        return self.summary.splitlines()[-1]
