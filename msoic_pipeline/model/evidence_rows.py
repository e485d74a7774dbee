"""Rows of evidence on their way from where something is found to where it is written down.

Their fields are columns of the tables in ``evidence``.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from msoic_pipeline.model.traits import Severity


@dataclass(frozen=True)
class ValidationResult:
    """A finding: a row of ``validation_result`` without the days on which it stood.

    ``release_id`` is empty where the finding is about all of the source's releases.
    """

    source: str
    table_name: str
    check_name: str
    release_id: str
    severity: Severity
    success: bool
    rows_checked: int
    rows_failed: int
    detail: str


@dataclass(frozen=True)
class WithdrawalRow:
    """What a person decided about a release's figures: a row of ``withdrawal``."""

    release_id: str
    decided_at: dt.datetime
    action: str
    decided_by: str
    reason: str
    source: str
    file_name: str


@dataclass(frozen=True)
class QuarantineRow:
    """A row or a whole file that was not loaded, or was treated by a known fault: a row of ``quarantine``.

    ``sheet`` and ``cell`` are empty where it is the whole file; ``release_id`` is None where the file was not
    recognised as a release. ``raw_text`` is withheld for force returns.
    """

    source: str
    file_name: str
    sheet: str
    cell: str
    rule: str
    release_id: str | None
    reason: str
    raw_text: str
    is_declared: bool
    treatment: str
