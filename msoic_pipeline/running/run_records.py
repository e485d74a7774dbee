"""What is known of a run from outside: how it was asked for, and how it ended."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

# The tags by which Dagster knows over which quarters a run goes, which schedule asked for it, and how often it is tried
# again where it fails.
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
SCHEDULE_TAG = "dagster/schedule_name"
RETRIES_TAG = "dagster/max_retries"


@dataclass(frozen=True)
class QuarterRange:
    """The quarters over which a run goes, by the first days of the first and of the last."""

    first: dt.date
    last: dt.date


def make_range_tags(quarters: QuarterRange) -> Mapping[str, str]:
    """Return the tags that make a run one over some quarters."""
    return {RANGE_START_TAG: quarters.first.isoformat(), RANGE_END_TAG: quarters.last.isoformat()}


@dataclass(frozen=True)
class RequestedRun:
    """A run as it was asked for.

    ``is_of_all`` where its quarters are all that there are; with ``rebuild`` they are loaded and computed anew though
    nothing that goes in has changed.
    """

    run_id: str
    quarters: QuarterRange
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
