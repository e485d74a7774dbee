"""What a check of the loaded warehouse says of one table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TableFinding:
    """What one check found in one table of one source: rows looked at, rows that failed, and the words for it.

    ``detail`` does not change from day to day unless what it speaks of does.
    """

    source: str
    table_name: str
    rows_checked: int
    rows_failed: int
    detail: str
