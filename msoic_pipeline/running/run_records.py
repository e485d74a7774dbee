"""What is known of a run from outside: how it was asked for, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass


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
